// SPDX-License-Identifier: Apache-2.0
//
// Rates of somebody who may have many connections (common/gates.h): of an address, before it is known who it is, and of a user
// (limits.address_commands_per_s, limits.user_commands_per_s). A command costs them what it costs the connection; what they have
// is at their home, and leased to this shard (lease.h).
//
// Both are off unless the operator sets them: everybody behind one NAT or proxy has one address, and a user whose connections
// are many devices, or a backend's, is no attacker.
#include "core/edge/edge.h"

static uint64_t address_print(const struct asker *c) { return print_as(c->address, PRINT_ADDRESS); }

static uint64_t user_print(const struct edge *e, const struct asker *c)
{
    return print_as(hash_str(e->cx, session_user(&c->reader.who.session)), PRINT_USER);
}

static bool address_counts(const struct edge *e, const struct asker *c)
{
    return e->cx->settings->address_commands.per_s != 0 && c->address != 0;
}

static bool user_counts(const struct edge *e, const struct asker *c)
{
    return e->cx->settings->user_commands.per_s != 0 && session_there(&c->reader.who.session);
}

// text: what who is refused is told; counted: the refusals.
static enum gate_did ask(struct edge *e, struct asker *c, uint32_t index, const struct command *cmd,
                         uint64_t print, const struct rate *rate, const char *text, _Atomic uint64_t *counted)
{
    struct problem p = {.code = PROBLEM_RATE_LIMITED, .text = text};
    enum lease_verdict v = lease_take(e, index, print, rate, command_row(cmd->type)->tokens, &p.retry_ms);
    if (v == LEASE_TAKEN)
        return GATE_PASSED;
    if (v == LEASE_ASKED || !gate_may_refuse(e, c))
        return GATE_LATER;
    if (v == LEASE_NOMEM) {
        edge_no_memory(e, index, cmd);
        return GATE_REFUSED;
    }
    metric_add(counted, 1);
    fan_put_problem(e->fan, index, cmd->id, &p);
    gate_pushed(e, index);
    return GATE_REFUSED;
}

enum gate_did gate_address_rate(struct edge *e, struct asker *c, uint32_t index, const struct command *cmd)
{
    if (!address_counts(e, c))
        return GATE_PASSED;
    return ask(e, c, index, cmd, address_print(c), &e->cx->settings->address_commands,
               "Too many commands at once from your address, by all its connections; wait a moment.",
               &e->cx->metrics->limit_address_rate);
}

enum gate_did gate_user_rate(struct edge *e, struct asker *c, uint32_t index, const struct command *cmd)
{
    if (!user_counts(e, c))
        return GATE_PASSED;
    return ask(e, c, index, cmd, user_print(e, c), &e->cx->settings->user_commands,
               "Too many commands at once of this user, by all its connections; wait a moment.",
               &e->cx->metrics->limit_user_rate);
}

void gate_owe_shared(struct edge *e, const struct asker *c, uint32_t commands)
{
    if (address_counts(e, c))
        lease_owe(e, address_print(c), commands);
    if (user_counts(e, c))
        lease_owe(e, user_print(e, c), commands);
}
