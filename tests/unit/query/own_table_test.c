/*
 * own_table_test.c - rows of clients' own tables: what is put is taken again, damage is seen, limits hold, and rows
 * stay with their table.
 */
#include "query/own_table.h"

#include "tests/support/test.h"

enum { ARENA_BYTES = 16 << 20 };

static struct sl_slice
slice_of(const char *text)
{
    return (struct sl_slice){.bytes = (const uint8_t *)text, .size_bytes = (uint32_t)strlen(text)};
}

static struct sl_definition
definition_of(const char *columns)
{
    return (struct sl_definition){.kind = SL_DEFINITION_TABLE,
                                  .database = slice_of("d"),
                                  .name = slice_of("t"),
                                  .text = slice_of(columns)};
}

static void
rows_are_taken_as_they_were_put(void **state)
{
    const struct sl_definition definition = definition_of(
        "varchar(9)\ta\nint unsigned\tb\ndecimal(6,2)\tc\ndouble\td\nvarbinary(4)\te\n");
    struct sl_arena *arena = sl_arena_create(ARENA_BYTES);
    struct sl_own_table *table = NULL;
    struct sl_error err = {0};
    struct sl_buf out = sl_buf_empty(1 << 16);
    const struct sl_value values[] = {
        {.type = SL_TYPE_TEXT, .as.slice = slice_of("x")},
        {.type = SL_TYPE_U64, .as.u64 = UINT64_MAX},
        {.type = SL_TYPE_DECIMAL, .scale = 2, .as.i128 = -((sl_i128)1 << 100)},
        {.type = SL_TYPE_F64, .is_null = true},
        {.type = SL_TYPE_OCTETS, .as.slice = slice_of("")},
    };
    struct sl_value taken[SL_COUNTOF(values)];
    (void)state;

    TEST_OK(sl_own_table_make(&definition, arena, &table, &err), &err);
    assert_int_equal(table->column_count, SL_COUNTOF(values));
    assert_string_equal(table->table.columns[4].name, "e");
    sl_own_row_put(&out, table, values);
    struct sl_cursor cursor = sl_cursor_over(out.bytes, out.size_bytes);
    assert_true(sl_own_row_take(&cursor, table, taken));
    assert_int_equal(sl_cursor_left(&cursor), 0);
    assert_memory_equal(taken[0].as.slice.bytes, "x", 1);
    assert_true(taken[1].as.u64 == UINT64_MAX && taken[2].as.i128 == values[2].as.i128);
    assert_true(taken[3].is_null && !taken[4].is_null);
    assert_int_equal(taken[4].as.slice.size_bytes, 0);
    for (size_t cut = 0; cut < out.size_bytes; cut++) {
        cursor = sl_cursor_over(out.bytes, cut);
        assert_false(sl_own_row_take(&cursor, table, taken));
    }
    out.bytes[0] = 2; /* neither NULL nor there */
    cursor = sl_cursor_over(out.bytes, out.size_bytes);
    assert_false(sl_own_row_take(&cursor, table, taken));
    sl_buf_fini(&out);
    sl_arena_destroy(arena);
}

/* `context`: how many bytes there are to be. */
static sl_status
fill_bytes(void *context, struct sl_slice rows, struct sl_buf *out_rows, struct sl_error *err)
{
    const size_t *size_bytes = context;

    (void)rows;
    (void)err;
    sl_buf_u32le(out_rows, 7);
    (void)sl_buf_extend(out_rows, *size_bytes - 4);
    return SL_OK;
}

static void
rows_stay_with_their_table_and_within_their_limit(void **state)
{
    struct sl_definitions *definitions = sl_definitions_create(NULL, NULL, NULL);
    struct sl_arena *arena = sl_arena_create(ARENA_BYTES);
    struct sl_definition definition = definition_of("int\ta\n"), found;
    struct sl_slice database = slice_of("D"), name = slice_of("T"), rows;
    struct sl_error err = {0};
    size_t size_bytes = SL_DEFINITION_ROWS_BYTES_MAX;
    bool is_found;
    (void)state;

    assert_int_equal(
        sl_definitions_change_rows(definitions, database, name, fill_bytes, &size_bytes, &err),
        SL_NAME);
    TEST_OK(sl_definitions_put(definitions, &definition, &err), &err);
    TEST_OK(sl_definitions_change_rows(definitions, database, name, fill_bytes, &size_bytes, &err),
            &err);
    size_bytes++;
    assert_int_equal(
        sl_definitions_change_rows(definitions, database, name, fill_bytes, &size_bytes, &err),
        SL_LIMIT);
    definition.text = slice_of("int\tb\n");
    TEST_OK(sl_definitions_put(definitions, &definition, &err), &err);
    assert_true(sl_definitions_find(definitions, database, name, arena, &found));
    assert_int_equal(found.row_count, 7);
    assert_true(sl_definitions_rows(definitions, database, name, arena, &rows));
    assert_int_equal(rows.size_bytes, SL_DEFINITION_ROWS_BYTES_MAX);
    TEST_OK(sl_definitions_remove(definitions, database, name, &is_found, &err), &err);
    assert_false(sl_definitions_rows(definitions, database, name, arena, &rows));
    TEST_OK(sl_definitions_put(definitions, &definition, &err), &err);
    assert_true(sl_definitions_rows(definitions, database, name, arena, &rows));
    assert_int_equal(rows.size_bytes, 0);

    /* All tables together. */
    size_bytes = SL_DEFINITION_ROWS_BYTES_MAX;
    sl_status st = SL_OK;
    unsigned full = 0;
    for (; full < 20 && st == SL_OK; full++) {
        char other[8] = {'o', (char)('a' + full), '\0'};
        definition.name = slice_of(other);
        TEST_OK(sl_definitions_put(definitions, &definition, &err), &err);
        st = sl_definitions_change_rows(definitions, database, definition.name, fill_bytes,
                                        &size_bytes, &err);
    }
    assert_int_equal(st, SL_LIMIT);
    assert_int_equal(full, SL_DEFINITIONS_ROWS_BYTES_MAX / SL_DEFINITION_ROWS_BYTES_MAX + 1);
    sl_arena_destroy(arena);
    sl_definitions_close(definitions);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_taken_as_they_were_put),
        cmocka_unit_test(rows_stay_with_their_table_and_within_their_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
