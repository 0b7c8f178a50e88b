// SPDX-License-Identifier: Apache-2.0
//
// token_support.h - a net whose helpers are the test: it takes their jobs (asked) and says what they would (tell).
#ifndef PLENUM_UNIT_TOKEN_SUPPORT_H
#define PLENUM_UNIT_TOKEN_SUPPORT_H

#include "core/auth/keyring.h"
#include "core/mail/token.h"
#include "unit/core_support.h"

// Keys are not looked at by an edge: that there are some is enough.
static struct keyring keys;

static inline struct net *token_net(uint32_t shards, uint32_t verifiers)
{
    struct net *n = net_new(shards);
    n->settings.verifiers = verifiers;
    n->settings.keys = &keys;
    return n;
}

static inline struct net *token_net_running(uint32_t shards, uint32_t verifiers)
{
    struct net *n = token_net(shards, verifiers);
    net_start(n);
    return n;
}

// The next job of that shard; the caller gives it back by tell or gives it up.
static inline struct token_mail *asked(struct net *n, uint32_t shard)
{
    net_settle(n);
    for (uint32_t k = 0; k < n->settings.verifiers; k++) {
        struct mail *m = shard_pull_mail(n->sh[shard], n->shards + 1 + k);
        if (m != NULL) {
            assert_int_equal(m->kind, MAIL_TOKEN);
            return (struct token_mail *)(void *)m;
        }
    }
    return NULL;
}

static inline void tell(struct net *n, uint32_t shard, struct token_mail *job, const struct verdict_mail *v)
{
    struct verdict_mail *made = v->verdict == TOKEN_BUSY ? verdict_busy(job) : verdict_make(&n->mem, job, v);
    assert_non_null(made);
    if (v->verdict != TOKEN_BUSY)
        mail_discard(&n->mem, &job->mail);
    shard_turn_begin(n->sh[shard], n->now_ms, n->wall_ms, 0);
    shard_on_mail(n->sh[shard], &made->mail);
    shard_turn_end(n->sh[shard]);
    net_settle(n);
}

static inline struct verdict_mail good(const struct net *n, const char *user)
{
    return (struct verdict_mail){.verdict = TOKEN_GOOD,
                                 .issued_ms = n->wall_ms,
                                 .expires_ms = n->wall_ms + 60000,
                                 .user = str_from_cstr(user),
                                 .called = STR("Ada L."),
                                 .info = STR("{\"team\":\"blue\"}"),
                                 .issuer = STR("main"),
                                 .token_id = STR("j-1")};
}

#endif
