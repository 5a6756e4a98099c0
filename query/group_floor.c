/*
 * group_floor.c - records of groups that nobody asks for go before they are united.
 *
 * Who asks for the pairs of hosts with the greatest sums wants a few of millions. A *floor* is known, below
 * which no group of the answer lies: what was asked for, or the n-th greatest sum of the groups that a
 * worker has united so far. Sums of a partition's records are added up by some bits of their hashes: all
 * records of a group are in one bucket, and where that holds less than the floor, they go. Both passes
 * follow the order of the records, which uniting cannot.
 *
 * Only counts, and sums of unsigned integers: they never shrink. Not where groups have values beside them
 * (group_value.c), which would be left without a group.
 */
#include "query/aggregate_state.h"
#include "query/group.h"

enum {
    BUCKET_BITS = 13, /* of a hash: 64 KiB of sums */
    BUCKET_SHIFT = 32,
    RECORDS_MIN = 256, /* of a partition: fewer are united as quickly */
};

/* Sums of a partition's records by bucket. */
struct sift {
    const struct sl_group_table *table;
    size_t state_offset; /* of the asked one */
    uint64_t floor;
    uint64_t sums[1 << BUCKET_BITS];
};

/* Is what is asked for of a kind that groups have in one word, which only grows? */
bool
group_floor_is_possible(const struct group *group)
{
    const struct sl_group_floor *asked = &group->asked;
    bool is_kept_few = asked->keep != 0 && asked->keep <= GROUP_TOP_MAX;

    if (asked->kind == SL_FLOOR_NONE || (asked->kind == SL_FLOOR_TOP && !is_kept_few))
        return false;
    const struct group_aggregate *a = &group->aggregates[asked->aggregate];
    return group->key_count != 0 && group->value_table_count == 0 && a->sum != GROUP_SUM_NONE &&
           a->aggregate->kind != SL_AGG_AVG;
}

void
group_floor_raise(struct group *group, uint64_t floor)
{
    uint64_t seen = atomic_load_explicit(&group->floor, memory_order_relaxed);

    while (seen < floor &&
           !atomic_compare_exchange_weak_explicit(&group->floor, &seen, floor, memory_order_relaxed,
                                                  memory_order_relaxed)) {
    }
}

void
group_floor_replace_least(uint64_t *heap, uint64_t count, uint64_t value)
{
    uint64_t at = 0;

    for (uint64_t child = 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && heap[child + 1] < heap[child])
            child++;
        if (heap[child] >= value)
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = value;
}

/* What the word of a count or a sum says, or `boxed` where the sum is wider than it. */
static uint64_t
value_of(const uint8_t *state, uint64_t boxed)
{
    uint64_t word;

    memcpy(&word, state, sizeof(word));
    return SL_UNLIKELY(word & SL_AGGREGATE_CELL_BOXED) ? boxed : word & ~SL_AGGREGATE_CELL_INLINE;
}

static uint64_t *
bucket_of(struct sift *sift, const uint8_t *record)
{
    uint64_t hash = sl_group_hash(record + sift->table->state_bytes, sift->table->key_bytes);
    return &sift->sums[hash >> BUCKET_SHIFT & ((1U << BUCKET_BITS) - 1)];
}

/* A sum that would overflow stays above every floor. */
static void
add_page(struct sift *sift, const struct sl_group_page *page, uint32_t count)
{
    const uint8_t *record = page->records;

    for (uint32_t i = 0; i < count; i++, record += sift->table->record_bytes) {
        uint64_t *sum = bucket_of(sift, record);
        if (SL_UNLIKELY(__builtin_add_overflow(
                *sum, value_of(record + sift->state_offset, UINT64_MAX), sum)))
            *sum = UINT64_MAX;
    }
}

/* A sl_group_keep_fn. */
static bool
is_kept(void *context, const uint8_t *record)
{
    struct sift *sift = context;
    return *bucket_of(sift, record) >= sift->floor;
}

bool
group_floor_sift(const struct group *group, struct sl_group_table *table, unsigned partition)
{
    const struct sl_group_partition *p = &table->partitions[partition];
    uint64_t floor = atomic_load_explicit(&group->floor, memory_order_relaxed);

    if (!group->has_floor || floor == 0 || p->record_count < RECORDS_MIN)
        return true;
    struct sift *sift = sl_try_alloc(sizeof(*sift));
    if (sift == NULL)
        return false;
    sift->table = table;
    sift->state_offset = group->aggregates[group->asked.aggregate].offset;
    sift->floor = floor;
    for (const struct sl_group_page *page = p->first; page != NULL; page = page->next)
        add_page(sift, page, sl_group_page_count(table, p, page));
    sl_group_table_keep(table, partition, is_kept, sift);
    free(sift);
    return true;
}

void
group_floor_learn(struct group *group, const struct sl_group_table *table, unsigned partition,
                  uint64_t *greatest)
{
    const struct sl_group_partition *p = &table->partitions[partition];
    size_t offset = group->aggregates[group->asked.aggregate].offset;

    if (greatest == NULL)
        return;
    for (const struct sl_group_page *page = p->first; page != NULL; page = page->next) {
        uint32_t count = sl_group_page_count(table, p, page);
        const uint8_t *record = page->records;
        for (uint32_t i = 0; i < count; i++, record += table->record_bytes) {
            uint64_t value = value_of(record + offset, SL_AGGREGATE_CELL_INLINE);
            if (SL_UNLIKELY(value > greatest[0]))
                group_floor_replace_least(greatest, group->asked.keep, value);
        }
    }
    group_floor_raise(group, greatest[0]);
}
