/*
 * flowgen_send.c - generated flows as NetFlow datagrams over UDP, at a given pace.
 *
 *   flowgen_send --to ADDRESS:PORT [--flows N] [--seed N] [--version 5|9] [--pace FLOWS_PER_SECOND]
 *                [--rate FLOWS_PER_SECOND] [--until now] [--laps N]
 *
 * --laps sends the same flows again and again, each time as much later as the lap before took.
 * --pace is how fast they are sent (default 100000), --rate how fast the flows' own clock runs
 * (default 20000). All datagrams are made before the first is sent; the 8 exporters send from
 * 127.0.0.1 to 127.0.0.8 where the target is a loopback address. Prints what was sent:
 *
 *   flows N datagrams N bytes N packets N seconds S
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/flowgen.h"
#include "storage/base/clock.h"

static void
die(const char *what)
{
    fprintf(stderr, "flowgen_send: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* "127.0.0.1:2055" */
static bool
parse_target(const char *text, struct sockaddr_in *out)
{
    char host[INET_ADDRSTRLEN];
    const char *colon = strchr(text, ':');
    if (colon == NULL || (size_t)(colon - text) >= sizeof(host))
        return false;
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = '\0';
    unsigned long port = strtoul(colon + 1, NULL, 10);
    *out = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    return port > 0 && port < 65536 && inet_pton(AF_INET, host, &out->sin_addr) == 1;
}

static void
open_sockets(const struct sockaddr_in *target, uint32_t count, int *sockets)
{
    bool is_loopback = ntohl(target->sin_addr.s_addr) >> 24 == 127;
    for (uint32_t i = 0; i < count; i++) {
        struct sockaddr_in from = {.sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK + i)};
        sockets[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (sockets[i] < 0)
            die("socket");
        if (is_loopback && bind(sockets[i], (struct sockaddr *)&from, sizeof(from)) != 0)
            die("bind");
        if (connect(sockets[i], (const struct sockaddr *)target, sizeof(*target)) != 0)
            die("connect");
    }
}

/* Sends each datagram when it is due; sleeps only when a millisecond or more is left. Seconds. */
static double
send_all(const struct flowgen_datagrams *d, const int *sockets, double pace)
{
    struct flowgen_datagram datagram;
    double sent_flows = 0;
    int64_t started_us = sl_clock_monotonic_us();
    for (size_t at = 0; flowgen_datagrams_next(d, &at, &datagram);) {
        int64_t due_us = started_us + (int64_t)(sent_flows / pace * SL_US_PER_S);
        int64_t wait_us = due_us - sl_clock_monotonic_us();
        if (wait_us >= SL_US_PER_MS) {
            struct timespec pause = {.tv_sec = wait_us / SL_US_PER_S,
                                     .tv_nsec = wait_us % SL_US_PER_S * 1000};
            (void)nanosleep(&pause, NULL);
        }
        /* A receiver that has gone answers a loopback datagram with this once; the next may do. */
        if (send(sockets[datagram.exporter], datagram.bytes, datagram.size_bytes, 0) < 0 &&
            errno != ECONNREFUSED)
            die("send");
        sent_flows += datagram.flows;
    }
    return (double)(sl_clock_monotonic_us() - started_us) / SL_US_PER_S;
}

int
main(int argc, char **argv)
{
    struct flowgen_options options = flowgen_options_default();
    struct sockaddr_in target = {0};
    int sockets[FLOWGEN_EXPORTERS_MAX];
    uint64_t flows = 1000000;
    double pace = 100000;
    int version = 9;
    bool ends_now = false;
    uint64_t laps = 1;
    bool is_understood = argc % 2 == 1;
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *value = argv[i + 1];
        if (strcmp(argv[i], "--to") == 0)
            is_understood = parse_target(value, &target) && is_understood;
        else if (strcmp(argv[i], "--flows") == 0)
            flows = strtoull(value, NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0)
            options.seed = strtoull(value, NULL, 10);
        else if (strcmp(argv[i], "--version") == 0)
            version = strcmp(value, "5") == 0 ? 5 : 9;
        else if (strcmp(argv[i], "--pace") == 0)
            pace = strtod(value, NULL);
        else if (strcmp(argv[i], "--rate") == 0)
            options.flows_per_second = strtod(value, NULL);
        else if (strcmp(argv[i], "--laps") == 0)
            laps = strtoull(value, NULL, 10);
        else if (strcmp(argv[i], "--until") == 0 && strcmp(value, "now") == 0)
            ends_now = true;
        else
            is_understood = false;
    }
    if (!is_understood || target.sin_port == 0 || flows == 0 || laps == 0 || !(pace > 0) ||
        !(options.flows_per_second > 0)) {
        fprintf(stderr, "usage: flowgen_send --to ADDRESS:PORT [--flows N] [--seed N] "
                        "[--version 5|9] [--pace N] [--rate N] [--until now] [--laps N]\n");
        return 2;
    }
    if (ends_now)
        options.start_us = sl_clock_now_us() - (int64_t)((double)flows / options.flows_per_second *
                                                         (double)SL_US_PER_S);
    struct flowgen_datagrams d = flowgen_datagrams_create(&options, flows, version);
    open_sockets(&target, options.exporters, sockets);
    double seconds = 0;
    for (uint64_t lap = 0; lap < laps; lap++) {
        double took = send_all(&d, sockets, pace);
        flowgen_datagrams_shift(&d, (uint32_t)(took + 0.5));
        seconds += took;
    }
    printf("flows %" PRIu64 " datagrams %" PRIu64 " bytes %" PRIu64 " packets %" PRIu64
           " seconds %.3f\n",
           laps * d.flows, laps * d.count, laps * d.flow_bytes, laps * d.packets, seconds);
    for (uint32_t i = 0; i < options.exporters; i++)
        (void)close(sockets[i]);
    flowgen_datagrams_destroy(&d);
    return 0;
}
