/*
 * segment_kernel_test.c - the kernels that this CPU takes agree with the scalar ones, over every
 * length up to a few steps and over whole blocks, whether the first row is a lead or an answer.
 */
#include "storage/segment/segment_kernel.h"

#include "storage/base/limits.h"
#include "tests/support/test.h"

enum { ROWS = SL_BLOCK_ROWS, FRONT = 1 };

struct rows {
    uint64_t bits[ROWS / 64];
    uint32_t sides[ROWS], narrow[2][FRONT + ROWS];
    uint64_t wide[2][FRONT + ROWS];
};

static void
fill(struct rows *r, uint64_t *seed)
{
    for (uint32_t i = 0; i < FRONT + ROWS; i++)
        for (unsigned k = 0; k < 2; k++)
            r->narrow[k][i] = (uint32_t)(r->wide[k][i] = test_random(seed));
    for (uint32_t i = 0; i < ROWS; i++)
        r->sides[i] = (uint32_t)test_random_below(seed, 2);
    for (uint32_t i = 0; i < ROWS / 64; i++)
        r->bits[i] = test_random(seed);
}

static void
check(const struct rows *r, uint32_t count)
{
    static uint32_t narrow[2][ROWS];
    static uint64_t wide[2][ROWS];
    const struct sl_segment_kernels *kernels[2] = {&sl_segment_kernels_scalar,
                                                   sl_segment_kernels_best()};
    for (unsigned k = 0; k < 2; k++)
        kernels[k]->select(r->sides, r->narrow[0], r->narrow[1], count, narrow[k]);
    assert_memory_equal(narrow[0], narrow[1], count * sizeof(uint32_t));
    assert_int_equal(kernels[0]->max_u32(narrow[0], count), kernels[1]->max_u32(narrow[0], count));
    for (unsigned k = 0; k < 2; k++)
        kernels[k]->to_u16(r->narrow[0], count, (uint16_t *)narrow[k]);
    assert_memory_equal(narrow[0], narrow[1], count * sizeof(uint16_t));
    for (unsigned k = 0; k < 2; k++)
        kernels[k]->to_u8(r->narrow[0], count, (uint8_t *)narrow[k]);
    assert_memory_equal(narrow[0], narrow[1], count * sizeof(uint8_t));
    for (unsigned has_differences = 0; has_differences < 2; has_differences++) {
        for (unsigned k = 0; k < 2; k++) {
            kernels[k]->spread_u32(r->bits, count, &r->narrow[0][FRONT],
                                   has_differences ? &r->narrow[1][FRONT] : NULL, narrow[k]);
            kernels[k]->spread_u64(r->bits, count, &r->wide[0][FRONT],
                                   has_differences ? &r->wide[1][FRONT] : NULL, wide[k]);
        }
        assert_memory_equal(narrow[0], narrow[1], count * sizeof(uint32_t));
        assert_memory_equal(wide[0], wide[1], count * sizeof(uint64_t));
    }
}

static void
kernels_agree(void **state)
{
    (void)state;
    static struct rows r;
    uint64_t seed = test_seed();
    fill(&r, &seed);
    for (uint32_t count = 1; count < 200; count++) {
        r.bits[0] ^= 1;
        check(&r, count);
    }
    for (unsigned run = 0; run < 4; run++) {
        fill(&r, &seed);
        check(&r, ROWS - run);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
