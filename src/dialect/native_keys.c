// SPDX-License-Identifier: Apache-2.0
#include "dialect/native_keys.h"

#include "base/assert.h"

#define FLAG(field) offsetof(struct command, field)
#define NO_FLAG 0
_Static_assert(offsetof(struct command, type) == 0, "no flag stands at 0");

const struct key native_keys[KEY_COUNT] = {
#define X(key, name, kind, field, flag, least, most, words)                              \
    [KEY_##key] = {STR(name), KIND_##kind, offsetof(struct command, field),        flag, \
                   least,     most,        "`" name "` must be " words "; got {}."},
    COMMAND_KEYS(X)
#undef X
};

// A field has the type that its kind is read into.
#define TYPE_ROOM str
#define TYPE_NAME str
#define TYPE_STRING str
#define TYPE_DATA str
#define TYPE_CONTENT str
#define TYPE_SINCE str
#define TYPE_ROOMS str
#define TYPE_OBJECTS str
#define TYPE_OBJECT str
#define TYPE_STRINGS str
#define TYPE_VERSION str
#define TYPE_BOOL bool
#define TYPE_COUNT uint32_t
#define TYPE_OFFSET uint64_t
#define IS_STR(field) _Generic(((struct command *)0)->field, str : 1, default : 0)
#define X(key, name, kind, field, ...)                                                                       \
    _Static_assert(_Generic(((struct command *)0)->field, TYPE_##kind : 1, default : 0), "type of " #field); \
    _Static_assert(!IS_STR(field) || offsetof(struct command, field) < offsetof(struct command, to_by_name), \
                   #field " stands among COMMAND_STRS");
COMMAND_KEYS(X)
#undef X

static const struct native_type types[CMD_COUNT] = {
#define MUST(key) {KEY_##key, true, false},
#define MAY(key) {KEY_##key, false, false},
#define API(key) {KEY_##key, false, true},
#define API_MUST(key) {KEY_##key, true, true},
#define INNER false, false, false
#define NATIVE true, true, true
#define COMPACT false, true, false
#define HTTP false, false, true
#define X(upper, lower, where, keys, ...) \
    [CMD_##upper] = {STR(#lower), where, {keys{KEY_NONE, false, false}}},
    COMMANDS(X)
#undef X
#undef HTTP
#undef COMPACT
#undef NATIVE
#undef INNER
#undef API_MUST
#undef API
#undef MAY
#undef MUST
};

const struct native_type *native_type(enum command_type type)
{
    ASSERT((unsigned)type < CMD_COUNT);
    return &types[type];
}

bool native_takes(const struct native_type *t, str name)
{
    const struct key_use *u = t->keys;
    while (u->key != KEY_NONE && !str_eq(native_keys[u->key].name, name))
        u++;
    return u->key != KEY_NONE;
}
