/*
 * warning.h - what a statement has to say of values that it took as far as they go: MySQL's warnings.
 *
 * A warning is counted always and kept while there is room, as MySQL's max_error_count has it. A list of
 * zeros counts only. Where a value is computed for many rows, each row that does not go well is one.
 *
 * Ownership: the list's; sl_warnings_take hands all of them over.
 * Threads:   any may count and add at once, because each has the place of its number to itself; who
 *            reads them waits until they are done.
 * Layer:     query. Part of the facade query.h.
 */
#ifndef SLUICE_QUERY_WARNING_H
#define SLUICE_QUERY_WARNING_H

#include <stdatomic.h>

#include "storage/base/base.h"
#include "storage/base/status.h"

enum { SL_WARNINGS_MAX = 64 }; /* MySQL's max_error_count of old, and the wire's */

enum sl_warning_level { SL_WARNING_NOTE, SL_WARNING_WARNING, SL_WARNING_ERROR };

struct sl_warning {
    enum sl_warning_level level;
    uint16_t number; /* MySQL's */
    char text[SL_ERROR_TEXT_BYTES];
};

struct sl_warnings {
    _Atomic uint64_t total; /* relaxed: a number for each */
    uint32_t room;          /* so many of the first are kept */
    struct sl_warning
        *kept[SL_WARNINGS_MAX]; /* owned; NULL behind the last, and where memory was none */
};

/* Another list: up to SL_WARNINGS_MAX are kept. */
void sl_warnings_init(struct sl_warnings *warnings);
void sl_warnings_fini(struct sl_warnings *warnings);

/* target is left, and gets what source has, which has nothing then. */
void sl_warnings_take(struct sl_warnings *target, struct sl_warnings *source);

/* Count one. What is to be filled by whoever has something to say; NULL: it is not kept.
 * warnings NULL: nobody listens. */
struct sl_warning *sl_warnings_count(struct sl_warnings *warnings);

/* Count one and say it; a text that is too long is cut. */
SL_PRINTF(4, 5)
void sl_warnings_add(struct sl_warnings *warnings, enum sl_warning_level level, uint16_t number,
                     const char *format, ...);

static inline uint64_t
sl_warnings_total(const struct sl_warnings *warnings)
{
    return atomic_load_explicit(&warnings->total, memory_order_relaxed);
}

/* Of so many places in `kept`, each may have one. Most statements have none, and nothing is done for them. */
static inline uint32_t
sl_warnings_places(const struct sl_warnings *warnings)
{
    uint64_t total = sl_warnings_total(warnings);

    return total < warnings->room ? (uint32_t)total : warnings->room;
}

/* How many of this level are kept. */
uint32_t sl_warnings_of_level(const struct sl_warnings *warnings, enum sl_warning_level level);

/* A value as a warning shows it: up to 128 bytes, of which those that are no characters of a line are
 * \xHH. */
enum { SL_WARNING_VALUE_BYTES = 129 };
void sl_warning_show_value(const uint8_t *bytes, size_t size_bytes,
                           char text[SL_WARNING_VALUE_BYTES]);

#endif
