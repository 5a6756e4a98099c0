/*
 * buf.h - a byte buffer that grows, for output.
 *
 * Appending never fails from the caller's point of view: memory that cannot be had, or a
 * size beyond the limit given at init, makes the buffer `bad`, further appends do nothing,
 * and the caller asks once at the end. Integers are written little-endian (le) for our own
 * files and protocols, big-endian (be) for the network's.
 *
 * Ownership: the buffer owns its bytes until sl_buf_fini, or sl_buf_take hands them over.
 * Threads:   one at a time.
 */
#ifndef SLUICE_STORAGE_BASE_BUF_H
#define SLUICE_STORAGE_BASE_BUF_H

#include "storage/base/base.h"

struct sl_buf {
    uint8_t *bytes; /* owned */
    size_t size_bytes;
    size_t capacity_bytes;
    size_t limit_bytes; /* a larger size makes it bad */
    bool bad;
};

static inline struct sl_buf
sl_buf_empty(size_t limit_bytes)
{
    return (struct sl_buf){.limit_bytes = limit_bytes};
}

void sl_buf_fini(struct sl_buf *buf);

/* Keep the memory, forget the contents and the badness. */
void sl_buf_clear(struct sl_buf *buf);

/* The bytes become the caller's (free()); the buffer is empty again. NULL when bad. */
uint8_t *sl_buf_take(struct sl_buf *buf, size_t *out_size_bytes);

/* `size_bytes` uninitialised bytes at the end, to be filled by the caller; NULL when bad.
 * The pointer is valid until the next append. */
uint8_t *sl_buf_extend(struct sl_buf *buf, size_t size_bytes);

/* Take memory for about so many bytes more at once, where they can be foretold. A hint. */
void sl_buf_reserve(struct sl_buf *buf, size_t size_bytes);

void sl_buf_append(struct sl_buf *buf, const void *bytes, size_t size_bytes);
void sl_buf_text(struct sl_buf *buf, const char *text);
void sl_buf_u8(struct sl_buf *buf, uint8_t value);
void sl_buf_u16le(struct sl_buf *buf, uint16_t value);
void sl_buf_u32le(struct sl_buf *buf, uint32_t value);
void sl_buf_u64le(struct sl_buf *buf, uint64_t value);
void sl_buf_u16be(struct sl_buf *buf, uint16_t value);
void sl_buf_u32be(struct sl_buf *buf, uint32_t value);
void sl_buf_u64be(struct sl_buf *buf, uint64_t value);
/* LEB128: seven bits a byte, low first; at most 10 bytes. */
void sl_buf_varint(struct sl_buf *buf, uint64_t value);
SL_PRINTF(2, 3) void sl_buf_printf(struct sl_buf *buf, const char *format, ...);

/* Overwrite 4 bytes that were appended earlier (a length that is now known). */
void sl_buf_patch_u32le(struct sl_buf *buf, size_t offset, uint32_t value);

#endif
