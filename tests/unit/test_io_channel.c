// SPDX-License-Identifier: Apache-2.0
//
// Channels alone, on one end of a socket pair: plain, and one that is as difficult as TLS (record_channel.h), whose bytes
// come and leave one by one. test_io_channel_server.c has them in a server.
#include "io/channel.h"
#include "unit/record_channel.h"
#include "unit/support.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PAIR_RECORD_MAX = 100 };

struct pair {
    struct test_mem t;
    struct mem mem;
    struct channel c;
    int fd; // of the peer
    size_t room;
    struct record_kind kind;
    struct record_peer peer;
};

static void pair_init(struct pair *p, bool records)
{
    memset(p, 0, sizeof *p);
    test_mem_init(&p->t, &p->mem);
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    p->kind = record_kind_make(PAIR_RECORD_MAX, &p->room);
    assert_int_equal(channel_open(records ? &p->kind.kind : NULL, fds[0], &p->mem, &p->c), OK);
    p->fd = fds[1];
    record_peer_init(&p->peer, p->fd);
}

static void pair_end(struct pair *p, bool abortive)
{
    channel_close(p->c, &p->mem, abortive);
    assert_int_equal(fcntl(p->c.fd, F_GETFD), -1);
    close(p->fd);
    test_mem_check(&p->t);
}

static ssize_t channel_get(struct pair *p, uint8_t *to, size_t n, uint32_t *ret_news)
{
    *ret_news = 0x80; // it is always set
    ssize_t got = channel_read(p->c, to, n, ret_news);
    assert_false(*ret_news & 0x80);
    return got;
}

static void plain_is_the_socket(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p, false);
    uint8_t in[8];
    uint32_t news;
    assert_int_equal(channel_get(&p, in, sizeof in, &news), CHANNEL_AGAIN);
    assert_int_equal(write(p.fd, "0123456789", 10), 10);
    assert_int_equal(channel_get(&p, in, sizeof in, &news), 8);
    assert_int_equal(news, CHANNEL_READABLE); // full: there may be more
    assert_int_equal(channel_get(&p, in, sizeof in, &news), 2);
    assert_int_equal(news, 0);

    char big[1 << 20] = {0};
    const struct span spans[] = {{"ab", 2}, {"cd", 2}, {big, sizeof big}};
    bool blocked = true;
    assert_int_equal(channel_write(p.c, spans, 1, &blocked), 2);
    assert_false(blocked);
    ssize_t taken = channel_write(p.c, spans, 3, &blocked);
    assert_true(taken > 4 && taken < (ssize_t)sizeof big);
    assert_true(blocked);
    blocked = false;
    while (channel_write(p.c, spans + 2, 1, &blocked) > 0)
        ;
    assert_true(blocked); // of nothing, none was taken
    assert_int_equal(read(p.fd, in, 6), 6);
    assert_memory_equal(in, "ababcd", 6);
    assert_true(channel_shutdown(p.c));
    assert_int_equal(channel_write(p.c, spans, 1, &blocked), CHANNEL_BROKEN);
    shutdown(p.fd, SHUT_WR);
    assert_int_equal(channel_get(&p, in, sizeof in, &news), 0);
    pair_end(&p, false);
}

static void plain_says_what_epoll_says(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p, false);
    assert_int_equal(channel_on_socket(p.c, 0), 0);
    assert_int_equal(channel_on_socket(p.c, EPOLLIN), CHANNEL_READABLE);
    assert_int_equal(channel_on_socket(p.c, EPOLLIN | EPOLLOUT), CHANNEL_READABLE | CHANNEL_WRITABLE);
    assert_int_equal(channel_on_socket(p.c, EPOLLRDHUP), CHANNEL_READABLE | CHANNEL_ENDING);
    assert_int_equal(channel_on_socket(p.c, EPOLLHUP), CHANNEL_READABLE | CHANNEL_ENDING);
    assert_int_equal(channel_on_socket(p.c, EPOLLERR), CHANNEL_READABLE | CHANNEL_ERROR);
    pair_end(&p, true);
}

// A reset, and a write into a socket that nobody has any more.
static void what_is_broken_says_so(void **state)
{
    (void)state;
    for (int records = 0; records < 2; records++) {
        struct pair p;
        pair_init(&p, records);
        p.room = 1000;
        uint8_t in[8];
        uint32_t news;
        if (records) {
            record_peer_send(&p.peer, RECORD_HELLO, NULL, 0);
            assert_int_equal(channel_get(&p, in, sizeof in, &news), CHANNEL_AGAIN);
        }
        close(p.fd);
        p.fd = -1;
        bool blocked;
        assert_int_equal(channel_write(p.c, &(struct span){"a", 1}, 1, &blocked), CHANNEL_BROKEN);
        if (records)
            assert_int_equal(channel_get(&p, in, sizeof in, &news), CHANNEL_BROKEN);
        pair_end(&p, true);
    }
}

static void without_memory_it_can_only_be_closed(void **state)
{
    (void)state;
    struct test_mem t;
    struct mem mem;
    test_mem_init(&t, &mem);
    t.fail_at = 1;
    struct record_kind kind = record_kind_make(10, NULL);
    struct channel c;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(channel_open(&kind.kind, fd, &mem, &c), ERR_NOMEM);
    channel_close(c, &mem, true);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    test_mem_check(&t);
}

// Lets one more byte out and tells the channel; what it has to say then.
static uint32_t one_byte_out(struct pair *p)
{
    p->room++;
    return channel_on_socket(p->c, EPOLLOUT);
}

// The socket is ready to be read all the time, and must not be called so as long as the channel has to write.
static void to_read_it_must_write(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p, true);
    uint8_t in[10];
    uint32_t news;
    record_peer_send(&p.peer, RECORD_HELLO, NULL, 0);
    for (int i = 0; i < 2 * RECORDS_PER_KEY; i++)
        record_peer_say(&p.peer, "abc");
    assert_int_equal(channel_on_socket(p.c, EPOLLIN), CHANNEL_READABLE);
    for (int round = 0; round < 3; round++) { // its hello, a key, a key
        for (int i = 0; round > 0 && i < RECORDS_PER_KEY; i++) {
            assert_int_equal(channel_get(&p, in, sizeof in, &news), 3);
            assert_int_equal(news, CHANNEL_READABLE);
            assert_memory_equal(in, "abc", 3);
        }
        assert_int_equal(channel_get(&p, in, sizeof in, &news), CHANNEL_AGAIN);
        assert_int_equal(news, 0);
        size_t record = RECORD_HEAD + (round > 0);
        for (size_t i = 0; i < record; i++) {
            assert_int_equal(channel_on_socket(p.c, EPOLLIN), 0);
            assert_int_equal(one_byte_out(&p), i + 1 == record ? CHANNEL_READABLE : 0);
        }
        assert_false(record_peer_receive(&p.peer));
    }
    assert_int_equal(p.peer.hellos, 1);
    assert_int_equal(p.peer.keys, 2);
    assert_int_equal(channel_get(&p, in, sizeof in, &news), CHANNEL_AGAIN);
    assert_int_equal(channel_on_socket(p.c, EPOLLIN), CHANNEL_READABLE); // it waits for nothing else now
    pair_end(&p, false);
}

// A channel that has shaken hands.
static void greet(struct pair *p)
{
    uint8_t in[1];
    uint32_t news;
    record_peer_send(&p->peer, RECORD_HELLO, NULL, 0);
    p->room = RECORD_HEAD;
    assert_int_equal(channel_get(p, in, sizeof in, &news), CHANNEL_AGAIN);
    assert_false(record_peer_receive(&p->peer));
    assert_int_equal(p->peer.hellos, 1);
    assert_int_equal(p->room, 0);
}

// Records that come byte by byte; and a reader that takes little, to whom no event says that there is more.
static void every_byte_in(void **state)
{
    (void)state;
    struct pair p, source;
    pair_init(&p, true);
    greet(&p);
    p.room = 1000;
    pair_init(&source, false); // where the records are made
    uint8_t stream[1000], got[1000];
    size_t said = 0, n = 0;
    record_peer_init(&source.peer, source.fd);
    for (size_t size = 1; size <= 12; size++) {
        uint8_t text[12];
        for (size_t i = 0; i < size; i++)
            text[i] = (uint8_t)said++;
        record_peer_send(&source.peer, RECORD_DATA, text, size);
    }
    ssize_t stream_n = recv(source.c.fd, stream, sizeof stream, 0);
    assert_int_equal(stream_n, (ssize_t)said + 12 * RECORD_HEAD);
    for (ssize_t i = 0; i < stream_n; i++) {
        assert_int_equal(write(p.fd, stream + i, 1), 1);
        if (!(channel_on_socket(p.c, EPOLLIN) & CHANNEL_READABLE))
            fail();
        uint32_t news = CHANNEL_READABLE;
        while (news & CHANNEL_READABLE) {
            ssize_t now = channel_get(&p, got + n, 2, &news);
            assert_true(now == CHANNEL_AGAIN || (now > 0 && now <= 2));
            n += now > 0 ? (size_t)now : 0;
        }
        size_t whole = 0; // what has come as whole records
        for (size_t size = 1, at = 0; at + RECORD_HEAD + size <= (size_t)i + 1; at += RECORD_HEAD + size++)
            whole += size;
        assert_int_equal(n, whole);
    }
    for (size_t i = 0; i < said; i++)
        assert_int_equal(got[i], (uint8_t)i);
    pair_end(&source, true);
    pair_end(&p, true);
}

static void drain_to_peer(struct pair *p, uint8_t *to, size_t *n)
{
    while (record_peer_receive(&p->peer)) {
        memcpy(to + *n, p->peer.plain + p->peer.plain_from, p->peer.plain_n);
        *n += p->peer.plain_n;
        p->peer.plain_n = 0;
    }
}

// What was taken is on its way and may not come again, whatever part of it has left; what follows may be anything.
static void partial_writes_at_every_byte(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p, true);
    greet(&p);
    enum { TOTAL = 2000 };
    uint8_t taken[TOTAL + PAIR_RECORD_MAX], heard[TOTAL + PAIR_RECORD_MAX];
    size_t taken_n = 0, heard_n = 0, steps = 0;
    for (uint8_t fresh = 0; taken_n < TOTAL; fresh++) {
        uint8_t offer[150];
        for (size_t i = 0; i < sizeof offer; i++)
            offer[i] = (uint8_t)(fresh * 7 + i); // other bytes each time
        const struct span spans[] = {{offer, 1}, {offer + 1, 49}, {offer + 50, fresh % 100 + 1}};
        bool blocked = false;
        ssize_t n = channel_write(p.c, spans, 3, &blocked);
        assert_true(n >= 0 && blocked);
        memcpy(taken + taken_n, offer, (size_t)n);
        taken_n += (size_t)n;
        assert_int_equal(channel_write(p.c, spans, 3, &blocked), 0);
        for (uint32_t news = 0; !(news & CHANNEL_WRITABLE); steps++) {
            news = one_byte_out(&p);
            drain_to_peer(&p, heard, &heard_n);
            if (p.peer.data_records % RECORDS_PER_CREDIT == 0)
                news |= channel_on_socket(p.c, EPOLLIN);
            assert_true(steps < 10 * TOTAL);
        }
    }
    assert_int_equal(heard_n, taken_n);
    assert_memory_equal(heard, taken, heard_n);
    assert_true(steps >= TOTAL + TOTAL / PAIR_RECORD_MAX * RECORD_HEAD);
    pair_end(&p, false);
}

static void to_write_it_must_read(void **state)
{
    (void)state;
    for (int behind_data = 0; behind_data < 2; behind_data++) {
        struct pair p;
        pair_init(&p, true);
        greet(&p);
        p.room = 100 * 1000;
        p.peer.no_credit = true;
        char text[RECORDS_PER_CREDIT * PAIR_RECORD_MAX + 50] = {0};
        bool blocked = false;
        struct span span = {text, sizeof text};
        assert_int_equal(channel_write(p.c, &span, 1, &blocked), RECORDS_PER_CREDIT * PAIR_RECORD_MAX);
        assert_true(blocked);
        assert_int_equal(channel_on_socket(p.c, EPOLLOUT), 0); // there is room, and it is of no use
        uint32_t news = 0;
        if (behind_data) { // found by a read
            uint8_t in[10];
            record_peer_say(&p.peer, "abc");
            record_peer_send(&p.peer, RECORD_CREDIT, NULL, 0);
            assert_int_equal(channel_on_socket(p.c, EPOLLIN), CHANNEL_READABLE);
            assert_int_equal(channel_get(&p, in, sizeof in, &news), 3);
            assert_int_equal(news, CHANNEL_READABLE);
            assert_int_equal(channel_get(&p, in, sizeof in, &news), CHANNEL_AGAIN);
        } else { // found though nobody reads
            record_peer_send(&p.peer, RECORD_CREDIT, NULL, 0);
            news = channel_on_socket(p.c, EPOLLIN) & CHANNEL_WRITABLE;
        }
        assert_int_equal(news, CHANNEL_WRITABLE);
        span = (struct span){text, 50};
        assert_int_equal(channel_write(p.c, &span, 1, &blocked), 50);
        assert_false(blocked);
        pair_end(&p, false);
    }
}

static void the_end_comes_behind_what_was_taken(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p, true);
    greet(&p);
    uint8_t text[50], heard[sizeof text];
    memset(text, 'a', sizeof text);
    bool blocked = false;
    assert_int_equal(channel_write(p.c, &(struct span){text, sizeof text}, 1, &blocked), sizeof text);
    assert_true(blocked);
    assert_false(channel_shutdown(p.c));
    size_t n = 0;
    for (size_t i = 0; i < sizeof text + 2 * RECORD_HEAD; i++) {
        drain_to_peer(&p, heard, &n);
        assert_false(p.peer.ended);
        one_byte_out(&p);
    }
    drain_to_peer(&p, heard, &n);
    assert_true(p.peer.ended);
    assert_int_equal(n, sizeof text);
    assert_memory_equal(heard, text, n);
    assert_int_equal(read(p.fd, heard, 1), 0); // and of the socket, too
    pair_end(&p, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_is_the_socket),
        cmocka_unit_test(plain_says_what_epoll_says),
        cmocka_unit_test(what_is_broken_says_so),
        cmocka_unit_test(without_memory_it_can_only_be_closed),
        cmocka_unit_test(to_read_it_must_write),
        cmocka_unit_test(every_byte_in),
        cmocka_unit_test(partial_writes_at_every_byte),
        cmocka_unit_test(to_write_it_must_read),
        cmocka_unit_test(the_end_comes_behind_what_was_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
