// SPDX-License-Identifier: Apache-2.0
//
// The native protocol as Protocol Buffers (docs/protocol/protobuf.md), the client's side. The numbers of fields are those of
// docs/protocol/plenum.proto. What is told live names its room by a number, which `joined` has said.
//
// As in codec_json.c a message may cost some 20 ns here. This server begins each with room and offset, so those are looked for
// where they stand then, and the payload where it stood last time; whatever is otherwise is taken apart field by field.

#include "check.h"
#include "codec.h"
#include "conn.h"
#include "drive.h"
#include "payload.h"

#include <string.h>

enum wire { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

// Fields of ClientMessage, of ServerMessage, and of what is in them.
enum { CLIENT_ID = 1, CLIENT_SAY = 2, CLIENT_JOIN = 9, CLIENT_LEAVE = 10 };
enum { SERVER_ID = 1, MESSAGE = 2, ACK = 4, JOINED = 17, LEFT = 18 };
enum { GAP = 20, ERROR = 26 };
enum {
    ROOM = 1,
    ROOM_HANDLE = 2,
    SAY_DATA = 2,
    OFFSET = 3,
    SAY_ECHO = 6,
    DATA = 7,
    GAP_FROM = 65,
    GAP_TO = 66
};
enum { ERROR_CODE = 71, ERROR_TEXT = 72 };

#define ID_LEN 5u // of a varint from 2^28 to 2^35: CODEC_ID_BASE and more

struct bytes {
    const char *at;
    uint32_t len;
};

// What the tool wants to know of an event, whichever it is.
struct event {
    struct bytes room, data, code, text;
    uint64_t handle, offset, from, to;
};

// ---- reading

// Returns the byte behind the varint at p, NULL where there is none.
static const char *take_varint(const char *p, const char *end, uint64_t *ret)
{
    uint64_t v = 0;
    for (uint32_t shift = 0; p < end && shift < 64; shift += 7) {
        const uint8_t b = (uint8_t)*p++;
        v |= (uint64_t)(b & 0x7f) << shift;
        if (b < 0x80) {
            *ret = v;
            return p;
        }
    }
    return NULL;
}

// One field: its number, and its value or bytes. Returns the byte behind it, NULL where it is none.
static const char *take_field(const char *p, const char *end, uint32_t *ret_number, uint64_t *ret_value,
                              struct bytes *ret_bytes)
{
    uint64_t tag, n = 0;
    p = take_varint(p, end, &tag);
    if (!p)
        return NULL;
    *ret_number = (uint32_t)(tag >> 3);
    *ret_bytes = (struct bytes){NULL, 0};
    *ret_value = 0;
    switch ((enum wire)(tag & 7)) {
    case WIRE_VARINT:
        return take_varint(p, end, ret_value);
    case WIRE_BYTES:
        p = take_varint(p, end, &n);
        if (!p || n > (uint64_t)(end - p))
            return NULL;
        *ret_bytes = (struct bytes){p, (uint32_t)n};
        return p + n;
    case WIRE_32:
        return end - p < 4 ? NULL : p + 4;
    case WIRE_64:
        return end - p < 8 ? NULL : p + 8;
    default:
        return NULL;
    }
}

static bool take_event(struct bytes from, struct event *ret)
{
    const char *p = from.at, *end = from.at + from.len;
    while (p < end) {
        uint32_t number;
        uint64_t value;
        struct bytes bytes;
        p = take_field(p, end, &number, &value, &bytes);
        if (!p)
            return false;
        if (number == ROOM_HANDLE)
            ret->handle = value;
        else if (number == OFFSET)
            ret->offset = value;
        else if (number == DATA)
            ret->data = bytes;
        else if (number == ROOM)
            ret->room = bytes;
        else if (number == GAP_FROM)
            ret->from = value;
        else if (number == GAP_TO)
            ret->to = value;
        else if (number == ERROR_CODE)
            ret->code = bytes;
        else if (number == ERROR_TEXT)
            ret->text = bytes;
    }
    return true;
}

// ---- writing

static uint32_t put_varint(char *at, uint64_t v)
{
    uint32_t n = 0;
    for (; v >= 0x80; v >>= 7)
        at[n++] = (char)(v | 0x80);
    at[n++] = (char)v;
    return n;
}

static uint32_t put_head(char *at, uint32_t number, uint32_t len)
{
    uint32_t n = put_varint(at, (uint64_t)number << 3 | WIRE_BYTES);
    return n + put_varint(at + n, len);
}

static uint32_t varint_len(uint64_t v)
{
    char scratch[10];
    return put_varint(scratch, v);
}

static void send_room(struct bench_conn *c, const struct seat *seat, uint32_t command)
{
    const struct room *room = &c->worker->world->rooms[seat->room];
    char text[ROOM_NAME_MAX + 16];
    uint32_t n = put_varint(text, CLIENT_ID << 3 | WIRE_VARINT);
    n += put_varint(text + n, 1);
    n += put_head(text + n, command, 2 + room->name_len);
    n += put_head(text + n, ROOM, room->name_len);
    memcpy(text + n, room->name, room->name_len);
    conn_send_text(c, text, n + room->name_len);
}

static void protobuf_join(struct bench_conn *c, struct seat *seat)
{
    seat->state = SEAT_JOINING;
    send_room(c, seat, CLIENT_JOIN);
}

static void protobuf_leave(struct bench_conn *c, struct seat *seat)
{
    seat->state = SEAT_LEAVING;
    send_room(c, seat, CLIENT_LEAVE);
}

static void protobuf_on_open(struct bench_conn *c)
{
    c->seats_in = 0;
    for (uint32_t i = 0; i < c->seat_count; i++)
        protobuf_join(c, &c->seats[i]);
}

// The data is the text as JSON, as in the other encoding.
static uint32_t protobuf_message(struct publisher *p, char *out, uint32_t *ret_payload_at,
                                 uint32_t *ret_id_at)
{
    const struct world *world = p->conn->worker->world;
    const struct options *o = &world->options;
    const struct room *room = &world->rooms[p->room];
    const uint32_t data_len = o->size + 2;
    uint32_t n = 0, inner = 2 + room->name_len + 1 + varint_len(data_len) + data_len + (o->echo ? 2 : 0);
    *ret_id_at = 0;
    if (o->ack) {
        n = put_varint(out, CLIENT_ID << 3 | WIRE_VARINT);
        *ret_id_at = n;
        n += ID_LEN;
    }
    n += put_head(out + n, CLIENT_SAY, inner);
    n += put_head(out + n, ROOM, room->name_len);
    memcpy(out + n, room->name, room->name_len);
    n += room->name_len;
    n += put_head(out + n, SAY_DATA, data_len);
    out[n++] = '"';
    *ret_payload_at = n;
    codec_fill(o, out + n, o->size);
    n += o->size;
    out[n++] = '"';
    if (o->echo) {
        n += put_varint(out + n, SAY_ECHO << 3 | WIRE_VARINT);
        n += put_varint(out + n, 1);
    }
    return n;
}

static void protobuf_write_id(char *at, uint32_t id) { put_varint(at, id); }

// ---- what comes

static struct seat *seat_by_handle(struct bench_conn *c, uint64_t handle)
{
    if (handle != 0 && c->seats[c->seat_hint].handle == handle)
        return &c->seats[c->seat_hint];
    for (uint32_t i = 0; handle != 0 && i < c->seat_count; i++)
        if (c->seats[i].handle == handle) {
            c->seat_hint = i;
            return &c->seats[i];
        }
    return NULL;
}

static struct seat *seat_by_name(struct bench_conn *c, struct bytes name)
{
    for (uint32_t i = 0; name.at && i < c->seat_count; i++) {
        const struct room *r = &c->worker->world->rooms[c->seats[i].room];
        if (r->name_len == name.len && memcmp(r->name, name.at, name.len) == 0)
            return &c->seats[i];
    }
    return NULL;
}

static void on_joined(struct bench_conn *c, struct seat *seat, const struct event *e)
{
    if (seat->state != SEAT_JOINING)
        return;
    check_restart(c, (uint32_t)(seat - c->seats));
    seat->offset = e->offset;
    seat->handle = e->handle;
    seat->state = SEAT_IN;
    c->seats_in++;
    if (c->state == CONN_READY)
        c->worker->churned++;
    else if (c->seats_in == c->seat_count)
        conn_ready(c);
}

static void on_ack(struct bench_conn *c, struct seat *seat, uint64_t id, uint64_t offset)
{
    struct worker *w = c->worker;
    struct world *world = w->world;
    w->counts.acks++;
    if (seat->publisher == NONE || id <= CODEC_ID_BASE)
        return;
    struct publisher *publisher = &world->publishers[seat->publisher];
    if (!world->options.echo) {
        check_own(c, seat, offset);
        if (offset > w->hints[seat->room].head)
            w->hints[seat->room].head = offset;
    }
    const uint32_t seq = (uint32_t)(id - CODEC_ID_BASE);
    const struct slot *slot = &publisher->ring[seq & world->ring_mask];
    if (slot->seq == seq && slot->time_ns >= w->window_from_ns && slot->time_ns < w->window_to_ns)
        hist_record(&w->ack_latency, w->now - slot->time_ns);
    if (world->options.drive == DRIVE_CLOSED_OWN && !world->expects_own)
        drive_on_own(w, publisher, seq);
}

static void on_error(struct bench_conn *c, const struct event *e)
{
    c->worker->counts.errors++;
    if (c->state == CONN_JOINING)
        conn_fail(c, "join: error %.*s: %.*s", (int)e->code.len, e->code.at ? e->code.at : "",
                  (int)e->text.len, e->text.at ? e->text.at : "");
    else
        world_reason(c->worker->world, "error %.*s: %.*s", (int)e->code.len, e->code.at ? e->code.at : "",
                     (int)e->text.len, e->text.at ? e->text.at : "");
}

// `from` has the payload in it, at its end.
static void on_said(struct bench_conn *c, struct seat *seat, uint64_t offset, struct bytes from)
{
    struct worker *w = c->worker;
    uint32_t publisher, seq;
    if (seat->state != SEAT_IN && seat->state != SEAT_LEAVING) {
        w->checks.stray++;
        return;
    }
    check_offset(c, seat, offset);
    const char *mark = from.at ? codec_find_mark(from.at, from.len, w->mark_hint) : NULL;
    if (mark && payload_decode(mark, &publisher, &seq)) {
        w->mark_hint = (uint32_t)(from.at + from.len - mark);
        codec_deliver(c, seat, offset, publisher, seq);
    } else {
        w->counts.others++;
    }
}

// A message of a known room that begins as usual: MESSAGE { ROOM_HANDLE, OFFSET, ... and nothing behind it.
static bool on_usual(struct bench_conn *c, const char *p, uint32_t len)
{
    const char *end = p + len;
    uint64_t inner = 0, handle = 0, offset = 0;
    if (len < 2 || p[0] != (MESSAGE << 3 | WIRE_BYTES))
        return false;
    p = take_varint(p + 1, end, &inner);
    if (!p || inner != (uint64_t)(end - p) || p == end || *p != (ROOM_HANDLE << 3 | WIRE_VARINT))
        return false;
    p = take_varint(p + 1, end, &handle);
    if (!p || p == end || *p != (OFFSET << 3 | WIRE_VARINT))
        return false;
    p = take_varint(p + 1, end, &offset);
    struct seat *seat = p ? seat_by_handle(c, handle) : NULL;
    if (!seat)
        return false;
    on_said(c, seat, offset, (struct bytes){p, (uint32_t)(end - p)});
    return true;
}

static void on_other(struct bench_conn *c, struct seat *seat, uint32_t number, uint64_t id,
                     const struct event *e)
{
    c->worker->counts.others++;
    if (number == ERROR) {
        on_error(c, e);
    } else if (!seat) {
        if (e->room.at || e->handle)
            c->worker->checks.stray++;
    } else if (number == ACK) {
        on_ack(c, seat, id, e->offset);
    } else if (number == JOINED) {
        on_joined(c, seat, e);
    } else if (number == LEFT) {
        if (seat->state != SEAT_LEAVING) {
            world_reason(c->worker->world, "put out of a room by the server");
            return;
        }
        c->seats_in--;
        protobuf_join(c, seat);
    } else if (number == GAP) {
        check_gap(c, seat, e->from, e->to);
    } else if (e->offset && (seat->state == SEAT_IN || seat->state == SEAT_LEAVING)) {
        check_offset(c, seat, e->offset);
    }
}

static void protobuf_on_message(struct bench_conn *c, const char *p, uint32_t len)
{
    if (on_usual(c, p, len))
        return;
    const char *end = p + len;
    uint64_t id = 0, value;
    uint32_t number = 0;
    struct bytes bytes = {NULL, 0};
    while (p && p < end) {
        p = take_field(p, end, &number, &value, &bytes);
        if (p && number == SERVER_ID)
            id = value;
        else if (bytes.at)
            break; // the event; rows are of a history, for which nobody here asks
    }
    struct event e = {.handle = 0};
    if (!p || !bytes.at || !take_event(bytes, &e)) {
        c->worker->checks.protocol_errors++;
        conn_fail(c, "a message that is no ServerMessage");
        return;
    }
    struct seat *seat = e.handle && number != JOINED ? seat_by_handle(c, e.handle) : seat_by_name(c, e.room);
    if (number == MESSAGE && seat)
        on_said(c, seat, e.offset, e.data);
    else
        on_other(c, seat, number, id, &e);
}

const struct codec codec_protobuf = {
    .on_open = protobuf_on_open,
    .on_message = protobuf_on_message,
    .message = protobuf_message,
    .write_id = protobuf_write_id,
    .leave = protobuf_leave,
    .join = protobuf_join,
};
