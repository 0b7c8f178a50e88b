// SPDX-License-Identifier: Apache-2.0
//
// Helpers that check tokens: what runs on threads of its own in production (io/verifiers.h) runs here when its time has come, by the
// same code. A helper takes its time, and each takes its own: jobs of one shard come back in their order from one helper, and in
// any order from several. What a job needs memory for may find none. In some plans their key is fetched, and sometimes
// lost again: tokens wait for it, and are put off where a fetch has brought nothing.
#include "sim/revoke.h"
#include "sim/world.h"

#include "base/codec.h"
#include "core/auth/keyring.h"
#include "core/auth/verifier.h"
#include "wire/jws.h"

#include <stdio.h>
#include <stdlib.h>

static const char ours[] = "a secret of the simulator, 32 bytes and more";
static const char theirs[] = "somebody else's secret, which is as long as ours";

static struct jwk key_of(const char *secret)
{
    struct jwk key = {0};
    struct jwk_problem problem;
    const struct jwk_wish wish = {.use = JWK_TO_SIGN, .has_alg = true, .alg = JWA_HS256};
    enum err e = jwk_from_secret(str_from_cstr(secret), &wish, &key, &problem);
    ASSERT(e == OK);
    return key;
}

// --- the helpers

static struct keyring *ring(struct world *w, uint64_t generation, const struct jwk *key, bool there)
{
    const struct keyring_issuer issuer = {.name = STR("sim"),
                                          .any_audience = true,
                                          .leeway_ms = SIM_LEEWAY_MS,
                                          .url = w->plan.key_ms != 0 ? STR("https://sim/") : STR_NONE,
                                          .waits = !there,
                                          .keys = key,
                                          .keys_n = there};
    struct keyring *made;
    enum err e = keyring_create(&w->vmem.mem, &issuer, 1, generation, &made);
    ASSERT(e == OK);
    return made;
}

// Somebody needs the key: it is fetched, unless that is tried already.
static enum key_wish wish(void *ctx, const struct keyring *k, uint32_t issuers, uint64_t *stamp,
                          uint32_t *ret_retry_ms)
{
    struct hands_fetch *f = ctx;
    struct world *w = f->world;
    ASSERT(issuers == 1 && k->issuers[0].waits);
    if (*stamp == 0)
        *stamp = f->ended + 1;
    if (f->bad >= *stamp) {
        *ret_retry_ms = 1;
        return KEY_LATER;
    }
    if (f->due_ms == 0)
        f->due_ms = w->now_ms + 1 + roll(w, w->plan.key_ms);
    return KEY_WAIT;
}

void hands_begin(struct world *w)
{
    bool there = w->plan.key_ms == 0;
    if (w->plan.verifiers == 0)
        return;
    struct jwk key = key_of(ours);
    w->hands.keys = ring(w, 1, &key, true);
    w->hands.none = there ? NULL : ring(w, 2, &key, false);
    jwk_deinit(&key);
    w->settings.keys = w->hands.keys;
    for (uint32_t s = 0; s < w->plan.servers; s++) {
        w->hands.fetches[s] = (struct hands_fetch){.world = w, .there = there};
        for (uint32_t k = 0; k < w->plan.verifiers; k++) {
            struct verifier *v = &w->hands.verifiers[s][k];
            verifier_init(v, &w->vmem.mem, &w->settings.hash_key);
            v->wishes = (struct key_wishes){&w->hands.fetches[s], wish};
            verifier_keys_set(v, keyring_ref(there ? w->hands.keys : w->hands.none));
        }
    }
}

static uint64_t delay(struct world *w)
{
    return w->plan.verify_ms == 0 || !w->faults ? 0 : roll(w, w->plan.verify_ms + 1u);
}

static void letter_put(struct world *w, struct letterbox *box, struct mail *m)
{
    uint64_t due = w->now_ms + delay(w);
    if (box->n != 0 && box->v[box->n - 1].due_ms > due)
        due = box->v[box->n - 1].due_ms;
    ARENA_GROW(&w->arena, box->v, box->n, box->cap);
    box->v[box->n++] = (struct letter){m, due};
}

static struct mail *letter_take(const struct world *w, struct letterbox *box)
{
    if (box->n == 0 || box->v[0].due_ms > w->now_ms)
        return NULL;
    struct mail *m = box->v[0].mail;
    memmove(box->v, box->v + 1, --box->n * sizeof *box->v);
    return m;
}

void hands_give(struct world *w, struct node *n)
{
    for (uint32_t k = 0; k < w->plan.verifiers; k++)
        for (struct mail *m; (m = shard_pull_mail(n->shard, w->plan.shards + 1 + k)) != NULL;) {
            n->deeds++;
            letter_put(w, &w->hands.in[k][n->index], m);
        }
}

static void verdict_put(struct world *w, uint32_t server, uint32_t k, struct mail *verdict)
{
    uint32_t shard = ((const struct verdict_mail *)(const void *)verdict)->conn.shard;
    for (uint32_t i = 0; i < w->nodes_n; i++)
        if (w->nodes[i].server == server && w->nodes[i].index == w->nodes[i].first + shard)
            letter_put(w, &w->hands.out[k][i], verdict);
}

// What has ended, and now and then a key that counts no longer.
static void fetch_step(struct world *w, uint32_t server)
{
    struct hands_fetch *f = &w->hands.fetches[server];
    bool ends = f->due_ms != 0 && f->due_ms <= w->now_ms, lost = f->there && w->faults && chance(w, 2000);
    if (!ends && !lost)
        return;
    if (ends) {
        f->due_ms = 0;
        f->ended++;
        f->there = !w->faults || !chance(w, 3);
        f->bad = f->there ? f->bad : f->ended;
        w->counts.keys_fetched += f->there;
    } else {
        f->there = false;
    }
    for (uint32_t k = 0; k < w->plan.verifiers; k++) {
        struct verifier *v = &w->hands.verifiers[server][k];
        w->counts.tokens_waited += v->waiting_n;
        verifier_keys_set(v, keyring_ref(f->there ? w->hands.keys : w->hands.none));
        verifier_look_again(v);
        for (struct mail *m; (m = verifier_pull(v)) != NULL;)
            verdict_put(w, server, k, m);
        verifier_check(v);
    }
}

void hands_step(struct world *w)
{
    for (uint32_t s = 0; s < w->plan.servers && w->plan.verifiers != 0 && w->plan.key_ms != 0; s++)
        fetch_step(w, s);
    for (uint32_t k = 0; k < w->plan.verifiers; k++)
        for (uint32_t i = 0; i < w->nodes_n; i++)
            for (struct mail *m; (m = letter_take(w, &w->hands.in[k][i])) != NULL;) {
                struct verifier *v = &w->hands.verifiers[w->nodes[i].server][k];
                struct mail *verdict = verifier_work(v, m);
                if (verdict != NULL)
                    letter_put(w, &w->hands.out[k][i], verdict);
                w->counts.tokens++;
            }
}

bool hands_wait_for(const struct world *w, const struct node *n)
{
    for (uint32_t k = 0; k < w->plan.verifiers; k++) {
        const struct letterbox *box = &w->hands.out[k][n->index];
        if ((box->n != 0 && box->v[0].due_ms <= w->now_ms) ||
            shard_mail_waiting(n->shard, w->plan.shards + 1 + k) != 0)
            return true;
    }
    return false;
}

struct mail *hands_pull(struct world *w, const struct node *n)
{
    for (uint32_t k = 0; k < w->plan.verifiers; k++) {
        struct mail *m = letter_take(w, &w->hands.out[k][n->index]);
        if (m != NULL)
            return m;
    }
    return NULL;
}

void hands_each(const struct world *w, void (*each)(void *ctx, const struct mail *m), void *ctx)
{
    for (uint32_t k = 0; k < w->plan.verifiers; k++)
        for (uint32_t i = 0; i < w->nodes_n; i++) {
            for (uint32_t l = 0; l < w->hands.in[k][i].n; l++)
                each(ctx, w->hands.in[k][i].v[l].mail);
            for (uint32_t l = 0; l < w->hands.out[k][i].n; l++)
                each(ctx, w->hands.out[k][i].v[l].mail);
        }
    for (uint32_t k = 0; k < w->plan.verifiers; k++)
        for (uint32_t s = 0; s < w->plan.servers; s++)
            each(ctx, w->hands.verifiers[s][k].waiting); // a list
}

void hands_forget(struct world *w)
{
    for (uint32_t k = 0; k < w->plan.verifiers; k++)
        for (uint32_t s = 0; s < w->plan.servers; s++)
            verifier_forget(&w->hands.verifiers[s][k]);
}

static void boxes_end(struct world *w, struct letterbox *box)
{
    for (uint32_t i = 0; i < box->n; i++)
        mail_discard(&w->vmem.mem, box->v[i].mail);
    box->n = 0;
}

void hands_end(struct world *w)
{
    for (uint32_t k = 0; k < w->plan.verifiers; k++) {
        for (uint32_t i = 0; i < w->nodes_n; i++) {
            boxes_end(w, &w->hands.in[k][i]);
            boxes_end(w, &w->hands.out[k][i]);
        }
        for (uint32_t s = 0; s < w->plan.servers; s++) {
            for (struct mail *m; (m = verifier_give_up(&w->hands.verifiers[s][k])) != NULL;)
                mail_discard(&w->vmem.mem, m);
            verifier_deinit(&w->hands.verifiers[s][k]);
        }
    }
    keyring_unref(w->hands.keys);
    keyring_unref(w->hands.none);
}

// --- tokens

void hands_user(const struct world *w, const struct client *c, char ret[USER_ID_MAX])
{
    snprintf(ret, USER_ID_MAX, "%su%u", tenancy_prefix(w, c), c->index);
}

// Its tokens name all rooms.
bool hands_invited(const struct client *c) { return c->known && c->index % 3 == 0; }

// What they say of the server, if anything: of nothing, of rooms that it may make, of all but that, of all.
static const char *const serving[] = {"", ",\"server\":[\"create\"]", ",\"server\":[\"rooms\",\"direct\"]",
                                      ",\"server\":[\"create\",\"direct\",\"rooms\"]"};

bool hands_serve(const struct world *w, const struct client *c, const char *user, const char *word)
{
    const char *says = serving[c->index / 3 % (sizeof serving / sizeof *serving)];
    if (tenancy_guest(user))
        return guests_serve(w, word);
    if (!hands_invited(c))
        return true;
    return says[0] == '\0' ? strcmp(word, "create") == 0 : strstr(says, word) != NULL;
}

// Its tokens say something of it to others.
static bool informed(const struct world *w, uint32_t index)
{
    return index < w->plan.clients && w->clients[index].known && index % 2 == 0;
}

static uint32_t info_pad(uint32_t number) { return number % 5 == 0 ? 300 : number % 5; }

void hands_sign(enum token_kind kind, str claims, struct buf *out)
{
    struct jwk key = key_of(kind == TOKEN_IS_FORGED ? theirs : ours);
    enum err e = jws_sign(&key, claims, out);
    ASSERT(e == OK);
    jwk_deinit(&key);
}

// As who issues them would: wrong ones are signed by somebody else, or have been good.
uint32_t hands_token(struct world *w, struct client *c, enum token_kind kind, struct buf *out)
{
    char claims[1024], info[512] = "", caps[128] = "", full[USER_ID_MAX];
    uint64_t now_s = w->wall_ms / 1000, far_s = UINT64_C(100) * 86400; // farther than the wall clock jumps
    uint64_t ends = kind == TOKEN_IS_LATE ? now_s - far_s : now_s + far_s;
    uint32_t number = ++c->info_made;
    hands_user(w, c, full);
    const char *user = tenancy_bare(full); // the prefix is its tenant's
    if (informed(w, c->index))
        snprintf(info, sizeof info, ",\"info\":{\"of\":%u,\"n\":%u,\"pad\":\"%0*u\"}", c->index, number,
                 (int)info_pad(number), 0u);
    if (hands_invited(c))
        snprintf(caps, sizeof caps, ",\"caps\":{\"rooms\":{\"**\":[\"host\"]}%s}",
                 serving[c->index / 3 % (sizeof serving / sizeof *serving)]);
    c->token = ++w->tokens_n;
    c->token_ms = revoke_next_ms(w, c);
    int n = snprintf(
        claims, sizeof claims,
        "{\"sub\":\"%s\",\"name\":\"%s by token\",\"exp\":%llu,\"iat\":%llu,\"jti\":\"t%u\"%s%s}", user, user,
        (unsigned long long)ends, (unsigned long long)c->token_ms / 1000, c->token, info, caps);
    ASSERT(n > 0 && (size_t)n < sizeof claims);
    hands_sign(kind, str_make(claims, (size_t)n), out);
    return number;
}

// The number behind that key, which *at begins with and is behind then; UINT32_MAX: there is none.
static uint32_t number_behind(const char **at, const char *key)
{
    size_t n = strlen(key);
    if (strncmp(*at, key, n) != 0)
        return UINT32_MAX;
    char *end;
    unsigned long number = strtoul(*at + n, &end, 10);
    if (end == *at + n || number >= UINT32_MAX)
        return UINT32_MAX;
    *at = end;
    return (uint32_t)number;
}

uint32_t hands_check_info(struct world *w, struct client *c, str user, str info)
{
    char text[USER_ID_MAX + 1], shown[512];
    uint32_t of = UINT32_MAX, number = 0;
    ASSERT(user.n <= USER_ID_MAX);
    memcpy(text, user.p, user.n);
    text[user.n] = '\0';
    if (c != NULL)
        tenancy_check_user(w, c, user);
    const char *at = tenancy_bare(text);
    const uint32_t index = number_behind(&at, "u");
    bool theirs_say = informed(w, index);
    if (theirs_say != (info.p != NULL && info.n != 0))
        trace_fail(w, c, "IDENTITY: of %s is shown %.*s", text, STR_ARG(info));
    if (!theirs_say)
        return 0;
    if (info.n < sizeof shown) {
        memcpy(shown, info.p, info.n);
        shown[info.n] = '\0';
        at = shown;
        of = number_behind(&at, "{\"of\":");
        number = number_behind(&at, ",\"n\":");
    }
    if (of != index || number == 0 || number > w->clients[index].info_made)
        trace_fail(w, c, "IDENTITY: of %s is shown %.*s", text, STR_ARG(info));
    w->counts.infos++;
    return number;
}
