/*
 * registry.h - who is connected, and what each is running, for system.queries and cancel.
 *
 * An entry belongs to one connection. The query it points to is set and taken back by whoever
 * runs it, under the registry's lock, so that cancel and progress never meet a freed one.
 *
 * Threads: any.
 * Layer:   server, internal.
 */
#ifndef SLUICE_SERVER_REGISTRY_H
#define SLUICE_SERVER_REGISTRY_H

#include "query/query.h"
#include "storage/base/base.h"

struct sl_registry;
struct sl_entry;

/* on_kill: a connection is to be looked at (its statement was cancelled), and perhaps ended; called
 * on the thread that kills. */
typedef void sl_kill_fn(void *context, uint64_t connection_id, bool is_whole);
struct sl_registry *sl_registry_create(sl_kill_fn *on_kill, void *context);
/* Asserts that it is empty. NULL is allowed. */
void sl_registry_destroy(struct sl_registry *registry);

/* peer: "127.0.0.1:50012". Ids start at 1 and are not used again. */
struct sl_entry *sl_entry_open(struct sl_registry *registry, const char *peer);
void sl_entry_close(struct sl_entry *entry);
uint64_t sl_entry_id(const struct sl_entry *entry);
/* As it was opened; borrowed. */
const char *sl_entry_peer(const struct sl_entry *entry);
/* What ROW_COUNT() and FOUND_ROWS() are for the connection's next statement. */
struct sl_entry_counts {
    int64_t row_count;  /* rows that were changed; -1: a result, a failure, nothing yet */
    int64_t found_rows; /* of the last result */
};
/* What SHOW WARNINGS shows: of the connection's last statement. Whoever works off its statement may
 * change them. */
struct sl_warnings *sl_entry_warnings(struct sl_entry *entry);
void sl_entry_set_counts(struct sl_entry *entry, struct sl_entry_counts counts);
struct sl_entry_counts sl_entry_counts(const struct sl_entry *entry);
void sl_entry_set_user(struct sl_entry *entry, const char *user);

/* A request begins: what it is ("query", "flush"), and the statement's text (cut when long). */
void sl_entry_begin(struct sl_entry *entry, const char *what, const char *text, size_t text_bytes);
void sl_entry_end(struct sl_entry *entry);

/* The query that runs now; NULL: none any more, and nobody will touch the old one. False when the
 * request was cancelled before. */
bool sl_entry_set_query(struct sl_entry *entry, struct sl_query *query);

/* Cancel what it runs, now or as soon as there is a query. */
void sl_entry_cancel(struct sl_entry *entry);
bool sl_entry_is_cancelled(const struct sl_entry *entry);

/* KILL and CANCEL: stop what a connection runs, and (is_whole) the connection. user: who asks; he may
 * stop what is his own. NULL: an admin. SL_MISSING (1094); SL_DENIED (1095). */
SL_MUST_CHECK
sl_status sl_registry_kill(struct sl_registry *registry, uint64_t connection_id, bool is_whole,
                           const char *user, struct sl_error *err);

/* Progress of the query that runs; false when none does. */
bool sl_entry_progress(struct sl_entry *entry, struct sl_query_progress *out_progress);

/* One row of system.queries; strings are borrowed for the call. */
struct sl_entry_info {
    uint64_t connection_id;
    const char *user;
    const char *peer;
    const char *what; /* "" when it is idle */
    const char *text;
    int64_t connected_us;
    int64_t started_us; /* 0 when it is idle */
    struct sl_query_progress progress;
};
/* visit is called with copies and without a lock held; an error ends the walk. */
typedef sl_status sl_entry_visit_fn(void *context, const struct sl_entry_info *info,
                                    struct sl_error *err);
SL_MUST_CHECK
sl_status sl_registry_walk(struct sl_registry *registry, sl_entry_visit_fn *visit, void *context,
                           struct sl_error *err);

#endif
