// SPDX-License-Identifier: Apache-2.0
//
// The claim `caps` of a token: any octets are refused in words or become a block that keeps its invariants, and what that says
// of a room is what the claim says, read anew, slowly, row by row.
//
// Input: the claim, an octet 0, the name of a room.
#include "core/auth/caps.h"
#include "dialect/command.h"
#include "unit/pattern_slow.h"
#include "unit/wire_support.h"
#include "wire/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool has_word(str array, const char *name)
{
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\"", name);
    str raw;
    for (str rest = array; json_array_next(&rest, &raw);) {
        char scratch[64];
        str word;
        if (json_string_decode(raw, scratch, sizeof scratch, &word) == OK &&
            str_eq(word, str_from_cstr(name)))
            return true;
    }
    return false;
}

// The row that counts: of those that match the most specific one. False where none does.
static bool row_that_counts(str claim, str room, str *ret_words)
{
    static struct json_member members[8], rows[CAPS_ROWS_MAX];
    static char name[PATTERN_MAX];
    size_t n, rows_n;
    MUST(json_object_scan(claim, members, 8, &n, NULL) == OK);
    const struct json_member *rooms = json_member_find(members, n, STR("rooms"));
    if (rooms == NULL)
        return false;
    MUST(json_object_scan(rooms->value, rows, CAPS_ROWS_MAX, &rows_n, NULL) == OK);
    bool found = false;
    str best = STR_NONE;
    for (size_t i = 0; i < rows_n; i++) {
        char quoted[6 * PATTERN_MAX + 3], scratch[PATTERN_MAX];
        int quoted_n = snprintf(quoted, sizeof quoted, "\"%.*s\"", STR_ARG(rows[i].key));
        str pattern;
        MUST(json_string_decode(str_make(quoted, (size_t)quoted_n), scratch, sizeof scratch, &pattern) == OK);
        if (!slow_match(pattern, room) || (found && pattern_cmp(pattern, best) > 0))
            continue;
        found = true;
        memcpy(name, pattern.p, pattern.n);
        best = str_make(name, pattern.n);
        *ret_words = rows[i].value;
    }
    return found;
}

static uint32_t rights_slow(str claim, str room)
{
    static const uint32_t giving[RIGHT_COUNT] = {
#define X(upper, lower) [RIGHT_##upper] = CAPS_GIVING_##upper,
        RIGHTS(X)
#undef X
    };
    static const char *const words[] = {
#define X(upper, lower) #lower,
        CAPS_WORDS(X)
#undef X
    };
    str array;
    uint32_t rights = 1u << RIGHT_NONE;
    if (!row_that_counts(claim, room, &array))
        return rights;
    for (uint32_t w = 0; w < CAPS_WORD_COUNT; w++)
        for (uint32_t right = 0; right < RIGHT_COUNT && has_word(array, words[w]); right++)
            if (w == CAPS_HOST || (giving[right] & 1u << w) != 0)
                rights |= 1u << right;
    return rights;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static char block[CAPS_BYTES_MAX];
    char *text = (char *)exact_copy(data, n);
    str room, claim = str_split(str_make(text, n), '\0', &room);
    struct sentence why;
    size_t block_n = 0;
    if (caps_make(claim, block, &block_n, &why) != OK) {
        // A word of the claim may have any character in it, NUL too: who writes the sentence down looks at that (wire/sentence.h).
        MUST(why.n > 0 && why.n <= SENTENCE_MAX && why.z[why.n] == '\0' && block_n == 0);
        MUST(utf8_valid_slow((const uint8_t *)why.z, why.n));
    } else {
        char *copy = (char *)exact_copy(block, block_n);
        str caps = str_make(copy, block_n);
        caps_check(caps);
        MUST(caps_server(caps) < 1u << SERVER_WORD_COUNT);
        bool silent = caps_server(caps) == 0 && caps_serves(caps, SERVER_CREATE);
        for (uint32_t word = 0; word < SERVER_WORD_COUNT; word++)
            MUST(caps_serves(caps, (enum server_word)word) ==
                 ((caps_server(caps) & 1u << word) != 0 || (silent && word == SERVER_CREATE)));
        if (room.n <= SLOW_NAME_MAX)
            MUST(caps_room(caps, room) == rights_slow(claim, room));
        free(copy);
    }
    free(text);
    return 0;
}
