// SPDX-License-Identifier: Apache-2.0
#include "sim/parcel.h"

#include "base/assert.h"
#include "wire/utf8.h"

// Of a connection.
struct parcel_state {
    uint32_t said; // number of the last thing said to it
    uint16_t heard;
    uint16_t pings, pongs;
};

static void state_check(const void *state)
{
    const struct parcel_state *s = state;
    ASSERT((uint16_t)(s->pings - s->pongs) <= INT16_MAX); // never more answers than pings; they wrap
}

static uint32_t get_be(const char *p, size_t n)
{
    uint32_t v = 0;
    for (size_t i = 0; i < n; i++)
        v = v << 8 | (uint8_t)p[i];
    return v;
}

static void put_be(char *p, uint32_t v, size_t n)
{
    for (size_t i = n; i-- > 0; v >>= 8)
        p[i] = (char)(uint8_t)v;
}

// --- to the server

static enum err problem(struct problem *p, const char *text)
{
    *p = (struct problem){.code = PROBLEM_BAD_COMMAND, .text = text};
    return ERR_SYNTAX;
}

static enum err decode_command(str body, struct reading *r, struct command *ret, struct problem *p)
{
    struct reading inner = {.message = body, .scratch = r->scratch};
    if (!utf8_valid(body)) // nobody has looked at a binary message
        return problem(p, "A command in a parcel must be UTF-8.");
    return ways_served.encodings[ENCODING_JSON]->payloads->decode(&inner, ret, p);
}

static enum err decode_kind(char kind, str body, struct reading *r, struct command *ret, struct problem *p)
{
    struct parcel_state *s = r->state;
    switch (kind) {
    case 'c':
        return decode_command(body, r, ret, p);
    case 'q':
        ret->type = CMD_QUIT;
        return OK;
    case 'n':
        return OK;
    case 'p':
        if (s->pongs == s->pings)
            return problem(p, "Nobody has pinged.");
        s->pongs++;
        r->pong = true;
        return OK;
    default:
        return problem(p, "A parcel is of kind `c`, `p`, `q` or `n`.");
    }
}

static enum err decode(struct reading *r, struct command *ret, struct problem *ret_problem)
{
    struct parcel_state *s = r->state;
    str rest = str_skip(r->message, r->at);
    *ret = (struct command){.type = CMD_NONE};
    *ret_problem = (struct problem){.code = PROBLEM_NONE};
    size_t body_n = rest.n >= PARCEL_HEAD ? get_be(rest.p + 3, 3) : 0;
    if (rest.n < PARCEL_HEAD || rest.n - PARCEL_HEAD < body_n) {
        r->at = r->message.n; // nobody knows where the next one would be
        return problem(ret_problem, "A parcel is cut.");
    }
    r->at += PARCEL_HEAD + body_n;
    uint16_t number = (uint16_t)get_be(rest.p, 2), wanted = (uint16_t)(s->heard + 1);
    s->heard = number;
    if (number != wanted)
        return problem(ret_problem, "A parcel is missing before this one.");
    return decode_kind(rest.p[2], str_make(rest.p + PARCEL_HEAD, body_n), r, ret, ret_problem);
}

void parcel_put(struct buf *out, uint16_t number, char kind, str body)
{
    char head[PARCEL_HEAD];
    ASSERT(body.n <= PARCEL_BODY_MAX);
    put_be(head, number, 2);
    head[2] = kind;
    put_be(head + 3, (uint32_t)body.n, 3);
    buf_put(out, head, sizeof head);
    buf_put_str(out, body);
}

// --- from the server

static void encode_event(struct buf *out, const struct event *ev, int32_t utc_offset_s)
{
    if (ev->type == EV_HELP)
        return;
    buf_put_char(out, 'v');
    if (ev->type == EV_BYE)
        BUF_PUT_LIT(out, "{\"type\":\"bye\"}");
    else
        ways_served.encodings[ENCODING_JSON]->payloads->encode_event(out, ev, utc_offset_s);
}

static void encode_entry(struct buf *out, const struct entry *e, int32_t utc_offset_s)
{
    ways_served.encodings[ENCODING_JSON]->payloads->encode_entry(out, e, utc_offset_s);
}

static void encode_ping(struct buf *out, void *state)
{
    struct parcel_state *s = state;
    s->pings++;
    buf_put_char(out, 'p');
}

static void encode_close(struct buf *out, struct closing *c, void *state)
{
    char code[2];
    (void)state;
    put_be(code, c->code, 2);
    buf_put_char(out, 'b');
    buf_put(out, code, sizeof code);
    buf_put_str(out, str_from_cstr(c->reason));
}

static str reply_head(void *state, char room[REPLY_HEAD_MAX])
{
    struct parcel_state *s = state;
    room[0] = 'r';
    put_be(room + 1, ++s->said, 4);
    return str_make(room, 5);
}

bool parcel_open(str message, char *ret_kind, uint32_t *ret_number, str *ret_body)
{
    if (message.n == 0)
        return false;
    *ret_kind = '{';
    *ret_body = message;
    if (message.p[0] == '{')
        return true;
    if (message.p[0] != 'r' || message.n < 6)
        return false;
    *ret_number = get_be(message.p + 1, 4);
    *ret_kind = message.p[5];
    *ret_body = str_skip(message, 6);
    return *ret_kind == 'v' || *ret_kind == 'p' || *ret_kind == 'b';
}

// --- the tables

const struct language parcel_language = {
    .name = "parcel",
    .returns = true,
    .silent = "no parcel within limits.hello_ms",
    .state_bytes = sizeof(struct parcel_state),
    .state_check = state_check,
    .encode_ping = encode_ping,
    .encode_close = encode_close,
    .reply_head = reply_head,
};

const struct payloads parcel_payloads = {
    .name = "parcels",
    .pages = true,
    .row_separator = {",", 1},
    .rows_end = 2,
    .scratch_factor = 1,
    .decode = decode,
    .encode_event = encode_event,
    .encode_entry = encode_entry,
};

static const struct encoding parcel = {ENCODING_PARCEL,  "parcel",          &parcel_language,
                                       &parcel_payloads, FRAMING_WS_BINARY, 0};

const struct ways *ways_with_parcels(void)
{
    static const struct way more[] = {
        {TRANSPORT_HTTP, "/ws", "parcel.v1", ENCODING_PARCEL, false},
        {TRANSPORT_HTTP, "/parcel", NULL, ENCODING_PARCEL, false},
    };
    enum { MORE = sizeof more / sizeof more[0], ROWS_MAX = 16 };
    static struct way rows[ROWS_MAX];
    static const struct encoding *encodings[ENCODINGS_SERVED + 1];
    static struct ways all;
    ASSERT(ways_served.n + MORE <= ROWS_MAX);
    memcpy(rows, ways_served.v, ways_served.n * sizeof rows[0]);
    memcpy(rows + ways_served.n, more, sizeof more);
    memcpy(encodings, ways_served.encodings, ENCODINGS_SERVED * sizeof encodings[0]);
    encodings[ENCODING_PARCEL] = &parcel;
    all = (struct ways){rows, ways_served.n + MORE, encodings, ENCODINGS_SERVED + 1};
    return &all;
}
