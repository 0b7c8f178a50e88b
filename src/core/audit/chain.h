// SPDX-License-Identifier: Apache-2.0
//
// chain.h - the audit as lines, each of which vouches for all before it.
//
//     {"seq":1,"time":"2026-11-29T17:02:11.123Z","event":"chain","version":1,"chain":"c3Bl...","keyed":false,"prev":"000...","hash":"5f1c..."}
//     {"seq":2,"time":"...","event":"kick","room":"lobby",...,"user":"ann","target":"bob","prev":"5f1c...","hash":"9a07..."}
//                                                                                                |             ^
//                                                                                                the hash of the line before
//
// A line is a JSON object and ends with LF. `hash` is SHA-256, in lower-case hex, of the line's bytes up to `,"hash":`, which
// have the hash of the line before in them (`prev`); of the first line there ever was it is zeros. With a key it is HMAC-SHA-256. So
// a line that is changed does not fit its own hash, one that is missing, put in or moved does not fit its neighbour's, and who has
// no key can make none that fits. It can be checked without this program: `printf %s "${line%,\"hash\":*}" | sha256sum`.
//
// Lines of the audit's own, beside those of common/audit.h:
//     chain     the first one of each file: version, the chain's id, whether there is a key. `seq` and `prev` go on
//               from the file before
//     started, stopped, rotated    of the server; of the file: the next one goes on
//     missing   so many events were lost here, as the queue was full
//     torn      the bytes in front of it are a line that was begun and not finished, so many, with that hash
//
// A line counts when it is written whole: audit_chain_put makes it, audit_chain_advance makes it the newest.
//
// Ownership: a chain is a plain value. Thread: its user's. Errors: ERR_NOMEM.
// Source: FIPS 180-4, RFC 2104, RFC 8259; the idea of linked time stamps, Haber and Stornetta 1991.
#ifndef PLENUM_CORE_AUDIT_CHAIN_H
#define PLENUM_CORE_AUDIT_CHAIN_H

#include "base/buf.h"
#include "core/common/audit.h"
#include "wire/digest.h"

enum {
    AUDIT_VERSION = 1,
    AUDIT_HASH_HEX = 2 * SHA256_BYTES,
    AUDIT_ID_LEN = 22,          // base64url of 128 bits
    AUDIT_KEY_MAX = 256,        // bytes
    AUDIT_LINE_MAX = 40 * 1024, // bytes: every string of AUDIT_TEXT_MAX, escaped at its worst
};

struct audit_key {
    uint8_t bytes[AUDIT_KEY_MAX];
    size_t n; // 0: there is none
};

struct audit_chain {
    struct audit_key key;
    char id[AUDIT_ID_LEN];
    uint64_t seq;              // of the newest line; 0 = there is none
    char hash[AUDIT_HASH_HEX]; // its
    char next[AUDIT_HASH_HEX]; // of the line that was made last
};

// One that begins.
void audit_chain_init(struct audit_chain *c, const struct audit_key *key, const uint8_t random[16]);

// Each empties `out` and puts the next line into it, LF included. Nothing has changed until audit_chain_advance. Errors: ERR_NOMEM.
// shard: UINT32_MAX = none's.
enum err audit_chain_put(struct audit_chain *c, struct buf *out, uint64_t wall_ms, uint32_t shard,
                         const struct audit_event *e) WARN_UNUSED;
enum err audit_chain_put_head(struct audit_chain *c, struct buf *out, uint64_t wall_ms) WARN_UNUSED;
enum err audit_chain_put_missing(struct audit_chain *c, struct buf *out, uint64_t wall_ms, uint64_t events,
                                 const char *why) WARN_UNUSED;
enum err audit_chain_put_torn(struct audit_chain *c, struct buf *out, uint64_t wall_ms, str torn) WARN_UNUSED;
// By what version, and what is told from here on, bits of enum audit_kind.
enum err audit_chain_put_started(struct audit_chain *c, struct buf *out, uint64_t wall_ms, str version,
                                 uint32_t kinds) WARN_UNUSED;
// "stopped", "rotated".
enum err audit_chain_put_note(struct audit_chain *c, struct buf *out, uint64_t wall_ms,
                              const char *event) WARN_UNUSED;
// The line that was made last has been written.
void audit_chain_advance(struct audit_chain *c);

// The hash of a line's bytes, as it stands in it.
enum err audit_hash(const struct audit_key *key, str bytes, char ret[AUDIT_HASH_HEX]) WARN_UNUSED;

#endif
