// SPDX-License-Identifier: Apache-2.0
//
// jose.h - the keys and tokens that the standards print, and tokens made to order.
//
// A token made to order has the header and the payload that a test writes, right or wrong, and is signed with what the key
// does: so a refusal is for the rule that the test means, and not for the signature.
#ifndef PLENUM_UNIT_JOSE_H
#define PLENUM_UNIT_JOSE_H

#include "base/codec.h"
#include "wire/jws.h"

#include <stdio.h>
#include <stdlib.h>

// ---- RFC 7515 appendix A: one payload, four algorithms

#define A_PAYLOAD \
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"

#define A1_KEY \
    "{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow\"}"
#define A1_TOKEN \
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." A_PAYLOAD ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

#define A2_N                                                                                                                   \
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_" \
    "YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uD" \
    "Zlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"
#define A2_D                                                                                                                   \
    "Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTG" \
    "oVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQ" \
    "UShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRuOopznQ"
#define A2_CRT                                                                                                                 \
    "\"p\":\"4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDc" \
    "mnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y2XDwGUc\","                                                           \
    "\"q\":\"uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1ZSe7zFYHj7C6ul7TjeLQeZD_YwD66t62wDmpe_HlB-" \
    "TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdc\","                                                           \
    "\"dp\":\"BwKfV3Akq5_MFZDFZCnW-wzl-CCo83WoZvnLQwCTeDv8uzluRSnm71I3QCLdhrqE2e9YkxvuxdBfpT_PI7Yz-FOKnu1R6HsJeDCjn12Sk3vmAkt" \
    "V2zb34MCdy7cpdTh_YVr7tss2u6vneTwrA86rZtu5Mbr1C1XsmvkxHQAdYo0\","                                                          \
    "\"dq\":\"h_96-mK1R_7glhsum81dZxjTnYynPbZpHziZjeeHcXYsXaaMwkOlODsWa7I9xXDoRwbKgB719rrmI2oKr6N3Do9U0ajaHF-NKJnwgjMd2w9cjz3" \
    "_-kyNlxAr2v4IKhGNpmM5iIgOS1VZnOZ68m6_pbLBSp3nssTdlqvd0tIiTHU\","                                                          \
    "\"qi\":\"IYd7DHOhrWvxkwPQsRM2tOgrjbcrfvtQJipd-DlcxyVuuM9sQLdgjVk2oy26F0EmpScGLq2MowX7fhd_QJQ3ydy5cY7YIBi87w93IKLEdfnbJto" \
    "OPLUW0ITrJReOgo1cq9SbsxYawBgfp_gh6A5603k2-ZQwVK0JKSHuLFkuQ3U\""
#define A2_PUBLIC "\"kty\":\"RSA\",\"n\":\"" A2_N "\",\"e\":\"AQAB\""
#define A2_KEY "{" A2_PUBLIC "}"
#define A2_PRIVATE "{" A2_PUBLIC ",\"d\":\"" A2_D "\"," A2_CRT "}"
#define A2_SIGNATURE                                                                                                           \
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQ" \
    "jbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqt" \
    "FZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
#define A2_TOKEN "eyJhbGciOiJSUzI1NiJ9." A_PAYLOAD "." A2_SIGNATURE

#define A3_PUBLIC                                                                             \
    "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"," \
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\""
#define A3_KEY "{" A3_PUBLIC "}"
#define A3_PRIVATE "{" A3_PUBLIC ",\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\"}"
#define A3_TOKEN                      \
    "eyJhbGciOiJFUzI1NiJ9." A_PAYLOAD \
    ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"

#define A4_PUBLIC                                                                                         \
    "\"kty\":\"EC\",\"crv\":\"P-521\","                                                                   \
    "\"x\":\"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk\"," \
    "\"y\":\"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2\""
#define A4_KEY "{" A4_PUBLIC "}"
#define A4_PRIVATE \
    "{" A4_PUBLIC  \
    ",\"d\":\"AY5pb7A0UFiB3RELSD64fTLOSV_jazdF7fLYyuTw8lOfRhWg6Y6rUrPAxerEzgdRhajnu0ferB0d53vM9mE15j2C\"}"
#define A4_TOKEN                                                                                                               \
    "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7Xdt" \
    "AG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn"

// RFC 7515 appendix A.5
#define A5_TOKEN "eyJhbGciOiJub25lIn0." A_PAYLOAD "."

// ---- RFC 8037 appendix A

#define ED_PUBLIC "\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\""
#define ED_KEY "{" ED_PUBLIC "}"
#define ED_PRIVATE "{" ED_PUBLIC ",\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\"}"
#define ED_SIGNED "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
#define ED_SIGNATURE "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
#define ED_TOKEN ED_SIGNED "." ED_SIGNATURE
#define ED_THUMBPRINT "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"

// ---- RFC 7520 sections 4.2 (PS384) and 4.3 (ES512), whose headers have a kid

#define FRODO                                                                                                                  \
    "SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlv" \
    "dSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4"
#define BILBO "bilbo.baggins@hobbiton.example"
#define FRODO_RSA_KEY                                                                                                          \
    "{\"kty\":\"RSA\",\"kid\":\"" BILBO "\",\"use\":\"sig\",\"alg\":\"PS384\",\"n\":\""                                        \
    "n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL" \
    "-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzw" \
    "OHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw\",\"e\":\"AQAB\"}"
#define FRODO_PS384_TOKEN                                                                                                      \
    "eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9." FRODO "."                                      \
    "cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6_1OLPpcbUrhiUSMx" \
    "bbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8c" \
    "BE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw"
#define FRODO_EC_KEY                                                                                      \
    "{\"kty\":\"EC\",\"kid\":\"" BILBO "\",\"use\":\"sig\",\"crv\":\"P-521\","                            \
    "\"x\":\"AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt\"," \
    "\"y\":\"AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-HqHZR1\"}"
#define FRODO_ES512_TOKEN                                                                                                      \
    "eyJhbGciOiJFUzUxMiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9." FRODO "."                                      \
    "AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-JZGYNlaAjP2kqaluUIIUnC9qvbu9Plon7KRTzoNEuT4Va2cmL1eJAQy3mtPBu_u_sDDyYjnAMDxXPn7XrT0l" \
    "w-kvAD890jl8e2puQens_IEKBpHABlsbEPX6sFY8OcGDqoRuBomu9xQ2"

// ---- one of ours, as the standards print no P-384

#define P384_PUBLIC                                                                                                \
    "\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"-CaLLGc32CD-jo3tu65PxGMkg5XzbA9EGzZPFEN8gaClXmT8VqXYkmT9EQbDDL7H\"," \
    "\"y\":\"xBZNI5jTRreKOezadmC8XAgWtEVvQ9g0CZqSsSy2pc6wfoYKqgWRd9IehTwu5Ki2\""
#define P384_KEY "{" P384_PUBLIC "}"
#define P384_PRIVATE \
    "{" P384_PUBLIC ",\"d\":\"9pmWBvH3varexzw7dlkbdLB8mg36EWdKIVRbWCC68Zi6Si4gKXDhQewI5fzx6xfS\"}"

#define SECRET_64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// ---- making

#define JOSE_MUST(cond) ((cond) ? (void)0 : jose_must_failed(__FILE__, __LINE__, #cond))

static inline void jose_must_failed(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: must hold: %s\n", file, line, what);
    abort();
}

// A JWK as a key that signs or verifies; to be given up with jwk_deinit.
static inline struct jwk jose_key(const char *json, enum jwk_use use, enum jwa alg, const char *kid)
{
    struct jwk k;
    struct jwk_problem problem;
    struct jwk_wish wish = {.use = use, .has_alg = true, .alg = alg};
    if (kid != NULL)
        wish.kid = str_from_cstr(kid);
    enum err e = jwk_from_json(str_from_cstr(json), &wish, &k, &problem);
    if (e != OK)
        fprintf(stderr, "got %s, expected %s\n", problem.got.z, problem.expected.z);
    JOSE_MUST(e == OK);
    return k;
}

static inline struct jwk jose_secret(const char *secret, enum jwa alg, const char *kid)
{
    struct jwk k;
    struct jwk_problem problem;
    struct jwk_wish wish = {.use = JWK_TO_VERIFY, .has_alg = true, .alg = alg};
    if (kid != NULL)
        wish.kid = str_from_cstr(kid);
    JOSE_MUST(jwk_from_secret(str_from_cstr(secret), &wish, &k, &problem) == OK);
    return k;
}

// header.payload.signature of these very texts; to be freed. key NULL: an empty signature.
static inline char *jose_token(const struct jwk *key, const char *header, const char *payload)
{
    uint8_t signature[JWA_SIGNATURE_MAX];
    size_t header_n = strlen(header), payload_n = strlen(payload), signature_n = 0;
    char *t = malloc(2 * (header_n + payload_n + sizeof signature) + 8);
    JOSE_MUST(t != NULL);
    size_t n = base64url_encode(header, header_n, t);
    t[n++] = '.';
    n += base64url_encode(payload, payload_n, t + n);
    if (key != NULL)
        JOSE_MUST(jwk_sign(key, str_make(t, n), signature, &signature_n) == OK);
    t[n++] = '.';
    n += base64url_encode(signature, signature_n, t + n);
    t[n] = '\0';
    return t;
}

#endif
