// SPDX-License-Identifier: Apache-2.0
//
// asset.h - one static file of the web pages, as it lies in the binary.
//
// Where it sits: tools/embed.c turns the folder web/ into a C file that defines the table below; the build links it
// into plenum_app. core's HTTP side answers GET and HEAD from it, and never opens a file, so there is no path to
// traverse and no read to block a shard. Tests may define a small table of their own.
//
// Invariants (assets_check)
//   1. `path` starts with '/', is unique, and the table is sorted by it in byte order (bsearch is allowed).
//      web/index.html is "/"; every other file is "/" and its path below web/.
//   2. `etag` is a strong validator with its quotes (RFC 9110 section 8.8.3), made from the content alone: the same
//      bytes have the same tag in every build and on every node.
//   3. `body` has a NUL at body[body_len] that is not part of it. Files with the same bytes may share one body.
//
// Ownership: everything is constant and lives as long as the process; any thread may read it.
#ifndef PLENUM_CORE_ASSET_H
#define PLENUM_CORE_ASSET_H

#include <stdbool.h>
#include <stddef.h>

struct asset {
    const char *path;          // the request target it answers, without query
    const char *content_type;  // value of Content-Type, charset included for text
    const char *etag;          // value of ETag, quotes included
    const unsigned char *body; // the file's bytes
    size_t body_len;           // octets
    bool shared;               // pages of other origins may read it, those of origin.allowed
};

// The pages that this binary serves; assets_len may be 0, then `assets` has one entry of NULLs that is not counted.
extern const struct asset assets[];
extern const size_t assets_len;

// Asserts the invariants of a table; O(bytes of its names).
void assets_check(const struct asset *all, size_t n);

#endif
