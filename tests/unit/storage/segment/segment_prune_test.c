/*
 * segment_prune_test.c - pruning never loses a row, and each index excludes something.
 *
 * Random requests against random rows: every row that satisfies the request by brute force must
 * lie in a candidate mini, whichever of zones, indexes and filter may be used.
 */
#include <strings.h>

#include "tests/unit/storage/segment/segment_written.h"

enum { ROWS = 60000, REQUESTS = 120, KEYS_MAX = 3, TESTS_MAX = 2, CLAUSES_MAX = 2 };

struct segment {
    struct written w;
    struct sl_segment_reader *reader;
};

struct request {
    struct sl_clause clauses[CLAUSES_MAX];
    struct sl_test tests[CLAUSES_MAX][TESTS_MAX];
    struct sl_addr keys[CLAUSES_MAX][TESTS_MAX][KEYS_MAX];
    char texts[CLAUSES_MAX][TESTS_MAX][8];
    uint32_t clause_count;
};

/* Flows of a few hosts, interfaces and applications in clusters, so that indexes pay. */
static struct sl_batch *
clustered_batch(struct sl_schema *schema, uint64_t *seed)
{
    struct sl_builder *b = sl_builder_create(ROWS);
    for (uint32_t row = 0; row < ROWS; row++) {
        struct rows_conversation conversation;
        rows_set_flow(b, schema, seed, false, false, &conversation);
        uint64_t cluster = test_random_below(seed, 40);
        sl_builder_set_u64(b, sl_builder_column(b, sl_schema_at(schema, SL_COLUMN_PROTOCOL)),
                           cluster < 20 ? 6 : 17);
        sl_builder_set_u64(b, sl_builder_column(b, sl_schema_at(schema, SL_COLUMN_DST_PORT)),
                           1000 + cluster);
        static const uint32_t indexes[] = {SL_COLUMN_INPUT_IF, SL_COLUMN_TCP_FLAGS,
                                           SL_COLUMN_SRC_AS, SL_COLUMN_DST_AS, SL_COLUMN_VLAN};
        for (size_t i = 0; i < SL_COUNTOF(indexes); i++)
            sl_builder_set_u64(b, sl_builder_column(b, sl_schema_at(schema, indexes[i])),
                               test_random_below(seed, 200) == 0 ? test_random_below(seed, 5000)
                                                                 : cluster);
        for (uint32_t c = SL_COLUMN_SRC_ADDR; c <= SL_COLUMN_DST_ADDR; c++)
            sl_builder_set_addr(b, sl_builder_column(b, sl_schema_at(schema, c)),
                                sl_addr_from_v4((uint32_t)(0x0a000000 + cluster * 1000 +
                                                           test_random_below(seed, 20))));
        char app[8];
        app[0] = (char)(cluster % 2 == 0 ? 'A' : 'a');
        app[1] = (char)('a' + cluster % 26);
        if (cluster != 7)
            sl_builder_set_slice(b, sl_builder_column(b, sl_schema_at(schema, SL_COLUMN_APP)), app,
                                 2);
        sl_builder_next(b);
    }
    struct sl_batch *batch = sl_builder_finish(b);
    sl_builder_destroy(b);
    return batch;
}

static int
start(void **state)
{
    struct segment *s = sl_new(sizeof(*s));
    uint64_t seed = test_seed();
    written_start(&s->w);
    written_add(&s->w, clustered_batch(s->w.schema, &seed), NULL);
    written_write(&s->w, "a", 1);
    assert_true(s->w.summary.index_bytes > 0);
    s->reader = written_open(&s->w, "a");
    *state = s;
    return 0;
}

static int
stop(void **state)
{
    struct segment *s = *state;
    sl_segment_reader_close(s->reader);
    written_stop(&s->w);
    free(s);
    return 0;
}

static struct sl_addr
key_of(const struct sl_vector *v, uint32_t row)
{
    if (v->type == SL_TYPE_ADDR)
        return sl_vector_addr(v, row);
    return (struct sl_addr){.low = sl_vector_u64(v, row)};
}

static bool
passes(const struct segment *s, const struct sl_test *test, uint32_t row)
{
    const struct sl_vector *v = sl_batch_find(s->w.batches[0], test->column);
    if (v == NULL || sl_vector_is_null(v, row))
        return v == NULL && !test->column->is_nullable && test->kind == SL_TEST_RANGE &&
               test->low.low == 0;
    if (test->kind == SL_TEST_TEXT) {
        struct sl_slice value = sl_vector_slice(v, row);
        return value.size_bytes == test->text.size_bytes &&
               strncasecmp((const char *)value.bytes, (const char *)test->text.bytes,
                           value.size_bytes) == 0;
    }
    struct sl_addr key = key_of(v, row);
    if (test->kind == SL_TEST_RANGE)
        return sl_addr_compare(key, test->low) >= 0 && sl_addr_compare(key, test->high) <= 0;
    for (uint32_t i = 0; i < test->key_count; i++)
        if (sl_addr_equal(key, test->keys[i]))
            return true;
    return false;
}

static bool
satisfies(const struct segment *s, const struct request *r, uint32_t row)
{
    for (uint32_t c = 0; c < r->clause_count; c++) {
        bool is_any = false;
        for (uint32_t t = 0; t < r->clauses[c].test_count; t++)
            is_any = is_any || passes(s, &r->clauses[c].tests[t], row);
        if (!is_any)
            return false;
    }
    return true;
}

static int
compare_keys(const void *a, const void *b)
{
    return sl_addr_compare(*(const struct sl_addr *)a, *(const struct sl_addr *)b);
}

/* A test whose keys are those of random rows, or near them. */
static void
make_test(const struct segment *s, struct request *r, uint32_t c, uint32_t t, uint64_t *seed)
{
    static const uint32_t indexes[] = {SL_COLUMN_PROTOCOL, SL_COLUMN_SRC_PORT, SL_COLUMN_DST_PORT,
                                       SL_COLUMN_INPUT_IF, SL_COLUMN_SRC_AS,   SL_COLUMN_SRC_ADDR,
                                       SL_COLUMN_DST_ADDR, SL_COLUMN_APP,      SL_COLUMN_FIRST_SEEN,
                                       SL_COLUMN_IN_BYTES, SL_COLUMN_VLAN,     SL_COLUMN_OUT_BYTES,
                                       SL_COLUMN_NEXT_HOP};
    struct sl_test *test = &r->tests[c][t];
    const struct sl_column *column =
        sl_schema_at(s->w.schema, indexes[test_random_below(seed, SL_COUNTOF(indexes))]);
    const struct sl_vector *v = sl_batch_find(s->w.batches[0], column);
    *test = (struct sl_test){.column = column};
    struct sl_addr *keys = r->keys[c][t];
    for (uint32_t i = 0; i < KEYS_MAX; i++) {
        uint32_t row = (uint32_t)test_random_below(seed, ROWS);
        keys[i] = (struct sl_addr){.low = test_random_below(seed, 3)};
        if (v != NULL && !sl_type_is_bytes(column->type) && !sl_vector_is_null(v, row))
            keys[i] = key_of(v, row);
        keys[i].low += test_random_below(seed, 6) == 0;
    }
    qsort(keys, KEYS_MAX, sizeof(*keys), compare_keys);
    if (sl_type_is_bytes(column->type)) {
        test->kind = SL_TEST_TEXT;
        r->texts[c][t][0] = (char)(test_random_below(seed, 2) == 0 ? 'A' : 'a');
        r->texts[c][t][1] = (char)('A' + test_random_below(seed, 26));
        test->text = (struct sl_slice){(const uint8_t *)r->texts[c][t], 2};
    } else if (test_random_below(seed, 2) == 0) {
        test->kind = SL_TEST_RANGE;
        test->low = keys[0];
        test->high = test_random_below(seed, 2) == 0 ? keys[0] : keys[1];
    } else {
        test->kind = SL_TEST_SET;
        test->keys = keys;
        test->key_count = 1;
        for (uint32_t i = 1; i < KEYS_MAX; i++)
            if (!sl_addr_equal(keys[i], keys[test->key_count - 1]))
                keys[test->key_count++] = keys[i];
    }
}

static void
make_request(const struct segment *s, struct request *r, uint64_t *seed)
{
    r->clause_count = 1 + (uint32_t)test_random_below(seed, CLAUSES_MAX);
    for (uint32_t c = 0; c < r->clause_count; c++) {
        uint32_t tests = 1 + (uint32_t)test_random_below(seed, TESTS_MAX);
        for (uint32_t t = 0; t < tests; t++)
            make_test(s, r, c, t, seed);
        r->clauses[c] = (struct sl_clause){r->tests[c], tests};
    }
}

static uint32_t
count_minis(const uint64_t *minis)
{
    uint32_t count = 0;
    for (uint32_t w = 0; w < SL_SEGMENT_MINI_WORDS; w++)
        count += (uint32_t)__builtin_popcountll(minis[w]);
    return count;
}

static void
pruning_never_loses_a_row(void **state)
{
    const struct segment *s = *state;
    uint64_t seed = test_seed();
    struct sl_error err = {0};
    for (uint32_t i = 0; i < REQUESTS; i++) {
        static const uint32_t prunes[] = {
            0, SL_PRUNE_ZONE, SL_PRUNE_BITMAP, SL_PRUNE_POSTINGS, SL_PRUNE_FILTER, SL_PRUNE_ALL};
        struct request r;
        uint64_t needed[SL_SEGMENT_MINI_WORDS] = {0};
        make_request(s, &r, &seed);
        for (uint32_t row = 0; row < ROWS; row++)
            if (satisfies(s, &r, s->w.order[row]))
                sl_bit_set(needed, row / SL_MINI_ROWS);
        for (size_t p = 0; p < SL_COUNTOF(prunes); p++) {
            uint64_t minis[SL_SEGMENT_MINI_WORDS];
            struct sl_segment_counters counters = {0};
            TEST_OK(sl_segment_reader_prune(s->reader, 0, r.clauses, r.clause_count, prunes[p],
                                            minis, &counters, &err),
                    &err);
            for (uint32_t w = 0; w < SL_SEGMENT_MINI_WORDS; w++)
                assert_int_equal(needed[w] & ~minis[w], 0);
            if (count_minis(needed) != 0)
                assert_true(
                    sl_segment_reader_match(s->reader, r.clauses, r.clause_count, prunes[p]));
            if (prunes[p] == 0)
                assert_int_equal(count_minis(minis), (ROWS + SL_MINI_ROWS - 1) / SL_MINI_ROWS);
        }
    }
}

/* Minis left for column = key. */
static uint32_t
minis_of(const struct segment *s, uint32_t index, uint64_t key, uint32_t prune)
{
    struct sl_error err = {0};
    uint64_t minis[SL_SEGMENT_MINI_WORDS];
    const struct sl_test test = {.kind = SL_TEST_RANGE,
                                 .column = sl_schema_at(s->w.schema, index),
                                 .low = {.low = key},
                                 .high = {.low = key}};
    const struct sl_clause clause = {&test, 1};
    TEST_OK(sl_segment_reader_prune(s->reader, 0, &clause, 1, prune, minis, NULL, &err), &err);
    return count_minis(minis);
}

static void
each_index_excludes_what_nothing_else_does(void **state)
{
    const struct segment *s = *state;
    const struct sl_vector *v =
        sl_batch_find(s->w.batches[0], sl_schema_at(s->w.schema, SL_COLUMN_SRC_ADDR));
    uint64_t addr = sl_vector_addr(v, ROWS / 2).low;
    assert_true(minis_of(s, SL_COLUMN_SRC_ADDR, addr, SL_PRUNE_ALL) <
                minis_of(s, SL_COLUMN_SRC_ADDR, addr, SL_PRUNE_ALL & ~SL_PRUNE_POSTINGS));
    uint64_t as = 0;
    v = sl_batch_find(s->w.batches[0], sl_schema_at(s->w.schema, SL_COLUMN_SRC_AS));
    for (uint32_t row = 0; as < 40; row++) /* a rare one */
        as = sl_vector_u64(v, row);
    assert_true(minis_of(s, SL_COLUMN_SRC_AS, as, SL_PRUNE_ALL) <
                minis_of(s, SL_COLUMN_SRC_AS, as, SL_PRUNE_ALL & ~SL_PRUNE_BITMAP));
    assert_true(minis_of(s, SL_COLUMN_PROTOCOL, 200, SL_PRUNE_ZONE) == 0);
    assert_true(minis_of(s, SL_COLUMN_SRC_ADDR, 1, SL_PRUNE_ALL) == 0);
}

static void
times_exclude_a_whole_segment(void **state)
{
    const struct segment *s = *state;
    const struct sl_test test = {.kind = SL_TEST_RANGE,
                                 .column = sl_schema_at(s->w.schema, SL_COLUMN_LAST_SEEN),
                                 .low = {.low = 0},
                                 .high = {.low = 1000}};
    const struct sl_clause clause = {&test, 1};
    assert_false(sl_segment_reader_match(s->reader, &clause, 1, SL_PRUNE_TIME));
    assert_true(sl_segment_reader_match(s->reader, &clause, 1, 0));
}

static void
a_filter_excludes_addresses_that_are_not_there(void **state)
{
    const struct segment *s = *state;
    uint32_t groups = 0;
    for (uint32_t i = 0; i < 1000; i++)
        groups += minis_of(s, SL_COLUMN_SRC_ADDR, 0xc0a80000 + i, SL_PRUNE_FILTER) != 0;
    assert_true(groups < 160); /* about one in eleven: the group has few addresses */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pruning_never_loses_a_row),
        cmocka_unit_test(each_index_excludes_what_nothing_else_does),
        cmocka_unit_test(times_exclude_a_whole_segment),
        cmocka_unit_test(a_filter_excludes_addresses_that_are_not_there),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
