// SPDX-License-Identifier: Apache-2.0
//
// world.h - everything a run consists of; the inside of the simulator, shared by its files.
//
//      client --bytes--> link.up   --> node (a shard and its driver) --mail--> node
//      client <--bytes-- link.down <--
//        |                                  what clients see goes to the checkers:
//        +-- asks.c     replies, in order         +-- seats.c   one connection in one room: offsets, gaps, skips
//        +-- text_seats.c  the same for terminals +-- truth.c   one room: what entry has which offset, for everyone
//        +-- directs.c  from one to another       +-- ledger.c  what the homes wrote down; lists of members
//        +-- typed.c    what terminals are told of states and invitations
//
// Ownership: `arena` holds all of it. Thread: one.
#ifndef PLENUM_SIM_WORLD_H
#define PLENUM_SIM_WORLD_H

#include "base/buf.h"
#include "base/prng.h"
#include "base/where.h"
#include "core/auth/caps.h"
#include "core/auth/verifier.h"
#include "core/log/log.h"
#include "core/mail/engine.h"
#include "core/shard/shard.h"
#include "sim/arena.h"
#include "sim/client.h"
#include "sim/sim.h"
#include "sim/trace.h"
#include "sim/truth.h"
#include "sim/vmem.h"
#include "wire/ws_frame.h"
#include <setjmp.h>

enum {
    SERVERS_MAX = 3,
    NODES_MAX = 7,
};

// What the seed decided before the first step (plan.c).
struct plan {
    uint32_t servers, shards, clients, steps; // so many shards of each server
    uint32_t mailbox_cap, mail_delay_ms;
    int slow_node; // mail to and from this shard takes slow_ms longer; NONE
    uint32_t slow_ms;
    bool
        mailbox_paced; // mailboxes so small that they are full, so few credits that there are none left, or slices so small
                       // that a history takes many turns
    uint32_t stall_ms; // longest stall of a shard; 0 = none
    bool wall_jumps;
    uint32_t refuse_one_in;   // turns in which memory ends; 0 = never
    bool drain;               // leave by draining, else clients go on their own
    uint32_t writes_per_turn; // 0 = until nothing is left
    bool spurious_turns;
    bool quiet_network;  // no faults of links
    bool presence_ruled; // there are rooms in which it is not told who comes and goes
    uint32_t data_max;   // bytes of padding in a message
    uint32_t large_max;  // and of one in eight in a room; 0 = no more than others
    bool moderated;      // whoever makes a room is its host, and keeps order
    bool words;          // messages are changed, taken back and reacted to
    bool store;          // one that must have a record before it is committed (store.c)
    // One that orders the rooms' records for all servers (engine.c).
    bool engine, engine_strict;
    uint32_t engine_loss; // one in so many of its mails is lost; 0 = none
    uint32_t engine_delay_ms;
    uint32_t verifiers, verify_ms; // helpers that check tokens; one takes so long for one
    bool conflates;                // messages have conflation keys, and some rooms that policy
    uint32_t key_ms;               // their key is fetched, which takes so long at most; 0: it is there
    uint32_t engine_fails;         // one in so many steps it loses what is new; 0 = never
    bool engine_trims;             // it lets old records go
    bool shares;                   // clients change the state of rooms
    bool invites;                  // hosts invite
    bool creates;                  // rooms are made by command
    bool reads;                    // and say how far they have read
    uint32_t guests;               // what guests may is said, and which (guests.c); 0: it is not
};

// --- shards

struct stored {
    struct log_reader reader;
    struct ref room;
};

struct node {
    uint32_t index;         // among all servers' shards
    uint32_t server, first; // whose it is, and the first of that server's
    uint64_t proposer;      // what the engine knows it by
    struct shard *shard;
    struct where where; // of the turn that is running
    struct shard_host host;
    struct sim_link **conns; // by core's index
    uint64_t stalled_until_ms;
    bool writes_left; // the budget of writes ended before the writes: another turn follows at once
    uint64_t drain_ms, last_1012_ms;
    uint32_t closed_1012;
    uint64_t deeds;      // what came in and went out
    uint32_t idle_turns; // in a row: it was due, did nothing, and is due again
    bool always_due;     // by mutation
    bool touched;        // since shard_check has looked at it
    struct stored stored[ROOMS_MAX];
    int epoch_of[ROOMS_MAX]; // the numbering that its home was in when it was heard of last
};

struct letter {
    struct mail *mail;
    uint64_t due_ms;
};
struct letterbox { // from one node to another
    struct letter *v;
    uint32_t n, cap;
};

struct engine_room;
struct engine {
    struct engine_room *rooms; // ROOMS_MAX
    uint32_t rooms_n;
    struct letterbox in, out[NODES_MAX];
    uint64_t away_until_ms[SERVERS_MAX];
};

// Of each server, some that check tokens (hands.c).
struct hands {
    struct keyring *keys, *none; // with the key; and without it, where it is fetched
    struct hands_fetch {
        struct world *world;
        bool there;
        uint64_t due_ms;     // of what is under way; 0: nothing
        uint64_t ended, bad; // how many have ended; which one was the last that brought nothing
    } fetches[SERVERS_MAX];
    struct verifier verifiers[SERVERS_MAX][VERIFIERS_MAX];
    struct letterbox in[VERIFIERS_MAX][NODES_MAX], out[VERIFIERS_MAX][NODES_MAX];
};

enum { CREATES_RULES = 3 };
// Invitations that somebody has been told, the newest of them (invites.c).
enum { INVITES_KNOWN = 16 };
struct invite_known {
    int room;
    char id[12], token[37];
    uint64_t expires_ms; // wall
};

struct audit_world;
// Requests with an idempotency key (retries.h).
enum { ONCE_KNOWN = 64, ONCE_CLOSES = 3 };
struct once_known {
    uint32_t number, server, room;
    uint64_t said_ms, answer; // the answer's hash; 0 = none yet
    uint32_t closed[ONCE_CLOSES], anew;
    bool batch, parallel;
};

struct world {
    const struct sim_options *options;
    struct sim_counts counts;
    struct arena arena;
    struct trace trace;
    jmp_buf way_out;

    struct prng dice;    // what happens
    struct prng secrets; // core's random numbers
    struct plan plan;
    uint64_t step, now_ms, wall_ms;
    uint64_t mood_until_step;
    uint32_t dt_max, dt_ms; // of the present mood; of this step
    bool faults, finishing, draining;
    uint64_t faults_off_ms;

    struct vmem vmem;
    size_t baseline; // bytes after shard_create
    bool relieved;   // the shard looked at has let history go for want of memory
    size_t budget;
    struct settings settings;
    struct room_rule rules[2 + CREATES_RULES]; // of them
    struct tenant tenants[2];                  // likewise
    char guest_caps[CAPS_BYTES_MAX];
    struct tenant_budget budgets[2];
    struct mem deflate;        // the part of compression (deflated.h),
    struct inflater *inflater; // and the clients' own
    struct node nodes[NODES_MAX];
    uint32_t nodes_n;
    struct node *turning; // whose turn is running
    struct audit_world *audit;
    struct engine engine;
    struct hands hands;
    struct letterbox boxes[NODES_MAX][NODES_MAX]; // [from][to]

    void *lent;             // bytes that core is looking at; a run that fails meanwhile frees them
    struct mem scratch_mem; // of the clients' buffers; from `arena`
    struct sim_link **links;
    uint32_t links_n, links_cap, link_serial;
    struct client *clients;
    const char *room_names[ROOMS_MAX];
    struct room_truth truth[ROOMS_MAX];
    uint32_t tokens_n;       // that were made
    struct revoked *revoked; // (revoke.h)
    uint32_t revoked_n, revoked_cap;
    struct message *messages; // by serial, from 1
    uint32_t messages_n, messages_cap;
    struct rate_model *rates; // rates.h
    uint32_t rates_n, rates_cap;
    struct {
        struct prng die;
        struct invite_known v[INVITES_KNOWN];
        uint32_t n, next;
    } invites;
    struct {
        struct prng die;
        uint32_t named; // the first rule that is found by its name only
        char names[CREATES_RULES][16];
    } creates;
    struct {
        struct once_known v[ONCE_KNOWN];
        uint32_t n;
    } once;
    uint64_t rates_from_ms;         // when the run began
    struct direct_due *directs_due; // acked and not yet seen to come
    uint32_t directs_due_n, directs_due_cap;

    struct {
        uint32_t occasions;
        bool done;
        struct client *victim; // who was lied to; NULL = nobody in particular
        uint32_t link;         // on this connection
        uint64_t told_ms;
        bool followed; // the victim has since been told what gives the lie away
        bool holding;  // a message is kept back, for what it is to come behind
        struct buf held;
        str subject; // of the lie: a room as it stands in JSON, in subject_bytes; or empty
        char subject_bytes[2 * ROOM_NAME_MAX];
        uint32_t serial; // of a message; or the room of a terminal
    } mutation;
};

static inline uint64_t roll(struct world *w, uint64_t below) { return prng_below(&w->dice, below); }
static inline bool chance(struct world *w, uint64_t one_in) { return prng_below(&w->dice, one_in) == 0; }

// --- plan.c
void plan_make(struct world *w);
void plan_describe(const struct world *w, char *ret, size_t n);

// --- pipes and links (link.c)
void pipe_put(struct world *w, struct pipe *p, const void *bytes, size_t n);
void pipe_take(struct pipe *p, size_t n); // the first n of those that are here
struct sim_link *link_open(struct world *w, struct client *c, enum transport transport);
void link_abandon(struct world *w, struct sim_link *l); // the client goes; nothing is said
void link_reset(struct world *w, struct sim_link *l);   // the client resets
void link_vanish(struct world *w, struct sim_link *l);  // the client is gone and nobody can tell
void links_step(struct world *w);                       // bytes move, and links that are over are forgotten

// --- shards (node.c)
void node_create(struct world *w, uint32_t server, uint32_t shard);
bool node_has_work(struct world *w, const struct node *n);
void node_turn(struct world *w, struct node *n);
uint64_t node_due_ms(const struct node *n);

// --- the store (store.c)
bool store_behind(const struct world *w, const struct node *n);
void store_turn(struct world *w, struct node *n); // within a turn of its
void store_check_shown(struct world *w, const struct node *n, int room, uint64_t offset);

// --- the audit (audit.c)
void audit_begin(struct world *w);
void audit_tell(struct world *w, uint64_t wall_ms, const struct audit_event *e);
// Something got its place in a room; unheard: it was there before its epoch began.
void audit_witness(struct world *w, int room, const struct entry *e, bool unheard);
void audit_read(struct world *w, const struct node *n); // after its turn
void audit_end(struct world *w);                        // everybody is gone

// --- rooms made anew from their records (rebuild.c)
void rebuild_note(struct world *w, struct records *r, const struct entry *e); // one of them
void rebuild_check(struct world *w);

// --- tenants (tenancy.c)
void tenancy_plan(struct world *w);
uint8_t tenancy_of(const struct world *w, const struct client *c);
bool tenancy_stranger(const struct world *w, const struct client *c, int room); // may not come in there
const char *tenancy_prefix(const struct world *w, const struct client *c);      // of its user's name
const char *tenancy_bare(const char *user);                                     // without it
bool tenancy_guest(const char *user);                                           // of whatever tenant
void tenancy_say(const struct world *w, const struct client *c, char ret[64]);  // the field of its upgrade
bool tenancy_closes(const struct world *w, const struct client *c);             // its tenant may be full
bool tenancy_hushes(const struct world *w, const struct client *c);             // or have said enough
bool tenancy_explains(const struct world *w, const struct client *c, const struct asked *a, str code);
void tenancy_check_room(struct world *w, const struct client *c, int room);
void tenancy_check_user(struct world *w, const struct client *c, str user);
// There was no memory for it, of a tenant's, to tell who comes and goes: then it is counted (core/home/presence.c).
bool tenancy_was_short(const struct world *w, int room);
uint64_t tenancy_relieved(struct world *w,
                          const struct node *n); // records that went as their tenant's memory was short
void tenancy_check(struct world *w);             // after every step: what is counted is there
void tenancy_end(struct world *w);

// --- the engine (engine.c)
void engine_post(struct world *w, struct node *n, struct mail *m); // from a home; takes the mail
bool engine_mail_due(const struct world *w, uint32_t node);
struct mail *engine_pull(struct world *w, uint32_t node); // for its homes; NULL: nothing is due
void engine_step(struct world *w);
void engine_faults_off(struct world *w);
void engine_end(struct world *w);                                 // what is on its way is given back
bool engine_busy(const struct world *w);                          // with more than being asked where it is
struct engine_room *engine_room(const struct world *w, str name); // NULL: it has never heard of it
uint64_t engine_head(const struct engine_room *r);
uint64_t engine_begins(const struct engine_room *r, uint64_t term); // the oldest of its epoch,
uint64_t engine_first(const struct engine_room *r);                 // and the oldest that it has still
bool engine_epoch_is(const struct engine_room *r, const char *epoch);
bool engine_is_in(const struct engine_room *r, const char *epoch); // and takes what is said
uint64_t engine_gone(const struct engine_room *r,
                     const char *epoch); // up to there records of it are not to be had
str engine_record(const struct engine_room *r, uint64_t term, uint64_t offset); // as of that term
// The same record, but its data are erased (core/log/record.h).
bool engine_is_erased(struct world *w, str whole, str erased);

// --- helpers, and the tokens that they check (hands.c)
void hands_begin(struct world *w); // before there are nodes
void hands_give(struct world *w, struct node *n);
void hands_step(struct world *w);
bool hands_wait_for(const struct world *w, const struct node *n); // a verdict, or a job on its way
struct mail *hands_pull(struct world *w, const struct node *n);   // NULL: nothing is due
void hands_each(const struct world *w, void (*each)(void *ctx, const struct mail *m), void *ctx);
void hands_forget(struct world *w); // what their helpers remember
void hands_end(struct world *w);
void hands_user(const struct world *w, const struct client *c,
                char ret[USER_ID_MAX]); // who its tokens make it
bool hands_invited(const struct client *c);
// It may do that on the server, as that user: `create`, `direct`, `rooms`.
bool hands_serve(const struct world *w, const struct client *c, const char *user, const char *word);
// Returns the number that it shows.
uint32_t hands_token(struct world *w, struct client *c, enum token_kind kind, struct buf *out);
void hands_sign(enum token_kind kind, str claims, struct buf *out); // good, or forged
// Tokens of rooms (passes.c). A command brings one: what kind, noted in *a, whose room is set.
bool passes_wanted(struct world *w, const struct client *c);
void passes_token(struct world *w, struct client *c, struct asked *a, struct buf *out);
bool passes_let_in(const struct client *c, int room); // it had one that lets it in
bool passes_gave(struct world *w, int room,
                 const struct entry *e); // what the record says that its author had
bool passes_explain(const struct world *w, const struct client *c, const struct asked *a, str code);
void passes_taken(struct world *w, struct client *c, const struct asked *a); // it is in, or was refreshed
void passes_check_said(struct world *w, struct client *c, const struct message *m);
void passes_ended(struct world *w, struct client *c, int room);
void passes_check_late(struct world *w, struct client *c);
// What is shown of a user is what a token of theirs says, and nothing is of whose tokens say nothing. Returns its number, 0 = none.
uint32_t hands_check_info(struct world *w, struct client *c, str user, str info);

// Invitations (invites.c): a join brings one, noted in *a; what may be the answer; who is in; what records say.
struct draft;
struct heard;
void invites_plan(struct world *w);
bool invites_wanted(struct world *w);
void say_invite(struct world *w, struct client *c, int room);
void invites_bring(struct world *w, struct draft *d, struct asked *a);
// The token of one that is known, or nearly; false: of none.
bool invites_draw(struct world *w, struct asked *a, char ret_token[37]);
void invites_know(struct world *w, const struct invite_known *i);
void invites_heard(struct world *w, struct client *c, const struct heard *h);
bool invites_explain(const struct world *w, const struct asked *a, str code);
void invites_joined(struct world *w, struct client *c, const struct asked *a);
void invites_see(struct world *w, int room, struct decreed *d, const struct entry *e, uint64_t at_ms);

// What guests may (guests.c). Of others all is true.
void guests_plan(struct world *w);
bool guests_may(const struct world *w, int room, str user, enum right right);
bool guests_serve(const struct world *w, const char *word);
// It is what guests may there that the record says of its author.
bool guests_gave(const struct world *w, int room, const struct entry *e);
void guests_check(struct world *w, int room, const struct entry *e, bool has_role);
void guests_check_signal(struct world *w, int room, const struct entry *e);
bool guests_hush(const struct world *w, const struct client *c); // in some room it may not signal
bool guests_explain(const struct world *w, const struct client *c, const struct asked *a, str code);

// Rooms that are made by command (creates.c).
void creates_plan(struct world *w);
bool creates_wanted(struct world *w);
void say_create(struct world *w, struct client *c);
void creates_put_rule(struct world *w, struct buf *body, int room);
void creates_heard(struct world *w, struct client *c, const struct heard *h);
bool creates_explain(const struct asked *a, str code);
void creates_see(struct world *w, int room, struct decreed *d, const struct entry *e);
// What holds in a room that was made by that rule.
const struct room_settings *creates_settings(const struct world *w, int room, str rule);

// --- clients
void client_init(struct world *w, struct client *c, uint32_t index);
void client_connect(struct world *w, struct client *c);
void client_step(struct world *w, struct client *c);
void client_flush(struct world *w, struct client *c);   // bytes in `out` go on their way
void client_receive(struct world *w, struct client *c); // client_in.c
void client_leave(struct world *w, struct client *c,
                  const char *how); // gives its link up, remembers where it was
void client_fin(struct world *w, struct client *c);
uint64_t client_patience_ms(const struct world *w); // how late a healthy connection's delivery may be
// An earlier connection of the same user may still be there.
bool client_may_be_twice(const struct client *c);
// So many earlier connections of the same user may still be there that it is refused.
bool client_may_be_many(const struct world *w, const struct client *c);
bool client_watched(const struct client *c); // its claims are checked in full

// --- what clients say (say.c, act.c, hostile.c)
void say_upgrade(struct world *w, struct client *c);
void say_frame(struct world *w, struct client *c, uint8_t opcode, str payload);
void say_parcel(struct world *w, struct client *c, char kind, str body);
void say_batch(struct world *w, struct client *c); // what is in parcels goes on its way
void say_hello(struct world *w, struct client *c);
void say_join(struct world *w, struct client *c, int room, int from, bool remember);
void say_leave(struct world *w, struct client *c, int room);
void say_message(struct world *w, struct client *c, int room);
void say_again(struct world *w, struct client *c, uint32_t message, bool with_key);
void say_signal(struct world *w, struct client *c, int room);
void say_direct(struct world *w, struct client *c, uint32_t to);
void say_members(struct world *w, struct client *c, int room);
void say_history(struct world *w, struct client *c, int room);
void say_rooms(struct world *w, struct client *c);
void say_state(struct world *w, struct client *c, int room);
void say_read(struct world *w, struct client *c, int room);
void say_decree(struct world *w, struct client *c, int room);
void say_change(struct world *w, struct client *c, int room);
void say_ping(struct world *w, struct client *c);
void say_rename(struct world *w, struct client *c);
void say_refresh(struct world *w, struct client *c, int room); // NONE: of its session
// What holds in a room (plan.c).
const struct room_settings *world_room(const struct world *w, int room);
void say_name(const struct client *c, char letter, char ret[40]); // one of its names
void say_bad(struct world *w, struct client *c);
void say_line(struct world *w, struct client *c, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void say_text_message(struct world *w, struct client *c);
void say_close(struct world *w, struct client *c, uint16_t code);
void say_http(struct world *w, struct client *c);
// backend.c
void backend_say(struct world *w, struct client *c); // what is published by the HTTP API
void backend_heard(struct world *w, struct client *c, uint32_t number, str head, str body);
void say_last_words(struct world *w, struct client *c); // and a close frame right behind them
void act(struct world *w, struct client *c);
void act_on_open(struct world *w, struct client *c);
void hostile_act(struct world *w, struct client *c);

// --- what clients hear (hear_json.c, hear_rows.c, hear_text.c, mutate.c)
void hear_json(struct world *w, struct client *c, str message);
void hear_line(struct world *w, struct client *c, str line);
// Between the reader and the above: what the chosen mutation does with it.
void mutate_message(struct world *w, struct client *c, str message);
void mutate_line(struct world *w, struct client *c, str line);
bool mutate_is(const struct world *w, enum sim_mutation m); // chosen and not done yet
bool mutate_now(struct world *w, struct client *victim);    // an occasion: true once, when it is the one
// The victim's connection ends: where it could not yet know that it was lied to, the lie is to be told again.
void mutate_left(struct world *w, const struct client *c);

// --- checkers: truth.h, and
// asks.c
struct asked *asks_push(struct world *w, struct client *c, enum ask_kind kind, bool with_id);
struct asked asks_answered(struct world *w, struct client *c, str id,
                           uint32_t kinds); // bits of ask_kind; fails if it is not due
uint32_t asks_id(str id);                   // as it stands in JSON; 0 = none of ours
bool asks_find(const struct client *c, uint32_t id, struct asked *ret);
uint32_t asks_unnamed(const struct client *c); // so many without id may still be refused
void asks_forget(struct world *w, struct client *c);
void asks_check_late(struct world *w, struct client *c);
void asks_check_unhindered(struct world *w, struct client *c); // by a shard that is slow
// watch.c: after every step
void watch_step(struct world *w);
void watch_closed(struct world *w, struct client *c, bool aborted); // the server ended the connection
// run.c, finish.c
void world_step(struct world *w);
void finish(struct world *w);
// probe.c: inside of core
struct probe {
    uint64_t connections, rooms, members, outlets, registrations, meters, mails;
    size_t retained; // bytes of pools and working memory that a shard keeps by design
};
void probe_shard(const struct shard *sh, struct probe *ret);
// How many members a room has, and by how many sessions. False: its home is not here.
bool probe_members(const struct shard *sh, str room, uint64_t *ret_members, uint64_t *ret_sessions);
bool probe_emptying(const struct shard *sh, str room); // it is closed, and its people are being sent away
struct probed_log {
    char epoch[EPOCH_MAX];
    uint64_t tail, head;
    uint64_t appended; // of which those above head are not committed
    bool opening;      // the engine has not said yet what there is
};
// Credits of asks: how many the shards count as under way, and how many there are, wherever they are.
void probe_credits(const struct world *w, uint64_t *ret_counted, uint64_t *ret_found);
// Adds up the sessions and rooms of a tenant.
void probe_tenant(const struct shard *sh, uint8_t tenant, uint64_t *connections, uint64_t *rooms);
uint32_t probe_gen(const struct shard *sh, uint32_t conn);
bool probe_log(const struct shard *sh, str room, struct probed_log *ret); // false: its home is not here
void probe_entry(const struct shard *sh, str room, uint64_t offset, struct entry *ret);
bool probe_room_head(const struct world *w, uint32_t server, const char *room, char ret_epoch[EPOCH_MAX],
                     uint64_t *ret_head);
// Somebody is here by that name, with a token of that number (0: of any) that was issued before then; or as a guest.
bool probe_somebody(const struct shard *sh, str user, uint32_t token, uint64_t before_ms);
uint32_t probe_sessions_most(const struct shard *sh); // of one user, of those whose home is here
uint64_t probe_steady_ms(const struct shard *sh);
uint64_t probe_proposer(const struct shard *sh);
bool probe_course_busy(const struct world *w); // a home waits for its engine, or is behind it

#endif
