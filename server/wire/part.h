/*
 * part.h - the parts that all payloads are made of, and the frame around them.
 *
 * A writer is a struct sl_buf between part_begin and part_end. A reader walks one payload; like
 * the cursor inside it, it remembers the first thing that did not fit, reads zeros from then on,
 * and is asked once, by part_finish.
 *
 * Layer: server/wire, internal.
 */
#ifndef SLUICE_SERVER_WIRE_PART_H
#define SLUICE_SERVER_WIRE_PART_H

#include "server/wire/wire.h"
#include "storage/base/cursor.h"

/* Write a header whose length and check sum part_end fills in; returns its offset. */
size_t sl_part_begin(struct sl_buf *out, enum sl_wire_type type, uint32_t tag);
/* A payload beyond its type's limit makes the buffer bad. */
void sl_part_end(struct sl_buf *out, size_t header_offset);

void sl_part_put_bytes(struct sl_buf *out, const void *bytes, size_t size_bytes);
void sl_part_put_text(struct sl_buf *out, const char *text);
void sl_part_put_value(struct sl_buf *out, const struct sl_wire_value *value);

struct sl_part_reader {
    struct sl_cursor cursor;
    struct sl_arena *arena; /* borrowed; NULL for payloads without texts and arrays */
    const struct sl_wire_frame *frame;
    const char *trouble; /* the first thing that did not fit; NULL: nothing yet */
    bool is_over_budget;
};

/* Asserts the type: dispatch is the caller's. */
struct sl_part_reader sl_part_open(const struct sl_wire_frame *frame, enum sl_wire_type type,
                                   struct sl_arena *arena);

/* SL_OK when everything fitted and nothing is left. */
SL_MUST_CHECK
sl_status sl_part_finish(const struct sl_part_reader *reader, struct sl_error *err);

void sl_part_refuse(struct sl_part_reader *reader, const char *trouble);

struct sl_slice sl_part_bytes(struct sl_part_reader *reader, size_t limit_bytes);
/* A NUL-terminated copy; "" once the reader is in trouble. */
const char *sl_part_text(struct sl_part_reader *reader, size_t limit_bytes);
bool sl_part_bool(struct sl_part_reader *reader);
uint32_t sl_part_flags(struct sl_part_reader *reader, uint32_t known);
struct sl_wire_value sl_part_value(struct sl_part_reader *reader);

/* A count of elements of at least element_bytes_min bytes each: at most count_max, and no more
 * than the rest of the payload can hold. */
uint32_t sl_part_count(struct sl_part_reader *reader, uint32_t count_max, size_t element_bytes_min);

/* Zeroed memory for `count` elements; NULL when there are none or no memory. */
void *sl_part_array(struct sl_part_reader *reader, uint32_t count, size_t element_bytes);

#endif
