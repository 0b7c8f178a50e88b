// SPDX-License-Identifier: Apache-2.0
//
// native_keys.h - the rows of commands and of their keys (command.h) as tables, for the decoders of the native protocol, in
// whatever encoding: what is read is the same, and so is what a wrong one is told.
//
// Ownership: constant. Thread: any.
#ifndef PLENUM_DIALECT_NATIVE_KEYS_H
#define PLENUM_DIALECT_NATIVE_KEYS_H

#include "dialect/command.h"

enum { KEYS_PER_COMMAND_MAX = 8 };

// How a key is read.
enum key_kind {
    KIND_ROOM,
    KIND_NAME,
    KIND_STRING,
    KIND_DATA,
    KIND_CONTENT,
    KIND_BOOL,
    KIND_COUNT,
    KIND_OFFSET,
    KIND_SINCE,
    KIND_ROOMS,
    KIND_OBJECTS,
    KIND_OBJECT,
    KIND_STRINGS,
    KIND_VERSION
};

struct key {
    str name;
    enum key_kind kind;
    uint16_t field, flag; // where in struct command; flag 0: none
    uint64_t least, most;
    const char *expected; // "; got {}." at its end
};
extern const struct key native_keys[KEY_COUNT];

struct native_type {
    str name;
    // By a message in JSON, by one in a compact encoding; by a request (api.h).
    bool native, compact, http;
    struct key_use {
        enum command_key key;
        bool must, http;              // a request's only
    } keys[KEYS_PER_COMMAND_MAX + 1]; // up to KEY_NONE
};
const struct native_type *native_type(enum command_type type);
// A command of that type has a key of that name.
bool native_takes(const struct native_type *t, str name);

// The field of a command that a key is read into, and that it was there.
static inline void *key_field(const struct key *k, struct command *c) { return (char *)c + k->field; }
static inline void key_seen(const struct key *k, struct command *c)
{
    if (k->flag != 0)
        *(bool *)((char *)c + k->flag) = true;
}

#endif
