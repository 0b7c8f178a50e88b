// SPDX-License-Identifier: Apache-2.0
//
// asker.h - a connection as the edge sees it: what it has asked for and not been answered, and what it may still ask.
//
// Invariants (asker_check)
//   1. pending > 0: that many asks have not been answered yet. While `exclusive` no command is taken: who it is is about to
//      change (a rename is answered when all its rooms have answered)
//   2. of a language in which replies keep the order of commands altogether (text), all of them are to port pending_shard
//   3. registered, or a member of a room: it has a session, and is not closed
//   4. what is open in `waiting` are asks that are under way, and a verdict that waits there is pending
//
// Ownership: a part of the connection's block. Thread: the shard's.
#ifndef PLENUM_CORE_EDGE_ASKER_H
#define PLENUM_CORE_EDGE_ASKER_H

#include "core/common/bucket.h"
#include "core/common/ref.h"
#include "core/edge/waiting.h"
#include "core/fan/reader.h"
#include "core/mail/mailroom.h"

// A switch under way: what the newcomer of `to` is told waits until `from` is left.
struct switching {
    struct ref from;
    uint32_t to;          // outlet
    struct credit credit; // of the leave that is to follow
    struct mail *joined;  // the answer (struct answer), kept; NULL until it is there
    struct mail *
        expel; // it is sent away from `to` already (struct expel_mail), and is told so behind `joined`; or NULL
    uint64_t expel_to; // the place of the last that it hears there
    // `to` has gone meanwhile, and is there anew: its cursor is gone with the first one, and the outlet is kept for its name (pending).
    bool parted;
    struct outq rest; // then: what it is due of the first one
};

struct asker {
    struct reader reader;
    uint16_t pending;
    // Eight bytes, without a bit to spare: one more would be eight more in every connection.
    uint8_t pending_shard : 7; // of the last ask
    bool lease_queued : 1;     // in the list of those that wait for a lease (lease.h)
    uint8_t violations : 6;    // commands in spite of rate_limited
    bool exclusive : 1;        // the pending ask changes who it is, or its language knows one thing at a time
    bool waits : 1;            // a command has been told "not now": an answer may be what it waits for
    uint8_t room_violations : 6; // new rooms asked for before room_wait_ms
    bool hello_seen : 1;
    bool hello_implied : 1; // by the command that waits for the welcome
    uint8_t mail_port : 7;  // mail_queued: whose credit it waits for
    bool mail_queued : 1;   // in the queue of those who wait for a credit
    uint8_t mail_quota : 4; // asks it may send though others wait for credits of the same shard
    bool fenced : 1;        // what is carried out comes behind all that is due of its room (edge_later.c)
    bool
        expelled : 1; // it was sent away from a room while asks were under way, which may be about it (edge.c)
    bool audited : 1;       // the audit knows that its session is here
    bool hello_refused : 1; // that command is to be told so
    bool greeting : 1;      // text: the hello and the first join, which no line asks for, are under way
    bool registered : 1;    // its user's home has been asked to know it
    bool room_waits : 1;    // it was refused a new room; room_wait_ms says until when
    bool token_refused : 1; // so nobody is taken for a guest who has not asked for it
    bool hello_said : 1;    // likewise: with no session yet it came to nothing, and is to be said again
    bool hello_starved : 1; // and that was for want of memory
    bool expiry_told : 1;   // that its token is about to end
    bool refreshing : 1;    // another token of its session is being looked at, or acted on
    bool hello_full : 1;    // hello_refused: its user has as many sessions as one may
    uint16_t noise : 15;    // of the noise gate: what was counted and has not leaked away,
    uint16_t noise_tick;    // and when that was
    uint32_t room_wait_ms;  // low bits of the time before which it was told not to ask for a new room
    uint32_t address;       // print of the peer's, see struct peer
    uint32_t
        opened_ms; // low bits of the time it was accepted: of two connections of a session the newer one counts
    struct bucket commands, signals, rooms; // commands, signals, and new rooms, that it may order now
    struct switching *switching;
    struct waiting *waiting; // NULL while nothing does
};
_Static_assert((int)PORTS_MAX <= 1 << 7, "a port fits");

// Where the answer to what is pending will come from.
static inline void asker_pending_at(struct asker *c, uint32_t port) { c->pending_shard = port & 0x7f; }

// True while it is due replies to what it has said.
static inline bool asker_unanswered(const struct asker *c)
{
    return c->pending != 0 || waiting_holds(c->waiting);
}

#endif
