/*
 * oracle.c - see oracle.h.
 */
#include "tests/query/oracle.h"

#include <math.h>
#include <stdio.h>
#include <strings.h>

#include "storage/base/thread.h"
#include "storage/clause.h"
#include "storage/value_text.h"

void
oracle_table_fini(struct oracle_table *table)
{
    for (size_t i = 0; i < (size_t)table->row_count * table->column_count; i++)
        free(table->cells[i].text);
    free(table->cells);
    *table = (struct oracle_table){0};
}

struct oracle_cell *
oracle_table_add(struct oracle_table *table)
{
    if (table->row_count == table->row_capacity) {
        table->row_capacity = table->row_capacity == 0 ? 64 : 2 * table->row_capacity;
        size_t cells = (size_t)table->row_capacity * sl_max_size(table->column_count, 1);
        table->cells = sl_grow(table->cells, sizeof(*table->cells), cells);
    }
    struct oracle_cell *row = &table->cells[(size_t)table->row_count * table->column_count];
    memset(row, 0, table->column_count * sizeof(*row));
    table->row_count++;
    return row;
}

void
oracle_cell_text(struct oracle_cell *cell, const void *bytes, size_t size_bytes)
{
    cell->kind = ORACLE_TEXT;
    cell->text = sl_new(size_bytes + 1);
    if (size_bytes != 0)
        memcpy(cell->text, bytes, size_bytes);
}

static int
compare_cells(const struct oracle_cell *a, const struct oracle_cell *b)
{
    bool number_a = a->kind == ORACLE_INTEGER || a->kind == ORACLE_REAL;
    bool number_b = b->kind == ORACLE_INTEGER || b->kind == ORACLE_REAL;

    if (number_a && number_b) {
        if (a->kind == ORACLE_REAL || b->kind == ORACLE_REAL)
            return 0;
        return (a->integer > b->integer) - (a->integer < b->integer);
    }
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    return a->kind == ORACLE_TEXT ? strcasecmp(a->text, b->text) : 0;
}

static int
compare_rows(const void *a, const void *b, void *context)
{
    const struct oracle_table *table = context;
    const struct oracle_cell *x = a;
    const struct oracle_cell *y = b;

    for (uint32_t i = 0; i < table->column_count; i++) {
        int order = compare_cells(&x[i], &y[i]);
        if (order != 0)
            return order;
    }
    return 0;
}

void
oracle_table_sort(struct oracle_table *table)
{
    if (table->row_count != 0)
        qsort_r(table->cells, table->row_count, table->column_count * sizeof(*table->cells),
                compare_rows, table);
}

bool
oracle_table_has_real(const struct oracle_table *table)
{
    for (size_t i = 0; i < (size_t)table->row_count * table->column_count; i++)
        if (table->cells[i].kind == ORACLE_REAL)
            return true;
    return false;
}

static double
number_of(const struct oracle_cell *cell)
{
    return cell->kind == ORACLE_INTEGER ? (double)cell->integer : cell->real;
}

static bool
cells_agree(const struct oracle_cell *a, const struct oracle_cell *b)
{
    bool number_a = a->kind == ORACLE_INTEGER || a->kind == ORACLE_REAL;
    bool number_b = b->kind == ORACLE_INTEGER || b->kind == ORACLE_REAL;

    if (!number_a || !number_b || (a->kind == ORACLE_INTEGER && b->kind == ORACLE_INTEGER))
        return compare_cells(a, b) == 0;
    double x = number_of(a);
    double y = number_of(b);
    return fabs(x - y) <= 6e-5 || fabs(x - y) <= 1e-9 * fabs(x);
}

static void
print_cell(const struct oracle_cell *cell, char *text, size_t text_bytes)
{
    switch (cell->kind) {
    case ORACLE_NULL:
        (void)snprintf(text, text_bytes, "NULL");
        break;
    case ORACLE_INTEGER:
        (void)snprintf(text, text_bytes, "%" PRId64, cell->integer);
        break;
    case ORACLE_REAL:
        (void)snprintf(text, text_bytes, "%.17g", cell->real);
        break;
    case ORACLE_TEXT:
        (void)snprintf(text, text_bytes, "'%s'", cell->text);
        break;
    }
}

const char *
oracle_table_differ(const struct oracle_table *a, const struct oracle_table *b)
{
    static char story[400];
    char x[100], y[100];

    if (a->row_count != b->row_count) {
        (void)snprintf(story, sizeof(story), "%" PRIu32 " rows, the oracle has %" PRIu32,
                       a->row_count, b->row_count);
        return story;
    }
    if (a->row_count != 0 && a->column_count != b->column_count)
        return "numbers of columns differ";
    for (uint32_t row = 0; row < a->row_count; row++)
        for (uint32_t i = 0; i < a->column_count; i++) {
            const struct oracle_cell *p = &a->cells[(size_t)row * a->column_count + i];
            const struct oracle_cell *q = &b->cells[(size_t)row * b->column_count + i];
            if (cells_agree(p, q))
                continue;
            print_cell(p, x, sizeof(x));
            print_cell(q, y, sizeof(y));
            (void)snprintf(story, sizeof(story),
                           "row %" PRIu32 " column %" PRIu32 ": %s, the oracle has %s", row, i, x,
                           y);
            return story;
        }
    return NULL;
}

void
oracle_addr_text(struct sl_addr addr, char text[33])
{
    (void)snprintf(text, 33, "%016" PRIx64 "%016" PRIx64, addr.high, addr.low);
}

static void
set_real(struct oracle_cell *cell, double real)
{
    cell->kind = ORACLE_REAL;
    cell->real = real;
}

static void
read_decimal(struct oracle_cell *cell, sl_i128 value, unsigned scale)
{
    if (scale == 0 && value <= INT64_MAX && value >= INT64_MIN) {
        cell->kind = ORACLE_INTEGER;
        cell->integer = (int64_t)value;
        return;
    }
    set_real(cell, (double)value / pow(10, scale));
}

static void
read_cell(struct oracle_cell *cell, const struct sl_vector *v, uint32_t row)
{
    char text[33];

    if (sl_vector_is_null(v, row))
        return;
    if (sl_type_is_bytes(v->type)) {
        struct sl_slice slice = sl_vector_slice(v, row);
        oracle_cell_text(cell, slice.bytes, slice.size_bytes);
    } else if (v->type == SL_TYPE_ADDR) {
        oracle_addr_text(sl_vector_addr(v, row), text);
        oracle_cell_text(cell, text, 32);
    } else if (v->type == SL_TYPE_F64) {
        set_real(cell, sl_vector_f64(v, row));
    } else if (v->type == SL_TYPE_DECIMAL) {
        read_decimal(cell, sl_vector_i128(v, row), v->scale);
    } else {
        cell->kind = ORACLE_INTEGER;
        cell->integer = (int64_t)sl_vector_u64(v, row);
    }
}

sl_status
oracle_run(const struct sl_query_env *env, const struct sl_session *session, const char *text,
           struct oracle_table *out_table, struct sl_error *err)
{
    struct sl_query *query = NULL;
    const struct sl_vector *vectors;
    uint32_t count;

    *out_table = (struct oracle_table){0};
    sl_status st = sl_query_prepare(env, session, text, strlen(text), &query, err);
    if (st != SL_OK)
        return st;
    out_table->column_count = sl_query_info(query)->column_count;
    for (;;) {
        st = sl_query_next(query, &vectors, &count, err);
        if (st != SL_OK || count == 0)
            break;
        for (uint32_t row = 0; row < count; row++) {
            struct oracle_cell *cells = oracle_table_add(out_table);
            for (uint32_t i = 0; i < out_table->column_count; i++) {
                assert_int_equal(vectors[i].count, count);
                read_cell(&cells[i], &vectors[i], row);
            }
        }
    }
    sl_query_free(query);
    return st;
}

void
oracle_store_open(struct oracle_store *s)
{
    struct sl_error err = {0};
    struct sl_store_options options = sl_store_options_default();

    if (s->directory == NULL)
        s->directory = test_dir_create();
    s->schema = sl_schema_create();
    s->pool = sl_pool_create("test", 2, 0);
    sl_pool_set_eager(s->pool);
    options.directory = s->directory;
    options.is_background_off = true;
    s->memory = (struct sl_budget){.limit_bytes = 16 << 20};
    options.cache_bytes = 16 << 20;
    options.memory = &s->memory;
    TEST_OK(sl_store_open(&options, s->schema, &s->store, &err), &err);
    s->env = (struct sl_query_env){.store = s->store,
                                   .schema = s->schema,
                                   .pool = s->pool,
                                   .threads_max = 2,
                                   .memory_bytes = (size_t)256 << 20,
                                   .prune = SL_PRUNE_ALL};
    s->session = (struct sl_session){
        .database = "flows", .time_zone = "UTC", .user = "test", .dialect = SL_DIALECT_MYSQL};
}

void
oracle_store_pause(struct oracle_store *s)
{
    sl_store_close(s->store);
    sl_pool_destroy(s->pool);
    sl_schema_destroy(s->schema);
}

void
oracle_store_close(struct oracle_store *s)
{
    oracle_store_pause(s);
    test_dir_remove(s->directory);
}
