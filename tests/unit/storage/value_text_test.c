/*
 * value_text_test.c - the text form of every type, by examples.
 */
#include "storage/value_text.h"

#include "tests/support/test.h"

static const char *
text_of(enum sl_type type, uint8_t scale, const void *value)
{
    static char text[256];
    struct sl_buf out = sl_buf_empty(200);
    struct sl_vector v = {.type = type,
                          .encoding = SL_CONSTANT,
                          .width = (uint8_t)sl_type_bytes(type),
                          .scale = scale,
                          .count = 1,
                          .value_count = 1,
                          .values = value};
    sl_value_format(&v, 0, &out);
    assert_false(out.bad);
    memcpy(text, out.bytes, out.size_bytes);
    text[out.size_bytes] = '\0';
    sl_buf_fini(&out);
    return text;
}

static const char *
decimal_text(int64_t high_factor, int64_t value, uint8_t scale)
{
    sl_i128 number = (sl_i128)high_factor * value;
    return text_of(SL_TYPE_DECIMAL, scale, &number);
}

static void
numbers(void **state)
{
    uint64_t u64 = UINT64_MAX;
    int64_t i64 = INT64_MIN;
    (void)state;
    assert_string_equal(text_of(SL_TYPE_U64, 0, &u64), "18446744073709551615");
    assert_string_equal(text_of(SL_TYPE_I64, 0, &i64), "-9223372036854775808");
    assert_string_equal(decimal_text(1, -12340, 3), "-12.340");
    assert_string_equal(decimal_text(1, 5, 4), "0.0005");
    assert_string_equal(decimal_text(1, 0, 2), "0.00");
    assert_string_equal(decimal_text(1, -7, 0), "-7");
    assert_string_equal(decimal_text(INT64_MAX, INT64_MAX, 0),
                        "85070591730234615847396907784232501249");
}

static void
doubles_read_back(void **state)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0.1, "0.1"}, {1e300, "1e+300"}, {-2.5, "-2.5"}, {3, "3"}, {1.0 / 3, "0.3333333333333333"}};
    uint64_t seed = test_seed();
    (void)state;
    for (size_t i = 0; i < SL_COUNTOF(cases); i++)
        assert_string_equal(text_of(SL_TYPE_F64, 0, &cases[i].value), cases[i].text);
    for (unsigned round = 0; round < 10000; round++) {
        double value =
            (double)(int64_t)test_random(&seed) / (double)(1 + test_random(&seed) % 99999);
        assert_true(strtod(text_of(SL_TYPE_F64, 0, &value), NULL) == value);
    }
}

static void
times_and_addresses(void **state)
{
    int64_t time_us = INT64_C(1795421730250000);
    int64_t span_us = -INT64_C(3661000001);
    int64_t day = 20780;
    uint64_t mac = UINT64_C(0x0011223344ff);
    struct sl_addr addr = sl_addr_from_v4(0x0a010203);
    (void)state;
    assert_string_equal(text_of(SL_TYPE_TIME, 0, &time_us), "2026-11-23T08:15:30.250Z");
    assert_string_equal(text_of(SL_TYPE_SPAN, 0, &span_us), "-01:01:01.000001");
    assert_string_equal(text_of(SL_TYPE_DATE, 0, &day), "2026-11-23");
    assert_string_equal(text_of(SL_TYPE_MAC, 0, &mac), "00:11:22:33:44:ff");
    assert_string_equal(text_of(SL_TYPE_ADDR, 0, &addr), "10.1.2.3");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(doubles_read_back),
        cmocka_unit_test(times_and_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
