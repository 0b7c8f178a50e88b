// SPDX-License-Identifier: Apache-2.0
//
// 256 random bits: what is kept of them, a bare SHA-256, needs no salt and no slow hash, as nobody can go through them.
#include "app/api_key.h"

#include "base/codec.h"
#include "io/random.h"
#include "wire/digest.h"

#include <stdio.h>
#include <string.h>

static const char prefix[] = "plenum_"; // so that people and scanners of repositories see what it is
enum {
    PREFIX = sizeof prefix - 1,
    RANDOM_BYTES = 32,
    TEXT_BYTES = (4 * RANDOM_BYTES + 2) / 3,
    NAME_MAX_SHOWN = 32
};

static bool name_good(const char *name)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t n = strlen(name);
    return n != 0 && n <= NAME_MAX_SHOWN && strspn(name, plain) == n;
}

enum exit_code api_key_make(const char *name)
{
    uint8_t random[RANDOM_BYTES], sha256[SHA256_BYTES];
    char key[PREFIX + TEXT_BYTES + 1];
    if (name != NULL && !name_good(name)) {
        fprintf(
            stderr,
            "plenum apikey: got a name that cannot be one, expected 1 to %d letters, digits, `.`, `_` or `-`\n",
            NAME_MAX_SHOWN);
        return EXIT_USAGE;
    }
    random_bytes(random, sizeof random);
    memcpy(key, prefix, PREFIX);
    size_t n = PREFIX + base64url_encode(random, sizeof random, key + PREFIX);
    key[n] = '\0';
    if (digest_self_test() != OK || digest_sha256(key, n, sha256) != OK) {
        fputs("plenum apikey: libcrypto does not work: it found no memory, or its library is broken\n",
              stderr);
        return EXIT_FAILED;
    }
    printf(
        "%s\n\n# That is the key; the backend sends it as `Authorization: Bearer KEY`. It is shown once. For the server's file:\n"
        "api:\n  keys:\n    - {name: %s, secret_sha256: ",
        key, name != NULL ? name : "backend");
    for (size_t i = 0; i < SHA256_BYTES; i++)
        printf("%02x", sha256[i]);
    fputs(", rights: [all]}\n# Or without a file, with all rights: PLENUM_API_KEY=KEY\n", stdout);
    return fflush(stdout) == 0 ? EXIT_DONE : EXIT_FAILED;
}
