// SPDX-License-Identifier: Apache-2.0
//
// What an upgrade to WebSocket passes (core/common/gates.h).
//
// Pages of other origins that may connect (origin.allowed) may read why a connection was refused: a browser's WebSocket does not
// tell, so the module asks by a plain request. Everyone else's page learns nothing here that it could not know anyway.
#include "core/conn/conn_http.h"

#include "wire/origin.h"

// reason: for the log, which names the origin anyway. body: for whoever wanted to connect.
static void refuse_saying(struct conns *cs, uint32_t index, const struct http_request *rq, uint16_t status,
                          const char *reason, str body)
{
    str origin = STR_NONE;
    http_field_find(rq, STR("Origin"), &origin);
    notice_put_about(cs->cx, NOTICE_UPGRADE_REFUSED, index, status, reason, origin);
    metric_add(&cs->cx->metrics->http_errors, 1);
    struct http_response rs = http_response_error(status, body, true, cs->cx->wall_ms / 1000);
    http_share(cs, index, rq, &rs);
    rs.head_only = conn_at(cs, index)->head_only;
    rs.hsts_s = http_hsts_s(cs, index);
    buf_reset(&cs->head, WORKING_BYTES_MAX);
    http_put_error_response(&cs->head, &rs, body);
    fan_put_buf(cs->fan, index, &cs->head);
    conn_end(cs, index, CLOSE_NORMAL);
}

static void refuse(struct conns *cs, uint32_t index, const struct http_request *rq, uint16_t status,
                   const char *sentence)
{
    refuse_saying(cs, index, rq, status, sentence, str_from_cstr(sentence));
}

static void refuse_origin(struct conns *cs, uint32_t index, const struct http_request *rq, str origin)
{
    char room[PROBLEM_SENTENCE_MAX];
    const struct problem p = {
        .text = "Pages of {} may not connect; the server's operator lists who may in `origin.allowed`.",
        .word_kind = WORD_QUOTED,
        .word = origin};
    metric_add(&cs->cx->metrics->origin_refused, 1);
    refuse_saying(cs, index, rq, 403, "This origin is not allowed.", problem_sentence(&p, room));
}

void upgrade_no_memory(struct conns *cs, uint32_t index, const struct http_request *rq)
{
    metric_add(&cs->cx->metrics->limit_memory, 1);
    refuse(cs, index, rq, 503, "The server is out of memory; try again later.");
}

bool gate_handshake(struct conns *cs, uint32_t index, struct http_coming *in)
{
    if (ws_handshake_check(in->rq, &in->ws) == 101)
        return true;
    refuse(cs, index, in->rq, in->ws.status, in->ws.reason);
    return false;
}

bool gate_reserve(struct conns *cs, uint32_t index, struct http_coming *in)
{
    if (!conn_at(cs, index)->guest)
        return true;
    upgrade_no_memory(cs, index, in->rq);
    return false;
}

bool gate_drain(struct conns *cs, uint32_t index, struct http_coming *in)
{
    if (!cs->cx->draining)
        return true;
    refuse(cs, index, in->rq, 503, "The server is restarting; connect again in a moment.");
    return false;
}

// Who comes by a proxy is counted when he stays: its connections carry requests of many.
bool gate_client(struct conns *cs, uint32_t index, struct http_coming *in)
{
    const struct shard_host *host = cs->cx->host;
    if (!in->forwarded.named || host->count == NULL ||
        host->count(host->ctx, index, &in->forwarded.client.ip) != ERR_LIMIT)
        return true;
    metric_add(&cs->cx->metrics->limit_address, 1);
    refuse(cs, index, in->rq, 429, "There are too many connections from your address; close one first.");
    return false;
}

bool gate_origin(struct conns *cs, uint32_t index, struct http_coming *in)
{
    const struct settings *s = cs->cx->settings;
    if (origin_allowed(in->ws.origin, in->ws.has_origin, conn_scheme(conn_at(cs, index)), in->ws.host,
                       s->origins, s->origins_n))
        return true;
    refuse_origin(cs, index, in->rq, in->ws.origin);
    return false;
}

bool gate_tenant(struct conns *cs, uint32_t index, struct http_coming *in)
{
    struct who *who = &conn_at(cs, index)->asker.reader.who;
    if (!upgrade_tenant(cs->cx->settings, in->rq, &who->tenant_named)) {
        refuse(cs, index, in->rq, 403,
               "There is no such tenant; `plenum.tenant.NAME` is offered once, with the name of one.");
        return false;
    }
    who->tenant = who->tenant_named;
    return true;
}

bool gate_token(struct conns *cs, uint32_t index, struct http_coming *in)
{
    if (edge_present(cs->edge, index, upgrade_token(cs->cx->settings, in->rq)))
        return true;
    upgrade_no_memory(cs, index, in->rq);
    return false;
}

bool http_origin_refused(struct conns *cs, uint32_t index, const struct http_request *rq)
{
    const struct settings *s = cs->cx->settings;
    str origin = STR_NONE;
    size_t count = http_field_count(rq, STR("Origin"));
    http_field_find(rq, STR("Origin"), &origin);
    if (count <= 1 && origin_allowed(origin, count == 1, conn_scheme(conn_at(cs, index)), rq->host,
                                     s->origins, s->origins_n))
        return false;
    refuse_origin(cs, index, rq, origin);
    return true;
}
