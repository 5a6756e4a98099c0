/*
 * segment_check.h - prove a whole segment file, byte by byte.
 *
 * Every part is read, its hash compared, its values decoded; zones, counts, dictionaries and
 * indexes are compared with the rows; the bounds in the footer with all of them. The first thing
 * that is not as it should be ends the proof.
 *
 * Threads: any.
 * Layer:   segment.
 */
#ifndef SLUICE_STORAGE_SEGMENT_SEGMENT_CHECK_H
#define SLUICE_STORAGE_SEGMENT_SEGMENT_CHECK_H

#include "storage/base/arena.h"
#include "storage/base/status.h"

/*
 * SL_OK, or SL_CORRUPT (SL_VERSION, SL_IO, SL_LIMIT) with *out_offset at the first byte of the
 * piece that failed (0 where it cannot be told) and a story that names file and offset. The file
 * is judged by itself: columns that other files know with another type do not matter.
 */
SL_MUST_CHECK
sl_status sl_segment_check(int dir_fd, const char *name, struct sl_budget *budget,
                           uint64_t *out_offset, struct sl_error *err);

#endif
