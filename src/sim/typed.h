// SPDX-License-Identifier: Apache-2.0
//
// typed.h - what terminals type of states and invitations, and are shown. True: it was about that.
#ifndef PLENUM_SIM_TYPED_H
#define PLENUM_SIM_TYPED_H

#include "sim/world.h"

void typed_state(struct world *w, struct client *c);
void typed_state_heard(struct world *w, struct client *c, str rest);
void typed_invite(struct world *w, struct client *c);
bool typed_invite_heard(struct world *w, struct client *c, str rest);
void typed_join(struct world *w, struct client *c, int room);
bool typed_in_room(str error);                             // forbidden, and not to come in
bool typed_explains(const struct world *w, str error);     // one that no `/join` is answered by
uint64_t typed_shown(struct world *w, str key, str value); // a change of the state, without its author

#endif
