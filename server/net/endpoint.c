/* endpoint.c - addresses and ports as text and as the system has them: see endpoint.h. */
#include "server/net/endpoint.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Split "host:port" or "[host]:port" and check the port. */
static sl_status
split(const char *text, char *host, size_t host_capacity, uint16_t *out_port, struct sl_error *err)
{
    const char *colon = strrchr(text, ':');
    if (colon == NULL || colon == text)
        return sl_fail(err, SL_FORMAT, "\"%.80s\" is not HOST:PORT", text);
    const char *start = text;
    const char *end = colon;
    if (*start == '[' && end[-1] == ']') {
        start++;
        end--;
    } else if (memchr(start, ':', (size_t)(end - start)) != NULL) {
        return sl_fail(err, SL_FORMAT, "\"%.80s\": write an IPv6 address as [ADDRESS]:PORT", text);
    }
    size_t host_bytes = (size_t)(end - start);
    if (host_bytes == 0 || host_bytes >= host_capacity)
        return sl_fail(err, SL_FORMAT, "\"%.80s\" has no host", text);
    memcpy(host, start, host_bytes);
    host[host_bytes] = '\0';

    char *rest = NULL;
    errno = 0;
    unsigned long port = colon[1] >= '0' && colon[1] <= '9' ? strtoul(colon + 1, &rest, 10) : 65536;
    if (port > UINT16_MAX || *rest != '\0')
        return sl_fail(err, SL_FORMAT, "\"%.80s\": a port is a number from 0 to 65535", text);
    *out_port = (uint16_t)port;
    return SL_OK;
}

static struct sockaddr_in *
as_v4(struct sockaddr_storage *address)
{
    return (struct sockaddr_in *)(void *)address;
}

static struct sockaddr_in6 *
as_v6(struct sockaddr_storage *address)
{
    return (struct sockaddr_in6 *)(void *)address;
}

/* A socket of both families names IPv4 peers as ::ffff:a.b.c.d. */
static void
unmap(struct sockaddr_storage *address)
{
    struct sockaddr_in6 v6 = *as_v6(address);
    if (address->ss_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr))
        return;
    *address = (struct sockaddr_storage){.ss_family = AF_INET};
    as_v4(address)->sin_port = v6.sin6_port;
    memcpy(&as_v4(address)->sin_addr, &v6.sin6_addr.s6_addr[12], 4);
}

/* The first address of a host; flags as getaddrinfo has them. */
static sl_status
resolve(const char *host, int flags, struct sockaddr_storage *out_address, struct sl_error *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags};
    struct addrinfo *found = NULL;
    int code = getaddrinfo(host, NULL, &hints, &found);
    if (code != 0)
        return sl_fail(err, SL_IO, "cannot resolve \"%.80s\": %s", host, gai_strerror(code));
    *out_address = (struct sockaddr_storage){0};
    memcpy(out_address, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return SL_OK;
}

sl_status
sl_endpoint_of(const struct sockaddr_storage *address, struct sl_endpoint *out_endpoint,
               struct sl_error *err)
{
    struct sockaddr_storage copy = *address;
    unmap(&copy);
    if (copy.ss_family != AF_INET && copy.ss_family != AF_INET6)
        return sl_fail(err, SL_IO, "an address is of neither IPv4 nor IPv6");
    *out_endpoint = (struct sl_endpoint){.is_v6 = copy.ss_family == AF_INET6};
    socklen_t size_bytes =
        out_endpoint->is_v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    int code = getnameinfo((struct sockaddr *)&copy, size_bytes, out_endpoint->host,
                           sizeof(out_endpoint->host), NULL, 0, NI_NUMERICHOST);
    if (code != 0)
        return sl_fail(err, SL_IO, "address: %s", gai_strerror(code));
    if (out_endpoint->is_v6) {
        out_endpoint->port = ntohs(as_v6(&copy)->sin6_port);
        out_endpoint->is_loopback = IN6_IS_ADDR_LOOPBACK(&as_v6(&copy)->sin6_addr);
    } else {
        out_endpoint->port = ntohs(as_v4(&copy)->sin_port);
        out_endpoint->is_loopback = ntohl(as_v4(&copy)->sin_addr.s_addr) >> 24 == 127;
    }
    return SL_OK;
}

sl_status
sl_endpoint_address(const struct sl_endpoint *endpoint, struct sockaddr_storage *out_address,
                    struct sl_error *err)
{
    SL_TRY(resolve(endpoint->host, AI_NUMERICHOST, out_address, err));
    if (endpoint->is_v6)
        as_v6(out_address)->sin6_port = htons(endpoint->port);
    else
        as_v4(out_address)->sin_port = htons(endpoint->port);
    return SL_OK;
}

sl_status
sl_endpoint_parse(const char *text, struct sl_endpoint *out_endpoint, struct sl_error *err)
{
    struct sl_endpoint endpoint;
    struct sockaddr_storage address;
    uint16_t port = 0;
    char host[256];
    SL_TRY(split(text, host, sizeof(host), &port, err));
    SL_TRY(resolve(host, 0, &address, err));
    SL_TRY(sl_endpoint_of(&address, &endpoint, err));
    endpoint.port = port;
    *out_endpoint = endpoint;
    return SL_OK;
}

void
sl_endpoint_format(const struct sl_endpoint *endpoint, char text[SL_ENDPOINT_TEXT_BYTES])
{
    (void)snprintf(text, SL_ENDPOINT_TEXT_BYTES, endpoint->is_v6 ? "[%s]:%u" : "%s:%u",
                   endpoint->host, (unsigned)endpoint->port);
}
