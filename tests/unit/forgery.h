// SPDX-License-Identifier: Apache-2.0
//
// forgery.h - what tests of signatures that are not quite one have in common: a case has a name, and is refused or not; how many there
// were is printed, so that nobody has to believe that there were any.
//
// Nothing but "no" is a refusal: that nothing is known of a signature (ERR_NOMEM) is another answer, which is not remembered.
#ifndef PLENUM_UNIT_FORGERY_H
#define PLENUM_UNIT_FORGERY_H

#include "unit/jose.h"
#include "unit/support.h"

#include <openssl/bn.h>

static struct {
    unsigned refused, accepted;
} forgeries;

static inline void forgery_case(const struct jwk *key, const char *what, str message,
                                const uint8_t *signature, size_t n, enum err wanted)
{
    enum err e = jwk_verify(key, message, str_make((const char *)signature, n));
    if (e != wanted)
        print_message("%s, %s: %s\n", jwa_name(key->alg).p, what,
                      e == OK           ? "accepted"
                      : e == ERR_DENIED ? "refused"
                                        : "nothing is known of it");
    assert_int_equal(e, wanted);
    if (wanted == OK)
        forgeries.accepted++;
    else
        forgeries.refused++;
}

static inline int forgeries_print(void **state)
{
    (void)state;
    print_message("%u forgeries refused, %u signatures accepted\n", forgeries.refused, forgeries.accepted);
    return 0;
}

static inline BIGNUM *number_of(const void *p, size_t n)
{
    BIGNUM *b = BN_bin2bn(p, (int)n, NULL);
    assert_non_null(b);
    return b;
}

// False where it has more than n octets.
static inline bool number_put(const BIGNUM *b, uint8_t *ret, size_t n)
{
    return BN_bn2binpad(b, ret, (int)n) == (int)n;
}

#endif
