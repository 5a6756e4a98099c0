/*
 * slab.c - see slab.h.
 *
 * One slab is open: pieces are cut from it until one does not fit. A lock is taken for each piece,
 * which is a batch: thousands of rows where it matters.
 */
#include "storage/base/slab.h"

#include "storage/base/thread.h"

#include <sanitizer/asan_interface.h>

enum { PIECE_ALIGN = 16 };

struct slab {
    struct slab *next; /* of those that are kept */
    size_t used_bytes; /* with this head */
    uint32_t pieces;   /* not given back */
};

/* In front of each piece. */
struct piece {
    struct slab *slab;    /* NULL: from malloc */
    uint64_t whole_bytes; /* with this head */
};

_Static_assert(sizeof(struct piece) % PIECE_ALIGN == 0, "what follows is aligned");

enum { SLAB_HEAD_BYTES = (sizeof(struct slab) + PIECE_ALIGN - 1) / PIECE_ALIGN * PIECE_ALIGN };

static struct sl_mutex lock = {.mutex = PTHREAD_MUTEX_INITIALIZER, .rank = SL_LOCK_SLAB};
/* Guarded by lock: */
static struct slab *open_slab;
static struct slab *kept;
static uint32_t kept_count;

/* A slab without pieces, or NULL. */
static struct slab *
take_slab(void)
{
    struct slab *slab = kept;
    if (slab != NULL) {
        kept = slab->next;
        kept_count--;
    } else {
        slab = sl_pages_take(SL_SLAB_BYTES);
    }
    if (slab == NULL)
        return NULL;
    *slab = (struct slab){.used_bytes = SLAB_HEAD_BYTES};
    return slab;
}

/* Keep an empty slab; one too many is returned, to be given to the system without the lock. */
static struct slab *
keep_slab(struct slab *slab)
{
    if (kept_count == SL_SLABS_KEPT_MAX)
        return slab;
    slab->next = kept;
    kept = slab;
    kept_count++;
    return NULL;
}

static void
give_slab(struct slab *slab)
{
    if (slab == NULL)
        return;
    ASAN_UNPOISON_MEMORY_REGION(slab, SL_SLAB_BYTES);
    sl_pages_give(slab, SL_SLAB_BYTES);
}

/* With the lock held: cut a piece of so many bytes, with its head, from the open slab. */
static struct piece *
cut(size_t whole_bytes)
{
    bool is_room = open_slab != NULL && SL_SLAB_BYTES - open_slab->used_bytes >= whole_bytes;
    if (!is_room) {
        struct slab *slab = take_slab();
        if (slab == NULL)
            return NULL;
        open_slab = slab; /* the one before has pieces: with the last of them it is kept */
    }
    struct piece *piece = (void *)((uint8_t *)open_slab + open_slab->used_bytes);
    ASAN_UNPOISON_MEMORY_REGION(piece, whole_bytes);
    *piece = (struct piece){.slab = open_slab, .whole_bytes = whole_bytes};
    open_slab->used_bytes += whole_bytes;
    open_slab->pieces++;
    return piece;
}

void *
sl_slab_take(size_t size_bytes)
{
    struct piece *piece = NULL;
    if (size_bytes > SL_SLAB_PIECE_BYTES_MAX) {
        piece = size_bytes > SIZE_MAX - sizeof(*piece) ? NULL : malloc(sizeof(*piece) + size_bytes);
        if (piece != NULL)
            piece->slab = NULL;
    } else {
        size_t rounded_bytes = (size_bytes + PIECE_ALIGN - 1) & ~(size_t)(PIECE_ALIGN - 1);
        sl_mutex_lock(&lock);
        piece = cut(sizeof(*piece) + rounded_bytes);
        sl_mutex_unlock(&lock);
    }
    return piece == NULL ? NULL : piece + 1;
}

void
sl_slab_give(void *piece)
{
    if (piece == NULL)
        return;
    struct piece *head = (struct piece *)piece - 1;
    struct slab *slab = head->slab;
    if (slab == NULL) {
        free(head);
        return;
    }
    struct slab *surplus = NULL;
    sl_mutex_lock(&lock);
    SL_ASSERT(slab->pieces != 0);
    ASAN_POISON_MEMORY_REGION(head, head->whole_bytes); /* until it is cut again */
    slab->pieces--;
    if (slab->pieces == 0) {
        if (slab == open_slab)
            slab->used_bytes = SLAB_HEAD_BYTES; /* cut again where it is in the cache */
        else
            surplus = keep_slab(slab);
    }
    sl_mutex_unlock(&lock);
    give_slab(surplus);
}

size_t
sl_slab_kept_bytes(void)
{
    sl_mutex_lock(&lock);
    size_t bytes = (size_t)kept_count * SL_SLAB_BYTES;
    sl_mutex_unlock(&lock);
    return bytes;
}

void
sl_slab_trim(void)
{
    sl_mutex_lock(&lock);
    struct slab *list = kept;
    kept = NULL;
    kept_count = 0;
    if (open_slab != NULL && open_slab->pieces == 0) {
        open_slab->next = list;
        list = open_slab;
        open_slab = NULL;
    }
    sl_mutex_unlock(&lock);
    while (list != NULL) {
        struct slab *next = list->next;
        give_slab(list);
        list = next;
    }
}
