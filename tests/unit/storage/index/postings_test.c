/*
 * postings_test.c - each entry's minis are exactly those its rows lie in, in little space.
 *
 * Method: random codes with the skew that addresses have, against a table of flags; sizes around
 * chunk and word boundaries; damaged bytes under the sanitizers.
 */
#include "storage/index/postings.h"

#include <stdio.h>

#include "tests/support/test.h"

struct model {
    uint32_t entry_count;
    uint32_t mini_count;
    uint64_t *flags; /* 16 words an entry */
    struct sl_buf buf;
    uint64_t pair_count;
};

enum { WORDS = SL_POSTINGS_MINIS_MAX / 64, ROWS = 512 };

/* Half of the rows from a few busy entries, the others from all: most of those are seen once. */
static void
draw_codes(uint64_t *seed, uint32_t entry_count, uint32_t *codes)
{
    uint32_t busy = entry_count < 100 ? entry_count : entry_count / 100;
    for (uint32_t i = 0; i < ROWS; i++)
        codes[i] = (uint32_t)test_random_below(seed, test_random(seed) & 1 ? busy : entry_count);
}

static struct model
draw_model(uint64_t *seed, uint32_t entry_count, uint32_t mini_count)
{
    struct model m = {.entry_count = entry_count,
                      .mini_count = mini_count,
                      .flags = sl_new(((size_t)entry_count + 1) * WORDS * sizeof(uint64_t)),
                      .buf = sl_buf_empty(SIZE_MAX)};
    struct sl_postings_builder *builder = sl_postings_builder_create(entry_count, mini_count);
    uint32_t codes[ROWS];
    uint64_t present[ROWS / 64];
    assert_non_null(builder);
    for (uint32_t mini = 0; mini < mini_count && entry_count > 0; mini++) {
        bool has_nulls = test_random_below(seed, 2) == 0;
        draw_codes(seed, entry_count, codes);
        for (size_t w = 0; w < SL_COUNTOF(present); w++)
            present[w] = has_nulls ? test_random(seed) : UINT64_MAX;
        for (uint32_t i = 0; i < ROWS; i++)
            if (sl_bit_get(present, i))
                sl_bit_set(&m.flags[(size_t)codes[i] * WORDS], mini);
        sl_postings_builder_add(builder, mini, codes, ROWS, has_nulls ? present : NULL);
    }
    m.pair_count = sl_postings_builder_pair_count(builder);
    assert_true(sl_postings_builder_close(builder));
    sl_postings_builder_encode(builder, 0, entry_count, &m.buf);
    assert_false(m.buf.bad);
    sl_postings_builder_destroy(builder);
    return m;
}

static void
free_model(struct model *m)
{
    free(m->flags);
    sl_buf_fini(&m->buf);
}

static void
every_entry_has_its_minis(void **state)
{
    static const uint32_t entries[] = {0, 1, 2, 127, 128, 129, 1000, 40000};
    static const uint32_t minis[] = {1, 2, 63, 64, 65, 1000, 1024};
    uint64_t seed = test_seed();
    (void)state;
    for (size_t e = 0; e < SL_COUNTOF(entries); e++)
        for (size_t n = 0; n < SL_COUNTOF(minis); n++) {
            struct model m = draw_model(&seed, entries[e], minis[n]);
            struct sl_postings postings;
            struct sl_error err = {0};
            uint64_t pairs = 0;
            TEST_OK(sl_postings_open(m.buf.bytes, m.buf.size_bytes, entries[e], minis[n], &postings,
                                     &err),
                    &err);
            for (uint32_t entry = 0; entry < entries[e]; entry += 1 + entries[e] / 3000) {
                uint64_t found[WORDS] = {0};
                TEST_OK(sl_postings_collect(&postings, entry, entry, found, &err), &err);
                assert_memory_equal(found, &m.flags[(size_t)entry * WORDS], sizeof(found));
            }
            for (size_t i = 0; i < (size_t)entries[e] * WORDS; i++)
                pairs += (uint64_t)__builtin_popcountll(m.flags[i]);
            assert_int_equal(pairs, m.pair_count);
            if (entries[e] == 40000)
                printf("%u minis: %.3f bytes a pair, %.2f pairs an entry\n", minis[n],
                       (double)m.buf.size_bytes / (double)pairs, (double)pairs / 40000);
            free_model(&m);
        }
}

static void
a_range_of_entries_is_their_union(void **state)
{
    uint64_t seed = test_seed();
    struct model m = draw_model(&seed, 5000, 200);
    struct sl_postings postings;
    struct sl_error err = {0};
    (void)state;
    TEST_OK(sl_postings_open(m.buf.bytes, m.buf.size_bytes, 5000, 200, &postings, &err), &err);
    for (unsigned round = 0; round < 300; round++) {
        uint64_t found[WORDS] = {0};
        uint64_t expected[WORDS] = {0};
        uint32_t first = (uint32_t)test_random_below(&seed, 5000);
        uint32_t last = first + (uint32_t)test_random_below(&seed, round < 200 ? 9 : 5000 - first);
        if (last > 4999)
            last = 4999;
        for (size_t i = 0; i < (size_t)(last - first + 1) * WORDS; i++)
            expected[i % WORDS] |= m.flags[(size_t)first * WORDS + i];
        TEST_OK(sl_postings_collect(&postings, first, last, found, &err), &err);
        assert_memory_equal(found, expected, sizeof(found));
    }
    free_model(&m);
}

/* The same rows in pieces of 1,000 entries. */
static void
pieces_number_entries_from_their_first_one(void **state)
{
    enum { ENTRIES = 3500, PIECE = 1000, MINIS = 100 };
    uint64_t seed = test_seed();
    struct sl_postings_builder *builder = sl_postings_builder_create(ENTRIES, MINIS);
    uint64_t *flags = sl_new((size_t)ENTRIES * WORDS * sizeof(*flags));
    uint32_t codes[ROWS];
    (void)state;
    for (uint32_t mini = 0; mini < MINIS; mini++) {
        draw_codes(&seed, ENTRIES, codes);
        for (uint32_t i = 0; i < ROWS; i++)
            sl_bit_set(&flags[(size_t)codes[i] * WORDS], mini);
        sl_postings_builder_add(builder, mini, codes, ROWS, NULL);
    }
    assert_true(sl_postings_builder_close(builder));
    for (uint32_t first = 0; first < ENTRIES; first += PIECE) {
        uint32_t count = ENTRIES - first < PIECE ? ENTRIES - first : PIECE;
        struct sl_buf buf = sl_buf_empty(SIZE_MAX);
        struct sl_postings postings;
        struct sl_error err = {0};
        sl_postings_builder_encode(builder, first, count, &buf);
        TEST_OK(sl_postings_open(buf.bytes, buf.size_bytes, count, MINIS, &postings, &err), &err);
        for (uint32_t entry = 0; entry < count; entry++) {
            uint64_t found[WORDS] = {0};
            TEST_OK(sl_postings_collect(&postings, entry, entry, found, &err), &err);
            assert_memory_equal(found, &flags[(size_t)(first + entry) * WORDS], sizeof(found));
        }
        sl_buf_fini(&buf);
    }
    free(flags);
    sl_postings_builder_destroy(builder);
}

static void
postings_are_small(void **state)
{
    uint64_t seed = test_seed();
    struct model m = draw_model(&seed, 20000, 256);
    (void)state;
    assert_true(m.buf.size_bytes < m.pair_count);
    free_model(&m);
}

static void
damaged_bytes_are_refused_or_harmless(void **state)
{
    uint64_t seed = test_seed();
    struct model m = draw_model(&seed, 700, 77);
    (void)state;
    for (unsigned round = 0; round < 3000; round++) {
        struct sl_postings postings;
        size_t kept =
            round % 4 == 0 ? test_random_below(&seed, m.buf.size_bytes) : m.buf.size_bytes;
        uint8_t *exact = malloc(kept + 1);
        assert_non_null(exact);
        memcpy(exact, m.buf.bytes, kept);
        for (unsigned change = 0; change < 4 && kept > 0; change++)
            exact[test_random_below(&seed, kept)] ^= (uint8_t)(1 + test_random_below(&seed, 255));
        uint32_t minis = round % 2 ? 77 : 1 + (uint32_t)test_random_below(&seed, 1024);
        if (sl_postings_open(exact, kept, 700, minis, &postings, NULL) == SL_OK) {
            uint64_t *found = sl_new(sl_words_for(minis) * sizeof(*found));
            sl_status st = sl_postings_collect(&postings, 0, 699, found, NULL);
            assert_true(st == SL_OK || st == SL_CORRUPT);
            free(found);
        }
        free(exact);
    }
    free_model(&m);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_entry_has_its_minis),
        cmocka_unit_test(a_range_of_entries_is_their_union),
        cmocka_unit_test(pieces_number_entries_from_their_first_one),
        cmocka_unit_test(postings_are_small),
        cmocka_unit_test(damaged_bytes_are_refused_or_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
