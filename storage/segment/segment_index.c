/*
 * segment_index.c - build and read the indexes of a row group; layout in segment_index.h.
 */
#include "storage/segment/segment_index.h"

#include "storage/base/arena.h"
#include "storage/base/cursor.h"
#include "storage/base/hash.h"
#include "storage/index/bitmap.h"
#include "storage/index/filter.h"
#include "storage/index/postings.h"

enum {
    /* Smaller keys have a slot of their own, the others are hashed to the slots behind them. */
    SMALL_KEYS = 1 << 16,
    HASHED_SLOTS = 4 * SL_BLOCK_ROWS,
    /* More (key, mini) pairs than one in so many rows would not stay below the index's share. */
    ROWS_PER_PAIR_MIN = 8,
    /* A range of more keys is not worth collecting: it is in every mini. */
    KEYS_COLLECTED_MAX = 4096,
    /* A filter that is wrong costs the reading of a dictionary: some ten microseconds of a small one,
     * and the fewer bits are worth it; milliseconds of a large one, for which one question waits. */
    FILTER_ENTRIES_FEW = 4096,
    FILTER_BITS_FEW = 6,
    FILTER_BITS_MANY = 10,
};

_Static_assert((uint64_t)SL_BLOCK_ROWS *SL_SEGMENT_GROUP_MINIS_MAX <= UINT32_MAX,
               "members of the bitmap fit 32 bits");

/*
 * Distinct keys of a column with provisional numbers, and the minis each is in. Its memory serves all
 * columns of a group. Most keys of a mini were met in it before: their slots alone say so.
 */
struct sl_segment_tally {
    uint32_t *last_mini; /* + 1, by slot; 0: no key has it */
    uint32_t *numbers;   /* by slot, where a key has it */
    uint64_t *keys;
    uint32_t *slots;  /* by number */
    uint32_t *places; /* among the sorted keys, by number */
    uint32_t key_count;
    uint32_t *pairs; /* number * SL_SEGMENT_GROUP_MINIS_MAX + mini */
    uint32_t pair_count;
    uint32_t pair_max;
};

/* An empty tally; NULL when there is no memory. */
static struct sl_segment_tally *
tally_take(struct sl_segment_emit *emit)
{
    struct sl_arena *arena = emit->arena;
    struct sl_segment_tally *tally = emit->tally;
    if (tally != NULL) {
        for (uint32_t i = 0; i < tally->key_count; i++)
            tally->last_mini[tally->slots[i]] = 0;
        tally->key_count = tally->pair_count = 0;
        return tally;
    }
    tally = sl_arena_calloc(arena, 1, sizeof(*tally));
    if (tally == NULL)
        return NULL;
    tally->pair_max = emit->group->row_count / ROWS_PER_PAIR_MIN;
    uint32_t slot_count = SMALL_KEYS + HASHED_SLOTS;
    tally->last_mini = sl_arena_calloc(arena, slot_count, sizeof(*tally->last_mini));
    tally->numbers = sl_arena_alloc(arena, slot_count * sizeof(*tally->numbers));
    tally->keys = sl_arena_alloc(arena, SL_BLOCK_ROWS * sizeof(*tally->keys));
    tally->slots = sl_arena_alloc(arena, SL_BLOCK_ROWS * sizeof(*tally->slots));
    tally->places = sl_arena_alloc(arena, SL_BLOCK_ROWS * sizeof(*tally->places));
    tally->pairs = sl_arena_alloc(arena, tally->pair_max * sizeof(*tally->pairs));
    bool has_memory = tally->last_mini != NULL && tally->numbers != NULL && tally->keys != NULL &&
                      tally->slots != NULL && tally->places != NULL && tally->pairs != NULL;
    emit->tally = has_memory ? tally : NULL;
    return emit->tally;
}

static uint32_t
find_slot(const struct sl_segment_tally *tally, uint64_t key)
{
    if (key < SMALL_KEYS)
        return (uint32_t)key;
    uint32_t slot = (uint32_t)sl_hash_u64(key) % HASHED_SLOTS;
    while (tally->last_mini[SMALL_KEYS + slot] != 0 &&
           tally->keys[tally->numbers[SMALL_KEYS + slot]] != key)
        slot = (slot + 1) % HASHED_SLOTS;
    return SMALL_KEYS + slot;
}

/* A key that was not met in this mini yet. False when there are more keys or pairs than an index may
 * have. */
static bool
tally_add(struct sl_segment_tally *tally, uint64_t key, uint32_t slot, uint32_t mini)
{
    if (tally->last_mini[slot] == 0) {
        if (tally->key_count == SL_BLOCK_ROWS)
            return false;
        tally->keys[tally->key_count] = key;
        tally->slots[tally->key_count] = slot;
        tally->numbers[slot] = tally->key_count++;
    }
    tally->last_mini[slot] = mini + 1; /* before anything fails: the slot is no longer free */
    if (tally->pair_count == tally->pair_max)
        return false;
    tally->pairs[tally->pair_count++] = tally->numbers[slot] * SL_SEGMENT_GROUP_MINIS_MAX + mini;
    return true;
}

/* The keys of mini `mini` of row_count rows. False as above. */
static bool
tally_add_mini(struct sl_segment_tally *tally, const uint64_t *keys, const uint64_t *present,
               uint32_t row_count, uint32_t mini)
{
    uint32_t first = mini * SL_MINI_ROWS;
    uint32_t end = row_count - first < SL_MINI_ROWS ? row_count : first + SL_MINI_ROWS;
    const uint32_t *last_mini = tally->last_mini;
    for (uint32_t i = first; i < end; i++) {
        uint32_t slot = find_slot(tally, keys[i]);
        if (last_mini[slot] == mini + 1 || (present != NULL && !sl_bit_get(present, i)))
            continue;
        if (!tally_add(tally, keys[i], slot, mini))
            return false;
    }
    return true;
}

static int
compare_u64(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

static uint32_t
find_key(const uint64_t *keys, uint32_t count, uint64_t key)
{
    uint32_t low = 0;
    uint32_t high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (keys[middle] < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The keys in ascending order, and where each is among them. Small ones lie in their slots in that
 * order. */
static void
sort_keys(struct sl_segment_tally *tally, uint64_t *sorted)
{
    uint32_t count = 0;
    for (uint32_t slot = 0; slot < SMALL_KEYS; slot++)
        if (tally->last_mini[slot] != 0)
            sorted[count++] = slot;
    uint32_t small_count = count;
    for (uint32_t i = 0; small_count < tally->key_count && i < tally->key_count; i++)
        if (tally->keys[i] >= SMALL_KEYS)
            sorted[count++] = tally->keys[i];
    SL_ASSERT(count == tally->key_count);
    qsort(sorted + small_count, count - small_count, sizeof(*sorted), compare_u64);
    for (uint32_t i = 0; i < count; i++)
        tally->places[tally->numbers[find_slot(tally, sorted[i])]] = i;
}

/* The pairs as (place of the key among those sorted, mini), ascending. They come by mini, so counting by
 * key is enough. NULL when there is no memory. */
static uint32_t *
sort_pairs(const struct sl_segment_tally *tally, struct sl_arena *arena)
{
    uint32_t *starts = sl_arena_calloc(arena, tally->key_count + 1, sizeof(*starts));
    uint32_t *pairs = sl_arena_alloc(arena, tally->pair_count * sizeof(*pairs));
    const uint32_t *places = tally->places;
    if (starts == NULL || pairs == NULL)
        return NULL;
    for (uint32_t i = 0; i < tally->pair_count; i++)
        starts[places[tally->pairs[i] / SL_SEGMENT_GROUP_MINIS_MAX] + 1]++;
    for (uint32_t i = 0; i < tally->key_count; i++)
        starts[i + 1] += starts[i];
    for (uint32_t i = 0; i < tally->pair_count; i++) {
        uint32_t mini = tally->pairs[i] % SL_SEGMENT_GROUP_MINIS_MAX;
        uint32_t place = places[tally->pairs[i] / SL_SEGMENT_GROUP_MINIS_MAX];
        pairs[starts[place]++] = place * SL_SEGMENT_GROUP_MINIS_MAX + mini;
    }
    return pairs;
}

/* The tally as bytes of a MINIS index. */
static sl_status
encode_minis(struct sl_segment_emit *emit, struct sl_segment_tally *tally, struct sl_error *err)
{
    uint64_t *sorted = sl_arena_alloc(emit->arena, tally->key_count * sizeof(*sorted));
    if (sorted == NULL)
        return sl_fail(err, SL_LIMIT, "no memory to index a row group");
    sort_keys(tally, sorted);
    const uint32_t *pairs = sort_pairs(tally, emit->arena);
    if (pairs == NULL)
        return sl_fail(err, SL_LIMIT, "no memory to index a row group");

    struct sl_buf *out = &emit->indexes;
    sl_buf_clear(&emit->trial);
    enum sl_codec codec = sl_codec_encode(sorted, tally->key_count, emit->effort, &emit->trial);
    sl_buf_varint(out, tally->key_count);
    sl_buf_u8(out, (uint8_t)codec);
    sl_buf_varint(out, emit->trial.size_bytes);
    sl_buf_append(out, emit->trial.bytes, emit->trial.size_bytes);
    out->bad = out->bad || emit->trial.bad;
    struct sl_bitmap *bitmap = sl_bitmap_create_sorted(pairs, tally->pair_count);
    sl_bitmap_encode(bitmap, out);
    sl_bitmap_destroy(bitmap);
    return SL_OK;
}

static sl_status
emit_minis(struct sl_segment_emit *emit, uint32_t number, const uint64_t *keys,
           const uint64_t *present, struct sl_error *err)
{
    uint32_t row_count = emit->group->row_count;
    uint32_t mini_count = (row_count + SL_MINI_ROWS - 1) / SL_MINI_ROWS;
    struct sl_segment_tally *tally = tally_take(emit);
    if (tally == NULL)
        return sl_fail(err, SL_LIMIT, "no memory to index a row group");
    for (uint32_t m = 0; m < mini_count; m++)
        if (!tally_add_mini(tally, keys, present, row_count, m))
            return SL_OK;
    if ((uint64_t)tally->pair_count * 2 > (uint64_t)tally->key_count * mini_count)
        return SL_OK; /* the average key is in most minis: it would exclude next to nothing */
    struct sl_segment_index *index;
    SL_TRY(sl_segment_emit_index(emit, SL_SEGMENT_INDEX_MINIS, number, SL_SEGMENT_NONE, 1, &index,
                                 err));
    size_t start = emit->indexes.size_bytes;
    SL_TRY(encode_minis(emit, tally, err));
    sl_segment_emit_index_piece(emit, index, 0, start);
    return SL_OK;
}

/* Columns that share a dictionary. */
struct posted {
    uint32_t column_count; /* 1 or 2 */
    uint32_t numbers[2];
    const uint64_t *keys[2];
    const uint64_t *present[2];
};

static void
post_mini(struct sl_postings_builder *builder, const struct posted *posted, uint32_t mini,
          uint32_t count)
{
    uint32_t codes[SL_MINI_ROWS];
    size_t first = (size_t)mini * SL_MINI_ROWS;
    for (uint32_t c = 0; c < posted->column_count; c++) {
        const uint64_t *present = posted->present[c];
        for (uint32_t i = 0; i < count; i++)
            codes[i] = (uint32_t)posted->keys[c][first + i];
        sl_postings_builder_add(builder, mini, codes, count,
                                present == NULL ? NULL : present + first / 64);
    }
}

static sl_status
encode_postings(struct sl_segment_emit *emit, const struct posted *posted, uint32_t entry_count,
                struct sl_postings_builder *builder, struct sl_error *err)
{
    uint32_t also = posted->column_count == 2 ? posted->numbers[1] : SL_SEGMENT_NONE;
    struct sl_segment_index *index;
    if (!sl_postings_builder_close(builder))
        return sl_fail(err, SL_LIMIT, "no memory to index a row group");
    SL_TRY(sl_segment_emit_index(emit, SL_SEGMENT_INDEX_POSTINGS, posted->numbers[0], also,
                                 sl_segment_piece_count(entry_count, SL_SEGMENT_PIECE_ENTRIES),
                                 &index, err));
    for (uint32_t i = 0; i < index->piece_count; i++) {
        size_t start = emit->indexes.size_bytes;
        sl_postings_builder_encode(builder, i * SL_SEGMENT_PIECE_ENTRIES,
                                   sl_segment_piece_size(entry_count, SL_SEGMENT_PIECE_ENTRIES, i),
                                   &emit->indexes);
        sl_segment_emit_index_piece(emit, index, i, start);
    }
    return SL_OK;
}

static sl_status
emit_postings(struct sl_segment_emit *emit, const struct posted *posted, uint32_t entry_count,
              struct sl_error *err)
{
    uint32_t row_count = emit->group->row_count;
    uint32_t mini_count = (row_count + SL_MINI_ROWS - 1) / SL_MINI_ROWS;
    struct sl_postings_builder *builder = sl_postings_builder_create(entry_count, mini_count);
    sl_status st = SL_OK;
    if (builder == NULL)
        return sl_fail(err, SL_LIMIT, "no memory to index a row group");
    for (uint32_t m = 0; m < mini_count; m++) {
        uint32_t left = row_count - m * SL_MINI_ROWS;
        post_mini(builder, posted, m, left < SL_MINI_ROWS ? left : SL_MINI_ROWS);
    }
    uint64_t pairs = sl_postings_builder_pair_count(builder);
    if (pairs * 2 <= (uint64_t)entry_count * mini_count)
        st = encode_postings(emit, posted, entry_count, builder, err);
    sl_postings_builder_destroy(builder);
    return st;
}

sl_status
sl_segment_index_emit(struct sl_segment_emit *emit, enum sl_segment_index_kind kind,
                      uint32_t number, uint32_t entry_count, const uint64_t *keys,
                      const uint64_t *present, struct sl_error *err)
{
    if (emit->group->row_count <= SL_MINI_ROWS)
        return SL_OK; /* one mini: zones and dictionary say as much */
    const struct posted posted = {
        .column_count = 1, .numbers = {number}, .keys = {keys}, .present = {present}};
    if (kind == SL_SEGMENT_INDEX_POSTINGS)
        return emit_postings(emit, &posted, entry_count, err);
    return emit_minis(emit, number, keys, present, err);
}

sl_status
sl_segment_index_emit_ends(struct sl_segment_emit *emit, const uint32_t numbers[2],
                           uint32_t entry_count, const uint64_t *const keys[2],
                           const uint64_t *const present[2], struct sl_error *err)
{
    if (emit->group->row_count <= SL_MINI_ROWS)
        return SL_OK;
    const struct posted posted = {.column_count = 2,
                                  .numbers = {numbers[0], numbers[1]},
                                  .keys = {keys[0], keys[1]},
                                  .present = {present[0], present[1]}};
    return emit_postings(emit, &posted, entry_count, err);
}

sl_status
sl_segment_index_emit_filter(struct sl_segment_emit *emit, const uint32_t numbers[2],
                             const struct sl_addr *addrs, uint32_t count, struct sl_error *err)
{
    if (emit->group->row_count <= SL_MINI_ROWS)
        return SL_OK; /* the dictionary is as small, and says it exactly */
    uint64_t *hashes = sl_arena_alloc(emit->arena, count * sizeof(*hashes));
    if (hashes == NULL)
        return sl_fail(err, SL_LIMIT, "no memory to index a row group");
    for (uint32_t i = 0; i < count; i++)
        hashes[i] = sl_filter_hash_addr(addrs[i]);
    size_t bits_per_key = count <= FILTER_ENTRIES_FEW ? FILTER_BITS_FEW : FILTER_BITS_MANY;
    uint32_t block_count = sl_filter_block_count(count, bits_per_key);
    struct sl_segment_index *index;
    SL_TRY(sl_segment_emit_index(emit, SL_SEGMENT_INDEX_FILTER, numbers[0], numbers[1],
                                 sl_segment_piece_count(block_count, SL_SEGMENT_PIECE_FILTER),
                                 &index, err));
    size_t start = emit->indexes.size_bytes;
    sl_filter_encode(hashes, count, bits_per_key, &emit->indexes);
    index->block_count = block_count;
    for (uint32_t i = 0; i < index->piece_count; i++)
        index->parts[i] = (struct sl_segment_part){
            .offset = start + (size_t)i * SL_SEGMENT_PIECE_FILTER * SL_FILTER_BLOCK_BYTES,
            .size_bytes = sl_segment_piece_size(block_count, SL_SEGMENT_PIECE_FILTER, i) *
                          SL_FILTER_BLOCK_BYTES};
    return SL_OK;
}

/* Minis of the keys `from` .. `to` - 1 of the sorted list. */
static void
collect_members(const struct sl_bitmap *bitmap, uint32_t from, uint32_t to, uint64_t *minis)
{
    uint64_t words[SL_SEGMENT_MINI_WORDS];
    for (uint32_t i = from; i < to; i++) {
        sl_bitmap_read(bitmap, i * SL_SEGMENT_GROUP_MINIS_MAX, SL_SEGMENT_GROUP_MINIS_MAX, words);
        for (uint32_t w = 0; w < SL_SEGMENT_MINI_WORDS; w++)
            minis[w] |= words[w];
    }
}

static sl_status
collect_minis(const struct sl_segment_part *part, const void *bytes, uint64_t first, uint64_t last,
              uint64_t *minis, struct sl_error *err)
{
    struct sl_cursor in = sl_cursor_over(bytes, part->size_bytes);
    uint64_t count = sl_cursor_varint(&in);
    uint8_t codec = sl_cursor_u8(&in);
    uint64_t size_bytes = sl_cursor_varint(&in);
    const uint8_t *encoded = sl_cursor_take(&in, (size_t)size_bytes);
    if (in.bad || count == 0 || count > SL_BLOCK_ROWS || codec >= SL_CODEC_COUNT)
        return sl_fail(err, SL_CORRUPT, "index of minis is malformed");
    uint64_t *keys = sl_try_alloc(count * sizeof(*keys));
    if (keys == NULL)
        return sl_fail(err, SL_LIMIT, "no memory to read an index");
    struct sl_bitmap *bitmap = NULL;
    sl_status st = sl_codec_decode((enum sl_codec)codec, encoded, (size_t)size_bytes,
                                   (uint32_t)count, UINT32_MAX, keys, err);
    for (uint32_t i = 1; st == SL_OK && i < count; i++)
        if (keys[i - 1] >= keys[i])
            st = sl_fail(err, SL_CORRUPT, "keys of an index do not ascend at %u", i);
    if (st == SL_OK)
        st = sl_bitmap_decode(in.next, sl_cursor_left(&in), &bitmap, err);
    if (st == SL_OK) {
        uint32_t from = find_key(keys, (uint32_t)count, first);
        uint32_t to =
            last == UINT64_MAX ? (uint32_t)count : find_key(keys, (uint32_t)count, last + 1);
        if (to - from <= KEYS_COLLECTED_MAX)
            collect_members(bitmap, from, to, minis);
        else
            memset(minis, 0xff, SL_SEGMENT_MINI_WORDS * sizeof(*minis));
    }
    sl_bitmap_destroy(bitmap);
    free(keys);
    return st;
}

/* Of a piece of postings, whose first entry is `start`. */
static sl_status
collect_postings(const struct sl_segment_part *part, const void *bytes, uint32_t start,
                 uint32_t entry_count, uint32_t mini_count, uint64_t first, uint64_t last,
                 uint64_t *minis, struct sl_error *err)
{
    struct sl_postings postings;
    uint64_t end = (uint64_t)start + entry_count;
    SL_ASSERT(first < end && last >= start);
    first = first < start ? start : first;
    last = last < end ? last : end - 1;
    SL_TRY(sl_postings_open(bytes, part->size_bytes, entry_count, mini_count, &postings, err));
    return sl_postings_collect(&postings, (uint32_t)(first - start), (uint32_t)(last - start),
                               minis, err);
}

sl_status
sl_segment_index_collect(const struct sl_segment_index *index, uint32_t piece, const void *bytes,
                         uint32_t entry_count, uint32_t mini_count, uint64_t first, uint64_t last,
                         uint64_t *minis, struct sl_error *err)
{
    const struct sl_segment_part *part = &index->parts[piece];
    SL_ASSERT(piece < index->piece_count && first <= last);
    if (index->kind == SL_SEGMENT_INDEX_MINIS)
        return collect_minis(part, bytes, first, last, minis, err);
    return collect_postings(part, bytes, piece * SL_SEGMENT_PIECE_ENTRIES,
                            sl_segment_piece_size(entry_count, SL_SEGMENT_PIECE_ENTRIES, piece),
                            mini_count, first, last, minis, err);
}
