/*
 * added.h - the columns that exporters add to the schema, and who may add how many.
 *
 * Whoever forges source addresses is any exporter, and as many as he likes: a limit for each
 * exporter does not keep him from filling the schema. What does is that the elements we know
 * are a closed set, for which the schema has room in any case:
 *
 *   - The column of a known element may always be added.
 *   - Any other column (an unknown element, an element for the second time) may be added only
 *     while the columns of all known elements have room beside it, and an address may add
 *     SL_COLUMNS_PER_ADDRESS_MAX of these in one run of the server.
 *
 * So nobody can take a known element's column from others. What finds no column is not lost:
 * its values go into the column `extra`.
 *
 * Ownership: the decoder owns it; the schema is borrowed.
 * Threads:   one. Layer: ingest/decode.
 */
#ifndef SLUICE_INGEST_DECODE_ADDED_H
#define SLUICE_INGEST_DECODE_ADDED_H

#include "storage/base/addr.h"
#include "storage/schema.h"

/* What a name is made of. */
enum sl_name_source {
    SL_NAME_OF_ELEMENT, /* the column of a known element, for the first time in its template */
    SL_NAME_OTHER,
};

/* Columns of SL_NAME_OTHER that one address added. */
struct sl_added_by {
    struct sl_addr addr;
    uint32_t count;
};

struct sl_added {
    struct sl_schema *schema; /* borrowed */
    uint32_t reserved_count;  /* columns of known elements that the schema lacks */
    struct sl_added_by *by;   /* owned; each has at least one, so they are fewer than columns */
    uint32_t by_count;
};

void sl_added_init(struct sl_added *added, struct sl_schema *schema);
void sl_added_fini(struct sl_added *added);

/* The column `name`, added for `addr` when it is missing. NULL: it has another type, or may not
 * be added. */
const struct sl_column *sl_added_get(struct sl_added *added, struct sl_addr addr, const char *name,
                                     enum sl_type type, enum sl_name_source source);

/* The name of the column of an element; `reversed`: of its way back (RFC 5103). */
void sl_added_name(const struct sl_element *element, bool is_reverse,
                   char name[SL_COLUMN_NAME_BYTES_MAX + 1]);

#endif
