/*
 * segment_lookup.c - see segment_lookup.h.
 */
#include "storage/segment/segment_lookup.h"

/* Entries in memory: of a piece, or all. */
struct entries {
    const struct sl_segment_item *item;
    uint32_t first; /* the code of its first entry */
    uint32_t end;
};

/* A dictionary that is looked into. */
struct lookup {
    struct sl_segment_reader *reader;
    uint32_t group_number;
    uint32_t number;
    const struct sl_segment_group *group;
    const struct sl_segment_dictionary *dictionary;
    struct sl_segment_counters *counters;
    struct sl_error *err;
};

static struct lookup
open_lookup(struct sl_segment_reader *reader, uint32_t group, uint32_t dictionary,
            struct sl_segment_counters *counters, struct sl_error *err)
{
    const struct sl_segment_group *described = &reader->footer.groups[group];
    SL_ASSERT(dictionary < described->dictionary_count);
    SL_ASSERT(described->dictionaries[dictionary].kind == SL_SEGMENT_DICTIONARY_ADDRESSES);
    return (struct lookup){
        .reader = reader,
        .group_number = group,
        .number = dictionary,
        .group = described,
        .dictionary = &described->dictionaries[dictionary],
        .counters = counters,
        .err = err,
    };
}

/* The entries of a piece, among all of them where these are loaded. */
static sl_status
open_piece(const struct lookup *l, uint32_t piece, struct entries *out_entries)
{
    const struct sl_segment_item *item =
        sl_segment_item_find(l->reader, l->group_number, l->number);
    *out_entries = (struct entries){.item = item, .end = l->dictionary->entry_count};
    if (item != NULL)
        return SL_OK;
    out_entries->first = piece * SL_SEGMENT_PIECE_ENTRIES;
    out_entries->end = out_entries->first + sl_segment_piece_size(l->dictionary->entry_count,
                                                                  SL_SEGMENT_PIECE_ENTRIES, piece);
    return sl_segment_item_get(l->reader, l->group_number,
                               sl_segment_item_of_addresses(l->group, l->dictionary, piece),
                               &out_entries->item, l->counters, l->err);
}

/* The piece whose entries begin at or below the key; SL_SEGMENT_NONE: the key is below all. */
static uint32_t
find_piece(const struct sl_segment_dictionary *dictionary, struct sl_addr key)
{
    uint32_t low = 0;
    uint32_t high = dictionary->piece_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (sl_addr_compare(dictionary->firsts[middle], key) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low == 0 ? SL_SEGMENT_NONE : low - 1;
}

/* The first code whose address is at or above the key, and whether it is the key. */
static sl_status
find_code(const struct lookup *l, struct sl_addr key, uint32_t *out_code, bool *out_is_equal)
{
    uint32_t piece = find_piece(l->dictionary, key);
    struct entries entries;
    *out_code = 0;
    *out_is_equal = false;
    if (piece == SL_SEGMENT_NONE)
        return SL_OK;
    SL_TRY(open_piece(l, piece, &entries));
    uint32_t low = entries.first;
    uint32_t high = entries.end;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (sl_addr_compare(sl_segment_item_addr(entries.item, middle - entries.first), key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *out_code = low;
    *out_is_equal = low < entries.end &&
                    sl_addr_equal(sl_segment_item_addr(entries.item, low - entries.first), key);
    return SL_OK;
}

sl_status
sl_segment_lookup_codes(struct sl_segment_reader *reader, uint32_t group, uint32_t dictionary,
                        struct sl_addr low, struct sl_addr high, struct sl_segment_codes *out_codes,
                        bool *out_is_any, struct sl_segment_counters *counters,
                        struct sl_error *err)
{
    struct lookup l = open_lookup(reader, group, dictionary, counters, err);
    uint32_t first, end;
    bool is_first, is_end;
    *out_is_any = false;
    if (sl_addr_compare(low, high) > 0)
        return SL_OK;
    SL_TRY(find_code(&l, low, &first, &is_first));
    if (sl_addr_equal(low, high)) {
        end = first;
        is_end = is_first;
    } else {
        SL_TRY(find_code(&l, high, &end, &is_end));
    }
    end += is_end;
    *out_is_any = first < end;
    if (*out_is_any)
        *out_codes = (struct sl_segment_codes){first, end - 1};
    return SL_OK;
}

bool
sl_segment_lookup_pays(struct sl_segment_reader *reader, uint32_t group, uint32_t dictionary,
                       uint32_t count)
{
    struct lookup l = open_lookup(reader, group, dictionary, NULL, NULL);
    /* Each may be in another piece, and each piece costs a read of its own. */
    return count <= l.dictionary->piece_count / 4 &&
           sl_segment_item_find(reader, group, dictionary) == NULL;
}

sl_status
sl_segment_lookup_addresses(struct sl_segment_reader *reader, uint32_t group, uint32_t dictionary,
                            const uint32_t *codes, uint32_t count, struct sl_addr *out_addrs,
                            struct sl_segment_counters *counters, struct sl_error *err)
{
    struct lookup l = open_lookup(reader, group, dictionary, counters, err);
    struct entries entries = {0};
    for (uint32_t i = 0; i < count; i++) {
        SL_ASSERT(codes[i] < l.dictionary->entry_count);
        if (codes[i] < entries.first || codes[i] >= entries.end)
            SL_TRY(open_piece(&l, codes[i] / SL_SEGMENT_PIECE_ENTRIES, &entries));
        out_addrs[i] = sl_segment_item_addr(entries.item, codes[i] - entries.first);
    }
    return SL_OK;
}
