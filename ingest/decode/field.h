/*
 * field.h - one field of a template, its bytes as a number, as text, as a time.
 *
 * The definition of what bytes mean. template.c compiles the same definitions into loops over
 * many records; whatever is rare (text of lists, the column `extra`) comes through here.
 *
 * Layer: ingest/decode.
 */
#ifndef SLUICE_INGEST_DECODE_FIELD_H
#define SLUICE_INGEST_DECODE_FIELD_H

#include "storage/base/addr.h"
#include "storage/base/buf.h"
#include "storage/base/cursor.h"
#include "storage/schema.h"

enum {
    SL_FIELD_VARIABLE = 65535, /* RFC 7011, 7: the length is in the record */
    SL_PEN_REVERSE = 29305,    /* RFC 5103 */
    SL_PEN_NPROBE = 35632,
    SL_V9_NPROBE_BASE = 57472, /* NetFlow v9 has no enterprises: nProbe adds this to its ids */
    SL_LIST_DEPTH_MAX = 4,     /* lists within lists; RFC 6313 names no bound */
};

/* As a template names it, with the enterprise already told from the id. */
struct sl_field {
    uint32_t pen;
    uint16_t id;
    uint16_t size_bytes; /* SL_FIELD_VARIABLE: in the record */
};

/* The element of a field; for the reverse enterprise that of the forward direction. NULL when
 * nobody knows it. */
const struct sl_element *sl_field_element(struct sl_field field);

/* May `size_bytes` bytes be a value of this form? Where not, they are kept as octets. */
bool sl_wire_fits(enum sl_wire_form form, size_t size_bytes);

/* Big-endian integers of 1 to 8 bytes; the signed one is sign-extended. */
int64_t sl_wire_signed(const uint8_t *bytes, size_t size_bytes);
double sl_wire_float(const uint8_t *bytes, size_t size_bytes);
uint64_t sl_wire_mac(const uint8_t *bytes);

/* An absolute time form as microseconds; out of range is cut to what an int64_t holds. */
int64_t sl_wire_time_us(enum sl_wire_form form, const uint8_t *bytes, size_t size_bytes);

/* Trailing NULs are padding of fixed-size strings, not text. */
static inline size_t
sl_wire_string_bytes(const uint8_t *bytes, size_t size_bytes)
{
    while (size_bytes > 0 && bytes[size_bytes - 1] == 0)
        size_bytes--;
    return size_bytes;
}

/* 0.0.0.0 or ::, by which exporters say that there is no address. */
static inline bool
sl_addr_is_blank(struct sl_addr addr)
{
    /* The key of :: is 2^32 (addr.h). */
    return addr.high == 0 && (addr.low == 0 || addr.low == UINT64_C(1) << 32);
}

/* Step over one field of a record: its bytes, and their number. NULL (and a bad cursor) when
 * the record ends before. */
const uint8_t *sl_field_take(struct sl_cursor *record, struct sl_field field, size_t *out_bytes);

/* Which templates a list may name: fields of template `id`, or NULL. */
struct sl_field_templates {
    const struct sl_field *(*find)(void *context, uint16_t id, uint32_t *out_count);
    void *context;
};

/*
 * Append a value as JSON: numbers bare, everything else quoted, octets as hexadecimal. Lists
 * (RFC 6313) as {"list":"allOf","destinationTransportPort":[80,443]} and, of templates,
 * {"list":"ordered","records":[{"octetDeltaCount":1}]}. Bytes that do not parse become
 * quoted hexadecimal: nothing is lost, nothing is guessed.
 */
void sl_field_json(struct sl_field field, const uint8_t *bytes, size_t size_bytes,
                   const struct sl_field_templates *templates, struct sl_buf *out);

/* "name" as JSON text, escaped. */
void sl_json_string(const uint8_t *bytes, size_t size_bytes, struct sl_buf *out);

/* The field's name: IANA, else the exporter's, else "pen<P>_<id>". */
void sl_field_name(struct sl_field field, char *text, size_t text_bytes);

#endif
