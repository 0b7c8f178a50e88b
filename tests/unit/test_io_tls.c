// SPDX-License-Identifier: Apache-2.0
//
// TLS channels alone, on one end of a socket pair. test_io_tls_server.c has them in a server.
#include "io/tls.h"
#include "unit/support.h"
#include "unit/tls_support.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static const int VERSIONS[] = {TLS1_2_VERSION, TLS1_3_VERSION};

struct pair {
    struct test_mem t;
    struct mem mem;
    struct channel c;
    int fd; // the peer's
    struct tls_client peer;
    size_t news_of_writing, news_of_hands;
};

// Of each test: certificates in files, of which the first is there, and a server that shows it.
struct fixture {
    struct test_certs certs;
    struct tls *t;
};

static struct tls_stats stats; // of all that tests make

static struct tls *tls_make(const struct test_certs *certs, uint32_t n, bool lines)
{
    struct tls_settings s = {.identity_n = n, .lines = lines, .stats = &stats};
    for (uint32_t i = 0; i < n; i++)
        s.identities[i] = (struct tls_identity){.cert = certs->cert[i], .key = certs->key[i]};
    struct tls *t = NULL;
    struct io_error error = {""};
    assert_int_equal(tls_create(&s, &t, &error), OK);
    assert_string_equal(error.text, "");
    return t;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    test_certs_init(&f->certs);
    test_cert_make(&f->certs, 0, "a.example");
    f->t = tls_make(&f->certs, 1, false);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    tls_destroy(f->t);
    test_certs_end(&f->certs);
    free(f);
    return 0;
}

static void pair_init(struct pair *p, struct tls *t, int version, const char *name)
{
    memset(p, 0, sizeof *p);
    test_mem_init(&p->t, &p->mem);
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(channel_open(tls_channel(t), fds[0], &p->mem, &p->c), OK);
    p->fd = fds[1];
    tls_client_init(&p->peer, version, -1, name);
}

static void pair_end(struct pair *p, bool abortive)
{
    channel_close(p->c, &p->mem, abortive);
    assert_int_equal(fcntl(p->c.fd, F_GETFD), -1);
    close(p->fd);
    tls_client_end(&p->peer);
    test_mem_check(&p->t);
}

// What the peer has to say goes to the socket, `most` octets at most; returns how many.
static size_t peer_push(struct pair *p, size_t most)
{
    uint8_t some[32 * 1024];
    const int n = BIO_read(p->peer.out, some, (int)(most < sizeof some ? most : sizeof some));
    if (n <= 0)
        return 0;
    assert_int_equal(send(p->fd, some, (size_t)n, MSG_NOSIGNAL), n);
    return (size_t)n;
}

static size_t peer_pull(struct pair *p)
{
    uint8_t some[64 * 1024];
    const ssize_t n = recv(p->fd, some, sizeof some, 0);
    if (n > 0)
        assert_int_equal(BIO_write(p->peer.in, some, (int)n), n);
    return n > 0 ? (size_t)n : 0;
}

static ssize_t channel_get(struct pair *p, void *to, size_t n)
{
    uint32_t news = 0x80;
    const ssize_t got = channel_read(p->c, to, n, &news);
    assert_false(news & 0x80);
    p->news_of_writing += (news & CHANNEL_WRITABLE) != 0;
    p->news_of_hands += (news & CHANNEL_SECURED) != 0;
    assert_true(got <= 0 || p->news_of_hands == 1); // nobody is heard before
    return got;
}

// Until both are done with it; the peer's octets come `step` at a time.
static void shake_hands(struct pair *p, size_t step)
{
    uint8_t none[8];
    bool done = false;
    for (int i = 0; i < 100000 && !(done && p->news_of_writing != 0); i++) {
        ERR_clear_error();
        done = done || SSL_do_handshake(p->peer.ssl) == 1;
        while (peer_push(p, step) != 0)
            assert_int_equal(channel_get(p, none, sizeof none), CHANNEL_AGAIN);
        (void)channel_on_socket(p->c, EPOLLOUT);
        while (peer_pull(p) != 0)
            ;
    }
    assert_true(done);
    assert_int_equal(p->news_of_writing, 1);
    assert_int_equal(p->news_of_hands, 1);
    assert_null(channel_certificate(p->c)); // nobody is asked for one
}

static void pair_speaks(struct pair *p, struct tls *t)
{
    pair_init(p, t, TLS1_3_VERSION, NULL);
    shake_hands(p, SIZE_MAX);
}

static void peer_says(struct pair *p, const char *text)
{
    assert_int_equal(SSL_write(p->peer.ssl, text, (int)strlen(text)), strlen(text));
}

static void channel_says(struct pair *p, const char *text)
{
    bool blocked = true;
    const struct span span = {text, strlen(text)};
    assert_int_equal(channel_write(p->c, &span, 1, &blocked), strlen(text));
    assert_false(blocked);
}

static void peer_hears(struct pair *p, const char *text)
{
    char heard[1024];
    size_t n = 0;
    while (n < strlen(text)) {
        (void)peer_pull(p);
        const int got = SSL_read(p->peer.ssl, heard + n, (int)(sizeof heard - 1 - n));
        assert_true(got > 0);
        n += (size_t)got;
    }
    heard[n] = '\0';
    assert_string_equal(heard, text);
}

static void octet_by_octet_or_at_once(void **state)
{
    struct fixture *f = *state;
    static const size_t steps[] = {1, 7, SIZE_MAX};
    for (size_t v = 0; v < ARRAY_LEN(VERSIONS); v++)
        for (size_t s = 0; s < ARRAY_LEN(steps); s++) {
            struct pair p;
            pair_init(&p, f->t, VERSIONS[v], NULL);
            bool blocked = false;
            const struct span early = {"early", 5};
            assert_int_equal(channel_write(p.c, &early, 1, &blocked),
                             0); // nothing leaves before there are keys
            assert_true(blocked);
            shake_hands(&p, steps[s]);
            assert_int_equal(SSL_version(p.peer.ssl), VERSIONS[v]);
            peer_says(&p, "good morning");
            peer_says(&p, " to all");
            char heard[64];
            size_t n = 0;
            while (peer_push(&p, steps[s]) != 0)
                for (ssize_t got; (got = channel_get(&p, heard + n, 5)) > 0; n += (size_t)got)
                    ; // which is less than a record: the rest is in the channel
            assert_int_equal(n, 19);
            assert_memory_equal(heard, "good morning to all", 19);
            channel_says(&p, "and to you");
            peer_hears(&p, "and to you");
            pair_end(&p, false);
        }
}

// A read that leaves something behind says so, as no event of the socket will.
static void what_is_left_of_a_record_is_announced(void **state)
{
    struct fixture *f = *state;
    struct pair p;
    pair_speaks(&p, f->t);
    peer_says(&p, "0123456789");
    peer_says(&p, "abc");
    (void)peer_push(&p, SIZE_MAX);
    char in[16];
    uint32_t news;
    assert_int_equal(channel_read(p.c, (uint8_t *)in, 4, &news), 4);
    assert_int_equal(news, CHANNEL_READABLE);
    assert_int_equal(channel_read(p.c, (uint8_t *)in, 16, &news), 6);
    assert_int_equal(news, CHANNEL_READABLE); // the second record
    assert_int_equal(channel_read(p.c, (uint8_t *)in, 16, &news), 3);
    assert_int_equal(news, 0);
    assert_int_equal(channel_read(p.c, (uint8_t *)in, 16, &news), CHANNEL_AGAIN);
    pair_end(&p, false);
}

// An edge that comes while records of an earlier recv are not taken yet tells of octets behind them: who reads on is told that there
// is more until a recv has found the socket empty. No other edge would come.
static void an_edge_among_records_is_not_lost(void **state)
{
    struct fixture *f = *state;
    for (size_t v = 0; v < ARRAY_LEN(VERSIONS); v++) {
        struct pair p;
        pair_init(&p, f->t, VERSIONS[v], NULL);
        shake_hands(&p, SIZE_MAX);
        peer_says(&p, "1");
        peer_says(&p, "2");
        (void)peer_push(&p, SIZE_MAX);
        char in[16] = "";
        uint32_t news;
        assert_int_equal(channel_read(p.c, (uint8_t *)in, sizeof in, &news), 1);
        assert_int_equal(news, CHANNEL_READABLE);
        peer_says(&p, "3");
        (void)peer_push(&p, SIZE_MAX);
        assert_int_equal(channel_on_socket(p.c, EPOLLIN), CHANNEL_READABLE);
        assert_int_equal(channel_read(p.c, (uint8_t *)in, sizeof in, &news), 1);
        assert_int_equal(in[0], '2');
        assert_int_equal(news, CHANNEL_READABLE);
        assert_int_equal(channel_read(p.c, (uint8_t *)in, sizeof in, &news), 1);
        assert_int_equal(in[0], '3');
        assert_int_equal(news, 0);
        pair_end(&p, false);
    }
}

// Many small spans leave in full records.
static void spans_are_put_together(void **state)
{
    struct fixture *f = *state;
    enum { N = SPANS_MAX, EACH = 600, ALL = N * EACH };
    struct pair p;
    pair_speaks(&p, f->t);
    static uint8_t said[ALL], heard[ALL];
    struct span spans[N];
    for (size_t i = 0; i < ALL; i++)
        said[i] = (uint8_t)(i * 31 >> 3);
    for (size_t i = 0; i < N; i++)
        spans[i] = (struct span){said + i * EACH, EACH};
    bool blocked;
    assert_int_equal(channel_write(p.c, spans, N, &blocked), ALL);
    size_t n = 0, sizes[8], records = 0;
    while (peer_pull(&p) != 0)
        ;
    for (int got; (got = SSL_read(p.peer.ssl, heard + n, (int)(ALL - n))) > 0; n += (size_t)got)
        sizes[records++] = (size_t)got;
    assert_int_equal(n, ALL);
    assert_memory_equal(said, heard, ALL);
    assert_int_equal(records, (ALL + 16383) / 16384);
    for (size_t i = 0; i + 1 < records; i++)
        assert_int_equal(sizes[i], 16384);
    pair_end(&p, false);
}

// A peer that does not read: the channel takes no more than a record beyond what the socket takes, and all of it arrives, before the end.
static void a_socket_that_is_full_blocks(void **state)
{
    struct fixture *f = *state;
    enum { ALL = 1 << 20 };
    struct pair p;
    pair_speaks(&p, f->t);
    static uint8_t said[ALL], heard[ALL];
    for (size_t i = 0; i < ALL; i++)
        said[i] = (uint8_t)(i * 131 >> 5);
    size_t taken = 0, n = 0;
    bool blocked = false;
    while (taken < ALL) {
        const size_t before = mem_used(&p.mem);
        while (taken < ALL && !blocked) {
            const struct span rest = {said + taken, ALL - taken};
            taken += (size_t)channel_write(p.c, &rest, 1, &blocked);
        }
        if (taken == ALL)
            break;
        assert_true(mem_used(&p.mem) <= before + 17 * 1024);
        const struct span more = {said + taken, ALL - taken};
        assert_int_equal(channel_write(p.c, &more, 1, &blocked), 0);
        assert_true(blocked);
        assert_false(channel_on_socket(p.c, EPOLLOUT) & CHANNEL_WRITABLE); // it is not
        while (peer_pull(&p) != 0)
            for (int got; (got = SSL_read(p.peer.ssl, heard + n, (int)(ALL - n))) > 0; n += (size_t)got)
                ;
        assert_true(channel_on_socket(p.c, EPOLLOUT) & CHANNEL_WRITABLE);
        blocked = false;
    }
    for (int i = 0; i < 10 && !channel_shutdown(p.c); i++)
        while (peer_pull(&p) != 0)
            (void)channel_on_socket(p.c, EPOLLOUT);
    while (peer_pull(&p) != 0)
        ;
    for (int got; (got = SSL_read(p.peer.ssl, heard + n, (int)(ALL - n + 1))) > 0; n += (size_t)got)
        ;
    assert_int_equal(n, ALL);
    assert_memory_equal(said, heard, ALL);
    assert_true(SSL_get_shutdown(p.peer.ssl) & SSL_RECEIVED_SHUTDOWN);
    char end;
    assert_int_equal(recv(p.fd, &end, 1, 0), 0);
    pair_end(&p, false);
}

// New keys are asked for without end, by a peer that never reads what it is answered.
static void answers_of_its_own_are_bounded(void **state)
{
    struct fixture *f = *state;
    struct pair p;
    pair_speaks(&p, f->t);
    const size_t before = mem_used(&p.mem);
    static uint8_t much[1 << 20];
    bool blocked = false;
    while (!blocked) {
        const struct span span = {much, sizeof much};
        assert_true(channel_write(p.c, &span, 1, &blocked) >= 0);
    }
    char in[16];
    bool refused = false;
    for (int i = 0; i < 20000; i++) {
        assert_int_equal(SSL_key_update(p.peer.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        assert_int_equal(SSL_do_handshake(p.peer.ssl), 1);
        uint8_t some[1024];
        const int n = BIO_read(p.peer.out, some, sizeof some);
        assert_true(n > 0);
        if (send(p.fd, some, (size_t)n, MSG_NOSIGNAL) != n) {
            refused = true; // its own socket is full: nobody reads
            break;
        }
        if (channel_on_socket(p.c, EPOLLIN) & CHANNEL_READABLE)
            assert_int_equal(channel_get(&p, in, sizeof in), CHANNEL_AGAIN);
        assert_true(mem_used(&p.mem) <= before + 2 * TLS_HELD_MAX);
    }
    assert_true(refused);
    uint32_t news = 0;
    for (int i = 0; i < 1000 && !(news & CHANNEL_READABLE);
         i++) { // what it could not read then it is to read now
        while (peer_pull(&p) != 0)
            ;
        news = channel_on_socket(p.c, EPOLLOUT);
    }
    assert_true(news & CHANNEL_READABLE);
    pair_end(&p, true);
}

static void who_does_not_speak_tls_is_told_so(void **state)
{
    struct fixture *f = *state;
    for (int lines = 0; lines < 2; lines++) {
        struct tls *t = tls_make(&f->certs, 1, lines != 0);
        struct pair p;
        pair_init(&p, t, TLS1_3_VERSION, NULL);
        char in[16], out[512];
        assert_int_equal(channel_get(&p, in, sizeof in), CHANNEL_AGAIN);
        static const char request[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        assert_int_equal(send(p.fd, request, sizeof request - 1, 0), sizeof request - 1);
        assert_int_equal(channel_get(&p, in, sizeof in), 0);
        const ssize_t n = recv(p.fd, out, sizeof out - 1, 0);
        assert_true(n > 0);
        out[n] = '\0';
        assert_non_null(strstr(out, "his port speaks TLS"));
        if (!lines) {
            const char *body = strstr(out, "\r\n\r\n");
            assert_true(body != NULL && strncmp(out, "HTTP/1.1 400 Bad Request\r\n", 26) == 0);
            char length[40];
            snprintf(length, sizeof length, "Content-Length: %zu\r\n", strlen(body + 4));
            assert_non_null(strstr(out, length));
        }
        assert_int_equal(recv(p.fd, out, sizeof out, 0), 0);
        pair_end(&p, false);
        tls_destroy(t);
    }
}

static void expect_peer(struct tls *t, const char *name, const char *shown)
{
    struct pair p;
    pair_init(&p, t, TLS1_3_VERSION, name);
    shake_hands(&p, SIZE_MAX);
    char who[64];
    tls_client_peer(&p.peer, who, sizeof who);
    assert_string_equal(who, shown);
    pair_end(&p, false);
}

static void the_name_chooses_who_answers(void **state)
{
    struct fixture *f = *state;
    test_cert_make(&f->certs, 1, "b.example");
    test_cert_make(&f->certs, 2, "*.c.example");
    struct tls *t = tls_make(&f->certs, 3, false);
    expect_peer(t, NULL, "a.example");
    expect_peer(t, "a.example", "a.example");
    expect_peer(t, "b.example", "b.example");
    expect_peer(t, "B.Example", "b.example");
    expect_peer(t, "x.c.example", "*.c.example");
    expect_peer(t, "x.y.c.example", "a.example");
    expect_peer(t, "nobody.example", "a.example");
    tls_destroy(t);
}

// Connections that are there stay; those that come see what the files have now, and where these are bad what was there before.
static void files_are_read_again(void **state)
{
    struct fixture *f = *state;
    test_cert_make(&f->certs, 0, "old.example");
    struct pair p, half;
    pair_speaks(&p, f->t);
    pair_init(&half, f->t, TLS1_3_VERSION, NULL); // has come, and not said anything yet
    test_cert_make(&f->certs, 0, "new.example");
    struct io_error error = {""};
    assert_int_equal(tls_reload(f->t, &error), OK);
    channel_says(&p, "still here");
    peer_hears(&p, "still here");
    expect_peer(f->t, NULL, "new.example");
    shake_hands(&half, 3);
    FILE *file = fopen(f->certs.cert[0], "we");
    assert_true(file != NULL && fputs("nothing\n", file) >= 0);
    fclose(file);
    assert_int_equal(tls_reload(f->t, &error), ERR_SYNTAX);
    char said[160];
    snprintf(said, sizeof said, "certificate %s: ", f->certs.cert[0]);
    assert_memory_equal(error.text, said, strlen(said));
    expect_peer(f->t, NULL, "new.example");
    pair_end(&half, false);
    pair_end(&p, false);
}

static void bad_files_are_named(void **state)
{
    struct fixture *f = *state;
    test_cert_make(&f->certs, 1, "b.example");
    const struct {
        const char *cert, *key, *client_ca, *said;
    } rows[] = {
        {"/no/such/file", f->certs.key[0], NULL, "certificate /no/such/file: "},
        {f->certs.cert[0], "/no/such/file", NULL, "key /no/such/file: "},
        {f->certs.key[0], f->certs.key[0], NULL, "certificate "},
        {f->certs.cert[0], f->certs.cert[0], NULL, "key "},
        {f->certs.cert[0], f->certs.key[1], NULL, "key values mismatch"},
        {f->certs.cert[0], f->certs.key[0], "/no/such/file", "client_ca /no/such/file: "},
        {f->certs.cert[0], f->certs.key[0], f->certs.key[0], "client_ca "},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct tls_settings s = {.identities = {{.cert = rows[i].cert, .key = rows[i].key}},
                                       .client_ca = rows[i].client_ca,
                                       .stats = &stats,
                                       .identity_n = 1};
        struct tls *t = NULL;
        struct io_error error = {""};
        assert_int_equal(tls_create(&s, &t, &error), ERR_SYNTAX);
        assert_null(t);
        if (strstr(error.text, rows[i].said) == NULL)
            fail_msg("row %zu: %s", i, error.text);
        assert_int_equal(ERR_peek_error(), 0); // nothing is left for others to stumble over
    }
}

// A ticket that one shard has given is taken by all, also after the files were read again; and one of another server's is not.
static void sessions_are_resumed(void **state)
{
    struct fixture *f = *state;
    struct tls *stranger = tls_make(&f->certs, 1, false);
    for (size_t v = 0; v < ARRAY_LEN(VERSIONS); v++) {
        struct pair first;
        pair_init(&first, f->t, VERSIONS[v], NULL);
        shake_hands(&first, SIZE_MAX);
        channel_says(&first, "hello");
        peer_hears(&first, "hello");
        SSL_SESSION *session = SSL_get1_session(first.peer.ssl);
        assert_true(SSL_SESSION_has_ticket(session) == 1);
        struct io_error error;
        assert_int_equal(tls_reload(f->t, &error), OK);
        for (int other = 0; other < 2; other++) {
            struct pair p;
            pair_init(&p, other ? stranger : f->t, VERSIONS[v], NULL);
            assert_int_equal(SSL_set_session(p.peer.ssl, session), 1);
            shake_hands(&p, SIZE_MAX);
            assert_int_equal(SSL_session_reused(p.peer.ssl), !other);
            pair_end(&p, false);
        }
        SSL_SESSION_free(session);
        pair_end(&first, false);
    }
    tls_destroy(stranger);
}

static bool can_shake_hands(struct tls *t, int version, const char *ciphers, const unsigned char *alpn,
                            unsigned alpn_n)
{
    struct pair p;
    pair_init(&p, t, version, NULL);
    if (ciphers != NULL)
        assert_int_equal(SSL_set_cipher_list(p.peer.ssl, ciphers), 1);
    if (alpn != NULL)
        assert_int_equal(SSL_set_alpn_protos(p.peer.ssl, alpn, alpn_n), 0);
    SSL_set_security_level(p.peer.ssl, 0);
    ssize_t last = CHANNEL_AGAIN;
    uint8_t none[8];
    int done = 0;
    for (int i = 0; i < 20 && done != 1 && last == CHANNEL_AGAIN; i++) {
        done = SSL_do_handshake(p.peer.ssl);
        while (peer_push(&p, SIZE_MAX) != 0 && last == CHANNEL_AGAIN)
            last = channel_get(&p, none, sizeof none);
        while (peer_pull(&p) != 0)
            ;
    }
    if (last != CHANNEL_AGAIN) // it says nothing else from then on
        assert_int_equal(channel_get(&p, none, sizeof none), CHANNEL_BROKEN);
    pair_end(&p, false);
    ERR_clear_error();
    return done == 1 && last == CHANNEL_AGAIN;
}

static void what_is_old_is_refused(void **state)
{
    struct fixture *f = *state;
    const struct tls_stats before = stats;
    static const unsigned char h2[] = "\x02h2", both[] = "\x02h2\x08http/1.1";
    struct tls *lines = tls_make(&f->certs, 1, true);
    assert_true(can_shake_hands(f->t, TLS1_2_VERSION, NULL, NULL, 0));
    assert_false(can_shake_hands(f->t, TLS1_1_VERSION, NULL, NULL, 0));
    assert_false(can_shake_hands(f->t, TLS1_VERSION, NULL, NULL, 0));
    assert_true(can_shake_hands(f->t, TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256", NULL, 0));
    assert_false(can_shake_hands(f->t, TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA256", NULL, 0)); // CBC
    assert_false(can_shake_hands(f->t, TLS1_2_VERSION, "AES128-GCM-SHA256", NULL, 0)); // no forward secrecy
    assert_true(can_shake_hands(f->t, TLS1_3_VERSION, NULL, both, sizeof both - 1));
    assert_false(can_shake_hands(f->t, TLS1_3_VERSION, NULL, h2, sizeof h2 - 1));
    assert_true(can_shake_hands(lines, TLS1_3_VERSION, NULL, h2, sizeof h2 - 1));
    tls_destroy(lines);
    assert_int_equal(stats.failed[TLS_FAILED_VERSION] - before.failed[TLS_FAILED_VERSION], 2);
    assert_int_equal(stats.failed[TLS_FAILED_NO_SHARED] - before.failed[TLS_FAILED_NO_SHARED], 2);
    assert_int_equal(stats.failed[TLS_FAILED_ALPN] - before.failed[TLS_FAILED_ALPN], 1);
    assert_int_equal(stats.full - before.full, 4);
}

// The stream is cut or changed at any place: the channel says so, once and for good, and nothing of what came behind it is believed.
static void what_was_changed_on_its_way_is_refused(void **state)
{
    struct fixture *f = *state;
    for (int at = 0; at < 40; at++) {
        struct pair p;
        pair_speaks(&p, f->t);
        peer_says(&p, "to be or not to be");
        uint8_t record[256];
        const int n = BIO_read(p.peer.out, record, sizeof record);
        assert_true(n == 5 + 18 + 1 + 16);
        record[at] ^= 1;
        assert_int_equal(send(p.fd, record, (size_t)n, 0), n);
        char in[64];
        const ssize_t got = channel_get(&p, in, sizeof in);
        if (got == CHANNEL_AGAIN) { // a length that is longer now: there is more to come, it believes
            close(p.fd);
            p.fd = dup(STDIN_FILENO);
            assert_true(channel_get(&p, in, sizeof in) <= 0);
        } else {
            assert_int_equal(got, CHANNEL_BROKEN);
            assert_int_equal(channel_get(&p, in, sizeof in), CHANNEL_BROKEN);
        }
        pair_end(&p, false);
    }
}

static void without_memory_nothing_is_opened(void **state)
{
    struct fixture *f = *state;
    struct pair p;
    pair_init(&p, f->t, TLS1_3_VERSION, NULL);
    const size_t one = mem_used(&p.mem);
    assert_true(one >= 14 * 1024); // what OpenSSL takes is in it
    for (size_t room = 0; room < one; room += one / 2) {
        atomic_store(&p.mem.bytes_max, one + room);
        struct channel c;
        const int fd = dup(STDIN_FILENO);
        assert_int_equal(channel_open(tls_channel(f->t), fd, &p.mem, &c), ERR_NOMEM);
        channel_close(c, &p.mem, false);
        assert_int_equal(mem_used(&p.mem), one);
    }
    atomic_store(&p.mem.bytes_max, 0);
    pair_end(&p, false);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(octet_by_octet_or_at_once),
        TEST(what_is_left_of_a_record_is_announced),
        TEST(an_edge_among_records_is_not_lost),
        TEST(spans_are_put_together),
        TEST(a_socket_that_is_full_blocks),
        TEST(answers_of_its_own_are_bounded),
        TEST(who_does_not_speak_tls_is_told_so),
        TEST(the_name_chooses_who_answers),
        TEST(files_are_read_again),
        TEST(bad_files_are_named),
        TEST(sessions_are_resumed),
        TEST(what_is_old_is_refused),
        TEST(what_was_changed_on_its_way_is_refused),
        TEST(without_memory_nothing_is_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
