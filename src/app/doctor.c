// SPDX-License-Identifier: Apache-2.0
#include "app/doctor.h"

#include "io/rlimit.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

enum {
    CLOCK_SLOW_NS = 500, // a look at a clock that asks no hardware takes 20 to 60
    FILES_SPARE = 1000,  // of the system, for everybody else
};

static void find(struct findings *f, enum finding_kind kind, const char *about, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void find(struct findings *f, enum finding_kind kind, const char *about, const char *format, ...)
{
    if (f->n == FINDINGS_MAX)
        abort();
    struct finding *one = &f->v[f->n++];
    *one = (struct finding){.kind = kind, .about = about};
    va_list args;
    va_start(args, format);
    vsnprintf(one->text, sizeof one->text, format, args);
    va_end(args);
}

struct size_text {
    char z[24];
};

// 1.5 GiB, 480 bytes.
static struct size_text size(uint64_t bytes)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"};
    struct size_text t;
    double n = (double)bytes;
    size_t unit = 0;
    while (n >= 1024 && unit + 1 < sizeof units / sizeof units[0]) {
        n /= 1024;
        unit++;
    }
    snprintf(t.z, sizeof t.z, unit == 0 || n >= 100 ? "%.0f %s" : "%.1f %s", n, units[unit]);
    return t;
}

// Files that a server with so many connections needs.
static uint64_t files_for(uint64_t connections, const struct wiring_start *start)
{
    return connections + rlimit_files_reserved(start->shard_count);
}

// ---- what the machine allows

static void examine_files(struct findings *f, const struct machine *m, const struct config *c,
                          const struct wiring_start *start)
{
    const uint64_t most = start->connections_max, wanted = c->limits_connections;
    if (wanted > most)
        find(f, FINDING_BAD, "open files",
             "%" PRIu64 " at most: for %" PRIu64 " connections, and limits.connections is %" PRIu64
             ". Raise the hard limit to %" PRIu64
             " (`ulimit -Hn`; LimitNOFILE= of a unit of systemd; --ulimit nofile= of a container)",
             m->files_hard, most, wanted, files_for(wanted, start));
    else
        find(f, FINDING_WELL, "open files",
             "%" PRIu64 " at most%s: %" PRIu64 " connections, and what the server needs for itself",
             m->files_hard, m->files_soft < m->files_hard ? ", to which the server raises its limit" : "",
             most);
    const uint64_t left = m->files_all > m->files_used ? m->files_all - m->files_used : 0;
    if (m->files_all != 0 && left < files_for(most, start) + FILES_SPARE)
        find(f, FINDING_BAD, "files in all",
             "the system has %" PRIu64 " left of %" PRIu64 ", and the server may need %" PRIu64
             ": raise fs.file-max",
             left, m->files_all, files_for(most, start));
}

static void examine_queue(struct findings *f, const struct machine *m, const struct config *c)
{
    if (m->accept_queue != 0 && m->accept_queue < c->server_backlog)
        find(f, FINDING_NOTE, "accept queue",
             "%" PRIu64 " connections, though server.backlog is %" PRIu32
             ": when all come back at once the others wait for a second and more. Raise net.core.somaxconn",
             m->accept_queue, c->server_backlog);
    else
        find(f, FINDING_WELL, "accept queue", "%" PRIu32 " connections on each listening socket",
             c->server_backlog);
}

// The server needs none; a proxy on this machine needs one for each connection to one of the server's addresses.
static void examine_ports(struct findings *f, const struct machine *m, const struct wiring_start *start)
{
    if (m->port_last < m->port_first || m->port_last == 0)
        return;
    const uint64_t ports = m->port_last - m->port_first + 1;
    const bool enough = ports >= start->connections_max;
    find(
        f, enough ? FINDING_WELL : FINDING_NOTE, "ports",
        "%" PRIu64
        " (net.ipv4.ip_local_port_range): as many connections can a proxy on this machine have to one address of the server%s",
        ports,
        enough ? ""
               : ". Widen it, or give the proxy several addresses (127.0.0.2 and so on), or a unix socket");
}

static void examine_tracking(struct findings *f, const struct machine *m, const struct wiring_start *start)
{
    const uint64_t left = m->tracked_max > m->tracked ? m->tracked_max - m->tracked : 0;
    if (m->tracked_max == 0)
        find(f, FINDING_WELL, "conntrack", "connections are not tracked here");
    else if (left < start->connections_max)
        find(f, FINDING_BAD, "conntrack",
             "%" PRIu64 " more of %" PRIu64 ", and the server may have %" PRIu32
             ": packets of the others are dropped in silence. Raise net.netfilter.nf_conntrack_max",
             left, m->tracked_max, start->connections_max);
    else
        find(f, FINDING_WELL, "conntrack", "%" PRIu64 " more connections of %" PRIu64, left, m->tracked_max);
}

static void examine_memory(struct findings *f, const struct machine *m, const struct config *c,
                           const struct wiring_start *start)
{
    const struct size_text budget = size(start->memory_bytes_max), all = size(m->memory);
    if (m->memory != 0 && start->memory_bytes_max > m->memory)
        find(
            f, FINDING_BAD, "memory",
            "%s in all, and server.memory_mb lets the server have %s: it would be killed before it reaches that",
            all.z, budget.z);
    else if (m->memory_free != 0 && start->memory_bytes_max > m->memory_free)
        find(f, FINDING_NOTE, "memory",
             "%s are free of %s now, and the server may take %s (server.memory_mb)", size(m->memory_free).z,
             all.z, budget.z);
    else
        find(f, FINDING_WELL, "memory", "%s in all; the server takes up to %s%s", all.z, budget.z,
             c->server_memory_mb == 0 ? ", half of it (server.memory_mb)" : "");
}

static void examine_random(struct findings *f, const struct machine *m)
{
    if (m->random_ready)
        find(f, FINDING_WELL, "random", "the kernel's random numbers are ready");
    else
        find(f, FINDING_NOTE, "random",
             "the kernel has no random numbers yet: the server's start waits until it has");
}

static void examine_clocks(struct findings *f, const struct machine *m)
{
    const bool slow = m->clock_look_ns > CLOCK_SLOW_NS;
    find(f, slow ? FINDING_NOTE : FINDING_WELL, "clock", "%s, %" PRIu64 " ns a look%s",
         m->clock_source[0] != '\0' ? m->clock_source : "a source that is not told", m->clock_look_ns,
         slow ? ": each asks the hardware. tsc, kvm-clock or arch_sys_counter take less" : "");
    if (!m->clock_synchronised)
        find(
            f, FINDING_NOTE, "time of day",
            "nothing that the kernel knows of holds it right (chrony, systemd-timesyncd): tokens begin and end by it, and messages bear it");
}

static void examine_cores(struct findings *f, const struct machine *m, const struct wiring_start *start)
{
    if (start->shard_count > m->cores)
        find(f, FINDING_NOTE, "cores",
             "%" PRIu32 ", and server.shards is %" PRIu32 ": threads that share a core wait for each other",
             m->cores, start->shard_count);
    else
        find(f, FINDING_WELL, "cores", "%" PRIu32 ", for %" PRIu32 " shards", m->cores, start->shard_count);
}

void doctor_examine(struct findings *f, const struct machine *m, const struct config *c,
                    const struct wiring_start *start)
{
    *f = (struct findings){0};
    examine_files(f, m, c, start);
    examine_queue(f, m, c);
    examine_ports(f, m, start);
    examine_tracking(f, m, start);
    examine_memory(f, m, c, start);
    examine_random(f, m);
    examine_clocks(f, m);
    examine_cores(f, m, start);
}

// ---- what the limits cost

static bool speaks_tls(const struct config *c)
{
    bool any = c->server_dev_tls || c->server_tls.n > 0;
    for (uint32_t i = 0; i < c->server_listen.n; i++)
        any = any || c->server_listen.rows[i].tls.n > 0;
    return any;
}

static void cost_of_connections(struct findings *f, const struct config *c, const struct wiring_start *start)
{
    const uint64_t n = start->connections_max;
    const uint64_t alone = n * DOCTOR_IDLE_ALONE_BYTES, tls = speaks_tls(c) ? n * DOCTOR_TLS_BYTES : 0;
    find(f, alone + tls > start->memory_bytes_max ? FINDING_BAD : FINDING_WELL, "connections",
         "%" PRIu64 " idle ones hold %s in rooms of a hundred, %s in rooms of two, and %s of the kernel", n,
         size(n * DOCTOR_IDLE_BYTES).z, size(alone).z, size(n * DOCTOR_KERNEL_BYTES).z);
    if (tls > 0)
        find(f, alone + tls > start->memory_bytes_max ? FINDING_BAD : FINDING_WELL, "with TLS",
             "%s more, if all of them speak it", size(tls).z);
}

static void cost_of_stuck(struct findings *f, const struct machine *m, const struct config *c,
                          const struct wiring_start *start)
{
    const uint64_t n = start->connections_max;
    find(
        f, FINDING_WELL, "stuck readers",
        "one that takes nothing holds up to %s of the kernel, and up to %s of replies (limits.reply_bytes); what a room keeps for all of "
        "its slow readers together is up to %s (rooms.lag_bytes)",
        size(DOCTOR_STUCK_BYTES).z, size(c->limits_reply_bytes).z, size(c->rooms_lag_bytes).z);
    if (m->tcp_memory != 0 && n * DOCTOR_STUCK_BYTES > m->tcp_memory)
        find(f, FINDING_NOTE, "TCP's memory",
             "%s (net.ipv4.tcp_mem): with more than %" PRIu64
             " stuck readers the kernel holds back all connections",
             size(m->tcp_memory).z, m->tcp_memory / DOCTOR_STUCK_BYTES);
}

static void cost_of_rooms(struct findings *f, const struct config *c, const struct wiring_start *start)
{
    const uint64_t rooms = (uint64_t)c->limits_rooms * start->shard_count;
    const uint64_t empty = rooms * DOCTOR_ROOM_BYTES, full = rooms * c->log_bytes;
    const bool all = full <= start->memory_bytes_max;
    find(
        f, empty > start->memory_bytes_max ? FINDING_NOTE : FINDING_WELL, "rooms",
        "%" PRIu64 " (limits.rooms of each shard) hold %s; with history up to log.bytes in each %s%s", rooms,
        size(empty).z, size(full).z,
        all ? ""
            : ", more than there is: above seven eighths of the memory the oldest history of the quietest rooms goes");
}

void doctor_costs(struct findings *f, const struct machine *m, const struct config *c,
                  const struct wiring_start *start)
{
    *f = (struct findings){0};
    cost_of_connections(f, c, start);
    cost_of_stuck(f, m, c, start);
    cost_of_rooms(f, c, start);
}
