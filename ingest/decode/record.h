/*
 * record.h - one execution of a template's program, as record.c and derive.c share it.
 *
 * Layer: ingest/decode, internal.
 */
#ifndef SLUICE_INGEST_DECODE_RECORD_H
#define SLUICE_INGEST_DECODE_RECORD_H

#include "ingest/decode/decoder_state.h"

/* What the steps of one execution share. */
struct sl_run {
    struct sl_decoder *decoder;
    struct sl_builder *builder;
    struct sl_exporter *exporter;
    const struct sl_message *message;
    const struct sl_template *template;
};

/* Where the fields of one record are. */
struct sl_record {
    const uint8_t *bytes;
    const uint32_t *offsets;
    const uint32_t *sizes; /* NULL: as the template says */
};

/* What fields mean beyond their own column: times, the ports of ICMP, sampling, the name of the
 * application. The steps of the row are done. */
void sl_record_derive(const struct sl_run *run, const struct sl_record *record, uint32_t row);

#endif
