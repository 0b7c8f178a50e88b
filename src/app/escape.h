// SPDX-License-Identifier: Apache-2.0
//
// escape.h - text of strangers, made safe to show on a terminal and in a log line.
//
// Used for every value in log lines and in complaints about the configuration. What comes out is valid UTF-8 on one
// line, may stand inside double quotes, and cannot move the cursor, colour the screen or turn the reading direction:
//
//     quote, backslash                   a backslash before it
//     LF CR TAB                          \n \r \t
//     other C0, DEL, C1                  \u001b
//     bidi controls, U+2028, U+2029,
//     zero-width and byte order marks    \u202e      ("Trojan Source", CVE-2021-42574)
//     octets that are not UTF-8          \ufffd
//
// These are JSON's escapes, so one function serves logfmt, JSON and error messages.
//
// Limits: `cap`; what does not fit is cut before a whole character and ends with U+2026 (three dots).
#ifndef PLENUM_APP_ESCAPE_H
#define PLENUM_APP_ESCAPE_H

#include "base/str.h"

enum { ESCAPE_CAP_MIN = 16 }; // one escape, the dots and a NUL always fit

// Writes s, escaped, and a NUL into ret; cap >= ESCAPE_CAP_MIN. Returns the length without the NUL.
size_t text_escape(str s, char *ret, size_t cap);

#endif
