/*
 * decoder_state.h - the decoder as its own files see it.
 *
 * Layer: ingest/decode, internal.
 */
#ifndef SLUICE_INGEST_DECODE_DECODER_STATE_H
#define SLUICE_INGEST_DECODE_DECODER_STATE_H

#include "ingest/decode/added.h"
#include "ingest/decode/exporter.h"
#include "ingest/decode/pending.h"

struct sl_decoder {
    struct sl_decoder_options options;
    struct sl_schema *schema; /* borrowed */
    struct sl_sink sink;
    struct sl_builder *builder;                                  /* owned */
    struct sl_builder_column *core[SL_CORE_COLUMN_COUNT];        /* of the builder */
    struct sl_builder_column *sampling_divisor, *sampling_known; /* of the builder */
    struct sl_builder_column *extra; /* of the builder; NULL: the schema is full */
    struct sl_exporters exporters;
    struct sl_added added;      /* columns */
    struct sl_pending *pending; /* owned */
    struct sl_buf scratch;      /* text that is being made */
    int64_t batch_since_us;     /* receipt of the first row of the batch */
    int64_t dropped_us;         /* when silent exporters were last looked for */
    struct sl_decoder_counts counts;
    _Atomic int64_t logged_us;
};

/* The three families of formats. They return what the sink said. */
sl_status sl_netflow5_decode(struct sl_decoder *decoder, const struct sl_datagram_from *from,
                             const uint8_t *bytes, size_t size_bytes, struct sl_error *err);
sl_status sl_netflow9_decode(struct sl_decoder *decoder, const struct sl_datagram_from *from,
                             const uint8_t *bytes, size_t size_bytes, struct sl_error *err);
sl_status sl_ipfix_decode(struct sl_decoder *decoder, const struct sl_datagram_from *from,
                          const uint8_t *bytes, size_t size_bytes, struct sl_error *err);

/* A datagram whose header is good: its exporter, counted. NULL beyond the limit. */
struct sl_exporter *sl_decoder_exporter(struct sl_decoder *decoder,
                                        const struct sl_datagram_from *from, uint16_t version,
                                        uint32_t domain, size_t size_bytes);

/* A datagram that says not even whose it is. */
SL_PRINTF(3, 4)
void sl_decoder_malformed(struct sl_decoder *decoder, const struct sl_datagram_from *from,
                          const char *format, ...);

/* Hand the batch over when it is full. Call between sets; *room_rows is at least 1. */
sl_status sl_decoder_make_room(struct sl_decoder *decoder, int64_t received_us,
                               uint32_t *out_room_rows, struct sl_error *err);

/*
 * A template arrived: keep it, compile it, decode the data that waited for it. Takes over
 * `template`. What it replaces is counted as a change when it differs.
 */
sl_status sl_decoder_learn(struct sl_decoder *decoder, struct sl_exporter *exporter,
                           const struct sl_message *message, struct sl_template *template,
                           struct sl_error *err);

/* The body of a data set: decode it, or keep it until its template comes. *out_records is
 * UINT32_MAX when nobody can tell. */
sl_status sl_decoder_data(struct sl_decoder *decoder, struct sl_exporter *exporter,
                          const struct sl_message *message, uint16_t template_id,
                          const uint8_t *bytes, size_t size_bytes, uint32_t *out_records,
                          struct sl_error *err);

/* record.c: the records of one set. */
sl_status sl_records_decode(struct sl_decoder *decoder, struct sl_exporter *exporter,
                            const struct sl_message *message, struct sl_template *template,
                            const uint8_t *bytes, size_t size_bytes, uint32_t *out_records,
                            struct sl_error *err);

/* options.c: what one record of an options template says about its exporter. */
void sl_option_apply(struct sl_exporter *exporter, const struct sl_template *template,
                     const uint8_t *const *values, const uint32_t *value_bytes);

/* The columns that every row has, for rows first .. first + count - 1 of the builder. Rows whose
 * clock is outside the sane window are counted; nothing else happens to them. */
void sl_rows_common(struct sl_decoder *decoder, struct sl_exporter *exporter,
                    const struct sl_message *message, const struct sl_template *template,
                    uint32_t first, uint32_t count);

#endif
