// SPDX-License-Identifier: Apache-2.0
//
// store_sqlite_link.h - what the files of the SQLite driver share: its links, their statements, and how SQLite's codes become faults.
//
// The schema, version 1 (PRAGMA user_version), application_id SQLITE_APPLICATION:
//
//      meta    key | value
//      run     n | well                    a process's time with the store, and whether it has ended well
//      room    id | name | facts, sum (of run and ended, too) | image, image_sum | run | ended | print, of the name
//      record  room, offset | type | about | time_ms | user | bytes, sum
//      audit   seq | line, sum                refuses to be changed
//
// WAL, synchronous=FULL: a commit is one fsync. secure_delete: what is overwritten is zeros in the file. A commit that has taken words
// away empties the write-ahead log as well, as they stand in it, too.
// A store is one process's: flock on FILE-lock, in which the name of its server stands; it goes with the process.
#ifndef PLENUM_IO_STORE_SQLITE_LINK_H
#define PLENUM_IO_STORE_SQLITE_LINK_H

#include "io/store_driver.h"

#include <sqlite3.h>

enum { SQLITE_APPLICATION = 0x506c6e6d, SQLITE_PATH_MAX = 1024 };

#define SQLITE_STATEMENTS(X)                                                                           \
    X(BEGIN, "BEGIN IMMEDIATE")                                                                        \
    X(READ, "BEGIN")                                                                                   \
    X(COMMIT, "COMMIT")                                                                                \
    X(ROLLBACK, "ROLLBACK")                                                                            \
    X(META_GET, "SELECT value FROM meta WHERE key=?1")                                                 \
    X(META_PUT, "INSERT INTO meta VALUES(?1,?2) ON CONFLICT(key) DO UPDATE SET value=?2")              \
    X(RUN_BEGIN, "INSERT INTO run(well) VALUES(0)")                                                    \
    X(RUN_WELL, "UPDATE run SET well=1 WHERE n=?1")                                                    \
    X(RUN_BAD, "SELECT EXISTS(SELECT 1 FROM run WHERE n>=?1 AND n<?2 AND well=0)")                     \
    X(ROOM_PRINTED, "SELECT EXISTS(SELECT 1 FROM room WHERE print=?1)")                                \
    X(ROOM_GET, "SELECT id,facts,sum,image,image_sum,run,ended FROM room WHERE name=?1")               \
    X(ROOM_ADD, "INSERT INTO room(name,facts,sum,run,ended,print) VALUES(?1,x'',0,0,0,?2)")            \
    X(ROOM_FACTS, "UPDATE room SET facts=?2,sum=?3,run=?4,ended=?5 WHERE id=?1")                       \
    X(ROOM_IMAGE, "UPDATE room SET image=?2,image_sum=?3 WHERE id=?1")                                 \
    X(ROOM_DROP, "DELETE FROM room WHERE id=?1")                                                       \
    X(ROOM_NAMES, "SELECT name FROM room WHERE name>?1 ORDER BY name LIMIT ?2")                        \
    X(RECORD_ADD, "INSERT OR IGNORE INTO record VALUES(?1,?2,?3,?4,?5,?6,?7,?8)")                      \
    X(RECORD_CUT, "DELETE FROM record WHERE room=?1 AND offset<?2")                                    \
    X(RECORD_SIZES, "SELECT offset,length(bytes) FROM record WHERE room=?1 ORDER BY offset DESC")      \
    X(RECORD_RANGE, "SELECT offset,bytes,sum FROM record WHERE room=?1 AND offset BETWEEN ?2 AND ?3 "  \
                    "ORDER BY offset")                                                                 \
    X(RECORD_ABOUT, "SELECT offset,bytes,sum FROM record WHERE room=?1 AND about BETWEEN ?2 AND ?3 "   \
                    "AND about>0 AND offset>?3 ORDER BY offset")                                       \
    X(RECORD_WORDS, "SELECT offset,bytes,sum FROM record WHERE room=?1 AND (offset=?2 AND type=?4 OR " \
                    "about=?2 AND about>0 AND type=?5 AND offset<?3)")                                 \
    X(RECORD_SET, "UPDATE record SET bytes=?3,sum=?4 WHERE room=?1 AND offset=?2")                     \
    X(INFO, "SELECT (SELECT count(*) FROM room),count(*),min(time_ms),max(time_ms) FROM record")       \
    X(OF_USER,                                                                                         \
      "SELECT offset,bytes,record.sum,room,name FROM record JOIN room ON room.id=room WHERE user=?1 "  \
      "AND type IN(?2,?3)")                                                                            \
    X(AUDIT_ADD, "INSERT INTO audit VALUES(?1,?2,?3)")                                                 \
    X(AUDIT_GET, "SELECT seq,line,sum FROM audit WHERE seq>=?1 ORDER BY seq LIMIT ?2")

enum sqlite_statement {
#define X(name, text) SQL_##name,
    SQLITE_STATEMENTS(X)
#undef X
        SQL_COUNT
};

struct store_db {
    struct mem *mem;
    char path[SQLITE_PATH_MAX];
    int lock; // -1: none
    bool read_only;
    uint32_t busy_ms;
    int64_t run; // this process's; of one that only reads, behind all
};

struct store_link {
    struct store_db *db;
    sqlite3 *sql;
    sqlite3_stmt *statements[SQL_COUNT]; // NULL: not prepared yet
    bool took_words;                     // and the write-ahead log may still have them
};

// A row of the table of rooms, as it was checked.
struct sqlite_room {
    int64_t id, run;
    bool ended;
    struct store_room facts;
};

enum store_fault sqlite_fault(struct store_link *l, int code, struct store_why *why);
// Ready to be bound and stepped; NULL: why, and *ret_fault. Give it back with sqlite_done.
sqlite3_stmt *sqlite_take(struct store_link *l, enum sqlite_statement s);
void sqlite_done(sqlite3_stmt *s);
void sqlite_bind_str(sqlite3_stmt *s, int at, str v);
str sqlite_str(sqlite3_stmt *s, int column); // borrows from the row
// Steps it once, to its end, and gives it back.
enum store_fault sqlite_run(struct store_link *l, sqlite3_stmt *s, struct store_why *why);
enum store_fault sqlite_damaged(struct store_link *l, str room, const char *what, struct store_why *why);
// What stands in an index of its own beside the name's: a room that the one does not find is in neither, or the file is damaged.
static inline int64_t sqlite_print(str name) { return (int64_t)store_sum(name, 0, STR_NONE); }
// What sums of facts are made with: what is said with them in columns of their own is theirs.
static inline uint64_t sqlite_facts_number(int64_t run, bool ended) { return (uint64_t)run << 1 | ended; }
// What sums of images are made with.
static inline uint64_t sqlite_image_number(uint64_t at) { return at | 1ull << 63; }

#endif
