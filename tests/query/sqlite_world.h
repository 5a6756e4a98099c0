/*
 * sqlite_world.h - the same rows in a store and in SQLite, and queries over them in both dialects.
 *
 * In SQLite an address is 32 hexadecimal digits of its key, which sort as addresses do, and a
 * time is microseconds. Everything is drawn from the seed of the world.
 */
#ifndef SLUICE_TESTS_QUERY_SQLITE_WORLD_H
#define SLUICE_TESTS_QUERY_SQLITE_WORLD_H

#include <sqlite3.h>

#include "tests/query/oracle.h"

struct lite_row {
    int64_t first_us, last_us;
    struct sl_addr src, dst;
    bool has_src, has_app, has_l7;
    uint64_t src_port, dst_port, protocol, flags, src_as, in_if, l7;
    uint64_t in_bytes, in_packets, out_bytes, out_packets;
    char app[24];
};

struct lite_world {
    struct oracle_store base;
    sqlite3 *lite;
    sqlite3_stmt *insert;
    struct lite_row *rows;
    uint32_t row_count;
    uint64_t seed;
};

/* A number below `bound`. */
uint64_t lite_draw(struct lite_world *w, uint64_t bound);
struct lite_row lite_row_draw(struct lite_world *w);

void lite_open(struct lite_world *w);
/* Put w->rows into both: a third in many small segments that are merged, a third sealed, the rest
 * in memory. */
void lite_load(struct lite_world *w);
void lite_close(struct lite_world *w);

/* One statement in two dialects. */
struct lite_twin {
    struct sl_buf ours;
    struct sl_buf theirs;
};

/* Write a select of a kind; *out_columns: how many columns it gives. */
void lite_say_plain(struct lite_world *w, struct lite_twin *t, uint32_t *out_columns);
void lite_say_grouped(struct lite_world *w, struct lite_twin *t, uint32_t *out_columns);
void lite_say_nested(struct lite_world *w, struct lite_twin *t, uint32_t *out_columns);
void lite_say_union(struct lite_world *w, struct lite_twin *t, uint32_t *out_columns);
void lite_say_join(struct lite_world *w, struct lite_twin *t, uint32_t *out_columns);

void lite_say_subquery(struct lite_world *w, struct lite_twin *t, uint32_t *out_columns);
/* A condition over the columns of flows. */
void lite_say_predicate(struct lite_world *w, struct lite_twin *t, unsigned depth);

/* Order by all of `count` columns, beginning with number `first`. */
void lite_say_order(struct lite_world *w, struct lite_twin *t, uint32_t count, uint32_t first);

#endif
