/*
 * journal_replace.c - a healthy file in place of those that a failed write spoiled. See journal.h.
 */
#include "storage/base/file.h"
#include "storage/base/log.h"
#include "storage/journal_format.h"
#include "storage/journal_state.h"

/* Write what `refill` names to the new file, from position `first` on. */
static sl_status
write_refill(struct sl_journal_writer *writer, const struct sl_journal_refill *refill,
             uint64_t first, uint64_t *out_count, struct sl_error *err)
{
    struct sl_journal_frame frame;
    *out_count = 0;
    for (uint64_t i = 0; refill != NULL && refill->next(refill->context, i, &frame); i++) {
        struct sl_buf encoded = sl_buf_empty(SL_JOURNAL_FRAME_BYTES_MAX);
        sl_journal_frame_encode(&frame, &encoded);
        sl_status st = SL_OK;
        if (encoded.bad)
            st = sl_fail(err, SL_LIMIT, "no memory for a frame of %zu bytes", frame.batch_bytes);
        else if (writer->offset + encoded.size_bytes > SL_JOURNAL_FILE_BYTES_MAX)
            st = sl_fail(err, SL_LIMIT, "more frames than a journal file holds");
        else
            st = sl_journal_writer_put(writer, encoded.bytes, first + i, first, err);
        sl_buf_fini(&encoded);
        SL_TRY(st);
        *out_count = i + 1;
    }
    return sl_journal_writer_sync(writer, err);
}

/* With the lock held, the new file durable: it is the journal now. What it replaces goes to
 * *out_writer and *out_files. */
static void
install_replacement(struct sl_journal *j, const struct sl_journal_writer *writer,
                    uint64_t first_position, struct sl_journal_writer *out_writer,
                    struct sl_journal_files *out_files)
{
    *out_writer = j->writer;
    *out_files = j->files;
    j->writer = *writer;
    j->files = (struct sl_journal_files){.number_max = out_files->number_max, .count = 1};
    j->files.items = sl_new(sizeof(*j->files.items));
    j->files.items[0] = (struct sl_journal_file){
        .number = writer->number, .first_position = first_position, .bytes = writer->offset};
    j->written_position = j->durable_position = j->next_position;
    j->bytes_written += writer->offset;
    j->is_rotation_wanted = false;
    j->is_broken = false;
    j->is_replacing = false;
}

/* Remove a file that no longer counts; one that cannot be removed is removed by the next open. */
static void
remove_quietly(int dir_fd, uint64_t number, const char *suffix)
{
    char name[SL_JOURNAL_NAME_BYTES];
    struct sl_error err = {0};
    sl_journal_name(number, suffix, name);
    if (sl_file_remove(dir_fd, name, &err) != SL_OK)
        sl_log(SL_LOG_WARN, "journal", "%s", err.text);
}

/* Take back a replacement that failed, under both its names. */
static void
drop_replacement(struct sl_journal *j, struct sl_journal_writer *writer)
{
    sl_journal_writer_close(writer);
    remove_quietly(j->dir_fd, writer->number, ".tmp");
    remove_quietly(j->dir_fd, writer->number, "");

    sl_mutex_lock(&j->mutex);
    j->is_replacing = false;
    sl_mutex_unlock(&j->mutex);
}

/* With is_replacing set: the replacement, complete and durable under its name. */
static sl_status
write_replacement(struct sl_journal *j, const struct sl_journal_head *head,
                  const struct sl_journal_refill *refill, struct sl_journal_writer *out_writer,
                  uint64_t *out_count, struct sl_error *err)
{
    *out_count = 0;
    SL_TRY(sl_journal_writer_open(out_writer, j->dir_fd, head, SL_JOURNAL_ASIDE, err));
    SL_TRY(write_refill(out_writer, refill, head->first_position, out_count, err));

    /* From here on the new positions may be on disk, so they are used whatever happens. */
    sl_mutex_lock(&j->mutex);
    j->next_position = head->first_position + *out_count;
    sl_mutex_unlock(&j->mutex);
    return sl_journal_writer_rename(out_writer, err);
}

sl_status
sl_journal_replace(struct sl_journal *journal, const struct sl_journal_refill *refill,
                   struct sl_error *err)
{
    SL_ASSERT(journal->magic == SL_JOURNAL_MAGIC);
    struct sl_journal_writer writer = {.fd = -1};
    struct sl_journal_writer old_writer;
    struct sl_journal_files old_files;
    uint64_t count;

    sl_mutex_lock(&journal->mutex);
    bool is_broken = journal->is_broken;
    SL_ASSERT(!journal->is_replacing);
    journal->is_replacing = is_broken;
    struct sl_journal_head head = {.is_restart = true, .first_position = journal->next_position};
    head.number = is_broken ? ++journal->files.number_max : 0;
    sl_mutex_unlock(&journal->mutex);
    if (!is_broken)
        return SL_OK;

    sl_status st = write_replacement(journal, &head, refill, &writer, &count, err);
    if (st != SL_OK) {
        drop_replacement(journal, &writer);
        return st;
    }
    for (uint64_t i = 0; i < count; i++)
        refill->placed(refill->context, i, head.first_position + i);

    sl_mutex_lock(&journal->mutex);
    install_replacement(journal, &writer, head.first_position, &old_writer, &old_files);
    sl_mutex_unlock(&journal->mutex);

    sl_journal_writer_close(&old_writer);
    for (size_t i = 0; i < old_files.count; i++)
        remove_quietly(journal->dir_fd, old_files.items[i].number, "");
    free(old_files.items);
    sl_log(SL_LOG_INFO, "journal", "replaced by file %" PRIu64 ", %" PRIu64 " frames kept",
           head.number, count);
    return SL_OK;
}
