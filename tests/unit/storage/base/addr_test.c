/*
 * addr_test.c - addresses as keys: text both ways, order, CIDR blocks as intervals.
 *
 * Method: examples for the definition and its edges (the mapped hole), random round trips, and
 * a naive prefix comparison over the 16-byte form for intervals.
 */
#include "storage/base/addr.h"

#include <arpa/inet.h>

#include "tests/support/test.h"

static struct sl_addr
parse(const char *text)
{
    struct sl_addr addr;
    if (!sl_addr_parse(text, strlen(text), &addr))
        fail_msg("%s is an address", text);
    return addr;
}

static void
text_reads_back_the_same(void **state)
{
    static const char *const texts[] = {
        "0.0.0.0", "10.1.2.3",         "255.255.255.255", "::",
        "::1",     "::2:3:4",          "fe80::1",         "2001:db8::1",
        "1::",     "::fffe:ffff:ffff", "0:0:0:1::",       "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    };
    (void)state;
    for (size_t i = 0; i < SL_COUNTOF(texts); i++) {
        char text[SL_ADDR_TEXT_BYTES];
        size_t size = sl_addr_format(parse(texts[i]), text);
        assert_string_equal(text, texts[i]);
        assert_int_equal(size, strlen(texts[i]));
    }
}

static void
every_number_of_an_ipv4_text_is_inet_ntops(void **state)
{
    (void)state;
    for (uint32_t octet = 0; octet < 256; octet++) {
        char text[SL_ADDR_TEXT_BYTES];
        char expected[SL_ADDR_TEXT_BYTES];
        uint32_t v4 = octet << 24 | (255 - octet) << 16 | (octet ^ 0x55) << 8 | octet;
        uint8_t bytes[4] = {(uint8_t)(v4 >> 24), (uint8_t)(v4 >> 16), (uint8_t)(v4 >> 8),
                            (uint8_t)v4};
        assert_non_null(inet_ntop(AF_INET, bytes, expected, sizeof(expected)));
        assert_int_equal(sl_addr_format(sl_addr_from_v4(v4), text), strlen(expected));
        assert_string_equal(text, expected);
    }
}

static void
a_mapped_address_is_the_ipv4_one(void **state)
{
    (void)state;
    assert_true(sl_addr_equal(parse("::ffff:10.1.2.3"), parse("10.1.2.3")));
    assert_true(sl_addr_is_v4(parse("::ffff:0.0.0.0")));
    assert_false(sl_addr_is_v4(parse("::10.1.2.3")));
}

static void
ipv4_sorts_before_ipv6_and_each_by_number(void **state)
{
    static const char *const ascending[] = {
        "0.0.0.0",     "9.9.9.9",          "255.255.255.255", "::",        "::1",
        "::1.2.3.4",   "::fffe:ffff:ffff", "::1:0:0:0",       "::1:0:0:1", "2001:db8::",
        "2001:db8::1", "fe80::",           "ffff::",
    };
    (void)state;
    for (size_t i = 1; i < SL_COUNTOF(ascending); i++)
        assert_true(sl_addr_compare(parse(ascending[i - 1]), parse(ascending[i])) < 0);
}

static void
what_is_no_address_is_refused(void **state)
{
    static const char *const texts[] = {
        "",          "1.2.3", "1.2.3.4.5",         "256.1.1.1",    " 1.2.3.4", "1.2.3.4 ",
        "1.2.3.4/8", "::g",   "1:2:3:4:5:6:7:8:9", "fe80::1%eth0", "[::1]",
    };
    (void)state;
    for (size_t i = 0; i < SL_COUNTOF(texts); i++) {
        struct sl_addr addr;
        assert_false(sl_addr_parse(texts[i], strlen(texts[i]), &addr));
    }
    struct sl_addr addr;
    assert_false(sl_addr_parse("1.2.3.4\0x", 9, &addr));
}

/* Random text of the characters of an address, and addresses that are changed in one character. */
static void
text_of_ipv6_is_read_as_inet_pton_does(void **state)
{
    static const char alphabet[] = "0123456789abcdefABCDEFg:::::::..";
    uint64_t seed = test_seed();
    unsigned found = 0;
    (void)state;
    for (unsigned round = 0; round < test_rounds(200000); round++) {
        uint8_t bytes[16], wanted[16], got[16];
        char text[INET6_ADDRSTRLEN];
        struct sl_addr addr;
        for (unsigned i = 0; i < sizeof(bytes); i++)
            bytes[i] = test_random_below(&seed, 2) == 0 ? 0 : (uint8_t)test_random(&seed);
        assert_non_null(inet_ntop(AF_INET6, bytes, text, sizeof(text)));
        size_t size_bytes = strlen(text);
        for (uint64_t changes = test_random_below(&seed, 3); changes != 0; changes--)
            text[test_random_below(&seed, size_bytes)] =
                alphabet[test_random_below(&seed, sizeof(alphabet) - 1)];
        size_bytes -= test_random_below(&seed, 4) == 0 ? test_random_below(&seed, size_bytes) : 0;
        text[size_bytes] = '\0';
        bool is_good = inet_pton(AF_INET6, text, wanted) == 1;
        if (inet_pton(AF_INET, text, got) == 1)
            continue;
        found += is_good;
        if (sl_addr_parse(text, size_bytes, &addr) != is_good)
            fail_msg("\"%s\" is%s an address", text, is_good ? "" : " not");
        if (!is_good)
            continue;
        sl_addr_to_v6(addr, got);
        assert_memory_equal(got, wanted, sizeof(got));
    }
    assert_true(found > 0);
}

static bool
in_prefix(const uint8_t a[16], const uint8_t b[16], unsigned bits)
{
    for (unsigned bit = 0; bit < bits; bit++)
        if (((a[bit / 8] ^ b[bit / 8]) >> (7 - bit % 8) & 1) != 0)
            return false;
    return true;
}

static void
random_bytes(uint64_t *seed, uint8_t bytes[16])
{
    for (unsigned i = 0; i < 16; i++)
        bytes[i] = (uint8_t)test_random(seed);
    /* Often near the mapped hole and near each other. */
    uint64_t kind = test_random_below(seed, 4);
    if (kind >= 1)
        memset(bytes, 0, 8);
    if (kind >= 2)
        memset(&bytes[8], 0, 2);
    if (kind == 3)
        bytes[10] = bytes[11] = test_random_below(seed, 2) == 0 ? 0xff : 0;
}

static void
a_block_is_exactly_the_addresses_with_the_prefix(void **state)
{
    uint64_t seed = test_seed();
    (void)state;
    for (unsigned round = 0; round < 200000; round++) {
        uint8_t a[16];
        uint8_t b[16];
        random_bytes(&seed, a);
        random_bytes(&seed, b);
        struct sl_addr base = sl_addr_from_v6(a);
        struct sl_addr other = sl_addr_from_v6(b);
        bool is_v4 = sl_addr_is_v4(base);
        unsigned bits = (unsigned)test_random_below(&seed, is_v4 ? 33 : 129);
        struct sl_addr first;
        struct sl_addr last;
        sl_addr_block(base, bits, &first, &last);
        bool inside = sl_addr_compare(first, other) <= 0 && sl_addr_compare(other, last) <= 0;
        bool expected = is_v4 == sl_addr_is_v4(other) && in_prefix(a, b, is_v4 ? bits + 96 : bits);
        if (inside != expected)
            fail_msg("round %u, bits %u", round, bits);
    }
}

static void
keys_and_bytes_are_a_bijection(void **state)
{
    uint64_t seed = test_seed();
    (void)state;
    for (unsigned round = 0; round < 100000; round++) {
        uint8_t a[16];
        uint8_t back[16];
        random_bytes(&seed, a);
        sl_addr_to_v6(sl_addr_from_v6(a), back);
        assert_memory_equal(a, back, 16);
    }
}

static void
cidr_text(void **state)
{
    struct sl_addr first;
    struct sl_addr last;
    (void)state;
    assert_true(sl_addr_parse_cidr("10.1.2.3/8", 10, &first, &last));
    assert_true(sl_addr_equal(first, parse("10.0.0.0")));
    assert_true(sl_addr_equal(last, parse("10.255.255.255")));
    assert_true(sl_addr_parse_cidr("::/0", 4, &first, &last));
    assert_true(sl_addr_equal(first, parse("::")));
    assert_true(sl_addr_equal(last, parse("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")));
    assert_true(sl_addr_parse_cidr("1.2.3.4", 7, &first, &last));
    assert_true(sl_addr_equal(first, last));
    assert_false(sl_addr_parse_cidr("1.2.3.4/33", 10, &first, &last));
    assert_false(sl_addr_parse_cidr("1.2.3.4/", 8, &first, &last));
    assert_false(sl_addr_parse_cidr("1.2.3.4/1x", 10, &first, &last));
    assert_false(sl_addr_parse_cidr("::1/129", 7, &first, &last));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_reads_back_the_same),
        cmocka_unit_test(every_number_of_an_ipv4_text_is_inet_ntops),
        cmocka_unit_test(a_mapped_address_is_the_ipv4_one),
        cmocka_unit_test(ipv4_sorts_before_ipv6_and_each_by_number),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test(text_of_ipv6_is_read_as_inet_pton_does),
        cmocka_unit_test(a_block_is_exactly_the_addresses_with_the_prefix),
        cmocka_unit_test(keys_and_bytes_are_a_bijection),
        cmocka_unit_test(cidr_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
