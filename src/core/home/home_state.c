// SPDX-License-Identifier: Apache-2.0
//
// What a room's people share, as they ask for it: a change becomes a proposal (state.h), which is judged when its record is
// applied; who reads, and who comes in, gets all of it as it is.
//
// Rejected: to hand it out by reference, as pages of history are. It is small (rooms.state_bytes_max), and another one with every
// change; a page is the same for all who ask.
#include "core/home/home.h"

#include "base/codec.h"
#include "wire/json.h"

void home_state_propose(struct home *h, struct room *r, const struct command *cmd)
{
    const struct room_settings *s = room_settings(h, r);
    const struct state_limits limits = {s->state_keys, s->state_bytes, s->state_value};
    const struct state_wish wish = {cmd->set, cmd->unset, cmd->merge, cmd->if_version};
    ASSERT(cmd->type == CMD_STATE);
    buf_reset(&h->wish, SEGMENT_BYTES_MAX);
    state_propose(&wish, &limits, &h->wish);
}

// --- refusals

static const struct {
    enum problem_code code;
    const char *text; // with the number of the verdict
} faults[] = {
    [STATE_MOVED] = {PROBLEM_CONFLICT, "The state is of version {} now; read it and try again."},
    [STATE_KEY_MOVED] =
        {PROBLEM_CONFLICT,
         "A key that `if_version` names is of version {} now, 0 where it is not there; read it and try again."},
    [STATE_KEYS] = {PROBLEM_LIMIT_REACHED, "The state may have {} keys; unset others first."},
    [STATE_BYTES] = {PROBLEM_LIMIT_REACHED,
                     "Keys and values of the state may have {} bytes together; unset others first."},
    [STATE_VALUE] = {PROBLEM_TOO_LARGE, "A value of the state may have {} bytes; make it shorter."},
    [STATE_NAME] = {PROBLEM_BAD_COMMAND, "A key of the state has 1 to 128 bytes."},
    [STATE_TWICE] =
        {PROBLEM_BAD_COMMAND,
         "A key stands once in `set`, `unset` and `merge` together, and once in each object of a patch."},
    [STATE_MANY] = {PROBLEM_LIMIT_REACHED,
                    "A command changes at most 256 keys, and a patch has as many members in what is nested; "
                    "use several."},
    [STATE_MALFORMED] = {PROBLEM_BAD_COMMAND, "This is no change of a state."},
};

bool home_state_refused(struct home *h, const struct ask *a, const struct verdict *v)
{
    if (v->why < DENIED_MOVED || v->why > DENIED_MALFORMED)
        return false;
    const enum state_fault fault = (enum state_fault)(STATE_MOVED + (v->why - DENIED_MOVED));
    char digits[20];
    const bool moved = faults[fault].code == PROBLEM_CONFLICT;
    const struct problem p = {.code = faults[fault].code,
                              .text = faults[fault].text,
                              .has_version = moved,
                              .version = moved ? v->number : 0,
                              .word_kind = WORD_PLAIN,
                              .word = str_make(digits, u64_encode(v->number, digits))};
    metric_add(&h->cx->metrics->limit_state,
               faults[fault].code == PROBLEM_LIMIT_REACHED || faults[fault].code == PROBLEM_TOO_LARGE);
    home_answer_problem(h, a, EFFECT_NONE, &p);
    return true;
}

// --- reading

// So that what is told of it finds its place: an answer that somebody must have cannot be left out.
static bool is_room_for(struct home *h, size_t n)
{
    enum { PROVIDED = 4096 };
    if (n <= PROVIDED)
        return true;
    void *p = mem_alloc(h->cx->mem, 2 * n);
    mem_free(h->cx->mem, p, 2 * n);
    return p != NULL;
}

bool home_state_put(struct home *h, const struct room *r)
{
    buf_reset(&h->wish, SEGMENT_BYTES_MAX);
    state_put(&h->wish, r->state);
    return buf_ok(&h->wish) && is_room_for(h, state_json_bytes(r->state));
}

// One key only: {"key":value}, or nothing.
static void put_one(struct buf *out, const struct state_row *row, bool version)
{
    buf_put_char(out, '{');
    if (row != NULL) {
        json_put_string(out, state_row_key(row));
        buf_put_char(out, ':');
        if (version)
            buf_put_u64(out, row->version);
        else
            buf_put_str(out, state_row_value(row));
    }
    buf_put_char(out, '}');
}

void home_state_read(struct home *h, const struct ask *a, uint32_t room)
{
    const struct room *r = room_at(h, room);
    struct buf *out = &h->wish;
    ASSERT(a->cmd.type == CMD_STATE_READ);
    buf_reset(out, SEGMENT_BYTES_MAX);
    if (a->cmd.key.n != 0)
        put_one(out, state_find(r->state, a->cmd.key), false);
    else
        state_put(out, r->state);
    const size_t state_n = out->n;
    if (a->cmd.key.n != 0)
        put_one(out, state_find(r->state, a->cmd.key), true);
    else
        state_put_versions(out, r->state);
    if (!buf_ok(out)) {
        home_answer_no_memory(h, a, EFFECT_NONE);
        return;
    }
    const struct event ev = {.type = EV_STATE,
                             .id = a->cmd.id,
                             .room = room_name(r),
                             .state = str_make(out->p, state_n),
                             .versions = str_make(out->p + state_n, out->n - state_n),
                             .state_version = state_version(r->state)};
    struct answer ans = {.effect = EFFECT_NONE};
    home_answer_event(h, a, &ans, &ev);
}
