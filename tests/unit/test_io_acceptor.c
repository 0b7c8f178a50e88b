// SPDX-License-Identifier: Apache-2.0
//
// The acceptor alone: real listening sockets, no loop, no core, and a time of the test's own.
#include "io/acceptor.h"
#include "io/event.h"
#include "unit/support.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PLACES = 3, WAIT_MS = 1000, CLIENTS_MAX = 200 };

struct hall {
    struct test_mem t;
    struct mem mem;
    struct admission admission;
    struct metrics metrics;
    struct io_metrics io_metrics;
    struct server_hooks hooks;
    struct acceptor acceptor;
    uint32_t notices[IO_NOTICE_COUNT];
    struct address places[PLACES];
    int clients[CLIENTS_MAX];
    uint32_t client_n;
    uint64_t now_ms;
    uint32_t came[PLACES]; // arrivals by row
    struct arrival last;
};

static void on_io_notice(void *ctx, const struct io_notice *n)
{
    struct hall *h = ctx;
    h->notices[n->type]++;
}

static const struct listener_row rows[PLACES] = {
    {.name = "http", .what = "HTTP", .transport = TRANSPORT_HTTP},
    {.name = "text", .what = "text lines", .transport = TRANSPORT_LINE},
    {.name = "more", .what = "more text lines", .transport = TRANSPORT_LINE},
};

static struct hall *hall_open(uint32_t connections_max)
{
    static struct hall hall;
    struct hall *h = &hall;
    memset(h, 0, sizeof *h);
    h->now_ms = 1000;
    test_mem_init(&h->t, &h->mem);
    admission_init(&h->admission, &h->mem, &(struct siphash_key){1, 2}, connections_max, 0);
    h->hooks = (struct server_hooks){.ctx = h, .io_notice = on_io_notice};
    acceptor_init(&h->acceptor, &(struct acceptor_needs){.epoll_fd = epoll_create1(EPOLL_CLOEXEC),
                                                         .shard = 5,
                                                         .ways = &ways_served,
                                                         .mem = &h->mem,
                                                         .admission = &h->admission,
                                                         .metrics = &h->metrics,
                                                         .io_metrics = &h->io_metrics,
                                                         .reporter = {.hooks = &h->hooks}});
    for (uint8_t i = 0; i < PLACES; i++) {
        struct io_error error;
        struct address any;
        int fd;
        assert_int_equal(address_parse(STR("127.0.0.1:0"), &any), OK);
        assert_int_equal(listener_open(&any, CLIENTS_MAX, 1, &fd, &h->places[i], &error), OK);
        assert_int_equal(acceptor_add(&h->acceptor, fd, i, &rows[i]), OK);
    }
    return h;
}

static void hall_close(struct hall *h)
{
    acceptor_deinit(&h->acceptor);
    close(h->acceptor.needs.epoll_fd);
    for (uint32_t i = 0; i < h->client_n; i++)
        close(h->clients[i]);
    admission_deinit(&h->admission);
    test_mem_check(&h->t);
}

static int knock(struct hall *h, uint32_t place)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&h->places[place].storage, h->places[place].len), 0);
    h->clients[h->client_n++] = fd;
    return fd;
}

// One turn: events that are there, time, and who came in goes again at once, or stays.
static uint32_t hall_turn(struct hall *h, bool stay)
{
    struct epoll_event events[PLACES + REFUSALS_MAX];
    int n = epoll_wait(h->acceptor.needs.epoll_fd, events, PLACES + REFUSALS_MAX, 0);
    for (int i = 0; i < n; i++) {
        uint32_t index = event_tag_index(events[i].data.u64);
        if (event_tag_kind(events[i].data.u64) == EVENT_LISTENER)
            acceptor_on_listener(&h->acceptor, index);
        else
            acceptor_on_refusal(&h->acceptor, index);
    }
    acceptor_turn(&h->acceptor, h->now_ms, WAIT_MS);
    uint32_t came = 0;
    for (const struct arrival *in; (in = acceptor_pull(&h->acceptor)); came++) {
        h->came[in->listener]++;
        h->last = *in;
        assert_int_equal(in->transport, rows[in->listener].transport);
        close(in->fd);
        if (!stay)
            admission_leave(&h->admission, in->ticket);
    }
    assert_true(came <= ACCEPTS_PER_TURN);
    return came;
}

static size_t answer(int fd, char *ret, size_t cap)
{
    size_t n = 0;
    for (ssize_t got; (got = recv(fd, ret + n, cap - 1 - n, 0)) > 0;)
        n += (size_t)got;
    ret[n] = '\0';
    return n;
}

static void says_who_came_and_where(void **state)
{
    (void)state;
    struct hall *h = hall_open(10);
    assert_int_equal(hall_turn(h, false), 0);
    for (uint8_t place = 0; place < PLACES; place++) {
        int fd = knock(h, place);
        struct address from = {.len = sizeof from.storage};
        getsockname(fd, (struct sockaddr *)&from.storage, &from.len);
        char text[ADDRESS_TEXT_MAX];
        address_format(&from, text);
        assert_int_equal(hall_turn(h, false), 1);
        assert_int_equal(h->last.listener, place);
        assert_string_equal(h->last.peer.text, text);
        assert_true(h->last.peer.print != 0 && !h->last.peer.uncounted);
    }
    assert_null(acceptor_pull(&h->acceptor));
    assert_true(acceptor_next_due_ms(&h->acceptor) == UINT64_MAX);
    hall_close(h);
}

// A flood at one door: the turn's budget is shared, and whose turn it is to be first goes round.
static void nobody_is_kept_out_by_a_flood(void **state)
{
    (void)state;
    struct hall *h = hall_open(CLIENTS_MAX);
    for (int i = 0; i < CLIENTS_MAX - 2; i++)
        knock(h, 0);
    knock(h, 1);
    knock(h, 2);
    assert_true(hall_turn(h, false) > 0);
    assert_true(hall_turn(h, false) > 0);
    assert_true(hall_turn(h, false) > 0);
    assert_int_equal(h->came[1], 1);
    assert_int_equal(h->came[2], 1);
    while (hall_turn(h, false) > 0)
        ;
    assert_int_equal(h->came[0], CLIENTS_MAX - 2);
    hall_close(h);
}

static void who_waits_comes_in_or_is_told(void **state)
{
    (void)state;
    struct hall *h = hall_open(2);
    knock(h, 0);
    knock(h, 1);
    assert_int_equal(hall_turn(h, true), 2);
    int http = knock(h, 0), line = knock(h, 2);
    assert_int_equal(hall_turn(h, true), 0);
    assert_int_equal(h->acceptor.state, ACCEPTOR_WAITING);
    uint64_t woken = admission_leave(&h->admission, h->last.ticket);
    assert_int_equal(woken, 1u << 5); // whoever gives the slot back is to wake this shard
    assert_int_equal(hall_turn(h, true), 1);
    assert_int_equal(h->notices[IO_NOTICE_FULL], 0);
    // Steps of a quarter: after the fifth at the latest the other has had his time.
    for (int step = 0; step < 5; step++) {
        uint64_t due = acceptor_next_due_ms(&h->acceptor);
        assert_true(due <= h->now_ms + WAIT_MS / WAIT_STEPS);
        h->now_ms = due > h->now_ms ? due : h->now_ms;
        assert_int_equal(hall_turn(h, true), 0);
    }
    assert_int_equal(h->notices[IO_NOTICE_FULL], 1);
    assert_int_equal(metric_get(&h->metrics.limit_connections), 1);
    bool http_was_in = h->last.listener == 0;
    char text[1000];
    answer(http_was_in ? line : http, text, sizeof text);
    assert_non_null(strstr(text, http_was_in ? "* closing: the server is full" : "HTTP/1.1 503 "));
    hall_close(h);
}

static void core_may_refuse(void **state)
{
    (void)state;
    static const struct {
        enum err why;
        const char *text;
    } cases[] = {{ERR_LIMIT, "is full"}, {ERR_NOMEM, "out of memory"}, {ERR_DENIED, "restart"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct hall *h = hall_open(1);
        int fd = knock(h, 1);
        acceptor_on_listener(&h->acceptor, 1);
        acceptor_turn(&h->acceptor, h->now_ms, WAIT_MS);
        const struct arrival *in = acceptor_pull(&h->acceptor);
        assert_non_null(in);
        acceptor_refuse(&h->acceptor, in, cases[i].why);
        char text[1000];
        answer(fd, text, sizeof text);
        assert_non_null(strstr(text, cases[i].text));
        assert_int_equal(admission_connections(&h->admission), 0); // the slot is free again
        assert_int_equal(metric_get(&h->metrics.limit_memory), cases[i].why == ERR_NOMEM);
        hall_close(h);
    }
}

static void leaving_tells_the_queue(void **state)
{
    (void)state;
    struct hall *h = hall_open(10);
    int http = knock(h, 0), line = knock(h, 1);
    acceptor_shutdown(&h->acceptor, h->now_ms);
    char text[1000];
    answer(http, text, sizeof text);
    assert_non_null(strstr(text, "HTTP/1.1 503 "));
    answer(line, text, sizeof text);
    assert_non_null(strstr(text, "* closing: server restarts"));
    h->now_ms += REFUSAL_LINGER_MS;
    assert_true(acceptor_next_due_ms(&h->acceptor) <= h->now_ms);
    assert_int_equal(hall_turn(h, false), 0);
    assert_true(acceptor_next_due_ms(&h->acceptor) == UINT64_MAX);
    hall_close(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_who_came_and_where),       cmocka_unit_test(nobody_is_kept_out_by_a_flood),
        cmocka_unit_test(who_waits_comes_in_or_is_told), cmocka_unit_test(core_may_refuse),
        cmocka_unit_test(leaving_tells_the_queue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
