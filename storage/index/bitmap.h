/*
 * bitmap.h - sets of row or mini numbers, compressed. bitmap.c is the only user of CRoaring.
 *
 * Members are 32-bit: rows of a row group and minis of a group fit.
 *
 * Ownership: create and decode give the caller a bitmap, destroy takes it back.
 * Threads:   one that nobody changes may be read by any number.
 * Errors:    decode trusts nothing: SL_CORRUPT. The library itself believes what it is given,
 *            so every byte is proven here before it sees them.
 * Layer:     index.
 */
#ifndef SLUICE_STORAGE_INDEX_BITMAP_H
#define SLUICE_STORAGE_INDEX_BITMAP_H

#include "storage/base/base.h"
#include "storage/base/buf.h"
#include "storage/base/status.h"

struct sl_bitmap;

/* Empty. Never NULL. */
struct sl_bitmap *sl_bitmap_create(void);
/* Of `count` members in ascending order; equal neighbours are one member. Never NULL. */
struct sl_bitmap *sl_bitmap_create_sorted(const uint32_t *members, size_t count);
struct sl_bitmap *sl_bitmap_clone(const struct sl_bitmap *bitmap);
/* NULL is allowed. */
void sl_bitmap_destroy(struct sl_bitmap *bitmap);

void sl_bitmap_add(struct sl_bitmap *bitmap, uint32_t member);
/* Both ends inclusive; first > last adds nothing. */
void sl_bitmap_add_range(struct sl_bitmap *bitmap, uint32_t first, uint32_t last);

/* target = target OR, AND, AND NOT other. */
void sl_bitmap_or(struct sl_bitmap *target, const struct sl_bitmap *other);
void sl_bitmap_and(struct sl_bitmap *target, const struct sl_bitmap *other);
void sl_bitmap_andnot(struct sl_bitmap *target, const struct sl_bitmap *other);

bool sl_bitmap_contains(const struct sl_bitmap *bitmap, uint32_t member);
bool sl_bitmap_equal(const struct sl_bitmap *left, const struct sl_bitmap *right);
uint64_t sl_bitmap_count(const struct sl_bitmap *bitmap);
/* Members in first .. last, both inclusive. */
uint64_t sl_bitmap_count_range(const struct sl_bitmap *bitmap, uint32_t first, uint32_t last);

/* Bit i of words[0 .. sl_words_for(count)) becomes 1 where first + i is a member, else 0. */
void sl_bitmap_read(const struct sl_bitmap *bitmap, uint32_t first, uint32_t count,
                    uint64_t *words);

/* Append in the portable format of Roaring, as small as it gets. */
void sl_bitmap_encode(struct sl_bitmap *bitmap, struct sl_buf *out);

/* Exactly one bitmap. On failure *out_bitmap is NULL. */
SL_MUST_CHECK
sl_status sl_bitmap_decode(const void *bytes, size_t size_bytes, struct sl_bitmap **out_bitmap,
                           struct sl_error *err);

#endif
