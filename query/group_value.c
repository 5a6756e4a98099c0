/*
 * group_value.c - values of holistic aggregates as records: see group.h for their layout.
 *
 * Distinct values need their key alone: what comes again changes nothing. Quantiles and
 * GROUP_CONCAT count how often a value came, sketches keep the largest rank of a register. Without
 * keys, a value that says the same when it comes again is passed on once for each entry of a
 * dictionary that is met.
 */
#include "query/group.h"

static bool
has_payload(const struct sl_aggregate *aggregate)
{
    return aggregate->kind != SL_AGG_COUNT_DISTINCT && aggregate->kind != SL_AGG_SUM_DISTINCT &&
           aggregate->kind != SL_AGG_AVG_DISTINCT;
}

/* Does a value that comes again say nothing new? */
static bool
is_idempotent(const struct sl_aggregate *aggregate)
{
    return !has_payload(aggregate) || aggregate->kind == SL_AGG_APPROX_COUNT_DISTINCT;
}

uint32_t
group_value_bytes(const struct sl_aggregate *aggregate)
{
    enum sl_type type = aggregate->argument->type.type;

    if (aggregate->kind == SL_AGG_APPROX_COUNT_DISTINCT)
        return sizeof(uint16_t); /* number of the register */
    if (sl_type_is_bytes(type) || type == SL_TYPE_ADDR)
        return sizeof(uint32_t);
    return (uint32_t)sl_max_size(sl_type_bytes(type), 1);
}

static size_t
value_key_bytes(const struct group_aggregate *a)
{
    return (GROUP_VALUE_OFFSET + a->value_bytes + 7) / 8 * 8;
}

void
group_value_table_init(const struct group_aggregate *a, struct sl_budget *budget,
                       struct sl_group_table *out_table)
{
    sl_group_table_init(out_table, budget, has_payload(a->aggregate) ? sizeof(uint64_t) : 0,
                        value_key_bytes(a));
}

/* The nearest number with eight significant bits: 0.2 % off at most. Numbers of an approximate
 * quantile are rounded so, which leaves at most 128 of them for each power of two. */
static union sl_argument
round_argument(const union sl_argument *value, enum sl_form form)
{
    union sl_argument rounded = *value;
    uint64_t number = form == SL_FORM_I64 && value->i64 < 0 ? -value->u64 : value->u64;

    if (form == SL_FORM_F64) {
        rounded.u64 = (value->u64 + (UINT64_C(1) << 44)) & ~((UINT64_C(1) << 45) - 1);
    } else if ((form == SL_FORM_U64 || form == SL_FORM_I64) && number >= 256) {
        unsigned shift = 56u - (unsigned)__builtin_clzll(number);
        uint64_t half = UINT64_C(1) << (shift - 1);
        number = number > UINT64_MAX - half ? number : number + half;
        number = number >> shift << shift;
        rounded.u64 = form == SL_FORM_I64 && value->i64 < 0 ? -number : number;
    }
    return rounded;
}

/* Register and rank of a value in a sketch. */
static union sl_argument
sketch_key(const union sl_argument *key, uint64_t *out_rank)
{
    uint64_t hash = sl_group_hash(key, sizeof(*key));

    *out_rank = (uint64_t)__builtin_clzll(hash << GROUP_HLL_BITS | UINT64_C(1) << 11) + 1;
    return (union sl_argument){.u64 = hash >> (64 - GROUP_HLL_BITS)};
}

/* The first bytes of *out_key are those under which a value is kept; false: budget used up. */
static bool
value_key(const struct group_aggregate *a, const union sl_argument *value,
          struct sl_text_cache *cache, union sl_argument *out_key, uint64_t *out_payload)
{
    enum sl_form form = sl_form_of(a->aggregate->argument->type.type);
    bool is_sketch = a->aggregate->kind == SL_AGG_APPROX_COUNT_DISTINCT;
    union sl_argument key = *value;
    uint32_t number = 0;

    *out_payload = 1;
    if (a->aggregate->kind == SL_AGG_APPROX_QUANTILE)
        key = round_argument(value, form);
    if (form == SL_FORM_SLICE) {
        number = sl_text_cache_number(cache, value->slice);
        if (number == SL_TEXT_NONE)
            return false;
        key = (union sl_argument){.u64 = number};
    } else if (form == SL_FORM_ADDR && !is_sketch) {
        if (!sl_addr_pool_code(a->addrs, value->addr, &number))
            return false;
        key = (union sl_argument){.u64 = number};
    } else if (form == SL_FORM_F64) {
        key = (union sl_argument){.f64 = key.f64 == 0 ? 0 : key.f64};
    } else if (form == SL_FORM_U64 || form == SL_FORM_I64) {
        key = (union sl_argument){.i128 = key.u64};
    }
    *out_key = is_sketch ? sketch_key(&key, out_payload) : key;
    return true;
}

bool
group_value_is_narrow(const struct group_aggregate *a)
{
    return !has_payload(a->aggregate) && a->value_bytes <= sizeof(uint32_t);
}

bool
group_value_is_dealt(const struct group *group, const struct group_aggregate *a)
{
    return group->key_count != 0 && a->aggregate->kind == SL_AGG_COUNT_DISTINCT &&
           group_value_is_narrow(a);
}

static void
merge_payload(const struct group_aggregate *a, uint64_t *into, uint64_t from)
{
    if (a->aggregate->kind != SL_AGG_APPROX_COUNT_DISTINCT)
        *into += from;
    else if (from > *into)
        *into = from;
}

bool
group_value_merge(void *context, void *const *into, void *const *from, uint32_t count)
{
    const struct group_aggregate *a = context;

    for (uint32_t i = 0; i < count && has_payload(a->aggregate); i++)
        merge_payload(a, into[i], *(const uint64_t *)from[i]);
    return true;
}

union sl_argument
group_value_read(const struct group_aggregate *a, const struct sl_group_table *table,
                 const uint8_t *record)
{
    union sl_argument value = {0};

    memcpy(&value, record + table->state_bytes + GROUP_VALUE_OFFSET, a->value_bytes);
    uint32_t number = (uint32_t)value.u64;
    if (a->pool != NULL)
        value.slice = sl_text_pool_slice(a->pool, number);
    else if (a->addrs != NULL && a->aggregate->kind != SL_AGG_APPROX_COUNT_DISTINCT)
        value.addr = sl_addr_pool_addr(a->addrs, number);
    return value;
}

/* Without keys there is one group, and its values lie in the partitions of their own hashes. */
static uint32_t
place_of(const struct group *group, const void *record)
{
    uint32_t place = 0;

    if (group->key_count != 0)
        memcpy(&place, (const uint8_t *)record + group->place_offset, sizeof(place));
    return place;
}

/* Integers of at most 4 bytes, or their codes: codes of values that are there, and their rows. */
static bool
code_values(const struct group *group, struct group_worker *w, uint32_t aggregate_index,
            const struct sl_vector *v, const uint32_t *rows, uint32_t *count)
{
    const struct group_aggregate *a = &group->aggregates[aggregate_index];
    struct sl_text_cache *cache = w->value_caches[aggregate_index];
    uint32_t kept = 0;

    if (a->addrs != NULL) {
        if (!group_pack_addrs(a->addrs, w->missing, v, w->argument_codes[aggregate_index],
                              sizeof(uint32_t), rows, *count, w->narrow))
            return false;
        for (uint32_t i = 0; i < *count; i++) {
            w->index[kept] = i;
            w->narrow[kept] = w->narrow[i];
            kept += w->narrow[i] != SL_ADDR_CODE_NONE;
        }
        *count = kept;
        return true;
    }
    for (uint32_t i = 0; i < *count; i++) {
        if (sl_vector_is_null(v, rows[i]))
            continue;
        uint32_t code = a->pool == NULL ? (uint32_t)sl_vector_u64(v, rows[i])
                                        : sl_text_cache_number(cache, sl_vector_slice(v, rows[i]));
        if (a->pool != NULL && code == SL_TEXT_NONE)
            return false;
        w->index[kept] = i;
        w->narrow[kept++] = code;
    }
    *count = kept;
    return true;
}

void
group_value_forget(struct group_worker *w, uint32_t aggregate_index)
{
    if (w->recent[aggregate_index] != NULL)
        memset(w->recent[aggregate_index], 0xff, sizeof(uint64_t) << GROUP_RECENT_BITS);
}

/* Keys of 8 bytes, which need no counting. One that came lately is dropped: each is compared to the
 * last that had the same place in a small array. */
static bool
add_narrow(const struct group *group, struct group_worker *w, uint32_t aggregate_index,
           const struct sl_vector *argument, const uint32_t *rows, uint32_t count)
{
    struct sl_group_table *table = &w->value_tables[group->aggregates[aggregate_index].value_table];
    uint64_t *recent = w->recent[aggregate_index];

    if (!code_values(group, w, aggregate_index, argument, rows, &count))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t place = place_of(group, w->records[w->index[i]]);
        uint64_t key = place | (uint64_t)w->narrow[i] << 32;
        uint64_t hash = key * UINT64_C(0x9e3779b97f4a7c15);
        uint64_t *slot = &recent[hash >> (64 - GROUP_RECENT_BITS)];
        if (*slot == key)
            continue;
        *slot = key;
        unsigned partition =
            group->key_count == 0 ? sl_group_partition_of(hash) : sl_group_place_partition(place);
        if (sl_group_table_append(table, partition, NULL, &key) == NULL)
            return false;
    }
    return true;
}

/* Any others, with their payloads in w->values. */
static bool
pack_wide(const struct group *group, struct group_worker *w, uint32_t aggregate_index,
          const struct sl_vector *argument, const uint32_t *rows, uint32_t *count)
{
    const struct group_aggregate *a = &group->aggregates[aggregate_index];
    size_t bytes = value_key_bytes(a);
    uint8_t *target = w->value_keys;

    *count = sl_argument_gather(argument, rows, *count, w->values, w->index);
    for (uint32_t i = 0; i < *count; i++, target += bytes) {
        uint32_t place = place_of(group, w->records[w->index[i]]);
        union sl_argument key;
        uint64_t payload;
        if (!value_key(a, &w->values[i], w->value_caches[aggregate_index], &key, &payload))
            return false;
        memset(target + bytes - 8, 0, 8);
        memcpy(target, &place, sizeof(place));
        memcpy(target + GROUP_VALUE_OFFSET, &key, a->value_bytes);
        w->values[i].u64 = payload;
    }
    return true;
}

static bool
add_wide(const struct group *group, struct group_worker *w, uint32_t aggregate_index,
         const struct sl_vector *argument, const uint32_t *rows, uint32_t count)
{
    enum { AHEAD = 16 };
    const struct group_aggregate *a = &group->aggregates[aggregate_index];
    struct sl_group_table *table = &w->value_tables[a->value_table];
    const uint8_t *keys = w->value_keys;
    size_t bytes = table->key_bytes;
    uint64_t hashes[AHEAD];

    if (!pack_wide(group, w, aggregate_index, argument, rows, &count))
        return false;
    for (uint32_t i = 0; i < count + AHEAD; i++) {
        if (i >= AHEAD) {
            uint32_t now = i - AHEAD;
            uint64_t hash = hashes[now % AHEAD];
            const uint8_t *key = keys + now * bytes;
            unsigned partition = group->key_count == 0
                                     ? sl_group_partition_of(hash)
                                     : sl_group_place_partition(group_value_place(key));
            void *record = sl_group_table_add(table, partition, hash, key);
            if (record == NULL)
                return false;
            if (table->state_bytes != 0)
                merge_payload(a, record, w->values[now].u64);
        }
        if (i < count) {
            hashes[i % AHEAD] = sl_group_hash(keys + i * bytes, bytes);
            sl_group_table_fetch(table, hashes[i % AHEAD]);
        }
    }
    return true;
}

static size_t
seen_bytes(uint32_t entry_count)
{
    return sl_words_for(entry_count) * sizeof(uint64_t);
}

void
group_seen_fini(struct group_seen *seen, struct sl_budget *budget)
{
    sl_budget_give(budget, seen_bytes(seen->capacity));
    free(seen->bits);
    *seen = (struct group_seen){0};
}

/* False where it does not pay or there is no memory for it. */
static bool
seen_open(struct group_seen *seen, struct sl_budget *budget, const struct sl_vector *v)
{
    if (v->encoding != SL_DICT || v->dictionary == 0 || v->value_count == 0)
        return false;
    if (seen->bits != NULL && seen->dictionary == v->dictionary)
        return true;
    if (v->value_count > seen->capacity) {
        group_seen_fini(seen, budget);
        if (!sl_budget_take(budget, seen_bytes(v->value_count)))
            return false;
        seen->bits = sl_try_alloc(seen_bytes(v->value_count));
        if (seen->bits == NULL) {
            sl_budget_give(budget, seen_bytes(v->value_count));
            return false;
        }
        seen->capacity = v->value_count;
    }
    SL_ASSERT(seen->bits != NULL);
    memset(seen->bits, 0, seen_bytes(v->value_count));
    seen->dictionary = v->dictionary;
    return true;
}

/* The rows whose entry was not met before. */
static uint32_t
take_fresh(struct group_seen *seen, const struct sl_vector *v, const uint32_t *rows, uint32_t count,
           uint32_t *out_rows)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t code = v->codes[rows[i]];
        if (sl_bit_get(seen->bits, code) || sl_vector_is_null(v, rows[i]))
            continue;
        sl_bit_set(seen->bits, code);
        out_rows[kept++] = rows[i];
    }
    return kept;
}

void
group_values_open(const struct group *group, struct group_worker *w,
                  const struct sl_vector *arguments, uint32_t row_count)
{
    for (uint32_t i = 0; i < group->aggregate_count; i++)
        if (group->aggregates[i].addrs != NULL && group->key_count != 0)
            w->argument_codes[i] =
                group_codes_open(&w->value_codes[i], w->table.budget, &arguments[i], row_count);
}

bool
group_add_values(const struct group *group, struct group_worker *w, uint32_t aggregate_index,
                 const struct sl_vector *argument, const uint32_t *rows, uint32_t count)
{
    const struct group_aggregate *a = &group->aggregates[aggregate_index];
    struct group_seen *seen = &w->seen[aggregate_index];

    if (group->key_count == 0 && is_idempotent(a->aggregate) &&
        seen_open(seen, w->table.budget, argument)) {
        count = take_fresh(seen, argument, rows, count, w->fresh);
        rows = w->fresh;
    }
    return group_value_is_narrow(a) ? add_narrow(group, w, aggregate_index, argument, rows, count)
                                    : add_wide(group, w, aggregate_index, argument, rows, count);
}
