// SPDX-License-Identifier: Apache-2.0
//
// tls_person.h - who a client is by its certificate (X.509, RFC 5280).
//
// An operator says which part of it names the user: that is a statement about the authority behind `client_ca`, which has to see to it that
// one is given to nobody else. A certificate without that part, or with something there that no user may be called, is refused in
// its handshake, with an alert: nobody is a guest by mistake.
//
// Ownership: values. Thread: any.
#ifndef PLENUM_IO_TLS_PERSON_H
#define PLENUM_IO_TLS_PERSON_H

#include "core/common/driver.h"

#include <openssl/ssl.h>
#include <stdbool.h>

// clang-format off
#define TLS_USERS(X) \
    X(NONE,  none)  /* what it says of people does not count: they say who they are by a token */ \
    X(CN,    cn)    /* the subject's common name, the last one where there are several */ \
    X(EMAIL, email) /* the first rfc822Name of its subjectAltName (section 4.2.1.6), */ \
    X(URI,   uri)   /* its first uniformResourceIdentifier, as SPIFFE has it, */ \
    X(DNS,   dns)   /* its first dNSName */
// clang-format on

enum tls_user {
#define X(upper, lower) TLS_USER_##upper,
    TLS_USERS(X)
#undef X
};

// What a certificate says, and the room of its strings.
struct tls_person {
    struct certificate facts;
    char user[USER_ID_MAX], id[CERTIFICATE_ID_MAX];
};

// False: it names nobody who could be a user here.
bool tls_person_of(X509 *certificate, enum tls_user which, struct tls_person *ret);

#endif
