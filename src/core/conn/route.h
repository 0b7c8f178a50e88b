// SPDX-License-Identifier: Apache-2.0
//
// route.h - what is served over HTTP beside WebSocket: a table of paths, each with the methods it takes, what may be in a body,
// and who answers.
//
//      request --> a way in (dialect/ways.h)? --> WebSocket
//                  a route? -- answer: at once, of the head alone (pages, probes)
//                     |
//                     '------- call: with its body; may ask a home, and is answered when the answer comes
//                                 READING --body is there--> call() --HTTP_ASKED--> WAITING --> answered()
//                                                              | HTTP_LATER: a mailbox is full; asked again
//
// Nothing of the requests behind it is looked at before it is answered. The asker may be gone by then: nobody is told.
// An answer that does not come within limits.handshake_ms is not waited for (503).
//
// Core's own rows are in routes.c; a module brings its rows in settings.routes.
//
// Invariants (conn_call_check)
//   1. there is a call only while the connection speaks HTTP and is open; it is not in its handler
//   2. WAITING: exactly one ask of the connection is not answered, and the body is given up
//   3. LATER: the connection is parked
//
// Limits: body_max per route; one call per connection. A call is a block of its own, booked as all memory, and grows by what comes
// of a body, not by what is announced. Thread: the shard's.
#ifndef PLENUM_CORE_CONN_ROUTE_H
#define PLENUM_CORE_CONN_ROUTE_H

#include "core/mail/post.h"
#include "wire/http.h"
#include "wire/http_body.h"

struct conns;
struct http_call;

// GET serves HEAD.
enum { METHOD_GET = 1, METHOD_POST = 2, METHOD_PUT = 4, METHOD_DELETE = 8 };

enum http_did {
    HTTP_ANSWERED, // http_reply was called, or http_ask has refused it
    HTTP_ASKED,    // http_ask has: answered() follows
    HTTP_LATER,    // nothing was done: to be called again
};

struct http_route {
    const char *path;
    uint8_t methods;
    uint32_t body_max; // bytes; 0: it takes none, and `media` is NULL
    const char *media; // types that a body may have: "application/json, text/plain"
    void (*answer)(struct conns *cs, uint32_t conn, const struct http_request *rq); // or
    enum http_did (*call)(struct conns *cs, uint32_t conn, struct http_call *call);
    // Must reply.
    void (*answered)(struct conns *cs, uint32_t conn, struct http_call *call, const struct answer *a);
};

enum call_state { CALL_READING, CALL_CALLED, CALL_LATER, CALL_WAITING };

struct http_call {
    const struct http_route *route;
    uint8_t state;
    struct http_body reader;
    char *body;
    uint32_t body_n, body_cap;
    uint32_t head_n;
    char head[]; // of the request, as it came
};

static inline str http_call_body(const struct http_call *call) { return str_make(call->body, call->body_n); }
// Its head, parsed (which it can be: it has been).
void http_call_request(const struct http_call *call, struct http_request *ret);

// --- for handlers
// An ask in the name of a request, of nobody: who asks, and what, is the handler's to fill in. The answer's payload is encoded in
// `encoding`.
struct ask http_ask_make(const struct conns *cs, uint32_t conn, enum ask_type type, uint8_t encoding);
// HTTP_ASKED; HTTP_LATER where the mailbox of `dest` is full; HTTP_ANSWERED: there was no memory, and it has been told so.
// Not for what leaves something behind at the edge (a join, a leave, a registration).
enum http_did http_ask(struct conns *cs, uint32_t conn, uint32_t dest, const struct ask *a) WARN_UNUSED;
// The answer. `type` is static.
void http_reply(struct conns *cs, uint32_t conn, uint16_t status, str type, str body);

// NULL where nothing is served under that path.
const struct http_route *http_route_find(const struct conns *cs, str path);

#endif
