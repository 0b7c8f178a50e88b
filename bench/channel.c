// SPDX-License-Identifier: Apache-2.0
//
// See channel.h. Nothing is read ahead, and no record is cut by the end of a read: what OpenSSL has not given is still in the
// socket, so that a level-triggered epoll tells of it. One read takes as many records as fit, as one recv() takes as many segments.

#include "channel.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { RECORD_MAX = 16 << 10 }; // of plaintext, RFC 8446 section 5.1

void channel_init(struct world *world)
{
    if (!world->options.tls)
        return;
    world->tls = SSL_CTX_new(TLS_client_method());
    if (!world->tls) {
        fprintf(stderr, "plenum-bench: OpenSSL: no context\n");
        exit(1);
    }
    SSL_CTX_set_mode(world->tls, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                     SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(world->tls, SSL_SESS_CACHE_OFF);
}

void channel_deinit(struct world *world) { SSL_CTX_free(world->tls); }

void channel_open(struct bench_conn *c)
{
    if (!c->worker->world->options.tls)
        return;
    c->tls = SSL_new(c->worker->world->tls);
    if (!c->tls || SSL_set_fd(c->tls, c->fd) != 1) {
        fprintf(stderr, "plenum-bench: OpenSSL: no connection\n");
        exit(1);
    }
    SSL_set_connect_state(c->tls);
}

// What a call's result means, as errno says it.
static ssize_t failed(struct bench_conn *c, int result)
{
    const int why = SSL_get_error(c->tls, result);
    ERR_clear_error();
    if (why == SSL_ERROR_ZERO_RETURN)
        return 0;
    errno = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? EAGAIN
            : why == SSL_ERROR_SYSCALL && errno != 0                  ? errno
                                                                      : EPROTO;
    return -1;
}

int channel_shake(struct bench_conn *c)
{
    if (!c->tls)
        return 1;
    const int done = SSL_do_handshake(c->tls);
    if (done == 1)
        return 1;
    return failed(c, done) < 0 && errno == EAGAIN ? 0 : -1;
}

ssize_t channel_recv(struct bench_conn *c, void *at, size_t n)
{
    if (!c->tls)
        return recv(c->fd, at, n, 0);
    size_t got = 0;
    while (got == 0 || n - got >= RECORD_MAX) {
        const int some = SSL_read(c->tls, (char *)at + got, (int)(n - got));
        if (some <= 0) {
            const ssize_t end = failed(c, some);
            return got > 0 ? (ssize_t)got : end;
        }
        got += (size_t)some;
    }
    return (ssize_t)got;
}

ssize_t channel_send(struct bench_conn *c, const void *at, size_t n)
{
    if (!c->tls)
        return send(c->fd, at, n, MSG_NOSIGNAL);
    const int sent = SSL_write(c->tls, at, (int)n);
    if (sent > 0)
        return sent;
    if (failed(c, sent) == 0)
        errno = EPIPE;
    return -1;
}

void channel_close(struct bench_conn *c)
{
    SSL_free(c->tls);
    c->tls = NULL;
}
