// SPDX-License-Identifier: Apache-2.0
//
// origin.c - origins and patterns are parsed into the same three parts and compared part by part. Comparing strings by
// prefix or suffix is what lets "https://example.org.evil.net" and "https://evilexample.org" in elsewhere.
#include "wire/origin.h"
#include "wire/http.h"

struct origin_parts {
    str scheme;
    str host;      // for a wildcard: the domain without "*."
    uint16_t port; // 0: none given and none known for the scheme
    bool wildcard;
};

static uint16_t default_port(str scheme)
{
    if (str_eq_nocase(scheme, STR("http")) || str_eq_nocase(scheme, STR("ws")))
        return 80;
    if (str_eq_nocase(scheme, STR("https")) || str_eq_nocase(scheme, STR("wss")))
        return 443;
    return 0;
}

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// RFC 3986 section 3.1.
static bool scheme_valid(str s)
{
    if (s.n == 0 || !is_letter(s.p[0]))
        return false;
    for (size_t i = 1; i < s.n; i++) {
        char c = s.p[i];
        if (!is_letter(c) && !(c >= '0' && c <= '9') && c != '+' && c != '-' && c != '.')
            return false;
    }
    return true;
}

// No empty label: ".a", "a..b" and "a." are three ways to look like another name. Bracketed addresses have none.
static bool labels_valid(str host)
{
    if (host.p[0] == '[')
        return true;
    for (size_t i = 0; i < host.n; i++) {
        if (host.p[i] == '.' && (i == 0 || i + 1 == host.n || host.p[i + 1] == '.'))
            return false;
    }
    return true;
}

static bool origin_parse(str s, bool pattern, struct origin_parts *ret)
{
    size_t colon = str_find_char(s, ':', 0);
    str rest = str_skip(s, colon);
    *ret = (struct origin_parts){.scheme = str_take(s, colon)};
    if (!scheme_valid(ret->scheme) || !str_starts(rest, STR("://")))
        return false;
    rest = str_skip(rest, 3);
    if (pattern && str_starts(rest, STR("*."))) {
        ret->wildcard = true;
        rest = str_skip(rest, 2);
    }
    if (!http_host_split(rest, &ret->host, &ret->port) || !labels_valid(ret->host))
        return false;
    if (ret->wildcard && ret->host.p[0] == '[')
        return false;
    if (ret->port == 0)
        ret->port = default_port(ret->scheme);
    return true;
}

static bool same_origin(const struct origin_parts *o, str scheme, str host)
{
    str name;
    uint16_t port;
    if (!str_eq_nocase(o->scheme, scheme))
        return false;
    if (!http_host_split(host, &name, &port))
        return false;
    if (port == 0)
        port = default_port(o->scheme);
    return port == o->port && str_eq_nocase(name, o->host);
}

// One or more whole labels in front of the domain. The origin's labels are known not to be empty.
static bool under_domain(str host, str domain)
{
    if (host.n < domain.n + 2)
        return false;
    size_t front = host.n - domain.n;
    return host.p[front - 1] == '.' && str_eq_nocase(str_skip(host, front), domain);
}

static bool pattern_matches(str pattern, const struct origin_parts *o)
{
    struct origin_parts p;
    if (str_eq(pattern, STR("*")))
        return true;
    if (!origin_parse(pattern, true, &p))
        return false;
    if (!str_eq_nocase(p.scheme, o->scheme) || p.port != o->port)
        return false;
    return p.wildcard ? under_domain(o->host, p.host) : str_eq_nocase(p.host, o->host);
}

bool origin_allowed(str origin, bool has_origin, str scheme, str host, const str *patterns, size_t n)
{
    struct origin_parts o;
    if (!has_origin)
        return true;
    if (str_eq(origin, STR("null"))) {
        for (size_t i = 0; i < n; i++) {
            if (str_eq(patterns[i], STR("null")))
                return true;
        }
        return false;
    }
    if (!origin_parse(origin, false, &o))
        return false;
    if (same_origin(&o, scheme, host))
        return true;
    for (size_t i = 0; i < n; i++) {
        if (pattern_matches(patterns[i], &o))
            return true;
    }
    return false;
}

bool origin_pattern_valid(str pattern)
{
    struct origin_parts p;
    return str_eq(pattern, STR("*")) || str_eq(pattern, STR("null")) || origin_parse(pattern, true, &p);
}
