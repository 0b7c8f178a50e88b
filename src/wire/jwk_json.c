// SPDX-License-Identifier: Apache-2.0
//
// JWKs: the members of one object become numbers, and the numbers a key of libcrypto's (EVP_PKEY_fromdata).
//
//     kty   EC: crv x y [d]    RSA: n e [d p q dp dq qi]    OKP: crv x [d]    oct: k
//
// Numbers are base64url of octets, big end first; coordinates have the full length of their field (RFC 7518 section 6.2.1.2).
// A member `d` makes it a private key. The set's reader passes over what it cannot use and says why of the last one.
#include "wire/jwk_private.h"

#include "base/codec.h"
#include "wire/json.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

enum {
    MEMBERS_MAX = 32,
    TEXT_MAX = 64,                          // of kty, crv, use, alg and an operation
    NUMBER_MAX = JWA_RSA_BITS_MAX / 8 + 64, // octets: a longer modulus is refused by its length in bits
    RSA_PARTS = 8,
};

struct object {
    struct json_member members[MEMBERS_MAX];
    size_t n;
    struct jwk_problem *problem;
};

static enum err refuse(const struct object *o, enum err e, const char *got, str word, const char *expected)
{
    return jwk_refuse(o->problem, e, got, word, expected, STR_NONE);
}

// ---- members

static const struct json_member *member(const struct object *o, const char *name)
{
    return json_member_find(o->members, o->n, str_from_cstr(name));
}

// A member that is a short text; absent where it is not there. False where it is something else.
static bool text_member(const struct object *o, const char *name, char *scratch, size_t cap, str *ret)
{
    const struct json_member *m = member(o, name);
    *ret = STR_NONE;
    return m == NULL || (m->kind == JSON_STRING && json_string_decode(m->value, scratch, cap, ret) == OK);
}

// A member that is octets in base64url, at least one.
static enum err octets_member(const struct object *o, const char *name, uint8_t *ret, size_t cap,
                              size_t *ret_n)
{
    const struct json_member *m = member(o, name);
    str raw = m != NULL && m->kind == JSON_STRING ? str_make(m->value.p + 1, m->value.n - 2) : STR_NONE;
    *ret_n = 0;
    if (3 * raw.n / 4 > cap)
        return refuse(o, ERR_LIMIT, "a JWK whose {} is too long", str_from_cstr(name),
                      "a key that is shorter");
    if (raw.n == 0 || !base64url_decode(raw, ret, ret_n))
        return refuse(o, ERR_SYNTAX, "a JWK whose {} is missing or not base64url", str_from_cstr(name),
                      "all members of its `kty`");
    return OK;
}

// ---- building

struct build {
    OSSL_PARAM_BLD *params;
    BIGNUM *numbers[RSA_PARTS];
    size_t numbers_n;
    bool failed;
};

static void build_number(struct build *b, const char *name, const uint8_t *p, size_t n)
{
    BIGNUM *v = BN_bin2bn(p, (int)n, NULL);
    if (v == NULL || !OSSL_PARAM_BLD_push_BN(b->params, name, v)) {
        BN_clear_free(v);
        b->failed = true;
        return;
    }
    b->numbers[b->numbers_n++] = v; // params borrow it
}

// Why there is no key: no memory, or numbers that are none of such a key. About numbers it is the kind's own part of libcrypto that
// complains, or nobody; EVP does where it could not set up what it needs, and not always says that it was memory.
static enum err no_key(const struct object *o, const char *what)
{
    bool is_short = false;
    for (unsigned long code; (code = ERR_get_error()) != 0;)
        is_short =
            is_short || ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE || ERR_GET_LIB(code) == ERR_LIB_EVP;
    if (is_short)
        return jwk_no_memory(o->problem);
    return refuse(o, ERR_SYNTAX, "a JWK whose numbers are no % key", str_from_cstr(what),
                  "a key that is whole");
}

static void build_free(struct build *b)
{
    OSSL_PARAM_BLD_free(b->params);
    for (size_t i = 0; i < b->numbers_n; i++)
        BN_clear_free(b->numbers[i]);
}

// b is given up. Up to the numbers there is nothing to be wrong but memory.
static enum err build_end(struct build *b, const struct object *o, const char *kind, const char *what,
                          EVP_PKEY **ret)
{
    OSSL_PARAM *list = b->failed ? NULL : OSSL_PARAM_BLD_to_param(b->params);
    EVP_PKEY_CTX *c = list != NULL ? EVP_PKEY_CTX_new_from_name(NULL, kind, NULL) : NULL;
    const bool ready = c != NULL && EVP_PKEY_fromdata_init(c) > 0;
    const bool made = ready && EVP_PKEY_fromdata(c, ret, EVP_PKEY_KEYPAIR, list) > 0;
    EVP_PKEY_CTX_free(c);
    OSSL_PARAM_free(list);
    build_free(b);
    if (!ready)
        return jwk_no_memory(o->problem);
    return made ? OK : no_key(o, what);
}

// ---- kinds

static enum err rsa_build(const struct object *o, struct jwk_found *found, EVP_PKEY **ret)
{
    static const struct {
        const char *member, *param;
    } parts[RSA_PARTS] = {
        {"n", OSSL_PKEY_PARAM_RSA_N},          {"e", OSSL_PKEY_PARAM_RSA_E},
        {"d", OSSL_PKEY_PARAM_RSA_D},          {"p", OSSL_PKEY_PARAM_RSA_FACTOR1},
        {"q", OSSL_PKEY_PARAM_RSA_FACTOR2},    {"dp", OSSL_PKEY_PARAM_RSA_EXPONENT1},
        {"dq", OSSL_PKEY_PARAM_RSA_EXPONENT2}, {"qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1},
    };
    if (member(o, "oth") != NULL)
        return refuse(o, ERR_UNSUPPORTED, "an RSA key of more than two primes", STR_NONE, "one of two");
    found->has_private = member(o, "d") != NULL;
    size_t wanted = !found->has_private ? 2 : member(o, "p") != NULL ? RSA_PARTS : 3;
    struct build b = {.params = OSSL_PARAM_BLD_new()};
    b.failed = b.params == NULL;
    enum err e = OK;
    for (size_t i = 0; i < wanted && e == OK && !b.failed; i++) {
        uint8_t octets[NUMBER_MAX];
        size_t n;
        e = octets_member(o, parts[i].member, octets, sizeof octets, &n);
        if (e == OK)
            build_number(&b, parts[i].param, octets, n);
        OPENSSL_cleanse(octets, sizeof octets);
    }
    if (e == OK)
        return build_end(&b, o, "RSA", "RSA", ret);
    build_free(&b);
    return e;
}

static const struct jwk_curve *curve_find(str crv)
{
    for (size_t i = 0; i < JWK_CURVES; i++)
        if (str_eq(crv, str_from_cstr(jwk_curves[i].name)))
            return &jwk_curves[i];
    return NULL;
}

static enum err unknown_curve(const struct object *o, str crv)
{
    return refuse(o, ERR_UNSUPPORTED, "a JWK on the curve {}", crv.p != NULL ? crv : STR(""),
                  "P-256, P-384, P-521 or Ed25519");
}

// Octets of exactly that length.
static enum err field_member(const struct object *o, const char *name, uint8_t *ret, size_t wanted)
{
    size_t n;
    enum err e = octets_member(o, name, ret, JWK_FIELD_MAX, &n);
    if (e == OK && n != wanted)
        return refuse(o, ERR_SYNTAX, "a JWK whose {} has not the length of its curve", str_from_cstr(name),
                      "all octets, zeros in front too");
    return e;
}

static enum err ec_build_once(const struct object *o, str crv, struct jwk_found *found, EVP_PKEY **ret)
{
    const struct jwk_curve *curve = curve_find(crv);
    if (curve == NULL)
        return unknown_curve(o, crv);
    uint8_t point[1 + 2 * JWK_FIELD_MAX] = {4}; // uncompressed: x and y (SEC 1 section 2.3.3)
    uint8_t secret[JWK_FIELD_MAX];
    size_t field = curve->field_bytes;
    found->has_private = member(o, "d") != NULL;
    enum err e = field_member(o, "x", point + 1, field);
    if (e == OK)
        e = field_member(o, "y", point + 1 + field, field);
    if (e == OK && found->has_private)
        e = field_member(o, "d", secret, field);
    if (e != OK)
        return e;
    struct build b = {.params = OSSL_PARAM_BLD_new()};
    b.failed = b.params == NULL ||
               !OSSL_PARAM_BLD_push_utf8_string(b.params, OSSL_PKEY_PARAM_GROUP_NAME, curve->name, 0) ||
               !OSSL_PARAM_BLD_push_octet_string(b.params, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * field);
    if (!b.failed && found->has_private)
        build_number(&b, OSSL_PKEY_PARAM_PRIV_KEY, secret, field);
    OPENSSL_cleanse(secret, sizeof secret);
    return build_end(&b, o, "EC", curve->name, ret);
}

// In places libcrypto takes a number that there was no memory for as one that is off the curve; so a key that is refused is made anew.
static enum err ec_build(const struct object *o, str crv, struct jwk_found *found, EVP_PKEY **ret)
{
    enum err e = ec_build_once(o, crv, found, ret);
    return e == ERR_SYNTAX ? ec_build_once(o, crv, found, ret) : e;
}

static enum err okp_build(const struct object *o, str crv, struct jwk_found *found, EVP_PKEY **ret)
{
    enum { ED25519_BYTES = 32 };
    uint8_t x[JWK_FIELD_MAX], d[JWK_FIELD_MAX], made[ED25519_BYTES];
    size_t n = sizeof made;
    if (!str_eq(crv, STR("Ed25519")))
        return unknown_curve(o, crv);
    found->has_private = member(o, "d") != NULL;
    enum err e = field_member(o, "x", x, ED25519_BYTES);
    if (e == OK && found->has_private)
        e = field_member(o, "d", d, ED25519_BYTES);
    if (e != OK)
        return e;
    if (!found->has_private) {
        *ret = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x, ED25519_BYTES);
        return *ret != NULL ? OK : jwk_no_memory(o->problem); // any 32 octets are one
    }
    *ret = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, d, ED25519_BYTES);
    OPENSSL_cleanse(d, sizeof d);
    bool had = *ret != NULL && EVP_PKEY_get_raw_public_key(*ret, made, &n) == 1;
    if (had && memcmp(made, x, n) == 0)
        return OK;
    EVP_PKEY_free(*ret);
    return had ? no_key(o, "Ed25519") : jwk_no_memory(o->problem);
}

static enum err oct_take(const struct object *o, const struct jwk_found *found, const struct jwk_wish *wish,
                         struct jwk *ret)
{
    uint8_t secret[NUMBER_MAX];
    size_t n;
    enum err e = octets_member(o, "k", secret, sizeof secret, &n);
    if (e == OK)
        e = jwk_adopt_secret(str_make((const char *)secret, n), found, wish, ret, o->problem);
    OPENSSL_cleanse(secret, sizeof secret);
    return e;
}

// ---- what a key is for (RFC 7517 sections 4.2 to 4.4)

static bool op_listed(str ops, str wanted)
{
    char scratch[TEXT_MAX];
    str item, op;
    while (json_array_next(&ops, &item))
        if (json_kind_of(item) == JSON_STRING &&
            json_string_decode(item, scratch, sizeof scratch, &op) == OK && str_eq(op, wanted))
            return true;
    return false;
}

static enum err purpose_check(const struct object *o, const struct jwk_wish *wish)
{
    char scratch[TEXT_MAX];
    str use, wanted = wish->use == JWK_TO_SIGN ? STR("sign") : STR("verify");
    const struct json_member *ops = member(o, "key_ops");
    if (!text_member(o, "use", scratch, sizeof scratch, &use) || (use.p != NULL && !str_eq(use, STR("sig"))))
        return refuse(o, ERR_DENIED, "a JWK whose {} is not `sig`", STR("use"), "a key for signatures");
    if (ops != NULL && (ops->kind != JSON_ARRAY || !op_listed(ops->value, wanted)))
        return jwk_refuse(o->problem, ERR_DENIED, "a JWK whose {} do not list it", STR("key_ops"),
                          "a key that may {}", wanted);
    return OK;
}

static enum err alg_read(const struct object *o, struct jwk_found *found)
{
    char scratch[TEXT_MAX];
    str alg;
    bool text = text_member(o, "alg", scratch, sizeof scratch, &alg);
    found->has_alg = text && alg.p != NULL && jwa_find(alg, &found->alg);
    if (text && (alg.p == NULL || found->has_alg))
        return OK;
    return refuse(o, ERR_UNSUPPORTED, "a JWK for the algorithm {}", text ? alg : member(o, "alg")->value,
                  "HS, RS, PS or ES with 256, 384 or 512, or EdDSA");
}

// ---- one key

static enum err key_take(const struct object *o, const struct jwk_wish *wish, bool secrets, struct jwk *ret)
{
    char kty_room[TEXT_MAX], crv_room[TEXT_MAX], kid_room[JWK_KID_MAX];
    struct jwk_found found = {0};
    str kty, crv;
    if (!text_member(o, "kid", kid_room, sizeof kid_room, &found.kid))
        return refuse(o, ERR_LIMIT, "a JWK whose {} is no text of up to 128 bytes", STR("kid"),
                      "a short text");
    if (!text_member(o, "kty", kty_room, sizeof kty_room, &kty) || kty.p == NULL ||
        !text_member(o, "crv", crv_room, sizeof crv_room, &crv))
        return refuse(o, ERR_SYNTAX, "a JWK whose {} is missing or no short text", STR("kty"),
                      "`RSA`, `EC`, `OKP` or `oct`");
    enum err e = purpose_check(o, wish);
    if (e == OK)
        e = alg_read(o, &found);
    if (e != OK)
        return e;
    EVP_PKEY *pkey = NULL;
    if (str_eq(kty, STR("oct")) && secrets)
        return oct_take(o, &found, wish, ret);
    if (str_eq(kty, STR("RSA")))
        e = rsa_build(o, &found, &pkey);
    else if (str_eq(kty, STR("EC")))
        e = ec_build(o, crv, &found, &pkey);
    else if (str_eq(kty, STR("OKP")))
        e = okp_build(o, crv, &found, &pkey);
    else
        return refuse(o, ERR_UNSUPPORTED, "a JWK of the kind {}", kty,
                      secrets ? "RSA, EC, OKP or oct"
                              : "RSA, EC or OKP: a set of keys is no place for secrets");
    return e == OK ? jwk_adopt_pair(pkey, &found, wish, ret, o->problem) : e;
}

static enum err object_scan(str text, struct object *ret)
{
    struct json_problem bad;
    if (json_object_scan(text, ret->members, MEMBERS_MAX, &ret->n, &bad) == OK)
        return OK;
    return jwk_refuse(ret->problem, ERR_SYNTAX, "a text that is no JSON object (%)",
                      str_from_cstr(bad.message), "a JWK", STR_NONE);
}

enum err jwk_from_json(str text, const struct jwk_wish *wish, struct jwk *ret, struct jwk_problem *problem)
{
    struct object o = {.problem = problem};
    enum err e = object_scan(text, &o);
    if (e != OK)
        return e;
    if (member(&o, "kty") == NULL && member(&o, "keys") != NULL)
        return refuse(&o, ERR_SYNTAX, "a set of keys", STR_NONE, "a single JWK");
    return key_take(&o, wish, true, ret);
}

// ---- a set

enum err jwk_set_begin(str text, struct jwk_set *ret, struct jwk_problem *problem)
{
    struct object o = {.problem = problem};
    enum err e = object_scan(text, &o);
    if (e != OK)
        return e;
    const struct json_member *keys = member(&o, "keys");
    if (keys == NULL || keys->kind != JSON_ARRAY)
        return refuse(&o, ERR_SYNTAX, "an object without a list of {}", STR("keys"), "a JWK set");
    *ret = (struct jwk_set){.rest = keys->value};
    return OK;
}

enum err jwk_set_next(struct jwk_set *s, const struct jwk_wish *wish, struct jwk *ret,
                      struct jwk_problem *problem)
{
    struct object o = {.problem = problem};
    struct jwk_wish of_set = *wish;
    of_set.kid = STR_NONE;
    str item;
    while (s->place < JWK_SET_MAX && json_array_next(&s->rest, &item)) {
        s->place++;
        enum err e = object_scan(item, &o);
        if (e == OK)
            e = key_take(&o, &of_set, false, ret);
        if (e == OK || e == ERR_NOMEM)
            return e;
        s->passed++;
    }
    return ERR_NOT_FOUND;
}
