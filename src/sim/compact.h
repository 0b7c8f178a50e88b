// SPDX-License-Identifier: Apache-2.0
//
// compact.h - clients that speak the native protocol in Protocol Buffers. What they say is put from JSON into plenum.proto, and what
// they hear from that into JSON, by tables of the numbers in the document and by none of the server's code; so all that the
// simulator asks of a JSON client it asks of these. Names that were not told they ask for (`whois`), and what comes behind
// waits for that, as it does in web/plenum-protobuf.mjs.
//
// Not here: data that are bytes.
//
// Ownership: the client's, for as long as the run.
#ifndef PLENUM_SIM_COMPACT_H
#define PLENUM_SIM_COMPACT_H

#include "base/buf.h"

struct world;
struct client;

// Ids above those of other commands: of our questions, the first one; of signals, which have a word for theirs in JSON.
enum { COMPACT_ID_WHOIS = 1 << 30, COMPACT_ID_SIGNALS = 1 << 29 };

struct compact {
    struct buf
        names; // of rooms and speakers, by their numbers; a number means the same as long as the connection lasts
    struct buf held;                    // messages that wait: length (4), bytes
    struct buf text;                    // what is made at the moment
    uint64_t asked_room, asked_speaker; // 0 = nobody
    uint64_t whois_id;
    bool lost; // nobody could say who it was: it leaves
};

// Something came that has yet to be told.
static inline bool compact_waits(const struct compact *p) { return p->asked_room != 0 || p->lost; }

void compact_init(struct compact *p, struct mem *m);
void compact_reset(struct compact *p); // another connection
// A command in JSON as a ClientMessage; what is none there is none here.
void compact_encode(str json, struct buf *out);
void compact_whois(uint64_t id, str room, uint64_t speaker, struct buf *out);
// What has come; mutate_message for each message that can be told.
void compact_hear(struct world *w, struct client *c, str message);

#endif
