// SPDX-License-Identifier: Apache-2.0
//
// Two gates for what arrives on a connection, both filled by time passed and not by a timer.
//
// The rate gate is for commands: a token bucket in thousandths of a command, and another one for signals, of which there may be
// many for each thing that is said. A command's row says which of the two pays, and how much; lists cost what they return, too,
// which is known when they are answered. A refusal is an error the client can act on (retry_ms); only who keeps pushing
// regardless is closed.
//
// The noise gate is for what says nothing: pings, pongs nobody asked for, fragments without payload, empty lines. A
// client has few of them, a line of its own for each "too many" is more than they are worth, and limits.commands_per_s
// is no measure for them: an operator lifts it (0) so that people may talk, not so that one connection may keep a core
// busy with 65 million empty frames a second. So this gate is a leaking bucket with fixed limits (base/limits.h) in
// four bytes, wide enough for every honest use, and whoever makes it run over is closed with 1008 at once.
#include "core/edge/edge.h"

#include "core/common/tick.h"
#include "wire/ws_frame.h"

// A refusal by a rate that others use up, too, is as much as so many empty frames: 20 a second for ever are nobody's fault.
enum { PUSH_NOISE = NOISE_PER_S / 20 };
enum { VIOLATIONS_MAX = 50, NOISE_PER_TICK = NOISE_PER_S * DEADLINE_TICK_MS / 1000 };

_Static_assert(NOISE_PER_TICK > 0 && NOISE_BURST < 1 << 15, "noise is counted in 15 bits, per tick");
_Static_assert(VIOLATIONS_MAX < 1 << 6, "violations are counted in 6 bits");

static struct rate gate_commands_rate(const struct edge *e)
{
    return (struct rate){e->cx->settings->commands_per_s, e->cx->settings->commands_burst};
}

void gate_open(const struct edge *e, struct asker *c)
{
    const struct rate commands = gate_commands_rate(e);
    c->commands = bucket_make(&commands, e->cx->now_ms);
    c->signals = bucket_make(&e->cx->settings->signals, e->cx->now_ms);
    c->rooms = bucket_make(&e->cx->settings->rooms_connection, e->cx->now_ms);
}

// Who speaks HTTP gives no commands: their bucket is used for requests.
void gate_open_http(const struct edge *e, struct asker *c)
{
    c->commands = bucket_make(&e->cx->settings->requests, e->cx->now_ms);
}

bool gate_request(const struct edge *e, struct asker *c)
{
    const struct rate *rate = &e->cx->settings->requests;
    bucket_fill(&c->commands, rate, e->cx->now_ms);
    if (bucket_wait_ms(&c->commands, rate) != 0)
        return false;
    bucket_take(&c->commands, rate);
    return true;
}

// Takes what a command of that type costs, where there is a token (of the dearer ones the rest is owed), or false and when there
// will be one.
static bool take(const struct edge *e, struct asker *c, enum command_type type, uint32_t *ret_retry_ms)
{
    const struct command_row *row = command_row(type);
    bool signal = row->cost == COST_SIGNAL;
    const struct rate rate = signal ? e->cx->settings->signals : gate_commands_rate(e);
    struct bucket *bucket = signal ? &c->signals : &c->commands;
    if (bucket_fill(bucket, &rate, e->cx->now_ms))
        c->violations = 0;
    *ret_retry_ms = bucket_wait_ms(bucket, &rate);
    if (*ret_retry_ms != 0)
        return false;
    bucket_owe(bucket, &rate, row->tokens);
    return true;
}

void gate_owe(struct edge *e, struct asker *c, uint32_t commands)
{
    const struct rate rate = gate_commands_rate(e);
    bucket_owe(&c->commands, &rate, commands);
    gate_owe_shared(e, c, commands);
}

void gate_charge(struct edge *e, struct asker *c, size_t bytes)
{
    if (bytes >= COST_BYTES)
        gate_owe(e, c, (uint32_t)(bytes / COST_BYTES));
}

bool gate_may_refuse(const struct edge *e, struct asker *c)
{
    if (edge_may_reply(e, c) && !asker_unanswered(c))
        return true;
    c->waits = true;
    return false;
}

static void show_out(struct edge *e, uint32_t index, enum end why, const char *text)
{
    notice_put(e->cx, NOTICE_RATE_LIMITED, index, WS_CLOSE_POLICY, text, STR_NONE);
    fan_end(e->fan, index, why);
}

enum gate_did gate_commands(struct edge *e, struct asker *c, uint32_t index, const struct command *cmd)
{
    uint32_t retry_ms;
    if (take(e, c, cmd->type, &retry_ms))
        return GATE_PASSED;
    if (!gate_may_refuse(e, c))
        return GATE_LATER;
    const struct problem p = {.code = PROBLEM_RATE_LIMITED,
                              .text = "Too many commands at once; wait a moment before the next one.",
                              .retry_ms = retry_ms};
    fan_put_problem(e->fan, index, cmd->id, &p);
    metric_add(&e->cx->metrics->limit_rate, 1);
    if (reader_open(&c->reader) && ++c->violations > VIOLATIONS_MAX)
        show_out(e, index, END_PUSHING, "went on after rate_limited");
    return GATE_REFUSED;
}

enum gate_did gate_counted(struct edge *e, struct asker *c, uint32_t index, const struct command *cmd)
{
    (void)c;
    (void)index;
    metric_add(&e->cx->metrics->commands[cmd->type], 1);
    return GATE_PASSED;
}

uint32_t gate_rooms_wait_ms(const struct edge *e, struct asker *c)
{
    const struct rate *rate = &e->cx->settings->rooms_connection;
    bucket_fill(&c->rooms, rate, e->cx->now_ms);
    return bucket_wait_ms(&c->rooms, rate);
}

void gate_room_created(const struct edge *e, struct asker *c)
{
    bucket_owe(&c->rooms, &e->cx->settings->rooms_connection,
               1); // of several joins under way each has seen the same token
    c->room_violations = 0;
    c->room_waits = false;
}

// Not by a bucket that is full again: somebody else's rooms may be what there are too many of, and then whoever asks when
// he was told to is refused again without any fault of his.
void gate_room_refused(struct edge *e, uint32_t index, uint32_t retry_ms)
{
    ASSERT(retry_ms != 0);
    struct asker *c = asker_at(e, index);
    bool early = c->room_waits && (int32_t)(c->room_wait_ms - (uint32_t)e->cx->now_ms) > 0;
    c->room_wait_ms = (uint32_t)e->cx->now_ms + retry_ms;
    c->room_waits = true;
    if (!early)
        c->room_violations = 0;
    else if (reader_open(&c->reader) && ++c->room_violations > VIOLATIONS_MAX)
        show_out(e, index, END_ROOMS, "went on asking for new rooms");
}

// False: it runs over.
static bool noise_fits(const struct edge *e, struct asker *c, uint32_t noise)
{
    uint16_t tick = (uint16_t)tick_at(e->cx->now_ms);
    uint32_t leaked = (uint32_t)(uint16_t)(tick - c->noise_tick) * NOISE_PER_TICK;
    c->noise_tick = tick;
    uint32_t sum = c->noise > leaked ? c->noise - leaked : 0;
    bool fits = sum + noise <= NOISE_BURST;
    c->noise = (sum + (fits ? noise : 0)) & 0x7fff;
    ASSERT(c->noise <= NOISE_BURST);
    return fits;
}

bool gate_noise(struct edge *e, uint32_t index)
{
    if (noise_fits(e, asker_at(e, index), 1))
        return true;
    metric_add(&e->cx->metrics->limit_noise, 1);
    show_out(e, index, END_NOISE, "frames or lines that say nothing");
    return false;
}

void gate_pushed(struct edge *e, uint32_t index)
{
    struct asker *c = asker_at(e, index);
    if (reader_open(&c->reader) && !noise_fits(e, c, PUSH_NOISE))
        show_out(e, index, END_PUSHING, "went on after rate_limited");
}
