/*
 * frame_zstd.h - bytes squeezed by zstd. frame_zstd.c is the only user of the library.
 *
 * Frames carry no checksum of their own: the directory of the segment has one for every block.
 *
 * Threads: any; contexts are kept for each thread and freed with it.
 * Layer:   codec.
 */
#ifndef SLUICE_STORAGE_CODEC_FRAME_ZSTD_H
#define SLUICE_STORAGE_CODEC_FRAME_ZSTD_H

#include "storage/base/base.h"
#include "storage/base/buf.h"

/* Fast enough for a seal, and worth its time at a merge. LITERALS looks for hardly any repetition: what
 * is left is the entropy of single bytes, which is read fastest. */
enum { SL_ZSTD_LEVEL_SEAL = 1, SL_ZSTD_LEVEL_MERGE = 6, SL_ZSTD_LEVEL_LITERALS = -4096 };

/* Append one frame; false, and nothing appended, when `out` cannot take it. */
SL_MUST_CHECK
bool sl_zstd_compress(const void *bytes, size_t size_bytes, int level, struct sl_buf *out);

/* One frame that holds exactly `out_bytes` bytes, into `out`. */
SL_MUST_CHECK
bool sl_zstd_decompress(const void *bytes, size_t size_bytes, void *out, size_t out_bytes);

#endif
