// SPDX-License-Identifier: Apache-2.0
//
// forgetful: a server that sends what nobody has written. Preloaded into the real one, under valgrind, it has every send(2) take its octets
// from a block whose last one was never set: what looks for that (abuse case B15) has to see it.
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

ssize_t send(int fd, const void *p, size_t n, int flags)
{
    ssize_t (*real)(int, const void *, size_t, int) = (__typeof__(real))dlsym(RTLD_NEXT, "send");
    char *copy = n > 0 ? malloc(n) : NULL;
    if (copy == NULL)
        return real(fd, p, n, flags);
    memcpy(copy, p, n - 1);
    ssize_t sent = real(fd, copy, n, flags);
    free(copy);
    return sent;
}
