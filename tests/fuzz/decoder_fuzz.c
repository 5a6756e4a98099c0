/*
 * decoder_fuzz.c - no bytes make the decoder read beyond them, stop, or lose count of its rows.
 *
 * Input: datagrams, each behind two bytes of length (big-endian, with the high four bits
 * choosing the sender), so that templates, changes and waiting data are reached. A second
 * decoder imports what the first one knows and takes the same datagrams.
 */
#include "ingest/decode/decoder.h"
#include "storage/base/cursor.h"
#include "storage/base/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

static uint64_t rows;

static sl_status
put_batch(void *context, struct sl_batch *batch, struct sl_error *err)
{
    (void)context;
    (void)err;
    rows += batch->row_count;
    sl_batch_release(batch);
    return SL_OK;
}

static void
import_state(void *context, const void *key, size_t key_bytes, const void *value,
             size_t value_bytes)
{
    /* Our own state must always be taken back. */
    SL_ASSERT(sl_decoder_import(context, key, key_bytes, value, value_bytes, NULL) == SL_OK);
}

static void
feed(struct sl_decoder *decoder, const uint8_t *bytes, size_t size_bytes)
{
    struct sl_cursor c = sl_cursor_over(bytes, size_bytes);
    rows = 0;
    for (int64_t now_us = INT64_C(1600000000000000); sl_cursor_left(&c) > 2; now_us += 1000000) {
        uint16_t head = sl_cursor_u16be(&c);
        size_t datagram_bytes = sl_min_size(head & 0xfff, sl_cursor_left(&c));
        struct sl_datagram_from from = {.addr = sl_addr_from_v4(head >> 12),
                                        .port = 2055,
                                        .received_us = now_us,
                                        .origin = "fuzz"};
        /* A copy of the exact size: a sanitizer then sees the first byte too many. */
        uint8_t *exact = malloc(datagram_bytes + 1);
        SL_ASSERT(exact != NULL);
        uint8_t *end = exact + 1;
        const uint8_t *taken = sl_cursor_take(&c, datagram_bytes);
        if (datagram_bytes != 0)
            memcpy(end, taken, datagram_bytes);
        SL_ASSERT(sl_decoder_datagram(decoder, &from, end, datagram_bytes, NULL) == SL_OK);
        free(exact);
    }
    struct sl_decoder_counts counts;
    SL_ASSERT(sl_decoder_flush(decoder, NULL) == SL_OK);
    sl_decoder_counts(decoder, &counts);
    SL_ASSERT(counts.rows == rows);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
    struct sl_decoder_options options = sl_decoder_options_default();
    struct sl_sink sink = {.put = put_batch};
    options.batch_rows = 64;
    options.pending_limit_bytes = 4096;
    sl_log_set_level(SL_LOG_ERROR);
    struct sl_schema *schema = sl_schema_create();
    struct sl_decoder *first = sl_decoder_create(&options, schema, sink);
    struct sl_decoder *second = sl_decoder_create(&options, schema, sink);
    feed(first, bytes, size_bytes);
    (void)sl_decoder_export(first, UINT32_MAX, import_state, second);
    feed(second, bytes, size_bytes);
    /* State from elsewhere is refused or taken, never believed. */
    uint8_t key[24] = {0};
    sl_status st = sl_decoder_import(second, key, sizeof(key), bytes, size_bytes, NULL);
    (void)st;
    sl_decoder_destroy(second);
    sl_decoder_destroy(first);
    sl_schema_destroy(schema);
    return 0;
}
