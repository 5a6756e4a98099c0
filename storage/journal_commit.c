/*
 * journal_commit.c - the commit thread of a journal. See journal_state.h.
 */
#include "storage/base/clock.h"
#include "storage/base/log.h"
#include "storage/journal_format.h"
#include "storage/journal_state.h"

enum { WRITE_BYTES = 1 << 20 /* of a group for which nobody waits */ };

/* Nothing was appended for so long: the spares go back. */
#define IDLE_US (INT64_C(2) * SL_US_PER_S)

sl_status
sl_journal_rotate(struct sl_journal *j, uint64_t first_position, struct sl_error *err)
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
write_group(struct sl_journal *j, struct sl_journal_pending *group, uint64_t durable_position,
            struct sl_error *err)
{
    for (struct sl_journal_pending *p = group; p != NULL; p = p->next) {
        if (j->writer.offset >= j->options.file_bytes) {
            SL_TRY(sl_journal_writer_finish(&j->writer, err));
            durable_position = p->position;
            SL_TRY(sl_journal_rotate(j, p->position, err));
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
    if (frame->capacity_bytes >= SL_JOURNAL_SPARE_BYTES_MIN &&
        frame->capacity_bytes <= SL_JOURNAL_SPARE_BYTES_MAX) {
        sl_mutex_lock(&j->mutex);
        if (j->spare_count < SL_JOURNAL_SPARES_MAX) {
            sl_buf_clear(frame);
            j->spares[j->spare_count++] = *frame;
            *frame = sl_buf_empty(0);
        }
        sl_mutex_unlock(&j->mutex);
    }
    sl_buf_fini(frame);
}

void
sl_journal_drop_spares(struct sl_journal *j)
{
    while (j->spare_count != 0)
        sl_buf_fini(&j->spares[--j->spare_count]);
}

/* Tell everybody who waits for these frames, and free them. */
static void
finish_group(struct sl_journal *j, struct sl_journal_pending *group, sl_status status)
{
    while (group != NULL) {
        struct sl_journal_pending *next = group->next;
        if (group->durable != NULL)
            group->durable(group->context, status);
        give_frame(j, &group->frame);
        free(group);
        group = next;
    }
}

/* With the lock held: take the queue. */
static struct sl_journal_pending *
take_queue(struct sl_journal *j)
{
    struct sl_journal_pending *group = j->first;
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
    struct sl_journal_pending *queue = take_queue(j);
    j->has_unsynced = j->is_wanted = false;
    j->pending_bytes = 0;
    sl_cond_broadcast(&j->done);
    sl_mutex_unlock(&j->mutex);
    finish_group(j, queue, SL_IO);
}

/* A group to the file, and to the disk when it is synced; or only the next file. Called without the
 * lock. Who waits for a frame of the group has had it synced. */
static void
commit(struct sl_journal *j, enum work work, struct sl_journal_pending *group,
       uint64_t durable_position)
{
    struct sl_error err = {0};
    uint64_t end_position = 0;
    uint64_t group_bytes = 0;
    for (struct sl_journal_pending *p = group; p != NULL; p = p->next) {
        end_position = p->position + 1;
        group_bytes += p->frame.size_bytes;
    }

    sl_status st = work == WORK_ROTATE ? sl_journal_rotate(j, durable_position, &err)
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

uint64_t
sl_journal_write_bytes(const struct sl_journal *j)
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
    if (j->queue_bytes >= sl_journal_write_bytes(j))
        return WORK_WRITE;
    *out_wait_us = j->options.commit_interval_us - age_us;
    return WORK_NONE;
}

/* With the lock held, which is released meanwhile. */
static void
do_work(struct sl_journal *j, enum work work)
{
    uint64_t durable_position = j->durable_position;
    struct sl_journal_pending *group = work == WORK_ROTATE ? NULL : take_queue(j);
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

void
sl_journal_commit_main(void *context)
{
    struct sl_journal *j = context;
    SL_ASSERT(j->magic == SL_JOURNAL_MAGIC);

    sl_thread_set_niceness(SL_NICENESS_INGEST);
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
            sl_journal_drop_spares(j);
    }
    bool is_broken = j->is_broken;
    sl_mutex_unlock(&j->mutex);
    if (!is_broken)
        write_mark(j);
}
