// SPDX-License-Identifier: Apache-2.0
#include "sim/heard.h"

enum { OFFSET_CEILING = 1 << 21 }; // no run comes near

str heard_raw(const struct heard *h, const char *key)
{
    const struct json_member *m = json_member_find(h->members, h->n, str_from_cstr(key));
    return m == NULL ? STR_NONE : m->value;
}

str heard_string(struct world *w, struct client *c, const struct heard *h, const char *key, char *scratch,
                 size_t cap)
{
    str raw = heard_raw(h, key), s;
    if (raw.p == NULL || json_string_decode(raw, scratch, cap, &s) != OK)
        trace_fail(w, c, "PROTOCOL: no string `%s` in %.*s", key, STR_ARG(str_take(h->text, 200)));
    return s;
}

static uint64_t content_hash(str raw)
{
    struct json_member m;
    uint64_t sum = 1;
    if (json_kind_of(raw) != JSON_OBJECT)
        return truth_hash(raw);
    while (json_member_next(&raw, &m)) {
        const uint64_t one = truth_hash(m.key) * 0x9e3779b97f4a7c15u ^ content_hash(m.value);
        sum += (one ^ one >> 29) * 0xbf58476d1ce4e5b9u;
    }
    return sum;
}

uint64_t heard_hash(const struct heard *h) { return content_hash(h->text); }

uint64_t heard_number(struct world *w, struct client *c, const struct heard *h, const char *key)
{
    uint64_t v;
    str raw = heard_raw(h, key);
    if (raw.p == NULL || !json_u64_decode(raw, (1ull << 53) - 1, &v))
        trace_fail(w, c, "PROTOCOL: no number `%s` in %.*s", key, STR_ARG(str_take(h->text, 200)));
    return v;
}

uint64_t heard_offset(struct world *w, struct client *c, const struct heard *h, const char *key)
{
    uint64_t v = heard_number(w, c, h, key);
    if (v > OFFSET_CEILING)
        trace_fail(w, c, "PROTOCOL: offset %llu", (unsigned long long)v);
    return v;
}

bool heard_true(const struct heard *h, const char *key) { return str_eq(heard_raw(h, key), STR("true")); }

int heard_room(struct world *w, struct client *c, const struct heard *h)
{
    char scratch[ROOM_NAME_MAX];
    str name = heard_string(w, c, h, "room", scratch, sizeof scratch);
    int room = truth_room_find(w, name);
    if (room == NONE)
        trace_fail(w, c, "ISOLATION: a message of a room that nobody named: %.*s", STR_ARG(name));
    // That a token it brought for a room is about to end is told of what it has named itself, be it in there or not.
    if (room != NONE && !str_eq(heard_raw(h, "type"), STR("\"token_expiring\"")))
        tenancy_check_room(w, c, room);
    return room;
}

void heard_scan(struct world *w, struct client *c, str text, struct heard *ret)
{
    struct json_problem why;
    ret->text = text;
    if (json_object_scan(text, ret->members, JSON_KEYS_MAX, &ret->n, &why) != OK)
        trace_fail(w, c, "PROTOCOL: the server sent broken JSON: %s: %.*s", why.message,
                   STR_ARG(str_take(text, 200)));
}

bool heard_next(str *list, str *ret)
{
    size_t i = 0, depth = 0, from = 0;
    for (bool quoted = false; i < list->n; i++) {
        char ch = list->p[i];
        if (quoted) {
            if (ch == '\\')
                i++;
            else if (ch == '"')
                quoted = false;
        } else if (ch == '"') {
            quoted = true;
        } else if (ch == '{') {
            if (depth++ == 0)
                from = i;
        } else if (ch == '}' && --depth == 0) {
            *ret = str_make(list->p + from, i + 1 - from);
            *list = str_skip(*list, i + 1);
            return true;
        }
    }
    return false;
}
