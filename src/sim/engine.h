// SPDX-License-Identifier: Apache-2.0
//
// engine.h - the inside of the simulator's engine: engine.c says what it does while nothing goes wrong with it, engine_fail.c what
// comes of a failover. All others see it through world.h.
//
//      v         1 .. 20 | 21 .. 38 39 40        begins: the oldest of this epoch; first: the oldest that it has not let go
//                  first ^         ^ kept        kept: the newest that was there when the term began; n: the newest
//
// Ownership: the world's arena. Thread: one.
#ifndef PLENUM_SIM_ENGINE_H
#define PLENUM_SIM_ENGINE_H

#include "sim/world.h"

struct placed {
    str bytes;
    uint64_t proposer, seq;
    uint32_t index; // in its batch
    uint64_t placed_ms;
};

struct watcher {
    uint32_t node;
    struct ref room; // at that node
    uint64_t told;   // of records up to there
    // In this term.
    bool spoke;          // it has said what it has
    uint64_t has, given; // its people have seen so much; so much of what it has is here
};

// What became of a home's last proposal.
struct proposer {
    uint64_t id, seq;
    bool late;
};

// What there was at the end of a term, for who is to be held to it still.
struct past {
    struct placed *v;
    uint32_t n;
    uint64_t begins;
    uint32_t epochs;
    char epoch[EPOCH_LEN];
};

struct engine_room {
    char name[ROOM_NAME_MAX];
    size_t name_n;
    char epoch[EPOCH_LEN];
    struct placed *v; // v[o - 1] has offset o
    uint32_t n, cap;
    uint64_t begins, first, kept, term;
    uint32_t epochs;   // that are over
    struct past *past; // of each term that is over
    uint32_t past_n, past_cap;
    bool open, taken;            // it waits for homes; something has got a place in this term
    uint64_t open_ms, remind_ms; // until when; when those who have not spoken are told again
    struct watcher *watchers;
    uint32_t watchers_n, watchers_cap;
    struct proposer *proposers;
    uint32_t proposers_n, proposers_cap;
};

// --- engine.c
void engine_epoch_make(struct world *w, struct engine_room *r);
void engine_answer(struct world *w, const struct engine_room *r, uint32_t node, const struct engine_mail *m);
void engine_append(struct world *w, struct engine_room *r, const struct placed *p);
struct watcher *engine_watcher(const struct engine_room *r, uint32_t node, struct ref room); // NULL: none

// --- engine_fail.c
void engine_fail(struct world *w); // by dice
void engine_here(struct world *w, const struct engine_room *r, uint32_t node, struct ref room);
void engine_on_restore(struct world *w, struct engine_room *r, uint32_t node, const struct engine_mail *m);
void engine_settle(struct world *w, struct engine_room *r); // an open room is closed, if its time has come

#endif
