// SPDX-License-Identifier: Apache-2.0
//
// audit.h - what the audit is told: who came and went, what was decided and changed, by whom and from where.
//
// It is told when it has happened, by the part of core where it does, through the driver (struct shard_host); what becomes of it,
// a line of a chain of hashes, is core/audit/chain.h. A home does not know where its asker is: an address is told once, with the
// session (AUDIT_SESSION), and whatever is told later names the session. So an audit that is off costs a test of a bit.
//
// Two rows of one kind are wanted or not together (audit.events). ANYBODY: a peer can make as many as its limits let it, so that
// where there is no room for all, what takes a right (RIGHT) is told first.
//
// With an engine each server tells what it applies: a decree is the same one in two audits where room, epoch and offset are. So no
// one's file is the only one that has it.
//
// Ownership: an event borrows all its strings for the duration of the call. Thread: the shard's.
#ifndef PLENUM_CORE_COMMON_AUDIT_H
#define PLENUM_CORE_COMMON_AUDIT_H

#include "core/common/audit_kinds.h"
#include "core/common/context.h"
#include "dialect/entry.h"

// clang-format off
#define AUDIT_EVENTS(X) \
    X(SESSION,        session,        SESSIONS, ANYBODY) /* how = new or resumed; address; detail = its encoding */ \
    X(CERTIFICATE,    certificate,    SESSIONS, ANYBODY) /* the session that has begun is by a client's certificate; detail = its id */ \
    X(SESSION_ENDED,  session_ended,  SESSIONS, ANYBODY) \
    X(RENAMED,        renamed,        SESSIONS, ANYBODY) /* name; detail = as it was */ \
    X(JOINED,         joined,         MEMBERS,  ANYBODY) /* a user who was not there; how = its role */ \
    X(ENTERED,        entered,        MEMBERS,  ANYBODY) /* one that is, by one more session, or again */ \
    X(PARTED,         parted,         MEMBERS,  ANYBODY) /* a session less; how = why. The user stays, for a while at least */ \
    X(LEFT,           left,           MEMBERS,  ANYBODY) /* the user is there no more; how = why */ \
    X(CREATED,        created,        ROOMS,    ANYBODY) \
    X(CREATE,         create,         ROOMS,    ANYBODY) /* by the command: by the rule `detail`; `target` is there as `how` */ \
    X(REMOVED,        removed,        ROOMS,    ANYBODY) \
    X(ROLE,           role,           DECREES,  RIGHT)   /* of `target`; how = which */ \
    X(KICK,           kick,           DECREES,  RIGHT) \
    X(BAN,            ban,            DECREES,  RIGHT) \
    X(UNBAN,          unban,          DECREES,  RIGHT) \
    X(MUTE,           mute,           DECREES,  RIGHT) \
    X(UNMUTE,         unmute,         DECREES,  RIGHT) \
    X(SLOW,           slow,           DECREES,  RIGHT) \
    X(READONLY,       readonly,       DECREES,  RIGHT)   /* how = on or off */ \
    X(CLOSE,          close,          DECREES,  RIGHT) \
    X(LOCK,           lock,           DECREES,  RIGHT)   /* how = on or off */ \
    X(INVITE,         invite,         DECREES,  RIGHT)   /* how = as which role; detail = the invitation; seconds */ \
    X(UNINVITE,       uninvite,       DECREES,  RIGHT)   /* detail = the invitation */ \
    X(ADMIT,          admit,          DECREES,  RIGHT)   /* `target` has come in by the invitation `detail`; how = as which role */ \
    X(STATE,          state,          STATE,    ANYBODY) /* detail = the keys; version */ \
    X(EDIT,           edit,           WORDS,    ANYBODY) /* `of` the message, by `target` */ \
    X(DELETE,         delete,         WORDS,    ANYBODY) /* likewise; reason */ \
    X(REVOKE,         revoke,         BACKEND,  RIGHT)   /* tokens: of the user `target`; of the id `detail`; else all */ \
    X(DISCONNECT,     disconnect,     BACKEND,  RIGHT)   /* connections of `target`; the one at `address` */ \
    X(API,            api,            BACKEND,  RIGHT)   /* asked for: detail = the command; address */ \
    X(FORGET,         forget,         BACKEND,  RIGHT)   /* by `plenum store forget`: the words of `target`; how = erase or pseudonym */ \
    X(REFUSED,        refused,        REFUSALS, ANYBODY) /* a command, or a join: how = the error's code, detail = the command */ \
    X(TOKEN_REFUSED,  token_refused,  REFUSALS, ANYBODY) /* how = the verdict; address */ \
    X(RESUME_REFUSED, resume_refused, REFUSALS, ANYBODY) /* how = why such a secret opens nothing; address */ \
    X(API_REFUSED,    api_refused,    REFUSALS, ANYBODY) /* at the API's door: how = the rule; address */
// clang-format on

enum audit_kind {
#define X(upper, lower) AUDIT_OF_##upper,
    AUDIT_KINDS(X)
#undef X
        AUDIT_KIND_COUNT
};
enum audit_type {
#define X(upper, lower, kind, cause) AUDIT_##upper,
    AUDIT_EVENTS(X)
#undef X
        AUDIT_TYPE_COUNT
};

// In the order in which a line has them; what is empty, or 0, is left out.
// clang-format off
#define AUDIT_STRS(X) \
    X(room) X(epoch) \
    X(user) X(name) X(session) /* who it is about where nobody else did it; else who did it */ \
    X(address)                 /* from where, with its port */ \
    X(target) X(how) X(detail) X(reason)
#define AUDIT_NUMBERS(X) \
    X(offset)  /* of the record that says it */ \
    X(of)      /* of the record that it changes */ \
    X(version) /* of the state, when it was changed */ \
    X(seconds) /* of what has an end: how long */
// clang-format on

struct audit_event {
    enum audit_type type;
#define X(field) uint64_t field;
    AUDIT_NUMBERS(X)
#undef X
#define X(field) str field;
    AUDIT_STRS(X)
#undef X
};

enum { AUDIT_TEXT_MAX = 512 }; // bytes of a string that a line has; the rest is left out

const char *audit_name(enum audit_type type);
const char *audit_kind_name(enum audit_kind kind);
enum audit_kind audit_kind_of(enum audit_type type);
// It takes a right to cause it.
bool audit_by_right(enum audit_type type);

static inline bool audit_wants(const struct context *cx, enum audit_kind kind)
{
    return (cx->settings->audit >> kind & 1) != 0 && cx->host->audit != NULL;
}
// Where its kind is wanted.
void audit_put(const struct context *cx, const struct audit_event *e);
// Of somebody at a connection of this shard: who it is, and where.
void audit_put_conn(const struct context *cx, uint32_t conn, enum audit_type type, const char *how,
                    str detail);

#endif
