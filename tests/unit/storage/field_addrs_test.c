/*
 * field_addrs_test.c - the wide kernel of dotted addresses agrees with its definition.
 *
 * Method: what the scalar kernel takes is compared with inet_pton's answer for addresses without
 * leading zeros, the wide kernel with the scalar one over random texts of the characters of an
 * address and over addresses that are changed. The text has its exact size and its padding.
 */
#include "storage/field_addrs.h"

#include <arpa/inet.h>

#include "storage/base/buf.h"
#include "tests/support/test.h"

enum { CELLS = 40 };

struct table {
    struct sl_buf text;
    uint32_t places[CELLS + 1];
    struct sl_cells cells;
};

/* Cells behind each other, with a comma after each. */
static void
put_cell(struct table *t, uint32_t i, const char *text, size_t size_bytes)
{
    sl_buf_append(&t->text, text, size_bytes);
    t->places[i + 1] = (uint32_t)t->text.size_bytes;
    sl_buf_u8(&t->text, ',');
}

static void
close_table(struct table *t, uint32_t count)
{
    memset(sl_buf_extend(&t->text, SL_CELLS_PADDING_BYTES), '7', SL_CELLS_PADDING_BYTES);
    t->cells = (struct sl_cells){.text = (const char *)t->text.bytes,
                                 .before = t->places,
                                 .after = t->places + 1,
                                 .before_step = 1,
                                 .after_step = 1,
                                 .count = count};
}

static void
addresses_are_read_as_inet_pton_does(void **state)
{
    uint64_t seed = test_seed();
    sl_field_addrs_fn *const kernels[] = {sl_field_addrs_scalar, sl_field_addrs_best()};
    (void)state;
    for (unsigned round = 0; round < test_rounds(2000); round++) {
        struct table t = {.text = sl_buf_empty(SIZE_MAX), .places = {UINT32_MAX}};
        struct sl_addr addrs[CELLS];
        uint32_t wanted[CELLS];
        for (uint32_t i = 0; i < CELLS; i++) {
            uint32_t shift = (uint32_t)test_random_below(&seed, 32);
            struct in_addr addr = {.s_addr = (uint32_t)test_random(&seed) << shift};
            char text[INET_ADDRSTRLEN];
            assert_non_null(inet_ntop(AF_INET, &addr, text, sizeof(text)));
            put_cell(&t, i, text, strlen(text));
            wanted[i] = ntohl(addr.s_addr);
        }
        close_table(&t, CELLS);
        for (unsigned k = 0; k < SL_COUNTOF(kernels); k++) {
            assert_int_equal(kernels[k](&t.cells, false, addrs), CELLS);
            for (uint32_t i = 0; i < CELLS; i++) {
                assert_true(sl_addr_is_v4(addrs[i]));
                assert_int_equal(addrs[i].low, wanted[i]);
            }
        }
        sl_buf_fini(&t.text);
    }
}

static void
no_address_is_none_where_it_says_so(void **state)
{
    struct table t = {.text = sl_buf_empty(SIZE_MAX), .places = {UINT32_MAX}};
    struct sl_addr addrs[3];
    (void)state;
    put_cell(&t, 0, "0.0.0.1", 7);
    put_cell(&t, 1, "0.0.0.0", 7);
    put_cell(&t, 2, "1.0.0.0", 7);
    close_table(&t, 3);
    assert_int_equal(sl_field_addrs_scalar(&t.cells, true, addrs), 1);
    assert_int_equal(sl_field_addrs_best()(&t.cells, true, addrs), 1);
    assert_int_equal(sl_field_addrs_scalar(&t.cells, false, addrs), 3);
    assert_int_equal(sl_field_addrs_best()(&t.cells, false, addrs), 3);
    sl_buf_fini(&t.text);
}

/* One cell: an address that is changed in up to two characters, or any text of its characters. */
static size_t
draw_text(char text[INET_ADDRSTRLEN], uint64_t *seed)
{
    static const char alphabet[] = "0123456789......,/:x\xb0\xff";
    struct in_addr addr = {.s_addr = (uint32_t)test_random(seed)};
    size_t size_bytes;
    if (test_random_below(seed, 4) == 0) {
        size_bytes = test_random_below(seed, INET_ADDRSTRLEN);
        for (size_t i = 0; i < size_bytes; i++)
            text[i] = alphabet[test_random_below(seed, sizeof(alphabet) - 1)];
        return size_bytes;
    }
    assert_non_null(inet_ntop(AF_INET, &addr, text, INET_ADDRSTRLEN));
    size_bytes = strlen(text);
    for (uint64_t changes = test_random_below(seed, 3); changes != 0; changes--)
        text[test_random_below(seed, size_bytes)] =
            alphabet[test_random_below(seed, sizeof(alphabet) - 1)];
    return size_bytes;
}

static void
the_wide_kernel_agrees_with_the_scalar_one(void **state)
{
    uint64_t seed = test_seed();
    uint32_t refused = 0;
    (void)state;
    for (unsigned round = 0; round < test_rounds(200000); round++) {
        struct table t = {.text = sl_buf_empty(SIZE_MAX), .places = {UINT32_MAX}};
        struct sl_addr addrs[2] = {{0}, {0}};
        char text[INET_ADDRSTRLEN];
        size_t size_bytes = draw_text(text, &seed);
        put_cell(&t, 0, text, size_bytes);
        close_table(&t, 1);
        uint32_t taken = sl_field_addrs_scalar(&t.cells, false, &addrs[0]);
        uint32_t taken_wide = sl_field_addrs_best()(&t.cells, false, &addrs[1]);
        if (taken != taken_wide || (taken != 0 && addrs[0].low != addrs[1].low))
            fail_msg("\"%.*s\"", (int)size_bytes, text);
        refused += taken == 0;
        sl_buf_fini(&t.text);
    }
    assert_true(refused > 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read_as_inet_pton_does),
        cmocka_unit_test(no_address_is_none_where_it_says_so),
        cmocka_unit_test(the_wide_kernel_agrees_with_the_scalar_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
