/*
 * sqlite_oracle_test.c - thousands of generated queries give what SQLite gives.
 *
 * Method: one set of rows goes into a store (a part sealed, a part sealed and merged, a part in
 * memory) and into a table of SQLite (sqlite_world.c). A generator writes each query twice, once in
 * each dialect (sqlite_query.c, sqlite_join.c). Which indexes a query may use is drawn too, the number of
 * threads, and whether groups go to disk.
 */
#include <stdio.h>

#include "storage/clause.h"
#include "tests/query/sqlite_world.h"

enum { GENERATED_ROWS = 6000, GENERATED_QUERIES = 2000, REAL_ROWS = 20000, REAL_QUERIES = 100 };

static bool
run_lite(const struct lite_world *w, const char *text, struct oracle_table *table)
{
    sqlite3_stmt *statement = NULL;

    *table = (struct oracle_table){0};
    if (sqlite3_prepare_v2(w->lite, text, -1, &statement, NULL) != SQLITE_OK)
        return false;
    table->column_count = (uint32_t)sqlite3_column_count(statement);
    int step;
    while ((step = sqlite3_step(statement)) == SQLITE_ROW) {
        struct oracle_cell *cells = oracle_table_add(table);
        for (int i = 0; i < (int)table->column_count; i++)
            switch (sqlite3_column_type(statement, i)) {
            case SQLITE_INTEGER:
                cells[i].kind = ORACLE_INTEGER;
                cells[i].integer = sqlite3_column_int64(statement, i);
                break;
            case SQLITE_FLOAT:
                cells[i].kind = ORACLE_REAL;
                cells[i].real = sqlite3_column_double(statement, i);
                break;
            case SQLITE_TEXT:
                oracle_cell_text(&cells[i], sqlite3_column_text(statement, i),
                                 (size_t)sqlite3_column_bytes(statement, i));
                break;
            default:
                break;
            }
    }
    sqlite3_finalize(statement);
    return step == SQLITE_DONE;
}

static void
compare_once(struct lite_world *w)
{
    struct lite_twin t = {sl_buf_empty(1 << 16), sl_buf_empty(1 << 16)};
    struct oracle_table ours, theirs;
    struct sl_error err = {0};
    uint32_t columns = 0;
    bool is_ordered = lite_draw(w, 3) != 0;
    struct sl_budget disk = {.limit_bytes = (size_t)64 << 20};
    struct sl_session session = {.dialect =
                                     lite_draw(w, 2) == 0 ? SL_DIALECT_MYSQL : SL_DIALECT_NATIVE,
                                 .database = "flows",
                                 .time_zone = "UTC",
                                 .user = "test"};
    struct sl_query_env env = {.store = w->base.store,
                               .schema = w->base.schema,
                               .pool = w->base.pool,
                               .threads_max = 1 + (unsigned)lite_draw(w, 3),
                               .memory_bytes = (size_t)256 << 20,
                               .spill = &disk,
                               .group_bytes = lite_draw(w, 8) == 0,
                               .prune = lite_draw(w, 2) == 0 ? SL_PRUNE_ALL
                                                             : (uint32_t)lite_draw(w, 32)};

    /* Over many rows SQLite takes minutes for what is linked. */
    switch (lite_draw(w, w->row_count <= GENERATED_ROWS ? 10 : 9)) {
    case 0:
    case 1:
    case 2:
        lite_say_plain(w, &t, &columns);
        break;
    case 3:
        lite_say_nested(w, &t, &columns);
        break;
    case 4:
        lite_say_union(w, &t, &columns);
        break;
    case 5:
        lite_say_join(w, &t, &columns);
        break;
    case 9:
        lite_say_subquery(w, &t, &columns);
        break;
    default:
        lite_say_grouped(w, &t, &columns);
    }
    if (is_ordered)
        lite_say_order(w, &t, columns, (uint32_t)lite_draw(w, columns));
    sl_buf_u8(&t.ours, 0);
    sl_buf_u8(&t.theirs, 0);
    const char *ours_text = (const char *)t.ours.bytes;
    const char *theirs_text = (const char *)t.theirs.bytes;

    if (!run_lite(w, theirs_text, &theirs))
        fail_msg("SQLite: %s\n  %s", sqlite3_errmsg(w->lite), theirs_text);
    sl_status st = oracle_run(&env, &session, ours_text, &ours, &err);
    if (st != SL_OK)
        fail_msg("%s\n  %s", err.text, ours_text);
    /* Rows without an order are a set; among fractions, ties may fall differently. */
    if (!is_ordered || oracle_table_has_real(&ours)) {
        oracle_table_sort(&ours);
        oracle_table_sort(&theirs);
    }
    const char *difference = oracle_table_differ(&ours, &theirs);
    if (difference != NULL)
        fail_msg("%s\n  sluice: %s\n  SQLite: %s\n  prune %u threads %u", difference, ours_text,
                 theirs_text, env.prune, env.threads_max);
    oracle_table_fini(&ours);
    oracle_table_fini(&theirs);
    sl_buf_fini(&t.ours);
    sl_buf_fini(&t.theirs);
}

static void
generated_rows_agree(void **state)
{
    struct lite_world w = {.seed = test_seed()};
    (void)state;

    lite_open(&w);
    w.row_count = GENERATED_ROWS;
    w.rows = sl_new(w.row_count * sizeof(*w.rows));
    for (uint32_t i = 0; i < w.row_count; i++)
        w.rows[i] = lite_row_draw(&w);
    lite_load(&w);
    for (unsigned i = 0; i < test_rounds(GENERATED_QUERIES); i++)
        compare_once(&w);
    lite_close(&w);
}

/* ---- real rows: one day of connections of a cloud host ---- */

static uint64_t
number_field(char **fields, int index)
{
    return strtoull(fields[index], NULL, 10);
}

static bool
parse_real(char *line, struct lite_row *r)
{
    char *fields[16];
    int count = 0;
    char *rest = line;

    for (char *field; count < 16 && (field = strsep(&rest, ",")) != NULL;)
        fields[count++] = field;
    if (count < 16)
        return false;
    double start = strtod(fields[0], NULL);
    double duration = strtod(fields[7], NULL);
    *r = (struct lite_row){.first_us = (int64_t)(start * 1e6), .has_src = true};
    r->last_us = r->first_us + (int64_t)(duration * 1e6);
    if (start == 0 || !sl_addr_parse(fields[1], strlen(fields[1]), &r->src) ||
        !sl_addr_parse(fields[3], strlen(fields[3]), &r->dst))
        return false;
    r->src_port = number_field(fields, 2);
    r->dst_port = number_field(fields, 4);
    r->protocol = strcmp(fields[5], "tcp") == 0 ? 6 : strcmp(fields[5], "udp") == 0 ? 17 : 1;
    r->in_bytes = number_field(fields, 13);
    r->in_packets = number_field(fields, 12);
    r->out_bytes = number_field(fields, 15);
    r->out_packets = number_field(fields, 14);
    r->has_app = fields[6][0] != 0 && fields[6][0] != '-';
    (void)snprintf(r->app, sizeof(r->app), "%.20s", fields[6]);
    return true;
}

static void
real_rows_agree(void **state)
{
    struct lite_world w = {.seed = test_seed()};
    const char *shared = test_shared();
    char command[SL_PATH_BYTES_MAX];
    char line[4096];
    (void)state;

    if (shared == NULL)
        skip();
    (void)snprintf(command, sizeof(command),
                   "zstd -dcq '%s/data/flows/rita-cloudhost-zeek-conn-2024-04-19_20.csv.zst'",
                   shared);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    lite_open(&w);
    w.rows = sl_new(REAL_ROWS * sizeof(*w.rows));
    while (w.row_count < REAL_ROWS && fgets(line, sizeof(line), pipe) != NULL) {
        line[strcspn(line, "\r\n")] = 0;
        w.row_count += parse_real(line, &w.rows[w.row_count]);
    }
    (void)pclose(pipe);
    assert_true(w.row_count > 1000);
    lite_load(&w);
    for (unsigned i = 0; i < test_rounds(REAL_QUERIES); i++)
        compare_once(&w);
    lite_close(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generated_rows_agree),
        cmocka_unit_test(real_rows_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
