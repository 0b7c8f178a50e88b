// SPDX-License-Identifier: Apache-2.0
//
// http_parts.c - the small grammars inside a request: tokens, lists, hosts, paths.
#include "wire/http.h"
#include "wire/utf8.h"

// tchar of RFC 9110 section 5.6.2.
static const bool token_chars[256] = {
    ['!'] = true,         ['#'] = true,         ['$'] = true,         ['%'] = true, ['&'] = true,
    ['\''] = true,        ['*'] = true,         ['+'] = true,         ['-'] = true, ['.'] = true,
    ['^'] = true,         ['_'] = true,         ['`'] = true,         ['|'] = true, ['~'] = true,
    ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true,
};

bool http_is_token(str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!token_chars[(uint8_t)s.p[i]])
            return false;
    }
    return s.n > 0;
}

bool http_list_next(str *list, str *ret)
{
    while (list->n > 0) {
        str rest = STR_NONE;
        str element = str_trim(str_split(*list, ',', &rest));
        *list = rest;
        if (element.n > 0) {
            *ret = element;
            return true;
        }
    }
    return false;
}

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

// Bytes of the host at the front of s, brackets included; 0 if there is none.
static size_t host_length(str s)
{
    size_t i = 0;
    if (s.n > 0 && s.p[0] == '[') { // RFC 3986 section 3.2.2, without zones and future forms
        for (i = 1; i < s.n && (hex_value(s.p[i]) >= 0 || s.p[i] == ':' || s.p[i] == '.'); i++)
            ;
        return i > 2 && i < s.n && s.p[i] == ']' ? i + 1 : 0;
    }
    while (i < s.n && (is_alnum(s.p[i]) || s.p[i] == '-' || s.p[i] == '.' || s.p[i] == '_'))
        i++;
    return i;
}

bool http_host_split(str host, str *ret_name, uint16_t *ret_port)
{
    size_t n = host_length(host);
    uint64_t port = 0;
    if (n == 0)
        return false;
    if (n < host.n) {
        if (host.p[n] != ':' || !str_to_u64(str_skip(host, n + 1), UINT16_MAX, &port) || port == 0)
            return false;
    }
    *ret_name = str_take(host, n);
    *ret_port = (uint16_t)port;
    return true;
}

// The byte that a percent-encoding at the front of s stands for; -1 if it is malformed.
static int percent_decode(str s)
{
    if (s.n < 3)
        return -1;
    int high = hex_value(s.p[1]);
    int low = hex_value(s.p[2]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

// A decoded byte that would change what the path says, or that no file or route of ours has.
static bool byte_ambiguous(int c) { return c < 0x20 || c == 0x7f || c == '/' || c == '\\' || c == '.'; }

static bool segment_is_dots(str segment) { return str_eq(segment, STR(".")) || str_eq(segment, STR("..")); }

bool http_path_normal(str path)
{
    if (!str_starts(path, STR("/")))
        return false;
    utf8_state utf8 = UTF8_START;
    size_t segment = 1; // where the segment at hand begins
    for (size_t i = 0; i < path.n; i++) {
        uint8_t c = (uint8_t)path.p[i];
        if (c == '/') {
            if (i > 0 && segment_is_dots((str){path.p + segment, i - segment}))
                return false;
            segment = i + 1;
        } else if (c == '%') {
            int decoded = percent_decode(str_skip(path, i));
            if (decoded < 0 || byte_ambiguous(decoded))
                return false;
            c = (uint8_t)decoded;
            i += 2;
        } else if (c <= 0x20 || c >= 0x7f || c == '\\') {
            return false;
        }
        if (!utf8_feed(&utf8, &c, 1))
            return false;
    }
    return utf8_complete(utf8) && !segment_is_dots(str_skip(path, segment));
}
