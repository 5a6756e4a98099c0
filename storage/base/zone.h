/*
 * zone.h - time zones: from UTC to a local clock and back.
 *
 * A zone is a list of moments at which its offset from UTC changes. Names are those of the
 * system's zone files (tzdata, /usr/share/zoneinfo, TZif as in RFC 8536); "+02:00" is a zone whose
 * offset never changes; UTC is NULL. Where the file ends, its footer's rule goes on until the year
 * SL_ZONE_YEAR_LAST; behind that the offset of its last winter stays. Files with leap seconds are
 * refused: sluice counts none.
 *
 * Ownership: found zones belong to the process and stay until its end, so a change of the system's
 *            files is seen by a new process. A decoded zone is the caller's.
 * Threads:   any.
 * Errors:    SL_FORMAT: bytes that are no TZif file or break its rules.
 * Limits:    SL_ZONE_FILE_BYTES_MAX, SL_ZONES_MAX zones in a process.
 */
#ifndef SLUICE_STORAGE_BASE_ZONE_H
#define SLUICE_STORAGE_BASE_ZONE_H

#include "storage/base/base.h"
#include "storage/base/status.h"

enum {
    SL_ZONE_NAME_BYTES_MAX = 64,
    SL_ZONE_FILE_BYTES_MAX = 64 * 1024, /* the longest of tzdata has 4 KiB */
    SL_ZONE_YEAR_LAST = 2200,
    SL_ZONES_MAX = 2400, /* 600 names and 1,681 offsets */
};

struct sl_zone;

/*
 * "Europe/Berlin", "+02:00" (up to 14 hours either way), "UTC" or "SYSTEM"; the case of letters does
 * not matter; NULL and "" are UTC. A name of the system's files is words of letters, digits, '_', '-' and '+' with '/'
 * between them; nothing else is looked for. False: there is no such zone.
 */
SL_MUST_CHECK
bool sl_zone_find(const char *name, const struct sl_zone **out_zone);

/* A number for a found zone, 0 for UTC, and the zone of a number that was given. */
uint32_t sl_zone_number(const struct sl_zone *zone);
const struct sl_zone *sl_zone_at(uint32_t number);

/* Microseconds on the zone's clock. What would leave the range stays at its end. */
int64_t sl_zone_to_local(const struct sl_zone *zone, int64_t time_us);

/*
 * The moment of a local time, as MySQL decides: of two moments that the clock shows alike the
 * earlier one; for a time that the clock skips the moment of the change.
 */
int64_t sl_zone_to_utc(const struct sl_zone *zone, int64_t local_us);

/* Bytes of a TZif file, version 2 and later. */
SL_MUST_CHECK
sl_status sl_zone_decode(const void *bytes, size_t size_bytes, struct sl_zone **out_zone,
                         struct sl_error *err);
/* NULL is allowed. For decoded zones. */
void sl_zone_destroy(struct sl_zone *zone);

#endif
