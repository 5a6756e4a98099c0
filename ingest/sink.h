/*
 * sink.h - where ingest puts its batches: one function pointer and its context.
 *
 * The server decides what stands behind it (the store, with a journal); a test puts a list
 * there. Layer: ingest. Facade.
 */
#ifndef SLUICE_INGEST_SINK_H
#define SLUICE_INGEST_SINK_H

#include "storage/base/status.h"
#include "storage/batch.h"

/* Takes over the caller's reference in every case. Blocks when the store pushes back.
 * Any thread. */
typedef sl_status sl_sink_fn(void *context, struct sl_batch *batch, struct sl_error *err);

struct sl_sink {
    sl_sink_fn *put;
    void *context;
};

#endif
