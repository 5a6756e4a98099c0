/* endpoint_test.c - HOST:PORT is read strictly, and an address survives the way there and back. */
#include "server/net/endpoint.h"

#include <netinet/in.h>

#include "tests/support/test.h"

static void
endpoints_are_parsed_strictly(void **state)
{
    (void)state;
    static const char *const good[] = {"127.0.0.1:0", "[::1]:7010", "0.0.0.0:65535", "localhost:1"};
    static const char *const bad[] = {"",         "7010",      ":7010",       "127.0.0.1",
                                      "1.2.3.4:", "1.2.3.4:x", "1.2.3.4:-1",  "1.2.3.4:65536",
                                      "::1:7010", "[]:1",      "1.2.3.4: 80", "1.2.3.4:80 "};
    struct sl_endpoint endpoint;
    struct sl_error err = {0};
    for (size_t i = 0; i < SL_COUNTOF(good); i++)
        TEST_OK(sl_endpoint_parse(good[i], &endpoint, &err), &err);
    for (size_t i = 0; i < SL_COUNTOF(bad); i++)
        assert_int_not_equal(sl_endpoint_parse(bad[i], &endpoint, &err), SL_OK);
}

static void
an_address_comes_back_as_it_was(void **state)
{
    static const struct {
        const char *text;
        const char *again;
        bool is_loopback;
    } cases[] = {
        {"[::1]:7010", "[::1]:7010", true},
        {"[2001:DB8:0::1]:65535", "[2001:db8::1]:65535", false},
        {"[fe80::1%lo]:7", "[fe80::1%lo]:7", false},
        {"127.9.9.9:0", "127.9.9.9:0", true},
        {"0.0.0.0:1", "0.0.0.0:1", false},
        {"[::ffff:127.0.0.1]:5", "127.0.0.1:5", true},
        {"[::ffff:192.0.2.7]:5", "192.0.2.7:5", false},
    };
    (void)state;
    for (size_t i = 0; i < SL_COUNTOF(cases); i++) {
        struct sl_endpoint endpoint;
        struct sl_endpoint again;
        struct sockaddr_storage address;
        struct sl_error err = {0};
        char text[SL_ENDPOINT_TEXT_BYTES];
        TEST_OK(sl_endpoint_parse(cases[i].text, &endpoint, &err), &err);
        TEST_OK(sl_endpoint_address(&endpoint, &address, &err), &err);
        TEST_OK(sl_endpoint_of(&address, &again, &err), &err);
        sl_endpoint_format(&again, text);
        assert_string_equal(text, cases[i].again);
        assert_int_equal(endpoint.is_loopback, cases[i].is_loopback);
        assert_int_equal(again.is_loopback, cases[i].is_loopback);
    }
}

static void
what_is_no_address_is_an_error(void **state)
{
    struct sl_endpoint endpoint = {.host = "not numeric"};
    struct sockaddr_storage address = {.ss_family = AF_UNIX};
    struct sl_error err = {0};
    (void)state;
    assert_int_equal(sl_endpoint_of(&address, &endpoint, &err), SL_IO);
    endpoint = (struct sl_endpoint){.host = "localhost"};
    assert_int_equal(sl_endpoint_address(&endpoint, &address, &err), SL_IO);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(endpoints_are_parsed_strictly),
        cmocka_unit_test(an_address_comes_back_as_it_was),
        cmocka_unit_test(what_is_no_address_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
