// SPDX-License-Identifier: Apache-2.0
//
// The table of jwa.h as data.
#include "wire/jwa.h"

#include "base/assert.h"

static const struct jwa_row rows[JWA_COUNT] = {
#define X(name, wire, kind, hash, signature) {{wire, sizeof wire - 1}, JWA_##kind, hash, signature},
    JWA_ALGORITHMS(X)
#undef X
};

const struct jwa_row *jwa_row(enum jwa a)
{
    ASSERT((unsigned)a < JWA_COUNT);
    return &rows[a];
}

bool jwa_find(str name, enum jwa *ret)
{
    if (str_eq(name, STR("Ed25519")))
        name = STR("EdDSA");
    for (unsigned a = 0; a < JWA_COUNT; a++) {
        if (str_eq(name, rows[a].name)) {
            *ret = (enum jwa)a;
            return true;
        }
    }
    return false;
}
