// SPDX-License-Identifier: Apache-2.0
//
// The state machine of acceptor.h. A slot is reserved before accept(2), so that a connection for which there is none
// can stay where it is; only at the end of its wait is it taken out of the queue to be refused.
#include "io/acceptor.h"

#include "base/assert.h"
#include "io/channel.h"
#include "io/event.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    REFUSED_AT_SHUTDOWN_MAX =
        1024, // connections in a queue that still hear why; closing it resets the others
};

// How a pass over one listener's queue ended.
enum pass {
    PASS_EMPTY,  // the queue is empty
    PASS_BUDGET, // enough for now, there may be more
    PASS_FULL,   // there is somebody and no slot
    PASS_PAUSED, // the state is PAUSED now
};

static int spare_open(void) { return open("/dev/null", O_RDONLY | O_CLOEXEC); }

void acceptor_init(struct acceptor *a, const struct acceptor_needs *needs)
{
    *a = (struct acceptor){.needs = *needs,
                           .state = ACCEPTOR_OPEN,
                           .pause_ms = ACCEPT_PAUSE_MIN_MS,
                           .spare_fd = spare_open(),
                           .arm_due_ms = UINT64_MAX};
    refusals_init(&a->refusals, needs->epoll_fd);
    lobby_init(&a->lobby, needs->epoll_fd, needs->mem);
}

enum err acceptor_add(struct acceptor *a, int fd, uint8_t row, const struct listener_row *listener)
{
    ASSERT(a->listener_count < LISTENERS_MAX);
    uint32_t index = a->listener_count++;
    a->listeners[index].fd = fd;
    a->listeners[index].row = row;
    a->listeners[index].transport = listener->transport;
    const struct way *way = way_find(a->needs.ways, listener->transport, STR_NONE);
    a->listeners[index].language = way != NULL ? a->needs.ways->encodings[way->encoding]->language : NULL;
    a->listeners[index].plain = listener->channel == NULL;
    a->listeners[index].secure = listener->channel != NULL && listener->channel->secure;
    struct address bound;
    bool known = address_parse(listener->address, &bound) == OK;
    a->listeners[index].loopback = known && address_is_loopback(&bound);
    a->listeners[index].is_unix = known && address_is_unix(&bound);
    a->listeners[index].proxied = listener->proxied;
    a->listeners[index].ready = false;
    a->listeners[index].armed = true;
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = event_tag(EVENT_LISTENER, index)};
    return epoll_ctl(a->needs.epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0 ? OK : ERR_LIMIT;
}

void acceptor_on_listener(struct acceptor *a, uint32_t index) { a->listeners[index].ready = true; }

void acceptor_on_lobby(struct acceptor *a, uint32_t index) { lobby_on_event(&a->lobby, index); }

void acceptor_on_refusal(struct acceptor *a, uint32_t slot) { refusals_on_event(&a->refusals, slot); }

// Arms or disarms the listeners in epoll, as the state wants it. What the kernel refuses is tried again in the next
// turn, and at the latest after ACCEPT_PAUSE_MAX_MS: until then connections wait in the queue, or wake us for nothing.
static void listeners_arm(struct acceptor *a)
{
    bool armed = a->state == ACCEPTOR_OPEN;
    int cause = 0;
    for (uint32_t i = 0; i < a->listener_count; i++) {
        if (a->listeners[i].armed == armed)
            continue;
        struct epoll_event event = {.events = armed ? EPOLLIN : 0, .data.u64 = event_tag(EVENT_LISTENER, i)};
        if (epoll_ctl(a->needs.epoll_fd, EPOLL_CTL_MOD, a->listeners[i].fd, &event) != 0) {
            cause = errno;
            continue;
        }
        a->listeners[i].armed = armed;
        a->listeners[i].ready = false;
    }
    if (cause != 0 && a->arm_due_ms == UINT64_MAX)
        report(&a->needs.reporter, IO_NOTICE_ACCEPT, (uint64_t)cause, "");
    a->arm_due_ms = cause != 0 ? a->now_ms + ACCEPT_PAUSE_MAX_MS : UINT64_MAX;
}

static void state_set(struct acceptor *a, enum acceptor_state state, uint64_t due_ms)
{
    a->state = state;
    a->due_ms = due_ms;
    listeners_arm(a);
}

// The peer or the network broke this one connection; the next may be well. accept(2), "Error handling".
static bool is_peers_fault(int cause)
{
    switch (cause) {
    case EINTR:
    case ECONNABORTED:
    case EPERM: // a firewall rule
    case EPROTO:
    case ENOPROTOOPT:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENONET:
    case EOPNOTSUPP:
    case ETIMEDOUT:
        return true;
    default:
        return false;
    }
}

// Lends the spare file to accept(2), so that one peer at least is told.
static void refuse_one_with_spare(struct acceptor *a, uint32_t index)
{
    if (a->spare_fd >= 0) {
        close(a->spare_fd);
        int fd = accept4(a->listeners[index].fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0 && a->listeners[index].plain)
            refusal_send_and_close(fd, a->listeners[index].language, REFUSAL_FILES);
        else if (fd >= 0)
            close(fd);
    }
    a->spare_fd = spare_open();
}

static enum pass pause_after(struct acceptor *a, uint32_t index, int cause)
{
    bool files = cause == EMFILE || cause == ENFILE;
    if (files) {
        metric_add(&a->needs.metrics->limit_files, 1);
        refuse_one_with_spare(a, index);
    }
    metric_add(&a->needs.io_metrics->accept_pauses, 1);
    report(&a->needs.reporter, files ? IO_NOTICE_FILES : IO_NOTICE_ACCEPT, (uint64_t)cause, "");
    state_set(a, ACCEPTOR_PAUSED, a->now_ms + a->pause_ms);
    a->pause_ms = a->pause_ms * 2 < ACCEPT_PAUSE_MAX_MS ? a->pause_ms * 2 : ACCEPT_PAUSE_MAX_MS;
    return PASS_PAUSED;
}

// What a TCP connection inherits (listener.h) and this one does not: so little is in the kernel when a reader stalls.
static void unix_options_set(int fd)
{
    int bytes = NOTSENT_BYTES;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

// Takes connections from one queue: as many as there are slots for, and the first `refusable` in any case.
static enum pass accept_pass(struct acceptor *a, uint32_t index, uint32_t refusable)
{
    for (uint32_t n = 0; a->accepts_left > 0; n++, a->accepts_left--) {
        bool slot = admission_reserve(a->needs.admission, a->needs.shard);
        if (!slot && n >= refusable)
            return n > 0 ? PASS_BUDGET
                         : PASS_FULL; // after the last slot it is not known whether anybody is left

        struct address from = {.len = sizeof from.storage};
        int fd = accept4(a->listeners[index].fd, (struct sockaddr *)&from.storage, &from.len,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);
        int cause = errno;
        if (fd < 0 && slot)
            a->woken |= admission_cancel(a->needs.admission);
        if (fd < 0 && (cause == EAGAIN || cause == EWOULDBLOCK))
            return PASS_EMPTY;
        if (fd < 0 && !is_peers_fault(cause))
            return pause_after(a, index, cause);

        wait_line_served(&a->listeners[index].line, 1);
        if (fd < 0)
            continue;
        a->pause_ms = ACCEPT_PAUSE_MIN_MS;
        if (a->listeners[index].is_unix) {
            unix_options_set(fd);
            address_of_unix_peer(fd, &from);
        }
        if (slot && a->listeners[index].proxied)
            acceptor_receive(a, index, fd, &from);
        else
            acceptor_admit(a, index, fd, &from, false, slot);
    }
    return PASS_BUDGET;
}

// Connections in the accept queue. Linux reports them in a field that means something else for a connection.
static uint32_t queue_length(int fd)
{
    struct tcp_info info;
    socklen_t n = sizeof info;
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) == 0 ? info.tcpi_unacked : 0;
}

static uint64_t next_step_ms(const struct acceptor *a)
{
    uint32_t step = a->wait_ms / WAIT_STEPS;
    return a->now_ms + (step > 0 ? step : 1);
}

static void wait_begin(struct acceptor *a)
{
    metric_add(&a->needs.io_metrics->accept_waits, 1);
    a->full_told = false;
    for (uint32_t i = 0; i < a->listener_count; i++)
        wait_line_start(&a->listeners[i].line, queue_length(a->listeners[i].fd));
    state_set(a, ACCEPTOR_WAITING, next_step_ms(a));
}

static void turn_open(struct acceptor *a)
{
    bool waiting_off = a->wait_ms == 0;
    if (waiting_off)
        a->full_told = false;
    for (uint32_t n = 0; n < a->listener_count && a->state == ACCEPTOR_OPEN; n++) {
        uint32_t i = (a->first + n) % a->listener_count;
        bool ready = a->listeners[i].ready;
        a->listeners[i].ready = false;
        bool waits = !waiting_off && !a->listeners[i].is_unix;
        if (ready && accept_pass(a, i, waits ? 0 : UINT32_MAX) == PASS_FULL)
            wait_begin(a);
    }
}

// Somebody has had his time, and the budget of the last turn was too small for him.
static bool is_refusing(const struct acceptor *a)
{
    for (uint32_t i = 0; i < a->listener_count; i++)
        if (wait_line_over(&a->listeners[i].line) > 0)
            return true;
    return false;
}

// A step is over, or there is a free slot, or something was left to do.
static void turn_waiting(struct acceptor *a)
{
    bool step = a->due_ms <= a->now_ms;
    bool empty = true;
    for (uint32_t n = 0; n < a->listener_count; n++) {
        uint32_t i = (a->first + n) % a->listener_count;
        struct wait_line *line = &a->listeners[i].line;
        if (step)
            wait_line_step(line, queue_length(a->listeners[i].fd));
        enum pass pass = accept_pass(a, i, a->listeners[i].is_unix ? UINT32_MAX : wait_line_over(line));
        if (pass == PASS_PAUSED)
            return;
        if (pass == PASS_EMPTY)
            wait_line_start(line, 0);
        a->again = a->again || pass == PASS_BUDGET;
        empty = empty && queue_length(a->listeners[i].fd) == 0;
    }
    if (empty)
        state_set(a, ACCEPTOR_OPEN, UINT64_MAX);
    else if (step)
        a->due_ms = next_step_ms(a);
}

void acceptor_turn(struct acceptor *a, uint64_t now_ms, uint32_t connection_wait_ms)
{
    a->now_ms = now_ms;
    a->wait_ms = connection_wait_ms;
    a->arrival_count = a->arrivals_pulled = 0;
    a->accepts_left = ACCEPTS_PER_TURN;
    a->again = false;
    a->first++;
    refusals_expire(&a->refusals, a->now_ms);
    if (a->arm_due_ms != UINT64_MAX)
        listeners_arm(a);
    switch (a->state) {
    case ACCEPTOR_OPEN:
        turn_open(a);
        break;
    case ACCEPTOR_WAITING:
        if (a->due_ms <= a->now_ms || is_refusing(a) ||
            admission_has_room(a->needs.admission, a->needs.shard))
            turn_waiting(a);
        break;
    case ACCEPTOR_PAUSED:
        if (a->due_ms <= a->now_ms) {
            if (a->spare_fd < 0)
                a->spare_fd = spare_open();
            state_set(a, ACCEPTOR_OPEN, UINT64_MAX);
        }
        break;
    case ACCEPTOR_CLOSED:
        break;
    }
    acceptor_take_introduced(a);
}

const struct arrival *acceptor_pull(struct acceptor *a)
{
    return a->arrivals_pulled < a->arrival_count ? &a->arrivals[a->arrivals_pulled++] : NULL;
}

uint64_t acceptor_pull_woken(struct acceptor *a)
{
    uint64_t woken = a->woken;
    a->woken = 0;
    return woken;
}

uint64_t acceptor_next_due_ms(const struct acceptor *a)
{
    if (a->again)
        return 0;
    uint64_t due = refusals_next_due_ms(&a->refusals), lobby = lobby_next_due_ms(&a->lobby);
    due = lobby < due ? lobby : due;
    if (a->arm_due_ms < due)
        due = a->arm_due_ms;
    bool timed = a->state == ACCEPTOR_WAITING || a->state == ACCEPTOR_PAUSED;
    return timed && a->due_ms < due ? a->due_ms : due;
}

void acceptor_on_closed(struct acceptor *a, uint64_t now_ms)
{
    if (a->state == ACCEPTOR_PAUSED)
        a->due_ms = now_ms;
}

void acceptor_shutdown(struct acceptor *a, uint64_t now_ms)
{
    if (a->state == ACCEPTOR_CLOSED)
        return;
    a->now_ms = now_ms;
    struct introduced in;
    while (lobby_evict(&a->lobby, &in)) {
        a->woken |= admission_cancel(a->needs.admission);
        acceptor_turn_away(a, in.listener, in.fd, REFUSAL_DRAIN);
    }
    for (uint32_t i = 0; i < a->listener_count; i++) {
        for (uint32_t n = 0; n < REFUSED_AT_SHUTDOWN_MAX; n++) {
            int fd = accept4(a->listeners[i].fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (fd < 0)
                break;
            acceptor_turn_away(a, i, fd, REFUSAL_DRAIN);
        }
        close(a->listeners[i].fd);
        a->listeners[i].fd = -1;
    }
    a->listener_count = 0;
    a->state = ACCEPTOR_CLOSED;
    a->again = false;
    a->due_ms = a->arm_due_ms = UINT64_MAX;
}

void acceptor_deinit(struct acceptor *a)
{
    struct introduced in;
    while (lobby_evict(&a->lobby, &in)) {
        (void)admission_cancel(a->needs.admission);
        close(in.fd);
    }
    lobby_deinit(&a->lobby);
    for (uint32_t i = 0; i < a->listener_count; i++)
        close(a->listeners[i].fd);
    a->listener_count = 0;
    a->state = ACCEPTOR_CLOSED;
    if (a->spare_fd >= 0)
        close(a->spare_fd);
    a->spare_fd = -1;
    refusals_close_all(&a->refusals);
}
