// SPDX-License-Identifier: Apache-2.0
//
// Requests that have a body, or that ask a home: kept in a block of their own (struct http_call) until they are answered. A
// connection that has none pays nothing for it.
//
// While the answer is on its way, the connection is an asker like any other: pending counts it, the end of its bytes waits for it,
// and it is parked as soon as there is something behind the request.
#include "core/conn/conn_http.h"

// As much more than has come (conn_ws.c says why not twice).
enum { BODY_STEP = 4096 };

void http_call_request(const struct http_call *call, struct http_request *ret)
{
    enum err e = http_request_parse(str_make(call->head, call->head_n), ret);
    ASSERT(e == OK);
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
    mem_free(cs->cx->mem, c->call, sizeof *c->call + c->call->head_n);
    c->calls = false;
    http_scanner_init(&c->http);
}

static void no_memory(struct conns *cs, uint32_t index)
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
    ASSERT(!c->calls || c->ending == ENDING_OPEN); // 1
    ASSERT(c->phase != PHASE_HTTP || c->asker.pending <= 1);
    if (!c->calls)
        return;
    const struct http_call *call = c->call;
    bool waits = call->state == CALL_WAITING;
    ASSERT(call->state != CALL_CALLED);             // 1
    ASSERT(waits == (c->asker.pending == 1));       // 2
    ASSERT(call->state != CALL_LATER || c->parked); // 3
    ASSERT(call->body_n <= call->body_cap);
    ASSERT(call->body_n <= call->route->body_max);
    ASSERT(!waits || call->body == NULL); // 2
}

// --- the request

static void call_run(struct conns *cs, uint32_t index)
{
    struct conn *c = conn_at(cs, index);
    c->call->state = CALL_CALLED;
    switch (c->call->route->call(cs, index, c->call)) {
    case HTTP_ANSWERED:
        ASSERT(!c->calls || !conn_live(c));
        break;
    case HTTP_ASKED:
        ASSERT(c->call->state == CALL_WAITING);
        body_free(cs, c->call); // the ask has its own copy of what it needs
        break;
    case HTTP_LATER:
        c->call->state = CALL_LATER;
        conn_park(cs, index);
        break;
    }
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

void http_call_begin(struct conns *cs, uint32_t index, const struct http_request *rq, str head,
                     const struct http_route *route)
{
    struct conn *c = conn_at(cs, index);
    bool body = http_has_body(rq);
    if (http_origin_refused(cs, index, rq))
        return;
    if (rq->content_length > route->body_max || (rq->chunked && route->body_max == 0)) {
        http_error_body(cs, index, ERR_TOO_LARGE);
        return;
    }
    if (body && !media_taken(rq, route)) {
        http_refuse(cs, index, rq, 415, route);
        return;
    }
    struct http_call *call = c->guest ? NULL : mem_alloc(cs->cx->mem, sizeof *call + head.n);
    if (call == NULL) {
        no_memory(cs, index);
        return;
    }
    *call = (struct http_call){.route = route, .head_n = (uint32_t)head.n};
    memcpy(call->head, head.p, head.n);
    c->call = call;
    c->calls = true;
    if (rq->chunked)
        http_body_init_chunked(&call->reader, route->body_max);
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
    else if (!body_append(cs, call, piece))
        no_memory(cs, index);
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
    struct conn *c = conn_at(cs, index);
    struct http_request rq;
    struct http_response rs = {.status = status,
                               .retry_after_s = status == 503 || status == 429 ? 1 : 0,
                               .content_type = type,
                               .cache_control = STR("no-store")};
    ASSERT(c->calls && (c->call->state == CALL_CALLED || c->call->state == CALL_WAITING));
    http_call_request(c->call, &rq);
    http_share(cs, &rq, &rs);
    rq.chunked = false; // its body has been read: the next request is where it should be
    rq.content_length = 0;
    http_answer(cs, index, &rq, &rs, body, false);
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
                        .lasting = ask_lasts(type)};
}

enum http_did http_ask(struct conns *cs, uint32_t index, uint32_t dest, const struct ask *a)
{
    struct conn *c = conn_at(cs, index);
    ASSERT(c->calls && c->call->state == CALL_CALLED && c->asker.pending == 0);
    ASSERT(a->type != ASK_JOIN && a->type != ASK_LEAVE && a->type != ASK_REGISTER && a->type != ASK_RENAME);
    if (!edge_may_ask(cs->edge, index, dest, a->lasting))
        return HTTP_LATER;
    if (!post_ask(cs->mail, dest, a)) {
        no_memory(cs, index);
        return HTTP_ANSWERED;
    }
    c->asker.pending = 1;
    c->asker.pending_shard = (uint8_t)dest;
    c->call->state = CALL_WAITING;
    deadline_arm(&cs->deadlines, index, cs->cx->now_ms, cs->cx->settings->handshake_ms);
    return HTTP_ASKED;
}

// A connection that speaks HTTP has asked for nothing else.
bool conn_call_answered(struct conns *cs, const struct answer *a)
{
    struct conn *c = slab_get(&cs->pool, a->conn.ref.index, a->conn.ref.gen);
    if (c == NULL || c->phase != PHASE_HTTP)
        return false;
    ASSERT(c->asker.pending == 1);
    c->asker.pending = 0;
    if (!conn_live(c))
        return true; // it is not waited for any more
    ASSERT(c->calls && c->call->state == CALL_WAITING);
    if (a->reply_lost)
        no_memory(cs, a->conn.ref.index);
    else
        c->call->route->answered(cs, a->conn.ref.index, c->call, a);
    ASSERT(!c->calls || !conn_live(c));
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
