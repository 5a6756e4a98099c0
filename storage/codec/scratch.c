/*
 * scratch.c - the memory a thread encodes and decodes in; see scheme.h.
 *
 * A key of pthreads and not a _Thread_local pointer alone: the key has a destructor, so that a
 * thread that ends gives its memory back.
 */
#include <pthread.h>

#include "storage/codec/codec.h"
#include "storage/codec/scheme.h"

static pthread_once_t key_once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static _Thread_local struct sl_scratch *scratch_of_thread;

static void
destroy_scratch(void *context)
{
    struct sl_scratch *scratch = context;
    sl_buf_fini(&scratch->trial);
    sl_buf_fini(&scratch->planes);
    free(scratch);
    scratch_of_thread = NULL;
}

static void
create_key(void)
{
    SL_ASSERT(pthread_key_create(&key, destroy_scratch) == 0);
}

struct sl_scratch *
sl_scratch_get(void)
{
    if (SL_LIKELY(scratch_of_thread != NULL))
        return scratch_of_thread;
    SL_ASSERT(pthread_once(&key_once, create_key) == 0);
    scratch_of_thread = sl_new(sizeof(*scratch_of_thread));
    scratch_of_thread->trial = sl_buf_empty(SL_SCHEME_BYTES_MAX);
    scratch_of_thread->planes = sl_buf_empty(SL_SCHEME_BYTES_MAX);
    SL_ASSERT(pthread_setspecific(key, scratch_of_thread) == 0);
    return scratch_of_thread;
}

/* Zeroes, which are there: written where a write makes a page. */
static void
touch(uint64_t *values, size_t count)
{
    enum { PAGE_VALUES = 4096 / sizeof(*values) };
    volatile uint64_t *touched = values;
    for (size_t i = 0; i < count; i += PAGE_VALUES)
        touched[i] = 0;
}

void
sl_codec_prepare(void)
{
    struct sl_scratch *scratch = sl_scratch_get();
    touch(scratch->first, SL_COUNTOF(scratch->first));
    touch(scratch->second, SL_COUNTOF(scratch->second));
    touch(scratch->keys, SL_COUNTOF(scratch->keys));
}
