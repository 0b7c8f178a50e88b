// SPDX-License-Identifier: Apache-2.0
//
// One connection that speaks TLS.
//
// OpenSSL's records go out through a BIO of ours. It always takes what it is given: what the socket does not take is held, in order, so
// that OpenSSL never waits to write, and what it has sealed counts as taken. While something is held nothing more is sealed, and the
// channel is blocked. A socket that takes nothing and a peer who makes OpenSSL answer (new keys, RFC 8446 section 4.6.3) would fill memory:
// beyond TLS_HELD_MAX the channel reads nothing more before it has been able to write.
//
// Rejected: OpenSSL's own socket BIO. It writes without MSG_NOSIGNAL, and a write that it could not finish has to be repeated
// with the same bytes, where rooms go on (channel.h, rule 5).
#include "io/tls.h"

#include "base/mem.h"
#include "io/clock.h"
#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
    RECORD_MAX = 16 * 1024, // plaintext of a record, RFC 8446 section 5.1
    HANDSHAKE_RECORD = 22,  // the first octet that a client says, section 4
    // OpenSSL 3.0 on x86-64, one idle connection with its buffers released; measured, see docs/PERFORMANCE.md, "TLS".
    SESSION_BYTES = 14 * 1024,
};

struct tls {
    struct channel_kind kind; // first: a channel's kind is this
    struct tls_identities identities;
    BIO_METHOD *bio;
};

struct tls_channel {
    struct tls *tls;
    struct mem *mem;
    SSL *ssl;
    int fd;
    bool heard : 1;       // its first octet has been looked at
    bool speaks : 1;      // the handshake is over
    bool socket_more : 1; // the last recv filled what it was given, or the socket has had news since
    bool over : 1;        // the socket has come to its end
    bool broken : 1;
    bool ended : 1; // nothing is written any more: the end follows what is held
    bool end_sent : 1;
    bool counted : 1; // what became of its handshake
    bool owed : 1;    // news of reading that could not be acted upon, as too much is held
    uint32_t held_from, held_n, held_cap;
    uint8_t *held;     // sealed, and not sent
    uint64_t heard_ns; // when its first octet was
};

// ---- what becomes of a handshake

static void count_failed(struct tls_channel *c, enum tls_failure why)
{
    if (!c->counted)
        tls_stats_failed(c->tls->identities.settings.stats, why);
    c->counted = true;
}

static void count_done(struct tls_channel *c)
{
    if (!c->counted)
        tls_stats_done(c->tls->identities.settings.stats, SSL_session_reused(c->ssl) == 1,
                       SSL_get0_peer_certificate(c->ssl) != NULL,
                       (clock_monotonic_ns() - c->heard_ns) / 1000);
    c->counted = true;
}

// ---- the socket's side

static void held_free(struct tls_channel *c)
{
    if (c->held != NULL)
        mem_free(c->mem, c->held, c->held_cap);
    c->held = NULL;
    c->held_from = c->held_n = c->held_cap = 0;
}

static bool hold(struct tls_channel *c, const uint8_t *p, size_t n)
{
    if (c->held_from != 0) {
        memmove(c->held, c->held + c->held_from, c->held_n);
        c->held_from = 0;
    }
    if (c->held_n + n > c->held_cap) {
        const size_t cap = c->held_n + n;
        uint8_t *more = cap <= 2 * TLS_HELD_MAX ? mem_realloc(c->mem, c->held, c->held_cap, cap) : NULL;
        if (more == NULL)
            return false;
        c->held = more;
        c->held_cap = (uint32_t)cap;
    }
    memcpy(c->held + c->held_n, p, n);
    c->held_n += (uint32_t)n;
    return true;
}

static ssize_t send_some(struct tls_channel *c, const uint8_t *p, size_t n)
{
    ssize_t sent;
    do
        sent = send(c->fd, p, n, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent >= 0)
        return sent;
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        return 0;
    c->broken = true;
    return -1;
}

static void held_send(struct tls_channel *c)
{
    if (c->held_n != 0) {
        const ssize_t sent = send_some(c, c->held + c->held_from, c->held_n);
        if (sent < 0)
            return;
        c->held_from += (uint32_t)sent;
        c->held_n -= (uint32_t)sent;
    }
    if (c->held_n != 0)
        return;
    held_free(c);
    if (c->ended && !c->end_sent) {
        shutdown(c->fd, SHUT_WR);
        c->end_sent = true;
    }
}

static int bio_write(BIO *bio, const char *p, size_t n, size_t *ret)
{
    struct tls_channel *c = BIO_get_data(bio);
    ssize_t sent = 0;
    if (c->held_n == 0)
        sent = send_some(c, (const uint8_t *)p, n);
    if (sent < 0 || ((size_t)sent < n && !hold(c, (const uint8_t *)p + sent, n - (size_t)sent)))
        return 0;
    *ret = n;
    return 1;
}

static int bio_read(BIO *bio, char *p, size_t n, size_t *ret)
{
    struct tls_channel *c = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    ssize_t got;
    do
        got = recv(c->fd, p, n, 0);
    while (got < 0 && errno == EINTR);
    c->socket_more = got == (ssize_t)n;
    if (got > 0) {
        *ret = (size_t)got;
        return 1;
    }
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        BIO_set_retry_read(bio);
    c->over = got == 0;
    return 0;
}

static long bio_ctrl(BIO *bio, int command, long number, void *p)
{
    const struct tls_channel *c = BIO_get_data(bio);
    (void)number;
    (void)p;
    if (command == BIO_CTRL_EOF)
        return c->over;
    return command == BIO_CTRL_FLUSH; // nothing waits in a BIO to be sent
}

static BIO_METHOD *bio_method(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "plenum socket");
    if (m != NULL) {
        BIO_meth_set_write_ex(m, bio_write);
        BIO_meth_set_read_ex(m, bio_read);
        BIO_meth_set_ctrl(m, bio_ctrl);
    }
    return m;
}

// ---- one who does not speak TLS

static const char PLAIN_HTTP[] = "HTTP/1.1 400 Bad Request\r\n"
                                 "Content-Type: text/plain; charset=utf-8\r\n"
                                 "Content-Length: 54\r\n"
                                 "Connection: close\r\n"
                                 "\r\n"
                                 "This port speaks TLS: say https:// or wss:// instead.\n";
static const char PLAIN_LINES[] =
    "* this port speaks TLS: use `openssl s_client -quiet` or another client for it\n";

// What it has said is taken out of the socket first, so that closing that does not overtake the answer with a reset.
static void answer_plainly(struct tls_channel *c)
{
    uint8_t said[4096];
    count_failed(c, TLS_FAILED_PLAIN);
    (void)!recv(c->fd, said, sizeof said, 0);
    const bool lines = c->tls->identities.settings.lines;
    (void)send_some(c, (const uint8_t *)(lines ? PLAIN_LINES : PLAIN_HTTP),
                    (lines ? sizeof PLAIN_LINES : sizeof PLAIN_HTTP) - 1);
    shutdown(c->fd, SHUT_WR);
    c->end_sent = true;
    c->over = true;
}

// False: it has said nothing yet.
static bool hear_first(struct tls_channel *c)
{
    uint8_t first = HANDSHAKE_RECORD;
    const ssize_t n = recv(c->fd, &first, 1, MSG_PEEK);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return false;
    c->heard = true;
    c->heard_ns = clock_monotonic_ns();
    if (n == 1 && first != HANDSHAKE_RECORD)
        answer_plainly(c);
    return true;
}

// ---- a channel's functions

static void *tls_open(const struct channel_kind *kind, int fd, struct mem *mem)
{
    struct tls *t = (struct tls *)(void *)kind;
    struct tls_channel *c = mem_alloc(mem, sizeof *c);
    if (c == NULL)
        return NULL;
    *c = (struct tls_channel){.tls = t, .mem = mem, .fd = fd};
    const bool charged = mem_charge(mem, SESSION_BYTES);
    c->ssl = charged ? tls_identities_session(&t->identities) : NULL;
    BIO *bio = c->ssl != NULL ? BIO_new(t->bio) : NULL;
    if (bio == NULL) {
        SSL_free(c->ssl);
        if (charged)
            mem_discharge(mem, SESSION_BYTES);
        mem_free(mem, c, sizeof *c);
        return NULL;
    }
    BIO_set_data(bio, c);
    BIO_set_init(bio, 1);
    SSL_set_bio(c->ssl, bio, bio);
    SSL_set_accept_state(c->ssl);
    return c;
}

static void tls_close(void *state, struct mem *mem, bool abortive)
{
    struct tls_channel *c = state;
    if (!abortive && !c->broken && c->speaks && !c->ended && c->held_n == 0) {
        ERR_clear_error();
        (void)SSL_shutdown(c->ssl);
    }
    ERR_clear_error();
    count_failed(c, TLS_FAILED_GONE);
    held_free(c);
    SSL_free(c->ssl);
    mem_discharge(mem, SESSION_BYTES);
    mem_free(mem, c, sizeof *c);
}

static bool is_stuffed(const struct tls_channel *c) { return c->held_n > TLS_HELD_MAX; }

static uint32_t tls_on_socket(void *state, uint32_t news)
{
    struct tls_channel *c = state;
    if (news & CHANNEL_WRITABLE)
        held_send(c);
    if (c->held_n != 0 || !c->speaks)
        news &= ~(uint32_t)CHANNEL_WRITABLE;
    const uint32_t reading = news & (CHANNEL_READABLE | CHANNEL_ENDING);
    // An edge comes once, and records that are here already are read before what it tells of.
    if (reading != 0)
        c->socket_more = true;
    if (is_stuffed(c) && !(news & CHANNEL_ERROR)) {
        c->owed = c->owed || reading != 0;
        return news & ~reading;
    }
    if (c->owed)
        news |= CHANNEL_READABLE;
    c->owed = false;
    return news;
}

// What SSL_read and SSL_write say when they have not done what they were asked for.
static ssize_t not_read(struct tls_channel *c, int result)
{
    switch (SSL_get_error(c->ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: // not from this BIO
        return c->broken ? CHANNEL_BROKEN : CHANNEL_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        if (!c->speaks && !c->over)
            count_failed(c, tls_failure_of_queue());
        c->broken = true; // an alert that says why may be held
        return CHANNEL_BROKEN;
    }
}

static const struct certificate *tls_certificate(void *state)
{
    static _Thread_local struct tls_person person;
    const struct tls_channel *c = state;
    X509 *shown = SSL_get0_peer_certificate(c->ssl);
    return shown != NULL && tls_person_of(shown, c->tls->identities.settings.user, &person) ? &person.facts
                                                                                            : NULL;
}

static ssize_t tls_read(void *state, uint8_t *p, size_t n, uint32_t *ret_news)
{
    struct tls_channel *c = state;
    *ret_news = 0;
    if (c->broken)
        return CHANNEL_BROKEN;
    if (is_stuffed(c)) {
        c->owed = true;
        return CHANNEL_AGAIN;
    }
    if (!c->heard && !hear_first(c))
        return CHANNEL_AGAIN;
    if (c->end_sent && c->over)
        return 0;
    const bool spoke = c->speaks;
    size_t got = 0;
    ERR_clear_error();
    const int result = SSL_read_ex(c->ssl, p, n, &got);
    c->speaks = spoke || SSL_is_init_finished(c->ssl);
    if (c->speaks && !spoke) {
        count_done(c);
        *ret_news |= CHANNEL_SECURED | (c->held_n == 0 ? CHANNEL_WRITABLE : 0);
    }
    if (result != 1)
        return not_read(c, result);
    if (c->socket_more || SSL_has_pending(c->ssl))
        *ret_news |= CHANNEL_READABLE;
    return (ssize_t)got;
}

// Spans as one piece of at most a record: as it is where that is one span, else put together in `scratch`. Returns its length, 0 at the end;
// *at goes on behind it.
struct place {
    size_t span, from;
};

static size_t piece_next(const struct span *spans, size_t count, struct place *at, uint8_t *scratch,
                         const uint8_t **ret)
{
    while (at->span < count && at->from == spans[at->span].n)
        *at = (struct place){at->span + 1, 0};
    if (at->span == count)
        return 0;
    const struct span *s = &spans[at->span];
    if (s->n - at->from >= RECORD_MAX || at->span + 1 == count) {
        const size_t n = s->n - at->from < RECORD_MAX ? s->n - at->from : RECORD_MAX;
        *ret = (const uint8_t *)s->p + at->from;
        at->from += n;
        return n;
    }
    size_t n = 0;
    while (at->span < count && n < RECORD_MAX) {
        s = &spans[at->span];
        const size_t rest = s->n - at->from, take = rest < RECORD_MAX - n ? rest : RECORD_MAX - n;
        memcpy(scratch + n, (const uint8_t *)s->p + at->from, take);
        n += take;
        at->from += take;
        if (at->from == s->n)
            *at = (struct place){at->span + 1, 0};
    }
    *ret = scratch;
    return n;
}

static ssize_t tls_write(void *state, const struct span *spans, size_t count, bool *ret_blocked)
{
    static _Thread_local uint8_t scratch[RECORD_MAX];
    struct tls_channel *c = state;
    size_t taken = 0, n;
    const uint8_t *piece;
    struct place at = {0, 0};
    held_send(c);
    *ret_blocked = c->held_n != 0 || !c->speaks;
    while (!*ret_blocked && !c->broken && (n = piece_next(spans, count, &at, scratch, &piece)) != 0) {
        size_t sealed = 0;
        ERR_clear_error();
        if (SSL_write_ex(c->ssl, piece, n, &sealed) != 1)
            c->broken = true;
        if (piece == scratch)
            explicit_bzero(scratch, n); // words may be taken back (base/mem.h)
        taken += sealed;
        *ret_blocked = c->held_n != 0;
    }
    return c->broken ? CHANNEL_BROKEN : (ssize_t)taken;
}

static bool tls_shutdown(void *state)
{
    struct tls_channel *c = state;
    if (c->end_sent || c->broken)
        return true;
    if (c->speaks && !c->ended) {
        ERR_clear_error();
        (void)SSL_shutdown(c->ssl); // which writes the alert; what the peer says is read on
    }
    c->ended = true;
    held_send(c);
    return c->held_n == 0;
}

// ---- a listener's

static const struct channel_kind KIND = {
    .name = "tls",
    .secure = true,
    .open = tls_open,
    .close = tls_close,
    .on_socket = tls_on_socket,
    .read = tls_read,
    .write = tls_write,
    .shutdown = tls_shutdown,
    .certificate = tls_certificate,
};

enum err tls_create(const struct tls_settings *settings, struct tls **ret, struct io_error *error)
{
    struct tls *t = calloc(1, sizeof *t);
    if (t == NULL)
        return ERR_NOMEM;
    t->kind = KIND;
    t->bio = bio_method();
    enum err e = tls_identities_init(&t->identities, settings, error);
    if (e == OK && t->bio != NULL) {
        *ret = t;
        return OK;
    }
    tls_destroy(t);
    return e != OK ? e : ERR_NOMEM;
}

void tls_destroy(struct tls *t)
{
    if (t == NULL)
        return;
    tls_identities_deinit(&t->identities);
    BIO_meth_free(t->bio);
    free(t);
}

enum err tls_reload(struct tls *t, struct io_error *error)
{
    return tls_identities_reload(&t->identities, error);
}
uint32_t tls_stale(struct tls *t, time_t now_s) { return tls_identities_stale(&t->identities, now_s); }
uint64_t tls_files_seen(const struct tls *t) { return tls_identities_seen(&t->identities); }
const struct channel_kind *tls_channel(const struct tls *t) { return &t->kind; }
