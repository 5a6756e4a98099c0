/*
 * segment_input.c - columns of many batches as flat arrays; sets of distinct values.
 *
 * The sets are open-addressing hash tables over an array of entries. A slot has the entry's number and
 * 32 bits that tell most entries apart: of an IPv4 address all there is to know, so that its entry is
 * not looked at. Slots come at random, so a few dozen rows ask for theirs before the first is used. A
 * vector that comes as a dictionary is looked up once for each entry that a row uses, not once for each row: that is
 * what a merge, whose inputs are dictionaries already, spends its time on.
 */
#include "storage/segment/segment_input.h"

#include <stdlib.h>

#include "storage/base/hash.h"
#include "storage/base/words.h"

enum {
    SET_CAPACITY_FIRST = 1 << 12,
    PREFETCH_ROWS = 32,
    PIECE_KEYS = 512, /* that change their width at a time */
};

/* Where a walk over the rows of the input stands. */
struct piece {
    const struct sl_batch *batch;
    const uint32_t *selected; /* NULL: all rows */
    uint32_t first;           /* number of its first selected row among those of the input */
    uint32_t rows;            /* selected ones */
};

static uint32_t
piece_rows(const struct sl_segment_rows *rows)
{
    if (rows->selection == NULL)
        return rows->batch->row_count;
    return (uint32_t)sl_words_count(rows->selection, sl_words_for(rows->batch->row_count));
}

static struct piece
piece_at(const struct sl_segment_input *input, size_t index, uint32_t first)
{
    return (struct piece){input->rows[index].batch, input->selected[index], first,
                          piece_rows(&input->rows[index])};
}

/* Row of the batch that is row `index` of the piece. */
static uint32_t
piece_row(const struct piece *piece, uint32_t index)
{
    return piece->selected == NULL ? index : piece->selected[index];
}

static int
compare_columns(const void *a, const void *b)
{
    uint32_t left = (*(const struct sl_column *const *)a)->index;
    uint32_t right = (*(const struct sl_column *const *)b)->index;
    return (left > right) - (left < right);
}

static sl_status
collect_columns(struct sl_segment_input *input, struct sl_error *err)
{
    uint64_t *seen = sl_arena_calloc(input->arena, sl_words_for(SL_COLUMNS_MAX), sizeof(*seen));
    input->columns = sl_arena_alloc(input->arena, SL_COLUMNS_MAX * sizeof(*input->columns));
    if (seen == NULL || input->columns == NULL)
        return sl_fail(err, SL_LIMIT, "no memory for the columns of a row group");
    for (size_t i = 0; i < input->rows_count; i++) {
        const struct sl_batch *batch = input->rows[i].batch;
        for (uint32_t c = 0; c < batch->column_count; c++) {
            const struct sl_column *column = batch->columns[c].column;
            SL_ASSERT(column->index < SL_COLUMNS_MAX);
            if (sl_bit_get(seen, column->index))
                continue;
            sl_bit_set(seen, column->index);
            input->columns[input->column_count++] = column;
        }
    }
    qsort(input->columns, input->column_count, sizeof(*input->columns), compare_columns);
    return SL_OK;
}

/* Rows are selected once, and not for each column again. */
static sl_status
list_selected(struct sl_segment_input *input, struct sl_error *err)
{
    bool has_memory = true;
    input->selected = sl_arena_calloc(input->arena, input->rows_count, sizeof(*input->selected));
    for (size_t i = 0; input->selected != NULL && i < input->rows_count; i++) {
        const struct sl_segment_rows *rows = &input->rows[i];
        if (rows->selection == NULL)
            continue;
        uint32_t *list = sl_arena_alloc(input->arena, rows->batch->row_count * sizeof(*list));
        has_memory = has_memory && list != NULL;
        if (list != NULL)
            (void)sl_words_list(rows->selection, rows->batch->row_count, list);
        input->selected[i] = list;
    }
    if (input->selected == NULL || !has_memory)
        return sl_fail(err, SL_LIMIT, "no memory for the rows of a row group");
    return SL_OK;
}

sl_status
sl_segment_input_init(struct sl_segment_input *input, const struct sl_segment_rows *rows,
                      size_t rows_count, struct sl_arena *arena, struct sl_error *err)
{
    *input = (struct sl_segment_input){.rows = rows, .rows_count = rows_count, .arena = arena};
    uint64_t count = 0;
    for (size_t i = 0; i < rows_count; i++)
        count += piece_rows(&rows[i]);
    SL_ASSERT(count >= 1);
    SL_ASSERT(count <= SL_GROUP_ROWS_MAX);
    input->row_count = (uint32_t)count;
    SL_TRY(list_selected(input, err));
    return collect_columns(input, err);
}

/* Keys of `count` rows of one vector, from row `from` on; presence is dealt with elsewhere. */
static void
fill_keys(const struct sl_vector *v, uint32_t from, uint32_t count, uint64_t *keys)
{
    enum sl_type type = v->type;
    if (v->encoding == SL_PLAIN && v->width == 1) {
        const uint8_t *values = (const uint8_t *)v->values + from;
        for (uint32_t i = 0; i < count; i++)
            keys[i] = values[i];
    } else if (v->encoding == SL_PLAIN && v->width == 2) {
        const uint16_t *values = (const uint16_t *)v->values + from;
        for (uint32_t i = 0; i < count; i++)
            keys[i] = values[i];
    } else if (v->encoding == SL_PLAIN && v->width == 4) {
        const uint32_t *values = (const uint32_t *)v->values + from;
        for (uint32_t i = 0; i < count; i++)
            keys[i] = values[i];
    } else if (v->encoding == SL_PLAIN && type != SL_TYPE_F64) {
        const uint64_t *values = (const uint64_t *)v->values + from;
        uint64_t flip = sl_segment_key(type, 0);
        for (uint32_t i = 0; i < count; i++)
            keys[i] = values[i] ^ flip;
    } else if (v->encoding == SL_PLAIN) {
        const uint64_t *values = (const uint64_t *)v->values + from;
        for (uint32_t i = 0; i < count; i++)
            keys[i] = sl_segment_key(type, values[i]);
    } else if (v->value_count == 0) {
        memset(keys, 0, count * sizeof(*keys));
    } else if (v->encoding == SL_CONSTANT) {
        uint64_t key = sl_segment_key(type, sl_vector_entry_u64(v, 0));
        for (uint32_t i = 0; i < count; i++)
            keys[i] = key;
    } else {
        for (uint32_t i = 0; i < count; i++)
            keys[i] = sl_segment_key(type, sl_vector_entry_u64(v, v->codes[from + i]));
    }
}

/* Bits of the rows of a piece that have a value; `first` need not be at a word's start. */
static uint32_t
fill_presence(const struct sl_vector *v, const struct piece *piece, uint64_t *present)
{
    uint32_t null_count = 0;
    for (uint32_t i = 0; i < piece->rows; i++) {
        if (v == NULL || sl_vector_is_null(v, piece_row(piece, i)))
            null_count++;
        else
            sl_bit_set(present, piece->first + i);
    }
    return null_count;
}

static void
set_bits(uint64_t *words, uint32_t first, uint32_t count)
{
    uint32_t i = first;
    uint32_t end = first + count;
    for (; i < end && i % 64 != 0; i++)
        sl_bit_set(words, i);
    for (; i + 64 <= end; i += 64)
        words[i / 64] = UINT64_MAX;
    for (; i < end; i++)
        sl_bit_set(words, i);
}

/* Presence of one piece: quick where every row has a value. */
static uint32_t
mark_presence(const struct sl_vector *v, const struct piece *piece, uint64_t *present)
{
    bool is_all =
        v != NULL && v->present == NULL && !(v->encoding == SL_CONSTANT && v->value_count == 0);
    if (!is_all)
        return fill_presence(v, piece, present);
    set_bits(present, piece->first, piece->rows);
    return 0;
}

/* Where `index` of the keys of `width` bytes lies. */
static void *
key_at(void *keys, unsigned width, uint32_t index)
{
    return (uint8_t *)keys + (size_t)index * width;
}

#define NARROW_AS(type)                  \
    for (uint32_t i = 0; i < count; i++) \
        ((type *)out)[i] = (type)keys[i];

static void
store_keys(const uint64_t *keys, uint32_t count, unsigned width, void *out)
{
    if (width == 1)
        NARROW_AS(uint8_t)
    else if (width == 2)
        NARROW_AS(uint16_t)
    else if (width == 4)
        NARROW_AS(uint32_t)
    else
        memcpy(out, keys, count * sizeof(*keys));
}

/* fill_keys into integers of `width` bytes. */
static void
fill_flat(const struct sl_vector *v, uint32_t from, uint32_t to, unsigned width, void *out)
{
    uint64_t keys[PIECE_KEYS];
    bool is_as_it_is = v->encoding == SL_PLAIN && v->width == width && sl_type_is_unsigned(v->type);
    if (is_as_it_is) {
        memcpy(out, (const uint8_t *)v->values + (size_t)from * width, (size_t)(to - from) * width);
        return;
    }
    if (width == 8) {
        fill_keys(v, from, to - from, out);
        return;
    }
    for (uint32_t first = from; first < to; first += PIECE_KEYS) {
        uint32_t count = to - first < PIECE_KEYS ? to - first : PIECE_KEYS;
        fill_keys(v, first, count, keys);
        store_keys(keys, count, width, key_at(out, width, first - from));
    }
}

/* Selected rows of a vector of fixed size, PIECE_KEYS at most, taken out: dense, as others are. */
struct taken {
    struct sl_vector vector;
    struct sl_addr values[PIECE_KEYS]; /* the widest type */
    uint32_t codes[PIECE_KEYS];
};

static void
take_rows(const struct sl_vector *v, const uint32_t *rows, uint32_t count, struct taken *taken)
{
    taken->vector = *v;
    taken->vector.count = count;
    if (v->encoding == SL_DICT) {
        sl_vector_copy_entries(v->codes, sizeof(*v->codes), rows, count, taken->codes);
        taken->vector.codes = taken->codes;
    } else if (v->encoding == SL_PLAIN) {
        sl_vector_copy_entries(v->values, v->width, rows, count, taken->values);
        taken->vector.values = taken->values;
        taken->vector.value_count = count;
    }
}

/* Keys of all rows of a piece. */
static void
fill_piece(const struct sl_vector *v, const struct piece *piece, unsigned width, void *keys)
{
    struct taken taken;
    if (piece->selected == NULL) {
        fill_flat(v, 0, piece->rows, width, keys);
        return;
    }
    for (uint32_t i = 0; i < piece->rows; i += PIECE_KEYS) {
        uint32_t count = piece->rows - i < PIECE_KEYS ? piece->rows - i : PIECE_KEYS;
        take_rows(v, &piece->selected[i], count, &taken);
        fill_flat(&taken.vector, 0, count, width, key_at(keys, width, i));
    }
}

unsigned
sl_segment_input_width(const struct sl_segment_input *input, const struct sl_column *column)
{
    unsigned width = sl_type_is_unsigned(column->type) ? 1 : 8;
    for (size_t p = 0; p < input->rows_count; p++) {
        const struct sl_vector *v = sl_batch_find(input->rows[p].batch, column);
        width = v != NULL && v->width > width ? v->width : width;
    }
    return width;
}

bool
sl_segment_input_is_constant(const struct sl_segment_input *input, const struct sl_column *column,
                             uint64_t *out_key)
{
    for (size_t p = 0; p < input->rows_count; p++) {
        const struct sl_vector *v = sl_batch_find(input->rows[p].batch, column);
        if (v == NULL || v->encoding != SL_CONSTANT || v->value_count == 0 || v->present != NULL)
            return false;
        uint64_t key = sl_segment_key(v->type, sl_vector_entry_u64(v, 0));
        if (p != 0 && key != *out_key)
            return false;
        *out_key = key;
    }
    return true;
}

uint32_t
sl_segment_input_flat(const struct sl_segment_input *input, const struct sl_column *column,
                      unsigned width, void *keys, uint64_t *present)
{
    uint64_t zero_key = sl_segment_key(column->type, 0);
    uint32_t first = 0;
    uint32_t null_count = 0;
    memset(present, 0, sl_words_for(input->row_count) * sizeof(*present));
    for (size_t p = 0; p < input->rows_count; p++) {
        struct piece piece = piece_at(input, p, first);
        const struct sl_vector *v = sl_batch_find(piece.batch, column);
        uint32_t nulls = mark_presence(v, &piece, present);
        if (v != NULL)
            fill_piece(v, &piece, width, key_at(keys, width, first));
        for (uint32_t i = first; nulls != 0 && i < first + piece.rows; i++)
            if (!sl_bit_get(present, i))
                store_keys(&zero_key, 1, width, key_at(keys, width, i));
        null_count += nulls;
        first += piece.rows;
    }
    return null_count;
}

static uint64_t
hash_addr(struct sl_addr addr)
{
    return sl_hash_u64(addr.low + addr.high * UINT64_C(0x9e3779b97f4a7c15));
}

/* What a slot says of an entry above its number. IPv6 addresses are told from IPv4 ones by V6_SLOT
 * in the number's half, and from each other by their entries. */
#define V6_SLOT (UINT64_C(1) << 31)

static uint64_t
addr_slot(struct sl_addr addr, uint64_t hash)
{
    return sl_addr_is_v4(addr) ? addr.low << 32 : (hash >> 32 << 32 | V6_SLOT);
}

static bool
set_resize(struct sl_segment_set *set, bool is_addresses, uint32_t capacity)
{
    uint32_t slots = capacity * 2;
    uint64_t *table = sl_arena_calloc(set->arena, slots, sizeof(*table));
    struct sl_addr *addrs = NULL;
    struct sl_slice *slices = NULL;
    uint64_t *hashes = NULL;
    if (is_addresses) {
        addrs = sl_arena_alloc(set->arena, capacity * sizeof(*addrs));
    } else {
        slices = sl_arena_alloc(set->arena, capacity * sizeof(*slices));
        hashes = sl_arena_alloc(set->arena, capacity * sizeof(*hashes));
    }
    if (table == NULL || (is_addresses ? addrs == NULL : slices == NULL || hashes == NULL))
        return false;
    uint32_t mask = slots - 1;
    for (uint32_t i = 0; i < set->count; i++) {
        uint64_t hash;
        uint64_t tells;
        if (is_addresses) {
            addrs[i] = set->addrs[i];
            hash = hash_addr(addrs[i]);
            tells = addr_slot(addrs[i], hash);
        } else {
            slices[i] = set->slices[i];
            hashes[i] = hash = set->hashes[i];
            tells = hash >> 32 << 32;
        }
        uint32_t slot = (uint32_t)hash & mask;
        while (table[slot] != 0)
            slot = (slot + 1) & mask;
        table[slot] = tells | (i + 1);
    }
    set->table = table;
    set->table_mask = mask;
    set->capacity = capacity;
    set->addrs = addrs;
    set->slices = slices;
    set->hashes = hashes;
    return true;
}

bool
sl_segment_set_init(struct sl_segment_set *set, bool is_addresses, struct sl_arena *arena)
{
    *set = (struct sl_segment_set){.arena = arena};
    return set_resize(set, is_addresses, SET_CAPACITY_FIRST);
}

/* The code of an address, added when new; false when there is no memory. */
static bool
set_add_addr(struct sl_segment_set *set, struct sl_addr addr, uint64_t hash, uint32_t *out_code)
{
    if (set->count == set->capacity && !set_resize(set, true, set->capacity * 2))
        return false;
    uint64_t tells = addr_slot(addr, hash);
    bool is_v4 = (tells & V6_SLOT) == 0;
    uint32_t slot = (uint32_t)hash & set->table_mask;
    for (; set->table[slot] != 0; slot = (slot + 1) & set->table_mask) {
        uint64_t number = set->table[slot] ^ tells; /* below V6_SLOT when all else agrees */
        if (number >= V6_SLOT)
            continue;
        *out_code = (uint32_t)number - 1;
        if (is_v4 || sl_addr_equal(set->addrs[*out_code], addr))
            return true;
    }
    set->addrs[set->count] = addr;
    *out_code = set->count++;
    set->table[slot] = tells | set->count;
    return true;
}

/* An empty slice may have no bytes to point to. */
static bool
same_bytes(const uint8_t *a, const uint8_t *b, uint32_t size_bytes)
{
    return size_bytes == 0 || memcmp(a, b, size_bytes) == 0;
}

static bool
set_add_slice(struct sl_segment_set *set, struct sl_slice slice, uint32_t *out_code)
{
    if (set->count == set->capacity && !set_resize(set, false, set->capacity * 2))
        return false;
    uint64_t hash = sl_hash64(slice.bytes, slice.size_bytes);
    uint32_t slot = (uint32_t)hash & set->table_mask;
    while (set->table[slot] != 0) {
        uint32_t code = (uint32_t)set->table[slot] - 1;
        const struct sl_slice *entry = &set->slices[code];
        if (set->hashes[code] == hash && entry->size_bytes == slice.size_bytes &&
            same_bytes(entry->bytes, slice.bytes, slice.size_bytes)) {
            *out_code = code;
            return true;
        }
        slot = (slot + 1) & set->table_mask;
    }
    set->slices[set->count] = slice;
    set->hashes[set->count] = hash;
    set->bytes += slice.size_bytes;
    *out_code = set->count++;
    set->table[slot] = (hash >> 32 << 32) | set->count;
    return true;
}

static bool
set_add_entry(struct sl_segment_set *set, const struct sl_vector *v, uint32_t entry,
              uint32_t *out_code)
{
    if (v->type != SL_TYPE_ADDR)
        return set_add_slice(set, sl_vector_entry_slice(v, entry), out_code);
    struct sl_addr addr = sl_vector_entry_addr(v, entry);
    return set_add_addr(set, addr, hash_addr(addr), out_code);
}

/* The memo for the entries of a vector: kept while vectors share their dictionary. */
static bool
set_memo(struct sl_segment_set *set, const struct sl_vector *v)
{
    const void *identity = v->type == SL_TYPE_ADDR ? v->values : v->offsets;
    if (set->memo_of == identity)
        return true;
    if (v->value_count > set->memo_capacity) {
        set->memo = sl_arena_alloc(set->arena, v->value_count * sizeof(*set->memo));
        if (set->memo == NULL)
            return false;
        set->memo_capacity = v->value_count;
    }
    memset(set->memo, 0xff, v->value_count * sizeof(*set->memo));
    set->memo_of = identity;
    return true;
}

/* Codes of the plain addresses of a whole piece. Most are IPv4 and there already, in the first slot they
 * look at. */
static bool
fill_addr_codes(struct sl_segment_set *set, const struct sl_vector *v, uint32_t *codes)
{
    uint64_t hashes[PREFETCH_ROWS];
    for (uint32_t first = 0; first < v->count; first += PREFETCH_ROWS) {
        uint32_t count = v->count - first < PREFETCH_ROWS ? v->count - first : PREFETCH_ROWS;
        const uint64_t *table = set->table;
        uint32_t mask = set->table_mask;
        for (uint32_t i = 0; i < count; i++) {
            hashes[i] = hash_addr(sl_vector_entry_addr(v, first + i));
            __builtin_prefetch(&table[(uint32_t)hashes[i] & mask]);
        }
        for (uint32_t i = 0; i < count; i++) {
            struct sl_addr addr = sl_vector_entry_addr(v, first + i);
            uint64_t tells = addr_slot(addr, hashes[i]);
            uint64_t number = table[(uint32_t)hashes[i] & mask] ^ tells;
            bool is_found = number - 1 < V6_SLOT - 1 && (tells & V6_SLOT) == 0;
            codes[first + i] = (uint32_t)number - 1;
            if (SL_LIKELY(is_found))
                continue;
            if (!set_add_addr(set, addr, hashes[i], &codes[first + i]))
                return false;
            table = set->table;
            mask = set->table_mask;
        }
    }
    return true;
}

/* Codes of a piece whose rows all have the only entry of the vector. */
static bool
fill_constant_code(struct sl_segment_set *set, const struct sl_vector *v, uint32_t rows,
                   uint32_t *codes)
{
    uint32_t code;
    if (!set_add_entry(set, v, 0, &code))
        return false;
    for (uint32_t i = 0; i < rows; i++)
        codes[i] = code;
    return true;
}

/* Codes of one piece whose vector is there and has a value. */
static bool
fill_codes(struct sl_segment_set *set, const struct sl_vector *v, const struct piece *piece,
           const uint64_t *present, uint32_t *codes)
{
    bool has_memo = v->encoding != SL_PLAIN;
    if (has_memo && !set_memo(set, v))
        return false;
    uint32_t *memo = has_memo ? set->memo : NULL;
    for (uint32_t i = 0; i < piece->rows; i++) {
        uint32_t out = piece->first + i;
        codes[out] = 0;
        if (!sl_bit_get(present, out))
            continue;
        uint32_t entry = sl_vector_entry(v, piece_row(piece, i));
        uint32_t code = memo == NULL ? UINT32_MAX : memo[entry];
        if (code == UINT32_MAX && !set_add_entry(set, v, entry, &code))
            return false;
        if (memo != NULL)
            memo[entry] = code;
        codes[out] = code;
    }
    return true;
}

/* Codes of a piece whose rows all have a plain address. */
static bool
fill_piece_codes(struct sl_segment_set *set, const struct sl_vector *v, const struct piece *piece,
                 uint32_t *codes)
{
    struct taken taken;
    if (piece->selected == NULL)
        return fill_addr_codes(set, v, codes);
    for (uint32_t i = 0; i < piece->rows; i += PIECE_KEYS) {
        uint32_t count = piece->rows - i < PIECE_KEYS ? piece->rows - i : PIECE_KEYS;
        take_rows(v, &piece->selected[i], count, &taken);
        if (!fill_addr_codes(set, &taken.vector, &codes[i]))
            return false;
    }
    return true;
}

static bool
is_plain_addrs(const struct sl_vector *v)
{
    return v->type == SL_TYPE_ADDR && v->encoding == SL_PLAIN;
}

bool
sl_segment_input_codes(const struct sl_segment_input *input, const struct sl_column *column,
                       struct sl_segment_set *set, uint32_t *codes, uint64_t *present,
                       uint32_t *out_null_count)
{
    uint32_t first = 0;
    *out_null_count = 0;
    memset(present, 0, sl_words_for(input->row_count) * sizeof(*present));
    for (size_t p = 0; p < input->rows_count; p++) {
        struct piece piece = piece_at(input, p, first);
        const struct sl_vector *v = sl_batch_find(piece.batch, column);
        uint32_t nulls = mark_presence(v, &piece, present);
        if (nulls == piece.rows)
            memset(codes + first, 0, piece.rows * sizeof(*codes));
        else if (is_plain_addrs(v) && nulls == 0) {
            if (!fill_piece_codes(set, v, &piece, codes + first))
                return false;
        } else if (v->encoding == SL_CONSTANT && nulls == 0) {
            if (!fill_constant_code(set, v, piece.rows, codes + first))
                return false;
        } else if (!fill_codes(set, v, &piece, present, codes))
            return false;
        *out_null_count += nulls;
        first += piece.rows;
    }
    return true;
}

uint32_t
sl_segment_input_slices(const struct sl_segment_input *input, const struct sl_column *column,
                        struct sl_slice *slices, uint64_t *present)
{
    uint32_t first = 0;
    uint32_t null_count = 0;
    memset(present, 0, sl_words_for(input->row_count) * sizeof(*present));
    for (size_t p = 0; p < input->rows_count; p++) {
        struct piece piece = piece_at(input, p, first);
        const struct sl_vector *v = sl_batch_find(piece.batch, column);
        null_count += mark_presence(v, &piece, present);
        for (uint32_t i = 0; i < piece.rows; i++) {
            bool is_there = sl_bit_get(present, first + i);
            slices[first + i] =
                is_there ? sl_vector_slice(v, piece_row(&piece, i)) : (struct sl_slice){0};
        }
        first += piece.rows;
    }
    return null_count;
}
