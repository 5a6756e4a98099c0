/*
 * options.h - the options of a command line, told from its arguments.
 *
 *   --name VALUE, --name=VALUE   an option with a value
 *   --name                       a flag
 *   --                           what follows are arguments
 *
 * Options stand anywhere, before or behind the command that they are for. A word that begins with
 * "--" and a letter is an option, and must be known; any other word that names none is an argument
 * ("-", and a statement that begins with a comment: "-- ").
 *
 * Layer: client, internal.
 */
#ifndef SLUICE_CLIENT_OPTIONS_H
#define SLUICE_CLIENT_OPTIONS_H

#include "storage/base/status.h"

struct sl_option {
    const char *name;    /* "--format" */
    const char *command; /* the only one that knows it; NULL: all do, and the shell */
    const char **value;  /* where its value goes, borrowed from argv; NULL before. NULL: a flag */
    bool *flag;          /* of a flag: becomes true; false before */
};

/*
 * Take the options out of the *argc words of argv, which do not begin with the program's name; what
 * stays, in its order, are the command and its arguments, *argc of them. Of an option that is given
 * twice the last value counts. SL_FORMAT, with a story that quotes the word: an option is unknown,
 * or to the command, has no value, or has one and is a flag.
 */
SL_MUST_CHECK
sl_status sl_options_take(const struct sl_option *options, size_t option_count, int *argc,
                          char **argv, struct sl_error *err);

#endif
