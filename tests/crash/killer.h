/*
 * killer.h - kill -9 between two steps: a switch table (storage/base/file.h) that passes everything
 * on and ends its own process with SIGKILL in place of the n-th call that changes a file, a
 * name or a directory. Seal, merge, retention and the journal are made of such calls.
 *
 * Installed before the process that shall die is forked; the parent takes it out again.
 * What LMDB does between two calls is whole: kill_test's random moments fall into it too.
 *
 * Threads: the table's calls may come from any thread.
 */
#ifndef SLUICE_TESTS_CRASH_KILLER_H
#define SLUICE_TESTS_CRASH_KILLER_H

#include <stdatomic.h>

#include "storage/base/file.h"

struct killer {
    struct sl_file_calls calls;
    _Atomic uint64_t made; /* calls so far */
    uint64_t kill_at;      /* UINT64_MAX: never */
};

/* Fill in and install; `killer` is borrowed until sl_file_install(NULL). Put it into shared memory
 * to read from outside how far the process came. */
void killer_install(struct killer *killer, uint64_t kill_at);

#endif
