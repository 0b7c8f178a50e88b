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
// Invariants (mailroom_check)
//   1. an outbox counts what is in it, and knows its last mail
//   2. what is in it is from this shard
//
// Limits: none here. Above MAIL_BACKLOG_PAUSE for another shard, connections with commands for it are not read.
// Ownership: what is in an outbox is the mailroom's. Thread: the shard's.
#ifndef PLENUM_CORE_MAIL_MAILROOM_H
#define PLENUM_CORE_MAIL_MAILROOM_H

#include "core/common/context.h"
#include "core/mail/mail.h"

enum { MAIL_BACKLOG_PAUSE = 4096 }; // mails waiting for one shard before connections wait too

struct outbox {
    struct mail *head, *tail;
    uint32_t n;
};

struct mailroom {
    struct context *cx;
    struct outbox boxes[PORTS_MAX];
    bool eased; // an outbox that was too full for connections has room; whoever lets them go on takes it back
};

void mailroom_init(struct mailroom *mr, struct context *cx);
void mailroom_deinit(struct mailroom *mr); // with what was never carried
// Takes the mail.
void mail_post(struct mailroom *mr, uint32_t dest, struct mail *m);
// The next one for that port, NULL where there is none. It is the caller's then.
struct mail *mail_pull(struct mailroom *mr, uint32_t dest);
void mailroom_check(const struct mailroom *mr); // O(mails)

// So many ports there may be.
static inline uint32_t mail_ports(const struct mailroom *mr)
{
    return mr->cx->shard_count + PORTS_MAX - SHARDS_MAX;
}
static inline uint32_t mail_waiting(const struct mailroom *mr, uint32_t dest) { return mr->boxes[dest].n; }
// True if there is mail to this very shard.
static inline bool mail_is_here(const struct mailroom *mr) { return mr->boxes[mr->cx->index].head != NULL; }
// False: who wants more of that shard has to wait.
static inline bool mail_takes(const struct mailroom *mr, uint32_t dest)
{
    return dest == mr->cx->index || mr->boxes[dest].n <= MAIL_BACKLOG_PAUSE;
}

#endif
