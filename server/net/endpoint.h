/*
 * endpoint.h - where somebody listens or speaks from: a numeric address and a port.
 *
 * Layer: server/net.
 */
#ifndef SLUICE_SERVER_NET_ENDPOINT_H
#define SLUICE_SERVER_NET_ENDPOINT_H

#include <sys/socket.h>

#include "storage/base/base.h"
#include "storage/base/status.h"

struct sl_endpoint {
    char host[64]; /* numeric: "127.0.0.1", "::1", "fe80::1%eth0" */
    uint16_t port;
    bool is_v6;
    bool is_loopback;
};
enum { SL_ENDPOINT_TEXT_BYTES = 80 };

/* "127.0.0.1:7010", "[::1]:7010", "localhost:7010". A name is resolved, which may block: at start
 * only. SL_FORMAT: not of this form; SL_IO: the name is unknown. */
SL_MUST_CHECK
sl_status sl_endpoint_parse(const char *text, struct sl_endpoint *out_endpoint,
                            struct sl_error *err);

/* "127.0.0.1:7010", "[::1]:7010". */
void sl_endpoint_format(const struct sl_endpoint *endpoint, char text[SL_ENDPOINT_TEXT_BYTES]);

/* The system's form of an address of either family, and back; an IPv4 address that is mapped into
 * IPv6 is itself. SL_IO: it is of another family, or names an interface that is gone. */
SL_MUST_CHECK
sl_status sl_endpoint_of(const struct sockaddr_storage *address, struct sl_endpoint *out_endpoint,
                         struct sl_error *err);
SL_MUST_CHECK
sl_status sl_endpoint_address(const struct sl_endpoint *endpoint,
                              struct sockaddr_storage *out_address, struct sl_error *err);

#endif
