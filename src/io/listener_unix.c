// SPDX-License-Identifier: Apache-2.0
//
// Listening on a file. Nobody can connect before listen(2), and whether somebody may is asked when he does (unix(7)): so the mode is set
// between bind and listen, and there is no moment in which the file is for others than it is meant for.
#include "io/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const char *path_of(const struct address *a)
{
    return ((const struct sockaddr_un *)(const void *)&a->storage)->sun_path;
}

static enum err explain(const struct address *a, int cause, struct io_error *error)
{
    switch (cause) {
    case EADDRINUSE:
        io_error_set(error, "cannot listen on unix:%s: another program listens there", path_of(a));
        return ERR_EXISTS;
    case EEXIST:
        io_error_set(error, "cannot listen on unix:%s: there is a file of that name, and it is no socket",
                     path_of(a));
        return ERR_EXISTS;
    case EACCES:
    case EPERM:
    case EROFS:
        io_error_set(error, "cannot listen on unix:%s: not permitted to make a file there", path_of(a));
        return ERR_DENIED;
    case ENOENT:
    case ENOTDIR:
        io_error_set(error, "cannot listen on unix:%s: there is no such folder", path_of(a));
        return ERR_NOT_FOUND;
    default:
        io_error_set(error, "cannot listen on unix:%s: %s", path_of(a), strerrordesc_np(cause));
        return ERR_UNSUPPORTED;
    }
}

// 0: nobody listens there any more; else why it is not to be taken.
static int stale_try(const struct address *a)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    int cause = connect(fd, (const struct sockaddr *)&a->storage, a->len) == 0 ? 0 : errno;
    close(fd);
    if (cause == ECONNREFUSED)
        return 0;
    return cause == EACCES || cause == EPERM ? cause : EADDRINUSE;
}

// Takes away what an earlier run has left. 0, or why the name cannot be had.
static int name_clear(const struct address *a)
{
    struct stat there;
    if (lstat(path_of(a), &there) != 0)
        return errno == ENOENT ? 0 : errno;
    if (!S_ISSOCK(there.st_mode))
        return EEXIST;
    int cause = stale_try(a);
    if (cause == 0 && unlink(path_of(a)) != 0 && errno != ENOENT)
        cause = errno;
    return cause;
}

static int listening_socket(const struct address *a, int backlog, uint32_t mode, struct unix_file *ret_file)
{
    struct stat made;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    bool bound = bind(fd, (const struct sockaddr *)&a->storage, a->len) == 0;
    if (bound && stat(path_of(a), &made) == 0) {
        *ret_file = (struct unix_file){made.st_dev, made.st_ino};
        if (chmod(path_of(a), mode) == 0 && listen(fd, backlog) == 0)
            return fd;
    }
    int cause = errno;
    if (bound)
        unlink(path_of(a));
    close(fd);
    errno = cause;
    return -1;
}

enum err listener_open_unix(const struct address *address, int backlog, uint32_t n, uint32_t mode,
                            int *ret_fds, struct unix_file *ret_file, struct io_error *error)
{
    int cause = name_clear(address);
    if (cause != 0)
        return explain(address, cause, error);
    ret_fds[0] = listening_socket(address, backlog, mode != 0 ? mode : 0600, ret_file);
    if (ret_fds[0] < 0)
        return explain(address, errno, error);
    for (uint32_t i = 1; i < n; i++) {
        ret_fds[i] = fcntl(ret_fds[0], F_DUPFD_CLOEXEC, 0);
        if (ret_fds[i] >= 0)
            continue;
        enum err e = explain(address, errno, error);
        listener_unlink(address, ret_file);
        while (i > 0)
            close(ret_fds[--i]);
        return e;
    }
    return OK;
}

void listener_unlink(const struct address *address, const struct unix_file *file)
{
    struct stat there;
    if (file->number != 0 && lstat(path_of(address), &there) == 0 && there.st_dev == file->device &&
        there.st_ino == file->number)
        unlink(path_of(address));
}
