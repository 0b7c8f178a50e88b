// SPDX-License-Identifier: Apache-2.0
//
// One JSON connection in one room: nothing before `joined`, then every offset once and in order, except what a gap
// announces and what the connection itself said without asking for an echo; and between them every passing entry, once, in
// order, behind the offset that it came after. Where both begin is what the home did, not what the client is told.
//
// The offset of an own message is known from its ack, which comes before anything behind it. A message without `id`
// has no ack: then an offset may be missing, is noted, and must not turn out to be somebody else's entry.
#include "sim/world.h"

static const char *room_of(const struct world *w, int room) { return w->room_names[room]; }

// Said on this very connection, without a wish to have it back.
static bool own_silent(const struct client *c, const struct message *m)
{
    return m != NULL && m->client == c->index && !m->echo && c->link != NULL && m->link == c->link->serial;
}

// What was said on two connections may come or not: nobody can tell which attempt it was. So may what was said before the room went on
// in another epoch: where the engine has lost it, and another home gives it back, it is told as what anybody else has said.
static bool may_come(const struct seat *s, const struct message *m)
{
    return m->attempts > 1 || m->said_ms <= s->cut_ms;
}

// Steps over own entries that the server was right to leave out. guess: what is not known may be one of those without an ack.
static void skip_own(struct world *w, struct client *c, int room, uint64_t until, bool guess)
{
    struct seat *s = &c->seats[room];
    struct numbering *n = truth_numbering(w, room, s->epoch);
    while (s->next < until && (guess || s->next <= n->head)) {
        struct fact *f = truth_fact(w, n, s->next);
        const struct message *m = truth_message(w, f->message);
        if (f->kind == FACT_MESSAGE && own_silent(c, m) && (may_come(s, m) ? guess : s->next > s->head)) {
            s->next++;
        } else if (f->kind == FACT_UNKNOWN && s->unnamed > 0 && guess && s->next > s->head) {
            s->unnamed--;
            ARENA_GROW(&w->arena, s->unexplained.v, s->unexplained.n, s->unexplained.cap);
            s->unexplained.v[s->unexplained.n++] = s->next++;
        } else {
            return;
        }
    }
}

// Offsets that were left out as own: nobody may have learned that they are not.
static void explain(struct world *w, struct client *c, int room)
{
    struct seat *s = &c->seats[room];
    struct numbering *n = truth_numbering(w, room, s->epoch);
    for (uint32_t i = 0; i < s->unexplained.n; i++) {
        struct fact *f = truth_fact(w, n, s->unexplained.v[i]);
        if (f->kind != FACT_UNKNOWN && !own_silent(c, truth_message(w, f->message)))
            trace_fail(w, c, "LOSS: offset %llu of %s was never sent, and is not the reader's own",
                       (unsigned long long)s->unexplained.v[i], room_of(w, room));
    }
}

static void seat_since(struct world *w, struct client *c, const struct asked *a, int room, bool recovered)
{
    struct seat *s = &c->seats[room];
    bool same = truth_same_records(w, room, a->since_epoch, s->epoch);
    if (recovered) {
        if (!same)
            trace_fail(w, c, "RESUME: recovered in %s, but its epoch is another one", room_of(w, room));
        if (a->since > s->head)
            trace_fail(w, c, "RESUME: recovered in %s from offset %llu, beyond its head", room_of(w, room),
                       (unsigned long long)a->since);
        s->next = a->since + 1;
        s->recovered = true;
        w->counts.recovered++;
        return;
    }
    w->counts.not_recovered++;
    // Tails only rise: what the log holds now, it held when the home answered.
    if (same && a->since <= s->head && a->since + 1 >= truth_numbering(w, room, s->epoch)->tail)
        trace_fail(w, c, "RESUME: not recovered in %s, though the log holds all from offset %llu on",
                   room_of(w, room), (unsigned long long)a->since + 1);
    if (same) {
        s->gap_due = true;
        s->gap_from = a->since + 1;
    }
}

// Own messages to the room that were said behind the join already, and have neither id nor echo.
static uint32_t count_unnamed(struct world *w, const struct client *c, int room)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->asks_n; i++) {
        const struct asked *a = &c->asks[(c->asks_from + i) % ASKS_MAX];
        n += a->kind == SAID_MESSAGE && a->id == 0 && a->room == room && !truth_message(w, a->message)->echo;
    }
    return n;
}

void seat_joined(struct world *w, struct client *c, const struct asked *a, int room, int epoch, uint64_t head,
                 bool has_recovered, bool recovered)
{
    struct seat *s = &c->seats[room];
    struct offsets list = s->unexplained;
    list.n = 0;
    if (s->on)
        trace_fail(w, c, "ORDER: joined %s twice", room_of(w, room));
    struct start at = ledger_start(w, c, room);
    if (!truth_same_records(w, room, at.epoch, epoch) || at.head != head)
        trace_fail(w, c, "ORDER: joined %s at offset %llu; at its home it was another one", room_of(w, room),
                   (unsigned long long)head);
    epoch = at.epoch; // of all times that the room was there in this epoch
    *s = (struct seat){.on = true,
                       .epoch = epoch,
                       .head = head,
                       .next = head + 1,
                       .passed = at.passed,
                       .joined = at.passed,
                       .unexplained = list};
    s->unnamed = count_unnamed(w, c, room);
    s->switched = a->kind == SAID_SWITCH;
    truth_reach(truth_numbering(w, room, epoch), head);
    if (has_recovered != a->has_since)
        trace_fail(w, c, "RESUME: joined %s %s `since`, and `recovered` is %s", room_of(w, room),
                   a->has_since ? "with" : "without", has_recovered ? "there" : "not there");
    if (a->has_since) {
        seat_since(w, c, a, room, recovered);
    } else if (a->has_history) {
        s->next = truth_messages_back(w, truth_numbering(w, room, epoch), head, at.tail, a->history);
    }
    w->counts.joins++;
}

// Steps over own signals, which are not sent back.
static void skip_own_signals(struct world *w, const struct client *c, struct seat *s,
                             const struct numbering *n)
{
    while (s->passed < n->passed_n && own_silent(c, truth_message(w, n->passed[s->passed].message)))
        s->passed++;
}

// Passing entries come before the record that they came before.
static void passed_before(struct world *w, struct client *c, int room, uint64_t offset)
{
    struct seat *s = &c->seats[room];
    const struct numbering *n = truth_numbering(w, room, s->epoch);
    skip_own_signals(w, c, s, n);
    if (s->passed < n->passed_n && n->passed[s->passed].after < offset)
        trace_fail(w, c, "LOSS: offset %llu of %s came, and what passed behind offset %llu did not",
                   (unsigned long long)offset, room_of(w, room),
                   (unsigned long long)n->passed[s->passed].after);
}

void seat_entry(struct world *w, struct client *c, int room, uint64_t offset, const struct fact *seen)
{
    struct seat *s = &c->seats[room];
    if (!s->on)
        trace_fail(w, c, "ISOLATION: offset %llu of %s came to a connection that is not in it",
                   (unsigned long long)offset, room_of(w, room));
    if (s->gap_due)
        trace_fail(w, c, "RESUME: offset %llu of %s came after recovered:false and before the gap",
                   (unsigned long long)offset, room_of(w, room));
    skip_own(w, c, room, offset, true);
    if (offset < s->next)
        trace_fail(w, c, "ORDER: offset %llu of %s came again or late; %llu was next",
                   (unsigned long long)offset, room_of(w, room), (unsigned long long)s->next);
    if (offset > s->next)
        trace_fail(w, c, "LOSS: offset %llu of %s came, %llu was next, and no gap was announced",
                   (unsigned long long)offset, room_of(w, room), (unsigned long long)s->next);
    if (offset > s->head)
        passed_before(w, c, room, offset);
    truth_observe(w, c, room, s->epoch, offset, seen);
    const struct message *m = truth_message(w, seen->message);
    if (offset > s->head && own_silent(c, m) && !may_come(s, m))
        trace_fail(w, c, "ISOLATION: m%ux came back to its sender, who did not ask for it", m->serial);
    s->next = offset + 1;
    w->counts.entries_seen++;
}

static bool unexplained(const struct seat *s, uint64_t offset)
{
    for (uint32_t i = s->unexplained.n; i-- > 0;)
        if (s->unexplained.v[i] == offset)
            return true;
    return false;
}

// True if the reader stands behind the offset; own entries that were stepped over may be on either side.
static bool stands_behind(struct world *w, struct client *c, int room, uint64_t offset)
{
    struct seat *s = &c->seats[room];
    struct numbering *n = truth_numbering(w, room, s->epoch);
    skip_own(w, c, room, offset + 1, true);
    uint64_t next = s->next;
    while (next > offset + 1 && next - 1 > s->head &&
           (unexplained(s, next - 1) || own_silent(c, truth_message(w, truth_fact(w, n, next - 1)->message))))
        next--;
    return next == offset + 1;
}

static bool may_be(const struct fact *f, const struct fact *seen)
{
    return truth_same_passing(f, seen) && (f->hash == 0 || f->hash == seen->hash);
}

void seat_passing(struct world *w, struct client *c, int room, const struct fact *seen)
{
    struct seat *s = &c->seats[room];
    if (!s->on)
        trace_fail(w, c, "ISOLATION: what passed in %s came to a connection that is not in it",
                   room_of(w, room));
    if (s->gap_due)
        trace_fail(w, c, "RESUME: what passed in %s came after recovered:false and before the gap",
                   room_of(w, room));
    if (!stands_behind(w, c, room, seen->after))
        trace_fail(w, c, "ORDER: what passed in %s behind offset %llu came when %llu was next",
                   room_of(w, room), (unsigned long long)seen->after, (unsigned long long)s->next);
    const struct numbering *n = truth_numbering(w, room, s->epoch);
    skip_own_signals(w, c, s, n);
    // Own signals at the edge of a gap may have been in it, or not.
    while (s->slack > 0 && (s->passed >= n->passed_n || !may_be(&n->passed[s->passed], seen))) {
        s->slack--;
        s->passed--;
    }
    s->slack = 0;
    truth_observe_passing(w, c, room, s->epoch, s->passed, seen);
    s->passed++;
    w->counts.passing_seen++;
}

// Everything up to there has come, and what comes is of another part of the numbering, or of another.
void seat_cut(struct world *w, struct client *c, int room, const struct fact *seen)
{
    struct seat *s = &c->seats[room];
    seat_passing(w, c, room, seen);
    if (seen->kind == FACT_EPOCH) {
        explain(w, c, room);
        s->unexplained.n = 0;
        s->epoch = truth_numbering(w, room, s->epoch)->follower;
        s->passed = s->joined = 0;
        s->head = seen->cut_to;
        s->recovered = false;
        s->cut_ms = w->now_ms;
    }
    s->next = seen->cut_to + 1;
}

// The passing entries in a gap are the next ones, and lie in it.
static void passed_in_gap(struct world *w, struct client *c, int room, uint64_t from, uint64_t to,
                          uint64_t passing)
{
    struct seat *s = &c->seats[room];
    const struct numbering *n = truth_numbering(w, room, s->epoch);
    if (from <= to)
        passed_before(w, c, room, from - 1);
    skip_own_signals(w, c, s, n);
    for (uint32_t at = s->passed;
         at > s->joined && own_silent(c, truth_message(w, n->passed[at - 1].message)); at--)
        s->slack++;
    if (s->slack != 0 && passing > n->passed_n - s->passed)
        passing = n->passed_n - s->passed;
    if (passing > n->passed_n - s->passed)
        trace_fail(w, c, "LOSS: a gap in %s of %llu passing entries; there were %u", room_of(w, room),
                   (unsigned long long)passing, n->passed_n - s->passed);
    s->passed += (uint32_t)passing;
    while (from <= to && s->slack > 0 && n->passed[s->passed - 1].after > to) { // own ones were among them
        s->slack--;
        s->passed--;
    }
    if (passing != 0 && s->slack == 0 && n->passed[s->passed - 1].after > to && from <= to)
        trace_fail(w, c, "LOSS: a gap in %s up to offset %llu has something that passed behind it",
                   room_of(w, room), (unsigned long long)to);
    if (from <= to)
        passed_before(w, c, room, to);
}

void seat_gap(struct world *w, struct client *c, int room, uint64_t from, uint64_t to, uint64_t passing,
              str reason)
{
    struct seat *s = &c->seats[room];
    bool slow = str_eq(reason, STR("slow"));
    w->counts.gaps++;
    if (!s->on)
        trace_fail(w, c, "ISOLATION: a gap in %s, where the connection is not", room_of(w, room));
    if (to < from && passing == 0)
        trace_fail(w, c, "LOSS: a gap in %s of nothing", room_of(w, room));
    if (s->gap_due) {
        if (from != s->gap_from || to != s->head || passing != 0)
            trace_fail(w, c, "RESUME: the gap in %s is %llu to %llu; the missing entries are %llu to %llu",
                       room_of(w, room), (unsigned long long)from, (unsigned long long)to,
                       (unsigned long long)s->gap_from, (unsigned long long)s->head);
        s->gap_due = false;
        s->next = to + 1;
        return;
    }
    if (!slow) // of what the log has trimmed, `joined` knows
        trace_fail(w, c, "RESUME: a gap in %s for what was trimmed, though `joined` did not announce one",
                   room_of(w, room));
    if (s->next <= s->head)
        trace_fail(w, c, "LOSS: a gap in %s while offset %llu was to be replayed", room_of(w, room),
                   (unsigned long long)s->next);
    if (from <= to && !stands_behind(w, c, room, from - 1))
        trace_fail(w, c, "LOSS: a gap in %s begins at %llu, but %llu was next", room_of(w, room),
                   (unsigned long long)from, (unsigned long long)s->next);
    passed_in_gap(w, c, room, from <= to ? from : 1, to, passing);
    if (slow && world_room(w, room)->slow_policy == SLOW_DISCONNECT && w->plan.refuse_one_in == 0)
        trace_fail(w, c, "SLOW: a gap in %s, though slow readers are to be disconnected", room_of(w, room));
    if (!slow && s->recovered && from <= s->head)
        trace_fail(w, c, "RESUME: recovered in %s, and then told that %llu to %llu are no longer kept",
                   room_of(w, room), (unsigned long long)from, (unsigned long long)to);
    bool held = s->switched && (from <= to ? from <= s->head + 1 : s->passed == s->joined + passing);
    if (slow && !held && c->temper == TEMPER_HEALTHY && w->plan.refuse_one_in == 0)
        trace_fail(w, c, "SLOW: a gap in %s on a connection that reads everything at once", room_of(w, room));
    truth_reach(truth_numbering(w, room, s->epoch), to);
    if (from <= to && s->next <= to)
        s->next = to + 1;
}

bool seat_leaves_out(const struct world *w, int room, str reason)
{
    const bool messages = world_room(w, room)->slow_policy == SLOW_CONFLATE;
    return str_eq(reason, messages ? STR("conflated") : STR("coalesced"));
}

// What was left out for it as it is slow: each has a newer one, which comes, or is left out for one that does.
void seat_conflated(struct world *w, struct client *c, int room, uint64_t from, uint64_t to)
{
    struct seat *s = &c->seats[room];
    struct numbering *n = truth_numbering(w, room, s->epoch);
    w->counts.conflated += to + 1 - from;
    if (!s->on)
        trace_fail(w, c, "ISOLATION: conflation in %s, where the connection is not", room_of(w, room));
    if (to < from || s->gap_due || from <= s->head || !stands_behind(w, c, room, from - 1))
        trace_fail(w, c, "LOSS: %llu to %llu of %s are left out as conflated, but %llu was next",
                   (unsigned long long)from, (unsigned long long)to, room_of(w, room),
                   (unsigned long long)s->next);
    const bool paced = world_room(w, room)->state_interval_ms != 0,
               slow = world_room(w, room)->slow_policy == SLOW_CONFLATE;
    if (!paced && (!slow || c->temper == TEMPER_HEALTHY))
        trace_fail(w, c, "SLOW: conflation in %s, or for a connection, where there is none",
                   room_of(w, room));
    passed_before(w, c, room, from);
    for (uint64_t o = from; o <= to; o++) {
        const struct message *m = truth_message(w, truth_fact(w, n, o)->message);
        if (!truth_has_newer(w, n, o) || (!slow && truth_fact(w, n, o)->kind != FACT_STATE))
            trace_fail(w, c, "LOSS: offset %llu of %s is left out as conflated, and there is no newer one",
                       (unsigned long long)o, room_of(w, room));
        if (own_silent(c, m) && !may_come(s, m))
            trace_fail(w, c, "LOSS: offset %llu of %s is told as a gap to who said it", (unsigned long long)o,
                       room_of(w, room));
    }
    passed_before(w, c, room, to);
    s->next = to + 1;
}

void seat_left(struct world *w, struct client *c, int room)
{
    struct seat *s = &c->seats[room];
    if (!s->on)
        return;
    explain(w, c, room);
    s->on = false;
}

// By the entry, or with an epoch that goes on behind it.
bool seat_told_closed(const struct world *w, const struct client *c, int room)
{
    const struct seat *s = &c->seats[room];
    const uint64_t closed_at = w->truth[room].v[s->epoch].records->decreed.closed_at;
    return s->closed || (closed_at != 0 && closed_at <= s->head);
}

void seat_check_left(struct world *w, struct client *c, int room)
{
    struct seat *s = &c->seats[room];
    if (!s->on || s->gap_due ||
        client_may_be_twice(c)) // an older connection of its may be in it, and leave later
        return;
    const struct numbering *n = truth_numbering(w, room, s->epoch);
    uint32_t at = ledger_left(w, room, s->epoch, str_from_cstr(c->user)); // it is not told of this one itself
    if (at <= s->joined)
        return;
    uint64_t after = n->passed[at - 1].after;
    skip_own(w, c, room, after + 1, true);
    skip_own_signals(w, c, s, n);
    if (s->next <= after || s->passed < at - 1)
        trace_fail(w, c, "LOSS: left %s behind offset %llu, and before that %llu was still to come",
                   room_of(w, room), (unsigned long long)after, (unsigned long long)s->next);
}

bool seat_complete(struct world *w, struct client *c, int room, uint64_t head)
{
    struct seat *s = &c->seats[room];
    skip_own(w, c, room, head + 1, true);
    skip_own_signals(w, c, s, truth_numbering(w, room, s->epoch));
    return !s->gap_due && s->next > head && s->passed == truth_numbering(w, room, s->epoch)->passed_n;
}

static void check_passing_late(struct world *w, struct client *c, int room)
{
    struct seat *s = &c->seats[room];
    const struct numbering *n = truth_numbering(w, room, s->epoch);
    skip_own_signals(w, c, s, n);
    if (s->passed < n->passed_n && n->passed[s->passed].first_ms + client_patience_ms(w) < w->now_ms)
        trace_fail(w, c, "SLOW: what passed in %s at %llu ms has not come to a healthy connection",
                   room_of(w, room), (unsigned long long)n->passed[s->passed].first_ms);
}

// It is said not to be kept any more, and the reader has yet to be told.
static bool let_go(struct world *w, const struct seat *s, int room)
{
    const struct numbering *n = truth_numbering(w, room, s->epoch);
    for (uint32_t at = s->passed; at < n->passed_n; at++)
        if (n->passed[at].kind == FACT_GAP && n->passed[at].after < s->next &&
            s->next <= n->passed[at].cut_to)
            return true;
    return false;
}

// A healthy connection gets what others have seen, soon.
void seat_check_late(struct world *w, struct client *c)
{
    for (int room = 0; room < ROOMS_MAX; room++) {
        struct seat *s = &c->seats[room];
        if (!s->on)
            continue;
        check_passing_late(w, c, room);
        struct numbering *n = truth_numbering(w, room, s->epoch);
        skip_own(w, c, room, n->head + 1, false);
        if (s->next > n->head || let_go(w, s, room))
            continue;
        const struct fact *f = truth_fact(w, n, s->next);
        if (own_silent(c, truth_message(w, f->message)))
            continue;
        if (f->first_ms != 0 && f->first_ms + client_patience_ms(w) < w->now_ms)
            trace_fail(w, c,
                       "SLOW: offset %llu of %s, known since %llu ms, has not come to a healthy connection",
                       (unsigned long long)s->next, room_of(w, room), (unsigned long long)f->first_ms);
    }
}
