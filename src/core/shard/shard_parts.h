// SPDX-License-Identifier: Apache-2.0
//
// shard_parts.h - what one shard is made of. For shard.c, and for tests that look inside; the contract with the outside is
// shard.h.
//
//      edge side                                home side
//      conns    connections: bytes, life        home    rooms and users whose home this is
//      edge     their commands and sessions
//      fan      rooms with readers here
//           \______________ mail (to other shards, and to this one) _____________/
#ifndef PLENUM_CORE_SHARD_SHARD_PARTS_H
#define PLENUM_CORE_SHARD_SHARD_PARTS_H

#include "core/conn/conn.h"
#include "core/home/home.h"
#include "core/log/deflating.h"
#include "core/shard/shard.h"

struct shard {
    struct context cx;
    struct deflating deflating;
    struct mailroom mail;
    struct home home;
    struct fan fan;
    struct edge edge;
    struct conns conns;
};

#endif
