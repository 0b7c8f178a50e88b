// SPDX-License-Identifier: Apache-2.0
//
// A user's home: which connections are whose, and directs to them. A session is asked in here before its client is welcomed, so that nobody
// who has been told a user's id can be faster with a direct than the user's registration. Rejected: to register by mail
// and welcome at once (a direct by way of another shard overtakes the mail), and to let directs wait for registrations
// under way (whom they are for is not known where they are).
#include "core/home/home.h"

#include "core/common/who.h"

void home_register(struct home *h, const struct ask *a)
{
    struct register_mail m = {.conn = a->conn,
                              .user_print = a->user_print,
                              .session_print = a->session_print,
                              .since_ms = a->since_ms,
                              .resumed = a->resumed};
    struct answer ans = {.effect = EFFECT_REGISTERED, .resumed = a->resumed, .payload = a->cmd.id};
    bool has_old;
    struct conn_ref old;
    enum err e = registry_add(&h->registry, &m, h->cx->settings->sessions_per_user, &has_old, &old);
    if (e == ERR_LIMIT) {
        metric_add(&h->cx->metrics->limit_sessions, 1);
        ans.effect = EFFECT_STRANGER;
        ans.full = true;
    } else if (e != OK) {
        metric_add(&h->cx->metrics->limit_memory, 1);
        notice_put(h->cx, NOTICE_MEMORY, UINT32_MAX, 0, "a session's registration", STR_NONE);
        ans.effect = EFFECT_STRANGER;
    } else if (has_old) {
        // Before the answer: it may be the asker that was overtaken, and it is not to be welcomed then.
        struct evict_mail evict = {.conn = old};
        post_copy(h->mail, old.shard, MAIL_EVICT, &evict, sizeof evict);
    }
    home_answer_event(h, a, &ans, NULL);
}

void home_unregister(struct home *h, const struct register_mail *m) { registry_remove(&h->registry, m); }

// --- directs

static struct direct_mail direct_to(const struct home *h, const struct ask *a, struct conn_ref conn)
{
    return (struct direct_mail){.conn = conn,
                                .time_ms = h->cx->wall_ms,
                                .user = a->user,
                                .session = a->session,
                                .name = a->name,
                                .info = a->info,
                                .data = a->cmd.data};
}

// To all of a user's sessions; returns how many of them.
static uint32_t direct_deliver(struct home *h, const struct ask *a)
{
    uint32_t reached = 0;
    for (uint32_t i = registry_find(&h->registry, a->user_print); i != SLAB_NONE;
         i = registry_at(&h->registry, i)->next) {
        struct direct_mail d = direct_to(h, a, conn_ref_of(registry_at(&h->registry, i)->conn));
        if (post_direct(h->mail, d.conn.shard, &d))
            reached++;
        else
            metric_add(&h->cx->metrics->limit_memory, 1);
    }
    return reached;
}

// The same key to somebody else is another one: | n | key | to |.
static u128 key_print(const struct home *h, const struct ask *a)
{
    char material[1 + MESSAGE_KEY_MAX + USER_ID_MAX];
    str key = a->cmd.key, to = a->cmd.to;
    ASSERT(key.n >= 1 && key.n <= MESSAGE_KEY_MAX && to.n <= USER_ID_MAX);
    material[0] = (char)key.n;
    memcpy(material + 1, key.p, key.n);
    if (to.n != 0)
        memcpy(material + 1 + key.n, to.p, to.n);
    return print_str(h->cx, str_make(material, 1 + key.n + to.n));
}

// A direct from one tenant to another's user, or to nobody's; a backend may write to everybody.
static bool is_stranger(struct home *h, const struct ask *a)
{
    if (a->backend || tenant_by_name(h->cx, a->cmd.to) == a->tenant)
        return false;
    if (a->tenant != TENANT_NONE)
        metric_add(&h->cx->metrics->tenants[a->tenant - 1].strangers, 1);
    struct problem p = {.code = PROBLEM_FORBIDDEN,
                        .text = a->tenant != TENANT_NONE ? "The user {} is not one of your tenant."
                                                         : "The user {} is for its tenant only.",
                        .word_kind = WORD_QUOTED,
                        .word = a->cmd.to};
    home_answer_problem(h, a, EFFECT_NONE, &p);
    return true;
}

void home_direct(struct home *h, const struct ask *a)
{
    if (is_stranger(h, a))
        return;
    const struct once_limits limits = home_once_limits(h);
    const bool keyed = a->cmd.key.n != 0;
    const u128 owner = keyed ? print_str(h->cx, a->user) : (u128){0}; // the sender
    const u128 key = keyed ? key_print(h, a) : (u128){0};
    uint64_t at_ms = h->cx->steady_ms, reached = 0;
    bool duplicate = keyed && once_find(&h->said, owner, key, &limits, at_ms, &reached);
    if (!duplicate) {
        if (keyed && once_put(&h->said, &h->direct_keys, owner, key, 0, &limits, at_ms) != OK) {
            home_answer_no_memory(h, a, EFFECT_NONE);
            return;
        }
        reached = direct_deliver(h, a);
        if (keyed && reached != 0)
            once_amend(&h->said, owner, reached);
        else if (keyed) // nobody was there: it may be tried again
            once_take_back(&h->said, owner);
    }
    struct answer ans = {.effect = EFFECT_NONE};
    struct event ev = {.type = EV_ACK,
                       .id = a->cmd.id,
                       .has_delivered = true,
                       .delivered = (uint32_t)reached,
                       .user = a->cmd.to,
                       .duplicate = duplicate};
    bool reports = encoding_of(h->cx, a->encoding)->language->reports;
    home_answer_event(h, a, &ans, a->cmd.id.n != 0 || reports ? &ev : NULL);
}

// --- the backend closes a user's connections, or the one that it names

void home_disconnect(struct home *h, const struct ask *a)
{
    uint32_t told = 0;
    audit_put_ask(h->cx, a, AUDIT_DISCONNECT, "", STR_NONE);
    for (uint32_t i = registry_find(&h->registry, a->user_print); i != SLAB_NONE;
         i = registry_at(&h->registry, i)->next) {
        struct evict_mail evict = {.conn = conn_ref_of(registry_at(&h->registry, i)->conn), .ordered = true};
        post_copy(h->mail, evict.conn.shard, MAIL_EVICT, &evict, sizeof evict);
        told++;
    }
    struct answer ans = {.effect = EFFECT_NONE};
    struct event ev = {.type = EV_ACK, .id = a->cmd.id, .has_delivered = true, .delivered = told};
    home_answer_event(h, a, &ans, &ev);
}
