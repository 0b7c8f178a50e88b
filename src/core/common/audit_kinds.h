// SPDX-License-Identifier: Apache-2.0
//
// audit_kinds.h - what may be wanted of the audit (common/audit.h), and its words in audit.events.
#ifndef PLENUM_CORE_COMMON_AUDIT_KINDS_H
#define PLENUM_CORE_COMMON_AUDIT_KINDS_H

// clang-format off
#define AUDIT_KINDS(X) \
    X(SESSIONS, sessions)  /* who says hello, from where, as what, and goes */ \
    X(MEMBERS,  members)   /* who comes into a room and leaves it */ \
    X(ROOMS,    rooms)     /* rooms that begin and end */ \
    X(DECREES,  decrees)   /* roles, kicks, bans, mutes, and what holds in a room */ \
    X(STATE,    state)     /* which keys of a room's state were changed */ \
    X(WORDS,    words)     /* which messages were changed or taken back */ \
    X(BACKEND,  backend)   /* what was asked for over the HTTP API that changes something */ \
    X(REFUSALS, refusals)  /* who has tried what he may not */
// clang-format on

#endif
