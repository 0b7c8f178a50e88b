// SPDX-License-Identifier: Apache-2.0
//
// The driver of the tests of the core layer: what io does with sockets and threads, done with arrays.
#include "unit/core_support.h"

#include "core/api/api.h"

#include "base/assert.h"
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

enum { SETTLE_TURNS_MAX = 20000 };

void bytes_put(struct bytes *b, const void *p, size_t n)
{
    if (b->cap - b->n < n) {
        b->cap = 2 * b->cap + n;
        b->p = realloc(b->p, b->cap);
        assert_non_null(b->p);
    }
    if (n != 0)
        memcpy(b->p + b->n, p, n);
    b->n += n;
}

void bytes_free(struct bytes *b)
{
    free(b->p);
    *b = (struct bytes){0};
}

// --- memory that fails

static void burst_count(struct net *n)
{
    if (n->burst_at == 0 || atomic_load(&n->t.calls) != n->burst_at)
        return;
    n->burst_at = 0;
    n->burst_armed = true;
    n->refused_before = atomic_load(&n->mem.refused);
    n->mem.bytes_max = 1;
}

static void burst_reached(struct net *n)
{
    if (!n->burst_armed)
        return;
    if (atomic_load(&n->mem.refused) == n->refused_before)
        n->burst_essential =
            true; // it passed the budget: nothing but an essential request, or a shrinking one, can
    if (!n->burst_stays)
        net_fail_end(n);
}

// --- what is out

static void held_add(struct net *n, const void *p, size_t size)
{
    if (!n->watched || p == NULL)
        return;
    if (n->held_n == n->held_cap) {
        n->held_cap = n->held_cap == 0 ? 1024 : n->held_cap * 2;
        n->held = realloc(n->held, n->held_cap * sizeof *n->held);
        assert_non_null(n->held);
    }
    n->held[n->held_n++] = (struct held){p, size};
}

static void held_remove(struct net *n, const void *p)
{
    if (!n->watched || p == NULL)
        return;
    size_t i = n->held_n;
    do
        assert_true(i > 0);
    while (n->held[--i].p != p);
    n->held[i] = n->held[--n->held_n];
}

// Objects of a pool that are free are poisoned, and looked at as well.
__attribute__((no_sanitize("address"))) static bool stands_at(const char *p, const char *text)
{
    size_t i = 0;
    while (text[i] != '\0' && p[i] == text[i])
        i++;
    return text[i] == '\0';
}

bool net_holds(const struct net *n, const char *text)
{
    const size_t text_n = strlen(text);
    assert_true(n->watched);
    for (size_t i = 0; i < n->held_n; i++)
        for (size_t at = 0; at + text_n <= n->held[i].n; at++)
            if (stands_at(n->held[i].p + at, text))
                return true;
    return false;
}

static void *net_alloc(void *ctx, size_t size)
{
    struct net *n = ctx;
    burst_reached(n);
    void *p = n->under.alloc(n->under.ctx, size);
    held_add(n, p, size);
    burst_count(n);
    return p;
}

static void *net_realloc(void *ctx, void *p, size_t n_old, size_t size)
{
    struct net *n = ctx;
    burst_reached(n);
    void *q = n->under.realloc(n->under.ctx, p, n_old, size);
    if (q != NULL) {
        held_remove(n, p);
        held_add(n, q, size);
    }
    burst_count(n);
    return q;
}

static void net_mem_free(void *ctx, void *p, size_t size)
{
    struct net *n = ctx;
    if (n->burst_armed && !n->burst_stays && atomic_load(&n->mem.refused) != n->refused_before)
        net_fail_end(n);
    held_remove(n, p);
    n->under.free(n->under.ctx, p, size);
}

void net_fail_burst(struct net *n, uint64_t k)
{
    test_mem_restart(&n->t);
    n->burst_essential = false;
    n->burst_stays = false;
    n->burst_at = k;
    burst_count(n);
}

void net_fail_from(struct net *n, uint64_t k)
{
    net_fail_burst(n, k);
    n->burst_stays = true;
}

void net_fail_one(struct net *n, uint64_t k)
{
    test_mem_restart(&n->t);
    n->t.fail_at = k;
}

void net_fail_end(struct net *n)
{
    n->t.fail_at = 0;
    n->burst_armed = false;
    n->burst_at = 0;
    n->mem.bytes_max = 0;
}

void net_fail_anywhere(struct net *(*begin)(void), void (*act)(struct net *), bool (*done)(struct net *))
{
    enum { ENOUGH = 3, REQUESTS_MAX = 1000 };
    uint32_t times = 0, refused = 0;
    for (uint64_t k = 0; times < ENOUGH; k++) {
        assert_in_range(k, 0, REQUESTS_MAX);
        struct net *n = begin();
        net_fail_from(n, k);
        act(n);
        net_settle(n);
        net_fail_end(n);
        net_settle(n);
        const bool happened = done(n);
        times += happened;
        refused += !happened;
        net_free(n);
    }
    assert_true(refused > 2);
}

// --- the world

static void host_random(void *ctx, void *p, size_t size)
{
    struct net *n = ctx;
    uint8_t *to = p;
    for (size_t i = 0; i < size; i++)
        to[i] = (uint8_t)prng_next(&n->dice);
}

static void host_notice(void *ctx, const struct notice *notice)
{
    struct net *n = ctx;
    n->notices[notice->type]++;
}

static void host_metrics_page(void *ctx, struct buf *body)
{
    (void)ctx;
    BUF_PUT_LIT(body, "plenum_up 1\n");
}

static void host_health_page(void *ctx, const struct health_asked *asked, struct buf *body)
{
    (void)ctx;
    (void)asked;
    BUF_PUT_LIT(body, "{\"up\":true}");
}

static const struct asset net_assets[] = {
    {"/", "text/html; charset=utf-8", "\"tag\"", (const unsigned char *)"<p>chat</p>", 11, false},
};

static void settings_default(struct settings *s, uint32_t shards)
{
    *s = (struct settings){.shard_count = shards,
                           .hash_key = {0x0706050403020100, 0x0f0e0d0c0b0a0908},
                           .resume_key = {1, 2, 3},
                           .ways = &ways_served,
                           .assets = net_assets,
                           .assets_n = 1,
                           .version = "test",
                           .echo = true,
                           .connections_max = 64,
                           .message_bytes = 64 * 1024,
                           .commands_per_s = 0,
                           .commands_burst = 100,
                           .reply_bytes = 64 * 1024,
                           .handshake_ms = 10000,
                           .hello_ms = 10000,
                           .close_ms = 2000,
                           .turn_bytes = 64 * 1024,
                           .rooms_max = 64,
                           .rooms_address_percent = 100,
                           .rooms_per_connection = 16,
                           .room_members_max = 1000,
                           .newcomer_role = ROLE_MEMBER,
                           .room_grace_ms = 60000,
                           .member_grace_ms = 30000,
                           .presence_exact_max = 200,
                           .idempotency_ms = 120000,
                           .api_idempotency_keys = 1000,
                           .api_idempotency_bytes = 64 << 20,
                           .idempotency_keys = 1000,
                           .slow_policy = SLOW_GAP,
                           .lag_bytes = 256 * 1024,
                           .text_room = STR("lobby"),
                           .state_keys = 64,
                           .state_bytes = 8192,
                           .state_value = 4096,
                           .invitations = 100,
                           .invitation_s = 86400,
                           .log_entries = 1000,
                           .log_bytes = 1024 * 1024,
                           .log_age_ms = 3600 * 1000,
                           .heartbeat_ms = 30000,
                           .heartbeat_min_ms = 10000,
                           .heartbeat_max_ms = 120000,
                           .drain_batch = 4,
                           .drain_interval_ms = 100,
                           .drain_spread_ms = 1000,
                           .resume_ms = 600 * 1000};
}

static void say_where(const char *file, int line, const char *expr)
{
    fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, expr);
}

struct net *net_new(uint32_t shards)
{
    struct net *n = calloc(1, sizeof *n);
    assert_non_null(n);
    assert_hook_set(say_where);
    test_mem_init(&n->t, &n->mem);
    n->under = n->mem.backend;
    n->mem.backend = (struct mem_backend){net_alloc, net_realloc, net_mem_free, n};
    prng_init(&n->dice, 1);
    n->shards = shards;
    n->now_ms = NET_DUE_NOW;
    n->peer_host = "10.0.0.1";
    n->wall_ms = 1700000000000;
    n->host = (struct shard_host){n,    host_random, host_notice, host_metrics_page, host_health_page, NULL,
                                  8000, NULL,        NULL};
    settings_default(&n->settings, shards);
    return n;
}

void net_deflate(struct net *n, struct mem *part)
{
    mem_part_init(part, &n->mem, (size_t)1 << 20);
    n->settings.deflate = part;
    n->settings.deflate_min_bytes = 64;
}

void net_start(struct net *n)
{
    assert_true(n->settings.connections_max <= NET_CONNS_MAX);
    for (uint32_t i = 0; i < n->shards; i++) {
        n->sh[i] = shard_create(i, &n->settings, &n->host, &n->mem);
        assert_non_null(n->sh[i]);
    }
}

struct net *net_running(uint32_t shards)
{
    struct net *n = net_new(shards);
    net_start(n);
    return n;
}

void net_check(struct net *n)
{
    for (uint32_t i = 0; i < n->shards; i++)
        shard_check(n->sh[i]);
}

void net_destroy(struct net *n)
{
    for (uint32_t from = 0; from < n->shards; from++) {
        for (uint32_t to = 0; to < n->shards; to++)
            while (n->box_head[from][to] != NULL) {
                struct mail *m = n->box_head[from][to];
                n->box_head[from][to] = m->next;
                mail_discard(&n->mem, m);
            }
        shard_destroy(n->sh[from]);
    }
    for (uint32_t i = 0; i < n->client_n; i++) {
        bytes_free(&n->clients[i]->rx);
        bytes_free(&n->clients[i]->in);
        free(n->clients[i]->messages);
        free(n->clients[i]);
    }
    test_mem_check(&n->t);
    assert_int_equal(mem_used(&n->mem), 0);
    free(n->held);
    free(n);
}

void net_free(struct net *n)
{
    net_check(n);
    net_destroy(n);
}

uint64_t net_metric(struct net *n, size_t offset)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < n->shards; i++)
        sum += metric_get((_Atomic uint64_t *)(void *)((char *)shard_metrics(n->sh[i]) + offset));
    return sum;
}

// --- what a client is sent

static void message_add(struct client *c, size_t from, size_t size, uint8_t opcode)
{
    if (c->message_n == c->message_cap) {
        c->message_cap = 2 * c->message_cap + 16;
        c->messages = realloc(c->messages, c->message_cap * sizeof *c->messages);
        assert_non_null(c->messages);
    }
    c->messages[c->message_n++] = (struct message){from, size, opcode};
}

static void control_take(struct client *c, uint8_t opcode, str payload)
{
    if (opcode == WS_PING) {
        if (c->pings < ARRAY_LEN(c->ping_ms))
            c->ping_ms[c->pings] = c->net->now_ms;
        c->pings++;
        if (!c->no_pong)
            post_frame(c, WS_PONG, true, payload);
    } else if (opcode == WS_PONG) {
        c->pongs++;
    } else {
        str reason;
        assert_int_equal(ws_close_decode(payload, &c->close_code, &reason), OK);
        c->closes++;
        if (!c->no_close)
            post_frame(c, WS_CLOSE, true, payload);
    }
}

// One whole frame at `parsed`, if it is there.
// --- errors, held to the rows of their commands

// The raw value of the next "id", from *at on; STR_NONE: there is none.
static str id_take(str text, size_t *at)
{
    static const char key[] = "\"id\":";
    const char *found = *at < text.n ? memmem(text.p + *at, text.n - *at, key, sizeof key - 1) : NULL;
    if (found == NULL)
        return STR_NONE;
    size_t from = (size_t)(found - text.p) + sizeof key - 1, to = from;
    while (to < text.n && text.p[to] != ',' && text.p[to] != '}')
        to++;
    *at = to;
    return str_make(text.p + from, to - from);
}

static void asked_put(struct client *c, str id, enum command_type type)
{
    if (id.n >= sizeof c->asked[0].id)
        return;
    const uint32_t at = c->asked_n++ % ARRAY_LEN(c->asked);
    snprintf(c->asked[at].id, sizeof c->asked[at].id, "%.*s", STR_ARG(id));
    c->asked[at].type = (uint8_t)type;
}

static void asked_note(struct client *c, str text)
{
    char type[32] = "";
    if (!contains(text, "\"type\":\"") || !contains(text, "\"id\":"))
        return;
    string_of(text, "type", type, sizeof type);
    for (int i = 0; i < CMD_COUNT; i++) {
        if (strcmp(type, command_name((enum command_type)i)) != 0)
            continue;
        size_t at = 0;
        for (str id; (id = id_take(text, &at)).n != 0;) {
            asked_put(c, id, (enum command_type)i);
            if (i == CMD_HELLO) // its rooms are joins
                asked_put(c, id, CMD_JOIN);
        }
    }
}

static void error_check(struct client *c, str text)
{
    size_t at = 0;
    char code[40] = "";
    if (!str_starts(text, STR("{\"type\":\"error\"")) || !contains(text, "\"code\":\""))
        return;
    const str id = id_take(text, &at);
    string_of(text, "code", code, sizeof code);
    const uint32_t bit = UINT32_C(1) << problem_find(str_from_cstr(code));
    bool known = false, named = (command_row(CMD_NONE)->errors & bit) != 0;
    for (uint32_t i = 0; i < ARRAY_LEN(c->asked) && i < c->asked_n; i++)
        if (id.n != 0 && str_eq(id, str_from_cstr(c->asked[i].id))) {
            known = true;
            named = named || (command_row((enum command_type)c->asked[i].type)->errors & bit) != 0;
        }
    if (known && !named)
        fail_msg("no row of what was asked names the code: %.*s", STR_ARG(text));
}

// Through a buffer that is smaller than any window, so that zlib looks back into its own, which is as large as was agreed.
static void inflate_all(uint8_t window, const uint8_t *p, size_t n, struct bytes *out)
{
    z_stream z = {0};
    uint8_t chunk[64];
    struct bytes in = {0};
    bytes_put(&in, p, n);
    bytes_put(&in, "\0\0\xff\xff", 4);
    assert_int_equal(inflateInit2(&z, -window), Z_OK);
    z.next_in = (Bytef *)in.p;
    z.avail_in = (uInt)in.n;
    do {
        z.next_out = chunk;
        z.avail_out = sizeof chunk;
        const int did = inflate(&z, Z_SYNC_FLUSH);
        assert_true(did == Z_OK || did == Z_BUF_ERROR);
        bytes_put(out, chunk, sizeof chunk - z.avail_out);
    } while (z.avail_out == 0);
    assert_int_equal(z.avail_in, 0);
    inflateEnd(&z);
    bytes_free(&in);
}

// What came deflated stands in rx inflated from here on. Its length there.
static size_t rx_inflate(struct client *c, size_t from, size_t size)
{
    struct bytes said = {0}, rest = {0};
    inflate_all(c->window, (const uint8_t *)c->rx.p + from, size, &said);
    assert_true(said.n > size); // it is deflated where that is shorter, only
    bytes_put(&rest, c->rx.p + from + size, c->rx.n - from - size);
    c->rx.n = from;
    bytes_put(&c->rx, said.p, said.n);
    bytes_put(&c->rx, rest.p, rest.n);
    const size_t n = said.n;
    bytes_free(&said);
    bytes_free(&rest);
    c->deflated++;
    return n;
}

static bool frame_take(struct client *c)
{
    const uint8_t *p = (const uint8_t *)c->rx.p + c->parsed;
    size_t left = c->rx.n - c->parsed, head = 2;
    if (left < 2)
        return false;
    size_t size = p[1];
    head += size == 126 ? 2 : size == 127 ? 8 : 0;
    if (left < head)
        return false;
    for (size_t i = 2, n = size; n >= 126 && i < head; i++)
        size = i == 2 ? p[i] : size << 8 | p[i];
    if (left < head + size)
        return false;
    assert_true(p[0] & 0x80); // never fragmented
    assert_int_equal(p[0] & (c->window != 0 && (p[0] & 15) < WS_CLOSE ? 0x30 : 0x70), 0);
    uint8_t opcode = p[0] & 15;
    if (p[0] & 0x40) {
        size = rx_inflate(c, c->parsed + head, size);
        p = (const uint8_t *)c->rx.p + c->parsed;
    }
    c->parsed += head + size;
    assert_true(c->closes == 0); // nothing comes after a close frame
    if (opcode == WS_TEXT)
        error_check(c, str_make((const char *)p + head, size));
    if (opcode >= WS_CLOSE)
        control_take(c, opcode, str_make((const char *)p + head, size));
    else
        message_add(c, c->parsed - size, size, opcode);
    return true;
}

static bool line_take(struct client *c)
{
    str rest = str_make(c->rx.p + c->parsed, c->rx.n - c->parsed);
    size_t size = str_find_char(rest, '\n', 0);
    if (size == rest.n)
        return false;
    message_add(c, c->parsed, size, WS_TEXT);
    c->parsed += size + 1;
    return true;
}

static void client_parse(struct client *c)
{
    if (c->line)
        while (line_take(c)) {}
    else if (c->upgraded)
        while (frame_take(c)) {}
}

// --- turns

static void turn_read(struct net *n, uint32_t shard, struct client *c)
{
    struct bytes in = c->in;
    size_t size = n->read_max != 0 && n->read_max < in.n ? n->read_max : in.n;
    c->in = (struct bytes){0};
    bytes_put(&c->in, in.p + size, in.n - size);
    uint8_t *exact = malloc(size);
    assert_non_null(exact);
    memcpy(exact, in.p, size);
    c->paused = !shard_on_bytes(n->sh[shard], c->conn, exact, size);
    free(exact);
    bytes_free(&in);
}

static bool turn_input(struct net *n, uint32_t shard)
{
    bool moved = false;
    for (uint32_t i = 0; i < n->client_n; i++) {
        struct client *c = n->clients[i];
        if (c->shard != shard || c->closed || c->refused)
            continue;
        if (c->blocked && !c->stalled && !c->holds) {
            c->blocked = false;
            moved = true;
            shard_on_writable(n->sh[shard], c->conn);
        }
        if (c->paused)
            continue;
        if (c->in.n != 0) {
            moved = true;
            turn_read(n, shard, c);
        }
        if (c->eof && !c->eof_told && !c->paused) {
            c->eof_told = true;
            moved = true;
            shard_on_eof(n->sh[shard], c->conn);
        }
    }
    return moved;
}

static bool turn_mail(struct net *n, uint32_t shard)
{
    bool moved = false;
    for (uint32_t from = 0; from < n->shards; from++)
        for (uint32_t taken = 0; !n->hold[from][shard] && n->box_head[from][shard] != NULL; taken++) {
            if (n->mail_max != 0 && taken == n->mail_max)
                break;
            struct mail *m = n->box_head[from][shard];
            n->box_head[from][shard] = m->next;
            m->next = NULL;
            moved = true;
            shard_on_mail(n->sh[shard], m);
        }
    return moved;
}

static void turn_mail_out(struct net *n, uint32_t shard)
{
    struct mail *m;
    for (uint32_t to = 0; to < n->shards; to++)
        while (to != shard && !n->jam[shard][to] && (m = shard_pull_mail(n->sh[shard], to)) != NULL) {
            if (n->box_head[shard][to] == NULL)
                n->box_head[shard][to] = m;
            else
                n->box_tail[shard][to]->next = m;
            n->box_tail[shard][to] = m;
        }
}

static void client_write(struct net *n, uint32_t shard, struct client *c)
{
    struct span spans[SPANS_MAX];
    size_t count = shard_output(n->sh[shard], c->conn, spans), total = 0, taken = 0;
    size_t max = c->stalled ? 0 : c->take_max;
    for (size_t i = 0; i < count; i++) {
        size_t part = spans[i].n < max - taken ? spans[i].n : max - taken;
        assert_true(spans[i].n > 0);
        bytes_put(&c->rx, spans[i].p, part);
        total += spans[i].n;
        taken += part;
    }
    c->blocked = taken < total || (c->holds && total > 0);
    c->writes++;
    shard_output_done(n->sh[shard], c->conn, taken, c->blocked);
    client_parse(c);
}

static void turn_ends(struct net *n, uint32_t shard)
{
    uint32_t conn;
    bool abortive;
    while (shard_pull_shutdown(n->sh[shard], &conn)) {
        struct client *c = n->by_conn[shard][conn];
        assert_false(c->shut); // once
        c->shut = true;
        c->shut_ms = n->now_ms;
        if (!c->no_eof)
            c->eof = true;
    }
    while (shard_pull_closed(n->sh[shard], &conn, &abortive)) {
        struct client *c = n->by_conn[shard][conn];
        assert_false(c->closed);
        c->closed = true;
        c->closed_ms = n->now_ms;
        c->abortive = abortive;
        n->by_conn[shard][conn] = NULL;
    }
    shard_on_written(n->sh[shard], n->now_ms * 1000000, n->now_ms * 1000000);
    while (shard_pull_reread(n->sh[shard], &conn))
        n->by_conn[shard][conn]->paused = false;
}

bool net_turn(struct net *n, uint32_t shard)
{
    struct shard *sh = n->sh[shard];
    uint32_t conn;
    shard_turn_begin(sh, n->now_ms, n->wall_ms, 0);
    bool moved = turn_input(n, shard);
    moved |= turn_mail(n, shard);
    shard_turn_end(sh);
    turn_mail_out(n, shard);
    for (uint32_t writes = 0; (n->write_max == 0 || writes < n->write_max) && shard_pull_dirty(sh, &conn);
         writes++) {
        moved = true;
        client_write(n, shard, n->by_conn[shard][conn]);
    }
    turn_ends(n, shard);
    return moved;
}

static bool net_waiting(const struct net *n)
{
    for (uint32_t s = 0; s < n->shards; s++) {
        if (shard_next_due_ms(n->sh[s]) <= n->now_ms && n->sh[s]->edge.mail_waiters.n == 0)
            return true;
        for (uint32_t from = 0; from < n->shards; from++)
            if (!n->hold[from][s] && n->box_head[from][s] != NULL)
                return true;
    }
    return false;
}

void net_settle(struct net *n)
{
    for (uint32_t quiet = 0, turns = 0; quiet < 2; turns++) {
        bool moved = net_waiting(n);
        for (uint32_t s = 0; s < n->shards; s++)
            moved |= net_turn(n, s);
        quiet = moved ? 0 : quiet + 1;
        assert_true(turns < SETTLE_TURNS_MAX); // a shard that never comes to rest
    }
}

void net_wait(struct net *n, uint64_t ms)
{
    uint64_t until = n->now_ms + ms;
    net_settle(n);
    while (n->now_ms < until) {
        uint64_t due = until;
        for (uint32_t s = 0; s < n->shards; s++)
            if (shard_next_due_ms(n->sh[s]) < due)
                due = shard_next_due_ms(n->sh[s]);
        due = due > n->now_ms ? due : n->now_ms + 1;
        n->wall_ms += due - n->now_ms;
        n->now_ms = due;
        net_settle(n);
    }
}

// --- names

const char *net_room(const struct net *n, uint32_t shard, uint32_t i)
{
    static char names[16][32];
    static uint32_t at;
    char *name = names[at++ % 16];
    for (uint32_t k = 0, found = 0;; k++) {
        int size = snprintf(name, 32, "room%u", k);
        uint64_t hash = siphash(&n->settings.hash_key, name, (size_t)size);
        if (hash % n->shards == shard && found++ == i)
            return name;
    }
}

uint32_t net_room_index(const struct net *n, const char *room, uint32_t *ret_shard)
{
    str name = str_from_cstr(room);
    uint64_t hash = siphash(&n->settings.hash_key, name.p, name.n);
    *ret_shard = (uint32_t)(hash % n->shards);
    return room_find(&n->sh[*ret_shard]->home, name, hash);
}

struct room *net_room_at(const struct net *n, const char *room)
{
    uint32_t shard, index = net_room_index(n, room, &shard);
    return index == MAP_NONE ? NULL : room_at(&n->sh[shard]->home, index);
}

struct conn *client_conn(const struct client *c) { return conn_at(&c->net->sh[c->shard]->conns, c->conn); }

// --- clients

void net_secured(struct client *c, const struct certificate *shown)
{
    struct net *n = c->net;
    shard_turn_begin(n->sh[c->shard], n->now_ms, n->wall_ms, 0);
    shard_on_secured(n->sh[c->shard], c->conn, shown);
    shard_turn_end(n->sh[c->shard]);
    net_settle(n);
}

struct client *net_accept(struct net *n, uint32_t shard, enum transport transport)
{
    struct client *c = calloc(1, sizeof *c);
    assert_non_null(c);
    assert_true(n->client_n < NET_CLIENTS_MAX);
    c->net = n;
    c->shard = shard;
    c->take_max = SIZE_MAX;
    c->line = transport == TRANSPORT_LINE;
    struct peer peer = {.print = n->print, .local = n->local, .secure = n->secure, .proxy = n->proxy};
    snprintf(peer.text, sizeof peer.text, "%s:%u", n->peer_host, 1000 + n->client_n);
    n->clients[n->client_n++] = c;
    shard_turn_begin(n->sh[shard], n->now_ms, n->wall_ms, 0);
    c->refused = shard_on_accept(n->sh[shard], transport, &peer, &c->conn) != OK;
    if (!c->refused) {
        assert_null(n->by_conn[shard][c->conn]);
        n->by_conn[shard][c->conn] = c;
    }
    shard_turn_end(n->sh[shard]);
    return c;
}

static const char upgrade_format[] = "GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                                     "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n";

struct client *net_ws(struct net *n, uint32_t shard, const char *path)
{
    return net_ws_with(n, shard, path, "");
}

struct client *net_ws_with(struct net *n, uint32_t shard, const char *path, const char *fields)
{
    struct client *c = net_accept(n, shard, TRANSPORT_HTTP);
    if (c->refused)
        return c;
    char head[1024];
    int size = snprintf(head, sizeof head, upgrade_format, path, fields);
    post_bytes(c, head, (size_t)size);
    net_settle(n);
    str got = str_make(c->rx.p, c->rx.n);
    if (c->closed || !str_starts(got, STR("HTTP/1.1 101 ")))
        return c;
    const char *end = memmem(got.p, got.n, "\r\n\r\n", 4);
    assert_non_null(end);
    c->parsed = (size_t)(end + 4 - got.p);
    c->upgraded = true;
    const str answer = str_take(got, c->parsed);
    if (contains(answer, "permessage-deflate"))
        c->window = contains(answer, "server_max_window_bits=9") ? 9 : 15;
    client_parse(c);
    return c;
}

struct client *net_json(struct net *n, uint32_t shard)
{
    struct client *c = net_ws(n, shard, "/ws");
    assert_true(c->upgraded);
    say(c, "{\"type\":\"hello\"}");
    str welcome = expect(c, "\"type\":\"welcome\"");
    string_of(welcome, "user", c->user, sizeof c->user);
    string_of(welcome, "session", c->session, sizeof c->session);
    string_of(welcome, "resume", c->resume, sizeof c->resume);
    return c;
}

struct client *net_line(struct net *n, uint32_t shard)
{
    struct client *c = net_accept(n, shard, TRANSPORT_LINE);
    assert_false(c->refused);
    net_wait(n, LINE_LISTEN_MS + DEADLINE_TICK_MS);
    forget(c);
    return c;
}

void post_bytes(struct client *c, const void *p, size_t n) { bytes_put(&c->in, p, n); }

void post_frame(struct client *c, uint8_t opcode, bool fin, str payload)
{
    struct test_mem t;
    struct mem mem;
    struct buf b;
    test_mem_init(&t, &mem);
    buf_init(&b, &mem, 0);
    ws_client_frame_encode(&b, opcode, fin, 0x04030201, payload);
    assert_true(buf_ok(&b));
    bytes_put(&c->in, b.p, b.n);
    buf_deinit(&b);
}

static void post_text(struct client *c, const char *format, va_list args)
{
    char *text;
    int size = vasprintf(&text, format, args);
    assert_true(size >= 0);
    if (c->line) {
        bytes_put(&c->in, text, (size_t)size);
        bytes_put(&c->in, "\n", 1);
    } else {
        asked_note(c, str_make(text, (size_t)size));
        post_frame(c, WS_TEXT, true, str_make(text, (size_t)size));
    }
    free(text);
}

void post(struct client *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    post_text(c, format, args);
    va_end(args);
}

void say(struct client *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    post_text(c, format, args);
    va_end(args);
    net_settle(c->net);
}

void send_bytes(struct client *c, const char *bytes)
{
    post_bytes(c, bytes, strlen(bytes));
    net_settle(c->net);
}

void hang_up(struct client *c)
{
    c->eof = true;
    net_settle(c->net);
}

void cut(struct client *c)
{
    struct net *n = c->net;
    if (!c->closed && !c->refused) {
        shard_turn_begin(n->sh[c->shard], n->now_ms, n->wall_ms, 0);
        shard_on_broken(n->sh[c->shard], c->conn);
        shard_turn_end(n->sh[c->shard]);
        turn_mail_out(n, c->shard);
        turn_ends(n, c->shard);
    }
    net_settle(n);
}

// --- what was heard

void net_ask(struct client *c, const struct command *cmd, uint32_t grant)
{
    struct shard *sh = c->net->sh[c->shard];
    struct asker *asker = client_asker(c);
    uint32_t outlet = edge_outlet_named(&sh->edge, asker, cmd->room);
    assert_true(outlet != MAP_NONE);
    struct ask a = edge_ask_make(&sh->edge, c->conn, ASK_PUBLISH, cmd);
    const struct outlet *o = outlet_at(&sh->fan, outlet);
    a.room = o->room;
    a.room_hash = o->hash;
    a.outlet = (struct ref){outlet, slab_gen(&sh->fan.outlets, outlet)};
    a.grant = grant;
    a.guest = false;
    edge_ask_send(&sh->edge, c->conn, home_of(&sh->cx, o->hash), &a, true);
    net_settle(c->net);
}

void net_serve_api(struct net *n)
{
    n->local = true;
    n->settings.routes = api_routes;
    n->settings.routes_n = API_ROUTES;
    n->settings.api_body_bytes = 64 * 1024;
}

struct client *api_call(struct net *n, uint32_t shard, const char *command, const char *fields,
                        const char *body)
{
    struct client *c = net_accept(n, shard, TRANSPORT_HTTP);
    char text[2048];
    int size = snprintf(text, sizeof text,
                        "POST /api/v1/%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n%s"
                        "Content-Length: %zu\r\n\r\n%s",
                        command, fields, strlen(body), body);
    assert_in_range(size, 1, sizeof text - 1);
    post_bytes(c, text, (size_t)size);
    net_settle(n);
    return c;
}

void api_answers(const struct client *c, const char *status, const char *part)
{
    str got = str_make(c->rx.p, c->rx.n);
    if (!contains(got, status) || !contains(got, part))
        fail_msg("%.*s, expected %s %s", STR_ARG(got), status, part);
}

void api_says(struct net *n, const char *command, const char *body, const char *status, const char *part)
{
    struct client *c = api_call(n, 0, command, "", body);
    api_answers(c, status, part);
    hang_up(c);
    net_check(n);
}

void net_give(struct client *c, const char *room, const char *user, const char *role)
{
    const struct command give = {.type = CMD_ROLE,
                                 .room = str_from_cstr(room),
                                 .to = str_from_cstr(user),
                                 .role = str_from_cstr(role)};
    net_ask(c, &give, GRANT_ALL);
}

str hear(struct client *c)
{
    if (c->message_at == c->message_n)
        return STR_NONE;
    const struct message *m = &c->messages[c->message_at++];
    return str_make(c->rx.p + m->from, m->n);
}

bool contains(str s, const char *part) { return s.n != 0 && memmem(s.p, s.n, part, strlen(part)) != NULL; }

str expect_at(struct client *c, const char *part, const char *file, int line)
{
    if (c->message_at == c->message_n) {
        print_error("heard nothing, expected \"%s\"\n", part);
        _fail(file, line);
    }
    str s = hear(c);
    if (!contains(s, part)) {
        print_error("heard    \"%.*s\"\nexpected \"%s\"\n", STR_ARG(s), part);
        _fail(file, line);
    }
    return s;
}

void expect_nothing_at(struct client *c, const char *file, int line)
{
    if (c->message_at == c->message_n)
        return;
    str s = hear(c);
    print_error("heard \"%.*s\", expected nothing\n", STR_ARG(s));
    _fail(file, line);
}

void forget(struct client *c) { c->message_at = c->message_n; }

void forget_all(struct net *n)
{
    net_settle(n);
    for (uint32_t i = 0; i < n->client_n; i++) {
        forget(n->clients[i]);
        n->clients[i]->deflated = 0;
    }
}

static const char *value_of(str message, const char *key, size_t *ret_n)
{
    char quoted[80];
    int size = snprintf(quoted, sizeof quoted, "\"%s\":", key);
    const char *at = message.n == 0 ? NULL : memmem(message.p, message.n, quoted, (size_t)size);
    if (at == NULL)
        return NULL;
    at += size;
    *ret_n = (size_t)(message.p + message.n - at);
    return at;
}

uint64_t number_of(str message, const char *key)
{
    size_t n;
    const char *at = value_of(message, key, &n);
    if (at == NULL || n == 0 || *at < '0' || *at > '9')
        return UINT64_MAX;
    uint64_t v = 0;
    for (; n > 0 && *at >= '0' && *at <= '9'; at++, n--)
        v = v * 10 + (uint64_t)(*at - '0');
    return v;
}

void string_of(str message, const char *key, char *ret, size_t cap)
{
    size_t n, size = 0;
    const char *at = value_of(message, key, &n);
    assert_non_null(at);
    assert_true(*at == '"');
    for (at++; at[size] != '"'; size++)
        assert_true(size + 1 < cap);
    memcpy(ret, at, size);
    ret[size] = '\0';
}
