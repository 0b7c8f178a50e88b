// SPDX-License-Identifier: Apache-2.0
//
// event.h - whom an event of a shard's epoll is for: a kind above, an index below, in the 64 bits of epoll_data.
//
// Thread: any; there is no state.
#ifndef PLENUM_IO_EVENT_H
#define PLENUM_IO_EVENT_H

#include <stdint.h>

enum event_kind {
    EVENT_CONNECTION, // core's index of it (traffic.h)
    EVENT_LISTENER,   // the acceptor's index of it
    EVENT_WAKE,       // the eventfd: somebody wants the shard's attention (mailbox.h)
    EVENT_REFUSAL,    // a slot (refusal.h)
    EVENT_LOBBY,      // an index (lobby.h)
    EVENT_NEWCOMERS,  // some of those that have just come have something to say (traffic.h)
};

static inline uint64_t event_tag(enum event_kind kind, uint32_t index)
{
    return (uint64_t)kind << 32 | index;
}
static inline enum event_kind event_tag_kind(uint64_t tag) { return (enum event_kind)(tag >> 32); }
static inline uint32_t event_tag_index(uint64_t tag) { return (uint32_t)tag; }

#endif
