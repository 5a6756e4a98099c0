/*
 * session.h - one MySQL client: an explicit state machine between two streams.
 *
 *   LINKING --> GREETED --> PROVING --> READY <--> RUNNING
 *                  |          ^  |        |
 *                  v          |  v        v
 *                  +------> SWITCHING <-- CHANGING
 *                                              (any) --> FINISHING
 *
 *   LINKING    the server is being reached; its challenge is the greeting's
 *   GREETED    the client has the greeting and is to answer with its login
 *   SWITCHING  the client has been asked for another scheme's response
 *   PROVING    the server judges a response
 *   READY      a command may come
 *   RUNNING    the server works on one; bytes that come meanwhile wait
 *   SENDING    RUNNING, and the client sends the file that the server has asked for
 *   CHANGING   CHANGE_USER: another link, another challenge
 *   FINISHING  the client has been told why; the rest is silence
 *
 * session.c has the life and the streams, login.c the way to READY, command.c what clients ask
 * (READY to RUNNING), answer.c what the server answers (RUNNING to READY).
 *
 * Ownership: sessions own themselves; the list knows those that are there.
 * Threads:   the loop's.
 * Layer:     client/mysql, internal.
 */
#ifndef SLUICE_CLIENT_MYSQL_SESSION_H
#define SLUICE_CLIENT_MYSQL_SESSION_H

#include "client/mysql/deflate.h"
#include "client/mysql/greeting.h"
#include "client/mysql/link.h"
#include "client/mysql/mysql.h"
#include "client/mysql/row.h"
#include "client/mysql/statement.h"

enum {
    SL_SESSION_MAGIC = 0x53455353,
    SL_SESSION_ZONE_BYTES_MAX = 64,
    SL_SESSION_HEAD_BYTES_MAX = 16 << 20,   /* columns of a result, parameters of a statement */
    SL_SESSION_CHUNK_BYTES = 256 << 10,     /* rows that are written in one turn of the loop */
    SL_SESSION_QUEUED_BYTES_HIGH = 1 << 20, /* results wait while more waits for the client */
    SL_SESSION_OUT_BYTES_MAX = 256 << 20,   /* one row of the widest result */
};

enum sl_session_state {
    SL_SESSION_LINKING,
    SL_SESSION_GREETED,
    SL_SESSION_SWITCHING,
    SL_SESSION_PROVING,
    SL_SESSION_READY,
    SL_SESSION_RUNNING,
    SL_SESSION_SENDING,
    SL_SESSION_CHANGING,
    SL_SESSION_FINISHING,
};

/* What RUNNING waits for. */
enum sl_session_task {
    SL_TASK_QUERY,   /* results as text */
    SL_TASK_EXECUTE, /* results as binary values */
    SL_TASK_PREPARE,
    SL_TASK_FIELDS, /* FIELD_LIST */
    SL_TASK_KILL,
};

struct sl_mysql_session;

struct sl_session_list {
    const struct sl_mysql_options *options; /* borrowed */
    struct sl_loop *loop;                   /* borrowed */
    struct sl_budget input_budget;
    struct sl_budget rows_budget;
    struct sl_mysql_session *first;
    uint32_t count;
    uint64_t question_count;
    int64_t started_us; /* monotonic */
    bool is_stopping;
    void (*on_empty)(void *context); /* the last one has gone, after sl_session_stop_all */
    void *context;
    _Atomic int64_t unreachable_logged_us;
};

/* A user variable, or a variable of the session, that the server has told to carry on. */
struct sl_session_variable {
    char *name; /* owned */
    struct sl_wire_value value;
    uint8_t *bytes; /* owned: what the value's slice borrows */
};

struct sl_mysql_session {
    uint32_t magic;
    enum sl_session_state state;
    struct sl_session_list *list; /* borrowed */
    struct sl_mysql_session *previous;
    struct sl_mysql_session *next;
    struct sl_stream *stream;    /* owned; NULL once the client is gone */
    struct sl_link *link;        /* owned; NULL while there is none */
    struct sl_timer *timer;      /* owned: of the login; NULL in READY and RUNNING */
    struct sl_endpoint endpoint; /* the client's */
    char peer[SL_ENDPOINT_TEXT_BYTES];
    uint8_t sequence; /* of the next packet in either direction */
    bool is_paused;   /* the client's bytes wait for READY */
    bool is_local;    /* the client is on this machine */
    bool is_secure;   /* TLS */
    bool is_open;     /* the server has no users */
    bool is_compressed;
    struct sl_inflated inflated; /* when it is */

    /* Login. */
    uint64_t connection_id;
    uint8_t challenge[SL_CHALLENGE_BYTES];
    const char *preferred; /* the server's first scheme that is one of ours; static */
    bool has_native;       /* the server judges mysql_native_password */
    bool has_sha2;         /* ... caching_sha2_password */
    const char *scheme;    /* the one whose response the server is to judge; static */
    struct sl_login login;
    bool has_asked; /* AUTH has been sent: what follows is AUTH_ANSWER */
    unsigned rounds;

    /* The session that goes with each statement. */
    char database[SL_MYSQL_NAME_BYTES_MAX + 1];
    char time_zone[SL_SESSION_ZONE_BYTES_MAX + 1];
    const struct sl_zone *zone; /* of this name; UTC where this machine does not know it */
    struct sl_session_variable *variables; /* owned */
    uint32_t variable_count;
    bool is_multi; /* several statements in one text */
    struct sl_mysql_statements statements;
    struct sl_buf joined; /* a message of several packets */

    /* The command that runs. */
    enum sl_session_task task;
    uint32_t tag;
    struct sl_mysql_statement *statement; /* EXECUTE; borrowed */
    char *wild;                           /* FIELD_LIST: owned */
    struct sl_arena *head;                /* owned: columns of the result */
    struct sl_wire_result result;
    struct sl_mysql_column *shown; /* in head */
    bool has_columns;              /* a result has begun */
    struct sl_arena *rows;         /* owned: vectors of the current frame */
    struct sl_vector *vectors;     /* in rows */
    uint32_t row_count;
    uint32_t row_index;           /* the next to be written */
    bool is_held_back;            /* the link waits until the client has read */
    struct sl_wire_error failure; /* SENDING: what the client is told when it has sent all */
    struct sl_buf gathered;       /* packets of an answer that goes on at once: one write for all */
    bool is_gathering;            /* what is sent now is to be gathered */
};

/* ---- session.c ---- */

/* An accepted client. Beyond the limit it is told so and closed. */
void sl_session_start(struct sl_session_list *list, struct sl_tcp *tcp,
                      const struct sl_endpoint *peer);

/* Tell everybody, close; on_empty when all have gone (at once, when nobody is there). */
void sl_session_stop_all(struct sl_session_list *list);

/* Cut off who is still there, without a word and without on_empty. */
void sl_session_close_all(struct sl_session_list *list);

/* Packets to the client, frames to the server; the buffer is empty again. A buffer that is bad
 * ends the session (an answer that is too large) and false is returned. */
bool sl_session_send(struct sl_mysql_session *s, struct sl_buf *packets);
void sl_session_send_ok(struct sl_mysql_session *s, const struct sl_mysql_ok *ok);
void sl_session_send_error(struct sl_mysql_session *s, uint16_t number, const char *text);
/* Write what was gathered. */
void sl_session_flush(struct sl_mysql_session *s);
bool sl_session_request(struct sl_mysql_session *s, struct sl_buf *frames);

/* RUNNING to READY, and on with what the client has sent meanwhile. */
void sl_session_done(struct sl_mysql_session *s);

/* Tell the client why, and close when it has heard. */
void sl_session_finish(struct sl_mysql_session *s, uint16_t number, const char *text);

/* The session as after a login: no statements, no variables, the default time zone. */
void sl_session_reset(struct sl_mysql_session *s);
void sl_session_set_database(struct sl_mysql_session *s, const char *name);
/* DONE's changes. */
void sl_session_change(struct sl_mysql_session *s, const struct sl_wire_change *change);
uint16_t sl_session_status(const struct sl_mysql_session *s);

/* The client's turn: what it has sent meanwhile is offered again. */
void sl_session_listen(struct sl_mysql_session *s, enum sl_session_state state);
void sl_session_stop_timer(struct sl_mysql_session *s);
void sl_session_close_link(struct sl_mysql_session *s);
struct sl_stream_limits sl_session_limits(struct sl_session_list *list);

/* ---- login.c ---- */

/* LINKING, CHANGING: reach the server; the rest follows from what it and the client say. */
void sl_session_link(struct sl_mysql_session *s);
/* CHANGE_USER: begin the login again over another link. */
void sl_session_relink(struct sl_mysql_session *s);

/* GREETED: a whole message. */
void sl_session_take_login(struct sl_mysql_session *s, const struct sl_packet *packet);
/* SWITCHING: a whole message. */
void sl_session_take_response(struct sl_mysql_session *s, const struct sl_packet *packet);

/* ---- command.c ---- */

/* READY: a whole message. */
void sl_session_command(struct sl_mysql_session *s, const struct sl_packet *packet);

/* ---- answer.c ---- */

/* READY, RUNNING: a frame of the server; is_last as in link.h. */
void sl_session_answer(struct sl_mysql_session *s, const struct sl_wire_frame *frame, bool is_last);
/* ERROR: RUNNING to READY. */
void sl_session_fail(struct sl_mysql_session *s, const struct sl_wire_error *told);
/* The client has read: go on with the rows. */
void sl_session_pump(struct sl_mysql_session *s);

/* ---- file.c ---- */

/* RUNNING: the server asks for a file. */
void sl_session_want_file(struct sl_mysql_session *s, const struct sl_wire_frame *frame);
/* SENDING: a piece of the client's file; an empty one is its end. */
void sl_session_take_file(struct sl_mysql_session *s, const struct sl_packet *packet);
/* The server has read: go on with the file. */
void sl_session_feed(struct sl_mysql_session *s);
#endif
