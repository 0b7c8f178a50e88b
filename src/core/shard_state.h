// SPDX-License-Identifier: Apache-2.0
//
// shard_state.h - everything one shard holds. Private to core; the contract with the outside is shard.h.
//
//      edge side                                home side
//      conns      connections                   rooms      rooms whose home this is
//      outlets    rooms with readers here       registry   users whose home this is
//           \______________ outboxes[dest] _____________/       (mail to other shards)
//
// The lists of indices are arrays as large as the pool, with a flag in the object saying "is on it", so that
// putting something on a list cannot fail.
#ifndef PLENUM_CORE_SHARD_STATE_H
#define PLENUM_CORE_SHARD_STATE_H

#include "base/buf.h"
#include "base/heap.h"
#include "base/map.h"
#include "base/prng.h"
#include "base/slab.h"
#include "core/conn.h"
#include "core/creator.h"
#include "core/deadline.h"
#include "core/outlet.h"
#include "core/pace.h"
#include "core/registry.h"
#include "core/reserve.h"
#include "core/room.h"
#include "core/shard.h"

struct index_list {
    uint32_t *v;
    uint32_t n, cap;
};

struct outbox {
    struct mail *head, *tail;
    uint32_t n;
};

// One span handed out by shard_output, to be settled by shard_output_done.
struct plan_item {
    struct cursor *cursor;
    struct segment *seg;
    uint64_t from, to, next_after; // offsets; the cursor's next once all is written
    uint32_t bytes;
};

struct shard {
    uint32_t index;
    uint32_t shard_count;
    const struct settings *settings;
    const struct shard_host *host;
    struct mem *mem;

    uint64_t now_ms, wall_ms; // of this turn
    uint64_t turn_ns;         // the same as now_ms, as fine as the driver has it; for measuring only
    int32_t utc_offset_s;
    struct prng dice; // jitter

    struct slab conns;
    struct deadlines deadlines;
    uint64_t *dirty; // a bit per connection
    uint32_t dirty_from, dirty_n;
    struct index_list closed, shutdown, reread, unpark;
    bool mail_room;                 // an outbox that was too full for them has room since the last turn
    struct index_list mail_waiters; // parked for a full outbox (member of unpark in spirit)

    struct slab outlets;
    struct map outlets_by_name;
    struct index_list outlets_dirty, outlets_settling;
    uint64_t lag_look_ms; // when lag_entries_max is made anew; UINT64_MAX while it is 0

    struct slab rooms;
    struct map rooms_by_name;
    uint32_t *rooms_sorted; // by name, for `rooms`
    uint32_t rooms_sorted_cap;
    struct index_list rooms_dirty;
    struct heap room_timers;
    struct slab members;
    struct creators creators;

    struct registry registry;
    struct idempotency direct_keys;

    struct outbox outboxes[SHARDS_MAX];
    struct metrics *metrics;

    struct reserve reserve;

    // Working memory of one call each; never in use across calls.
    struct buf encode; // one entry, event or frame
    struct buf reply;  // an answer's payload
    struct buf http;   // a response head, a dynamic page
    struct scratch unescape;

    // shard_output -> shard_output_done
    uint32_t plan_conn; // UINT32_MAX: no plan is open
    uint32_t plan_own_bytes;
    size_t plan_n;
    struct plan_item plan[SPANS_MAX];

    bool unready; // /readyz says so; leaving has been announced
    bool draining;
    uint64_t drain_next_ms;
    uint32_t drain_from;
};

// A list of indices (shard.c). Pushing beyond the capacity is our own mistake.
void index_list_push(struct index_list *l, uint32_t index);

static inline struct conn *conn_at(const struct shard *sh, uint32_t index)
{
    return slab_at(&sh->conns, index);
}
static inline struct room *room_at(const struct shard *sh, uint32_t index)
{
    return slab_at(&sh->rooms, index);
}
static inline struct outlet *outlet_at(const struct shard *sh, uint32_t index)
{
    return slab_at(&sh->outlets, index);
}
static inline struct member *member_at(const struct shard *sh, uint32_t index)
{
    return slab_at(&sh->members, index);
}
static inline uint64_t hash_str(const struct shard *sh, str s)
{
    return siphash(&sh->settings->hash_key, s.p, s.n);
}
static inline u128 print_str(const struct shard *sh, str s)
{
    return siphash128(&sh->settings->hash_key, s.p, s.n);
}
static inline uint32_t home_of(const struct shard *sh, uint64_t hash)
{
    return (uint32_t)(hash % sh->shard_count);
}

// Puts a mail into the outbox of a shard that is not this one.
void shard_post(struct shard *sh, uint32_t dest, struct mail *m);
// The same ask, here or there. False when it could not be sent for lack of memory.
bool shard_ask(struct shard *sh, uint32_t dest, const struct ask *a) WARN_UNUSED;
void shard_notice(struct shard *sh, enum notice_type type, uint32_t conn, uint32_t code, const char *text,
                  str room);
void shard_notice_about(struct shard *sh, enum notice_type type, uint32_t conn, uint32_t code,
                        const char *text, str subject);
// An ask was answered with an error.
void shard_notice_refused(struct shard *sh, const struct ask *a, enum problem_code code);

// --- the edge: commands of connections here, answers for them (edge.c, edge_session.c, edge_answer.c)
// Carries out a decoded command; false when it must wait until an earlier one is answered.
bool edge_command(struct shard *sh, uint32_t conn, const struct command *cmd) WARN_UNUSED;
// True if a reply made here and now would overtake nothing.
bool edge_may_reply(const struct shard *sh, const struct conn *c);
void edge_answer(struct shard *sh, const struct answer *a);
void edge_direct(struct shard *sh, const struct direct_mail *d);
void edge_evict(struct shard *sh, const struct conn_ref *conn);
// A session's block; name may be equal to user. NULL when memory is out.
struct session *edge_session_make(struct shard *sh, const char id[SESSION_ID_LEN], str user, str name);
// An ask in the name of a connection; it borrows from the session and the command.
struct ask edge_ask_make(struct shard *sh, uint32_t conn, enum ask_type type, const struct command *cmd);
// Another name for the session and its members; false when it must wait. on_renamed: one room knows.
bool edge_rename(struct shard *sh, uint32_t conn, const struct command *cmd) WARN_UNUSED;
void edge_on_renamed(struct shard *sh, uint32_t conn, str id);
// Leaves all rooms and gives up the session.
void edge_depart(struct shard *sh, uint32_t conn);
// True if an ask to that shard may be sent now: it overtakes nothing, and there is room in its mailbox.
bool edge_may_ask(const struct shard *sh, const struct conn *c, uint32_t dest);
// Makes the session of a connection, anonymous or resumed from a token, and asks its user's home to register it; the
// welcome is the answer, which may have come when this returns. ERR_FULL: not now; ERR_NOMEM: refused, and not answered.
enum err edge_hello(struct shard *sh, uint32_t conn, const struct command *cmd) WARN_UNUSED;
void edge_on_registered(struct shard *sh, const struct answer *a);
void edge_hello_refused(struct shard *sh, uint32_t conn, str id);
// The hello and the first join of a text client, which no line of it asks for. go_on: false is "not now".
void edge_text_start(struct shard *sh, uint32_t conn);
bool edge_text_go_on(struct shard *sh, uint32_t conn) WARN_UNUSED;
void edge_problem(struct shard *sh, uint32_t conn, const struct command *cmd, enum problem_code code,
                  const char *text);
void edge_no_memory(struct shard *sh, uint32_t conn, const struct command *cmd);

// --- resume tokens (resume.c)
struct identity {
    char session[SESSION_ID_LEN];
    str user, name; // borrow from the buffer given
};
// ERR_NOMEM where libcrypto found no memory (wire/digest.h).
enum err resume_token_make(const struct shard *sh, const struct session *s, char ret[RESUME_TOKEN_MAX],
                           size_t *ret_n) WARN_UNUSED;
// ERR_SYNTAX: not a token of ours; ERR_DENIED: too old; ERR_NOMEM: it could not be looked at.
enum err resume_token_open(const struct shard *sh, str token, uint8_t buffer[RESUME_TOKEN_MAX],
                           struct identity *ret) WARN_UNUSED;

#endif
