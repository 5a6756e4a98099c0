/*
 * batch_codec.h - a batch as bytes, for the journal and for the wire.
 *
 * Light: integers less their minimum in the fewest whole bytes, constants once, dictionaries as
 * they are. It is fast rather than small; the codecs of segments are the small ones. The layout
 * is normative and described in batch_codec.c. Columns carry their name and type, so that a
 * reader needs nothing but the bytes.
 *
 * Errors: decode trusts nothing: SL_FORMAT with the offset for anything that does not fit.
 * Layer:  batch. Facade.
 */
#ifndef SLUICE_STORAGE_BATCH_CODEC_H
#define SLUICE_STORAGE_BATCH_CODEC_H

#include "storage/base/buf.h"
#include "storage/batch.h"

/* Append the encoding of `batch` to `out` (which may turn bad at its limit). */
void sl_batch_encode(const struct sl_batch *batch, struct sl_buf *out);

/* The same for loose vectors with names of their own (rows of a result): each of row_count. */
void sl_vectors_encode(const char *const *names, const struct sl_vector *vectors,
                       uint32_t vector_count, uint32_t row_count, struct sl_buf *out);

/* Decode into a batch with one reference. Columns unknown to the schema are added to it; a
 * column whose type differs from the schema's is SL_TYPE. */
SL_MUST_CHECK
sl_status sl_batch_decode(const void *bytes, size_t size_bytes, struct sl_schema *schema,
                          struct sl_batch **out_batch, struct sl_error *err);

/* Decode loose vectors; *out_vectors (and names, when wanted) live in `arena`. */
SL_MUST_CHECK
sl_status sl_vectors_decode(const void *bytes, size_t size_bytes, struct sl_arena *arena,
                            struct sl_vector **out_vectors, const char ***out_names,
                            uint32_t *out_vector_count, uint32_t *out_row_count,
                            struct sl_error *err);

#endif
