// SPDX-License-Identifier: Apache-2.0
#include "io/listener.h"
#include "unit/support.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static struct address loopback(uint16_t port)
{
    struct address a;
    assert_int_equal(address_parse(STR("127.0.0.1:0"), &a), OK);
    address_port_set(&a, port);
    return a;
}

static int connect_to(const struct address *a)
{
    int fd = socket(a->storage.ss_family, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&a->storage, a->len), 0);
    return fd;
}

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t n = sizeof value;
    assert_int_equal(getsockopt(fd, level, name, &value, &n), 0);
    return value;
}

static void several_sockets_share_a_port(void **state)
{
    (void)state;
    enum { N = 4, CLIENTS = 200 };
    struct address any = loopback(0), bound;
    struct io_error error;
    int fds[N], clients[CLIENTS];
    assert_int_equal(listener_open(&any, CLIENTS, N, fds, &bound, &error), OK);
    assert_true(address_port(&bound) != 0);
    for (int i = 0; i < CLIENTS; i++)
        clients[i] = connect_to(&bound);

    int accepted = 0, used = 0;
    for (int i = 0; i < N; i++) {
        int before = accepted;
        for (int fd; (fd = accept4(fds[i], NULL, NULL, SOCK_NONBLOCK)) >= 0; accepted++) {
            assert_int_equal(option(fd, IPPROTO_TCP, TCP_NODELAY), 1); // inherited
            assert_int_equal(option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT), NOTSENT_BYTES);
            close(fd);
        }
        used += accepted > before;
    }
    assert_int_equal(accepted, CLIENTS);
    assert_true(used > 1); // 200 connections by hash on 4 sockets
    for (int i = 0; i < CLIENTS; i++)
        close(clients[i]);
    for (int i = 0; i < N; i++)
        close(fds[i]);
}

// Also against a second copy of this program, which would ask for SO_REUSEPORT like us.
static void a_taken_port_is_an_error(void **state)
{
    (void)state;
    for (uint32_t first = 1; first <= 2; first++)
        for (uint32_t second = 1; second <= 2; second++) {
            struct address any = loopback(0), bound, other;
            struct io_error error;
            int fds[2], more[2];
            assert_int_equal(listener_open(&any, 10, first, fds, &bound, &error), OK);
            assert_int_equal(listener_open(&bound, 10, second, more, &other, &error), ERR_EXISTS);
            char where[ADDRESS_TEXT_MAX], expected[200];
            address_format(&bound, where);
            snprintf(expected, sizeof expected,
                     "cannot listen on %s: address already in use by another program", where);
            assert_string_equal(error.text, expected);
            for (uint32_t i = 0; i < first; i++)
                close(fds[i]);
            assert_int_equal(listener_open(&bound, 10, second, more, &other, &error), OK); // free again
            for (uint32_t i = 0; i < second; i++)
                close(more[i]);
        }
}

static void says_what_is_wrong(void **state)
{
    (void)state;
    struct address a, bound;
    struct io_error error;
    int fd;
    assert_int_equal(address_parse(STR("192.0.2.1:80"), &a), OK); // TEST-NET-1: nobody's
    assert_int_equal(listener_open(&a, 10, 1, &fd, &bound, &error), ERR_NOT_FOUND);
    assert_string_equal(error.text, "cannot listen on 192.0.2.1:80: this machine has no such address");
    a.storage.ss_family = AF_UNIX;
    assert_int_not_equal(listener_open(&a, 10, 1, &fd, &bound, &error), OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(several_sockets_share_a_port),
        cmocka_unit_test(a_taken_port_is_an_error),
        cmocka_unit_test(says_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
