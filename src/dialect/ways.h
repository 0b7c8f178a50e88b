// SPDX-License-Identifier: Apache-2.0
//
// ways.h - the ways in: what is spoken where. One table, from which core takes a connection's encoding, io what to say to
// one who is not let in, the banner what to print, and a test the lists in README.md and ARCHITECTURE.md.
//
//      kind of listener   path    subprotocol       encoding
//      HTTP               /ws     plenum.v1.json    native JSON in WebSocket text frames
//      HTTP               /ws     plenum.v1.json.bytes  the same, and data that are bytes in binary frames
//      HTTP               /ws     plenum.v1.protobuf  the same as Protocol Buffers in WebSocket binary frames
//      HTTP               /echo                     text in WebSocket text frames
//      LINE                                         text lines
//
// A row's encoding is the one that is not deflated; which others there are of the same payloads and frames is found by them
// (encoding_deflated), where permessage-deflate is on.
//
// Rows of one path differ in their subprotocol: the first one that the client offers is spoken, and where it offers none that
// is here the first one of the path.
//
// A module that brings a language brings rows. What a process serves is in its settings (core/common/settings.h): for the
// product `ways_served`; tests add theirs behind it.
//
// Ownership: constant, for as long as the process. Thread: any.
#ifndef PLENUM_DIALECT_WAYS_H
#define PLENUM_DIALECT_WAYS_H

#include "dialect/dialect.h"

// Kinds of listeners: what a connection begins with.
enum transport {
    TRANSPORT_HTTP,  // a request, which may be one to upgrade to WebSocket
    TRANSPORT_LINE,  // the language itself, in lines
    TRANSPORT_ADMIN, // requests of whoever runs the server: metrics, the HTTP API; no language
};

struct way {
    enum transport transport;
    const char *path;        // NULL: the listener alone says it
    const char *subprotocol; // Sec-WebSocket-Protocol; NULL: none
    uint8_t encoding;
    bool mirror; // a WebSocket whose frames go back as they came, where settings.echo says so; no language
};

struct ways {
    const struct way *v;
    size_t n;
    const struct encoding *const *encodings; // by id
    uint8_t encodings_n;
};

enum {
    ENCODING_JSON,
    ENCODING_TEXT_WS,
    ENCODING_TEXT_LINE,
    ENCODING_JSON_DEFLATE,       // for nearly all who offer it;
    ENCODING_JSON_DEFLATE_SMALL, // and for who allows a small window only
    ENCODING_TEXT_DEFLATE,
    ENCODING_TEXT_DEFLATE_SMALL,
    ENCODING_PROTOBUF,
    ENCODING_PROTOBUF_DEFLATE,
    ENCODING_PROTOBUF_DEFLATE_SMALL,
    ENCODING_BYTES,
    ENCODING_BYTES_DEFLATE,
    ENCODING_BYTES_DEFLATE_SMALL,
    ENCODINGS_SERVED
};
extern const struct ways ways_served;

// NULL where nothing of the kind is served.
const struct way *way_find(const struct ways *w, enum transport transport, str path);
// The next row of the same path; NULL behind the last one.
const struct way *way_next(const struct ways *w, const struct way *way);
// The one that says the same deflated, with the largest window of at most so many bits; NULL where there is none.
const struct encoding *encoding_deflated(const struct ways *w, const struct encoding *plain,
                                         uint8_t bits_max);
// The one that says the same and is not deflated; of such a one it itself.
const struct encoding *encoding_plain(const struct ways *w, const struct encoding *e);
// Asserts that ids are places, that every row's encoding exists and its frames fit the listener, and that all is within limits.
void ways_check(const struct ways *w);

#endif
