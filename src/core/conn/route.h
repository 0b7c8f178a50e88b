// SPDX-License-Identifier: Apache-2.0
//
// route.h - what is served over HTTP beside WebSocket: a table of paths, each with the methods it takes, what may be in a body,
// and who answers.
//
//      request --> a way in (dialect/ways.h)? --> WebSocket
//                  a route? -- answer: at once, of the head alone (pages, probes)
//                     |
//                     '------- call: with its body; may ask homes, and is answered when their answers have come
//                                 READING --body is there--> call() --HTTP_ASKED--> WAITING --> answered() for each
//                                                              | HTTP_LATER: a mailbox is full; call() again
//
// A route may have a *screen*: it looks at a request before its body is read, and says by which status it will be refused. Then
// the body is passed over, and call() says why.
//
// Nothing of the requests behind it is looked at before it is answered. The asker may be gone by then: nobody is told.
// An answer that does not come within limits.handshake_ms is not waited for (503).
//
// Core's own rows are in routes.c; a module brings its rows in settings.routes.
//
// Invariants (conn_call_check)
//   1. there is a call only while the connection speaks HTTP and is open; it is not in its handler
//   2. WAITING: asks of the connection are not answered, HTTP_ASKS_MAX at most, and the body is given up, unless it is kept
//      for more of them
//   3. LATER: the connection is parked
//
// Limits: body_max per route; one call per connection, HTTP_ASKS_MAX asks of it under way. A call is a block of its own, booked as all memory, and grows by what comes
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
    HTTP_ASKED,    // asks are under way: answered() follows for each
    HTTP_LATER,    // not all could be asked that is to be: call() again
};

enum { HTTP_ASKS_MAX = 64 };
// What a screen says of who asks where only a helper can tell, as it is said by a token: such a request is counted (gate_requests).
enum { CALL_BY_TOKEN = UINT8_MAX };

struct http_route {
    const char *path;
    bool prefix; // ends with '/': and all that is below it
    bool admin;  // for whoever runs the server: where settings.admin_only, on its listener only
    bool inside; // on that listener and nowhere else, whatever the settings say
    uint8_t methods;
    uint32_t body_max;  // bytes; 0: it takes none, and `media` is NULL
    bool body_settings; // settings.api_body_bytes instead
    const char *media;  // types that a body may have: "application/json, text/plain"
    void (*answer)(struct conns *cs, uint32_t conn, const struct http_request *rq); // or
    enum http_did (*call)(struct conns *cs, uint32_t conn, struct http_call *call);
    // HTTP_ANSWERED when it was the last one; else what has come is kept by the handler.
    enum http_did (*answered)(struct conns *cs, uint32_t conn, struct http_call *call,
                              const struct answer *a);
    // These may be NULL. Of a call: the status by which a request is refused, 0: it is not; instead of the looks at method,
    // origin and media type. *ret_by is kept in the call.
    uint16_t (*screen)(struct conns *cs, uint32_t conn, const struct http_request *rq, uint8_t *ret_by);
    void (*drop)(struct conns *cs, void **own); // frees call->own
    // What a request with a key has come to (claims.h): by its only answer, own is NULL; by all that its handler keeps, a is NULL.
    // With both that answer is one of many to a request whose connection has gone, to be kept. ret_text: room for ret->body.
    void (*settle)(struct conns *cs, void *own, const struct answer *a, struct buf *ret_text,
                   struct settle_mail *ret);
    str error_type; // of errors of the connection (413, 503), and the words
    void (*put_error)(struct buf *out, uint16_t status, str sentence);
};

enum call_state { CALL_READING, CALL_CALLED, CALL_LATER, CALL_WAITING };

struct http_call {
    const struct http_route *route;
    uint8_t state;
    uint8_t by;                   // as its screen says: who asks
    bool keeps_body;              // by its handler: while it waits, as there is more to be asked
    bool keep_alive;              // of the request
    bool counted;                 // by its handler: as a command,
    bool paid;                    // and by its key's rate
    bool bad_key;                 // its Idempotency-Key is there more than once, or empty
    uint16_t refused;             // by its screen; 0 = not
    uint32_t claim;               // to be carried out once (claims.h); 0 = as often as it comes
    const struct answer *claimed; // while the handler is called with it: what has become of its claim
    void *own;                    // its handler's
    struct verdict_mail *verdict; // on its token (mail/token.h), once there is one
    // By what its screen has looked, and when: in a later turn there may be other settings.
    const struct settings *screened_by;
    uint64_t screened_ms;
    str origin; // a page that may read it
    // Of a route with a screen; absent where there are none, or more than one.
    str path, idempotency_key, request_id, traceparent;
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
// What a request with an idempotency key is known by: prints of who asks and the key, of who asks, and of what is asked for.
struct http_key {
    u128 print;
    uint64_t holder, fingerprint;
};
// Its home is asked whether the call is to be carried out: the handler is called again with the answer, call->claimed; its body is
// kept. Granted, all asks are under the claim (call->claim), and are heard when the connection has gone. A call that is one ask
// is settled by its answer; one that keeps something in call->own settles by http_settle; whoever ends without is settled by what own has. As http_ask.
enum http_did http_claim(struct conns *cs, uint32_t conn, const struct http_key *key) WARN_UNUSED;
// What it has come to is told to the key's home; the body is copied.
void http_settle(struct conns *cs, struct http_call *call, struct settle_mail *s);
// A helper is asked for a verdict on a token, which is put into the call, and the handler is called again; its body is kept. As
// http_ask.
enum http_did http_ask_verdict(struct conns *cs, uint32_t conn, str token) WARN_UNUSED;
// The answer. `type` is static. The body is anywhere but in cs->body.
void http_reply(struct conns *cs, uint32_t conn, uint16_t status, str type, str body);
// The same with what else is in its head; rs->status and rs->content_type are set.
void http_reply_with(struct conns *cs, uint32_t conn, struct http_response *rs, str body);
// Working memory for the strings of a text of n bytes, cs->unescape, good until the next call. False: memory is out.
bool conn_scratch(struct conns *cs, size_t n) WARN_UNUSED;
// Memory is out: it is told so, and the connection ends.
void http_no_memory(struct conns *cs, uint32_t conn);

// NULL where nothing is served under that path, or not to that connection.
const struct http_route *http_route_find(const struct conns *cs, uint32_t conn, str path);

#endif
