/*
 * choose.h - which scheme will be smallest, from a sample of the block.
 *
 * The sample is runs of neighbours spread over every mini: neighbours, because differences and
 * repetitions are seen between them only. About 4 Ki values are looked at, whatever the block.
 *
 * Threads: pure, any.
 * Layer:   codec.
 */
#ifndef SLUICE_STORAGE_CODEC_CHOOSE_H
#define SLUICE_STORAGE_CODEC_CHOOSE_H

#include "storage/base/base.h"
#include "storage/codec/codec.h"

/*
 * What a block costs is its bytes and, whenever it is read, the time that takes. A byte saved is worth
 * 5 ns of one reading: less than fetching it from a disk costs, more than from the page cache.
 */
enum { SL_BYTE_WORTH = 50 /* tenths of a nanosecond */ };

/* Time to read `count` values of a light scheme, in tenths of a nanosecond: as measured, of blocks in
 * the page cache. */
uint64_t sl_codec_reading(enum sl_codec codec, uint32_t count);

struct sl_choice {
    /* The light schemes, best first, with the bytes they are expected to take. */
    enum sl_codec codec[4];
    uint64_t bytes[4];
};

struct sl_choice sl_codec_choose(const uint64_t *values, uint32_t count);

/*
 * The greatest number that divides the distance of all values from `base`, their minimum;
 * 1 when there is none. At least two values differ.
 */
uint64_t sl_codec_divisor(const uint64_t *values, uint32_t count, uint64_t base);

#endif
