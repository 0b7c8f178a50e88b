// SPDX-License-Identifier: Apache-2.0
//
// revoke.h - tokens that a backend has had revoked, and what must hold from then on: nobody is here by one, nobody comes in by one, and
// nobody is sent away for another reason than that.
#ifndef PLENUM_SIM_REVOKE_H
#define PLENUM_SIM_REVOKE_H

#include "sim/world.h"

struct revoked {
    uint32_t server;
    char user[USER_ID_MAX + 1]; // whose; empty: a token's, or all of a time
    uint32_t token;             // its number; 0 = none
    uint32_t client;            // whose it is; UINT32_MAX = all of those who have tokens
    uint64_t before_ms;         // wall; 0 = not known
    uint64_t said_ms, done_ms;  // done_ms 0: not yet, as far as is known
    uint64_t span_ms;
};

// The body of a request, and what it is, counted from 1. It has been answered.
uint32_t revoke_put(struct world *w, const struct client *c, struct buf *body);
void revoke_done(struct world *w, uint32_t number);
// When a token is issued to it that is to be good.
uint64_t revoke_next_ms(const struct world *w, const struct client *c);
// What it said then may be refused, or it be sent away, for that; how late the answer may be is another's business (asks.c).
bool revoke_explains(const struct world *w, const struct client *c, uint64_t said_ms);
// A token of a room that was brought then may be taken back for something that is revoked there: it does not say when it was issued. Who
// reads slowly is told so whenever it comes to that.
bool revoke_meets(const struct world *w, const struct client *c, uint64_t brought_ms);
void revoke_check_welcome(struct world *w, struct client *c, const struct asked *hello, const char *user);
void revoke_check(struct world *w);

#endif
