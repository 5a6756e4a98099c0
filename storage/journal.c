/*
 * journal.c - see journal.h for the contract, journal_format.h for the bytes, journal_state.h for
 * who does what.
 */
#include "storage/journal.h"

#include "storage/base/clock.h"
#include "storage/base/file.h"
#include "storage/journal_format.h"
#include "storage/journal_state.h"

struct sl_journal_options
sl_journal_options_default(void)
{
    return (struct sl_journal_options){
        .file_bytes = 64 << 20,
        .commit_interval_us = INT64_C(200) * SL_US_PER_MS,
        .pending_bytes_max = 64 << 20,
    };
}

static void
destroy(struct sl_journal *j)
{
    sl_journal_writer_close(&j->writer);
    sl_journal_drop_spares(j);
    free(j->files.items);
    sl_cond_fini(&j->done);
    sl_cond_fini(&j->work);
    sl_mutex_fini(&j->mutex);
    sl_retire(&j->magic);
    free(j);
}

sl_status
sl_journal_open(int dir_fd, const struct sl_journal_options *options,
                const struct sl_journal_replay *replay, struct sl_journal **out_journal,
                struct sl_error *err)
{
    *out_journal = NULL;
    struct sl_journal *j = sl_new(sizeof(*j));
    j->magic = SL_JOURNAL_MAGIC;
    j->dir_fd = dir_fd;
    j->options = options != NULL ? *options : sl_journal_options_default();
    j->writer.fd = -1;
    sl_mutex_init(&j->mutex, SL_LOCK_JOURNAL);
    sl_cond_init(&j->work);
    sl_cond_init(&j->done);
    SL_ASSERT(j->options.file_bytes <= SL_JOURNAL_FILE_BYTES_MAX / 2);

    sl_status st = sl_journal_recover(dir_fd, replay, &j->files, err);
    if (st != SL_OK)
        goto fail;
    j->next_position = j->written_position = j->durable_position = j->files.next_position;
    st = sl_journal_rotate(j, j->next_position, err);
    if (st != SL_OK)
        goto fail;
    j->thread = sl_thread_start("journal", sl_journal_commit_main, j);
    *out_journal = j;
    return SL_OK;
fail:
    destroy(j);
    return st;
}

void
sl_journal_close(struct sl_journal *journal)
{
    if (journal == NULL)
        return;
    SL_ASSERT(journal->magic == SL_JOURNAL_MAGIC);
    sl_mutex_lock(&journal->mutex);
    journal->is_stopping = true;
    sl_cond_signal(&journal->work);
    sl_mutex_unlock(&journal->mutex);
    sl_thread_join(journal->thread);
    destroy(journal);
}

void
sl_journal_draft(struct sl_journal *journal, const struct sl_journal_frame *frame,
                 size_t about_bytes, struct sl_buf *out_draft)
{
    SL_ASSERT(journal->magic == SL_JOURNAL_MAGIC);
    *out_draft = sl_buf_empty(0);
    if (about_bytes >= SL_JOURNAL_SPARE_BYTES_MIN) {
        sl_mutex_lock(&journal->mutex);
        if (journal->spare_count != 0)
            *out_draft = journal->spares[--journal->spare_count];
        sl_mutex_unlock(&journal->mutex);
    }
    out_draft->limit_bytes = SL_JOURNAL_FRAME_BYTES_MAX;
    sl_buf_reserve(out_draft, SL_JOURNAL_FRAME_HEAD_BYTES + frame->producer_bytes +
                                  sl_min_size(about_bytes, SL_BATCH_BYTES_MAX));
    sl_journal_frame_begin(frame, out_draft);
}

/* With the lock held: wait for room, then queue. *out_wakes: the commit thread has something to do; whoever
 * signals gives the lock back first, else it wakes only to wait for it. */
static sl_status
enqueue(struct sl_journal *j, struct sl_journal_pending *p, bool *out_wakes, struct sl_error *err)
{
    *out_wakes = false;
    while (!j->is_broken && j->pending_bytes > 0 &&
           j->pending_bytes + p->frame.size_bytes > j->options.pending_bytes_max)
        sl_cond_wait(&j->done, &j->mutex);
    if (j->is_broken)
        return sl_fail(err, SL_READONLY, "the journal failed: %.180s", j->trouble.text);

    p->position = j->next_position++;
    if (j->first == NULL)
        j->first = p;
    else
        j->last->next = p;
    j->last = p;
    bool is_first = !j->has_unsynced;
    if (is_first) {
        j->has_unsynced = true;
        j->first_unsynced_us = sl_clock_monotonic_us();
    }
    j->queue_bytes += p->frame.size_bytes;
    j->pending_bytes += p->frame.size_bytes;
    j->is_wanted |= p->durable != NULL;
    *out_wakes = is_first || p->durable != NULL || j->queue_bytes >= sl_journal_write_bytes(j);
    return SL_OK;
}

/* What can be told of a draft before it waits for its place. */
static sl_status
finish_draft(const struct sl_journal_frame *frame, struct sl_buf *draft, struct sl_error *err)
{
    size_t batch_bytes = draft->size_bytes - SL_JOURNAL_FRAME_HEAD_BYTES - frame->producer_bytes;
    if (draft->bad || batch_bytes > SL_BATCH_BYTES_MAX)
        return sl_fail(err, SL_LIMIT, "an encoded batch of more than %d bytes, or no memory",
                       SL_BATCH_BYTES_MAX);
    if (batch_bytes == 0)
        return sl_fail(err, SL_LIMIT, "encoded batch of 0 bytes");
    sl_journal_frame_end(frame, draft);
    return draft->bad ? sl_fail(err, SL_LIMIT, "no memory for a frame") : SL_OK;
}

sl_status
sl_journal_append(struct sl_journal *journal, const struct sl_journal_frame *frame,
                  struct sl_buf *draft, sl_durable_fn *durable, void *context,
                  uint64_t *out_position, struct sl_error *err)
{
    SL_ASSERT(journal->magic == SL_JOURNAL_MAGIC);
    *out_position = 0;
    sl_status st = finish_draft(frame, draft, err);
    if (st != SL_OK) {
        sl_buf_fini(draft);
        return st;
    }
    struct sl_journal_pending *p = sl_new(sizeof(*p));
    *p = (struct sl_journal_pending){.durable = durable, .context = context, .frame = *draft};
    *draft = sl_buf_empty(0);

    bool wakes = false;
    sl_mutex_lock(&journal->mutex);
    st = enqueue(journal, p, &wakes, err);
    if (st == SL_OK)
        *out_position = p->position;
    sl_mutex_unlock(&journal->mutex);
    if (wakes)
        sl_cond_signal(&journal->work);
    if (st != SL_OK) {
        sl_buf_fini(&p->frame);
        free(p);
    }
    return st;
}

sl_status
sl_journal_sync(struct sl_journal *journal, struct sl_error *err)
{
    SL_ASSERT(journal->magic == SL_JOURNAL_MAGIC);
    sl_status st = SL_OK;

    sl_mutex_lock(&journal->mutex);
    bool was_broken = journal->is_broken;
    uint64_t wanted = journal->next_position;
    while (journal->durable_position < wanted && !journal->is_broken) {
        journal->is_wanted = true;
        sl_cond_signal(&journal->work);
        sl_cond_wait(&journal->done, &journal->mutex);
    }
    if (journal->is_broken)
        st = sl_fail(err, was_broken ? SL_READONLY : SL_IO, "the journal failed: %.180s",
                     journal->trouble.text);
    sl_mutex_unlock(&journal->mutex);
    return st;
}

/* With the lock held: take the oldest file off the list when it lies wholly below. */
static bool
take_covered(struct sl_journal *j, uint64_t position, uint64_t *out_number)
{
    struct sl_journal_files *files = &j->files;
    if (files->count < 2 || files->items[1].first_position > position)
        return false;
    *out_number = files->items[0].number;
    files->count--;
    memmove(files->items, files->items + 1, files->count * sizeof(*files->items));
    return true;
}

/* With the lock held: the current file holds frames, and segments cover all of them. */
static bool
is_current_covered(const struct sl_journal *j, uint64_t position)
{
    const struct sl_journal_files *files = &j->files;
    return !j->is_broken && !j->is_stopping && files->count > 0 && position >= j->next_position &&
           files->items[files->count - 1].first_position < j->next_position;
}

/* With the lock held: have the commit thread follow such a file by another, so that it can be
 * removed. A frame that comes meanwhile ends the wait: the file is then needed. */
static void
leave_covered(struct sl_journal *j, uint64_t position)
{
    while (is_current_covered(j, position)) {
        j->is_rotation_wanted = true;
        sl_cond_signal(&j->work);
        sl_cond_wait(&j->done, &j->mutex);
    }
}

sl_status
sl_journal_trim(struct sl_journal *journal, uint64_t position, struct sl_error *err)
{
    SL_ASSERT(journal->magic == SL_JOURNAL_MAGIC);
    for (;;) {
        char name[SL_JOURNAL_NAME_BYTES];
        uint64_t number;

        sl_mutex_lock(&journal->mutex);
        leave_covered(journal, position);
        bool is_taken = !journal->is_replacing && take_covered(journal, position, &number);
        sl_mutex_unlock(&journal->mutex);
        if (!is_taken)
            return SL_OK;
        sl_journal_name(number, "", name);
        SL_TRY(sl_file_remove(journal->dir_fd, name, err));
    }
}

bool
sl_journal_trouble(struct sl_journal *journal, struct sl_error *out_trouble)
{
    SL_ASSERT(journal->magic == SL_JOURNAL_MAGIC);
    sl_mutex_lock(&journal->mutex);
    bool is_broken = journal->is_broken;
    if (out_trouble != NULL)
        *out_trouble = is_broken ? journal->trouble : (struct sl_error){0};
    sl_mutex_unlock(&journal->mutex);
    return is_broken;
}

void
sl_journal_status(struct sl_journal *journal, struct sl_journal_status *out_status)
{
    SL_ASSERT(journal->magic == SL_JOURNAL_MAGIC);
    sl_mutex_lock(&journal->mutex);
    *out_status = (struct sl_journal_status){
        .next_position = journal->next_position,
        .durable_position = journal->durable_position,
        .bytes_written = journal->bytes_written,
        .syncs = journal->syncs,
        .file_count = (uint32_t)journal->files.count,
    };
    for (size_t i = 0; i < journal->files.count; i++)
        out_status->bytes += journal->files.items[i].bytes;
    sl_mutex_unlock(&journal->mutex);
}
