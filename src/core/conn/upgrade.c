// SPDX-License-Identifier: Apache-2.0
//
// From HTTP to WebSocket, by the table of ways in. A refused upgrade is answered at once and the connection closed: what follows
// may be frames.
//
// What it passes before is in gates_upgrade.c.
#include "core/conn/conn_http.h"

#include "core/conn/inbound.h"
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

static void upgrade(struct conns *cs, uint32_t index, const struct http_coming *coming,
                    const struct way *first)
{
    struct conn *c = conn_at(cs, index);
    const struct http_request *rq = coming->rq;
    struct http_coming in = *coming;
#define X(at, name, ...)              \
    if (!gate_##name(cs, index, &in)) \
        return;
    GATES_UPGRADE(X)
#undef X
    str protocol;
    const struct way *way = way_of(cs, rq, first, &protocol);
    const struct encoding *spoken =
        inbound_agree(cs, index, rq, encoding_of(cs->cx, way->encoding), &cs->body);
    buf_reset(&cs->head, WORKING_BYTES_MAX);
    if (ws_handshake_put_response(&cs->head, &in.ws, protocol, buf_str(&cs->body)) != OK ||
        !buf_ok(&cs->body) || speech_begin(cs->fan, index, spoken->id) != OK) {
        upgrade_no_memory(cs, index, rq);
        return;
    }
    fan_put_buf(cs->fan, index, &cs->head);
    if (!conn_live(c))
        return;
    c->phase = way->mirror ? PHASE_MIRROR : PHASE_WS;
    who_settle(&c->asker.reader.who, cs->cx->mem);
    gate_open(cs->edge, &c->asker);
    ws_decoder_init(&c->ws, cs->cx->settings->message_bytes);
    if (spoken->deflate != 0)
        ws_decoder_deflate(&c->ws);
    heartbeat_start(cs, index);
    if (!way->mirror && speech_language(cs->fan, index)->greets)
        conn_greet(cs, index);
}

bool http_upgrade(struct conns *cs, uint32_t index, const struct http_coming *coming)
{
    const struct way *way = conn_at(cs, index)->admin ? NULL : http_websocket(cs, coming->rq->path);
    if (way != NULL)
        upgrade(cs, index, coming, way);
    return way != NULL;
}
