// SPDX-License-Identifier: Apache-2.0
//
// What the command line asked for. Parsed and checked once; constant afterwards.

#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum dialect { DIALECT_JSON, DIALECT_PROTOBUF, DIALECT_TEXT, DIALECT_TEXT_WS, DIALECT_RAW };

enum drive {
    DRIVE_NONE,       // nobody publishes (--idle, or --publishers 0)
    DRIVE_OPEN,       // a fixed timetable (--rate)
    DRIVE_CLOSED_OWN, // the next when a publisher's own message was acknowledged or came back
    DRIVE_CLOSED_ALL, // the next when every reader has the message
};

#define PUBLISHERS_ALL UINT32_MAX

struct options {
    enum dialect dialect;
    bool websocket;
    bool tls;
    bool deflate; // offered, and whoever does not take it has failed
    char host[256];
    char port[16];
    char path[512]; // may hold {room} or {rooms}

    uint32_t clients;
    uint32_t rooms;
    uint32_t members;             // per room; 0: the clients are spread over the rooms, one room each
    uint32_t publishers_per_room; // PUBLISHERS_ALL: every member
    const char *room_name;        // rooms are NAME-0, NAME-1, ...; NULL: a name that is not used again

    enum drive drive;
    double rate; // messages per second, all publishers together
    uint32_t inflight;
    uint32_t size; // payload bytes
    bool words;    // a payload of words
    bool echo;
    bool ack;

    double duration_s;
    double warmup_s;
    bool idle;
    double stall_percent;
    double churn_per_s;
    bool storm;

    const char *tokens_file; // NULL: everybody is a guest
    const char *join_template;
    const char *message_template;
    const char *joined_mark;

    uint32_t threads;
    uint32_t connecting_max; // connections between connect() and ready at any time
    pid_t server_pid;        // 0: none
    bool json;
    bool quiet;
};

// Fills `ret` from the arguments. Prints help and exits 0, or prints one clear sentence and exits 2.
void options_parse(int argc, char **argv, struct options *ret);

const char *options_dialect_name(enum dialect d);
const char *options_drive_name(enum drive d);

// The native protocol, in either encoding: a room's entries have offsets.
static inline bool options_is_native(const struct options *o)
{
    return o->dialect == DIALECT_JSON || o->dialect == DIALECT_PROTOBUF;
}

// ws, wss or tcp
const char *options_scheme(const struct options *o);

// The text of --help.
extern const char options_help[];

#endif
