/*
 * mysql_packet_fuzz.c - what a MySQL client sends: packets, frames of compressed ones, logins,
 * CHANGE_USER. The first byte chooses the offered capabilities and the way in.
 *
 * Packets are read twice, whole and byte by byte, and must come out the same.
 */
#include "client/mysql/deflate.h"
#include "client/mysql/greeting.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

enum { LIMIT_BYTES = 1 << 20, BUDGET_BYTES = 64 << 20 };

static void
decode(const struct sl_packet *packet, uint32_t offered)
{
    struct sl_login login;
    (void)sl_login_wants_tls(packet->payload, packet->payload_bytes);
    if (sl_login_decode(packet->payload, packet->payload_bytes, offered, &login, NULL) == SL_OK)
        SL_ASSERT((login.capabilities & ~offered) == 0);
    (void)!sl_change_user_decode(packet->payload, packet->payload_bytes, offered, &login, NULL);
}

/* The first message, as it is when more and more of it has come. */
static void
check_slow(const uint8_t *bytes, size_t size_bytes, size_t whole_bytes)
{
    struct sl_buf joined = sl_buf_empty(LIMIT_BYTES);
    size_t wanted_bytes = 1;
    for (size_t have = 0; have < sl_min_size(whole_bytes, 300); have++) {
        struct sl_packet packet = {0};
        size_t used_bytes = 1;
        if (have < wanted_bytes)
            continue;
        SL_ASSERT(sl_packet_next(bytes, have, LIMIT_BYTES, bytes[3], &joined, &packet, &used_bytes,
                                 &wanted_bytes, NULL) == SL_OK);
        SL_ASSERT(used_bytes == 0 && wanted_bytes > have && wanted_bytes <= size_bytes);
    }
    sl_buf_fini(&joined);
}

static void
take_packets(const uint8_t *bytes, size_t size_bytes, uint32_t offered)
{
    struct sl_buf joined = sl_buf_empty(LIMIT_BYTES);
    for (size_t at = 0; at + 4 <= size_bytes;) {
        struct sl_packet packet = {0};
        size_t used_bytes = 0;
        size_t wanted_bytes = 0;
        if (sl_packet_next(bytes + at, size_bytes - at, LIMIT_BYTES, bytes[at + 3], &joined,
                           &packet, &used_bytes, &wanted_bytes, NULL) != SL_OK)
            break;
        SL_ASSERT(used_bytes <= size_bytes - at);
        if (used_bytes == 0) {
            SL_ASSERT(wanted_bytes > size_bytes - at);
            break;
        }
        SL_ASSERT(packet.payload_bytes <= LIMIT_BYTES);
        decode(&packet, offered);
        check_slow(bytes + at, size_bytes - at, used_bytes);
        at += used_bytes;
    }
    sl_buf_fini(&joined);
}

static void
take_frames(const uint8_t *bytes, size_t size_bytes, uint32_t offered)
{
    struct sl_budget budget = {.limit_bytes = BUDGET_BYTES};
    struct sl_inflated inflated;
    sl_inflated_init(&inflated, &budget);
    for (size_t at = 0; at < size_bytes;) {
        size_t wanted_bytes = 0;
        if (size_bytes - at > 3 && inflated.frame_bytes == 0)
            inflated.sequence_next = bytes[at + 3];
        if (sl_inflate(&inflated, bytes + at, size_bytes - at, &wanted_bytes, NULL) != SL_OK ||
            inflated.frame_bytes == 0)
            break;
        SL_ASSERT(inflated.frame_bytes <= size_bytes - at);
        if (inflated.size_bytes != 0)
            take_packets(inflated.bytes + inflated.offset_bytes, inflated.size_bytes, offered);
        sl_inflated_drop(&inflated, inflated.size_bytes / 2);
        at += sl_inflated_end_frame(&inflated);
    }
    sl_inflated_fini(&inflated);
    SL_ASSERT(budget.used_bytes == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
    if (size_bytes == 0)
        return 0;
    uint32_t offered = SL_CAP_OFFERED;
    if ((bytes[0] & 2) != 0)
        offered &= ~(uint32_t)(SL_CAP_PLUGIN_AUTH | SL_CAP_PLUGIN_AUTH_LENENC);
    if ((bytes[0] & 4) != 0)
        offered |= SL_CAP_SSL;
    if ((bytes[0] & 1) != 0)
        take_frames(bytes + 1, size_bytes - 1, offered);
    else
        take_packets(bytes + 1, size_bytes - 1, offered);
    return 0;
}
