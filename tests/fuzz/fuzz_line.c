// SPDX-License-Identifier: Apache-2.0
//
// Lines: whole, by byte, and cut where the input says, against splitting at every LF by hand.
//
// Input: the line limit, two bytes that place the cuts, then the text.
#include "unit/wire_support.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

// What the decoder must say, but for a long line that has no end yet.
static void split_slow(const uint8_t *p, size_t n, size_t limit, struct trace *ret)
{
    size_t from = 0;
    for (size_t i = 0; i < n; i++) {
        if (p[i] != '\n')
            continue;
        size_t length = i - from;
        if (length > 0 && p[i - 1] == '\r')
            length--;
        if (length > limit)
            trace_item(ret, 2, NULL, 0);
        else
            trace_item(ret, 1, p + from, length);
        from = i + 1;
    }
    if (n - from > limit + 1)
        trace_item(ret, 2, NULL, 0);
}

static void run(const uint8_t *p, size_t n, uint32_t limit, size_t cut1, size_t cut2,
                const struct trace *want)
{
    struct line_run r;
    line_run_init(&r, limit);
    line_run_feed(&r, p, cut1);
    line_run_feed(&r, p + cut1, cut2 - cut1);
    line_run_feed(&r, p + cut2, n - cut2);
    MUST(trace_equal(&r.trace, want));
    MUST(r.held_n <= (size_t)limit + 1);
    line_run_deinit(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 3)
        return 0;
    uint32_t limit = data[0];
    const uint8_t *p = data + 3;
    n -= 3;
    size_t cut1 = n * data[1] / 255;
    size_t cut2 = cut1 + (n - cut1) * data[2] / 255;

    struct trace want = {0};
    split_slow(p, n, limit, &want);
    run(p, n, limit, n, n, &want);
    run(p, n, limit, cut1, cut2, &want);

    struct line_run r;
    line_run_init(&r, limit);
    for (size_t i = 0; i < n; i++)
        line_run_feed(&r, p + i, 1);
    MUST(trace_equal(&r.trace, &want));
    line_run_deinit(&r);
    trace_deinit(&want);
    return 0;
}
