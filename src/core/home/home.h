// SPDX-License-Identifier: Apache-2.0
//
// home.h - the part of a shard that decides: about the rooms and the users whose home it is.
//
//      ask ------> home_ask            members, rights, the log; every ask is answered by mail
//      turn's end: home_timers         what is over goes: members' grace, empty rooms, old entries, keys
//                  home_announce       new entries, once per room and shard with readers
//
// It knows connections by their address only (struct conn_ref), readers as numbers per shard (struct feed), and everybody
// else by mail.
//
// Ownership: the shard's. Thread: the shard's.
#ifndef PLENUM_CORE_HOME_HOME_H
#define PLENUM_CORE_HOME_HOME_H

#include "base/buf.h"
#include "base/heap.h"
#include "base/map.h"
#include "core/common/gates.h"
#include "core/common/list.h"
#include "core/home/authority.h"
#include "core/home/keep.h"
#include "core/home/loading.h"
#include "core/home/meter.h"
#include "core/home/once.h"
#include "core/home/receipts.h"
#include "core/home/registry.h"
#include "core/home/room.h"
#include "core/mail/audit_ask.h"
#include "core/mail/engine.h"
#include "core/mail/lease.h"
#include "core/mail/store.h"

struct home {
    struct context *cx;
    struct mailroom *mail;
    const struct authority *authority; // of all its rooms
    uint64_t handles;                  // numbers of rooms that were given (core/log/speakers.h)
    uint64_t proposer, proposals;      // what an engine knows this home by, and how many there have been

    struct slab rooms;
    struct map rooms_by_name;
    uint32_t *rooms_sorted; // by name, for `rooms`
    uint32_t rooms_sorted_cap;
    struct index_list rooms_dirty; // to be announced
    uint64_t behind; // shards, as bits, that are to be told more when they have taken what they were told
    struct heap room_timers;
    struct history {
        uint32_t coldest, warmest;
    } histories[TENANTS_MAX + 1]; // rooms with history, of nobody and of each tenant (relief.c)
    struct slab members;
    struct prints meters; // of who makes rooms, who says things, and where

    struct mail *waits_first, *waits_last; // asks whose frames are being made (home_wait.c)
    uint32_t waits_n;
    bool
        waits_idle; // all of them wait for what has yet to be told (home_pending), and no turn brings them on
    struct ref large_room; // whose large message is being deflated (home_deflate.c),
    uint64_t large_offset; // and which one it is; 0: none
    bool large_done;
    bool large_waiting; // one is not done, or waits for another: there is a turn at once

    uint64_t slice_left; // bytes of frames that may be made in this turn,
    uint64_t allowance;  // and for the ask at hand

    struct keep keep;   // what is on its way to the store
    struct loads loads; // and from there

    struct registry registry;
    struct once said; // keys of messages and directs
    struct once_group direct_keys;
    struct receipts receipts; // of requests with a key

    // Working memory of one call each; never in use across calls.
    struct buf scratch;       // one entry
    struct buf reply;         // an answer's payload
    char author[USER_ID_MAX]; // of the message that a record is about
    struct buf wish;          // what somebody wants of the state (home_proposal), or how it is
    uint8_t
        secret[INVITATION_HASH]; // the hash of the one that an invitation was made with, or is brought with
    struct buf result;           // what a change of the state comes to: until the next one is looked at
};

enum err home_init(struct home *h, struct context *cx, struct mailroom *mail) WARN_UNUSED;
void home_deinit(struct home *h); // a zeroed one is fine

// --- mail. *a is NULL afterwards where the ask is kept, to be answered later; else it stays the caller's.
void home_ask(struct home *h, struct ask **a);
void home_unregister(struct home *h, const struct register_mail *m);
void home_depart(struct home *h, const struct depart_mail *m);
void home_on_crowded(struct home *h, const struct pace_mail *m);
void home_on_engine(struct home *h, const struct engine_mail *m);
void home_on_creator(struct home *h, const struct creator_mail *m);
void home_on_store(struct home *h, struct store_mail *m);       // loading.c; it is taken
void home_on_lease(struct home *h, const struct lease_mail *m); // home_lease.c
void home_on_settle(struct home *h, struct settle_mail *s);     // home_claim.c; it is taken

// A reader of a room's log (log/log.h) has all up to an offset; what is committed by that is told at the turn's end.
void home_committed(struct home *h, uint32_t room, struct log_reader *r, uint64_t offset);

// --- the turn
void home_begin(struct home *h); // goes on with what waits
void home_timers(struct home *h);
void home_announce(struct home *h);
void home_tidy(struct home *h); // working memory that one huge message has left
// When that is needed at the latest; UINT64_MAX = never.
uint64_t home_due_ms(const struct home *h);

void home_check(const struct home *h);

static inline struct room *room_at(const struct home *h, uint32_t index) { return slab_at(&h->rooms, index); }
static inline struct member *member_at(const struct home *h, uint32_t index)
{
    return slab_at(&h->members, index);
}

// What holds in a room.
static inline const struct room_settings *room_settings(const struct home *h, struct room *r)
{
    return room_settings_of(h->cx, &r->ruled, room_name(r));
}

// The rule that its records say, from here on; others are told with what comes next.
static inline void room_look_ruled(struct room *r)
{
    const uint32_t given = rule_id(standing_rule(r->standing));
    r->rule_untold = r->rule_untold || given != r->ruled.given;
    ruled_by(&r->ruled, given);
}

// What is made of its records.
static inline struct made room_made(struct home *h, struct room *r)
{
    return (struct made){&r->log,
                         &h->said,
                         &r->keys,
                         str_make(room_life(r), EPOCH_LEN),
                         &h->cx->settings->hash_key,
                         &r->standing,
                         r->log.mem,
                         &r->state,
                         &r->invitations,
                         &h->result};
}

// --- between the files of this folder

// What is said in it is framed with these.
static inline struct live_tools room_tools(struct home *h, const struct room *r)
{
    const struct settings *s = h->cx->settings;
    return (struct live_tools){.mem = h->cx->mem,
                               .frames = r->log.mem,
                               .encodings = s->ways->encodings,
                               .prints = &s->hash_key,
                               .utc_offset_s = h->cx->utc_offset_s,
                               .scratch = &h->scratch,
                               .deflating = h->cx->deflating};
}
static inline struct frame_tools home_frame_tools(struct home *h)
{
    return (struct frame_tools){h->cx->utc_offset_s, &h->scratch, h->cx->deflating};
}

static inline struct once_limits home_once_limits(const struct home *h)
{
    return (struct once_limits){h->cx->settings->idempotency_ms, h->cx->settings->idempotency_keys};
}

// Tells the driver's checkers, where there are any, what has just happened (common/driver.h): an entry, or the ask that brings somebody in.
void home_witness(const struct home *h, const struct room *r, const struct entry *e,
                  const struct ask *joined);
// An ask, whose turn it is: as home_ask, but that it is not asked whether it has to wait for what was said before it.
void home_carry_out(struct home *h, struct ask **a);
// What the asker may do in the room (home_say.c).
struct rights home_rights(const struct home *h, struct room *r, const struct ask *a);
// How long it is until then, for who is to try again; 0 where it is for ever.
uint32_t home_retry_ms(const struct home *h, uint64_t until_ms);
// Of the ask; MAP_NONE. Its asker, a member by its name, is there by this connection.
uint32_t home_asked_room(const struct home *h, const struct ask *a);
bool home_is_there(const struct member *m, const struct ask *a);

// What is asked about a room, on its way through its gates: what they have found out for those behind them.
struct asking {
    const struct ask *a;
    uint32_t room;   // MAP_NONE: there is none, and
    struct room *at; // NULL
    uint32_t member; // who asks; MAP_NONE: a backend
    uint32_t target; // whom a decree is about, MAP_NONE where they are not there
    str past; // then who of that name the room has heard of, by a terminal's word for them; absent: nobody. The log's
    struct rights who; // what who asks may do
    bool paid;         // it was charged to the member
    struct verdict v;  // of the gate that has refused it: why
};
// The gates of joins, of what is asked about a room, and of a record that has been told (common/gates.h). False: refused; a join
// is answered, or kept, and *taken is NULL then.
#define X(at, name, ...) bool gate_##name(struct home *h, struct ask **taken, uint32_t *room) WARN_UNUSED;
GATES_JOIN(X)
#undef X
#define X(at, name, ...) bool gate_##name(struct home *h, struct asking *in) WARN_UNUSED;
GATES_ROOM(X)
#undef X
#define X(at, name, ...) void gate_##name(struct home *h, uint32_t room, const struct entry *e);
GATES_TOLD(X)
#undef X
// All of a room's: *in has the room, the rest is found out. False: it is answered, or kept to be so (*taken is NULL).
bool home_admits(struct home *h, struct ask **taken, struct asking *in) WARN_UNUSED;

// Large messages that are deflated over several turns (home_deflate.c). A turn's announcements begin.
void home_deflate_turn(struct home *h);
// The next record of a room that is to be shown may be. False: it is not done, or waits for its turn.
bool home_deflate(struct home *h, uint32_t room);
// The record at an offset is shown.
void home_deflated(struct home *h, uint32_t room, uint64_t offset);

// May a request with a key be carried out (home_claim.c). Receipts that are over go.
void home_claim(struct home *h, const struct ask *a);
void home_receipts_turn(struct home *h);
uint64_t home_receipts_due_ms(const struct home *h);
// Somebody who has passed them comes in (home_join.c). *taken is NULL afterwards where it is kept.
void home_join(struct home *h, struct ask **taken, uint32_t room);
// Somebody says something, or decides. The one who makes a room is its host.
void home_publish(struct home *h, struct ask **taken);
void home_publish_backend(struct home *h, struct ask **taken); // a backend does
void home_make_host(struct home *h, const struct ask *join, uint32_t room);
// A record has been told to the room: whoever else is to know is told, and what it does to its members is done. Of a decree that is
// the last alone.
void home_told(struct home *h, uint32_t room, const struct entry *e);
void home_decreed(struct home *h, uint32_t room, const struct entry *e);
// What a command becomes: what is said, or a decree.
enum entry_type home_entry_type(enum command_type type);
// What an ask says, as the record that is proposed for it; it borrows from the ask.
// Of a change of the state it borrows from h->wish as well, until the next one; there may have been no memory for that (buf_ok), and
// then it may not be proposed.
struct entry home_proposal(struct home *h, struct room *r, const struct ask *a);
// False: there was no memory for all of it, and it may not be proposed.
bool home_proposal_whole(const struct home *h, const struct entry *e);
// What is asked about a message (home_words.c): which, in which epoch, where a terminal has not said it; and the part of the proposal that
// says so.
void home_about(const struct home *h, struct ask *a, uint32_t room);
void home_change(const struct home *h, const struct room *r, const struct ask *a, struct entry *e);
// A message, or the state, has been changed by a record that people have yet to be told of: what it is is not to be shown.
bool home_pending(const struct room *r);
// The record that a message has its words from; 0 = its own. A record about it has been applied, before which that was `version`: frames
// of what was said are made anew where they said something else.
uint64_t home_version(const struct room *r, uint64_t target);
void home_changed(struct room *r, const struct entry *e, uint64_t version);
// A record has got its place: where it takes words away, whoever has yet to be told them is not (home_erase.c).
void home_erase(struct home *h, uint32_t room, const struct entry *e);
// A record is about to be applied. Whose the message is that it is about was found in the log, whose oldest records go where memory is
// short: it is kept aside.
void home_prepare(struct home *h, const struct room *r, struct entry *e);
// What became of it: the answer. heard: where it was not refused, the entry has just got the newest place; else it has none in the
// live stream.
void home_publish_answer(struct home *h, const struct ask *a, uint32_t room, const struct verdict *v,
                         bool heard);
// The same, of any proposal: who was let in by one goes on its way in. *taken is NULL afterwards where it is kept.
void home_came_to(struct home *h, struct ask **taken, uint32_t room, const struct verdict *v, bool heard);
// Invitations (home_invite.c): the part of a proposal that says of one, with its hash in h->secret. It is used by who may come in, now
// or when the record of that has its place: *taken is NULL afterwards where it is kept. Of one that was made what its reply says; why
// it was refused, false where it was for something else; which there are.
void home_invitation(struct home *h, struct room *r, const struct ask *a, struct entry *e);
void home_admit(struct home *h, struct ask **taken, uint32_t room);
void home_invited(const struct home *h, const struct room *r, const struct ask *a, const struct verdict *v,
                  struct event *ev);
bool home_invitation_refused(struct home *h, const struct ask *a, uint32_t room, const struct verdict *v);
void home_invites(struct home *h, const struct ask *a, uint32_t room);
void home_whois(struct home *h, const struct ask *a, uint32_t room); // whose number that is
extern const char home_no_invitation[]; // there is no such invitation to the room {}
// The invitation that a join brings; absent where it brings none.
static inline str home_invitation_of(const struct ask *a)
{
    return invitation_claimed(a->cmd.token) ? a->cmd.token : STR_NONE;
}
// Makes the room that a join names; false (and answered) where there may not be one more.
bool home_create(struct home *h, const struct ask *a, uint32_t *ret_room) WARN_UNUSED;
// `create` (home_made.c): of an ASK_JOIN what its gates ask besides: of the rule that it names, `named`: who asks may come into any room;
// and of a room that is here, whether it may still be made. False: it was answered. The room has been made for it: it is proposed.
bool home_made_admitted(struct home *h, const struct ask *a, bool named) WARN_UNUSED;
bool home_made_free(struct home *h, struct ask **taken, uint32_t room) WARN_UNUSED;
void home_made(struct home *h, struct ask **taken, uint32_t room);
// A backend's, from its ask on; what its record says; what became of it.
void home_made_by_backend(struct home *h, struct ask **taken);
void home_made_proposal(const struct home *h, const struct ask *a, struct entry *e);
void home_made_answer(struct home *h, const struct ask *a, uint32_t room, const struct verdict *v);
extern const char home_there_already[];
// A backend's: the room that it names is made where it is not there. False: it may not be, and that was answered.
bool home_room_for_backend(struct home *h, const struct ask *a, uint32_t *room) WARN_UNUSED;
// The ask on its way to those who pay for a room (home_create.c).
void home_charge_user(struct home *h, const struct ask *a);
void home_charge_address(struct home *h, const struct ask *a);
// A charged join has made no room. A room that was made by `creator` (0: nobody known) is gone.
void home_refund(struct home *h, const struct ask *a);
void home_room_given_up(struct home *h, uint64_t creator);
// A place among the rooms of a tenant (TENANT_NONE: there always is one), and back.
bool home_place_take(struct home *h, uint8_t tenant) WARN_UNUSED;
void home_place_give_back(struct home *h, uint8_t tenant);
// Memory that is short is found in old history (relief.c). Something was said in the room; its history is gone.
void relief_spoken(struct home *h, uint32_t room);
void relief_forget(struct home *h, struct room *r);
// So many bytes were refused in a room: true if there is more now.
bool relief_for(struct home *h, const struct room *r, size_t bytes) WARN_UNUSED;
// What somebody was refused who asks about a room of that name: that its tenant has used up its own memory.
bool relief_tenant_is_short(const struct home *h, uint8_t tenant);
void relief_turn(struct home *h);
void relief_check(const struct home *h);
// Signals (home_signal.c): the ask waits for the end of the turn; then it gets its place and is answered.
void home_signal(struct home *h, struct ask **a, uint32_t room);
void home_signals_place(struct home *h, uint32_t room);
// One of the same connection gets its place now, before what is said.
void home_signal_before(struct home *h, uint32_t room, const struct ask *said);
void home_signals_drop(struct home *h, struct room *r);
// What is wanted of the room's past is there, until it is taken (log/replay.h). ERR_MORE: a part of it, the ask is to wait.
// ERR_NOMEM.
enum err home_replay(struct home *h, uint32_t room, const struct replay_want *want) WARN_UNUSED;
// The ask is kept, and asked again in the next turn.
void home_wait(struct home *h, struct ask **a, uint32_t room);
// A kept ask, or one that has just come: may have frames of h->allowance bytes made.
void home_ask_again(struct home *h, struct ask **a);
void home_wait_drop(struct home *h); // all that waits
void home_wait_check(const struct home *h);
uint64_t home_share(
    const struct home *h); // what one that has just come may have of this turn's slice; 0: it is used up
// How far somebody has read (home_read.c).
struct read_view {
    bool known;
    uint64_t offset, unread;
};
void home_read(struct home *h, const struct ask *a, uint32_t room);
struct read_view home_read_view(const struct home *h, const struct room *r, str user);
// What a room's people share (home_state.c): what is proposed, in h->wish; why it was refused, false where it was for something
// else; how it is, to who asks, and for a `joined`, all of it in h->wish. False: memory is out.
void home_state_propose(struct home *h, struct room *r, const struct command *cmd);
bool home_state_refused(struct home *h, const struct ask *a, const struct verdict *v);
void home_state_read(struct home *h, const struct ask *a, uint32_t room);
bool home_state_put(struct home *h, const struct room *r);
// Records of a room one behind the other in a segment numbered from 1: as they were said, without words that are gone, or as they are
// now; void where it keeps them no more. NULL when memory is out.
struct segment *home_frames(struct home *h, const struct room *r, const struct encoding *en,
                            enum replay_form form, bool now, const uint64_t *offsets, uint32_t n);
// Lists (home_lists.c).
void home_members(struct home *h, const struct ask *a, uint32_t room);
void home_history(struct home *h, struct ask **a, uint32_t room);
void home_thread(struct home *h, struct ask **a, uint32_t room); // home_thread.c
void home_rooms(struct home *h, const struct ask *a);
// A user's home (home_user.c).
void home_direct(struct home *h, const struct ask *a);
void home_register(struct home *h, const struct ask *a);
void home_disconnect(struct home *h, const struct ask *a);
// A shard has no readers in the room any more: they hold up nobody (home_pace.c).
void home_pace_detach(struct home *h, struct room *r, uint32_t shard);

// The audit is told (audit.c): of a member, by which of its sessions (may be empty); of a room, by whom (NULL: nobody).
void audit_member(const struct home *h, uint32_t room, const struct member *m, enum audit_type type,
                  const char *how, str session);
void audit_room(const struct home *h, uint32_t room, enum audit_type type, const struct ask *by);

// Answers; the event, NULL for none, is encoded as the asker reads it.
void home_answer_event(struct home *h, const struct ask *a, struct answer *ans, const struct event *ev);
// Refused, counted, told to the log.
void home_answer_problem(struct home *h, const struct ask *a, enum effect effect, const struct problem *p);
// The same, of a sentence where "{}" is the room.
void home_answer_room_problem(struct home *h, const struct ask *a, enum effect effect, enum problem_code code,
                              const char *text);
// Counts it: of the tenant that has used up its own, or of the server.
void home_memory_refused(struct home *h, uint8_t tenant);
void home_answer_no_memory(struct home *h, const struct ask *a, enum effect effect);

#endif
