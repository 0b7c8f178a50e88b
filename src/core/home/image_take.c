// SPDX-License-Identifier: Apache-2.0
#include "core/home/image.h"

#include "core/home/image_fields.h"
#include "core/mail/post.h"
#include "wire/json.h"
#include "wire/protobuf.h"
#include "wire/utf8.h"

// What stands on its own, and is to be known before the rest is read.
struct head {
    str epoch;
    uint64_t version, offset, newest_ms, prints, messages;
};

struct taking {
    const struct made *made;
    struct reads **reads;
    struct head head;
    bool known;                 // fingerprints are by our key
    enum image_verdict verdict; // IMAGE_OK so far
};

// The next field; false at the end, or where the message is broken.
static bool next(struct taking *t, str message, size_t *at, struct protobuf_field *ret)
{
    const char *why;
    const enum protobuf_got got =
        t->verdict == IMAGE_OK ? protobuf_next(message, at, ret, &why) : PROTOBUF_END;
    if (got == PROTOBUF_BROKEN)
        t->verdict = IMAGE_BROKEN;
    return got == PROTOBUF_FIELD;
}

static void require(struct taking *t, bool fine)
{
    if (!fine && t->verdict == IMAGE_OK)
        t->verdict = IMAGE_BROKEN;
}

static uint64_t number(struct taking *t, const struct protobuf_field *f, uint64_t max)
{
    require(t, f->type == PROTOBUF_VARINT && f->value <= max);
    return f->type == PROTOBUF_VARINT ? f->value : 0;
}

static str bytes(struct taking *t, const struct protobuf_field *f, size_t min, size_t max)
{
    const bool fine = f->type == PROTOBUF_BYTES && f->raw.n >= min && f->raw.n <= max;
    require(t, fine);
    return fine ? f->raw : STR_NONE;
}

static str text(struct taking *t, const struct protobuf_field *f, size_t min, size_t max)
{
    const str s = bytes(t, f, min, max);
    require(t, s.n == 0 || utf8_valid(s));
    return s;
}

// Of a text that was looked at: it fits.
static void copy(str s, void *to)
{
    if (s.n != 0)
        memcpy(to, s.p, s.n);
}

// A part of which nothing is made yet, zeroed; NULL: there is one, or no memory.
static void *part_make(struct taking *t, bool there, size_t n)
{
    require(t, !there);
    void *part = t->verdict == IMAGE_OK ? mem_zalloc(t->made->mem, n) : NULL;
    if (part == NULL && t->verdict == IMAGE_OK)
        t->verdict = IMAGE_MEMORY;
    return part;
}

static str message_of(struct taking *t, const struct protobuf_field *f) { return bytes(t, f, 0, SIZE_MAX); }

static uint64_t half_of(str print, size_t from)
{
    uint64_t v = 0;
    for (size_t i = sizeof v; i-- > 0;)
        v = v << 8 | (uint8_t)print.p[from + i];
    return v;
}

static uint64_t print(struct taking *t, const struct protobuf_field *f)
{
    const str s = bytes(t, f, sizeof(uint64_t), sizeof(uint64_t));
    return s.n != 0 ? half_of(s, 0) : 0;
}

static u128 print128(struct taking *t, const struct protobuf_field *f)
{
    const str s = bytes(t, f, 2 * sizeof(uint64_t), 2 * sizeof(uint64_t));
    return s.n != 0 ? (u128){half_of(s, 0), half_of(s, sizeof(uint64_t))} : (u128){0};
}

// 0: none was given.
static uint8_t role(struct taking *t, const struct protobuf_field *f)
{
    const uint64_t v = number(t, f, ROLE_COUNT);
    return v != 0 ? (uint8_t)(v - 1) : (uint8_t)ROLE_NOT_GIVEN;
}

// What came of putting something where it belongs: ERR_LIMIT is a second one of it, or one too many.
static void took(struct taking *t, enum err e)
{
    ASSERT(e == OK || e == ERR_NOMEM || e == ERR_LIMIT);
    if (e != OK && t->verdict == IMAGE_OK)
        t->verdict = e == ERR_NOMEM ? IMAGE_MEMORY : IMAGE_BROKEN;
}

// --- how people stand

static void take_row(struct taking *t, str message)
{
    struct standing_row row = {.role = (uint8_t)ROLE_NOT_GIVEN};
    struct protobuf_field f;
    str s;
    for (size_t at = 0; next(t, message, &at, &f);) {
        switch (f.number) {
        case FIELD_ROW_USER:
            s = text(t, &f, 1, USER_ID_MAX);
            copy(s, row.user);
            row.user_n = (uint8_t)s.n;
            break;
        case FIELD_ROW_ROLE:
            row.role = role(t, &f);
            break;
        case FIELD_ROW_BANNED:
            row.banned_ms = number(t, &f, UINT64_MAX);
            break;
        case FIELD_ROW_MUTED:
            row.muted_ms = number(t, &f, UINT64_MAX);
            break;
        case FIELD_ROW_INVITED:
            s = text(t, &f, INVITATION_ID_LEN, INVITATION_ID_LEN);
            require(t, invitation_id_valid(s));
            copy(s, row.invited);
            break;
        }
    }
    require(t, row.user_n != 0 && (row.role != ROLE_NOT_GIVEN || row.banned_ms != 0 || row.muted_ms != 0));
    if (t->verdict == IMAGE_OK)
        took(t, standing_take_row(*t->made->standing, t->made->mem, t->made->hash_key, &row));
}

static void take_speaker(struct taking *t, str message)
{
    struct standing_speaker speaker = {.print = 0};
    struct protobuf_field f;
    for (size_t at = 0; next(t, message, &at, &f);) {
        if (f.number == FIELD_SPEAKER_PRINT)
            speaker.print = print(t, &f);
        else if (f.number == FIELD_SPEAKER_SAID)
            speaker.said_ms = number(t, &f, UINT64_MAX);
    }
    if (t->verdict == IMAGE_OK && t->known)
        took(t, standing_take_speaker(*t->made->standing, t->made->mem, &speaker));
}

static void take_standing_field(struct taking *t, struct standing *s, const struct protobuf_field *f)
{
    str rule;
    switch (f->number) {
    case FIELD_STANDING_SLOW:
        s->slow_ms = (uint32_t)number(t, f, UINT32_MAX);
        break;
    case FIELD_STANDING_READONLY:
        s->readonly = number(t, f, 1) != 0;
        break;
    case FIELD_STANDING_LOCKED:
        s->locked = number(t, f, 1) != 0;
        break;
    case FIELD_STANDING_RULE:
        rule = text(t, f, 1, RULE_NAME_MAX);
        copy(rule, s->rule);
        s->rule_n = (uint8_t)rule.n;
        break;
    case FIELD_STANDING_CLOSED:
        s->closed_ms = number(t, f, UINT64_MAX);
        break;
    case FIELD_STANDING_CLOSED_AT:
        s->closed_at = number(t, f, t->head.offset);
        break;
    case FIELD_STANDING_ROWS:
        take_row(t, message_of(t, f));
        break;
    case FIELD_STANDING_SPEAKERS:
        take_speaker(t, message_of(t, f));
        break;
    }
}

static void take_standing(struct taking *t, str message)
{
    struct standing **s = t->made->standing, *part = part_make(t, *s != NULL, sizeof **s);
    struct protobuf_field f;
    if (part == NULL)
        return;
    *s = part;
    for (size_t at = 0; next(t, message, &at, &f);)
        take_standing_field(t, *s, &f);
    require(t, ((*s)->closed_ms == 0) == ((*s)->closed_at == 0));
    require(t, (*s)->slow_ms != 0 || (*s)->speakers_n == 0);
    standing_fit(s, t->made->mem);
}

// --- what they share

static bool is_json(str value)
{
    struct json_problem problem;
    return json_validate(value, &problem) == OK;
}

static void take_state_row(struct taking *t, str message)
{
    struct protobuf_field f;
    str key = STR_NONE, value = STR_NONE;
    uint64_t version = 0;
    for (size_t at = 0; next(t, message, &at, &f);) {
        if (f.number == FIELD_STATE_ROW_KEY)
            key = text(t, &f, 1, STATE_KEY_MAX);
        else if (f.number == FIELD_STATE_ROW_VALUE)
            value = text(t, &f, 1, SEGMENT_BYTES_MAX);
        else if (f.number == FIELD_STATE_ROW_VERSION)
            version = number(t, &f, UINT64_MAX);
    }
    require(t, key.n != 0 && version != 0 && is_json(value));
    if (t->verdict == IMAGE_OK)
        took(t, state_take_row(*t->made->state, t->made->mem, key, value, version));
}

static void take_state(struct taking *t, str message)
{
    struct state **s = t->made->state, *part = part_make(t, *s != NULL, sizeof **s);
    struct protobuf_field f;
    if (part == NULL)
        return;
    *s = part;
    for (size_t at = 0; next(t, message, &at, &f);) {
        if (f.number == FIELD_STATE_VERSION)
            (*s)->version = number(t, &f, UINT64_MAX);
        else if (f.number == FIELD_STATE_AT)
            (*s)->at = number(t, &f, t->head.offset);
        else if (f.number == FIELD_STATE_ROWS)
            take_state_row(t, message_of(t, &f));
    }
    require(t, (*s)->version != 0);
    for (uint32_t i = 0; i < (*s)->n; i++)
        require(t, (*s)->rows[i]->version <= (*s)->version);
}

// --- invitations

static void take_invitation_field(struct taking *t, struct invited *v, const struct protobuf_field *f)
{
    str s;
    switch (f->number) {
    case FIELD_INVITED_ID:
        s = text(t, f, sizeof v->id, sizeof v->id);
        require(t, invitation_id_valid(s));
        copy(s, v->id);
        break;
    case FIELD_INVITED_HASH:
        s = bytes(t, f, sizeof v->hash, sizeof v->hash);
        copy(s, v->hash);
        break;
    case FIELD_INVITED_UNTIL:
        v->until_ms = number(t, f, UINT64_MAX);
        break;
    case FIELD_INVITED_EXPIRES:
        v->expires_ms = number(t, f, UINT64_MAX);
        break;
    case FIELD_INVITED_USES:
        v->uses = (uint32_t)number(t, f, INVITATION_USES_MAX);
        break;
    case FIELD_INVITED_USED:
        v->used = (uint32_t)number(t, f, INVITATION_USES_MAX);
        break;
    case FIELD_INVITED_ROLE:
        v->role = role(t, f);
        break;
    case FIELD_INVITED_BY:
        s = text(t, f, 1, USER_ID_MAX);
        copy(s, v->by);
        v->by_n = (uint8_t)s.n;
        break;
    }
}

static void take_invitation(struct taking *t, str message)
{
    struct invited v = {.role = (uint8_t)ROLE_NOT_GIVEN};
    struct protobuf_field f;
    for (size_t at = 0; next(t, message, &at, &f);)
        take_invitation_field(t, &v, &f);
    require(t, v.id[0] != 0 && v.role != ROLE_NOT_GIVEN && v.uses != 0 && v.used <= v.uses);
    if (t->verdict == IMAGE_OK)
        took(t, invitations_take(t->made->invitations, t->made->mem, &v));
}

// --- whose fingerprints they are

static void take_key(struct taking *t, u128 owner, uint32_t window_ms, str message)
{
    const struct once_limits limits = {.window_ms = window_ms, .keys = UINT32_MAX};
    struct protobuf_field f;
    u128 key = {0};
    uint64_t offset = 0, time_ms = 0;
    for (size_t at = 0; next(t, message, &at, &f);) {
        if (f.number == FIELD_KEY_PRINT)
            key = print128(t, &f);
        else if (f.number == FIELD_KEY_OFFSET)
            offset = number(t, &f, t->head.offset);
        else if (f.number == FIELD_KEY_TIME)
            time_ms = number(t, &f, UINT64_MAX);
    }
    if (t->verdict == IMAGE_OK && t->known)
        took(t, once_put(t->made->said, t->made->keys, owner, key, offset, &limits, time_ms));
}

static void take_owner(struct taking *t, str message)
{
    struct protobuf_field f;
    u128 owner = {0};
    uint32_t window_ms = 0;
    for (size_t at = 0; next(t, message, &at, &f);) { // who comes before the keys, whatever stands first
        if (f.number == FIELD_OWNER_PRINT)
            owner = print128(t, &f);
        else if (f.number == FIELD_OWNER_WINDOW)
            window_ms = (uint32_t)number(t, &f, UINT32_MAX);
    }
    for (size_t at = 0; next(t, message, &at, &f);)
        if (f.number == FIELD_OWNER_KEYS)
            take_key(t, owner, window_ms, message_of(t, &f));
}

static void take_reader(struct taking *t, str message)
{
    struct read_row row = {.offset = 0};
    struct protobuf_field f;
    for (size_t at = 0; next(t, message, &at, &f);) {
        if (f.number == FIELD_READER_PRINT)
            row.user = print128(t, &f);
        else if (f.number == FIELD_READER_OFFSET)
            row.offset = number(t, &f, t->head.offset);
        else if (f.number == FIELD_READER_COUNT)
            row.count = number(t, &f, t->head.messages);
    }
    if (t->verdict == IMAGE_OK && t->known)
        took(t, reads_take(t->reads, t->made->log->mem, &row, t->head.messages));
}

// --- all of it

static void look(struct taking *t, str image)
{
    struct protobuf_field f;
    for (size_t at = 0; next(t, image, &at, &f);) {
        if (f.number == FIELD_IMAGE_VERSION_IS)
            t->head.version = number(t, &f, UINT64_MAX);
        else if (f.number == FIELD_IMAGE_EPOCH)
            t->head.epoch = text(t, &f, EPOCH_LEN, EPOCH_LEN);
        else if (f.number == FIELD_IMAGE_OFFSET)
            t->head.offset = number(t, &f, UINT64_MAX - 1);
        else if (f.number == FIELD_IMAGE_NEWEST)
            t->head.newest_ms = number(t, &f, UINT64_MAX);
        else if (f.number == FIELD_IMAGE_PRINTS)
            t->head.prints = print(t, &f);
        else if (f.number == FIELD_IMAGE_MESSAGES)
            t->head.messages = number(t, &f, UINT64_MAX);
        if (t->head.version > IMAGE_VERSION && t->verdict == IMAGE_OK)
            t->verdict = IMAGE_NEWER;
    }
    require(t, t->head.version != 0 && t->head.epoch.n == EPOCH_LEN);
}

enum image_verdict image_look(str image, str *ret_epoch, uint64_t *ret_offset)
{
    struct taking t = {.verdict = IMAGE_OK};
    look(&t, image);
    *ret_epoch = t.head.epoch;
    *ret_offset = t.head.offset;
    return t.verdict;
}

static void take_part(struct taking *t, const struct protobuf_field *f)
{
    switch (f->number) {
    case FIELD_IMAGE_STANDING:
        take_standing(t, message_of(t, f));
        break;
    case FIELD_IMAGE_STATE:
        take_state(t, message_of(t, f));
        break;
    case FIELD_IMAGE_INVITATIONS:
        take_invitation(t, message_of(t, f));
        break;
    case FIELD_IMAGE_OWNERS:
        take_owner(t, message_of(t, f));
        break;
    case FIELD_IMAGE_READERS:
        take_reader(t, message_of(t, f));
        break;
    }
}

// Nothing is made of it.
static void give_back(const struct taking *t)
{
    const struct made *m = t->made;
    standing_free(m->standing, m->mem);
    state_free(m->state, m->mem);
    invitations_free(m->invitations, m->mem);
    once_group_drop(m->said, m->keys);
    reads_free(t->reads, m->log->mem);
}

enum image_verdict image_take(str image, const struct made *m, struct reads **reads)
{
    struct taking t = {.made = m, .reads = reads, .verdict = IMAGE_OK};
    struct protobuf_field f;
    ASSERT(*m->standing == NULL && *m->state == NULL && *m->invitations == NULL && *reads == NULL);
    ASSERT(m->keys->first == SLAB_NONE);
    look(&t, image);
    require(&t, t.verdict != IMAGE_OK || str_eq(t.head.epoch, m->epoch));
    t.known = t.head.prints == siphash(m->hash_key, IMAGE_PRINTS_OF, sizeof IMAGE_PRINTS_OF - 1);
    for (size_t at = 0; next(&t, image, &at, &f);)
        take_part(&t, &f);
    if (t.verdict != IMAGE_OK) {
        give_back(&t);
        ASSERT(*m->standing == NULL && *m->state == NULL && *m->invitations == NULL && *reads == NULL);
        ASSERT(m->keys->first == SLAB_NONE);
        return t.verdict;
    }
    m->keys->newest_ms = t.head.newest_ms;
    ASSERT(t.head.version == IMAGE_VERSION && str_eq(t.head.epoch, m->epoch));
    return IMAGE_OK;
}
