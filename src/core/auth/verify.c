// SPDX-License-Identifier: Apache-2.0
//
// One struct holds all that is known of a token while it is looked at, so that the steps are functions of it and read in the
// order in which they are asked. It is large (what a token decodes to) and lives on the stack of the helper.
//
// The signature comes last although it is what counts: the rules before it are cheap, each of them would refuse the token
// anyhow, and a storm of clients whose tokens have run out costs no signature. What a refusal tells was in the token, which
// whoever sent it has.
#include "core/auth/verify.h"

#include "core/auth/choose.h"
#include "core/auth/numeric_date.h"
#include "dialect/dialect.h"
#include "wire/json.h"
#include "wire/utf8.h"

enum { NAME_ROOM = 4 * USER_NAME_MAX, TEXT_ROOM = 512 };

struct look {
    const struct keyring *keyring;
    uint64_t wall_ms;
    struct jws jws;
    struct json_member claims[TOKEN_CLAIMS_MAX];
    size_t claims_n;
    const struct keyring_issuer *issuer;
    struct choice choice;
    struct verified found; // its strings borrow from here, the token and the keyring
    struct token_refusal *refusal;
    char user_room[USER_ID_MAX], name_room[NAME_ROOM], jti_room[TOKEN_ID_MAX], text_room[TEXT_ROOM];
    char scratch[JWS_SCRATCH];
};

const char *refusal_name(enum refusal_rule rule)
{
    static const char *const names[REFUSED_COUNT] = {
#define X(upper, lower) #lower,
        REFUSALS(X)
#undef X
    };
    ASSERT((unsigned)rule < REFUSED_COUNT);
    return names[rule];
}

static enum err refuse_memory(struct token_refusal *r)
{
    refuse(r, REFUSED_UNAVAILABLE, "There is no memory to look at the token; try again.", NULL, 0);
    return ERR_NOMEM;
}

static const struct json_member *claim(const struct look *l, str name)
{
    return json_member_find(l->claims, l->claims_n, name);
}

// A claim that must be a text of up to cap bytes where it is there; absent where it is not. False where it is none.
static bool text_claim(const struct look *l, str name, char *room, size_t cap, str *ret)
{
    const struct json_member *m = claim(l, name);
    *ret = STR_NONE;
    return m == NULL || (m->kind == JSON_STRING && json_string_decode(m->value, room, cap, ret) == OK);
}

// ---- form, header, payload

static enum err look_at_form(struct look *l, str token)
{
    static const enum refusal_rule rules[JWS_FAULT_COUNT] = {
        [JWS_TOO_LARGE] = REFUSED_TOO_LARGE,   [JWS_PARTS] = REFUSED_FORM,
        [JWS_BASE64] = REFUSED_FORM,           [JWS_HEADER] = REFUSED_HEADER,
        [JWS_HEADER_TWICE] = REFUSED_HEADER,   [JWS_FORBIDDEN] = REFUSED_HEADER,
        [JWS_ALG_MISSING] = REFUSED_ALGORITHM, [JWS_ALG_NONE] = REFUSED_ALGORITHM,
        [JWS_ALG_UNKNOWN] = REFUSED_ALGORITHM, [JWS_KID] = REFUSED_HEADER,
        [JWS_TYPE] = REFUSED_HEADER,
    };
    enum jws_fault f = jws_split(token, l->scratch, &l->jws, &l->refusal->sentence);
    if (f == JWS_FINE)
        return OK;
    l->refusal->rule = rules[f];
    return ERR_DENIED;
}

static enum err look_at_payload(struct look *l)
{
    struct json_problem bad;
    enum err e = json_object_scan(l->jws.payload, l->claims, TOKEN_CLAIMS_MAX, &l->claims_n, &bad);
    if (e == OK)
        return OK;
    if (e == ERR_EXISTS)
        return refuse(l->refusal, REFUSED_CLAIMS, "The token has a claim twice.", NULL, 0);
    return refuse_word(l->refusal, REFUSED_CLAIMS, "The token's claims are not a JSON object: %.",
                       str_from_cstr(bad.message));
}

// ---- who it is from and for

static void issuer_take(struct look *l, uint32_t place)
{
    l->issuer = &l->keyring->issuers[place];
    l->found.issuer = place;
    l->found.issuer_name = l->issuer->name;
    l->found.leeway_ms = l->issuer->leeway_ms;
}

static enum err look_for_issuer(struct look *l)
{
    str iss;
    if (!text_claim(l, STR("iss"), l->text_room, sizeof l->text_room, &iss))
        return refuse_word(l->refusal, REFUSED_ISSUER, "{} must be a text of up to 512 bytes.", STR("iss"));
    enum err e = choose_keys(l->keyring, iss, &l->jws, &l->choice, l->refusal);
    if (e != OK)
        return e;
    issuer_take(l, l->choice.issuer);
    return OK;
}

static bool audience_is_ours(const struct look *l, str raw)
{
    char room[TEXT_ROOM];
    str aud;
    if (json_kind_of(raw) != JSON_STRING || json_string_decode(raw, room, sizeof room, &aud) != OK)
        return false; // a longer one is none that can be configured
    for (uint32_t i = 0; i < l->issuer->audiences_n; i++)
        if (str_eq(aud, l->issuer->audiences[i]))
            return true;
    return false;
}

// The first audience, for the sentence: as it is written, between its quotes.
static str audience_word(str raw)
{
    str item = raw;
    if (json_kind_of(raw) == JSON_ARRAY && !json_array_next(&raw, &item))
        return STR_NONE;
    return json_kind_of(item) == JSON_STRING ? str_make(item.p + 1, item.n - 2) : item;
}

static enum err refuse_audience(struct look *l, const struct json_member *m)
{
    str name = l->issuer->name;
    str wanted = l->issuer->audiences_n > 0 ? l->issuer->audiences[0] : STR_NONE;
    if (m == NULL)
        return refuse(l->refusal, REFUSED_AUDIENCE, "The token has no {}; the issuer {} makes tokens for {}.",
                      (const str[]){STR("aud"), name, wanted}, 3);
    if (wanted.p == NULL)
        return refuse(
            l->refusal, REFUSED_AUDIENCE,
            "The token is for {}; whether that is this server is for `audience` of the issuer {} to say.",
            (const str[]){audience_word(m->value), name}, 2);
    return refuse(l->refusal, REFUSED_AUDIENCE,
                  "The token is for {}; of the issuer {} those for {} are taken.",
                  (const str[]){audience_word(m->value), name, wanted}, 3);
}

static enum err look_at_audience(struct look *l)
{
    const struct json_member *m = claim(l, STR("aud"));
    if (l->issuer->any_audience || (m == NULL && l->issuer->audiences_n == 0))
        return OK;
    if (m == NULL)
        return refuse_audience(l, m);
    if (m->kind != JSON_ARRAY)
        return audience_is_ours(l, m->value) ? OK : refuse_audience(l, m);
    str rest = m->value, item;
    while (json_array_next(&rest, &item))
        if (audience_is_ours(l, item))
            return OK;
    return refuse_audience(l, m);
}

// ---- times

static enum err time_take(struct look *l, enum refusal_rule rule, str name, uint64_t *ret)
{
    const struct json_member *m = claim(l, name);
    if (m == NULL)
        return OK;
    if (m->kind == JSON_NUMBER && numeric_date_ms(m->value, ret))
        return OK;
    return refuse(l->refusal, rule, "{} must be a number of seconds since 1970; got {}.",
                  (const str[]){name, m->value}, 2);
}

static enum err refuse_time(struct token_refusal *r, enum refusal_rule rule, const char *text, str name,
                            uint64_t ms)
{
    struct sentence_digits room;
    return refuse(r, rule, text, (const str[]){name, sentence_number((ms + 999) / 1000, &room)}, 2);
}

enum err verified_in_time(const struct verified *v, uint64_t wall_ms, struct token_refusal *ret_refusal)
{
    static const char to_come[] = "{} is % s ahead: either the token is not for now, or a clock is wrong.";
    uint64_t latest = wall_ms + v->leeway_ms;
    ret_refusal->issuer = v->issuer;
    // RFC 7519 section 4.1.4: on or after it the token must not be taken.
    if (wall_ms >= v->expires_ms + v->leeway_ms)
        return refuse_time(ret_refusal, REFUSED_EXPIRED, "{} was % s ago.", STR("exp"),
                           wall_ms - v->expires_ms);
    if (v->not_before_ms > latest)
        return refuse_time(ret_refusal, REFUSED_NOT_YET, to_come, STR("nbf"), v->not_before_ms - wall_ms);
    if (v->issued_ms > latest)
        return refuse_time(ret_refusal, REFUSED_NOT_YET, to_come, STR("iat"), v->issued_ms - wall_ms);
    return OK;
}

static enum err look_at_times(struct look *l)
{
    if (claim(l, STR("exp")) == NULL)
        return refuse_word(l->refusal, REFUSED_EXPIRY,
                           "The token has no {}: one that never ends is not taken.", STR("exp"));
    enum err e = time_take(l, REFUSED_EXPIRY, STR("exp"), &l->found.expires_ms);
    if (e == OK)
        e = time_take(l, REFUSED_NOT_YET, STR("nbf"), &l->found.not_before_ms);
    if (e == OK)
        e = time_take(l, REFUSED_NOT_YET, STR("iat"), &l->found.issued_ms);
    return e == OK ? verified_in_time(&l->found, l->wall_ms, l->refusal) : e;
}

// ---- who it is

static enum err look_at_user(struct look *l)
{
    str name = l->issuer->user_claim;
    const struct json_member *m = claim(l, name);
    l->found.user = STR_NONE;
    l->found.user_claim = name;
    if (m == NULL)
        return OK;
    bool text = text_claim(l, name, l->user_room, sizeof l->user_room, &l->found.user);
    if (text && user_name_valid(l->found.user))
        return OK;
    return refuse(
        l->refusal, REFUSED_USER,
        "{} must be a text of 1 to 64 bytes without control characters, and without blanks at its ends; "
        "got {}.",
        (const str[]){name, m->value}, 2);
}

enum err verified_is_somebody(const struct verified *v, struct token_refusal *ret_refusal)
{
    ret_refusal->issuer = v->issuer;
    if (v->user.n == 0)
        return refuse_word(ret_refusal, REFUSED_USER, "The token has no {}, which says who the user is.",
                           v->user_claim);
    if (str_starts(v->user, STR("guest-")))
        return refuse(ret_refusal, REFUSED_USER, "{} must not begin with {}: so guests are called.",
                      (const str[]){v->user_claim, STR("guest-")}, 2);
    return OK;
}

// Shown beside the user and never compared, so a long one is cut rather than refused: identity providers put whole names there.
static enum err look_at_name(struct look *l)
{
    const struct json_member *m = claim(l, STR("name"));
    if (m == NULL || m->kind == JSON_NULL)
        return OK;
    str name;
    if (!text_claim(l, STR("name"), l->name_room, sizeof l->name_room, &name))
        return refuse_word(l->refusal, REFUSED_PROFILE, "{} must be a text of up to 256 bytes.", STR("name"));
    name = str_trim(name);
    name = str_trim(name.n > USER_NAME_MAX ? utf8_take(name, USER_NAME_MAX) : name);
    if (name.n == 0)
        return OK;
    if (!user_name_valid(name))
        return refuse_word(l->refusal, REFUSED_PROFILE, "{} has control characters in it.", STR("name"));
    l->found.name = name;
    return OK;
}

static enum err look_at_extras(struct look *l)
{
    const struct json_member *info = claim(l, STR("info")), *caps = claim(l, STR("caps"));
    if (info != NULL && info->kind != JSON_NULL) {
        if (info->value.n > USER_INFO_MAX)
            return refuse_word(l->refusal, REFUSED_PROFILE, "{} must be at most 1024 bytes of JSON.",
                               STR("info"));
        l->found.info = info->value;
    }
    // Not null either: who forgot to fill it in would give what the rooms give everyone.
    if (caps != NULL && caps->kind != JSON_OBJECT)
        return refuse(l->refusal, REFUSED_PROFILE, "{} must be an object; got {}.",
                      (const str[]){STR("caps"), caps->value}, 2);
    l->found.caps = caps != NULL ? caps->value : STR_NONE;
    if (!text_claim(l, STR("jti"), l->jti_room, sizeof l->jti_room, &l->found.jti))
        return refuse_word(l->refusal, REFUSED_PROFILE, "{} must be a text of up to 128 bytes.", STR("jti"));
    return OK;
}

// ---- the signature

static enum err refuse_signature(struct look *l)
{
    const struct jwk *key = l->choice.keys[0];
    str issuer = l->issuer->name;
    if (l->choice.keys_n > 1)
        return refuse(l->refusal, REFUSED_SIGNATURE,
                      "The signature is not that of any % key of the issuer {}.",
                      (const str[]){jwa_name(key->alg), issuer}, 2);
    if (key->kid_n > 0)
        return refuse(l->refusal, REFUSED_SIGNATURE,
                      "The signature is not that of the key {} of the issuer {}.",
                      (const str[]){jwk_kid(key), issuer}, 2);
    return refuse(l->refusal, REFUSED_SIGNATURE, "The signature is not that of the % key of the issuer {}.",
                  (const str[]){jwa_name(key->alg), issuer}, 2);
}

static enum err look_at_signature(struct look *l)
{
    ASSERT(l->choice.keys_n >= 1);
    ASSERT(l->choice.keys_n <= TOKEN_TRIES_MAX);
    for (uint32_t i = 0; i < l->choice.keys_n; i++) {
        enum err e = jws_verify(&l->jws, l->choice.keys[i]);
        ASSERT(e != ERR_UNSUPPORTED); // keys were chosen by the algorithm
        if (e == OK) {
            l->found.alg = l->choice.keys[i]->alg;
            l->found.kid = jwk_kid(l->choice.keys[i]);
            return OK;
        }
        if (e == ERR_NOMEM)
            return refuse_memory(l->refusal);
    }
    return refuse_signature(l);
}

// ---- the verdict

static char *text_put(char *to, str *s)
{
    if (s->n > 0)
        memcpy(to, s->p, s->n);
    s->p = s->p != NULL ? to : NULL;
    return to + s->n;
}

struct verified *verified_copy(const struct verified *v, struct mem *m)
{
    size_t bytes = sizeof *v;
#define X(name) bytes += v->name.n;
    VERIFIED_STRS(X)
#undef X
    struct verified *copy = mem_alloc(m, bytes);
    if (copy == NULL)
        return NULL;
    *copy = *v;
    copy->bytes = bytes;
    char *text = (char *)(copy + 1);
#define X(name) text = text_put(text, &copy->name);
    VERIFIED_STRS(X)
#undef X
    ASSERT(text == (char *)copy + bytes);
    return copy;
}

void verified_free(struct verified *v, struct mem *m)
{
    if (v != NULL)
        mem_free(m, v, v->bytes);
}

// Its key is not there. Is there something else to be said against it, by the first issuer that may have the key by now? A token
// that has run out is told so, whether or not its key is still known.
static void look_past_key(struct look *l)
{
    static enum err (*const steps[])(struct look * l) = {
        look_at_audience, look_at_times, look_at_user, look_at_name, look_at_extras,
    };
    const struct token_refusal of_key = *l->refusal;
    uint32_t place = 0;
    while ((of_key.missing >> place & 1) == 0)
        place++;
    ASSERT(place < l->keyring->issuers_n);
    issuer_take(l, place);
    l->refusal->missing = 0;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        if (steps[i](l) != OK)
            return;
    *l->refusal = of_key;
}

enum err token_verify(const struct keyring *k, str token, uint64_t wall_ms, struct mem *m,
                      struct verified **ret, struct token_refusal *ret_refusal)
{
    static enum err (*const steps[])(struct look * l) = {
        look_at_payload, look_for_issuer, look_at_audience, look_at_times,
        look_at_user,    look_at_name,    look_at_extras,   look_at_signature,
    };
    struct look l;
    l.keyring = k;
    l.wall_ms = wall_ms;
    l.found = (struct verified){0};
    l.refusal = ret_refusal;
    ret_refusal->issuer = ISSUER_NONE;
    ret_refusal->missing = 0;
    enum err e = look_at_form(&l, token);
    for (size_t i = 0; e == OK && i < sizeof steps / sizeof steps[0]; i++)
        e = steps[i](&l);
    if (ret_refusal->missing != 0)
        look_past_key(&l);
    if (e != OK)
        return e;
    struct verified *v = verified_copy(&l.found, m);
    if (v == NULL)
        return refuse_memory(ret_refusal);
    ASSERT((v->user.p == NULL) == (v->user.n == 0));
    ASSERT(v->user.n <= USER_ID_MAX);
    ASSERT(v->name.n <= USER_NAME_MAX);
    ASSERT(v->info.n <= USER_INFO_MAX);
    *ret = v;
    return OK;
}
