// SPDX-License-Identifier: Apache-2.0
//
// Messages through a whole connection: fragments put together, inflated where permessage-deflate was agreed, looked at for UTF-8, and
// said back. What is answered does not depend on how the stream was cut, and messages that are well-formed come back as they went out.
//
// Input: what it is like (1: deflate is offered; 2: each message of the client's begins anew; 4: 300 octets are a message's most),
// the size of the cuts, then frames:
//
//     head (1)    FIN, RSV1 to 3, opcode, as they go onto the wire
//     how (1)     lowest bit: the payload is deflated here, and RSV1 set; the rest: its length, or 127: long, as the next octet says
//     payload     as it is given, or what is to be deflated
//
// They are masked here, so that the fuzzer need not know how.
#include "fuzz/fuzz_input.h"
#include "unit/core_support.h"
#include "unit/wire_support.h"

#include <stdlib.h>
#include <zlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { FRAMES_MAX = 40, WIRE_MAX = 3000, CLIENT_BITS = 12, PLAIN = 0xf, FIN = 0x80, DEFLATED = 0x40 };

struct stream {
    struct bytes wire;     // what the client sends
    struct bytes expected; // what comes back, as heard() writes it down, as long as all is well-formed
    bool straight;         // it has been so far
    bool deflate, anew;
    z_stream z;
};

static void note(struct bytes *b, uint8_t opcode, str message)
{
    const uint32_t head[2] = {opcode, (uint32_t)message.n};
    bytes_put(b, head, sizeof head);
    if (message.n != 0)
        bytes_put(b, message.p, message.n);
}

// In a window that is kept from message to message, or not. False: it is not to be sent.
static bool deflated(struct stream *s, str said, uint8_t *room, size_t cap, str *ret)
{
    if (s->anew)
        deflateReset(&s->z);
    s->z.next_in = (z_const Bytef *)said.p;
    s->z.avail_in = (uInt)said.n;
    s->z.next_out = room;
    s->z.avail_out = (uInt)cap;
    const int done = deflate(&s->z, Z_SYNC_FLUSH);
    const size_t n = cap - s->z.avail_out;
    if (done != Z_OK || s->z.avail_in != 0 || n < 4)
        return false;                           // zlib says Z_BUF_ERROR where there is nothing to flush
    *ret = str_make((const char *)room, n - 4); // RFC 7692 section 7.2.1
    return true;
}

// By RFC 6455 section 5.2, with whatever is wrong about it: the encoder of ours takes nothing that is.
static void frame_put(struct bytes *b, uint8_t head, str payload)
{
    static const uint8_t mask[4] = {1, 2, 3, 4};
    const uint8_t longer[] = {head, 0x80 | 126, (uint8_t)(payload.n >> 8), (uint8_t)payload.n};
    const uint8_t shorter[] = {head, (uint8_t)(0x80 | payload.n)};
    MUST(payload.n <= UINT16_MAX);
    if (payload.n > CONTROL_PAYLOAD_MAX)
        bytes_put(b, longer, sizeof longer);
    else
        bytes_put(b, shorter, sizeof shorter);
    bytes_put(b, mask, sizeof mask);
    for (size_t i = 0; i < payload.n; i++) {
        const char octet = (char)(payload.p[i] ^ mask[i % 4]);
        bytes_put(b, &octet, 1);
    }
}

static void frame(struct stream *s, struct fuzz_input *in)
{
    static uint8_t packed[40000];
    static char repeated[200 * 256];
    uint8_t head = input_byte(in);
    const uint8_t how = input_byte(in);
    str said = how >> 1 != 127 ? input_bytes(in, how >> 1) : STR_NONE;
    if (how >> 1 == 127) { // and easily deflated: the wire has little of it in any case
        const size_t n = (size_t)((how & 1) != 0 && s->deflate ? 200 : 4) * input_byte(in);
        memset(repeated, 'a' + (int)(n % 26), n);
        said = str_make(repeated, n);
    }
    str payload = said;
    const bool pack = (how & 1) != 0 && s->deflate && deflated(s, said, packed, sizeof packed, &payload);
    if (pack)
        head |= DEFLATED;
    const uint8_t opcode = head & PLAIN;
    frame_put(&s->wire, head, payload);
    const bool text = opcode == WS_TEXT;
    s->straight = s->straight && (text || opcode == WS_BINARY) && (head & FIN) != 0 && (head & 0x30) == 0 &&
                  ((head & DEFLATED) != 0) == pack && said.n <= 300 &&
                  (!text || utf8_valid_slow((const uint8_t *)said.p, said.n));
    if (s->straight)
        note(&s->expected, opcode, said);
}

// What comes back for it, where so many octets are read in a turn.
static void heard(const struct stream *s, uint8_t like, size_t cut, struct bytes *ret)
{
    struct mem part;
    struct net *n = net_new(1);
    n->settings.connections_max = 3;
    n->settings.echo = true;
    n->settings.message_bytes = (like & 4) != 0 ? 300 : 1 << 16;
    n->read_max = 0;
    net_deflate(n, &part);
    net_start(n);
    struct client *c =
        net_ws_with(n, 0, "/conformance/echo",
                    !s->deflate ? ""
                    : s->anew ? "Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n"
                              : "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n");
    MUST(c->upgraded && (c->window != 0) == s->deflate);
    n->read_max = cut;
    post_bytes(c, s->wire.p, s->wire.n);
    net_settle(n);
    net_check(n);
    for (size_t i = 0; i < c->message_n; i++) {
        const str m = str_make(c->rx.p + c->messages[i].from, c->messages[i].n);
        MUST(c->messages[i].opcode != WS_TEXT || utf8_valid_slow((const uint8_t *)m.p, m.n));
        MUST(m.n <= n->settings.message_bytes);
        note(ret, c->messages[i].opcode, m);
    }
    const uint32_t end[] = {c->close_code, c->closes, c->pongs != 0};
    bytes_put(ret, end, sizeof end);
    net_free(n);
}

static bool same(const struct bytes *a, const struct bytes *b)
{
    return a->n == b->n && memcmp(a->p, b->p, a->n) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct fuzz_input in = {data, n};
    const uint8_t like = input_byte(&in);
    const size_t cut = (size_t)input_byte(&in) + 1;
    struct stream s = {.straight = true, .deflate = (like & 1) != 0, .anew = (like & 2) != 0};
    struct bytes whole = {0}, octets = {0}, cuts = {0};
    MUST(deflateInit2(&s.z, 6, Z_DEFLATED, -CLIENT_BITS, 1, Z_DEFAULT_STRATEGY) == Z_OK);
    for (int i = 0; i < FRAMES_MAX && s.wire.n < WIRE_MAX && in.left != 0; i++)
        frame(&s, &in);
    if (s.wire.n != 0) {
        heard(&s, like, 0, &whole);
        heard(&s, like, 1, &octets);
        heard(&s, like, cut, &cuts);
        MUST(same(&whole, &octets) && same(&whole, &cuts));
        const uint32_t open[] = {0, 0, 0};
        bytes_put(&s.expected, open, sizeof open);
        MUST(!s.straight || same(&whole, &s.expected));
    }
    bytes_free(&s.wire);
    bytes_free(&s.expected);
    bytes_free(&whole);
    bytes_free(&octets);
    bytes_free(&cuts);
    deflateEnd(&s.z);
    return 0;
}
