/*
 * bits_test.c - what is read, scaled, joined or divided in wide steps agrees with the definition.
 *
 * Method: random values of every width, at counts around every tail. Buffers have their exact
 * size, or some bytes more where wide reads are allowed to pass the end.
 */
#include "storage/codec/bits.h"
#include "tests/support/test.h"

static void
wide_reading_agrees_with_the_definition(void **state)
{
    uint64_t seed = test_seed();
    (void)state;
    for (unsigned width = 0; width <= 64; width++)
        for (size_t count = 0; count <= 70; count++) {
            uint64_t values[70];
            uint64_t expected[70];
            uint64_t actual[70];
            uint64_t base = test_random(&seed);
            size_t slack = test_random_below(&seed, 40);
            size_t bytes = sl_bits_bytes(count, width);
            uint8_t *packed = malloc(bytes + slack + 1);
            assert_non_null(packed);
            memset(packed, 0xff, bytes + slack + 1);
            for (size_t i = 0; i < count; i++)
                values[i] = base + (test_random(&seed) & sl_bits_mask(width));
            sl_bits_write(values, count, base, width, packed);
            sl_bits_read_scalar(packed, bytes, count, base, width, expected);
            sl_bits_read(packed, bytes + slack, count, base, width, actual);
            assert_memory_equal(values, expected, count * sizeof(uint64_t));
            assert_memory_equal(values, actual, count * sizeof(uint64_t));
            free(packed);
        }
}

static void
reading_into_32_bits_agrees_with_the_definition(void **state)
{
    uint64_t seed = test_seed();
    (void)state;
    for (unsigned width = 0; width <= 32; width++)
        for (size_t count = 0; count <= 70; count++) {
            uint64_t expected[70];
            uint32_t actual[70];
            size_t slack = test_random_below(&seed, 40);
            size_t bytes = sl_bits_bytes(count, width);
            uint8_t *packed = malloc(bytes + slack + 1);
            assert_non_null(packed);
            for (size_t i = 0; i < bytes + slack + 1; i++)
                packed[i] = (uint8_t)test_random(&seed);
            sl_bits_read_scalar(packed, bytes, count, 0, width, expected);
            sl_bits_read_u32(packed, bytes + slack, count, width, actual);
            for (size_t i = 0; i < count; i++)
                assert_int_equal(actual[i], expected[i]);
            free(packed);
        }
}

static void
codes_are_scaled_modulo_their_width(void **state)
{
    uint64_t seed = test_seed();
    (void)state;
    for (size_t count = 0; count <= 70; count++)
        for (unsigned shift = 0; shift < 64; shift += 9) {
            uint32_t codes[70];
            uint64_t values[70];
            uint64_t base = test_random(&seed);
            uint64_t step = test_random(&seed) >> shift;
            for (size_t i = 0; i < count; i++)
                codes[i] = (uint32_t)test_random(&seed);
            sl_bits_scale(codes, count, base, step, values);
            for (size_t i = 0; i < count; i++)
                assert_int_equal(values[i], base + step * codes[i]);
            sl_bits_scale_u32(codes, count, (uint32_t)base, (uint32_t)step);
            for (size_t i = 0; i < count; i++)
                assert_int_equal(codes[i], (uint32_t)values[i]);
        }
}

static void
planes_are_joined_lowest_first(void **state)
{
    enum { STRIDE = 70 };
    uint64_t seed = test_seed();
    (void)state;
    for (size_t planes = 1; planes <= 4; planes++)
        for (size_t count = 0; count <= STRIDE; count++) {
            uint32_t values[STRIDE];
            size_t bytes = count == 0 ? 1 : (planes - 1) * STRIDE + count;
            uint8_t *raw = malloc(bytes);
            assert_non_null(raw);
            for (size_t i = 0; i < bytes; i++)
                raw[i] = (uint8_t)test_random(&seed);
            sl_bits_join(raw, STRIDE, (unsigned)planes, count, values);
            for (size_t i = 0; i < count; i++)
                for (size_t plane = 0; plane < 4; plane++) {
                    uint8_t byte = plane < planes ? raw[plane * STRIDE + i] : 0;
                    assert_int_equal(values[i] >> (8 * plane) & 0xff, byte);
                }
            free(raw);
        }
}

static void
the_wide_range_agrees_with_the_definition(void **state)
{
    uint64_t seed = test_seed();
    (void)state;
    for (size_t count = 1; count <= 200; count++)
        for (unsigned width = 1; width <= 64; width++) {
            uint64_t values[200];
            uint64_t expected[2];
            uint64_t actual[2];
            uint64_t base = test_random(&seed);
            for (size_t i = 0; i < count; i++)
                values[i] = base + (test_random(&seed) & sl_bits_mask(width));
            sl_bits_range_scalar(values, count, &expected[0], &expected[1]);
            sl_bits_range(values, count, &actual[0], &actual[1]);
            assert_memory_equal(expected, actual, sizeof(expected));
        }
}

static void
exact_division_agrees_with_division(void **state)
{
    uint64_t seed = test_seed();
    (void)state;
    for (unsigned round = 0; round < 200000; round++) {
        uint64_t divisor = test_random(&seed) >> test_random_below(&seed, 64);
        divisor = divisor << test_random_below(&seed, 20);
        if (divisor == 0)
            continue;
        uint64_t value = test_random(&seed) >> test_random_below(&seed, 64);
        const struct sl_exact exact = sl_exact_of(divisor);
        assert_int_equal(sl_exact_is_multiple(exact, value), value % divisor == 0);
        value -= value % divisor;
        assert_true(sl_exact_is_multiple(exact, value));
        assert_int_equal(sl_exact_quotient(exact, value), value / divisor);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wide_reading_agrees_with_the_definition),
        cmocka_unit_test(reading_into_32_bits_agrees_with_the_definition),
        cmocka_unit_test(codes_are_scaled_modulo_their_width),
        cmocka_unit_test(planes_are_joined_lowest_first),
        cmocka_unit_test(the_wide_range_agrees_with_the_definition),
        cmocka_unit_test(exact_division_agrees_with_division),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
