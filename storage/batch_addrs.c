/*
 * batch_addrs.c - see batch_addrs.h.
 */
#include "storage/batch_addrs.h"

#include "storage/batch_ints.h"

/* The addresses of an array, apart by family. Owned: one allocation. */
struct families {
    uint64_t *high; /* of IPv6 */
    uint64_t *low;
    uint32_t *v4;
    uint32_t v4_count;
    uint32_t v6_count;
};

/* Room for these, and not zeroed: all of it is written. */
static struct families
families_create(uint32_t v4_count, uint32_t v6_count)
{
    struct families f = {.v4_count = v4_count, .v6_count = v6_count};
    size_t v6_bytes = (size_t)v6_count * 2 * sizeof(*f.high);
    f.high = sl_grow(NULL, 1, v6_bytes + ((size_t)v4_count + 1) * sizeof(*f.v4));
    f.low = f.high + v6_count;
    f.v4 = (uint32_t *)(void *)(f.low + v6_count);
    return f;
}

static uint32_t
count_v6(const struct sl_addr *addrs, uint32_t count)
{
    uint32_t v6_count = 0;
    for (uint32_t i = 0; i < count; i++)
        v6_count += !sl_addr_is_v4(addrs[i]);
    return v6_count;
}

void
sl_addrs_encode(const struct sl_addr *addrs, uint32_t count, struct sl_buf *out)
{
    size_t bits_bytes = ((size_t)count + 7) / 8;
    uint8_t *is_v6 = sl_buf_extend(out, bits_bytes);
    if (is_v6 == NULL)
        return;
    uint32_t v6_count = count_v6(addrs, count);
    struct families f = families_create(count - v6_count, v6_count);
    uint32_t v4_at = 0;
    uint32_t v6_at = 0;
    memset(is_v6, 0, bits_bytes);
    for (uint32_t i = 0; i < count; i++) {
        if (sl_addr_is_v4(addrs[i])) {
            f.v4[v4_at++] = (uint32_t)addrs[i].low;
            continue;
        }
        is_v6[i / 8] |= (uint8_t)(1U << i % 8);
        f.high[v6_at] = addrs[i].high;
        f.low[v6_at++] = addrs[i].low;
    }
    sl_ints_encode(f.v4, sizeof(*f.v4), 0, f.v4_count, out);
    sl_ints_encode(f.high, sizeof(*f.high), 0, f.v6_count, out);
    sl_ints_encode(f.low, sizeof(*f.low), 0, f.v6_count, out);
    free(f.high);
}

static bool
decode_families(struct sl_cursor *c, struct families *f)
{
    return sl_ints_decode(c, sizeof(*f->v4), 0, UINT32_MAX, f->v4_count, f->v4) &&
           sl_ints_decode(c, sizeof(*f->high), 0, UINT64_MAX, f->v6_count, f->high) &&
           sl_ints_decode(c, sizeof(*f->low), 0, UINT64_MAX, f->v6_count, f->low);
}

bool
sl_addrs_decode(struct sl_cursor *c, uint32_t count, struct sl_addr *addrs)
{
    size_t bits_bytes = ((size_t)count + 7) / 8;
    const uint8_t *is_v6 = sl_cursor_take(c, bits_bytes);
    if (is_v6 == NULL || (count % 8 != 0 && is_v6[count / 8] >> count % 8 != 0))
        return false;
    uint32_t v6_count = 0;
    for (size_t i = 0; i < bits_bytes; i++)
        v6_count += (uint32_t)__builtin_popcount(is_v6[i]);
    struct families f = families_create(count - v6_count, v6_count);
    bool is_good = decode_families(c, &f);
    uint32_t v4_at = 0;
    uint32_t v6_at = 0;
    for (uint32_t i = 0; i < count && is_good; i++) {
        if ((is_v6[i / 8] >> i % 8 & 1) == 0) {
            addrs[i] = sl_addr_from_v4(f.v4[v4_at++]);
            continue;
        }
        addrs[i] = (struct sl_addr){.low = f.low[v6_at], .high = f.high[v6_at]};
        v6_at++;
    }
    free(f.high);
    return is_good;
}
