/*
 * live_file.c - see live_file.h.
 */
#include "storage/live_file.h"

#include <stdatomic.h>
#include <stdio.h>

#include "storage/base/file.h"
#include "storage/base/log.h"
#include "storage/segment/segment_cache.h"

enum {
    TRIM_FILES = 4,   /* looked at when a scan leaves a file */
    SHARE_UNASKED = 4 /* of files and bytes one in so many may go to what nobody asked for yet */
};

struct sl_live_files {
    int dir_fd;
    struct sl_schema *schema;
    size_t memory_bytes;
    struct sl_segment_cache *cache; /* of all files; owned; NULL: none */
    struct sl_budget budget;        /* what readers hold; counts only */
    _Atomic uint64_t held_bytes;
    struct sl_mutex lock; /* guards the open files and all below */
    struct sl_cond opened;
    struct sl_live_file *newest, *oldest;
    struct sl_live_file *hand; /* the next one that trim looks at; NULL: the oldest */
    uint32_t open_count;
};

struct sl_live_files *
sl_live_files_create(int dir_fd, struct sl_schema *schema, size_t memory_bytes)
{
    struct sl_live_files *files = sl_new(sizeof(*files));
    files->dir_fd = dir_fd;
    files->schema = schema;
    files->memory_bytes = memory_bytes;
    files->budget.limit_bytes = SIZE_MAX;
    sl_mutex_init(&files->lock, SL_LOCK_CACHE);
    sl_cond_init(&files->opened);
    return files;
}

void
sl_live_files_destroy(struct sl_live_files *files)
{
    if (files == NULL)
        return;
    SL_ASSERT(files->open_count == 0);
    sl_segment_cache_destroy(files->cache);
    sl_cond_fini(&files->opened);
    sl_mutex_fini(&files->lock);
    free(files);
}

void
sl_live_files_keep(struct sl_live_files *files, size_t bytes_max, struct sl_budget *memory)
{
    SL_ASSERT(files->cache == NULL && files->open_count == 0);
    files->cache = sl_segment_cache_create(bytes_max, memory);
}

uint64_t
sl_live_files_held_bytes(const struct sl_live_files *files)
{
    return atomic_load_explicit(&files->held_bytes, memory_order_relaxed);
}

void
sl_segment_name(uint64_t number, char name[SL_SEGMENT_NAME_BYTES])
{
    (void)snprintf(name, SL_SEGMENT_NAME_BYTES, "%010" PRIu64 ".segment", number);
}

bool
sl_segment_name_parse(const char *name, uint64_t *out_number)
{
    uint64_t number = 0;
    size_t digits = 0;
    while (name[digits] >= '0' && name[digits] <= '9') {
        uint64_t digit = (uint64_t)(name[digits] - '0');
        if (number > (UINT64_MAX - digit) / 10)
            return false;
        number = number * 10 + digit;
        digits++;
    }
    *out_number = number;
    /* Only the spelling that we write: one number, one name. */
    char expected[SL_SEGMENT_NAME_BYTES];
    sl_segment_name(number, expected);
    return digits != 0 && strcmp(name, expected) == 0;
}

struct sl_live_file *
sl_live_file_create(struct sl_live_files *files, uint64_t number, uint64_t bytes)
{
    struct sl_live_file *file = sl_new(sizeof(*file));
    file->files = files;
    file->number = number;
    file->bytes = bytes;
    atomic_store_explicit(&file->references, 1, memory_order_relaxed);
    sl_segment_name(number, file->name);
    return file;
}

void
sl_live_file_acquire(struct sl_live_file *file)
{
    atomic_fetch_add_explicit(&file->references, 1, memory_order_relaxed);
}

void
sl_live_file_drop(struct sl_live_file *file)
{
    if (atomic_exchange_explicit(&file->is_dropped, true, memory_order_relaxed))
        return;
    atomic_fetch_add_explicit(&file->files->held_bytes, file->bytes, memory_order_relaxed);
}

void
sl_live_file_mark_damaged(struct sl_live_file *file)
{
    atomic_store_explicit(&file->is_damaged, true, memory_order_relaxed);
}

bool
sl_live_file_is_damaged(const struct sl_live_file *file)
{
    return atomic_load_explicit(&file->is_damaged, memory_order_relaxed);
}

static void
list_remove(struct sl_live_files *files, struct sl_live_file *file)
{
    if (files->hand == file)
        files->hand = file->newer;
    if (file->newer == NULL)
        files->newest = file->older;
    else
        file->newer->older = file->older;
    if (file->older == NULL)
        files->oldest = file->newer;
    else
        file->older->newer = file->newer;
    file->newer = file->older = NULL;
    files->open_count--;
}

static void
list_insert(struct sl_live_files *files, struct sl_live_file *file)
{
    file->older = files->newest;
    if (files->newest == NULL)
        files->oldest = file;
    else
        files->newest->newer = file;
    files->newest = file;
    files->open_count++;
}

/* The first to go. */
static void
list_append(struct sl_live_files *files, struct sl_live_file *file)
{
    file->newer = files->oldest;
    if (files->oldest == NULL)
        files->newest = file;
    else
        files->oldest->older = file;
    files->oldest = file;
    files->open_count++;
}

void
sl_live_file_release(struct sl_live_file *file)
{
    if (file == NULL)
        return;
    /* The release half publishes this thread's last use; the acquire half lets the thread that
     * frees it see the marks of all others, is_dropped among them. */
    if (atomic_fetch_sub_explicit(&file->references, 1, memory_order_acq_rel) != 1)
        return;
    struct sl_live_files *files = file->files;
    SL_ASSERT(file->users == 0);
    sl_mutex_lock(&files->lock);
    struct sl_segment_reader *reader = file->reader;
    if (reader != NULL)
        list_remove(files, file);
    sl_mutex_unlock(&files->lock);
    sl_segment_reader_close(reader);
    if (atomic_load_explicit(&file->is_dropped, memory_order_relaxed)) {
        struct sl_error err = {0};
        if (sl_file_remove(files->dir_fd, file->name, &err) != SL_OK)
            sl_log(SL_LOG_WARN, "store", "%s stays until the next start: %s", file->name, err.text);
        atomic_fetch_sub_explicit(&files->held_bytes, file->bytes, memory_order_relaxed);
    }
    free(file);
}

/* Do readers keep more than they may? */
static bool
is_full(const struct sl_live_files *files)
{
    return atomic_load_explicit(&files->budget.used_bytes, memory_order_relaxed) >
           files->memory_bytes;
}

/* Must a file be closed before another is opened? */
static bool
is_crowded(const struct sl_live_files *files)
{
    return files->open_count >= SL_LIVE_FILES_OPEN_MAX || is_full(files);
}

/* Take the readers that must go from the list; the caller closes them without the lock. */
static uint32_t
evict(struct sl_live_files *files, struct sl_segment_reader **victims, uint32_t room)
{
    uint32_t count = 0;
    struct sl_live_file *file = files->oldest;
    while (file != NULL && count < room && is_crowded(files)) {
        struct sl_live_file *newer = file->newer;
        if (file->users == 0) {
            victims[count++] = file->reader;
            file->reader = NULL;
            list_remove(files, file);
        }
        file = newer;
    }
    return count;
}

static sl_status
enter(struct sl_live_file *file, bool is_asked_for, struct sl_segment_reader **out_reader,
      struct sl_error *err)
{
    struct sl_live_files *files = file->files;
    struct sl_segment_reader *victims[8];
    struct sl_segment_reader *reader = NULL;

    *out_reader = NULL;
    sl_mutex_lock(&files->lock);
    while (file->is_opening)
        sl_cond_wait(&files->opened, &files->lock);
    if (file->reader != NULL) {
        list_remove(files, file);
        list_insert(files, file);
        file->users++;
        *out_reader = file->reader;
        sl_mutex_unlock(&files->lock);
        return SL_OK;
    }
    file->is_opening = true;
    uint32_t victim_count = evict(files, victims, SL_COUNTOF(victims));
    sl_mutex_unlock(&files->lock);

    for (uint32_t i = 0; i < victim_count; i++)
        sl_segment_reader_close(victims[i]);
    sl_status st = sl_segment_reader_open(files->dir_fd, file->name, files->schema, &files->budget,
                                          &reader, err);
    if (reader != NULL)
        sl_segment_reader_keep(reader, files->cache);

    sl_mutex_lock(&files->lock);
    file->is_opening = false;
    file->reader = reader;
    if (reader != NULL) {
        if (is_asked_for)
            list_insert(files, file);
        else
            list_append(files, file);
        file->users++;
    }
    sl_cond_broadcast(&files->opened);
    sl_mutex_unlock(&files->lock);
    *out_reader = reader;
    return st;
}

sl_status
sl_live_file_enter(struct sl_live_file *file, struct sl_segment_reader **out_reader,
                   struct sl_error *err)
{
    return enter(file, true, out_reader, err);
}

bool
sl_live_file_prepare(struct sl_live_file *file)
{
    struct sl_live_files *files = file->files;
    struct sl_segment_reader *reader;
    struct sl_error ignored = {0}; /* who asks for it will be told */
    size_t used_bytes = atomic_load_explicit(&files->budget.used_bytes, memory_order_relaxed);

    sl_mutex_lock(&files->lock);
    bool has_room = files->open_count < SL_LIVE_FILES_OPEN_MAX / SHARE_UNASKED &&
                    used_bytes < files->memory_bytes / SHARE_UNASKED;
    sl_mutex_unlock(&files->lock);
    if (has_room && enter(file, false, &reader, &ignored) == SL_OK)
        sl_live_file_leave(file);
    return has_room;
}

/* A reference to a file of the list; false when its last one has just gone. */
static bool
try_acquire(struct sl_live_file *file)
{
    uint32_t references = atomic_load_explicit(&file->references, memory_order_relaxed);
    while (references != 0)
        if (atomic_compare_exchange_weak_explicit(&file->references, &references, references + 1,
                                                  memory_order_relaxed, memory_order_relaxed))
            return true;
    return false;
}

/* Drop what was not used since the hand came by last, until readers keep no more than they may. A few
 * files at a time: what stays (filters) may be more than that, and every scan leaves files. */
static void
trim(struct sl_live_files *files)
{
    sl_mutex_lock(&files->lock);
    for (unsigned i = 0; i < TRIM_FILES && is_full(files); i++) {
        struct sl_live_file *file = files->hand == NULL ? files->oldest : files->hand;
        if (file == NULL)
            break;
        files->hand = file->newer;
        if (!try_acquire(file))
            continue;
        file->users++;
        sl_mutex_unlock(&files->lock);
        (void)sl_segment_reader_drop(file->reader, SL_SEGMENT_DROP_STALE);
        sl_mutex_lock(&files->lock);
        file->users--;
        sl_mutex_unlock(&files->lock);
        sl_live_file_release(file);
        sl_mutex_lock(&files->lock);
    }
    sl_mutex_unlock(&files->lock);
}

void
sl_live_file_leave(struct sl_live_file *file)
{
    struct sl_live_files *files = file->files;
    sl_mutex_lock(&files->lock);
    SL_ASSERT(file->users > 0);
    file->users--;
    sl_mutex_unlock(&files->lock);
    if (is_full(files))
        trim(files);
}
