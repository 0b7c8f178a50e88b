// SPDX-License-Identifier: Apache-2.0
//
// forwarded.h - for whom a proxy has passed a request on: `X-Forwarded-For`, and `Forwarded` of RFC 7239.
//
//      X-Forwarded-For: 203.0.113.9, 198.51.100.4, 10.0.0.7         the request came from 10.0.0.1
//                       anybody's    who spoke to  who spoke        10.0.0.0/8 is believed
//                       words        10.0.0.7      to 10.0.0.1
//                                    the client
//
// Each proxy adds, at the right, who spoke to it. So one reads from the right for as long as those who are named are believed; the first
// who is not is the client, and what he sent himself stands to the left of that, where nobody looks. An element that names no address
// (`unknown`, `_hidden`, or nonsense) ends it, too: who is known last counts then.
//
// Elements are taken from the right and by themselves, so nothing that stands to the left can change how they are read: an open quote
// in a client's own field does not swallow what a proxy put behind it.
//
// Who reads them has made sure that the request came from a proxy that is believed, and that this proxy sets this field: of the
// others what came from outside is passed on as it was, so one of the two is read and never "whichever is there".
//
// Limits: FORWARDED_HOPS_MAX elements; work is linear in the head's length.
#ifndef PLENUM_WIRE_FORWARDED_H
#define PLENUM_WIRE_FORWARDED_H

#include "wire/http.h"
#include "wire/ip.h"

enum { FORWARDED_HOPS_MAX = 32 }; // proxies in a row; what is beyond them is not looked at

enum forwarded_field {
    FORWARDED_X_FOR,    // X-Forwarded-For, and X-Forwarded-Proto
    FORWARDED_RFC_7239, // Forwarded: for=, proto=
    FORWARDED_NONE,     // nobody says it
};

enum forwarded_scheme { FORWARDED_SCHEME_UNSAID, FORWARDED_HTTP, FORWARDED_HTTPS };

struct forwarded {
    bool named;                   // `client` is who was known last
    struct ip_port client;        // port 0: none was said
    enum forwarded_scheme scheme; // by which the client came
};

struct forwarded forwarded_find(const struct http_request *rq, enum forwarded_field field,
                                const struct ip_net *believed, size_t believed_n);

#endif
