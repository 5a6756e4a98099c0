/*
 * test.h - what tests share over cmocka: seeds, random numbers, temporary directories.
 *
 * A test program includes <setjmp.h>, <stdarg.h>, <stddef.h>, <stdint.h>, <cmocka.h> through
 * this header and nothing else for its asserts.
 */
#ifndef SLUICE_TESTS_SUPPORT_TEST_H
#define SLUICE_TESTS_SUPPORT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "storage/base/base.h"
#include "storage/base/status.h"

/* The seed of this run, printed once: SLUICE_SEED in the environment, else from the clock. */
uint64_t test_seed(void);

/* splitmix64: the next number of a sequence that *state determines. */
uint64_t test_random(uint64_t *state);

/* 0 .. bound - 1; bound > 0. */
uint64_t test_random_below(uint64_t *state, uint64_t bound);

/* So many rounds of `full` as this run can afford: all of them, with AddressSanitizer one in four,
 * with ThreadSanitizer one in twenty, or as many in a hundred as SLUICE_ROUNDS says. At least one. */
unsigned test_rounds(unsigned full);

/* A new empty directory below TMPDIR (or /tmp), removed with all its contents by
 * test_dir_remove. The path is the caller's to free. */
char *test_dir_create(void);
void test_dir_remove(char *path);

/* The project's neighbour with captures and flow tables, "../shared" or SLUICE_SHARED; NULL (and
 * one line that says which test is skipped) where there is none. */
const char *test_shared(void);

/* A whole file; size in *out_size_bytes; free() it. Fails the test when it cannot be read. */
uint8_t *test_read_file(const char *path, size_t *out_size_bytes);

/* assert that a call answers SL_OK, with its story when not. */
#define TEST_OK(call, err)                                                        \
    do {                                                                          \
        sl_status test_status_ = (call);                                          \
        if (test_status_ != SL_OK)                                                \
            fail_msg("%s: status %d: %s", #call, (int)test_status_, (err)->text); \
    } while (0)

#endif
