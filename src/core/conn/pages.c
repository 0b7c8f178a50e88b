// SPDX-License-Identifier: Apache-2.0
//
// What is answered at once: the probes, the metrics, the files of the web pages.
#include "core/conn/conn_http.h"

static void answer_text(struct conns *cs, uint32_t index, const struct http_request *rq, uint16_t status,
                        str body)
{
    struct http_response rs = {
        .status = status, .content_type = STR("text/plain; charset=utf-8"), .cache_control = STR("no-store")};
    http_answer(cs, index, rq, &rs, body, true);
}

void page_healthz(struct conns *cs, uint32_t index, const struct http_request *rq)
{
    answer_text(cs, index, rq, 200, STR("ok\n"));
}

void page_readyz(struct conns *cs, uint32_t index, const struct http_request *rq)
{
    bool unready = cs->cx->unready;
    answer_text(cs, index, rq, unready ? 503 : 200, unready ? STR("draining\n") : STR("ready\n"));
}

// From the shard's reserve, so that it is answered when memory is used up; false where the reserve is lent to another
// answer that somebody takes his time to read.
static bool metrics_reserved(struct conns *cs, uint32_t index, const struct http_request *rq,
                             struct http_response *rs)
{
    struct buf *page = reserve_page(&cs->reserve);
    if (page == NULL || str_eq(rq->method, STR("HEAD")))
        return false;
    cs->cx->host->metrics_page(cs->cx->host->ctx, page);
    size_t body_n = page->n;
    http_keep_alive(cs, index, rq, rs, body_n);
    http_put_head(page,
                  rs); // behind the body, as there may be no memory for it elsewhere, and then in front of it
    char head[1024];
    size_t head_n = page->n - body_n;
    if (!buf_ok(page) || head_n > sizeof head)
        return false;
    memcpy(head, page->p + body_n, head_n);
    memmove(page->p + head_n, page->p, body_n);
    memcpy(page->p, head, head_n);
    reserve_page_put(&cs->reserve, &conn_at(cs, index)->asker.reader.out);
    fan_mark_dirty(cs->fan, index);
    http_answered(cs, index, rs);
    return true;
}

void page_metrics(struct conns *cs, uint32_t index, const struct http_request *rq)
{
    struct http_response rs = {.status = 200,
                               .content_type = STR("text/plain; version=0.0.4; charset=utf-8"),
                               .cache_control = STR("no-store")};
    if (metrics_reserved(cs, index, rq, &rs))
        return;
    buf_reset(&cs->head, WORKING_BYTES_MAX);
    cs->cx->host->metrics_page(cs->cx->host->ctx, &cs->head);
    if (!buf_ok(&cs->head))
        http_error(cs, index, 503, "The server is out of memory.");
    else
        http_answer(cs, index, rq, &rs, buf_str(&cs->head), false);
}

// Who comes to the listener of whoever runs the server without knowing what is there.
void page_to_admin(struct conns *cs, uint32_t index, const struct http_request *rq)
{
    struct http_response rs = {.status = 308,
                               .content_type = STR("text/plain; charset=utf-8"),
                               .cache_control = STR("no-store"),
                               .location = STR("/admin/")};
    ASSERT(conn_at(cs, index)->admin); // to others it would be a way to nowhere
    http_answer(cs, index, rq, &rs, STR("The admin page is at /admin/.\n"), true);
}

static const struct asset *asset_find(const struct settings *s, str path)
{
    for (size_t i = 0; i < s->assets_n; i++)
        if (str_eq(path, str_from_cstr(s->assets[i].path)))
            return &s->assets[i];
    return NULL;
}

void page_asset(struct conns *cs, uint32_t index, const struct http_request *rq)
{
    const struct asset *a = asset_find(cs->cx->settings, rq->path);
    ASSERT(a != NULL); // that is how the route was found
    struct http_response rs = {.status = 200,
                               .page_policy = true,
                               .content_type = str_from_cstr(a->content_type),
                               .etag = str_from_cstr(a->etag),
                               .cache_control = STR("no-cache")};
    str tag;
    if (http_field_find(rq, STR("If-None-Match"), &tag) && http_etag_matches(tag, rs.etag))
        rs.status = 304;
    if (a->shared)
        http_share(cs, index, rq, &rs);
    http_answer(cs, index, rq, &rs, str_make((const char *)a->body, a->body_len), true);
}
