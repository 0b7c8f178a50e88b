// SPDX-License-Identifier: Apache-2.0
//
// meddler: what the kernel may say to a socket at any time, said all the time (abuse case D11). Preloaded into the server
// (LD_PRELOAD), it stands between it and libc:
//
//   send, sendmsg, write   one in four takes one octet of what it is given; one in eight EINTR; one in eight EAGAIN
//   recv, read             one in eight EINTR; one in eight EAGAIN
//   accept4                one in four EINTR, ECONNABORTED or EAGAIN
//   epoll_wait, _pwait2    one in eight EINTR
//
// and where MEDDLER_BREAKS says n, one in n of the reads and writes finds that the peer is gone: ECONNRESET, or EPIPE where it writes; so
// does every later one on that socket. Dice are a thread's own, from MEDDLER_SEED.
//
// Files that are no sockets are left alone. A read that takes less than is there is not among it: of an edge-triggered socket the
// kernel promises that it does not do that (epoll(7)), and the server holds it to that.
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_MAX = 65536 };

static atomic_bool broken[FILES_MAX];
static atomic_uint threads;
static _Thread_local uint64_t dice;

static unsigned breaks_one_in, seed;

static unsigned number(const char *name)
{
    const char *text = getenv(name);
    return text != NULL ? (unsigned)strtoul(text, NULL, 10) : 0;
}

__attribute__((constructor)) static void begin(void)
{
    breaks_one_in = number("MEDDLER_BREAKS");
    seed = number("MEDDLER_SEED");
}

// xorshift64*: below n.
static unsigned roll(unsigned n)
{
    if (dice == 0)
        dice = (seed + atomic_fetch_add(&threads, 1) * 1000003U) * 0x9e3779b97f4a7c15U | 1;
    dice ^= dice >> 12;
    dice ^= dice << 25;
    dice ^= dice >> 27;
    return (unsigned)((dice * 0x2545f4914f6cdd1dU) >> 33) % n;
}

static bool is_socket(int fd)
{
    struct stat st;
    int before = errno;
    bool yes = fd >= 0 && fd < FILES_MAX && fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
    errno = before;
    return yes;
}

// True: the call says `errno` and does nothing.
static bool meddle(int fd, int when_broken)
{
    if (fd < 0 || fd >= FILES_MAX)
        return false;
    if (breaks_one_in != 0 && roll(breaks_one_in) == 0)
        atomic_store(&broken[fd], true);
    unsigned what = roll(8);
    errno = what == 0 ? EINTR : EAGAIN;
    if (atomic_load(&broken[fd])) {
        errno = when_broken;
        return true;
    }
    return what < 2;
}

#define REAL(name) ((__typeof__(&(name)))dlsym(RTLD_NEXT, #name))

ssize_t send(int fd, const void *p, size_t n, int flags)
{
    if (meddle(fd, EPIPE))
        return -1;
    return REAL(send)(fd, p, n > 1 && roll(4) == 0 ? 1 : n, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    if (meddle(fd, ECONNRESET))
        return -1;
    if (message->msg_iovlen == 0 || message->msg_iov[0].iov_len == 0 || roll(4) != 0)
        return REAL(sendmsg)(fd, message, flags);
    return REAL(send)(fd, message->msg_iov[0].iov_base, 1, flags);
}

ssize_t write(int fd, const void *p, size_t n)
{
    if (!is_socket(fd))
        return REAL(write)(fd, p, n);
    if (meddle(fd, EPIPE))
        return -1;
    return REAL(write)(fd, p, n > 1 && roll(4) == 0 ? 1 : n);
}

ssize_t recv(int fd, void *p, size_t n, int flags)
{
    return meddle(fd, ECONNRESET) ? -1 : REAL(recv)(fd, p, n, flags);
}

ssize_t read(int fd, void *p, size_t n)
{
    return is_socket(fd) && meddle(fd, ECONNRESET) ? -1 : REAL(read)(fd, p, n);
}

int accept4(int listener, struct sockaddr *restrict from, socklen_t *restrict from_n, int flags)
{
    static const int says[] = {EINTR, EINTR, ECONNABORTED, EAGAIN};
    unsigned what = roll(16);
    if (what < sizeof says / sizeof says[0]) {
        errno = says[what];
        return -1;
    }
    int fd = REAL(accept4)(listener, from, from_n, flags);
    if (fd >= 0 && fd < FILES_MAX)
        atomic_store(&broken[fd], false);
    return fd;
}

int epoll_wait(int epoll, struct epoll_event *events, int n, int timeout_ms)
{
    if (timeout_ms != 0 && roll(8) == 0) {
        errno = EINTR;
        return -1;
    }
    return REAL(epoll_wait)(epoll, events, n, timeout_ms);
}

int epoll_pwait2(int epoll, struct epoll_event *events, int n, const struct timespec *timeout,
                 const sigset_t *mask)
{
    if (roll(8) == 0) {
        errno = EINTR;
        return -1;
    }
    return REAL(epoll_pwait2)(epoll, events, n, timeout, mask);
}
