/*
 * segment_cache_test.c - what is kept comes back as it was, the limit holds, and the least used
 * goes first.
 */
#include "storage/base/arena.h"
#include "storage/base/thread.h"
#include "storage/segment/segment_cache.h"
#include "tests/support/test.h"

enum { ROWS = 20000, PLACES = 32, SLAB_BYTES = 64 << 10, SLABS = 16 };

/* So small a cache has slabs that hold one block of ROWS values of two bytes. */
static const size_t small_bytes = (size_t)SLABS * SLAB_BYTES;

static void
offer_unused(struct sl_segment_cache *cache, struct sl_segment_kept **place, uint64_t first)
{
    uint64_t values[ROWS];
    struct sl_vector vector = sl_vector_nulls(SL_TYPE_U64, ROWS);
    for (uint32_t i = 0; i < ROWS; i++)
        values[i] = first + i;
    vector.encoding = SL_PLAIN;
    vector.width = 8;
    vector.values = values;
    vector.value_count = ROWS;
    sl_segment_cache_offer(cache, place, &vector);
}

static struct sl_segment_kept *
offer(struct sl_segment_cache *cache, struct sl_segment_kept **place, uint64_t first)
{
    offer_unused(cache, place, first);
    return sl_segment_cache_find(cache, place);
}

static void
values_are_kept_in_as_few_bytes_as_hold_them(void **state)
{
    static const struct {
        uint64_t first;
        uint8_t width;
        bool is_distance;
    } cases[] = {{0, 2, false},
                 {UINT16_MAX - ROWS + 1, 2, false},
                 {UINT16_MAX - ROWS + 2, 4, false},
                 {UINT32_MAX - ROWS + 1, 4, false},
                 {UINT32_MAX - ROWS + 2, 4, true},
                 {UINT64_MAX - ROWS, 4, true}};
    struct sl_budget memory = {.limit_bytes = SIZE_MAX};
    struct sl_segment_cache *cache = sl_segment_cache_create(SIZE_MAX, &memory);
    (void)state;
    for (size_t c = 0; c < SL_COUNTOF(cases); c++) {
        struct sl_segment_kept *place = NULL;
        struct sl_segment_kept *kept = offer(cache, &place, cases[c].first);
        struct sl_vector vector = sl_vector_nulls(SL_TYPE_U64, ROWS);
        assert_non_null(kept);
        assert_null(kept->present);
        assert_int_equal(kept->width, cases[c].width);
        vector.encoding = SL_PLAIN;
        vector.width = kept->width;
        vector.values = kept->values;
        assert_int_equal(kept->is_distance, cases[c].is_distance);
        for (uint32_t i = 0; i < ROWS; i++)
            assert_int_equal(kept->base + sl_vector_u64(&vector, i), cases[c].first + i);
        sl_segment_cache_leave(cache, kept);
        sl_segment_cache_forget(cache, &place, 1);
    }
    assert_int_equal(sl_segment_cache_bytes(cache), 0);
    sl_segment_cache_destroy(cache);
}

static void
codes_and_presence_are_kept(void **state)
{
    uint32_t codes[70];
    uint64_t present[2] = {UINT64_C(0x123456789abcdef0), 0x21};
    struct sl_budget memory = {.limit_bytes = SIZE_MAX};
    struct sl_segment_cache *cache = sl_segment_cache_create(SIZE_MAX, &memory);
    struct sl_segment_kept *place = NULL;
    struct sl_vector vector = sl_vector_nulls(SL_TYPE_ADDR, SL_COUNTOF(codes));
    (void)state;
    for (uint32_t i = 0; i < SL_COUNTOF(codes); i++)
        codes[i] = i * i;
    vector.encoding = SL_DICT;
    vector.codes = codes;
    vector.present = present;
    assert_null(sl_segment_cache_find(cache, &place));
    sl_segment_cache_offer(cache, &place, &vector);
    struct sl_segment_kept *kept = sl_segment_cache_find(cache, &place);
    assert_non_null(kept);
    assert_memory_equal(kept->values, codes, sizeof(codes));
    assert_memory_equal(kept->present, present, sizeof(present));
    /* A block in use outlives its reader's place. */
    sl_segment_cache_forget(cache, &place, 1);
    assert_null(place);
    assert_memory_equal(kept->values, codes, sizeof(codes));
    assert_int_equal(memory.used_bytes, 2 << 20);
    sl_segment_cache_leave(cache, kept);
    assert_int_equal(memory.used_bytes, 0);
    sl_segment_cache_destroy(cache);
}

static void
what_was_used_stays_and_what_was_not_goes(void **state)
{
    struct sl_budget memory = {.limit_bytes = SIZE_MAX};
    struct sl_segment_cache *cache = sl_segment_cache_create(small_bytes, &memory);
    struct sl_segment_kept *places[PLACES] = {0};
    (void)state;
    sl_segment_cache_leave(cache, offer(cache, &places[0], 0));
    for (unsigned i = 1; i < PLACES; i++) {
        offer_unused(cache, &places[i], i);
        struct sl_segment_kept *kept = sl_segment_cache_find(cache, &places[0]);
        assert_non_null(kept); /* asked for in each round */
        sl_segment_cache_leave(cache, kept);
        assert_true(sl_segment_cache_bytes(cache) <= small_bytes);
    }
    unsigned count = 0;
    for (unsigned i = 0; i < PLACES; i++)
        count += places[i] != NULL;
    assert_int_equal(count, SLABS);
    sl_segment_cache_forget(cache, places, PLACES);
    sl_segment_cache_destroy(cache);
}

static void
memory_that_a_query_needs_is_given_back_unless_it_is_in_use(void **state)
{
    struct sl_budget memory = {.limit_bytes = (size_t)5 * SLAB_BYTES};
    struct sl_segment_cache *cache = sl_segment_cache_create(small_bytes, &memory);
    struct sl_segment_kept *places[4] = {0};
    (void)state;
    struct sl_segment_kept *held = offer(cache, &places[0], 0);
    for (unsigned i = 1; i < 4; i++)
        sl_segment_cache_leave(cache, offer(cache, &places[i], i));
    size_t kept_bytes = sl_segment_cache_bytes(cache);
    assert_true(sl_budget_take(&memory, memory.limit_bytes - kept_bytes));
    assert_int_equal(sl_segment_cache_bytes(cache), kept_bytes);
    assert_true(sl_budget_take(&memory, kept_bytes / 4));
    assert_true(sl_segment_cache_bytes(cache) < kept_bytes);
    assert_true(sl_budget_take(&memory, kept_bytes / 2));
    assert_int_equal(sl_segment_cache_bytes(cache), SLAB_BYTES);
    assert_non_null(places[0]);
    assert_false(sl_budget_take(&memory, kept_bytes / 4));
    sl_segment_cache_leave(cache, held);
    assert_true(sl_budget_take(&memory, kept_bytes / 4));
    assert_null(places[0]);
    assert_int_equal(sl_segment_cache_bytes(cache), 0);
    sl_segment_cache_destroy(cache);
    assert_int_equal(memory.used_bytes, memory.limit_bytes);
}

static void
values_far_from_each_other_stay_wide(void **state)
{
    uint64_t values[2] = {5, (uint64_t)UINT32_MAX + 6};
    struct sl_budget memory = {.limit_bytes = SIZE_MAX};
    struct sl_segment_cache *cache = sl_segment_cache_create(SIZE_MAX, &memory);
    struct sl_segment_kept *place = NULL;
    struct sl_vector vector = sl_vector_nulls(SL_TYPE_TIME, 2);
    (void)state;
    vector.encoding = SL_PLAIN;
    vector.width = 8;
    vector.values = values;
    vector.value_count = 2;
    sl_segment_cache_offer(cache, &place, &vector);
    struct sl_segment_kept *kept = sl_segment_cache_find(cache, &place);
    assert_non_null(kept);
    assert_int_equal(kept->width, 8);
    assert_false(kept->is_distance);
    assert_memory_equal(kept->values, values, sizeof(values));
    sl_segment_cache_leave(cache, kept);
    sl_segment_cache_forget(cache, &place, 1);
    sl_segment_cache_destroy(cache);
}

/* What others have of the memory there is no room in. */
static void
room_is_what_the_limit_and_others_leave(void **state)
{
    struct sl_budget memory = {.limit_bytes = 2 * small_bytes};
    struct sl_segment_cache *cache = sl_segment_cache_create(small_bytes, &memory);
    struct sl_segment_kept *place = NULL;
    (void)state;
    assert_int_equal(sl_segment_cache_room(cache), small_bytes);
    offer_unused(cache, &place, 0);
    assert_int_equal(sl_segment_cache_room(cache), small_bytes);
    assert_true(sl_budget_take(&memory, small_bytes + SLAB_BYTES));
    assert_int_equal(sl_segment_cache_room(cache), small_bytes - SLAB_BYTES);
    sl_segment_cache_forget(cache, &place, 1);
    sl_segment_cache_destroy(cache);
}

struct crowd {
    struct sl_budget memory;
    struct sl_segment_cache *cache;
    struct sl_segment_kept *places[PLACES];
};

static void
use_places(void *context, unsigned index)
{
    struct crowd *crowd = context;
    uint64_t seed = index + 1;
    for (unsigned round = 0; round < 2000; round++) {
        unsigned place = (unsigned)test_random_below(&seed, PLACES);
        struct sl_segment_kept *kept = sl_segment_cache_find(crowd->cache, &crowd->places[place]);
        if (kept == NULL)
            kept = offer(crowd->cache, &crowd->places[place], place);
        if (kept == NULL)
            continue; /* another thread's need was greater */
        for (uint32_t i = 0; i < ROWS; i += 99)
            SL_ASSERT(((const uint16_t *)kept->values)[i] == place + i);
        sl_segment_cache_leave(crowd->cache, kept);
        if (test_random_below(&seed, 50) == 0)
            sl_segment_cache_forget(crowd->cache, &crowd->places[place], 1);
    }
}

static void
threads_find_what_others_offer(void **state)
{
    struct crowd crowd = {.memory = {.limit_bytes = (size_t)5 * SLAB_BYTES}};
    (void)state;
    crowd.cache = sl_segment_cache_create(small_bytes, &crowd.memory);
    struct sl_pool *pool = sl_pool_create("crowd", 4, 0);
    sl_pool_set_eager(pool);
    sl_pool_each(pool, 4, 4, use_places, &crowd);
    sl_pool_destroy(pool);
    sl_segment_cache_forget(crowd.cache, crowd.places, PLACES);
    assert_int_equal(crowd.memory.used_bytes, 0);
    sl_segment_cache_destroy(crowd.cache);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_kept_in_as_few_bytes_as_hold_them),
        cmocka_unit_test(values_far_from_each_other_stay_wide),
        cmocka_unit_test(room_is_what_the_limit_and_others_leave),
        cmocka_unit_test(codes_and_presence_are_kept),
        cmocka_unit_test(what_was_used_stays_and_what_was_not_goes),
        cmocka_unit_test(memory_that_a_query_needs_is_given_back_unless_it_is_in_use),
        cmocka_unit_test(threads_find_what_others_offer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
