// SPDX-License-Identifier: Apache-2.0
#include "app/quantity.h"

struct unit {
    const char *name;
    enum quantity_kind kind;
    uint64_t scale; // in bytes, in microseconds
};

// The first name of a scale is the one that the schema uses.
static const struct unit units[] = {
    {"bytes", QUANTITY_SIZE, 1},       {"B", QUANTITY_SIZE, 1},          {"KiB", QUANTITY_SIZE, 1ull << 10},
    {"KB", QUANTITY_SIZE, 1ull << 10}, {"k", QUANTITY_SIZE, 1ull << 10}, {"MiB", QUANTITY_SIZE, 1ull << 20},
    {"MB", QUANTITY_SIZE, 1ull << 20}, {"M", QUANTITY_SIZE, 1ull << 20}, {"GiB", QUANTITY_SIZE, 1ull << 30},
    {"GB", QUANTITY_SIZE, 1ull << 30}, {"G", QUANTITY_SIZE, 1ull << 30}, {"TiB", QUANTITY_SIZE, 1ull << 40},
    {"TB", QUANTITY_SIZE, 1ull << 40}, {"T", QUANTITY_SIZE, 1ull << 40}, {"us", QUANTITY_TIME, 1},
    {"ms", QUANTITY_TIME, 1000},       {"s", QUANTITY_TIME, 1000000},    {"m", QUANTITY_TIME, 60000000},
    {"min", QUANTITY_TIME, 60000000},  {"h", QUANTITY_TIME, 3600000000}, {"d", QUANTITY_TIME, 86400000000},
};

// Sizes are written in any case; of times only small letters are, where M would be a month.
static const struct unit *unit_find(str name, enum quantity_kind kind)
{
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        str known = str_from_cstr(units[i].name);
        bool same = kind == QUANTITY_SIZE ? str_eq_nocase(name, known) : str_eq(name, known);
        if (units[i].kind == kind && same)
            return &units[i];
    }
    return NULL;
}

static const struct unit *unit_of(const char *unit)
{
    const struct unit *found = unit_find(str_from_cstr(unit), QUANTITY_SIZE);
    return found != NULL ? found : unit_find(str_from_cstr(unit), QUANTITY_TIME);
}

enum quantity_kind quantity_kind(const char *unit)
{
    const struct unit *found = unit_of(unit);
    return found != NULL ? found->kind : QUANTITY_COUNT;
}

bool quantity_parse(str text, const char *unit, uint64_t *ret)
{
    size_t digits = 0;
    while (digits < text.n && text.p[digits] >= '0' && text.p[digits] <= '9')
        digits++;
    uint64_t v;
    if (!str_to_u64(str_take(text, digits), UINT32_MAX, &v))
        return false;
    if (digits < text.n) {
        const struct unit *to = unit_of(unit);
        const struct unit *from = to != NULL ? unit_find(str_trim(str_skip(text, digits)), to->kind) : NULL;
        if (from == NULL || __builtin_mul_overflow(v, from->scale, &v) || v % to->scale != 0)
            return false;
        v /= to->scale;
    }
    *ret = v;
    return true;
}

const char *quantity_examples(const char *unit)
{
    switch (quantity_kind(unit)) {
    case QUANTITY_SIZE:
        return strcmp(unit, "bytes") == 0 ? "64k or 1MiB" : "512MB or 2GiB";
    case QUANTITY_TIME:
        return strcmp(unit, "us") == 0   ? "20us or 1ms"
               : strcmp(unit, "ms") == 0 ? "250ms or 2s"
                                         : "90s, 15m or 1h";
    case QUANTITY_COUNT:
        break;
    }
    return "";
}
