/*
 * connection.c - see connection.h.
 */
#include "client/connection.h"

#include <stdio.h>

#include "client/channel.h"
#include "server/auth/scheme.h"
#include "storage/base/cursor.h"

enum { READ_BYTES = 256 << 10 };

struct sl_connection {
    struct sl_channel *channel; /* owned */
    uint32_t tag;
    bool is_broken;
    uint32_t cancel_tag; /* of the CANCEL on its way; 0: none */
    uint64_t id;
    char server[64];
    volatile sig_atomic_t *interrupted; /* borrowed; NULL: not watched */
    struct sl_buf out;
    uint8_t *in; /* owned: frames that came, the consumed part at its start */
    size_t in_capacity;
    size_t in_start;
    size_t in_end;
};

bool
sl_connection_is_broken(const struct sl_connection *c)
{
    return c->is_broken;
}

static sl_status
send_all(struct sl_connection *c, struct sl_error *err)
{
    if (c->out.bad)
        return sl_fail(err, SL_LIMIT, "the request is larger than the protocol allows");
    sl_status st = sl_channel_send(c->channel, c->out.bytes, c->out.size_bytes, err);
    sl_buf_clear(&c->out);
    return st;
}

sl_status
sl_connection_send(struct sl_connection *c, struct sl_error *err)
{
    sl_status st = send_all(c, err);
    c->is_broken = c->is_broken || st != SL_OK;
    return st;
}

/* Room for `wanted_bytes` from in_start on. */
static void
make_room(struct sl_connection *c, size_t wanted_bytes)
{
    if (c->in_capacity - c->in_start >= wanted_bytes)
        return;
    if (c->in_start != 0) {
        memmove(c->in, c->in + c->in_start, c->in_end - c->in_start);
        c->in_end -= c->in_start;
        c->in_start = 0;
    }
    if (c->in_capacity < wanted_bytes) {
        c->in_capacity = wanted_bytes;
        c->in = sl_grow(c->in, 1, c->in_capacity);
    }
}

/* The answer to this CANCEL (a DONE of its tag) is dropped in sl_connection_receive. */
static sl_status
cancel_when_interrupted(struct sl_connection *c, struct sl_error *err)
{
    struct sl_wire_cancel cancel = {0};
    if (*c->interrupted == 0)
        return SL_OK;
    *c->interrupted = 0;
    c->cancel_tag = sl_connection_tag(c);
    sl_wire_cancel_encode(&c->out, c->cancel_tag, &cancel);
    return sl_connection_send(c, err);
}

/* Wait for the server, and for the flag. Signals are blocked but for the wait itself: one that comes
 * behind the look at the flag ends the wait. */
static sl_status
wait_watched(struct sl_connection *c, struct sl_error *err)
{
    sigset_t all, before;
    bool is_readable = false;
    sl_status st = SL_OK;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_BLOCK, &all, &before);
    while (st == SL_OK && !is_readable) {
        st = cancel_when_interrupted(c, err);
        is_readable = st == SL_OK && sl_channel_wait(c->channel, &before);
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return st;
}

static sl_status
read_more(struct sl_connection *c, size_t wanted_bytes, struct sl_error *err)
{
    make_room(c, sl_max_size(wanted_bytes, READ_BYTES));
    for (;;) {
        if (c->interrupted != NULL)
            SL_TRY(wait_watched(c, err));
        size_t got_bytes = 0;
        SL_TRY(sl_channel_receive(c->channel, c->in + c->in_end, c->in_capacity - c->in_end,
                                  &got_bytes, err));
        c->in_end += got_bytes;
        if (got_bytes != 0)
            return SL_OK;
    }
}

/* An ERROR frame as the error it carries. */
static sl_status
take_error(const struct sl_wire_frame *frame, struct sl_error *err)
{
    struct sl_wire_error told;
    SL_TRY(sl_wire_error_decode(frame, &told, err));
    if (told.status == SL_OK)
        return sl_fail(err, SL_FORMAT, "sluiced sent an error without a class");
    (void)sl_fail(err, told.status, "%.*s", SL_ERROR_TEXT_BYTES - 1, told.text);
    if (err != NULL)
        err->sql_number = told.sql_number;
    return told.status;
}

static sl_status
read_frame(struct sl_connection *c, struct sl_wire_frame *out_frame, struct sl_error *err)
{
    for (;;) {
        size_t used_bytes = 0;
        size_t wanted_bytes = 0;
        size_t held_bytes = c->in_end - c->in_start;
        SL_TRY(sl_wire_next(c->in + c->in_start, held_bytes, SL_WIRE_FRAME_BYTES_MAX, out_frame,
                            &used_bytes, &wanted_bytes, err));
        if (used_bytes != 0) {
            c->in_start += used_bytes;
            if (c->cancel_tag != 0 && out_frame->tag == c->cancel_tag) {
                c->cancel_tag = 0;
                continue;
            }
            return SL_OK;
        }
        SL_TRY(read_more(c, wanted_bytes, err));
    }
}

sl_status
sl_connection_receive(struct sl_connection *c, struct sl_wire_frame *out_frame,
                      struct sl_error *err)
{
    sl_status st = read_frame(c, out_frame, err);
    if (st == SL_OK)
        return out_frame->type == SL_WIRE_ERROR ? take_error(out_frame, err) : SL_OK;
    c->is_broken = true;
    return st;
}

bool
sl_connection_is_readable(struct sl_connection *c)
{
    struct sl_wire_frame frame;
    size_t used_bytes = 0;
    size_t wanted_bytes = 0;
    if (c->in_end > c->in_start &&
        sl_wire_next(c->in + c->in_start, c->in_end - c->in_start, SL_WIRE_FRAME_BYTES_MAX, &frame,
                     &used_bytes, &wanted_bytes, NULL) == SL_OK &&
        used_bytes != 0)
        return true;
    return sl_channel_is_readable(c->channel);
}

sl_status
sl_connection_expect(struct sl_connection *c, enum sl_wire_type type,
                     struct sl_wire_frame *out_frame, struct sl_error *err)
{
    SL_TRY(sl_connection_receive(c, out_frame, err));
    if (out_frame->type == type)
        return SL_OK;
    c->is_broken = true;
    return sl_fail(err, SL_FORMAT, "sluiced answered %s where %s was expected",
                   sl_wire_type_name(out_frame->type), sl_wire_type_name(type));
}

/* ---- login ---- */

static sl_status
send_auth(struct sl_connection *c, const struct sl_credentials *credentials, const char *mechanism,
          struct sl_slice response, struct sl_error *err)
{
    struct sl_wire_auth auth = {
        .user = credentials->user, .mechanism = mechanism, .response = response};
    sl_wire_auth_encode(&c->out, sl_connection_tag(c), &auth);
    return sl_connection_send(c, err);
}

/* The salt and the iterations of AUTH_MORE. */
static sl_status
take_salt(const struct sl_wire_frame *frame, struct sl_arena *arena, struct sl_exchange *exchange,
          struct sl_error *err)
{
    const char *mechanism = NULL;
    struct sl_slice message = {0};
    SL_TRY(sl_wire_auth_more_decode(frame, arena, &mechanism, &message, err));
    if (strcmp(mechanism, SL_SCHEME_SLUICE) != 0 || message.size_bytes != SL_SALT_BYTES + 4)
        return sl_fail(err, SL_FORMAT, "sluiced asks for a proof that this client does not know");
    memcpy(exchange->salt, message.bytes, SL_SALT_BYTES);
    exchange->iterations = (uint32_t)sl_read_le(message.bytes + SL_SALT_BYTES, 4);
    if (exchange->iterations < SL_ITERATIONS_MIN || exchange->iterations > SL_ITERATIONS_MAX)
        return sl_fail(err, SL_FORMAT, "sluiced asks for %" PRIu32 " iterations",
                       exchange->iterations);
    return SL_OK;
}

static sl_status
prove(struct sl_connection *c, const struct sl_credentials *credentials,
      const struct sl_wire_welcome *welcome, struct sl_arena *arena, struct sl_error *err)
{
    struct sl_wire_frame frame;
    struct sl_exchange exchange;
    uint8_t proof[SL_SHA256_BYTES];
    if (credentials->password == NULL)
        return sl_fail(err, SL_DENIED,
                       "sluiced asks for the password of user \"%.80s\": set SLUICE_PASSWORD, or "
                       "give --user and --password-file",
                       credentials->user);
    memcpy(exchange.challenge, welcome->challenge, SL_CHALLENGE_BYTES);
    sl_random_bytes(exchange.nonce, SL_NONCE_BYTES);
    SL_TRY(send_auth(c, credentials, SL_SCHEME_SLUICE,
                     (struct sl_slice){exchange.nonce, SL_NONCE_BYTES}, err));
    SL_TRY(sl_connection_expect(c, SL_WIRE_AUTH_MORE, &frame, err));
    SL_TRY(take_salt(&frame, arena, &exchange, err));
    sl_proof_make(credentials->password, &exchange, proof);
    sl_wire_auth_answer_encode(&c->out, sl_connection_tag(c),
                               (struct sl_slice){proof, sizeof(proof)});
    return sl_connection_send(c, err);
}

static sl_status
shake_hands(struct sl_connection *c, const struct sl_credentials *credentials,
            struct sl_arena *arena, struct sl_error *err)
{
    struct sl_wire_frame frame;
    struct sl_wire_welcome welcome;
    struct sl_wire_hello hello = {.version_min = SL_WIRE_VERSION,
                                  .version_max = SL_WIRE_VERSION,
                                  .features = SL_WIRE_FEATURE_INSERT | SL_WIRE_FEATURE_PROGRESS,
                                  .client = "libsluice 0.1.0"};
    sl_wire_hello_encode(&c->out, sl_connection_tag(c), &hello);
    SL_TRY(sl_connection_send(c, err));
    SL_TRY(sl_connection_expect(c, SL_WIRE_WELCOME, &frame, err));
    SL_TRY(sl_wire_welcome_decode(&frame, arena, &welcome, err));
    c->id = welcome.connection_id;
    (void)snprintf(c->server, sizeof(c->server), "%.63s", welcome.server);

    const struct sl_slice nothing = {.bytes = (const uint8_t *)"", .size_bytes = 0};
    if (strstr(welcome.mechanisms, SL_SCHEME_SLUICE) != NULL)
        SL_TRY(prove(c, credentials, &welcome, arena, err));
    else
        SL_TRY(send_auth(c, credentials, SL_SCHEME_NONE, nothing, err));
    return sl_connection_expect(c, SL_WIRE_AUTH_OK, &frame, err);
}

sl_status
sl_connection_open(const char *address, const struct sl_credentials *credentials,
                   struct sl_connection **out_connection, struct sl_error *err)
{
    struct sl_channel *channel = NULL;
    *out_connection = NULL;
    SL_TRY(sl_channel_open(address, credentials->trust, &channel, err));
    struct sl_connection *c = sl_new(sizeof(*c));
    c->channel = channel;
    c->out = sl_buf_empty(SL_WIRE_FRAME_BYTES_MAX + SL_WIRE_HEADER_BYTES);
    struct sl_arena *arena = sl_arena_create(SL_WIRE_SMALL_BYTES_MAX);
    sl_status st = shake_hands(c, credentials, arena, err);
    sl_arena_destroy(arena);
    if (st != SL_OK) {
        sl_connection_close(c);
        /* What sluiced itself refuses has another class and is told as it is. */
        if (st == SL_IO || st == SL_FORMAT || st == SL_TIMEOUT)
            sl_error_prefix(err, "%.80s does not answer as sluiced does (is it the native port?)",
                            address == NULL ? "127.0.0.1:7010" : address);
        return st;
    }
    sl_channel_be_patient(channel);
    *out_connection = c;
    return SL_OK;
}

void
sl_connection_close(struct sl_connection *c)
{
    if (c == NULL)
        return;
    sl_channel_close(c->channel);
    sl_buf_fini(&c->out);
    free(c->in);
    free(c);
}

void
sl_connection_watch(struct sl_connection *c, volatile sig_atomic_t *interrupted)
{
    c->interrupted = interrupted;
}

uint64_t
sl_connection_id(const struct sl_connection *c)
{
    return c->id;
}

const char *
sl_connection_server(const struct sl_connection *c)
{
    return c->server;
}

struct sl_buf *
sl_connection_out(struct sl_connection *c)
{
    return &c->out;
}

uint32_t
sl_connection_tag(struct sl_connection *c)
{
    c->tag = c->tag == UINT32_MAX ? 1 : c->tag + 1;
    return c->tag;
}

sl_status
sl_connection_cancel(const char *address, const struct sl_credentials *credentials,
                     uint64_t connection_id, struct sl_error *err)
{
    struct sl_connection *c = NULL;
    struct sl_wire_frame frame;
    SL_TRY(sl_connection_open(address, credentials, &c, err));
    struct sl_wire_cancel cancel = {.connection_id = connection_id};
    sl_wire_cancel_encode(&c->out, sl_connection_tag(c), &cancel);
    sl_status st = sl_connection_send(c, err);
    if (st == SL_OK)
        st = sl_connection_expect(c, SL_WIRE_DONE, &frame, err);
    sl_connection_close(c);
    return st;
}
