// SPDX-License-Identifier: Apache-2.0
//
// apply.h - what a record does to a room: the only way in which what is made of records changes.
//
//      somebody says something --> proposal --> authority: its offset --> apply_record --> the room, as it is then
//
// What becomes of a proposal is decided when its record is applied, at its offset, by what was applied before it and by the
// record alone: its own times and its own rules, no clock and no setting of this process. So whoever applies the same records,
// on another node, after a restart, in a test, comes to the same room and the same verdicts. One that is refused then leaves a
// void record: it has its offset and does nothing.
//
// Who is in a room is not made of records. It passes, and is looked at before anything is proposed.
//
// Ownership: the room's parts. Thread: the home shard's.
#ifndef PLENUM_CORE_HOME_APPLY_H
#define PLENUM_CORE_HOME_APPLY_H

#include "core/common/gates.h"
#include "core/home/invitations.h"
#include "core/home/once.h"
#include "core/home/standing.h"
#include "core/home/state.h"
#include "core/log/place.h"

// What is made of a room's records: its log, what was said once (in `said`, as the group `keys`), how people stand in it, and what
// they share.
struct made {
    struct log *log;
    struct once *said;
    struct once_group *keys;
    str epoch;
    const struct siphash_key *hash_key; // fingerprints are of this process; what they tell apart is not
    struct standing **standing;
    struct mem *mem; // of the standing, the state and the invitations
    struct state **state;
    struct invitations **invitations;
    struct buf *
        result; // what a proposed change of the state comes to; used for the record at hand, and kept until the next
};

// Why a record is void.
enum denial {
    DENIED_NOT,
    DENIED_REPEATED, // said before
    DENIED_CLOSED,
    DENIED_BANNED,
    DENIED_MUTED,
    DENIED_SLOW,
    DENIED_READONLY,
    DENIED_RIGHT,   // its sender does not have `right`
    DENIED_RANK,    // it is about somebody who is not below its sender, or gives a role that is not
    DENIED_FULL,    // as many people as may be stand somehow already
    DENIED_FIRST,   // somebody has been given a role before
    DENIED_THERE,   // the room that it makes is there, as something has been said or decided in it
    DENIED_DELETED, // the message that it is about
    DENIED_CHANGED, // likewise: it has not the words any more that it was to have
    // Of an invitation that is made, or taken back
    DENIED_INVITE_RANK,   // it gives a role that is not below its maker's
    DENIED_INVITE_TWICE,  // there is one of that id
    DENIED_INVITATIONS,   // there are as many as may be
    DENIED_NO_INVITATION, // there is none of that id
    // Of who comes by one
    DENIED_ADMITTED,    // they need it no more: they have come in by it, or have a role that is not below
    DENIED_UNINVITED,   // there is none, or it has another secret,
    DENIED_INVITE_OVER, // its date is past,
    DENIED_INVITE_USED, // it was used as often as it may be
    // A change of the state: by its fault, in the order of enum state_fault
    DENIED_MOVED,
    DENIED_KEY_MOVED,
    DENIED_STATE_KEYS,
    DENIED_STATE_BYTES,
    DENIED_STATE_VALUE,
    DENIED_KEY_NAME,
    DENIED_KEY_TWICE,
    DENIED_KEYS_MANY,
    DENIED_MALFORMED,
    DENIED_MEMORY, // nobody knows: there was none to look at it
    // Before it is proposed, by what is in no record.
    DENIED_STRANGER,    // its sender is not in the room
    DENIED_NOBODY,      // it is about somebody who is not
    DENIED_NAMES,       // or about somebody whose name is not theirs alone
    DENIED_UNKEPT,      // there is no message that it could be about,
    DENIED_LATE,        // it is from too long ago,
    DENIED_REACTIONS,   // it has as many reactions as it may have
    DENIED_INVITE_PAST, // an invitation that would be over,
    DENIED_INVITE_LONG, // or would last longer than one may
    DENIED_RATE_MEMBER, // it says more in the room than one may
    DENIED_RATE_ROOM,   // all together do
    DENIED_STORE,       // it has to be kept before it is told, and cannot be
};

struct verdict {
    bool refused;
    uint64_t offset; // of the record that says it: where it is DENIED_REPEATED an earlier one
    enum denial why;
    enum right right;  // DENIED_RIGHT: the missing one
    uint64_t until_ms; // DENIED_CLOSED to DENIED_SLOW: steady; STANDING_FOR_EVER
    // The version that the state, or a key, has: accepted, DENIED_MOVED, DENIED_KEY_MOVED; of an invitation that is made when it is
    // over, wall ms; else the limit.
    uint64_t number;
};
_Static_assert(DENIED_MALFORMED - DENIED_MOVED == STATE_MALFORMED - STATE_MOVED,
               "there is one for each fault");

// What it passes (common/gates.h, judge.c). who: what its sender may do by the records so far, and by what it came with; gate_once
// does not ask that.
#define X(at, name, ...)                                                                              \
    struct verdict gate_##name(const struct made *m, const struct entry *e, const struct rights *who) \
        WARN_UNUSED;
GATES_RECORD(X)
#undef X
// It is about a message of its sender's.
static inline bool apply_own(const struct entry *e)
{
    return e->user.n != 0 && str_eq(e->user, e->change.author);
}
// When a record counts as said: no more than ONCE_LATE_MS before the newest.
uint64_t apply_said_ms(const struct made *m, const struct entry *e);
// What the record would come to, were it the next one; offset 0 where it would be accepted. Nothing changes.
struct verdict apply_judge(const struct made *m, const struct entry *e);
// Applies the record that has the offset head + 1. *e becomes what is in the log of it, void or not. `live`: where it is heard,
// as for place_entry. ERR_NOMEM: nothing has changed, *e included, which may be applied once more.
enum err apply_record(const struct made *m, uint64_t offset, struct entry *e, struct live *live,
                      const struct live_tools *tools, struct verdict *ret) WARN_UNUSED;
// Of a record whose doing is in an image already (image.h): it comes into the log, for those who ask for what was said. ERR_NOMEM.
enum err apply_kept(const struct made *m, uint64_t offset, struct entry *e,
                    const struct live_tools *tools) WARN_UNUSED;
// What became of the record at an offset that the log holds, which was proposed as e. Of a void one it is known only whether it
// repeated another; for other reasons whoever wants to know has to listen when it is applied.
struct verdict apply_recall(const struct made *m, uint64_t offset, const struct entry *e);

#endif
