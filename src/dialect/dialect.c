// SPDX-License-Identifier: Apache-2.0
//
// dialect.c - the names that all wire languages share.
#include "dialect/dialect.h"
#include "base/assert.h"
#include "wire/utf8.h"

// The control characters of Unicode: C0, DEL and C1 (U+0080-009F, in UTF-8 C2 80-9F).
static bool has_control(str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < 0x20 || c == 0x7f)
            return true;
        if (c == 0xc2 && i + 1 < s.n && (unsigned char)s.p[i + 1] < 0xa0)
            return true;
    }
    return false;
}

// Names come from peers and from the configuration, so UTF-8 is checked here and not assumed: a name is put into
// frames, where one bad byte would cost every receiver its connection (RFC 6455 section 8.1).
static bool name_valid(str name, size_t n_max)
{
    if (name.n == 0 || name.n > n_max)
        return false;
    if (name.p[0] == ' ' || name.p[name.n - 1] == ' ')
        return false;
    return !has_control(name) && utf8_valid(name);
}

bool room_name_valid(str name) { return name_valid(name, ROOM_NAME_MAX); }

bool user_name_valid(str name) { return name_valid(name, USER_NAME_MAX); }

const char *role_name(enum role role)
{
    static const char *const names[ROLE_COUNT] = {
#define X(upper, lower) #lower,
        ROLES(X)
#undef X
    };
    ASSERT((unsigned)role < ROLE_COUNT);
    return names[role];
}

enum role role_find(str name)
{
    for (int role = 0; role < ROLE_COUNT; role++)
        if (str_eq(name, str_from_cstr(role_name((enum role)role))))
            return (enum role)role;
    return ROLE_COUNT;
}

const char *problem_name(enum problem_code code)
{
    static const char *const names[PROBLEM_COUNT] = {
#define X(upper, lower, status) #lower,
        PROBLEMS(X)
#undef X
    };
    ASSERT((unsigned)code < PROBLEM_COUNT);
    return names[code];
}

uint16_t problem_status(enum problem_code code)
{
    static const uint16_t statuses[PROBLEM_COUNT] = {
#define X(upper, lower, status) status,
        PROBLEMS(X)
#undef X
    };
    ASSERT((unsigned)code < PROBLEM_COUNT);
    return statuses[code];
}

enum problem_code problem_find(str name)
{
    enum problem_code code = PROBLEM_NONE;
    while (code != PROBLEM_COUNT && !str_eq(name, str_from_cstr(problem_name(code))))
        code++;
    return code;
}
