// SPDX-License-Identifier: Apache-2.0
//
// What was gathered, as JSON. Keys have the words and the units of the API: times in milliseconds since 1970, `_ms` and `_bytes` where
// a number is that, counters that only grow, so that who reads it twice has a rate.
#include "app/health.h"

#include "wire/json.h"

#include <stddef.h>

#ifdef __clang__
#define COMPILER "" // it says so itself
#else
#define COMPILER "gcc "
#endif

// ---- rules

static uint64_t turn_ms_max(const struct health *h)
{
    uint64_t most_ns = 0;
    for (uint32_t i = 0; i < h->shards_n; i++)
        most_ns = h->shards[i].look.turn_ns > most_ns ? h->shards[i].look.turn_ns : most_ns;
    return most_ns / 1000000;
}

static bool bound_near(const struct health_bound *b)
{
    return b->max != 0 && b->used >= b->max - b->max / HEALTH_NEAR_PART;
}

static bool near(const struct health *h)
{
    bool any = false;
    for (size_t i = 0; i < HEALTH_LIMIT_COUNT; i++)
        any |= bound_near(&h->limits[i]);
    return any;
}

static bool keys_failed(const struct health *h)
{
    bool failed = false;
    for (uint32_t i = 0; i < h->keys_n; i++)
        failed |= h->keys[i].failures != 0;
    return failed;
}

// ---- pieces

// Behind the first of an object or a list there is a comma.
static void separate(struct buf *out)
{
    char last = out->n != 0 ? out->p[out->n - 1] : '{';
    if (last != '{' && last != '[')
        buf_put_char(out, ',');
}

static void put_key(struct buf *out, const char *name)
{
    separate(out);
    json_put_string(out, str_from_cstr(name));
    buf_put_char(out, ':');
}

static void put_number(struct buf *out, const char *name, uint64_t v)
{
    put_key(out, name);
    buf_put_u64(out, v);
}

static void put_text(struct buf *out, const char *name, const char *text)
{
    put_key(out, name);
    json_put_string(out, str_from_cstr(text));
}

static void put_truth(struct buf *out, const char *name, bool v)
{
    put_key(out, name);
    buf_put_str(out, v ? STR("true") : STR("false"));
}

static void put_open(struct buf *out, const char *name, char bracket)
{
    put_key(out, name);
    buf_put_char(out, bracket);
}

static void put_row(struct buf *out)
{
    separate(out);
    buf_put_char(out, '{');
}

// ---- parts

static void put_totals(struct buf *out, const struct metrics_page *page)
{
    put_open(out, "totals", '{');
#define X(field) put_number(out, #field, metrics_page_sum(page, offsetof(struct metrics, field)));
    HEALTH_OF_SHARD(X)
    HEALTH_OF_ALL(X)
#undef X
    buf_put_char(out, '}');
}

static void put_shards(struct buf *out, const struct health *h)
{
    put_open(out, "shards", '[');
    for (uint32_t i = 0; i < h->shards_n; i++) {
        const struct health_shard *s = &h->shards[i];
        put_row(out);
        put_number(out, "shard", i);
#define X(field) put_number(out, #field, s->field);
        HEALTH_OF_SHARD(X)
#undef X
        put_number(out, "mail", s->look.mail);
        put_number(out, "busy_percent", s->busy_percent);
        put_number(out, "turns", s->look.turns);
        put_number(out, "last_turn_ms", s->look.waited_ns / 1000000);
        put_number(out, "turn_ms", s->look.turn_ns / 1000000);
        put_text(out, "doing", s->look.doing);
        buf_put_char(out, '}');
    }
    buf_put_char(out, ']');
}

static void put_memory(struct buf *out, const struct health *h)
{
    put_open(out, "memory", '{');
    put_number(out, "used_bytes", h->limits[HEALTH_MEMORY].used);
    put_number(out, "budget_bytes", h->limits[HEALTH_MEMORY].max);
    put_number(out, "resident_bytes", h->resident_bytes);
    if (h->page->mem != NULL)
        put_number(out, "refused", atomic_load_explicit(&h->page->mem->refused, memory_order_relaxed));
    buf_put_char(out, '}');
}

static void put_limits(struct buf *out, const struct health *h)
{
    static const char *const names[] = {
#define X(upper, lower) #lower,
        HEALTH_LIMITS(X)
#undef X
    };
    put_open(out, "limits", '[');
    for (size_t i = 0; i < HEALTH_LIMIT_COUNT; i++) {
        const struct health_bound *b = &h->limits[i];
        put_row(out);
        put_text(out, "limit", names[i]);
        put_number(out, "used", b->used);
        if (b->max != 0)
            put_number(out, "max", b->max);
        put_truth(out, "near", bound_near(b));
        buf_put_char(out, '}');
    }
    buf_put_char(out, ']');
}

// What was refused at a limit, by the label that the metric has; those only that have refused something.
static void put_refused(struct buf *out, const struct metrics_page *page)
{
    static const struct {
        const char *name;
        size_t offset;
    } rows[] = {
#define X(field, name, type, help) {name, offsetof(struct metrics, field)},
        METRICS(X)
#undef X
    };
    static const char label[] = "plenum_limit_hits_total{limit=\"";
    put_open(out, "refused", '{');
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        str rest, name = str_from_cstr(rows[i].name);
        uint64_t n = str_starts(name, STR(label)) ? metrics_page_sum(page, rows[i].offset) : 0;
        if (n == 0)
            continue;
        separate(out);
        json_put_string(out, str_split(str_skip(name, sizeof label - 1), '"', &rest));
        buf_put_char(out, ':');
        buf_put_u64(out, n);
    }
    buf_put_char(out, '}');
}

static void put_keys(struct buf *out, const struct health *h)
{
    put_open(out, "keys", '[');
    for (uint32_t i = 0; i < h->keys_n; i++) {
        const struct key_fetch_status *k = &h->keys[i];
        put_row(out);
        put_text(out, "issuer", k->issuer);
        put_truth(out, "known", k->known);
        put_number(out, "keys", k->keys);
        if (k->known)
            put_number(out, "age_ms", k->age_ms);
        if (k->asked)
            put_number(out, "last_fetch_ms", k->asked_ms);
        put_number(out, "failures", k->failures);
        if (k->failure[0] != '\0')
            put_text(out, "failure", k->failure);
        buf_put_char(out, '}');
    }
    buf_put_char(out, ']');
}

static void put_helpers(struct buf *out, const struct health *h)
{
    put_open(out, "verifiers", '[');
    for (uint32_t i = 0; i < h->verifiers_n; i++) {
        put_row(out);
        put_number(out, "waiting", h->verifier_waiting[i]);
        buf_put_char(out, '}');
    }
    buf_put_char(out, ']');
    put_keys(out, h);
    put_open(out, "log", '{');
    put_number(out, "lost", h->log_lost);
    buf_put_char(out, '}');
    put_open(out, "audit", '{');
    put_truth(out, "on", h->audit_on);
    if (h->audit_on) {
#define X(field) put_number(out, #field, h->audit.field);
        HEALTH_OF_AUDIT(X)
#undef X
    }
    buf_put_char(out, '}');
}

static void put_warnings(struct buf *out, const struct health *h)
{
    const struct {
        const char *name, *text;
        bool holds;
    } rows[] = {
#define X(name, holds, text) {#name, text, holds},
        HEALTH_WARNINGS(X)
#undef X
    };
    put_open(out, "warnings", '[');
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!rows[i].holds)
            continue;
        put_row(out);
        put_text(out, "warning", rows[i].name);
        put_text(out, "message", rows[i].text);
        buf_put_char(out, '}');
    }
    buf_put_char(out, ']');
}

void health_put(const struct health *h, struct buf *out)
{
    ASSERT(h->shards_n <= SHARDS_MAX);
    ASSERT(h->keys_n <= TOKEN_ISSUERS_MAX);
    buf_put_char(out, '{');
    put_text(out, "status", h->unready ? "draining" : "ready");
    put_number(out, "since", h->since_ms);
    put_text(out, "version", h->version);
    put_text(out, "build", COMPILER __VERSION__);
    put_number(out, "time", h->time_ms);
    put_number(out, "started", h->started_ms);
    put_number(out, "uptime_s", h->time_ms > h->started_ms ? (h->time_ms - h->started_ms) / 1000 : 0);
    put_number(out, "cpu_us", h->cpu_us);
    put_warnings(out, h);
    put_totals(out, h->page);
    put_memory(out, h);
    put_limits(out, h);
    put_refused(out, h->page);
    put_shards(out, h);
    put_helpers(out, h);
    buf_put_char(out, '}');
}
