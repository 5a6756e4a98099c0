/*
 * function_address.c - addresses and flows, one row at a time.
 */
#include <stdio.h>

#include "query/bind.h"
#include "query/function_row.h"
#include "query/value.h"
#include "storage/base/clock.h"
#include "storage/base/hash.h"

enum {
#define SL_IDX(number, column) IDX_##column,
#include "query/flow_idx.def"
#undef SL_IDX
    IDX_COLUMNS
};

static sl_status
address_text(struct sl_eval *eval, struct sl_addr addr, struct sl_value *out)
{
    char text[SL_ADDR_TEXT_BYTES];

    size_t size = sl_addr_format(addr, text);
    return sl_eval_copy(eval, text, size, out);
}

/* The number of an IPv4 address; NULL for IPv6. */
sl_status
sl_row_inet_aton(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
                 struct sl_value *out)
{
    (void)eval;
    (void)call;
    out->is_null = !sl_addr_is_v4(args[0].as.addr);
    out->as.u64 = args[0].as.addr.low;
    return SL_OK;
}

sl_status
sl_row_inet_ntoa(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
                 struct sl_value *out)
{
    (void)call;
    if (args[0].type == SL_TYPE_ADDR)
        return address_text(eval, args[0].as.addr, out);
    out->is_null = args[0].as.i64 < 0 || args[0].as.i64 > UINT32_MAX;
    return out->is_null ? SL_OK
                        : address_text(eval, sl_addr_from_v4((uint32_t)args[0].as.i64), out);
}

sl_status
sl_row_inet6_aton(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
                  struct sl_value *out)
{
    uint8_t bytes[16];
    bool is_v4 = sl_addr_is_v4(args[0].as.addr);

    (void)call;
    sl_addr_to_v6(args[0].as.addr, bytes);
    return sl_eval_copy(eval, is_v4 ? bytes + 12 : bytes, is_v4 ? 4 : 16, out);
}

sl_status
sl_row_inet6_ntoa(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
                  struct sl_value *out)
{
    struct sl_sql_type addr = {.type = SL_TYPE_ADDR};
    struct sl_value value = args[0];

    (void)call;
    if (args[0].type != SL_TYPE_ADDR) {
        uint32_t size = args[0].as.slice.size_bytes;
        out->is_null = size != 4 && size != 16;
        if (out->is_null)
            return SL_OK;
        SL_TRY(sl_value_cast(eval, &args[0], &addr, &value));
    }
    return address_text(eval, value.as.addr, out);
}

static void
block_of(const struct sl_value *args, struct sl_addr *out_first, struct sl_addr *out_last)
{
    int64_t bits = args[1].as.i64 < 0 ? 0 : args[1].as.i64 > 128 ? 128 : args[1].as.i64;

    sl_addr_block(args[0].as.addr, (unsigned)bits, out_first, out_last);
}

sl_status
sl_row_network(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
               struct sl_value *out)
{
    struct sl_addr last;

    (void)eval;
    (void)call;
    block_of(args, &out->as.addr, &last);
    return SL_OK;
}

sl_status
sl_row_broadcast(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
                 struct sl_value *out)
{
    struct sl_addr first;

    (void)eval;
    (void)call;
    block_of(args, &first, &out->as.addr);
    return SL_OK;
}

/* "10.0.0.0/8" */
sl_status
sl_row_prefix(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
              struct sl_value *out)
{
    char text[SL_ADDR_TEXT_BYTES + 8];
    char address[SL_ADDR_TEXT_BYTES];
    struct sl_addr first, last;
    int64_t most = sl_addr_is_v4(args[0].as.addr) ? 32 : 128;
    int64_t bits = args[1].as.i64 < 0 ? 0 : args[1].as.i64 > most ? most : args[1].as.i64;

    (void)call;
    block_of(args, &first, &last);
    (void)sl_addr_format(first, address);
    int size = snprintf(text, sizeof(text), "%s/%d", address, (int)bits);
    return sl_eval_copy(eval, text, (size_t)size, out);
}

sl_status
sl_row_in_network(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
                  struct sl_value *out)
{
    struct sl_addr first, last;
    struct sl_slice text = args[1].as.slice;

    (void)eval;
    (void)call;
    out->is_null = !sl_addr_parse_cidr((const char *)text.bytes, text.size_bytes, &first, &last);
    if (!out->is_null)
        out->as.u64 = sl_addr_compare(args[0].as.addr, first) >= 0 &&
                      sl_addr_compare(args[0].as.addr, last) <= 0;
    return SL_OK;
}

static sl_status
is_family(const struct sl_value *arg, bool is_v4, struct sl_value *out)
{
    struct sl_addr addr = arg->as.addr;
    bool is_address = arg->type == SL_TYPE_ADDR || sl_addr_parse((const char *)arg->as.slice.bytes,
                                                                 arg->as.slice.size_bytes, &addr);

    out->as.u64 = is_address && sl_addr_is_v4(addr) == is_v4;
    return SL_OK;
}

sl_status
sl_row_is_ipv4(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
               struct sl_value *out)
{
    (void)eval;
    (void)call;
    return is_family(&args[0], true, out);
}

sl_status
sl_row_is_ipv6(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
               struct sl_value *out)
{
    (void)eval;
    (void)call;
    return is_family(&args[0], false, out);
}

/* RFC 1918, loopback, link-local and unique local addresses. */
sl_status
sl_row_is_private(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
                  struct sl_value *out)
{
    struct sl_addr addr = args[0].as.addr;
    uint64_t v4 = addr.low;

    (void)eval;
    (void)call;
    if (sl_addr_is_v4(addr))
        out->as.u64 = v4 >> 24 == 10 || v4 >> 20 == 0xac1 || v4 >> 16 == 0xc0a8 ||
                      v4 >> 24 == 127 || v4 >> 16 == 0xa9fe;
    else
        out->as.u64 = addr.high >> 57 == 0x7e || addr.high >> 54 == 0x3fa ||
                      sl_addr_equal(addr, (struct sl_addr){.low = (UINT64_C(1) << 32) + 1});
    return SL_OK;
}

uint64_t
sl_flow_total(uint64_t in, uint64_t out, uint64_t rate, uint64_t divisor)
{
    sl_u128 total = (sl_u128)in + out;

    if (divisor == 0)
        divisor = 1;
    if (rate != 0 && total > (~(sl_u128)0 - divisor) / rate)
        total = ~(sl_u128)0 - divisor;
    else
        total *= rate;
    total = (total + divisor / 2) / divisor;
    return total > UINT64_MAX ? UINT64_MAX : (uint64_t)total;
}

sl_status
sl_row_flow_total(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
                  struct sl_value *out)
{
    uint64_t divisor = call->arg_count == 4 ? args[3].as.u64 : 1;

    (void)eval;
    out->as.u64 = sl_flow_total(args[0].as.u64, args[1].as.u64, args[2].as.u64, divisor);
    return SL_OK;
}

sl_status
sl_row_flow_duration(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
                     struct sl_value *out)
{
    (void)eval;
    (void)call;
    out->as.i128 = (sl_i128)args[1].as.i64 - args[0].as.i64;
    return SL_OK;
}

/* See flow_idx.def; the second argument is last_seen. */
sl_status
sl_row_flow_idx(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
                struct sl_value *out)
{
    uint8_t record[IDX_COLUMNS * 17] = {0};

    (void)eval;
    SL_ASSERT(call->arg_count == IDX_COLUMNS);
    for (uint32_t i = 0; i < IDX_COLUMNS; i++) {
        bool is_addr = args[i].type == SL_TYPE_ADDR;
        uint64_t low = is_addr ? args[i].as.addr.low : args[i].as.u64;
        uint64_t high = is_addr ? args[i].as.addr.high : 0;
        record[(size_t)i * 17] = !args[i].is_null;
        for (unsigned byte = 0; byte < 8 && !args[i].is_null; byte++) {
            record[(size_t)i * 17 + 1 + byte] = (uint8_t)(low >> (8 * byte));
            record[(size_t)i * 17 + 9 + byte] = (uint8_t)(high >> (8 * byte));
        }
    }
    int64_t seconds = args[1].is_null ? 0 : args[1].as.i64 / SL_US_PER_S - INT64_C(946684800);
    seconds = seconds < 0 ? 0 : seconds > INT32_MAX ? INT32_MAX : seconds;
    uint64_t hash = sl_hash64(record, sizeof(record)) & UINT32_MAX;
    out->as.i64 = (int64_t)((uint64_t)seconds << 32 | hash);
    return SL_OK;
}

/* (total, first, last, factor): a second of it; NULL where no time passed. */
sl_status
sl_row_flow_rate(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
                 struct sl_value *out)
{
    double seconds = ((double)args[2].as.i64 - (double)args[1].as.i64) / SL_US_PER_S;

    (void)eval;
    (void)call;
    out->is_null = !(seconds > 0);
    if (!out->is_null)
        out->as.f64 = (double)args[0].as.u64 * (double)args[3].as.i64 / seconds;
    return SL_OK;
}

sl_status
sl_row_protocol_name(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
                     struct sl_value *out)
{
    char number[24];
    int64_t protocol = args[0].as.i64;
    const char *name = protocol >= 0 && protocol < 256 ? sl_protocol_name((uint8_t)protocol) : NULL;

    (void)call;
    if (name != NULL)
        return sl_eval_copy(eval, name, strlen(name), out);
    int size = snprintf(number, sizeof(number), "%" PRId64, protocol);
    return sl_eval_copy(eval, number, (size_t)size, out);
}

sl_status
sl_row_service_name(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
                    struct sl_value *out)
{
    int64_t port = args[0].as.i64;
    const char *name = port >= 0 && port < 65536 ? sl_service_name((uint16_t)port) : NULL;

    (void)call;
    out->is_null = name == NULL;
    return name == NULL ? SL_OK : sl_eval_copy(eval, name, strlen(name), out);
}

/* "SA", "FPA": the letters of the flags that are set, in the order of their bits. */
sl_status
sl_row_tcp_flags_text(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
                      struct sl_value *out)
{
    static const char letters[] = "FSRPAUEC";
    char text[8];
    size_t used = 0;

    (void)call;
    for (unsigned bit = 0; bit < 8; bit++)
        if (((uint64_t)args[0].as.i64 >> bit & 1) != 0)
            text[used++] = letters[bit];
    return sl_eval_copy(eval, text, used, out);
}
