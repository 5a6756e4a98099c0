/*
 * file.c - LOAD DATA LOCAL INFILE: the server asks for a file, the client sends it; see session.h.
 *
 *   FILE_WANTED        ->  0xfb and the name
 *   packets            <-  FILE_DATA, while the link takes them
 *   an empty packet    <-  FILE_END
 *
 * A client cannot be stopped in the middle of its file, nor hears anything before its end: so an
 * error of the server waits until then, and what comes meanwhile is dropped.
 */
#include "client/mysql/session.h"

enum {
    FILE_ARENA_BYTES = 16 << 10,
    LINK_BYTES_HIGH = 4 << 20, /* the client waits while more waits for the server */
};

static void
end_file(struct sl_mysql_session *s, const char *reason)
{
    struct sl_buf out = sl_buf_empty(SL_WIRE_SMALL_BYTES_MAX);
    sl_wire_file_end_encode(&out, s->tag, reason);
    (void)sl_session_request(s, &out); /* true: a reason of ours is short */
    sl_buf_fini(&out);
}

void
sl_session_want_file(struct sl_mysql_session *s, const struct sl_wire_frame *frame)
{
    struct sl_arena *arena = sl_arena_create(FILE_ARENA_BYTES);
    struct sl_buf out = sl_buf_empty(SL_WIRE_SMALL_BYTES_MAX);
    const char *name = NULL;
    bool is_understood = sl_wire_file_wanted_decode(frame, arena, &name, NULL) == SL_OK;
    bool is_able = (s->login.capabilities & SL_CAP_LOCAL_FILES) != 0;
    if (s->state != SL_SESSION_RUNNING || !is_understood) {
        sl_session_finish(s, SL_ER_UNKNOWN, "The server's answer was not understood");
    } else if (!is_able) {
        end_file(s, "it was started without its option for local files");
    } else {
        size_t start = sl_packet_begin(&out);
        sl_buf_u8(&out, 0xfb);
        sl_buf_text(&out, name);
        sl_packet_end(&out, start, &s->sequence);
        s->failure = (struct sl_wire_error){0};
        if (sl_session_send(s, &out))
            sl_session_listen(s, SL_SESSION_SENDING);
    }
    sl_buf_fini(&out);
    sl_arena_destroy(arena);
}

/* A message may be longer than a frame of the link. */
static void
send_piece(struct sl_mysql_session *s, const uint8_t *bytes, size_t size_bytes)
{
    while (size_bytes != 0) {
        size_t piece_bytes = sl_min_size(size_bytes, SL_WIRE_META_BYTES_MAX);
        struct sl_buf out = sl_buf_empty(SL_WIRE_META_BYTES_MAX + SL_WIRE_HEADER_BYTES);
        sl_wire_file_data_encode(
            &out, s->tag, (struct sl_slice){.bytes = bytes, .size_bytes = (uint32_t)piece_bytes});
        (void)sl_session_request(s, &out); /* true: it fits */
        sl_buf_fini(&out);
        bytes += piece_bytes;
        size_bytes -= piece_bytes;
    }
}

void
sl_session_take_file(struct sl_mysql_session *s, const struct sl_packet *packet)
{
    bool has_failed = s->failure.status != SL_OK;
    if (packet->payload_bytes == 0) {
        s->state = SL_SESSION_RUNNING;
        end_file(s, "");
        if (has_failed)
            sl_session_fail(s, &s->failure);
        return;
    }
    if (has_failed)
        return;
    send_piece(s, packet->payload, packet->payload_bytes);
    if (sl_link_queued_bytes(s->link) > LINK_BYTES_HIGH && !s->is_paused) {
        s->is_paused = true;
        sl_stream_pause(s->stream);
    }
}

void
sl_session_feed(struct sl_mysql_session *s)
{
    sl_session_listen(s, SL_SESSION_SENDING);
}
