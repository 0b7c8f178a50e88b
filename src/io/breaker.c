// SPDX-License-Identifier: Apache-2.0
#include "io/breaker.h"

#include "base/assert.h"

void breaker_init(struct breaker *b, const struct breaker_limits *limits, uint64_t seed)
{
    ASSERT(limits->failures >= 1 && limits->open_ms >= 2 && limits->open_ms <= limits->open_max_ms);
    *b = (struct breaker){.limits = *limits, .state = BREAKER_CLOSED, .wait_ms = limits->open_ms};
    prng_init(&b->dice, seed);
}

static void open_it(struct breaker *b, uint64_t now_ms)
{
    const uint32_t half = b->wait_ms / 2;
    b->state = BREAKER_OPEN;
    b->until_ms = now_ms + half + prng_below(&b->dice, (uint64_t)(b->wait_ms - half) + 1);
    b->wait_ms = b->wait_ms > b->limits.open_max_ms / 2 ? b->limits.open_max_ms : 2 * b->wait_ms;
    b->opened++;
}

bool breaker_ask(struct breaker *b, uint64_t now_ms)
{
    if (b->state == BREAKER_CLOSED)
        return true;
    if (b->state == BREAKER_OPEN && now_ms >= b->until_ms) {
        b->state = BREAKER_HALF_OPEN;
        return true;
    }
    b->refused++;
    return false;
}

void breaker_fine(struct breaker *b)
{
    if (b->state == BREAKER_OPEN)
        return;
    b->state = BREAKER_CLOSED;
    b->in_a_row = 0;
    b->wait_ms = b->limits.open_ms;
}

void breaker_failed(struct breaker *b, uint64_t now_ms)
{
    b->failed++;
    if (b->state == BREAKER_OPEN)
        return;
    if (b->state == BREAKER_HALF_OPEN || ++b->in_a_row >= b->limits.failures)
        open_it(b, now_ms);
}

void breaker_left(struct breaker *b, uint64_t now_ms)
{
    if (b->state != BREAKER_HALF_OPEN)
        return;
    b->state = BREAKER_OPEN; // whoever asks next is the probe
    b->until_ms = now_ms;
}

// While a probe is under way nobody knows how long it takes; half a first wait is about what it would be after the next failure.
uint32_t breaker_retry_ms(const struct breaker *b, uint64_t now_ms)
{
    if (b->state == BREAKER_OPEN)
        return b->until_ms > now_ms ? (uint32_t)(b->until_ms - now_ms) : 1;
    return b->limits.open_ms / 2;
}

const char *breaker_state_name(enum breaker_state s)
{
    static const char *const names[] = {
        [BREAKER_CLOSED] = "closed", [BREAKER_OPEN] = "open", [BREAKER_HALF_OPEN] = "half_open"};
    ASSERT(s <= BREAKER_HALF_OPEN);
    return names[s];
}
