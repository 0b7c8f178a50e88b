// SPDX-License-Identifier: Apache-2.0
//
// Records exist so that a room's history can be said in a dialect nobody spoke when it happened. Rejected: the
// JSON track as the only truth (text rooms would pay for JSON they never send, and every other dialect would
// parse our own output).
#include "core/log/record.h"

#include "base/assert.h"

struct record_head {
    uint8_t type, role, connected, user_n;
    uint8_t session_n, name_n, previous_n, reserved;
    uint32_t data_n;
    uint32_t sessions;
    uint64_t time_ms;
    uint64_t a, b;
};

void record_encode(struct buf *out, const struct entry *e)
{
    bool message = e->type == ENTRY_MESSAGE;
    str user = message ? e->user : e->member.user;
    str name = message ? e->name : e->member.name;
    ASSERT(user.n <= UINT8_MAX && name.n <= UINT8_MAX && e->session.n <= UINT8_MAX &&
           e->previous_name.n <= UINT8_MAX && e->data.n <= UINT32_MAX);
    struct record_head h = {
        .type = (uint8_t)e->type,
        .role = (uint8_t)e->member.role,
        .connected = e->member.connected,
        .user_n = (uint8_t)user.n,
        .previous_n = (uint8_t)e->previous_name.n,
        .session_n = (uint8_t)e->session.n,
        .name_n = (uint8_t)name.n,
        .data_n = (uint32_t)e->data.n,
        .sessions = e->member.sessions,
        .time_ms = e->time_ms,
        .a = e->type == ENTRY_MEMBERS_COUNT ? e->count : e->member.joined_at,
        .b = e->member.last_active,
    };
    buf_put(out, &h, sizeof h);
    buf_put_str(out, user);
    buf_put_str(out, e->session);
    buf_put_str(out, name);
    buf_put_str(out, e->previous_name);
    buf_put_str(out, e->data);
}

void record_decode(str bytes, struct entry *ret)
{
    struct record_head h;
    ASSERT(bytes.n >= sizeof h);
    memcpy(&h, bytes.p, sizeof h);
    const char *p = bytes.p + sizeof h;
    *ret = (struct entry){.type = (enum entry_type)h.type, .time_ms = h.time_ms};
    ret->user = str_make(p, h.user_n);
    ret->session = str_make(p += h.user_n, h.session_n);
    ret->name = str_make(p += h.session_n, h.name_n);
    ret->previous_name = str_make(p += h.name_n, h.previous_n);
    ret->data = str_make(p + h.previous_n, h.data_n);
    if (ret->type == ENTRY_MEMBERS_COUNT)
        ret->count = h.a;
    ret->member = (struct member_view){
        .user = ret->user,
        .name = ret->name,
        .role = (enum role)h.role,
        .connected = h.connected,
        .sessions = h.sessions,
        .joined_at = h.a,
        .last_active = h.b,
    };
}

enum entry_type record_type(str bytes) { return (enum entry_type)(uint8_t)bytes.p[0]; }

uint64_t record_time(str bytes)
{
    struct record_head h;
    memcpy(&h, bytes.p, sizeof h);
    return h.time_ms;
}
