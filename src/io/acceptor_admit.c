// SPDX-License-Identifier: Apache-2.0
//
// Who has been accepted: where he comes from, whether he may come in, and what he is told when not.
#include "io/acceptor_admit.h"

#include "base/assert.h"
#include "core/common/gates.h"
#include "io/channel.h"
#include "io/event.h"
#include <unistd.h>

void acceptor_settings(struct acceptor *a, const struct settings *core)
{
    a->proxies = core->proxies;
    a->proxies_n = core->proxies_n;
    a->proxies_unix = core->proxies_unix;
    a->header_ms = core->handshake_ms;
}

// Where words would have to go through a channel first, which may be a handshake's work, it is hung up without any.
void acceptor_turn_away(struct acceptor *a, uint32_t index, int fd, enum refusal_reason reason)
{
    if (a->listeners[index].plain)
        refusals_add(&a->refusals, fd, a->listeners[index].language, reason, a->now_ms,
                     event_tag(EVENT_REFUSAL, 0));
    else
        close(fd);
}

static void refuse_full(struct acceptor *a, uint32_t index, int fd)
{
    metric_add(&a->needs.metrics->limit_connections, 1);
    if (!a->full_told) {
        a->full_told = true;
        report(&a->needs.reporter, IO_NOTICE_FULL, admission_connections(a->needs.admission), "");
    }
    acceptor_turn_away(a, index, fd, REFUSAL_FULL);
}

void acceptor_refuse(struct acceptor *a, const struct arrival *in, enum err why)
{
    a->woken |= admission_leave(a->needs.admission, in->ticket);
    if (why == ERR_NOMEM) {
        metric_add(&a->needs.metrics->limit_memory, 1);
        acceptor_turn_away(a, in->index, in->fd, REFUSAL_MEMORY);
    } else if (why == ERR_DENIED) {
        acceptor_turn_away(a, in->index, in->fd, REFUSAL_DRAIN);
    } else {
        refuse_full(a, in->index, in->fd);
    }
}

// --- the gates of a connection (core/common/gates.h)

// key: where it comes from. False: refused, and its socket is closed.
#define X(at, name, ...) \
    static bool gate_##name(struct acceptor *a, struct arrival *in, const struct address_key *key, bool slot);
GATES_CONNECT(X)
#undef X

// Its place was taken before it was taken out of the queue.
static bool gate_slot(struct acceptor *a, struct arrival *in, const struct address_key *key, bool slot)
{
    (void)key;
    if (!slot)
        refuse_full(a, in->index, in->fd);
    return slot;
}

// Taken back, in words: the address has had what it may have.
static bool refuse_address(struct acceptor *a, struct arrival *in, enum io_notice_type notice,
                           enum refusal_reason reason)
{
    a->woken |= admission_cancel(a->needs.admission);
    report(&a->needs.reporter, notice, 0, in->peer.text);
    acceptor_turn_away(a, in->index, in->fd, reason);
    return false;
}

static bool gate_pace(struct acceptor *a, struct arrival *in, const struct address_key *key, bool slot)
{
    ASSERT(slot);
    if (in->everybodys || admission_pace(a->needs.admission, key, a->now_ms))
        return true;
    metric_add(&a->needs.metrics->limit_address_connects, 1);
    return refuse_address(a, in, IO_NOTICE_PACE, REFUSAL_PACE);
}

static bool gate_address(struct acceptor *a, struct arrival *in, const struct address_key *key, bool slot)
{
    ASSERT(slot);
    if (in->everybodys) {
        in->ticket = admission_enter_uncounted(a->needs.admission);
        return true;
    }
    enum err e = admission_enter(a->needs.admission, key, &in->ticket);
    if (e == ERR_LIMIT) {
        metric_add(&a->needs.metrics->limit_address, 1);
        return refuse_address(a, in, IO_NOTICE_ADDRESS, REFUSAL_ADDRESS);
    }
    in->peer.uncounted = e != OK;
    if (in->peer.uncounted)
        in->ticket = admission_enter_uncounted(a->needs.admission);
    return true;
}

static bool is_believed(const struct acceptor *a, const struct address *from)
{
    struct ip ip;
    return address_ip(from, &ip) ? ip_is_in(&ip, a->proxies, a->proxies_n)
                                 : address_is_unix(from) && a->proxies_unix;
}

// Nobody but this machine is on loopback. A Unix socket is mostly there for a proxy, so only that of the admin counts, and only for who
// could be the operator: the user that the server runs as, or root. Who speaks for others is not here, whoever they are.
static bool is_local(const struct acceptor *a, uint32_t index, const struct address *from)
{
    if (a->listeners[index].proxied || is_believed(a, from))
        return false;
    if (a->listeners[index].is_unix)
        return a->listeners[index].transport == TRANSPORT_ADMIN && (from->uid == geteuid() || from->uid == 0);
    return a->listeners[index].loopback && address_is_loopback(from);
}

// from: where it comes from. everybodys: that is a proxy, and who is behind it is not known.
void acceptor_admit(struct acceptor *a, uint32_t index, int fd, const struct address *from, bool everybodys,
                    bool slot)
{
    struct address_key key = address_key(from);
    ASSERT(a->arrival_count < sizeof a->arrivals / sizeof a->arrivals[0]);
    struct arrival *in = &a->arrivals[a->arrival_count];
    *in = (struct arrival){.fd = fd,
                           .listener = a->listeners[index].row,
                           .index = (uint8_t)index,
                           .transport = a->listeners[index].transport};
    _Static_assert(sizeof in->peer.text >= ADDRESS_TEXT_MAX, "a peer's text holds an address");
    address_format(from, in->peer.text);
    in->peer.print = admission_print(a->needs.admission, &key);
    in->peer.secure = a->listeners[index].secure;
    in->peer.local = is_local(a, index, from);
    in->peer.proxy = !everybodys && in->transport != TRANSPORT_LINE && is_believed(a, from);
    in->everybodys = everybodys || in->peer.proxy;
#define X(at, name, ...)                 \
    if (!gate_##name(a, in, &key, slot)) \
        return;
    GATES_CONNECT(X)
#undef X
    a->arrival_count++;
}

// --- proxies that introduce who comes (lobby.h)

static void refuse_proxy(struct acceptor *a, uint32_t index, int fd, const struct address *from,
                         enum refusal_reason reason, const char *why)
{
    char text[ADDRESS_TEXT_MAX];
    address_format(from, text);
    a->woken |= admission_cancel(a->needs.admission);
    metric_add(&a->needs.io_metrics->proxy_refused, 1);
    report_why(&a->needs.reporter, IO_NOTICE_PROXY, text, why);
    acceptor_turn_away(a, index, fd, reason);
}

// It has a slot.
void acceptor_receive(struct acceptor *a, uint32_t index, int fd, const struct address *from)
{
    if (!is_believed(a, from)) {
        refuse_proxy(a, index, fd, from, REFUSAL_PROXY, "it is in none of server.trusted_proxies");
    } else if (lobby_add(&a->lobby, fd, (uint8_t)index, from, a->now_ms + a->header_ms) != OK) {
        metric_add(&a->needs.metrics->limit_memory, 1);
        a->woken |= admission_cancel(a->needs.admission);
        acceptor_turn_away(a, index, fd, REFUSAL_MEMORY);
    }
}

void acceptor_take_introduced(struct acceptor *a)
{
    struct introduced in;
    for (uint32_t budget = LOBBY_READS_PER_TURN; lobby_pull(&a->lobby, a->now_ms, &budget, &in);) {
        struct address from = in.proxy;
        if (in.refused != NULL && in.gone) { // as one that only looks whether there is anybody
            a->woken |= admission_cancel(a->needs.admission);
            close(in.fd);
            continue;
        }
        if (in.refused != NULL) {
            refuse_proxy(a, in.listener, in.fd, &from, REFUSAL_HEADER, in.refused);
            continue;
        }
        if (in.speaks_for == PROXY_FOR_CLIENT)
            address_from_ip(&in.client, &from);
        acceptor_admit(a, in.listener, in.fd, &from, in.speaks_for != PROXY_FOR_CLIENT, true);
    }
}

enum err acceptor_count(struct acceptor *a, const struct ip *from, uint32_t *ticket)
{
    struct address at;
    address_from_ip(&(struct ip_port){.ip = *from}, &at);
    const struct address_key key = address_key(&at);
    enum err e = admission_count(a->needs.admission, &key, ticket);
    if (e == ERR_LIMIT) {
        char text[ADDRESS_TEXT_MAX];
        address_format(&at, text);
        report(&a->needs.reporter, IO_NOTICE_ADDRESS, 0, text);
    }
    return e;
}
