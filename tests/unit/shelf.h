// SPDX-License-Identifier: Apache-2.0
//
// shelf.h - a store in memory (io/store_driver.h), as plain as can be: what a driver owes, for tests of who uses one, which can look
// into it, and break what is in it.
#ifndef PLENUM_UNIT_SHELF_H
#define PLENUM_UNIT_SHELF_H

#include "io/store_driver.h"

enum { SHELF_ROOMS = 16, SHELF_RECORDS = 4096, SHELF_AUDIT = 16 };

struct shelf_bytes {
    char *p; // malloc's
    size_t n;
};

struct shelf_room {
    char name[ROOM_NAME_MAX];
    size_t name_n;
    struct store_room facts;
    struct shelf_bytes image;
    struct shelf_bytes records[SHELF_RECORDS + 1]; // by offset
    bool ended;
    uint32_t run; // that put it last
};

struct shelf {
    struct shelf_room *rooms[SHELF_ROOMS]; // in order of their names
    uint32_t n;
    struct shelf_bytes hash_key, audit[SHELF_AUDIT];
    uint64_t steady_ms;
    struct shelf *before; // what a rollback brings back
    bool open, read_only, ended_well;
    uint32_t run, bad_run; // the newest, and the newest of those that ended badly
    uint32_t puts_left;    // 0: no limit; so many, and then it is full
    enum store_fault opens, checks;
    const char *forgot; // whom it was asked to forget last
    enum store_forget how;
    uint32_t compacted;
};

// Its config's notice_ctx is the shelf.
extern const struct store_driver shelf_driver;

void shelf_empty(struct shelf *s);
struct shelf_room *shelf_room(struct shelf *s, str name); // NULL: none
void shelf_set(struct shelf_bytes *b, str bytes);
static inline str shelf_str(const struct shelf_bytes *b) { return str_make(b->p, b->n); }

#endif
