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
    ASSERT(v->waiting_n == 0);
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
                                 .leeway_ms = who->leeway_ms,
                                 .user = who->user,
                                 .called = who->name,
                                 .info = who->info,
                                 .caps = caps,
                                 .issuer = who->issuer_name,
                                 .token_id = who->jti};
}

// ---- keys that are not there yet

static void wait_for_keys(struct verifier *v, struct token_mail *t)
{
    ASSERT(v->waiting_n < VERIFIER_WAITS_MAX);
    ASSERT(t->keys_stamp != 0);
    t->mail.next = v->waiting;
    v->waiting = &t->mail;
    v->waiting_n++;
}

// KEY_LOOKED where nobody could be asked.
static enum key_wish wish(struct verifier *v, struct token_mail *t, const struct token_refusal *r,
                          uint32_t *ret_retry_ms)
{
    if (r->missing == 0 || v->wishes.wish == NULL)
        return KEY_LOOKED;
    enum key_wish wished = v->wishes.wish(v->wishes.ctx, v->keys, r->missing, &t->keys_stamp, ret_retry_ms);
    if (wished != KEY_WAIT || v->waiting_n < VERIFIER_WAITS_MAX)
        return wished;
    *ret_retry_ms = VERIFIER_WAITS_RETRY_MS;
    return KEY_LATER;
}

void verifier_look_again(struct verifier *v)
{
    while (v->waiting != NULL) { // the one that came first comes first again
        struct mail *m = v->waiting;
        v->waiting = m->next;
        m->next = v->again;
        v->again = m;
    }
}

static struct mail *take(struct verifier *v, struct mail **from)
{
    struct mail *m = *from;
    if (m == NULL)
        return NULL;
    ASSERT(v->waiting_n > 0);
    *from = m->next;
    m->next = NULL;
    v->waiting_n--;
    return m;
}

struct mail *verifier_pull(struct verifier *v)
{
    for (struct mail *m; (m = take(v, &v->again)) != NULL;) {
        struct mail *verdict = verifier_work(v, m);
        if (verdict != NULL)
            return verdict;
    }
    return NULL;
}

struct mail *verifier_give_up(struct verifier *v)
{
    verifier_look_again(v);
    return take(v, &v->again);
}

static uint32_t list_check(const struct mail *first)
{
    uint32_t n = 0;
    for (const struct mail *m = first; m != NULL; m = m->next, n++) {
        ASSERT(m->kind == MAIL_TOKEN);                                         // 1
        ASSERT(((const struct token_mail *)(const void *)m)->keys_stamp != 0); // 1
    }
    return n;
}

void verifier_check(const struct verifier *v)
{
    ASSERT(v->waiting_n <= VERIFIER_WAITS_MAX);                            // 1
    ASSERT(v->waiting_n == list_check(v->waiting) + list_check(v->again)); // 1
}

// ---- verdicts

static struct verdict_mail verdict_refused(const struct token_refusal *r)
{
    enum token_verdict verdict = r->rule == REFUSED_UNAVAILABLE ? TOKEN_BUSY
                                 : r->rule == REFUSED_EXPIRED   ? TOKEN_EXPIRED
                                                                : TOKEN_BAD;
    return (struct verdict_mail){.verdict = verdict, .why = sentence_str(&r->sentence)};
}

static struct verdict_mail verdict_later(const struct verifier *v, struct token_refusal *r, uint32_t retry_ms)
{
    const struct keyring_issuer *issuer = &v->keys->issuers[r->issuer];
    ASSERT(retry_ms > 0);
    if (!issuer->waits) // else it says so
        sentence_set(&r->sentence,
                     "The token's key is not known here yet; the issuer {} is asked for it again soon.",
                     &issuer->name, 1);
    return (struct verdict_mail){
        .verdict = TOKEN_LATER, .retry_ms = retry_ms, .why = sentence_str(&r->sentence)};
}

struct mail *verifier_work(struct verifier *v, struct mail *job)
{
    struct token_mail *t = (struct token_mail *)(void *)job;
    struct verified *who = NULL;
    struct token_refusal refusal = {.rule = REFUSED_UNAVAILABLE};
    ASSERT(job->kind == MAIL_TOKEN);
    char room[CAPS_BYTES_MAX];
    str caps = STR_NONE;
    uint32_t retry_ms = 0;
    bool good = v->keys != NULL && look(v, t, &who, &refusal) == OK;
    enum key_wish wished = good ? KEY_LOOKED : wish(v, t, &refusal, &retry_ms);
    if (wished == KEY_WAIT) {
        wait_for_keys(v, t);
        return NULL;
    }
    if (good && t->kept == 0 && verified_is_somebody(who, &refusal) != OK)
        good = false;
    if (good && !caps_read(who, room, &caps, &refusal.sentence)) {
        refusal.rule = REFUSED_PROFILE;
        good = false;
    }
    struct verdict_mail say = good ? verdict_good(who, caps) : verdict_refused(&refusal);
    if (wished == KEY_LATER)
        say = verdict_later(v, &refusal, retry_ms);
    struct verdict_mail *made = say.verdict == TOKEN_BUSY ? NULL : verdict_make(v->mem, t, &say);
    verified_free(who, v->mem);
    if (made == NULL)
        return &verdict_busy(t)->mail;
    mail_discard(v->mem, job);
    return &made->mail;
}
