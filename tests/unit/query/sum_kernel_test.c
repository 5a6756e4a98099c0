/*
 * sum_kernel_test.c - the wide kernels agree with their definition.
 *
 * Method: the definition is checked by hand-written cases, the widest kernels by comparison with it
 * over random values and selections. Counts 1 .. 200 are one word and several, with every tail;
 * buffers have their exact size, so that a read of one value too many is seen.
 */
#include "query/sum_kernel.h"
#include "tests/support/test.h"

static void
selected_values_are_summed(void **state)
{
    const uint32_t values[] = {1, 20, 300, UINT32_MAX, UINT32_MAX};
    const uint64_t some = 0x1a; /* 20 and both of the greatest */
    const uint64_t none = 0;
    (void)state;
    assert_true(sl_sum_kernels_scalar.u32(values, &some, 5) == 20 + UINT64_C(2) * UINT32_MAX);
    assert_true(sl_sum_kernels_scalar.u32(values, &none, 5) == 0);
    assert_true(sl_sum_kernels_scalar.u32(values, NULL, 3) == 321);
    assert_true(sl_sum_kernels_scalar.u32(values, NULL, 0) == 0);
}

static void
agree_once(uint32_t count, uint64_t *seed)
{
    const struct sl_sum_kernels *scalar = &sl_sum_kernels_scalar;
    const struct sl_sum_kernels *best = sl_sum_kernels_best();
    size_t words = sl_words_for(count);
    uint8_t *v8 = malloc(count);
    uint16_t *v16 = malloc(count * sizeof(*v16));
    uint32_t *v32 = malloc(count * sizeof(*v32));
    uint64_t *selection = malloc(words * sizeof(*selection));

    for (uint32_t i = 0; i < count; i++) {
        v32[i] = test_random_below(seed, 3) == 0 ? UINT32_MAX : (uint32_t)test_random(seed);
        v16[i] = (uint16_t)v32[i];
        v8[i] = (uint8_t)v32[i];
    }
    for (size_t w = 0; w < words; w++)
        selection[w] = test_random_below(seed, 4) == 0 ? 0 : test_random(seed);
    if (count % 64 != 0)
        selection[words - 1] &= (UINT64_C(1) << count % 64) - 1;
    const uint64_t *selections[] = {selection, NULL};
    for (unsigned k = 0; k < 2; k++) {
        const uint64_t *s = selections[k];
        assert_true(best->u8(v8, s, count) == scalar->u8(v8, s, count));
        assert_true(best->u16(v16, s, count) == scalar->u16(v16, s, count));
        assert_true(best->u32(v32, s, count) == scalar->u32(v32, s, count));
    }
    free(v8);
    free(v16);
    free(v32);
    free(selection);
}

static void
wide_kernels_agree_with_the_definition(void **state)
{
    uint64_t seed = test_seed();
    (void)state;
    for (uint32_t count = 1; count <= 200; count++)
        for (int round = 0; round < 30; round++)
            agree_once(count, &seed);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(selected_values_are_summed),
        cmocka_unit_test(wide_kernels_agree_with_the_definition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
