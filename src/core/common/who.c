// SPDX-License-Identifier: Apache-2.0
//
// Addresses are kept packed, as nearly all of them fit: IPv4 with a port is at most 21 characters out of twelve, two to
// a byte.
#include "core/common/who.h"

#include "base/assert.h"

// 0 ends them.
static const char alphabet[17] = "\0"
                                 "0123456789.:";

static bool peer_pack(const char *text, uint8_t ret[12])
{
    size_t n = strlen(text);
    if (n >= 24)
        return false;
    memset(ret, 0, 12);
    for (size_t i = 0; i < n; i++) {
        const char *at = memchr(alphabet + 1, text[i], 12);
        if (at == NULL)
            return false;
        ret[i / 2] |= (uint8_t)((at - alphabet) << (i % 2 * 4));
    }
    return true;
}

// What a proxy's is kept in.
struct proxied {
    struct peer proxy;
    char said[sizeof((struct peer *)0)->text]; // empty: nobody's
};

static void *peer_block(const struct who *w)
{
    void *block;
    ASSERT(w->peer_form != PEER_PACKED);
    memcpy(&block, w->peer, sizeof block);
    return block;
}

static void peer_block_set(struct who *w, void *block, enum peer_form form)
{
    memset(w->peer, 0, sizeof w->peer);
    memcpy(w->peer, &block, sizeof block);
    w->peer_form = (uint8_t)form;
}

static enum err peer_keep(struct who *w, struct mem *m, const char *peer)
{
    size_t n = strlen(peer);
    if (peer_pack(peer, w->peer)) {
        w->peer_form = PEER_PACKED;
        return OK;
    }
    char *text = mem_alloc(m, n + 1);
    if (text == NULL)
        return ERR_NOMEM;
    memcpy(text, peer, n + 1);
    peer_block_set(w, text, PEER_LONG);
    return OK;
}

enum err who_init(struct who *w, struct mem *m, const struct peer *peer)
{
    ASSERT(!session_there(&w->session));
    ASSERT(w->peer_form == PEER_PACKED);
    if (!peer->proxy) {
        enum err e = peer_keep(w, m, peer->text);
        if (e != OK)
            memset(w->peer, 0, sizeof w->peer);
        return e;
    }
    struct proxied *block = mem_alloc(m, sizeof *block);
    if (block == NULL)
        return ERR_NOMEM;
    *block = (struct proxied){.proxy = *peer};
    peer_block_set(w, block, PEER_PROXY);
    return OK;
}

static void peer_free(struct who *w, struct mem *m)
{
    if (w->peer_form == PEER_LONG)
        mem_free(m, peer_block(w), strlen(peer_block(w)) + 1);
    else if (w->peer_form == PEER_PROXY)
        mem_free(m, peer_block(w), sizeof(struct proxied));
}

const struct peer *who_proxy(const struct who *w)
{
    return w->peer_form == PEER_PROXY ? &((struct proxied *)peer_block(w))->proxy : NULL;
}

void who_said(struct who *w, const char *text)
{
    ASSERT(w->peer_form == PEER_PROXY);
    struct proxied *block = peer_block(w);
    size_t n = text != NULL ? strlen(text) : 0;
    ASSERT(n < sizeof block->said);
    if (n != 0)
        memcpy(block->said, text, n);
    block->said[n] = '\0';
}

void who_settle(struct who *w, struct mem *m)
{
    struct peer room;
    struct who before = *w;
    if (w->peer_form != PEER_PROXY)
        return;
    str text = who_peer(w, &room); // in the block, with a NUL behind it
    if (peer_keep(w, m, text.p) == OK)
        peer_free(&before, m);
    else
        *w = before;
}

void who_deinit(struct who *w, struct mem *m)
{
    session_deinit(&w->session, m);
    peer_free(w, m);
    *w = (struct who){0};
}

str who_peer(const struct who *w, struct peer *room)
{
    if (w->peer_form == PEER_LONG)
        return str_from_cstr(peer_block(w));
    if (w->peer_form == PEER_PROXY) {
        const struct proxied *block = peer_block(w);
        return str_from_cstr(block->said[0] != '\0' ? block->said : block->proxy.text);
    }
    size_t n = 0;
    for (uint8_t code; n < 24 && (code = w->peer[n / 2] >> (n % 2 * 4) & 15) != 0; n++)
        room->text[n] = alphabet[code];
    ASSERT(n < sizeof room->text);
    return str_make(room->text, n);
}

// --- sessions

static bool text_is_long(const struct session *s)
{
    return s->granted || s->user_n + s->name_n > SESSION_TEXT_INLINE;
}

const struct grant *session_grant(const struct session *s)
{
    return s->granted ? (const struct grant *)(const void *)s->text_long : NULL;
}

static size_t grant_bytes(const struct grant *g)
{
    size_t n = sizeof *g;
#define X(field) n += g->field.n;
    GRANT_STRS(X)
#undef X
    return n;
}

// The strings of a grant, behind everything else in its block.
static void grant_put(struct grant *to, const struct grant *from, char *tail)
{
    *to = *from;
#define X(field)                                    \
    if (from->field.n != 0)                         \
        memcpy(tail, from->field.p, from->field.n); \
    if (from->field.p != NULL)                      \
        to->field = str_make(tail, from->field.n);  \
    tail += from->field.n;
    GRANT_STRS(X)
#undef X
}

static const char *session_text(const struct session *s)
{
    size_t grant = s->granted ? sizeof(struct grant) : 0;
    return text_is_long(s) ? s->text_long + grant : s->text_inline;
}

enum err session_init(struct session *s, struct mem *m, const char id[SESSION_ID_LEN], str user, str name,
                      const struct grant *by)
{
    ASSERT(!session_there(s));
    ASSERT(user.n != 0);
    ASSERT(user.p != NULL);
    ASSERT(user.n <= USER_ID_MAX);
    ASSERT(name.n <= USER_NAME_MAX);
    if (str_eq(user, name))
        name = STR_NONE;
    size_t text_n = user.n + name.n, head = by != NULL ? sizeof *by : 0;
    char *block = NULL;
    if ((by != NULL || text_n > SESSION_TEXT_INLINE) &&
        (block = mem_alloc(m, text_n + (by != NULL ? grant_bytes(by) : 0))) == NULL)
        return ERR_NOMEM;
    char *text = block != NULL ? block + head : s->text_inline;
    memcpy(text, user.p, user.n);
    if (name.n != 0)
        memcpy(text + user.n, name.p, name.n);
    if (by != NULL)
        grant_put((struct grant *)(void *)block, by, text + text_n);
    if (block != NULL)
        s->text_long = block;
    s->granted = by != NULL;
    memcpy(s->id, id, SESSION_ID_LEN);
    s->user_n = (uint8_t)user.n;
    s->name_n = name.n & 0x7f;
    return OK;
}

enum err session_renamed(const struct session *s, struct mem *m, str name, struct session *ret)
{
    *ret = (struct session){0};
    return session_init(ret, m, s->id, session_user(s), name, session_grant(s));
}

void session_deinit(struct session *s, struct mem *m)
{
    if (text_is_long(s))
        mem_free(m, s->text_long,
                 (size_t)s->user_n + s->name_n + (s->granted ? grant_bytes(session_grant(s)) : 0));
    *s = (struct session){0};
}

str session_user(const struct session *s) { return (str){session_text(s), s->user_n}; }

str session_name(const struct session *s)
{
    return s->name_n == 0 ? session_user(s) : (str){session_text(s) + s->user_n, s->name_n};
}

// --- notices

static void send(const struct context *cx, struct notice *n)
{
    ASSERT(n->type < NOTICE_COUNT);
    ASSERT(n->connection == UINT32_MAX || slab_used(cx->conns, n->connection));
    struct peer peer;
    if (n->connection != UINT32_MAX) {
        const struct who *w = who_at(cx, n->connection);
        n->peer = who_peer(w, &peer);
        if (session_there(&w->session)) {
            n->user = session_user(&w->session);
            n->session = str_make(w->session.id, SESSION_ID_LEN);
        }
    }
    cx->host->notice(cx->host->ctx, n);
}

void notice_put(const struct context *cx, enum notice_type type, uint32_t conn, uint32_t code,
                const char *text, str room)
{
    struct notice n = {.type = type, .connection = conn, .code = code, .text = text, .room = room};
    send(cx, &n);
}

void notice_put_about(const struct context *cx, enum notice_type type, uint32_t conn, uint32_t code,
                      const char *text, str subject)
{
    struct notice n = {.type = type, .connection = conn, .code = code, .text = text, .subject = subject};
    send(cx, &n);
}

void notice_put_user(const struct context *cx, enum notice_type type, const char *text, str user, str session,
                     str room)
{
    struct notice n = {
        .type = type, .connection = UINT32_MAX, .text = text, .user = user, .session = session, .room = room};
    send(cx, &n);
}

void notice_put_why(const struct context *cx, enum notice_type type, const char *text, str user, str why)
{
    struct notice n = {.type = type, .connection = UINT32_MAX, .text = text, .user = user, .subject = why};
    send(cx, &n);
}
