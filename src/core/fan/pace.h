// SPDX-License-Identifier: Apache-2.0
//
// pace.h - publishers wait for readers whose turn has not come.
//
//      readers' shard                    home                             publishers' shards
//      fan_trim: crowded --report---> feed.crowded, room.crowded --order--> outlet.hold: publishes park
//                                        (none left) ------------------order--> they go on
//
// An outlet never drops what a reader has not been offered (outlet.h), and the driver offers so many writes per
// turn and no more. Somebody who publishes faster than that would fill the memory. So an outlet that keeps more than
// settings.lag_bytes for readers who have not been served says so to the room's home, and the home tells every shard
// with members: there a publish to this room waits on its connection, which is not read meanwhile; TCP tells the peer.
// When each reader has been offered its write, which takes as many turns as the driver's budget goes into the number
// of readers, they go on. Other rooms, and other commands, do not wait.
//
// What is kept beyond lag_bytes is thereby bounded by what is appended until the order has arrived: one turn of reading
// on the readers' shard, and two mails on the way from others.
//
// A publisher that does not want its own entries back is paced by itself as well: the offsets it has to skip are kept
// until it has been written to, and their number is bounded.
//
// Thread: the shard's.
#ifndef PLENUM_CORE_PACE_H
#define PLENUM_CORE_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct fan;
struct outlet;
struct reader;

// True, and the connection is marked as paced, if its publish has to wait.
bool pace_waits(struct reader *r, const struct outlet *o);
// The outlet has become crowded, or is so no longer.
void pace_report(struct fan *f, uint32_t outlet, bool crowded);

#endif
