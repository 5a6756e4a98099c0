/*
 * group_distinct_test.c - distinct values by group, and sums by dictionary code, agree with a sort.
 *
 * Method: a source of the test hands out chunks of a key (a number, or an address of a dictionary
 * with a name that changes now and then), and of values of 2, 4, 8 bytes and addresses of both families. A
 * few groups have most of the rows, many have one or two. Tables are united on the way in some
 * turns, by up to three workers. The naive side sorts (group, value) and counts. Sums are of values
 * of which two overflow 64 bits, or of such that cannot be summed by code at all.
 */
#include "query/group.h"
#include "tests/support/test.h"
#include "tests/unit/query/op_world.h"

enum { CHUNK = 6000, CHUNKS = 9, ROWS = CHUNK * CHUNKS, ENTRIES = 3000 };
enum { K_NUMBER = 0, K_ADDR, V_SHORT, V_LONG, V_ADDR, V_WIDE, COLUMNS };

static const struct sl_sql_type types[COLUMNS] = {
    {.type = SL_TYPE_U32}, {.type = SL_TYPE_ADDR, .is_nullable = true}, {.type = SL_TYPE_U16},
    {.type = SL_TYPE_U32}, {.type = SL_TYPE_ADDR, .is_nullable = true}, {.type = SL_TYPE_U64},
};

/* Address number n: every third one IPv6, 0 is none. */
static struct sl_addr
addr_of(uint32_t n)
{
    return (struct sl_addr){.low = n, .high = n % 3 == 0 ? UINT64_C(0x20010db800000000) : 0};
}

struct row {
    uint32_t group;           /* of both keys: number, or entry of the dictionary */
    uint64_t values[COLUMNS]; /* V_SHORT .. V_WIDE; of an address its number */
};

struct source {
    struct op_source base;
    struct row *rows;
};

/* ---- rows as columns ---- */

static struct sl_vector
plain(const struct row *rows, unsigned column, struct sl_arena *arena)
{
    size_t width = sl_type_bytes(types[column].type);
    uint8_t *values = sl_arena_calloc(arena, CHUNK, width);

    for (uint32_t i = 0; i < CHUNK; i++) {
        uint64_t number = column == K_NUMBER ? rows[i].group : rows[i].values[column];
        memcpy(values + i * width, &number, width);
    }
    return (struct sl_vector){.type = types[column].type,
                              .encoding = SL_PLAIN,
                              .width = (uint8_t)width,
                              .count = CHUNK,
                              .value_count = CHUNK,
                              .values = values};
}

/* Addresses of a dictionary of ENTRIES and a name; number 0 is NULL. `turn` is added to the order
 * of its entries, so that another name has other codes. */
static struct sl_vector
coded(const struct row *rows, unsigned column, uint32_t turn, struct sl_arena *arena)
{
    struct sl_addr *entries = sl_arena_calloc(arena, ENTRIES, sizeof(*entries));
    uint32_t *codes = sl_arena_calloc(arena, CHUNK, sizeof(*codes));
    uint64_t *present = sl_arena_calloc(arena, sl_words_for(CHUNK), sizeof(*present));

    for (uint32_t e = 0; e < ENTRIES; e++)
        entries[e] = addr_of((e + turn) % ENTRIES);
    for (uint32_t i = 0; i < CHUNK; i++) {
        uint32_t number = column == K_ADDR ? rows[i].group : (uint32_t)rows[i].values[column];
        codes[i] = (number + ENTRIES - turn) % ENTRIES;
        if (number != 0)
            sl_bit_set(present, i);
    }
    return (struct sl_vector){.type = SL_TYPE_ADDR,
                              .encoding = SL_DICT,
                              .width = sizeof(struct sl_addr),
                              .count = CHUNK,
                              .value_count = ENTRIES,
                              .values = entries,
                              .codes = codes,
                              .present = present,
                              .dictionary = 100 * column + turn + 1};
}

static sl_status
source_next(struct sl_op *op, unsigned worker, struct sl_chunk *out_chunk, struct sl_error *err)
{
    struct source *source = op->state;
    struct sl_arena *arena = source->base.arenas.arenas[worker];
    unsigned number = atomic_fetch_add(&source->base.next, 1);

    (void)err;
    sl_arena_reset(arena);
    if (number >= CHUNKS)
        return SL_OK;
    const struct row *rows = source->rows + (size_t)number * CHUNK;
    struct sl_vector *vectors = sl_arena_calloc(arena, COLUMNS, sizeof(*vectors));
    for (unsigned c = 0; c < COLUMNS; c++)
        vectors[c] = types[c].type == SL_TYPE_ADDR ? coded(rows, c, number / 3, arena)
                                                   : plain(rows, c, arena);
    out_chunk->count = CHUNK;
    out_chunk->inputs = vectors;
    out_chunk->arena = arena;
    return SL_OK;
}

static const struct sl_op_class source_class = {
    .name = "source", .start = op_source_start, .next = source_next, .close = op_source_close};

/* ---- a world ---- */

struct world {
    struct op_world op;
    struct row *rows;
};

static void
open_world(struct world *w, unsigned threads)
{
    struct source *source =
        op_world_open(&w->op, threads, types, COLUMNS, &source_class, sizeof(*source));
    source->rows = w->rows = sl_try_alloc(ROWS * sizeof(struct row));
    assert_non_null(w->rows);
}

static void
close_world(struct world *w, struct sl_op *root)
{
    free(w->rows);
    op_world_close(&w->op, root);
}

/* Grouped by a column; by none where it is COLUMNS. */
static struct sl_op *
start_group(struct world *w, unsigned key_column, const struct sl_aggregate *aggregates,
            uint32_t aggregate_count, size_t room_bytes)
{
    struct sl_key *key = sl_arena_calloc(w->op.exec.arena, 1, sizeof(*key));

    if (key_column != COLUMNS)
        *key =
            (struct sl_key){.expr = op_world_input(&w->op, key_column), .type = types[key_column]};
    return op_world_group(&w->op, key, key_column != COLUMNS, aggregates, aggregate_count, NULL,
                          room_bytes);
}

/* A few groups have most of the rows. Values of large groups repeat. */
static void
make_rows(struct row *rows, uint64_t *seed)
{
    for (uint32_t i = 0; i < ROWS; i++) {
        uint64_t draw = test_random(seed) >> 8;
        struct row *row = &rows[i];
        *row = (struct row){.group = (uint32_t)(draw % 4 == 0 ? draw / 4 % ENTRIES : draw / 4 % 5)};
        row->values[V_SHORT] = draw / 65536 % (row->group < 2 ? 65536 : 40);
        row->values[V_LONG] = draw / 1024 % 700 * (row->group == 3 ? 6000000 : 1);
        row->values[V_ADDR] = draw / 4096 % ENTRIES;
        row->values[V_WIDE] = draw / 16384 % 900 << 40;
    }
}

/* ---- the naive side ---- */

struct pair {
    uint64_t group, value;
};

static int
compare_pairs(const void *p, const void *q)
{
    const struct pair *a = p;
    const struct pair *b = q;
    int order = (a->group > b->group) - (a->group < b->group);
    return order != 0 ? order : (a->value > b->value) - (a->value < b->value);
}

/* How many distinct values of a column each group has, and their sum; 0 of an address is none. */
static void
count_naively(const struct row *rows, bool has_keys, unsigned column, uint64_t *counts,
              uint64_t *sums)
{
    struct pair *pairs = sl_new(ROWS * sizeof(*pairs));

    for (uint32_t i = 0; i < ROWS; i++)
        pairs[i] = (struct pair){has_keys ? rows[i].group : 0, rows[i].values[column]};
    qsort(pairs, ROWS, sizeof(*pairs), compare_pairs);
    memset(counts, 0, ENTRIES * sizeof(*counts));
    memset(sums, 0, ENTRIES * sizeof(*sums));
    for (uint32_t i = 0; i < ROWS; i++) {
        bool is_new = i == 0 || compare_pairs(&pairs[i], &pairs[i - 1]) != 0;
        if (!is_new || (types[column].type == SL_TYPE_ADDR && pairs[i].value == 0))
            continue;
        counts[pairs[i].group]++;
        sums[pairs[i].group] += pairs[i].value;
    }
    free(pairs);
}

/* Which group a row of the operator is. */
static uint32_t
read_group(const struct sl_chunk *chunk, uint32_t row, unsigned key_column)
{
    if (key_column == COLUMNS || sl_vector_is_null(&chunk->keys[0], row))
        return 0;
    if (key_column == K_NUMBER)
        return (uint32_t)sl_vector_u64(&chunk->keys[0], row);
    struct sl_addr addr = sl_vector_addr(&chunk->keys[0], row);
    assert_true(sl_addr_equal(addr, addr_of((uint32_t)addr.low)));
    return (uint32_t)addr.low;
}

/* ---- tests ---- */

enum { DISTINCT_COLUMNS = V_WIDE - V_SHORT + 1 };

static void
check_distinct(struct world *w, struct sl_op *op, unsigned key_column)
{
    static uint64_t counts[DISTINCT_COLUMNS][ENTRIES], sums[DISTINCT_COLUMNS][ENTRIES];
    static bool seen[ENTRIES];
    struct sl_chunk chunk;

    memset(seen, 0, sizeof(seen));
    for (unsigned c = 0; c < DISTINCT_COLUMNS; c++)
        count_naively(w->rows, key_column != COLUMNS, V_SHORT + c, counts[c], sums[c]);
    while (op_world_groups(op, &chunk)) {
        for (uint32_t row = 0; row < chunk.count; row++) {
            uint32_t group = read_group(&chunk, row, key_column);
            const struct sl_vector *v = chunk.aggregates;
            assert_false(seen[group]);
            seen[group] = true;
            for (unsigned c = 0; c < DISTINCT_COLUMNS; c++)
                assert_int_equal(sl_vector_u64(v++, row), counts[c][group]);
            assert_true(sl_vector_i128(v, row) == sums[V_LONG - V_SHORT][group]);
        }
    }
    for (uint32_t i = 0; i < ROWS; i++)
        assert_true(seen[key_column == COLUMNS ? 0 : w->rows[i].group]);
}

static void
distinct_values_agree_with_a_sort(void **state)
{
    static const unsigned key_columns[] = {K_NUMBER, K_ADDR, COLUMNS};
    uint64_t seed = test_seed();
    (void)state;

    for (unsigned turn = 0; turn < 12; turn++) {
        struct world w;
        open_world(&w, turn % 4 == 0 ? 1 : 3);
        make_rows(w.rows, &seed);
        struct sl_aggregate aggregates[DISTINCT_COLUMNS + 1];
        for (unsigned c = 0; c < DISTINCT_COLUMNS; c++)
            aggregates[c] = (struct sl_aggregate){.kind = SL_AGG_COUNT_DISTINCT,
                                                  .type.type = SL_TYPE_I64,
                                                  .argument = op_world_input(&w.op, V_SHORT + c)};
        aggregates[DISTINCT_COLUMNS] =
            (struct sl_aggregate){.kind = SL_AGG_SUM_DISTINCT,
                                  .type.type = SL_TYPE_DECIMAL,
                                  .argument = op_world_input(&w.op, V_LONG)};
        unsigned key_column = key_columns[turn % SL_COUNTOF(key_columns)];
        struct sl_op *op =
            start_group(&w, key_column, aggregates, DISTINCT_COLUMNS + 1, turn % 2 == 0 ? 1 : 0);
        check_distinct(&w, op, key_column);
        close_world(&w, op);
    }
}

static void
sums_by_code_agree_with_naive_ones(void **state)
{
    static sl_i128 sums[ENTRIES];
    static uint64_t counts[ENTRIES];
    uint64_t seed = test_seed();
    struct sl_chunk chunk;
    (void)state;

    for (unsigned turn = 0; turn < 6; turn++) {
        struct world w;
        open_world(&w, turn % 3 + 1);
        make_rows(w.rows, &seed);
        memset(sums, 0, sizeof(sums));
        memset(counts, 0, sizeof(counts));
        for (uint32_t i = 0; i < ROWS; i++) {
            struct row *row = &w.rows[i];
            /* A chunk may be added to sums that may overflow then; or not at all. */
            row->values[V_WIDE] <<= turn % 3 == 1 ? 2 : 0;
            if (turn % 3 == 2 && i % 5000 == 1)
                row->values[V_WIDE] = UINT64_MAX - i;
            sums[row->group] += row->values[V_WIDE];
            counts[row->group]++;
        }
        struct sl_aggregate aggregates[] = {
            {.kind = SL_AGG_COUNT_STAR, .type.type = SL_TYPE_I64},
            {.kind = SL_AGG_SUM,
             .type.type = SL_TYPE_DECIMAL,
             .argument = op_world_input(&w.op, V_WIDE)},
        };
        struct sl_op *op = start_group(&w, K_ADDR, aggregates, 2, turn < 3 ? 1 : 0);
        uint32_t groups = 0;
        while (op_world_groups(op, &chunk)) {
            for (uint32_t row = 0; row < chunk.count; row++, groups++) {
                uint32_t group = read_group(&chunk, row, K_ADDR);
                assert_int_equal(sl_vector_u64(&chunk.aggregates[0], row), counts[group]);
                assert_true(sl_vector_i128(&chunk.aggregates[1], row) == sums[group]);
                counts[group] = 0;
            }
        }
        for (uint32_t i = 0; i < ENTRIES; i++)
            assert_int_equal(counts[i], 0);
        assert_true(groups <= ENTRIES);
        close_world(&w, op);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distinct_values_agree_with_a_sort),
        cmocka_unit_test(sums_by_code_agree_with_naive_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
