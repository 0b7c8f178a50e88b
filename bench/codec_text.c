// SPDX-License-Identifier: Apache-2.0
//
// The text dialect (docs/protocol/text.md), over TCP and over WebSocket: the client's side. Lines of people begin
// with '[', lines of the server with '* '. A client starts out in the lobby; /join takes it to its room, and
// "* joined ROOM" says that it is there. What then comes of the room's history counts for order, not for latency.

#include "check.h"
#include "codec.h"
#include "conn.h"
#include "payload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void text_join(struct bench_conn *c, struct seat *seat)
{
    char line[ROOM_NAME_MAX + 8];
    int len = snprintf(line, sizeof line, "/join %s", c->worker->world->rooms[seat->room].name);
    seat->state = SEAT_JOINING;
    conn_send_text(c, line, (uint32_t)len);
}

static void text_leave(struct bench_conn *c, struct seat *seat)
{
    seat->state = SEAT_LEAVING;
    conn_send_text(c, "/leave", 6);
}

static void text_on_open(struct bench_conn *c) { text_join(c, &c->seats[0]); }

// The whole line is the payload; its sender's name is added by the server.
static uint32_t text_message(struct publisher *p, char *out, uint32_t *ret_payload_at, uint32_t *ret_id_at)
{
    const struct options *o = &p->conn->worker->world->options;
    const uint32_t size = o->size;
    codec_fill(o, out, size);
    *ret_payload_at = 0;
    *ret_id_at = 0;
    return size;
}

static bool begins_with(const char *p, uint32_t len, const char *text)
{
    size_t n = strlen(text);
    return len >= n && memcmp(p, text, n) == 0;
}

// "* joined ROOM, 3 members": is it about the seat's room?
static bool names_room(const struct bench_conn *c, const char *p, uint32_t len, const char *verb)
{
    const struct room *room = &c->worker->world->rooms[c->seats[0].room];
    size_t n = strlen(verb);
    return begins_with(p, len, verb) && begins_with(p + n, len - (uint32_t)n, room->name);
}

// The sequences start over: after joining again, or after an announced gap, whose messages a line does not name.
static void restart_sequences(struct bench_conn *c)
{
    const struct room *room = &c->worker->world->rooms[c->seats[0].room];
    for (uint32_t i = 0; i < room->publisher_count; i++) {
        check_restart(c, i);
        c->seqs[i] = SEQ_UNKNOWN;
    }
}

static void on_joined(struct bench_conn *c)
{
    c->seats[0].state = SEAT_IN;
    if (c->state == CONN_READY) {
        c->worker->churned++;
        c->started_ns = c->worker->now; // what is older is the room's history
        restart_sequences(c);
    }
    conn_ready(c);
}

static void on_server_line(struct bench_conn *c, const char *p, uint32_t len)
{
    struct worker *w = c->worker;
    struct seat *seat = &c->seats[0];
    w->counts.others++;
    if (seat->state == SEAT_LEAVING && names_room(c, p, len, "* left ")) {
        text_join(c, seat);
    } else if (seat->state == SEAT_JOINING && names_room(c, p, len, "* joined ")) {
        on_joined(c);
    } else if (begins_with(p, len, "* error ")) {
        w->counts.errors++;
        if (c->state == CONN_JOINING)
            conn_fail(c, "join: %.*s", (int)(len - 2), p + 2);
        else
            world_reason(w->world, "%.*s", (int)(len - 2), p + 2);
    } else if (memmem(p, len, " messages missed", 16) && p[2] >= '0' && p[2] <= '9') {
        w->checks.gaps++;
        w->checks.announced += strtoull(p + 2, NULL, 10);
        restart_sequences(c);
    }
}

static void text_on_message(struct bench_conn *c, const char *p, uint32_t len)
{
    uint32_t publisher, seq;
    struct worker *w = c->worker;
    if (len && p[0] != '[') {
        on_server_line(c, p, len);
        return;
    }
    const char *mark = codec_find_mark(p, len, w->world->options.size);
    if (mark && payload_decode(mark, &publisher, &seq))
        codec_deliver(c, &c->seats[0], 0, publisher, seq);
    else
        w->counts.others++;
}

const struct codec codec_text = {
    .on_open = text_on_open,
    .on_message = text_on_message,
    .message = text_message,
    .leave = text_leave,
    .join = text_join,
};
