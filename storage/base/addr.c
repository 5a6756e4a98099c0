/*
 * addr.c - see addr.h.
 */
#include "storage/base/addr.h"

#include <arpa/inet.h>

#include "storage/base/cursor.h"

static const uint64_t mapped_first = UINT64_C(0xffff00000000); /* ::ffff:0.0.0.0, low half */
static const uint64_t mapped_last = UINT64_C(0xffffffffffff);
static const uint64_t v4_count = UINT64_C(1) << 32;

/* Raw 128-bit IPv6 numbers to keys and back; not defined on mapped addresses. */
static struct sl_addr
key_of_raw(uint64_t high, uint64_t low)
{
    if (high == 0 && low < mapped_first)
        low += v4_count;
    return (struct sl_addr){.low = low, .high = high};
}

struct sl_addr
sl_addr_from_v6(const uint8_t bytes[16])
{
    uint64_t high = sl_read_be(bytes, 8);
    uint64_t low = sl_read_be(&bytes[8], 8);
    if (high == 0 && low >= mapped_first && low <= mapped_last)
        return sl_addr_from_v4((uint32_t)low);
    return key_of_raw(high, low);
}

void
sl_addr_to_v6(struct sl_addr addr, uint8_t bytes[16])
{
    uint64_t low = addr.low;
    if (addr.high == 0 && low < v4_count)
        low += mapped_first;
    else if (addr.high == 0 && low <= mapped_last)
        low -= v4_count;
    for (unsigned i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(addr.high >> (56 - 8 * i));
        bytes[8 + i] = (uint8_t)(low >> (56 - 8 * i));
    }
}

/* One of four numbers, without leading zeros; returns its end. */
static char *
format_octet(uint8_t octet, char *text)
{
    if (octet >= 100)
        *text++ = (char)('0' + octet / 100);
    if (octet >= 10)
        *text++ = (char)('0' + octet / 10 % 10);
    *text++ = (char)('0' + octet % 10);
    return text;
}

/* By hand: every row of an answer has some, and inet_ntop takes ten times as long. */
static size_t
format_v4(uint32_t v4, char text[SL_ADDR_TEXT_BYTES])
{
    char *at = text;
    for (int shift = 24; shift >= 0; shift -= 8) {
        at = format_octet((uint8_t)(v4 >> shift), at);
        *at++ = '.';
    }
    *--at = '\0';
    return (size_t)(at - text);
}

size_t
sl_addr_format(struct sl_addr addr, char text[SL_ADDR_TEXT_BYTES])
{
    uint8_t bytes[16];
    if (sl_addr_is_v4(addr))
        return format_v4((uint32_t)addr.low, text);
    sl_addr_to_v6(addr, bytes);
    const char *done = inet_ntop(AF_INET6, bytes, text, SL_ADDR_TEXT_BYTES);
    SL_ASSERT(done != NULL);
    return strlen(text);
}

static int
hex_digit(char c)
{
    unsigned digit = (unsigned char)c - '0';
    unsigned letter = ((unsigned char)c | 0x20U) - 'a';
    if (digit <= 9)
        return (int)digit;
    return letter <= 5 ? (int)letter + 10 : -1;
}

/* Up to four hexadecimal digits from text[*at] on; false when there is none. */
static bool
take_group(const char *text, size_t size_bytes, size_t *at, unsigned *out_group)
{
    size_t start = *at;
    *out_group = 0;
    for (; *at < size_bytes && *at - start < 4; ++*at) {
        int digit = hex_digit(text[*at]);
        if (digit < 0)
            break;
        *out_group = *out_group << 4 | (unsigned)digit;
    }
    return *at != start;
}

/*
 * IPv6 in groups alone, as rows of a dump have it: inet_pton takes several times as long. False is
 * no verdict: it may be an address in another form.
 */
static bool
parse_groups(const char *text, size_t size_bytes, uint8_t bytes[16])
{
    enum { GROUPS = 8, NO_GAP = 9 };
    unsigned groups[GROUPS];
    unsigned count = 0;
    unsigned gap = NO_GAP; /* groups before the "::" */
    size_t at = 0;
    if (size_bytes >= 2 && text[0] == ':' && text[1] == ':') {
        gap = 0;
        at = 2;
    }
    while (at < size_bytes) {
        if (count == GROUPS || !take_group(text, size_bytes, &at, &groups[count]))
            return false;
        count++;
        if (at == size_bytes)
            break;
        if (text[at++] != ':' || at == size_bytes)
            return false;
        if (text[at] == ':' && gap != NO_GAP)
            return false;
        if (text[at] == ':') {
            gap = count;
            at++;
        }
    }
    if ((gap == NO_GAP) != (count == GROUPS))
        return false;
    memset(bytes, 0, 16);
    for (unsigned i = 0; i < count; i++) {
        size_t to = i < gap ? i : GROUPS - count + i;
        bytes[2 * to] = (uint8_t)(groups[i] >> 8);
        bytes[2 * to + 1] = (uint8_t)groups[i];
    }
    return true;
}

bool
sl_addr_parse(const char *text, size_t size_bytes, struct sl_addr *out_addr)
{
    char copy[SL_ADDR_TEXT_BYTES];
    uint8_t bytes[16];

    *out_addr = (struct sl_addr){0};
    if (size_bytes == 0 || size_bytes >= sizeof(copy) || memchr(text, '\0', size_bytes) != NULL)
        return false;
    if (parse_groups(text, size_bytes, bytes)) {
        *out_addr = sl_addr_from_v6(bytes);
        return true;
    }
    memcpy(copy, text, size_bytes);
    copy[size_bytes] = '\0';
    if (inet_pton(AF_INET, copy, bytes) == 1) {
        *out_addr = sl_addr_from_v4((uint32_t)sl_read_be(bytes, 4));
        return true;
    }
    if (inet_pton(AF_INET6, copy, bytes) == 1) {
        *out_addr = sl_addr_from_v6(bytes);
        return true;
    }
    return false;
}

/* The interval of raw IPv6 numbers first..last, without the mapped addresses, as keys.
 * Only ::/n with n < 96, or blocks inside the first 2^48, touch the mapped hole. */
static void
key_interval(sl_u128 first, sl_u128 last, struct sl_addr *out_first, struct sl_addr *out_last)
{
    if (first >= mapped_first && first <= mapped_last)
        first = (sl_u128)mapped_last + 1;
    if (last >= mapped_first && last <= mapped_last)
        last = (sl_u128)mapped_first - 1;
    *out_first = key_of_raw((uint64_t)(first >> 64), (uint64_t)first);
    *out_last = key_of_raw((uint64_t)(last >> 64), (uint64_t)last);
}

void
sl_addr_block(struct sl_addr addr, unsigned prefix_bits, struct sl_addr *out_first,
              struct sl_addr *out_last)
{
    if (sl_addr_is_v4(addr)) {
        uint32_t host = prefix_bits >= 32 ? 0 : UINT32_MAX >> prefix_bits;
        *out_first = sl_addr_from_v4((uint32_t)addr.low & ~host);
        *out_last = sl_addr_from_v4((uint32_t)addr.low | host);
        return;
    }
    uint8_t bytes[16];
    sl_addr_to_v6(addr, bytes);
    sl_u128 raw = (sl_u128)sl_read_be(bytes, 8) << 64 | sl_read_be(&bytes[8], 8);
    sl_u128 host = prefix_bits >= 128 ? 0 : ~(sl_u128)0 >> prefix_bits;
    key_interval(raw & ~host, raw | host, out_first, out_last);
}

bool
sl_addr_parse_cidr(const char *text, size_t size_bytes, struct sl_addr *out_first,
                   struct sl_addr *out_last)
{
    struct sl_addr addr;
    const char *slash = size_bytes == 0 ? NULL : memchr(text, '/', size_bytes);
    size_t addr_bytes = slash == NULL ? size_bytes : (size_t)(slash - text);

    *out_first = *out_last = (struct sl_addr){0};
    if (!sl_addr_parse(text, addr_bytes, &addr))
        return false;
    unsigned bits_max = sl_addr_is_v4(addr) ? 32 : 128;
    unsigned bits = slash == NULL ? bits_max : 0;
    size_t digits = slash == NULL ? 0 : size_bytes - addr_bytes - 1;
    if (slash != NULL && (digits == 0 || digits > 3))
        return false;
    for (size_t i = 0; i < digits; i++) {
        char digit = slash[1 + i];
        if (digit < '0' || digit > '9')
            return false;
        bits = bits * 10 + (unsigned)(digit - '0');
    }
    if (bits > bits_max)
        return false;
    sl_addr_block(addr, bits, out_first, out_last);
    return true;
}
