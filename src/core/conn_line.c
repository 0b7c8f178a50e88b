// SPDX-License-Identifier: Apache-2.0
//
// Text lines from the bare TCP listener, for nc and telnet. A line may be any bytes; what is not UTF-8 is refused
// with a sentence and the connection lives on.
#include "core/shard_state.h"

static bool line_refuse(struct shard *sh, uint32_t index, enum problem_code code, const char *text)
{
    if (!edge_may_reply(sh, conn_at(sh, index)))
        return false;
    struct problem p = {.code = code, .text = text};
    conn_put_problem(sh, index, STR_NONE, &p);
    return true;
}

// False: the line must wait.
static bool take_line(struct shard *sh, uint32_t index, enum err e, str line)
{
    if (e == ERR_TOO_LARGE) {
        metric_add(&sh->metrics->limit_message, 1);
        return line_refuse(sh, index, PROBLEM_TOO_LARGE, "This line is longer than limits.message_bytes.");
    }
    if (!utf8_valid(line))
        return line_refuse(sh, index, PROBLEM_BAD_COMMAND, "This line is not UTF-8.");
    return conn_message(sh, index, line);
}

size_t conn_line_feed(struct shard *sh, uint32_t index, uint8_t *p, size_t n)
{
    struct conn *c = conn_at(sh, index);
    size_t off = 0;
    while (c->ending == ENDING_OPEN && !c->parked && off < n) {
        struct line_decoder before = c->line;
        size_t used;
        str line = STR_NONE;
        enum err e = line_decoder_next(&c->line, str_make((const char *)p + off, n - off), &used, &line);
        if (e == ERR_MORE) {
            off += used;
            break;
        }
        if (!take_line(sh, index, e, line)) {
            c->line = before; // it is read again from its first byte
            c->line.seen = 0;
            conn_park(sh, index);
            break;
        }
        off += used;
    }
    return off;
}
