// SPDX-License-Identifier: Apache-2.0
//
// What compact clients hear: from plenum.proto to the JSON that the checkers read.
#include "sim/compact.h"

#include "dialect/protobuf_fields.h"
#include "sim/world.h"
#include "wire/json.h"
#include "wire/protobuf.h"
#include <stdio.h>

void compact_init(struct compact *p, struct mem *m)
{
    *p = (struct compact){.asked_room = 0};
    buf_init(&p->names, m, 0);
    buf_init(&p->held, m, 0);
    buf_init(&p->text, m, 0);
}

void compact_reset(struct compact *p)
{
    buf_reset(&p->names, 4096);
    buf_reset(&p->held, 4096);
    p->asked_room = p->asked_speaker = p->whois_id = 0;
    p->lost = false;
}

// --- names

struct name {
    uint64_t room, speaker; // speaker 0: the room's own name
    uint32_t n;
};

static bool name_find(const struct compact *p, uint64_t room, uint64_t speaker, str *ret)
{
    struct name name;
    for (size_t at = 0; at < p->names.n; at += sizeof name + name.n) {
        memcpy(&name, p->names.p + at, sizeof name);
        *ret = str_make(p->names.p + at + sizeof name, name.n);
        if (name.room == room && name.speaker == speaker)
            return true;
    }
    return false;
}

// What a number is once, it is always.
static void name_learn(struct world *w, struct client *c, uint64_t room, uint64_t speaker, str text)
{
    str known;
    if (name_find(&c->compact_talk, room, speaker, &known)) {
        if (!str_eq(known, text))
            trace_fail(w, c, "IDENTITY: number %llu of room %llu is %.*s, and was %.*s",
                       (unsigned long long)speaker, (unsigned long long)room, STR_ARG(text), STR_ARG(known));
        return;
    }
    struct name name = {room, speaker, (uint32_t)text.n};
    buf_put(&c->compact_talk.names, &name, sizeof name);
    buf_put_str(&c->compact_talk.names, text);
}

// --- what is heard

enum kind { KIND_STRING, KIND_UINT, KIND_VALUE, KIND_BOOL, KIND_DATA, KIND_OBJECT, KIND_LIST, KIND_COUNTS };

static const struct field {
    const char *name;
    uint32_t number;
    enum kind kind;
} fields[] = {
#define X(id, name, number, kind) {name, number, KIND_##kind},
    PROTOBUF_FIELDS(X)
#undef X
};

// What JSON has and protobuf leaves out where it is nothing.
static const struct {
    const char *of, *name, *value;
} always[] = {
    {"member", "user", "\"\""},
    {"member", "name", "\"\""},
    {"member", "connected", "false"},
    {"member", "joined_at", "0"},
    {"member", "last_active", "0"},
    {"member", "sessions", "0"},
    {"row", "members_count", "0"},
    {"from", "user", "\"\""},
    {"from", "session", "\"\""},
    {"from", "name", "\"\""},
    {"member:joined", "after", "0"},
    {"member:left", "after", "0"},
    {"member:changed", "after", "0"},
    {"members:count", "after", "0"},
    {"members:count", "count", "0"},
    {"signal", "after", "0"},
    {"read", "after", "0"},
    {"epoch", "after", "0"},
    {"epoch", "offset", "0"},
    {"joined", "offset", "0"},
    {"joined", "state", "{}"},
    {"joined", "state_version", "0"},
    {"joined", "members_count", "0"},
    {"members", "members", "[]"},
    {"rooms", "rooms", "[]"},
    {"invites", "invitations", "[]"},
    {"state", "version", "0"},
    {"message:reactions", "on", "false"},
    {"message:reactions", "count", "0"},
    {"pong", "time", "0"},
    {"drain", "reconnect_ms", "0"},
};
enum { ALWAYS = sizeof always / sizeof always[0] };

static const struct field *field_of(uint32_t number)
{
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (fields[i].number == number)
            return &fields[i];
    return NULL;
}

static void put_key(struct buf *out, const char *name)
{
    if (out->p[out->n - 1] != '{')
        buf_put_char(out, ',');
    json_put_string(out, str_from_cstr(name));
    buf_put_char(out, ':');
}

static void put_object(struct world *w, struct client *c, struct buf *out, const char *of, str bytes);

static void put_counts(struct world *w, struct client *c, struct buf *out, str bytes)
{
    struct protobuf_field f;
    const char *why;
    size_t at = 0;
    str key = STR_NONE;
    uint64_t value = 0;
    while (protobuf_next(bytes, &at, &f, &why) == PROTOBUF_FIELD) {
        if (f.number == PROTOBUF_MAP_KEY)
            key = f.raw;
        else
            value = f.value;
    }
    if (at != bytes.n)
        trace_fail(w, c, "PROTOCOL: a map that cannot be read");
    json_put_string(out, key);
    buf_put_char(out, ':');
    buf_put_u64(out, value);
}

static void put_value(struct world *w, struct client *c, struct buf *out, const struct field *d,
                      const struct protobuf_field *f)
{
    if ((d->kind == KIND_UINT || d->kind == KIND_BOOL) != (f->type == PROTOBUF_VARINT))
        trace_fail(w, c, "PROTOCOL: field %s is of another type", d->name);
    switch (d->kind) {
    case KIND_STRING:
        json_put_string(out, f->raw);
        return;
    case KIND_UINT:
        buf_put_u64(out, f->value);
        return;
    case KIND_BOOL:
        buf_put_str(out, f->value != 0 ? STR("true") : STR("false"));
        return;
    case KIND_VALUE:
    case KIND_DATA:
        buf_put_str(out, f->raw);
        return;
    case KIND_OBJECT:
        put_object(w, c, out,
                   strcmp(d->name, "member") == 0 ? "member"
                   : strcmp(d->name, "from") == 0 ? "from"
                                                  : "",
                   f->raw);
        return;
    case KIND_LIST:
        put_object(w, c, out,
                   strcmp(d->name, "members") == 0 ? "member"
                   : strcmp(d->name, "rooms") == 0 ? "row"
                                                   : "",
                   f->raw);
        return;
    case KIND_COUNTS:
        put_counts(w, c, out, f->raw);
        return;
    }
}

static bool left_out(const struct field *d)
{
    return strcmp(d->name, "room_handle") == 0 || strcmp(d->name, "speaker") == 0 ||
           strcmp(d->name, "speakers") == 0;
}

// The members of an object, without its braces. Repeated fields stand together, as we write them.
static void put_members(struct world *w, struct client *c, struct buf *out, const char *of, str bytes)
{
    struct protobuf_field f;
    const char *why = "";
    size_t at = 0;
    uint32_t open = 0;
    uint64_t seen = 0; // of `always`
    while (protobuf_next(bytes, &at, &f, &why) == PROTOBUF_FIELD) {
        const struct field *d = field_of(f.number);
        if (d == NULL)
            trace_fail(w, c, "PROTOCOL: field %u is in no document", f.number);
        if (left_out(d))
            continue;
        for (size_t i = 0; i < ALWAYS; i++)
            if (strcmp(always[i].of, of) == 0 && strcmp(always[i].name, d->name) == 0)
                seen |= UINT64_C(1) << i;
        const bool many = d->kind == KIND_LIST || d->kind == KIND_COUNTS;
        if (open != 0 && open != f.number) {
            buf_put_char(out, field_of(open)->kind == KIND_LIST ? ']' : '}');
            open = 0;
        }
        if (open == f.number) {
            buf_put_char(out, ',');
        } else {
            put_key(out, d->name);
            if (many)
                buf_put_char(out, d->kind == KIND_LIST ? '[' : '{');
            open = many ? f.number : 0;
        }
        put_value(w, c, out, d, &f);
    }
    if (at != bytes.n)
        trace_fail(w, c, "PROTOCOL: %s at %zu of %zu", why, at, bytes.n);
    if (open != 0)
        buf_put_char(out, field_of(open)->kind == KIND_LIST ? ']' : '}');
    for (size_t i = 0; i < ALWAYS; i++)
        if (strcmp(always[i].of, of) == 0 && (seen & UINT64_C(1) << i) == 0) {
            put_key(out, always[i].name);
            buf_put_str(out, str_from_cstr(always[i].value));
        }
}

static void put_object(struct world *w, struct client *c, struct buf *out, const char *of, str bytes)
{
    buf_put_char(out, '{');
    put_members(w, c, out, of, bytes);
    buf_put_char(out, '}');
}

// The type as JSON has it: member_joined is member:joined.
static const char *event_name(uint32_t number, char ret[32])
{
    static const char *const parted[] = {"member_",         "members_count",    "room_",
                                         "invitation_",     "state_updated",    "message_edited",
                                         "message_deleted", "message_reactions"};
    const char *name = NULL;
#define X(event, n)    \
    if (number == (n)) \
        name = #event;
    PROTOBUF_EVENTS(X)
#undef X
    if (name == NULL || number == PB_rows)
        return NULL;
    snprintf(ret, 32, "%s", name);
    for (size_t i = 0; i < sizeof parted / sizeof parted[0]; i++)
        if (strncmp(name, parted[i], strlen(parted[i])) == 0)
            *strchr(ret, '_') = ':';
    return ret;
}

// A message taken apart.
struct told {
    bool has_id, has_from;
    uint64_t id, room, speaker;
    uint32_t event;
    str body, from, room_text;
};

static void take_told(struct world *w, struct client *c, str message, struct told *ret)
{
    struct protobuf_field f;
    const char *why = "";
    size_t at = 0;
    *ret = (struct told){.id = 0};
    while (protobuf_next(message, &at, &f, &why) == PROTOBUF_FIELD) {
        if (f.number == PROTOBUF_ID) {
            ret->has_id = true;
            ret->id = f.value;
        } else if (f.number != PB_rows) {
            if (ret->event != 0)
                trace_fail(w, c, "PROTOCOL: two events in a message");
            ret->event = f.number;
            ret->body = f.raw;
        }
    }
    char name[32];
    if (at != message.n || event_name(ret->event, name) == NULL)
        trace_fail(w, c, "PROTOCOL: no message of plenum.proto: %s", why);
    for (at = 0; protobuf_next(ret->body, &at, &f, &why) == PROTOBUF_FIELD;) {
        if (f.number == F_room_handle)
            ret->room = f.value;
        else if (f.number == F_speaker)
            ret->speaker = f.value;
        else if (f.number == F_from && f.type == PROTOBUF_BYTES)
            ret->from = f.raw;
        else if (f.number == F_room && f.type == PROTOBUF_BYTES)
            ret->room_text = f.raw;
    }
}

static void learn_joined(struct world *w, struct client *c, const struct told *t)
{
    struct protobuf_field f, in;
    const char *why;
    name_learn(w, c, t->room, 0, t->room_text);
    for (size_t at = 0; protobuf_next(t->body, &at, &f, &why) == PROTOBUF_FIELD;) {
        if (f.number != F_speakers)
            continue;
        uint64_t speaker = 0;
        str from = STR_NONE;
        for (size_t k = 0; protobuf_next(f.raw, &k, &in, &why) == PROTOBUF_FIELD;) {
            if (in.number == F_speaker)
                speaker = in.value;
            else if (in.number == F_from)
                from = in.raw;
        }
        name_learn(w, c, t->room, speaker, from);
    }
}

// False: the one who speaks is not known. Learning may move what names lie in, so they are looked up behind it.
static bool names_known(struct world *w, struct client *c, struct told *t)
{
    const struct compact *p = &c->compact_talk;
    if (t->event == PB_joined && t->room != 0)
        learn_joined(w, c, t);
    t->has_from = t->from.n != 0;
    if (t->speaker != 0 && t->has_from)
        name_learn(w, c, t->room, t->speaker, t->from);
    if (t->room != 0 && t->room_text.n == 0 && !name_find(p, t->room, 0, &t->room_text))
        trace_fail(w, c, "IDENTITY: nobody has told what room %llu is", (unsigned long long)t->room);
    return t->speaker == 0 || t->has_from || name_find(p, t->room, t->speaker, &t->from);
}

static void put_event(struct world *w, struct client *c, struct buf *out, str message, const struct told *t);

static void put_rows(struct world *w, struct client *c, struct buf *out, str message)
{
    struct protobuf_field f;
    const char *why;
    bool first = true;
    put_key(out, "history");
    buf_put_char(out, '[');
    for (size_t at = 0; protobuf_next(message, &at, &f, &why) == PROTOBUF_FIELD;) {
        struct told row;
        if (f.number != PB_rows)
            continue;
        if (!first)
            buf_put_char(out, ',');
        first = false;
        take_told(w, c, f.raw, &row);
        if (row.room != 0 || row.speaker != 0)
            trace_fail(w, c, "PROTOCOL: a row of a history has numbers");
        put_event(w, c, out, f.raw, &row);
    }
    buf_put_char(out, ']');
}

static void put_event(struct world *w, struct client *c, struct buf *out, str message, const struct told *t)
{
    char name[32];
    event_name(t->event, name);
    BUF_PUT_LIT(out, "{\"type\":\"");
    buf_put_str(out, str_from_cstr(name));
    buf_put_char(out, '"');
    if (t->has_id) {
        put_key(out, "id");
        if (t->id == COMPACT_ID_SIGNALS)
            BUF_PUT_LIT(out, "\"signal\"");
        else
            buf_put_u64(out, t->id);
    }
    if (t->room != 0 && t->event != PB_joined) {
        put_key(out, "room");
        json_put_string(out, t->room_text);
    }
    if (t->speaker != 0 && !t->has_from) {
        put_key(out, "from");
        put_object(w, c, out, "from", t->from);
    }
    put_members(w, c, out, name, t->body);
    if (t->event == PB_history)
        put_rows(w, c, out, message);
    buf_put_char(out, '}');
}

static void ask(struct world *w, struct client *c, const struct told *t)
{
    struct compact *p = &c->compact_talk;
    struct buf out;
    buf_init(&out, &w->scratch_mem, 0);
    p->asked_room = t->room;
    p->asked_speaker = t->speaker;
    p->whois_id = p->whois_id == 0 ? COMPACT_ID_WHOIS : p->whois_id + 1;
    compact_whois(p->whois_id, t->room_text, t->speaker, &out);
    trace_note(w, c, "asks who %llu is", (unsigned long long)t->speaker);
    say_frame(w, c, WS_BINARY, buf_str(&out));
    w->counts.whois++;
    buf_deinit(&out);
}

// True: it was told, or waits for an answer no more.
static bool tell(struct world *w, struct client *c, str message)
{
    struct told t;
    take_told(w, c, message, &t);
    if (!names_known(w, c, &t)) {
        if (client_watched(c))
            ask(w, c, &t);
        return !client_watched(c);
    }
    struct buf text;
    buf_init(&text, &w->scratch_mem, 0);
    put_event(w, c, &text, message, &t);
    if (json_validate(buf_str(&text), NULL) != OK)
        trace_fail(w, c, "PROTOCOL: %.*s", STR_ARG(buf_str(&text)));
    mutate_message(w, c, buf_str(&text));
    buf_deinit(&text);
    return true;
}

static void hold(struct compact *p, str message)
{
    const uint32_t n = (uint32_t)message.n;
    buf_put(&p->held, &n, sizeof n);
    buf_put_str(&p->held, message);
}

static void release(struct world *w, struct client *c)
{
    struct compact *p = &c->compact_talk;
    struct buf held = p->held;
    size_t at = 0;
    buf_init(&p->held, &w->scratch_mem, 0);
    while (at < held.n) {
        uint32_t n;
        memcpy(&n, held.p + at, sizeof n);
        str message = str_make(held.p + at + sizeof n, n);
        if (p->asked_room != 0 || !tell(w, c, message))
            hold(p, message);
        at += sizeof n + n;
    }
    buf_deinit(&held);
}

// What was asked is answered. Where it is not, nobody knows any more who it was: this client takes its leave.
static void answered(struct world *w, struct client *c, const struct told *t)
{
    struct compact *p = &c->compact_talk;
    const uint64_t room = p->asked_room, speaker = p->asked_speaker;
    p->asked_room = p->asked_speaker = 0;
    if (t->event == PB_error) {
        w->counts.whois_unknown++;
        trace_note(w, c, "is not told who %llu is", (unsigned long long)speaker);
        buf_reset(&p->held, 4096);
        p->lost = true;
        return;
    }
    if (t->event != PB_speaker || t->room != room || t->speaker != speaker || t->from.n == 0)
        trace_fail(w, c, "PROTOCOL: an answer to another question than who %llu is",
                   (unsigned long long)speaker);
    name_learn(w, c, room, speaker, t->from);
    release(w, c);
}

void compact_hear(struct world *w, struct client *c, str message)
{
    struct compact *p = &c->compact_talk;
    struct told t;
    if (p->lost)
        return;
    take_told(w, c, message, &t);
    if (t.has_id && t.id == p->whois_id && p->asked_room != 0)
        answered(w, c, &t);
    else if (p->asked_room != 0)
        hold(p, message);
    else if (!tell(w, c, message))
        hold(p, message);
}
