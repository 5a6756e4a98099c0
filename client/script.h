/*
 * script.h - where a statement begins and ends in a text of several, which the shell cuts.
 *
 * A ';' ends it, unless that stands in quotes ('...' with backslashes, "..." and `...` without) or
 * in a comment: from # or "-- " to the end of the line, or between slash and asterisk. These are
 * the rules of query/lex.c for the native protocol, so that what the shell sends is what the server
 * reads as one statement.
 *
 * Layer: client, internal.
 */
#ifndef SLUICE_CLIENT_SCRIPT_H
#define SLUICE_CLIENT_SCRIPT_H

#include "storage/base/base.h"

/* Bytes of the first statement, with its ';'; 0: it goes on. */
size_t sl_script_end(const char *text, size_t text_bytes);

/* Bytes of blanks, whole comments and lone ';' before the first statement; all of them: there is
 * none. A comment that has not ended is taken for its begin. */
size_t sl_script_start(const char *text, size_t text_bytes);

#endif
