// SPDX-License-Identifier: Apache-2.0
//
// Answers of the API. What the caller has sent to find its request again (X-Request-Id, traceparent) goes back where it is what it
// should be; anything else is left out, and never refused: it is for the caller's logs.
#include "core/api/api_private.h"

#include "core/conn/conn_http.h"

// W3C Trace Context, version 00: "00-" 32 hex "-" 16 hex "-" 2 hex, in lower case.
static bool is_traceparent(str s)
{
    static const char form[] = "00-hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh-hhhhhhhhhhhhhhhh-hh";
    bool fits = s.n == sizeof form - 1;
    for (size_t i = 0; fits && i < s.n; i++) {
        bool hex = (s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f');
        fits = form[i] == 'h' ? hex : s.p[i] == form[i];
    }
    return fits;
}

static bool is_request_id(str s)
{
    bool fits = s.n != 0 && s.n <= API_TRACE_MAX;
    for (size_t i = 0; fits && i < s.n; i++)
        fits = s.p[i] > 0x20 && s.p[i] < 0x7f;
    return fits;
}

void api_reply_body(struct conns *cs, uint32_t conn, struct http_call *call, struct http_response *rs,
                    str body)
{
    rs->content_type = STR("application/json");
    if (is_request_id(call->request_id))
        rs->request_id = call->request_id;
    if (is_traceparent(call->traceparent))
        rs->traceparent = call->traceparent;
    http_reply_with(cs, conn, rs, body);
}

static void reply_problem(struct conns *cs, uint32_t conn, struct http_call *call, struct http_response *rs,
                          const struct problem *p)
{
    buf_reset(&cs->head, WORKING_BYTES_MAX);
    api_put_problem(&cs->head, p);
    if (buf_ok(&cs->head))
        api_reply_body(cs, conn, call, rs, buf_str(&cs->head));
    else
        http_no_memory(cs, conn);
}

void api_reply_problem(struct conns *cs, uint32_t conn, struct http_call *call, const struct problem *p)
{
    struct http_response rs = {.status = problem_status(p->code),
                               .retry_after_s = (p->retry_ms + 999) / 1000};
    if (rs.status == 401)
        rs.challenge = STR("Bearer realm=\"plenum\", error=\"invalid_token\"");
    reply_problem(cs, conn, call, &rs, p);
}

void api_reply_refused(struct conns *cs, uint32_t conn, struct http_call *call)
{
    struct http_request rq;
    struct api_verdict v;
    http_call_request(call, &rq);
    api_judge(cs, conn, &rq, &v);
    ASSERT(v.problem.code != PROBLEM_NONE || v.status == 0);
    if (v.status == 0) // a reload in between: what was read of it is given up, so it is to be sent again
        v = (struct api_verdict){.status = 503,
                                 .problem = {.code = PROBLEM_UNAVAILABLE, .text = "Try again."}};
    struct http_response rs = {.status = v.status, .challenge = v.challenge, .allow = v.allow};
    metric_add(&cs->cx->metrics->errors[v.problem.code], 1);
    reply_problem(cs, conn, call, &rs, &v.problem);
}

void api_reply_answer(struct conns *cs, uint32_t conn, struct http_call *call, const struct answer *a)
{
    str payload = a->payload;
    if (a->effect == EFFECT_HISTORY && a->seg_count != 0) {
        buf_reset(&cs->body, WORKING_BYTES_MAX);
        fan_page_text(cs->fan, a, &cs->body);
        payload = buf_str(&cs->body);
    }
    buf_reset(&cs->head, WORKING_BYTES_MAX);
    if (payload.n == 0 || !buf_ok(&cs->body)) {
        http_no_memory(cs, conn);
        return;
    }
    struct api_reply r = api_reply_of(payload);
    api_put_reply(&cs->head, &r);
    struct http_response rs = {.status = r.status};
    if (buf_ok(&cs->head))
        api_reply_body(cs, conn, call, &rs, buf_str(&cs->head));
    else
        http_no_memory(cs, conn);
}

// Of the connection, which ends: the code is the first one that has the status.
void api_put_error(struct buf *out, uint16_t status, str sentence)
{
    enum problem_code code = PROBLEM_BAD_COMMAND;
    for (int i = PROBLEM_COUNT - 1; i > PROBLEM_NONE; i--)
        if (problem_status((enum problem_code)i) == status)
            code = (enum problem_code)i;
    const struct problem p = {.code = code, .text = "{}", .word_kind = WORD_PLAIN, .word = sentence};
    api_put_problem(out, &p);
}
