// SPDX-License-Identifier: Apache-2.0
//
// Bytes in, bytes out, closes: core's connections on their channels.
//
// No byte is copied here. Reads go into one buffer per shard, which core takes apart before the next read; writes
// come as spans of the rooms' logs. Rejected: a read buffer per connection (idle ones would hold it), reading until
// EAGAIN (one more system call per message, and one busy peer starves the others).
#include "io/traffic.h"

#include "base/assert.h"
#include "io/clock.h"
#include "io/event.h"
#include <sys/epoll.h>
#include <unistd.h>

enum {
    RECV_BYTES_MIN = 4 * 1024,
    RECV_BYTES_MAX = 16 << 20,
    LIMITED_READS = 64, // of a connection in a turn, where they are limited: the turn costs more than a read
};

_Static_assert(sizeof(struct link) == 16, "every connection pays for it");
_Static_assert(LISTENERS_MAX <= UINT8_MAX, "link.listener");

static inline struct channel channel_at(const struct traffic *t, uint32_t index)
{
    const struct link *k = &t->links[index];
    return (struct channel){
        .kind = t->kinds[k->listener], .state = t->states ? t->states[index] : NULL, .fd = k->fd};
}

static const struct link_list NOBODY = {LINK_NONE, LINK_NONE};

// A connection that is closed stays in its list until its turn comes, which may be when its index is another one's (traffic_open).
static void list_push(struct traffic *t, struct link_list *list, uint32_t index)
{
    struct link *k = &t->links[index];
    ASSERT(!(k->flags & LINK_READY));
    k->flags |= LINK_READY;
    k->ready_next = LINK_NONE;
    if (list->tail == LINK_NONE)
        list->head = index;
    else
        t->links[list->tail].ready_next = index;
    list->tail = index;
}

static void ready_push(struct traffic *t, uint32_t index)
{
    const struct link *k = &t->links[index];
    const bool leaves = (k->flags & LINK_ENDING) != 0;
    if (k->flags & LINK_READY)
        return;
    list_push(t, leaves ? &t->leavers : &t->ready, index);
    if (leaves)
        metric_add(&t->needs.metrics->leavers, 1);
}

// Whatever is ready in it makes it readable, as long as there is any.
static enum err newcomers_init(struct traffic *t)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = event_tag(EVENT_NEWCOMERS, 0)};
    t->newcomers_fd = epoll_create1(EPOLL_CLOEXEC);
    if (t->newcomers_fd < 0)
        return ERR_LIMIT;
    return epoll_ctl(t->needs.epoll_fd, EPOLL_CTL_ADD, t->newcomers_fd, &event) == 0 ? OK : ERR_LIMIT;
}

// For as many as core may have, at once: a connection that comes when memory is out must have its place here. Pages
// that no connection has been on cost nothing, so none is written to before.
static enum err links_reserve(struct traffic *t, uint32_t connections_max, bool with_states)
{
    t->links = mem_alloc(t->needs.mem, connections_max * sizeof *t->links);
    if (!t->links)
        return ERR_NOMEM;
    t->links_cap = connections_max;
    if (with_states)
        t->states = mem_alloc(t->needs.mem, connections_max * sizeof *t->states);
    return with_states && !t->states ? ERR_NOMEM : OK;
}

static void links_begin(struct traffic *t, uint32_t index)
{
    ASSERT(index < t->links_cap);
    for (; t->links_begun <= index; t->links_begun++) {
        t->links[t->links_begun] = (struct link){.fd = -1};
        if (t->states)
            t->states[t->links_begun] = NULL;
    }
}

enum err traffic_init(struct traffic *t, const struct traffic_needs *needs, const struct listener_row *rows,
                      uint32_t row_count, const struct settings *core)
{
    *t = (struct traffic){.needs = *needs, .ready = NOBODY, .leavers = NOBODY, .newcomers_fd = -1};
    bool with_states = false;
    for (uint32_t i = 0; i < row_count; i++) {
        t->kinds[i] = rows[i].channel;
        with_states = with_states || rows[i].channel != NULL;
    }
    if (links_reserve(t, core->connections_max, with_states) != OK)
        return ERR_NOMEM;
    enum err e = newcomers_init(t);
    return e == OK ? traffic_settings(t, core) : e;
}

// The old buffer stays where there is no memory for the new one.
static enum err recv_resize(struct traffic *t, uint32_t bytes)
{
    uint8_t *buf = mem_zalloc(t->needs.mem, (size_t)bytes + RECV_PADDING);
    if (!buf)
        return ERR_NOMEM;
    if (t->recv_buf)
        mem_free(t->needs.mem, t->recv_buf, (size_t)t->recv_bytes + RECV_PADDING);
    t->recv_buf = buf;
    t->recv_bytes = bytes;
    t->recv_used = 0;
    return OK;
}

enum err traffic_settings(struct traffic *t, const struct settings *core)
{
    uint32_t bytes = core->turn_bytes;
    bytes = bytes < RECV_BYTES_MIN ? RECV_BYTES_MIN : bytes > RECV_BYTES_MAX ? RECV_BYTES_MAX : bytes;
    if (bytes != t->recv_bytes && recv_resize(t, bytes) != OK)
        return ERR_NOMEM;
    const bool limited = core->read_bytes != 0 && core->read_bytes < bytes;
    t->read_bytes = limited ? core->read_bytes : bytes;
    t->reads_each = limited ? LIMITED_READS : 1;
    return OK;
}

static void on_broken(struct traffic *t, uint32_t index)
{
    struct link *k = &t->links[index];
    if (k->flags & LINK_BROKEN)
        return;
    k->flags |= LINK_BROKEN;
    shard_on_broken(t->needs.shard, index);
}

static bool watch(struct traffic *t, uint32_t index, int operation)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                .data.u64 = event_tag(EVENT_CONNECTION, index)};
    const struct link *k = &t->links[index];
    return epoll_ctl(k->flags & LINK_NEW ? t->newcomers_fd : t->needs.epoll_fd, operation, k->fd, &event) ==
           0;
}

// After EAGAIN: raises the edge again if the socket is ready nevertheless. The kernel says EAGAIN and raises the
// edge later by two separate rules (SOCK_NOSPACE, TCP_NOTSENT_LOWAT), and a sandbox or a fault injector may say it
// alone; one more system call for a socket that has to wait anyway is worth not having to trust that.
static void watch_again(struct traffic *t, uint32_t index)
{
    bool watched = watch(t, index, EPOLL_CTL_MOD);
    (void)watched; // a modification needs no memory
}

void traffic_open(struct traffic *t, uint32_t index, int fd, uint8_t listener, uint32_t ticket)
{
    links_begin(t, index);
    struct link *k = &t->links[index];
    ASSERT(k->fd < 0);
    // Whoever had the index before may be among the leavers still: then it is read once in his turn.
    *k = (struct link){.fd = fd,
                       .ticket = ticket,
                       .ready_next = k->ready_next,
                       .flags = (uint8_t)(LINK_NEW | (k->flags & LINK_READY)),
                       .listener = listener};
    metric_add(&t->needs.metrics->newcomers, 1);
    struct channel c;
    enum err e = channel_open(t->kinds[listener], fd, t->needs.mem, &c);
    if (t->states)
        t->states[index] = c.state;
    // Out of memory, or the kernel out of it or of watches: nothing would ever be heard of it.
    if (e != OK || !watch(t, index, EPOLL_CTL_ADD))
        on_broken(t, index);
}

uint32_t *traffic_ticket(struct traffic *t, uint32_t index)
{
    ASSERT(index < t->links_begun && t->links[index].fd >= 0);
    return &t->links[index].ticket;
}

static void on_writable(struct traffic *t, uint32_t index)
{
    struct link *k = &t->links[index];
    if (!(k->flags & LINK_BLOCKED))
        return;
    k->flags &= (uint8_t)~LINK_BLOCKED;
    shard_on_writable(t->needs.shard, index);
}

static void read_once(struct traffic *t, uint32_t index)
{
    struct link *k = &t->links[index];
    if (k->flags & (LINK_PAUSED | LINK_EOF | LINK_BROKEN))
        return;
    if (t->turn_bytes_read >= TURN_READ_BYTES) {
        ready_push(t, index);
        return;
    }
    uint32_t news = 0;
    where_at(t->needs.where, WHERE_READ, index);
    ssize_t n = channel_read(channel_at(t, index), t->recv_buf, t->read_bytes, &news);
    metric_add(&t->needs.metrics->reads, 1);
    if (news & CHANNEL_WRITABLE)
        on_writable(t, index);
    if (news & CHANNEL_SECURED)
        shard_on_secured(t->needs.shard, index, channel_certificate(channel_at(t, index)));
    if (n > 0) {
        t->turn_bytes_read += (uint32_t)n;
        if ((uint32_t)n > t->recv_used)
            t->recv_used = (uint32_t)n;
        if ((k->flags & LINK_NEW) && k->reads < NEWCOMER_READS)
            k->reads++;
        if ((news & CHANNEL_READABLE) || (k->flags & LINK_ENDING))
            ready_push(t, index);
        if (!shard_on_bytes(t->needs.shard, index, t->recv_buf, (size_t)n))
            k->flags |= LINK_PAUSED;
    } else if (n == 0) {
        k->flags |= LINK_EOF;
        shard_on_eof(t->needs.shard, index);
    } else if (n == CHANNEL_AGAIN) {
        watch_again(t, index);
    } else {
        on_broken(t, index);
    }
}

void traffic_on_event(struct traffic *t, uint32_t index, uint32_t epoll_events)
{
    struct link *k = &t->links[index];
    ASSERT(index < t->links_cap && k->fd >= 0);
    uint32_t news = channel_on_socket(channel_at(t, index), epoll_events);
    if (news & CHANNEL_ENDING)
        k->flags |= LINK_ENDING;
    if (news & CHANNEL_WRITABLE)
        on_writable(t, index);
    if ((news & CHANNEL_ERROR) && (k->flags & (LINK_PAUSED | LINK_EOF)))
        on_broken(t, index); // nobody reads, so nobody else would notice
    else if ((news & CHANNEL_READABLE) && (k->flags & LINK_ENDING))
        ready_push(t, index);
    else if (news & CHANNEL_READABLE)
        read_once(t, index);
}

static void newcomer_over(struct traffic *t, struct link *k)
{
    if (k->flags & LINK_NEW)
        metric_sub(&t->needs.metrics->newcomers, 1);
    k->flags &= (uint8_t)~LINK_NEW;
}

// It is one of all from here on. What is there to be read by now is announced anew.
static void come_in(struct traffic *t, uint32_t index)
{
    struct link *k = &t->links[index];
    int left = epoll_ctl(t->newcomers_fd, EPOLL_CTL_DEL, k->fd, NULL);
    ASSERT(left == 0);
    newcomer_over(t, k);
    if (!watch(t, index, EPOLL_CTL_ADD))
        on_broken(t, index);
}

void traffic_serve_newcomers(struct traffic *t, uint64_t until_ns)
{
    struct epoll_event events[NEWCOMERS_PER_LOOK];
    int n;
    do {
        n = epoll_wait(t->newcomers_fd, events, NEWCOMERS_PER_LOOK, 0);
        for (int i = 0; i < n; i++) {
            uint32_t index = event_tag_index(events[i].data.u64);
            traffic_on_event(t, index, events[i].events);
            if (t->links[index].reads == NEWCOMER_READS)
                come_in(t, index);
        }
    } while (n == NEWCOMERS_PER_LOOK && clock_monotonic_ns() < until_ns);
    metric_add(&t->needs.metrics->newcomers_left, n == NEWCOMERS_PER_LOOK);
}

// One of a list, whose first it was: returns the next one.
static uint32_t serve(struct traffic *t, uint32_t index)
{
    struct link *k = &t->links[index];
    const uint32_t next = k->ready_next;
    k->flags &= (uint8_t)~LINK_READY;
    if (k->fd >= 0 && (k->flags & LINK_FAILED))
        on_broken(t, index);
    else if (k->fd >= 0)
        read_once(t, index);
    for (uint32_t i = 1; i < t->reads_each && (k->flags & LINK_READY) && k->fd >= 0; i++)
        read_once(t, index); // there is more
    return next;
}

void traffic_serve_ready(struct traffic *t)
{
    t->turn_bytes_read = 0;
    uint32_t index = t->ready.head;
    t->ready = NOBODY; // those that are added from here on have their turn in the next one
    while (index != LINK_NONE)
        index = serve(t, index);
}

void traffic_serve_leavers(struct traffic *t, uint64_t until_ns)
{
    struct link_list *all = &t->leavers;
    for (uint32_t n = 1; all->head != LINK_NONE; n++) {
        const uint32_t index = all->head;
        all->head = t->links[index].ready_next;
        if (all->head == LINK_NONE)
            all->tail = LINK_NONE;
        metric_sub(&t->needs.metrics->leavers, 1);
        (void)serve(t, index); // which may put it at the end
        if (n % LEAVERS_PER_LOOK == 0 && clock_monotonic_ns() >= until_ns)
            return;
    }
}

// Returns how many bytes were taken.
static size_t write_once(struct traffic *t, uint32_t index)
{
    struct span spans[SPANS_MAX];
    where_at(t->needs.where, WHERE_WRITE, index);
    size_t count = shard_output(t->needs.shard, index, spans);
    if (count == 0) {
        shard_output_done(t->needs.shard, index, 0, false);
        return 0;
    }
    struct link *k = &t->links[index];
    bool blocked = false;
    ssize_t taken = channel_write(channel_at(t, index), spans, count, &blocked);
    if (taken < 0) {
        // Core hears of it as an event of the next turn; until then the connection counts as blocked.
        k->flags |= LINK_FAILED;
        ready_push(t, index);
        shard_output_done(t->needs.shard, index, 0, true);
        return 0;
    }
    if (blocked) {
        k->flags |= LINK_BLOCKED;
        watch_again(t, index);
    }
    shard_output_done(t->needs.shard, index, (size_t)taken, blocked);
    return (size_t)taken;
}

void traffic_write(struct traffic *t)
{
    uint32_t writes = 0, index;
    size_t bytes = 0;
    for (; writes < WRITES_PER_TURN && bytes < TURN_WRITE_BYTES && shard_pull_dirty(t->needs.shard, &index);
         writes++)
        bytes += write_once(t, index);
    // A room of 20,000 would take 70 ms in one go; commands of others are read in between.
    t->writes_left = writes >= WRITES_PER_TURN || bytes >= TURN_WRITE_BYTES;
    if (t->writes_left)
        metric_add(&t->needs.metrics->write_slices, 1);
}

void traffic_shutdown(struct traffic *t)
{
    uint32_t index;
    while (shard_pull_shutdown(t->needs.shard, &index))
        if (t->links[index].fd >= 0 && !channel_shutdown(channel_at(t, index)))
            watch_again(t, index);
}

bool traffic_pull_closed(struct traffic *t, uint32_t *ret_ticket)
{
    uint32_t index;
    bool abortive;
    if (!shard_pull_closed(t->needs.shard, &index, &abortive))
        return false;
    struct link *k = &t->links[index];
    ASSERT(index < t->links_cap && k->fd >= 0);
    channel_close(channel_at(t, index), t->needs.mem, abortive);
    k->fd = -1;
    newcomer_over(t, k);
    k->flags &= LINK_READY;
    *ret_ticket = k->ticket;
    return true;
}

void traffic_reread(struct traffic *t)
{
    uint32_t index;
    while (shard_pull_reread(t->needs.shard, &index)) {
        t->links[index].flags &= (uint8_t)~LINK_PAUSED;
        ready_push(t, index);
    }
}

// It would lie there until somebody says something longer, though it may have been taken back (base/mem.h). Once a turn.
void traffic_forget(struct traffic *t)
{
    mem_wipe(t->recv_buf, t->recv_used);
    t->recv_used = 0;
}

bool traffic_cut(struct traffic *t, uint32_t *ret_ticket)
{
    while (t->links_begun > 0) {
        uint32_t index = --t->links_begun;
        if (t->links[index].fd < 0)
            continue;
        channel_close(channel_at(t, index), t->needs.mem, false);
        t->links[index].fd = -1;
        newcomer_over(t, &t->links[index]);
        *ret_ticket = t->links[index].ticket;
        return true;
    }
    return false;
}

void traffic_deinit(struct traffic *t)
{
    ASSERT(t->links_begun == 0);
    if (t->newcomers_fd >= 0 && t->links)
        close(t->newcomers_fd);
    if (t->links)
        mem_free(t->needs.mem, t->links, t->links_cap * sizeof *t->links);
    if (t->states)
        mem_free(t->needs.mem, t->states, t->links_cap * sizeof *t->states);
    if (t->recv_buf)
        mem_free(t->needs.mem, t->recv_buf, (size_t)t->recv_bytes + RECV_PADDING);
    *t = (struct traffic){.ready = NOBODY, .leavers = NOBODY, .newcomers_fd = -1};
}
