/*
 * codec_run.c - values that repeat: each run once, with its length.
 *
 * Layout
 *     for each mini: varint runs, 1 .. values of the mini
 *     pack.h, origin 0, one entry for each run of the block: its value
 *     pack.h, origin 0, one entry for each run of the block: its length less 1
 * A run ends where its mini ends, and the lengths of a mini's runs add up to its values: a mini
 * is decoded from its own runs.
 */
#include "storage/codec/pack.h"
#include "storage/codec/scheme.h"

/* Runs of one mini; returns their number. */
static uint32_t
find_runs(const uint64_t *values, uint32_t count, uint64_t *run_values, uint64_t *run_lengths)
{
    uint32_t runs = 0;
    uint32_t start = 0;
    /* Without a branch: where runs end comes at random. The last store at a place stands. */
    for (uint32_t i = 1; i < count; i++) {
        bool is_end = values[i] != values[i - 1];
        run_values[runs] = values[i - 1];
        run_lengths[runs] = i - start - 1;
        runs += is_end;
        start = is_end ? i : start;
    }
    run_values[runs] = values[count - 1];
    run_lengths[runs] = count - start - 1;
    return runs + 1;
}

void
sl_scheme_run_encode(const uint64_t *values, uint32_t count, struct sl_buf *out)
{
    struct sl_scratch *scratch = sl_scratch_get();
    uint32_t total = 0;

    for (uint32_t m = 0; m < sl_mini_count(count); m++) {
        uint32_t runs = find_runs(&values[sl_mini_first(m)], sl_mini_rows(count, m),
                                  &scratch->first[total], &scratch->second[total]);
        sl_buf_varint(out, runs);
        total += runs;
    }
    sl_pack_encode(scratch->first, total, 0, out);
    sl_pack_encode(scratch->second, total, 0, out);
}

/*
 * Write the runs of one mini out; false when they are not exactly its length. Most runs are short,
 * of lengths that no branch predictor knows: eight values are written at once, and the next run
 * writes over those that were too many. Once for each width of the target.
 */
enum { AT_ONCE = 8 };

static bool
spread(const uint64_t *run_values, const uint32_t *run_lengths, uint32_t runs, uint32_t count,
       uint64_t *values)
{
    uint32_t at = 0;
    for (uint32_t r = 0; r < runs; r++) {
        if (run_lengths[r] >= count - at)
            return false;
        uint32_t end = at + run_lengths[r] + 1;
        if (count - at >= AT_ONCE) {
            for (uint32_t i = 0; i < AT_ONCE; i++)
                values[at + i] = run_values[r];
            at = end < at + AT_ONCE ? end : at + AT_ONCE;
        }
        for (; at < end; at++)
            values[at] = run_values[r];
    }
    return at == count;
}

/* Also false when a value needs more than 32 bits. */
static bool
spread_narrow(const uint64_t *run_values, const uint32_t *run_lengths, uint32_t runs,
              uint32_t count, uint32_t *values)
{
    uint64_t all = 0;
    uint32_t at = 0;
    for (uint32_t r = 0; r < runs; r++) {
        uint32_t value = (uint32_t)run_values[r];
        all |= run_values[r];
        if (run_lengths[r] >= count - at)
            return false;
        uint32_t end = at + run_lengths[r] + 1;
        if (count - at >= AT_ONCE) {
            for (uint32_t i = 0; i < AT_ONCE; i++)
                values[at + i] = value;
            at = end < at + AT_ONCE ? end : at + AT_ONCE;
        }
        for (; at < end; at++)
            values[at] = value;
    }
    return at == count && all <= UINT32_MAX;
}

/* Runs of a block, read as minis want them. */
struct runs {
    struct sl_pack values, lengths;
    struct sl_shift shift; /* of the values */
    uint32_t ready;        /* minis of both that are read */
    uint64_t *value;       /* by run, with base and step */
    uint32_t *length;      /* by run, less 1 */
};

/* Read runs first .. last, each once. */
static bool
read_runs(struct runs *runs, uint32_t first, uint32_t last)
{
    for (uint32_t m = first / SL_MINI_ROWS; m <= last / SL_MINI_ROWS; m++) {
        const struct sl_pack_mini *mini = &runs->lengths.minis[m];
        uint64_t *values = &runs->value[sl_mini_first(m)];
        uint32_t *lengths = &runs->length[sl_mini_first(m)];
        if (runs->ready >> m & 1)
            continue;
        if (!sl_pack_is_narrow(mini) || mini->minimum >= SL_MINI_ROWS ||
            !sl_pack_read(&runs->values, m, values) ||
            !sl_pack_read_u32(&runs->lengths, m, lengths))
            return false;
        sl_shift_apply(runs->shift, mini->count, values);
        for (uint32_t i = 0; i < mini->count; i++)
            if (__builtin_add_overflow(lengths[i], (uint32_t)mini->minimum, &lengths[i]))
                return false;
        runs->ready |= UINT32_C(1) << m;
    }
    return true;
}

bool
sl_scheme_run_decode(struct sl_cursor *c, uint32_t count, uint32_t minis, struct sl_target *target)
{
    struct sl_scratch *scratch = sl_scratch_get();
    uint32_t start[SL_BLOCK_MINIS + 1] = {0};
    struct runs runs;

    uint32_t mini_count = sl_mini_count(count);
    for (uint32_t m = 0; m < mini_count; m++) {
        uint64_t mini_runs = sl_cursor_varint(c);
        if (mini_runs == 0 || mini_runs > sl_mini_rows(count, m))
            return false;
        start[m + 1] = start[m] + (uint32_t)mini_runs;
    }
    if (!sl_pack_open(&runs.values, c, start[mini_count], 0) ||
        !sl_pack_open(&runs.lengths, c, start[mini_count], 0))
        return false;
    runs.shift = sl_target_take_shift(target);
    runs.ready = 0;
    runs.value = scratch->first;
    runs.length = (uint32_t *)(void *)scratch->second;
    for (uint32_t m = 0; m < mini_count; m++) {
        uint32_t rows = sl_mini_rows(count, m);
        uint32_t first = start[m];
        uint32_t mini_runs = start[m + 1] - first;
        if ((minis >> m & 1) == 0)
            continue;
        if (!read_runs(&runs, first, start[m + 1] - 1))
            return false;
        const uint64_t *values = &runs.value[first];
        const uint32_t *lengths = &runs.length[first];
        if (target->narrow != NULL) {
            if (!spread_narrow(values, lengths, mini_runs, rows, sl_target_codes(target, m)))
                return false;
        } else if (!spread(values, lengths, mini_runs, rows, sl_target_mini(target, m)) ||
                   !sl_target_done(target, m, rows)) {
            return false;
        }
    }
    return true;
}
