// SPDX-License-Identifier: Apache-2.0
//
// JSON: the one-pass reader against the slow recursive one, the members against the whole, and every string decoded,
// written and decoded again.
//
// Input: the text.
#include "base/cpu.h"
#include "fuzz/fuzz_mem.h"
#include "unit/wire_support.h"
#include "wire/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { MEMBERS = 32, STRING_MAX = 8192 };

static char first[STRING_MAX], second[STRING_MAX];

static void check_string(str raw)
{
    struct mem mem;
    struct buf b;
    str s, again;
    enum err e = json_string_decode(raw, first, sizeof first, &s);
    MUST(e == OK || (e == ERR_TOO_LARGE && raw.n > sizeof first));
    if (e != OK)
        return;
    MUST(utf8_valid(s) && s.n <= raw.n - 2);
    fuzz_mem_init(&mem);
    buf_init(&b, &mem, 0);
    json_put_string(&b, s);
    MUST(buf_ok(&b) && json_valid_slow((const uint8_t *)b.p, b.n));
    MUST(json_string_decode(buf_str(&b), second, sizeof second, &again) == OK && str_eq(s, again));
    buf_deinit(&b);
}

static void check_members(const struct json_member *m, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        MUST(json_validate(m[i].value, NULL) == OK);
        MUST(m[i].kind == json_kind_of(m[i].value));
        MUST((memchr(m[i].key.p, '\\', m[i].key.n) != NULL) == m[i].key_escaped);
        if (m[i].kind == JSON_STRING)
            check_string(m[i].value);
        str key; // with its quotes it is a raw string
        if (json_string_decode((str){m[i].key.p - 1, m[i].key.n + 2}, first, sizeof first, &key) != OK)
            continue;
        MUST(json_member_find(m, n, key) == &m[i]); // so no two are equal either
    }
}

static bool is_object(str text)
{
    size_t i = 0;
    while (i < text.n && memchr(" \t\r\n", text.p[i], 4) != NULL)
        i++;
    return i < text.n && text.p[i] == '{';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct json_member members[MEMBERS];
    cpu_level_limit(n % CPU_LEVELS);
    struct json_problem problem = {0, NULL};
    size_t count = 0;
    uint8_t *copy = exact_copy(data, n);
    str text = {(const char *)copy, n};

    enum err e = json_validate(text, &problem);
    MUST((e == OK) == json_valid_slow(copy, n));
    MUST(e == OK || (problem.offset <= n && problem.message != NULL));

    enum err scanned = json_object_scan(text, members, MEMBERS, &count, &problem);
    if (scanned == OK) {
        MUST(e == OK && is_object(text) && count <= MEMBERS);
        check_members(members, count);
    } else if (e == OK) {
        MUST(!is_object(text) || scanned == ERR_EXISTS || scanned == ERR_LIMIT);
    }
    uint64_t v;
    bool b;
    if (json_u64_decode(text, UINT64_MAX, &v))
        MUST(e == OK && json_kind_of(text) == JSON_NUMBER);
    if (json_bool_decode(text, &b))
        MUST(e == OK);
    free(copy);
    return 0;
}
