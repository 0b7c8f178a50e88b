// SPDX-License-Identifier: Apache-2.0
//
// state.h - what a room's people share: keys with JSON values, by its records.
//
//      command --> proposal {"set","unset","merge","if_version","limits"}        what is wanted, on what condition
//                      |  state_resolve, when its record is applied: against the state as it is then
//                      v
//                  result {"set":{key: value},"unset":[key]}, a version         what is in the log, and what people are told
//
// A proposal that is not in its place, or would pass a limit, changes nothing at all. What changes nothing (a value that is there
// already, a key that is not) is left out of the result. A record that has a version already, as it is applied once more (by
// another node, after a restart), is a result, and is taken as it is. So whoever applies the same records comes to the same
// state; it is kept when they have gone from the log.
//
// `version` counts the records that were applied; a row's is that of the record which changed it last. Neither ever falls,
// not even when the room is closed, so "only if it is still 7" is never true of another 7.
//
// Limits are part of a proposal, so that nodes with other settings come to the same verdict. A state that is over them, as they
// were lowered, may shrink.
//
// Values are kept as they were written, byte for byte; keys as they are to be read, without escapes, and written in one form.
//
// Most rooms have none of it, and no struct state.
//
// Invariants (state_check)
//   1. rows rise by key, in bytes; there is one of each
//   2. `bytes` counts their keys and values
//   3. no row is of version 0, or of one above the room's, which is not 0 either
//   4. nothing is pending between two calls of state_secure and state_apply, or state_fit
//
// Ownership: the room's. Memory: from the room's, within the budget. Thread: the home shard's.
#ifndef PLENUM_CORE_HOME_STATE_H
#define PLENUM_CORE_HOME_STATE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "wire/json.h"

struct state_row {
    struct state_row *next; // of those that are pending
    uint64_t version;
    uint32_t key_n, value_n;
    char bytes[]; // key, value
};

struct state {
    struct state_row **rows;
    struct state_row *pending;
    uint32_t n, cap;
    uint64_t bytes;
    uint64_t version; // of the newest record
    uint64_t at;      // the offset of what changed it last, be it that the room was closed
};

struct state_limits {
    uint32_t keys;  // as many rows
    uint32_t bytes; // of keys and values, together
    uint32_t value; // of one value
};

// What somebody wants of it, raw JSON of the kind that is said; what is absent is not wanted.
struct state_wish {
    str set;   // object: the key has that value
    str unset; // array of strings: the key is gone
    str merge; // object, a merge patch (RFC 7396) of the state as a whole: null takes a key away
    str if_version; // a number: only if the room's is this. An object: only if the keys are of these; 0 = not there
};

// Why nothing comes of a proposal.
enum state_fault {
    STATE_FINE,
    STATE_MOVED,     // the version is another one,
    STATE_KEY_MOVED, // or that of a key
    STATE_KEYS,      // more keys than there may be,
    STATE_BYTES,     // or more bytes,
    STATE_VALUE,     // or a value that is larger than one may be
    STATE_NAME,      // a key of no bytes, or of more than STATE_KEY_MAX
    STATE_TWICE,     // a key that stands twice, in the command or in an object of a patch
    STATE_MANY,      // more than STATE_CHANGES_MAX keys, or members of a patch (wire/json_merge.h)
    STATE_MALFORMED, // not of that form at all
};

struct state_verdict {
    enum state_fault fault;
    uint64_t
        version; // STATE_FINE: that the room has then. STATE_MOVED, STATE_KEY_MOVED: that it has, or the key
    uint64_t limit; // STATE_KEYS to STATE_VALUE: how much it may be
};

static inline uint64_t state_version(const struct state *s) { return s != NULL ? s->version : 0; }

// What is proposed, as the data of a record, appended to out.
void state_propose(const struct state_wish *wish, const struct state_limits *limits, struct buf *out);
// What a record comes to, against the state as it is: data and version are the record's. Of a proposal (version 0) the result is
// appended to out; of a result nothing. ERR_NOMEM: out could not grow. s may be NULL.
enum err state_resolve(const struct state *s, str data, uint64_t version, struct buf *out,
                       struct state_verdict *ret) WARN_UNUSED;

// Makes room: state_apply of this result finds memory. ERR_NOMEM: nothing has changed that anybody could tell.
enum err state_secure(struct state **s, struct mem *m, str result) WARN_UNUSED;
// The result takes effect; `version` is what state_resolve made of it.
void state_apply(struct state *s, struct mem *m, str result, uint64_t version);
// What was secured came to nothing.
void state_fit(struct state **s, struct mem *m);
// Of an image (image.h). ERR_NOMEM; ERR_LIMIT: there is that key.
enum err state_take_row(struct state *s, struct mem *m, str key, str value, uint64_t version) WARN_UNUSED;
// The room has been closed: all keys are gone, and the version is as it was.
void state_clear(struct state *s, struct mem *m);
void state_free(struct state **s, struct mem *m);

// A key of a raw JSON string as it is to be read; absent where it may not be one. Of a member as a scan left it, between its quotes.
str state_key_read(str raw, char scratch[STATE_KEY_MAX]);
static inline str state_key_of(const struct json_member *m, char scratch[STATE_KEY_MAX])
{
    return state_key_read(str_make(m->key.p - 1, m->key.n + 2), scratch);
}
// NULL where there is none by that name.
const struct state_row *state_find(const struct state *s, str key);
static inline str state_row_key(const struct state_row *r) { return str_make(r->bytes, r->key_n); }
static inline str state_row_value(const struct state_row *r)
{
    return str_make(r->bytes + r->key_n, r->value_n);
}
// {"key":value,...}, and {"key":version,...}. s may be NULL.
void state_put(struct buf *out, const struct state *s);
void state_put_versions(struct buf *out, const struct state *s);
size_t state_json_bytes(const struct state *s); // about, of what state_put writes
void state_check(const struct state *s);

#endif
