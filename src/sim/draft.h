// SPDX-License-Identifier: Apache-2.0
//
// draft.h - a command of a client in JSON, key by key. Its beginning has the type, and the id where it has one; draft_send ends it.
#ifndef PLENUM_SIM_DRAFT_H
#define PLENUM_SIM_DRAFT_H

#include "sim/world.h"

struct draft {
    struct buf b;
};

struct draft draft_make(struct world *w, const char *type, const struct asked *a);
void draft_key(struct draft *d, const char *key);
void draft_string(struct draft *d, const char *key, const char *value);
void draft_number(struct draft *d, const char *key, uint64_t value);
// `since`, as the asked has it.
void draft_since(struct world *w, struct draft *d, const struct asked *a);
void draft_send(struct world *w, struct client *c, struct draft *d);

#endif
