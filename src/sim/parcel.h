// SPDX-License-Identifier: Apache-2.0
//
// parcel.h - a language that is not served: of the simulator's and the tests' own, to show what a language may be. It is binary,
// puts several commands into one message, remembers something of each connection, and has pings and goodbyes of its own. What is
// said in it are commands and events of the native language, in parcels:
//
//      to the server, a message is parcels      from the server, a message is one thing
//      | number | kind | length | body |        | {...                   |  an entry, as in native JSON
//        2        1      3        length        | r | number | kind | .. |  for this connection alone
//      c  a command in JSON                       1   4        1
//      p  the answer to a ping                  v  an event in JSON
//      q  goodbye                               p  a ping
//      n  nothing                               b  goodbye: code (2), reason
//
// Numbers are big-endian, and go up by one, from 1, in each direction: both sides know that nothing was lost. That is what has to
// be remembered, and how many pings are out.
//
// It is added as any module would add one: ways_with_parcels has its rows behind those that are served.
#ifndef PLENUM_SIM_PARCEL_H
#define PLENUM_SIM_PARCEL_H

#include "dialect/ways.h"

enum { PARCEL_HEAD = 6, PARCEL_BODY_MAX = 0xffffff, ENCODING_PARCEL = ENCODINGS_SERVED };

// What is served, and parcels: on /parcel, and on /ws by the subprotocol parcel.v1. Always the same.
const struct ways *ways_with_parcels(void);
extern const struct language parcel_language;
extern const struct payloads parcel_payloads;

// The client's side: appends a parcel.
void parcel_put(struct buf *out, uint16_t number, char kind, str body);
// What came: '{' is an entry, in *ret_body whole; else what stands behind `r`, its number and its kind. False: no message of ours.
bool parcel_open(str message, char *ret_kind, uint32_t *ret_number, str *ret_body);

#endif
