// SPDX-License-Identifier: Apache-2.0
//
// Fuzz target: two JSON values, of which the second is a merge patch of the first, against the tree of RFC 7396's own words; and
// the same patch again, which changes nothing.
//
// Input: target, a zero byte, patch.
#include "fuzz/fuzz_mem.h"
#include "unit/json_tree.h"
#include "wire/json_merge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static str trimmed(str s)
{
    while (s.n > 0 && memchr(" \t\r\n", s.p[0], 4) != NULL)
        s = str_skip(s, 1);
    while (s.n > 0 && memchr(" \t\r\n", s.p[s.n - 1], 4) != NULL)
        s.n--;
    return s;
}

static void check_merged(str target, str patch, const struct buf *got)
{
    struct tree want = tree_parse(target), by = tree_parse(patch);
    tree_merge(&want, &by);
    struct tree is = tree_parse(buf_str(got));
    MUST(json_validate(buf_str(got), NULL) == OK);
    MUST(tree_eq(&want, &is));
    tree_free(&want);
    tree_free(&by);
    tree_free(&is);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const uint8_t *zero = n < 64 * 1024 && n > 0 ? memchr(data, 0, n) : NULL;
    if (zero == NULL)
        return 0;
    str target = trimmed(str_make((const char *)data, (size_t)(zero - data)));
    str patch = trimmed(str_make((const char *)zero + 1, n - (size_t)(zero - data) - 1));
    if (json_validate(target, NULL) != OK || json_validate(patch, NULL) != OK)
        return 0;
    struct mem mem;
    struct buf once, twice;
    fuzz_mem_init(&mem);
    buf_init(&once, &mem, 0);
    buf_init(&twice, &mem, 0);
    enum err e = json_merge(target, patch, &once);
    MUST(e == OK || e == ERR_LIMIT || e == ERR_EXISTS);
    if (e != ERR_LIMIT)
        MUST((e == ERR_EXISTS) == patch_repeats(patch));
    if (e == OK) {
        check_merged(target, patch, &once);
        MUST(json_merge(buf_str(&once), patch, &twice) == OK && str_eq(buf_str(&once), buf_str(&twice)));
    }
    buf_deinit(&once);
    buf_deinit(&twice);
    return 0;
}
