/*
 * pending.c - see pending.h.
 *
 * One list in the order of arrival, for age and eviction, and chains by (exporter, template),
 * so that a template finds its data without a look at everybody else's.
 */
#include "ingest/decode/pending.h"

#include "storage/base/hash.h"

enum { PENDING_BUCKETS = 1024 };

struct entry {
    struct entry *older, *newer;  /* of all */
    struct entry *next, **back;   /* of a bucket, oldest first */
    struct sl_exporter *exporter; /* borrowed: it is not dropped while this is here */
    struct sl_message message;    /* its origin points behind the data */
    size_t size_bytes;            /* of the data */
    size_t total_bytes;           /* of the entry */
    uint16_t template_id;
    uint8_t bytes[]; /* data, then origin with its NUL */
};

struct bucket {
    struct entry *first;
    struct entry **last; /* where the next one is linked */
};

struct sl_pending {
    struct bucket buckets[PENDING_BUCKETS];
    struct entry *oldest, *newest;
    size_t limit_bytes;
    size_t used_bytes;
    int64_t age_us;
};

struct sl_pending *
sl_pending_create(size_t limit_bytes, int64_t age_us)
{
    struct sl_pending *pending = sl_new(sizeof(*pending));
    pending->limit_bytes = limit_bytes;
    pending->age_us = age_us;
    for (size_t i = 0; i < PENDING_BUCKETS; i++)
        pending->buckets[i].last = &pending->buckets[i].first;
    return pending;
}

static struct bucket *
bucket_of(struct sl_pending *pending, const struct sl_exporter *exporter, uint16_t template_id)
{
    uint64_t hash = sl_hash_u64((uint64_t)(uintptr_t)exporter ^ (uint64_t)template_id << 48);
    return &pending->buckets[hash % PENDING_BUCKETS];
}

/* Take an entry out of both lists. */
static void
unlink_entry(struct sl_pending *pending, struct entry *e)
{
    struct bucket *bucket = bucket_of(pending, e->exporter, e->template_id);
    *e->back = e->next;
    if (e->next != NULL)
        e->next->back = e->back;
    else
        bucket->last = e->back;
    if (e->older != NULL)
        e->older->newer = e->newer;
    else
        pending->oldest = e->newer;
    if (e->newer != NULL)
        e->newer->older = e->older;
    else
        pending->newest = e->older;
    pending->used_bytes -= e->total_bytes;
    e->exporter->pending_count--;
}

static void
drop_oldest(struct sl_pending *pending)
{
    struct entry *e = pending->oldest;
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): who is freed has left both lists */
    e->exporter->counts.pending_lost++;
    unlink_entry(pending, e);
    free(e);
}

void
sl_pending_destroy(struct sl_pending *pending)
{
    if (pending == NULL)
        return;
    while (pending->oldest != NULL)
        drop_oldest(pending);
    free(pending);
}

void
sl_pending_add(struct sl_pending *pending, struct sl_exporter *exporter, uint16_t template_id,
               const struct sl_message *message, const uint8_t *bytes, size_t size_bytes)
{
    size_t origin_bytes = message->origin == NULL ? 0 : strlen(message->origin) + 1;
    size_t total_bytes = sizeof(struct entry) + size_bytes + origin_bytes;
    struct entry *e = total_bytes > pending->limit_bytes ? NULL : sl_try_alloc(total_bytes);
    if (e == NULL) {
        exporter->counts.pending_lost++;
        return;
    }
    while (pending->used_bytes + total_bytes > pending->limit_bytes)
        drop_oldest(pending);
    e->exporter = exporter;
    e->template_id = template_id;
    e->message = *message;
    e->size_bytes = size_bytes;
    e->total_bytes = total_bytes;
    memcpy(e->bytes, bytes, size_bytes);
    if (origin_bytes != 0) {
        memcpy(&e->bytes[size_bytes], message->origin, origin_bytes);
        e->message.origin = (const char *)&e->bytes[size_bytes];
    }
    struct bucket *bucket = bucket_of(pending, exporter, template_id);
    e->back = bucket->last;
    *bucket->last = e;
    bucket->last = &e->next;
    e->older = pending->newest;
    if (pending->newest != NULL)
        pending->newest->newer = e;
    else
        pending->oldest = e;
    pending->newest = e;
    pending->used_bytes += total_bytes;
    exporter->pending_count++;
}

sl_status
sl_pending_take(struct sl_pending *pending, const struct sl_exporter *exporter,
                uint16_t template_id, sl_pending_fn *visit, void *context, struct sl_error *err)
{
    sl_status st = SL_OK;
    struct entry *e = bucket_of(pending, exporter, template_id)->first;
    while (e != NULL && st == SL_OK) {
        struct entry *next = e->next;
        if (e->exporter == exporter && e->template_id == template_id) {
            unlink_entry(pending, e);
            st = visit(context, &e->message, e->bytes, e->size_bytes, err);
            free(e);
        }
        e = next;
    }
    return st;
}

void
sl_pending_expire(struct sl_pending *pending, int64_t now_us)
{
    while (pending->oldest != NULL &&
           /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): who is freed has left both lists */
           pending->oldest->message.received_us < now_us - pending->age_us)
        drop_oldest(pending);
}

size_t
sl_pending_bytes(const struct sl_pending *pending)
{
    return pending->used_bytes;
}
