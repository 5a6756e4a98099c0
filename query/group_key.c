/*
 * group_key.c - keys of rows as the bytes of a record, and back: each at its offset, zero where it
 * is NULL, and the NULL bits behind them. Equal keys have equal bytes.
 */
#include "query/group.h"

uint32_t
group_text_number(struct group_worker *w, uint32_t key_index, struct key_side *side, uint32_t entry)
{
    SL_ASSERT(side->numbers != NULL);
    uint32_t *number = &side->numbers[key_index][entry];

    if (*number == SL_TEXT_NONE)
        *number = sl_text_cache_number(w->key_caches[key_index],
                                       sl_vector_entry_slice(&side->vectors[key_index], entry));
    return *number;
}

static void
pack_fixed(const struct sl_vector *v, uint32_t entry, uint32_t bytes, uint8_t *target)
{
    if (v->type == SL_TYPE_DECIMAL) {
        memcpy(target, (const sl_i128 *)v->values + entry, sizeof(sl_i128));
    } else if (v->type == SL_TYPE_F64) {
        double number = ((const double *)v->values)[entry];
        number = number == 0 ? 0 : number; /* -0 and 0 are one group */
        memcpy(target, &number, sizeof(number));
    } else {
        uint64_t number = sl_vector_entry_u64(v, entry);
        memcpy(target, &number, bytes);
    }
}

bool
group_pack_value(const struct group_key *key, const struct sl_vector *v, uint32_t entry,
                 uint8_t *target)
{
    uint32_t code;

    if (key->addrs == NULL) {
        pack_fixed(v, entry, key->bytes, target);
        return true;
    }
    if (!sl_addr_pool_code(key->addrs, sl_vector_entry_addr(v, entry), &code))
        return false;
    memcpy(target, &code, sizeof(code));
    return true;
}

void
group_codes_fini(struct group_codes *codes, struct sl_budget *budget)
{
    sl_budget_give(budget, codes->capacity * sizeof(*codes->codes));
    free(codes->codes);
    *codes = (struct group_codes){0};
}

/* All that are no numbers, in one pass through the dictionary: rows would jump about in it. */
static void
fill_codes(const struct sl_vector *key, uint32_t *codes)
{
    const uint32_t *narrow = key->values;
    const struct sl_addr *wide = key->values;

    for (uint32_t i = 0; i < key->value_count && key->width == 4; i++)
        codes[i] = narrow[i] < SL_ADDR_CODE_NUMBERED ? narrow[i] : SL_ADDR_CODE_NONE;
    for (uint32_t i = 0; i < key->value_count && key->width != 4; i++) {
        bool is_inline = wide[i].high == 0 && wide[i].low < SL_ADDR_CODE_NUMBERED;
        codes[i] = is_inline ? (uint32_t)wide[i].low : SL_ADDR_CODE_NONE;
    }
}

uint32_t *
group_codes_open(struct group_codes *codes, struct sl_budget *budget, const struct sl_vector *key,
                 uint32_t row_count)
{
    size_t bytes = key->value_count * sizeof(*codes->codes);

    if (key->encoding != SL_DICT || key->dictionary == 0)
        return NULL;
    if (key->dictionary == codes->dictionary)
        return codes->codes;
    if (row_count < key->value_count / GROUP_ENTRIES_PER_ROW)
        return NULL;
    if (key->value_count > codes->capacity) {
        group_codes_fini(codes, budget);
        if (!sl_budget_take(budget, bytes))
            return NULL;
        codes->codes = sl_try_alloc(bytes);
        if (codes->codes == NULL) {
            sl_budget_give(budget, bytes);
            return NULL;
        }
        codes->capacity = key->value_count;
    }
    fill_codes(key, codes->codes);
    codes->dictionary = key->dictionary;
    return codes->codes;
}

/* One more address that has no code by itself, to be put at out[at]. */
static void
miss(struct group_missing *missing, struct sl_addr addr, uint32_t at)
{
    missing->addrs[missing->count] = addr;
    missing->at[missing->count++] = at;
}

/* Addresses of a dictionary whose codes are kept. */
static void
pack_coded(const struct sl_vector *v, const uint32_t *codes, size_t stride, const uint32_t *rows,
           uint32_t count, struct group_missing *missing, uint8_t *target)
{
    enum { AHEAD = 16 };

    for (uint32_t i = 0; i < count; i++, target += stride) {
        uint32_t code = codes[v->codes[rows[i]]];
        if (i + AHEAD < count)
            __builtin_prefetch(&codes[v->codes[rows[i + AHEAD]]]);
        if (v->present != NULL && !sl_bit_get(v->present, rows[i]))
            code = SL_ADDR_CODE_NONE;
        else if (SL_UNLIKELY(code == SL_ADDR_CODE_NONE))
            miss(missing, sl_vector_addr(v, rows[i]), i);
        memcpy(target, &code, sizeof(code));
    }
}

static void
pack_uncoded(const struct sl_vector *v, size_t stride, const uint32_t *rows, uint32_t count,
             struct group_missing *missing, uint8_t *target)
{
    enum { AHEAD = 16 };

    for (uint32_t i = 0; i < count; i++, target += stride) {
        uint32_t code = SL_ADDR_CODE_NONE;
        if (v->encoding == SL_DICT && i + 2 * AHEAD < count)
            __builtin_prefetch(&v->codes[rows[i + 2 * AHEAD]]);
        if (i + AHEAD < count)
            __builtin_prefetch((const uint8_t *)v->values +
                               (size_t)sl_vector_entry(v, rows[i + AHEAD]) * v->width);
        if (!sl_vector_is_null(v, rows[i])) {
            struct sl_addr addr = sl_vector_addr(v, rows[i]);
            if (sl_addr_is_numbered(addr))
                miss(missing, addr, i);
            else
                code = (uint32_t)addr.low;
        }
        memcpy(target, &code, sizeof(code));
    }
}

/* IPv4, all there: what most large keys are made of. How many rows were packed, before one that
 * needs its number. */
static uint32_t
pack_ipv4(const struct sl_vector *v, size_t stride, const uint32_t *rows, uint32_t count,
          uint8_t *target)
{
    const uint32_t *values = v->values;

    if (v->encoding == SL_CONSTANT || v->width != 4 || v->present != NULL)
        return 0;
    for (uint32_t i = 0; i < count; i++, target += stride) {
        uint32_t code = values[v->encoding == SL_DICT ? v->codes[rows[i]] : rows[i]];
        if (code >= SL_ADDR_CODE_NUMBERED)
            return i;
        memcpy(target, &code, sizeof(code));
    }
    return count;
}

bool
group_pack_addrs(struct sl_addr_pool *addrs, struct group_missing *missing,
                 const struct sl_vector *v, uint32_t *codes, size_t stride, const uint32_t *rows,
                 uint32_t count, void *out_codes)
{
    uint8_t *target = out_codes;

    missing->count = 0;
    if (codes != NULL) {
        pack_coded(v, codes, stride, rows, count, missing, target);
    } else {
        uint32_t done = pack_ipv4(v, stride, rows, count, target);
        rows += done;
        target += done * stride;
        pack_uncoded(v, stride, rows, count - done, missing, target);
    }
    if (missing->count == 0)
        return true;
    if (!sl_addr_pool_number(addrs, missing->addrs, missing->count, missing->codes))
        return false;
    for (uint32_t i = 0; i < missing->count; i++) {
        if (codes != NULL)
            codes[v->codes[rows[missing->at[i]]]] = missing->codes[i];
        memcpy(target + missing->at[i] * stride, &missing->codes[i], sizeof(uint32_t));
    }
    return true;
}

bool
group_pack_keys(const struct group *group, struct group_worker *w, struct key_side *side,
                const uint32_t *rows, uint32_t count)
{
    memset(w->keys, 0, count * group->key_bytes);
    for (uint32_t k = 0; k < group->key_count; k++) {
        const struct group_key *key = &group->keys[k];
        const struct sl_vector *v = &side->vectors[k];
        uint32_t *numbers = side->numbers == NULL ? NULL : side->numbers[k];
        uint8_t *target = w->keys;
        if (key->addrs != NULL) {
            if (!group_pack_addrs(key->addrs, w->missing, v, numbers, group->key_bytes, rows, count,
                                  target + key->offset))
                return false;
            continue;
        }
        for (uint32_t i = 0; i < count; i++, target += group->key_bytes) {
            if (sl_vector_is_null(v, rows[i])) {
                target[key->null_bit / 8] |= (uint8_t)(1u << key->null_bit % 8);
                continue;
            }
            uint32_t entry = sl_vector_entry(v, rows[i]);
            if (key->pool == NULL) {
                pack_fixed(v, entry, key->bytes, target + key->offset);
                continue;
            }
            uint32_t number = group_text_number(w, k, side, entry);
            memcpy(target + key->offset, &number, sizeof(number));
            if (number == SL_TEXT_NONE)
                return false;
        }
    }
    return true;
}

/* ---- and back ---- */

bool
group_make_vector(const struct sl_sql_type *type, uint32_t count, struct sl_arena *arena,
                  struct sl_vector *out, void **out_values, uint64_t **out_present)
{
    bool is_text = sl_type_is_bytes(type->type);
    size_t bytes = is_text ? sizeof(struct sl_slice) : sl_max_size(sl_type_bytes(type->type), 1);

    *out_values = sl_arena_calloc(arena, count, bytes);
    *out_present = sl_arena_calloc(arena, sl_words_for(count), sizeof(uint64_t));
    *out = (struct sl_vector){.type = type->type,
                              .encoding = SL_PLAIN,
                              .width = is_text ? 0 : (uint8_t)bytes,
                              .scale = type->scale,
                              .count = count,
                              .value_count = count,
                              .values = is_text ? NULL : *out_values,
                              .present = *out_present};
    return *out_values != NULL && *out_present != NULL;
}

bool
group_pour_slices(const struct sl_slice *slices, uint32_t count, struct sl_arena *arena,
                  struct sl_vector *out)
{
    uint32_t *offsets = sl_arena_calloc(arena, (size_t)count + 1, sizeof(*offsets));
    uint64_t total = 0;

    for (uint32_t i = 0; i < count && offsets != NULL; i++) {
        total += slices[i].size_bytes;
        if (total > UINT32_MAX)
            return false;
        offsets[i + 1] = (uint32_t)total;
    }
    uint8_t *bytes = sl_arena_alloc(arena, (size_t)total);
    if (offsets == NULL || bytes == NULL)
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (slices[i].size_bytes != 0)
            memcpy(bytes + offsets[i], slices[i].bytes, slices[i].size_bytes);
    out->offsets = offsets;
    out->bytes = bytes;
    return true;
}

static void
give_addresses(const struct group *group, const struct group_key *key, void *const *records,
               uint32_t count, const uint64_t *selection, struct sl_addr *values, uint64_t *present)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t code;
        if (selection != NULL && !sl_bit_get(selection, i))
            continue;
        memcpy(&code, (const uint8_t *)records[i] + group->state_bytes + key->offset, sizeof(code));
        if (code == SL_ADDR_CODE_NONE)
            continue;
        sl_bit_set(present, i);
        values[i] = sl_addr_pool_addr(key->addrs, code);
    }
}

bool
group_give_key(const struct group *group, const struct group_key *key, void *const *records,
               uint32_t count, const uint64_t *selection, struct sl_arena *arena,
               struct sl_vector *out)
{
    void *values;
    uint64_t *present;

    if (!group_make_vector(&key->key->type, count, arena, out, &values, &present))
        return false;
    if (key->addrs != NULL) {
        give_addresses(group, key, records, count, selection, values, present);
        return true;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (selection != NULL && !sl_bit_get(selection, i))
            continue;
        const uint8_t *bytes = (const uint8_t *)records[i] + group->state_bytes;
        if (bytes[key->null_bit / 8] >> key->null_bit % 8 & 1)
            continue;
        sl_bit_set(present, i);
        if (key->pool == NULL) {
            memcpy((uint8_t *)values + (size_t)i * key->bytes, bytes + key->offset, key->bytes);
            continue;
        }
        uint32_t number;
        memcpy(&number, bytes + key->offset, sizeof(number));
        ((struct sl_slice *)values)[i] = sl_text_pool_slice(key->pool, number);
    }
    return key->pool == NULL || group_pour_slices(values, count, arena, out);
}
