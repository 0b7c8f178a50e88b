// SPDX-License-Identifier: Apache-2.0
//
// What the homes did: each entry that gets its place in a room is told to the checkers while it happens (the witness of
// core/common/driver.h), and so is where a connection comes in. So the order that everyone must see is known, also where
// nobody was there to see it, and from when on an entry could have been seen.
//
// After each turn the logs are read (probe.c) and must say the same. And when a record goes, one of the log's limits must have
// been reached; its age is what the monotonic clock says, whatever the wall clock was set to meanwhile.
//
// From the passing entries follows who is a member of a room at which moment, which is what lists of members are checked
// against: a list is as of some moment between the asking and the answer.
#include "dialect/parts.h"
#include "sim/deflated.h"
#include "sim/rates.h"
#include "sim/retries.h"
#include "sim/world.h"

// --- people: those who were ever members in one numbering, in the order of joining

static struct person *person_in(struct numbering *n, uint64_t user_hash)
{
    for (uint32_t i = n->people_n; i-- > 0;)
        if (n->people[i].user_hash == user_hash && n->people[i].left == 0)
            return &n->people[i];
    return NULL;
}

static void person_joins(struct world *w, struct numbering *n, const struct member_view *m)
{
    ARENA_GROW(&w->arena, n->people, n->people_n, n->people_cap);
    n->people[n->people_n++] = (struct person){.user_hash = truth_hash(m->user),
                                               .name_hash = truth_hash(m->name),
                                               .connected = m->connected,
                                               .here_ms = w->now_ms,
                                               .joined = n->passed_n};
}

// Above presence_exact_max, and where memory for an entry was refused, people come and go without an entry.
static bool presence_exact(const struct world *w, int room)
{
    return w->settings.presence_exact_max > 2 * CLIENTS_MAX && w->plan.refuse_one_in == 0 &&
           !w->plan.presence_ruled && !tenancy_was_short(w, room);
}

// Away or back; away not before the time that the room's rule says has passed.
static void person_comes_and_goes(struct world *w, int room, struct person *p, const struct member_view *m)
{
    const uint64_t damping_ms = world_room(w, room)->room_damping_ms;
    if (!m->connected && w->now_ms - p->here_ms < damping_ms)
        trace_fail(w, NULL, "PRESENCE: %.*s is told to be away from %s %llu ms after it was told to be there",
                   STR_ARG(m->name), w->room_names[room], (unsigned long long)(w->now_ms - p->here_ms));
    if (m->connected)
        p->here_ms = w->now_ms;
    p->connected = m->connected;
}

static void person_changes(struct world *w, int room, struct numbering *n, const struct entry *e)
{
    uint32_t at = n->passed_n;
    struct person *p = person_in(n, truth_hash(e->member.user));
    if (p == NULL && presence_exact(w, room))
        trace_fail(w, NULL, "PRESENCE: %.*s changes or goes, and never came", STR_ARG(e->member.name));
    if (p == NULL)
        return;
    if (e->previous_name.n > 0 && presence_exact(w, room) && truth_hash(e->previous_name) != p->name_hash)
        trace_fail(w, NULL, "PRESENCE: %.*s is said to have been %.*s, and was somebody else",
                   STR_ARG(e->member.name), STR_ARG(e->previous_name));
    if (e->type == ENTRY_MEMBER_LEFT) {
        p->left = at;
    } else if (e->previous_name.n > 0) {
        p->name_before = p->name_hash;
        p->renamed_before = p->renamed;
        p->renamed = at;
        p->name_hash = truth_hash(e->member.name);
    } else {
        p->changed = at;
        person_comes_and_goes(w, room, p, &e->member);
    }
}

// --- reading

static uint8_t kind_of(enum entry_type t)
{
    switch (t) {
    case ENTRY_MESSAGE:
        return FACT_MESSAGE;
    case ENTRY_VOID:
        return FACT_VOID;
#define X(upper, ...) case ENTRY_##upper:
        DECREES(X)
#undef X
    case ENTRY_ADMIT:
    case ENTRY_CREATE:
        return FACT_DECREE;
#define X(upper, ...) case ENTRY_##upper:
        WORDS(X)
#undef X
        return FACT_DECREE;
    case ENTRY_STATE:
        return FACT_STATE;
    case ENTRY_MEMBER_JOINED:
        return FACT_JOINED;
    case ENTRY_MEMBER_LEFT:
        return FACT_LEFT;
    case ENTRY_MEMBER_CHANGED:
        return FACT_CHANGED;
    case ENTRY_MEMBERS_COUNT:
        return FACT_COUNT;
    case ENTRY_SIGNAL:
        return FACT_SIGNAL;
    case ENTRY_READ:
        return FACT_READ;
    case ENTRY_GAP:
        return FACT_GAP;
    case ENTRY_EPOCH:
        return FACT_EPOCH;
    }
    return FACT_UNKNOWN;
}

// Everybody is sent away, and nobody is told of it one by one.
static void all_leave(struct numbering *n)
{
    for (uint32_t i = 0; i < n->people_n; i++) {
        struct person *p = &n->people[i];
        p->closed = p->closed || p->left == 0;
        p->left = p->left == 0 ? n->passed_n + 1 : p->left; // as if the next one that passes told it
    }
}

// Of a close that was there before the epoch began, which nobody is told of (core/home/room_cut.c): all go as with one that is told.
void ledger_sent_away(struct world *w, int room, int epoch, str user)
{
    struct numbering *n = truth_numbering(w, room, epoch);
    struct person *p = person_in(n, truth_hash(user));
    if (p == NULL || n->records->decreed.closed_at == 0)
        return;
    p->closed = true;
    p->left = n->passed_n + 1;
}

static void see_record(struct world *w, int room, int epoch, const struct entry *e)
{
    struct fact f = {.kind = kind_of(e->type), .message = truth_serial(e->data)};
    if (f.kind == FACT_DECREE) {
        f.message = 0;
        f.name_hash = entry_about(e->type) ? changes_hash(e) : decrees_entry_hash(e);
        const struct fact *known = truth_fact(w, truth_numbering(w, room, epoch), e->offset);
        if (e->erased != 0 && known->kind == FACT_DECREE) // what it said was told when it was there
            f.name_hash = known->name_hash;
    }
    if (e->type == ENTRY_STATE) {
        struct parts p;
        parts_begin(&p, e);
        bool any = parts_next(&p);
        f.kind = any ? kind_of(p.part.type) : FACT_UNKNOWN;
    }
    if (e->type == ENTRY_MESSAGE && e->erased != 0)
        f.message = truth_fact(w, truth_numbering(w, room, epoch), e->offset)->message;
    else if (e->type == ENTRY_MESSAGE && truth_message(w, f.message) == NULL)
        trace_fail(w, NULL, "ISOLATION: offset %llu of %s holds data that nobody said: %.*s",
                   (unsigned long long)e->offset, w->room_names[room], STR_ARG(str_take(e->data, 100)));
    const struct message *m = truth_message(w, f.message);
    if (e->type == ENTRY_MESSAGE && m != NULL &&
        !str_eq(e->conflate, str_make(&m->conflate, m->conflate != 0)))
        trace_fail(w, NULL, "LOSS: offset %llu of %s has another conflation key than it was said with",
                   (unsigned long long)e->offset, w->room_names[room]);
    if (e->type == ENTRY_MESSAGE && f.message != 0 &&
        strcmp(truth_message(w, f.message)->session, "api") != 0)
        (void)hands_check_info(w, NULL, e->user, e->info);
    w->counts.voids += e->type == ENTRY_VOID;
    rebuild_note(w, truth_numbering(w, room, epoch)->records, e);
    decrees_see(w, room, epoch, e);
    changes_see(w, room, epoch, e);
    truth_observe(w, NULL, room, epoch, e->offset, &f);
    changes_line(w, room, epoch, e);
    if (e->type != ENTRY_STATE)
        truth_fact(w, truth_numbering(w, room, epoch), e->offset)->conflate =
            e->conflate.n != 0 ? e->conflate.p[0] : '\0';
    shared_see(w, room, epoch, e);
}

static void see_passing(struct world *w, int room, int epoch, const struct entry *e)
{
    struct numbering *n = truth_numbering(w, room, epoch);
    struct fact f = {
        .kind = kind_of(e->type), .after = e->offset, .first_ms = w->now_ms, .cut_to = e->cut_to};
    enum room_presence presence = world_room(w, room)->room_presence;
    if (f.kind != FACT_SIGNAL && f.kind != FACT_READ && !entry_cut(e->type) &&
        (presence == PRESENCE_NONE || (presence == PRESENCE_COUNT && f.kind != FACT_COUNT)))
        trace_fail(w, NULL, "PRESENCE: %s tells of who comes and goes, and is not to", w->room_names[room]);
    if (entry_cut(e->type))
        f.name_hash = 0;
    else if (f.kind == FACT_SIGNAL)
        f.message = truth_serial(e->data);
    else if (f.kind == FACT_READ)
        f.name_hash = reads_hash(e->user, e->about);
    else if (f.kind != FACT_COUNT)
        f.name_hash = e->previous_name.n > 0 ? truth_renamed(e->previous_name, e->member.name)
                                             : truth_hash(e->member.name);
    ARENA_GROW(&w->arena, n->passed, n->passed_n, n->passed_cap);
    n->passed[n->passed_n++] = f;
    if (f.kind == FACT_READ)
        reads_see(w, room, epoch, e);
    else if (f.kind == FACT_JOINED)
        person_joins(w, n, &e->member);
    else if (f.kind == FACT_LEFT || f.kind == FACT_CHANGED)
        person_changes(w, room, n, e);
}

// Offsets that an engine does not keep any more are passed over.
static void see_gap(struct world *w, int room, struct numbering *n, const struct entry *e)
{
    const struct engine_room *of = engine_room(w, str_from_cstr(w->room_names[room]));
    if (of == NULL || e->cut_to >= engine_first(of))
        trace_fail(w, NULL, "LOSS: %s is said not to be kept up to %llu, and its engine has it",
                   w->room_names[room], (unsigned long long)e->cut_to);
    n->base += e->cut_to - e->offset;
    n->read = e->cut_to;
    n->tail = e->cut_to + 1;
    n->cut_to = e->cut_to;
    truth_reach(n, e->cut_to);
    n->told = e->cut_to;
    w->counts.gaps_trimmed++;
}

// The room goes on in another epoch, with the people who are in it. The entry is the last one of the old numbering.
static void see_epoch(struct world *w, int room, int before, const struct sighting *s)
{
    truth_begins(w, w->turning->server, room, s->epoch);
    int epoch = (int)w->truth[room].n - 1;
    struct numbering *old = truth_numbering(w, room, before), *n = truth_numbering(w, room, epoch);
    old->follower = epoch;
    w->turning->epoch_of[room] = epoch;
    const struct engine_room *of = engine_room(w, str_from_cstr(w->room_names[room]));
    if (of == NULL || engine_epoch_is(of, old->epoch))
        trace_fail(w, NULL, "ORDER: the epoch of %s is said to be over, and is not", w->room_names[room]);
    n->base = s->entry->cut_to - s->place;
    truth_reach(n, s->entry->cut_to);
    n->told = s->entry->cut_to;
    for (uint32_t i = 0; i < old->people_n; i++) {
        if (old->people[i].left != 0)
            continue;
        ARENA_GROW(&w->arena, n->people, n->people_n, n->people_cap);
        n->people[n->people_n++] = (struct person){.user_hash = old->people[i].user_hash,
                                                   .name_hash = old->people[i].name_hash,
                                                   .connected = old->people[i].connected,
                                                   .here_ms = old->people[i].here_ms};
    }
    w->counts.epochs_told++;
}

// The first one who comes into a room in which nobody has said anything has made it.
static void check_maker(struct world *w, int room, struct numbering *n, const struct client *c)
{
    bool silent =
        n->told == 0 || (n->told == 1 && truth_fact(w, n, 1)->kind == FACT_DECREE); // who is its host
    // That somebody has made it by command may have yet to be committed.
    bool first = !n->entered && silent && !w->plan.engine && w->plan.refuse_one_in == 0 &&
                 !(w->plan.creates && told_late(w));
    n->entered = true;
    if (first && c->welcomed && !passes_let_in(c, room) && !hands_serve(w, c, c->user, "create"))
        trace_fail(w, NULL, "RIGHTS: %s makes %s, and may not", c->user, w->room_names[room]);
}

void ledger_made(struct world *w, int room, int epoch) { truth_numbering(w, room, epoch)->entered = true; }

static void see_join(struct world *w, int room, int epoch, const struct sighting *s)
{
    struct numbering *n = truth_numbering(w, room, epoch);
    struct sim_link *l = w->nodes[w->turning->first + s->shard].conns[s->conn];
    if (l == NULL || l->gen != s->gen) {
        n->entered = true;
        return; // it is gone
    }
    check_maker(w, room, n, &w->clients[l->owner]);
    if (l->client != NULL && client_watched(l->client))
        decrees_check_join(w, room, epoch, s->user, probe_steady_ms(w->turning->shard));
    const enum room_access access = world_room(w, room)->room_access;
    const struct client *who = &w->clients[l->owner];
    bool let_in = passes_let_in(who, room) || decrees_gave(w, room, s->user) ||
                  (access == ACCESS_OPEN    ? guests_may(w, room, s->user, RIGHT_JOIN)
                   : access == ACCESS_TOKEN ? who->known
                                            : hands_invited(who));
    if (!let_in)
        trace_fail(w, NULL, "RIGHTS: %.*s comes into %s, and may not", STR_ARG(s->user), w->room_names[room]);
    ARENA_GROW(&w->arena, l->starts, l->starts_n, l->starts_cap);
    l->starts[l->starts_n++] = (struct start){.room = room,
                                              .epoch = epoch,
                                              .tail = s->tail,
                                              .head = s->place - n->passed_n + n->base,
                                              .passed = n->passed_n};
}

void ledger_witness(struct world *w, const struct sighting *s)
{
    int room = truth_room_find(w, s->room);
    ASSERT(room != NONE);
    const struct entry *e = s->entry;
    if (e == NULL && !s->joined) {
        truth_begins(w, w->turning->server, room, s->epoch);
        w->turning->epoch_of[room] = (int)w->truth[room].n - 1;
        struct numbering *n = truth_numbering(w, room, w->turning->epoch_of[room]);
        n->read = n->head = n->told = s->place; // what was before its engine has let go
        return;
    }
    int epoch = s->entry != NULL && e->type == ENTRY_EPOCH
                    ? w->turning->epoch_of[room]
                    : truth_epoch(w, w->turning->server, room, s->epoch);
    w->turning->epoch_of[room] = epoch;
    struct numbering *n = truth_numbering(w, room, epoch);
    if (e == NULL) {
        see_join(w, room, epoch, s);
        return;
    }
    audit_witness(w, room, e, s->unheard);
    if (s->unheard) { // of what there was when the epoch began
        see_record(w, room, epoch, e);
        return;
    }
    uint64_t records = s->place - n->passed_n + n->base; // this one included
    if (e->offset != records - (entry_passing(e->type) ? 1 : 0))
        trace_fail(w, NULL, "ORDER: in %s an entry at place %llu, with %u that passed, has offset %llu",
                   w->room_names[room], (unsigned long long)s->place, n->passed_n,
                   (unsigned long long)e->offset);
    if (entry_passing(e->type))
        see_passing(w, room, epoch, e);
    else
        see_record(w, room, epoch, e);
    guests_check_signal(w, room, e);
    rates_see(w, room, e);
    n->told = entry_passing(e->type) ? n->told : e->offset;
    if (e->type == ENTRY_GAP)
        see_gap(w, room, n, e);
    else if (e->type == ENTRY_EPOCH)
        see_epoch(w, room, epoch, s);
    else if (e->type == ENTRY_CLOSE)
        all_leave(n);
    retries_see(w, e);
    if (!entry_passing(e->type))
        store_check_shown(w, w->turning, room, e->offset);
}

struct start ledger_start(struct world *w, struct client *c, int room)
{
    struct sim_link *l = c->link;
    uint32_t at = 0;
    while (at < l->starts_n && l->starts[at].room != room)
        at++;
    if (at == l->starts_n)
        trace_fail(w, c, "ORDER: joined %s, and its home knows nothing of it", w->room_names[room]);
    struct start found = l->starts[at];
    l->starts_n--;
    memmove(l->starts + at, l->starts + at + 1, (l->starts_n - at) * sizeof *l->starts);
    return found;
}

static uint64_t bytes_worst(const struct world *w) { return w->plan.data_max + w->plan.large_max + 1000u; }

enum {
    AGE_EARLY_MS = 200,     // what a log may be wrong about an age, and more
    AGE_ORDERED_MS = 60000, // how long before it was placed, committed, or deflated, it may have been said
    AGE_LATE_MS = 5000,     // old entries go in bunches, by a timer, on a shard that may be stalled
};

// What was before it is over where a room was closed.
static bool begins_closed(const struct node *node, str room, const struct probed_log *log)
{
    struct entry e = {0};
    if (log->tail <= log->head)
        probe_entry(node->shard, room, log->tail, &e);
    return e.type == ENTRY_CLOSE;
}

static void check_limits(struct world *w, int room, struct numbering *n, const struct probed_log *log,
                         bool closed)
{
    const struct room_settings *s = world_room(w, room);
    const struct fact *gone = n->tail != 0 && log->tail > n->tail ? truth_fact(w, n, log->tail - 1) : NULL;
    if (gone != NULL && gone->first_ms != 0 && !closed) {
        unsigned long long entries = log->appended + 2 - log->tail, age = w->now_ms - gone->first_ms;
        if (!w->relieved && entries <= s->log_entries && entries * bytes_worst(w) <= s->log_bytes &&
            age + AGE_EARLY_MS + (w->plan.engine || told_late(w) ? AGE_ORDERED_MS : 0) < s->log_age_ms)
            trace_fail(w, NULL, "LOSS: offset %llu of %s is gone after %llu ms, %llu entries before the head",
                       (unsigned long long)log->tail - 1, w->room_names[room], age, entries - 1);
    }
    const struct fact *oldest = log->tail <= log->head ? truth_fact(w, n, log->tail) : NULL;
    if (oldest != NULL && oldest->first_ms != 0 && w->plan.refuse_one_in == 0 &&
        w->now_ms - oldest->first_ms > s->log_age_ms + (uint64_t)AGE_LATE_MS)
        trace_fail(w, NULL, "BOUNDS: offset %llu of %s is still kept after %llu ms",
                   (unsigned long long)log->tail, w->room_names[room],
                   (unsigned long long)(w->now_ms - oldest->first_ms));
}

void ledger_read(struct world *w, const struct node *node)
{
    // Where memory is short history goes early; it is only ever refused where the plan says so (core/home/relief.c).
    uint64_t relieved = metric_get(&shard_metrics(node->shard)->log_relieved);
    w->relieved = relieved != 0;
    uint64_t by_tenants = tenancy_relieved(w, node);
    if (relieved != by_tenants && w->plan.refuse_one_in == 0)
        trace_fail(w, NULL, "LOSS: history went for want of memory, and there was enough");
    for (int room = 0; room < ROOMS_MAX; room++) {
        struct probed_log log;
        str name = str_from_cstr(w->room_names[room]);
        if (!probe_log(node->shard, name, &log) || log.opening)
            continue;
        int epoch = truth_epoch(w, node->server, room, str_from_cstr(log.epoch));
        struct numbering *n = truth_numbering(w, room, epoch);
        check_limits(w, room, n, &log, begins_closed(node, name, &log));
        n->tail = log.tail;
        // With an engine a room may have been here before, and a slow reader of then be told of it only now.
        if (log.head != (w->plan.engine ? n->told : n->head))
            trace_fail(w, NULL, "ORDER: the head of %s is %llu; the newest entry had offset %llu",
                       w->room_names[room], (unsigned long long)log.head,
                       (unsigned long long)(w->plan.engine ? n->told : n->head));
        if (log.tail > n->read + 1)
            n->read = log.tail - 1;
        while (n->read < log.head) {
            struct entry e;
            probe_entry(node->shard, name, ++n->read, &e);
            see_record(w, room, epoch, &e);
        }
    }
}

// --- lists of members

static void check_row(struct world *w, struct client *c, int room, const struct person *p,
                      const struct member_row *row, uint32_t from)
{
    bool name = row->name_hash == p->name_hash || (p->renamed > from && row->name_hash == p->name_before) ||
                p->renamed_before > from;
    if (!name)
        trace_fail(w, c, "PRESENCE: a member of %s, the %u. that passed, is listed by another name",
                   w->room_names[room], p->joined);
    if (row->connected != p->connected && p->changed <= from)
        trace_fail(w, c, "PRESENCE: a member of %s, the %u. that passed, is listed as %s",
                   w->room_names[room], p->joined, row->connected ? "connected" : "away");
}

void ledger_check_members(struct world *w, struct client *c, int room, int epoch, uint32_t from, uint32_t to,
                          const struct member_row *rows, uint32_t rows_n, bool more)
{
    const struct numbering *n = truth_numbering(w, room, epoch);
    uint32_t at = 0;
    if (!presence_exact(w, room))
        return;
    for (uint32_t i = 0; i < n->people_n && !(more && at == rows_n); i++) {
        const struct person *p = &n->people[i];
        bool may = p->joined <= to && (p->left == 0 || p->left > from);
        bool must = p->joined <= from && (p->left == 0 || p->left > to);
        bool here = may && at < rows_n && rows[at].user_hash == p->user_hash;
        if (here && must) // else it may be a later membership of the same user
            check_row(w, c, room, p, &rows[at], from);
        if (here)
            at++;
        else if (must)
            trace_fail(w, c, "PRESENCE: a member of %s, the %u. that passed, is not in its place in the list",
                       w->room_names[room], p->joined);
    }
    if (at < rows_n)
        trace_fail(w, c, "PRESENCE: row %u of the members of %s is no member, or listed twice", at + 1,
                   w->room_names[room]);
}

// At rest: a member is called in each room what it was told that it is called.
void ledger_check_name(struct world *w, struct client *c, int room, int epoch)
{
    struct numbering *n = truth_numbering(w, room, epoch);
    const struct person *p = person_in(n, truth_hash(str_from_cstr(c->user)));
    if (p != NULL && presence_exact(w, room) && p->name_hash != truth_hash(str_from_cstr(c->name)))
        trace_fail(w, c, "PRESENCE: the member %s of %s goes by another name there", c->name,
                   w->room_names[room]);
}

void ledger_check_count(struct world *w, struct client *c, int room, int epoch, uint32_t passed,
                        uint64_t count)
{
    const struct numbering *n = truth_numbering(w, room, epoch);
    uint64_t real = 0;
    if (!presence_exact(w, room))
        return;
    for (uint32_t i = 0; i < n->people_n; i++)
        real += n->people[i].joined <= passed && (n->people[i].left == 0 || n->people[i].left > passed);
    if (real != count)
        trace_fail(w, c, "PRESENCE: %s is said to have %llu members, and had %llu", w->room_names[room],
                   (unsigned long long)count, (unsigned long long)real);
}

uint32_t ledger_left(struct world *w, int room, int epoch, str user)
{
    const struct numbering *n = truth_numbering(w, room, epoch);
    uint64_t hash = truth_hash(user);
    for (uint32_t i = n->people_n; i-- > 0;)
        if (n->people[i].user_hash == hash)
            return n->people[i].closed ? 0 : n->people[i].left;
    return 0;
}
