// SPDX-License-Identifier: Apache-2.0
//
// Who is here is looked through from the front: they are few, and stay for milliseconds.
#include "io/lobby.h"

#include "base/assert.h"
#include "io/event.h"
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { PEEK_BYTES = 16 + PROXY_V2_BYTES_MAX };

struct guest {
    int fd;
    uint8_t listener;
    bool ready;   // there may be something to read
    bool watched; // in epoll
    uint64_t due_ms;
    struct address proxy;
    struct proxy_decoder decoder;
};

static struct guest *guest_at(const struct lobby *l, uint32_t index) { return slab_at(&l->guests, index); }

void lobby_init(struct lobby *l, int epoll_fd, struct mem *mem)
{
    *l = (struct lobby){.epoll_fd = epoll_fd, .due_ms = UINT64_MAX};
    slab_init(&l->guests, mem, sizeof(struct guest), LOBBY_MAX);
}

void lobby_deinit(struct lobby *l)
{
    ASSERT(l->guests.count == 0);
    slab_deinit(&l->guests);
}

static void ready_set(struct lobby *l, struct guest *g, bool ready)
{
    l->ready_n += (uint32_t)ready - (uint32_t)g->ready;
    g->ready = ready;
}

// The one that has waited longest is out of time now.
static void push_out_oldest(struct lobby *l)
{
    struct guest *oldest = NULL;
    for (uint32_t i = 0; i < l->guests.high; i++) {
        struct guest *g = slab_used(&l->guests, i) ? guest_at(l, i) : NULL;
        if (g != NULL && (oldest == NULL || g->due_ms < oldest->due_ms))
            oldest = g;
    }
    if (oldest != NULL)
        oldest->due_ms = l->due_ms = 0;
}

enum err lobby_add(struct lobby *l, int fd, uint8_t listener, const struct address *proxy, uint64_t due_ms)
{
    uint32_t index = slab_alloc(&l->guests);
    if (index == SLAB_NONE)
        return ERR_NOMEM;
    struct guest *g = guest_at(l, index);
    *g = (struct guest){.fd = fd, .listener = listener, .due_ms = due_ms, .proxy = *proxy};
    proxy_decoder_init(&g->decoder);
    ready_set(l, g, true);
    if (due_ms < l->due_ms)
        l->due_ms = due_ms;
    if (l->guests.count == LOBBY_MAX)
        push_out_oldest(l);
    return OK;
}

void lobby_on_event(struct lobby *l, uint32_t index) { ready_set(l, guest_at(l, index), true); }

// It leaves; what is not said in *ret is as its decoder has it.
static void leave(struct lobby *l, uint32_t index, struct introduced *ret)
{
    struct guest *g = guest_at(l, index);
    ret->fd = g->fd;
    ret->listener = g->listener;
    ret->proxy = g->proxy;
    ret->speaks_for = (enum proxy_speaks_for)g->decoder.speaks_for;
    ret->client = g->decoder.client;
    ready_set(l, g, false);
    if (g->watched)
        (void)epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, g->fd, NULL);
    slab_free(&l->guests, index);
    if (l->guests.count == 0)
        l->due_ms = UINT64_MAX;
}

// Edge-triggered: what is there already is announced, too. False: it could not be, and nothing would be heard of it.
static bool watch(struct lobby *l, uint32_t index)
{
    struct guest *g = guest_at(l, index);
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET,
                                .data.u64 = event_tag(EVENT_LOBBY, index)};
    if (!g->watched)
        g->watched = epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, g->fd, &event) == 0;
    return g->watched;
}

// Takes the header's octets out of the socket, and none that are behind it. ERR_MORE: it waits for the rest.
static enum err read_header(struct guest *g, bool *ret_gone)
{
    char room[PEEK_BYTES];
    enum err e = ERR_MORE;
    while (e == ERR_MORE) {
        size_t used = 0;
        ssize_t n = recv(g->fd, room, sizeof room, MSG_PEEK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return ERR_MORE;
        *ret_gone = n <= 0;
        if (n <= 0)
            return ERR_NOT_FOUND;
        e = proxy_decoder_next(&g->decoder, str_make(room, (size_t)n), &used);
        if ((e == OK || e == ERR_MORE) && recv(g->fd, room, used, 0) != (ssize_t)used) {
            *ret_gone = true;
            return ERR_NOT_FOUND;
        }
    }
    return e;
}

// True: it is decided, and has left.
static bool serve(struct lobby *l, uint32_t index, uint64_t now_ms, struct introduced *ret)
{
    struct guest *g = guest_at(l, index);
    *ret = (struct introduced){.fd = -1};
    enum err e = ERR_MORE;
    if (g->ready)
        e = read_header(g, &ret->gone);
    ready_set(l, g, false);
    if (e == ERR_MORE && g->due_ms <= now_ms)
        ret->refused = "its PROXY header did not come in time";
    else if (e == ERR_MORE && !watch(l, index))
        ret->refused = "it cannot be watched";
    else if (e == ERR_MORE)
        return false;
    else if (e != OK)
        ret->refused = ret->gone ? "it went before its PROXY header was there" : g->decoder.reason;
    leave(l, index, ret);
    return true;
}

// Nobody waits: when is the next one's time over?
static void due_find(struct lobby *l)
{
    l->due_ms = UINT64_MAX;
    for (uint32_t i = 0; i < l->guests.high; i++)
        if (slab_used(&l->guests, i) && guest_at(l, i)->due_ms < l->due_ms)
            l->due_ms = guest_at(l, i)->due_ms;
}

bool lobby_pull(struct lobby *l, uint64_t now_ms, uint32_t *budget, struct introduced *ret)
{
    if (l->ready_n == 0 && l->due_ms > now_ms)
        return false;
    for (uint32_t n = 0; n<l->guests.high && * budget> 0; n++) {
        uint32_t index = l->next++ % l->guests.high;
        if (!slab_used(&l->guests, index))
            continue;
        const struct guest *g = guest_at(l, index);
        if (!g->ready && g->due_ms > now_ms)
            continue;
        --*budget;
        if (serve(l, index, now_ms, ret))
            return true;
    }
    if (*budget > 0)
        due_find(l);
    return false;
}

uint64_t lobby_next_due_ms(const struct lobby *l) { return l->ready_n != 0 ? 0 : l->due_ms; }

bool lobby_evict(struct lobby *l, struct introduced *ret)
{
    for (uint32_t i = 0; i < l->guests.high; i++)
        if (slab_used(&l->guests, i)) {
            *ret = (struct introduced){.refused = "the server leaves"};
            leave(l, i, ret);
            return true;
        }
    return false;
}
