// SPDX-License-Identifier: Apache-2.0
//
// Records exist so that a room's history can be said in a language nobody spoke when it happened, and outlive those who
// said it. Rejected: the JSON frames as the only truth (text rooms would pay for JSON they never send, and every other
// language would parse our own output), and a form with tags per field (Protobuf, CBOR): a record is read more often than
// its form changes, and a version in the first byte is all that a reader needs to refuse what it does not know.
#include "core/log/record.h"

#include "base/assert.h"
#include "base/limits.h"

static void put_le(uint8_t *to, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (uint8_t)(v >> (8 * i));
}

static uint64_t get_le(const char *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = n; i-- > 0;)
        v = v << 8 | (uint8_t)p[i];
    return v;
}

enum { AT_VERSION, AT_TYPE, AT_USER, AT_SESSION, AT_NAME, AT_ZERO, AT_DATA = 8, AT_TIME = 12 };

const char *record_verdict_text(enum record_verdict v)
{
    static const char *const texts[] = {"is a record", "is of a newer version than this program knows",
                                        "is of a type that its version does not have", "is broken"};
    ASSERT((size_t)v < sizeof texts / sizeof *texts);
    return texts[v];
}

void record_encode(struct buf *out, const struct entry *e)
{
    uint8_t head[RECORD_HEAD] = {RECORD_VERSION};
    ASSERT(!entry_passing(e->type));
    ASSERT(e->user.n <= USER_ID_MAX && e->name.n <= USER_NAME_MAX && e->session.n <= SESSION_ID_LEN);
    ASSERT(e->data.n <= UINT32_MAX);
    head[AT_TYPE] = (uint8_t)e->type;
    head[AT_USER] = (uint8_t)e->user.n;
    head[AT_SESSION] = (uint8_t)e->session.n;
    head[AT_NAME] = (uint8_t)e->name.n;
    put_le(head + AT_DATA, e->data.n, 4);
    put_le(head + AT_TIME, e->time_ms, 8);
    buf_put(out, head, sizeof head);
    buf_put_str(out, e->user);
    buf_put_str(out, e->session);
    buf_put_str(out, e->name);
    buf_put_str(out, e->data);
}

enum record_verdict record_decode(str bytes, struct entry *ret)
{
    if (bytes.n == 0)
        return RECORD_BROKEN;
    if ((uint8_t)bytes.p[AT_VERSION] > RECORD_VERSION)
        return RECORD_NEWER;
    if ((uint8_t)bytes.p[AT_VERSION] != RECORD_VERSION || bytes.n < RECORD_HEAD)
        return RECORD_BROKEN;
    if ((uint8_t)bytes.p[AT_TYPE] != ENTRY_MESSAGE)
        return RECORD_TYPE;
    size_t user_n = (uint8_t)bytes.p[AT_USER], session_n = (uint8_t)bytes.p[AT_SESSION];
    size_t name_n = (uint8_t)bytes.p[AT_NAME], data_n = get_le(bytes.p + AT_DATA, 4);
    if (user_n > USER_ID_MAX || session_n > SESSION_ID_LEN || name_n > USER_NAME_MAX ||
        get_le(bytes.p + AT_ZERO, AT_DATA - AT_ZERO) != 0)
        return RECORD_BROKEN;
    if (bytes.n != RECORD_HEAD + user_n + session_n + name_n + data_n)
        return RECORD_BROKEN;
    const char *p = bytes.p + RECORD_HEAD;
    *ret = (struct entry){.type = ENTRY_MESSAGE, .time_ms = get_le(bytes.p + AT_TIME, 8)};
    ret->user = str_make(p, user_n);
    ret->session = str_make(p + user_n, session_n);
    ret->name = str_make(p + user_n + session_n, name_n);
    ret->data = str_make(p + user_n + session_n + name_n, data_n);
    return RECORD_OK;
}

enum entry_type record_type(str bytes) { return (enum entry_type)(uint8_t)bytes.p[AT_TYPE]; }

uint64_t record_time(str bytes) { return get_le(bytes.p + AT_TIME, 8); }
