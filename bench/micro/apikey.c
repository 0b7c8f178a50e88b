// SPDX-License-Identifier: Apache-2.0
//
// apikey: whether the time that a wrong key of the HTTP API takes tells how near it is to a right one.
//
//     build/release/bench/apikey [SAMPLES]
//
// Two kinds of wrong keys of one length, in random order: one that differs from a configured key in its last character, one that has
// nothing in common with it. Welch's t of the cycles that the door takes for each, over all samples and over those below each of
// several limits, as what is rare and slow (an interrupt) hides what is small. |t| of 4.5 and above is a leak: the exit code is 1.
// The same is measured of a comparison that stops at the first difference: where that leak is not seen, nothing is said (exit code 2).
//
// Source: Reparaz, Balasch, Verbauwhede, "Dude, is my code constant time?", DATE 2017.
#include "base/prng.h"
#include "core/api/api_private.h"
#include "wire/digest.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { KEYS = 8, KEY_LEN = 43, HEAD_MAX = 512, LIMITS = 4, WARM_UP = 20000 };
#define T_MAX 4.5

static const double percentiles[LIMITS] = {0.5, 0.9, 0.99, 1.0};

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "apikey: %s\n", what);
    exit(2);
}

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void key_make(struct prng *dice, char ret[KEY_LEN])
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (int i = 0; i < KEY_LEN; i++)
        ret[i] = alphabet[prng_below(dice, 64)];
}

struct run {
    struct settings settings;
    struct api_key keys[KEYS];
    struct context cx;
    struct conns cs;
    char right[KEY_LEN];
};

static void run_make(struct run *r, struct prng *dice)
{
    for (int i = 0; i < KEYS; i++) {
        char key[KEY_LEN];
        key_make(dice, key);
        if (i == KEYS / 2)
            memcpy(r->right, key, KEY_LEN);
        if (digest_sha256(key, KEY_LEN, r->keys[i].sha256) != OK)
            die("no digest");
    }
    r->settings.api_keys = r->keys;
    r->settings.api_keys_n = KEYS;
    r->cx.settings = &r->settings;
    r->cs.cx = &r->cx;
}

// One request, judged; what it took.
static double judge(struct run *r, const char key[KEY_LEN])
{
    char head[HEAD_MAX];
    struct http_request rq;
    struct api_verdict v;
    int n = snprintf(head, sizeof head,
                     "POST /api/v1/info HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %.*s\r\n\r\n",
                     KEY_LEN, key);
    if (http_request_parse(str_make(head, (size_t)n), &rq) != OK)
        die("the request is none");
    double from = now_ns();
    api_judge(&r->cs, 0, &rq, &v);
    double took = now_ns() - from;
    if (v.status != 401)
        die("a wrong key was taken");
    return took;
}

// What the door does not do.
static double judge_badly(struct run *r, const char key[KEY_LEN])
{
    double from = now_ns();
    for (volatile int i = 0; i < KEY_LEN && key[i] == r->right[i];)
        i++;
    return now_ns() - from;
}

// ---- Welch's t, by Welford's sums

struct sums {
    double n, mean, m2;
};

static void sums_add(struct sums *s, double x)
{
    double delta = x - s->mean;
    s->n += 1;
    s->mean += delta / s->n;
    s->m2 += delta * (x - s->mean);
}

static double welch(const struct sums *a, const struct sums *b)
{
    double va = a->m2 / (a->n - 1) / a->n, vb = b->m2 / (b->n - 1) / b->n;
    return (a->mean - b->mean) / sqrt(va + vb);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double worst_t(const double *took, const uint8_t *kind, size_t n)
{
    double *sorted = malloc(n * sizeof *sorted), worst = 0;
    if (sorted == NULL)
        die("no memory");
    memcpy(sorted, took, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_size);
    for (int i = 0; i < LIMITS; i++) {
        double limit = sorted[(size_t)(percentiles[i] * (double)(n - 1))];
        struct sums of[2] = {0};
        for (size_t k = 0; k < n; k++)
            if (took[k] <= limit)
                sums_add(&of[kind[k]], took[k]);
        double t = welch(&of[0], &of[1]);
        printf("  up to %7.0f ns (%3.0f %%): near %6.1f ns, far %6.1f ns, t = %+.2f\n", limit,
               percentiles[i] * 100, of[0].mean, of[1].mean, t);
        worst = fabs(t) > worst ? fabs(t) : worst;
    }
    free(sorted);
    return worst;
}

// By the same instructions and from the same places, whichever it is: a copy that crosses a cache line was seen in what came behind it.
static void key_choose(const struct run *r, struct prng *dice, uint8_t far, char ret[KEY_LEN])
{
    char other[KEY_LEN];
    char mask = (char)-far;
    key_make(dice, other);
    for (int i = 0; i < KEY_LEN; i++) {
        char near = i < KEY_LEN - 1 ? r->right[i] : '!';
        ret[i] = (char)((other[i] & mask) | (near & ~mask));
    }
}

static double measure(struct run *r, struct prng *dice,
                      double (*judged)(struct run *r, const char key[KEY_LEN]), size_t n)
{
    double *took = calloc(n, sizeof *took);
    uint8_t *kind = calloc(n, 1);
    if (took == NULL || kind == NULL)
        die("no memory");
    for (size_t i = 0; i < n + WARM_UP; i++) {
        char key[KEY_LEN];
        uint8_t far = (uint8_t)prng_below(dice, 2);
        key_choose(r, dice, far, key);
        double ns = judged(r, key);
        if (i >= WARM_UP) {
            took[i - WARM_UP] = ns;
            kind[i - WARM_UP] = far;
        }
    }
    double t = worst_t(took, kind, n);
    free(took);
    free(kind);
    return t;
}

int main(int argc, char **argv)
{
    size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
    static struct run r;
    struct prng dice;
    if (n < 1000)
        die("expected a number of samples, at least 1000");
    prng_init(&dice, (uint64_t)time(NULL));
    run_make(&r, &dice);
    printf("%zu wrong keys against %d, a comparison that stops at the first difference:\n", n, KEYS);
    double control = measure(&r, &dice, judge_badly, n);
    printf("the door:\n");
    double t = measure(&r, &dice, judge, n);
    if (control < T_MAX)
        die("this machine is too noisy: not even a leak that is there is seen");
    printf("largest |t| %.2f, a leak from %.1f on (%.0f for one that is there): %s\n", t, T_MAX, control,
           t < T_MAX ? "none seen" : "LEAK");
    return t < T_MAX ? 0 : 1;
}
