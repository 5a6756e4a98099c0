/*
 * batch_ints.h - an array of integers, less their minimum, in the fewest whole bytes.
 *
 * Layout
 *     1       bits 0 .. 3: bytes of an entry w, 0 .. 8; bits 4, 5: which step, below; others zero
 *     varint  minimum
 *     w x n   each ((value XOR flip) - minimum) / step, little-endian
 *
 * The step divides all of them: 1, 1,000 or 1,000,000 (0, 1 and 2 in bits 4 and 5), because times
 * are microseconds and most exporters count milliseconds or seconds. Sums are modulo 2^64.
 *
 * `flip` is 0 for unsigned integers and the sign bit for signed ones, whose order then is that of
 * unsigned ones and whose span is small around 0.
 *
 * Threads: pure, any.
 * Layer:   batch. Internal to batch_codec.c.
 */
#ifndef SLUICE_STORAGE_BATCH_INTS_H
#define SLUICE_STORAGE_BATCH_INTS_H

#include "storage/base/base.h"
#include "storage/base/buf.h"
#include "storage/base/cursor.h"

/* Append `count` integers of `width` bytes (1, 2, 4 or 8). */
void sl_ints_encode(const void *values, unsigned width, uint64_t flip, uint32_t count,
                    struct sl_buf *out);

/* Read what was encoded. False when it is not there, or when a value is beyond `max`, which is
 * one less than a power of two and fits `width` bytes. */
SL_MUST_CHECK
bool sl_ints_decode(struct sl_cursor *c, unsigned width, uint64_t flip, uint64_t max,
                    uint32_t count, void *values);

#endif
