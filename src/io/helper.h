// SPDX-License-Identifier: Apache-2.0
//
// helper.h - a thread for work that blocks: writing a log to a slow disk today; files, SQL, DNS and signatures are its like.
//
// To those who use it a helper is a port with mailboxes, like a shard: one ring (base/ring.h) per direction and *lane*, a
// lane being a thread that hands jobs over, and a waker (io/waker.h) that is touched only when somebody sleeps.
//
//      lane 0 (shard 0)   -- jobs ----->  +--------+   one at a time:
//                         <-- answers --  | helper |      work(job) -> answer or NULL
//      lane 1 (shard 1)   -- jobs ----->  | thread |
//                         <-- answers --  +--------+
//
// A job is a mail (core/mail/mail.h), and so is its answer: what core would hand to another shard it can hand to a helper, and
// hear of in shard_on_mail, as an event of a turn like any other. Core names the ports behind the shards: mail for port
// shard_count + k is a job for helper k. A driver carries both in its loops over ports, here as in the simulator. A job is
// matched to its answer by what is in them (struct ask, struct answer), never by the order of answers: jobs of one lane
// are done in the order in which they came by one helper, and in any order by two.
//
// Credits: a lane may have as many jobs under way as its kind says. helper_room tells how many more before anything is
// handed over, so nobody spins and nothing is refused half-way. A credit comes back with the answer (a kind that answers,
// answers every job), else when the job is taken up; so there is always room for an answer, and a helper waits for nobody.
//
// A kind that answers may keep a job for later: its work gives no answer then, and the job holds its credit until helper_answer
// brings one. What it waits for calls the helper (helper_call), whose `called` then looks. Who stops a helper takes out what it
// keeps, and answers it.
//
// Invariants
//   1. A job that was pushed is worked on exactly once, also when the helper is stopped.
//   2. Where the kind answers: jobs under way (queued, at work, answer queued) <= credits, per lane.
//   3. Jobs of one lane begin in order. With `before`, jobs of all lanes do: none begins before one that precedes it and
//      was pushed earlier, as far as threads can tell.
//
// Ownership: a pushed job is the helper's, and then `work`'s; a pulled answer is the puller's. `ctx` outlives the helper.
// Limits: kind.credits (a power of two); memory: two pointers per credit and lane, booked with `mem`.
// Errors: ERR_NOMEM, ERR_LIMIT (no eventfd, no thread).
// Thread: helper_room, helper_push and helper_pull of one lane by one thread; work, idle and answered are called by the
// helper's; the rest by the thread that made it.
#ifndef PLENUM_IO_HELPER_H
#define PLENUM_IO_HELPER_H

#include "base/err.h"
#include "base/mem.h"
#include "core/mail/mail.h"

#include <stdbool.h>

// What is particular to one kind of helper: a row.
struct helper_kind {
    const char *name; // of its thread, 15 bytes at most
    bool yields;      // where cores are short: shards come first
    uint32_t credits; // of each lane
    // Does the job, and may block. Owns it. Where the kind answers: the answer, which may be the same block, or NULL for a job that
    // it keeps; else NULL.
    struct mail *(*work)(void *ctx, uint32_t lane, struct mail *job);
    bool answers;
    // An answer waits for that lane: wakes it. NULL where there are no answers.
    void (*answered)(void *ctx, uint32_t lane);
    // Which of two jobs of different lanes is first; NULL: lanes take turns.
    bool (*before)(const struct mail *a, const struct mail *b);
    // No job is left; the helper is about to sleep. May be NULL.
    void (*idle)(void *ctx);
    // helper_call was called, once or more, since the last time: before the next job, at the latest. May be NULL.
    void (*called)(void *ctx);
};

struct helper;

enum err helper_create(const struct helper_kind *kind, void *ctx, uint32_t lanes, struct mem *mem,
                       struct helper **ret) WARN_UNUSED;
enum err helper_start(struct helper *h) WARN_UNUSED;
// Ends the thread when everything that was pushed is done; from here on nothing is pushed. False: it is not done within
// patience_ms (`work` hangs), the thread goes on, and the helper must stay as it is. Not started is fine.
bool helper_stop(struct helper *h, uint32_t patience_ms) WARN_UNUSED;
// After a helper_stop that was true, and when all answers have been pulled. NULL is fine.
void helper_destroy(struct helper *h);

// So many more jobs will certainly be taken from that lane.
uint32_t helper_room(struct helper *h, uint32_t lane);
// Jobs that wait, of all lanes, those left out that it keeps. By any thread; of a moment ago.
uint32_t helper_waiting(const struct helper *h);
// Asserts that there is room.
void helper_push(struct helper *h, uint32_t lane, struct mail *job);
// Has `called` called soon, by the helper's thread. Any thread.
void helper_call(struct helper *h);
// The answer of a job of that lane that was kept. By `work`, `idle` or `called`, or by who has stopped the helper.
void helper_answer(struct helper *h, uint32_t lane, struct mail *answer);
// The next answer for that lane, or NULL.
struct mail *helper_pull(struct helper *h, uint32_t lane);

#endif
