// SPDX-License-Identifier: Apache-2.0
//
// Sleeping, and how not to sleep past anything.
//
// epoll_pwait2 takes nanoseconds: with whole milliseconds every timer would be up to one late, which is as much as
// the smallest flush_interval_ms. Kernels before 5.11 and some sandboxes do not have it; then milliseconds it is,
// rounded up, because rounding down would spin through the last one.
//
// Spinning: a shard that is woken by eventfd answers 24 us later, one that polls its inboxes at once. It is only
// worth it while mail is moving between shards, and it burns a core that clients on the same machine may want, so
// it is off unless spin_us asks for it.
#include "io/wait.h"

#include "core/common/metrics.h"
#include "io/clock.h"
#include <errno.h>
#include <time.h>

enum {
    POLL_MS_MAX = 60000, // epoll_wait takes an int; waking once a minute costs nothing
};

static uint64_t min_u64(uint64_t a, uint64_t b) { return a < b ? a : b; }

static uint32_t poll_events(struct waiter *w, uint64_t ns)
{
    static _Atomic bool no_pwait2; // the same answer for every thread
    int n = -1;
    if (ns == 0 || ns == WAIT_FOREVER) {
        n = epoll_wait(w->epoll_fd, w->events, EVENTS_MAX, ns == 0 ? 0 : -1);
    } else if (!atomic_load_explicit(&no_pwait2, memory_order_relaxed)) {
        struct timespec timeout = {.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};
        n = epoll_pwait2(w->epoll_fd, w->events, EVENTS_MAX, &timeout, NULL);
        if (n < 0 && (errno == ENOSYS || errno == EPERM))
            atomic_store_explicit(&no_pwait2, true, memory_order_relaxed);
    } else {
        uint64_t ms = min_u64((ns + 999999u) / 1000000u, POLL_MS_MAX);
        n = epoll_wait(w->epoll_fd, w->events, EVENTS_MAX, (int)ms);
    }
    return n > 0 ? (uint32_t)n : 0; // interrupted, or the clock struck: a turn without events does no harm
}

static bool is_asked(struct waiter *w)
{
    return atomic_load_explicit(w->requests, memory_order_acquire) != 0 ||
           !mailbox_empty(w->mailbox, w->shard);
}

// Polls mailboxes and sockets for a moment. True when there is something to do, *ret_n events among it.
static bool spin(struct waiter *w, uint64_t end_ns, uint32_t *ret_n)
{
    do {
        *ret_n = poll_events(w, 0);
        if (is_asked(w)) {
            metric_add(&w->metrics->spins_won, 1);
            return true;
        }
        if (*ret_n > 0)
            return true;
    } while (clock_monotonic_ns() < end_ns);
    return false;
}

uint32_t waiter_wait(struct waiter *w, uint64_t ns, uint64_t spin_ns, uint64_t now_ns)
{
    if (ns == 0)
        return poll_events(w, 0);
    uint32_t n = 0;
    if (spin_ns > 0 && spin(w, now_ns + min_u64(spin_ns, ns), &n))
        return n;

    // From here on whoever has something for us wakes us; what came before is seen now.
    mailbox_sleep(w->mailbox, w->shard);
    n = poll_events(w, is_asked(w) ? 0 : ns);
    mailbox_awake(w->mailbox, w->shard);
    return n;
}
