// SPDX-License-Identifier: Apache-2.0
//
// Rows are put in where they belong as they are read, so that the first one that matches is the one that counts. There are few
// of them: looking for the place, and moving what is behind it, costs less than the signature that was checked before.
#include "core/auth/caps.h"

#include "base/assert.h"
#include "dialect/command.h"
#include "wire/json.h"

enum { ROW_HEAD = 3, WORD_MAX = 32 };

// ---- words

struct caps_name {
    const char *name;
};

static const struct caps_name room_words[CAPS_WORD_COUNT] = {
#define X(upper, lower) {#lower},
    CAPS_WORDS(X)
#undef X
};

static const struct caps_name server_word_names[SERVER_WORD_COUNT] = {
#define X(upper, lower) {#lower},
    SERVER_WORDS(X)
#undef X
};

static const uint32_t giving[RIGHT_COUNT] = {
#define X(upper, lower) [RIGHT_##upper] = CAPS_GIVING_##upper,
    RIGHTS(X)
#undef X
};

static uint32_t rights_given(uint32_t words)
{
    uint32_t rights = 1u << RIGHT_NONE;
    for (uint32_t right = 0; right < RIGHT_COUNT; right++)
        if ((words & (giving[right] | CAPS_BIT(HOST))) != 0)
            rights |= 1u << right;
    return rights;
}

// ---- rows

struct row {
    uint32_t words;
    str pattern;
    size_t bytes; // with its head
};

static struct row row_at(str block, size_t at)
{
    ASSERT(at + ROW_HEAD <= block.n);
    uint16_t words;
    memcpy(&words, block.p + at, sizeof words);
    struct row row = {.words = words, .pattern = {block.p + at + ROW_HEAD, (uint8_t)block.p[at + 2]}};
    row.bytes = ROW_HEAD + row.pattern.n;
    ASSERT(at + row.bytes <= block.n);
    return row;
}

static uint32_t rows_n(str block) { return (uint8_t)block.p[CAPS_HEAD - 1]; }

static uint32_t server_words_of(str block)
{
    ASSERT(block.n >= CAPS_HEAD);
    uint32_t words;
    memcpy(&words, block.p, sizeof words);
    return words;
}

static void server_words_put(char *block, uint32_t words) { memcpy(block, &words, sizeof words); }

uint32_t caps_server(str block) { return server_words_of(block) & ~CAPS_SERVER_SILENT; }

bool caps_serves(str block, enum server_word word)
{
    uint32_t words = server_words_of(block);
    ASSERT((unsigned)word < SERVER_WORD_COUNT);
    if ((words & CAPS_SERVER_SILENT) != 0)
        return word == SERVER_CREATE; // of rooms that it lets into, which is asked for, too
    return (words & 1u << word) != 0;
}

uint32_t caps_room(str block, str room)
{
    ASSERT(block.n >= CAPS_HEAD);
    size_t at = CAPS_HEAD;
    for (uint32_t i = 0; i < rows_n(block); i++) {
        const struct row row = row_at(block, at);
        if (pattern_match(row.pattern, room))
            return rights_given(row.words);
        at += row.bytes;
    }
    return rights_given(0);
}

void caps_check(str block)
{
    ASSERT(block.n >= CAPS_HEAD);
    ASSERT(block.n <= CAPS_BYTES_MAX);
    ASSERT(rows_n(block) <= CAPS_ROWS_MAX);
    ASSERT(caps_server(block) < 1u << SERVER_WORD_COUNT); // 3
    ASSERT(server_words_of(block) == CAPS_SERVER_SILENT ||
           (server_words_of(block) & CAPS_SERVER_SILENT) == 0); // 4
    size_t at = CAPS_HEAD;
    str before = STR_NONE;
    for (uint32_t i = 0; i < rows_n(block); i++) {
        const struct row row = row_at(block, at);
        ASSERT(pattern_problem(row.pattern) == NULL);           // 2
        ASSERT(i == 0 || pattern_cmp(before, row.pattern) < 0); // 2
        ASSERT(row.words < 1u << CAPS_WORD_COUNT);              // 3
        before = row.pattern;
        at += row.bytes;
    }
    ASSERT(at == block.n); // 1
}

// ---- reading

struct maker {
    char *block;
    size_t n;
    struct sentence *why;
};

static enum err refuse(struct maker *m, const char *text, str word)
{
    sentence_set(m->why, text, &word, 1);
    return ERR_DENIED;
}

static enum err refuse_form(struct maker *m, const char *text)
{
    sentence_set(m->why, text, NULL, 0);
    return ERR_DENIED;
}

static enum err word_find(struct maker *m, str raw, const struct caps_name *words, uint32_t n,
                          const char *unknown, uint32_t *ret)
{
    char scratch[WORD_MAX];
    str word;
    if (json_kind_of(raw) != JSON_STRING || json_string_decode(raw, scratch, sizeof scratch, &word) != OK)
        return refuse(m, unknown,
                      json_kind_of(raw) == JSON_STRING ? str_skip(str_take(raw, raw.n - 1), 1) : raw);
    for (uint32_t i = 0; i < n; i++) {
        if (!str_eq(word, str_from_cstr(words[i].name)))
            continue;
        *ret |= 1u << i;
        return OK;
    }
    return refuse(m, unknown, word);
}

static enum err words_read(struct maker *m, str array, const struct caps_name *words, uint32_t n,
                           const char *unknown, uint32_t *ret)
{
    str raw;
    *ret = 0;
    for (str rest = array; json_array_next(&rest, &raw);) {
        enum err e = word_find(m, raw, words, n, unknown, ret);
        if (e != OK)
            return e;
    }
    return OK;
}

static enum err row_put(struct maker *m, str pattern, uint32_t words)
{
    size_t at = CAPS_HEAD, bytes = ROW_HEAD + pattern.n;
    if (m->n + bytes > CAPS_BYTES_MAX)
        return refuse_form(
            m, "The patterns in `caps.rooms` are too long together; 4,096 bytes is the most there may be.");
    for (uint32_t i = 0; i < rows_n(str_make(m->block, m->n)); i++) {
        const struct row row = row_at(str_make(m->block, m->n), at);
        if (pattern_cmp(pattern, row.pattern) < 0)
            break;
        at += row.bytes;
    }
    memmove(m->block + at + bytes, m->block + at, m->n - at);
    uint16_t stored = (uint16_t)words;
    memcpy(m->block + at, &stored, sizeof stored);
    m->block[at + 2] = (char)pattern.n;
    memcpy(m->block + at + ROW_HEAD, pattern.p, pattern.n);
    m->block[CAPS_HEAD - 1]++;
    m->n += bytes;
    return OK;
}

static enum err room_read(struct maker *m, const struct json_member *member)
{
    // A key is what is between the quotes, which decoding wants to see.
    char quoted[6 * PATTERN_MAX + 2], scratch[PATTERN_MAX];
    str pattern;
    if (member->key.n > (size_t)6 * PATTERN_MAX)
        return refuse(m, "The pattern {} in `caps.rooms` is longer than 128 bytes.", member->key);
    quoted[0] = quoted[member->key.n + 1] = '"';
    memcpy(quoted + 1, member->key.p, member->key.n);
    if (json_string_decode(str_make(quoted, member->key.n + 2), scratch, sizeof scratch, &pattern) != OK)
        return refuse(m, "The pattern {} in `caps.rooms` is longer than 128 bytes.", member->key);
    if (pattern_problem(pattern) != NULL)
        return refuse(
            m,
            "The pattern {} in `caps.rooms` is none: it takes the name of a room, in which `*` stands for a part "
            "of a segment and `**` for anything.",
            pattern);
    if (member->kind != JSON_ARRAY)
        return refuse(m, "The rights for {} in `caps.rooms` are no list of words.", pattern);
    uint32_t words;
    enum err e = words_read(
        m, member->value, room_words, CAPS_WORD_COUNT,
        "There is no right {} in a room; `caps.rooms` takes join, publish, state, invite, moderate "
        "and host.",
        &words);
    return e == OK ? row_put(m, pattern, words) : e;
}

static enum err rooms_read(struct maker *m, const struct json_member *member)
{
    struct json_member rows[CAPS_ROWS_MAX];
    size_t n;
    if (member->kind != JSON_OBJECT)
        return refuse_form(m, "`caps.rooms` is no object of patterns with their rights.");
    switch (json_object_scan(member->value, rows, CAPS_ROWS_MAX, &n, NULL)) {
    case OK:
        break;
    case ERR_EXISTS:
        return refuse_form(m, "`caps.rooms` has a pattern twice.");
    case ERR_LIMIT:
        return refuse_form(m, "`caps.rooms` has too many patterns; 64 is the most there may be.");
    default:
        return refuse_form(m, "`caps.rooms` is not JSON.");
    }
    enum err e = OK;
    for (size_t i = 0; i < n && e == OK; i++)
        e = room_read(m, &rows[i]);
    return e;
}

static enum err server_read(struct maker *m, const struct json_member *member)
{
    uint32_t words;
    if (member->kind != JSON_ARRAY)
        return refuse_form(m, "`caps.server` is no list of words.");
    enum err e = words_read(
        m, member->value, server_word_names, SERVER_WORD_COUNT,
        "There is no right {} in `caps.server`; it takes create, direct, and what the API can do.", &words);
    server_words_put(m->block, words);
    return e;
}

enum err caps_make(str json, char *ret, size_t *ret_n, struct sentence *ret_why)
{
    enum { KEYS_MAX = 8 };
    struct json_member members[KEYS_MAX];
    size_t n;
    struct maker m = {.block = ret, .n = CAPS_HEAD, .why = ret_why};
    memset(ret, 0, CAPS_HEAD);
    server_words_put(ret, CAPS_SERVER_SILENT);
    enum err e = json_object_scan(json, members, KEYS_MAX, &n, NULL);
    if (e != OK)
        return refuse_form(
            &m, e == ERR_EXISTS  ? "`caps` has a key twice."
                : e == ERR_LIMIT ? "`caps` is too deep, or has too many keys; it takes `rooms` and `server`."
                                 : "`caps` is no JSON object.");
    for (size_t i = 0; i < n && e == OK; i++) {
        if (json_key_is(&members[i], STR("rooms")))
            e = rooms_read(&m, &members[i]);
        else if (json_key_is(&members[i], STR("server")))
            e = server_read(&m, &members[i]);
        else
            e = refuse(&m, "`caps` has a key {}; it takes `rooms` and `server`.", members[i].key);
    }
    if (e != OK)
        return e;
    caps_check(str_make(ret, m.n));
    *ret_n = m.n;
    return OK;
}
