// SPDX-License-Identifier: Apache-2.0
//
// The life of a connection: accepted, ended in good order or cut, given back. What it says in between is in
// conn_in.c (bytes to messages), edge.c (messages to effects) and conn_out.c.
#include "core/shard_state.h"

// IPv4 addresses with a port are at most 21 characters out of twelve: two go into a byte, 0 ends them.
static const char peer_alphabet[17] = "\0"
                                      "0123456789.:";

static bool peer_pack(const char *text, uint8_t ret[12])
{
    size_t n = strlen(text);
    if (n >= 24)
        return false;
    memset(ret, 0, 12);
    for (size_t i = 0; i < n; i++) {
        const char *at = memchr(peer_alphabet + 1, text[i], 12);
        if (at == NULL)
            return false;
        ret[i / 2] |= (uint8_t)((at - peer_alphabet) << (i % 2 * 4));
    }
    return true;
}

str conn_peer(const struct conn *c, struct peer *room)
{
    if (c->peer_is_long)
        return str_from_cstr(c->peer_long);
    size_t n = 0;
    for (uint8_t code; n < 24 && (code = c->peer_packed[n / 2] >> (n % 2 * 4) & 15) != 0; n++)
        room->text[n] = peer_alphabet[code];
    return str_make(room->text, n);
}

str session_user(const struct session *s) { return (str){s->text, s->user_n}; }

str session_name(const struct session *s)
{
    return s->name_n == 0 ? session_user(s) : (str){s->text + s->user_n, s->name_n};
}

static enum err conn_peer_set(struct shard *sh, struct conn *c, const struct peer *peer)
{
    size_t n = strlen(peer->text);
    if (peer_pack(peer->text, c->peer_packed))
        return OK;
    char *text = mem_alloc(sh->mem, n + 1);
    if (text == NULL)
        return ERR_NOMEM;
    memcpy(text, peer->text, n + 1);
    c->peer_long = text;
    c->peer_is_long = true;
    return OK;
}

static void conn_gone(struct shard *sh, uint32_t index, bool cut);

// Memory is out. Who has been let in like this before makes room.
static void conn_make_guest(struct shard *sh, uint32_t index)
{
    struct ref away, cut;
    reserve_guest(&sh->reserve, (struct ref){index, slab_gen(&sh->conns, index)}, &away, &cut);
    conn_at(sh, index)->guest = true;
    if (slab_get(&sh->conns, away.index, away.gen) != NULL)
        conn_starve(sh, away.index, "a connection");
    const struct conn *c = slab_get(&sh->conns, cut.index, cut.gen);
    if (c != NULL && c->ending != ENDING_OPEN && c->out.head == NULL) // it has been told why
        conn_gone(sh, cut.index, false);
    deadline_arm(&sh->deadlines, index, sh->now_ms, RESERVE_GUEST_MS);
}

static void conn_begin(struct shard *sh, uint32_t index, enum transport transport)
{
    struct conn *c = conn_at(sh, index);
    gate_open(sh, c);
    c->heard_tick = tick_at(sh->now_ms);
    metric_add(&sh->metrics->connections, 1);
    metric_add(&sh->metrics->connections_accepted, 1);
    shard_notice(sh, NOTICE_CONNECTION_OPENED, index, 0, transport == TRANSPORT_LINE ? "text" : "http",
                 STR_NONE);
    if (transport == TRANSPORT_LINE) {
        c->phase = PHASE_LINE;
        c->dialect = DIALECT_TEXT_LINE;
        line_decoder_init(&c->line, sh->settings->message_bytes);
        deadline_arm(&sh->deadlines, index, sh->now_ms, LINE_LISTEN_MS);
    } else {
        c->phase = PHASE_HTTP;
        http_scanner_init(&c->http);
        deadline_arm(&sh->deadlines, index, sh->now_ms, sh->settings->handshake_ms);
    }
}

enum err shard_on_accept(struct shard *sh, enum transport transport, const struct peer *peer,
                         uint32_t *ret_conn)
{
    if (sh->draining)
        return ERR_DENIED;
    uint32_t index = slab_alloc(&sh->conns);
    if (index == SLAB_NONE)
        return sh->conns.count < sh->settings->connections_max ? ERR_NOMEM : ERR_LIMIT;
    struct conn *c = conn_at(sh, index);
    bool named = conn_peer_set(sh, c, peer) == OK;
    bool guest = !slab_kept(&sh->conns) || !named || peer->uncounted;
    if (guest && transport == TRANSPORT_LINE) {
        conn_release(sh, c);
        slab_free(&sh->conns, index);
        return ERR_NOMEM;
    }
    c->address = peer->print;
    conn_begin(sh, index, transport);
    if (guest)
        conn_make_guest(sh, index);
    *ret_conn = index;
    return OK;
}

void conn_release(struct shard *sh, struct conn *c)
{
    struct input *in = c->in;
    if (in != NULL) {
        mem_free(sh->mem, in->raw, in->raw_cap);
        mem_free(sh->mem, in->msg, in->msg_cap);
        mem_free(sh->mem, in, sizeof *in);
    }
    outq_deinit(&c->out, sh->mem);
    if (c->skips != NULL)
        mem_free(sh->mem, c->skips, sizeof *c->skips + c->skips->cap * sizeof(struct skip));
    if (c->switching != NULL)
        mem_free(sh->mem, c->switching, sizeof *c->switching + c->switching->payload_n);
    if (c->session != NULL)
        mem_free(sh->mem, c->session, sizeof *c->session + c->session->user_n + c->session->name_n);
    if (c->member_cap != 0)
        mem_free(sh->mem, c->many, c->member_cap * sizeof *c->many);
    if (c->peer_is_long)
        mem_free(sh->mem, c->peer_long, strlen(c->peer_long) + 1);
}

_Static_assert(CLOSE_REASONS <= 32, "a reason fits into conn.closed_reason");

const char *close_reason_name(enum close_reason why)
{
    static const char *const names[CLOSE_REASONS] = {
#define X(upper, lower) #lower,
        CLOSE_REASONS_TABLE(X)
#undef X
    };
    ASSERT((unsigned)why < CLOSE_REASONS);
    return names[why];
}

// Gives up what only an open connection has. Idempotent.
static void conn_leave_open(struct shard *sh, uint32_t index, enum close_reason why)
{
    struct conn *c = conn_at(sh, index);
    if (c->ending != ENDING_OPEN)
        return;
    c->closed_reason = why & 31;
    metric_add(&sh->metrics->closed[why], 1);
    shard_notice(sh, NOTICE_CONNECTION_CLOSED, index, c->close_code, close_reason_name(why), STR_NONE);
    edge_depart(sh, index);
    c->ending = ENDING_FLUSH;
    c->parked = WAIT_NOTHING;
}

static void conn_gone(struct shard *sh, uint32_t index, bool cut)
{
    struct conn *c = conn_at(sh, index);
    if (c->ending == ENDING_GONE)
        return;
    c->ending = ENDING_GONE;
    c->cut = cut;
    if (c->blocked) {
        c->blocked = false;
        metric_sub(&sh->metrics->blocked, 1);
    }
    deadline_disarm(&sh->deadlines, index);
    index_list_push(&sh->closed, index);
}

void conn_end(struct shard *sh, uint32_t index, enum close_reason why)
{
    struct conn *c = conn_at(sh, index);
    if (c->ending != ENDING_OPEN)
        return;
    bool waited = c->parked;
    conn_leave_open(sh, index, why);
    uint32_t close_ms = sh->settings->close_ms;
    if (c->guest && close_ms > RESERVE_GUEST_MS)
        close_ms = RESERVE_GUEST_MS;
    deadline_arm(&sh->deadlines, index, sh->now_ms, close_ms);
    if (c->out.head != NULL)
        conn_mark_dirty(sh, index);
    if (waited) // the peer's close frame may be among what waited
        conn_feed(sh, index, NULL, 0);
    conn_end_step(sh, index);
}

void conn_abort(struct shard *sh, uint32_t index, enum close_reason why)
{
    conn_leave_open(sh, index, why);
    conn_gone(sh, index, true);
}

// Reading must go on while we wait for the peer's last bytes.
static void conn_read_on(struct shard *sh, uint32_t index)
{
    struct conn *c = conn_at(sh, index);
    if (!c->stopped || c->reread_queued)
        return;
    c->reread_queued = true;
    index_list_push(&sh->reread, index);
}

// Who broke the protocol is not waited for: an endpoint that fails the connection must not go on looking for a close
// frame in what comes (RFC 6455 section 7.1.7).
static bool conn_failed(const struct conn *c)
{
    return c->closed_reason == CLOSE_PROTOCOL || c->closed_reason == CLOSE_TOO_LARGE;
}

void conn_end_step(struct shard *sh, uint32_t index)
{
    struct conn *c = conn_at(sh, index);
    if (c->ending == ENDING_FLUSH && c->out.head == NULL) {
        bool await = c->ws_close_sent && !c->ws_close_seen && !c->eof && !conn_failed(c);
        c->ending = await ? ENDING_AWAIT : ENDING_SHUT;
        if (!await)
            index_list_push(&sh->shutdown, index);
        conn_read_on(sh, index);
    }
    if (c->ending == ENDING_AWAIT && (c->ws_close_seen || c->eof)) {
        c->ending = ENDING_SHUT;
        index_list_push(&sh->shutdown, index);
    }
    if (c->ending == ENDING_SHUT && c->eof && !c->blocked) // else it has taken what it has not sent yet
        conn_gone(sh, index, false);
}

void shard_on_eof(struct shard *sh, uint32_t index)
{
    struct conn *c = conn_at(sh, index);
    if (c->eof || c->ending == ENDING_GONE)
        return;
    c->eof = true;
    if (c->ending != ENDING_OPEN) {
        conn_end_step(sh, index);
        return;
    }
    if (c->pending != 0 && !c->parked)
        conn_park(sh, index);
    if (c->parked)
        return; // what it said before is still carried out and answered (conn_unpark)
    conn_eof(sh, index);
}

void conn_eof(struct shard *sh, uint32_t index)
{
    struct conn *c = conn_at(sh, index);
    if (c->phase == PHASE_LINE) // a moment later, so that `echo hi | nc -N` still sees its own line
        deadline_arm(&sh->deadlines, index, sh->now_ms, 1);
    else
        conn_end(sh, index, c->phase == PHASE_HTTP ? CLOSE_NORMAL : CLOSE_BROKEN);
}

void shard_on_broken(struct shard *sh, uint32_t index) { conn_abort(sh, index, CLOSE_BROKEN); }

void conn_on_deadline(struct shard *sh, uint32_t index)
{
    struct conn *c = conn_at(sh, index);
    if (c->ending != ENDING_OPEN) {
        // It had its time to read our last words. Where they are all in the socket a reset would only take them back.
        conn_gone(sh, index, c->out.head != NULL);
        return;
    }
    switch ((enum conn_phase)c->phase) {
    case PHASE_HTTP:
        if (c->guest) {
            conn_starve(sh, index, "a connection");
            break;
        }
        if (c->in != NULL || c->out.head != NULL || c->in_body) {
            buf_reset(&sh->http, SEGMENT_BYTES_MAX);
            http_put_error(&sh->http, 408, STR("The request did not arrive in time."), true,
                           sh->wall_ms / 1000);
            conn_put_buf(sh, index, &sh->http);
        }
        if (c->ending == ENDING_OPEN)
            conn_end(sh, index, CLOSE_HANDSHAKE);
        break;
    case PHASE_WS:
    case PHASE_ECHO:
    case PHASE_LINE:
        heartbeat_on_deadline(sh, index);
        break;
    }
}

bool shard_pull_closed(struct shard *sh, uint32_t *ret_conn, bool *ret_abortive)
{
    if (sh->closed.n == 0)
        return false;
    uint32_t index = sh->closed.v[--sh->closed.n];
    struct conn *c = conn_at(sh, index);
    ASSERT(c->ending == ENDING_GONE && sh->plan_conn != index);
    *ret_conn = index;
    *ret_abortive = c->cut && !c->eof && c->closed_reason != CLOSE_NORMAL;
    struct index_list *lists[] = {&sh->reread, &sh->shutdown, &sh->unpark, &sh->mail_waiters};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        for (uint32_t k = lists[i]->n; k-- > 0;)
            if (lists[i]->v[k] == index)
                lists[i]->v[k] = lists[i]->v[--lists[i]->n];
    conn_release(sh, c);
    slab_free(&sh->conns, index);
    metric_sub(&sh->metrics->connections, 1);
    return true;
}

bool shard_pull_shutdown(struct shard *sh, uint32_t *ret_conn)
{
    if (sh->shutdown.n == 0)
        return false;
    *ret_conn = sh->shutdown.v[--sh->shutdown.n];
    return true;
}

bool shard_pull_reread(struct shard *sh, uint32_t *ret_conn)
{
    if (sh->reread.n == 0)
        return false;
    *ret_conn = sh->reread.v[--sh->reread.n];
    struct conn *c = conn_at(sh, *ret_conn);
    c->reread_queued = false;
    c->stopped = false;
    return true;
}
