// SPDX-License-Identifier: Apache-2.0
//
// check.h - whether lines are an audit's (chain.h): all of them, in order, as they were written.
//
//     audit_check_init, then for each file, oldest first: audit_check_file, audit_check_line for each line, audit_check_rest for
//     what is behind the last line end; then audit_check_end. The first fault ends it.
//
// A line that is none is let pass where the next one is `torn` and has its bytes and their hash: the server has found it so, as
// the machine had died while it was written, and said it.
//
// What is checked says nothing about what is not there any more: the newest lines can be cut off, and the chain is whole up to
// there. Who has a hash from elsewhere (the server's log has one a minute) asks for that, by audit_check_expect.
//
// Ownership: a plain value; strings are borrowed during calls. Thread: its user's.
#ifndef PLENUM_CORE_AUDIT_CHECK_H
#define PLENUM_CORE_AUDIT_CHECK_H

#include "core/audit/chain.h"

// clang-format off
#define AUDIT_FAULTS(X) \
    X(NO_LINE,   "this is no line of an audit") \
    X(CHANGED,   "this line was changed: its hash is not that of its bytes") \
    X(UNLINKED,  "the line before this one was changed and has a forged hash, or was put in: this line was written behind another") \
    X(JUMP,      "lines are missing in front of this one, or it was put in, or moved") \
    X(TORN,      "the last line is not finished: the machine or the disk has stopped while it was written, or it was cut") \
    X(NO_HEAD,   "the file does not begin with the line that each file of an audit begins with") \
    X(OTHER,     "this line begins another chain: it does not go on from the one before") \
    X(BAD_START, "this line has the number 1, and names a line before it") \
    X(KEYED,     "the chain has a key: it takes that to check it") \
    X(UNKEYED,   "the chain has no key, and was to have one: anybody can have made it") \
    X(DIFFERS,   "the line that was expected has another hash") \
    X(GONE,      "the line that was expected is not there: lines at the end are missing, or at the beginning") \
    X(NOMEM,     "there is no memory to compute a hash")
// clang-format on

enum audit_fault {
    AUDIT_GOOD,
#define X(upper, text) AUDIT_FAULT_##upper,
    AUDIT_FAULTS(X)
#undef X
        AUDIT_FAULT_COUNT
};
const char *audit_fault_text(enum audit_fault fault);

struct audit_check {
    struct audit_key key;
    bool began; // there is a chain
    bool fresh; // the next line is the first of its file
    bool keyed; //
    bool expects, expected_seen;
    bool stopped; // the newest line says that the server has stopped
    bool rotated; // or that the next file goes on
    char id[AUDIT_ID_LEN];
    char hash[AUDIT_HASH_HEX];
    char expected_hash[AUDIT_HASH_HEX];
    uint64_t seq, first_seq, expected_seq;
    uint64_t lines, missing,
        torn;             // lines in all; events that are said to be missing; lines that are said to be torn
    uint64_t line;        // of the file at hand, from 1
    uint64_t at;          // where the fault is
    uint64_t got, wanted; // JUMP: numbers
    // A line that was none, while it is not known whether the next one explains it.
    enum audit_fault suspect;
    uint64_t suspect_line, suspect_bytes, suspect_got;
    char suspect_hash[AUDIT_HASH_HEX];
};

// key: n 0 where there is none.
void audit_check_init(struct audit_check *c, const struct audit_key *key);
// The line of that number must be there, with that hash.
void audit_check_expect(struct audit_check *c, uint64_t seq, const char hash[AUDIT_HASH_HEX]);
void audit_check_file(struct audit_check *c);
// Without its LF.
enum audit_fault audit_check_line(struct audit_check *c, str line) WARN_UNUSED;
enum audit_fault audit_check_rest(struct audit_check *c, str rest) WARN_UNUSED;
enum audit_fault audit_check_end(struct audit_check *c) WARN_UNUSED;

// What a line says of itself; it borrows from it. False: it has not the form of one.
struct audit_line {
    uint64_t seq;
    str time, event; // without their quotes
    str prev, hash;  // AUDIT_HASH_HEX each
    str hashed;      // what the hash is of
};
bool audit_line_parse(str line, struct audit_line *ret) WARN_UNUSED;
// The value of a member of it, raw JSON; absent where there is none.
str audit_line_member(str line, str name);

// Goes on where a file ends: its last line, behind which that one came, becomes the chain's newest. Errors: ERR_SYNTAX (it is no
// line, or not as it was written, or by another key), ERR_NOMEM.
enum err audit_chain_resume(struct audit_chain *c, const struct audit_key *key, str id,
                            str last_line) WARN_UNUSED;

#endif
