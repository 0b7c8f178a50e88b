// SPDX-License-Identifier: Apache-2.0
//
// heard.h - a message of the server's in native JSON, taken apart; between hear_json.c and hear_rows.c.
//
// Written from docs/protocol/native.md, not from the server's encoder.
#ifndef PLENUM_SIM_HEARD_H
#define PLENUM_SIM_HEARD_H

#include "sim/world.h"
#include "wire/json.h"

struct heard {
    struct json_member members[JSON_KEYS_MAX];
    size_t n;
    str text;
};

// Of all that it says, in whatever order its keys stand.
uint64_t heard_hash(const struct heard *h);
str heard_raw(const struct heard *h, const char *key); // STR_NONE: not there
bool heard_true(const struct heard *h, const char *key);
// These fail the run where the member is missing or of another kind.
str heard_string(struct world *w, struct client *c, const struct heard *h, const char *key, char *scratch,
                 size_t cap);
uint64_t heard_number(struct world *w, struct client *c, const struct heard *h, const char *key);
uint64_t heard_offset(struct world *w, struct client *c, const struct heard *h, const char *key);
int heard_room(struct world *w, struct client *c, const struct heard *h);
void heard_scan(struct world *w, struct client *c, str text, struct heard *ret);
bool heard_next(str *list, str *ret); // the objects of an array, one after the other

// May a well-formed command of a well-behaved client meet that error (excuses.c)?
bool hear_excused(struct world *w, const struct client *c, const struct asked *a, str code, str sentence);

// --- what there may be several of (hear_rows.c)
uint8_t hear_kind(str type); // a FACT_; FACT_UNKNOWN: no entry
uint32_t hear_data(struct world *w, struct client *c, const struct heard *h); // its message, checked
void hear_from(struct world *w, struct client *c, const struct heard *h, const struct message *m);
void hear_entry(struct world *w, struct client *c, const struct heard *h, uint8_t kind);
// What has been changed of it since, where that is told of as it should be: *f becomes what is known of its offset (words.c). head: it is of
// the past, as of that offset; 0 = it is heard live, or as of nobody knows when.
void hear_changed(struct world *w, struct client *c, const struct heard *h, int room, int epoch,
                  uint64_t offset, uint64_t head, struct fact *f);
uint64_t hear_change(struct world *w, struct client *c, const struct heard *h); // its name_hash
void hear_history(struct world *w, struct client *c, const struct heard *h);
void hear_members(struct world *w, struct client *c, const struct heard *h);
void hear_joined_members(struct world *w, struct client *c, const struct heard *h, int room, int epoch);

#endif
