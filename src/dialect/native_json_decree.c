// SPDX-License-Identifier: Apache-2.0
//
// native_json_decree.c - decrees as JSON objects (docs/protocol/native.md). What has no meaning for one is left out.
#include "base/assert.h"
#include "dialect/dialect_private.h"
#include "wire/json.h"

static const char *decree_event(enum entry_type type)
{
    switch (type) {
#define X(upper, lower, event) \
    case ENTRY_##upper:        \
        return event;
        DECREES(X)
#undef X
    case ENTRY_ADMIT:
        return "member:admitted";
    case ENTRY_CREATE:
        return "room:created";
    default:
        UNREACHABLE();
    }
}

static void put_role(struct buf *out, enum role role)
{
    BUF_PUT_LIT(out, ",\"role\":\"");
    buf_put_str(out, str_from_cstr(role_name(role)));
    buf_put_char(out, '"');
}

static void put_invitation(struct buf *out, const struct entry *e)
{
    BUF_PUT_LIT(out, ",\"invitation\":");
    json_put_string(out, e->invitation.id);
    if (e->type != ENTRY_UNINVITE)
        put_role(out, e->decree.role);
    if (e->type == ENTRY_INVITE) {
        BUF_PUT_LIT(out, ",\"uses\":");
        buf_put_u64(out, e->invitation.uses);
        BUF_PUT_LIT(out, ",\"until\":");
        buf_put_u64(out, e->time_ms + e->decree.span_ms);
    }
}

// ENTRY_SLOW, ENTRY_READONLY, ENTRY_LOCK: the setting that is another one now, by the key that `joined` has for it.
static void put_setting(struct buf *out, const struct entry *e)
{
    const struct decree *d = &e->decree;
    if (e->type == ENTRY_SLOW) {
        BUF_PUT_LIT(out, ",\"slow_s\":");
        buf_put_u64(out, d->span_ms / 1000);
        return;
    }
    buf_put_str(out, e->type == ENTRY_LOCK ? STR(",\"locked\":") : STR(",\"readonly\":"));
    buf_put_str(out, d->on ? STR("true") : STR("false"));
}

static void put_rule(struct buf *out, str rule)
{
    if (rule.n == 0)
        return;
    BUF_PUT_LIT(out, ",\"rule\":");
    json_put_string(out, rule);
}

// What of a decree is its own type's.
static void put_rest(struct buf *out, const struct entry *e)
{
    const struct decree *d = &e->decree;
    if (e->type == ENTRY_CREATE) {
        if (d->target.n != 0)
            put_role(out, d->role);
        put_rule(out, e->data);
        return;
    }
    if (entry_invitation(e->type)) {
        put_invitation(out, e);
    } else if (e->type == ENTRY_ROLE) {
        put_role(out, d->role);
    } else if (e->type == ENTRY_SLOW || e->type == ENTRY_READONLY || e->type == ENTRY_LOCK) {
        put_setting(out, e);
    } else if (d->span_ms != 0) {
        BUF_PUT_LIT(out, ",\"until\":");
        buf_put_u64(out, e->time_ms + d->span_ms);
    }
    if (e->data.n != 0) {
        BUF_PUT_LIT(out, ",\"reason\":");
        json_put_string(out, e->data);
    }
}

void native_json_put_decree(struct buf *out, const struct entry *e)
{
    const struct decree *d = &e->decree;
    BUF_PUT_LIT(out, "{\"type\":\"");
    buf_put_str(out, str_from_cstr(decree_event(e->type)));
    BUF_PUT_LIT(out, "\",\"room\":");
    json_put_string(out, e->room);
    BUF_PUT_LIT(out, ",\"offset\":");
    buf_put_u64(out, e->offset);
    BUF_PUT_LIT(out, ",\"time\":");
    buf_put_u64(out, e->time_ms);
    if (e->user.n != 0) {
        BUF_PUT_LIT(out, ",\"from\":");
        native_json_put_from(out, e);
    }
    if (d->target.n != 0) {
        BUF_PUT_LIT(out, ",\"user\":");
        json_put_string(out, d->target);
    }
    if (d->target_name.n != 0) {
        BUF_PUT_LIT(out, ",\"name\":");
        json_put_string(out, d->target_name);
    }
    put_rest(out, e);
    buf_put_char(out, '}');
}

static void put_number(struct buf *out, str key, uint64_t v)
{
    buf_put_str(out, key);
    buf_put_u64(out, v);
}

// Behind the room.
void native_json_put_created(struct buf *out, const struct event *ev)
{
    put_number(out, STR(",\"offset\":"), ev->offset);
    BUF_PUT_LIT(out, ",\"epoch\":");
    json_put_string(out, ev->epoch);
    if (ev->has_role)
        put_role(out, ev->role);
    put_rule(out, ev->rule);
    buf_put_str(out, ev->duplicate ? STR(",\"duplicate\":true}") : STR("}"));
}

static void put_invited(struct buf *out, const struct event *ev)
{
    put_number(out, STR(",\"offset\":"), ev->offset);
    BUF_PUT_LIT(out, ",\"epoch\":");
    json_put_string(out, ev->epoch);
    BUF_PUT_LIT(out, ",\"invitation\":");
    json_put_string(out, ev->invitation);
    BUF_PUT_LIT(out, ",\"token\":");
    json_put_string(out, ev->token);
    put_role(out, ev->role);
    put_number(out, STR(",\"uses\":"), ev->uses);
    put_number(out, STR(",\"expires\":"), ev->expires);
}

static void put_invitations(struct buf *out, const struct event *ev)
{
    BUF_PUT_LIT(out, ",\"invitations\":[");
    for (size_t i = 0; i < ev->list_n; i++) {
        const struct invitation_row *row = &ev->invitations[i];
        buf_put_str(out, i > 0 ? STR(",{\"invitation\":") : STR("{\"invitation\":"));
        json_put_string(out, row->id);
        put_role(out, row->role);
        put_number(out, STR(",\"uses\":"), row->uses);
        put_number(out, STR(",\"left\":"), row->left);
        put_number(out, STR(",\"expires\":"), row->expires);
        BUF_PUT_LIT(out, ",\"by\":");
        json_put_string(out, row->by);
        buf_put_char(out, '}');
    }
    buf_put_char(out, ']');
}

void native_json_put_invitations(struct buf *out, const struct event *ev)
{
    buf_put_str(out, ev->type == EV_INVITED ? STR("{\"type\":\"invited\"") : STR("{\"type\":\"invites\""));
    if (ev->id.n > 0) {
        BUF_PUT_LIT(out, ",\"id\":");
        buf_put_str(out, ev->id);
    }
    BUF_PUT_LIT(out, ",\"room\":");
    json_put_string(out, ev->room);
    if (ev->type == EV_INVITED)
        put_invited(out, ev);
    else
        put_invitations(out, ev);
    buf_put_char(out, '}');
}
