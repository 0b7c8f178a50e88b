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

#include "base/heap.h"
#include "core/auth/caps.h"
#include "core/auth/revoked.h"
#include "core/common/invitation.h"
#include "core/edge/asker.h"
#include "core/edge/gate.h"
#include "core/edge/lease.h"
#include "core/edge/pass.h"
#include "core/fan/fan.h"
#include "core/mail/token.h"

struct identity; // edge/resume.h

struct edge {
    struct context *cx;
    struct mailroom *mail;
    struct fan *fan;
    struct index_queue mail_waiters; // connections that wait for a credit of some shard (mail/mailroom.h),
    uint32_t mail_wakes;             // so many of which, from the first one on, may find one
    struct leases leases;            // of users and addresses (lease.h)
    struct revocations revoked;
    uint32_t revoke_passes;     // passes that are to be looked at, likewise
    uint32_t revoke_left;       // connections that are to be looked at: those below it,
    bool revoke_again;          // and then all once more
    struct passes passes;       // of connections that are in rooms by a token of these
    const struct kept *at_hand; // the kept command that is carried out; NULL: it has just come
    struct heap expiries;       // of connections whose session a token granted: when it is told so, or ends
    uint32_t waiting_for[PORTS_MAX]; // of those, by port
    bool scarce
        [PORTS_MAX]; // ports whose credits do not last for all who wait: nobody takes more than its share
};

enum err edge_init(struct edge *e, struct context *cx, struct mailroom *mail, struct fan *fan) WARN_UNUSED;
void edge_deinit(struct edge *e); // a zeroed one is fine
// When edge_wake must run at the latest; UINT64_MAX = never.
uint64_t edge_due_ms(const struct edge *e);
// Those who wait for a credit may go on where there are some now, so many at a time.
void edge_wake(struct edge *e);
// Its slot is freed.
void edge_forget(struct edge *e, uint32_t conn);

enum edge_did {
    EDGE_DONE, // carried out, or refused and answered, or asked for; or kept, to be so when its turn comes (edge_go_on)
    EDGE_LATER, // nothing was done: to be asked again, when an earlier one is answered, or there is a credit
    EDGE_QUIT,  // it wants to go: what it is still due is written first
};
// Carries out a decoded command, whose strings are borrowed.
enum edge_did edge_command(struct edge *e, uint32_t conn, const struct command *cmd) WARN_UNUSED;
// Something has changed that its kept commands may have waited for: carries out the first that can be. True: one was, and
// when the mail that it left is carried there may be more.
bool edge_go_on(struct edge *e, uint32_t conn) WARN_UNUSED;
// True if a reply made here and now, about no room that asks are under way for, would overtake nothing.
bool edge_may_reply(const struct edge *e, const struct asker *c);
// True if it may be due replies about a room that it was sent away from.
bool edge_owes(struct asker *c);
// The hello and the first join of a text client (`greeting`), which no line of it asks for. False: not now.
bool edge_greet(struct edge *e, uint32_t conn) WARN_UNUSED;

// --- mail
// What a helper says of a token. Takes it.
void edge_verdict(struct edge *e, struct verdict_mail *v);
// True if it has been welcomed by this. *a is NULL afterwards where it was kept, else it stays the caller's.
bool edge_answer(struct edge *e, struct answer **a);
void edge_direct(struct edge *e, const struct direct_mail *d);
void edge_evict(struct edge *e, const struct evict_mail *m);
// False: the mail is kept, until a switch that is under way is complete.
bool edge_expel(struct edge *e, struct expel_mail *m) WARN_UNUSED;

// Leaves all rooms and gives up the session's registration. Nothing is sent to it from here on but by who closes it.
void edge_depart(struct edge *e, uint32_t conn);
void asker_check(const struct edge *e, uint32_t conn);
void edge_check(const struct edge *e);
void asker_deinit(struct edge *e, struct asker *c);

static inline struct asker *asker_at(const struct edge *e, uint32_t conn)
{
    return slab_at(e->cx->conns, conn);
}

// --- between the files of this folder
// True if an ask to that shard may be sent now: it overtakes nothing, and there is a credit; else it is told when there is.
// lasting: its home may keep it.
bool edge_may_ask(struct edge *e, uint32_t conn, uint32_t dest, bool lasting);
// The room a command is about, where it must be one the connection is in. An empty name is the one it is in.
// All replies keep the order of its commands.
bool edge_serial(const struct edge *e, const struct asker *c);
// It goes on when that home has a credit for it.
void edge_await_credit(struct edge *e, uint32_t index, uint32_t dest);
void edge_problem(struct edge *e, uint32_t index, const struct command *cmd, enum problem_code code,
                  const char *text);
// Sends it, or says that there is no memory. exclusive: where replies keep their order, nothing may be asked meanwhile.
void edge_ask_send(struct edge *e, uint32_t index, uint32_t dest, const struct ask *a, bool exclusive);
// Of the room by that name, or the one it is in for an empty one; MAP_NONE where there is none.
uint32_t edge_outlet_named(const struct edge *e, struct asker *c, str room);
// Joins cmd->room (edge_join.c); from: the membership to give up once that worked, NULL for a plain join. False: not now.
bool edge_join(struct edge *e, uint32_t index, const struct command *cmd,
               const struct membership *from) WARN_UNUSED;
// Makes the room cmd->room, and does not come in. False: not now.
bool edge_create(struct edge *e, uint32_t index, const struct command *cmd) WARN_UNUSED;
// Of what is under way the joins, which may bring a room each.
uint32_t edge_joining(struct asker *c);
bool edge_switch(struct edge *e, uint32_t index, const struct command *cmd) WARN_UNUSED;
struct membership *edge_member_of(const struct edge *e, struct asker *c, str room);
// It is not certain yet whether one is in the room, or its home may keep what was asked about it: what is said waits.
bool edge_room_busy(struct asker *c, uint32_t outlet);
// False: it must wait, nothing was done.
bool edge_carry_out(struct edge *e, uint32_t conn, const struct command *cmd) WARN_UNUSED;
// Kept commands (edge_later.c). Must it wait behind one of them? May it be kept itself?
bool edge_is_behind(const struct edge *e, uint32_t conn, const struct command *cmd);
bool edge_keep(struct edge *e, uint32_t conn, const struct command *cmd) WARN_UNUSED;
void edge_on_fenced(struct edge *e, const struct answer *a);
// The switch is over, or was not begun.
void switching_end(struct edge *e, struct asker *c);
// An ask in the name of a connection; it borrows from the session and the command.
struct ask edge_ask_make(const struct edge *e, uint32_t conn, enum ask_type type, const struct command *cmd);
// What it may do in the room (home/rights.h) by a token of the room's, or else its session's or, of a guest, auth.guest_caps; 0: there
// is none that says anything about rooms.
uint32_t edge_grant(const struct edge *e, uint32_t conn, uint32_t outlet, str room);
// True if it is nobody but a guest there: without a token of its session or of the room.
bool edge_as_guest(const struct edge *e, uint32_t conn, uint32_t outlet);
// True if its session's token, or auth.guest_caps, does not keep it from what that word of the claim `caps.server` stands for
// (core/auth/caps.h).
bool edge_serves(const struct edge *e, uint32_t conn, enum server_word word);
void edge_no_memory(struct edge *e, uint32_t conn, const struct command *cmd);
// Makes the session of a connection, anonymous or resumed from a token, and asks its user's home to register it; the
// welcome is the answer. ERR_FULL: not now; ERR_NOMEM: refused, and not answered.
enum err edge_hello(struct edge *e, uint32_t conn, const struct command *cmd) WARN_UNUSED;
// A verdict that is there and could not be acted on yet, as a home could not be asked. True: it has been.
bool edge_verdict_go_on(struct edge *e, uint32_t conn);
// A token has come with the connection, for its hello (absent: none). False where memory is out.
bool edge_present(struct edge *e, uint32_t conn, str token) WARN_UNUSED;
// What its peer has shown in the handshake, before anything is heard of it: it is that user where no token says otherwise. False: no
// memory.
bool edge_certificate(struct edge *e, uint32_t conn, const struct certificate *c) WARN_UNUSED;
// The helper that checks the hello's token is asked. ERR_FULL: not now; ERR_NOMEM.
enum err edge_token_ask(struct edge *e, uint32_t conn, const struct command *hello) WARN_UNUSED;
void edge_put_refreshed(struct edge *e, uint32_t conn, str id);
bool edge_refresh(struct edge *e, uint32_t conn, const struct command *cmd);
// True, and it has been told: there is nothing to check a token by.
bool edge_no_keys(struct edge *e, uint32_t conn, const struct command *cmd);
// It is told why its token was refused, id: of the command that brought it.
void edge_token_refused(struct edge *e, uint32_t conn, const struct verdict_mail *v, str id);
// --- tokens of rooms (edge_pass.c)
// The helper is asked for a kept command that brings one, where that can be now.
bool edge_pass_shows(const struct command *cmd);
void edge_pass_show(struct edge *e, uint32_t conn, struct kept *k);
// A verdict about one: it is kept with its command. Takes it.
void edge_pass_seen(struct edge *e, uint32_t conn, struct verdict_mail **v);
// What the token of the command at hand gives in its room; the outlet is the caller's to fill in. ERR_FULL: it has not been looked
// at, and the command has to be kept; ERR_DENIED: it is refused, and its bearer has been told.
enum err edge_pass_of(struct edge *e, uint32_t conn, const struct command *cmd, struct pass *ret) WARN_UNUSED;
bool edge_pass_refresh(struct edge *e, uint32_t conn, const struct command *cmd);
// Of joins that it will not hear the answers of.
void edge_pass_forget(struct edge *e, uint32_t conn);
void edge_pass_check(const struct edge *e);
// --- tenants (edge_tenant.c)
// Who a hello would be: by a token of that issuer with that user, or (issuer NULL) as a guest of that id.
struct tenanted {
    uint8_t tenant;
    str user; // as it is called here: in room, or as it was given
    char room[USER_ID_MAX];
};
// False: it may not be, and why.
bool edge_tenant(const struct edge *e, uint32_t conn, const str *issuer, str user, struct tenanted *ret,
                 struct problem *ret_why) WARN_UNUSED;
// What the user of a verdict is called here; where it may not be here, as in the token. Whether that is the session's.
str edge_called(const struct edge *e, uint32_t conn, const struct verdict_mail *v, struct tenanted *room);
bool edge_same_user(const struct edge *e, uint32_t conn, const struct verdict_mail *v);
// Whether that issuer may say anything to those of the session's tenant.
bool edge_tenant_issues(const struct edge *e, uint32_t conn, str issuer);
// A session of before goes on: it is of the tenant that its user's name says, if that still has such users.
bool edge_tenant_goes_on(const struct edge *e, uint32_t conn, const struct identity *who,
                         uint8_t *ret) WARN_UNUSED;
// A place among the tenant's connections; false where there is none. And back, at its end.
bool edge_tenant_take(struct edge *e, uint8_t tenant) WARN_UNUSED;
void edge_tenant_give_back(struct edge *e, uint8_t tenant);
// Whether who has no token may be here.
bool edge_takes_guests(const struct edge *e, const struct asker *c);
// --- when what a token granted ends (edge_expiry.c)
// From here on its end is watched. ERR_NOMEM: it is not.
enum err edge_expiry_watch(struct edge *e, uint32_t conn, const struct grant *g) WARN_UNUSED;
void edge_expiry_forget(struct edge *e, uint32_t conn);
// It has this pass, whose end is watched from here on, in place of the one that it may have. As pass_put.
enum err edge_pass_put(struct edge *e, struct pass *pass) WARN_UNUSED;
// True: by the wall clock it is over, its grace too, and the leeway it was taken with. Both of when a token ends.
bool edge_expired(const struct edge *e, uint64_t expires_ms, uint32_t leeway_ms);
uint64_t edge_expires_in_s(const struct edge *e, uint64_t expires_ms);
// Those whose time has come.
void edge_expire(struct edge *e);

// --- revoked before it ends (edge_revoke.c)
// Whoever has been granted that (NULL: a guest) is to be refused.
bool edge_revoked(const struct edge *e, str user, const struct grant *g);
// True, and it has been told.
bool edge_is_revoked(struct edge *e, uint32_t conn, const struct command *cmd, str user,
                     const struct grant *g);
// What an ASK_REVOKE says, on this shard. OK; ERR_LIMIT; ERR_NOMEM.
enum err edge_revoke(struct edge *e, const struct ask *a) WARN_UNUSED;
// A slice of those who are here is looked at, and what has ended is forgotten.
void edge_revoke_turn(struct edge *e);
uint64_t edge_revoke_due_ms(const struct edge *e);

// True, and it has been told: it may not be here as a guest, as none are taken or as it has said that it is somebody.
bool edge_no_guest(struct edge *e, uint32_t conn, const struct command *cmd);
// As who it is, by a token (NULL: a guest, or who a resume token says). ERR_FULL: not now.
enum err edge_hello_as(struct edge *e, uint32_t conn, const struct command *hello,
                       const struct verdict_mail *by) WARN_UNUSED;
void edge_hello_refused(struct edge *e, uint32_t conn, str id);
// True if it is welcome.
bool edge_on_registered(struct edge *e, const struct answer *a) WARN_UNUSED;
// Another name for the session and its members; false when it must wait. edge_on_renamed: one room knows.
bool edge_rename(struct edge *e, uint32_t conn, const struct command *cmd) WARN_UNUSED;
void edge_on_renamed(struct edge *e, uint32_t conn, str id);
// Those who are in rooms with it are told that it shows other info from here on; cmd: the refresh that it came by. ERR_FULL: not
// while it is on its way into one, or not now; ERR_NOMEM: nobody is.
enum err edge_show(struct edge *e, uint32_t conn, const struct command *cmd, str info) WARN_UNUSED;

#endif
