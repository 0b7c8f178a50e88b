// SPDX-License-Identifier: Apache-2.0
#include "app/metrics_page.h"

#include "app/audit_sink.h"
#include "app/log_sink.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

struct row {
    const char *name; // with its label, if any
    const char *type;
    const char *help; // of the family, in its first row
    size_t offset;    // of the counter in its struct
    bool is_io;       // struct io_metrics, else struct metrics
};

static const struct row rows[] = {
#define X(field, name, type, help) {name, type, help, offsetof(struct metrics, field), false},
    METRICS(X)
#undef X
#define X(field, name, type, help) {name, type, help, offsetof(struct io_metrics, field), true},
        IO_METRICS(X)
#undef X
};

// The counter at that offset of each shard's struct, added up.
static uint64_t sum_of(const struct metrics_page *page, size_t offset, bool is_io)
{
    uint64_t v = 0;
    for (uint32_t i = 0; i < page->shards_n; i++) {
        char *base = is_io ? (char *)page->loops[i] : (char *)page->shards[i];
        if (base != NULL)
            v += metric_get((_Atomic uint64_t *)(void *)(base + offset));
    }
    return v;
}

uint64_t metrics_page_sum(const struct metrics_page *page, size_t offset)
{
    return sum_of(page, offset, false);
}

__attribute__((format(printf, 2, 3))) static void put(struct buf *body, const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    buf_put(body, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
}

static void put_head(struct buf *body, str family, const char *type, const char *help)
{
    put(body, "# HELP %.*s %s\n# TYPE %.*s %s\n", STR_ARG(family), help, STR_ARG(family), type);
}

static void put_number(struct buf *body, const char *name, const char *type, const char *help, uint64_t v)
{
    put_head(body, str_from_cstr(name), type, help);
    put(body, "%s %" PRIu64 "\n", name, v);
}

static str family_of(const char *name)
{
    str rest;
    return str_split(str_from_cstr(name), '{', &rest);
}

static void put_rows(const struct metrics_page *page, struct buf *body)
{
    str family = STR_NONE;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        if (!str_eq(family_of(row->name), family)) {
            family = family_of(row->name);
            put_head(body, family, row->type, row->help);
        }
        put(body, "%s %" PRIu64 "\n", row->name, sum_of(page, row->offset, row->is_io));
    }
}

// ---- families with a sample for each value of an enum

static const char *command_label(uint32_t i)
{
    return i == CMD_NONE ? "invalid" : command_name((enum command_type)i);
}
static const char *problem_label(uint32_t i) { return problem_name((enum problem_code)i); }
static const char *closed_label(uint32_t i) { return close_reason_name((enum close_reason)i); }

static const struct family {
    const char *name, *label, *help;
    size_t offset; // of an array in struct metrics
    uint32_t from, count;
    const char *(*label_of)(uint32_t i);
} families[] = {
    {"plenum_commands_total", "type", "Commands taken up, by type; invalid: what could not be read as one",
     offsetof(struct metrics, commands), 0, CMD_COUNT, command_label},
    {"plenum_errors_total", "code", "Error replies, by code", offsetof(struct metrics, errors),
     PROBLEM_NONE + 1, PROBLEM_COUNT, problem_label},
    {"plenum_connections_closed_total", "reason", "Connections closed, by reason",
     offsetof(struct metrics, closed), 0, CLOSE_REASONS, closed_label},
};

static void put_families(const struct metrics_page *page, struct buf *body)
{
    for (size_t f = 0; f < sizeof families / sizeof families[0]; f++) {
        const struct family *family = &families[f];
        put_head(body, str_from_cstr(family->name), "counter", family->help);
        for (uint32_t i = family->from; i < family->count; i++)
            put(body, "%s{%s=\"%s\"} %" PRIu64 "\n", family->name, family->label, family->label_of(i),
                metrics_page_sum(page, family->offset + i * sizeof(_Atomic uint64_t)));
    }
}

// ---- families with a sample for each tenant

static const struct tenant_row {
    const char *name, *label, *type, *help;
    size_t offset; // in struct tenant_metrics
} tenant_rows[] = {
#define X(field, name, label, type, help) \
    {"plenum_tenant_" name, label, type, help, offsetof(struct tenant_metrics, field)},
    TENANT_METRICS(X)
#undef X
};

static void put_tenant_row(const struct metrics_page *page, struct buf *body, const struct tenant_row *row)
{
    for (uint32_t i = 0; i < page->tenants_n; i++) {
        const char *between = row->label[0] != '\0' ? ",limit=\"" : "";
        put(body, "%s{tenant=\"%s\"%s%s%s} %" PRIu64 "\n", row->name, page->tenants[i], between, row->label,
            between[0] != '\0' ? "\"" : "",
            metrics_page_sum(page, offsetof(struct metrics, tenants) + i * sizeof(struct tenant_metrics) +
                                       row->offset));
    }
}

static void put_tenants(const struct metrics_page *page, struct buf *body)
{
    for (size_t r = 0; r < sizeof tenant_rows / sizeof tenant_rows[0]; r++) {
        const struct tenant_row *row = &tenant_rows[r];
        if (r == 0 || strcmp(row->name, row[-1].name) != 0)
            put_head(body, str_from_cstr(row->name), row->type, row->help);
        put_tenant_row(page, body, row);
    }
    put_head(body, STR("plenum_tenant_memory_bytes"), "gauge", "Held by a tenant's rooms, of its memory_mb");
    for (uint32_t i = 0; i < page->tenants_n; i++)
        put(body, "plenum_tenant_memory_bytes{tenant=\"%s\"} %zu\n", page->tenants[i],
            mem_used(&page->budgets[i].mem));
}

// ---- what is not a sum over a row

static void put_shards(const struct metrics_page *page, struct buf *body)
{
    uint64_t lag = 0;
    for (uint32_t i = 0; i < page->shards_n; i++) {
        uint64_t shard = metric_get(&page->shards[i]->lag_entries_max);
        lag = shard > lag ? shard : lag;
    }
    put_number(body, "plenum_lag_entries_max", "gauge", "Entries that the slowest reader is behind", lag);
    put_number(body, "plenum_shards", "gauge", "Shards, one thread each", page->shards_n);
}

// Buckets are kept apart and become cumulative here; the last one is +Inf.
static void put_histogram(struct buf *body, const char *name, const char *help,
                          const uint64_t buckets[TIME_BUCKETS], uint64_t us_sum)
{
    static const uint32_t bounds_us[] = TIME_BOUNDS_US;
    put_head(body, str_from_cstr(name), "histogram", help);
    uint64_t below = 0;
    for (size_t i = 0; i < TIME_BUCKETS; i++) {
        below += buckets[i];
        if (i + 1 < TIME_BUCKETS)
            put(body, "%s_bucket{le=\"%g\"} %" PRIu64 "\n", name, bounds_us[i] / 1e6, below);
        else
            put(body, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, below);
    }
    put(body, "%s_sum %.6f\n", name, (double)us_sum / 1e6);
    put(body, "%s_count %" PRIu64 "\n", name, below);
}

// Of all shards' histograms at that offset of struct metrics.
static void put_histograms(const struct metrics_page *page, struct buf *body, const char *name,
                           const char *help, size_t offset)
{
    uint64_t buckets[TIME_BUCKETS];
    for (size_t i = 0; i < TIME_BUCKETS; i++)
        buckets[i] = metrics_page_sum(page, offset + offsetof(struct time_histogram, buckets) +
                                                i * sizeof(_Atomic uint64_t));
    put_histogram(body, name, help, buckets,
                  metrics_page_sum(page, offset + offsetof(struct time_histogram, us_sum)));
}

static void put_times(const struct metrics_page *page, struct buf *body)
{
    put_histograms(page, body, "plenum_turn_seconds", "Time of one event loop turn, waiting not counted",
                   offsetof(struct metrics, turn));
    put_histograms(
        page, body, "plenum_publish_to_write_seconds",
        "From the append of an entry at its room's home to the end of the writes that carry it, a sample "
        "per room, shard and flush",
        offsetof(struct metrics, publish));
}

static void put_memory(const struct mem *mem, struct buf *body)
{
    put_number(body, "plenum_memory_used_bytes", "gauge", "Held by connections, rooms, logs and mail",
               mem_used(mem));
    put_number(body, "plenum_memory_budget_bytes", "gauge", "server.memory_mb in bytes", mem->bytes_max);
    put_number(body, "plenum_memory_refused_total", "counter",
               "Allocations refused because the budget was used up",
               atomic_load_explicit(&mem->refused, memory_order_relaxed));
}

static void put_deflate(const struct mem *deflate, struct buf *body)
{
    put_number(body, "plenum_deflate_memory_bytes", "gauge",
               "Held by compression, of websocket.deflate_memory_mb", mem_used(deflate));
    put_number(body, "plenum_deflate_memory_budget_bytes", "gauge", "websocket.deflate_memory_mb in bytes",
               deflate->bytes_max);
}

// ---- keys that are fetched, by issuer: names are the operator's

static void put_label(struct buf *body, const char *family, const char *issuer)
{
    BUF_PUT_LIT(body, "plenum_keys");
    buf_put_str(body, str_from_cstr(family));
    BUF_PUT_LIT(body, "{issuer=\"");
    for (const char *c = issuer; *c != '\0'; c++) { // the format's escapes; a name has no line break
        if (*c == '"' || *c == '\\')
            buf_put_char(body, '\\');
        buf_put_char(body, *c);
    }
    buf_put_char(body, '"');
}

static void put_key_fetches(struct buf *body, const struct key_fetch_status *s)
{
    static const char *const results[] = {
#define X(upper, lower) #lower,
        KEY_FETCH_RESULTS(X)
#undef X
    };
    for (size_t i = 0; i < KEY_FETCH_RESULT_COUNT; i++) {
        put_label(body, "_fetches_total", s->issuer);
        put(body, ",result=\"%s\"} %" PRIu64 "\n", results[i], s->results[i]);
    }
}

static void put_keys_n(struct buf *body, const struct key_fetch_status *s)
{
    put_label(body, "_fetched", s->issuer);
    put(body, "} %" PRIu32 "\n", s->keys);
}

static void put_keys_age(struct buf *body, const struct key_fetch_status *s)
{
    if (!s->known)
        return;
    put_label(body, "_age_seconds", s->issuer);
    put(body, "} %.3f\n", (double)s->age_ms / 1e3);
}

static void put_keys(struct key_fetcher *keys, struct buf *body)
{
    static const struct {
        const char *name, *type, *help;
        void (*put_one)(struct buf *body, const struct key_fetch_status *s);
    } key_rows[] = {
        {"plenum_keys_fetches_total", "counter",
         "Fetches of an issuer's keys (jwks_url) that have ended, by result", put_key_fetches},
        {"plenum_keys_fetched", "gauge", "Keys of an issuer that were fetched, and count", put_keys_n},
        {"plenum_keys_age_seconds", "gauge", "Since it was heard last that they are its keys", put_keys_age},
    };
    struct key_fetch_status s;
    if (key_fetcher_status(keys, 0, &s) == 0)
        return;
    for (size_t i = 0; i < sizeof key_rows / sizeof key_rows[0]; i++) {
        put_head(body, str_from_cstr(key_rows[i].name), key_rows[i].type, key_rows[i].help);
        for (uint32_t at = 0; (at = key_fetcher_status(keys, at, &s)) != 0;)
            key_rows[i].put_one(body, &s);
    }
}

// ---- TLS

static void put_tls(struct tls_stats *s, uint64_t ocsp_stale, struct buf *body)
{
    put_head(body, STR("plenum_tls_handshakes_total"), "counter",
             "TLS handshakes that came about, in full or by a ticket");
    put(body, "plenum_tls_handshakes_total{kind=\"full\"} %" PRIu64 "\n", metric_get(&s->full));
    put(body, "plenum_tls_handshakes_total{kind=\"resumed\"} %" PRIu64 "\n", metric_get(&s->resumed));
    put_head(body, STR("plenum_tls_handshakes_failed_total"), "counter",
             "TLS handshakes that came to nothing, by reason");
    for (uint32_t i = 0; i < TLS_FAILURE_COUNT; i++)
        put(body, "plenum_tls_handshakes_failed_total{reason=\"%s\"} %" PRIu64 "\n",
            tls_failure_name((enum tls_failure)i), metric_get(&s->failed[i]));
    put_number(body, "plenum_tls_client_certificates_total", "counter",
               "TLS handshakes in which the client has shown a certificate",
               metric_get(&s->with_certificate));
    put_number(body, "plenum_tls_ocsp_stale", "gauge",
               "OCSP responses of tls.ocsp whose nextUpdate is over, and that are sent no more", ocsp_stale);
    uint64_t buckets[TIME_BUCKETS];
    for (size_t i = 0; i < TIME_BUCKETS; i++)
        buckets[i] = metric_get(&s->times.buckets[i]);
    put_histogram(
        body, "plenum_tls_handshake_seconds",
        "From the first octet of a TLS handshake to its end, the client's part and the way between counted",
        buckets, metric_get(&s->times.us_sum));
}

static void put_process(struct process_stats *process, struct buf *body)
{
    put_number(body, "process_open_fds", "gauge", "Open files, sampled", process->open_files);
    put_number(body, "process_max_fds", "gauge", "Most files that may be open", process->files_max);
    put_number(body, "process_resident_memory_bytes", "gauge", "Resident memory",
               process_resident_bytes(process));
    put_number(body, "process_start_time_seconds", "gauge", "Start of the process, since 1970 UTC",
               process->start_s);
    put_head(body, STR("process_cpu_seconds_total"), "counter", "CPU time of all threads, user and system");
    put(body, "process_cpu_seconds_total %.6f\n", (double)process_cpu_us() / 1e6);
    process->wanted = true;
}

static void put_audit(struct buf *body)
{
    const struct audit_stats s = audit_sink_stats();
    put_number(body, "plenum_audit_seq", "gauge", "Number of the newest line of the audit", s.seq);
    put_number(body, "plenum_audit_lines_total", "counter", "Lines written to the audit", s.lines);
    put_number(body, "plenum_audit_missing_total", "counter",
               "Events that the audit has lost, as its file took them too slowly, or not at all", s.missing);
    put_number(body, "plenum_audit_failures_total", "counter",
               "Times that the audit's file has begun to take nothing, or could not be brought to the disk",
               s.failures);
    put_number(body, "plenum_audit_waiting", "gauge", "Events that wait to be written to the audit",
               s.waiting);
}

void metrics_page_write(const struct metrics_page *page, struct buf *body)
{
    put_rows(page, body);
    put_families(page, body);
    if (page->tenants_n != 0)
        put_tenants(page, body);
    put_shards(page, body);
    put_times(page, body);
    if (page->mem != NULL)
        put_memory(page->mem, body);
    if (page->deflate != NULL)
        put_deflate(page->deflate, body);
    if (page->keys != NULL)
        put_keys(page->keys, body);
    if (page->tls != NULL)
        put_tls(page->tls, metric_get(page->ocsp_stale), body);
    if (page->process != NULL)
        put_process(page->process, body);
    put_number(body, "plenum_log_lines_lost_total", "counter",
               "Log lines that could not be written: stderr took them too slowly, or not at all",
               log_sink_lost());
    if (audit_sink_on())
        put_audit(body);
    put_head(body, STR("plenum_build_info"), "gauge", "Always 1; the labels say what runs");
    put(body, "plenum_build_info{version=\"%s\"} 1\n", page->version);
}
