// SPDX-License-Identifier: Apache-2.0
//
// Fuzz target: any bytes as the file of an audit, and any bytes put into a good one. What is found whole is what was written; whatever
// is read of a line lies in it; a chain that is gone on with behind any line is whole.
//
// Input: how much of a good chain stands in front of it, where it goes in there, then the text.
#include "core/audit/check.h"
#include "fuzz/fuzz_mem.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const struct audit_key no_key = {.n = 0}, a_key = {.bytes = "fuzz", .n = 4};

static bool lies_in(str part, str whole)
{
    return part.p == NULL || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

static void look(str line)
{
    struct audit_line l;
    struct audit_chain c;
    if (!audit_line_parse(line, &l))
        return;
    ASSERT(lies_in(l.time, line) && lies_in(l.event, line) && lies_in(l.hashed, line));
    ASSERT(lies_in(l.prev, line) && lies_in(l.hash, line) && l.hash.n == AUDIT_HASH_HEX && l.seq != 0);
    ASSERT(lies_in(audit_line_member(line, STR("room")), line));
    char id[AUDIT_ID_LEN];
    memset(id, 'a', sizeof id);
    if (audit_chain_resume(&c, &no_key, str_make(id, sizeof id), line) == OK)
        ASSERT(c.seq == l.seq && memcmp(c.hash, l.hash.p, sizeof c.hash) == 0);
}

// Of the whole text; lines as they are, by a copy that ends where they do.
static enum audit_fault check(const uint8_t *p, size_t n, const struct audit_key *key, uint64_t *ret_lines)
{
    struct audit_check c;
    audit_check_init(&c, key);
    audit_check_file(&c);
    enum audit_fault fault = AUDIT_GOOD;
    size_t from = 0;
    for (size_t i = 0; i < n && fault == AUDIT_GOOD; i++) {
        if (p[i] != '\n')
            continue;
        char *line = malloc(i - from + 1); // the very length, and one that is not looked at
        ASSERT(line != NULL);
        memcpy(line, p + from, i - from);
        look(str_make(line, i - from));
        fault = audit_check_line(&c, str_make(line, i - from));
        free(line);
        from = i + 1;
    }
    if (fault == AUDIT_GOOD)
        fault = audit_check_rest(&c, str_make((const char *)p + from, n - from));
    ASSERT(fault < AUDIT_FAULT_COUNT && audit_fault_text(fault) != NULL);
    *ret_lines = c.lines;
    return fault;
}

enum { LINES = 6 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const uint8_t random[16] = {7};
    struct mem mem;
    struct buf line, file;
    struct audit_chain chain;
    uint64_t lines;
    if (n < 3)
        return 0;
    const struct audit_key *key = (data[0] & 1) != 0 ? &a_key : &no_key;
    fuzz_mem_init(&mem);
    buf_init(&line, &mem, 0);
    buf_init(&file, &mem, 0);
    (void)check(data + 3, n - 3, key, &lines); // as it is
    audit_chain_init(&chain, key, random);
    for (int i = 0; i < LINES; i++) {
        const struct audit_event e = {.type = AUDIT_KICK,
                                      .user = str_make((const char *)data + 3, n - 3 < 600 ? n - 3 : 600),
                                      .target = STR("bob")};
        enum err made =
            i == 0 ? audit_chain_put_head(&chain, &line, 1) : audit_chain_put(&chain, &line, 2, 0, &e);
        ASSERT(made == OK);
        audit_chain_advance(&chain);
        buf_put_str(&file, buf_str(&line));
    }
    ASSERT(buf_ok(&file) && check((const uint8_t *)file.p, file.n, key, &lines) == AUDIT_GOOD &&
           lines == LINES);
    // Put into it, or in the place of what is there: it is found, unless it is the same.
    size_t at = file.n * data[1] / 255, over = (data[0] & 2) != 0 ? n - 3 : 0;
    over = over < file.n - at ? over : file.n - at;
    size_t changed_n = file.n + (n - 3) - over;
    uint8_t *changed = malloc(changed_n + 1);
    ASSERT(changed != NULL);
    memcpy(changed, file.p, at);
    memcpy(changed + at, data + 3, n - 3);
    memcpy(changed + at + (n - 3), file.p + at + over, file.n - at - over);
    bool same = changed_n == file.n && memcmp(changed, file.p, file.n) == 0;
    enum audit_fault fault = check(changed, changed_n, key, &lines);
    // Behind its end, where there is no key, whoever knows how may write what fits; the target's corpus does not.
    ASSERT(same || fault != AUDIT_GOOD || (at == file.n && key == &no_key));
    free(changed);
    buf_deinit(&line);
    buf_deinit(&file);
    return 0;
}
