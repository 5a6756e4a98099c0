/*
 * group_finish.c - what the values of holistic aggregates come to: their number or sum, the one at
 * a position, all of them as a text. See group_value.c for their records.
 */
#include "query/group.h"

#include <math.h>

#include "storage/base/buf.h"
#include "storage/value_text.h"

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

/* Takes the text out of the bytes that SORTED made (function_sort.c); what is left is its order. */
static struct sl_slice
take_sorted_text(struct sl_slice *value)
{
    struct sl_slice text = {0};

    SL_ASSERT(value->size_bytes >= sizeof(text.size_bytes));
    value->size_bytes -= (uint32_t)sizeof(text.size_bytes);
    memcpy(&text.size_bytes, value->bytes + value->size_bytes, sizeof(text.size_bytes));
    SL_ASSERT(value->size_bytes >= text.size_bytes);
    value->size_bytes -= text.size_bytes;
    text.bytes = value->bytes + value->size_bytes;
    return text;
}

/* A text and where it stands. */
struct concat_text {
    struct sl_slice text;
    uint32_t index;
};

static int
compare_texts(const void *a, const void *b, void *context)
{
    const struct concat_text *x = a, *y = b;
    int order = sl_slice_compare(x->text, y->text, *(const bool *)context);

    return order != 0 ? order : (x->index > y->index) - (x->index < y->index);
}

/* With an order, a text that DISTINCT wants once may stand in several places: the bits of all but the first.
 * NULL: no memory. */
static uint64_t *
find_repeated(const struct sl_aggregate *aggregate, const struct value_entry *entries,
              uint32_t count, struct sl_arena *arena)
{
    bool is_binary = aggregate->argument->args[0]->type.is_binary;
    struct concat_text *texts = sl_arena_calloc(arena, count, sizeof(*texts));
    uint64_t *repeated = sl_arena_calloc(arena, sl_words_for(count), sizeof(*repeated));

    if (texts == NULL || repeated == NULL)
        return NULL;
    for (uint32_t i = 0; i < count; i++) {
        struct sl_slice value = entries[i].value.slice;
        texts[i] = (struct concat_text){.text = take_sorted_text(&value), .index = i};
    }
    qsort_r(texts, count, sizeof(*texts), compare_texts, &is_binary);
    for (uint32_t i = 1; i < count; i++)
        if (sl_slice_compare(texts[i - 1].text, texts[i].text, is_binary) == 0)
            sl_bit_set(repeated, texts[i].index);
    return repeated;
}

/* The values of a group in order, each as often as it came or once, cut at GROUP_CONCAT_BYTES_MAX. */
static bool
finish_concat(const struct group_aggregate *a, const struct value_entry *entries,
              uint32_t entry_count, struct sl_arena *arena)
{
    const struct sl_aggregate *aggregate = a->aggregate;
    struct sl_aggregate_state *state = group_state(entries->record, a);
    struct sl_buf text = sl_buf_empty(2 * GROUP_CONCAT_BYTES_MAX + 64);
    bool has_places = aggregate->is_distinct && aggregate->is_ordered;
    uint64_t *repeated = has_places ? find_repeated(aggregate, entries, entry_count, arena) : NULL;

    if (has_places && repeated == NULL)
        return false;
    for (uint32_t i = 0; i < entry_count; i++) {
        struct sl_slice value = entries[i].value.slice;
        if (repeated != NULL && sl_bit_get(repeated, i))
            continue;
        if (aggregate->is_ordered)
            value = take_sorted_text(&value);
        for (uint64_t k = 0; k < (aggregate->is_distinct ? 1 : entries[i].count); k++) {
            if (text.size_bytes >= GROUP_CONCAT_BYTES_MAX)
                break;
            if (i != 0 || k != 0)
                sl_buf_append(&text, aggregate->separator.bytes, aggregate->separator.size_bytes);
            sl_buf_append(&text, value.bytes, value.size_bytes);
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
finish_entries(const struct group_aggregate *a, struct value_entry *entries, uint64_t count,
               struct sl_arena *arena)
{
    const struct sl_sql_type *type = &a->aggregate->argument->type;
    struct value_order order = {.form = sl_form_of(type->type),
                                .is_binary = type->is_binary || type->type == SL_TYPE_OCTETS};

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
group_of_value(void *const *records, const struct sl_group_table *values, const uint8_t *value)
{
    return records[sl_group_place_number(group_value_place(value + values->state_bytes))];
}

/* All records of partitions first .. last - 1. */
struct walk {
    const struct sl_group_table *table;
    const struct sl_group_page *page;
    unsigned partition, last;
    uint32_t at;
};

/* NULL at the end. */
static const uint8_t *
walk_next(struct walk *walk)
{
    for (; walk->partition < walk->last; walk->partition++, walk->page = NULL) {
        const struct sl_group_partition *p = &walk->table->partitions[walk->partition];
        if (walk->page == NULL) {
            walk->page = p->first;
            walk->at = 0;
        }
        for (; walk->page != NULL; walk->page = walk->page->next, walk->at = 0)
            if (walk->at < sl_group_page_count(walk->table, p, walk->page))
                return walk->page->records + walk->at++ * walk->table->record_bytes;
    }
    return NULL;
}

static bool
finish_sorted(struct sl_op *op, const struct group_aggregate *a, void *const *records,
              unsigned first, unsigned last)
{
    struct group *group = op->state;
    const struct sl_group_table *values = &group->workers[0].value_tables[a->value_table];
    struct walk walk = {.table = values, .partition = first, .last = last};
    uint64_t count = 0;

    for (unsigned p = first; p < last; p++)
        count += values->partitions[p].record_count;
    size_t bytes = count * sizeof(struct value_entry);
    if (!sl_budget_take(&op->exec->budget, bytes))
        return false;
    struct value_entry *entries = sl_try_alloc(bytes + 1);
    bool is_done = entries != NULL;
    for (uint64_t at = 0; at < count && is_done; at++) {
        const uint8_t *record = walk_next(&walk);
        entries[at].record = group_of_value(records, values, record);
        entries[at].value = group_value_read(a, values, record);
        memcpy(&entries[at].count, record, sizeof(uint64_t));
    }
    is_done = is_done && finish_entries(a, entries, count, group_kept(group, first));
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
finish_sketch(const struct group *group, const struct group_aggregate *a, void *const *records,
              unsigned first, unsigned last)
{
    const struct sl_group_table *values = &group->workers[0].value_tables[a->value_table];
    struct walk walk = {.table = values, .partition = first, .last = last};
    struct walk groups = {.table = &group->workers[0].table, .partition = first, .last = last};

    for (const uint8_t *record; (record = walk_next(&walk)) != NULL;) {
        struct sl_aggregate_state *state = group_state(group_of_value(records, values, record), a);
        uint64_t rank;
        memcpy(&rank, record, sizeof(rank));
        state->value.f64 += ldexp(1, -(int)rank);
        state->count++;
    }
    for (const uint8_t *record; (record = walk_next(&groups)) != NULL;)
        finish_registers(group_state((void *)(uintptr_t)record, a));
}

static void
finish_distinct(const struct group *group, const struct group_aggregate *a, void *const *records,
                unsigned first, unsigned last)
{
    const struct sl_group_table *values = &group->workers[0].value_tables[a->value_table];
    struct walk walk = {.table = values, .partition = first, .last = last};
    bool is_count = a->aggregate->kind == SL_AGG_COUNT_DISTINCT;

    if (is_count && group->key_count == 0) {
        for (unsigned p = first; p < last; p++)
            *(uint64_t *)group_state(records[0], a) += values->partitions[p].record_count;
        return;
    }
    for (const uint8_t *record; (record = walk_next(&walk)) != NULL;) {
        void *state = group_state(group_of_value(records, values, record), a);
        union sl_argument value = {0};
        if (!is_count)
            value = group_value_read(a, values, record);
        sl_aggregate_add_distinct(a->aggregate, state, &value);
    }
}

bool
group_finish(struct sl_op *op, void *const *records, unsigned first, unsigned last)
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
            if (!finish_sorted(op, a, records, first, last))
                return false;
            break;
        case SL_AGG_APPROX_COUNT_DISTINCT:
            finish_sketch(group, a, records, first, last);
            break;
        default:
            if (!group_value_is_dealt(group, a))
                finish_distinct(group, a, records, first, last);
        }
        for (unsigned p = first; p < last; p++)
            sl_group_partition_fini(&group->workers[0].value_tables[a->value_table], p);
    }
    return true;
}
