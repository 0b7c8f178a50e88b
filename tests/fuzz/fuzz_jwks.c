// SPDX-License-Identifier: Apache-2.0
//
// Keys and sets of keys: refused with both halves of a sentence, or a key that keeps what wire/jwk.h promises and whose public
// half is written and read back as the same one.
//
// Input: 'k' and a key to verify with, 's' and one to sign with, in PEM or JSON; or a set.
#include "fuzz/fuzz_mem.h"
#include "unit/jose.h"
#include "unit/wire_support.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct mem mem;

static void check_problem(const struct jwk_problem *p)
{
    MUST(p->got.n > 0 && p->got.n < SENTENCE_MAX && p->expected.n > 0 && p->expected.n < SENTENCE_MAX);
}

static void check_key(struct jwk *k)
{
    char before[JWK_THUMBPRINT_LEN], after[JWK_THUMBPRINT_LEN];
    const struct jwk_wish wish = {.use = JWK_TO_VERIFY};
    struct jwk_problem problem;
    struct jwk again;
    struct buf b;
    jwk_check(k);
    MUST(jwk_verify(k, STR("what was signed"), STR("not a signature")) == ERR_DENIED);
    if (k->pkey != NULL) {
        buf_init(&b, &mem, 0);
        MUST(jwk_put_public(&b, k) == OK && jwk_from_json(buf_str(&b), &wish, &again, &problem) == OK);
        MUST(again.alg == k->alg && str_eq(jwk_kid(&again), jwk_kid(k)) && !again.signs);
        MUST(jwk_thumbprint(k, &mem, before) == OK && jwk_thumbprint(&again, &mem, after) == OK);
        MUST(memcmp(before, after, sizeof before) == 0);
        jwk_deinit(&again);
        buf_deinit(&b);
    }
    jwk_deinit(k);
}

static void check_set(str text)
{
    const struct jwk_wish wish = {.use = JWK_TO_VERIFY};
    struct jwk_problem problem;
    struct jwk_set set;
    struct jwk k;
    if (jwk_set_begin(text, &set, &problem) != OK) {
        check_problem(&problem);
        return;
    }
    uint32_t taken = 0;
    for (; jwk_set_next(&set, &wish, &k, &problem) == OK; taken++) {
        MUST(k.pkey != NULL && !k.signs); // no secrets, no private halves
        check_key(&k);
    }
    MUST(set.place <= JWK_SET_MAX && taken + set.passed == set.place);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (mem.backend.alloc == NULL)
        fuzz_mem_init(&mem);
    if (n == 0)
        return 0;
    uint8_t *copy = exact_copy(data + 1, n - 1);
    str text = str_make((const char *)copy, n - 1);
    const struct jwk_wish wish = {.use = data[0] == 's' ? JWK_TO_SIGN : JWK_TO_VERIFY};
    struct jwk_problem problem;
    struct jwk k;
    if (data[0] != 'k' && data[0] != 's') {
        check_set(text);
    } else if (jwk_from_text(text, &wish, &k, &problem) == OK) {
        MUST(wish.use == JWK_TO_VERIFY || k.signs);
        check_key(&k);
    } else {
        check_problem(&problem);
    }
    free(copy);
    return 0;
}
