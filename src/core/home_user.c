// SPDX-License-Identifier: Apache-2.0
//
// A user's home: which connections are whose, and directs to them. A session is asked in here before its client is welcomed, so that nobody
// who has been told a user's id can be faster with a direct than the user's registration. Rejected: to register by mail
// and welcome at once (a direct by way of another shard overtakes the mail), and to let directs wait for registrations
// under way (whom they are for is not known where they are).
#include "core/shard_state.h"

static void evict(struct shard *sh, const struct conn_ref *old)
{
    if (old->shard == sh->index) {
        edge_evict(sh, old);
        return;
    }
    struct evict_mail *mail = pack_plain(sh->mem, MAIL_EVICT, sizeof *mail);
    mail->conn = *old;
    shard_post(sh, old->shard, &mail->mail);
}

void home_register(struct shard *sh, const struct ask *a)
{
    struct register_mail m = {.conn = a->conn,
                              .user_print = a->user_print,
                              .session_print = a->session_print,
                              .since_ms = a->since_ms,
                              .resumed = a->resumed};
    struct answer ans = {.effect = EFFECT_REGISTERED, .resumed = a->resumed, .payload = a->cmd.id};
    bool has_old;
    struct conn_ref old;
    if (registry_add(&sh->registry, &m, &has_old, &old) != OK) {
        metric_add(&sh->metrics->limit_memory, 1);
        shard_notice(sh, NOTICE_MEMORY, UINT32_MAX, 0, "a session's registration", STR_NONE);
        ans.effect = EFFECT_STRANGER;
    } else if (has_old) {
        // Before the answer: it may be the asker that was overtaken, and it is not to be welcomed then.
        evict(sh, &old);
    }
    home_answer_event(sh, a, &ans, NULL);
}

void home_unregister(struct shard *sh, const struct register_mail *m)
{
    uint32_t dest = home_of(sh, m->user_print.lo);
    if (dest == sh->index) {
        registry_remove(&sh->registry, m);
        return;
    }
    struct register_mail *mail = pack_plain(sh->mem, MAIL_UNREGISTER, sizeof *mail);
    struct mail head = mail->mail;
    *mail = *m;
    mail->mail = head;
    shard_post(sh, dest, &mail->mail);
}

// --- directs

static struct direct_mail direct_to(const struct shard *sh, const struct ask *a, struct conn_ref conn)
{
    return (struct direct_mail){.conn = conn,
                                .time_ms = sh->wall_ms,
                                .user = a->user,
                                .session = a->session,
                                .name = a->name,
                                .data = a->cmd.data};
}

// By mail to sessions elsewhere; those on this shard are noted in `here`, of which there are ret_here. Returns how many
// mails went out.
static uint32_t direct_post(struct shard *sh, const struct ask *a, struct conn_ref *here, uint32_t *ret_here)
{
    uint32_t posted = 0;
    *ret_here = 0;
    for (uint32_t i = registry_find(&sh->registry, a->user_print); i != SLAB_NONE;
         i = registry_at(&sh->registry, i)->next) {
        struct direct_mail d = direct_to(sh, a, registry_at(&sh->registry, i)->conn);
        if (d.conn.shard == sh->index) {
            here[(*ret_here)++] = d.conn;
            continue;
        }
        struct direct_mail *mail = pack_direct(sh->mem, &d);
        if (mail == NULL) {
            metric_add(&sh->metrics->limit_memory, 1);
            continue;
        }
        shard_post(sh, d.conn.shard, &mail->mail);
        posted++;
    }
    return posted;
}

// To all of a user's sessions; returns how many. Those on this shard come last, from a list: delivering may end a
// connection, and with it change the registry.
static uint32_t direct_deliver(struct shard *sh, const struct ask *a)
{
    uint32_t sessions = 0;
    for (uint32_t i = registry_find(&sh->registry, a->user_print); i != SLAB_NONE;
         i = registry_at(&sh->registry, i)->next)
        sessions++;
    if (sessions == 0)
        return 0;
    struct conn_ref *here = mem_alloc(sh->mem, sessions * sizeof *here);
    if (here == NULL) {
        metric_add(&sh->metrics->limit_memory, 1);
        return 0;
    }
    uint32_t here_n, reached = direct_post(sh, a, here, &here_n);
    for (uint32_t i = 0; i < here_n; i++) {
        struct direct_mail d = direct_to(sh, a, here[i]);
        edge_direct(sh, &d);
    }
    mem_free(sh->mem, here, sessions * sizeof *here);
    return reached + here_n;
}

void home_direct(struct shard *sh, const struct ask *a)
{
    const struct settings *s = sh->settings;
    uint64_t reached = 0;
    bool duplicate = false;
    if (a->has_key) {
        idempotency_expire(&sh->direct_keys, sh->now_ms, s->idempotency_ms);
        duplicate = idempotency_find(&sh->direct_keys, a->key_print, &reached);
    }
    if (!duplicate) {
        if (a->has_key &&
            idempotency_put(&sh->direct_keys, a->key_print, 0, sh->now_ms, s->idempotency_keys) != OK) {
            home_answer_no_memory(sh, a, EFFECT_NONE);
            return;
        }
        reached = direct_deliver(sh, a);
        if (a->has_key && reached != 0)
            idempotency_amend(&sh->direct_keys, reached);
        else if (a->has_key) // nobody was there: it may be tried again
            idempotency_take_back(&sh->direct_keys);
    }
    struct answer ans = {.effect = EFFECT_NONE};
    struct event ev = {.type = EV_ACK,
                       .id = a->cmd.id,
                       .has_delivered = true,
                       .delivered = (uint32_t)reached,
                       .user = a->cmd.to,
                       .duplicate = duplicate};
    bool text = dialect_get((enum dialect_id)a->dialect)->text;
    home_answer_event(sh, a, &ans, a->cmd.id.n != 0 || text ? &ev : NULL);
}
