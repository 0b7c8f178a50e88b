// SPDX-License-Identifier: Apache-2.0
//
// self_signed.h - a certificate that vouches for itself, with its key: for development, and for whoever trusts this one file.
#ifndef PLENUM_APP_SELF_SIGNED_H
#define PLENUM_APP_SELF_SIGNED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SELF_SIGNED_DAYS_MAX =
        398, // browsers take no longer ones (CA/Browser Forum, Baseline Requirements, section 6.3.2)
    SELF_SIGNED_NAMES_BYTES = 1024,
};
#define SELF_SIGNED_NAMES "localhost,127.0.0.1,::1"

// ECDSA on P-256. names: host names and IP addresses, with commas between them; the first one is its common name. The files, in PEM, must
// not be there yet; the key's is for its owner only. False, with a sentence: then neither is there.
bool self_signed_make(const char *names, uint32_t days, const char *cert_path, const char *key_path,
                      char *ret_why, size_t why_cap);

#endif
