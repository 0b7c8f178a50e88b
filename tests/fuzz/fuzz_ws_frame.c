// SPDX-License-Identifier: Apache-2.0
//
// Frames: the trace of a stream must not depend on how it was cut (abuse case B13). What comes out must keep the rules
// that the decoder is there for: text is UTF-8, sizes are within the cap, control frames are short.
//
// Input: one byte of settings (lowest bit: as a client; the rest: the message cap), two bytes that place the cuts, then
// the stream. Close frames that are good are encoded again and must come out the same.
#include "unit/wire_support.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_item(uint32_t kind, const uint8_t *p, size_t n, uint32_t cap)
{
    uint16_t code;
    str reason;
    str s = {(const char *)p, n};
    switch (kind) {
    case WS_TEXT:
        MUST(n <= cap && utf8_valid_slow(p, n));
        break;
    case WS_BINARY:
        MUST(n <= cap);
        break;
    case WS_CLOSE:
        MUST(n <= CONTROL_PAYLOAD_MAX);
        if (ws_close_decode(s, &code, &reason) == OK) {
            uint8_t again[WS_CONTROL_FRAME_MAX];
            MUST(ws_close_encode(again, code, reason) == 2 + n);
            MUST(n == 0 || memcmp(again + 2, p, n) == 0);
        }
        break;
    case WS_PING:
    case WS_PONG:
        MUST(n <= CONTROL_PAYLOAD_MAX);
        break;
    case TRACE_EMPTY:
        MUST(n == 0);
        break;
    default:
        MUST(kind == 0x10000 + 1002 || kind == 0x10000 + 1007 || kind == 0x10000 + 1009);
    }
}

static void check_trace(const struct trace *t, uint32_t cap)
{
    for (size_t at = 0; at < t->n;) {
        uint32_t head[2];
        memcpy(head, t->p + at, sizeof head);
        at += sizeof head;
        check_item(head[0], t->p + at, head[1], cap);
        at += head[1];
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 3)
        return 0;
    bool client = data[0] & 1;
    uint32_t cap = (uint32_t)(data[0] >> 1) * 16;
    const uint8_t *p = data + 3;
    n -= 3;
    size_t cut1 = n * data[1] / 255;
    size_t cut2 = cut1 + (n - cut1) * data[2] / 255;

    struct ws_run whole, cut, single;
    ws_run_init(&whole, cap, client);
    ws_run_init(&cut, cap, client);
    ws_run_init(&single, cap, client);
    ws_run_feed(&whole, p, n);
    ws_run_feed(&cut, p, cut1);
    ws_run_feed(&cut, p + cut1, cut2 - cut1);
    ws_run_feed(&cut, p + cut2, n - cut2);
    for (size_t i = 0; i < n; i++)
        ws_run_feed(&single, p + i, 1);

    MUST(trace_equal(&whole.trace, &cut.trace));
    MUST(trace_equal(&whole.trace, &single.trace));
    MUST(whole.failed == cut.failed && whole.failed == single.failed);
    if (!whole.failed) { // an open message has the same bytes so far
        MUST(trace_equal(&whole.message, &cut.message) && trace_equal(&whole.message, &single.message));
        MUST(ws_decoder_idle(&whole.decoder) == ws_decoder_idle(&single.decoder));
    }
    check_trace(&whole.trace, cap);
    ws_run_deinit(&whole);
    ws_run_deinit(&cut);
    ws_run_deinit(&single);
    return 0;
}
