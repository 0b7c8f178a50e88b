// SPDX-License-Identifier: Apache-2.0
//
// The floor: what a plain C loop of send() over the same sockets costs. Not a server, a yardstick.
//
//     floor [each|batch] [PORT]
//
// A client's text message is unmasked, framed once, and handed to every client of the same path, its sender included:
//   each    (default) one bare send() per message and reader, at once: the least that one message to N readers costs
//   batch   one send() per reader at the end of the loop's turn, with all messages of the turn in one piece: the least
//           that everyone-to-everyone costs
//
// It keeps nothing, checks next to nothing, and drops a reader whose socket is full: whatever a real server does
// beyond this is its own cost. The accept value of the handshake is not computed (only plenum-bench talks to this).

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define FDS_MAX 65536
#define PATHS_MAX 4096
#define IN_BYTES (128u << 10)
#define EVENTS_MAX 256

// Everyone who asked for the same path hears each other.
struct group {
    char path[128];
    int *fds;
    uint32_t count, size;
    char *turn; // batch: the frames of this turn
    size_t turn_len, turn_size;
};

struct client {
    struct group *group; // NULL: not upgraded yet
    uint32_t place;      // in group->fds
    char *rest;          // an unfinished frame
    uint32_t rest_len;
};

static struct client clients[FDS_MAX];
static struct group groups[PATHS_MAX];
static uint32_t group_count;
static bool batch;
static int epoll_fd;
static char in[2 * IN_BYTES];

static struct group *group_find(const char *path, size_t len)
{
    if (len >= sizeof groups[0].path)
        len = sizeof groups[0].path - 1;
    for (uint32_t i = 0; i < group_count; i++)
        if (strlen(groups[i].path) == len && memcmp(groups[i].path, path, len) == 0)
            return &groups[i];
    if (group_count == PATHS_MAX)
        return NULL;
    memcpy(groups[group_count].path, path, len);
    return &groups[group_count++];
}

static void client_drop(int fd)
{
    struct client *c = &clients[fd];
    if (c->group) {
        int last = c->group->fds[--c->group->count];
        c->group->fds[c->place] = last;
        clients[last].place = c->place;
    }
    free(c->rest);
    memset(c, 0, sizeof *c);
    close(fd);
}

static void client_upgrade(int fd, const char *request, size_t len)
{
    static const char answer[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                 "Connection: Upgrade\r\nSec-WebSocket-Accept: -\r\n\r\n";
    const char *path = memchr(request, ' ', len);
    const char *end = path ? memchr(path + 1, ' ', len - (size_t)(path + 1 - request)) : NULL;
    struct group *g = end ? group_find(path + 1, (size_t)(end - path - 1)) : NULL;
    if (!g || send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL) < 0) {
        client_drop(fd);
        return;
    }
    if (g->count == g->size) {
        g->size = g->size ? g->size * 2 : 16;
        g->fds = realloc(g->fds, g->size * sizeof *g->fds);
        if (!g->fds)
            abort();
    }
    clients[fd].group = g;
    clients[fd].place = g->count;
    g->fds[g->count++] = fd;
}

// `frame` is what every reader of the group gets.
static void group_send(struct group *g, const char *frame, size_t len)
{
    for (uint32_t i = g->count; i-- > 0;)
        if (send(g->fds[i], frame, len, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)len)
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
    memcpy(g->turn + g->turn_len, frame, len);
    g->turn_len += len;
}

// One whole masked frame with `len` bytes of payload at `p`: unmask in place, put a server's header before it.
static void on_frame(int fd, uint8_t opcode, uint8_t *mask, uint8_t *p, size_t len)
{
    struct group *g = clients[fd].group;
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
    while (clients[fd].group && n - i >= 6) {
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

static void on_readable(int fd)
{
    struct client *c = &clients[fd];
    uint32_t have = c->rest_len;
    if (have)
        memcpy(in, c->rest, have);
    ssize_t n = recv(fd, in + have, IN_BYTES, MSG_DONTWAIT);
    if (n <= 0) {
        if (n == 0 || errno != EAGAIN)
            client_drop(fd);
        return;
    }
    size_t all = have + (size_t)n;
    if (!c->group) {
        client_upgrade(fd, in, all); // a request comes in one piece over loopback
        return;
    }
    size_t taken = take_frames(fd, (uint8_t *)in, all);
    size_t rest = all - taken;
    if (!c->group)
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
        if (fd >= FDS_MAX || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e))
            close(fd);
    }
}

static void end_turn(void)
{
    for (uint32_t i = 0; i < group_count; i++) {
        if (groups[i].turn_len)
            group_send(&groups[i], groups[i].turn, groups[i].turn_len);
        groups[i].turn_len = 0;
    }
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

int main(int argc, char **argv)
{
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    signal(SIGPIPE, SIG_IGN);
    if (argc > 1 && strcmp(argv[1], "each") != 0 && strcmp(argv[1], "batch") != 0) {
        fprintf(stderr, "usage: floor [each|batch] [PORT]\n");
        return 2;
    }
    batch = argc > 1 && strcmp(argv[1], "batch") == 0;
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
