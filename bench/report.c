// SPDX-License-Identifier: Apache-2.0
//
// Computes the figures once (struct result), then prints them in one of two shapes.

#include "report.h"

#include "coordinator.h"
#include "worker.h"

#include <stdio.h>
#include <string.h>

struct result {
    double seconds;
    uint64_t deliveries, published;
    double deliveries_per_s, published_per_s;
    double bytes_per_delivery, deliveries_per_read;
    double server_us_per_delivery, own_us_per_delivery, server_cores, own_cores;
    double rss_per_conn, rss_anon_per_conn;
    struct checks checks;
    struct counts counts; // over the whole run
    uint64_t unsent, timeouts, failed, closed, churned, unrecovered, beyond_table, stalled;
    bool clean;
};

static struct hist latency, lateness, ack_latency, back;

void report_progress(const struct world *world, uint64_t now)
{
    static const char *const names[] = {"first", "connecting", "warm-up", "measuring", "draining", "done"};
    static struct hist current, before, second;
    static struct counts last;
    static uint64_t last_ns;
    struct counts counts = worker_sum_counts(world);
    if (world->phase <= PHASE_CONNECT) {
        fprintf(stderr, "%-10s %llu of %u clients\n", names[world->phase], (unsigned long long)counts.settled,
                world->options.clients);
        return;
    }
    // Workers go on recording meanwhile: a figure of this line may be off by the messages of some microseconds.
    memset(&current, 0, sizeof current);
    for (uint32_t w = 0; w < world->options.threads; w++)
        hist_merge(&current, &world->workers[w].latency);
    hist_diff(&current, &before, &second);
    before = current;
    double seconds = last_ns ? (double)(now - last_ns) / 1e9 : 1;
    fprintf(stderr, "%-10s %9.0f published/s %11.0f deliveries/s", names[world->phase],
            (double)(counts.published - last.published) / seconds,
            (double)(counts.deliveries - last.deliveries) / seconds);
    if (second.count)
        fprintf(stderr, "  p50 %8.3f ms  p99 %8.3f ms", (double)hist_percentile(&second, 50) / 1e6,
                (double)hist_percentile(&second, 99) / 1e6);
    if (world->options.storm && world->phase == PHASE_MEASURE)
        fprintf(stderr, "  back %llu of %u", (unsigned long long)counts.back, world->cut_count);
    fputc('\n', stderr);
    last = counts;
    last_ns = now;
}

static void sum_worker(struct result *r, const struct worker *w)
{
    uint64_t *to = (uint64_t *)&r->checks;
    const uint64_t *from = (const uint64_t *)&w->checks;
    for (size_t i = 0; i < sizeof r->checks / sizeof *to; i++)
        to[i] += from[i];
    r->unsent += w->unsent;
    r->timeouts += w->timeouts;
    r->failed += w->failed;
    r->closed += w->closed;
    r->churned += w->churned;
    r->unrecovered += w->unrecovered;
    r->beyond_table += w->beyond_table;
    hist_merge(&latency, &w->latency);
    hist_merge(&lateness, &w->lateness);
    hist_merge(&ack_latency, &w->ack_latency);
    hist_merge(&back, &w->back);
}

static double ratio(double a, double b) { return b > 0 ? a / b : 0; }

static void compute(struct world *world, struct result *r)
{
    const struct options *o = &world->options;
    memset(r, 0, sizeof *r);
    for (uint32_t i = 0; i < o->threads; i++)
        sum_worker(r, &world->workers[i]);
    r->counts = worker_sum_counts(world);
    const struct counts *a = &run.from.counts, *b = &run.to.counts;
    r->seconds = (double)(run.to.at_ns - run.from.at_ns) / 1e9;
    r->deliveries = b->deliveries - a->deliveries;
    r->published = b->published - a->published;
    double n = (double)r->deliveries;
    r->deliveries_per_s = ratio(n, r->seconds);
    r->published_per_s = ratio((double)r->published, r->seconds);
    r->bytes_per_delivery = ratio((double)(b->bytes - a->bytes), n);
    r->deliveries_per_read = ratio(n, (double)(b->reads - a->reads));
    double server_ns = (double)(run.to.server_cpu.total_ns - run.from.server_cpu.total_ns);
    double own_ns = (double)(run.to.own_cpu_ns - run.from.own_cpu_ns);
    r->server_us_per_delivery = ratio(server_ns / 1e3, n);
    r->own_us_per_delivery = ratio(own_ns / 1e3, n);
    r->server_cores = ratio(server_ns / 1e9, r->seconds);
    r->own_cores = ratio(own_ns / 1e9, r->seconds);
    double conns = (double)run.connected - (double)run.connected_before;
    r->rss_per_conn = ratio((double)run.memory_after.rss_bytes - (double)run.memory_before.rss_bytes, conns);
    r->rss_anon_per_conn =
        ratio((double)run.memory_after.rss_anon_bytes - (double)run.memory_before.rss_anon_bytes, conns);
    for (uint32_t i = 0; i < o->clients; i++)
        r->stalled += world->conns[i].to_stall;
    const struct checks *c = &r->checks;
    r->clean = !c->lost && !c->duplicated && !c->reordered && !c->stray && !c->foreign &&
               !c->protocol_errors && !r->failed && !r->unrecovered && !r->timeouts && !r->counts.errors &&
               (o->stall_percent > 0 || !r->closed) && !run.server_gone &&
               (!o->storm || back.count == world->cut_count);
}

// ---- as a table

static void print_latency(const char *name, const struct hist *h)
{
    if (h->count == 0)
        return;
    printf("  %-22s p50 %.3f  p90 %.3f  p99 %.3f  p99.9 %.3f  max %.3f ms\n", name,
           (double)hist_percentile(h, 50) / 1e6, (double)hist_percentile(h, 90) / 1e6,
           (double)hist_percentile(h, 99) / 1e6, (double)hist_percentile(h, 99.9) / 1e6,
           (double)h->max / 1e6);
}

static void print_count(const char *name, uint64_t value)
{
    if (value)
        printf("  %-22s %llu\n", name, (unsigned long long)value);
}

static void print_server(const struct world *world, const struct result *r)
{
    if (!world->options.server_pid)
        return;
    if (run.server_gone) {
        printf("  server                 ended during the run\n");
        return;
    }
    if (r->deliveries)
        printf("  server CPU             %.4f us per delivery (%.2f cores)\n", r->server_us_per_delivery,
               r->server_cores);
    else
        printf("  server CPU             %.4f cores\n", r->server_cores);
    printf(
        "  server memory          %.0f bytes per connection (%.1f -> %.1f MiB from %u to %u; anonymous: %.0f)\n",
        r->rss_per_conn, (double)run.memory_before.rss_bytes / 1048576.0,
        (double)run.memory_after.rss_bytes / 1048576.0, run.connected_before, run.connected,
        r->rss_anon_per_conn);
}

static void print_checks(const struct world *world, const struct result *r)
{
    const struct checks *c = &r->checks;
    printf("  checked                %llu deliveries: lost %llu, duplicated %llu, reordered %llu\n",
           (unsigned long long)r->counts.deliveries, (unsigned long long)c->lost,
           (unsigned long long)c->duplicated, (unsigned long long)c->reordered);
    if (c->gaps)
        printf("  announced as gaps      %llu entries in %llu gaps\n", (unsigned long long)c->announced,
               (unsigned long long)c->gaps);
    print_count("of another room", c->stray);
    print_count("not of this run", c->foreign);
    print_count("protocol errors", c->protocol_errors);
    print_count("errors from server", r->counts.errors);
    print_count("clients failed", r->failed);
    print_count("closed by server", r->closed);
    print_count("stalled readers", r->stalled);
    print_count("leaves and joins", r->churned);
    print_count("not recovered", r->unrecovered);
    print_count("never came back (5 s)", r->timeouts);
    print_count("dropped unsent", r->unsent);
    print_count("too late to measure", r->beyond_table);
    for (uint32_t i = 0; i < world->reason_count; i++)
        printf("    %8llu x %s\n", (unsigned long long)world->reasons[i].count, world->reasons[i].text);
}

static void print_table(const struct world *world, const struct result *r)
{
    const struct options *o = &world->options;
    printf("%s://%s:%s%s  %s, %u clients, %u room%s, %u publisher%s, %s\n", options_scheme(o), o->host,
           o->port, o->websocket ? o->path : "", options_dialect_name(o->dialect), o->clients, o->rooms,
           o->rooms == 1 ? "" : "s", world->publisher_count, world->publisher_count == 1 ? "" : "s",
           options_drive_name(o->drive));
    if (run.connected == 0)
        printf("  no client could connect\n");
    else
        printf("  connected              %u clients in %.2f s\n", run.connected,
               (double)(run.connect_to_ns - run.connect_from_ns) / 1e9);
    if (!o->idle && run.connected) {
        printf("  deliveries             %.0f per second (%llu in %.2f s; %.0f messages per second)\n",
               r->deliveries_per_s, (unsigned long long)r->deliveries, r->seconds, r->published_per_s);
        print_latency("publish to receive", &latency);
        print_latency("publish to ack", &ack_latency);
        print_latency("tool late by", &lateness);
        printf("  per read               %.2f deliveries; %.1f bytes each on the wire\n",
               r->deliveries_per_read, r->bytes_per_delivery);
        printf("  this tool              %.4f us per delivery (%.2f cores)\n", r->own_us_per_delivery,
               r->own_cores);
    }
    if (o->storm) {
        printf("  back after the cut     %llu of %u in %.3f s\n", (unsigned long long)back.count,
               world->cut_count, (double)back.max / 1e9);
        print_latency("time to be back", &back);
    }
    print_server(world, r);
    print_checks(world, r);
}

// ---- as JSON

static void json_string(const char *text)
{
    putchar('"');
    for (; *text; text++) {
        unsigned char ch = (unsigned char)*text;
        if (ch == '"' || ch == '\\')
            printf("\\%c", ch);
        else if (ch < 0x20)
            printf("\\u%04x", ch);
        else
            putchar(ch);
    }
    putchar('"');
}

static void json_latency(const char *name, const struct hist *h)
{
    printf("\"%s\":{\"count\":%llu,\"mean\":%.6f,\"p50\":%.6f,\"p90\":%.6f,\"p99\":%.6f,\"p99_9\":%.6f,"
           "\"max\":%.6f},",
           name, (unsigned long long)h->count, ratio((double)h->sum / 1e6, (double)h->count),
           (double)hist_percentile(h, 50) / 1e6, (double)hist_percentile(h, 90) / 1e6,
           (double)hist_percentile(h, 99) / 1e6, (double)hist_percentile(h, 99.9) / 1e6,
           (double)h->max / 1e6);
}

static void json_count(const char *name, uint64_t value)
{
    printf("\"%s\":%llu,", name, (unsigned long long)value);
}

static void json_server(const struct world *world, const struct result *r)
{
    if (!world->options.server_pid || run.server_gone) {
        printf("\"server\":null,");
        return;
    }
    printf("\"server\":{\"us_per_delivery\":%.6f,\"cores\":%.4f,\"user_s\":%.2f,\"system_s\":%.2f,"
           "\"rss_before\":%llu,\"rss_after\":%llu,\"bytes_per_connection\":%.1f,"
           "\"anon_bytes_per_connection\":%.1f},",
           r->server_us_per_delivery, r->server_cores,
           (double)(run.to.server_cpu.user_ns - run.from.server_cpu.user_ns) / 1e9,
           (double)(run.to.server_cpu.system_ns - run.from.server_cpu.system_ns) / 1e9,
           (unsigned long long)run.memory_before.rss_bytes, (unsigned long long)run.memory_after.rss_bytes,
           r->rss_per_conn, r->rss_anon_per_conn);
}

static void json_checks(const struct world *world, const struct result *r)
{
    const struct checks *c = &r->checks;
    printf("\"checked\":{");
    json_count("deliveries", r->counts.deliveries);
    json_count("lost", c->lost);
    json_count("duplicated", c->duplicated);
    json_count("reordered", c->reordered);
    json_count("gaps", c->gaps);
    json_count("announced", c->announced);
    json_count("stray", c->stray);
    json_count("foreign", c->foreign);
    json_count("protocol_errors", c->protocol_errors);
    json_count("errors", r->counts.errors);
    json_count("failed", r->failed);
    json_count("closed_by_server", r->closed);
    json_count("stalled", r->stalled);
    json_count("churned", r->churned);
    json_count("unrecovered", r->unrecovered);
    json_count("timeouts", r->timeouts);
    json_count("unsent", r->unsent);
    json_count("beyond_table", r->beyond_table);
    printf("\"reasons\":{");
    for (uint32_t i = 0; i < world->reason_count; i++) {
        if (i)
            putchar(',');
        json_string(world->reasons[i].text);
        printf(":%llu", (unsigned long long)world->reasons[i].count);
    }
    printf("},\"clean\":%s}", r->clean ? "true" : "false");
}

static void print_json(const struct world *world, const struct result *r)
{
    const struct options *o = &world->options;
    printf("{\"dialect\":\"%s\",\"drive\":\"%s\",", options_dialect_name(o->dialect),
           options_drive_name(o->drive));
    json_count("clients", o->clients);
    json_count("rooms", o->rooms);
    json_count("publishers", world->publisher_count);
    json_count("inflight", o->inflight);
    json_count("size", o->size);
    json_count("inflated", r->counts.inflated);
    json_count("connected", run.connected);
    printf("\"rate\":%.3f,\"connect_s\":%.6f,\"seconds\":%.6f,", o->rate,
           (double)(run.connect_to_ns - run.connect_from_ns) / 1e9, r->seconds);
    json_count("deliveries", r->deliveries);
    json_count("published", r->published);
    printf("\"deliveries_per_s\":%.1f,\"published_per_s\":%.1f,\"bytes_per_delivery\":%.2f,"
           "\"deliveries_per_read\":%.3f,\"client_us_per_delivery\":%.6f,\"client_cores\":%.4f,",
           r->deliveries_per_s, r->published_per_s, r->bytes_per_delivery, r->deliveries_per_read,
           r->own_us_per_delivery, r->own_cores);
    json_latency("latency_ms", &latency);
    json_latency("ack_ms", &ack_latency);
    json_latency("late_ms", &lateness);
    if (o->storm) {
        json_count("cut", world->cut_count);
        json_latency("back_ms", &back);
    }
    json_server(world, r);
    json_checks(world, r);
    printf("}\n");
}

int report_result(struct world *world)
{
    static struct result r;
    compute(world, &r);
    if (world->options.json)
        print_json(world, &r);
    else
        print_table(world, &r);
    return r.clean ? 0 : 1;
}
