/*
 * store.c - open and close a store, and the small doors of the facade: see store.h.
 */
#include "storage/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>

#include "storage/base/clock.h"
#include "storage/base/file.h"
#include "storage/merge.h"
#include "storage/recover.h"
#include "storage/retain.h"
#include "storage/seal.h"
#include "storage/store_lock.h"
#include "storage/tend.h"

struct sl_store_options
sl_store_options_default(void)
{
    return (struct sl_store_options){
        .memory_limit_bytes = UINT64_C(512) << 20,
        .seal_rows = 1 << 20,
        .seal_age_us = 5 * SL_US_PER_MINUTE,
        .commit_interval_us = INT64_C(200) * SL_US_PER_MS,
    };
}

sl_status
sl_store_lock(int dir_fd, int *out_fd, struct sl_error *err)
{
    SL_TRY(sl_file_open(dir_fd, "lock", O_RDWR | O_CREAT, out_fd, err));
    if (flock(*out_fd, LOCK_EX | LOCK_NB) == 0)
        return SL_OK;
    sl_status st = errno == EWOULDBLOCK
                       ? sl_fail(err, SL_IO, "the directory is in use by another process")
                       : sl_fail_errno(err, "lock the directory");
    sl_file_close(*out_fd);
    *out_fd = -1;
    return st;
}

/* Open the directories, made when missing and then synced into their parents. */
static sl_status
open_directories(struct sl_store *store, struct sl_error *err)
{
    int parent_fd = -1;
    SL_TRY(sl_dir_open(AT_FDCWD, store->directory, &store->dir_fd, err));
    SL_TRY(sl_store_lock(store->dir_fd, &store->lock_fd, err));
    SL_TRY(sl_dir_open(store->dir_fd, "segments", &store->segments_fd, err));
    SL_TRY(sl_dir_open(store->dir_fd, "journal", &store->journal_fd, err));
    SL_TRY(sl_dir_open(store->dir_fd, "..", &parent_fd, err));
    sl_status st = sl_dir_sync(parent_fd, err);
    sl_file_close(parent_fd);
    return st == SL_OK ? sl_dir_sync(store->dir_fd, err) : st;
}

/* Free everything; what was not opened yet is NULL or -1. */
static void
destroy(struct sl_store *store)
{
    sl_journal_close(store->journal);
    SL_ASSERT(store->snapshots == NULL); /* readers were gone before */
    sl_memtable_fini(&store->memtable);
    sl_version_release(store->version);
    sl_ledger_fini(&store->ledger);
    sl_arena_destroy(store->encoder);
    sl_live_files_destroy(store->files);
    sl_catalog_close(store->catalog);
    sl_file_close(store->journal_fd);
    sl_file_close(store->segments_fd);
    sl_file_close(store->lock_fd);
    sl_file_close(store->dir_fd);
    sl_cond_fini(&store->wake);
    sl_cond_fini(&store->changed);
    sl_mutex_fini(&store->lock);
    free(store->directory);
    sl_retire(&store->magic);
    free(store);
}

sl_status
sl_store_open(const struct sl_store_options *options, struct sl_schema *schema,
              struct sl_store **out_store, struct sl_error *err)
{
    *out_store = NULL;
    if (options->disk_cap_percent > 100)
        return sl_fail(err, SL_LIMIT, "a disk cap of %u %%", options->disk_cap_percent);
    struct sl_store *store = sl_new(sizeof(*store));
    store->magic = SL_STORE_MAGIC;
    store->options = *options;
    store->directory = sl_new_string(options->directory);
    store->options.directory = store->directory;
    store->schema = schema;
    store->dir_fd = store->lock_fd = store->segments_fd = store->journal_fd = -1;
    sl_mutex_init(&store->lock, SL_LOCK_STORE);
    sl_cond_init(&store->changed);
    sl_cond_init(&store->wake);
    store->version = sl_version_create();
    store->encoder = sl_arena_create(SIZE_MAX);
    sl_status st = open_directories(store, err);
    if (st == SL_OK) {
        store->files = sl_live_files_create(store->segments_fd, schema,
                                            options->memory_limit_bytes / SL_SHARE_READERS);
        if (options->memory != NULL && options->cache_bytes != 0)
            sl_live_files_keep(store->files, options->cache_bytes, options->memory);
        st = sl_recover(store, err);
    }
    if (st != SL_OK) {
        sl_error_prefix(err, "%s", options->directory);
        destroy(store);
        return st;
    }
    if (!options->is_background_off)
        sl_tend_start(store);
    *out_store = store;
    return SL_OK;
}

void
sl_store_close(struct sl_store *store)
{
    if (store == NULL)
        return;
    SL_ASSERT(store->magic == SL_STORE_MAGIC);
    sl_mutex_lock(&store->lock);
    store->is_closing = true;
    sl_cond_broadcast(&store->wake);
    sl_cond_broadcast(&store->changed);
    sl_mutex_unlock(&store->lock);
    sl_tend_stop(store);
    destroy(store);
}

sl_status
sl_store_flush(struct sl_store *store, struct sl_error *err)
{
    SL_ASSERT(store->magic == SL_STORE_MAGIC);
    return sl_seal(store, err);
}

sl_status
sl_store_merge_all(struct sl_store *store, struct sl_error *err)
{
    SL_ASSERT(store->magic == SL_STORE_MAGIC);
    bool is_merged = true;
    while (is_merged)
        SL_TRY(sl_merge_run(store, SL_MERGE_ALL, &is_merged, err));
    return SL_OK;
}

sl_status
sl_store_retain(struct sl_store *store, struct sl_error *err)
{
    SL_ASSERT(store->magic == SL_STORE_MAGIC);
    return sl_retain(store, err);
}

sl_status
sl_store_open_scratch(struct sl_store *store, int *out_fd, struct sl_error *err)
{
    char name[32];

    SL_ASSERT(store->magic == SL_STORE_MAGIC);
    (void)snprintf(name, sizeof(name), "scratch-%" PRIuFAST64,
                   atomic_fetch_add_explicit(&store->scratch_count, 1, memory_order_relaxed));
    SL_TRY(sl_file_open_private(store->dir_fd, name, O_RDWR | O_CREAT | O_TRUNC, out_fd, err));
    sl_status st = sl_file_remove(store->dir_fd, name, err);
    if (st != SL_OK) {
        sl_file_close(*out_fd);
        *out_fd = -1;
    }
    return st;
}

sl_status
sl_store_meta_put(struct sl_store *store, const char *kind, const void *key, size_t key_bytes,
                  const void *value, size_t value_bytes, struct sl_error *err)
{
    SL_ASSERT(store->magic == SL_STORE_MAGIC);
    struct sl_catalog_edit *edit = sl_catalog_edit_create();
    sl_catalog_put_meta(edit, kind, key, key_bytes, value, value_bytes);
    return sl_catalog_commit(store->catalog, edit, err);
}

sl_status
sl_store_meta_walk(struct sl_store *store, const char *kind, sl_meta_visit_fn *visit, void *context,
                   struct sl_error *err)
{
    SL_ASSERT(store->magic == SL_STORE_MAGIC);
    return sl_catalog_walk_meta(store->catalog, kind, visit, context, err);
}
