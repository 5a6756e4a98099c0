/*
 * codec_block.h - blocks of values as flows have them, for the tests of codecs, and a round trip.
 */
#ifndef SLUICE_TESTS_UNIT_STORAGE_CODEC_CODEC_BLOCK_H
#define SLUICE_TESTS_UNIT_STORAGE_CODEC_CODEC_BLOCK_H

#include "storage/codec/codec.h"
#include "tests/support/test.h"

#define BLOCK_ALL_MINIS UINT32_MAX

struct block {
    uint64_t values[SL_BLOCK_ROWS];
    uint64_t decoded[SL_BLOCK_ROWS];
    uint32_t narrow[SL_BLOCK_ROWS];
};

/* Distributions of values. */
enum block_draw {
    BLOCK_CONSTANT,
    BLOCK_RANDOM,
    BLOCK_PORTS,
    BLOCK_COUNTERS,
    BLOCK_CLOCK,
    BLOCK_RESTARTING_CLOCK,
    BLOCK_SCATTERED,
    BLOCK_SORTED_FEW,
    BLOCK_PERIODIC,
    BLOCK_DRAWS,
};

void block_fill(struct block *b, enum block_draw draw, uint32_t count, uint64_t *seed);

/* Encode into memory of the exact size, to free(). */
uint8_t *block_encode(const uint64_t *values, uint32_t count, enum sl_effort effort,
                      enum sl_codec *out_codec, size_t *out_bytes);

/* Encode the first `count` values and decode them in every way: all, one mini alone, as 32 bits,
 * single rows. */
enum sl_codec block_round_trip(struct block *b, uint32_t count, enum sl_effort effort,
                               size_t *out_bytes);

#endif
