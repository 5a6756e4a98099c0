/*
 * pair_test.c - two ends of a connection within a loop: what one writes the other reads, and each
 * hears when the other is gone.
 */
#include "server/net/stream.h"

#include "storage/base/clock.h"
#include "tests/support/test.h"

/* One end of a pair: what it has read, and how it went. */
struct pair_end {
    struct sl_loop *loop;
    struct sl_stream *stream;
    char bytes[64];
    size_t size_bytes;
    bool closes_when_it_reads;
    bool has_ended;
    sl_status status;
};

static size_t
read_pair(void *context, const uint8_t *bytes, size_t size_bytes, size_t *out_wanted_bytes)
{
    struct pair_end *end = context;
    assert_true(end->size_bytes + size_bytes <= sizeof(end->bytes));
    memcpy(end->bytes + end->size_bytes, bytes, size_bytes);
    end->size_bytes += size_bytes;
    *out_wanted_bytes = 1;
    if (end->closes_when_it_reads) {
        sl_stream_close(end->stream);
        end->stream = NULL;
    }
    return size_bytes;
}

static void
end_pair(void *context, const struct sl_error *why)
{
    struct pair_end *end = context;
    end->stream = NULL;
    end->has_ended = true;
    end->status = why->status;
    sl_loop_stop(end->loop);
}

static void
drain_pair(void *context)
{
    (void)context;
}

static void
open_pair(struct sl_loop *loop, struct sl_budget *budget, struct pair_end ends[2])
{
    static const struct sl_stream_events pair_events = {
        .on_bytes = read_pair, .on_drained = drain_pair, .on_end = end_pair};
    struct sl_stream_limits limits = {.input_budget = budget,
                                      .stall_us = INT64_C(60) * SL_US_PER_S};
    struct sl_tcp *tcp[2];
    sl_pair_open(loop, tcp);
    for (int i = 0; i < 2; i++) {
        ends[i] = (struct pair_end){.loop = loop};
        ends[i].stream = sl_stream_open(tcp[i], &limits, &pair_events, &ends[i]);
    }
}

static void
send_pair(struct pair_end *end, const char *text)
{
    struct sl_buf out = sl_buf_empty(64);
    sl_buf_text(&out, text);
    sl_stream_send(end->stream, &out);
    sl_buf_fini(&out);
}

static void
ends_of_a_pair_hear_each_other(void **state)
{
    (void)state;
    struct sl_loop *loop = sl_loop_create();
    struct sl_budget budget = {.limit_bytes = 1 << 20};
    struct pair_end ends[2];

    open_pair(loop, &budget, ends);
    send_pair(&ends[0], "one ");
    send_pair(&ends[0], "two");
    send_pair(&ends[1], "three");
    sl_stream_finish(ends[0].stream); /* ends when it was heard */
    sl_loop_run(loop);
    assert_true(ends[1].has_ended && ends[1].status == SL_OK);
    assert_int_equal(ends[1].size_bytes, 7);
    assert_memory_equal(ends[1].bytes, "one two", 7);
    if (!ends[0].has_ended)
        sl_loop_run(loop);
    assert_int_equal(budget.used_bytes, 0);
    sl_loop_destroy(loop);
}

static void
who_waits_to_be_read_hears_that_the_other_closed(void **state)
{
    (void)state;
    struct sl_loop *loop = sl_loop_create();
    struct sl_budget budget = {.limit_bytes = 1 << 20};
    struct pair_end ends[2];

    open_pair(loop, &budget, ends);
    ends[1].closes_when_it_reads = true;
    sl_stream_pause(ends[0].stream);
    send_pair(&ends[0], "why");
    sl_stream_finish(ends[0].stream);
    sl_loop_run(loop);
    assert_true(ends[0].has_ended);
    assert_int_equal(budget.used_bytes, 0);
    sl_loop_destroy(loop);
}

static void
what_was_never_read_is_told_as_lost(void **state)
{
    (void)state;
    struct sl_loop *loop = sl_loop_create();
    struct sl_budget budget = {.limit_bytes = 1 << 20};
    struct pair_end ends[2];

    open_pair(loop, &budget, ends);
    sl_stream_pause(ends[0].stream);
    send_pair(&ends[0], "lost");
    sl_stream_close(ends[1].stream);
    sl_loop_run(loop);
    assert_true(ends[0].has_ended && ends[0].status == SL_IO);
    assert_int_equal(budget.used_bytes, 0);
    sl_loop_destroy(loop);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_of_a_pair_hear_each_other),
        cmocka_unit_test(who_waits_to_be_read_hears_that_the_other_closed),
        cmocka_unit_test(what_was_never_read_is_told_as_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
