/*
 * bitmap_test.c - sets agree with an array of flags, and damaged bytes never reach the library.
 */
#include "storage/index/bitmap.h"
#include "tests/support/test.h"

enum { UNIVERSE = 300000 };

struct model {
    struct sl_bitmap *set;
    uint8_t *flags;
};

/* Sparse members, dense stretches and full ranges: all three kinds of container. */
static struct model
draw_model(uint64_t *seed)
{
    struct model m = {.set = sl_bitmap_create(), .flags = sl_new(UNIVERSE)};
    for (unsigned i = 0; i < 500; i++) {
        uint32_t member = (uint32_t)test_random_below(seed, UNIVERSE);
        sl_bitmap_add(m.set, member);
        m.flags[member] = 1;
    }
    for (unsigned i = 0; i < 3; i++) {
        uint32_t first = (uint32_t)test_random_below(seed, UNIVERSE - 20000);
        uint32_t last = first + (uint32_t)test_random_below(seed, 20000);
        sl_bitmap_add_range(m.set, first, last);
        memset(&m.flags[first], 1, last - first + 1);
    }
    uint32_t start = (uint32_t)test_random_below(seed, UNIVERSE - 65536);
    for (uint32_t i = start; i < start + 65536; i++)
        if (test_random(seed) & 1) {
            sl_bitmap_add(m.set, i);
            m.flags[i] = 1;
        }
    return m;
}

static void
free_model(struct model *m)
{
    sl_bitmap_destroy(m->set);
    free(m->flags);
}

static void
assert_same(const struct model *m)
{
    uint64_t *words = sl_new(sl_words_for(UNIVERSE) * sizeof(*words));
    uint64_t count = 0;
    for (uint32_t i = 0; i < UNIVERSE; i++)
        count += m->flags[i];
    assert_int_equal(sl_bitmap_count(m->set), count);
    sl_bitmap_read(m->set, 0, UNIVERSE, words);
    for (uint32_t i = 0; i < UNIVERSE; i++)
        assert_int_equal(sl_bit_get(words, i), m->flags[i]);
    free(words);
}

static void
sets_agree_with_flags(void **state)
{
    uint64_t seed = test_seed();
    (void)state;
    for (unsigned round = 0; round < 9; round++) {
        struct model a = draw_model(&seed);
        struct model b = draw_model(&seed);
        assert_same(&a);
        for (uint32_t i = 0; i < UNIVERSE; i++) {
            if (round % 3 == 0)
                a.flags[i] |= b.flags[i];
            if (round % 3 == 1)
                a.flags[i] &= b.flags[i];
            if (round % 3 == 2)
                a.flags[i] &= !b.flags[i];
        }
        if (round % 3 == 0)
            sl_bitmap_or(a.set, b.set);
        if (round % 3 == 1)
            sl_bitmap_and(a.set, b.set);
        if (round % 3 == 2)
            sl_bitmap_andnot(a.set, b.set);
        assert_same(&a);
        free_model(&a);
        free_model(&b);
    }
}

static void
a_window_is_read_exactly(void **state)
{
    uint64_t seed = test_seed();
    struct model m = draw_model(&seed);
    (void)state;
    for (unsigned round = 0; round < 200; round++) {
        uint32_t first = (uint32_t)test_random_below(&seed, UNIVERSE);
        uint32_t count = (uint32_t)test_random_below(&seed, UNIVERSE - first + 1);
        uint64_t *words = malloc(sl_words_for(count) * sizeof(*words) + 1);
        uint64_t members = 0;
        assert_non_null(words);
        sl_bitmap_read(m.set, first, count, words);
        for (uint32_t i = 0; i < count; i++) {
            members += m.flags[first + i];
            assert_int_equal(sl_bit_get(words, i), m.flags[first + i]);
        }
        if (count > 0)
            assert_int_equal(sl_bitmap_count_range(m.set, first, first + count - 1), members);
        free(words);
    }
    free_model(&m);
}

static void
the_largest_members_count(void **state)
{
    uint64_t words[2];
    const uint32_t members[] = {0, UINT32_MAX - 1, UINT32_MAX, UINT32_MAX};
    struct sl_bitmap *set = sl_bitmap_create_sorted(members, SL_COUNTOF(members));
    (void)state;
    assert_int_equal(sl_bitmap_count(set), 3);
    assert_true(sl_bitmap_contains(set, UINT32_MAX));
    assert_false(sl_bitmap_contains(set, 1));
    sl_bitmap_read(set, UINT32_MAX - 64, 65, words);
    assert_true(words[0] == UINT64_C(1) << 63);
    assert_true(words[1] == 1);
    sl_bitmap_andnot(set, set);
    assert_int_equal(sl_bitmap_count(set), 0);
    sl_bitmap_destroy(set);
}

static void
what_is_encoded_comes_back(void **state)
{
    uint64_t seed = test_seed();
    (void)state;
    for (unsigned round = 0; round < 20; round++) {
        struct model m = draw_model(&seed);
        struct sl_buf buf = sl_buf_empty(SIZE_MAX);
        struct sl_error err = {0};
        struct sl_bitmap *decoded;
        if (round == 0)
            sl_bitmap_andnot(m.set, m.set);
        sl_bitmap_encode(m.set, &buf);
        TEST_OK(sl_bitmap_decode(buf.bytes, buf.size_bytes, &decoded, &err), &err);
        assert_true(sl_bitmap_equal(m.set, decoded));
        struct sl_bitmap *clone = sl_bitmap_clone(decoded);
        assert_true(sl_bitmap_equal(m.set, clone));
        sl_bitmap_destroy(clone);
        sl_bitmap_destroy(decoded);
        sl_buf_u8(&buf, 0);
        assert_int_equal(sl_bitmap_decode(buf.bytes, buf.size_bytes, &decoded, NULL), SL_CORRUPT);
        assert_null(decoded);
        sl_buf_fini(&buf);
        free_model(&m);
    }
}

/* What the proof lets through, the library must be able to use. */
static void
damaged_bytes_are_refused_or_a_set(void **state)
{
    uint64_t seed = test_seed();
    struct model m = draw_model(&seed);
    struct sl_buf buf = sl_buf_empty(SIZE_MAX);
    unsigned refused = 0;
    (void)state;
    sl_bitmap_encode(m.set, &buf);
    for (unsigned round = 0; round < 5000; round++) {
        struct sl_bitmap *decoded;
        size_t kept = round % 8 == 0 ? test_random_below(&seed, buf.size_bytes) : buf.size_bytes;
        uint8_t *exact = malloc(kept + 1);
        assert_non_null(exact);
        memcpy(exact, buf.bytes, kept);
        size_t window = round % 2 ? 80 : kept; /* half of the hits in the heads */
        for (unsigned change = 0; change < 1 + round % 3 && kept > 80; change++)
            exact[test_random_below(&seed, window)] ^= (uint8_t)(1 + test_random_below(&seed, 255));
        if (sl_bitmap_decode(exact, kept, &decoded, NULL) == SL_OK) {
            uint64_t words[1024];
            sl_bitmap_or(decoded, m.set);
            sl_bitmap_read(decoded, 0, 65536, words);
            sl_bitmap_destroy(decoded);
        } else {
            refused++;
        }
        free(exact);
    }
    assert_true(refused > 2000);
    sl_buf_fini(&buf);
    free_model(&m);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_agree_with_flags),
        cmocka_unit_test(a_window_is_read_exactly),
        cmocka_unit_test(the_largest_members_count),
        cmocka_unit_test(what_is_encoded_comes_back),
        cmocka_unit_test(damaged_bytes_are_refused_or_a_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
