// SPDX-License-Identifier: Apache-2.0
//
// mailbox.h - how mail travels between shards, and how a sleeping shard is woken.
//
// One ring (base/ring.h) per ordered pair of shards, so each has one producer and one consumer and needs no lock:
//
//            to 0    to 1    to 2
//   from 0    -      ring    ring          box of shard 1 = column 1, plus {sleeping, eventfd}
//   from 1   ring     -      ring
//   from 2   ring    ring     -
//
// A shard that sleeps is woken by the first mail (io/waker.h).
//
// A full ring is back-pressure: mailbox_room says so before a mail is taken from core, it stays in the sender's outbox
// there, and the sender's loop tries again.
//
// Limits: MAILBOX_CAPACITY mails per ring, fewer with many shards so that all rings stay within 16 MiB.
// Errors: ERR_NOMEM, ERR_LIMIT (no file left for an eventfd) from mailbox_create.
// Thread: room, push, wake by the sender; pull, sleep, awake by the receiver. mailbox_wake is async-signal-safe.
#ifndef PLENUM_IO_MAILBOX_H
#define PLENUM_IO_MAILBOX_H

#include "base/err.h"
#include "base/mem.h"
#include "core/mail/mail.h"
#include <stdbool.h>

enum { MAILBOX_CAPACITY = 4096 };

struct mailbox; // all boxes of one server

enum err mailbox_create(struct mem *mem, uint32_t shard_count, struct mailbox **ret) WARN_UNUSED;
// Every ring must have been emptied: mail left in one would leak. NULL is fine.
void mailbox_destroy(struct mailbox *mb);

// So many mails will certainly be taken from that sender; 0: the ring is full.
uint32_t mailbox_room(struct mailbox *mb, uint32_t from, uint32_t to);
// Takes the mail, or false when that ring is full (the caller keeps the mail). Follow with one mailbox_wake.
bool mailbox_push(struct mailbox *mb, uint32_t from, uint32_t to, struct mail *m);
struct mail *mailbox_pull(struct mailbox *mb, uint32_t from, uint32_t to);
// True if no ring to this shard holds a mail.
bool mailbox_empty(struct mailbox *mb, uint32_t to);

// How many mails are on their way to that shard. By any thread; of a moment ago.
uint32_t mailbox_waiting(struct mailbox *mb, uint32_t to);
// Wakes shard `to` if it sleeps; returns true if that took a system call.
bool mailbox_wake(struct mailbox *mb, uint32_t to);
// The receiver is about to sleep: from here on senders wake it. It must look at its inboxes and at all other
// requests once more after this, before it sleeps.
void mailbox_sleep(struct mailbox *mb, uint32_t to);
// It does not sleep, or no longer.
void mailbox_awake(struct mailbox *mb, uint32_t to);
// The eventfd of shard `to`, for its epoll (EPOLLIN | EPOLLET).
int mailbox_fd(const struct mailbox *mb, uint32_t to);

#endif
