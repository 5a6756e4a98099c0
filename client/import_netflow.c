/*
 * import_netflow.c - captures of export packets: NetFlow and IPFIX in pcap or pcapng. See import.h.
 *
 * The same capture decodes to the same batches every time, because nothing but its own packets
 * and their times drives the decoder. So an import that was cut off decodes from the start
 * again (templates come first) and sends only what lies behind the rows that are durable: its
 * offset counts rows.
 */
#include "client/import_job.h"
#include "ingest/decode/capture.h"
#include "ingest/decode/decoder.h"

struct netflow_reader {
    struct sl_import_job *job;
    uint64_t rows; /* decoded so far */
};

/* Takes over the batch. Rows beyond the retention are the server's to drop: a capture is not
 * taken apart row by row. */
static sl_status
take_batch(void *context, struct sl_batch *batch, struct sl_error *err)
{
    struct netflow_reader *r = context;
    struct sl_import_job *job = r->job;
    r->rows += batch->row_count;
    job->totals->rows_read += batch->row_count;
    if (r->rows <= job->resume_bytes) {
        sl_batch_release(batch);
        return SL_OK;
    }
    job->totals->rows_stored += batch->row_count;
    return sl_inserter_put(job->inserter, batch, job->has_identity ? &job->identity : NULL,
                           job->has_identity ? r->rows : 0, err);
}

static sl_status
decode_all(struct sl_import_job *job, struct sl_capture *capture, struct sl_decoder *decoder,
           struct sl_error *err)
{
    for (;;) {
        struct sl_packet packet;
        int64_t time_us = 0;
        bool more = false;
        SL_TRY(sl_capture_next(capture, &packet, &time_us, &more, err));
        if (!more)
            return sl_decoder_flush(decoder, err);
        struct sl_datagram_from from = {.addr = packet.src_addr,
                                        .port = packet.src_port,
                                        .received_us = time_us,
                                        .origin = "import"};
        job->done_bytes = sl_capture_offset(capture);
        SL_TRY(sl_decoder_datagram(decoder, &from, packet.payload, packet.payload_bytes, err));
    }
}

sl_status
sl_import_netflow(struct sl_import_job *job, struct sl_error *err)
{
    struct netflow_reader reader = {.job = job};
    struct sl_capture *capture = NULL;
    struct sl_decoder_counts counts;
    SL_TRY(sl_capture_open(job->path, &capture, err));
    struct sl_decoder_options options = sl_decoder_options_default();
    struct sl_sink sink = {.put = take_batch, .context = &reader};
    struct sl_decoder *decoder = sl_decoder_create(&options, job->schema, sink);
    sl_status st = decode_all(job, capture, decoder, err);
    sl_decoder_counts(decoder, &counts);
    if (st == SL_OK && counts.rows == 0 && counts.datagrams == counts.malformed)
        st = sl_fail(err, SL_FORMAT, "%s holds no NetFlow or IPFIX packets", job->path);
    sl_decoder_destroy(decoder);
    sl_capture_close(capture);
    return st;
}
