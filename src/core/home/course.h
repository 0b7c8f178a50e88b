// SPDX-License-Identifier: Apache-2.0
//
// course.h - a room in which what is said has to wait: for an engine that orders it (core/mail/engine.h), or for readers of the
// log that must have it before it is committed (log/log.h).
//
//      asks, oldest first    [published, its offset is known][batch: proposed, seq][not yet proposed][a leave][...]
//
//   life:  made -> WATCH -> HERE -> FETCH until all is applied that there was -> `here`: joins that waited go on
//          one batch at a time is under way, made when all is applied that the engine is known to have
//   a term:   HERE of a newer one, the same epoch -> RESTORE until all is there that people have seen -> on as before
//   an epoch: HERE of a newer one -> people are told (a cut) -> `renewing`: FETCH until all is applied that there was
//          -> `here` again. Nobody hears of what is applied meanwhile: it was before the cut
//
// An ask that says something waits until its record is applied and told; so does what its asker asks about the room behind
// it, so replies about a room keep the order of its commands.
//
// Invariants (course_check)
//   1. each list is as long as it says, and `last` is the last of it; joins are in `joins`, all else in `asks`
//   2. `batch_n` of those to be said have no offset and are under way, the first of them as `batch_at` of its batch; 0: no batch is
//   3. nothing that was told to the room waits: an offset of an ask is above what people have seen; but while it is renewing
//   4. while it is not `here`, and not renewing, only joins and what a backend says wait, and nobody is in the room; when it is, a join waits only if its
//      asker has seen more of the room, by another node, than has been applied here: until it is known how much there is
//   5. origins end at the newest record
//
// Ownership: the room's. Limits: COURSE_ASKS_MAX asks, then they are refused; COURSE_BATCH_* for one proposal. Thread: the home
// shard's.
#ifndef PLENUM_CORE_HOME_COURSE_H
#define PLENUM_CORE_HOME_COURSE_H

#include "core/home/origins.h"

enum {
    COURSE_ASKS_MAX = 4096,
    COURSE_BATCH_MAX = 256,          // records in one proposal,
    COURSE_BATCH_BYTES = 256 * 1024, // and bytes, unless a single one is larger
    COURSE_AGAIN_MS = 1000,          // what is not answered is said again
    COURSE_MISSING_MS = 20,          // a hole may close by itself
    COURSE_POSITION_MS = 3000,       // while somebody is in the room
    COURSE_KEEP_MS = 10000, // so long after its newest record the room is kept: it may have to be given back
};

struct course_list {
    struct mail *first, *last;
    uint32_t n;
};

struct course {
    struct course_list asks, joins;
    uint32_t batch_n, batch_at;
    uint64_t seq;                            // of the last batch
    uint64_t known;                          // newest offset that the engine is known to have
    uint64_t position_asked, position_heard; // numbers of the last POSITION that was asked for, and answered
    bool alone;   // the home is the authority: of all this there are only asks that wait for a commit
    bool watched; // HERE has come
    bool here;
    bool open;          // the engine waits for what homes give back
    bool renewing;      // the epoch has changed, and not all is applied that there was in the new one
    uint64_t term;      // of the engine, with
    uint64_t kept;      // what was there when it began,
    uint64_t give_to;   // what was here then,
    uint64_t seen_to;   // what people had been told of,
    uint64_t given;     // and how much is known to be there again
    uint64_t unheard;   // records up to there came behind a cut: nobody has heard them
    uint64_t newest_ms; // when the newest record was applied
    struct origins origins;
    // When to say it, or to say it again; UINT64_MAX = not at all.
    uint64_t watch_ms, fetch_ms, propose_ms, position_ms, give_ms;
};

struct home;
struct room;
struct verdict;

static inline struct ask *course_ask(struct mail *m) { return (struct ask *)(void *)m; }
// It says something: what it says becomes a record.
static inline bool course_proposal(const struct ask *a)
{
    return (a->type == ASK_PUBLISH || a->type == ASK_ADMIT) && !a->denied;
}

// ERR_NOMEM. What waits goes with it, unanswered.
enum err course_make(struct home *h, struct room *r) WARN_UNUSED;
void course_free(struct home *h, struct room *r);
void course_keep(struct course *c, struct ask *a);
void course_push(struct course_list *l, struct ask *a); // behind the others
struct ask *course_pop(struct course_list *l);          // the oldest; NULL: there is none
// It cannot be said, and why; NULL: as many wait as may. Its asker is told, behind what it is due. *a is NULL afterwards
// where that is later.
void course_deny(struct home *h, struct ask **a, uint32_t room, const struct verdict *v);
// It does what has been done before it is proposed: an earlier record says so.
void course_repeats(struct home *h, struct ask **a, uint32_t room, const struct verdict *v);
// One that is kept is refused: its asker is told in its turn.
void course_refuse(struct ask *a, const struct verdict *v);
// The record at that offset has been applied: what became of it is kept for who proposed it, as the log may let it go before he is
// told.
void course_judged(struct course *c, uint64_t offset, const struct verdict *v);
// An ask that is nobody's any more.
void course_carry_out(struct home *h, struct ask *a);
// Those in front whose turn it is: what has been told to the room, and what waited behind it.
void course_answer(struct home *h, uint32_t room);
// The same of those that have an offset of an epoch that is over; and the others have none. Those that repeat what was said in it
// are to be said again by who said them.
void course_end_epoch(struct home *h, uint32_t room);
bool course_busy(const struct room *r);
bool course_has(const struct course *c, struct conn_ref conn);
// The next n of the batch under way have got offsets, `first` and those behind.
void course_placed(struct course *c, uint64_t first, uint32_t n);
// Those of the batch that have offsets above the head have none.
void course_unplace(struct course *c, uint64_t head);
void course_check(const struct room *r);

#endif
