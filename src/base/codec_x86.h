// SPDX-License-Identifier: Apache-2.0
//
// codec_x86.h - the middle of a base64 text, many characters at a step (cpu.h). Internal to codec*.c.
//
// Each takes what it can from the front and says how much that was: a multiple of 3 bytes, or of 4 characters. What is left, a
// character that is not of the alphabet among it, is for the code that runs everywhere. Nothing is read or written outside of
// what they are given; a decoder's characters may lie where its bytes come to, or behind that.
#ifndef PLENUM_BASE_CODEC_X86_H
#define PLENUM_BASE_CODEC_X86_H

#include <stddef.h>

// Below this a step of theirs does not pay, or does not fit.
enum { BASE64_WIDE_MIN = 48 };

#ifdef __x86_64__
size_t base64_encode_ssse3(char c62, char c63, const unsigned char *p, size_t n, char *ret);
size_t base64_encode_avx2(char c62, char c63, const unsigned char *p, size_t n, char *ret);
size_t base64_decode_ssse3(char c62, char c63, const char *p, size_t n, unsigned char *ret);
size_t base64_decode_avx2(char c62, char c63, const char *p, size_t n, unsigned char *ret);
#endif

#endif
