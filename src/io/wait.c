// SPDX-License-Identifier: Apache-2.0
//
// Between two turns: how long to sleep, and how not to sleep past anything.
//
// epoll_pwait2 takes nanoseconds: with whole milliseconds every timer would be up to one late, which is as much as
// the smallest flush_interval_ms. Kernels before 5.11 and some sandboxes do not have it; then milliseconds it is,
// rounded up, because rounding down would spin through the last one.
//
// Spinning: a shard that is woken by eventfd answers 24 us later, one that polls its inboxes at once. It is only
// worth it while mail is moving between shards, and it burns a core that clients on the same machine may want, so
// it is off unless spin_us asks for it.
#include "io/loop.h"

#include <errno.h>
#include <time.h>

enum {
    SPIN_RECENT_NS = 1000 * 1000, // mail within the last millisecond makes more mail likely
    POLL_MS_MAX = 60000,          // epoll_wait takes an int; waking once a minute costs nothing
};
#define NEVER UINT64_MAX

static uint64_t min_u64(uint64_t a, uint64_t b) { return a < b ? a : b; }

// Nanoseconds until something is due, 0 = now, NEVER = nothing is.
static uint64_t wait_ns(const struct loop *l)
{
    if (l->writes_left || l->ready_head != CONN_NONE)
        return 0;
    uint64_t due_ms = min_u64(shard_next_due_ms(l->shard), acceptor_next_due_ms(l));
    if (l->draining)
        due_ms = min_u64(due_ms, l->drain_due_ms);
    if (l->mail_left)
        due_ms = min_u64(due_ms, l->turn_end_ns / 1000000u + MAIL_RETRY_MS);
    if (due_ms >= NEVER / 1000000u)
        return NEVER;
    uint64_t due_ns = due_ms * 1000000u;
    return due_ns > l->turn_end_ns ? due_ns - l->turn_end_ns : 0;
}

static uint32_t poll_events(struct loop *l, uint64_t ns)
{
    static _Atomic bool no_pwait2; // the same answer for every thread
    int n = -1;
    if (ns == 0 || ns == NEVER) {
        n = epoll_wait(l->epoll_fd, l->events, EVENTS_MAX, ns == 0 ? 0 : -1);
    } else if (!atomic_load_explicit(&no_pwait2, memory_order_relaxed)) {
        struct timespec timeout = {.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};
        n = epoll_pwait2(l->epoll_fd, l->events, EVENTS_MAX, &timeout, NULL);
        if (n < 0 && (errno == ENOSYS || errno == EPERM))
            atomic_store_explicit(&no_pwait2, true, memory_order_relaxed);
    } else {
        uint64_t ms = min_u64((ns + 999999u) / 1000000u, POLL_MS_MAX);
        n = epoll_wait(l->epoll_fd, l->events, EVENTS_MAX, (int)ms);
    }
    return n > 0 ? (uint32_t)n : 0; // interrupted, or the clock struck: a turn without events does no harm
}

static bool is_asked(struct loop *l)
{
    return atomic_load_explicit(&l->requests, memory_order_acquire) != 0 ||
           !mailbox_empty(l->shared->mailbox, l->index);
}

// Polls mailboxes and sockets for a moment. True when there is something to do, *ret_n events among it.
static bool spin(struct loop *l, uint64_t spin_ns, uint32_t *ret_n)
{
    uint64_t end_ns = l->turn_end_ns + spin_ns;
    do {
        *ret_n = poll_events(l, 0);
        if (is_asked(l)) {
            metric_add(&l->io_metrics.spins_won, 1);
            return true;
        }
        if (*ret_n > 0)
            return true;
    } while (clock_monotonic_ns() < end_ns);
    return false;
}

uint32_t loop_wait(struct loop *l)
{
    uint64_t ns = wait_ns(l);
    if (ns == 0)
        return poll_events(l, 0);

    uint64_t spin_ns = (uint64_t)atomic_load_explicit(&l->shared->live.spin_us, memory_order_relaxed) * 1000u;
    uint32_t n = 0;
    if (spin_ns > 0 && l->turn_end_ns - l->mail_moved_ns < SPIN_RECENT_NS &&
        spin(l, min_u64(spin_ns, ns), &n))
        return n;

    // From here on whoever has something for us wakes us; what came before is seen now.
    mailbox_sleep(l->shared->mailbox, l->index);
    n = poll_events(l, is_asked(l) ? 0 : ns);
    mailbox_awake(l->shared->mailbox, l->index);
    return n;
}
