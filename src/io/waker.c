// SPDX-License-Identifier: Apache-2.0
//
// The flag and the eventfd. The protocol stands in the header.
//
// A shard watches the eventfd edge-triggered beside its sockets and so never reads it: one system call per wake-up
// instead of two. A helper has nothing else to wait for and reads it.
//
// Rejected: a pipe instead of an eventfd (two files and it must be read), an explicit fence between push and flag (the
// exchange is one already on x86, and ThreadSanitizer does not understand fences), a condition variable (a shard could
// not wait for it and for sockets, and two protocols would be one too many).
#include "io/waker.h"

#include <poll.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum err waker_init(struct waker *w)
{
    atomic_init(&w->sleeping, 0);
    w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return w->fd < 0 ? ERR_LIMIT : OK;
}

void waker_deinit(struct waker *w)
{
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
}

bool waker_wake(struct waker *w)
{
    if (atomic_exchange_explicit(&w->sleeping, 0, memory_order_acq_rel) == 0)
        return false;
    const uint64_t one = 1;
    // EAGAIN would mean 2^64 - 2 wake-ups that nobody read; then the edge has been raised before.
    ssize_t n = write(w->fd, &one, sizeof one);
    (void)n;
    return true;
}

void waker_sleep(struct waker *w) { atomic_exchange_explicit(&w->sleeping, 1, memory_order_acq_rel); }

void waker_awake(struct waker *w) { atomic_store_explicit(&w->sleeping, 0, memory_order_relaxed); }

void waker_wait(struct waker *w)
{
    struct pollfd in = {.fd = w->fd, .events = POLLIN};
    poll(&in, 1, -1);
    uint64_t woken;
    // Interrupted: nothing to read, and a look too many does no harm.
    ssize_t n = read(w->fd, &woken, sizeof woken);
    (void)n;
}
