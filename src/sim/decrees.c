// SPDX-License-Identifier: Apache-2.0
//
// Who may do what in a room, by the words of docs/protocol/record.md and nothing of core: nobody without a right has an effect, who
// is banned is not let in and not heard, and who is muted, or slowed, is not heard either. Each record is looked at once, in order,
// when the first server has it; all servers are held to the same records elsewhere (truth.c).
#include "sim/deflated.h"
#include "sim/world.h"

enum { LATE_MS = 60000 }; // what is older than the newest by more counts as that old

static struct subject *subject_of(struct world *w, struct decreed *d, str user)
{
    for (uint32_t i = 0; i < d->subjects_n; i++)
        if (str_eq(user, str_from_cstr(d->subjects[i].user)))
            return &d->subjects[i];
    ARENA_GROW(&w->arena, d->subjects, d->subjects_n, d->subjects_cap);
    struct subject *s = &d->subjects[d->subjects_n++];
    *s = (struct subject){.role = ROLE_COUNT};
    ASSERT(user.n <= USER_ID_MAX);
    memcpy(s->user, user.p, user.n);
    return s;
}

static enum role role_of(const struct world *w, int room, const struct subject *s)
{
    return s->role != ROLE_COUNT ? s->role : world_room(w, room)->newcomer_role;
}

// There is a token that allows something in rooms.
static bool token_says(const struct world *w, str user)
{
    char name[USER_ID_MAX];
    bool says = false;
    for (uint32_t i = 0; i < w->plan.clients && !says; i++) {
        hands_user(w, &w->clients[i], name);
        says = hands_invited(&w->clients[i]) && str_eq(user, str_from_cstr(name));
    }
    return says;
}

// What a token allows takes the place of what the rule's role would; a role that was given adds to it.
static bool may(const struct world *w, int room, const struct subject *s, uint32_t grant, enum right right)
{
    const enum role least = right == RIGHT_PUBLISH || right == RIGHT_STATE ? ROLE_MEMBER : ROLE_HOST;
    if (grant == 0)
        return role_of(w, room, s) >= least;
    return (grant >> right & 1) != 0 || (s->role != ROLE_COUNT && s->role >= least);
}

// Roles are 0, 2, 4, 6; who keeps order by a token is between a member and a host, or a host where it allows all that hosts may.
static int rank_of(const struct world *w, int room, const struct subject *s, uint32_t grant)
{
    const uint32_t host = ((1u << RIGHT_COUNT) - 1) & ~(1u << RIGHT_CLOSE);
    const uint32_t order = 1u << RIGHT_KICK | 1u << RIGHT_MUTE | 1u << RIGHT_DELETE_ANY;
    int rank = 2 * (int)role_of(w, room, s), by_token = (grant & host) == host ? 4
                                                        : (grant & order) != 0 ? 3
                                                                               : 0;
    return by_token > rank ? by_token : rank;
}

// Nothing is said and nothing decided while it is closed, by nobody.
static void check_open(struct world *w, int room, const struct decreed *d, const struct entry *e,
                       uint64_t at_ms)
{
    if (d->closed_ms > at_ms && e->type != ENTRY_VOID)
        trace_fail(w, NULL, "RIGHTS: offset %llu of %s has an effect, and it was closed at %llu",
                   (unsigned long long)e->offset, w->room_names[room], (unsigned long long)d->closed_at);
}

static void check_said(struct world *w, int room, struct decreed *d, const struct entry *e, uint64_t at_ms)
{
    struct subject *s = subject_of(w, d, e->user);
    const char *why = NULL;
    const bool message = e->type == ENTRY_MESSAGE; // or a change of the state
    if (!may(w, room, s, e->grant, message ? RIGHT_PUBLISH : RIGHT_STATE))
        why = "only listens";
    else if (s->banned_ms > at_ms)
        why = "is banned";
    else if (s->muted_ms > at_ms)
        why = "is muted";
    else if (d->readonly && !may(w, room, s, e->grant, RIGHT_READONLY))
        why = "may not speak in a read-only room";
    else if (message && d->slow_ms != 0 && !may(w, room, s, e->grant, RIGHT_SLOW) && s->said &&
             s->said_ms + d->slow_ms > at_ms)
        why = "has said something just now";
    if (why != NULL)
        trace_fail(w, NULL, "RIGHTS: offset %llu of %s was said by %s, who %s", (unsigned long long)e->offset,
                   w->room_names[room], s->user, why);
    s->said = s->said || message;
    s->said_ms = message ? at_ms : s->said_ms;
}

static enum command_type command_of(enum entry_type type)
{
    switch (type) {
#define X(upper, ...)   \
    case ENTRY_##upper: \
        return CMD_##upper;
        DECREES(X)
#undef X
    default:
        UNREACHABLE();
    }
}

static void check_decreed(struct world *w, int room, struct decreed *d, const struct entry *e, uint64_t at_ms)
{
    const struct decree *decree = &e->decree;
    struct subject who = {.role = ROLE_COUNT}, target = {.role = ROLE_COUNT};
    const char *why = NULL;
    bool any = false;
    for (uint32_t i = 0; i < d->subjects_n; i++)
        any = any || d->subjects[i].role != ROLE_COUNT;
    if (e->user.n == 0) {
        if (e->type != ENTRY_ROLE || !decree->first || any || world_room(w, room)->room_host != HOST_FIRST)
            why = "the server has no reason";
    } else {
        who = *subject_of(w, d, e->user);
        if (decree->target.n != 0)
            target = *subject_of(w, d, decree->target);
        bool own = str_eq(e->user, decree->target), role = e->type == ENTRY_ROLE;
        bool gives = role || e->type == ENTRY_INVITE;
        int rank = rank_of(w, room, &who, e->grant);
        if (!may(w, room, &who, e->grant, (enum right)command_row(command_of(e->type))->right))
            why = "its author may not";
        else if (who.banned_ms > at_ms)
            why = "its author is banned";
        else if (decree->target.n != 0 && !(own && role) && rank_of(w, room, &target, 0) >= rank)
            why = "it is about somebody who is not below its author";
        else if (gives && 2 * (int)decree->role >= rank)
            why = "it gives a role that is not below its author's";
    }
    if (why != NULL)
        trace_fail(w, NULL, "RIGHTS: offset %llu of %s has an effect, and %s", (unsigned long long)e->offset,
                   w->room_names[room], why);
}

static void take_effect(struct world *w, struct decreed *d, const struct entry *e, uint64_t at_ms)
{
    const struct decree *decree = &e->decree;
    const uint64_t until = decree->span_ms == 0 ? UINT64_MAX : at_ms + decree->span_ms;
    struct subject nobody = {0};
    struct subject *target = decree->target.n != 0 ? subject_of(w, d, decree->target) : &nobody;
    w->counts.decrees++;
    switch (e->type) {
    case ENTRY_ROLE:
    case ENTRY_ADMIT:
    case ENTRY_CREATE:
        target->role = decree->role;
        target->ever_given = true;
        return;
    case ENTRY_BAN:
        target->banned_ms = until;
        target->banned_at = e->offset;
        target->ever_banned = true;
        return;
    case ENTRY_UNBAN:
        target->banned_ms = 0;
        return;
    case ENTRY_MUTE:
        target->muted_ms = until;
        target->ever_muted = true;
        return;
    case ENTRY_UNMUTE:
        target->muted_ms = 0;
        return;
    case ENTRY_SLOW:
        d->slow_ms = decree->span_ms;
        d->ever_slow = true;
        for (uint32_t i = 0; i < d->subjects_n; i++)
            d->subjects[i].said = false;
        return;
    case ENTRY_READONLY:
        d->readonly = decree->on;
        d->ever_readonly = true;
        return;
    case ENTRY_LOCK:
        d->ever_locked = d->ever_locked || decree->on;
        return;
    case ENTRY_CLOSE:
        for (uint32_t i = 0; i < d->subjects_n; i++) {
            struct subject *s = &d->subjects[i];
            s->role = ROLE_COUNT;
            s->banned_ms = s->muted_ms = 0;
        }
        d->slow_ms = 0;
        d->readonly = false;
        d->closed_ms = until;
        d->closed_at = e->offset;
        w->counts.closed++;
        return;
    default:
        return;
    }
}

void decrees_see(struct world *w, int room, int epoch, const struct entry *e)
{
    struct numbering *n = truth_numbering(w, room, epoch);
    struct decreed *d = &n->records->decreed;
    const struct engine_room *of = engine_room(w, str_from_cstr(w->room_names[room]));
    uint64_t gone = of != NULL ? engine_gone(of, n->epoch) : 0; // without a decree that says something
    if (e->offset > d->seen + 1 && gone > d->seen)
        d->seen = gone < e->offset ? gone : e->offset - 1;
    if (e->offset != d->seen + 1)
        return;
    uint64_t late = d->newest_ms > LATE_MS ? d->newest_ms - LATE_MS : 0;
    uint64_t at_ms = e->steady_ms > late ? e->steady_ms : late;
    d->seen++;
    // What a backend says by its key binds nobody's rights but the key's; that it has said it is seen elsewhere (truth.c).
    bool backend = str_eq(e->session, STR("api"));
    if (e->grant != 0 && e->user.n != 0 && !token_says(w, e->user) && !passes_gave(w, room, e) &&
        !guests_gave(w, room, e) && !backend)
        trace_fail(w, NULL, "RIGHTS: offset %llu of %s is by a token that nobody gave %.*s",
                   (unsigned long long)e->offset, w->room_names[room], STR_ARG(e->user));
    check_open(w, room, d, e, at_ms);
    if (w->plan.guests != 0 && e->user.n != 0 && e->type != ENTRY_VOID)
        guests_check(w, room, e, subject_of(w, d, e->user)->role != ROLE_COUNT);
    if ((e->type == ENTRY_MESSAGE || e->type == ENTRY_STATE) && !backend)
        check_said(w, room, d, e, at_ms);
    if (entry_decree(e->type)) {
        if (e->type == ENTRY_CREATE) {
            creates_see(w, room, d, e);
            n->entered = true;
        } else if (e->type != ENTRY_ADMIT)
            check_decreed(w, room, d, e, at_ms);
        else if (subject_of(w, d, e->user)->banned_ms > at_ms)
            trace_fail(w, NULL, "RIGHTS: offset %llu of %s lets in %.*s, who is banned",
                       (unsigned long long)e->offset, w->room_names[room], STR_ARG(e->user));
        invites_see(w, room, d, e, at_ms);
        take_effect(w, d, e, at_ms);
    }
    if (e->steady_ms > d->newest_ms)
        d->newest_ms = e->steady_ms;
}

// What counts at this home already, and waits for its commit before anybody is told of it, is of these types (bits) and about the user,
// or about all.
static bool waits(const struct world *w, const struct shard *home, int room, uint64_t told, uint64_t types,
                  str user)
{
    const str name = str_from_cstr(w->room_names[room]);
    struct probed_log log;
    if (!told_late(w) || !probe_log(home, name, &log))
        return false;
    for (uint64_t at = told + 1; at <= log.appended; at++) {
        struct entry e;
        probe_entry(home, name, at, &e);
        if ((types >> e.type & 1) != 0 && (e.decree.target.n == 0 || str_eq(e.decree.target, user)))
            return true;
    }
    return false;
}

void decrees_check_join(struct world *w, int room, int epoch, str user, uint64_t steady_ms)
{
    const struct numbering *n = truth_numbering(w, room, epoch);
    const struct decreed *d = &n->records->decreed;
    const struct subject *s = subject_of(w, &n->records->decreed, user);
    if (d->closed_ms > steady_ms && d->closed_at <= n->told)
        trace_fail(w, NULL, "RIGHTS: %s was let into %s, which is closed", s->user, w->room_names[room]);
    // Another server may have the decree, and this one not yet: then who comes in here is taken out when it has.
    const uint64_t lets_off =
        UINT64_C(1) << ENTRY_BAN | UINT64_C(1) << ENTRY_UNBAN | UINT64_C(1) << ENTRY_CLOSE;
    if (s->banned_ms > steady_ms && s->banned_at <= n->told &&
        !waits(w, w->turning->shard, room, n->told, lets_off, user))
        trace_fail(w, NULL, "RIGHTS: %s was let into %s and is banned there", s->user, w->room_names[room]);
}

// In any life of the room that is known.
bool decrees_gave(struct world *w, int room, str user)
{
    for (uint32_t i = 0; i < w->truth[room].n; i++)
        if (subject_of(w, &w->truth[room].v[i].records->decreed, user)->ever_given)
            return true;
    return false;
}

bool decrees_will_give(struct world *w, int room, int epoch, str user)
{
    const uint64_t told = truth_numbering(w, room, epoch)->told;
    const uint64_t gives = UINT64_C(1) << ENTRY_ROLE | UINT64_C(1) << ENTRY_ADMIT;
    for (uint32_t i = 0; i < w->nodes_n; i++)
        if (waits(w, w->nodes[i].shard, room, told, gives, user))
            return true;
    return false;
}

// In any life of the room that is known.
bool decrees_explain(struct world *w, const struct client *c, int room, str code)
{
    bool found = world_room(w, room)->newcomer_role < ROLE_HOST && str_eq(code, STR("forbidden"));
    // A decree counts from where it is applied on; where it waits for its commit or for memory, people are told of it later.
    if (told_late(w) || w->plan.refuse_one_in != 0)
        found = found || str_eq(code, STR("banned")) || str_eq(code, STR("muted")) ||
                str_eq(code, STR("rate_limited"));
    if (str_eq(code, STR("room_closed")))
        return w->counts.closes_asked != 0;
    for (uint32_t i = 0; i < w->truth[room].n && !found; i++) {
        struct decreed *d = &w->truth[room].v[i].records->decreed;
        const struct subject *s = subject_of(w, d, str_from_cstr(c->user));
        found = (str_eq(code, STR("banned")) && s->ever_banned) ||
                (str_eq(code, STR("muted")) && s->ever_muted) ||
                (str_eq(code, STR("forbidden")) && d->ever_locked) ||
                (str_eq(code, STR("rate_limited")) && d->ever_slow);
    }
    return found && w->plan.moderated;
}

uint64_t decrees_hash(str type, str from, str target, uint64_t number)
{
    return (truth_hash(type) * 31 + truth_hash(from)) * 31 + truth_hash(target) * 7 + number;
}

uint64_t decrees_entry_hash(const struct entry *e)
{
    static const char *const types[] = {
#define X(upper, lower, event) [ENTRY_##upper] = event,
        DECREES(X)
#undef X
            [ENTRY_ADMIT] = "member:admitted",
        [ENTRY_CREATE] = "room:created",
    };
    static const char *const settings[] = {
        [ENTRY_SLOW] = "slow_s", [ENTRY_READONLY] = "readonly", [ENTRY_LOCK] = "locked"};
    const bool sets = e->type == ENTRY_SLOW || e->type == ENTRY_READONLY || e->type == ENTRY_LOCK;
    const struct decree *d = &e->decree;
    const bool gives =
        e->type == ENTRY_ROLE || e->type == ENTRY_INVITE || e->type == ENTRY_ADMIT || e->type == ENTRY_CREATE;
    uint64_t number = gives                                                ? d->role
                      : e->type == ENTRY_READONLY || e->type == ENTRY_LOCK ? d->on
                      : e->type == ENTRY_SLOW                              ? d->span_ms / 1000
                      : d->span_ms != 0                                    ? e->time_ms + d->span_ms
                                                                           : 0;
    ASSERT(entry_decree(e->type));
    return decrees_hash(str_from_cstr(sets ? settings[e->type] : types[e->type]), e->user, d->target, number);
}
