// SPDX-License-Identifier: Apache-2.0
//
// People as JSON: who says something, and who is in a room.
#include "base/codec.h"
#include "dialect/datum.h"
#include "dialect/dialect_private.h"
#include "wire/json.h"

// JSON of a token, whose signature and form have been checked: as it stood there.
static void put_info(struct buf *out, str info)
{
    if (info.n == 0)
        return;
    BUF_PUT_LIT(out, ",\"info\":");
    buf_put_str(out, info);
}

static void put_text(struct buf *out, str before, str text)
{
    buf_put_str(out, before);
    json_put_string(out, text);
}

// JSON as it is; bytes in base64 with what they are, or only that.
void native_json_put_data(struct buf *out, const struct entry *e)
{
    const str data = e->data;
    if (!data_is_datum(data)) {
        BUF_PUT_LIT(out, ",\"data\":");
        buf_put_str(out, data);
        return;
    }
    if (e->apart) {
        put_text(out, STR(",\"content_type\":"), datum_type(data));
        return;
    }
    str bytes = datum_bytes(data);
    BUF_PUT_LIT(out, ",\"data\":\"");
    char *room = bytes.n != 0 ? buf_reserve(out, 4 * ((bytes.n + 2) / 3)) : NULL;
    if (room != NULL) // else there are none, or the buf says that it was too small
        buf_commit(out, base64_encode(bytes.p, bytes.n, room));
    put_text(out, STR("\",\"content_type\":"), datum_type(data));
}

void native_json_put_from(struct buf *out, const struct entry *e)
{
    put_text(out, STR("{\"user\":"), e->user);
    put_text(out, STR(",\"session\":"), e->session);
    put_text(out, STR(",\"name\":"), e->name);
    put_info(out, e->info);
    buf_put_char(out, '}');
}

void native_json_put_member(struct buf *out, const struct member_view *m)
{
    put_text(out, STR("{\"user\":"), m->user);
    put_text(out, STR(",\"name\":"), m->name);
    BUF_PUT_LIT(out, ",\"role\":\"");
    buf_put_str(out, str_from_cstr(role_name(m->role)));
    if (m->connected)
        BUF_PUT_LIT(out, "\",\"connected\":true,\"joined_at\":");
    else
        BUF_PUT_LIT(out, "\",\"connected\":false,\"joined_at\":");
    buf_put_u64(out, m->joined_at);
    BUF_PUT_LIT(out, ",\"last_active\":");
    buf_put_u64(out, m->last_active);
    BUF_PUT_LIT(out, ",\"sessions\":");
    buf_put_u64(out, m->sessions);
    put_info(out, m->info);
    buf_put_char(out, '}');
}

void native_json_put_welcome(struct buf *out, const struct event *ev)
{
    BUF_PUT_LIT(out, ",\"session\":");
    json_put_string(out, ev->session);
    BUF_PUT_LIT(out, ",\"user\":");
    json_put_string(out, ev->user);
    BUF_PUT_LIT(out, ",\"name\":");
    json_put_string(out, ev->name);
    BUF_PUT_LIT(out, ",\"resume\":");
    json_put_string(out, ev->resume);
    BUF_PUT_LIT(out, ",\"heartbeat_s\":");
    buf_put_u64(out, ev->heartbeat_s);
    BUF_PUT_LIT(out, ",\"limits\":{\"message_bytes\":");
    buf_put_u64(out, ev->limit_message_bytes);
    BUF_PUT_LIT(out, ",\"rooms\":");
    buf_put_u64(out, ev->limit_rooms);
    BUF_PUT_LIT(out, ",\"messages_per_s\":");
    buf_put_u64(out, ev->limit_messages_per_s);
    BUF_PUT_LIT(out, "},\"server\":\"plenum\",\"version\":");
    json_put_string(out, ev->version ? str_from_cstr(ev->version) : STR(""));
    buf_put_char(out, '}');
}
