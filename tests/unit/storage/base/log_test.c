/*
 * log_test.c - lines that peers can cause are few, whoever causes them, and none is lost silently.
 *
 * Method: standard error goes to a file while lines are written.
 */
#include "storage/base/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/support/test.h"

struct capture {
    char *directory;
    char path[512];
    int saved_fd;
};

static void
capture_begin(struct capture *c)
{
    c->directory = test_dir_create();
    (void)snprintf(c->path, sizeof(c->path), "%s/log", c->directory);
    int fd = open(c->path, O_CREAT | O_TRUNC | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    c->saved_fd = dup(STDERR_FILENO);
    assert_true(dup2(fd, STDERR_FILENO) >= 0);
    (void)close(fd);
}

/* What was written, with a NUL behind; free() it. */
static char *
capture_end(struct capture *c)
{
    size_t size_bytes = 0;
    assert_true(dup2(c->saved_fd, STDERR_FILENO) >= 0);
    (void)close(c->saved_fd);
    uint8_t *bytes = test_read_file(c->path, &size_bytes);
    char *text = malloc(size_bytes + 1);
    assert_non_null(text);
    memcpy(text, bytes, size_bytes);
    text[size_bytes] = '\0';
    free(bytes);
    test_dir_remove(c->directory);
    return text;
}

static unsigned
count_lines(const char *text)
{
    unsigned count = 0;
    for (; *text != '\0'; text++)
        count += *text == '\n';
    return count;
}

static void
a_kind_of_line_is_limited_and_says_what_it_left_out(void **state)
{
    (void)state;
    struct capture c;
    struct sl_log_kind kind = {.interval_us = 200000};
    struct sl_log_kind other = {.interval_us = 200000};
    capture_begin(&c);
    for (unsigned i = 0; i < 1000; i++)
        sl_log_limited(&kind, SL_LOG_WARN, "test", "peer %u", i);
    sl_log_limited(&other, SL_LOG_WARN, "test", "another kind");
    (void)usleep(250000);
    sl_log_limited(&kind, SL_LOG_WARN, "test", "the next");
    sl_log_limited(&kind, SL_LOG_WARN, "test", "and one more");
    char *text = capture_end(&c);
    assert_int_equal(count_lines(text), SL_LOG_LINES_MAX + 3);
    assert_non_null(strstr(text, "warn test: peer 0\n"));
    assert_non_null(strstr(text, "peer 9 (more such lines are left out for a while)\n"));
    assert_non_null(strstr(text, "another kind\n"));
    assert_non_null(strstr(text, "the next (990 such lines were left out)\n"));
    assert_non_null(strstr(text, "and one more\n"));
    free(text);
}

static void
a_long_line_ends_and_stays_one(void **state)
{
    (void)state;
    struct capture c;
    char peer[3000];
    struct sl_log_kind kind = {0};
    memset(peer, 'x', sizeof(peer) - 1);
    peer[sizeof(peer) - 1] = '\0';
    peer[5] = '\n';
    capture_begin(&c);
    sl_log(SL_LOG_WARN, "test", "%s", peer);
    for (unsigned i = 0; i < SL_LOG_LINES_MAX; i++)
        sl_log_limited(&kind, SL_LOG_WARN, "test", "%s", peer);
    char *text = capture_end(&c);
    assert_int_equal(count_lines(text), 1 + SL_LOG_LINES_MAX);
    assert_int_equal(strlen(text), 1023 * (1 + SL_LOG_LINES_MAX));
    assert_non_null(strstr(text, "xxx (more such lines are left out for a while)\n"));
    free(text);
}

static void
lines_below_the_level_are_not_counted(void **state)
{
    (void)state;
    struct capture c;
    struct sl_log_kind kind = {0};
    capture_begin(&c);
    for (unsigned i = 0; i < 100; i++)
        sl_log_limited(&kind, SL_LOG_DEBUG, "test", "hidden");
    sl_log_limited(&kind, SL_LOG_INFO, "test", "shown");
    char *text = capture_end(&c);
    assert_int_equal(count_lines(text), 1);
    assert_null(strstr(text, "left out"));
    free(text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kind_of_line_is_limited_and_says_what_it_left_out),
        cmocka_unit_test(a_long_line_ends_and_stays_one),
        cmocka_unit_test(lines_below_the_level_are_not_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
