// SPDX-License-Identifier: Apache-2.0
//
// authority.h - who gives the records of rooms their offsets.
//
//                    propose            place                      apply
//      home_publish ---------> authority -----> an offset, for ever -----> room_apply, in order, on every node
//
// The home itself, where the server is alone: all three are one step, refusals are known before anything is appended, and it
// costs nothing (authority_home.c). Or an engine that many nodes share: it orders what they propose, and each of them
// applies what it says (authority_engine.c, course.h).
//
// Thread: the home shard's.
#ifndef PLENUM_CORE_HOME_AUTHORITY_H
#define PLENUM_CORE_HOME_AUTHORITY_H

#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

struct ask;
struct home;
struct room;

struct authority {
    // The room has been made here, and is gone here. ERR_NOMEM.
    enum err (*watch)(struct home *h, uint32_t room) WARN_UNUSED;
    void (*unwatch)(struct home *h, uint32_t room);
    // Somebody who is in the room says something. *a is NULL afterwards where it is kept, to be answered later; else it was
    // answered.
    void (*propose)(struct home *h, struct ask **a, uint32_t room);
    // True, and *a is NULL: an ask about the room has to wait, as the room is not there yet, or as what its asker has said
    // before is not answered.
    bool (*holds)(struct home *h, struct ask **a, uint32_t room) WARN_UNUSED;
    // A record has got the newest place: those who are there are told of it, and who said it may be.
    void (*told)(struct home *h, uint32_t room);
    // The end of a turn in which something happened in the room; a timer of its: when it wants to be called again.
    void (*turn)(struct home *h, uint32_t room);
    uint64_t (*timer)(struct home *h, uint32_t room);
    // Asks of the room wait, or it may be needed though nobody is in it.
    bool (*busy)(const struct home *h, const struct room *r);
};

extern const struct authority authority_home;
extern const struct authority authority_engine;

#endif
