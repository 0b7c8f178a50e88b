// SPDX-License-Identifier: Apache-2.0
//
// Lays out the world (world.h) for the options: who sits where, who publishes, which worker has whom.

#include "world.h"

#include "channel.h"
#include "check.h"
#include "codec.h"
#include "frame.h"
#include "inflate.h"
#include "payload.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define BUFFER_BYTES_MIN (256u << 10) // what one read may bring; fits a core's second-level cache

__attribute__((noreturn, format(printf, 1, 2))) static void world_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("plenum-bench: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

void *bench_alloc(size_t count, size_t size)
{
    void *p = calloc(count ? count : 1, size);
    if (!p)
        world_fail("out of memory (%zu x %zu bytes)", count, size);
    return p;
}

void *bench_realloc(void *old, size_t size)
{
    void *p = realloc(old, size);
    if (!p)
        world_fail("out of memory (%zu bytes)", size);
    return p;
}

void world_reason(struct world *world, const char *format, ...)
{
    char text[sizeof world->reasons[0].text];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    pthread_mutex_lock(&world->reasons_lock);
    uint32_t i = 0;
    while (i < world->reason_count && strcmp(world->reasons[i].text, text) != 0)
        i++;
    if (i == REASONS_MAX) {
        i = REASONS_MAX - 1; // the table is full: the last row stands for all others
        snprintf(world->reasons[i].text, sizeof text, "other reasons");
    } else if (i == world->reason_count) {
        memcpy(world->reasons[i].text, text, sizeof text);
        world->reason_count++;
    }
    world->reasons[i].count++;
    pthread_mutex_unlock(&world->reasons_lock);
}

static void resolve(struct world *world)
{
    const struct options *o = &world->options;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    int error = getaddrinfo(o->host, o->port, &hints, &found);
    if (error)
        world_fail("%s: %s", o->host, gai_strerror(error));
    memcpy(&world->address, found->ai_addr, found->ai_addrlen);
    world->address_len = found->ai_addrlen;
    freeaddrinfo(found);
    if (world->address.ss_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, &world->address, sizeof in);
        world->loopback = ntohl(in.sin_addr.s_addr) >> 24 == 127;
    }
}

// The client that sits in seat `m` of room `r`, and how many seats the room has.
static uint32_t seat_client(const struct options *o, uint32_t r, uint32_t m)
{
    if (o->members)
        return (uint32_t)(((uint64_t)r * o->members + m) % o->clients);
    return (uint32_t)((uint64_t)r * o->clients / o->rooms) + m;
}

static uint32_t seats_in_room(const struct options *o, uint32_t r)
{
    if (o->members)
        return o->members;
    return (uint32_t)((uint64_t)(r + 1) * o->clients / o->rooms - (uint64_t)r * o->clients / o->rooms);
}

static void count_room(struct world *world, uint32_t r)
{
    const struct options *o = &world->options;
    struct room *room = &world->rooms[r];
    int len = snprintf(room->name, sizeof room->name, "%s-%u", o->room_name, r);
    if (len >= (int)sizeof room->name)
        world_fail("--room: the name is longer than %zu bytes", sizeof room->name - 12);
    room->name_len = (uint32_t)len;
    room->seat_count = seats_in_room(o, r);
    room->publisher_first = world->publisher_count;
    room->publisher_count =
        o->publishers_per_room < room->seat_count ? o->publishers_per_room : room->seat_count;
    if ((uint64_t)world->publisher_count + room->publisher_count > PAYLOAD_PUBLISHERS_MAX)
        world_fail("too many publishers: at most %u in all", PAYLOAD_PUBLISHERS_MAX);
    if (room->publisher_count > world->seq_stride)
        world->seq_stride = room->publisher_count;
    world->publisher_count += room->publisher_count;
    world->seat_count += room->seat_count;
    for (uint32_t m = 0; m < room->seat_count; m++)
        world->conns[seat_client(o, r, m)].seat_count++;
}

static void fill_room(struct world *world, uint32_t r)
{
    const struct room *room = &world->rooms[r];
    for (uint32_t m = 0; m < room->seat_count; m++) {
        struct bench_conn *c = &world->conns[seat_client(&world->options, r, m)];
        struct seat *seat = &c->seats[c->seat_count++];
        *seat = (struct seat){.room = r, .publisher = NONE};
        if (m >= room->publisher_count)
            continue;
        seat->publisher = room->publisher_first + m;
        world->publishers[seat->publisher] = (struct publisher){
            .conn = c,
            .room = r,
            .index_in_room = m,
            .id = seat->publisher,
        };
        c->publishes = true;
    }
}

static void init_people(struct world *world)
{
    const struct options *o = &world->options;
    world->rooms = bench_alloc(o->rooms, sizeof *world->rooms);
    world->conns = bench_alloc(o->clients, sizeof *world->conns);
    for (uint32_t r = 0; r < o->rooms; r++)
        count_room(world, r);
    world->seats = bench_alloc(world->seat_count, sizeof *world->seats);
    world->publishers = bench_alloc(world->publisher_count, sizeof *world->publishers);
    struct seat *next = world->seats;
    for (uint32_t i = 0; i < o->clients; i++) {
        struct bench_conn *c = &world->conns[i];
        c->fd = -1;
        c->index = i;
        c->seats = next;
        next += c->seat_count;
        c->seat_count = 0;
    }
    for (uint32_t r = 0; r < o->rooms; r++)
        fill_room(world, r);
    for (uint32_t i = 0; i < o->clients && !options_is_native(o); i++)
        world->conns[i].seqs =
            bench_alloc((size_t)world->conns[i].seat_count * world->seq_stride, sizeof(uint32_t));
    double share = 0;
    for (uint32_t i = 0; i < o->clients && o->stall_percent > 0; i++) {
        struct bench_conn *c = &world->conns[i];
        if (c->publishes)
            continue;
        share += o->stall_percent / 100;
        c->to_stall = share >= 1;
        share -= c->to_stall;
    }
}

static void init_worker(struct world *world, uint32_t index)
{
    const struct options *o = &world->options;
    struct worker *w = &world->workers[index];
    w->world = world;
    w->index = index;
    w->first_conn = w->connect_next = (uint32_t)((uint64_t)index * o->clients / o->threads);
    w->end_conn = (uint32_t)((uint64_t)(index + 1) * o->clients / o->threads);
    w->random = clock_now_ns() * 2 + 1 + index * UINT64_C(7919);
    w->buffer_size = BUFFER_BYTES_MIN + (size_t)4 * o->size;
    w->buffer = bench_alloc(1, w->buffer_size);
    if (o->deflate)
        inflate_init(w);
    w->dirty = bench_alloc(w->end_conn - w->first_conn, sizeof(struct bench_conn *));
    w->hints = bench_alloc(o->rooms, sizeof *w->hints);
    w->publishers = bench_alloc(world->publisher_count, sizeof *w->publishers);
    w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    w->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL};
    if (w->epoll_fd < 0 || w->wake_fd < 0 || epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, w->wake_fd, &e))
        world_fail("cannot set up an event loop");
    for (uint32_t i = w->first_conn; i < w->end_conn; i++)
        world->conns[i].worker = w;
}

// A run's rooms have a name of their own, so that it never meets the messages of an earlier one in a room's history.
static void name_rooms(struct world *world)
{
    static char name[6];
    uint64_t v = clock_now_ns() / 1000;
    if (world->options.room_name)
        return;
    name[0] = 'b';
    for (int i = 1; i < 5; i++, v >>= 5)
        name[i] = "0123456789abcdefghijkmnpqrstuvwx"[v & 31];
    world->options.room_name = name;
}

// The file's lines, of which none is empty.
static void read_tokens(struct world *world, const char *name)
{
    FILE *file = fopen(name, "r");
    size_t size = 0, n = 0;
    ssize_t got = file ? getdelim(&world->tokens_text, &size, 0, file) : -1;
    if (got <= 0) {
        fprintf(stderr, "plenum-bench: --tokens: %s: %s\n", name,
                file && !ferror(file) ? "no token in it" : strerror(errno));
        exit(2);
    }
    fclose(file);
    for (char *at = world->tokens_text; (at = strchr(at, '\n')); at++)
        n++;
    world->tokens = bench_alloc(n + 1, sizeof *world->tokens);
    for (char *rest = world->tokens_text, *line; (line = strsep(&rest, "\n"));)
        if (*line)
            world->tokens[world->token_count++] = (struct text){line, (uint32_t)strlen(line)};
}

void world_init(struct world *world, const struct options *options)
{
    static const struct codec *const codecs[] = {&codec_json, &codec_protobuf, &codec_text, &codec_text,
                                                 &codec_raw};
    memset(world, 0, sizeof *world);
    world->options = *options;
    name_rooms(world);
    if (options->tokens_file)
        read_tokens(world, options->tokens_file);
    world->codec = codecs[options->dialect];
    world->opcode = options->dialect == DIALECT_PROTOBUF ? FRAME_BINARY : FRAME_TEXT;
    world->expects_own = !options_is_native(options) || options->echo;
    channel_init(world);
    pthread_mutex_init(&world->reasons_lock, NULL);
    resolve(world);
    init_people(world);
    world->workers = bench_alloc(options->threads, sizeof *world->workers);
    for (uint32_t i = 0; i < options->threads; i++)
        init_worker(world, i);
    for (uint32_t i = 0; i < world->publisher_count; i++) {
        const struct bench_conn *c = world->publishers[i].conn;
        if (!c) // every publisher got its seat in fill_room
            abort();
        struct worker *w = c->worker;
        w->publishers[w->publisher_count++] = i;
    }
}

static void deinit_conn(struct bench_conn *c)
{
    for (uint32_t i = 0; i < c->seat_count; i++)
        free(c->seats[i].epoch);
    channel_close(c);
    if (c->fd >= 0)
        close(c->fd);
    check_forget(c);
    free(c->seqs);
    free(c->in);
    free(c->out);
    free(c->own);
    free(c->resume);
}

void world_deinit(struct world *world)
{
    for (uint32_t i = 0; i < world->options.clients; i++)
        deinit_conn(&world->conns[i]);
    for (uint32_t i = 0; i < world->options.threads; i++) {
        struct worker *w = &world->workers[i];
        inflate_deinit(w);
        close(w->epoll_fd);
        close(w->wake_fd);
        free(w->buffer);
        free(w->dirty);
        free(w->hints);
        free(w->publishers);
    }
    free(world->tokens);
    free(world->tokens_text);
    free(world->workers);
    free(world->publishers);
    free(world->seats);
    free(world->conns);
    free(world->rooms);
    channel_deinit(world);
    pthread_mutex_destroy(&world->reasons_lock);
}
