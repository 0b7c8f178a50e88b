// SPDX-License-Identifier: Apache-2.0
#include "app/banner.h"

#include "core/auth/keyring.h"
#include "io/address.h"

#include <inttypes.h>
#include <unistd.h>

struct host {
    char z[56];
};

// The host of "host:port" as a client on this machine reaches it: nobody connects to "every address".
static struct host reachable_host(const char *address)
{
    struct host h;
    const char *colon = strrchr(address, ':');
    size_t n = colon != NULL ? (size_t)(colon - address) : 0;
    str host = str_make(address, n);
    if (str_eq(host, STR("0.0.0.0")))
        host = STR("127.0.0.1");
    else if (str_eq(host, STR("[::]")))
        host = STR("[::1]");
    snprintf(h.z, sizeof h.z, "%.*s", STR_ARG(host));
    return h;
}

// nc wants no brackets.
static struct host bare_host(const char *address)
{
    struct host h = reachable_host(address);
    size_t n = strlen(h.z);
    if (h.z[0] == '[') {
        memmove(h.z, h.z + 1, n - 2);
        h.z[n - 2] = '\0';
    }
    return h;
}

// A row of that path stands before it: the paths are told, not what is spoken there.
static bool told_already(const struct ways *ways, size_t n)
{
    const char *path = ways->v[n].path;
    size_t i = 0;
    while (i < n && (ways->v[i].path == NULL || strcmp(ways->v[i].path, path) != 0))
        i++;
    return i < n;
}

static void print_websockets(const char *host, const struct listener_info *l, const struct settings *core,
                             FILE *out)
{
    for (size_t i = 0; i < core->ways->n; i++) {
        const struct way *w = &core->ways->v[i];
        if (w->transport == TRANSPORT_HTTP && (!w->mirror || core->echo) && !told_already(core->ways, i))
            fprintf(out, "  %-12s ws%s://%s:%u%s\n", w->mirror ? "echo" : "WebSocket",
                    l->channel != NULL ? "s" : "", host, l->port, w->path);
    }
}

static void print_place(const struct listener_info *l, const struct settings *core, FILE *out)
{
    struct host host = reachable_host(l->address);
    const bool tls = l->channel != NULL;
    switch (l->transport) {
    case TRANSPORT_HTTP:
        fprintf(out, "  chat page    http%s://%s:%u/\n", tls ? "s" : "", host.z, l->port);
        print_websockets(host.z, l, core, out);
        break;
    case TRANSPORT_LINE:
        fprintf(out,
                tls ? "  text lines   openssl s_client -quiet -connect %s:%u\n" : "  text lines   nc %s %u\n",
                bare_host(l->address).z, l->port);
        break;
    case TRANSPORT_ADMIN:
        fprintf(out, "  admin page   http%s://%s:%u/admin/\n", tls ? "s" : "", host.z, l->port);
        fprintf(out, "  HTTP API     http%s://%s:%u/api/\n", tls ? "s" : "", host.z, l->port);
        break;
    }
}

// "curl --unix-socket" wants the path apart from the URL.
static void print_file(const struct listener_info *l, FILE *out)
{
    const char *path = strchr(l->address, ':') + 1, *s = l->channel != NULL ? "s" : "";
    switch (l->transport) {
    case TRANSPORT_HTTP:
        fprintf(out, "  chat page    curl --unix-socket %s http%s://localhost/\n", path, s);
        break;
    case TRANSPORT_LINE:
        fprintf(out, "  text lines   nc -U %s\n", path);
        break;
    case TRANSPORT_ADMIN:
        fprintf(out, "  HTTP API     curl --unix-socket %s http%s://localhost/api/\n", path, s);
        break;
    }
}

static bool is_file(const struct listener_info *l) { return strncmp(l->address, "unix:", 5) == 0; }

static void print_places(const struct server_info *info, const struct settings *core, FILE *out)
{
    for (uint32_t i = 0; i < info->listener_count; i++) {
        const struct listener_info *l = &info->listeners[i];
        if (l->port != 0)
            print_place(l, core, out);
        else if (is_file(l))
            print_file(l, out);
    }
}

static bool speaks_http(const struct server_info *info)
{
    for (uint32_t i = 0; i < info->listener_count; i++)
        if (info->listeners[i].address[0] != '\0' && info->listeners[i].transport == TRANSPORT_HTTP)
            return true;
    return false;
}

// Whoever can reach it may use any name for it.
static void print_names(const struct server_info *info, const struct settings *core, FILE *out)
{
    if (speaks_http(info) && !core->loopback_only && core->names_n == 0)
        fputs("  host names   any: set server.names to this server's own, or pages can reach it by theirs\n",
              out);
}

static bool is_open(const char *bound)
{
    struct address a;
    return address_parse(str_from_cstr(bound), &a) == OK && !address_is_loopback(&a);
}

// "A or B", with what is in front of it; false where no listener is open.
static bool print_open(const struct server_info *info, const char *before, FILE *out)
{
    bool any = false;
    for (uint32_t i = 0; i < info->listener_count; i++)
        if (is_open(info->listeners[i].address)) {
            fprintf(out, "%s%s", any ? " or " : before, info->listeners[i].address);
            any = true;
        }
    return any;
}

static void print_issuers(const struct keyring *keys, FILE *out)
{
    for (uint32_t i = 0; i < keys->issuers_n; i++)
        fprintf(out, "%s%.*s",
                i == 0                    ? ""
                : i + 1 < keys->issuers_n ? ", "
                                          : " or ",
                STR_ARG(keys->issuers[i].name));
    fputc('\n', out);
}

// Who may talk, where it may be others than the people of this machine.
static void print_audience(const struct server_info *info, const struct settings *core, FILE *out)
{
    bool tokens = core->keys != NULL && core->keys->issuers_n > 0;
    if (!core->no_guests) {
        if (print_open(info, "  who may talk anyone who can reach ", out))
            fputs(": no token is asked for (auth.guests), so keep\n"
                  "               strangers out by a firewall, or by a proxy that asks for a password\n",
                  out);
        if (core->guest_caps.p != NULL)
            fputs("               who has no token may what auth.guest_caps gives, and nothing else\n", out);
    } else if (tokens) {
        fputs("  who may talk whoever has a token of ", out);
        print_issuers(core->keys, out);
    } else {
        fputs(
            "  who may talk nobody: there is no auth.secret and no auth.issuers to check tokens by, and auth.guests lets\n"
            "               people without one in on loopback only; set one of them\n",
            out);
    }
}

static void print_size(uint64_t bytes, FILE *out)
{
    if (bytes >= 1 << 20 && bytes % (1 << 20) == 0)
        fprintf(out, "%" PRIu64 " MiB", bytes >> 20);
    else if (bytes >= 1 << 10 && bytes % (1 << 10) == 0)
        fprintf(out, "%" PRIu64 " KiB", bytes >> 10);
    else
        fprintf(out, "%" PRIu64 " bytes", bytes);
}

static void print_limits(const struct server_info *info, const struct settings *core,
                         uint32_t connections_wanted, FILE *out)
{
    fprintf(out, "  connections  %" PRIu32, info->connections_max);
    if (connections_wanted > info->connections_max)
        fprintf(out, ", not %" PRIu32 ": there are no files for more (raise `ulimit -Hn`)",
                connections_wanted);
    fprintf(out, "\n  open files   %" PRIu64, info->files.files_max);
    if (info->files.soft_before != info->files.files_max)
        fprintf(out, ", raised from %" PRIu64, info->files.soft_before);
    fputs("\n  messages     up to ", out);
    print_size(core->message_bytes, out);
    if (core->commands_per_s > 0)
        fprintf(out, ", %" PRIu32 " commands a second per connection", core->commands_per_s);
    fprintf(out, "\n  memory       up to %zu MiB for connections, rooms and logs\n",
            info->memory_bytes_max >> 20);
    fprintf(out, "  shards       %" PRIu32 "\n", info->shard_count);
}

void banner_print(const struct server_info *info, const struct settings *core, uint32_t connections_wanted,
                  FILE *out)
{
    fprintf(out, "plenum %s\n", core->version);
    print_places(info, core, out);
    print_names(info, core, out);
    print_audience(info, core, out);
    print_limits(info, core, connections_wanted, out);
    fputs("ready", out);
    for (uint32_t i = 0; i < info->listener_count; i++)
        if (info->listeners[i].address[0] != '\0' || info->listeners[i].transport != TRANSPORT_ADMIN)
            fprintf(out, " %s=%s", info->listeners[i].name, info->listeners[i].address);
    fprintf(out, " shards=%" PRIu32 " pid=%d\n", info->shard_count, (int)getpid());
    fflush(out);
}
