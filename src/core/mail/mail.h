// SPDX-License-Identifier: Apache-2.0
//
// mail.h - what one shard tells another, as the driver sees it: a pointer to carry, in order, exactly once.
//
// A mail is one block: this header, then the fields of its kind (post.h), then bytes it carries. The sender allocates it,
// the receiver frees it; both use the same memory source.
#ifndef PLENUM_CORE_MAIL_H
#define PLENUM_CORE_MAIL_H

#include "base/mem.h"
#include <stdint.h>

struct mail {
    struct mail *next; // in an outbox
    uint32_t bytes;    // of the whole block
    uint16_t kind;
    uint16_t from; // sender's port: a shard, or shard_count + k (mailroom.h)
};

// Frees a mail that could not be carried (a driver that shuts down), and what it holds.
void mail_discard(struct mem *mem, struct mail *m);

#endif
