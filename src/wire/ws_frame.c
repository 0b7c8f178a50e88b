// SPDX-License-Identifier: Apache-2.0
//
// ws_frame.c - the frame decoder, see ws_frame.h for what it reports.
//
// A frame is taken in two steps. Its header is collected into the decoder (2 to 14 bytes, usually all at once), and
// every rule is checked as soon as the bytes it speaks of are there: a wrong first byte fails without waiting for the
// second. The checks are pure, so a header that comes in pieces may be checked again from its start; nothing is
// committed before it is whole. Then the payload is unmasked where it lies.
//
// Keeping to that order has a use: what the decoder says depends on the bytes only, never on how they were cut, which
// is what the tests and the fuzzer hold it to.
#include "wire/ws_frame.h"

#include "wire/deflate.h"

enum {
    FLAG_CLIENT = 1,         // decodes what a server sent
    FLAG_PAYLOAD = 2,        // the header is done, payload is being taken
    FLAG_FIN = 4,            // of the frame at hand
    FLAG_MESSAGE_BEGUN = 8,  // a chunk of the open message was reported
    FLAG_CONTROL_BEGUN = 16, // a chunk of the control frame at hand was reported
    FLAG_DEFLATE = 32,       // messages may be compressed
    FLAG_COMPRESSED = 64,    // the open message is
};

enum {
    BIT_FIN = 0x80,
    BITS_RSV = 0x70,
    BITS_OPCODE = 0x0f,
    BIT_CONTROL = 0x08, // of the opcode
    BIT_MASK = 0x80,
    BITS_LENGTH = 0x7f,
    LENGTH_16 = 126,
    LENGTH_64 = 127,
};

// What can be wrong with a frame: the close code, and why.
// clang-format off
#define FAILS(X) \
    X(FINE,                0,                 "") \
    X(BAD_RSV,             WS_CLOSE_PROTOCOL, "reserved bits are set without an extension") \
    X(BAD_RSV1,            WS_CLOSE_PROTOCOL, "RSV1 is set where no compressed message begins") \
    X(BAD_OPCODE,          WS_CLOSE_PROTOCOL, "unknown opcode") \
    X(CONTROL_FRAGMENTED,  WS_CLOSE_PROTOCOL, "a control frame is fragmented") \
    X(CONTROL_TOO_LONG,    WS_CLOSE_PROTOCOL, "a control frame is longer than 125 bytes") \
    X(CONTINUATION_ALONE,  WS_CLOSE_PROTOCOL, "a continuation frame continues nothing") \
    X(MESSAGE_INTERRUPTED, WS_CLOSE_PROTOCOL, "a new message begins inside a fragmented one") \
    X(NOT_MASKED,          WS_CLOSE_PROTOCOL, "a client's frame is not masked") \
    X(MASKED,              WS_CLOSE_PROTOCOL, "a server's frame is masked") \
    X(LENGTH_NOT_MINIMAL,  WS_CLOSE_PROTOCOL, "a length is not in its shortest form") \
    X(LENGTH_TOP_BIT,      WS_CLOSE_PROTOCOL, "a length has its top bit set") \
    X(MESSAGE_TOO_BIG,     WS_CLOSE_TOO_BIG,  "the message is too big") \
    X(NOT_UTF8,            WS_CLOSE_BAD_DATA, "text is not UTF-8") \
    X(NOT_DEFLATE,         WS_CLOSE_BAD_DATA, "the message is not well compressed") \
    X(INFLATES_TOO_BIG,    WS_CLOSE_TOO_BIG,  "the message is too big when it is inflated")
// clang-format on

enum fail {
#define X(fail, code, reason) fail,
    FAILS(X)
#undef X
};

static const struct {
    uint16_t code;
    const char *reason;
} fails[] = {
#define X(fail, code, reason) [fail] = {code, reason},
    FAILS(X)
#undef X
};

void ws_decoder_init(struct ws_decoder *d, uint32_t message_bytes_max)
{
    *d = (struct ws_decoder){.message_bytes_max = message_bytes_max};
}

void ws_decoder_init_client(struct ws_decoder *d, uint32_t message_bytes_max)
{
    *d = (struct ws_decoder){.message_bytes_max = message_bytes_max, .flags = FLAG_CLIENT};
}

bool ws_decoder_idle(const struct ws_decoder *d)
{
    return d->header_n == 0 && !(d->flags & FLAG_PAYLOAD) && d->message_opcode == 0;
}

void ws_decoder_deflate(struct ws_decoder *d)
{
    ASSERT(ws_decoder_idle(d));
    d->flags |= FLAG_DEFLATE;
}

void ws_decoder_fail(struct ws_decoder *d, enum err why)
{
    ASSERT(d->fail == FINE && (d->flags & FLAG_DEFLATE) != 0);
    d->fail = why == ERR_UTF8 ? NOT_UTF8 : why == ERR_TOO_LARGE ? INFLATES_TOO_BIG : NOT_DEFLATE;
}

static enum fail check_first_byte(const struct ws_decoder *d, uint8_t b)
{
    uint8_t opcode = b & BITS_OPCODE;
    if (b & BITS_RSV & ~((d->flags & FLAG_DEFLATE) != 0 ? WS_COMPRESSED : 0))
        return BAD_RSV; // RFC 6455 section 5.2: no extension is negotiated that has it
    if ((b & WS_COMPRESSED) && opcode != WS_TEXT && opcode != WS_BINARY)
        return BAD_RSV1; // RFC 7692 section 6.1
    switch (opcode) {
    case WS_CONTINUATION:
        return d->message_opcode == 0 ? CONTINUATION_ALONE : FINE; // section 5.4
    case WS_TEXT:
    case WS_BINARY:
        return d->message_opcode != 0 ? MESSAGE_INTERRUPTED : FINE; // section 5.4
    case WS_CLOSE:
    case WS_PING:
    case WS_PONG:
        return b & BIT_FIN ? FINE : CONTROL_FRAGMENTED; // section 5.5
    default:
        return BAD_OPCODE; // section 5.2: 3-7 and 11-15 are reserved
    }
}

// What the frames of a message may have together. One that does not get smaller by being compressed gets a little larger.
static uint32_t bytes_max(const struct ws_decoder *d, bool compressed)
{
    return compressed ? deflate_bound(d->message_bytes_max) : d->message_bytes_max;
}

void ws_decoder_check(const struct ws_decoder *d)
{
    bool failed = d->fail != FINE;
    ASSERT(failed || d->payload_left == 0 || (d->flags & FLAG_PAYLOAD) != 0); // 1
    ASSERT(failed || d->header_n == 0 || (d->flags & FLAG_PAYLOAD) == 0);     // 1
    ASSERT(d->header_n <= sizeof d->header);
    ASSERT(d->message_opcode == 0 || d->message_opcode == WS_TEXT || d->message_opcode == WS_BINARY);
    ASSERT(failed || !(d->flags & FLAG_PAYLOAD) || (d->opcode & BIT_CONTROL) != 0 ||
           d->message_opcode != 0);                                                        // 2
    ASSERT(failed || d->message_bytes <= bytes_max(d, (d->flags & FLAG_COMPRESSED) != 0)); // 3
    ASSERT(d->fail < sizeof fails / sizeof fails[0]);                                      // 4
    ASSERT(!failed || fails[d->fail].code != 0);                                           // 4
}

static enum fail check_second_byte(const struct ws_decoder *d, uint8_t first, uint8_t b)
{
    bool masked = b & BIT_MASK;
    if (d->flags & FLAG_CLIENT) {
        if (masked)
            return MASKED; // section 5.1
    } else if (!masked) {
        return NOT_MASKED; // section 5.1
    }
    if ((first & BIT_CONTROL) && (b & BITS_LENGTH) > CONTROL_PAYLOAD_MAX)
        return CONTROL_TOO_LONG; // section 5.5
    return FINE;
}

static uint8_t length_bytes(uint8_t second)
{
    uint8_t length = second & BITS_LENGTH;
    return length == LENGTH_64 ? 8 : length == LENGTH_16 ? 2 : 0;
}

// The payload length of a header whose length bytes are all there, held against the rules and the cap.
static enum fail check_length(const struct ws_decoder *d, const uint8_t *h, uint64_t *ret)
{
    uint8_t extended = length_bytes(h[1]);
    uint64_t n = extended == 0 ? h[1] & BITS_LENGTH : 0;
    for (unsigned i = 0; i < extended; i++)
        n = n << 8 | h[2 + i];
    if (extended == 8 && n >> 63)
        return LENGTH_TOP_BIT; // section 5.2
    if ((extended == 2 && n < LENGTH_16) || (extended == 8 && n <= UINT16_MAX))
        return LENGTH_NOT_MINIMAL; // section 5.2
    if (!(h[0] & BIT_CONTROL)) {
        const bool goes_on = (h[0] & BITS_OPCODE) == WS_CONTINUATION;
        const bool compressed = goes_on ? (d->flags & FLAG_COMPRESSED) != 0 : (h[0] & WS_COMPRESSED) != 0;
        if (n > bytes_max(d, compressed) - (goes_on ? d->message_bytes : 0))
            return MESSAGE_TOO_BIG; // before any of it is taken
    }
    *ret = n;
    return FINE;
}

static void frame_begin(struct ws_decoder *d, uint32_t length)
{
    uint8_t first = d->header[0];
    d->opcode = first & BITS_OPCODE;
    d->payload_left = length;
    d->header_n = 0;
    d->flags = (uint8_t)((d->flags & ~(FLAG_FIN | FLAG_CONTROL_BEGUN)) | FLAG_PAYLOAD |
                         (first & BIT_FIN ? FLAG_FIN : 0));
    if (d->opcode & BIT_CONTROL)
        return;
    if (d->opcode != WS_CONTINUATION) {
        d->message_opcode = d->opcode;
        d->message_bytes = 0;
        d->flags = (uint8_t)((d->flags & ~(FLAG_MESSAGE_BEGUN | FLAG_COMPRESSED)) |
                             (first & WS_COMPRESSED ? FLAG_COMPRESSED : 0));
    }
    d->message_bytes += length;
}

// Moves bytes into the header until it holds `upto` of them; false while it does not.
static bool header_fill(struct ws_decoder *d, const uint8_t **p, const uint8_t *end, unsigned upto)
{
    while (d->header_n < upto && *p < end)
        d->header[d->header_n++] = *(*p)++;
    return d->header_n >= upto;
}

// Takes header bytes. *ret_done says that the header is complete and the payload may begin.
static enum fail header_take(struct ws_decoder *d, const uint8_t **p, const uint8_t *end, bool *ret_done)
{
    const uint8_t *h = d->header;
    enum fail fail = FINE;
    uint64_t length = 0;
    *ret_done = false;

    if (!header_fill(d, p, end, 1))
        return FINE;
    if ((fail = check_first_byte(d, h[0])) != FINE)
        return fail;
    if (!header_fill(d, p, end, 2))
        return FINE;
    if ((fail = check_second_byte(d, h[0], h[1])) != FINE)
        return fail;

    unsigned n = 2u + length_bytes(h[1]);
    if (!header_fill(d, p, end, n))
        return FINE;
    if ((fail = check_length(d, h, &length)) != FINE)
        return fail;

    d->mask = 0;
    if (h[1] & BIT_MASK) {
        if (!header_fill(d, p, end, n + 4))
            return FINE;
        memcpy(&d->mask, h + n, 4);
    }
    frame_begin(d, (uint32_t)length); // within message_bytes_max, or a control frame's 125
    *ret_done = true;
    return FINE;
}

// A piece of a control frame.
static void control_chunk(struct ws_decoder *d, bool frame_done, struct ws_event *ret)
{
    ret->opcode = d->opcode;
    ret->first = !(d->flags & FLAG_CONTROL_BEGUN);
    ret->last = frame_done;
    d->flags |= FLAG_CONTROL_BEGUN;
}

// A piece of a message. False if it is text and not UTF-8.
static bool message_chunk(struct ws_decoder *d, bool frame_done, struct ws_event *ret)
{
    ret->opcode = d->message_opcode;
    ret->first = !(d->flags & FLAG_MESSAGE_BEGUN);
    ret->last = frame_done && (d->flags & FLAG_FIN);
    ret->compressed = (d->flags & FLAG_COMPRESSED) != 0;
    if (d->message_opcode == WS_TEXT && !ret->compressed) { // section 8.1
        if (!utf8_feed(&d->utf8, ret->payload.p, ret->payload.n))
            return false;
        if (ret->last && !utf8_complete(d->utf8))
            return false;
    }
    if (ret->payload.n > 0)
        d->flags |= FLAG_MESSAGE_BEGUN;
    if (ret->last) {
        d->message_opcode = 0;
        d->message_bytes = 0;
        d->flags = (uint8_t)(d->flags & ~FLAG_COMPRESSED);
    }
    return true;
}

static enum ws_result failed(const struct ws_decoder *d, struct ws_event *ret)
{
    *ret = (struct ws_event){.close_code = fails[d->fail].code, .reason = fails[d->fail].reason};
    return WS_FAIL;
}

// Takes payload, at least one octet unless the frame has none.
static enum ws_result payload_take(struct ws_decoder *d, uint8_t *p, size_t n, struct ws_event *ret)
{
    *ret = (struct ws_event){.payload = {(const char *)p, n}};
    d->mask = ws_unmask(p, n, d->mask);
    d->payload_left -= (uint32_t)n;
    bool frame_done = d->payload_left == 0;
    if (frame_done)
        d->flags = (uint8_t)(d->flags & ~FLAG_PAYLOAD);

    if (d->opcode & BIT_CONTROL) {
        control_chunk(d, frame_done, ret);
    } else if (!message_chunk(d, frame_done, ret)) {
        d->fail = NOT_UTF8;
        return failed(d, ret);
    }
    return n > 0 || ret->last ? WS_CHUNK : WS_EMPTY;
}

enum ws_result ws_decoder_next(struct ws_decoder *d, uint8_t *p, size_t n, size_t *ret_used,
                               struct ws_event *ret)
{
    *ret_used = 0;
    if (d->fail != FINE)
        return failed(d, ret);
    if (n == 0)
        return WS_MORE; // p may be NULL
    const uint8_t *at = p;
    const uint8_t *end = p + n;
    enum ws_result result = WS_MORE;
    while (result == WS_MORE) {
        if (!(d->flags & FLAG_PAYLOAD)) {
            bool done;
            d->fail = (uint8_t)header_take(d, &at, end, &done);
            if (d->fail != FINE)
                result = failed(d, ret);
            if (!done)
                break;
        }
        size_t here = (size_t)(end - at);
        if (here > d->payload_left)
            here = d->payload_left;
        if (here == 0 && d->payload_left > 0)
            break;
        result = payload_take(d, p + (at - p), here, ret);
        at += here;
    }
    *ret_used = (size_t)(at - p);
    return result;
}
