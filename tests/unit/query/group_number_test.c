/*
 * group_number_test.c - groups by number agree with a linear search.
 *
 * Method: a source of the test hands out chunks whose columns come plain in every width, constant or by
 * dictionary, with and without a selection and NULLs, from keys that stay narrow to ones that
 * outgrow a code. Sums are of values so large that they must be moved to the records on the way,
 * or cannot be summed by number at all. Other sources have more groups than there are numbers, or
 * groups that are not worth one.
 */
#include "query/group.h"
#include "tests/support/test.h"
#include "tests/unit/query/op_world.h"

enum { CHUNK = 3000, CHUNKS = 8, COLUMNS = 5, K_PORT = 0, K_WIDE, K_ADDR, K_TIME, V_SUM };

static const struct sl_sql_type types[COLUMNS] = {
    {.type = SL_TYPE_U16, .is_nullable = true},
    {.type = SL_TYPE_U64},
    {.type = SL_TYPE_ADDR},
    {.type = SL_TYPE_TIME},
    {.type = SL_TYPE_U64},
};

struct row {
    bool has_port;
    bool is_left_out; /* of the selection */
    uint64_t port, wide, value;
    struct sl_addr addr;
    int64_t time;
};

struct source {
    struct op_source base;
    struct row *rows; /* CHUNK * chunk_count */
    unsigned chunk_count;
    uint64_t seed; /* of the forms; changes with each chunk */
    bool is_plain; /* no dictionaries */
};

/* ---- rows as columns ---- */

static uint64_t
number_of(const struct row *row, unsigned column)
{
    return column == K_PORT   ? row->port
           : column == K_WIDE ? row->wide
           : column == K_TIME ? (uint64_t)row->time
                              : row->value;
}

/* Plain, as narrow as the values allow; or wider. */
static void
fill_plain(struct sl_vector *v, const struct row *rows, unsigned column, uint64_t draw,
           struct sl_arena *arena)
{
    uint64_t any = 0;

    for (uint32_t i = 0; i < v->count; i++)
        any |= number_of(&rows[i], column);
    v->width = any <= UINT8_MAX ? 1 : any <= UINT16_MAX ? 2 : any <= UINT32_MAX ? 4 : 8;
    if (column == K_TIME || draw % 3 == 0)
        v->width = (uint8_t)sl_type_bytes(v->type);
    uint8_t *values = sl_arena_calloc(arena, v->count, 16);
    for (uint32_t i = 0; i < v->count; i++) {
        uint64_t number = number_of(&rows[i], column);
        if (column == K_ADDR)
            memcpy(values + (size_t)i * 16, &rows[i].addr, 16);
        else
            memcpy(values + (size_t)i * v->width, &number, v->width);
    }
    v->width = column == K_ADDR ? 16 : v->width;
    v->encoding = SL_PLAIN;
    v->value_count = v->count;
    v->values = values;
}

/* A dictionary of what a plain vector has; constant where that is one value. */
static void
make_dictionary(struct sl_vector *v, struct sl_arena *arena)
{
    const uint8_t *plain = v->values;
    uint8_t *entries = sl_arena_calloc(arena, v->count, v->width);
    uint32_t *codes = sl_arena_calloc(arena, v->count, sizeof(*codes));
    uint32_t entry_count = 0;

    for (uint32_t i = 0; i < v->count; i++) {
        const uint8_t *value = plain + (size_t)i * v->width;
        uint32_t e = 0;
        while (e < entry_count && memcmp(entries + (size_t)e * v->width, value, v->width) != 0)
            e++;
        if (e == entry_count)
            memcpy(entries + (size_t)entry_count++ * v->width, value, v->width);
        codes[i] = e;
    }
    v->encoding = entry_count == 1 ? SL_CONSTANT : SL_DICT;
    v->values = entries;
    v->value_count = entry_count;
    v->codes = codes;
}

/* NULL: no row is left out. */
static uint64_t *
select_rows(const struct row *rows, struct sl_arena *arena)
{
    uint64_t *selection = sl_arena_calloc(arena, sl_words_for(CHUNK), sizeof(*selection));
    uint32_t count = 0;

    for (uint32_t i = 0; i < CHUNK; i++) {
        if (!rows[i].is_left_out)
            sl_bit_set(selection, i);
        count += !rows[i].is_left_out;
    }
    return count == CHUNK ? NULL : selection;
}

static sl_status
source_next(struct sl_op *op, unsigned worker, struct sl_chunk *out_chunk, struct sl_error *err)
{
    struct source *source = op->state;
    struct sl_arena *arena = source->base.arenas.arenas[worker];
    unsigned number = atomic_fetch_add(&source->base.next, 1);
    uint64_t seed = source->seed + number;

    (void)err;
    sl_arena_reset(arena);
    if (number >= source->chunk_count)
        return SL_OK;
    const struct row *rows = source->rows + (size_t)number * CHUNK;
    struct sl_vector *vectors = sl_arena_calloc(arena, COLUMNS, sizeof(*vectors));
    uint64_t *present = sl_arena_calloc(arena, sl_words_for(CHUNK), sizeof(*present));
    uint32_t present_count = 0;
    for (uint32_t i = 0; i < CHUNK; i++) {
        if (rows[i].has_port)
            sl_bit_set(present, i);
        present_count += rows[i].has_port;
    }
    for (unsigned c = 0; c < COLUMNS; c++) {
        uint64_t draw = test_random(&seed) >> 8;
        vectors[c].type = types[c].type;
        vectors[c].count = CHUNK;
        fill_plain(&vectors[c], rows, c, draw, arena);
        if (!source->is_plain &&
            (draw % 2 == 0 || ((c == K_ADDR || c == K_TIME) && draw % 16 != 1)))
            make_dictionary(&vectors[c], arena);
    }
    vectors[K_PORT].present = present_count == CHUNK ? NULL : present;
    out_chunk->selection = select_rows(rows, arena);
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
    struct source *source;
};

static void
open_world(struct world *w, unsigned threads, unsigned chunk_count)
{
    w->source =
        op_world_open(&w->op, threads, types, COLUMNS, &source_class, sizeof(struct source));
    w->source->chunk_count = chunk_count;
    w->source->rows = sl_try_alloc((size_t)chunk_count * CHUNK * sizeof(struct row));
    assert_non_null(w->source->rows);
}

static void
close_world(struct world *w, struct sl_op *root)
{
    free(w->source->rows);
    op_world_close(&w->op, root);
}

/* The first of COUNT(*), SUM(value), COUNT(port), MAX(value) by the keys of `key_columns`, a bitmap. */
static struct sl_op *
start_group(struct world *w, unsigned key_columns, uint32_t aggregate_count, size_t room_bytes)
{
    struct sl_key *keys = sl_arena_calloc(w->op.exec.arena, COLUMNS, sizeof(*keys));
    struct sl_aggregate *aggregates = sl_arena_calloc(w->op.exec.arena, 4, sizeof(*aggregates));
    uint32_t key_count = 0;

    for (uint32_t c = 0; c < COLUMNS; c++)
        if ((key_columns >> c & 1) != 0)
            keys[key_count++] =
                (struct sl_key){.expr = op_world_input(&w->op, c), .type = types[c]};
    aggregates[0] = (struct sl_aggregate){.kind = SL_AGG_COUNT_STAR, .type.type = SL_TYPE_I64};
    aggregates[1] = (struct sl_aggregate){.kind = SL_AGG_SUM,
                                          .type.type = SL_TYPE_DECIMAL,
                                          .argument = op_world_input(&w->op, V_SUM)};
    aggregates[2] = (struct sl_aggregate){
        .kind = SL_AGG_COUNT, .type.type = SL_TYPE_I64, .argument = op_world_input(&w->op, K_PORT)};
    aggregates[3] = (struct sl_aggregate){
        .kind = SL_AGG_MAX, .type.type = SL_TYPE_U64, .argument = op_world_input(&w->op, V_SUM)};
    return op_world_group(&w->op, keys, key_count, aggregates, aggregate_count, NULL, room_bytes);
}

/* ---- the naive side ---- */

struct naive {
    const struct row *first;
    uint64_t count, ports, max;
    sl_i128 sum;
};

static bool
is_same(const struct row *a, const struct row *b, unsigned key_columns)
{
    bool same = true;

    if ((key_columns >> K_PORT & 1) != 0)
        same = same && a->has_port == b->has_port && (!a->has_port || a->port == b->port);
    if ((key_columns >> K_WIDE & 1) != 0)
        same = same && a->wide == b->wide;
    if ((key_columns >> K_ADDR & 1) != 0)
        same = same && sl_addr_equal(a->addr, b->addr);
    if ((key_columns >> K_TIME & 1) != 0)
        same = same && a->time == b->time;
    return same;
}

static struct naive *
find(struct naive *groups, uint32_t *count, const struct row *row, unsigned key_columns)
{
    for (uint32_t i = 0; i < *count; i++)
        if (is_same(groups[i].first, row, key_columns))
            return &groups[i];
    groups[*count] = (struct naive){.first = row};
    return &groups[(*count)++];
}

static uint32_t
group_naively(const struct source *source, unsigned key_columns, struct naive *groups)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < source->chunk_count * CHUNK; i++) {
        const struct row *row = &source->rows[i];
        if (row->is_left_out)
            continue;
        struct naive *g = find(groups, &count, row, key_columns);
        g->count++;
        g->ports += row->has_port;
        g->sum += row->value;
        g->max = row->value > g->max ? row->value : g->max;
    }
    return count;
}

static struct row
read_keys(const struct sl_chunk *chunk, uint32_t row, unsigned key_columns)
{
    struct row key = {0};
    const struct sl_vector *v = chunk->keys;

    if ((key_columns >> K_PORT & 1) != 0) {
        key.has_port = !sl_vector_is_null(v, row);
        key.port = key.has_port ? sl_vector_u64(v, row) : 0;
        v++;
    }
    if ((key_columns >> K_WIDE & 1) != 0)
        key.wide = sl_vector_u64(v++, row);
    if ((key_columns >> K_ADDR & 1) != 0)
        key.addr = sl_vector_addr(v++, row);
    if ((key_columns >> K_TIME & 1) != 0)
        key.time = (int64_t)sl_vector_u64(v, row);
    return key;
}

static void
make_rows(struct source *source, uint64_t *seed, unsigned turn)
{
    for (uint32_t i = 0; i < source->chunk_count * CHUNK; i++) {
        struct row *row = &source->rows[i];
        unsigned chunk = i / CHUNK;
        uint64_t draw = test_random(seed) >> 8;
        /* Later chunks have wider keys and greater values. */
        *row = (struct row){.has_port = (turn & 1) == 0 || draw % 7 != 0,
                            .is_left_out = (turn & 2) != 0 && draw / 32 % 4 != 0,
                            .port = draw / 8 % (chunk < 2 ? 4 : 12),
                            .wide = draw / 128 % 3,
                            .value = draw % 1000,
                            .time = (int64_t)(draw / 1024 % 3) * 60000000,
                            .addr.low = draw / 4096 % 3};
        if (chunk >= 4 && draw % 16 == 0)
            row->port = 65535 - draw / 16 % 2;
        if (chunk >= 3 && (turn & 2) != 0)
            row->wide <<= 40;
        if (chunk >= 6 && (turn & 4) != 0 && draw % 64 == 1)
            row->wide = UINT64_MAX;
        if (chunk >= 2)
            row->value <<= turn / 9 % 3 * 21;
        if (chunk >= 6 && draw % 1024 == 2)
            row->value = UINT64_MAX - draw % 3;
        if (draw / 64 % 5 == 0)
            row->addr.high = UINT64_C(0x20010db800000000);
    }
}

static void
groups_by_number_agree_with_a_linear_search(void **state)
{
    static const unsigned key_columns[] = {0, 1, 2, 3, 4, 5, 8, 11, 15};
    static struct naive groups[CHUNK];
    uint64_t seed = test_seed();
    (void)state;

    for (unsigned turn = 0; turn < 36; turn++) {
        struct world w;
        unsigned columns = key_columns[turn % SL_COUNTOF(key_columns)];
        uint32_t aggregate_count = turn < 18 ? 4 : 3; /* then they are counts and sums alone */
        open_world(&w, turn % 3 + 1, CHUNKS);
        w.source->seed = test_random(&seed);
        make_rows(w.source, &seed, turn);
        struct sl_op *op = start_group(&w, columns, aggregate_count, turn % 4 == 3 ? 1 : 0);
        uint32_t expected = group_naively(w.source, columns, groups);
        uint32_t count = 0;
        struct sl_chunk chunk;
        while (op_world_groups(op, &chunk)) {
            for (uint32_t row = 0; row < chunk.count; row++) {
                struct row key = read_keys(&chunk, row, columns);
                uint32_t known = expected;
                const struct naive *g = find(groups, &known, &key, columns);
                assert_int_equal(known, expected);
                assert_int_equal(sl_vector_u64(&chunk.aggregates[0], row), g->count);
                assert_true(sl_vector_i128(&chunk.aggregates[1], row) == g->sum);
                assert_int_equal(sl_vector_u64(&chunk.aggregates[2], row), g->ports);
                if (aggregate_count == 4)
                    assert_int_equal(sl_vector_u64(&chunk.aggregates[3], row), g->max);
            }
            count += chunk.count;
        }
        assert_int_equal(count, expected);
        close_world(&w, op);
    }
}

/* Keys that come `repeats` times in a row, until there are no more numbers; then some come again. */
static void
check_many(unsigned chunk_count, unsigned repeats)
{
    enum { AGAIN = 5000 };
    struct world w;
    uint64_t rows = (uint64_t)chunk_count * CHUNK;
    uint64_t keys = rows / repeats - AGAIN;
    uint64_t count = 0;
    struct sl_chunk chunk;

    open_world(&w, 1, chunk_count);
    for (uint64_t i = 0; i < rows; i++)
        w.source->rows[i] = (struct row){.has_port = true, .wide = i / repeats % keys, .value = i};
    w.source->is_plain = true;
    struct sl_op *op = start_group(&w, 1 << K_WIDE, 4, 0);
    const struct group *group = op->state;
    assert_true(group->workers[0].numbers.is_full);
    while (op_world_groups(op, &chunk)) {
        for (uint32_t row = 0; row < chunk.count; row++) {
            uint64_t key = sl_vector_u64(&chunk.keys[0], row);
            uint64_t times = key < AGAIN ? 2 : 1;
            sl_i128 sum = 0;
            for (uint64_t i = 0; i < times * repeats; i++)
                sum += (key + i / repeats * keys) * repeats + i % repeats;
            assert_int_equal(sl_vector_u64(&chunk.aggregates[0], row), times * repeats);
            assert_true(sl_vector_i128(&chunk.aggregates[1], row) == sum);
        }
        count += chunk.count;
    }
    assert_int_equal(count, keys);
    close_world(&w, op);
}

static void
groups_beyond_the_numbers_go_to_the_table(void **state)
{
    (void)state;
    check_many(2 * (GROUP_NUMBERS_MAX / CHUNK + 20), 2);
}

/* Long before there are no more numbers: every row is a group. */
static void
groups_of_single_rows_go_to_the_table(void **state)
{
    (void)state;
    check_many(GROUP_NUMBERS_MAX / 4 / CHUNK, 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_by_number_agree_with_a_linear_search),
        cmocka_unit_test(groups_beyond_the_numbers_go_to_the_table),
        cmocka_unit_test(groups_of_single_rows_go_to_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
