// SPDX-License-Identifier: Apache-2.0
//
// origin.h - may a page from this origin talk to us?
//
// A browser lets any page open a WebSocket to any server and sends the server's cookies along; the Origin field is
// the only thing that tells the pages apart (cross-site WebSocket hijacking). Programs that are not browsers send none.
//
// The rules, first match wins:
// 1. No Origin field: allowed.
// 2. A malformed origin: refused. That is anything but scheme "://" host [":" port]: user information, path, spaces,
//    8-bit bytes (internationalised names arrive as punycode), empty labels, bad ports.
// 3. "null": allowed only by the pattern `null`, not even by `*`.
// 4. Same origin: the scheme is that of the connection, and host and port are equal to those of the Host field, where a
//    missing port on either side is the scheme's default. An https page is none of a server that speaks plain HTTP: where
//    a proxy ends TLS, the operator names the origin.
// 5. A pattern allows it: `*`; `scheme://host[:port]` exactly (a missing port is the scheme's default); or
//    `scheme://*.domain[:port]`, one or more whole labels in front of the domain, never the domain itself.
// Letters of scheme and host are compared without case. Everything else: refused.
//
// Source: RFC 6454 sections 6 and 7; RFC 6455 section 10.2.
#ifndef PLENUM_WIRE_ORIGIN_H
#define PLENUM_WIRE_ORIGIN_H

#include "base/str.h"

// scheme: what the connection speaks, http or https.
bool origin_allowed(str origin, bool has_origin, str scheme, str host, const str *patterns, size_t n);

// True if a pattern has one of the forms above; for the config check.
bool origin_pattern_valid(str pattern);

#endif
