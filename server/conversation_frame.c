/*
 * conversation_frame.c - frames of a peer, by the state of its conversation.
 */
#include "server/conversation_parts.h"

enum { HANDSHAKE_ARENA_BYTES = 64 << 10 };

static const uint64_t features = SL_WIRE_FEATURE_INSERT | SL_WIRE_FEATURE_PREPARE |
                                 SL_WIRE_FEATURE_LOCAL_FILE | SL_WIRE_FEATURE_PROGRESS;

static sl_status
take_hello(struct sl_conversation *c, const struct sl_wire_frame *frame, struct sl_arena *arena,
           struct sl_error *err)
{
    struct sl_wire_hello hello;
    if (frame->type != SL_WIRE_HELLO)
        return sl_fail(err, SL_FORMAT, "%s before HELLO", sl_wire_type_name(frame->type));
    SL_TRY(sl_wire_hello_decode(frame, arena, &hello, err));
    if (c->needs_tls && !c->is_secure)
        return sl_fail(err, SL_DENIED,
                       "clients of other machines speak TLS with this server (sluice --tls)");
    if (hello.version_min > SL_WIRE_VERSION || hello.version_max < SL_WIRE_VERSION)
        return sl_fail(
            err, SL_VERSION, "this server speaks version %d of the protocol, the client %u to %u",
            (int)SL_WIRE_VERSION, (unsigned)hello.version_min, (unsigned)hello.version_max);

    struct sl_wire_welcome welcome = {
        .version = SL_WIRE_VERSION,
        .features = features,
        .connection_id = sl_entry_id(c->entry),
        .server = "sluiced " SL_SERVER_VERSION,
        .mechanisms = sl_login_mechanisms(&c->login),
    };
    memcpy(welcome.challenge, c->login.challenge, sizeof(welcome.challenge));
    struct sl_buf out = sl_buf_empty(SL_CONVERSATION_SMALL_BYTES);
    sl_wire_welcome_encode(&out, frame->tag, &welcome);
    sl_conversation_send(c, &out);
    sl_buf_fini(&out);
    c->features = hello.features & features;
    c->state = SL_CONVERSATION_AUTH;
    return SL_OK;
}

static sl_status
take_auth(struct sl_conversation *c, const struct sl_wire_frame *frame, struct sl_arena *arena,
          struct sl_error *err)
{
    struct sl_buf out = sl_buf_empty(SL_CONVERSATION_SMALL_BYTES);
    sl_status st = sl_login_take(&c->login, frame, arena, &out, err);
    if (st == SL_OK)
        sl_conversation_send(c, &out);
    sl_buf_fini(&out);
    if (!c->login.is_done)
        return st;
    sl_entry_set_user(c->entry, c->login.user);
    c->state = SL_CONVERSATION_READY;
    sl_timer_close(c->handshake);
    c->handshake = NULL;
    return SL_OK;
}

static sl_status
take_cancel(struct sl_conversation *c, const struct sl_wire_frame *frame, enum sl_role role,
            struct sl_error *err)
{
    struct sl_wire_cancel cancel;
    struct sl_error why = {0};
    SL_TRY(sl_wire_cancel_decode(frame, &cancel, err));
    uint64_t id = cancel.connection_id == 0 ? sl_entry_id(c->entry) : cancel.connection_id;
    bool is_whole = (cancel.flags & SL_WIRE_CANCEL_CONNECTION) != 0;
    const char *user = role == SL_ROLE_ADMIN ? NULL : c->login.user;
    if (sl_registry_kill(c->service->registry, id, is_whole, user, &why) == SL_OK)
        sl_conversation_send_done(c, frame->tag);
    else
        sl_conversation_send_error(c, frame->tag, &why);
    return SL_OK;
}

static sl_status
take_ping(struct sl_conversation *c, const struct sl_wire_frame *frame, struct sl_error *err)
{
    uint64_t number = 0;
    SL_TRY(sl_wire_ping_decode(frame, &number, err));
    struct sl_buf out = sl_buf_empty(SL_CONVERSATION_SMALL_BYTES);
    sl_wire_ping_encode(&out, SL_WIRE_PONG, frame->tag, number);
    sl_conversation_send(c, &out);
    sl_buf_fini(&out);
    return SL_OK;
}

static sl_status
take_close(struct sl_conversation *c, const struct sl_wire_frame *frame, struct sl_error *err)
{
    uint32_t id = 0;
    SL_TRY(sl_wire_statement_decode(frame, &id, err));
    if (c->request != NULL)
        return sl_fail(err, SL_FORMAT, "one request at a time: CLOSE came while another runs");
    sl_statements_remove(&c->statements, id);
    sl_conversation_send_done(c, frame->tag);
    return SL_OK;
}

/* While a producer opens the lane is that of the one before, which has nothing on its way. */
static sl_status
take_insert(struct sl_conversation *c, const struct sl_wire_frame *frame, bool *out_is_taken,
            struct sl_error *err)
{
    bool is_full = false;
    if (c->request != NULL && c->request->type == SL_WIRE_INSERT_OPEN)
        return sl_fail(err, SL_FORMAT, "INSERT before INSERT_READY");
    sl_status st = sl_lane_take(&c->lane, frame, &is_full, err);
    *out_is_taken = !is_full;
    c->is_starved = is_full;
    return is_full ? SL_OK : st;
}

/* FILE_DATA, FILE_END: for the request that asked, as it wants it. What comes behind its failure is
 * dropped up to the end, which a client cannot take back. */
static sl_status
take_file(struct sl_conversation *c, const struct sl_wire_frame *frame, bool *out_is_taken,
          struct sl_error *err)
{
    struct sl_request *r = c->request;
    if (!c->is_file_open)
        return sl_fail(err, SL_FORMAT, "%s that nobody asked for", sl_wire_type_name(frame->type));
    bool is_wanted = r != NULL && r->tag == frame->tag;
    if (is_wanted && (c->is_stepping || !r->wants_input)) {
        c->is_file_waiting = true;
        *out_is_taken = false;
        return SL_OK;
    }
    c->is_file_open = frame->type != SL_WIRE_FILE_END;
    if (!is_wanted)
        return SL_OK;
    SL_TRY(sl_request_take_file(r, frame, err));
    if (!r->wants_input)
        sl_conversation_step(c);
    return SL_OK;
}

/* What a role must at least be to send a frame. */
static enum sl_role
role_for(enum sl_wire_type type)
{
    switch (type) {
    case SL_WIRE_INSERT_OPEN:
    case SL_WIRE_INSERT:
    case SL_WIRE_IMPORT:
    case SL_WIRE_FLUSH:
        return SL_ROLE_WRITER;
    default:
        return SL_ROLE_READER; /* statements and USER are looked into later */
    }
}

/* The feature that a frame belongs to must be named by both sides. */
static uint64_t
feature_of(enum sl_wire_type type)
{
    switch (type) {
    case SL_WIRE_INSERT_OPEN:
    case SL_WIRE_INSERT:
    case SL_WIRE_IMPORT:
        return SL_WIRE_FEATURE_INSERT;
    case SL_WIRE_PREPARE:
    case SL_WIRE_DESCRIBE:
    case SL_WIRE_EXECUTE:
    case SL_WIRE_CLOSE:
        return SL_WIRE_FEATURE_PREPARE;
    case SL_WIRE_FILE_DATA:
    case SL_WIRE_FILE_END:
        return SL_WIRE_FEATURE_LOCAL_FILE;
    default:
        return 0;
    }
}

/* *out_is_taken false: offer the frame again later. */
static sl_status
take_ready(struct sl_conversation *c, const struct sl_wire_frame *frame, bool *out_is_taken,
           struct sl_error *err)
{
    enum sl_role role = SL_ROLE_READER;
    struct sl_error refusal = {0};
    if ((feature_of(frame->type) & ~c->features) != 0)
        return sl_fail(err, SL_FORMAT, "%s is of a feature that HELLO did not name",
                       sl_wire_type_name(frame->type));
    if (sl_login_role(&c->login, &role, &refusal) != SL_OK) {
        sl_conversation_refuse(c, frame->tag, &refusal);
        return SL_OK;
    }
    if (role < role_for(frame->type)) {
        (void)sl_fail(&refusal, SL_DENIED, "%s: the role of user \"%.80s\" is %s",
                      sl_wire_type_name(frame->type), c->login.user, sl_role_name(role));
        refusal.sql_number = 1142; /* ER_TABLEACCESS_DENIED_ERROR */
        sl_conversation_send_error(c, frame->tag, &refusal);
        return SL_OK;
    }
    switch (frame->type) {
    case SL_WIRE_QUERY:
    case SL_WIRE_PREPARE:
    case SL_WIRE_DESCRIBE:
    case SL_WIRE_EXECUTE:
    case SL_WIRE_INSERT_OPEN:
    case SL_WIRE_IMPORT:
    case SL_WIRE_FLUSH:
    case SL_WIRE_STATUS:
    case SL_WIRE_USER:
        return sl_conversation_take_request(c, frame, role, err);
    case SL_WIRE_INSERT:
        return take_insert(c, frame, out_is_taken, err);
    case SL_WIRE_FILE_DATA:
    case SL_WIRE_FILE_END:
        return take_file(c, frame, out_is_taken, err);
    case SL_WIRE_CANCEL:
        return take_cancel(c, frame, role, err);
    case SL_WIRE_PING:
        return take_ping(c, frame, err);
    case SL_WIRE_CLOSE:
        return take_close(c, frame, err);
    default:
        return sl_fail(err, SL_FORMAT, "%s is out of order here", sl_wire_type_name(frame->type));
    }
}

sl_status
sl_conversation_take_frame(struct sl_conversation *c, const struct sl_wire_frame *frame,
                           bool *out_is_taken, struct sl_error *err)
{
    sl_status st = SL_OK;
    *out_is_taken = true;
    switch (c->state) {
    case SL_CONVERSATION_HELLO:
    case SL_CONVERSATION_AUTH: {
        struct sl_arena *arena = sl_arena_create(HANDSHAKE_ARENA_BYTES);
        st = c->state == SL_CONVERSATION_HELLO ? take_hello(c, frame, arena, err)
                                               : take_auth(c, frame, arena, err);
        sl_arena_destroy(arena);
        return st;
    }
    case SL_CONVERSATION_READY:
        return take_ready(c, frame, out_is_taken, err);
    case SL_CONVERSATION_FINISHING:
        break;
    }
    return SL_OK;
}
