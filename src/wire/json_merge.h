// SPDX-License-Identifier: Apache-2.0
//
// json_merge.h - JSON merge patches (RFC 7396): one value changed by another that looks like it.
//
//      target   {"title":"Hi", "tags":["a"], "by":{"name":"Ada", "id":7}}
//      patch    {"title":"Ho", "tags":null,  "by":{"id":null}}
//      result   {"title":"Ho","by":{"name":"Ada"}}
//
// What a patch does not name keeps its bytes, numbers of any size included; what it names is written as in the patch. Members
// keep their order, new ones come behind in the order of the patch, and there is no space between them. A key that stands twice
// in an object of the target counts as what stands last, as most readers take it; in a patch it is an error.
//
// Limits: JSON_MERGE_MEMBERS_MAX members of a patch, those of one object counted along with those of the objects around it, so that
// what is looked up in them has a bound; JSON_DEPTH_MAX levels, as what is validated has. The result is at most as long as both.
// Thread: pure functions. Source: RFC 7396.
#ifndef PLENUM_WIRE_JSON_MERGE_H
#define PLENUM_WIRE_JSON_MERGE_H

#include "base/buf.h"
#include "base/err.h"

enum { JSON_MERGE_MEMBERS_MAX = 256 };

// Appends to out what the patch makes of the target, an absent one too (n == 0). Both are raw values that a scan has validated, and
// do not lie in out. Errors: ERR_LIMIT (too many members), ERR_EXISTS (a key twice in an object of the patch), ERR_NOMEM
// (out could not grow); what out holds behind what it held is undefined then.
enum err json_merge(str target, str patch, struct buf *out) WARN_UNUSED;

#endif
