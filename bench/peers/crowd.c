// SPDX-License-Identifier: Apache-2.0
//
// crowd: very many clients that do next to nothing, for bench/million.
//
//     crowd --host 127.0.0.1 --port P [--from 127.0.0.7] --clients N [--members M] [--first K] [--connecting C] [--tls]
//
// Client k is in the room "r<k / M>". Each connects, upgrades, joins, answers pings, and counts what it is told by a message whose
// data begins with "mark". plenum-bench checks everything and keeps what it needs for that; this keeps 32 bytes a client,
// so that what a million of them cost is what the kernel and the server take.
//
// Told on stdout, a line each:
//
//     joined N SECONDS               all are in; or after `joined N of M: REASON` nobody more comes
//     told N FIRST MEDIAN LAST       behind a line on stdin: of how many marks when (ns of CLOCK_MONOTONIC, which all processes share),
//     pings N closed N               since the line before
//
// The line "stop" ends the coming in: who is not in goes, and `joined` is told.
//
// Ends with its stdin.
#include "../frame.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CLIENTS_MAX = 65536, IN_BYTES = 256 << 10, EVENTS_MAX = 256, REST_MAX = 4 << 20 };
enum phase { CONNECTING, SHAKING, UPGRADING, JOINING, IN, GONE };

struct client {
    int fd;
    uint8_t phase;
    uint32_t rest_n;
    char *rest; // an unfinished head or frame
    SSL *tls;   // NULL = plain
};

static struct client clients[CLIENTS_MAX];
static uint64_t told_ns[CLIENTS_MAX];
static uint32_t told_n, joined_n, begun_n, wanted_n, connecting_n, connecting_max = 100, members = 1000,
                                                                   first;
static uint64_t pings, closed, began_ns;
static struct sockaddr_in server, from = {.sin_family = AF_INET};
static SSL_CTX *tls;
static int epoll_fd;
static bool stopped; // nobody more comes
static char in[IN_BYTES + 1];

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void tell_joined(const char *reason)
{
    if (stopped)
        return;
    stopped = true;
    if (reason == NULL)
        printf("joined %u %.3f\n", joined_n, (double)(now_ns() - began_ns) / 1e9);
    else
        printf("joined %u of %u: %s\n", joined_n, wanted_n, reason);
    fflush(stdout);
}

static void lose(struct client *c, const char *reason)
{
    if (c->phase < IN)
        tell_joined(reason);
    closed++;
    c->phase = GONE;
    SSL_free(c->tls);
    c->tls = NULL;
    free(c->rest);
    c->rest = NULL;
    close(c->fd);
}

// ---- bytes out: what is sent is small and rare, so a socket that takes less is an error

static bool put(struct client *c, const char *bytes, size_t n)
{
    ssize_t sent = c->tls != NULL ? SSL_write(c->tls, bytes, (int)n) : send(c->fd, bytes, n, MSG_NOSIGNAL);
    if (sent == (ssize_t)n)
        return true;
    lose(c, sent < 0 ? strerror(errno) : "a socket took half of a request");
    return false;
}

static bool put_frame(struct client *c, uint8_t opcode, const char *payload, uint32_t n)
{
    uint8_t bytes[FRAME_HEAD_MAX + 256];
    if (n > 256)
        return false;
    uint32_t head = frame_head_encode(bytes, opcode, n);
    memcpy(bytes + head, payload, n);
    return put(c, (const char *)bytes, head + n);
}

static void upgrade(struct client *c)
{
    char request[320], host[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &server.sin_addr, host, sizeof host);
    const int n = snprintf(request, sizeof request,
                           "GET /ws HTTP/1.1\r\nHost: %s:%u\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                           "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: cGxlbnVtLWNvbmZvcm0hIQ==\r\n\r\n",
                           host, ntohs(server.sin_port));
    c->phase = UPGRADING;
    put(c, request, (size_t)n);
}

static void join(struct client *c)
{
    char text[96];
    const uint32_t k = first + (uint32_t)(c - clients);
    const int n = snprintf(text, sizeof text, "{\"type\":\"join\",\"id\":1,\"room\":\"r%u\"}", k / members);
    c->phase = JOINING;
    put_frame(c, FRAME_TEXT, text, (uint32_t)n);
}

// ---- bytes in

static bool has(const char *p, uint64_t n, const char *part)
{
    return memmem(p, n, part, strlen(part)) != NULL;
}

static void hear(struct client *c, uint8_t opcode, const char *p, uint64_t n)
{
    if (opcode == FRAME_PING) {
        pings++;
        put_frame(c, FRAME_PONG, p, (uint32_t)n);
    } else if (opcode == FRAME_CLOSE) {
        lose(c, "the server closed");
    } else if (c->phase == JOINING && has(p, n, "\"type\":\"joined\"")) {
        c->phase = IN;
        joined_n++;
        connecting_n--;
    } else if (c->phase == JOINING && has(p, n, "\"type\":\"error\"")) {
        lose(c, "a join was refused");
    } else if (told_n < CLIENTS_MAX && has(p, n, "\"data\":\"mark")) {
        told_ns[told_n++] = now_ns();
    }
}

// Takes one head or frame off; 0 when there is not enough of it.
static uint64_t take(struct client *c, const char *p, uint64_t n)
{
    if (c->phase == UPGRADING) {
        const char *end = memmem(p, n, "\r\n\r\n", 4);
        if (end == NULL)
            return 0;
        if (n < 12 || memcmp(p + 9, "101", 3) != 0)
            lose(c, "an upgrade was refused");
        else
            join(c);
        return (uint64_t)(end - p) + 4;
    }
    uint64_t len;
    const uint32_t head =
        frame_head_decode((const uint8_t *)p, n > UINT32_MAX ? UINT32_MAX : (uint32_t)n, &len);
    if (head == 0 || n - head < len)
        return 0;
    hear(c, p[0] & 0x0f, p + head, len);
    return head + len;
}

// Everything that is whole in p; the rest is kept.
static void take_all(struct client *c, char *p, uint64_t n)
{
    uint64_t at = 0, took;
    while (c->phase != GONE && (took = take(c, p + at, n - at)) > 0)
        at += took;
    if (c->phase == GONE)
        return;
    char *rest = n - at > 0 ? malloc(n - at) : NULL;
    if (n - at > REST_MAX || (n - at > 0 && rest == NULL)) {
        free(rest);
        lose(c, "a frame that is too long");
        return;
    }
    if (rest != NULL)
        memcpy(rest, p + at, n - at);
    free(c->rest);
    c->rest = rest;
    c->rest_n = (uint32_t)(n - at);
}

static ssize_t get(struct client *c, char *p, size_t n)
{
    if (c->tls == NULL)
        return recv(c->fd, p, n, 0);
    const int got = SSL_read(c->tls, p, (int)n);
    if (got > 0)
        return got;
    const int why = SSL_get_error(c->tls, got);
    errno = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? EAGAIN : ECONNRESET;
    return why == SSL_ERROR_ZERO_RETURN ? 0 : -1;
}

static void receive(struct client *c)
{
    while (c->phase != GONE) {
        ssize_t got = get(c, in, IN_BYTES);
        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0) {
            lose(c, got == 0 ? "the server hung up" : strerror(errno));
            return;
        }
        if (c->rest == NULL) {
            take_all(c, in, (uint64_t)got);
            continue;
        }
        char *whole = malloc(c->rest_n + (size_t)got);
        if (whole == NULL) {
            lose(c, "no memory");
            return;
        }
        memcpy(whole, c->rest, c->rest_n);
        memcpy(whole + c->rest_n, in, (size_t)got);
        take_all(c, whole, c->rest_n + (uint64_t)got);
        free(whole);
    }
}

// ---- coming in

static void watch(struct client *c, uint32_t events, int operation)
{
    struct epoll_event e = {.events = events, .data.u32 = (uint32_t)(c - clients)};
    epoll_ctl(epoll_fd, operation, c->fd, &e);
}

static void shake(struct client *c)
{
    const int done = SSL_do_handshake(c->tls);
    const int why = done == 1 ? 0 : SSL_get_error(c->tls, done);
    if (done == 1)
        upgrade(c);
    else if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
        lose(c, "a TLS handshake failed");
}

static void connected(struct client *c)
{
    int error = 0;
    socklen_t n = sizeof error;
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0 || error != 0) {
        lose(c, strerror(error));
        return;
    }
    watch(c, EPOLLIN, EPOLL_CTL_MOD);
    if (tls == NULL) {
        upgrade(c);
        return;
    }
    c->tls = SSL_new(tls);
    if (c->tls == NULL || SSL_set_fd(c->tls, c->fd) != 1) {
        lose(c, "no memory for TLS");
        return;
    }
    SSL_set_connect_state(c->tls);
    c->phase = SHAKING;
    shake(c);
}

static bool begin(struct client *c)
{
    static const int on = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        return false;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (from.sin_addr.s_addr != 0) { // the port is found by connect(), where the other end is known
        setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        if (bind(c->fd, (const struct sockaddr *)&from, sizeof from) != 0)
            return false;
    }
    if (connect(c->fd, (const struct sockaddr *)&server, sizeof server) != 0 && errno != EINPROGRESS)
        return false;
    c->phase = CONNECTING;
    watch(c, EPOLLOUT, EPOLL_CTL_ADD);
    return true;
}

static void begin_more(void)
{
    while (!stopped && begun_n < wanted_n && connecting_n < connecting_max) {
        if (!begin(&clients[begun_n])) {
            tell_joined(strerror(errno));
            return;
        }
        begun_n++;
        connecting_n++;
    }
    if (joined_n == wanted_n)
        tell_joined(NULL);
}

// ---- telling

static int by_time(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void stop(void)
{
    tell_joined("the time for coming in is over");
    const uint64_t before = closed;
    for (uint32_t i = 0; i < begun_n; i++)
        if (clients[i].phase < IN)
            lose(&clients[i], "");
    closed = before;
}

// A line came, or the end.
static void report(void)
{
    char line[256];
    const ssize_t n = read(STDIN_FILENO, line, sizeof line);
    if (n <= 0)
        exit(0);
    if (n >= 4 && memcmp(line, "stop", 4) == 0) {
        stop();
        return;
    }
    qsort(told_ns, told_n, sizeof told_ns[0], by_time);
    printf("told %u %llu %llu %llu\npings %llu closed %llu\n", told_n,
           (unsigned long long)(told_n > 0 ? told_ns[0] : 0),
           (unsigned long long)(told_n > 0 ? told_ns[told_n / 2] : 0),
           (unsigned long long)(told_n > 0 ? told_ns[told_n - 1] : 0), (unsigned long long)pings,
           (unsigned long long)closed);
    fflush(stdout);
    pings = 0;
    told_n = 0;
}

static void on_event(const struct epoll_event *e)
{
    if (e->data.u32 == UINT32_MAX) {
        report();
        return;
    }
    struct client *c = &clients[e->data.u32];
    if (c->phase == CONNECTING)
        connected(c);
    else if (c->phase == SHAKING)
        shake(c);
    if (c->phase > SHAKING && c->phase != GONE)
        receive(c);
}

static void take_options(int argc, char **argv)
{
    static const struct option options[] = {{"host", required_argument, NULL, 'h'},
                                            {"port", required_argument, NULL, 'p'},
                                            {"from", required_argument, NULL, 'f'},
                                            {"clients", required_argument, NULL, 'n'},
                                            {"members", required_argument, NULL, 'm'},
                                            {"first", required_argument, NULL, 'k'},
                                            {"connecting", required_argument, NULL, 'c'},
                                            {"tls", no_argument, NULL, 't'},
                                            {NULL, 0, NULL, 0}};
    server = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    bool good = true, secure = false;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        const uint32_t number = optarg != NULL ? (uint32_t)strtoul(optarg, NULL, 10) : 0;
        switch (o) {
        case 'h':
            good = good && inet_pton(AF_INET, optarg, &server.sin_addr) == 1;
            break;
        case 'f':
            good = good && inet_pton(AF_INET, optarg, &from.sin_addr) == 1;
            break;
        case 'p':
            server.sin_port = htons((uint16_t)number);
            break;
        case 'n':
            wanted_n = number;
            break;
        case 'm':
            members = number;
            break;
        case 'k':
            first = number;
            break;
        case 'c':
            connecting_max = number;
            break;
        case 't':
            secure = true;
            break;
        default:
            good = false;
        }
    }
    if (!good || server.sin_port == 0 || wanted_n == 0 || wanted_n > CLIENTS_MAX || members == 0) {
        fputs("crowd: see the head of bench/peers/crowd.c\n", stderr);
        exit(2);
    }
    if (secure) {
        tls = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
        SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
    }
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    take_options(argc, argv);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event e = {.events = EPOLLIN, .data.u32 = UINT32_MAX};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &e);
    began_ns = now_ns();
    for (;;) {
        struct epoll_event events[EVENTS_MAX];
        begin_more();
        const int n = epoll_wait(epoll_fd, events, EVENTS_MAX, -1);
        for (int i = 0; i < n; i++)
            on_event(&events[i]);
    }
}
