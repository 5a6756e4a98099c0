/*
 * input.c - the only user of zlib, and of zstd's streams. See input.h.
 *
 * Concatenated members (gzip) and frames (zstd) are one stream, as gunzip and zstd -d have it.
 */
#include "client/input.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

enum { RAW_BYTES = 256 << 10 };

enum input_form { INPUT_PLAIN, INPUT_GZIP, INPUT_ZSTD };

struct sl_input {
    char *path;
    int fd;
    enum input_form form;
    uint64_t raw_bytes;      /* read so far */
    uint64_t position_bytes; /* given out so far */
    uint8_t *raw;            /* RAW_BYTES, owned */
    size_t raw_start;
    size_t raw_end;
    bool raw_ended;
    bool in_frame; /* compressed: something was begun and not ended */
    z_stream gzip;
    ZSTD_DStream *zstd;
    uint8_t head[SL_INPUT_HEAD_BYTES]; /* peeked at, not given out yet */
    size_t head_start;
    size_t head_end;
    struct sl_error *stream_err; /* borrowed; of sl_input_stream */
};

/* The next raw bytes of the file. */
static sl_status
read_raw(struct sl_input *in, uint8_t *bytes, size_t size_bytes, size_t *out_got,
         struct sl_error *err)
{
    SL_ASSERT(size_bytes != 0);
    for (;;) {
        ssize_t got = read(in->fd, bytes, size_bytes);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return sl_fail_errno(err, "read %s", in->path);
        in->raw_ended = got == 0;
        in->raw_bytes += (uint64_t)got;
        *out_got = (size_t)got;
        return SL_OK;
    }
}

/* More raw bytes when none are left; raw_start == raw_end after it means the end. */
static sl_status
fill(struct sl_input *in, struct sl_error *err)
{
    if (in->raw_start != in->raw_end || in->raw_ended)
        return SL_OK;
    in->raw_start = in->raw_end = 0;
    return read_raw(in, in->raw, RAW_BYTES, &in->raw_end, err);
}

static sl_status
begin(struct sl_input *in, struct sl_error *err)
{
    static const uint8_t zstd_magic[] = {0x28, 0xb5, 0x2f, 0xfd};
    SL_TRY(fill(in, err));
    size_t held = in->raw_end - in->raw_start;
    if (held >= 2 && in->raw[0] == 0x1f && in->raw[1] == 0x8b) {
        in->form = INPUT_GZIP;
        if (inflateInit2(&in->gzip, 16 + MAX_WBITS) != Z_OK)
            return sl_fail(err, SL_LIMIT, "%s: no memory to decompress", in->path);
    } else if (held >= 4 && memcmp(in->raw, zstd_magic, 4) == 0) {
        in->form = INPUT_ZSTD;
        in->zstd = ZSTD_createDStream();
        if (in->zstd == NULL)
            return sl_fail(err, SL_LIMIT, "%s: no memory to decompress", in->path);
    }
    return SL_OK;
}

sl_status
sl_input_open(const char *path, struct sl_input **out_input, struct sl_error *err)
{
    *out_input = NULL;
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return sl_fail_errno(err, "open %s", path);
    struct sl_input *in = sl_new(sizeof(*in));
    in->path = sl_new_string(path);
    in->fd = fd;
    in->raw = sl_new(RAW_BYTES);
    sl_status st = begin(in, err);
    if (st != SL_OK) {
        sl_input_close(in);
        return st;
    }
    *out_input = in;
    return SL_OK;
}

void
sl_input_close(struct sl_input *in)
{
    if (in == NULL)
        return;
    if (in->form == INPUT_GZIP)
        (void)inflateEnd(&in->gzip);
    (void)ZSTD_freeDStream(in->zstd);
    (void)close(in->fd);
    free(in->raw);
    free(in->path);
    free(in);
}

static sl_status
read_plain(struct sl_input *in, uint8_t *bytes, size_t size_bytes, size_t *out_got,
           struct sl_error *err)
{
    size_t got = sl_min_size(size_bytes, in->raw_end - in->raw_start);
    *out_got = got;
    if (got == 0) /* nothing is left of the beginning: the rest needs no copy */
        return in->raw_ended ? SL_OK : read_raw(in, bytes, size_bytes, out_got, err);
    memcpy(bytes, in->raw + in->raw_start, got);
    in->raw_start += got;
    return SL_OK;
}

static sl_status
step_gzip(struct sl_input *in, uint8_t *bytes, size_t size_bytes, size_t *out_got,
          struct sl_error *err)
{
    in->gzip.next_in = in->raw + in->raw_start;
    in->gzip.avail_in = (uInt)(in->raw_end - in->raw_start);
    in->gzip.next_out = bytes;
    in->gzip.avail_out = (uInt)sl_min_size(size_bytes, 1 << 30);
    size_t room = in->gzip.avail_out;
    int answer = inflate(&in->gzip, Z_NO_FLUSH);
    in->raw_start = in->raw_end - in->gzip.avail_in;
    *out_got = room - in->gzip.avail_out;
    in->in_frame = answer != Z_STREAM_END;
    if (answer == Z_STREAM_END)
        (void)inflateReset(&in->gzip); /* another member may follow */
    else if (answer != Z_OK && answer != Z_BUF_ERROR)
        return sl_fail(err, SL_FORMAT, "%s: damaged gzip data before byte %" PRIu64, in->path,
                       in->raw_bytes);
    return SL_OK;
}

static sl_status
step_zstd(struct sl_input *in, uint8_t *bytes, size_t size_bytes, size_t *out_got,
          struct sl_error *err)
{
    ZSTD_inBuffer from = {.src = in->raw, .size = in->raw_end, .pos = in->raw_start};
    ZSTD_outBuffer to = {.dst = bytes, .size = size_bytes};
    size_t answer = ZSTD_decompressStream(in->zstd, &to, &from);
    in->raw_start = from.pos;
    *out_got = to.pos;
    if (ZSTD_isError(answer))
        return sl_fail(err, SL_FORMAT, "%s: damaged zstd data before byte %" PRIu64 ": %s",
                       in->path, in->raw_bytes, ZSTD_getErrorName(answer));
    in->in_frame = answer != 0;
    return SL_OK;
}

static sl_status
read_decompressed(struct sl_input *in, uint8_t *bytes, size_t size_bytes, size_t *out_got_bytes,
                  struct sl_error *err)
{
    *out_got_bytes = 0;
    if (in->form == INPUT_PLAIN)
        return read_plain(in, bytes, size_bytes, out_got_bytes, err);
    while (*out_got_bytes == 0) {
        SL_TRY(fill(in, err));
        if (in->raw_start == in->raw_end && in->in_frame)
            return sl_fail(err, SL_FORMAT, "%s: the compressed data ends in the middle", in->path);
        if (in->raw_start == in->raw_end)
            return SL_OK;
        if (in->form == INPUT_GZIP)
            SL_TRY(step_gzip(in, bytes, size_bytes, out_got_bytes, err));
        else
            SL_TRY(step_zstd(in, bytes, size_bytes, out_got_bytes, err));
    }
    return SL_OK;
}

sl_status
sl_input_read(struct sl_input *in, void *bytes, size_t size_bytes, size_t *out_got_bytes,
              struct sl_error *err)
{
    size_t held = in->head_end - in->head_start;
    if (held != 0) {
        *out_got_bytes = sl_min_size(size_bytes, held);
        memcpy(bytes, in->head + in->head_start, *out_got_bytes);
        in->head_start += *out_got_bytes;
    } else {
        SL_TRY(read_decompressed(in, bytes, size_bytes, out_got_bytes, err));
    }
    in->position_bytes += *out_got_bytes;
    return SL_OK;
}

sl_status
sl_input_peek(struct sl_input *in, const uint8_t **out_head, size_t *out_head_bytes,
              struct sl_error *err)
{
    SL_ASSERT(in->position_bytes == 0);
    *out_head = in->head;
    *out_head_bytes = 0;
    for (size_t got = 1; got != 0 && in->head_end < SL_INPUT_HEAD_BYTES; in->head_end += got)
        SL_TRY(read_decompressed(in, in->head + in->head_end, SL_INPUT_HEAD_BYTES - in->head_end,
                                 &got, err));
    *out_head_bytes = in->head_end;
    return SL_OK;
}

static ssize_t
read_for_stream(void *context, char *bytes, size_t size_bytes)
{
    struct sl_input *in = context;
    size_t got = 0;
    if (sl_input_read(in, bytes, size_bytes, &got, in->stream_err) != SL_OK) {
        errno = EIO;
        return -1;
    }
    return (ssize_t)got;
}

FILE *
sl_input_stream(struct sl_input *in, struct sl_error *err)
{
    in->stream_err = err;
    return fopencookie(in, "rb", (cookie_io_functions_t){.read = read_for_stream});
}

uint64_t
sl_input_position(const struct sl_input *in)
{
    return in->position_bytes;
}
