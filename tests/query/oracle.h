/*
 * oracle.h - what the tests that compare sluice with another database share: a store with rows,
 * tables of cells, and how two answers are compared.
 *
 * Cells are compared as values, not as text: integers exactly, numbers with a fraction to nine
 * digits (or to the four decimals that AVG has), texts without regard to ASCII case, because a
 * group shows one of its spellings and each database chooses its own.
 */
#ifndef SLUICE_TESTS_QUERY_ORACLE_H
#define SLUICE_TESTS_QUERY_ORACLE_H

#include "query/query.h"
#include "storage/base/arena.h"
#include "storage/base/buf.h"
#include "storage/store.h"
#include "tests/support/test.h"

enum oracle_kind { ORACLE_NULL, ORACLE_INTEGER, ORACLE_REAL, ORACLE_TEXT };

struct oracle_cell {
    enum oracle_kind kind;
    int64_t integer;
    double real;
    char *text; /* owned */
};

struct oracle_table {
    uint32_t column_count;
    uint32_t row_count;
    uint32_t row_capacity;
    struct oracle_cell *cells; /* owned: row by row */
};

void oracle_table_fini(struct oracle_table *table);

/* A new row of NULLs; valid until the next. */
struct oracle_cell *oracle_table_add(struct oracle_table *table);
void oracle_cell_text(struct oracle_cell *cell, const void *bytes, size_t size_bytes);

/* Sort rows by everything but numbers with a fraction. */
void oracle_table_sort(struct oracle_table *table);

bool oracle_table_has_real(const struct oracle_table *table);

/* NULL when they agree, else what differs (static). */
const char *oracle_table_differ(const struct oracle_table *a, const struct oracle_table *b);

/* A statement of sluice as cells. Addresses become 32 hexadecimal digits of their key, times
 * microseconds. SL_OK or the failure with its story. */
sl_status oracle_run(const struct sl_query_env *env, const struct sl_session *session,
                     const char *text, struct oracle_table *out_table, struct sl_error *err);

void oracle_addr_text(struct sl_addr addr, char text[33]);

/* A store in a temporary directory, with nothing running in its background, and what statements
 * need to run over it: two threads, 256 MiB each, all indexes; MySQL's dialect, UTC. */
struct oracle_store {
    char *directory;
    struct sl_budget memory; /* for decoded blocks: 1 MiB */
    struct sl_schema *schema;
    struct sl_pool *pool;
    struct sl_store *store;
    struct sl_query_env env;
    struct sl_session session;
};
/* All zero before: a new directory is made. After oracle_store_pause: the same is opened again. */
void oracle_store_open(struct oracle_store *s);
/* Close the store and keep its directory. */
void oracle_store_pause(struct oracle_store *s);
void oracle_store_close(struct oracle_store *s);

#endif
