/*
 * collect.h - a sink that keeps what a decoder hands over, and a look at single values of it.
 *
 * Header only: tests of ingest include it once each.
 */
#ifndef SLUICE_TESTS_SUPPORT_COLLECT_H
#define SLUICE_TESTS_SUPPORT_COLLECT_H

#include <stdio.h>

#include "ingest/decode/decoder.h"
#include "storage/value_text.h"
#include "tests/support/test.h"

enum { COLLECT_BATCHES_MAX = 4096 };

struct collect {
    struct sl_schema *schema;
    struct sl_decoder *decoder;
    struct sl_batch *batches[COLLECT_BATCHES_MAX];
    unsigned batch_count;
    uint32_t row_count;
};

static sl_status SL_UNUSED
collect_put(void *context, struct sl_batch *batch, struct sl_error *err)
{
    struct collect *c = context;
    (void)err;
    assert_true(c->batch_count < COLLECT_BATCHES_MAX);
    c->batches[c->batch_count++] = batch;
    c->row_count += batch->row_count;
    return SL_OK;
}

static void SL_UNUSED
collect_init(struct collect *c, const struct sl_decoder_options *options)
{
    struct sl_decoder_options defaults = sl_decoder_options_default();
    *c = (struct collect){.schema = sl_schema_create()};
    c->decoder = sl_decoder_create(options == NULL ? &defaults : options, c->schema,
                                   (struct sl_sink){.put = collect_put, .context = c});
}

static void SL_UNUSED
collect_fini(struct collect *c)
{
    for (unsigned i = 0; i < c->batch_count; i++)
        sl_batch_release(c->batches[i]);
    sl_decoder_destroy(c->decoder);
    sl_schema_destroy(c->schema);
}

static void SL_UNUSED
collect_datagram(struct collect *c, struct sl_addr addr, uint16_t port, int64_t received_us,
                 const uint8_t *bytes, size_t size_bytes)
{
    struct sl_error err = {0};
    struct sl_datagram_from from = {.addr = addr, .port = port, .received_us = received_us};
    /* A copy of the exact size: a sanitizer then sees the first byte too many. */
    uint8_t *exact = malloc(size_bytes == 0 ? 1 : size_bytes);
    assert_non_null(exact);
    memcpy(exact, bytes, size_bytes);
    TEST_OK(sl_decoder_datagram(c->decoder, &from, exact, size_bytes, &err), &err);
    free(exact);
}

static void SL_UNUSED
collect_flush(struct collect *c)
{
    struct sl_error err = {0};
    TEST_OK(sl_decoder_flush(c->decoder, &err), &err);
}

/* The vector of a column and the row in it; NULL when the row has no value there. */
static SL_UNUSED const struct sl_vector *
collect_vector(const struct collect *c, const char *column, uint32_t row, uint32_t *out_row)
{
    const struct sl_column *found = sl_schema_find(c->schema, column, strlen(column));
    if (found == NULL)
        return NULL;
    for (unsigned i = 0; i < c->batch_count; i++) {
        if (row >= c->batches[i]->row_count) {
            row -= c->batches[i]->row_count;
            continue;
        }
        const struct sl_vector *v = sl_batch_find(c->batches[i], found);
        *out_row = row;
        return v == NULL || sl_vector_is_null(v, row) ? NULL : v;
    }
    return NULL;
}

/* The value as text, "NULL" when there is none; in one of a few static buffers. */
static SL_UNUSED const char *
collect_text(const struct collect *c, const char *column, uint32_t row)
{
    static char texts[8][1024];
    static unsigned next;
    char *text = texts[next++ % 8];
    uint32_t at = 0;
    const struct sl_vector *v = collect_vector(c, column, row, &at);
    if (v == NULL)
        return "NULL";
    struct sl_buf out = sl_buf_empty(1 << 20);
    sl_value_format(v, at, &out);
    (void)snprintf(text, sizeof(texts[0]), "%.*s", (int)sl_min_size(out.size_bytes, 1000),
                   (const char *)out.bytes);
    sl_buf_fini(&out);
    return text;
}

static uint64_t SL_UNUSED
collect_u64(const struct collect *c, const char *column, uint32_t row)
{
    uint32_t at = 0;
    const struct sl_vector *v = collect_vector(c, column, row, &at);
    return v == NULL ? 0 : sl_vector_u64(v, at);
}

static uint64_t SL_UNUSED
collect_sum(const struct collect *c, const char *column)
{
    uint64_t sum = 0;
    for (uint32_t row = 0; row < c->row_count; row++)
        sum += collect_u64(c, column, row);
    return sum;
}

/* Counters of all exporters together. */
static void SL_UNUSED
collect_add_counts(void *context, const struct sl_exporter_info *info)
{
    struct sl_exporter_counts *sum = context;
    sum->records += info->counts.records;
    sum->option_records += info->counts.option_records;
    sum->malformed += info->counts.malformed;
    sum->unknown += info->counts.unknown;
    sum->pending_lost += info->counts.pending_lost;
    sum->templates += info->counts.templates;
    sum->template_changes += info->counts.template_changes;
    sum->gaps += info->counts.gaps;
    sum->lost += info->counts.lost;
    sum->restarts += info->counts.restarts;
    sum->reordered += info->counts.reordered;
    sum->times_outside += info->counts.times_outside;
    sum->clipped += info->counts.clipped;
    sum->extra += info->counts.extra;
}

static struct sl_exporter_counts SL_UNUSED
collect_counts(const struct collect *c)
{
    struct sl_exporter_counts sum = {0};
    struct sl_exporter_visitor visitor = {.exporter = collect_add_counts, .context = &sum};
    sl_decoder_visit(c->decoder, &visitor);
    return sum;
}

#endif
