/*
 * wire_fuzz.c - a payload of the native protocol, by any type of frame.
 *
 * The first byte picks the type, the rest is the payload: the check sum, which a fuzzer cannot
 * guess, is left out. The whole input also goes through sl_wire_next as a stream.
 */
#include "server/wire/wire.h"
#include "storage/batch_codec.h"

enum { ARENA_BYTES = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

static void
decode_request(const struct sl_wire_frame *frame, struct sl_arena *arena, struct sl_error *err)
{
    struct sl_wire_hello hello;
    struct sl_wire_auth auth;
    struct sl_wire_query query;
    struct sl_wire_execute execute;
    struct sl_wire_cancel cancel;
    struct sl_wire_insert insert;
    struct sl_wire_import import;
    struct sl_wire_user user;
    struct sl_slice slice;
    const char *text;
    uint32_t number;

    switch (frame->type) {
    case SL_WIRE_HELLO:
        (void)!sl_wire_hello_decode(frame, arena, &hello, err);
        return;
    case SL_WIRE_AUTH:
        (void)!sl_wire_auth_decode(frame, arena, &auth, err);
        return;
    case SL_WIRE_AUTH_ANSWER:
        (void)!sl_wire_auth_answer_decode(frame, &slice, err);
        return;
    case SL_WIRE_QUERY:
    case SL_WIRE_PREPARE:
        (void)!sl_wire_query_decode(frame, arena, &query, err);
        return;
    case SL_WIRE_EXECUTE:
        (void)!sl_wire_execute_decode(frame, arena, &execute, err);
        return;
    case SL_WIRE_CANCEL:
        (void)!sl_wire_cancel_decode(frame, &cancel, err);
        return;
    case SL_WIRE_FILE_END:
        (void)!sl_wire_file_end_decode(frame, arena, &text, err);
        return;
    case SL_WIRE_INSERT_OPEN:
        (void)!sl_wire_insert_open_decode(frame, arena, &text, err);
        return;
    case SL_WIRE_INSERT:
        (void)!sl_wire_insert_decode(frame, &insert, &slice, err);
        return;
    case SL_WIRE_IMPORT:
        (void)!sl_wire_import_decode(frame, &import, err);
        return;
    case SL_WIRE_USER:
        (void)!sl_wire_user_decode(frame, arena, &user, err);
        return;
    default:
        (void)!sl_wire_flush_decode(
            &(struct sl_wire_frame){SL_WIRE_FLUSH, 0, frame->payload, frame->payload_bytes},
            &number, err);
        return;
    }
}

static void
decode_answer(const struct sl_wire_frame *frame, struct sl_arena *arena, struct sl_error *err)
{
    struct sl_wire_welcome welcome;
    struct sl_wire_auth_ok ok;
    struct sl_wire_error error;
    struct sl_wire_result result;
    struct sl_wire_prepared prepared;
    struct sl_wire_done done;
    struct sl_wire_insert_ready ready;
    struct sl_vector *vectors;
    struct sl_slice slice;
    const char *text;
    uint32_t count;
    uint32_t rows;

    switch (frame->type) {
    case SL_WIRE_WELCOME:
        (void)!sl_wire_welcome_decode(frame, arena, &welcome, err);
        return;
    case SL_WIRE_AUTH_MORE:
        (void)!sl_wire_auth_more_decode(frame, arena, &text, &slice, err);
        return;
    case SL_WIRE_AUTH_OK:
        (void)!sl_wire_auth_ok_decode(frame, arena, &ok, err);
        return;
    case SL_WIRE_ERROR:
        (void)!sl_wire_error_decode(frame, &error, err);
        return;
    case SL_WIRE_RESULT:
        (void)!sl_wire_result_decode(frame, arena, &result, err);
        return;
    case SL_WIRE_DATA:
        (void)!sl_vectors_decode(frame->payload, frame->payload_bytes, arena, &vectors, NULL,
                                 &count, &rows, err);
        return;
    case SL_WIRE_DONE:
        (void)!sl_wire_done_decode(frame, arena, &done, err);
        return;
    case SL_WIRE_PREPARED:
        (void)!sl_wire_prepared_decode(frame, arena, &prepared, err);
        return;
    case SL_WIRE_FILE_WANTED:
        (void)!sl_wire_file_wanted_decode(frame, arena, &text, err);
        return;
    case SL_WIRE_INSERT_READY:
        (void)!sl_wire_insert_ready_decode(frame, &ready, err);
        return;
    default:
        return;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
    static const enum sl_wire_type types[] = {
#define X(name, number, limit_bytes) SL_WIRE_##name,
        SL_WIRE_TYPE_LIST(X)
#undef X
    };
    struct sl_wire_frame frame = {0};
    struct sl_error err = {0};
    size_t used_bytes = 0;
    size_t wanted_bytes = 0;
    if (size_bytes == 0)
        return 0;
    (void)!sl_wire_next(bytes, size_bytes, SL_WIRE_FRAME_BYTES_MAX, &frame, &used_bytes,
                        &wanted_bytes, &err);

    struct sl_arena *arena = sl_arena_create(ARENA_BYTES);
    frame = (struct sl_wire_frame){.type = types[bytes[0] % SL_COUNTOF(types)],
                                   .payload = bytes + 1,
                                   .payload_bytes = size_bytes - 1};
    if (frame.type < SL_WIRE_WELCOME)
        decode_request(&frame, arena, &err);
    else
        decode_answer(&frame, arena, &err);
    sl_arena_destroy(arena);
    return 0;
}
