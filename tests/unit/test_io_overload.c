// SPDX-License-Identifier: Apache-2.0
//
// More connections than there may be, in all and from one address, and more than there are files.
#include "unit/io_support.h"

#include <sys/epoll.h>
#include <sys/resource.h>

static void beyond_the_limit_one_waits(void **state)
{
    (void)state;
    for (uint32_t shards = 1; shards <= 3; shards++) {
        enum { MAX = 3 };
        struct world w;
        world_init(&w, shards);
        w.io.connections_max = MAX;
        w.io.connection_wait_ms = 300;
        world_start(&w);
        int fds[MAX];
        for (int i = 0; i < MAX; i++) {
            fds[i] = client(text_port(&w));
            say(fds[i], "hello\n");
            hear(fds[i], "hello\n");
        }
        char text[1000];
        uint64_t before = now_ms();
        int refused = client(http_port(&w));
        say(refused,
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); // unread input must not turn the answer into a reset
        hear_all(refused, text, sizeof text);
        assert_true(now_ms() - before >= 300);
        assert_non_null(strstr(text, "HTTP/1.1 503 Service Unavailable\r\n"));
        assert_non_null(strstr(text, "\r\nRetry-After: "));
        assert_non_null(strstr(text, "\r\nConnection: close\r\n"));
        close(refused);
        refused = client(text_port(&w));
        hear_all(refused, text, sizeof text);
        assert_non_null(strstr(text, "* closing: the server is full, try again later\n"));
        close(refused);
        assert_int_equal(limit_hits(&w, offsetof(struct metrics, limit_connections)), 2);
        assert_true(world_io_notices(&w, IO_NOTICE_FULL, 1) >= 1);

        // Those who wait come in as others go, whichever shard they wait at.
        int waiting[MAX];
        for (int i = 0; i < MAX; i++) {
            waiting[i] = client(text_port(&w));
            say(waiting[i], "good evening\n");
        }
        for (int i = 0; i < MAX; i++)
            close(fds[i]);
        for (int i = 0; i < MAX; i++)
            hear(waiting[i], "good evening\n");
        assert_int_equal(limit_hits(&w, offsetof(struct metrics, limit_connections)), 2);
        for (int i = 0; i < MAX; i++)
            close(waiting[i]);
        assert_true(world_end(&w));
    }
}

static void beyond_the_limit_of_an_address(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 2);
    w.io.connections_per_address = 2;
    world_start(&w);
    int one = client(text_port(&w)), two = client(text_port(&w));
    say(one, "one\n");
    hear(one, "one\n");
    say(two, "two\n");
    hear(two, "two\n");
    char text[1000];
    int three = client(http_port(&w));
    hear_all(three, text, sizeof text);
    assert_non_null(strstr(text, "HTTP/1.1 429 "));
    close(three);
    assert_int_equal(limit_hits(&w, offsetof(struct metrics, limit_address)), 1);

    w.io.connections_per_address = 3; // a reload
    w.core_next = w.core;
    w.core_next.turn_bytes = 8 * 1024;
    assert_true(server_settings_set(w.server, &w.io, &w.core_next));
    memset(&w.core, 0xee, offsetof(struct settings, hash_key)); // nobody looks at the old ones any more
    w.core.shard_count = 2;
    three = client(text_port(&w));
    say(three, "three\n");
    hear(one, "three\n");
    close(one);
    close(two);
    close(three);
    assert_true(world_end(&w));
}

static void more_often_than_an_address_may(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 2);
    w.io.address_connects = (struct rate){.per_s = 1, .burst = 2};
    world_start(&w);
    int one = client(text_port(&w)), two = client(text_port(&w));
    say(one, "one\n");
    hear(one, "one\n");
    close(two); // it has come, for all that it has gone
    char text[1000];
    int three = client(http_port(&w));
    hear_all(three, text, sizeof text);
    assert_non_null(strstr(text, "HTTP/1.1 429 "));
    assert_non_null(strstr(text, "Retry-After: 1\r\n"));
    close(three);
    assert_int_equal(limit_hits(&w, offsetof(struct metrics, limit_address_connects)), 1);
    assert_int_equal(limit_hits(&w, offsetof(struct metrics, limit_address)), 0);
    close(one);
    assert_true(world_end(&w));
}

// Core has a limit of its own; who is refused by it is counted once.
static void refused_by_core(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 1);
    w.core.connections_max = 1;
    w.io.connection_wait_ms = 0;
    world_start(&w);
    int first = client(text_port(&w));
    say(first, "first\n");
    hear(first, "first\n");
    char text[1000];
    int refused = client(http_port(&w));
    hear_all(refused, text, sizeof text);
    assert_non_null(strstr(text, "HTTP/1.1 503 "));
    close(refused);
    assert_int_equal(limit_hits(&w, offsetof(struct metrics, limit_connections)), 1);
    close(first);
    assert_true(world_end(&w));
}

// Takes the socket that listens on that port out of the epoll that it is in, behind the server's back.
static void unwatch(uint16_t port)
{
    for (int fd = 3; fd < 200; fd++) {
        struct sockaddr_in at = {0};
        socklen_t n = sizeof at, m = sizeof(int);
        int listens = 0;
        if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &m) != 0 || !listens ||
            getsockname(fd, (struct sockaddr *)&at, &n) != 0 || ntohs(at.sin_port) != port)
            continue;
        for (int epoll = 3; epoll < 200; epoll++)
            if (epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL) == 0)
                return;
    }
    fail();
}

// That the kernel does not change what epoll watches is no mistake of ours: it is noticed, and tried again.
static void a_listener_that_cannot_be_disarmed(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 1);
    w.io.connections_max = 1;
    w.io.connection_wait_ms = 10000;
    world_start(&w);
    int first = client(text_port(&w));
    say(first, "first\n");
    hear(first, "first\n");
    unwatch(http_port(&w));
    int second = client(text_port(&w)); // must wait, so listeners are disarmed
    say(second, "second\n");
    assert_true(world_io_notices(&w, IO_NOTICE_ACCEPT, 1) >= 1);
    close(first);
    hear(second, "second\n");
    close(second);
    assert_true(world_end(&w));
}

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

// The process's files run out in a way that no reserve foresaw.
static void out_of_files(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 2);
    world_start(&w);
    int first = client(text_port(&w));
    say(first, "first\n");
    hear(first, "first\n");
    enum { N = 8 };
    int fds[N];
    for (int i = 0; i < N; i++) { // the client's own files, while there are some
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct timeval patience = {.tv_sec = PATIENCE_S};
        setsockopt(fds[i], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    }
    struct rlimit before, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);

    double cpu = cpu_seconds();
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(text_port(&w)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (int i = 0; i < N; i++)
        assert_int_equal(connect(fds[i], (struct sockaddr *)&to, sizeof to), 0);
    assert_true(world_io_notices(&w, IO_NOTICE_FILES, 6) >= 6);
    assert_true(cpu_seconds() - cpu < 0.2); // several pauses long, nothing was done
    say(first, "still here\n");
    hear(first, "still here\n"); // the others do not notice

    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    for (int i = 0; i < N; i++) {
        char line[40];
        snprintf(line, sizeof line, "late %d\n", i);
        say(fds[i], line);
        hear(first, line);
    }
    assert_true(limit_hits(&w, offsetof(struct metrics, limit_files)) >= 6);
    for (int i = 0; i < N; i++)
        close(fds[i]);
    close(first);
    assert_true(world_end(&w));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(beyond_the_limit_one_waits),
        cmocka_unit_test(beyond_the_limit_of_an_address),
        cmocka_unit_test(more_often_than_an_address_may),
        cmocka_unit_test(refused_by_core),
        cmocka_unit_test(a_listener_that_cannot_be_disarmed),
        cmocka_unit_test(out_of_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
