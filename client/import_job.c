/*
 * import_job.c - see import_job.h.
 */
#include "client/import_job.h"

#include <stdarg.h>
#include <stdio.h>

#include "storage/base/clock.h"

enum { CHUNK_BYTES = 256 << 10, LINE_BYTES_MAX = 1 << 20, WARNINGS_MAX = 10 };

static void
note_reason(struct sl_import_job *job, uint64_t line, const struct sl_error *err)
{
    struct sl_import_totals *totals = job->totals;
    totals->rows_rejected++;
    if (totals->reason_count == SL_IMPORT_REASONS_MAX)
        return;
    unsigned at = totals->reason_count++;
    totals->reasons[at].line = line;
    (void)snprintf(totals->reasons[at].text, SL_IMPORT_REASON_BYTES, "%.220s:%" PRIu64 ": %.239s",
                   job->path, line, err->text);
}

void
sl_import_job_warn(struct sl_import_job *job, const char *format, ...)
{
    char text[SL_IMPORT_REASON_BYTES];
    va_list arguments;
    if (job->totals->warning_count++ >= WARNINGS_MAX)
        return;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    for (char *at = text; *at != '\0'; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            *at = '?'; /* names come from the file, and this may be a terminal */
    fprintf(stderr, "%ssluice: %s: %s\n", job->options->shows_progress ? "\r\033[K" : "", job->path,
            text);
}

sl_status
sl_import_check(const struct sl_import_options *options, struct sl_error *err)
{
    if (options->interrupted == NULL || *options->interrupted == 0)
        return SL_OK;
    return sl_fail(err, SL_CANCELLED,
                   "the import was stopped; import the file again to go on behind what is stored");
}

void
sl_import_job_show(struct sl_import_job *job)
{
    int64_t now_us = sl_clock_monotonic_us();
    if (!job->options->shows_progress || now_us < job->next_progress_us)
        return;
    job->next_progress_us = now_us + SL_US_PER_S / 5;
    double seconds = (double)(now_us - job->started_us) / SL_US_PER_S;
    double share = job->size_bytes == 0 ? 0 : (double)job->done_bytes / (double)job->size_bytes;
    double rate = seconds <= 0 ? 0 : (double)job->totals->rows_read / seconds;
    char bar[21];
    for (unsigned i = 0; i < 20; i++)
        bar[i] = i < (unsigned)(share * 20) ? '#' : '.';
    bar[20] = '\0';
    if (job->size_bytes != 0)
        fprintf(stderr, "\r[%s] %3.0f %%  %" PRIu64 " rows  %.0f rows/s  %.0f s left   ", bar,
                share * 100, job->totals->rows_read, rate,
                share <= 0 ? 0 : seconds / share - seconds);
    else
        fprintf(stderr, "\r%" PRIu64 " rows  %.0f rows/s   ", job->totals->rows_read, rate);
    (void)fflush(stderr);
}

sl_status
sl_import_job_send(struct sl_import_job *job, uint64_t offset_bytes, struct sl_error *err)
{
    struct sl_batch *batch = sl_builder_finish(job->builder);
    if (batch == NULL)
        return SL_OK;
    job->rows_sent += batch->row_count;
    return sl_inserter_put(job->inserter, batch, job->has_identity ? &job->identity : NULL,
                           job->has_identity ? offset_bytes : 0, err);
}

/* What was read up to offset_bytes is in the builder: send it when that is full. */
static sl_status
go_on(struct sl_import_job *job, uint64_t offset_bytes, struct sl_error *err)
{
    job->done_bytes = offset_bytes > job->done_bytes ? offset_bytes : job->done_bytes;
    if (offset_bytes != 0 && sl_builder_is_full(job->builder)) {
        SL_TRY(sl_import_job_send(job, job->done_bytes, err));
        sl_import_job_show(job);
    }
    return SL_OK;
}

sl_status
sl_import_job_row(struct sl_import_job *job, uint64_t line, uint64_t offset_bytes, sl_status st,
                  struct sl_error *err)
{
    struct sl_error reason = {0};
    if (st != SL_OK && err != NULL)
        reason = *err;
    job->totals->rows_read++;
    job->rows_read++;
    if (st == SL_OK) {
        const struct sl_column *origin = sl_schema_at(job->schema, SL_COLUMN_ORIGIN);
        struct sl_builder_column *c = sl_builder_column(job->builder, origin);
        if (!sl_bit_get(c->present, job->builder->row_count))
            sl_builder_set_slice(job->builder, c, SL_IMPORT_ORIGIN, sizeof(SL_IMPORT_ORIGIN) - 1);
        st = sl_field_end_row(job->schema, job->builder, sl_inserter_oldest_us(job->inserter),
                              &reason);
    } else {
        sl_builder_abandon(job->builder);
    }
    if (st != SL_OK) {
        note_reason(job, line, &reason);
        if (job->options->is_strict)
            return sl_fail(err, SL_FORMAT, "%.100s:%" PRIu64 ": %.110s", job->path, line,
                           reason.text);
    }
    return go_on(job, offset_bytes, err);
}

/* Rows that are complete in the builder. */
static sl_status
take_rows(struct sl_import_job *job, uint32_t count, uint64_t offset_bytes, struct sl_error *err)
{
    job->totals->rows_read += count;
    job->rows_read += count;
    return go_on(job, offset_bytes, err);
}

/* Lines in buffer[0 .. used); what is left of the last one is moved to its start. */
struct line_splitter {
    char *buffer; /* LINE_BYTES_MAX + CHUNK_BYTES and the padding, owned */
    size_t used;
    uint64_t offset_bytes; /* of buffer[0] in the input */
    uint64_t number;
    bool is_skipping; /* inside a line that is too long */
};

static sl_status
reject_long_line(struct sl_import_job *job, uint64_t number, uint64_t offset_bytes,
                 struct sl_error *err)
{
    struct sl_error reason = {0};
    sl_status st = sl_fail(&reason, SL_FORMAT, "a line of more than a megabyte");
    if (err != NULL)
        *err = reason;
    if (job->line_bytes < job->resume_bytes)
        return SL_OK; /* counted by an earlier run */
    return sl_import_job_row(job, number, offset_bytes, st, err);
}

/* The line from `at` to `next`, which includes its end. */
static sl_status
take_line(struct sl_import_job *job, struct line_splitter *s, char *at, const char *next,
          const struct sl_import_line_reader *reader, struct sl_error *err)
{
    size_t line_bytes = (size_t)(next - at);
    uint64_t next_bytes = s->offset_bytes + (uint64_t)(next - s->buffer);
    if (line_bytes != 0 && at[line_bytes - 1] == '\n')
        line_bytes--;
    if (line_bytes != 0 && at[line_bytes - 1] == '\r')
        line_bytes--;
    s->number++;
    job->line_bytes = s->offset_bytes + (uint64_t)(at - s->buffer);
    if (s->is_skipping || line_bytes > LINE_BYTES_MAX) {
        s->is_skipping = false;
        return reject_long_line(job, s->number, next_bytes, err);
    }
    return reader->take(reader->context, at, line_bytes, s->number, next_bytes, err);
}

/* Lines that the reader takes at once; 0 bytes: none. */
static sl_status
take_many(struct sl_import_job *job, struct line_splitter *s, const char *at, const char *end,
          const struct sl_import_line_reader *reader, size_t *out_bytes, struct sl_error *err)
{
    *out_bytes = 0;
    job->line_bytes = s->offset_bytes + (uint64_t)(at - s->buffer);
    if (s->is_skipping || reader->take_many == NULL || job->line_bytes < job->resume_bytes)
        return SL_OK;
    uint32_t count = reader->take_many(reader->context, at, (size_t)(end - at), out_bytes);
    s->number += count;
    return count == 0 ? SL_OK : take_rows(job, count, job->line_bytes + *out_bytes, err);
}

static sl_status
split(struct sl_import_job *job, struct line_splitter *s, bool is_last,
      const struct sl_import_line_reader *reader, struct sl_error *err)
{
    char *at = s->buffer;
    char *end = s->buffer + s->used;
    while (at < end) {
        size_t many_bytes = 0;
        SL_TRY(take_many(job, s, at, end, reader, &many_bytes, err));
        at += many_bytes;
        if (many_bytes != 0)
            continue;
        char *stop = memchr(at, '\n', (size_t)(end - at));
        if (stop == NULL && !is_last)
            break;
        char *next = stop == NULL ? end : stop + 1;
        SL_TRY(take_line(job, s, at, next, reader, err));
        at = next;
    }
    size_t left = (size_t)(end - at);
    if (left > LINE_BYTES_MAX || s->is_skipping) {
        s->is_skipping = true;
        at = end;
        left = 0;
        if (is_last) {
            job->line_bytes = s->offset_bytes;
            SL_TRY(reject_long_line(job, ++s->number, s->offset_bytes + s->used, err));
        }
    }
    s->offset_bytes += (uint64_t)(at - s->buffer);
    memmove(s->buffer, at, left);
    s->used = left;
    return SL_OK;
}

sl_status
sl_import_job_lines(struct sl_import_job *job, const struct sl_import_line_reader *reader,
                    struct sl_error *err)
{
    struct line_splitter s = {.buffer =
                                  sl_new(LINE_BYTES_MAX + CHUNK_BYTES + SL_IMPORT_PADDING_BYTES)};
    sl_status st = SL_OK;
    for (bool is_last = false; st == SL_OK && !is_last;) {
        size_t got = 0;
        st = sl_import_check(job->options, err);
        if (st == SL_OK)
            st = sl_input_read(job->input, s.buffer + s.used, CHUNK_BYTES, &got, err);
        is_last = got == 0;
        s.used += got;
        if (st == SL_OK)
            st = split(job, &s, is_last, reader, err);
    }
    if (st == SL_OK)
        st = sl_import_job_send(job, s.offset_bytes, err);
    free(s.buffer);
    return st;
}
