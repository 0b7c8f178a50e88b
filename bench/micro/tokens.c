// SPDX-License-Identifier: Apache-2.0
//
// tokens: what a token costs, by algorithm: one that is new, one that was seen before, one that is forged.
//
//     build/release/bench/tokens
//
// CPU time of one thread for all that is done about it: form, claims, signature, and the verdict in memory of its own. The best
// of ROUNDS rounds, as whatever else runs here only makes it worse. RSA keys have 2,048 bits.
#include "core/auth/cache.h"
#include "io/mem_malloc.h"
#include "wire/digest.h"
#include "wire/jwk_make.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROUNDS = 7, ROUND_TOKENS_MAX = 3000, CACHE_ENTRIES = 1000, CACHE_BYTES = 1 << 20, PEM_MAX = 8192 };
#define NOW_MS UINT64_C(1795161600000)

static const char claims[] =
    "{\"sub\":\"0123456789\",\"name\":\"Ada Lovelace\",\"iat\":1795161600,\"exp\":1795165200,"
    "\"iss\":\"https://id.example.com\",\"aud\":\"plenum\","
    "\"caps\":{\"rooms\":{\"lobby\":[\"join\",\"publish\"]}}}";

struct run {
    struct mem mem;
    struct jwk signer, key;
    struct keyring *ring;
    struct token_cache *cache;
    struct buf token, forged;
};

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "tokens: %s\n", what);
    exit(1);
}

static double cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

// ---- keys

static void key_read(BIO *bio, enum jwk_use use, enum jwa alg, struct jwk *ret)
{
    char pem[PEM_MAX];
    struct jwk_problem problem;
    int n = BIO_read(bio, pem, sizeof pem);
    const struct jwk_wish wish = {.use = use, .has_alg = true, .alg = alg, .kid = STR("a")};
    if (n <= 0 || jwk_from_pem(str_make(pem, (size_t)n), &wish, ret, &problem) != OK)
        die("a key could not be read");
    BIO_free(bio);
}

static void keys_make(struct run *r, enum jwa alg)
{
    static const char secret[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    struct jwk_problem problem;
    const struct jwk_wish wish = {.use = JWK_TO_SIGN, .has_alg = true, .alg = alg, .kid = STR("a")};
    if (jwa_row(alg)->kind == JWA_HMAC) {
        if (jwk_from_secret(STR(secret), &wish, &r->signer, &problem) != OK)
            die("no secret");
        jwk_copy(&r->key, &r->signer);
        return;
    }
    EVP_PKEY *pkey = jwk_pair_make(alg, JWA_RSA_BITS_MIN);
    BIO *private = BIO_new(BIO_s_mem()), *public = BIO_new(BIO_s_mem());
    if (pkey == NULL || !PEM_write_bio_PrivateKey(private, pkey, NULL, NULL, 0, NULL, NULL) ||
        !PEM_write_bio_PUBKEY(public, pkey))
        die("no key pair");
    key_read(private, JWK_TO_SIGN, alg, &r->signer);
    key_read(public, JWK_TO_VERIFY, alg, &r->key);
    EVP_PKEY_free(pkey);
}

static void begin(struct run *r, enum jwa alg)
{
    static const str audience = {"plenum", 6};
    static const struct siphash_key hash = {1, 2};
    mem_init(&r->mem, mem_malloc_backend(), 0);
    keys_make(r, alg);
    const struct keyring_issuer issuer = {.name = STR("main"),
                                          .issuer = STR("https://id.example.com"),
                                          .audiences = &audience,
                                          .audiences_n = 1,
                                          .keys = &r->key,
                                          .keys_n = 1};
    buf_init(&r->token, &r->mem, 0);
    buf_init(&r->forged, &r->mem, 0);
    if (keyring_create(&r->mem, &issuer, 1, 1, &r->ring) != OK ||
        token_cache_create(&r->mem, &hash, CACHE_ENTRIES, CACHE_BYTES, &r->cache) != OK ||
        jws_sign(&r->signer, STR(claims), &r->token) != OK)
        die("no memory");
    buf_put_str(&r->forged, buf_str(&r->token));
    r->forged.p[r->forged.n - 8] = r->forged.p[r->forged.n - 8] == 'A' ? 'B' : 'A';
}

static void end(struct run *r)
{
    token_cache_destroy(r->cache);
    keyring_unref(r->ring);
    buf_deinit(&r->token);
    buf_deinit(&r->forged);
    jwk_deinit(&r->signer);
    jwk_deinit(&r->key);
}

// ---- rounds

static void look(struct run *r, const struct buf *token, bool cached, enum err wanted)
{
    struct verified *v;
    struct token_refusal refusal;
    enum err e = cached ? token_cache_verify(r->cache, r->ring, buf_str(token), NOW_MS, &r->mem, &v, &refusal)
                        : token_verify(r->ring, buf_str(token), NOW_MS, &r->mem, &v, &refusal);
    if (e != wanted)
        die("a token was judged wrongly");
    verified_free(e == OK ? v : NULL, &r->mem);
}

// Microseconds for one, in the best round.
static double measure(struct run *r, const struct buf *token, bool cached, enum err wanted)
{
    double best = 0;
    double once = cpu_us();
    look(r, token, cached, wanted);
    once = cpu_us() - once;
    int n = once > 200 ? ROUND_TOKENS_MAX / 15 : ROUND_TOKENS_MAX;
    for (int round = 0; round < ROUNDS; round++) {
        double from = cpu_us();
        for (int i = 0; i < n; i++)
            look(r, token, cached, wanted);
        double each = (cpu_us() - from) / n;
        best = round == 0 || each < best ? each : best;
    }
    return best;
}

int main(void)
{
    if (digest_self_test() != OK)
        die("libcrypto does not work");
    puts("algorithm  bytes  new us  seen us  forged us");
    for (int alg = 0; alg < JWA_COUNT; alg++) {
        struct run r;
        begin(&r, (enum jwa)alg);
        double fresh = measure(&r, &r.token, false, OK), seen = measure(&r, &r.token, true, OK),
               forged = measure(&r, &r.forged, false, ERR_DENIED);
        printf("%-9.*s  %5zu  %6.1f  %7.2f  %9.1f\n", STR_ARG(jwa_name((enum jwa)alg)), r.token.n, fresh,
               seen, forged);
        end(&r);
    }
    return 0;
}
