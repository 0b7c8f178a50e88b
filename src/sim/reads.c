// SPDX-License-Identifier: Apache-2.0
//
// How far people have read a room: clients say so, by dice, and are held to what comes of it. A position is the user's, whichever
// connection has set it; it goes forward only, and is there for as long as the room is at that server. What is unread are the messages
// behind it, as of the offset at which one comes in, the deleted ones, too. Where the room's rule says so, and nowhere else, each step
// is told to everybody, before it is answered.
//
// Written from docs/protocol/native.md, and not from core/home/reads.h.
#include "sim/draft.h"
#include "sim/heard.h"

enum { FAR_AHEAD = 100000 }; // of what there may be in a room

// --- what is known

static struct read_by *reader_find(const struct numbering *n, uint64_t user_hash)
{
    for (uint32_t i = 0; i < n->readers_n; i++)
        if (n->readers[i].user_hash == user_hash)
            return &n->readers[i];
    return NULL;
}

static struct read_by *reader_of(struct world *w, struct numbering *n, uint64_t user_hash)
{
    struct read_by *r = reader_find(n, user_hash);
    if (r != NULL)
        return r;
    ARENA_GROW(&w->arena, n->readers, n->readers_n, n->readers_cap);
    n->readers[n->readers_n] = (struct read_by){.user_hash = user_hash};
    return &n->readers[n->readers_n++];
}

// The furthest that the user can have got to: what was said before an epoch ended may have come in the next.
static uint64_t asked_upto(struct world *w, int room, int epoch, uint64_t user_hash)
{
    uint64_t most = 0;
    for (int i = 0; i <= epoch; i++) {
        const struct read_by *r = reader_find(truth_numbering(w, room, i), user_hash);
        if (r != NULL && r->asked > most && truth_follows(w, room, epoch, i))
            most = r->asked;
    }
    return most;
}

static uint64_t messages_in(struct world *w, struct numbering *n, uint64_t behind, uint64_t upto)
{
    uint64_t found = 0;
    for (uint64_t o = behind + 1; o <= upto; o++)
        found += truth_fact(w, n, o)->kind == FACT_MESSAGE;
    return found;
}

static uint64_t user_of(const struct client *c) { return truth_hash(str_from_cstr(c->user)); }

// --- what is said

// Up to somewhere in what it has seen lately, again and again the same; now and then further than anybody can have.
void say_read(struct world *w, struct client *c, int room)
{
    const struct seat *s = &c->seats[room];
    const uint64_t seen = s->next - 1;
    if (!s->on || seen == 0)
        return;
    struct asked *a = asks_push(w, c, SAID_READ, true);
    struct draft d = draft_make(w, "read", a);
    a->room = room;
    a->since_epoch = s->epoch;
    a->since = chance(w, 12) ? seen + FAR_AHEAD : seen - roll(w, seen < 12 ? seen : 12);
    a->read_before = asked_upto(w, room, s->epoch, user_of(c));
    struct read_by *r = reader_of(w, truth_numbering(w, room, s->epoch), user_of(c));
    if (a->since <= seen && a->since > r->asked)
        r->asked = a->since;
    draft_string(&d, "room", w->room_names[room]);
    draft_number(&d, "offset", a->since);
    draft_send(w, c, &d);
}

// --- what is heard

static bool told_there(const struct world *w, int room)
{
    return world_room(w, room)->receipts && w->settings.presence_exact_max > 2 * CLIENTS_MAX &&
           w->plan.refuse_one_in == 0 && !tenancy_was_short(w, room);
}

void reads_acked(struct world *w, struct client *c, const struct heard *h, const struct asked *a)
{
    char scratch[EPOCH_MAX];
    const str epoch = heard_string(w, c, h, "epoch", scratch, sizeof scratch);
    int at = a->since_epoch; // or the room has gone on since
    while (at != NONE && !str_eq(epoch, str_from_cstr(truth_numbering(w, a->room, at)->epoch)))
        at = truth_numbering(w, a->room, at)->follower;
    if (at == NONE || heard_offset(w, c, h, "offset") != a->since)
        trace_fail(w, c, "READ: what was read of %s is acked with another offset, or of another epoch",
                   w->room_names[a->room]);
    struct numbering *n = truth_numbering(w, a->room, at);
    struct read_by *r = reader_of(w, n, user_of(c));
    if (a->since > n->told)
        trace_fail(w, c, "READ: %s has been read up to %llu, which nobody has said", w->room_names[a->room],
                   (unsigned long long)a->since);
    const bool moved = !heard_true(h, "duplicate");
    if (moved && a->since <= r->acked)
        trace_fail(w, c, "READ: %s goes back in %s from %llu to %llu", c->user, w->room_names[a->room],
                   (unsigned long long)r->acked, (unsigned long long)a->since);
    if (!moved && a->since > a->read_before)
        trace_fail(w, c, "READ: %s has not read %s as far as %llu before, and is told so", c->user,
                   w->room_names[a->room], (unsigned long long)a->since);
    if (a->since > r->asked) // it was said before the epoch ended
        r->asked = a->since;
    if (!moved)
        return;
    if (told_there(w, a->room) && r->told < a->since)
        trace_fail(w, c, "READ: %s has read %s up to %llu, and others were told of %llu", c->user,
                   w->room_names[a->room], (unsigned long long)a->since, (unsigned long long)r->told);
    r->acked = a->since;
    r->acked_ms = w->now_ms;
    r->tail = n->tail;
    w->counts.read_to++;
}

// Refused as of what nobody has said, or of what an engine has lost since.
bool reads_explain(const struct world *w, const struct client *c, const struct asked *a, str code)
{
    if (str_eq(code, STR("not_found")))
        return a->since >= FAR_AHEAD || w->plan.engine_fails != 0;
    return str_eq(code, STR("not_member")) && !c->seats[a->room].on;
}

// As of the offset at which it came in.
void reads_joined(struct world *w, struct client *c, const struct heard *h, int room)
{
    const struct seat *s = &c->seats[room];
    struct numbering *n = truth_numbering(w, room, s->epoch);
    const struct read_by *r = reader_find(n, user_of(c));
    const uint64_t acked = r != NULL ? r->acked : 0;
    if (heard_raw(h, "read").p == NULL) {
        if (acked != 0 || heard_raw(h, "unread").p != NULL)
            trace_fail(w, c, "READ: how far %s has read %s is forgotten", c->user, w->room_names[room]);
        return;
    }
    const uint64_t at = heard_offset(w, c, h, "read"), unread = heard_number(w, c, h, "unread");
    if (at < acked || at > asked_upto(w, room, s->epoch, user_of(c)))
        trace_fail(w, c, "READ: %s is told to have read %s up to %llu, and was at %llu", c->user,
                   w->room_names[room], (unsigned long long)at, (unsigned long long)acked);
    // What had gone from the log when it was said is not counted, nor what never came into it.
    uint64_t tail = r != NULL && at == acked ? r->tail : n->tail;
    tail = tail > n->cut_to ? tail : n->cut_to + 1;
    const uint64_t all = messages_in(w, n, at, s->head);
    const uint64_t least = at + 1 >= tail ? all : messages_in(w, n, tail - 1, s->head);
    if (unread < least || unread > all)
        trace_fail(w, c, "READ: behind %llu of %s are %llu messages up to %llu, and %llu are called unread",
                   (unsigned long long)at, w->room_names[room], (unsigned long long)all,
                   (unsigned long long)s->head, (unsigned long long)unread);
    w->counts.unread += unread;
}

// The newest record that people had been told of before then.
static uint64_t told_before(struct world *w, struct numbering *n, uint64_t ms)
{
    uint64_t o = n->told;
    while (o != 0 && truth_fact(w, n, o)->first_ms >= ms)
        o--;
    return o;
}

// A row of the rooms there are, as of some moment since they were asked for.
void reads_listed(struct world *w, struct client *c, const struct heard *row, int room, const struct asked *a)
{
    int epoch = (int)w->truth[room].n - 1;
    while (epoch >= 0 && truth_numbering(w, room, epoch)->server != c->server)
        epoch--;
    if (epoch < 0 || c->user[0] == '\0' || truth_numbering(w, room, epoch)->begun_ms >= a->at_ms)
        return; // it may be as of before
    if (w->plan.engine && heard_number(w, c, row, "members_count") == 0)
        return; // it may be there once more, and not know yet what there is
    struct numbering *n = truth_numbering(w, room, epoch);
    const struct read_by *r = reader_find(n, user_of(c));
    const uint64_t acked = r != NULL && r->acked_ms < a->at_ms ? r->acked : 0;
    const uint64_t asked = asked_upto(w, room, epoch, user_of(c));
    if (heard_raw(row, "unread").p == NULL) {
        if (acked != 0)
            trace_fail(w, c, "READ: it is not told how much of %s is unread", w->room_names[room]);
        return;
    }
    const uint64_t unread = heard_number(w, c, row, "unread");
    const uint64_t from = asked + 1 >= n->tail ? asked : n->tail - 1;
    // What one server has told the others may tell later.
    const uint64_t least = w->plan.servers == 1 ? messages_in(w, n, from, told_before(w, n, a->at_ms)) : 0;
    const uint64_t most = messages_in(w, n, acked, n->told);
    if (asked == 0 || unread < least || unread > most)
        trace_fail(w, c, "READ: %llu messages of %s are called unread, and %llu to %llu are",
                   (unsigned long long)unread, w->room_names[room], (unsigned long long)least,
                   (unsigned long long)most);
}

// --- what is written down

uint64_t reads_hash(str user, uint64_t offset) { return truth_hash(user) * 31 + offset; }

// Everybody is told that somebody has read on.
void reads_see(struct world *w, int room, int epoch, const struct entry *e)
{
    struct numbering *n = truth_numbering(w, room, epoch);
    struct read_by *r = reader_of(w, n, truth_hash(e->user));
    if (!world_room(w, room)->receipts)
        trace_fail(w, NULL, "READ: %s tells how far people have read, and is not to", w->room_names[room]);
    if (e->about <= r->told || e->about > n->told || e->about > asked_upto(w, room, epoch, r->user_hash))
        trace_fail(w, NULL, "READ: %.*s is told to have read %s up to %llu, after %llu", STR_ARG(e->user),
                   w->room_names[room], (unsigned long long)e->about, (unsigned long long)r->told);
    r->told = e->about;
    w->counts.receipts++;
}
