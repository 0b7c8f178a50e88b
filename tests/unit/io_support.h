// SPDX-License-Identifier: Apache-2.0
//
// io_support.h - a whole server in the test's process, and plain blocking clients for it.
//
//     struct world w;
//     world_init(&w, 2);                 // two shards; change w.io and w.core before the next line
//     world_start(&w);
//     int fd = client(text_port(&w));
//     say(fd, "hello\n");
//     hear(fd, "hello\n");
//     close(fd);
//     assert_true(world_end(&w));        // drained in time
#ifndef PLENUM_UNIT_IO_SUPPORT_H
#define PLENUM_UNIT_IO_SUPPORT_H

#include "base/buf.h"
#include "io/server.h"
#include "unit/support.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_S = 20 }; // no answer for so long fails the test
enum { LISTENER_HTTP, LISTENER_TEXT };

static inline uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static inline struct settings core_settings(uint32_t shards)
{
    return (struct settings){
        .shard_count = shards,
        .hash_key = {1, 2},
        .ways = &ways_served,
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
        .newcomer_role = ROLE_MEMBER,
        .room_members_max = 1000,
        .room_grace_ms = 1000,
        .member_grace_ms = 0,
        .presence_exact_max = 0,
        .idempotency_ms = 1000,
        .idempotency_keys = 100,
        .lag_bytes = 4 << 20,
        .text_room = STR("lobby"),
        .state_keys = 64,
        .state_bytes = 8192,
        .state_value = 4096,
        .invitations = 100,
        .invitation_s = 1000,
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

static inline struct io_settings io_settings(void)
{
    return (struct io_settings){
        .listeners = {[LISTENER_HTTP] = {"http", "HTTP", STR("127.0.0.1:0"), TRANSPORT_HTTP, NULL},
                      [LISTENER_TEXT] = {"text", "text lines", STR("127.0.0.1:0"), TRANSPORT_LINE, NULL}},
        .listener_count = 2,
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
    uint32_t page_ms;          // how long the metrics page takes to make
    _Atomic size_t page_bytes; // how long it is, if longer than a line
    pthread_mutex_t lock;      // of what follows
    pthread_cond_t noticed;
    uint32_t io_notices[IO_NOTICE_COUNT]; // by type
    struct where_spot hangs;              // of the last IO_NOTICE_TURN_HANGS
    uint64_t hangs_ms;
    uint32_t page_waits; // the metrics page is not made before so many of them
    uint32_t opened;
};

static inline void on_notice(void *ctx, uint32_t shard, const struct notice *n)
{
    (void)shard;
    struct world *w = ctx;
    pthread_mutex_lock(&w->lock);
    w->opened += n->type == NOTICE_CONNECTION_OPENED;
    pthread_mutex_unlock(&w->lock);
}

static inline void on_io_notice(void *ctx, const struct io_notice *n)
{
    struct world *w = ctx;
    pthread_mutex_lock(&w->lock);
    w->io_notices[n->type]++;
    if (n->type == IO_NOTICE_TURN_HANGS) {
        w->hangs = *n->where;
        w->hangs_ms = n->value;
    }
    pthread_cond_broadcast(&w->noticed);
    pthread_mutex_unlock(&w->lock);
}

static inline void on_metrics_page(void *ctx, struct buf *body)
{
    struct world *w = ctx;
    for (uint64_t end = now_ms() + w->page_ms; now_ms() < end;)
        ;
    pthread_mutex_lock(&w->lock);
    while (w->io_notices[IO_NOTICE_TURN_HANGS] < w->page_waits)
        pthread_cond_wait(&w->noticed, &w->lock);
    pthread_mutex_unlock(&w->lock);
    BUF_PUT_LIT(body, "a_metric 1\n");
    for (size_t n = 0; n < w->page_bytes; n += 20)
        BUF_PUT_LIT(body, "# a comment of 20 b\n");
}

static inline void world_init(struct world *w, uint32_t shards)
{
    memset(w, 0, sizeof *w);
    w->core = core_settings(shards);
    w->io = io_settings();
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->noticed, NULL);
}

// How often that was noticed so far, after waiting until it was at least so often.
static inline uint32_t world_io_notices(struct world *w, enum io_notice_type type, uint32_t at_least)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&w->lock);
    int late = 0;
    while (w->io_notices[type] < at_least && !late)
        late = pthread_cond_timedwait(&w->noticed, &w->lock, &until);
    uint32_t count = w->io_notices[type];
    pthread_mutex_unlock(&w->lock);
    return count;
}

static inline void world_start(struct world *w)
{
    const struct server_hooks hooks = {
        .ctx = w, .notice = on_notice, .io_notice = on_io_notice, .metrics_page = on_metrics_page};
    struct io_error error = {""};
    enum err e = server_create(&w->io, &w->core, &hooks, &w->server, &error);
    assert_string_equal(error.text, "");
    assert_int_equal(e, OK);
    assert_int_equal(server_start(w->server, &error), OK);
}

static inline bool world_end(struct world *w)
{
    server_drain(w->server);
    bool in_time = server_wait(w->server);
    server_destroy(w->server);
    w->server = NULL;
    return in_time;
}

static inline uint16_t port_of(const struct world *w, uint32_t listener)
{
    return server_info(w->server)->listeners[listener].port;
}
static inline uint16_t text_port(const struct world *w) { return port_of(w, LISTENER_TEXT); }
static inline uint16_t http_port(const struct world *w) { return port_of(w, LISTENER_HTTP); }

static inline uint64_t limit_hits(struct world *w, size_t field)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < w->core.shard_count; i++)
        sum += metric_get((_Atomic uint64_t *)(void *)((char *)server_metrics(w->server, i) + field));
    return sum;
}

static inline int client(uint16_t port)
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

static inline void say(int fd, const char *text)
{
    size_t n = strlen(text);
    assert_int_equal(send(fd, text, n, MSG_NOSIGNAL), (ssize_t)n);
}

// Reads until the text has come, byte by byte so that nothing behind it is taken.
static inline void hear(int fd, const char *text)
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
static inline size_t hear_all(int fd, char *ret, size_t cap)
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

#endif
