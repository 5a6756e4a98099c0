/*
 * group_build.c - rows to records: where most of the time of a GROUP BY goes.
 *
 * Keys are looked up as seldom as possible. A single key with a large dictionary has its states in an
 * array by code for as long as the dictionary stays the same, which is a row group (group_dense.c). Else
 * rows get the numbers of their groups, where their keys fit a code of 63 bits, and counts and sums go by
 * number (group_number.h). Of a large dictionary of which few rows are wanted, the records that were met
 * are remembered by code (group_memo.c). Else the table is asked for each run of equal neighbours, which
 * the inner order of segments makes long.
 *
 * Aggregates then run over a slice of rows column by column: state number i of record[row].
 */
#include "query/group.h"

/* Of a chunk, on one side. */
struct build {
    unsigned side_index;
    struct key_side *side;
    struct group_dense *dense;         /* NULL: not dense */
    struct group_memo *memo;           /* NULL: records are looked for by key */
    const struct sl_vector *arguments; /* of each aggregate */
    bool has_numbers;
    bool has_sums; /* counts and sums go by number */
};

static sl_status
prepare_side(struct sl_op *op, struct group_worker *w, unsigned s, struct key_side *side,
             struct sl_chunk *chunk, uint32_t row_count, struct sl_error *err)
{
    const struct group *group = op->state;

    side->numbers = sl_arena_calloc(chunk->arena, group->key_count, sizeof(*side->numbers));
    if (side->numbers == NULL)
        return sl_exec_out_of_memory(op->exec, err);
    for (uint32_t i = 0; i < group->key_count; i++) {
        if (group->keys[i].addrs != NULL)
            side->numbers[i] = group_codes_open(&w->codes[i * GROUP_SIDES_MAX + s],
                                                &op->exec->budget, &side->vectors[i], row_count);
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

static bool
map_hashed(const struct group *group, struct group_worker *w, struct key_side *side,
           const struct group_slice *slice)
{
    size_t bytes = group->key_bytes;

    return group_pack_keys(group, w, side, slice->rows, slice->count) &&
           sl_group_table_add_many(&w->table, w->keys, bytes, slice->count, w->records);
}

/* ---- records and values ---- */

/* Row i of the slice belongs to w->records[i]. `has_sums`: counts and sums are done. */
static bool
update_slice(const struct group *group, struct group_worker *w, const struct sl_vector *arguments,
             const struct group_slice *slice, bool has_sums)
{
    for (uint32_t i = 0; i < group->aggregate_count; i++) {
        const struct group_aggregate *a = &group->aggregates[i];
        bool is_done;
        if (has_sums && a->sum != GROUP_SUM_NONE)
            continue;
        if (a->aggregate->kind == SL_AGG_COUNT_STAR) {
            sl_aggregate_count_rows(w->records, a->offset, slice->count);
            continue;
        }
        if (!sl_aggregate_update_plain(a->aggregate, &arguments[i], slice->rows, slice->count,
                                       w->records, a->offset, w->kept, &is_done))
            return false;
        if (is_done)
            continue;
        if (a->value_table >= 0) {
            if (!group_add_values(group, w, i, &arguments[i], slice->rows, slice->count))
                return false;
            continue;
        }
        uint32_t count =
            sl_argument_gather(&arguments[i], slice->rows, slice->count, w->values, w->index);
        if (!sl_aggregate_update(a->aggregate, w->records, a->offset, w->values, w->index, count,
                                 w->kept))
            return false;
    }
    return true;
}

/* By the numbers of groups. */
static enum group_outcome
build_numbered(const struct group *group, struct group_worker *w, const struct build *build,
               const struct group_slice *slice)
{
    bool has_sums = false;
    enum group_outcome outcome = group_numbers_map(group, w, build->side_index, build->side, slice);

    if (outcome == GROUP_DONE && build->has_sums) {
        outcome = group_sums_add(group, w, build->arguments, slice);
        has_sums = outcome == GROUP_DONE;
        if (has_sums && group->is_all_sums)
            return GROUP_DONE;
        outcome = outcome == GROUP_UNFIT ? GROUP_DONE : outcome;
    }
    if (outcome != GROUP_DONE)
        return outcome;
    for (uint32_t i = 0; i < slice->count; i++)
        w->records[i] = w->numbers.records[group->key_count == 0 ? 1 : w->numbers.row_numbers[i]];
    return update_slice(group, w, build->arguments, slice, has_sums) ? GROUP_DONE : GROUP_NO_MEMORY;
}

static sl_status
build_slice(struct sl_op *op, struct group_worker *w, struct build *build,
            const struct group_slice *slice, struct sl_error *err)
{
    const struct group *group = op->state;
    bool is_mapped = build->dense != NULL;

    if (build->dense != NULL && build->dense->is_summed) {
        enum group_outcome outcome = group_dense_add(
            group, w, build->dense, &build->side->vectors[0], build->arguments, slice);
        if (outcome == GROUP_DONE)
            return SL_OK;
        if (outcome == GROUP_NO_MEMORY)
            return sl_exec_out_of_memory(op->exec, err);
        is_mapped = false;
    } else if (build->dense != NULL) {
        group_dense_map(group, build->dense, &build->side->vectors[0], slice->rows, slice->count,
                        w->records);
    } else if (build->has_numbers) {
        enum group_outcome outcome = build_numbered(group, w, build, slice);
        if (outcome == GROUP_DONE)
            return SL_OK;
        build->has_numbers = false;
        if (outcome == GROUP_NO_MEMORY)
            return sl_exec_out_of_memory(op->exec, err);
    }
    if (!is_mapped) {
        SL_TRY(group_make_room(op, w, err)); /* a chunk may be larger than what is left */
        bool is_done = build->memo != NULL && build->memo->dictionary != 0
                           ? group_memo_map(group, w, build->memo, build->side, slice)
                           : map_hashed(group, w, build->side, slice);
        if (!is_done)
            return sl_exec_out_of_memory(op->exec, err);
    }
    if (!update_slice(group, w, build->arguments, slice, false))
        return sl_exec_out_of_memory(op->exec, err);
    return SL_OK;
}

static sl_status
build_side(struct sl_op *op, struct group_worker *w, struct build *build, const uint32_t *rows,
           uint32_t row_count, struct sl_error *err)
{
    for (uint32_t start = 0; start < row_count; start += GROUP_SLICE_ROWS) {
        struct group_slice slice = {.rows = rows + start, .count = row_count - start};
        if (slice.count > GROUP_SLICE_ROWS)
            slice.count = GROUP_SLICE_ROWS;
        slice.is_adjacent = slice.rows[slice.count - 1] - slice.rows[0] == slice.count - 1;
        SL_TRY(build_slice(op, w, build, &slice, err));
    }
    return SL_OK;
}

/* The value of a row is on its way from memory. */
static void
fetch_entry(const struct sl_vector *v, uint32_t row)
{
    __builtin_prefetch((const uint8_t *)v->values + (size_t)sl_vector_entry(v, row) * v->width);
}

static bool
has_all(const struct sl_vector *v)
{
    return v->present == NULL && v->value_count != 0;
}

/* Rows with addresses on both sides that are not the same. */
static uint32_t
keep_other_addrs(const struct sl_vector *first, const struct sl_vector *other, uint32_t *rows,
                 uint32_t row_count)
{
    enum { AHEAD = 16 };
    uint32_t kept = 0;

    for (uint32_t i = 0; i < row_count; i++) {
        uint32_t row = rows[i];
        if (i + AHEAD < row_count) {
            fetch_entry(first, rows[i + AHEAD]);
            fetch_entry(other, rows[i + AHEAD]);
        }
        rows[kept] = row;
        kept += !sl_addr_equal(sl_vector_addr(first, row), sl_vector_addr(other, row));
    }
    return kept;
}

/* Do equal codes of both name equal values, and other codes others? */
static bool
share_entries(const struct sl_vector *a, const struct sl_vector *b)
{
    return a->encoding == SL_DICT && b->encoding == SL_DICT && a->is_sorted && b->is_sorted &&
           a->dictionary != 0 && a->dictionary == b->dictionary;
}

/* The same by the codes of one dictionary. */
static uint32_t
keep_other_codes(const uint32_t *first, const uint32_t *other, uint32_t *rows, uint32_t row_count)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < row_count; i++) {
        uint32_t row = rows[i];
        rows[kept] = row;
        kept += first[row] != other[row];
    }
    return kept;
}

/* Rows whose other side is another group than the first: they count there too. */
static uint32_t
keep_other_rows(const struct group *group, const struct key_side *first,
                const struct key_side *other, uint32_t *rows, uint32_t row_count)
{
    uint32_t kept = 0;

    if (group->key_count == 1 && group->keys[0].addrs != NULL && has_all(&first->vectors[0]) &&
        has_all(&other->vectors[0]))
        return share_entries(&first->vectors[0], &other->vectors[0])
                   ? keep_other_codes(first->vectors[0].codes, other->vectors[0].codes, rows,
                                      row_count)
                   : keep_other_addrs(&first->vectors[0], &other->vectors[0], rows, row_count);
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

/* What all terms read is fetched while the first of them is computed. */
static void
announce_terms(const struct group *group, const struct sl_chunk *chunk)
{
    for (uint32_t i = 0; i < group->key_count; i++) {
        sl_term_announce(&group->keys[i].term, chunk);
        if (group->keys[i].key->kind != SL_KEY_EXPR)
            sl_term_announce(&group->keys[i].other, chunk);
    }
    for (uint32_t i = 0; i < group->aggregate_count; i++)
        if (group->aggregates[i].aggregate->kind != SL_AGG_COUNT_STAR)
            sl_term_announce(&group->aggregates[i].term, chunk);
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
    announce_terms(group, chunk);
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
    struct key_side sides[GROUP_SIDES_MAX] = {0};
    struct sl_vector *arguments = NULL;

    if (is_plain_count(group)) {
        uint64_t *record = sl_group_table_add(&w->table, 0, 0, NULL);
        if (record == NULL)
            return sl_exec_out_of_memory(op->exec, err);
        *record += sl_chunk_selected(chunk); /* SL_STATE_COUNT */
        return SL_OK;
    }
    SL_TRY(group_make_room(op, w, err));
    SL_TRY(run_terms(op, chunk, sides, &arguments, err));
    bool has_sums = group_sums_fit(group, arguments);
    bool is_summed = has_sums && group->is_all_sums;
    if (group->key_count == 0 && is_summed) {
        enum group_outcome outcome =
            group_sums_add_chunk(group, w, arguments, chunk->selection, chunk->count);
        if (outcome != GROUP_UNFIT)
            return outcome == GROUP_DONE ? SL_OK : sl_exec_out_of_memory(op->exec, err);
    }
    uint32_t *rows = sl_arena_alloc(chunk->arena, (size_t)chunk->count * sizeof(*rows));
    if (rows == NULL)
        return sl_exec_out_of_memory(op->exec, err);
    uint32_t row_count = sl_chunk_rows(chunk, rows);
    group_values_open(group, w, arguments, row_count);
    for (unsigned s = 0; s < (group->has_sides ? 2u : 1u); s++) {
        struct build build = {.side_index = s, .side = &sides[s], .arguments = arguments};
        if (s == 1)
            row_count = keep_other_rows(group, &sides[0], &sides[1], rows, row_count);
        if (group->key_count == 1 && !group_dense_open(group, w, s, &sides[s].vectors[0], is_summed,
                                                       row_count, &build.dense))
            return sl_exec_out_of_memory(op->exec, err);
        if (build.dense == NULL) {
            SL_TRY(prepare_side(op, w, s, &sides[s], chunk, row_count, err));
            enum group_outcome outcome = group_numbers_open(group, w, s, &sides[s], row_count);
            if (outcome == GROUP_NO_MEMORY)
                return sl_exec_out_of_memory(op->exec, err);
            build.has_numbers = outcome == GROUP_DONE;
            build.has_sums = build.has_numbers && has_sums;
            if (group->key_count == 1 && !build.has_numbers)
                build.memo = group_memo_open(w, s, &sides[s].vectors[0], row_count);
        }
        SL_TRY(build_side(op, w, &build, rows, row_count, err));
    }
    return SL_OK;
}

sl_status
group_build_end(struct sl_op *op, unsigned worker, struct sl_error *err)
{
    const struct group *group = op->state;
    struct group_worker *w = &group->workers[worker];

    for (unsigned s = 0; s < GROUP_SIDES_MAX; s++) {
        group_memo_fini(&w->memos[s], &op->exec->budget);
        if (!group_dense_leave(group, w, &w->denses[s]))
            return sl_exec_out_of_memory(op->exec, err);
        group_dense_fini(group, &w->denses[s], &op->exec->budget);
    }
    if (!group_numbers_forget(group, w))
        return sl_exec_out_of_memory(op->exec, err);
    group_numbers_fini(group, &w->numbers);
    sl_group_index_fini(&w->table.recent, &op->exec->budget);
    for (uint32_t i = 0; i < group->value_table_count; i++)
        sl_group_index_fini(&w->value_tables[i].recent, &op->exec->budget);
    return SL_OK;
}
