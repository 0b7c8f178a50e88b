// SPDX-License-Identifier: Apache-2.0
//
// native_json_check.c - what no key of a command tells alone: which of them go together, and how much there may be of one.
#include "dialect/dialect_private.h"

// Tokens of a user, one token, or all of a time.
static enum err check_revoke(const struct command *c, struct problem *p)
{
    if (c->to.n != 0 ? c->token_id.n != 0 : (c->token_id.n != 0) == c->has_issued_before)
        return problem_set(p, PROBLEM_BAD_COMMAND,
                           "`user`, `token_id`, or `issued_before` alone says which tokens to revoke.");
    if (c->has_seconds && c->seconds == 0)
        return problem_set(p, PROBLEM_BAD_COMMAND,
                           "`seconds` of what ends is above 0; leave it out for what does not end.");
    return OK;
}

enum err native_json_check(const struct command *c, struct problem *p)
{
    if (c->type == CMD_SIGNAL && c->data.n > SIGNAL_DATA_MAX)
        return problem_set(p, PROBLEM_TOO_LARGE,
                           "The `data` of a signal may have 4096 bytes; say the rest in a `message`.");
    const bool gives = c->type == CMD_ROLE || (c->type == CMD_INVITE && c->role.n != 0);
    if (gives && role_find(c->role) == ROLE_COUNT)
        return problem_set_word(p, PROBLEM_BAD_COMMAND,
                                "`role` must be `guest`, `member`, `host` or `owner`; got {}.", WORD_QUOTED,
                                c->role);
    if ((c->type == CMD_BAN || c->type == CMD_MUTE) && c->has_seconds && c->seconds == 0)
        return problem_set(p, PROBLEM_BAD_COMMAND,
                           "`seconds` of what ends is above 0; leave it out for what does not end.");
    if (c->type == CMD_STATE && c->if_version.n != 0 && !command_changes(c))
        return problem_set(p, PROBLEM_BAD_COMMAND,
                           "`if_version` is for what changes the state: `set`, `unset` or `merge`.");
    if (c->type == CMD_STATE && (c->by.n != 0 || c->name.n != 0) && !command_changes(c))
        return problem_set(p, PROBLEM_BAD_COMMAND,
                           "`user` and `name` say who changes the state: by `set`, `unset` or `merge`.");
    if (c->type == CMD_DISCONNECT && (c->to.n == 0) == (c->connection.n == 0))
        return problem_set(p, PROBLEM_BAD_COMMAND,
                           "`user` or `connection` says whom to disconnect; give one of them.");
    if (c->has_expires && c->has_seconds)
        return problem_set(p, PROBLEM_BAD_COMMAND,
                           "`ttl_s` and `expires` both say when an invitation ends; give one of them.");
    if (c->type == CMD_REVOKE)
        return check_revoke(c, p);
    if (c->has_since && c->has_before)
        return problem_set(p, PROBLEM_BAD_COMMAND,
                           "`since` and `before` are the two directions of reading; give one of them.");
    return OK;
}
