// SPDX-License-Identifier: Apache-2.0
//
// Two gates for what arrives on a connection, both filled by time passed and not by a timer.
//
// The rate gate is for commands: a token bucket in thousandths of a command. A refusal is an error the client can act
// on (retry_ms); only who keeps pushing regardless is closed.
//
// The noise gate is for what says nothing: pings, pongs nobody asked for, fragments without payload, empty lines. A
// client has few of them, a line of its own for each "too many" is more than they are worth, and limits.commands_per_s
// is no measure for them: an operator lifts it (0) so that people may talk, not so that one connection may keep a core
// busy with 65 million empty frames a second. So this gate is a leaking bucket with fixed limits (base/limits.h) in
// four bytes, wide enough for every honest use, and whoever makes it run over is closed with 1008 at once.
#include "core/shard_state.h"

enum { TOKEN = 1000, VIOLATIONS_MAX = 50, NOISE_PER_TICK = NOISE_PER_S * DEADLINE_TICK_MS / 1000 };

_Static_assert(NOISE_PER_TICK > 0 && NOISE_BURST < UINT16_MAX, "noise is counted in 16 bits, per tick");

static void bucket_fill(const struct settings *s, struct conn *c, uint64_t now_ms)
{
    uint64_t full = (uint64_t)s->commands_burst * TOKEN;
    uint64_t passed = (uint32_t)((uint32_t)now_ms - c->tokens_ms);
    uint64_t tokens = c->tokens + passed * s->commands_per_s; // per ms: commands_per_s thousandths
    c->tokens_ms = (uint32_t)now_ms;
    if (tokens >= full) {
        tokens = full;
        c->violations = 0;
    }
    c->tokens = (uint32_t)tokens;
}

bool gate_rate(struct shard *sh, struct conn *c, uint32_t *ret_retry_ms)
{
    const struct settings *s = sh->settings;
    if (s->commands_per_s == 0)
        return true;
    bucket_fill(s, c, sh->now_ms);
    if (c->tokens >= TOKEN) {
        c->tokens -= TOKEN;
        return true;
    }
    *ret_retry_ms = (TOKEN - c->tokens + s->commands_per_s - 1) / s->commands_per_s;
    return false;
}

void gate_violation(struct shard *sh, uint32_t index)
{
    struct conn *c = conn_at(sh, index);
    metric_add(&sh->metrics->limit_rate, 1);
    if (c->ending != ENDING_OPEN || ++c->violations <= VIOLATIONS_MAX)
        return;
    shard_notice(sh, NOTICE_RATE_LIMITED, index, WS_CLOSE_POLICY, "went on after rate_limited", STR_NONE);
    conn_close(sh, index, WS_CLOSE_POLICY, "rate limit", CLOSE_POLICY);
}

bool gate_noise(struct shard *sh, uint32_t index)
{
    struct conn *c = conn_at(sh, index);
    uint16_t tick = (uint16_t)tick_at(sh->now_ms);
    uint32_t leaked = (uint32_t)(uint16_t)(tick - c->noise_tick) * NOISE_PER_TICK;
    c->noise_tick = tick;
    c->noise = (uint16_t)(c->noise > leaked ? c->noise - leaked : 0);
    if (c->noise < NOISE_BURST) {
        c->noise++;
        return true;
    }
    metric_add(&sh->metrics->limit_noise, 1);
    shard_notice(sh, NOTICE_RATE_LIMITED, index, WS_CLOSE_POLICY, "frames or lines that say nothing",
                 STR_NONE);
    conn_close(sh, index, WS_CLOSE_POLICY, "too many frames or lines that say nothing", CLOSE_POLICY);
    return false;
}
