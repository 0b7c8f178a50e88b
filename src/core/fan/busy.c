// SPDX-License-Identifier: Apache-2.0
//
// Rejected: a fixed interval from a fixed number of entries on (with few messages a second a big room never got to that number and
// was flushed for each of them; one person with 16 messages under way was held up in a room of two), and resting for a share
// without looking at what comes of it (one message at a time to 1,000 readers then took twice as long, for nothing).
#include "core/fan/busy.h"

// News that is there so soon behind a flush, as a part of its cost, was there before it ended.
enum { MEANWHILE_PART = 64 };

static uint32_t rest_us(const struct busy *b)
{
    if (b->cost_us < BUSY_COST_US)
        return 0;
    return b->cost_us < BUSY_WAIT_US / BUSY_REST ? b->cost_us * BUSY_REST : BUSY_WAIT_US;
}

static uint32_t us_between(uint64_t from_ns, uint64_t to_ns)
{
    uint64_t us = to_ns > from_ns ? (to_ns - from_ns) / 1000 : 0;
    return us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

uint64_t busy_flush_at(const struct busy *b, uint64_t now_ns)
{
    uint64_t rested_ns = b->ended_ns + rest_us(b) * UINT64_C(1000);
    uint64_t worth_ns = now_ns + b->wait_us * UINT64_C(1000);
    uint64_t at = rested_ns < worth_ns ? rested_ns : worth_ns;
    return at > now_ns ? at : now_ns;
}

// So long something came; it may take a little longer next time.
static void worth_waiting(struct busy *b, uint32_t span_us)
{
    uint32_t us = span_us < BUSY_WAIT_US ? span_us + span_us / 4 : BUSY_WAIT_US;
    b->wait_us = us < BUSY_WAIT_US ? us : BUSY_WAIT_US;
}

static void try_again(struct busy *b)
{
    b->trying = b->skip == 0;
    if (b->trying)
        b->wait_us = rest_us(b);
    else
        b->skip--;
}

// What came meanwhile in a bunch, and then no more, would have been worth waiting for; what came all the time says that there
// is more than flushes.
uint64_t busy_news(struct busy *b, uint64_t now_ns, bool meanwhile)
{
    bool bunch = meanwhile && b->span_us < us_between(b->first_ns, now_ns) / 2;
    meanwhile |= b->ended_ns != 0 && us_between(b->ended_ns, now_ns) <= b->cost_us / MEANWHILE_PART;
    if (bunch)
        worth_waiting(b, b->span_us);
    else if (meanwhile && b->wait_us < rest_us(b) / 4)
        try_again(b);
    b->first_ns = now_ns;
    b->span_us = 0;
    return busy_flush_at(b, now_ns);
}

void busy_more(struct busy *b, uint64_t now_ns) { b->span_us = us_between(b->first_ns, now_ns); }

// What came of waiting.
static void learn(struct busy *b, uint32_t waited_us)
{
    bool to_the_end = b->span_us >= waited_us - waited_us / 4;
    if (b->trying && b->span_us < waited_us / 4) {
        b->doubt = b->doubt < BUSY_DOUBT_MAX ? b->doubt + 1 : BUSY_DOUBT_MAX;
        b->skip = (uint16_t)(1u << b->doubt);
    } else if (b->trying) {
        b->doubt = 0;
    }
    b->trying = false;
    if (!to_the_end || b->span_us >= b->wait_us - b->wait_us / 4)
        worth_waiting(b, b->span_us);
}

void busy_begin(struct busy *b, uint64_t now_ns, uint64_t cost_ns)
{
    uint32_t waited_us = us_between(b->first_ns, now_ns);
    if (waited_us != 0 && b->wait_us != 0)
        learn(b, waited_us);
    b->cost_us = us_between(0, cost_ns);
}
