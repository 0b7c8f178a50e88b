// SPDX-License-Identifier: Apache-2.0
//
// truth.h - what the checkers know, and what they are told.
//
//      ledger.c   what homes write down, while it happens        --> numbering: one epoch of one room
//      truth.c    what clients see of it                          --> facts: which entry has which offset, for everybody
//      seats.c, text_seats.c   one connection in one room: nothing lost, nothing twice, gaps where they are due
//      directs.c  from one to another
//
// Ownership: the world's arena. Thread: one.
#ifndef PLENUM_SIM_TRUTH_H
#define PLENUM_SIM_TRUTH_H

#include "base/buf.h"
#include "base/limits.h"
#include "core/shard/shard.h"
#include "dialect/entry.h"

struct world;
struct client;
struct node;
struct asked;

enum { EPOCH_MAX = 24, NONE = -1 };

// Where a connection came into a room, as its home has it.
struct start {
    int room, epoch;
    uint64_t tail, head; // of the log
    uint32_t passed;     // so many passing entries there had been
};

// What is known about one entry of a room.
enum fact_kind {
    FACT_UNKNOWN,
    FACT_MESSAGE,
    FACT_JOINED,
    FACT_LEFT,
    FACT_CHANGED,
    FACT_COUNT,
    FACT_SIGNAL,
    FACT_READ,
    FACT_VOID,
    FACT_DECREE,
    FACT_STATE,
    FACT_GAP,
    FACT_EPOCH
};
struct fact {
    uint64_t hash;    // of the JSON bytes; 0 = nobody has seen them
    uint32_t message; // serial, 0 = none
    uint8_t kind;
    char conflate; // of a message, its conflation key; of a change of one key of the state, which; 0 = none
    uint64_t
        name_hash; // FACT_JOINED..CHANGED: of the member's name, and the one before it (truth_renamed). FACT_READ: reads_hash
    uint64_t first_ms;     // when somebody first learned of it
    uint64_t after;        // of a passing entry: the offset it came after
    uint64_t cut_to;       // FACT_GAP, FACT_EPOCH: the offset behind which it goes on
    uint32_t parts;        // FACT_STATE: as so many things it is told (shared.c),
    const uint64_t *told;  // and a hash of each,
    const uint64_t *shown; // and of what terminals show of it
    uint64_t line; // FACT_DECREE, of a change of a message: what terminals show; 0 = nobody knows (words.c)
};
// Somebody's membership in one numbering, by how many passing entries there were when things changed; 0 = never.
struct person {
    uint64_t user_hash, name_hash, name_before;
    bool connected;
    uint32_t joined, left;
    uint32_t renamed, renamed_before; // the last two times
    uint32_t changed;                 // away or back
    uint64_t here_ms;                 // when it was last told that it is here
    bool closed;                      // `left` by the end of the room, of which nothing that passes tells
};
// Somebody in a room, by its records (decrees.c).
struct subject {
    char user[USER_ID_MAX + 1];
    enum role role;                        // ROLE_COUNT: none was given
    uint64_t banned_ms, muted_ms, said_ms; // steady; said_ms counts where `said`
    uint64_t banned_at;                    // offset of the decree that says so
    bool said, ever_banned, ever_muted, ever_given;
};
// An invitation, by the records (invites.c).
enum { INVITE_USES = 3 };
struct invite_seen {
    char id[8];
    uint32_t uses, used;
    uint64_t until_ms, hash; // steady; of the hash of its secret
    uint64_t by[INVITE_USES];
    enum role role;
    bool gone;
};
struct decreed {
    struct invite_seen *invites;
    uint32_t invites_n, invites_cap;
    struct subject *subjects;
    uint32_t subjects_n, subjects_cap;
    uint64_t seen; // records so far
    uint64_t newest_ms, slow_ms;
    bool readonly, ever_slow, ever_readonly, ever_locked;
    uint64_t closed_ms, closed_at; // until when, and the offset of the decree; 0 = it never was
};
// How far a user has read, in one numbering (reads.c).
struct read_by {
    uint64_t user_hash;
    uint64_t asked; // the furthest that was asked for,
    uint64_t acked; // was answered, of what the client has heard,
    uint64_t acked_ms;
    uint64_t tail; // what the log began with by then,
    uint64_t told; // and what everybody was told of
};
struct change_seen {
    uint64_t offset, target; // of the record, of its message
    uint64_t data_hash;      // of an edit
    bool deletes;
    bool late; // when it was told of it had been changed already, so that what it said is not known
};
// What a room's people share, by its records (shared.c).
enum { SHARED_KEYS = 7 }; // s0 and so on; the last one is `topic`
struct shared_version {
    uint64_t version, offset;     // of the record
    uint64_t values[SHARED_KEYS]; // hashes; 0 = the key is not there
};
struct shared {
    struct shared_version *v;
    uint32_t n, cap;
    uint64_t seen;
};
struct records {        // of one epoch of a room, the same on all servers
    struct fact *facts; // by offset
    uint32_t n, cap;    // facts[1..n-1]
    // As they were applied first, for who applies them again (rebuild.c); one server's home is its own authority.
    str *bytes;
    uint32_t bytes_n, bytes_cap; // bytes[o - 1] has offset o
    struct decreed decreed;
    struct change_seen *changes; // edits and deletions, in order
    uint32_t changes_n, changes_cap;
    struct shared shared;
    bool ended; // by its engine: whoever is there is told
};
struct numbering { // one epoch of a room on one server, from when it began to be there
    char epoch[EPOCH_MAX];
    uint64_t told; // of the newest record that its home has told people of, in this life of the room
    uint32_t server;
    struct records *records;
    int follower;        // in which the room went on when its epoch ended; NONE
    uint64_t base;       // the offset of an entry is its place, less what has passed, and this (it may wrap)
    uint64_t head;       // highest offset that is known to exist here
    struct fact *passed; // passing entries in order, from 0
    uint32_t passed_n, passed_cap;
    // Of the home's log (ledger.c).
    uint64_t read; // so far
    uint64_t tail; // oldest offset kept
    struct person *people;
    uint32_t people_n, people_cap;
    bool entered; // somebody has come in, or a backend has made it
    uint64_t begun_ms;
    uint64_t cut_to; // what its engine had let go before this home had it
    struct read_by *readers;
    uint32_t readers_n, readers_cap;
};
struct room_truth {
    struct numbering *v;
    uint32_t n, cap;
};

// Something a client said; what is said again with the same key is the same message.
struct message {
    uint32_t serial;
    int room; // NONE: a direct
    uint32_t client, to;
    uint32_t link; // of the last attempt
    uint32_t attempts, denied;
    bool keyed, echo, text, has_id;
    bool asks_echo; // echo: because it asks for it, and not only because its room gives it
    bool settled;   // acked or denied for good; no more attempts
    uint8_t style;  // of the data
    char conflate;  // its conflation key; 0 = none
    uint32_t pad;
    char session[SESSION_ID_LEN + 1];
    char user[USER_ID_MAX + 1]; // of whom; empty where it is not known
    uint64_t name_hash;         // of who it was called then; 0 where that was not certain
    uint32_t info;              // what is shown of its sender is no older (hands_token)
    int epoch;                  // index of the numbering it was seen or acked in; NONE
    uint64_t offset;
    uint64_t said_ms;    // first attempt
    uint32_t deliveries; // directs: how often it came
    uint32_t reached;    // directs: as acked
    uint32_t to_link;    // directs: the recipient's connection when it was said; 0 = none
};

struct direct_due {
    uint32_t message;
    uint64_t acked_ms;
};

struct offsets {
    uint64_t *v;
    uint32_t n, cap;
};

// One JSON connection in one room.
struct seat {
    bool closed; // it has heard so
    bool on;
    int epoch;
    uint64_t head;   // at the join
    uint64_t cut_ms; // when it was told of another epoch
    uint64_t next;   // the next offset to come, own skipped entries aside
    uint32_t passed; // the next passing entry to come
    uint32_t joined; // and the first one
    uint32_t slack;  // so many before `passed` may still come
    bool recovered;
    bool host;
    uint8_t pass;          // enum pass_kind: it is there by a token of the room, which ends
    uint64_t pass_ends_ms; // then
    uint64_t pass_at_ms;   // it was brought
    uint64_t since_ms;     // it was told so
    bool switched; // entries wait for the other room to be left: even a fast reader may fall behind meanwhile
    bool gap_due;  // recovered:false in the same epoch: a gap must come first
    uint64_t gap_from;
    uint32_t unnamed;           // own messages without id and echo: their offsets are not told
    struct offsets unexplained; // skipped, to be proved own later
    // What it has been told of the state (shared.c): as a whole, and since; of the record told last so many parts.
    uint64_t shared_base, shared_version, shared[SHARED_KEYS];
    bool shared_known; // it has missed nothing since
    uint64_t parts_offset;
    uint32_t parts_told;
};

struct text_seat {
    int room; // NONE
    int epoch;
    uint64_t head;   // at the join
    uint64_t next;   // the next offset to come
    uint32_t passed; // the next passing entry to come
    uint32_t lines;  // shown so far
    uint32_t part;   // of the next one (FACT_STATE)
    bool loose;      // history was asked for: its lines look like live ones
};

// --- what is said, seen and written down
// truth.c
int truth_room_find(const struct world *w, str name);
int truth_epoch(struct world *w, uint32_t server, int room,
                str epoch);                            // index of the newest, made on first sight
void truth_ends(struct world *w, int room, str epoch); // its engine goes on in another one
void truth_begins(struct world *w, uint32_t server, int room, str epoch);
// It is one of them, or one in which the room went on since.
bool truth_follows(struct world *w, int room, int epoch, int before);
bool truth_same_records(struct world *w, int room, int a, int b); // of two numberings; NONE is no numbering's
struct numbering *truth_numbering(struct world *w, int room, int epoch);
struct fact *truth_fact(struct world *w, struct numbering *n, uint64_t offset);
void truth_reach(struct numbering *n, uint64_t offset); // it exists
// From which offset on the newest n messages up to head are.
uint64_t truth_messages_back(struct world *w, struct numbering *numbering, uint64_t head, uint64_t tail,
                             uint32_t n);
void truth_observe(struct world *w, struct client *c, int room, int epoch, uint64_t offset,
                   const struct fact *seen);
void truth_observe_passing(struct world *w, struct client *c, int room, int epoch, uint32_t at,
                           const struct fact *seen);
bool truth_same_passing(const struct fact *a, const struct fact *b);
void truth_appended(struct world *w, struct client *c, struct message *m, int epoch, uint64_t offset);
// It is an entry, and of no epoch that has been ended.
bool truth_holds(struct world *w, const struct message *m);
struct message *truth_message(struct world *w, uint32_t serial); // NULL: there is none
struct message *truth_message_new(struct world *w, struct client *c, int room);
void truth_data(const struct message *m, struct buf *out); // its JSON
// The record at an offset may be left out for a slow reader: there is a newer one with its conflation key.
bool truth_has_newer(struct world *w, struct numbering *n, uint64_t offset);
uint64_t truth_hash(str s);
uint64_t truth_renamed(str previous, str name);
uint32_t truth_serial(str data); // of the message with this data; 0 = of none
// directs.c
void direct_said(struct world *w, struct message *m);
void direct_acked(struct world *w, struct client *c, struct message *m, uint64_t delivered);
void direct_came(struct world *w, struct client *c, struct message *m);
bool direct_sure(const struct world *w, const struct client *to,
                 const struct message *m);      // it must come here
void directs_check(struct world *w, bool rest); // what is due has come, or is not late
// decrees.c
void decrees_see(struct world *w, int room, int epoch, const struct entry *e); // a record, in order
void decrees_check_join(struct world *w, int room, int epoch, str user, uint64_t steady_ms);
bool decrees_explain(struct world *w, const struct client *c, int room, str code); // that it was refused so
bool decrees_gave(struct world *w, int room, str user);                            // some role, ever
// By a decree that counts at its home, and waits for its commit before anybody is told of it.
bool decrees_will_give(struct world *w, int room, int epoch, str user);
uint64_t decrees_hash(str type, str from, str target, uint64_t number);
uint64_t decrees_entry_hash(const struct entry *e);
// words.c
void changes_see(struct world *w, int room, int epoch, const struct entry *e); // a record, in order
uint64_t changes_hash(const struct entry *e);                                  // as the name_hash of its fact
void changes_check_gone(struct world *w, const struct node *n, int room, int epoch);
void changes_line(struct world *w, int room, int epoch, const struct entry *e); // what terminals show of it
bool changes_silent(struct world *w, int room, int epoch,
                    uint64_t offset); // it may be shown as nothing at all
bool changes_deleted(struct world *w, int room, int epoch, uint64_t offset);
// What a terminal shows of a message, of the past up to `head`: what it said, other words (in quotes), or (no words) that it is gone.
void changes_check_said(struct world *w, struct client *c, int room, int epoch, uint64_t offset,
                        uint64_t head);
void changes_check_anew(struct world *w, struct client *c, int room, int epoch, uint64_t offset,
                        uint64_t head, str words);
void changes_check_gone_ahead(struct world *w, struct client *c, int room, int epoch, uint64_t offset,
                              uint64_t head);
// shared.c
struct heard;
void shared_see(struct world *w, int room, int epoch, const struct entry *e); // a record, in order
void shared_joined(struct world *w, struct client *c, const struct heard *h, int room);
void shared_answered(struct world *w, struct client *c, const struct heard *h); // all of it, as asked for
void shared_acked(struct world *w, struct client *c, const struct heard *h, const struct asked *a);
// A terminal is shown the state of that version.
void shared_shown(struct world *w, struct client *c, int room, uint64_t version);
void shared_check_whole(struct world *w, struct client *c, int room);
bool shared_goes_on(const struct client *c, int room,
                    uint64_t offset); // of a record that has been told of in part
void shared_told(struct world *w, struct client *c, const struct heard *h, int room, uint64_t offset);
// reads.c
void reads_see(struct world *w, int room, int epoch, const struct entry *e); // what is told of it, in order
uint64_t reads_hash(str user, uint64_t offset);                              // as the name_hash of its fact
void reads_acked(struct world *w, struct client *c, const struct heard *h, const struct asked *a);
bool reads_explain(const struct world *w, const struct client *c, const struct asked *a, str code);
void reads_joined(struct world *w, struct client *c, const struct heard *h, int room);
void reads_listed(struct world *w, struct client *c, const struct heard *row, int room,
                  const struct asked *a); // among the rooms there are
// ledger.c
struct member_row {
    uint64_t user_hash, name_hash;
    bool connected;
};
void ledger_witness(struct world *w, const struct sighting *s);         // while it happens
void ledger_read(struct world *w, const struct node *n);                // after its turn
void ledger_made(struct world *w, int room, int epoch);                 // by a backend
void ledger_sent_away(struct world *w, int room, int epoch, str user);  // as the room is emptied
struct start ledger_start(struct world *w, struct client *c, int room); // of the join that it is told of now
// The list is as of a moment between from and to passing entries; more: it is the first page of several.
void ledger_check_members(struct world *w, struct client *c, int room, int epoch, uint32_t from, uint32_t to,
                          const struct member_row *rows, uint32_t rows_n, bool more);
void ledger_check_name(struct world *w, struct client *c, int room, int epoch);
void ledger_check_count(struct world *w, struct client *c, int room, int epoch, uint32_t passed,
                        uint64_t count);
uint32_t ledger_left(struct world *w, int room, int epoch,
                     str user); // its last leave, as of people; 0 = none
// seats.c
void seat_joined(struct world *w, struct client *c, const struct asked *a, int room, int epoch, uint64_t head,
                 bool has_recovered, bool recovered);
void seat_entry(struct world *w, struct client *c, int room, uint64_t offset, const struct fact *seen);
void seat_passing(struct world *w, struct client *c, int room, const struct fact *seen);
// from > to: no record is in it.
void seat_gap(struct world *w, struct client *c, int room, uint64_t from, uint64_t to, uint64_t passing,
              str reason);
// The reason for a gap of what has newer ones.
bool seat_leaves_out(const struct world *w, int room, str reason);
void seat_conflated(struct world *w, struct client *c, int room, uint64_t from, uint64_t to);
void seat_cut(struct world *w, struct client *c, int room, const struct fact *seen); // it goes on elsewhere
void seat_left(struct world *w, struct client *c, int room);
void seat_check_left(struct world *w, struct client *c, int room);
bool seat_told_closed(const struct world *w, const struct client *c, int room);
bool seat_complete(struct world *w, struct client *c, int room, uint64_t head); // seen all up to the head
void seat_check_late(struct world *w, struct client *c);
// text_seats.c
void text_seat_joined(struct world *w, struct client *c, int room);
void text_seat_left(struct world *w, struct client *c);
void text_seat_entry(struct world *w, struct client *c, uint8_t kind, uint32_t message, uint64_t name_hash);
void text_seat_change(struct world *w, struct client *c, str line); // of a message
// A message that was changed: with these words; without any: taken back, or (bare) what became of it is to follow.
void text_seat_anew(struct world *w, struct client *c, str words, bool bare);
void text_seat_missed(struct world *w, struct client *c, uint64_t n);
void text_seat_left_out(struct world *w, struct client *c, uint64_t n);          // by conflation
void text_seat_cut(struct world *w, struct client *c, uint8_t kind, uint64_t n); // n: so many are not kept
void text_seat_complete(struct world *w, struct client *c);                      // at rest

#endif
