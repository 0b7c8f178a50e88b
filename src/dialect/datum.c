// SPDX-License-Identifier: Apache-2.0
#include "dialect/datum.h"

#include "base/assert.h"

static bool is_token(char c)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           memchr(others, c, sizeof others - 1) != NULL;
}

static size_t token_end(str s, size_t at)
{
    while (at < s.n && is_token(s.p[at]))
        at++;
    return at;
}

bool content_type_valid(str type)
{
    if (type.n == 0 || type.n > CONTENT_TYPE_MAX || type.p[type.n - 1] == ' ')
        return false;
    const size_t slash = token_end(type, 0);
    if (slash == 0 || slash == type.n || type.p[slash] != '/')
        return false;
    size_t at = token_end(type, slash + 1);
    if (at == slash + 1 || (at != type.n && type.p[at] != ';' && type.p[at] != ' '))
        return false;
    for (; at < type.n; at++) // parameters are for who reads them
        if (type.p[at] < ' ' || type.p[at] > '~')
            return false;
    return true;
}

bool content_type_json(str type) { return str_eq(type, STR("application/json")); }

bool datum_valid(str data)
{
    if (data.n < DATUM_HEAD || data.p[0] != '\0')
        return false;
    const size_t n = (uint8_t)data.p[1];
    return data.n - DATUM_HEAD >= n && content_type_valid(str_make(data.p + DATUM_HEAD, n));
}

str datum_type(str data)
{
    ASSERT(datum_valid(data));
    return str_make(data.p + DATUM_HEAD, (uint8_t)data.p[1]);
}

str datum_bytes(str data)
{
    ASSERT(datum_valid(data));
    return str_skip(data, (size_t)DATUM_HEAD + (uint8_t)data.p[1]);
}

str datum_make(struct scratch *scratch, str type, str bytes)
{
    char *p = scratch->p + scratch->n;
    const size_t n = DATUM_HEAD + type.n + bytes.n;
    char kept[CONTENT_TYPE_MAX]; // it may lie where the bytes come to
    ASSERT(content_type_valid(type));
    ASSERT(n <= scratch->cap - scratch->n);
    memcpy(kept, type.p, type.n);
    if (bytes.n != 0)
        memmove(p + DATUM_HEAD + type.n, bytes.p, bytes.n);
    p[0] = '\0';
    p[1] = (char)(uint8_t)type.n;
    memcpy(p + DATUM_HEAD, kept, type.n);
    scratch->n += n;
    return str_make(p, n);
}
