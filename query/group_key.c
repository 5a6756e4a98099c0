/*
 * group_key.c - keys of rows as the bytes of a record: each at its offset, zero where it is NULL,
 * and the NULL bits behind them. Equal keys have equal bytes.
 */
#include "query/group.h"

uint32_t
group_text_number(struct group_worker *w, uint32_t key_index, struct key_side *side, uint32_t entry)
{
    uint32_t *number = &side->numbers[key_index][entry];

    if (*number == SL_TEXT_NONE)
        *number = sl_text_cache_number(w->key_caches[key_index],
                                       sl_vector_entry_slice(&side->vectors[key_index], entry));
    return *number;
}

void
group_pack_value(const struct sl_vector *v, uint32_t entry, uint32_t bytes, uint8_t *target)
{
    if (v->type == SL_TYPE_ADDR) {
        struct sl_addr addr = sl_vector_entry_addr(v, entry);
        memcpy(target, &addr, sizeof(addr));
    } else if (v->type == SL_TYPE_DECIMAL) {
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

/* Addresses that are all there: what large keys are made of. */
static bool
pack_addresses(const struct group_key *key, const struct sl_vector *v, size_t key_bytes,
               const uint32_t *rows, uint32_t count, uint8_t *target)
{
    bool is_null = v->present != NULL || v->value_count == 0;

    if (v->type != SL_TYPE_ADDR || v->encoding == SL_CONSTANT || is_null)
        return false;
    target += key->offset;
    for (uint32_t i = 0; i < count; i++, target += key_bytes) {
        uint32_t entry = v->encoding == SL_DICT ? v->codes[rows[i]] : rows[i];
        struct sl_addr addr = sl_vector_entry_addr(v, entry);
        memcpy(target, &addr, sizeof(addr));
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
        uint8_t *target = w->keys;
        if (pack_addresses(key, v, group->key_bytes, rows, count, target))
            continue;
        for (uint32_t i = 0; i < count; i++, target += group->key_bytes) {
            if (sl_vector_is_null(v, rows[i])) {
                target[key->null_bit / 8] |= (uint8_t)(1u << key->null_bit % 8);
                continue;
            }
            uint32_t entry = sl_vector_entry(v, rows[i]);
            if (key->pool == NULL) {
                group_pack_value(v, entry, key->bytes, target + key->offset);
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
