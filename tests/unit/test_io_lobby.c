// SPDX-License-Identifier: Apache-2.0
//
// The acceptor on listeners for proxies (A12) and on Unix sockets: real sockets, no loop, no core, and a time of the test's own.
#include "io/acceptor.h"
#include "io/event.h"
#include "unit/support.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { PLACES = 3, HEADER_MS = 500, CLIENTS_MAX = 1200 };
enum { PROXIED, SOCKET, ADMIN }; // places

#define V1 "PROXY TCP4 203.0.113.9 198.51.100.1 5000 443\r\n"
#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

struct hall {
    struct test_mem t;
    struct mem mem;
    struct admission admission;
    struct metrics metrics;
    struct io_metrics io_metrics;
    struct server_hooks hooks;
    struct settings core;
    struct ip_net believed;
    struct acceptor acceptor;
    struct address places[PLACES];
    struct unix_file files[PLACES];
    char paths[PLACES][64];
    uint32_t notices[IO_NOTICE_COUNT];
    uint64_t now_ms;
    int clients[CLIENTS_MAX];
    uint32_t client_n;
    uint32_t came;
    struct arrival last;
    char rest[64]; // what was left in its socket
};

static void on_io_notice(void *ctx, const struct io_notice *n)
{
    struct hall *h = ctx;
    h->notices[n->type]++;
}

static void place_open(struct hall *h, uint8_t i, const char *address)
{
    static struct listener_row rows[PLACES];
    struct io_error error;
    struct address wanted;
    int fd;
    snprintf(h->paths[i], sizeof h->paths[i], "%s", address);
    assert_int_equal(address_parse(str_from_cstr(address), &wanted), OK);
    if (address_is_unix(&wanted)) {
        assert_int_equal(listener_open_unix(&wanted, 64, 1, 0660, &fd, &h->files[i], &error), OK);
        h->places[i] = wanted;
    } else {
        assert_int_equal(listener_open(&wanted, CLIENTS_MAX, 1, &fd, &h->places[i], &error), OK);
    }
    rows[i] = (struct listener_row){.name = "http",
                                    .what = "HTTP",
                                    .address = str_from_cstr(h->paths[i]),
                                    .transport = i == ADMIN ? TRANSPORT_ADMIN : TRANSPORT_HTTP,
                                    .proxied = i == PROXIED};
    assert_int_equal(acceptor_add(&h->acceptor, fd, i, &rows[i]), OK);
}

static struct hall *hall_open(const char *believed, uint32_t connections_max)
{
    static struct hall hall;
    struct hall *h = &hall;
    char folder[] = "/tmp/plenum-lobby-XXXXXX", path[64];
    memset(h, 0, sizeof *h);
    h->now_ms = 1000;
    test_mem_init(&h->t, &h->mem);
    admission_init(&h->admission, &h->mem, &(struct siphash_key){1, 2}, connections_max, 2);
    h->hooks = (struct server_hooks){.ctx = h, .io_notice = on_io_notice};
    acceptor_init(&h->acceptor, &(struct acceptor_needs){.epoll_fd = epoll_create1(EPOLL_CLOEXEC),
                                                         .ways = &ways_served,
                                                         .mem = &h->mem,
                                                         .admission = &h->admission,
                                                         .metrics = &h->metrics,
                                                         .io_metrics = &h->io_metrics,
                                                         .reporter = {.hooks = &h->hooks}});
    assert_int_equal(ip_net_parse(str_from_cstr(believed), &h->believed), OK);
    h->core = (struct settings){.proxies = &h->believed, .proxies_n = 1, .handshake_ms = HEADER_MS};
    acceptor_settings(&h->acceptor, &h->core);
    assert_non_null(mkdtemp(folder));
    place_open(h, PROXIED, "127.0.0.1:0");
    snprintf(path, sizeof path, "unix:%s/a", folder);
    place_open(h, SOCKET, path);
    snprintf(path, sizeof path, "unix:%s/b", folder);
    place_open(h, ADMIN, path);
    return h;
}

static void hall_close(struct hall *h)
{
    acceptor_deinit(&h->acceptor);
    for (int i = SOCKET; i <= ADMIN; i++)
        listener_unlink(&h->places[i], &h->files[i]);
    *strrchr(h->paths[SOCKET], '/') = '\0';
    assert_int_equal(rmdir(h->paths[SOCKET] + 5), 0); // nothing is left behind
    close(h->acceptor.needs.epoll_fd);
    for (uint32_t i = 0; i < h->client_n; i++)
        close(h->clients[i]);
    assert_int_equal(admission_connections(&h->admission), 0);
    admission_check(&h->admission);
    admission_deinit(&h->admission);
    test_mem_check(&h->t);
}

static int knock(struct hall *h, int place)
{
    int fd = socket(h->places[place].storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&h->places[place].storage, h->places[place].len), 0);
    assert_true(h->client_n < CLIENTS_MAX);
    h->clients[h->client_n++] = fd;
    return fd;
}

static void hall_turn(struct hall *h)
{
    struct epoll_event events[64];
    int n = epoll_wait(h->acceptor.needs.epoll_fd, events, 64, 0);
    for (int i = 0; i < n; i++) {
        uint32_t index = event_tag_index(events[i].data.u64);
        if (event_tag_kind(events[i].data.u64) == EVENT_LISTENER)
            acceptor_on_listener(&h->acceptor, index);
        else if (event_tag_kind(events[i].data.u64) == EVENT_LOBBY)
            acceptor_on_lobby(&h->acceptor, index);
        else
            acceptor_on_refusal(&h->acceptor, index);
    }
    acceptor_turn(&h->acceptor, h->now_ms, 1000);
    for (const struct arrival *in; (in = acceptor_pull(&h->acceptor)); h->came++) {
        h->last = *in;
        ssize_t got = recv(in->fd, h->rest, sizeof h->rest - 1, MSG_DONTWAIT);
        h->rest[got > 0 ? got : 0] = '\0';
        close(in->fd);
        admission_leave(&h->admission, in->ticket);
    }
}

static void say(int fd, const void *p, size_t n)
{
    assert_int_equal(send(fd, p, n, MSG_NOSIGNAL), (ssize_t)n);
}

static void answered(int fd, const char *word)
{
    char text[512];
    size_t n = 0;
    struct timeval patience = {.tv_sec = 5};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    for (ssize_t got; (got = recv(fd, text + n, sizeof text - 1 - n, 0)) > 0;)
        n += (size_t)got;
    text[n] = '\0';
    if (strstr(text, word) == NULL)
        fail_msg("%s is not in: %s", word, text);
}

// Cut at every octet: nobody comes in before the last one, and what is behind stays in the socket.
static void a_header_at_every_cut(void **state)
{
    (void)state;
    struct hall *h = hall_open("127.0.0.0/8", 10);
    const size_t n = sizeof V1 - 1;
    for (size_t cut = 0; cut <= n; cut++) {
        int fd = knock(h, PROXIED);
        h->came = 0;
        say(fd, V1, cut);
        hall_turn(h);
        assert_int_equal(h->came, cut == n);
        if (cut < n) {
            assert_int_equal(admission_connections(&h->admission), 1); // it has its slot
            say(fd, V1 "GET /" + cut, n + 5 - cut);
            hall_turn(h);
            assert_string_equal(h->rest, "GET /");
        }
        assert_int_equal(h->came, 1);
        assert_string_equal(h->last.peer.text, "203.0.113.9:5000");
        assert_false(h->last.peer.local || h->last.peer.proxy || h->last.everybodys);
    }
    hall_close(h);
}

static void whom_a_proxy_speaks_for(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        const char *peer; // what its text begins with
        bool everybodys, proxy;
    } cases[] = {
#define CASE(bytes, ...) {bytes, sizeof(bytes) - 1, __VA_ARGS__}
        CASE("PROXY UNKNOWN\r\n", "127.0.0.1:", true, false), // whose words its requests are is not known
        CASE(SIGNATURE "\x20\0\0\0", "127.0.0.1:", true, false),
        CASE("PROXY TCP6 2001:db8::9 ::1 80 1\r\n", "[2001:db8::9]:80", false, false),
        CASE("PROXY TCP4 127.0.0.7 198.51.100.1 80 1\r\n", "127.0.0.7:80", true,
             true), // a proxy behind a proxy
        CASE(SIGNATURE "\x21\x11\0\14\300\0\2\7\306\63\144\1\310\42\1\273", "192.0.2.7:51234", false, false),
#undef CASE
    };
    (void)state;
    struct hall *h = hall_open("127.0.0.0/8", 10);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        h->came = 0;
        say(knock(h, PROXIED), cases[i].bytes, cases[i].n);
        hall_turn(h);
        assert_int_equal(h->came, 1);
        if (strncmp(h->last.peer.text, cases[i].peer, strlen(cases[i].peer)) != 0)
            fail_msg("case %zu: %s", i, h->last.peer.text);
        assert_int_equal(h->last.everybodys, cases[i].everybodys);
        assert_int_equal(h->last.peer.proxy, cases[i].proxy);
        assert_false(h->last.peer.local);
    }
    hall_close(h);
}

static void who_is_turned_away(void **state)
{
    (void)state;
    struct hall *h = hall_open("127.0.0.0/8", 10);
    int fd = knock(h, PROXIED);
    say(fd, "GET / HTTP/1.1\r\n", 16);
    hall_turn(h);
    answered(fd, "HTTP/1.1 400 ");
    assert_int_equal(h->notices[IO_NOTICE_PROXY], 1);

    fd = knock(h, PROXIED); // too late
    say(fd, "PROXY", 5);
    hall_turn(h);
    h->now_ms = acceptor_next_due_ms(&h->acceptor);
    assert_true(h->now_ms == 1000 + HEADER_MS);
    hall_turn(h);
    answered(fd, "HTTP/1.1 400 ");
    assert_int_equal(h->notices[IO_NOTICE_PROXY], 2);

    fd = knock(h, PROXIED); // gone: nobody is told
    say(fd, "PROXY", 5);
    hall_turn(h);
    shutdown(fd, SHUT_WR);
    hall_turn(h);
    answered(fd, "");
    assert_int_equal(h->notices[IO_NOTICE_PROXY], 2);
    assert_int_equal(h->came, 0);
    assert_int_equal(h->io_metrics.proxy_refused, 2);
    hall_close(h);

    h = hall_open("192.0.2.0/24", 10); // it is none of those
    fd = knock(h, PROXIED);
    say(fd, V1, sizeof V1 - 1);
    hall_turn(h);
    answered(fd, "HTTP/1.1 403 ");
    assert_int_equal(h->notices[IO_NOTICE_PROXY], 1);
    assert_int_equal(h->came, 0);
    hall_close(h);
}

// What was said is what is limited, and not the proxy.
static void limits_go_by_what_was_said(void **state)
{
    (void)state;
    struct hall *h = hall_open("127.0.0.0/8", 10);
    uint32_t tickets[2];
    struct ip said = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 203, 0, 113, 9}};
    for (size_t i = 0; i < ARRAY_LEN(tickets); i++) { // two of that address are here, by another way
        assert_true(admission_reserve(&h->admission, 0));
        tickets[i] = admission_enter_uncounted(&h->admission);
        assert_int_equal(acceptor_count(&h->acceptor, &said, &tickets[i]), OK);
    }
    int fd = knock(h, PROXIED);
    say(fd, V1, sizeof V1 - 1);
    hall_turn(h);
    answered(fd, "HTTP/1.1 429 ");
    assert_int_equal(h->notices[IO_NOTICE_ADDRESS], 1);
    for (size_t i = 0; i < ARRAY_LEN(tickets); i++)
        admission_leave(&h->admission, tickets[i]);
    hall_close(h);
}

static void the_lobby_has_an_end(void **state)
{
    (void)state;
    struct hall *h = hall_open("127.0.0.0/8", 2000);
    int first = knock(h, PROXIED);
    hall_turn(h);
    h->now_ms++;
    for (int i = 1; i < LOBBY_MAX; i++) {
        knock(h, PROXIED);
        hall_turn(h);
    }
    for (int i = 0; i < LOBBY_MAX / LOBBY_READS_PER_TURN && h->notices[IO_NOTICE_PROXY] == 0; i++)
        hall_turn(h);
    answered(first, "HTTP/1.1 400 "); // who has waited longest
    say(knock(h, PROXIED), V1, sizeof V1 - 1);
    for (int i = 0; i < 2 * LOBBY_MAX / LOBBY_READS_PER_TURN && h->came == 0; i++)
        hall_turn(h);
    assert_int_equal(h->came, 1);
    acceptor_shutdown(&h->acceptor, h->now_ms);
    answered(h->clients[1], "HTTP/1.1 503 "); // who waits when the server leaves
    hall_close(h);
}

static void every_allocation_fails(void **state)
{
    (void)state;
    for (uint64_t fail_at = 1, done = 0; !done; fail_at++) {
        struct hall *h = hall_open("127.0.0.0/8", 10);
        int fd = knock(h, PROXIED);
        say(fd, V1, sizeof V1 - 1);
        test_mem_restart(&h->t);
        h->t.fail_at = fail_at;
        hall_turn(h);
        done = h->came == 1 && !h->last.peer.uncounted;
        if (h->came == 0)
            answered(fd, "HTTP/1.1 503 ");
        assert_true(fail_at < 20);
        hall_close(h);
    }
}

// Who is at a Unix socket's other end; and that he is this machine at the admin's only.
static void unix_sockets(void **state)
{
    (void)state;
    struct hall *h = hall_open("127.0.0.0/8", 2);
    char want[64];
    struct stat made;
    snprintf(want, sizeof want, "unix:%u:%d", geteuid(), (int)getpid());
    assert_int_equal(stat(h->paths[SOCKET] + 5, &made), 0);
    assert_int_equal(made.st_mode & 0777, 0660);
    for (int place = SOCKET; place <= ADMIN; place++) {
        knock(h, place);
        hall_turn(h);
        assert_int_equal(h->came, place);
        assert_string_equal(h->last.peer.text, want);
        assert_int_equal(h->last.peer.local, place == ADMIN);
        assert_false(h->last.peer.proxy);
    }
    h->core.proxies_unix = true; // whoever comes so speaks for others: he is nobody of this machine
    acceptor_settings(&h->acceptor, &h->core);
    knock(h, ADMIN);
    hall_turn(h);
    assert_false(h->last.peer.local);
    assert_true(h->last.peer.proxy && h->last.everybodys);
    assert_true(admission_reserve(&h->admission, 0) && admission_reserve(&h->admission, 0));
    int fd = knock(h, SOCKET); // full: nobody waits there
    hall_turn(h);
    answered(fd, "HTTP/1.1 503 ");
    (void)admission_cancel(&h->admission);
    (void)admission_cancel(&h->admission);
    hall_close(h);
}

static void whose_a_file_is(void **state)
{
    (void)state;
    struct hall *h = hall_open("127.0.0.0/8", 2);
    struct unix_file file;
    struct io_error error;
    struct address at;
    char path[80];
    int fds[3];
    assert_int_equal(listener_open_unix(&h->places[SOCKET], 8, 1, 0600, fds, &file, &error), ERR_EXISTS);
    assert_non_null(strstr(error.text, "another program listens there"));
    snprintf(path, sizeof path, "%s-left", h->paths[SOCKET]);
    assert_int_equal(address_parse(str_from_cstr(path), &at), OK);
    assert_int_equal(listener_open_unix(&at, 8, 3, 0, fds, &file, &error), OK);
    for (int i = 0; i < 3; i++)
        close(fds[i]); // as one that was killed leaves it
    struct unix_file before = file;
    assert_int_equal(listener_open_unix(&at, 8, 1, 0, fds, &file, &error), OK);
    close(fds[0]);
    listener_unlink(&at, &(struct unix_file){before.device, file.number + 1});
    assert_int_equal(access(path + 5, F_OK), 0); // it is another one
    listener_unlink(&at, &file);
    assert_int_not_equal(access(path + 5, F_OK), 0);
    FILE *precious = fopen(path + 5, "w");
    assert_non_null(precious);
    fclose(precious);
    assert_int_equal(listener_open_unix(&at, 8, 1, 0, fds, &file, &error), ERR_EXISTS);
    assert_non_null(strstr(error.text, "no socket"));
    assert_int_equal(unlink(path + 5), 0);
    assert_int_equal(address_parse(STR("unix:/no/such/folder/x"), &at), OK);
    assert_int_equal(listener_open_unix(&at, 8, 1, 0, fds, &file, &error), ERR_NOT_FOUND);
    hall_close(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_at_every_cut), cmocka_unit_test(whom_a_proxy_speaks_for),
        cmocka_unit_test(who_is_turned_away),    cmocka_unit_test(limits_go_by_what_was_said),
        cmocka_unit_test(the_lobby_has_an_end),  cmocka_unit_test(every_allocation_fails),
        cmocka_unit_test(unix_sockets),          cmocka_unit_test(whose_a_file_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
