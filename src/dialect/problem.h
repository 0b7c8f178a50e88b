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

// The protocol's stable error codes (docs/protocol/native.md), each with the status of an HTTP answer that carries it.
// clang-format off
#define PROBLEMS(X) \
    X(NONE, none, 500) \
    X(BAD_JSON, bad_json, 400) \
    X(BAD_COMMAND, bad_command, 400) \
    X(UNKNOWN_TYPE, unknown_type, 404) \
    X(TOO_LARGE, too_large, 413) \
    X(BAD_ROOM, bad_room, 400) \
    X(NOT_FOUND, not_found, 404) \
    X(NOT_MEMBER, not_member, 404) \
    X(ALREADY_MEMBER, already_member, 409) \
    X(FORBIDDEN, forbidden, 403) \
    X(UNAUTHORIZED, unauthorized, 401) \
    X(TOKEN_EXPIRED, token_expired, 401) \
    X(TOKEN_REVOKED, token_revoked, 401) \
    X(INVITATION_INVALID, invitation_invalid, 404) \
    X(INVITATION_EXPIRED, invitation_expired, 403) \
    X(INVITATION_USED, invitation_used, 409) \
    X(BANNED, banned, 403) \
    X(MUTED, muted, 403) \
    X(CONFLICT, conflict, 409) \
    X(IN_PROGRESS, in_progress, 409) \
    X(KEY_REUSED, key_reused, 422) \
    X(ANSWER_GONE, answer_gone, 410) \
    X(RATE_LIMITED, rate_limited, 429) \
    X(LIMIT_REACHED, limit_reached, 429) \
    X(ROOM_FULL, room_full, 409) \
    X(ROOM_CLOSED, room_closed, 409) \
    X(UNAVAILABLE, unavailable, 503) \
    X(DRAINING, draining, 503) \
    X(INTERNAL, internal, 500)
// clang-format on

enum problem_code {
#define X(upper, lower, status) PROBLEM_##upper,
    PROBLEMS(X)
#undef X
        PROBLEM_COUNT
};

// The code's wire name, "bad_json" and so on.
const char *problem_name(enum problem_code code);
// Of an HTTP answer, 400 to 599.
uint16_t problem_status(enum problem_code code);
// By its name; PROBLEM_COUNT where there is none of that name.
enum problem_code problem_find(str name);

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
    bool has_version;
    uint64_t version; // PROBLEM_CONFLICT: that it has now
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
