// SPDX-License-Identifier: Apache-2.0
//
// What is JSON and what is not, class by class, all of each class up to a size (abuse case F4). The classes are those by which suites of
// JSON texts are sorted: structure, white space, literals, numbers, strings, escapes, UTF-8, nesting; and what RFC 8259 leaves
// to who reads, with what is chosen here.
//
// Each text is made together with whether it is JSON, by a rule of its class that knows nothing of parsers: of numbers by their grammar,
// of UTF-8 by encoding every code point, of structure by counting. The slow parser of wire_support.h is asked, too.
#include "unit/support.h"
#include "unit/wire_support.h"
#include "wire/json.h"

#include <stdio.h>

static struct {
    uint64_t good, bad;
} seen;

static void check(const char *p, size_t n, bool good)
{
    uint8_t *copy = exact_copy(p, n); // so that a look past the end is found
    const enum err e = json_validate(str_make((char *)copy, n), NULL);
    if ((e == OK) != good || json_valid_slow(copy, n) != good)
        fail_msg("%.*s: is %s, and is %s", (int)n, p, good ? "JSON" : "none", e == OK ? "taken" : "refused");
    free(copy);
    seen.good += good;
    seen.bad += !good;
}

static void check_in(const char *before, const char *p, size_t n, const char *after, bool good)
{
    char text[200];
    const size_t before_n = strlen(before), after_n = strlen(after);
    assert_true(before_n + n + after_n <= sizeof text);
    memcpy(text, before, before_n);
    memcpy(text + before_n, p, n);
    memcpy(text + before_n + n, after, after_n);
    check(text, before_n + n + after_n, good);
}

// As many of each kind as the class has: counted by hand or, of numbers and structure, by another parser of another language.
static void counted(uint64_t good, uint64_t bad)
{
    if (seen.good != good || seen.bad != bad)
        fail_msg("%llu are JSON and %llu none, not %llu and %llu", (unsigned long long)seen.good,
                 (unsigned long long)seen.bad, (unsigned long long)good, (unsigned long long)bad);
    seen.good = seen.bad = 0;
}

static int begin(void **state)
{
    (void)state;
    seen.good = seen.bad = 0;
    return 0;
}

// --- numbers: -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?

static size_t digits(const char *p, size_t n)
{
    size_t at = 0;
    while (at < n && p[at] >= '0' && p[at] <= '9')
        at++;
    return at;
}

static bool is_number(const char *p, size_t n)
{
    size_t at = n > 0 && p[0] == '-', many = digits(p + at, n - at);
    if (many == 0 || (many > 1 && p[at] == '0'))
        return false;
    at += many;
    if (at < n && p[at] == '.') {
        if ((many = digits(p + at + 1, n - at - 1)) == 0)
            return false;
        at += 1 + many;
    }
    if (at < n && (p[at] == 'e' || p[at] == 'E')) {
        at++;
        at += at < n && (p[at] == '+' || p[at] == '-');
        if ((many = digits(p + at, n - at)) == 0)
            return false;
        at += many;
    }
    return at == n;
}

// All texts of one to six of these.
static void numbers(void **state)
{
    (void)state;
    static const char of[] = "01-+.eEx"; // 0 and 1 stand for the digits
    enum { KINDS = sizeof of - 1, MOST = 6 };
    for (size_t n = 1; n <= MOST; n++) {
        uint32_t all = 1;
        for (size_t i = 0; i < n; i++)
            all *= KINDS;
        for (uint32_t k = 0; k < all; k++) {
            char p[MOST];
            uint32_t rest = k;
            for (size_t i = 0; i < n; i++, rest /= KINDS)
                p[i] = of[rest % KINDS];
            check(p, n, is_number(p, n));
        }
    }
    counted(1024, 298568);
}

// --- structure: all sequences of tokens

static bool value(const int *t, int n, int *at, int depth);

// Tokens: 0 { 1 } 2 [ 3 ] 4 : 5 , 6 "s" 7 1
static bool members(const int *t, int n, int *at, int depth)
{
    for (;;) {
        if (*at >= n || t[(*at)++] != 6 || *at >= n || t[(*at)++] != 4 || !value(t, n, at, depth) || *at >= n)
            return false;
        if (t[*at] == 1)
            return true;
        if (t[(*at)++] != 5)
            return false;
    }
}

static bool value(const int *t, int n, int *at, int depth)
{
    if (*at >= n || depth > 8)
        return false;
    const int first = t[(*at)++], end = first == 0 ? 1 : 3;
    if (first == 6 || first == 7)
        return true;
    if (first != 0 && first != 2)
        return false;
    if (*at < n && t[*at] == end)
        return ++*at, true;
    if (first == 0)
        return members(t, n, at, depth + 1) && ++*at;
    while (value(t, n, at, depth + 1)) {
        if (*at >= n || (t[*at] != 5 && t[*at] != 3))
            return false;
        if (t[(*at)++] == 3)
            return true;
    }
    return false;
}

static void structure(void **state)
{
    (void)state;
    static const char *const of[] = {"{", "}", "[", "]", ":", ",", "\"s\"", "1"};
    enum { KINDS = 8, MOST = 6 };
    for (int n = 1; n <= MOST; n++) {
        uint32_t all = 1;
        for (int i = 0; i < n; i++)
            all *= KINDS;
        for (uint32_t k = 0; k < all; k++) {
            char text[4 * MOST];
            int t[MOST], at = 0;
            size_t size = 0;
            uint32_t rest = k;
            bool joined = false; // 1 and 1 are one token, eleven
            for (int i = 0; i < n; i++, rest /= KINDS) {
                t[i] = (int)(rest % KINDS);
                joined = joined || (i > 0 && t[i] == 7 && t[i - 1] == 7);
                const size_t word = strlen(of[t[i]]);
                memcpy(text + size, of[t[i]], word);
                size += word;
            }
            if (!joined)
                check(text, size, value(t, n, &at, 0) && at == n);
        }
    }
    counted(28, 279252);
}

// --- white space: four octets, between any two tokens, and no others

static void white_space(void **state)
{
    (void)state;
    static const char *const tokens[] = {"{", "\"a\"", ":",     "[", "1", ",", "true",
                                         "]", ",",     "\"b\"", ":", "{", "}", "}"};
    enum { TOKENS = ARRAY_LEN(tokens) };
    for (int c = 0; c < 256; c++)
        for (size_t gap = 0; gap <= TOKENS; gap++) {
            char text[80];
            size_t n = 0;
            for (size_t i = 0; i <= TOKENS; i++) {
                if (i == gap)
                    text[n++] = (char)c;
                if (i < TOKENS)
                    n = (size_t)((char *)mempcpy(text + n, tokens[i], strlen(tokens[i])) - text);
            }
            const bool white = c == ' ' || c == '\t' || c == '\n' || c == '\r';
            // Digits in front of the 1, or behind it, make another number.
            const bool digit = c >= '0' && c <= '9' && (gap == 5 || (gap == 4 && c != '0'));
            const bool minus = c == '-' && gap == 4;
            check(text, n, white || digit || minus);
        }
    counted(4 * 15 + 10 + 9 + 1, 256 * 15 - (4 * 15 + 10 + 9 + 1));
}

// --- literals: three words, and nothing that is one slip away from them

static void literals(void **state)
{
    (void)state;
    static const char *const words[] = {"true", "false", "null"};
    for (size_t w = 0; w < ARRAY_LEN(words); w++) {
        const size_t n = strlen(words[w]);
        char text[8];
        check(words[w], n, true);
        for (size_t at = 0; at < n; at++) {
            memcpy(text, words[w], at);
            memcpy(text + at, words[w] + at + 1, n - at - 1);
            check(text, n - 1, false);
            for (int c = 0; c < 256; c++) { // another one in its place
                memcpy(text, words[w], n);
                text[at] = (char)c;
                check(text, n, c == (uint8_t)words[w][at]);
            }
        }
        for (size_t at = 0; at <= n; at++) // and one more
            for (int c = 0; c < 256; c++) {
                const bool white = c == ' ' || c == '\t' || c == '\n' || c == '\r';
                memcpy(text, words[w], at);
                text[at] = (char)c;
                memcpy(text + at + 1, words[w] + at, n - at);
                check(text, n + 1, white && (at == 0 || at == n));
            }
    }
    counted(3 + 13 + 3 * 2 * 4, 13 + 13 * 255 + 16 * 256 - 3 * 2 * 4);
}

// --- strings: every octet alone; escapes

static void strings(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        const char one = (char)c;
        check_in("\"", &one, 1, "\"", c >= 0x20 && c < 0x80 && c != '"' && c != '\\');
        check_in("\"\\", &one, 1, "\"", strchr("\"\\/bfnrt", c) != NULL && c != 0);
    }
    counted(96 - 2 + 8, 512 - (96 - 2 + 8));
}

static bool is_hex(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static void escapes(void **state)
{
    (void)state;
    char text[16];
    for (int at = 0; at < 4; at++) // each place with each octet, and cut there
        for (int c = 0; c < 256; c++) {
            memcpy(text, "00e4", 4);
            text[at] = (char)c;
            check_in("\"\\u", text, 4, "\"", is_hex(c));
        }
    for (size_t n = 0; n < 4; n++)
        check_in("\"\\u", "00e4", n, "\"", false);
    counted(4 * 22, 4 * (256 - 22) + 4);
    // Every code unit alone: but for surrogates it is a character. And every kind of pair.
    for (unsigned unit = 0; unit < 0x10000; unit++) {
        snprintf(text, sizeof text, unit & 1 ? "%04x" : "%04X", unit);
        check_in("\"\\u", text, 4, "\"", unit < 0xd800 || unit > 0xdfff);
    }
    counted(0x10000 - 0x800, 0x800);
    static const unsigned units[] = {0,      0x41,   0xd7ff, 0xd800, 0xd801, 0xdbfe, 0xdbff,
                                     0xdc00, 0xdc01, 0xdffe, 0xdfff, 0xe000, 0xffff};
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        for (size_t k = 0; k < ARRAY_LEN(units); k++) {
            const bool high = units[i] >= 0xd800 && units[i] <= 0xdbff,
                       low = units[k] >= 0xdc00 && units[k] <= 0xdfff;
            const bool plain =
                (units[i] < 0xd800 || units[i] > 0xdfff) && (units[k] < 0xd800 || units[k] > 0xdfff);
            snprintf(text, sizeof text, "\\u%04x\\u%04x", units[i], units[k]);
            check_in("\"", text, 12, "\"", plain || (high && low));
        }
    counted(5 * 5 + 4 * 4, 169 - 25 - 16);
}

// --- UTF-8: every code point is taken as it is encoded; of all sequences of two and three octets none other, and of four octets
// those at the edges

static size_t encode(uint32_t c, char p[4])
{
    if (c < 0x80)
        return p[0] = (char)c, 1;
    const size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        p[i] = (char)(0x80 | (c & 0x3f));
    p[0] = (char)((n == 2 ? 0xc0 : n == 3 ? 0xe0 : 0xf0) | c);
    return n;
}

// A sequence of n octets is one character: found by encoding what it would be.
static bool is_character(const char *p, size_t n)
{
    char again[4];
    uint32_t c = (uint8_t)p[0] & (n == 2 ? 0x1f : n == 3 ? 0x0f : 0x07);
    for (size_t i = 1; i < n; i++)
        c = c << 6 | ((uint8_t)p[i] & 0x3f);
    return c >= 0x80 && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff) && encode(c, again) == n &&
           memcmp(p, again, n) == 0;
}

static void utf8(void **state)
{
    (void)state;
    char p[4];
    for (uint32_t c = 0x80; c <= 0x10ffff; c += c < 0x11000 ? 1 : 61) {
        const size_t n = encode(c, p);
        check_in("\"", p, n, "\"", c < 0xd800 || c > 0xdfff);
    }
    assert_int_equal(seen.bad, 0x800);
    assert_true(seen.good > 80000);
    for (int first = 0x80; first < 256; first++)
        for (int second = 0; second < 256; second++) {
            p[0] = (char)first;
            p[1] = (char)second;
            check_in("\"", p, 2, "\"", is_character(p, 2));
            for (int third = 0x7f; third < 0xc1; third += first < 0xe0 || first > 0xef ? 65 : 1) {
                p[2] = (char)third;
                // Two characters, of which the second one is a single octet.
                const bool two = is_character(p, 2) && third == 0x7f;
                check_in("\"", p, 3, "\"", two || is_character(p, 3));
            }
        }
    static const uint8_t edges[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff};
    for (int first = 0xee; first < 0x100; first++)
        for (size_t i = 0; i < 1000; i++) {
            p[0] = (char)first;
            p[1] = (char)edges[i / 100];
            p[2] = (char)edges[i / 10 % 10];
            p[3] = (char)edges[i % 10];
            const bool two = is_character(p, 3) && p[3] == 0x7f;
            check_in("\"", p, 4, "\"", two || is_character(p, 4));
        }
}

// --- nesting: each depth up to the limit, of each kind, and what is not closed in its order

static void nesting(void **state)
{
    (void)state;
    for (uint64_t kinds = 0; kinds < 3; kinds++)
        for (size_t depth = 1; depth <= JSON_DEPTH_MAX + 1; depth++) {
            char text[8 * (JSON_DEPTH_MAX + 1)];
            size_t n = 0;
            for (size_t i = 0; i < depth; i++)
                n = (size_t)((char *)(kinds == 1 || (kinds == 2 && i % 2 == 1)
                                          ? mempcpy(text + n, "{\"a\":", 5)
                                          : mempcpy(text + n, "[", 1)) -
                             text);
            text[n++] = '1';
            const size_t closing = n;
            for (size_t i = depth; i-- > 0;)
                text[n++] = kinds == 1 || (kinds == 2 && i % 2 == 1) ? '}' : ']';
            if (depth >
                JSON_DEPTH_MAX) { // what is beyond is refused as that, and the slow parser knows no limit
                assert_int_equal(json_validate(str_make(text, n), NULL), ERR_LIMIT);
                continue;
            }
            check(text, n, true);
            for (size_t cut = 1; cut <= depth; cut++)
                check(text, n - cut, false);
            for (size_t at = closing; at < n; at++) { // one of them closed as the other kind
                text[at] = text[at] == '}' ? ']' : '}';
                check(text, n, false);
                text[at] = text[at] == '}' ? ']' : '}';
            }
        }
    counted(3 * 64, 2 * 3 * (64 * 65 / 2));
}

// --- what the RFC leaves open, and what is chosen here

static void left_open(void **state)
{
    (void)state;
    static const struct {
        str text;
        bool taken;
    } rows[] = {
        {STR("1e400"), true}, // numbers are passed on as they are written, of any size
        {STR("-1e99999"), true},
        {STR("1e-99999"), true},
        {STR("123456789012345678901234567890"), true},
        {STR("0.4e00669999999999999999999999999999999999999999999999999999"), true},
        {STR("{\"a\":1,\"a\":2}"), true}, // inside of values; keys of a command are not twice
        {STR("\"\\uD800\""), false},      // half of a pair is no character,
        {STR("\"\\uDC00\\uD800\""), false},
        {STR("\"\xed\xa0\x80\""), false}, // nor is its encoding,
        {STR("\"\xc0\xaf\""), false},     // nor one that is too long,
        {STR("\"\xf4\x90\x80\x80\""), false},
        {STR("\xef\xbb\xbf[]"), false}, // no byte order mark, and no other encoding
        {STR("\xff\xfe[\0]\0"), false},
        {STR("\xfe\xff\0[\0]"), false},
        {STR("\"\\u0000\""), true},
        {STR("\"\x7f\""), true},
        {STR("\"\xe2\x80\xa8\""), true},
        {STR("\"\xef\xbf\xbf\""), true}, // no character, and a code point
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        check(rows[i].text.p, rows[i].text.n, rows[i].taken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(numbers, begin),     cmocka_unit_test_setup(structure, begin),
        cmocka_unit_test_setup(white_space, begin), cmocka_unit_test_setup(literals, begin),
        cmocka_unit_test_setup(strings, begin),     cmocka_unit_test_setup(escapes, begin),
        cmocka_unit_test_setup(utf8, begin),        cmocka_unit_test_setup(nesting, begin),
        cmocka_unit_test_setup(left_open, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
