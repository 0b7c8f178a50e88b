// SPDX-License-Identifier: Apache-2.0
//
// edge.h - the part of a shard that speaks for its connections: commands become asks to homes, answers become effects on
// their cursors and replies.
//
//      command --> edge_command --- mail: ask ---> the home
//      reply   <-- edge_answer  <-- mail: answer -'
//
// What can be said here is answered here; everything about a room goes to its home, everything about a user to the
// user's. It knows homes by mail only, and of a connection what is in struct asker: its bytes and its life are conn's.
//
// Ownership: the shard's; askers are parts of the connections' blocks. Thread: the shard's.
#ifndef PLENUM_CORE_EDGE_EDGE_H
#define PLENUM_CORE_EDGE_EDGE_H

#include "core/edge/asker.h"
#include "core/edge/gate.h"
#include "core/fan/fan.h"

struct edge {
    struct context *cx;
    struct mailroom *mail;
    struct fan *fan;
};

enum edge_did {
    EDGE_DONE,  // carried out, or refused and answered, or asked for
    EDGE_LATER, // nothing was done: to be asked again, when an earlier one is answered, or a mailbox has room
    EDGE_QUIT,  // it wants to go: what it is still due is written first
};
// Carries out a decoded command, whose strings are borrowed.
enum edge_did edge_command(struct edge *e, uint32_t conn, const struct command *cmd) WARN_UNUSED;
// True if a reply made here and now, about no room that asks are under way for, would overtake nothing.
bool edge_may_reply(const struct edge *e, const struct asker *c);
// The hello and the first join of a text client (`greeting`), which no line of it asks for. False: not now.
bool edge_greet(struct edge *e, uint32_t conn) WARN_UNUSED;

// --- mail
// True if it has been welcomed by this. *a is NULL afterwards where it was kept, else it stays the caller's.
bool edge_answer(struct edge *e, struct answer **a);
void edge_direct(struct edge *e, const struct direct_mail *d);
void edge_evict(struct edge *e, const struct evict_mail *m);

// Leaves all rooms and gives up the session's registration. Nothing is sent to it from here on but by who closes it.
void edge_depart(struct edge *e, uint32_t conn);
void asker_check(const struct edge *e, uint32_t conn);

static inline struct asker *asker_at(const struct edge *e, uint32_t conn)
{
    return slab_at(e->cx->conns, conn);
}

// --- between the files of this folder
// The join is answered.
void edge_arrival_over(struct edge *e, struct asker *c, uint32_t outlet);
// True if an ask to that shard may be sent now: it overtakes nothing, and there is room in its mailbox.
bool edge_may_ask(const struct edge *e, const struct asker *c, uint32_t dest);
// An ask in the name of a connection; it borrows from the session and the command.
struct ask edge_ask_make(const struct edge *e, uint32_t conn, enum ask_type type, const struct command *cmd);
void edge_no_memory(struct edge *e, uint32_t conn, const struct command *cmd);
// Makes the session of a connection, anonymous or resumed from a token, and asks its user's home to register it; the
// welcome is the answer. ERR_FULL: not now; ERR_NOMEM: refused, and not answered.
enum err edge_hello(struct edge *e, uint32_t conn, const struct command *cmd) WARN_UNUSED;
void edge_hello_refused(struct edge *e, uint32_t conn, str id);
// True if it is welcome.
bool edge_on_registered(struct edge *e, const struct answer *a) WARN_UNUSED;
// Another name for the session and its members; false when it must wait. edge_on_renamed: one room knows.
bool edge_rename(struct edge *e, uint32_t conn, const struct command *cmd) WARN_UNUSED;
void edge_on_renamed(struct edge *e, uint32_t conn, str id);

#endif
