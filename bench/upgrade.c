// SPDX-License-Identifier: Apache-2.0
//
// See upgrade.h. The accept value is not checked: conformance is the business of the conformance tests. That compression was
// agreed on is, or the run would measure something else than it says.

#include "upgrade.h"

#include "codec.h"
#include "conn.h"
#include "inflate.h"

#include <stdio.h>
#include <string.h>

// The path, with the connection's room or rooms in the place of {room} or {rooms}. Returns its length.
static int write_path(const struct bench_conn *c, char *at, size_t size)
{
    const struct world *world = c->worker->world;
    const char *path = world->options.path, *slot = strstr(path, "{room");
    if (!slot)
        return snprintf(at, size, "%s", path);
    int n = snprintf(at, size, "%.*s", (int)(slot - path), path);
    const bool all = strncmp(slot, "{rooms}", 7) == 0;
    for (uint32_t i = 0; i < (all ? c->seat_count : 1) && n < (int)size; i++)
        n += snprintf(at + n, size - (size_t)n, "%s%s", i ? "," : "", world->rooms[c->seats[i].room].name);
    if (n < (int)size)
        n += snprintf(at + n, size - (size_t)n, "%s", slot + (all ? 7 : 6));
    return n;
}

void upgrade_send(struct bench_conn *c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const struct options *o = &c->worker->world->options;
    char key[25], path[2048], request[4096];
    for (int i = 0; i < 22; i++)
        key[i] = digits[worker_random(c->worker) >> 58];
    key[21] = 'A'; // 16 bytes leave 2 bits for the last digit
    memcpy(key + 22, "==", 3);
    if (write_path(c, path, sizeof path) >= (int)sizeof path) {
        conn_fail(c, "the names of its rooms are longer than %zu bytes", sizeof path);
        return;
    }
    int len = snprintf(request, sizeof request,
                       "GET %s HTTP/1.1\r\nHost: %s:%s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                       "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n%s%s\r\n",
                       path, o->host, o->port, key,
                       o->dialect == DIALECT_PROTOBUF ? "Sec-WebSocket-Protocol: plenum.v1.protobuf\r\n" : "",
                       o->deflate ? INFLATE_OFFER : "");
    memcpy(conn_reserve(c, (uint32_t)len), request, (size_t)len);
}

uint32_t upgrade_take(struct bench_conn *c, const char *p, uint32_t n)
{
    static const char extension[] = "permessage-deflate";
    const char *end = memmem(p, n, "\r\n\r\n", 4);
    if (!end)
        return 0;
    if (n < 12 || memcmp(p, "HTTP/1.1 ", 9) != 0) {
        conn_fail(c, "upgrade: not an HTTP/1.1 answer");
        return 0;
    }
    if (memcmp(p + 9, "101", 3) != 0) {
        const char *line_end = memchr(p, '\r', n);
        conn_fail(c, "upgrade refused: %.*s", (int)(line_end - (p + 9)), p + 9);
        return 0;
    }
    if (c->worker->world->options.deflate && !memmem(p, (size_t)(end - p), extension, sizeof extension - 1)) {
        conn_fail(c, "the server does not compress");
        return 0;
    }
    c->state = CONN_JOINING;
    c->worker->world->codec->on_open(c);
    return (uint32_t)(end - p) + 4;
}
