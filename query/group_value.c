/*
 * group_value.c - values of holistic aggregates as records: see group.h for their layout.
 *
 * Distinct values need their key alone: what comes again changes nothing. Quantiles and
 * GROUP_CONCAT count how often a value came, sketches keep the largest rank of a register.
 */
#include "query/group.h"

static bool
has_payload(const struct sl_aggregate *aggregate)
{
    return aggregate->kind != SL_AGG_COUNT_DISTINCT && aggregate->kind != SL_AGG_SUM_DISTINCT &&
           aggregate->kind != SL_AGG_AVG_DISTINCT;
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
value_key_bytes(const struct group *group, const struct group_aggregate *a)
{
    return (group->key_used_bytes + a->value_bytes + 7) / 8 * 8;
}

void
group_value_table_init(const struct group *group, const struct group_aggregate *a,
                       struct sl_budget *budget, struct sl_group_table *out_table)
{
    sl_group_table_init(out_table, budget, has_payload(a->aggregate) ? sizeof(uint64_t) : 0,
                        value_key_bytes(group, a));
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
group_value_read(const struct group *group, const struct group_aggregate *a,
                 const struct sl_group_table *table, const uint8_t *record)
{
    union sl_argument value = {0};

    memcpy(&value, record + table->state_bytes + group->key_used_bytes, a->value_bytes);
    uint32_t number = (uint32_t)value.u64;
    if (a->pool != NULL)
        value.slice = sl_text_pool_slice(a->pool, number);
    else if (a->addrs != NULL && a->aggregate->kind != SL_AGG_APPROX_COUNT_DISTINCT)
        value.addr = sl_addr_pool_addr(a->addrs, number);
    return value;
}

/* The partition of the value's group, so that one thread finishes both; without keys, its own. */
static unsigned
partition_of_value(const struct group *group, const uint8_t *record, uint64_t hash)
{
    if (group->key_count != 0)
        hash = sl_group_hash(record + group->state_bytes, group->key_bytes);
    return sl_group_partition_of(hash);
}

/* The keys of w->values into w->value_keys, and the payloads into w->values; neighbours that say
 * the same, and need no counting, once. False: budget used up. */
static bool
pack_values(const struct group *group, struct group_worker *w, uint32_t aggregate_index,
            uint32_t *count)
{
    const struct group_aggregate *a = &group->aggregates[aggregate_index];
    size_t bytes = value_key_bytes(group, a);
    bool is_counted = has_payload(a->aggregate);
    uint32_t kept = 0;

    for (uint32_t i = 0; i < *count; i++) {
        uint8_t *target = w->value_keys + kept * bytes;
        const uint8_t *record = w->records[w->index[i]];
        union sl_argument key;
        uint64_t payload;
        if (!value_key(a, &w->values[i], w->value_caches[aggregate_index], &key, &payload))
            return false;
        memset(target + bytes - 8, 0, 8);
        memcpy(target, record + group->state_bytes, group->key_used_bytes);
        memcpy(target + group->key_used_bytes, &key, a->value_bytes);
        if (!is_counted && kept != 0 && memcmp(target, target - bytes, bytes) == 0)
            continue;
        w->values[kept].u64 = payload;
        w->index[kept++] = w->index[i];
    }
    *count = kept;
    return true;
}

bool
group_add_values(const struct group *group, struct group_worker *w, uint32_t aggregate_index,
                 uint32_t count)
{
    enum { AHEAD = 16 };
    const struct group_aggregate *a = &group->aggregates[aggregate_index];
    struct sl_group_table *table = &w->value_tables[a->value_table];
    size_t bytes = table->key_bytes;
    uint64_t hashes[AHEAD];

    if (!pack_values(group, w, aggregate_index, &count))
        return false;
    for (uint32_t i = 0; i < count + AHEAD; i++) {
        if (i >= AHEAD) {
            uint32_t now = i - AHEAD;
            uint64_t hash = hashes[now % AHEAD];
            unsigned partition = partition_of_value(group, w->records[w->index[now]], hash);
            void *record = sl_group_table_add(table, partition, hash, w->value_keys + now * bytes);
            if (record == NULL)
                return false;
            if (table->state_bytes != 0)
                merge_payload(a, record, w->values[now].u64);
        }
        if (i < count) {
            hashes[i % AHEAD] = sl_group_hash(w->value_keys + i * bytes, bytes);
            sl_group_table_fetch(table, hashes[i % AHEAD]);
        }
    }
    return true;
}
