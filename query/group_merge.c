/*
 * group_merge.c - the tables of all workers become one, a partition at a time.
 *
 * Partitions are independent, so the workers share them out. For each the largest table is the
 * target. Holistic aggregates are finished in the same pass; without keys there is one group and
 * its values lie in all partitions, so that case is finished at the end by one thread.
 */
#include "query/group.h"

#include <math.h>

#include "storage/base/buf.h"
#include "storage/value_text.h"

static void
swap_partition(struct sl_group_table *a, struct sl_group_table *b, unsigned partition)
{
    struct sl_group_partition swap = a->partitions[partition];
    a->partitions[partition] = b->partitions[partition];
    b->partitions[partition] = swap;
}

bool
group_absorb(const struct group *group, struct sl_group_table *into,
             const struct sl_group_table *from, unsigned partition)
{
    enum { BATCH = 1024 };
    uint32_t count = from->partitions[partition].record_count;
    void *sources[BATCH];
    void *targets[BATCH];

    for (uint32_t first = 0; first < count;) {
        uint8_t *source = sl_group_record(from, partition, first);
        uint32_t batch = sl_group_records_adjacent(from, partition, first);
        batch = batch < BATCH ? batch : BATCH;
        if (!sl_group_table_add_many(into, source, from->record_bytes, batch, targets))
            return false;
        for (uint32_t i = 0; i < batch; i++)
            sources[i] = source + i * from->record_bytes;
        for (uint32_t a = 0; a < group->aggregate_count; a++)
            sl_aggregate_merge_many(group->aggregates[a].aggregate, targets,
                                    group->aggregates[a].offset, sources,
                                    group->aggregates[a].offset, batch);
        first += batch;
    }
    return true;
}

static bool
merge_values(const struct group_aggregate *a, struct sl_group_table *into,
             const struct sl_group_table *from, unsigned partition)
{
    uint32_t count = from->partitions[partition].record_count;
    bool is_new;

    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *source = sl_group_record(from, partition, i);
        uint64_t hash = sl_group_hash(source, into->key_bytes);
        uint8_t *target = sl_group_table_add(into, partition, hash, source, &is_new);
        if (target == NULL)
            return false;
        uint64_t x, y;
        memcpy(&x, target + into->key_bytes, sizeof(x));
        memcpy(&y, source + into->key_bytes, sizeof(y));
        if (a->aggregate->kind == SL_AGG_APPROX_COUNT_DISTINCT)
            x = x > y ? x : y;
        else
            x += y;
        memcpy(target + into->key_bytes, &x, sizeof(x));
    }
    return true;
}

/* The table with most records in the partition becomes that of worker 0. */
static void
put_largest_first(struct sl_group_table *const *tables, unsigned count, unsigned partition)
{
    unsigned largest = 0;

    for (unsigned i = 1; i < count; i++)
        if (tables[i]->partitions[partition].record_count >
            tables[largest]->partitions[partition].record_count)
            largest = i;
    if (largest != 0)
        swap_partition(tables[0], tables[largest], partition);
}

static bool
merge_mains(const struct sl_op *op, unsigned partition)
{
    const struct group *group = op->state;
    struct sl_group_table *tables[SL_THREADS_MAX];

    for (unsigned i = 0; i < op->exec->threads; i++)
        tables[i] = &group->workers[i].table;
    put_largest_first(tables, op->exec->threads, partition);
    for (unsigned i = 0; i < op->exec->threads; i++) {
        struct sl_group_table *pending = &group->workers[i].pending;
        if (i != 0 && !group_absorb(group, tables[0], tables[i], partition))
            return false;
        if (!group_absorb(group, tables[0], pending, partition))
            return false;
        if (i != 0)
            sl_group_partition_fini(tables[i], partition);
        sl_group_partition_fini(pending, partition);
    }
    return true;
}

static bool
merge_value_tables(const struct sl_op *op, const struct group_aggregate *a, unsigned partition)
{
    const struct group *group = op->state;
    struct sl_group_table *tables[SL_THREADS_MAX];

    for (unsigned i = 0; i < op->exec->threads; i++)
        tables[i] = &group->workers[i].value_tables[a->value_table];
    put_largest_first(tables, op->exec->threads, partition);
    for (unsigned i = 1; i < op->exec->threads; i++) {
        if (!merge_values(a, tables[0], tables[i], partition))
            return false;
        sl_group_partition_fini(tables[i], partition);
    }
    return true;
}

/* ---- holistic aggregates ---- */

/* One value of a group, ready to be sorted. */
struct value_entry {
    void *record; /* of its group */
    union sl_argument value;
    uint64_t count;
};

struct value_order {
    enum sl_form form;
    bool is_binary;
};

static union sl_argument
read_value(const struct group_aggregate *a, const uint8_t *bytes)
{
    union sl_argument value;

    memcpy(&value, bytes, sizeof(value));
    uint32_t number = (uint32_t)value.u64;
    if (a->pool != NULL)
        value.slice = sl_text_pool_slice(a->pool, number);
    return value;
}

static int
compare_values(const union sl_argument *a, const union sl_argument *b,
               const struct value_order *order)
{
    switch (order->form) {
    case SL_FORM_U64:
        return (a->u64 > b->u64) - (a->u64 < b->u64);
    case SL_FORM_I64:
        return (a->i64 > b->i64) - (a->i64 < b->i64);
    case SL_FORM_F64:
        return (a->f64 > b->f64) - (a->f64 < b->f64);
    case SL_FORM_I128:
        return (a->i128 > b->i128) - (a->i128 < b->i128);
    case SL_FORM_ADDR:
        return sl_addr_compare(a->addr, b->addr);
    case SL_FORM_SLICE:
        return sl_slice_compare(a->slice, b->slice, order->is_binary);
    }
    return 0;
}

static int
compare_entries(const void *a, const void *b, void *context)
{
    const struct value_entry *x = a;
    const struct value_entry *y = b;

    if (x->record != y->record)
        return (uintptr_t)x->record < (uintptr_t)y->record ? -1 : 1;
    return compare_values(&x->value, &y->value, context);
}

static void
store_quantile(const struct group_aggregate *a, struct sl_aggregate_state *state,
               const union sl_argument *value)
{
    enum sl_form form = sl_form_of(a->aggregate->argument->type.type);

    if (form == SL_FORM_U64)
        state->value.integer = (sl_i128)value->u64;
    else if (form == SL_FORM_I64)
        state->value.integer = value->i64;
    else
        memcpy(&state->value, value, sizeof(*value));
}

/* The entry that holds the value of position `at` (from 0) among all values. */
static const union sl_argument *
value_at(const struct value_entry *entries, uint64_t at)
{
    while (at >= entries->count) {
        at -= entries->count;
        entries++;
    }
    return &entries->value;
}

/*
 * The value at q * (n - 1), between two neighbours where it falls between them and the result is
 * a DOUBLE, and the lower one of them otherwise.
 */
static void
finish_quantile(const struct group_aggregate *a, const struct value_entry *entries, uint64_t total)
{
    struct sl_aggregate_state *state = group_state(entries->record, a);
    const struct sl_sql_type *type = &a->aggregate->argument->type;
    double q = a->aggregate->parameter;
    double position = (q < 0 ? 0 : q > 1 ? 1 : q) * (double)(total - 1);
    uint64_t low = (uint64_t)position;
    low = low < total ? low : total - 1;

    state->count = total;
    if (a->aggregate->type.type != SL_TYPE_F64) {
        store_quantile(a, state, value_at(entries, low));
        return;
    }
    double x = sl_argument_f64(value_at(entries, low), type);
    double y = sl_argument_f64(value_at(entries, low + 1 < total ? low + 1 : low), type);
    state->value.f64 = x + (y - x) * (position - (double)low);
}

/* The values of a group in order, each as often as it came, cut at GROUP_CONCAT_BYTES_MAX. */
static bool
finish_concat(const struct group_aggregate *a, const struct value_entry *entries,
              uint32_t entry_count, struct sl_arena *arena)
{
    struct sl_aggregate_state *state = group_state(entries->record, a);
    const struct sl_sql_type *type = &a->aggregate->argument->type;
    struct sl_buf text = sl_buf_empty(2 * GROUP_CONCAT_BYTES_MAX + 64);

    for (uint32_t i = 0; i < entry_count; i++) {
        const union sl_argument *value = &entries[i].value;
        uint32_t offsets[2] = {0, 0};
        struct sl_vector one = {.type = type->type,
                                .encoding = SL_CONSTANT,
                                .width = (uint8_t)sl_type_bytes(type->type),
                                .scale = type->scale,
                                .count = 1,
                                .value_count = 1,
                                .values = value};
        if (a->pool != NULL) {
            offsets[1] = value->slice.size_bytes;
            one.offsets = offsets;
            one.bytes = value->slice.bytes;
        }
        for (uint64_t k = 0; k < entries[i].count; k++) {
            if (text.size_bytes >= GROUP_CONCAT_BYTES_MAX)
                break;
            if (text.size_bytes != 0 || i != 0 || k != 0)
                sl_buf_append(&text, a->aggregate->separator.bytes,
                              a->aggregate->separator.size_bytes);
            sl_value_format(&one, 0, &text);
        }
    }
    size_t size_bytes = sl_min_size(text.size_bytes, GROUP_CONCAT_BYTES_MAX);
    uint8_t *copy = text.bad ? NULL : sl_arena_alloc(arena, size_bytes);
    if (copy != NULL) {
        if (size_bytes != 0)
            memcpy(copy, text.bytes, size_bytes);
        state->value.slice = (struct sl_slice){.bytes = copy, .size_bytes = (uint32_t)size_bytes};
        state->count = 1;
    }
    sl_buf_fini(&text);
    return copy != NULL;
}

/* Sorted entries, group by group. */
static bool
finish_entries(struct group *group, const struct group_aggregate *a, struct value_entry *entries,
               uint64_t count, struct sl_arena *arena)
{
    const struct sl_sql_type *type = &a->aggregate->argument->type;
    struct value_order order = {.form = sl_form_of(type->type), .is_binary = type->is_binary};
    (void)group;

    qsort_r(entries, count, sizeof(*entries), compare_entries, &order);
    for (uint64_t start = 0; start < count;) {
        uint64_t end = start;
        uint64_t total = 0;
        for (; end < count && entries[end].record == entries[start].record; end++)
            total += entries[end].count;
        if (a->aggregate->kind != SL_AGG_GROUP_CONCAT)
            finish_quantile(a, entries + start, total);
        else if (!finish_concat(a, entries + start, (uint32_t)(end - start), arena))
            return false;
        start = end;
    }
    return true;
}

static void *
group_of_value(const struct group *group, const uint8_t *record, unsigned partition)
{
    const struct sl_group_table *table = &group->workers[0].table;

    if (group->key_count == 0)
        return sl_group_record(table, 0, 0);
    void *found =
        sl_group_table_find(table, partition, sl_group_hash(record, group->key_bytes), record);
    SL_ASSERT(found != NULL); /* a value is only kept for a row that has its group */
    return found;
}

static bool
finish_sorted(struct sl_op *op, const struct group_aggregate *a, unsigned first, unsigned last)
{
    struct group *group = op->state;
    const struct sl_group_table *values = &group->workers[0].value_tables[a->value_table];
    uint64_t count = 0;

    for (unsigned p = first; p < last; p++)
        count += values->partitions[p].record_count;
    size_t bytes = count * sizeof(struct value_entry);
    if (!sl_budget_take(&op->exec->budget, bytes))
        return false;
    struct value_entry *entries = sl_try_alloc(bytes + 1);
    bool is_done = entries != NULL;
    uint64_t at = 0;
    for (unsigned p = first; p < last && is_done; p++)
        for (uint32_t i = 0; i < values->partitions[p].record_count; i++) {
            const uint8_t *record = sl_group_record(values, p, i);
            entries[at].record = group_of_value(group, record, p);
            entries[at].value = read_value(a, record + group->key_bytes);
            memcpy(&entries[at].count, record + values->key_bytes, sizeof(uint64_t));
            at++;
        }
    is_done = is_done && finish_entries(group, a, entries, count, group->texts[first]);
    free(entries);
    sl_budget_give(&op->exec->budget, bytes);
    return is_done;
}

/* Registers were summed up as 2^-rank in value.f64, their number in count. */
static void
finish_registers(struct sl_aggregate_state *state)
{
    const double m = 1 << GROUP_HLL_BITS;
    double empty = m - (double)state->count;
    double estimate = 0.7213 / (1 + 1.079 / m) * m * m / (state->value.f64 + empty);

    if (estimate <= 2.5 * m && empty > 0)
        estimate = m * log(m / empty);
    state->count = (uint64_t)llround(estimate);
}

static void
finish_unsorted(const struct group *group, const struct group_aggregate *a, unsigned first,
                unsigned last)
{
    const struct sl_group_table *values = &group->workers[0].value_tables[a->value_table];
    const struct sl_group_table *table = &group->workers[0].table;
    bool is_sketch = a->aggregate->kind == SL_AGG_APPROX_COUNT_DISTINCT;

    for (unsigned p = first; p < last; p++)
        for (uint32_t i = 0; i < values->partitions[p].record_count; i++) {
            const uint8_t *record = sl_group_record(values, p, i);
            struct sl_aggregate_state *state = group_state(group_of_value(group, record, p), a);
            union sl_argument value = read_value(a, record + group->key_bytes);
            if (!is_sketch) {
                sl_aggregate_add_distinct(a->aggregate, state, &value);
                continue;
            }
            uint64_t rank;
            memcpy(&rank, record + values->key_bytes, sizeof(rank));
            state->value.f64 += ldexp(1, -(int)rank);
            state->count++;
        }
    for (unsigned p = first; p < last && is_sketch; p++)
        for (uint32_t i = 0; i < table->partitions[p].record_count; i++)
            finish_registers(group_state(sl_group_record(table, p, i), a));
}

static bool
finish_holistic(struct sl_op *op, unsigned first, unsigned last)
{
    struct group *group = op->state;

    for (uint32_t i = 0; i < group->aggregate_count; i++) {
        const struct group_aggregate *a = &group->aggregates[i];
        if (a->value_table < 0)
            continue;
        switch (a->aggregate->kind) {
        case SL_AGG_QUANTILE:
        case SL_AGG_APPROX_QUANTILE:
        case SL_AGG_GROUP_CONCAT:
            if (!finish_sorted(op, a, first, last))
                return false;
            break;
        default: /* the distinct ones */
            finish_unsorted(group, a, first, last);
        }
        for (unsigned p = first; p < last; p++)
            sl_group_partition_fini(&group->workers[0].value_tables[a->value_table], p);
    }
    return true;
}

static sl_status
merge_partition(void *context, unsigned partition, struct sl_error *err)
{
    struct sl_op *op = context;
    struct group *group = op->state;

    SL_TRY(sl_exec_check(op->exec, err));
    bool is_done = merge_mains(op, partition);
    for (uint32_t i = 0; i < group->aggregate_count && is_done; i++)
        if (group->aggregates[i].value_table >= 0)
            is_done = merge_value_tables(op, &group->aggregates[i], partition);
    if (is_done && group->key_count != 0 && group->value_table_count != 0)
        is_done = finish_holistic(op, partition, partition + 1);
    return is_done ? SL_OK : sl_exec_out_of_memory(op->exec, err);
}

sl_status
group_merge(struct sl_op *op, struct sl_error *err)
{
    struct group *group = op->state;
    struct sl_group_table *table = &group->workers[0].table;
    bool is_new;

    SL_TRY(sl_exec_each(op->exec, SL_GROUP_PARTITIONS, merge_partition, op, err));
    if (group->key_count == 0) {
        /* Without keys there is one group even where there are no rows. */
        if (sl_group_table_add(table, 0, 0, NULL, &is_new) == NULL)
            return sl_exec_out_of_memory(op->exec, err);
        if (group->value_table_count != 0 && !finish_holistic(op, 0, SL_GROUP_PARTITIONS))
            return sl_exec_out_of_memory(op->exec, err);
    }
    for (unsigned p = 0; p < SL_GROUP_PARTITIONS; p++)
        group->chunk_counts[p] =
            (table->partitions[p].record_count + GROUP_CHUNK_ROWS - 1) / GROUP_CHUNK_ROWS;
    return SL_OK;
}
