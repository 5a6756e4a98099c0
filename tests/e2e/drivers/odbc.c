/*
 * odbc.c PORT USER PASSWORD - MariaDB's ODBC driver, loaded by its path through unixODBC.
 */
#include <pthread.h>
#include <sql.h>
#include <sqlext.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static SQLHENV environment;
static SQLHDBC db;

static void
check(SQLRETURN code, SQLSMALLINT kind, SQLHANDLE handle, const char *what)
{
    SQLCHAR state[6] = "";
    SQLCHAR text[512] = "";
    SQLINTEGER number = 0;
    if (SQL_SUCCEEDED(code))
        return;
    (void)SQLGetDiagRec(kind, handle, 1, state, &number, text, sizeof(text), NULL);
    printf("%s: %s %d %s\n", what, (char *)state, (int)number, (char *)text);
    exit(1);
}

static SQLHSTMT
statement(void)
{
    SQLHSTMT s = NULL;
    check(SQLAllocHandle(SQL_HANDLE_STMT, db, &s), SQL_HANDLE_DBC, db, "statement");
    return s;
}

static void
one(const char *text, char *value, size_t size_bytes)
{
    SQLHSTMT s = statement();
    check(SQLExecDirect(s, (SQLCHAR *)text, SQL_NTS), SQL_HANDLE_STMT, s, text);
    check(SQLFetch(s), SQL_HANDLE_STMT, s, "fetch");
    check(SQLGetData(s, 1, SQL_C_CHAR, value, (SQLLEN)size_bytes, NULL), SQL_HANDLE_STMT, s,
          "data");
    (void)SQLFreeHandle(SQL_HANDLE_STMT, s);
}

static void
prepare(void)
{
    SQLHSTMT s = statement();
    SQLINTEGER number = 40;
    SQLLEN null = SQL_NULL_DATA;
    SQLLEN whole = SQL_NTS;
    char values[4][64];
    SQLLEN sizes[4];
    check(SQLPrepare(s, (SQLCHAR *)"SELECT ? + 2, ?, ?, UNIX_TIMESTAMP(?)", SQL_NTS),
          SQL_HANDLE_STMT, s, "prepare");
    (void)SQLBindParameter(s, 1, SQL_PARAM_INPUT, SQL_C_SLONG, SQL_INTEGER, 0, 0, &number, 0, NULL);
    (void)SQLBindParameter(s, 2, SQL_PARAM_INPUT, SQL_C_CHAR, SQL_VARCHAR, 3, 0, "a'b", 0, &whole);
    (void)SQLBindParameter(s, 3, SQL_PARAM_INPUT, SQL_C_CHAR, SQL_VARCHAR, 1, 0, "", 0, &null);
    (void)SQLBindParameter(s, 4, SQL_PARAM_INPUT, SQL_C_CHAR, SQL_VARCHAR, 19, 0,
                           "2026-11-18 11:06:40", 0, &whole);
    check(SQLExecute(s), SQL_HANDLE_STMT, s, "execute");
    check(SQLFetch(s), SQL_HANDLE_STMT, s, "fetch");
    for (SQLUSMALLINT i = 0; i < 4; i++)
        check(SQLGetData(s, (SQLUSMALLINT)(i + 1), SQL_C_CHAR, values[i], 64, &sizes[i]),
              SQL_HANDLE_STMT, s, "data");
    printf("prepare %d %s %s %d\n", (int)strtol(values[0], NULL, 10), values[1],
           sizes[2] == SQL_NULL_DATA ? "null" : values[2], (int)strtol(values[3], NULL, 10));
    (void)SQLFreeHandle(SQL_HANDLE_STMT, s);
}

static void
insert(void)
{
    SQLHSTMT s = statement();
    SQLINTEGER port = 443;
    SQLBIGINT bytes = 0;
    SQLLEN whole = SQL_NTS;
    char address[32];
    char values[2][64];
    check(SQLPrepare(s,
                     (SQLCHAR *)"INSERT INTO flows (src_addr, dst_port, in_bytes, last_seen, app) "
                                "VALUES (?, ?, ?, ?, ?)",
                     SQL_NTS),
          SQL_HANDLE_STMT, s, "prepare");
    (void)SQLBindParameter(s, 1, SQL_PARAM_INPUT, SQL_C_CHAR, SQL_VARCHAR, 31, 0, address, 0,
                           &whole);
    (void)SQLBindParameter(s, 2, SQL_PARAM_INPUT, SQL_C_SLONG, SQL_INTEGER, 0, 0, &port, 0, NULL);
    (void)SQLBindParameter(s, 3, SQL_PARAM_INPUT, SQL_C_SBIGINT, SQL_BIGINT, 0, 0, &bytes, 0, NULL);
    (void)SQLBindParameter(s, 4, SQL_PARAM_INPUT, SQL_C_CHAR, SQL_VARCHAR, 19, 0,
                           "2026-11-18 11:06:40", 0, &whole);
    (void)SQLBindParameter(s, 5, SQL_PARAM_INPUT, SQL_C_CHAR, SQL_VARCHAR, 8, 0, "inserted", 0,
                           &whole);
    for (int i = 1; i <= 3; i++) {
        (void)snprintf(address, sizeof(address), "10.9.8.%d", i);
        bytes = 1000 * i;
        check(SQLExecute(s), SQL_HANDLE_STMT, s, "insert");
    }
    (void)SQLFreeHandle(SQL_HANDLE_STMT, s);
    one("SELECT COUNT(*) FROM flows WHERE app = 'inserted'", values[0], sizeof(values[0]));
    one("SELECT SUM(in_bytes) FROM flows WHERE app = 'inserted'", values[1], sizeof(values[1]));
    printf("insert %s %s\n", values[0], values[1]);
    s = statement();
    check(SQLExecDirect(s, (SQLCHAR *)"DELETE FROM flows WHERE app = 'inserted'", SQL_NTS),
          SQL_HANDLE_STMT, s, "delete");
    (void)SQLFreeHandle(SQL_HANDLE_STMT, s);
}

/* SQLCancel from another thread sends KILL QUERY over a connection of its own. */
static void *
stop(void *context)
{
    (void)usleep(200000);
    (void)SQLCancel(context);
    return NULL;
}

static void
cancel(void)
{
    static const char work[] = "SELECT MAX(LENGTH(REPLACE(REPLACE(LPAD(in_bytes, 60, 'ab'), 'a', "
                               "'bc'), 'b', 'de'))) FROM flows";
    char text[32768] = "";
    size_t at = 0;
    for (int i = 0; i < 150; i++)
        at += (size_t)snprintf(text + at, sizeof(text) - at, i == 0 ? "%s" : " UNION ALL %s", work);
    SQLHSTMT s = statement();
    pthread_t thread;
    SQLCHAR state[6] = "";
    SQLCHAR story[512] = "";
    SQLINTEGER number = 0;
    (void)pthread_create(&thread, NULL, stop, s);
    SQLRETURN code = SQLExecDirect(s, (SQLCHAR *)text, SQL_NTS);
    (void)pthread_join(thread, NULL);
    (void)SQLGetDiagRec(SQL_HANDLE_STMT, s, 1, state, &number, story, sizeof(story), NULL);
    if (!SQL_SUCCEEDED(code) && number == 1317)
        printf("cancel\n");
    else
        printf("not cancelled: %d %s %d %s\n", (int)code, (char *)state, (int)number,
               (char *)story);
    (void)SQLFreeHandle(SQL_HANDLE_STMT, s);
}

int
main(int argc, char **argv)
{
    char text[1024];
    char count[64];
    if (argc != 5)
        return 2;
    (void)SQLAllocHandle(SQL_HANDLE_ENV, SQL_NULL_HANDLE, &environment);
    (void)SQLSetEnvAttr(environment, SQL_ATTR_ODBC_VERSION, (SQLPOINTER)SQL_OV_ODBC3, 0);
    (void)SQLAllocHandle(SQL_HANDLE_DBC, environment, &db);
    (void)snprintf(text, sizeof(text),
                   "DRIVER=%s;SERVER=127.0.0.1;PORT=%s;UID=%s;PWD=%s;DATABASE=flows", argv[1],
                   argv[2], argv[3], argv[4]);
    check(SQLDriverConnect(db, NULL, (SQLCHAR *)text, SQL_NTS, NULL, 0, NULL, SQL_DRIVER_NOPROMPT),
          SQL_HANDLE_DBC, db, "connect");
    printf("connected\n");
    SQLHSTMT s = statement();
    check(SQLColumns(s, NULL, 0, NULL, 0, (SQLCHAR *)"flows", SQL_NTS, (SQLCHAR *)"src_addr",
                     SQL_NTS),
          SQL_HANDLE_STMT, s, "columns");
    while (SQL_SUCCEEDED(SQLFetch(s))) {
        check(SQLGetData(s, 4, SQL_C_CHAR, text, sizeof(text), NULL), SQL_HANDLE_STMT, s, "data");
        if (strcmp(text, "src_addr") == 0)
            printf("list src_addr\n");
    }
    (void)SQLFreeHandle(SQL_HANDLE_STMT, s);
    one("SELECT COUNT(*) FROM flows", count, sizeof(count));
    one("SELECT src_addr FROM flows ORDER BY src_addr LIMIT 1", text, sizeof(text));
    printf("query %s %s\n", count, text);
    prepare();
    insert();
    cancel();
    one("SELECT 1", count, sizeof(count));
    printf("again %s\n", count);
    (void)SQLDisconnect(db);
    return 0;
}
