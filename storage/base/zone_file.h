/*
 * zone_file.h - a time zone in memory, as zone_file.c makes it of a TZif file.
 *
 * Layer: base, internal to zone.
 */
#ifndef SLUICE_STORAGE_BASE_ZONE_FILE_H
#define SLUICE_STORAGE_BASE_ZONE_FILE_H

#include "storage/base/zone.h"

/* From time_s on the local clock is UTC plus offset_s. */
struct sl_zone_change {
    int64_t time_s;
    int32_t offset_s;
};

struct sl_zone {
    char name[SL_ZONE_NAME_BYTES_MAX + 1];
    uint32_t number; /* zone.h: its place among the found ones, from 1 */
    uint32_t change_count;
    struct sl_zone_change *changes; /* ascending, strictly */
    int32_t first_offset_s;         /* before the first change */
};

#endif
