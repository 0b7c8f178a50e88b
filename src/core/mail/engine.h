// SPDX-License-Identifier: Apache-2.0
//
// engine.h - the words between a room's home and an engine, which orders the records of a room for many nodes. To core an
// engine is a port behind the shards, reached by mail; who carries it there (to Redis, to NATS, to the simulator's) knows no
// more than this page.
//
//      home                                            engine
//        WATCH ----------------------------------------->  tell me of this room from now on
//        <-------------------------------- HERE            its epoch, and which records there are: first..last
//        FETCH first..last ----------------------------->
//        <-------------------------------- RECORDS         from `first` on, as many as fit; and unasked, as they are placed
//        PROPOSE seq, after ---------------------------->  records; `after` is the newest one that the home has applied
//        <-------------------------------- PLACED seq      at first..last; or
//        <-------------------------------- LATE seq        not at all: there are records up to `last`, to be applied before; or
//        <-------------------------------- AWAY            the engine cannot be reached (of any of these)
//        POSITION -------------------------------------->
//        <-------------------------------- POSITION        the newest record is `last`
//        UNWATCH --------------------------------------->
//
// Mail may be lost both ways, be late, and overtake; RECORDS that nobody asked for come at most once. So a home says again what
// is not answered, and asks for the position every few seconds, so that a lost tail is found. What an engine owes it:
//   1. offsets of a room rise by one, and a record that has one keeps it, with its bytes, its proposer and its seq
//   2. a home's proposals have rising numbers. One that has the number of the last is answered as that was, and
//      places nothing; one with a lower number is not answered
//   3. records are kept at least for as long as a home that watches may be behind, and keys may be said again
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
    uint64_t after;    // PROPOSE
    uint64_t first, last;
    char epoch[EPOCH_LEN]; // HERE
    str name;              // of the room
    str records;           // PROPOSE: | n (4) | record | ...; RECORDS: the same, in runs (struct engine_run)
    char tail[];
};

// A run of records of one batch, in RECORDS: | proposer (8) | seq (8) | index (4) | count (4) | count records |, numbers as the
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
