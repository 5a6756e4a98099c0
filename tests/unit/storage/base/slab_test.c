/*
 * slab_test.c - pieces are apart, what was given back is used again, and none is left at the end.
 */
#include "storage/base/slab.h"
#include "storage/base/thread.h"
#include "tests/support/test.h"

enum { PIECES = 200, PIECE_BYTES = 700 * 1000, THREADS = 4, ROUNDS = 2000 };

static void
pieces_are_aligned_and_separate(void **state)
{
    uint64_t seed = test_seed();
    uint8_t *pieces[PIECES];
    size_t sizes[PIECES];
    (void)state;
    for (unsigned i = 0; i < PIECES; i++) {
        sizes[i] = test_random_below(&seed, i % 20 == 0 ? 3000000 : 100000);
        pieces[i] = sl_slab_take(sizes[i]);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % 16, 0);
        memset(pieces[i], (int)i, sizes[i]);
    }
    for (unsigned i = 0; i < PIECES; i++) {
        for (size_t k = 0; k < sizes[i]; k++)
            if (pieces[i][k] != (uint8_t)i)
                fail_msg("piece %u was overwritten", i);
        sl_slab_give(pieces[i]);
    }
    sl_slab_give(NULL);
    assert_null(sl_slab_take(SIZE_MAX));
}

/* A generation more than is kept: the rest goes back at once, what is kept serves the next one. */
static void
what_is_kept_is_bounded_and_used_again(void **state)
{
    enum { COUNT = (SL_SLABS_KEPT_MAX + 4) * SL_SLAB_BYTES / PIECE_BYTES };
    static void *pieces[COUNT];
    (void)state;
    sl_slab_trim();
    assert_int_equal(sl_slab_kept_bytes(), 0);
    for (unsigned i = 0; i < COUNT; i++)
        assert_non_null(pieces[i] = sl_slab_take(PIECE_BYTES));
    assert_int_equal(sl_slab_kept_bytes(), 0);
    for (unsigned i = 0; i < COUNT; i++)
        sl_slab_give(pieces[i]);
    assert_int_equal(sl_slab_kept_bytes(), (size_t)SL_SLABS_KEPT_MAX * SL_SLAB_BYTES);
    for (unsigned i = 0; i < COUNT / 2; i++)
        pieces[i] = sl_slab_take(PIECE_BYTES);
    assert_in_range(sl_slab_kept_bytes(), 1, (size_t)SL_SLABS_KEPT_MAX / 2 * SL_SLAB_BYTES);
    for (unsigned i = 0; i < COUNT / 2; i++)
        sl_slab_give(pieces[i]);
    sl_slab_trim();
    assert_int_equal(sl_slab_kept_bytes(), 0);
}

static void
one_piece_at_a_time_stays_where_it_is(void **state)
{
    void *first = sl_slab_take(PIECE_BYTES);
    (void)state;
    sl_slab_give(first);
    for (unsigned i = 0; i < PIECES; i++) {
        void *piece = sl_slab_take(PIECE_BYTES);
        assert_ptr_equal(piece, first);
        sl_slab_give(piece);
    }
}

static void
take_and_give(void *context)
{
    uint64_t seed = (uint64_t)(uintptr_t)context + 1;
    uint8_t *held[8] = {0};
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint8_t **piece = &held[test_random_below(&seed, SL_COUNTOF(held))];
        sl_slab_give(*piece);
        *piece = sl_slab_take(1000 + test_random_below(&seed, 1000000));
        (*piece)[0] = (*piece)[999] = (uint8_t)i;
        if (i % 100 == 0)
            sl_slab_trim();
    }
    for (unsigned i = 0; i < SL_COUNTOF(held); i++)
        sl_slab_give(held[i]);
}

static void
threads_share_the_slabs(void **state)
{
    struct sl_thread *threads[THREADS];
    (void)state;
    for (uintptr_t i = 0; i < THREADS; i++)
        threads[i] = sl_thread_start("slabs", take_and_give, (void *)i);
    for (unsigned i = 0; i < THREADS; i++)
        sl_thread_join(threads[i]);
    sl_slab_trim();
    assert_int_equal(sl_slab_kept_bytes(), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_aligned_and_separate),
        cmocka_unit_test(what_is_kept_is_bounded_and_used_again),
        cmocka_unit_test(one_piece_at_a_time_stays_where_it_is),
        cmocka_unit_test(threads_share_the_slabs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
