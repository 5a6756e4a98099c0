/*
 * options.c - one pass over the words; what is for another command is found once the command is.
 */
#include "client/options.h"

#include <string.h>

/* Words that must be known. */
static bool
is_option(const char *word)
{
    return word[0] == '-' && word[1] == '-' &&
           ((word[2] >= 'a' && word[2] <= 'z') || (word[2] >= 'A' && word[2] <= 'Z'));
}

/* The option that a word names, up to its end or '='; NULL: none. */
static const struct sl_option *
find_option(const struct sl_option *options, size_t option_count, const char *word)
{
    size_t bytes = strcspn(word, "=");
    for (size_t i = 0; i < option_count; i++)
        if (strlen(options[i].name) == bytes && memcmp(options[i].name, word, bytes) == 0)
            return &options[i];
    return NULL;
}

/* The option's value, behind '=' or in the next word; *at is moved to the last word it takes. */
static sl_status
take_value(const struct sl_option *option, int argc, char **argv, int *at, struct sl_error *err)
{
    const char *equals = strchr(argv[*at], '=');
    if (option->value == NULL) {
        *option->flag = true;
        return equals == NULL ? SL_OK : sl_fail(err, SL_FORMAT, "%s takes no value", option->name);
    }
    if (equals == NULL && *at + 1 == argc)
        return sl_fail(err, SL_FORMAT, "there is no value behind %s", option->name);
    *option->value = equals != NULL ? equals + 1 : argv[++*at];
    return SL_OK;
}

static bool
is_given(const struct sl_option *option)
{
    return option->value == NULL ? *option->flag : *option->value != NULL;
}

static bool
knows(const char *command, const struct sl_option *option)
{
    return option->command == NULL || (command != NULL && strcmp(command, option->command) == 0);
}

sl_status
sl_options_take(const struct sl_option *options, size_t option_count, int *argc, char **argv,
                struct sl_error *err)
{
    int kept = 0;
    for (int at = 0; at < *argc; at++) {
        if (strcmp(argv[at], "--") == 0) {
            while (++at < *argc)
                argv[kept++] = argv[at];
            break;
        }
        const struct sl_option *option = find_option(options, option_count, argv[at]);
        if (option != NULL)
            SL_TRY(take_value(option, *argc, argv, &at, err));
        else if (is_option(argv[at]))
            return sl_fail(err, SL_FORMAT, "unknown option %.100s", argv[at]);
        else
            argv[kept++] = argv[at];
    }
    *argc = kept;
    for (size_t i = 0; i < option_count; i++)
        if (is_given(&options[i]) && !knows(kept == 0 ? NULL : argv[0], &options[i]))
            return sl_fail(err, SL_FORMAT, "%.100s does not know %s",
                           kept == 0 ? "the shell" : argv[0], options[i].name);
    return SL_OK;
}
