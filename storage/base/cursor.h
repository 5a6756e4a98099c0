/*
 * cursor.h - reading bytes that somebody else wrote.
 *
 * A cursor walks a borrowed byte range and can never leave it. The first read
 * past the end makes the cursor `bad`; from then on every read yields zero and
 * moves nothing. Decoders therefore read a whole header in straight lines and
 * ask once, at the end, whether it was all there.
 *
 * Ownership: the cursor borrows; the range must outlive it. No allocation.
 */
#ifndef SLUICE_STORAGE_BASE_CURSOR_H
#define SLUICE_STORAGE_BASE_CURSOR_H

#include "storage/base/base.h"

struct sl_cursor {
    const uint8_t *next;
    const uint8_t *end;
    bool bad;
};

static inline struct sl_cursor
sl_cursor_over(const void *bytes, size_t size_bytes)
{
    const uint8_t *start = bytes;
    return (struct sl_cursor){.next = start, .end = size_bytes == 0 ? start : start + size_bytes};
}

static inline size_t
sl_cursor_left(const struct sl_cursor *c)
{
    return (size_t)(c->end - c->next);
}

/* Borrow `size_bytes` and step over them; NULL, and bad, when they are not there. */
static inline const uint8_t *
sl_cursor_take(struct sl_cursor *c, size_t size_bytes)
{
    if (c->bad || sl_cursor_left(c) < size_bytes) {
        c->bad = true;
        return NULL;
    }
    const uint8_t *taken = c->next;
    c->next += size_bytes;
    return taken;
}

/* A cursor over the next `size_bytes`, which this one steps over; bad when not there. */
static inline struct sl_cursor
sl_cursor_sub(struct sl_cursor *c, size_t size_bytes)
{
    const uint8_t *taken = sl_cursor_take(c, size_bytes);
    struct sl_cursor sub = sl_cursor_over(taken, taken == NULL ? 0 : size_bytes);
    sub.bad = taken == NULL;
    return sub;
}

/* Big-endian unsigned integer of 1 to 8 bytes at p. */
static inline uint64_t
sl_read_be(const uint8_t *p, size_t size_bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size_bytes; i++)
        value = value << 8 | p[i];
    return value;
}

/* Little-endian unsigned integer of 1 to 8 bytes at p. */
static inline uint64_t
sl_read_le(const uint8_t *p, size_t size_bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size_bytes; i++)
        value |= (uint64_t)p[i] << (8 * i);
    return value;
}

static inline uint8_t
sl_cursor_u8(struct sl_cursor *c)
{
    const uint8_t *p = sl_cursor_take(c, 1);
    return p == NULL ? 0 : *p;
}

static inline uint16_t
sl_cursor_u16be(struct sl_cursor *c)
{
    const uint8_t *p = sl_cursor_take(c, 2);
    return p == NULL ? 0 : (uint16_t)sl_read_be(p, 2);
}

static inline uint32_t
sl_cursor_u32be(struct sl_cursor *c)
{
    const uint8_t *p = sl_cursor_take(c, 4);
    return p == NULL ? 0 : (uint32_t)sl_read_be(p, 4);
}

static inline uint64_t
sl_cursor_u64be(struct sl_cursor *c)
{
    const uint8_t *p = sl_cursor_take(c, 8);
    return p == NULL ? 0 : sl_read_be(p, 8);
}

static inline uint16_t
sl_cursor_u16le(struct sl_cursor *c)
{
    const uint8_t *p = sl_cursor_take(c, 2);
    return p == NULL ? 0 : (uint16_t)sl_read_le(p, 2);
}

static inline uint32_t
sl_cursor_u32le(struct sl_cursor *c)
{
    const uint8_t *p = sl_cursor_take(c, 4);
    return p == NULL ? 0 : (uint32_t)sl_read_le(p, 4);
}

static inline uint64_t
sl_cursor_u64le(struct sl_cursor *c)
{
    const uint8_t *p = sl_cursor_take(c, 8);
    return p == NULL ? 0 : sl_read_le(p, 8);
}

/* LEB128; more than ten bytes, or bits beyond 64, make the cursor bad. */
static inline uint64_t
sl_cursor_varint(struct sl_cursor *c)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        uint8_t byte = sl_cursor_u8(c);
        if (shift == 63 && byte > 1)
            break;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            return c->bad ? 0 : value;
    }
    c->bad = true;
    return 0;
}

#endif
