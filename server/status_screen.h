/*
 * status_screen.h - one screen of lines for a person: `sluice status`.
 *
 * Layer: server, internal.
 */
#ifndef SLUICE_SERVER_STATUS_SCREEN_H
#define SLUICE_SERVER_STATUS_SCREEN_H

#include "server/service.h"
#include "storage/base/buf.h"

/* On a worker: asks store, ingest and counters. */
void sl_status_screen(const struct sl_service *service, struct sl_buf *out);

#endif
