/*
 * segment_lookup_test.c - a few entries of a dictionary of addresses are those of the whole, and cost a
 * piece of it.
 *
 * Method: a segment of random addresses, of IPv4 alone and with others among them, is asked through its
 * pieces and through the whole dictionary; both must agree. What is read is counted.
 */
#include "storage/segment/segment_lookup.h"
#include "tests/unit/storage/segment/segment_written.h"

struct looked {
    struct written w;
    struct sl_segment_reader *reader;
    const struct sl_column *column;
    uint32_t dictionary;
    uint32_t entry_count;
    struct sl_addr *addrs; /* all entries, by code */
};

/* Flows between so many hosts that their dictionary has several pieces, and with so many bytes beside
 * them that filter and postings are written, in several pieces too. */
static struct sl_batch *
draw_batch(const struct sl_schema *schema, uint64_t *seed, bool has_long)
{
    enum { HOSTS = 32000 };
    static const uint32_t ends[] = {SL_COLUMN_SRC_ADDR, SL_COLUMN_DST_ADDR};
    static const uint32_t counters[] = {SL_COLUMN_IN_BYTES, SL_COLUMN_OUT_BYTES,
                                        SL_COLUMN_OUT_PACKETS};
    struct sl_addr *hosts = sl_new(HOSTS * sizeof(*hosts));
    struct sl_builder *b = sl_builder_create(SL_BATCH_ROWS_MAX);
    for (uint32_t i = 0; i < HOSTS; i++) {
        hosts[i] = sl_addr_from_v4((uint32_t)test_random(seed) & ~UINT32_C(1));
        if (has_long && i % 4 == 0)
            hosts[i] = (struct sl_addr){.low = test_random(seed) & ~UINT64_C(1),
                                        .high = 7 + test_random_below(seed, 3)};
    }
    for (uint32_t row = 0; row < SL_BATCH_ROWS_MAX; row++) {
        for (size_t i = 0; i < SL_COUNTOF(ends); i++)
            sl_builder_set_addr(b, sl_builder_column(b, sl_schema_at(schema, ends[i])),
                                hosts[test_random_below(seed, HOSTS)]);
        for (size_t i = 0; i < SL_COUNTOF(counters); i++)
            sl_builder_set_u64(b, sl_builder_column(b, sl_schema_at(schema, counters[i])),
                               test_random(seed));
        sl_builder_next(b);
    }
    struct sl_batch *batch = sl_builder_finish(b);
    sl_builder_destroy(b);
    free(hosts);
    return batch;
}

/* Nothing of the group is in memory from here on. */
static void
forget(struct looked *l)
{
    sl_segment_group_release(l->reader, 0);
    assert_int_equal(sl_segment_reader_drop(l->reader, SL_SEGMENT_DROP_ALL), 0);
    sl_segment_group_acquire(l->reader, 0);
}

static void
look_start(struct looked *l, uint64_t *seed, bool has_long)
{
    written_start(&l->w);
    written_add(&l->w, draw_batch(l->w.schema, seed, has_long), NULL);
    written_write(&l->w, "a", 1);
    l->reader = written_open(&l->w, "a");
    l->column = sl_schema_at(l->w.schema, SL_COLUMN_SRC_ADDR);
    const struct sl_segment_group *group = &l->reader->footer.groups[0];
    l->dictionary = sl_segment_find_column(l->reader, 0, l->column)->dictionary;
    l->entry_count = group->dictionaries[l->dictionary].entry_count;
    assert_true(group->dictionaries[l->dictionary].piece_count >= 7);
    const struct sl_segment_item *item;
    struct sl_error err = {0};
    sl_segment_group_acquire(l->reader, 0);
    TEST_OK(sl_segment_item_get(l->reader, 0, l->dictionary, &item, NULL, &err), &err);
    assert_int_equal(item->short_addrs != NULL, !has_long);
    l->addrs = sl_new(l->entry_count * sizeof(*l->addrs));
    for (uint32_t i = 0; i < l->entry_count; i++)
        l->addrs[i] = sl_segment_item_addr(item, i);
    forget(l);
}

static void
look_stop(struct looked *l)
{
    sl_segment_group_release(l->reader, 0);
    sl_segment_reader_close(l->reader);
    free(l->addrs);
    written_stop(&l->w);
}

/* An address that the dictionary has, one next to it that it has not, or any; the first and the last now
 * and then. */
static struct sl_addr
draw_addr(const struct looked *l, uint64_t *seed)
{
    struct sl_addr addr = l->addrs[test_random_below(seed, l->entry_count)];
    switch (test_random_below(seed, 8)) {
    case 0:
        return (struct sl_addr){.low = test_random(seed) >> 32};
    case 1:
        addr.low |= 1; /* all of them are even */
        return addr;
    case 2:
        return l->addrs[test_random_below(seed, 2) == 0 ? 0 : l->entry_count - 1];
    case 3:
        return test_random_below(seed, 2) == 0
                   ? (struct sl_addr){0}
                   : (struct sl_addr){.low = UINT64_MAX, .high = UINT64_MAX};
    default:
        return addr;
    }
}

static bool
is_between(struct sl_addr addr, struct sl_addr low, struct sl_addr high)
{
    return sl_addr_compare(low, addr) <= 0 && sl_addr_compare(addr, high) <= 0;
}

static void
compare_codes(const struct looked *l, struct sl_addr low, struct sl_addr high)
{
    struct sl_segment_codes codes = {0};
    struct sl_error err = {0};
    bool is_any;
    TEST_OK(sl_segment_lookup_codes(l->reader, 0, l->dictionary, low, high, &codes, &is_any, NULL,
                                    &err),
            &err);
    if (is_any) {
        assert_true(codes.first <= codes.last && codes.last < l->entry_count);
        assert_true(is_between(l->addrs[codes.first], low, high));
        assert_true(is_between(l->addrs[codes.last], low, high));
        assert_true(codes.first == 0 || !is_between(l->addrs[codes.first - 1], low, high));
        assert_true(codes.last + 1 == l->entry_count ||
                    !is_between(l->addrs[codes.last + 1], low, high));
        return;
    }
    for (uint32_t i = 0; i < l->entry_count; i++)
        assert_false(is_between(l->addrs[i], low, high));
}

static void
codes_of_addresses_are_those_of_the_whole(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    for (unsigned kind = 0; kind < 2; kind++) {
        struct looked l = {0};
        look_start(&l, &seed, kind == 1);
        for (unsigned round = 0; round < 600; round++) {
            struct sl_addr low = draw_addr(&l, &seed);
            compare_codes(&l, low, low);
            compare_codes(&l, low, draw_addr(&l, &seed));
        }
        for (uint32_t i = 0; i < l.entry_count; i += SL_SEGMENT_PIECE_ENTRIES) {
            compare_codes(&l, l.addrs[i], l.addrs[i]); /* where pieces meet */
            compare_codes(&l, l.addrs[i == 0 ? 0 : i - 1], l.addrs[i]);
        }
        look_stop(&l);
    }
}

static void
addresses_of_codes_are_those_of_the_whole(void **state)
{
    enum { COUNT = 50 };
    (void)state;
    uint64_t seed = test_seed();
    for (unsigned kind = 0; kind < 2; kind++) {
        struct looked l = {0};
        look_start(&l, &seed, kind == 1);
        for (unsigned round = 0; round < 100; round++) {
            struct sl_error err = {0};
            struct sl_addr found[COUNT];
            uint32_t codes[COUNT];
            for (uint32_t i = 0; i < COUNT; i++)
                codes[i] = (uint32_t)test_random_below(&seed, l.entry_count);
            TEST_OK(sl_segment_lookup_addresses(l.reader, 0, l.dictionary, codes, COUNT, found,
                                                NULL, &err),
                    &err);
            for (uint32_t i = 0; i < COUNT; i++)
                assert_true(sl_addr_equal(found[i], l.addrs[codes[i]]));
        }
        look_stop(&l);
    }
}

static uint64_t
largest(const struct sl_segment_part *parts, uint32_t count)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < count; i++)
        most = parts[i].size_bytes > most ? parts[i].size_bytes : most;
    return most;
}

/* A filter, a dictionary and postings of some hundred KiB: a host is looked for in a piece of each. */
static void
one_host_costs_a_piece_of_each(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct looked l = {0};
    look_start(&l, &seed, false);
    const struct sl_segment_group *group = &l.reader->footer.groups[0];
    const struct sl_segment_dictionary *dictionary = &group->dictionaries[l.dictionary];
    uint64_t most = largest(dictionary->parts, dictionary->piece_count);
    uint64_t all = sl_segment_parts_bytes(dictionary->parts, dictionary->piece_count);
    uint32_t kinds = 0;
    for (uint32_t i = 0; i < group->index_count; i++) {
        const struct sl_segment_index *index = &group->indexes[i];
        if (index->kind == SL_SEGMENT_INDEX_MINIS)
            continue;
        kinds |= 1U << index->kind;
        most += largest(index->parts, index->piece_count);
        all += sl_segment_parts_bytes(index->parts, index->piece_count);
    }
    assert_int_equal(kinds, 1U << SL_SEGMENT_INDEX_POSTINGS | 1U << SL_SEGMENT_INDEX_FILTER);
    assert_true(most * 3 < all);
    for (unsigned round = 0; round < 20; round++) {
        struct sl_segment_counters counters = {0};
        struct sl_error err = {0};
        uint64_t minis[SL_SEGMENT_MINI_WORDS];
        struct sl_addr addr = l.addrs[test_random_below(&seed, l.entry_count)];
        const struct sl_test test = {
            .kind = SL_TEST_RANGE, .column = l.column, .low = addr, .high = addr};
        const struct sl_clause clause = {&test, 1};
        forget(&l);
        TEST_OK(
            sl_segment_reader_prune(l.reader, 0, &clause, 1, SL_PRUNE_ALL, minis, &counters, &err),
            &err);
        assert_true(counters.bytes_read > 0 && counters.bytes_read <= most);
    }
    look_stop(&l);
}

/* Rows by codes are rows by addresses, and a cursor on few rows has the same addresses. */
static void
rows_between_two_addresses_are_told_by_codes(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct looked l = {0};
    look_start(&l, &seed, true);
    struct sl_segment_cursor *cursor = sl_segment_cursor_create(NULL);
    struct sl_error err = {0};
    for (unsigned round = 0; round < 40; round++) {
        struct sl_addr low = draw_addr(&l, &seed);
        struct sl_addr high = round % 2 == 0 ? low : draw_addr(&l, &seed);
        struct sl_code_range range;
        struct sl_vector v;
        TEST_OK(sl_segment_cursor_seek(cursor, l.reader, 0, 0, &err), &err);
        TEST_OK(sl_segment_cursor_codes(cursor, l.column, low, high, NULL, &range, NULL, &err),
                &err);
        TEST_OK(sl_segment_cursor_column(cursor, l.column, NULL, &v, NULL, &err), &err);
        for (uint32_t row = 0; row < v.count; row++) {
            bool is_told =
                range.rows == SL_CODES_ALL ||
                (range.rows == SL_CODES_BETWEEN && range.codes[row] - range.first <= range.span);
            assert_int_equal(is_told, is_between(sl_vector_addr(&v, row), low, high));
        }
    }
    sl_segment_cursor_destroy(cursor);
    look_stop(&l);
}

static void
few_rows_have_their_addresses_without_the_dictionary(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    struct looked l = {0};
    look_start(&l, &seed, true);
    struct sl_segment_cursor *cursor = sl_segment_cursor_create(NULL);
    struct sl_error err = {0};
    uint64_t selection[SL_BLOCK_ROWS / 64] = {0};
    enum { ROWS_READ = 1 };
    struct sl_addr expected[ROWS_READ];
    const uint32_t rows[ROWS_READ] = {40000};
    struct sl_vector v;
    uint32_t count;
    TEST_OK(sl_segment_cursor_seek(cursor, l.reader, 0, 0, &err), &err);
    TEST_OK(sl_segment_cursor_column(cursor, l.column, NULL, &v, NULL, &err), &err);
    for (uint32_t i = 0; i < ROWS_READ; i++) {
        expected[i] = sl_vector_addr(&v, rows[i]);
        sl_bit_set(selection, rows[i]);
    }
    TEST_OK(sl_segment_cursor_seek(cursor, NULL, 0, 0, &err), &err);
    forget(&l);
    TEST_OK(sl_segment_cursor_seek(cursor, l.reader, 0, 0, &err), &err);
    TEST_OK(sl_segment_cursor_focus(cursor, selection, &count, &err), &err);
    TEST_OK(sl_segment_cursor_column(cursor, l.column, NULL, &v, NULL, &err), &err);
    assert_int_equal(count, ROWS_READ);
    assert_int_equal(v.encoding, SL_PLAIN);
    for (uint32_t i = 0; i < ROWS_READ; i++)
        assert_true(sl_addr_equal(sl_vector_addr(&v, i), expected[i]));
    assert_null(sl_segment_item_find(l.reader, 0, l.dictionary));
    sl_segment_cursor_destroy(cursor);
    look_stop(&l);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_of_addresses_are_those_of_the_whole),
        cmocka_unit_test(addresses_of_codes_are_those_of_the_whole),
        cmocka_unit_test(one_host_costs_a_piece_of_each),
        cmocka_unit_test(rows_between_two_addresses_are_told_by_codes),
        cmocka_unit_test(few_rows_have_their_addresses_without_the_dictionary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
