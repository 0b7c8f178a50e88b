// SPDX-License-Identifier: Apache-2.0
//
// What a command passes when its turn has come to be carried out (core/common/gates.h): what may have changed while it waited, such
// as what the session's token allows, by a refresh.
#include "core/edge/edge.h"

// What is not said in a room. Of a join that makes one, its home asks, since only that knows whether it does.
static const char *not_served(const struct edge *e, uint32_t index, enum command_type type)
{
    const bool guest = !asker_at(e, index)->reader.who.session.granted;
    if (type == CMD_DIRECT && !edge_serves(e, index, SERVER_DIRECT))
        return guest
                   ? "It takes the right `direct` to say something to one user, which guests here do not have."
                   : "It takes the right `direct` in `caps.server` to say something to one user, and your "
                     "token does not give it.";
    if (type == CMD_ROOMS && !edge_serves(e, index, SERVER_ROOMS))
        return guest
                   ? "It takes the right `rooms` to see which rooms there are, which guests here do not have."
                   : "It takes the right `rooms` in `caps.server` to see which rooms there are, and your "
                     "token does not give it.";
    return NULL;
}

enum gate_did gate_served(struct edge *e, struct asker *c, uint32_t index, const struct command *cmd)
{
    const char *text = not_served(e, index, cmd->type);
    if (text == NULL)
        return GATE_PASSED;
    if (!edge_may_reply(e, c))
        return GATE_LATER;
    edge_problem(e, index, cmd, PROBLEM_FORBIDDEN, text);
    return GATE_REFUSED;
}
