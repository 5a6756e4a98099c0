/*
 * define.h - CREATE, ALTER and DROP at work, and definitions as bytes.
 *
 * Layer: query, internal.
 */
#ifndef SLUICE_QUERY_DEFINE_H
#define SLUICE_QUERY_DEFINE_H

#include "query/definition.h"
#include "query/front.h"

/* Each change in turn; what was done before one that fails stays done. */
SL_MUST_CHECK
sl_status sl_define_run(struct sl_definitions *definitions,
                        const struct sl_definition_change *changes, uint32_t count,
                        struct sl_error *err);

/* The value of a stored definition; it borrows from `value`. False: it is none. */
SL_MUST_CHECK
bool sl_definition_read(const void *value, size_t value_bytes,
                        struct sl_definition *out_definition);

#endif
