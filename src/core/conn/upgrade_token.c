// SPDX-License-Identifier: Apache-2.0
//
// A token that comes with the request of an upgrade, for those who cannot say it in their hello, or have it there already: a proxy, a
// page whose cookie it is, a client of lines. It counts as that of a hello without one (edge/edge_token.c).
//
//      Authorization: Bearer <jwt>                                   programs, proxies
//      Sec-WebSocket-Protocol: plenum.v1.json, plenum.token.<jwt>    browsers; the answer selects another one, or none
//      Cookie: <auth.cookie>=<jwt>                                   pages of the same site; `Origin` has been looked at before
//      ?token=<jwt>                                                  only where auth.query_token says so: proxies log it
//
// The first of these that is there, in this order. Nothing of it goes into a log, an error or an answer.
// Sources: RFC 6750 section 2.1 (Bearer), RFC 6265 section 4.2.1 (Cookie), RFC 6455 section 1.9.
#include "core/conn/conn_http.h"

#include "wire/ws_handshake.h"

static str bearer(const struct http_request *rq)
{
    static const char scheme[] = "Bearer ";
    str value;
    if (!http_field_find(rq, STR("Authorization"), &value) || value.n < sizeof scheme - 1 ||
        !str_eq_nocase(str_take(value, sizeof scheme - 1), STR("Bearer ")))
        return STR_NONE;
    return str_trim(str_skip(value, sizeof scheme - 1));
}

// What follows `begin` in the first subprotocol that begins so; absent where none does. How many do.
static uint32_t subprotocol(const struct http_request *rq, str begin, str *ret)
{
    struct ws_protocol_iter it = {0};
    uint32_t n = 0;
    str offered;
    *ret = STR_NONE;
    while (ws_protocol_next(rq, &it, &offered))
        if (str_starts(offered, begin) && n++ == 0)
            *ret = str_skip(offered, begin.n);
    return n;
}

bool upgrade_tenant(const struct settings *s, const struct http_request *rq, uint8_t *ret)
{
    str name;
    uint32_t n = subprotocol(rq, STR("plenum.tenant."), &name);
    *ret = n == 1 ? tenant_find(s->tenants, s->tenants_n, name) : TENANT_NONE;
    return n == 0 || *ret != TENANT_NONE;
}

// The value of a name in what is separated by `by`: name=value pairs, blanks around them.
static str pair_value(str pairs, char by, str name)
{
    while (pairs.n != 0) {
        str rest = STR_NONE, value = STR_NONE;
        str pair = str_trim(str_split(pairs, by, &rest));
        str key = str_split(pair, '=', &value);
        pairs = rest;
        if (str_eq(key, name))
            return value;
    }
    return STR_NONE;
}

static str cookie(const struct http_request *rq, str name)
{
    str value = STR_NONE;
    for (uint16_t i = 0; name.n != 0 && i < rq->field_count && value.n == 0; i++)
        if (str_eq_nocase(rq->fields[i].name, STR("Cookie")))
            value = pair_value(rq->fields[i].value, ';', name);
    if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
        value = str_make(value.p + 1, value.n - 2);
    return value;
}

str upgrade_token(const struct settings *s, const struct http_request *rq)
{
    str token = bearer(rq);
    if (token.n == 0)
        (void)subprotocol(rq, STR("plenum.token."), &token);
    if (token.n == 0)
        token = cookie(rq, s->token_cookie);
    if (token.n == 0 && s->query_token)
        token = pair_value(rq->query, '&', STR("token"));
    return token;
}
