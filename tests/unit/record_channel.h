// SPDX-License-Identifier: Apache-2.0
//
// record_channel.h - a channel that has everything that makes TLS hard, and nothing else; and its peer.
//
// Bytes travel in records of at most `record_max` bytes, each byte exclusive-ored with a key:
//
//      type, length (2 bytes), payload
//
//   HELLO   the peer's comes first; the channel answers with its own, and reads nothing before that has left
//   DATA    payload
//   KEY     the channel's, after every RECORDS_PER_KEY records of data that it has read: its key from here on. It reads
//           nothing more before that has left: to read it must write
//   CREDIT  the peer's, after every RECORDS_PER_CREDIT records of data: the channel may send as many more. To write it
//           must read
//   END     the last one
//
// Ownership: a kind outlives its channels. Thread: one at a time for each channel and each peer.
#ifndef PLENUM_UNIT_RECORD_CHANNEL_H
#define PLENUM_UNIT_RECORD_CHANNEL_H

#include "io/channel.h"

enum {
    RECORD_MAX = 16 * 1024,
    RECORD_HEAD = 3,
    RECORDS_PER_KEY = 3,
    RECORDS_PER_CREDIT = 4,
};
enum record_type { RECORD_HELLO = 1, RECORD_DATA, RECORD_KEY, RECORD_CREDIT, RECORD_END };

struct record_kind {
    struct channel_kind kind; // what a listener is given
    size_t record_max;
    size_t *room; // that the sockets still take, all together; NULL = as much as they do
};

struct record_kind record_kind_make(size_t record_max, size_t *room);

// The other side. Calls wait for their socket where it is a blocking one.
struct record_peer {
    int fd;
    uint8_t key_in;
    uint8_t in[RECORD_HEAD + RECORD_MAX]; // of a record
    size_t in_n;
    uint8_t plain[RECORD_MAX]; // not taken yet
    size_t plain_from, plain_n;
    uint32_t data_records;
    uint32_t hellos, keys;
    bool no_credit; // it gives none by itself
    bool ended;     // END came
};

void record_peer_init(struct record_peer *p, int fd);
void record_peer_send(struct record_peer *p, enum record_type type, const void *payload, size_t n);
// One record of data into `plain`, whatever else comes before it. False: there is none (EAGAIN), or it was the end.
bool record_peer_receive(struct record_peer *p);
// Text in a record, and reading until text has come.
void record_peer_say(struct record_peer *p, const char *text);
void record_peer_hear(struct record_peer *p, const char *text);

#endif
