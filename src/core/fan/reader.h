// SPDX-License-Identifier: Apache-2.0
//
// reader.h - a connection as fan-out sees it: which rooms it reads, what it alone is to be sent, and whether its socket
// takes anything.
//
// Invariants (reader_check)
//   1. each membership names an outlet whose cursor [slot] names this connection
//   2. closed: no memberships; nothing is put into its queue but by whoever closes it
//   3. what it skips is of rooms it is in; of one room, they rise and do not meet
//
// Ownership: a part of the connection's block. Thread: the shard's.
#ifndef PLENUM_CORE_FAN_READER_H
#define PLENUM_CORE_FAN_READER_H

#include "core/common/who.h"
#include "core/fan/outq.h"

enum { MEMBERSHIP_SLOT_MAX = (1 << 30) - 1 };

// One room joined. Which cursor it is: outlets[outlet].cursors[slot].
struct membership {
    uint32_t outlet;
    uint32_t slot : 30;
    uint32_t held : 1;    // a switch is not complete: nothing of this room is sent yet
    uint32_t leaving : 1; // the home has been asked to let it go
};

// Own entries that the sender does not want back: places from..to of an outlet.
struct skip {
    uint32_t outlet;
    uint64_t from, to;
};
struct skips {
    uint32_t n, cap;
    struct skip v[];
};

// Why whoever serves a connection wants it to end; conn carries it out (conn/conn.h) as soon as the call that found out has
// returned. One row each: how, close code, words for the peer, what it is counted as.
// clang-format off
#define ENDS(X) \
    X(SLOW,       CLOSE, WS_CLOSE_TRY_LATER, "reading too slowly", CLOSE_SLOW) \
    X(REPLACED,   CLOSE, PRIVATE_CLOSE_REPLACED, "replaced: session resumed elsewhere", CLOSE_REPLACED) \
    X(ORDERED,    CLOSE, PRIVATE_CLOSE_DISCONNECTED, "disconnected by the server", CLOSE_ORDERED) \
    X(PUSHING,    CLOSE, WS_CLOSE_POLICY, "went on after rate_limited", CLOSE_POLICY) \
    X(ROOMS,      CLOSE, WS_CLOSE_POLICY, "went on asking for new rooms", CLOSE_POLICY) \
    X(NOISE,      CLOSE, WS_CLOSE_POLICY, "too many frames or lines that say nothing", CLOSE_POLICY) \
    X(NO_SESSION, CLOSE, WS_CLOSE_TRY_LATER, "out of memory", CLOSE_MEMORY) \
    X(TOKEN_EXPIRED, CLOSE, WS_CLOSE_POLICY, "token_expired", CLOSE_POLICY) \
    X(TOKEN_REVOKED, CLOSE, WS_CLOSE_POLICY, "token_revoked", CLOSE_POLICY) \
    X(TOKEN_REFUSED, CLOSE, WS_CLOSE_POLICY, "token refused", CLOSE_POLICY) \
    X(SESSIONS, CLOSE, WS_CLOSE_POLICY, "this user has as many connections as one may", CLOSE_POLICY) \
    X(NO_GUESTS, CLOSE, WS_CLOSE_POLICY, "no guests here", CLOSE_POLICY) \
    X(TENANT_FULL, CLOSE, WS_CLOSE_TRY_LATER, "the tenant has as many connections as it may have", CLOSE_POLICY) \
    X(STARVED,    STARVE, 0, "", CLOSE_MEMORY) /* memory is out for something it is to be told: with last words, if any */ \
    X(CUT,        CUT,   0, "", CLOSE_MEMORY)  /* memory is out, and nothing true can be said any more */
// clang-format on
enum end {
    END_NONE,
#define X(upper, how, code, text, why) END_##upper,
    ENDS(X)
#undef X
};

// Close codes of our own: RFC 6455 section 7.4.2 leaves 4000 to 4999 to applications (docs/protocol/native.md).
enum { PRIVATE_CLOSE_REPLACED = 4001, PRIVATE_CLOSE_DISCONNECTED = 4002 };

struct reader {
    struct who who;
    uint8_t encoding;     // its id, once known
    uint8_t end;          // enum end: it is to end, and nothing more is said to it
    bool closed : 1;      // it has left everything; what is queued is still written
    bool gone : 1;        // nothing is written any more
    bool blocked : 1;     // the socket is full
    bool slow : 1;        // it was, and has not had all since
    bool paced : 1;       // its publish must wait until its room's readers, or it itself, are served (pace.h)
    bool wake_queued : 1; // in the list of those who may go on
    uint16_t member_n, member_cap;
    union {
        struct membership one; // member_cap == 0: the only membership, in place
        struct membership *many;
    };
    struct outq out;
    struct skips *skips;
};

// True while it may be sent something.
static inline bool reader_open(const struct reader *r) { return !r->closed && r->end == END_NONE; }

struct membership *reader_memberships(struct reader *r);
struct membership *reader_find_membership(struct reader *r, uint32_t outlet); // NULL without one
void reader_deinit(struct reader *r, struct mem *m);

#endif
