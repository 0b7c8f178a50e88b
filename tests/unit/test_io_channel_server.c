// SPDX-License-Identifier: Apache-2.0
//
// A server with two more listeners, whose connections speak through the channel of record_channel.h.
#include "unit/io_support.h"
#include "unit/record_channel.h"

enum { LISTENER_TEXT_RECORDS = 2, LISTENER_HTTP_RECORDS };

static void world_with_records(struct world *w, uint32_t shards, const struct record_kind *kind)
{
    world_init(w, shards);
    w->io.listeners[LISTENER_TEXT_RECORDS] = (struct listener_row){.name = "records",
                                                                   .what = "text in records",
                                                                   .address = STR("127.0.0.1:0"),
                                                                   .transport = TRANSPORT_LINE,
                                                                   .channel = &kind->kind};
    w->io.listeners[LISTENER_HTTP_RECORDS] = (struct listener_row){.name = "http-records",
                                                                   .what = "HTTP in records",
                                                                   .address = STR("127.0.0.1:0"),
                                                                   .transport = TRANSPORT_HTTP,
                                                                   .channel = &kind->kind};
    w->io.listener_count = 4;
}

static void record_client(struct record_peer *p, uint16_t port)
{
    record_peer_init(p, client(port));
    record_peer_send(p, RECORD_HELLO, NULL, 0);
}

static void all_meet_in_one_room(void **state)
{
    (void)state;
    static const size_t record_max[] = {1, 7, 1000};
    for (size_t k = 0; k < ARRAY_LEN(record_max); k++) {
        enum { N = 6, ROUNDS = 4 };
        struct record_kind kind = record_kind_make(record_max[k], NULL);
        struct world w;
        world_with_records(&w, 1 + (uint32_t)k, &kind);
        world_start(&w);
        int fds[N];
        struct record_peer peers[N];
        for (int i = 0; i < N; i++) {
            fds[i] = client(text_port(&w));
            say(fds[i], "hello\n");
            hear(fds[i], "hello\n");
            record_client(&peers[i], port_of(&w, LISTENER_TEXT_RECORDS));
            record_peer_say(&peers[i], "good evening\n");
            record_peer_hear(&peers[i], "good evening\n");
        }
        for (int round = 0; round < ROUNDS; round++)
            for (int from = 0; from < N; from += 2) {
                char plain[40], record[40];
                snprintf(plain, sizeof plain, "word %d of %d\n", round, from);
                snprintf(record, sizeof record, "record %d of %d\n", round, from);
                say(fds[from], plain);
                for (int to = 0; to < N; to++) {
                    hear(fds[to], plain);
                    record_peer_hear(&peers[to], plain);
                }
                record_peer_say(&peers[from], record);
                for (int to = 0; to < N; to++) {
                    hear(fds[to], record);
                    record_peer_hear(&peers[to], record);
                }
            }
        server_drain(w.server);
        for (int i = 0; i < N; i++) {
            record_peer_hear(&peers[i], "* closing: server restarts\n");
            peers[i].plain_n = 0;
            assert_false(record_peer_receive(&peers[i]));
            assert_true(peers[i].ended); // in good order
            close(peers[i].fd);
            close(fds[i]);
        }
        assert_true(world_end(&w));
    }
}

// A page is asked for by a client who says at once that this was all, and does not read yet: the socket's buffers are full
// at some size, and then the channel holds the rest of a page that core is done with. Nothing of it may get lost.
static void what_was_taken_arrives_before_the_end(void **state)
{
    (void)state;
    enum {
        RECORD_BYTES = 10000
    }; // no multiple of a page: the kernel's buffers must not end where a record does
    struct record_kind kind = record_kind_make(RECORD_BYTES, NULL);
    struct world w;
    world_with_records(&w, 1, &kind);
    w.core.close_ms = PATIENCE_S * 1000;
    w.core.reply_bytes = 1 << 20; // reading goes on while the answer waits
    world_start(&w);
    int other = client(text_port(&w));
    for (size_t bytes = 32 * 1024; bytes <= 256 * 1024; bytes += RECORD_BYTES / 3) {
        w.page_bytes = bytes;
        struct record_peer p;
        record_client(&p, port_of(&w, LISTENER_HTTP_RECORDS));
        int small = 32 * 1024; // the least that is not slow
        setsockopt(p.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
        p.no_credit = true;
        for (int i = 0; i < 10; i++) // as much as it may want: the socket is what it waits for
            record_peer_send(&p, RECORD_CREDIT, NULL, 0);
        record_peer_say(&p, "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
        record_peer_send(&p, RECORD_END, NULL, 0);
        shutdown(p.fd, SHUT_WR);
        for (int i = 0; i < 6; i++) { // turns enough to take it all
            say(other, "and now?\n");
            hear(other, "and now?\n");
        }
        size_t n = 0;
        for (; record_peer_receive(&p); p.plain_n = 0)
            n += p.plain_n;
        assert_true(p.ended);
        assert_true(n > bytes);
        close(p.fd);
    }
    close(other);
    assert_true(world_end(&w));
}

// Much that is asked for at once: reads pause while the answers wait for the socket, or for a credit.
static void long_streams_arrive_whole(void **state)
{
    (void)state;
    enum { REQUESTS = 100, ROUNDS = 40 };
    static const char request[] = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
    struct record_kind kind = record_kind_make(500, NULL);
    struct world w;
    world_with_records(&w, 1, &kind);
    world_start(&w);
    struct record_peer p;
    record_client(&p, port_of(&w, LISTENER_HTTP_RECORDS));
    char many[REQUESTS * (sizeof request - 1)];
    for (size_t i = 0; i < REQUESTS; i++)
        memcpy(many + i * (sizeof request - 1), request, sizeof request - 1);
    for (int round = 0; round < ROUNDS; round++) {
        record_peer_send(&p, RECORD_DATA, many, sizeof many);
        for (int i = 0; i < REQUESTS; i++)
            record_peer_hear(&p, "HTTP/1.1 200 ");
    }
    close(p.fd);
    assert_true(world_end(&w));
}

static uint64_t turns(const struct world *w)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < TIME_BUCKETS; i++)
        n += metric_get(&server_metrics(w->server, 0)->turn.buckets[i]);
    return n;
}

// A socket that is readable and cannot be read before something has left keeps nobody busy.
static void waiting_is_not_spinning(void **state)
{
    (void)state;
    size_t none = 0;
    struct record_kind kind = record_kind_make(100, &none);
    struct world w;
    world_with_records(&w, 1, &kind);
    world_start(&w);
    struct record_peer p;
    record_client(&p, port_of(&w, LISTENER_TEXT_RECORDS));
    record_peer_say(&p, "hello\n");
    shutdown(p.fd, SHUT_WR); // so the end is near, too
    int fd = client(text_port(&w));
    uint64_t before = turns(&w);
    enum { WORDS = 200 };
    for (int i = 0; i < WORDS; i++) {
        char line[40];
        snprintf(line, sizeof line, "word %d\n", i);
        say(fd, line);
        hear(fd, line);
    }
    assert_true(turns(&w) - before < 10 * WORDS);
    close(p.fd);
    close(fd);
    assert_true(world_end(&w));
}

static void refused_without_words(void **state)
{
    (void)state;
    struct record_kind kind = record_kind_make(100, NULL);
    struct world w;
    world_with_records(&w, 1, &kind);
    w.io.connections_max = 1;
    w.io.connection_wait_ms = 0;
    world_start(&w);
    int first = client(text_port(&w));
    say(first, "first\n");
    hear(first, "first\n");
    int refused = client(port_of(&w, LISTENER_TEXT_RECORDS));
    char byte;
    assert_int_equal(recv(refused, &byte, 1, 0), 0);
    close(refused);
    assert_int_equal(limit_hits(&w, offsetof(struct metrics, limit_connections)), 1);
    close(first);
    assert_true(world_end(&w));
}

static void one_address_for_two(void **state)
{
    (void)state;
    struct record_kind kind = record_kind_make(100, NULL);
    struct world w;
    world_with_records(&w, 1, &kind);
    w.io.listeners[LISTENER_TEXT].address = STR("127.0.0.1:1");
    w.io.listeners[LISTENER_HTTP_RECORDS].address = STR("127.0.0.1:1");
    const struct server_hooks hooks = {0};
    struct io_error error;
    assert_int_equal(server_create(&w.io, &w.core, &hooks, &w.server, &error), ERR_EXISTS);
    assert_string_equal(error.text, "cannot listen on 127.0.0.1:1 for both text lines and HTTP in records");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_meet_in_one_room),      cmocka_unit_test(what_was_taken_arrives_before_the_end),
        cmocka_unit_test(long_streams_arrive_whole), cmocka_unit_test(waiting_is_not_spinning),
        cmocka_unit_test(refused_without_words),     cmocka_unit_test(one_address_for_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
