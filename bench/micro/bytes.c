// SPDX-License-Identifier: Apache-2.0
//
// bytes: what the loops over all bytes of a message cost, with and without vector instructions that are chosen at run time.
//
//     build/release/bench/bytes [MILLISECONDS]
//
// Each row is a loop and a kind of text, each column a length and what the loop may use (base/cpu.h); GB/s of the longer of what
// goes in and comes out, the best of nine runs of so many milliseconds together, of the thread's own time.
#include "base/codec.h"
#include "base/cpu.h"
#include "io/mem_malloc.h"
#include "wire/json.h"
#include "wire/utf8.h"
#include "wire/ws_frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BYTES_MAX = 64 * 1024, RUNS = 9 };

struct text {
    char in[BYTES_MAX * 2], out[BYTES_MAX * 2];
    size_t n;
    struct mem mem;
    struct buf buf;
};

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); // what others take of the machine does not count
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void repeat(struct text *t, size_t n, str piece)
{
    t->n = 0;
    while (t->n + piece.n <= n) {
        memcpy(t->in + t->n, piece.p, piece.n);
        t->n += piece.n;
    }
    while (t->n < n)
        t->in[t->n++] = 'x';
}

static void fill_ascii(struct text *t, size_t n) { repeat(t, n, STR("the quick brown fox jumps over it, ")); }
static void fill_russian(struct text *t, size_t n)
{
    repeat(t, n, STR("\xd0\xbf\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82, \xd0\xbc\xd0\xb8\xd1\x80 "));
}
static void fill_chinese(struct text *t, size_t n)
{
    repeat(t, n, STR("\xe4\xbd\xa0\xe5\xa5\xbd\xef\xbc\x8c\xe4\xb8\x96\xe7\x95\x8c"));
}
static void fill_quoted(struct text *t, size_t n, bool russian)
{
    (russian ? fill_russian : fill_ascii)(t, n - 2);
    memmove(t->in + 1, t->in, t->n);
    t->in[0] = t->in[t->n + 1] = '"';
    t->n += 2;
}
static void fill_string(struct text *t, size_t n) { fill_quoted(t, n, false); }
static void fill_string_russian(struct text *t, size_t n) { fill_quoted(t, n, true); }
static void fill_base64(struct text *t, size_t n)
{
    fill_ascii(t, n / 4 * 3);
    t->n = base64_encode(t->in, t->n, t->out);
    memcpy(t->in, t->out, t->n);
}

static void run_unmask(struct text *t) { ws_unmask((uint8_t *)t->in, t->n, 0x12345678); }
static void run_utf8(struct text *t)
{
    if (!utf8_valid(str_make(t->in, t->n)))
        exit(1);
}
static void run_json(struct text *t)
{
    if (json_validate(str_make(t->in, t->n), NULL) != OK)
        exit(1);
}
static void run_json_put(struct text *t)
{
    buf_reset(&t->buf, sizeof t->out);
    json_put_string(&t->buf, str_make(t->in, t->n));
}
static void run_encode(struct text *t) { base64_encode(t->in, t->n / 4 * 3, t->out); }
static void run_decode(struct text *t)
{
    size_t n;
    if (!base64_decode(str_make(t->in, t->n), t->out, &n))
        exit(1);
}

static const struct {
    const char *name;
    void (*fill)(struct text *t, size_t n);
    void (*run)(struct text *t);
} rows[] = {
    {"unmask", fill_ascii, run_unmask},
    {"UTF-8, English", fill_ascii, run_utf8},
    {"UTF-8, Russian", fill_russian, run_utf8},
    {"UTF-8, Chinese", fill_chinese, run_utf8},
    {"JSON string, English", fill_string, run_json},
    {"JSON string, Russian", fill_string_russian, run_json},
    {"write a JSON string", fill_ascii, run_json_put},
    {"base64, encode", fill_ascii, run_encode},
    {"base64, decode", fill_base64, run_decode},
};

static double measure(struct text *t, void (*run)(struct text *t), double seconds)
{
    double best = 0;
    for (int i = 0; i < RUNS; i++) {
        double began = now_s(), ended = began;
        uint64_t times = 0;
        for (; ended - began < seconds / RUNS; ended = now_s()) {
            for (int k = 0; k < 64; k++)
                run(t);
            times += 64;
        }
        const double rate = (double)t->n * (double)times / (ended - began) / 1e9;
        best = rate > best ? rate : best;
    }
    return best;
}

int main(int argc, char **argv)
{
    static const size_t lengths[] = {64, 256, 1024, 4096, BYTES_MAX};
    static struct text t;
    uint64_t ms = 30;
    if (argc > 1 && !str_to_u64(str_from_cstr(argv[1]), 10000, &ms))
        return 2;
    mem_init(&t.mem, mem_malloc_backend(), 0);
    buf_init(&t.buf, &t.mem, 0);
    const enum cpu_level has = cpu_level();
    printf("%-22s", "GB/s");
    for (size_t k = 0; k < sizeof lengths / sizeof lengths[0]; k++)
        printf("%*zu", 8 * (int)(has + 1), lengths[k]);
    printf("\n%-22s", "");
    for (size_t k = 0; k < sizeof lengths / sizeof lengths[0]; k++)
        for (enum cpu_level level = CPU_PLAIN; level <= has; level++)
            printf("%8s", cpu_level_name(level));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        printf("\n%-22s", rows[i].name);
        for (size_t k = 0; k < sizeof lengths / sizeof lengths[0]; k++) {
            rows[i].fill(&t, lengths[k]);
            for (enum cpu_level level = CPU_PLAIN; level <= has; level++) {
                cpu_level_limit(level);
                printf("%8.2f", measure(&t, rows[i].run, (double)ms / 1e3));
                fflush(stdout);
            }
        }
    }
    printf("\n");
    buf_deinit(&t.buf);
    return 0;
}
