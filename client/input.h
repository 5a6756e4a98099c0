/*
 * input.h - a file as one stream of decompressed bytes: plain, gzip, zstd.
 *
 * The compression is told by the first bytes, not by the name. "-" is standard input.
 *
 * Ownership: the caller's, between open and close.
 * Threads:   one.
 * Errors:    SL_IO with the path; SL_FORMAT for compressed bytes that are damaged or cut off.
 * Layer:     client, internal.
 */
#ifndef SLUICE_CLIENT_INPUT_H
#define SLUICE_CLIENT_INPUT_H

#include <stdio.h>

#include "storage/base/status.h"

struct sl_input;

SL_MUST_CHECK
sl_status sl_input_open(const char *path, struct sl_input **out_input, struct sl_error *err);
void sl_input_close(struct sl_input *input);

/* Up to size_bytes; 0 is the end. */
SL_MUST_CHECK
sl_status sl_input_read(struct sl_input *input, void *bytes, size_t size_bytes,
                        size_t *out_got_bytes, struct sl_error *err);

/* The first decompressed bytes of an input that nothing has been read of; they are still given
 * out by sl_input_read. Borrowed until close. */
enum { SL_INPUT_HEAD_BYTES = 512 };
SL_MUST_CHECK
sl_status sl_input_peek(struct sl_input *input, const uint8_t **out_head, size_t *out_head_bytes,
                        struct sl_error *err);

/* The input as a stream, for a library that wants one; closing it leaves the input open. The
 * first failure to read is told in *err, which lives as long as the stream. NULL: no memory. */
FILE *sl_input_stream(struct sl_input *input, struct sl_error *err);

/* Decompressed bytes given out so far. */
uint64_t sl_input_position(const struct sl_input *input);

#endif
