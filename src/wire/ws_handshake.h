// SPDX-License-Identifier: Apache-2.0
//
// ws_handshake.h - the server's side of the opening handshake: judge the request, write the 101.
//
// Origin is handed out, not judged: that is a gate with its own rules (wire/origin.h). Extensions are wire/ws_deflate.h's business;
// those that are not accepted are not mentioned, which is how a server declines them (RFC 6455 section 9.1).
//
// A refused upgrade must close the connection: the client may have sent frames right behind its request, and reading
// those as HTTP is how requests are smuggled.
//
// Source: RFC 6455 sections 4.2.1 and 4.2.2.
#ifndef PLENUM_WIRE_WS_HANDSHAKE_H
#define PLENUM_WIRE_WS_HANDSHAKE_H

#include "wire/http.h"

enum { WS_ACCEPT_LEN = 28 }; // base64 of a SHA-1

struct ws_handshake {
    uint16_t status;    // 101, or what to refuse with
    const char *reason; // a static sentence; for 101 an empty one
    str key;            // 101: Sec-WebSocket-Key
    bool has_origin;
    str origin; // 101: the Origin field, where there is one
    str host;   // 101: the Host field
};

// Fills *ret and returns its status: 101, 400, 405 (not GET) or 426 (no WebSocket upgrade, or not version 13).
uint16_t ws_handshake_check(const struct http_request *r, struct ws_handshake *ret);

// The offered subprotocols in the client's order, over all fields. Start with a zeroed iterator.
struct ws_protocol_iter {
    uint16_t field;
    bool open;
    str rest;
};
bool ws_protocol_next(const struct http_request *r, struct ws_protocol_iter *it, str *ret);
// True if the client offered this subprotocol (compared as is).
bool ws_protocol_offered(const struct http_request *r, str name);

// Sec-WebSocket-Accept for a key. ERR_NOMEM where libcrypto found no memory (wire/digest.h).
enum err ws_accept_key(str key, char ret[WS_ACCEPT_LEN]) WARN_UNUSED;

// Appends the 101 response. An empty subprotocol leaves the field out, and so does an empty value of Sec-WebSocket-Extensions.
// ERR_NOMEM as ws_accept_key, with nothing appended; whether the buffer took all of it is asked of the buffer.
enum err ws_handshake_put_response(struct buf *b, const struct ws_handshake *h, str subprotocol,
                                   str extensions) WARN_UNUSED;

#endif
