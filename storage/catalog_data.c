/*
 * catalog_data.c - see catalog_data.h for the contract and catalog_record.h for keys and values.
 *
 * The environment is opened without LMDB's own locks: one process holds the data directory, and
 * inside it the catalog's mutex covers every transaction, reading ones too, so that the map can be
 * grown whenever a commit finds it full.
 */
#include "storage/catalog_data.h"

#include <lmdb.h>

#define MAP_BYTES_FIRST ((size_t)16 << 20)
#define MAP_BYTES_MAX   ((size_t)1 << 38)

/* Pages that a data file may have besides four for each one with records: roots, and three versions
 * of one page with records and one with the numbers of free pages, are eight. */
#define PAGES_SPARE 8

struct sl_catalog_data {
    MDB_env *env; /* owned */
    MDB_dbi dbi;
    size_t map_bytes;
};

static sl_status
fail_lmdb(struct sl_error *err, int code, const char *what)
{
    sl_status status = SL_IO;
    if (code == MDB_VERSION_MISMATCH)
        status = SL_VERSION;
    else if (code == MDB_MAP_FULL)
        status = SL_LIMIT;
    else if (code < 0)
        status = SL_CORRUPT; /* LMDB's own numbers: the file is not what it should be */
    (void)sl_fail(err, status, "catalog: %s: %s", what, mdb_strerror(code));
    if (err != NULL && code > 0)
        err->os_errno = code;
    return status;
}

static int
open_env(struct sl_catalog_data *data, const char *file, enum sl_catalog_access access)
{
    unsigned flags = MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOTLS;
    MDB_txn *txn = NULL;
    MDB_envinfo info;

    if (access == SL_CATALOG_READ)
        flags |= MDB_RDONLY;
    int code = mdb_env_set_mapsize(data->env, MAP_BYTES_FIRST);
    if (code == 0)
        code = mdb_env_open(data->env, file, flags, 0640);
    if (code == 0)
        code = mdb_txn_begin(data->env, NULL, MDB_RDONLY, &txn);
    if (code == 0)
        code = mdb_dbi_open(txn, NULL, 0, &data->dbi);
    if (txn != NULL)
        mdb_txn_abort(txn);
    if (code == 0)
        code = mdb_env_info(data->env, &info);
    if (code == 0)
        data->map_bytes = info.me_mapsize; /* a large file asks for more than the first */
    return code;
}

sl_status
sl_catalog_data_open(const char *file, enum sl_catalog_access access,
                     struct sl_catalog_data **out_data, struct sl_error *err)
{
    MDB_env *env;

    *out_data = NULL;
    int code = mdb_env_create(&env);
    if (code != 0)
        return fail_lmdb(err, code, "create environment");
    struct sl_catalog_data *data = sl_new(sizeof(*data));
    data->env = env;
    code = open_env(data, file, access);
    if (code != 0) {
        sl_catalog_data_close(data);
        return fail_lmdb(err, code, "open data file");
    }
    *out_data = data;
    return SL_OK;
}

void
sl_catalog_data_close(struct sl_catalog_data *data)
{
    if (data == NULL)
        return;
    mdb_env_close(data->env);
    free(data);
}

/* Key and value as one record in `out`, taken apart in *out_record. */
static sl_status
read_record(const MDB_val *key, const MDB_val *value, struct sl_buf *out,
            struct sl_catalog_record *out_record, struct sl_error *err)
{
    if (key->mv_size == 0 || key->mv_size > SL_CATALOG_KEYS_BYTES_MAX)
        return sl_fail(err, SL_CORRUPT, "catalog key of %zu bytes", key->mv_size);
    sl_buf_clear(out);
    sl_buf_u16le(out, (uint16_t)key->mv_size);
    sl_buf_append(out, key->mv_data, key->mv_size);
    sl_buf_append(out, value->mv_data, value->mv_size);
    if (out->bad)
        return sl_fail(err, SL_CORRUPT, "catalog value of %zu bytes", value->mv_size);
    return sl_catalog_record_decode(out->bytes, out->size_bytes, out_record, err);
}

static bool
has_prefix(const MDB_val *key, const struct sl_slice *prefix)
{
    return key->mv_size >= prefix->size_bytes &&
           memcmp(key->mv_data, prefix->bytes, prefix->size_bytes) == 0;
}

static sl_status
walk_records(MDB_txn *txn, MDB_dbi dbi, const struct sl_slice *prefix, sl_catalog_record_fn *visit,
             void *context, struct sl_error *err)
{
    struct sl_buf bytes = sl_buf_empty(SL_CATALOG_RECORD_BYTES_MAX);
    MDB_cursor *cursor;
    MDB_val key = {.mv_size = prefix->size_bytes, .mv_data = (void *)(uintptr_t)prefix->bytes};
    MDB_val value;
    sl_status st = SL_OK;
    SL_ASSERT(prefix->size_bytes > 0);

    int code = mdb_cursor_open(txn, dbi, &cursor);
    if (code != 0)
        return fail_lmdb(err, code, "open cursor");
    code = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    while (code == 0 && st == SL_OK && has_prefix(&key, prefix)) {
        struct sl_catalog_record record;
        st = read_record(&key, &value, &bytes, &record, err);
        if (st == SL_OK)
            st = visit(context, &record, err);
        if (st == SL_OK)
            code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    if (st == SL_OK && code != 0 && code != MDB_NOTFOUND)
        st = fail_lmdb(err, code, "read");
    mdb_cursor_close(cursor);
    sl_buf_fini(&bytes);
    return st;
}

sl_status
sl_catalog_data_walk(struct sl_catalog_data *data, const struct sl_slice *prefixes,
                     size_t prefix_count, sl_catalog_record_fn *visit, void *context,
                     struct sl_error *err)
{
    MDB_txn *txn;
    sl_status st = SL_OK;
    int code = mdb_txn_begin(data->env, NULL, MDB_RDONLY, &txn);
    if (code != 0)
        return fail_lmdb(err, code, "begin");
    for (size_t i = 0; i < prefix_count && st == SL_OK; i++)
        st = walk_records(txn, data->dbi, &prefixes[i], visit, context, err);
    mdb_txn_abort(txn);
    return st;
}

/* Is the value of `key` where a look-up ends? The way down could differ from the walk's. */
static bool
is_found(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, const MDB_val *value)
{
    MDB_val found;
    return mdb_get(txn, dbi, key, &found) == 0 && found.mv_data == value->mv_data &&
           found.mv_size == value->mv_size;
}

struct proof {
    uint64_t format;
    uint8_t last_key[SL_CATALOG_KEYS_BYTES_MAX];
    size_t last_key_bytes;
};

static bool
is_ascending(struct proof *proof, const MDB_val *key)
{
    size_t shared_bytes = sl_min_size(proof->last_key_bytes, key->mv_size);
    int order = memcmp(proof->last_key, key->mv_data, shared_bytes);
    bool is_up = order < 0 || (order == 0 && proof->last_key_bytes < key->mv_size);
    memcpy(proof->last_key, key->mv_data, key->mv_size);
    proof->last_key_bytes = key->mv_size;
    return is_up;
}

static sl_status
prove_records(MDB_txn *txn, MDB_dbi dbi, struct proof *proof, struct sl_error *err)
{
    struct sl_buf bytes = sl_buf_empty(SL_CATALOG_RECORD_BYTES_MAX);
    struct sl_catalog_record record = {0};
    MDB_cursor *cursor;
    MDB_val key, value;
    sl_status st = SL_OK;

    int code = mdb_cursor_open(txn, dbi, &cursor);
    if (code != 0)
        return fail_lmdb(err, code, "open cursor");
    for (code = mdb_cursor_get(cursor, &key, &value, MDB_FIRST); code == 0 && st == SL_OK;
         code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
        st = read_record(&key, &value, &bytes, &record, err);
        if (st != SL_OK)
            break;
        if (!is_ascending(proof, &key) || !is_found(txn, dbi, &key, &value))
            st = sl_fail(err, SL_CORRUPT, "catalog keys are out of order");
        if (record.kind == SL_CATALOG_FORMAT)
            proof->format = record.number;
    }
    if (st == SL_OK && code != MDB_NOTFOUND)
        st = fail_lmdb(err, code, "read");
    mdb_cursor_close(cursor);
    sl_buf_fini(&bytes);
    return st;
}

sl_status
sl_catalog_data_prove(struct sl_catalog_data *data, struct sl_error *err)
{
    MDB_txn *txn;
    struct proof proof = {0};

    int code = mdb_txn_begin(data->env, NULL, MDB_RDONLY, &txn);
    if (code != 0)
        return fail_lmdb(err, code, "begin");
    sl_status st = prove_records(txn, data->dbi, &proof, err);
    mdb_txn_abort(txn);
    if (st == SL_OK && proof.format != SL_CATALOG_FORMAT_VERSION)
        st = sl_fail(err, proof.format == 0 ? SL_CORRUPT : SL_VERSION, "catalog format %" PRIu64,
                     proof.format);
    return st;
}

static int
apply_op(MDB_txn *txn, MDB_dbi dbi, const uint8_t *bytes, const struct sl_catalog_op *op)
{
    MDB_val key = {.mv_size = op->key_bytes,
                   .mv_data = (void *)(uintptr_t)(bytes + op->key_offset)};
    MDB_val value = {.mv_size = op->value_bytes, .mv_data = (uint8_t *)key.mv_data + op->key_bytes};
    int code = 0;

    switch (op->kind) {
    case SL_CATALOG_PUT:
        return mdb_put(txn, dbi, &key, &value, 0);
    case SL_CATALOG_REMOVE:
        code = mdb_del(txn, dbi, &key, NULL);
        return code == MDB_NOTFOUND ? 0 : code;
    case SL_CATALOG_REMOVE_PREFIX:
        break;
    }

    const struct sl_slice prefix = {bytes + op->key_offset, (uint32_t)op->key_bytes};
    MDB_cursor *cursor;
    code = mdb_cursor_open(txn, dbi, &cursor);
    if (code != 0)
        return code;
    for (;;) {
        MDB_val found = key;
        code = mdb_cursor_get(cursor, &found, &value, MDB_SET_RANGE);
        if (code == 0 && !has_prefix(&found, &prefix))
            code = MDB_NOTFOUND;
        if (code == 0)
            code = mdb_cursor_del(cursor, 0);
        if (code != 0)
            break;
    }
    mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND ? 0 : code;
}

static int
apply_edit(MDB_txn *txn, MDB_dbi dbi, const struct sl_catalog_edit *edit)
{
    int code = 0;
    for (size_t i = 0; i < edit->op_count && code == 0; i++)
        code = apply_op(txn, dbi, edit->bytes.bytes, &edit->ops[i]);
    return code;
}

/* Commit a transaction with its number in it; when there was trouble (code not 0) abort it. */
static int
end_transaction(MDB_txn *txn, MDB_dbi dbi, int code)
{
    struct sl_catalog_edit *own = sl_catalog_edit_create();
    sl_catalog_put_transaction(own, mdb_txn_id(txn));
    if (code == 0)
        code = apply_edit(txn, dbi, own);
    sl_catalog_edit_destroy(own);
    if (code != 0) {
        mdb_txn_abort(txn);
        return code;
    }
    return mdb_txn_commit(txn);
}

/* One attempt, as one transaction. */
static int
commit_once(struct sl_catalog_data *data, const struct sl_catalog_edit *edit)
{
    MDB_txn *txn;
    int code = mdb_txn_begin(data->env, NULL, 0, &txn);
    return code != 0 ? code : end_transaction(txn, data->dbi, apply_edit(txn, data->dbi, edit));
}

/* With no transaction open. */
static int
set_map(struct sl_catalog_data *data, size_t map_bytes)
{
    if (map_bytes > MAP_BYTES_MAX)
        return MDB_MAP_FULL;
    int code = mdb_env_set_mapsize(data->env, map_bytes);
    if (code == 0)
        data->map_bytes = map_bytes;
    return code;
}

sl_status
sl_catalog_data_commit(struct sl_catalog_data *data, const struct sl_catalog_edit *edit,
                       struct sl_error *err)
{
    int code = commit_once(data, edit);
    while (code == MDB_MAP_FULL) {
        code = set_map(data, data->map_bytes * 2);
        if (code != 0)
            break;
        code = commit_once(data, edit);
    }
    return code == 0 ? SL_OK : fail_lmdb(err, code, "commit");
}

/* All records but the number of the transaction, in the order of keys, into an empty database. */
static int
copy_records(MDB_txn *from, MDB_dbi from_dbi, MDB_txn *to, MDB_dbi to_dbi)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    int code = mdb_cursor_open(from, from_dbi, &cursor);
    if (code != 0)
        return code;
    while ((code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        if (((const uint8_t *)key.mv_data)[0] != SL_CATALOG_TRANSACTION)
            code = mdb_put(to, to_dbi, &key, &value, MDB_APPEND);
        if (code != 0)
            break;
    }
    mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND ? 0 : code;
}

static int
copy_data(struct sl_catalog_data *from, struct sl_catalog_data *to)
{
    MDB_txn *reading, *writing;
    int code = set_map(to, from->map_bytes);
    if (code == 0)
        code = mdb_txn_begin(from->env, NULL, MDB_RDONLY, &reading);
    if (code != 0)
        return code;
    code = mdb_txn_begin(to->env, NULL, 0, &writing);
    if (code == 0)
        code =
            end_transaction(writing, to->dbi, copy_records(reading, from->dbi, writing, to->dbi));
    mdb_txn_abort(reading);
    return code;
}

sl_status
sl_catalog_data_copy(struct sl_catalog_data *from, struct sl_catalog_data *to, struct sl_error *err)
{
    int code = copy_data(from, to);
    return code == 0 ? SL_OK : fail_lmdb(err, code, "write the data file anew");
}

/* Pages of the file, and those of them that hold records; the root's numbers, so neither can fail. */
struct pages {
    uint64_t all, used;
    unsigned page_bytes;
};

static struct pages
count_pages(const struct sl_catalog_data *data)
{
    MDB_envinfo info;
    MDB_stat stat;
    int failed = mdb_env_info(data->env, &info) | mdb_env_stat(data->env, &stat);
    SL_ASSERT(failed == 0);
    return (struct pages){.all = (uint64_t)info.me_last_pgno + 1,
                          .used = (uint64_t)stat.ms_branch_pages + stat.ms_leaf_pages +
                                  stat.ms_overflow_pages,
                          .page_bytes = stat.ms_psize};
}

bool
sl_catalog_data_is_sparse(const struct sl_catalog_data *data)
{
    struct pages pages = count_pages(data);
    return pages.all > PAGES_SPARE + 4 * pages.used;
}

uint64_t
sl_catalog_data_bytes(const struct sl_catalog_data *data)
{
    struct pages pages = count_pages(data);
    return pages.all * pages.page_bytes;
}
