/*
 * field_addrs.h - IPv4 addresses in four decimal parts, many cells at once.
 *
 * The scalar kernel is the definition; the wide one reads the 16 bytes of a cell at once, computes
 * the same and is taken where the CPU has AVX2.
 *
 * Threads: pure, any.
 * Layer:   batch. Internal to field_cells.c.
 */
#ifndef SLUICE_STORAGE_FIELD_ADDRS_H
#define SLUICE_STORAGE_FIELD_ADDRS_H

#include "storage/field_cells.h"

/* The addresses of cells up to the first one that is not four numbers of 1 to 3 digits, each at most
 * 255, or 0.0.0.0 when that `is_none`. How many these are; entries behind them may be written. */
typedef uint32_t sl_field_addrs_fn(const struct sl_cells *cells, bool is_none,
                                   struct sl_addr *addrs);

sl_field_addrs_fn sl_field_addrs_scalar;

/* The widest that this CPU can run. */
sl_field_addrs_fn *sl_field_addrs_best(void);

#endif
