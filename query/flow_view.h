/*
 * flow_view.h - the built-in views over flows: one table for what they show and what fills them.
 *
 * flow_view.def lists them. A SELECT from one is bound as a select over flows (bind_view.c), an
 * INSERT into one writes the column of flows beside each of its columns.
 *
 * `INTERFACE_ID` and `NTOPNG_INSTANCE_NAME` are of rows that ntopng INSERTed. In all others they
 * are NULL, and a comparison of INTERFACE_ID with a constant is true, so that a filter of
 * ntopng's keeps them (bind_compare.c).
 *
 * Ownership: static data, except what sl_flow_view_text makes.
 * Threads:   any.
 * Layer:     query, internal.
 */
#ifndef SLUICE_QUERY_FLOW_VIEW_H
#define SLUICE_QUERY_FLOW_VIEW_H

#include "query/bound.h"
#include "storage/base/arena.h"
#include "storage/base/status.h"

/* What an INSERT makes of a value. */
enum sl_flow_store {
    SL_FLOW_STORE_NOTHING, /* the row's own: idx, the version of its addresses */
    SL_FLOW_STORE_PLAIN,   /* a number or a text, as the column's type reads it */
    SL_FLOW_STORE_SECONDS, /* seconds since 1970 */
    SL_FLOW_STORE_IPV4,    /* an integer, host order, or a text; 0 leaves the column alone */
    SL_FLOW_STORE_IPV6,    /* a text; "" and "::" leave the column alone */
};

struct sl_flow_column {
    const char *name;
    uint32_t name_bytes;
    const char *type; /* as information_schema says it: "smallint unsigned" */
    bool is_nullable;
    const char *expression; /* over flows, native dialect */
    const char *column;     /* of flows, filled by an INSERT; "" when NOTHING is */
    enum sl_flow_store store;
};

struct sl_flow_view {
    const char *name;      /* "flowsv4" */
    bool is_prefixed;      /* any name that ends in `name` and is longer: nProbe's <prefix>flows */
    const char *condition; /* over flows; "" when there is none */
};

/* The view of this name, without regard to case; NULL. */
const struct sl_flow_view *sl_flow_view_find(struct sl_slice name);
/* In the order of the list; NULL behind the last one. */
const struct sl_flow_view *sl_flow_view_at(uint32_t index);

/* Its columns, in the order of SELECT *. */
const struct sl_flow_column *sl_flow_view_columns(const struct sl_flow_view *view,
                                                  uint32_t *out_count);
/* A column of the view, without regard to case; NULL. */
const struct sl_flow_column *sl_flow_view_column(const struct sl_flow_view *view,
                                                 struct sl_slice name);

/* The type of a column of flows that need not be there yet: an element's, by any of its names, or
 * one that only an INSERT fills. False: there is no such column. */
bool sl_flow_field_type(struct sl_slice name, enum sl_type *out_type);

/* SELECT ... FROM flows [WHERE ...]: the view in the native dialect, in `arena`. */
SL_MUST_CHECK
sl_status sl_flow_view_text(const struct sl_flow_view *view, struct sl_arena *arena,
                            struct sl_slice *out_text, struct sl_error *err);

#endif
