// SPDX-License-Identifier: Apache-2.0
//
// ws_deflate.c - the grammar of RFC 6455 section 9.1, read from left to right:
//
//     extension *( "," extension )      extension = token *( ";" token [ "=" ( token / quoted-string ) ] )
//
// What a quoted string says must be a token (the same section), and of those that there are only numbers of one or two digits can be
// meant, so an escape in one can be no value of ours; it is passed over to find where the string ends.
#include "wire/ws_deflate.h"
#include "base/assert.h"

// Parameters, a bit each: which there were.
enum { SERVER_NO_CONTEXT = 1, CLIENT_NO_CONTEXT = 2, SERVER_BITS = 4, CLIENT_BITS = 8 };

struct param {
    str name;
    bool has_value;
    str value;
};

static void skip_space(str *s)
{
    while (s->n > 0 && (s->p[0] == ' ' || s->p[0] == '\t'))
        *s = str_skip(*s, 1);
}

static bool take_char(str *s, char c)
{
    skip_space(s);
    if (s->n == 0 || s->p[0] != c)
        return false;
    *s = str_skip(*s, 1);
    return true;
}

// Up to what no token has: space, and what stands between tokens. Whether it is a token is for who uses it.
static str take_word(str *s)
{
    size_t n = 0;
    skip_space(s);
    while (n < s->n && memchr(" \t,;=\"", s->p[n], 6) == NULL)
        n++;
    str word = str_take(*s, n);
    *s = str_skip(*s, n);
    return word;
}

// The inside of a quoted string whose first quote is taken; one that does not end is all that there is, and is no value.
static str take_quoted(str *s)
{
    size_t n = 0;
    while (n < s->n && s->p[n] != '"')
        n += s->p[n] == '\\' && n + 1 < s->n ? 2 : 1;
    str inside = str_take(*s, n);
    const bool ends = n < s->n;
    *s = str_skip(*s, ends ? n + 1 : n);
    return ends ? inside : STR_NONE;
}

static struct param take_param(str *s)
{
    struct param p = {.name = take_word(s)};
    p.has_value = take_char(s, '=');
    if (p.has_value)
        p.value = take_char(s, '"') ? take_quoted(s) : take_word(s);
    return p;
}

// To the comma behind the extension at hand, over whatever it is made of.
static void skip_extension(str *s)
{
    while (s->n > 0 && s->p[0] != ',') {
        const bool quoted = s->p[0] == '"';
        *s = str_skip(*s, 1);
        if (quoted)
            take_quoted(s);
    }
}

// 8 to 15 without leading zeros (RFC 7692 sections 7.1.2.1 and 7.1.2.2); 0: it is not.
static uint8_t window_bits(str value)
{
    uint64_t bits = 0;
    if (value.n == 0 || value.p[0] == '0' || !str_to_u64(value, DEFLATE_BITS_MAX, &bits) ||
        bits < DEFLATE_BITS_MIN)
        return 0;
    return (uint8_t)bits;
}

static uint8_t param_known(str name)
{
    if (str_eq(name, STR("server_no_context_takeover")))
        return SERVER_NO_CONTEXT;
    if (str_eq(name, STR("client_no_context_takeover")))
        return CLIENT_NO_CONTEXT;
    if (str_eq(name, STR("server_max_window_bits")))
        return SERVER_BITS;
    if (str_eq(name, STR("client_max_window_bits")))
        return CLIENT_BITS;
    return 0;
}

// False: the offer is not to be accepted (section 7.1).
static bool offer_param(struct ws_deflate_offer *o, uint8_t *seen, const struct param *p)
{
    const uint8_t known = param_known(p->name);
    if (known == 0 || (*seen & known) != 0)
        return false;
    *seen |= known;
    if (known == SERVER_NO_CONTEXT)
        return !p->has_value; // all that we send is so
    if (known == CLIENT_NO_CONTEXT) {
        o->client_context_dropped = true;
        return !p->has_value;
    }
    if (known == SERVER_BITS) {
        o->server_bits_named = true;
        o->server_bits = window_bits(p->value); // its value cannot be left out
        return o->server_bits != 0;
    }
    o->client_bits_named = true;
    if (p->has_value)
        o->client_bits = window_bits(p->value);
    return o->client_bits != 0;
}

// One extension, up to the comma behind it. True if it is an offer that could be accepted.
static bool take_extension(str *s, struct ws_deflate_offer *ret)
{
    *ret = (struct ws_deflate_offer){.server_bits = DEFLATE_BITS_MAX, .client_bits = DEFLATE_BITS_MAX};
    uint8_t seen = 0;
    bool good = str_eq(take_word(s), STR("permessage-deflate"));
    while (good && take_char(s, ';')) {
        const struct param p = take_param(s);
        good = offer_param(ret, &seen, &p);
    }
    skip_space(s);
    good = good && (s->n == 0 || s->p[0] == ',');
    skip_extension(s);
    return good;
}

bool ws_deflate_next(const struct http_request *r, struct ws_deflate_iter *it, struct ws_deflate_offer *ret)
{
    for (;;) {
        while (it->open && it->rest.n > 0) {
            const bool good = take_extension(&it->rest, ret);
            take_char(&it->rest, ',');
            if (good)
                return true;
        }
        it->open = false;
        if (it->field >= r->field_count)
            return false;
        const struct http_field *f = &r->fields[it->field++];
        if (str_eq_nocase(f->name, STR("sec-websocket-extensions"))) {
            it->open = true;
            it->rest = f->value;
        }
    }
}

void ws_deflate_put(struct buf *b, const struct ws_deflate_offer *offer,
                    const struct ws_deflate_answer *answer)
{
    ASSERT(answer->server_bits <= offer->server_bits && answer->client_bits <= offer->client_bits);
    BUF_PUT_LIT(b, "permessage-deflate; server_no_context_takeover");
    if (!answer->client_context)
        BUF_PUT_LIT(b, "; client_no_context_takeover");
    if (offer->server_bits_named) {
        BUF_PUT_LIT(b, "; server_max_window_bits=");
        buf_put_u64(b, answer->server_bits);
    }
    if (offer->client_bits_named) { // where it does not, it may not be told to (section 7.1.2.2)
        BUF_PUT_LIT(b, "; client_max_window_bits=");
        buf_put_u64(b, answer->client_bits);
    }
}
