// SPDX-License-Identifier: Apache-2.0
//
// store_driver.h - what a database has to be able to do to be a store (core/mail/store.h). Adding one is a file, and a row in
// store_drivers.c.
//
//      core                io/stores.h                            a driver
//      KEEP of shard 0 --> the thread that writes --- begin ---->
//      KEEP of shard 1 -->                        --- put ------> sections, of both
//                                                 --- commit ---> one fsync for all of them: KEPT, KEPT
//      LOAD, FETCH ------> the thread that reads  --- load ----->
//
// All calls block. Nothing else of the program knows what SQL is, and a driver knows neither shards nor mail. What a room's
// records mean is core's alone: to a driver they are bytes, but that it has to find those that are about one (struct store_record).
//
// Everything that a driver gives back was checked: each record, image and set of facts is kept with a keyed sum of itself and of where it belongs
// (store_sum), so that a bit that has flipped, or a row that stands for another one, is found when it is read and never served.
//
// Names of rooms are any bytes of valid UTF-8 up to ROOM_NAME_MAX, quotes and percent signs among them: they go into
// statements as parameters, never as text.
//
// Errors: enum store_fault, and a sentence in struct store_why. Ownership: a link is used by one thread at a time; a store by all, while it is open. Memory: from `mem`
// what is given back; a library's own is not counted.
#ifndef PLENUM_IO_STORE_DRIVER_H
#define PLENUM_IO_STORE_DRIVER_H

#include "core/mail/store.h"

enum { STORE_SCHEMA = 1, STORE_URL_MAX = 1024, STORE_META_MAX = 64 };

enum store_fault {
    STORE_FINE,
    STORE_NOTHING, // there is no such room, row, or value
    STORE_BUSY,    // locked, slow, full, or not to be reached: it may be otherwise in a while
    STORE_DAMAGED, // what was asked for, or all of it, is not as it was written
    STORE_NEWER,   // its schema is of a newer version of this program
    STORE_FOREIGN, // it is something else's database
    STORE_DENIED,  // no rights: to the file, the directory, the tables
    STORE_TAKEN,   // another server has the room, or the store
    STORE_NO_MEMORY,
};
const char *store_fault_name(enum store_fault f);

// What is wrong, where, and what to do about it: one line for a person, without a password. Of the first fault; later ones leave it.
struct store_why {
    char text[512];
};

// How the operator wants it (config, store.*).
struct store_config {
    const char *kind;   // the driver's name
    const char *path;   // SQLite: the file
    const char *url;    // PostgreSQL
    const char *server; // what other servers are told who has a room: host and process
    struct store_pool {
        uint32_t size, acquire_ms, idle_s, leak_s;
    } pool;
    uint32_t busy_ms; // so long a statement may wait for another process's lock, or for the network
    bool
        read_only; // nothing is changed, no schema is made or moved forward, no run begins: for `plenum store info` and the like
    // Told what is worth a line of the log: a connection that was lost, was taken for too long, is there again. Any thread. May be NULL.
    void (*notice)(void *ctx, const char *text);
    void *notice_ctx;
};

// A record as it goes into a store, with what it is looked for by.
struct store_record {
    uint64_t offset;
    uint8_t type;   // enum entry_type
    uint64_t about; // the message that it is about; 0: none
    uint64_t steady_ms, time_ms;
    str user;
    str words; // what people may look for: a message's or an edit's text; empty: nothing
    str bytes; // docs/protocol/record.md
};

struct store_info {
    uint32_t schema;
    uint64_t rooms, records, bytes; // bytes: of the file, or of its tables
    uint64_t oldest_ms, newest_ms;  // wall, of records; 0: there are none
    char version[64];               // "SQLite 3.40.1"
};

enum store_forget {
    FORGET_ERASE,
    FORGET_PSEUDONYM
}; // a user's words go; or stay, said by nobody who is known

struct store_db;
struct store_link;

struct store_driver {
    const char *name;

    // Opens it, makes the schema where there is none, or moves an older one forward, and begins a *run*: until `close` says that it has
    // ended well, what rooms say is not known to be all kept (store.h, `clean`).
    enum store_fault (*open)(struct mem *mem, const struct store_config *c, struct store_db **ret,
                             struct store_why *why);
    // well: all that was said was kept. No link is left. db may be NULL.
    void (*close)(struct store_db *db, bool well);
    // One thread's way to it. A lost one is made anew by the driver, with the next call.
    enum store_fault (*link)(struct store_db *db, bool writes, struct store_link **ret,
                             struct store_why *why);
    void (*unlink)(struct store_link *l); // NULL is fine

    // Few and small: the hash key ("hash_key"), the newest steady time. Key: lower-case letters and '_'; value: STORE_META_MAX bytes.
    enum store_fault (*meta_get)(struct store_link *l, const char *key, struct buf *ret,
                                 struct store_why *why);
    enum store_fault (*meta_put)(struct store_link *l, const char *key, str value, struct store_why *why);

    // Writing, by the one link that does. A section is put whole, or the fault undoes all since `begin`. What was put before, under the same
    // epoch and offset, is left as it is. Records that take words away (store_takes_words) take them from what is there.
    enum store_fault (*begin)(struct store_link *l, struct store_why *why);
    enum store_fault (*put)(struct store_link *l, const struct store_section *s, struct store_why *why);
    enum store_fault (*commit)(struct store_link *l, struct store_why *why); // FINE: no crash loses it
    void (*rollback)(struct store_link *l);

    // Reading. The room is this server's from here on, until a section of it is `ended`; STORE_TAKEN where it is another's. peek: it is
    // not taken, and may be another's. image and records are appended to: as many of the newest records (store_put_record) as `most` and `bytes` want
    // (struct store_mail), from image_at + 1 - WORD_JUDGED on at least; *ret_last is the last of them, as not all of it has to fit into one answer.
    enum store_fault (*load)(struct store_link *l, str room, bool peek, uint32_t most, uint32_t bytes,
                             struct store_room *ret, struct buf *image, struct buf *records,
                             uint64_t *ret_from, uint64_t *ret_last, struct store_why *why);
    // Of a range that lies within what there is: from first on, all up to *ret_last, no more than piece bytes, unless a single one is larger;
    // about: and then what is about these and is newer than *ret_last.
    enum store_fault (*fetch)(struct store_link *l, str room, uint64_t first, uint64_t last, uint32_t piece,
                              bool about, struct buf *records, uint64_t *ret_last, struct store_why *why);
    // Messages with those words, as they are now, older than `before` (0: all), newest first.
    enum store_fault (*search)(struct store_link *l, str room, str text, uint64_t before, uint32_t most,
                               struct buf *records, bool *ret_more, struct store_why *why);

    // For `plenum store`. Names of rooms behind `after`, in order of their bytes: n (1) | bytes, each.
    enum store_fault (*rooms)(struct store_link *l, str after, uint32_t most, struct buf *names,
                              struct store_why *why);
    enum store_fault (*info)(struct store_link *l, struct store_info *ret, struct store_why *why);
    enum store_fault (*compact)(struct store_link *l, struct store_why *why); // space that is free goes back
    enum store_fault (*forget)(struct store_link *l, str user, enum store_forget how, uint64_t *ret_records,
                               struct store_why *why);
    enum store_fault (*backup)(struct store_link *l, const char *path,
                               struct store_why *why); // while it runs, consistent
    enum store_fault (*check)(struct store_link *l,
                              struct store_why *why); // the database's own: pages, indexes

    // The audit's own table: lines of its chain (core/audit/chain.h), each with its number; and back, from a number on: n (4) | bytes, each.
    enum store_fault (*audit_put)(struct store_link *l, uint64_t seq, str line,
                                  struct store_why *why); // between begin and commit
    enum store_fault (*audit_get)(struct store_link *l, uint64_t from, uint32_t most, struct buf *lines,
                                  struct store_why *why);
};

// --- for drivers

// The sum that is kept with something: keyed by where it belongs, so that it cannot stand for something else.
uint64_t store_sum(str room, uint64_t number, str bytes);
// Writes a sentence, where there is none yet; printf's format. What is in it of peers is escaped, and an URL's password left out.
void store_say(struct store_why *why, const char *format, ...) __attribute__((format(printf, 2, 3)));
// What a record is looked for by. False: it is no record.
bool store_record_make(uint64_t offset, str bytes, struct store_record *ret) WARN_UNUSED;
// The facts of a room as bytes, for a row of a table, and back; false: it is none.
void store_facts_put(struct buf *out, const struct store_room *r);
bool store_facts_take(str bytes, struct store_room *ret) WARN_UNUSED;

#endif
