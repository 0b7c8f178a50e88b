// SPDX-License-Identifier: Apache-2.0
#include "unit/record_channel.h"
#include "unit/support.h"

#include <errno.h>
#include <sys/socket.h>

enum { FIRST_KEY = 0x5a };

struct state {
    const struct record_kind *kind;
    int fd;
    uint8_t in[RECORD_HEAD + RECORD_MAX]; // the record that is coming in
    size_t in_n;
    uint8_t plain[RECORD_MAX]; // the one before, as far as it is not taken
    size_t plain_from, plain_n;
    uint8_t out[RECORD_HEAD + RECORD_MAX]; // the one that is going out
    size_t out_from, out_n;
    uint8_t key_out;
    uint32_t data_records, credit;
    bool greeted;                        // the peer has
    bool owes_hello, owes_key, owes_end; // to be sent next
    bool out_gates;                      // what is going out must have left before anything is read
    bool read_waits;                     // for what is to be sent first
    bool write_waits;                    // was blocked, and has not been told that it goes on
    bool shut, ended, broken;
};

static void out_put(struct state *s, enum record_type type, const struct span *spans, size_t n)
{
    assert_true(s->out_from == s->out_n && n <= s->kind->record_max);
    s->out[0] = (uint8_t)type;
    s->out[1] = (uint8_t)(n >> 8);
    s->out[2] = (uint8_t)n;
    s->out_from = 0;
    s->out_n = RECORD_HEAD + n;
    for (size_t at = 0; at < n; spans++)
        for (size_t i = 0; i < spans->n && at < n; i++)
            s->out[RECORD_HEAD + at++] = ((const uint8_t *)spans->p)[i] ^ s->key_out;
}

// The next thing that is owed, if there is one.
static bool out_next(struct state *s)
{
    s->out_gates = s->owes_hello || s->owes_key;
    if (s->owes_hello) {
        s->owes_hello = false;
        out_put(s, RECORD_HELLO, NULL, 0);
    } else if (s->owes_key) {
        s->owes_key = false;
        uint8_t key = (uint8_t)(s->key_out * 5 + 1);
        out_put(s, RECORD_KEY, &(struct span){&key, 1}, 1);
        s->key_out = key;
    } else if (s->owes_end) {
        s->owes_end = false;
        out_put(s, RECORD_END, NULL, 0);
        s->shut = true;
    } else {
        if (s->shut)
            shutdown(s->fd, SHUT_WR);
        return false;
    }
    return true;
}

// What the socket takes; negative with errno.
static ssize_t send_some(struct state *s)
{
    size_t n = s->out_n - s->out_from;
    size_t *room = s->kind->room;
    if (room && *room < n)
        n = *room;
    if (n == 0) {
        errno = EAGAIN;
        return -1;
    }
    ssize_t sent = send(s->fd, s->out + s->out_from, n, MSG_NOSIGNAL);
    if (sent > 0 && room)
        *room -= (size_t)sent;
    return sent;
}

// True when all that was to be sent has left.
static bool flush(struct state *s)
{
    while (!s->broken) {
        if (s->out_from == s->out_n && !out_next(s))
            return true;
        ssize_t sent = send_some(s);
        if (sent < 0 && errno == EAGAIN)
            return false;
        if (sent < 0)
            s->broken = true;
        else
            s->out_from += (size_t)sent;
    }
    return false;
}

static bool is_gated(const struct state *s)
{
    return s->owes_hello || s->owes_key || (s->out_gates && s->out_from < s->out_n);
}

static void on_record(struct state *s, const uint8_t *payload, size_t n)
{
    switch ((enum record_type)s->in[0]) {
    case RECORD_HELLO:
        s->owes_hello = !s->greeted;
        s->greeted = true;
        break;
    case RECORD_DATA:
        for (size_t i = 0; i < n; i++)
            s->plain[i] = payload[i] ^ FIRST_KEY;
        s->plain_from = 0;
        s->plain_n = n;
        s->owes_key = ++s->data_records % RECORDS_PER_KEY == 0;
        break;
    case RECORD_CREDIT:
        s->credit += RECORDS_PER_CREDIT;
        break;
    case RECORD_END:
        s->ended = true;
        break;
    default:
        s->broken = true;
    }
}

// One record, if it is there: 1; CHANNEL_AGAIN; 0 at the end.
static ssize_t receive(struct state *s)
{
    for (;;) {
        size_t wanted = RECORD_HEAD;
        if (s->in_n >= RECORD_HEAD)
            wanted += (size_t)s->in[1] << 8 | s->in[2];
        assert_true(wanted <= sizeof s->in);
        if (s->in_n == wanted && wanted >= RECORD_HEAD && s->in_n >= RECORD_HEAD)
            break;
        ssize_t got = recv(s->fd, s->in + s->in_n, wanted - s->in_n, 0);
        if (got < 0 && errno == EAGAIN)
            return CHANNEL_AGAIN;
        if (got <= 0) {
            s->broken = got < 0;
            s->ended = true;
            return 0;
        }
        s->in_n += (size_t)got;
    }
    size_t n = s->in_n - RECORD_HEAD;
    s->in_n = 0;
    on_record(s, s->in + RECORD_HEAD, n);
    return 1;
}

static void *record_open(const struct channel_kind *kind, int fd, struct mem *mem)
{
    struct state *s = mem_zalloc(mem, sizeof *s);
    if (!s)
        return NULL;
    s->kind = (const struct record_kind *)kind;
    s->fd = fd;
    s->key_out = FIRST_KEY;
    s->credit = RECORDS_PER_CREDIT;
    return s;
}

static void record_close(void *state, struct mem *mem, bool abortive)
{
    struct state *s = state;
    if (!abortive)
        flush(s);
    mem_free(mem, s, sizeof *s);
}

// Says what the waiting ones may be told by now.
static uint32_t news_of(struct state *s)
{
    uint32_t news = 0;
    bool clear = flush(s);
    if (s->read_waits && !is_gated(s)) {
        s->read_waits = false;
        news |= CHANNEL_READABLE;
    }
    if (s->write_waits && clear && s->credit > 0 && s->greeted) {
        s->write_waits = false;
        news |= CHANNEL_WRITABLE;
    }
    return s->broken ? news | CHANNEL_READABLE : news;
}

static uint32_t record_on_socket(void *state, uint32_t socket_news)
{
    struct state *s = state;
    uint32_t news = socket_news & (CHANNEL_ENDING | CHANNEL_ERROR);
    if ((socket_news & CHANNEL_READABLE) && s->write_waits && s->credit == 0)
        while (s->plain_n == 0 && !is_gated(s) && receive(s) > 0)
            ;
    if ((socket_news & CHANNEL_READABLE) && !is_gated(s))
        news |= CHANNEL_READABLE;
    return news | news_of(s);
}

static ssize_t record_read(void *state, uint8_t *p, size_t n, uint32_t *ret_news)
{
    struct state *s = state;
    ssize_t result = 1;
    while (result > 0 && s->plain_n == 0 && !s->broken && !s->ended) {
        flush(s);
        s->read_waits = is_gated(s);
        result = s->read_waits ? CHANNEL_AGAIN : receive(s);
    }
    bool waits = s->read_waits;
    *ret_news = news_of(s) & CHANNEL_WRITABLE;
    s->read_waits = waits;
    if (s->plain_n == 0)
        return s->broken ? CHANNEL_BROKEN : s->ended ? 0 : CHANNEL_AGAIN;
    size_t part = n < s->plain_n ? n : s->plain_n;
    memcpy(p, s->plain + s->plain_from, part);
    s->plain_from += part;
    s->plain_n -= part;
    *ret_news |= CHANNEL_READABLE; // it has not looked whether there is more
    return (ssize_t)part;
}

static ssize_t record_write(void *state, const struct span *spans, size_t count, bool *ret_blocked)
{
    struct state *s = state;
    size_t taken = 0;
    struct span rest[SPANS_MAX];
    memcpy(rest, spans, count * sizeof *spans);
    const struct span *end = rest + count;
    bool clear = flush(s);
    for (struct span *at = rest; at < end && clear && s->credit > 0 && s->greeted;) {
        size_t n = 0;
        for (const struct span *i = at; i < end && n < s->kind->record_max; i++)
            n += i->n;
        n = n < s->kind->record_max ? n : s->kind->record_max;
        out_put(s, RECORD_DATA, at, n);
        s->out_gates = false;
        s->credit--;
        taken += n;
        for (size_t part; at < end && (part = n < at->n ? n : at->n, true); n -= part) {
            at->p = (const uint8_t *)at->p + part;
            at->n -= part;
            if (at->n > 0)
                break;
            at++;
        }
        clear = flush(s);
    }
    if (s->broken)
        return CHANNEL_BROKEN;
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += spans[i].n;
    *ret_blocked = !clear || taken < total;
    s->write_waits = *ret_blocked;
    return (ssize_t)taken;
}

static bool record_shutdown(void *state)
{
    struct state *s = state;
    s->owes_end = true;
    return flush(s);
}

struct record_kind record_kind_make(size_t record_max, size_t *room)
{
    assert_true(record_max > 0 && record_max <= RECORD_MAX);
    return (struct record_kind){.kind = {.name = "records",
                                         .open = record_open,
                                         .close = record_close,
                                         .on_socket = record_on_socket,
                                         .read = record_read,
                                         .write = record_write,
                                         .shutdown = record_shutdown},
                                .record_max = record_max,
                                .room = room};
}

// ---- the peer

void record_peer_init(struct record_peer *p, int fd)
{
    memset(p, 0, sizeof *p);
    p->fd = fd;
    p->key_in = FIRST_KEY;
}

void record_peer_send(struct record_peer *p, enum record_type type, const void *payload, size_t n)
{
    uint8_t record[RECORD_HEAD + RECORD_MAX] = {(uint8_t)type, (uint8_t)(n >> 8), (uint8_t)n};
    assert_true(n <= RECORD_MAX);
    for (size_t i = 0; i < n; i++)
        record[RECORD_HEAD + i] = ((const uint8_t *)payload)[i] ^ FIRST_KEY;
    for (size_t at = 0; at < RECORD_HEAD + n;) {
        ssize_t sent = send(p->fd, record + at, RECORD_HEAD + n - at, MSG_NOSIGNAL);
        assert_true(sent > 0);
        at += (size_t)sent;
    }
}

static void peer_on_record(struct record_peer *p, size_t n)
{
    switch ((enum record_type)p->in[0]) {
    case RECORD_HELLO:
        p->hellos++;
        break;
    case RECORD_DATA:
        for (size_t i = 0; i < n; i++)
            p->plain[i] = p->in[RECORD_HEAD + i] ^ p->key_in;
        p->plain_from = 0;
        p->plain_n = n;
        if (++p->data_records % RECORDS_PER_CREDIT == 0 && !p->no_credit)
            record_peer_send(p, RECORD_CREDIT, NULL, 0);
        break;
    case RECORD_KEY:
        p->keys++;
        p->key_in ^= p->in[RECORD_HEAD];
        break;
    case RECORD_END:
        p->ended = true;
        break;
    default:
        fail_msg("a record of type %u", p->in[0]);
    }
}

bool record_peer_receive(struct record_peer *p)
{
    assert_int_equal(p->plain_n, 0);
    while (p->plain_n == 0 && !p->ended) {
        size_t wanted = RECORD_HEAD;
        if (p->in_n >= RECORD_HEAD)
            wanted += (size_t)p->in[1] << 8 | p->in[2];
        if (p->in_n < wanted) {
            ssize_t got = recv(p->fd, p->in + p->in_n, wanted - p->in_n, 0);
            if (got < 0 && errno == EAGAIN)
                return false;
            if (got <= 0)
                fail_msg("no END came before %s", got == 0 ? "the end" : strerror(errno));
            p->in_n += (size_t)got;
            continue;
        }
        p->in_n = 0;
        peer_on_record(p, wanted - RECORD_HEAD);
    }
    return p->plain_n > 0;
}

void record_peer_say(struct record_peer *p, const char *text)
{
    record_peer_send(p, RECORD_DATA, text, strlen(text));
}

void record_peer_hear(struct record_peer *p, const char *text)
{
    char window[256] = "";
    size_t n = strlen(text), have = 0;
    assert_true(n < sizeof window / 2);
    while (have < n || memcmp(window + have - n, text, n) != 0) {
        if (p->plain_n == 0 && !record_peer_receive(p))
            fail_msg("expected \"%s\", got \"%.*s\" and then nothing", text, (int)have, window);
        if (have == sizeof window - 1) {
            memmove(window, window + have - n, n);
            have = n;
        }
        window[have++] = (char)p->plain[p->plain_from++];
        p->plain_n--;
    }
}
