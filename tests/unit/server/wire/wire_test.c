/*
 * wire_test.c - every frame comes back as it was sent, and nothing else is taken.
 *
 * Method: each message is encoded, framed, decoded and compared; one frame is compared byte by
 * byte with server/PROTOCOL.md. Then every payload is cut at every length, lengthened by a byte,
 * and changed at random: a decoder answers SL_OK or SL_FORMAT or SL_LIMIT and reads nothing
 * outside (payloads are allocated at their exact size, so that the sanitizer sees it).
 */
#include "server/wire/wire.h"

#include "storage/base/cursor.h"
#include "storage/batch_codec.h"
#include "tests/support/test.h"

enum { BUFFER_BYTES = 80 << 20, ARENA_BYTES = 4 << 20 };

/* The frame in `bytes`, which must hold exactly one. */
static struct sl_wire_frame
only_frame(const struct sl_buf *bytes)
{
    struct sl_error err = {0};
    struct sl_wire_frame frame = {0};
    size_t used_bytes = 0;
    size_t wanted_bytes = 0;
    assert_false(bytes->bad);
    TEST_OK(sl_wire_next(bytes->bytes, bytes->size_bytes, SL_WIRE_FRAME_BYTES_MAX, &frame,
                         &used_bytes, &wanted_bytes, &err),
            &err);
    assert_int_equal(used_bytes, bytes->size_bytes);
    return frame;
}

/* ---- one of each ---- */

static const struct sl_wire_value sample_values[] = {
    {.type = SL_TYPE_NULL, .is_null = true},
    {.type = SL_TYPE_U8, .as.u64 = 255},
    {.type = SL_TYPE_U64, .as.u64 = UINT64_MAX},
    {.type = SL_TYPE_BOOL, .as.u64 = 1},
    {.type = SL_TYPE_MAC, .as.u64 = UINT64_C(0x0011223344ff)},
    {.type = SL_TYPE_I64, .as.i64 = INT64_MIN},
    {.type = SL_TYPE_TIME, .as.i64 = -1},
    {.type = SL_TYPE_DATE, .as.i64 = 20000},
    {.type = SL_TYPE_SPAN, .is_null = true},
    {.type = SL_TYPE_F64, .as.f64 = -0.5},
    {.type = SL_TYPE_ADDR, .as.addr = {.low = 0x0a000001}},
    {.type = SL_TYPE_DECIMAL, .scale = 4, .as.i128 = -12345},
    {.type = SL_TYPE_TEXT, .as.slice = {(const uint8_t *)"text", 4}},
    {.type = SL_TYPE_OCTETS, .as.slice = {(const uint8_t *)"\0\1", 2}},
};

static struct sl_wire_session
sample_session(void)
{
    static const struct sl_wire_variable variables[] = {
        {"@a", {.type = SL_TYPE_I64, .as.i64 = 7}},
        {"@@sql_mode", {.type = SL_TYPE_TEXT, .as.slice = {(const uint8_t *)"ANSI", 4}}},
    };
    return (struct sl_wire_session){
        .dialect = SL_WIRE_MYSQL,
        .flags = SL_WIRE_QUERY_MULTI | SL_WIRE_QUERY_PROGRESS,
        .timeout_us = 5000000,
        .database = "flows",
        .time_zone = "Europe/Berlin",
        .variables = variables,
        .variable_count = SL_COUNTOF(variables),
        .parameters = sample_values,
        .parameter_count = SL_COUNTOF(sample_values),
    };
}

static const struct sl_wire_column sample_columns[] = {
    {"src_addr", "flows", "src_addr", SL_TYPE_ADDR, 0, true, false, 45},
    {"SUM(bytes)", "", "", SL_TYPE_DECIMAL, 0, true, false, 42},
    {"x", "", "", SL_TYPE_TEXT, 0, false, true, 10},
};

static void
encode_sample(struct sl_buf *out, enum sl_wire_type type)
{
    static const struct sl_wire_warning warnings[] = {{1292, "Truncated value"}, {1365, "div"}};
    static const struct sl_wire_change changes[] = {
        {"database", {.type = SL_TYPE_TEXT, .as.slice = {(const uint8_t *)"nf", 2}}}};
    const struct sl_wire_result result = {sample_columns, SL_COUNTOF(sample_columns)};
    struct sl_error error = {.status = SL_NAME, .text = "unknown column"};
    struct sl_slice some = {(const uint8_t *)"0123456789", 10};

    switch (type) {
    case SL_WIRE_HELLO:
        sl_wire_hello_encode(out, 1, &(struct sl_wire_hello){1, 3, 15, "test 1"});
        return;
    case SL_WIRE_AUTH:
        sl_wire_auth_encode(out, 2, &(struct sl_wire_auth){"me", "none", some});
        return;
    case SL_WIRE_AUTH_ANSWER:
        sl_wire_auth_answer_encode(out, 3, some);
        return;
    case SL_WIRE_QUERY:
    case SL_WIRE_PREPARE:
        sl_wire_query_encode(out, type, 4, &(struct sl_wire_query){sample_session(), some});
        return;
    case SL_WIRE_EXECUTE:
        sl_wire_execute_encode(out, 5, &(struct sl_wire_execute){9, sample_session()});
        return;
    case SL_WIRE_DESCRIBE:
    case SL_WIRE_CLOSE:
        sl_wire_statement_encode(out, type, 6, 77);
        return;
    case SL_WIRE_CANCEL:
        sl_wire_cancel_encode(out, 7, &(struct sl_wire_cancel){12, SL_WIRE_CANCEL_CONNECTION});
        return;
    case SL_WIRE_FILE_DATA:
        sl_wire_file_data_encode(out, 8, some);
        return;
    case SL_WIRE_FILE_END:
        sl_wire_file_end_encode(out, 9, "no such file");
        return;
    case SL_WIRE_INSERT_OPEN:
        sl_wire_insert_open_encode(out, 10, "producer");
        return;
    case SL_WIRE_INSERT:
        fail_msg("INSERT has a test of its own");
        return;
    case SL_WIRE_IMPORT:
        sl_wire_import_encode(out, 11, &(struct sl_wire_import){SL_WIRE_IMPORT_FINISH, {1, 2}});
        return;
    case SL_WIRE_FLUSH:
        sl_wire_flush_encode(out, 12, SL_WIRE_FLUSH_MERGE);
        return;
    case SL_WIRE_STATUS:
        sl_wire_empty_encode(out, SL_WIRE_STATUS, 13);
        return;
    case SL_WIRE_USER:
        sl_wire_user_encode(out, 13, &(struct sl_wire_user){SL_WIRE_USER_ADD, "u", "r", some});
        return;
    case SL_WIRE_PING:
    case SL_WIRE_PONG:
        sl_wire_ping_encode(out, type, 14, 0x1122334455667788);
        return;
    case SL_WIRE_WELCOME:
        sl_wire_welcome_encode(out, 15,
                               &(struct sl_wire_welcome){1, 11, 42, "sluiced", "abc", "none"});
        return;
    case SL_WIRE_AUTH_MORE:
        sl_wire_auth_more_encode(out, 16, "caching_sha2_password", some);
        return;
    case SL_WIRE_AUTH_OK:
        sl_wire_auth_ok_encode(out, 17, &(struct sl_wire_auth_ok){"me", "admin"});
        return;
    case SL_WIRE_ERROR:
        sl_wire_error_encode(out, 18, &error);
        return;
    case SL_WIRE_RESULT:
        sl_wire_result_encode(out, 19, &result);
        return;
    case SL_WIRE_DATA:
        fail_msg("DATA has a test of its own");
        return;
    case SL_WIRE_PROGRESS:
        sl_wire_progress_encode(out, 20, &(struct sl_wire_progress){1, 2, 3, 4});
        return;
    case SL_WIRE_DONE:
        sl_wire_done_encode(
            out, 21,
            &(struct sl_wire_done){SL_WIRE_DONE_MORE, 5, 6, 7, 3, warnings, 2, changes, 1});
        return;
    case SL_WIRE_PREPARED:
        sl_wire_prepared_encode(out, 22, &(struct sl_wire_prepared){3, 2, result});
        return;
    case SL_WIRE_FILE_WANTED:
        sl_wire_file_wanted_encode(out, 23, "/tmp/a.csv");
        return;
    case SL_WIRE_INSERT_READY:
        sl_wire_insert_ready_encode(out, 24, &(struct sl_wire_insert_ready){8, 100, 16, INT64_MIN});
        return;
    case SL_WIRE_INSERT_ACK:
        sl_wire_insert_ack_encode(out, 25, &(struct sl_wire_insert_ack){101, true});
        return;
    case SL_WIRE_IMPORT_STATE:
        sl_wire_import_state_encode(out, 26, &(struct sl_wire_import_state){4096, false});
        return;
    case SL_WIRE_STATUS_TEXT:
        sl_wire_status_text_encode(out, 27, some);
        return;
    }
}

/* Decode by type; what it holds goes nowhere. Frames whose payload is plain bytes are SL_OK. */
static sl_status
decode_any(const struct sl_wire_frame *frame, struct sl_arena *arena, struct sl_error *err)
{
    union {
        struct sl_wire_hello hello;
        struct sl_wire_welcome welcome;
        struct sl_wire_auth auth;
        struct sl_wire_auth_ok ok;
        struct sl_wire_error error;
        struct sl_wire_query query;
        struct sl_wire_execute execute;
        struct sl_wire_result result;
        struct sl_wire_prepared prepared;
        struct sl_wire_progress progress;
        struct sl_wire_done done;
        struct sl_wire_cancel cancel;
        struct sl_wire_insert_ready ready;
        struct sl_wire_insert insert;
        struct sl_wire_insert_ack ack;
        struct sl_wire_import import;
        struct sl_wire_import_state state;
        const char *text;
        struct sl_wire_user user;
        uint32_t number;
        uint64_t number64;
    } m;
    struct sl_slice slice;

    switch (frame->type) {
    case SL_WIRE_HELLO:
        return sl_wire_hello_decode(frame, arena, &m.hello, err);
    case SL_WIRE_AUTH:
        return sl_wire_auth_decode(frame, arena, &m.auth, err);
    case SL_WIRE_AUTH_ANSWER:
        return sl_wire_auth_answer_decode(frame, &slice, err);
    case SL_WIRE_QUERY:
    case SL_WIRE_PREPARE:
        return sl_wire_query_decode(frame, arena, &m.query, err);
    case SL_WIRE_EXECUTE:
        return sl_wire_execute_decode(frame, arena, &m.execute, err);
    case SL_WIRE_DESCRIBE:
    case SL_WIRE_CLOSE:
        return sl_wire_statement_decode(frame, &m.number, err);
    case SL_WIRE_CANCEL:
        return sl_wire_cancel_decode(frame, &m.cancel, err);
    case SL_WIRE_FILE_END:
        return sl_wire_file_end_decode(frame, arena, &m.text, err);
    case SL_WIRE_INSERT_OPEN:
        return sl_wire_insert_open_decode(frame, arena, &m.text, err);
    case SL_WIRE_INSERT:
        return sl_wire_insert_decode(frame, &m.insert, &slice, err);
    case SL_WIRE_IMPORT:
        return sl_wire_import_decode(frame, &m.import, err);
    case SL_WIRE_FLUSH:
        return sl_wire_flush_decode(frame, &m.number, err);
    case SL_WIRE_STATUS:
        return sl_wire_empty_decode(frame, err);
    case SL_WIRE_USER:
        return sl_wire_user_decode(frame, arena, &m.user, err);
    case SL_WIRE_PING:
    case SL_WIRE_PONG:
        return sl_wire_ping_decode(frame, &m.number64, err);
    case SL_WIRE_WELCOME:
        return sl_wire_welcome_decode(frame, arena, &m.welcome, err);
    case SL_WIRE_AUTH_MORE:
        return sl_wire_auth_more_decode(frame, arena, &m.text, &slice, err);
    case SL_WIRE_AUTH_OK:
        return sl_wire_auth_ok_decode(frame, arena, &m.ok, err);
    case SL_WIRE_ERROR:
        return sl_wire_error_decode(frame, &m.error, err);
    case SL_WIRE_RESULT:
        return sl_wire_result_decode(frame, arena, &m.result, err);
    case SL_WIRE_PROGRESS:
        return sl_wire_progress_decode(frame, &m.progress, err);
    case SL_WIRE_DONE:
        return sl_wire_done_decode(frame, arena, &m.done, err);
    case SL_WIRE_PREPARED:
        return sl_wire_prepared_decode(frame, arena, &m.prepared, err);
    case SL_WIRE_FILE_WANTED:
        return sl_wire_file_wanted_decode(frame, arena, &m.text, err);
    case SL_WIRE_INSERT_READY:
        return sl_wire_insert_ready_decode(frame, &m.ready, err);
    case SL_WIRE_INSERT_ACK:
        return sl_wire_insert_ack_decode(frame, &m.ack, err);
    case SL_WIRE_IMPORT_STATE:
        return sl_wire_import_state_decode(frame, &m.state, err);
    case SL_WIRE_FILE_DATA:
    case SL_WIRE_STATUS_TEXT:
    case SL_WIRE_DATA:
        return SL_OK;
    }
    return SL_FORMAT;
}

static const enum sl_wire_type all_types[] = {
#define X(name, number, limit_bytes) SL_WIRE_##name,
    SL_WIRE_TYPE_LIST(X)
#undef X
};

static bool
is_plain_bytes(enum sl_wire_type type)
{
    return type == SL_WIRE_FILE_DATA || type == SL_WIRE_STATUS_TEXT;
}

static bool
has_sample(enum sl_wire_type type)
{
    return type != SL_WIRE_INSERT && type != SL_WIRE_DATA;
}

/* ---- promises ---- */

static void
a_frame_is_what_the_protocol_page_says(void **state)
{
    (void)state;
    static const uint8_t expected[] = {
        0x08, 0, 0, 0, 0x2a, 0,    0,    0,    0,    0,    0,    0,
        0x11, 0, 0, 0, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,
    };
    struct sl_buf out = sl_buf_empty(BUFFER_BYTES);
    sl_wire_ping_encode(&out, SL_WIRE_PING, 42, 0x1122334455667788);
    assert_int_equal(out.size_bytes, sizeof(expected));
    assert_int_equal(sl_read_le(out.bytes + 8, 4),
                     sl_hash64(out.bytes + SL_WIRE_HEADER_BYTES, 8) & UINT32_MAX);
    memset(out.bytes + 8, 0, 4);
    assert_memory_equal(out.bytes, expected, sizeof(expected));
    sl_buf_fini(&out);
}

static void
every_frame_decodes(void **state)
{
    (void)state;
    for (size_t i = 0; i < SL_COUNTOF(all_types); i++) {
        struct sl_error err = {0};
        struct sl_buf out = sl_buf_empty(BUFFER_BYTES);
        struct sl_arena *arena = sl_arena_create(ARENA_BYTES);
        if (has_sample(all_types[i])) {
            encode_sample(&out, all_types[i]);
            struct sl_wire_frame frame = only_frame(&out);
            assert_int_equal(frame.type, all_types[i]);
            TEST_OK(decode_any(&frame, arena, &err), &err);
        }
        sl_arena_destroy(arena);
        sl_buf_fini(&out);
    }
}

static void
a_query_comes_back_whole(void **state)
{
    (void)state;
    struct sl_error err = {0};
    struct sl_buf out = sl_buf_empty(BUFFER_BYTES);
    struct sl_arena *arena = sl_arena_create(ARENA_BYTES);
    struct sl_wire_query query;
    encode_sample(&out, SL_WIRE_QUERY);
    struct sl_wire_frame frame = only_frame(&out);
    TEST_OK(sl_wire_query_decode(&frame, arena, &query, &err), &err);

    const struct sl_wire_session *s = &query.session;
    assert_int_equal(frame.tag, 4);
    assert_int_equal(s->dialect, SL_WIRE_MYSQL);
    assert_int_equal(s->flags, SL_WIRE_QUERY_MULTI | SL_WIRE_QUERY_PROGRESS);
    assert_int_equal(s->timeout_us, 5000000);
    assert_string_equal(s->database, "flows");
    assert_string_equal(s->time_zone, "Europe/Berlin");
    assert_int_equal(s->variable_count, 2);
    assert_string_equal(s->variables[0].name, "@a");
    assert_int_equal(s->variables[0].value.as.i64, 7);
    assert_int_equal(s->parameter_count, SL_COUNTOF(sample_values));
    for (size_t i = 0; i < SL_COUNTOF(sample_values); i++) {
        const struct sl_wire_value *sent = &sample_values[i];
        const struct sl_wire_value *got = &s->parameters[i];
        assert_int_equal(got->type, sent->type);
        assert_int_equal(got->scale, sent->scale);
        assert_int_equal(got->is_null, sent->is_null);
        if (sent->is_null)
            continue;
        if (sl_type_is_bytes(sent->type)) {
            assert_int_equal(got->as.slice.size_bytes, sent->as.slice.size_bytes);
            assert_memory_equal(got->as.slice.bytes, sent->as.slice.bytes,
                                sent->as.slice.size_bytes);
        } else {
            size_t size_bytes = sl_type_bytes(sent->type) == 16 ? 16 : 8;
            assert_memory_equal(&got->as, &sent->as, size_bytes);
        }
    }
    assert_int_equal(query.text.size_bytes, 10);
    assert_memory_equal(query.text.bytes, "0123456789", 10);
    sl_arena_destroy(arena);
    sl_buf_fini(&out);
}

static void
an_error_carries_number_and_sqlstate(void **state)
{
    (void)state;
    static const struct {
        struct sl_error error;
        uint16_t number;
        const char *sql_state;
    } cases[] = {
        {{.status = SL_NAME, .text = "a"}, 1054, "42S22"},
        {{.status = SL_SYNTAX, .text = "b"}, 1064, "42000"},
        {{.status = SL_NAME, .sql_number = 1146, .text = "c"}, 1146, "42S02"},
        {{.status = SL_CANCELLED, .text = "d"}, 1317, "70100"},
        {{.status = SL_IO}, 1105, "HY000"},
    };
    for (size_t i = 0; i < SL_COUNTOF(cases); i++) {
        struct sl_error err = {0};
        struct sl_wire_error got;
        struct sl_buf out = sl_buf_empty(BUFFER_BYTES);
        sl_wire_error_encode(&out, 9, &cases[i].error);
        struct sl_wire_frame frame = only_frame(&out);
        TEST_OK(sl_wire_error_decode(&frame, &got, &err), &err);
        assert_int_equal(got.status, cases[i].error.status);
        assert_int_equal(got.sql_number, cases[i].number);
        assert_string_equal(got.sql_state, cases[i].sql_state);
        assert_true(got.text[0] != '\0');
        sl_buf_fini(&out);
    }
}

static void
rows_and_batches_travel(void **state)
{
    (void)state;
    struct sl_error err = {0};
    struct sl_buf out = sl_buf_empty(BUFFER_BYTES);
    struct sl_arena *arena = sl_arena_create(ARENA_BYTES);
    struct sl_schema *schema = sl_schema_create();
    struct sl_builder *builder = sl_builder_create(16);
    for (uint64_t i = 0; i < 10; i++) {
        sl_builder_set_u64(builder,
                           sl_builder_column(builder, sl_schema_at(schema, SL_COLUMN_IN_BYTES)), i);
        sl_builder_next(builder);
    }
    struct sl_batch *batch = sl_builder_finish(builder);

    struct sl_wire_insert insert = {
        .batch_number = 5, .has_import = true, .import_id = {1, 2}, .import_offset = 99};
    sl_wire_insert_encode(&out, 3, &insert, batch);
    struct sl_wire_frame frame = only_frame(&out);
    struct sl_wire_insert got;
    struct sl_slice bytes;
    TEST_OK(sl_wire_insert_decode(&frame, &got, &bytes, &err), &err);
    assert_int_equal(got.batch_number, 5);
    assert_true(got.has_import);
    assert_int_equal(got.import_id.high, 2);
    assert_int_equal(got.import_offset, 99);
    struct sl_batch *copy = NULL;
    TEST_OK(sl_batch_decode(bytes.bytes, bytes.size_bytes, schema, &copy, &err), &err);
    assert_int_equal(copy->row_count, 10);
    sl_batch_release(copy);

    sl_buf_clear(&out);
    struct sl_wire_column column = {.name = "n", .table = "", .origin = "", .type = SL_TYPE_U64};
    sl_wire_data_encode(&out, 4, &column, &batch->columns[0].vector, 1, 10);
    frame = only_frame(&out);
    struct sl_vector *vectors = NULL;
    uint32_t count = 0;
    uint32_t rows = 0;
    TEST_OK(sl_vectors_decode(frame.payload, frame.payload_bytes, arena, &vectors, NULL, &count,
                              &rows, &err),
            &err);
    assert_int_equal(count, 1);
    assert_int_equal(rows, 10);
    assert_int_equal(sl_vector_u64(&vectors[0], 9), 9);
    sl_batch_release(batch);
    sl_builder_destroy(builder);
    sl_schema_destroy(schema);
    sl_arena_destroy(arena);
    sl_buf_fini(&out);
}

static void
a_stream_is_cut_into_frames_at_any_pace(void **state)
{
    (void)state;
    struct sl_error err = {0};
    struct sl_buf out = sl_buf_empty(BUFFER_BYTES);
    encode_sample(&out, SL_WIRE_QUERY);
    size_t first_bytes = out.size_bytes;
    encode_sample(&out, SL_WIRE_PING);
    for (size_t have = 0; have < first_bytes; have++) {
        struct sl_wire_frame frame;
        size_t used = 1;
        size_t wanted = 0;
        TEST_OK(
            sl_wire_next(out.bytes, have, SL_WIRE_FRAME_BYTES_MAX, &frame, &used, &wanted, &err),
            &err);
        assert_int_equal(used, 0);
        assert_true(wanted > have);
        assert_int_equal(wanted, have < SL_WIRE_HEADER_BYTES ? SL_WIRE_HEADER_BYTES : first_bytes);
    }
    struct sl_wire_frame frame;
    size_t used = 0;
    size_t wanted = 0;
    TEST_OK(sl_wire_next(out.bytes, out.size_bytes, SL_WIRE_FRAME_BYTES_MAX, &frame, &used, &wanted,
                         &err),
            &err);
    assert_int_equal(used, first_bytes);
    sl_buf_fini(&out);
}

static void
headers_that_lie_are_refused(void **state)
{
    (void)state;
    static const struct {
        uint8_t header[SL_WIRE_HEADER_BYTES];
        sl_status status;
    } cases[] = {
        {{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, SL_WIRE_INSERT}, SL_LIMIT},
        {{0x01, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, SL_WIRE_HELLO}, SL_LIMIT},
        {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, SL_FORMAT},
        {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 63}, SL_FORMAT},
        {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, SL_WIRE_STATUS, 1}, SL_FORMAT},
        {{0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, SL_WIRE_STATUS}, SL_FORMAT},
        {"GET / HTTP/1.1\r", SL_FORMAT},
    };
    for (size_t i = 0; i < SL_COUNTOF(cases); i++) {
        struct sl_wire_frame frame;
        size_t used = 0;
        size_t wanted = 0;
        assert_int_equal(sl_wire_next(cases[i].header, SL_WIRE_HEADER_BYTES,
                                      SL_WIRE_FRAME_BYTES_MAX, &frame, &used, &wanted, NULL),
                         cases[i].status);
    }
}

/* Decode a payload that was changed: never more than a refusal. */
static sl_status
decode_changed(enum sl_wire_type type, const uint8_t *bytes, size_t size_bytes)
{
    uint8_t *exact = malloc(size_bytes + (size_bytes == 0));
    struct sl_arena *arena = sl_arena_create(ARENA_BYTES);
    struct sl_error err = {0};
    assert_non_null(exact);
    if (size_bytes != 0)
        memcpy(exact, bytes, size_bytes);
    struct sl_wire_frame frame = {.type = type, .payload = exact, .payload_bytes = size_bytes};
    sl_status st = decode_any(&frame, arena, &err);
    assert_true(st == SL_OK || st == SL_FORMAT || st == SL_LIMIT);
    assert_true(st == SL_OK || err.text[0] != '\0');
    sl_arena_destroy(arena);
    free(exact);
    return st;
}

static void
a_cut_or_longer_payload_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < SL_COUNTOF(all_types); i++) {
        enum sl_wire_type type = all_types[i];
        struct sl_buf out = sl_buf_empty(BUFFER_BYTES);
        if (!has_sample(type) || is_plain_bytes(type))
            continue;
        encode_sample(&out, type);
        const uint8_t *payload = out.bytes + SL_WIRE_HEADER_BYTES;
        size_t payload_bytes = out.size_bytes - SL_WIRE_HEADER_BYTES;
        for (size_t have = 0; have < payload_bytes; have++)
            assert_int_equal(decode_changed(type, payload, have), SL_FORMAT);
        sl_buf_u8(&out, 0);
        assert_int_equal(decode_changed(type, out.bytes + SL_WIRE_HEADER_BYTES, payload_bytes + 1),
                         SL_FORMAT);
        sl_buf_fini(&out);
    }
}

static void
changed_bytes_do_no_harm(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    for (size_t i = 0; i < SL_COUNTOF(all_types); i++) {
        struct sl_buf out = sl_buf_empty(BUFFER_BYTES);
        if (!has_sample(all_types[i]))
            continue;
        encode_sample(&out, all_types[i]);
        uint8_t *payload = out.bytes + SL_WIRE_HEADER_BYTES;
        size_t payload_bytes = out.size_bytes - SL_WIRE_HEADER_BYTES;
        for (int round = 0; round < 500 && payload_bytes != 0; round++) {
            size_t at = test_random_below(&seed, payload_bytes);
            uint8_t kept = payload[at];
            payload[at] = (uint8_t)test_random(&seed);
            (void)decode_changed(all_types[i], payload, payload_bytes);
            if (test_random_below(&seed, 3) != 0)
                payload[at] = kept;
        }
        sl_buf_fini(&out);
    }
}

static void
a_decoder_stays_within_its_budget(void **state)
{
    (void)state;
    struct sl_buf out = sl_buf_empty(BUFFER_BYTES);
    struct sl_arena *arena = sl_arena_create(16);
    struct sl_wire_query query;
    struct sl_error err = {0};
    encode_sample(&out, SL_WIRE_QUERY);
    struct sl_wire_frame frame = only_frame(&out);
    assert_int_equal(sl_wire_query_decode(&frame, arena, &query, &err), SL_LIMIT);
    sl_arena_destroy(arena);
    sl_buf_fini(&out);
}

static void
an_encoder_refuses_a_payload_beyond_its_limit(void **state)
{
    (void)state;
    struct sl_buf out = sl_buf_empty(BUFFER_BYTES);
    char *name = calloc(1, SL_WIRE_HELLO_BYTES_MAX + 1);
    assert_non_null(name);
    memset(name, 'x', SL_WIRE_HELLO_BYTES_MAX);
    sl_wire_ping_encode(&out, SL_WIRE_PING, 1, 7);
    size_t good_bytes = out.size_bytes;
    sl_wire_hello_encode(&out, 1, &(struct sl_wire_hello){1, 1, 0, name});
    assert_true(out.bad);
    assert_int_equal(out.size_bytes, good_bytes);
    sl_buf_fini(&out);
    free(name);
}

/* Who goes on with a full buffer finds whole frames in it. */
static void
a_frame_that_does_not_fit_leaves_no_part_of_itself(void **state)
{
    (void)state;
    bool is_whole = false;
    for (size_t limit_bytes = 24; !is_whole; limit_bytes++) {
        struct sl_buf out = sl_buf_empty(limit_bytes);
        sl_wire_ping_encode(&out, SL_WIRE_PING, 1, 7);
        size_t good_bytes = out.size_bytes;
        assert_int_equal(good_bytes, 24);
        encode_sample(&out, SL_WIRE_QUERY);
        is_whole = !out.bad;
        assert_int_equal(out.size_bytes, is_whole ? limit_bytes : good_bytes);
        sl_buf_fini(&out);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_is_what_the_protocol_page_says),
        cmocka_unit_test(every_frame_decodes),
        cmocka_unit_test(a_query_comes_back_whole),
        cmocka_unit_test(an_error_carries_number_and_sqlstate),
        cmocka_unit_test(rows_and_batches_travel),
        cmocka_unit_test(a_stream_is_cut_into_frames_at_any_pace),
        cmocka_unit_test(headers_that_lie_are_refused),
        cmocka_unit_test(a_cut_or_longer_payload_is_refused),
        cmocka_unit_test(changed_bytes_do_no_harm),
        cmocka_unit_test(a_decoder_stays_within_its_budget),
        cmocka_unit_test(an_encoder_refuses_a_payload_beyond_its_limit),
        cmocka_unit_test(a_frame_that_does_not_fit_leaves_no_part_of_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
