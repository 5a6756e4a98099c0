/*
 * query.h - from text to rows.
 *
 * sl_query_prepare takes one statement of the text, binds and plans it; sl_query_next computes the
 * next vectors of the result (blocking, on the calling worker, with helpers from the pool);
 * sl_query_cancel stops it from any thread. Queries see a snapshot taken at prepare.
 *
 * Ownership: the caller owns the query, which borrows the text; names and vectors are borrowed until the
 *            next call.
 * Threads:   one at a time, but for sl_query_cancel and sl_query_progress.
 * Errors:    SL_SYNTAX, SL_NAME, SL_TYPE carry "... at LINE:COLUMN" and a MySQL error number;
 *            SL_LIMIT names the budget; SL_TIMEOUT; SL_CANCELLED; storage's own.
 * Layer:     query. Facade.
 */
#ifndef SLUICE_QUERY_QUERY_H
#define SLUICE_QUERY_QUERY_H

#include "query/bound.h"
#include "query/warning.h"
#include "storage/base/status.h"
#include "storage/base/thread.h"

struct sl_store;
struct sl_query;
struct sl_definitions; /* views and tables that clients have created */

enum sl_dialect { SL_DIALECT_NATIVE, SL_DIALECT_MYSQL };

/* A user variable or a typed parameter. */
struct sl_variable {
    const char *name;
    struct sl_value value;
};

/* What stays the same between the statements of one client. The struct is copied, what it points to
 * is borrowed until the query is freed. */
struct sl_session {
    enum sl_dialect dialect;
    const char *database;  /* "flows"; NULL or "": none was chosen, and names are of flows */
    const char *time_zone; /* "UTC", "+02:00", "Europe/Berlin" */
    const char *user;
    const char *peer; /* where the client is: "127.0.0.1:50012", "[::1]:50012"; NULL: not known */
    uint64_t connection_id;
    int64_t
        row_count; /* ROW_COUNT(): of the statement before: rows it changed, -1: a result, a failure */
    int64_t found_rows;                 /* FOUND_ROWS(): rows of the last result */
    const struct sl_warnings *warnings; /* SHOW WARNINGS: of the statement before; NULL: none */
    bool is_admin;
    bool is_reader; /* may ask only: what changes flows or tables is SL_DENIED (1142) */
    const struct sl_variable *variables; /* @name and @@name */
    uint32_t variable_count;
    const struct sl_value *parameters; /* for `?` */
    uint32_t parameter_count;
};

/* What DATABASE() is: NULL when none was chosen. */
static inline const char *
sl_session_database(const struct sl_session *session)
{
    return session->database == NULL || session->database[0] == '\0' ? NULL : session->database;
}

/*
 * A table whose rows are made when asked for (system.*, information_schema.*). `fill` appends
 * rows in batches through `emit`, which copies; names and types are fixed.
 */
struct sl_virtual_column {
    const char *name;
    struct sl_sql_type type;
};
struct sl_own_table;    /* query's own */
struct sl_virtual_sink; /* opaque: rows go in through the functions below */
struct sl_virtual_table {
    const char *schema; /* "system" */
    const char *name;   /* "segments" */
    const struct sl_virtual_column *columns;
    uint32_t column_count;
    sl_status (*fill)(void *context, struct sl_virtual_sink *sink, struct sl_error *err);
    const struct sl_own_table *own; /* a client's, whose rows were inserted; else NULL */
};
/* Whoever asks for the rows. */
const struct sl_session *sl_virtual_session(const struct sl_virtual_sink *sink);
/* One row: column_count values, copied. */
SL_MUST_CHECK
sl_status sl_virtual_emit(struct sl_virtual_sink *sink, const struct sl_value *values,
                          struct sl_error *err);

/* What a DELETE removes of the rows that it names. */
enum sl_delete_rule {
    SL_DELETE_OWN, /* what INSERTs into the same table brought, or into the one that a view reads */
    SL_DELETE_ALL,
    SL_DELETE_OFF, /* none: it answers 0 rows */
};

/* Those that the store remembers; NULL closes nothing. Views that are made later are durable when
 * their statement ends. */
SL_MUST_CHECK
sl_status sl_definitions_open(struct sl_store *store, struct sl_definitions **out_definitions,
                              struct sl_error *err);
void sl_definitions_close(struct sl_definitions *definitions);

/* What every query of a server shares. Borrowed for the life of each query. */
struct sl_query_env {
    struct sl_store *store; /* NULL: no flows (a client's own use, tests) */
    struct sl_schema *schema;
    struct sl_pool *pool;     /* NULL: the caller's thread only */
    unsigned threads_max;     /* of one query */
    size_t memory_bytes;      /* budget of one query; 0: that of all */
    struct sl_budget *memory; /* of all queries together; NULL: none. Borrowed */
    struct sl_budget *spill;  /* disk of all queries together; NULL: none. Borrowed */
    size_t group_bytes; /* of groups that are being built, before they go there; 0: half of the
                               * budget. Tests */
    int64_t timeout_us; /* 0: none */
    const struct sl_virtual_table *const *tables; /* NULL-terminated; may be NULL */
    void *tables_context;
    const struct sl_virtual_table *const *catalog; /* information_schema: set by sl_query_prepare */
    struct sl_warnings *warnings;                  /* the query's own: set by sl_query_prepare */
    void (*settle)(void *context); /* called before a statement takes its snapshot, so that rows
                                    * somebody was answered for are in it; may be NULL */
    void *settle_context;
    enum sl_delete_rule mysql_delete;   /* DELETE in MySQL's dialect; the native one deletes all */
    struct sl_definitions *definitions; /* NULL: none, and none can be made */
    uint32_t prune;                     /* enum sl_prune; tests switch indexes off */
    bool may_skip_damage;
    uint64_t rows_max; /* SL_LIMIT as soon as a scan has more to look at; 0: any number */
};

/* Result column. */
struct sl_result_column {
    const char *name;
    const char *table;  /* "" when it is no plain column */
    const char *origin; /* name in that table, "" */
    struct sl_sql_type type;
};

enum sl_statement_kind {
    SL_STATEMENT_ROWS,
    SL_STATEMENT_OK,
    SL_STATEMENT_INSERT, /* the caller stores what sl_query_fill gives */
};

/* What servers count of their statements. */
enum sl_command {
    SL_COMMAND_OTHER,
    SL_COMMAND_SELECT,
    SL_COMMAND_INSERT,
    SL_COMMAND_DELETE,
    SL_COMMAND_LOAD,
};

struct sl_query_info {
    enum sl_statement_kind kind;
    enum sl_command command;
    const struct sl_result_column *columns;
    uint32_t column_count;
    uint32_t parameter_count;
    uint64_t affected_rows; /* DELETE, INSERT: valid after the last sl_query_next, sl_query_fill */
    int64_t
        found_rows;  /* FOUND_ROWS(): without the LIMIT; -1: the rows that there were. The same */
    bool is_limited; /* DELETE: mysql_delete keeps rows from it */
    uint32_t insert_rows; /* INSERT: rows of the list, and columns */
    uint32_t insert_columns;
    const char *file; /* LOAD DATA: the client's file, whose bytes sl_query_feed takes */
    bool wants_input; /* LOAD DATA: sl_query_fill has used up what was fed */
    bool is_delayed;  /* INSERT DELAYED: nobody waits for the rows */
    int64_t pause_us; /* SLEEP: the caller lets so much time pass before the first sl_query_next */
    bool keeps_warnings;   /* SHOW WARNINGS and its kin: those of the statement before stay */
    size_t consumed_bytes; /* of the text: the next statement starts there */

    /* SET and USE: what the next session of the client must carry: "@name", "@@name",
     * "time_zone", "database" (both text). */
    const struct sl_variable *changes;
    uint32_t change_count;

    /* KILL: whoever runs the statement is to stop what this connection runs, behind the last
     * sl_query_next, and to end it. */
    bool is_kill;
    bool kills_connection;
    uint64_t kill_id;
};

/* What the text alone says of the time that a statement takes. */
enum sl_query_weight {
    SL_QUERY_HEAVY, /* nothing */
    SL_QUERY_LITERALS, /* a short INSERT of literals into flows: to prepare and to fill it takes microseconds */
    SL_QUERY_PLAIN, /* a short SELECT that calls nothing but aggregates: to prepare it does */
};
enum sl_query_weight sl_query_weigh(enum sl_dialect dialect, const char *text, size_t text_bytes);

SL_MUST_CHECK
sl_status sl_query_prepare(const struct sl_query_env *env, const struct sl_session *session,
                           const char *text, size_t text_bytes, struct sl_query **out_query,
                           struct sl_error *err);

/* A select that reads little or nothing of the store, if a good index is believed (else there is rows_max): the
 * flows of a few hosts, or a count of all. It keeps to its timeout within a few blocks. */
bool sl_query_is_narrow(const struct sl_query *query);

const struct sl_query_info *sl_query_info(const struct sl_query *query);

/* What it has to say so far; the caller may take it when the query has ended. */
struct sl_warnings *sl_query_warnings(struct sl_query *query);

/* The next rows: *out_vectors has column_count vectors of *out_count rows; 0 rows is the end. */
SL_MUST_CHECK
sl_status sl_query_next(struct sl_query *query, const struct sl_vector **out_vectors,
                        uint32_t *out_count, struct sl_error *err);

/*
 * INSERT: put its next rows into the builder, until it is full or all are there (*out_is_done). The
 * rows are the caller's to store. SL_TYPE: a row that is no flow; the builder is then as it was.
 * sl_query_next does not know this statement.
 */
SL_MUST_CHECK
sl_status sl_query_fill(struct sl_query *query, struct sl_builder *builder, bool *out_is_done,
                        struct sl_error *err);

/* LOAD DATA: more bytes of the file, copied; none: that was all. Only when it wants input. */
SL_MUST_CHECK
sl_status sl_query_feed(struct sl_query *query, const void *bytes, size_t size_bytes,
                        struct sl_error *err);

/* Any thread; sl_query_next soon answers SL_CANCELLED. */
void sl_query_cancel(struct sl_query *query);

struct sl_query_progress {
    uint64_t rows_total; /* rows of the snapshot */
    uint64_t rows_done;  /* scanned or pruned */
    uint64_t bytes_read;
    uint64_t memory_bytes;
    int64_t started_us; /* wall clock */
};
void sl_query_progress(const struct sl_query *query, struct sl_query_progress *out_progress);

/* NULL is allowed. */
void sl_query_free(struct sl_query *query);

#endif
