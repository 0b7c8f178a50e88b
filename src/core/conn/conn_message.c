// SPDX-License-Identifier: Apache-2.0
//
// A message to its commands, of which a language may put several into one. Each goes through the gates and is counted as a
// command. One that must wait makes all behind it wait: the message is kept with the place where that command begins
// (input.msg_at), and read on from there. What its language remembers of the connection is then as it was before that command,
// as it will be decoded again.
//
// A message has so many commands at most (BATCH_COMMANDS_MAX): they are carried out in one turn where they can be, whatever the size
// of a message may be.
//
// Behind a command that has left mail to this very shard the others wait as well, until that is carried out, as those in messages
// of their own would (conn_in.c); here they are taken up when the turn ends.
#include "core/conn/conn.h"
#include "core/conn/route.h"

// The unescape buffer must hold whatever a message can turn into.
bool conn_scratch(struct conns *cs, size_t n)
{
    struct scratch *s = &cs->unescape;
    size_t need = n + 256;
    scratch_empty(s);
    if (s->cap >= need)
        return true;
    char *p = mem_realloc(cs->cx->mem, s->p, s->cap, need);
    if (p == NULL)
        return false;
    s->p = p;
    s->cap = need;
    return true;
}

// The command at r->at; false when it must wait, and then nothing has been done.
static bool take_next(struct conns *cs, uint32_t index, struct reading *r)
{
    const struct encoding *en = speech_encoding(cs->fan, index);
    size_t at = r->at, state_n = r->state != NULL ? en->language->state_bytes : 0;
    uint8_t before[LANGUAGE_STATE_MAX];
    if (state_n != 0)
        memcpy(before, r->state, state_n);
    struct command cmd = {0};
    struct problem problem = {0};
    r->pong = false;
    bool read = en->payloads->decode(r, &cmd, &problem) == OK;
    ASSERT(r->at <= r->message.n && (r->at > at || r->message.n == 0));
    bool done = true;
    if (!read)
        done = conn_refuse(cs, index, cmd.id, &problem);
    else if (r->pong)
        conn_on_pong(cs, index);
    else if (cmd.type == CMD_NONE)
        gate_noise(cs->edge, index);
    else
        done = conn_command(cs, index, &cmd);
    if (!done && state_n != 0)
        memcpy(r->state, before, state_n);
    return done;
}

// What is behind the last command that a message may have is refused as one.
static bool refuse_rest(struct conns *cs, uint32_t index, struct reading *r)
{
    static const struct problem why = {
        .code = PROBLEM_TOO_LARGE,
        .text = "A message may have 256 commands; those behind them are not read."};
    if (!conn_refuse(cs, index, STR_NONE, &why))
        return false;
    metric_add(&cs->cx->metrics->limit_message, 1);
    r->at = r->message.n;
    return true;
}

// The rest of the message waits. True, as nothing does any more, where that cannot be noted.
static bool wait_at(struct conns *cs, uint32_t index, size_t at, uint32_t commands)
{
    struct conn *c = conn_at(cs, index);
    if (at == 0)
        return false;
    if (conn_input(cs, c) == NULL) {
        fan_starve(cs->fan, index, "bytes received");
        return true;
    }
    c->in->msg_at = (uint32_t)at;
    c->in->msg_commands = (uint16_t)commands;
    return false;
}

bool conn_message(struct conns *cs, uint32_t index, str message, bool binary)
{
    struct conn *c = conn_at(cs, index);
    if (!conn_scratch(cs, speech_encoding(cs->fan, index)->payloads->scratch_factor * message.n)) {
        fan_starve(cs->fan, index, "bytes received");
        return true;
    }
    struct reading r = {.message = message,
                        .scratch = &cs->unescape,
                        .state = speech_state(cs->fan, index),
                        .binary = binary};
    uint32_t commands = 0;
    if (c->in != NULL) {
        r.at = c->in->msg_at;
        commands = c->in->msg_commands;
    }
    do {
        size_t at = r.at;
        if (at != 0 && mail_is_here(cs->mail)) {
            fan_wake(cs->fan, index);
            return wait_at(cs, index, at, commands);
        }
        bool full = commands == BATCH_COMMANDS_MAX;
        if (c->asker.reader.out.bytes > cs->cx->settings->reply_bytes ||
            !(full ? refuse_rest(cs, index, &r) : take_next(cs, index, &r)))
            return wait_at(cs, index, at, commands);
        commands++;
    } while (r.at < message.n && conn_live(c) && !c->parked);
    if (c->in != NULL)
        c->in->msg_at = c->in->msg_commands = 0;
    return true;
}
