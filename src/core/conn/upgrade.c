// SPDX-License-Identifier: Apache-2.0
//
// From HTTP to WebSocket, by the table of ways in. A refused upgrade is answered at once and the connection closed: what follows
// may be frames.
//
// Pages of other origins that may connect (origin.allowed) may read why a connection was refused: a browser's WebSocket does not
// tell, so the module asks by a plain request. Everyone else's page learns nothing here that it could not know anyway.
#include "core/conn/conn_http.h"

#include "wire/origin.h"
#include "wire/ws_handshake.h"

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
    conn_end(cs, index, CLOSE_NORMAL);
}

static void upgrade_refuse(struct conns *cs, uint32_t index, const struct http_request *rq, uint16_t status,
                           const char *sentence)
{
    upgrade_refuse_saying(cs, index, rq, status, sentence, str_from_cstr(sentence));
}

static void upgrade_refuse_origin(struct conns *cs, uint32_t index, const struct http_request *rq, str origin)
{
    char room[PROBLEM_SENTENCE_MAX];
    const struct problem p = {
        .text = "Pages of {} may not connect; the server's operator lists who may in `origin.allowed`.",
        .word_kind = WORD_QUOTED,
        .word = origin};
    metric_add(&cs->cx->metrics->origin_refused, 1);
    upgrade_refuse_saying(cs, index, rq, 403, "This origin is not allowed.", problem_sentence(&p, room));
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
        !edge_present(cs->edge, index, upgrade_token(s, rq)) ||
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

bool http_upgrade(struct conns *cs, uint32_t index, const struct http_request *rq)
{
    const struct way *way = conn_at(cs, index)->admin ? NULL : http_websocket(cs, rq->path);
    if (way != NULL)
        upgrade(cs, index, rq, way);
    return way != NULL;
}

bool http_origin_refused(struct conns *cs, uint32_t index, const struct http_request *rq)
{
    const struct settings *s = cs->cx->settings;
    str origin = STR_NONE;
    size_t count = http_field_count(rq, STR("Origin"));
    http_field_find(rq, STR("Origin"), &origin);
    if (count <= 1 && origin_allowed(origin, count == 1, STR("http"), rq->host, s->origins, s->origins_n))
        return false;
    upgrade_refuse_origin(cs, index, rq, origin);
    return true;
}
