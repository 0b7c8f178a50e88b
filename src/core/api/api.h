// SPDX-License-Identifier: Apache-2.0
//
// api.h - the backend's door: commands over HTTP (dialect/api.h says which), as a module of routes (conn/route.h).
//
//      request --> door.c    who is it, may it, is it a command: a status before the body is read
//              --> call.c    its body as a command --> ask --> a home, all homes, or who keeps connections
//              --> many.c    `batch` and `broadcast`: many asks, HTTP_ASKS_MAX under way
//              --> inside.c  what is read by GET on the listener of whoever runs the server: how it is, who asks
//              <-- reply.c   the native reply without type and id, or {"error":...} with the code's status
//
// Who asks is known by a key (settings.api_keys), whose SHA-256 is all that there is of it, compared with all of them in constant
// time; or by a token, which a helper looks at (token.c). What a key may ask for in a second is rate.c's. Without any key the API is for this machine alone, and for nobody who speaks for another: no proxy, no page of
// another origin, no name that a page could have pointed here (wire/host_name.h).
//
// A backend is in no room. What it says is from a user that it names, or from "server" (of a key that has a name:
// "server:NAME"), with the session "api".
//
// Ownership: constant. Thread: the shard's.
#ifndef PLENUM_CORE_API_API_H
#define PLENUM_CORE_API_API_H

#include "core/conn/route.h"

enum { API_ROUTES = 4 };
extern const struct http_route api_routes[API_ROUTES];

// The description of all commands (OpenAPI 3.1), made of the rows of dialect/command.h.
void api_openapi_put(struct buf *out, const char *version, uint32_t batch_max);

#endif
