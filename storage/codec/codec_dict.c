/*
 * codec_dict.c - few distinct values, wherever they lie: a sorted dictionary and packed codes.
 *
 * Layout
 *     varint  entries, 1 .. SL_DICT_ENTRIES_MAX
 *     pack.h, origin 0: entries, strictly ascending: the first as it is, each further one as its
 *             difference from the one before, less 1
 *     pack.h, origin 0: for each value the index of its entry
 * Sorted, because codes of neighbouring values are then near each other too, and the differences
 * of entries are short.
 */
#include "storage/base/hash.h"
#include "storage/codec/bits.h"
#include "storage/codec/pack.h"
#include "storage/codec/scheme.h"

static int
compare_u64(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

/* Number the distinct values in order of appearance: codes[i] for each value, `entries` by code.
 * Returns how many there are, or 0 when there are too many. */
static uint32_t
number_values(struct sl_scratch *s, const uint64_t *values, uint32_t count, uint64_t *codes,
              uint64_t *entries)
{
    uint32_t entry_count = 0;
    memset(s->slot_codes, 0, sizeof(s->slot_codes));
    for (uint32_t i = 0; i < count; i++) {
        size_t slot = sl_hash_u64(values[i]) % SL_DICT_SLOTS;
        while (s->slot_codes[slot] != 0 && s->slot_values[slot] != values[i])
            slot = (slot + 1) % SL_DICT_SLOTS;
        if (s->slot_codes[slot] == 0) {
            if (entry_count == SL_DICT_ENTRIES_MAX)
                return 0;
            entries[entry_count++] = values[i];
            s->slot_values[slot] = values[i];
            s->slot_codes[slot] = (uint16_t)entry_count;
        }
        codes[i] = s->slot_codes[slot] - 1U;
    }
    return entry_count;
}

static size_t
find_slot(const struct sl_scratch *s, uint64_t value)
{
    size_t slot = sl_hash_u64(value) % SL_DICT_SLOTS;
    while (s->slot_values[slot] != value || s->slot_codes[slot] == 0)
        slot = (slot + 1) % SL_DICT_SLOTS;
    return slot;
}

/* Codes of the values and their entries, ascending. Returns the number of entries, or 0 when there are
 * too many. */
static uint32_t
sort_values(struct sl_scratch *s, const uint64_t *values, uint32_t count, uint64_t *codes,
            uint64_t *entries)
{
    uint16_t sorted_code[SL_DICT_ENTRIES_MAX] = {0}; /* by code in order of appearance */
    uint32_t entry_count = number_values(s, values, count, codes, entries);
    qsort(entries, entry_count, sizeof(entries[0]), compare_u64);
    for (uint32_t i = 0; i < entry_count; i++)
        sorted_code[s->slot_codes[find_slot(s, entries[i])] - 1] = (uint16_t)i;
    for (uint32_t i = 0; entry_count != 0 && i < count; i++)
        codes[i] = sorted_code[codes[i]];
    return entry_count;
}

/* The same for values below SL_DICT_SMALL. */
static uint32_t
sort_small(struct sl_scratch *s, const uint64_t *values, uint32_t count, uint64_t *codes,
           uint64_t *entries)
{
    uint64_t seen[SL_DICT_SMALL / 64] = {0};
    uint32_t entry_count = 0;
    for (uint32_t i = 0; i < count; i++)
        seen[values[i] / 64] |= UINT64_C(1) << (values[i] % 64);
    for (uint32_t w = 0; w < SL_COUNTOF(seen); w++)
        for (uint64_t word = seen[w]; word != 0; word &= word - 1) {
            if (entry_count == SL_DICT_ENTRIES_MAX)
                return 0;
            entries[entry_count] = (uint64_t)w * 64 + (uint64_t)__builtin_ctzll(word);
            s->small_codes[entries[entry_count]] = (uint16_t)entry_count;
            entry_count++;
        }
    for (uint32_t i = 0; i < count; i++)
        codes[i] = s->small_codes[values[i]];
    return entry_count;
}

bool
sl_scheme_dict_encode(const uint64_t *values, uint32_t count, struct sl_buf *out)
{
    struct sl_scratch *scratch = sl_scratch_get();
    uint64_t entries[SL_DICT_ENTRIES_MAX] = {0};
    uint64_t *codes = scratch->first;
    uint64_t min;
    uint64_t max;

    sl_bits_range(values, count, &min, &max);
    uint32_t entry_count = max < SL_DICT_SMALL
                               ? sort_small(scratch, values, count, codes, entries)
                               : sort_values(scratch, values, count, codes, entries);
    if (entry_count == 0)
        return false;
    for (uint32_t i = entry_count - 1; i > 0; i--)
        entries[i] -= entries[i - 1] + 1;

    sl_buf_varint(out, entry_count);
    sl_pack_encode(entries, entry_count, 0, out);
    sl_pack_encode(codes, count, 0, out);
    return true;
}

/* Differences into entries; false when they do not ascend. */
static bool
restore_entries(uint64_t *entries, uint32_t entry_count)
{
    for (uint32_t i = 1; i < entry_count; i++) {
        if (entries[i - 1] == UINT64_MAX)
            return false;
        if (__builtin_add_overflow(entries[i], entries[i - 1] + 1, &entries[i]))
            return false;
    }
    return true;
}

/* Codes into values, in place; false for a code without an entry. */
static bool
look_up(const uint64_t *entries, uint32_t entry_count, uint32_t count, uint64_t *values)
{
    for (uint32_t i = 0; i < count; i++) {
        if (values[i] >= entry_count)
            return false;
        values[i] = entries[values[i]];
    }
    return true;
}

/* What values of a mini are looked up in. */
struct dictionary {
    uint64_t entries[SL_DICT_ENTRIES_MAX];
    uint32_t
        narrow[SL_DICT_ENTRIES_MAX]; /* the same, where all of them fit and that is asked for */
    uint32_t count;
};

/* Base and step go into the entries; false when one does not fit the target. */
static bool
prepare(struct dictionary *dictionary, struct sl_target *target)
{
    uint64_t all = 0;
    sl_shift_apply(sl_target_take_shift(target), dictionary->count, dictionary->entries);
    if (target->narrow == NULL)
        return true;
    for (uint32_t i = 0; i < dictionary->count; i++) {
        all |= dictionary->entries[i];
        dictionary->narrow[i] = (uint32_t)dictionary->entries[i];
    }
    return all <= UINT32_MAX;
}

/* The codes of a mini are of 32 bits, `first` is the least of them. */
static bool
look_up_codes(const struct dictionary *dictionary, uint32_t first, uint32_t count,
              const uint32_t *codes, uint64_t *values)
{
    uint32_t max = 0;
    for (uint32_t i = 0; i < count; i++)
        max = codes[i] > max ? codes[i] : max;
    if ((uint64_t)max + first >= dictionary->count)
        return false;
    const uint64_t *entries = &dictionary->entries[first];
    for (uint32_t i = 0; i < count; i++)
        values[i] = entries[codes[i]];
    return true;
}

static bool
look_up_narrow(const struct dictionary *dictionary, uint32_t first, uint32_t count,
               uint32_t *values)
{
    uint32_t max = 0;
    for (uint32_t i = 0; i < count; i++)
        max = values[i] > max ? values[i] : max;
    if ((uint64_t)max + first >= dictionary->count)
        return false;
    const uint32_t *entries = &dictionary->narrow[first];
    for (uint32_t i = 0; i < count; i++)
        values[i] = entries[values[i]];
    return true;
}

static bool
read_mini(const struct sl_pack *pack, uint32_t m, const struct dictionary *dictionary,
          struct sl_target *target)
{
    const struct sl_pack_mini *mini = &pack->minis[m];
    uint32_t *codes = sl_target_codes(target, m);
    if (!sl_pack_is_narrow(mini) || mini->minimum >= dictionary->count ||
        !sl_pack_read_u32(pack, m, codes))
        return false;
    uint32_t first = (uint32_t)mini->minimum;
    if (target->narrow != NULL)
        return look_up_narrow(dictionary, first, mini->count, codes);
    return look_up_codes(dictionary, first, mini->count, codes, sl_target_mini(target, m)) &&
           sl_target_done(target, m, mini->count);
}

bool
sl_scheme_dict_decode(struct sl_cursor *c, uint32_t count, uint32_t minis, struct sl_target *target)
{
    struct sl_pack pack;
    struct dictionary dictionary;
    uint64_t entry_count = sl_cursor_varint(c);

    if (entry_count == 0 || entry_count > SL_DICT_ENTRIES_MAX)
        return false;
    dictionary.count = (uint32_t)entry_count;
    if (!sl_pack_open(&pack, c, dictionary.count, 0) ||
        !sl_pack_read_all(&pack, dictionary.entries))
        return false;
    if (!restore_entries(dictionary.entries, dictionary.count) || !prepare(&dictionary, target))
        return false;
    if (!sl_pack_open(&pack, c, count, 0))
        return false;
    for (uint32_t m = 0; m < pack.mini_count; m++) {
        if ((minis >> m & 1) == 0)
            continue;
        uint32_t picks = sl_target_picks(target, m);
        if (picks != 0) {
            uint64_t *values = &target->picked[target->row_next];
            sl_pack_pick(&pack, m, &target->rows[target->row_next], picks, values);
            if (!look_up(dictionary.entries, dictionary.count, picks, values))
                return false;
            sl_target_picked(target, picks);
            continue;
        }
        if (!read_mini(&pack, m, &dictionary, target))
            return false;
    }
    return true;
}
