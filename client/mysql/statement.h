/*
 * statement.h - prepared statements of one client: which there are, and the values for their
 * parameters.
 *
 * The statement itself lives in the server; here is what MySQL's protocol keeps between packets:
 * the types that the last EXECUTE with types named, and values that came in pieces
 * (SEND_LONG_DATA). The body of an EXECUTE, after the statement's id:
 *
 *   flags[1], iterations[4] = 1, and with parameters: bitmap of NULLs, has types[1],
 *   [types, 2 bytes each: type, 80h for unsigned], values (layouts as in row.h)
 *
 * Numbers keep their type and sign. Texts, and days with or without a clock, go on as text, which
 * the server reads in the session's time zone where it compares them with times.
 *
 * Ownership: decoded values borrow texts from the body and from the statement, the rest from the
 *            arena.
 * Limits:    pieces of all statements of a client count against a budget that clients share, and
 *            together stay below the longest packet.
 * Layer:     client/mysql, internal.
 */
#ifndef SLUICE_CLIENT_MYSQL_STATEMENT_H
#define SLUICE_CLIENT_MYSQL_STATEMENT_H

#include "client/mysql/packet.h"
#include "server/wire/wire.h"
#include "storage/base/arena.h"

struct sl_mysql_piece {
    bool is_there;
    struct sl_buf bytes;
};

struct sl_mysql_statement {
    uint32_t id; /* the server's */
    uint16_t parameter_count;
    bool has_types;
    uint8_t *types;                /* owned; 2 bytes a parameter */
    struct sl_mysql_piece *pieces; /* owned; NULL until one comes; one a parameter */
    uint16_t failure;              /* what a SEND_LONG_DATA did wrong, for EXECUTE to tell */
};

struct sl_mysql_statements {
    struct sl_mysql_statement *list; /* owned */
    uint32_t count;                  /* the server has the limit */
    size_t piece_bytes;
    struct sl_budget *budget; /* borrowed */
};

void sl_mysql_statements_init(struct sl_mysql_statements *statements, struct sl_budget *budget);
/* Forget all; the object can be used again. */
void sl_mysql_statements_clear(struct sl_mysql_statements *statements);

struct sl_mysql_statement *sl_mysql_statements_find(struct sl_mysql_statements *statements,
                                                    uint32_t id);
void sl_mysql_statements_add(struct sl_mysql_statements *statements, uint32_t id,
                             uint16_t parameter_count);
void sl_mysql_statements_remove(struct sl_mysql_statements *statements, uint32_t id);

/* The body of SEND_LONG_DATA, after the statement's id: parameter[2], bytes. It has no answer:
 * what is wrong with it is told by the next EXECUTE. */
void sl_statement_add_piece(struct sl_mysql_statements *statements,
                            struct sl_mysql_statement *statement, const uint8_t *body,
                            size_t body_bytes);
/* STMT_RESET, and the end of each EXECUTE. */
void sl_mysql_statement_drop_pieces(struct sl_mysql_statements *statements,
                                    struct sl_mysql_statement *statement);

/* parameter_count values. SL_FORMAT (1210, 1835): the body does not hold them. */
SL_MUST_CHECK
sl_status sl_statement_decode(struct sl_mysql_statement *statement, const uint8_t *body,
                              size_t body_bytes, struct sl_arena *arena,
                              struct sl_wire_value **out_values, struct sl_error *err);

#endif
