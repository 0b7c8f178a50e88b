// SPDX-License-Identifier: Apache-2.0
//
// The answers, and the few sockets that linger after one. A new socket's send buffer always has room for an answer,
// so there is nothing to queue: what the one send(2) does not take is not said.
#include "io/refusal.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct {
    const char *status;
    const char *phrase;   // behind a language's `parting`
    const char *sentence; // the body over HTTP
    int retry_s;          // Retry-After, RFC 9110 section 10.2.3; 0: it will be no better
} answers[REFUSAL_COUNT] = {
    [REFUSAL_FULL] = {"503 Service Unavailable", "the server is full, try again later",
                      "The server is full: all connections are taken; try again later.", 5},
    [REFUSAL_ADDRESS] = {"429 Too Many Requests", "too many connections from your address, close one first",
                         "There are too many connections from your address; close one first.", 10},
    [REFUSAL_PACE] = {"429 Too Many Requests",
                      "too many new connections from your address, come again in a moment",
                      "There are too many new connections from your address; come again in a moment.", 1},
    [REFUSAL_FILES] = {"503 Service Unavailable", "the server is full, try again later",
                       "The server is full: it is out of files; try again later.", 5},
    [REFUSAL_MEMORY] = {"503 Service Unavailable", "out of memory, try again later",
                        "The server is out of memory; try again later.", 5},
    [REFUSAL_PROXY] = {"403 Forbidden", "this port is for proxies (server.trusted_proxies)",
                       "This port is for proxies that are named in server.trusted_proxies.", 0},
    [REFUSAL_HEADER] = {"400 Bad Request", "this port is for proxies, which begin with a PROXY header",
                        "This port is for proxies, which begin with a PROXY header.", 0},
    [REFUSAL_DRAIN] = {"503 Service Unavailable", "server restarts, try again in a moment",
                       "The server is restarting; connect again in a moment.", 1},
};

_Static_assert(REFUSAL_COUNT == 8, "each reason has its words above");

static void refusal_send(int fd, const struct language *language, enum refusal_reason reason)
{
    char text[512], retry[32] = "";
    const char *sentence = answers[reason].sentence;
    if (answers[reason].retry_s != 0)
        snprintf(retry, sizeof retry, "Retry-After: %d\r\n", answers[reason].retry_s);
    int n;
    if (language != NULL)
        n = snprintf(text, sizeof text, "%s%s\n", language->parting, answers[reason].phrase);
    else
        n = snprintf(text, sizeof text,
                     "HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %zu\r\n"
                     "%sCache-Control: no-store\r\nConnection: close\r\n\r\n%s\n",
                     answers[reason].status, strlen(sentence) + 1, retry, sentence);
    ssize_t sent = send(fd, text, (size_t)n, MSG_NOSIGNAL);
    (void)sent;
}

// Throws away what has arrived; true when the peer has closed or the socket is broken. At most 256 KiB at once: a
// peer that sends more is cut off by the deadline.
static bool discard_input(int fd)
{
    char scrap[16 * 1024];
    for (int round = 0; round < 16; round++) {
        // With MSG_TRUNC a TCP socket drops the bytes without copying them, tcp(7).
        ssize_t n = recv(fd, scrap, sizeof scrap, MSG_TRUNC);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
            return true;
        if (n < 0 && errno == EAGAIN)
            return false;
    }
    return false;
}

void refusal_send_and_close(int fd, const struct language *language, enum refusal_reason reason)
{
    refusal_send(fd, language, reason);
    shutdown(fd, SHUT_WR);
    discard_input(fd);
    close(fd);
}

void refusals_init(struct refusals *r, int epoll_fd)
{
    r->epoll_fd = epoll_fd;
    for (uint32_t i = 0; i < REFUSALS_MAX; i++)
        r->slots[i].fd = -1;
}

static void slot_close(struct refusals *r, uint32_t slot)
{
    close(r->slots[slot].fd);
    r->slots[slot].fd = -1;
}

// A free slot, or the oldest one, freed.
static uint32_t slot_take(struct refusals *r)
{
    uint32_t oldest = 0;
    for (uint32_t i = 0; i < REFUSALS_MAX; i++) {
        if (r->slots[i].fd < 0)
            return i;
        if (r->slots[i].due_ms < r->slots[oldest].due_ms)
            oldest = i;
    }
    slot_close(r, oldest);
    return oldest;
}

void refusals_add(struct refusals *r, int fd, const struct language *language, enum refusal_reason reason,
                  uint64_t now_ms, uint64_t tag)
{
    refusal_send(fd, language, reason);
    if (shutdown(fd, SHUT_WR) != 0 || discard_input(fd)) {
        close(fd);
        return;
    }
    uint32_t slot = slot_take(r);
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.u64 = tag + slot};
    if (epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        close(fd);
        return;
    }
    r->slots[slot].fd = fd;
    r->slots[slot].due_ms = now_ms + REFUSAL_LINGER_MS;
}

void refusals_on_event(struct refusals *r, uint32_t slot)
{
    if (r->slots[slot].fd >= 0 && discard_input(r->slots[slot].fd))
        slot_close(r, slot);
}

void refusals_expire(struct refusals *r, uint64_t now_ms)
{
    for (uint32_t i = 0; i < REFUSALS_MAX; i++)
        if (r->slots[i].fd >= 0 && r->slots[i].due_ms <= now_ms)
            slot_close(r, i);
}

uint64_t refusals_next_due_ms(const struct refusals *r)
{
    uint64_t due = UINT64_MAX;
    for (uint32_t i = 0; i < REFUSALS_MAX; i++)
        if (r->slots[i].fd >= 0 && r->slots[i].due_ms < due)
            due = r->slots[i].due_ms;
    return due;
}

void refusals_close_all(struct refusals *r)
{
    for (uint32_t i = 0; i < REFUSALS_MAX; i++)
        if (r->slots[i].fd >= 0)
            slot_close(r, i);
}
