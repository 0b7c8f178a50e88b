// SPDX-License-Identifier: Apache-2.0
//
// rates.h - rates over many connections and in rooms: which there are, and that they hold. Nobody says more than a rate allows and its
// burst, and nobody is refused whom there was something left for.
//
// What is said is seen when it gets its place; where that is when it is asked for (no engine, no store) the model of rooms is exact.
// What users order is let pass elsewhere, and may come bunched: of that the sum is known to hold.
#ifndef PLENUM_SIM_RATES_H
#define PLENUM_SIM_RATES_H

#include "base/str.h"
#include "core/common/bucket.h"

struct world;
struct client;
struct asked;
struct entry;
struct settings;

// A bucket as it must be, of a room, a member of one, or a user.
struct rate_model {
    uint64_t key;
    int64_t level; // in thousandths
    uint64_t at_ms, count;
    uint64_t low_until_ms; // up to then there was nothing left
};

// Dice of its own, so that a seed without rates is what it was before there were any.
void rates_plan(struct world *w, struct settings *s);
void rates_see(struct world *w, int room, const struct entry *e);
// A command was refused as too much. sentence: as it stands in JSON, with its quotes. True if there is a rate that says so; fails
// where that had something left.
bool rates_explain(struct world *w, const struct client *c, const struct asked *a, str sentence);
// Somebody may be closed for going on in spite of them.
bool rates_are(const struct settings *s);

#endif
