/*
 * slab.h - memory that comes and goes by the generation.
 *
 * Batches fill the memtable for a while, and a seal frees all of them at once: tens of megabytes,
 * many times a minute. malloc would give them back to the system, which clears them and faults
 * them in anew for the next batches. Here pieces are cut one behind the other from large slabs. A
 * slab of which all pieces were given back is kept for the next generation; beyond
 * SL_SLABS_KEPT_MAX it goes back to the system, and so do all that are kept when nothing has been
 * taken in for a while (tend.c).
 *
 * A piece keeps its whole slab, so this is not for what outlives its neighbours.
 *
 * Ownership: whoever takes a piece gives it back.
 * Threads:   any.
 * Errors:    NULL when the system has no memory.
 */
#ifndef SLUICE_STORAGE_BASE_SLAB_H
#define SLUICE_STORAGE_BASE_SLAB_H

#include "storage/base/base.h"

enum {
    SL_SLAB_BYTES = 8 << 20,
    SL_SLAB_PIECE_BYTES_MAX = SL_SLAB_BYTES / 4, /* a larger one is taken from malloc */
    SL_SLABS_KEPT_MAX = 16,                      /* two generations of a million flows */
};

/* 16-byte aligned, not zeroed. */
void *sl_slab_take(size_t size_bytes);
void sl_slab_give(void *piece);

/* Free slabs that are kept, as bytes; and give them back to the system. */
size_t sl_slab_kept_bytes(void);
void sl_slab_trim(void);

#endif
