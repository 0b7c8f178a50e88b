// SPDX-License-Identifier: Apache-2.0
//
// Tenants (core/common/tenant.h): in every fifth run there are two, of which some rooms and some of those who speak JSON are. Whatever
// anybody hears is held to whose it is: rooms, people in them, directs, lists. And nobody is refused for another one's limits.
//
// Whether there are any is decided by dice of its own, so that the runs without are what they were.
#include "sim/world.h"

#include <stdio.h>

static const struct {
    const char *name, *prefix;
} names[] = {{"acme", "acme:"}, {"gx", "gx:"}};
enum { TENANTS = sizeof names / sizeof *names };

#define PICK(dice, ...)  \
    ((const uint32_t[]){ \
        __VA_ARGS__})[prng_below((dice), sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))]

void tenancy_plan(struct world *w)
{
    static const char *const rooms[ROOMS_MAX] = {
        [2] = "acme:r", [3] = "gx:r3", [5] = "acme:a room with spaces"};
    struct prng dice;
    prng_init(&dice, w->options->seed ^ 0x7e4a475);
    if (prng_below(&dice, 5) != 0)
        return;
    for (uint32_t i = 0; i < TENANTS; i++)
        w->tenants[i] = (struct tenant){.name = str_from_cstr(names[i].name),
                                        .prefix = str_from_cstr(names[i].prefix),
                                        .guests = true,
                                        .connections_max = PICK(&dice, 0, 0, 3),
                                        .rooms_max = PICK(&dice, 0, 0, 1),
                                        .memory_max = PICK(&dice, 0, 0, 100000, 1 << 20),
                                        .messages = {PICK(&dice, 0, 0, 5), 10}};
    for (int i = 0; i < ROOMS_MAX; i++)
        if (rooms[i] != NULL)
            w->room_names[i] = rooms[i];
    w->settings.tenants = w->tenants;
    w->settings.tenants_n = TENANTS;
    w->settings.budgets = w->budgets;
    tenant_budgets_init(w->budgets, w->tenants, TENANTS, &w->vmem.mem);
}

static uint8_t tenancy_of_room(const struct world *w, int room)
{
    return tenant_of(w->tenants, w->settings.tenants_n, str_from_cstr(w->room_names[room]));
}

uint8_t tenancy_of(const struct world *w, const struct client *c)
{
    bool may = w->settings.tenants_n != 0 && c->speech == SPEAKS_JSON && c->temper != TEMPER_HOSTILE;
    return may ? (uint8_t)(c->index % (TENANTS + 1)) : TENANT_NONE;
}

bool tenancy_stranger(const struct world *w, const struct client *c, int room)
{
    return tenancy_of_room(w, room) != tenancy_of(w, c);
}

const char *tenancy_prefix(const struct world *w, const struct client *c)
{
    uint8_t tenant = tenancy_of(w, c);
    return tenant == TENANT_NONE ? "" : names[tenant - 1].prefix;
}

const char *tenancy_bare(const char *user)
{
    for (uint32_t i = 0; i < TENANTS; i++)
        if (strncmp(user, names[i].prefix, strlen(names[i].prefix)) == 0)
            return user + strlen(names[i].prefix);
    return user;
}

bool tenancy_guest(const char *user) { return strncmp(tenancy_bare(user), "guest-", 6) == 0; }

void tenancy_say(const struct world *w, const struct client *c, char ret[64])
{
    uint8_t tenant = tenancy_of(w, c);
    ret[0] = '\0';
    if (tenant != TENANT_NONE)
        snprintf(ret, 64, "Sec-WebSocket-Protocol: plenum.tenant.%s\r\n", names[tenant - 1].name);
}

void tenancy_check_room(struct world *w, const struct client *c, int room)
{
    if (w->settings.tenants_n != 0 && c->speech != SPEAKS_HTTP && tenancy_stranger(w, c, room))
        trace_fail(w, c, "ISOLATION: hears of %s, which is another tenant's", w->room_names[room]);
}

void tenancy_check_user(struct world *w, const struct client *c, str user)
{
    bool backend = c->speech == SPEAKS_HTTP || str_starts(user, STR("server")) || str_starts(user, STR("h"));
    if (w->settings.tenants_n != 0 && !backend &&
        tenant_of(w->tenants, w->settings.tenants_n, user) != tenancy_of(w, c))
        trace_fail(w, c, "ISOLATION: hears of %.*s, who is another tenant's", STR_ARG(user));
}

// Only what its own tenant may be the cause of.
bool tenancy_explains(const struct world *w, const struct client *c, const struct asked *a, str code)
{
    uint8_t tenant = tenancy_of(w, c);
    bool joins = a->kind == SAID_JOIN || a->kind == SAID_SWITCH || a->kind == SAID_CREATE;
    if (w->settings.tenants_n == 0)
        return false;
    if (joins && tenancy_stranger(w, c, a->room))
        return str_eq(code, STR("forbidden"));
    if (a->kind == SAID_DIRECT && str_eq(code, STR("forbidden")))
        return tenancy_of(w, &w->clients[w->messages[a->message].to]) != tenant;
    if (tenant == TENANT_NONE)
        return false;
    const struct tenant *t = &w->tenants[tenant - 1];
    bool says =
        a->kind == SAID_MESSAGE || a->kind == SAID_CHANGE || a->kind == SAID_STATE || a->kind == SAID_DIRECT;
    if (str_eq(code, STR("rate_limited")))
        return says && t->messages.per_s != 0;
    if (!str_eq(code, STR("limit_reached")))
        return false;
    return t->memory_max != 0 || (a->kind == SAID_HELLO && t->connections_max != 0) ||
           (joins && t->rooms_max != 0);
}

bool tenancy_hushes(const struct world *w, const struct client *c)
{
    uint8_t tenant = tenancy_of(w, c);
    return tenant != TENANT_NONE && w->tenants[tenant - 1].messages.per_s != 0;
}

bool tenancy_closes(const struct world *w, const struct client *c)
{
    uint8_t tenant = tenancy_of(w, c);
    return tenant != TENANT_NONE && !c->welcomed && w->tenants[tenant - 1].connections_max != 0;
}

bool tenancy_was_short(const struct world *w, int room)
{
    const uint8_t tenant = tenancy_of_room(w, room);
    uint64_t refused = 0;
    for (uint32_t i = 0; i < w->nodes_n && tenant != TENANT_NONE; i++)
        refused += metric_get(&shard_metrics(w->nodes[i].shard)->tenants[tenant - 1].limit_memory);
    return refused != 0;
}

uint64_t tenancy_relieved(struct world *w, const struct node *n)
{
    uint64_t sum = 0;
    for (uint32_t t = 0; t < w->settings.tenants_n; t++) {
        uint64_t relieved = metric_get(&shard_metrics(n->shard)->tenants[t].log_relieved);
        sum += relieved;
        if (relieved != 0 && w->tenants[t].memory_max == 0 && w->plan.refuse_one_in == 0)
            trace_fail(w, NULL, "LOSS: history of %s went, which may have as much as there is",
                       names[t].name);
    }
    return sum;
}

void tenancy_check(struct world *w)
{
    for (uint32_t t = 0; t < w->settings.tenants_n; t++) {
        uint64_t connections = 0, rooms = 0;
        const struct tenant_budget *b = &w->budgets[t];
        for (uint32_t i = 0; i < w->nodes_n; i++)
            probe_tenant(w->nodes[i].shard, (uint8_t)(t + 1), &connections, &rooms);
        if (b->connections != connections || b->rooms != rooms)
            trace_fail(w, NULL,
                       "BOUNDS: of %s %u connections and %u rooms are counted, and there are %llu and %llu",
                       names[t].name, b->connections, b->rooms, (unsigned long long)connections,
                       (unsigned long long)rooms);
        const struct tenant *may = &w->tenants[t];
        if ((may->connections_max != 0 && connections > may->connections_max) ||
            (may->rooms_max != 0 && rooms > may->rooms_max) ||
            (may->memory_max != 0 && mem_used(&b->mem) > may->memory_max))
            trace_fail(w, NULL, "BOUNDS: %s has more than it may: %llu connections, %llu rooms, %zu bytes",
                       names[t].name, (unsigned long long)connections, (unsigned long long)rooms,
                       mem_used(&b->mem));
    }
}

void tenancy_end(struct world *w)
{
    for (uint32_t t = 0; t < w->settings.tenants_n; t++)
        if (mem_used(&w->budgets[t].mem) != 0)
            trace_fail(w, NULL, "BOUNDS: %zu bytes of %s are left after the shards were destroyed",
                       mem_used(&w->budgets[t].mem), names[t].name);
}
