/*
 * insert_test.c - INSERT from its text to the values of a builder.
 */
#include "query/definition.h"
#include "query/insert.h"
#include "query/parse.h"
#include "tests/unit/query/front_support.h"

/* Bind and fill; the builder is the caller's. */
static sl_status
fill(struct front *f, const char *text, struct sl_builder *builder,
     struct sl_insert_progress *progress)
{
    *progress = (struct sl_insert_progress){.warnings = f->env.warnings};
    SL_TRY(front_bind(f, text));
    assert_int_equal(f->statement.class, SL_CLASS_INSERT);
    return sl_insert_fill(f->statement.insert, f->schema, progress, builder, &f->err);
}

static struct sl_builder_column *
cells(struct front *f, struct sl_builder *b, const char *name)
{
    const struct sl_column *column = sl_schema_find(f->schema, name, strlen(name));
    assert_non_null(column);
    return sl_builder_column(b, column);
}

static void
values_of_every_form_mean_the_same(void **state)
{
    static const char *const forms[] = {
        "'443'", "443", "400 + 43", "0x1bb", "x'01bb'", "'443'", "CONV('1bb', 16, 10)", "443.0e0",
    };
    struct front f;
    struct sl_insert_progress progress;
    struct sl_builder *b = sl_builder_create(4);
    char text[160];
    (void)state;
    front_open(&f);
    for (size_t i = 0; i < SL_COUNTOF(forms); i++) {
        (void)snprintf(text, sizeof(text),
                       "INSERT INTO flows (dst_port, last_seen) VALUES (%s, 1795421730)", forms[i]);
        TEST_OK(fill(&f, text, b, &progress), &f.err);
        assert_int_equal(cells(&f, b, "dst_port")->values.u16[0], 443);
        assert_int_equal(cells(&f, b, "first_seen")->values.i64[0],
                         INT64_C(1795421730) * SL_US_PER_S);
        sl_batch_release(sl_builder_finish(b));
    }
    sl_builder_destroy(b);
    front_close(&f);
}

static void
addresses_are_integers_or_texts(void **state)
{
    struct front f;
    struct sl_insert_progress progress;
    struct sl_builder *b = sl_builder_create(8);
    (void)state;
    front_open(&f);
    TEST_OK(fill(&f,
                 "REPLACE INTO flows (IPV4_SRC_ADDR, LAST_SWITCHED) VALUES ('3232235786', 1), "
                 "(3232235786, 1), ('192.168.1.10', 1), (INET_ATON('192.168.1.10'), 1)",
                 b, &progress),
            &f.err);
    assert_int_equal(progress.stored, 4);
    for (uint32_t i = 0; i < 4; i++)
        assert_true(cells(&f, b, "src_addr")->values.addr[i].low == 3232235786);
    sl_builder_destroy(b);
    front_close(&f);
}

static void
times_follow_the_zone_of_the_session(void **state)
{
    struct front f;
    struct sl_insert_progress progress;
    struct sl_builder *b = sl_builder_create(8);
    (void)state;
    front_open(&f);
    f.session.time_zone = "+02:00";
    TEST_OK(fill(&f,
                 "INSERT INTO flows (last_seen) VALUES ('2026-11-23 10:15:30'), (1795421730), "
                 "('1795421730'), (FROM_UNIXTIME(1795421730)), (1795421730.0)",
                 b, &progress),
            &f.err);
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(cells(&f, b, "last_seen")->values.i64[i],
                         INT64_C(1795421730) * SL_US_PER_S);
    sl_builder_destroy(b);
    front_close(&f);
}

static void
a_refused_statement_leaves_the_builder_as_it_was(void **state)
{
    struct front f;
    struct sl_insert_progress progress;
    struct sl_builder *b = sl_builder_create(8);
    (void)state;
    front_open(&f);
    TEST_OK(fill(&f, "INSERT INTO flows (src_port, note, last_seen) VALUES (1, 'one', 1)", b,
                 &progress),
            &f.err);
    assert_int_equal(
        fill(&f,
             "INSERT INTO flows (src_port, note, last_seen) VALUES (2, 'two', 1), (3, 'x', 'x')", b,
             &progress),
        SL_TYPE);
    assert_int_equal(f.err.sql_number, 1366);
    assert_int_equal(progress.row_next, 0);
    assert_int_equal(b->row_count, 1);
    TEST_OK(fill(&f, "INSERT INTO flows (src_port, last_seen) VALUES (4, 1)", b, &progress),
            &f.err);

    struct sl_batch *batch = sl_builder_finish(b);
    const struct sl_vector *ports =
        sl_batch_find(batch, sl_schema_at(f.schema, SL_COLUMN_SRC_PORT));
    const struct sl_vector *notes = sl_batch_find(batch, sl_schema_find(f.schema, "note", 4));
    assert_int_equal(batch->row_count, 2);
    assert_int_equal(sl_vector_u64(ports, 1), 4);
    assert_int_equal(sl_vector_slice(notes, 0).size_bytes, 3);
    assert_true(sl_vector_is_null(notes, 1));
    sl_batch_release(batch);
    sl_builder_destroy(b);
    front_close(&f);
}

static void
ignore_drops_what_does_not_fit_and_counts_it(void **state)
{
    struct front f;
    struct sl_insert_progress progress;
    struct sl_warnings warnings;
    struct sl_builder *b = sl_builder_create(8);
    (void)state;
    front_open(&f);
    sl_warnings_init(&warnings);
    f.env.warnings = &warnings;
    TEST_OK(
        fill(&f,
             "INSERT IGNORE INTO flows (src_port, last_seen) VALUES (70000, 1), (2, NULL), (3, 1)",
             b, &progress),
        &f.err);
    assert_int_equal(progress.stored, 2);
    assert_int_equal(sl_warnings_total(&warnings), 2);
    assert_int_equal(warnings.kept[0]->number, 1366);
    assert_int_equal(strncmp(warnings.kept[0]->text, "row 1: ", 7), 0);
    assert_int_equal(warnings.kept[1]->number, 1364);
    assert_int_equal(strncmp(warnings.kept[1]->text, "row 2: ", 7), 0);
    sl_warnings_fini(&warnings);
    sl_builder_destroy(b);
    front_close(&f);
}

static void
a_full_builder_is_filled_again(void **state)
{
    struct front f;
    struct sl_insert_progress progress;
    struct sl_builder *b = sl_builder_create(2);
    (void)state;
    front_open(&f);
    TEST_OK(fill(&f, "INSERT INTO flows (last_seen) VALUES (1), (2), (3)", b, &progress), &f.err);
    assert_int_equal(progress.row_next, 2);
    sl_batch_release(sl_builder_finish(b));
    TEST_OK(sl_insert_fill(f.statement.insert, f.schema, &progress, b, &f.err), &f.err);
    assert_int_equal(progress.row_next, 3);
    assert_int_equal(cells(&f, b, "last_seen")->values.i64[0], 3 * SL_US_PER_S);
    sl_builder_destroy(b);
    front_close(&f);
}

static void
what_is_no_insert_is_refused_where_it_fails(void **state)
{
    static const struct {
        const char *text;
        uint16_t number;
    } bad[] = {
        {"INSERT INTO flows (last_seen) VALUES", 1064},
        {"INSERT INTO flows (last_seen) VALUES (1", 1064},
        {"INSERT INTO flows (last_seen) VALUES (1) (2)", 1064},
        {"INSERT INTO flows (last_seen,) VALUES (1)", 1064},
        {"INSERT INTO flows (last_seen) VALUES (1), (1, 2)", 1136},
        {"INSERT INTO flows (last_seen, src_port) VALUES (1)", 1136},
        {"INSERT INTO flows (last_seen) VALUES ()", 1235},
        {"INSERT INTO flows SET last_seen = 1", 1235},
        {"INSERT INTO flows (last_seen) VALUES (1) ON DUPLICATE KEY UPDATE last_seen = 1", 1235},
        {"INSERT INTO flows (last_seen) VALUES (no_column)", 1054},
        {"INSERT INTO flows (idx) VALUES (1)", 3105},
        {"INSERT INTO nothing (a) VALUES (1)", 1146},
        {"INSERT INTO flows SELECT 1 FROM nothing", 1146},
    };
    struct front f;
    (void)state;
    front_open(&f);
    for (size_t i = 0; i < SL_COUNTOF(bad); i++) {
        sl_status st = front_bind(&f, bad[i].text);
        uint16_t number = st == SL_SYNTAX && f.err.sql_number == 0 ? 1064 : f.err.sql_number;
        if (st == SL_OK || number != bad[i].number)
            fail_msg("%s: %u, %s", bad[i].text, number, f.err.text);
    }
    front_close(&f);
}

static struct sl_slice
slice_of(const char *text)
{
    return (struct sl_slice){.bytes = (const uint8_t *)text, .size_bytes = (uint32_t)strlen(text)};
}

static void
numbers_that_were_declared_as_texts_are_hexadecimal(void **state)
{
    struct front f;
    struct sl_insert_progress progress;
    struct sl_builder *b = sl_builder_create(2);
    struct sl_definition table = {
        .kind = SL_DEFINITION_TABLE,
        .database = slice_of("flows"),
        .name = slice_of("nfflows"),
        .text =
            slice_of("varchar(16)\tIN_BYTES\nint(20) unsigned\tIN_PKTS\nvarchar(12)\tIN_SRC_MAC\n"
                     "varchar(32)\tIPV6_SRC_ADDR\nvarchar(512)\tHTTP_URL\n")};
    (void)state;
    front_open(&f);
    f.env.definitions = sl_definitions_create(NULL, NULL, NULL);
    TEST_OK(sl_definitions_put(f.env.definitions, &table, &f.err), &f.err);
    TEST_OK(fill(&f,
                 "INSERT INTO nfflows (IN_BYTES, IN_PKTS, IN_SRC_MAC, IPV6_SRC_ADDR, HTTP_URL, "
                 "LAST_SWITCHED) VALUES ('0000000000001F40', '1000', '002590D4CCF9', "
                 "'2001:db8::1', '/abc', '1795421730')",
                 b, &progress),
            &f.err);
    assert_int_equal(cells(&f, b, "in_bytes")->values.u64[0], 8000);
    assert_int_equal(cells(&f, b, "in_packets")->values.u64[0], 1000);
    assert_int_equal(cells(&f, b, "source_mac_address")->values.u64[0], 0x002590d4ccf9);
    assert_true(cells(&f, b, "src_addr")->values.addr[0].low == 1);
    sl_builder_destroy(b);
    sl_definitions_close(f.env.definitions);
    front_close(&f);
}

static void
parameters_are_values(void **state)
{
    struct sl_value values[] = {
        {.type = SL_TYPE_I64, .as.i64 = 3232235786},
        {.type = SL_TYPE_TEXT, .as.slice = {.bytes = (const uint8_t *)"443", .size_bytes = 3}},
        {.type = SL_TYPE_I64, .as.i64 = 1795421730},
        {.type = SL_TYPE_NULL, .is_null = true},
    };
    struct front f;
    struct sl_insert_progress progress;
    struct sl_builder *b = sl_builder_create(2);
    const char *text =
        "INSERT INTO flows (src_addr, src_port, last_seen, dst_port) VALUES (?, ?, ?, ?)";
    (void)state;
    front_open(&f);
    TEST_OK(front_bind(&f, text), &f.err);
    assert_int_equal(f.statement.parameter_count, 4);
    f.session.parameters = values;
    f.session.parameter_count = 4;
    TEST_OK(fill(&f, text, b, &progress), &f.err);
    assert_true(cells(&f, b, "src_addr")->values.addr[0].low == 3232235786);
    assert_int_equal(cells(&f, b, "src_port")->values.u16[0], 443);
    assert_int_equal(cells(&f, b, "last_seen")->values.i64[0], INT64_C(1795421730) * SL_US_PER_S);
    sl_builder_destroy(b);
    front_close(&f);
}

static void
a_long_list_takes_the_room_of_its_values(void **state)
{
    enum { ROWS = 100000 };
    struct sl_buf text = sl_buf_empty(2 << 20);
    struct sl_arena *arena = sl_arena_create(8 << 20); /* all its tokens would take 19 MB */
    struct sl_syntax syntax;
    struct sl_error err = {0};

    (void)state;
    sl_buf_text(&text, "INSERT INTO flows (src_port, app) VALUES (0,'0')");
    for (unsigned i = 1; i < ROWS; i++)
        sl_buf_printf(&text, ",(%u,'%u')", i % 10, i % 7);
    TEST_OK(sl_parse(SL_DIALECT_MYSQL, (const char *)text.bytes, text.size_bytes,
                     (struct sl_slice){0}, arena, &syntax, &err),
            &err);
    assert_int_equal(syntax.insert.row_count, ROWS);
    const struct sl_cell *last = &syntax.insert.cells[2 * ROWS - 1];
    assert_int_equal(last->size_bytes, 1);
    assert_int_equal(last->as.bytes[0], '0' + (ROWS - 1) % 7);
    sl_arena_destroy(arena);
    sl_buf_fini(&text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_long_list_takes_the_room_of_its_values),
        cmocka_unit_test(values_of_every_form_mean_the_same),
        cmocka_unit_test(addresses_are_integers_or_texts),
        cmocka_unit_test(times_follow_the_zone_of_the_session),
        cmocka_unit_test(a_refused_statement_leaves_the_builder_as_it_was),
        cmocka_unit_test(ignore_drops_what_does_not_fit_and_counts_it),
        cmocka_unit_test(a_full_builder_is_filled_again),
        cmocka_unit_test(what_is_no_insert_is_refused_where_it_fails),
        cmocka_unit_test(numbers_that_were_declared_as_texts_are_hexadecimal),
        cmocka_unit_test(parameters_are_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
