/*
 * segment_writer.c - the file around the row groups: head, directories, footer, tail.
 *
 * Groups are written as they are encoded. The footer comes last and the rename after the sync, so
 * that a file that has its name is whole; a crash before leaves a ".tmp" that nobody opens.
 */
#include "storage/segment/segment_writer.h"

#include <fcntl.h>
#include <stdio.h>

#include "storage/base/file.h"
#include "storage/base/hash.h"
#include "storage/segment/segment_encode.h"
#include "storage/segment/segment_open.h"

#define WRITER_MAGIC UINT32_C(0x57474553) /* "SEGW" */

enum { COPY_FLUSH_BYTES = 4 << 20 };

struct sl_segment_writer {
    uint32_t magic;
    int dir_fd; /* borrowed */
    int fd;     /* owned; -1 once committed */
    char *name;
    char *temporary_name;
    struct sl_arena *arena;      /* borrowed; NULL: one for each group */
    struct sl_arena *lane_arena; /* owned; a part of the group's directory */
    struct sl_segment_emit emit;
    struct sl_segment_footer footer;
    struct sl_segment_numbers numbers;
    bool is_shared;
    bool is_failed;
    bool is_committed;
};

sl_status
sl_segment_writer_open(int dir_fd, const char *name, const struct sl_segment_meta *meta,
                       enum sl_effort effort, struct sl_arena *arena,
                       struct sl_segment_writer **out_writer, struct sl_error *err)
{
    *out_writer = NULL;
    SL_ASSERT(meta->replace_count <= SL_SEGMENT_REPLACES_MAX);
    SL_ASSERT(meta->note_bytes <= SL_SEGMENT_NOTE_BYTES_MAX);
    struct sl_segment_writer *writer = sl_new(sizeof(*writer));
    size_t name_bytes = strlen(name);
    writer->magic = WRITER_MAGIC;
    writer->dir_fd = dir_fd;
    writer->fd = -1;
    writer->name = sl_new_string(name);
    writer->temporary_name = sl_new(name_bytes + sizeof(".tmp"));
    memcpy(writer->temporary_name, name, name_bytes);
    memcpy(writer->temporary_name + name_bytes, ".tmp", sizeof(".tmp"));
    writer->arena = arena;
    writer->lane_arena = sl_arena_create(SIZE_MAX);
    writer->footer.meta = *meta;
    writer->footer.summary = (struct sl_segment_summary){
        .first_seen_min_us = INT64_MAX,
        .first_seen_max_us = INT64_MIN,
        .last_seen_min_us = INT64_MAX,
        .last_seen_max_us = INT64_MIN,
        .duration_min_us = INT64_MAX,
        .duration_max_us = INT64_MIN,
    };
    sl_segment_emit_init(&writer->emit, -1, effort, 0);
    sl_status st =
        sl_file_open(dir_fd, writer->temporary_name, O_RDWR | O_CREAT | O_TRUNC, &writer->fd, err);
    if (st != SL_OK) {
        writer->fd = -1;
        sl_segment_writer_close(writer);
        return st;
    }
    writer->emit.fd = writer->fd;
    uint8_t head[SL_SEGMENT_HEAD_BYTES];
    sl_segment_head_encode(meta->number, head);
    sl_buf_append(&writer->emit.buf, head, sizeof(head));
    *out_writer = writer;
    return SL_OK;
}

static void
append_directory(struct sl_segment_emit *emit, struct sl_segment_group *group)
{
    struct sl_buf directory = sl_buf_empty(SL_SEGMENT_DIRECTORY_BYTES_MAX);
    sl_segment_directory_encode(group, &directory);
    emit->buf.bad = emit->buf.bad || directory.bad;
    if (!directory.bad)
        sl_segment_emit_part(emit, directory.bytes, directory.size_bytes, &group->directory);
    sl_buf_fini(&directory);
}

/* The parts of a group are there: its directory follows, and it counts. */
static sl_status
finish_group(struct sl_segment_writer *writer, struct sl_segment_group *group, struct sl_error *err)
{
    struct sl_segment_summary *sum = &writer->footer.summary;
    for (uint32_t i = 0; i < group->index_count; i++)
        sum->index_bytes +=
            sl_segment_parts_bytes(group->indexes[i].parts, group->indexes[i].piece_count);
    append_directory(&writer->emit, group);
    sum->group_count++;
    sum->row_count += group->row_count;
    /* What the footer needs of the group lies in the struct; the rest goes with the arena. */
    group->dictionaries = NULL;
    group->streams = NULL;
    group->columns = NULL;
    group->indexes = NULL;
    return sl_segment_emit_flush(&writer->emit, 0, err);
}

static sl_status
write_group(struct sl_segment_writer *writer, const struct sl_segment_rows *rows, size_t rows_count,
            struct sl_arena *arena, uint32_t *out_order, struct sl_error *err)
{
    struct sl_segment_summary *sum = &writer->footer.summary;
    struct sl_segment_group *group = &writer->footer.groups[sum->group_count];
    const struct sl_segment_encode_request request = {
        .rows = rows,
        .rows_count = rows_count,
        .numbers = &writer->numbers,
        .summary = sum,
        .lane_arena = writer->lane_arena,
        .is_shared = writer->is_shared,
    };
    const uint32_t *order = NULL;
    SL_TRY(sl_segment_encode(&writer->emit, &request, arena, group, &order, err));
    if (out_order != NULL)
        memcpy(out_order, order, group->row_count * sizeof(*out_order));
    return finish_group(writer, group, err);
}

/* The arena is free again. */
static sl_status
end_group(struct sl_segment_writer *writer, struct sl_arena *arena, sl_status st)
{
    writer->is_failed = st != SL_OK;
    if (writer->arena == NULL)
        sl_arena_destroy(arena);
    else
        sl_arena_recycle(arena);
    sl_arena_recycle(writer->lane_arena);
    return st;
}

void
sl_segment_writer_share(struct sl_segment_writer *writer)
{
    writer->is_shared = true;
}

sl_status
sl_segment_writer_group(struct sl_segment_writer *writer, const struct sl_segment_rows *rows,
                        size_t rows_count, uint32_t *out_order, struct sl_error *err)
{
    SL_ASSERT(writer->magic == WRITER_MAGIC);
    SL_ASSERT(!writer->is_failed);
    SL_ASSERT(writer->footer.summary.group_count < SL_GROUPS_PER_SEGMENT_MAX);
    struct sl_arena *arena = writer->arena == NULL ? sl_arena_create(SIZE_MAX) : writer->arena;
    sl_status st = write_group(writer, rows, rows_count, arena, out_order, err);
    return end_group(writer, arena, st);
}

/* A group on its way from another file. */
struct copying {
    struct sl_segment_writer *writer;
    struct sl_segment_reader *reader;
    struct sl_arena *arena;
    uint32_t number; /* of the group there */
    struct sl_error *err;
};

static sl_status
copy_part(void *context, const struct sl_segment_part *part, struct sl_error *err)
{
    struct copying *c = context;
    struct sl_segment_emit *emit = &c->writer->emit;
    uint8_t *bytes = sl_buf_extend(&emit->buf, part->size_bytes);
    if (bytes == NULL)
        return sl_fail(err, SL_LIMIT, "no memory to copy a row group");
    SL_TRY(sl_segment_read_part(c->reader, part, bytes, NULL, err));
    return sl_segment_emit_flush(emit, COPY_FLUSH_BYTES, err);
}

static sl_status
copy_array(const struct copying *c, const void *from, size_t size_bytes, void *out_pointer)
{
    void *copy = sl_arena_alloc(c->arena, size_bytes);
    if (copy == NULL)
        return sl_fail(c->err, SL_LIMIT, "no memory to copy a row group");
    if (size_bytes != 0)
        memcpy(copy, from, size_bytes);
    memcpy(out_pointer, &copy, sizeof(copy));
    return SL_OK;
}

/* The directory with the numbers that its columns have in this file. */
static sl_status
renumber(const struct copying *c, struct sl_segment_group *group)
{
    const struct sl_column **columns = c->reader->columns;
    struct sl_segment_numbers *numbers = &c->writer->numbers;
    SL_TRY(copy_array(c, group->streams, group->stream_count * sizeof(*group->streams),
                      &group->streams));
    SL_TRY(copy_array(c, group->dictionaries,
                      group->dictionary_count * sizeof(*group->dictionaries),
                      &group->dictionaries));
    SL_TRY(copy_array(c, group->columns, group->column_count * sizeof(*group->columns),
                      &group->columns));
    SL_TRY(copy_array(c, group->indexes, group->index_count * sizeof(*group->indexes),
                      &group->indexes));
    for (uint32_t i = 0; i < group->stream_count; i++)
        group->streams[i].owner = sl_segment_number(numbers, columns[group->streams[i].owner]);
    for (uint32_t i = 0; i < group->dictionary_count; i++)
        group->dictionaries[i].owner =
            sl_segment_number(numbers, columns[group->dictionaries[i].owner]);
    for (uint32_t i = 0; i < group->column_count; i++)
        group->columns[i].number = sl_segment_number(numbers, columns[group->columns[i].number]);
    for (uint32_t i = 0; i < group->index_count; i++) {
        struct sl_segment_index *index = &group->indexes[i];
        index->number = sl_segment_number(numbers, columns[index->number]);
        if (index->also != SL_SEGMENT_NONE)
            index->also = sl_segment_number(numbers, columns[index->also]);
    }
    sl_segment_group_sort(group);
    return SL_OK;
}

static void
widen(int64_t *min, int64_t *max, int64_t other_min, int64_t other_max)
{
    *min = other_min < *min ? other_min : *min;
    *max = other_max > *max ? other_max : *max;
}

static sl_status
copy_group(const struct copying *c)
{
    struct sl_segment_footer *footer = &c->writer->footer;
    struct sl_segment_summary *sum = &footer->summary;
    const struct sl_segment_summary *from = &c->reader->footer.summary;
    struct sl_segment_group *group = &footer->groups[sum->group_count];
    struct sl_segment_emit *emit = &c->writer->emit;
    struct copying context = *c;
    *group = c->reader->footer.groups[c->number];
    group->data_offset = emit->offset + emit->buf.size_bytes;
    sl_segment_group_announce(c->reader, c->number);
    SL_TRY(sl_segment_group_parts(group, copy_part, &context, c->err));
    SL_TRY(renumber(c, group));
    widen(&sum->first_seen_min_us, &sum->first_seen_max_us, from->first_seen_min_us,
          from->first_seen_max_us);
    widen(&sum->last_seen_min_us, &sum->last_seen_max_us, from->last_seen_min_us,
          from->last_seen_max_us);
    widen(&sum->duration_min_us, &sum->duration_max_us, from->duration_min_us,
          from->duration_max_us);
    return finish_group(c->writer, group, c->err);
}

sl_status
sl_segment_writer_copy(struct sl_segment_writer *writer, struct sl_segment_reader *reader,
                       uint32_t group, struct sl_error *err)
{
    SL_ASSERT(writer->magic == WRITER_MAGIC);
    SL_ASSERT(!writer->is_failed);
    SL_ASSERT(writer->footer.summary.group_count < SL_GROUPS_PER_SEGMENT_MAX);
    SL_ASSERT(group < reader->footer.summary.group_count);
    struct sl_arena *arena = writer->arena == NULL ? sl_arena_create(SIZE_MAX) : writer->arena;
    const struct copying c = {writer, reader, arena, group, err};
    sl_status st = copy_group(&c);
    return end_group(writer, arena, st);
}

static void
append_footer(struct sl_segment_writer *writer)
{
    struct sl_segment_footer *footer = &writer->footer;
    footer->column_count = writer->numbers.count;
    footer->columns = sl_grow(NULL, sizeof(*footer->columns), footer->column_count + 1);
    for (uint32_t i = 0; i < footer->column_count; i++) {
        const struct sl_column *column = writer->numbers.columns[i];
        size_t name_bytes = strlen(column->name);
        SL_ASSERT(name_bytes <= SL_COLUMN_NAME_BYTES_MAX);
        footer->columns[i].type = column->type;
        memcpy(footer->columns[i].name, column->name, name_bytes + 1);
    }
    struct sl_buf bytes = sl_buf_empty(SL_SEGMENT_FOOTER_BYTES_MAX);
    sl_segment_footer_encode(footer, &bytes);
    free(footer->columns);
    footer->columns = NULL;
    writer->emit.buf.bad = writer->emit.buf.bad || bytes.bad;
    if (!bytes.bad) {
        struct sl_segment_part part = {0};
        uint8_t tail[SL_SEGMENT_TAIL_BYTES];
        sl_segment_emit_part(&writer->emit, bytes.bytes, bytes.size_bytes, &part);
        sl_segment_tail_encode(&part, tail);
        sl_buf_append(&writer->emit.buf, tail, sizeof(tail));
    }
    sl_buf_fini(&bytes);
}

sl_status
sl_segment_writer_commit(struct sl_segment_writer *writer, struct sl_segment_summary *out_summary,
                         struct sl_error *err)
{
    SL_ASSERT(writer->magic == WRITER_MAGIC);
    SL_ASSERT(!writer->is_failed && !writer->is_committed);
    SL_ASSERT(writer->footer.summary.group_count >= 1);
    append_footer(writer);
    writer->is_failed = true; /* until all of it is done */
    SL_TRY(sl_segment_emit_flush(&writer->emit, 0, err));
    SL_TRY(sl_file_sync(writer->fd, err));
    SL_TRY(sl_file_rename(writer->dir_fd, writer->temporary_name, writer->name, err));
    writer->is_committed = true;
    SL_TRY(sl_dir_sync(writer->dir_fd, err));
    writer->is_failed = false;
    writer->footer.summary.file_bytes = writer->emit.offset;
    *out_summary = writer->footer.summary;
    return SL_OK;
}

void
sl_segment_writer_close(struct sl_segment_writer *writer)
{
    if (writer == NULL)
        return;
    SL_ASSERT(writer->magic == WRITER_MAGIC);
    if (writer->fd >= 0) {
        sl_file_close(writer->fd);
        /* Best effort: a file of this name is removed at the next start as well. */
        if (!writer->is_committed &&
            sl_file_remove(writer->dir_fd, writer->temporary_name, NULL) != SL_OK)
            writer->is_failed = true;
    }
    sl_segment_emit_fini(&writer->emit);
    sl_arena_destroy(writer->lane_arena);
    free(writer->temporary_name);
    free(writer->name);
    sl_retire(&writer->magic);
    free(writer);
}
