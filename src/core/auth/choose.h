// SPDX-License-Identifier: Apache-2.0
//
// choose.h - which of the operator's keys a token is to be held against. Internal to core/auth.
//
//     iss   issuers that have this very `issuer`; where none has, those that have none
//     kid   of the first of these with a key that fits: the keys of that name, else those without a name
//     alg   of those, the keys for the token's algorithm
//
// Nothing of the token is believed here: it chooses among what is configured, and can add nothing to it.
//
// Ownership: borrows from the keyring. Thread: pure functions.
#ifndef PLENUM_CORE_AUTH_CHOOSE_H
#define PLENUM_CORE_AUTH_CHOOSE_H

#include "core/auth/verify.h"

struct choice {
    uint32_t issuer;                         // its place in the keyring
    const struct jwk *keys[TOKEN_TRIES_MAX]; // at least one
    uint32_t keys_n;
};

// Fills the refusal in and hands ERR_DENIED back; the issuer in it stays.
enum err refuse(struct token_refusal *r, enum refusal_rule rule, const char *text, const str *words,
                size_t words_n);
enum err refuse_word(struct token_refusal *r, enum refusal_rule rule, const char *text, str word);

// iss: absent where the token has none. OK, or ERR_DENIED with the refusal.
enum err choose_keys(const struct keyring *k, str iss, const struct jws *t, struct choice *ret,
                     struct token_refusal *ret_refusal) WARN_UNUSED;

#endif
