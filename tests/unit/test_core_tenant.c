// SPDX-License-Identifier: Apache-2.0
//
// Tenants: whose a name is, places that are taken and given back whatever happens in between, and shards that let nobody in
// where he is a stranger.
#include "unit/core_support.h"

#include <stdio.h>
#include <stdlib.h>

enum { ACME = 1, GLOBEX };

static struct tenant tenants[2];
static struct tenant_budget budgets[2];

static struct net *net_with(uint32_t shards)
{
    struct net *n = net_new(shards);
    tenants[0] = (struct tenant){.name = STR("acme"), .prefix = STR("acme:"), .guests = true};
    tenants[1] =
        (struct tenant){.name = STR("gx"), .prefix = STR("globex:"), .issuer = STR("main"), .guests = true};
    n->settings.tenants = tenants;
    n->settings.tenants_n = 2;
    n->settings.budgets = budgets;
    tenant_budgets_init(budgets, tenants, 2, &n->mem);
    return n;
}

static struct client *of(struct net *n, uint32_t shard, const char *tenant)
{
    char fields[128];
    snprintf(fields, sizeof fields, "Sec-WebSocket-Protocol: plenum.v1.json, plenum.tenant.%s\r\n", tenant);
    return net_ws_with(n, shard, "/ws", fields);
}

static struct client *guest(struct net *n, uint32_t shard, const char *tenant)
{
    struct client *c = of(n, shard, tenant);
    say(c, "{\"type\":\"hello\"}");
    string_of(expect(c, "\"type\":\"welcome\""), "user", c->user, sizeof c->user);
    return c;
}

static void whose_a_name_is(void **state)
{
    (void)state;
    static const char *const good[] = {"a:", "acme:", "Acme-2_x.y:", "abcdefghijabcdefghijabcdefghij12:"};
    static const char *const bad[] = {
        "", ":", "acme", "a/", "a:b:", "a b:", "a*:", "\xc3\xa4:", "abcdefghijabcdefghijabcdefghij123:"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_true(tenant_prefix_valid(str_from_cstr(good[i])));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(tenant_prefix_valid(str_from_cstr(bad[i])));
    struct net *n = net_with(1);
    assert_int_equal(tenant_of(tenants, 2, STR("acme:")), ACME);
    assert_int_equal(tenant_of(tenants, 2, STR("globex:acme:x")), GLOBEX);
    assert_int_equal(tenant_of(tenants, 2, STR("acme")), TENANT_NONE);
    assert_int_equal(tenant_of(tenants, 2, STR("Acme:x")), TENANT_NONE);
    assert_int_equal(tenant_of(tenants, 2, STR_NONE), TENANT_NONE);
    assert_int_equal(tenant_find(tenants, 2, STR("gx")), GLOBEX);
    assert_int_equal(tenant_find(tenants, 2, STR("globex")), TENANT_NONE);
    assert_int_equal(tenant_of_issuer(tenants, 2, STR("main")), GLOBEX);
    assert_int_equal(tenant_of_issuer(tenants, 2, STR_NONE), TENANT_NONE); // acme has none
    net_start(n);
    net_free(n);
}

static void places_are_as_many_as_there_are(void **state)
{
    (void)state;
    _Atomic uint32_t used = 0;
    for (uint32_t i = 0; i < 3; i++)
        assert_true(tenant_take(&used, 3));
    assert_false(tenant_take(&used, 3));
    assert_false(tenant_take(&used, 2)); // fewer by a reload
    assert_true(tenant_take(&used, 0));  // any number
    assert_int_equal(used, 4);
    for (uint32_t i = 0; i < 4; i++)
        tenant_give_back(&used);
    assert_int_equal(used, 0);
}

static void messages_come_at_a_rate(void **state)
{
    (void)state;
    struct tenant t = {.messages = {10, 3}};
    struct tenant_budget b;
    struct net *n = net_new(1);
    tenant_budgets_init(&b, &t, 1, &n->mem);
    uint64_t now = 5000;
    for (int i = 0; i < 3; i++)
        assert_int_equal(tenant_say(&b, &t.messages, 1, now), 0);
    assert_int_equal(tenant_say(&b, &t.messages, 1, now), 100);
    assert_int_equal(tenant_say(&b, &t.messages, 1, now + 60), 40);
    // A shard whose turn began before that of another one finds what there is, and fills nothing by being late.
    assert_int_equal(tenant_say(&b, &t.messages, 1, now + 100), 0);
    assert_int_equal(tenant_say(&b, &t.messages, 1, now + 40), 100);
    assert_int_equal(tenant_say(&b, &t.messages, 1, now + 199), 1);
    assert_int_equal(tenant_say(&b, &t.messages, 1, now + 200), 0);
    const struct rate none = {0, 1};
    assert_int_equal(tenant_say(&b, &none, 1, now), 0);
    net_start(n);
    net_free(n);
}

// What is dearer than what is left is let in, and is owed: from the next one on.
static void what_is_said_has_a_price(void **state)
{
    (void)state;
    static const struct {
        struct rate rate;
        uint32_t tokens, wait_ms; // after it
    } rows[] = {
        {{10, 3}, 1, 0},         {{10, 3}, 3, 100},    {{10, 3}, 4, 200},       {{10, 3}, 100, 9800},
        {{1, 1}, 4097, 4097000}, {{1000000, 1}, 5, 1}, {{1, 2000000}, 4097, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct tenant t = {.messages = rows[i].rate};
        struct tenant_budget b;
        struct net *n = net_new(1);
        tenant_budgets_init(&b, &t, 1, &n->mem);
        assert_int_equal(tenant_say(&b, &t.messages, rows[i].tokens, 5000), 0);
        assert_int_equal(tenant_say(&b, &t.messages, 1, 5000), rows[i].wait_ms);
        if (rows[i].wait_ms > 1)
            assert_int_equal(tenant_say(&b, &t.messages, 1, 5000 + rows[i].wait_ms - 1), 1);
        if (rows[i].wait_ms != 0)
            assert_int_equal(tenant_say(&b, &t.messages, 1, 5000 + rows[i].wait_ms), 0);
        net_start(n);
        net_free(n);
    }
}

// Whatever becomes of a hello: none of what it asks for comes in time, its connection goes, its home has no memory.
static void a_place_comes_back(void **state)
{
    (void)state;
    struct net *n = net_with(2);
    tenants[0].connections_max = 2;
    net_start(n);
    for (uint32_t i = 0; i < 8; i++) { // users whose homes are on either shard
        struct client *c = of(n, i % 2, "acme");
        n->hold[0][1] = n->hold[1][0] = true;
        say(c, "{\"type\":\"hello\",\"id\":1}");
        assert_int_equal(budgets[0].connections, 1);
        cut(c);
        net_settle(n);
        assert_int_equal(budgets[0].connections, 0);
        n->hold[0][1] = n->hold[1][0] = false;
        net_settle(n);
        assert_int_equal(budgets[0].connections, 0);
    }
    struct client *a = guest(n, 0, "acme"), *b = guest(n, 1, "acme");
    for (uint32_t i = 0; i < 2; i++) {
        struct client *late = of(n, i, "acme");
        say(late, "{\"type\":\"hello\",\"id\":1}");
        expect(late, "\"id\":1,\"code\":\"limit_reached\"");
        assert_int_equal(late->close_code, 1013);
    }
    struct client *implied = of(n, 0, "acme");
    say(implied, "{\"type\":\"join\",\"id\":1,\"room\":\"acme:x\"}");
    expect_nothing(implied); // it was not taken up
    assert_int_equal(implied->close_code, 1013);
    guest(n, 0, "gx");
    cut(a);
    net_settle(n);
    guest(n, 1, "acme");
    assert_int_equal(budgets[0].connections, 2);
    assert_int_equal(METRIC(n, tenants[0].limit_connections), 3);
    assert_int_equal(METRIC(n, tenants[0].connections), 2);
    assert_int_equal(METRIC(n, tenants[1].limit_connections), 0);
    cut(b);
    net_free(n);
}

static void a_place_comes_back_where_memory_ends(void **state)
{
    (void)state;
    struct net *n = net_with(2);
    net_start(n);
    for (uint64_t k = 1; k < 40; k++) {
        struct client *c = of(n, (uint32_t)(k % 2), "acme");
        net_fail_burst(n, k / 2);
        say(c, "{\"type\":\"join\",\"id\":1,\"room\":\"acme:%s\"}", net_room(n, (uint32_t)(k % 2), 3));
        net_fail_end(n);
        net_settle(n);
        cut(c);
        net_settle(n);
        net_wait(n, 60000);
        assert_int_equal(budgets[0].connections, 0);
        assert_int_equal(budgets[0].rooms, 0);
        assert_int_equal(METRIC(n, tenants[0].rooms), 0);
    }
    net_free(n);
}

static void rooms_are_as_many_as_there_may_be(void **state)
{
    (void)state;
    struct net *n = net_with(2);
    tenants[0].rooms_max = 3;
    n->settings.rooms_user = (struct rate){1, 5};
    n->print = 77;
    net_start(n);
    struct client *c = guest(n, 0, "acme"), *other = net_json(n, 1);
    for (uint32_t i = 0; i < 6; i++) {
        say(c, "{\"type\":\"join\",\"id\":1,\"room\":\"acme:%u\"}", i);
        if (i < 3)
            expect(c, "\"type\":\"joined\"");
        else
            expect(c, "\"code\":\"limit_reached\",\"message\":\"The tenant has as many rooms");
    }
    // Who was refused has not paid for it: the third one is still there when the room is.
    say(c, "{\"type\":\"leave\",\"id\":2,\"room\":\"acme:0\"}");
    expect(c, "\"type\":\"left\"");
    net_wait(n, 1);
    assert_int_equal(budgets[0].rooms, 2);
    say(c, "{\"type\":\"join\",\"id\":3,\"room\":\"acme:5\"}");
    expect(c, "\"type\":\"joined\"");
    for (uint32_t i = 0; i < 3; i++) {
        say(other, "{\"type\":\"join\",\"id\":1,\"room\":\"of nobody %u\"}", i);
        expect(other, "\"type\":\"joined\"");
    }
    assert_int_equal(METRIC(n, tenants[0].limit_rooms), 3);
    net_free(n);
}

// Each in its own net, behind a message: what it leaves of ten, as small ones show.
static void a_tenant_pays_what_it_costs(void **state)
{
    (void)state;
    static const struct {
        const char *before;
        uint32_t bytes;
        const char *after;
        uint32_t tokens;
    } rows[] = {
        {"\"message\",\"room\":\"acme:r\",\"data\":\"", 5, "\"", 1},
        {"\"message\",\"room\":\"acme:r\",\"data\":\"", COST_BYTES - 3, "\"", 1},
        {"\"message\",\"room\":\"acme:r\",\"data\":\"", COST_BYTES - 2, "\"", 2},
        {"\"direct\",\"to\":\"acme:nobody\",\"data\":\"", 3 * COST_BYTES, "\"", 4},
        {"\"signal\",\"room\":\"acme:r\",\"data\":\"", SIGNAL_DATA_MAX - 2, "\"", 1},
        {"\"edit\",\"room\":\"acme:r\",\"offset\":1,\"data\":\"", 2 * COST_BYTES, "\"", 3},
        {"\"react\",\"room\":\"acme:r\",\"offset\":1,\"key\":\"", 4, "\"", 1},
        {"\"delete\",\"room\":\"acme:r\",\"offset\":1,\"reason\":\"", 4, "\"", 1},
        {"\"state\",\"room\":\"acme:r\",\"set\":{\"a\":\"", 10000, "\"}", 1},
        {"\"state\",\"room\":\"acme:r\",\"merge\":{\"a\":\"", COST_BYTES, "\"}", 2},
        {"\"state\",\"room\":\"acme:r\",\"id\":\"", 3, "\"", 0},
        {"\"ping\",\"id\":\"", 3, "\"", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct net *n = net_with(1);
        static char text[4 * COST_BYTES];
        tenants[0].messages = (struct rate){1, 10};
        tenant_budgets_init(budgets, tenants, 2, &n->mem);
        net_start(n);
        struct client *a = guest(n, 0, "acme");
        say(a, "{\"type\":\"join\",\"id\":1,\"room\":\"acme:r\"}");
        say(a, "{\"type\":\"message\",\"id\":1,\"room\":\"acme:r\",\"data\":1}");
        memset(text, 'x', rows[i].bytes);
        text[rows[i].bytes] = '\0';
        say(a, "{\"type\":%s%s%s}", rows[i].before, text, rows[i].after);
        forget(a);
        for (uint32_t left = 10 - 1 - rows[i].tokens; left != 0; left--) {
            say(a, "{\"type\":\"message\",\"id\":2,\"room\":\"acme:r\",\"data\":1}");
            expect(a, "\"type\":\"ack\"");
        }
        say(a, "{\"type\":\"message\",\"id\":3,\"room\":\"acme:r\",\"data\":1}");
        expect(a, "\"code\":\"rate_limited\"");
        net_free(n);
    }
}

// On whatever shards they are; nobody is closed for what others have said, and other tenants say what they like.
static void all_of_a_tenant_say_so_much(void **state)
{
    (void)state;
    struct net *n = net_with(2);
    tenants[0].messages = (struct rate){10, 4};
    tenant_budgets_init(budgets, tenants, 2, &n->mem);
    net_start(n);
    struct client *a = guest(n, 0, "acme"), *b = guest(n, 1, "acme"), *g = guest(n, 0, "gx");
    struct client *const all[] = {a, b, g};
    for (size_t i = 0; i < 3; i++) {
        say(all[i], "{\"type\":\"join\",\"id\":1,\"room\":\"%s:r\"}", i < 2 ? "acme" : "globex");
        expect(all[i], "\"type\":\"joined\"");
    }
    forget(a);
    say(a, "{\"type\":\"message\",\"id\":1,\"room\":\"acme:r\",\"data\":1}");
    say(a, "{\"type\":\"signal\",\"room\":\"acme:r\",\"data\":1}");
    say(b, "{\"type\":\"direct\",\"id\":1,\"to\":\"%s\",\"data\":1}", a->user);
    say(b, "{\"type\":\"message\",\"id\":1,\"room\":\"acme:r\",\"data\":1}");
    net_settle(n);
    forget(a);
    forget(b);
    for (int i = 0; i < 60; i++) {
        say(i % 2 ? a : b, "{\"type\":\"message\",\"id\":2,\"room\":\"acme:r\",\"data\":1}");
        str s = expect(i % 2 ? a : b, "\"code\":\"rate_limited\",\"message\":\"The users of your tenant");
        assert_in_range(number_of(s, "retry_ms"), 1, 100);
    }
    say(b, "{\"type\":\"ping\",\"id\":3}"); // says nothing
    expect(b, "\"type\":\"pong\"");
    for (int i = 0; i < 10; i++) {
        say(g, "{\"type\":\"message\",\"id\":2,\"room\":\"globex:r\",\"data\":1}");
        expect(g, "\"type\":\"ack\"");
    }
    net_wait(n, 100);
    say(b, "{\"type\":\"message\",\"id\":4,\"room\":\"acme:r\",\"data\":1}");
    expect(b, "\"type\":\"ack\"");
    assert_int_equal(METRIC(n, tenants[0].limit_rate), 60);
    assert_int_equal(METRIC(n, limit_rate), 0);
    net_free(n);
}

// --- memory

// The nth room of a tenant (or nobody's, for an empty prefix) whose home is that shard.
static const char *room_of(struct net *n, const char *prefix, uint32_t shard, uint32_t nth)
{
    static char names[16][64];
    static uint32_t at;
    char *name = names[at++ % 16];
    for (uint32_t i = nth * 100;; i++) {
        snprintf(name, sizeof names[0], "%sroom%u", prefix, i);
        if (hash_str(&n->sh[0]->cx, str_from_cstr(name)) % n->shards == shard)
            return name;
    }
}

static void fill(struct client *c, const char *room, int messages, const char *answer)
{
    for (int i = 0; i < messages; i++) {
        say(c, "{\"type\":\"message\",\"id\":1,\"room\":\"%s\",\"data\":\"%04000d\"}", room, i);
        expect(c, answer);
    }
}

static uint64_t kept(struct net *n, const char *room)
{
    const struct log *l = &net_room_at(n, room)->log;
    return l->head + 1 - l->tail;
}

static void enters(struct client *c, const char *room)
{
    say(c, "{\"type\":\"join\",\"id\":1,\"room\":\"%s\"}", room);
    expect(c, "\"type\":\"joined\"");
}

// With readers on the other shard, who give back the segments of a tenant that their home has made.
static void a_tenant_forgets_its_own(void **state)
{
    (void)state;
    struct net *n = net_with(2);
    tenants[0].memory_max = 1 << 20;
    tenant_budgets_init(budgets, tenants, 2, &n->mem);
    net_start(n);
    struct client *a = guest(n, 0, "acme"), *reader = guest(n, 1, "acme"), *g = guest(n, 1, "gx"),
                  *x = net_json(n, 0);
    const char *others[] = {room_of(n, "globex:", 0, 1), room_of(n, "", 0, 1)};
    enters(g, others[0]);
    enters(x, others[1]);
    fill(g, others[0], 50, "\"type\":\"ack\"");
    fill(x, others[1], 50, "\"type\":\"ack\"");
    assert_true(mem_used(&budgets[1].mem) > 50 * 4000);
    for (uint32_t shard = 0; shard < 2; shard++)
        for (uint32_t i = 1; i < 4; i++) {
            const char *room = room_of(n, "acme:", shard, i);
            enters(a, room);
            enters(reader, room);
            forget(a);
            fill(a, room, 200, "\"type\":\"ack\"");
            assert_true(mem_used(&budgets[0].mem) <= 1 << 20);
            net_wait(n, 3000); // quiet: no frames are held
            forget(a);
            forget(reader);
        }
    assert_true(METRIC(n, tenants[0].log_relieved) > 800);
    assert_int_equal(METRIC(n, tenants[0].log_relieved), METRIC(n, log_relieved));
    uint64_t left = 0;
    for (uint32_t shard = 0; shard < 2; shard++) {
        assert_true(kept(n, room_of(n, "acme:", shard, 3)) > 10); // the one that was spoken in last
        assert_int_equal(kept(n, room_of(n, "acme:", shard, 1)), 0);
        left += kept(n, room_of(n, "acme:", shard, 3));
    }
    assert_true(left > 150);
    assert_int_equal(kept(n, others[0]), 50);
    assert_int_equal(kept(n, others[1]), 50);
    assert_int_equal(METRIC(n, tenants[0].limit_memory), 0);
    assert_int_equal(n->notices[NOTICE_MEMORY], 0);
    cut(a);
    cut(reader);
    net_wait(n, 200000);
    assert_int_equal(budgets[0].rooms, 0);
    assert_int_equal(mem_used(&budgets[0].mem), 0); // all of it has come back, from both shards
    net_free(n);
}

static void and_is_refused_by_name_then(void **state)
{
    (void)state;
    struct net *n = net_with(1);
    net_start(n);
    struct client *a = guest(n, 0, "acme"), *late = guest(n, 0, "acme"), *g = guest(n, 0, "gx");
    enters(a, "acme:r");
    enters(g, "globex:r");
    fill(a, "acme:r", 20, "\"type\":\"ack\"");
    net_wait(n, 3000);
    forget(a);
    budgets[0].mem.bytes_max = mem_used(&budgets[0].mem) / 20;
    fill(a, "acme:r", 5, "\"code\":\"limit_reached\",\"message\":\"Your tenant's rooms hold");
    budgets[0].mem.bytes_max = 1;
    say(late, "{\"type\":\"join\",\"id\":1,\"room\":\"acme:r\"}");
    expect(late, "\"code\":\"limit_reached\",\"message\":\"Your tenant's rooms hold");
    say(late, "{\"type\":\"join\",\"id\":2,\"room\":\"acme:other\"}");
    expect(late, "\"code\":\"limit_reached\"");
    fill(g, "globex:r", 20, "\"type\":\"ack\"");
    assert_true(METRIC(n, tenants[0].limit_memory) >= 7);
    assert_int_equal(METRIC(n, limit_memory), 0);
    assert_int_equal(n->notices[NOTICE_MEMORY], 0);
    budgets[0].mem.bytes_max = 0;
    fill(a, "acme:r", 1, "\"type\":\"ack\"");
    net_free(n);
}

// What its people do not read counts in its memory, as far as that goes; beyond, nobody loses an answer for it.
static void what_is_not_read_counts(void **state)
{
    (void)state;
    enum { DIRECTS = 8, BYTES = 4000 };
    static char words[BYTES + 1];
    memset(words, 'w', BYTES);
    struct net *n = net_with(1);
    net_start(n);
    struct client *a = guest(n, 0, "acme"), *deaf = guest(n, 0, "acme"), *g = guest(n, 0, "gx");
    const size_t before = mem_used(&budgets[0].mem), others = mem_used(&budgets[1].mem);
    deaf->stalled = true;
    for (int i = 0; i < DIRECTS; i++) {
        say(a, "{\"type\":\"direct\",\"id\":%d,\"to\":\"%s\",\"data\":\"%s\"}", i, deaf->user, words);
        expect(a, "\"delivered\":1");
    }
    size_t waits = mem_used(&budgets[0].mem) - before;
    assert_true(waits >= DIRECTS * BYTES && waits < 2 * DIRECTS * BYTES);
    assert_int_equal(mem_used(&budgets[1].mem), others);
    budgets[0].mem.bytes_max = 1; // a reload: less than is there
    say(a, "{\"type\":\"direct\",\"id\":90,\"to\":\"%s\",\"data\":\"%s\"}", deaf->user, words);
    expect(a, "\"delivered\":1");
    deaf->stalled = false;
    net_settle(n);
    net_wait(n, 10);
    for (int i = 0; i <= DIRECTS; i++)
        expect(deaf, "\"type\":\"direct\"");
    assert_int_equal(mem_used(&budgets[0].mem), before);
    deaf->stalled = true;
    budgets[0].mem.bytes_max = 0;
    say(a, "{\"type\":\"direct\",\"to\":\"%s\",\"data\":\"%s\"}", deaf->user, words);
    cut(deaf); // with it unread
    net_settle(n);
    assert_int_equal(mem_used(&budgets[0].mem), before);
    say(g, "{\"type\":\"ping\",\"id\":1}");
    expect(g, "pong");
    net_free(n);
}

// However little of its memory is left when a message is taken back: if it is, nobody is told the words any more, nor is there a gap in a
// room whose slow readers are not to have any. The server pays for what it takes.
static void what_is_taken_back_needs_none_of_its_memory(void **state)
{
    (void)state;
    uint32_t taken_back = 0;
    for (size_t left = 0; left < 4096; left += 64) {
        struct net *n = net_with(2);
        n->settings.room.slow_policy = SLOW_DISCONNECT;
        net_start(n);
        const char *room = room_of(n, "acme:", 0, 1);
        struct client *a = guest(n, 0, "acme"), *slow = guest(n, 1, "acme");
        enters(a, room);
        enters(slow, room);
        forget(a);
        forget(slow);
        slow->stalled = true;
        say(a, "{\"type\":\"message\",\"id\":1,\"room\":\"%s\",\"data\":\"the secret\"}", room);
        const uint64_t secret = number_of(expect(a, "\"type\":\"ack\""), "offset");
        forget(a);
        budgets[0].mem.bytes_max = mem_used(&budgets[0].mem) + left;
        say(a, "{\"type\":\"delete\",\"id\":2,\"room\":\"%s\",\"offset\":%llu}", room,
            (unsigned long long)secret);
        str answer = hear(a);
        while (!contains(answer, "\"id\":2"))
            answer = hear(a);
        const bool done = contains(answer, "\"type\":\"ack\"");
        assert_true(done || contains(answer, "\"code\":\"limit_reached\""));
        taken_back += done;
        slow->stalled = false;
        net_settle(n);
        const str heard = str_make(slow->rx.p, slow->rx.n);
        assert_false(slow->closed);
        assert_int_equal(contains(heard, "the secret"), !done);
        assert_int_equal(contains(heard, "\"type\":\"message:deleted\""), done);
        assert_false(contains(heard, "\"type\":\"gap\""));
        net_free(n);
    }
    assert_true(taken_back != 0);
    assert_true(taken_back != 4096 / 64);
}

// --- a room whose log has a reader that must have it first: what is said is taken, and told when it is committed

struct stored {
    struct net *n;
    struct client *says, *hears;
    struct log_reader disk;
    uint32_t room;
};

static struct log *log_of(const struct stored *s) { return &room_at(&s->n->sh[0]->home, s->room)->log; }

static struct stored *stored_room(void)
{
    struct stored *s = calloc(1, sizeof *s);
    s->n = net_with(1);
    net_start(s->n);
    s->says = guest(s->n, 0, "acme");
    s->hears = guest(s->n, 0, "acme");
    enters(s->says, "acme:r");
    enters(s->hears, "acme:r");
    const struct home *h = &s->n->sh[0]->home;
    s->room = room_find(h, STR("acme:r"), hash_str(h->cx, STR("acme:r")));
    log_reader_add(log_of(s), &s->disk);
    forget(s->says);
    forget(s->hears);
    return s;
}

static void stored_free(struct stored *s)
{
    log_reader_remove(log_of(s), &s->disk);
    net_free(s->n);
    free(s);
}

static void say_words(struct stored *s, int id, int bytes)
{
    static char words[64 * 1024];
    memset(words, 'w', sizeof words);
    say(s->says, "{\"type\":\"message\",\"id\":%d,\"room\":\"acme:r\",\"data\":\"%.*s\"}", id, bytes, words);
}

static void stored_now(struct stored *s)
{
    home_committed(&s->n->sh[0]->home, s->room, &s->disk, log_of(s)->head);
    net_settle(s->n);
}

// What its rooms hold may be all that it may have, and not yet be told: then it cannot go, and is told all the same. Until then the
// room takes no more.
static void what_is_committed_is_told_whatever_its_tenant_holds(void **state)
{
    (void)state;
    struct stored *s = stored_room();
    say_words(s, 0, 33000);
    stored_now(s);
    expect(s->says, "\"type\":\"ack\",\"id\":0");
    expect(s->hears, "\"type\":\"message\"");
    say_words(s, 1, 20000); // there is a place for another record behind it
    const size_t full = mem_used(&budgets[0].mem);
    budgets[0].mem.bytes_max = 1;
    stored_now(s);
    assert_true(room_at(&s->n->sh[0]->home, s->room)->owes);
    say_words(s, 2, 10);
    expect_nothing(s->says);
    expect_nothing(s->hears);
    net_wait(s->n, 60);
    expect(s->says, "\"type\":\"ack\",\"id\":1");
    expect(s->says, "\"id\":2,\"code\":\"limit_reached\",\"message\":\"Your tenant's rooms hold");
    assert_true(contains(expect(s->hears, "\"type\":\"message\""), "www"));
    assert_false(room_at(&s->n->sh[0]->home, s->room)->owes);
    assert_true(mem_used(&budgets[0].mem) < full);
    assert_int_equal(s->n->notices[NOTICE_MEMORY], 0);
    budgets[0].mem.bytes_max = 0;
    say_words(s, 3, 10);
    stored_now(s);
    expect(s->says, "\"type\":\"ack\",\"id\":3");
    expect(s->hears, "\"type\":\"message\"");
    stored_free(s);
}

// The segment that a live stream was filling is large, and in the way of the next one: it goes first.
static void what_was_told_is_not_in_the_way(void **state)
{
    (void)state;
    enum { LARGE = 40000, NEXT = 16000 };
    struct stored *s = stored_room();
    say_words(s, 1, LARGE);
    stored_now(s);
    expect(s->says, "\"type\":\"ack\",\"id\":1");
    say_words(s, 2, NEXT);
    const size_t full = budgets[0].mem.bytes_max = mem_used(&budgets[0].mem);
    stored_now(s);
    expect_nothing(s->says);
    net_wait(s->n, 60);
    expect(s->says, "\"type\":\"ack\",\"id\":2");
    expect(s->hears, "\"type\":\"message\"");
    expect(s->hears, "\"type\":\"message\"");
    const size_t held = mem_used(&budgets[0].mem); // what it is told in is the tenant's own
    assert_true(held > full - 2 * LARGE + NEXT / 2 && held < full - 2 * LARGE + 2 * NEXT);
    stored_free(s);
}

// The server's memory is short: whoever's the coldest room is.
static void the_coldest_of_all_goes_first(void **state)
{
    (void)state;
    struct net *n = net_with(1);
    net_start(n);
    struct client *all[] = {net_json(n, 0), guest(n, 0, "acme"), guest(n, 0, "gx")};
    static const char *const rooms[] = {"r", "acme:r", "globex:r"};
    for (size_t i = 0; i < 3; i++)
        enters(all[i], rooms[i]);
    static const size_t order[] = {1, 0, 2, 1}; // acme's is spoken in again
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        fill(all[order[i]], rooms[order[i]], 40, "\"type\":\"ack\"");
        net_wait(n, 10);
    }
    net_wait(n, 5000);
    static const size_t coldest[] = {0, 2};
    for (size_t i = 0; i < 2; i++) {
        n->mem.bytes_max = mem_used(&n->mem) + mem_used(&n->mem) / 7 - 10000;
        say(all[1], "{\"type\":\"ping\",\"id\":1}");
        assert_true(kept(n, rooms[coldest[i]]) < 40);
        for (size_t k = i + 1; k < 2; k++)
            assert_int_equal(kept(n, rooms[coldest[k]]), 40);
        assert_int_equal(kept(n, rooms[1]), 80);
        while (kept(n, rooms[coldest[i]]) != 0) { // the rest of it
            n->mem.bytes_max = mem_used(&n->mem) + mem_used(&n->mem) / 7 - 10000;
            say(all[1], "{\"type\":\"ping\",\"id\":1}");
        }
    }
    n->mem.bytes_max = 0;
    net_free(n);
}

static void strangers_stay_outside(void **state)
{
    (void)state;
    struct net *n = net_with(2);
    net_start(n);
    struct client *a = guest(n, 0, "acme"), *g = guest(n, 1, "gx"), *x = net_json(n, 0);
    static const char *const rooms[] = {"acme:r", "globex:r", "r"};
    struct client *const all[] = {a, g, x};
    for (size_t who = 0; who < 3; who++)
        for (size_t room = 0; room < 3; room++) {
            say(all[who], "{\"type\":\"join\",\"id\":1,\"room\":\"%s\"}", rooms[room]);
            expect(all[who], who == room ? "\"type\":\"joined\"" : "\"code\":\"forbidden\"");
        }
    for (size_t who = 0; who < 3; who++) {
        say(all[who], "{\"type\":\"rooms\",\"id\":2}");
        str s = hear(all[who]);
        for (size_t room = 0; room < 3; room++) {
            char row[32];
            snprintf(row, sizeof row, "{\"room\":\"%s\"", rooms[room]);
            assert_int_equal(contains(s, row), who == room);
        }
        for (size_t to = 0; to < 3; to++) {
            say(all[who], "{\"type\":\"direct\",\"id\":3,\"to\":\"%s\",\"data\":1}", all[to]->user);
            if (who == to)
                expect(all[who], "\"type\":\"direct\"");
            expect(all[who], who == to ? "\"delivered\":1" : "\"code\":\"forbidden\"");
        }
    }
    assert_int_equal(METRIC(n, tenants[0].strangers), 4);
    net_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whose_a_name_is),
        cmocka_unit_test(places_are_as_many_as_there_are),
        cmocka_unit_test(messages_come_at_a_rate),
        cmocka_unit_test(what_is_said_has_a_price),
        cmocka_unit_test(a_place_comes_back),
        cmocka_unit_test(a_place_comes_back_where_memory_ends),
        cmocka_unit_test(rooms_are_as_many_as_there_may_be),
        cmocka_unit_test(a_tenant_pays_what_it_costs),
        cmocka_unit_test(all_of_a_tenant_say_so_much),
        cmocka_unit_test(a_tenant_forgets_its_own),
        cmocka_unit_test(and_is_refused_by_name_then),
        cmocka_unit_test(what_is_not_read_counts),
        cmocka_unit_test(what_is_committed_is_told_whatever_its_tenant_holds),
        cmocka_unit_test(what_was_told_is_not_in_the_way),
        cmocka_unit_test(the_coldest_of_all_goes_first),
        cmocka_unit_test(strangers_stay_outside),
        cmocka_unit_test(what_is_taken_back_needs_none_of_its_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
