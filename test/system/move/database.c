/* SPDX-License-Identifier: BSD-3-Clause */
/* database.c - a database of sqlite3 in memory, in the middle of a transaction and of a query. */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "move_test.h"

static sqlite3 *db;

static void spoil(void)
{
    sqlite3_exec(db, "DELETE FROM t WHERE n = 900", NULL, NULL, NULL);
}

static void execute(const char *sql)
{
    char *message = NULL;
    CHECK(sqlite3_exec(db, sql, NULL, NULL, &message) == SQLITE_OK, "%s: %s", sql, message);
}

static long number(const char *sql)
{
    sqlite3_stmt *query;
    CHECK(sqlite3_prepare_v2(db, sql, -1, &query, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
    CHECK(sqlite3_step(query) == SQLITE_ROW, "%s", sqlite3_errmsg(db));
    long value = (long)sqlite3_column_int64(query, 0);
    CHECK(sqlite3_finalize(query) == SQLITE_OK, "%s", sqlite3_errmsg(db));
    return value;
}

int main(void)
{
    sqlite3_stmt *query;
    CHECK(sqlite3_open(":memory:", &db) == SQLITE_OK, "open");
    execute("CREATE TABLE t (n INTEGER PRIMARY KEY, square INTEGER, word TEXT);"
            "CREATE INDEX squares ON t (square);"
            "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 20000) "
            "INSERT INTO t SELECT n, n * n, printf('word %05d', n) FROM c;"
            "BEGIN; UPDATE t SET word = 'gone' WHERE n % 2 = 0; SAVEPOINT here");
    CHECK(sqlite3_prepare_v2(db, "SELECT n FROM t WHERE square > 100 ORDER BY square", -1, &query,
                             NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
    for (int n = 11; n <= 20000; n++) {
        CHECK(sqlite3_step(query) == SQLITE_ROW, "%s", sqlite3_errmsg(db));
        CHECK(sqlite3_column_int(query, 0) == n, "row %d", n);
        if (n == 500)
            hop(spoil);
    }
    CHECK(sqlite3_step(query) == SQLITE_DONE && sqlite3_finalize(query) == SQLITE_OK, "the end");
    CHECK(number("SELECT count(*) FROM t WHERE word = 'gone'") == 10000, "the transaction");
    execute("ROLLBACK");
    CHECK(number("SELECT count(*) FROM t WHERE word = 'gone'") == 0, "after the rollback");
    CHECK(number("SELECT sum(square) FROM t") == 2666866670000, "the sum");
    CHECK(sqlite3_close(db) == SQLITE_OK, "%s", sqlite3_errmsg(db));
    return 0;
}
