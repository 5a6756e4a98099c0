/*
 * bounds_time.h - conjuncts that say when: last_seen between two times.
 *
 * Nearly every statement has two of them, "from" and "to". One range is one look at each time.
 *
 * Layer: query, internal to bounds.
 */
#ifndef SLUICE_QUERY_BOUNDS_TIME_H
#define SLUICE_QUERY_BOUNDS_TIME_H

#include "query/bounds.h"

/* Does the conjunct say nothing but "last_seen lies between"? Then it knows where. */
void sl_bounds_find_time(struct sl_conjunct *conjunct, const struct sl_input *inputs);

/* Two time ranges become one, in `range`: where both are. */
SL_MUST_CHECK
sl_status sl_bounds_join_times(struct sl_conjunct *range, const struct sl_conjunct *other,
                               uint32_t input_count, struct sl_arena *arena, struct sl_error *err);

#endif
