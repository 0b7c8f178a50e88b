// SPDX-License-Identifier: Apache-2.0
//
// Fuzz target: bodies of the HTTP API, of every command, through two shards. Whatever they say there is one answer, which is JSON: what
// was asked for, or an error with the status of its code; and the next request on the connection is found.
// Asked for again by its idempotency key, what has changed something is answered as the first time.
//
// Input: a byte that says which command, one that says how the body is cut (odd: and that it has a key), then the body.
#include "core/api/api.h"
#include "core/conn/conn.h"
#include "core/shard/shard.h"
#include "dialect/api.h"
#include "sim/vmem.h"
#include "wire/json.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SHARDS = 2, BODY_MAX = 60000, ROUNDS = 400 };

struct bench {
    struct settings settings;
    struct shard_host host;
    struct vmem vmem;
    struct shard *shards[SHARDS];
    struct buf got;
    uint64_t now_ms;
};

// Others each time: two rooms of one epoch would share their keys.
static int drawn;
static void on_random(void *ctx, void *p, size_t n)
{
    (void)ctx;
    memset(p, ++drawn & 0xff, n);
}
static void on_notice(void *ctx, const struct notice *n)
{
    (void)ctx;
    (void)n;
}
static void on_metrics(void *ctx, struct buf *body)
{
    (void)ctx;
    (void)body;
}

static void on_health(void *ctx, const struct health_asked *asked, struct buf *body)
{
    (void)ctx;
    (void)asked;
    BUF_PUT_LIT(body, "{}");
}

static void after_turn(struct bench *b, uint32_t shard)
{
    struct shard *sh = b->shards[shard];
    struct span spans[SPANS_MAX];
    uint32_t conn;
    bool abortive;
    while (shard_pull_dirty(sh, &conn)) {
        size_t n = shard_output(sh, conn, spans), total = 0;
        for (size_t i = 0; i < n; i++) {
            buf_put(&b->got, spans[i].p, spans[i].n);
            total += spans[i].n;
        }
        shard_output_done(sh, conn, total, false);
    }
    while (shard_pull_shutdown(sh, &conn)) {}
    while (shard_pull_closed(sh, &conn, &abortive)) {}
    while (shard_pull_reread(sh, &conn)) {}
}

static void turn(struct bench *b, uint32_t shard)
{
    struct mail *m;
    shard_turn_begin(b->shards[shard], b->now_ms, 1700000000000, 0);
    while ((m = shard_pull_mail(b->shards[1 - shard], shard)) != NULL)
        shard_on_mail(b->shards[shard], m);
    shard_turn_end(b->shards[shard]);
    after_turn(b, shard);
}

static void settle(struct bench *b)
{
    for (int i = 0; i < ROUNDS; i++) {
        turn(b, 0);
        turn(b, 1);
        if (shard_mail_waiting(b->shards[0], 1) == 0 && shard_mail_waiting(b->shards[1], 0) == 0 &&
            shard_next_due_ms(b->shards[0]) > b->now_ms && shard_next_due_ms(b->shards[1]) > b->now_ms)
            break;
    }
}

static void feed(struct bench *b, uint32_t conn, const char *p, size_t n)
{
    uint8_t *bytes = malloc(n + 1);
    ASSERT(bytes != NULL);
    if (n != 0)
        memcpy(bytes, p, n);
    shard_turn_begin(b->shards[0], b->now_ms, 1700000000000, 0);
    bool on = shard_on_bytes(b->shards[0], conn, bytes, n);
    (void)on; // it waits for its answer: the bytes are kept
    shard_turn_end(b->shards[0]);
    after_turn(b, 0);
    free(bytes);
}

// Takes the next answer off: its status; asserts that it is whole and its body JSON.
static unsigned answer(str *rest)
{
    unsigned status = 0;
    static const char length[] = "Content-Length: ";
    const char *end = rest->n == 0 ? NULL : memmem(rest->p, rest->n, "\r\n\r\n", 4);
    ASSERT(end != NULL && sscanf(rest->p, "HTTP/1.1 %3u ", &status) == 1);
    size_t head_n = (size_t)(end + 4 - rest->p);
    const char *at = memmem(rest->p, head_n, length, sizeof length - 1);
    ASSERT(at != NULL);
    size_t n = strtoul(at + sizeof length - 1, NULL, 10);
    ASSERT(rest->n >= head_n + n);
    str body = str_make(rest->p + head_n, n);
    struct json_member members[JSON_KEYS_MAX];
    size_t members_n;
    ASSERT(json_object_scan(str_trim(body), members, JSON_KEYS_MAX, &members_n, NULL) == OK);
    const struct json_member *error = json_member_find(members, members_n, STR("error"));
    ASSERT((error != NULL) == (status != 200));
    ASSERT(status == 200 || status == 400 || status == 404 || status == 413 || status == 429 ||
           status == 403 || status == 409 || status == 410);
    *rest = str_skip(*rest, head_n + n);
    return status;
}

static enum command_type command_of(uint8_t byte)
{
    enum command_type all[CMD_COUNT];
    size_t n = 0;
    for (int type = CMD_NONE + 1; type < CMD_COUNT; type++)
        if (api_serves((enum command_type)type))
            all[n++] = (enum command_type)type;
    return all[byte % n];
}

static void settings_make(struct settings *s)
{
    *s = (struct settings){.shard_count = SHARDS,
                           .hash_key = {1, 2},
                           .ways = &ways_served,
                           .routes = api_routes,
                           .routes_n = API_ROUTES,
                           .version = "fuzz",
                           .connections_max = 4,
                           .message_bytes = 4000,
                           .commands_burst = 5,
                           .reply_bytes = 65536,
                           .handshake_ms = 3000,
                           .hello_ms = 3000,
                           .close_ms = 1000,
                           .turn_bytes = 65536,
                           .rooms_max = 8,
                           .rooms_address_percent = 100,
                           .rooms_per_connection = 8,
                           .room_members_max = 5,
                           .room_grace_ms = 2000,
                           .presence_exact_max = 100,
                           .idempotency_ms = 5000,
                           .api_idempotency_keys = 8,
                           .api_idempotency_bytes = 1 << 16,
                           .idempotency_keys = 4,
                           .lag_bytes = 20000,
                           .text_room = STR("lobby"),
                           .log_entries = 50,
                           .log_bytes = 40960,
                           .log_age_ms = 10000,
                           .heartbeat_ms = 4000,
                           .drain_batch = 2,
                           .drain_interval_ms = 100,
                           .api_body_bytes = BODY_MAX,
                           .resume_ms = 60000};
}

// What follows the first head.
static str body_of(str answers)
{
    const char *end = answers.n == 0 ? NULL : memmem(answers.p, answers.n, "\r\n\r\n", 4);
    return end == NULL ? STR_NONE : str_skip(answers, (size_t)(end + 4 - answers.p));
}

// A `state` that reads, or a batch of which something was refused for the moment.
static bool undecided(str body)
{
    static const char *const parts[] = {"\"state\":", "\"code\":\"rate_limited\"",
                                        "\"code\":\"limit_reached\"", "\"code\":\"unavailable\"",
                                        "\"code\":\"internal\""};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (memmem(body.p, body.n, parts[i], strlen(parts[i])) != NULL)
            return true;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    drawn = 0;
    if (size < 2 || size > BODY_MAX)
        return 0;
    struct bench b = {.now_ms = 1000};
    settings_make(&b.settings);
    b.host = (struct shard_host){&b, on_random, on_notice, on_metrics, on_health, NULL, 0, NULL, NULL};
    vmem_init(&b.vmem);
    buf_init(&b.got, &b.vmem.mem, 0);
    for (uint32_t i = 0; i < SHARDS; i++) {
        b.shards[i] = shard_create(i, &b.settings, &b.host, &b.vmem.mem);
        ASSERT(b.shards[i] != NULL);
    }
    struct peer peer = {.text = "127.0.0.1:1", .local = true};
    uint32_t conn;
    turn(&b, 0);
    turn(&b, 1);
    shard_turn_begin(b.shards[0], b.now_ms, 1700000000000, 0);
    ASSERT(shard_on_accept(b.shards[0], TRANSPORT_HTTP, &peer, &conn) == OK);
    shard_turn_end(b.shards[0]);

    str body = str_make((const char *)data + 2, size - 2);
    char head[240];
    const bool keyed = (data[1] & 1) != 0;
    int n =
        snprintf(head, sizeof head,
                 "POST %s%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                 "%sContent-Length: %zu\r\n\r\n",
                 API_PATH, command_name(command_of(data[0])), keyed ? "Idempotency-Key: k\r\n" : "", body.n);
    size_t cut = data[1] == 0 ? body.n : body.n * data[1] / 256;
    feed(&b, conn, head, (size_t)n);
    feed(&b, conn, body.p, cut);
    if (cut != body.n)
        feed(&b, conn, body.p + cut, body.n - cut);
    static const char next[] = "POST " API_PATH "info HTTP/1.1\r\nHost: localhost\r\n\r\n";
    feed(&b, conn, next, sizeof next - 1);
    settle(&b);
    const size_t first_n = b.got.n;
    if (keyed) {
        feed(&b, conn, head, (size_t)n);
        feed(&b, conn, body.p, body.n);
        settle(&b);
    }
    str rest = buf_str(&b.got), again = str_skip(rest, first_n);
    const str said = body_of(rest);
    unsigned first = answer(&rest);
    ASSERT(first != 403);
    ASSERT(answer(&rest) == 200);
    ASSERT(rest.n == again.n);
    if (keyed) {
        bool replayed = memmem(again.p, again.n, "\r\nIdempotency-Replayed: true\r\n", 30) != NULL;
        ASSERT(!replayed || (str_starts(said, body_of(again)) && body_of(again).n != 0));
        unsigned second = answer(&again);
        ASSERT(replayed || second == 410 || first != 200 || api_once(command_of(data[0])) != API_RECEIPT ||
               undecided(said));
        ASSERT(again.n == 0);
    }
    for (uint32_t i = 0; i < SHARDS; i++)
        shard_check(b.shards[i]);
    for (uint32_t i = 0; i < SHARDS; i++)
        shard_destroy(b.shards[i]);
    buf_deinit(&b.got);
    ASSERT(b.vmem.blocks == 0);
    vmem_deinit(&b.vmem);
    return 0;
}
