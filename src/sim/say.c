// SPDX-License-Identifier: Apache-2.0
//
// What clients say: commands in native JSON, lines, requests, frames. Each command that has a reply is noted (asks.c).
#include "sim/draft.h"
#include "sim/world.h"

#include "base/codec.h"
#include "sim/parcel.h"
#include "wire/json.h"
#include "wire/ws_handshake.h"
#include <stdio.h>

void say_upgrade(struct world *w, struct client *c)
{
    uint8_t raw[16];
    char key[32], text[2048], accept[WS_ACCEPT_LEN], tenant[64], deflate[200];
    struct buf token;
    for (size_t i = 0; i < sizeof raw; i++)
        raw[i] = (uint8_t)roll(w, 256);
    size_t key_n = base64_encode(raw, sizeof raw, key);
    const char *path = c->parcels                 ? "/parcel"
                       : c->speech == SPEAKS_JSON ? "/ws"
                       : c->speech == SPEAKS_ECHO ? "/conformance/echo"
                                                  : "/echo";
    buf_init(&token, &w->scratch_mem, 0);
    if (c->known && chance(w, 3)) {
        c->presented = chance(w, 4) ? TOKEN_IS_FORGED : TOKEN_IS_GOOD;
        BUF_PUT_LIT(&token, "Authorization: Bearer ");
        c->presented_info = hands_token(w, c, c->presented, &token);
        BUF_PUT_LIT(&token, "\r\n");
    }
    tenancy_say(w, c, tenant);
    deflated_say(w, c, deflate);
    int n =
        snprintf(text, sizeof text,
                 "GET %s HTTP/1.1\r\nHost: sim\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
                 "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %.*s\r\n%.*s%s%s%s\r\n",
                 path, (int)key_n, key, (int)token.n, token.n != 0 ? token.p : "", tenant, deflate,
                 c->compact ? "Sec-WebSocket-Protocol: plenum.v1.protobuf\r\n"
                 : c->speech == SPEAKS_JSON && !c->parcels && chance(w, 2)
                     ? "Sec-WebSocket-Protocol: plenum.v1.json\r\n"
                     : "");
    ASSERT((size_t)n < sizeof text);
    buf_deinit(&token);
    bool made = ws_accept_key(str_make(key, key_n), accept) == OK;
    ASSERT(made);
    memcpy(c->ws_accept, accept, WS_ACCEPT_LEN);
    c->ws_accept[WS_ACCEPT_LEN] = '\0';
    buf_put(&c->out, text, (size_t)n);
    c->text_joining = c->speech == SPEAKS_TEXT_WS ? 0 : NONE; // terminals start in the lobby
}

void say_batch(struct world *w, struct client *c)
{
    if (c->batch.n == 0)
        return;
    struct buf batch = c->batch;
    buf_init(&c->batch, &w->scratch_mem, 0);
    say_frame(w, c, WS_BINARY, buf_str(&batch));
    buf_deinit(&batch);
}

// Several into one message, now and then; the others go when the client's step is over (client_flush).
void say_parcel(struct world *w, struct client *c, char kind, str body)
{
    if (c->batch.n + PARCEL_HEAD + body.n > w->settings.message_bytes)
        say_batch(w, c);
    trace_bytes(w, c, '>', body);
    parcel_put(&c->batch, ++c->parcel_sent, kind, body);
    if (chance(w, 4))
        say_batch(w, c);
}

static void say_compact(struct world *w, struct client *c, str command)
{
    struct buf message;
    buf_init(&message, &w->scratch_mem, 0);
    trace_bytes(w, c, '>', command);
    compact_encode(command, &message);
    say_frame(w, c, WS_BINARY, buf_str(&message));
    buf_deinit(&message);
}

// In fragments, empty ones included, with a ping between them.
static void say_fragments(struct world *w, struct client *c, uint8_t opcode, uint32_t mask, str payload)
{
    size_t from = 0;
    for (uint32_t i = 0; i < 3; i++) {
        size_t n = i == 2 ? payload.n - from : roll(w, payload.n - from + 1);
        ws_client_frame_encode(&c->out, i == 0 ? opcode : WS_CONTINUATION, i == 2, mask,
                               str_make(payload.p + from, n));
        from += n;
        if (i < 2 && chance(w, 2)) {
            char number[16];
            int digits = snprintf(number, sizeof number, "%u", ++c->ping_sent);
            ws_client_frame_encode(&c->out, WS_PING, true, mask + 1, str_make(number, (size_t)digits));
        }
    }
}

void say_frame(struct world *w, struct client *c, uint8_t opcode, str payload)
{
    if (c->parcels && opcode == WS_TEXT) {
        say_parcel(w, c, 'c', payload);
        return;
    }
    if (c->compact && opcode == WS_TEXT) {
        say_compact(w, c, payload);
        return;
    }
    if (opcode == WS_CLOSE)
        say_batch(w, c);
    uint32_t mask = chance(w, 10) ? 0 : (uint32_t)prng_next(&w->dice);
    bool control = opcode >= WS_CLOSE;
    if ((!control && opcode != WS_BINARY) || opcode == WS_CLOSE)
        trace_bytes(w, c, '>', payload);
    struct buf room;
    buf_init(&room, &w->scratch_mem, 0);
    if (!control && deflated_out(w, c, &room, &payload))
        opcode |= WS_COMPRESSED;
    if (control || !chance(w, 12))
        ws_client_frame_encode(&c->out, opcode, true, mask, payload);
    else
        say_fragments(w, c, opcode, mask, payload);
    buf_deinit(&room);
}
void say_close(struct world *w, struct client *c, uint16_t code)
{
    uint8_t frame[WS_CONTROL_FRAME_MAX];
    size_t n = ws_close_encode(frame, code, STR("bye"));
    say_frame(w, c, WS_CLOSE, str_make((const char *)frame + 2, n - 2));
    c->close_sent = true;
    c->close_said_ms = w->now_ms;
}

// --- JSON

// One attempt to say a message.
static void attempt(struct world *w, struct client *c, struct message *m, struct asked *a, bool with_key)
{
    struct draft d = draft_make(w, m->room == NONE ? "direct" : "message", a);
    a->message = m->serial;
    a->room = m->room;
    m->attempts++;
    m->link = c->link->serial;
    if (m->room == NONE)
        draft_string(&d, "to", w->clients[m->to].user);
    else
        draft_string(&d, "room", w->room_names[m->room]);
    draft_key(&d, "data");
    truth_data(m, &d.b);
    if (with_key && m->keyed) {
        char key[24];
        snprintf(key, sizeof key, "k%u", m->serial);
        draft_string(&d, "key", key);
    }
    if (m->conflate != 0)
        draft_string(&d, "conflate", (const char[]){m->conflate, '\0'});
    if (m->asks_echo) {
        draft_key(&d, "echo");
        BUF_PUT_LIT(&d.b, "true");
    }
    draft_send(w, c, &d);
}

static struct message *message_make(struct world *w, struct client *c, int room)
{
    struct message *m = truth_message_new(w, c, room);
    m->style = (uint8_t)roll(w, 16);
    m->pad = (uint32_t)roll(w, chance(w, 8) ? w->plan.data_max + 1 : 20);
    if (room != NONE && w->plan.large_max != 0 && chance(w, 8))
        m->pad = (uint32_t)roll(w, w->plan.large_max + 1);
    m->keyed = chance(w, 3);
    if (c->welcomed) {
        memcpy(m->session, c->session, sizeof m->session);
        memcpy(m->user, c->user, sizeof m->user);
        m->name_hash = truth_hash(str_from_cstr(c->name));
    }
    m->info = c->welcomed ? c->info : 0;
    for (uint32_t i = 0; i < c->asks_n; i++)
        if (c->asks[(c->asks_from + i) % ASKS_MAX].kind == SAID_RENAME)
            m->name_hash = 0; // it may be refused
    return m;
}

void say_message(struct world *w, struct client *c, int room)
{
    struct message *m = message_make(w, c, room);
    m->asks_echo = chance(w, 2);
    m->echo = m->asks_echo || world_room(w, room)->room_echo;
    m->has_id = m->keyed || !chance(w, 6);
    if (!m->has_id && !m->echo)
        c->seats[room].unnamed++;
    attempt(w, c, m, asks_push(w, c, SAID_MESSAGE, m->has_id), true);
}

void say_signal(struct world *w, struct client *c, int room)
{
    struct message *m = message_make(w, c, room);
    m->keyed = false;
    m->pad %= 100;
    m->attempts = 1;
    m->link = c->link->serial;
    struct draft d = draft_make(w, "signal", NULL);
    draft_key(&d, "id");
    BUF_PUT_LIT(&d.b, SIGNAL_ID);
    draft_string(&d, "room", w->room_names[room]);
    draft_key(&d, "data");
    truth_data(m, &d.b);
    draft_send(w, c, &d);
}

void say_again(struct world *w, struct client *c, uint32_t message, bool with_key)
{
    attempt(w, c, truth_message(w, message), asks_push(w, c, SAID_MESSAGE, true), with_key);
}

void say_direct(struct world *w, struct client *c, uint32_t to)
{
    struct message *m = message_make(w, c, NONE);
    m->to = to;
    m->has_id = true;
    direct_said(w, m);
    attempt(w, c, m, asks_push(w, c, SAID_DIRECT, true), true);
}

void say_members(struct world *w, struct client *c, int room)
{
    struct asked *a = asks_push(w, c, SAID_MEMBERS, true);
    struct draft d = draft_make(w, "members", a);
    a->room = room;
    if (c->seats[room].on) {
        a->passed_epoch = c->seats[room].epoch;
        a->passed = truth_numbering(w, room, a->passed_epoch)->passed_n;
    }
    draft_string(&d, "room", w->room_names[room]);
    if (chance(w, 3))
        draft_number(&d, "limit", 1 + roll(w, 5));
    draft_send(w, c, &d);
}

void say_history(struct world *w, struct client *c, int room)
{
    struct asked *a = asks_push(w, c, SAID_HISTORY, true);
    struct draft d = draft_make(w, "history", a);
    a->room = room;
    draft_string(&d, "room", w->room_names[room]);
    if (chance(w, 2))
        draft_number(&d, "limit", 1 + roll(w, 30));
    const struct seat *s = &c->seats[room];
    if (s->on && chance(w, 3)) { // sometimes of a room that is gone, sometimes too far back or ahead
        a->has_since = true;
        a->since_epoch = (int)roll(w, (uint64_t)s->epoch + 1);
        a->since = s->next - 1 - roll(w, s->next < 40 ? s->next : 40) + (chance(w, 8) ? 1000 : 0);
        draft_since(w, &d, a);
    } else if (s->on && chance(w, 2)) {
        draft_number(&d, "before", s->next);
    }
    draft_send(w, c, &d);
}

void say_rooms(struct world *w, struct client *c)
{
    struct draft d = draft_make(w, "rooms", asks_push(w, c, SAID_ROOMS, true));
    if (chance(w, 3))
        draft_number(&d, "limit", 1 + roll(w, 3));
    if (chance(w, 3))
        draft_string(&d, "prefix", "r");
    draft_send(w, c, &d);
}

// Some names are longer than a member holds in place.
void say_name(const struct client *c, char letter, char ret[40])
{
    snprintf(ret, 40, letter < 't' ? "n%u%c" : "n%u%c of the house by the sea", c->index, letter);
}

void say_rename(struct world *w, struct client *c)
{
    char name[40];
    struct asked *a = asks_push(w, c, SAID_RENAME, true);
    struct draft d = draft_make(w, "rename", a);
    a->letter = (char)('a' + roll(w, 26));
    say_name(c, a->letter, name);
    draft_string(&d, "name", name);
    draft_send(w, c, &d);
}

// The next token of its session, which shows something else; now and then one that is none.
// By whoever is in the room: mostly one who may not.
void say_decree(struct world *w, struct client *c, int room)
{
    static const char *const types[] = {"kick",   "kick", "kick", "ban",      "ban",   "unban", "mute",
                                        "unmute", "role", "slow", "readonly", "close", "lock"};
    static const char *const roles[] = {"guest", "member", "member", "host", "owner"};
    const char *type = types[roll(w, sizeof types / sizeof *types)];
    const struct client *target = &w->clients[roll(w, w->plan.clients)];
    for (uint32_t i = 0; i < w->plan.clients && !target->seats[room].on && !chance(w, 20); i++)
        target = &w->clients[i]; // rather somebody who is there
    if (target == c && chance(w, 2))
        target = &w->clients[roll(w, w->plan.clients)];
    bool of_room = strcmp(type, "slow") == 0 || strcmp(type, "readonly") == 0 || strcmp(type, "lock") == 0 ||
                   strcmp(type, "close") == 0;
    if (!of_room && target->user[0] == '\0')
        return;
    w->counts.closes_asked += strcmp(type, "close") == 0;
    struct asked *a = asks_push(w, c, SAID_DECREE, true);
    struct draft d = draft_make(w, type, a);
    a->room = room;
    draft_string(&d, "room", w->room_names[room]);
    if (!of_room)
        draft_string(&d, "user", target->user);
    if (strcmp(type, "role") == 0)
        draft_string(&d, "role", roles[roll(w, sizeof roles / sizeof *roles)]);
    if (strcmp(type, "slow") == 0)
        draft_number(&d, "seconds", roll(w, 3));
    else if (!of_room && !chance(w, 10))
        draft_number(&d, "seconds", 1 + roll(w, 15));
    if (strcmp(type, "readonly") == 0 || strcmp(type, "lock") == 0) {
        draft_key(&d, "on");
        buf_put_str(&d.b, chance(w, 4) ? STR("true") : STR("false"));
    }
    if (chance(w, 3))
        draft_string(&d, "reason", "it had to be");
    draft_send(w, c, &d);
}

void say_ping(struct world *w, struct client *c)
{
    if (chance(w, 2)) {
        struct draft d = draft_make(w, "ping", asks_push(w, c, SAID_PING, true));
        draft_send(w, c, &d);
        return;
    }
    char number[16];
    int n = snprintf(number, sizeof number, "%u", ++c->ping_sent);
    say_frame(w, c, WS_PING, str_make(number, (size_t)n));
}

// Commands that are wrong, each in its own way; the connection lives on.
void say_bad(struct world *w, struct client *c)
{
    static const char *const rests[] = {
        ",\"type\":\"nonsense\"}",
        ",\"type\":\"message\",\"data\":1}",
        ",\"type\":\"join\",\"room\":\"\"}",
        ",\"type\":\"kick\",\"room\":\"lobby\"}",
        ",\"type\":17}",
        ",\"type\":\"join\",\"room\":\" x\"}",
    };
    char text[128];
    struct asked *a = asks_push(w, c, SAID_BAD, !chance(w, 5));
    int n;
    if (a->id == 0)
        n = snprintf(text, sizeof text, "%s",
                     chance(w, 2) ? "[1,2" : "{\"type\":\"message\",\"type\":\"message\"}");
    else
        n = snprintf(text, sizeof text, "{\"id\":%u%s", a->id, rests[roll(w, sizeof rests / sizeof *rests)]);
    say_frame(w, c, WS_TEXT, str_make(text, (size_t)n));
}
