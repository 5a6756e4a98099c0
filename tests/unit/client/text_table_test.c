/*
 * text_table_test.c - lines taken many at once are what they are one by one.
 *
 * Method: the definition (text_table.h, field.h) has tests of its own; here tables of random cells,
 * usual ones and odd ones of every kind, are read in both ways and must come out the same. What is
 * usual must really be taken at once. The wide kernel that finds marks is compared with the scalar.
 */
#include "client/text_table.h"

#include "storage/base/buf.h"
#include "storage/base/clock.h"
#include "tests/support/test.h"
#include "tests/support/text_pair.h"

static const char *const numbers[] = {
    "0", "1", "7", "42", "443", "0443", "65535", "4294967295", "123456789", "1234567890123456"};
static const char *const odd_numbers[] = {
    "",
    "\\N",
    "65536",
    "-1",
    "1x",
    "x1",
    "4294967296",
    "18446744073709551615",
    " 1",
    "1 ",
    "0x10",
    "1.0",
    ":",
    "/",
    "00000000000000000001",
    "99999",
    "1234567890",
    "256",
    "255",
    "1e",
    "tcp",
    "UDP",
    "12345678901234567",
};
static const char *const addrs[] = {"10.1.2.3",        "192.0.2.255",     "1.1.1.1",
                                    "255.255.255.255", "203.000.113.077", "100.20.3.99"};
static const char *const odd_addrs[] = {
    "0.0.0.0", "::",     "2001:db8::1", "256.1.1.1", "1.2.3",          "1.2.3.4.5", "1..2.3",
    "1.2.3.",  ".1.2.3", "1.2.3.4x",    "16909060",  "1.2.3.0004",     "1.2.3.999", "01.02.03.04",
    "a.b.c.d", "",       "\\N",         "1,2.3.4",   "::ffff:1.2.3.4", "1.2.3 4",
};
static const char *const times[] = {"2026-11-23T08:15:30.250Z",
                                    "2026-11-23T08:15:31Z",
                                    "2026-11-23 08:16:00",
                                    "1795421730",
                                    "1795421730.25",
                                    "2026-11-23T08:15:59.999999",
                                    "1795421730123",
                                    "2026-11-23T08:15:59.123456Z"};
static const char *const odd_times[] = {
    "",
    "1",
    "1795421730.",
    "1795421730.1234567",
    "17954217301",
    "179542173012",
    "17954217301234",
    "1795421730123456",
    "2026-11-23T08:15:60Z",
    "2026-13-23T08:15:30Z",
    "2026-11-23T08:15",
    "2026-11-23",
    "2026-11-23T08:15:30+02:00",
    "2026-11-23T08:15:30.Z",
    "2026-11-23T08:15:30.1234567Z",
    "2026-11-23T08:15:3xZ",
    "yesterday",
    "\\N",
    "1795421730.2x",
    "2026-11-23T08:15:30ZZ",
};
static const char *const texts[] = {"TLS.Facebook", "DNS", "a", "sixteen_bytes_16", "ümlaut"};
static const char *const odd_texts[] = {
    "",    "\\N", "\\n", "\"quoted\"", "\"a\"\"b\"", "\"open", "a text of more than sixteen bytes",
    "a\rb"};
static const char *const apps[] = {"91", "5.91", "0", "0.0"};
static const char *const odd_apps[] = {"", "TLS", "5.TLS", "1.2.3", "65536", ".5", "5.", "\\N"};

#define KIND(usual, odd)                               \
    {                                                  \
        usual, SL_COUNTOF(usual), odd, SL_COUNTOF(odd) \
    }

static const struct kind {
    const char *const *usual;
    size_t usual_count;
    const char *const *odd;
    size_t odd_count;
} number = KIND(numbers, odd_numbers), addr = KIND(addrs, odd_addrs),
  moment = KIND(times, odd_times), text = KIND(texts, odd_texts), app = KIND(apps, odd_apps);

static const struct {
    const char *name;
    const struct kind *kind;
} columns[] = {
    {"first_seen", &moment},  {"last_seen", &moment},
    {"IPV4_SRC_ADDR", &addr}, {"IPV6_SRC_ADDR", &addr},
    {"dst_addr", &addr},      {"src_port", &number},
    {"PROTOCOL", &number},    {"in_bytes", &number},
    {"src_as", &number},      {"exporter_addr", &addr},
    {"app", &text},           {"L7_PROTO", &app},
    {"L7_PROTO_NAME", &text}, {"sampling_rate", &number},
    {"unknown_name", &text},  {"IN_SRC_MAC", &number},
    {"origin", &text},
};

/* A cell that its column takes at once where `oddness` in a thousand does not say otherwise. */
static void
put_cell(struct sl_buf *out, const struct kind *kind, unsigned oddness, uint64_t *seed)
{
    bool is_odd = test_random_below(seed, 1000) < oddness;
    size_t count = is_odd ? kind->odd_count : kind->usual_count;
    const char *cell = (is_odd ? kind->odd : kind->usual)[test_random_below(seed, count)];
    /* Most of the longer numbers are too large for most columns. */
    sl_buf_text(out, !is_odd && kind == &number && strlen(cell) > 2 &&
                             test_random_below(seed, 1000) >= oddness
                         ? "17"
                         : cell);
}

static void
put_line(struct sl_buf *out, const uint32_t *fields, uint32_t count, char separator,
         const char *end, unsigned oddness, uint64_t *seed)
{
    for (uint32_t i = 0; i < count; i++) {
        if (i != 0)
            sl_buf_u8(out, (uint8_t)separator);
        put_cell(out, columns[fields[i]].kind, oddness, seed);
    }
    uint64_t oddity = test_random_below(seed, 1000);
    if (oddity < oddness / 4)
        sl_buf_u8(out, (uint8_t)separator); /* a field more, or none */
    else if (oddity < oddness / 2)
        sl_buf_text(out, "\r");
    else if (oddity < oddness)
        sl_buf_text(out, end);
    sl_buf_text(out, end);
}

enum { COLUMNS_USUAL = 10 };

/* Each column at most once, for a second would be refused. */
static void
shuffle(uint32_t *fields, uint64_t *seed)
{
    for (uint32_t i = 0; i < SL_COUNTOF(columns); i++) {
        uint32_t at = (uint32_t)test_random_below(seed, i + 1);
        fields[i] = fields[at];
        fields[at] = i;
    }
}

/* A table of random columns; the lines that were taken at once. */
static uint32_t
check_random(unsigned oddness, uint32_t lines, uint64_t *seed)
{
    static const char *const ends[] = {"\n", "\r\n", "|\n", "|\r\n"};
    struct sl_buf out = sl_buf_empty(SIZE_MAX);
    uint32_t fields[SL_COUNTOF(columns)] = {0};
    uint32_t count = 1 + (uint32_t)test_random_below(seed, oddness == 0 ? (size_t)COLUMNS_USUAL
                                                                        : SL_COUNTOF(columns));
    const char *end = ends[test_random_below(seed, oddness == 0 ? 2 : SL_COUNTOF(ends))];
    char separator = ",|\t;"[test_random_below(seed, 4)];
    for (uint32_t i = 0; i < COLUMNS_USUAL; i++)
        fields[i] = i;
    if (oddness != 0)
        shuffle(fields, seed);
    for (uint32_t i = 0; i < count; i++) {
        sl_buf_printf(&out, "%s%s", i == 0 ? "" : (char[]){separator, '\0'},
                      columns[fields[i]].name);
    }
    sl_buf_text(&out, end[0] == '|' ? end + 1 : end);
    for (uint32_t i = 0; i < lines; i++)
        put_line(&out, fields, count, separator, end, oddness, seed);
    uint32_t capacity = 1 + (uint32_t)test_random_below(seed, 700);
    int64_t oldest_us = test_random_below(seed, 2) == 0 ? INT64_MIN : INT64_C(1795421731000000);
    uint32_t many =
        text_pair_check(out.bytes, out.size_bytes, capacity, oddness == 0 ? INT64_MIN : oldest_us);
    sl_buf_fini(&out);
    return many;
}

static void
usual_lines_are_taken_at_once(void **state)
{
    uint64_t seed = test_seed();
    (void)state;
    for (int round = 0; round < 50; round++)
        assert_int_equal(check_random(0, 600, &seed), 600);
}

static void
odd_lines_are_taken_as_they_are_one_by_one(void **state)
{
    static const unsigned oddness[] = {2, 20, 100, 500};
    uint64_t seed = test_seed();
    uint64_t many = 0;
    (void)state;
    for (unsigned round = 0; round < test_rounds(600); round++)
        many += check_random(oddness[round % SL_COUNTOF(oddness)], 200, &seed);
    assert_true(many > 0);
}

static void
hostile_text_is_taken_as_it_is_one_by_one(void **state)
{
    static const char alphabet[] = "0123456789.:,\"\n\r\\NTZ- ax\0|";
    uint64_t seed = test_seed();
    (void)state;
    for (unsigned round = 0; round < test_rounds(3000); round++) {
        char bytes[2048] = "last_seen,src_addr,in_bytes,app\n";
        size_t at = strlen(bytes);
        size_t size_bytes = at + test_random_below(&seed, sizeof(bytes) - at);
        for (; at < size_bytes; at++)
            bytes[at] = alphabet[test_random_below(&seed, sizeof(alphabet) - 1)];
        (void)text_pair_check((const uint8_t *)bytes, size_bytes, 64, INT64_MIN);
    }
}

static void
nothing_is_a_time_by_what_was_kept(void **state)
{
    /* 17 bytes of nothing are not the minute that the cache of minutes begins with. */
    static const char bytes[] = "last_seen,src_port\n\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\00030,1\n";
    (void)state;
    assert_int_equal(text_pair_check((const uint8_t *)bytes, sizeof(bytes) - 1, 64, INT64_MIN), 0);
}

static void
a_line_of_more_than_the_limit_is_left(void **state)
{
    size_t text_bytes = SL_TABLE_LINES_BYTES_MAX;
    struct sl_buf out = sl_buf_empty(SIZE_MAX);
    (void)state;
    sl_buf_text(&out, "app,last_seen\n");
    uint8_t *text_at = sl_buf_extend(&out, text_bytes);
    assert_non_null(text_at);
    memset(text_at, 'a', text_bytes);
    sl_buf_text(&out, ",1795421730\n");
    assert_int_equal(text_pair_check(out.bytes, out.size_bytes, 64, INT64_MIN), 0);
    sl_buf_fini(&out);
}

static void
wide_marks_are_the_scalar_ones(void **state)
{
    uint64_t seed = test_seed();
    (void)state;
    for (unsigned round = 0; round < test_rounds(2000); round++) {
        uint32_t size_bytes = (uint32_t)test_random_below(&seed, 700);
        uint32_t separators_max = 1 + (uint32_t)test_random_below(&seed, 100);
        uint32_t others_max = 1 + (uint32_t)test_random_below(&seed, 20);
        char *bytes = malloc(size_bytes + SL_MARKS_STEP_BYTES);
        uint32_t places[2][2][1024];
        struct sl_text_marks marks[2] = {{.separators = places[0][0], .others = places[0][1]},
                                         {.separators = places[1][0], .others = places[1][1]}};
        assert_non_null(bytes);
        for (uint32_t i = 0; i < size_bytes + SL_MARKS_STEP_BYTES; i++)
            bytes[i] = ",,,a0\n\r\"\xac"[test_random_below(&seed, 9)];
        sl_text_marks_scalar(bytes, size_bytes, ',', separators_max, others_max, &marks[0]);
        sl_text_marks_best()(bytes, size_bytes, ',', separators_max, others_max, &marks[1]);
        assert_int_equal(marks[0].separator_count, marks[1].separator_count);
        assert_int_equal(marks[0].other_count, marks[1].other_count);
        assert_memory_equal(places[0][0], places[1][0],
                            marks[0].separator_count * sizeof(uint32_t));
        assert_memory_equal(places[0][1], places[1][1], marks[0].other_count * sizeof(uint32_t));
        free(bytes);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(usual_lines_are_taken_at_once),
        cmocka_unit_test(odd_lines_are_taken_as_they_are_one_by_one),
        cmocka_unit_test(hostile_text_is_taken_as_it_is_one_by_one),
        cmocka_unit_test(nothing_is_a_time_by_what_was_kept),
        cmocka_unit_test(a_line_of_more_than_the_limit_is_left),
        cmocka_unit_test(wide_marks_are_the_scalar_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
