/*
 * rows.c - what every row has, whatever its template: exporter, domain, origin, sampling.
 */
#include "ingest/decode/decoder_state.h"
#include "storage/base/clock.h"

/* Rows that say it themselves (elements 130, 131) keep it, unless it is 0.0.0.0. */
static void
fill_exporter(struct sl_decoder *decoder, const struct sl_exporter *exporter, uint32_t first,
              uint32_t count)
{
    struct sl_builder_column *column = decoder->core[SL_COLUMN_EXPORTER_ADDR];
    struct sl_addr *values = column->values.addr;
    struct sl_addr addr = exporter->key.addr;
    for (uint32_t row = first; row < first + count; row++)
        if (sl_addr_is_blank(values[row]))
            values[row] = addr;
    sl_builder_mark_rows(column, first, count);
}

/* The factor of a row that says nothing itself, and whether anybody said it. */
static bool
known_sampling(const struct sl_exporter *exporter, const struct sl_template *template,
               struct sl_sampling *out_sampling)
{
    const struct sl_exporter_rule *rule = exporter->rule;
    const struct sl_sampling *said = sl_exporter_sampling(exporter, NULL);
    *out_sampling = (struct sl_sampling){.rate = 1, .divisor = 1};
    if (rule != NULL && rule->sampling == SL_SAMPLING_FIXED)
        out_sampling->rate = rule->sampling_rate;
    if (rule != NULL && rule->sampling != SL_SAMPLING_AUTO)
        return true;
    if (template->is_nprobe)
        return true; /* it has scaled its counters */
    if (said == NULL)
        return false;
    *out_sampling = *said;
    return true;
}

/* One number for all rows of a range that have none. */
static void
fill_u32(struct sl_builder_column *column, uint32_t first, uint32_t count, uint32_t value)
{
    uint32_t *values = column->values.u32;
    const uint64_t *present = column->present;
    for (uint32_t row = first; row < first + count; row++)
        values[row] = sl_bit_get(present, row) ? values[row] : value;
    sl_builder_mark_rows(column, first, count);
}

/* Before the rate is filled: a row that has none has said nothing of its sampling. */
static void
fill_divisor(struct sl_decoder *decoder, uint32_t divisor, uint32_t first, uint32_t count)
{
    const struct sl_builder_column *rate = decoder->core[SL_COLUMN_SAMPLING_RATE];
    for (uint32_t row = first; row < first + count; row++)
        if (!sl_bit_get(rate->present, row)) {
            decoder->sampling_divisor->values.u32[row] = divisor;
            sl_builder_mark_rows(decoder->sampling_divisor, row, 1);
        }
}

static void
fill_sampling(struct sl_decoder *decoder, const struct sl_exporter *exporter,
              const struct sl_template *template, uint32_t first, uint32_t count)
{
    struct sl_builder_column *known = decoder->sampling_known;
    struct sl_sampling sampling;
    bool is_known = known_sampling(exporter, template, &sampling);
    if (sampling.divisor != 1 && decoder->sampling_divisor != NULL)
        fill_divisor(decoder, sampling.divisor, first, count);
    fill_u32(decoder->core[SL_COLUMN_SAMPLING_RATE], first, count, sampling.rate);
    if (known == NULL)
        return;
    for (uint32_t row = first; row < first + count; row++)
        if (!sl_bit_get(known->present, row))
            known->values.u8[row] = is_known;
    sl_builder_mark_rows(known, first, count);
}

/* No field of a template becomes this column. */
static void
fill_origin(struct sl_decoder *decoder, const void *origin, size_t origin_bytes, uint32_t first,
            uint32_t count)
{
    struct sl_builder_column *column = decoder->core[SL_COLUMN_ORIGIN];
    uint8_t *bytes = sl_builder_open_slices(column, first, count * origin_bytes);
    size_t used_bytes = column->bytes_used;
    for (uint32_t row = first; row < first + count; row++) {
        memcpy(&bytes[used_bytes], origin, origin_bytes);
        used_bytes += origin_bytes;
        column->values.u32[row + 1] = (uint32_t)used_bytes;
    }
    sl_builder_close_slices(decoder->builder, column, first + count, used_bytes);
    sl_builder_mark_rows(column, first, count);
}

static void
count_times(struct sl_decoder *decoder, struct sl_exporter *exporter,
            const struct sl_message *message, uint32_t first, uint32_t count)
{
    const int64_t *first_us = decoder->core[SL_COLUMN_FIRST_SEEN]->values.i64;
    const int64_t *last_us = decoder->core[SL_COLUMN_LAST_SEEN]->values.i64;
    int64_t oldest_us = message->received_us - SL_US_PER_DAY;
    int64_t newest_us = message->received_us + 5 * SL_US_PER_MINUTE;
    uint64_t outside = 0;
    for (uint32_t row = first; row < first + count; row++)
        outside +=
            last_us[row] < oldest_us || last_us[row] > newest_us || first_us[row] > newest_us;
    exporter->counts.times_outside += outside;
}

void
sl_rows_common(struct sl_decoder *decoder, struct sl_exporter *exporter,
               const struct sl_message *message, const struct sl_template *template, uint32_t first,
               uint32_t count)
{
    fill_exporter(decoder, exporter, first, count);
    fill_u32(decoder->core[SL_COLUMN_OBSERVATION_DOMAIN], first, count, exporter->key.domain);
    fill_sampling(decoder, exporter, template, first, count);
    if (message->origin != NULL)
        fill_origin(decoder, message->origin, strlen(message->origin), first, count);
    count_times(decoder, exporter, message, first, count);
}
