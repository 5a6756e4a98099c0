/*
 * segment_order.c - sides of flows and the inner order of a row group.
 *
 * The order is a radix sort, least significant digit first, on a compact 64-bit key (protocol,
 * service port, client); then each run of rows that are equal so far, most of them short, is
 * sorted by a second one (server, client's port). Addresses take part as their codes in the
 * group's sorted dictionary, protocols as their rank among those that occur. The sort is stable,
 * and rows are given in the order of their arrival. Rows of one conversation are equal in both keys,
 * so that answers are found where the keys still lie side by side. Many rows are cut in two at a key in
 * the middle first, so that two threads can sort them.
 */
#include "storage/segment/segment_order.h"

#include <stdlib.h>

#include "storage/base/thread.h"
#include "storage/segment/segment_input.h"

enum {
    DIGIT_BITS_MAX = 11,
    DIGITS_MAX = 8,
    SHORT_MAX = 2048, /* rows whose digits are SHORT_BITS_MAX: their tables are quick to clear */
    SHORT_BITS_MAX = 8,
    INSERTION_MAX = 32,       /* rows: more are sorted by their digits */
    SPLIT_ROWS_MIN = 1 << 16, /* more are sorted in two parts */
    PIVOT_SAMPLE = 1024,
    PREFETCH_ROWS = 32,
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

/*
 * A key with the row it belongs to in its low bits, so that both move together. Rows come in ascending
 * order, and sorting is stable.
 */
struct radix {
    uint64_t *source, *target; /* change places with each digit */
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
        uint64_t key = r->source[i];
        r->target[starts[key >> shift & mask]++] = key;
    }
    uint64_t *keys = r->source;
    r->source = r->target;
    r->target = keys;
}

/* Sort by key_bits bits above the low `row_bits`; the result is in r->source. Digits are as narrow
 * as their number allows: fewer places to write to at a time. */
static void
radix_sort(struct radix *r, unsigned row_bits, unsigned key_bits)
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
            starts[digit][r->source[i] >> (row_bits + digit * digit_bits) & mask]++;
    for (unsigned digit = 0; digit < digits; digit++) {
        unsigned shift = row_bits + digit * digit_bits;
        if (starts[digit][r->source[0] >> shift & mask] != r->count)
            scatter(r, shift, mask, starts[digit]);
    }
}

/* What rows are sorted by: `high`, with the rows, first, then `low`, by row. */
struct sort_keys {
    uint64_t *high, *low;
    unsigned high_bits, low_bits, row_bits;
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

/* (protocol, service port, client) and (server, client's port) of each row. Where the first has no
 * room beside the row, the last bits of the client are left out: a few clients are mixed then. */
static void
fill_keys(const struct sl_segment_order_keys *k, const uint8_t *sides, struct sort_keys *keys)
{
    uint8_t ranks[256];
    unsigned code_bits = k->code_count <= 1 ? 0 : bits_of(k->code_count - 1);
    unsigned row_bits = bits_of(k->row_count - 1);
    unsigned high_bits = rank_protocols(k, ranks) + PORT_BITS + code_bits;
    unsigned cut_bits = high_bits + row_bits > 64 ? high_bits + row_bits - 64 : 0;
    SL_ASSERT(cut_bits <= code_bits);
    keys->row_bits = row_bits;
    keys->high_bits = high_bits - cut_bits;
    keys->low_bits = code_bits + PORT_BITS;
    SL_ASSERT(keys->low_bits + row_bits <= 64);
    for (uint32_t row = 0; row < k->row_count; row++) {
        uint64_t protocol = k->protocol == NULL ? 0 : ranks[k->protocol[row]];
        uint64_t src_port = k->src_port == NULL ? 0 : k->src_port[row];
        uint64_t dst_port = k->dst_port == NULL ? 0 : k->dst_port[row];
        uint64_t src_code = code_at(k->src_code, row);
        uint64_t dst_code = code_at(k->dst_code, row);
        uint64_t turn = -(uint64_t)sides[row];
        uint64_t port = (src_port ^ dst_port) & turn;
        uint64_t code = (src_code ^ dst_code) & turn;
        uint64_t high =
            (protocol << PORT_BITS | (dst_port ^ port)) << code_bits | (src_code ^ code);
        keys->high[row] = high >> cut_bits << row_bits | row;
        keys->low[row] = (dst_code ^ code) << PORT_BITS | (src_port ^ port);
    }
}

static void
insertion_sort(uint64_t *keys, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        uint64_t key = keys[i];
        uint32_t at = i;
        for (; at > 0 && keys[at - 1] > key; at--)
            keys[at] = keys[at - 1];
        keys[at] = key;
    }
}

/* Rows whose high keys are equal by their low ones, which replace them, in place. */
static void
sort_run(uint64_t *run, uint64_t *spare, const struct sort_keys *keys, uint32_t count)
{
    uint64_t row_mask = (UINT64_C(1) << keys->row_bits) - 1;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t row = run[i] & row_mask;
        run[i] = keys->low[row] << keys->row_bits | row;
    }
    if (count <= INSERTION_MAX) {
        insertion_sort(run, count);
        return;
    }
    struct radix r = {.source = run, .target = spare, .count = count};
    radix_sort(&r, keys->row_bits, keys->low_bits);
    if (r.source != run)
        memcpy(run, r.source, count * sizeof(*run));
}

/* Rows of which all are before, or all behind the others: sorted for themselves, by a thread of their
 * own if need be. */
struct part {
    const struct sort_keys *keys;
    const uint8_t *sides;
    uint32_t *order;          /* of the group */
    uint64_t *answers;        /* of the group */
    uint32_t first, count;    /* rows of the group */
    uint32_t first_answer;    /* rows before it are none: another thread writes to their word */
    uint64_t *source, *spare; /* its keys; as many more */
    uint32_t answer_count;
};

/* Find answers among rows first .. end - 1 of the part, whose high keys are equal; `rows` has their
 * low ones. */
static void
pair_run(struct part *part, uint64_t *rows, uint32_t first, uint32_t end)
{
    unsigned row_bits = part->keys->row_bits;
    uint64_t row_mask = (UINT64_C(1) << row_bits) - 1;
    for (uint32_t i = first + 1; i < end; i++) {
        uint64_t lead = rows[i - 1];
        uint64_t row = rows[i];
        uint32_t place = part->first + i;
        if (lead >> row_bits != row >> row_bits ||
            part->sides[lead & row_mask] == part->sides[row & row_mask] ||
            place % SL_BLOCK_ROWS == 0 || place < part->first_answer ||
            (place > part->first_answer && sl_bit_get(part->answers, place - 1)))
            continue;
        if (part->sides[row & row_mask] == 0) {
            rows[i - 1] = row;
            rows[i] = lead;
        }
        sl_bit_set(part->answers, place);
        part->answer_count++;
    }
}

/* Low keys lie by row: a run that is sorted finds its own on their way to the cache. */
static inline void
prefetch_low(const struct part *part, const uint64_t *rows, uint32_t i)
{
    uint64_t row_mask = (UINT64_C(1) << part->keys->row_bits) - 1;
    if (part->count - i > PREFETCH_ROWS)
        __builtin_prefetch(&part->keys->low[rows[i + PREFETCH_ROWS] & row_mask]);
}

static void
sort_part(void *context)
{
    struct part *part = context;
    const struct sort_keys *keys = part->keys;
    struct radix r = {.source = part->source, .target = part->spare, .count = part->count};
    if (part->count == 0)
        return;
    radix_sort(&r, keys->row_bits, keys->high_bits);
    uint64_t *rows = r.source;
    for (uint32_t first = 0, end; first < part->count; first = end) {
        uint64_t high = rows[first] >> keys->row_bits;
        for (end = first + 1; end < part->count && rows[end] >> keys->row_bits == high; end++)
            prefetch_low(part, rows, end);
        if (end - first == 1)
            continue;
        sort_run(&rows[first], &r.target[first], keys, end - first);
        pair_run(part, rows, first, end);
    }
    for (uint32_t i = 0; i < part->count; i++)
        part->order[part->first + i] = (uint32_t)(rows[i] & ((UINT64_C(1) << keys->row_bits) - 1));
}

static int
compare_u64(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

/* A high key that about half of the rows are below. */
static uint64_t
find_pivot(const struct sort_keys *keys, uint32_t count)
{
    uint64_t sample[PIVOT_SAMPLE];
    for (uint32_t i = 0; i < PIVOT_SAMPLE; i++)
        sample[i] = keys->high[(uint64_t)count * i / PIVOT_SAMPLE] >> keys->row_bits;
    qsort(sample, PIVOT_SAMPLE, sizeof(*sample), compare_u64);
    return sample[PIVOT_SAMPLE / 2];
}

/* The rows below the pivot first, stable. Returns their number. */
static uint32_t
split(const struct sort_keys *keys, uint32_t count, uint64_t *target)
{
    uint64_t pivot = find_pivot(keys, count) << keys->row_bits;
    uint32_t below = 0;
    for (uint32_t i = 0; i < count; i++)
        below += keys->high[i] < pivot;
    uint32_t at[2] = {0, below};
    for (uint32_t i = 0; i < count; i++)
        target[at[keys->high[i] >= pivot]++] = keys->high[i];
    return below;
}

uint32_t
sl_segment_order_sort(const struct sl_segment_order_keys *keys, const uint8_t *sides,
                      uint64_t *const scratch[3], bool has_thread, uint32_t *order,
                      uint64_t *answers)
{
    uint32_t count = keys->row_count;
    struct sort_keys sort = {.low = scratch[0], .high = scratch[1]};
    fill_keys(keys, sides, &sort);
    struct part whole = {.keys = &sort,
                         .sides = sides,
                         .order = order,
                         .answers = answers,
                         .count = count,
                         .source = scratch[1],
                         .spare = scratch[2]};
    if (count < SPLIT_ROWS_MIN) {
        sort_part(&whole);
        return whole.answer_count;
    }
    uint32_t below = split(&sort, count, scratch[2]);
    struct part front = whole;
    struct part back = whole;
    front.count = below;
    front.source = scratch[2];
    front.spare = scratch[1];
    back.first = below;
    back.count = count - below;
    back.first_answer = (below + 63) / 64 * 64;
    back.source = scratch[2] + below;
    back.spare = scratch[1] + below;
    struct sl_thread *thread =
        has_thread ? sl_thread_start("store-encode", sort_part, &back) : NULL;
    sort_part(&front);
    if (!has_thread)
        sort_part(&back);
    sl_thread_join(thread);
    return front.answer_count + back.answer_count;
}
