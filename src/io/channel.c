// SPDX-License-Identifier: Apache-2.0
//
// Plain, and the way to every other kind.
//
// Rejected: plain as one more struct of functions. It is what nearly every call is for, and an indirect call keeps the
// compiler from putting send(2) right into the loop over the dirty connections. Instructions of ours for a write to one of
// 400 readers, core's among them (callgrind): 656 before there were channels, 663 with the branch, 680 with the struct.
// Beside the send itself neither is to be seen.
#include "io/channel.h"

#include "base/assert.h"
#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

_Static_assert(sizeof(struct span) == sizeof(struct iovec) &&
                   offsetof(struct span, p) == offsetof(struct iovec, iov_base) &&
                   offsetof(struct span, n) == offsetof(struct iovec, iov_len),
               "spans are handed to sendmsg as they are");

enum err channel_open(const struct channel_kind *kind, int fd, struct mem *mem, struct channel *ret)
{
    *ret = (struct channel){.kind = kind, .fd = fd};
    if (!kind)
        return OK;
    ret->state = kind->open(kind, fd, mem);
    return ret->state ? OK : ERR_NOMEM;
}

void channel_close(struct channel c, struct mem *mem, bool abortive)
{
    ASSERT(c.fd >= 0);
    if (c.state)
        c.kind->close(c.state, mem, abortive);
    if (abortive) {
        // close(2) then sends a reset and forgets what the socket still holds.
        struct linger linger = {.l_onoff = 1, .l_linger = 0};
        setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    }
    close(c.fd); // on Linux the file is gone even if this says EINTR
}

uint32_t channel_on_socket(struct channel c, uint32_t epoll_events)
{
    uint32_t news = 0;
    if (epoll_events & EPOLLIN)
        news |= CHANNEL_READABLE;
    if (epoll_events & EPOLLOUT)
        news |= CHANNEL_WRITABLE;
    if (epoll_events & (EPOLLRDHUP | EPOLLHUP))
        news |= CHANNEL_ENDING | CHANNEL_READABLE;
    if (epoll_events & EPOLLERR)
        news |= CHANNEL_ERROR | CHANNEL_READABLE;
    return c.state ? c.kind->on_socket(c.state, news) : news;
}

// A read that came back short leaves nothing behind (epoll(7)), which saves the second recv that would say EAGAIN.
// The one exception is a peer that sends urgent data: its own input then waits for its next segment.
static ssize_t plain_read(int fd, uint8_t *p, size_t n, uint32_t *ret_news)
{
    ssize_t got;
    do
        got = recv(fd, p, n, 0);
    while (got < 0 && errno == EINTR);
    *ret_news = got == (ssize_t)n ? CHANNEL_READABLE : 0;
    if (got < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? CHANNEL_AGAIN : CHANNEL_BROKEN;
    return got;
}

ssize_t channel_read(struct channel c, uint8_t *p, size_t n, uint32_t *ret_news)
{
    return c.kind ? c.kind->read(c.state, p, n, ret_news) : plain_read(c.fd, p, n, ret_news);
}

// A single span goes through send(2): writev and sendmsg cost 13-20 % more.
static ssize_t send_spans(int fd, const struct span *spans, size_t count)
{
    ssize_t sent;
    do {
        if (count == 1) {
            sent = send(fd, spans[0].p, spans[0].n, MSG_NOSIGNAL);
        } else {
            struct msghdr message = {.msg_iov = (struct iovec *)(void *)spans, .msg_iovlen = count};
            sent = sendmsg(fd, &message, MSG_NOSIGNAL);
        }
    } while (sent < 0 && errno == EINTR);
    return sent;
}

// A short write counts as EAGAIN, which the next one would say.
static ssize_t plain_write(int fd, const struct span *spans, size_t count, bool *ret_blocked)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += spans[i].n;
    ssize_t sent = send_spans(fd, spans, count);
    if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
        return CHANNEL_BROKEN;
    *ret_blocked = sent < (ssize_t)total;
    return sent > 0 ? sent : 0;
}

ssize_t channel_write(struct channel c, const struct span *spans, size_t count, bool *ret_blocked)
{
    return c.kind ? c.kind->write(c.state, spans, count, ret_blocked)
                  : plain_write(c.fd, spans, count, ret_blocked);
}

bool channel_shutdown(struct channel c)
{
    if (c.kind)
        return c.kind->shutdown(c.state);
    shutdown(c.fd, SHUT_WR);
    return true;
}

const struct certificate *channel_certificate(struct channel c)
{
    ASSERT(c.kind != NULL && c.kind->secure);
    return c.kind->certificate != NULL ? c.kind->certificate(c.state) : NULL;
}
