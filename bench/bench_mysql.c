/*
 * bench_mysql.c - what MySQL's protocol costs over the native one, in the same server.
 *
 *   bench_mysql HOST NATIVE_PORT MYSQL_PORT ROUNDS STATEMENT
 *
 * A round asks the statement once over each, takes every row and throws it away. The protocols take turns at
 * being first. Prints the number of rows, the median time of each protocol, and the median of the
 * differences within a round.
 */
#include <stdio.h>

#include "bench/mysql_peer.h"
#include "client/sluice.h"
#include "storage/base/clock.h"

enum { ROUNDS_MAX = 100000, ADDRESS_BYTES = 256, STATEMENT_BYTES_MAX = 1 << 20 };

struct round {
    int64_t native_us;
    int64_t mysql_us;
};

_Noreturn static void
die(const char *what)
{
    fprintf(stderr, "bench_mysql: %s\n", what);
    exit(1);
}

static int64_t
ask_native(struct sluice *db, const char *statement, uint64_t *out_rows)
{
    struct sluice_error error = {0};
    int64_t started_us = sl_clock_monotonic_us();
    struct sluice_result *result = sluice_query(db, statement, &error);
    if (result == NULL)
        die(error.text);
    *out_rows = 0;
    while (sluice_result_next(result, &error))
        ++*out_rows;
    int64_t ns = sl_clock_monotonic_us() - started_us;
    if (error.status != 0)
        die(error.text);
    sluice_result_close(result);
    return ns;
}

static int64_t
ask_mysql(struct sl_mysql_peer *peer, const struct sl_buf *query, uint64_t *out_rows)
{
    int64_t started_us = sl_clock_monotonic_us();
    sl_mysql_peer_send(peer, query);
    *out_rows = sl_mysql_peer_take_rows(peer);
    return sl_clock_monotonic_us() - started_us;
}

static int
compare(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left;
    int64_t b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

static double
median_of(int64_t *values_us, size_t count)
{
    qsort(values_us, count, sizeof(*values_us), compare);
    size_t middle = count / 2;
    return (double)values_us[middle];
}

static void
print(const struct round *rounds, size_t count, uint64_t rows)
{
    int64_t *natives_us = sl_new(count * sizeof(*natives_us));
    int64_t *mysqls_us = sl_new(count * sizeof(*mysqls_us));
    int64_t *differences_us = sl_new(count * sizeof(*differences_us));
    for (size_t i = 0; i < count; i++) {
        natives_us[i] = rounds[i].native_us;
        mysqls_us[i] = rounds[i].mysql_us;
        differences_us[i] = rounds[i].mysql_us - rounds[i].native_us;
    }
    double native_us = median_of(natives_us, count);
    double mysql_us = median_of(mysqls_us, count);
    printf("%" PRIu64 " rows: native %.0f us, MySQL %.0f us, difference %.0f us", rows, native_us,
           mysql_us, median_of(differences_us, count));
    if (rows > 1)
        printf("; native %.0f rows/s, MySQL %.0f rows/s", (double)rows / native_us * 1e6,
               (double)rows / mysql_us * 1e6);
    printf(" (medians of %zu)\n", count);
    free(natives_us);
    free(mysqls_us);
    free(differences_us);
}

int
main(int argc, char **argv)
{
    char address[ADDRESS_BYTES];
    struct sluice_error error = {0};
    uint64_t native_rows = 0;
    uint64_t mysql_rows = 0;
    if (argc != 6)
        die("HOST NATIVE_PORT MYSQL_PORT ROUNDS STATEMENT");
    size_t count = (size_t)strtoul(argv[4], NULL, 10);
    if (count == 0 || count > ROUNDS_MAX)
        die("rounds are out of range");
    (void)snprintf(address, sizeof(address), "%s:%s", argv[1], argv[2]);
    struct sluice *db = sluice_connect(address, &error);
    if (db == NULL)
        die(error.text);
    struct sl_mysql_peer *peer = sl_mysql_peer_open(argv[1], argv[3], "flows");
    struct sl_buf query = sl_buf_empty(STATEMENT_BYTES_MAX);
    sl_mysql_peer_put_query(&query, argv[5], strlen(argv[5]));
    struct round *rounds = sl_new(count * sizeof(*rounds));
    for (size_t i = 0; i < count; i++) {
        if (i % 2 == 0)
            rounds[i].native_us = ask_native(db, argv[5], &native_rows);
        rounds[i].mysql_us = ask_mysql(peer, &query, &mysql_rows);
        if (i % 2 != 0)
            rounds[i].native_us = ask_native(db, argv[5], &native_rows);
        if (native_rows != mysql_rows)
            die("the answers have different numbers of rows");
    }
    print(rounds, count, mysql_rows);
    free(rounds);
    sl_buf_fini(&query);
    sl_mysql_peer_close(peer);
    sluice_close(db);
    return 0;
}
