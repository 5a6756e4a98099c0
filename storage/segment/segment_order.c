/*
 * segment_order.c - sides of flows and the inner order of a row group.
 *
 * The order is a radix sort, least significant digit first, on a compact 64-bit key (protocol,
 * service port, client); then each run of rows that are equal so far, most of them short, is
 * sorted by a second one (server, client's port). Addresses take part as their codes in the
 * group's sorted dictionary, protocols as their rank among those that occur. The sort is stable,
 * and rows are given in the order of their arrival. Rows of one conversation are equal in both keys,
 * so that answers are found where the keys still lie side by side.
 */
#include "storage/segment/segment_order.h"

#include "storage/segment/segment_input.h"

enum {
    DIGIT_BITS_MAX = 11,
    DIGITS_MAX = 8,
    SHORT_MAX = 2048, /* rows whose digits are SHORT_BITS_MAX: their tables are quick to clear */
    SHORT_BITS_MAX = 8,
    INSERTION_MAX = 32, /* rows: more are sorted by their digits */
    PORT_BITS = 16,
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

static uint32_t
code_at(const uint32_t *codes, uint32_t row)
{
    return codes == NULL ? 0 : codes[row];
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
        uint16_t src = keys->src_port[i];
        uint16_t dst = keys->dst_port[i];
        uint32_t src_rank = (uint32_t)ranks[src] << 16 | src;
        uint32_t dst_rank = (uint32_t)ranks[dst] << 16 | dst;
        bool has_no_ports = keys->protocol != NULL && is_icmp(keys->protocol[i]);
        bool is_tie = src == dst && code_at(keys->src_code, i) < code_at(keys->dst_code, i);
        sides[i] = (src_rank < dst_rank || is_tie) && !has_no_ports;
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

/* Sort by one digit; `starts` has the number of keys with each of its values. */
static void
scatter(struct radix *r, unsigned shift, uint64_t mask, uint32_t *starts)
{
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

/* Sort by the low key_bits bits of the keys, stable; the result is in r->source. Digits are as
 * narrow as their number allows: fewer places to write to at a time. */
static void
radix_sort(struct radix *r, unsigned key_bits)
{
    uint32_t starts[DIGITS_MAX][1 << DIGIT_BITS_MAX];
    unsigned bits_max = r->count <= SHORT_MAX ? SHORT_BITS_MAX : DIGIT_BITS_MAX;
    unsigned digits = (key_bits + bits_max - 1) / bits_max;
    unsigned digit_bits = digits == 0 ? 0 : (key_bits + digits - 1) / digits;
    uint64_t mask = (UINT64_C(1) << digit_bits) - 1;
    for (unsigned digit = 0; digit < digits; digit++)
        memset(starts[digit], 0, (mask + 1) * sizeof(starts[0][0]));
    for (uint32_t i = 0; i < r->count; i++)
        for (unsigned digit = 0; digit < digits; digit++)
            starts[digit][r->source.keys[i] >> digit * digit_bits & mask]++;
    for (unsigned digit = 0; digit < digits; digit++) {
        unsigned shift = digit * digit_bits;
        if (starts[digit][r->source.keys[0] >> shift & mask] != r->count)
            scatter(r, shift, mask, starts[digit]);
    }
}

/* What rows are sorted by: `high` first, then `low`. */
struct sort_keys {
    uint64_t *high, *low;
    unsigned high_bits, low_bits;
};

/* Protocols as their ranks among those that occur. Returns the bits of a rank. */
static unsigned
rank_protocols(const struct sl_segment_order_keys *k, uint8_t ranks[256])
{
    uint32_t rank = 0;
    memset(ranks, 0, 256);
    for (uint32_t i = 0; k->protocol != NULL && i < k->row_count; i++)
        ranks[k->protocol[i]] = 1;
    for (unsigned p = 0; p < 256; p++)
        if (ranks[p] != 0)
            ranks[p] = (uint8_t)rank++;
    return bits_of(rank);
}

/* (protocol, service port, client) and (server, client's port) of each row. */
static void
fill_keys(const struct sl_segment_order_keys *k, const uint8_t *sides, struct sort_keys *keys)
{
    uint8_t ranks[256];
    unsigned code_bits = k->code_count <= 1 ? 0 : bits_of(k->code_count - 1);
    keys->high_bits = rank_protocols(k, ranks) + PORT_BITS + code_bits;
    keys->low_bits = code_bits + PORT_BITS;
    for (uint32_t row = 0; row < k->row_count; row++) {
        uint64_t protocol = k->protocol == NULL ? 0 : ranks[k->protocol[row]];
        uint64_t src_port = k->src_port == NULL ? 0 : k->src_port[row];
        uint64_t dst_port = k->dst_port == NULL ? 0 : k->dst_port[row];
        uint64_t src_code = code_at(k->src_code, row);
        uint64_t dst_code = code_at(k->dst_code, row);
        uint64_t turn = -(uint64_t)sides[row];
        uint64_t port = (src_port ^ dst_port) & turn;
        uint64_t code = (src_code ^ dst_code) & turn;
        keys->high[row] =
            (protocol << PORT_BITS | (dst_port ^ port)) << code_bits | (src_code ^ code);
        keys->low[row] = (dst_code ^ code) << PORT_BITS | (src_port ^ port);
    }
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

/* Rows whose high keys are equal by their low ones, which replace them, in place. */
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
    if (r.source.order == rows.order)
        return;
    memcpy(rows.order, r.source.order, count * sizeof(*rows.order));
    memcpy(rows.keys, r.source.keys, count * sizeof(*rows.keys));
}

/* Find answers among rows first .. end - 1 of the group, whose high keys are equal; `rows` has their
 * low ones. Returns their number. */
static uint32_t
pair_run(struct rows rows, const uint8_t *sides, uint32_t first, uint32_t end, uint64_t *answers)
{
    uint32_t count = 0;
    for (uint32_t i = first + 1; i < end; i++) {
        uint32_t lead = rows.order[i - 1];
        uint32_t row = rows.order[i];
        if (rows.keys[i] != rows.keys[i - 1] || sides[lead] == sides[row] ||
            i % SL_BLOCK_ROWS == 0 || sl_bit_get(answers, i - 1))
            continue;
        if (sides[row] == 0) {
            rows.order[i - 1] = row;
            rows.order[i] = lead;
        }
        sl_bit_set(answers, i);
        count++;
    }
    return count;
}

bool
sl_segment_order_sort(const struct sl_segment_order_keys *keys, const uint8_t *sides,
                      struct sl_arena *arena, uint32_t *order, uint64_t *answers,
                      uint32_t *out_answer_count)
{
    uint32_t count = keys->row_count;
    struct radix r = {.count = count, .source.order = order};
    struct sort_keys sort = {.low = sl_arena_alloc(arena, count * sizeof(uint64_t)),
                             .high = sl_arena_alloc(arena, count * sizeof(uint64_t))};
    r.source.keys = sort.high;
    r.target.keys = sl_arena_alloc(arena, count * sizeof(uint64_t));
    r.target.order = sl_arena_alloc(arena, count * sizeof(uint32_t));
    if (sort.low == NULL || sort.high == NULL || r.target.keys == NULL || r.target.order == NULL)
        return false;
    for (uint32_t i = 0; i < count; i++)
        order[i] = i;
    fill_keys(keys, sides, &sort);
    SL_ASSERT(sort.high_bits <= 64);
    radix_sort(&r, sort.high_bits);
    *out_answer_count = 0;
    for (uint32_t first = 0, end; first < count; first = end) {
        for (end = first + 1; end < count && r.source.keys[end] == r.source.keys[first]; end++)
            continue;
        if (end - first == 1)
            continue;
        struct rows run = {&r.source.keys[first], &r.source.order[first]};
        struct rows spare = {&r.target.keys[first], &r.target.order[first]};
        sort_run(run, spare, sort.low, end - first, sort.low_bits);
        *out_answer_count += pair_run(r.source, sides, first, end, answers);
    }
    if (r.source.order != order)
        memcpy(order, r.source.order, count * sizeof(*order));
    return true;
}
