/*
 * segment_pair.c - see segment_pair.h.
 */
#include "storage/segment/segment_pair.h"

#include "storage/segment/segment_kernel.h"

enum { LEADS_PER_STEP = 4 };

/* The rows of four leads, by their bits: a lead is a zero, its answer a one behind it. And how many
 * bits are set: a CPU's instruction for that may be missing. */
static const uint8_t rows_of[1 << LEADS_PER_STEP] = {
    0x00, 0x02, 0x04, 0x0a, 0x08, 0x12, 0x14, 0x2a, 0x10, 0x22, 0x24, 0x4a, 0x28, 0x52, 0x54, 0xaa,
};
static const uint8_t answers_of[1 << LEADS_PER_STEP] = {
    0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,
};

/* Append `size` bits at `at`; the words behind are zero. */
static void
put_bits(uint64_t *bits, uint32_t at, uint64_t value, uint32_t size)
{
    bits[at / 64] |= value << (at % 64);
    if (at % 64 + size > 64)
        bits[at / 64 + 1] |= value >> (64 - at % 64);
}

bool
sl_segment_answers_open(const uint32_t *lead_bytes, uint32_t lead_count, uint32_t row_count,
                        struct sl_segment_answers *out_answers)
{
    uint32_t byte_count = sl_segment_lead_bytes(lead_count);
    uint32_t answer_count = 0;
    for (uint32_t i = 0; i < byte_count; i++) {
        if (lead_bytes[i] > UINT8_MAX)
            return false;
        answer_count += answers_of[lead_bytes[i] & 0xf] + answers_of[lead_bytes[i] >> 4];
    }
    bool has_rest = lead_count % 8 != 0 && lead_bytes[byte_count - 1] >> (lead_count % 8) != 0;
    if (has_rest || row_count > SL_BLOCK_ROWS || lead_count + answer_count != row_count)
        return false;

    memset(out_answers, 0, sizeof(*out_answers));
    uint32_t row = 0;
    for (uint32_t i = 0; i < lead_count; i += LEADS_PER_STEP) {
        uint32_t answered = lead_bytes[i / 8] >> (i % 8) & 0xf;
        uint32_t leads = lead_count - i < LEADS_PER_STEP ? lead_count - i : LEADS_PER_STEP;
        uint32_t size = leads + answers_of[answered];
        put_bits(out_answers->bits, row, rows_of[answered], size);
        row += size;
    }
    for (uint32_t m = 0; m < SL_BLOCK_MINIS; m++) {
        uint32_t count = 0;
        for (uint32_t w = 0; w < SL_MINI_ROWS / 64; w++)
            count += (uint32_t)__builtin_popcountll(out_answers->bits[m * (SL_MINI_ROWS / 64) + w]);
        out_answers->before[m + 1] = out_answers->before[m] + count;
    }
    return true;
}

void
sl_segment_answers_close(const uint64_t *bits, uint32_t row_count, uint64_t *lead_bytes)
{
    uint32_t lead = 0;
    for (uint32_t i = 0; i < row_count; i++) {
        if (sl_bit_get(bits, i)) {
            lead_bytes[(lead - 1) / 8] |= UINT64_C(1) << ((lead - 1) % 8);
        } else {
            if (lead % 8 == 0)
                lead_bytes[lead / 8] = 0;
            lead++;
        }
    }
}

void
sl_segment_pair_narrow(const struct sl_segment_answers *answers, uint32_t first, uint32_t count,
                       const uint32_t *leads, const uint32_t *differences, uint32_t *out)
{
    uint32_t answer = answers->before[first / SL_MINI_ROWS];
    sl_segment_kernels_best()->spread_u32(&answers->bits[first / 64], count, &leads[first - answer],
                                          differences == NULL ? NULL : &differences[answer],
                                          &out[first]);
}

void
sl_segment_pair_wide(const struct sl_segment_answers *answers, uint32_t first, uint32_t count,
                     const uint64_t *leads, const uint64_t *differences, uint64_t *out)
{
    uint32_t answer = answers->before[first / SL_MINI_ROWS];
    sl_segment_kernels_best()->spread_u64(&answers->bits[first / 64], count, &leads[first - answer],
                                          differences == NULL ? NULL : &differences[answer],
                                          &out[first]);
}

void
sl_segment_pair_locate(const struct sl_segment_answers *answers, const uint32_t *rows,
                       uint32_t row_count, uint32_t *leads, uint32_t *differences)
{
    uint32_t word = 0;
    uint32_t before = 0; /* answers in front of the word */
    for (uint32_t i = 0; i < row_count; i++) {
        uint32_t row = rows[i];
        if (row / SL_MINI_ROWS > word / (SL_MINI_ROWS / 64)) {
            word = row / SL_MINI_ROWS * (SL_MINI_ROWS / 64);
            before = answers->before[row / SL_MINI_ROWS];
        }
        for (; word < row / 64; word++)
            before += (uint32_t)__builtin_popcountll(answers->bits[word]);
        uint64_t below = answers->bits[word] & ((UINT64_C(1) << (row % 64)) - 1);
        uint32_t answer = before + (uint32_t)__builtin_popcountll(below);
        bool is_answer = sl_bit_get(answers->bits, row);
        leads[i] = row - answer - is_answer;
        differences[i] = is_answer ? answer + 1 : 0;
    }
}
