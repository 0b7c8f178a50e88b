// SPDX-License-Identifier: Apache-2.0
//
// A JWT of a configured issuer in the place of a key: what it says of `server` in its claim `caps` are its rights, and what it says of
// `rooms` is where. A helper looks at it (core/mail/token.h), while the request waits with its body.
//
//      head --> screen: no key of ours, and may be a token --> body --> a verdict is asked for --> the call once more, with it
//
// Nothing is known of who asks until then, so such requests are counted by limits.requests_per_s like anybody's.
#include "core/api/api_private.h"

#include "core/auth/caps.h"
#include "core/mail/token.h"

bool api_token_may_be(const struct settings *s, str secret)
{
    size_t dots = 0;
    for (size_t i = 0; i < secret.n; i++)
        dots += secret.p[i] == '.';
    return s->keys != NULL && s->verifiers != 0 && dots == 2 && secret.n <= TOKEN_MAX;
}

static struct problem refused(const struct conns *cs, const struct verdict_mail *v)
{
    const struct grant g = verdict_grant(v);
    if (v->verdict == TOKEN_BUSY)
        return (struct problem){.code = PROBLEM_UNAVAILABLE,
                                .text = "The server is out of memory; try again later.",
                                .retry_ms = 1000};
    if (v->verdict != TOKEN_GOOD)
        return (struct problem){.code = v->verdict == TOKEN_EXPIRED ? PROBLEM_TOKEN_EXPIRED
                                                                    : PROBLEM_UNAUTHORIZED,
                                .text = "{}",
                                .word_kind = WORD_PLAIN,
                                .word = v->why};
    // The API is for all tenants, and what a tenant's issuer says is for its own only (common/tenant.h).
    if (tenant_of_issuer(cs->cx->settings->tenants, cs->cx->settings->tenants_n, v->issuer) != TENANT_NONE)
        return (struct problem){.code = PROBLEM_FORBIDDEN,
                                .text = "Tokens of a tenant's issuer are no keys of the API."};
    if (edge_revoked(cs->edge, v->user, &g))
        return (struct problem){.code = PROBLEM_TOKEN_REVOKED, .text = "The token has been revoked."};
    if (v->caps.p == NULL || caps_server(v->caps) == 0)
        return (struct problem){.code = PROBLEM_FORBIDDEN,
                                .text =
                                    "The token has no rights here: `server` in its claim `caps` names them."};
    return (struct problem){.code = PROBLEM_NONE};
}

enum http_did api_token_look(struct conns *cs, uint32_t conn, struct http_call *call, bool *ret_good)
{
    struct http_request rq;
    *ret_good = true;
    if (call->by != CALL_BY_TOKEN)
        return HTTP_ANSWERED;
    if (call->verdict == NULL) {
        http_call_request(call, &rq);
        return http_ask_verdict(cs, conn, api_presented(&rq));
    }
    call->keeps_body = false;
    const struct problem p = refused(cs, call->verdict);
    *ret_good = p.code == PROBLEM_NONE;
    if (*ret_good)
        return HTTP_ANSWERED;
    if (p.code == PROBLEM_UNAUTHORIZED || p.code == PROBLEM_TOKEN_EXPIRED ||
        p.code == PROBLEM_TOKEN_REVOKED) {
        metric_add(&cs->cx->metrics->tokens_refused, 1);
        api_told_refused(cs, conn, problem_status(p.code), "a token");
    }
    metric_add(&cs->cx->metrics->errors[p.code], 1);
    api_reply_problem(cs, conn, call, &p);
    return HTTP_ANSWERED;
}

struct api_key api_token_key(const struct http_call *call)
{
    const struct verdict_mail *v = call->verdict;
    ASSERT(v != NULL && v->verdict == TOKEN_GOOD && v->caps.p != NULL);
    struct api_key key = {.name = v->user, .caps = v->caps};
    uint32_t words = caps_server(v->caps);
#define X(upper, lower)                     \
    if ((words >> SERVER_##upper & 1) != 0) \
        key.rights |= api_right(CMD_##upper);
    SERVER_WORDS(X)
#undef X
    return key;
}

// Which right in the room it takes to be asked for as a backend.
static enum right right_for(enum command_type type)
{
    if (type == CMD_PUBLISH || type == CMD_BROADCAST)
        return RIGHT_PUBLISH;
    return (enum right)command_row(type)->right;
}

bool api_token_own_words(const struct api_key *key, const struct command *cmd)
{
    const enum right any = cmd->type == CMD_EDIT     ? RIGHT_EDIT_ANY
                           : cmd->type == CMD_DELETE ? RIGHT_DELETE_ANY
                                                     : RIGHT_NONE;
    return any != RIGHT_NONE && (caps_room(key->caps, cmd->room) & 1u << any) == 0;
}

bool api_token_allows(const struct api_key *key, const struct command *cmd, struct problem *ret)
{
    if (cmd->room.n == 0 || (caps_room(key->caps, cmd->room) & 1u << right_for(cmd->type)) != 0)
        return true;
    ret->word_kind = WORD_QUOTED;
    ret->word = cmd->room;
    ret->text =
        "The token does not allow that in the room {}; `rooms` in its claim `caps` says what it may where.";
    return false;
}
