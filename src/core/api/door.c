// SPDX-License-Identifier: Apache-2.0
//
// Who may come in by the backend's door, from the head alone: one look at each rule, in the order of its gates (DOOR in
// core/common/gates.h). What may be a token instead of a key is asked about when its body is there (token.c).
//
// Without a key a browser is the danger: it is on this machine, and pages of anybody make it send requests. It tells where
// they come from (Origin, Sec-Fetch-Site), does not send `application/json` across origins without asking first, which nothing here
// answers, and a name that was pointed here is not localhost. Rejected: to trust 127.0.0.1 behind a listener that others can
// reach (a proxy on this machine has that address, too); a proxy that says that it is one is refused besides.
#include "core/api/api_private.h"

#include "core/common/gates.h"
#include "core/common/pattern.h"
#include "wire/digest.h"
#include "wire/host_name.h"
#include "wire/origin.h"

#define X(at, name, ...)                                                                          \
    static void gate_##name(const struct conns *cs, uint32_t conn, const struct http_request *rq, \
                            struct api_verdict *v);
GATES_DOOR(X)
#undef X

static void refuse(struct api_verdict *v, uint16_t status, enum problem_code code, const char *text, str word,
                   const char *reason)
{
    v->status = status;
    v->problem = (struct problem){
        .code = code, .text = text, .word_kind = word.p != NULL ? WORD_QUOTED : WORD_NOTHING, .word = word};
    v->reason = reason;
}

// --- keys

static const struct api_key *key_at(const struct conns *cs, uint8_t by)
{
    const struct settings *s = cs->cx->settings;
    ASSERT(by <= s->api_keys_n || by == 0 || by == CALL_BY_TOKEN);
    return by == 0 || by == CALL_BY_TOKEN ? NULL : &s->api_keys[by - 1];
}

const struct api_key *api_key_of(const struct conns *cs, const struct http_call *call, struct api_key *room)
{
    if (call->by != CALL_BY_TOKEN)
        return key_at(cs, call->by);
    *room = api_token_key(call);
    return room;
}

// The number of the key with that hash, 0 for none; as long for each.
static uint8_t key_number(const struct settings *s, const uint8_t sha256[SHA256_BYTES])
{
    uint32_t found = 0;
    for (size_t i = 0; i < s->api_keys_n; i++) {
        uint32_t different = 0;
        for (size_t k = 0; k < SHA256_BYTES; k++)
            different |= (uint32_t)(s->api_keys[i].sha256[k] ^ sha256[k]);
        uint32_t same = 0u - ((different - 1) >> 31); // all bits, or none
        found = (found & ~same) | ((uint32_t)(i + 1) & same);
    }
    return (uint8_t)found;
}

str api_presented(const struct http_request *rq)
{
    str value = STR_NONE, rest;
    size_t bearers = http_field_count(rq, STR("Authorization")), own = http_field_count(rq, STR("X-API-Key"));
    if (bearers + own != 1)
        return STR_NONE;
    if (own == 1)
        return http_field_find(rq, STR("X-API-Key"), &value) ? value : STR_NONE;
    (void)http_field_find(rq, STR("Authorization"), &value);
    str scheme = str_split(value, ' ', &rest);
    return str_eq_nocase(scheme, STR("Bearer")) && rest.p != NULL ? str_trim(rest) : STR_NONE;
}

static void judge_key(const struct settings *s, const struct http_request *rq, struct api_verdict *v)
{
    uint8_t sha256[SHA256_BYTES];
    str secret = api_presented(rq);
    if (secret.n == 0) {
        refuse(v, 401, PROBLEM_UNAUTHORIZED,
               "The API wants a key: one `Authorization: Bearer KEY` or `X-API-Key: KEY`.", STR_NONE,
               "no key");
        v->challenge = STR("Bearer realm=\"plenum\"");
        return;
    }
    if (digest_sha256(secret.p, secret.n, sha256) != OK) {
        refuse(v, 503, PROBLEM_UNAVAILABLE, "The server is out of memory; try again later.", STR_NONE,
               "memory");
        return;
    }
    v->by = key_number(s, sha256);
    if (v->by == 0 && api_token_may_be(s, secret)) {
        v->by = CALL_BY_TOKEN;
    } else if (v->by == 0) {
        refuse(v, 401, PROBLEM_UNAUTHORIZED, "This key is none of the server's.", STR_NONE, "a wrong key");
        v->challenge = STR("Bearer realm=\"plenum\", error=\"invalid_token\"");
    }
}

// --- pages, names, proxies

static str origin_of(const struct http_request *rq)
{
    str origin = STR_NONE;
    (void)http_field_find(rq, STR("Origin"), &origin);
    return origin;
}

static bool origin_fits(const struct conn *c, const struct http_request *rq, const str *patterns, size_t n)
{
    size_t count = http_field_count(rq, STR("Origin"));
    return count <= 1 && origin_allowed(origin_of(rq), count == 1, conn_scheme(c), rq->host, patterns, n);
}

static bool from_other_site(const struct http_request *rq)
{
    str site;
    if (!http_field_find(rq, STR("Sec-Fetch-Site"), &site))
        return false;
    return http_field_count(rq, STR("Sec-Fetch-Site")) != 1 ||
           (!str_eq(site, STR("same-origin")) && !str_eq(site, STR("none")));
}

static bool by_a_proxy(const struct http_request *rq)
{
    static const str names[] = {STR("Forwarded"), STR("X-Forwarded-For"), STR("X-Forwarded-Host"),
                                STR("X-Real-IP"), STR("Via")};
    size_t n = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        n += http_field_count(rq, names[i]);
    return n != 0;
}

#define SET_A_KEY " Set `PLENUM_API_KEY`, or `api.keys` in its configuration."

static void judge_local(const struct conns *cs, uint32_t conn, const struct http_request *rq,
                        struct api_verdict *v)
{
    const struct conn *c = conn_at(cs, conn);
    const bool proxied = who_proxy(&c->asker.reader.who) != NULL;
    if (!c->local && !proxied)
        refuse(
            v, 403, PROBLEM_FORBIDDEN,
            "This server has no API key, so its API answers on listeners of its own machine only." SET_A_KEY,
            STR_NONE, "no key is configured, and it comes from elsewhere");
    else if (proxied || by_a_proxy(rq))
        refuse(
            v, 403, PROBLEM_FORBIDDEN,
            "This server has no API key, so its API does not answer to those who come by a proxy." SET_A_KEY,
            STR_NONE, "no key is configured, and it comes by a proxy");
    else if (!host_is_ours(rq->host, NULL, 0, true))
        refuse(v, 403, PROBLEM_FORBIDDEN,
               "This server has no API key, so its API answers as `localhost` only, not as {}." SET_A_KEY,
               rq->host, "no key is configured, and it is meant for another host");
    else if (!origin_fits(c, rq, NULL, 0) || from_other_site(rq))
        refuse(v, 403, PROBLEM_FORBIDDEN, "Pages of other origins may not use the API.", STR_NONE,
               "a page of another origin");
}

static void gate_key(const struct conns *cs, uint32_t conn, const struct http_request *rq,
                     struct api_verdict *v)
{
    const struct settings *s = cs->cx->settings;
    if (s->api_keys_n != 0 || api_token_may_be(s, api_presented(rq)))
        judge_key(s, rq, v);
    else
        judge_local(cs, conn, rq, v);
}

static void gate_page(const struct conns *cs, uint32_t conn, const struct http_request *rq,
                      struct api_verdict *v)
{
    const struct settings *s = cs->cx->settings;
    if (!origin_fits(conn_at(cs, conn), rq, s->origins, s->origins_n))
        refuse(v, 403, PROBLEM_FORBIDDEN, "Pages of {} may not use the API; `origin.allowed` says which may.",
               origin_of(rq), "a page of another origin");
}

// --- what is asked for

bool api_key_may(const struct api_key *key, enum command_type type)
{
    return key == NULL || (key->rights & api_right(type)) == api_right(type);
}

static const char right_missing[] =
    "This key has not the right {}; `rights` in its row of `api.keys` says what it may.";

static const char word_missing[] =
    "The token has not the right {}; `server` in its claim `caps` says what it may.";

// What is read by GET beside the commands (inside.c), and which command's right it takes; that of `batch` is none.
static const struct {
    str path;
    enum command_type type;
} insides[] = {{STR(API_HEALTH_PATH), CMD_INFO}, {STR(API_WHOAMI_PATH), CMD_BATCH}};

enum command_type api_inside(str path)
{
    for (size_t i = 0; i < sizeof insides / sizeof insides[0]; i++)
        if (str_eq(path, insides[i].path))
            return insides[i].type;
    return CMD_NONE;
}

static str command_of(const struct http_request *rq)
{
    return str_starts(rq->path, STR(API_PATH)) ? str_skip(rq->path, sizeof API_PATH - 1) : STR_NONE;
}

static enum command_type type_of(const struct http_request *rq)
{
    enum command_type inside = api_inside(rq->path);
    return inside != CMD_NONE ? inside : api_find(command_of(rq));
}

static void gate_known(const struct conns *cs, uint32_t conn, const struct http_request *rq,
                       struct api_verdict *v)
{
    str name = command_of(rq);
    (void)cs;
    (void)conn;
    if (type_of(rq) != CMD_NONE)
        return;
    refuse(v, 404, PROBLEM_UNKNOWN_TYPE, "The API has no command {}.", name, "no such command");
    v->problem.did_you_mean = api_guess(name);
}

static void gate_method(const struct conns *cs, uint32_t conn, const struct http_request *rq,
                        struct api_verdict *v)
{
    bool inside = api_inside(rq->path) != CMD_NONE, get = str_eq(rq->method, STR("GET"));
    (void)cs;
    (void)conn;
    if (inside ? get || str_eq(rq->method, STR("HEAD")) : str_eq(rq->method, STR("POST")))
        return;
    refuse(v, 405, PROBLEM_BAD_COMMAND,
           inside ? "This is read by GET, not by {}." : "Commands of the API are sent by POST, not by {}.",
           rq->method, "a method");
    v->allow = inside ? STR("GET, HEAD") : STR("POST");
}

static void gate_key_right(const struct conns *cs, uint32_t conn, const struct http_request *rq,
                           struct api_verdict *v)
{
    const enum command_type type = type_of(rq);
    (void)conn;
    if (!api_key_may(key_at(cs, v->by), type))
        refuse(v, 403, PROBLEM_FORBIDDEN, right_missing, str_from_cstr(command_name(type)),
               "a right that its key has not");
}

// What a body says that it is, without parameters; absent where it does not say it, or more than once.
static str media_of(const struct http_request *rq)
{
    str type = STR_NONE, rest;
    if (http_field_count(rq, STR("Content-Type")) == 1 && http_field_find(rq, STR("Content-Type"), &type))
        type = str_trim(str_split(type, ';', &rest));
    return type;
}

bool api_body_is_bytes(const struct http_call *call)
{
    struct http_request rq;
    http_call_request(call, &rq);
    return str_eq_nocase(media_of(&rq), STR(API_BYTES)) && http_call_body(call).n != 0;
}

static void gate_body(const struct conns *cs, uint32_t conn, const struct http_request *rq,
                      struct api_verdict *v)
{
    (void)conn;
    if (!rq->chunked && rq->content_length == 0)
        return;
    const str type = media_of(rq);
    const bool bytes = str_eq_nocase(type, STR(API_BYTES));
    if (bytes && !api_takes_bytes(type_of(rq)))
        refuse(v, 415, PROBLEM_BAD_COMMAND,
               "The body of a command without `content_type` must be of the type `application/json`; got {}.",
               type, "a media type");
    else if (!bytes && !str_eq_nocase(type, STR("application/json")))
        refuse(v, 415, PROBLEM_BAD_COMMAND, "A body must be of the type `application/json`; got {}.",
               type.p != NULL ? type : STR(""), "a media type");
    else if (rq->content_length > cs->cx->settings->api_body_bytes)
        refuse(v, 413, PROBLEM_TOO_LARGE, "The request body is larger than `api.body_bytes` allows.",
               STR_NONE, "a body too large");
}

void api_judge(const struct conns *cs, uint32_t conn, const struct http_request *rq, struct api_verdict *ret)
{
    *ret = (struct api_verdict){0};
    ASSERT(str_starts(rq->path, STR(API_PATH)) || api_inside(rq->path) != CMD_NONE);
#define X(at, name, ...)  \
    if (ret->status == 0) \
        gate_##name(cs, conn, rq, ret);
    GATES_DOOR(X)
#undef X
}

bool api_still_in(const struct conns *cs, uint32_t conn, struct http_call *call)
{
    struct http_request rq;
    struct api_verdict v;
    if (call->screened_by == cs->cx->settings && call->screened_ms == cs->cx->now_ms)
        return true;
    http_call_request(call, &rq);
    api_judge(cs, conn, &rq, &v);
    call->by = v.by;
    call->screened_by = cs->cx->settings;
    call->screened_ms = cs->cx->now_ms;
    return v.status == 0;
}

// --- rooms of a key

static bool key_for_room(const struct api_key *key, str room)
{
    for (size_t i = 0; i < key->rooms_n; i++)
        if (pattern_match(key->rooms[i], room))
            return true;
    return false;
}

bool api_key_allows(const struct api_key *key, const struct command *cmd, struct problem *ret)
{
    *ret = (struct problem){.code = PROBLEM_FORBIDDEN};
    if (key == NULL)
        return true;
    ret->word_kind = WORD_QUOTED;
    if (!api_key_may(key, cmd->type)) {
        ret->text = key->caps.p != NULL ? word_missing : right_missing;
        ret->word = str_from_cstr(command_name(cmd->type));
        return false;
    }
    if (key->caps.p != NULL)
        return api_token_allows(key, cmd, ret);
    bool lists = cmd->type == CMD_BATCH || (cmd->type == CMD_BROADCAST && cmd->room.n == 0);
    if (key->rooms_n == 0 || cmd->type == CMD_DIRECT || lists)
        return true;
    ret->word = cmd->room;
    ret->text =
        cmd->room.n == 0
            ? "This key is for some rooms only, and so not for what is about all; `rooms` in its row of `api.keys` says for which."
            : "This key is not for the room {}; `rooms` in its row of `api.keys` says for which it is.";
    return cmd->room.n != 0 && key_for_room(key, cmd->room);
}
