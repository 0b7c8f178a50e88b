// SPDX-License-Identifier: Apache-2.0
#include "io/store_sqlite.h"

#include "io/store_sqlite_read.h"
#include "io/store_sqlite_write.h"

#include "core/log/record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char schema[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE run(n INTEGER PRIMARY KEY, well INTEGER NOT NULL);"
    "CREATE TABLE room(id INTEGER PRIMARY KEY AUTOINCREMENT, name BLOB NOT NULL UNIQUE, facts BLOB NOT NULL,"
    " sum INTEGER NOT NULL, image BLOB, image_sum INTEGER, run INTEGER NOT NULL, ended INTEGER NOT NULL,"
    " print INTEGER NOT NULL);"
    "CREATE INDEX room_print ON room(print);"
    "CREATE TABLE record(room INTEGER NOT NULL, offset INTEGER NOT NULL, type INTEGER NOT NULL,"
    " about INTEGER NOT NULL, time_ms INTEGER NOT NULL, user BLOB NOT NULL, bytes BLOB NOT NULL,"
    " sum INTEGER NOT NULL, PRIMARY KEY(room, offset)) WITHOUT ROWID;"
    "CREATE INDEX record_about ON record(room, about, offset) WHERE about>0;"
    "CREATE TABLE audit(seq INTEGER PRIMARY KEY, line BLOB NOT NULL, sum INTEGER NOT NULL);"
    "CREATE TRIGGER audit_stays BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT,'the audit stays'); END;"
    "CREATE TRIGGER audit_holds BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT,'the audit stays'); END;"
    "PRAGMA application_id=1349283437;"
    "PRAGMA user_version=1;"
    "COMMIT;";

// --- links

static void unlink_link(struct store_link *l)
{
    if (l == NULL)
        return;
    for (size_t i = 0; i < SQL_COUNT; i++)
        sqlite3_finalize(l->statements[i]);
    sqlite3_close(l->sql);
    mem_free(l->db->mem, l, sizeof *l);
}

static enum store_fault link_make(struct store_db *db, bool writes, struct store_link **ret,
                                  struct store_why *why)
{
    static const char pragmas[] =
        "PRAGMA synchronous=FULL; PRAGMA secure_delete=ON; PRAGMA temp_store=MEMORY;"
        "PRAGMA wal_autocheckpoint=1000; PRAGMA journal_size_limit=16777216;";
    struct store_link *l = mem_zalloc(db->mem, sizeof *l);
    const int how = db->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    (void)writes;
    if (l == NULL)
        return STORE_NO_MEMORY;
    l->db = db;
    int code = sqlite3_open_v2(db->path, &l->sql, how | SQLITE_OPEN_NOMUTEX, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_busy_timeout(l->sql, (int)db->busy_ms);
    if (code == SQLITE_OK)
        code = sqlite3_exec(l->sql, pragmas, NULL, NULL, NULL);
    const enum store_fault f = sqlite_fault(l, code, why);
    if (f == STORE_FINE)
        *ret = l;
    else
        unlink_link(l);
    return f;
}

// --- opening

static enum store_fault number_of(struct store_link *l, const char *sql, int64_t *ret, struct store_why *why)
{
    sqlite3_stmt *s = NULL;
    int code = sqlite3_prepare_v2(l->sql, sql, -1, &s, NULL);
    *ret = 0;
    if (code == SQLITE_OK && (code = sqlite3_step(s)) == SQLITE_ROW)
        *ret = sqlite3_column_int64(s, 0);
    const enum store_fault f = sqlite_fault(l, code, why);
    sqlite3_finalize(s);
    return f;
}

// A backup that is opened as a store is not in this mode yet.
static enum store_fault wal(struct store_link *l, struct store_why *why)
{
    if (l->db->read_only)
        return STORE_FINE;
    return sqlite_fault(l, sqlite3_exec(l->sql, "PRAGMA journal_mode=WAL", NULL, NULL, NULL), why);
}

static enum store_fault schema_check(struct store_link *l, struct store_why *why)
{
    int64_t application, version, tables;
    enum store_fault f;
    if ((f = number_of(l, "PRAGMA application_id", &application, why)) != STORE_FINE ||
        (f = number_of(l, "PRAGMA user_version", &version, why)) != STORE_FINE ||
        (f = number_of(l, "SELECT count(*) FROM sqlite_master", &tables, why)) != STORE_FINE)
        return f;
    if (application == SQLITE_APPLICATION && version == STORE_SCHEMA)
        return wal(l, why);
    if (application == SQLITE_APPLICATION && version > STORE_SCHEMA) {
        store_say(why, "%s: its schema is %lld, and this program knows %d: start the newer program",
                  l->db->path, (long long)version, STORE_SCHEMA);
        return STORE_NEWER;
    }
    if (application != 0 || version != 0 || tables != 0) {
        store_say(why, "%s is the database of something else: name another file", l->db->path);
        return STORE_FOREIGN;
    }
    if (l->db->read_only) {
        store_say(why, "%s is empty", l->db->path);
        return STORE_NOTHING;
    }
    if ((f = wal(l, why)) != STORE_FINE)
        return f;
    return sqlite_fault(l, sqlite3_exec(l->sql, schema, NULL, NULL, NULL), why);
}

// Before anything is made beside it: what is there is ours, by the head of its file, or it is empty, or not there at all.
static enum store_fault file_look(const struct store_db *db, struct store_why *why)
{
    enum { HEAD = 100, APPLICATION_AT = 68 }; // https://www.sqlite.org/fileformat.html section 1.3
    static const char magic[] = "SQLite format 3";
    uint8_t head[HEAD];
    const int fd = open(db->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return STORE_FINE; // whoever makes it says why not
    const ssize_t n = pread(fd, head, sizeof head, 0);
    close(fd);
    if (n <= 0)
        return STORE_FINE;
    const uint8_t *id = head + APPLICATION_AT;
    const uint32_t application = (uint32_t)id[0] << 24 | (uint32_t)id[1] << 16 | (uint32_t)id[2] << 8 | id[3];
    if (n == HEAD && memcmp(head, magic, sizeof magic) == 0 && application == SQLITE_APPLICATION)
        return STORE_FINE;
    store_say(why, "%s is the file of something else, or half of one: name another, or put back a backup",
              db->path);
    return STORE_FOREIGN;
}

static enum store_fault lock_take(struct store_db *db, const char *server, struct store_why *why)
{
    char path[SQLITE_PATH_MAX + 8], other[65] = "";
    snprintf(path, sizeof path, "%s-lock", db->path);
    db->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (db->lock < 0) {
        store_say(why, "%s: %s", path, strerror(errno));
        return errno == EACCES || errno == EROFS || errno == EISDIR || errno == ENOENT ? STORE_DENIED
                                                                                       : STORE_BUSY;
    }
    if (flock(db->lock, LOCK_EX | LOCK_NB) != 0) {
        if (pread(db->lock, other, sizeof other - 1, 0) < 0)
            other[0] = 0;
        store_say(why, "%s is in use by another server, %s", db->path, other);
        return STORE_TAKEN;
    }
    const size_t n =
        server != NULL ? strlen(server) : 0; // for people only: it is no fault where it does not get there
    if (ftruncate(db->lock, 0) == 0 && n > 0 && pwrite(db->lock, server, n, 0) < 0)
        store_say(NULL, "%s", path);
    return STORE_FINE;
}

static enum store_fault run_begin(struct store_link *l, struct store_why *why)
{
    const enum store_fault f = sqlite_run(l, sqlite_take(l, SQL_RUN_BEGIN), why);
    l->db->run = sqlite3_last_insert_rowid(l->sql);
    return f;
}

static void db_close(struct store_db *db, bool well)
{
    struct store_link *l;
    if (db == NULL)
        return;
    if (well && db->run != 0 && !db->read_only && link_make(db, true, &l, NULL) == STORE_FINE) {
        sqlite3_stmt *s = sqlite_take(l, SQL_RUN_WELL);
        sqlite3_bind_int64(s, 1, db->run);
        (void)sqlite_run(l, s, NULL); // where it fails, rooms are not clean, which is true
        unlink_link(l);
    }
    if (db->lock >= 0)
        close(db->lock);
    mem_free(db->mem, db, sizeof *db);
}

// The file is made before SQLite does, as it is nobody else's to read.
static enum store_fault file_make(const struct store_db *db, struct store_why *why)
{
    const int fd = open(db->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        store_say(why, "%s: %s", db->path, strerror(errno));
        return errno == ENOSPC || errno == EDQUOT || errno == EMFILE || errno == EIO ? STORE_BUSY
                                                                                     : STORE_DENIED;
    }
    close(fd);
    return STORE_FINE;
}

static enum store_fault db_open(struct mem *mem, const struct store_config *c, struct store_db **ret,
                                struct store_why *why)
{
    struct store_link *l = NULL;
    enum store_fault f = STORE_FINE;
    struct store_db *db = mem_zalloc(mem, sizeof *db);
    if (db == NULL)
        return STORE_NO_MEMORY;
    db->mem = mem;
    db->lock = -1;
    db->read_only = c->read_only;
    db->busy_ms = c->busy_ms;
    if ((size_t)snprintf(db->path, sizeof db->path, "%s", c->path) >= sizeof db->path) {
        store_say(why, "the path of the store is longer than %zu bytes", sizeof db->path - 1);
        f = STORE_DENIED;
    }
    if (f == STORE_FINE)
        f = file_look(db, why);
    // The lock before the file: nothing is made beside what another has.
    if (f == STORE_FINE && !db->read_only && (f = lock_take(db, c->server, why)) == STORE_FINE)
        f = file_make(db, why);
    if (f == STORE_FINE && (f = link_make(db, true, &l, why)) == STORE_FINE) {
        f = schema_check(l, why);
        if (f == STORE_FINE && !db->read_only)
            f = run_begin(l, why);
        unlink_link(l);
    }
    if (db->read_only)
        db->run = INT64_MAX;
    if (f == STORE_FINE)
        *ret = db;
    else
        db_close(db, false);
    return f;
}

// --- meta, transactions

static enum store_fault meta_get(struct store_link *l, const char *key, struct buf *ret,
                                 struct store_why *why)
{
    sqlite3_stmt *s = sqlite_take(l, SQL_META_GET);
    sqlite3_bind_text(s, 1, key, -1, SQLITE_STATIC);
    const int code = sqlite3_step(s);
    if (code == SQLITE_ROW)
        buf_put_str(ret, sqlite_str(s, 0));
    const enum store_fault f = sqlite_fault(l, code, why);
    sqlite_done(s);
    if (f != STORE_FINE)
        return f;
    return code != SQLITE_ROW ? STORE_NOTHING : buf_ok(ret) ? STORE_FINE : STORE_NO_MEMORY;
}

static enum store_fault meta_put(struct store_link *l, const char *key, str value, struct store_why *why)
{
    ASSERT(value.n <= STORE_META_MAX);
    sqlite3_stmt *s = sqlite_take(l, SQL_META_PUT);
    sqlite3_bind_text(s, 1, key, -1, SQLITE_STATIC);
    sqlite_bind_str(s, 2, value);
    return sqlite_run(l, s, why);
}

static enum store_fault begin(struct store_link *l, struct store_why *why)
{
    return sqlite_run(l, sqlite_take(l, SQL_BEGIN), why);
}

static void rollback(struct store_link *l)
{
    if (!sqlite3_get_autocommit(l->sql))
        (void)sqlite_run(l, sqlite_take(l, SQL_ROLLBACK), NULL);
}

static enum store_fault commit(struct store_link *l, struct store_why *why)
{
    const enum store_fault f = sqlite_run(l, sqlite_take(l, SQL_COMMIT), why);
    if (f != STORE_FINE)
        rollback(l);
    else if (l->took_words && // a reader may be in its way: then with the next commit
             sqlite3_wal_checkpoint_v2(l->sql, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) == SQLITE_OK)
        l->took_words = false;
    return f;
}

// --- care

static enum store_fault compact(struct store_link *l, struct store_why *why)
{
    return sqlite_fault(l, sqlite3_exec(l->sql, "VACUUM", NULL, NULL, NULL), why);
}

static enum store_fault backup(struct store_link *l, const char *path, struct store_why *why)
{
    sqlite3_stmt *s = NULL;
    const int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        store_say(why, "%s: %s", path, strerror(errno));
        return STORE_DENIED;
    }
    close(fd);
    int code = sqlite3_prepare_v2(l->sql, "VACUUM INTO ?1", -1, &s, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_bind_text(s, 1, path, -1, SQLITE_STATIC);
    if (code == SQLITE_OK)
        code = sqlite3_step(s);
    const enum store_fault f = sqlite_fault(l, code, why);
    sqlite3_finalize(s);
    if (f != STORE_FINE) // half of one would be taken for one
        unlink(path);
    return f;
}

// --- what this version does not do

static enum store_fault not_yet(struct store_why *why, const char *what)
{
    store_say(why, "%s is not in this version of the SQLite store", what);
    return STORE_BUSY;
}

static enum store_fault search(struct store_link *l, str room, str text, uint64_t before, uint32_t most,
                               struct buf *records, bool *ret_more, struct store_why *why)
{
    (void)l, (void)room, (void)text, (void)before, (void)most, (void)records, (void)ret_more;
    return not_yet(why, "search");
}

// --- what a user has said

static enum store_fault forget_rows(struct store_link *l, str user, uint64_t *ret_records,
                                    struct store_why *why)
{
    sqlite3_stmt *s = sqlite_take(l, SQL_OF_USER);
    enum store_fault f = STORE_FINE;
    int code = SQLITE_ERROR;
    sqlite_bind_str(s, 1, user);
    sqlite3_bind_int64(s, 2, ENTRY_MESSAGE);
    sqlite3_bind_int64(s, 3, ENTRY_EDIT);
    while (f == STORE_FINE && s != NULL && (code = sqlite3_step(s)) == SQLITE_ROW) {
        f = sqlite_erase_row(l, sqlite_str(s, 4), sqlite3_column_int64(s, 3), s, why);
        *ret_records += f == STORE_FINE;
    }
    if (f == STORE_FINE)
        f = sqlite_fault(l, code, why);
    sqlite_done(s);
    return f;
}

static enum store_fault forget(struct store_link *l, str user, enum store_forget how, uint64_t *ret_records,
                               struct store_why *why)
{
    *ret_records = 0;
    if (how != FORGET_ERASE)
        return not_yet(why, "a pseudonym for a user");
    enum store_fault f = begin(l, why);
    if (f != STORE_FINE)
        return f;
    l->took_words = true;
    if ((f = forget_rows(l, user, ret_records, why)) == STORE_FINE)
        return commit(l, why);
    rollback(l);
    return f;
}

// --- the audit

static enum store_fault audit_put(struct store_link *l, uint64_t seq, str line, struct store_why *why)
{
    sqlite3_stmt *s = sqlite_take(l, SQL_AUDIT_ADD);
    sqlite3_bind_int64(s, 1, (int64_t)seq);
    sqlite_bind_str(s, 2, line);
    sqlite3_bind_int64(s, 3, (int64_t)store_sum(STR("audit"), seq, line));
    const enum store_fault f = sqlite_run(l, s, why);
    if (f != STORE_FINE)
        rollback(l);
    return f;
}

static enum store_fault audit_get(struct store_link *l, uint64_t from, uint32_t most, struct buf *lines,
                                  struct store_why *why)
{
    sqlite3_stmt *s = sqlite_take(l, SQL_AUDIT_GET);
    enum store_fault f = STORE_FINE;
    int code = SQLITE_ERROR;
    sqlite3_bind_int64(s, 1, (int64_t)from);
    sqlite3_bind_int64(s, 2, most);
    while (f == STORE_FINE && s != NULL && (code = sqlite3_step(s)) == SQLITE_ROW) {
        const str line = sqlite_str(s, 1);
        if (store_sum(STR("audit"), (uint64_t)sqlite3_column_int64(s, 0), line) !=
            (uint64_t)sqlite3_column_int64(s, 2))
            f = sqlite_damaged(l, STR("(audit)"), "a line is not as it was written", why);
        else
            store_put_section_record(lines, line);
    }
    if (f == STORE_FINE)
        f = sqlite_fault(l, code, why);
    sqlite_done(s);
    return f == STORE_FINE && !buf_ok(lines) ? STORE_NO_MEMORY : f;
}

const struct store_driver store_sqlite = {
    .name = "sqlite",
    .open = db_open,
    .close = db_close,
    .link = link_make,
    .unlink = unlink_link,
    .meta_get = meta_get,
    .meta_put = meta_put,
    .begin = begin,
    .put = sqlite_put,
    .commit = commit,
    .rollback = rollback,
    .load = sqlite_load,
    .fetch = sqlite_fetch,
    .search = search,
    .rooms = sqlite_rooms,
    .info = sqlite_info,
    .compact = compact,
    .forget = forget,
    .backup = backup,
    .check = sqlite_check,
    .audit_put = audit_put,
    .audit_get = audit_get,
};
