// SPDX-License-Identifier: Apache-2.0
//
// Commands of the HTTP API by name, and answers of the native protocol as bodies. Rejected: an encoding of its own for the API,
// whose pages of history would be kept a second time (core/log/replay.h), for the sake of two keys less.
#include "dialect/api.h"

#include "base/assert.h"
#include "dialect/guess.h"
#include "dialect/native_keys.h"
#include "wire/json.h"

static const struct row {
    bool native, http;
} rows[CMD_COUNT] = {
#define INNER false, false
#define NATIVE true, true
#define COMPACT false, false
#define HTTP false, true
#define X(upper, lower, where, ...) [CMD_##upper] = {where},
    COMMANDS(X)
#undef X
#undef HTTP
#undef COMPACT
#undef NATIVE
#undef INNER
};

bool api_serves(enum command_type type)
{
    switch (type) {
#define X(upper) case CMD_##upper:
        API_NOT(X)
#undef X
        return false;
    default:
        return rows[type].http && (!rows[type].native || command_row(type)->decided != DECIDED_EDGE);
    }
}

bool api_takes_bytes(enum command_type type)
{
    return api_serves(type) && native_takes(native_type(type), STR("content_type"));
}

// No default: whoever adds a command says what it means to repeat it.
enum api_once api_once(enum command_type type)
{
    switch (type) {
    case CMD_PUBLISH:
    case CMD_BROADCAST:
    case CMD_DIRECT:
        return API_IN_LOG;
    case CMD_MEMBERS:
    case CMD_HISTORY:
    case CMD_ROOMS:
    case CMD_INVITES:
    case CMD_WHOIS:
    case CMD_INFO:
    case CMD_CONNECTIONS:
        return API_READS;
    case CMD_SIGNAL:
    case CMD_ROLE:
    case CMD_KICK:
    case CMD_BAN:
    case CMD_UNBAN:
    case CMD_MUTE:
    case CMD_UNMUTE:
    case CMD_SLOW:
    case CMD_READONLY:
    case CMD_STATE:
    case CMD_CREATE:
    case CMD_CLOSE:
    case CMD_LOCK:
    case CMD_INVITE:
    case CMD_UNINVITE:
    case CMD_EDIT:
    case CMD_DELETE:
    case CMD_REACT:
    case CMD_READ:
    case CMD_DISCONNECT:
    case CMD_REVOKE:
    case CMD_BATCH:
        return API_RECEIPT;
    case CMD_NONE: // none of the API's
    case CMD_MESSAGE:
    case CMD_HELLO:
    case CMD_REFRESH:
    case CMD_JOIN:
    case CMD_LEAVE:
    case CMD_SWITCH:
    case CMD_STATE_READ:
    case CMD_PING:
    case CMD_RENAME:
    case CMD_HELP:
    case CMD_QUIT:
    case CMD_COUNT:
        break;
    }
    UNREACHABLE();
}

enum command_type api_find(str name)
{
    for (int type = CMD_NONE + 1; type < CMD_COUNT; type++)
        if (api_serves((enum command_type)type) &&
            str_eq(name, str_from_cstr(command_name((enum command_type)type))))
            return (enum command_type)type;
    return CMD_NONE;
}

const char *api_guess(str name)
{
    static const struct guess_alias aliases[] = {
        {"message", "publish"},     {"send", "publish"},         {"say", "publish"},   {"emit", "publish"},
        {"presence", "members"},    {"who", "members"},          {"users", "members"}, {"channels", "rooms"},
        {"list", "rooms"},          {"messages", "history"},     {"stats", "info"},    {"status", "info"},
        {"clients", "connections"}, {"sessions", "connections"}, {"dm", "direct"},
    };
    const char *names[CMD_COUNT];
    size_t n = 0;
    for (int type = CMD_NONE + 1; type < CMD_COUNT; type++)
        if (api_serves((enum command_type)type))
            names[n++] = command_name((enum command_type)type);
    return guess_word(name, names, n, aliases, sizeof aliases / sizeof aliases[0]);
}

// --- answers

// {"type":"ack","id":17,"room":...}   or   {"type":"pong","id":17}
struct api_reply api_reply_of(str payload)
{
    static const char type[] = "{\"type\":\"", id[] = "\",\"id\":";
    str rest = str_skip(payload, sizeof type - 1), name = str_split(rest, '"', &rest);
    uint64_t number = 0;
    struct api_reply r = {.status = 200, .error = str_eq(name, STR("error"))};
    ASSERT(str_starts(payload, STR(type)) && str_starts(rest, str_skip(STR(id), 1)));
    rest = str_skip(rest, sizeof id - 2);
    size_t digits = 0;
    while (digits < rest.n && rest.p[digits] >= '0' && rest.p[digits] <= '9')
        digits++;
    bool read = str_to_u64(str_take(rest, digits), UINT32_MAX, &number);
    ASSERT(read && digits < rest.n);
    r.id = (uint32_t)number;
    r.rest = str_skip(rest, digits + (rest.p[digits] == ',' ? 1 : 0));
    if (r.error) {
        static const char code[] = "\"code\":\"";
        str behind;
        ASSERT(str_starts(r.rest, STR(code)));
        enum problem_code problem = problem_find(str_split(str_skip(r.rest, sizeof code - 1), '"', &behind));
        ASSERT(problem != PROBLEM_COUNT);
        r.status = problem_status(problem);
    }
    return r;
}

void api_put_reply(struct buf *out, const struct api_reply *r)
{
    if (r->error)
        BUF_PUT_LIT(out, "{\"error\":");
    buf_put_char(out, '{');
    buf_put_str(out, r->rest);
    if (r->error)
        buf_put_char(out, '}');
}

void api_put_problem(struct buf *out, const struct problem *p)
{
    char sentence[PROBLEM_SENTENCE_MAX];
    BUF_PUT_LIT(out, "{\"error\":{\"code\":\"");
    buf_put_str(out, str_from_cstr(problem_name(p->code)));
    BUF_PUT_LIT(out, "\",\"message\":");
    json_put_string(out, problem_sentence(p, sentence));
    if (p->retry_ms != 0) {
        BUF_PUT_LIT(out, ",\"retry_ms\":");
        buf_put_u64(out, p->retry_ms);
    }
    BUF_PUT_LIT(out, "}}");
}
