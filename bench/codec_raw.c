// SPDX-License-Identifier: Apache-2.0
//
// `raw`: any WebSocket server that sends each text message on to everyone, its sender included. What to say after
// connecting and how a message is wrapped come from templates; a received message counts when the payload's mark is
// somewhere in it.

#include "check.h"
#include "codec.h"
#include "conn.h"
#include "payload.h"

#include <stdio.h>
#include <string.h>

#define TEMPLATE_MAX 4096u

// Replaces the placeholders. *ret_payload_at and *ret_id_at tell where those stand (0: not there).
static uint32_t expand(const char *from, const struct bench_conn *c, const struct room *room, char *out,
                       uint32_t size, uint32_t *ret_payload_at, uint32_t *ret_id_at)
{
    const struct options *o = &c->worker->world->options;
    uint32_t n = 0;
    *ret_payload_at = *ret_id_at = 0;
    while (*from && n + o->size + ROOM_NAME_MAX < size) {
        if (strncmp(from, "{room}", 6) == 0) {
            memcpy(out + n, room->name, room->name_len);
            n += room->name_len;
            from += 6;
        } else if (strncmp(from, "{user}", 6) == 0) {
            n += (uint32_t)snprintf(out + n, size - n, "u%u", c->index);
            from += 6;
        } else if (strncmp(from, "{id}", 4) == 0) {
            *ret_id_at = n;
            n += (uint32_t)snprintf(out + n, size - n, "%u", CODEC_ID_BASE);
            from += 4;
        } else if (strncmp(from, "{payload}", 9) == 0) {
            *ret_payload_at = n;
            codec_fill(o, out + n, o->size);
            n += o->size;
            from += 9;
        } else {
            out[n++] = *from++;
        }
    }
    return n;
}

// The server says nothing of rooms: who is connected is in all of those that its path names.
static void all_in(struct bench_conn *c)
{
    for (uint32_t i = 0; i < c->seat_count; i++)
        c->seats[i].state = SEAT_IN;
    conn_ready(c);
}

// Where a publisher's message belongs; the first seat, and there it is a stray, where the connection is not in its room.
static struct seat *seat_of(struct bench_conn *c, uint32_t publisher)
{
    const struct world *world = c->worker->world;
    for (uint32_t i = 0; c->seat_count > 1 && publisher < world->publisher_count && i < c->seat_count; i++)
        if (c->seats[i].room == world->publishers[publisher].room)
            return &c->seats[i];
    return &c->seats[0];
}

static void raw_on_open(struct bench_conn *c)
{
    const struct world *world = c->worker->world;
    if (world->options.join_template) {
        char text[TEMPLATE_MAX + (1u << 10)];
        uint32_t payload_at, id_at;
        struct room *room = &world->rooms[c->seats[0].room];
        uint32_t n = expand(world->options.join_template, c, room, text, sizeof text, &payload_at, &id_at);
        conn_send_text(c, text, n);
    }
    if (world->options.joined_mark)
        return;
    all_in(c);
}

static uint32_t raw_message(struct publisher *p, char *out, uint32_t *ret_payload_at, uint32_t *ret_id_at)
{
    const struct world *world = p->conn->worker->world;
    const char *from = world->options.message_template ? world->options.message_template : "{payload}";
    return expand(from, p->conn, &world->rooms[p->room], out, TEMPLATE_MAX + world->options.size,
                  ret_payload_at, ret_id_at);
}

static void raw_on_message(struct bench_conn *c, const char *p, uint32_t len)
{
    uint32_t publisher, seq;
    struct worker *w = c->worker;
    const char *mark = codec_find_mark(p, len, w->mark_hint);
    if (mark && payload_decode(mark, &publisher, &seq)) {
        w->mark_hint = (uint32_t)(p + len - mark);
        codec_deliver(c, seat_of(c, publisher), 0, publisher, seq);
        return;
    }
    w->counts.others++;
    const char *joined = w->world->options.joined_mark;
    if (joined && c->state == CONN_JOINING && memmem(p, len, joined, strlen(joined)))
        all_in(c);
}

const struct codec codec_raw = {
    .on_open = raw_on_open,
    .on_message = raw_on_message,
    .message = raw_message,
};
