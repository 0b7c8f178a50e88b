// SPDX-License-Identifier: Apache-2.0
//
// loading.h - rooms that are not here, and may be in the store: who wants to come in waits until that is known.
//
//      join --> no such room --> LOAD --> NONE: the ask goes on, and makes one, if it may
//                                    '--> ROOM: image, records, some in each turn --> the asks go on: it is there
//                                    '--> AWAY, BROKEN: the asks are refused
//
// A room that is loaded is made by nobody: it is charged to nobody, and takes no right to make one. Members are not in the store: nobody is there
// at first.
//
// Of a process that has ended without a word the newest that people have seen may not have been kept. So a room that may have lost some goes on in
// another epoch, which remembers how far the ones before it were kept (struct lineage): who comes back to these has missed nothing,
// and who has seen more is told so. Of `disk` nothing is seen that is not kept: its epoch goes on.
//
// Only joins and what a backend asks wait: everybody else is in no room that is not here.
//
// Invariants (loading_check): each is found by its name and has an ask; a room that is being loaded has one.
// Limits: LOADS_MAX names, then asks are refused; LOADING_RECORDS and LOADING_BYTES applied in a turn. Thread: the home shard's.
#ifndef PLENUM_CORE_HOME_LOADING_H
#define PLENUM_CORE_HOME_LOADING_H

#include "base/map.h"
#include "base/slab.h"
#include "core/home/course.h"
#include "core/mail/store.h"

enum { LOADS_MAX = 64 * 1024, LOADING_RECORDS = 1000, LOADING_BYTES = 1 << 20 };

enum loading_state {
    LOADING_GOING, // the room is here still, and about to go: then it is asked for
    LOADING_ASKED, // a question is under way
    LOADING_APPLYING,
};

struct loading {
    uint64_t hash;
    char name[ROOM_NAME_MAX];
    uint8_t name_n;
    enum loading_state state;
    struct course_list asks;
    uint64_t seq;
    uint32_t room;       // APPLYING, and ASKED for more of it; else MAP_NONE
    uint64_t next, head; // records to be applied
    struct store_room facts;
    struct store_mail *piece; // APPLYING: what `left` borrows from
    str left;
    uint32_t newer, older; // in the list of those that are applied
};

struct loads {
    struct slab all;
    struct map by_name;
    uint64_t seq;
    uint64_t gone;     // rooms that have gone to the store from here: what was not in it before may be now
    uint32_t applying; // first of the list
};

struct home;

void loads_init(struct home *h);
void loads_deinit(struct home *h);
// True, and *a is NULL or answered: what it asks about has to come from the store first.
bool loading_holds(struct home *h, struct ask **a) WARN_UNUSED;
// A room has gone from here.
void loading_room_gone(struct home *h, str name, uint64_t hash);
void loading_turn(struct home *h);
bool loading_due(const struct home *h); // there is a turn at once
void loading_check(const struct home *h);

// --- between the two files of it
struct loading *loading_at(const struct home *h, uint32_t index);
static inline str loading_name(const struct loading *e) { return str_make(e->name, e->name_n); }
// It is among those that are applied; what it was applied from is no more.
void loading_applying(struct home *h, uint32_t index);
void loading_piece_drop(struct home *h, struct loading *e);
// The next of its records are asked for.
void loading_more(struct home *h, uint32_t index);
// The end of it: the room is here, and whoever has waited goes on; or is refused, and what there is of the room goes.
void loading_done(struct home *h, uint32_t index);
void loading_refuse_memory(struct home *h, uint32_t index);
void loading_refuse_full(struct home *h, uint32_t index);
void loading_refuse_broken(struct home *h, uint32_t index, const char *what);
// ROOM and RECORDS, which are taken (loading_room.c); some records are applied: how many.
void loading_room_comes(struct home *h, uint32_t index, struct store_mail *m);
void loading_records_come(struct home *h, uint32_t index, struct store_mail *m);
uint32_t loading_apply_some(struct home *h, uint32_t index, uint32_t records, size_t bytes);

#endif
