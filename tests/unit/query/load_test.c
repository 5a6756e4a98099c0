/*
 * load_test.c - lines of a file as rows, whole and cut at every byte.
 */
#include "query/load.h"

#include <stdio.h>

#include "tests/support/test.h"

enum { WIDTH = 3, TEXT_BYTES = 512 };

static struct sl_slice
slice_of(const char *text)
{
    return (struct sl_slice){.bytes = (const uint8_t *)text, .size_bytes = (uint32_t)strlen(text)};
}

static const struct sl_load_format csv = {
    .has_enclosure = true, .enclosure = '"', .has_escape = true, .escape = '\\'};

/* Rows as text: cells in brackets, NULL as a dash, ! behind a row of another width. */
static void
show(struct sl_load *load, char text[TEXT_BYTES])
{
    struct sl_cell cells[WIDTH];
    bool found = true;
    uint32_t fields = 0;
    size_t used = strlen(text);
    for (;;) {
        sl_load_row(load, cells, WIDTH, &found, &fields);
        if (!found)
            return;
        for (unsigned i = 0; i < WIDTH; i++) {
            bool is_none = cells[i].kind == SL_CELL_NONE;
            int put = snprintf(text + used, TEXT_BYTES - used, is_none ? "-" : "[%.*s]",
                               is_none ? 0 : (int)cells[i].size_bytes,
                               is_none ? "" : (const char *)cells[i].as.bytes);
            used += (size_t)put;
        }
        used += (size_t)snprintf(text + used, TEXT_BYTES - used, fields != WIDTH ? "!;" : ";");
    }
}

/* The same rows, however the file is cut. */
static void
check(const struct sl_load_format *format, const char *file, const char *rows)
{
    size_t size_bytes = strlen(file);
    for (size_t cut = 0; cut <= size_bytes; cut++) {
        char text[TEXT_BYTES] = "";
        struct sl_load load;
        struct sl_error err = {0};
        sl_load_init(&load, format);
        if (cut != 0)
            TEST_OK(sl_load_feed(&load, file, cut, &err), &err);
        show(&load, text);
        if (cut != size_bytes)
            TEST_OK(sl_load_feed(&load, file + cut, size_bytes - cut, &err), &err);
        show(&load, text);
        TEST_OK(sl_load_feed(&load, NULL, 0, &err), &err);
        show(&load, text);
        assert_string_equal(text, rows);
        sl_load_fini(&load);
    }
}

static void
tabs_and_escapes_are_the_default(void **state)
{
    struct sl_load_format format = {.field_end = slice_of("\t"),
                                    .line_end = slice_of("\n"),
                                    .has_escape = true,
                                    .escape = '\\'};
    (void)state;
    check(&format, "a\tb\tc\n\\N\t\t\\\\N\n", "[a][b][c];-[][\\N];");
    check(&format, "a\\\tb\tx\\ny\tc", "[a\tb][x\ny][c];");
    check(&format, "NULL\t\"q\"\tz\n", "[NULL][\"q\"][z];");
    format.skip_lines = 2;
    check(&format, "1\n2\n3\t4\t5\n", "[3][4][5];");
}

static void
enclosed_fields_hold_terminators(void **state)
{
    struct sl_load_format format = csv;
    (void)state;
    format.field_end = slice_of(",");
    format.line_end = slice_of("\n");
    check(&format, "\"a,b\",\"c\nd\",e\n", "[a,b][c\nd][e];");
    check(&format, "\"a\"\"b\",\"\",NULL\n", "[a\"b][]-;");
    check(&format, "x\"y,\\\"z,\"q\n", "[x\"y][\"z][q\n];");
}

static void
terminators_may_be_long(void **state)
{
    struct sl_load_format format = {.field_end = slice_of("||"), .line_end = slice_of("\r\n")};
    (void)state;
    check(&format, "a|b||c||d\r\ne\r||\\n||f\r\n", "[a|b][c][d];[e\r][\\n][f];");
}

static void
rows_of_another_width_are_told(void **state)
{
    struct sl_load_format format = {.field_end = slice_of(","), .line_end = slice_of("\n")};
    (void)state;
    check(&format, "a\nb,c,d,e\n\n", "[a]--!;[b][c][d]!;[]--!;");
}

static void
an_endless_line_is_refused(void **state)
{
    static uint8_t zeros[SL_LOAD_LINE_BYTES_MAX + 1];
    struct sl_load_format format = {.field_end = slice_of(","), .line_end = slice_of("\n")};
    struct sl_load load;
    struct sl_error err = {0};
    char text[TEXT_BYTES] = "";
    (void)state;
    sl_load_init(&load, &format);
    TEST_OK(sl_load_feed(&load, zeros, sizeof(zeros), &err), &err);
    show(&load, text);
    assert_int_equal(sl_load_feed(&load, zeros, 1, &err), SL_LIMIT);
    sl_load_fini(&load);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tabs_and_escapes_are_the_default),
        cmocka_unit_test(enclosed_fields_hold_terminators),
        cmocka_unit_test(terminators_may_be_long),
        cmocka_unit_test(rows_of_another_width_are_told),
        cmocka_unit_test(an_endless_line_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
