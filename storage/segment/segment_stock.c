/*
 * segment_stock.c - see segment_stock.h.
 *
 * Free buffers of a kind are a list through their first bytes. A lock is taken for each buffer,
 * which a cursor keeps while it goes from block to block.
 */
#include "storage/segment/segment_stock.h"

#include <stdlib.h>

#include "storage/base/thread.h"

#include <sanitizer/asan_interface.h>

/* What one worker takes at most for the questions of bench/peers, and the bytes of a part. */
static const unsigned buffers_per_worker[SL_SEGMENT_BUFFER_KINDS] = {1, 1, 6, 4};

struct free_buffer {
    struct free_buffer *next;
};

struct shelf {
    struct free_buffer *first;
    unsigned count;
    unsigned room; /* count does not grow beyond */
};

static struct sl_mutex lock = {.mutex = PTHREAD_MUTEX_INITIALIZER, .rank = SL_LOCK_STOCK};
static struct shelf shelves[SL_SEGMENT_BUFFER_KINDS]; /* guarded by lock */

/* The first buffer of a shelf, or NULL. With the lock held. */
static void *
take_first(unsigned kind)
{
    struct shelf *shelf = &shelves[kind];
    struct free_buffer *buffer = shelf->first;
    if (buffer == NULL)
        return NULL;
    ASAN_UNPOISON_MEMORY_REGION(buffer, sl_segment_buffer_bytes(kind));
    shelf->first = buffer->next;
    shelf->count--;
    return buffer;
}

void *
sl_segment_stock_take(unsigned kind)
{
    SL_ASSERT(kind < SL_SEGMENT_BUFFER_KINDS);
    sl_mutex_lock(&lock);
    void *buffer = take_first(kind);
    sl_mutex_unlock(&lock);
    return buffer != NULL ? buffer : malloc(sl_segment_buffer_bytes(kind));
}

void
sl_segment_stock_give(unsigned kind, void *buffer)
{
    SL_ASSERT(kind < SL_SEGMENT_BUFFER_KINDS);
    struct shelf *shelf = &shelves[kind];
    struct free_buffer *given = buffer;
    sl_mutex_lock(&lock);
    bool is_room = shelf->count < shelf->room;
    if (is_room) {
        given->next = shelf->first;
        shelf->first = given;
        shelf->count++;
        ASAN_POISON_MEMORY_REGION(given, sl_segment_buffer_bytes(kind)); /* until it is taken */
    }
    sl_mutex_unlock(&lock);
    if (!is_room)
        free(buffer);
}

/* Put new buffers on a shelf until its room is full; where there is no memory, fewer. */
static void
fill_shelf(unsigned kind)
{
    for (unsigned i = 0; i < shelves[kind].room; i++) {
        void *buffer = sl_try_alloc_table(sl_segment_buffer_bytes(kind)); /* with its pages */
        if (buffer == NULL)
            return;
        sl_segment_stock_give(kind, buffer);
    }
}

static void
empty_shelf(unsigned kind)
{
    sl_mutex_lock(&lock);
    shelves[kind].room = 0;
    for (void *buffer = take_first(kind); buffer != NULL; buffer = take_first(kind))
        free(buffer);
    sl_mutex_unlock(&lock);
}

void
sl_segment_stock_fill(unsigned workers)
{
    for (unsigned kind = 0; kind < SL_SEGMENT_BUFFER_KINDS; kind++) {
        empty_shelf(kind);
        sl_mutex_lock(&lock);
        shelves[kind].room = workers * buffers_per_worker[kind];
        sl_mutex_unlock(&lock);
        fill_shelf(kind);
    }
}
