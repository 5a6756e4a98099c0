/*
 * wire.c - handshake, errors, cancel and the small frames: see wire.h and server/PROTOCOL.md.
 */
#include "server/wire/wire.h"

#include "server/wire/part.h"

enum { MAGIC_BYTES = 8, SQL_STATE_BYTES = 5 };
static const uint8_t magic[MAGIC_BYTES] = {'S', 'L', 'U', 'I', 'C', 'E', '\r', '\n'};

void
sl_wire_empty_encode(struct sl_buf *out, enum sl_wire_type type, uint32_t tag)
{
    sl_part_end(out, sl_part_begin(out, type, tag));
}

sl_status
sl_wire_empty_decode(const struct sl_wire_frame *frame, struct sl_error *err)
{
    struct sl_part_reader r = sl_part_open(frame, frame->type, NULL);
    return sl_part_finish(&r, err);
}

/* ---- handshake ---- */

void
sl_wire_hello_encode(struct sl_buf *out, uint32_t tag, const struct sl_wire_hello *hello)
{
    size_t at = sl_part_begin(out, SL_WIRE_HELLO, tag);
    sl_buf_append(out, magic, sizeof(magic));
    sl_buf_u16le(out, hello->version_min);
    sl_buf_u16le(out, hello->version_max);
    sl_buf_u64le(out, hello->features);
    sl_part_put_text(out, hello->client);
    sl_part_end(out, at);
}

sl_status
sl_wire_hello_decode(const struct sl_wire_frame *frame, struct sl_arena *arena,
                     struct sl_wire_hello *out_hello, struct sl_error *err)
{
    struct sl_part_reader r = sl_part_open(frame, SL_WIRE_HELLO, arena);
    *out_hello = (struct sl_wire_hello){.client = ""};
    const uint8_t *start = sl_cursor_take(&r.cursor, MAGIC_BYTES);
    if (start == NULL || memcmp(start, magic, MAGIC_BYTES) != 0)
        sl_part_refuse(&r, "the magic is missing");
    out_hello->version_min = sl_cursor_u16le(&r.cursor);
    out_hello->version_max = sl_cursor_u16le(&r.cursor);
    out_hello->features = sl_cursor_u64le(&r.cursor);
    out_hello->client = sl_part_text(&r, SL_WIRE_NAME_BYTES_MAX);
    if (out_hello->version_min > out_hello->version_max)
        sl_part_refuse(&r, "its lowest version is above its highest");
    return sl_part_finish(&r, err);
}

void
sl_wire_welcome_encode(struct sl_buf *out, uint32_t tag, const struct sl_wire_welcome *welcome)
{
    size_t at = sl_part_begin(out, SL_WIRE_WELCOME, tag);
    sl_buf_u16le(out, welcome->version);
    sl_buf_u64le(out, welcome->features);
    sl_buf_u64le(out, welcome->connection_id);
    sl_part_put_text(out, welcome->server);
    sl_buf_append(out, welcome->challenge, sizeof(welcome->challenge));
    sl_part_put_text(out, welcome->mechanisms);
    sl_part_end(out, at);
}

sl_status
sl_wire_welcome_decode(const struct sl_wire_frame *frame, struct sl_arena *arena,
                       struct sl_wire_welcome *out_welcome, struct sl_error *err)
{
    struct sl_part_reader r = sl_part_open(frame, SL_WIRE_WELCOME, arena);
    *out_welcome = (struct sl_wire_welcome){.version = sl_cursor_u16le(&r.cursor)};
    out_welcome->features = sl_cursor_u64le(&r.cursor);
    out_welcome->connection_id = sl_cursor_u64le(&r.cursor);
    out_welcome->server = sl_part_text(&r, SL_WIRE_NAME_BYTES_MAX);
    const uint8_t *challenge = sl_cursor_take(&r.cursor, SL_WIRE_CHALLENGE_BYTES);
    if (challenge != NULL)
        memcpy(out_welcome->challenge, challenge, SL_WIRE_CHALLENGE_BYTES);
    out_welcome->mechanisms = sl_part_text(&r, SL_WIRE_NAME_BYTES_MAX);
    return sl_part_finish(&r, err);
}

void
sl_wire_auth_encode(struct sl_buf *out, uint32_t tag, const struct sl_wire_auth *auth)
{
    size_t at = sl_part_begin(out, SL_WIRE_AUTH, tag);
    sl_part_put_text(out, auth->user);
    sl_part_put_text(out, auth->mechanism);
    sl_part_put_bytes(out, auth->response.bytes, auth->response.size_bytes);
    sl_part_end(out, at);
}

sl_status
sl_wire_auth_decode(const struct sl_wire_frame *frame, struct sl_arena *arena,
                    struct sl_wire_auth *out_auth, struct sl_error *err)
{
    struct sl_part_reader r = sl_part_open(frame, SL_WIRE_AUTH, arena);
    out_auth->user = sl_part_text(&r, SL_WIRE_NAME_BYTES_MAX);
    out_auth->mechanism = sl_part_text(&r, SL_WIRE_NAME_BYTES_MAX);
    out_auth->response = sl_part_bytes(&r, SL_WIRE_AUTH_BYTES_MAX);
    return sl_part_finish(&r, err);
}

void
sl_wire_auth_more_encode(struct sl_buf *out, uint32_t tag, const char *mechanism,
                         struct sl_slice challenge)
{
    size_t at = sl_part_begin(out, SL_WIRE_AUTH_MORE, tag);
    sl_part_put_text(out, mechanism);
    sl_part_put_bytes(out, challenge.bytes, challenge.size_bytes);
    sl_part_end(out, at);
}

sl_status
sl_wire_auth_more_decode(const struct sl_wire_frame *frame, struct sl_arena *arena,
                         const char **out_mechanism, struct sl_slice *out_challenge,
                         struct sl_error *err)
{
    struct sl_part_reader r = sl_part_open(frame, SL_WIRE_AUTH_MORE, arena);
    *out_mechanism = sl_part_text(&r, SL_WIRE_NAME_BYTES_MAX);
    *out_challenge = sl_part_bytes(&r, SL_WIRE_AUTH_BYTES_MAX);
    return sl_part_finish(&r, err);
}

void
sl_wire_auth_answer_encode(struct sl_buf *out, uint32_t tag, struct sl_slice response)
{
    size_t at = sl_part_begin(out, SL_WIRE_AUTH_ANSWER, tag);
    sl_part_put_bytes(out, response.bytes, response.size_bytes);
    sl_part_end(out, at);
}

sl_status
sl_wire_auth_answer_decode(const struct sl_wire_frame *frame, struct sl_slice *out_response,
                           struct sl_error *err)
{
    struct sl_part_reader r = sl_part_open(frame, SL_WIRE_AUTH_ANSWER, NULL);
    *out_response = sl_part_bytes(&r, SL_WIRE_AUTH_BYTES_MAX);
    return sl_part_finish(&r, err);
}

void
sl_wire_auth_ok_encode(struct sl_buf *out, uint32_t tag, const struct sl_wire_auth_ok *ok)
{
    size_t at = sl_part_begin(out, SL_WIRE_AUTH_OK, tag);
    sl_part_put_text(out, ok->user);
    sl_part_put_text(out, ok->role);
    sl_part_end(out, at);
}

sl_status
sl_wire_auth_ok_decode(const struct sl_wire_frame *frame, struct sl_arena *arena,
                       struct sl_wire_auth_ok *out_ok, struct sl_error *err)
{
    struct sl_part_reader r = sl_part_open(frame, SL_WIRE_AUTH_OK, arena);
    out_ok->user = sl_part_text(&r, SL_WIRE_NAME_BYTES_MAX);
    out_ok->role = sl_part_text(&r, SL_WIRE_NAME_BYTES_MAX);
    return sl_part_finish(&r, err);
}

void
sl_wire_user_encode(struct sl_buf *out, uint32_t tag, const struct sl_wire_user *user)
{
    size_t at = sl_part_begin(out, SL_WIRE_USER, tag);
    sl_buf_u8(out, (uint8_t)user->verb);
    sl_part_put_text(out, user->name);
    sl_part_put_text(out, user->role);
    sl_part_put_bytes(out, user->verifier.bytes, user->verifier.size_bytes);
    sl_part_end(out, at);
}

sl_status
sl_wire_user_decode(const struct sl_wire_frame *frame, struct sl_arena *arena,
                    struct sl_wire_user *out_user, struct sl_error *err)
{
    struct sl_part_reader r = sl_part_open(frame, SL_WIRE_USER, arena);
    uint8_t verb = sl_cursor_u8(&r.cursor);
    if (verb < SL_WIRE_USER_ADD || verb > SL_WIRE_USER_LIST)
        sl_part_refuse(&r, "an unknown verb");
    out_user->verb = (enum sl_wire_user_verb)verb;
    out_user->name = sl_part_text(&r, SL_WIRE_NAME_BYTES_MAX);
    out_user->role = sl_part_text(&r, SL_WIRE_NAME_BYTES_MAX);
    out_user->verifier = sl_part_bytes(&r, SL_WIRE_AUTH_BYTES_MAX);
    return sl_part_finish(&r, err);
}

/* ---- errors ---- */

/* MySQL's number where the error itself names none. */
static uint16_t
number_of_status(sl_status status)
{
    switch (status) {
    case SL_SYNTAX:
        return 1064; /* ER_PARSE_ERROR */
    case SL_NAME:
        return 1054; /* ER_BAD_FIELD_ERROR */
    case SL_MISSING:
        return 1094; /* ER_NO_SUCH_THREAD */
    case SL_CANCELLED:
        return 1317; /* ER_QUERY_INTERRUPTED */
    case SL_TIMEOUT:
        return 3024; /* ER_QUERY_TIMEOUT */
    case SL_UNSUPPORTED:
        return 1235; /* ER_NOT_SUPPORTED_YET */
    case SL_DENIED:
        return 1045; /* ER_ACCESS_DENIED_ERROR */
    case SL_READONLY:
        return 1290; /* ER_OPTION_PREVENTS_STATEMENT */
    case SL_LIMIT:
        return 1041; /* ER_OUT_OF_RESOURCES */
    case SL_OK:
    case SL_IO:
    case SL_CORRUPT:
    case SL_FORMAT:
    case SL_VERSION:
    case SL_EXISTS:
    case SL_FENCED:
    case SL_TYPE:
        break;
    }
    return 1105; /* ER_UNKNOWN_ERROR */
}

/* The states of the numbers that sluice sends; all others are general errors. */
static const char *
sql_state_of(uint16_t number)
{
    static const struct {
        uint16_t number;
        char state[SQL_STATE_BYTES + 1];
    } states[] = {
        {1044, "42000"}, {1045, "28000"}, {1046, "3D000"}, {1047, "08S01"}, {1049, "42000"},
        {1050, "42S01"}, {1051, "42S02"}, {1052, "23000"}, {1054, "42S22"}, {1055, "42000"},
        {1056, "42000"}, {1060, "42S21"}, {1064, "42000"}, {1065, "42000"}, {1066, "42000"},
        {1083, "42000"}, {1109, "42S02"}, {1110, "42000"}, {1111, "HY000"}, {1113, "42000"},
        {1136, "21S01"}, {1140, "42000"}, {1141, "42000"}, {1142, "42000"}, {1146, "42S02"},
        {1166, "42000"}, {1193, "HY000"}, {1210, "HY000"}, {1222, "21000"}, {1235, "42000"},
        {1241, "21000"}, {1242, "21000"}, {1243, "HY000"}, {1248, "42000"}, {1264, "22003"},
        {1292, "22007"}, {1305, "42000"}, {1317, "70100"}, {1365, "22012"}, {1426, "42000"},
        {1582, "42000"}, {1583, "42000"}, {1584, "42000"}, {1690, "22003"},
    };
    for (size_t i = 0; i < SL_COUNTOF(states); i++)
        if (states[i].number == number)
            return states[i].state;
    return "HY000";
}

uint16_t
sl_wire_error_number(const struct sl_error *error)
{
    return error->sql_number != 0 ? error->sql_number : number_of_status(error->status);
}

const char *
sl_wire_error_story(const struct sl_error *error)
{
    return error->text[0] != '\0' ? error->text : sl_status_text(error->status);
}

void
sl_wire_error_encode(struct sl_buf *out, uint32_t tag, const struct sl_error *error)
{
    uint16_t number = sl_wire_error_number(error);
    size_t at = sl_part_begin(out, SL_WIRE_ERROR, tag);
    sl_buf_u16le(out, (uint16_t)error->status);
    sl_buf_u16le(out, number);
    sl_buf_append(out, sql_state_of(number), SQL_STATE_BYTES);
    sl_part_put_text(out, sl_wire_error_story(error));
    sl_part_end(out, at);
}

static bool
is_status(uint16_t number)
{
    switch ((sl_status)number) {
#define X(name, value, text) case SL_##name:
        SL_STATUS_LIST(X)
#undef X
        return true;
    }
    return false;
}

sl_status
sl_wire_error_decode(const struct sl_wire_frame *frame, struct sl_wire_error *out_error,
                     struct sl_error *err)
{
    struct sl_part_reader r = sl_part_open(frame, SL_WIRE_ERROR, NULL);
    *out_error = (struct sl_wire_error){.status = SL_FORMAT};
    uint16_t status = sl_cursor_u16le(&r.cursor);
    out_error->sql_number = sl_cursor_u16le(&r.cursor);
    const uint8_t *state = sl_cursor_take(&r.cursor, SQL_STATE_BYTES);
    struct sl_slice text = sl_part_bytes(&r, SL_WIRE_ERROR_TEXT_BYTES_MAX);
    if (status == SL_OK || !is_status(status))
        sl_part_refuse(&r, "an unknown status");
    SL_TRY(sl_part_finish(&r, err));

    out_error->status = (sl_status)status;
    memcpy(out_error->sql_state, state, SQL_STATE_BYTES);
    if (text.size_bytes != 0)
        memcpy(out_error->text, text.bytes, text.size_bytes);
    return SL_OK;
}

/* ---- cancel, flush, status, ping ---- */

void
sl_wire_cancel_encode(struct sl_buf *out, uint32_t tag, const struct sl_wire_cancel *cancel)
{
    size_t at = sl_part_begin(out, SL_WIRE_CANCEL, tag);
    sl_buf_u64le(out, cancel->connection_id);
    sl_buf_u32le(out, cancel->flags);
    sl_part_end(out, at);
}

sl_status
sl_wire_cancel_decode(const struct sl_wire_frame *frame, struct sl_wire_cancel *out_cancel,
                      struct sl_error *err)
{
    struct sl_part_reader r = sl_part_open(frame, SL_WIRE_CANCEL, NULL);
    out_cancel->connection_id = sl_cursor_u64le(&r.cursor);
    out_cancel->flags = sl_part_flags(&r, SL_WIRE_CANCEL_CONNECTION);
    return sl_part_finish(&r, err);
}

void
sl_wire_flush_encode(struct sl_buf *out, uint32_t tag, uint32_t flags)
{
    size_t at = sl_part_begin(out, SL_WIRE_FLUSH, tag);
    sl_buf_u32le(out, flags);
    sl_part_end(out, at);
}

sl_status
sl_wire_flush_decode(const struct sl_wire_frame *frame, uint32_t *out_flags, struct sl_error *err)
{
    struct sl_part_reader r = sl_part_open(frame, SL_WIRE_FLUSH, NULL);
    *out_flags = sl_part_flags(&r, SL_WIRE_FLUSH_MERGE);
    return sl_part_finish(&r, err);
}

void
sl_wire_status_text_encode(struct sl_buf *out, uint32_t tag, struct sl_slice text)
{
    size_t at = sl_part_begin(out, SL_WIRE_STATUS_TEXT, tag);
    sl_buf_append(out, text.bytes, text.size_bytes);
    sl_part_end(out, at);
}

void
sl_wire_ping_encode(struct sl_buf *out, enum sl_wire_type type, uint32_t tag, uint64_t number)
{
    SL_ASSERT(type == SL_WIRE_PING || type == SL_WIRE_PONG);
    size_t at = sl_part_begin(out, type, tag);
    sl_buf_u64le(out, number);
    sl_part_end(out, at);
}

sl_status
sl_wire_ping_decode(const struct sl_wire_frame *frame, uint64_t *out_number, struct sl_error *err)
{
    struct sl_part_reader r = sl_part_open(frame, frame->type, NULL);
    *out_number = sl_cursor_u64le(&r.cursor);
    return sl_part_finish(&r, err);
}
