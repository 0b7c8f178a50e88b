// SPDX-License-Identifier: Apache-2.0
//
// Where what health says comes from: counters of the shards, what they leave about their turns, and those who count beside them. All of it
// may be read by any thread, so no shard is asked, and the one that answers does not wait.
#include "app/health.h"

#include "app/log_sink.h"
#include "base/assert.h"
#include "core/auth/revoked.h"

#include <time.h>

static uint64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint64_t monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void health_source_init(struct health_source *from, struct metrics_page *page, struct server *server,
                        uint32_t connections_wanted)
{
    from->page = page;
    from->server = server;
    from->connections_wanted = connections_wanted;
    from->started_ms = wall_ms();
    from->pulse_ns = monotonic_ns();
}

void health_leaving(struct health_source *from)
{
    if (atomic_load_explicit(&from->leaving_ms, memory_order_relaxed) == 0)
        atomic_store_explicit(&from->leaving_ms, wall_ms(), memory_order_relaxed);
}

void health_pulse(struct health_source *from)
{
    const uint64_t now_ns = monotonic_ns(), us = (now_ns - from->pulse_ns) / 1000;
    if (us == 0)
        return;
    for (uint32_t i = 0; i < from->page->shards_n; i++) {
        struct health_pulse *p = &from->pulses[i];
        const uint64_t busy_us = metric_get(&from->page->shards[i]->turn.us_sum), more = busy_us - p->busy_us;
        // A turn counts where it ends: a long one may have more than the time between.
        atomic_store_explicit(&p->busy_percent, more >= us ? 100 : (uint32_t)(more * 100 / us),
                              memory_order_relaxed);
        p->busy_us = busy_us;
    }
    from->pulse_ns = now_ns;
}

static void gather_shards(struct health_source *from, struct health *ret)
{
    ret->shards_n = from->page->shards_n;
    for (uint32_t i = 0; i < ret->shards_n; i++) {
        struct metrics *m = from->page->shards[i];
        struct health_shard *s = &ret->shards[i];
#define X(field) s->field = metric_get(&m->field);
        HEALTH_OF_SHARD(X)
#undef X
        s->look = server_shard_look(from->server, i);
        s->busy_percent = atomic_load_explicit(&from->pulses[i].busy_percent, memory_order_relaxed);
    }
}

static void gather_helpers(struct health_source *from, struct health *ret)
{
    ret->verifiers_n = server_verifiers(from->server);
    for (uint32_t i = 0; i < ret->verifiers_n; i++)
        ret->verifier_waiting[i] = server_verifier_waiting(from->server, i);
    for (uint32_t at = 0; ret->keys_n < TOKEN_ISSUERS_MAX &&
                          (at = key_fetcher_status(from->page->keys, at, &ret->keys[ret->keys_n])) != 0;)
        ret->keys_n++;
    ret->audit_on = audit_sink_on();
    if (ret->audit_on)
        ret->audit = audit_sink_stats();
    ret->log_lost = log_sink_lost();
}

static void gather_limits(struct health_source *from, const struct settings *core, struct health *ret)
{
    const struct metrics_page *page = from->page;
    const struct server_info *info = server_info(from->server);
    struct health_bound *l = ret->limits;
    for (uint32_t i = 0; i < ret->shards_n; i++) {
        l[HEALTH_CONNECTIONS].used += ret->shards[i].connections;
        if (ret->shards[i].rooms > l[HEALTH_ROOMS].used)
            l[HEALTH_ROOMS].used = ret->shards[i].rooms;
    }
    l[HEALTH_CONNECTIONS].max = info->connections_max;
    l[HEALTH_ROOMS].max = core->rooms_max;
    l[HEALTH_MEMORY] = (struct health_bound){mem_used(page->mem), page->mem->bytes_max};
    l[HEALTH_FILES] = (struct health_bound){page->process->open_files, page->process->files_max};
    l[HEALTH_REVOKED] = (struct health_bound){metric_get(&page->shards[0]->revocations), REVOCATIONS_MAX};
    page->process->wanted = true; // a newer sample, next time
}

void health_gather(struct health_source *from, const struct health_asked *asked, struct health *ret)
{
    const struct settings *core = asked->settings;
    const uint64_t leaving_ms = atomic_load_explicit(&from->leaving_ms, memory_order_relaxed);
    *ret = (struct health){.unready = asked->unready,
                           .time_ms = asked->wall_ms,
                           .started_ms = from->started_ms,
                           .since_ms = asked->unready && leaving_ms != 0 ? leaving_ms : from->started_ms,
                           .version = core->version,
                           .page = from->page,
                           .resident_bytes = process_resident_bytes(from->page->process),
                           .cpu_us = process_cpu_us(),
                           .open = !core->loopback_only,
                           .guests = !core->no_guests,
                           .api_keys = core->api_keys_n,
                           .names = core->names_n,
                           .connections_wanted = from->connections_wanted};
    ASSERT(from->page->shards_n != 0);
    gather_shards(from, ret);
    gather_helpers(from, ret);
    gather_limits(from, core, ret);
}
