/*
 * segment_reader.c - open a segment, prove what describes it, answer what that says.
 */
#include "storage/segment/segment_reader.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>

#include "storage/base/file.h"
#include "storage/base/hash.h"
#include "storage/segment/segment_input.h"
#include "storage/segment/segment_open.h"

enum { END_BYTES = 4096 };

struct sl_arena *
sl_segment_arena_create(struct sl_budget *budget)
{
    return budget == NULL ? sl_arena_create(SIZE_MAX) : sl_arena_create_shared(budget);
}

sl_status
sl_segment_fail(const struct sl_segment_reader *reader, uint64_t offset, struct sl_error *err,
                const char *format, ...)
{
    char text[SL_ERROR_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return sl_fail(err, SL_CORRUPT, "%s: offset %" PRIu64 ": %s", reader->name, offset, text);
}

void
sl_segment_locate(const struct sl_segment_reader *reader, uint64_t offset, struct sl_error *err)
{
    sl_error_prefix(err, "%s: offset %" PRIu64, reader->name, offset);
}

sl_status
sl_segment_read_parts(const struct sl_segment_reader *reader, const struct sl_segment_part *parts,
                      uint32_t count, void *bytes, struct sl_segment_counters *counters,
                      struct sl_error *err)
{
    uint64_t size_bytes = sl_segment_parts_bytes(parts, count);
    const uint8_t *next = bytes;
    if (count == 0)
        return SL_OK;
    sl_status st = sl_file_read_at(reader->fd, parts[0].offset, bytes, (size_t)size_bytes, err);
    if (st != SL_OK) {
        sl_segment_locate(reader, parts[0].offset, err);
        return st;
    }
    /* A query that reads is no short one: others may read beside it. */
    sl_pool_each_lasts(SL_POOL_ALONE_US);
    if (counters != NULL)
        counters->bytes_read += size_bytes;
    for (uint32_t i = 0; i < count; next += parts[i].size_bytes, i++)
        if (sl_hash64(next, parts[i].size_bytes) != parts[i].hash)
            return sl_segment_fail(reader, parts[i].offset, err, "hash of %u bytes differs",
                                   parts[i].size_bytes);
    return SL_OK;
}

sl_status
sl_segment_read_part(const struct sl_segment_reader *reader, const struct sl_segment_part *part,
                     void *bytes, struct sl_segment_counters *counters, struct sl_error *err)
{
    return sl_segment_read_parts(reader, part, 1, bytes, counters, err);
}

void
sl_segment_group_announce(const struct sl_segment_reader *reader, uint32_t group)
{
    const struct sl_segment_group *announced = &reader->footer.groups[group];
    sl_file_will_read(reader->fd, announced->data_offset,
                      (size_t)(announced->directory.offset - announced->data_offset));
}

static sl_status
read_footer(struct sl_segment_reader *reader, struct sl_error *err)
{
    uint8_t head[SL_SEGMENT_HEAD_BYTES];
    uint8_t tail[SL_SEGMENT_TAIL_BYTES];
    struct sl_segment_part part;
    uint64_t number;
    SL_TRY(sl_file_size(reader->fd, &reader->file_bytes, err));
    if (reader->file_bytes < SL_SEGMENT_HEAD_BYTES + SL_SEGMENT_TAIL_BYTES)
        return sl_fail(err, SL_CORRUPT, "offset 0: %" PRIu64 " bytes are no segment",
                       reader->file_bytes);
    /* Both ends at once; the footer lies there too, as a rule. */
    uint64_t end_bytes = reader->file_bytes < END_BYTES ? reader->file_bytes : END_BYTES;
    sl_file_will_read(reader->fd, reader->file_bytes - end_bytes, (size_t)end_bytes);
    SL_TRY(sl_file_read_at(reader->fd, 0, head, sizeof(head), err));
    SL_TRY(sl_segment_head_decode(head, &number, err));
    SL_TRY(sl_file_read_at(reader->fd, reader->file_bytes - sizeof(tail), tail, sizeof(tail), err));
    SL_TRY(sl_segment_tail_decode(tail, reader->file_bytes, &part, err));
    uint8_t *bytes = sl_arena_alloc(reader->arena, part.size_bytes);
    if (bytes == NULL)
        return sl_fail(err, SL_LIMIT, "no memory for the footer");
    SL_TRY(sl_file_read_at(reader->fd, part.offset, bytes, part.size_bytes, err));
    SL_TRY(sl_segment_footer_decode(bytes, &part, reader->arena, &reader->footer, err));
    if (reader->footer.meta.number != number)
        return sl_fail(err, SL_CORRUPT, "offset 16: head and footer name different segments");
    reader->footer.summary.file_bytes = reader->file_bytes;
    return SL_OK;
}

static sl_status
read_group(struct sl_segment_reader *reader, uint32_t number, struct sl_error *err)
{
    struct sl_segment_group *group = &reader->footer.groups[number];
    struct sl_segment_open_group *open = &reader->groups[number];
    struct sl_arena *arena = sl_segment_arena_create(reader->budget);
    uint8_t *bytes = sl_arena_alloc(arena, group->directory.size_bytes);
    sl_status st = bytes == NULL ? sl_fail(err, SL_LIMIT, "no memory for a directory")
                                 : sl_file_read_at(reader->fd, group->directory.offset, bytes,
                                                   group->directory.size_bytes, err);
    if (st == SL_OK)
        st = sl_segment_directory_decode(bytes, &reader->footer, reader->arena, group, err);
    sl_arena_destroy(arena);
    if (st != SL_OK)
        return st;
    open->item_count = sl_segment_item_count(group);
    open->items =
        sl_arena_calloc(reader->arena, open->item_count, sizeof(struct sl_segment_item *));
    open->is_loading = sl_arena_calloc(reader->arena, open->item_count, sizeof(bool));
    open->is_wanted = sl_arena_calloc(reader->arena, open->item_count, sizeof(bool));
    open->position_of =
        sl_arena_calloc(reader->arena, reader->footer.column_count, sizeof(uint32_t));
    open->place_count = (size_t)group->column_count * SL_SEGMENT_KEEP_KINDS * group->block_count;
    open->kept =
        sl_arena_calloc(reader->arena, open->place_count, sizeof(struct sl_segment_kept *));
    open->asked = sl_arena_calloc(reader->arena, open->place_count, sizeof(*open->asked));
    open->announced = sl_arena_calloc(reader->arena, group->stream_count, sizeof(uint32_t));
    if (open->items == NULL || open->is_loading == NULL || open->is_wanted == NULL ||
        open->position_of == NULL || open->kept == NULL || open->asked == NULL ||
        open->announced == NULL)
        return sl_fail(err, SL_LIMIT, "no memory for a directory");
    for (uint32_t i = 0; i < group->column_count; i++)
        open->position_of[group->columns[i].number] = i + 1;
    for (uint32_t i = 0; i < group->index_count; i++)
        reader->footer.summary.index_bytes +=
            sl_segment_parts_bytes(group->indexes[i].parts, group->indexes[i].piece_count);
    return SL_OK;
}

/* The schema's columns for those of the footer. */
static sl_status
resolve_columns(struct sl_segment_reader *reader, struct sl_schema *schema, struct sl_error *err)
{
    uint32_t count = reader->footer.column_count;
    reader->columns = sl_arena_calloc(reader->arena, count, sizeof(*reader->columns));
    reader->number_of = sl_arena_calloc(reader->arena, SL_COLUMNS_MAX, sizeof(uint32_t));
    if (reader->columns == NULL || reader->number_of == NULL)
        return sl_fail(err, SL_LIMIT, "no memory for the columns");
    for (uint32_t i = 0; i < count; i++) {
        const struct sl_segment_file_column *named = &reader->footer.columns[i];
        const struct sl_column **column = &reader->columns[i];
        SL_TRY(sl_schema_add(schema, named->name, named->type, SL_UNIT_NONE, column, err));
        SL_ASSERT((*column)->index < SL_COLUMNS_MAX);
        if (reader->number_of[(*column)->index] != 0)
            return sl_fail(err, SL_CORRUPT, "column \"%s\" is in the footer twice", named->name);
        reader->number_of[(*column)->index] = i + 1;
    }
    return SL_OK;
}

/* Directories lie behind their groups, far from each other: they are read side by side. */
static void
announce_directories(const struct sl_segment_reader *reader)
{
    for (uint32_t i = 0; i < reader->footer.summary.group_count; i++) {
        const struct sl_segment_part *directory = &reader->footer.groups[i].directory;
        sl_file_will_read(reader->fd, directory->offset, directory->size_bytes);
    }
}

static sl_status
read_all(struct sl_segment_reader *reader, struct sl_schema *schema, struct sl_error *err)
{
    SL_TRY(read_footer(reader, err));
    announce_directories(reader);
    for (uint32_t i = 0; i < reader->footer.summary.group_count; i++)
        SL_TRY(read_group(reader, i, err));
    return resolve_columns(reader, schema, err);
}

sl_status
sl_segment_reader_open(int dir_fd, const char *name, struct sl_schema *schema,
                       struct sl_budget *budget, struct sl_segment_reader **out_reader,
                       struct sl_error *err)
{
    *out_reader = NULL;
    struct sl_segment_reader *reader = sl_new(sizeof(*reader));
    reader->magic = SL_SEGMENT_READER_MAGIC;
    reader->name = sl_new_string(name);
    reader->budget = budget;
    reader->arena = sl_segment_arena_create(budget);
    sl_mutex_init(&reader->lock, SL_LOCK_SEGMENT);
    sl_cond_init(&reader->loaded);
    sl_status st = sl_file_open(dir_fd, name, O_RDONLY, &reader->fd, err);
    if (st != SL_OK)
        reader->fd = -1;
    else {
        sl_file_leaps(reader->fd);
        st = read_all(reader, schema, err);
    }
    if (st != SL_OK) {
        sl_error_prefix(err, "%s", name);
        reader->footer.summary.group_count = 0; /* what is there is not whole */
        sl_segment_reader_close(reader);
        return st;
    }
    *out_reader = reader;
    return SL_OK;
}

void
sl_segment_reader_keep(struct sl_segment_reader *reader, struct sl_segment_cache *cache)
{
    SL_ASSERT(reader->magic == SL_SEGMENT_READER_MAGIC && reader->cache == NULL);
    reader->cache = cache;
}

void
sl_segment_reader_close(struct sl_segment_reader *reader)
{
    if (reader == NULL)
        return;
    SL_ASSERT(reader->magic == SL_SEGMENT_READER_MAGIC);
    size_t kept_bytes = sl_segment_reader_drop(reader, SL_SEGMENT_DROP_ALL);
    SL_ASSERT(kept_bytes == 0); /* else a cursor still stands on it */
    for (uint32_t g = 0; reader->cache != NULL && g < reader->footer.summary.group_count; g++)
        sl_segment_cache_forget(reader->cache, reader->groups[g].kept,
                                reader->groups[g].place_count);
    if (reader->fd >= 0)
        sl_file_close(reader->fd);
    sl_cond_fini(&reader->loaded);
    sl_mutex_fini(&reader->lock);
    sl_arena_destroy(reader->arena);
    free(reader->name);
    sl_retire(&reader->magic);
    free(reader);
}

const struct sl_segment_meta *
sl_segment_reader_meta(const struct sl_segment_reader *reader)
{
    return &reader->footer.meta;
}

const struct sl_segment_summary *
sl_segment_reader_summary(const struct sl_segment_reader *reader)
{
    return &reader->footer.summary;
}

uint32_t
sl_segment_reader_rows(const struct sl_segment_reader *reader, uint32_t group)
{
    SL_ASSERT(group < reader->footer.summary.group_count);
    return reader->footer.groups[group].row_count;
}

uint32_t
sl_segment_reader_blocks(const struct sl_segment_reader *reader, uint32_t group)
{
    SL_ASSERT(group < reader->footer.summary.group_count);
    return reader->footer.groups[group].block_count;
}

uint32_t
sl_segment_reader_block_rows(const struct sl_segment_reader *reader, uint32_t group, uint32_t block)
{
    SL_ASSERT(block < sl_segment_reader_blocks(reader, group));
    return sl_segment_block_size(reader->footer.groups[group].row_count, block);
}

const struct sl_segment_group_column *
sl_segment_find_column(const struct sl_segment_reader *reader, uint32_t group,
                       const struct sl_column *column)
{
    uint32_t number = reader->number_of[column->index];
    if (number == 0)
        return NULL;
    uint32_t position = reader->groups[group].position_of[number - 1];
    return position == 0 ? NULL : &reader->footer.groups[group].columns[position - 1];
}

const struct sl_column *
sl_segment_reader_column_at(const struct sl_segment_reader *reader, uint32_t group, uint32_t index)
{
    SL_ASSERT(group < reader->footer.summary.group_count);
    const struct sl_segment_group *directory = &reader->footer.groups[group];
    return index < directory->column_count ? reader->columns[directory->columns[index].number]
                                           : NULL;
}

bool
sl_segment_reader_zone(const struct sl_segment_reader *reader, uint32_t group, uint32_t block,
                       const struct sl_column *column, uint64_t *out_min, uint64_t *out_max)
{
    *out_min = *out_max = 0;
    SL_ASSERT(group < reader->footer.summary.group_count);
    const struct sl_segment_group *directory = &reader->footer.groups[group];
    if (!sl_type_is_unsigned(column->type) && !sl_type_is_signed(column->type))
        return false;
    const struct sl_segment_group_column *found = sl_segment_find_column(reader, group, column);
    if (found == NULL)
        return !column->is_nullable; /* 0 everywhere */
    uint32_t first = block == SL_SEGMENT_ALL_BLOCKS ? 0 : block;
    uint32_t end = block == SL_SEGMENT_ALL_BLOCKS ? directory->block_count : block + 1;
    SL_ASSERT(end <= directory->block_count);
    uint64_t min = UINT64_MAX;
    uint64_t max = 0;
    bool is_any = false;
    for (uint32_t i = first; i < end; i++) {
        const struct sl_segment_zone *zone = &found->zones[i];
        if (zone->null_count == sl_segment_block_size(directory->row_count, i))
            continue;
        is_any = true;
        min = zone->min < min ? zone->min : min;
        max = zone->max > max ? zone->max : max;
    }
    if (is_any) {
        *out_min = sl_segment_key_value(column->type, min);
        *out_max = sl_segment_key_value(column->type, max);
    }
    return is_any;
}

static uint64_t
stream_bytes(const struct sl_segment_group *group, const struct sl_segment_stream *stream)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; stream->blocks != NULL && i < group->block_count; i++) {
        bytes += stream->blocks[i].size_bytes;
        bytes += stream->differences != NULL ? stream->differences[i].size_bytes : 0;
    }
    if (stream->form != SL_SEGMENT_FORM_FUNCTION)
        return bytes;
    for (uint32_t i = 0; stream->map != NULL && i < sl_segment_block_count(stream->map_count); i++)
        bytes += stream->map[i].size_bytes;
    for (uint32_t i = 0; i < group->block_count; i++)
        bytes += stream->exception_rows[i].size_bytes + stream->exception_values[i].size_bytes;
    return bytes;
}

/* Data and index bytes of one column over all groups. */
static void
column_bytes(const struct sl_segment_reader *reader, uint32_t number, uint64_t *out_data,
             uint64_t *out_index)
{
    *out_data = *out_index = 0;
    for (uint32_t g = 0; g < reader->footer.summary.group_count; g++) {
        const struct sl_segment_group *group = &reader->footer.groups[g];
        for (uint32_t i = 0; i < group->dictionary_count; i++)
            if (group->dictionaries[i].owner == number)
                *out_data += sl_segment_parts_bytes(group->dictionaries[i].parts,
                                                    group->dictionaries[i].piece_count);
        for (uint32_t i = 0; i < group->stream_count; i++)
            if (group->streams[i].owner == number)
                *out_data += stream_bytes(group, &group->streams[i]);
        for (uint32_t i = 0; i < group->index_count; i++)
            if (group->indexes[i].number == number)
                *out_index +=
                    sl_segment_parts_bytes(group->indexes[i].parts, group->indexes[i].piece_count);
    }
}

void
sl_segment_reader_bytes(const struct sl_segment_reader *reader, sl_segment_bytes_fn *visit,
                        void *context)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < reader->footer.column_count; i++) {
        uint64_t data_bytes, index_bytes;
        column_bytes(reader, i, &data_bytes, &index_bytes);
        total += data_bytes + index_bytes;
        visit(context, reader->columns[i], data_bytes, index_bytes);
    }
    visit(context, NULL, reader->file_bytes - total, 0);
}
