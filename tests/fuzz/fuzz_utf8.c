// SPDX-License-Identifier: Apache-2.0
//
// UTF-8: one piece, two pieces and single octets must agree with each other and with the slow decoder; in the middle of a long text, too,
// by every set of instructions that there is.
//
// Input: one byte that places the cut, then the text.
#include "base/cpu.h"
#include "unit/wire_support.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

// Around it are letters, so many that blocks begin and end at any place of it.
static void check_inside(const uint8_t *text, size_t n, size_t before, bool want)
{
    enum { AROUND = 96, TEXT_MAX = 1024 };
    static uint8_t all[2 * AROUND + TEXT_MAX];
    if (n > TEXT_MAX)
        return;
    memset(all, 'a', before + n + AROUND);
    memcpy(all + before, text, n);
    for (int level = 0; level < CPU_LEVELS; level++) {
        cpu_level_limit((enum cpu_level)level);
        MUST(utf8_valid((str){(const char *)all, before + n + AROUND}) == want);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0)
        return 0;
    const uint8_t *text = data + 1;
    size_t text_n = n - 1;
    size_t cut = text_n * data[0] / 255;
    bool want = utf8_valid_slow(text, text_n);
    MUST(utf8_valid((str){(const char *)text, text_n}) == want);

    check_inside(text, text_n, data[0] % 96, want);
    cpu_level_limit(data[0] % CPU_LEVELS);
    utf8_state s = UTF8_START;
    MUST((utf8_feed(&s, text, cut) && utf8_feed(&s, text + cut, text_n - cut) && utf8_complete(s)) == want);

    s = UTF8_START;
    bool good = true;
    for (size_t i = 0; i < text_n && good; i++) {
        good = utf8_feed(&s, text + i, 1);
        // What was taken so far and is complete must itself be valid: a bad octet is never let through for later.
        MUST(!good || !utf8_complete(s) || i > 64 || utf8_valid_slow(text, i + 1));
    }
    MUST((good && utf8_complete(s)) == want);

    if (want) {
        str part = utf8_take((str){(const char *)text, text_n}, cut);
        MUST(part.n <= cut && cut - part.n < 4 && utf8_valid(part));
    }
    return 0;
}
