// SPDX-License-Identifier: Apache-2.0
//
// The form and the header. Parts are decoded one behind the other into the scratch, which is as long as the token and so
// longer than what comes out of it.
//
// Rejected: to pass over what we do not understand in a header that asks for it by `crit`. There is nothing we understand
// that could stand in it, so a token with `crit` never is for us.
#include "wire/jws.h"

#include "base/codec.h"
#include "wire/json.h"

_Static_assert(TOKEN_MAX == 16384 && JWK_KID_MAX == 128, "the sentences of JWS_FAULTS say so");

enum { HEADER_MEMBERS_MAX = 16 };

struct header {
    struct json_member members[HEADER_MEMBERS_MAX];
    size_t n;
};

static enum jws_fault fault(struct sentence *problem, enum jws_fault f, const str *words, size_t words_n)
{
    static const char *const texts[JWS_FAULT_COUNT] = {[JWS_FINE] = "",
#define X(name, text) [JWS_##name] = text,
                                                       JWS_FAULTS(X)
#undef X
    };
    sentence_set(problem, texts[f], words, words_n);
    return f;
}

static enum jws_fault fault_plain(struct sentence *problem, enum jws_fault f)
{
    return fault(problem, f, NULL, 0);
}

static enum jws_fault fault_word(struct sentence *problem, enum jws_fault f, str word)
{
    return fault(problem, f, &word, 1);
}

// ---- the three parts

static bool part_decode(str part, char **scratch, str *ret)
{
    size_t n;
    if (!base64url_decode(part, *scratch, &n))
        return false;
    *ret = str_make(*scratch, n);
    *scratch += n;
    return true;
}

static enum jws_fault parts_take(str token, char **scratch, struct jws *ret, struct sentence *problem)
{
    if (token.n > TOKEN_MAX)
        return fault_plain(problem, JWS_TOO_LARGE);
    str rest;
    str header = str_split(token, '.', &rest);
    str payload = str_split(rest, '.', &rest);
    str signature = rest;
    if (signature.p == NULL || str_find_char(signature, '.', 0) < signature.n)
        return fault_plain(problem, JWS_PARTS);
    ret->signed_part = str_make(token.p, header.n + 1 + payload.n);
    if (!part_decode(header, scratch, &ret->header))
        return fault_word(problem, JWS_BASE64, STR("header"));
    if (!part_decode(payload, scratch, &ret->payload))
        return fault_word(problem, JWS_BASE64, STR("payload"));
    if (!part_decode(signature, scratch, &ret->signature))
        return fault_word(problem, JWS_BASE64, STR("signature"));
    return JWS_FINE;
}

// ---- the header

static enum jws_fault header_scan(str text, struct header *ret, struct sentence *problem)
{
    struct json_problem bad;
    enum err e = json_object_scan(text, ret->members, HEADER_MEMBERS_MAX, &ret->n, &bad);
    if (e == OK)
        return JWS_FINE;
    if (e == ERR_EXISTS)
        return fault_plain(problem, JWS_HEADER_TWICE);
    return fault_word(problem, JWS_HEADER, str_from_cstr(bad.message));
}

static enum jws_fault forbidden_check(const struct header *h, struct sentence *problem)
{
    static const char *const names[] = {"crit", "b64", "jku", "jwk", "x5u", "x5c"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        str name = str_from_cstr(names[i]);
        if (json_member_find(h->members, h->n, name) != NULL)
            return fault_word(problem, JWS_FORBIDDEN, name);
    }
    return JWS_FINE;
}

static enum jws_fault alg_take(const struct header *h, enum jwa *ret, struct sentence *problem)
{
    enum { ALG_MAX = 32 };
    char scratch[ALG_MAX];
    const struct json_member *m = json_member_find(h->members, h->n, STR("alg"));
    str name;
    if (m == NULL)
        return fault_word(problem, JWS_ALG_MISSING, STR("alg"));
    if (m->kind != JSON_STRING || json_string_decode(m->value, scratch, sizeof scratch, &name) != OK)
        return fault_word(problem, JWS_ALG_UNKNOWN, m->value);
    if (str_eq_nocase(name, STR("none")))
        return fault(problem, JWS_ALG_NONE, (const str[]){STR("alg"), name}, 2);
    return jwa_find(name, ret) ? JWS_FINE : fault_word(problem, JWS_ALG_UNKNOWN, name);
}

static enum jws_fault kid_take(const struct header *h, char *scratch, str *ret, struct sentence *problem)
{
    const struct json_member *m = json_member_find(h->members, h->n, STR("kid"));
    *ret = STR_NONE;
    if (m == NULL)
        return JWS_FINE;
    bool good = m->kind == JSON_STRING && json_string_decode(m->value, scratch, JWK_KID_MAX, ret) == OK;
    return good && ret->n > 0 ? JWS_FINE : fault_word(problem, JWS_KID, STR("kid"));
}

// Tokens are made for other things as well, with the same keys, and say so by their type (RFC 8725 section 3.11): a logout
// token, a proof of possession. Those who say nothing, or JWT, are for us; and access tokens (RFC 9068).
static enum jws_fault type_check(const struct header *h, struct sentence *problem)
{
    enum { TYPE_MAX = 64 };
    char scratch[TYPE_MAX];
    const struct json_member *m = json_member_find(h->members, h->n, STR("typ"));
    str type;
    if (m == NULL)
        return JWS_FINE;
    if (m->kind != JSON_STRING || json_string_decode(m->value, scratch, sizeof scratch, &type) != OK)
        return fault_word(problem, JWS_TYPE, m->value);
    str bare = type, prefix = STR("application/"); // may be left out (RFC 7515 section 4.1.9)
    if (str_eq_nocase(str_take(type, prefix.n), prefix))
        bare = str_skip(type, prefix.n);
    bool ours = str_eq_nocase(bare, STR("JWT")) || str_eq_nocase(bare, STR("at+jwt"));
    return ours ? JWS_FINE : fault_word(problem, JWS_TYPE, type);
}

enum jws_fault jws_split(str token, char *scratch, struct jws *ret, struct sentence *problem)
{
    struct header h;
    enum jws_fault f = parts_take(token, &scratch, ret, problem);
    if (f == JWS_FINE)
        f = header_scan(ret->header, &h, problem);
    if (f == JWS_FINE)
        f = alg_take(&h, &ret->alg, problem);
    if (f == JWS_FINE)
        f = forbidden_check(&h, problem);
    if (f == JWS_FINE)
        f = type_check(&h, problem);
    if (f == JWS_FINE)
        f = kid_take(&h, scratch, &ret->kid, problem);
    return f;
}

// ---- the other way

static void put_base64url(struct buf *b, str s)
{
    char *room = buf_reserve(b, (4 * s.n + 2) / 3);
    if (room != NULL)
        buf_commit(b, base64url_encode(s.p, s.n, room));
}

static void put_header(struct buf *b, const struct jwk *key)
{
    BUF_PUT_LIT(b, "{\"alg\":");
    json_put_string(b, jwa_name(key->alg));
    BUF_PUT_LIT(b, ",\"typ\":\"JWT\"");
    if (key->kid_n > 0) {
        BUF_PUT_LIT(b, ",\"kid\":");
        json_put_string(b, jwk_kid(key));
    }
    BUF_PUT_LIT(b, "}");
}

enum err jws_sign(const struct jwk *key, str payload, struct buf *ret)
{
    ASSERT(key->signs);
    uint8_t signature[JWA_SIGNATURE_MAX];
    size_t signature_n;
    size_t from = ret->n;
    struct buf header;
    buf_init(&header, ret->mem, 0);
    put_header(&header, key);
    if (buf_ok(&header))
        put_base64url(ret, buf_str(&header));
    bool made = buf_ok(&header);
    buf_deinit(&header);
    buf_put_char(ret, '.');
    put_base64url(ret, payload);
    if (!made || !buf_ok(ret))
        return ERR_NOMEM;
    enum err e = jwk_sign(key, str_skip(buf_str(ret), from), signature, &signature_n);
    if (e != OK)
        return e;
    buf_put_char(ret, '.');
    put_base64url(ret, str_make((const char *)signature, signature_n));
    return buf_ok(ret) ? OK : ERR_NOMEM;
}

enum err jws_verify(const struct jws *t, const struct jwk *key)
{
    return t->alg == key->alg ? jwk_verify(key, t->signed_part, t->signature) : ERR_UNSUPPORTED;
}
