/*
 * journal.c - see journal.h for the contract and journal_format.h for the bytes.
 *
 * An append encodes and hashes its frame on its own thread and without a lock, then takes a
 * position and queues the frame under the lock: the order of the queue is the order of
 * positions. The commit thread takes the whole queue at once (a *group*), writes it, syncs once,
 * tells everybody. While it does so the next group gathers. A group for which nobody waits is
 * written when it is large enough, and synced with those that follow within the commit interval.
 *
 * The writer belongs to the commit thread. sl_journal_replace uses one of its own and swaps it in
 * under the lock while the journal is broken, when the commit thread touches none: it sets
 * is_broken only after its last use.
 */
#include "storage/journal.h"

#include "storage/base/clock.h"
#include "storage/base/file.h"
#include "storage/base/log.h"
#include "storage/base/thread.h"
#include "storage/journal_format.h"
#include "storage/journal_recover.h"
#include "storage/journal_writer.h"

#define JOURNAL_MAGIC UINT32_C(0x10c5a1ed)

enum {
    WRITE_BYTES = 1 << 20, /* of a group for which nobody waits */

    /* Memory of long frames is used again: of those that a group has and that gather meanwhile, and
     * of more after the disk was slow. */
    SPARES_MAX = 32,
    SPARE_BYTES_MIN = 64 << 10,
    SPARE_BYTES_MAX = 2 << 20,
};

/* Nothing was appended for so long: the spares go back. */
#define IDLE_US (INT64_C(2) * SL_US_PER_S)

struct pending {
    struct pending *next;
    uint64_t position;
    sl_durable_fn *durable;
    void *context;
    struct sl_buf frame; /* owned, encoded */
};

struct sl_journal {
    uint32_t magic;
    int dir_fd; /* borrowed */
    struct sl_journal_options options;
    struct sl_thread *thread;
    struct sl_journal_writer writer; /* of the commit thread, see above */

    struct sl_mutex mutex; /* guards everything below */
    struct sl_cond work;   /* the commit thread waits for it */
    struct sl_cond done;   /* appends that wait for room, and syncs, wait for it */
    struct pending *first; /* the queue: owned */
    struct pending *last;
    bool has_unsynced;         /* a frame came since the last sync began */
    int64_t first_unsynced_us; /* when the first of them came */
    uint64_t queue_bytes;      /* of the queue */
    uint64_t pending_bytes;    /* of the queue and the group being written */
    uint64_t next_position;
    uint64_t written_position; /* frames below it were given to the writer */
    uint64_t durable_position;
    bool is_wanted; /* somebody waits for a frame of the queue */
    bool is_rotation_wanted;
    bool is_stopping;
    bool is_broken; /* refuses frames until replaced */
    bool is_replacing;
    struct sl_error trouble;       /* why it is broken */
    struct sl_journal_files files; /* next_position is not used; the last item is being written */
    struct sl_buf spares[SPARES_MAX]; /* owned, empty */
    uint32_t spare_count;
    uint64_t bytes_written;
    uint64_t syncs;
};

struct sl_journal_options
sl_journal_options_default(void)
{
    return (struct sl_journal_options){
        .file_bytes = 64 << 20,
        .commit_interval_us = INT64_C(200) * SL_US_PER_MS,
        .pending_bytes_max = 64 << 20,
    };
}

/* The commit thread, or open: follow the current file by another. Its frames must be synced. */
static sl_status
rotate(struct sl_journal *j, uint64_t first_position, struct sl_error *err)
{
    struct sl_journal_writer writer;

    sl_mutex_lock(&j->mutex);
    uint64_t number = ++j->files.number_max;
    sl_mutex_unlock(&j->mutex);

    struct sl_journal_head head = {.number = number, .first_position = first_position};
    SL_TRY(sl_journal_writer_open(&writer, j->dir_fd, &head, SL_JOURNAL_UNDER_NAME, err));
    sl_journal_writer_close(&j->writer);
    j->writer = writer;

    sl_mutex_lock(&j->mutex);
    size_t count = ++j->files.count;
    j->files.items = sl_grow(j->files.items, sizeof(*j->files.items), count);
    j->files.items[count - 1] = (struct sl_journal_file){
        .number = number, .first_position = first_position, .bytes = SL_JOURNAL_HEAD_BYTES};
    j->is_rotation_wanted = false;
    sl_mutex_unlock(&j->mutex);
    return SL_OK;
}

/* Give a group to the writer. */
static sl_status
write_group(struct sl_journal *j, struct pending *group, uint64_t durable_position,
            struct sl_error *err)
{
    for (struct pending *p = group; p != NULL; p = p->next) {
        if (j->writer.offset >= j->options.file_bytes) {
            SL_TRY(sl_journal_writer_finish(&j->writer, err));
            durable_position = p->position;
            SL_TRY(rotate(j, p->position, err));
        }
        SL_TRY(
            sl_journal_writer_put(&j->writer, p->frame.bytes, p->position, durable_position, err));
    }
    return SL_OK;
}

/* The memory of a frame, for another one. */
static void
give_frame(struct sl_journal *j, struct sl_buf *frame)
{
    if (frame->capacity_bytes >= SPARE_BYTES_MIN && frame->capacity_bytes <= SPARE_BYTES_MAX) {
        sl_mutex_lock(&j->mutex);
        if (j->spare_count < SPARES_MAX) {
            sl_buf_clear(frame);
            j->spares[j->spare_count++] = *frame;
            *frame = sl_buf_empty(0);
        }
        sl_mutex_unlock(&j->mutex);
    }
    sl_buf_fini(frame);
}

static void
drop_spares(struct sl_journal *j)
{
    while (j->spare_count != 0)
        sl_buf_fini(&j->spares[--j->spare_count]);
}

/* Tell everybody who waits for these frames, and free them. */
static void
finish_group(struct sl_journal *j, struct pending *group, sl_status status)
{
    while (group != NULL) {
        struct pending *next = group->next;
        if (group->durable != NULL)
            group->durable(group->context, status);
        give_frame(j, &group->frame);
        free(group);
        group = next;
    }
}

/* With the lock held: take the queue. */
static struct pending *
take_queue(struct sl_journal *j)
{
    struct pending *group = j->first;
    j->first = j->last = NULL;
    j->queue_bytes = 0;
    return group;
}

/* What the commit thread does next. */
enum work { WORK_NONE, WORK_WRITE, WORK_SYNC, WORK_ROTATE };

static void
break_journal(struct sl_journal *j, const struct sl_error *why)
{
    sl_log(SL_LOG_ERROR, "journal", "writes end until it is replaced: %s", why->text);
    sl_mutex_lock(&j->mutex);
    j->is_broken = true;
    j->trouble = *why;
    struct pending *queue = take_queue(j);
    j->has_unsynced = j->is_wanted = false;
    j->pending_bytes = 0;
    sl_cond_broadcast(&j->done);
    sl_mutex_unlock(&j->mutex);
    finish_group(j, queue, SL_IO);
}

/* A group to the file, and to the disk when it is synced; or only the next file. Called without the
 * lock. Who waits for a frame of the group has had it synced. */
static void
commit(struct sl_journal *j, enum work work, struct pending *group, uint64_t durable_position)
{
    struct sl_error err = {0};
    uint64_t end_position = 0;
    uint64_t group_bytes = 0;
    for (struct pending *p = group; p != NULL; p = p->next) {
        end_position = p->position + 1;
        group_bytes += p->frame.size_bytes;
    }

    sl_status st = work == WORK_ROTATE ? rotate(j, durable_position, &err)
                                       : write_group(j, group, durable_position, &err);
    if (st == SL_OK && work == WORK_SYNC)
        st = sl_journal_writer_sync(&j->writer, &err);
    if (st != SL_OK) {
        break_journal(j, &err);
        finish_group(j, group, SL_IO);
        return;
    }

    sl_mutex_lock(&j->mutex);
    if (group != NULL)
        j->written_position = end_position;
    if (work == WORK_SYNC)
        j->durable_position = j->written_position;
    j->pending_bytes -= group_bytes;
    j->bytes_written += group_bytes;
    j->syncs += work == WORK_SYNC;
    j->files.items[j->files.count - 1].bytes = j->writer.offset;
    sl_cond_broadcast(&j->done);
    sl_mutex_unlock(&j->mutex);
    finish_group(j, group, SL_OK);
}

/* So many bytes are written although nobody waits for them. */
static uint64_t
write_bytes(const struct sl_journal *j)
{
    return sl_min_size(WRITE_BYTES, j->options.pending_bytes_max / 4);
}

/* With the lock held: what is there to do? When nothing, *out_wait_us says how long to wait at
 * most, -1 for as long as nothing happens. */
static enum work
find_work(const struct sl_journal *j, int64_t *out_wait_us)
{
    *out_wait_us = -1;
    if (j->is_broken)
        return WORK_NONE;
    if (!j->has_unsynced)
        return j->is_rotation_wanted ? WORK_ROTATE : WORK_NONE;
    int64_t age_us = sl_clock_monotonic_us() - j->first_unsynced_us;
    if (j->is_wanted || j->is_stopping || age_us >= j->options.commit_interval_us)
        return WORK_SYNC;
    if (j->queue_bytes >= write_bytes(j))
        return WORK_WRITE;
    *out_wait_us = j->options.commit_interval_us - age_us;
    return WORK_NONE;
}

/* With the lock held, which is released meanwhile. */
static void
do_work(struct sl_journal *j, enum work work)
{
    uint64_t durable_position = j->durable_position;
    struct pending *group = work == WORK_ROTATE ? NULL : take_queue(j);
    if (work == WORK_SYNC)
        j->has_unsynced = j->is_wanted = false;
    sl_mutex_unlock(&j->mutex);
    commit(j, work, group, durable_position);
    sl_mutex_lock(&j->mutex);
}

/* The last frame of a file that is closed in order: see journal_format.h. */
static void
write_mark(struct sl_journal *j)
{
    const struct sl_journal_frame mark = {0};
    struct sl_buf frame = sl_buf_empty(SL_JOURNAL_FRAME_HEAD_BYTES);
    struct sl_error err = {0};

    sl_journal_frame_encode(&mark, &frame);
    sl_status st = frame.bad ? sl_fail(&err, SL_LIMIT, "no memory for a mark")
                             : sl_journal_writer_put(&j->writer, frame.bytes, j->next_position,
                                                     j->durable_position, &err);
    if (st == SL_OK)
        st = sl_journal_writer_finish(&j->writer, &err);
    if (st != SL_OK)
        sl_log(SL_LOG_WARN, "journal", "closed without its mark: %s", err.text);
    sl_buf_fini(&frame);
}

static void
commit_main(void *context)
{
    struct sl_journal *j = context;
    SL_ASSERT(j->magic == JOURNAL_MAGIC);

    sl_mutex_lock(&j->mutex);
    for (;;) {
        int64_t wait_us;
        enum work work = find_work(j, &wait_us);
        if (work != WORK_NONE)
            do_work(j, work);
        else if (j->is_stopping)
            break;
        else if (wait_us >= 0)
            (void)sl_cond_wait_us(&j->work, &j->mutex, wait_us);
        else if (j->spare_count == 0)
            sl_cond_wait(&j->work, &j->mutex);
        else if (!sl_cond_wait_us(&j->work, &j->mutex, IDLE_US))
            drop_spares(j);
    }
    bool is_broken = j->is_broken;
    sl_mutex_unlock(&j->mutex);
    if (!is_broken)
        write_mark(j);
}

static void
destroy(struct sl_journal *j)
{
    sl_journal_writer_close(&j->writer);
    drop_spares(j);
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
    j->magic = JOURNAL_MAGIC;
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
    st = rotate(j, j->next_position, err);
    if (st != SL_OK)
        goto fail;
    j->thread = sl_thread_start("journal", commit_main, j);
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
    SL_ASSERT(journal->magic == JOURNAL_MAGIC);
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
    SL_ASSERT(journal->magic == JOURNAL_MAGIC);
    *out_draft = sl_buf_empty(0);
    if (about_bytes >= SPARE_BYTES_MIN) {
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
enqueue(struct sl_journal *j, struct pending *p, bool *out_wakes, struct sl_error *err)
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
    *out_wakes = is_first || p->durable != NULL || j->queue_bytes >= write_bytes(j);
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
sl_journal_append_draft(struct sl_journal *journal, const struct sl_journal_frame *frame,
                        struct sl_buf *draft, sl_durable_fn *durable, void *context,
                        uint64_t *out_position, struct sl_error *err)
{
    SL_ASSERT(journal->magic == JOURNAL_MAGIC);
    *out_position = 0;
    sl_status st = finish_draft(frame, draft, err);
    if (st != SL_OK) {
        sl_buf_fini(draft);
        return st;
    }
    struct pending *p = sl_new(sizeof(*p));
    *p = (struct pending){.durable = durable, .context = context, .frame = *draft};
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
sl_journal_append(struct sl_journal *journal, const struct sl_journal_frame *frame,
                  sl_durable_fn *durable, void *context, uint64_t *out_position,
                  struct sl_error *err)
{
    struct sl_buf draft;
    *out_position = 0;
    if (frame->producer_bytes > SL_PRODUCER_NAME_BYTES_MAX)
        return sl_fail(err, SL_LIMIT, "producer name of %zu bytes", frame->producer_bytes);
    if (frame->batch_bytes > SL_BATCH_BYTES_MAX)
        return sl_fail(err, SL_LIMIT, "encoded batch of %zu bytes", frame->batch_bytes);
    sl_journal_draft(journal, frame, frame->batch_bytes, &draft);
    sl_buf_append(&draft, frame->batch, frame->batch_bytes);
    return sl_journal_append_draft(journal, frame, &draft, durable, context, out_position, err);
}

sl_status
sl_journal_sync(struct sl_journal *journal, struct sl_error *err)
{
    SL_ASSERT(journal->magic == JOURNAL_MAGIC);
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
    SL_ASSERT(journal->magic == JOURNAL_MAGIC);
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
    SL_ASSERT(journal->magic == JOURNAL_MAGIC);
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

bool
sl_journal_trouble(struct sl_journal *journal, struct sl_error *out_trouble)
{
    SL_ASSERT(journal->magic == JOURNAL_MAGIC);
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
    SL_ASSERT(journal->magic == JOURNAL_MAGIC);
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
