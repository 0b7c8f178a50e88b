// SPDX-License-Identifier: Apache-2.0
#include "core/auth/verifier.h"

#include "core/auth/caps.h"
#include "core/mail/post.h"

enum { REMEMBERED_MAX = 16384, REMEMBERED_BYTES_MAX = 8 << 20 };

void verifier_init(struct verifier *v, struct mem *mem, const struct siphash_key *key)
{
    *v = (struct verifier){.mem = mem, .key = *key};
}

void verifier_forget(struct verifier *v)
{
    token_cache_destroy(v->cache);
    v->cache = NULL;
}

void verifier_deinit(struct verifier *v)
{
    verifier_forget(v);
    keyring_unref(v->keys);
    *v = (struct verifier){0};
}

void verifier_keys_set(struct verifier *v, struct keyring *keys)
{
    keyring_unref(v->keys);
    v->keys = keys;
}

// Without memory for a cache each token is looked at anew; the next one may find some.
static enum err look(struct verifier *v, const struct token_mail *job, struct verified **ret,
                     struct token_refusal *ret_refusal)
{
    if (v->cache == NULL &&
        token_cache_create(v->mem, &v->key, REMEMBERED_MAX, REMEMBERED_BYTES_MAX, &v->cache) != OK)
        return token_verify(v->keys, job->token, job->wall_ms, v->mem, ret, ret_refusal);
    return token_cache_verify(v->cache, v->keys, job->token, job->wall_ms, v->mem, ret, ret_refusal);
}

// False: its claim of rights is not one, and *ret_why says so.
static bool caps_read(const struct verified *who, char room[CAPS_BYTES_MAX], str *ret,
                      struct sentence *ret_why)
{
    size_t n;
    *ret = STR_NONE;
    if (who->caps.p == NULL)
        return true;
    if (caps_make(who->caps, room, &n, ret_why) != OK)
        return false;
    *ret = str_make(room, n);
    return true;
}

static struct verdict_mail verdict_good(const struct verified *who, str caps)
{
    return (struct verdict_mail){.verdict = TOKEN_GOOD,
                                 .issued_ms = who->issued_ms,
                                 .expires_ms = who->expires_ms,
                                 .user = who->user,
                                 .called = who->name,
                                 .info = who->info,
                                 .caps = caps,
                                 .issuer = who->issuer_name,
                                 .token_id = who->jti};
}

static struct verdict_mail verdict_refused(const struct token_refusal *r)
{
    enum token_verdict verdict = r->rule == REFUSED_UNAVAILABLE ? TOKEN_BUSY
                                 : r->rule == REFUSED_EXPIRED   ? TOKEN_EXPIRED
                                                                : TOKEN_BAD;
    return (struct verdict_mail){.verdict = verdict, .why = sentence_str(&r->sentence)};
}

struct mail *verifier_work(struct verifier *v, struct mail *job)
{
    struct token_mail *t = (struct token_mail *)(void *)job;
    struct verified *who = NULL;
    struct token_refusal refusal = {.rule = REFUSED_UNAVAILABLE};
    ASSERT(job->kind == MAIL_TOKEN);
    char room[CAPS_BYTES_MAX];
    str caps = STR_NONE;
    bool good = v->keys != NULL && look(v, t, &who, &refusal) == OK;
    if (good && t->kept == 0 && verified_is_somebody(who, &refusal) != OK)
        good = false;
    if (good && !caps_read(who, room, &caps, &refusal.sentence)) {
        refusal.rule = REFUSED_PROFILE;
        good = false;
    }
    const struct verdict_mail say = good ? verdict_good(who, caps) : verdict_refused(&refusal);
    struct verdict_mail *made = say.verdict == TOKEN_BUSY ? NULL : verdict_make(v->mem, t, &say);
    verified_free(who, v->mem);
    if (made == NULL)
        return &verdict_busy(t)->mail;
    mail_discard(v->mem, job);
    return &made->mail;
}
