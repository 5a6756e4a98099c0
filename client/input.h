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

#include "storage/base/status.h"

struct sl_input;

SL_MUST_CHECK
sl_status sl_input_open(const char *path, struct sl_input **out_input, struct sl_error *err);
void sl_input_close(struct sl_input *input);

/* Up to size_bytes; 0 is the end. */
SL_MUST_CHECK
sl_status sl_input_read(struct sl_input *input, void *bytes, size_t size_bytes,
                        size_t *out_got_bytes, struct sl_error *err);

/* How much of the file on disk has been read, and how long it is; 0 when that is unknown. */
uint64_t sl_input_position(const struct sl_input *input);
uint64_t sl_input_size(const struct sl_input *input);

#endif
