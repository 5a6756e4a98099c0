/*
 * registry.c - see registry.h.
 */
#include "server/registry.h"

#include <stdatomic.h>

#include <stdio.h>

#include "storage/base/clock.h"

enum {
    ENTRY_MAGIC = 0x454e5452,
    USER_BYTES = 256,
    PEER_BYTES = 80,
    TEXT_BYTES = 1024, /* of a statement, as far as system.queries shows it */
};

struct sl_registry {
    sl_kill_fn *on_kill;
    void *context; /* of on_kill; borrowed */
    struct sl_mutex mutex;
    /* guarded by mutex */
    struct sl_entry *first;
    uint32_t count;
    uint64_t next_id;
};

struct sl_entry {
    uint32_t magic;
    struct sl_registry *registry; /* borrowed */
    uint64_t id;
    char peer[PEER_BYTES];
    int64_t connected_us;
    _Atomic int64_t row_count, found_rows; /* relaxed: of the connection's own statements */
    struct sl_warnings warnings;           /* of whoever works off its statement */
    _Atomic bool is_cancelled;             /* relaxed: whoever polls it may see it a little later */

    /* guarded by the registry's mutex */
    struct sl_entry *previous;
    struct sl_entry *next;
    struct sl_query *query; /* borrowed between two calls of sl_entry_set_query */
    const char *what;       /* static */
    int64_t started_us;
    char user[USER_BYTES];
    char text[TEXT_BYTES];
};

struct sl_registry *
sl_registry_create(sl_kill_fn *on_kill, void *context)
{
    struct sl_registry *registry = sl_new(sizeof(*registry));
    registry->on_kill = on_kill;
    registry->context = context;
    sl_mutex_init(&registry->mutex, SL_LOCK_SERVER);
    registry->next_id = 1;
    return registry;
}

void
sl_registry_destroy(struct sl_registry *registry)
{
    if (registry == NULL)
        return;
    SL_ASSERT(registry->first == NULL);
    sl_mutex_fini(&registry->mutex);
    free(registry);
}

static void
copy_text(char *target, size_t capacity, const char *text, size_t text_bytes)
{
    size_t size_bytes = sl_min_size(text_bytes, capacity - 1);
    if (size_bytes != 0)
        memcpy(target, text, size_bytes);
    target[size_bytes] = '\0';
}

struct sl_entry *
sl_entry_open(struct sl_registry *registry, const char *peer)
{
    struct sl_entry *entry = sl_new(sizeof(*entry));
    entry->magic = ENTRY_MAGIC;
    entry->registry = registry;
    entry->connected_us = sl_clock_now_us();
    entry->what = "";
    copy_text(entry->peer, sizeof(entry->peer), peer, strlen(peer));
    entry->row_count = -1;
    sl_warnings_init(&entry->warnings);

    sl_mutex_lock(&registry->mutex);
    entry->id = registry->next_id++;
    entry->next = registry->first;
    if (entry->next != NULL)
        entry->next->previous = entry;
    registry->first = entry;
    registry->count++;
    sl_mutex_unlock(&registry->mutex);
    return entry;
}

void
sl_entry_close(struct sl_entry *entry)
{
    struct sl_registry *registry = entry->registry;
    SL_ASSERT(entry->magic == ENTRY_MAGIC);
    sl_mutex_lock(&registry->mutex);
    SL_ASSERT(entry->query == NULL);
    if (entry->previous != NULL)
        entry->previous->next = entry->next;
    else
        registry->first = entry->next;
    if (entry->next != NULL)
        entry->next->previous = entry->previous;
    registry->count--;
    sl_mutex_unlock(&registry->mutex);
    sl_warnings_fini(&entry->warnings);
    sl_retire(&entry->magic);
    free(entry);
}

uint64_t
sl_entry_id(const struct sl_entry *entry)
{
    return entry->id;
}

const char *
sl_entry_peer(const struct sl_entry *entry)
{
    return entry->peer;
}

struct sl_warnings *
sl_entry_warnings(struct sl_entry *entry)
{
    return &entry->warnings;
}

void
sl_entry_set_counts(struct sl_entry *entry, struct sl_entry_counts counts)
{
    atomic_store_explicit(&entry->row_count, counts.row_count, memory_order_relaxed);
    atomic_store_explicit(&entry->found_rows, counts.found_rows, memory_order_relaxed);
}

struct sl_entry_counts
sl_entry_counts(const struct sl_entry *entry)
{
    return (struct sl_entry_counts){
        .row_count = atomic_load_explicit(&entry->row_count, memory_order_relaxed),
        .found_rows = atomic_load_explicit(&entry->found_rows, memory_order_relaxed)};
}

void
sl_entry_set_user(struct sl_entry *entry, const char *user)
{
    sl_mutex_lock(&entry->registry->mutex);
    copy_text(entry->user, sizeof(entry->user), user, strlen(user));
    sl_mutex_unlock(&entry->registry->mutex);
}

void
sl_entry_begin(struct sl_entry *entry, const char *what, const char *text, size_t text_bytes)
{
    sl_mutex_lock(&entry->registry->mutex);
    entry->what = what;
    entry->started_us = sl_clock_now_us();
    copy_text(entry->text, sizeof(entry->text), text, text_bytes);
    entry->is_cancelled = false;
    sl_mutex_unlock(&entry->registry->mutex);
}

void
sl_entry_end(struct sl_entry *entry)
{
    sl_mutex_lock(&entry->registry->mutex);
    SL_ASSERT(entry->query == NULL);
    entry->what = "";
    entry->started_us = 0;
    entry->text[0] = '\0';
    sl_mutex_unlock(&entry->registry->mutex);
}

bool
sl_entry_set_query(struct sl_entry *entry, struct sl_query *query)
{
    sl_mutex_lock(&entry->registry->mutex);
    SL_ASSERT(entry->query == NULL || query == NULL);
    bool is_wanted = query == NULL || !entry->is_cancelled;
    entry->query = is_wanted ? query : NULL;
    sl_mutex_unlock(&entry->registry->mutex);
    return is_wanted;
}

/* Under the registry's lock. */
static void
cancel(struct sl_entry *entry)
{
    entry->is_cancelled = true;
    if (entry->query != NULL)
        sl_query_cancel(entry->query); /* sets a flag: fit to be called under a lock */
}

void
sl_entry_cancel(struct sl_entry *entry)
{
    SL_ASSERT(entry->magic == ENTRY_MAGIC);
    sl_mutex_lock(&entry->registry->mutex);
    cancel(entry);
    sl_mutex_unlock(&entry->registry->mutex);
}

sl_status
sl_registry_kill(struct sl_registry *registry, uint64_t connection_id, bool is_whole,
                 const char *user, struct sl_error *err)
{
    struct sl_error why = {0};
    sl_mutex_lock(&registry->mutex);
    struct sl_entry *entry = registry->first;
    while (entry != NULL && entry->id != connection_id)
        entry = entry->next;
    if (entry == NULL) {
        (void)sl_fail(&why, SL_MISSING, "Unknown thread id: %" PRIu64, connection_id);
        why.sql_number = 1094; /* ER_NO_SUCH_THREAD */
    } else if (user != NULL && strcmp(user, entry->user) != 0) {
        (void)sl_fail(&why, SL_DENIED, "You are not owner of thread %" PRIu64, connection_id);
        why.sql_number = 1095; /* ER_KILL_DENIED_ERROR */
    } else {
        cancel(entry);
    }
    sl_mutex_unlock(&registry->mutex);
    if (why.status == SL_OK)
        registry->on_kill(registry->context, connection_id, is_whole);
    else if (err != NULL)
        *err = why;
    return why.status;
}

bool
sl_entry_is_cancelled(const struct sl_entry *entry)
{
    return entry->is_cancelled;
}

bool
sl_entry_progress(struct sl_entry *entry, struct sl_query_progress *out_progress)
{
    sl_mutex_lock(&entry->registry->mutex);
    bool is_running = entry->query != NULL;
    if (is_running)
        sl_query_progress(entry->query, out_progress);
    sl_mutex_unlock(&entry->registry->mutex);
    return is_running;
}

/* Entries are copied out under the lock, because a visitor may block. */
struct entry_copy {
    struct sl_entry_info info;
    char user[USER_BYTES];
    char peer[PEER_BYTES];
    char text[TEXT_BYTES];
};

static void
copy_entry(struct entry_copy *copy, struct sl_entry *entry)
{
    memcpy(copy->user, entry->user, sizeof(copy->user));
    memcpy(copy->peer, entry->peer, sizeof(copy->peer));
    memcpy(copy->text, entry->text, sizeof(copy->text));
    copy->info = (struct sl_entry_info){.connection_id = entry->id,
                                        .user = copy->user,
                                        .peer = copy->peer,
                                        .what = entry->what,
                                        .text = copy->text,
                                        .connected_us = entry->connected_us,
                                        .started_us = entry->started_us};
    if (entry->query != NULL)
        sl_query_progress(entry->query, &copy->info.progress);
}

sl_status
sl_registry_walk(struct sl_registry *registry, sl_entry_visit_fn *visit, void *context,
                 struct sl_error *err)
{
    sl_mutex_lock(&registry->mutex);
    uint32_t capacity = registry->count;
    sl_mutex_unlock(&registry->mutex);

    struct entry_copy *copies = sl_try_alloc(sizeof(*copies) * sl_max_size(capacity, 1));
    if (copies == NULL)
        return sl_fail(err, SL_LIMIT, "no memory for the list of connections");
    uint32_t count = 0;
    sl_mutex_lock(&registry->mutex);
    for (struct sl_entry *entry = registry->first; entry != NULL && count < capacity;
         entry = entry->next)
        copy_entry(&copies[count++], entry);
    sl_mutex_unlock(&registry->mutex);

    sl_status st = SL_OK;
    for (uint32_t i = 0; i < count && st == SL_OK; i++)
        st = visit(context, &copies[i].info, err);
    free(copies);
    return st;
}
