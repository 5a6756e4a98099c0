/*
 * nearest.h - which of many names a misspelt one may have meant.
 *
 * Two names are near when few letters differ (one of up to four letters, else two; case does not
 * count). Of equally near candidates the first one offered stays.
 *
 * Ownership: names are borrowed.
 * Threads:   any.
 * Layer:     base.
 */
#ifndef SLUICE_STORAGE_BASE_NEAREST_H
#define SLUICE_STORAGE_BASE_NEAREST_H

#include "storage/base/base.h"

struct sl_nearest {
    const char *name; /* not ended by a zero byte */
    size_t name_bytes;
    unsigned distance; /* of `best`; at first the one that is too far */
    const char *best;  /* NULL: no candidate is near */
};

struct sl_nearest sl_nearest_to(const void *name, size_t name_bytes);
void sl_nearest_offer(struct sl_nearest *nearest, const char *candidate);

#endif
