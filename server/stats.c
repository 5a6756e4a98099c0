/*
 * stats.c - see stats.h.
 */
#include "server/stats.h"

#include "storage/base/clock.h"

static const struct {
    const char *name;
    const char *help;
} descriptions[SL_COUNTER_COUNT] = {
#define X(id, name, help) {name, help},
    SL_COUNTER_LIST(X)
#undef X
};

struct sl_stats *
sl_stats_create(void)
{
    struct sl_stats *stats = sl_new(sizeof(*stats));
    stats->started_us = sl_clock_now_us();
    sl_stats_sample(stats);
    return stats;
}

void
sl_stats_destroy(struct sl_stats *stats)
{
    free(stats);
}

uint64_t
sl_stats_value(const struct sl_stats *stats, enum sl_counter counter)
{
    return atomic_load_explicit(&stats->counters[counter], memory_order_relaxed);
}

void
sl_stats_sample(struct sl_stats *stats)
{
    uint32_t count = atomic_load_explicit(&stats->sample_count, memory_order_relaxed);
    uint32_t slot = count % SL_STATS_SAMPLES;
    for (unsigned i = 0; i < SL_COUNTER_COUNT; i++)
        atomic_store_explicit(&stats->samples[slot][i], sl_stats_value(stats, (enum sl_counter)i),
                              memory_order_relaxed);
    atomic_store_explicit(&stats->sampled_us[slot], sl_clock_monotonic_us(), memory_order_relaxed);
    /* Pairs with the acquire in sl_stats_rate: a counted sample is a written one. */
    atomic_store_explicit(&stats->sample_count, count + 1, memory_order_release);
}

double
sl_stats_rate(const struct sl_stats *stats, enum sl_counter counter, unsigned seconds)
{
    uint32_t count = atomic_load_explicit(&stats->sample_count, memory_order_acquire);
    uint32_t back = (uint32_t)sl_min_size(seconds, sl_min_size(SL_STATS_SAMPLES - 1, count - 1));
    if (back == 0)
        return 0;
    uint32_t last = (count - 1) % SL_STATS_SAMPLES;
    uint32_t first = (count - 1 - back) % SL_STATS_SAMPLES;
    int64_t span_us = atomic_load_explicit(&stats->sampled_us[last], memory_order_relaxed) -
                      atomic_load_explicit(&stats->sampled_us[first], memory_order_relaxed);
    uint64_t rise = atomic_load_explicit(&stats->samples[last][counter], memory_order_relaxed) -
                    atomic_load_explicit(&stats->samples[first][counter], memory_order_relaxed);
    return span_us <= 0 ? 0 : (double)rise * SL_US_PER_S / (double)span_us;
}

const char *
sl_counter_name(enum sl_counter counter)
{
    return descriptions[counter].name;
}

const char *
sl_counter_help(enum sl_counter counter)
{
    return descriptions[counter].help;
}
