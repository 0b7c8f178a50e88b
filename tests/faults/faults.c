// SPDX-License-Identifier: Apache-2.0
//
// faults: every call by which the server and its libraries ask libc and the kernel for something, each of which fails once at each place
// that it is made from (sites.h). Preloaded, it stands in front of libc, and of a sanitizer's own.
//
// A connection that is reset is really reset (connect(2) to AF_UNSPEC), so that what the kernel says afterwards is the kernel's. A short
// read is not among the ways: of an edge-triggered socket epoll(7) promises that a read takes what is there.
#include "sites.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

// The next one's address, looked up once. dlsym may allocate: malloc's own are looked up before anything is armed.
#define REAL(name)                                                \
    ({                                                            \
        static __typeof__(&(name)) real_;                         \
        if (real_ == NULL)                                        \
            real_ = (__typeof__(&(name)))dlsym(RTLD_NEXT, #name); \
        real_;                                                    \
    })

// Says so in errno, and returns `says`, where the call is to fail.
#define FAIL(says, call, ...)                   \
    do {                                        \
        int error_ = STRIKE(call, __VA_ARGS__); \
        if (error_ != 0) {                      \
            errno = error_;                     \
            return says;                        \
        }                                       \
    } while (0)

// ---- memory

void *malloc(size_t n)
{
    FAIL(NULL, CALL_MALLOC, ENOMEM);
    return REAL(malloc)(n);
}

void *calloc(size_t n, size_t size)
{
    FAIL(NULL, CALL_CALLOC, ENOMEM);
    return REAL(calloc)(n, size);
}

void *realloc(void *p, size_t n)
{
    FAIL(NULL, CALL_REALLOC, ENOMEM);
    return REAL(realloc)(p, n);
}

int posix_memalign(void **ret, size_t alignment, size_t n)
{
    FAIL(ENOMEM, CALL_ALIGNED, ENOMEM);
    return REAL(posix_memalign)(ret, alignment, n);
}

void *aligned_alloc(size_t alignment, size_t n)
{
    FAIL(NULL, CALL_ALIGNED, ENOMEM);
    return REAL(aligned_alloc)(alignment, n);
}

void *mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset)
{
    FAIL(MAP_FAILED, CALL_MMAP, ENOMEM);
    return REAL(mmap)(at, n, protection, flags, fd, offset);
}

void *mremap(void *p, size_t n_old, size_t n, int flags, ...)
{
    FAIL(MAP_FAILED, CALL_MREMAP, ENOMEM);
    return REAL(mremap)(p, n_old, n, flags);
}

int pthread_create(pthread_t *ret, const pthread_attr_t *attributes, void *(*run)(void *), void *ctx)
{
    int error = STRIKE(CALL_THREAD, EAGAIN);
    return error != 0 ? error : REAL(pthread_create)(ret, attributes, run, ctx);
}

// ---- sockets

int socket(int domain, int type, int protocol)
{
    FAIL(-1, CALL_SOCKET, EMFILE, ENFILE, ENOBUFS, ENOMEM);
    return REAL(socket)(domain, type, protocol);
}

int bind(int fd, const struct sockaddr *at, socklen_t n)
{
    FAIL(-1, CALL_BIND, EADDRINUSE, EACCES, ENOMEM);
    return REAL(bind)(fd, at, n);
}

int listen(int fd, int backlog)
{
    FAIL(-1, CALL_LISTEN, EADDRINUSE);
    return REAL(listen)(fd, backlog);
}

int connect(int fd, const struct sockaddr *to, socklen_t n)
{
    FAIL(-1, CALL_CONNECT, ECONNREFUSED, ENETUNREACH, ETIMEDOUT, EADDRNOTAVAIL);
    return REAL(connect)(fd, to, n);
}

int accept4(int listener, struct sockaddr *restrict from, socklen_t *restrict from_n, int flags)
{
    FAIL(-1, CALL_ACCEPT, EMFILE, ENFILE, ENOMEM, ENOBUFS, EINTR, EAGAIN, ECONNABORTED, EPROTO);
    return REAL(accept4)(listener, from, from_n, flags);
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t n)
{
    FAIL(-1, CALL_SETSOCKOPT, ENOMEM);
    return REAL(setsockopt)(fd, level, name, value, n);
}

static void reset(int fd)
{
    const struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
    if (REAL(connect)(fd, &nowhere, sizeof nowhere) != 0)
        REAL(shutdown)(fd, SHUT_RDWR); // a Unix socket
}

// Octets to be taken of n, or -1 where it fails.
static ssize_t sends(int fd, size_t n)
{
    int how = STRIKE(CALL_SEND, WAY_FIRST, WAY_ALL_BUT_LAST, WAY_RESET, EAGAIN, EINTR, EPIPE, ECONNRESET,
                     ENOBUFS, ENOMEM, ETIMEDOUT);
    if (how == WAY_FIRST || how == WAY_ALL_BUT_LAST)
        return n > 1 ? (how == WAY_FIRST ? 1 : (ssize_t)n - 1) : (ssize_t)n;
    if (how == WAY_RESET)
        reset(fd);
    if (how == 0 || how == WAY_RESET)
        return (ssize_t)n;
    errno = how;
    return -1;
}

ssize_t send(int fd, const void *p, size_t n, int flags)
{
    ssize_t most = sends(fd, n);
    return most < 0 ? -1 : REAL(send)(fd, p, (size_t)most, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    size_t total = 0;
    for (size_t i = 0; i < message->msg_iovlen; i++)
        total += message->msg_iov[i].iov_len;
    ssize_t most = sends(fd, total);
    if (most < 0)
        return -1;
    if ((size_t)most == total || message->msg_iovlen > 1024)
        return REAL(sendmsg)(fd, message, flags);
    struct iovec some[1024];
    struct msghdr shorter = *message;
    size_t left = (size_t)most, count = 0;
    for (; count < message->msg_iovlen && left > 0; count++) {
        some[count] = message->msg_iov[count];
        if (some[count].iov_len > left)
            some[count].iov_len = left;
        left -= some[count].iov_len;
    }
    shorter.msg_iov = some;
    shorter.msg_iovlen = count;
    return REAL(sendmsg)(fd, &shorter, flags);
}

// -1: it fails; 0: nothing more comes; 1: it is carried out.
static int receives(int fd)
{
    int how = STRIKE(CALL_RECV, WAY_RESET, WAY_END, EAGAIN, EINTR, ECONNRESET, ENOMEM, ETIMEDOUT);
    if (how == WAY_RESET)
        reset(fd);
    if (how == 0 || how == WAY_RESET)
        return 1;
    if (how == WAY_END)
        return 0;
    errno = how;
    return -1;
}

ssize_t recv(int fd, void *p, size_t n, int flags)
{
    int how = receives(fd);
    return how == 1 ? REAL(recv)(fd, p, n, flags) : how;
}

ssize_t __recv_chk(int fd, void *p, size_t n, size_t room, int flags);
ssize_t __recv_chk(int fd, void *p, size_t n, size_t room, int flags)
{
    int how = receives(fd);
    return how == 1 ? REAL(__recv_chk)(fd, p, n, room, flags) : how;
}

// ---- waiting

int epoll_create1(int flags)
{
    FAIL(-1, CALL_EPOLL_CREATE, EMFILE, ENFILE, ENOMEM);
    return REAL(epoll_create1)(flags);
}

int epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
    if (operation == EPOLL_CTL_ADD) // the others need nothing that there might not be
        FAIL(-1, CALL_EPOLL_CTL, ENOMEM, ENOSPC);
    return REAL(epoll_ctl)(epoll, operation, fd, event);
}

int epoll_wait(int epoll, struct epoll_event *events, int n, int timeout_ms)
{
    if (timeout_ms != 0)
        FAIL(-1, CALL_EPOLL_WAIT, EINTR);
    return REAL(epoll_wait)(epoll, events, n, timeout_ms);
}

int epoll_pwait2(int epoll, struct epoll_event *events, int n, const struct timespec *timeout,
                 const sigset_t *mask)
{
    FAIL(-1, CALL_EPOLL_WAIT, EINTR, ENOSYS);
    return REAL(epoll_pwait2)(epoll, events, n, timeout, mask);
}

int poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
    FAIL(-1, CALL_POLL, EINTR, ENOMEM);
    return REAL(poll)(fds, n, timeout_ms);
}

int eventfd(unsigned value, int flags)
{
    FAIL(-1, CALL_EVENTFD, EMFILE, ENFILE, ENOMEM);
    return REAL(eventfd)(value, flags);
}

int signalfd(int fd, const sigset_t *mask, int flags)
{
    FAIL(-1, CALL_SIGNALFD, EMFILE, ENFILE, ENOMEM);
    return REAL(signalfd)(fd, mask, flags);
}

// ---- files

static mode_t kind(int fd)
{
    struct stat st;
    int before = errno;
    mode_t mode = REAL(fstat)(fd, &st) == 0 ? st.st_mode & S_IFMT : 0;
    errno = before;
    return mode;
}

ssize_t read(int fd, void *p, size_t n)
{
    mode_t what = at_rest() ? 0 : kind(fd);
    if (what == S_IFSOCK) {
        int how = receives(fd);
        return how == 1 ? REAL(read)(fd, p, n) : how;
    }
    if (what == S_IFREG) {
        int how = STRIKE(CALL_FILE_READ, WAY_FIRST, EINTR, EIO);
        n = how == WAY_FIRST && n > 1 ? 1 : n;
        if (how != 0 && how != WAY_FIRST) {
            errno = how;
            return -1;
        }
    }
    return REAL(read)(fd, p, n);
}

ssize_t pread(int fd, void *p, size_t n, off_t at)
{
    int how = STRIKE(CALL_FILE_READ, WAY_FIRST, EINTR, EIO);
    if (how == 0 || how == WAY_FIRST)
        return REAL(pread)(fd, p, how != 0 && n > 1 ? 1 : n, at);
    errno = how;
    return -1;
}

static ssize_t write_some(int how, int fd, const void *p, size_t n)
{
    if (how == 0)
        return REAL(write)(fd, p, n);
    if (how == WAY_FIRST || how == WAY_ALL_BUT_LAST)
        return REAL(write)(fd, p, n > 1 ? (how == WAY_FIRST ? 1 : n - 1) : n);
    errno = how;
    return -1;
}

ssize_t write(int fd, const void *p, size_t n)
{
    mode_t what = at_rest() ? 0 : kind(fd);
    if (what == S_IFSOCK) {
        ssize_t most = sends(fd, n);
        return most < 0 ? -1 : REAL(write)(fd, p, (size_t)most);
    }
    if (what == S_IFREG)
        return write_some(STRIKE(CALL_FILE_WRITE, WAY_FIRST, WAY_ALL_BUT_LAST, ENOSPC, EIO, EDQUOT, EINTR),
                          fd, p, n);
    if (what == S_IFIFO || what == S_IFCHR)
        return write_some(STRIKE(CALL_PIPE_WRITE, WAY_FIRST, WAY_ALL_BUT_LAST, EINTR, EIO, ENOMEM), fd, p, n);
    return REAL(write)(fd, p, n);
}

#define OPEN(name)                                                              \
    int name(const char *path, int flags, ...)                                  \
    {                                                                           \
        va_list more;                                                           \
        va_start(more, flags);                                                  \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0; \
        va_end(more);                                                           \
        FAIL(-1, CALL_FILE_OPEN, EMFILE, ENFILE, ENOMEM, EACCES, EINTR);        \
        return REAL(name)(path, flags, mode);                                   \
    }
OPEN(open)
OPEN(open64)

FILE *fopen(const char *path, const char *mode)
{
    FAIL(NULL, CALL_FILE_OPEN, EMFILE, ENFILE, ENOMEM, EACCES);
    return REAL(fopen)(path, mode);
}

FILE *fopen64(const char *path, const char *mode)
{
    FAIL(NULL, CALL_FILE_OPEN, EMFILE, ENFILE, ENOMEM, EACCES);
    return REAL(fopen64)(path, mode);
}

DIR *opendir(const char *path)
{
    FAIL(NULL, CALL_FILE_OPEN, EMFILE, ENFILE, ENOMEM);
    return REAL(opendir)(path);
}

int fsync(int fd)
{
    FAIL(-1, CALL_FSYNC, EIO, ENOSPC);
    return REAL(fsync)(fd);
}

int fdatasync(int fd)
{
    FAIL(-1, CALL_FSYNC, EIO, ENOSPC);
    return REAL(fdatasync)(fd);
}

int ftruncate(int fd, off_t n)
{
    FAIL(-1, CALL_FTRUNCATE, EIO, EINTR);
    return REAL(ftruncate)(fd, n);
}

int flock(int fd, int operation)
{
    FAIL(-1, CALL_FLOCK, EWOULDBLOCK, ENOLCK, EINTR);
    return REAL(flock)(fd, operation);
}

int fstat(int fd, struct stat *ret)
{
    FAIL(-1, CALL_FSTAT, EIO, ENOMEM);
    return REAL(fstat)(fd, ret);
}

int stat(const char *path, struct stat *ret)
{
    FAIL(-1, CALL_FSTAT, EIO, ENOMEM);
    return REAL(stat)(path, ret);
}

int unlink(const char *path)
{
    FAIL(-1, CALL_UNLINK, EIO, EACCES);
    return REAL(unlink)(path);
}

// ---- the rest

ssize_t getrandom(void *p, size_t n, unsigned flags)
{
    FAIL(-1, CALL_RANDOM, EINTR);
    return REAL(getrandom)(p, n, flags);
}

int setrlimit(__rlimit_resource_t what, const struct rlimit *limit)
{
    FAIL(-1, CALL_RLIMIT, EPERM);
    return REAL(setrlimit)(what, limit);
}

int getrlimit(__rlimit_resource_t what, struct rlimit *ret)
{
    FAIL(-1, CALL_RLIMIT, EFAULT);
    return REAL(getrlimit)(what, ret);
}

// dlsym's first call allocates where it fails; these it finds.
__attribute__((constructor(101))) static void begin(void)
{
    (void)REAL(malloc), (void)REAL(calloc), (void)REAL(realloc);
}
