// SPDX-License-Identifier: Apache-2.0
//
// ws_encode.c - frame headers, close frames, and whole frames as a client sends them.
//
// A server's frame is header plus payload as it is, so the header alone is made here, in the caller's few bytes: the
// room's log writes it once in front of an entry and every reader gets the same bytes.
#include "base/assert.h"
#include "wire/ws_frame.h"

size_t ws_header_encode(uint8_t ret[WS_HEADER_MAX], uint8_t opcode, bool fin, uint64_t n)
{
    ret[0] = (uint8_t)((fin ? 0x80 : 0) | opcode);
    if (n <= CONTROL_PAYLOAD_MAX) {
        ret[1] = (uint8_t)n;
        return 2;
    }
    ASSERT((opcode & ~WS_COMPRESSED) < WS_CLOSE);
    if (n <= UINT16_MAX) {
        ret[1] = 126;
        ret[2] = (uint8_t)(n >> 8);
        ret[3] = (uint8_t)n;
        return 4;
    }
    ret[1] = 127;
    for (unsigned i = 0; i < 8; i++)
        ret[2 + i] = (uint8_t)(n >> (56 - 8 * i));
    return 10;
}

size_t ws_close_encode(uint8_t ret[WS_CONTROL_FRAME_MAX], uint16_t code, str reason)
{
    if (code == WS_CLOSE_NO_CODE)
        return ws_header_encode(ret, WS_CLOSE, true, 0);
    reason = utf8_take(reason, WS_CLOSE_REASON_MAX);
    size_t n = ws_header_encode(ret, WS_CLOSE, true, 2 + reason.n);
    ret[n++] = (uint8_t)(code >> 8);
    ret[n++] = (uint8_t)code;
    if (reason.n > 0)
        memcpy(ret + n, reason.p, reason.n);
    return n + reason.n;
}

// RFC 6455 section 7.4 and the IANA registry: 1004, 1005, 1006 and 1015 are never sent, 1016-2999 are not given out,
// below 1000 and from 5000 on nothing is defined.
static bool close_code_sendable(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

enum err ws_close_decode(str payload, uint16_t *ret_code, str *ret_reason)
{
    if (payload.n == 0) {
        *ret_code = WS_CLOSE_NO_CODE;
        *ret_reason = STR_NONE;
        return OK;
    }
    if (payload.n == 1)
        return ERR_SYNTAX; // section 5.5.1: a code is two bytes
    unsigned code = (unsigned)(uint8_t)payload.p[0] << 8 | (uint8_t)payload.p[1];
    if (!close_code_sendable(code))
        return ERR_SYNTAX;
    str reason = str_skip(payload, 2);
    if (!utf8_valid(reason))
        return ERR_UTF8;
    *ret_code = (uint16_t)code;
    *ret_reason = reason;
    return OK;
}

void ws_client_frame_encode(struct buf *b, uint8_t opcode, bool fin, uint32_t mask, str payload)
{
    uint8_t *p = (uint8_t *)buf_reserve(b, WS_CLIENT_HEADER_MAX + payload.n);
    if (p == NULL)
        return;
    size_t n = ws_header_encode(p, opcode, fin, payload.n);
    p[1] |= 0x80;
    memcpy(p + n, &mask, 4);
    n += 4;
    if (payload.n > 0)
        memcpy(p + n, payload.p, payload.n);
    ws_unmask(p + n, payload.n, mask);
    buf_commit(b, n + payload.n);
}
