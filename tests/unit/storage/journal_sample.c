/*
 * journal_sample.c - see journal_sample.h.
 */
#include "tests/unit/storage/journal_sample.h"

#include <fcntl.h>
#include <stdio.h>

size_t
sample_batch(uint64_t value, uint8_t *bytes, size_t size_bytes)
{
    for (size_t i = 0; i < size_bytes; i++)
        bytes[i] = (uint8_t)(i < 8 ? value >> (8 * i) : value + i);
    return size_bytes;
}

static sl_status
see(void *context, uint64_t position, const struct sl_journal_frame *frame, struct sl_error *err)
{
    struct sample_seen *seen = context;
    uint64_t value = 0;
    const uint8_t *bytes = frame->batch;
    (void)err;
    assert_true(seen->count < SAMPLE_SEEN_MAX);
    assert_true(frame->batch_bytes >= 8);
    for (size_t i = 0; i < 8; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    for (size_t i = 8; i < frame->batch_bytes; i++)
        assert_int_equal(bytes[i], (uint8_t)(value + i));
    seen->positions[seen->count] = position;
    seen->values[seen->count++] = value;
    seen->last = *frame;
    memcpy(seen->last_producer, frame->producer, frame->producer_bytes);
    seen->last_producer[frame->producer_bytes] = 0;
    return SL_OK;
}

void
sample_see_damage(void *context, const char *file, uint64_t offset, const char *reason)
{
    struct sample_seen *seen = context;
    assert_non_null(reason);
    seen->damage_count++;
    seen->damage_offset = offset;
    (void)snprintf(seen->damage_file, sizeof(seen->damage_file), "%s", file);
}

int
sample_open_dir(const char *path)
{
    struct sl_error err = {0};
    int fd;
    TEST_OK(sl_dir_open(AT_FDCWD, path, &fd, &err), &err);
    return fd;
}

struct sl_journal *
sample_open(int dir_fd, const struct sl_journal_options *options, struct sample_seen *seen)
{
    struct sl_error err = {0};
    struct sl_journal *journal;
    struct sl_journal_replay replay = {.from_position = seen->from_position,
                                       .visit = see,
                                       .report = sample_see_damage,
                                       .context = seen};
    seen->count = 0;
    seen->damage_count = 0;
    TEST_OK(sl_journal_open(dir_fd, options, &replay, &journal, &err), &err);
    return journal;
}

sl_status
sample_append_frame(struct sl_journal *journal, const struct sl_journal_frame *frame,
                    sl_durable_fn *durable, void *context, uint64_t *out_position,
                    struct sl_error *err)
{
    struct sl_buf draft;
    sl_journal_draft(journal, frame, frame->batch_bytes, &draft);
    sl_buf_append(&draft, frame->batch, frame->batch_bytes);
    return sl_journal_append(journal, frame, &draft, durable, context, out_position, err);
}

sl_status
sample_append(struct sl_journal *journal, uint64_t value, size_t size_bytes, uint64_t *out_position,
              struct sl_error *err)
{
    uint8_t *bytes = sl_new(size_bytes);
    struct sl_journal_frame frame = {.batch = bytes,
                                     .batch_bytes = sample_batch(value, bytes, size_bytes)};
    sl_status st = sample_append_frame(journal, &frame, NULL, NULL, out_position, err);
    free(bytes);
    return st;
}

void
sample_append_values(struct sl_journal *journal, uint64_t first, uint64_t count, size_t size_bytes)
{
    struct sl_error err = {0};
    uint64_t position;
    for (uint64_t i = 0; i < count; i++)
        TEST_OK(sample_append(journal, first + i, size_bytes, &position, &err), &err);
    TEST_OK(sl_journal_sync(journal, &err), &err);
}

void
sample_expect_values(const struct sample_seen *seen, uint64_t first, uint64_t count)
{
    assert_int_equal(seen->count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(seen->values[i], first + i);
}

void
sample_tell(void *context, sl_status status)
{
    struct sample_told *told = context;
    if (status == SL_OK)
        told->ok++;
    else
        told->failed++;
}
