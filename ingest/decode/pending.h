/*
 * pending.h - data that came before its template.
 *
 * Exporters send templates every few minutes, so a collector that starts later sees data that
 * it cannot read yet. Sets are kept as they came, with what their message said, until the
 * template arrives or they are too old. When there is no room the oldest go first.
 *
 * Threads: one. Layer: ingest/decode.
 */
#ifndef SLUICE_INGEST_DECODE_PENDING_H
#define SLUICE_INGEST_DECODE_PENDING_H

#include "ingest/decode/exporter.h"

struct sl_pending;

struct sl_pending *sl_pending_create(size_t limit_bytes, int64_t age_us);
void sl_pending_destroy(struct sl_pending *pending);

/* Keep a copy of a data set's records. What has to go for it is counted for its exporter. */
void sl_pending_add(struct sl_pending *pending, struct sl_exporter *exporter, uint16_t template_id,
                    const struct sl_message *message, const uint8_t *bytes, size_t size_bytes);

/* Take out all sets of one template, in the order they came, and show each to `visit`. */
typedef sl_status sl_pending_fn(void *context, const struct sl_message *message,
                                const uint8_t *bytes, size_t size_bytes, struct sl_error *err);
SL_MUST_CHECK
sl_status sl_pending_take(struct sl_pending *pending, const struct sl_exporter *exporter,
                          uint16_t template_id, sl_pending_fn *visit, void *context,
                          struct sl_error *err);

/* Drop what is too old. */
void sl_pending_expire(struct sl_pending *pending, int64_t now_us);

size_t sl_pending_bytes(const struct sl_pending *pending);

#endif
