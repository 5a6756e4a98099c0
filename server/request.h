/*
 * request.h - one request of a connection, worked off in steps.
 *
 * A step runs on a worker (but see sl_request_try), computes a bounded amount of answer into `out`, and returns; the
 * connection sends that, waits until the peer has taken enough of it, and starts the next step.
 * So a slow reader holds a query open, but never a thread; nor does a statement that waits for its
 * rows to be on disk (is_waiting).
 *
 * Ownership: the connection's; between sl_request_step and its return, the worker's.
 * Threads:   one at a time; the registry's entry is the way to cancel it.
 * Layer:     server, internal.
 */
#ifndef SLUICE_SERVER_REQUEST_H
#define SLUICE_SERVER_REQUEST_H

#include "server/inserts.h"
#include "server/registry.h"
#include "server/service.h"
#include "server/users.h"
#include "server/wire/wire.h"

/* A prepared statement: its text and the session it was prepared in. */
struct sl_statement_text {
    uint32_t id;
    char *text; /* owned */
    size_t text_bytes;
    enum sl_wire_dialect dialect;
    char *database;  /* owned */
    char *time_zone; /* owned */
};

/* A matter of a moment is so much CPU of a worker, over so many rows. One with more rows is not begun on the
 * loop's thread; one that is begun may take longer there, for the CPU's caches may be cold, but no longer than
 * SL_REQUEST_TRY_US: then what was done is lost, and a worker does it again. */
enum {
    SL_REQUEST_MOMENT_US = 1000,
    SL_REQUEST_TRY_US = 4000,
    SL_REQUEST_MOMENT_ROWS = 1 << 17,
};

/* So much of a client's file is worth a step. */
enum { SL_REQUEST_INPUT_BYTES = 1 << 20 };

/* Rows that the query gave and the answer has not yet: from `first` on, `piece` at a time. */
struct sl_request_rows {
    const struct sl_vector *vectors; /* borrowed until the query gives the next */
    uint32_t count;
    uint32_t first;
    uint32_t piece;
};

/* Members are filled from the payload by the type of the frame. */
struct sl_request {
    uint32_t magic;
    const struct sl_service *service; /* borrowed */
    struct sl_entry *entry;           /* borrowed */
    const char *user;                 /* borrowed */
    enum sl_role role;                /* of the user, now */
    struct sl_budget memory;          /* of the arena: input, as what is no whole frame yet */
    struct sl_arena *arena;           /* owned: the payload and what was decoded from it */
    enum sl_wire_type type;
    uint32_t tag;
    int64_t started_us; /* monotonic */

    struct sl_wire_session session; /* QUERY, PREPARE, EXECUTE */
    struct sl_slice text;           /* QUERY, PREPARE, and EXECUTE, DESCRIBE from the statement */
    uint32_t statement_id;          /* PREPARE (chosen by the connection), DESCRIBE, EXECUTE */
    const char *producer;           /* INSERT_OPEN */
    struct sl_wire_import import;   /* IMPORT */
    uint32_t flush_flags;           /* FLUSH */
    struct sl_wire_user change;     /* USER */

    /* The answer so far. */
    struct sl_buf out; /* frames to send; emptied by whoever sends them */
    bool is_done;
    bool has_failed;
    bool is_waiting;                 /* the next step waits for the ticket to be called */
    int64_t pause_us;                /* the next step is so much later */
    struct sl_insert_ticket *ticket; /* borrowed: the connection's */
    uint64_t features;               /* of the connection */
    bool wants_file;                 /* a FILE_WANTED is in `out`: the client answers with it */
    bool wants_input;                /* the next step waits for more of the file */
    struct sl_buf input;             /* of the file, not fed yet; the loop's while it waits */
    bool is_file_ended;
    const char *file_reason; /* why the client has no more of it; "" or NULL: it is whole */
    bool has_head;           /* a RESULT is out: PROGRESS may follow */
    struct sl_wire_insert_ready ready; /* INSERT_OPEN, when it has not failed */

    /* The statement that runs. */
    struct sl_query *query;
    bool is_tried;    /* the statement runs in sl_request_try */
    bool is_large;    /* it looked at more rows than is a matter of a moment */
    int64_t cpu_us;   /* of the workers that made its steps */
    bool is_inserted; /* INSERT: all rows were put, what the ticket says ends it */
    struct sl_request_rows rows;
    size_t text_offset; /* of the statement after it */
    int64_t statement_us;
    uint64_t result_rows;
    struct sl_wire_column *columns;
};

/* Copy and decode a frame; SL_FORMAT: the peer broke the protocol. */
SL_MUST_CHECK
sl_status sl_request_create(const struct sl_service *service, struct sl_entry *entry,
                            const char *user, const struct sl_wire_frame *frame,
                            struct sl_request **out_request, struct sl_error *err);
/* NULL is allowed. */
void sl_request_destroy(struct sl_request *request);

/* DESCRIBE, EXECUTE: the statement they name; borrowed until the request is destroyed. */
void sl_request_bind(struct sl_request *request, const struct sl_statement_text *statement);

/* For lists of what runs: "query", "flush"; and its text. */
const char *sl_request_what(const struct sl_request *request);

/* On the loop, when it wants input: FILE_DATA or FILE_END. wants_input is false when that is enough
 * for a step. */
SL_MUST_CHECK
sl_status sl_request_take_file(struct sl_request *request, const struct sl_wire_frame *frame,
                               struct sl_error *err);

/* LITERALS: the first step is shorter than handing it to a worker takes, and bounded. PLAIN: the whole answer
 * may be (sl_request_try). */
enum sl_query_weight sl_request_weigh(const struct sl_request *request);

/* Is all that the next step does to say how the statement has ended? */
bool sl_request_is_ending(const struct sl_request *request);

/* On a worker, unless it is of literals: the next piece of the answer. */
void sl_request_step(struct sl_request *request);

/*
 * On the loop, instead of the first step: the whole answer, if that is a matter of a moment (a narrow
 * select over what is in memory: sl_query_is_narrow). To hand such a statement to a worker and back
 * takes longer than to answer it. False: it is not, and nothing has happened.
 */
SL_MUST_CHECK
bool sl_request_try(struct sl_request *request);

#endif
