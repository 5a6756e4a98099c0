/*
 * field.h - a named field of text into the column it belongs to.
 *
 * Dumps, CSV headers, JSON keys, programs and INSERT statements name fields in many ways: canonical column names,
 * IANA names, nProbe's and NetFlow v9's names, element numbers ("8", "35632.118"). A field is
 * looked up once; its values are then parsed as its column demands.
 *
 * Values: times as seconds since 1970 with or without a fraction (also milli-, micro- and
 * nanoseconds, told by their size) or as ISO 8601; addresses of either family, IPv4 also as a
 * decimal number; protocols by number or name; MAC with colons; octets as hexadecimal. "" and
 * \N are no value.
 *
 * Ownership: fields borrow from the schema.
 * Threads:   one for a builder.
 * Layer:     batch. Facade: every layer above may include it.
 */
#ifndef SLUICE_STORAGE_FIELD_H
#define SLUICE_STORAGE_FIELD_H

#include "storage/base/status.h"
#include "storage/batch.h"
#include "storage/schema.h"

enum sl_field_form {
    SL_FIELD_PLAIN,        /* by the type of the column */
    SL_FIELD_PROTOCOL,     /* number or name */
    SL_FIELD_L7,           /* "91", "5.91" (master.application), or a name */
    SL_FIELD_ZERO_IS_NONE, /* an address of all zero says that the other family's is meant */
    SL_FIELD_HEX, /* a number in hexadecimal, as nProbe writes those of more than 4 bytes */
};

struct sl_field {
    const struct sl_column *column;
    enum sl_field_form form;
    bool is_unknown; /* nobody knows the name: a text column made for it */
};

/* Find the field `name`; a name that nobody knows becomes a text column of its own (lower case,
 * other characters than letters and digits replaced by _), unless it is that of a derived column
 * (schema_derived.def): SL_FORMAT. */
SL_MUST_CHECK
sl_status sl_field_find(struct sl_schema *schema, const char *name, size_t name_bytes,
                        struct sl_field *out_field, struct sl_error *err);

/* The field of that name whose column is known. */
struct sl_field sl_field_of(const struct sl_column *column, const char *name, size_t name_bytes);

/* Parse and set the value in the builder's current row. `schema` is for fields that fill more
 * than one column. SL_FORMAT with the reason when it is not a value of this field. */
SL_MUST_CHECK
sl_status sl_field_set(const struct sl_field *field, struct sl_schema *schema,
                       struct sl_builder *builder, const char *text, size_t size_bytes,
                       struct sl_error *err);

/* Complete the row: a row with one of the two times gets the other, one with neither is
 * refused; `oldest_us`: a row that ended before it falls under the retention. The row is
 * counted, or abandoned with the reason in err. */
SL_MUST_CHECK
sl_status sl_field_end_row(struct sl_schema *schema, struct sl_builder *builder, int64_t oldest_us,
                           struct sl_error *err);

#endif
