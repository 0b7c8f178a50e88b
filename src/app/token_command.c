// SPDX-License-Identifier: Apache-2.0
//
// Making and inspecting share where a key comes from: --secret and --key where they are given, else what the configuration
// says (-c FILE, PLENUM_AUTH_SECRET). Making wants a key that signs; of the configuration that is auth.secret alone, as private
// keys have no business there.
//
// What others wrote is shown with its control characters escaped: a token may come from anywhere.
#include "app/token_command.h"

#include "app/keys.h"
#include "app/options.h"
#include "app/quantity.h"
#include "base/codec.h"
#include "core/auth/caps.h"
#include "core/auth/verify.h"
#include "dialect/dialect.h"
#include "io/mem_malloc.h"
#include "io/random.h"
#include "wire/digest.h"
#include "wire/json.h"
#include "wire/utf8.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

const char token_help[] =
    "Makes a token and prints it:\n"
    "\n"
    "  --sub USER             whose it is; without it, it is an invitation into the rooms of --caps, for whoever brings it\n"
    "  --name NAME            what others see\n"
    "  --ttl TIME             how long it is good: 90s, 15m, 1h (the default), 30d\n"
    "  --caps JSON            rights: {\"rooms\":{\"lobby\":[\"join\",\"publish\"]},\"server\":[\"create\"]}\n"
    "  --info JSON            shown to others beside the name\n"
    "  --iss TEXT --aud TEXT  the issuer and the audience, where one is asked for\n"
    "  --key FILE             private key in PEM or JWK (`plenum keys` makes one)\n"
    "  --secret TEXT          a shared secret; without either: PLENUM_AUTH_SECRET, or auth.secret of -c FILE\n"
    "  --alg NAME             algorithm, where the key is good for several; --kid NAME names the key\n"
    "\n"
    "`plenum token inspect` takes a token as its argument or from stdin, prints what is in it, and whether a server with\n"
    "that configuration (-c FILE, PLENUM_AUTH_SECRET, --secret TEXT or --key FILE, a public one) would take it, by which\n"
    "key or why not. It exits with 0 if so, and with 1 if not.\n"
    "\n"
    "What stands on a command line others on this machine can read: --secret is for trying out.\n";

enum { TTL_DEFAULT_S = 3600, TTL_MAX_S = 10 * 365 * 24 * 3600, JTI_BYTES = 16, JTI_LEN = 22 };

struct request {
    const char *sub, *name, *ttl, *caps, *info, *iss, *aud, *key, *secret, *alg, *kid, *config;
    const char *token; // to inspect
    char **environment;
    struct mem mem;
};

static enum exit_code complain(const char *option, const char *got, const char *expected)
{
    fprintf(stderr, "plenum token: %s: got %s, expected %s\n", option, got, expected);
    return EXIT_USAGE;
}

static enum exit_code complain_key(const char *option, const struct jwk_problem *problem)
{
    return complain(option, problem->got.z, problem->expected.z);
}

// ---- keys

// The configuration of -c and of the variables; NULL with the complaints made.
static struct config_load *config_of(const struct request *r)
{
    const struct config_sources sources = {.file = r->config, .environment = r->environment};
    struct config_load *l = malloc(sizeof *l);
    if (l == NULL || config_load(l, &sources))
        return l;
    complaints_print(&l->complaints, stderr);
    free(l);
    return NULL;
}

static bool wish_of(const struct request *r, enum jwk_use use, struct jwk_wish *ret)
{
    *ret = (struct jwk_wish){.use = use};
    if (r->kid != NULL)
        ret->kid = str_from_cstr(r->kid);
    ret->has_alg = r->alg != NULL;
    if (r->alg == NULL || jwa_find(str_from_cstr(r->alg), &ret->alg))
        return true;
    complain("--alg", complaint_quote(str_from_cstr(r->alg)).z,
             "HS, RS, PS or ES with 256, 384 or 512, or EdDSA");
    return false;
}

static enum exit_code key_from_file(struct request *r, const struct jwk_wish *wish, struct jwk *ret)
{
    struct jwk_problem problem;
    struct buf text;
    buf_init(&text, &r->mem, 0);
    enum exit_code code = EXIT_DONE;
    const char *why = key_file_read(r->key, &text);
    if (why != NULL)
        code = complain(complaint_bare(str_from_cstr(r->key)).z, complaint_quote(str_from_cstr(why)).z,
                        "a readable file with a key");
    else if (jwk_from_text(buf_str(&text), wish, ret, &problem) != OK)
        code = complain_key(complaint_bare(str_from_cstr(r->key)).z, &problem);
    buf_deinit(&text);
    return code;
}

// --key or --secret, one of which is there.
static enum exit_code key_given(struct request *r, enum jwk_use use, struct jwk *ret)
{
    struct jwk_wish wish;
    struct jwk_problem problem;
    if (!wish_of(r, use, &wish))
        return EXIT_USAGE;
    if (r->key != NULL)
        return key_from_file(r, &wish, ret);
    if (jwk_from_secret(str_from_cstr(r->secret), &wish, ret, &problem) != OK)
        return complain_key("--secret", &problem);
    return EXIT_DONE;
}

// ---- making

static void put_name(struct buf *b, const char *name)
{
    buf_put_char(b, b->n == 0 ? '{' : ',');
    json_put_string(b, str_from_cstr(name));
    buf_put_char(b, ':');
}

static void put_text(struct buf *b, const char *name, str value)
{
    put_name(b, name);
    json_put_string(b, value);
}

static void put_raw(struct buf *b, const char *name, str value)
{
    put_name(b, name);
    buf_put_str(b, value);
}

static void put_number(struct buf *b, const char *name, uint64_t value)
{
    struct sentence_digits room;
    put_raw(b, name, sentence_number(value, &room));
}

static enum exit_code complain_caps(const struct sentence *why)
{
    fprintf(stderr, "plenum token: --caps: got rights that are refused (%.*s), expected %s\n",
            (int)why->n - 1, why->z, "some like {\"rooms\":{\"lobby\":[\"join\",\"publish\"]}}");
    return EXIT_USAGE;
}

// What the server would refuse is not made: whoever makes a token wants to hear of it now.
static enum exit_code request_check(const struct request *r, uint64_t *ret_ttl_s)
{
    struct json_problem problem;
    *ret_ttl_s = TTL_DEFAULT_S;
    if (r->sub == NULL && r->caps == NULL)
        return complain("--sub", "no value",
                        "who the token is for, or --caps with the rooms that it invites into");
    if (r->sub != NULL && !user_name_valid(str_from_cstr(r->sub)))
        return complain("--sub", complaint_quote(str_from_cstr(r->sub)).z,
                        "1 to 64 bytes without control characters");
    if (r->sub != NULL && strncmp(r->sub, "guest-", 6) == 0 && r->caps == NULL)
        return complain("--sub", complaint_quote(str_from_cstr(r->sub)).z,
                        "no guest, or --caps with the rooms that it lets this one into");
    if (r->name != NULL && !user_name_valid(str_from_cstr(r->name)))
        return complain("--name", complaint_quote(str_from_cstr(r->name)).z,
                        "1 to 64 bytes without control characters");
    if (r->ttl != NULL &&
        (!quantity_parse(str_from_cstr(r->ttl), "s", ret_ttl_s) || *ret_ttl_s == 0 || *ret_ttl_s > TTL_MAX_S))
        return complain("--ttl", complaint_quote(str_from_cstr(r->ttl)).z,
                        "a time like 90s, 15m, 1h or 3600");
    if (r->info != NULL && json_validate(str_from_cstr(r->info), &problem) != OK)
        return complain("--info", problem.message, "JSON");
    if (r->info != NULL && strlen(r->info) > USER_INFO_MAX)
        return complain("--info", "more than 1024 bytes", "less");
    char block[CAPS_BYTES_MAX];
    size_t n;
    struct sentence why;
    if (r->caps != NULL && json_validate(str_from_cstr(r->caps), &problem) != OK)
        return complain("--caps", problem.message, "JSON like {\"rooms\":{\"lobby\":[\"join\"]}}");
    if (r->caps != NULL && caps_make(str_from_cstr(r->caps), block, &n, &why) != OK)
        return complain_caps(&why);
    return EXIT_DONE;
}

static void put_claims(struct buf *b, const struct request *r, uint64_t ttl_s)
{
    uint8_t luck[JTI_BYTES];
    char jti[JTI_LEN];
    uint64_t now_s = (uint64_t)time(NULL);
    random_bytes(luck, sizeof luck);
    if (r->sub != NULL)
        put_text(b, "sub", str_from_cstr(r->sub));
    if (r->name != NULL)
        put_text(b, "name", str_from_cstr(r->name));
    if (r->iss != NULL)
        put_text(b, "iss", str_from_cstr(r->iss));
    if (r->aud != NULL)
        put_text(b, "aud", str_from_cstr(r->aud));
    put_number(b, "iat", now_s);
    put_number(b, "exp", now_s + ttl_s);
    put_text(b, "jti", str_make(jti, base64url_encode(luck, sizeof luck, jti)));
    if (r->info != NULL)
        put_raw(b, "info", str_from_cstr(r->info));
    if (r->caps != NULL)
        put_raw(b, "caps", str_from_cstr(r->caps));
    buf_put_char(b, '}');
}

// A key pair without a name has its fingerprint for one, as `plenum keys` has it.
static enum exit_code name_key(struct request *r, struct jwk *k)
{
    if (k->pkey == NULL || k->kid_n > 0)
        return EXIT_DONE;
    if (jwk_thumbprint(k, &r->mem, k->kid) != OK)
        return EXIT_FAILED;
    k->kid_n = JWK_THUMBPRINT_LEN;
    return EXIT_DONE;
}

static enum exit_code signer_find(struct request *r, struct jwk *ret)
{
    if (r->key != NULL && r->secret != NULL)
        return complain("--secret", "--key as well", "one of the two");
    if (r->key != NULL || r->secret != NULL)
        return key_given(r, JWK_TO_SIGN, ret);
    struct config_load *l = config_of(r);
    if (l == NULL)
        return EXIT_USAGE;
    enum exit_code code = EXIT_DONE;
    struct request of_config = *r;
    of_config.secret = l->values.auth_secret;
    if (l->values.auth_secret[0] == '\0')
        code = complain("--key", "no key to sign with",
                        "--key FILE, --secret TEXT, PLENUM_AUTH_SECRET, or -c FILE with auth.secret");
    else
        code = key_given(&of_config, JWK_TO_SIGN, ret);
    free(l);
    return code;
}

static enum exit_code make(struct request *r)
{
    struct jwk key;
    uint64_t ttl_s;
    enum exit_code code = request_check(r, &ttl_s);
    if (code == EXIT_DONE)
        code = signer_find(r, &key);
    if (code != EXIT_DONE)
        return code;
    struct buf claims, token;
    buf_init(&claims, &r->mem, 0);
    buf_init(&token, &r->mem, 0);
    put_claims(&claims, r, ttl_s);
    bool made =
        name_key(r, &key) == EXIT_DONE && buf_ok(&claims) && jws_sign(&key, buf_str(&claims), &token) == OK;
    if (made && token.n > TOKEN_MAX)
        code = complain("--caps", "a token of more than 16384 bytes", "less in it");
    else if (made)
        printf("%.*s\n", STR_ARG(buf_str(&token)));
    else
        fputs("plenum token: no memory\n", stderr);
    buf_deinit(&claims);
    buf_deinit(&token);
    jwk_deinit(&key);
    return made ? code : EXIT_FAILED;
}

// ---- inspecting

// As it is, but for what would steer the terminal, or is no text.
static void print_tame(const char *what, str s)
{
    printf("%-9s", what);
    for (size_t i = 0; i < s.n;) {
        const uint8_t *p = (const uint8_t *)s.p + i;
        size_t n = utf8_char_length(p, s.n - i);
        if (n == 0)
            printf("\\x%02x", *p);
        else if (utf8_steers(utf8_code_point(p, n)))
            printf("\\u%04x", utf8_code_point(p, n));
        else
            fwrite(p, 1, n, stdout);
        i += n > 0 ? n : 1;
    }
    putchar('\n');
}

static void print_time(const char *what, uint64_t ms, uint64_t now_ms)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm t;
    char text[64];
    if (gmtime_r(&seconds, &t) == NULL || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &t) == 0)
        return;
    uint64_t apart = (ms > now_ms ? ms - now_ms : now_ms - ms) / 1000;
    printf("%-9s%s (%s%" PRIu64 " s%s)\n", what, text, ms > now_ms ? "in " : "", apart,
           ms > now_ms ? "" : " ago");
}

static enum exit_code print_verdict(struct request *r, const struct keyring *k)
{
    struct verified *v;
    struct token_refusal refusal;
    uint64_t now_ms = (uint64_t)time(NULL) * 1000;
    enum err e = token_verify(k, str_from_cstr(r->token), now_ms, &r->mem, &v, &refusal);
    bool somebody = e == OK && verified_is_somebody(v, &refusal) == OK;
    if (e != OK || (!somebody && v->user.n == 0 && v->caps.p == NULL)) {
        print_tame("refused", sentence_str(&refusal.sentence));
        verified_free(e == OK ? v : NULL, &r->mem);
        return EXIT_FAILED;
    }
    print_time("expires", v->expires_ms, now_ms);
    if (somebody)
        printf("accepted as the user %s", complaint_quote(v->user).z);
    else if (v->user.n != 0)
        printf("accepted with the join of a room, from the guest %s", complaint_quote(v->user).z);
    else
        printf("accepted with the join of a room, from whoever brings it");
    printf(", by the %.*s key", STR_ARG(jwa_name(v->alg)));
    if (v->kid.p != NULL)
        printf(" %s", complaint_quote(v->kid).z);
    printf(" of %.*s\n", STR_ARG(v->issuer_name));
    verified_free(v, &r->mem);
    return EXIT_DONE;
}

// The keyring of --key or --secret alone: any `iss`, any `aud`.
static enum exit_code keyring_given(struct request *r, struct keyring **ret)
{
    struct jwk key;
    enum exit_code code = key_given(r, JWK_TO_VERIFY, &key);
    if (code != EXIT_DONE)
        return code;
    const struct keyring_issuer issuer = {.name = r->key != NULL ? STR("--key") : STR("--secret"),
                                          .any_audience = true,
                                          .keys = &key,
                                          .keys_n = 1};
    enum err e = keyring_create(&r->mem, &issuer, 1, 1, ret);
    jwk_deinit(&key);
    return e == OK ? EXIT_DONE : EXIT_FAILED;
}

static enum exit_code keyring_of_config(struct request *r, struct keyring **ret)
{
    struct config_load *l = config_of(r);
    if (l == NULL)
        return EXIT_USAGE;
    *ret = keys_load(l, &r->mem, 1);
    complaints_print(&l->complaints, stderr);
    free(l);
    return *ret != NULL ? EXIT_DONE : EXIT_USAGE;
}

static enum exit_code inspect(struct request *r)
{
    static char scratch[JWS_SCRATCH];
    struct jws t;
    struct sentence problem;
    struct keyring *k;
    enum exit_code code =
        r->key != NULL || r->secret != NULL ? keyring_given(r, &k) : keyring_of_config(r, &k);
    if (code != EXIT_DONE)
        return code;
    if (jws_split(str_from_cstr(r->token), scratch, &t, &problem) == JWS_FINE) {
        print_tame("header", t.header);
        print_tame("claims", t.payload);
    }
    if (k->issuers_n == 0)
        printf(
            "unknown  whether it would be taken: expected -c FILE, PLENUM_AUTH_SECRET, --secret TEXT or --key FILE\n");
    code = k->issuers_n > 0 ? print_verdict(r, k) : EXIT_DONE;
    keyring_unref(k);
    return code;
}

// From stdin, without the blanks around it.
static const char *token_read(char *room, size_t cap)
{
    size_t n = fread(room, 1, cap - 1, stdin);
    str s = str_make(room, n);
    while (s.n > 0 && strchr(" \t\r\n", s.p[s.n - 1]) != NULL)
        s.n--;
    while (s.n > 0 && strchr(" \t\r\n", s.p[0]) != NULL)
        s = str_skip(s, 1);
    room[(size_t)(s.p - room) + s.n] = '\0';
    return s.p;
}

// ---- the command line

enum exit_code token_command(int argc, char **argv, char **environment)
{
    static char room[TOKEN_MAX + 1024];
    struct request r = {.environment = environment};
    bool inspects = argc > 0 && strcmp(argv[0], "inspect") == 0;
    const struct option options[] = {
        {"--secret", &r.secret, NULL}, {"--key", &r.key, NULL},   {"--alg", &r.alg, NULL},
        {"--kid", &r.kid, NULL},       {"-c", &r.config, NULL},   {"--config", &r.config, NULL},
        {"--sub", &r.sub, NULL},       {"--name", &r.name, NULL}, {"--ttl", &r.ttl, NULL},
        {"--caps", &r.caps, NULL},     {"--info", &r.info, NULL}, {"--iss", &r.iss, NULL},
        {"--aud", &r.aud, NULL},
    };
    enum { OF_BOTH = 6 };
    size_t n = inspects ? OF_BOTH : sizeof options / sizeof options[0];
    if (!options_take(options, n, argv + inspects, argc - inspects, "token", TOKEN_USAGE,
                      inspects ? &r.token : NULL))
        return EXIT_USAGE;
    if (digest_self_test() != OK) {
        fputs("plenum: libcrypto does not work: it found no memory, or its library is broken\n", stderr);
        return EXIT_FAILED;
    }
    mem_init(&r.mem, mem_malloc_backend(), 0);
    if (!inspects)
        return make(&r);
    if (r.token == NULL || strcmp(r.token, "-") == 0)
        r.token = token_read(room, sizeof room);
    return inspect(&r);
}
