// SPDX-License-Identifier: Apache-2.0
//
// who.h - who is at the other end of a connection: its address, and the session it speaks for once it has said hello.
//
// Every connection's block begins with one, so that whatever part of core has something to say to the log about a
// connection can name it.
//
// All of it is in place, but for what is longer than most: nearly every connection has said hello, and a block of its own
// would cost more than the room before that.
//
// Ownership: the connection's; long names and a long address are blocks of their own. Thread: the shard's.
#ifndef PLENUM_CORE_COMMON_WHO_H
#define PLENUM_CORE_COMMON_WHO_H

#include "base/err.h"
#include "base/limits.h"
#include "core/common/context.h"

enum { SESSION_TEXT_INLINE = 40 }; // a guest's id and name

// What a token said of a session beside who it is. All of it absent, and expires_ms 0: there was no token; it is a guest.
// clang-format off
#define GRANT_STRS(X) \
    X(info)     /* JSON that others may see */ \
    X(caps)     /* rights (core/auth/caps.h); absent: the rooms' rules decide */ \
    X(issuer) X(token_id)
// clang-format on
struct grant {
    uint64_t issued_ms, expires_ms; // wall
    uint32_t leeway_ms;             // of its issuer: it was taken until expires_ms + leeway_ms
#define X(field) str field;
    GRANT_STRS(X)
#undef X
};

struct session {
    char id[SESSION_ID_LEN];
    uint8_t user_n;     // 0: nobody, before the hello
    uint8_t name_n : 7; // 0: the name is the user id
    bool
        granted : 1; // by a token: in front of the text, which is long then, is a struct grant, and behind it its strings
    union { // user, then name
        char text_inline[SESSION_TEXT_INLINE];
        char *text_long; // when they are longer together
    };
};
_Static_assert(USER_NAME_MAX < 1 << 7, "the length of a name fits");

// How a peer's address is kept. A proxy's is beside that of whom it speaks for, which another request may change.
enum peer_form { PEER_PACKED, PEER_LONG, PEER_PROXY };

struct who {
    struct session session;
    uint8_t peer[12];     // "127.0.0.1:51234", a nibble per character; or a pointer to what does not fit
    uint8_t peer_form;    // enum peer_form
    uint8_t tenant;       // of the session, and before there is one the same as
    uint8_t tenant_named; // by the subprotocol that was offered
};

enum err who_init(struct who *w, struct mem *m, const struct peer *peer) WARN_UNUSED;
void who_deinit(struct who *w, struct mem *m);
// The peer's address as text, or that of whom it speaks for; it borrows from *room or from the connection.
str who_peer(const struct who *w, struct peer *room);

// The proxy that it is, as it was given to who_init; NULL: it is none, or has been settled.
const struct peer *who_proxy(const struct who *w);
// Of a proxy: from here on it speaks for whoever has that address, until it says otherwise; NULL: for itself.
void who_said(struct who *w, const char *text);
// It speaks for nobody else any more. Where there is no memory it stays as it is, which costs some bytes.
void who_settle(struct who *w, struct mem *m);

// Of a zeroed one; user is not empty, name may be equal to it; by: what a token granted, NULL for a guest. ERR_NOMEM: it is as it
// was.
enum err session_init(struct session *s, struct mem *m, const char id[SESSION_ID_LEN], str user, str name,
                      const struct grant *by) WARN_UNUSED;
// The same one by another name, which takes its place when the old one is given up.
enum err session_renamed(const struct session *s, struct mem *m, str name, struct session *ret) WARN_UNUSED;
void session_deinit(struct session *s, struct mem *m); // a zeroed one again
static inline bool session_there(const struct session *s) { return s->user_n != 0; }
// They borrow from the session.
str session_user(const struct session *s);
str session_name(const struct session *s);
const struct grant *session_grant(const struct session *s); // NULL: a guest

// What is counted of its tenant; NULL: it is nobody's.
static inline struct tenant_metrics *who_metrics(const struct context *cx, const struct who *w)
{
    return w->tenant != TENANT_NONE ? &cx->metrics->tenants[w->tenant - 1] : NULL;
}
static inline struct who *who_at(const struct context *cx, uint32_t conn) { return slab_at(cx->conns, conn); }

// --- notices: what is worth a log line. Core does not know who reads them, nor at what level.
// conn: UINT32_MAX = none. text is static.
void notice_put(const struct context *cx, enum notice_type type, uint32_t conn, uint32_t code,
                const char *text, str room);
void notice_put_about(const struct context *cx, enum notice_type type, uint32_t conn, uint32_t code,
                      const char *text, str subject);
// Of somebody whose connection may be another shard's, or gone.
void notice_put_user(const struct context *cx, enum notice_type type, const char *text, str user, str session,
                     str room);
// Of somebody who may not be here at all, with why.
void notice_put_why(const struct context *cx, enum notice_type type, const char *text, str user, str why);

#endif
