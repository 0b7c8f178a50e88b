// SPDX-License-Identifier: Apache-2.0
//
// HTTP on the way to WebSocket: the pages, the probes, the metrics, and the upgrade. No request of ours has a body. One
// that brings a body is refused when all of it was there, so that the next request is where it is and never where
// somebody guesses (request smuggling lives from such guesses); a GET with a body, and whoever asks first whether to send
// it (Expect), is answered at once and the connection closed. The same holds for every refused upgrade.
//
// Pages of other origins that may connect (origin.allowed) may read the client module across origins, and also why a
// connection was refused: a browser's WebSocket does not tell, so the module asks by a plain request. Everyone else's
// page learns nothing here that it could not know anyway.
#include "core/conn/conn.h"

#include "wire/host_name.h"
#include "wire/origin.h"
#include "wire/ws_handshake.h"

static void http_end(struct conns *cs, uint32_t index) { conn_end(cs, index, CLOSE_NORMAL); }

static void http_error_text(struct conns *cs, uint32_t index, uint16_t status, str sentence)
{
    metric_add(&cs->cx->metrics->http_errors, 1);
    buf_reset(&cs->head, WORKING_BYTES_MAX);
    http_put_error(&cs->head, status, sentence, true, cs->cx->wall_ms / 1000);
    fan_put_buf(cs->fan, index, &cs->head);
    http_end(cs, index);
}

static void http_error(struct conns *cs, uint32_t index, uint16_t status, const char *sentence)
{
    http_error_text(cs, index, status, str_from_cstr(sentence));
}

// A sentence about what stands in a field of the request, in the style of all our errors.
static str about_field(const char *text, str value, char ret[PROBLEM_SENTENCE_MAX])
{
    struct problem p = {.text = text, .word_kind = WORD_QUOTED, .word = value};
    return problem_sentence(&p, ret);
}

static bool http_has_body(const struct http_request *rq) { return rq->chunked || rq->content_length != 0; }

static void http_keep_alive(struct conns *cs, uint32_t index, const struct http_request *rq,
                            struct http_response *rs, size_t n)
{
    bool guest = conn_at(cs, index)->guest; // it has its place for one answer
    rs->keep_alive = rq->keep_alive && !guest && !http_has_body(rq) && !cs->cx->draining;
    rs->content_length = n;
    rs->wall_s = cs->cx->wall_ms / 1000;
}

// An answer is queued; the connection goes on if both sides want it to.
static void http_answered(struct conns *cs, uint32_t index, const struct http_response *rs)
{
    if (conn_at(cs, index)->ending != ENDING_OPEN)
        return;
    if (rs->keep_alive)
        deadline_arm(&cs->deadlines, index, cs->cx->now_ms, cs->cx->settings->handshake_ms);
    else
        http_end(cs, index);
}

// body_static: it lives as long as the process; else it is in cs->head.
static void http_answer(struct conns *cs, uint32_t index, const struct http_request *rq,
                        struct http_response *rs, str body, bool body_static)
{
    bool head_only = str_eq(rq->method, STR("HEAD")) || rs->status == 304;
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

static void http_share(const struct conns *cs, const struct http_request *rq, struct http_response *rs)
{
    const struct settings *s = cs->cx->settings;
    str origin;
    rs->vary_origin = true;
    if (http_field_count(rq, STR("Origin")) == 1 && http_field_find(rq, STR("Origin"), &origin) &&
        origin_allowed(origin, true, STR("http"), rq->host, s->origins, s->origins_n))
        rs->allow_origin = origin;
}

static void http_text(struct conns *cs, uint32_t index, const struct http_request *rq, uint16_t status,
                      str body)
{
    struct http_response rs = {
        .status = status, .content_type = STR("text/plain; charset=utf-8"), .cache_control = STR("no-store")};
    http_answer(cs, index, rq, &rs, body, true);
}

// From the shard's reserve, so that it is answered when memory is used up; false where the reserve is lent to another
// answer that somebody takes his time to read.
static bool http_metrics_reserved(struct conns *cs, uint32_t index, const struct http_request *rq,
                                  struct http_response *rs)
{
    struct buf *page = reserve_page(&cs->reserve);
    if (page == NULL || str_eq(rq->method, STR("HEAD")))
        return false;
    cs->cx->host->metrics_page(cs->cx->host->ctx, page);
    size_t body_n = page->n;
    http_keep_alive(cs, index, rq, rs, body_n);
    http_put_head(page,
                  rs); // behind the body, as there may be no memory for it elsewhere, and then in front of it
    char head[1024];
    size_t head_n = page->n - body_n;
    if (!buf_ok(page) || head_n > sizeof head)
        return false;
    memcpy(head, page->p + body_n, head_n);
    memmove(page->p + head_n, page->p, body_n);
    memcpy(page->p, head, head_n);
    reserve_page_put(&cs->reserve, &conn_at(cs, index)->asker.reader.out);
    fan_mark_dirty(cs->fan, index);
    http_answered(cs, index, rs);
    return true;
}

static void http_metrics(struct conns *cs, uint32_t index, const struct http_request *rq)
{
    struct http_response rs = {.status = 200,
                               .content_type = STR("text/plain; version=0.0.4; charset=utf-8"),
                               .cache_control = STR("no-store")};
    if (http_metrics_reserved(cs, index, rq, &rs))
        return;
    buf_reset(&cs->head, WORKING_BYTES_MAX);
    cs->cx->host->metrics_page(cs->cx->host->ctx, &cs->head);
    if (!buf_ok(&cs->head))
        http_error(cs, index, 503, "The server is out of memory.");
    else
        http_answer(cs, index, rq, &rs, buf_str(&cs->head), false);
}

static const struct asset *asset_find(const struct settings *s, str path)
{
    for (size_t i = 0; i < s->assets_n; i++)
        if (str_eq(path, str_from_cstr(s->assets[i].path)))
            return &s->assets[i];
    return NULL;
}

static void http_asset(struct conns *cs, uint32_t index, const struct http_request *rq, const struct asset *a)
{
    struct http_response rs = {.status = 200,
                               .page_policy = true,
                               .content_type = str_from_cstr(a->content_type),
                               .etag = str_from_cstr(a->etag),
                               .cache_control = STR("no-cache")};
    str tag;
    if (http_field_find(rq, STR("If-None-Match"), &tag) && http_etag_matches(tag, rs.etag))
        rs.status = 304;
    if (a->shared)
        http_share(cs, rq, &rs);
    http_answer(cs, index, rq, &rs, str_make((const char *)a->body, a->body_len), true);
}

// The row of the first subprotocol that is offered; where none is that we know, the first row of the path.
static const struct way *way_of(const struct conns *cs, const struct http_request *rq,
                                const struct way *first, str *ret_subprotocol)
{
    *ret_subprotocol = STR_NONE;
    for (const struct way *w = first; w != NULL; w = way_next(cs->cx->settings->ways, w)) {
        if (w->subprotocol == NULL || !ws_protocol_offered(rq, str_from_cstr(w->subprotocol)))
            continue;
        *ret_subprotocol = str_from_cstr(w->subprotocol);
        return w;
    }
    return first;
}

static const struct way *http_websocket(const struct conns *cs, str path)
{
    const struct way *w = way_find(cs->cx->settings->ways, TRANSPORT_HTTP, path);
    return w != NULL && w->mirror && !cs->cx->settings->echo ? NULL : w;
}

// reason: for the log, which names the origin anyway. body: for whoever wanted to connect.
static void upgrade_refuse_saying(struct conns *cs, uint32_t index, const struct http_request *rq,
                                  uint16_t status, const char *reason, str body)
{
    str origin = STR_NONE;
    http_field_find(rq, STR("Origin"), &origin);
    notice_put_about(cs->cx, NOTICE_UPGRADE_REFUSED, index, status, reason, origin);
    metric_add(&cs->cx->metrics->http_errors, 1);
    struct http_response rs = http_response_error(status, body, true, cs->cx->wall_ms / 1000);
    http_share(cs, rq, &rs);
    buf_reset(&cs->head, WORKING_BYTES_MAX);
    http_put_error_response(&cs->head, &rs, body);
    fan_put_buf(cs->fan, index, &cs->head);
    http_end(cs, index);
}

static void upgrade_refuse(struct conns *cs, uint32_t index, const struct http_request *rq, uint16_t status,
                           const char *sentence)
{
    upgrade_refuse_saying(cs, index, rq, status, sentence, str_from_cstr(sentence));
}

static void upgrade_refuse_origin(struct conns *cs, uint32_t index, const struct http_request *rq, str origin)
{
    char room[PROBLEM_SENTENCE_MAX];
    metric_add(&cs->cx->metrics->origin_refused, 1);
    upgrade_refuse_saying(
        cs, index, rq, 403, "This origin is not allowed.",
        about_field("Pages of {} may not connect; the server's operator lists who may in `origin.allowed`.",
                    origin, room));
}

static void upgrade(struct conns *cs, uint32_t index, const struct http_request *rq, const struct way *first)
{
    const struct settings *s = cs->cx->settings;
    struct conn *c = conn_at(cs, index);
    struct ws_handshake h;
    if (ws_handshake_check(rq, &h) != 101) {
        upgrade_refuse(cs, index, rq, h.status, h.reason);
        return;
    }
    if (c->guest) {
        metric_add(&cs->cx->metrics->limit_memory, 1);
        upgrade_refuse(cs, index, rq, 503, "The server is out of memory; try again later.");
        return;
    }
    if (cs->cx->draining) {
        upgrade_refuse(cs, index, rq, 503, "The server is restarting; connect again in a moment.");
        return;
    }
    if (!origin_allowed(h.origin, h.has_origin, STR("http"), h.host, s->origins, s->origins_n)) {
        upgrade_refuse_origin(cs, index, rq, h.origin);
        return;
    }
    str protocol;
    const struct way *way = way_of(cs, rq, first, &protocol);
    buf_reset(&cs->head, WORKING_BYTES_MAX);
    if (ws_handshake_put_response(&cs->head, &h, protocol) != OK ||
        speech_begin(cs->fan, index, way->encoding) != OK) {
        metric_add(&cs->cx->metrics->limit_memory, 1);
        upgrade_refuse(cs, index, rq, 503, "The server is out of memory; try again later.");
        return;
    }
    fan_put_buf(cs->fan, index, &cs->head);
    if (!conn_live(c))
        return;
    c->phase = way->mirror ? PHASE_MIRROR : PHASE_WS;
    gate_open(cs->edge, &c->asker);
    ws_decoder_init(&c->ws, s->message_bytes);
    heartbeat_start(cs, index);
    if (!way->mirror && speech_language(cs->fan, index)->greets)
        conn_greet(cs, index);
}

static void http_refuse_now(struct conns *cs, uint32_t index, const struct http_request *rq, uint16_t status)
{
    struct http_response rs = {.status = status,
                               .allow = status == 405 ? STR("GET, HEAD") : STR_NONE,
                               .content_type = STR("text/plain; charset=utf-8"),
                               .cache_control = STR("no-store")};
    str sentence = status == 405
                       ? STR("Only GET and HEAD are served here.\n")
                       : STR("There is nothing here. The chat page is at `/`, WebSocket at `/ws`.\n");
    http_share(cs, rq, &rs);
    http_answer(cs, index, rq, &rs, sentence, true);
}

static void http_refuse(struct conns *cs, uint32_t index, const struct http_request *rq, uint16_t status)
{
    struct conn *c = conn_at(cs, index);
    if (!http_has_body(rq) || http_field_count(rq, STR("Expect")) != 0) {
        http_refuse_now(cs, index, rq, status);
        return;
    }
    c->in_body = true;
    c->refused = (struct http_refused){.status = status, .keep_alive = rq->keep_alive};
    if (rq->chunked)
        http_body_init_chunked(&c->refused.body, HTTP_BODY_MAX);
    else
        http_body_init_length(&c->refused.body, (uint32_t)rq->content_length);
}

// Bytes of the body of a request that will be refused; how many they were.
static size_t http_body_take(struct conns *cs, uint32_t index, str bytes)
{
    struct conn *c = conn_at(cs, index);
    struct http_refused refused = c->refused;
    size_t used;
    enum err e = http_body_skip(&c->refused.body, bytes, &used);
    if (e == ERR_MORE)
        return used;
    if (e != OK) {
        bool large = e == ERR_TOO_LARGE;
        http_error(cs, index, large ? 413 : 400,
                   large ? "The request body is too large." : "The chunked request body is malformed.");
        return used;
    }
    c->in_body = false;
    http_scanner_init(&c->http);
    const struct http_request rest = {.method = STR("POST"), .keep_alive = refused.keep_alive};
    http_refuse_now(cs, index, &rest, refused.status);
    return used;
}

static void http_route(struct conns *cs, uint32_t index, const struct http_request *rq)
{
    const struct way *way = http_websocket(cs, rq->path);
    if (way != NULL) {
        upgrade(cs, index, rq, way);
        return;
    }
    const struct asset *a = asset_find(cs->cx->settings, rq->path);
    bool healthz = str_eq(rq->path, STR("/healthz")), readyz = str_eq(rq->path, STR("/readyz"));
    bool metrics = str_eq(rq->path, STR("/metrics"));
    bool known = a != NULL || healthz || readyz || metrics;
    if (!known || !(str_eq(rq->method, STR("GET")) || str_eq(rq->method, STR("HEAD"))))
        http_refuse(cs, index, rq, known ? 405 : 404);
    else if (healthz)
        http_text(cs, index, rq, 200, STR("ok\n"));
    else if (readyz)
        http_text(cs, index, rq, cs->cx->unready ? 503 : 200,
                  cs->cx->unready ? STR("draining\n") : STR("ready\n"));
    else if (metrics)
        http_metrics(cs, index, rq);
    else
        http_asset(cs, index, rq, a);
}

// A name that is not ours: somebody's page was made to find us under its own. The Host field is well-formed, so there is
// nothing in it to escape.
static bool host_refused(struct conns *cs, uint32_t index, const struct http_request *rq)
{
    const struct settings *s = cs->cx->settings;
    if (host_is_ours(rq->host, s->names, s->names_n, s->loopback_only))
        return false;
    metric_add(&cs->cx->metrics->host_refused, 1);
    notice_put_about(cs->cx, NOTICE_HOST_REFUSED, index, 421, NULL, rq->host);
    char room[PROBLEM_SENTENCE_MAX];
    http_error_text(cs, index, 421,
                    about_field("This server is not {}; its operator lists its names in `server.names`.",
                                rq->host, room));
    return true;
}

static void http_request_take(struct conns *cs, uint32_t index, str head)
{
    struct http_request rq;
    metric_add(&cs->cx->metrics->http_requests, 1);
    if (!gate_request(cs->edge, &conn_at(cs, index)->asker)) {
        metric_add(&cs->cx->metrics->limit_requests, 1);
        http_error(cs, index, 429, "Too many requests on one connection; wait a second.");
        return;
    }
    if (http_request_parse(head, &rq) != OK) {
        http_error(cs, index, rq.status, rq.reason);
        return;
    }
    if (host_refused(cs, index, &rq))
        return;
    str upgrade_to;
    bool upgrading = http_field_find(&rq, STR("Upgrade"), &upgrade_to);
    if (upgrading && http_has_body(&rq)) {
        http_error(cs, index, 400, "A request to upgrade has no body."); // what follows it are frames
        return;
    }
    if (rq.content_length > HTTP_BODY_MAX) {
        http_error(cs, index, 413, "The request body is too large.");
        return;
    }
    if (upgrading)
        rq.keep_alive = false; // what follows may be frames of a protocol that is not spoken here: not read
    http_route(cs, index, &rq);
}

size_t conn_http_feed(struct conns *cs, uint32_t index, uint8_t *p, size_t n)
{
    struct conn *c = conn_at(cs, index);
    size_t off = 0;
    while (conn_live(c) && c->phase == PHASE_HTTP && off < n) {
        if (c->asker.reader.out.bytes > conn_out_bound(cs, c)) {
            conn_park(cs, index);
            break;
        }
        str rest = str_make((const char *)p + off, n - off);
        if (c->in_body) {
            off += http_body_take(cs, index, rest);
            continue;
        }
        size_t head_n;
        enum err e = http_head_scan(&c->http, rest, &head_n);
        if (e == ERR_MORE)
            break;
        if (e != OK) {
            metric_add(&cs->cx->metrics->http_requests, 1);
            http_error(cs, index, c->http.status, c->http.reason);
            break;
        }
        http_scanner_init(&c->http);
        off += head_n;
        http_request_take(cs, index, str_take(rest, head_n));
    }
    return off;
}
