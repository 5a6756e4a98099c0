/*
 * batch_test.c - the builder gives back what was put in, narrow.
 *
 * Method: random rows into a builder and into a naive table; every cell of the batch must agree.
 */
#include "storage/batch.h"

#include <stdio.h>

#include "tests/support/test.h"

enum { ROWS = 3000, COLUMNS = 12 };

struct cell {
    bool is_set;
    uint64_t number;
    struct sl_addr addr;
    char text[24];
};

static struct cell table[ROWS][COLUMNS];

static const struct sl_column *
test_column(struct sl_schema *schema, unsigned index)
{
    static const enum sl_type types[COLUMNS] = {
        SL_TYPE_U8,   SL_TYPE_U16, SL_TYPE_U32,  SL_TYPE_U64,    SL_TYPE_I64,  SL_TYPE_F64,
        SL_TYPE_TIME, SL_TYPE_MAC, SL_TYPE_ADDR, SL_TYPE_OCTETS, SL_TYPE_TEXT, SL_TYPE_BOOL,
    };
    char name[16];
    struct sl_error err = {0};
    const struct sl_column *column = NULL;
    (void)snprintf(name, sizeof(name), "c%u", index);
    TEST_OK(sl_schema_add(schema, name, types[index], SL_UNIT_NONE, &column, &err), &err);
    return column;
}

static uint64_t
random_number(uint64_t *seed, enum sl_type type)
{
    uint64_t value = test_random(seed) >> test_random_below(seed, 64);
    size_t bits = sl_type_bytes(type) * 8;
    return bits < 64 ? value & ((UINT64_C(1) << bits) - 1) : value;
}

static void
put_cell(struct sl_builder *builder, const struct sl_column *column, const struct cell *cell)
{
    struct sl_builder_column *c = sl_builder_column(builder, column);
    if (sl_type_is_bytes(column->type))
        sl_builder_set_slice(builder, c, cell->text, strlen(cell->text));
    else if (column->type == SL_TYPE_ADDR)
        sl_builder_set_addr(builder, c, cell->addr);
    else if (column->type == SL_TYPE_F64)
        sl_builder_set_f64(builder, c, (double)cell->number);
    else
        sl_builder_set_u64(builder, c, cell->number);
}

static void
check_cell(const struct sl_vector *v, uint32_t row, const struct cell *cell)
{
    if (v == NULL || sl_vector_is_null(v, row)) {
        assert_false(cell->is_set);
        return;
    }
    assert_true(cell->is_set);
    if (sl_type_is_bytes(v->type)) {
        struct sl_slice slice = sl_vector_slice(v, row);
        assert_int_equal(slice.size_bytes, strlen(cell->text));
        assert_memory_equal(slice.bytes, cell->text, slice.size_bytes);
    } else if (v->type == SL_TYPE_ADDR) {
        assert_true(sl_addr_equal(sl_vector_addr(v, row), cell->addr));
    } else if (v->type == SL_TYPE_F64) {
        assert_true(sl_vector_f64(v, row) == (double)cell->number);
    } else {
        assert_true(sl_vector_u64(v, row) == cell->number);
    }
}

static void
fill_row(uint64_t *seed, struct sl_schema *schema, unsigned row, unsigned shape)
{
    for (unsigned i = 0; i < COLUMNS; i++) {
        struct cell *cell = &table[row][i];
        enum sl_type type = test_column(schema, i)->type;
        bool is_constant = (shape >> i & 1) != 0;
        cell->is_set = is_constant || test_random_below(seed, 4) != 0;
        cell->number = is_constant ? 1 : random_number(seed, type);
        cell->addr = sl_addr_from_v4((uint32_t)cell->number);
        if (shape % 3 == 0 && !is_constant)
            cell->addr.high = test_random(seed);
        (void)snprintf(cell->text, sizeof(cell->text), "%.*s", (int)(cell->number % 20),
                       "abcdefghijklmnopqrst");
    }
}

static void
every_cell_comes_back(void **state)
{
    uint64_t seed = test_seed();
    struct sl_schema *schema = sl_schema_create();
    struct sl_builder *builder = sl_builder_create(ROWS);
    (void)state;
    for (unsigned round = 0; round < 20; round++) {
        unsigned rows = 1 + (unsigned)test_random_below(&seed, ROWS);
        unsigned shape = (unsigned)test_random(&seed);
        for (unsigned row = 0; row < rows; row++) {
            fill_row(&seed, schema, row, shape);
            /* Now and then a row is begun, abandoned, and begun again. */
            if (test_random_below(&seed, 16) == 0) {
                for (unsigned i = 0; i < COLUMNS; i += 2)
                    put_cell(builder, test_column(schema, i), &table[row][i]);
                sl_builder_abandon(builder);
            }
            for (unsigned i = 0; i < COLUMNS; i++)
                if (table[row][i].is_set)
                    put_cell(builder, test_column(schema, i), &table[row][i]);
            sl_builder_next(builder);
        }
        struct sl_batch *batch = sl_builder_finish(builder);
        assert_int_equal(batch->row_count, rows);
        for (unsigned i = 0; i < COLUMNS; i++) {
            const struct sl_vector *v = sl_batch_find(batch, test_column(schema, i));
            for (unsigned row = 0; row < rows; row++)
                check_cell(v, row, &table[row][i]);
        }
        sl_batch_release(batch);
    }
    sl_builder_destroy(builder);
    sl_schema_destroy(schema);
}

static void
equal_rows_become_a_constant_and_small_numbers_narrow(void **state)
{
    struct sl_schema *schema = sl_schema_create();
    struct sl_builder *builder = sl_builder_create(100);
    const struct sl_column *protocol = sl_schema_at(schema, SL_COLUMN_PROTOCOL);
    const struct sl_column *in_bytes = sl_schema_at(schema, SL_COLUMN_IN_BYTES);
    const struct sl_column *src_addr = sl_schema_at(schema, SL_COLUMN_SRC_ADDR);
    (void)state;
    for (unsigned row = 0; row < 100; row++) {
        sl_builder_set_u64(builder, sl_builder_column(builder, protocol), 6);
        sl_builder_set_u64(builder, sl_builder_column(builder, in_bytes), row);
        sl_builder_set_addr(builder, sl_builder_column(builder, src_addr), sl_addr_from_v4(row));
        sl_builder_next(builder);
    }
    struct sl_batch *batch = sl_builder_finish(builder);
    assert_int_equal(sl_batch_find(batch, protocol)->encoding, SL_CONSTANT);
    assert_int_equal(sl_batch_find(batch, in_bytes)->width, 1);
    assert_int_equal(sl_batch_find(batch, src_addr)->width, 4);
    assert_null(sl_batch_find(batch, sl_schema_at(schema, SL_COLUMN_VLAN)));
    assert_in_range(sl_batch_bytes(batch), 501, 1500); /* what the memtable counts */
    sl_batch_release(batch);
    assert_null(sl_builder_finish(builder));
    sl_builder_destroy(builder);
    sl_schema_destroy(schema);
}

static void
a_column_that_cannot_be_null_is_zero_where_nothing_was_set(void **state)
{
    struct sl_schema *schema = sl_schema_create();
    struct sl_builder *builder = sl_builder_create(2);
    const struct sl_column *vlan = sl_schema_at(schema, SL_COLUMN_VLAN);
    (void)state;
    sl_builder_set_u64(builder, sl_builder_column(builder, vlan), 7);
    sl_builder_next(builder);
    sl_builder_next(builder);
    struct sl_batch *batch = sl_builder_finish(builder);
    const struct sl_vector *v = sl_batch_find(batch, vlan);
    assert_null(v->present);
    assert_int_equal(sl_vector_u64(v, 0), 7);
    assert_int_equal(sl_vector_u64(v, 1), 0);
    sl_batch_release(batch);
    sl_builder_destroy(builder);
    sl_schema_destroy(schema);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cell_comes_back),
        cmocka_unit_test(equal_rows_become_a_constant_and_small_numbers_narrow),
        cmocka_unit_test(a_column_that_cannot_be_null_is_zero_where_nothing_was_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
