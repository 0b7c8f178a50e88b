// SPDX-License-Identifier: Apache-2.0
//
// json_scan.c - validates JSON and lists the members of the outermost object, in one pass.
//
// A walk goes over the text once. Strings are skipped in long strides (json_run.h); everything else is decided by single
// bytes. Nesting is walked without recursion: `kinds` is a stack of bits, 1 for an object and 0 for an array, the
// innermost in the lowest place, so 100,000 opening brackets cost what 65 do.
//
//     value_begin     takes a scalar or an empty container whole,
//                     or enters a container as far as its first value
//     container_next  behind a value: takes "," as far as the next value, or the closing bracket
//
// A tree or a token list was not wanted: what a command needs is six slices.
#include "wire/json.h"
#include "wire/json_key.h"
#include "wire/json_run.h"
#include "wire/utf8.h"

struct walk {
    const uint8_t *p;
    const uint8_t *end;
    uint64_t kinds;
    unsigned depth;
    bool escaped; // the string skipped last had an escape in it
    enum err err;
    const char *message;
};

static bool refuse(struct walk *c, enum err e, const char *message)
{
    c->err = e;
    c->message = message;
    return false;
}

static bool refuse_syntax(struct walk *c, const char *message) { return refuse(c, ERR_SYNTAX, message); }

// The byte it stands at; 0, which is nowhere allowed, at the end of the text.
static inline uint8_t peek(const struct walk *c) { return c->p < c->end ? *c->p : 0; }

static inline void skip_space(struct walk *c)
{
    while (c->p < c->end && *c->p <= ' ' && (*c->p == ' ' || *c->p == '\n' || *c->p == '\r' || *c->p == '\t'))
        c->p++;
}

// ---- strings

// Four hex digits at p; -1 if they are not.
static int hex4(const uint8_t *p, const uint8_t *end)
{
    int v = 0;
    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = json_hex_value(p[i]);
        if (digit < 0)
            return -1;
        v = v << 4 | digit;
    }
    return v;
}

static bool skip_unicode_escape(struct walk *c)
{
    int unit = hex4(c->p + 2, c->end);
    if (unit < 0)
        return refuse_syntax(c, "\\u must be followed by four hex digits");
    if (unit >= 0xdc00 && unit <= 0xdfff)
        return refuse(c, ERR_UTF8, "a low surrogate stands alone");
    if (unit < 0xd800 || unit > 0xdbff) {
        c->p += 6;
        return true;
    }
    if (c->end - c->p < 12 || c->p[6] != '\\' || c->p[7] != 'u')
        return refuse(c, ERR_UTF8, "a high surrogate stands alone");
    int low = hex4(c->p + 8, c->end);
    if (low < 0xdc00 || low > 0xdfff)
        return refuse(c, ERR_UTF8, "a high surrogate stands alone");
    c->p += 12;
    return true;
}

static bool skip_escape(struct walk *c)
{
    c->escaped = true;
    switch (c->end - c->p < 2 ? 0 : c->p[1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        c->p += 2;
        return true;
    case 'u':
        return skip_unicode_escape(c);
    default:
        return refuse_syntax(c, "unknown escape in a string");
    }
}

// Leaves it at the first character that is malformed.
static bool refuse_utf8(struct walk *c, const uint8_t *p, const uint8_t *end)
{
    size_t n;
    while ((n = utf8_char_length(p, (size_t)(end - p))) > 0)
        p += n;
    c->p = p;
    return refuse(c, ERR_UTF8, "a string is not UTF-8");
}

// From the opening quote to behind the closing one.
static bool skip_string(struct walk *c)
{
    const uint8_t *from = ++c->p;
    uint64_t high = 0;
    c->escaped = false;
    for (;;) {
        c->p = json_skip_plain(c->p, c->end, &high);
        if (c->p == c->end)
            return refuse_syntax(c, "a string has no end");
        if (*c->p == '"')
            break;
        if (*c->p != '\\')
            return refuse_syntax(c, "control characters in strings must be escaped");
        if (!skip_escape(c))
            return false;
    }
    if (high != 0 && !utf8_valid((str){(const char *)from, (size_t)(c->p - from)}))
        return refuse_utf8(c, from, c->p);
    c->p++;
    return true;
}

// ---- other scalars

static bool skip_digits(struct walk *c)
{
    const uint8_t *from = c->p;
    while (c->p < c->end && (uint8_t)(*c->p - '0') < 10)
        c->p++;
    return c->p > from ? true : refuse_syntax(c, "a number lacks a digit");
}

static bool skip_number(struct walk *c)
{
    if (*c->p == '-')
        c->p++;
    if (peek(c) == '0')
        c->p++; // and nothing behind it: "01" then fails at the 1
    else if (!skip_digits(c))
        return false;
    if (peek(c) == '.') {
        c->p++;
        if (!skip_digits(c))
            return false;
    }
    if (peek(c) == 'e' || peek(c) == 'E') {
        c->p++;
        if (peek(c) == '+' || peek(c) == '-')
            c->p++;
        if (!skip_digits(c))
            return false;
    }
    return true;
}

static bool skip_word(struct walk *c, const char *word, size_t n)
{
    if ((size_t)(c->end - c->p) < n || memcmp(c->p, word, n) != 0)
        return refuse_syntax(c, "expected a value");
    c->p += n;
    return true;
}

// ---- structure

enum step {
    STEP_FAILED,
    STEP_VALUE, // the walk is at the first byte of a value
    STEP_AFTER, // a value has been taken
};

// From a key's quote to the first byte of its value. *ret is the key between its quotes.
static bool skip_key(struct walk *c, str *ret)
{
    const uint8_t *quote = c->p;
    if (peek(c) != '"')
        return refuse_syntax(c, "expected a key in quotes");
    if (!skip_string(c))
        return false;
    *ret = (str){(const char *)quote + 1, (size_t)(c->p - quote) - 2};
    skip_space(c);
    if (peek(c) != ':')
        return refuse_syntax(c, "expected a colon behind the key");
    c->p++;
    skip_space(c);
    return true;
}

static enum step container_enter(struct walk *c, bool object)
{
    if (c->depth == JSON_DEPTH_MAX) {
        refuse(c, ERR_LIMIT, "nested too deep");
        return STEP_FAILED;
    }
    c->p++;
    skip_space(c);
    if (peek(c) == (object ? '}' : ']')) {
        c->p++;
        return STEP_AFTER;
    }
    c->kinds = c->kinds << 1 | object;
    c->depth++;
    str key;
    if (object && !skip_key(c, &key))
        return STEP_FAILED;
    return STEP_VALUE;
}

static enum step value_begin(struct walk *c)
{
    bool good;
    switch (peek(c)) {
    case '"':
        good = skip_string(c);
        break;
    case '{':
        return container_enter(c, true);
    case '[':
        return container_enter(c, false);
    case 't':
        good = skip_word(c, "true", 4);
        break;
    case 'f':
        good = skip_word(c, "false", 5);
        break;
    case 'n':
        good = skip_word(c, "null", 4);
        break;
    case '-':
    case '0' ... '9':
        good = skip_number(c);
        break;
    default:
        good = refuse_syntax(c, "expected a value");
    }
    return good ? STEP_AFTER : STEP_FAILED;
}

static enum step container_next(struct walk *c)
{
    bool object = c->kinds & 1;
    skip_space(c);
    uint8_t b = peek(c);
    if (b == (object ? '}' : ']')) {
        c->p++;
        c->kinds >>= 1;
        c->depth--;
        return STEP_AFTER;
    }
    if (b != ',') {
        refuse_syntax(c, object ? "expected a comma or the end of the object"
                                : "expected a comma or the end of the array");
        return STEP_FAILED;
    }
    c->p++;
    skip_space(c);
    str key;
    if (object && !skip_key(c, &key))
        return STEP_FAILED;
    return STEP_VALUE;
}

// Takes one value, whatever is in it.
static bool skip_value(struct walk *c)
{
    unsigned outside = c->depth;
    enum step step;
    do {
        step = value_begin(c);
        while (step == STEP_AFTER && c->depth > outside)
            step = container_next(c);
    } while (step == STEP_VALUE);
    return step == STEP_AFTER;
}

static bool expect_end(struct walk *c)
{
    skip_space(c);
    return c->p == c->end ? true : refuse_syntax(c, "there is something behind the value");
}

// ---- the outermost object

enum json_kind json_kind_of(str raw)
{
    switch (raw.n > 0 ? raw.p[0] : 0) {
    case '{':
        return JSON_OBJECT;
    case '[':
        return JSON_ARRAY;
    case '"':
        return JSON_STRING;
    case 't':
    case 'f':
        return JSON_BOOL;
    case 'n':
        return JSON_NULL;
    default:
        return JSON_NUMBER;
    }
}

static bool member_take(struct walk *c, struct json_member *ret)
{
    if (!skip_key(c, &ret->key))
        return false;
    ret->key_escaped = c->escaped;
    const uint8_t *value = c->p;
    if (!skip_value(c))
        return false;
    ret->value = (str){(const char *)value, (size_t)(c->p - value)};
    ret->kind = (uint8_t)json_kind_of(ret->value);
    return true;
}

static bool key_is_new(const struct json_member *members, size_t n)
{
    const struct json_member *last = &members[n];
    for (size_t i = 0; i < n; i++) {
        if (json_keys_equal(members[i].key, members[i].key_escaped, last->key, last->key_escaped))
            return false;
    }
    return true;
}

static bool object_take(struct walk *c, struct json_member *ret, size_t max, size_t *ret_n)
{
    if (peek(c) != '{')
        return refuse_syntax(c, "expected an object");
    c->p++;
    c->depth = 1;
    skip_space(c);
    size_t n = 0;
    if (peek(c) != '}') {
        for (;;) {
            const uint8_t *at = c->p;
            if (n == max)
                return refuse(c, ERR_LIMIT, "the object has too many members");
            if (!member_take(c, &ret[n]))
                return false;
            if (!key_is_new(ret, n)) {
                c->p = at;
                return refuse(c, ERR_EXISTS, "a key stands twice");
            }
            n++;
            skip_space(c);
            if (peek(c) != ',')
                break;
            c->p++;
            skip_space(c);
        }
        if (peek(c) != '}')
            return refuse_syntax(c, "expected a comma or the end of the object");
    }
    c->p++;
    *ret_n = n;
    return true;
}

static enum err finish(const struct walk *c, str text, struct json_problem *ret_problem)
{
    if (c->err != OK && ret_problem != NULL)
        *ret_problem = (struct json_problem){(size_t)(c->p - (const uint8_t *)text.p), c->message};
    return c->err;
}

// An empty text has no bytes to point at; a walk over this one does.
static str not_null(str text) { return text.n > 0 ? text : STR(""); }

enum err json_object_scan(str text, struct json_member *ret, size_t max, size_t *ret_n,
                          struct json_problem *ret_problem)
{
    text = not_null(text);
    struct walk c = {.p = (const uint8_t *)text.p, .end = (const uint8_t *)text.p + text.n};
    skip_space(&c);
    if (object_take(&c, ret, max, ret_n))
        expect_end(&c);
    return finish(&c, text, ret_problem);
}

enum err json_validate(str text, struct json_problem *ret_problem)
{
    text = not_null(text);
    struct walk c = {.p = (const uint8_t *)text.p, .end = (const uint8_t *)text.p + text.n};
    skip_space(&c);
    if (skip_value(&c))
        expect_end(&c);
    return finish(&c, text, ret_problem);
}

enum err json_value_scan(str text, str *ret, struct json_problem *ret_problem)
{
    text = not_null(text);
    struct walk c = {.p = (const uint8_t *)text.p, .end = (const uint8_t *)text.p + text.n};
    c.depth = 1; // the object's
    skip_space(&c);
    const uint8_t *from = c.p;
    if (skip_value(&c)) {
        *ret = str_make((const char *)from, (size_t)(c.p - from));
        expect_end(&c);
    }
    return finish(&c, text, ret_problem);
}

bool json_array_next(str *rest, str *ret)
{
    str text = not_null(*rest);
    struct walk c = {.p = (const uint8_t *)text.p, .end = (const uint8_t *)text.p + text.n};
    skip_space(&c);
    if (peek(&c) != '[' && peek(&c) != ',')
        return false;
    c.p++;
    skip_space(&c);
    const uint8_t *value = c.p;
    if (peek(&c) == ']' || !skip_value(&c))
        return false;
    *ret = str_make((const char *)value, (size_t)(c.p - value));
    *rest = str_make((const char *)c.p, (size_t)(c.end - c.p));
    return true;
}

bool json_member_next(str *rest, struct json_member *ret)
{
    str text = not_null(*rest);
    struct walk c = {.p = (const uint8_t *)text.p, .end = (const uint8_t *)text.p + text.n};
    skip_space(&c);
    if (peek(&c) != '{' && peek(&c) != ',')
        return false;
    c.p++;
    skip_space(&c);
    if (peek(&c) == '}' || !member_take(&c, ret))
        return false;
    *rest = str_make((const char *)c.p, (size_t)(c.end - c.p));
    return true;
}
