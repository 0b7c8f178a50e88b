// SPDX-License-Identifier: Apache-2.0
//
// The commands' rows as a table, for whoever has a command in hand: its name, who decides, what it needs, costs and gets.
#include "dialect/command.h"

#include "base/assert.h"
#include "dialect/event.h"

#define E(code) | UINT32_C(1) << PROBLEM_##code
_Static_assert((int)PROBLEM_COUNT <= 32, "codes are bits of a word");

static const struct command_row rows[CMD_COUNT] = {
#define X(upper, lower, where, keys, decided, right, cost, tokens, reply, help)  \
    [CMD_##upper] = {#lower, DECIDED_##decided, RIGHT_##right,      COST_##cost, \
                     tokens, EV_##reply,        0 ERRORS_OF_##upper},
    COMMANDS(X)
#undef X
};

#define X(upper, lower, where, keys, decided, right, cost, tokens, reply, help) \
    _Static_assert((tokens) > 0 && (tokens) <= UINT8_MAX, "a command costs something");
COMMANDS(X)
#undef X

const struct command_row *command_row(enum command_type type)
{
    ASSERT((unsigned)type < CMD_COUNT);
    return &rows[type];
}

const char *command_name(enum command_type type) { return command_row(type)->name; }

bool command_says(const struct command *c)
{
    switch (c->type) {
    case CMD_MESSAGE:
    case CMD_SIGNAL:
    case CMD_DIRECT:
    case CMD_EDIT:
    case CMD_DELETE:
    case CMD_REACT:
        return true;
    case CMD_STATE:
        return command_changes(c);
    default:
        return false;
    }
}

// Keys, names and reasons have limits far below COST_BYTES, so that no price depends on them.
uint32_t command_said_tokens(const struct command *c)
{
    const size_t bytes = c->data.n + c->set.n + c->unset.n + c->merge.n;
    ASSERT(bytes <= (size_t)4 * MESSAGE_BYTES_CEILING); // of one message: each is a part of it
    return command_row(c->type)->tokens + (uint32_t)(bytes / COST_BYTES);
}
