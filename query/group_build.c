/*
 * group_build.c - rows to records: where most of the time of a GROUP BY goes.
 *
 * Keys are looked up as seldom as possible. Where all keys of a chunk are constants, dictionary
 * codes or narrow integers, a direct array remembers the record of each combination of codes,
 * and the hash table sees each combination once a chunk. A single key of narrow integers keeps its array
 * from chunk to chunk. A single key with a large dictionary has
 * its states in an array by code for as long as the dictionary stays the same, which is a row
 * group (group_dense.c). Else the table is asked for each run of equal neighbours, which the inner
 * order of segments makes long.
 *
 * Aggregates then run over a slice of rows column by column: state number i of record[row].
 */
#include "query/group.h"

struct slice {
    const uint32_t *rows;
    uint32_t count;
};

static uint32_t
domain_of(const struct sl_vector *v)
{
    uint32_t nulls = v->present != NULL || v->value_count == 0;

    switch (v->encoding) {
    case SL_CONSTANT:
        return 1 + (v->present != NULL);
    case SL_DICT:
        return v->value_count + nulls;
    case SL_PLAIN:
        break;
    }
    if (v->width == 1 && !sl_type_is_bytes(v->type))
        return 256 + nulls;
    if (v->width == 2 && !sl_type_is_bytes(v->type))
        return 65536 + nulls;
    return UINT32_MAX;
}

/* A direct array pays when it is not much larger than the rows that use it. */
static sl_status
prepare_direct(struct sl_op *op, struct key_side *side, uint32_t row_count, struct sl_chunk *chunk,
               struct sl_error *err)
{
    const struct group *group = op->state;
    uint64_t product = 1;

    side->direct = NULL;
    side->domains = sl_arena_calloc(chunk->arena, group->key_count, sizeof(uint32_t));
    if (side->domains == NULL)
        return sl_exec_out_of_memory(op->exec, err);
    for (uint32_t i = 0; i < group->key_count; i++) {
        side->domains[i] = domain_of(&side->vectors[i]);
        product *= side->domains[i];
        if (product > GROUP_DIRECT_MAX || product > 4 * (uint64_t)row_count + 64)
            return SL_OK;
    }
    side->direct = sl_arena_calloc(chunk->arena, (size_t)product, sizeof(void *));
    return side->direct == NULL ? sl_exec_out_of_memory(op->exec, err) : SL_OK;
}

static size_t
dictionary_bytes(const struct group_dictionary *dictionary)
{
    return ((size_t)dictionary->entry_count + 1) * sizeof(void *);
}

void
group_dictionary_fini(struct group_dictionary *dictionary, struct sl_budget *budget)
{
    if (dictionary->records != NULL)
        sl_budget_give(budget, dictionary_bytes(dictionary));
    free(dictionary->records);
    *dictionary = (struct group_dictionary){0};
}

/*
 * One key with a dictionary that is too large for an array of each chunk: use that of the last
 * chunk when the dictionary is the same, else begin a new one. Without the memory for it there is
 * the hash table.
 */
static void
prepare_dictionary(struct sl_budget *budget, struct group_dictionary *dictionary,
                   struct key_side *side, uint32_t row_count)
{
    const struct sl_vector *v = &side->vectors[0];
    struct group_dictionary next = {.dictionary = v->dictionary, .entry_count = v->value_count};

    if (v->encoding != SL_DICT || v->dictionary == 0 || sl_type_is_bytes(v->type))
        return;
    if (dictionary->records != NULL && dictionary->dictionary == v->dictionary) {
        side->direct = dictionary->records;
        return;
    }
    /* An array for a few rows costs more than asking the table for them. */
    if (row_count < v->value_count / 32 || v->value_count > GROUP_DICTIONARY_MAX)
        return;
    group_dictionary_fini(dictionary, budget);
    if (!sl_budget_take(budget, dictionary_bytes(&next)))
        return;
    next.records = sl_try_alloc(dictionary_bytes(&next));
    if (next.records == NULL) {
        sl_budget_give(budget, dictionary_bytes(&next));
        return;
    }
    *dictionary = next;
    side->direct = next.records;
}

/* The largest of the values, of a plain vector of narrow integers. */
static uint32_t
largest_value(const struct sl_vector *v)
{
    uint32_t largest = 0;

    if (v->width == 1)
        return UINT8_MAX;
    if (v->width == 2)
        return UINT16_MAX;
    const uint32_t *values = v->values;
    for (uint32_t i = 0; i < v->count; i++)
        largest = values[i] > largest ? values[i] : largest;
    return largest;
}

/*
 * One key of narrow integers, such as a port or an AS: the array goes by value and stays from chunk
 * to chunk. What lies beyond GROUP_VALUES_MAX sends its chunk to the hash table.
 */
static sl_status
prepare_values(struct sl_op *op, struct group_dictionary *dictionary, struct key_side *side,
               struct sl_chunk *chunk, struct sl_error *err)
{
    struct sl_budget *budget = &op->exec->budget;
    const struct sl_vector *v = &side->vectors[0];
    struct group_dictionary next = {.dictionary = GROUP_BY_VALUE};

    if (v->encoding != SL_PLAIN || v->width == 0 || v->width > 4 || sl_type_is_bytes(v->type) ||
        largest_value(v) >= GROUP_VALUES_MAX)
        return SL_OK;
    side->domains = sl_arena_calloc(chunk->arena, 1, sizeof(uint32_t));
    if (side->domains == NULL)
        return sl_exec_out_of_memory(op->exec, err);
    next.entry_count = v->width == 4 ? GROUP_VALUES_MAX : UINT32_C(1) << 8 * v->width;
    if (dictionary->dictionary != next.dictionary || dictionary->entry_count < next.entry_count) {
        if (!sl_budget_take(budget, dictionary_bytes(&next)))
            return SL_OK;
        next.records = sl_try_alloc(dictionary_bytes(&next));
        if (next.records == NULL) {
            sl_budget_give(budget, dictionary_bytes(&next));
            return SL_OK;
        }
        group_dictionary_fini(dictionary, budget);
        *dictionary = next;
    }
    side->domains[0] = dictionary->entry_count + 1;
    side->direct = dictionary->records;
    return SL_OK;
}

static sl_status
prepare_side(struct sl_op *op, struct key_side *side, struct sl_chunk *chunk, struct sl_error *err)
{
    const struct group *group = op->state;

    side->direct = NULL;
    side->numbers = sl_arena_calloc(chunk->arena, group->key_count, sizeof(*side->numbers));
    if (side->numbers == NULL)
        return sl_exec_out_of_memory(op->exec, err);
    for (uint32_t i = 0; i < group->key_count; i++) {
        if (group->keys[i].pool == NULL)
            continue;
        uint32_t entries = side->vectors[i].value_count;
        side->numbers[i] = sl_arena_alloc(chunk->arena, (size_t)entries * sizeof(uint32_t));
        if (side->numbers[i] == NULL)
            return sl_exec_out_of_memory(op->exec, err);
        memset(side->numbers[i], 0xff, (size_t)entries * sizeof(uint32_t));
    }
    return SL_OK;
}

/* ---- rows to records ---- */

static uint32_t
direct_code(const struct group *group, const struct key_side *side, uint32_t row)
{
    uint32_t code = 0;

    for (uint32_t k = 0; k < group->key_count; k++) {
        const struct sl_vector *v = &side->vectors[k];
        uint32_t domain = side->domains[k];
        uint32_t entry;
        if (sl_vector_is_null(v, row))
            entry = domain - 1;
        else if (v->encoding == SL_PLAIN)
            entry = (uint32_t)sl_vector_entry_u64(v, row);
        else
            entry = sl_vector_entry(v, row);
        code = code * domain + entry;
    }
    return code;
}

static bool
map_direct(const struct group *group, struct group_worker *w, struct key_side *side,
           const struct slice *slice)
{
    static char pending; /* its address says "asked for in this slice" */
    uint32_t *codes = w->index;
    uint32_t *missing = (uint32_t *)(void *)w->values; /* rows, then their codes */
    uint32_t *missing_codes = missing + GROUP_SLICE_ROWS;
    uint32_t missing_count = 0;

    for (uint32_t i = 0; i < slice->count; i++) {
        codes[i] = direct_code(group, side, slice->rows[i]);
        if (side->direct[codes[i]] != NULL)
            continue;
        side->direct[codes[i]] = &pending;
        missing[missing_count] = slice->rows[i];
        missing_codes[missing_count++] = codes[i];
    }
    if (missing_count != 0) {
        if (!group_pack_keys(group, w, side, missing, missing_count) ||
            !sl_group_table_add_many(&w->table, w->keys, group->key_bytes, missing_count, w->found))
            return false;
        for (uint32_t i = 0; i < missing_count; i++)
            side->direct[missing_codes[i]] = w->found[i];
    }
    for (uint32_t i = 0; i < slice->count; i++)
        w->records[i] = side->direct[codes[i]];
    return true;
}

static bool
map_hashed(const struct group *group, struct group_worker *w, struct key_side *side,
           const struct slice *slice)
{
    size_t bytes = group->key_bytes;
    uint32_t *run_of = w->index;
    uint32_t run = 0;

    if (!group_pack_keys(group, w, side, slice->rows, slice->count))
        return false;
    run_of[0] = 0;
    for (uint32_t i = 1; i < slice->count; i++) {
        const uint8_t *key = w->keys + i * bytes;
        if (!sl_group_keys_equal(key, w->keys + run * bytes, bytes)) {
            run++;
            if (run != i)
                memcpy(w->keys + run * bytes, key, bytes);
        }
        run_of[i] = run;
    }
    if (!sl_group_table_add_many(&w->table, w->keys, bytes, run + 1, w->found))
        return false;
    for (uint32_t i = 0; i < slice->count; i++)
        w->records[i] = w->found[run_of[i]];
    return true;
}

static bool
map_slice(const struct group *group, struct group_worker *w, struct key_side *side,
          const struct slice *slice)
{
    if (group->key_count == 0) {
        void *record = sl_group_table_add(&w->table, 0, 0, NULL);
        for (uint32_t i = 0; i < slice->count; i++)
            w->records[i] = record;
        return record != NULL;
    }
    if (side->direct != NULL)
        return map_direct(group, w, side, slice);
    return map_hashed(group, w, side, slice);
}

/* ---- records and values ---- */

static bool
update_slice(const struct group *group, struct group_worker *w, const struct sl_vector *arguments,
             const struct slice *slice)
{
    bool is_single = group->key_count == 0;

    for (uint32_t i = 0; i < group->aggregate_count; i++) {
        const struct group_aggregate *a = &group->aggregates[i];
        bool is_done;
        if (a->aggregate->kind == SL_AGG_COUNT_STAR) {
            sl_aggregate_count_rows(w->records, a->offset, slice->count);
            continue;
        }
        if (!sl_aggregate_update_plain(a->aggregate, &arguments[i], slice->rows, slice->count,
                                       is_single ? NULL : w->records, a->offset,
                                       group_state(w->records[0], a), w->kept, &is_done))
            return false;
        if (is_done)
            continue;
        uint32_t count =
            sl_argument_gather(&arguments[i], slice->rows, slice->count, w->values, w->index);
        is_done = a->value_table >= 0 ? group_add_values(group, w, i, count)
                                      : sl_aggregate_update(a->aggregate, w->records, a->offset,
                                                            w->values, w->index, count, w->kept);
        if (!is_done)
            return false;
    }
    return true;
}

static sl_status
build_side(struct sl_op *op, struct group_worker *w, struct key_side *side,
           const struct group_dense *dense, const struct sl_vector *arguments, const uint32_t *rows,
           uint32_t row_count, struct sl_error *err)
{
    const struct group *group = op->state;

    for (uint32_t start = 0; start < row_count; start += GROUP_SLICE_ROWS) {
        struct slice slice = {.rows = rows + start, .count = row_count - start};
        bool is_mapped = true;
        if (slice.count > GROUP_SLICE_ROWS)
            slice.count = GROUP_SLICE_ROWS;
        if (dense != NULL)
            group_dense_map(group, dense, &side->vectors[0], slice.rows, slice.count, w->records);
        else
            is_mapped = map_slice(group, w, side, &slice);
        if (!is_mapped || !update_slice(group, w, arguments, &slice))
            return sl_exec_out_of_memory(op->exec, err);
    }
    return SL_OK;
}

/* Rows whose other side is another group than the first: they count there too. */
static uint32_t
keep_other_rows(const struct group *group, const struct key_side *first,
                const struct key_side *other, uint32_t *rows, uint32_t row_count)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < row_count; i++) {
        bool is_other = false;
        for (uint32_t k = 0; k < group->key_count && !is_other; k++)
            is_other = group->keys[k].key->kind != SL_KEY_EXPR &&
                       sl_vector_compare(&first->vectors[k], rows[i], &other->vectors[k], rows[i],
                                         &group->keys[k].key->type) != 0;
        if (is_other)
            rows[kept++] = rows[i];
    }
    return kept;
}

static sl_status
run_terms(struct sl_op *op, struct sl_chunk *chunk, struct key_side *sides,
          struct sl_vector **out_arguments, struct sl_error *err)
{
    const struct group *group = op->state;
    struct sl_vector *arguments =
        sl_arena_calloc(chunk->arena, group->aggregate_count, sizeof(*arguments));

    for (unsigned s = 0; s < GROUP_SIDES_MAX; s++)
        sides[s].vectors =
            sl_arena_calloc(chunk->arena, group->key_count, sizeof(*sides[s].vectors));
    if (arguments == NULL || sides[0].vectors == NULL || sides[1].vectors == NULL)
        return sl_exec_out_of_memory(op->exec, err);
    for (uint32_t i = 0; i < group->key_count; i++) {
        const struct group_key *key = &group->keys[i];
        SL_TRY(sl_term_run(&key->term, chunk, NULL, &sides[0].vectors[i], err));
        sides[1].vectors[i] = sides[0].vectors[i];
        if (key->key->kind != SL_KEY_EXPR)
            SL_TRY(sl_term_run(&key->other, chunk, NULL, &sides[1].vectors[i], err));
    }
    for (uint32_t i = 0; i < group->aggregate_count; i++)
        if (group->aggregates[i].aggregate->kind != SL_AGG_COUNT_STAR)
            SL_TRY(sl_term_run(&group->aggregates[i].term, chunk, NULL, &arguments[i], err));
    *out_arguments = arguments;
    return SL_OK;
}

/* COUNT(*) alone, without keys: nobody needs to look at the rows. */
static bool
is_plain_count(const struct group *group)
{
    return group->key_count == 0 && group->aggregate_count == 1 &&
           group->aggregates[0].aggregate->kind == SL_AGG_COUNT_STAR;
}

sl_status
group_build_chunk(struct sl_op *op, unsigned worker, struct sl_chunk *chunk, struct sl_error *err)
{
    const struct group *group = op->state;
    struct group_worker *w = &group->workers[worker];
    struct key_side sides[GROUP_SIDES_MAX];
    struct sl_vector *arguments = NULL;

    if (is_plain_count(group)) {
        uint64_t *record = sl_group_table_add(&w->table, 0, 0, NULL);
        if (record == NULL)
            return sl_exec_out_of_memory(op->exec, err);
        *record += sl_chunk_selected(chunk); /* SL_STATE_COUNT */
        return SL_OK;
    }
    if (!group_make_room(group, w))
        return sl_exec_out_of_memory(op->exec, err);
    SL_TRY(run_terms(op, chunk, sides, &arguments, err));
    uint32_t *rows = sl_arena_alloc(chunk->arena, (size_t)chunk->count * sizeof(*rows));
    if (rows == NULL)
        return sl_exec_out_of_memory(op->exec, err);
    uint32_t row_count = sl_chunk_rows(chunk, rows);
    for (unsigned s = 0; s < (group->has_sides ? 2u : 1u); s++) {
        struct group_dense *dense = NULL;
        if (s == 1)
            row_count = keep_other_rows(group, &sides[0], &sides[1], rows, row_count);
        if (group->key_count == 1 &&
            !group_dense_open(group, w, s, &sides[s].vectors[0], row_count, &dense))
            return sl_exec_out_of_memory(op->exec, err);
        if (dense == NULL) {
            SL_TRY(prepare_side(op, &sides[s], chunk, err));
            if (group->key_count == 1)
                SL_TRY(prepare_values(op, &w->dictionaries[s], &sides[s], chunk, err));
            if (sides[s].direct == NULL)
                SL_TRY(prepare_direct(op, &sides[s], row_count, chunk, err));
            if (group->key_count == 1 && sides[s].direct == NULL)
                prepare_dictionary(&op->exec->budget, &w->dictionaries[s], &sides[s], row_count);
        }
        SL_TRY(build_side(op, w, &sides[s], dense, arguments, rows, row_count, err));
    }
    return SL_OK;
}

sl_status
group_build_end(struct sl_op *op, unsigned worker, struct sl_error *err)
{
    const struct group *group = op->state;
    struct group_worker *w = &group->workers[worker];

    for (unsigned s = 0; s < GROUP_SIDES_MAX; s++) {
        if (!group_dense_flush(group, w, &w->denses[s]))
            return sl_exec_out_of_memory(op->exec, err);
        group_dense_fini(group, &w->denses[s], &op->exec->budget);
        group_dictionary_fini(&w->dictionaries[s], &op->exec->budget);
    }
    sl_group_index_fini(&w->table.recent, &op->exec->budget);
    for (uint32_t i = 0; i < group->value_table_count; i++)
        sl_group_index_fini(&w->value_tables[i].recent, &op->exec->budget);
    return SL_OK;
}
