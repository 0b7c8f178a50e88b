// SPDX-License-Identifier: Apache-2.0
//
// Fuzz target: one or two shards with connections of every transport and language, driven by the input's bytes.
//
// The first byte is the world (shards, settings); then each byte is an act, with its arguments behind it: accept,
// bytes, whole frames and commands (as JSON, lines, parcels, Protocol Buffers, deflated), ends, half-written output, sockets that
// take nothing for a while, time, memory that ends. A turn follows each act, and shard_check. At the end everybody is cut off and all
// grace times pass: nothing may be left, and memory is back where it was but for the pools.
#include "fuzz/fuzz_input.h"
#include "sim/desk.h"
#include "sim/parcel.h"
#include "sim/world.h"

#include "wire/deflate.h"
#include "wire/ws_handshake.h"
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SHARDS = 2, CONNS = 16, SLOTS = 6, ACTS_MAX = 600, DEFLATE_BYTES = 100000 };

struct slot { // a connection that acts may name
    bool open, paused, blocked, broken, eof;
    uint32_t shard, conn;
    uint16_t parcels; // sent
};

struct bench {
    struct settings settings;
    struct shard_host host;
    struct vmem vmem;
    struct mem deflate;
    struct shard *shards[SHARDS];
    uint32_t n;
    struct slot slots[SLOTS];
    int8_t slot_of[SHARDS][CONNS]; // -1: none
    uint64_t now_ms, wall_ms;
    size_t take;    // bytes that a write takes
    bool hold_mail; // until further notice
    struct prng secrets;
    struct fuzz_input in;
};

static void on_random(void *ctx, void *p, size_t n)
{
    struct bench *b = ctx;
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)p)[i] = (uint8_t)prng_next(&b->secrets);
}
static void on_notice(void *ctx, const struct notice *n)
{
    (void)ctx;
    (void)n;
}
static void on_metrics(void *ctx, struct buf *body)
{
    (void)ctx;
    BUF_PUT_LIT(body, "x 1\n");
}

static void on_health(void *ctx, const struct health_asked *asked, struct buf *body)
{
    (void)ctx;
    (void)asked;
    BUF_PUT_LIT(body, "{}");
}

static const struct asset page = {"/", "text/html", "\"x\"", (const unsigned char *)"<p>x</p>", 8, false};

static void settings_make(struct settings *s, uint8_t world)
{
    *s = (struct settings){
        .shard_count = 1 + (world & 1),
        .hash_key = {1, 2},
        .ways = ways_with_parcels(),
        .routes = desk_routes,
        .routes_n = DESK_ROUTES,
        .assets = &page,
        .assets_n = 1,
        .version = "fuzz",
        .echo = true,
        .connections_max = CONNS,
        .message_bytes = world & 2 ? 300 : 70000,
        .commands_per_s = world & 4 ? 5 : 0,
        .commands_burst = 5,
        .reply_bytes = world & 8 ? 500 : 65536,
        .handshake_ms = 3000,
        .hello_ms = 3000,
        .close_ms = 1000,
        .turn_bytes = 65536,
        .rooms_max = 4,
        .rooms_connection = {world & 2 ? 1 : 0, 2},
        .rooms_user = {world & 4 ? 1 : 0, 3},
        .rooms_address = {world & 16 ? 1 : 0, 5},
        .rooms_address_percent = world & 32 ? 50 : 100,
        .rooms_per_connection = world & 16 ? 1 : 8,
        .newcomer_role = ROLE_MEMBER,
        .room_members_max = 5,
        .room_grace_ms = 2000,
        .member_grace_ms = 3000,
        .presence_exact_max = world & 32 ? 2 : 100,
        .idempotency_ms = 5000,
        .idempotency_keys = 4,
        .flush_interval_ms = world & 64 ? 10 : 0,
        .slow_policy = world & 128 ? (world & 64 ? SLOW_CONFLATE : SLOW_DISCONNECT) : SLOW_GAP,
        .lag_bytes = 2000,
        .text_room = STR("lobby"),
        .room_host = world & 8 ? HOST_FIRST : HOST_NONE,
        .invitations = 2,
        .invitation_s = 1000,
        .log_entries = 8,
        .log_bytes = 4096,
        .log_age_ms = 10000,
        .heartbeat_ms = 4000,
        .heartbeat_min_ms = 2000,
        .heartbeat_max_ms = 8000,
        .heartbeat_adaptive = true,
        .drain_batch = 2,
        .drain_interval_ms = 100,
        .drain_spread_ms = 1000,
        .resume_ms = 60000,
        .deflate_bytes = DEFLATE_BYTES,
        .deflate_min_bytes = 16,
    };
}

// --- a turn

static void write_conn(struct bench *b, uint32_t shard, uint32_t conn)
{
    struct span spans[SPANS_MAX];
    size_t n = shard_output(b->shards[shard], conn, spans), total = 0;
    for (size_t i = 0; i < n; i++) {
        volatile uint8_t sum = 0; // every byte is there to be read
        for (size_t k = 0; k < spans[i].n; k++)
            sum = (uint8_t)(sum + ((const uint8_t *)spans[i].p)[k]);
        total += spans[i].n;
    }
    size_t taken = total < b->take ? total : b->take;
    struct slot *s = &b->slots[b->slot_of[shard][conn]];
    s->blocked = taken < total;
    shard_output_done(b->shards[shard], conn, taken, taken < total);
}

static void after_turn(struct bench *b, uint32_t shard)
{
    struct shard *sh = b->shards[shard];
    uint32_t conn;
    bool abortive;
    while (shard_pull_dirty(sh, &conn))
        write_conn(b, shard, conn);
    while (shard_pull_shutdown(sh, &conn)) {}
    while (shard_pull_closed(sh, &conn, &abortive)) {
        ASSERT(b->slot_of[shard][conn] >= 0);
        b->slots[b->slot_of[shard][conn]].open = false;
        b->slot_of[shard][conn] = -1;
    }
    while (shard_pull_reread(sh, &conn))
        if (b->slot_of[shard][conn] >= 0)
            b->slots[b->slot_of[shard][conn]].paused = false;
}

// Mail goes straight into the other shard, which has its own turn for it.
static bool carry_mail(struct bench *b, uint32_t from)
{
    uint32_t to = 1 - from;
    struct mail *m = b->n == 2 && !b->hold_mail ? shard_pull_mail(b->shards[from], to) : NULL;
    if (m == NULL)
        return false;
    shard_turn_begin(b->shards[to], b->now_ms, b->wall_ms, 0);
    for (; m != NULL; m = shard_pull_mail(b->shards[from], to))
        shard_on_mail(b->shards[to], m);
    shard_turn_end(b->shards[to]);
    after_turn(b, to);
    return true;
}

static void settle(struct bench *b)
{
    b->vmem.mem.bytes_max = 0;
    for (uint32_t rounds = 0; rounds < 100; rounds++) {
        bool moved = false;
        for (uint32_t i = 0; i < b->n; i++)
            moved |= carry_mail(b, i);
        for (uint32_t i = 0; i < b->n; i++) {
            if (shard_next_due_ms(b->shards[i]) > b->now_ms)
                continue;
            shard_turn_begin(b->shards[i], b->now_ms, b->wall_ms, 0);
            shard_turn_end(b->shards[i]);
            after_turn(b, i);
            moved = true;
        }
        if (!moved)
            break;
    }
    for (uint32_t i = 0; i < b->n; i++)
        shard_check(b->shards[i]);
}

static void turn_begin(struct bench *b, uint32_t shard)
{
    shard_turn_begin(b->shards[shard], b->now_ms, b->wall_ms, 0);
}

static void turn_end(struct bench *b, uint32_t shard)
{
    shard_turn_end(b->shards[shard]);
    after_turn(b, shard);
    settle(b);
}

// --- acts

static void act_accept(struct bench *b, uint8_t arg)
{
    for (int i = 0; i < SLOTS; i++) {
        struct slot *s = &b->slots[i];
        if (s->open)
            continue;
        struct peer peer = {.text = "[2001:db8:1234:5678:9abc:def0:1234:5678]:12345", .print = 6};
        if (arg & 4)
            peer = (struct peer){.text = "10.0.0.1:1", .print = 4};
        *s = (struct slot){.shard = arg % b->n};
        turn_begin(b, s->shard);
        enum transport transport = arg & 2 ? TRANSPORT_LINE : TRANSPORT_HTTP;
        if (shard_on_accept(b->shards[s->shard], transport, &peer, &s->conn) == OK) {
            s->open = true;
            b->slot_of[s->shard][s->conn] = (int8_t)i;
        }
        turn_end(b, s->shard);
        return;
    }
}

static void feed(struct bench *b, struct slot *s, str bytes)
{
    if (!s->open || s->paused || s->eof || s->broken || bytes.n == 0)
        return;
    uint8_t *copy = malloc(bytes.n);
    ASSERT(copy != NULL);
    memcpy(copy, bytes.p, bytes.n);
    turn_begin(b, s->shard);
    s->paused = !shard_on_bytes(b->shards[s->shard], s->conn, copy, bytes.n);
    free(copy);
    turn_end(b, s->shard);
}

// opcode: with WS_COMPRESSED where it says so.
static void feed_frame(struct bench *b, struct slot *s, uint8_t opcode, bool fin, str payload)
{
    struct buf out;
    struct vmem scratch;
    vmem_init(&scratch);
    buf_init(&out, &scratch.mem, 0);
    ws_client_frame_encode(&out, opcode, fin, 0x01020304, payload);
    feed(b, s, buf_str(&out));
    buf_deinit(&out);
    vmem_deinit(&scratch);
}

static void act_upgrade(struct bench *b, struct slot *s, uint8_t arg)
{
    static const char *const paths[] = {"/ws",     "/echo",   "/conformance/echo", "/nowhere",
                                        "/parcel", "/parcel", "/desk/rooms",       "/parcel"};
    static const char *const more[] = {
        "", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n",
        "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9; client_no_context_takeover\r\n",
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=9\r\n"};
    char text[400];
    int n = snprintf(text, sizeof text,
                     "GET %s HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s%s\r\n",
                     paths[arg & 7], more[arg >> 3 & 3],
                     arg & 32 ? "Sec-WebSocket-Protocol: plenum.v1.protobuf\r\n" : "");
    feed(b, s, str_make(text, (size_t)n));
}

static str command_of(uint8_t arg)
{
    static const char *const commands[] = {
        "{\"type\":\"hello\",\"id\":1,\"name\":\"Ada\"}",
        "{\"type\":\"join\",\"id\":2,\"room\":\"lobby\",\"members\":true}",
        "{\"type\":\"join\",\"id\":3,\"room\":\"r1\",\"history\":5}",
        "{\"type\":\"join\",\"id\":4,\"room\":\"r2\",\"since\":{\"epoch\":\"x\",\"offset\":1}}",
        "{\"type\":\"leave\",\"id\":5,\"room\":\"lobby\"}",
        "{\"type\":\"switch\",\"id\":6,\"from\":\"lobby\",\"to\":\"r1\",\"history\":3}",
        "{\"type\":\"switch\",\"id\":7,\"from\":\"r1\",\"to\":\"r2\"}",
        "{\"type\":\"message\",\"id\":8,\"room\":\"lobby\",\"data\":\"hi\"}",
        "{\"type\":\"message\",\"room\":\"r1\",\"data\":{\"text\":\"hello\"},\"echo\":true}",
        "{\"type\":\"message\",\"id\":9,\"room\":\"lobby\",\"data\":1,\"key\":\"k\"}",
        "{\"type\":\"members\",\"id\":10,\"room\":\"lobby\"}",
        "{\"type\":\"history\",\"id\":11,\"room\":\"lobby\",\"limit\":3}",
        "{\"type\":\"rooms\",\"id\":12,\"limit\":1}",
        "{\"type\":\"ping\",\"id\":13}",
        "{\"type\":\"direct\",\"id\":14,\"to\":\"guest-x\",\"data\":0,\"key\":\"k\"}",
        "/join lobby",
        "/join r1",
        "/leave",
        "/nick Bob",
        "/who",
        "/rooms",
        "/msg Bob hi",
        "/history 3",
        "/quit",
        "hello everybody",
        "/msg Ada psst",
        "{\"type\":\"rename\",\"id\":15,\"name\":\"Grace\"}",
    };
    return str_from_cstr(commands[arg % (sizeof commands / sizeof *commands)]);
}

static void act_command(struct bench *b, struct slot *s, uint8_t arg)
{
    char line[256];
    str command = command_of(arg);
    feed_frame(b, s, WS_TEXT, true, command);
    if (arg < 128)
        return;
    int n = snprintf(line, sizeof line, "%.*s\n", STR_ARG(command)); // as a terminal would say it
    feed(b, s, str_make(line, (size_t)n));
}

// A command that comes deflated, or what may be anything and says that it is.
static void act_deflated(struct bench *b, struct slot *s, uint8_t arg)
{
    struct buf out;
    struct vmem scratch;
    const str bytes = arg & 128 ? input_bytes(&b->in, arg & 63) : STR_NONE;
    vmem_init(&scratch);
    buf_init(&out, &scratch.mem, 0);
    if (arg & 64 && bytes.n != 0) {
        buf_put_str(&out, bytes);
    } else {
        struct deflater *d = deflater_create(&scratch.mem, DEFLATE_WINDOW_MIN);
        ASSERT(d != NULL);
        if (deflater_message(d, &out, bytes.n != 0 ? bytes : command_of(arg)) == 0)
            buf_put(&out, "",
                    1); // it would not have been shorter: an empty message (RFC 7692 section 7.2.3.6)
        deflater_destroy(d);
    }
    feed_frame(b, s, (arg & 32 ? WS_BINARY : WS_TEXT) | WS_COMPRESSED, true, buf_str(&out));
    buf_deinit(&out);
    vmem_deinit(&scratch);
}

// What a client of Protocol Buffers says (docs/protocol/plenum.proto).
static void act_protobuf(struct bench *b, struct slot *s, uint8_t arg)
{
    static const struct {
        const char *p;
        size_t n;
    } said[] = {
#define SAID(bytes) {bytes, sizeof bytes - 1}
        SAID("\x08\x01\x42\x00"),                                 // hello
        SAID("\x08\x02\x4a\x07\x0a\x05lobby"),                    // join
        SAID("\x08\x03\x12\x0c\x0a\x05lobby\x12\x03\"x\""),       // message
        SAID("\x12\x10\x0a\x05lobby\x12\x02\x00\xff\x1a\x03x/y"), // bytes, of a kind
        SAID("\x08\x04\x52\x07\x0a\x05lobby"),                    // leave
        SAID("\x08\x05\x32\x00"),                                 // ping
#undef SAID
    };
    const size_t which = arg % (sizeof said / sizeof *said + 1);
    if (which < sizeof said / sizeof *said)
        feed_frame(b, s, WS_BINARY, true, str_make(said[which].p, said[which].n));
    else
        feed_frame(b, s, WS_BINARY, true, input_bytes(&b->in, arg));
}

// Some commands in one message, and bytes that may be anything for the last.
static void act_batch(struct bench *b, struct slot *s, uint8_t arg)
{
    static const char *const commands[] = {"{\"type\":\"join\",\"id\":1,\"room\":\"lobby\"}",
                                           "{\"type\":\"message\",\"id\":2,\"room\":\"lobby\",\"data\":1}",
                                           "{\"type\":\"history\",\"id\":3,\"room\":\"lobby\"}",
                                           "{\"type\":\"leave\",\"id\":4,\"room\":\"lobby\"}"};
    struct buf out;
    struct vmem scratch;
    vmem_init(&scratch);
    buf_init(&out, &scratch.mem, 0);
    for (int i = 0; i < (arg & 3) + 1; i++)
        parcel_put(&out, ++s->parcels, 'c', str_from_cstr(commands[((arg >> 2) + i) & 3]));
    parcel_put(&out, ++s->parcels, "cpqn"[arg >> 4 & 3], STR_NONE);
    str more = input_bytes(&b->in, arg >> 6);
    buf_put_str(&out, more);
    feed_frame(b, s, WS_BINARY, true, buf_str(&out));
    buf_deinit(&out);
    vmem_deinit(&scratch);
}

// A request with a body, which is whatever comes next.
static void act_call(struct bench *b, struct slot *s, uint8_t arg)
{
    char text[256];
    str body = input_bytes(&b->in, arg >> 3);
    int n = arg & 2 ? snprintf(text, sizeof text, "Content-Length: %zu", body.n)
                    : snprintf(text, sizeof text, "Transfer-Encoding: chunked");
    char head[512];
    n = snprintf(head, sizeof head,
                 "POST /desk/rooms HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\n%s%.*s\r\n\r\n",
                 arg & 4 ? "Expect: 100-continue\r\n" : "", n, text);
    feed(b, s, str_make(head, (size_t)n));
    if ((arg & 2) == 0 && body.n != 0) {
        n = snprintf(head, sizeof head, "%zx\r\n", body.n);
        feed(b, s, str_make(head, (size_t)n));
    }
    feed(b, s, body);
    if ((arg & 2) == 0)
        feed(b, s, body.n != 0 ? STR("\r\n0\r\n\r\n") : STR("0\r\n\r\n"));
}

static void act_end(struct bench *b, struct slot *s, bool broken)
{
    if (!s->open || s->broken || (s->eof && !broken))
        return;
    s->eof = true;
    s->broken = broken;
    turn_begin(b, s->shard);
    if (broken)
        shard_on_broken(b->shards[s->shard], s->conn);
    else
        shard_on_eof(b->shards[s->shard], s->conn);
    turn_end(b, s->shard);
}

static void act_writable(struct bench *b, struct slot *s)
{
    if (!s->open || !s->blocked || s->broken)
        return;
    s->blocked = false;
    turn_begin(b, s->shard);
    shard_on_writable(b->shards[s->shard], s->conn);
    turn_end(b, s->shard);
}

static void pass_time(struct bench *b, uint64_t ms)
{
    b->now_ms += ms;
    b->wall_ms += ms;
    settle(b);
}

static void step(struct bench *b)
{
    static const size_t takes[] = {SIZE_MAX, 0, 1, 7, 100, 1000};
    uint8_t op = input_byte(&b->in), arg = input_byte(&b->in);
    struct slot *s = &b->slots[(op >> 4) % SLOTS];
    if (op >= 0xe0) { // these name their slot in a byte of their own
        s = &b->slots[input_byte(&b->in) % SLOTS];
        if (op & 1)
            act_deflated(b, s, arg);
        else
            act_protobuf(b, s, arg);
        return;
    }
    switch (op & 15) {
    case 0:
        act_accept(b, arg);
        return;
    case 1:
        feed(b, s, input_bytes(&b->in, arg));
        return;
    case 2:
        act_upgrade(b, s, arg);
        return;
    case 3:
        feed_frame(b, s, arg & 15, arg & 16, input_bytes(&b->in, arg >> 2));
        return;
    case 4:
    case 5:
    case 6:
        act_command(b, s, arg);
        return;
    case 7:
        act_end(b, s, arg & 1);
        return;
    case 8:
        act_writable(b, s);
        return;
    case 9:
        pass_time(b, arg & 128 ? (uint64_t)arg * 50 : arg);
        return;
    case 10:
        b->take = takes[arg % 6];
        return;
    case 11: // strikes in the next act
        b->vmem.mem.bytes_max = mem_used(&b->vmem.mem) + arg * 16u + 1;
        return;
    case 12:
        b->hold_mail = arg & 1;
        settle(b);
        return;
    case 13:
        b->wall_ms += arg * 60000u;
        return;
    case 14:
        if (arg & 1)
            act_batch(b, s, arg >> 1);
        else
            act_call(b, s, arg);
        return;
    default:
        feed_frame(b, s, WS_TEXT, true, input_bytes(&b->in, arg));
        return;
    }
}

// --- the whole

static size_t kept_by_design(const struct bench *b)
{
    size_t n = 0;
    for (uint32_t i = 0; i < b->n; i++) {
        struct probe p;
        probe_shard(b->shards[i], &p);
        n += p.retained;
    }
    return n + mem_used(&b->deflate);
}

static void nothing_left(struct bench *b, size_t baseline)
{
    b->take = SIZE_MAX;
    b->hold_mail = false;
    settle(b);
    for (int i = 0; i < SLOTS; i++)
        act_end(b, &b->slots[i], true);
    for (int i = 0; i < 60; i++)
        pass_time(b, 1000);
    for (uint32_t i = 0; i < b->n; i++) {
        struct probe p;
        probe_shard(b->shards[i], &p);
        ASSERT(p.connections == 0 && p.rooms == 0 && p.members == 0 && p.outlets == 0);
        ASSERT(p.registrations == 0 && p.mails == 0);
        ASSERT(metric_get(&shard_metrics(b->shards[i])->deflate_contexts) == 0);
    }
    ASSERT(mem_used(&b->vmem.mem) == baseline + kept_by_design(b));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bench b = {.in = {data, size}, .take = SIZE_MAX, .now_ms = 1000, .wall_ms = 1795161600000};
    prng_init(&b.secrets, 1);
    settings_make(&b.settings, input_byte(&b.in));
    b.n = b.settings.shard_count;
    b.host = (struct shard_host){&b, on_random, on_notice, on_metrics, on_health, NULL, 0, NULL, NULL};
    vmem_init(&b.vmem);
    mem_part_init(&b.deflate, &b.vmem.mem, b.settings.deflate_bytes);
    b.settings.deflate = &b.deflate;
    memset(b.slot_of, -1, sizeof b.slot_of);
    for (uint32_t i = 0; i < b.n; i++) {
        b.shards[i] = shard_create(i, &b.settings, &b.host, &b.vmem.mem);
        ASSERT(b.shards[i] != NULL);
    }
    size_t baseline = mem_used(&b.vmem.mem) - kept_by_design(&b);
    for (int i = 0; i < ACTS_MAX && b.in.left > 0; i++)
        step(&b);
    nothing_left(&b, baseline);
    for (uint32_t i = 0; i < b.n; i++)
        shard_destroy(b.shards[i]);
    ASSERT(mem_used(&b.deflate) == 0);
    ASSERT(b.vmem.blocks == 0);
    vmem_deinit(&b.vmem);
    return 0;
}
