/*
 * frame_zstd.c - see frame_zstd.h.
 *
 * A compression context of zstd takes longer to make than a block takes to compress, so each
 * thread keeps one of each kind.
 */
#include "storage/codec/frame_zstd.h"

#include <pthread.h>
/* For literalCompressionMode, which has not changed since 1.3.6: levels below 0 leave literals as they
 * are, unless told otherwise. */
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>

struct contexts {
    ZSTD_CCtx *compress;
    ZSTD_DCtx *decompress;
};

static pthread_once_t key_once = PTHREAD_ONCE_INIT;
static pthread_key_t key;

static void
destroy_contexts(void *context)
{
    struct contexts *contexts = context;
    (void)ZSTD_freeCCtx(contexts->compress);
    (void)ZSTD_freeDCtx(contexts->decompress);
    free(contexts);
}

static void
create_key(void)
{
    SL_ASSERT(pthread_key_create(&key, destroy_contexts) == 0);
}

static struct contexts *
get_contexts(void)
{
    SL_ASSERT(pthread_once(&key_once, create_key) == 0);
    struct contexts *contexts = pthread_getspecific(key);
    if (contexts != NULL)
        return contexts;
    contexts = sl_new(sizeof(*contexts));
    contexts->compress = ZSTD_createCCtx();
    contexts->decompress = ZSTD_createDCtx();
    SL_ASSERT(contexts->compress != NULL && contexts->decompress != NULL);
    SL_ASSERT(pthread_setspecific(key, contexts) == 0);
    return contexts;
}

bool
sl_zstd_compress(const void *bytes, size_t size_bytes, int level, struct sl_buf *out)
{
    size_t bound_bytes = ZSTD_compressBound(size_bytes);
    uint8_t *at = sl_buf_extend(out, bound_bytes);
    if (at == NULL)
        return false;
    ZSTD_CCtx *context = get_contexts()->compress;
    ZSTD_paramSwitch_e literals = level < 0 ? ZSTD_ps_enable : ZSTD_ps_auto;
    (void)ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level);
    (void)ZSTD_CCtx_setParameter(context, ZSTD_c_literalCompressionMode, (int)literals);
    size_t frame_bytes = ZSTD_compress2(context, at, bound_bytes, bytes, size_bytes);
    if (ZSTD_isError(frame_bytes)) {
        out->size_bytes -= bound_bytes;
        return false;
    }
    out->size_bytes -= bound_bytes - frame_bytes;
    return true;
}

bool
sl_zstd_decompress(const void *bytes, size_t size_bytes, void *out, size_t out_bytes)
{
    /* One frame and nothing behind it: the decompressor would take several in a row. */
    size_t frame_bytes = ZSTD_findFrameCompressedSize(bytes, size_bytes);
    if (ZSTD_isError(frame_bytes) || frame_bytes != size_bytes)
        return false;
    size_t written_bytes =
        ZSTD_decompressDCtx(get_contexts()->decompress, out, out_bytes, bytes, size_bytes);
    return !ZSTD_isError(written_bytes) && written_bytes == out_bytes;
}
