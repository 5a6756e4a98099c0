/*
 * journal_writer.h - one journal file that is being written.
 *
 * Frames are gathered in a buffer and written in large pieces; they are on disk when
 * sl_journal_writer_sync returns SL_OK. After any failure only close may follow.
 *
 * Short frames are written into room that was made for them, zeros: a file that grows has its
 * length to be synced too, with whatever else the file system is about to write.
 *
 * Threads: one at a time.
 * Layer:   storage. Called from journal.c only.
 */
#ifndef SLUICE_STORAGE_JOURNAL_WRITER_H
#define SLUICE_STORAGE_JOURNAL_WRITER_H

#include "storage/journal_format.h"

struct sl_journal_writer {
    int dir_fd; /* borrowed */
    int fd;     /* owned, -1 when closed */
    uint64_t number;
    uint64_t offset;   /* of the next frame */
    uint64_t room_end; /* the file has zeros up to here */
    uint8_t *buffer;   /* owned */
    size_t buffer_bytes;
};

/* Make the file `head` describes, its head written and synced. With SL_JOURNAL_UNDER_NAME its
 * directory is synced too; SL_JOURNAL_ASIDE leaves it under its temporary name. */
enum sl_journal_place { SL_JOURNAL_UNDER_NAME, SL_JOURNAL_ASIDE };
SL_MUST_CHECK
sl_status sl_journal_writer_open(struct sl_journal_writer *writer, int dir_fd,
                                 const struct sl_journal_head *head, enum sl_journal_place place,
                                 struct sl_error *err);

/* Add an encoded frame: completes it for its place in `bytes`. */
SL_MUST_CHECK
sl_status sl_journal_writer_put(struct sl_journal_writer *writer, uint8_t *bytes, uint64_t position,
                                uint64_t durable_position, struct sl_error *err);

SL_MUST_CHECK
sl_status sl_journal_writer_sync(struct sl_journal_writer *writer, struct sl_error *err);

/* The last sync: the room that was not used is given back. */
SL_MUST_CHECK
sl_status sl_journal_writer_finish(struct sl_journal_writer *writer, struct sl_error *err);

/* Give a file that was written aside its name, durably. */
SL_MUST_CHECK
sl_status sl_journal_writer_rename(struct sl_journal_writer *writer, struct sl_error *err);

/* What was not synced may be lost. */
void sl_journal_writer_close(struct sl_journal_writer *writer);

#endif
