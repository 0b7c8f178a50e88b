// SPDX-License-Identifier: Apache-2.0
#include "io/store_sqlite_link.h"

#include <stdio.h>

static const char *const texts[] = {
#define X(name, text) [SQL_##name] = (text),
    SQLITE_STATEMENTS(X)
#undef X
};

enum store_fault sqlite_fault(struct store_link *l, int code, struct store_why *why)
{
    if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE)
        return STORE_FINE;
    if (code == SQLITE_ERROR && l->sql != NULL) // of a statement that could not be prepared: why not
        code = sqlite3_errcode(l->sql);
    store_say(why, "%s: %s", l->db->path, l->sql != NULL ? sqlite3_errmsg(l->sql) : sqlite3_errstr(code));
    switch (code & 0xff) {
    case SQLITE_NOMEM:
        return STORE_NO_MEMORY;
    case SQLITE_CORRUPT:
        return STORE_DAMAGED;
    case SQLITE_NOTADB:
        return STORE_FOREIGN;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_CANTOPEN:
        return STORE_DENIED;
    default:
        return STORE_BUSY;
    }
}

sqlite3_stmt *sqlite_take(struct store_link *l, enum sqlite_statement s)
{
    if (l->statements[s] == NULL)
        sqlite3_prepare_v3(l->sql, texts[s], -1, SQLITE_PREPARE_PERSISTENT, &l->statements[s], NULL);
    return l->statements
        [s]; // NULL: each call with it is SQLITE_MISUSE, and sqlite_run tells the handle's own code
}

void sqlite_done(sqlite3_stmt *s)
{
    if (s == NULL)
        return;
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
}

void sqlite_bind_str(sqlite3_stmt *s, int at, str v)
{
    sqlite3_bind_blob64(s, at, v.n > 0 ? v.p : "", v.n, SQLITE_STATIC);
}

str sqlite_str(sqlite3_stmt *s, int column)
{
    const char *p = sqlite3_column_blob(s, column);
    return str_make(p != NULL ? p : "", (size_t)sqlite3_column_bytes(s, column));
}

enum store_fault sqlite_run(struct store_link *l, sqlite3_stmt *s, struct store_why *why)
{
    int code = s != NULL ? sqlite3_step(s) : sqlite3_errcode(l->sql);
    if (s == NULL && code == SQLITE_OK)
        code = SQLITE_NOMEM;
    const enum store_fault f = sqlite_fault(l, code, why);
    if (s != NULL)
        sqlite_done(s);
    return f;
}

enum store_fault sqlite_damaged(struct store_link *l, str room, const char *what, struct store_why *why)
{
    store_say(why, "%s: room %.*s: %s", l->db->path, (int)room.n, room.p, what);
    return STORE_DAMAGED;
}
