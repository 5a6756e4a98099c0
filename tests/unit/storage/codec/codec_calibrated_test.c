/*
 * codec_calibrated_test.c - every codec earns its place: each wins at least one block of
 * calibrated flows.
 *
 * Method: 256 Ki generated flows (bench/flowgen.h, seed 1) are laid out in the inner order of a
 * segment (protocol, service port, client, server, time) and cut into blocks column by column, as
 * a segment does. The chooser decides; a codec that is never chosen fails the test, and then
 * belongs out of the tree. Blocks decode back to what they were.
 */
#include <stdio.h>

#include "bench/flowgen.h"
#include "storage/codec/codec.h"
#include "tests/support/test.h"

enum { ROWS = 4 * SL_BLOCK_ROWS, COLUMNS = 14 };

static struct flow flows[ROWS];
static uint64_t values[ROWS];
static uint64_t back[SL_BLOCK_ROWS];
static uint32_t wins[SL_CODEC_COUNT];

static const char *const column_names[COLUMNS] = {
    "protocol",        "service port", "client port", "tcp flags", "tos",
    "input interface", "exporter",     "direction",   "packets",   "bytes",
    "first seen",      "duration",     "packet size", "source AS",
};

static uint16_t
service_port(const struct flow *f)
{
    return f->src_port < f->dst_port ? f->src_port : f->dst_port;
}

static int
compare_flows(const void *a, const void *b)
{
    const struct flow *x = a;
    const struct flow *y = b;
    if (x->protocol != y->protocol)
        return x->protocol < y->protocol ? -1 : 1;
    if (service_port(x) != service_port(y))
        return service_port(x) < service_port(y) ? -1 : 1;
    int by_src = sl_addr_compare(x->src_addr, y->src_addr);
    if (by_src != 0)
        return by_src;
    int by_dst = sl_addr_compare(x->dst_addr, y->dst_addr);
    if (by_dst != 0)
        return by_dst;
    return x->first_us < y->first_us ? -1 : x->first_us > y->first_us;
}

static uint64_t
value_of(const struct flow *f, unsigned column)
{
    switch (column) {
    case 0:
        return f->protocol;
    case 1:
        return service_port(f);
    case 2:
        return f->src_port < f->dst_port ? f->dst_port : f->src_port;
    case 3:
        return f->tcp_flags;
    case 4:
        return f->tos;
    case 5:
        return f->input_if;
    case 6:
        return f->exporter;
    case 7:
        return 0; /* ingress, as nearly every exporter has it */
    case 8:
        return f->packets;
    case 9:
        return f->bytes;
    case 10:
        return (uint64_t)f->first_us ^ UINT64_C(1) << 63;
    case 11:
        return (uint64_t)(f->last_us - f->first_us);
    case 12:
        return f->bytes / f->packets;
    default:
        return f->src_as;
    }
}

static void
encode_column(unsigned column, enum sl_effort effort)
{
    struct sl_error err = {0};
    for (uint32_t row = 0; row < ROWS; row++)
        values[row] = value_of(&flows[row], column);
    for (uint32_t block = 0; block < ROWS / SL_BLOCK_ROWS; block++) {
        const uint64_t *in = &values[block * (uint32_t)SL_BLOCK_ROWS];
        struct sl_buf out = sl_buf_empty(SL_BLOCK_ROWS * 16);
        enum sl_codec codec = sl_codec_encode(in, SL_BLOCK_ROWS, effort, &out);
        assert_false(out.bad);
        wins[codec]++;
        printf("%-16s block %u %-5s %-8s %8zu bytes\n", column_names[column], block,
               effort == SL_EFFORT_SEAL ? "seal" : "merge", sl_codec_name(codec), out.size_bytes);
        TEST_OK(sl_codec_decode(codec, out.bytes, out.size_bytes, SL_BLOCK_ROWS, UINT32_MAX, back,
                                &err),
                &err);
        assert_memory_equal(back, in, sizeof(back));
        sl_buf_fini(&out);
    }
}

static void
encode_all(enum sl_effort effort)
{
    for (unsigned column = 0; column < COLUMNS; column++)
        encode_column(column, effort);
}

static void
every_codec_wins_a_block(void **state)
{
    struct flowgen_options options = flowgen_options_default();
    struct flowgen *g = flowgen_create(&options);
    (void)state;
    for (uint32_t row = 0; row < ROWS; row++)
        flowgen_next(g, &flows[row]);
    flowgen_destroy(g);
    encode_all(SL_EFFORT_SEAL); /* in time order, as a memtable holds them */
    qsort(flows, ROWS, sizeof(struct flow), compare_flows);
    encode_all(SL_EFFORT_SEAL);
    encode_all(SL_EFFORT_MERGE);
    for (unsigned codec = 0; codec < SL_CODEC_COUNT; codec++) {
        printf("%-8s wins %u blocks\n", sl_codec_name((enum sl_codec)codec), wins[codec]);
        if (wins[codec] == 0)
            fail_msg("%s never wins", sl_codec_name((enum sl_codec)codec));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_codec_wins_a_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
