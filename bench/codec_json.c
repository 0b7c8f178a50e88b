// SPDX-License-Identifier: Apache-2.0
//
// The native JSON dialect (docs/protocol/native.md), the client's side.
//
// A message costs a real client a JSON parser; here it may cost some 20 ns. A room's messages all begin with the
// same bytes up to the value of "offset" ({"type":"message","room":"bench-0","offset":), so the first one is taken
// apart properly, its beginning is remembered, and from then on one memcmp tells both what it is and where the
// offset stands. Whatever does not match takes the long way, so a server that writes its keys in another order is
// slower to check, not misjudged.

#include "check.h"
#include "codec.h"
#include "conn.h"
#include "drive.h"
#include "json_view.h"
#include "payload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_resuming(const struct bench_conn *c) { return c->worker->storm_cut && c->resume; }

static void json_join(struct bench_conn *c, struct seat *seat)
{
    char text[512];
    const char *room = c->worker->world->rooms[seat->room].name;
    int len;
    if (is_resuming(c) && seat->epoch)
        len = snprintf(
            text, sizeof text,
            "{\"type\":\"join\",\"id\":1,\"room\":\"%s\",\"since\":{\"epoch\":\"%s\",\"offset\":%llu}}", room,
            seat->epoch, (unsigned long long)seat->offset);
    else
        len = snprintf(text, sizeof text, "{\"type\":\"join\",\"id\":1,\"room\":\"%s\"}", room);
    seat->state = SEAT_JOINING;
    conn_send_text(c, text, (uint32_t)len);
}

static void json_leave(struct bench_conn *c, struct seat *seat)
{
    char text[160];
    int len = snprintf(text, sizeof text, "{\"type\":\"leave\",\"id\":2,\"room\":\"%s\"}",
                       c->worker->world->rooms[seat->room].name);
    seat->state = SEAT_LEAVING;
    conn_send_text(c, text, (uint32_t)len);
}

// What there is to say of oneself; nothing where that is nothing, as the first join implies a hello.
static void json_hello(struct bench_conn *c)
{
    const struct world *world = c->worker->world;
    const struct text *token = world->token_count ? &world->tokens[c->index % world->token_count] : NULL;
    const char *resume = is_resuming(c) ? c->resume : NULL;
    if (!token && !resume)
        return;
    size_t size = 64 + (token ? token->len : 0) + (resume ? strlen(resume) : 0);
    char *text = bench_alloc(1, size);
    int n = snprintf(text, size, "{\"type\":\"hello\"");
    if (token)
        n += snprintf(text + n, size - (size_t)n, ",\"token\":\"%s\"", token->at);
    if (resume)
        n += snprintf(text + n, size - (size_t)n, ",\"resume\":\"%s\"", resume);
    n += snprintf(text + n, size - (size_t)n, "}");
    conn_send_text(c, text, (uint32_t)n);
    free(text);
}

static void json_on_open(struct bench_conn *c)
{
    json_hello(c);
    c->seats_in = 0;
    for (uint32_t i = 0; i < c->seat_count; i++)
        json_join(c, &c->seats[i]);
}

static uint32_t put(char *at, const char *text)
{
    size_t len = strlen(text);
    memcpy(at, text, len);
    return (uint32_t)len;
}

static uint32_t json_message(struct publisher *p, char *out, uint32_t *ret_payload_at, uint32_t *ret_id_at)
{
    const struct world *world = p->conn->worker->world;
    const struct options *o = &world->options;
    uint32_t n = 0;
    n += put(out + n, "{\"type\":\"message\",\"room\":\"");
    n += put(out + n, world->rooms[p->room].name);
    n += put(out + n, "\",");
    *ret_id_at = 0;
    if (o->ack) {
        n += put(out + n, "\"id\":");
        *ret_id_at = n;
        n += put(out + n, "1000000000,");
    }
    if (o->echo)
        n += put(out + n, "\"echo\":true,");
    n += put(out + n, "\"data\":\"");
    *ret_payload_at = n;
    codec_fill(o, out + n, o->size);
    n += o->size;
    n += put(out + n, "\"}");
    return n;
}

static char *copy_text(char *old, struct json_view v)
{
    free(old);
    char *copy = bench_alloc(1, v.len + 1u);
    memcpy(copy, v.at, v.len);
    return copy;
}

static struct seat *find_seat(struct bench_conn *c, struct json_view room)
{
    for (uint32_t i = 0; room.at && i < c->seat_count; i++) {
        const struct room *r = &c->worker->world->rooms[c->seats[i].room];
        if (r->name_len == room.len && memcmp(r->name, room.at, room.len) == 0) {
            c->seat_hint = i;
            return &c->seats[i];
        }
    }
    return NULL;
}

// The client counts as back when it has everything up to the head that `joined` named.
static void count_back(struct bench_conn *c)
{
    struct worker *w = c->worker;
    if (c->back_counted || !w->storm_cut || c->publishes || c->state != CONN_READY)
        return;
    for (uint32_t i = 0; i < c->seat_count; i++)
        if (c->seats[i].state != SEAT_IN || c->seats[i].offset < c->seats[i].catch_up)
            return;
    c->back_counted = true;
    w->counts.back++;
    hist_record(&w->back, w->now - w->world->cut_ns);
}

static void on_joined(struct bench_conn *c, struct seat *seat, const char *p, uint32_t len)
{
    struct worker *w = c->worker;
    uint64_t head = json_view_number(json_view_find(p, len, "offset"));
    struct json_view epoch = json_view_find(p, len, "epoch");
    struct json_view recovered = json_view_find(p, len, "recovered");
    bool same_epoch = seat->epoch && json_view_is(epoch, seat->epoch);
    if (seat->state != SEAT_JOINING)
        return;
    if (recovered.at && !json_view_is(recovered, "true"))
        w->unrecovered++;
    if (!recovered.at || !same_epoch) {
        check_restart(c, (uint32_t)(seat - c->seats));
        seat->offset = head;
    }
    seat->catch_up = head;
    if (w->world->options.storm && epoch.at)
        seat->epoch = copy_text(seat->epoch, epoch);
    seat->state = SEAT_IN;
    c->seats_in++;
    if (c->state == CONN_READY)
        w->churned++;
    else if (c->seats_in == c->seat_count)
        conn_ready(c);
    count_back(c);
}

static void on_left(struct bench_conn *c, struct seat *seat)
{
    if (seat->state != SEAT_LEAVING) {
        world_reason(c->worker->world, "put out of a room by the server");
        return;
    }
    c->seats_in--;
    json_join(c, seat);
}

static void on_ack(struct bench_conn *c, struct seat *seat, const char *p, uint32_t len)
{
    struct worker *w = c->worker;
    struct world *world = w->world;
    uint64_t id = json_view_number(json_view_find(p, len, "id"));
    uint64_t offset = json_view_number(json_view_find(p, len, "offset"));
    w->counts.acks++;
    if (!seat || seat->publisher == NONE || id <= CODEC_ID_BASE)
        return;
    struct publisher *publisher = &world->publishers[seat->publisher];
    if (!world->options.echo) {
        check_own(c, seat, offset);
        if (offset > w->hints[seat->room].head)
            w->hints[seat->room].head = offset;
    }
    uint32_t seq = (uint32_t)(id - CODEC_ID_BASE);
    const struct slot *slot = &publisher->ring[seq & world->ring_mask];
    if (slot->seq == seq && slot->time_ns >= w->window_from_ns && slot->time_ns < w->window_to_ns)
        hist_record(&w->ack_latency, w->now - slot->time_ns);
    if (world->options.drive == DRIVE_CLOSED_OWN && !world->expects_own)
        drive_on_own(w, publisher, seq);
}

static void on_error(struct bench_conn *c, const char *p, uint32_t len)
{
    struct json_view code = json_view_find(p, len, "code");
    struct json_view text = json_view_find(p, len, "message");
    c->worker->counts.errors++;
    if (c->state == CONN_JOINING)
        conn_fail(c, "join: error %.*s: %.*s", (int)code.len, code.at ? code.at : "", (int)text.len,
                  text.at ? text.at : "");
    else
        world_reason(c->worker->world, "error %.*s: %.*s", (int)code.len, code.at ? code.at : "",
                     (int)text.len, text.at ? text.at : "");
}

// Remembers how messages of this room begin, when that beginning says all: type, room, and the key of the offset.
static void learn_prefix(struct room_hint *hint, const char *p, struct json_view room,
                         struct json_view offset)
{
    static const char type[] = "{\"type\":\"message\",";
    size_t n = (size_t)(offset.at - p);
    if (hint->prefix_len == 0 && memcmp(p, type, sizeof type - 1) == 0 && room.at < offset.at &&
        n <= sizeof hint->prefix) {
        memcpy(hint->prefix, p, n);
        hint->prefix_len = (uint32_t)n;
    }
}

static void take_message(struct bench_conn *c, struct seat *seat, uint64_t offset, const char *p,
                         uint32_t len)
{
    uint32_t publisher, seq;
    struct worker *w = c->worker;
    check_offset(c, seat, offset);
    const char *mark = codec_find_mark(p, len, w->mark_hint);
    if (mark && payload_decode(mark, &publisher, &seq)) {
        w->mark_hint = (uint32_t)(p + len - mark);
        codec_deliver(c, seat, offset, publisher, seq);
    } else {
        w->counts.others++;
    }
    if (__builtin_expect(w->storm_cut, 0))
        count_back(c);
}

// Everything that is not a message of the expected shape.
static void on_other(struct bench_conn *c, const char *p, uint32_t len)
{
    struct worker *w = c->worker;
    struct json_view type = json_view_find(p, len, "type");
    struct json_view room = json_view_find(p, len, "room");
    struct seat *seat = find_seat(c, room);
    if (seat &&
        json_view_is(type, "member")) { // passing: it has no offset, and a room that comes back has many
        w->counts.others++;
        return;
    }
    struct json_view offset = json_view_find(p, len, "offset");
    if (json_view_is(type, "message") && seat && offset.at) {
        if (seat->state != SEAT_IN && seat->state != SEAT_LEAVING) {
            w->checks.stray++;
            return;
        }
        learn_prefix(&w->hints[seat->room], p, room, offset);
        take_message(c, seat, json_view_number(offset), p, len);
        return;
    }
    w->counts.others++;
    if (json_view_is(type, "ack")) {
        on_ack(c, seat, p, len);
    } else if (json_view_is(type, "error")) {
        on_error(c, p, len);
    } else if (json_view_is(type, "welcome")) {
        struct json_view resume = json_view_find(p, len, "resume");
        if (w->world->options.storm && resume.at)
            c->resume = copy_text(c->resume, resume);
    } else if (!seat) {
        if (room.at)
            w->checks.stray++;
    } else if (json_view_is(type, "joined")) {
        on_joined(c, seat, p, len);
    } else if (json_view_is(type, "left")) {
        on_left(c, seat);
    } else if (json_view_is(type, "gap")) {
        check_gap(c, seat, json_view_number(json_view_find(p, len, "from")),
                  json_view_number(json_view_find(p, len, "to")));
        count_back(c);
    } else if (offset.at && (seat->state == SEAT_IN || seat->state == SEAT_LEAVING)) {
        check_offset(c, seat, json_view_number(offset));
        count_back(c);
    }
}

static void json_on_message(struct bench_conn *c, const char *p, uint32_t len)
{
    struct seat *seat = &c->seats[c->seat_hint];
    const struct room_hint *hint = &c->worker->hints[seat->room];
    uint32_t n = hint->prefix_len;
    if (__builtin_expect(n == 0 || len <= n || memcmp(p, hint->prefix, n) != 0 || seat->state != SEAT_IN,
                         0)) {
        on_other(c, p, len);
        return;
    }
    uint64_t offset = 0;
    for (uint32_t i = n; i < len && p[i] >= '0' && p[i] <= '9'; i++)
        offset = offset * 10 + (uint64_t)(p[i] - '0');
    take_message(c, seat, offset, p, len);
}

const struct codec codec_json = {
    .on_open = json_on_open,
    .on_message = json_on_message,
    .message = json_message,
    .leave = json_leave,
    .join = json_join,
};
