/*
 * program_address.c - the tight loops for networks of addresses and for lists of blocks.
 */
#include "query/program_run.h"
#include "query/value.h"
#include "storage/base/addr.h"

enum { AHEAD = 16 }; /* rows whose entries are on their way from memory */

static uint32_t
entry_of(const struct sl_vector *v, uint32_t row)
{
    return v->encoding == SL_DICT ? v->codes[row] : row;
}

/* All addresses are IPv4. */
static bool
mask_narrow(struct sl_run *run, const struct sl_vector *v, unsigned prefix_bits,
            struct sl_vector *out)
{
    uint32_t host = prefix_bits >= 32 ? 0 : UINT32_MAX >> prefix_bits;
    uint32_t *values = sl_arena_alloc(run->arena, (size_t)run->count * sizeof(*values));
    const uint32_t *from = v->values;

    out->width = sizeof(*values);
    out->values = values;
    for (uint32_t row = 0; row < run->count && values != NULL; row++)
        values[row] = from[entry_of(v, row)] & ~host;
    return values != NULL;
}

static bool
mask_wide(struct sl_run *run, const struct sl_vector *v, unsigned prefix_bits,
          struct sl_vector *out)
{
    struct sl_addr *values = sl_arena_alloc(run->arena, (size_t)run->count * sizeof(*values));
    const struct sl_addr *from = v->values;
    uint32_t host = prefix_bits >= 32 ? 0 : UINT32_MAX >> prefix_bits;
    struct sl_addr last;

    out->width = sizeof(*values);
    out->values = values;
    for (uint32_t row = 0; row < run->count && values != NULL; row++) {
        struct sl_addr addr = from[entry_of(v, row)];
        if (row + AHEAD < run->count)
            __builtin_prefetch(&from[entry_of(v, row + AHEAD)]);
        if (sl_addr_is_v4(addr))
            values[row] = sl_addr_from_v4((uint32_t)addr.low & ~host);
        else
            sl_addr_block(addr, prefix_bits, &values[row], &last);
    }
    return values != NULL;
}

sl_status
sl_kernel_network(struct sl_run *run, const struct sl_vector *args, struct sl_register *out,
                  bool *out_done)
{
    const struct sl_vector *addr = &args[0];
    const struct sl_vector *bits = &args[1];

    if (addr->type != SL_TYPE_ADDR || addr->encoding == SL_CONSTANT ||
        bits->encoding != SL_CONSTANT || bits->value_count == 0 || addr->value_count == 0)
        return SL_OK;
    int64_t prefix_bits = (int64_t)sl_vector_u64(bits, 0);
    unsigned bounded = prefix_bits < 0 ? 0 : prefix_bits > 128 ? 128 : (unsigned)prefix_bits;
    *out = (struct sl_register){.vector = {.type = SL_TYPE_ADDR,
                                           .encoding = SL_PLAIN,
                                           .count = run->count,
                                           .value_count = run->count,
                                           .present = addr->present}};
    bool is_done = addr->width == 4 ? mask_narrow(run, addr, bounded, &out->vector)
                                    : mask_wide(run, addr, bounded, &out->vector);
    *out_done = is_done;
    return is_done ? SL_OK : sl_fail_memory(run->err);
}

/* Rows row .. row + 63 of the column as bits: is the address in a range? Neighbours often share
 * theirs, so the last one found is tried first. */
static uint64_t
find_lanes(const struct sl_in_set *set, const struct sl_vector *column, uint32_t row,
           uint32_t lanes, const struct sl_in_range **last)
{
    uint64_t word = 0;

    for (uint32_t lane = 0; lane < lanes; lane++) {
        struct sl_addr addr = sl_vector_addr(column, row + lane);
        bool is_same = *last != NULL && sl_addr_compare((*last)->first, addr) <= 0 &&
                       sl_addr_compare(addr, (*last)->last) <= 0;
        const struct sl_in_range *found = is_same ? *last : sl_in_set_range(set, addr);
        *last = found == NULL ? *last : found;
        word |= (uint64_t)(found != NULL) << lane;
    }
    return word;
}

sl_status
sl_kernel_in_ranges(struct sl_run *run, const struct sl_in_set *set, const struct sl_vector *column,
                    const uint64_t *mask, struct sl_register *out, bool *out_done)
{
    const struct sl_in_range *last = NULL;

    if (set == NULL || column->type != SL_TYPE_ADDR || column->encoding != SL_PLAIN)
        return SL_OK;
    uint64_t *truth = sl_run_bits(run);
    if (truth == NULL)
        return sl_fail_memory(run->err);
    for (uint32_t row = 0; row < run->count; row += 64) {
        uint32_t lanes = run->count - row < 64 ? run->count - row : 64;
        bool is_wanted = mask == NULL || mask[row / 64] != 0;
        truth[row / 64] = is_wanted ? find_lanes(set, column, row, lanes, &last) : 0;
    }
    sl_run_finish_truth(run, false, column->present, truth, out);
    *out_done = true;
    return SL_OK;
}
