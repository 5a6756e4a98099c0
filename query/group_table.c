/*
 * group_table.c - see group_table.h.
 *
 * The hash gives its top bits to the partition, 16 below the top 8 to the slot, and its low bits
 * choose the slot. Pages of a partition grow from a few records to PAGE_BYTES_MAX.
 */
#include "query/group_table.h"

#include <stdlib.h>

#include "query/exec.h"

enum {
    SLOTS_FIRST = 64,
    SLOTS_MAX = 1 << 16,     /* of the recent ones: 512 KiB, and at most half as many records */
    UNASKED = 4 * SLOTS_MAX, /* keys that are not looked for where three of four were new */
    PAGE_RECORDS_FIRST = 8,
    PAGE_BYTES_MAX = 64 << 10,
    AHEAD = 16,           /* keys whose slots are on their way from memory */
    PREFETCH_BYTES = 128, /* ahead of the end of a list */
    BATCH = 256,          /* records that are united at a time */
};

#define ADDRESS_MASK ((UINT64_C(1) << 48) - 1)

void
sl_group_table_init(struct sl_group_table *table, struct sl_budget *budget, size_t state_bytes,
                    size_t key_bytes)
{
    SL_ASSERT(key_bytes % 8 == 0);
    SL_ASSERT(state_bytes % 8 == 0);
    *table = (struct sl_group_table){.budget = budget,
                                     .state_bytes = state_bytes,
                                     .key_bytes = key_bytes,
                                     .record_bytes = sl_max_size(state_bytes + key_bytes, 8),
                                     .place_offset = SL_GROUP_NO_PLACE};
}

void
sl_group_table_number(struct sl_group_table *table, size_t offset, uint32_t first, uint32_t step)
{
    SL_ASSERT(offset + sizeof(uint64_t) <= table->state_bytes);
    table->place_offset = offset;
    table->number_first = first;
    table->number_step = step;
}

/* False: there are too many. */
static bool
put_place(const struct sl_group_table *table, unsigned partition, uint8_t *record)
{
    uint64_t number = sl_group_number_end(table, partition);
    uint32_t place = sl_group_place(partition, (uint32_t)number);

    memcpy(record + table->place_offset, &place, sizeof(place));
    return number < SL_GROUP_NUMBERS_MAX;
}

static size_t
page_bytes(const struct sl_group_table *table, uint32_t capacity)
{
    return sizeof(struct sl_group_page) + capacity * table->record_bytes;
}

static void
free_pages(struct sl_group_table *table, struct sl_group_page *page)
{
    while (page != NULL) {
        struct sl_group_page *next = page->next;
        sl_budget_give(table->budget, page_bytes(table, page->capacity));
        free(page);
        page = next;
    }
}

void
sl_group_partition_fini(struct sl_group_table *table, unsigned partition)
{
    free_pages(table, table->partitions[partition].first);
    free(table->partitions[partition].extents);
    table->partitions[partition] = (struct sl_group_partition){0};
}

void
sl_group_index_fini(struct sl_group_index *index, struct sl_budget *budget)
{
    if (index->slots != NULL)
        sl_budget_give(budget, (index->mask + 1) * sizeof(*index->slots));
    free(index->slots);
    *index = (struct sl_group_index){0};
}

void
sl_group_table_fini(struct sl_group_table *table)
{
    if (table->budget == NULL)
        return;
    for (unsigned partition = 0; partition < SL_GROUP_PARTITIONS; partition++)
        sl_group_partition_fini(table, partition);
    sl_group_index_fini(&table->recent, table->budget);
}

/* ---- slots ---- */

static uint64_t
make_slot(uint64_t hash, const void *record)
{
    uint64_t address = (uint64_t)(uintptr_t)record;
    SL_ASSERT((address & ~ADDRESS_MASK) == 0);
    return hash << 8 >> 48 << 48 | address;
}

static uint8_t *
slot_record(uint64_t slot)
{
    return (uint8_t *)(uintptr_t)(slot & ADDRESS_MASK);
}

/* The slot of `key`, or the empty one where it would be. */
static inline uint64_t *
find_slot(const struct sl_group_index *index, const struct sl_group_table *table, uint64_t hash,
          const uint8_t *key)
{
    for (uint64_t at = hash & index->mask;; at = (at + 1) & index->mask) {
        uint64_t slot = index->slots[at];
        if (slot == 0)
            return &index->slots[at];
        if (((slot ^ hash << 8) & ~ADDRESS_MASK) == 0 &&
            sl_group_keys_equal(slot_record(slot) + table->state_bytes, key, table->key_bytes))
            return &index->slots[at];
    }
}

static bool
index_open(struct sl_group_index *index, struct sl_budget *budget, uint64_t slot_count)
{
    size_t bytes = slot_count * sizeof(*index->slots);

    *index = (struct sl_group_index){.mask = slot_count - 1};
    if (!sl_budget_take(budget, bytes))
        return false;
    index->slots = sl_try_alloc_table(bytes);
    if (index->slots == NULL)
        sl_budget_give(budget, bytes);
    return index->slots != NULL;
}

void *
sl_group_index_find(const struct sl_group_index *index, const struct sl_group_table *table,
                    uint64_t hash, const void *key)
{
    if (index->slots == NULL)
        return NULL;
    uint64_t slot = *find_slot(index, table, hash, key);
    return slot == 0 ? NULL : slot_record(slot);
}

void
sl_group_table_forget(struct sl_group_table *table)
{
    struct sl_group_index *recent = &table->recent;

    if (recent->slots != NULL)
        memset(recent->slots, 0, (recent->mask + 1) * sizeof(*recent->slots));
    recent->used = 0;
    table->asked = 0;
}

/* Twice as many slots, or as many empty ones. */
static bool
renew_slots(struct sl_group_table *table)
{
    struct sl_group_index *recent = &table->recent;
    struct sl_group_index bigger;

    if (recent->slots != NULL && recent->mask + 1 >= SLOTS_MAX) {
        if (recent->used > table->asked / 4 * 3)
            table->unasked = UNASKED;
        sl_group_table_forget(table);
        return true;
    }
    if (!index_open(&bigger, table->budget,
                    recent->slots == NULL ? SLOTS_FIRST : 2 * (recent->mask + 1)))
        return false;
    for (uint64_t i = 0; recent->slots != NULL && i <= recent->mask; i++) {
        if (recent->slots[i] == 0)
            continue;
        const uint8_t *key = slot_record(recent->slots[i]) + table->state_bytes;
        *find_slot(&bigger, table, sl_group_hash(key, table->key_bytes), key) = recent->slots[i];
    }
    bigger.used = recent->used;
    sl_group_index_fini(recent, table->budget);
    *recent = bigger;
    return true;
}

/* ---- records ---- */

static uint32_t
page_records_max(const struct sl_group_table *table)
{
    return (uint32_t)sl_max_size(PAGE_BYTES_MAX / table->record_bytes, PAGE_RECORDS_FIRST);
}

/* A page for the next records; false: budget used up. */
static bool
add_page(struct sl_group_table *table, struct sl_group_partition *p, uint32_t capacity)
{
    size_t bytes = page_bytes(table, capacity);

    if (!sl_budget_take(table->budget, bytes))
        return false;
    struct sl_group_page *page = malloc(bytes); /* each record is written as a whole */
    if (page == NULL) {
        sl_budget_give(table->budget, bytes);
        return false;
    }
    *page = (struct sl_group_page){.capacity = capacity};
    if (p->last != NULL)
        p->last->count = sl_group_page_count(table, p, p->last);
    if (p->last == NULL)
        p->first = page;
    else
        p->last->next = page;
    p->last = page;
    p->next = page->records;
    p->page_end = p->next + capacity * table->record_bytes;
    return true;
}

static bool
open_page(struct sl_group_table *table, struct sl_group_partition *p)
{
    uint32_t most = page_records_max(table);

    if (p->last == NULL)
        return add_page(table, p, PAGE_RECORDS_FIRST);
    return add_page(table, p, p->last->capacity > most / 2 ? most : 2 * p->last->capacity);
}

/* sl_group_table_append, for loops over rows. */
static inline void *
append(struct sl_group_table *table, unsigned partition, const void *state, const void *key)
{
    struct sl_group_partition *p = &table->partitions[partition];

    if (p->next == p->page_end && !open_page(table, p))
        return NULL;
    uint8_t *record = p->next;
    /* By eights, so that no function is called for a few bytes. */
    for (size_t at = 0; at < table->state_bytes; at += 8) {
        if (state == NULL)
            memset(record + at, 0, 8);
        else
            memcpy(record + at, (const uint8_t *)state + at, 8);
    }
    for (size_t at = 0; at < table->key_bytes; at += 8)
        memcpy(record + table->state_bytes + at, (const uint8_t *)key + at, 8);
    if (table->place_offset != SL_GROUP_NO_PLACE && !put_place(table, partition, record))
        return NULL;
    p->next += table->record_bytes;
    p->record_count++;
    p->number++;
    /* The lists of other partitions will be written to before this one is again. */
    __builtin_prefetch(p->next + PREFETCH_BYTES, 1);
    return record;
}

void *
sl_group_table_append(struct sl_group_table *table, unsigned partition, const void *state,
                      const void *key)
{
    return append(table, partition, state, key);
}

void *
sl_group_table_add(struct sl_group_table *table, unsigned partition, uint64_t hash, const void *key)
{
    struct sl_group_index *recent = &table->recent;

    if (table->unasked > 0) {
        table->unasked--;
        return sl_group_table_append(table, partition, NULL, key);
    }
    if ((recent->slots == NULL || recent->used > recent->mask / 2) && !renew_slots(table))
        return NULL;
    table->asked++;
    uint64_t *slot = find_slot(recent, table, hash, key);
    if (*slot != 0)
        return slot_record(*slot);
    void *record = sl_group_table_append(table, partition, NULL, key);
    if (record == NULL)
        return NULL;
    *slot = make_slot(hash, record);
    recent->used++;
    return record;
}

/* The slot of a key is here: its record is on its way from memory. */
static void
fetch_record(const struct sl_group_table *table, uint64_t hash)
{
    if (table->recent.slots == NULL || table->unasked != 0)
        return;
    uint64_t slot = table->recent.slots[hash & table->recent.mask];
    if (slot != 0)
        __builtin_prefetch(slot_record(slot), 1);
}

/* Keys that are not looked for: a record for each run of equal ones. */
static bool
append_many(struct sl_group_table *table, const uint8_t *key, size_t stride, uint32_t count,
            void **out_records)
{
    size_t bytes = table->key_bytes;

    for (uint32_t i = 0; i < count; i++, key += stride) {
        if (i != 0 && sl_group_keys_equal(key, key - stride, bytes)) {
            out_records[i] = out_records[i - 1];
            continue;
        }
        unsigned partition = sl_group_partition_of(sl_group_hash(key, bytes));
        out_records[i] = append(table, partition, NULL, key);
        if (out_records[i] == NULL)
            return false;
        table->unasked--;
    }
    return true;
}

bool
sl_group_table_add_many(struct sl_group_table *table, const void *keys, size_t stride,
                        uint32_t count, void **out_records)
{
    const uint8_t *key = keys;
    size_t bytes = table->key_bytes;
    uint64_t hashes[AHEAD]; /* a ring */

    if (table->unasked >= count)
        return append_many(table, key, stride, count, out_records);
    for (uint32_t i = 0; i < count + AHEAD; i++) {
        if (i >= AHEAD) {
            uint32_t now = i - AHEAD;
            const uint8_t *this = key + now * stride;
            uint64_t hash = hashes[now % AHEAD];
            if (now != 0 && sl_group_keys_equal(this, this - stride, bytes))
                out_records[now] = out_records[now - 1];
            else
                out_records[now] =
                    sl_group_table_add(table, sl_group_partition_of(hash), hash, this);
            if (out_records[now] == NULL)
                return false;
        }
        if (i >= AHEAD / 2 && i - AHEAD / 2 < count)
            fetch_record(table, hashes[(i - AHEAD / 2) % AHEAD]);
        if (i < count) {
            hashes[i % AHEAD] = sl_group_hash(key + i * stride, bytes);
            sl_group_table_fetch(table, hashes[i % AHEAD]);
        }
    }
    return true;
}

/* ---- records on disk ---- */

static sl_status
spill_partition(struct sl_group_table *table, unsigned partition, struct sl_spill *spill,
                struct sl_error *err)
{
    struct sl_group_partition *p = &table->partitions[partition];
    struct sl_group_extent extent = {.count = p->record_count};
    uint64_t offset;

    for (struct sl_group_page *page = p->first; page != NULL; page = page->next) {
        size_t bytes = sl_group_page_count(table, p, page) * table->record_bytes;
        SL_TRY(sl_spill_write(spill, page->records, bytes, &offset, err));
        if (page == p->first)
            extent.offset = offset;
    }
    free_pages(table, p->first);
    p->extents = sl_grow(p->extents, sizeof(*p->extents), (size_t)p->extent_count + 1);
    p->extents[p->extent_count++] = extent;
    p->first = p->last = NULL;
    p->next = p->page_end = NULL;
    p->record_count = 0;
    return SL_OK;
}

sl_status
sl_group_table_spill(struct sl_group_table *table, struct sl_spill *spill, struct sl_error *err)
{
    for (unsigned partition = 0; partition < SL_GROUP_PARTITIONS; partition++)
        if (table->partitions[partition].record_count != 0)
            SL_TRY(spill_partition(table, partition, spill, err));
    sl_group_table_forget(table);
    return SL_OK;
}

sl_status
sl_group_table_load(struct sl_group_table *table, unsigned partition, const struct sl_spill *spill,
                    const struct sl_exec *exec, struct sl_error *err)
{
    struct sl_group_partition *p = &table->partitions[partition];
    uint32_t most = page_records_max(table);

    for (uint32_t i = 0; i < p->extent_count; i++) {
        struct sl_group_extent extent = p->extents[i];
        while (extent.count != 0) {
            uint32_t count = extent.count < most ? (uint32_t)extent.count : most;
            size_t bytes = count * table->record_bytes;
            if (!add_page(table, p, count))
                return sl_exec_out_of_memory(exec, err);
            SL_TRY(sl_spill_read(spill, extent.offset, p->next, bytes, err));
            p->next = p->page_end;
            p->record_count += count;
            extent.offset += bytes;
            extent.count -= count;
        }
    }
    free(p->extents);
    p->extents = NULL;
    p->extent_count = 0;
    return SL_OK;
}

void
sl_group_table_join(struct sl_group_table *into, struct sl_group_table *from, unsigned partition)
{
    struct sl_group_partition *a = &into->partitions[partition];
    struct sl_group_partition *b = &from->partitions[partition];

    SL_ASSERT(a->extent_count == 0 && b->extent_count == 0);
    if (b->first == NULL)
        return;
    if (a->first == NULL) {
        *a = *b;
    } else {
        a->last->count = sl_group_page_count(into, a, a->last);
        a->last->next = b->first;
        a->last = b->last;
        a->next = b->next;
        a->page_end = b->page_end;
        a->record_count += b->record_count;
        a->number = b->number > a->number ? b->number : a->number;
    }
    *b = (struct sl_group_partition){0};
}

uint64_t
sl_group_table_count(const struct sl_group_table *table)
{
    uint64_t count = 0;
    for (unsigned partition = 0; partition < SL_GROUP_PARTITIONS; partition++)
        count += table->partitions[partition].record_count;
    return count;
}

/* ---- uniting and sifting ---- */

/* Where the records that stay are moved to: never beyond what was read. */
struct packer {
    const struct sl_group_table *table;
    struct sl_group_page *page;
    uint32_t count; /* records of the page that are in use */
};

static uint8_t *
packer_next(struct packer *packer)
{
    if (packer->count == packer->page->capacity) {
        packer->page->count = packer->count;
        packer->page = packer->page->next;
        SL_ASSERT(packer->page != NULL); /* it has the record that is moved */
        packer->count = 0;
    }
    return packer->page->records + packer->count++ * packer->table->record_bytes;
}

/* What the packer's page holds is the end of the partition. */
static void
packer_end(struct packer *packer, struct sl_group_table *table, struct sl_group_partition *p)
{
    free_pages(table, packer->page->next);
    packer->page->next = NULL;
    p->last = packer->page;
    p->next = packer->page->records + packer->count * table->record_bytes;
    p->page_end = packer->page->records + packer->page->capacity * table->record_bytes;
}

/* The slots of records[0 .. count), which lie side by side. */
struct batch {
    uint64_t hashes[BATCH];
    uint64_t *fresh[BATCH]; /* slots of those whose key is new, in order */
    void *into[BATCH];
    void *from[BATCH];
};

static bool
unite_batch(const struct sl_group_table *table, struct sl_group_index *index, struct batch *batch,
            uint8_t *records, uint32_t count, struct packer *packer, sl_group_merge_fn *merge,
            void *context)
{
    uint32_t fresh_count = 0;
    uint32_t double_count = 0;

    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *key = records + i * table->record_bytes + table->state_bytes;
        batch->hashes[i] = sl_group_hash(key, table->key_bytes);
        __builtin_prefetch(&index->slots[batch->hashes[i] & index->mask], 1);
    }
    for (uint32_t i = 0; i < count; i++) {
        uint64_t slot = index->slots[batch->hashes[i] & index->mask];
        if (slot != 0)
            __builtin_prefetch(slot_record(slot), 1);
    }
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *record = records + i * table->record_bytes;
        uint64_t *slot = find_slot(index, table, batch->hashes[i], record + table->state_bytes);
        if (*slot == 0) {
            *slot = make_slot(batch->hashes[i], record);
            batch->fresh[fresh_count++] = slot;
            continue;
        }
        batch->into[double_count] = slot_record(*slot);
        batch->from[double_count++] = record;
    }
    if (double_count != 0 && !merge(context, batch->into, batch->from, double_count))
        return false;
    for (uint32_t i = 0; i < fresh_count; i++) {
        uint8_t *record = slot_record(*batch->fresh[i]);
        uint8_t *target = packer_next(packer);
        if (target == record)
            continue;
        memcpy(target, record, table->record_bytes);
        *batch->fresh[i] = (*batch->fresh[i] & ~ADDRESS_MASK) | (uint64_t)(uintptr_t)target;
    }
    index->used += fresh_count;
    return true;
}

/* At most three quarters full. */
static uint64_t
slots_for(uint64_t record_count)
{
    uint64_t slot_count = SLOTS_FIRST;
    while (slot_count / 4 * 3 < record_count)
        slot_count *= 2;
    return slot_count;
}

static bool
unite_pages(struct sl_group_table *table, struct sl_group_partition *p,
            struct sl_group_index *index, sl_group_merge_fn *merge, void *context)
{
    struct packer packer = {.table = table, .page = p->first};
    struct batch batch;

    SL_ASSERT(p->first != NULL);
    p->last->count = sl_group_page_count(table, p, p->last);
    for (struct sl_group_page *page = p->first; page != NULL; page = page->next)
        for (uint32_t at = 0; at < page->count;) {
            uint32_t count = page->count - at < BATCH ? page->count - at : BATCH;
            if (!unite_batch(table, index, &batch, page->records + at * table->record_bytes, count,
                             &packer, merge, context))
                return false;
            at += count;
        }
    packer_end(&packer, table, p);
    p->record_count = index->used;
    return true;
}

bool
sl_group_table_unite(struct sl_group_table *table, unsigned partition, sl_group_merge_fn *merge,
                     void *context, struct sl_group_index *out_index)
{
    struct sl_group_partition *p = &table->partitions[partition];
    struct sl_group_index index = {0};

    if (out_index != NULL)
        *out_index = index;
    if (p->record_count == 0)
        return true;
    if (!index_open(&index, table->budget, slots_for(p->record_count)))
        return false;
    bool is_done = unite_pages(table, p, &index, merge, context);
    if (is_done && out_index != NULL)
        *out_index = index;
    else
        sl_group_index_fini(&index, table->budget);
    return is_done;
}

void
sl_group_table_keep(struct sl_group_table *table, unsigned partition, sl_group_keep_fn *is_kept,
                    void *context)
{
    struct sl_group_partition *p = &table->partitions[partition];
    struct packer packer = {.table = table, .page = p->first};

    if (p->record_count == 0)
        return;
    p->last->count = sl_group_page_count(table, p, p->last);
    p->record_count = 0;
    for (struct sl_group_page *page = p->first; page != NULL; page = page->next) {
        const uint8_t *record = page->records;
        for (uint32_t i = 0; i < page->count; i++, record += table->record_bytes) {
            if (!is_kept(context, record))
                continue;
            uint8_t *target = packer_next(&packer);
            if (target != record)
                memcpy(target, record, table->record_bytes);
            p->record_count++;
        }
    }
    packer_end(&packer, table, p);
}
