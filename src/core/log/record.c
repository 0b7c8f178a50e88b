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

enum {
    AT_VERSION,
    AT_TYPE,
    AT_USER,
    AT_SESSION,
    AT_NAME,
    AT_KEY,
    AT_ZERO,
    AT_DATA = 8,
    AT_TIME = 12,
    AT_STEADY = 20
};

const char *record_verdict_text(enum record_verdict v)
{
    switch (v) {
    case RECORD_OK:
        return "is a record";
    case RECORD_NEWER:
        return "is of a newer version than this program knows";
    case RECORD_TYPE:
        return "is of a type that its version does not have";
    case RECORD_BROKEN:
        return "is broken";
    }
    UNREACHABLE();
}

void record_encode(struct buf *out, const struct entry *e)
{
    uint8_t head[RECORD_HEAD] = {RECORD_VERSION}, rule[RECORD_KEY_HEAD];
    ASSERT(!entry_passing(e->type));
    ASSERT(e->user.n <= USER_ID_MAX);
    ASSERT(e->name.n <= USER_NAME_MAX);
    ASSERT(e->session.n <= SESSION_ID_LEN);
    ASSERT(e->data.n <= UINT32_MAX);
    ASSERT(e->key.n <= MESSAGE_KEY_MAX);
    head[AT_TYPE] = (uint8_t)e->type;
    head[AT_USER] = (uint8_t)e->user.n;
    head[AT_SESSION] = (uint8_t)e->session.n;
    head[AT_NAME] = (uint8_t)e->name.n;
    head[AT_KEY] = (uint8_t)e->key.n;
    put_le(head + AT_DATA, e->data.n, 4);
    put_le(head + AT_TIME, e->time_ms, 8);
    put_le(head + AT_STEADY, e->steady_ms, 8);
    buf_put(out, head, sizeof head);
    buf_put_str(out, e->user);
    buf_put_str(out, e->session);
    buf_put_str(out, e->name);
    buf_put_str(out, e->data);
    if (e->key.n == 0)
        return;
    put_le(rule, e->key_window_ms, 4);
    put_le(rule + 4, e->key_count, 4);
    buf_put(out, rule, sizeof rule);
    buf_put_str(out, e->key);
}

// The parts of a message, one behind the other, which are all there.
static void decode_message(const char *p, const size_t n[5], struct entry *ret)
{
    str *const parts[] = {&ret->user, &ret->session, &ret->name, &ret->data};
    for (size_t i = 0; i < 4; p += n[i++])
        *parts[i] = str_make(p, n[i]);
    if (n[4] == 0)
        return;
    ret->key_window_ms = (uint32_t)get_le(p, 4);
    ret->key_count = (uint32_t)get_le(p + 4, 4);
    ret->key = str_make(p + RECORD_KEY_HEAD, n[4]);
}

enum record_verdict record_decode(str bytes, struct entry *ret)
{
    if (bytes.n == 0)
        return RECORD_BROKEN;
    if ((uint8_t)bytes.p[AT_VERSION] > RECORD_VERSION)
        return RECORD_NEWER;
    if ((uint8_t)bytes.p[AT_VERSION] != RECORD_VERSION || bytes.n < RECORD_HEAD)
        return RECORD_BROKEN;
    uint8_t type = (uint8_t)bytes.p[AT_TYPE];
    if (type != ENTRY_MESSAGE && type != ENTRY_VOID)
        return RECORD_TYPE;
    const size_t n[5] = {(uint8_t)bytes.p[AT_USER], (uint8_t)bytes.p[AT_SESSION], (uint8_t)bytes.p[AT_NAME],
                         get_le(bytes.p + AT_DATA, 4), (uint8_t)bytes.p[AT_KEY]};
    if (n[0] > USER_ID_MAX || n[1] > SESSION_ID_LEN || n[2] > USER_NAME_MAX || n[4] > MESSAGE_KEY_MAX ||
        get_le(bytes.p + AT_ZERO, AT_DATA - AT_ZERO) != 0)
        return RECORD_BROKEN;
    size_t parts = n[0] + n[1] + n[2] + n[3] + (n[4] != 0 ? RECORD_KEY_HEAD + n[4] : 0);
    if (bytes.n != RECORD_HEAD + parts || (type == ENTRY_VOID && parts != 0))
        return RECORD_BROKEN;
    *ret = (struct entry){.type = (enum entry_type)type,
                          .time_ms = get_le(bytes.p + AT_TIME, 8),
                          .steady_ms = get_le(bytes.p + AT_STEADY, 8)};
    decode_message(bytes.p + RECORD_HEAD, n, ret);
    return RECORD_OK;
}

enum entry_type record_type(str bytes)
{
    ASSERT(bytes.n >= RECORD_HEAD);
    return (enum entry_type)(uint8_t)bytes.p[AT_TYPE];
}

uint64_t record_steady(str bytes)
{
    ASSERT(bytes.n >= RECORD_HEAD);
    return get_le(bytes.p + AT_STEADY, 8);
}
