// SPDX-License-Identifier: Apache-2.0
//
// ws_deflate.h - permessage-deflate in the opening handshake: what a client offers, and what it is answered.
//
//     Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10, permessage-deflate; client_max_window_bits
//                               '----------------- first offer ---------------'  '------------- second offer -----------'
//
// A client offers what it can do in the order of its wishes, over one field or several; a server takes one offer, or none, which is
// how it declines (RFC 7692 section 5). Offers are handed out one by one; one that is not to be accepted (section 7.1: an unknown
// parameter, one that is there twice, a value that there is not) is passed over, and so are other extensions and what is no
// extension at all. So a bad offer costs the client its compression and never its connection.
//
// What is accepted always says `server_no_context_takeover` (section 7.1.1.1 lets a server say so unasked): a frame then depends on
// nothing that was sent before, and is the same for all who allow its window.
//
// Each octet of the fields is looked at once, whatever they are made of.
//
// Source: RFC 7692 sections 5 and 7.1; RFC 6455 section 9.1 (the grammar).
// Thread: values only.
#ifndef PLENUM_WIRE_WS_DEFLATE_H
#define PLENUM_WIRE_WS_DEFLATE_H

#include "wire/http.h"

enum {
    DEFLATE_BITS_MIN = 8,
    DEFLATE_BITS_MAX = 15
}; // a window has 2^8..2^15 octets (RFC 7692 section 7.1.2)

// What one offer allows.
struct ws_deflate_offer {
    uint8_t server_bits; // our window: at most so large
    uint8_t client_bits; // the client's window: at most so large
    bool server_bits_named;
    bool client_bits_named;      // it may be told to use a smaller one
    bool client_context_dropped; // it begins each message anew by itself
};

// Start with a zeroed one.
struct ws_deflate_iter {
    uint16_t field;
    bool open;
    str rest;
};
// The next offer that could be accepted; false where there is none any more.
bool ws_deflate_next(const struct http_request *r, struct ws_deflate_iter *it, struct ws_deflate_offer *ret);

// What one offer is answered with.
struct ws_deflate_answer {
    uint8_t server_bits; // not more than offered; is said where the offer names it
    uint8_t client_bits; // likewise
    bool client_context; // it may refer to its messages before
};
// Appends the value of the response's field.
void ws_deflate_put(struct buf *b, const struct ws_deflate_offer *offer,
                    const struct ws_deflate_answer *answer);

#endif
