// SPDX-License-Identifier: Apache-2.0
//
// A language and a route that core and io do not know (sim/parcel.h, sim/desk.h), in a real server, over real sockets: they are
// in its settings, and nowhere else.
#include "sim/desk.h"
#include "sim/parcel.h"
#include "unit/io_support.h"
#include "wire/ws_frame.h"

static void world_begin(struct world *w)
{
    world_init(w, 2);
    w->core.ways = ways_with_parcels();
    w->core.routes = desk_routes;
    w->core.routes_n = DESK_ROUTES;
    world_start(w);
}

static void send_parcels(int fd, uint16_t first, const char *const *commands, size_t n)
{
    struct test_mem t;
    struct mem mem;
    struct buf batch, frame;
    test_mem_init(&t, &mem);
    buf_init(&batch, &mem, 0);
    buf_init(&frame, &mem, 0);
    for (size_t i = 0; i < n; i++) {
        bool quit = commands[i] == NULL;
        parcel_put(&batch, (uint16_t)(first + i), quit ? 'q' : 'c',
                   quit ? STR_NONE : str_from_cstr(commands[i]));
    }
    ws_client_frame_encode(&frame, WS_BINARY, true, 0x01020304, buf_str(&batch));
    assert_int_equal(send(fd, frame.p, frame.n, MSG_NOSIGNAL), (ssize_t)frame.n);
    buf_deinit(&batch);
    buf_deinit(&frame);
}

static int speaker(const struct world *w)
{
    int fd = client(http_port(w));
    say(fd, "GET /parcel HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    hear(fd, "HTTP/1.1 101 ");
    hear(fd, "\r\n\r\n");
    return fd;
}

static void a_language_of_settings_is_spoken(void **state)
{
    (void)state;
    static const char *const first[] = {
        "{\"type\":\"join\",\"id\":1,\"room\":\"lobby\"}",
        "{\"type\":\"message\",\"id\":2,\"room\":\"lobby\",\"data\":\"all at once\"}",
        "{\"type\":\"ping\",\"id\":3}"};
    static const char *const last[] = {NULL};
    struct world w;
    world_begin(&w);
    int terminal = client(text_port(&w));
    say(terminal, "anybody here?\n");
    hear(terminal, "anybody here?\n");
    for (int i = 0; i < 4; i++) { // on either shard
        int fd = speaker(&w);
        send_parcels(fd, 1, first, ARRAY_LEN(first));
        hear(fd, "v{\"type\":\"joined\",\"id\":1");
        hear(terminal, ": all at once\n");
        say(terminal, "and back\n");
        hear(fd, "{\"type\":\"message\",\"room\":\"lobby\"");
        hear(fd, "\"data\":\"and back\"}");
        send_parcels(fd, ARRAY_LEN(first) + 1, last, 1);
        hear(fd, "v{\"type\":\"bye\"}");
        char rest[200]; // its goodbye, the transport's, and the end
        size_t n = hear_all(fd, rest, sizeof rest);
        assert_non_null(memmem(rest, n,
                               "b\x03\xe8"
                               "bye",
                               6));
        close(fd);
    }
    close(terminal);
    assert_true(world_end(&w));
}

static void a_route_of_settings_is_served(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w);
    int terminal = client(text_port(&w));
    say(terminal, "hello\n");
    hear(terminal, "hello\n"); // there is a lobby
    for (int i = 0; i < 4; i++) {
        int fd = client(http_port(&w));
        say(fd,
            "POST /desk/rooms HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nExpect: 100-continue\r\n"
            "Transfer-Encoding: chunked\r\n\r\n");
        hear(fd, "HTTP/1.1 100 Continue\r\n\r\n");
        say(fd, "2\r\nlo\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        hear(fd, "HTTP/1.1 200 OK\r\n");
        hear(fd, "{\"type\":\"rooms\",\"id\":0,\"rooms\":[{\"room\":\"lobby\",\"members_count\":1}]}");
        hear(fd, "HTTP/1.1 200 OK\r\n");
        hear(fd, "\r\n\r\nok\n");
        close(fd);
    }
    close(terminal);
    assert_true(world_end(&w));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_language_of_settings_is_spoken),
        cmocka_unit_test(a_route_of_settings_is_served),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
