// SPDX-License-Identifier: Apache-2.0
//
// problem.h - why a command did not take effect: a code for programs, a sentence for the developer or the person.
//
// All sentences are made in one way, whatever language carries them:
//
//     `limit` must be an integer from 1 to 1000; got the string `many`.
//     There is no command `mesage`. Did you mean `message`?
//
// They begin with a capital letter or with what they are about, and end with a mark. Keys, commands and what the peer
// wrote stand in `backticks`, nothing else does. What was got is shown as it was written, cut to a bearable length;
// control characters in it are escaped by the language that carries the sentence, as in all strings.
#ifndef PLENUM_DIALECT_PROBLEM_H
#define PLENUM_DIALECT_PROBLEM_H

#include "base/str.h"

// The protocol's stable error codes (docs/protocol/native.md).
// clang-format off
#define PROBLEMS(X) \
    X(NONE, none) \
    X(BAD_JSON, bad_json) \
    X(BAD_COMMAND, bad_command) \
    X(UNKNOWN_TYPE, unknown_type) \
    X(TOO_LARGE, too_large) \
    X(BAD_ROOM, bad_room) \
    X(NOT_MEMBER, not_member) \
    X(ALREADY_MEMBER, already_member) \
    X(FORBIDDEN, forbidden) \
    X(UNAUTHORIZED, unauthorized) \
    X(TOKEN_EXPIRED, token_expired) \
    X(BANNED, banned) \
    X(MUTED, muted) \
    X(CONFLICT, conflict) \
    X(RATE_LIMITED, rate_limited) \
    X(LIMIT_REACHED, limit_reached) \
    X(ROOM_FULL, room_full) \
    X(UNAVAILABLE, unavailable) \
    X(DRAINING, draining) \
    X(INTERNAL, internal)
// clang-format on

enum problem_code {
#define X(upper, lower) PROBLEM_##upper,
    PROBLEMS(X)
#undef X
        PROBLEM_COUNT
};

// The code's wire name, "bad_json" and so on.
const char *problem_name(enum problem_code code);

// What a sentence is about, where it says "{}".
enum word_kind {
    WORD_NOTHING, // "nothing"
    WORD_QUOTED,  // in backticks; "nothing" where it is empty
    WORD_JSON,    // a raw JSON value: the string `x`, `5`, an object, an array
    WORD_PLAIN,   // static words of ours, as they are
};

struct problem {
    enum problem_code code;
    const char *text;  // static; "{}" stands for the word
    uint32_t retry_ms; // 0 = absent
    enum word_kind word_kind;
    str word;          // borrows from the message, good until the next one is decoded
    bool has_position; // behind the word: "at position 17", in bytes from 0
    size_t position;
    const char *did_you_mean; // static; NULL = no idea
};

enum { PROBLEM_SENTENCE_MAX = 512, PROBLEM_WORD_MAX = 64 };

// The whole sentence, in ret.
str problem_sentence(const struct problem *p, char ret[PROBLEM_SENTENCE_MAX]);

#endif
