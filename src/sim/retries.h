// SPDX-License-Identifier: Apache-2.0
//
// retries.h - requests of backends with an idempotency key: rooms that are closed, one by a request or some by a batch, each with a
// reason that says whose doing it is. Any backend says any of them again, at any time, by whatever connection and shard it has; so what is
// carried out twice is a second record with the same reason.
#ifndef PLENUM_SIM_RETRIES_H
#define PLENUM_SIM_RETRIES_H

#include "sim/world.h"

// A new one or an earlier one, into *body; its number, counted from 1. ret_key: the field of its head.
uint32_t retries_put(struct world *w, struct client *c, struct buf *body, char ret_key[64],
                     const char **ret_command);
void retries_heard(struct world *w, struct client *c, uint32_t number, str head, str body);
// Something was placed: it may be a room's close.
void retries_see(struct world *w, const struct entry *e);

#endif
