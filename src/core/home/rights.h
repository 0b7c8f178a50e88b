// SPDX-License-Identifier: Apache-2.0
//
// rights.h - what somebody may do in a room. Every right is asked for here, by name: a command's row says which one it
// needs (dialect/command.h), and its room's home asks before it does anything (home.c).
//
// Thread: any; a table.
#ifndef PLENUM_CORE_HOME_RIGHTS_H
#define PLENUM_CORE_HOME_RIGHTS_H

#include "core/home/room.h"
#include "dialect/command.h"

// m: NULL for a stranger, who is not in the room.
bool rights_allow(const struct member *m, enum right right) WARN_UNUSED;

#endif
