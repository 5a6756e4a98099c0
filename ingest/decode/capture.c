/*
 * capture.c - see capture.h. The only user of libpcap.
 */
#include "ingest/decode/capture.h"

#include <pcap/pcap.h>

#include "storage/base/clock.h"

_Static_assert(SL_LINK_SLL2 == DLT_LINUX_SLL2, "link types as libpcap numbers them");
_Static_assert(SL_LINK_LOOP == DLT_LOOP, "link types as libpcap numbers them");

enum { CAPTURE_MAGIC = 0x43415054 };

struct sl_capture {
    uint32_t magic;
    pcap_t *pcap; /* owned */
    char *path;   /* owned */
    int link;
    struct sl_capture_counts counts;
};

sl_status
sl_capture_open(const char *path, struct sl_capture **out_capture, struct sl_error *err)
{
    *out_capture = NULL;
    FILE *stream = fopen(path, "rbe");
    if (stream == NULL)
        return sl_fail_errno(err, "open %s", path);
    return sl_capture_open_stream(stream, path, out_capture, err);
}

sl_status
sl_capture_open_stream(FILE *stream, const char *name, struct sl_capture **out_capture,
                       struct sl_error *err)
{
    char story[PCAP_ERRBUF_SIZE] = "";
    *out_capture = NULL;
    pcap_t *pcap =
        pcap_fopen_offline_with_tstamp_precision(stream, PCAP_TSTAMP_PRECISION_MICRO, story);
    if (pcap == NULL) {
        (void)fclose(stream);
        return sl_fail(err, SL_FORMAT, "%s: %s", name, story);
    }
    int link = pcap_datalink(pcap);
    /* Numbers in files (101) and in the library (12 on Linux) differ for raw IP. */
    if (link == DLT_RAW)
        link = SL_LINK_RAW;
    if (!sl_link_is_known(link)) {
        pcap_close(pcap);
        return sl_fail(err, SL_UNSUPPORTED, "%s: captured on a link of type %d", name, link);
    }
    struct sl_capture *capture = sl_new(sizeof(*capture));
    capture->magic = CAPTURE_MAGIC;
    capture->pcap = pcap;
    capture->path = sl_new_string(name);
    capture->link = link;
    *out_capture = capture;
    return SL_OK;
}

void
sl_capture_close(struct sl_capture *capture)
{
    if (capture == NULL)
        return;
    SL_ASSERT(capture->magic == CAPTURE_MAGIC);
    pcap_close(capture->pcap);
    free(capture->path);
    sl_retire(&capture->magic);
    free(capture);
}

sl_status
sl_capture_next(struct sl_capture *capture, struct sl_packet *out_packet, int64_t *out_time_us,
                bool *out_more, struct sl_error *err)
{
    SL_ASSERT(capture->magic == CAPTURE_MAGIC);
    *out_more = false;
    for (;;) {
        struct pcap_pkthdr *header = NULL;
        const uint8_t *bytes = NULL;
        int answer = pcap_next_ex(capture->pcap, &header, &bytes);
        if (answer == PCAP_ERROR_BREAK)
            return SL_OK;
        if (answer != 1)
            return sl_fail(err, SL_FORMAT, "%s: packet %" PRIu64 ": %s", capture->path,
                           capture->counts.packets + 1, pcap_geterr(capture->pcap));
        capture->counts.packets++;
        enum sl_packet_kind kind =
            sl_packet_parse(capture->link, bytes, header->caplen, out_packet);
        capture->counts.fragments += kind == SL_PACKET_FRAGMENT;
        capture->counts.cut += kind == SL_PACKET_CUT;
        if (kind != SL_PACKET_UDP)
            continue;
        capture->counts.datagrams++;
        *out_time_us = (int64_t)header->ts.tv_sec * SL_US_PER_S + header->ts.tv_usec;
        *out_more = true;
        return SL_OK;
    }
}

struct sl_capture_counts
sl_capture_counts(const struct sl_capture *capture)
{
    return capture->counts;
}
