// SPDX-License-Identifier: Apache-2.0
//
// A language that core and io have never heard of (sim/parcel.h): binary, several commands to a message, with a state, pings and
// goodbyes of its own.
#include "sim/parcel.h"
#include "unit/core_support.h"

#include <stdio.h>

struct speaker {
    struct client *c;
    struct bytes batch;
    uint16_t sent;
    uint32_t seen;
};

static struct net *net_parcels(uint32_t shards)
{
    struct net *n = net_new(shards);
    n->settings.ways = ways_with_parcels();
    return n;
}

static struct speaker speaker(struct net *n, uint32_t shard)
{
    struct speaker s = {.c = net_ws(n, shard, "/parcel")};
    assert_true(s.c->upgraded);
    return s;
}

static void put(struct speaker *s, char kind, const char *body)
{
    struct test_mem t;
    struct mem mem;
    struct buf b;
    test_mem_init(&t, &mem);
    buf_init(&b, &mem, 0);
    parcel_put(&b, ++s->sent, kind, str_from_cstr(body));
    bytes_put(&s->batch, b.p, b.n);
    buf_deinit(&b);
}

static void post_batch(struct speaker *s)
{
    post_frame(s->c, WS_BINARY, true, str_make(s->batch.p, s->batch.n));
    bytes_free(&s->batch);
}

static void send_batch(struct speaker *s)
{
    post_batch(s);
    net_settle(s->c->net);
}

static void command(struct speaker *s, const char *body)
{
    put(s, 'c', body);
    send_batch(s);
}

static void check(void *shard) { shard_check(shard); }

// The next thing it is sent: of that kind, the next number where it has one, and with this in it.
static str heard(struct speaker *s, char kind, const char *part)
{
    assert_true(s->c->message_at < s->c->message_n);
    uint8_t opcode = s->c->messages[s->c->message_at].opcode;
    str message = hear(s->c), body = STR_NONE;
    char got = 0;
    uint32_t number = 0;
    assert_true(parcel_open(message, &got, &number, &body));
    if (got != kind || (part[0] != '\0' && !contains(body, part)))
        fail_msg("heard %c %.*s, expected %c %s", got, STR_ARG(body), kind, part);
    assert_int_equal(opcode, WS_BINARY);
    if (kind != '{')
        assert_int_equal(number, ++s->seen);
    return body;
}

static void join(struct speaker *s, const char *room)
{
    char text[128];
    snprintf(text, sizeof text, "{\"type\":\"join\",\"id\":1,\"room\":\"%s\"}", room);
    command(s, text);
}

static void it_speaks_with_the_others(void **state)
{
    (void)state;
    for (uint32_t shards = 1; shards <= 2; shards++) {
        struct net *n = net_parcels(shards);
        net_start(n);
        for (uint32_t home = 0; home < shards; home++) {
            const char *room = net_room(n, home, 0);
            struct speaker s = speaker(n, 0), other = speaker(n, shards - 1);
            struct client *json = net_json(n, shards - 1);
            char text[256];
            say(json, "{\"type\":\"join\",\"id\":1,\"room\":\"%s\"}", room);
            join(&s, room);
            heard(&s, 'v', "\"type\":\"welcome\"");
            heard(&s, 'v', "\"type\":\"joined\",\"id\":1");
            join(&other, room);
            heard(&s, '{', "\"type\":\"member:joined\"");
            forget(json);
            snprintf(text, sizeof text,
                     "{\"type\":\"message\",\"id\":2,\"room\":\"%s\",\"data\":\"hi\",\"echo\":true}", room);
            command(&s, text);
            heard(&s, 'v', "\"type\":\"ack\",\"id\":2");
            str mine = heard(&s, '{', "\"type\":\"message\"");
            assert_str_eq(expect(json, "\"data\":\"hi\""), mine); // what it is told is what JSON is told
            say(json, "{\"type\":\"message\",\"room\":\"%s\",\"data\":{\"text\":\"ho\"}}", room);
            heard(&s, '{', "\"data\":{\"text\":\"ho\"}");
            snprintf(text, sizeof text, "{\"type\":\"history\",\"id\":3,\"room\":\"%s\"}", room);
            command(&s, text);
            str page = heard(&s, 'v', "\"history\":[{\"type\":\"message\"");
            assert_true(contains(page, "\"data\":\"hi\"") && contains(page, "},{"));
            assert_true(contains(page, "\"data\":{\"text\":\"ho\"}}]}"));
            command(&s, "{\"type\":\"ping\",\"id\":4}");
            heard(&s, 'v', "\"type\":\"pong\",\"id\":4");
            put(&s, 'q', "");
            send_batch(&s);
            net_wait(n, 2 * DEADLINE_TICK_MS);
            heard(&s, 'v', "\"type\":\"bye\"");
            str bye = heard(&s, 'b', "bye");
            assert_int_equal((uint8_t)bye.p[0] << 8 | (uint8_t)bye.p[1], WS_CLOSE_NORMAL);
            assert_int_equal(s.c->close_code, WS_CLOSE_NORMAL);
            assert_true(s.c->closed);
            cut(json);
            cut(other.c);
        }
        net_free(n);
    }
}

// Each command of a batch goes through the gates; what is none is answered where it stands, and the others go on.
static void each_command_counts(void **state)
{
    (void)state;
    struct net *n = net_parcels(1);
    n->settings.commands_per_s = 1;
    n->settings.commands_burst = 4;
    net_start(n);
    struct speaker s = speaker(n, 0);
    put(&s, 'c', "{\"type\":\"hello\",\"id\":1}");
    put(&s, 'c', "{\"type\":\"ping\",\"id\":2}");
    put(&s, 'c', "{\"type\":\"pnig\",\"id\":3}");
    put(&s, 'c', "\xff\xfe");
    put(&s, 'c', "{\"type\":\"ping\",\"id\":5}");
    put(&s, 'n', "");
    put(&s, 'c', "{\"type\":\"ping\",\"id\":6}");
    send_batch(&s);
    heard(&s, 'v', "\"type\":\"welcome\",\"id\":1");
    heard(&s, 'v', "\"type\":\"pong\",\"id\":2");
    heard(&s, 'v', "\"id\":3,\"code\":\"unknown_type\"");
    heard(&s, 'v', "\"code\":\"bad_command\"");
    heard(&s, 'v', "\"id\":5,\"code\":\"rate_limited\"");
    heard(&s, 'v', "\"id\":6,\"code\":\"rate_limited\"");
    expect_nothing(s.c);
    assert_int_equal(METRIC(n, commands[CMD_PING]), 1);
    assert_int_equal(METRIC(n, commands[CMD_HELLO]), 1);
    assert_int_equal(METRIC(n, commands[CMD_NONE]), 2);
    assert_int_equal(METRIC(n, limit_rate), 2);
    net_free(n);
}

// A command that must wait makes those behind it wait, and none is done twice or lost, however the bytes come, and whatever
// the language remembers: the numbers go on.
static void a_batch_goes_on_where_it_stopped(void **state)
{
    (void)state;
    for (uint32_t read_max = 0; read_max < 3; read_max++) {
        struct net *n = net_parcels(2);
        n->read_max = read_max == 2 ? 57 : read_max;
        net_start(n);
        struct speaker s = speaker(n, 0), reader = speaker(n, 0);
        const char *far = net_room(n, 1, 0);
        char text[256];
        join(&reader, far);
        n->hold[0][1] = n->hold[1][0] = true;
        for (int i = 0; i < 3; i++) {
            snprintf(text, sizeof text, "{\"type\":\"join\",\"id\":%d,\"room\":\"%s\"}", 10 * i,
                     net_room(n, 1, (uint32_t)i));
            put(&s, 'c', text);
            snprintf(text, sizeof text, "{\"type\":\"message\",\"id\":%d,\"room\":\"%s\",\"data\":%d}",
                     10 * i + 1, net_room(n, 1, (uint32_t)i), i);
            put(&s, 'c', text);
            snprintf(text, sizeof text, "{\"type\":\"ping\",\"id\":%d}", 10 * i + 2);
            put(&s, 'c', text);
        }
        post_batch(&s);
        put(&s, 'c', "{\"type\":\"ping\",\"id\":99}"); // a message behind it waits as well
        post_batch(&s);
        net_settle(n);
        net_check(n);
        assert_int_equal(METRIC(n, entries), 0);
        for (int i = 0; i < 40; i++) { // mail moves, and stands still again
            n->hold[0][1] = i % 2;
            n->hold[1][0] = !(i % 2);
            net_settle(n);
            net_check(n);
        }
        heard(&s, 'v', "\"type\":\"welcome\"");
        static const char *const wanted[] = {"\"type\":\"joined\",\"id\":%d,", "\"type\":\"ack\",\"id\":%d,",
                                             "\"type\":\"pong\",\"id\":%d,"};
        size_t found = 0, replies = s.c->message_n - s.c->message_at;
        str all = str_make(s.c->rx.p, s.c->rx.n);
        for (int i = 0; i < 3; i++)
            for (int k = 0; k < 3; k++) {
                snprintf(text, sizeof text, wanted[k], 10 * i + k);
                assert_true(contains(all, text));
                found++;
            }
        assert_int_equal(found + 1, replies); // and the pong of the message behind it; nothing twice
        assert_true(contains(all, "\"type\":\"pong\",\"id\":99"));
        for (size_t i = 0; i < replies; i++)
            heard(&s, 'v', "\"id\":");
        forget(reader.c);
        assert_int_equal(METRIC(n, entries), 3);
        assert_int_equal(METRIC(n, commands[CMD_PING]), 4);
        net_free(n);
    }
}

// A message has its limit, in commands too, whether they wait in between or not.
static void a_batch_has_an_end(void **state)
{
    (void)state;
    for (int waits = 0; waits < 2; waits++) {
        struct net *n = net_parcels(2);
        net_start(n);
        struct speaker s = speaker(n, 0);
        char text[256];
        const char *far = net_room(n, 1, 0);
        snprintf(text, sizeof text, "{\"type\":\"message\",\"id\":5,\"room\":\"%s\",\"data\":0}", far);
        join(&s, far);
        s.seen += 2;
        forget(s.c);
        n->hold[0][1] = waits != 0;
        for (int i = 0; i < BATCH_COMMANDS_MAX + 9; i++) {
            bool member_list = waits != 0 && i % 100 == 50;
            put(&s, 'c', member_list ? "{\"type\":\"rename\",\"id\":6,\"name\":\"A\"}" : text);
        }
        send_batch(&s);
        n->hold[0][1] = false;
        net_settle(n);
        uint32_t acks = 0, renamed = 0, refused = 0;
        while (s.c->message_at < s.c->message_n) {
            if (s.c->rx.p[s.c->messages[s.c->message_at].from] == '{') { // its name, as others are told
                hear(s.c);
                continue;
            }
            str got = heard(&s, 'v', "");
            acks += contains(got, "\"type\":\"ack\"");
            renamed += contains(got, "\"type\":\"renamed\"");
            refused += contains(got, "\"code\":\"too_large\"");
        }
        assert_int_equal(acks + renamed, BATCH_COMMANDS_MAX);
        assert_int_equal(renamed, waits ? 3 : 0);
        assert_int_equal(refused, 1);
        assert_int_equal(METRIC(n, limit_message), 1);
        s.sent = (uint16_t)(s.sent - 9); // what was not read has not been counted either
        put(&s, 'c', "{\"type\":\"ping\",\"id\":7}");
        send_batch(&s);
        heard(&s, 'v', "\"type\":\"pong\",\"id\":7");
        net_free(n);
    }
}

static void what_it_remembers_is_booked_and_freed(void **state)
{
    (void)state;
    struct net *n = net_parcels(1);
    net_start(n);
    struct client *json = net_json(n, 0);
    size_t used = mem_used(&n->mem);
    struct speaker s = speaker(n, 0);
    assert_true(mem_used(&n->mem) > used);
    uint16_t *pongs = (uint16_t *)speech_state(&n->sh[0]->fan, s.c->conn) + 4;
    *pongs = 1; // to no ping: what its language knows of it is checked with the rest
    assert_true(asserts(check, n->sh[0]));
    *pongs = 0;
    net_check(n);
    cut(s.c);
    net_settle(n);
    assert_int_equal(mem_used(&n->mem), used);
    for (uint64_t k = 1, done = 0; !done;
         k++) { // without memory for it there is no upgrade, and none half made
        net_fail_one(n, k);
        struct client *c = net_ws(n, 0, "/parcel");
        done = atomic_load(&n->t.failed) == 0;
        net_fail_end(n);
        net_check(n);
        assert_int_equal(c->upgraded && !c->closed,
                         speech_state(&n->sh[0]->fan, c->conn) != NULL && !c->closed);
        cut(c);
    }
    say(json, "{\"type\":\"ping\",\"id\":1}");
    expect(json, "pong");
    net_free(n);
}

static void frames_are_of_the_kind_that_is_spoken(void **state)
{
    (void)state;
    struct net *n = net_parcels(1);
    net_start(n);
    struct speaker s = speaker(n, 0);
    post_frame(s.c, WS_TEXT, true, STR("{\"type\":\"ping\"}"));
    net_settle(n);
    heard(&s, 'b', "text messages are not taken here");
    assert_int_equal(s.c->close_code, WS_CLOSE_UNSUPPORTED);
    struct client *lines = net_ws(n, 0, "/echo");
    post_frame(lines, WS_BINARY, true, STR("hello"));
    net_settle(n);
    assert_int_equal(lines->close_code, WS_CLOSE_UNSUPPORTED);
    net_free(n);
}

// Rows of one path are told apart by what the client offers; who offers nothing that is known gets the first.
static void a_subprotocol_chooses(void **state)
{
    (void)state;
    static const struct {
        const char *offered, *chosen;
        uint8_t encoding;
    } cases[] = {
        {"parcel.v1", "parcel.v1", ENCODING_PARCEL},
        {"x, parcel.v1", "parcel.v1", ENCODING_PARCEL},
        {"parcel.v1, plenum.v1.json", "plenum.v1.json", ENCODING_JSON},
        {"x", NULL, ENCODING_JSON},
    };
    struct net *n = net_parcels(1);
    net_start(n);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct client *c = net_accept(n, 0, TRANSPORT_HTTP);
        char head[512], wanted[128];
        snprintf(head, sizeof head,
                 "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                 "Sec-WebSocket-Protocol: %s\r\n\r\n",
                 cases[i].offered);
        send_bytes(c, head);
        snprintf(wanted, sizeof wanted, "Sec-WebSocket-Protocol: %s\r\n", cases[i].chosen);
        str got = str_make(c->rx.p, c->rx.n);
        assert_true(str_starts(got, STR("HTTP/1.1 101 ")));
        assert_int_equal(contains(got, "Sec-WebSocket-Protocol"), cases[i].chosen != NULL);
        assert_true(cases[i].chosen == NULL || contains(got, wanted));
        assert_int_equal(client_reader(c)->encoding, cases[i].encoding);
    }
    net_free(n);
}

static void its_pings_are_its_own(void **state)
{
    (void)state;
    struct net *n = net_parcels(1);
    n->settings.heartbeat_timeout_ms = 5000;
    net_start(n);
    struct speaker s = speaker(n, 0), silent = speaker(n, 0);
    command(&s, "{\"type\":\"hello\"}");
    command(&silent, "{\"type\":\"hello\"}");
    heard(&s, 'v', "welcome");
    heard(&silent, 'v', "welcome");
    for (int i = 0; i < 50; i++) {
        net_wait(n, 2000);
        if (s.c->message_at == s.c->message_n)
            continue; // not due yet
        heard(&s, 'p', "");
        put(&s, 'p', "");
        send_batch(&s);
    }
    assert_true(s.seen >= 3);
    assert_int_equal(s.c->pings, 0); // the transport's
    assert_false(s.c->closed);
    heard(&silent, 'p', "");
    assert_true(silent.c->closed);
    put(&s, 'p', ""); // to no ping
    send_batch(&s);
    heard(&s, 'v', "Nobody has pinged.");
    net_free(n);
}

static void it_parts_in_its_own_words(void **state)
{
    (void)state;
    struct net *n = net_parcels(1);
    net_start(n);
    struct speaker s = speaker(n, 0), late = speaker(n, 0);
    command(&s, "{\"type\":\"hello\"}");
    heard(&s, 'v', "welcome");
    net_wait(n, n->settings.hello_ms + DEADLINE_TICK_MS);
    heard(&late, 'b', "no parcel within limits.hello_ms");
    assert_int_equal(late.c->close_code, WS_CLOSE_POLICY);
    put(&s, 'q', "");
    put(&s, 'c', "{\"type\":\"ping\",\"id\":1}"); // nothing is taken any more
    send_batch(&s);
    net_wait(n, 2 * DEADLINE_TICK_MS);
    heard(&s, 'v', "bye");
    heard(&s, 'b', "bye");
    expect_nothing(s.c);
    struct speaker t = speaker(n, 0), u = speaker(n, 0);
    command(&t, "{\"type\":\"hello\"}");
    heard(&t, 'v', "welcome");
    post_frame(u.c, WS_CLOSE, true, STR("\x03\xe8")); // who has parted needs no goodbye
    net_settle(n);
    expect_nothing(u.c);
    assert_int_equal(u.c->close_code, WS_CLOSE_NORMAL);
    shard_drain(n->sh[0]);
    net_wait(n, 2000);
    heard(&t, 'v', "\"type\":\"drain\"");
    heard(&t, 'b', "server restarts");
    assert_int_equal(t.c->close_code, WS_CLOSE_RESTART);
    net_free(n);
}

// What two people in a room cost: as much where sixteen encodings are served as where four are.
static size_t cost_of_a_room(const struct ways *ways)
{
    struct net *n = net_new(2);
    n->settings.ways = ways;
    net_start(n);
    struct client *a = net_json(n, 0), *b = net_json(n, 1);
    net_settle(n);
    size_t used = mem_used(&n->mem);
    say(a, "{\"type\":\"join\",\"room\":\"r\"}");
    say(b, "{\"type\":\"join\",\"room\":\"r\"}");
    size_t cost = mem_used(&n->mem) - used;
    net_free(n);
    return cost;
}

static void an_encoding_that_nobody_reads_costs_nothing(void **state)
{
    (void)state;
    static struct encoding more[ENCODINGS_MAX];
    static const struct encoding *all[ENCODINGS_MAX];
    const struct ways *few = ways_with_parcels();
    struct ways many = {few->v, few->n, all, ENCODINGS_MAX};
    for (uint8_t i = 0; i < ENCODINGS_MAX; i++) {
        more[i] = *few->encodings[i < few->encodings_n ? i : ENCODING_PARCEL];
        more[i].id = i;
        all[i] = &more[i];
    }
    assert_int_equal(cost_of_a_room(few), cost_of_a_room(&many));
}

// --- the same in lines: text, several commands to a line with ';' between them, and a ping of its own

static enum err semi_decode(struct reading *r, struct command *ret, struct problem *ret_problem)
{
    str rest = str_skip(r->message, r->at), part = str_take(rest, str_find_char(rest, ';', 0));
    r->at += part.n < rest.n ? part.n + 1 : part.n;
    struct reading inner = {.message = part, .scratch = r->scratch};
    r->pong = str_eq(part, STR("PONG"));
    if (r->pong)
        inner.message = STR_NONE;
    return ways_served.encodings[ENCODING_TEXT_LINE]->payloads->decode(&inner, ret, ret_problem);
}

static void semi_ping(struct buf *out, void *state)
{
    (void)state;
    BUF_PUT_LIT(out, "PING");
}

static struct net *net_semi(uint32_t shards)
{
    static struct language semi;
    static struct payloads words;
    static struct encoding encoding;
    static const struct encoding *encodings[ENCODINGS_SERVED];
    static const struct way rows[] = {{TRANSPORT_HTTP, "/ws", NULL, ENCODING_JSON, false},
                                      {TRANSPORT_LINE, NULL, NULL, ENCODING_TEXT_LINE, false}};
    static struct ways ways;
    memcpy(encodings, ways_served.encodings, sizeof encodings);
    encoding = *encodings[ENCODING_TEXT_LINE];
    semi = *encoding.language;
    words = *encoding.payloads;
    semi.encode_ping = semi_ping;
    words.decode = semi_decode;
    encoding.language = &semi;
    encoding.payloads = &words;
    encodings[ENCODING_TEXT_LINE] = &encoding;
    ways = (struct ways){rows, ARRAY_LEN(rows), encodings, ENCODINGS_SERVED};
    struct net *n = net_new(shards);
    n->settings.ways = &ways;
    n->settings.heartbeat_timeout_ms = 5000;
    net_start(n);
    return n;
}

static void a_line_may_be_a_batch(void **state)
{
    (void)state;
    for (uint32_t shards = 1; shards <= 2; shards++)
        for (size_t read_max = 0; read_max < 10; read_max += 3) {
            struct net *n = net_semi(shards);
            n->read_max = read_max;
            const char *room = net_room(n, shards - 1, 3);
            struct client *c = net_line(n, 0);
            say(c, "one;/nick Ada;/join %s;two;/nick Bob;;/leave;/join %s;three;/who", room, room);
            say(c, "four");
            net_check(n);
            // Replies in their order, and what was said in its own.
            static const char *const replies[] = {"* you are now Ada", "* joined room", "* you are now Bob",
                                                  "* left room",       "* joined room", "* in room"};
            static const char *const said[] = {": one", "Ada: two", "Ada: two", "Bob: three", "Bob: four"};
            size_t r = 0, k = 0;
            for (str got; (got = hear(c)).n != 0;) {
                if (got.p[0] == '[')
                    assert_true(k < ARRAY_LEN(said) && contains(got, said[k++]));
                else if (!contains(got, "is now"))
                    assert_true(r < ARRAY_LEN(replies) && contains(got, replies[r++]));
            }
            assert_int_equal(r, ARRAY_LEN(replies));
            assert_int_equal(k, ARRAY_LEN(said)); // "two" again, as it was said before
            assert_null(client_conn(c)->in);
            assert_int_equal(METRIC(n, commands[CMD_MESSAGE]), 4);
            net_free(n);
        }
}

static void lines_may_be_pinged(void **state)
{
    (void)state;
    struct net *n = net_semi(1);
    struct client *c = net_line(n, 0), *silent = net_line(n, 0);
    forget(c);
    uint32_t pings = 0;
    for (int i = 0; i < 60; i++) {
        net_wait(n, 2000);
        for (str got; (got = hear(c)).n != 0;) {
            if (!str_eq(got, STR("PING")))
                continue; // somebody left
            pings++;
            say(c, "PONG");
        }
    }
    assert_true(pings >= 3);
    assert_false(c->closed);
    assert_true(silent->closed);
    net_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_speaks_with_the_others),
        cmocka_unit_test(each_command_counts),
        cmocka_unit_test(a_batch_goes_on_where_it_stopped),
        cmocka_unit_test(a_batch_has_an_end),
        cmocka_unit_test(what_it_remembers_is_booked_and_freed),
        cmocka_unit_test(frames_are_of_the_kind_that_is_spoken),
        cmocka_unit_test(a_subprotocol_chooses),
        cmocka_unit_test(its_pings_are_its_own),
        cmocka_unit_test(it_parts_in_its_own_words),
        cmocka_unit_test(an_encoding_that_nobody_reads_costs_nothing),
        cmocka_unit_test(a_line_may_be_a_batch),
        cmocka_unit_test(lines_may_be_pinged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
