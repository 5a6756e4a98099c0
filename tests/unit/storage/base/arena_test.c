/*
 * arena_test.c - memory with a budget: alignment, refusal, reset, sharing.
 */
#include "storage/base/arena.h"
#include "tests/support/test.h"

static void
memory_is_aligned_and_separate(void **state)
{
    uint64_t seed = test_seed();
    struct sl_arena *arena = sl_arena_create(1 << 24);
    uint8_t *blocks[500];
    size_t sizes[500];
    (void)state;
    for (unsigned i = 0; i < 500; i++) {
        sizes[i] = test_random_below(&seed, 5000);
        blocks[i] = sl_arena_alloc(arena, sizes[i]);
        assert_non_null(blocks[i]);
        assert_int_equal((uintptr_t)blocks[i] % 16, 0);
        memset(blocks[i], (int)i, sizes[i]);
    }
    for (unsigned i = 0; i < 500; i++)
        for (size_t j = 0; j < sizes[i]; j++)
            if (blocks[i][j] != (uint8_t)i)
                fail_msg("block %u was overwritten", i);
    sl_arena_destroy(arena);
}

static void
beyond_the_budget_is_null_and_the_arena_lives(void **state)
{
    struct sl_arena *arena = sl_arena_create(100000);
    (void)state;
    assert_null(sl_arena_alloc(arena, 200000));
    assert_non_null(sl_arena_alloc(arena, 50000));
    assert_null(sl_arena_alloc(arena, 90000));
    assert_non_null(sl_arena_alloc(arena, 1000));
    assert_null(sl_arena_alloc(arena, SIZE_MAX));
    assert_null(sl_arena_calloc(arena, SIZE_MAX / 2, 4));
    assert_true(sl_arena_used_bytes(arena) <= 100000);
    sl_arena_destroy(arena);
}

static void
reset_gives_the_memory_back(void **state)
{
    struct sl_arena *arena = sl_arena_create(1 << 20);
    (void)state;
    for (unsigned round = 0; round < 100; round++) {
        for (unsigned i = 0; i < 10; i++)
            assert_non_null(sl_arena_alloc(arena, 50000));
        sl_arena_reset(arena);
    }
    sl_arena_destroy(arena);
}

static void
recycled_memory_is_one_piece_that_fits_the_same_again(void **state)
{
    struct sl_arena *arena = sl_arena_create(SIZE_MAX);
    (void)state;
    sl_arena_recycle(arena);
    size_t used_bytes = 0;
    for (unsigned round = 0; round < 5; round++) {
        for (unsigned i = 1; i <= 20; i++) {
            uint8_t *memory = sl_arena_alloc(arena, i * 50000);
            assert_non_null(memory);
            memset(memory, (int)i, i * 50000);
        }
        sl_arena_recycle(arena);
        assert_true(round == 0 || sl_arena_used_bytes(arena) == used_bytes);
        used_bytes = sl_arena_used_bytes(arena);
    }
    sl_arena_destroy(arena);
}

static void
a_cleared_arena_gives_all_back_and_works_on(void **state)
{
    struct sl_budget budget = {.limit_bytes = 1000000};
    struct sl_arena *arena = sl_arena_create_shared(&budget);
    (void)state;
    for (unsigned round = 0; round < 3; round++) {
        while (sl_arena_alloc(arena, 10000) != NULL)
            continue;
        assert_true(sl_arena_used_bytes(arena) > 500000);
        sl_arena_clear(arena);
        assert_int_equal(sl_arena_used_bytes(arena), 0);
        assert_int_equal(budget.used_bytes, 0);
    }
    sl_arena_destroy(arena);
}

static void
recycling_stays_within_the_budget(void **state)
{
    struct sl_arena *arena = sl_arena_create(1000000);
    (void)state;
    for (unsigned round = 0; round < 5; round++) {
        while (sl_arena_alloc(arena, 10000) != NULL)
            continue;
        assert_true(sl_arena_used_bytes(arena) <= 1000000);
        sl_arena_recycle(arena);
        assert_true(sl_arena_used_bytes(arena) <= 1000000);
    }
    sl_arena_destroy(arena);
}

static void
arenas_share_a_budget(void **state)
{
    struct sl_budget budget = {.limit_bytes = 100000};
    struct sl_arena *a = sl_arena_create_shared(&budget);
    struct sl_arena *b = sl_arena_create_shared(&budget);
    (void)state;
    assert_non_null(sl_arena_alloc(a, 60000));
    assert_null(sl_arena_alloc(b, 60000));
    sl_arena_destroy(a);
    assert_non_null(sl_arena_alloc(b, 60000));
    assert_false(sl_budget_take(&budget, 60000));
    assert_true(sl_budget_take(&budget, 1000));
    sl_budget_give(&budget, 1000);
    sl_arena_destroy(b);
    assert_int_equal(budget.used_bytes, 0);
}

/* The last 160 bytes are for those who have no more than ten. */
static void
the_modest_have_the_reserve(void **state)
{
    struct sl_budget all = {.limit_bytes = 1000, .reserve_bytes = 160};
    struct sl_budget large = {.limit_bytes = SIZE_MAX, .outer = &all};
    struct sl_budget modest = {.limit_bytes = SIZE_MAX, .outer = &all};
    (void)state;
    assert_int_equal(sl_budget_limit(&large), 840);
    assert_false(sl_budget_take(&large, 841));
    assert_true(sl_budget_take(&large, 840));
    assert_false(sl_budget_take(&large, 1));
    assert_true(sl_budget_take(&modest, 9));
    assert_true(sl_budget_take(&modest, 1));
    assert_false(sl_budget_take(&modest, 1));
    assert_int_equal(all.used_bytes, 850);
    assert_int_equal(modest.used_bytes, 10);
    sl_budget_give(&large, 840);
    assert_true(sl_budget_take(&modest, 830));
    assert_false(sl_budget_take(&modest, 1));
    sl_budget_give(&modest, 840);
    assert_int_equal(all.used_bytes, 0);
}

static void
an_inner_budget_takes_from_the_outer_one(void **state)
{
    struct sl_budget all = {.limit_bytes = 1000};
    struct sl_budget one = {.limit_bytes = 600, .outer = &all};
    struct sl_budget other = {.limit_bytes = SIZE_MAX, .outer = &all};
    (void)state;
    assert_int_equal(sl_budget_limit(&one), 600);
    assert_int_equal(sl_budget_limit(&other), 1000);
    assert_false(sl_budget_take(&one, 601));
    assert_true(sl_budget_take(&one, 600));
    assert_false(sl_budget_take(&other, 401));
    assert_int_equal(other.used_bytes, 0);
    assert_true(sl_budget_take(&other, 400));
    sl_budget_give(&one, 600);
    assert_int_equal(all.used_bytes, 400);
    sl_budget_give(&other, 400);
    assert_int_equal(all.used_bytes, 0);
}

/* Somebody who holds memory that others may have. */
struct lender {
    struct sl_budget *budget;
    size_t pieces;
};

static bool
give_piece(void *context)
{
    struct lender *lender = context;
    if (lender->pieces == 0)
        return false;
    lender->pieces--;
    sl_budget_give(lender->budget, 100);
    return true;
}

static void
a_budget_in_need_asks_for_what_was_lent(void **state)
{
    struct sl_budget all = {.limit_bytes = 1000};
    struct lender lender = {.budget = &all, .pieces = 8};
    struct sl_budget one = {.limit_bytes = SIZE_MAX, .outer = &all};
    (void)state;
    all.reclaim = give_piece;
    all.reclaim_context = &lender;
    assert_true(sl_budget_take(&all, 800));
    assert_true(sl_budget_take(&one, 200));
    assert_int_equal(lender.pieces, 8);
    assert_true(sl_budget_take(&one, 201));
    assert_int_equal(lender.pieces, 5);
    assert_false(sl_budget_take(&one, 1001));
    assert_int_equal(lender.pieces, 5);
    assert_false(sl_budget_take(&one, 600));
    assert_int_equal(lender.pieces, 0);
    assert_int_equal(all.used_bytes, 401);
    sl_budget_give(&one, 401);
    assert_int_equal(all.used_bytes, 0);
}

/* What is foretold is taken in one piece, and no more than that. */
static void
an_arena_in_slabs_takes_what_it_was_told_first(void **state)
{
    struct sl_arena *arena = sl_arena_create_in_slabs(1 << 24, 700000);
    (void)state;
    uint8_t *first = sl_arena_alloc(arena, 300000);
    uint8_t *second = sl_arena_alloc(arena, 400000);
    assert_ptr_equal(second, first + 300000);
    assert_in_range(sl_arena_used_bytes(arena), 700000, 700100);
    assert_non_null(sl_arena_alloc(arena, 10));
    assert_in_range(sl_arena_used_bytes(arena), 700100, 2000000);
    assert_null(sl_arena_alloc(arena, 1 << 24));
    sl_arena_destroy(arena);

    arena = sl_arena_create_in_slabs(1 << 24, 0);
    for (unsigned i = 0; i < 1000; i++)
        assert_non_null(sl_arena_alloc(arena, 10));
    assert_in_range(sl_arena_used_bytes(arena), 16000, 64000);
    sl_arena_destroy(arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_aligned_and_separate),
        cmocka_unit_test(beyond_the_budget_is_null_and_the_arena_lives),
        cmocka_unit_test(reset_gives_the_memory_back),
        cmocka_unit_test(recycled_memory_is_one_piece_that_fits_the_same_again),
        cmocka_unit_test(a_cleared_arena_gives_all_back_and_works_on),
        cmocka_unit_test(recycling_stays_within_the_budget),
        cmocka_unit_test(an_arena_in_slabs_takes_what_it_was_told_first),
        cmocka_unit_test(arenas_share_a_budget),
        cmocka_unit_test(the_modest_have_the_reserve),
        cmocka_unit_test(an_inner_budget_takes_from_the_outer_one),
        cmocka_unit_test(a_budget_in_need_asks_for_what_was_lent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
