/*
 * regex.h - regular expressions (PCRE2's syntax, as MariaDB has it): the only door to libpcre2.
 *
 * A pattern has at most SL_REGEX_PATTERN_BYTES_MAX bytes. A match backtracks at most SL_REGEX_STEPS_MAX times
 * from each place of the text and uses at most SL_REGEX_HEAP_KIB_MAX KiB; the caller's check is asked every
 * few places, so that a costly pattern ends with its query. Letters match without regard to case, unless the pattern is
 * of bytes; text is UTF-8, and what is not in it matches nothing.
 *
 * Ownership: a pattern lies in the arena that it was compiled into.
 * Errors:    SL_TYPE (1139) for what is no pattern, SL_LIMIT (3699) when a match costs too much.
 * Threads:   a compiled pattern is immutable.
 * Layer:     query, internal.
 */
#ifndef SLUICE_QUERY_REGEX_H
#define SLUICE_QUERY_REGEX_H

#include "query/function.h"

enum {
    SL_REGEX_PATTERN_BYTES_MAX = 16384,
    SL_REGEX_STEPS_MAX = 100000,
    SL_REGEX_HEAP_KIB_MAX = 16384,
};

struct sl_regex;

SL_MUST_CHECK
sl_status sl_regex_compile(struct sl_slice pattern, bool is_binary, struct sl_arena *arena,
                           struct sl_regex **out_regex, struct sl_error *err);

/* Does it match anywhere in the text? Scratch memory is of eval->arena. */
SL_MUST_CHECK
sl_status sl_regex_match(const struct sl_regex *regex, struct sl_eval *eval, struct sl_slice text,
                         bool *out_found);

#endif
