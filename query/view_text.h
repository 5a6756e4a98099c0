/*
 * view_text.h - the select of a view as a client of MySQL may say it again.
 *
 * What the native dialect has of its own is put into MySQL's words: addresses and blocks become texts, "names"
 * get backquotes, and LAST 1h becomes a condition on last_seen. Everything else stays as it was written.
 *
 * Layer: query, internal.
 */
#ifndef SLUICE_QUERY_VIEW_TEXT_H
#define SLUICE_QUERY_VIEW_TEXT_H

#include "query/definition.h"

/* `text`, which is a select of this dialect, in MySQL's; in the arena. SL_LIMIT when it is too long. */
SL_MUST_CHECK
sl_status sl_view_text(enum sl_dialect dialect, struct sl_slice text, struct sl_arena *arena,
                       struct sl_slice *out_text, struct sl_error *err);

#endif
