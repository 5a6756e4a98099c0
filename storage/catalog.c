/*
 * catalog.c - see catalog.h: the directory, its data file's life, and who may use it when.
 *
 * One mutex covers every transaction, reading ones too (catalog_data.h). It is the one lock that is
 * held across I/O: its rank says so.
 *
 * The first data file, and each one that replaces it, is made beside its place (data.new) and renamed:
 * a power cut leaves what was there before, or the new file as a whole.
 *
 * A data file never becomes smaller: it stays as large as it was while sixty segments of an hour
 * became one. So a commit after which less than a quarter of the pages holds records writes the data
 * file anew, with all records as its first transaction. At least three pages were written since it was
 * written last for each one that is copied then, so commits do not become dearer in the long run. What
 * every commit changes anyhow keeps three versions of its pages at most, and stays below that.
 */
#include "storage/catalog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "storage/base/file.h"
#include "storage/base/log.h"
#include "storage/base/thread.h"
#include "storage/catalog_data.h"
#include "storage/catalog_proof.h"
#include "storage/catalog_record.h"

#define CATALOG_MAGIC UINT32_C(0xca7a1096)

static const char data_name[] = "data.mdb";
static const char new_name[] = "data.new";

struct sl_catalog {
    uint32_t magic;
    bool is_new;
    char *path;                   /* owned: of the directory */
    int dir_fd;                   /* owned */
    struct sl_mutex mutex;        /* guards what follows, and every use of it */
    struct sl_catalog_data *data; /* owned */
    /* After a renaming the directory must be synced before the next commit: LMDB would sync that
     * into a file which a power cut may leave without its name. */
    bool is_name_synced;
};

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

/* The path of a file in the catalog directory `path`. */
struct file_path {
    char text[SL_PATH_BYTES_MAX + 16];
};

static sl_status
path_of(const char *path, const char *name, struct file_path *out_file, struct sl_error *err)
{
    int length = snprintf(out_file->text, sizeof(out_file->text), "%s/%s", path, name);
    if (length < 0 || (size_t)length >= sizeof(out_file->text))
        return sl_fail(err, SL_LIMIT, "catalog path is too long");
    return SL_OK;
}

static sl_status
has_data(const char *path, bool *out_has, struct sl_error *err)
{
    struct file_path file;
    struct sl_error story = {0};
    int fd;

    *out_has = false;
    SL_TRY(path_of(path, data_name, &file, err));
    sl_status st = sl_file_open(AT_FDCWD, file.text, O_RDONLY, &fd, &story);
    sl_file_close(fd);
    *out_has = st == SL_OK;
    if (st == SL_OK || st == SL_MISSING)
        return SL_OK;
    return sl_fail(err, st, "%s", story.text);
}

static sl_status
prove_data(const char *path, struct sl_error *err)
{
    struct file_path file;
    SL_TRY(path_of(path, data_name, &file, err));
    return sl_catalog_prove(file.text, err);
}

static sl_status
open_data(const char *path, const char *name, struct sl_catalog_data **out_data,
          struct sl_error *err)
{
    struct file_path file;
    *out_data = NULL;
    SL_TRY(path_of(path, name, &file, err));
    return sl_catalog_data_open(file.text, SL_CATALOG_WRITE, out_data, err);
}

/* An empty data file beside the catalog's place, whatever lay there. */
static sl_status
begin_data(const char *path, int dir_fd, struct sl_catalog_data **out_data, struct sl_error *err)
{
    *out_data = NULL;
    SL_TRY(sl_file_remove(dir_fd, new_name, err));
    return open_data(path, new_name, out_data, err);
}

/* Make the directory and the data file of a catalog that holds nothing but its format. */
static sl_status
make_catalog(const char *path, struct sl_error *err)
{
    const char *name;
    int parent_fd = -1;
    int dir_fd = -1;
    struct sl_catalog_data *data = NULL;

    SL_TRY(open_parent(path, &parent_fd, &name, err));
    sl_status st = sl_dir_open(parent_fd, name, &dir_fd, err);
    if (st == SL_OK)
        st = begin_data(path, dir_fd, &data, err);
    if (st == SL_OK) {
        struct sl_catalog_edit *edit = sl_catalog_edit_create();
        sl_catalog_put_format(edit);
        st = sl_catalog_data_commit(data, edit, err);
        sl_catalog_edit_destroy(edit);
    }
    sl_catalog_data_close(data);
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
    struct sl_catalog_data *data;

    *out_catalog = NULL;
    SL_TRY(has_data(path, &has, err));
    SL_TRY(has ? prove_data(path, err) : make_catalog(path, err));
    SL_TRY(sl_file_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, &dir_fd, err));
    sl_status st = sl_file_remove(dir_fd, new_name, err); /* a power cut may have left it */
    if (st == SL_OK)
        st = open_data(path, data_name, &data, err);
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
    sl_catalog_data_close(catalog->data);
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
    return prove_data(path, err);
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
    struct sl_catalog_data *fresh;
    SL_TRY(begin_data(catalog->path, catalog->dir_fd, &fresh, err));
    sl_status st = sl_catalog_data_copy(catalog->data, fresh, err);
    if (st == SL_OK) {
        catalog->is_name_synced = false;
        st = sl_file_rename(catalog->dir_fd, new_name, data_name, err);
    }
    if (st == SL_OK) {
        sl_catalog_data_close(catalog->data);
        catalog->data = fresh;
        return sync_name(catalog, err);
    }
    sl_catalog_data_close(fresh);
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
        st = sl_catalog_data_commit(catalog->data, edit, err);
    struct sl_error story = {0};
    if (st == SL_OK && sl_catalog_data_is_sparse(catalog->data) &&
        rewrite(catalog, &story) != SL_OK)
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
    sl_mutex_lock(&catalog->mutex);
    sl_status st = sl_catalog_data_walk(catalog->data, prefixes, prefix_count, visit, context, err);
    sl_mutex_unlock(&catalog->mutex);
    return st;
}

uint64_t
sl_catalog_bytes(struct sl_catalog *catalog)
{
    SL_ASSERT(catalog->magic == CATALOG_MAGIC);
    sl_mutex_lock(&catalog->mutex);
    uint64_t bytes = sl_catalog_data_bytes(catalog->data);
    sl_mutex_unlock(&catalog->mutex);
    return bytes;
}
