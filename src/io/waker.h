// SPDX-License-Identifier: Apache-2.0
//
// waker.h - how a thread that sleeps is woken by those who have something for it: shards and helpers alike.
//
// Waking costs 6.6 us and 24 us of latency, a look at a ring 40 ns: an eventfd is written only when the receiver has
// said that it goes to sleep, and by the first sender only.
//
//   sender                                receiver
//     push                                  sleeping := 1   (exchange)
//     was := exchange(sleeping, 0)          nothing there, nothing asked?  no -> sleeping := 0, go on
//     was == 1 -> write(eventfd)            wait for the eventfd ... sleeping := 0
//
// No wake-up is lost: both exchanges are read-modify-writes of one word, so one comes first. Where the sender's is
// first, the receiver's exchange reads from it and its look at the rings then sees what was pushed; where the receiver's
// is first, the sender reads 1 and writes. Everything else that wants a thread's attention (drain, new settings, a
// free slot) stores its request first and wakes in the same way.
//
// Errors: ERR_LIMIT (no file left for an eventfd) from waker_init.
// Thread: waker_wake by any, and async-signal-safe; the rest by the receiver.
#ifndef PLENUM_IO_WAKER_H
#define PLENUM_IO_WAKER_H

#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

struct waker {
    _Atomic uint32_t sleeping;
    int fd;       // an eventfd; -1 = none
    char pad[56]; // each flag on its own cache line: senders write it
};

enum err waker_init(struct waker *w) WARN_UNUSED;
void waker_deinit(struct waker *w); // fd = -1 is fine

// Wakes the receiver if it sleeps; returns true if that took a system call.
bool waker_wake(struct waker *w);
// The receiver is about to sleep: from here on senders wake it. It must look at its rings and at all other requests
// once more after this, before it sleeps.
void waker_sleep(struct waker *w);
// It does not sleep, or no longer.
void waker_awake(struct waker *w);
// Sleeps until it is woken, where the eventfd is all that is waited for. After waker_sleep; waker_awake follows.
void waker_wait(struct waker *w);

#endif
