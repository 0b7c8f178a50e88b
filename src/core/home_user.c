// SPDX-License-Identifier: Apache-2.0
//
// A user's home: which connections are whose. A session is asked in here before its client is welcomed, so that nobody
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
