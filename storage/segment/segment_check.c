/*
 * segment_check.c - prove a whole segment file.
 *
 * Opening proves head, footer and directories. Here all parts are read in the order of the file,
 * so that the first bad hash has its offset; then every block of every column is decoded and held
 * against its zone and its index, and all times against the bounds in the footer.
 */
#include "storage/segment/segment_check.h"

#include "storage/index/filter.h"
#include "storage/segment/segment_index.h"
#include "storage/segment/segment_input.h"
#include "storage/segment/segment_open.h"

struct checking {
    struct sl_segment_reader *reader;
    struct sl_segment_cursor *cursor;
    const struct sl_segment_group *group;
    uint32_t group_number;
    struct sl_segment_summary seen; /* bounds of the rows */
    uint8_t *raw;                   /* the part being proven */
    struct sl_arena *arena;         /* where `raw` goes; reset for each part */
    struct sl_arena *pairs;         /* what an index should say; reset for each index */
    uint64_t offset;                /* of what is being proven */
    struct sl_error *err;
};

static sl_status
check_part(void *context, const struct sl_segment_part *part, struct sl_error *err)
{
    struct checking *c = context;
    c->offset = part->offset;
    sl_arena_reset(c->arena);
    c->raw = sl_arena_alloc(c->arena, part->size_bytes);
    if (c->raw == NULL)
        return sl_fail(err, SL_LIMIT, "%s: no memory for a part", c->reader->name);
    return sl_segment_read_part(c->reader, part, c->raw, NULL, err);
}

static sl_status
fail_zone(struct checking *c, const struct sl_column *column, uint32_t block, const char *what)
{
    c->offset = c->group->directory.offset;
    return sl_segment_fail(c->reader, c->offset, c->err, "the zone of column %s, block %u, %s",
                           column->name, block, what);
}

/* The key of a row that has a value. The cursor distrusts zones, so that codes and values come from
 * the streams themselves. */
static uint64_t
key_of(const struct sl_vector *v, uint32_t row)
{
    return v->encoding == SL_DICT ? v->codes[row] : sl_segment_key(v->type, sl_vector_u64(v, row));
}

/* Are counts and bounds of the zone those of the rows? */
static sl_status
check_zone(struct checking *c, const struct sl_segment_group_column *column,
           const struct sl_column *described, uint32_t block, const struct sl_vector *v)
{
    const struct sl_segment_zone *zone = &column->zones[block];
    bool has_keys = c->group->streams[column->stream].form != SL_SEGMENT_FORM_BYTES;
    uint64_t min = UINT64_MAX;
    uint64_t max = 0;
    uint32_t null_count = 0;
    for (uint32_t row = 0; row < v->count; row++) {
        if (sl_vector_is_null(v, row)) {
            null_count++;
            continue;
        }
        uint64_t key = has_keys ? key_of(v, row) : 0;
        min = key < min ? key : min;
        max = key > max ? key : max;
    }
    if (null_count != zone->null_count)
        return fail_zone(c, described, block, "counts other rows without a value");
    if (has_keys && null_count != v->count && (min != zone->min || max != zone->max))
        return fail_zone(c, described, block, "has other bounds");
    return SL_OK;
}

static void
widen(int64_t *min, int64_t *max, int64_t value)
{
    *min = value < *min ? value : *min;
    *max = value > *max ? value : *max;
}

/* Widen the bounds of time by a block. */
static sl_status
see_times(struct checking *c, const uint32_t row_count)
{
    struct sl_vector first, last;
    const struct sl_column *columns[2] = {NULL, NULL};
    for (uint32_t i = 0; i < c->reader->footer.column_count; i++) {
        const struct sl_column *column = c->reader->columns[i];
        if (column->index == SL_COLUMN_FIRST_SEEN)
            columns[0] = column;
        if (column->index == SL_COLUMN_LAST_SEEN)
            columns[1] = column;
    }
    first = last = sl_vector_nulls(SL_TYPE_TIME, row_count);
    if (columns[0] != NULL)
        SL_TRY(sl_segment_cursor_column(c->cursor, columns[0], NULL, &first, NULL, c->err));
    if (columns[1] != NULL)
        SL_TRY(sl_segment_cursor_column(c->cursor, columns[1], NULL, &last, NULL, c->err));
    for (uint32_t row = 0; row < row_count; row++) {
        int64_t from = sl_vector_is_null(&first, row) ? 0 : (int64_t)sl_vector_u64(&first, row);
        int64_t to = sl_vector_is_null(&last, row) ? 0 : (int64_t)sl_vector_u64(&last, row);
        int64_t duration;
        if (__builtin_sub_overflow(to, from, &duration))
            duration = to < from ? INT64_MIN : INT64_MAX;
        widen(&c->seen.first_seen_min_us, &c->seen.first_seen_max_us, from);
        widen(&c->seen.last_seen_min_us, &c->seen.last_seen_max_us, to);
        widen(&c->seen.duration_min_us, &c->seen.duration_max_us, duration);
    }
    return SL_OK;
}

static sl_status
check_blocks(struct checking *c)
{
    for (uint32_t b = 0; b < c->group->block_count; b++) {
        SL_TRY(sl_segment_cursor_seek(c->cursor, c->reader, c->group_number, b, c->err));
        for (uint32_t i = 0; i < c->group->column_count; i++) {
            const struct sl_segment_group_column *column = &c->group->columns[i];
            const struct sl_column *described = c->reader->columns[column->number];
            const struct sl_segment_stream *stream = &c->group->streams[column->stream];
            struct sl_vector v;
            c->offset = stream->blocks != NULL ? stream->blocks[b].offset : c->group->data_offset;
            SL_TRY(sl_segment_cursor_column(c->cursor, described, NULL, &v, NULL, c->err));
            SL_TRY(check_zone(c, column, described, b, &v));
        }
        SL_TRY(see_times(c, sl_segment_block_size(c->group->row_count, b)));
    }
    return SL_OK;
}

static int
compare_u64(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

/* key * SL_SEGMENT_GROUP_MINIS_MAX + mini of all rows of a column, or of two, ascending and
 * distinct. */
static sl_status
list_pairs(struct checking *c, const struct sl_column *const columns[2], uint64_t *pairs,
           size_t *out_count)
{
    size_t count = 0;
    for (uint32_t b = 0; b < c->group->block_count; b++) {
        SL_TRY(sl_segment_cursor_seek(c->cursor, c->reader, c->group_number, b, c->err));
        for (unsigned i = 0; i < 2 && columns[i] != NULL; i++) {
            struct sl_vector v;
            SL_TRY(sl_segment_cursor_column(c->cursor, columns[i], NULL, &v, NULL, c->err));
            for (uint32_t row = 0; row < v.count; row++)
                if (!sl_vector_is_null(&v, row))
                    pairs[count++] = key_of(&v, row) * SL_SEGMENT_GROUP_MINIS_MAX +
                                     (uint64_t)b * SL_BLOCK_MINIS + row / SL_MINI_ROWS;
        }
    }
    qsort(pairs, count, sizeof(*pairs), compare_u64);
    size_t distinct = 0;
    for (size_t i = 0; i < count; i++)
        if (i == 0 || pairs[i] != pairs[distinct - 1])
            pairs[distinct++] = pairs[i];
    *out_count = distinct;
    return SL_OK;
}

/* The index gives for every key exactly the minis that hold it. */
static sl_status
check_index(struct checking *c, uint32_t number)
{
    const struct sl_segment_index *index = &c->group->indexes[number];
    const struct sl_column *described = c->reader->columns[index->number];
    const struct sl_segment_group_column *column =
        sl_segment_find_column(c->reader, c->group_number, described);
    uint32_t entries = column->dictionary == SL_SEGMENT_NONE
                           ? 0
                           : c->group->dictionaries[column->dictionary].entry_count;
    uint32_t mini_count = (c->group->row_count + SL_MINI_ROWS - 1) / SL_MINI_ROWS;
    size_t count = 0;
    uint32_t read_piece = SL_SEGMENT_NONE; /* the one in c->raw: keys ascend */
    sl_arena_reset(c->pairs);
    uint64_t *pairs = sl_arena_alloc(c->pairs, (size_t)2 * c->group->row_count * sizeof(*pairs));
    if (pairs == NULL)
        return sl_fail(c->err, SL_LIMIT, "%s: no memory to prove an index", c->reader->name);
    const struct sl_column *const columns[2] = {
        described, index->also == SL_SEGMENT_NONE ? NULL : c->reader->columns[index->also]};
    SL_TRY(list_pairs(c, columns, pairs, &count));
    for (size_t i = 0; i < count;) {
        uint64_t key = pairs[i] / SL_SEGMENT_GROUP_MINIS_MAX;
        uint64_t expected[SL_SEGMENT_MINI_WORDS] = {0};
        uint64_t minis[SL_SEGMENT_MINI_WORDS] = {0};
        for (; i < count && pairs[i] / SL_SEGMENT_GROUP_MINIS_MAX == key; i++)
            sl_bit_set(expected, pairs[i] % SL_SEGMENT_GROUP_MINIS_MAX);
        bool has_pieces = index->kind == SL_SEGMENT_INDEX_POSTINGS;
        uint32_t piece = has_pieces ? (uint32_t)(key / SL_SEGMENT_PIECE_ENTRIES) : 0;
        if (piece != read_piece)
            SL_TRY(check_part(c, &index->parts[piece], c->err));
        read_piece = piece;
        sl_status st = sl_segment_index_collect(index, piece, c->raw, entries, mini_count, key, key,
                                                minis, c->err);
        if (st != SL_OK) {
            sl_segment_locate(c->reader, index->parts[piece].offset, c->err);
            return st;
        }
        if (memcmp(expected, minis, sizeof(minis)) != 0)
            return sl_segment_fail(c->reader, index->parts[piece].offset, c->err,
                                   "the index of column %s has other minis for key %" PRIu64,
                                   described->name, key);
    }
    return SL_OK;
}

/* The filter has every address of the dictionary. */
static sl_status
check_filter(struct checking *c, uint32_t number)
{
    const struct sl_segment_index *index = &c->group->indexes[number];
    const struct sl_segment_group_column *column =
        sl_segment_find_column(c->reader, c->group_number, c->reader->columns[index->number]);
    const struct sl_segment_item *item = NULL;
    sl_arena_reset(c->arena);
    uint8_t *blocks = sl_arena_alloc(c->arena, (size_t)index->block_count * SL_FILTER_BLOCK_BYTES);
    if (blocks == NULL)
        return sl_fail(c->err, SL_LIMIT, "%s: no memory to prove an index", c->reader->name);
    SL_TRY(
        sl_segment_read_parts(c->reader, index->parts, index->piece_count, blocks, NULL, c->err));
    sl_segment_group_acquire(c->reader, c->group_number);
    sl_status st =
        sl_segment_item_get(c->reader, c->group_number, column->dictionary, &item, NULL, c->err);
    uint32_t count = c->group->dictionaries[column->dictionary].entry_count;
    for (uint32_t i = 0; i < count && st == SL_OK; i++) {
        uint64_t hash = sl_filter_hash_addr(sl_segment_item_addr(item, i));
        uint32_t block = sl_filter_block_of(hash, index->block_count);
        if (!sl_filter_block_may_contain(&blocks[(size_t)block * SL_FILTER_BLOCK_BYTES], hash))
            st = sl_segment_fail(c->reader, index->parts[0].offset, c->err,
                                 "the filter lacks an address");
    }
    sl_segment_group_release(c->reader, c->group_number);
    return st;
}

static sl_status
check_group(struct checking *c, uint32_t number)
{
    c->group_number = number;
    c->group = &c->reader->footer.groups[number];
    sl_segment_group_announce(c->reader, number);
    SL_TRY(sl_segment_group_parts(c->group, check_part, c, c->err));
    SL_TRY(check_blocks(c));
    for (uint32_t i = 0; i < c->group->index_count; i++)
        SL_TRY(c->group->indexes[i].kind == SL_SEGMENT_INDEX_FILTER ? check_filter(c, i)
                                                                    : check_index(c, i));
    return SL_OK;
}

static sl_status
check_file(struct checking *c)
{
    const struct sl_segment_summary *told = &c->reader->footer.summary;
    struct sl_segment_summary *seen = &c->seen;
    for (uint32_t g = 0; g < told->group_count; g++)
        SL_TRY(check_group(c, g));
    c->offset = c->reader->file_bytes - SL_SEGMENT_TAIL_BYTES;
    if (seen->first_seen_min_us != told->first_seen_min_us ||
        seen->first_seen_max_us != told->first_seen_max_us ||
        seen->last_seen_min_us != told->last_seen_min_us ||
        seen->last_seen_max_us != told->last_seen_max_us ||
        seen->duration_min_us != told->duration_min_us ||
        seen->duration_max_us != told->duration_max_us)
        return sl_segment_fail(c->reader, c->offset, c->err, "the footer tells other times");
    return SL_OK;
}

sl_status
sl_segment_check(int dir_fd, const char *name, struct sl_budget *budget, uint64_t *out_offset,
                 struct sl_error *err)
{
    struct sl_schema *schema = sl_schema_create();
    struct checking c = {.err = err};
    c.seen = (struct sl_segment_summary){
        .first_seen_min_us = INT64_MAX,
        .first_seen_max_us = INT64_MIN,
        .last_seen_min_us = INT64_MAX,
        .last_seen_max_us = INT64_MIN,
        .duration_min_us = INT64_MAX,
        .duration_max_us = INT64_MIN,
    };
    sl_status st = sl_segment_reader_open(dir_fd, name, schema, budget, &c.reader, err);
    if (st == SL_OK) {
        c.arena = sl_segment_arena_create(budget);
        c.pairs = sl_segment_arena_create(budget);
        c.cursor = sl_segment_cursor_create(budget);
        sl_segment_cursor_distrust(c.cursor);
        st = check_file(&c);
        sl_segment_cursor_destroy(c.cursor);
        sl_arena_destroy(c.pairs);
        sl_arena_destroy(c.arena);
    }
    *out_offset = st == SL_OK ? 0 : c.offset;
    sl_segment_reader_close(c.reader);
    sl_schema_destroy(schema);
    return st;
}
