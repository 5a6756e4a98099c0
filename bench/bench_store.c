/*
 * bench_store.c - see bench_store.h.
 */
#include "bench/bench_store.h"

#include <stdio.h>
#include <sys/resource.h>

#include "query/query.h"
#include "storage/base/clock.h"
#include "storage/clause.h"
#include "storage/value_text.h"

void
bench_die(const char *what, const struct sl_error *err)
{
    fprintf(stderr, "bench: %s: %s\n", what, err->text);
    exit(1);
}

double
bench_cpu_seconds(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

double
bench_seconds_since(int64_t started_us)
{
    return (double)(sl_clock_monotonic_us() - started_us) / 1e6;
}

void
bench_store_open(struct bench_store *b, const struct sl_store_options *options)
{
    struct sl_error err = {0};
    b->schema = sl_schema_create();
    b->pool = sl_pool_create("bench", b->threads, SL_NICENESS_QUERY);
    if (sl_store_open(options, b->schema, &b->store, &err) != SL_OK)
        bench_die("open", &err);
}

void
bench_store_close(struct bench_store *b)
{
    sl_store_close(b->store);
    sl_pool_destroy(b->pool);
    sl_schema_destroy(b->schema);
}

static sl_status
put_batch(void *context, struct sl_batch *batch, struct sl_error *err)
{
    struct bench_store *b = context;
    sl_status st = sl_store_append(b->store, batch, NULL, NULL, NULL, err);
    sl_batch_release(batch);
    return st;
}

struct sl_decoder *
bench_store_decoder(struct bench_store *b)
{
    struct sl_decoder_options options = sl_decoder_options_default();
    struct sl_sink sink = {.put = put_batch, .context = b};
    return sl_decoder_create(&options, b->schema, sink);
}

void
bench_decode(struct sl_decoder *decoder, const struct flowgen_datagram *datagram, int64_t now_us)
{
    struct sl_error err = {0};
    struct sl_datagram_from from = {.addr = sl_addr_from_v4(0xc0000201U + datagram->exporter),
                                    .port = 2055,
                                    .received_us = now_us,
                                    .origin = "bench"};
    if (sl_decoder_datagram(decoder, &from, datagram->bytes, datagram->size_bytes, &err) != SL_OK)
        bench_die("decode", &err);
}

double
bench_ask(struct bench_store *b, const char *sql, char *text, size_t text_bytes)
{
    struct sl_error err = {0};
    struct sl_query *query = NULL;
    struct sl_session session = {
        .dialect = SL_DIALECT_NATIVE, .database = "flows", .time_zone = "UTC", .user = "bench"};
    struct sl_query_env env = {.store = b->store,
                               .schema = b->schema,
                               .pool = b->pool,
                               .threads_max = b->threads,
                               .memory_bytes = (size_t)1 << 31,
                               .prune = SL_PRUNE_ALL};
    bool is_first = true;
    text[0] = '\0';
    int64_t started_us = sl_clock_monotonic_us();
    if (sl_query_prepare(&env, &session, sql, strlen(sql), &query, &err) != SL_OK)
        bench_die(sql, &err);
    for (;;) {
        const struct sl_vector *v = NULL;
        uint32_t count = 0;
        if (sl_query_next(query, &v, &count, &err) != SL_OK)
            bench_die(sql, &err);
        if (count == 0)
            break;
        struct sl_buf row = sl_buf_empty(text_bytes - 1);
        for (uint32_t i = 0; is_first && i < sl_query_info(query)->column_count; i++) {
            sl_buf_text(&row, i == 0 ? "" : "|");
            if (!sl_vector_is_null(&v[i], 0))
                sl_value_format(&v[i], 0, &row);
        }
        if (is_first && row.size_bytes != 0) {
            memcpy(text, row.bytes, row.size_bytes);
            text[row.size_bytes] = '\0';
        }
        is_first = false;
        sl_buf_fini(&row);
    }
    sl_query_free(query);
    return bench_seconds_since(started_us);
}

bool
bench_check_sums(struct bench_store *b, uint64_t flows, uint64_t packets, uint64_t flow_bytes)
{
    char expected[128];
    char got[256];
    (void)snprintf(expected, sizeof(expected), "%" PRIu64 "|%" PRIu64 "|%" PRIu64, flows, packets,
                   flow_bytes);
    (void)bench_ask(b, "SELECT COUNT(*), SUM(in_packets), SUM(in_bytes) FROM flows", got,
                    sizeof(got));
    if (strcmp(expected, got) == 0)
        return true;
    fprintf(stderr, "bench: stored %s, generated %s\n", got, expected);
    return false;
}
