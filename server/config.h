/*
 * config.h - the options of sluiced, from their defaults, a file, and the command line.
 *
 * config.def is the one table. A value is checked when it is set, and an error says key, value
 * and what would be right. Later settings win: defaults, then the file, then the command line.
 *
 * Layer: server, internal.
 */
#ifndef SLUICE_SERVER_CONFIG_H
#define SLUICE_SERVER_CONFIG_H

#include "storage/base/base.h"
#include "storage/base/buf.h"
#include "storage/base/limits.h"
#include "storage/base/status.h"

enum sl_option_kind {
    SL_KIND_TEXT,
    SL_KIND_ENDPOINT,  /* HOST:PORT or off; resolved by whoever listens */
    SL_KIND_ENDPOINTS, /* several, separated by commas, or off */
    SL_KIND_DOOR,      /* a door whose part is not built: only off */
    SL_KIND_SIZE,      /* 512MiB: bytes */
    SL_KIND_DURATION,  /* 5m: microseconds */
    SL_KIND_COUNT,
    SL_KIND_FLAG,   /* yes, no */
    SL_KIND_CAP,    /* a size, or a percentage */
    SL_KIND_LEVEL,  /* of the log */
    SL_KIND_ACK,    /* durable, received */
    SL_KIND_DELETE, /* own, all, off */
};

enum sl_option {
#define SL_OPTION(id, key, kind, value, smallest, largest, placeholder, help) SL_OPTION_##id,
#include "server/config.def"
#undef SL_OPTION
    SL_OPTION_COUNT
};

struct sl_config;

/* All defaults. */
struct sl_config *sl_config_create(void);
void sl_config_destroy(struct sl_config *config);

SL_MUST_CHECK
sl_status sl_config_set(struct sl_config *config, const char *key, const char *value,
                        struct sl_error *err);

/* "key = value" lines, "#" and ";" start comments. Errors name file and line. */
SL_MUST_CHECK
sl_status sl_config_read(struct sl_config *config, const char *path, struct sl_error *err);

enum sl_config_wish { SL_WISH_RUN, SL_WISH_HELP, SL_WISH_VERSION };

/* The command line, with the file that --config names read first. */
SL_MUST_CHECK
sl_status sl_config_arguments(struct sl_config *config, int argc, const char *const *argv,
                              enum sl_config_wish *out_wish, struct sl_error *err);

/* As it was written. */
const char *sl_config_text(const struct sl_config *config, enum sl_option option);
bool sl_config_is_off(const struct sl_config *config, enum sl_option option);
/* Bytes, microseconds, the number, 0 or 1, the enum sl_log_level, sl_insert_ack, sl_delete_rule; 0
 * when it is off. */
uint64_t sl_config_number(const struct sl_config *config, enum sl_option option);
/* CAP: the number is a percentage. */
bool sl_config_is_percent(const struct sl_config *config, enum sl_option option);

const char *sl_option_key(enum sl_option option);
const char *sl_option_default(enum sl_option option);
const char *sl_option_help(enum sl_option option);

/* The text of --help. */
void sl_config_help(struct sl_buf *out);

#endif
