// SPDX-License-Identifier: Apache-2.0
//
// waiting.h - what a connection has asked for that takes its time, and what it has said since that must wait for it.
//
//      open   rooms (by their outlet) with an ask under way that its home may keep: a join, a page of history
//      kept   commands that were told "not now" because of what they are about, oldest first:
//                 [message r1] [leave r1] [join r7] [direct u4] ...
//      token     that came with the connection, before it has said hello
//      certificate   that its peer has shown in the handshake, likewise
//      verdict   about the token of its hello, or of a refresh, which is there and has not been acted on: a home is asked as soon as it
//                can be
//
// A command waits behind kept ones that are about the same thing (a key: a room, a user), and behind nothing else; so the order
// per room is the order in which it was said, and whatever is about other rooms goes on.
//
// Invariants (waiting_check)
//   1. each outlet in `open` is there once
//   2. `n` and `bytes` are of what is in the list, within their limits
//   3. it exists only while it holds something
//   4. numbers rise; a command has a verdict exactly if its token has been looked at
//
// Ownership: the asker's; a kept command is one block with its strings behind it. Memory: from the shard's, within the budget.
// Limits: WAITING_OPEN_MAX, WAITING_COMMANDS_MAX and WAITING_BYTES_MAX (base/limits.h), beyond which the connection is not
// read. Thread: the shard's.
#ifndef PLENUM_CORE_EDGE_WAITING_H
#define PLENUM_CORE_EDGE_WAITING_H

#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "core/common/driver.h"
#include "dialect/command.h"

// What a command is about: at most two things (a switch), 0 = none.
struct about {
    uint64_t keys[2];
};

// How far a command is that must come behind what is due of a room it has asked about (edge_later.c).
enum fence { FENCE_NONE, FENCE_SENT, FENCE_PASSED };

// How far the token of a room is that a command brings (edge_pass.c).
enum shown { SHOWN_NOT, SHOWN_ASKED, SHOWN_SEEN, SHOWN_LOST };

struct kept {
    struct kept *next;
    uint32_t bytes;       // of this block
    uint32_t number;      // of those that this connection has kept, from 1, since it kept none
    uint8_t fence;        // enum fence
    uint8_t shown;        // enum shown
    struct mail *verdict; // SHOWN_SEEN: about its token
    struct about about;
    struct command cmd; // its strings are in the tail
    char tail[];
};

struct waiting {
    uint32_t open_n;
    uint32_t
        open[WAITING_OPEN_MAX]; // outlets; with OPEN_MAKES of those whose room is made, and not come into
    uint32_t n, bytes, numbers;
    struct kept *first, *last;
    struct mail *verdict; // NULL: none
    char *token;          // NULL: none
    uint32_t token_n;
    struct certificate *certificate; // NULL: none; its strings are behind it
};

#define OPEN_MAKES (UINT32_C(1) << 31) // a bit that no outlet has
// An ask is under way (outlet: perhaps with OPEN_MAKES); false where there are WAITING_OPEN_MAX, or no memory. It is answered; it need not be there.
bool waiting_open(struct waiting **w, struct mem *m, uint32_t outlet) WARN_UNUSED;
void waiting_close(struct waiting **w, struct mem *m, uint32_t outlet);
bool waiting_is_open(const struct waiting *w, uint32_t outlet);

// True where one in front of `before` (NULL: any) is about the same.
bool waiting_blocks(const struct waiting *w, const struct kept *before, const struct about *about);
// Copies the command to the end of the list; false where it does not fit, or there is no memory.
bool waiting_keep(struct waiting **w, struct mem *m, const struct command *cmd,
                  const struct about *about) WARN_UNUSED;
struct kept *waiting_find(const struct waiting *w, uint32_t number); // NULL: it is not there
// Takes one out and frees it; its token is wiped.
void waiting_take(struct waiting **w, struct mem *m, struct kept *k);
void waiting_drop(struct waiting **w, struct mem *m); // all of it
void waiting_check(const struct waiting *w);          // NULL is fine

// Keeps the mail, which is taken; false: there is no memory, and it is the caller's.
bool waiting_put_verdict(struct waiting **w, struct mem *m, struct mail *verdict) WARN_UNUSED;
struct mail *waiting_take_verdict(struct waiting **w, struct mem *m); // NULL: there is none

// The token that came with the connection, until it is somebody. False: no memory.
bool waiting_put_token(struct waiting **w, struct mem *m, str token) WARN_UNUSED;
void waiting_drop_token(struct waiting **w, struct mem *m); // wiped
static inline str waiting_token(const struct waiting *w)
{
    return w != NULL && w->token != NULL ? str_make(w->token, w->token_n) : STR_NONE;
}

// The certificate, likewise. False: no memory.
bool waiting_put_certificate(struct waiting **w, struct mem *m, const struct certificate *c) WARN_UNUSED;
void waiting_drop_certificate(struct waiting **w, struct mem *m);
static inline const struct certificate *waiting_certificate(const struct waiting *w)
{
    return w != NULL ? w->certificate : NULL;
}

static inline bool waiting_holds(const struct waiting *w) { return w != NULL && w->n != 0; }

#endif
