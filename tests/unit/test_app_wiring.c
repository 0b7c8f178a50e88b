// SPDX-License-Identifier: Apache-2.0
//
// From configuration to settings: every field is fed, units are right, 0 becomes what it stands for.
#include "unit/support.h"

#include "app/config_yaml.h"
#include "app/wiring.h"

#include "core/auth/caps.h"
#include "core/common/audit.h"
#include "dialect/command.h"

#include <stdio.h>

static struct config_load load;
static struct wiring wiring;
static struct wiring_start start;

static void set(const char *path, const char *value)
{
    str name;
    str section = str_split(str_from_cstr(path), '.', &name);
    const struct config_key *key = config_key_find(section, name);
    assert_non_null(key);
    assert_true(config_value_set(&load.values, key, str_from_cstr(value)));
}

static void wire(void)
{
    assert_int_equal(wiring_start_init(&start, &load.values), OK);
    assert_int_equal(wiring_init(&wiring, &load.values, &start), OK);
}

static int setup(void **state)
{
    (void)state;
    config_load_init(&load);
    set("server.memory_mb", "64");
    set("server.shards", "2");
    return 0;
}

// Every number of the configuration that is not decided at start shows up in one of the two settings: each gets a
// value of its own, moves by one, and some field must move with it.
static void test_every_number_arrives(void **state)
{
    (void)state;
    static const char *const elsewhere[] = {
        "logging.level",   "logging.format",  "drain.readiness_s", // app's own
        "server.tls",      "server.dev_tls",                       // app/certificates.c
        "auth.issuers",    "auth.secret",     "auth.leeway_s",     // app/keys.c
        "auth.guests",     "auth.guest_caps",                      // test_guests
        "audit.events",                                            // test_audit
        "audit.key",       "audit.sync",                           // app/serve.c
        "server.data_dir", "store.kind",      "store.busy_ms",     // app/data.c
    };
    static struct mem deflate;
    start = (struct wiring_start){
        .shard_count = 1, .connections_max = 5, .memory_bytes_max = 7, .deflate = &deflate};
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        const struct config_key *key = &config_keys[i];
        bool ours = false;
        for (size_t j = 0; j < ARRAY_LEN(elsewhere); j++)
            ours = ours || strcmp(key->path, elsewhere[j]) == 0;
        bool at_start = key->offset == offsetof(struct config, server_shards) ||
                        key->offset == offsetof(struct config, server_memory_mb) ||
                        key->offset == offsetof(struct config, limits_connections) ||
                        key->offset == offsetof(struct config, sessions_secret);
        if (ours || at_start)
            continue;
        assert_int_equal(wiring_init(&wiring, &load.values, &start), OK);
        struct settings core = wiring.core;
        struct io_settings io = wiring.io;
        char room = wiring.core.text_room.p[0];
        char http = wiring.io.listeners[0].address.p[0], text = wiring.io.listeners[1].address.p[0];
        char admin = wiring.io.listeners[2].address.p[0];
        struct config other = load.values;
        char *field = (char *)&other + key->offset;
        field[0] =
            (char)(field[0] ^
                   1); // a number by one, a switch over, a text by its first letter, a list by one item
        assert_int_equal(wiring_init(&wiring, &other, &start), OK);
        bool moved =
            memcmp(&core, &wiring.core, sizeof core) != 0 || memcmp(&io, &wiring.io, sizeof io) != 0 ||
            room != wiring.core.text_room.p[0] || http != wiring.io.listeners[0].address.p[0] ||
            text != wiring.io.listeners[1].address.p[0] || admin != wiring.io.listeners[2].address.p[0];
        if (!moved)
            print_error("%s is not wired\n", key->path);
        assert_true(moved);
    }
}

// Who comes without a token: by word, or by where the listeners are.
static void test_guests(void **state)
{
    (void)state;
    static const struct {
        const char *guests, *http, *text;
        bool let_in;
    } rows[] = {
        {"loopback", "127.0.0.1:8000", "[::1]:9000", true},
        {"loopback", "127.0.0.1:8000", "", true},
        {"loopback", "0.0.0.0:8000", "127.0.0.1:9000", false},
        {"loopback", "127.0.0.1:8000", "192.0.2.1:9000", false},
        {"true", "0.0.0.0:8000", "0.0.0.0:9000", true},
        {"false", "127.0.0.1:8000", "127.0.0.1:9000", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        set("auth.guests", rows[i].guests);
        set("server.http", rows[i].http);
        set("server.text", rows[i].text);
        wire();
        assert_int_equal(wiring.core.no_guests, !rows[i].let_in);
        assert_null(wiring.core.keys); // the caller's
        assert_null(wiring.core.guest_caps.p);
    }
    set("auth.guest_caps", "{\"rooms\":{\"lobby\":[\"join\"]}}");
    wire();
    const str caps = wiring.core.guest_caps;
    caps_check(caps);
    assert_true((caps_room(caps, STR("lobby")) & 1u << RIGHT_JOIN) != 0);
    assert_true((caps_room(caps, STR("other")) & 1u << RIGHT_JOIN) == 0);
}

// Nothing without a file; then what is said.
static void test_audit(void **state)
{
    (void)state;
    wire();
    assert_int_equal(wiring.core.audit, 0);
    set("audit.file", "audit.log");
    wire();
    assert_int_equal(wiring.core.audit, (1u << AUDIT_KIND_COUNT) - 1);
    set("audit.events", "decrees,refusals");
    wire();
    assert_int_equal(wiring.core.audit, 1u << AUDIT_OF_DECREES | 1u << AUDIT_OF_REFUSALS);
}

static void test_units(void **state)
{
    (void)state;
    set("rooms.grace_s", "2592000");
    set("sessions.resume_s", "2592000");
    set("log.age_s", "60");
    set("limits.hello_ms", "1234");
    set("drain.batch", "100");
    set("rooms.slow_policy", "disconnect");
    set("origin.allowed", "https://a.example,null");
    wire();
    assert_int_equal(wiring.core.room_grace_ms, 2592000000u);
    assert_int_equal(wiring.core.resume_ms, 2592000000u);
    assert_int_equal(wiring.core.log_age_ms, 60000);
    assert_int_equal(wiring.core.hello_ms, 1234);
    assert_int_equal(wiring.core.drain_batch, 50); // a share of two shards
    assert_int_equal(wiring.core.slow_policy, SLOW_DISCONNECT);
    assert_int_equal(wiring.core.origins_n, 2);
    assert_str_eq(wiring.core.origins[1], STR("null"));
    assert_int_equal(wiring.io.memory_bytes_max, 64 << 20);
    assert_int_equal(wiring.io.drain_deadline_ms, 30000);
}

// A rule has what it says, and what holds for all where it says nothing.
static void test_rules(void **state)
{
    (void)state;
    set("rooms.members_max", "7");
    set("rooms.listed", "false");
    set("log.age_s", "60");
    const struct config_key *key = config_key_find(STR("rooms"), STR("rules"));
    config_yaml_rows(
        &load, key,
        STR("[{match: \"team-*\", access: token, listed: true, log_age_s: 5, presence: none, presence_damping_ms: 4, echo: true,"
            "host: first, role: guest, slow_policy: disconnect, flush_interval_ms: 3, log_bytes: 4096,"
            "log_entries: 5, messages_per_s: 6, messages_burst: 7, member_messages_per_s: 8,"
            "member_messages_burst: 9, state_keys_max: 10, state_bytes_max: 2000, state_value_max: 300, state_interval_ms: 11, invitations_max: 11,"
            "invitation_max_s: 1d, durability: disk},"
            "{match: b, members_max: 9}]"));
    assert_int_equal(load.complaints.errors, 0);
    wire();
    const struct settings *s = &wiring.core;
    assert_int_equal(s->rules_n, 2);
    assert_str(s->rules[0].match, "team-*");
    const struct room_settings *a = &s->rules[0].room, *b = &s->rules[1].room;
    assert_int_equal(a->room_members_max, 7);
    assert_int_equal(a->room_access, ACCESS_TOKEN);
    assert_int_equal(a->room_presence, PRESENCE_NONE);
    assert_int_equal(a->room_damping_ms, 4);
    assert_int_equal(b->room_damping_ms, 2000);
    assert_int_equal(a->room_host, HOST_FIRST);
    assert_int_equal(a->newcomer_role, ROLE_GUEST);
    assert_int_equal(a->slow_policy, SLOW_DISCONNECT);
    assert_int_equal(a->flush_interval_ms, 3);
    assert_int_equal(a->log_age_ms, 5000);
    assert_int_equal(a->log_bytes, 4096);
    assert_int_equal(a->log_entries, 5);
    assert_int_equal(a->messages.per_s, 6);
    assert_int_equal(a->messages.burst, 7);
    assert_int_equal(a->member_messages.per_s, 8);
    assert_int_equal(a->member_messages.burst, 9);
    assert_int_equal(a->state_keys, 10);
    assert_int_equal(a->state_bytes, 2000);
    assert_int_equal(a->state_value, 300);
    assert_int_equal(a->state_interval_ms, 11);
    assert_int_equal(b->state_keys, 256);
    assert_int_equal(a->invitations, 11);
    assert_int_equal(a->invitation_s, 86400);
    assert_int_equal(b->invitations, 100);
    assert_int_equal(b->invitation_s, 7 * 86400);
    assert_int_equal(a->room_durability, DURABILITY_DISK); // as a store will find it
    assert_int_equal(b->room_durability, DURABILITY_MEMORY);
    assert_int_equal(b->messages.per_s, 0);
    assert_int_equal(b->member_messages.per_s, 0);
    assert_false(a->room_unlisted);
    assert_true(a->room_echo);
    assert_int_equal(b->room_members_max, 9);
    assert_int_equal(b->room_access, ACCESS_OPEN);
    assert_int_equal(b->newcomer_role, ROLE_MEMBER);
    assert_int_equal(b->log_age_ms, 60000);
    assert_true(b->room_unlisted);
    assert_memory_equal(&s->room.log_entries, &s->log_entries, sizeof s->log_entries);
    assert_int_equal(s->room_members_max, 7);
    assert_true(s->room_unlisted);
    assert_int_equal(rule_find(s->rules, s->rules_n, STR("team-red")), 0);
    assert_int_equal(rule_find(s->rules, s->rules_n, STR("b")), 1);
    assert_int_equal(rule_find(s->rules, s->rules_n, STR("c")), RULE_NONE);
}

// What a tenant says of its rooms is a rule behind those that are written as rules.
static void test_tenants(void **state)
{
    (void)state;
    set("rooms.members_max", "7");
    set("rooms.lag_bytes", "8192");
    config_yaml_rows(&load, config_key_find(STR("rooms"), STR("rules")), STR("[{match: \"acme:red\"}]"));
    config_yaml_rows(&load, config_key_find(STR("tenants"), STR("")),
                     STR("[{prefix: \"acme:\", connections: 5, rooms: 6, memory_mb: 64, messages_per_s: 50, "
                         "slow_policy: disconnect}, {prefix: \"b:\", name: bob, issuer: x, guests: true, "
                         "messages_per_s: 9, messages_burst: 90, lag_bytes: 4096}]"));
    assert_int_equal(load.complaints.errors, 0);
    wire();
    const struct settings *s = &wiring.core;
    const struct tenant *a = &s->tenants[0], *b = &s->tenants[1];
    assert_int_equal(s->tenants_n, 2);
    assert_str_eq(a->name, STR("acme"));
    assert_str_eq(a->prefix, STR("acme:"));
    assert_str_eq(b->name, STR("bob"));
    assert_str_eq(b->issuer, STR("x"));
    assert_int_equal(a->issuer.n, 0);
    assert_int_equal(a->connections_max, 5);
    assert_int_equal(a->rooms_max, 6);
    assert_int_equal(a->memory_max, 64 << 20);
    assert_true(!a->guests && b->guests);
    assert_int_equal(a->messages.per_s, 50);
    assert_int_equal(a->messages.burst, 50);
    assert_int_equal(b->messages.burst, 90);
    assert_int_equal(s->rules_n, 3);
    assert_int_equal(rule_find(s->rules, s->rules_n, STR("acme:red")), 0);
    assert_int_equal(rule_find(s->rules, s->rules_n, STR("acme:blue:sky")), 1);
    assert_int_equal(rule_find(s->rules, s->rules_n, STR("b:")), 2);
    assert_int_equal(rule_find(s->rules, s->rules_n, STR("blue")), RULE_NONE);
    assert_int_equal(s->rules[1].room.slow_policy, SLOW_DISCONNECT);
    assert_int_equal(s->rules[1].room.lag_bytes, 8192);
    assert_int_equal(s->rules[1].room.room_members_max, 7);
    assert_int_equal(s->rules[2].room.slow_policy, SLOW_GAP);
    assert_int_equal(s->rules[2].room.lag_bytes, 4096);
}

// Whether other machines reach it decides to which host names it answers.
static void test_loopback_means_every_listener(void **state)
{
    (void)state;
    static const struct {
        const char *http, *text;
        bool loopback;
    } cases[] = {
        {"127.0.0.1:8000", "127.0.0.1:9000", true},
        {"[::1]:8000", "", true},
        {"127.0.0.1:8000", "0.0.0.0:9000", false},
        {"0.0.0.0:8000", "127.0.0.1:9000", false},
        {"0.0.0.0:8000", "", false},
        {"127.0.0.1:8000", "192.0.2.7:9000", false},
    };
    set("server.admin", "127.0.0.1:8001");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        set("server.http", cases[i].http);
        set("server.text", cases[i].text);
        wire();
        assert_int_equal(wiring.core.loopback_only, cases[i].loopback);
    }
}

static void test_shares_are_never_zero(void **state)
{
    (void)state;
    set("drain.batch", "1");
    set("server.shards", "64");
    wire();
    assert_int_equal(wiring.core.drain_batch, 1);
}

static void test_zeros(void **state)
{
    (void)state;
    set("server.shards", "0");
    set("server.memory_mb", "0");
    set("limits.connections", "0");
    wire();
    assert_true(start.shard_count >= 1 && start.shard_count <= SHARDS_MAX);
    assert_true(start.memory_bytes_max >= 16 << 20);
    assert_true(start.connections_max >= 1);
    assert_int_equal(wiring.core.connections_max, wiring.io.connections_max);
}

static void test_connections_fit_the_files(void **state)
{
    (void)state;
    set("limits.connections", "10");
    wire();
    assert_int_equal(start.connections_max, 10);
    set("limits.connections", "10000000");
    wire();
    assert_true(start.connections_max <= 10000000);
}

// The same secret gives the same key on every node; none gives a new one at every start.
static void test_resume_key(void **state)
{
    (void)state;
    uint8_t keys[3][32];
    const char *const secrets[] = {"0123456789abcdef", "0123456789abcdef", "0123456789abcdeg"};
    for (int i = 0; i < 3; i++) {
        set("sessions.secret", secrets[i]);
        wire();
        memcpy(keys[i], wiring.core.resume_key, 32);
    }
    assert_memory_equal(keys[0], keys[1], 32);
    assert_memory_not_equal(keys[0], keys[2], 32);
    set("sessions.secret", "");
    wire();
    memcpy(keys[0], wiring.core.resume_key, 32);
    struct siphash_key hash = wiring.core.hash_key;
    wire();
    assert_memory_not_equal(keys[0], wiring.core.resume_key, 32);
    assert_memory_not_equal(&hash, &wiring.core.hash_key, sizeof hash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_every_number_arrives, setup),
        cmocka_unit_test_setup(test_guests, setup),
        cmocka_unit_test_setup(test_audit, setup),
        cmocka_unit_test_setup(test_units, setup),
        cmocka_unit_test_setup(test_rules, setup),
        cmocka_unit_test_setup(test_tenants, setup),
        cmocka_unit_test_setup(test_loopback_means_every_listener, setup),
        cmocka_unit_test_setup(test_shares_are_never_zero, setup),
        cmocka_unit_test_setup(test_zeros, setup),
        cmocka_unit_test_setup(test_connections_fit_the_files, setup),
        cmocka_unit_test_setup(test_resume_key, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
