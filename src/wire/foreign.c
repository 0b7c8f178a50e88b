// SPDX-License-Identifier: Apache-2.0
//
// foreign.c - see foreign.h. A request line has exactly three words with one space between: "we like HTTP/1.1 a lot" and
// "I love HTTP/2" are none.
#include "wire/foreign.h"
#include "wire/http.h"

bool foreign_is_tls(str bytes) { return str_starts(bytes, STR("\x16\x03")); }

bool foreign_is_tls_not_http(str bytes) { return str_starts(bytes, STR("\x16")); }

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static bool is_version(str s)
{
    return s.n == 8 && str_starts(s, STR("HTTP/")) && is_digit(s.p[5]) && s.p[6] == '.' && is_digit(s.p[7]);
}

// Origin-form, absolute-form or asterisk-form (RFC 9112 section 3.2), as far as it can be seen.
static bool begins_like_target(str s)
{
    size_t colon = str_find_char(s, ':', 0);
    return str_starts(s, STR("/")) || str_starts(s, STR("*")) || str_starts(str_skip(s, colon), STR("://"));
}

bool foreign_is_http(str line, bool cut)
{
    str rest = STR_NONE, version = STR_NONE;
    str method = str_split(line, ' ', &rest);
    str target = str_split(rest, ' ', &version);
    if (!http_is_token(method) || target.n == 0)
        return false;
    if (cut && version.p == NULL)
        return begins_like_target(target);
    if (version.p == NULL)
        return str_eq(method, STR("GET")) && target.p[0] == '/';
    return is_version(version);
}
