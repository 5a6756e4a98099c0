/*
 * group_code.c - the keys of rows as codes: see group_number.h.
 *
 * One pass over a slice for each key. The layout of a code grows with the ids that are met; a pass
 * that finds an id too wide for its part says so, and the slice is coded again.
 */
#include "query/group.h"

enum { FEW_ENTRIES = 4096, IDS_FIRST = 64, IDS_MAX = 1 << 24 };

static bool
is_integer(const struct group_key *key)
{
    return sl_type_is_unsigned(key->key->type.type);
}

bool
group_code_init(const struct group *group, struct sl_arena *arena, struct group_numbers *numbers)
{
    numbers->parts = sl_arena_calloc(arena, group->key_count, sizeof(*numbers->parts));
    return numbers->parts != NULL;
}

static size_t
ids_bytes(size_t slot_count)
{
    return slot_count * sizeof(uint32_t) + (slot_count / 2 + 1) * sizeof(union sl_argument);
}

static void
ids_fini(struct group_ids *ids, struct sl_budget *budget)
{
    if (ids->slots != NULL)
        sl_budget_give(budget, ids_bytes((size_t)ids->slot_mask + 1));
    free(ids->slots);
    free(ids->values);
    *ids = (struct group_ids){0};
}

static void
entries_fini(struct group_entries *entries, struct sl_budget *budget)
{
    free(entries->ids);
    free(entries->numbers);
    sl_budget_give(budget, 2 * sizeof(uint32_t) * entries->capacity);
    *entries = (struct group_entries){0};
}

void
group_code_fini(const struct group *group, struct group_numbers *numbers)
{
    for (uint32_t k = 0; k < group->key_count && numbers->parts != NULL; k++) {
        struct group_code_part *part = &numbers->parts[k];
        ids_fini(&part->ids, numbers->budget);
        for (unsigned s = 0; s < GROUP_SIDES_MAX; s++) {
            entries_fini(&part->entries[s], numbers->budget);
        }
    }
}

/* ---- ids of values ---- */

static uint32_t *
find_id(const struct group_ids *ids, const union sl_argument *value)
{
    uint32_t at = (uint32_t)sl_group_hash(value, sizeof(*value)) & ids->slot_mask;

    while (ids->slots[at] != 0 &&
           !sl_group_keys_equal(&ids->values[ids->slots[at]], value, sizeof(*value)))
        at = (at + 1) & ids->slot_mask;
    return &ids->slots[at];
}

static bool
grow_ids(struct group_ids *ids, struct sl_budget *budget)
{
    size_t slot_count = ids->slots == NULL ? IDS_FIRST : 2 * ((size_t)ids->slot_mask + 1);
    struct group_ids more = {.slot_mask = (uint32_t)slot_count - 1, .count = ids->count};

    if (slot_count > IDS_MAX || !sl_budget_take(budget, ids_bytes(slot_count)))
        return false;
    more.slots = sl_try_alloc(slot_count * sizeof(*more.slots));
    more.values = sl_try_alloc((slot_count / 2 + 1) * sizeof(*more.values));
    if (more.slots == NULL || more.values == NULL) {
        free(more.slots);
        free(more.values);
        sl_budget_give(budget, ids_bytes(slot_count));
        return false;
    }
    for (uint32_t id = 1; id <= ids->count; id++) {
        more.values[id] = ids->values[id];
        *find_id(&more, &ids->values[id]) = id;
    }
    ids_fini(ids, budget);
    *ids = more;
    return true;
}

/* 0: no room. */
static uint32_t
id_of_value(struct group_ids *ids, struct sl_budget *budget, const union sl_argument *value)
{
    if ((ids->slots == NULL || ids->count >= (ids->slot_mask + 1) / 2) && !grow_ids(ids, budget))
        return 0;
    uint32_t *id = find_id(ids, value);
    if (*id == 0) {
        *id = ++ids->count;
        ids->values[*id] = *value;
    }
    return *id;
}

/* ---- ids of entries ---- */

static void
clear_entries(struct group_entries *entries, uint32_t count)
{
    if (count == 0)
        return;
    memset(entries->ids, 0, count * sizeof(uint32_t));
    memset(entries->numbers, 0, count * sizeof(uint32_t));
}

/* Ids of the dictionary's entries: those of the last chunk where it is the same. */
static bool
open_entries(struct sl_budget *budget, const struct sl_vector *v, struct group_entries *entries)
{
    size_t bytes = v->value_count * sizeof(uint32_t);

    if (v->value_count > entries->capacity) {
        entries_fini(entries, budget);
        if (!sl_budget_take(budget, 2 * bytes))
            return false;
        *entries = (struct group_entries){.ids = sl_try_alloc_table(bytes),
                                          .numbers = sl_try_alloc_table(bytes),
                                          .capacity = v->value_count};
        if (entries->ids == NULL || entries->numbers == NULL) {
            entries_fini(entries, budget);
            return false;
        }
    } else if (v->dictionary == 0 || v->dictionary != entries->dictionary) {
        clear_entries(entries, v->value_count);
    }
    entries->dictionary = v->dictionary;
    return true;
}

void
group_code_forget(const struct group *group, struct group_numbers *numbers)
{
    for (uint32_t k = 0; k < group->key_count; k++)
        for (unsigned s = 0; s < GROUP_SIDES_MAX; s++) {
            struct group_entries *entries = &numbers->parts[k].entries[s];
            if (entries->capacity != 0)
                memset(entries->numbers, 0, entries->capacity * sizeof(uint32_t));
        }
}

enum group_outcome
group_code_open(const struct group *group, struct group_numbers *numbers, unsigned side_index,
                const struct key_side *side, uint32_t row_count)
{
    bool is_large = group->key_count == 1 && group->value_table_count == 0;
    uint32_t most = is_large ? (uint32_t)GROUP_DICTIONARY_MAX : (uint32_t)GROUP_NUMBER_ENTRIES_MAX;

    for (uint32_t k = 0; k < group->key_count; k++) {
        const struct sl_vector *v = &side->vectors[k];
        if (v->encoding == SL_PLAIN && !is_integer(&group->keys[k]))
            return GROUP_UNFIT;
        if (v->encoding != SL_DICT)
            continue;
        /* An array for a few rows costs more than asking the table for them. */
        bool pays =
            v->value_count <= FEW_ENTRIES || row_count > v->value_count / GROUP_ENTRIES_PER_ROW;
        if (v->value_count > most || !pays ||
            !open_entries(numbers->budget, v, &numbers->parts[k].entries[side_index]))
            return GROUP_UNFIT;
    }
    return GROUP_DONE;
}

/* The id of an entry; 0: none is to be had. */
static uint64_t
id_of(const struct group *group, struct group_worker *w, uint32_t k, struct key_side *side,
      uint32_t entry)
{
    const struct group_key *key = &group->keys[k];
    union sl_argument value = {0};

    if (key->pool != NULL) {
        uint32_t number = group_text_number(w, k, side, entry);
        return number == SL_TEXT_NONE ? 0 : (uint64_t)number + 1;
    }
    if (is_integer(key))
        return sl_vector_entry_u64(&side->vectors[k], entry) + 1;
    if (!group_pack_value(key, &side->vectors[k], entry, (uint8_t *)&value))
        return 0;
    return id_of_value(&w->numbers.parts[k].ids, w->numbers.budget, &value);
}

/* ---- rows to codes ---- */

/* Each answers with the ids and what they were made of, all bits together. */
#define DEFINE_PUT(type)                                                                 \
    static uint64_t put_##type(const type *restrict values, const struct group_slice *s, \
                               unsigned shift, uint64_t *restrict codes)                 \
    {                                                                                    \
        uint64_t any = 0;                                                                \
        if (s->is_adjacent) {                                                            \
            values += s->rows[0];                                                        \
            for (uint32_t i = 0; i < s->count; i++) {                                    \
                uint64_t value = values[i];                                              \
                any |= value | (value + 1);                                              \
                codes[i] |= (value + 1) << shift;                                        \
            }                                                                            \
            return any;                                                                  \
        }                                                                                \
        for (uint32_t i = 0; i < s->count; i++) {                                        \
            uint64_t value = values[s->rows[i]];                                         \
            any |= value | (value + 1);                                                  \
            codes[i] |= (value + 1) << shift;                                            \
        }                                                                                \
        return any;                                                                      \
    }

DEFINE_PUT(uint8_t)
DEFINE_PUT(uint16_t)
DEFINE_PUT(uint32_t)
DEFINE_PUT(uint64_t)

static uint64_t
put_plain(const struct sl_vector *v, const struct group_slice *slice, unsigned shift,
          uint64_t *codes)
{
    uint64_t any = 0;

    if (v->present != NULL) {
        for (uint32_t i = 0; i < slice->count; i++) {
            if (!sl_bit_get(v->present, slice->rows[i]))
                continue;
            uint64_t value = sl_vector_entry_u64(v, slice->rows[i]);
            any |= value | (value + 1);
            codes[i] |= (value + 1) << shift;
        }
        return any;
    }
    switch (v->width) {
    case 1:
        return put_uint8_t(v->values, slice, shift, codes);
    case 2:
        return put_uint16_t(v->values, slice, shift, codes);
    case 4:
        return put_uint32_t(v->values, slice, shift, codes);
    default:
        return put_uint64_t(v->values, slice, shift, codes);
    }
}

static enum group_outcome
put_constant(const struct group *group, struct group_worker *w, uint32_t k, struct key_side *side,
             const struct group_slice *slice, uint64_t *out_any)
{
    const struct sl_vector *v = &side->vectors[k];
    unsigned shift = w->numbers.parts[k].shift;

    if (v->value_count == 0)
        return GROUP_DONE;
    uint64_t id = id_of(group, w, k, side, 0);
    if (id == 0)
        return GROUP_UNFIT;
    *out_any = id;
    for (uint32_t i = 0; i < slice->count; i++)
        w->numbers.row_codes[i] |=
            v->present == NULL || sl_bit_get(v->present, slice->rows[i]) ? id << shift : 0;
    return GROUP_DONE;
}

/* Ids of rows that all have an entry. False: some entry has no id yet; those of the others are put. */
static bool
put_known(const uint32_t *ids, const uint32_t *entries, const struct group_slice *slice,
          unsigned shift, uint64_t *restrict codes, uint64_t *out_any)
{
    uint64_t any = 0;
    bool is_missing = false;

    for (uint32_t i = 0; i < slice->count; i++) {
        uint64_t id = ids[entries[slice->rows[i]]];
        is_missing |= id == 0;
        any |= id;
        codes[i] |= id << shift;
    }
    *out_any = any;
    return !is_missing;
}

static enum group_outcome
put_dictionary(const struct group *group, struct group_worker *w, unsigned side_index, uint32_t k,
               struct key_side *side, const struct group_slice *slice, uint64_t *out_any)
{
    const struct sl_vector *v = &side->vectors[k];
    struct group_code_part *part = &w->numbers.parts[k];
    uint32_t *ids = part->entries[side_index].ids;
    uint64_t *codes = w->numbers.row_codes;
    uint64_t any = 0;

    if (v->present == NULL && put_known(ids, v->codes, slice, part->shift, codes, out_any))
        return GROUP_DONE;
    for (uint32_t i = 0; i < slice->count; i++) {
        uint32_t row = slice->rows[i];
        if (v->present != NULL && !sl_bit_get(v->present, row))
            continue;
        uint64_t id = ids[v->codes[row]];
        if (SL_UNLIKELY(id == 0)) {
            id = id_of(group, w, k, side, v->codes[row]);
            if (id == 0 || id > UINT32_MAX)
                return GROUP_UNFIT;
            ids[v->codes[row]] = (uint32_t)id;
        }
        any |= id;
        codes[i] |= id << part->shift;
    }
    *out_any = any;
    return GROUP_DONE;
}

enum group_outcome
group_code_put(const struct group *group, struct group_worker *w, unsigned side_index,
               struct key_side *side, const struct group_slice *slice, bool *out_is_wider)
{
    *out_is_wider = false;
    memset(w->numbers.row_codes, 0, slice->count * sizeof(uint64_t));
    for (uint32_t k = 0; k < group->key_count; k++) {
        const struct sl_vector *v = &side->vectors[k];
        struct group_code_part *part = &w->numbers.parts[k];
        enum group_outcome outcome = GROUP_DONE;
        uint64_t any = 0;
        switch (v->encoding) {
        case SL_PLAIN:
            any = put_plain(v, slice, part->shift, w->numbers.row_codes);
            break;
        case SL_CONSTANT:
            outcome = put_constant(group, w, k, side, slice, &any);
            break;
        case SL_DICT:
            outcome = put_dictionary(group, w, side_index, k, side, slice, &any);
            break;
        }
        if (outcome != GROUP_DONE)
            return outcome;
        if ((any & ~part->seen) == 0)
            continue;
        part->seen |= any;
        *out_is_wider |= any >> part->bits != 0;
    }
    return GROUP_DONE;
}
