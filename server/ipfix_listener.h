/*
 * ipfix_listener.h - IPFIX over TCP: connections whose bytes go to the decoder.
 *
 * Ownership: the caller's, between open and close.
 * Threads:   the loop's.
 * Layer:     server, internal.
 */
#ifndef SLUICE_SERVER_IPFIX_LISTENER_H
#define SLUICE_SERVER_IPFIX_LISTENER_H

#include "server/net/loop.h"
#include "server/service.h"

struct sl_ipfix_listener;

SL_MUST_CHECK
sl_status sl_ipfix_listener_open(const struct sl_service *service,
                                 const struct sl_endpoint *endpoint,
                                 struct sl_ipfix_listener **out_listener, struct sl_error *err);
struct sl_endpoint sl_ipfix_listener_endpoint(const struct sl_ipfix_listener *listener);
/* Ends its connections too. NULL is allowed. */
void sl_ipfix_listener_close(struct sl_ipfix_listener *listener);

#endif
