/*
 * journal_sample.h - journals whose batches prove themselves, for the tests of the journal.
 *
 * A batch is a number, then bytes that follow from it. What a replay gives is noted in
 * `struct sample_seen`, what waiters are told in `struct sample_told`.
 */
#ifndef SLUICE_TESTS_UNIT_STORAGE_JOURNAL_SAMPLE_H
#define SLUICE_TESTS_UNIT_STORAGE_JOURNAL_SAMPLE_H

#include "storage/base/file.h"
#include "storage/journal.h"
#include "tests/support/test.h"

enum { SAMPLE_SEEN_MAX = 4096 };

struct sample_seen {
    uint64_t from_position; /* where the replay begins */
    size_t count;
    uint64_t positions[SAMPLE_SEEN_MAX];
    uint64_t values[SAMPLE_SEEN_MAX];
    struct sl_journal_frame last; /* pointers are stale */
    char last_producer[SL_PRODUCER_NAME_BYTES_MAX + 1];
    unsigned damage_count;
    char damage_file[64];
    uint64_t damage_offset;
};

size_t sample_batch(uint64_t value, uint8_t *bytes, size_t size_bytes);

int sample_open_dir(const char *path);

/* Open and replay into `seen`; options NULL: the defaults. */
struct sl_journal *sample_open(int dir_fd, const struct sl_journal_options *options,
                               struct sample_seen *seen);

/* Reports of damage; the context is a sample_seen. */
void sample_see_damage(void *context, const char *file, uint64_t offset, const char *reason);

/* Append a frame together with the batch that it names. */
sl_status sample_append_frame(struct sl_journal *journal, const struct sl_journal_frame *frame,
                              sl_durable_fn *durable, void *context, uint64_t *out_position,
                              struct sl_error *err);

/* One batch that nobody waits for; `count` batches from the value `first` on, synced. */
sl_status sample_append(struct sl_journal *journal, uint64_t value, size_t size_bytes,
                        uint64_t *out_position, struct sl_error *err);
void sample_append_values(struct sl_journal *journal, uint64_t first, uint64_t count,
                          size_t size_bytes);
void sample_expect_values(const struct sample_seen *seen, uint64_t first, uint64_t count);

struct sample_told {
    _Atomic unsigned ok;
    _Atomic unsigned failed;
};

/* Counts; the context is a sample_told. */
void sample_tell(void *context, sl_status status);

#endif
