/*
 * load.h - lines of a client's file as rows of an INSERT: LOAD DATA.
 *
 * Bytes come in pieces of any size; a row is given when its line is all there. Fields are
 * separated, enclosed and escaped as MySQL's LOAD DATA has it: \N is NULL, and so is a bare NULL
 * where fields may be enclosed.
 *
 * Ownership: the loader's; cells are borrowed until the next call.
 * Limits:    SL_LOAD_LINE_BYTES_MAX for a line.
 * Layer:     query, internal.
 */
#ifndef SLUICE_QUERY_LOAD_H
#define SLUICE_QUERY_LOAD_H

#include "query/syntax.h"
#include "storage/base/buf.h"
#include "storage/base/status.h"

enum { SL_LOAD_LINE_BYTES_MAX = 1 << 20 };

struct sl_load {
    struct sl_load_format format;
    struct sl_buf input; /* owned: bytes that are not used up */
    size_t offset_bytes; /* of the next line in it */
    struct sl_buf text;  /* owned: fields of the current line that had escapes */
    uint64_t skip_lines; /* still to be skipped */
    bool is_ended;       /* no more bytes come */
};

void sl_load_init(struct sl_load *load, const struct sl_load_format *format);
void sl_load_fini(struct sl_load *load);

/* More of the file; `size_bytes` 0: that was all. SL_LIMIT: a line is too long. */
SL_MUST_CHECK
sl_status sl_load_feed(struct sl_load *load, const void *bytes, size_t size_bytes,
                       struct sl_error *err);

/* The next line as `width` cells: what is missing is NONE (all of a line that is too long), what is
 * too much is dropped; *out_fields says how many there were. *out_found false: no whole line is
 * there. */
void sl_load_row(struct sl_load *load, struct sl_cell *cells, uint32_t width, bool *out_found,
                 uint32_t *out_fields);

#endif
