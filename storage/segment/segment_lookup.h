/*
 * segment_lookup.h - a few entries of a dictionary of addresses, without the others.
 *
 * An address is found, and a code translated, by the piece of the dictionary that has it: the directory
 * knows the first entry of each. Where the whole dictionary is loaded already, that is asked.
 *
 * Threads: any, on a group that is acquired.
 * Errors:  SL_CORRUPT with file and offset, SL_IO, SL_LIMIT. counters may be NULL.
 * Layer:   segment, internal.
 */
#ifndef SLUICE_STORAGE_SEGMENT_SEGMENT_LOOKUP_H
#define SLUICE_STORAGE_SEGMENT_SEGMENT_LOOKUP_H

#include "storage/segment/segment_open.h"

/* Codes first .. last. */
struct sl_segment_codes {
    uint32_t first, last;
};

/* The codes of the addresses low .. high; *out_is_any is false when there are none. */
SL_MUST_CHECK
sl_status sl_segment_lookup_codes(struct sl_segment_reader *reader, uint32_t group,
                                  uint32_t dictionary, struct sl_addr low, struct sl_addr high,
                                  struct sl_segment_codes *out_codes, bool *out_is_any,
                                  struct sl_segment_counters *counters, struct sl_error *err);

/* Would so many codes need few pieces, so that they are better translated one by one? False also where the
 * whole dictionary is loaded. */
bool sl_segment_lookup_pays(struct sl_segment_reader *reader, uint32_t group, uint32_t dictionary,
                            uint32_t count);

/* The addresses of codes[0 .. count), all below the entries of the dictionary. */
SL_MUST_CHECK
sl_status sl_segment_lookup_addresses(struct sl_segment_reader *reader, uint32_t group,
                                      uint32_t dictionary, const uint32_t *codes, uint32_t count,
                                      struct sl_addr *out_addrs,
                                      struct sl_segment_counters *counters, struct sl_error *err);

#endif
