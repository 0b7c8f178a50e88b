// SPDX-License-Identifier: Apache-2.0
//
// Rejected: a form of our own (it would have to say how it grows; Protocol Buffers say so, and the reader is there), and records that
// make a room of nothing (a version of the state, or how often an invitation was used, is in no single record).
#include "core/home/image.h"

#include "core/home/image_fields.h"
#include "core/mail/post.h"
#include "wire/protobuf.h"

static void put_some(struct buf *out, uint32_t number, uint64_t v)
{
    if (v != 0)
        protobuf_put_uint(out, number, v);
}

static void put_text(struct buf *out, uint32_t number, str text)
{
    if (text.n != 0)
        protobuf_put_bytes(out, number, text);
}

// Of a fingerprint, the low half first, each of its bytes, too.
static void put_print(struct buf *out, uint32_t number, const uint64_t *halves, size_t n)
{
    char bytes[2 * sizeof *halves];
    ASSERT(n * sizeof *halves <= sizeof bytes);
    for (size_t i = 0; i < n * sizeof *halves; i++)
        bytes[i] = (char)(uint8_t)(halves[i / sizeof *halves] >> (8 * (i % sizeof *halves)));
    protobuf_put_bytes(out, number, str_make(bytes, n * sizeof *halves));
}

static void put_print128(struct buf *out, uint32_t number, u128 print)
{
    put_print(out, number, (const uint64_t[]){print.lo, print.hi}, 2);
}

static void put_standing(struct buf *out, const struct standing *s)
{
    if (s == NULL)
        return;
    const size_t all = protobuf_open(out, FIELD_IMAGE_STANDING);
    put_some(out, FIELD_STANDING_SLOW, s->slow_ms);
    put_some(out, FIELD_STANDING_READONLY, s->readonly);
    put_some(out, FIELD_STANDING_LOCKED, s->locked);
    put_text(out, FIELD_STANDING_RULE, standing_rule(s));
    put_some(out, FIELD_STANDING_CLOSED, s->closed_ms);
    put_some(out, FIELD_STANDING_CLOSED_AT, s->closed_at);
    for (uint32_t i = 0; i < s->n; i++) {
        const struct standing_row *r = &s->rows[i];
        const size_t row = protobuf_open(out, FIELD_STANDING_ROWS);
        protobuf_put_bytes(out, FIELD_ROW_USER, str_make(r->user, r->user_n));
        put_some(out, FIELD_ROW_ROLE, r->role == ROLE_NOT_GIVEN ? 0 : (uint64_t)r->role + 1);
        put_some(out, FIELD_ROW_BANNED, r->banned_ms);
        put_some(out, FIELD_ROW_MUTED, r->muted_ms);
        if (r->invited[0] != 0)
            protobuf_put_bytes(out, FIELD_ROW_INVITED, str_make(r->invited, sizeof r->invited));
        protobuf_close(out, row);
    }
    for (uint32_t i = 0; i < s->speakers_n; i++) {
        const size_t speaker = protobuf_open(out, FIELD_STANDING_SPEAKERS);
        put_print(out, FIELD_SPEAKER_PRINT, &s->speakers[i].print, 1);
        put_some(out, FIELD_SPEAKER_SAID, s->speakers[i].said_ms);
        protobuf_close(out, speaker);
    }
    protobuf_close(out, all);
}

static void put_state(struct buf *out, const struct state *s)
{
    if (s == NULL)
        return;
    const size_t all = protobuf_open(out, FIELD_IMAGE_STATE);
    ASSERT(s->pending == NULL);
    put_some(out, FIELD_STATE_VERSION, s->version);
    put_some(out, FIELD_STATE_AT, s->at);
    for (uint32_t i = 0; i < s->n; i++) {
        const size_t row = protobuf_open(out, FIELD_STATE_ROWS);
        protobuf_put_bytes(out, FIELD_STATE_ROW_KEY, state_row_key(s->rows[i]));
        protobuf_put_bytes(out, FIELD_STATE_ROW_VALUE, state_row_value(s->rows[i]));
        put_some(out, FIELD_STATE_ROW_VERSION, s->rows[i]->version);
        protobuf_close(out, row);
    }
    protobuf_close(out, all);
}

static void put_invitations(struct buf *out, const struct invitations *t)
{
    for (uint32_t i = 0; t != NULL && i < t->n; i++) {
        const struct invited *v = &t->rows[i];
        const size_t row = protobuf_open(out, FIELD_IMAGE_INVITATIONS);
        protobuf_put_bytes(out, FIELD_INVITED_ID, invited_id(v));
        protobuf_put_bytes(out, FIELD_INVITED_HASH, str_make((const char *)v->hash, sizeof v->hash));
        put_some(out, FIELD_INVITED_UNTIL, v->until_ms);
        put_some(out, FIELD_INVITED_EXPIRES, v->expires_ms);
        put_some(out, FIELD_INVITED_USES, v->uses);
        put_some(out, FIELD_INVITED_USED, v->used);
        protobuf_put_uint(out, FIELD_INVITED_ROLE, (uint64_t)v->role + 1);
        put_text(out, FIELD_INVITED_BY, invited_by(v));
        protobuf_close(out, row);
    }
}

static void put_owners(struct buf *out, const struct once *said, const struct once_group *keys)
{
    for (uint32_t i = keys->first; i != SLAB_NONE;) {
        const struct once_owner *o = slab_at(&said->owners, i);
        const size_t owner = protobuf_open(out, FIELD_IMAGE_OWNERS);
        ASSERT(o->group == keys);
        put_print128(out, FIELD_OWNER_PRINT, o->print);
        put_some(out, FIELD_OWNER_WINDOW, o->window_ms);
        for (uint32_t k = 0; k < o->window.n; k++) {
            const struct idempotency_item *item = &o->window.ring[(o->window.from + k) & (o->window.cap - 1)];
            const size_t key = protobuf_open(out, FIELD_OWNER_KEYS);
            put_print128(out, FIELD_KEY_PRINT, item->print);
            put_some(out, FIELD_KEY_OFFSET, item->value);
            put_some(out, FIELD_KEY_TIME, item->time_ms);
            protobuf_close(out, key);
        }
        protobuf_close(out, owner);
        i = o->next;
    }
}

static void put_readers(struct buf *out, const struct reads *r)
{
    if (r == NULL)
        return;
    for (uint32_t at = r->oldest, n = 0; n < r->n; at = r->rows[at].newer, n++) {
        ASSERT(r->rows[at].count <= r->messages);
        const size_t reader = protobuf_open(out, FIELD_IMAGE_READERS);
        put_print128(out, FIELD_READER_PRINT, r->rows[at].user);
        put_some(out, FIELD_READER_OFFSET, r->rows[at].offset);
        put_some(out, FIELD_READER_COUNT, r->rows[at].count);
        protobuf_close(out, reader);
    }
    put_some(out, FIELD_IMAGE_MESSAGES, r->messages);
}

void image_put(struct buf *out, const struct made *m, const struct reads *reads)
{
    const uint64_t prints = siphash(m->hash_key, IMAGE_PRINTS_OF, sizeof IMAGE_PRINTS_OF - 1);
    ASSERT(m->epoch.n == EPOCH_LEN);
    protobuf_put_uint(out, FIELD_IMAGE_VERSION_IS, IMAGE_VERSION);
    protobuf_put_bytes(out, FIELD_IMAGE_EPOCH, m->epoch);
    put_some(out, FIELD_IMAGE_OFFSET, m->log->head);
    put_some(out, FIELD_IMAGE_NEWEST, m->keys->newest_ms);
    put_print(out, FIELD_IMAGE_PRINTS, &prints, 1);
    put_standing(out, *m->standing);
    put_state(out, *m->state);
    put_invitations(out, *m->invitations);
    put_owners(out, m->said, m->keys);
    put_readers(out, reads);
}
