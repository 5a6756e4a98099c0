/*
 * journal_writer.c - see journal_writer.h.
 *
 * The head is synced, and the name with it, before the first frame is written: recovery may
 * then take a file without a head for one that was never used.
 */
#include "storage/journal_writer.h"

#include <fcntl.h>

#include "storage/base/cursor.h"
#include "storage/base/file.h"

enum {
    BUFFER_BYTES = 1 << 20, /* large enough that a call costs nothing against its bytes */
    ROOM_BYTES = 256 << 10, /* one sync in hundreds of short groups makes the file longer */
    SHORT_BYTES_MAX = 16 << 10,
    LONG_BYTES = 64 << 10, /* a frame that is written from where it lies */
};

static const char aside_suffix[] = ".tmp";

sl_status
sl_journal_writer_open(struct sl_journal_writer *writer, int dir_fd,
                       const struct sl_journal_head *head, enum sl_journal_place place,
                       struct sl_error *err)
{
    uint8_t bytes[SL_JOURNAL_HEAD_BYTES];
    char name[SL_JOURNAL_NAME_BYTES];

    *writer = (struct sl_journal_writer){.dir_fd = dir_fd, .fd = -1, .number = head->number};
    sl_journal_name(head->number, place == SL_JOURNAL_ASIDE ? aside_suffix : "", name);
    SL_TRY(sl_file_open(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL, &writer->fd, err));

    sl_journal_head_encode(head, bytes);
    sl_status st = sl_file_write_at(writer->fd, 0, bytes, sizeof(bytes), err);
    if (st == SL_OK)
        st = sl_file_sync(writer->fd, err);
    if (st == SL_OK && place == SL_JOURNAL_UNDER_NAME)
        st = sl_dir_sync(dir_fd, err);
    if (st != SL_OK) {
        sl_error_prefix(err, "%s", name);
        sl_journal_writer_close(writer);
        return st;
    }
    writer->offset = SL_JOURNAL_HEAD_BYTES;
    writer->buffer = sl_new(BUFFER_BYTES);
    return SL_OK;
}

static sl_status
flush(struct sl_journal_writer *writer, struct sl_error *err)
{
    if (writer->buffer_bytes == 0)
        return SL_OK;
    SL_TRY(sl_file_write_at(writer->fd, writer->offset - writer->buffer_bytes, writer->buffer,
                            writer->buffer_bytes, err));
    writer->buffer_bytes = 0;
    return SL_OK;
}

sl_status
sl_journal_writer_put(struct sl_journal_writer *writer, uint8_t *bytes, uint64_t position,
                      uint64_t durable_position, struct sl_error *err)
{
    size_t size_bytes = (size_t)sl_read_le(bytes + 4, 4);
    SL_ASSERT(writer->fd >= 0);
    SL_ASSERT(size_bytes <= SL_JOURNAL_FRAME_BYTES_MAX);

    sl_journal_frame_place(bytes, position, durable_position, writer->number, writer->offset);
    bool is_long = size_bytes >= LONG_BYTES;
    if (is_long || writer->buffer_bytes + size_bytes > BUFFER_BYTES)
        SL_TRY(flush(writer, err));
    if (is_long) {
        SL_TRY(sl_file_write_at(writer->fd, writer->offset, bytes, size_bytes, err));
    } else {
        memcpy(writer->buffer + writer->buffer_bytes, bytes, size_bytes);
        writer->buffer_bytes += size_bytes;
    }
    writer->offset += size_bytes;
    return SL_OK;
}

/* Behind short frames, which others like them will follow. The buffer is empty. */
static sl_status
make_room(struct sl_journal_writer *writer, struct sl_error *err)
{
    memset(writer->buffer, 0, ROOM_BYTES);
    SL_TRY(sl_file_write_at(writer->fd, writer->offset, writer->buffer, ROOM_BYTES, err));
    writer->room_end = writer->offset + ROOM_BYTES;
    return SL_OK;
}

sl_status
sl_journal_writer_sync(struct sl_journal_writer *writer, struct sl_error *err)
{
    bool is_short = writer->buffer_bytes != 0 && writer->buffer_bytes <= SHORT_BYTES_MAX;
    SL_TRY(flush(writer, err));
    if (is_short && writer->offset > writer->room_end)
        SL_TRY(make_room(writer, err));
    return sl_file_sync(writer->fd, err);
}

sl_status
sl_journal_writer_finish(struct sl_journal_writer *writer, struct sl_error *err)
{
    SL_TRY(flush(writer, err));
    SL_TRY(sl_file_sync(writer->fd, err));
    return writer->offset < writer->room_end ? sl_file_truncate(writer->fd, writer->offset, err)
                                             : SL_OK;
}

sl_status
sl_journal_writer_rename(struct sl_journal_writer *writer, struct sl_error *err)
{
    char source[SL_JOURNAL_NAME_BYTES];
    char target[SL_JOURNAL_NAME_BYTES];
    sl_journal_name(writer->number, aside_suffix, source);
    sl_journal_name(writer->number, "", target);
    SL_TRY(sl_file_rename(writer->dir_fd, source, target, err));
    return sl_dir_sync(writer->dir_fd, err);
}

void
sl_journal_writer_close(struct sl_journal_writer *writer)
{
    sl_file_close(writer->fd);
    writer->fd = -1;
    free(writer->buffer);
    writer->buffer = NULL;
    writer->buffer_bytes = 0;
}
