// SPDX-License-Identifier: Apache-2.0
//
// Recording must be cheap, because it happens for every message of every run: bytes are copied raw and made readable
// only in a report.
#include "sim/world.h"

#include "dialect/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static struct world *running; // for assertions, which carry no context

static void hash_bytes(uint64_t *hash, const void *p, size_t n)
{
    const uint8_t *b = p;
    uint64_t h = *hash;
    for (; n >= 8; n -= 8, b += 8) {
        uint64_t v;
        memcpy(&v, b, 8);
        h = (h ^ v) * 0x9e3779b97f4a7c15u;
        h ^= h >> 29;
    }
    for (; n > 0; n--, b++)
        h = (h ^ *b) * 0x100000001b3u;
    *hash = h;
}

static void event_print(FILE *out, const struct trace_event *e)
{
    fprintf(out, "  step %-6llu %9llu ms ", (unsigned long long)e->step, (unsigned long long)e->now_ms);
    if (e->client == TRACE_WORLD)
        fprintf(out, "world       %c ", e->mark);
    else
        fprintf(out, "c%-2u/link%-4u %c ", e->client, e->link, e->mark);
    for (uint32_t i = 0; i < e->text_n; i++) {
        unsigned char c = (unsigned char)e->text[i];
        if (c >= 0x20 && c < 0x7f)
            fputc(c, out);
        else
            fprintf(out, "\\x%02x", c);
    }
    fputs(e->text_n == TRACE_TEXT_MAX ? "...\n" : "\n", out);
}

void trace_bytes(struct world *w, const struct client *c, char mark, str bytes)
{
    struct trace *t = &w->trace;
    if (t->ring == NULL)
        t->ring = arena_alloc(&w->arena, TRACE_EVENTS * sizeof *t->ring);
    struct trace_event *e = &t->ring[t->n++ % TRACE_EVENTS];
    e->step = w->step;
    e->now_ms = w->now_ms;
    e->client = c != NULL ? c->index : TRACE_WORLD;
    e->link = c != NULL && c->link != NULL ? c->link->serial : 0;
    e->mark = mark;
    size_t n = bytes.n < TRACE_TEXT_MAX ? bytes.n : TRACE_TEXT_MAX;
    e->text_n = (uint8_t)n;
    if (n != 0)
        memcpy(e->text, bytes.p, n);
    hash_bytes(&t->hash, e, offsetof(struct trace_event, mark));
    hash_bytes(&t->hash, bytes.p, bytes.n);
    if (w->options->verbose)
        event_print(stdout, e);
}

void trace_note(struct world *w, const struct client *c, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    trace_bytes(w, c, '*', str_make(text, n < (int)sizeof text ? (size_t)n : sizeof text - 1));
}

// The last events of a client and of the world, oldest first.
static void print_events(FILE *out, const struct world *w, const struct client *c)
{
    const struct trace *t = &w->trace;
    uint64_t oldest = t->n > TRACE_EVENTS ? t->n - TRACE_EVENTS : 0;
    uint64_t from = t->n;
    for (uint32_t found = 0; from > oldest && found < TRACE_SHOWN; from--) {
        const struct trace_event *e = &t->ring[(from - 1) % TRACE_EVENTS];
        found += c == NULL || e->client == c->index || e->client == TRACE_WORLD;
    }
    for (; from < t->n; from++) {
        const struct trace_event *e = &t->ring[from % TRACE_EVENTS];
        if (c == NULL || e->client == c->index || e->client == TRACE_WORLD)
            event_print(out, e);
    }
}

// The turn that was running, if one was.
static void print_where(FILE *out)
{
    struct where_spot at;
    if (where_here == NULL || !where_look(where_here, &at))
        return;
    fprintf(out, "  shard %u, turn %llu, %s", at.shard, (unsigned long long)at.turn,
            where_phase_name(at.phase));
    if (at.subject != WHERE_NOBODY && where_subject(at.phase) != NULL)
        fprintf(out, ", %s %u", where_subject(at.phase), at.subject);
    if (at.command != CMD_NONE)
        fprintf(out, ", command %s", command_name((enum command_type)at.command));
    fputc('\n', out);
}

static void print_report(FILE *out, const struct world *w, const struct client *c, const char *what)
{
    static const char *const tempers[] = {"healthy",  "ordinary", "slow",  "stalling",
                                          "flooding", "hostile",  "silent"};
    static const char *const speeches[] = {"json", "text over WebSocket", "text line", "echo", "http"};
    char plan[512];
    plan_describe(w, plan, sizeof plan);
    fprintf(out, "\nseed %llu, step %llu, %llu ms: %s\n", (unsigned long long)w->options->seed,
            (unsigned long long)w->step, (unsigned long long)w->now_ms, what);
    print_where(out);
    fprintf(out, "  plan: %s\n", plan);
    if (c != NULL)
        fprintf(out, "  client %u (%s, %s, %s)\n", c->index, c->name, tempers[c->temper],
                speeches[c->speech]);
    print_events(out, w, c);
    fprintf(out, "  again: make sim SEED=%llu      everything: plenum-sim --seed %llu --verbose\n",
            (unsigned long long)w->options->seed, (unsigned long long)w->options->seed);
}

void trace_fail(struct world *w, const struct client *c, const char *format, ...)
{
    char what[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    size_t n;
    FILE *out = open_memstream(&w->trace.report, &n);
    ASSERT(out != NULL);
    print_report(out, w, c, what);
    fclose(out);
    longjmp(w->way_out, 1);
}

void trace_on_assert(const char *file, int line, const char *expr)
{
    char what[512];
    snprintf(what, sizeof what, "assertion failed: %s:%d: %s", file, line, expr);
    if (running != NULL)
        print_report(stderr, running, NULL, what);
    else
        fprintf(stderr, "%s\n", what);
    fflush(stderr);
}

void trace_on_death(void)
{
    if (running != NULL)
        print_report(stderr, running, NULL, "a sanitizer ended the process");
}

void trace_running(struct world *w) { running = w; }
