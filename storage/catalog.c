/*
 * catalog.c - see catalog.h for the contract and catalog_record.h for keys and values.
 *
 * The environment is opened without LMDB's own locks: one process holds the data directory, and
 * inside it one mutex covers every transaction, reading ones too, so that the map can be grown
 * whenever a commit finds it full. It is the one lock that is held across I/O: its rank says so.
 *
 * The first data file, and each one that replaces it, is made beside its place (data.new) and renamed:
 * a power cut leaves what was there before, or the new file as a whole.
 *
 * LMDB never gives a page back: the file stays as large as it was while sixty segments of an hour
 * became one. So a commit after which less than a quarter of the pages holds records writes the data
 * file anew, with all records as its first transaction. At least three pages were written since it was
 * written last for each one that is copied then, so commits do not become dearer in the long run. What
 * every commit changes anyhow keeps three versions of its pages at most, and stays below that.
 *
 * What the child proves: the pages (catalog_pages.h), and then through LMDB itself that every
 * record holds its hash and fields, that keys ascend, and that a look-up finds each of them.
 */
#include "storage/catalog.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "storage/base/file.h"
#include "storage/base/log.h"
#include "storage/base/thread.h"
#include "storage/catalog_pages.h"
#include "storage/catalog_record.h"

#define CATALOG_MAGIC   UINT32_C(0xca7a1096)
#define MAP_BYTES_FIRST ((size_t)16 << 20)
#define MAP_BYTES_MAX   ((size_t)1 << 38)

/* Pages that a data file may have besides four for each one with records: roots, and three versions
 * of one page with records and one with the numbers of free pages, are eight. */
#define PAGES_SPARE 8

static const char data_name[] = "data.mdb";
static const char new_name[] = "data.new";

/* A data file, open. */
struct data {
    MDB_env *env; /* owned */
    MDB_dbi dbi;
    size_t map_bytes;
};

struct sl_catalog {
    uint32_t magic;
    bool is_new;
    char *path;            /* owned: of the directory */
    int dir_fd;            /* owned */
    struct sl_mutex mutex; /* guards every transaction, and what follows */
    struct data data;
    /* After a renaming the directory must be synced before the next commit: LMDB would sync that
     * into a file which a power cut may leave without its name. */
    bool is_name_synced;
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

static void
close_data(struct data *data)
{
    mdb_env_close(data->env);
    *data = (struct data){0};
}

/* Open the file `name` of the directory `path`, made when missing, unless `flags` say MDB_RDONLY. */
static sl_status
open_data(const char *path, const char *name, unsigned flags, size_t map_bytes,
          struct data *out_data, struct sl_error *err)
{
    char file[SL_PATH_BYTES_MAX + 16];
    struct data data = {0};
    MDB_txn *txn = NULL;
    MDB_envinfo info;

    *out_data = data;
    int length = snprintf(file, sizeof(file), "%s/%s", path, name);
    if (length < 0 || (size_t)length >= sizeof(file))
        return sl_fail(err, SL_LIMIT, "catalog path is too long");
    int code = mdb_env_create(&data.env);
    if (code != 0)
        return fail_lmdb(err, code, "create environment");
    code = mdb_env_set_mapsize(data.env, map_bytes);
    if (code == 0)
        code = mdb_env_open(data.env, file, flags | MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOTLS, 0640);
    if (code == 0)
        code = mdb_txn_begin(data.env, NULL, MDB_RDONLY, &txn);
    if (code == 0)
        code = mdb_dbi_open(txn, NULL, 0, &data.dbi);
    if (txn != NULL)
        mdb_txn_abort(txn);
    if (code == 0)
        code = mdb_env_info(data.env, &info);
    if (code != 0) {
        close_data(&data);
        return fail_lmdb(err, code, "open data file");
    }
    data.map_bytes = info.me_mapsize;
    *out_data = data;
    return SL_OK;
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

/* The pages, before LMDB sees them. */
static sl_status
prove_pages(const char *path, struct sl_error *err)
{
    uint64_t size_bytes;
    int dir_fd, fd;

    SL_TRY(sl_file_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, &dir_fd, err));
    sl_status st = sl_file_open(dir_fd, data_name, O_RDONLY, &fd, err);
    sl_file_close(dir_fd);
    SL_TRY(st);
    st = sl_file_size(fd, &size_bytes, err);
    uint8_t *bytes = st == SL_OK ? sl_try_alloc((size_t)size_bytes) : NULL;
    if (st == SL_OK && bytes == NULL)
        st = sl_fail(err, SL_LIMIT, "no memory to prove the catalog");
    if (st == SL_OK)
        st = sl_file_read_at(fd, 0, bytes, (size_t)size_bytes, err);
    if (st == SL_OK)
        st = sl_catalog_pages_prove(bytes, (size_t)size_bytes, err);
    free(bytes);
    sl_file_close(fd);
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

/* Runs in the child: everything that is read at any later time is read here first. */
static sl_status
prove(const char *path, struct sl_error *err)
{
    struct data data;
    MDB_txn *txn;
    struct proof proof = {0};

    SL_TRY(prove_pages(path, err));
    SL_TRY(open_data(path, data_name, MDB_RDONLY, MAP_BYTES_FIRST, &data, err));
    int code = mdb_txn_begin(data.env, NULL, MDB_RDONLY, &txn);
    if (code != 0)
        return fail_lmdb(err, code, "begin");
    SL_TRY(prove_records(txn, data.dbi, &proof, err));
    if (proof.format != SL_CATALOG_FORMAT_VERSION)
        return sl_fail(err, proof.format == 0 ? SL_CORRUPT : SL_VERSION, "catalog format %" PRIu64,
                       proof.format);
    return SL_OK;
}

/* The child: never returns. Dies quietly: no core, no handlers of its parent. */
SL_NORETURN
static void
prove_main(const char *path, int report_fd)
{
    static const int quiet[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGXCPU, SIGTERM};
    const struct rlimit no_core = {0, 0};
    const struct rlimit cpu_s = {120, 120}; /* 50,000 segments take a fraction of a second */
    struct sl_error err = {0};

    for (size_t i = 0; i < SL_COUNTOF(quiet); i++)
        (void)signal(quiet[i], SIG_DFL);
    (void)setrlimit(RLIMIT_CORE, &no_core);
    (void)setrlimit(RLIMIT_CPU, &cpu_s);
    int null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (null_fd >= 0)
        (void)dup2(null_fd, STDERR_FILENO);

    err.status = prove(path, &err);
    ssize_t put = write(report_fd, &err, sizeof(err)); /* below PIPE_BUF: at once */
    _exit(put == (ssize_t)sizeof(err) ? 0 : 1);
}

_Static_assert(sizeof(struct sl_error) <= 512, "a report is one write to a pipe");

static sl_status
read_report(pid_t child, int fd, struct sl_error *err)
{
    struct sl_error report = {0};
    size_t got_bytes = 0;
    int status = 0;

    while (got_bytes < sizeof(report)) {
        ssize_t got = read(fd, (uint8_t *)&report + got_bytes, sizeof(report) - got_bytes);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        got_bytes += (size_t)got;
    }
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR)
            return sl_fail_errno(err, "wait for the proof of the catalog");
    }
    if (WIFSIGNALED(status))
        return sl_fail(err, SL_CORRUPT, "catalog: reading it ended by signal %d", WTERMSIG(status));
    if (got_bytes != sizeof(report) || WEXITSTATUS(status) != 0)
        return sl_fail(err, SL_CORRUPT, "catalog: reading it ended with exit status %d",
                       WEXITSTATUS(status));
    if (report.status != SL_OK && err != NULL)
        *err = report;
    return report.status;
}

static sl_status
prove_in_child(const char *path, struct sl_error *err)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0)
        return sl_fail_errno(err, "make a pipe");
    pid_t child = fork();
    if (child < 0) {
        sl_status st = sl_fail_errno(err, "start the proof of the catalog");
        (void)close(fds[0]);
        (void)close(fds[1]);
        return st;
    }
    if (child == 0)
        prove_main(path, fds[1]);
    (void)close(fds[1]);
    sl_status st = read_report(child, fds[0], err);
    (void)close(fds[0]);
    return st;
}

/* Split "a/b/c" into a directory, opened, and the last name. */
static sl_status
open_parent(const char *path, int *out_fd, const char **out_name, struct sl_error *err)
{
    char parent[SL_PATH_BYTES_MAX];
    const char *slash = strrchr(path, '/');
    int length = slash == NULL
                     ? snprintf(parent, sizeof(parent), ".")
                     : snprintf(parent, sizeof(parent), "%.*s/", (int)(slash - path), path);

    *out_fd = -1;
    *out_name = slash == NULL ? path : slash + 1;
    if (length < 0 || (size_t)length >= sizeof(parent) || **out_name == 0)
        return sl_fail(err, SL_LIMIT, "catalog path is too long, or ends in a slash");
    return sl_file_open(AT_FDCWD, parent, O_RDONLY | O_DIRECTORY, out_fd, err);
}

static sl_status
has_data(const char *path, bool *out_has, struct sl_error *err)
{
    char file[SL_PATH_BYTES_MAX + 16];
    struct sl_error story = {0};
    int fd;

    *out_has = false;
    (void)snprintf(file, sizeof(file), "%s/%s", path, data_name);
    sl_status st = sl_file_open(AT_FDCWD, file, O_RDONLY, &fd, &story);
    sl_file_close(fd);
    *out_has = st == SL_OK;
    if (st == SL_OK || st == SL_MISSING)
        return SL_OK;
    return sl_fail(err, st, "%s", story.text);
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
commit_once(struct data *data, const struct sl_catalog_edit *edit)
{
    MDB_txn *txn;
    int code = mdb_txn_begin(data->env, NULL, 0, &txn);
    return code != 0 ? code : end_transaction(txn, data->dbi, apply_edit(txn, data->dbi, edit));
}

/* An empty data file beside the catalog's place, whatever lay there. */
static sl_status
begin_data(const char *path, int dir_fd, size_t map_bytes, struct data *out_data,
           struct sl_error *err)
{
    SL_TRY(sl_file_remove(dir_fd, new_name, err));
    return open_data(path, new_name, 0, map_bytes, out_data, err);
}

/* Make the directory and the data file of a catalog that holds nothing but its format. */
static sl_status
make_catalog(const char *path, struct sl_error *err)
{
    const char *name;
    int parent_fd = -1;
    int dir_fd = -1;
    struct data data;

    SL_TRY(open_parent(path, &parent_fd, &name, err));
    sl_status st = sl_dir_open(parent_fd, name, &dir_fd, err);
    if (st == SL_OK)
        st = begin_data(path, dir_fd, MAP_BYTES_FIRST, &data, err);
    if (st == SL_OK) {
        struct sl_catalog_edit *edit = sl_catalog_edit_create();
        sl_catalog_put_format(edit);
        int code = commit_once(&data, edit);
        sl_catalog_edit_destroy(edit);
        close_data(&data);
        st = code == 0 ? SL_OK : fail_lmdb(err, code, "first commit");
    }
    if (st == SL_OK)
        st = sl_file_rename(dir_fd, new_name, data_name, err);
    if (st == SL_OK)
        st = sl_dir_sync(dir_fd, err);
    if (st == SL_OK)
        st = sl_dir_sync(parent_fd, err);
    sl_file_close(dir_fd);
    sl_file_close(parent_fd);
    return st;
}

sl_status
sl_catalog_open(const char *path, struct sl_catalog **out_catalog, struct sl_error *err)
{
    bool has;
    int dir_fd;
    struct data data;

    *out_catalog = NULL;
    SL_TRY(has_data(path, &has, err));
    SL_TRY(has ? prove_in_child(path, err) : make_catalog(path, err));
    SL_TRY(sl_file_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, &dir_fd, err));
    sl_status st = sl_file_remove(dir_fd, new_name, err); /* a power cut may have left it */
    if (st == SL_OK)
        st = open_data(path, data_name, 0, MAP_BYTES_FIRST, &data, err);
    if (st != SL_OK) {
        sl_file_close(dir_fd);
        return st;
    }

    struct sl_catalog *catalog = sl_new(sizeof(*catalog));
    catalog->magic = CATALOG_MAGIC;
    catalog->is_new = !has;
    catalog->path = sl_new_string(path);
    catalog->dir_fd = dir_fd;
    catalog->data = data;
    catalog->is_name_synced = true;
    sl_mutex_init(&catalog->mutex, SL_LOCK_CATALOG);
    *out_catalog = catalog;
    return SL_OK;
}

bool
sl_catalog_is_new(const struct sl_catalog *catalog)
{
    SL_ASSERT(catalog->magic == CATALOG_MAGIC);
    return catalog->is_new;
}

void
sl_catalog_close(struct sl_catalog *catalog)
{
    if (catalog == NULL)
        return;
    SL_ASSERT(catalog->magic == CATALOG_MAGIC);
    close_data(&catalog->data);
    sl_file_close(catalog->dir_fd);
    free(catalog->path);
    sl_mutex_fini(&catalog->mutex);
    sl_retire(&catalog->magic);
    free(catalog);
}

sl_status
sl_catalog_move_aside(const char *path, char *out_path, size_t out_path_bytes, struct sl_error *err)
{
    enum { TRIES_MAX = 1000 };
    const char *name;
    int parent_fd;

    SL_TRY(open_parent(path, &parent_fd, &name, err));
    sl_status st = SL_LIMIT;
    for (unsigned i = 1; i <= TRIES_MAX; i++) {
        struct sl_error story = {0};
        char target[SL_PATH_BYTES_MAX];
        (void)snprintf(target, sizeof(target), "%s.damaged-%u", name, i);
        st = sl_file_rename(parent_fd, name, target, &story);
        if (st == SL_OK) {
            (void)snprintf(out_path, out_path_bytes, "%s.damaged-%u", path, i);
            st = sl_dir_sync(parent_fd, err);
            break;
        }
        if (story.os_errno != ENOTEMPTY && story.os_errno != EEXIST) {
            (void)sl_fail(err, st, "%s", story.text);
            break;
        }
        st = sl_fail(err, SL_LIMIT, "%s and %u more exist already", target, i - 1);
    }
    sl_file_close(parent_fd);
    return st;
}

sl_status
sl_catalog_check(const char *path, struct sl_error *err)
{
    bool has;

    SL_TRY(has_data(path, &has, err));
    if (!has)
        return sl_fail(err, SL_MISSING, "there is no catalog at %.200s", path);
    return prove_in_child(path, err);
}

/* With the lock held and no transaction open. */
static int
grow_map(struct data *data)
{
    if (data->map_bytes > MAP_BYTES_MAX / 2)
        return MDB_MAP_FULL;
    int code = mdb_env_set_mapsize(data->env, data->map_bytes * 2);
    if (code == 0)
        data->map_bytes *= 2;
    return code;
}

static sl_status
commit_growing(struct data *data, const struct sl_catalog_edit *edit, struct sl_error *err)
{
    int code = commit_once(data, edit);
    while (code == MDB_MAP_FULL) {
        code = grow_map(data);
        if (code == 0)
            code = commit_once(data, edit);
        else
            break;
    }
    return code == 0 ? SL_OK : fail_lmdb(err, code, "commit");
}

/* Is most of the file free pages? */
static bool
is_sparse(const struct data *data)
{
    MDB_envinfo info;
    MDB_stat stat;
    int failed = mdb_env_info(data->env, &info) | mdb_env_stat(data->env, &stat);
    SL_ASSERT(failed == 0);
    uint64_t used = stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages;
    return info.me_last_pgno + 1 > PAGES_SPARE + 4 * used;
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
copy_data(struct data *from, struct data *to)
{
    MDB_txn *reading, *writing;
    int code = mdb_txn_begin(from->env, NULL, MDB_RDONLY, &reading);
    if (code != 0)
        return code;
    code = mdb_txn_begin(to->env, NULL, 0, &writing);
    if (code == 0)
        code =
            end_transaction(writing, to->dbi, copy_records(reading, from->dbi, writing, to->dbi));
    mdb_txn_abort(reading);
    return code;
}

/* From here on the file that has the name keeps it. */
static sl_status
sync_name(struct sl_catalog *catalog, struct sl_error *err)
{
    if (!catalog->is_name_synced)
        SL_TRY(sl_dir_sync(catalog->dir_fd, err));
    catalog->is_name_synced = true;
    return SL_OK;
}

/* Write the data file anew. On failure the old one stays, with everything in it. */
static sl_status
rewrite(struct sl_catalog *catalog, struct sl_error *err)
{
    struct data fresh;
    SL_TRY(begin_data(catalog->path, catalog->dir_fd, catalog->data.map_bytes, &fresh, err));
    int code = copy_data(&catalog->data, &fresh);
    sl_status st = code == 0 ? SL_OK : fail_lmdb(err, code, "write the data file anew");
    if (st == SL_OK) {
        catalog->is_name_synced = false;
        st = sl_file_rename(catalog->dir_fd, new_name, data_name, err);
    }
    if (st == SL_OK) {
        struct data old = catalog->data;
        catalog->data = fresh;
        fresh = old;
    }
    close_data(&fresh);
    if (st == SL_OK)
        return sync_name(catalog, err);
    struct sl_error story = {0};
    if (sl_file_remove(catalog->dir_fd, new_name, &story) != SL_OK)
        sl_log(SL_LOG_WARN, "store", "%s stays until the next start: %s", new_name, story.text);
    return st;
}

sl_status
sl_catalog_commit(struct sl_catalog *catalog, struct sl_catalog_edit *edit, struct sl_error *err)
{
    SL_ASSERT(catalog->magic == CATALOG_MAGIC);
    sl_status st = SL_OK;
    if (edit->trouble != NULL)
        st = sl_fail(err, SL_LIMIT, "catalog: %s", edit->trouble);
    else if (edit->bytes.bad)
        st = sl_fail(err, SL_LIMIT, "catalog: the changes of one commit are too large");
    if (st != SL_OK) {
        sl_catalog_edit_destroy(edit);
        return st;
    }

    sl_mutex_lock(&catalog->mutex);
    st = sync_name(catalog, err);
    if (st == SL_OK)
        st = commit_growing(&catalog->data, edit, err);
    struct sl_error story = {0};
    if (st == SL_OK && is_sparse(&catalog->data) && rewrite(catalog, &story) != SL_OK)
        sl_log(SL_LOG_WARN, "store", "the catalog could not be written anew: %s", story.text);
    sl_mutex_unlock(&catalog->mutex);
    sl_catalog_edit_destroy(edit);
    return st;
}

sl_status
sl_catalog_walk(struct sl_catalog *catalog, const struct sl_slice *prefixes, size_t prefix_count,
                sl_catalog_record_fn *visit, void *context, struct sl_error *err)
{
    SL_ASSERT(catalog->magic == CATALOG_MAGIC);
    MDB_txn *txn;
    sl_status st = SL_OK;

    sl_mutex_lock(&catalog->mutex);
    int code = mdb_txn_begin(catalog->data.env, NULL, MDB_RDONLY, &txn);
    if (code == 0) {
        for (size_t i = 0; i < prefix_count && st == SL_OK; i++)
            st = walk_records(txn, catalog->data.dbi, &prefixes[i], visit, context, err);
        mdb_txn_abort(txn);
    }
    sl_mutex_unlock(&catalog->mutex);
    return code == 0 ? st : fail_lmdb(err, code, "begin");
}

uint64_t
sl_catalog_bytes(struct sl_catalog *catalog)
{
    SL_ASSERT(catalog->magic == CATALOG_MAGIC);
    MDB_envinfo info;
    MDB_stat stat;
    sl_mutex_lock(&catalog->mutex);
    int failed = mdb_env_info(catalog->data.env, &info) | mdb_env_stat(catalog->data.env, &stat);
    sl_mutex_unlock(&catalog->mutex);
    SL_ASSERT(failed == 0);
    return ((uint64_t)info.me_last_pgno + 1) * stat.ms_psize;
}
