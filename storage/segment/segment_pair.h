/*
 * segment_pair.h - rows that answer the row before them.
 *
 * Routers export both directions of a conversation. The inner order puts them side by side: a
 * *lead*, which goes to the server, and its *answer*, the next row, which comes back. Both have
 * the same addresses, ports and protocol, and nearly the same times; so a PAIRED stream keeps
 * values of leads, and of answers at most their difference from the lead (segment_format.h).
 *
 * A block begins with a lead, and an answer is never answered. It is kept as one bit for each lead
 * (is it answered?), in bytes of eight leads, low bit first, the last one filled up with zeros.
 *
 * Threads: pure, any.
 * Layer:   segment.
 */
#ifndef SLUICE_STORAGE_SEGMENT_SEGMENT_PAIR_H
#define SLUICE_STORAGE_SEGMENT_SEGMENT_PAIR_H

#include "storage/base/base.h"
#include "storage/base/limits.h"

/* Which rows of a block are answers. */
struct sl_segment_answers {
    uint64_t bits[SL_BLOCK_ROWS / 64];
    uint32_t before[SL_BLOCK_MINIS + 1]; /* answers in front of each mini, and all */
};

/* Bytes for the bits of `lead_count` leads. */
static inline uint32_t
sl_segment_lead_bytes(uint32_t lead_count)
{
    return (lead_count + 7) / 8;
}

/* From the bits of leads, a byte in each value; false when they do not make row_count rows. */
SL_MUST_CHECK
bool sl_segment_answers_open(const uint32_t *lead_bytes, uint32_t lead_count, uint32_t row_count,
                             struct sl_segment_answers *out_answers);

/* And back: lead_bytes has room for sl_segment_lead_bytes() values. `bits` as in the struct. */
void sl_segment_answers_close(const uint64_t *bits, uint32_t row_count, uint64_t *lead_bytes);

/*
 * Rows first .. first + count - 1 of the block, first a multiple of SL_MINI_ROWS: an answer has
 * the value of its lead, plus its difference (unless `differences` is NULL), which is zigzag in
 * the width of the values. Leads and differences are those of the block, by their numbers; those
 * of the rows asked for must be there, and room for as many of both as the block has rows. Rows are
 * written at their place in `out`.
 */
void sl_segment_pair_narrow(const struct sl_segment_answers *answers, uint32_t first,
                            uint32_t count, const uint32_t *leads, const uint32_t *differences,
                            uint32_t *out);
void sl_segment_pair_wide(const struct sl_segment_answers *answers, uint32_t first, uint32_t count,
                          const uint64_t *leads, const uint64_t *differences, uint64_t *out);

/*
 * The same for some rows of the block, which ascend: leads[i] is the number of the lead of rows[i],
 * and differences[i] the number of its difference + 1, or 0 where it is a lead itself.
 */
void sl_segment_pair_locate(const struct sl_segment_answers *answers, const uint32_t *rows,
                            uint32_t row_count, uint32_t *leads, uint32_t *differences);

#endif
