// SPDX-License-Identifier: Apache-2.0
//
// pack.h - a mail made of the struct it is on its sender's stack: one block, with the strings that it borrows behind it.
//
//      | the struct, its strs pointing into the block | strings, one behind the other | extra |
//
// Rejected: a byte encoding per kind (nothing leaves the process, so nothing needs to be portable).
// Thread: any; values only.
#ifndef PLENUM_CORE_MAIL_PACK_H
#define PLENUM_CORE_MAIL_PACK_H

#include "base/str.h"
#include "core/mail/mail.h"

// A copy of `head` bytes from `from`, with room for n strings and `extra` bytes behind them; the mail's header is new, the strs in
// it are still the sender's. NULL: memory is out (not where it is essential), or it would be longer than a mail can be.
void *mail_pack(struct mem *m, uint16_t kind, const void *from, size_t head, str *const strs[], size_t n,
                size_t extra, bool essential);
// Copies what the copy's strs borrow to *tail and on, and has them point there; *tail is behind it afterwards.
void mail_pack_strs(str *const strs[], size_t n, char **tail);

#endif
