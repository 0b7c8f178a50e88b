// SPDX-License-Identifier: Apache-2.0
//
// Requests that have a body, or that ask homes: kept in a block of their own (struct http_call) until they are answered. A
// connection that has none pays nothing for it.
//
// While the answer is on its way, the connection is an asker like any other: pending counts it, the end of its bytes waits for it,
// and it is parked as soon as there is something behind the request.
#include "core/conn/conn_http.h"

#include "core/conn/claims.h"
#include "core/mail/token.h"

// As much more than has come (conn_ws.c says why not twice).
enum { BODY_STEP = 4096 };

void http_call_request(const struct http_call *call, struct http_request *ret)
{
    enum err e = http_request_parse(str_make(call->head, call->head_n), ret);
    ASSERT(e == OK);
}

static uint32_t body_max(const struct conns *cs, const struct http_route *route)
{
    return route->body_settings ? cs->cx->settings->api_body_bytes : route->body_max;
}

static void body_free(struct conns *cs, struct http_call *call)
{
    mem_free(cs->cx->mem, call->body, call->body_cap);
    call->body = NULL;
    call->body_n = call->body_cap = 0;
}

void conn_call_free(struct conns *cs, struct conn *c)
{
    if (!c->calls)
        return;
    body_free(cs, c->call);
    if (c->call->claim != 0)
        claim_leave(cs, c->call);
    if (c->call->own != NULL)
        c->call->route->drop(cs, &c->call->own);
    mail_discard(cs->cx->mem, c->call->verdict != NULL ? &c->call->verdict->mail : NULL);
    mem_free(cs->cx->mem, c->call, sizeof *c->call + c->call->head_n);
    c->calls = false;
    http_scanner_init(&c->http);
}

void http_no_memory(struct conns *cs, uint32_t index)
{
    metric_add(&cs->cx->metrics->limit_memory, 1);
    notice_put(cs->cx, NOTICE_MEMORY, index, 0, "a request", STR_NONE);
    http_error(cs, index, 503, "The server is out of memory; try again later.");
}

void conn_call_check(const struct conns *cs, uint32_t index)
{
    const struct conn *c = conn_at(cs, index);
    ASSERT(!c->calls || c->phase == PHASE_HTTP); // 1
    ASSERT(!c->calls || !c->in_body);
    ASSERT(!c->calls || c->ending == ENDING_OPEN);                       // 1
    ASSERT(c->phase != PHASE_HTTP || c->asker.pending <= HTTP_ASKS_MAX); // 2
    if (!c->calls)
        return;
    const struct http_call *call = c->call;
    bool waits = call->state == CALL_WAITING;
    ASSERT(call->state != CALL_CALLED);      // 1
    ASSERT(!waits || c->asker.pending != 0); // 2
    ASSERT(c->asker.pending == 0 || waits || call->state == CALL_LATER);
    ASSERT(call->state != CALL_LATER || c->parked); // 3
    ASSERT(call->body_n <= call->body_cap);
    ASSERT(call->refused == 0 || call->body == NULL);
    ASSERT(!waits || call->body == NULL || call->keeps_body); // 2
}

// --- the request

static void call_did(struct conns *cs, uint32_t index, enum http_did did)
{
    struct conn *c = conn_at(cs, index);
    switch (did) {
    case HTTP_ANSWERED:
        ASSERT(!c->calls || !conn_live(c));
        break;
    case HTTP_ASKED:
        ASSERT(c->asker.pending != 0);
        c->call->state = CALL_WAITING;
        if (!c->call->keeps_body)
            body_free(cs, c->call); // the asks have their own copy of what they need
        break;
    case HTTP_LATER:
        c->call->state = CALL_LATER;
        if (!c->parked)
            conn_park(cs, index);
        break;
    }
}

static void call_run(struct conns *cs, uint32_t index)
{
    struct http_call *call = conn_at(cs, index)->call;
    call->state = CALL_CALLED;
    call_did(cs, index, call->route->call(cs, index, call));
}

void conn_call_again(struct conns *cs, uint32_t index)
{
    const struct conn *c = conn_at(cs, index);
    if (c->phase == PHASE_HTTP && c->calls && c->call->state == CALL_LATER)
        call_run(cs, index);
}

// A body must be of a type that the route takes, and say so; parameters (a charset) are the handler's business.
static bool media_taken(const struct http_request *rq, const struct http_route *route)
{
    str type, rest, one, list = str_from_cstr(route->media);
    if (http_field_count(rq, STR("Content-Type")) != 1 || !http_field_find(rq, STR("Content-Type"), &type))
        return false;
    type = str_trim(str_split(type, ';', &rest));
    while (http_list_next(&list, &one))
        if (str_eq_nocase(type, one))
            return true;
    return false;
}

// False, and answered.
static bool expectation_met(struct conns *cs, uint32_t index, const struct http_request *rq)
{
    if (rq->version_minor == 0 || http_field_count(rq, STR("Expect")) == 0) // RFC 9110 section 10.1.1
        return true;
    if (!http_field_has_token(rq, STR("Expect"), STR("100-continue"))) {
        http_error(cs, index, 417, "Nothing can be expected here but `100-continue`.");
        return false;
    }
    if (http_has_body(rq))
        fan_put(cs->fan, index, STR("HTTP/1.1 100 Continue\r\n\r\n"));
    return conn_live(conn_at(cs, index));
}

// A part of the head, in the call's copy of it.
static str in_copy(const struct http_call *call, str head, str part)
{
    return part.n == 0 ? STR_NONE : str_make(call->head + (part.p - head.p), part.n);
}

// Its only field of that name; absent where there is none, or more than one.
static str the_field(const struct http_request *rq, str name)
{
    str value = STR_NONE;
    if (http_field_find(rq, name, &value) && http_field_count(rq, name) != 1)
        return STR_NONE;
    return value;
}

// What an answer needs to know of its request; strings lie in the copy of its head.
static void call_note(const struct conns *cs, uint32_t index, struct http_call *call,
                      const struct http_request *rq, str head)
{
    struct http_response rs = {0};
    call->keep_alive = rq->keep_alive;
    memcpy(call->head, head.p, head.n);
    if (call->route->screen == NULL) {
        http_share(cs, index, rq, &rs);
        call->origin = in_copy(call, head, rs.allow_origin);
        return;
    }
    // What it says is for no page but our own.
    call->path = in_copy(call, head, rq->path);
    str key = STR_NONE;
    if (http_field_find(rq, STR("Idempotency-Key"), &key))
        call->bad_key = key.n == 0 || http_field_count(rq, STR("Idempotency-Key")) != 1;
    call->idempotency_key = in_copy(call, head, key);
    call->request_id = in_copy(call, head, the_field(rq, STR("X-Request-Id")));
    call->traceparent = in_copy(call, head, the_field(rq, STR("traceparent")));
}

// Refused, and its body is not worth waiting for: it is told so at once, and the connection ends.
static bool hopeless(const struct http_request *rq, const struct http_call *call)
{
    return call->refused != 0 && http_has_body(rq) &&
           (rq->content_length > HTTP_BODY_MAX || http_field_count(rq, STR("Expect")) != 0);
}

void http_call_begin(struct conns *cs, uint32_t index, const struct http_request *rq, str head,
                     const struct http_route *route, const struct http_screened *screened)
{
    struct conn *c = conn_at(cs, index);
    bool body = http_has_body(rq);
    uint32_t max = screened->status != 0 ? HTTP_BODY_MAX : body_max(cs, route);
    bool too_large = rq->content_length > max || (rq->chunked && max == 0);
    if (screened->status == 0 && too_large) {
        http_error_body(cs, index, ERR_TOO_LARGE);
        return;
    }
    if (screened->status == 0 && body && !media_taken(rq, route)) {
        http_refuse(cs, index, rq, 415, route);
        return;
    }
    struct http_call *call = c->guest ? NULL : mem_alloc(cs->cx->mem, sizeof *call + head.n);
    if (call == NULL) {
        http_no_memory(cs, index);
        return;
    }
    *call = (struct http_call){
        .route = route, .head_n = (uint32_t)head.n, .refused = screened->status, .by = screened->by};
    call->screened_by = cs->cx->settings;
    call->screened_ms = cs->cx->now_ms;
    call_note(cs, index, call, rq, head);
    c->call = call;
    c->calls = true;
    if (hopeless(rq, call)) {
        call->keep_alive = false;
        call_run(cs, index);
        return;
    }
    if (rq->chunked)
        http_body_init_chunked(&call->reader, max);
    else if (body)
        http_body_init_length(&call->reader, (uint32_t)rq->content_length);
    deadline_arm(&cs->deadlines, index, cs->cx->now_ms, cs->cx->settings->handshake_ms);
    if (expectation_met(cs, index, rq) && !body)
        call_run(cs, index);
}

static bool body_append(struct conns *cs, struct http_call *call, str piece)
{
    size_t need = call->body_n + piece.n;
    if (need > call->body_cap) {
        size_t cap = (need + BODY_STEP - 1) / BODY_STEP * BODY_STEP;
        char *body = mem_realloc(cs->cx->mem, call->body, call->body_cap, cap);
        if (body == NULL)
            return false;
        call->body = body;
        call->body_cap = (uint32_t)cap;
    }
    if (piece.n != 0)
        memcpy(call->body + call->body_n, piece.p, piece.n);
    call->body_n = (uint32_t)need;
    return true;
}

size_t http_call_take(struct conns *cs, uint32_t index, str bytes)
{
    struct http_call *call = conn_at(cs, index)->call;
    size_t used;
    str piece;
    enum err e = http_body_next(&call->reader, bytes, &used, &piece);
    if (e != OK && e != ERR_MORE)
        http_error_body(cs, index, e);
    else if (call->refused == 0 && !body_append(cs, call, piece))
        http_no_memory(cs, index);
    else if (e == OK)
        call_run(cs, index);
    return used;
}

// --- the answer

// Behind the call there may be another request.
static void call_over(struct conns *cs, uint32_t index)
{
    struct conn *c = conn_at(cs, index);
    conn_call_free(cs, c);
    if (c->parked)
        fan_wake(cs->fan, index);
}

void http_reply(struct conns *cs, uint32_t index, uint16_t status, str type, str body)
{
    struct http_response rs = {.status = status, .content_type = type};
    http_reply_with(cs, index, &rs, body);
}

void http_reply_with(struct conns *cs, uint32_t index, struct http_response *rs, str body)
{
    const struct conn *c = conn_at(cs, index);
    ASSERT(c->calls && c->call->state != CALL_READING);
    // Its body has been read: the next request is where it should be.
    const struct http_request rq = {.method = STR("POST"), .keep_alive = c->call->keep_alive};
    if (rs->retry_after_s == 0)
        rs->retry_after_s = rs->status == 503 || rs->status == 429 ? 1 : 0;
    rs->cache_control = STR("no-store");
    rs->vary_origin = c->call->route->screen == NULL;
    rs->allow_origin = c->call->origin;
    http_answer(cs, index, &rq, rs, body, false);
    call_over(cs, index);
}

struct ask http_ask_make(const struct conns *cs, uint32_t index, enum ask_type type, uint8_t encoding)
{
    const struct asker *c = &conn_at(cs, index)->asker;
    return (struct ask){.type = type,
                        .conn = {cs->cx->index, {index, slab_gen(&cs->pool, index)}},
                        .encoding = encoding,
                        .address = c->address,
                        .since_ms = c->opened_ms,
                        .outlet = REF_NONE,
                        .room = REF_NONE,
                        .claim = conn_at(cs, index)->call->claim,
                        .lasting = ask_lasts(type)};
}

// Something is under way for it.
static enum http_did asked(struct conns *cs, uint32_t index, uint32_t dest)
{
    struct conn *c = conn_at(cs, index);
    c->asker.pending++;
    asker_pending_at(&c->asker, dest);
    if (c->asker.mail_quota != 0)
        c->asker.mail_quota--;
    deadline_arm(&cs->deadlines, index, cs->cx->now_ms, cs->cx->settings->handshake_ms);
    return HTTP_ASKED;
}

enum http_did http_ask(struct conns *cs, uint32_t index, uint32_t dest, const struct ask *a)
{
    const struct conn *c = conn_at(cs, index);
    ASSERT(c->calls && c->call->state != CALL_READING && c->asker.pending < HTTP_ASKS_MAX);
    ASSERT(a->type != ASK_JOIN && a->type != ASK_LEAVE && a->type != ASK_REGISTER && a->type != ASK_RENAME);
    if (!edge_may_ask(cs->edge, index, dest, a->lasting))
        return HTTP_LATER;
    if (!post_ask(cs->mail, dest, a)) {
        http_no_memory(cs, index);
        return HTTP_ANSWERED;
    }
    if (a->claim != 0)
        claim_asked(cs, a->claim);
    return asked(cs, index, dest);
}

enum http_did http_ask_verdict(struct conns *cs, uint32_t index, str token)
{
    const struct conn *c = conn_at(cs, index);
    uint32_t dest = port_verifier(cs->cx, token);
    ASSERT(c->calls && c->call->verdict == NULL && c->asker.pending == 0);
    if (!edge_may_ask(cs->edge, index, dest, false))
        return HTTP_LATER;
    const struct token_mail job = {.conn = {cs->cx->index, {index, slab_gen(&cs->pool, index)}},
                                   .wall_ms = cs->cx->wall_ms,
                                   .token = token};
    if (!post_token(cs->mail, &job)) {
        http_no_memory(cs, index);
        return HTTP_ANSWERED;
    }
    metric_add(&cs->cx->metrics->tokens_asked, 1);
    c->call->keeps_body = true;
    return asked(cs, index, dest);
}

bool conn_call_verdict(struct conns *cs, struct verdict_mail *v)
{
    struct conn *c = slab_get(&cs->pool, v->conn.ref.index, v->conn.ref.gen);
    if (c == NULL || c->phase != PHASE_HTTP)
        return false;
    ASSERT(c->asker.pending != 0);
    c->asker.pending--;
    if (!conn_live(c)) { // it is not waited for any more
        mail_discard(cs->cx->mem, &v->mail);
        return true;
    }
    ASSERT(c->calls && c->call->state == CALL_WAITING);
    c->call->verdict = v;
    call_run(cs, v->conn.ref.index);
    return true;
}

// What was asked about its key is known: its handler is called with that.
static void claim_run(struct conns *cs, uint32_t index, const struct answer *a)
{
    const struct conn *c = conn_at(cs, index);
    c->call->claimed = a;
    call_run(cs, index);
    if (c->phase == PHASE_HTTP && c->calls)
        c->call->claimed = NULL;
}

// A connection that speaks HTTP has asked for nothing else.
bool conn_call_answered(struct conns *cs, const struct answer *a)
{
    bool of_claim = a->claim != 0 && claim_answered(cs, a);
    struct conn *c = slab_get(&cs->pool, a->conn.ref.index, a->conn.ref.gen);
    if (c == NULL || c->phase != PHASE_HTTP)
        return of_claim;
    uint32_t index = a->conn.ref.index;
    ASSERT(c->asker.pending != 0);
    c->asker.pending--;
    if (!conn_live(c))
        return true; // it is not waited for any more
    ASSERT(c->calls && (c->call->state == CALL_WAITING || c->call->state == CALL_LATER));
    if (a->reply_lost)
        http_no_memory(cs, index);
    else if (of_claim)
        claim_run(cs, index, a);
    else
        call_did(cs, index, c->call->route->answered(cs, index, c->call, a));
    return true;
}

// What came of it is not known: it may be carried out yet.
bool conn_call_late(struct conns *cs, uint32_t index)
{
    const struct conn *c = conn_at(cs, index);
    if (!c->calls || c->call->state == CALL_READING)
        return false;
    http_error(cs, index, 503, "The answer took too long; what was asked for may be carried out yet.");
    return true;
}
