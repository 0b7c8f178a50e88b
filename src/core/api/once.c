// SPDX-License-Identifier: Apache-2.0
//
// Requests with an `Idempotency-Key` that are to be carried out once, but for what has its key in the log (dialect/api.h, API_IN_LOG):
//
//      key --> claim at its home --> granted: carried out as any other; what is answered is kept there
//                                    not: the first answer again, or why there is none
//
// What is kept is what was *decided*: 200 and refusals that stand (404, 409, 403). What is said of a moment (401, 429, 503) and what was our
// fault is not, and the next request with the key is carried out. A key is of who asks: the key of the API, by its hash, or the user of the token;
// and of one request: its command and its body, byte for byte.
//
// Rejected: to keep the answer in the room's records, as messages have it (an invitation's answer is its secret, and most commands are of no
// room), and to compare bodies as values (a client that repeats a request repeats its bytes).
#include "core/api/api_private.h"

#include "core/common/prints.h"

enum { BUSY_RETRY_MS = 500, FULL_RETRY_MS = 5000, NOMEM_RETRY_MS = 1000 };

bool api_decided(uint16_t status) { return status < 500 && status != 429 && status != 401; }

static bool bad(struct problem *p, const char *text, str word)
{
    *p = (struct problem){.code = PROBLEM_BAD_COMMAND, .text = text, .word_kind = WORD_QUOTED, .word = word};
    return false;
}

bool api_once_take(const struct http_call *call, struct command *cmd, bool *ret_claims, struct problem *p)
{
    const enum api_once once = api_once_of(cmd);
    str key = call->idempotency_key;
    *ret_claims = false;
    if (once == API_READS || (key.n == 0 && !call->bad_key))
        return true;
    if (call->bad_key || key.n > MESSAGE_KEY_MAX)
        return bad(p, "`Idempotency-Key` must have 1 to 64 bytes, and be there once; got {}.", key);
    if (once == API_IN_LOG && cmd->key.n != 0 && !str_eq(cmd->key, key))
        return bad(p, "`Idempotency-Key` and `key` must be the same where both are given; got {}.", key);
    if (once == API_IN_LOG)
        cmd->key = key;
    *ret_claims = once == API_RECEIPT;
    return true;
}

// Who asks: the same on every shard, and after a reload.
static uint64_t holder_of(const struct conns *cs, const struct http_call *call)
{
    struct api_key by_token;
    const struct api_key *key = api_key_of(cs, call, &by_token);
    const struct siphash_key *secret = &cs->cx->settings->hash_key;
    if (key == NULL)
        return print_as(0, PRINT_API_KEY);
    if (call->by == CALL_BY_TOKEN)
        return print_as(siphash(secret, key->name.p, key->name.n), PRINT_USER);
    return print_as(siphash(secret, key->sha256, sizeof key->sha256), PRINT_API_KEY);
}

enum http_did api_once_claim(struct conns *cs, uint32_t conn, struct http_call *call, enum command_type type)
{
    const struct siphash_key *secret = &cs->cx->settings->hash_key;
    const str body = http_call_body(call), key = call->idempotency_key;
    char text[sizeof(uint64_t) + MESSAGE_KEY_MAX];
    const uint64_t holder = holder_of(cs, call), said[] = {siphash(secret, body.p, body.n), type};
    ASSERT(key.n != 0 && key.n <= MESSAGE_KEY_MAX);
    memcpy(text, &holder, sizeof holder);
    memcpy(text + sizeof holder, key.p, key.n);
    const struct http_key k = {.print = siphash128(secret, text, sizeof holder + key.n),
                               .holder = holder,
                               .fingerprint = siphash(secret, said, sizeof said)};
    return http_claim(cs, conn, &k);
}

static struct problem refused(enum claimed claimed)
{
    switch (claimed) {
    case CLAIMED_BUSY:
        return (struct problem){.code = PROBLEM_IN_PROGRESS,
                                .text = "The request with this `Idempotency-Key` is still being carried out; "
                                        "ask again in a moment, with the same key.",
                                .retry_ms = BUSY_RETRY_MS};
    case CLAIMED_OTHER:
        return (struct problem){.code = PROBLEM_KEY_REUSED,
                                .text = "This `Idempotency-Key` was used for another command or body; "
                                        "use a new key for each request, and the same one to repeat it."};
    case CLAIMED_LOST:
        return (struct problem){.code = PROBLEM_ANSWER_GONE,
                                .text =
                                    "The request with this `Idempotency-Key` was carried out, but its answer "
                                    "is not kept; look at what it did before you ask with a new key."};
    case CLAIMED_FULL:
        return (struct problem){.code = PROBLEM_LIMIT_REACHED,
                                .text = "As many requests with an `Idempotency-Key` are remembered as "
                                        "`api.idempotency_keys` allows; wait, or ask without one.",
                                .retry_ms = FULL_RETRY_MS};
    case CLAIMED_NOMEM:
        return (struct problem){.code = PROBLEM_UNAVAILABLE,
                                .text = "The server is out of memory; try again later.",
                                .retry_ms = NOMEM_RETRY_MS};
    case CLAIMED_GRANTED:
    case CLAIMED_DONE:
        break;
    }
    UNREACHABLE();
}

bool api_once_replied(struct conns *cs, uint32_t conn, struct http_call *call)
{
    const struct answer *a = call->claimed;
    if (a == NULL || a->claimed == CLAIMED_GRANTED)
        return false;
    if (a->claimed == CLAIMED_DONE) {
        struct http_response rs = {.status = a->status, .replayed = true};
        api_reply_body(cs, conn, call, &rs, a->payload);
        return true;
    }
    const struct problem p = refused((enum claimed)a->claimed);
    metric_add(&cs->cx->metrics->errors[p.code], 1);
    api_reply_problem(cs, conn, call, &p);
    return true;
}

static void settle_single(const struct answer *a, struct buf *text, struct settle_mail *ret)
{
    *ret = (struct settle_mail){.how = SETTLED_LOST};
    if (a->payload.n == 0)
        return;
    const struct api_reply r = api_reply_of(a->payload);
    if (!api_decided(r.status)) {
        ret->how = SETTLED_VOID;
        return;
    }
    api_put_reply(text, &r);
    if (buf_ok(text))
        *ret = (struct settle_mail){.how = SETTLED_DONE, .status = r.status, .body = buf_str(text)};
}

void api_once_settle(struct conns *cs, void *own, const struct answer *a, struct buf *text,
                     struct settle_mail *ret)
{
    if (own == NULL)
        settle_single(a, text, ret);
    else if (a != NULL)
        api_many_keep(own, a);
    else
        api_many_settle(own, text, ret);
    (void)cs;
}
