// SPDX-License-Identifier: Apache-2.0
//
// See json_view.h. One pass over the object's members; a value is skipped by counting brackets outside of strings.

#include "json_view.h"

#include <string.h>

static const char *skip_space(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
        p++;
    return p;
}

// `p` is behind the opening quote; returns the closing one, or `end`.
static const char *string_end(const char *p, const char *end)
{
    while (p < end && *p != '"')
        p += *p == '\\' ? 2 : 1;
    return p < end ? p : end;
}

// Returns the first byte behind the value that begins at `p`.
static const char *value_end(const char *p, const char *end)
{
    int depth = 0;
    for (; p < end; p++) {
        if (*p == '"') {
            p = string_end(p + 1, end);
            if (p == end)
                return end;
        } else if (*p == '{' || *p == '[') {
            depth++;
        } else if (*p == '}' || *p == ']') {
            if (depth-- == 0)
                return p;
        } else if (*p == ',' && depth == 0) {
            return p;
        }
    }
    return end;
}

struct json_view json_view_find(const char *object, uint32_t len, const char *key)
{
    const char *end = object + len;
    const char *p = skip_space(object, end);
    size_t key_len = strlen(key);
    struct json_view none = {NULL, 0};
    if (p == end || *p++ != '{')
        return none;
    for (;;) {
        p = skip_space(p, end);
        if (p == end || *p++ != '"')
            return none;
        const char *name = p;
        p = string_end(p, end);
        bool match = (size_t)(p - name) == key_len && memcmp(name, key, key_len) == 0;
        p = skip_space(p < end ? p + 1 : end, end);
        if (p == end || *p++ != ':')
            return none;
        p = skip_space(p, end);
        const char *after = value_end(p, end);
        if (match && p < end && *p == '"')
            return (struct json_view){p + 1, (uint32_t)(string_end(p + 1, end) - (p + 1))};
        if (match)
            return (struct json_view){p, (uint32_t)(after - p)};
        if (after == end || *after != ',')
            return none;
        p = after + 1;
    }
}

uint64_t json_view_number(struct json_view v)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < v.len && v.at[i] >= '0' && v.at[i] <= '9'; i++)
        n = n * 10 + (uint64_t)(v.at[i] - '0');
    return n;
}

bool json_view_is(struct json_view v, const char *text)
{
    return v.at && v.len == strlen(text) && memcmp(v.at, text, v.len) == 0;
}
