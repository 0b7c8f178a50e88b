// SPDX-License-Identifier: Apache-2.0
//
// E3, RSA: signatures that are not quite one, made with the private key out of encoded messages that are not quite right, as
// Wycheproof has them; and numbers that are not quite a signature. Each is refused, and those that are right are not.
//
// What is right: RFC 8017 section 8.2.2 (PKCS1-v1_5) compares with the one encoding that a message has, so nothing of a padding is
// read; section 8.1.2 (PSS), with the salt as long as the hash and MGF1 of the same hash (RFC 7518 sections 3.3 and 3.5).
#include "unit/forgery.h"

#include "wire/digest.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

enum { K = 256, SALT_MAX = K }; // octets of the modulus of A2_KEY

static const str message = {"over the hills", 14};

static const EVP_MD *hash_of(enum jwa alg)
{
    size_t n = jwa_row(alg)->hash_bytes;
    return n == 32 ? EVP_sha256() : n == 48 ? EVP_sha384() : EVP_sha512();
}

static size_t hash_put(const EVP_MD *md, const void *p, size_t n, uint8_t *ret)
{
    unsigned made = 0;
    assert_int_equal(EVP_Digest(p, n, ret, &made, md, NULL), 1);
    return made;
}

static struct jwk signer_of(enum jwa alg) { return jose_key(A2_PRIVATE, JWK_TO_SIGN, alg, NULL); }

// The private operation on whatever is there (RSASP1, RFC 8017 section 5.2.1). False where it is not below the modulus.
static bool raw_sign(const struct jwk *signer, const uint8_t em[K], uint8_t ret[K])
{
    size_t n = K;
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(NULL, signer->pkey, NULL);
    bool ready = EVP_PKEY_sign_init(c) == 1 && EVP_PKEY_CTX_set_rsa_padding(c, RSA_NO_PADDING) == 1;
    bool made = ready && EVP_PKEY_sign(c, ret, &n, em, K) == 1;
    EVP_PKEY_CTX_free(c);
    return made;
}

// ---- PKCS1-v1_5: encoded messages as texts (RFC 8017 section 9.2)
//
//     3a     this octet               #   the hash of the message          ~   octets ff, as many as the whole lacks
//     h d    the length of the hash,  !   the same, its last bit turned    _   likewise, zeros
//            of all of the sequence   <   all of it but its last octet     *   likewise, anything
//     h+2    and some more            @   which SHA-2 it is
//     223-h  what that leaves

#define OID "06 09 60 86 48 01 65 03 04 02 @"
#define ALG "30 0d " OID " 05 00"
#define INFO "30 d " ALG " 04 h #"
#define EIGHT "ff ff ff ff ff ff ff ff"

static const struct encoded {
    const char *what, *text;
    enum err wanted;
} encodeds[] = {
    {"as it is", "00 01 ~ 00 " INFO, OK},
    // What of the padding is there.
    {"block type 0", "00 00 _ 00 " INFO, ERR_DENIED},
    {"block type 2", "00 02 * 00 " INFO, ERR_DENIED},
    {"block type 2, ones", "00 02 ~ 00 " INFO, ERR_DENIED},
    {"block type 3", "00 03 ~ 00 " INFO, ERR_DENIED},
    {"a first octet that is not 0", "01 01 ~ 00 " INFO, ERR_DENIED},
    {"a 0 early in the padding", "00 01 ff 00 ~ 00 " INFO, ERR_DENIED},
    {"a 0 late in the padding", "00 01 ~ 00 ff 00 " INFO, ERR_DENIED},
    {"an octet of padding that is not ff", "00 01 ~ fe ff 00 " INFO, ERR_DENIED},
    {"zeros as padding", "00 01 _ 00 " INFO, ERR_DENIED},
    {"anything as padding", "00 01 * 00 " INFO, ERR_DENIED},
    {"nothing between padding and content", "00 01 ~ " INFO, ERR_DENIED},
    {"1 between padding and content", "00 01 ~ 01 " INFO, ERR_DENIED},
    {"no padding, anything behind", "00 01 00 " INFO " *", ERR_DENIED},
    {"seven octets of padding, anything behind", "00 01 ff ff ff ff ff ff ff 00 " INFO " *", ERR_DENIED},
    {"eight octets of padding, anything behind", "00 01 " EIGHT " 00 " INFO " *",
     ERR_DENIED}, // Bleichenbacher, 2006
    {"eight octets of padding, zeros behind", "00 01 " EIGHT " 00 " INFO " _", ERR_DENIED},
    {"an octet behind", "00 01 ~ 00 " INFO " 00", ERR_DENIED},
    {"the content in front, padding behind", "00 01 " EIGHT " 00 " INFO " ~", ERR_DENIED},
    {"padding and nothing else", "00 01 ~", ERR_DENIED},
    // Nothing, or too little, in it.
    {"no content", "00 01 ~ 00", ERR_DENIED},
    {"the hash alone", "00 01 ~ 00 #", ERR_DENIED},
    {"the hash as octets alone", "00 01 ~ 00 04 h #", ERR_DENIED},
    {"the algorithm alone", "00 01 ~ 00 30 0f " ALG, ERR_DENIED},
    {"no algorithm", "00 01 ~ 00 30 h+2 04 h #", ERR_DENIED},
    {"an empty algorithm", "00 01 ~ 00 30 h+4 30 00 04 h #", ERR_DENIED},
    {"an algorithm that is null", "00 01 ~ 00 30 h+4 05 00 04 h #", ERR_DENIED},
    {"nothing around it", "00 01 ~ 00 " ALG " 04 h #", ERR_DENIED},
    {"cut short", "00 01 ~ 00 30 d " ALG " 04 h <", ERR_DENIED},
    // Parameters: NULL, and there (RFC 8017 appendix B.1 has implementations take what lacks it; section 8.2.2 does not need to).
    {"no NULL", "00 01 ~ 00 30 d-2 30 0b " OID " 04 h #", ERR_DENIED},
    {"a NULL with something in it", "00 01 ~ 00 30 d+1 30 0e " OID " 05 01 00 04 h #", ERR_DENIED},
    {"a NULL twice", "00 01 ~ 00 30 d+2 30 0f " OID " 05 00 05 00 04 h #", ERR_DENIED},
    {"parameters that are a sequence", "00 01 ~ 00 30 d 30 0d " OID " 30 00 04 h #", ERR_DENIED},
    {"parameters that are octets", "00 01 ~ 00 30 d 30 0d " OID " 04 00 04 h #", ERR_DENIED},
    {"anything as parameters", "00 01 " EIGHT " 00 30 81 f2 30 81 237-h " OID " 04 81 223-h * 04 h #",
     ERR_DENIED},
    // Other hashes.
    {"the OID of SHA-1", "00 01 ~ 00 30 d-4 30 09 06 05 2b 0e 03 02 1a 05 00 04 h #", ERR_DENIED},
    {"the OID of MD5", "00 01 ~ 00 30 d-1 30 0c 06 08 2a 86 48 86 f7 0d 02 05 05 00 04 h #", ERR_DENIED},
    {"the OID of SHA-224", "00 01 ~ 00 30 d 30 0d 06 09 60 86 48 01 65 03 04 02 04 05 00 04 h #", ERR_DENIED},
    {"the OID of SHA3-256", "00 01 ~ 00 30 d 30 0d 06 09 60 86 48 01 65 03 04 02 08 05 00 04 h #",
     ERR_DENIED},
    {"the OID of RSA with a hash", "00 01 ~ 00 30 d 30 0d 06 09 2a 86 48 86 f7 0d 01 01 0b 05 00 04 h #",
     ERR_DENIED},
    {"an OID in a longer form", "00 01 ~ 00 30 d+1 30 0e 06 0a 80 60 86 48 01 65 03 04 02 @ 05 00 04 h #",
     ERR_DENIED},
    {"an empty OID", "00 01 ~ 00 30 d-9 30 04 06 00 05 00 04 h #", ERR_DENIED},
    {"a hash with a bit turned", "00 01 ~ 00 30 d " ALG " 04 h !", ERR_DENIED},
    {"a hash that is a bit shorter", "00 01 ~ 00 30 d-1 " ALG " 04 h-1 <", ERR_DENIED},
    {"a hash with an octet behind", "00 01 ~ 00 30 d+1 " ALG " 04 h+1 # 00", ERR_DENIED},
    {"an empty hash", "00 01 ~ 00 30 11 " ALG " 04 00", ERR_DENIED},
    // BER that is not DER.
    {"long form: the whole", "00 01 ~ 00 30 81 d " ALG " 04 h #", ERR_DENIED},
    {"long form: the whole, a 0 in front", "00 01 ~ 00 30 82 00 d " ALG " 04 h #", ERR_DENIED},
    {"long form: the algorithm", "00 01 ~ 00 30 d+1 30 81 0d " OID " 05 00 04 h #", ERR_DENIED},
    {"long form: the OID", "00 01 ~ 00 30 d+1 30 0e 06 81 09 60 86 48 01 65 03 04 02 @ 05 00 04 h #",
     ERR_DENIED},
    {"long form: the NULL", "00 01 ~ 00 30 d+1 30 0e " OID " 05 81 00 04 h #", ERR_DENIED},
    {"long form: the hash", "00 01 ~ 00 30 d+1 " ALG " 04 81 h #", ERR_DENIED},
    {"a length of 2^32 and the right one", "00 01 ~ 00 30 85 01 00 00 00 d " ALG " 04 h #", ERR_DENIED},
    {"a length of 2^64 and the right one", "00 01 ~ 00 30 89 01 00 00 00 00 00 00 00 d " ALG " 04 h #",
     ERR_DENIED},
    {"a length of 2^31 - 1", "00 01 ~ 00 30 84 7f ff ff ff " ALG " 04 h #", ERR_DENIED},
    {"a length of 2^32 - 1", "00 01 ~ 00 30 84 ff ff ff ff " ALG " 04 h #", ERR_DENIED},
    {"a length that is 1 too much", "00 01 ~ 00 30 d+1 " ALG " 04 h #", ERR_DENIED},
    {"a length that is 1 too little", "00 01 ~ 00 30 d-1 " ALG " 04 h #", ERR_DENIED},
    {"a length of the hash that is 1 too much", "00 01 ~ 00 30 d " ALG " 04 h+1 #", ERR_DENIED},
    {"no end told: the whole", "00 01 ~ 00 30 80 " ALG " 04 h # 00 00", ERR_DENIED},
    {"no end told, and none", "00 01 ~ 00 30 80 " ALG " 04 h #", ERR_DENIED},
    {"no end told: the algorithm", "00 01 ~ 00 30 d+2 30 80 " OID " 05 00 00 00 04 h #", ERR_DENIED},
    {"octets made of octets", "00 01 ~ 00 30 d+2 " ALG " 24 h+2 04 h #", ERR_DENIED},
    {"a set for the whole", "00 01 ~ 00 31 d " ALG " 04 h #", ERR_DENIED},
    {"a set for the algorithm", "00 01 ~ 00 30 d 31 0d " OID " 05 00 04 h #", ERR_DENIED},
    {"a bit string for the hash", "00 01 ~ 00 30 d+1 " ALG " 03 h+1 00 #", ERR_DENIED},
    {"something in it behind", "00 01 ~ 00 30 d+2 " ALG " 04 h # 05 00", ERR_DENIED},
    {"something in it in front", "00 01 ~ 00 30 d+2 05 00 " ALG " 04 h #", ERR_DENIED},
    {"the whole twice", "00 01 ~ 00 " INFO " " INFO, ERR_DENIED},
    {"the whole in a sequence", "00 01 ~ 00 30 d+2 " INFO, ERR_DENIED},
    {"end of contents behind", "00 01 ~ 00 " INFO " 00 00", ERR_DENIED},
};

struct draft {
    uint8_t octets[2 * K];
    size_t n, fill; // fill: where what fills it stands
    char fill_kind; // 0: nowhere
};

static void put_octets(struct draft *d, const void *p, size_t n)
{
    assert_true(d->n + n <= sizeof d->octets);
    memcpy(d->octets + d->n, p, n);
    d->n += n;
}

static void put_word(struct draft *d, const char *word, enum jwa alg)
{
    uint8_t hash[EVP_MAX_MD_SIZE];
    size_t h = hash_put(hash_of(alg), message.p, message.n, hash), of_all = h + 17 + 2;
    uint8_t one;
    switch (word[0]) {
    case '~':
    case '_':
    case '*':
        d->fill = d->n;
        d->fill_kind = word[0];
        return;
    case '!':
        hash[h - 1] ^= 1;
        put_octets(d, hash, h);
        return;
    case '#':
    case '<':
        put_octets(d, hash, word[0] == '<' ? h - 1 : h);
        return;
    case '@':
        one = (uint8_t)(h / 16 - 1);
        break;
    case 'h':
    case 'd':
        // "d" is a length, and "d+1", "d-2"; "d0" would be an octet
        one = (uint8_t)((word[0] == 'h' ? h : of_all - 2) + (size_t)strtol(word + 1, NULL, 10));
        break;
    default:
        one = (uint8_t)(strstr(word, "-h") != NULL ? strtoul(word, NULL, 10) - h : strtoul(word, NULL, 16));
    }
    put_octets(d, &one, 1);
}

static void encode(const char *text, enum jwa alg, uint8_t ret[K])
{
    struct draft d = {.n = 0};
    char words[256], *rest = words;
    assert_true(snprintf(words, sizeof words, "%s", text) < (int)sizeof words);
    for (const char *word; (word = strsep(&rest, " ")) != NULL;)
        put_word(&d, word, alg);
    assert_true(d.n <= K && (d.n == K || d.fill_kind != 0));
    size_t lacks = K - d.n;
    memcpy(ret, d.octets, d.fill);
    for (size_t i = 0; i < lacks; i++)
        ret[d.fill + i] = d.fill_kind == '~' ? 0xff : d.fill_kind == '_' ? 0 : (uint8_t)(1 + i * 37 % 255);
    memcpy(ret + d.fill + lacks, d.octets + d.fill, d.n - d.fill);
}

static const enum jwa pkcs1[] = {JWA_RS256, JWA_RS384, JWA_RS512}, pss[] = {JWA_PS256, JWA_PS384, JWA_PS512};

static void test_encoded(void **state)
{
    (void)state;
    for (size_t a = 0; a < ARRAY_LEN(pkcs1); a++) {
        struct jwk k = signer_of(pkcs1[a]);
        for (size_t i = 0; i < ARRAY_LEN(encodeds); i++) {
            uint8_t em[K], signature[K];
            encode(encodeds[i].text, pkcs1[a], em);
            assert_true(raw_sign(&k, em, signature));
            forgery_case(&k, encodeds[i].what, message, signature, K, encodeds[i].wanted);
        }
        jwk_deinit(&k);
    }
}

// Any turned bit of what was encoded.
static void test_encoded_bits(void **state)
{
    (void)state;
    struct jwk k = signer_of(JWA_RS256);
    for (size_t at = 0; at < K; at++) {
        uint8_t em[K], signature[K];
        encode(encodeds[0].text, JWA_RS256, em);
        em[at] ^= (uint8_t)(1u << at % 8);
        if (raw_sign(&k, em, signature))
            forgery_case(&k, "a bit of what was encoded", message, signature, K, ERR_DENIED);
    }
    jwk_deinit(&k);
}

// ---- without the private key: the cube root of what begins as it should (Bleichenbacher, CRYPTO 2006 rump session). With 2048 bits
// it has two thirds of them wrong, which leaves room for the two shorter hashes.

static BIGNUM *cube(const BIGNUM *b, BN_CTX *c)
{
    BIGNUM *square = BN_new(), *ret = BN_new();
    assert_true(BN_sqr(square, b, c) && BN_mul(ret, square, b, c));
    BN_free(square);
    return ret;
}

// The largest number whose cube is not larger.
static BIGNUM *cube_root(const BIGNUM *b, BN_CTX *c)
{
    BIGNUM *root = BN_new();
    BN_zero(root);
    for (int bit = BN_num_bits(b) / 3 + 1; bit >= 0; bit--) {
        assert_true(BN_set_bit(root, bit));
        BIGNUM *of_it = cube(root, c);
        if (BN_cmp(of_it, b) > 0)
            assert_true(BN_clear_bit(root, bit));
        BN_free(of_it);
    }
    return root;
}

static void test_cube_root(void **state)
{
    (void)state;
    for (size_t a = 0; a < 2; a++) {
        struct jwk k =
            jose_key("{\"kty\":\"RSA\",\"n\":\"" A2_N "\",\"e\":\"Aw\"}", JWK_TO_VERIFY, pkcs1[a], NULL);
        uint8_t em[K], opened[K], signature[K];
        encode("00 01 " EIGHT " 00 " INFO " ~", pkcs1[a], em);
        size_t kept = 11 + 19 + jwa_row(pkcs1[a])->hash_bytes;
        BN_CTX *c = BN_CTX_new();
        BIGNUM *wanted = number_of(em, K), *root = cube_root(wanted, c), *of_it = cube(root, c);
        assert_true(number_put(root, signature, K) && number_put(of_it, opened, K));
        assert_memory_equal(opened, em, kept); // who stops reading here takes it
        forgery_case(&k, "a cube root", message, signature, K, ERR_DENIED);
        BN_free(wanted);
        BN_free(root);
        BN_free(of_it);
        BN_CTX_free(c);
        jwk_deinit(&k);
    }
}

// ---- PSS (RFC 8017 section 9.1)

enum { AS_HASH = -1, FULL = -2 };

static const struct pss_case {
    const char *what;
    enum err wanted;
    int salt;                      // octets; AS_HASH, FULL: as many as fit
    int salt_octet;                // all of it; -1: some or other
    const EVP_MD *(*mgf)(void);    // another hash for the mask; NULL: the same
    const EVP_MD *(*digest)(void); // another for message and salt
    uint8_t trailer;               // 0: bc
    uint8_t eight;                 // in front of the hash, should be 0
    uint8_t padding;               // one octet of it, should be 0
    uint8_t separator;             // 0: 01
    bool top;                      // the bit that has to be 0 is not
    int turn; // a bit of this octet of the whole is turned, from 1; -1: of the last one of the salt
} pss_cases[] = {
    {.what = "as it is", .wanted = OK, .salt = AS_HASH, .salt_octet = -1},
    {.what = "a salt of zeros", .wanted = OK, .salt = AS_HASH, .salt_octet = 0},
    {.what = "a salt of ones", .wanted = OK, .salt = AS_HASH, .salt_octet = 0xff},
    // RFC 7518 section 3.5: "the size of the salt value is the same size as the hash function output"
    {.what = "no salt", .wanted = ERR_DENIED, .salt = 0},
    {.what = "a salt of an octet", .wanted = ERR_DENIED, .salt = 1},
    {.what = "a salt as of SHA-1", .wanted = ERR_DENIED, .salt = 20},
    {.what = "a salt of 31 octets", .wanted = ERR_DENIED, .salt = 31},
    {.what = "a salt of 33 octets", .wanted = ERR_DENIED, .salt = 33},
    {.what = "a salt of 47 octets", .wanted = ERR_DENIED, .salt = 47},
    {.what = "a salt of 49 octets", .wanted = ERR_DENIED, .salt = 49},
    {.what = "a salt of 63 octets", .wanted = ERR_DENIED, .salt = 63},
    {.what = "a salt of 65 octets", .wanted = ERR_DENIED, .salt = 65},
    {.what = "as much salt as fits", .wanted = ERR_DENIED, .salt = FULL},
    {.what = "a mask of SHA-1", .wanted = ERR_DENIED, .salt = AS_HASH, .mgf = EVP_sha1},
    {.what = "a mask of SHA-224", .wanted = ERR_DENIED, .salt = AS_HASH, .mgf = EVP_sha224},
    {.what = "a mask of SHA-512/256", .wanted = ERR_DENIED, .salt = AS_HASH, .mgf = EVP_sha512_256},
    {.what = "all with SHA-512/256",
     .wanted = ERR_DENIED,
     .salt = AS_HASH,
     .mgf = EVP_sha512_256,
     .digest = EVP_sha512_256},
    {.what = "the trailer of X9.31", .wanted = ERR_DENIED, .salt = AS_HASH, .trailer = 0xcc},
    {.what = "a trailer with a bit turned", .wanted = ERR_DENIED, .salt = AS_HASH, .trailer = 0x3c},
    {.what = "seven zeros and a 1 in front", .wanted = ERR_DENIED, .salt = AS_HASH, .eight = 1},
    {.what = "a padding that is not zeros", .wanted = ERR_DENIED, .salt = AS_HASH, .padding = 1},
    {.what = "a 2 in front of the salt", .wanted = ERR_DENIED, .salt = AS_HASH, .separator = 2},
    {.what = "an 81 in front of the salt", .wanted = ERR_DENIED, .salt = AS_HASH, .separator = 0x81},
    {.what = "the highest bit", .wanted = ERR_DENIED, .salt = AS_HASH, .top = true},
    {.what = "a bit of the mask", .wanted = ERR_DENIED, .salt = AS_HASH, .turn = 10},
    {.what = "a bit of the salt", .wanted = ERR_DENIED, .salt = AS_HASH, .turn = -1},
    {.what = "a bit of the hash", .wanted = ERR_DENIED, .salt = AS_HASH, .turn = K - 10},
};

static void mask(const EVP_MD *md, const uint8_t *seed, size_t seed_n, uint8_t *p,
                 size_t n) // MGF1, appendix B.2.1
{
    uint8_t in[EVP_MAX_MD_SIZE + 4], out[EVP_MAX_MD_SIZE];
    memcpy(in, seed, seed_n);
    for (size_t at = 0, count = 0; at < n; count++) {
        memcpy(in + seed_n, (uint8_t[]){0, 0, 0, (uint8_t)count}, 4);
        size_t made = hash_put(md, in, seed_n + 4, out);
        for (size_t i = 0; i < made && at < n; i++, at++)
            p[at] ^= out[i];
    }
}

// H of the salted message, steps 5 and 6.
static size_t salted_hash(const EVP_MD *md, const struct pss_case *c, const uint8_t *salt, size_t salt_n,
                          uint8_t *ret)
{
    uint8_t in[8 + EVP_MAX_MD_SIZE + SALT_MAX] = {0};
    in[7] = c->eight;
    size_t h = hash_put(md, message.p, message.n, in + 8);
    memcpy(in + 8 + h, salt, salt_n);
    return hash_put(md, in, 8 + h + salt_n, ret);
}

static void pss_encode(const struct pss_case *c, enum jwa alg, unsigned round, uint8_t em[K])
{
    const EVP_MD *md = c->digest != NULL ? c->digest() : hash_of(alg);
    const EVP_MD *mask_md = c->mgf != NULL ? c->mgf() : md;
    size_t h = (size_t)EVP_MD_get_size(md), salted = K - h - 1; // octets of DB
    size_t salt_n = c->salt == FULL ? salted - 1 : c->salt == AS_HASH ? h : (size_t)c->salt;
    uint8_t salt[SALT_MAX];
    for (size_t i = 0; i < salt_n; i++)
        salt[i] = c->salt_octet > 0                       ? (uint8_t)c->salt_octet
                  : c->salt_octet == 0 && c->wanted == OK ? 0
                                                          : (uint8_t)(round + i * 7);
    memset(em, 0, K);
    size_t at = salted - salt_n - 1;
    em[at] = c->separator != 0 ? c->separator : 1;
    if (c->padding != 0)
        em[at - 1] = c->padding;
    memcpy(em + at + 1, salt, salt_n);
    assert_int_equal(salted_hash(md, c, salt, salt_n, em + salted), h);
    if (c->turn < 0)
        em[salted - 1] ^= 1;
    mask(mask_md, em + salted, h, em, salted);
    em[0] = (uint8_t)((em[0] & 0x7f) | (c->top ? 0x80 : 0)); // emBits are a bit less than K octets
    em[K - 1] = c->trailer != 0 ? c->trailer : 0xbc;
    if (c->turn > 0)
        em[c->turn - 1] ^= 1;
}

static void test_pss(void **state)
{
    (void)state;
    for (size_t a = 0; a < ARRAY_LEN(pss); a++) {
        struct jwk k = signer_of(pss[a]);
        for (size_t i = 0; i < ARRAY_LEN(pss_cases); i++) {
            uint8_t em[K], signature[K];
            unsigned round = 0;
            do // with the highest bit it has to be below the modulus
                pss_encode(&pss_cases[i], pss[a], round++, em);
            while (!raw_sign(&k, em, signature));
            forgery_case(&k, pss_cases[i].what, message, signature, K, pss_cases[i].wanted);
        }
        jwk_deinit(&k);
    }
}

// ---- numbers (RFC 8017 section 5.2.2: a signature is below the modulus; sections 8.1.2 and 8.2.2, step 1: it has its length)

struct number {
    const char *what;
    enum err wanted;
    int n, s; // so many of each,
    int more; // and this
};

static const struct number numbers[] = {
    {"s", OK, 0, 1, 0},
    {"s + 1", ERR_DENIED, 0, 1, 1},
    {"s - 1", ERR_DENIED, 0, 1, -1},
    {"n - s", ERR_DENIED, 1, -1, 0},
    {"s + n", ERR_DENIED, 1, 1, 0},
    {"0", ERR_DENIED, 0, 0, 0},
    {"1", ERR_DENIED, 0, 0, 1},
    {"n - 1", ERR_DENIED, 1, 0, -1},
    {"n", ERR_DENIED, 1, 0, 0},
    {"n + 1", ERR_DENIED, 1, 0, 1},
};

static BIGNUM *number_make(const struct number *row, const BIGNUM *n, const BIGNUM *s)
{
    BIGNUM *ret = BN_new();
    BN_zero(ret);
    if (row->n == 1)
        assert_true(BN_add(ret, ret, n));
    if (row->s != 0)
        assert_true(row->s > 0 ? BN_add(ret, ret, s) : BN_sub(ret, ret, s));
    if (row->more != 0)
        assert_true(row->more > 0 ? BN_add_word(ret, 1) : BN_sub_word(ret, 1));
    return ret;
}

// A text whose signature begins with so many zero bits, as s + n has to find room beside s.
static str text_with(const struct jwk *k, unsigned zero_bits, char *room, size_t cap,
                     uint8_t signature[JWA_SIGNATURE_MAX])
{
    for (unsigned i = 0;; i++) {
        str text = str_make(room, (size_t)snprintf(room, cap, "text %u", i));
        size_t n;
        assert_int_equal(jwk_sign(k, text, signature, &n), OK);
        if (signature[0] >> (8 - zero_bits) == 0)
            return text;
    }
}

static void check_numbers(const struct jwk *k)
{
    uint8_t signature[JWA_SIGNATURE_MAX], other[K + 1];
    char room[32];
    BIGNUM *n = NULL;
    assert_int_equal(EVP_PKEY_get_bn_param(k->pkey, OSSL_PKEY_PARAM_RSA_N, &n), 1);
    str text = text_with(k, 2, room, sizeof room, signature);
    BIGNUM *s = number_of(signature, K);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        BIGNUM *made = number_make(&numbers[i], n, s);
        assert_true(number_put(made, other, K));
        forgery_case(k, numbers[i].what, text, other, K, numbers[i].wanted);
        assert_true(number_put(made, other, K + 1)); // the same, with a zero in front
        forgery_case(k, numbers[i].what, text, other, K + 1, ERR_DENIED);
        BN_free(made);
    }
    BN_free(s);
    BN_free(n);
}

static void check_lengths(const struct jwk *k)
{
    uint8_t signature[JWA_SIGNATURE_MAX] = {0};
    char room[32];
    str text = text_with(k, 8, room, sizeof room, signature); // begins with a zero
    forgery_case(k, "a zero in front that belongs there", text, signature, K, OK);
    forgery_case(k, "that zero left out", text, signature + 1, K - 1, ERR_DENIED);
    signature[K] = 0;
    forgery_case(k, "a zero behind", text, signature, K + 1, ERR_DENIED);
    forgery_case(k, "a zero in front left out, one behind", text, signature + 1, K, ERR_DENIED);
    memcpy(signature + K, signature, K);
    forgery_case(k, "twice", text, signature, 2 * K, ERR_DENIED);
    for (size_t n = 0; n < K; n += n < 8 ? 1 : 31)
        forgery_case(k, "cut short", text, signature, n, ERR_DENIED);
    forgery_case(k, "of another text", STR("another"), signature, K, ERR_DENIED);
}

// Whatever another algorithm makes of the same text with the same key.
static void check_others(const struct jwk *k)
{
    for (size_t a = 0; a < 2 * ARRAY_LEN(pss); a++) {
        enum jwa alg = a < ARRAY_LEN(pss) ? pss[a] : pkcs1[a - ARRAY_LEN(pss)];
        struct jwk other = signer_of(alg);
        uint8_t signature[JWA_SIGNATURE_MAX];
        size_t n;
        assert_int_equal(jwk_sign(&other, message, signature, &n), OK);
        forgery_case(k, jwa_name(alg).p, message, signature, n, alg == k->alg ? OK : ERR_DENIED);
        jwk_deinit(&other);
    }
}

static void test_numbers(void **state)
{
    (void)state;
    for (size_t a = 0; a < 2 * ARRAY_LEN(pss); a++) {
        struct jwk k = signer_of(a < ARRAY_LEN(pss) ? pss[a] : pkcs1[a - ARRAY_LEN(pss)]);
        check_numbers(&k);
        check_others(&k);
        if (k.alg == JWA_RS256 || k.alg == JWA_PS256)
            check_lengths(&k);
        jwk_deinit(&k);
    }
}

int main(void)
{
    if (digest_self_test() != OK)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_encoded), cmocka_unit_test(test_encoded_bits), cmocka_unit_test(test_cube_root),
        cmocka_unit_test(test_pss),     cmocka_unit_test(test_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, forgeries_print);
}
