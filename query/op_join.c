/*
 * op_join.c - the hash join: one side is kept in a table by its keys, the other passes by.
 *
 * At start all rows of the build side are collected, on all workers, and become one vector for each
 * column. A bucket is a chain of rows with different keys, whose keys are compared when the hash is equal;
 * rows with the same keys hang on the first of them. Afterwards nothing changes, so that workers probe
 * without a lock. Where the key comes as codes of a dictionary, a worker remembers for each code what it
 * has found.
 *
 * A chunk of the probe side may find many more rows than it has: pairs of row numbers are handed out
 * PAIRS_MAX at a time, and a worker remembers where in the chunk it stands.
 *
 * A condition that is no equality is asked of the pairs. Where it is about few of them, only what it reads is
 * put together before.
 *
 * For a LEFT JOIN the last row of the table is NULL in each column: it is what a row gets that finds none. With
 * a condition that is known behind its last pair: this row stands there, and stays when no pair has.
 *
 * For a RIGHT JOIN rows of the table are marked when they are in a pair. The worker that ends last has all
 * marks before it, and hands out the rows without one.
 */
#include <stdatomic.h>

#include "query/op.h"
#include "query/row_store.h"
#include "storage/base/hash.h"

enum { PAIRS_MAX = 16384 };

#define NO_ROW  UINT32_MAX
#define UNKNOWN (UINT32_MAX - 1) /* of a code: not looked for yet */

/* What the codes of one dictionary find. */
struct join_memo {
    struct sl_arena *arena; /* owned */
    uint64_t dictionary;    /* 0: none */
    uint32_t *firsts;       /* of each code: a row of the table, NO_ROW or UNKNOWN */
};

/* Where a worker stands in its chunk of the probe side. */
struct join_worker {
    struct sl_chunk chunk;  /* borrowed from the probe side; count 0: ask for the next */
    uint32_t *rows;         /* selected ones, in the chunk's arena */
    struct sl_vector *keys; /* of all rows */
    uint32_t row_count;
    uint32_t at;    /* into rows */
    uint32_t entry; /* of the table, to be paired next with the row at `at` */
    bool is_found;  /* `entry` is one of that row, which has been looked for */
    bool is_kept;   /* a pair of that row has fulfilled the condition */
    bool has_memo;  /* it is of this chunk's dictionary */
    bool is_ended;  /* the probe side has no more */
    bool is_last;   /* and so it is for all workers: this one hands out what is left */
    struct join_memo memo;
    struct sl_vector *inputs; /* of the chunk that is handed out */
    uint32_t *pairs[2];       /* rows of the chunk, and of the table */
};

struct join_op {
    const struct sl_join *join;
    uint32_t input_count;
    struct sl_term *probe_keys;
    struct sl_term *build_keys;
    struct sl_term condition; /* `program` NULL: none */
    uint32_t *slots;          /* inputs of the table; a stored row is these, then the keys */
    uint32_t slot_count;
    struct sl_sql_type *types; /* of a stored row */

    /* The table. */
    struct sl_arena *arena; /* owned */
    struct sl_vector *columns;
    uint32_t row_count; /* without the row of NULLs */
    uint32_t *heads;    /* of each bucket, the first row of a key; NO_ROW: none */
    uint32_t bucket_mask;
    uint32_t *chains; /* of the first row of a key, that of the next key in the bucket */
    uint32_t *nexts;  /* of each row, the next one of its key */
    uint64_t *hashes;

    /* RIGHT */
    atomic_bool *marks;      /* of each row: it is in a pair */
    atomic_uint still_going; /* workers that have not ended */
    uint32_t unmarked_next;

    const struct sl_input *inputs;
    struct sl_row_store *stores; /* of each worker, while rows are collected */
    struct join_worker *workers;
    struct sl_op_arenas arenas; /* of the chunks that are handed out */
};

/* ---- keys ---- */

static uint64_t
mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 32;
}

/* Texts that are equal without regard to case have one hash. */
static uint64_t
hash_text(struct sl_slice text, bool is_binary)
{
    uint8_t folded[64];
    uint64_t hash = text.size_bytes;

    if (is_binary)
        return sl_hash64(text.bytes, text.size_bytes);
    for (uint32_t at = 0; at < text.size_bytes; at += (uint32_t)sizeof(folded)) {
        uint32_t count = (uint32_t)sl_min_size(sizeof(folded), text.size_bytes - at);
        for (uint32_t i = 0; i < count; i++) {
            uint8_t c = text.bytes[at + i];
            folded[i] = c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
        }
        hash = mix(hash, sl_hash64(folded, count));
    }
    return hash;
}

/* A value that is not NULL. */
static uint64_t
hash_value(const struct sl_vector *vector, uint32_t row, const struct sl_sql_type *type)
{
    if (sl_type_is_bytes(type->type))
        return hash_text(sl_vector_slice(vector, row),
                         type->is_binary || type->type == SL_TYPE_OCTETS);
    if (type->type == SL_TYPE_F64) {
        double number = sl_vector_f64(vector, row);
        number = number == 0 ? 0 : number; /* -0 is 0 */
        return sl_hash64(&number, sizeof(number));
    }
    if (type->type == SL_TYPE_ADDR) {
        struct sl_addr addr = sl_vector_addr(vector, row);
        return mix(addr.high, addr.low);
    }
    if (type->type == SL_TYPE_DECIMAL) {
        sl_i128 number = sl_vector_i128(vector, row);
        return mix((uint64_t)(number >> 64), (uint64_t)number);
    }
    return sl_vector_u64(vector, row);
}

/* False: one of the keys is NULL, and the row matches nothing. */
static bool
hash_row(const struct join_op *join, const struct sl_vector *keys, uint32_t row, uint64_t *out_hash)
{
    *out_hash = 0;
    for (uint32_t k = 0; k < join->join->key_count; k++) {
        if (sl_vector_is_null(&keys[k], row))
            return false;
        *out_hash = mix(*out_hash, hash_value(&keys[k], row, &join->join->keys[k].type));
    }
    return true;
}

static bool
keys_match(const struct join_op *join, const struct sl_vector *keys, uint32_t row, uint32_t entry)
{
    for (uint32_t k = 0; k < join->join->key_count; k++) {
        const struct sl_vector *column = &join->columns[join->slot_count + k];
        if (sl_vector_compare(&keys[k], row, column, entry, &join->join->keys[k].type) != 0)
            return false;
    }
    return true;
}

/* ---- the table ---- */

/* Rows of one chunk of the build side, with their keys. */
static sl_status
collect_chunk(const struct join_op *join, struct sl_exec *exec, struct sl_row_store *store,
              struct sl_chunk *chunk, struct sl_error *err)
{
    uint32_t width = join->slot_count + join->join->key_count;
    struct sl_vector *vectors = sl_arena_calloc(chunk->arena, width, sizeof(*vectors));
    uint32_t *rows = sl_arena_calloc(chunk->arena, chunk->count, sizeof(*rows));
    uint64_t hash;

    if (vectors == NULL || rows == NULL)
        return sl_exec_out_of_memory(exec, err);
    for (uint32_t i = 0; i < join->slot_count; i++)
        vectors[i] = chunk->inputs[join->slots[i]];
    for (uint32_t k = 0; k < join->join->key_count; k++)
        SL_TRY(sl_term_run(&join->build_keys[k], chunk, NULL, &vectors[join->slot_count + k], err));
    uint32_t count = sl_chunk_rows(chunk, rows), kept = 0;
    for (uint32_t i = 0; i < count; i++)
        if (join->join->kind == SL_JOIN_RIGHT ||
            hash_row(join, &vectors[join->slot_count], rows[i], &hash))
            rows[kept++] = rows[i];
    return sl_row_store_append(store, vectors, rows, kept, err);
}

static sl_status
collect(void *context, unsigned worker, struct sl_error *err)
{
    struct sl_op *op = context;
    struct join_op *join = op->state;
    struct sl_chunk chunk;

    for (;;) {
        SL_TRY(sl_op_next(op->children[1], worker, &chunk, err));
        if (chunk.count == 0)
            return SL_OK;
        SL_TRY(collect_chunk(join, op->exec, &join->stores[worker], &chunk, err));
    }
}

/* A row of NULLs, for those that find none. */
static sl_status
append_nothing(struct join_op *join, struct sl_error *err)
{
    uint32_t width = join->slot_count + join->join->key_count;
    struct sl_value *values = sl_arena_calloc(join->arena, width, sizeof(*values));

    if (values == NULL)
        return sl_exec_out_of_memory(join->stores[0].exec, err);
    for (uint32_t i = 0; i < width; i++)
        values[i] = (struct sl_value){.type = join->types[i].type, .is_null = true};
    return sl_row_store_append_values(&join->stores[0], values, err);
}

/* What the workers have collected, as vectors; the row of NULLs is the last one. */
static sl_status
gather_columns(struct join_op *join, struct sl_exec *exec, struct sl_error *err)
{
    uint32_t width = join->slot_count + join->join->key_count;
    uint64_t total = 0;
    uint32_t count = 0;

    for (unsigned i = 0; i < exec->threads; i++)
        total += join->stores[i].row_count;
    if (total >= UNKNOWN)
        return sl_exec_out_of_memory(exec, err);
    SL_TRY(append_nothing(join, err));
    struct sl_row_ref *refs = sl_arena_calloc(join->arena, total + 1, sizeof(*refs));
    join->columns = sl_arena_calloc(join->arena, width, sizeof(*join->columns));
    if (refs == NULL || join->columns == NULL)
        return sl_exec_out_of_memory(exec, err);
    for (unsigned i = exec->threads; i-- > 0;) /* store 0, and its last row, at the end */
        for (uint32_t row = 0; row < join->stores[i].row_count; row++)
            refs[count++] = (struct sl_row_ref){.store = &join->stores[i], .row = row};
    for (uint32_t i = 0; i < width; i++)
        SL_TRY(sl_row_store_gather(refs, count, i, join->arena, &join->columns[i], err));
    join->row_count = count - 1;
    for (unsigned i = 0; i < exec->threads; i++)
        sl_row_store_fini(&join->stores[i]);
    return SL_OK;
}

/* Where the row of this hash and these keys hangs, or would. */
static uint32_t *
find_link(const struct join_op *join, const struct sl_vector *keys, uint32_t row, uint64_t hash)
{
    uint32_t *link = &join->heads[hash & join->bucket_mask];

    while (*link != NO_ROW && (join->hashes[*link] != hash || !keys_match(join, keys, row, *link)))
        link = &join->chains[*link];
    return link;
}

static sl_status
fill_buckets(struct join_op *join, const struct sl_exec *exec, struct sl_error *err)
{
    const struct sl_vector *keys = &join->columns[join->slot_count];
    uint32_t bucket_count = 16;
    while (bucket_count < join->row_count && bucket_count < 1u << 31)
        bucket_count *= 2;
    join->heads = sl_arena_alloc(join->arena, bucket_count * sizeof(*join->heads));
    join->chains = sl_arena_calloc(join->arena, join->row_count, sizeof(*join->chains));
    join->nexts = sl_arena_calloc(join->arena, join->row_count, sizeof(*join->nexts));
    join->hashes = sl_arena_calloc(join->arena, join->row_count, sizeof(*join->hashes));
    if (join->heads == NULL || join->chains == NULL || join->nexts == NULL || join->hashes == NULL)
        return sl_exec_out_of_memory(exec, err);
    join->bucket_mask = bucket_count - 1;
    memset(join->heads, 0xff, bucket_count * sizeof(*join->heads)); /* NO_ROW */
    for (uint32_t row = join->row_count; row-- > 0;) { /* rows of a key are in their order */
        if (!hash_row(join, keys, row, &join->hashes[row]))
            continue; /* RIGHT: it matches nothing */
        uint32_t *link = find_link(join, keys, row, join->hashes[row]);
        join->nexts[row] = *link;
        join->chains[row] = *link == NO_ROW ? NO_ROW : join->chains[*link];
        *link = row;
    }
    return SL_OK;
}

static sl_status
join_start(struct sl_op *op, struct sl_error *err)
{
    struct join_op *join = op->state;
    struct sl_exec *exec = op->exec;
    uint32_t width = join->slot_count + join->join->key_count;

    SL_TRY(sl_op_arenas_open(&join->arenas, exec, err));
    join->arena = sl_arena_create_shared(&exec->budget);
    for (unsigned i = 0; i < exec->threads; i++)
        sl_row_store_init(&join->stores[i], exec, join->types, width);
    SL_TRY(sl_exec_each(exec, op->children[1]->width, collect, op, err));
    SL_TRY(gather_columns(join, exec, err));
    atomic_init(&join->still_going, op->width);
    join->marks = sl_arena_calloc(join->arena, join->row_count, sizeof(*join->marks));
    if (join->marks == NULL)
        return sl_exec_out_of_memory(exec, err);
    return fill_buckets(join, exec, err);
}

/* ---- the rows that pass by ---- */

/* The memory of what codes find, when the chunk's key is one of a dictionary that comes again. */
static sl_status
open_memo(struct join_worker *w, struct sl_exec *exec, uint32_t key_count, struct sl_error *err)
{
    const struct sl_vector *key = &w->keys[0];
    struct join_memo *memo = &w->memo;

    w->has_memo = key_count == 1 && key->encoding == SL_DICT && key->dictionary != 0;
    if (!w->has_memo || memo->dictionary == key->dictionary)
        return SL_OK;
    if (memo->arena == NULL)
        memo->arena = sl_arena_create_shared(&exec->budget);
    sl_arena_reset(memo->arena);
    memo->firsts = sl_arena_alloc(memo->arena, key->value_count * sizeof(*memo->firsts));
    memo->dictionary = memo->firsts == NULL ? 0 : key->dictionary;
    if (memo->firsts == NULL)
        return sl_exec_out_of_memory(exec, err);
    for (uint32_t i = 0; i < key->value_count; i++)
        memo->firsts[i] = UNKNOWN;
    return SL_OK;
}

/* The next chunk of the probe side; count 0: there is none. */
static sl_status
load_chunk(struct sl_op *op, unsigned worker, struct sl_error *err)
{
    const struct join_op *join = op->state;
    struct join_worker *w = &join->workers[worker];
    struct sl_chunk *chunk = &w->chunk;

    SL_TRY(sl_op_next(op->children[0], worker, chunk, err));
    if (chunk->count == 0)
        return SL_OK;
    w->rows = sl_arena_calloc(chunk->arena, chunk->count, sizeof(*w->rows));
    w->keys = sl_arena_calloc(chunk->arena, join->join->key_count, sizeof(*w->keys));
    if (w->rows == NULL || w->keys == NULL)
        return sl_exec_out_of_memory(op->exec, err);
    for (uint32_t k = 0; k < join->join->key_count; k++)
        SL_TRY(sl_term_run(&join->probe_keys[k], chunk, NULL, &w->keys[k], err));
    w->row_count = sl_chunk_rows(chunk, w->rows);
    w->at = 0;
    w->is_found = false;
    return open_memo(w, op->exec, join->join->key_count, err);
}

/* The first row of the table that the row of the chunk matches; NO_ROW. */
static uint32_t
find_first(const struct join_op *join, const struct join_worker *w, uint32_t row)
{
    uint64_t hash;

    return hash_row(join, w->keys, row, &hash) ? *find_link(join, w->keys, row, hash) : NO_ROW;
}

/* The same, remembered by code. */
static uint32_t
recall_first(const struct join_op *join, const struct join_worker *w, uint32_t row)
{
    if (sl_vector_is_null(&w->keys[0], row))
        return NO_ROW;
    uint32_t *first = &w->memo.firsts[w->keys[0].codes[row]];
    if (*first == UNKNOWN)
        *first = find_first(join, w, row);
    return *first;
}

/* The row of the table that a row is paired with behind `entry`; NO_ROW. */
static uint32_t
next_entry(const struct join_op *join, uint32_t entry)
{
    bool is_nothing = entry == join->row_count;
    uint32_t next = is_nothing ? NO_ROW : join->nexts[entry];
    bool has_nothing = join->join->kind == SL_JOIN_LEFT && join->condition.program != NULL;

    return next == NO_ROW && has_nothing && !is_nothing ? join->row_count : next;
}

/* Pairs from where the worker stands, until there are enough or the chunk ends. */
static uint32_t
find_pairs(const struct join_op *join, struct join_worker *w)
{
    uint32_t count = 0;

    for (; w->at < w->row_count; w->at++, w->is_found = false) {
        uint32_t row = w->rows[w->at];
        if (!w->is_found) {
            w->entry = w->has_memo ? recall_first(join, w, row) : find_first(join, w, row);
            if (w->entry == NO_ROW && join->join->kind == SL_JOIN_LEFT)
                w->entry = join->row_count; /* the row of NULLs */
            w->is_found = true;
        }
        while (w->entry != NO_ROW && count < PAIRS_MAX) {
            w->pairs[0][count] = row;
            w->pairs[1][count++] = w->entry;
            w->entry = next_entry(join, w->entry);
        }
        if (w->entry != NO_ROW)
            break; /* its other rows come with the next chunk */
    }
    return count;
}

/* The column of a slot of either side for the pairs; inputs of tables that are joined later stay empty. */
static sl_status
gather_slot(const struct join_op *join, struct sl_exec *exec, struct join_worker *w, uint32_t slot,
            uint32_t count, struct sl_arena *arena, struct sl_error *err)
{
    bool is_own = join->inputs[slot].table == join->join->table;
    const struct sl_vector *from = &w->chunk.inputs[slot];

    for (uint32_t i = 0; i < join->slot_count && is_own; i++)
        if (join->slots[i] == slot)
            from = &join->columns[i];
    w->inputs[slot] = (struct sl_vector){0};
    if (from->count != 0 &&
        !sl_vector_gather(from, w->pairs[is_own], count, arena, &w->inputs[slot]))
        return sl_exec_out_of_memory(exec, err);
    return SL_OK;
}

/* Leave the pairs that fulfil the condition. */
static sl_status
keep_pairs(const struct join_op *join, struct sl_exec *exec, struct join_worker *w, uint32_t *count,
           struct sl_arena *arena, struct sl_error *err)
{
    struct sl_chunk chunk = {.count = *count, .inputs = w->inputs, .exec = exec, .arena = arena};
    uint32_t kept = 0;

    SL_TRY(sl_exec_check(exec, err));
    for (uint32_t i = 0; i < join->condition.slot_count; i++)
        SL_TRY(gather_slot(join, exec, w, join->condition.slots[i], *count, arena, err));
    SL_TRY(sl_term_filter(&join->condition, &chunk, err));
    for (uint32_t i = 0; i < *count; i++) {
        bool is_nothing = w->pairs[1][i] == join->row_count;
        bool is_good = is_nothing ? !w->is_kept : sl_bit_get(chunk.selection, i);
        w->is_kept = !is_nothing && (w->is_kept || is_good);
        w->pairs[0][kept] = w->pairs[0][i];
        w->pairs[1][kept] = w->pairs[1][i];
        kept += is_good;
    }
    *count = kept;
    return SL_OK;
}

/* RIGHT: rows of the table that are in no pair, with NULL for everything else. */
static sl_status
give_unmarked(struct sl_op *op, unsigned worker, struct sl_chunk *out_chunk, struct sl_error *err)
{
    struct join_op *join = op->state;
    struct join_worker *w = &join->workers[worker];
    struct sl_arena *arena = join->arenas.arenas[worker];
    uint32_t count = 0;

    if (!w->is_ended)
        w->is_last = atomic_fetch_sub(&join->still_going, 1) == 1;
    w->is_ended = true;
    for (; w->is_last && join->unmarked_next < join->row_count && count < PAIRS_MAX;
         join->unmarked_next++)
        if (!atomic_load_explicit(&join->marks[join->unmarked_next], memory_order_relaxed))
            w->pairs[1][count++] = join->unmarked_next;
    for (uint32_t i = 0; i < join->input_count && count != 0; i++) {
        if (join->inputs[i].table == join->join->table) {
            SL_TRY(gather_slot(join, op->exec, w, i, count, arena, err));
            continue;
        }
        w->inputs[i] = sl_vector_nulls(join->inputs[i].type.type, count);
        w->inputs[i].scale = join->inputs[i].type.scale;
    }
    out_chunk->count = count;
    out_chunk->inputs = w->inputs;
    out_chunk->arena = arena;
    return SL_OK;
}

static sl_status
join_next(struct sl_op *op, unsigned worker, struct sl_chunk *out_chunk, struct sl_error *err)
{
    struct join_op *join = op->state;
    struct join_worker *w = &join->workers[worker];
    struct sl_arena *arena = join->arenas.arenas[worker];
    bool is_right = join->join->kind == SL_JOIN_RIGHT;
    uint32_t count = 0;

    while (count == 0) {
        sl_arena_reset(arena);
        if (w->chunk.count == 0 || w->at == w->row_count)
            SL_TRY(load_chunk(op, worker, err));
        if (w->chunk.count == 0)
            return is_right ? give_unmarked(op, worker, out_chunk, err) : SL_OK;
        count = find_pairs(join, w);
        if (join->condition.program != NULL)
            SL_TRY(keep_pairs(join, op->exec, w, &count, arena, err));
    }
    for (uint32_t i = 0; i < count && is_right; i++)
        atomic_store_explicit(&join->marks[w->pairs[1][i]], true, memory_order_relaxed);
    for (uint32_t i = 0; i < join->input_count; i++)
        SL_TRY(gather_slot(join, op->exec, w, i, count, arena, err));
    out_chunk->count = count;
    out_chunk->inputs = w->inputs;
    out_chunk->arena = arena;
    return SL_OK;
}

static void
join_close(struct sl_op *op)
{
    struct join_op *join = op->state;

    for (unsigned i = 0; i < op->exec->threads; i++)
        if (join->stores[i].exec != NULL)
            sl_row_store_fini(&join->stores[i]);
    for (unsigned i = 0; i < op->exec->threads; i++)
        if (join->workers[i].memo.arena != NULL)
            sl_arena_destroy(join->workers[i].memo.arena);
    if (join->arena != NULL)
        sl_arena_destroy(join->arena);
    sl_op_arenas_close(&join->arenas, op->exec);
}

static void
join_describe(const struct sl_op *op, struct sl_buf *out)
{
    static const char *const kinds[] = {
        [SL_JOIN_INNER] = "inner", [SL_JOIN_LEFT] = "left", [SL_JOIN_RIGHT] = "right"};
    const struct join_op *join = op->state;

    sl_buf_printf(out, "%s join, %" PRIu32 " key%s%s", kinds[join->join->kind],
                  join->join->key_count, join->join->key_count == 1 ? "" : "s",
                  join->condition.program != NULL ? " and a condition" : "");
    if (op->exec->is_analyzed)
        sl_buf_printf(out, ", %" PRIu32 " rows kept", join->row_count);
}

static const struct sl_op_class join_class = {
    .name = "join",
    .start = join_start,
    .next = join_next,
    .close = join_close,
    .describe = join_describe,
};

/* ---- making it ---- */

static bool
make_workers(struct join_op *join, const struct sl_exec *exec)
{
    join->stores = sl_arena_calloc(exec->arena, exec->threads, sizeof(*join->stores));
    join->workers = sl_arena_calloc(exec->arena, exec->threads, sizeof(*join->workers));
    if (join->stores == NULL || join->workers == NULL)
        return false;
    for (unsigned i = 0; i < exec->threads; i++) {
        struct join_worker *w = &join->workers[i];
        w->inputs = sl_arena_calloc(exec->arena, join->input_count, sizeof(*w->inputs));
        w->pairs[0] = sl_arena_calloc(exec->arena, PAIRS_MAX, sizeof(uint32_t));
        w->pairs[1] = sl_arena_calloc(exec->arena, PAIRS_MAX, sizeof(uint32_t));
        if (w->inputs == NULL || w->pairs[0] == NULL || w->pairs[1] == NULL)
            return false;
    }
    return true;
}

sl_status
sl_op_join(struct sl_exec *exec, struct sl_op *probe, struct sl_op *build,
           const struct sl_input *inputs, uint32_t input_count, const struct sl_join *join,
           struct sl_op **out_op, struct sl_error *err)
{
    struct sl_op *op = sl_op_create(exec, &join_class, probe, sizeof(struct join_op));
    uint32_t keys = join->key_count;

    *out_op = op;
    if (op == NULL)
        return sl_fail(err, SL_LIMIT, "statement is too large");
    op->children[1] = build;
    struct join_op *state = op->state;
    state->join = join;
    state->inputs = inputs;
    state->input_count = input_count;
    state->probe_keys = sl_arena_calloc(exec->arena, keys, sizeof(struct sl_term));
    state->build_keys = sl_arena_calloc(exec->arena, keys, sizeof(struct sl_term));
    state->slots = sl_arena_calloc(exec->arena, input_count, sizeof(uint32_t));
    state->types =
        sl_arena_calloc(exec->arena, (size_t)input_count + keys, sizeof(struct sl_sql_type));
    if (state->probe_keys == NULL || state->build_keys == NULL || state->slots == NULL ||
        state->types == NULL || !make_workers(state, exec))
        return sl_fail(err, SL_LIMIT, "statement is too large");
    for (uint32_t i = 0; i < input_count; i++) {
        if (inputs[i].table != join->table)
            continue;
        state->types[state->slot_count] = inputs[i].type;
        state->slots[state->slot_count++] = i;
    }
    for (uint32_t k = 0; k < keys; k++) {
        const struct sl_join_key *key = &join->keys[k];
        SL_TRY(sl_term_compile(key->probe, input_count, exec->arena, &state->probe_keys[k], err));
        SL_TRY(sl_term_compile(key->build, input_count, exec->arena, &state->build_keys[k], err));
        state->types[state->slot_count + k] = key->build->type;
    }
    if (join->condition != NULL)
        SL_TRY(sl_term_compile(join->condition, input_count, exec->arena, &state->condition, err));
    return SL_OK;
}
