/*
 * segment_stock_test.c - a filled stock lends buffers that have their pages, keeps as many as it was
 * filled with, and lends none twice.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "storage/base/thread.h"
#include "storage/segment/segment_stock.h"
#include "tests/support/test.h"

enum { WIDE = SL_SEGMENT_BUFFER_KINDS - 1, PAGE_BYTES = 4096, TAKEN_MAX = 64 };

/* Pages that lie within a buffer and are in memory; *out_count: of how many. */
static size_t
resident_pages(const void *buffer, size_t bytes, size_t *out_count)
{
    unsigned char pages[(SL_BLOCK_ROWS * sizeof(uint64_t)) / PAGE_BYTES];
    size_t skipped_bytes = -(uintptr_t)buffer % PAGE_BYTES;
    size_t count = (bytes - skipped_bytes) / PAGE_BYTES;
    size_t resident = 0;
    assert_true(count <= SL_COUNTOF(pages));
    assert_int_equal(
        mincore((uint8_t *)(uintptr_t)buffer + skipped_bytes, count * PAGE_BYTES, pages), 0);
    for (size_t i = 0; i < count; i++)
        resident += pages[i] & 1;
    *out_count = count;
    return resident;
}

static void
a_filled_stock_has_its_pages(void **state)
{
    (void)state;
    sl_segment_stock_fill(1);
    for (unsigned kind = 0; kind < SL_SEGMENT_BUFFER_KINDS; kind++) {
        size_t count = 0;
        void *buffer = sl_segment_stock_take(kind);
        assert_non_null(buffer);
        size_t resident = resident_pages(buffer, sl_segment_buffer_bytes(kind), &count);
        assert_true(count != 0);
        assert_int_equal(resident, count);
        sl_segment_stock_give(kind, buffer);
    }
    sl_segment_stock_fill(0);
}

static void
what_was_given_back_is_lent_again(void **state)
{
    (void)state;
    sl_segment_stock_fill(1);
    void *first = sl_segment_stock_take(WIDE);
    void *second = sl_segment_stock_take(WIDE);
    assert_ptr_not_equal(first, second);
    sl_segment_stock_give(WIDE, first);
    sl_segment_stock_give(WIDE, second);
    assert_ptr_equal(sl_segment_stock_take(WIDE), second);
    assert_ptr_equal(sl_segment_stock_take(WIDE), first);
    sl_segment_stock_give(WIDE, first);
    sl_segment_stock_give(WIDE, second);
    sl_segment_stock_fill(0);
}

static void
more_are_lent_than_are_kept(void **state)
{
    void *taken[TAKEN_MAX];
    (void)state;
    for (unsigned workers = 0; workers < 2; workers++) {
        sl_segment_stock_fill(workers);
        for (unsigned i = 0; i < TAKEN_MAX; i++) {
            taken[i] = sl_segment_stock_take(0);
            assert_non_null(taken[i]);
            memset(taken[i], (int)i, sl_segment_buffer_bytes(0));
        }
        for (unsigned i = 0; i < TAKEN_MAX; i++) {
            const uint8_t *bytes = taken[i];
            assert_int_equal(bytes[0], i);
            assert_int_equal(bytes[sl_segment_buffer_bytes(0) - 1], i);
            sl_segment_stock_give(0, taken[i]);
        }
    }
    sl_segment_stock_fill(0);
}

static void
take_and_give(void *context, unsigned index)
{
    enum { ROUNDS = 200 };
    _Atomic unsigned *wrong = context;
    for (unsigned i = 0; i < ROUNDS; i++) {
        size_t end = sl_segment_buffer_bytes(WIDE) - sizeof(unsigned);
        uint8_t *buffer = sl_segment_stock_take(WIDE);
        memcpy(buffer, &index, sizeof(index));
        memcpy(buffer + end, &i, sizeof(i));
        *wrong += memcmp(buffer, &index, sizeof(index)) != 0;
        *wrong += memcmp(buffer + end, &i, sizeof(i)) != 0;
        sl_segment_stock_give(WIDE, buffer);
    }
}

static void
threads_share_a_stock(void **state)
{
    (void)state;
    _Atomic unsigned wrong = 0;
    struct sl_pool *pool = sl_pool_create("test", 3, 0);
    sl_pool_set_eager(pool);
    sl_segment_stock_fill(1);
    sl_pool_each(pool, 4, 8, take_and_give, &wrong);
    sl_pool_destroy(pool);
    sl_segment_stock_fill(0);
    assert_int_equal(wrong, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_filled_stock_has_its_pages),
        cmocka_unit_test(what_was_given_back_is_lent_again),
        cmocka_unit_test(more_are_lent_than_are_kept),
        cmocka_unit_test(threads_share_a_stock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
