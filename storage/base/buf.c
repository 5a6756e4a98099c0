/*
 * buf.c - see buf.h.
 */
#include "storage/base/buf.h"

#include <stdarg.h>
#include <stdio.h>

void
sl_buf_fini(struct sl_buf *buf)
{
    free(buf->bytes);
    *buf = sl_buf_empty(buf->limit_bytes);
}

void
sl_buf_clear(struct sl_buf *buf)
{
    buf->size_bytes = 0;
    buf->bad = false;
}

uint8_t *
sl_buf_take(struct sl_buf *buf, size_t *out_size_bytes)
{
    *out_size_bytes = 0;
    if (buf->bad)
        return NULL;
    uint8_t *bytes = buf->bytes != NULL ? buf->bytes : sl_new(1);
    *out_size_bytes = buf->size_bytes;
    *buf = sl_buf_empty(buf->limit_bytes);
    return bytes;
}

uint8_t *
sl_buf_extend(struct sl_buf *buf, size_t size_bytes)
{
    if (buf->bad || size_bytes > buf->limit_bytes - buf->size_bytes) {
        buf->bad = true;
        return NULL;
    }
    size_t wanted_bytes = buf->size_bytes + size_bytes;
    if (wanted_bytes > buf->capacity_bytes || buf->bytes == NULL) {
        size_t capacity_bytes = buf->capacity_bytes < 256 ? 256 : buf->capacity_bytes;
        while (capacity_bytes < wanted_bytes)
            capacity_bytes += capacity_bytes / 2 + 256;
        uint8_t *grown = realloc(buf->bytes, capacity_bytes);
        if (grown == NULL) {
            buf->bad = true;
            return NULL;
        }
        buf->bytes = grown;
        buf->capacity_bytes = capacity_bytes;
    }
    uint8_t *at = buf->bytes + buf->size_bytes;
    buf->size_bytes = wanted_bytes;
    return at;
}

void
sl_buf_reserve(struct sl_buf *buf, size_t size_bytes)
{
    size_t used_bytes = buf->size_bytes;
    if (buf->bad)
        return;
    (void)sl_buf_extend(buf, size_bytes);
    buf->size_bytes = used_bytes;
    buf->bad = false;
}

void
sl_buf_append(struct sl_buf *buf, const void *bytes, size_t size_bytes)
{
    uint8_t *at = sl_buf_extend(buf, size_bytes);
    if (at != NULL && size_bytes != 0)
        memcpy(at, bytes, size_bytes);
}

void
sl_buf_text(struct sl_buf *buf, const char *text)
{
    sl_buf_append(buf, text, strlen(text));
}

void
sl_buf_u8(struct sl_buf *buf, uint8_t value)
{
    sl_buf_append(buf, &value, 1);
}

static void
append_le(struct sl_buf *buf, uint64_t value, size_t size_bytes)
{
    uint8_t *at = sl_buf_extend(buf, size_bytes);
    if (at == NULL)
        return;
    for (size_t i = 0; i < size_bytes; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

static void
append_be(struct sl_buf *buf, uint64_t value, size_t size_bytes)
{
    uint8_t *at = sl_buf_extend(buf, size_bytes);
    if (at == NULL)
        return;
    for (size_t i = 0; i < size_bytes; i++)
        at[i] = (uint8_t)(value >> (8 * (size_bytes - 1 - i)));
}

void
sl_buf_u16le(struct sl_buf *buf, uint16_t value)
{
    append_le(buf, value, 2);
}

void
sl_buf_u32le(struct sl_buf *buf, uint32_t value)
{
    append_le(buf, value, 4);
}

void
sl_buf_u64le(struct sl_buf *buf, uint64_t value)
{
    append_le(buf, value, 8);
}

void
sl_buf_u16be(struct sl_buf *buf, uint16_t value)
{
    append_be(buf, value, 2);
}

void
sl_buf_u32be(struct sl_buf *buf, uint32_t value)
{
    append_be(buf, value, 4);
}

void
sl_buf_u64be(struct sl_buf *buf, uint64_t value)
{
    append_be(buf, value, 8);
}

void
sl_buf_varint(struct sl_buf *buf, uint64_t value)
{
    while (value >= 0x80) {
        sl_buf_u8(buf, (uint8_t)(value | 0x80));
        value >>= 7;
    }
    sl_buf_u8(buf, (uint8_t)value);
}

void
sl_buf_printf(struct sl_buf *buf, const char *format, ...)
{
    char small[256];
    va_list args;
    va_start(args, format);
    int needed = vsnprintf(small, sizeof(small), format, args);
    va_end(args);
    if (needed < 0) {
        buf->bad = true;
        return;
    }
    if ((size_t)needed < sizeof(small)) {
        sl_buf_append(buf, small, (size_t)needed);
        return;
    }
    uint8_t *at = sl_buf_extend(buf, (size_t)needed + 1);
    if (at == NULL)
        return;
    va_start(args, format);
    (void)vsnprintf((char *)at, (size_t)needed + 1, format, args);
    va_end(args);
    buf->size_bytes -= 1; /* the terminating NUL is not contents */
}

void
sl_buf_patch_u32le(struct sl_buf *buf, size_t offset, uint32_t value)
{
    if (buf->bad)
        return;
    SL_ASSERT(offset + 4 <= buf->size_bytes);
    for (size_t i = 0; i < 4; i++)
        buf->bytes[offset + i] = (uint8_t)(value >> (8 * i));
}
