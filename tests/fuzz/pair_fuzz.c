/*
 * pair_fuzz.c - bits of leads, of any kind: refused, or they name a lead for every row.
 */
#include "storage/segment/segment_pair.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Data: 2 leads, 2 rows less 1, then a byte for each eight leads; what is missing is zero. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint64_t wide[SL_BLOCK_ROWS];
    static uint32_t narrow[SL_BLOCK_ROWS];
    struct sl_segment_answers answers;
    if (size < 4)
        return 0;
    uint32_t lead_count = (uint32_t)data[0] | (uint32_t)data[1] << 8;
    uint32_t row_count = ((uint32_t)data[2] | (uint32_t)data[3] << 8) + 1;
    uint32_t byte_count = sl_segment_lead_bytes(lead_count);
    uint32_t *lead_bytes = calloc(byte_count + 1, sizeof(*lead_bytes));
    SL_ASSERT(lead_bytes != NULL);
    for (uint32_t i = 0; i < byte_count && i + 4 < size; i++)
        lead_bytes[i] = data[i + 4];
    if (sl_segment_answers_open(lead_bytes, lead_count, row_count, &answers)) {
        /* As long as they must be: the sanitizer sees a read behind them. What lies behind the
         * last lead and the last difference is no zero, and must not come out. */
        uint32_t answer_count = row_count - lead_count;
        uint32_t *leads = calloc(row_count, sizeof(*leads));
        uint64_t *wide_leads = calloc(row_count, sizeof(*wide_leads));
        uint32_t *differences = calloc(row_count, sizeof(*differences));
        SL_ASSERT(leads != NULL && wide_leads != NULL && differences != NULL);
        for (uint32_t i = lead_count; i < row_count; i++)
            wide_leads[i] = leads[i] = 1;
        for (uint32_t i = answer_count; i < row_count; i++)
            differences[i] = 2;
        for (uint32_t first = 0; first < row_count; first += SL_MINI_ROWS) {
            uint32_t left = row_count - first;
            uint32_t count = left < SL_MINI_ROWS ? left : SL_MINI_ROWS;
            sl_segment_pair_narrow(&answers, first, count, leads, differences, narrow);
            sl_segment_pair_wide(&answers, first, count, wide_leads, NULL, wide);
        }
        for (uint32_t i = 0; i < row_count; i++)
            SL_ASSERT(narrow[i] == 0 && wide[i] == 0);
        free(differences);
        free(wide_leads);
        free(leads);
    }
    free(lead_bytes);
    return 0;
}
