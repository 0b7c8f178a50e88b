// SPDX-License-Identifier: Apache-2.0
//
// mailroom.h - a shard's outboxes, one for every port: the shards, itself included, and behind them helpers and engines.
//
//      edge, fan, home --- mail_post(dest) ---> [outbox] --- mail_pull(dest) ---> the driver carries it to that port
//                                               [own   ] --- mail_pull(here) ---> shard.c carries it out before anything
//                                                                                 else happens
//
// Mail to this very shard takes the same way as mail to others, so what is decided in one part of core reaches another
// only after the call that decided it has returned, in the order in which it was posted. Nobody has to look whether what
// it holds is still there because it has called somebody.
//
// Ports: 0..shard_count-1 are the shards; shard_count + k is what the driver runs beside them, k < PORTS_MAX - SHARDS_MAX.
// What that is, and whether it is there, the poster knows; mail to it is pulled and carried like any other.
//
// Credits: an ask may be posted only where its answer is provided for. A shard may have so many asks under way at a port, itself
// included: sent, on their way from home to home, kept there, or with an answer on its way back. The answer brings the credit
// back, from wherever it comes. So there are never more asks than credits, nor more answers than asks, in outboxes and
// mailboxes together, however slow a port is; and an answer that is no longer than its ask was (post.h) takes the place of it in
// the memory that was booked when the ask was made. Who finds no credit waits, and is told when there is one (`eased`).
// *Lasting* asks, which a home may keep for many turns, or which go on to other homes, have half of the credits at most: so
// they do not hold up the others.
// What is neither ask nor answer (advances, pace, departures, directs) is bounded by who posts it: no more of it is posted than
// there are rooms, connections or asks, and none that can wait where mail_is_long.
//
// Invariants (mailroom_check)
//   1. of each port: lasting <= asks <= credits, and lasting within its half
//   2. `n` counts what is in an outbox, which knows its last mail; under_way all asks
//   3. what is in an outbox is from this shard
//
// Limits: credits per port, settings.mail_credits or MAIL_CREDITS shared out. Ownership: what is in an outbox is the
// mailroom's. Thread: the shard's.
#ifndef PLENUM_CORE_MAIL_MAILROOM_H
#define PLENUM_CORE_MAIL_MAILROOM_H

#include "core/common/context.h"
#include "core/mail/mail.h"

enum {
    MAIL_CREDITS =
        32 * 1024, // of one shard, at all ports together: at about 1 KiB each with its answer, 32 MiB
    MAIL_CREDITS_MAX = 4096, // at one port
};

struct outbox {
    struct mail *head, *tail;
    uint32_t n;
    uint32_t asks;    // under way at that port, of which
    uint32_t lasting; // a home may keep so many
};

// What an ask holds and its answer brings back.
struct credit {
    uint16_t port; // + 1; 0 = none
    bool lasting;
};

struct mailroom {
    struct context *cx;
    uint32_t credits;   // per port
    uint32_t under_way; // asks, at all ports
    struct outbox boxes[PORTS_MAX];
    bool
        eased; // a port that had no credit left, or one, has one more; whoever lets those who wait go on takes it back
};

void mailroom_init(struct mailroom *mr, struct context *cx);
void mailroom_deinit(struct mailroom *mr); // with what was never carried
void mailroom_check(const struct mailroom *mr);
// Takes the mail.
void mail_post(struct mailroom *mr, uint32_t dest, struct mail *m);
// The next one for that port, NULL where there is none. It is the caller's then.
struct mail *mail_pull(struct mailroom *mr, uint32_t dest);
// A credit of that port, of which there must be one (mail_takes). It comes back once.
struct credit mail_credit_take(struct mailroom *mr, uint32_t dest, bool lasting);
void mail_credit_back(struct mailroom *mr, struct credit c); // none is fine

// So many ports there may be.
static inline uint32_t mail_ports(const struct mailroom *mr)
{
    return mr->cx->shard_count + PORTS_MAX - SHARDS_MAX;
}
static inline uint32_t mail_waiting(const struct mailroom *mr, uint32_t dest) { return mr->boxes[dest].n; }
// True if there is mail to this very shard.
static inline bool mail_is_here(const struct mailroom *mr) { return mr->boxes[mr->cx->index].head != NULL; }
// Half of the credits, one at least.
static inline uint32_t mail_lasting_max(const struct mailroom *mr) { return (mr->credits + 1) / 2; }
// False: who wants to ask that port for something has to wait.
static inline bool mail_takes(const struct mailroom *mr, uint32_t dest, bool lasting)
{
    const struct outbox *box = &mr->boxes[dest];
    return box->asks < mr->credits && (!lasting || box->lasting < mail_lasting_max(mr));
}
// More is in the outbox than its port has taken for a while: what can wait is not posted.
static inline bool mail_is_long(const struct mailroom *mr, uint32_t dest)
{
    return dest != mr->cx->index && mr->boxes[dest].n >= mr->credits;
}

#endif
