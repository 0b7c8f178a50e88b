// SPDX-License-Identifier: Apache-2.0
//
// host_name.h - is this request meant for us, by the name in its Host field?
//
// A page whose own name is made to resolve to this server's address (DNS rebinding) is of the same origin as its
// requests, for the browser and for whoever compares Origin with Host. What gives it away is the name: it is not ours.
//
// The rules, first match wins:
// 1. No Host field: allowed. Only HTTP/1.0 has none, and no browser speaks that.
// 2. An IP address, as four decimal numbers or in brackets: allowed. A page of that origin was loaded from that
//    address; no name server has a say in it. (Browsers write every other form of an address as one of these two.)
// 3. localhost, and names below it: allowed. They are this machine everywhere (RFC 6761 section 6.3).
// 4. One of our names: `name` exactly, `*.domain` for one or more whole labels in front of it, `*` for every name.
// 5. Where no names are given: allowed, unless loopback_only.
// Ports are not looked at, letters are compared without case, and one dot at the end of a name is left out of account.
// Everything else: refused (421, RFC 9110 section 15.5.20).
#ifndef PLENUM_WIRE_HOST_NAME_H
#define PLENUM_WIRE_HOST_NAME_H

#include "base/str.h"

// host: the Host field, well-formed (http_host_split), or absent.
bool host_is_ours(str host, const str *names, size_t n, bool loopback_only);

// True if a name has one of the forms of rule 4; for the config check.
bool host_name_pattern_valid(str pattern);

#endif
