// SPDX-License-Identifier: Apache-2.0
//
// foreign.h - is the first thing on a port another protocol?
//
// Any web page may send bytes to any port (fetch with `no-cors`, a form): a port that takes lines would read a browser's
// request as words of somebody (cross-protocol scripting). A browser cannot help beginning with a request line or with
// TLS, so the first line decides, before anything of the connection is heard anywhere.
//
//   HTTP   token SP target SP "HTTP/" DIGIT "." DIGIT, whatever the method (RFC 9112 section 3). Also "GET" SP "/"...
//          alone, HTTP/0.9's whole request: no browser sends it, but what looks for web servers does. And the beginning
//          of a line beyond the limit that may be a request line: a method and a target, the version out of sight.
//   TLS    the first two bytes of a handshake record, 0x16 0x03 (RFC 8446 section 5.1). Where HTTP is taken the first one is
//          enough: no method begins with it (RFC 9110 section 5.6.2)
//
// A person whose first line looks like that is told so and connects again; from the second line on anything may be said.
#ifndef PLENUM_WIRE_FOREIGN_H
#define PLENUM_WIRE_FOREIGN_H

#include "base/str.h"

// The bytes there are so far, from the connection's first one on; a line end is not needed.
bool foreign_is_tls(str bytes);
// The same where HTTP is taken.
bool foreign_is_tls_not_http(str bytes);
// The first line, without its end. cut: the line goes on beyond what is given.
bool foreign_is_http(str line, bool cut);

#endif
