// SPDX-License-Identifier: Apache-2.0
//
// mail.h - what one shard tells another.
//
// A mail is one block: this header, then the fields of its kind, then bytes it carries. The sender allocates it,
// the driver carries it, the receiver frees it (both use the same memory source). Core alone knows the kinds
// (mail_kinds.h); to a driver a mail is a pointer to carry, in order, exactly once.
#ifndef PLENUM_CORE_MAIL_H
#define PLENUM_CORE_MAIL_H

#include "base/mem.h"
#include <stdint.h>

enum { MAIL_BACKLOG_PAUSE = 4096 }; // mails waiting for one shard before connections wait too

struct mail {
    struct mail *next; // in an outbox
    uint32_t bytes;    // of the whole block
    uint16_t kind;
    uint16_t from; // sender's shard
};

// Frees a mail that could not be carried (a driver that shuts down), and what it holds.
void mail_discard(struct mem *mem, struct mail *m);

#endif
