/*
 * type.h - the types of values, from a datagram to a result set.
 *
 * One list serves the columns of the store, the vectors between operators, the batches on
 * the wire and the metadata of a result. Numbers are part of the file and wire formats.
 *
 * Layer: batch. Facade: every layer above may include it.
 */
#ifndef SLUICE_STORAGE_TYPE_H
#define SLUICE_STORAGE_TYPE_H

#include "storage/base/base.h"

/*
 * name, number, bytes of a plain value in memory, text.
 *
 * Columns of the store have the types up to OCTETS; the rest appear in results only.
 *   U8 .. U64  unsigned integers (BOOL: U8 of 0 and 1)
 *   I64        signed integers of every width
 *   F64        IEEE double
 *   TIME       microseconds since 1970-01-01 UTC, signed (SQL: DATETIME(6))
 *   ADDR       struct sl_addr, the key of addr.h
 *   MAC        48 bits in a u64, first octet most significant
 *   TEXT       UTF-8 as sent (not verified), OCTETS: any bytes; at most SL_TEXT_BYTES_MAX
 *   DECIMAL    sl_i128, value * 10^scale
 *   DATE       days since 1970-01-01, in an i64
 *   SPAN       microseconds, signed (SQL: TIME)
 */
#define SL_TYPE_LIST(X)           \
    X(NULL, 0, 0, "null")         \
    X(U8, 1, 1, "uint8")          \
    X(U16, 2, 2, "uint16")        \
    X(U32, 3, 4, "uint32")        \
    X(U64, 4, 8, "uint64")        \
    X(I64, 5, 8, "int64")         \
    X(F64, 6, 8, "float64")       \
    X(BOOL, 7, 1, "bool")         \
    X(TIME, 8, 8, "time")         \
    X(ADDR, 9, 16, "address")     \
    X(MAC, 10, 8, "mac")          \
    X(TEXT, 11, 0, "text")        \
    X(OCTETS, 12, 0, "octets")    \
    X(DECIMAL, 13, 16, "decimal") \
    X(DATE, 14, 8, "date")        \
    X(SPAN, 15, 8, "span")

enum sl_type {
#define X(name, number, bytes, text) SL_TYPE_##name = (number),
    SL_TYPE_LIST(X)
#undef X
        SL_TYPE_COUNT
};

/* Bytes of one plain value in memory; 0 for NULL, TEXT and OCTETS. */
static inline size_t
sl_type_bytes(enum sl_type type)
{
    static const uint8_t bytes[SL_TYPE_COUNT] = {
#define X(name, number, size, text) [number] = (size),
        SL_TYPE_LIST(X)
#undef X
    };
    return bytes[type];
}

/* TEXT or OCTETS: values are byte strings. */
static inline bool
sl_type_is_bytes(enum sl_type type)
{
    return type == SL_TYPE_TEXT || type == SL_TYPE_OCTETS;
}

/* Stored as an unsigned integer of at most 8 bytes: U8..U64, BOOL, MAC. */
static inline bool
sl_type_is_unsigned(enum sl_type type)
{
    return (type >= SL_TYPE_U8 && type <= SL_TYPE_U64) || type == SL_TYPE_BOOL ||
           type == SL_TYPE_MAC;
}

/* Stored as a signed integer of 8 bytes: I64, TIME, DATE, SPAN. */
static inline bool
sl_type_is_signed(enum sl_type type)
{
    return type == SL_TYPE_I64 || type == SL_TYPE_TIME || type == SL_TYPE_DATE ||
           type == SL_TYPE_SPAN;
}

/* "uint16"; "?" for a number that is not a type. */
const char *sl_type_name(enum sl_type type);

/* May a column of the store have this type? False for anything from outside the list. */
static inline bool
sl_type_is_storable(uint32_t number)
{
    return number >= SL_TYPE_U8 && number <= SL_TYPE_OCTETS;
}

#endif
