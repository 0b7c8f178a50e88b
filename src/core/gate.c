// SPDX-License-Identifier: Apache-2.0
//
// The rate gate: a token bucket per connection in thousandths of a command, filled by time passed, not by a timer.
// A refusal is an error the client can act on (retry_ms); only who keeps pushing regardless is closed. Pings and
// other control frames go through the same gate.
#include "core/shard_state.h"

enum { TOKEN = 1000, VIOLATIONS_MAX = 50 };

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
