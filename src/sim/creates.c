// SPDX-License-Identifier: Apache-2.0
//
// Rooms that are made by `create`: by people and by backends, by the rule of their name, by one that is named, and by one that there is
// not; of rooms that are there, too, and several at once.
//
// The rules that are named say what the rule of a room's name does, so that whatever is held to that holds by them; that a room has the
// one that its record names, at its home and on all shards, is looked at where it lies (rebuild.c).
//
// By the records of a room: it is made by the first one, or by the first behind a close; by a rule that was asked for; and who has made
// it is its host where that rule says so. Written from docs/protocol/native.md and record.md.
#include "sim/draft.h"
#include "sim/heard.h"

#include <stdio.h>

static uint64_t die(struct world *w, uint64_t below) { return prng_below(&w->creates.die, below); }

// Behind all that is said of rules, as they are copied.
void creates_plan(struct world *w)
{
    struct settings *s = &w->settings;
    prng_init(&w->creates.die, w->options->seed ^ UINT64_C(0x637265617465));
    w->plan.creates = die(w, 3) == 0;
    w->creates.named = (uint32_t)s->rules_n;
    if (!w->plan.creates)
        return;
    for (uint32_t i = 0; i <= w->creates.named; i++) {
        char *name = w->creates.names[i];
        snprintf(name, sizeof w->creates.names[i], "like-%u", i);
        w->rules[s->rules_n++] = (struct room_rule){
            .name = str_from_cstr(name), .room = i < w->creates.named ? w->rules[i].room : s->room};
    }
    s->rules = w->rules;
}

// The rule that says what that of the room's name does.
static const char *rule_like(const struct world *w, int room)
{
    const uint8_t rule = rule_find(w->rules, w->creates.named, str_from_cstr(w->room_names[room]));
    return w->creates.names[rule == RULE_NONE ? w->creates.named : rule];
}

const struct room_settings *creates_settings(const struct world *w, int room, str rule)
{
    for (uint32_t i = w->creates.named; i < w->settings.rules_n && rule.n != 0; i++)
        if (str_eq(rule, str_from_cstr(w->creates.names[i - w->creates.named])))
            return &w->rules[i].room;
    return world_room(w, room);
}

bool creates_wanted(struct world *w) { return w->plan.creates && die(w, 12) == 0; }

// A key `rule`, perhaps.
static const char *rule_drawn(struct world *w, int room)
{
    return die(w, 3) == 0 ? NULL : die(w, 12) == 0 ? "like nothing" : rule_like(w, room);
}

void say_create(struct world *w, struct client *c)
{
    const int room = (int)die(w, ROOMS_MAX);
    const char *rule = rule_drawn(w, room);
    struct asked *a = asks_push(w, c, SAID_CREATE, true);
    struct draft d = draft_make(w, "create", a);
    a->room = room;
    a->forged = rule != NULL && rule != rule_like(w, room);
    draft_string(&d, "room", w->room_names[room]);
    if (rule != NULL)
        draft_string(&d, "rule", rule);
    draft_send(w, c, &d);
}

// Of a backend's, behind the room.
void creates_put_rule(struct world *w, struct buf *body, int room)
{
    const char *rule = w->plan.creates ? rule_drawn(w, room) : NULL;
    if (rule == NULL)
        return;
    BUF_PUT_LIT(body, ",\"rule\":\"");
    buf_put_str(body, str_from_cstr(rule));
    buf_put_char(body, '"');
}

// --- what is heard

void creates_heard(struct world *w, struct client *c, const struct heard *h)
{
    char scratch[EPOCH_MAX];
    struct asked a = asks_answered(w, c, heard_raw(h, "id"), 1u << SAID_CREATE);
    const int room = heard_room(w, c, h);
    if (room != a.room || a.forged)
        trace_fail(w, c, "CREATE: %s is made, and was not asked for", w->room_names[room]);
    if (!hands_serve(w, c, c->user, "create"))
        trace_fail(w, c, "RIGHTS: %s makes %s, and may not", c->user, w->room_names[room]);
    const int epoch =
        truth_epoch(w, c->server, room, heard_string(w, c, h, "epoch", scratch, sizeof scratch));
    truth_reach(truth_numbering(w, room, epoch), heard_offset(w, c, h, "offset"));
    w->counts.creates++;
}

// Who has asked for it is told nothing that the answer to a join would not say.
bool creates_explain(const struct asked *a, str code)
{
    return str_eq(code, STR("conflict")) || str_eq(code, STR("limit_reached")) ||
           (a->forged && str_eq(code, STR("not_found")));
}

// --- records

void creates_see(struct world *w, int room, struct decreed *d, const struct entry *e)
{
    const struct decree *decree = &e->decree;
    const bool hosts = world_room(w, room)->room_host == HOST_FIRST && !str_eq(e->session, STR("api"));
    const char *why = NULL;
    if (e->offset - 1 != d->closed_at)
        why = "something stands before it";
    else if (e->data.n != 0 && (!w->plan.creates || !str_eq(e->data, str_from_cstr(rule_like(w, room)))))
        why = "nobody asked for that rule";
    else if (decree->target.n != 0 ? !hosts || !str_eq(decree->target, e->user) || decree->role != ROLE_HOST
                                   : hosts)
        why = "its rule says something else of who is its host";
    if (why != NULL)
        trace_fail(w, NULL, "CREATE: offset %llu of %s makes it, and %s", (unsigned long long)e->offset,
                   w->room_names[room], why);
    w->counts.created++;
}
