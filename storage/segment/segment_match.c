/*
 * segment_match.c - see segment_match.h.
 */
#include "storage/segment/segment_match.h"

#include "storage/base/words.h"
#include "storage/segment/segment_input.h"
#include "storage/segment/segment_keep.h"
#include "storage/segment/segment_row_order.h"

enum {
    SAMPLE_ROWS = 128,             /* of a block, before it is sorted */
    LEFT_ROWS = 2,                 /* of a clause, for each row that the ones before left */
    SAMPLE_SHARE = 4,              /* more than one of so many in the interval: it will not pay */
    WORTH_ROWS = 2 * SL_MINI_ROWS, /* of a block, that an index left: fewer are soon looked at */
};

/* ---- clauses in the words of a group ---- */

/* Add the keys that pass the test. False: it cannot be looked up, or there is no room. */
static bool
add_test(struct sl_segment_cursor *cursor, const struct sl_test *test, uint32_t *count)
{
    struct sl_segment_match *lookup = &cursor->lookup;
    enum sl_type type = test->column->type;
    const struct sl_segment_group_column *column =
        sl_segment_find_column(cursor->reader, cursor->group_number, test->column);
    struct sl_error ignored = {0}; /* whoever reads the block says what is wrong with it */
    if (column == NULL || type == SL_TYPE_F64 || sl_type_is_bytes(type) ||
        test->kind == SL_TEST_TEXT)
        return false;
    uint32_t range_count = test->kind == SL_TEST_SET ? test->key_count : 1;
    for (uint32_t i = 0; i < range_count; i++) {
        struct sl_addr low = test->kind == SL_TEST_SET ? test->keys[i] : test->low;
        struct sl_addr high = test->kind == SL_TEST_SET ? test->keys[i] : test->high;
        struct sl_segment_match_keys keys = {.column = column, .type = type};
        bool is_any;
        if (sl_segment_interval_find(cursor->reader, cursor->group_number, column, type, low, high,
                                     &keys.interval, &is_any, NULL, &ignored) != SL_OK)
            return false;
        if (!is_any)
            continue;
        if (*count == SL_SEGMENT_MATCH_KEYS_MAX)
            return false;
        lookup->keys[(*count)++] = keys;
    }
    return true;
}

static void
open_clauses(struct sl_segment_cursor *cursor, const struct sl_clause *clauses,
             uint32_t clause_count)
{
    struct sl_segment_match *lookup = &cursor->lookup;
    uint32_t end = 0;
    if (lookup->clauses == clauses && lookup->group == cursor->group)
        return;
    lookup->clauses = clauses;
    lookup->group = cursor->group;
    lookup->clause_count = 0;
    if (clause_count > SL_SEGMENT_MATCH_NUMBERS_MAX)
        clause_count = SL_SEGMENT_MATCH_NUMBERS_MAX;
    for (uint32_t c = 0; c < clause_count && lookup->clause_count < SL_SEGMENT_MATCH_CLAUSES_MAX;
         c++) {
        uint32_t count = end;
        bool is_known = true;
        for (uint32_t t = 0; t < clauses[c].test_count && is_known; t++)
            is_known = add_test(cursor, &clauses[c].tests[t], &count);
        if (!is_known)
            continue;
        end = count;
        lookup->numbers[lookup->clause_count] = c;
        lookup->ends[lookup->clause_count++] = end;
    }
}

/* ---- keys to rows ---- */

/* Values low .. high of what is kept. */
struct range {
    uint32_t low, high;
};

/* Keys of an interval as values that are kept of the column; false: none. */
static bool
find_range(const struct sl_segment_match_keys *keys, const struct sl_segment_kept *kept,
           struct range *out_range)
{
    uint64_t base = kept->is_distance ? sl_segment_key(keys->type, kept->base) : 0;
    uint64_t first = keys->interval.first > base ? keys->interval.first - base : 0;
    uint64_t last = keys->interval.last - base;
    if (keys->interval.last < base || first > UINT32_MAX)
        return false;
    *out_range = (struct range){(uint32_t)first, last > UINT32_MAX ? UINT32_MAX : (uint32_t)last};
    return true;
}

/* Do values of the block have a row order? */
static bool
has_order(const struct sl_segment_match_keys *keys, const struct sl_segment_kept *kept)
{
    bool is_distance_safe =
        !kept->is_distance || sl_segment_key(keys->type, kept->base) <= UINT64_MAX - UINT32_MAX;
    return kept->present == NULL && kept->width <= sizeof(uint32_t) && is_distance_safe;
}

/* Is it so few of the values, as far as a sample tells, that an order pays? */
static bool
is_selective(const struct sl_segment_row_values *values, struct range range)
{
    uint32_t step = values->count / SAMPLE_ROWS;
    uint32_t hits = 0;
    for (uint32_t i = 0; i < SAMPLE_ROWS; i++) {
        uint32_t value = sl_segment_row_value(values, i * step);
        hits += value >= range.low && value <= range.high;
    }
    return hits <= SAMPLE_ROWS / SAMPLE_SHARE;
}

/* Sort the rows of a block and keep them so, if that pays. */
static void
offer_order(struct sl_segment_cursor *cursor, const struct sl_segment_row_values *values,
            struct range range, struct sl_segment_kept **place)
{
    if (!is_selective(values, range) || !sl_segment_keep_is_worth(cursor, place) ||
        !sl_segment_cache_is_turn(cursor->reader->cache))
        return;
    size_t bytes = sl_segment_row_order_bytes(values->count);
    void *scratch = sl_arena_alloc(cursor->arena, sl_segment_row_order_scratch(values->count));
    void *order = sl_arena_alloc(cursor->arena, bytes);
    if (scratch == NULL || order == NULL)
        return;
    sl_segment_row_order_sort(values, scratch, order);
    sl_segment_cache_offer_bytes(cursor->reader->cache, place, order, bytes);
}

/* Add the rows with a value of the range; *left is how many there may be, and are still. False: there is
 * no order, or they are more. */
static bool
add_rows(struct sl_segment_cursor *cursor, const struct sl_segment_match_keys *keys,
         const struct sl_segment_kept *kept, const uint64_t *selection, uint32_t *left,
         uint64_t *rows)
{
    const struct sl_segment_row_values values = {kept->values, kept->width, cursor->block_rows};
    struct sl_segment_cache *cache = cursor->reader->cache;
    struct sl_segment_kept **place =
        sl_segment_keep_place(cursor, keys->column, SL_SEGMENT_KEEP_ROW_ORDER);
    struct range range;
    uint32_t count;
    if (!has_order(keys, kept))
        return false;
    if (!find_range(keys, kept, &range))
        return true;
    struct sl_segment_kept *order = sl_segment_cache_find(cache, place);
    if (order == NULL &&
        sl_words_count(selection, sl_words_for(cursor->block_rows)) >= WORTH_ROWS) {
        offer_order(cursor, &values, range, place);
        order = sl_segment_cache_find(cache, place);
    }
    if (order == NULL)
        return false;
    const uint16_t *found =
        sl_segment_row_order_find(&values, order->values, range.low, range.high, &count);
    bool is_few = count <= *left;
    for (uint32_t i = 0; is_few && i < count; i++)
        sl_bit_set(rows, found[i]);
    *left -= is_few ? count : 0;
    sl_segment_cache_leave(cache, order);
    return is_few;
}

/* What the zone of the block says of an interval. */
enum zone_says { SAYS_NONE, SAYS_ALL, SAYS_SOME };

static enum zone_says
ask_zone(const struct sl_segment_cursor *cursor, const struct sl_segment_match_keys *keys)
{
    const struct sl_segment_zone *zone = &keys->column->zones[cursor->block];
    if (zone->null_count == cursor->block_rows || zone->max < keys->interval.first ||
        zone->min > keys->interval.last)
        return SAYS_NONE;
    bool is_inside = zone->min >= keys->interval.first && zone->max <= keys->interval.last;
    return is_inside && zone->null_count == 0 ? SAYS_ALL : SAYS_SOME;
}

/* The rows of one clause; false: they are not known, or more than `most`. */
static bool
find_rows(struct sl_segment_cursor *cursor, const struct sl_segment_match_keys *keys,
          uint32_t key_count, const uint64_t *selection, uint32_t most, uint64_t *rows)
{
    uint32_t left = most;
    bool is_known = true;
    memset(rows, 0, sl_words_for(cursor->block_rows) * sizeof(*rows));
    for (uint32_t i = 0; i < key_count && is_known; i++) {
        enum zone_says says = ask_zone(cursor, &keys[i]);
        struct sl_segment_kept **place =
            sl_segment_keep_place(cursor, keys[i].column, SL_SEGMENT_KEEP_VALUES);
        if (says == SAYS_NONE)
            continue;
        struct sl_segment_kept *kept = says == SAYS_ALL || place == NULL
                                           ? NULL
                                           : sl_segment_cache_find(cursor->reader->cache, place);
        is_known = kept != NULL && add_rows(cursor, &keys[i], kept, selection, &left, rows);
        if (kept != NULL)
            sl_segment_cache_leave(cursor->reader->cache, kept);
    }
    return is_known;
}

uint32_t
sl_segment_cursor_look_up(struct sl_segment_cursor *cursor, const struct sl_clause *clauses,
                          uint32_t clause_count, uint64_t *selection)
{
    const struct sl_segment_match *lookup = &cursor->lookup;
    size_t word_count = sl_words_for(cursor->block_rows);
    uint64_t rows[SL_BLOCK_ROWS / 64];
    uint32_t decided = 0;
    SL_ASSERT(cursor->magic == SL_SEGMENT_CURSOR_MAGIC);
    SL_ASSERT(cursor->reader != NULL && cursor->rows == NULL);
    if (!cursor->is_keeping || cursor->reader->cache == NULL)
        return 0;
    open_clauses(cursor, clauses, clause_count);
    uint32_t most = cursor->block_rows / SL_SEGMENT_MATCH_SHARE;
    for (uint32_t c = 0, first = 0; c < lookup->clause_count && most != 0;
         first = lookup->ends[c++]) {
        if (!find_rows(cursor, &lookup->keys[first], lookup->ends[c] - first, selection, most,
                       rows))
            continue;
        decided |= UINT32_C(1) << lookup->numbers[c];
        for (size_t w = 0; w < word_count; w++)
            selection[w] &= rows[w];
        /* Of few rows it is quicker to look at each than to mark many more. */
        uint64_t left = LEFT_ROWS * sl_words_count(selection, word_count);
        most = left < most ? (uint32_t)left : most;
    }
    return decided;
}
