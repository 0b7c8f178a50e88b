// SPDX-License-Identifier: Apache-2.0
//
// The whole driver with the real core: threads, sockets of loopback, plain blocking clients.
#include "base/buf.h"
#include "io/server.h"
#include "unit/support.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_S = 20 }; // no answer for so long fails the test

static struct settings core_settings(uint32_t shards)
{
    return (struct settings){
        .shard_count = shards,
        .hash_key = {1, 2},
        .version = "test",
        .connections_max = 1000,
        .message_bytes = 64 * 1024,
        .commands_burst = 100,
        .reply_bytes = 64 * 1024,
        .handshake_ms = 10000,
        .hello_ms = 10000,
        .close_ms = 1000,
        .turn_bytes = 64 * 1024,
        .rooms_max = 100,
        .rooms_per_connection = 4,
        .room_members_max = 1000,
        .room_grace_ms = 1000,
        .member_grace_ms = 0,
        .presence_exact_max = 0,
        .idempotency_ms = 1000,
        .idempotency_keys = 100,
        .lag_bytes = 4 << 20,
        .text_room = STR("lobby"),
        .log_entries = 1000,
        .log_bytes = 1 << 20,
        .log_age_ms = 3600 * 1000,
        .heartbeat_ms = 30000,
        .heartbeat_min_ms = 10000,
        .heartbeat_max_ms = 60000,
        .drain_batch = 100,
        .drain_interval_ms = 10,
        .resume_ms = 60000,
    };
}

static struct io_settings io_settings(void)
{
    return (struct io_settings){
        .http = STR("127.0.0.1:0"),
        .text = STR("127.0.0.1:0"),
        .backlog = 128,
        .drain_deadline_ms = 10000,
        .connections_max = 1000,
        .turn_slow_ms = 5000,
    };
}

struct world {
    struct settings core, core_next;
    struct io_settings io;
    struct server *server;
    _Atomic uint32_t io_notices[8];
    _Atomic uint32_t opened;
};

static void on_notice(void *ctx, uint32_t shard, const struct notice *n)
{
    (void)shard;
    struct world *w = ctx;
    if (n->type == NOTICE_CONNECTION_OPENED)
        atomic_fetch_add(&w->opened, 1);
}

static void on_io_notice(void *ctx, const struct io_notice *n)
{
    struct world *w = ctx;
    atomic_fetch_add(&w->io_notices[n->type], 1);
}

static void on_metrics_page(void *ctx, struct buf *body)
{
    (void)ctx;
    BUF_PUT_LIT(body, "a_metric 1\n");
}

static void world_init(struct world *w, uint32_t shards)
{
    memset(w, 0, sizeof *w);
    w->core = core_settings(shards);
    w->io = io_settings();
}

static void world_start(struct world *w)
{
    const struct server_hooks hooks = {
        .ctx = w, .notice = on_notice, .io_notice = on_io_notice, .metrics_page = on_metrics_page};
    struct io_error error = {""};
    enum err e = server_create(&w->io, &w->core, &hooks, &w->server, &error);
    assert_string_equal(error.text, "");
    assert_int_equal(e, OK);
    assert_int_equal(server_start(w->server, &error), OK);
}

static bool world_end(struct world *w)
{
    server_drain(w->server);
    bool in_time = server_wait(w->server);
    server_destroy(w->server);
    w->server = NULL;
    return in_time;
}

static uint16_t text_port(const struct world *w) { return server_info(w->server)->text_port; }
static uint16_t http_port(const struct world *w) { return server_info(w->server)->http_port; }

static uint64_t limit_hits(struct world *w, size_t field)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < w->core.shard_count; i++)
        sum += metric_get((_Atomic uint64_t *)(void *)((char *)server_metrics(w->server, i) + field));
    return sum;
}

static int client(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    struct timeval patience = {.tv_sec = PATIENCE_S};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    size_t n = strlen(text);
    assert_int_equal(send(fd, text, n, MSG_NOSIGNAL), (ssize_t)n);
}

// Reads until the text has come, byte by byte so that nothing behind it is taken.
static void hear(int fd, const char *text)
{
    char window[128] = "";
    size_t n = strlen(text), have = 0;
    assert_true(n < sizeof window);
    while (have < n || memcmp(window + have - n, text, n) != 0) {
        if (have == sizeof window - 1) {
            memmove(window, window + have - n, n);
            have = n;
        }
        ssize_t got = recv(fd, window + have, 1, 0);
        if (got != 1)
            fail_msg("expected \"%s\", got \"%.*s\" and then %s", text, (int)have, window,
                     got == 0 ? "the end" : strerror(errno));
        have++;
    }
}

// Everything until the other side closes; a reset is a failure.
static size_t hear_all(int fd, char *ret, size_t cap)
{
    size_t n = 0;
    for (;;) {
        ssize_t got = recv(fd, ret + n, cap - 1 - n, 0);
        assert_true(got >= 0);
        if (got == 0)
            break;
        n += (size_t)got;
    }
    ret[n] = '\0';
    return n;
}

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void everybody_hears_everybody(void **state)
{
    (void)state;
    static const uint32_t shard_counts[] = {1, 2, 7};
    for (size_t k = 0; k < ARRAY_LEN(shard_counts); k++) {
        enum { N = 24, ROUNDS = 5 };
        struct world w;
        world_init(&w, shard_counts[k]);
        world_start(&w);
        int fds[N];
        for (int i = 0; i < N; i++) {
            fds[i] = client(text_port(&w));
            char name[40];
            snprintf(name, sizeof name, "/nick user%d\nhello\n", i);
            say(fds[i], name);
            hear(fds[i], "hello\n"); // it is in
        }
        for (int round = 0; round < ROUNDS; round++)
            for (int from = 0; from < N; from += 5) {
                char line[40];
                snprintf(line, sizeof line, "word %d of %d\n", round, from);
                say(fds[from], line);
                for (int to = 0; to < N; to++)
                    hear(fds[to], line);
            }
        for (int i = 0; i < N; i++)
            close(fds[i]);
        assert_true(world_end(&w));
        assert_int_equal(w.opened, N);
        assert_int_equal(w.io_notices[IO_NOTICE_TURN_SLOW], 0);
    }
}

// More than a read buffer in, more than a socket buffer out: reads go on in the next turn, writes when there is room.
static void long_streams_arrive_whole(void **state)
{
    (void)state;
    enum { REQUESTS = 20000 };
    static const char request[] = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
    struct world w;
    world_init(&w, 2);
    world_start(&w);
    int fd = client(http_port(&w));
    pid_t pid = fork(); // one side writes while the other reads
    assert_true(pid >= 0);
    if (pid == 0) {
        static char many[100 * sizeof request];
        size_t n = 0;
        for (int i = 0; i < 100; i++, n += sizeof request - 1)
            memcpy(many + n, request, sizeof request - 1);
        for (int i = 0; i < REQUESTS / 100; i++)
            for (size_t sent = 0; sent < n;) {
                ssize_t got = send(fd, many + sent, n - sent, MSG_NOSIGNAL);
                if (got <= 0)
                    _exit(1);
                sent += (size_t)got;
            }
        shutdown(fd, SHUT_WR);
        _exit(0);
    }
    uint32_t answers = 0;
    char window[64 * 1024 + 16];
    size_t kept = 0;
    for (;;) {
        ssize_t got = recv(fd, window + kept, sizeof window - kept, 0);
        assert_true(got >= 0);
        if (got == 0)
            break;
        size_t n = kept + (size_t)got, from = 0;
        for (char *p; (p = memmem(window + from, n - from, "HTTP/1.1 200", 12)); from = (size_t)(p - window) + 12)
            answers++;
        kept = n - from < 11 ? n - from : 11;
        memmove(window, window + n - kept, kept);
    }
    assert_int_equal(answers, REQUESTS);
    close(fd);
    assert_true(world_end(&w));
}

static void metrics_page_comes_from_the_hook(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 1);
    world_start(&w);
    int fd = client(http_port(&w));
    say(fd, "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
    hear(fd, "a_metric 1\n");
    close(fd);
    assert_true(world_end(&w));
}

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
        say(refused, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); // unread input must not turn the answer into a reset
        hear_all(refused, text, sizeof text);
        assert_true(now_ms() - before >= 300);
        assert_non_null(strstr(text, "HTTP/1.1 503 Service Unavailable\r\n"));
        assert_non_null(strstr(text, "\r\nRetry-After: "));
        assert_non_null(strstr(text, "\r\nConnection: close\r\n"));
        close(refused);
        refused = client(text_port(&w));
        hear_all(refused, text, sizeof text);
        assert_non_null(strstr(text, "* server full"));
        close(refused);
        assert_int_equal(limit_hits(&w, offsetof(struct metrics, limit_connections)), 2);
        assert_true(w.io_notices[IO_NOTICE_FULL] >= 1);

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
    while (w.io_notices[IO_NOTICE_FILES] < 6)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
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

static void drain_ends_in_time(void **state)
{
    (void)state;
    enum { N = 20 };
    struct world w;
    world_init(&w, 3);
    world_start(&w);
    int fds[N];
    for (int i = 0; i < N; i++) {
        fds[i] = client(text_port(&w));
        say(fds[i], "hello\n");
        hear(fds[i], "hello\n");
    }
    uint16_t port = text_port(&w);
    server_drain(w.server);
    char text[20000];
    for (int i = 0; i < N; i++) {
        hear_all(fds[i], text, sizeof text); // the end, in good order
        close(fds[i]);
    }
    assert_true(server_wait(w.server));
    server_destroy(w.server);

    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), -1);
    close(fd);
}

static void drain_overruns(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 2);
    w.core.close_ms = 60000;
    w.io.drain_deadline_ms = 200;
    world_start(&w);
    int fd = client(text_port(&w)); // never closes its side
    say(fd, "hello\n");
    hear(fd, "hello\n");
    assert_false(world_end(&w));
    assert_int_equal(w.io_notices[IO_NOTICE_DRAIN_OVERRUN], 1);
    close(fd);
}

static void stop_is_at_once(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 2);
    world_start(&w);
    int fd = client(text_port(&w));
    say(fd, "hello\n");
    hear(fd, "hello\n");
    server_stop(w.server);
    server_wait(w.server);
    assert_true(server_settings_set(w.server, &w.io, &w.core)); // nobody is left to take them
    server_destroy(w.server);
    close(fd);
}

static void create_error(struct io_settings io, struct settings core, enum err expected, const char *part)
{
    const struct server_hooks hooks = {0};
    struct server *s = NULL;
    struct io_error error;
    assert_int_equal(server_create(&io, &core, &hooks, &s, &error), expected);
    assert_null(s);
    if (!strstr(error.text, part))
        fail_msg("expected \"%s\" in \"%s\"", part, error.text);
}

static void says_why_it_does_not_start(void **state)
{
    (void)state;
    struct io_settings io = io_settings();
    struct settings core = core_settings(2);
    io.http = STR("example.com:80");
    create_error(io, core, ERR_SYNTAX, "\"example.com:80\": expected HOST:PORT");
    io.http = STR("192.0.2.1:80");
    create_error(io, core, ERR_NOT_FOUND, "no such address");
    io.http = io.text = STR("127.0.0.1:1");
    create_error(io, core, ERR_EXISTS, "for both HTTP and text lines");
    io = io_settings();
    io.memory_bytes_max = 100 * 1000;
    create_error(io, core, ERR_NOMEM, "the memory budget of 100000 bytes is too small for 2 shards");

    struct world w;
    world_init(&w, 1);
    world_start(&w);
    io = io_settings();
    io.text = str_from_cstr(server_info(w.server)->text);
    create_error(io, core, ERR_EXISTS, "address already in use by another program");
    assert_true(world_end(&w));
}

static void says_what_is_in_force(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 2);
    w.io.text = STR_NONE;
    w.io.connections_max = 10 * 1000 * 1000;
    w.core.connections_max = 1000;
    w.io.memory_bytes_max = 1 << 30;
    world_start(&w);
    const struct server_info *info = server_info(w.server);
    assert_int_equal(info->shard_count, 2);
    assert_string_equal(info->text, "");
    assert_int_equal(info->text_port, 0);
    char http[56];
    snprintf(http, sizeof http, "127.0.0.1:%u", info->http_port);
    assert_string_equal(info->http, http);
    assert_true(info->connections_max < info->files.files_max);
    assert_int_equal(info->memory_bytes_max, 1 << 30);
    assert_true(mem_used(server_mem(w.server)) > 0);
    assert_true(world_end(&w));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everybody_hears_everybody),
        cmocka_unit_test(long_streams_arrive_whole),
        cmocka_unit_test(metrics_page_comes_from_the_hook),
        cmocka_unit_test(beyond_the_limit_one_waits),
        cmocka_unit_test(beyond_the_limit_of_an_address),
        cmocka_unit_test(out_of_files),
        cmocka_unit_test(drain_ends_in_time),
        cmocka_unit_test(drain_overruns),
        cmocka_unit_test(stop_is_at_once),
        cmocka_unit_test(says_why_it_does_not_start),
        cmocka_unit_test(says_what_is_in_force),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
