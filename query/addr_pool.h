/*
 * addr_pool.h - addresses in 32 bits: equal addresses of one query have one code, whoever asks.
 *
 *   below 0xf0000000             the IPv4 address itself
 *   0xf0000000 .. 0xfffffffe     0xf0000000 + the number of any other address: IPv6, and IPv4 that
 *                                nobody may use (240.0.0.0/4)
 *   0xffffffff                   no address
 *
 * Groups and distinct values are keyed by these codes: flows between IPv4 hosts need no look at
 * the pool, and others a quarter of their bytes.
 *
 * Threads: any may ask for codes; addresses of codes after the last of them only.
 * Errors:  false when the budget is used up, or the pool holds 2^27 addresses.
 * Layer:   query, internal.
 */
#ifndef SLUICE_QUERY_ADDR_POOL_H
#define SLUICE_QUERY_ADDR_POOL_H

#include "storage/base/addr.h"
#include "storage/base/arena.h"

#define SL_ADDR_CODE_NUMBERED UINT32_C(0xf0000000)
#define SL_ADDR_CODE_NONE     UINT32_MAX

struct sl_addr_pool;

struct sl_addr_pool *sl_addr_pool_create(struct sl_budget *budget);
/* NULL is allowed. */
void sl_addr_pool_destroy(struct sl_addr_pool *pool);

enum { SL_ADDR_POOL_MANY = 2048 };

/* The codes of at most SL_ADDR_POOL_MANY addresses that are not below SL_ADDR_CODE_NUMBERED themselves:
 * far cheaper together than one by one. */
SL_MUST_CHECK
bool sl_addr_pool_number(struct sl_addr_pool *pool, const struct sl_addr *addrs, uint32_t count,
                         uint32_t *out_codes);

static inline bool
sl_addr_is_numbered(struct sl_addr addr)
{
    return addr.high != 0 || addr.low >= SL_ADDR_CODE_NUMBERED;
}

SL_MUST_CHECK
static inline bool
sl_addr_pool_code(struct sl_addr_pool *pool, struct sl_addr addr, uint32_t *out_code)
{
    if (sl_addr_is_numbered(addr))
        return sl_addr_pool_number(pool, &addr, 1, out_code);
    *out_code = (uint32_t)addr.low;
    return true;
}

/* Of a code that is not SL_ADDR_CODE_NONE. */
struct sl_addr sl_addr_pool_addr(const struct sl_addr_pool *pool, uint32_t code);

#endif
