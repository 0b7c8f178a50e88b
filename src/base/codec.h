// SPDX-License-Identifier: Apache-2.0
//
// codec.h - base64, base64url and decimal, on caller's memory.
#ifndef PLENUM_BASE_CODEC_H
#define PLENUM_BASE_CODEC_H

#include "base/str.h"

// Standard alphabet with padding (RFC 4648 section 4). ret has room for 4 * ((n + 2) / 3) bytes; returns the length.
size_t base64_encode(const void *p, size_t n, char *ret);
// Strict: right padding, no white space, zero spare bits. ret has room for 3 * (s.n / 4), and may be where s begins, or in front of
// it: no character is written over that was not read. False if malformed.
bool base64_decode(str s, void *ret, size_t *ret_n);
// URL alphabet without padding (RFC 4648 section 5). ret has room for (4 * n + 2) / 3 bytes; returns the length.
size_t base64url_encode(const void *p, size_t n, char *ret);
// Strict likewise. ret has room for 3 * s.n / 4 bytes. When a decoder returns false, *ret_n is as it was and the
// bytes at ret are undefined.
bool base64url_decode(str s, void *ret, size_t *ret_n);
// Writes the decimal digits of v (1 to 20 bytes) and returns their count.
size_t u64_encode(uint64_t v, char ret[20]);

#endif
