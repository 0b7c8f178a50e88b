// SPDX-License-Identifier: Apache-2.0
//
// The floor: what a plain C loop of send() over the same sockets costs. Not a server, a yardstick.
//
//     floor [each|batch] [PORT [CERT KEY]]
//
// A client's path names its groups, with commas between them. Its text message is unmasked, framed once, and handed to every client
// of its group, its sender included; of several groups, the one whose name it begins with, before a blank:
//   each    (default) one bare send() per message and reader, at once: the least that one message to N readers costs
//   batch   one send() per reader at the end of the loop's turn, with all messages of the turn in one piece: the least
//           that everyone-to-everyone costs
//
// With a certificate and its key it is TLS, and a send() is an SSL_write().
//
// It keeps nothing, checks next to nothing, and drops a reader whose socket is full: whatever a real server does
// beyond this is its own cost. The accept value of the handshake is not computed (only plenum-bench talks to this).

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
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
#include <sys/uio.h>
#include <unistd.h>

#define FDS_MAX 65536
#define GROUPS_MAX 32768u // a power of two: they are found by a hash of their name
#define OWN_MAX 8         // groups of one client
#define IN_BYTES (128u << 10)
#define EVENTS_MAX 256

// Everyone whose path names it hears each other.
struct group {
    char name[128];
    int *fds;
    uint32_t count, size;
    char *turn; // batch: the frames of this turn
    size_t turn_len, turn_size;
};

struct client {
    struct group *groups[OWN_MAX];
    uint32_t places[OWN_MAX]; // in groups[i]->fds
    uint32_t group_count;     // 0: not upgraded yet
    char *rest;               // an unfinished frame
    uint32_t rest_len;
    SSL *tls; // NULL: plain
    bool shaken;
    uint64_t flushed; // batch: in which turn, where it is in several groups
};

static struct client clients[FDS_MAX];
static struct group groups[GROUPS_MAX];
static uint32_t group_count;
static struct group *talked[GROUPS_MAX]; // batch: in this turn
static uint32_t talked_count;
static bool batch;
static uint64_t turn = 1;
static int epoll_fd;
static SSL_CTX *tls;
static char in[2 * IN_BYTES];

// The group of that name, and a new one where `make` says so; NULL where there is none.
static struct group *group_find(const char *name, size_t len, bool make)
{
    uint32_t at = 2166136261u; // FNV-1a
    for (size_t i = 0; i < len; i++)
        at = (at ^ (uint8_t)name[i]) * 16777619u;
    if (len == 0 || len >= sizeof groups[0].name)
        return NULL;
    for (at %= GROUPS_MAX; groups[at].name[0]; at = (at + 1) % GROUPS_MAX)
        if (strlen(groups[at].name) == len && memcmp(groups[at].name, name, len) == 0)
            return &groups[at];
    if (!make || group_count == GROUPS_MAX / 2)
        return NULL;
    group_count++;
    memcpy(groups[at].name, name, len);
    return &groups[at];
}

static void group_leave(struct client *c, uint32_t i)
{
    struct group *g = c->groups[i];
    const int last = g->fds[--g->count];
    g->fds[c->places[i]] = last;
    for (uint32_t k = 0; k < clients[last].group_count; k++)
        if (clients[last].groups[k] == g)
            clients[last].places[k] = c->places[i];
}

static void client_drop(int fd)
{
    struct client *c = &clients[fd];
    for (uint32_t i = 0; i < c->group_count; i++)
        group_leave(c, i);
    free(c->rest);
    SSL_free(c->tls);
    memset(c, 0, sizeof *c);
    close(fd);
}

static ssize_t client_send(int fd, const char *p, size_t len)
{
    if (!clients[fd].tls)
        return send(fd, p, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    ERR_clear_error();
    return SSL_write(clients[fd].tls, p, (int)len);
}

// Nothing is read ahead, so what is left is still in the socket.
static ssize_t client_recv(int fd, char *p, size_t len)
{
    SSL *ssl = clients[fd].tls;
    if (!ssl)
        return recv(fd, p, len, MSG_DONTWAIT);
    ERR_clear_error();
    const int n = SSL_read(ssl, p, (int)len);
    if (n > 0)
        return n;
    const int why = SSL_get_error(ssl, n);
    errno = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? EAGAIN : ECONNRESET;
    return -1;
}

static bool group_join(int fd, struct group *g)
{
    struct client *c = &clients[fd];
    if (!g || c->group_count == OWN_MAX)
        return false;
    if (g->count == g->size) {
        g->size = g->size ? g->size * 2 : 8;
        g->fds = realloc(g->fds, g->size * sizeof *g->fds);
        if (!g->fds)
            abort();
    }
    c->groups[c->group_count] = g;
    c->places[c->group_count++] = g->count;
    g->fds[g->count++] = fd;
    return true;
}

static void client_upgrade(int fd, const char *request, size_t len)
{
    static const char answer[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                 "Connection: Upgrade\r\nSec-WebSocket-Accept: -\r\n\r\n";
    const char *path = memchr(request, '/', len);
    const char *end = path ? memchr(path, ' ', len - (size_t)(path - request)) : NULL;
    bool good = end && client_send(fd, answer, sizeof answer - 1) > 0;
    while (good && path < end) {
        const char *name = path + 1;
        path = memchr(name, ',', (size_t)(end - name));
        path = path ? path : end;
        good = group_join(fd, group_find(name, (size_t)(path - name), true));
    }
    if (!good)
        client_drop(fd);
}

// `frame` is what every reader of the group gets.
static void group_send(struct group *g, const char *frame, size_t len)
{
    for (uint32_t i = g->count; i-- > 0;)
        if (client_send(g->fds[i], frame, len) != (ssize_t)len)
            client_drop(g->fds[i]);
}

static void group_keep(struct group *g, const char *frame, size_t len)
{
    if (g->turn_len + len > g->turn_size) {
        g->turn_size = (g->turn_len + len) * 2;
        g->turn = realloc(g->turn, g->turn_size);
        if (!g->turn)
            abort();
    }
    if (g->turn_len == 0)
        talked[talked_count++] = g;
    memcpy(g->turn + g->turn_len, frame, len);
    g->turn_len += len;
}

// Which of its groups a client means.
static struct group *group_meant(const struct client *c, const char *text, size_t len)
{
    if (c->group_count == 1)
        return c->groups[0];
    const char *blank = memchr(text, ' ', len);
    return blank ? group_find(text, (size_t)(blank - text), false) : NULL;
}

// One whole masked frame with `len` bytes of payload at `p`: unmask in place, put a server's header before it.
static void on_frame(int fd, uint8_t opcode, uint8_t *mask, uint8_t *p, size_t len)
{
    if (opcode == 8) {
        client_drop(fd);
        return;
    }
    if (opcode != 1)
        return;
    uint32_t key;
    memcpy(&key, mask, 4);
    uint64_t wide = (uint64_t)key << 32 | key;
    size_t i = 0;
    for (; i + 8 <= len; i += 8) {
        uint64_t v;
        memcpy(&v, p + i, 8);
        v ^= wide;
        memcpy(p + i, &v, 8);
    }
    for (; i < len; i++)
        p[i] = (uint8_t)(p[i] ^ (key >> (8 * (i & 3))));
    struct group *g = group_meant(&clients[fd], (const char *)p, len);
    if (!g)
        return;
    uint8_t *frame; // the client's header with its mask was longer: there is room
    if (len < 126) {
        frame = p - 2;
        frame[1] = (uint8_t)len;
    } else {
        frame = p - 4;
        frame[1] = 126;
        frame[2] = (uint8_t)(len >> 8);
        frame[3] = (uint8_t)len;
    }
    frame[0] = 0x81;
    size_t whole = (size_t)(p - frame) + len;
    if (batch)
        group_keep(g, (char *)frame, whole);
    else
        group_send(g, (char *)frame, whole);
}

// Returns how many of the bytes were whole frames.
static size_t take_frames(int fd, uint8_t *p, size_t n)
{
    size_t i = 0;
    while (clients[fd].group_count && n - i >= 6) {
        size_t len = p[i + 1] & 0x7f, head = 6;
        if (len == 126) {
            len = (size_t)p[i + 2] << 8 | p[i + 3];
            head = 8;
        } else if (len == 127) {
            client_drop(fd);
            return n;
        }
        if (n - i < head + len)
            break;
        on_frame(fd, p[i] & 0x0f, p + i + head - 4, p + i + head, len);
        i += head + len;
    }
    return i;
}

// Whether TLS is ready for what a client has to say.
static bool client_shake(int fd)
{
    struct client *c = &clients[fd];
    ERR_clear_error();
    const int done = SSL_do_handshake(c->tls);
    const int why = done == 1 ? SSL_ERROR_NONE : SSL_get_error(c->tls, done);
    c->shaken = done == 1;
    if (why != SSL_ERROR_NONE && why != SSL_ERROR_WANT_READ)
        client_drop(fd);
    return done == 1;
}

static void on_readable(int fd)
{
    struct client *c = &clients[fd];
    uint32_t have = c->rest_len;
    if (have)
        memcpy(in, c->rest, have);
    if (c->tls && !c->shaken && !client_shake(fd))
        return;
    ssize_t n = client_recv(fd, in + have, IN_BYTES);
    if (n <= 0) {
        if (n == 0 || errno != EAGAIN)
            client_drop(fd);
        return;
    }
    size_t all = have + (size_t)n;
    if (!c->group_count) {
        client_upgrade(fd, in, all); // a request comes in one piece over loopback
        return;
    }
    size_t taken = take_frames(fd, (uint8_t *)in, all);
    size_t rest = all - taken;
    if (!c->group_count)
        return;
    if (rest) {
        char *kept = realloc(c->rest, rest);
        if (!kept || rest > IN_BYTES)
            abort();
        memcpy(kept, in + taken, rest);
        c->rest = kept;
    }
    c->rest_len = (uint32_t)rest;
}

static void on_acceptable(int listener)
{
    for (int i = 0; i < 64; i++) {
        int on = 1;
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
            return;
        struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (fd >= FDS_MAX || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e)) {
            close(fd);
        } else if (tls) {
            clients[fd].tls = SSL_new(tls);
            if (!clients[fd].tls || SSL_set_fd(clients[fd].tls, fd) != 1)
                abort();
            SSL_set_accept_state(clients[fd].tls);
        }
    }
}

// What the turn has brought to a client of several groups, in one write.
static void client_flush(int fd)
{
    struct client *c = &clients[fd];
    struct iovec pieces[OWN_MAX];
    struct msghdr message = {.msg_iov = pieces};
    size_t len = 0;
    for (uint32_t i = 0; i < c->group_count; i++) {
        if (c->groups[i]->turn_len == 0)
            continue;
        pieces[message.msg_iovlen++] = (struct iovec){c->groups[i]->turn, c->groups[i]->turn_len};
        len += c->groups[i]->turn_len;
    }
    c->flushed = turn;
    if (sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)len)
        client_drop(fd);
}

static void end_turn(void)
{
    for (uint32_t i = 0; i < talked_count; i++) {
        struct group *g = talked[i];
        for (uint32_t k = g->count; k-- > 0;) {
            const int fd = g->fds[k];
            if (clients[fd].group_count > 1 && !clients[fd].tls) {
                if (clients[fd].flushed != turn)
                    client_flush(fd);
            } else if (client_send(fd, g->turn, g->turn_len) != (ssize_t)g->turn_len) {
                client_drop(fd);
            }
        }
    }
    for (uint32_t i = 0; i < talked_count; i++)
        talked[i]->turn_len = 0;
    talked_count = 0;
    turn++;
}

static int listen_on(uint16_t port)
{
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, len) || listen(fd, 4096) ||
        getsockname(fd, (struct sockaddr *)&at, &len)) {
        perror("floor");
        exit(1);
    }
    printf("%u\n", ntohs(at.sin_port));
    fflush(stdout);
    return fd;
}

static void take_certificate(const char *cert, const char *key)
{
    tls = SSL_CTX_new(TLS_server_method());
    if (!tls || SSL_CTX_use_certificate_chain_file(tls, cert) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1) {
        fprintf(stderr, "floor: no certificate and key in %s and %s\n", cert, key);
        exit(1);
    }
    SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
}

int main(int argc, char **argv)
{
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    signal(SIGPIPE, SIG_IGN);
    if (argc > 1 && strcmp(argv[1], "each") != 0 && strcmp(argv[1], "batch") != 0) {
        fprintf(stderr, "usage: floor [each|batch] [PORT [CERT KEY]]\n");
        return 2;
    }
    batch = argc > 1 && strcmp(argv[1], "batch") == 0;
    if (argc == 5)
        take_certificate(argv[3], argv[4]);
    int listener = listen_on(argc > 2 ? (uint16_t)strtoul(argv[2], NULL, 10) : 0);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event e = {.events = EPOLLIN, .data.fd = listener};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &e);
    for (;;) {
        struct epoll_event events[EVENTS_MAX];
        int n = epoll_wait(epoll_fd, events, EVENTS_MAX, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.fd == listener)
                on_acceptable(listener);
            else
                on_readable(events[i].data.fd);
        }
        end_turn();
    }
}
