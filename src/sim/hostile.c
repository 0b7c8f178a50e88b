// SPDX-License-Identifier: Apache-2.0
//
// Peers that break every rule they can think of. Nothing is checked about what they get; the others must not notice.
#include "sim/world.h"

static void put_noise(struct world *w, struct client *c, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_put_char(&c->out, (char)roll(w, 256));
}

// A line that is a command, if anything: what is none would be a message, and nobody is to say what the checkers do
// not know.
static void put_noisy_line(struct world *w, struct client *c)
{
    BUF_PUT_LIT(&c->out, "/");
    for (uint64_t n = roll(w, 60); n > 0; n--) {
        char byte = (char)roll(w, 256);
        buf_put_char(&c->out, byte == '\n' || byte == '/' ? '?' : byte);
    }
    buf_put_char(&c->out, '\n');
}

static void put_frame(struct world *w, struct client *c, uint8_t opcode, bool fin, str payload)
{
    ws_client_frame_encode(&c->out, opcode, fin, (uint32_t)prng_next(&w->dice), payload);
}

// Frames that say nothing, perhaps more of them than anybody has a use for.
static void put_silence(struct world *w, struct client *c)
{
    uint8_t opcode = (uint8_t)(chance(w, 2) ? WS_CONTINUATION : chance(w, 2) ? WS_PING : WS_PONG);
    if (opcode == WS_CONTINUATION)
        put_frame(w, c, WS_TEXT, false, STR("{"));
    for (uint64_t n = roll(w, 2ull * NOISE_BURST); n > 0; n--)
        put_frame(w, c, opcode, opcode != WS_CONTINUATION, STR_NONE);
}

static void before_upgrade(struct world *w, struct client *c)
{
    static const char *const starts[] = {
        "GET / HTTP/1.1\r\n",
        "GET /ws HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "POST /ws HTTP/1.1\r\n\r\n",
        "GET /ws HTTP/1.1\r\nHost: sim\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        "\r\n\r\n\r\n",
        "GET /%2e%2e/x HTTP/1.1\r\nHost: sim\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: sim\r\nTransfer-Encoding: chunked\r\n\r\n",
    };
    if (chance(w, 3))
        put_noise(w, c, 1 + roll(w, 300));
    else if (chance(w, 2))
        buf_put_str(&c->out, str_from_cstr(starts[roll(w, sizeof starts / sizeof *starts)]));
    else
        say_upgrade(w, c);
}

static void break_frames(struct world *w, struct client *c)
{
    static const char *const commands[] = {
        "{\"type\":\"join\",\"room\":\"lobby\"}",
        "{\"type\":\"join\",\"room\":\"r1\",\"history\":1000,\"members\":true}",
        "{\"type\":\"hello\",\"resume\":\"AAAA\"}",
        "{\"type\":\"switch\",\"from\":\"lobby\",\"to\":\"r1\"}",
        "{\"type\":\"history\",\"room\":\"lobby\",\"limit\":1000}",
        "{\"type\":\"rooms\"}",
        "{\"type\":\"leave\",\"room\":\"lobby\"}",
        "{\"type\":\"join\",\"room\":\"lobby\",\"since\":{\"epoch\":\"x\",\"offset\":9007199254740991}}",
        "{\"type\":\"members\",\"room\":\"lobby\",\"after\":\"zzz\"}",
        "{\"type\":\"direct\",\"to\":\"nobody\",\"data\":0}",
    };
    str command = str_from_cstr(commands[roll(w, sizeof commands / sizeof *commands)]);
    switch (roll(w, 14)) {
    case 0:
        put_noise(w, c, 1 + roll(w, 100));
        return;
    case 1:
        put_frame(w, c, WS_TEXT, true, STR("\xff\xfe"));
        return;
    case 2:
        put_frame(w, c, WS_CONTINUATION, true, command);
        return;
    case 3:
        put_frame(w, c, (uint8_t)roll(w, 16), true, command);
        return;
    case 4:
        put_frame(w, c, WS_TEXT, false, str_take(command, 5));
        return;
    case 5:
        put_frame(w, c, WS_CLOSE, true, STR("\x03"));
        return;
    case 6:
        buf_put(&c->out, "\x81\x05hello", 7);
        return; // without a mask
    case 7:
        put_frame(w, c, WS_BINARY, true, command);
        return;
    case 8:
        buf_put(&c->out, "\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff", 10);
        return;
    case 9:
        put_silence(w, c);
        return;
    default:
        put_frame(w, c, WS_TEXT, true, command);
        return;
    }
}

void hostile_act(struct world *w, struct client *c)
{
    if (chance(w, 10)) {
        if (chance(w, 2))
            link_reset(w, c->link);
        else
            client_fin(w, c);
        client_leave(w, c, "goes");
        return;
    }
    if (c->speech == SPEAKS_TEXT_LINE) {
        if (chance(w, 2))
            say_line(w, c, "/join lobby");
        put_noisy_line(w, c);
    } else if (c->state == CLIENT_UPGRADING) {
        before_upgrade(w, c);
    } else {
        break_frames(w, c);
    }
}
