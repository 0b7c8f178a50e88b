// SPDX-License-Identifier: Apache-2.0
//
// utf8_x86.h - how far a text is UTF-8, many bytes at a step (base/cpu.h). Internal to utf8*.c.
//
// p begins a character. So many bytes from it on are whole, well-formed characters; what is behind them is for the automaton, which
// finds what is malformed, or that there is more to come. Not all that there are need be passed over.
#ifndef PLENUM_WIRE_UTF8_X86_H
#define PLENUM_WIRE_UTF8_X86_H

#include <stddef.h>
#include <stdint.h>

enum { UTF8_WIDE_MIN = 64 }; // below it, a step of theirs does not pay

#ifdef __x86_64__
size_t utf8_pass_ssse3(const uint8_t *p, size_t n);
size_t utf8_pass_avx2(const uint8_t *p, size_t n);
#endif

#endif
