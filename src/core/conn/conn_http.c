// SPDX-License-Identifier: Apache-2.0
//
// HTTP on the way to WebSocket, and beside it: request heads to routes (route.h), refusals, answers. Requests are answered one by
// one, in their order.
//
// A request that is refused is so when all of its body was there, so that the next request is where it is and never where somebody
// guesses (request smuggling lives from such guesses); where a body goes to a page, and where somebody asks first whether to send
// one that nobody wants (Expect), the connection is closed behind the answer.
//
// Pages of other origins that may connect (origin.allowed) may read the client module across origins.
#include "core/conn/conn_http.h"

#include "wire/foreign.h"
#include "wire/origin.h"

static void http_end(struct conns *cs, uint32_t index) { conn_end(cs, index, CLOSE_NORMAL); }

// As the route puts its errors.
static void put_error(struct conns *cs, uint32_t index, const struct http_route *route, uint16_t status,
                      str sentence)
{
    ASSERT(status >= 400);
    ASSERT(sentence.n != 0);
    uint64_t wall_s = cs->cx->wall_ms / 1000;
    bool own_words = route != NULL && route->put_error != NULL;
    if (own_words) {
        buf_reset(&cs->body, WORKING_BYTES_MAX);
        route->put_error(&cs->body, status, sentence);
        sentence = buf_str(&cs->body);
    }
    struct http_response rs = http_response_error(status, sentence, true, wall_s);
    rs.head_only = conn_at(cs, index)->head_only;
    rs.hsts_s = http_hsts_s(cs, index);
    if (own_words)
        rs.content_type = route->error_type;
    buf_reset(&cs->head, WORKING_BYTES_MAX);
    http_put_error_response(&cs->head, &rs, sentence);
    fan_put_buf(cs->fan, index, &cs->head);
}

void http_error_text(struct conns *cs, uint32_t index, const struct http_route *route, uint16_t status,
                     str sentence)
{
    metric_add(&cs->cx->metrics->http_errors, 1);
    put_error(cs, index, route, status, sentence);
    http_end(cs, index);
}

// Of the call at hand.
static const struct http_route *route_of(const struct conns *cs, uint32_t index)
{
    const struct conn *c = conn_at(cs, index);
    return c->calls ? c->call->route : NULL;
}

void http_error(struct conns *cs, uint32_t index, uint16_t status, const char *sentence)
{
    http_error_text(cs, index, route_of(cs, index), status, str_from_cstr(sentence));
}

void conn_http_late(struct conns *cs, uint32_t index)
{
    put_error(cs, index, route_of(cs, index), 408, STR("The request did not arrive in time."));
}

void http_error_body(struct conns *cs, uint32_t index, enum err e)
{
    if (e != ERR_TOO_LARGE) {
        http_error(cs, index, 400, "The chunked request body is malformed.");
        return;
    }
    metric_add(&cs->cx->metrics->limit_body, 1);
    http_error(cs, index, 413, "The request body is too large.");
}

void http_keep_alive(struct conns *cs, uint32_t index, const struct http_request *rq,
                     struct http_response *rs, size_t n)
{
    bool guest = conn_at(cs, index)->guest; // it has its place for one answer
    rs->keep_alive = rq->keep_alive && !guest && !http_has_body(rq) && !cs->cx->draining;
    rs->content_length = n;
    rs->wall_s = cs->cx->wall_ms / 1000;
    rs->hsts_s = http_hsts_s(cs, index);
}

// It is queued; the connection goes on if both sides want it to.
void http_answered(struct conns *cs, uint32_t index, const struct http_response *rs)
{
    struct conn *c = conn_at(cs, index);
    c->head_only = false;
    if (c->ending != ENDING_OPEN)
        return;
    if (rs->keep_alive)
        deadline_arm(&cs->deadlines, index, cs->cx->now_ms, cs->cx->settings->handshake_ms);
    else
        http_end(cs, index);
}

void http_answer(struct conns *cs, uint32_t index, const struct http_request *rq, struct http_response *rs,
                 str body, bool body_static)
{
    bool head_only = conn_at(cs, index)->head_only || rs->status == 304;
    http_keep_alive(cs, index, rq, rs, body.n);
    if (rs->status >= 400)
        metric_add(&cs->cx->metrics->http_errors, 1);
    struct buf *head = body_static ? &cs->head : &cs->body; // where the body is not
    struct conn *c = conn_at(cs, index);
    buf_reset(head, WORKING_BYTES_MAX);
    http_put_head(head, rs);
    if (head_only || !buf_ok(head)) {
        fan_put_buf(cs->fan, index, head);
    } else if (!body_static || body.n < OUT_NODE_BYTES) {
        fan_put_both(cs->fan, index, buf_str(head), body);
    } else {
        fan_put_buf(cs->fan, index, head);
        if (conn_live(c) && outq_put_static(&c->asker.reader.out, cs->cx->mem, body) != OK &&
            !reserve_say(&cs->reserve, &c->asker.reader.out, body))
            conn_abort(cs, index, CLOSE_MEMORY); // the head is queued already
    }
    http_answered(cs, index, rs);
}

void http_share(const struct conns *cs, uint32_t index, const struct http_request *rq,
                struct http_response *rs)
{
    const struct settings *s = cs->cx->settings;
    str origin;
    rs->vary_origin = true;
    if (http_field_count(rq, STR("Origin")) == 1 && http_field_find(rq, STR("Origin"), &origin) &&
        origin_allowed(origin, true, conn_scheme(conn_at(cs, index)), rq->host, s->origins, s->origins_n))
        rs->allow_origin = origin;
}

static const struct {
    uint8_t method;
    str name;
} methods[] = {{METHOD_GET, STR("GET")},
               {METHOD_GET, STR("HEAD")},
               {METHOD_POST, STR("POST")},
               {METHOD_PUT, STR("PUT")},
               {METHOD_DELETE, STR("DELETE")}};
enum { METHODS = sizeof methods / sizeof methods[0] };

// "GET, HEAD"
static str methods_of(const struct http_route *route, struct buf *out)
{
    buf_reset(out, WORKING_BYTES_MAX);
    for (size_t i = 0; i < METHODS; i++) {
        if ((route->methods & methods[i].method) == 0)
            continue;
        if (out->n != 0)
            BUF_PUT_LIT(out, ", ");
        buf_put_str(out, methods[i].name);
    }
    return buf_str(out);
}

static bool method_taken(const struct http_route *route, str method)
{
    for (size_t i = 0; i < METHODS; i++)
        if (str_eq(method, methods[i].name))
            return (route->methods & methods[i].method) != 0;
    return false;
}

static void http_refuse_now(struct conns *cs, uint32_t index, const struct http_request *rq, uint16_t status,
                            const struct http_route *route)
{
    struct http_response rs = {
        .status = status, .content_type = STR("text/plain; charset=utf-8"), .cache_control = STR("no-store")};
    str sentence = conn_at(cs, index)->admin
                       ? STR("There is nothing here. The admin page is at `/admin/`, the API at `/api/`.\n")
                       : STR("There is nothing here. The chat page is at `/`, WebSocket at `/ws`.\n");
    if (status == 405) {
        rs.allow = methods_of(route, &cs->body);
        sentence = route->methods == METHOD_GET ? STR("Only GET and HEAD are served here.\n")
                                                : STR("This method is not served here.\n");
    } else if (status == 415) {
        sentence = STR("A body of this media type is not taken here.\n");
    }
    http_share(cs, index, rq, &rs);
    http_answer(cs, index, rq, &rs, sentence, true);
}

void http_refuse(struct conns *cs, uint32_t index, const struct http_request *rq, uint16_t status,
                 const struct http_route *route)
{
    struct conn *c = conn_at(cs, index);
    if (rq->content_length > HTTP_BODY_MAX) {
        http_error_body(cs, index, ERR_TOO_LARGE);
        return;
    }
    if (!http_has_body(rq) || http_field_count(rq, STR("Expect")) != 0) {
        http_refuse_now(cs, index, rq, status, route);
        return;
    }
    c->in_body = true;
    c->refused = (struct http_refused){.status = status, .keep_alive = rq->keep_alive, .route = route};
    if (rq->chunked)
        http_body_init_chunked(&c->refused.body, HTTP_BODY_MAX);
    else
        http_body_init_length(&c->refused.body, (uint32_t)rq->content_length);
}

// Bytes of the body of a request that will be refused; how many they were.
static size_t refused_take(struct conns *cs, uint32_t index, str bytes)
{
    struct conn *c = conn_at(cs, index);
    size_t used;
    enum err e = http_body_skip(&c->refused.body, bytes, &used);
    ASSERT(used <= bytes.n);
    if (e == ERR_MORE)
        return used;
    struct http_refused refused = c->refused;
    if (e != OK) {
        http_error_body(cs, index, e);
        return used;
    }
    c->in_body = false;
    http_scanner_init(&c->http);
    const struct http_request rest = {.method = STR("POST"), .keep_alive = refused.keep_alive};
    http_refuse_now(cs, index, &rest, refused.status, refused.route);
    return used;
}

// screened: what its screen has said, where it has one.
static void http_request_go(struct conns *cs, uint32_t index, const struct http_request *rq, str head,
                            const struct http_route *route, const struct http_screened *screened)
{
    if (route == NULL)
        http_refuse(cs, index, rq, 404, NULL);
    else if (route->screen != NULL)
        http_call_begin(cs, index, rq, head, route, screened);
    else if (!method_taken(route, rq->method))
        http_refuse(cs, index, rq, 405, route);
    else if (route->answer != NULL && rq->content_length > HTTP_BODY_MAX)
        http_error_body(cs, index, ERR_TOO_LARGE);
    else if (route->answer != NULL)
        route->answer(cs, index, rq);
    else if (!http_origin_refused(cs, index, rq))
        http_call_begin(cs, index, rq, head, route, screened);
}

static void http_request_take(struct conns *cs, uint32_t index, str head)
{
    ASSERT(head.n <= HTTP_HEAD_MAX);
    struct http_request rq;
    struct http_coming in = {.rq = &rq};
    metric_add(&cs->cx->metrics->http_requests, 1);
    bool good = http_request_parse(head, &rq) == OK;
    conn_at(cs, index)->head_only = str_eq(rq.method, STR("HEAD"));
    if (!good) {
        http_error(cs, index, rq.status, rq.reason);
        return;
    }
    in.route = http_route_find(cs, index, rq.path);
    http_speaks_for(cs, index, &in);
#define X(at, name, ...)              \
    if (!gate_##name(cs, index, &in)) \
        return;
    GATES_REQUEST(X)
#undef X
    str upgrade_to;
    bool upgrading = http_field_find(&rq, STR("Upgrade"), &upgrade_to);
    if (upgrading && http_has_body(&rq)) {
        http_error(cs, index, 400, "A request to upgrade has no body."); // what follows it are frames
        return;
    }
    if (upgrading)
        rq.keep_alive = false; // what follows may be frames of a protocol that is not spoken here: not read
    if (!http_upgrade(cs, index, &in))
        http_request_go(cs, index, &rq, head, in.route, &in.screened);
}

// In plain words, as a client of TLS then says what everybody knows and can look up: "wrong version number", which an alert is not taken
// for.
static void http_not_tls(struct conns *cs, uint32_t index)
{
    notice_put(cs->cx, NOTICE_WRONG_PROTOCOL, index, 0, "TLS", STR_NONE);
    http_error(cs, index, 400, "This port speaks HTTP without TLS: say http:// or ws:// instead.");
}

size_t conn_http_feed(struct conns *cs, uint32_t index, uint8_t *p, size_t n)
{
    struct conn *c = conn_at(cs, index);
    size_t off = 0;
    while (conn_live(c) && c->phase == PHASE_HTTP && !c->parked && !mail_is_here(cs->mail) && off < n) {
        if (c->asker.reader.out.bytes > conn_out_bound(cs, c)) {
            conn_park(cs, index);
            break;
        }
        str rest = str_make((const char *)p + off, n - off);
        if (c->in_body) {
            off += refused_take(cs, index, rest);
            continue;
        }
        if (c->calls && c->call->state != CALL_READING) { // what is pipelined behind it waits for its turn
            conn_park(cs, index);
            break;
        }
        if (c->calls) {
            off += http_call_take(cs, index, rest);
            continue;
        }
        if (!c->secure && foreign_is_tls_not_http(rest)) {
            http_not_tls(cs, index);
            break;
        }
        size_t head_n;
        enum err e = http_head_scan(&c->http, rest, &head_n);
        if (e == ERR_MORE)
            break;
        if (e != OK) {
            metric_add(&cs->cx->metrics->http_requests, 1);
            c->head_only = str_starts(rest, STR("HEAD "));
            http_error(cs, index, c->http.status, c->http.reason);
            break;
        }
        ASSERT(head_n <= rest.n);
        ASSERT(head_n != 0);
        http_scanner_init(&c->http);
        off += head_n;
        http_request_take(cs, index, str_take(rest, head_n));
    }
    ASSERT(off <= n);
    return off;
}
