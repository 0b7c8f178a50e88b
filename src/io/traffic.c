// SPDX-License-Identifier: Apache-2.0
//
// Bytes in, bytes out, closes: core's connections on their sockets.
//
// No byte is copied here. Reads go into one buffer per shard, which core takes apart before the next read; writes
// come as spans of the rooms' logs. Rejected: a read buffer per connection (idle ones would hold it), reading until
// EAGAIN (one more system call per message, and one busy peer starves the others).
#include "io/loop.h"

#include "base/assert.h"
#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    RECV_BYTES_MIN = 4 * 1024,
    RECV_BYTES_MAX = 16 << 20,
};

_Static_assert(sizeof(struct span) == sizeof(struct iovec) &&
                   offsetof(struct span, p) == offsetof(struct iovec, iov_base) &&
                   offsetof(struct span, n) == offsetof(struct iovec, iov_len),
               "spans are handed to sendmsg as they are");

// The list of connections to read in the next turn, first in, first out. A connection that is closed stays in it
// until its turn comes, which is before its index can be used again.
static void ready_push(struct loop *l, uint32_t index)
{
    struct conn *c = &l->conns[index];
    if (c->flags & CONN_READY)
        return;
    c->flags |= CONN_READY;
    c->ready_next = CONN_NONE;
    if (l->ready_tail == CONN_NONE)
        l->ready_head = index;
    else
        l->conns[l->ready_tail].ready_next = index;
    l->ready_tail = index;
}

// For as many as core may have, at once: a connection that comes when memory is out must have its place here. Pages
// that no connection has been on cost nothing, so none is written to before.
static enum err conns_reserve(struct loop *l, uint32_t connections_max)
{
    if (l->conns != NULL)
        return OK;
    l->conns = mem_alloc(&l->mem, connections_max * sizeof *l->conns);
    if (!l->conns)
        return ERR_NOMEM;
    l->conns_cap = connections_max;
    return OK;
}

static void conns_begin(struct loop *l, uint32_t index)
{
    ASSERT(index < l->conns_cap);
    for (; l->conns_begun <= index; l->conns_begun++)
        l->conns[l->conns_begun] = (struct conn){.fd = -1};
}

enum err traffic_settings(struct loop *l, const struct settings *core)
{
    uint32_t bytes = core->turn_bytes;
    bytes = bytes < RECV_BYTES_MIN ? RECV_BYTES_MIN : bytes > RECV_BYTES_MAX ? RECV_BYTES_MAX : bytes;
    if (conns_reserve(l, core->connections_max) != OK)
        return ERR_NOMEM;
    if (bytes == l->recv_bytes)
        return OK;
    uint8_t *buf = mem_zalloc(&l->mem, (size_t)bytes + RECV_PADDING);
    if (!buf)
        return ERR_NOMEM;
    if (l->recv_buf)
        mem_free(&l->mem, l->recv_buf, (size_t)l->recv_bytes + RECV_PADDING);
    l->recv_buf = buf;
    l->recv_bytes = bytes;
    return OK;
}

static void on_broken(struct loop *l, uint32_t index)
{
    struct conn *c = &l->conns[index];
    if (c->flags & CONN_BROKEN)
        return;
    c->flags |= CONN_BROKEN;
    shard_on_broken(l->shard, index);
}

static bool watch(struct loop *l, uint32_t index, int operation)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                .data.u64 = event_tag(EVENT_CONNECTION, index)};
    return epoll_ctl(l->epoll_fd, operation, l->conns[index].fd, &event) == 0;
}

// After EAGAIN: raises the edge again if the socket is ready nevertheless. The kernel says EAGAIN and raises the
// edge later by two separate rules (SOCK_NOSPACE, TCP_NOTSENT_LOWAT), and a sandbox or a fault injector may say it
// alone; one more system call for a socket that has to wait anyway is worth not having to trust that.
static void watch_again(struct loop *l, uint32_t index)
{
    bool watched = watch(l, index, EPOLL_CTL_MOD);
    (void)watched; // a modification needs no memory
}

void traffic_open(struct loop *l, uint32_t index, int fd, uint32_t ticket)
{
    conns_begin(l, index);
    ASSERT(l->conns[index].fd < 0 && !(l->conns[index].flags & CONN_READY));
    l->conns[index] = (struct conn){.fd = fd, .ticket = ticket};
    if (!watch(l, index, EPOLL_CTL_ADD))
        on_broken(l, index); // out of kernel memory or of watches: nothing would ever be heard of it
}

static ssize_t recv_again(int fd, void *p, size_t n)
{
    ssize_t got;
    do
        got = recv(fd, p, n, 0);
    while (got < 0 && errno == EINTR);
    return got;
}

static void read_once(struct loop *l, uint32_t index)
{
    struct conn *c = &l->conns[index];
    if (c->flags & (CONN_PAUSED | CONN_EOF | CONN_BROKEN))
        return;
    if (l->turn_bytes_read >= TURN_READ_BYTES) {
        ready_push(l, index);
        return;
    }
    where_at(&l->where, WHERE_READ, index);
    ssize_t n = recv_again(c->fd, l->recv_buf, l->recv_bytes);
    metric_add(&l->io_metrics.reads, 1);
    if (n > 0) {
        l->turn_bytes_read += (uint32_t)n;
        // Full: there may be more. RDHUP: the end is still to be read. Neither will raise another edge.
        if (n == (ssize_t)l->recv_bytes || (c->flags & CONN_RDHUP))
            ready_push(l, index);
        if (!shard_on_bytes(l->shard, index, l->recv_buf, (size_t)n))
            c->flags |= CONN_PAUSED;
    } else if (n == 0) {
        c->flags |= CONN_EOF;
        shard_on_eof(l->shard, index);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        watch_again(l, index);
    } else {
        on_broken(l, index);
    }
}

void traffic_on_event(struct loop *l, uint32_t index, uint32_t events)
{
    struct conn *c = &l->conns[index];
    ASSERT(index < l->conns_cap && c->fd >= 0);
    if (events & (EPOLLRDHUP | EPOLLHUP))
        c->flags |= CONN_RDHUP;
    if ((events & EPOLLOUT) && (c->flags & CONN_BLOCKED)) {
        c->flags &= (uint8_t)~CONN_BLOCKED;
        shard_on_writable(l->shard, index);
    }
    if ((events & EPOLLERR) && (c->flags & (CONN_PAUSED | CONN_EOF)))
        on_broken(l, index); // nobody reads, so nobody else would notice
    else if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        read_once(l, index);
}

void traffic_serve_ready(struct loop *l)
{
    uint32_t index = l->ready_head;
    l->ready_head = l->ready_tail =
        CONN_NONE; // those that are added from here on have their turn in the next one
    while (index != CONN_NONE) {
        struct conn *c = &l->conns[index];
        uint32_t next = c->ready_next;
        c->flags &= (uint8_t)~CONN_READY;
        if (c->fd >= 0 && (c->flags & CONN_FAILED))
            on_broken(l, index);
        else if (c->fd >= 0)
            read_once(l, index);
        index = next;
    }
}

// A single span goes through send(2): writev and sendmsg cost 13-20 % more.
static ssize_t send_spans(int fd, struct span *spans, size_t count)
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

static void write_once(struct loop *l, uint32_t index)
{
    struct conn *c = &l->conns[index];
    struct span spans[SPANS_MAX];
    where_at(&l->where, WHERE_WRITE, index);
    size_t count = shard_output(l->shard, index, spans);
    if (count == 0) {
        shard_output_done(l->shard, index, 0, false);
        return;
    }
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += spans[i].n;

    ssize_t sent = send_spans(c->fd, spans, count);
    bool failed = sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK;
    bool blocked = sent < (ssize_t)total;
    if (failed) {
        // Core hears of it as an event of the next turn; until then the connection counts as blocked.
        c->flags |= CONN_FAILED;
        ready_push(l, index);
    } else if (blocked) {
        c->flags |= CONN_BLOCKED; // a short write counts as EAGAIN, which the next one would say
        watch_again(l, index);
    }
    shard_output_done(l->shard, index, sent > 0 ? (size_t)sent : 0, blocked);
}

void traffic_write(struct loop *l)
{
    uint32_t writes = 0;
    uint32_t index;
    for (; writes < WRITES_PER_TURN && shard_pull_dirty(l->shard, &index); writes++)
        write_once(l, index);
    // A room of 20,000 would take 70 ms in one go; commands of others are read in between.
    l->writes_left = writes >= WRITES_PER_TURN;
    if (l->writes_left)
        metric_add(&l->io_metrics.write_slices, 1);
}

static void close_socket(int fd, bool abortive)
{
    if (abortive) {
        // close(2) then sends a reset and forgets what the socket still holds.
        struct linger linger = {.l_onoff = 1, .l_linger = 0};
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    }
    close(fd); // on Linux the file is gone even if this says EINTR
}

void traffic_close(struct loop *l)
{
    uint32_t index;
    while (shard_pull_shutdown(l->shard, &index))
        if (l->conns[index].fd >= 0)
            shutdown(l->conns[index].fd, SHUT_WR);

    bool abortive;
    while (shard_pull_closed(l->shard, &index, &abortive)) {
        struct conn *c = &l->conns[index];
        ASSERT(index < l->conns_cap && c->fd >= 0);
        close_socket(c->fd, abortive);
        c->fd = -1;
        c->flags &= CONN_READY;
        acceptor_on_closed(l);
        loop_wake_waiting(l, admission_leave(&l->shared->admission, c->ticket));
    }
}

void traffic_reread(struct loop *l)
{
    uint32_t index;
    while (shard_pull_reread(l->shard, &index)) {
        l->conns[index].flags &= (uint8_t)~CONN_PAUSED;
        ready_push(l, index);
    }
}

void traffic_deinit(struct loop *l)
{
    for (uint32_t i = 0; i < l->conns_begun; i++)
        if (l->conns[i].fd >= 0) {
            close(l->conns[i].fd);
            admission_leave(&l->shared->admission, l->conns[i].ticket);
        }
    if (l->conns)
        mem_free(&l->mem, l->conns, l->conns_cap * sizeof *l->conns);
    if (l->recv_buf)
        mem_free(&l->mem, l->recv_buf, (size_t)l->recv_bytes + RECV_PADDING);
    l->conns = NULL;
    l->conns_cap = l->conns_begun = 0;
    l->recv_buf = NULL;
    l->recv_bytes = 0;
    l->ready_head = l->ready_tail = CONN_NONE;
}
