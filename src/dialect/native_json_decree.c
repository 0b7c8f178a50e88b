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
    default:
        UNREACHABLE();
    }
}

// What of a decree is its own type's.
static void put_rest(struct buf *out, const struct entry *e)
{
    const struct decree *d = &e->decree;
    if (e->type == ENTRY_ROLE) {
        BUF_PUT_LIT(out, ",\"role\":\"");
        buf_put_str(out, str_from_cstr(role_name(d->role)));
        buf_put_char(out, '"');
    } else if (e->type == ENTRY_READONLY || e->type == ENTRY_LOCK) {
        BUF_PUT_LIT(out, ",\"on\":");
        buf_put_str(out, d->on ? STR("true") : STR("false"));
    } else if (e->type == ENTRY_SLOW) {
        BUF_PUT_LIT(out, ",\"seconds\":");
        buf_put_u64(out, d->span_ms / 1000);
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
