// SPDX-License-Identifier: Apache-2.0
//
// `batch` and `broadcast`: one request, many asks. Elements are taken off the list one by one, asked for while there is room for
// more asks (HTTP_ASKS_MAX of a connection), and their answers put where their numbers say; so neither side holds more
// than that of what is under way, however long the list is.
//
//      list    [e0][e1][e2]|[e3]...      rest: not asked for yet
//      asks            e1  e2            under way
//      slots   [r0][  ][  ][  ]          answers, in the order of the list: pieces of `results`
//
// A batch is carried out in order, unless `parallel`: an element is asked for when all before it are answered, or may be: what is
// asked of the same home is carried out in the order in which it is asked, so a run of messages to rooms of one home needs no
// waiting. One that fails holds up nobody.
#include "core/api/api_private.h"

#include "base/codec.h"
#include "wire/json.h"

enum { RESULTS_MAX = 8 * 1024 * 1024 }; // bytes of all answers

struct slot {
    uint32_t at, n; // in `results`; n 0: not answered yet
    bool asked;     // for something that changes
    bool
        open; // its answer does not stand: whoever asks again by the same idempotency key is to have another one
};

struct many {
    struct command
        cmd; // broadcast: what is said in each room; its strings lie in `text` or in the call's body
    struct scratch text;   // what of the body had escapes
    const char *list_name; // of the answer
    str rest;              // of the list
    uint32_t next, total;  // elements
    uint32_t run_dest;     // whom the last ones were asked,
    bool run_lasts;        // and whether they may be kept there
    bool parallel;
    bool paid; // the next one
    struct buf results;
    struct slot slots[];
};

static size_t many_bytes(uint32_t total) { return sizeof(struct many) + total * sizeof(struct slot); }

void api_many_drop(struct conns *cs, void **own)
{
    struct many *m = *own;
    buf_deinit(&m->results);
    mem_free(cs->cx->mem, m->text.p, m->text.cap);
    mem_free(cs->cx->mem, m, many_bytes(m->total));
    *own = NULL;
}

static enum http_did no_memory(struct conns *cs, uint32_t conn)
{
    http_no_memory(cs, conn);
    return HTTP_ANSWERED;
}

// --- answers

static void slot_put(struct many *m, uint32_t number, const struct api_reply *r, const struct problem *p)
{
    static const struct problem full = {
        .code = PROBLEM_LIMIT_REACHED,
        .text =
            "The answers before it were so long that there is no room for this one; ask in smaller batches."};
    ASSERT(number < m->total && m->slots[number].n == 0);
    size_t at = m->results.n;
    bool fits = r == NULL || at + r->rest.n <= RESULTS_MAX;
    if (r != NULL && fits)
        api_put_reply(&m->results, r);
    else
        api_put_problem(&m->results, p != NULL ? p : &full);
    m->slots[number].at = (uint32_t)at;
    m->slots[number].n = (uint32_t)(m->results.n - at);
    m->slots[number].open = !api_decided(r != NULL ? r->status : problem_status(p->code));
}

static void put_body(const struct many *m, struct buf *out)
{
    BUF_PUT_LIT(out, "{\"");
    buf_put_str(out, str_from_cstr(m->list_name));
    BUF_PUT_LIT(out, "\":[");
    for (uint32_t i = 0; i < m->total; i++) {
        if (i != 0)
            buf_put_char(out, ',');
        buf_put(out, m->results.p + m->slots[i].at, m->slots[i].n);
    }
    BUF_PUT_LIT(out, "]}");
}

// --- by an idempotency key

// Of a part: number, length and words of each answer that stands.
struct kept_reply {
    uint32_t number, n;
};

static void put_kept(const struct many *m, struct buf *text)
{
    static const struct problem lost = {
        .code = PROBLEM_ANSWER_GONE,
        .text = "It was carried out, but its answer is not known any more; look at what it did."};
    struct buf gone;
    buf_init(&gone, text->mem, 0);
    api_put_problem(&gone, &lost);
    for (uint32_t i = 0; i < m->total; i++) {
        const struct slot *s = &m->slots[i];
        str words = s->n != 0 ? str_make(m->results.p + s->at, s->n) : buf_str(&gone);
        if (s->n != 0 ? s->open : !s->asked)
            continue; // the next one may have it carried out
        const struct kept_reply k = {i, (uint32_t)words.n};
        buf_put(text, &k, sizeof k);
        buf_put_str(text, words);
    }
    text->failed = text->failed || !buf_ok(&gone);
    buf_deinit(&gone);
}

static bool all_stand(const struct many *m)
{
    for (uint32_t i = 0; i < m->total; i++)
        if (m->slots[i].n == 0 || m->slots[i].open)
            return false;
    return true;
}

static bool any_asked(const struct many *m)
{
    bool any = false;
    for (uint32_t i = 0; i < m->total && !any; i++)
        any = m->slots[i].asked;
    return any;
}

void api_many_settle(void *own, struct buf *text, struct settle_mail *ret)
{
    const struct many *m = own;
    bool whole = all_stand(m);
    *ret = (struct settle_mail){.how = any_asked(m) ? SETTLED_LOST : SETTLED_VOID};
    if (ret->how == SETTLED_VOID && !whole)
        return; // what there was before is as it was
    if (!buf_ok(&m->results))
        return;
    if (whole)
        put_body(m, text);
    else
        put_kept(m, text);
    if (!buf_ok(text))
        return;
    ret->how = whole ? SETTLED_DONE : text->n != 0 ? SETTLED_PART : SETTLED_VOID;
    ret->status = whole ? 200 : 0;
    ret->body = buf_str(text);
}

void api_many_keep(void *own, const struct answer *a)
{
    struct many *m = own;
    if (a->payload.n == 0 || a->effect == EFFECT_HISTORY)
        return; // what only reads is read anew
    const struct api_reply r = api_reply_of(a->payload);
    slot_put(m, r.id, &r, NULL);
}

// What was decided of it when it was asked for before.
static void take_kept(struct many *m, str text)
{
    while (text.n != 0) {
        struct kept_reply k;
        ASSERT(text.n >= sizeof k);
        memcpy(&k, text.p, sizeof k);
        text = str_skip(text, sizeof k);
        ASSERT(k.number < m->total && k.n != 0 && k.n <= text.n && m->slots[k.number].n == 0);
        m->slots[k.number] = (struct slot){.at = (uint32_t)m->results.n, .n = k.n};
        buf_put_str(&m->results, str_take(text, k.n));
        text = str_skip(text, k.n);
    }
}

static void settle(struct conns *cs, struct http_call *call)
{
    struct settle_mail s;
    struct buf text;
    buf_init(&text, cs->cx->mem, 0);
    api_many_settle(call->own, &text, &s);
    http_settle(cs, call, &s);
    buf_deinit(&text);
}

static enum http_did reply(struct conns *cs, uint32_t conn, struct http_call *call)
{
    struct many *m = call->own;
    struct http_response rs = {.status = 200};
    struct buf out;
    buf_init(&out, cs->cx->mem, 0);
    put_body(m, &out);
    if (call->claim != 0)
        settle(cs, call);
    if (buf_ok(&out) && buf_ok(&m->results))
        api_reply_body(cs, conn, call, &rs, buf_str(&out));
    else
        http_no_memory(cs, conn);
    buf_deinit(&out);
    return HTTP_ANSWERED;
}

// --- elements

// The next one as a command of its own.
static bool element(struct conns *cs, uint32_t conn, struct http_call *call, const struct many *m, str text,
                    struct command *ret, struct problem *ret_problem)
{
    if (!api_still_in(cs, conn, call)) {
        *ret_problem = (struct problem){.code = PROBLEM_UNAUTHORIZED,
                                        .text = "What the key may has changed since the request was sent."};
        return false;
    }
    if (m->cmd.type == CMD_BATCH) {
        if (api_decode(CMD_NONE, text, &cs->unescape, ret, ret_problem) != OK)
            return false;
        if (ret->type == CMD_BROADCAST) {
            *ret_problem = (struct problem){
                .code = PROBLEM_BAD_COMMAND,
                .text = "A batch takes no `broadcast`; send it by itself, or a `publish` for each room."};
            return false;
        }
    } else {
        *ret = m->cmd;
        cs->unescape.n = 0;
        enum err e = json_string_decode(text, cs->unescape.p, ROOM_NAME_MAX, &ret->room);
        ASSERT(e == OK); // the decoder has looked at all of them
    }
    struct api_key by_token;
    return api_key_allows(api_key_of(cs, call, &by_token), ret, ret_problem);
}

// True while what comes next may overtake nothing that is to be done before it.
static bool in_order(const struct conns *cs, uint32_t conn, const struct many *m, const struct ask *a,
                     uint32_t dest)
{
    if (m->parallel || conn_at(cs, conn)->asker.pending == 0)
        return true;
    return dest == m->run_dest && !m->run_lasts && !a->lasting && !cs->cx->settings->engine;
}

// Asks for the next one. HTTP_ANSWERED: it was answered here, or the connection ends.
static enum http_did ask_next(struct conns *cs, uint32_t conn, struct http_call *call, str text)
{
    struct many *m = call->own;
    struct command cmd;
    struct problem problem;
    struct ask a;
    uint32_t dest;
    char room[API_ASK_TEXT];
    if (!conn_scratch(cs, text.n))
        return no_memory(cs, conn);
    bool fits = element(cs, conn, call, m, text, &cmd, &problem);
    enum api_paid pays = fits ? api_pay(cs, conn, call, &m->paid, &problem) : API_PAYS_NOT;
    if (pays == API_PAYS_LATER)
        return HTTP_LATER;
    if (pays == API_PAYS_NOT || !api_ask_make(cs, conn, call, &cmd, m->next, room, &a, &dest, &problem)) {
        metric_add(&cs->cx->metrics->errors[problem.code], 1);
        slot_put(m, m->next, NULL, &problem);
        return HTTP_ANSWERED;
    }
    if (!in_order(cs, conn, m, &a, dest))
        return HTTP_LATER;
    enum http_did did = api_ask(cs, conn, call, dest, &a);
    if (did == HTTP_ASKED) {
        metric_add(&cs->cx->metrics->commands[cmd.type], m->cmd.type == CMD_BATCH);
        m->slots[m->next].asked = api_once_of(&cmd) != API_READS;
        m->run_dest = dest;
        m->run_lasts = a.lasting;
    }
    return did;
}

enum http_did api_many_go_on(struct conns *cs, uint32_t conn, struct http_call *call)
{
    struct many *m = call->own;
    const struct conn *c = conn_at(cs, conn);
    while (m->next < m->total && c->asker.pending < HTTP_ASKS_MAX) {
        str before = m->rest, text;
        bool there = json_array_next(&m->rest, &text);
        ASSERT(there);
        if (m->slots[m->next].n != 0) { // as it was decided before
            m->next++;
            continue;
        }
        enum http_did did = ask_next(cs, conn, call, text);
        if (!conn_live(c))
            return HTTP_ANSWERED;
        if (did == HTTP_LATER) {
            m->rest = before;
            bool turn = c->asker.pending != 0; // its turn comes with an answer; else with a credit
            return turn && !c->asker.mail_queued ? HTTP_ASKED : HTTP_LATER;
        }
        m->next++;
        m->paid = false;
    }
    call->keeps_body = m->next < m->total;
    return c->asker.pending != 0 ? HTTP_ASKED : reply(cs, conn, call);
}

enum http_did api_many_answered(struct conns *cs, uint32_t conn, struct http_call *call,
                                const struct answer *a)
{
    struct many *m = call->own;
    str payload = a->payload;
    if (a->effect == EFFECT_HISTORY && a->seg_count != 0) {
        buf_reset(&cs->body, WORKING_BYTES_MAX);
        fan_page_text(cs->fan, a, &cs->body);
        if (!buf_ok(&cs->body))
            return no_memory(cs, conn);
        payload = buf_str(&cs->body);
    }
    if (payload.n == 0)
        return no_memory(cs, conn);
    const struct api_reply r = api_reply_of(payload);
    slot_put(m, r.id, &r, NULL);
    if (m->next < m->total || conn_at(cs, conn)->asker.pending == 0)
        return api_many_go_on(cs, conn, call);
    return HTTP_ASKED;
}

// --- the beginning

static uint32_t count_of(str list)
{
    str rest = list, one;
    uint32_t n = 0;
    while (json_array_next(&rest, &one))
        n++;
    return n;
}

// What was unescaped goes along: the working memory that it lies in is used for each element.
static bool keep_text(struct conns *cs, struct many *m)
{
    const struct scratch *from = &cs->unescape;
    str *const all[] = {
#define X(field) &m->cmd.field,
        COMMAND_STRS(X)
#undef X
    };
    if (from->n == 0)
        return true;
    m->text = (struct scratch){.p = mem_alloc(cs->cx->mem, from->n), .cap = from->n, .n = from->n};
    if (m->text.p == NULL) {
        m->text.cap = 0;
        return false;
    }
    memcpy(m->text.p, from->p, from->n);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (all[i]->p >= from->p && all[i]->p < from->p + from->n)
            all[i]->p = m->text.p + (all[i]->p - from->p);
    return true;
}

// None of them is carried out.
static enum http_did too_many(struct conns *cs, uint32_t conn, struct http_call *call, uint32_t max)
{
    char digits[20];
    const struct problem p = {
        .code = PROBLEM_TOO_LARGE,
        .text = "A batch may have {} commands (`api.batch_max`); send the rest in another one.",
        .word_kind = WORD_PLAIN,
        .word = str_make(digits, u64_encode(max, digits))};
    metric_add(&cs->cx->metrics->errors[p.code], 1);
    api_reply_problem(cs, conn, call, &p);
    return HTTP_ANSWERED;
}

enum http_did api_many(struct conns *cs, uint32_t conn, struct http_call *call, const struct command *cmd)
{
    uint32_t total = count_of(cmd->list);
    const uint32_t batch_max = cs->cx->settings->api_batch_max;
    if (cmd->type == CMD_BATCH && batch_max != 0 && total > batch_max)
        return too_many(cs, conn, call, batch_max);
    ASSERT(total != 0 && total <= API_BATCH_MAX && total <= BROADCAST_ROOMS_MAX);
    struct many *m = mem_zalloc(cs->cx->mem, many_bytes(total));
    if (m == NULL)
        return no_memory(cs, conn);
    m->cmd = *cmd;
    m->rest = cmd->list;
    m->total = total;
    m->parallel = cmd->parallel || cmd->type == CMD_BROADCAST;
    m->paid = call->claim != 0; // the first one, with the claim
    m->list_name = cmd->type == CMD_BATCH ? "replies" : "results";
    buf_init(&m->results, cs->cx->mem, 0);
    call->own = m;
    call->keeps_body = true;
    if (call->claimed != NULL)
        take_kept(m, call->claimed->payload);
    if (!buf_ok(&m->results) || !keep_text(cs, m))
        return no_memory(cs, conn);
    return api_many_go_on(cs, conn, call);
}
