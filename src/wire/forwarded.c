// SPDX-License-Identifier: Apache-2.0
//
// Lists from the right. Quotes do not nest and nothing in them needs a backslash, so a list can be read from its end; where there is a
// backslash nevertheless, the element is nonsense.
#include "wire/forwarded.h"

struct walk {
    const struct http_request *rq;
    str name;
    size_t field; // those behind it have been looked at
    str rest;     // of the field at hand
};

// Takes the last element off a list. An open quote: all of it is one element, which nobody can read.
static str element_pull(str *list)
{
    bool quoted = false;
    size_t at = list->n;
    while (at > 0 && (quoted || list->p[at - 1] != ',')) {
        at--;
        quoted = quoted != (list->p[at] == '"');
    }
    str element = str_trim(str_skip(*list, at));
    *list = at > 0 ? str_take(*list, at - 1) : STR_NONE;
    return element;
}

// The next element from the right, over all fields of that name, the last one first. Empty ones count, too.
static bool walk_next(struct walk *w, str *ret)
{
    while (w->rest.p == NULL) {
        if (w->field == 0)
            return false;
        const struct http_field *f = &w->rq->fields[--w->field];
        if (str_eq_nocase(f->name, w->name))
            w->rest = f->value.p != NULL ? f->value : STR("");
    }
    *ret = element_pull(&w->rest);
    return true;
}

static enum forwarded_scheme scheme_of(str s)
{
    if (str_eq_nocase(s, STR("https")) || str_eq_nocase(s, STR("wss")))
        return FORWARDED_HTTPS;
    if (str_eq_nocase(s, STR("http")) || str_eq_nocase(s, STR("ws")))
        return FORWARDED_HTTP;
    return FORWARDED_SCHEME_UNSAID;
}

// An address with a port or none; the port may be hidden, `_x`.
static bool node_read(str s, struct ip_port *ret)
{
    size_t hidden = str_find_char(s, '_', 0);
    if (hidden < s.n && hidden > 0 && s.p[hidden - 1] == ':')
        s = str_take(s, hidden - 1);
    return ip_port_parse(s, ret) == OK;
}

// Takes `name=value` off the front of a forwarded-element (RFC 7239 section 4), without the quotes. False: it is malformed.
static bool pair_pull(str *rest, str *ret_name, str *ret_value)
{
    str after = STR_NONE;
    *ret_name = str_trim(str_split(*rest, '=', &after));
    if (after.p == NULL || !http_is_token(*ret_name))
        return false;
    if (after.n == 0 || after.p[0] != '"') {
        *ret_value = str_trim(str_split(after, ';', rest));
        return str_find_char(*ret_value, '"', 0) == ret_value->n;
    }
    size_t end = str_find_char(after, '"', 1);
    *ret_value = str_skip(str_take(after, end), 1);
    str behind = str_trim(str_skip(after, end + 1));
    *rest = behind.n != 0 ? str_skip(behind, 1) : STR_NONE;
    return end < after.n && str_find_char(*ret_value, '\\', 0) == ret_value->n &&
           (behind.n == 0 || behind.p[0] == ';');
}

// What one proxy says of who spoke to it.
struct hop {
    str node; // absent: it names nobody
    enum forwarded_scheme scheme;
};

static struct hop hop_read(str element)
{
    static const struct hop nonsense = {.scheme = FORWARDED_SCHEME_UNSAID};
    struct hop hop = nonsense;
    str name, value;
    for (str rest = element; rest.p != NULL;) {
        if (!pair_pull(&rest, &name, &value))
            return nonsense;
        bool node = str_eq_nocase(name, STR("for"));
        if (node && hop.node.p != NULL)
            return nonsense;
        if (node)
            hop.node = value;
        else if (str_eq_nocase(name, STR("proto")))
            hop.scheme = scheme_of(value);
    }
    return hop;
}

// Where nobody says which hop it belongs to: what the nearest proxy said last.
static enum forwarded_scheme x_scheme(const struct http_request *rq)
{
    str element = STR_NONE;
    struct walk w = {.rq = rq, .name = STR("X-Forwarded-Proto"), .field = rq->field_count};
    return walk_next(&w, &element) ? scheme_of(element) : FORWARDED_SCHEME_UNSAID;
}

struct forwarded forwarded_find(const struct http_request *rq, enum forwarded_field field,
                                const struct ip_net *believed, size_t believed_n)
{
    const bool x_for = field == FORWARDED_X_FOR;
    struct forwarded ret = {.scheme = x_for ? x_scheme(rq) : FORWARDED_SCHEME_UNSAID};
    struct walk w = {
        .rq = rq, .name = x_for ? STR("X-Forwarded-For") : STR("Forwarded"), .field = rq->field_count};
    str element;
    if (field == FORWARDED_NONE)
        return ret;
    for (uint32_t n = 0; n < FORWARDED_HOPS_MAX && walk_next(&w, &element); n++) {
        if (element.n == 0)
            continue;
        struct hop hop = x_for ? (struct hop){.node = element} : hop_read(element);
        struct ip_port node;
        bool named = node_read(hop.node, &node);
        if (!x_for)
            ret.scheme = hop.scheme;
        if (!named)
            break;
        ret.named = true;
        ret.client = node;
        if (!ip_is_in(&node.ip, believed, believed_n))
            break;
    }
    return ret;
}
