// SPDX-License-Identifier: Apache-2.0
//
// room.h - a room at its home: its log, its members, who among the shards listens. The home alone assigns
// offsets, checks what a member may do, and trims.
//
//   life:  first join creates it -> members come and go -> empty for rooms.grace_s -> gone with all its memory
//          (nothing was ever said in it: gone at the end of the turn in which the last member went)
//
//   member:  connected --last session dropped--> away, untold --presence_damping_ms--> away, told --member_grace_s--> left
//                 ^----- joins again, nobody hears of it ----'                            |
//                 '------ joins again, told (member:changed) -----------------------------'
//
// Invariants (room_check)
//   1. every member is in the list; `members` counts them. They are all in `by_user`, or, where they are few, none is
//   2. a member is away exactly if it has no session; away members are in the away list, longest first,
//      and those of whom it has not been told yet are the end of it, from untold_first on
//   3. feeds[s].sessions is the sum of its readers; a shard with none gets no announcements
//   4. the live stream has a track for an encoding exactly while some shard has readers of it, and as many readers
//   5. `crowded` counts the feeds that are; a feed without sessions is not
//   6. `emptying`: somebody is there. While it is closed, and they have been told so, nobody is but for that
//   7. the rule that it has is the one that its records say
//   8. it owes only what is committed, and has yet to come into the live stream
//
// One block: a room of two is what there are most of, and blocks of its own for name, feeds and a table of users would be as
// much as the rest of it.
//
// Ownership: the shard's room pool. Thread: the home shard's.
#ifndef PLENUM_CORE_ROOM_H
#define PLENUM_CORE_ROOM_H

#include "base/map.h"
#include "base/slab.h"
#include "core/home/apply.h"
#include "core/home/reads.h"
#include "core/log/live.h"
#include "core/log/log.h"
#include "core/log/replay.h"
#include "core/mail/post.h"

struct home;
struct keeping;

enum { MEMBER_TEXT_INLINE = 40 }; // a guest's id and name
// So many members are found by walking the list; from there on there is a table, until they are half as many.
enum { MEMBERS_WALKED = 8, ROOM_NAME_INLINE = 24 };

struct member {
    uint64_t joined_at, last_active; // wall ms
    union {
        uint32_t away_ms;  // away: low bits of the monotonic time its last session dropped at
        uint32_t named_ms; // else: of the time at which the connection was accepted that gave it its name
    };
    uint32_t prev, next; // in order of joining
    uint32_t seq;        // in order of joining, from 1
    uint16_t sessions;   // connections it is here by, at most MEMBER_SESSIONS_MAX
    uint16_t sessions_cap;
    uint8_t role;
    uint8_t user_n;
    uint8_t name_n : 7;   // 0: the name is the user id
    uint8_t has_info : 1; // then the text is long
    bool untold;          // away, and others have not been told (presence.c)
    union { // where they are: what is to be told to all of them, be it to leave, finds them (member_sessions)
        struct {
            uint32_t away_prev, away_next; // sessions == 0
        };
        struct session_key session;       // sessions_cap == 0: the only one
        struct session_key *session_list; // else
    };
    union { // user, then name
        char text_inline[MEMBER_TEXT_INLINE];
        char *
            text_long; // when they are longer together, or there is info, which is pointed to in front of them
    };
};
_Static_assert(USER_NAME_MAX < 1 << 7, "the length of a name fits");

// What a shard with readers in this room has been told.
struct feed {
    struct ref outlet;
    uint64_t told;    // up to which place
    uint32_t *counts; // sessions by encoding; NULL: all of them are of `encoding`
    uint32_t sessions;
    uint8_t encoding;
    bool crowded; // its outlet says so
};

struct room {
    uint64_t hash;
    union {
        char name_inline[ROOM_NAME_INLINE];
        char *name_long; // when it is longer
    };
    uint8_t name_n;
    bool dirty : 1;         // in the shard's list of rooms to announce
    bool count_pending : 1; // a members:count entry is due
    bool has_history : 1;   // in the list of those that have some (relief.c)
    bool resting : 1;       // nothing has happened for a while, and the shards have been told
    bool said : 1; // a message was appended, or it was made to be there: there is something to come back for
    bool rule_untold : 1; // and not all shards know the rule that it has now
    bool owes : 1;        // what is committed has found no memory to be told in (room_announce.c)
    bool emptying : 1;    // it has been closed: those who are still there are being sent away (room_close.c)
    char epoch[EPOCH_LEN];
    uint8_t tenant;     // whose it is (common/tenant.h)
    uint16_t waits;     // asks in the list of those that wait for frames (home_wait.c): it is there as long
    struct ruled ruled; // which rule it has (common/rule.h)
    uint32_t untold_first;  // of the away list (presence.c); here, where there is a hole
    struct once_group keys; // of its members, and of those who were
    struct log log;         // what was said
    struct live live;       // what is heard now; of the records, what people have been told of
    struct reads *reads;    // how far people have read; NULL = nobody has said so
    struct replay *replay;  // what was said, for those who come; NULL = nobody has asked
    struct map *by_user;    // NULL where they are few
    uint32_t members;
    uint32_t member_seq;            // of the last one that joined
    uint32_t first, last;           // members in order of joining
    uint32_t away_first, away_last; // members without a session
    uint32_t sessions;
    uint32_t crowded;          // feeds that are; while there are any, publishes wait (fan/pace.h)
    struct course *course;     // what its authority is asked for, where that is an engine (course.h)
    struct mail *signals;      // asks of this turn, one of a connection at most, oldest first (home_signal.c)
    struct standing *standing; // roles, bans, mutes, by its records; NULL where there is nothing of the kind
    struct state *state;       // what its people share, likewise
    struct invitations *invitations; // to it, likewise
    struct keeping *keeping;         // how far it is kept (keep.h); NULL where there is no store
    uint64_t creator; // keyed hash of the address it was made from (home/creator.h); 0 = unknown
    union {
        uint64_t empty_ms; // since when there is no member
        uint64_t count_ms; // while there are some: when a members:count entry was last written; 0: never
    };
    uint64_t heard_ms;       // of the newest entry
    uint32_t colder, warmer; // has_history: in order of when something was said last
    struct feed feeds[];     // one per shard
};

static inline str room_name(const struct room *r)
{
    return (str){r->name_n <= ROOM_NAME_INLINE ? r->name_inline : r->name_long, r->name_n};
}
// Of the records that are here the newest that people may see. Behind a cut they have been told of offsets that have yet to come
// (room_cut.c).
static inline uint64_t room_newest(const struct room *r)
{
    return r->live.offset < r->log.committed ? r->live.offset : r->log.committed;
}
// What it is called and what is shown of it (member_text.c). Limits: USER_INFO_MAX. They borrow from the member.
str member_user(const struct member *m);
str member_name(const struct member *m);
str member_info(const struct member *m); // JSON; absent: none
// Of a zeroed one. ERR_NOMEM.
enum err member_text_init(struct member *m, struct mem *mem, str user, str name, str info) WARN_UNUSED;
// Another name, other info. The name is there in any case, which may go beyond the budget: members of one user in several rooms
// must not end up with different ones because memory ended between them. False where memory is out for the info: it is as it was.
bool member_text_change(struct member *m, struct mem *mem, str name, str info);
void member_text_deinit(struct member *m, struct mem *mem);
const struct session_key *member_sessions(const struct member *m); // `sessions` of them, in no order

// --- rooms (room.c)
uint32_t room_find(const struct home *h, str name, uint64_t hash);
// Where a name is, or would be, in the list of rooms by name.
uint32_t rooms_sorted_place(const struct home *h, str name);
// ERR_LIMIT at rooms_max, ERR_FULL where its tenant has as many as it may have, ERR_NOMEM.
enum err room_create(struct home *h, str name, uint64_t hash, uint32_t *ret_room) WARN_UNUSED;
void room_remove(struct home *h, uint32_t index);
// It has a new epoch.
void room_epoch_make(struct home *h, struct room *r);
// The same of one whose time is over, which others are told.
void room_over(struct home *h, uint32_t index);
// Applies a record at its offset, head + 1; those who are there are told when it is committed. ERR_NOMEM: nothing has changed.
enum err room_apply(struct home *h, uint32_t index, uint64_t offset, struct entry *e,
                    struct verdict *ret) WARN_UNUSED;
// Gives a passing entry its place. ERR_NOMEM.
enum err room_place(struct home *h, uint32_t index, struct entry *e) WARN_UNUSED;
// Something is new in the live stream.
void room_heard(struct home *h, uint32_t index, const struct entry *e);
// Cuts (room_cut.c). The room goes on with the offset `first`, as what it has not got before that is not kept any more; those
// who are there are told what will not come, if they have yet to get it. ERR_NOMEM: nothing has changed.
enum err room_skip(struct home *h, uint32_t index, uint64_t first) WARN_UNUSED;
// It goes on in another epoch, with the records first..last, which are to be applied, and of which nobody will hear. ERR_NOMEM:
// nothing has changed.
enum err room_renew(struct home *h, uint32_t index, const char epoch[EPOCH_LEN], uint64_t first,
                    uint64_t last) WARN_UNUSED;
// All of these are applied: who is banned by one of them is in the room no more.
void room_renewed(struct home *h, uint32_t index);
// It has been closed by a record (room_close.c): what was said before it goes, and everybody who is there.
void room_closed(struct home *h, uint32_t index);
// The log begins with the record that closed it, as far as people have been told.
void room_forget(struct home *h, uint32_t index, uint64_t closed_at);
// Some of them; when it is to be called again, UINT64_MAX = not.
uint64_t room_empty(struct home *h, uint32_t index);
// It has been closed, nobody is in it, and the time is over for which nobody comes in.
bool room_is_over(const struct home *h, uint32_t index);
// What there is of the room when somebody wants to come in: MAP_NONE where it has been closed and that is over, as it is gone then.
uint32_t room_unless_over(struct home *h, uint32_t index);
// Until when nobody comes in, as the home sees it; steady. 0: it is not closed.
uint64_t room_closed_ms(const struct home *h, const struct room *r);
// To be announced at the end of the turn.
void room_mark_dirty(struct home *h, uint32_t index);
// Corrects the gauge plenum_log_bytes after something that grew or shrank a log.
void room_log_moved(struct home *h, size_t before, size_t after);
// Drops what is beyond the limits of its log.
void room_trim(struct home *h, struct room *r);
// There was no memory for something; that a tenant has used up its own is no trouble of the server's.
void room_no_memory(struct home *h, const struct room *r, const char *what);
// Makes sure the room's timer fires by then.
void room_timer(struct home *h, uint32_t index, uint64_t due_ms);
// How long it is kept without members.
uint32_t room_grace_ms(const struct home *h, const struct room *r);
void room_on_timer(struct home *h, uint32_t index);
void room_check(const struct home *h, uint32_t index);

// --- what is new in it (room_announce.c)
enum { ROOM_REST_MS = 2000 }; // without an entry for so long, a room's live stream holds no memory
// Tells a shard about entries that it has not heard of yet.
void room_announce_to(struct home *h, uint32_t index, uint32_t shard);
// Lets it rest where nothing has happened for so long; else when that is to be looked at again, UINT64_MAX = not.
uint64_t room_rest_due(struct home *h, struct room *r);

// --- who listens where (feed.c)
// So that feed_attach cannot fail. ERR_NOMEM.
enum err feed_reserve(struct home *h, struct room *r, const struct ask *a) WARN_UNUSED;
// The asker hears the room from here on; no more.
void feed_attach(struct home *h, struct room *r, const struct ask *a);
void feed_detach(struct home *h, struct room *r, uint32_t shard, uint8_t encoding);
// How many of a shard's read that encoding.
uint32_t feed_readers(const struct feed *f, uint8_t encoding);
void feeds_free(struct home *h, struct room *r);

// --- members (member.c)
uint32_t member_find(const struct home *h, const struct room *r, str user);
// There is a place for one more session of that user: ERR_LIMIT, ERR_FULL as below.
enum err member_fits(const struct home *h, struct room *r, str user) WARN_UNUSED;
// One more session of a user: who asks. ERR_LIMIT at MEMBER_SESSIONS_MAX, ERR_FULL at room_members_max, ERR_NOMEM. Entries
// are appended as needed.
enum err member_arrive(struct home *h, uint32_t room, const struct ask *a, uint32_t *ret_member) WARN_UNUSED;
// One session less. keep: the member may come back within its grace time. False where it is not one of the member's, as
// it has been taken from it by somebody else's order meanwhile.
struct departure {
    struct conn_ref conn;
    bool keep;
    const char *why; // for the audit
    str session;     // likewise; may be empty
};
bool member_depart(struct home *h, uint32_t room, uint32_t member, const struct departure *d);
// Another name, or other info. Nothing is done where a newer connection is in the room already: what it was told, the name in its
// resume token, is what the user is called, and what its token says is what is shown.
void member_show(struct home *h, uint32_t room, uint32_t member, str name, str info, uint32_t since_ms);
// Members whose grace is over leave; returns when the next one's is, UINT64_MAX if none is away.
uint64_t members_expire(struct home *h, uint32_t room);
// True if the connection is one that it is here by.
bool member_is(const struct member *m, struct conn_ref session);
// Out of the room, with all its sessions, each of which is told; e: by what decree.
void member_expel(struct home *h, uint32_t room, uint32_t member, const struct entry *e);
void members_free(struct home *h, struct room *r);
void members_table_drop(struct room *r); // by_user, and it is found by the list
void members_check(const struct home *h, const struct room *r);

// --- what others are told of them (presence.c)
// A member as it is told of and listed: who is away, and nobody has been told, is there.
void member_view_make(const struct member *m, struct member_view *ret);
size_t member_view_bytes(const struct member_view *v); // about, of its row in a list
// Tells of one, or that a count is due. previous_name: of somebody who has another one now, else absent.
void presence_tell(struct home *h, uint32_t room, enum entry_type type, const struct member *m,
                   str previous_name);
// Writes a members:count entry if one is pending and due; returns when it will be, UINT64_MAX if none is.
uint64_t members_count_due(struct home *h, uint32_t room);
// The away list: one more, whose last session has just gone; one less, who is back or leaves.
void away_push(struct home *h, struct room *r, uint32_t member);
void away_remove(struct home *h, struct room *r, uint32_t member);
// Tells of those who have been away for room_damping_ms; returns when the next one will have been, UINT64_MAX if there is none.
uint64_t members_away_due(struct home *h, uint32_t room);

#endif
