// SPDX-License-Identifier: Apache-2.0
//
// verify.h - a token, the keyring and the time of day become a person with rights, or a refusal in words.
//
//     token -> form, header -> `iss`: which issuer -> kid: which key -> algorithm -> claims, times -> signature -> who it is
//              \______________________ each step may refuse, and says which rule it was ______________________/
//
// What is cheap is asked first: the one step that costs is the last one, and whoever sends rubbish, or a token that has run
// out, does not get there. Nothing that the token says is believed before its signature is; until then `iss` and `kid` only
// choose among what the operator configured. Where they choose a key that has to be fetched, all the rest is looked at first, so
// that a fetch is not had for less than a token that is right but for its signature.
//
// Claims: the user (`sub`, or what the issuer calls it), `exp`, which must be there, `nbf` and `iat`, `iss`, `aud`, `jti`, and
// our own: `name`, `info` (any JSON, shown to others), `caps` (an object; what it means is not looked at here).
//
// Ownership: a verdict is one block of the memory given, and the caller's. Thread: any; pure but for libcrypto's memory.
// Time: wall clock, milliseconds since 1970; an argument.
// Source: RFC 7519 sections 4 and 7.2, RFC 8725.
#ifndef PLENUM_CORE_AUTH_VERIFY_H
#define PLENUM_CORE_AUTH_VERIFY_H

#include "core/auth/keyring.h"
#include "wire/jws.h"

// Why a token is refused: the rule, as a word for metrics and the audit. The sentences are made where the rule is.
// clang-format off
#define REFUSALS(X) \
    X(TOO_LARGE,    too_large)       /* beyond TOKEN_MAX */ \
    X(FORM,         form)            /* not three parts of base64url */ \
    X(HEADER,       header)          /* not JSON, a key twice, `crit`, `jku`, ..., `kid`, `typ` */ \
    X(ALGORITHM,    algorithm)       /* none, none at all, or unknown */ \
    X(CLAIMS,       claims)          /* the payload is not a JSON object, or has a key twice */ \
    X(ISSUER,       issuer)          /* nobody whom the operator named */ \
    X(KEY,          key)             /* no such key at the issuer: it may have been fetched too long ago */ \
    X(KEY_ALGORITHM, key_algorithm)  /* the key is for another algorithm */ \
    X(AUDIENCE,     audience)        /* for somebody else */ \
    X(EXPIRY,       expiry)          /* `exp` missing or no time */ \
    X(EXPIRED,      expired)         /* `exp` is over: PROBLEM_TOKEN_EXPIRED */ \
    X(NOT_YET,      not_yet)         /* `nbf` or `iat` is to come, or is no time */ \
    X(USER,         user)            /* no user, or none that can be one here */ \
    X(PROFILE,      profile)         /* `name`, `info`, `caps` or `jti` not as they must be */ \
    X(SIGNATURE,    signature)       /* not the key's */ \
    X(UNAVAILABLE,  unavailable)     /* no memory: nothing is known of the token, try again */
// clang-format on

enum refusal_rule {
#define X(upper, lower) REFUSED_##upper,
    REFUSALS(X)
#undef X
        REFUSED_COUNT
};

const char *refusal_name(enum refusal_rule rule);

#define ISSUER_NONE UINT32_MAX

struct token_refusal {
    enum refusal_rule rule;
    uint32_t issuer; // its place in the keyring; ISSUER_NONE before one was found
    uint32_t
        missing; // bits of issuers whose keys are fetched, and who may have the key by now; nothing else is wrong
    struct sentence sentence; // for the developer who made the token: no part of it but names
};

// The strings of a verdict, which lie behind it in its block.
#define VERIFIED_STRS(X) X(user) X(name) X(info) X(caps) X(jti) X(issuer_name) X(user_claim) X(kid)

struct verified {
    str user;        // 1..USER_ID_MAX bytes, valid as a user's name; absent where the token names nobody
    str name;        // 1..USER_NAME_MAX bytes; absent where the token has none. A longer one is cut
    str info;        // JSON, at most USER_INFO_MAX bytes; absent where the token has none
    str caps;        // a JSON object, raw; absent where the token has none
    str jti;         // absent where the token has none
    str issuer_name; // as in the keyring,
    str user_claim;  // likewise
    str kid;         // of the key that signed it; absent where that has none
    enum jwa alg;    // likewise
    uint32_t issuer; // its place there
    uint32_t leeway_ms;
    uint64_t issued_ms;     // `iat`; 0 = not said
    uint64_t not_before_ms; // `nbf`; 0 = not said
    uint64_t expires_ms;    // `exp`, leeway not added
    size_t bytes;           // of the block
};

// OK; ERR_DENIED with *ret_refusal written; ERR_NOMEM likewise (REFUSED_UNAVAILABLE).
enum err token_verify(const struct keyring *k, str token, uint64_t wall_ms, struct mem *m,
                      struct verified **ret, struct token_refusal *ret_refusal) WARN_UNUSED;
// The times again, for a verdict of a while ago: ERR_DENIED with what token_verify would have said. Of refusal.issuer too.
enum err verified_in_time(const struct verified *v, uint64_t wall_ms,
                          struct token_refusal *ret_refusal) WARN_UNUSED;
// Who says hello has to be somebody, and no guest: ERR_DENIED. A token of a room may name nobody (core/edge/edge_pass.c).
enum err verified_is_somebody(const struct verified *v, struct token_refusal *ret_refusal) WARN_UNUSED;
// NULL where there is no memory.
struct verified *verified_copy(const struct verified *v, struct mem *m) WARN_UNUSED;
void verified_free(struct verified *v, struct mem *m); // may be NULL

#endif
