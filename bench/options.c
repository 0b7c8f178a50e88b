// SPDX-License-Identifier: Apache-2.0
//
// The command line: one table of options, then the rules between them. Every complaint names the option, the
// value and what was expected.

#include "options.h"

#include "payload.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLIENTS_MAX 200000u
#define ROOMS_MAX 200000u
#define SIZE_MAX_BYTES (1u << 20)
#define THREADS_MAX 64u
#define INFLIGHT_MAX 4096u

__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("plenum-bench: ", stderr);
    vfprintf(stderr, format, args);
    fputs(" (see plenum-bench --help)\n", stderr);
    va_end(args);
    exit(2);
}

const char *options_dialect_name(enum dialect d)
{
    static const char *const names[] = {"json", "protobuf", "text", "text-ws", "raw"};
    return names[d];
}

const char *options_drive_name(enum drive d)
{
    static const char *const names[] = {"none", "open", "closed-own", "closed-all"};
    return names[d];
}

const char *options_scheme(const struct options *o) { return o->tls ? "wss" : o->websocket ? "ws" : "tcp"; }

static uint32_t parse_count(const char *option, const char *value, uint32_t min, uint32_t max)
{
    char *end;
    errno = 0;
    unsigned long v = strtoul(value, &end, 10);
    if (errno || end == value || *end || value[0] == '-' || v < min || v > max)
        fail("--%s: got '%s', expected a whole number from %u to %u", option, value, min, max);
    return (uint32_t)v;
}

static double parse_number(const char *option, const char *value, double min, double max)
{
    char *end;
    errno = 0;
    double v = strtod(value, &end);
    if (errno || end == value || *end || !isfinite(v) || v < min || v > max)
        fail("--%s: got '%s', expected a number from %g to %g", option, value, min, max);
    return v;
}

static enum dialect parse_dialect(const char *value)
{
    for (enum dialect d = DIALECT_JSON; d <= DIALECT_RAW; d++)
        if (strcmp(value, options_dialect_name(d)) == 0)
            return d;
    fail("--dialect: got '%s', expected json, protobuf, text, text-ws or raw", value);
}

// ws://HOST[:PORT][/PATH] or tcp://HOST:PORT, HOST a name, an IPv4 address or an IPv6 address in brackets.
static void parse_url(struct options *o, const char *url)
{
    const char *rest;
    if (strncmp(url, "ws://", 5) == 0) {
        o->websocket = true;
        rest = url + 5;
    } else if (strncmp(url, "wss://", 6) == 0) {
        o->websocket = o->tls = true;
        rest = url + 6;
    } else if (strncmp(url, "tcp://", 6) == 0) {
        o->websocket = false;
        rest = url + 6;
    } else {
        fail("--url: got '%s', expected ws://HOST:PORT/PATH, wss:// or tcp://HOST:PORT", url);
    }
    const char *path = strchr(rest, '/');
    size_t authority = path ? (size_t)(path - rest) : strlen(rest);
    const char *host = rest;
    size_t host_len = authority;
    const char *colon = memrchr(rest, ':', authority);
    if (rest[0] == '[') {
        const char *close = memchr(rest, ']', authority);
        if (!close)
            fail("--url: got '%s', expected a ']' after the IPv6 address", url);
        host = rest + 1;
        host_len = (size_t)(close - host);
        if (colon && colon < close)
            colon = NULL;
    } else if (colon) {
        host_len = (size_t)(colon - rest);
    }
    if (host_len == 0 || host_len >= sizeof o->host)
        fail("--url: got '%s', expected a host name or address", url);
    memcpy(o->host, host, host_len);
    o->host[host_len] = 0;

    size_t port_len = colon ? authority - (size_t)(colon - rest) - 1 : 0;
    if (port_len >= sizeof o->port)
        fail("--url: got '%s', expected a port from 1 to 65535", url);
    if (port_len == 0) {
        if (!o->websocket)
            fail("--url: got '%s', expected a port: tcp://HOST:PORT", url);
        snprintf(o->port, sizeof o->port, "%s", o->tls ? "443" : "80");
    } else {
        memcpy(o->port, colon + 1, port_len);
        o->port[port_len] = 0;
        parse_count("url (port)", o->port, 1, 65535);
    }
    if (path && !o->websocket && path[1])
        fail("--url: got '%s', expected no path after tcp://HOST:PORT", url);
    if (snprintf(o->path, sizeof o->path, "%s", path ? path : "/") >= (int)sizeof o->path)
        fail("--url: the path is longer than %zu bytes", sizeof o->path - 1);
}

struct given {
    const char *url, *closed;
    bool clients, members, rate, inflight, publishers;
};

static void check_people(struct options *o, const struct given *given)
{
    if (!given->clients)
        o->clients = given->members ? o->rooms * o->members : (o->rooms > 100 ? o->rooms : 100);
    if (given->members && (uint64_t)o->rooms * o->members > CLIENTS_MAX * 32ull)
        fail("--rooms %u x --members %u: expected at most %u memberships", o->rooms, o->members,
             CLIENTS_MAX * 32);
    if (given->members && (uint64_t)o->rooms * o->members < o->clients)
        fail("--clients %u: --rooms %u x --members %u has room for %u only", o->clients, o->rooms, o->members,
             o->rooms * o->members);
    if (given->members && o->members > o->clients)
        fail("--members %u: expected at most as many as --clients %u", o->members, o->clients);
    if (given->members && (uint64_t)o->rooms * o->members > o->clients && !options_is_native(o) &&
        !strstr(o->path, "{rooms}"))
        fail(
            "--clients %u in %u x %u seats: only --dialect json and protobuf can sit in several rooms, and raw with {rooms} in its path",
            o->clients, o->rooms, o->members);
    if (!given->members && o->rooms > o->clients)
        fail("--rooms %u: expected at most one per client (%u)", o->rooms, o->clients);
    if (o->clients > CLIENTS_MAX)
        fail("--clients %u: expected at most %u", o->clients, CLIENTS_MAX);
    if (o->threads > o->clients)
        fail("--threads %u: expected at most one per client (%u)", o->threads, o->clients);
}

static void check_drive(struct options *o, const struct given *given)
{
    if (given->rate && given->inflight)
        fail("--rate and --inflight: expected one of them (open or closed loop)");
    if (given->rate && given->closed)
        fail("--rate and --closed: expected one of them (open or closed loop)");
    if (o->idle && (given->rate || given->inflight || given->publishers || o->storm || o->stall_percent > 0))
        fail("--idle: nobody publishes, so --publishers, --rate, --inflight, --stall and "
             "--reconnect-storm make no sense with it");
    if (o->idle)
        o->publishers_per_room = 0;
    if (o->publishers_per_room == 0)
        o->drive = DRIVE_NONE;
    else if (given->rate)
        o->drive = DRIVE_OPEN;
    else if (!given->closed || strcmp(given->closed, "own") == 0)
        o->drive = DRIVE_CLOSED_OWN;
    else if (strcmp(given->closed, "all") == 0)
        o->drive = DRIVE_CLOSED_ALL;
    else
        fail("--closed: got '%s', expected own or all", given->closed);
    if (o->drive == DRIVE_CLOSED_ALL && o->churn_per_s > 0)
        fail("--closed all and --churn: who should have a message is not known while members come and go");
    if (o->drive == DRIVE_CLOSED_ALL && o->storm)
        fail("--closed all and --reconnect-storm: expected --rate or --closed own");
    if (o->stall_percent > 0 && o->publishers_per_room == PUBLISHERS_ALL)
        fail("--stall: with --publishers all nobody only reads");
    if (o->storm && o->publishers_per_room == PUBLISHERS_ALL)
        fail("--reconnect-storm: with --publishers all nobody only reads");
}

static void check_dialect(struct options *o, const struct given *given)
{
    static const char *const urls[] = {
        "ws://127.0.0.1:8000/ws",
        "ws://127.0.0.1:8000/ws",
        "tcp://127.0.0.1:9000",
        "ws://127.0.0.1:8000/echo",
    };
    if (!given->url && o->dialect == DIALECT_RAW)
        fail("--dialect raw: expected --url");
    parse_url(o, given->url ? given->url : urls[o->dialect]);
    if (o->websocket != (o->dialect != DIALECT_TEXT))
        fail("--url: --dialect %s needs %s", options_dialect_name(o->dialect),
             o->dialect == DIALECT_TEXT ? "tcp://HOST:PORT" : "ws://HOST:PORT/PATH");
    if (!options_is_native(o) && (o->echo || o->ack))
        fail("--%s: only --dialect json and protobuf have it", o->echo ? "echo" : "ack");
    if (o->deflate && !o->websocket)
        fail("--deflate: only WebSocket has it");
    if (o->dialect != DIALECT_JSON && o->storm)
        fail("--reconnect-storm: only --dialect json can resume");
    if (o->dialect != DIALECT_JSON && o->tokens_file)
        fail("--tokens: only --dialect json can say hello with one");
    if (o->dialect == DIALECT_RAW && o->churn_per_s > 0)
        fail("--churn: --dialect raw has no leave");
    if (o->dialect != DIALECT_RAW && (o->join_template || o->message_template || o->joined_mark))
        fail("--join, --joined and --message: only for --dialect raw");
    if (o->message_template && !strstr(o->message_template, "{payload}"))
        fail("--message: got '%s', expected {payload} in it", o->message_template);
}

enum {
    OPT_DIALECT = 256,
    OPT_URL,
    OPT_JOIN,
    OPT_JOINED,
    OPT_MESSAGE,
    OPT_CLIENTS,
    OPT_ROOMS,
    OPT_MEMBERS,
    OPT_PUBLISHERS,
    OPT_ROOM,
    OPT_TOKENS,
    OPT_RATE,
    OPT_INFLIGHT,
    OPT_CLOSED,
    OPT_SIZE,
    OPT_WORDS,
    OPT_DEFLATE,
    OPT_ECHO,
    OPT_ACK,
    OPT_WARMUP,
    OPT_DURATION,
    OPT_IDLE,
    OPT_STALL,
    OPT_CHURN,
    OPT_STORM,
    OPT_SERVER_PID,
    OPT_THREADS,
    OPT_CONNECTING,
    OPT_JSON,
    OPT_QUIET,
    OPT_HELP,
};

static const struct option table[] = {
    {"dialect", required_argument, NULL, OPT_DIALECT},
    {"url", required_argument, NULL, OPT_URL},
    {"join", required_argument, NULL, OPT_JOIN},
    {"joined", required_argument, NULL, OPT_JOINED},
    {"message", required_argument, NULL, OPT_MESSAGE},
    {"clients", required_argument, NULL, OPT_CLIENTS},
    {"rooms", required_argument, NULL, OPT_ROOMS},
    {"members", required_argument, NULL, OPT_MEMBERS},
    {"publishers", required_argument, NULL, OPT_PUBLISHERS},
    {"room", required_argument, NULL, OPT_ROOM},
    {"tokens", required_argument, NULL, OPT_TOKENS},
    {"rate", required_argument, NULL, OPT_RATE},
    {"inflight", required_argument, NULL, OPT_INFLIGHT},
    {"closed", required_argument, NULL, OPT_CLOSED},
    {"size", required_argument, NULL, OPT_SIZE},
    {"words", no_argument, NULL, OPT_WORDS},
    {"deflate", no_argument, NULL, OPT_DEFLATE},
    {"echo", no_argument, NULL, OPT_ECHO},
    {"ack", no_argument, NULL, OPT_ACK},
    {"warmup", required_argument, NULL, OPT_WARMUP},
    {"duration", required_argument, NULL, OPT_DURATION},
    {"idle", no_argument, NULL, OPT_IDLE},
    {"stall", required_argument, NULL, OPT_STALL},
    {"churn", required_argument, NULL, OPT_CHURN},
    {"reconnect-storm", no_argument, NULL, OPT_STORM},
    {"server-pid", required_argument, NULL, OPT_SERVER_PID},
    {"threads", required_argument, NULL, OPT_THREADS},
    {"connecting", required_argument, NULL, OPT_CONNECTING},
    {"json", no_argument, NULL, OPT_JSON},
    {"quiet", no_argument, NULL, OPT_QUIET},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

static void parse_people(struct options *o, struct given *given, int opt, const char *value)
{
    switch (opt) {
    case OPT_CLIENTS:
        o->clients = parse_count("clients", value, 1, CLIENTS_MAX);
        given->clients = true;
        break;
    case OPT_ROOMS:
        o->rooms = parse_count("rooms", value, 1, ROOMS_MAX);
        break;
    case OPT_MEMBERS:
        o->members = parse_count("members", value, 1, CLIENTS_MAX);
        given->members = true;
        break;
    case OPT_PUBLISHERS:
        given->publishers = true;
        o->publishers_per_room = strcmp(value, "all") == 0
                                     ? PUBLISHERS_ALL
                                     : parse_count("publishers", value, 0, PAYLOAD_PUBLISHERS_MAX);
        break;
    }
}

static void parse_amount(struct options *o, struct given *given, int opt, const char *value)
{
    switch (opt) {
    case OPT_RATE:
        o->rate = parse_number("rate", value, 0.001, 1e8);
        given->rate = true;
        break;
    case OPT_INFLIGHT:
        o->inflight = parse_count("inflight", value, 1, INFLIGHT_MAX);
        given->inflight = true;
        break;
    case OPT_SIZE:
        o->size = parse_count("size", value, PAYLOAD_MARK_LEN, SIZE_MAX_BYTES);
        break;
    case OPT_WARMUP:
        o->warmup_s = parse_number("warmup", value, 0, 86400);
        break;
    case OPT_DURATION:
        o->duration_s = parse_number("duration", value, 0.05, 86400);
        break;
    case OPT_STALL:
        o->stall_percent = parse_number("stall", value, 0, 100);
        break;
    case OPT_CHURN:
        o->churn_per_s = parse_number("churn", value, 0, 1e6);
        break;
    case OPT_SERVER_PID:
        o->server_pid = (pid_t)parse_count("server-pid", value, 1, 1u << 30);
        break;
    case OPT_THREADS:
        o->threads = parse_count("threads", value, 1, THREADS_MAX);
        break;
    case OPT_CONNECTING:
        o->connecting_max = parse_count("connecting", value, 1, 65536);
        break;
    default:
        parse_people(o, given, opt, value);
    }
}

static void parse_one(struct options *o, struct given *given, int opt, const char *value)
{
    switch (opt) {
    case OPT_DIALECT:
        o->dialect = parse_dialect(value);
        break;
    case OPT_URL:
        given->url = value;
        break;
    case OPT_JOIN:
        o->join_template = value;
        break;
    case OPT_JOINED:
        o->joined_mark = value;
        break;
    case OPT_MESSAGE:
        o->message_template = value;
        break;
    case OPT_ROOM:
        o->room_name = value;
        break;
    case OPT_TOKENS:
        o->tokens_file = value;
        break;
    case OPT_CLOSED:
        given->closed = value;
        break;
    case OPT_WORDS:
        o->words = true;
        break;
    case OPT_DEFLATE:
        o->deflate = true;
        break;
    case OPT_ECHO:
        o->echo = true;
        break;
    case OPT_ACK:
        o->ack = true;
        break;
    case OPT_IDLE:
        o->idle = true;
        break;
    case OPT_STORM:
        o->storm = true;
        break;
    case OPT_JSON:
        o->json = true;
        break;
    case OPT_QUIET:
        o->quiet = true;
        break;
    case OPT_HELP:
        fputs(options_help, stdout);
        exit(0);
    default:
        parse_amount(o, given, opt, value);
    }
}

void options_parse(int argc, char **argv, struct options *ret)
{
    struct given given = {0};
    *ret = (struct options){
        .dialect = DIALECT_JSON,
        .rooms = 1,
        .publishers_per_room = 1,
        .inflight = 1,
        .size = 20,
        .duration_s = 5,
        .warmup_s = 1,
        .threads = 1,
        .connecting_max = 200,
    };
    opterr = 0;
    for (;;) {
        int seen = optind;
        int opt = getopt_long(argc, argv, ":", table, NULL);
        if (opt == -1)
            break;
        if (opt == '?')
            fail("unknown option '%s'", argv[seen]);
        if (opt == ':')
            fail("%s: expected a value", argv[seen]);
        parse_one(ret, &given, opt, optarg);
    }
    if (optind < argc)
        fail("got '%s', expected options only", argv[optind]);
    check_dialect(ret, &given);
    check_people(ret, &given);
    check_drive(ret, &given);
    if (!ret->echo)
        ret->ack = true;
}
