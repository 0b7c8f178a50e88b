// SPDX-License-Identifier: Apache-2.0
#include "app/wiring.h"

#include "app/logger.h"
#include "app/process_stats.h"
#include "core/api/api.h"
#include "core/common/audit.h"
#include "dialect/api.h"
#include "io/address.h"
#include "io/random.h"
#include "wire/digest.h"

#include <sched.h>
#include <sys/resource.h>

enum { MEMORY_UNKNOWN_MB = 1024, VERIFIERS = 2 };

_Static_assert((int)CONFIG_RULES_MAX + (int)CONFIG_TENANTS_MAX <= (int)RULES_MAX,
               "core takes as many rules as may be written, and one of each tenant");
_Static_assert((int)CONFIG_TENANTS_MAX <= (int)TENANTS_MAX, "and as many tenants");
_Static_assert((int)CONFIG_PREFIX_MAX == (int)TENANT_PREFIX_MAX, "with prefixes as long");

static uint32_t cores(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 1;
    int n = CPU_COUNT(&set);
    return n < 1 ? 1 : n > SHARDS_MAX ? SHARDS_MAX : (uint32_t)n;
}

static size_t memory_budget(const struct config *c)
{
    if (c->server_memory_mb > 0)
        return (size_t)c->server_memory_mb << 20;
    uint64_t half = process_memory_available() / 2;
    return half > 0 ? (size_t)half : (size_t)MEMORY_UNKNOWN_MB << 20;
}

// io raises the file limit to its hard value; so much is there to be had.
static uint32_t connections(const struct config *c, uint32_t shard_count)
{
    const struct config_key *key = &config_keys[CONFIG_ID_limits_connections];
    uint32_t wanted = c->limits_connections > 0 ? c->limits_connections : key->max;
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return wanted;
    uint32_t most = rlimit_connections_max(files.rlim_max, shard_count, wanted);
    return most > 0 ? most : 1; // io says what is wrong when there are no files at all
}

// The secret is the operator's text; the key has a fixed size and a purpose of its own, so that the same secret may
// sign other things one day.
static enum err resume_key(const char *secret, uint8_t ret[32])
{
    static const char purpose[] = "plenum resume token 1";
    if (secret[0] == '\0') {
        random_bytes(ret, 32);
        return OK;
    }
    unsigned char text[sizeof purpose + CONFIG_SECRET_MAX];
    size_t n = strlen(secret);
    memcpy(text, purpose, sizeof purpose);
    memcpy(text + sizeof purpose, secret, n);
    return digest_sha256(text, sizeof purpose + n, ret);
}

enum err wiring_start_init(struct wiring_start *start, const struct config *c)
{
    if (digest_self_test() != OK)
        return ERR_NOMEM;
    start->shard_count = c->server_shards > 0 ? c->server_shards : cores();
    start->connections_max = connections(c, start->shard_count);
    start->memory_bytes_max = memory_budget(c);
    random_bytes(&start->hash_key, sizeof start->hash_key);
    return resume_key(c->sessions_secret, start->resume_key);
}

static uint32_t share(uint32_t total, uint32_t shards) { return total / shards > 0 ? total / shards : 1; }

// The words of audit.events, of which the first one is all of them.
static uint32_t audit_kinds(const struct config *c)
{
    if (c->audit_file[0] == '\0')
        return 0;
    return (c->audit_events & 1) != 0 ? (1u << AUDIT_KIND_COUNT) - 1 : c->audit_events >> 1;
}

// How many rooms there may be, and who may make how many of them.
static void wire_room_limits(const struct config *c, struct settings *ret)
{
    ret->rooms_max = c->limits_rooms;
    ret->rooms_connection =
        (struct rate){c->limits_connection_rooms_created_per_s, c->limits_connection_rooms_created_burst};
    ret->rooms_user = (struct rate){c->limits_rooms_created_per_s, c->limits_rooms_created_burst};
    ret->rooms_address =
        (struct rate){c->limits_address_rooms_created_per_s, c->limits_address_rooms_created_burst};
    ret->rooms_address_percent = c->limits_address_rooms_percent;
}

static void wire_core(struct wiring *w, const struct wiring_start *start)
{
    const struct config *c = &w->config;
    w->core = (struct settings){
        .shard_count = start->shard_count,
        .hash_key = start->hash_key,
        .ways = &ways_served,
        .routes = api_routes,
        .routes_n = API_ROUTES,
        .assets = assets,
        .assets_n = assets_len,
        .verifiers = VERIFIERS,
        .version = PLENUM_VERSION,
        .echo = c->server_echo,

        .connections_max = start->connections_max,
        .message_bytes = c->limits_message_bytes,
        .commands_per_s = c->limits_commands_per_s,
        .commands_burst = c->limits_commands_burst,
        .requests = {c->limits_requests_per_s, c->limits_requests_burst},
        .signals = {c->limits_signals_per_s, c->limits_signals_burst},
        .sessions_per_user = c->limits_sessions_per_user,
        .user_commands = {c->limits_user_commands_per_s, c->limits_user_commands_burst},
        .address_commands = {c->limits_address_commands_per_s, c->limits_address_commands_burst},
        .reply_bytes = c->limits_reply_bytes,
        .handshake_ms = c->limits_handshake_ms,
        .hello_ms = c->limits_hello_ms,
        .close_ms = c->limits_close_ms,
        .turn_bytes = c->limits_turn_bytes,
        .read_bytes = c->server_debug_read_limit,

        .rooms_per_connection = c->rooms_per_connection_max,
        .room_grace_ms = c->rooms_grace_s * 1000,
        .member_grace_ms = c->rooms_member_grace_s * 1000,
        .presence_exact_max = c->rooms_presence_exact_max,
        .idempotency_ms = c->rooms_idempotency_s * 1000,
        .idempotency_keys = c->rooms_idempotency_keys,
        .text_room = str_from_cstr(c->rooms_text_room),
        .text_show_address = c->text_show_address,
        .hsts_s = c->server_hsts_days * 86400,

        .heartbeat_ms = c->heartbeat_interval_s * 1000,
        .heartbeat_min_ms = c->heartbeat_min_s * 1000,
        .heartbeat_max_ms = c->heartbeat_max_s * 1000,
        .heartbeat_timeout_ms = c->heartbeat_timeout_s * 1000,
        .heartbeat_adaptive = c->heartbeat_adaptive,
        .drain_batch = share(c->drain_batch, start->shard_count),
        .drain_interval_ms = c->drain_interval_ms,
        .drain_spread_ms = c->drain_spread_ms,
        .resume_ms = c->sessions_resume_s * 1000,

        .api_body_bytes = c->api_body_bytes,
        .api_batch_max = c->api_batch_max,
        .api_idempotency_keys = c->api_idempotency_keys,
        .api_idempotency_bytes = (uint64_t)c->api_idempotency_mb << 20,
        .admin_only = c->server_admin_only,
        .audit = audit_kinds(c),
    };
    wire_room_limits(c, &w->core);
    memcpy(w->core.resume_key, start->resume_key, sizeof w->core.resume_key);
}

// A listener that is off, or that will be refused, opens nothing. A Unix socket is there for a proxy, mostly, but for the admin's, where
// nobody talks; and where proxies are believed people come by them, wherever these are.
static bool only_loopback(const struct config *c, const struct io_settings *io)
{
    for (uint32_t i = 0; i < io->listener_count; i++) {
        struct address a;
        const struct listener_row *row = &io->listeners[i];
        if (address_parse(row->address, &a) == OK && !address_is_loopback(&a) &&
            !(address_is_unix(&a) && row->transport == TRANSPORT_ADMIN))
            return false;
    }
    return c->server_trusted_proxies.n == 0;
}

static void wire_proxies(struct wiring *w)
{
    static const enum forwarded_field fields[] = {FORWARDED_X_FOR, FORWARDED_RFC_7239, FORWARDED_NONE};
    const struct config_list *list = &w->config.server_trusted_proxies;
    w->core.proxies = w->proxies;
    w->core.proxies_n = 0;
    for (uint32_t i = 0; i < list->n; i++) {
        str item = str_from_cstr(list->items[i]);
        if (str_eq(item, STR(CONFIG_NET_UNIX))) {
            w->core.proxies_unix = true;
            continue;
        }
        // config_value_set has looked: they all are.
        w->core.proxies_n += ip_net_parse(item, &w->proxies[w->core.proxies_n]) == OK;
    }
    w->core.forwarded = fields[w->config.server_forwarded_by];
}

// The words of auth.guests.
enum { GUESTS_LOOPBACK, GUESTS_ALWAYS, GUESTS_NEVER };

static void wire_people(struct wiring *w)
{
    const struct config *c = &w->config;
    const str caps = str_from_cstr(c->auth_guest_caps);
    uint32_t guests = c->auth_guests;
    size_t caps_n;
    struct sentence why;
    if (caps.n != 0) {
        enum err made = caps_make(caps, w->guest_caps, &caps_n, &why);
        ASSERT(made == OK); // config_load_check has looked
        w->core.guest_caps = str_make(w->guest_caps, caps_n);
    }
    w->core.expiry_grace_ms = c->auth_expiry_grace_s * 1000;
    w->core.query_token = c->auth_query_token;
    w->core.token_cookie = str_from_cstr(c->auth_cookie);
    w->core.no_guests = guests == GUESTS_NEVER || (guests == GUESTS_LOOPBACK && !w->core.loopback_only);
}

// What we may be called, and from which pages one may come.
static void wire_names(struct wiring *w)
{
    const struct config *c = &w->config;
    for (uint32_t i = 0; i < c->server_names.n; i++)
        w->names[i] = str_from_cstr(c->server_names.items[i]);
    for (uint32_t i = 0; i < c->origin_allowed.n; i++)
        w->origins[i] = str_from_cstr(c->origin_allowed.items[i]);
    w->core.names = w->names;
    w->core.names_n = c->server_names.n;
    w->core.loopback_only = only_loopback(c, &w->io);
    w->core.origins = w->origins;
    w->core.origins_n = c->origin_allowed.n;
}

static struct room_settings room_settings_make(const struct config_rule *r)
{
    return (struct room_settings){
        .room_members_max = r->members_max,
        .flush_interval_ms = r->flush_interval_ms,
        .messages = {r->messages_per_s, r->messages_burst},
        .member_messages = {r->member_messages_per_s, r->member_messages_burst},
        .state_keys = r->state_keys_max,
        .state_bytes = r->state_bytes_max,
        .state_value = r->state_value_max,
        .state_interval_ms = r->state_interval_ms,
        .invitations = r->invitations_max,
        .invitation_s = r->invitation_max_s,
        .log_entries = r->log_entries,
        .log_bytes = r->log_bytes,
        .log_age_ms = r->log_age_s * 1000,
        .room_durability = (enum room_durability)r->durability,
        .receipts = r->receipts,
        .edit_window_ms = r->edit_window_s * 1000,
        .delete_window_ms = r->delete_window_s * 1000,
        .slow_policy = (enum slow_policy)r->slow_policy,
        .lag_bytes = r->lag_bytes,
        .room_access = (enum room_access)r->access,
        .room_presence = (enum room_presence)r->presence,
        .room_damping_ms = r->presence_damping_ms,
        .room_host = (enum room_host)r->host,
        .newcomer_role = (enum role)r->role,
        .room_unlisted = !r->listed,
        .room_echo = r->echo,
    };
}

// What holds in all rooms is a rule that says nothing.
static void wire_rules(struct wiring *w)
{
    const struct config *c = &w->config;
    const struct config_table *table = &config_tables[CONFIG_TABLE_RULES];
    struct config_rule filled = {.at = {0}};
    config_row_fill(c, table, &filled);
    w->core.room = room_settings_make(&filled);
    for (uint32_t i = 0; i < c->rooms_rules.n; i++) {
        filled = c->rooms_rules.rows[i];
        config_row_fill(c, table, &filled);
        w->rules[i].match = str_from_cstr(c->rooms_rules.rows[i].match);
        w->rules[i].name = str_from_cstr(c->rooms_rules.rows[i].name);
        w->rules[i].room = room_settings_make(&filled);
    }
    w->core.rules = w->rules;
    w->core.rules_n = c->rooms_rules.n;
}

// What a tenant says of its rooms is a rule behind all others.
static void wire_tenant(struct wiring *w, uint32_t i)
{
    const struct config *c = &w->config;
    struct config_tenant t = c->tenants_.rows[i];
    struct config_rule rule = {.at = {0}};
    config_row_fill(c, &config_tables[CONFIG_TABLE_TENANTS], &t);
    config_row_fill(c, &config_tables[CONFIG_TABLE_RULES], &rule);
    rule.slow_policy = t.slow_policy;
    rule.lag_bytes = t.lag_bytes;
    snprintf(w->tenant_rooms[i], sizeof w->tenant_rooms[i], "%s**", t.prefix);
    w->rules[w->core.rules_n++] =
        (struct room_rule){.match = str_from_cstr(w->tenant_rooms[i]), .room = room_settings_make(&rule)};
    const struct config_tenant *row = &c->tenants_.rows[i]; // which stays where it is
    w->tenants[i] = (struct tenant){
        .name = config_tenant_name(row),
        .prefix = str_from_cstr(row->prefix),
        .issuer = str_from_cstr(row->issuer),
        .guests = row->guests,
        .connections_max = row->connections,
        .rooms_max = row->rooms,
        .memory_max = (size_t)row->memory_mb << 20,
        .messages = {row->messages_per_s, row->messages_burst != 0                  ? row->messages_burst
                                          : row->messages_per_s < BUCKET_TOKENS_MAX ? row->messages_per_s
                                                                                    : BUCKET_TOKENS_MAX},
    };
}

static void wire_deflate(struct wiring *w, const struct wiring_start *start)
{
    const struct config *c = &w->config;
    w->core.deflate = c->websocket_deflate ? start->deflate : NULL;
    w->core.deflate_bytes = (size_t)c->websocket_deflate_memory_mb << 20;
    w->core.deflate_min_bytes = c->websocket_deflate_min_bytes;
}

static void wire_tenants(struct wiring *w, const struct wiring_start *start)
{
    for (uint32_t i = 0; i < w->config.tenants_.n; i++)
        wire_tenant(w, i);
    w->core.tenants = w->tenants;
    w->core.tenants_n = w->config.tenants_.n;
    w->core.budgets = start->budgets;
}

static enum err hash_secret(const char *secret, uint8_t ret[SHA256_BYTES])
{
    return digest_sha256(secret, strlen(secret), ret);
}

static void read_hex(const char *hex, uint8_t ret[SHA256_BYTES])
{
    for (size_t i = 0; i < SHA256_BYTES; i++) {
        unsigned byte = 0;
        for (size_t k = 0; k < 2; k++) {
            char c = hex[2 * i + k];
            byte = byte * 16 + (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
        }
        ret[i] = (uint8_t)byte;
    }
}

// Words of CONFIG_API_RIGHTS as commands; those that no command is made of yet open nothing.
static uint64_t rights_of(uint32_t words)
{
    str rest = STR(CONFIG_API_RIGHTS);
    uint64_t rights = (words & 1) != 0 ? UINT64_MAX : 0; // `all`
    for (uint32_t bit = 0; rest.p != NULL; bit++) {
        enum command_type type = api_find(str_split(rest, '|', &rest));
        if (type != CMD_NONE && (words >> bit & 1) != 0)
            rights |= api_right(type);
    }
    return rights;
}

static enum err wire_key(struct wiring *w, const struct config_api_key *from)
{
    size_t n = w->core.api_keys_n++;
    struct api_key *key = &w->api_keys[n];
    str name = str_from_cstr(from->name);
    *key = (struct api_key){.name = user_name_valid(name) ? name : STR_NONE,
                            .rights = rights_of(from->rights),
                            .rate = {from->rate, from->burst},
                            .rooms = w->api_rooms[n],
                            .rooms_n = from->rooms.n};
    for (uint32_t i = 0; i < from->rooms.n; i++)
        w->api_rooms[n][i] = config_texts_item(&from->rooms, i);
    if (from->secret[0] != '\0')
        return hash_secret(from->secret, key->sha256);
    read_hex(from->secret_sha256, key->sha256);
    return OK;
}

static enum err wire_keys(struct wiring *w)
{
    const struct config *c = &w->config;
    _Static_assert((int)CONFIG_API_KEYS_MAX < (int)API_KEYS_MAX, "the rows and api.key");
    w->core.api_keys = w->api_keys;
    w->core.api_keys_n = 0;
    enum err e = OK;
    for (uint32_t i = 0; i < c->api_keys.n && e == OK; i++)
        e = wire_key(w, &c->api_keys.rows[i]);
    if (c->api_key[0] == '\0' || e != OK)
        return e;
    struct api_key *key = &w->api_keys[w->core.api_keys_n++];
    *key = (struct api_key){.rights = UINT64_MAX};
    return hash_secret(c->api_key, key->sha256);
}

// The next one.
static struct listener_row *listener_wire(struct wiring *w, const struct wiring_start *start, uint32_t kind,
                                          const char *address)
{
    static const struct listener_row rows[][2] = {
        [LISTEN_KIND_HTTP] = {{.name = "http", .what = "HTTP", .transport = TRANSPORT_HTTP},
                              {.name = "https", .what = "HTTPS", .transport = TRANSPORT_HTTP}},
        [LISTEN_KIND_TEXT] = {{.name = "text", .what = "text lines", .transport = TRANSPORT_LINE},
                              {.name = "text-tls",
                               .what = "text lines through TLS",
                               .transport = TRANSPORT_LINE}},
        [LISTEN_KIND_ADMIN] = {{.name = "admin", .what = "the admin's HTTP", .transport = TRANSPORT_ADMIN},
                               {.name = "admin-tls",
                                .what = "the admin's HTTPS",
                                .transport = TRANSPORT_ADMIN}},
    };
    const struct channel_kind *channel = start->channels[w->io.listener_count];
    struct listener_row *row = &w->io.listeners[w->io.listener_count++];
    *row = rows[kind][channel != NULL];
    row->address = str_from_cstr(address);
    row->channel = channel;
    return row;
}

static void listen_wire(struct wiring *w, const struct wiring_start *start, const struct config_listen *from)
{
    static const uint32_t modes[] = {0600, 0660, 0666};
    struct listener_row *row = listener_wire(w, start, from->kind, from->address);
    row->proxied = from->proxy_protocol;
    row->mode = modes[from->mode];
}

static void wire_io(struct wiring *w, const struct wiring_start *start)
{
    const struct config *c = &w->config;
    w->io = (struct io_settings){
        .backlog = c->server_backlog,
        .memory_bytes_max = start->memory_bytes_max,
        .store = start->store,
        .store_db = start->store_db,
        .drain_deadline_ms = c->drain_deadline_s * 1000,
        .connections_max = start->connections_max,
        .connections_per_address = c->limits_connections_per_address,
        .address_connects = {c->limits_address_connects_per_s, c->limits_address_connects_burst},
        .connection_wait_ms = c->limits_connection_wait_ms,
        .spin_us = c->server_spin_us,
        .key_bounds = {c->auth_jwks_fresh_s * 1000, c->auth_jwks_stale_s * 1000},
        .turn_slow_ms = c->logging_slow_turn_ms,
    };
    listener_wire(w, start, LISTEN_KIND_HTTP, c->server_http);
    listener_wire(w, start, LISTEN_KIND_TEXT, c->server_text);
    listener_wire(w, start, LISTEN_KIND_ADMIN, c->server_admin);
    for (uint32_t i = 0; i < c->server_listen.n; i++)
        listen_wire(w, start, &c->server_listen.rows[i]);
}

void wiring_warn(const struct config *c)
{
    uint64_t machine_mb = process_memory_available() >> 20;
    if (machine_mb > 0 && c->server_memory_mb > machine_mb)
        log_warn("memory_beyond_machine", LOG_NUMBER("memory_mb", c->server_memory_mb),
                 LOG_NUMBER("machine_mb", machine_mb),
                 LOG_TEXT("consequence", "the kernel may end the process before its own limit is reached"));
}

enum err wiring_init(struct wiring *w, const struct config *c, const struct wiring_start *start)
{
    w->config = *c;
    wire_core(w, start);
    w->core.store = start->store != NULL;
    w->core.steady_from_ms = start->steady_from_ms;
    wire_rules(w);
    wire_deflate(w, start);
    wire_tenants(w, start);
    wire_io(w, start);
    wire_names(w);
    wire_proxies(w);
    wire_people(w);
    return wire_keys(w);
}
