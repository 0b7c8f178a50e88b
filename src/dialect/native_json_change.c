// SPDX-License-Identifier: Apache-2.0
//
// native_json_change.c - what was said, what became of it, and what changes that, as JSON objects (docs/protocol/native.md).
#include "base/assert.h"
#include "dialect/dialect_private.h"
#include "wire/json.h"

static const char *change_event(enum entry_type type)
{
    switch (type) {
#define X(upper, lower, event) \
    case ENTRY_##upper:        \
        return event;
        CHANGES(X)
#undef X
    default:
        UNREACHABLE();
    }
}

// {"type":...,"room":...,"offset":...,"time":...
static void put_head(struct buf *out, str type, const struct entry *e)
{
    BUF_PUT_LIT(out, "{\"type\":\"");
    buf_put_str(out, type);
    BUF_PUT_LIT(out, "\",\"room\":");
    json_put_string(out, e->room);
    BUF_PUT_LIT(out, ",\"offset\":");
    buf_put_u64(out, e->offset);
    BUF_PUT_LIT(out, ",\"time\":");
    buf_put_u64(out, e->time_ms);
}

static void put_number(struct buf *out, str key, uint64_t v)
{
    buf_put_str(out, key);
    buf_put_u64(out, v);
}

static void put_fate(struct buf *out, const struct fate *f)
{
    if (f->deleted)
        BUF_PUT_LIT(out, ",\"deleted\":true");
    if (f->version != 0) {
        put_number(out, STR(",\"edited\":"), f->edited_ms);
        put_number(out, STR(",\"version\":"), f->version);
    }
    if (f->replies != 0)
        put_number(out, STR(",\"replies\":"), f->replies);
    for (uint32_t i = 0; i < f->reactions_n; i++) {
        buf_put_str(out, i == 0 ? STR(",\"reactions\":{") : STR(","));
        json_put_string(out, f->reactions[i].reaction);
        put_number(out, STR(":"), f->reactions[i].count);
    }
    if (f->reactions_n != 0)
        buf_put_char(out, '}');
}

void native_json_put_message(struct buf *out, const struct entry *e)
{
    put_head(out, STR("message"), e);
    BUF_PUT_LIT(out, ",\"from\":");
    native_json_put_from(out, e);
    if (e->about != 0)
        put_number(out, STR(",\"reply_to\":"), e->about);
    if (e->erased == 0)
        native_json_put_data(out, e);
    if (e->fate != NULL)
        put_fate(out, e->fate);
    buf_put_char(out, '}');
}

static void put_reaction(struct buf *out, const struct change *c)
{
    BUF_PUT_LIT(out, ",\"key\":");
    json_put_string(out, c->reaction);
    buf_put_str(out, c->on ? STR(",\"on\":true") : STR(",\"on\":false"));
    put_number(out, STR(",\"count\":"), c->count);
}

// A key of the state: what it has now, nothing where it is gone.
static void put_shared(struct buf *out, const struct change *c)
{
    BUF_PUT_LIT(out, ",\"key\":");
    buf_put_str(out, c->key);
    if (c->value.n != 0) {
        BUF_PUT_LIT(out, ",\"value\":");
        buf_put_str(out, c->value);
    }
    put_number(out, STR(",\"version\":"), c->version);
}

void native_json_put_change(struct buf *out, const struct entry *e)
{
    put_head(out, str_from_cstr(change_event(e->type)), e);
    if (e->user.n != 0) {
        BUF_PUT_LIT(out, ",\"from\":");
        native_json_put_from(out, e);
    }
    if (e->about != 0)
        put_number(out, STR(",\"target\":"), e->about);
    if (e->type == ENTRY_REACT) {
        put_reaction(out, &e->change);
    } else if (e->type == ENTRY_STATE) {
        put_shared(out, &e->change);
    } else if (e->type == ENTRY_EDIT) {
        native_json_put_data(out, e);
    } else if (e->data.n != 0) {
        BUF_PUT_LIT(out, ",\"reason\":");
        json_put_string(out, e->data);
    }
    buf_put_char(out, '}');
}

void native_json_put_state(struct buf *out, const struct event *ev)
{
    put_number(out, STR(",\"version\":"), ev->state_version);
    BUF_PUT_LIT(out, ",\"state\":");
    buf_put_str(out, ev->state);
    BUF_PUT_LIT(out, ",\"versions\":");
    buf_put_str(out, ev->versions);
    buf_put_char(out, '}');
}
