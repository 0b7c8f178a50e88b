// SPDX-License-Identifier: Apache-2.0
//
// desk.h - HTTP routes that are not served: of the simulator's own, so that bodies and asks over HTTP meet its faults.
//
//      POST /desk/rooms   text/plain, at most DESK_BODY_MAX: the rooms whose names begin with it, from all shards, in JSON
#ifndef PLENUM_SIM_DESK_H
#define PLENUM_SIM_DESK_H

#include "core/conn/route.h"

enum { DESK_BODY_MAX = 300, DESK_ROUTES = 1 };
extern const struct http_route desk_routes[DESK_ROUTES];

#endif
