/*
 * origin.h - the door that rows came through, written into a batch that does not say so.
 *
 * Layer: server, internal.
 */
#ifndef SLUICE_SERVER_ORIGIN_H
#define SLUICE_SERVER_ORIGIN_H

#include "storage/batch.h"

/* Give the batch a constant `origin` unless it has that column. The caller must hold its only
 * reference: a batch that others see is immutable. */
SL_MUST_CHECK
sl_status sl_origin_fill(struct sl_batch *batch, const struct sl_schema *schema, const char *origin,
                         struct sl_error *err);

#endif
