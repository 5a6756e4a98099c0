/*
 * import_netflow.c - captures of export packets: NetFlow and IPFIX in pcap or pcapng. See import.h.
 *
 * The same capture decodes to the same batches every time, because nothing but its own packets
 * and their times drives the decoder. So an import that was cut off, or of a file that grew,
 * decodes from the start again (templates come first) and sends only what lies behind the rows
 * that are durable: its offset counts rows. Batches end between datagrams, and one ends where the
 * durable rows do.
 */
#include "client/import_job.h"
#include "ingest/decode/capture.h"
#include "ingest/decode/decoder.h"

/* What is decoded is sent from here on; one more datagram does not fill the decoder's batch. */
enum { SEND_ROWS = 16384 };
_Static_assert(SEND_ROWS <= SL_BATCH_ROWS_MAX / 2, "the decoder's own limit is not reached");

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
    uint64_t first = r->rows;
    r->rows += batch->row_count;
    if (r->rows <= job->resume_bytes) {
        sl_batch_release(batch);
        return SL_OK;
    }
    if (first < job->resume_bytes) {
        sl_batch_release(batch);
        return sl_fail(err, SL_FORMAT,
                       "%.120s: cannot go on behind row %" PRIu64 "; --again imports all of it",
                       job->path, job->resume_bytes);
    }
    job->rows_sent += batch->row_count;
    job->totals->rows_read += batch->row_count;
    job->rows_read += batch->row_count;
    return sl_inserter_put(job->inserter, batch, job->has_identity ? &job->identity : NULL,
                           job->has_identity ? r->rows : 0, err);
}

static sl_status
decode_all(struct netflow_reader *reader, struct sl_capture *capture, struct sl_decoder *decoder,
           struct sl_error *err)
{
    struct sl_import_job *job = reader->job;
    for (;;) {
        struct sl_packet packet;
        int64_t time_us = 0;
        bool more = false;
        sl_status st = sl_capture_next(capture, &packet, &time_us, &more, err);
        if (st != SL_OK || !more) {
            /* Also of a capture that is cut off: what came before the cut is good. */
            sl_status flushed = sl_decoder_flush(decoder, st == SL_OK ? err : NULL);
            return st != SL_OK ? st : flushed;
        }
        struct sl_datagram_from from = {.addr = packet.src_addr,
                                        .port = packet.src_port,
                                        .received_us = time_us,
                                        .origin = SL_IMPORT_ORIGIN};
        job->done_bytes = sl_input_position(job->input);
        sl_import_job_show(job);
        SL_TRY(sl_import_check(job->options, err));
        SL_TRY(sl_decoder_datagram(decoder, &from, packet.payload, packet.payload_bytes, err));
        struct sl_decoder_counts counts;
        sl_decoder_counts(decoder, &counts);
        if (counts.rows == job->resume_bytes || counts.rows - reader->rows >= SEND_ROWS)
            SL_TRY(sl_decoder_flush(decoder, err));
    }
}

static void
add_malformed(void *context, const struct sl_exporter_info *exporter)
{
    uint64_t *malformed = context;
    *malformed += exporter->counts.malformed;
}

/* What of the capture did not become rows; an error when nothing did although there was something. */
static sl_status
tell_losses(struct sl_import_job *job, const struct sl_decoder *decoder, struct sl_error *err)
{
    struct sl_decoder_counts counts;
    sl_decoder_counts(decoder, &counts);
    uint64_t malformed = counts.malformed;
    struct sl_exporter_visitor visitor = {.exporter = add_malformed, .context = &malformed};
    sl_decoder_visit(decoder, &visitor);
    if (counts.rows == 0 && counts.datagrams == counts.malformed)
        return sl_fail(err, SL_FORMAT, "%.160s holds no NetFlow or IPFIX packets", job->path);
    if (counts.rows == 0 && counts.pending_bytes != 0)
        return sl_fail(err, SL_FORMAT,
                       "%.120s: nothing stored: it does not hold the templates of its data",
                       job->path);
    if (counts.rows == 0 && malformed != 0)
        return sl_fail(err, SL_FORMAT, "%.120s: nothing stored: %" PRIu64 " malformed datagrams",
                       job->path, malformed);
    if (counts.pending_bytes != 0)
        sl_import_job_warn(job, "%" PRIu64 " bytes of data are not stored: no template for them",
                           counts.pending_bytes);
    if (malformed != 0)
        sl_import_job_warn(job, "%" PRIu64 " datagrams are malformed or no NetFlow", malformed);
    return SL_OK;
}

sl_status
sl_import_netflow(struct sl_import_job *job, struct sl_error *err)
{
    struct netflow_reader reader = {.job = job};
    struct sl_capture *capture = NULL;
    struct sl_error read_err = {0};
    FILE *stream = sl_input_stream(job->input, &read_err);
    if (stream == NULL)
        return sl_fail(err, SL_LIMIT, "%s: no memory to read it", job->path);
    SL_TRY(sl_capture_open_stream(stream, job->path, &capture, err));
    struct sl_decoder_options options = sl_decoder_options_default();
    options.batch_rows = SL_BATCH_ROWS_MAX;
    struct sl_sink sink = {.put = take_batch, .context = &reader};
    struct sl_decoder *decoder = sl_decoder_create(&options, job->schema, sink);
    sl_status st = decode_all(&reader, capture, decoder, err);
    if (st == SL_OK)
        st = tell_losses(job, decoder, err);
    else if (read_err.text[0] != '\0')
        st = sl_fail(err, SL_FORMAT, "%s", read_err.text); /* why, where libpcap knows only that */
    sl_decoder_destroy(decoder);
    sl_capture_close(capture);
    return st;
}
