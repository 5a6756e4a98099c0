/*
 * segment_pair_test.c - leads and answers expand to the rows they were made of.
 *
 * Random answers (never at the beginning of a block, never one behind another) over every length up
 * to a few words and over full blocks; rows are held against a loop that says what an answer is.
 * Bits that make too few or too many rows are refused.
 */
#include "storage/segment/segment_pair.h"

#include "storage/segment/segment_kernel.h"
#include "tests/support/test.h"

struct block {
    uint32_t row_count;
    uint32_t lead_count;
    uint64_t bits[SL_BLOCK_ROWS / 64];
    uint32_t lead_bytes[SL_BLOCK_ROWS / 8];
    uint32_t leads[SL_BLOCK_ROWS];
    uint32_t differences[SL_BLOCK_ROWS];
    uint32_t rows[SL_BLOCK_ROWS];
};

static uint32_t
zigzag(uint32_t difference)
{
    return difference << 1 ^ (0 - (difference >> 31));
}

/* share: one row in so many that may be an answer is one. */
static void
fill(struct block *b, uint32_t row_count, uint64_t share, uint64_t *seed)
{
    uint32_t answer_count = 0;
    memset(b, 0, sizeof(*b));
    b->row_count = row_count;
    for (uint32_t i = 0; i < row_count; i++) {
        bool may_answer = i > 0 && !sl_bit_get(b->bits, i - 1);
        b->rows[i] = (uint32_t)test_random(seed);
        if (may_answer && test_random_below(seed, share) == 0) {
            sl_bit_set(b->bits, i);
            b->differences[answer_count++] = zigzag(b->rows[i] - b->rows[i - 1]);
        } else {
            b->leads[b->lead_count++] = b->rows[i];
        }
    }
    uint64_t bytes[SL_BLOCK_ROWS / 8];
    sl_segment_answers_close(b->bits, row_count, bytes);
    for (uint32_t i = 0; i < sl_segment_lead_bytes(b->lead_count); i++)
        b->lead_bytes[i] = (uint32_t)bytes[i];
}

static void
check_rows(const struct block *b)
{
    static uint32_t narrow[SL_BLOCK_ROWS];
    static uint64_t wide[SL_BLOCK_ROWS], leads[SL_BLOCK_ROWS], differences[SL_BLOCK_ROWS];
    struct sl_segment_answers answers;
    assert_true(sl_segment_answers_open(b->lead_bytes, b->lead_count, b->row_count, &answers));
    assert_memory_equal(answers.bits, b->bits, sizeof(b->bits));
    for (uint32_t i = 0; i < b->row_count; i++) {
        uint64_t offset = UINT64_C(7) << 40;
        leads[i] = b->leads[i] + offset;
        /* The same difference, of 64 bits. */
        uint32_t code = b->differences[i];
        int64_t difference = (int32_t)(code >> 1 ^ (0 - (code & 1)));
        differences[i] = (uint64_t)difference << 1 ^ (0 - ((uint64_t)difference >> 63));
    }
    for (uint32_t first = 0; first < b->row_count; first += SL_MINI_ROWS) {
        uint32_t left = b->row_count - first;
        uint32_t count = left < SL_MINI_ROWS ? left : SL_MINI_ROWS;
        sl_segment_pair_narrow(&answers, first, count, b->leads, b->differences, narrow);
        sl_segment_pair_wide(&answers, first, count, leads, differences, wide);
    }
    for (uint32_t i = 0; i < b->row_count; i++) {
        assert_int_equal(narrow[i], b->rows[i]);
        assert_int_equal((uint32_t)wide[i], b->rows[i]);
    }
    sl_segment_pair_narrow(&answers, 0, b->row_count, b->leads, NULL, narrow);
    for (uint32_t i = 0; i < b->row_count; i++)
        assert_int_equal(narrow[i], sl_bit_get(b->bits, i) ? b->rows[i - 1] : b->rows[i]);
}

/* Some rows, and then all of them, are where their leads and differences say. */
static void
check_places(const struct block *b, uint64_t *seed)
{
    static uint32_t rows[SL_BLOCK_ROWS], leads[SL_BLOCK_ROWS], differences[SL_BLOCK_ROWS];
    struct sl_segment_answers answers;
    assert_true(sl_segment_answers_open(b->lead_bytes, b->lead_count, b->row_count, &answers));
    for (uint64_t share = 1; share < 10000; share *= 20) {
        uint32_t count = 0;
        for (uint32_t i = 0; i < b->row_count; i++)
            if (test_random_below(seed, share) == 0)
                rows[count++] = i;
        sl_segment_pair_locate(&answers, rows, count, leads, differences);
        for (uint32_t i = 0; i < count; i++) {
            uint32_t value = b->leads[leads[i]];
            assert_int_equal(differences[i] != 0, sl_bit_get(b->bits, rows[i]));
            if (differences[i] != 0)
                value += sl_segment_unzigzag_narrow(b->differences[differences[i] - 1]);
            assert_int_equal(value, b->rows[rows[i]]);
        }
    }
}

static void
rows_are_those_that_were_split(void **state)
{
    (void)state;
    static struct block b;
    uint64_t seed = test_seed();
    for (uint32_t rows = 1; rows <= 300; rows++) {
        fill(&b, rows, 1 + rows % 4, &seed);
        check_rows(&b);
        check_places(&b, &seed);
    }
    const uint32_t lengths[] = {SL_MINI_ROWS - 1, SL_MINI_ROWS, SL_MINI_ROWS + 1, SL_BLOCK_ROWS - 1,
                                SL_BLOCK_ROWS};
    for (size_t i = 0; i < SL_COUNTOF(lengths); i++)
        for (uint64_t share = 1; share < 6; share += 2) {
            fill(&b, lengths[i], share, &seed);
            check_rows(&b);
            check_places(&b, &seed);
        }
}

static void
bits_that_do_not_make_the_rows_are_refused(void **state)
{
    (void)state;
    static struct sl_segment_answers answers;
    const uint32_t two_of_nine[2] = {0x41, 0};
    const uint32_t beyond[2] = {0x41, 0x02};
    const uint32_t large[2] = {0x141, 0};
    assert_true(sl_segment_answers_open(two_of_nine, 9, 11, &answers));
    assert_false(sl_segment_answers_open(two_of_nine, 9, 10, &answers));
    assert_false(sl_segment_answers_open(two_of_nine, 9, 12, &answers));
    assert_false(sl_segment_answers_open(beyond, 9, 12, &answers));
    assert_false(sl_segment_answers_open(large, 9, 12, &answers));
    assert_false(sl_segment_answers_open(two_of_nine, 0, 1, &answers));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_those_that_were_split),
        cmocka_unit_test(bits_that_do_not_make_the_rows_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
