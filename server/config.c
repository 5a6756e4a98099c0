/*
 * config.c - the only user of libinih: see config.h.
 */
#include "server/config.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <strings.h>

#include "storage/base/clock.h"
#include "storage/base/log.h"

/* The longest time that an option may be, a thousand years: sums with a clock do not overflow. */
#define TIME_MAX (INT64_C(365000) * SL_US_PER_DAY)

struct option {
    const char *key;
    enum sl_option_kind kind;
    const char *value;
    uint64_t smallest;
    uint64_t largest;
    const char *placeholder;
    const char *help;
};

static const struct option options[SL_OPTION_COUNT] = {
#define SL_OPTION(id, key, kind, value, smallest, largest, placeholder, help) \
    {key, SL_KIND_##kind, value, smallest, largest, placeholder, help},
#include "server/config.def"
#undef SL_OPTION
};

struct setting {
    char *text; /* owned */
    uint64_t number;
    bool is_off;
    bool is_percent;
};

struct sl_config {
    struct setting settings[SL_OPTION_COUNT];
};

/* ---- values ---- */

enum { NUMBER_TEXT_BYTES = 32, BINARY_SIZE_UNITS = 6 };

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit size_units[] = {
    {"", 1},
    {"B", 1},
    {"KiB", UINT64_C(1) << 10},
    {"MiB", UINT64_C(1) << 20},
    {"GiB", UINT64_C(1) << 30},
    {"TiB", UINT64_C(1) << 40},
    /* BINARY_SIZE_UNITS */
    {"kB", UINT64_C(1000)},
    {"MB", UINT64_C(1000000)},
    {"GB", UINT64_C(1000000000)},
    {"TB", UINT64_C(1000000000000)},
};

static const struct unit time_units[] = {
    {"us", 1},
    {"ms", SL_US_PER_MS},
    {"s", SL_US_PER_S},
    {"m", SL_US_PER_MINUTE},
    {"h", SL_US_PER_HOUR},
    {"d", SL_US_PER_DAY},
    {"w", 7 * SL_US_PER_DAY},
    {"y", 365 * SL_US_PER_DAY},
};

/* A decimal number followed by one of the units (none known: no unit). */
static bool
parse_number(const char *text, const struct unit *units, size_t unit_count, uint64_t *out_number)
{
    if (*text < '0' || *text > '9')
        return false;
    char *rest = NULL;
    errno = 0;
    unsigned long long number = strtoull(text, &rest, 10);
    if (errno != 0)
        return false;
    while (*rest == ' ')
        rest++;
    for (size_t i = 0; i < unit_count; i++)
        if (strcasecmp(rest, units[i].name) == 0)
            return !__builtin_mul_overflow((uint64_t)number, units[i].factor, out_number);
    return false;
}

/* The place of the text in a list of words. */
static bool
parse_word(const char *text, const char *const *words, size_t word_count, uint64_t *out_number)
{
    for (size_t i = 0; i < word_count; i++) {
        if (strcasecmp(text, words[i]) == 0) {
            *out_number = i;
            return true;
        }
    }
    return false;
}

static bool
parse_flag(const char *text, uint64_t *out_number)
{
    static const char *const words[] = {"no", "yes", "false", "true", "0", "1"};
    bool is_flag = parse_word(text, words, SL_COUNTOF(words), out_number);
    *out_number &= 1;
    return is_flag;
}

static bool
parse_level(const char *text, uint64_t *out_number)
{
    static const char *const words[] = {
        [SL_LOG_DEBUG] = "debug",
        [SL_LOG_INFO] = "info",
        [SL_LOG_WARN] = "warn",
        [SL_LOG_ERROR] = "error",
    };
    return parse_word(text, words, SL_COUNTOF(words), out_number);
}

/* In the order of enum sl_insert_ack. */
static bool
parse_ack(const char *text, uint64_t *out_number)
{
    static const char *const words[] = {"durable", "received"};
    return parse_word(text, words, SL_COUNTOF(words), out_number);
}

/* In the order of enum sl_delete_rule. */
static bool
parse_delete(const char *text, uint64_t *out_number)
{
    static const char *const words[] = {"own", "all", "off"};
    return parse_word(text, words, SL_COUNTOF(words), out_number);
}

static bool
parse_cap(const char *text, struct setting *setting)
{
    static const struct unit percent[] = {{"%", 1}};
    if (parse_number(text, percent, 1, &setting->number)) {
        setting->is_percent = true;
        return setting->number >= 1 && setting->number <= 100;
    }
    return parse_number(text, size_units, SL_COUNTOF(size_units), &setting->number);
}

static const char *
kind_hint(enum sl_option_kind kind)
{
    switch (kind) {
    case SL_KIND_TEXT:
        return "a text";
    case SL_KIND_ENDPOINT:
    case SL_KIND_ENDPOINTS:
    case SL_KIND_DOOR:
        return "HOST:PORT or off";
    case SL_KIND_SIZE:
        return "a size like 512MiB";
    case SL_KIND_DURATION:
        return "a time like 200ms, 5m or 90d";
    case SL_KIND_COUNT:
        return "a number";
    case SL_KIND_FLAG:
        return "yes or no";
    case SL_KIND_CAP:
        return "a size like 500GiB, or 1% to 100%";
    case SL_KIND_LEVEL:
        return "debug, info, warn or error";
    case SL_KIND_ACK:
        return "durable or received";
    case SL_KIND_DELETE:
        return "own, all or off";
    }
    return "";
}

/* Fill number and is_percent from the text. False: not of this kind. */
static bool
parse_value(const struct option *option, const char *text, struct setting *setting)
{
    static const struct unit plain[] = {{"", 1}};
    switch (option->kind) {
    case SL_KIND_TEXT:
        setting->number = strlen(text);
        return true;
    case SL_KIND_ENDPOINT:
    case SL_KIND_ENDPOINTS:
        return strrchr(text, ':') != NULL;
    case SL_KIND_DOOR:
        return true;
    case SL_KIND_SIZE:
        return parse_number(text, size_units, SL_COUNTOF(size_units), &setting->number);
    case SL_KIND_DURATION:
        return parse_number(text, time_units, SL_COUNTOF(time_units), &setting->number);
    case SL_KIND_COUNT:
        return parse_number(text, plain, 1, &setting->number);
    case SL_KIND_FLAG:
        return parse_flag(text, &setting->number);
    case SL_KIND_CAP:
        return parse_cap(text, setting);
    case SL_KIND_LEVEL:
        return parse_level(text, &setting->number);
    case SL_KIND_ACK:
        return parse_ack(text, &setting->number);
    case SL_KIND_DELETE:
        return parse_delete(text, &setting->number);
    }
    return false;
}

/* May it be off? Doors always, numbers and texts whose range begins at 0, or which are off unless
 * somebody sets them. */
static bool
may_be_off(const struct option *option)
{
    switch (option->kind) {
    case SL_KIND_ENDPOINT:
    case SL_KIND_ENDPOINTS:
    case SL_KIND_DOOR:
        return true;
    case SL_KIND_FLAG:
    case SL_KIND_LEVEL:
    case SL_KIND_ACK:
    case SL_KIND_DELETE:
        return false;
    case SL_KIND_TEXT:
    case SL_KIND_SIZE:
    case SL_KIND_DURATION:
    case SL_KIND_COUNT:
    case SL_KIND_CAP:
        return option->smallest == 0 || strcmp(option->value, "off") == 0;
    }
    return false;
}

static bool
has_range(enum sl_option_kind kind)
{
    return kind == SL_KIND_TEXT || kind == SL_KIND_SIZE || kind == SL_KIND_DURATION ||
           kind == SL_KIND_COUNT || kind == SL_KIND_CAP;
}

/* A bound of the range as somebody would write it, in the largest unit that has no fraction. */
static void
format_bound(enum sl_option_kind kind, uint64_t number, char text[NUMBER_TEXT_BYTES])
{
    bool is_time = kind == SL_KIND_DURATION;
    bool is_size = kind == SL_KIND_SIZE || kind == SL_KIND_CAP;
    const struct unit *units = is_time ? time_units : size_units;
    size_t count = is_time ? SL_COUNTOF(time_units) : is_size ? BINARY_SIZE_UNITS : 1;
    size_t best = 0;
    for (size_t i = 1; i < count && number != 0; i++)
        if (number % units[i].factor == 0)
            best = i;
    (void)snprintf(text, NUMBER_TEXT_BYTES, "%" PRIu64 "%s", number / units[best].factor,
                   units[best].name);
}

static sl_status
check_range(const struct option *option, const char *value, const struct setting *setting,
            struct sl_error *err)
{
    char least[NUMBER_TEXT_BYTES];
    char most[NUMBER_TEXT_BYTES + 16] = "";
    if (!has_range(option->kind) || setting->is_percent ||
        (setting->number >= option->smallest && setting->number <= option->largest))
        return SL_OK;
    if (option->kind == SL_KIND_TEXT)
        return sl_fail(err, SL_FORMAT, "%s: %s", option->key,
                       setting->number == 0 ? "a value is missing" : "the value is too long");
    format_bound(option->kind, option->smallest, least);
    if (option->largest != INT64_MAX) {
        memcpy(most, ", at most ", sizeof(", at most "));
        format_bound(option->kind, option->largest, &most[sizeof(", at most ") - 1]);
    }
    return sl_fail(err, SL_FORMAT, "%s: \"%.80s\" is out of range: at least %s%s%s", option->key,
                   value, least, most, may_be_off(option) ? ", or off" : "");
}

static sl_status
set_option(struct sl_config *config, enum sl_option index, const char *value, struct sl_error *err)
{
    const struct option *option = &options[index];
    struct setting setting = {0};

    SL_ASSERT(value != NULL);
    if (strcmp(value, "off") == 0 && may_be_off(option)) {
        setting.is_off = true;
    } else if (option->kind == SL_KIND_DOOR) {
        return sl_fail(err, SL_UNSUPPORTED,
                       "%s: this build has no such part; leave it out or set it to off",
                       option->key);
    } else {
        if (!parse_value(option, value, &setting))
            return sl_fail(err, SL_FORMAT, "%s: \"%.80s\" is not %s", option->key, value,
                           kind_hint(option->kind));
        SL_TRY(check_range(option, value, &setting, err));
        setting.is_off = setting.number == 0 && has_range(option->kind);
    }
    setting.text = sl_new_string(value);
    free(config->settings[index].text);
    config->settings[index] = setting;
    return SL_OK;
}

sl_status
sl_config_set(struct sl_config *config, const char *key, const char *value, struct sl_error *err)
{
    for (unsigned i = 0; i < SL_OPTION_COUNT; i++)
        if (strcmp(options[i].key, key) == 0)
            return set_option(config, (enum sl_option)i, value, err);
    return sl_fail(err, SL_NAME, "unknown option \"%.80s\"; sluiced --help lists them", key);
}

struct sl_config *
sl_config_create(void)
{
    struct sl_config *config = sl_new(sizeof(*config));
    for (unsigned i = 0; i < SL_OPTION_COUNT; i++) {
        sl_status st = set_option(config, (enum sl_option)i, options[i].value, NULL);
        SL_ASSERT(st == SL_OK);
    }
    return config;
}

void
sl_config_destroy(struct sl_config *config)
{
    if (config == NULL)
        return;
    for (unsigned i = 0; i < SL_OPTION_COUNT; i++)
        free(config->settings[i].text);
    free(config);
}

/* ---- file ---- */

struct file_state {
    struct sl_config *config;
    struct sl_error *err;
    FILE *file;
    int line;
    bool is_too_long;
};

/* fgets that counts lines and notes what the parser's buffer would silently cut. */
static char *
read_line(char *text, int capacity, void *context)
{
    struct file_state *state = context;
    if (state->is_too_long || fgets(text, capacity, state->file) == NULL)
        return NULL;
    state->line++;
    if (strchr(text, '\n') == NULL && !feof(state->file))
        state->is_too_long = true;
    return text;
}

static int
take_setting(void *context, const char *section, const char *key, const char *value)
{
    struct file_state *state = context;
    if (section[0] != '\0') {
        (void)sl_fail(state->err, SL_FORMAT, "there are no sections: [%.80s]", section);
        return 0;
    }
    return sl_config_set(state->config, key, value == NULL ? "" : value, state->err) == SL_OK;
}

sl_status
sl_config_read(struct sl_config *config, const char *path, struct sl_error *err)
{
    struct sl_error story = {0};
    struct file_state state = {.config = config, .err = &story};
    state.file = fopen(path, "re");
    if (state.file == NULL)
        return sl_fail_errno(err, "cannot read %s", path);

    int code = ini_parse_stream(read_line, &state, take_setting, &state);
    bool is_unread = ferror(state.file) != 0;
    (void)fclose(state.file); /* opened read-only: there is nothing to lose */
    if (is_unread)
        return sl_fail(err, SL_IO, "cannot read %s: is it a file?", path);
    if (state.is_too_long)
        return sl_fail(err, SL_FORMAT, "%s:%d: the line is too long", path, state.line);
    if (code == 0)
        return SL_OK;
    if (story.status == SL_OK)
        return sl_fail(err, SL_FORMAT, "%s:%d: write KEY = VALUE", path, code);
    return sl_fail(err, story.status, "%s:%d: %s", path, code, story.text);
}

/* ---- command line ---- */

struct argument {
    char key[64];
    const char *value; /* NULL: none was given */
    int used;          /* words */
};

/* "--key value", "--key=value" or "--flag" at argv[at]. */
static sl_status
read_argument(int argc, const char *const *argv, int at, struct argument *out, struct sl_error *err)
{
    const char *word = argv[at];
    if (strncmp(word, "--", 2) != 0)
        return sl_fail(err, SL_FORMAT, "unexpected argument \"%.80s\"; sluiced --help lists them",
                       word);
    const char *equals = strchr(word, '=');
    size_t key_bytes = equals != NULL ? (size_t)(equals - word) - 2 : strlen(word) - 2;
    if (key_bytes == 0 || key_bytes >= sizeof(out->key))
        return sl_fail(err, SL_NAME, "unknown option \"%.80s\"; sluiced --help lists them", word);
    memcpy(out->key, word + 2, key_bytes);
    out->key[key_bytes] = '\0';
    out->value = equals != NULL ? equals + 1 : NULL;
    out->used = 1;
    if (equals != NULL || strcmp(out->key, "help") == 0 || strcmp(out->key, "version") == 0)
        return SL_OK;

    unsigned index = 0;
    while (index < SL_OPTION_COUNT && strcmp(options[index].key, out->key) != 0)
        index++;
    if (index == SL_OPTION_COUNT && strcmp(out->key, "config") != 0)
        return sl_fail(err, SL_NAME, "unknown option \"%.80s\"; sluiced --help lists them", word);
    if (index < SL_OPTION_COUNT && options[index].kind == SL_KIND_FLAG) {
        out->value = "yes";
        return SL_OK;
    }
    if (at + 1 >= argc)
        return sl_fail(err, SL_FORMAT, "--%s needs a value", out->key);
    out->value = argv[at + 1];
    out->used = 2;
    return SL_OK;
}

enum pass { PASS_FILE, PASS_OPTIONS };

static sl_status
walk_arguments(struct sl_config *config, int argc, const char *const *argv, enum pass pass,
               enum sl_config_wish *out_wish, struct sl_error *err)
{
    struct argument argument = {0};
    for (int at = 1; at < argc; at += argument.used) {
        SL_TRY(read_argument(argc, argv, at, &argument, err));
        if (strcmp(argument.key, "help") == 0)
            *out_wish = SL_WISH_HELP;
        else if (strcmp(argument.key, "version") == 0)
            *out_wish = SL_WISH_VERSION;
        else if (strcmp(argument.key, "config") == 0 && pass == PASS_FILE)
            SL_TRY(sl_config_read(config, argument.value, err));
        else if (strcmp(argument.key, "config") != 0 && pass == PASS_OPTIONS)
            SL_TRY(sl_config_set(config, argument.key, argument.value, err));
        if (*out_wish != SL_WISH_RUN)
            return SL_OK;
    }
    return SL_OK;
}

sl_status
sl_config_arguments(struct sl_config *config, int argc, const char *const *argv,
                    enum sl_config_wish *out_wish, struct sl_error *err)
{
    *out_wish = SL_WISH_RUN;
    SL_TRY(walk_arguments(config, argc, argv, PASS_FILE, out_wish, err));
    if (*out_wish != SL_WISH_RUN)
        return SL_OK;
    return walk_arguments(config, argc, argv, PASS_OPTIONS, out_wish, err);
}

/* ---- asking ---- */

const char *
sl_config_text(const struct sl_config *config, enum sl_option option)
{
    return config->settings[option].text;
}

bool
sl_config_is_off(const struct sl_config *config, enum sl_option option)
{
    return config->settings[option].is_off;
}

uint64_t
sl_config_number(const struct sl_config *config, enum sl_option option)
{
    return config->settings[option].number;
}

bool
sl_config_is_percent(const struct sl_config *config, enum sl_option option)
{
    return config->settings[option].is_percent;
}

const char *
sl_option_key(enum sl_option option)
{
    return options[option].key;
}

const char *
sl_option_default(enum sl_option option)
{
    return options[option].value;
}

const char *
sl_option_help(enum sl_option option)
{
    return options[option].help;
}

void
sl_config_help(struct sl_buf *out)
{
    sl_buf_text(out, "sluiced - the sluice server: takes in network flows, answers questions\n\n"
                     "usage: sluiced [--config FILE] [--OPTION VALUE]...\n\n"
                     "  --config FILE\n        read options from FILE, one \"option = value\" on "
                     "each line\n");
    for (unsigned i = 0; i < SL_OPTION_COUNT; i++) {
        const struct option *option = &options[i];
        sl_buf_printf(out, "  --%s%s%s\n        %s", option->key,
                      option->placeholder[0] == '\0' ? "" : " ", option->placeholder, option->help);
        if (option->kind != SL_KIND_FLAG)
            sl_buf_printf(out, " [%s]", option->value);
        sl_buf_text(out, "\n");
    }
    sl_buf_text(out, "  --help, --version\n\n"
                     "Sizes: 512MiB, 2GiB. Times: 200ms, 30s, 5m, 12h, 90d. \"off\" switches a "
                     "door or a limit off.\n");
}
