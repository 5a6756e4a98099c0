/*
 * segment_order.c - sides of flows and the inner order of a row group.
 *
 * The order is a radix sort, least significant digit first, on a compact 64-bit key (protocol,
 * service port, side, host: the client); then each run of rows that are equal so far, most of them
 * short, is sorted by a second one (peer, time). Addresses take part as their codes in the group's
 * sorted dictionary, protocols as their rank among those that occur, time in as many bits as fill
 * the last digit: what counts is that neighbours are alike, not the last millisecond.
 */
#include "storage/segment/segment_order.h"

#include "storage/segment/segment_input.h"

enum {
    DIGIT_BITS_MAX = 11,
    INSERTION_MAX = 48, /* rows: more are sorted by their digits */
    TIME_BITS = 13,     /* of the low key at least: 8,192 steps of a segment's span */
    PROTOCOL_ICMP = 1,
    PROTOCOL_ICMP6 = 58,
};

/*
 * Ports of services, best known first: of two that are in the list the earlier one is the
 * service. What a client may use as an ephemeral port is not in it.
 */
static const uint16_t known_ports[] = {
    443,  80,   53,   22,   25,    123,  993,   445,  3389, 143,  587,   110,  995,  465,   853,
    8080, 8443, 21,   23,   161,   162,  389,   636,  3306, 5432, 1433,  1521, 88,   135,   137,
    138,  139,  67,   68,   69,    179,  500,   4500, 514,  1812, 1813,  1194, 5060, 5061,  3478,
    5349, 5353, 1900, 6881, 51413, 1935, 554,   5222, 5223, 5228, 27017, 6379, 9092, 9200,  11211,
    2049, 111,  873,  3128, 1080,  1883, 8883,  5900, 5938, 2055, 4739,  6343, 9995, 9996,  8000,
    8008, 8081, 8888, 9000, 9090,  9100, 10000, 5000, 3000, 631,  515,   1723, 1701, 47808, 502,
    102,  5671, 5672, 2375, 2376,  6443, 10250, 2379, 2380, 3260, 860,   7001, 7070, 19,    17,
    20,   37,   43,   70,   79,    113,  119,   194,  264,  427,  444,   512,  513,  543,   544,
    546,  547,  548,  563,  593,   646,  666,   749,  990,  992,
};

enum { PORT_COUNT = 1 << 16, RANK_UNKNOWN = 255 };
_Static_assert(SL_COUNTOF(known_ports) < RANK_UNKNOWN, "ranks fit a byte");

static bool
is_icmp(uint64_t protocol)
{
    return protocol == PROTOCOL_ICMP || protocol == PROTOCOL_ICMP6;
}

void
sl_segment_order_sides(const struct sl_segment_order_keys *keys, uint8_t *sides)
{
    if (keys->src_port == NULL || keys->dst_port == NULL) {
        memset(sides, 0, keys->row_count);
        return;
    }
    uint8_t ranks[PORT_COUNT];
    memset(ranks, RANK_UNKNOWN, sizeof(ranks));
    for (size_t i = SL_COUNTOF(known_ports); i-- > 0;)
        ranks[known_ports[i]] = (uint8_t)i;
    for (uint32_t i = 0; i < keys->row_count; i++) {
        uint16_t src = (uint16_t)keys->src_port[i];
        uint16_t dst = (uint16_t)keys->dst_port[i];
        uint32_t src_rank = (uint32_t)ranks[src] << 16 | src;
        uint32_t dst_rank = (uint32_t)ranks[dst] << 16 | dst;
        bool has_no_ports = keys->protocol != NULL && is_icmp(keys->protocol[i]);
        sides[i] = src_rank < dst_rank && !has_no_ports;
    }
}

static unsigned
bits_of(uint64_t value)
{
    return value == 0 ? 0 : 64 - (unsigned)__builtin_clzll(value);
}

/* Keys with the rows they belong to. Sorting moves both; `source` and `target` change places with
 * each digit. */
struct rows {
    uint64_t *keys;
    uint32_t *order;
};

struct radix {
    struct rows source, target;
    uint32_t count;
};

/* Sort by the low key_bits bits of the keys, stable; the result is in r->source. Digits are as
 * narrow as their number allows: fewer places to write to at a time. */
static void
radix_sort(struct radix *r, unsigned key_bits)
{
    unsigned digits = (key_bits + DIGIT_BITS_MAX - 1) / DIGIT_BITS_MAX;
    unsigned digit_bits = digits == 0 ? 0 : (key_bits + digits - 1) / digits;
    uint64_t mask = (UINT64_C(1) << digit_bits) - 1;
    for (unsigned digit = 0; digit < digits; digit++) {
        uint32_t starts[1 << DIGIT_BITS_MAX];
        unsigned shift = digit * digit_bits;
        memset(starts, 0, (mask + 1) * sizeof(starts[0]));
        for (uint32_t i = 0; i < r->count; i++)
            starts[r->source.keys[i] >> shift & mask]++;
        if (starts[r->source.keys[0] >> shift & mask] == r->count)
            continue;
        uint32_t sum = 0;
        for (uint64_t d = 0; d <= mask; d++) {
            uint32_t size = starts[d];
            starts[d] = sum;
            sum += size;
        }
        for (uint32_t i = 0; i < r->count; i++) {
            uint64_t key = r->source.keys[i];
            uint32_t at = starts[key >> shift & mask]++;
            r->target.keys[at] = key;
            r->target.order[at] = r->source.order[i];
        }
        struct rows rows = r->source;
        r->source = r->target;
        r->target = rows;
    }
}

static uint64_t
code_at(const uint32_t *codes, uint32_t row)
{
    return codes == NULL ? 0 : codes[row];
}

/* (peer, time) of each row. Returns the bits of the key. */
static unsigned
fill_low_keys(const struct sl_segment_order_keys *k, const uint8_t *sides, unsigned code_bits,
              uint64_t *keys)
{
    uint64_t min = UINT64_MAX;
    uint64_t max = 0;
    for (uint32_t i = 0; k->time != NULL && i < k->row_count; i++) {
        min = k->time[i] < min ? k->time[i] : min;
        max = k->time[i] > max ? k->time[i] : max;
    }
    unsigned span_bits = k->time == NULL ? 0 : bits_of(max - min);
    unsigned time_bits = TIME_BITS;
    time_bits += (DIGIT_BITS_MAX - (code_bits + time_bits) % DIGIT_BITS_MAX) % DIGIT_BITS_MAX;
    time_bits = time_bits > span_bits ? span_bits : time_bits;
    unsigned drop_bits = span_bits - time_bits;
    for (uint32_t i = 0; i < k->row_count; i++) {
        uint64_t peer = sides[i] == 0 ? code_at(k->dst_code, i) : code_at(k->src_code, i);
        uint64_t time = k->time == NULL ? 0 : (k->time[i] - min) >> drop_bits;
        keys[i] = peer << time_bits | time;
    }
    return code_bits + time_bits;
}

/* (protocol, service port, side, host) of each row. Returns the bits of the key. */
static unsigned
fill_high_keys(const struct sl_segment_order_keys *k, const uint8_t *sides, unsigned code_bits,
               uint64_t *keys)
{
    uint8_t ranks[256] = {0};
    for (uint32_t i = 0; k->protocol != NULL && i < k->row_count; i++)
        ranks[(uint8_t)k->protocol[i]] = 1;
    uint32_t rank = 0;
    for (unsigned p = 0; p < SL_COUNTOF(ranks); p++)
        if (ranks[p] != 0)
            ranks[p] = (uint8_t)rank++;
    for (uint32_t row = 0; row < k->row_count; row++) {
        bool is_server = sides[row] != 0;
        const uint64_t *ports = is_server ? k->src_port : k->dst_port;
        uint64_t protocol = k->protocol == NULL ? 0 : ranks[(uint8_t)k->protocol[row]];
        uint64_t port = ports == NULL ? 0 : (uint16_t)ports[row];
        uint64_t host = is_server ? code_at(k->dst_code, row) : code_at(k->src_code, row);
        keys[row] = ((protocol << 16 | port) << 1 | is_server) << code_bits | host;
    }
    return bits_of(rank) + 16 + 1 + code_bits;
}

/* A few rows, stable. */
static void
insertion_sort(struct rows rows, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        uint64_t key = rows.keys[i];
        uint32_t row = rows.order[i];
        uint32_t at = i;
        for (; at > 0 && rows.keys[at - 1] > key; at--) {
            rows.keys[at] = rows.keys[at - 1];
            rows.order[at] = rows.order[at - 1];
        }
        rows.keys[at] = key;
        rows.order[at] = row;
    }
}

/* Rows first .. end - 1 of `rows`, whose high keys are equal, by their low ones, in place. */
static void
sort_run(struct rows rows, struct rows spare, const uint64_t *low, uint32_t count,
         unsigned low_bits)
{
    for (uint32_t i = 0; i < count; i++)
        rows.keys[i] = low[rows.order[i]];
    if (count <= INSERTION_MAX) {
        insertion_sort(rows, count);
        return;
    }
    struct radix r = {.source = rows, .target = spare, .count = count};
    radix_sort(&r, low_bits);
    if (r.source.order != rows.order)
        memcpy(rows.order, r.source.order, count * sizeof(*rows.order));
}

bool
sl_segment_order_sort(const struct sl_segment_order_keys *keys, const uint8_t *sides,
                      struct sl_arena *arena, uint32_t *order)
{
    uint32_t count = keys->row_count;
    struct radix r = {.count = count, .source.order = order};
    uint64_t *low = sl_arena_alloc(arena, count * sizeof(uint64_t));
    r.source.keys = sl_arena_alloc(arena, count * sizeof(uint64_t));
    r.target.keys = sl_arena_alloc(arena, count * sizeof(uint64_t));
    r.target.order = sl_arena_alloc(arena, count * sizeof(uint32_t));
    if (low == NULL || r.source.keys == NULL || r.target.keys == NULL || r.target.order == NULL)
        return false;
    for (uint32_t i = 0; i < count; i++)
        order[i] = i;
    unsigned code_bits = keys->code_count <= 1 ? 0 : bits_of(keys->code_count - 1);
    unsigned low_bits = fill_low_keys(keys, sides, code_bits, low);
    unsigned high_bits = fill_high_keys(keys, sides, code_bits, r.source.keys);
    SL_ASSERT(high_bits <= 64);
    radix_sort(&r, high_bits);
    for (uint32_t first = 0, end; first < count; first = end) {
        for (end = first + 1; end < count && r.source.keys[end] == r.source.keys[first]; end++)
            continue;
        struct rows run = {&r.source.keys[first], &r.source.order[first]};
        struct rows spare = {&r.target.keys[first], &r.target.order[first]};
        if (end - first > 1)
            sort_run(run, spare, low, end - first, low_bits);
    }
    if (r.source.order != order)
        memcpy(order, r.source.order, count * sizeof(*order));
    return true;
}
