// SPDX-License-Identifier: Apache-2.0
//
// proxy_header.h - what a proxy says of a connection in front of its first byte: the PROXY protocol, versions 1 and 2.
//
//      1    "PROXY TCP4 192.0.2.7 198.51.100.1 51234 443\r\n" | the client's bytes
//      2    12 octets of signature | version, command | family, protocol | length (2) | addresses, TLVs | the client's bytes
//
// The decoder is fed what has come, in pieces of any size, and says how much of it was the header's: what is behind it is not looked
// at, so it can stay where it is and be read by whoever is next (TLS). What cannot become a header is refused at the first octet
// that shows it. Addresses of the proxy's own side, and what is behind the addresses (TLVs), are passed over by their length.
//
// Whether the proxy is to be believed is not asked here.
//
// Limits: a header of version 1 has 107 bytes at most, as the protocol says; what is behind the 16 first octets of one of version
// 2 PROXY_V2_BYTES_MAX. A decoder holds 128 bytes.
// Source: https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt, sections 2.1 and 2.2.
#ifndef PLENUM_WIRE_PROXY_HEADER_H
#define PLENUM_WIRE_PROXY_HEADER_H

#include "wire/ip.h"

enum {
    PROXY_V1_BYTES_MAX = 107,   // with its line end
    PROXY_V2_BYTES_MAX = 4096,  // TLVs of a client's certificate have some hundred
    PROXY_ADDRESSES_BYTES = 36, // of IPv6, both sides and ports
};

enum proxy_speaks_for {
    PROXY_FOR_CLIENT, // `client` is where it came from
    PROXY_FOR_UNKNOWN, // somebody's connection, whose the proxy does not know, or which came by no IP address: UNKNOWN, UNSPEC, UNIX
    PROXY_FOR_ITSELF, // LOCAL: it looks whether we are there
};

struct proxy_decoder {
    uint8_t version;       // 0: the first octet has yet to come
    uint8_t speaks_for;    // after OK
    uint16_t n;            // octets so far, of version 2 with those that were passed over
    uint16_t total;        // of version 2: all of them, when that is known
    const char *reason;    // after an error: a static sentence
    struct ip_port client; // after OK, PROXY_FOR_CLIENT
    uint8_t head[PROXY_V1_BYTES_MAX];
};

void proxy_decoder_init(struct proxy_decoder *d);
// OK: the header is whole, and its last octet was in `in`; *ret_used of it were the header's. ERR_MORE: all of it was.
// Errors, with d->reason, after which it is not fed again: ERR_SYNTAX, ERR_TOO_LARGE (of version 2).
enum err proxy_decoder_next(struct proxy_decoder *d, str in, size_t *ret_used) WARN_UNUSED;

#endif
