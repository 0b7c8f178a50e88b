// SPDX-License-Identifier: Apache-2.0
#include "wire/host_name.h"
#include "wire/http.h"

// Labels of at least one byte, without the dot at the end. False for a name of dots alone and its kind.
static bool name_normal(str host, str *ret)
{
    if (host.n > 0 && host.p[host.n - 1] == '.')
        host.n--;
    for (size_t i = 0; i < host.n; i++)
        if (host.p[i] == '.' && (i == 0 || i + 1 == host.n || host.p[i + 1] == '.'))
            return false;
    *ret = host;
    return host.n > 0;
}

static bool is_address(str host)
{
    if (host.p[0] == '[')
        return true; // http_host_split lets nothing else stand in brackets
    size_t parts = 0;
    uint64_t ignored;
    for (str rest = host; rest.p != NULL; parts++)
        if (!str_to_u64(str_split(rest, '.', &rest), 255, &ignored))
            return false;
    return parts == 4;
}

// One or more whole labels in front of the domain; neither has empty ones.
static bool is_under(str host, str domain)
{
    if (host.n < domain.n + 2)
        return false;
    size_t front = host.n - domain.n;
    return host.p[front - 1] == '.' && str_eq_nocase(str_skip(host, front), domain);
}

static bool name_matches(str host, str pattern)
{
    if (str_eq(pattern, STR("*")))
        return true;
    if (str_starts(pattern, STR("*.")))
        return is_under(host, str_skip(pattern, 2));
    return str_eq_nocase(host, pattern);
}

bool host_is_ours(str host, const str *names, size_t n, bool loopback_only)
{
    str name;
    uint16_t port;
    if (host.p == NULL)
        return true;
    if (!http_host_split(host, &name, &port) || !name_normal(name, &name))
        return false;
    if (is_address(name) || str_eq_nocase(name, STR("localhost")) || is_under(name, STR("localhost")))
        return true;
    for (size_t i = 0; i < n; i++)
        if (name_matches(name, names[i]))
            return true;
    return n == 0 && !loopback_only;
}

bool host_name_pattern_valid(str pattern)
{
    str name, normal;
    uint16_t port;
    if (str_eq(pattern, STR("*")))
        return true;
    if (str_starts(pattern, STR("*.")))
        pattern = str_skip(pattern, 2);
    return http_host_split(pattern, &name, &port) && name.n == pattern.n && name.p[0] != '[' &&
           name_normal(name, &normal) && normal.n == name.n;
}
