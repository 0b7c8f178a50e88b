// SPDX-License-Identifier: Apache-2.0
//
// Resume tokens: the identity of a session, sealed, kept by the client instead of by us.
//
//      base64url( version | issued: wall ms, process, its ms | session id (22) | user_n name_n granted | user | name
//                 | granted: issued (8) expires (8) leeway (4) | n (2) info | n (2) caps | n (2) issuer | n (2) token_id
//                 | HMAC-SHA256, first 16 bytes )
//
// What a token granted goes along, its end with it: coming back by a resume token makes nobody's rights live longer.
//
// How old a token is: the process that made it knows by its monotonic clock, so that a wall clock that is set cannot take
// a session from everyone who is just reconnecting, nor let an old token live on. `process` says whose clock that is: four
// bytes of a hash under the key that every process draws at its start. After a restart, or on another node, there is
// the wall clock only. A token from its future counts as new: refusing it would cut off everybody after a step back.
//
// Any shard, and any node with the same key, can open one; a disconnected session costs no memory at all. What a
// session was in is not part of it: the client joins its rooms again with `since`, and the room's log says what it
// missed. Rejected: a table of sleeping sessions (memory per absent client, and it would live on one shard).
// Source: RFC 2104 (HMAC), truncation as RFC 2104 section 5 allows (128 bits).
#include "core/edge/resume.h"

#include "base/codec.h"
#include "wire/digest.h"
#include <openssl/crypto.h>

enum {
    TOKEN_VERSION = 4,
    MAC_LEN = 16,
    ISSUED_LEN = 8 + 4 + 8,
    HEAD_LEN = 1 + ISSUED_LEN + SESSION_ID_LEN + 3,
    GRANT_HEAD_LEN = 8 + 8 + 4,
    GRANT_BYTES_MAX = GRANT_HEAD_LEN + 4 * 2 + USER_INFO_MAX + USER_CAPS_MAX + ISSUER_NAME_MAX + TOKEN_ID_MAX,
    ABSENT = 0xffff, // instead of a length
    TOKEN_BYTES_MAX = HEAD_LEN + USER_ID_MAX + USER_NAME_MAX + GRANT_BYTES_MAX + MAC_LEN
};
_Static_assert((4 * TOKEN_BYTES_MAX + 2) / 3 <= RESUME_TOKEN_MAX, "a token fits its limit");

static enum err token_mac(const struct context *cx, const uint8_t *p, size_t n, uint8_t ret[MAC_LEN])
{
    uint8_t full[SHA256_BYTES];
    const uint8_t *key = cx->settings->resume_key;
    if (digest_hmac_sha256(key, sizeof cx->settings->resume_key, p, n, full) != OK)
        return ERR_NOMEM;
    memcpy(ret, full, MAC_LEN);
    return OK;
}

static uint32_t process_of(const struct context *cx)
{
    return (uint32_t)siphash(&cx->settings->hash_key, "resume token", sizeof "resume token" - 1);
}

static void put_be(uint8_t *p, uint64_t v, int n)
{
    for (int i = n - 1; i >= 0; i--, v >>= 8)
        p[i] = (uint8_t)v;
}

static uint64_t get_be(const uint8_t *p, int n)
{
    uint64_t v = 0;
    for (int i = 0; i < n; i++)
        v = v << 8 | p[i];
    return v;
}

static void issued_put(const struct context *cx, uint8_t ret[ISSUED_LEN])
{
    put_be(ret, cx->wall_ms, 8);
    put_be(ret + 8, process_of(cx), 4);
    put_be(ret + 12, cx->now_ms, 8);
}

static size_t grant_put(const struct grant *g, uint8_t *p)
{
    uint8_t *at = p;
    put_be(at, g->issued_ms, 8);
    put_be(at + 8, g->expires_ms, 8);
    put_be(at + 16, g->leeway_ms, 4);
    at += GRANT_HEAD_LEN;
#define X(field)                                             \
    put_be(at, g->field.p != NULL ? g->field.n : ABSENT, 2); \
    if (g->field.p != NULL)                                  \
        memcpy(at + 2, g->field.p, g->field.n);              \
    at += 2 + g->field.n;
    GRANT_STRS(X)
#undef X
    return (size_t)(at - p);
}

static bool str_get(const uint8_t **p, const uint8_t *end, str *ret)
{
    if (end - *p < 2)
        return false;
    uint64_t n = get_be(*p, 2);
    *p += 2;
    *ret = STR_NONE;
    if (n == ABSENT)
        return true;
    if ((uint64_t)(end - *p) < n)
        return false;
    *ret = str_make((const char *)*p, n);
    *p += n;
    return true;
}

static bool grant_get(const uint8_t *p, const uint8_t *end, struct grant *ret)
{
    if (end - p < GRANT_HEAD_LEN)
        return false;
    ret->issued_ms = get_be(p, 8);
    ret->expires_ms = get_be(p + 8, 8);
    ret->leeway_ms = (uint32_t)get_be(p + 16, 4);
    p += GRANT_HEAD_LEN;
#define X(field)                        \
    if (!str_get(&p, end, &ret->field)) \
        return false;
    GRANT_STRS(X)
#undef X
    return p == end;
}

static uint64_t issued_age_ms(const struct context *cx, const uint8_t p[ISSUED_LEN])
{
    bool ours = get_be(p + 8, 4) == process_of(cx);
    uint64_t then = ours ? get_be(p + 12, 8) : get_be(p, 8), now = ours ? cx->now_ms : cx->wall_ms;
    return now > then ? now - then : 0;
}

enum err resume_token_make(const struct context *cx, const struct session *s, char ret[RESUME_TOKEN_MAX],
                           size_t *ret_n)
{
    ASSERT(s->user_n != 0);
    ASSERT(s->user_n <= USER_ID_MAX);
    ASSERT(s->name_n <= USER_NAME_MAX);
    uint8_t t[TOKEN_BYTES_MAX];
    size_t n = 0;
    t[n++] = TOKEN_VERSION;
    issued_put(cx, t + n);
    n += ISSUED_LEN;
    memcpy(t + n, s->id, SESSION_ID_LEN);
    n += SESSION_ID_LEN;
    t[n++] = s->user_n;
    t[n++] = s->name_n;
    t[n++] = s->granted;
    memcpy(t + n, session_user(s).p, (size_t)s->user_n + s->name_n);
    n += (size_t)s->user_n + s->name_n;
    if (s->granted)
        n += grant_put(session_grant(s), t + n);
    ASSERT(n + MAC_LEN <= sizeof t);
    if (token_mac(cx, t, n, t + n) != OK)
        return ERR_NOMEM;
    *ret_n = base64url_encode(t, n + MAC_LEN, ret);
    ASSERT(*ret_n <= RESUME_TOKEN_MAX);
    return OK;
}

enum err resume_token_open(const struct context *cx, str token, uint8_t buffer[RESUME_TOKEN_MAX],
                           struct identity *ret)
{
    size_t n;
    uint8_t mac[MAC_LEN];
    if (token.n > RESUME_TOKEN_MAX || !base64url_decode(token, buffer, &n))
        return ERR_SYNTAX;
    if (n < HEAD_LEN + MAC_LEN || buffer[0] != TOKEN_VERSION)
        return ERR_SYNTAX;
    if (token_mac(cx, buffer, n - MAC_LEN, mac) != OK)
        return ERR_NOMEM;
    if (CRYPTO_memcmp(mac, buffer + n - MAC_LEN, MAC_LEN) != 0)
        return ERR_SYNTAX;
    const uint8_t *p = buffer + 1;
    if (issued_age_ms(cx, p) > cx->settings->resume_ms)
        return ERR_DENIED;
    p += ISSUED_LEN;
    memcpy(ret->session, p, SESSION_ID_LEN);
    p += SESSION_ID_LEN;
    uint8_t user_n = p[0], name_n = p[1];
    size_t text_n = (size_t)HEAD_LEN + user_n + name_n + MAC_LEN;
    ret->granted = p[2] == 1;
    ret->grant = (struct grant){0};
    p += 3;
    if (ret->granted ? n < text_n || !grant_get(p + user_n + name_n, buffer + n - MAC_LEN, &ret->grant)
                     : n != text_n)
        return ERR_SYNTAX;
    ret->user = str_make((const char *)p, user_n);
    ret->name = name_n == 0 ? ret->user : str_make((const char *)p + user_n, name_n);
    return OK;
}
