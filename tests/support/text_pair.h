/*
 * text_pair.h - a table of text read in both ways, line by line and many lines at once: for the unit
 * test and the fuzz target.
 */
#ifndef SLUICE_TESTS_SUPPORT_TEXT_PAIR_H
#define SLUICE_TESTS_SUPPORT_TEXT_PAIR_H

#include "storage/base/base.h"

/* Read the table with builders of so many rows and that limit of age, in both ways; the process
 * stops when they do not agree. Returns the lines that were taken many at once. */
uint32_t text_pair_check(const uint8_t *text, size_t size_bytes, uint32_t capacity,
                         int64_t oldest_us);

#endif
