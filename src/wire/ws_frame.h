// SPDX-License-Identifier: Apache-2.0
//
// ws_frame.h - WebSocket frames: a decoder that stops and goes on at any octet, and the encoders.
//
// Called by the connection with whatever bytes the socket gave. The decoder keeps no payload: it unmasks in the
// caller's memory and hands out slices of it, so it costs 40 bytes per connection and a whole message that
// arrived in one piece is not copied at all.
//
//     input   | frame header | payload .......... | header | payload |        ws_decoder_next() returns
//     events                  WS_CHUNK (first,last)          WS_CHUNK ...      after each, WS_MORE at the end
//
// A message (text, binary) or a control frame (close, ping, pong) comes as one or more chunks in order. `first` is
// on its first chunk, `last` on its last one; the opcode is that of the message also in continuation frames. The
// chunks of a control frame may stand between the chunks of a fragmented message; within the chunks of one control
// frame nothing else comes. An unfragmented message within one input is one chunk with both marks. A chunk without
// octets is reported only where it carries `last`; elsewhere a frame without payload is a WS_EMPTY of its own, so that
// whoever sends nothing but such frames can be counted.
//
// Checked here (RFC 6455), with the close code: masking by side (5.1), RSV bits (5.2), opcodes (5.2), minimal length
// and the 63-bit rule (5.2), FIN and length of control frames (5.5), the order of continuations (5.4): 1002.
// The size of a message against its cap, from the headers, before any payload of that frame is taken: 1009.
// UTF-8 of text messages, octet by octet, and complete at their end: 1007. Not here: the payload of a close frame
// (ws_close_decode) and what may come after a close frame (the connection stops calling).
//
// Where permessage-deflate is spoken (RFC 7692), RSV1 on the first frame of a message says that it is compressed: its chunks are
// handed out as they are, and whoever makes them whole (wire/deflate.h) looks at the size and the UTF-8 of what they say. What it finds
// wrong it tells ws_decoder_fail, and from then on it is this decoder's failure like any other.
//
// Invariants (ws_decoder_check)
// 1. payload_left > 0 only inside a frame's payload; header_n > 0 only inside a header.
// 2. message_opcode is 0 exactly when no message is open.
// 3. message_bytes <= message_bytes_max, or of a compressed message what it may take: declared lengths of the frames of the open
//    message.
// 4. A decoder that failed fails for ever, with the same code.
//
// Limits: message_bytes_max, bytes of one message over all its fragments.
#ifndef PLENUM_WIRE_WS_FRAME_H
#define PLENUM_WIRE_WS_FRAME_H

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "wire/utf8.h"

// RFC 6455 section 11.8.
enum ws_opcode {
    WS_CONTINUATION = 0,
    WS_TEXT = 1,
    WS_BINARY = 2,
    WS_CLOSE = 8,
    WS_PING = 9,
    WS_PONG = 10,
};

// RFC 6455 section 7.4.1 and the IANA registry.
enum ws_close_code {
    WS_CLOSE_NORMAL = 1000,
    WS_CLOSE_GOING_AWAY = 1001,
    WS_CLOSE_PROTOCOL = 1002,
    WS_CLOSE_UNSUPPORTED = 1003,
    WS_CLOSE_NO_CODE = 1005,  // never on the wire: the close frame was empty
    WS_CLOSE_ABNORMAL = 1006, // never on the wire: there was no close frame
    WS_CLOSE_BAD_DATA = 1007,
    WS_CLOSE_POLICY = 1008,
    WS_CLOSE_TOO_BIG = 1009,
    WS_CLOSE_INTERNAL = 1011,
    WS_CLOSE_RESTART = 1012,
    WS_CLOSE_TRY_LATER = 1013,
};

enum {
    WS_HEADER_MAX = 10,                             // bytes of an unmasked header, server to client
    WS_CLIENT_HEADER_MAX = 14,                      // the same with a masking key
    WS_CONTROL_FRAME_MAX = 2 + CONTROL_PAYLOAD_MAX, // bytes of a server's control frame
    WS_CLOSE_REASON_MAX = CONTROL_PAYLOAD_MAX - 2,  // bytes of a close reason
};

// Or'ed to the opcode of a message's first frame: it is compressed (RFC 7692 section 6).
enum { WS_COMPRESSED = 0x40 };

struct ws_decoder {
    uint32_t payload_left;  // of the frame at hand
    uint32_t message_bytes; // declared so far for the open message
    uint32_t message_bytes_max;
    uint32_t mask;   // in memory order, turned so that its first byte is for the next octet
    utf8_state utf8; // of the open text message; UTF8_START between messages, or the decoder failed
    uint8_t fail;    // which rule was broken; 0 while all is well
    uint8_t flags;
    uint8_t opcode;         // of the frame at hand
    uint8_t message_opcode; // WS_TEXT or WS_BINARY while a message is open, else 0
    uint8_t header_n;       // bytes of the header collected
    uint8_t header[WS_CLIENT_HEADER_MAX];
};
_Static_assert(sizeof(struct ws_decoder) <= 48, "lives in every connection");

enum ws_result {
    WS_MORE,  // all input is consumed, nothing to report
    WS_CHUNK, // a piece of a message or of a control frame
    WS_EMPTY, // a fragment without payload that completes nothing
    WS_FAIL,  // the peer broke the protocol: close with ret->close_code
};

struct ws_event {
    uint8_t opcode;      // WS_CHUNK, WS_EMPTY: WS_TEXT, WS_BINARY, WS_CLOSE, WS_PING or WS_PONG
    bool first;          // WS_CHUNK: begins the message or control frame
    bool last;           // WS_CHUNK: completes it
    bool compressed;     // WS_CHUNK: the message is, and its UTF-8 has not been looked at
    uint16_t close_code; // WS_FAIL: 1002, 1007, 1008 or 1009
    str payload;         // WS_CHUNK: within the input, unmasked; valid as long as the input is
    const char *reason;  // WS_FAIL: a static sentence part, fit for a close frame
};

// For frames from clients: they must be masked.
void ws_decoder_init(struct ws_decoder *d, uint32_t message_bytes_max);
// For frames from a server (tests, simulator, load tool): they must not be masked.
void ws_decoder_init_client(struct ws_decoder *d, uint32_t message_bytes_max);

// From here on messages may be compressed.
void ws_decoder_deflate(struct ws_decoder *d);
// What a compressed message says is not fit: ERR_SYNTAX, 1007; ERR_UTF8, 1007; ERR_TOO_LARGE, 1009. The decoder has
// failed.
void ws_decoder_fail(struct ws_decoder *d, enum err why);

// Takes octets from p until there is something to report or nothing left. *ret_used is how many were taken (with
// WS_MORE: n); call again with the rest. p is unmasked in place up to there. ret is written for all but WS_MORE.
enum ws_result ws_decoder_next(struct ws_decoder *d, uint8_t *p, size_t n, size_t *ret_used,
                               struct ws_event *ret);

// True between messages, with no octet of a further frame taken: the caller needs to keep nothing.
bool ws_decoder_idle(const struct ws_decoder *d);
void ws_decoder_check(const struct ws_decoder *d);

// XORs n octets with the masking key (4 bytes in memory order) and returns the key turned by n octets, ready for
// the octets that follow. Any alignment.
uint32_t ws_unmask(uint8_t *p, size_t n, uint32_t key);

// Writes an unmasked frame header for n octets of payload; returns its length: 2, 4 or 10. opcode: with WS_COMPRESSED where it is.
size_t ws_header_encode(uint8_t ret[WS_HEADER_MAX], uint8_t opcode, bool fin, uint64_t n);

// Writes an unmasked close frame and returns its length. A reason (UTF-8) too long for a control frame is cut
// between characters. Code WS_CLOSE_NO_CODE makes the empty close frame.
size_t ws_close_encode(uint8_t ret[WS_CONTROL_FRAME_MAX], uint16_t code, str reason);

// Reads the whole payload of a close frame; empty gives WS_CLOSE_NO_CODE. The reason borrows from payload.
// Errors: ERR_SYNTAX for one octet or a code that may not be on the wire (answer 1002), ERR_UTF8 (answer 1007).
enum err ws_close_decode(str payload, uint16_t *ret_code, str *ret_reason) WARN_UNUSED;

// Appends a frame as a client sends it; mask is the key in memory order. opcode: as above.
void ws_client_frame_encode(struct buf *b, uint8_t opcode, bool fin, uint32_t mask, str payload);

#endif
