// SPDX-License-Identifier: Apache-2.0
//
// text_escape.c - peers' strings, made harmless inside the buffer they are already in.
//
// Two passes. The first counts what the escapes will need in addition and ends the matter for the strings that
// need none, nearly all of them. The second widens the text in place, from its end to its beginning: the write
// position stays ahead of the read position by exactly what is still to be inserted, so nothing unread is
// overwritten, and when the two meet, the rest is in place already.
//
//     a ESC b . . .      ->      a \ x 1 b b
//           r     w
#include "base/assert.h"
#include "dialect/datum.h"
#include "dialect/text_private.h"
#include "wire/json.h"
#include "wire/utf8.h"

enum { ESCAPE_MAX = 6 };

// Octets of the hostile characters that begin with this one (utf8_steers); 0 where none does, as for nearly all text.
static size_t hostile_candidate(unsigned char first)
{
    if (first < 0x20)
        return first == '\t' ? 0 : 1;
    switch (first) {
    case 0x7f:
        return 1;
    case 0xc2: // U+0080-009F
    case 0xd8: // U+061C
        return 2;
    case 0xe1: // U+180E
    case 0xe2: // U+200B-206F
    case 0xef: // U+FEFF, U+FFF9-FFFB
        return 3;
    default:
        return 0;
    }
}

// Length of the hostile character that begins at p, 0 where the character there is fine.
static size_t hostile_length(const unsigned char *p, size_t n)
{
    size_t length = hostile_candidate(p[0]);
    return length != 0 && length <= n && utf8_steers(utf8_code_point(p, length)) ? length : 0;
}

// Writes the escape for the hostile character of that length at p; returns the escape's length.
static size_t escape_encode(const unsigned char *p, size_t length, char ret[ESCAPE_MAX])
{
    static const char hex[] = "0123456789abcdef";
    ret[0] = '\\';
    if (p[0] == '\n' || p[0] == '\r') {
        ret[1] = p[0] == '\n' ? 'n' : 'r';
        return 2;
    }
    uint32_t cp = utf8_code_point(p, length);
    if (cp < 0x100) {
        ret[1] = 'x';
        ret[2] = hex[cp >> 4];
        ret[3] = hex[cp & 15];
        return 4;
    }
    ret[1] = 'u';
    ret[2] = hex[cp >> 12 & 15];
    ret[3] = hex[cp >> 8 & 15];
    ret[4] = hex[cp >> 4 & 15];
    ret[5] = hex[cp & 15];
    return 6;
}

// Bytes that the text grows by.
static size_t escape_extra(const unsigned char *p, size_t n)
{
    size_t extra = 0;
    for (size_t i = 0; i < n; i++) {
        if (hostile_candidate(p[i]) == 0)
            continue;
        size_t length = hostile_length(p + i, n - i);
        if (length > 0) {
            char escape[ESCAPE_MAX];
            extra += escape_encode(p + i, length, escape) - length;
        }
    }
    return extra;
}

void text_escape_tail(struct buf *out, size_t from)
{
    if (!buf_ok(out) || out->n == from)
        return;
    size_t extra = escape_extra((const unsigned char *)out->p + from, out->n - from);
    if (extra == 0 || buf_reserve(out, extra) == NULL)
        return;

    unsigned char *p = (unsigned char *)out->p;
    size_t end = out->n + extra;
    size_t r = out->n;
    size_t w = end;
    while (w > r) {
        // Byte by byte; a hostile character shows when its first byte has arrived, and is replaced where it is now.
        p[--w] = p[--r];
        size_t length = hostile_length(p + w, end - w);
        if (length > 0) {
            char escape[ESCAPE_MAX];
            size_t escape_n = escape_encode(p + w, length, escape);
            w = w + length - escape_n;
            memcpy(p + w, escape, escape_n);
        }
    }
    ASSERT(r >= from);
    buf_commit(out, extra);
}

// Appends the characters of a JSON string; false if it is none.
static bool put_unescaped(struct buf *out, str raw)
{
    char *room = buf_reserve(out, raw.n); // unescaping never makes it longer
    if (room == NULL)
        return true; // the buf has failed and says so itself
    str text;
    if (json_string_decode(raw, room, raw.n, &text) != OK)
        return false;
    if (text.p == room)
        buf_commit(out, text.n);
    else
        buf_put_str(out, text);
    return true;
}

struct text_said text_read_data(str data)
{
    struct text_said said = {.value = data};
    struct json_member members[JSON_KEYS_MAX];
    size_t n;
    if (data.n == 0 || data_is_datum(data) || json_kind_of(data) != JSON_OBJECT)
        return said;
    if (json_object_scan(data, members, JSON_KEYS_MAX, &n, NULL) != OK)
        return said; // a key twice, or too many: legal in data, just not something we look into
    const struct json_member *text = json_member_find(members, n, STR("text"));
    if (text == NULL || text->kind != JSON_STRING)
        return said;
    const struct json_member *action = json_member_find(members, n, STR("action"));
    said.value = text->value;
    said.action = action != NULL && str_eq(action->value, STR("true"));
    return said;
}

// "[3.2 KB of image/png]"; the type is printable ASCII.
static void put_datum(struct buf *out, str data)
{
    static const char units[][6] = {" B", " KB", " MB"};
    const size_t n = datum_bytes(data).n;
    size_t unit = 0, size = 1;
    for (; n / size >= 1000 && unit < 2; unit++)
        size *= 1000;
    buf_put_char(out, '[');
    buf_put_u64(out, n / size);
    if (unit != 0) {
        buf_put_char(out, '.');
        buf_put_u64(out, n % size / (size / 10));
    }
    buf_put_str(out, str_from_cstr(units[unit]));
    BUF_PUT_LIT(out, " of ");
    buf_put_str(out, datum_type(data));
    buf_put_char(out, ']');
}

void text_put_said(struct buf *out, const struct text_said *said)
{
    size_t from = out->n;
    if (data_is_datum(said->value)) {
        put_datum(out, said->value);
        return;
    }
    bool string = said->value.n > 0 && json_kind_of(said->value) == JSON_STRING;
    if (!string || !put_unescaped(out, said->value))
        buf_put_str(out, said->value);
    text_escape_tail(out, from);
}
