/*
 * config_test.c - options: defaults, units, ranges, the file, the command line, and what is
 * refused with which words.
 */
#include "server/config.h"

#include <stdio.h>

#include "tests/support/test.h"

static void
defaults_are_within_their_own_ranges(void **state)
{
    (void)state;
    struct sl_config *config = sl_config_create();
    assert_string_equal(sl_config_text(config, SL_OPTION_LISTEN), "127.0.0.1:7010");
    assert_true(sl_config_is_off(config, SL_OPTION_MYSQL_LISTEN));
    assert_false(sl_config_is_off(config, SL_OPTION_NETFLOW_LISTEN));
    assert_int_equal(sl_config_number(config, SL_OPTION_QUERY_TIMEOUT), 300000000);
    assert_int_equal(sl_config_number(config, SL_OPTION_INSECURE), 0);
    sl_config_destroy(config);
}

static void
values_have_units(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        const char *value;
        enum sl_option option;
        uint64_t number;
    } cases[] = {
        {"ingest-memory", "2GiB", SL_OPTION_INGEST_MEMORY, UINT64_C(2) << 30},
        {"ingest-memory", "100 MB", SL_OPTION_INGEST_MEMORY, 100000000},
        {"query-timeout", "200ms", SL_OPTION_QUERY_TIMEOUT, 200000},
        {"query-timeout", "90d", SL_OPTION_QUERY_TIMEOUT, UINT64_C(90) * 86400 * 1000000},
        {"query-timeout", "off", SL_OPTION_QUERY_TIMEOUT, 0},
        {"retention", "off", SL_OPTION_RETENTION, 0},
        {"disk-cap", "80%", SL_OPTION_DISK_CAP, 80},
        {"memory-limit", "10%", SL_OPTION_MEMORY_LIMIT, 10},
        {"disk-cap", "1TiB", SL_OPTION_DISK_CAP, UINT64_C(1) << 40},
        {"insecure", "yes", SL_OPTION_INSECURE, 1},
        {"connections", "7", SL_OPTION_CONNECTIONS, 7},
    };
    struct sl_config *config = sl_config_create();
    for (size_t i = 0; i < SL_COUNTOF(cases); i++) {
        struct sl_error err = {0};
        TEST_OK(sl_config_set(config, cases[i].key, cases[i].value, &err), &err);
        assert_int_equal(sl_config_number(config, cases[i].option), cases[i].number);
        assert_string_equal(sl_config_text(config, cases[i].option), cases[i].value);
    }
    TEST_OK(sl_config_set(config, "disk-cap", "80%", NULL), &(struct sl_error){0});
    assert_true(sl_config_is_percent(config, SL_OPTION_DISK_CAP));
    sl_config_destroy(config);
}

static void
wrong_values_are_refused_with_a_reason(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        const char *value;
        sl_status status;
        const char *text;
    } cases[] = {
        {"ingest-memory", "lots", SL_FORMAT, "a size like"},
        {"ingest-memory", "2XiB", SL_FORMAT, "a size like"},
        {"ingest-memory", "1KiB", SL_FORMAT, "\"1KiB\" is out of range: at least 16MiB"},
        {"retention", "0s", SL_FORMAT,
         "\"0s\" is out of range: at least 1m, at most 1000y, or off"},
        {"retention", "30", SL_FORMAT, "a time like"},
        {"retention", "9000y", SL_FORMAT, "out of range"},
        {"query-timeout", "290000y", SL_FORMAT,
         "out of range: at least 0us, at most 1000y, or off"},
        {"disk-cap", "0", SL_FORMAT, "\"0\" is out of range: at least 64MiB, or off"},
        {"disk-cap", "500", SL_FORMAT, "at least 64MiB, or off"},
        {"disk-cap", "0%", SL_FORMAT, "1% to 100%"},
        {"connections", "0", SL_FORMAT, "at least 1, at most 100000"},
        {"ingest-memory", "99999999999TiB", SL_FORMAT, "a size like"},
        {"ingest-memory", "-5", SL_FORMAT, "a size like"},
        {"query-timeout", "5", SL_FORMAT, "a time like"},
        {"seal-rows", "off", SL_FORMAT, "a number"},
        {"disk-cap", "101%", SL_FORMAT, "1% to 100%"},
        {"insecure", "maybe", SL_FORMAT, "yes or no"},
        {"log-level", "loud", SL_FORMAT, "debug, info"},
        {"listen", "7010", SL_FORMAT, "HOST:PORT"},
        {"http-listen", "127.0.0.1:7080", SL_UNSUPPORTED, "this build has no such part"},
        {"capture", "eth0", SL_UNSUPPORTED, "this build has no such part"},
        {"data", "", SL_FORMAT, "data: a value is missing"},
        {"no-such-key", "1", SL_NAME, "unknown option"},
    };
    struct sl_config *config = sl_config_create();
    for (size_t i = 0; i < SL_COUNTOF(cases); i++) {
        struct sl_error err = {0};
        assert_int_equal(sl_config_set(config, cases[i].key, cases[i].value, &err),
                         cases[i].status);
        if (strstr(err.text, cases[i].text) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", err.text, cases[i].text);
    }
    sl_config_destroy(config);
}

/* Write `text` to a file of the directory and read it. */
static sl_status
read_text(struct sl_config *config, const char *directory, const char *text, struct sl_error *err)
{
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/test.conf", directory);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    return sl_config_read(config, path, err);
}

static void
a_file_sets_options(void **state)
{
    (void)state;
    struct sl_error err = {0};
    char *directory = test_dir_create();
    struct sl_config *config = sl_config_create();
    TEST_OK(read_text(config, directory,
                      "# a comment\n\ndata = /tmp/flows\nretention = 30d ; kept a month\n"
                      "mysql-listen = off\n",
                      &err),
            &err);
    assert_string_equal(sl_config_text(config, SL_OPTION_DATA), "/tmp/flows");
    assert_int_equal(sl_config_number(config, SL_OPTION_RETENTION), UINT64_C(30) * 86400000000);

    assert_int_equal(read_text(config, directory, "data = /x\nmemroy = 1GiB\n", &err), SL_NAME);
    assert_non_null(strstr(err.text, "test.conf:2: unknown option \"memroy\""));
    assert_int_equal(read_text(config, directory, "[server]\ndata = /x\n", &err), SL_FORMAT);
    assert_non_null(strstr(err.text, "sections"));
    assert_int_equal(read_text(config, directory, "data\n", &err), SL_FORMAT);

    char line[2000] = "data = ";
    memset(line + 7, 'x', sizeof(line) - 9);
    line[sizeof(line) - 2] = '\n';
    assert_int_equal(read_text(config, directory, line, &err), SL_FORMAT);
    assert_non_null(strstr(err.text, "too long"));
    assert_int_equal(sl_config_read(config, "/nowhere/at.all", &err), SL_IO);
    sl_config_destroy(config);
    test_dir_remove(directory);
}

static sl_status
parse(struct sl_config *config, const char *const *words, enum sl_config_wish *out_wish,
      struct sl_error *err)
{
    int count = 0;
    while (words[count] != NULL)
        count++;
    return sl_config_arguments(config, count, words, out_wish, err);
}

static void
the_command_line_wins_over_the_file(void **state)
{
    (void)state;
    struct sl_error err = {0};
    enum sl_config_wish wish = SL_WISH_HELP;
    char *directory = test_dir_create();
    char path[512];
    struct sl_config *config = sl_config_create();
    TEST_OK(read_text(config, directory, "data = /from/file\nconnections = 5\n", &err), &err);
    (void)snprintf(path, sizeof(path), "%s/test.conf", directory);

    const char *words[] = {"sluiced", "--data",      "/from/line", "--config",
                           path,      "--threads=3", "--insecure", NULL};
    TEST_OK(parse(config, words, &wish, &err), &err);
    assert_int_equal(wish, SL_WISH_RUN);
    assert_string_equal(sl_config_text(config, SL_OPTION_DATA), "/from/line");
    assert_int_equal(sl_config_number(config, SL_OPTION_CONNECTIONS), 5);
    assert_int_equal(sl_config_number(config, SL_OPTION_THREADS), 3);
    assert_int_equal(sl_config_number(config, SL_OPTION_INSECURE), 1);

    const char *help[] = {"sluiced", "--help", NULL};
    TEST_OK(parse(config, help, &wish, &err), &err);
    assert_int_equal(wish, SL_WISH_HELP);
    const char *lonely[] = {"sluiced", "--data", NULL};
    assert_int_equal(parse(config, lonely, &wish, &err), SL_FORMAT);
    assert_string_equal(err.text, "--data needs a value");
    const char *unknown[] = {"sluiced", "--bogus", NULL};
    assert_int_equal(parse(config, unknown, &wish, &err), SL_NAME);
    assert_string_equal(err.text, "unknown option \"--bogus\"; sluiced --help lists them");
    const char *stray[] = {"sluiced", "data", NULL};
    assert_int_equal(parse(config, stray, &wish, &err), SL_FORMAT);
    sl_config_destroy(config);
    test_dir_remove(directory);
}

static void
help_names_every_option(void **state)
{
    (void)state;
    struct sl_buf help = sl_buf_empty(1 << 16);
    sl_config_help(&help);
    sl_buf_u8(&help, 0);
    assert_false(help.bad);
    for (unsigned i = 0; i < SL_OPTION_COUNT; i++)
        assert_non_null(strstr((const char *)help.bytes, sl_option_key((enum sl_option)i)));
    sl_buf_fini(&help);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_within_their_own_ranges),
        cmocka_unit_test(values_have_units),
        cmocka_unit_test(wrong_values_are_refused_with_a_reason),
        cmocka_unit_test(a_file_sets_options),
        cmocka_unit_test(the_command_line_wins_over_the_file),
        cmocka_unit_test(help_names_every_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
