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
#include "core/shard_state.h"

#include "wire/host_name.h"
#include "wire/origin.h"
#include "wire/ws_handshake.h"

static void http_end(struct shard *sh, uint32_t index) { conn_end(sh, index, CLOSE_NORMAL); }

static void http_error_text(struct shard *sh, uint32_t index, uint16_t status, str sentence)
{
    metric_add(&sh->metrics->http_errors, 1);
    buf_reset(&sh->http, SEGMENT_BYTES_MAX);
    http_put_error(&sh->http, status, sentence, true, sh->wall_ms / 1000);
    conn_put_buf(sh, index, &sh->http);
    http_end(sh, index);
}

static void http_error(struct shard *sh, uint32_t index, uint16_t status, const char *sentence)
{
    http_error_text(sh, index, status, str_from_cstr(sentence));
}

// A sentence about what stands in a field of the request, in the style of all our errors.
static str about_field(const char *text, str value, char ret[PROBLEM_SENTENCE_MAX])
{
    struct problem p = {.text = text, .word_kind = WORD_QUOTED, .word = value};
    return problem_sentence(&p, ret);
}

static bool http_has_body(const struct http_request *rq) { return rq->chunked || rq->content_length != 0; }

static void http_keep_alive(struct shard *sh, uint32_t index, const struct http_request *rq,
                            struct http_response *rs, size_t n)
{
    bool guest = conn_at(sh, index)->guest; // it has its place for one answer
    rs->keep_alive = rq->keep_alive && !guest && !http_has_body(rq) && !sh->draining;
    rs->content_length = n;
    rs->wall_s = sh->wall_ms / 1000;
}

// An answer is queued; the connection goes on if both sides want it to.
static void http_answered(struct shard *sh, uint32_t index, const struct http_response *rs)
{
    if (conn_at(sh, index)->ending != ENDING_OPEN)
        return;
    if (rs->keep_alive)
        deadline_arm(&sh->deadlines, index, sh->now_ms, sh->settings->handshake_ms);
    else
        http_end(sh, index);
}

// body_static: it lives as long as the process; else it is in sh->http.
static void http_answer(struct shard *sh, uint32_t index, const struct http_request *rq,
                        struct http_response *rs, str body, bool body_static)
{
    bool head_only = str_eq(rq->method, STR("HEAD")) || rs->status == 304;
    http_keep_alive(sh, index, rq, rs, body.n);
    if (rs->status >= 400)
        metric_add(&sh->metrics->http_errors, 1);
    struct buf *head = body_static ? &sh->http : &sh->encode; // where the body is not
    struct conn *c = conn_at(sh, index);
    buf_reset(head, SEGMENT_BYTES_MAX);
    http_put_head(head, rs);
    if (head_only || !buf_ok(head)) {
        conn_put_buf(sh, index, head);
    } else if (!body_static || body.n < OUT_NODE_BYTES) {
        conn_put_both(sh, index, buf_str(head), body);
    } else {
        conn_put_buf(sh, index, head);
        if (c->ending == ENDING_OPEN && outq_put_static(&c->out, sh->mem, body) != OK &&
            !reserve_say(&sh->reserve, &c->out, body))
            conn_abort(sh, index, CLOSE_MEMORY); // the head is queued already
    }
    http_answered(sh, index, rs);
}

static void http_share(const struct shard *sh, const struct http_request *rq, struct http_response *rs)
{
    const struct settings *s = sh->settings;
    str origin;
    rs->vary_origin = true;
    if (http_field_count(rq, STR("Origin")) == 1 && http_field_find(rq, STR("Origin"), &origin) &&
        origin_allowed(origin, true, STR("http"), rq->host, s->origins, s->origins_n))
        rs->allow_origin = origin;
}

static void http_text(struct shard *sh, uint32_t index, const struct http_request *rq, uint16_t status,
                      str body)
{
    struct http_response rs = {
        .status = status, .content_type = STR("text/plain; charset=utf-8"), .cache_control = STR("no-store")};
    http_answer(sh, index, rq, &rs, body, true);
}

// From the shard's reserve, so that it is answered when memory is used up; false where the reserve is lent to another
// answer that somebody takes his time to read.
static bool http_metrics_reserved(struct shard *sh, uint32_t index, const struct http_request *rq,
                                  struct http_response *rs)
{
    struct buf *page = reserve_page(&sh->reserve);
    if (page == NULL || str_eq(rq->method, STR("HEAD")))
        return false;
    sh->host->metrics_page(sh->host->ctx, page);
    size_t body_n = page->n;
    http_keep_alive(sh, index, rq, rs, body_n);
    buf_reset(&sh->encode, SEGMENT_BYTES_MAX);
    http_put_head(&sh->encode, rs);
    str head = buf_str(&sh->encode);
    if (!buf_ok(&sh->encode) || !buf_ok(page) || buf_reserve(page, head.n) == NULL)
        return false;
    buf_commit(page, head.n);
    memmove(page->p + head.n, page->p, body_n);
    memcpy(page->p, head.p, head.n);
    reserve_page_put(&sh->reserve, &conn_at(sh, index)->out);
    conn_mark_dirty(sh, index);
    http_answered(sh, index, rs);
    return true;
}

static void http_metrics(struct shard *sh, uint32_t index, const struct http_request *rq)
{
    struct http_response rs = {.status = 200,
                               .content_type = STR("text/plain; version=0.0.4; charset=utf-8"),
                               .cache_control = STR("no-store")};
    if (http_metrics_reserved(sh, index, rq, &rs))
        return;
    buf_reset(&sh->http, SEGMENT_BYTES_MAX);
    sh->host->metrics_page(sh->host->ctx, &sh->http);
    if (!buf_ok(&sh->http))
        http_error(sh, index, 503, "The server is out of memory.");
    else
        http_answer(sh, index, rq, &rs, buf_str(&sh->http), false);
}

static const struct asset *asset_find(const struct settings *s, str path)
{
    for (size_t i = 0; i < s->assets_n; i++)
        if (str_eq(path, str_from_cstr(s->assets[i].path)))
            return &s->assets[i];
    return NULL;
}

static void http_asset(struct shard *sh, uint32_t index, const struct http_request *rq, const struct asset *a)
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
        http_share(sh, rq, &rs);
    http_answer(sh, index, rq, &rs, str_make((const char *)a->body, a->body_len), true);
}

static bool http_path_websocket(const struct shard *sh, str path, uint8_t *ret_phase, uint8_t *ret_dialect)
{
    *ret_phase = PHASE_WS;
    *ret_dialect = DIALECT_JSON;
    if (str_eq(path, STR("/ws")))
        return true;
    if (str_eq(path, STR("/echo"))) {
        *ret_dialect = DIALECT_TEXT_WS;
        return true;
    }
    *ret_phase = PHASE_ECHO;
    return sh->settings->echo && str_eq(path, STR("/conformance/echo"));
}

// reason: for the log, which names the origin anyway. body: for whoever wanted to connect.
static void upgrade_refuse_saying(struct shard *sh, uint32_t index, const struct http_request *rq,
                                  uint16_t status, const char *reason, str body)
{
    str origin = STR_NONE;
    http_field_find(rq, STR("Origin"), &origin);
    shard_notice_about(sh, NOTICE_UPGRADE_REFUSED, index, status, reason, origin);
    metric_add(&sh->metrics->http_errors, 1);
    struct http_response rs = http_response_error(status, body, true, sh->wall_ms / 1000);
    http_share(sh, rq, &rs);
    buf_reset(&sh->http, SEGMENT_BYTES_MAX);
    http_put_error_response(&sh->http, &rs, body);
    conn_put_buf(sh, index, &sh->http);
    http_end(sh, index);
}

static void upgrade_refuse(struct shard *sh, uint32_t index, const struct http_request *rq, uint16_t status,
                           const char *sentence)
{
    upgrade_refuse_saying(sh, index, rq, status, sentence, str_from_cstr(sentence));
}

static void upgrade_refuse_origin(struct shard *sh, uint32_t index, const struct http_request *rq, str origin)
{
    char room[PROBLEM_SENTENCE_MAX];
    metric_add(&sh->metrics->origin_refused, 1);
    upgrade_refuse_saying(
        sh, index, rq, 403, "This origin is not allowed.",
        about_field("Pages of {} may not connect; the server's operator lists who may in `origin.allowed`.",
                    origin, room));
}

static void upgrade(struct shard *sh, uint32_t index, const struct http_request *rq, uint8_t phase,
                    uint8_t dialect)
{
    const struct settings *s = sh->settings;
    struct conn *c = conn_at(sh, index);
    struct ws_handshake h;
    if (ws_handshake_check(rq, &h) != 101) {
        upgrade_refuse(sh, index, rq, h.status, h.reason);
        return;
    }
    if (c->guest) {
        metric_add(&sh->metrics->limit_memory, 1);
        upgrade_refuse(sh, index, rq, 503, "The server is out of memory; try again later.");
        return;
    }
    if (sh->draining) {
        upgrade_refuse(sh, index, rq, 503, "The server is restarting; connect again in a moment.");
        return;
    }
    if (!origin_allowed(h.origin, h.has_origin, STR("http"), h.host, s->origins, s->origins_n)) {
        upgrade_refuse_origin(sh, index, rq, h.origin);
        return;
    }
    str protocol = STR_NONE;
    if (phase == PHASE_WS && dialect == DIALECT_JSON && ws_protocol_offered(rq, STR("plenum.v1.json")))
        protocol = STR("plenum.v1.json");
    buf_reset(&sh->http, SEGMENT_BYTES_MAX);
    if (ws_handshake_put_response(&sh->http, &h, protocol) != OK) {
        metric_add(&sh->metrics->limit_memory, 1);
        upgrade_refuse(sh, index, rq, 503, "The server is out of memory; try again later.");
        return;
    }
    conn_put_buf(sh, index, &sh->http);
    if (c->ending != ENDING_OPEN)
        return;
    c->phase = phase;
    c->dialect = dialect;
    ws_decoder_init(&c->ws, s->message_bytes);
    heartbeat_start(sh, index);
    if (phase == PHASE_WS && dialect_get((enum dialect_id)dialect)->text)
        edge_text_start(sh, index);
}

static void http_refuse_now(struct shard *sh, uint32_t index, const struct http_request *rq, uint16_t status)
{
    struct http_response rs = {.status = status,
                               .allow = status == 405 ? STR("GET, HEAD") : STR_NONE,
                               .content_type = STR("text/plain; charset=utf-8"),
                               .cache_control = STR("no-store")};
    str sentence = status == 405
                       ? STR("Only GET and HEAD are served here.\n")
                       : STR("There is nothing here. The chat page is at `/`, WebSocket at `/ws`.\n");
    http_share(sh, rq, &rs);
    http_answer(sh, index, rq, &rs, sentence, true);
}

static void http_refuse(struct shard *sh, uint32_t index, const struct http_request *rq, uint16_t status)
{
    struct conn *c = conn_at(sh, index);
    if (!http_has_body(rq) || http_field_count(rq, STR("Expect")) != 0) {
        http_refuse_now(sh, index, rq, status);
        return;
    }
    c->in_body = true;
    c->refused = (struct http_refused){.status = status, .keep_alive = rq->keep_alive};
    if (rq->chunked)
        http_body_init_chunked(&c->refused.body);
    else
        http_body_init_length(&c->refused.body, (uint32_t)rq->content_length);
}

// Bytes of the body of a request that will be refused; how many they were.
static size_t http_body_take(struct shard *sh, uint32_t index, str bytes)
{
    struct conn *c = conn_at(sh, index);
    struct http_refused refused = c->refused;
    size_t used;
    enum err e = http_body_skip(&c->refused.body, bytes, &used);
    if (e == ERR_MORE)
        return used;
    if (e != OK) {
        bool large = e == ERR_TOO_LARGE;
        http_error(sh, index, large ? 413 : 400,
                   large ? "The request body is too large." : "The chunked request body is malformed.");
        return used;
    }
    c->in_body = false;
    http_scanner_init(&c->http);
    const struct http_request rest = {.method = STR("POST"), .keep_alive = refused.keep_alive};
    http_refuse_now(sh, index, &rest, refused.status);
    return used;
}

static void http_route(struct shard *sh, uint32_t index, const struct http_request *rq)
{
    uint8_t phase, dialect;
    if (http_path_websocket(sh, rq->path, &phase, &dialect)) {
        upgrade(sh, index, rq, phase, dialect);
        return;
    }
    const struct asset *a = asset_find(sh->settings, rq->path);
    bool healthz = str_eq(rq->path, STR("/healthz")), readyz = str_eq(rq->path, STR("/readyz"));
    bool metrics = str_eq(rq->path, STR("/metrics"));
    bool known = a != NULL || healthz || readyz || metrics;
    if (!known || !(str_eq(rq->method, STR("GET")) || str_eq(rq->method, STR("HEAD"))))
        http_refuse(sh, index, rq, known ? 405 : 404);
    else if (healthz)
        http_text(sh, index, rq, 200, STR("ok\n"));
    else if (readyz)
        http_text(sh, index, rq, sh->unready ? 503 : 200, sh->unready ? STR("draining\n") : STR("ready\n"));
    else if (metrics)
        http_metrics(sh, index, rq);
    else
        http_asset(sh, index, rq, a);
}

// A name that is not ours: somebody's page was made to find us under its own. The Host field is well-formed, so there is
// nothing in it to escape.
static bool host_refused(struct shard *sh, uint32_t index, const struct http_request *rq)
{
    const struct settings *s = sh->settings;
    if (host_is_ours(rq->host, s->names, s->names_n, s->loopback_only))
        return false;
    metric_add(&sh->metrics->host_refused, 1);
    shard_notice_about(sh, NOTICE_HOST_REFUSED, index, 421, NULL, rq->host);
    char room[PROBLEM_SENTENCE_MAX];
    http_error_text(sh, index, 421,
                    about_field("This server is not {}; its operator lists its names in `server.names`.",
                                rq->host, room));
    return true;
}

static void http_request_take(struct shard *sh, uint32_t index, str head)
{
    struct http_request rq;
    metric_add(&sh->metrics->http_requests, 1);
    if (http_request_parse(head, &rq) != OK) {
        http_error(sh, index, rq.status, rq.reason);
        return;
    }
    if (host_refused(sh, index, &rq))
        return;
    str upgrade_to;
    bool upgrading = http_field_find(&rq, STR("Upgrade"), &upgrade_to);
    if (upgrading && http_has_body(&rq)) {
        http_error(sh, index, 400, "A request to upgrade has no body."); // what follows it are frames
        return;
    }
    if (rq.content_length > HTTP_BODY_MAX) {
        http_error(sh, index, 413, "The request body is too large.");
        return;
    }
    if (upgrading)
        rq.keep_alive = false; // what follows may be frames of a protocol that is not spoken here: not read
    http_route(sh, index, &rq);
}

size_t conn_http_feed(struct shard *sh, uint32_t index, uint8_t *p, size_t n)
{
    struct conn *c = conn_at(sh, index);
    size_t off = 0;
    while (c->ending == ENDING_OPEN && c->phase == PHASE_HTTP && off < n) {
        if (c->out.bytes > conn_out_bound(sh, c)) {
            conn_park(sh, index);
            break;
        }
        str rest = str_make((const char *)p + off, n - off);
        if (c->in_body) {
            off += http_body_take(sh, index, rest);
            continue;
        }
        size_t head_n;
        enum err e = http_head_scan(&c->http, rest, &head_n);
        if (e == ERR_MORE)
            break;
        if (e != OK) {
            metric_add(&sh->metrics->http_requests, 1);
            http_error(sh, index, c->http.status, c->http.reason);
            break;
        }
        http_scanner_init(&c->http);
        off += head_n;
        http_request_take(sh, index, str_take(rest, head_n));
    }
    return off;
}
