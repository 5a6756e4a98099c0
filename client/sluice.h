/*
 * sluice.h - libsluice: flows of a sluiced, from C.
 *
 *   struct sluice_error error;
 *   struct sluice *db = sluice_connect("127.0.0.1:7010", &error);
 *   struct sluice_result *r = sluice_query(db, "SELECT src_addr, SUM(bytes) FROM flows "
 *                                              "GROUP BY src_addr ORDER BY 2 DESC LIMIT 10", &error);
 *   while (sluice_result_next(r, &error))
 *       printf("%s %s\n", sluice_result_text(r, 0), sluice_result_text(r, 1));
 *   sluice_result_close(r);
 *   sluice_close(db);
 *
 * This is the whole interface: no other header of sluice is needed.
 *
 * Ownership: what a function with "connect", "query" or "open" in its name returns is the
 *            caller's, to be given to the matching close. Texts are borrowed until the next call
 *            on the same result.
 * Threads:   a connection and all that came from it belong to one thread at a time.
 *            sluice_cancel may be called from any thread.
 * Errors:    functions that can fail return NULL, false or a negative number and fill *error,
 *            which may be NULL.
 */
#ifndef SLUICE_CLIENT_SLUICE_H
#define SLUICE_CLIENT_SLUICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sluice;
struct sluice_result;
struct sluice_producer;

struct sluice_error {
    int status;       /* number of server/PROTOCOL.md, 0 when there was no error */
    int mysql_number; /* 1064, 1054 ...; 0 when none applies */
    char text[240];   /* one line */
};

/*
 * address: "HOST:PORT"; NULL means 127.0.0.1:7010. NULL on failure. The environment says who asks
 * (SLUICE_USER, SLUICE_PASSWORD), and with SLUICE_TLS that TLS is to be spoken: a PEM file of the
 * authorities that vouch for the server, or "system".
 */
struct sluice *sluice_connect(const char *address, struct sluice_error *error);
void sluice_close(struct sluice *db);

/* Run one statement; rows are fetched as they are asked for. One open result at a time. */
struct sluice_result *sluice_query(struct sluice *db, const char *sql, struct sluice_error *error);
/* Close a result; rows not yet fetched are thrown away (the query is cancelled). */
void sluice_result_close(struct sluice_result *result);

unsigned sluice_result_column_count(const struct sluice_result *result);
const char *sluice_result_column_name(const struct sluice_result *result, unsigned column);

enum sluice_kind {
    SLUICE_NULL,
    SLUICE_INTEGER, /* signed, unsigned, boolean */
    SLUICE_DOUBLE,
    SLUICE_DECIMAL,
    SLUICE_TIME, /* microseconds since 1970-01-01 UTC */
    SLUICE_ADDRESS,
    SLUICE_TEXT,
    SLUICE_BYTES,
    SLUICE_OTHER, /* MAC, date, span: by their text */
};
enum sluice_kind sluice_result_column_kind(const struct sluice_result *result, unsigned column);

/* Move to the next row: true, or false at the end and on failure (error->status tells). */
bool sluice_result_next(struct sluice_result *result, struct sluice_error *error);

bool sluice_result_is_null(const struct sluice_result *result, unsigned column);
/* The value as text (the form of `sluice query --format csv`), NULL for NULL. */
const char *sluice_result_text(struct sluice_result *result, unsigned column);
/* Integers, times and the whole part of others; saturates. 0 for NULL and for text. */
int64_t sluice_result_integer(const struct sluice_result *result, unsigned column);
double sluice_result_double(const struct sluice_result *result, unsigned column);
/* TEXT and BYTES as they are; not NUL-terminated. */
const void *sluice_result_bytes(const struct sluice_result *result, unsigned column,
                                size_t *out_size);

/* Rows that DELETE and the like changed; valid after the last row. */
uint64_t sluice_result_affected(const struct sluice_result *result);

/* Stop what `db` runs, from any thread, over a connection of its own. */
bool sluice_cancel(struct sluice *db, struct sluice_error *error);

/* Seal everything that is in memory; returns when it is on disk. */
bool sluice_flush(struct sluice *db, struct sluice_error *error);

/*
 * Insert rows under a name of the caller's choice. Rows are collected, sent in numbered batches,
 * and acknowledged when they are on stable storage; a batch whose acknowledgement was lost is
 * recognised when it is sent again. Fields are set by any name of theirs (canonical, IANA,
 * nProbe); values are text and are parsed as the column demands.
 */
struct sluice_producer *sluice_producer_open(struct sluice *db, const char *name,
                                             struct sluice_error *error);
/* Set a field of the row that is being filled. False: no such field, or not its value. */
bool sluice_producer_set(struct sluice_producer *producer, const char *field, const char *value,
                         struct sluice_error *error);
/* The row is complete. Sends when a batch is full. */
bool sluice_producer_next(struct sluice_producer *producer, struct sluice_error *error);
/* Send what is left and wait until all of it is durable. */
bool sluice_producer_flush(struct sluice_producer *producer, struct sluice_error *error);
/* Close without waiting: rows not flushed may be lost. */
void sluice_producer_close(struct sluice_producer *producer);

#ifdef __cplusplus
}
#endif

#endif
