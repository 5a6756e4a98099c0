/*
 * row_fetch.c - see row_fetch.h.
 */
#include "query/row_fetch.h"

#include <stdlib.h>

sl_status
sl_row_fetch_init(struct sl_row_fetch *fetch, struct sl_op *scan, const struct sl_term *terms,
                  const struct sl_sql_type *types, uint32_t term_count, struct sl_error *err)
{
    struct sl_exec *exec = scan->exec;
    *fetch = (struct sl_row_fetch){
        .exec = exec, .scan = scan, .terms = terms, .types = types, .term_count = term_count};
    struct sl_row_store *stores = sl_arena_calloc(exec->arena, exec->threads, sizeof(*stores));
    if (stores == NULL)
        return sl_fail(err, SL_LIMIT, "statement is too large");
    for (unsigned i = 0; i < exec->threads; i++)
        sl_row_store_init(&stores[i], exec, types, term_count);
    fetch->stores = stores;
    return SL_OK;
}

void
sl_row_fetch_fini(struct sl_row_fetch *fetch)
{
    for (unsigned i = 0; fetch->stores != NULL && i < fetch->exec->threads; i++)
        sl_row_store_fini(&fetch->stores[i]);
    fetch->stores = NULL;
}

/* What the workers of one run share. */
struct fetching {
    struct sl_row_fetch *fetch;
    const struct sl_row_place *places; /* by place and row */
    struct sl_row_ref *refs;
    uint32_t count;
    atomic_uint next; /* the first place that no worker has taken */
};

/* Take the rows of the next place: from *out_first on, as many as it returns. */
static uint32_t
take_place(struct fetching *fetching, uint32_t *out_first)
{
    unsigned first = atomic_load_explicit(&fetching->next, memory_order_relaxed);
    unsigned end;
    do {
        if (first == fetching->count)
            return 0;
        end = first + 1;
        while (end < fetching->count &&
               fetching->places[end].place == fetching->places[first].place)
            end++;
    } while (!atomic_compare_exchange_weak_explicit(&fetching->next, &first, end,
                                                    memory_order_relaxed, memory_order_relaxed));
    *out_first = first;
    return end - first;
}

/* Compute the terms of rows[0 .. count) of a place and append them to the worker's store. */
static sl_status
append_rows(const struct fetching *fetching, unsigned worker, const struct sl_row_place *places,
            uint32_t count, uint32_t *rows, struct sl_vector *vectors, struct sl_error *err)
{
    const struct sl_row_fetch *fetch = fetching->fetch;
    struct sl_row_store *store = &fetch->stores[worker];
    struct sl_chunk chunk = {0};

    SL_TRY(sl_op_scan_revisit(fetch->scan, worker, places[0].place, rows, count, &chunk, err));
    for (uint32_t i = 0; i < fetch->term_count; i++)
        sl_term_announce(&fetch->terms[i], &chunk);
    for (uint32_t i = 0; i < fetch->term_count; i++)
        SL_TRY(sl_term_run(&fetch->terms[i], &chunk, NULL, &vectors[i], err));
    if (sl_morsel_is_damaged(chunk.lazy->morsel))
        return SL_OK;
    for (uint32_t i = 0; i < count; i++) {
        fetching->refs[places[i].index] =
            (struct sl_row_ref){.store = store, .row = store->row_count + i};
        if (chunk.count == count)
            rows[i] = i; /* the chunk has these rows and no others */
    }
    return sl_row_store_append(store, vectors, rows, count, err);
}

/* The rows of one place. */
static sl_status
fetch_rows(const struct fetching *fetching, unsigned worker, const struct sl_row_place *places,
           uint32_t count, struct sl_error *err)
{
    const struct sl_row_fetch *fetch = fetching->fetch;
    uint32_t *rows = sl_try_alloc(count * sizeof(*rows));
    struct sl_vector *vectors = sl_try_alloc((fetch->term_count + 1) * sizeof(*vectors));
    sl_status st = SL_OK;

    if (rows == NULL || vectors == NULL) {
        st = sl_exec_out_of_memory(fetch->exec, err);
        goto out;
    }
    for (uint32_t i = 0; i < count; i++)
        rows[i] = places[i].row;
    st = append_rows(fetching, worker, places, count, rows, vectors, err);
out:
    free(vectors);
    free(rows);
    return st;
}

static sl_status
fetch_places(void *context, unsigned worker, struct sl_error *err)
{
    struct fetching *fetching = context;
    uint32_t first = 0;
    uint32_t count;

    while ((count = take_place(fetching, &first)) != 0) {
        SL_TRY(sl_exec_check(fetching->fetch->exec, err));
        SL_TRY(fetch_rows(fetching, worker, &fetching->places[first], count, err));
    }
    return SL_OK;
}

static int
compare_places(const void *left, const void *right)
{
    const struct sl_row_place *a = left;
    const struct sl_row_place *b = right;
    if (a->place != b->place)
        return a->place < b->place ? -1 : 1;
    return (a->row > b->row) - (a->row < b->row);
}

sl_status
sl_row_fetch_run(struct sl_row_fetch *fetch, struct sl_row_place *places, uint32_t count,
                 struct sl_row_ref *out_refs, struct sl_error *err)
{
    struct fetching fetching = {.fetch = fetch, .places = places, .refs = out_refs, .count = count};

    qsort(places, count, sizeof(*places), compare_places);
    for (uint32_t i = 0; i < count; i++)
        out_refs[i] = (struct sl_row_ref){0};
    return sl_exec_each(fetch->exec, fetch->exec->threads, fetch_places, &fetching, err);
}
