// SPDX-License-Identifier: Apache-2.0
//
// socket, setsockopt, bind, listen, and the sentence for each way in which they fail.
//
// The trial bind without SO_REUSEPORT leaves a gap of microseconds in which another program could take the port; the
// bind that follows reports that like any other. Port 0 needs no trial: the kernel then gives a port that nobody
// shares (inet_csk_find_open_port ignores SO_REUSEPORT).
#include "io/listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

static enum err explain(int cause, const struct address *a, struct io_error *error)
{
    char where[ADDRESS_TEXT_MAX];
    address_format(a, where);
    switch (cause) {
    case EADDRINUSE:
        io_error_set(error, "cannot listen on %s: address already in use by another program", where);
        return ERR_EXISTS;
    case EACCES:
    case EPERM:
        io_error_set(error, "cannot listen on %s: not permitted; ports below 1024 need CAP_NET_BIND_SERVICE",
                     where);
        return ERR_DENIED;
    case EADDRNOTAVAIL:
        io_error_set(error, "cannot listen on %s: this machine has no such address", where);
        return ERR_NOT_FOUND;
    case EAFNOSUPPORT:
        io_error_set(error, "cannot listen on %s: this machine has no IPv%d", where,
                     a->storage.ss_family == AF_INET6 ? 6 : 4);
        return ERR_NOT_FOUND;
    default:
        io_error_set(error, "cannot listen on %s: %s", where, strerrordesc_np(cause));
        return ERR_UNSUPPORTED;
    }
}

static int option_set(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value);
}

// A bound socket, or -1 with errno.
static int bound_socket(const struct address *a, bool shared)
{
    int fd = socket(a->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    // SO_REUSEADDR: a restart need not wait for the old connections' TIME_WAIT; a live listener still conflicts.
    bool ok = option_set(fd, SOL_SOCKET, SO_REUSEADDR, 1) == 0;
    ok = ok && (!shared || option_set(fd, SOL_SOCKET, SO_REUSEPORT, 1) == 0);
    // "[::]" means both families whatever the system's default is.
    ok = ok && (a->storage.ss_family != AF_INET6 || option_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0) == 0);
    ok = ok && bind(fd, (const struct sockaddr *)&a->storage, a->len) == 0;
    if (ok)
        return fd;
    int cause = errno;
    close(fd);
    errno = cause;
    return -1;
}

// Accepted sockets inherit these. Keep-alive finds text clients whose machine is gone; they cannot be pinged.
// WebSocket clients are heard from more often than KEEP_IDLE_S by their heartbeats, so it costs them nothing.
enum { KEEP_IDLE_S = 60, KEEP_INTERVAL_S = 15, KEEP_PROBES = 4 };

static bool traffic_options_set(int fd)
{
    return option_set(fd, IPPROTO_TCP, TCP_NODELAY, 1) == 0 &&
           option_set(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, NOTSENT_BYTES) == 0 &&
           option_set(fd, SOL_SOCKET, SO_KEEPALIVE, 1) == 0 &&
           option_set(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S) == 0 &&
           option_set(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEP_INTERVAL_S) == 0 &&
           option_set(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEP_PROBES) == 0;
}

static int listening_socket(const struct address *a, int backlog, bool shared)
{
    int fd = bound_socket(a, shared);
    if (fd < 0)
        return -1;
    if (traffic_options_set(fd) && listen(fd, backlog) == 0)
        return fd;
    int cause = errno;
    close(fd);
    errno = cause;
    return -1;
}

// 0, or why the port cannot be had for us alone.
static int port_try(const struct address *a)
{
    int fd = bound_socket(a, false);
    if (fd < 0)
        return errno;
    close(fd);
    return 0;
}

// The first of several sockets shares its port with the others but with nobody else.
static int first_socket(const struct address *a, int backlog, bool shared, struct address *ret_bound)
{
    int cause = shared && address_port(a) != 0 ? port_try(a) : 0;
    if (cause != 0) {
        errno = cause;
        return -1;
    }
    int fd = listening_socket(a, backlog, shared);
    if (fd < 0)
        return -1;
    *ret_bound = *a;
    ret_bound->len = sizeof ret_bound->storage;
    getsockname(fd, (struct sockaddr *)&ret_bound->storage, &ret_bound->len);
    return fd;
}

enum err listener_open(const struct address *address, int backlog, uint32_t n, int *ret_fds,
                       struct address *ret_bound, struct io_error *error)
{
    struct address bound = *address;
    for (uint32_t i = 0; i < n; i++) {
        ret_fds[i] =
            i == 0 ? first_socket(address, backlog, n > 1, &bound) : listening_socket(&bound, backlog, true);
        if (ret_fds[i] < 0) {
            enum err e = explain(errno, address, error);
            while (i > 0) {
                close(ret_fds[--i]);
                ret_fds[i] = -1;
            }
            return e;
        }
    }
    *ret_bound = bound;
    return OK;
}
