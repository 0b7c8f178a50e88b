// SPDX-License-Identifier: Apache-2.0
//
// The server's end of a TLS connection (io/tls.h), from its socket: a peer that says anything, and one that shakes hands as it should
// while somebody on the way splits, changes, doubles, leaves out and adds.
//
// Input: what it is like (1: a client is there; 2: TLS 1.2; 4: lines; 8: a certificate may be shown), then acts, a byte and its arguments:
//
//     n % 8   0  so many octets of the input go to the socket as they are (1 argument, then they)
//             1  so many of what the client has said go on (2 arguments)
//             2  one of them is changed (2 arguments: which, and what is in it)
//             3  so many of them are lost (1)
//             4  the first so many go twice (1)
//             5  the client goes on; what it says to us is the next few octets (1, then they)
//             6  the server is read from, by pieces of so many (1), and says something
//             7  the peer's end
//
// Held: nobody reads anything but the beginning of what the client has said; a broken channel says nothing else; hands are shaken once, and
// before anything is read; memory is bounded, and all given back. Keys are made anew each time, so the same input need not be the
// same run; what is wrong with a record's form is.
#include "fuzz/fuzz_input.h"
#include "io/tls.h"
#include "unit/support.h"
#include "unit/tls_support.h"
#include "unit/wire_support.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { SAID_MAX = 1 << 14, HELD_BYTES_MAX = 2 * TLS_HELD_MAX + 64 * 1024 };

static struct test_certs certs;
static struct tls *servers[4]; // by lines, and whether a client may show a certificate
static struct tls_stats stats;

struct run {
    struct test_mem t;
    struct mem mem;
    struct channel c;
    int fd; // the peer's; -1: it has gone
    bool with_client, broken, ended, secured;
    struct tls_client client;
    uint8_t way[1 << 15]; // from the client to the server
    size_t way_n;
    uint8_t said[SAID_MAX];
    size_t said_n, heard_n;
};

static void certs_end(void)
{
    for (size_t i = 0; i < ARRAY_LEN(servers); i++)
        tls_destroy(servers[i]);
    test_certs_end(&certs);
}

static void servers_make(void)
{
    if (servers[0] != NULL)
        return;
    test_certs_init(&certs);
    test_cert_make(&certs, 0, "a.example");
    for (unsigned i = 0; i < ARRAY_LEN(servers); i++) {
        struct tls_settings s = {.identity_n = 1, .lines = (i & 1) != 0, .stats = &stats};
        s.identities[0] = (struct tls_identity){.cert = certs.cert[0], .key = certs.key[0]};
        s.client_ca = (i & 2) != 0 ? certs.cert[0] : NULL;
        s.client_may = true;
        s.user = (i & 2) != 0 ? TLS_USER_CN : TLS_USER_NONE;
        struct io_error error;
        MUST(tls_create(&s, &servers[i], &error) == OK);
    }
    atexit(certs_end);
}

// ---- the two ends

static void to_socket(struct run *r, const void *p, size_t n)
{
    if (r->fd >= 0 && n != 0)
        (void)!send(r->fd, p, n, MSG_NOSIGNAL); // a full socket loses it: the way is bad
}

static void read_once(struct run *r, size_t n)
{
    static uint8_t in[512];
    uint32_t news = 0;
    const ssize_t got = channel_read(r->c, in, n, &news);
    MUST(got >= CHANNEL_BROKEN && got <= (ssize_t)n);
    MUST(!r->broken || got == CHANNEL_BROKEN);
    MUST((news & ~(uint32_t)(CHANNEL_READABLE | CHANNEL_WRITABLE | CHANNEL_SECURED)) == 0);
    if (news & CHANNEL_SECURED) {
        MUST(!r->secured && r->with_client);
        r->secured = true;
        const struct certificate *who = channel_certificate(r->c);
        MUST(who == NULL || str_eq(who->user, STR("a.example")));
    }
    r->broken = r->broken || got == CHANNEL_BROKEN;
    r->ended = r->ended || got == 0;
    if (got > 0) {
        MUST(r->secured && !r->ended);
        MUST(r->heard_n + (size_t)got <= r->said_n);
        MUST(memcmp(in, r->said + r->heard_n, (size_t)got) == 0);
        r->heard_n += (size_t)got;
    }
    MUST(mem_used(&r->mem) <= HELD_BYTES_MAX);
}

static void server_goes_on(struct run *r, size_t n)
{
    static const uint8_t words[3000];
    (void)channel_on_socket(r->c, EPOLLIN | EPOLLOUT);
    read_once(r, n);
    bool blocked = false;
    const struct span spans[] = {{words, n}, {words, 3}};
    const ssize_t taken = channel_write(r->c, spans, 2, &blocked);
    MUST(taken >= CHANNEL_BROKEN && taken <= (ssize_t)n + 3);
    MUST(taken <= 0 || r->secured);
    r->broken = r->broken || taken == CHANNEL_BROKEN;
}

static void client_goes_on(struct run *r, str words)
{
    static uint8_t heard[1 << 16];
    if (!r->with_client)
        return;
    ssize_t n = r->fd >= 0 ? recv(r->fd, heard, sizeof heard, 0) : 0;
    if (n > 0)
        BIO_write(r->client.in, heard, (int)n);
    ERR_clear_error();
    if (SSL_do_handshake(r->client.ssl) == 1 && words.n != 0 && r->said_n + words.n <= sizeof r->said &&
        SSL_write(r->client.ssl, words.p, (int)words.n) == (int)words.n) {
        memcpy(r->said + r->said_n, words.p, words.n);
        r->said_n += words.n;
    }
    (void)SSL_read(r->client.ssl, heard, sizeof heard);
    const size_t room = sizeof r->way - r->way_n;
    const int more = room != 0 ? BIO_read(r->client.out, r->way + r->way_n, (int)room) : 0;
    r->way_n += more > 0 ? (size_t)more : 0;
    ERR_clear_error();
}

static void way_take(struct run *r, size_t n)
{
    r->way_n -= n;
    memmove(r->way, r->way + n, r->way_n);
}

static size_t of_way(const struct run *r, size_t n) { return n < r->way_n ? n : r->way_n; }

// ---- acts

static void act(struct run *r, struct fuzz_input *in)
{
    const uint8_t what = input_byte(in);
    size_t n = input_byte(in);
    switch (what % 8) {
    case 0: {
        const str bytes = input_bytes(in, n);
        to_socket(r, bytes.p, bytes.n);
        break;
    }
    case 1:
        n = of_way(r, n << 8 | input_byte(in));
        to_socket(r, r->way, n);
        way_take(r, n);
        break;
    case 2: {
        const uint8_t flip = input_byte(in);
        if (r->way_n != 0)
            r->way[n % r->way_n] ^= flip;
        break;
    }
    case 3:
        way_take(r, of_way(r, n));
        break;
    case 4:
        to_socket(r, r->way, of_way(r, n));
        break;
    case 5:
        client_goes_on(r, input_bytes(in, n));
        break;
    case 6:
        server_goes_on(r, n + 1);
        break;
    default:
        if (r->fd >= 0)
            shutdown(r->fd, SHUT_WR);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct run r;
    struct fuzz_input in = {data, n};
    const uint8_t like = input_byte(&in);
    servers_make();
    memset(&r, 0, sizeof r);
    test_mem_init(&r.t, &r.mem);
    int fds[2];
    MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    r.fd = fds[1];
    MUST(channel_open(tls_channel(servers[like >> 2 & 3]), fds[0], &r.mem, &r.c) == OK);
    r.with_client = (like & 1) != 0;
    if (r.with_client) {
        tls_client_init(&r.client, (like & 2) != 0 ? TLS1_2_VERSION : TLS1_3_VERSION, -1, NULL);
        if (like & 8) {
            MUST(SSL_use_certificate_file(r.client.ssl, certs.cert[0], SSL_FILETYPE_PEM) == 1);
            MUST(SSL_use_PrivateKey_file(r.client.ssl, certs.key[0], SSL_FILETYPE_PEM) == 1);
        }
    }
    for (int i = 0; i < 200 && in.left != 0; i++)
        act(&r, &in);
    (void)channel_shutdown(r.c);
    channel_close(r.c, &r.mem, (like & 16) != 0);
    close(r.fd);
    if (r.with_client)
        tls_client_end(&r.client);
    test_mem_check(&r.t);
    return 0;
}
