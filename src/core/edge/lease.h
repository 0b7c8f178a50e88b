// SPDX-License-Identifier: Apache-2.0
//
// lease.h - what somebody may order who has connections on many shards: a user, an address.
//
//      a command --> the lease of this shard: some tokens --none left--> the home of the print: the bucket
//                          ^                                                   |
//                          '--- so many, or none before retry_ms --------------'
//
// The bucket is at one place for the whole server, the home of the print (home/home_lease.c), which hands out a tenth of a
// second's worth at a time; so a command costs no mail, and what all shards together let pass is never more than the bucket has
// given. Who has none left waits for the answer, as a command waits for a credit; who is told that there are none is refused until
// then without anybody being asked. What a shard has not used for a second goes back.
//
// What lies on the shards is no one else's meanwhile: a home hands out no more at once than a part of what is there (LEASE_PART), so
// who keeps within the rate and half of its burst is never refused.
//
// Where no such rate is set there are no leases, and nothing is asked. Rejected: a share of the rate for each shard (SO_REUSEPORT
// puts all connections of one address where it likes, so most would get less than they may); a table with a lock for all shards;
// to tell the home afterwards what was used (many shards can use it up at once before it says stop).
//
// Ownership: the edge's; memory within the shard's budget. Limits: as many as users and addresses have ordered something in the
// last second. Thread: the shard's.
#ifndef PLENUM_CORE_EDGE_LEASE_H
#define PLENUM_CORE_EDGE_LEASE_H

#include "core/common/bucket.h"
#include "core/common/list.h"
#include "core/common/prints.h"
#include "core/mail/lease.h"

enum { LEASE_LOOK_MS = 1000 };

struct lease {
    uint64_t print;
    struct rate rate;
    int32_t tokens;    // in thousandths; below 0: owed
    uint32_t used_ms;  // low bits of when something was ordered by it
    uint32_t until_ms; // refused: low bits of when there may be some again
    bool asked;        // its home has yet to answer
    bool refused;
    bool memory; // for want of it, at its home
};

struct leases {
    struct prints rows;
    struct index_queue
        waiters;   // connections whose command waits for an answer; made when the first one does,
    bool answered; // which has come
};

enum lease_verdict { LEASE_TAKEN, LEASE_ASKED, LEASE_REFUSED, LEASE_NOMEM };

struct edge;

void leases_init(struct edge *e);
void leases_deinit(struct edge *e);
// Takes so many whole tokens, where there is one (the rest is owed). *ret_retry_ms: where it is refused.
// LEASE_ASKED: not now; the connection is woken when there is an answer.
enum lease_verdict lease_take(struct edge *e, uint32_t conn, uint64_t print, const struct rate *rate,
                              uint32_t tokens, uint32_t *ret_retry_ms);
// Something has turned out to cost so many more.
void lease_owe(struct edge *e, uint64_t print, uint32_t tokens);
void edge_leased(struct edge *e, const struct lease_mail *m);
// Those who wait are woken, if there was an answer; what is not used goes back, if it is time.
void leases_turn(struct edge *e);
uint64_t leases_due_ms(const struct edge *e);
// The connection's slot is freed.
void leases_forget(struct edge *e, uint32_t conn);
void leases_check(const struct edge *e);

#endif
