// SPDX-License-Identifier: Apache-2.0
//
// native_json_encode.c - events and entries as JSON objects, one per message (docs/protocol/native.md).
//
// Objects are written directly, key by key in the order of the protocol's table, with no tree between: what
// stands around the values is known at build time and copied as whole runs (`,"offset":`). `data` is copied
// untouched; everything else that a person chose goes through json_put_string, so that no name can end its
// string early. The encoder of message entries (native_json_change.c) is the hot one, but it runs once per entry, before the fan-out, and its
// appends are inlined copies into a buffer that core uses again; nothing cleverer paid.
#include "base/assert.h"
#include "dialect/dialect_private.h"
#include "wire/json.h"

static void put_void(struct buf *out, const struct entry *e)
{
    BUF_PUT_LIT(out, "{\"type\":\"void\",\"room\":");
    json_put_string(out, e->room);
    BUF_PUT_LIT(out, ",\"offset\":");
    buf_put_u64(out, e->offset);
    BUF_PUT_LIT(out, ",\"time\":");
    buf_put_u64(out, e->time_ms);
    buf_put_char(out, '}');
}

// {"type":...,"room":...,"after":...
static void put_passing_head(struct buf *out, str type, const struct entry *e)
{
    BUF_PUT_LIT(out, "{\"type\":\"");
    buf_put_str(out, type);
    BUF_PUT_LIT(out, "\",\"room\":");
    json_put_string(out, e->room);
    BUF_PUT_LIT(out, ",\"after\":");
    buf_put_u64(out, e->offset);
}

static void put_member_entry(struct buf *out, str type, const struct entry *e)
{
    put_passing_head(out, type, e);
    BUF_PUT_LIT(out, ",\"time\":");
    buf_put_u64(out, e->time_ms);
    BUF_PUT_LIT(out, ",\"member\":");
    native_json_put_member(out, &e->member);
    if (e->previous_name.n > 0) {
        BUF_PUT_LIT(out, ",\"previous_name\":");
        json_put_string(out, e->previous_name);
    }
    buf_put_char(out, '}');
}

static void put_count_entry(struct buf *out, const struct entry *e)
{
    put_passing_head(out, STR("members:count"), e);
    BUF_PUT_LIT(out, ",\"count\":");
    buf_put_u64(out, e->count);
    buf_put_char(out, '}');
}

static void put_signal(struct buf *out, const struct entry *e)
{
    put_passing_head(out, STR("signal"), e);
    BUF_PUT_LIT(out, ",\"from\":");
    native_json_put_from(out, e);
    native_json_put_data(out, e);
    buf_put_char(out, '}');
}

static void put_read(struct buf *out, const struct entry *e)
{
    put_passing_head(out, STR("read"), e);
    BUF_PUT_LIT(out, ",\"from\":");
    native_json_put_from(out, e);
    BUF_PUT_LIT(out, ",\"offset\":");
    buf_put_u64(out, e->about);
    buf_put_char(out, '}');
}

static void put_gap(struct buf *out, const struct event *ev);

static void put_gap_entry(struct buf *out, const struct entry *e)
{
    const struct event ev = {
        .type = EV_GAP, .room = e->room, .gap_from = e->offset + 1, .gap_to = e->cut_to, .reason = "trimmed"};
    put_gap(out, &ev);
}

static void put_epoch(struct buf *out, const struct entry *e)
{
    put_passing_head(out, STR("epoch"), e);
    BUF_PUT_LIT(out, ",\"time\":");
    buf_put_u64(out, e->time_ms);
    BUF_PUT_LIT(out, ",\"epoch\":");
    json_put_string(out, e->epoch);
    BUF_PUT_LIT(out, ",\"offset\":");
    buf_put_u64(out, e->cut_to);
    buf_put_char(out, '}');
}

void native_json_encode_entry(struct buf *out, const struct entry *e, int32_t utc_offset_s)
{
    (void)utc_offset_s; // times are UTC here
    switch (e->type) {
    case ENTRY_MESSAGE:
        native_json_put_message(out, e);
        return;
    case ENTRY_VOID:
        put_void(out, e);
        return;
#define X(upper, ...) case ENTRY_##upper:
        DECREES(X)
#undef X
    case ENTRY_ADMIT:
    case ENTRY_CREATE:
        native_json_put_decree(out, e);
        return;
    case ENTRY_EDIT:
        // One that another has come after: what the message said meanwhile is not kept.
        if (e->erased != 0)
            put_void(out, e);
        else
            native_json_put_change(out, e);
        return;
    case ENTRY_STATE:
    case ENTRY_DELETE:
    case ENTRY_REACT:
        native_json_put_change(out, e);
        return;
    case ENTRY_MEMBER_JOINED:
        put_member_entry(out, STR("member:joined"), e);
        return;
    case ENTRY_MEMBER_LEFT:
        put_member_entry(out, STR("member:left"), e);
        return;
    case ENTRY_MEMBER_CHANGED:
        put_member_entry(out, STR("member:changed"), e);
        return;
    case ENTRY_MEMBERS_COUNT:
        put_count_entry(out, e);
        return;
    case ENTRY_SIGNAL:
        put_signal(out, e);
        return;
    case ENTRY_READ:
        put_read(out, e);
        return;
    case ENTRY_GAP:
        put_gap_entry(out, e);
        return;
    case ENTRY_EPOCH:
        put_epoch(out, e);
        return;
    }
    UNREACHABLE();
}

// {"type":"<type>","id":<id>: what every reply begins with. The id goes back as it came.
static void put_head(struct buf *out, str type, str id)
{
    BUF_PUT_LIT(out, "{\"type\":\"");
    buf_put_str(out, type);
    buf_put_char(out, '"');
    if (id.n > 0) {
        BUF_PUT_LIT(out, ",\"id\":");
        buf_put_str(out, id);
    }
}

static void put_room(struct buf *out, str room)
{
    BUF_PUT_LIT(out, ",\"room\":");
    json_put_string(out, room);
}

static void put_bool(struct buf *out, bool v)
{
    if (v)
        BUF_PUT_LIT(out, "true");
    else
        BUF_PUT_LIT(out, "false");
}

static void put_people(struct buf *out, const struct event *ev)
{
    BUF_PUT_LIT(out, ",\"members\":[");
    for (size_t i = 0; i < ev->list_n; i++) {
        if (i > 0)
            buf_put_char(out, ',');
        native_json_put_member(out, &ev->members[i]);
    }
    buf_put_char(out, ']');
}

static void put_next(struct buf *out, str next)
{
    if (next.n == 0)
        return;
    BUF_PUT_LIT(out, ",\"next\":");
    json_put_string(out, next);
}

static void put_recovered(struct buf *out, const struct event *ev)
{
    if (!ev->has_recovered)
        return;
    BUF_PUT_LIT(out, ",\"recovered\":");
    put_bool(out, ev->recovered);
}

static void put_joined(struct buf *out, const struct event *ev)
{
    put_head(out, STR("joined"), ev->id);
    put_room(out, ev->room);
    BUF_PUT_LIT(out, ",\"epoch\":");
    json_put_string(out, ev->epoch);
    BUF_PUT_LIT(out, ",\"offset\":");
    buf_put_u64(out, ev->offset);
    BUF_PUT_LIT(out, ",\"role\":\"");
    buf_put_str(out, str_from_cstr(role_name(ev->role)));
    BUF_PUT_LIT(out, "\",\"state\":");
    buf_put_str(out, ev->state.n != 0 ? ev->state : STR("{}"));
    BUF_PUT_LIT(out, ",\"state_version\":");
    buf_put_u64(out, ev->state_version);
    BUF_PUT_LIT(out, ",\"members_count\":");
    buf_put_u64(out, ev->members_count);
    if (ev->with_members)
        put_people(out, ev);
    if (ev->readonly)
        BUF_PUT_LIT(out, ",\"readonly\":true");
    if (ev->locked)
        BUF_PUT_LIT(out, ",\"locked\":true");
    if (ev->slow_ms != 0) {
        BUF_PUT_LIT(out, ",\"slow_s\":");
        buf_put_u64(out, ev->slow_ms / 1000);
    }
    if (ev->muted_until != 0)
        BUF_PUT_LIT(out, ",\"muted\":true");
    if (ev->muted_until != 0 && ev->muted_until != UINT64_MAX) {
        BUF_PUT_LIT(out, ",\"muted_until\":");
        buf_put_u64(out, ev->muted_until);
    }
    if (ev->has_read) {
        BUF_PUT_LIT(out, ",\"read\":");
        buf_put_u64(out, ev->read);
        BUF_PUT_LIT(out, ",\"unread\":");
        buf_put_u64(out, ev->unread);
    }
    put_recovered(out, ev);
    if (ev->has_left) {
        BUF_PUT_LIT(out, ",\"left\":");
        json_put_string(out, ev->left);
    }
    buf_put_char(out, '}');
}

static void put_left(struct buf *out, const struct event *ev)
{
    put_head(out, STR("left"), ev->id);
    put_room(out, ev->room);
    if (ev->reason) {
        BUF_PUT_LIT(out, ",\"reason\":");
        json_put_string(out, str_from_cstr(ev->reason));
    }
    if (ev->by_user.n > 0) {
        BUF_PUT_LIT(out, ",\"by\":{\"user\":");
        json_put_string(out, ev->by_user);
        BUF_PUT_LIT(out, ",\"name\":");
        json_put_string(out, ev->by_name);
        buf_put_char(out, '}');
    }
    if (ev->note.n > 0) {
        BUF_PUT_LIT(out, ",\"note\":");
        json_put_string(out, ev->note);
    }
    buf_put_char(out, '}');
}

static void put_ack(struct buf *out, const struct event *ev)
{
    put_head(out, STR("ack"), ev->id);
    if (ev->room.n > 0)
        put_room(out, ev->room);
    if (ev->has_offset) {
        BUF_PUT_LIT(out, ",\"offset\":");
        buf_put_u64(out, ev->offset);
        BUF_PUT_LIT(out, ",\"epoch\":");
        json_put_string(out, ev->epoch);
    }
    if (ev->has_version) {
        BUF_PUT_LIT(out, ",\"version\":");
        buf_put_u64(out, ev->state_version);
    }
    if (ev->has_delivered) {
        BUF_PUT_LIT(out, ",\"delivered\":");
        buf_put_u64(out, ev->delivered);
    }
    if (ev->duplicate)
        BUF_PUT_LIT(out, ",\"duplicate\":true");
    if (ev->has_expires) {
        BUF_PUT_LIT(out, ",\"expires_in\":");
        buf_put_u64(out, ev->expires_in_s);
    }
    if (ev->resume.n > 0) {
        BUF_PUT_LIT(out, ",\"resume\":");
        json_put_string(out, ev->resume);
    }
    buf_put_char(out, '}');
}

static void put_token_expiring(struct buf *out, const struct event *ev)
{
    put_head(out, STR("token_expiring"), ev->id);
    if (ev->room.n > 0)
        put_room(out, ev->room);
    BUF_PUT_LIT(out, ",\"expires_in\":");
    buf_put_u64(out, ev->expires_in_s);
    buf_put_char(out, '}');
}

static void put_direct(struct buf *out, const struct event *ev)
{
    const struct entry *e = &ev->direct;
    BUF_PUT_LIT(out, "{\"type\":\"direct\",\"from\":");
    native_json_put_from(out, e);
    BUF_PUT_LIT(out, ",\"time\":");
    buf_put_u64(out, e->time_ms);
    native_json_put_data(out, e);
    buf_put_char(out, '}');
}

static void put_gap(struct buf *out, const struct event *ev)
{
    BUF_PUT_LIT(out, "{\"type\":\"gap\"");
    put_room(out, ev->room);
    if (ev->gap_from <= ev->gap_to) {
        BUF_PUT_LIT(out, ",\"from\":");
        buf_put_u64(out, ev->gap_from);
        BUF_PUT_LIT(out, ",\"to\":");
        buf_put_u64(out, ev->gap_to);
    }
    if (ev->gap_passing != 0) {
        BUF_PUT_LIT(out, ",\"passing\":");
        buf_put_u64(out, ev->gap_passing);
    }
    BUF_PUT_LIT(out, ",\"reason\":");
    json_put_string(out, ev->reason ? str_from_cstr(ev->reason) : STR("slow"));
    buf_put_char(out, '}');
}

static void put_members(struct buf *out, const struct event *ev)
{
    put_head(out, STR("members"), ev->id);
    put_room(out, ev->room);
    put_people(out, ev);
    put_next(out, ev->next);
    buf_put_char(out, '}');
}

// What stands around the rows. They are put in front of the last two bytes, and are the very objects that members got live, so
// that a client has one function for both.
static void put_history(struct buf *out, const struct event *ev)
{
    put_head(out, STR("history"), ev->id);
    put_room(out, ev->room);
    BUF_PUT_LIT(out, ",\"epoch\":");
    json_put_string(out, ev->epoch);
    put_recovered(out, ev);
    BUF_PUT_LIT(out, ",\"history\":[]}");
}

static void put_rooms(struct buf *out, const struct event *ev)
{
    put_head(out, STR("rooms"), ev->id);
    BUF_PUT_LIT(out, ",\"rooms\":[");
    for (size_t i = 0; i < ev->list_n; i++) {
        if (i > 0)
            buf_put_char(out, ',');
        BUF_PUT_LIT(out, "{\"room\":");
        json_put_string(out, ev->rooms[i].name);
        BUF_PUT_LIT(out, ",\"members_count\":");
        buf_put_u64(out, ev->rooms[i].members_count);
        if (ev->rooms[i].has_unread) {
            BUF_PUT_LIT(out, ",\"unread\":");
            buf_put_u64(out, ev->rooms[i].unread);
        }
        buf_put_char(out, '}');
    }
    buf_put_char(out, ']');
    put_next(out, ev->next);
    buf_put_char(out, '}');
}

static void put_renamed(struct buf *out, const struct event *ev)
{
    put_head(out, STR("renamed"), ev->id);
    BUF_PUT_LIT(out, ",\"name\":");
    json_put_string(out, ev->name);
    BUF_PUT_LIT(out, ",\"resume\":");
    json_put_string(out, ev->resume);
    buf_put_char(out, '}');
}

static void put_pong(struct buf *out, const struct event *ev)
{
    put_head(out, STR("pong"), ev->id);
    BUF_PUT_LIT(out, ",\"time\":");
    buf_put_u64(out, ev->time_ms);
    buf_put_char(out, '}');
}

static void put_drain(struct buf *out, const struct event *ev)
{
    BUF_PUT_LIT(out, "{\"type\":\"drain\",\"reconnect_ms\":");
    buf_put_u64(out, ev->reconnect_ms);
    buf_put_char(out, '}');
}

static void put_error(struct buf *out, const struct event *ev)
{
    put_head(out, STR("error"), ev->id);
    BUF_PUT_LIT(out, ",\"code\":\"");
    buf_put_str(out, str_from_cstr(problem_name(ev->problem.code)));
    BUF_PUT_LIT(out, "\",\"message\":");
    char sentence[PROBLEM_SENTENCE_MAX];
    json_put_string(out, problem_sentence(&ev->problem, sentence));
    if (ev->problem.has_version) {
        BUF_PUT_LIT(out, ",\"version\":");
        buf_put_u64(out, ev->problem.version);
    }
    if (ev->problem.retry_ms > 0) {
        BUF_PUT_LIT(out, ",\"retry_ms\":");
        buf_put_u64(out, ev->problem.retry_ms);
    }
    buf_put_char(out, '}');
}

static void put_welcome(struct buf *out, const struct event *ev)
{
    put_head(out, STR("welcome"), ev->id);
    native_json_put_welcome(out, ev);
}

static void put_state(struct buf *out, const struct event *ev)
{
    put_head(out, STR("state"), ev->id);
    put_room(out, ev->room);
    native_json_put_state(out, ev);
}

static void put_created(struct buf *out, const struct event *ev)
{
    put_head(out, STR("created"), ev->id);
    put_room(out, ev->room);
    native_json_put_created(out, ev);
}

static void put_invited(struct buf *out, const struct event *ev) { native_json_put_invitations(out, ev); }
static void put_invites(struct buf *out, const struct event *ev) { native_json_put_invitations(out, ev); }

// Each event by its put_NAME; what is INNER answers commands that this language does not have.
void native_json_encode_event(struct buf *out, const struct event *ev, int32_t utc_offset_s)
{
    (void)utc_offset_s;
    switch (ev->type) {
#define PUT_NATIVE(lower) put_##lower(out, ev)
#define PUT_COMPACT(lower) (void)0
#define PUT_INNER(lower) (void)0
#define X(upper, lower, where) \
    case EV_##upper:           \
        PUT_##where(lower);    \
        return;
        EVENTS(X)
#undef X
#undef PUT_INNER
#undef PUT_COMPACT
#undef PUT_NATIVE
    case EV_NONE:
        break;
    }
    UNREACHABLE();
}
