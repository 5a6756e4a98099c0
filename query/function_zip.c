/*
 * function_zip.c - COMPRESS and UNCOMPRESS: the only user of zlib in this layer.
 *
 * A compressed text is its size (4 bytes, little-endian) and a zlib stream, with a point behind it
 * when that would end with a blank, which old columns cut. An empty text stays empty.
 */
#include <zlib.h>

#include "query/function_row.h"
#include "query/value.h"
#include "storage/base/limits.h"

enum {
    HEAD_BYTES = 4,
    LEVEL = 1, /* programs compress each flow's JSON: speed decides */
};

static uint32_t
size_in_head(struct sl_slice text)
{
    const uint8_t *p = text.bytes;
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

sl_status
sl_row_compress(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
                struct sl_value *out)
{
    struct sl_slice text = args[0].as.slice;
    uLongf packed_bytes = compressBound(text.size_bytes);
    (void)call;
    out->as.slice = text;
    if (text.size_bytes == 0)
        return SL_OK;
    uint8_t *bytes = sl_eval_bytes(eval, HEAD_BYTES + packed_bytes + 1);
    if (bytes == NULL)
        return SL_LIMIT;
    if (compress2(bytes + HEAD_BYTES, &packed_bytes, text.bytes, text.size_bytes, LEVEL) != Z_OK)
        return sl_fail(eval->err, SL_LIMIT, "no memory to compress a text");
    for (unsigned i = 0; i < HEAD_BYTES; i++)
        bytes[i] = (uint8_t)(text.size_bytes >> 8 * i);
    uint32_t size_bytes = HEAD_BYTES + (uint32_t)packed_bytes;
    if (bytes[size_bytes - 1] == ' ')
        bytes[size_bytes++] = '.';
    out->as.slice = (struct sl_slice){.bytes = bytes, .size_bytes = size_bytes};
    return SL_OK;
}

/* NULL for what is no compressed text. */
sl_status
sl_row_uncompress(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
                  struct sl_value *out)
{
    struct sl_slice packed = args[0].as.slice;
    (void)call;
    out->as.slice = packed;
    if (packed.size_bytes == 0)
        return SL_OK;
    uLongf size_bytes = packed.size_bytes > HEAD_BYTES ? size_in_head(packed) : 0;
    out->is_null = size_bytes == 0 || size_bytes > SL_SQL_VALUE_BYTES_MAX;
    if (out->is_null)
        return SL_OK;
    uint8_t *bytes = sl_eval_bytes(eval, size_bytes);
    if (bytes == NULL)
        return SL_LIMIT;
    out->is_null = uncompress(bytes, &size_bytes, packed.bytes + HEAD_BYTES,
                              packed.size_bytes - HEAD_BYTES) != Z_OK;
    out->as.slice = (struct sl_slice){.bytes = bytes, .size_bytes = (uint32_t)size_bytes};
    return SL_OK;
}

sl_status
sl_row_uncompressed_length(struct sl_eval *eval, const struct sl_expr *call,
                           const struct sl_value *args, struct sl_value *out)
{
    (void)eval;
    (void)call;
    out->as.i64 = args[0].as.slice.size_bytes > HEAD_BYTES ? size_in_head(args[0].as.slice) : 0;
    return SL_OK;
}
