// SPDX-License-Identifier: Apache-2.0
//
// One command of the API as one ask: to a room's home, a user's, the first of all shards, or the shard of a connection. What the
// home of a room decides for members it decides here for nobody: that may be done is what the key says (struct ask, `backend`).
#include "core/api/api_private.h"

#include "core/conn/conn_http.h"
#include "core/mail/audit_ask.h"

static void ask_room(const struct conns *cs, enum ask_type type, struct ask *a, uint32_t *ret_dest)
{
    a->type = type;
    a->lasting = ask_lasts(type);
    a->room_hash = hash_str(cs->cx, a->cmd.room);
    *ret_dest = home_of(cs->cx, a->room_hash);
}

static void ask_user(const struct conns *cs, enum ask_type type, struct ask *a, uint32_t *ret_dest)
{
    a->type = type;
    a->user_print = print_str(cs->cx, a->cmd.to);
    *ret_dest = home_of(cs->cx, a->user_print.lo);
}

static void ask_all(enum ask_type type, struct ask *a)
{
    a->type = type;
    a->lasting = true;
}

// "SHARD.…": whom to ask. False where there is no such shard.
static bool shard_named(const struct conns *cs, str text, uint32_t *ret)
{
    uint64_t shard;
    str rest;
    if (!str_to_u64(str_split(text, '.', &rest), SHARDS_MAX, &shard) || shard >= cs->cx->shard_count ||
        rest.p == NULL)
        return false;
    *ret = (uint32_t)shard;
    return true;
}

static bool bad(struct problem *p, const char *text, str word)
{
    *p = (struct problem){.code = PROBLEM_BAD_COMMAND, .text = text, .word_kind = WORD_QUOTED, .word = word};
    return false;
}

// In whose name, and how far that reaches: the user's that is given, or the server's, by the name of its key.
static void speak_as(const struct conns *cs, const struct http_call *call, const struct command *cmd,
                     char text[API_ASK_TEXT], struct ask *a)
{
    static const char server[] = "server:";
    struct api_key by_token;
    const struct api_key *key = api_key_of(cs, call, &by_token);
    bool named = key != NULL && key->name.n != 0;
    bool of_user = cmd->by.n != 0;
    a->session = STR("api");
    a->user = STR("server");
    if (of_user) {
        a->user = cmd->by;
    } else if (named) {
        str name = str_take(key->name, USER_ID_MAX - (sizeof server - 1));
        memcpy(text, server, sizeof server - 1);
        memcpy(text + sizeof server - 1, name.p, name.n);
        a->user = str_make(text, sizeof server - 1 + name.n);
    }
    a->own_words = key != NULL && key->caps.p != NULL && api_token_own_words(key, cmd);
    a->name = cmd->name.n != 0 ? cmd->name : of_user ? cmd->by : named ? key->name : a->user;
}

// Digits, in the last bytes of room.
static str number_text(uint32_t number, char room[10])
{
    size_t at = 10;
    do
        room[--at] = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    return str_make(room + at, 10 - at);
}

static enum ask_type asked_as(const struct command *cmd)
{
    switch (cmd->type) {
    case CMD_PUBLISH:
    case CMD_BROADCAST:
#define X(upper, lower, event) case CMD_##upper:
        DECREES(X)
        WORDS(X)
#undef X
        return ASK_PUBLISH;
    case CMD_STATE:
        return command_changes(cmd) ? ASK_PUBLISH : ASK_STATE;
    case CMD_SIGNAL:
        return ASK_SIGNAL;
    case CMD_READ: // by the user that is named
        return ASK_READ;
    case CMD_CREATE:
        return ASK_CREATE;
    case CMD_INVITES:
        return ASK_INVITES;
    case CMD_MEMBERS:
        return ASK_MEMBERS;
    case CMD_HISTORY:
        return ASK_HISTORY;
    case CMD_DIRECT:
        return ASK_DIRECT;
    case CMD_ROOMS:
        return ASK_ROOMS;
    case CMD_INFO:
        return ASK_INFO;
    case CMD_CONNECTIONS:
        return ASK_CONNECTIONS;
    case CMD_REVOKE:
        return ASK_REVOKE;
    case CMD_DISCONNECT:
        return cmd->connection.n == 0 ? ASK_DISCONNECT : ASK_CLOSE;
    case CMD_BATCH: // many of them
    case CMD_NONE:  // none of the API's
    case CMD_MESSAGE:
    case CMD_HELLO:
    case CMD_REFRESH:
    case CMD_JOIN:
    case CMD_LEAVE:
    case CMD_SWITCH:
    case CMD_STATE_READ:
    case CMD_WHOIS:
    case CMD_PING:
    case CMD_RENAME:
    case CMD_HELP:
    case CMD_QUIT:
    case CMD_COUNT:
        break;
    }
    UNREACHABLE();
}

// Whom to ask, as the command's row says it; a page of connections goes on at the shard where the last one ended.
static bool address(const struct conns *cs, struct ask *a, uint32_t *ret_dest, struct problem *ret_problem)
{
    const struct command *cmd = &a->cmd;
    enum ask_type type = asked_as(cmd);
    if (type == ASK_CLOSE) {
        a->type = type;
        return shard_named(cs, cmd->connection, ret_dest) ||
               bad(ret_problem, "`connection` must be that of a row of `connections`; got {}.",
                   cmd->connection);
    }
    switch ((enum decided)command_row(cmd->type)->decided) {
    case DECIDED_ROOM:
        ask_room(cs, type, a, ret_dest);
        return true;
    case DECIDED_USER:
        ask_user(cs, type, a, ret_dest);
        return true;
    case DECIDED_ALL:
        ask_all(type, a);
        return type != ASK_CONNECTIONS || cmd->after.n == 0 || shard_named(cs, cmd->after, ret_dest) ||
               bad(ret_problem, "`after` must be the `next` of an earlier reply; got {}.", cmd->after);
    case DECIDED_EDGE:
        break;
    }
    UNREACHABLE();
}

bool api_ask_make(const struct conns *cs, uint32_t conn, const struct http_call *call,
                  const struct command *cmd, uint32_t number, char text[API_ASK_TEXT], struct ask *ret,
                  uint32_t *ret_dest, struct problem *ret_problem)
{
    *ret = http_ask_make(cs, conn, ASK_FENCE, ENCODING_JSON);
    *ret_dest = 0;
    ret->backend = true;
    ret->cmd = *cmd;
    ret->cmd.id = number_text(number, text + USER_ID_MAX);
    speak_as(cs, call, cmd, text, ret);
    bool says = cmd->type == CMD_PUBLISH || cmd->type == CMD_BROADCAST;
    if (says && cmd->data.n > cs->cx->settings->message_bytes) {
        *ret_problem = (struct problem){.code = PROBLEM_TOO_LARGE,
                                        .text = "`data` is larger than `limits.message_bytes` allows."};
        return false;
    }
    if (!address(cs, ret, ret_dest, ret_problem))
        return false;
    if (cmd->type == CMD_INVITE)
        ret->cmd.token = invitation_make(cs->cx, text + API_ASK_SPOKEN);
    if (cmd->type == CMD_STATE && !command_changes(cmd))
        ret->cmd.type = CMD_STATE_READ;
    if (cmd->type == CMD_REVOKE)
        ret->before_ms = cmd->has_issued_before ? cmd->issued_before * 1000 : cs->cx->wall_ms;
    return true;
}

// What changes nothing is nobody's business but its asker's. What is said in a room is in the room.
static bool changes(const struct ask *a)
{
    return a->type == ASK_CREATE || a->type == ASK_DISCONNECT || a->type == ASK_CLOSE ||
           a->type == ASK_REVOKE ||
           (a->type == ASK_PUBLISH && a->cmd.type != CMD_PUBLISH && a->cmd.type != CMD_BROADCAST);
}

// Whatever the name it is done in, its key has asked for it.
static void audit_asked(const struct conns *cs, uint32_t conn, const struct http_call *call,
                        const struct ask *a)
{
    struct peer peer;
    char text[API_ASK_TEXT];
    struct ask told = *a;
    if (a->cmd.by.n != 0) {
        told.cmd.to = a->cmd.by;
        told.cmd.by = told.cmd.name = STR_NONE;
        speak_as(cs, call, &told.cmd, text, &told);
    }
    audit_put_ask(cs->cx, &told, AUDIT_API, "", who_peer(who_at(cs->cx, conn), &peer));
}

enum http_did api_ask(struct conns *cs, uint32_t conn, const struct http_call *call, uint32_t dest,
                      const struct ask *a)
{
    enum http_did did = http_ask(cs, conn, dest, a);
    if (did == HTTP_ASKED && changes(a))
        audit_asked(cs, conn, call, a);
    return did;
}

static enum http_did answer_problem(struct conns *cs, uint32_t conn, struct http_call *call,
                                    const struct problem *p)
{
    metric_add(&cs->cx->metrics->errors[p->code], 1);
    api_reply_problem(cs, conn, call, p);
    return HTTP_ANSWERED;
}

static enum http_did begin(struct conns *cs, uint32_t conn, struct http_call *call)
{
    struct command cmd;
    struct problem problem;
    struct ask ask;
    uint32_t dest;
    char text[API_ASK_TEXT];
    struct api_key by_token;
    bool known, claims;
    enum http_did looked = api_token_look(cs, conn, call, &known);
    if (looked != HTTP_ANSWERED || !known)
        return looked;
    str body = http_call_body(call);
    enum command_type type = api_find(str_skip(call->path, sizeof API_PATH - 1));
    if (!conn_scratch(cs, body.n)) {
        http_no_memory(cs, conn);
        return HTTP_ANSWERED;
    }
    const enum err decoded = api_takes_bytes(type) && api_body_is_bytes(call)
                                 ? api_decode_bytes(type, body, &cs->unescape, &cmd, &problem)
                                 : api_decode(type, body, &cs->unescape, &cmd, &problem);
    if (decoded != OK || !api_key_allows(api_key_of(cs, call, &by_token), &cmd, &problem) ||
        !api_once_take(call, &cmd, &claims, &problem))
        return answer_problem(cs, conn, call, &problem);
    if (call->state == CALL_CALLED && !call->counted)
        metric_add(&cs->cx->metrics->commands[type], 1);
    call->counted = true;
    claims = claims && call->claim == 0;
    if ((type == CMD_BATCH || type == CMD_BROADCAST) && !claims)
        return api_many(cs, conn, call, &cmd);
    enum api_paid pays = api_pay(cs, conn, call, &call->paid, &problem);
    if (pays == API_PAYS_LATER)
        return HTTP_LATER;
    if (pays == API_PAYS_NOT)
        return answer_problem(cs, conn, call, &problem);
    if (claims)
        return api_once_claim(cs, conn, call, type);
    if (!api_ask_make(cs, conn, call, &cmd, 0, text, &ask, &dest, &problem))
        return answer_problem(cs, conn, call, &problem);
    call->keeps_body = false;
    return api_ask(cs, conn, call, dest, &ask);
}

static enum http_did api_call(struct conns *cs, uint32_t conn, struct http_call *call)
{
    if (call->refused == 0 && call->own == NULL && !api_still_in(cs, conn, call))
        call->refused = 403; // its key is gone, or has less
    if (call->refused != 0) {
        api_reply_refused(cs, conn, call);
        return HTTP_ANSWERED;
    }
    if (api_once_replied(cs, conn, call))
        return HTTP_ANSWERED;
    return call->own != NULL ? api_many_go_on(cs, conn, call) : begin(cs, conn, call);
}

static enum http_did api_answered(struct conns *cs, uint32_t conn, struct http_call *call,
                                  const struct answer *a)
{
    if (call->own != NULL)
        return api_many_answered(cs, conn, call, a);
    api_reply_answer(cs, conn, call, a);
    return HTTP_ANSWERED;
}

void api_told_refused(const struct conns *cs, uint32_t conn, uint16_t status, const char *rule)
{
    notice_put(cs->cx, NOTICE_API_REFUSED, conn, status, rule, STR_NONE);
    audit_put_conn(cs->cx, conn, AUDIT_API_REFUSED, rule, STR_NONE);
}

static uint16_t api_screen(struct conns *cs, uint32_t conn, const struct http_request *rq, uint8_t *ret_by)
{
    struct api_verdict v;
    api_judge(cs, conn, rq, &v);
    *ret_by = v.by;
    if (v.status == 401 || v.status == 403)
        api_told_refused(cs, conn, v.status, v.reason);
    return v.status;
}

// What it says is no secret: it is on the web page of the project, too.
static void api_description(struct conns *cs, uint32_t conn, const struct http_request *rq)
{
    struct http_response rs = {
        .status = 200, .content_type = STR("application/json"), .cache_control = STR("no-cache")};
    buf_reset(&cs->head, WORKING_BYTES_MAX);
    const uint32_t batch_max = cs->cx->settings->api_batch_max;
    api_openapi_put(&cs->head, cs->cx->settings->version, batch_max != 0 ? batch_max : API_BATCH_MAX);
    if (buf_ok(&cs->head))
        http_answer(cs, conn, rq, &rs, buf_str(&cs->head), false);
    else
        http_error(cs, conn, 503, "The server is out of memory.");
}

#define INSIDE(where)                                                                                        \
    {                                                                                                        \
        .path = where, .inside = true, .methods = METHOD_GET, .call = api_call_inside, .screen = api_screen, \
        .error_type = STR("application/json"), .put_error = api_put_error                                    \
    }
const struct http_route api_routes[API_ROUTES] = {
    INSIDE(API_HEALTH_PATH),
    INSIDE(API_WHOAMI_PATH),
    {.path = API_PATH "openapi.json", .admin = true, .methods = METHOD_GET, .answer = api_description},
    {.path = API_PATH,
     .prefix = true,
     .admin = true,
     .methods = METHOD_POST,
     .body_settings = true,
     .media = "application/json, " API_BYTES,
     .call = api_call,
     .answered = api_answered,
     .screen = api_screen,
     .drop = api_many_drop,
     .settle = api_once_settle,
     .error_type = STR("application/json"),
     .put_error = api_put_error},
};
