// SPDX-License-Identifier: Apache-2.0
//
// conn_http.h - what the files that speak HTTP share: conn_http.c (heads, refusals, answers), conn_call.c (bodies, asks), pages.c,
// routes.c, upgrade.c. Thread: the shard's.
#ifndef PLENUM_CORE_CONN_CONN_HTTP_H
#define PLENUM_CORE_CONN_CONN_HTTP_H

#include "core/common/gates.h"
#include "core/conn/conn.h"
#include "core/conn/route.h"
#include "wire/forwarded.h"
#include "wire/ws_handshake.h"

// What a route's screen has said of a request.
struct http_screened {
    uint16_t status; // 0: it is not refused
    uint8_t by;
};

// A request on its way in: what its gates have found out for those behind them.
struct http_coming {
    const struct http_request *rq;
    const struct http_route *route; // NULL: there is none of its path
    struct http_screened screened;
    struct forwarded forwarded; // for whom a proxy has passed it on
    struct ws_handshake ws;     // of an upgrade
};
// What it passes, and what an upgrade passes besides (common/gates.h). False: refused, and answered.
#define X(at, name, ...) \
    bool gate_##name(struct conns *cs, uint32_t index, struct http_coming *in) WARN_UNUSED;
GATES_REQUEST(X)
GATES_UPGRADE(X)
#undef X

static inline bool http_has_body(const struct http_request *rq)
{
    return rq->chunked || rq->content_length != 0;
}

// --- answers (conn_http.c)
// An error behind which the connection ends.
void http_error(struct conns *cs, uint32_t index, uint16_t status, const char *sentence);
// The same in the form of that route's errors; NULL: of none.
void http_error_text(struct conns *cs, uint32_t index, const struct http_route *route, uint16_t status,
                     str sentence);
// A body that cannot be read: ERR_SYNTAX, ERR_TOO_LARGE.
void http_error_body(struct conns *cs, uint32_t index, enum err e);
// body_static: it lives as long as the process; else it is anywhere but in cs->body.
void http_answer(struct conns *cs, uint32_t index, const struct http_request *rq, struct http_response *rs,
                 str body, bool body_static);

// Of each answer over TLS (http_response.hsts_s).
static inline uint32_t http_hsts_s(const struct conns *cs, uint32_t index)
{
    return conn_at(cs, index)->secure ? cs->cx->settings->hsts_s : 0;
}

// Whether the connection goes on; for those who write the head themselves, with http_answered behind it.
void http_keep_alive(struct conns *cs, uint32_t index, const struct http_request *rq,
                     struct http_response *rs, size_t n);
void http_answered(struct conns *cs, uint32_t index, const struct http_response *rs);
// Pages of other origins may read it, where origin.allowed says so.
void http_share(const struct conns *cs, uint32_t index, const struct http_request *rq,
                struct http_response *rs);
// Refused, when the body that comes with it has been passed over. route: 405 and 415 say what it takes; may be NULL.
void http_refuse(struct conns *cs, uint32_t index, const struct http_request *rq, uint16_t status,
                 const struct http_route *route);

// --- for whom (forwarded.c): where the peer is a proxy that is believed, the connection is whose the request says that it is, until the
// next one.
void http_speaks_for(struct conns *cs, uint32_t index, struct http_coming *in);

// --- to WebSocket (upgrade.c); false where the path is none of ours
bool http_upgrade(struct conns *cs, uint32_t index, const struct http_coming *coming);
// The tenant that a subprotocol names (upgrade_token.c); false: there is no such one, or two are named.
bool upgrade_tenant(const struct settings *s, const struct http_request *rq, uint8_t *ret) WARN_UNUSED;
// The token that came with the request (upgrade_token.c); it borrows. Absent: none did.
str upgrade_token(const struct settings *s, const struct http_request *rq);
void upgrade_no_memory(struct conns *cs, uint32_t index, const struct http_request *rq);
// A page of another origin that may not come here: refused.
bool http_origin_refused(struct conns *cs, uint32_t index, const struct http_request *rq);

// --- calls (conn_call.c)
void http_call_begin(struct conns *cs, uint32_t index, const struct http_request *rq, str head,
                     const struct http_route *route, const struct http_screened *screened);
// Bytes of its body; how many were taken.
size_t http_call_take(struct conns *cs, uint32_t index, str bytes);

// --- pages (pages.c)
void page_healthz(struct conns *cs, uint32_t index, const struct http_request *rq);
void page_readyz(struct conns *cs, uint32_t index, const struct http_request *rq);
void page_metrics(struct conns *cs, uint32_t index, const struct http_request *rq);
void page_to_admin(struct conns *cs, uint32_t index, const struct http_request *rq);
void page_asset(struct conns *cs, uint32_t index, const struct http_request *rq);

#endif
