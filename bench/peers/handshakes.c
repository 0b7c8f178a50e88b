// SPDX-License-Identifier: Apache-2.0
//
// handshakes: people who come and go, so many a second, for as little CPU time of their own as can be.
//
//     handshakes full|half|tcp|wss PORT RATE SECONDS [PID]
//
//   full    a whole handshake, TLS 1.3 with X25519, of which no certificate is checked but for the signature that OpenSSL checks
//           in any case; then the socket is reset
//   half    the client says its first words, the same for all and made once, waits for the server's answer, in which all of the server's
//           elliptic curves are, and goes. It costs the client nothing, so what is seen beside it is the server's
//   tcp     no TLS: the socket is upgraded to WebSocket (RFC 6455, section 4), and reset when the answer is there
//   wss     a whole handshake, and the upgrade in it
//
// They begin when it is their time, whatever became of those before (an open loop), but for 400 that may be under way, 64 of tcp and
// wss: with a rate that nobody reaches there are always so many. Prints one line of JSON: done, failed, late (those that did not begin for that bound),
// seconds, its own cpu_s, and of the process PID server_cpu_s, which is all of its threads, user and system.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { UNDER_WAY_MAX = 400, UPGRADES_MAX = 64, FDS_MAX = 4096, TICK_MS = 1 };
enum kind { FULL, HALF, TCP, WSS };

struct one {
    SSL *ssl;    // full, wss
    bool shaken; // wss
    bool said;   // half, tcp, wss: the first words, or the request
    bool used;
};

static const char request[] =
    "GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: cGxlbnVtLWNvbmZvcm0hIQ==\r\n\r\n";

static struct one all[FDS_MAX]; // by file descriptor
static SSL_CTX *context;
static uint8_t hello[1024]; // half: what all say first
static int hello_n, epoll_fd;
static enum kind kind;
static uint64_t begun, done, failed, late, under_way;
static struct sockaddr_in server = {.sin_family = AF_INET};

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void die(const char *what)
{
    fprintf(stderr, "handshakes: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void end(int fd, bool good)
{
    const struct linger reset = {.l_onoff = 1, .l_linger = 0}; // no port waits, and nobody has to be told
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    SSL_free(all[fd].ssl);
    all[fd] = (struct one){.used = false};
    close(fd);
    under_way--;
    *(good ? &done : &failed) += 1;
}

static void begin(void)
{
    begun++;
    if (under_way == (kind == TCP || kind == WSS ? UPGRADES_MAX : UNDER_WAY_MAX)) {
        late++;
        return;
    }
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || fd >= FDS_MAX)
        die("socket");
    under_way++;
    all[fd] = (struct one){.used = true};
    if (kind == FULL || kind == WSS) {
        all[fd].ssl = SSL_new(context);
        SSL_set_fd(all[fd].ssl, fd);
        SSL_set_connect_state(all[fd].ssl);
    }
    if (connect(fd, (const struct sockaddr *)&server, sizeof server) != 0 && errno != EINPROGRESS) {
        end(fd, false);
        return;
    }
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.fd = fd};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        die("epoll_ctl");
}

// Whether the handshake is done. Ends the connection where it failed, and where that was all.
static bool shake(int fd)
{
    ERR_clear_error();
    const int result = SSL_do_handshake(all[fd].ssl);
    const int error = result == 1 ? SSL_ERROR_NONE : SSL_get_error(all[fd].ssl, result);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE && (kind == FULL || result != 1))
        end(fd, result == 1);
    return result == 1;
}

// Edge-triggered: what there is to say is said when the socket takes it, and the answer is one piece over loopback.
static void go_on_upgrade(int fd, uint32_t events)
{
    char heard[8192];
    struct one *one = &all[fd];
    if (kind == WSS && !one->shaken) {
        one->shaken = shake(fd);
        if (!one->shaken)
            return;
    }
    if (!one->said && (kind == WSS || (events & EPOLLOUT))) {
        const int n = (int)sizeof request - 1;
        one->said =
            (kind == WSS ? SSL_write(one->ssl, request, n) : send(fd, request, (size_t)n, MSG_NOSIGNAL)) == n;
        if (!one->said)
            end(fd, false);
        return;
    }
    const ssize_t n =
        kind == WSS ? SSL_read(one->ssl, heard, sizeof heard) : recv(fd, heard, sizeof heard, 0);
    const bool wait =
        n < 0 && (kind == WSS ? SSL_get_error(one->ssl, (int)n) == SSL_ERROR_WANT_READ : errno == EAGAIN);
    if (!wait)
        end(fd, n > 12 && memcmp(heard, "HTTP/1.1 101", 12) == 0);
}

static void go_on_half(int fd, uint32_t events)
{
    char heard[8192];
    if (!all[fd].said && (events & EPOLLOUT)) {
        all[fd].said = send(fd, hello, (size_t)hello_n, MSG_NOSIGNAL) == hello_n;
        if (!all[fd].said)
            end(fd, false);
        return;
    }
    const ssize_t n = recv(fd, heard, sizeof heard, 0);
    if (n >= 0 || errno != EAGAIN)
        end(fd, n > 0 && heard[0] == 22); // a handshake record, RFC 8446 section 5.1
}

static void go_on(int fd, uint32_t events)
{
    if (kind == FULL)
        (void)shake(fd);
    else if (kind == HALF)
        go_on_half(fd, events);
    else
        go_on_upgrade(fd, events);
}

static void hello_make(void)
{
    SSL *ssl = SSL_new(context);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl, in, out);
    SSL_set_connect_state(ssl);
    (void)SSL_do_handshake(ssl);
    hello_n = BIO_read(out, hello, sizeof hello);
    SSL_free(ssl);
}

// The process's POSIX CPU clock: all of its threads. 0 where nobody is to be looked at.
static double server_cpu_s(pid_t pid)
{
    clockid_t clock;
    struct timespec t;
    if (pid == 0)
        return 0;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) != 0)
        die("the server's CPU clock");
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void run(uint64_t rate, double seconds, pid_t pid)
{
    const double server_from = server_cpu_s(pid);
    const uint64_t from = now_ns(), until = from + (uint64_t)(seconds * 1e9);
    struct epoll_event events[256];
    for (uint64_t now = from; now < until; now = now_ns()) {
        while (begun < (uint64_t)((double)(now - from) / 1e9 * (double)rate))
            begin();
        const int n = epoll_wait(epoll_fd, events, 256, TICK_MS);
        for (int i = 0; i < n; i++)
            if (all[events[i].data.fd].used)
                go_on(events[i].data.fd, events[i].events);
    }
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    const double cpu_s = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                         (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    printf(
        "{\"done\":%lu,\"failed\":%lu,\"late\":%lu,\"seconds\":%.3f,\"cpu_s\":%.3f,\"server_cpu_s\":%.6f}\n",
        done, failed, late, (double)(now_ns() - from) / 1e9, cpu_s, server_cpu_s(pid) - server_from);
}

static bool kind_named(const char *name)
{
    static const char *const names[] = {"full", "half", "tcp", "wss"};
    for (kind = FULL; kind <= WSS; kind++)
        if (strcmp(name, names[kind]) == 0)
            return true;
    return false;
}

int main(int argc, char **argv)
{
    if (argc < 5 || argc > 6 || !kind_named(argv[1])) {
        fputs("handshakes: expected full|half|tcp|wss PORT RATE SECONDS [PID] (see its head)\n", stderr);
        return 2;
    }
    server.sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10));
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    context = SSL_CTX_new(TLS_client_method());
    if (context == NULL || SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set1_groups_list(context, "X25519") != 1)
        die("OpenSSL");
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    signal(SIGPIPE, SIG_IGN);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd < 0)
        die("epoll_create1");
    hello_make();
    run(strtoul(argv[3], NULL, 10), strtod(argv[4], NULL), argc > 5 ? (pid_t)strtol(argv[5], NULL, 10) : 0);
    SSL_CTX_free(context);
    return 0;
}
