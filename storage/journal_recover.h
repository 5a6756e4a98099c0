/*
 * journal_recover.h - the files of a journal as they were found: replay, repair, proof.
 *
 * Layer: storage. Called from journal.c only.
 */
#ifndef SLUICE_STORAGE_JOURNAL_RECOVER_H
#define SLUICE_STORAGE_JOURNAL_RECOVER_H

#include "storage/journal.h"

struct sl_journal_file {
    uint64_t number;
    uint64_t first_position;
    uint64_t bytes;
};

/* Files that count, by number. The caller frees items. */
struct sl_journal_files {
    struct sl_journal_file *items; /* owned */
    size_t count;
    uint64_t number_max;    /* of any file seen, so that no number comes back */
    uint64_t next_position; /* above all that the files hold, at least from_position */
};

/* Replay and repair: afterwards every frame that was visited is durable, and files that are
 * unfinished or void are gone. On failure nothing needs to be freed. */
SL_MUST_CHECK
sl_status sl_journal_recover(int dir_fd, const struct sl_journal_replay *replay,
                             struct sl_journal_files *out_files, struct sl_error *err);

#endif
