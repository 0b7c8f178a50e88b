// SPDX-License-Identifier: Apache-2.0
//
// See conn.h. What matters here is the cost of receiving: client and server usually share a machine's cores, so
// every nanosecond spent per delivery is taken from the server under test. All sockets of a worker are read into
// one large buffer, messages are handled in place, and only the unfinished tail of a read is kept per connection.

#include "conn.h"

#include "channel.h"
#include "codec.h"
#include "frame.h"
#include "inflate.h"
#include "upgrade.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

// One source address has some 28,000 ports (ip_local_port_range), shared with sockets in TIME_WAIT.
#define CONNS_PER_SOURCE 10000u
#define OUT_BYTES_MAX (16u << 20) // unsent bytes at which a publisher's messages are dropped (and counted)
#define READS_PER_EVENT 4

static void conn_watch(struct bench_conn *c, int op)
{
    struct epoll_event e = {.data.ptr = c};
    e.events = (c->stalled ? 0u : (uint32_t)EPOLLIN) | (c->want_write ? (uint32_t)EPOLLOUT : 0u);
    epoll_ctl(c->worker->epoll_fd, op, c->fd, &e);
}

static void conn_release(struct bench_conn *c)
{
    channel_close(c);
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    free(c->in);
    c->in = NULL;
    c->in_len = c->in_size = 0;
    if (!c->dirty) {
        free(c->out);
        c->out = NULL;
        c->out_size = 0;
    }
    c->out_len = c->out_sent = 0;
    c->want_write = false;
}

// The connection is in no room any more, and messages no longer wait for it (--closed all).
static void conn_leave_seats(struct bench_conn *c)
{
    for (uint32_t i = 0; i < c->seat_count; i++) {
        struct room *room = &c->worker->world->rooms[c->seats[i].room];
        if (c->state == CONN_READY && !c->stalled && room->readers)
            __atomic_fetch_sub(&room->readers, 1, __ATOMIC_RELAXED);
        c->seats[i].state = SEAT_OUT;
    }
    c->seats_in = 0;
}

// After a cut the way back is tried until it works; the time it takes is what is measured.
static bool conn_try_again(struct bench_conn *c)
{
    struct worker *w = c->worker;
    if (!w->storm_cut || c->publishes || c->back_counted || c->state == CONN_READY)
        return false;
    w->connecting--;
    c->seats_in = 0;
    c->state = CONN_CUT;
    w->connect_again = true;
    conn_release(c);
    return true;
}

void conn_fail(struct bench_conn *c, const char *format, ...)
{
    struct worker *w = c->worker;
    char text[100];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    world_reason(w->world, "%s", text);
    if (conn_try_again(c))
        return;
    bool was_ready = c->state == CONN_READY;
    bool was_connecting = c->state >= CONN_CONNECTING && c->state <= CONN_JOINING;
    if (was_ready)
        w->closed++;
    else
        w->failed++;
    if (was_connecting)
        w->connecting--;
    if (!was_ready)
        w->counts.settled++;
    conn_leave_seats(c);
    c->state = CONN_CLOSED;
    conn_release(c);
}

static int conn_bind_source(const struct bench_conn *c, int fd)
{
    int on = 1;
    uint32_t source = 2 + c->index / CONNS_PER_SOURCE % 250;
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000000u | source)};
    if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on))
        return -1;
    return bind(fd, (const struct sockaddr *)&from, sizeof from);
}

void conn_connect(struct bench_conn *c)
{
    struct worker *w = c->worker;
    struct world *world = w->world;
    int on = 1;
    c->started_ns = clock_now_ns();
    c->state = CONN_CONNECTING;
    w->connecting++;
    c->fd = socket(world->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0) {
        conn_fail(c, "socket: %s", strerror(errno));
        return;
    }
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (world->loopback && conn_bind_source(c, c->fd)) {
        conn_fail(c, "bind to a loopback address: %s", strerror(errno));
        return;
    }
    int r = connect(c->fd, (const struct sockaddr *)&world->address, world->address_len);
    if (r && errno != EINPROGRESS) {
        conn_fail(c, "connect: %s", strerror(errno));
        return;
    }
    c->want_write = true;
    conn_watch(c, EPOLL_CTL_ADD);
}

static void conn_shake(struct bench_conn *c)
{
    const int done = channel_shake(c);
    if (done < 0)
        conn_fail(c, "TLS: the handshake failed");
    if (done <= 0)
        return;
    if (c->worker->world->options.websocket) {
        c->state = CONN_UPGRADING;
        upgrade_send(c);
    } else {
        c->state = CONN_JOINING;
        c->worker->world->codec->on_open(c);
    }
}

static void conn_on_connected(struct bench_conn *c)
{
    int error = 0;
    socklen_t len = sizeof error;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    if (error) {
        conn_fail(c, "connect: %s", strerror(error));
        return;
    }
    c->want_write = false;
    conn_watch(c, EPOLL_CTL_MOD);
    c->state = CONN_SHAKING;
    channel_open(c);
    conn_shake(c); // what it says fits into an empty socket, so only the answer has to be waited for
}

void conn_ready(struct bench_conn *c)
{
    if (c->state != CONN_JOINING)
        return;
    c->state = CONN_READY;
    c->worker->connecting--;
    c->worker->counts.settled++;
}

void conn_cut(struct bench_conn *c)
{
    struct linger rst = {.l_onoff = 1, .l_linger = 0};
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &rst, sizeof rst);
    conn_leave_seats(c);
    conn_release(c);
    c->state = CONN_CUT;
}

void conn_set_stalled(struct bench_conn *c, bool stalled)
{
    c->stalled = stalled;
    conn_watch(c, EPOLL_CTL_MOD);
}

void conn_goodbye(struct bench_conn *c)
{
    static const char close_frame[] = {(char)0x88, (char)0x82, 0, 0, 0, 0, 0x03, (char)0xe8};
    if (c->fd < 0)
        return;
    if (c->state == CONN_READY && c->worker->world->options.websocket && c->out_len == 0)
        (void)!channel_send(c, close_frame, sizeof close_frame);
    conn_release(c);
}

// ---- writing

char *conn_reserve(struct bench_conn *c, uint32_t len)
{
    if (!c->dirty) {
        c->dirty = true;
        c->worker->dirty[c->worker->dirty_count++] = c;
    }
    if (c->out_len + len > c->out_size) {
        uint32_t size = c->out_size ? c->out_size : 256;
        while (size < c->out_len + len)
            size *= 2;
        c->out = bench_realloc(c->out, size);
        c->out_size = size;
    }
    char *at = c->out + c->out_len;
    c->out_len += len;
    return at;
}

bool conn_is_congested(const struct bench_conn *c) { return c->out_len - c->out_sent > OUT_BYTES_MAX; }

static void conn_send_frame(struct bench_conn *c, uint8_t opcode, const char *text, uint32_t len)
{
    uint8_t head[FRAME_HEAD_MAX];
    uint32_t n = frame_head_encode(head, opcode, len);
    uint32_t mask = (uint32_t)(worker_random(c->worker) >> 32);
    memcpy(head + n - 4, &mask, 4);
    char *at = conn_reserve(c, n + len);
    memcpy(at, head, n);
    memcpy(at + n, text, len);
    frame_mask(at + n, len, mask);
}

void conn_send_text(struct bench_conn *c, const char *text, uint32_t len)
{
    if (c->worker->world->options.websocket) {
        conn_send_frame(c, c->worker->world->opcode, text, len);
        return;
    }
    char *at = conn_reserve(c, len + 1);
    memcpy(at, text, len);
    at[len] = '\n';
}

static void conn_flush(struct bench_conn *c)
{
    c->dirty = false;
    if (c->fd < 0) {
        conn_release(c);
        return;
    }
    if (c->state == CONN_CONNECTING || c->state == CONN_SHAKING)
        return;
    while (c->out_sent < c->out_len) {
        ssize_t n = channel_send(c, c->out + c->out_sent, c->out_len - c->out_sent);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) {
            if (!c->want_write) {
                c->want_write = true;
                conn_watch(c, EPOLL_CTL_MOD);
            }
            return;
        }
        if (n < 0) {
            conn_fail(c, "send: %s", strerror(errno));
            return;
        }
        c->out_sent += (uint32_t)n;
    }
    c->out_len = c->out_sent = 0;
    if (!c->publishes) { // thousands of readers need no buffer between their few commands
        free(c->out);
        c->out = NULL;
        c->out_size = 0;
    }
    if (c->want_write) {
        c->want_write = false;
        conn_watch(c, EPOLL_CTL_MOD);
    }
}

void conn_flush_dirty(struct worker *w)
{
    for (uint32_t i = 0; i < w->dirty_count; i++)
        conn_flush(w->dirty[i]);
    w->dirty_count = 0;
}

// ---- reading

static void conn_on_control(struct bench_conn *c, uint8_t opcode, const char *p, uint32_t len)
{
    if (opcode == FRAME_PING) {
        conn_send_frame(c, FRAME_PONG, p, len);
    } else if (opcode == FRAME_CLOSE) {
        uint32_t code = len >= 2 ? (uint32_t)(uint8_t)p[0] << 8 | (uint8_t)p[1] : 1005;
        conn_fail(c, "closed by the server: %u%s%.*s", code, len > 2 ? " " : "", len > 2 ? (int)(len - 2) : 0,
                  len > 2 ? p + 2 : "");
    } else if (opcode != FRAME_PONG) {
        c->worker->checks.protocol_errors++;
        conn_fail(c, "a frame this tool does not understand (opcode %u)", opcode);
    }
}

// Where an unusual first byte belongs: a compressed message (RFC 7692, section 6: RSV1), or a control frame.
static void conn_on_unusual(struct bench_conn *c, uint8_t first, const char *p, uint32_t len)
{
    struct worker *w = c->worker;
    if (first != (0xc0 | w->world->opcode) || !w->inflater) {
        conn_on_control(c, first & 0x80 ? first & 0x0f : FRAME_CONTINUATION, p, len);
        return;
    }
    uint32_t whole;
    const char *text = inflate_message(w, p, len, &whole);
    if (text) {
        w->counts.inflated++;
        w->world->codec->on_message(c, text, whole);
    } else {
        w->checks.protocol_errors++;
        conn_fail(c, "a compressed message that is broken or too large");
    }
}

// Handles all whole frames in p[0..n) and returns how many bytes they took.
static uint32_t conn_take_frames(struct bench_conn *c, const char *p, uint32_t n)
{
    void (*on_message)(struct bench_conn *, const char *, uint32_t) = c->worker->world->codec->on_message;
    const uint8_t usual = 0x80 | c->worker->world->opcode;
    uint32_t i = 0;
    while (c->fd >= 0) {
        uint64_t len = 0;
        uint32_t head = frame_head_decode((const uint8_t *)p + i, n - i, &len);
        if (head == 0)
            break;
        uint8_t first = (uint8_t)p[i];
        if (len > c->worker->buffer_size / 2) {
            c->worker->checks.protocol_errors++;
            conn_fail(c, len == UINT64_MAX ? "a masked frame from the server" : "a frame too large");
            break;
        }
        if (n - i - head < len)
            break;
        if (__builtin_expect(first == usual, 1))
            on_message(c, p + i + head, (uint32_t)len);
        else
            conn_on_unusual(c, first, p + i + head, (uint32_t)len);
        i += head + (uint32_t)len;
    }
    return i;
}

static uint32_t conn_take_lines(struct bench_conn *c, const char *p, uint32_t n)
{
    void (*on_message)(struct bench_conn *, const char *, uint32_t) = c->worker->world->codec->on_message;
    uint32_t i = 0;
    while (c->fd >= 0 && i < n) {
        const char *end = memchr(p + i, '\n', n - i);
        if (!end)
            break;
        uint32_t len = (uint32_t)(end - (p + i));
        on_message(c, p + i, len && p[i + len - 1] == '\r' ? len - 1 : len);
        i += (uint32_t)(end - (p + i)) + 1;
    }
    return i;
}

static uint32_t conn_take(struct bench_conn *c, const char *p, uint32_t n)
{
    uint32_t taken = 0;
    if (c->state == CONN_UPGRADING) {
        taken = upgrade_take(c, p, n);
        if (taken == 0)
            return 0;
    }
    if (c->worker->world->options.websocket)
        return taken + conn_take_frames(c, p + taken, n - taken);
    return conn_take_lines(c, p, n);
}

static void conn_keep_tail(struct bench_conn *c, const char *p, uint32_t n)
{
    if (n > c->worker->buffer_size / 2 + FRAME_HEAD_MAX) {
        c->worker->checks.protocol_errors++;
        conn_fail(c, "a message too large");
        return;
    }
    if (n > c->in_size) {
        uint32_t size = c->in_size ? c->in_size : 512;
        while (size < n)
            size *= 2;
        free(c->in);
        c->in = bench_alloc(1, size);
        c->in_size = size;
    }
    if (n)
        memcpy(c->in, p, n);
    c->in_len = n;
}

static void conn_on_readable(struct bench_conn *c)
{
    struct worker *w = c->worker;
    for (int i = 0; i < READS_PER_EVENT && c->fd >= 0 && !c->stalled; i++) {
        uint32_t kept = c->in_len;
        if (kept)
            memcpy(w->buffer, c->in, kept);
        size_t space = w->buffer_size - kept;
        ssize_t n = channel_recv(c, w->buffer + kept, space);
        if (n <= 0) {
            if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
            if (n < 0)
                conn_fail(c, "read: %s", strerror(errno));
            else
                conn_fail(c, "closed by the server without a goodbye");
            return;
        }
        w->now = clock_now_ns();
        w->counts.bytes += (uint64_t)n;
        w->counts.reads++;
        uint32_t have = kept + (uint32_t)n;
        uint32_t taken = conn_take(c, w->buffer, have);
        if (c->fd < 0)
            return;
        conn_keep_tail(c, w->buffer + taken, have - taken);
        if ((size_t)n < space)
            return;
    }
}

void conn_on_event(struct bench_conn *c, uint32_t events)
{
    if (c->fd < 0)
        return;
    if (c->state == CONN_CONNECTING) {
        conn_on_connected(c);
        return;
    }
    if (c->state == CONN_SHAKING) {
        conn_shake(c);
        return;
    }
    if (events & EPOLLOUT && !c->dirty) {
        c->dirty = true;
        c->worker->dirty[c->worker->dirty_count++] = c;
    }
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
        if (c->stalled && events & (EPOLLHUP | EPOLLERR))
            conn_fail(c, "a stalled reader was disconnected");
        else
            conn_on_readable(c);
    }
}
