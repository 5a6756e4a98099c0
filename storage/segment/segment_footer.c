/*
 * segment_footer.c - head, tail and footer of a segment file, to bytes and back.
 *
 * Layout: segment_format.h. What decode accepts tiles the file: groups, footer and tail
 * follow each other without a gap, and each size is checked before memory is taken for it.
 */
#include "storage/base/arena.h"
#include "storage/base/cursor.h"
#include "storage/base/hash.h"
#include "storage/segment/segment_directory.h"

static void
put_le(uint8_t *to, uint64_t value, unsigned size_bytes)
{
    for (unsigned i = 0; i < size_bytes; i++)
        to[i] = (uint8_t)(value >> (8 * i));
}

void
sl_segment_head_encode(uint64_t number, uint8_t bytes[SL_SEGMENT_HEAD_BYTES])
{
    memcpy(bytes, SL_SEGMENT_HEAD_MAGIC, SL_SEGMENT_MAGIC_BYTES);
    put_le(bytes + 8, SL_SEGMENT_VERSION, 4);
    put_le(bytes + 12, 0, 4);
    put_le(bytes + 16, number, 8);
    put_le(bytes + 24, sl_hash64(bytes, 24), 8);
}

sl_status
sl_segment_head_decode(const uint8_t bytes[SL_SEGMENT_HEAD_BYTES], uint64_t *out_number,
                       struct sl_error *err)
{
    *out_number = 0;
    if (memcmp(bytes, SL_SEGMENT_HEAD_MAGIC, SL_SEGMENT_MAGIC_BYTES) != 0)
        return sl_fail(err, SL_CORRUPT, "offset 0: not a segment (magic)");
    if (sl_read_le(bytes + 24, 8) != sl_hash64(bytes, 24))
        return sl_fail(err, SL_CORRUPT, "offset 0: hash of the head differs");
    uint32_t version = (uint32_t)sl_read_le(bytes + 8, 4);
    if (version != SL_SEGMENT_VERSION)
        return sl_fail(err, SL_VERSION, "offset 8: format version %u, this build reads %d", version,
                       SL_SEGMENT_VERSION);
    if (sl_read_le(bytes + 12, 4) != 0)
        return sl_fail(err, SL_CORRUPT, "offset 12: reserved bytes are not zero");
    *out_number = sl_read_le(bytes + 16, 8);
    return SL_OK;
}

void
sl_segment_tail_encode(const struct sl_segment_part *footer, uint8_t bytes[SL_SEGMENT_TAIL_BYTES])
{
    put_le(bytes, footer->offset, 8);
    put_le(bytes + 8, footer->size_bytes, 8);
    put_le(bytes + 16, footer->hash, 8);
    memcpy(bytes + 24, SL_SEGMENT_TAIL_MAGIC, SL_SEGMENT_MAGIC_BYTES);
}

sl_status
sl_segment_tail_decode(const uint8_t bytes[SL_SEGMENT_TAIL_BYTES], uint64_t file_bytes,
                       struct sl_segment_part *out_footer, struct sl_error *err)
{
    *out_footer = (struct sl_segment_part){0};
    SL_ASSERT(file_bytes >= SL_SEGMENT_HEAD_BYTES + SL_SEGMENT_TAIL_BYTES);
    uint64_t tail = file_bytes - SL_SEGMENT_TAIL_BYTES;
    if (memcmp(bytes + 24, SL_SEGMENT_TAIL_MAGIC, SL_SEGMENT_MAGIC_BYTES) != 0)
        return sl_fail(err, SL_CORRUPT, "offset %" PRIu64 ": the tail has another magic", tail);
    uint64_t offset = sl_read_le(bytes, 8);
    uint64_t size_bytes = sl_read_le(bytes + 8, 8);
    if (offset < SL_SEGMENT_HEAD_BYTES || offset > tail || tail - offset != size_bytes ||
        size_bytes > SL_SEGMENT_FOOTER_BYTES_MAX)
        return sl_fail(err, SL_CORRUPT,
                       "offset %" PRIu64 ": a footer of %" PRIu64 " bytes at %" PRIu64
                       " does not end at the tail",
                       tail, size_bytes, offset);
    out_footer->offset = offset;
    out_footer->size_bytes = (uint32_t)size_bytes;
    out_footer->hash = sl_read_le(bytes + 16, 8);
    return SL_OK;
}

void
sl_segment_footer_encode(const struct sl_segment_footer *footer, struct sl_buf *out)
{
    const struct sl_segment_meta *meta = &footer->meta;
    const struct sl_segment_summary *sum = &footer->summary;
    sl_buf_u64le(out, meta->number);
    sl_buf_u64le(out, sum->row_count);
    sl_buf_u32le(out, meta->level);
    sl_buf_u32le(out, meta->generation);
    sl_buf_u32le(out, meta->is_by_receipt ? SL_SEGMENT_FLAG_BY_RECEIPT : 0);
    const int64_t times[] = {meta->partition_first_us, meta->partition_last_us,
                             sum->first_seen_min_us,   sum->first_seen_max_us,
                             sum->last_seen_min_us,    sum->last_seen_max_us,
                             sum->duration_min_us,     sum->duration_max_us};
    for (size_t i = 0; i < SL_COUNTOF(times); i++)
        sl_buf_u64le(out, (uint64_t)times[i]);

    sl_buf_u32le(out, footer->column_count);
    for (uint32_t i = 0; i < footer->column_count; i++) {
        size_t name_bytes = strlen(footer->columns[i].name);
        SL_ASSERT(name_bytes >= 1);
        SL_ASSERT(name_bytes <= SL_COLUMN_NAME_BYTES_MAX);
        sl_buf_u8(out, (uint8_t)footer->columns[i].type);
        sl_buf_u8(out, (uint8_t)name_bytes);
        sl_buf_append(out, footer->columns[i].name, name_bytes);
    }
    sl_buf_u32le(out, sum->group_count);
    for (uint32_t i = 0; i < sum->group_count; i++) {
        const struct sl_segment_group *group = &footer->groups[i];
        sl_buf_u32le(out, group->row_count);
        sl_buf_u64le(out, group->data_offset);
        sl_buf_u64le(out, group->directory.offset);
        sl_buf_u32le(out, group->directory.size_bytes);
        sl_buf_u64le(out, group->directory.hash);
    }
    sl_buf_u32le(out, meta->replace_count);
    for (uint32_t i = 0; i < meta->replace_count; i++)
        sl_buf_u64le(out, meta->replaces[i]);
    sl_buf_u32le(out, meta->note_bytes);
    sl_buf_append(out, meta->note, meta->note_bytes);
}

static sl_status
decode_columns(struct sl_cursor *in, struct sl_arena *arena, struct sl_segment_footer *footer,
               struct sl_error *err)
{
    uint32_t count = sl_cursor_u32le(in);
    if (in->bad || count > SL_COLUMNS_MAX)
        return sl_fail(err, SL_CORRUPT, "number of columns in the footer is beyond the limit");
    footer->columns = sl_arena_calloc(arena, count, sizeof(*footer->columns));
    if (footer->columns == NULL)
        return sl_fail(err, SL_LIMIT, "no memory for the columns of a segment");
    footer->column_count = count;
    for (uint32_t i = 0; i < count; i++) {
        struct sl_segment_file_column *column = &footer->columns[i];
        uint8_t type = sl_cursor_u8(in);
        uint8_t name_bytes = sl_cursor_u8(in);
        const uint8_t *name = sl_cursor_take(in, name_bytes);
        if (name == NULL || !sl_type_is_storable(type) || name_bytes == 0 ||
            name_bytes > SL_COLUMN_NAME_BYTES_MAX || memchr(name, 0, name_bytes) != NULL)
            return sl_fail(err, SL_CORRUPT, "column %u of the footer is malformed", i);
        column->type = (enum sl_type)type;
        memcpy(column->name, name, name_bytes);
    }
    return SL_OK;
}

/* Groups lie one behind the other, from the head on; *out_end is where the last one ends. */
static sl_status
decode_groups(struct sl_cursor *in, struct sl_segment_footer *footer, uint64_t *out_end,
              struct sl_error *err)
{
    uint32_t count = sl_cursor_u32le(in);
    if (in->bad || count == 0 || count > SL_GROUPS_PER_SEGMENT_MAX)
        return sl_fail(err, SL_CORRUPT, "number of row groups is beyond the limit");
    footer->summary.group_count = count;
    uint64_t end = SL_SEGMENT_HEAD_BYTES;
    uint64_t rows = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct sl_segment_group *group = &footer->groups[i];
        group->row_count = sl_cursor_u32le(in);
        group->data_offset = sl_cursor_u64le(in);
        group->directory.offset = sl_cursor_u64le(in);
        group->directory.size_bytes = sl_cursor_u32le(in);
        group->directory.hash = sl_cursor_u64le(in);
        if (in->bad || group->row_count == 0 || group->row_count > SL_GROUP_ROWS_MAX ||
            group->data_offset != end || group->directory.offset < end ||
            group->directory.offset > INT64_MAX ||
            group->directory.size_bytes > SL_SEGMENT_DIRECTORY_BYTES_MAX)
            return sl_fail(err, SL_CORRUPT, "row group %u of the footer is malformed", i);
        group->block_count = sl_segment_block_count(group->row_count);
        end = group->directory.offset + group->directory.size_bytes;
        rows += group->row_count;
    }
    if (rows != footer->summary.row_count)
        return sl_fail(err, SL_CORRUPT, "rows of the groups do not add up");
    *out_end = end;
    return SL_OK;
}

/* Replaced segments and note. */
static sl_status
decode_meta(struct sl_cursor *in, struct sl_arena *arena, struct sl_segment_meta *meta,
            struct sl_error *err)
{
    uint32_t count = sl_cursor_u32le(in);
    if (in->bad || count > SL_SEGMENT_REPLACES_MAX || sl_cursor_left(in) / 8 < count)
        return sl_fail(err, SL_CORRUPT, "number of replaced segments is beyond the limit");
    uint64_t *replaces = sl_arena_alloc(arena, count * sizeof(uint64_t));
    if (replaces == NULL)
        return sl_fail(err, SL_LIMIT, "no memory for the footer of a segment");
    for (uint32_t i = 0; i < count; i++)
        replaces[i] = sl_cursor_u64le(in);
    meta->replaces = replaces;
    meta->replace_count = count;

    uint32_t note_bytes = sl_cursor_u32le(in);
    const uint8_t *note = sl_cursor_take(in, note_bytes);
    if (note == NULL || note_bytes > SL_SEGMENT_NOTE_BYTES_MAX)
        return sl_fail(err, SL_CORRUPT, "size of the note is beyond the limit");
    uint8_t *copy = sl_arena_alloc(arena, note_bytes);
    if (copy == NULL)
        return sl_fail(err, SL_LIMIT, "no memory for the footer of a segment");
    memcpy(copy, note, note_bytes);
    meta->note = copy;
    meta->note_bytes = note_bytes;
    return SL_OK;
}

static sl_status
decode_fixed(struct sl_cursor *in, struct sl_segment_footer *footer, struct sl_error *err)
{
    struct sl_segment_meta *meta = &footer->meta;
    struct sl_segment_summary *sum = &footer->summary;
    meta->number = sl_cursor_u64le(in);
    sum->row_count = sl_cursor_u64le(in);
    meta->level = sl_cursor_u32le(in);
    meta->generation = sl_cursor_u32le(in);
    uint32_t flags = sl_cursor_u32le(in);
    int64_t *const times[] = {&meta->partition_first_us, &meta->partition_last_us,
                              &sum->first_seen_min_us,   &sum->first_seen_max_us,
                              &sum->last_seen_min_us,    &sum->last_seen_max_us,
                              &sum->duration_min_us,     &sum->duration_max_us};
    for (size_t i = 0; i < SL_COUNTOF(times); i++)
        *times[i] = (int64_t)sl_cursor_u64le(in);
    if (in->bad || (flags & ~(uint32_t)SL_SEGMENT_FLAG_BY_RECEIPT) != 0)
        return sl_fail(err, SL_CORRUPT, "unknown flags 0x%x in the footer", flags);
    meta->is_by_receipt = (flags & SL_SEGMENT_FLAG_BY_RECEIPT) != 0;
    return SL_OK;
}

sl_status
sl_segment_footer_decode(const void *bytes, const struct sl_segment_part *part,
                         struct sl_arena *arena, struct sl_segment_footer *footer,
                         struct sl_error *err)
{
    memset(footer, 0, sizeof(*footer));
    if (sl_hash64(bytes, part->size_bytes) != part->hash)
        return sl_fail(err, SL_CORRUPT, "offset %" PRIu64 ": hash of the footer differs",
                       part->offset);
    struct sl_cursor in = sl_cursor_over(bytes, part->size_bytes);
    uint64_t end = 0;
    sl_status st = decode_fixed(&in, footer, err);
    if (st == SL_OK)
        st = decode_columns(&in, arena, footer, err);
    if (st == SL_OK)
        st = decode_groups(&in, footer, &end, err);
    if (st == SL_OK)
        st = decode_meta(&in, arena, &footer->meta, err);
    if (st != SL_OK) {
        sl_error_prefix(err, "offset %" PRIu64, part->offset);
        return st;
    }
    if (in.bad || sl_cursor_left(&in) != 0 || end != part->offset)
        return sl_fail(err, SL_CORRUPT, "offset %" PRIu64 ": footer and groups leave a gap",
                       part->offset);
    return SL_OK;
}
