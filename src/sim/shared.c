// SPDX-License-Identifier: Apache-2.0
//
// What a room's people share: what clients say about it, and that there is one history of it for all. The ledger writes down each
// version as its record is read at its home; every `joined` and every answer must show one of these, no older than what its reader
// has been told of; each event must be the next part of its record, the last one included; and who has heard all updates has the
// state that the room says it has.
//
// Written from docs/protocol/native.md, and not from core/home/state.h.
#include "sim/deflated.h"
#include "sim/draft.h"
#include "sim/heard.h"
#include "sim/typed.h"

#include "dialect/parts.h"

#include <stdio.h>

// --- what is said

static void put_key(struct buf *b, struct world *w, int key)
{
    char text[32];
    if (key == SHARED_KEYS - 1) {
        buf_put_str(b, chance(w, 4) ? STR("\"\\u0074opic\"") : STR("\"topic\""));
        return;
    }
    int n = snprintf(text, sizeof text, chance(w, 4) ? "\"\\u0073%d\"" : "\"s%d\"", key);
    buf_put(b, text, (size_t)n);
}

static void put_value(struct buf *b, struct world *w, bool patch)
{
    static const char *const values[] = {"null", "7", " 1.50 ", "\"a \\u00fc\"", "[1, {\"x\":null}]", "true"};
    static const char *const objects[] = {"{\"x\":%u}", "{\"y\":[%u ]}", "{\"x\":{\"z\":%u},\"y\":1}",
                                          "{\"x\":null,\"y\":{\"z\":%u}}", "{\"long\":\"%024u\"}"};
    char text[64];
    if (!patch && chance(w, 2)) {
        buf_put_str(b, str_from_cstr(values[roll(w, sizeof values / sizeof *values)]));
        return;
    }
    if (patch && chance(w, 5)) {
        BUF_PUT_LIT(b, "null");
        return;
    }
    const char *format = objects[roll(w, sizeof objects / sizeof *objects)];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    int n = snprintf(text, sizeof text, format, (unsigned)roll(w, 20));
#pragma GCC diagnostic pop
    buf_put(b, text, (size_t)n);
}

// Each key in one of the three, or in none.
static void put_changes(struct world *w, struct draft *d)
{
    static const char *const names[] = {"set", "merge", "unset"};
    int how[SHARED_KEYS];
    bool any = false;
    for (int k = 0; k < SHARED_KEYS; k++) {
        how[k] = (int)roll(w, 9);
        any = any || how[k] < 3;
    }
    if (!any)
        how[0] = 0;
    for (int i = 0; i < 3; i++) {
        bool first = true;
        draft_key(d, names[i]);
        buf_put_char(&d->b, i == 2 ? '[' : '{');
        for (int k = 0; k < SHARED_KEYS; k++) {
            if (how[k] != i)
                continue;
            if (!first)
                buf_put_char(&d->b, ',');
            first = false;
            put_key(&d->b, w, k);
            if (i == 2)
                continue;
            buf_put_char(&d->b, ':');
            put_value(&d->b, w, i == 1);
        }
        buf_put_char(&d->b, i == 2 ? ']' : '}');
    }
}

void say_state(struct world *w, struct client *c, int room)
{
    struct asked *a = asks_push(w, c, SAID_STATE, true);
    struct draft d = draft_make(w, "state", a);
    a->room = room;
    draft_string(&d, "room", w->room_names[room]);
    if (!chance(w, 4)) {
        put_changes(w, &d);
        a->has_since = chance(w, 3);
        a->since = c->seats[room].shared_version;
        if (a->has_since)
            draft_number(&d, "if_version", a->since);
    }
    draft_send(w, c, &d);
}

// --- what is written down

static int key_of(str raw)
{
    if (str_eq(raw, STR("\"topic\"")))
        return SHARED_KEYS - 1;
    return raw.n == 4 && raw.p[1] == 's' && raw.p[2] >= '0' && raw.p[2] < '0' + SHARED_KEYS - 1
               ? raw.p[2] - '0'
               : NONE;
}

static uint64_t value_hash(str raw) { return raw.n == 0 ? 0 : truth_hash(raw) | 1; }

static uint64_t part_hash(str key, str value, uint64_t version)
{
    return (truth_hash(key) * 31 + value_hash(value)) * 31 + version;
}

// Its parts, once for all who are told of them.
static void write_parts(struct world *w, int room, const struct entry *e, struct fact *f,
                        struct shared_version *v)
{
    struct parts p;
    uint64_t hashes[2][SHARED_KEYS];
    uint32_t n = 0;
    int only = NONE;
    parts_begin(&p, e);
    while (parts_next(&p) && p.part.type == ENTRY_STATE) {
        const struct change *c = &p.part.change;
        int key = key_of(c->key);
        if (key == NONE || n == SHARED_KEYS)
            trace_fail(w, NULL, "STATE: offset %llu of %s has the key %.*s, which nobody said",
                       (unsigned long long)e->offset, w->room_names[room], STR_ARG(c->key));
        hashes[0][n] = part_hash(c->key, c->value, c->version);
        hashes[1][n++] = typed_shown(w, c->key, c->value);
        v->values[key] = value_hash(c->value);
        only = key;
    }
    if (f->parts != 0)
        return;
    uint64_t *copy = arena_alloc(&w->arena, sizeof hashes);
    memcpy(copy, hashes, sizeof hashes);
    f->parts = n;
    f->told = copy;
    f->shown = copy + SHARED_KEYS;
    if (n == 1)
        f->conflate = (char)('A' + only);
}

void shared_see(struct world *w, int room, int epoch, const struct entry *e)
{
    struct numbering *n = truth_numbering(w, room, epoch);
    struct shared *s = &n->records->shared;
    if ((e->type != ENTRY_STATE && e->type != ENTRY_CLOSE) || e->offset <= s->seen)
        return;
    struct shared_version v = s->n != 0 ? s->v[s->n - 1] : (struct shared_version){.version = 0};
    s->seen = v.offset = e->offset;
    if (e->type == ENTRY_CLOSE) {
        memset(v.values, 0, sizeof v.values);
    } else {
        if (e->change.version != v.version + 1)
            trace_fail(w, NULL, "STATE: offset %llu of %s is of version %llu, behind %llu",
                       (unsigned long long)e->offset, w->room_names[room],
                       (unsigned long long)e->change.version, (unsigned long long)v.version);
        v.version = e->change.version;
        write_parts(w, room, e, truth_fact(w, n, e->offset), &v);
        w->counts.shared++;
    }
    ARENA_GROW(&w->arena, s->v, s->n, s->cap);
    s->v[s->n++] = v;
}

// --- what is heard

// An object of keys with their values.
static void read_state(struct world *w, struct client *c, str raw, uint64_t ret[SHARED_KEYS])
{
    struct json_member m;
    memset(ret, 0, SHARED_KEYS * sizeof *ret);
    while (json_member_next(&raw, &m)) {
        int key = key_of(str_make(m.key.p - 1, m.key.n + 2));
        if (key == NONE || ret[key] != 0)
            trace_fail(w, c, "STATE: the key %.*s, which nobody said, or twice", STR_ARG(m.key));
        ret[key] = value_hash(m.value);
    }
}

// A close leaves the version, and may have yet to be committed: who reads the state is shown it.
static bool by_close(const struct world *w, const uint64_t values[SHARED_KEYS])
{
    bool empty = true;
    for (int k = 0; k < SHARED_KEYS; k++)
        empty = empty && values[k] == 0;
    return empty && told_late(w) && w->counts.closes_asked != 0;
}

// It is what it was at some time: of that version, and no older than the offset.
static void check_state(struct world *w, struct client *c, int room, uint64_t version,
                        const uint64_t values[SHARED_KEYS], uint64_t since)
{
    const struct seat *seat = &c->seats[room];
    const struct shared *s = &truth_numbering(w, room, seat->epoch)->records->shared;
    bool found = version == 0, known = version == 0;
    for (uint32_t i = 0; i < s->n; i++) {
        if (s->v[i].offset <= since && s->v[i].version > version)
            trace_fail(w, c, "STATE: %s is said to be of version %llu, and offset %llu was of %llu",
                       w->room_names[room], (unsigned long long)version, (unsigned long long)s->v[i].offset,
                       (unsigned long long)s->v[i].version);
        known = known || s->v[i].version == version;
        found = found ||
                (s->v[i].version == version && memcmp(s->v[i].values, values, sizeof s->v[i].values) == 0);
    }
    for (int k = 0; k < SHARED_KEYS && version == 0; k++)
        found = found && values[k] == 0;
    found = found || by_close(w, values);
    // What is not committed yet, or is of an epoch that is over, nobody has written down.
    if (known ? !found : !told_late(w) && !w->plan.engine)
        trace_fail(w, c, "STATE: %s is said to be something that it never was at version %llu",
                   w->room_names[room], (unsigned long long)version);
}

static void take_state(struct seat *s, uint64_t version, const uint64_t values[SHARED_KEYS])
{
    s->shared_base = s->shared_version = version;
    s->shared_known = true;
    memcpy(s->shared, values, sizeof s->shared);
}

void shared_joined(struct world *w, struct client *c, const struct heard *h, int room)
{
    uint64_t values[SHARED_KEYS], version = heard_number(w, c, h, "state_version");
    read_state(w, c, heard_raw(h, "state"), values);
    check_state(w, c, room, version, values, c->seats[room].head);
    take_state(&c->seats[room], version, values);
}

void shared_answered(struct world *w, struct client *c, const struct heard *h)
{
    struct asked a = asks_answered(w, c, heard_raw(h, "id"), 1u << SAID_STATE);
    int room = heard_room(w, c, h);
    struct seat *s = &c->seats[room];
    uint64_t values[SHARED_KEYS], version = heard_number(w, c, h, "version");
    if (room != a.room)
        trace_fail(w, c, "ORDER: the state of another room than was asked for");
    read_state(w, c, heard_raw(h, "state"), values);
    if (!s->on || w->plan.engine_fails != 0)
        return;
    check_state(w, c, room, version, values, 0);
    if (version < s->shared_version)
        trace_fail(w, c, "STATE: %s is said to be of version %llu, after it was told of %llu",
                   w->room_names[room], (unsigned long long)version, (unsigned long long)s->shared_version);
    bool halfway = s->parts_told < truth_fact(w, truth_numbering(w, room, s->epoch), s->parts_offset)->parts;
    if (s->shared_known && !halfway && version == s->shared_version &&
        memcmp(values, s->shared, sizeof values) != 0 && !by_close(w, values)) // seed 274
        trace_fail(w, c, "STATE: all updates of %s up to version %llu do not come to what it is",
                   w->room_names[room], (unsigned long long)version);
    w->counts.shared_compared += s->shared_known && version == s->shared_version;
    take_state(s, version, values);
}

void shared_shown(struct world *w, struct client *c, int room, uint64_t version)
{
    const struct text_seat *t = &c->terminal;
    if (t->room != room || w->plan.engine_fails != 0) // asked for in the room before
        return;
    const struct shared *s = &truth_numbering(w, room, t->epoch)->records->shared;
    bool known =
        version == 0 || told_late(w) || w->plan.engine; // what is not committed nobody has written down
    for (uint32_t i = 0; i < s->n; i++) {
        known = known || s->v[i].version == version;
        if (!t->loose && s->v[i].offset < t->next && s->v[i].version > version)
            trace_fail(w, c, "STATE: a terminal is shown %s of version %llu, behind offset %llu of %llu",
                       w->room_names[room], (unsigned long long)version, (unsigned long long)s->v[i].offset,
                       (unsigned long long)s->v[i].version);
    }
    if (!known)
        trace_fail(w, c, "STATE: a terminal is shown %s of version %llu, of which it never was",
                   w->room_names[room], (unsigned long long)version);
}

void shared_acked(struct world *w, struct client *c, const struct heard *h, const struct asked *a)
{
    if (w->plan.engine && heard_raw(h, "version").p == NULL)
        return; // it has gone with what the engine does not keep
    uint64_t version = heard_number(w, c, h, "version");
    if (a->has_since && version != a->since + 1 && w->plan.engine_fails == 0)
        trace_fail(w, c, "STATE: a change on condition of version %llu was made, to %llu",
                   (unsigned long long)a->since, (unsigned long long)version);
}

// All of it comes before anything else of the room.
void shared_check_whole(struct world *w, struct client *c, int room)
{
    struct seat *s = &c->seats[room];
    if (!s->on || s->parts_offset == 0)
        return;
    uint32_t parts = truth_fact(w, truth_numbering(w, room, s->epoch), s->parts_offset)->parts;
    if (s->parts_told < parts)
        trace_fail(w, c, "STATE: offset %llu of %s came with %u of its %u keys",
                   (unsigned long long)s->parts_offset, w->room_names[room], s->parts_told, parts);
}

bool shared_goes_on(const struct client *c, int room, uint64_t offset)
{
    return c->seats[room].on && offset != 0 && c->seats[room].parts_offset == offset;
}

void shared_told(struct world *w, struct client *c, const struct heard *h, int room, uint64_t offset)
{
    struct seat *s = &c->seats[room];
    const struct fact *f = truth_fact(w, truth_numbering(w, room, s->epoch), offset);
    const str value = heard_raw(h, "value"), key = heard_raw(h, "key");
    const uint64_t version = heard_number(w, c, h, "version");
    if (s->parts_offset != offset)
        s->parts_told = 0;
    s->parts_offset = offset;
    if (s->parts_told >= f->parts || f->told[s->parts_told] != part_hash(key, value, version))
        trace_fail(w, c, "STATE: offset %llu of %s is told as %.*s, which is not the %u. of its keys",
                   (unsigned long long)offset, w->room_names[room], STR_ARG(str_take(h->text, 200)),
                   s->parts_told + 1);
    s->parts_told++;
    if (version <= s->shared_base)
        return;
    s->shared[key_of(key)] = value_hash(value);
    s->shared_version = version;
}
