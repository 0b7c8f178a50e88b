// SPDX-License-Identifier: Apache-2.0
//
// The private half goes to a new file that
// only its owner may read, the public half to stdout, and never the other way round.
#include "app/keys_command.h"

#include "app/keys.h"
#include "app/options.h"
#include "base/codec.h"
#include "io/mem_malloc.h"
#include "io/random.h"
#include "wire/digest.h"
#include "wire/jwk_make.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

const char keys_help[] =
    "Makes a key pair: the private half goes into a new file (PEM, readable for its owner only), with which tokens are\n"
    "signed, the public half to stdout as a JWK set, which goes into auth.issuers[].jwks_file.\n"
    "\n"
    "  --out FILE    where the private half goes; it must not be there yet\n"
    "  --alg NAME    ES256 (the default), ES384, ES512, EdDSA, RS256, RS384, RS512, PS256, PS384 or PS512; HS256, HS384\n"
    "                and HS512 have no halves: prints a secret for auth.secret\n"
    "  --kid NAME    what it is called; without it its fingerprint (RFC 7638)\n"
    "  --from FILE   makes none, and prints the public half of that key, private or public\n"
    "\n"
    "  plenum keys --out private.pem > keys.json\n"
    "  plenum token --key private.pem --sub ada\n";

enum { RSA_BITS = 3072 }; // good for the years to come (NIST SP 800-57)

static enum exit_code complain(const char *option, const char *got, const char *expected)
{
    fprintf(stderr, "plenum keys: %s: got %s, expected %s\n", option, got, expected);
    return EXIT_USAGE;
}

static enum exit_code fail(const char *what)
{
    fprintf(stderr, "plenum keys: %s\n", what);
    return EXIT_FAILED;
}

// ---- making

// A secret as letters, digits, - and _, which fits into any file: as long as its hash at least.
static enum exit_code print_secret(enum jwa alg)
{
    uint8_t luck[64];
    char text[88];
    random_bytes(luck, sizeof luck);
    size_t n = base64url_encode(luck, jwa_row(alg)->hash_bytes, text);
    printf("%.*s\n", (int)n, text);
    return EXIT_DONE;
}

// A file that was not there, for its owner's eyes. What cannot be written in whole is taken away again.
static enum exit_code private_write(EVP_PKEY *pkey, const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        char reason[128];
        fprintf(stderr, "plenum keys: --out: %s: got \"%s\", expected a file that is not there yet\n",
                complaint_bare(str_from_cstr(path)).z, strerror_r(errno, reason, sizeof reason));
        return EXIT_USAGE;
    }
    FILE *file = fdopen(fd, "w");
    bool written = file != NULL && PEM_write_PrivateKey(file, pkey, NULL, NULL, 0, NULL, NULL) == 1;
    if (file == NULL)
        close(fd);
    else if (fflush(file) != 0 || fsync(fd) != 0 || ferror(file))
        written = false;
    if (file != NULL && fclose(file) != 0)
        written = false;
    if (!written)
        unlink(path);
    return written ? EXIT_DONE : fail("the private key could not be written");
}

// ---- printing

static enum exit_code print_set(struct jwk *k, struct mem *m)
{
    struct buf b;
    buf_init(&b, m, 0);
    bool made = true;
    if (k->kid_n == 0) {
        made = jwk_thumbprint(k, m, k->kid) == OK;
        k->kid_n = JWK_THUMBPRINT_LEN;
    }
    BUF_PUT_LIT(&b, "{\"keys\":[");
    made = made && jwk_put_public(&b, k) == OK;
    BUF_PUT_LIT(&b, "]}");
    made = made && buf_ok(&b);
    if (made)
        printf("%.*s\n", STR_ARG(buf_str(&b)));
    buf_deinit(&b);
    return made ? EXIT_DONE : fail("no memory");
}

struct request {
    const char *out, *alg, *kid, *from;
    struct jwk_wish wish;
    struct mem mem;
};

// Of a file with either half.
static enum exit_code show(struct request *r)
{
    struct jwk k;
    struct jwk_problem problem;
    struct buf text;
    buf_init(&text, &r->mem, 0);
    const char *why = key_file_read(r->from, &text);
    enum err e = why != NULL ? ERR_SYNTAX : jwk_from_text(buf_str(&text), &r->wish, &k, &problem);
    if (e == ERR_DENIED) { // a public one, or one for something else
        r->wish.use = JWK_TO_VERIFY;
        e = jwk_from_text(buf_str(&text), &r->wish, &k, &problem);
    }
    buf_deinit(&text);
    if (why != NULL)
        return complain("--from", complaint_quote(str_from_cstr(why)).z, "a readable file with a key");
    if (e != OK)
        return complain("--from", problem.got.z, problem.expected.z);
    enum exit_code code =
        k.pkey != NULL ? print_set(&k, &r->mem) : complain("--from", "a secret", "a key with a public half");
    jwk_deinit(&k);
    return code;
}

static enum exit_code make(struct request *r)
{
    if (jwa_row(r->wish.alg)->kind == JWA_HMAC)
        return print_secret(r->wish.alg);
    if (r->out == NULL)
        return complain("--out", "no value", "a new file for the private half");
    if (r->kid != NULL && (r->kid[0] == '\0' || strlen(r->kid) > JWK_KID_MAX))
        return complain("--kid", complaint_quote(str_from_cstr(r->kid)).z, "1 to 128 bytes");
    EVP_PKEY *pkey = jwk_pair_make(r->wish.alg, RSA_BITS);
    if (pkey == NULL)
        return fail("libcrypto could not make a key");
    enum exit_code code = private_write(pkey, r->out);
    if (code == EXIT_DONE) {
        struct jwk k = {.alg = r->wish.alg, .signs = true, .pkey = pkey};
        if (r->kid != NULL)
            memcpy(k.kid, r->kid, k.kid_n = (uint8_t)strlen(r->kid));
        code = print_set(&k, &r->mem);
    }
    EVP_PKEY_free(pkey);
    return code;
}

enum exit_code keys_command(int argc, char **argv)
{
    struct request r = {.wish = {.use = JWK_TO_SIGN, .alg = JWA_ES256}};
    const struct option options[] = {
        {"--out", &r.out, NULL}, {"--alg", &r.alg, NULL}, {"--kid", &r.kid, NULL}, {"--from", &r.from, NULL}};
    if (!options_take(options, sizeof options / sizeof options[0], argv, argc, "keys", KEYS_USAGE, NULL))
        return EXIT_USAGE;
    r.wish.has_alg = r.alg != NULL;
    if (r.alg != NULL && !jwa_find(str_from_cstr(r.alg), &r.wish.alg))
        return complain(
            "--alg", complaint_quote(str_from_cstr(r.alg)).z,
            "ES256, ES384, ES512, EdDSA, RS256, RS384, RS512, PS256, PS384, PS512, HS256, HS384 or HS512");
    if (r.kid != NULL)
        r.wish.kid = str_from_cstr(r.kid);
    if (digest_self_test() != OK)
        return fail("libcrypto does not work: it found no memory, or its library is broken");
    mem_init(&r.mem, mem_malloc_backend(), 0);
    if (r.from != NULL && r.out != NULL)
        return complain("--from", "--out as well", "one of the two");
    return r.from != NULL ? show(&r) : make(&r);
}
