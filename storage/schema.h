/*
 * schema.h - the columns of the table `flows`, and every name a field is known by.
 *
 * Two tables feed it. schema.def lists the core columns, whose names are a contract. element.def
 * lists the information elements that exporters send (IANA, nProbe's PEN 35632, Cisco's and
 * others'), each with its type and the column it fills. A column for an element that the core
 * lacks appears the first time an exporter sends it, and then stays: columns are only added,
 * never changed, and a column's descriptor lives as long as its schema.
 *
 * Names, without regard to ASCII case, in this precedence, each unique within its kind:
 * canonical column name, IANA name, nProbe / NetFlow v9 name.
 *
 * Ownership: the schema owns its columns; pointers to them stay valid until sl_schema_destroy.
 * Threads:   any number may look up while one adds (adding is serialised inside).
 * Errors:    SL_LIMIT beyond SL_COLUMNS_MAX; SL_TYPE when a name exists with another type.
 * Layer:     batch. Facade.
 */
#ifndef SLUICE_STORAGE_SCHEMA_H
#define SLUICE_STORAGE_SCHEMA_H

#include "storage/base/base.h"
#include "storage/base/limits.h"
#include "storage/base/nearest.h"
#include "storage/base/status.h"
#include "storage/type.h"

/* Index of every core column, in the order of schema.def, which is that of SELECT *. */
enum sl_core_column {
#define SL_COLUMN(id, name, type, unit, nullable, text) SL_COLUMN_##id,
#include "storage/schema.def"
#undef SL_COLUMN
    SL_CORE_COLUMN_COUNT
};

/* What a number counts; for headings, charts and the help text. */
enum sl_unit {
    SL_UNIT_NONE,
    SL_UNIT_BYTES,
    SL_UNIT_PACKETS,
    SL_UNIT_FLOWS,
    SL_UNIT_US,
    SL_UNIT_MS,
    SL_UNIT_S,
};

struct sl_column {
    uint32_t index; /* position in its schema; core columns: enum sl_core_column */
    enum sl_type type;
    enum sl_unit unit;
    bool is_core;
    bool is_nullable; /* the core numbers are never NULL */
    const char *name; /* canonical, lower case */
    const char *text; /* one line of help; "" when there is none */
};

/* How the bytes of an element become a value of its type (RFC 7011, 6.1; RFC 7012, 3.1). */
enum sl_wire_form {
    SL_WIRE_UNSIGNED, /* big-endian, 1 to 8 bytes, reduced size allowed */
    SL_WIRE_SIGNED,
    SL_WIRE_FLOAT,   /* 4 or 8 bytes */
    SL_WIRE_BOOLEAN, /* 1 true, 2 false */
    SL_WIRE_MAC,     /* 6 bytes */
    SL_WIRE_IPV4,
    SL_WIRE_IPV6,
    SL_WIRE_STRING,
    SL_WIRE_OCTETS,
    SL_WIRE_SECONDS,      /* dateTimeSeconds, 4 (or 8) bytes since 1970 */
    SL_WIRE_MILLISECONDS, /* dateTimeMilliseconds, 8 bytes */
    SL_WIRE_MICROSECONDS, /* dateTimeMicroseconds: NTP 64-bit */
    SL_WIRE_NANOSECONDS,  /* dateTimeNanoseconds: NTP 64-bit, cut to microseconds */
    SL_WIRE_UPTIME,       /* milliseconds of system uptime (elements 21 and 22) */
    SL_WIRE_LIST,         /* basicList, subTemplateList, subTemplateMultiList: RFC 6313, as text */
};

/* One information element. name or iana may be NULL, not both. */
struct sl_element {
    uint32_t pen; /* 0: IANA (and NetFlow v9 with the same numbers) */
    uint16_t id;  /* NetFlow v9 sends nProbe's as 57472 + id */
    enum sl_wire_form form;
    enum sl_type type;
    const char *iana;   /* "octetDeltaCount" */
    const char *name;   /* NetFlow v9 or nProbe's name, "IN_BYTES" */
    const char *column; /* canonical column it fills */
    const char *text;
};

struct sl_schema;

/* A schema with the core columns. Never NULL. */
struct sl_schema *sl_schema_create(void);
void sl_schema_destroy(struct sl_schema *schema);

/* Number of columns now; only grows. */
uint32_t sl_schema_count(const struct sl_schema *schema);
const struct sl_column *sl_schema_at(const struct sl_schema *schema, uint32_t index);

/* By canonical name only; NULL when this schema has no such column (yet). */
const struct sl_column *sl_schema_find(const struct sl_schema *schema, const char *name,
                                       size_t name_bytes);

/* By any of its names (see above); NULL when no column of this schema is meant. An element
 * whose column no exporter has sent yet is not there. */
const struct sl_column *sl_schema_resolve(const struct sl_schema *schema, const char *name,
                                          size_t name_bytes);

/* The column `name`, added when missing. A new name is checked: [a-z0-9_], at most
 * SL_COLUMN_NAME_BYTES_MAX, not starting with a digit. */
SL_MUST_CHECK
sl_status sl_schema_add(struct sl_schema *schema, const char *name, enum sl_type type,
                        enum sl_unit unit, const struct sl_column **out_column,
                        struct sl_error *err);

/* Offer the names of all columns, for "did you mean". */
void sl_schema_suggest(const struct sl_schema *schema, struct sl_nearest *nearest);

/* The element (pen, id), or NULL. Static data. */
const struct sl_element *sl_element_find(uint32_t pen, uint16_t id);

/* By IANA name, then by nProbe / v9 name, without regard to case; NULL. */
const struct sl_element *sl_element_by_name(const char *name, size_t name_bytes);

/* Walk the table: element number `index`, NULL past the end. */
const struct sl_element *sl_element_at(uint32_t index);

/* The name that an element's column has when it is not a core one: its IANA name in snake_case,
 * else its other name in lower case. For an element that fills a core column this is where its
 * value goes when something else in the same record fills that. */
void sl_element_own_column(const struct sl_element *element,
                           char name[SL_COLUMN_NAME_BYTES_MAX + 1]);

/* The column of an element, added when missing; `element` of an unknown (pen, id) gives
 * "pen<P>_<id>" of type OCTETS: pass element NULL and the numbers. */
SL_MUST_CHECK
sl_status sl_schema_add_element(struct sl_schema *schema, const struct sl_element *element,
                                uint32_t pen, uint16_t id, const struct sl_column **out_column,
                                struct sl_error *err);

#endif
