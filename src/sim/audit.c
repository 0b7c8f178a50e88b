// SPDX-License-Identifier: Apache-2.0
//
// What the audit is told, against what is known otherwise: of each record that is told of there is one event, right when it is, and of no
// other; who comes and goes in a room adds up to who is there; what begins ends. And its lines are whole: each server has a
// chain, made and checked by the code of production, with a queue that is full when a die says so.
#include "sim/world.h"

#include "core/audit/check.h"

// Somebody in a room of one server, by the audit alone.
struct audited_member {
    uint64_t user_hash;
    uint32_t sessions;
    bool fresh; // that it has joined has yet to be seen by others
};
struct audited_room {
    bool there;
    struct audited_member *members;
    uint32_t n, cap;
};
// The record that a home has told of last, while the audit has not been told.
struct audit_due {
    enum entry_type type; // 0: none
    int room;
    uint64_t offset, user_hash;
};
struct audit_server {
    struct audited_room rooms[ROOMS_MAX];
    struct audit_chain chain;
    struct audit_check check;
    uint64_t sessions, told; // that are here, by the audit; events so far
    uint64_t missing;        // of them
};
struct audit_world {
    struct prng die;
    struct audit_server servers[SERVERS_MAX];
    struct audit_due due[NODES_MAX];
    uint64_t lost[NODES_MAX], lost_told[NODES_MAX];
    struct buf line;
};

static const struct audit_key *key_of(const struct world *w)
{
    static const struct audit_key none = {.n = 0}, some = {.bytes = "a key of the world", .n = 18};
    return w->options->seed % 2 == 0 ? &none : &some;
}

// --- the chain

// A line as it was made: it counts, and is looked at.
static void take_line(struct world *w, struct audit_server *s, enum err made)
{
    struct buf *line = &w->audit->line;
    ASSERT(made == OK && line->n > 1 && line->p[line->n - 1] == '\n');
    audit_chain_advance(&s->chain);
    if (mutate_is(w, MUTATE_CHANGE_AUDIT) && mutate_now(w, NULL))
        line->p[prng_below(&w->audit->die, line->n - 1)] ^= 4;
    enum audit_fault fault = audit_check_line(&s->check, str_make(line->p, line->n - 1));
    // What may be explained by the next line (check.h) is a fault here: nothing is torn.
    if (fault == AUDIT_GOOD && s->check.suspect != AUDIT_GOOD)
        fault = s->check.suspect;
    if (fault != AUDIT_GOOD)
        trace_fail(w, NULL, "AUDIT: line %llu of server %u: %s", (unsigned long long)s->chain.seq,
                   (unsigned)(s - w->audit->servers), audit_fault_text(fault));
}

static void take_head(struct world *w, struct audit_server *s)
{
    audit_check_file(&s->check);
    take_line(w, s, audit_chain_put_head(&s->chain, &w->audit->line, w->wall_ms));
}

void audit_begin(struct world *w)
{
    struct audit_world *a = w->audit = arena_alloc(&w->arena, sizeof *a);
    memset(a, 0, sizeof *a);
    prng_init(&a->die, w->options->seed ^ UINT64_C(0x61756469));
    buf_init(&a->line, &w->scratch_mem, 0);
    for (uint32_t i = 0; i < w->plan.servers; i++) {
        uint8_t random[16] = {(uint8_t)i, (uint8_t)w->options->seed};
        audit_chain_init(&a->servers[i].chain, key_of(w), random);
        audit_check_init(&a->servers[i].check, key_of(w));
        take_head(w, &a->servers[i]);
    }
}

static void tell_missing(struct world *w, struct audit_server *s, uint32_t node)
{
    struct audit_world *a = w->audit;
    if (a->lost[node] == a->lost_told[node])
        return;
    take_line(w, s,
              audit_chain_put_missing(&s->chain, &a->line, w->wall_ms, a->lost[node] - a->lost_told[node],
                                      "queue full"));
    a->lost_told[node] = a->lost[node];
}

// Into the file, or beside it.
static void write_down(struct world *w, struct audit_server *s, uint64_t wall_ms, const struct audit_event *e)
{
    struct audit_world *a = w->audit;
    const struct node *n = w->turning;
    s->told++;
    if (prng_below(&a->die, audit_by_right(e->type) ? 50 : 10) == 0) {
        a->lost[n->index]++;
        s->missing++;
        return;
    }
    tell_missing(w, s, n->index);
    take_line(w, s, audit_chain_put(&s->chain, &a->line, wall_ms, n->index - n->first, e));
    w->counts.audited++;
    if (prng_below(&a->die, 200) == 0) {
        take_line(w, s, audit_chain_put_note(&s->chain, &a->line, wall_ms, "rotated"));
        take_head(w, s);
    }
}

// --- records

static const char *name_of(enum entry_type type)
{
    static const char *const names[] = {
#define X(upper, lower, event) [ENTRY_##upper] = #lower,
        DECREES(X)
#undef X
            [ENTRY_ADMIT] = "admit",
        [ENTRY_CREATE] = "create",
        [ENTRY_STATE] = "state",
        [ENTRY_EDIT] = "edit",
        [ENTRY_DELETE] = "delete",
    };
    return (size_t)type < sizeof names / sizeof names[0] ? names[type] : NULL;
}

static void check_told(struct world *w, const struct audit_due *due)
{
    if (due->type != 0)
        trace_fail(w, NULL, "AUDIT: nothing is told of offset %llu of %s, a %s",
                   (unsigned long long)due->offset, w->room_names[due->room], name_of(due->type));
}

static struct audited_member *member_in(struct audited_room *r, str user)
{
    uint64_t hash = truth_hash(user);
    for (uint32_t i = 0; i < r->n; i++)
        if (r->members[i].user_hash == hash)
            return &r->members[i];
    return NULL;
}

void audit_witness(struct world *w, int room, const struct entry *e, bool unheard)
{
    struct audit_due *due = &w->audit->due[w->turning->index];
    struct audited_room *r = &w->audit->servers[w->turning->server].rooms[room];
    check_told(w, due);
    if (e->type == ENTRY_MEMBER_JOINED || e->type == ENTRY_MEMBER_LEFT) {
        struct audited_member *m = member_in(r, e->member.user);
        if ((m != NULL && m->fresh) != (e->type == ENTRY_MEMBER_JOINED) || (m != NULL && !m->fresh))
            trace_fail(w, NULL, "AUDIT: %.*s is said to have %s %s, and not by it", STR_ARG(e->member.user),
                       e->type == ENTRY_MEMBER_JOINED ? "joined" : "left", w->room_names[room]);
        if (m != NULL)
            m->fresh = false;
    }
    if (!unheard && name_of(e->type) != NULL)
        *due = (struct audit_due){e->type, room, e->offset, truth_hash(e->user)};
}

static void see_record(struct world *w, int room, const struct audit_event *e)
{
    struct audit_due *due = &w->audit->due[w->turning->index];
    if (due->type == 0 || due->room != room || due->offset != e->offset ||
        due->user_hash != truth_hash(e->user) || strcmp(name_of(due->type), audit_name(e->type)) != 0)
        trace_fail(w, NULL, "AUDIT: %s at offset %llu of %s is told, and there is no such record",
                   audit_name(e->type), (unsigned long long)e->offset, w->room_names[room]);
    due->type = 0;
}

// --- people and rooms

static void member_gone(struct audited_room *r, struct audited_member *m) { *m = r->members[--r->n]; }

static void see_member(struct world *w, int room, struct audited_room *r, const struct audit_event *e)
{
    struct audited_member *m = member_in(r, e->user);
    bool by_itself = str_eq(e->how, STR("left")) || str_eq(e->how, STR("expired"));
    bool fits = r->there && (m == NULL) == (e->type == AUDIT_JOINED);
    if (fits && e->type == AUDIT_PARTED)
        fits = m->sessions != 0;
    if (fits && e->type == AUDIT_LEFT && by_itself)
        fits = m->sessions == 1;
    if (fits && e->type == AUDIT_LEFT && str_eq(e->how, STR("disconnected")))
        fits = m->sessions <= 1;
    if (!fits)
        trace_fail(w, NULL, "AUDIT: %.*s has %s %s (%.*s), with %u sessions there", STR_ARG(e->user),
                   audit_name(e->type), w->room_names[room], STR_ARG(e->how), m != NULL ? m->sessions : 0);
    if (e->type == AUDIT_JOINED) {
        ARENA_GROW(&w->arena, r->members, r->n, r->cap);
        r->members[r->n++] =
            (struct audited_member){.user_hash = truth_hash(e->user), .sessions = 1, .fresh = true};
    } else if (e->type == AUDIT_ENTERED) {
        m->sessions++;
    } else if (e->type == AUDIT_PARTED) {
        m->sessions--;
    } else {
        member_gone(r, m);
        if (probe_emptying(w->turning->shard, e->room)) // then nobody is told who goes
            ledger_sent_away(w, room, truth_epoch(w, w->turning->server, room, e->epoch), e->user);
    }
}

static void see_room(struct world *w, int room, struct audited_room *r, const struct audit_event *e)
{
    if (r->there == (e->type == AUDIT_CREATED) || r->n != 0)
        trace_fail(w, NULL, "AUDIT: %s is %s, and was %s, with %u members", w->room_names[room],
                   audit_name(e->type), r->there ? "there" : "not there", r->n);
    r->there = e->type == AUDIT_CREATED;
    if (r->there && str_eq(e->session, STR("api")) && !w->plan.engine)
        ledger_made(w, room, truth_epoch(w, w->turning->server, room, e->epoch));
}

static void see_session(struct world *w, struct audit_server *s, const struct audit_event *e)
{
    if (e->session.n != SESSION_ID_LEN || e->user.n == 0 || e->address.n == 0)
        trace_fail(w, NULL, "AUDIT: a session without a name, a user or an address");
    if (e->type == AUDIT_SESSION_ENDED && s->sessions == 0)
        trace_fail(w, NULL, "AUDIT: more sessions have ended than there were");
    s->sessions += e->type == AUDIT_SESSION ? 1 : UINT64_MAX;
}

void audit_tell(struct world *w, uint64_t wall_ms, const struct audit_event *e)
{
    if (w->turning == NULL) // shards are taken down
        return;
    struct audit_server *s = &w->audit->servers[w->turning->server];
    int room = e->room.n != 0 ? truth_room_find(w, e->room) : NONE;
    enum audit_kind kind = audit_kind_of(e->type);
    bool record = e->offset != 0;
    if (kind == AUDIT_OF_MEMBERS && mutate_is(w, MUTATE_LOSE_AUDIT) && mutate_now(w, NULL))
        return;
    if (wall_ms != w->wall_ms)
        trace_fail(w, NULL, "AUDIT: an event of another time");
    if (!record)
        check_told(w, &w->audit->due[w->turning->index]);
    if (record)
        see_record(w, room, e);
    else if (kind == AUDIT_OF_MEMBERS)
        see_member(w, room, &s->rooms[room], e);
    else if (kind == AUDIT_OF_ROOMS)
        see_room(w, room, &s->rooms[room], e);
    else if (e->type == AUDIT_SESSION || e->type == AUDIT_SESSION_ENDED)
        see_session(w, s, e);
    write_down(w, s, wall_ms, e);
}

// --- after a turn, and at the end

void audit_read(struct world *w, const struct node *n)
{
    check_told(w, &w->audit->due[n->index]);
    for (int room = 0; room < ROOMS_MAX; room++) {
        const struct audited_room *r = &w->audit->servers[n->server].rooms[room];
        uint64_t members, sessions, told = 0;
        if (!probe_members(n->shard, str_from_cstr(w->room_names[room]), &members, &sessions))
            continue;
        for (uint32_t i = 0; i < r->n; i++)
            told += r->members[i].sessions;
        if (r->n != members || told != sessions)
            trace_fail(w, NULL, "AUDIT: %s has %llu members by %llu sessions, and by the audit %u by %llu",
                       w->room_names[room], (unsigned long long)members, (unsigned long long)sessions, r->n,
                       (unsigned long long)told);
    }
}

void audit_end(struct world *w)
{
    for (uint32_t i = 0; i < w->nodes_n; i++)
        tell_missing(w, &w->audit->servers[w->nodes[i].server], i);
    for (uint32_t i = 0; i < w->plan.servers; i++) {
        struct audit_server *s = &w->audit->servers[i];
        for (int room = 0; room < ROOMS_MAX; room++)
            if (s->rooms[room].there)
                trace_fail(w, NULL, "AUDIT: %s is gone, and nothing says so", w->room_names[room]);
        if (s->sessions != 0)
            trace_fail(w, NULL, "AUDIT: %llu sessions have not ended", (unsigned long long)s->sessions);
        audit_check_expect(&s->check, s->chain.seq, s->chain.hash);
        s->check.expected_seen = s->check.seq == s->chain.seq;
        if (audit_check_rest(&s->check, STR_NONE) != AUDIT_GOOD || audit_check_end(&s->check) != AUDIT_GOOD ||
            s->check.missing != s->missing)
            trace_fail(w, NULL, "AUDIT: its end is not its end, or %llu events are missing and it says %llu",
                       (unsigned long long)s->missing, (unsigned long long)s->check.missing);
    }
}
