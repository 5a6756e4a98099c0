/*
 * wire.h - the native protocol: frames, their limits, and what each carries.
 *
 * A connection is two streams of frames. A frame is a header of 16 bytes and a payload whose
 * layout its type decides; server/PROTOCOL.md is the description byte by byte, and this layer is
 * its only implementation: server, client library and adapter encode and decode with the
 * functions below and nothing else. Nothing here knows sockets, stores or queries.
 *
 * Encoders append one whole frame to a buffer; at its limit, or the frame's, it turns bad and holds
 * what it held before. Decoders take a frame whose header and check sum sl_wire_next has proven, trust nothing in its payload, demand
 * that it is used up to its last byte, and put what they find in the caller's arena.
 *
 * Ownership: texts and arrays of a decoded message live in the arena given, except slices and
 *            `payload`s, which borrow from the frame.
 * Errors:    SL_FORMAT  the peer does not keep to the protocol: the connection must end
 *            SL_LIMIT   a size beyond the limits below, or the arena's budget
 *            SL_VERSION the peers share no version
 * Layer:     server/wire. Facade: server and client include it.
 */
#ifndef SLUICE_SERVER_WIRE_WIRE_H
#define SLUICE_SERVER_WIRE_WIRE_H

#include "storage/base/arena.h"
#include "storage/base/base.h"
#include "storage/base/buf.h"
#include "storage/base/hash.h"
#include "storage/base/limits.h"
#include "storage/base/status.h"
#include "storage/batch.h"

enum {
    SL_WIRE_VERSION = 1,
    SL_WIRE_HEADER_BYTES = 16,

    /* Payload limits. A frame that says more is refused before a byte of it is kept. */
    SL_WIRE_HELLO_BYTES_MAX = 4 << 10, /* before a peer has proven who it is */
    SL_WIRE_SMALL_BYTES_MAX = 64 << 10,
    SL_WIRE_TEXT_BYTES_MAX = SL_SQL_TEXT_BYTES_MAX + (1 << 20), /* statement and parameters */
    SL_WIRE_META_BYTES_MAX = 4 << 20,                           /* 4,096 columns of three names */
    SL_WIRE_DATA_BYTES_MAX = SL_BATCH_BYTES_MAX + (4 << 10),
    SL_WIRE_FRAME_BYTES_MAX = SL_WIRE_TEXT_BYTES_MAX, /* the largest of them */

    /* Inside payloads. */
    SL_WIRE_NAME_BYTES_MAX = 255, /* users, databases, time zones, producers, mechanisms */
    SL_WIRE_CHALLENGE_BYTES = 20, /* what MySQL's schemes expect */
    SL_WIRE_AUTH_BYTES_MAX = 1024,
    SL_WIRE_VARIABLES_MAX = 4096,
    SL_WIRE_PARAMETERS_MAX = 65535, /* MySQL's limit for one statement */
    SL_WIRE_WARNINGS_MAX = 64,      /* MySQL's max_error_count */
    SL_WIRE_CHANGES_MAX = 256,
    SL_WIRE_ERROR_TEXT_BYTES_MAX = 1024,
    SL_WIRE_STATEMENTS_MAX = 1024, /* prepared, of one connection */
    SL_WIRE_CREDITS_MAX = 64,      /* batches on the way, of one producer */
};

/* name, number, payload limit. Below 64: client to server. Numbers are published: never reuse. */
#define SL_WIRE_TYPE_LIST(X)                     \
    X(HELLO, 1, SL_WIRE_HELLO_BYTES_MAX)         \
    X(AUTH, 2, SL_WIRE_HELLO_BYTES_MAX)          \
    X(AUTH_ANSWER, 3, SL_WIRE_HELLO_BYTES_MAX)   \
    X(QUERY, 4, SL_WIRE_TEXT_BYTES_MAX)          \
    X(PREPARE, 5, SL_WIRE_TEXT_BYTES_MAX)        \
    X(DESCRIBE, 6, SL_WIRE_SMALL_BYTES_MAX)      \
    X(EXECUTE, 7, SL_WIRE_TEXT_BYTES_MAX)        \
    X(CLOSE, 8, SL_WIRE_SMALL_BYTES_MAX)         \
    X(CANCEL, 9, SL_WIRE_SMALL_BYTES_MAX)        \
    X(FILE_DATA, 10, SL_WIRE_META_BYTES_MAX)     \
    X(FILE_END, 11, SL_WIRE_SMALL_BYTES_MAX)     \
    X(INSERT_OPEN, 12, SL_WIRE_SMALL_BYTES_MAX)  \
    X(INSERT, 13, SL_WIRE_DATA_BYTES_MAX)        \
    X(IMPORT, 14, SL_WIRE_SMALL_BYTES_MAX)       \
    X(FLUSH, 15, SL_WIRE_SMALL_BYTES_MAX)        \
    X(STATUS, 16, SL_WIRE_SMALL_BYTES_MAX)       \
    X(PING, 17, SL_WIRE_SMALL_BYTES_MAX)         \
    X(USER, 18, SL_WIRE_SMALL_BYTES_MAX)         \
    X(WELCOME, 64, SL_WIRE_HELLO_BYTES_MAX)      \
    X(AUTH_MORE, 65, SL_WIRE_HELLO_BYTES_MAX)    \
    X(AUTH_OK, 66, SL_WIRE_HELLO_BYTES_MAX)      \
    X(ERROR, 67, SL_WIRE_SMALL_BYTES_MAX)        \
    X(RESULT, 68, SL_WIRE_META_BYTES_MAX)        \
    X(DATA, 69, SL_WIRE_DATA_BYTES_MAX)          \
    X(PROGRESS, 70, SL_WIRE_SMALL_BYTES_MAX)     \
    X(DONE, 71, SL_WIRE_META_BYTES_MAX)          \
    X(PREPARED, 72, SL_WIRE_META_BYTES_MAX)      \
    X(FILE_WANTED, 73, SL_WIRE_SMALL_BYTES_MAX)  \
    X(INSERT_READY, 74, SL_WIRE_SMALL_BYTES_MAX) \
    X(INSERT_ACK, 75, SL_WIRE_SMALL_BYTES_MAX)   \
    X(IMPORT_STATE, 76, SL_WIRE_SMALL_BYTES_MAX) \
    X(STATUS_TEXT, 77, SL_WIRE_META_BYTES_MAX)   \
    X(PONG, 78, SL_WIRE_SMALL_BYTES_MAX)

enum sl_wire_type {
#define X(name, number, limit_bytes) SL_WIRE_##name = (number),
    SL_WIRE_TYPE_LIST(X)
#undef X
};

/* "QUERY"; "?" for a number that is no type. */
const char *sl_wire_type_name(unsigned type);

/* What a peer can do; both say, and only what both have is used. */
enum sl_wire_feature {
    SL_WIRE_FEATURE_INSERT = 1,     /* INSERT_OPEN, INSERT, IMPORT */
    SL_WIRE_FEATURE_PREPARE = 2,    /* PREPARE, DESCRIBE, EXECUTE, CLOSE */
    SL_WIRE_FEATURE_LOCAL_FILE = 4, /* FILE_WANTED, FILE_DATA, FILE_END */
    SL_WIRE_FEATURE_PROGRESS = 8,   /* PROGRESS */
};

/* ---- frames ---- */

struct sl_wire_frame {
    enum sl_wire_type type;
    uint32_t tag;           /* the request's, chosen by the client; 0 in what answers none */
    const uint8_t *payload; /* borrowed from the bytes given */
    size_t payload_bytes;
};

/*
 * The first frame in bytes[0 .. size): *out_used_bytes is its whole size, or 0 when it is not all
 * there yet: then *out_wanted_bytes is the size to wait for (at least the header's). The check
 * sum is proven. A payload must be within its type's limit and within limit_bytes, which a
 * server keeps at SL_WIRE_HELLO_BYTES_MAX until the peer has proven who it is.
 */
SL_MUST_CHECK
sl_status sl_wire_next(const uint8_t *bytes, size_t size_bytes, size_t limit_bytes,
                       struct sl_wire_frame *out_frame, size_t *out_used_bytes,
                       size_t *out_wanted_bytes, struct sl_error *err);

/* A frame without a payload (FILE_END, STATUS). */
void sl_wire_empty_encode(struct sl_buf *out, enum sl_wire_type type, uint32_t tag);
SL_MUST_CHECK
sl_status sl_wire_empty_decode(const struct sl_wire_frame *frame, struct sl_error *err);

/* ---- handshake ---- */

struct sl_wire_hello {
    uint16_t version_min;
    uint16_t version_max;
    uint64_t features;
    const char *client; /* "sluice 0.1.0", for logs */
};
void sl_wire_hello_encode(struct sl_buf *out, uint32_t tag, const struct sl_wire_hello *hello);
SL_MUST_CHECK
sl_status sl_wire_hello_decode(const struct sl_wire_frame *frame, struct sl_arena *arena,
                               struct sl_wire_hello *out_hello, struct sl_error *err);

struct sl_wire_welcome {
    uint16_t version; /* chosen by the server */
    uint64_t features;
    uint64_t connection_id;
    const char *server; /* "sluiced 0.1.0" */
    uint8_t challenge[SL_WIRE_CHALLENGE_BYTES];
    const char *mechanisms; /* blank-separated, the preferred one first */
};
void sl_wire_welcome_encode(struct sl_buf *out, uint32_t tag,
                            const struct sl_wire_welcome *welcome);
SL_MUST_CHECK
sl_status sl_wire_welcome_decode(const struct sl_wire_frame *frame, struct sl_arena *arena,
                                 struct sl_wire_welcome *out_welcome, struct sl_error *err);

/* AUTH, from the client. The response belongs to the welcome's challenge. */
struct sl_wire_auth {
    const char *user;
    const char *mechanism; /* "none" or a scheme of server/auth/scheme.h */
    struct sl_slice response;
};
void sl_wire_auth_encode(struct sl_buf *out, uint32_t tag, const struct sl_wire_auth *auth);
SL_MUST_CHECK
sl_status sl_wire_auth_decode(const struct sl_wire_frame *frame, struct sl_arena *arena,
                              struct sl_wire_auth *out_auth, struct sl_error *err);

/* AUTH_MORE, from the server: another challenge, perhaps of another mechanism; AUTH_ANSWER, from
 * the client: the response to it. */
void sl_wire_auth_more_encode(struct sl_buf *out, uint32_t tag, const char *mechanism,
                              struct sl_slice challenge);
SL_MUST_CHECK
sl_status sl_wire_auth_more_decode(const struct sl_wire_frame *frame, struct sl_arena *arena,
                                   const char **out_mechanism, struct sl_slice *out_challenge,
                                   struct sl_error *err);
void sl_wire_auth_answer_encode(struct sl_buf *out, uint32_t tag, struct sl_slice response);
SL_MUST_CHECK
sl_status sl_wire_auth_answer_decode(const struct sl_wire_frame *frame,
                                     struct sl_slice *out_response, struct sl_error *err);

struct sl_wire_auth_ok {
    const char *user;
    const char *role; /* "reader", "writer", "admin" */
};
void sl_wire_auth_ok_encode(struct sl_buf *out, uint32_t tag, const struct sl_wire_auth_ok *ok);
SL_MUST_CHECK
sl_status sl_wire_auth_ok_decode(const struct sl_wire_frame *frame, struct sl_arena *arena,
                                 struct sl_wire_auth_ok *out_ok, struct sl_error *err);

/* USER: a change of who may come in, or the list of them. */
enum sl_wire_user_verb {
    SL_WIRE_USER_ADD = 1,      /* name, role, verifier */
    SL_WIRE_USER_REMOVE = 2,   /* name */
    SL_WIRE_USER_PASSWORD = 3, /* name, verifier */
    SL_WIRE_USER_LIST = 4,
};
struct sl_wire_user {
    enum sl_wire_user_verb verb;
    const char *name;         /* "" in LIST */
    const char *role;         /* "" but in ADD */
    struct sl_slice verifier; /* what server/auth/scheme.h encodes; empty in the others */
};
void sl_wire_user_encode(struct sl_buf *out, uint32_t tag, const struct sl_wire_user *user);
SL_MUST_CHECK
sl_status sl_wire_user_decode(const struct sl_wire_frame *frame, struct sl_arena *arena,
                              struct sl_wire_user *out_user, struct sl_error *err);

/* ---- errors ---- */

struct sl_wire_error {
    sl_status status;
    uint16_t sql_number; /* MySQL's, never 0 */
    char sql_state[6];   /* five characters, NUL */
    char text[SL_WIRE_ERROR_TEXT_BYTES_MAX + 1];
};
/* Number, SQLSTATE and story as the error says, else as its class does. */
uint16_t sl_wire_error_number(const struct sl_error *error);
const char *sl_wire_error_story(const struct sl_error *error);
void sl_wire_error_encode(struct sl_buf *out, uint32_t tag, const struct sl_error *error);
SL_MUST_CHECK
sl_status sl_wire_error_decode(const struct sl_wire_frame *frame, struct sl_wire_error *out_error,
                               struct sl_error *err);

/* ---- queries ---- */

/* A typed value: a user variable or a parameter. The member that the type names, as in the
 * query layer's struct sl_value. */
struct sl_wire_value {
    enum sl_type type;
    uint8_t scale; /* DECIMAL */
    bool is_null;
    union {
        int64_t i64;  /* I64, TIME, DATE, SPAN */
        uint64_t u64; /* U8 .. U64, BOOL, MAC */
        double f64;
        sl_i128 i128; /* DECIMAL */
        struct sl_addr addr;
        struct sl_slice slice; /* TEXT, OCTETS */
    } as;
};

struct sl_wire_variable {
    const char *name; /* with its "@" or "@@" */
    struct sl_wire_value value;
};

enum sl_wire_dialect { SL_WIRE_NATIVE = 0, SL_WIRE_MYSQL = 1 };

enum sl_wire_query_flag {
    SL_WIRE_QUERY_MULTI = 1,    /* run all statements of the text, else a second one is an error */
    SL_WIRE_QUERY_PROGRESS = 2, /* send PROGRESS about twice a second */
};

/* QUERY, PREPARE (parameters empty) and EXECUTE share their session. */
struct sl_wire_session {
    enum sl_wire_dialect dialect;
    uint32_t flags;        /* enum sl_wire_query_flag */
    uint64_t timeout_us;   /* 0: the server's */
    const char *database;  /* "flows" */
    const char *time_zone; /* "UTC", "+02:00", "Europe/Berlin" */
    const struct sl_wire_variable *variables;
    uint32_t variable_count;
    const struct sl_wire_value *parameters;
    uint32_t parameter_count;
};

struct sl_wire_query {
    struct sl_wire_session session;
    struct sl_slice text;
};
/* type: SL_WIRE_QUERY or SL_WIRE_PREPARE. */
void sl_wire_query_encode(struct sl_buf *out, enum sl_wire_type type, uint32_t tag,
                          const struct sl_wire_query *query);
SL_MUST_CHECK
sl_status sl_wire_query_decode(const struct sl_wire_frame *frame, struct sl_arena *arena,
                               struct sl_wire_query *out_query, struct sl_error *err);

struct sl_wire_execute {
    uint32_t statement_id;
    struct sl_wire_session session;
};
void sl_wire_execute_encode(struct sl_buf *out, uint32_t tag,
                            const struct sl_wire_execute *execute);
SL_MUST_CHECK
sl_status sl_wire_execute_decode(const struct sl_wire_frame *frame, struct sl_arena *arena,
                                 struct sl_wire_execute *out_execute, struct sl_error *err);

/* DESCRIBE and CLOSE: the statement. */
void sl_wire_statement_encode(struct sl_buf *out, enum sl_wire_type type, uint32_t tag,
                              uint32_t statement_id);
SL_MUST_CHECK
sl_status sl_wire_statement_decode(const struct sl_wire_frame *frame, uint32_t *out_statement_id,
                                   struct sl_error *err);

/* A column of a result: query.h's struct sl_result_column. */
struct sl_wire_column {
    const char *name;
    const char *table;  /* "" when it is no plain column */
    const char *origin; /* its name in that table, "" */
    enum sl_type type;
    uint8_t scale;
    bool is_nullable;
    bool is_binary;
    uint32_t length;
};

/* RESULT: the head of one result. No columns: a statement without rows; DONE follows. */
struct sl_wire_result {
    const struct sl_wire_column *columns;
    uint32_t column_count;
};
void sl_wire_result_encode(struct sl_buf *out, uint32_t tag, const struct sl_wire_result *result);
SL_MUST_CHECK
sl_status sl_wire_result_decode(const struct sl_wire_frame *frame, struct sl_arena *arena,
                                struct sl_wire_result *out_result, struct sl_error *err);

/* PREPARED: answers PREPARE and DESCRIBE. */
struct sl_wire_prepared {
    uint32_t statement_id;
    uint32_t parameter_count;
    struct sl_wire_result result;
};
void sl_wire_prepared_encode(struct sl_buf *out, uint32_t tag,
                             const struct sl_wire_prepared *prepared);
SL_MUST_CHECK
sl_status sl_wire_prepared_decode(const struct sl_wire_frame *frame, struct sl_arena *arena,
                                  struct sl_wire_prepared *out_prepared, struct sl_error *err);

/* DATA: rows of the result, one vector for each of its columns (batch_codec.h). A decoder hands
 * frame.payload to sl_vectors_decode. */
void sl_wire_data_encode(struct sl_buf *out, uint32_t tag, const struct sl_wire_column *columns,
                         const struct sl_vector *vectors, uint32_t column_count,
                         uint32_t row_count);

struct sl_wire_progress {
    uint64_t rows_total;
    uint64_t rows_done;
    uint64_t bytes_read;
    uint64_t elapsed_us;
};
void sl_wire_progress_encode(struct sl_buf *out, uint32_t tag,
                             const struct sl_wire_progress *progress);
SL_MUST_CHECK
sl_status sl_wire_progress_decode(const struct sl_wire_frame *frame,
                                  struct sl_wire_progress *out_progress, struct sl_error *err);

struct sl_wire_warning {
    uint16_t sql_number;
    const char *text;
};

/* The session after the statement: what changed, by name ("database", "time_zone", "@x"). */
struct sl_wire_change {
    const char *name;
    struct sl_wire_value value;
};

enum sl_wire_done_flag { SL_WIRE_DONE_MORE = 1 /* another RESULT of this request follows */ };

/* DONE: the end of one result, and of every request that has no answer of its own. */
struct sl_wire_done {
    uint32_t flags;
    uint64_t affected_rows;
    uint64_t result_rows;
    uint64_t elapsed_us;
    uint32_t warning_total; /* may be more than the warnings sent */
    const struct sl_wire_warning *warnings;
    uint32_t warning_count;
    const struct sl_wire_change *changes;
    uint32_t change_count;
};
void sl_wire_done_encode(struct sl_buf *out, uint32_t tag, const struct sl_wire_done *done);
SL_MUST_CHECK
sl_status sl_wire_done_decode(const struct sl_wire_frame *frame, struct sl_arena *arena,
                              struct sl_wire_done *out_done, struct sl_error *err);

enum sl_wire_cancel_flag { SL_WIRE_CANCEL_CONNECTION = 1 /* end the connection too */ };

/* CANCEL: by connection id; 0 is the connection it comes through. */
struct sl_wire_cancel {
    uint64_t connection_id;
    uint32_t flags;
};
void sl_wire_cancel_encode(struct sl_buf *out, uint32_t tag, const struct sl_wire_cancel *cancel);
SL_MUST_CHECK
sl_status sl_wire_cancel_decode(const struct sl_wire_frame *frame,
                                struct sl_wire_cancel *out_cancel, struct sl_error *err);

/* FILE_WANTED (name) from the server; FILE_DATA (bytes) ..., FILE_END (empty) from the client. A
 * client that has no such file sends FILE_END at once with the reason. */
void sl_wire_file_wanted_encode(struct sl_buf *out, uint32_t tag, const char *name);
SL_MUST_CHECK
sl_status sl_wire_file_wanted_decode(const struct sl_wire_frame *frame, struct sl_arena *arena,
                                     const char **out_name, struct sl_error *err);
void sl_wire_file_data_encode(struct sl_buf *out, uint32_t tag, struct sl_slice bytes);
/* reason "": the whole file was sent. */
void sl_wire_file_end_encode(struct sl_buf *out, uint32_t tag, const char *reason);
SL_MUST_CHECK
sl_status sl_wire_file_end_decode(const struct sl_wire_frame *frame, struct sl_arena *arena,
                                  const char **out_reason, struct sl_error *err);

/* ---- inserts ---- */

void sl_wire_insert_open_encode(struct sl_buf *out, uint32_t tag, const char *producer);
SL_MUST_CHECK
sl_status sl_wire_insert_open_decode(const struct sl_wire_frame *frame, struct sl_arena *arena,
                                     const char **out_producer, struct sl_error *err);

struct sl_wire_insert_ready {
    uint64_t epoch;
    uint64_t batch_number; /* the last one that is durable; the next to send is one more */
    uint32_t credits;      /* batches that may be on the way unacknowledged */
    int64_t oldest_us;     /* rows older than this fall under retention; INT64_MIN: none do */
};
void sl_wire_insert_ready_encode(struct sl_buf *out, uint32_t tag,
                                 const struct sl_wire_insert_ready *ready);
SL_MUST_CHECK
sl_status sl_wire_insert_ready_decode(const struct sl_wire_frame *frame,
                                      struct sl_wire_insert_ready *out_ready, struct sl_error *err);

struct sl_wire_insert {
    uint64_t batch_number;
    bool has_import;
    struct sl_hash128 import_id;
    uint64_t import_offset;
};
/* Head and batch in one frame. */
void sl_wire_insert_encode(struct sl_buf *out, uint32_t tag, const struct sl_wire_insert *insert,
                           const struct sl_batch *batch);
/* *out_batch: bytes for sl_batch_decode, borrowed from the frame. */
SL_MUST_CHECK
sl_status sl_wire_insert_decode(const struct sl_wire_frame *frame,
                                struct sl_wire_insert *out_insert, struct sl_slice *out_batch,
                                struct sl_error *err);

/* The batch is durable; its credit is given back. */
struct sl_wire_insert_ack {
    uint64_t batch_number;
    bool is_repeated; /* it was stored before */
};
void sl_wire_insert_ack_encode(struct sl_buf *out, uint32_t tag,
                               const struct sl_wire_insert_ack *ack);
SL_MUST_CHECK
sl_status sl_wire_insert_ack_decode(const struct sl_wire_frame *frame,
                                    struct sl_wire_insert_ack *out_ack, struct sl_error *err);

enum sl_wire_import_verb {
    SL_WIRE_IMPORT_FIND = 1,   /* answered by IMPORT_STATE */
    SL_WIRE_IMPORT_FINISH = 2, /* answered by DONE */
    SL_WIRE_IMPORT_FORGET = 3, /* answered by DONE */
};
struct sl_wire_import {
    enum sl_wire_import_verb verb;
    struct sl_hash128 id;
};
void sl_wire_import_encode(struct sl_buf *out, uint32_t tag, const struct sl_wire_import *import);
SL_MUST_CHECK
sl_status sl_wire_import_decode(const struct sl_wire_frame *frame,
                                struct sl_wire_import *out_import, struct sl_error *err);

struct sl_wire_import_state {
    uint64_t offset; /* 0: nothing is durable yet */
    bool is_finished;
};
void sl_wire_import_state_encode(struct sl_buf *out, uint32_t tag,
                                 const struct sl_wire_import_state *state);
SL_MUST_CHECK
sl_status sl_wire_import_state_decode(const struct sl_wire_frame *frame,
                                      struct sl_wire_import_state *out_state, struct sl_error *err);

/* ---- the rest ---- */

enum sl_wire_flush_flag { SL_WIRE_FLUSH_MERGE = 1 /* then merge until nothing is due */ };
void sl_wire_flush_encode(struct sl_buf *out, uint32_t tag, uint32_t flags);
SL_MUST_CHECK
sl_status sl_wire_flush_decode(const struct sl_wire_frame *frame, uint32_t *out_flags,
                               struct sl_error *err);

/* STATUS is empty; STATUS_TEXT is one screen of lines, made by the server. */
void sl_wire_status_text_encode(struct sl_buf *out, uint32_t tag, struct sl_slice text);

/* PING and PONG carry the same number. */
void sl_wire_ping_encode(struct sl_buf *out, enum sl_wire_type type, uint32_t tag, uint64_t number);
SL_MUST_CHECK
sl_status sl_wire_ping_decode(const struct sl_wire_frame *frame, uint64_t *out_number,
                              struct sl_error *err);

#endif
