// SPDX-License-Identifier: Apache-2.0
//
// The state machine of acceptor.h. A slot is reserved before accept(2), so that a connection for which there is none
// can stay where it is; only at the end of its wait is it taken out of the queue to be refused.
#include "io/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
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

void acceptor_init(struct acceptor *a, int epoll_fd)
{
    *a = (struct acceptor){.state = ACCEPTOR_OPEN,
                           .pause_ms = ACCEPT_PAUSE_MIN_MS,
                           .spare_fd = spare_open(),
                           .arm_due_ms = UINT64_MAX};
    refusals_init(&a->refusals, epoll_fd);
}

enum err acceptor_add(struct loop *l, int fd, enum transport transport)
{
    struct acceptor *a = &l->acceptor;
    ASSERT(a->listener_count < LISTENERS_MAX);
    uint32_t index = a->listener_count++;
    a->listeners[index].fd = fd;
    a->listeners[index].transport = transport;
    a->listeners[index].ready = false;
    a->listeners[index].armed = true;
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = event_tag(EVENT_LISTENER, index)};
    return epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0 ? OK : ERR_LIMIT;
}

void acceptor_on_listener(struct loop *l, uint32_t index) { l->acceptor.listeners[index].ready = true; }

// Arms or disarms the listeners in epoll, as the state wants it. What the kernel refuses is tried again in the next
// turn, and at the latest after ACCEPT_PAUSE_MAX_MS: until then connections wait in the queue, or wake us for nothing.
static void listeners_arm(struct loop *l)
{
    struct acceptor *a = &l->acceptor;
    bool armed = a->state == ACCEPTOR_OPEN;
    int cause = 0;
    for (uint32_t i = 0; i < a->listener_count; i++) {
        if (a->listeners[i].armed == armed)
            continue;
        struct epoll_event event = {.events = armed ? EPOLLIN : 0, .data.u64 = event_tag(EVENT_LISTENER, i)};
        if (epoll_ctl(l->epoll_fd, EPOLL_CTL_MOD, a->listeners[i].fd, &event) != 0) {
            cause = errno;
            continue;
        }
        a->listeners[i].armed = armed;
        a->listeners[i].ready = false;
    }
    if (cause != 0 && a->arm_due_ms == UINT64_MAX)
        loop_io_notice(l, IO_NOTICE_ACCEPT, (uint64_t)cause, "");
    a->arm_due_ms = cause != 0 ? l->clock.now_ms + ACCEPT_PAUSE_MAX_MS : UINT64_MAX;
}

static void state_set(struct loop *l, enum acceptor_state state, uint64_t due_ms)
{
    l->acceptor.state = state;
    l->acceptor.due_ms = due_ms;
    listeners_arm(l);
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
        if (fd >= 0)
            refusal_send_and_close(fd, a->listeners[index].transport, REFUSAL_FILES);
    }
    a->spare_fd = spare_open();
}

static enum pass pause_after(struct loop *l, uint32_t index, int cause)
{
    struct acceptor *a = &l->acceptor;
    bool files = cause == EMFILE || cause == ENFILE;
    if (files) {
        metric_add(&l->metrics->limit_files, 1);
        refuse_one_with_spare(a, index);
    }
    metric_add(&l->io_metrics.accept_pauses, 1);
    loop_io_notice(l, files ? IO_NOTICE_FILES : IO_NOTICE_ACCEPT, (uint64_t)cause, "");
    state_set(l, ACCEPTOR_PAUSED, l->clock.now_ms + a->pause_ms);
    a->pause_ms = a->pause_ms * 2 < ACCEPT_PAUSE_MAX_MS ? a->pause_ms * 2 : ACCEPT_PAUSE_MAX_MS;
    return PASS_PAUSED;
}

static void refuse(struct loop *l, uint32_t index, int fd, enum refusal_reason reason)
{
    struct acceptor *a = &l->acceptor;
    refusals_add(&a->refusals, fd, a->listeners[index].transport, reason, l->clock.now_ms,
                 event_tag(EVENT_REFUSAL, 0));
}

static void refuse_full(struct loop *l, uint32_t index, int fd)
{
    metric_add(&l->metrics->limit_connections, 1);
    if (!l->acceptor.full_told) {
        l->acceptor.full_told = true;
        loop_io_notice(l, IO_NOTICE_FULL, admission_connections(&l->shared->admission), "");
    }
    refuse(l, index, fd, REFUSAL_FULL);
}

static void refuse_memory(struct loop *l, uint32_t index, int fd)
{
    metric_add(&l->metrics->limit_memory, 1);
    refuse(l, index, fd, REFUSAL_MEMORY);
}

// The connection has a slot and its address is counted: hands it to core.
static void hand_over(struct loop *l, uint32_t index, int fd, const struct peer *peer, uint32_t ticket)
{
    uint32_t conn = 0;
    enum err e = shard_on_accept(l->shard, l->acceptor.listeners[index].transport, peer, &conn);
    if (e == OK) {
        traffic_open(l, conn, fd, ticket);
        return;
    }
    loop_wake_waiting(l, admission_leave(&l->shared->admission, ticket));
    if (e == ERR_NOMEM)
        refuse_memory(l, index, fd);
    else if (e == ERR_DENIED)
        refuse(l, index, fd, REFUSAL_DRAIN);
    else
        refuse_full(l, index, fd);
}

// A connection for which there is a slot.
static void admit(struct loop *l, uint32_t index, int fd, const struct address *from)
{
    struct address_key key = address_key(from);
    struct peer peer = {0};
    _Static_assert(sizeof peer.text >= ADDRESS_TEXT_MAX, "a peer's text holds an address");
    address_format(from, peer.text);
    peer.print = admission_print(&l->shared->admission, &key);

    uint32_t ticket;
    enum err e = admission_enter(&l->shared->admission, &key, &ticket);
    if (e == ERR_LIMIT) {
        loop_wake_waiting(l, admission_cancel(&l->shared->admission));
        metric_add(&l->metrics->limit_address, 1);
        loop_io_notice(l, IO_NOTICE_ADDRESS, 0, peer.text);
        refuse(l, index, fd, REFUSAL_ADDRESS);
        return;
    }
    peer.uncounted = e != OK;
    if (peer.uncounted)
        ticket = admission_enter_uncounted(&l->shared->admission);
    hand_over(l, index, fd, &peer, ticket);
}

// Takes connections from one queue: as many as there are slots for, and the first `refusable` in any case.
static enum pass accept_pass(struct loop *l, uint32_t index, uint32_t refusable)
{
    struct acceptor *a = &l->acceptor;
    for (uint32_t n = 0; n < ACCEPTS_PER_TURN; n++) {
        bool slot = admission_reserve(&l->shared->admission, l->index);
        if (!slot && n >= refusable)
            return n > 0 ? PASS_BUDGET
                         : PASS_FULL; // after the last slot it is not known whether anybody is left

        struct address from = {.len = sizeof from.storage};
        int fd = accept4(a->listeners[index].fd, (struct sockaddr *)&from.storage, &from.len,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);
        int cause = errno;
        if (fd < 0 && slot)
            loop_wake_waiting(l, admission_cancel(&l->shared->admission));
        if (fd < 0 && (cause == EAGAIN || cause == EWOULDBLOCK))
            return PASS_EMPTY;
        if (fd < 0 && !is_peers_fault(cause))
            return pause_after(l, index, cause);

        wait_line_served(&a->listeners[index].line, 1);
        if (fd < 0)
            continue;
        a->pause_ms = ACCEPT_PAUSE_MIN_MS;
        if (slot)
            admit(l, index, fd, &from);
        else
            refuse_full(l, index, fd);
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

static uint32_t wait_ms(const struct loop *l)
{
    return atomic_load_explicit(&l->shared->live.connection_wait_ms, memory_order_relaxed);
}

static uint64_t next_step_ms(const struct loop *l)
{
    uint32_t step = wait_ms(l) / WAIT_STEPS;
    return l->clock.now_ms + (step > 0 ? step : 1);
}

static void wait_begin(struct loop *l)
{
    struct acceptor *a = &l->acceptor;
    metric_add(&l->io_metrics.accept_waits, 1);
    a->full_told = false;
    for (uint32_t i = 0; i < a->listener_count; i++)
        wait_line_start(&a->listeners[i].line, queue_length(a->listeners[i].fd));
    state_set(l, ACCEPTOR_WAITING, next_step_ms(l));
}

static void turn_open(struct loop *l)
{
    struct acceptor *a = &l->acceptor;
    bool waiting_off = wait_ms(l) == 0;
    if (waiting_off)
        a->full_told = false;
    for (uint32_t i = 0; i < a->listener_count && a->state == ACCEPTOR_OPEN; i++) {
        bool ready = a->listeners[i].ready;
        a->listeners[i].ready = false;
        if (ready && accept_pass(l, i, waiting_off ? UINT32_MAX : 0) == PASS_FULL)
            wait_begin(l);
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
static void turn_waiting(struct loop *l)
{
    struct acceptor *a = &l->acceptor;
    bool step = a->due_ms <= l->clock.now_ms;
    bool again = false, empty = true;
    for (uint32_t i = 0; i < a->listener_count; i++) {
        struct wait_line *line = &a->listeners[i].line;
        if (step)
            wait_line_step(line, queue_length(a->listeners[i].fd));
        enum pass pass = accept_pass(l, i, wait_line_over(line));
        if (pass == PASS_PAUSED)
            return;
        if (pass == PASS_EMPTY)
            wait_line_start(line, 0);
        again = again || pass == PASS_BUDGET;
        empty = empty && queue_length(a->listeners[i].fd) == 0;
    }
    if (empty)
        state_set(l, ACCEPTOR_OPEN, UINT64_MAX);
    else if (step)
        a->due_ms = next_step_ms(l);
    if (again)
        loop_request(l, REQUEST_LOOK);
}

void acceptor_turn(struct loop *l)
{
    struct acceptor *a = &l->acceptor;
    refusals_expire(&a->refusals, l->clock.now_ms);
    if (a->arm_due_ms != UINT64_MAX)
        listeners_arm(l);
    switch (a->state) {
    case ACCEPTOR_OPEN:
        turn_open(l);
        break;
    case ACCEPTOR_WAITING:
        if (a->due_ms <= l->clock.now_ms || is_refusing(a) ||
            admission_has_room(&l->shared->admission, l->index))
            turn_waiting(l);
        break;
    case ACCEPTOR_PAUSED:
        if (a->due_ms <= l->clock.now_ms) {
            if (a->spare_fd < 0)
                a->spare_fd = spare_open();
            state_set(l, ACCEPTOR_OPEN, UINT64_MAX);
        }
        break;
    case ACCEPTOR_CLOSED:
        break;
    }
}

uint64_t acceptor_next_due_ms(const struct loop *l)
{
    const struct acceptor *a = &l->acceptor;
    uint64_t due = refusals_next_due_ms(&a->refusals);
    if (a->arm_due_ms < due)
        due = a->arm_due_ms;
    bool timed = a->state == ACCEPTOR_WAITING || a->state == ACCEPTOR_PAUSED;
    return timed && a->due_ms < due ? a->due_ms : due;
}

void acceptor_on_closed(struct loop *l)
{
    if (l->acceptor.state == ACCEPTOR_PAUSED)
        l->acceptor.due_ms = l->clock.now_ms;
}

void acceptor_shutdown(struct loop *l)
{
    struct acceptor *a = &l->acceptor;
    if (a->state == ACCEPTOR_CLOSED)
        return;
    for (uint32_t i = 0; i < a->listener_count; i++) {
        for (uint32_t n = 0; n < REFUSED_AT_SHUTDOWN_MAX; n++) {
            int fd = accept4(a->listeners[i].fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (fd < 0)
                break;
            refuse(l, i, fd, REFUSAL_DRAIN);
        }
        close(a->listeners[i].fd);
        a->listeners[i].fd = -1;
    }
    a->listener_count = 0;
    a->state = ACCEPTOR_CLOSED;
    a->due_ms = a->arm_due_ms = UINT64_MAX;
}

void acceptor_deinit(struct acceptor *a)
{
    for (uint32_t i = 0; i < a->listener_count; i++)
        close(a->listeners[i].fd);
    a->listener_count = 0;
    a->state = ACCEPTOR_CLOSED;
    if (a->spare_fd >= 0)
        close(a->spare_fd);
    a->spare_fd = -1;
    refusals_close_all(&a->refusals);
}
