// SPDX-License-Identifier: Apache-2.0
//
// engine.h - the words between a room's home and an engine, which orders the records of a room for many nodes. To core an
// engine is a port behind the shards, reached by mail; who carries it there (to Redis, to NATS, to the simulator's) knows no
// more than this page.
//
//      home                                            engine
//        WATCH ----------------------------------------->  tell me of this room from now on
//        <-------------------------------- HERE            its epoch and term, and which records there are: first..last
//        FETCH first..last ----------------------------->
//        <-------------------------------- RECORDS         from `first` on, as many as fit; and unasked, as they are placed; or
//        <-------------------------------- HERE            they are not kept any more: the oldest is `first`
//        PROPOSE seq, index, after --------------------->  records; `after` is the newest one that the home has applied
//        <-------------------------------- PLACED seq      from `index` on, at first..last; or
//        <-------------------------------- LATE seq        not at all: there are records up to `last`, to be applied before; or
//        <-------------------------------- AWAY            the engine cannot be reached (of any of these)
//        POSITION -------------------------------------->
//        <-------------------------------- POSITION        the newest record is `last`
//        RESTORE first, last --------------------------->  records that an engine has lost, in runs (below)
//        <-------------------------------- HERE            what there is now; of what this home has, all up to `after`
//        UNWATCH --------------------------------------->
//
// *An engine that may have lost records* (a failover to a replica that was behind) begins a new *term*, and says so by HERE: to all
// who watch, unasked, until they have answered, and to whoever says anything of an older term. Up to `kept` nothing was
// lost. Until each home that watched has said RESTORE the room is `open`: nothing is proposed to it, and nothing placed.
//
//      before    1 .. 38 39 40 41 42        what homes have applied, and their people have seen
//      after     1 .. 38 |                  kept: 38
//      RESTORE           |39 40 41|         from one home, which has no more; the offsets are the same as before
//      RESTORE           |39 40 41 42|      from another: 39 to 41 are there already, and are the same; 42 is new
//
// A record that is given back is accepted where nothing else has its place. It is the same record, too, where it differs only by
// data that a home has erased since, and another one not yet (log/record.h). Where something else has its place, or where a home has
// seen records that nobody can give back, as they are not in anybody's memory any more, or where a home that watched does not
// come back, the *epoch changes*: the engine's records go on under a new one, in a new term, and what nobody has is lost. Homes
// begin anew with what HERE says, and tell their people (log/place.h).
//
// Mail may be lost both ways, be late, and overtake; RECORDS that nobody asked for come at most once. So a home says again what
// is not answered, and asks for the position every few seconds, so that a lost tail is found. What an engine owes it:
//   1. offsets of an epoch rise by one, and a record that has one keeps it, with its bytes, its proposer, its seq and its index
//   2. a home's proposals have rising numbers. One that has the number of the last is answered as that was, and
//      places nothing but what a failover took: those of its records that are there have their places, by their index. One with a
//      lower number is not answered
//   3. a record is kept, and all behind it, for as long as what comes is judged by it, as a home that begins has nothing else: for as
//      long as its key may be said again; a decree (a lock is one, an invitation and its uses, and what made the room) for as long as
//      it says something, a close for as long as anything behind it is kept; what is about a message while it is one of the
//      WORD_JUDGED newest (log/words.h); a change of the state for ever, as versions count them, and no close ends that; and the one
//      that is said later than all others. What is older may go: a message, or what became of it, that a home has never seen is not
//      in its history. Whoever wants to let changes of a state go has to carry the state itself (a snapshot, as of an offset) in
//      HERE, and there is no such word yet
//   4. who watches is known over a failover, and what a failover loses is younger than COURSE_KEEP_MS (home/course.h), which a home
//      keeps a room for after its newest record. An engine that cannot promise that changes the epoch
//
// Ownership: as all mail (post.h). Thread: any; values only.
#ifndef PLENUM_CORE_MAIL_ENGINE_H
#define PLENUM_CORE_MAIL_ENGINE_H

#include "core/mail/post.h"

enum engine_word {
    ENGINE_WATCH,
    ENGINE_UNWATCH,
    ENGINE_FETCH,
    ENGINE_PROPOSE,
    ENGINE_RESTORE,
    ENGINE_POSITION, // both ways
    ENGINE_HERE,
    ENGINE_RECORDS,
    ENGINE_PLACED,
    ENGINE_LATE,
    ENGINE_AWAY,
};

struct engine_mail {
    struct mail mail;
    enum engine_word word;
    uint32_t shard;    // the home's
    struct ref room;   // at its home
    uint64_t proposer; // the home
    uint64_t seq;      // PROPOSE, PLACED, LATE: of the batch; POSITION: of the question
    uint64_t after;    // PROPOSE; HERE
    uint64_t first, last;
    uint64_t kept;         // HERE: the newest one that was there when the term began
    uint64_t term;         // all but WATCH, AWAY
    uint32_t index;        // PROPOSE, PLACED: of the first record in its batch; 0 but after a failover
    bool open;             // HERE
    char epoch[EPOCH_LEN]; // HERE, RESTORE
    str name;              // of the room
    str records; // PROPOSE: | n (4) | record | ...; RECORDS, RESTORE: the same, in runs (struct engine_run)
    char tail[];
};

// A run of records of one batch, in RECORDS and RESTORE: | proposer (8) | seq (8) | index (4) | count (4) | count records |, numbers as the
// machine has them. `index` is that of the first one in its batch.
struct engine_run {
    uint64_t proposer, seq;
    uint32_t index, count;
};

static inline uint32_t port_engine(const struct context *cx) { return cx->shard_count; }

void engine_put_record(struct buf *out, str record);
void engine_put_run(struct buf *out, const struct engine_run *run);
// Takes the next one off; false where it is cut.
bool engine_take_record(str *from, str *ret) WARN_UNUSED;
bool engine_take_run(str *from, struct engine_run *ret) WARN_UNUSED;

// Copies a mail and what it borrows, to a port or a shard. False when memory is out.
bool post_engine(struct mailroom *mr, uint32_t dest, const struct engine_mail *m) WARN_UNUSED;
// The same block, for who has no mailroom: an engine's answer to the home that m is from.
struct engine_mail *engine_mail_make(struct mem *mem, const struct engine_mail *m) WARN_UNUSED;

#endif
