// SPDX-License-Identifier: Apache-2.0
//
// wait.h - between two turns: sleeping until an event, and not past anything.
//
// Called by loop.c, which knows how long there is nothing to do. What may come meanwhile is an event of the shard's epoll,
// a mail, or a request from another thread; whoever brings one of the last two wakes the shard (mailbox.h).
//
// Limits: EVENTS_MAX events at once; the rest come with the next look. Thread: the shard's.
#ifndef PLENUM_IO_WAIT_H
#define PLENUM_IO_WAIT_H

#include "io/io_metrics.h"
#include "io/mailbox.h"
#include <stdint.h>
#include <sys/epoll.h>

enum { EVENTS_MAX = 512 };
#define WAIT_FOREVER UINT64_MAX

struct waiter {
    int epoll_fd;
    uint32_t shard;
    struct mailbox *mailbox;
    const _Atomic uint32_t *requests; // not 0: somebody wants something
    struct io_metrics *metrics;
    struct epoll_event events[EVENTS_MAX];
};

// Waits for at most ns from now_ns on, 0 = only looks, WAIT_FOREVER; polls for the first spin_ns of them. The number of
// events that came, into `events`; there may be none.
uint32_t waiter_wait(struct waiter *w, uint64_t ns, uint64_t spin_ns, uint64_t now_ns);

#endif
