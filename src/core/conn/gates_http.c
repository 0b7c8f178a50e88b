// SPDX-License-Identifier: Apache-2.0
//
// What an HTTP request passes, whatever it is for (core/common/gates.h): before its body is looked at, and before it becomes a
// WebSocket.
#include "core/conn/conn_http.h"

#include "wire/host_name.h"

// A name that is not ours: somebody's page was made to find us under its own. The Host field is well-formed, so there is
// nothing in it to escape.
bool gate_host(struct conns *cs, uint32_t index, struct http_coming *in)
{
    const struct settings *s = cs->cx->settings;
    char room[PROBLEM_SENTENCE_MAX];
    const struct problem p = {.text =
                                  "This server is not {}; its operator lists its names in `server.names`.",
                              .word_kind = WORD_QUOTED,
                              .word = in->rq->host};
    if (host_is_ours(in->rq->host, s->names, s->names_n, s->loopback_only))
        return true;
    metric_add(&cs->cx->metrics->host_refused, 1);
    notice_put_about(cs->cx, NOTICE_HOST_REFUSED, index, 421, NULL, in->rq->host);
    http_error_text(cs, index, NULL, 421, problem_sentence(&p, room));
    return false;
}

// It has looked, and says so itself when the body that belongs to what it refuses has been passed over.
bool gate_door(struct conns *cs, uint32_t index, struct http_coming *in)
{
    if (in->route != NULL && in->route->screen != NULL)
        in->screened.status = in->route->screen(cs, index, in->rq, &in->screened.by);
    return true;
}

// Whom a door has let in is not counted: a backend has as much to say as it has.
bool gate_requests(struct conns *cs, uint32_t index, struct http_coming *in)
{
    bool let_in = in->route != NULL && in->route->screen != NULL && in->screened.status == 0 &&
                  in->screened.by != CALL_BY_TOKEN;
    if (let_in || gate_request(cs->edge, &conn_at(cs, index)->asker))
        return true;
    metric_add(&cs->cx->metrics->limit_requests, 1);
    http_error_text(cs, index, in->route, 429, STR("Too many requests on one connection; wait a second."));
    return false;
}
