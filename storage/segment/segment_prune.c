/*
 * segment_prune.c - which segments, blocks and minis cannot hold a row that satisfies a request.
 *
 * A test on a column becomes intervals of keys: codes where the column has a dictionary, because
 * sorted dictionaries turn a range of addresses into a range of codes and an address that is not
 * there into nothing at all. Intervals are held against the zones, block by block, and against
 * the index of the column where there is one. A clause holds where any of its tests may, the
 * request where all clauses may. Whatever cannot be decided counts as "perhaps". Single addresses
 * are put to the filter of the dictionary first. Of filters, dictionaries of addresses and postings
 * no more is loaded than the pieces that an interval needs.
 */
#include "storage/base/file.h"
#include "storage/index/filter.h"
#include "storage/segment/segment_index.h"
#include "storage/segment/segment_input.h"
#include "storage/segment/segment_interval.h"
#include "storage/segment/segment_open.h"

/* Minis that may hold a row: by zones and indexes, and by zones alone, for the counters. */
struct candidates {
    uint64_t minis[SL_SEGMENT_MINI_WORDS];
    uint64_t by_zone[SL_SEGMENT_MINI_WORDS];
};

/* What an index said last: a host is looked for on both sides, which share one. */
struct remembered {
    const struct sl_segment_index *index; /* NULL: nothing yet */
    struct sl_segment_interval interval;
    uint64_t minis[SL_SEGMENT_MINI_WORDS];
};

struct pruning {
    struct sl_segment_reader *reader;
    const struct sl_segment_group *group;
    uint32_t group_number;
    uint32_t prune;
    uint32_t mini_count;
    struct remembered *last;
    struct sl_segment_counters *counters;
    struct sl_error *err;
};

/* Minis first .. first + count - 1, all of one word. */
static void
fill_minis(uint64_t *minis, uint32_t first, uint32_t count)
{
    SL_DEBUG_ASSERT(count != 0 && first % 64 + count <= 64);
    minis[first / 64] |= UINT64_MAX >> (64 - count) << first % 64;
}

static void
fill_all(const struct pruning *p, uint64_t *minis)
{
    memset(minis, 0xff, p->mini_count / 64 * sizeof(*minis));
    if (p->mini_count % 64 != 0)
        fill_minis(minis, p->mini_count / 64 * 64, p->mini_count % 64);
}

static uint8_t
lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + ('a' - 'A')) : byte;
}

static bool
is_same_text(const uint8_t *bytes, uint32_t size_bytes, struct sl_slice text)
{
    if (size_bytes != text.size_bytes)
        return false;
    for (uint32_t i = 0; i < size_bytes; i++)
        if (lower(bytes[i]) != lower(text.bytes[i]))
            return false;
    return true;
}

/* Minis of an interval by the zones of the column's blocks. */
static void
collect_zones(const struct pruning *p, const struct sl_segment_group_column *column,
              struct sl_segment_interval interval, uint64_t *minis)
{
    for (uint32_t b = 0; b < p->group->block_count; b++) {
        const struct sl_segment_zone *zone = &column->zones[b];
        uint32_t rows = sl_segment_block_size(p->group->row_count, b);
        if (zone->null_count == rows || zone->max < interval.first || zone->min > interval.last)
            continue;
        fill_minis(minis, b * SL_BLOCK_MINIS, (rows + SL_MINI_ROWS - 1) / SL_MINI_ROWS);
    }
}

/* The index of a column that may be used, of one of the kinds whose bits of `prune` are asked for;
 * or NULL. */
static const struct sl_segment_index *
find_index(const struct pruning *p, uint32_t number, uint32_t prune)
{
    static const uint32_t bits[] = {
        [SL_SEGMENT_INDEX_MINIS] = SL_PRUNE_BITMAP,
        [SL_SEGMENT_INDEX_POSTINGS] = SL_PRUNE_POSTINGS,
        [SL_SEGMENT_INDEX_FILTER] = SL_PRUNE_FILTER,
    };
    for (uint32_t i = 0; i < p->group->index_count; i++) {
        const struct sl_segment_index *index = &p->group->indexes[i];
        if ((index->number == number || index->also == number) &&
            (p->prune & prune & bits[index->kind]) != 0)
            return index;
    }
    return NULL;
}

/* Does the test ask for single addresses? Ranges cannot be put to a filter. */
static bool
is_of_addresses(const struct sl_test *test)
{
    return test->column->type == SL_TYPE_ADDR &&
           (test->kind == SL_TEST_SET ||
            (test->kind == SL_TEST_RANGE && sl_addr_equal(test->low, test->high)));
}

/* A piece of an index in memory. */
static sl_status
get_piece(const struct pruning *p, const struct sl_segment_index *index, uint32_t piece,
          const struct sl_segment_item **out_item)
{
    return sl_segment_item_get(p->reader, p->group_number,
                               sl_segment_item_of_index(p->group, index, piece), out_item,
                               p->counters, p->err);
}

/* Is one of the addresses perhaps in the dictionary of the column? True where there is no filter. */
static sl_status
ask_filter(const struct pruning *p, const struct sl_segment_group_column *column,
           const struct sl_test *test, bool *out_may_contain)
{
    const struct sl_segment_item *item;
    const struct sl_segment_index *index = find_index(p, column->number, SL_PRUNE_FILTER);
    *out_may_contain = index == NULL;
    if (index == NULL)
        return SL_OK;
    uint32_t count = test->kind == SL_TEST_SET ? test->key_count : 1;
    const struct sl_addr *addrs = test->kind == SL_TEST_SET ? test->keys : &test->low;
    for (uint32_t i = 0; i < count && !*out_may_contain; i++) {
        uint64_t hash = sl_filter_hash_addr(addrs[i]);
        uint32_t block = sl_filter_block_of(hash, index->block_count);
        SL_TRY(get_piece(p, index, block / SL_SEGMENT_PIECE_FILTER, &item));
        *out_may_contain = sl_filter_block_may_contain(
            item->bytes + (size_t)(block % SL_SEGMENT_PIECE_FILTER) * SL_FILTER_BLOCK_BYTES, hash);
    }
    return SL_OK;
}

/* Several pieces will be read: side by side, then. */
static void
announce_pieces(const struct pruning *p, const struct sl_segment_index *index, uint32_t first,
                uint32_t last)
{
    const struct sl_segment_part *parts = &index->parts[first];
    if (first != last)
        sl_file_will_read(p->reader->fd, parts[0].offset,
                          (size_t)sl_segment_parts_bytes(parts, last - first + 1));
}

/* What the index of a column says of an interval: the minis in p->last. */
static sl_status
ask_index(const struct pruning *p, const struct sl_segment_group_column *column,
          const struct sl_segment_index *index, struct sl_segment_interval interval)
{
    struct remembered *last = p->last;
    if (last->index == index && last->interval.first == interval.first &&
        last->interval.last == interval.last)
        return SL_OK;
    const struct sl_segment_item *item;
    bool has_pieces = index->kind == SL_SEGMENT_INDEX_POSTINGS; /* then keys are codes */
    uint32_t entries = column->dictionary == SL_SEGMENT_NONE
                           ? 0
                           : p->group->dictionaries[column->dictionary].entry_count;
    uint32_t first = has_pieces ? (uint32_t)interval.first / SL_SEGMENT_PIECE_ENTRIES : 0;
    uint32_t end = has_pieces ? (uint32_t)interval.last / SL_SEGMENT_PIECE_ENTRIES : 0;
    *last = (struct remembered){.interval = interval};
    announce_pieces(p, index, first, end);
    for (uint32_t i = first; i <= end; i++) {
        SL_TRY(get_piece(p, index, i, &item));
        sl_status st = sl_segment_index_collect(index, i, item->bytes, entries, p->mini_count,
                                                interval.first, interval.last, last->minis, p->err);
        if (st != SL_OK) {
            sl_segment_locate(p->reader, index->parts[i].offset, p->err);
            return st;
        }
    }
    last->index = index;
    return SL_OK;
}

/* Add the minis that may hold a key of the interval. */
static sl_status
collect_interval(const struct pruning *p, const struct sl_segment_group_column *column,
                 struct sl_segment_interval interval, struct candidates *found)
{
    uint64_t by_zone[SL_SEGMENT_MINI_WORDS] = {0};
    if ((p->prune & SL_PRUNE_ZONE) != 0)
        collect_zones(p, column, interval, by_zone);
    else
        fill_all(p, by_zone);
    const struct sl_segment_index *index =
        find_index(p, column->number, SL_PRUNE_BITMAP | SL_PRUNE_POSTINGS);
    if (index != NULL)
        SL_TRY(ask_index(p, column, index, interval));
    for (uint32_t w = 0; w < SL_SEGMENT_MINI_WORDS; w++) {
        found->minis[w] |= index == NULL ? by_zone[w] : by_zone[w] & p->last->minis[w];
        found->by_zone[w] |= by_zone[w];
    }
    return SL_OK;
}

/* Codes of all strings that are equal without regard to case. */
static sl_status
collect_text(const struct pruning *p, const struct sl_segment_group_column *column,
             struct sl_slice text, struct candidates *found)
{
    const struct sl_segment_item *item;
    uint32_t count = p->group->dictionaries[column->dictionary].entry_count;
    SL_TRY(sl_segment_item_get(p->reader, p->group_number, column->dictionary, &item, p->counters,
                               p->err));
    for (uint32_t i = 0; i < count; i++) {
        uint32_t size_bytes = item->offsets[i + 1] - item->offsets[i];
        if (is_same_text(item->bytes + item->offsets[i], size_bytes, text))
            SL_TRY(collect_interval(p, column, (struct sl_segment_interval){i, i}, found));
    }
    return SL_OK;
}

/* Add what may be in low .. high, as a test has it. */
static sl_status
collect_range(const struct pruning *p, const struct sl_segment_group_column *column,
              enum sl_type type, struct sl_addr low, struct sl_addr high, struct candidates *found)
{
    struct sl_segment_interval interval;
    bool is_any;
    SL_TRY(sl_segment_interval_find(p->reader, p->group_number, column, type, low, high, &interval,
                                    &is_any, p->counters, p->err));
    return is_any ? collect_interval(p, column, interval, found) : SL_OK;
}

static sl_status
collect_test(const struct pruning *p, const struct sl_test *test, struct candidates *found)
{
    const struct sl_column *described = test->column;
    const struct sl_segment_group_column *column =
        sl_segment_find_column(p->reader, p->group_number, described);
    bool is_bytes = sl_type_is_bytes(described->type);
    if (column == NULL && described->is_nullable)
        return SL_OK; /* NULL everywhere: never passes */
    if (column != NULL && is_of_addresses(test)) {
        bool may_contain;
        SL_TRY(ask_filter(p, column, test, &may_contain));
        if (!may_contain) {
            fill_all(p, found->by_zone); /* the filter's work */
            return SL_OK;
        }
    }
    bool is_decidable = column != NULL && described->type != SL_TYPE_F64 &&
                        is_bytes == (test->kind == SL_TEST_TEXT) &&
                        (!is_bytes || column->dictionary != SL_SEGMENT_NONE) &&
                        (described->type != SL_TYPE_ADDR || (p->prune & SL_PRUNE_POSTINGS) != 0);
    if (!is_decidable) {
        fill_all(p, found->minis);
        fill_all(p, found->by_zone);
        return SL_OK;
    }
    if (described->type == SL_TYPE_ADDR)
        fill_all(p, found->by_zone); /* its zones are codes: they are the index's work too */
    switch (test->kind) {
    case SL_TEST_TEXT:
        return collect_text(p, column, test->text, found);
    case SL_TEST_RANGE:
        return collect_range(p, column, described->type, test->low, test->high, found);
    case SL_TEST_SET:
        for (uint32_t i = 0; i < test->key_count; i++)
            SL_TRY(collect_range(p, column, described->type, test->keys[i], test->keys[i], found));
        return SL_OK;
    }
    return SL_OK;
}

/* Minis that all clauses leave. */
static sl_status
prune_group(const struct pruning *p, const struct sl_clause *clauses, uint32_t clause_count,
            struct candidates *left)
{
    *left = (struct candidates){0};
    fill_all(p, left->minis);
    fill_all(p, left->by_zone);
    for (uint32_t c = 0; c < clause_count; c++) {
        struct candidates any = {0};
        for (uint32_t t = 0; t < clauses[c].test_count; t++)
            SL_TRY(collect_test(p, &clauses[c].tests[t], &any));
        uint64_t is_any_left = 0;
        for (uint32_t w = 0; w < SL_SEGMENT_MINI_WORDS; w++) {
            left->minis[w] &= any.minis[w];
            left->by_zone[w] &= any.by_zone[w];
            is_any_left |= left->minis[w];
        }
        if (is_any_left == 0)
            return SL_OK;
    }
    return SL_OK;
}

static uint32_t
count_empty_blocks(const struct pruning *p, const uint64_t *minis)
{
    uint32_t count = 0;
    for (uint32_t b = 0; b < p->group->block_count; b++) {
        uint64_t bits = minis[b * SL_BLOCK_MINIS / 64] >> (b * SL_BLOCK_MINIS % 64);
        count += (bits & ((UINT64_C(1) << SL_BLOCK_MINIS) - 1)) == 0;
    }
    return count;
}

sl_status
sl_segment_reader_prune(struct sl_segment_reader *reader, uint32_t group,
                        const struct sl_clause *clauses, uint32_t clause_count, uint32_t prune,
                        uint64_t *out_minis, struct sl_segment_counters *counters,
                        struct sl_error *err)
{
    SL_ASSERT(reader->magic == SL_SEGMENT_READER_MAGIC);
    SL_ASSERT(group < reader->footer.summary.group_count);
    struct remembered last = {0};
    struct pruning p = {
        .reader = reader,
        .group = &reader->footer.groups[group],
        .group_number = group,
        .prune = prune & (SL_PRUNE_ZONE | SL_PRUNE_BITMAP | SL_PRUNE_POSTINGS | SL_PRUNE_FILTER),
        .last = &last,
        .counters = counters,
        .err = err,
    };
    p.mini_count = (p.group->row_count + SL_MINI_ROWS - 1) / SL_MINI_ROWS;
    struct candidates left;
    memset(out_minis, 0, SL_SEGMENT_MINI_WORDS * sizeof(*out_minis));
    if (p.prune == 0) {
        fill_all(&p, out_minis);
        return SL_OK;
    }
    sl_segment_group_acquire(reader, group);
    sl_status st = prune_group(&p, clauses, clause_count, &left);
    sl_segment_group_release(reader, group);
    if (st != SL_OK)
        return st;
    memcpy(out_minis, left.minis, sizeof(left.minis));
    if (counters != NULL) {
        uint32_t by_zone = count_empty_blocks(&p, left.by_zone);
        counters->blocks_pruned_zone += by_zone;
        counters->blocks_pruned_index += count_empty_blocks(&p, left.minis) - by_zone;
    }
    return SL_OK;
}

/* Could a value of a time column within bounds pass the test? */
static bool
may_match_time(const struct sl_test *test, int64_t min_us, int64_t max_us)
{
    if (test->kind == SL_TEST_RANGE)
        return (int64_t)test->low.low <= max_us && (int64_t)test->high.low >= min_us;
    for (uint32_t i = 0; test->kind == SL_TEST_SET && i < test->key_count; i++)
        if ((int64_t)test->keys[i].low >= min_us && (int64_t)test->keys[i].low <= max_us)
            return true;
    return test->kind == SL_TEST_TEXT;
}

/* Could a row of any group pass the test, by the zones of the groups? */
static bool
may_match_zones(const struct sl_segment_reader *reader, const struct sl_test *test)
{
    const struct sl_column *column = test->column;
    bool is_integer = sl_type_is_unsigned(column->type) || sl_type_is_signed(column->type);
    if (!is_integer || test->kind == SL_TEST_TEXT)
        return true;
    for (uint32_t g = 0; g < reader->footer.summary.group_count; g++) {
        uint64_t min, max;
        if (!sl_segment_reader_zone(reader, g, SL_SEGMENT_ALL_BLOCKS, column, &min, &max))
            continue;
        min = sl_segment_key(column->type, min);
        max = sl_segment_key(column->type, max);
        if (test->kind == SL_TEST_RANGE && sl_segment_key(column->type, test->low.low) <= max &&
            sl_segment_key(column->type, test->high.low) >= min)
            return true;
        for (uint32_t i = 0; test->kind == SL_TEST_SET && i < test->key_count; i++) {
            uint64_t key = sl_segment_key(column->type, test->keys[i].low);
            if (key >= min && key <= max)
                return true;
        }
    }
    return false;
}

static bool
may_match_test(const struct sl_segment_reader *reader, const struct sl_test *test, uint32_t prune)
{
    const struct sl_segment_summary *sum = &reader->footer.summary;
    uint32_t index = test->column->index;
    if ((prune & SL_PRUNE_TIME) != 0 && index == SL_COLUMN_FIRST_SEEN &&
        !may_match_time(test, sum->first_seen_min_us, sum->first_seen_max_us))
        return false;
    if ((prune & SL_PRUNE_TIME) != 0 && index == SL_COLUMN_LAST_SEEN &&
        !may_match_time(test, sum->last_seen_min_us, sum->last_seen_max_us))
        return false;
    return (prune & SL_PRUNE_ZONE) == 0 || may_match_zones(reader, test);
}

bool
sl_segment_reader_match(const struct sl_segment_reader *reader, const struct sl_clause *clauses,
                        uint32_t clause_count, uint32_t prune)
{
    SL_ASSERT(reader->magic == SL_SEGMENT_READER_MAGIC);
    for (uint32_t c = 0; c < clause_count; c++) {
        bool is_any = false;
        for (uint32_t t = 0; t < clauses[c].test_count && !is_any; t++)
            is_any = may_match_test(reader, &clauses[c].tests[t], prune);
        if (!is_any)
            return false;
    }
    return true;
}
