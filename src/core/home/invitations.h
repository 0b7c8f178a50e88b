// SPDX-License-Identifier: Apache-2.0
//
// invitations.h - the invitations to a room, by its records: which there are, how often each has been used, until when it may be.
//
//      INVITE ----> row {id, hash, role, uses, until}      by whom: who loses the right to it, loses what was made by it
//      ADMIT -----> used + 1, and its user's role in the room (standing.h), by one and the same record
//      UNINVITE --> no row
//
// All of it is made by apply.c of records, in their order, and is kept when those have gone from the log. What an invitation is
// good for is decided by the record that brings it, at its place: of two who bring the last use at once the first one has it,
// whichever node they came by. As with bans, what is over is over by the time of the record at hand.
//
// A row whose date is past, or which is used up, stays until another one needs its place, so that who comes late is told so.
//
// Most rooms have none, and no struct invitations.
//
// Invariants (invitations_check)
//   1. ids are those of invitations, each once
//   2. none was used more often than it may be
//   3. it exists only while there is one
//
// Ownership: the room's. Memory: from the shard's, within the budget. Limits: so many as the record says that makes one more
// (rooms.invitations_max), then it is refused. Thread: the home shard's.
#ifndef PLENUM_CORE_HOME_INVITATIONS_H
#define PLENUM_CORE_HOME_INVITATIONS_H

#include "base/mem.h"
#include "core/common/invitation.h"
#include "dialect/entry.h"

struct invited {
    char id[INVITATION_ID_LEN];
    uint8_t hash[INVITATION_HASH];
    uint64_t until_ms;   // steady, by its record; this moment not included
    uint64_t expires_ms; // the same moment as people are told it, wall
    uint32_t uses, used;
    uint8_t role;
    uint8_t by_n;
    char by[USER_ID_MAX];
};

struct invitations {
    uint32_t n, cap;
    struct invited *rows; // the oldest first
};

// When the invitation that a record makes is over, as people are told it; wall.
static inline uint64_t invitation_expires_ms(const struct entry *e) { return e->time_ms + e->decree.span_ms; }
static inline str invited_id(const struct invited *i) { return str_make(i->id, sizeof i->id); }
static inline str invited_by(const struct invited *i) { return str_make(i->by, i->by_n); }
// It may still be used.
static inline bool invited_open(const struct invited *i, uint64_t at_ms)
{
    return i->used < i->uses && i->until_ms > at_ms;
}

// NULL where there is none of that id. t may be NULL in all of these.
const struct invited *invitations_find(const struct invitations *t, str id);
// True if there is no place for one more: of those that there are, none is over.
bool invitations_full(const struct invitations *t, uint32_t max, uint64_t at_ms);

// Makes room: invitations_apply of this entry finds memory. ERR_NOMEM: nothing has changed that anybody could tell.
enum err invitations_secure(struct invitations **t, struct mem *m, const struct entry *e) WARN_UNUSED;
// A record takes effect, which was not refused.
void invitations_apply(struct invitations **t, struct mem *m, const struct entry *e, uint64_t at_ms);
// Of an image (image.h), the oldest first. ERR_NOMEM; ERR_LIMIT: there is one of that id, or as many as there may be.
enum err invitations_take(struct invitations **t, struct mem *m, const struct invited *row) WARN_UNUSED;
// What was secured came to nothing.
void invitations_fit(struct invitations **t, struct mem *m);
void invitations_free(struct invitations **t, struct mem *m);
void invitations_check(const struct invitations *t);

#endif
