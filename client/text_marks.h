/*
 * text_marks.h - where a table of text has its separators, ends of lines and quotes.
 *
 * The scalar kernel is the definition; the one for AVX2 looks at 64 bytes at a time, computes the
 * same and is taken where the CPU has it.
 *
 * Threads: pure, any.
 * Layer:   client, internal.
 */
#ifndef SLUICE_CLIENT_TEXT_MARKS_H
#define SLUICE_CLIENT_TEXT_MARKS_H

#include "storage/base/base.h"

enum {
    SL_MARKS_STEP_BYTES = 64, /* so many bytes behind the text are readable, whatever they are */
    SL_MARKS_SLACK = 64 + 8,  /* places that the arrays have beyond the numbers asked for */
};

/* Places in the text, ascending. */
struct sl_text_marks {
    uint32_t *separators;
    uint32_t *others; /* '\n', '\r', '"'; not the separator when it is one of these */
    uint32_t separator_count;
    uint32_t other_count;
};

/* Find the marks of text[0 .. size_bytes), or of its beginning up to and beyond the one that makes
 * `separators_max` or `others_max`. Counts begin at 0. */
typedef void sl_text_marks_fn(const char *text, uint32_t size_bytes, char separator,
                              uint32_t separators_max, uint32_t others_max,
                              struct sl_text_marks *marks);

sl_text_marks_fn sl_text_marks_scalar;

/* The widest that this CPU can run. */
sl_text_marks_fn *sl_text_marks_best(void);

#endif
