// SPDX-License-Identifier: Apache-2.0
//
// json_value.c - decoding single values that a scan has validated, comparing keys, writing strings.
//
// Unescaping goes one character at a time; it is used where an escape was seen, which in commands is rare, and for the
// comparison of keys it needs no memory. Though the input should have been validated, every read is held against the
// end: a raw slice is a plain str, and one day somebody will hand in another one.
#include "wire/json.h"
#include "wire/json_key.h"
#include "wire/json_run.h"

// ---- unescaping

static uint32_t read_unit(const uint8_t *p)
{
    uint32_t v = 0;
    for (unsigned i = 0; i < 4; i++)
        v = v << 4 | (uint32_t)(json_hex_value(p[i]) & 15);
    return v;
}

static size_t utf8_put(uint8_t ret[4], uint32_t c)
{
    if (c < 0x80) {
        ret[0] = (uint8_t)c;
        return 1;
    }
    if (c < 0x800) {
        ret[0] = (uint8_t)(0xc0 | c >> 6);
        ret[1] = (uint8_t)(0x80 | (c & 63));
        return 2;
    }
    if (c < 0x10000) {
        ret[0] = (uint8_t)(0xe0 | c >> 12);
        ret[1] = (uint8_t)(0x80 | (c >> 6 & 63));
        ret[2] = (uint8_t)(0x80 | (c & 63));
        return 3;
    }
    ret[0] = (uint8_t)(0xf0 | c >> 18);
    ret[1] = (uint8_t)(0x80 | (c >> 12 & 63));
    ret[2] = (uint8_t)(0x80 | (c >> 6 & 63));
    ret[3] = (uint8_t)(0x80 | (c & 63));
    return 4;
}

// The character that the \u escape at p stands for, both halves of a surrogate pair. *ret_used is 6 or 12.
static uint32_t read_unicode_escape(const uint8_t *p, size_t n, size_t *ret_used)
{
    uint32_t c = read_unit(p + 2);
    *ret_used = 6;
    if (c >= 0xd800 && c <= 0xdbff && n >= 12) {
        uint32_t low = read_unit(p + 8);
        *ret_used = 12;
        c = 0x10000 + ((c & 0x3ff) << 10) + (low & 0x3ff);
    }
    return c;
}

// Takes a byte or an escape off the front of *s (not empty) and writes the 1 to 4 octets it stands for.
static size_t unescape_next(str *s, uint8_t ret[4])
{
    static const char from[] = "bfnrt";
    static const char to[] = "\b\f\n\r\t";
    const uint8_t *p = (const uint8_t *)s->p;
    size_t used = 2;
    size_t made = 1;
    if (p[0] != '\\' || s->n < 2) {
        ret[0] = p[0];
        used = 1;
    } else if (p[1] == 'u' && s->n >= 6) {
        made = utf8_put(ret, read_unicode_escape(p, s->n, &used));
    } else {
        const char *hit = memchr(from, p[1], sizeof from - 1);
        ret[0] = hit != NULL ? (uint8_t)to[hit - from] : p[1];
    }
    *s = str_skip(*s, used);
    return made;
}

static bool unescaped_equal(str a, str b)
{
    uint8_t x[4], y[4];
    size_t nx = 0, ny = 0, ix = 0, iy = 0;
    for (;;) {
        if (ix == nx) {
            nx = a.n > 0 ? unescape_next(&a, x) : 0;
            ix = 0;
        }
        if (iy == ny) {
            ny = b.n > 0 ? unescape_next(&b, y) : 0;
            iy = 0;
        }
        if (nx == 0 || ny == 0)
            return nx == ny;
        if (x[ix++] != y[iy++])
            return false;
    }
}

// ---- keys

bool json_keys_equal(str a, bool a_escaped, str b, bool b_escaped)
{
    return a_escaped || b_escaped ? unescaped_equal(a, b) : str_eq(a, b);
}

bool json_key_is(const struct json_member *m, str name)
{
    if (!m->key_escaped)
        return str_eq(m->key, name);
    uint8_t c[4];
    str key = m->key;
    size_t at = 0;
    while (key.n > 0) {
        size_t n = unescape_next(&key, c);
        if (name.n - at < n || memcmp(name.p + at, c, n) != 0)
            return false;
        at += n;
    }
    return at == name.n;
}

const struct json_member *json_member_find(const struct json_member *members, size_t n, str name)
{
    for (size_t i = 0; i < n; i++) {
        if (json_key_is(&members[i], name))
            return &members[i];
    }
    return NULL;
}

// ---- values

enum err json_string_decode(str raw, char *scratch, size_t cap, str *ret)
{
    if (raw.n < 2 || raw.p[0] != '"' || raw.p[raw.n - 1] != '"')
        return ERR_SYNTAX;
    str s = {raw.p + 1, raw.n - 2};
    if (str_find_char(s, '\\', 0) == s.n) {
        if (s.n > cap)
            return ERR_TOO_LARGE;
        *ret = s;
        return OK;
    }
    size_t made = 0;
    while (s.n > 0) {
        uint8_t c[4];
        size_t n = unescape_next(&s, c);
        if (cap - made < n)
            return ERR_TOO_LARGE;
        memcpy(scratch + made, c, n);
        made += n;
    }
    *ret = (str){scratch, made};
    return OK;
}

bool json_u64_decode(str raw, uint64_t max, uint64_t *ret) { return str_to_u64(raw, max, ret); }

bool json_bool_decode(str raw, bool *ret)
{
    bool is_true = str_eq(raw, STR("true"));
    if (!is_true && !str_eq(raw, STR("false")))
        return false;
    *ret = is_true;
    return true;
}

// ---- writing

static void put_escape(struct buf *b, uint8_t c)
{
    static const char hex[] = "0123456789abcdef";
    static const char short_forms[0x20] = {
        ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't',
    };
    char letter = c == '"' || c == '\\' ? (char)c : short_forms[c & 0x1f];
    if (letter != 0) {
        buf_put(b, (char[]){'\\', letter}, 2);
        return;
    }
    buf_put(b, (char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
}

void json_put_string(struct buf *b, str s)
{
    buf_put_char(b, '"');
    if (s.n > 0) {
        const uint8_t *p = (const uint8_t *)s.p;
        const uint8_t *end = p + s.n;
        uint64_t high = 0; // of no interest: what is not ASCII is written as it is
        for (;;) {
            const uint8_t *stop = json_skip_plain(p, end, &high);
            buf_put(b, p, (size_t)(stop - p));
            if (stop == end)
                break;
            put_escape(b, *stop);
            p = stop + 1;
        }
    }
    buf_put_char(b, '"');
}
