// SPDX-License-Identifier: Apache-2.0
//
// Records exist so that a room's history can be said in a language nobody spoke when it happened, and outlive those who
// said it. Rejected: the JSON frames as the only truth (text rooms would pay for JSON they never send, and every other
// language would parse our own output), and a form with tags per field (Protobuf, CBOR): a record is read more often than
// its form changes, and a version in the first byte is all that a reader needs to refuse what it does not know.
#include "core/log/record.h"

#include "base/assert.h"
#include "base/limits.h"
#include "core/common/invitation.h"
#include "dialect/datum.h"

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
    AT_RULE_ROLE,
    AT_FLAGS,
    AT_DATA = 8,
    AT_TIME = 12,
    AT_STEADY = 20
};
enum { FLAG_GRANT = 1, FLAG_INFO = 2, FLAG_ABOUT = 4, FLAG_CONFLATE = 8, FLAG_ERASED = 16, FLAGS_ALL = 31 };

// Of a decree's part, of a change's.
enum { AT_TARGET, AT_TARGET_NAME, AT_VALUE, AT_FIRST, AT_SPAN };
enum { AT_CHANGED, AT_AUTHOR = 8, AT_REACTION, AT_ON, AT_NOTHING };
// And of an invitation's.
enum { AT_ID, AT_USES = INVITATION_ID_LEN, AT_MAX = AT_USES + 2, AT_HASH = AT_MAX + 2 };
_Static_assert(AT_HASH + INVITATION_HASH == RECORD_INVITATION, "that is all of it");

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

static void put_key(struct buf *out, const struct entry *e)
{
    uint8_t rule[RECORD_KEY_HEAD];
    put_le(rule, e->key_window_ms, 4);
    put_le(rule + 4, e->key_count, 4);
    buf_put(out, rule, sizeof rule);
    buf_put_str(out, e->key);
}

static void put_number(struct buf *out, uint64_t v, size_t n)
{
    uint8_t bytes[8];
    ASSERT(n <= sizeof bytes);
    put_le(bytes, v, n);
    buf_put(out, bytes, n);
}

// Its length in so many bytes, then itself.
static void put_counted(struct buf *out, str s, size_t n)
{
    put_number(out, s.n, n);
    buf_put_str(out, s);
}

static bool gives_role(enum entry_type type)
{
    return type == ENTRY_ROLE || type == ENTRY_INVITE || type == ENTRY_ADMIT || type == ENTRY_CREATE;
}

// It is on or off.
static bool is_switch(enum entry_type type) { return type == ENTRY_READONLY || type == ENTRY_LOCK; }

// What is of no use to its type is 0.
static void put_decree(struct buf *out, enum entry_type type, const struct decree *d)
{
    uint8_t head[RECORD_DECREE_HEAD] = {0};
    ASSERT(d->target.n <= USER_ID_MAX);
    ASSERT(d->target_name.n <= USER_NAME_MAX);
    head[AT_TARGET] = (uint8_t)d->target.n;
    head[AT_TARGET_NAME] = (uint8_t)d->target_name.n;
    head[AT_VALUE] = gives_role(type) ? (uint8_t)d->role : is_switch(type) && d->on;
    head[AT_FIRST] = type == ENTRY_ROLE && d->first;
    put_le(head + AT_SPAN, d->span_ms, 8);
    buf_put(out, head, sizeof head);
    buf_put_str(out, d->target);
    buf_put_str(out, d->target_name);
}

static void put_change(struct buf *out, const struct change *c)
{
    uint8_t head[RECORD_CHANGE_HEAD] = {0};
    ASSERT(c->author.n <= USER_ID_MAX);
    ASSERT(c->reaction.n <= REACTION_MAX);
    put_le(head + AT_CHANGED, c->version, 8);
    head[AT_AUTHOR] = (uint8_t)c->author.n;
    head[AT_REACTION] = (uint8_t)c->reaction.n;
    head[AT_ON] = c->on;
    buf_put(out, head, sizeof head);
    buf_put_str(out, c->author);
    buf_put_str(out, c->reaction);
}

// What is of no use to its type is 0.
static void put_invitation(struct buf *out, const struct invitation *i)
{
    uint8_t part[RECORD_INVITATION] = {0};
    ASSERT(i->id.n == INVITATION_ID_LEN);
    ASSERT(i->hash.n == 0 || i->hash.n == INVITATION_HASH);
    ASSERT(i->uses <= INVITATION_USES_MAX && i->max <= INVITATIONS_CEILING);
    memcpy(part + AT_ID, i->id.p, i->id.n);
    put_le(part + AT_USES, i->uses, 2);
    put_le(part + AT_MAX, i->max, 2);
    if (i->hash.n != 0)
        memcpy(part + AT_HASH, i->hash.p, i->hash.n);
    buf_put(out, part, sizeof part);
}

static uint8_t flags_for(const struct entry *e)
{
    return (uint8_t)((e->grant != 0 ? FLAG_GRANT : 0) | (e->info.n != 0 ? FLAG_INFO : 0) |
                     (e->about != 0 ? FLAG_ABOUT : 0) | (e->conflate.n != 0 ? FLAG_CONFLATE : 0) |
                     (e->erased != 0 ? FLAG_ERASED : 0));
}

static void put_data(struct buf *out, const struct entry *e)
{
    static const char zeros[64];
    ASSERT(e->erased == 0 || e->data.n == 0);
    buf_put_str(out, e->data);
    for (size_t left = e->erased, n; left != 0; left -= n) {
        n = left < sizeof zeros ? left : sizeof zeros;
        buf_put(out, zeros, n);
    }
}

static void put_parts(struct buf *out, const struct entry *e)
{
    if (e->key.n != 0)
        put_key(out, e);
    if (e->grant != 0)
        put_number(out, e->grant, RECORD_GRANT);
    if (e->info.n != 0)
        put_counted(out, e->info, RECORD_INFO_HEAD);
    if (e->about != 0)
        put_number(out, e->about, RECORD_ABOUT);
    if (e->conflate.n != 0)
        put_counted(out, e->conflate, RECORD_CONFLATE_HEAD);
    if (entry_decree(e->type))
        put_decree(out, e->type, &e->decree);
    if (entry_invitation(e->type))
        put_invitation(out, &e->invitation);
    if (entry_change(e->type))
        put_change(out, &e->change);
}

void record_encode(struct buf *out, const struct entry *e)
{
    uint8_t head[RECORD_HEAD] = {RECORD_VERSION};
    ASSERT(!entry_passing(e->type));
    ASSERT(e->user.n <= USER_ID_MAX);
    ASSERT(e->name.n <= USER_NAME_MAX);
    ASSERT(e->session.n <= SESSION_ID_LEN);
    ASSERT(e->info.n <= USER_INFO_MAX);
    ASSERT(e->data.n <= UINT32_MAX);
    ASSERT(e->key.n <= MESSAGE_KEY_MAX);
    ASSERT(e->conflate.n <= CONFLATE_KEY_MAX);
    ASSERT((e->key.n == 0 && e->conflate.n == 0) || e->type == ENTRY_MESSAGE);
    ASSERT(e->erased == 0 || e->type == ENTRY_MESSAGE || e->type == ENTRY_EDIT);
    ASSERT(e->about != 0 ? e->type == ENTRY_MESSAGE || entry_about(e->type) : !entry_about(e->type));
    ASSERT((unsigned)e->rule_role < ROLE_COUNT);
    head[AT_TYPE] = (uint8_t)e->type;
    head[AT_USER] = (uint8_t)e->user.n;
    head[AT_SESSION] = (uint8_t)e->session.n;
    head[AT_NAME] = (uint8_t)e->name.n;
    head[AT_KEY] = (uint8_t)e->key.n;
    head[AT_RULE_ROLE] = (uint8_t)e->rule_role;
    head[AT_FLAGS] = flags_for(e);
    put_le(head + AT_DATA, e->data.n + e->erased, 4);
    put_le(head + AT_TIME, e->time_ms, 8);
    put_le(head + AT_STEADY, e->steady_ms, 8);
    buf_put(out, head, sizeof head);
    buf_put_str(out, e->user);
    buf_put_str(out, e->session);
    buf_put_str(out, e->name);
    put_data(out, e);
    put_parts(out, e);
}

// The rest of a record, from the front; `broken`: something was not there, or not as it may be.
struct rest {
    const char *p;
    size_t n;
    bool broken;
    bool datums; // its version has them
};

static const char *rest_take(struct rest *r, size_t n)
{
    static const char nothing[RECORD_INVITATION];
    if (r->broken || r->n < n) {
        r->broken = true;
        return nothing;
    }
    r->p += n;
    r->n -= n;
    return r->p - n;
}

static str rest_take_str(struct rest *r, size_t n, size_t max)
{
    r->broken |= n > max;
    const char *p = rest_take(r, n);
    return r->broken ? STR_NONE : str_make(p, n);
}

static void take_decree(struct rest *r, struct entry *ret)
{
    const char *head = rest_take(r, RECORD_DECREE_HEAD);
    uint8_t value = (uint8_t)head[AT_VALUE], first = (uint8_t)head[AT_FIRST];
    struct decree *d = &ret->decree;
    const bool made = ret->type == ENTRY_CREATE;
    bool role = gives_role(ret->type), room = ret->type == ENTRY_SLOW || ret->type == ENTRY_CLOSE ||
                                              ret->type == ENTRY_INVITE || ret->type == ENTRY_UNINVITE ||
                                              is_switch(ret->type);
    d->span_ms = get_le(head + AT_SPAN, 8);
    d->target = rest_take_str(r, (uint8_t)head[AT_TARGET], USER_ID_MAX);
    d->target_name = rest_take_str(r, (uint8_t)head[AT_TARGET_NAME], USER_NAME_MAX);
    if (value >= (role                   ? ROLE_COUNT
                  : is_switch(ret->type) ? 2
                                         : 1) ||
        first > (ret->type == ENTRY_ROLE) || (!made && room != (d->target.n == 0)) ||
        (d->target.n == 0 && d->target_name.n != 0))
        r->broken = true;
    if (made && (ret->data.n > RULE_NAME_MAX || d->span_ms != 0 || (d->target.n == 0 && value != 0)))
        r->broken = true;
    if (r->broken)
        return;
    d->role = role ? (enum role)value : ROLE_GUEST;
    d->on = !role && value != 0;
    d->first = first != 0;
}

static void take_invitation(struct rest *r, struct entry *ret)
{
    const char *part = rest_take(r, RECORD_INVITATION);
    const bool made = ret->type == ENTRY_INVITE, hashed = ret->type != ENTRY_UNINVITE;
    struct invitation *i = &ret->invitation;
    uint8_t nothing = 0;
    i->id = str_make(part + AT_ID, INVITATION_ID_LEN);
    i->uses = (uint32_t)get_le(part + AT_USES, 2);
    i->max = (uint32_t)get_le(part + AT_MAX, 2);
    i->hash = hashed ? str_make(part + AT_HASH, INVITATION_HASH) : STR_NONE;
    for (size_t k = 0; k < INVITATION_HASH; k++)
        nothing |= (uint8_t)part[AT_HASH + k];
    r->broken |= !invitation_id_valid(i->id) || made != (i->uses != 0) || made != (i->max != 0) ||
                 i->uses > INVITATION_USES_MAX || i->max > INVITATIONS_CEILING || (!hashed && nothing != 0) ||
                 made != (ret->decree.span_ms != 0);
}

static void take_change(struct rest *r, struct entry *ret)
{
    const char *head = rest_take(r, RECORD_CHANGE_HEAD);
    const uint8_t on = (uint8_t)head[AT_ON];
    const bool react = ret->type == ENTRY_REACT, state = ret->type == ENTRY_STATE;
    struct change *c = &ret->change;
    c->version = get_le(head + AT_CHANGED, 8);
    c->author = rest_take_str(r, (uint8_t)head[AT_AUTHOR], USER_ID_MAX);
    c->reaction = rest_take_str(r, (uint8_t)head[AT_REACTION], REACTION_MAX);
    c->on = on != 0;
    // What is of no use to its type is 0.
    r->broken |= on > react || head[AT_NOTHING] != 0 || react != (c->reaction.n != 0) ||
                 ((react || state) && c->author.n != 0) ||
                 (!state && ret->type != ENTRY_EDIT && c->version != 0);
}

static void take_data(struct rest *r, const char *head, struct entry *ret)
{
    const str data = rest_take_str(r, get_le(head + AT_DATA, 4), SIZE_MAX);
    const bool said = ret->type == ENTRY_MESSAGE || ret->type == ENTRY_EDIT;
    if (((uint8_t)head[AT_FLAGS] & FLAG_ERASED) == 0) {
        ret->data = data;
        r->broken |= said && data_is_datum(data) && !(r->datums && datum_valid(data));
        return;
    }
    ret->erased = (uint32_t)data.n;
    r->broken |= data.n == 0 || !said;
    for (size_t i = 0; i < data.n; i++)
        r->broken |= data.p[i] != 0;
}

// What the flags say is there. A part that would be written as none is not one.
static void take_flagged(struct rest *r, uint8_t flags, struct entry *ret)
{
    if ((flags & FLAG_GRANT) != 0) {
        ret->grant = (uint32_t)get_le(rest_take(r, RECORD_GRANT), RECORD_GRANT);
        r->broken |= ret->grant == 0;
    }
    if ((flags & FLAG_INFO) != 0) {
        ret->info = rest_take_str(r, get_le(rest_take(r, RECORD_INFO_HEAD), RECORD_INFO_HEAD), USER_INFO_MAX);
        r->broken |= ret->info.n == 0;
    }
    if ((flags & FLAG_ABOUT) != 0) {
        ret->about = get_le(rest_take(r, RECORD_ABOUT), RECORD_ABOUT);
        r->broken |= ret->about == 0 || (ret->type != ENTRY_MESSAGE && !entry_about(ret->type));
    }
    if ((flags & FLAG_CONFLATE) != 0) {
        ret->conflate = rest_take_str(r, get_le(rest_take(r, RECORD_CONFLATE_HEAD), RECORD_CONFLATE_HEAD),
                                      CONFLATE_KEY_MAX);
        r->broken |= ret->conflate.n == 0 || ret->type != ENTRY_MESSAGE;
    }
}

// Everything behind the head; nothing may be left.
static void take_parts(struct rest *r, const char *head, struct entry *ret)
{
    size_t key_n = (uint8_t)head[AT_KEY];
    ret->user = rest_take_str(r, (uint8_t)head[AT_USER], USER_ID_MAX);
    ret->session = rest_take_str(r, (uint8_t)head[AT_SESSION], SESSION_ID_LEN);
    ret->name = rest_take_str(r, (uint8_t)head[AT_NAME], USER_NAME_MAX);
    take_data(r, head, ret);
    if (key_n != 0) {
        const char *rule = rest_take(r, RECORD_KEY_HEAD);
        ret->key_window_ms = (uint32_t)get_le(rule, 4);
        ret->key_count = (uint32_t)get_le(rule + 4, 4);
        ret->key = rest_take_str(r, key_n, MESSAGE_KEY_MAX);
    }
    take_flagged(r, (uint8_t)head[AT_FLAGS], ret);
    if (entry_decree(ret->type))
        take_decree(r, ret);
    if (entry_invitation(ret->type))
        take_invitation(r, ret);
    if (entry_change(ret->type))
        take_change(r, ret);
    r->broken |= r->n != 0 || (key_n != 0 && ret->type != ENTRY_MESSAGE) ||
                 (entry_about(ret->type) && ret->about == 0);
}

// What each version knows. The first: messages and void ones, with nothing in bytes 6 and 7.
static const struct {
    uint8_t flags;
    uint8_t last_type;
    bool datums;
} versions[RECORD_VERSION + 1] = {
    [1] = {0, ENTRY_VOID, false},
    [2] = {FLAG_GRANT, ENTRY_READONLY, false},
    [3] = {FLAG_GRANT | FLAG_INFO, ENTRY_CLOSE, false},
    [4] = {FLAGS_ALL, ENTRY_CREATE, false},
    [RECORD_VERSION] = {FLAGS_ALL, ENTRY_CREATE, true},
};
enum { VERSION_OF_MESSAGES = 1 };

enum record_verdict record_decode(str bytes, struct entry *ret)
{
    if (bytes.n == 0)
        return RECORD_BROKEN;
    uint8_t version = (uint8_t)bytes.p[AT_VERSION];
    if (version > RECORD_VERSION)
        return RECORD_NEWER;
    if (version == 0 || bytes.n < RECORD_HEAD)
        return RECORD_BROKEN;
    uint8_t type = (uint8_t)bytes.p[AT_TYPE], role = (uint8_t)bytes.p[AT_RULE_ROLE],
            flags = (uint8_t)bytes.p[AT_FLAGS];
    bool old = version == VERSION_OF_MESSAGES;
    if (type < ENTRY_MESSAGE || type > versions[version].last_type)
        return RECORD_TYPE;
    if ((flags & ~versions[version].flags) != 0 || (old ? role != 0 : role >= ROLE_COUNT))
        return RECORD_BROKEN;
    struct entry e = {.type = (enum entry_type)type,
                      .time_ms = get_le(bytes.p + AT_TIME, 8),
                      .steady_ms = get_le(bytes.p + AT_STEADY, 8)};
    struct rest rest = {bytes.p + RECORD_HEAD, bytes.n - RECORD_HEAD, false, versions[version].datums};
    e.rule_role = old && type == ENTRY_MESSAGE ? ROLE_MEMBER : (enum role)role;
    take_parts(&rest, bytes.p, &e);
    if (rest.broken || (type == ENTRY_VOID && (bytes.n != RECORD_HEAD || role != 0)))
        return RECORD_BROKEN;
    *ret = e;
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

void record_erase(char *bytes, size_t n)
{
    const size_t before =
        (uint8_t)bytes[AT_USER] + (uint8_t)bytes[AT_SESSION] + (size_t)(uint8_t)bytes[AT_NAME];
    const size_t data_n = get_le(bytes + AT_DATA, 4);
    ASSERT(bytes[AT_TYPE] == ENTRY_MESSAGE || bytes[AT_TYPE] == ENTRY_EDIT);
    ASSERT(data_n != 0 && RECORD_HEAD + before + data_n <= n);
    memset(bytes + RECORD_HEAD + before, 0, data_n);
    bytes[AT_FLAGS] = (char)((uint8_t)bytes[AT_FLAGS] | FLAG_ERASED);
}
