// SPDX-License-Identifier: Apache-2.0
//
// deflated.h - clients that speak permessage-deflate, in half of the plans, and offer it in the others.
//
// What they say is deflated by a stream of zlib's that is kept over messages where that was agreed; what they hear is inflated by
// wire/deflate.h. So each split, wait and end of a connection comes up with compressed messages, too, and what is in them is
// held to the same truth.
//
// Ownership: of the world's arena. Thread: one.
#ifndef PLENUM_SIM_DEFLATED_H
#define PLENUM_SIM_DEFLATED_H

#include "base/buf.h"
#include <zlib.h>

struct client;
struct world;

struct deflated {
    bool agreed;
    bool context; // what it said before may be referred to
    z_stream *z;
};

// By a die of its own, so that the plans of seeds stay what they were.
void deflated_plan(struct world *w);
// The field that a client's next request has, or nothing. room: 200 bytes
void deflated_say(struct world *w, struct client *c, char *room);
// What it was answered, or not.
void deflated_agree(struct world *w, struct client *c, str head);
// The payload of a message as it goes out: *payload, and true where it is deflated.
bool deflated_out(struct world *w, struct client *c, struct buf *room, str *payload);
// What a compressed message says.
str deflated_in(struct world *w, const struct client *c, uint8_t opcode, struct buf *room, str payload);
// Something counts at its home already that nobody has been told of: it waits for a store, or for a large message that is deflated in
// slices; or did so at some time.
bool told_late(const struct world *w);
// What compression has kept at the end, when everybody has gone.
size_t deflated_kept(struct world *w);
void deflated_end(struct world *w);

#endif
