// SPDX-License-Identifier: Apache-2.0
//
// post.h - the kinds of mail and the words of the conversation between the parts of core. An *ask* goes from a connection's
// shard (the edge) to the shard that decides (a room's home, a user's), an *answer* comes back.
//
//        edge                              home
//        edge_command --- ask ------------> home_ask
//        edge_answer  <-- answer ---------- home_answer_event   (effect for the connection + encoded reply)
//        fan_advance  <-- advance --------- home_announce       (new entries of a room, once per shard and turn)
//
// This is all that edge and fan know of homes, and homes of them. It is the same whether both are on one shard or not
// (mailroom.h). An ask is answered exactly once.
//
// Ownership: a mail is one block; the strs in it point into its own tail. Segments in a mail carry one reference
// each, which the receiver takes or drops.
#ifndef PLENUM_CORE_POST_H
#define PLENUM_CORE_POST_H

#include "base/siphash.h"
#include "core/common/ref.h"
#include "core/log/segment.h"
#include "core/mail/mailroom.h"
#include "core/mail/receipt.h"
#include "dialect/dialect.h"

enum { EPOCH_LEN = 11 }; // base64url of 64 bits

enum mail_kind {
    MAIL_ASK = 1,
    MAIL_ANSWER,
    MAIL_ADVANCE,
    MAIL_ERASE,
    MAIL_UNREGISTER,
    MAIL_DEPART,
    MAIL_EVICT,
    MAIL_DIRECT,
    MAIL_EXPEL,
    MAIL_CROWDED,
    MAIL_HOLD,
    MAIL_CREATOR,
    MAIL_ENGINE, // engine.h
    MAIL_TOKEN,  // token.h
    MAIL_VERDICT,
    MAIL_LEASE, // lease.h
    MAIL_LEASED,
    MAIL_SETTLE, // receipt.h
    MAIL_STORE,  // store.h
};

enum ask_type {
    ASK_JOIN,
    ASK_ADMIT, // what an ASK_JOIN by an invitation is at its home while its use is a proposal (home/home_invite.c)
    ASK_LEAVE,
    ASK_PUBLISH,
    ASK_CREATE, // a room that nobody is in, for a backend; a person's is an ASK_JOIN (home/home_made.c)
    ASK_SIGNAL,
    ASK_READ,
    ASK_STATE, // what it is
    ASK_INVITES,
    ASK_WHOIS,
    ASK_MEMBERS,
    ASK_HISTORY,
    ASK_RENAME,  // others are shown another name, or other info
    ASK_ROOMS,   // walks over all shards, collecting rows
    ASK_RESOLVE, // a name in a room to a user, then goes on as ASK_DIRECT
    ASK_DIRECT,
    ASK_FENCE,       // nothing: its answer comes behind those to what was asked about the room before
    ASK_REGISTER,    // a session at its user's home; the welcome is the answer
    ASK_CHARGE_USER, // ASK_JOIN of a name that is no room: goes on over those who pay for it (home_create.c)
    ASK_CHARGE_ADDRESS,
    ASK_DISCONNECT,  // a user's connections, at its home
    ASK_CLOSE,       // one connection, at its own shard
    ASK_CONNECTIONS, // walks over all shards, collecting rows (conn/roster.c)
    ASK_INFO,        // likewise, adding up
    ASK_REVOKE,      // walks over all shards: each is to have it (edge/edge_revoke.c)
    ASK_CLAIM,       // may a request be carried out by its idempotency key (receipt.h)
};
// Answered by those who keep connections; all others by a home.
static inline bool ask_of_conns(enum ask_type type)
{
    return type == ASK_CLOSE || type == ASK_CONNECTIONS || type == ASK_INFO || type == ASK_REVOKE;
}

struct ask {
    struct mail mail;
    enum ask_type type;
    struct conn_ref conn;
    uint8_t encoding;     // its id: the answer is encoded in it
    struct credit credit; // what its answer brings back; none: it takes one when it is posted
    bool guest;           // who asks has said hello without a token
    uint8_t tenant;       // whose user it is (common/tenant.h)
    bool resumed;         // ASK_REGISTER: an older connection of the session is to be closed
    bool lasting;         // may be kept, or go on to other shards: its answer may take a while (mailroom.h)
    bool open;            // and what is said about its room waits for it; the answer says so, too
    bool backend;         // of the HTTP API: who asks is in no room, and has been allowed to (core/api)
    bool own_words;       // of the HTTP API: may change what `user` has said, and nobody else's
    bool charged;         // ASK_JOIN: the room it makes is paid for
    bool no_create;       // ASK_JOIN: its token does not let it make a room
    bool made;            // ASK_JOIN, at its home: the room was made for it
    bool
        denied; // ASK_PUBLISH: refused, or there was no memory for it, or too much on its way; to be told in its turn
    bool own;     // the home's own, which nobody waits for: it is not answered
    bool ended;   // ASK_LEAVE: nobody has asked for it, the token that it came by has ended
    bool invited; // ASK_JOIN, at its home: the invitation that it brings holds, and is to be used
    bool hosted;  // ASK_JOIN: its user has been made the host of the room that it made
    uint8_t why,
        right; // ASK_PUBLISH: why it was refused, enum denial of home/apply.h, 0 = it was not; the right that it lacks
    uint64_t until_ms;  // and until when; steady
    uint64_t number;    // of what was said of the room's state: as in struct verdict, home/apply.h
    uint64_t before_ms; // ASK_REVOKE: tokens that were issued before that; wall
    uint32_t
        grant; // what its session's token allows in the room (home/rights.h); 0 = there is none that says so
    bool repeats; // ASK_PUBLISH, with `placed`: that is an earlier record, which says it
    bool
        judged; // ASK_PUBLISH, at its home: its record has been applied here, and was accepted, or said before at `first`
    uint64_t first;
    uint32_t
        claim; // of the connection's shard (core/conn/claims.h), counted from 1, which its answer goes back to; 0 = none
    uint64_t fingerprint; // ASK_CLAIM: of what is asked for; of its key user_print, of who asks session_print
    uint64_t
        numbering;    // ASK_PUBLISH about a message: the fingerprint of the epoch in which it has that offset
    uint32_t listed;  // ASK_CONNECTIONS: so many rows were collected
    uint16_t waited;  // turns in which its home has worked for it
    uint32_t address; // of the connection, as in struct peer
    uint32_t rooms_wait_ms; // ASK_JOIN: so long the connection itself may make no room
    struct ref outlet;      // ASK_JOIN: where the room's entries go on the edge
    struct ref room;        // the room at its home where the edge knows it, else REF_NONE
    uint64_t room_hash;
    u128 user_print;        // ASK_DIRECT: of the recipient; ASK_REGISTER: of the user
    uint64_t session_print; // ASK_REGISTER
    uint64_t
        absent; // at its home: the store had none of that name when so many rooms had gone there (home/loading.h); 0: nobody knows
    uint64_t placed;   // ASK_PUBLISH, at its home: the offset that it got (home/course.h); 0 = none yet
    uint32_t since_ms; // low bits of when its connection was accepted: asks of two of a session may overtake
// clang-format off
#define ASK_OWN_STRS(X) \
    X(user) X(session) X(name) /* who asks */ \
    X(info)                    /* what others are shown of who asks, where they are (ask_shows); JSON */ \
    X(rows)                    /* ASK_ROOMS, ASK_CONNECTIONS, ASK_INFO: what was collected so far (home/home_lists.c, conn/roster.c); ASK_RENAME: the rooms, a struct ref each */
// clang-format on
#define X(field) str field;
    ASK_OWN_STRS(X)
#undef X
    struct command cmd;
    char tail[];
};

// Others are shown who asks it.
static inline bool ask_shows(enum ask_type type)
{
    return type == ASK_JOIN || type == ASK_PUBLISH || type == ASK_SIGNAL || type == ASK_RESOLVE ||
           type == ASK_DIRECT || type == ASK_RENAME;
}

// Made bit by bit, or going on to other homes.
static inline bool ask_lasts(enum ask_type type)
{
    return type == ASK_JOIN || type == ASK_HISTORY || type == ASK_ROOMS || type == ASK_RESOLVE ||
           type == ASK_CONNECTIONS || type == ASK_INFO || type == ASK_REVOKE;
}

enum effect {
    EFFECT_NONE,       // only the payload
    EFFECT_JOINED,     // start the cursor at `start`
    EFFECT_REFUSED,    // a join did not happen
    EFFECT_CREATED,    // a room was made, and nobody has come in
    EFFECT_HISTORY,    // records follow the payload, or lie in it
    EFFECT_LEFT,       // remove the cursor, after everything up to the head announced
    EFFECT_PUBLISHED,  // the sender's own entry is at `place`
    EFFECT_FENCED,     // what was asked about the room before is answered
    EFFECT_RENAMED,    // in its rooms of one home; the payload is the command's id
    EFFECT_REGISTERED, // the session is known at its user's home; the payload is the hello's id
    EFFECT_CLAIMED,    // `claimed` says what a claim comes to
    EFFECT_STRANGER,   // it is not, for want of memory, or (`full`) as the user has as many; likewise
};

struct answer {
    struct mail mail;
    struct conn_ref conn;
    enum effect effect;
    struct credit credit;    // of its ask
    uint32_t provided;       // bytes that it may take within what was booked for its ask
    bool reply_lost;         // memory was out for the payload or what follows it: the connection cannot go on
    bool open;               // of an ask that was
    bool resumed;            // EFFECT_REGISTERED: an earlier session goes on
    bool created;            // EFFECT_JOINED, EFFECT_CREATED: the room was made for it
    bool skip;               // EFFECT_PUBLISHED: the sender does not want its own entry back
    uint8_t encoding;        // the asker's
    uint8_t claimed;         // CLAIMED: enum claimed (receipt.h),
    uint16_t status;         // and the status of the answer that is the payload
    uint32_t claim;          // of its ask
    struct ref receipt;      // CLAIMED, granted
    uint32_t retry_ms;       // REFUSED: the room could not be made; who asks again before that is noted
    struct ref outlet;       // JOINED, REFUSED, LEFT, PUBLISHED, FENCED, and where `open`
    struct ref room, member; // JOINED: at the home
    uint64_t place;          // JOINED: of the newest entry that it does not hear live; PUBLISHED: the entry's
    uint32_t rule;           // JOINED: which the room has (common/rule.h)
    uint64_t offset;         // JOINED: of the newest record; HISTORY: of the last one of the page
    uint64_t replay_from; // JOINED, HISTORY: what was said is sent from here to `offset`; above it: nothing
    bool hold;            // JOINED: publishes wait (fan/pace.h)
    bool full;            // STRANGER: its user has as many sessions as one may
    bool has_gap;         // JOINED: offsets that will not come, to be announced after the payload
    uint64_t gap_from, gap_to;
    str payload;        // the encoded reply; empty = none
    uint32_t seg_count; // JOINED, HISTORY: of segs, from the one that holds replay_from on (log/replay.h)
    struct segment **segs;
    char tail[];
};

struct advance_seg {
    uint8_t track; // the encoding's id
    struct segment *seg;
};

struct advance {
    struct mail mail;
    struct ref outlet;
    uint64_t head;     // place of the newest entry
    uint64_t offset;   // of the newest record
    uint64_t since_ns; // when the turn began in which the oldest of them was appended
    uint32_t rule;     // which the room has (common/rule.h)
    bool rest; // nothing new: nothing has happened for a while, what everyone has read need not be kept
    uint32_t seg_count;
    struct advance_seg segs[];
};

// What records of a room said is taken back: whoever has yet to be told of them is not told the words any more. It comes behind the
// `advance` that they came by.
enum { ERASE_MAX = 24 };
struct erase_mail {
    struct mail mail;
    struct ref outlet;
    uint32_t n;
    uint64_t offsets[ERASE_MAX]; // rising
    // Entry k of a track's is what stands at offsets[k] instead. A track without any (there was no memory) loses all that it has.
    uint32_t seg_count;
    struct advance_seg segs[ENCODINGS_MAX];
};
_Static_assert(sizeof(struct erase_mail) <= MEM_ESSENTIAL_MAX, "it always goes out");

// A connection has gone, or a join came too late for it: it is in none of these rooms of one home any more.
struct depart_mail {
    struct mail mail;
    struct conn_ref conn;
    uint8_t encoding;
    bool keep_member;  // its members stay, disconnected, for their grace time
    struct ref member; // of the only room: whose join it was; REF_NONE: the user says
    str user;
    uint32_t room_n;
    struct ref *rooms;
    char tail[];
};
enum { DEPART_ROOMS_MAX = 64 }; // of one mail

struct register_mail { // MAIL_UNREGISTER, and what the registry knows of an ASK_REGISTER
    struct mail mail;
    struct conn_ref conn;
    u128 user_print;
    uint64_t session_print;
    uint32_t since_ms;
    bool resumed;
};

struct pace_mail { // MAIL_CROWDED, MAIL_HOLD
    struct mail mail;
    struct ref outlet;
    struct ref room; // CROWDED
    uint32_t shard;  // CROWDED: the outlet's
    bool on;
};

struct creator_mail { // MAIL_CREATOR: what was charged is over (home/creator.h)
    struct mail mail;
    uint64_t print;
    bool address; // else a user's
    bool refund;
};

struct evict_mail {
    struct mail mail;
    struct conn_ref conn;
    bool ordered; // by the backend; else its session was resumed elsewhere
};

// Why somebody is sent away from a room: what they are told.
#define EXPELLED(X) X(KICKED, "kicked") X(BANNED, "banned") X(ROOM_CLOSED, "room_closed")
enum expelled {
#define X(upper, text) EXPELLED_##upper,
    EXPELLED(X)
#undef X
};

// Who gets it is in the room no more, as its home has it.
struct expel_mail {
    struct mail mail;
    struct session_key session;
    struct ref outlet;
    enum expelled why;
#define EXPEL_STRS(X) X(user) X(name) X(reason) // by whom; the reason may be empty
#define X(field) str field;
    EXPEL_STRS(X)
#undef X
    char tail[];
};

struct direct_mail {
    struct mail mail;
    struct conn_ref conn; // the receiver
    uint64_t time_ms;
#define DIRECT_STRS(X) X(user) X(session) X(name) X(info) X(data) // the sender's
#define X(field) str field;
    DIRECT_STRS(X)
#undef X
    char tail[];
};

// Copies what is borrowed into a mail and posts it. A mail whose loss would leave two shards of different opinion (a departure,
// an answer, everything made by post_plain) may pass the memory budget and always goes out. An ask or a direct may not: false
// when memory is out, and the asker is told. An ask without a credit takes one, of which there must be one.
bool post_ask(struct mailroom *mr, uint32_t dest, const struct ask *a) WARN_UNUSED;
// The same in two steps, for several that are to be posted all or none; NULL when memory is out.
struct ask *post_ask_make(struct mailroom *mr, const struct ask *a) WARN_UNUSED;
void post_ask_made(struct mailroom *mr, uint32_t dest, struct ask *a);
bool post_direct(struct mailroom *mr, uint32_t dest, const struct direct_mail *d) WARN_UNUSED;
// To the shard of a->conn; the references of its segments go with it. False where it is longer than
// `provided`, and than the memory there is: or_bare, it goes without its payload and its segments (`reply_lost`), so that its
// effect is not lost; else nothing is done, and the segments stay the caller's.
bool post_answer(struct mailroom *mr, const struct answer *a, bool or_bare);
void post_depart(struct mailroom *mr, uint32_t dest, const struct depart_mail *d);
void post_expel(struct mailroom *mr, uint32_t dest, const struct expel_mail *m);
// A mail without strings, zeroed, to be filled in and posted (mail_post).
void *post_plain(struct mailroom *mr, enum mail_kind kind, size_t bytes);
// Copies a mail without strings and posts it.
void post_copy(struct mailroom *mr, uint32_t dest, enum mail_kind kind, const void *mail, size_t bytes);

#endif
