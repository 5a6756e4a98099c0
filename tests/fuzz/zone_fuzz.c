/*
 * zone_fuzz.c - TZif files: whatever lies there is refused, or is a zone whose clock can be read both
 * ways and never runs more than two days ahead or behind.
 */
#include <stdlib.h>

#include "storage/base/clock.h"
#include "storage/base/zone.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
    struct sl_zone *zone = NULL;
    if (sl_zone_decode(bytes, size_bytes, &zone, NULL) != SL_OK)
        return 0;
    for (int64_t year = -200; year < 400; year += 3) {
        int64_t time_us = sl_days_from_civil(1970 + year, 3, 29) * SL_US_PER_DAY + SL_US_PER_HOUR;
        int64_t local_us = sl_zone_to_local(zone, time_us);
        SL_ASSERT(llabs(local_us - time_us) < 2 * SL_US_PER_DAY);
        SL_ASSERT(llabs(sl_zone_to_utc(zone, time_us) - time_us) < 4 * SL_US_PER_DAY);
    }
    (void)sl_zone_to_local(zone, INT64_MIN);
    (void)sl_zone_to_utc(zone, INT64_MAX);
    sl_zone_destroy(zone);
    return 0;
}
