// SPDX-License-Identifier: Apache-2.0
//
// utf8.h - UTF-8 validation that can stop and go on at any octet.
//
// Used for WebSocket text (checked as the octets arrive, also inside unfinished frames), close reasons, JSON
// strings and text lines.
//
// The idea: an automaton whose state says which octets may come next; it is 0 between characters. Only the first
// continuation octet may have a range narrower than 80-BF, and that range is what keeps out overlong forms (behind E0
// and F0), surrogates (ED) and code points above U+10FFFF (F4). C0, C1 and F5-FF begin nothing.
//
// Source: RFC 3629 section 4; the Unicode standard, table 3-7.
#ifndef PLENUM_WIRE_UTF8_H
#define PLENUM_WIRE_UTF8_H

#include "base/str.h"

typedef uint32_t utf8_state;

#define UTF8_START ((utf8_state)0)

// Takes n octets. False at the first octet that cannot continue; *s is then of no further use.
bool utf8_feed(utf8_state *s, const void *p, size_t n);

// True between characters: the text may end here.
static inline bool utf8_complete(utf8_state s) { return s == UTF8_START; }

// True if s is UTF-8 from its first to its last octet. The empty string is.
bool utf8_valid(str s);

// Octets of the character at p (1 to 4), looking at no more than n; 0 if it is malformed or cut off.
size_t utf8_char_length(const uint8_t *p, size_t n);

// The code point of the character of n octets (1 to 4) at p, which utf8_char_length has measured.
uint32_t utf8_code_point(const uint8_t *p, size_t n);

// True for characters that steer a display instead of standing in it: C0, DEL and C1 (TAB and line ends too), the line
// and paragraph separators, everything that turns the direction of text (Unicode's Bidi_Control property), and what has
// no width and no use in writing: U+180E, 200B, 2060-2064, 206A-206F, FEFF, FFF9-FFFB. The joiners U+200C and U+200D
// are none: Persian, the Indian scripts and composed emoji need them.
bool utf8_steers(uint32_t code_point);

// The longest part of s, up to n octets, that does not end inside a character. s must be valid UTF-8.
str utf8_take(str s, size_t n);

#endif
