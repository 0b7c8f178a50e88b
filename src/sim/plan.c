// SPDX-License-Identifier: Apache-2.0
//
// From the seed to a world: how many shards, which settings, what may go wrong. Each choice has its own throw, and
// extremes (one shard, a mailbox of one, a log of eight entries) are as likely as the usual.
#include "core/api/api.h"
#include "core/common/audit.h"
#include "sim/desk.h"
#include "sim/parcel.h"
#include "sim/rates.h"
#include "sim/world.h"

#include "base/codec.h"
#include <stdio.h>

#define PICK(w, ...) \
    pick((w), (const uint32_t[]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

static uint32_t pick(struct world *w, const uint32_t *values, size_t n) { return values[roll(w, n)]; }

static void settings_limits(struct world *w, struct settings *s)
{
    s->connections_max = 96;
    s->message_bytes = PICK(w, 2048, 8192, 65536);
    s->commands_per_s = PICK(w, 0, 0, 50);
    s->commands_burst = s->commands_per_s == 0 ? 1 : PICK(w, 60, 120);
    s->reply_bytes = PICK(w, 4096, 16384, 262144);
    s->handshake_ms = 3000;
    s->hello_ms = 3000;
    s->close_ms = 1000;
    s->turn_bytes = PICK(w, 512, 4096, 65536);
}

// How long it is held back that somebody is away: by a die of its own, so that the plans of seeds stay what they were. Between
// nothing and longer than some graces.
static uint32_t plan_damping(const struct world *w, uint32_t of)
{
    static const uint32_t some_ms[] = {0, 100, 2000, 8000};
    struct prng die;
    prng_init(&die, w->options->seed ^ (UINT64_C(0x61776179) + of));
    return some_ms[prng_below(&die, 4)];
}

// Likewise: whether messages are changed.
static bool plan_words(const struct world *w)
{
    struct prng die;
    prng_init(&die, w->options->seed ^ UINT64_C(0x776f726473));
    return prng_below(&die, 4) == 0;
}

// What people share, likewise: in two of three plans, in some of them little.
static void plan_shared(struct world *w, struct room_settings *r)
{
    struct prng die;
    prng_init(&die, w->options->seed ^ UINT64_C(0x7374617465));
    w->plan.shares = prng_below(&die, 3) != 0;
    const bool little = prng_below(&die, 3) == 0;
    r->state_keys = little ? SHARED_KEYS - 2 : 256;
    r->state_bytes = little ? 100 : 65536;
    r->state_value = little ? 30 : 16384;
    static const uint32_t intervals_ms[] = {0, 0, 30, 500};
    r->state_interval_ms = intervals_ms[prng_below(&die, 4)];
}

// Whether people say how far they have read, and whether others are told; likewise.
static void plan_reads(struct world *w, struct settings *s)
{
    struct prng die;
    prng_init(&die, w->options->seed ^ UINT64_C(0x72656164));
    w->plan.reads = prng_below(&die, 2) == 0;
    s->room.receipts = prng_below(&die, 3) != 0;
    for (uint32_t i = 0; i < s->rules_n; i++)
        w->rules[i].room.receipts = prng_below(&die, 2) == 0;
}

// How many connections a user may have, likewise: who has lost one that is not found dead yet may be refused the next.
static uint32_t plan_sessions(const struct world *w)
{
    static const uint32_t some[] = {0, 0, 1, 2};
    struct prng die;
    prng_init(&die, w->options->seed ^ UINT64_C(0x73657373));
    return some[prng_below(&die, 4)];
}

static void settings_rooms(struct world *w, struct settings *s)
{
    s->rooms_max = PICK(w, 3, 64, 64, 64);
    s->rooms_connection = (struct rate){PICK(w, 0, 0, 2), 3};
    s->rooms_user = (struct rate){PICK(w, 0, 0, 2), 4};
    s->rooms_address = (struct rate){PICK(w, 0, 0, 2), 8};
    s->rooms_address_percent = PICK(w, 30, 100, 100);
    s->rooms_per_connection = PICK(w, 1, 3, 32, 32);
    s->room_members_max = PICK(w, 5, 1000, 1000, 1000);
    w->plan.moderated = chance(w, 2);
    s->room_host = w->plan.moderated ? HOST_FIRST : HOST_NONE;
    s->newcomer_role = w->plan.moderated && chance(w, 8) ? ROLE_GUEST : ROLE_MEMBER;
    s->room_grace_ms = PICK(w, 500, 5000);
    s->member_grace_ms = PICK(w, 500, 5000, 15000);
    s->presence_exact_max = PICK(w, 3, 200, 200);
    s->room_damping_ms = plan_damping(w, 0);
    w->plan.words = plan_words(w);
    s->signals = (struct rate){PICK(w, 0, 1, 20), 4};
    s->idempotency_ms = PICK(w, 5000, 60000);
    s->idempotency_keys = PICK(w, 4, 64, 1000);
    s->flush_interval_ms = PICK(w, 0, 0, 0, 10);
    s->slow_policy = chance(w, 3) ? SLOW_DISCONNECT : SLOW_GAP;
    s->lag_bytes = PICK(w, 4096, 16384, 262144);
    s->text_room = STR("lobby");
    plan_shared(w, &s->room);
    s->log_entries = PICK(w, 8, 100, 1000, 1000);
    s->log_bytes = PICK(w, 4096, 65536, 1 << 20);
    s->log_age_ms = PICK(w, 3000, 3600000, 3600000);
}

// The product's, and the simulator's own.
static const struct http_route *routes_all(void)
{
    static struct http_route all[DESK_ROUTES + API_ROUTES];
    memcpy(all, desk_routes, sizeof desk_routes);
    memcpy(all + DESK_ROUTES, api_routes, sizeof api_routes);
    return all;
}

static void settings_rest(struct world *w, struct settings *s)
{
    s->heartbeat_ms = PICK(w, 4000, 8000);
    s->heartbeat_min_ms = 2000;
    s->heartbeat_max_ms = PICK(w, 8000, 16000);
    s->heartbeat_timeout_ms = PICK(w, 0, 6000);
    s->heartbeat_adaptive = chance(w, 2);
    s->drain_batch = PICK(w, 1, 4, 100);
    s->drain_interval_ms = PICK(w, 50, 500);
    s->drain_spread_ms = PICK(w, 0, 5000);
    s->resume_ms = PICK(w, 20000, 600000);
    s->version = "sim";
    s->echo = true;
    s->hash_key = (struct siphash_key){prng_next(&w->secrets), prng_next(&w->secrets)};
    for (size_t i = 0; i < sizeof s->resume_key; i++)
        s->resume_key[i] = (uint8_t)prng_next(&w->secrets);
}

static uint32_t less(uint32_t a, uint32_t b) { return a < b ? a : b; }

// In a third of the runs some rooms, and in half of these all others, have rules. Rooms that take no guests are some only, or
// nobody would be anywhere.
static void plan_rules(struct world *w, struct settings *s)
{
    static const str matches[] = {{"r*", 2}, {"**", 2}};
    if (!chance(w, 3))
        return;
    s->rules = w->rules;
    s->rules_n = chance(w, 2) ? 1 : 2;
    for (uint32_t i = 0; i < s->rules_n; i++) {
        struct room_settings room = s->room;
        room.room_members_max = PICK(w, 3, 1000);
        room.flush_interval_ms = PICK(w, 0, 0, 5);
        room.log_entries = PICK(w, 5, 50, 1000);
        room.log_bytes = less(s->log_bytes, PICK(w, 4096, 65536)); // the budget is made for what all have
        room.log_age_ms = PICK(w, 3000, 3600000);
        room.slow_policy = chance(w, 2) ? SLOW_DISCONNECT : SLOW_GAP;
        room.room_presence =
            (enum room_presence)PICK(w, PRESENCE_EXACT, PRESENCE_EXACT, PRESENCE_COUNT, PRESENCE_NONE);
        room.room_damping_ms = plan_damping(w, i + 1);
        room.room_unlisted = chance(w, 2);
        room.room_echo = chance(w, 3);
        if (i == 0 && chance(w, 4))
            room.room_access = chance(w, 2) ? ACCESS_TOKEN : ACCESS_INVITE;
        w->plan.presence_ruled |= room.room_presence != PRESENCE_EXACT;
        w->rules[i] = (struct room_rule){.match = matches[i], .room = room};
    }
}

const struct room_settings *world_room(const struct world *w, int room)
{
    const struct settings *s = &w->settings;
    uint8_t rule = rule_find(s->rules, s->rules_n, str_from_cstr(w->room_names[room]));
    return rule == RULE_NONE ? &s->room : &s->rules[rule].room;
}

static const struct asset page = {
    "/", "text/html; charset=utf-8", "\"sim\"", (const unsigned char *)"<p>sim</p>", 10, false};

// By a die of its own, so that the plans of seeds in which nothing is fetched stay what they were.
static uint32_t plan_keys(const struct world *w)
{
    static const uint32_t some_ms[] = {0, 0, 20, 3000};
    struct prng die;
    prng_init(&die, w->options->seed ^ UINT64_C(0x6b657973));
    return some_ms[prng_below(&die, 4)];
}

// In a third of the runs messages have keys, and where slow readers are to be told a gap they leave out what has a newer one; by a
// die of its own, too.
static void plan_conflation(struct world *w, struct settings *s)
{
    struct prng die;
    prng_init(&die, w->options->seed ^ UINT64_C(0x636f6e66));
    w->plan.conflates = prng_below(&die, 3) == 0;
    if (!w->plan.conflates)
        return;
    if (s->slow_policy == SLOW_GAP && prng_below(&die, 4) != 0)
        s->slow_policy = SLOW_CONFLATE;
    for (uint32_t i = 0; i < s->rules_n; i++)
        if (w->rules[i].room.slow_policy == SLOW_GAP && prng_below(&die, 2) == 0)
            w->rules[i].room.slow_policy = SLOW_CONFLATE;
}

// In a third of the runs an engine orders the records, of one server or of several.
static void plan_engine(struct world *w, struct plan *p)
{
    p->engine = chance(w, 3);
    if (!p->engine)
        return;
    p->servers = PICK(w, 1, 2, 2, 3);
    p->shards = p->servers == 3 || chance(w, 2) ? 1 : 2;
    p->engine_strict = chance(w, 3);
    p->engine_loss = PICK(w, 0, 3, 10, 50);
    p->engine_delay_ms = PICK(w, 0, 5, 50, 500);
    p->engine_fails = PICK(w, 0, 0, 300, 1500);
    p->engine_trims = chance(w, 3);
    if (p->servers > 1) // a token of another process is as old as the wall clock says
        p->wall_jumps = false;
}

void plan_make(struct world *w)
{
    struct plan *p = &w->plan;
    uint32_t scale = w->options->scale == 0 ? 1 : w->options->scale;
    p->servers = 1;
    p->shards = PICK(w, 1, 2, 3, 7);
    p->clients = 4 + (uint32_t)roll(w, 24);
    p->steps = (1500 + (uint32_t)roll(w, 3000)) * scale;
    p->mailbox_cap = PICK(w, 1, 16, 4096, 4096);
    w->settings.mail_credits = PICK(w, 0, 0, 0, 2, 7);
    w->settings.slice_bytes = PICK(w, 0, 0, 300, 5000);
    p->mailbox_paced = p->mailbox_cap < 100 || w->settings.slice_bytes != 0 || w->settings.mail_credits != 0;
    p->mail_delay_ms = PICK(w, 0, 0, 5, 50);
    p->stall_ms = PICK(w, 0, 0, 200, 1500);
    p->wall_jumps = chance(w, 3);
    p->refuse_one_in = chance(w, 6) ? PICK(w, 2, 20, 200) : 0;
    if (w->options->no_faults_in_memory)
        p->refuse_one_in = 0;
    p->drain = chance(w, 3);
    p->writes_per_turn = PICK(w, 0, 1, 3);
    p->spurious_turns = chance(w, 3);
    p->quiet_network = chance(w, 8);
    struct settings *s = &w->settings;
    plan_engine(w, p);
    p->store = !p->engine && chance(w, 4);
    p->verifiers = PICK(w, 0, 1, 2, 3);
    p->verify_ms = PICK(w, 0, 1, 20, 300);
    p->key_ms = plan_keys(w);
    s->verifiers = p->verifiers;
    p->slow_node = NONE;
    if (!p->engine && p->shards > 1 && !p->mailbox_paced &&
        chance(w, 5)) { // slower than patience is with anything else
        p->slow_node = (int)roll(w, p->shards);
        p->slow_ms = 20000;
        p->mail_delay_ms = p->stall_ms = 0;
    }
    s->shard_count = p->shards;
    s->audit = (1u << AUDIT_KIND_COUNT) - 1;
    s->engine = p->engine;
    s->ways = ways_with_parcels();
    s->routes = routes_all();
    s->routes_n = DESK_ROUTES + API_ROUTES;
    s->api_body_bytes = 64 * 1024;
    s->api_idempotency_keys = PICK(w, 4, 64, 10000);
    s->api_idempotency_bytes = PICK(w, 4096, 1 << 20);
    s->assets = &page;
    s->assets_n = 1;
    settings_limits(w, s);
    settings_rooms(w, s);
    settings_rest(w, s);
    p->data_max = PICK(w, 20, 20, 300, 1000);
    tenancy_plan(w);
    plan_rules(w, s);
    plan_conflation(w, s);
    plan_reads(w, s);
    s->sessions_per_user = plan_sessions(w);
    rates_plan(w, s);
    invites_plan(w);
    creates_plan(w);
    guests_plan(w);
}

void plan_describe(const struct world *w, char *ret, size_t n)
{
    const struct plan *p = &w->plan;
    const struct settings *s = &w->settings;
    snprintf(
        ret, n,
        "%u servers of %u shards%s, %u verifiers/%u ms, keys %u ms, %u clients, %u steps, mailbox %u/%u ms, %u credits, slice %u, slow %d, writes %u a turn, stall %u ms, refuse 1/%u,%s%s%s log %u/%u "
        "B/%u ms, "
        "lag %u B %s, reply %u B, rooms %u/%u per connection %u, rate %u/s, heartbeat %u..%u/%u ms%s, graces %u/%u "
        "ms, away told after %u ms, keys %u ms/%u, exact %u, flush %u ms, resume %u ms, %zu rules%s, guests %u",
        p->servers, p->shards,
        p->engine_fails ? p->engine_strict ? " with a strict engine that fails" : " with an engine that fails"
        : p->engine     ? p->engine_strict ? " with a strict engine" : " with an engine"
        : p->store      ? " with a store"
                        : "",
        p->verifiers, p->verify_ms, p->key_ms, p->clients, p->steps, p->mailbox_cap, p->mail_delay_ms,
        s->mail_credits, s->slice_bytes, p->slow_node, p->writes_per_turn, p->stall_ms, p->refuse_one_in,
        p->wall_jumps ? " wall jumps," : "", p->drain ? " drain," : "", p->quiet_network ? " quiet," : "",
        s->log_entries, s->log_bytes, s->log_age_ms, s->lag_bytes,
        s->slow_policy == SLOW_GAP        ? "gap"
        : s->slow_policy == SLOW_CONFLATE ? "conflate"
                                          : "disconnect",
        s->reply_bytes, s->rooms_max, s->room_members_max, s->rooms_per_connection, s->commands_per_s,
        s->heartbeat_ms, s->heartbeat_max_ms, s->heartbeat_timeout_ms,
        s->heartbeat_adaptive ? " adaptive" : "", s->room_grace_ms, s->member_grace_ms, s->room_damping_ms,
        s->idempotency_ms, s->idempotency_keys, s->presence_exact_max, s->flush_interval_ms, s->resume_ms,
        s->rules_n,
        s->rules_n > 0 && s->rules[0].room.room_access != ACCESS_OPEN ? " (some take no guests)" : "",
        p->guests);
}
