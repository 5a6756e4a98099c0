/*
 * group_table.c - open addressing over 8-byte slots, linear probing, at most half full; see
 * group_table.h.
 *
 * The hash gives its top bits to the partition and its low half to the tag, whose low bits are the
 * slot: a table grows without a look at its records. Linear probing because neighbours share a cache line; the table doubles when it fills.
 */
#include "query/group_table.h"

enum {
    SLOTS_FIRST = 16,
    AHEAD = 32, /* keys whose slots are on their way from memory */
};

void
sl_group_table_init(struct sl_group_table *table, struct sl_budget *budget, size_t key_bytes,
                    size_t state_bytes)
{
    SL_ASSERT(key_bytes % 8 == 0);
    SL_ASSERT(state_bytes % 8 == 0);
    *table = (struct sl_group_table){.budget = budget,
                                     .key_bytes = key_bytes,
                                     .record_bytes = sl_max_size(key_bytes + state_bytes, 8)};
}

static size_t
page_bytes(const struct sl_group_table *table, unsigned page)
{
    return ((size_t)16 << page) * table->record_bytes;
}

void
sl_group_partition_fini(struct sl_group_table *table, unsigned partition)
{
    struct sl_group_partition *p = &table->partitions[partition];

    for (unsigned page = 0; page < SL_GROUP_PAGES_MAX && p->pages[page] != NULL; page++) {
        sl_budget_give(table->budget, page_bytes(table, page));
        free(p->pages[page]);
    }
    if (p->slots != NULL)
        sl_budget_give(table->budget, ((size_t)p->slot_mask + 1) * sizeof(*p->slots));
    free(p->slots);
    *p = (struct sl_group_partition){0};
}

void
sl_group_table_fini(struct sl_group_table *table)
{
    if (table->budget == NULL)
        return;
    for (unsigned partition = 0; partition < SL_GROUP_PARTITIONS; partition++)
        sl_group_partition_fini(table, partition);
}

static uint64_t
mix(uint64_t a, uint64_t b)
{
    sl_u128 product = (sl_u128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t
sl_group_hash(const void *key, size_t key_bytes)
{
    const uint8_t *bytes = key;
    uint64_t hash = UINT64_C(0x9e3779b97f4a7c15);

    if (key_bytes == 0)
        return 0;
    for (size_t at = 0; at < key_bytes; at += 8) {
        uint64_t word;
        memcpy(&word, bytes + at, 8);
        hash = mix(hash ^ word, UINT64_C(0xd6e8feb86659fd93));
    }
    return mix(hash ^ UINT64_C(0xa0761d6478bd642f), UINT64_C(0xe7037ed1a0b428db));
}

static uint32_t
tag_of(uint64_t hash)
{
    return (uint32_t)hash;
}

static bool
grow_slots(const struct sl_group_table *table, struct sl_group_partition *p)
{
    size_t count = p->slots == NULL ? SLOTS_FIRST : ((size_t)p->slot_mask + 1) * 2;
    size_t old_bytes = p->slots == NULL ? 0 : ((size_t)p->slot_mask + 1) * sizeof(*p->slots);

    if (count > (size_t)1 << 31 || !sl_budget_take(table->budget, count * sizeof(*p->slots)))
        return false;
    struct sl_group_slot *slots = sl_try_alloc(count * sizeof(*slots));
    if (slots == NULL) {
        sl_budget_give(table->budget, count * sizeof(*slots));
        return false;
    }
    uint32_t mask = (uint32_t)(count - 1);
    for (size_t i = 0; i < old_bytes / sizeof(*p->slots); i++) {
        uint32_t at = p->slots[i].tag & mask;
        if (p->slots[i].index == 0)
            continue;
        while (slots[at].index != 0)
            at = (at + 1) & mask;
        slots[at] = p->slots[i];
    }
    free(p->slots);
    sl_budget_give(table->budget, old_bytes);
    p->slots = slots;
    p->slot_mask = mask;
    return true;
}

/* The page of the next record; false: budget used up. */
static bool
open_page(struct sl_group_table *table, struct sl_group_partition *p)
{
    uint64_t number = (uint64_t)p->record_count + 16;
    unsigned page = 59u - (unsigned)__builtin_clzll(number);

    if (page >= SL_GROUP_PAGES_MAX)
        return false;
    size_t bytes = page_bytes(table, page);
    if (!sl_budget_take(table->budget, bytes))
        return false;
    p->pages[page] = sl_try_alloc(bytes);
    if (p->pages[page] == NULL) {
        sl_budget_give(table->budget, bytes);
        return false;
    }
    p->next = p->pages[page];
    p->page_end = p->next + bytes;
    return true;
}

void *
sl_group_table_append(struct sl_group_table *table, unsigned partition, const void *key)
{
    struct sl_group_partition *p = &table->partitions[partition];

    if (p->next == p->page_end && !open_page(table, p))
        return NULL;
    uint8_t *record = p->next;
    for (size_t at = 0; at < table->key_bytes; at += 8)
        memcpy(record + at, (const uint8_t *)key + at, 8);
    p->next += table->record_bytes;
    p->record_count++;
    return record;
}

void *
sl_group_table_add(struct sl_group_table *table, unsigned partition, uint64_t hash, const void *key,
                   bool *out_is_new)
{
    struct sl_group_partition *p = &table->partitions[partition];
    bool is_full = p->slots == NULL || p->record_count >= (p->slot_mask + 1) / 2;

    *out_is_new = false;
    if (is_full && !grow_slots(table, p))
        return NULL;
    uint32_t tag = tag_of(hash);
    for (uint32_t at = (uint32_t)hash & p->slot_mask;; at = (at + 1) & p->slot_mask) {
        struct sl_group_slot *slot = &p->slots[at];
        if (slot->index == 0) {
            void *record = sl_group_table_append(table, partition, key);
            if (record == NULL)
                return NULL;
            *slot = (struct sl_group_slot){.tag = tag, .index = p->record_count};
            *out_is_new = true;
            return record;
        }
        if (slot->tag != tag)
            continue;
        void *record = sl_group_record(table, partition, slot->index - 1);
        if (sl_group_keys_equal(record, key, table->key_bytes))
            return record;
    }
}

void *
sl_group_table_find(const struct sl_group_table *table, unsigned partition, uint64_t hash,
                    const void *key)
{
    const struct sl_group_partition *p = &table->partitions[partition];

    if (p->slots == NULL)
        return NULL;
    uint32_t tag = tag_of(hash);
    for (uint32_t at = (uint32_t)hash & p->slot_mask; p->slots[at].index != 0;
         at = (at + 1) & p->slot_mask) {
        if (p->slots[at].tag != tag)
            continue;
        void *record = sl_group_record(table, partition, p->slots[at].index - 1);
        if (sl_group_keys_equal(record, key, table->key_bytes))
            return record;
    }
    return NULL;
}

static void
fetch_slot(const struct sl_group_table *table, uint64_t hash)
{
    const struct sl_group_partition *p = &table->partitions[sl_group_partition_of(hash)];
    if (p->slots != NULL)
        __builtin_prefetch(&p->slots[(uint32_t)hash & p->slot_mask]);
}

static void
fetch_record(const struct sl_group_table *table, uint64_t hash)
{
    unsigned partition = sl_group_partition_of(hash);
    const struct sl_group_partition *p = &table->partitions[partition];
    if (p->slots == NULL)
        return;
    uint32_t tag = tag_of(hash);
    uint32_t at = (uint32_t)hash & p->slot_mask;
    while (p->slots[at].index != 0 && p->slots[at].tag != tag)
        at = (at + 1) & p->slot_mask;
    if (p->slots[at].index != 0)
        __builtin_prefetch(sl_group_record(table, partition, p->slots[at].index - 1));
}

bool
sl_group_table_add_many(struct sl_group_table *table, const void *keys, size_t stride,
                        uint32_t count, void **out_records)
{
    const uint8_t *key = keys;
    uint64_t hashes[2 * AHEAD]; /* a ring: slots are asked for first, their records after */
    bool is_new;

    for (uint32_t i = 0; i < count + 2 * AHEAD; i++) {
        if (i >= 2 * AHEAD) {
            uint32_t now = i - 2 * AHEAD;
            uint64_t hash = hashes[now % (2 * AHEAD)];
            out_records[now] = sl_group_table_add(table, sl_group_partition_of(hash), hash,
                                                  key + now * stride, &is_new);
            if (out_records[now] == NULL)
                return false;
        }
        if (i < count) {
            hashes[i % (2 * AHEAD)] = sl_group_hash(key + i * stride, table->key_bytes);
            fetch_slot(table, hashes[i % (2 * AHEAD)]);
        }
        if (i >= AHEAD && i - AHEAD < count)
            fetch_record(table, hashes[(i - AHEAD) % (2 * AHEAD)]);
    }
    return true;
}

uint64_t
sl_group_table_count(const struct sl_group_table *table)
{
    uint64_t count = 0;
    for (unsigned partition = 0; partition < SL_GROUP_PARTITIONS; partition++)
        count += table->partitions[partition].record_count;
    return count;
}
