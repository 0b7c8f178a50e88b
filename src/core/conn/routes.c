// SPDX-License-Identifier: Apache-2.0
//
// The table of routes: core's own, those of modules (settings.routes), and the files of the web pages, which are a table of
// their own (common/asset.h) and all answered alike.
#include "core/conn/conn_http.h"

static const struct http_route own[] = {
    {.path = "/healthz", .methods = METHOD_GET, .answer = page_healthz},
    {.path = "/readyz", .methods = METHOD_GET, .answer = page_readyz},
    {.path = "/metrics", .methods = METHOD_GET, .answer = page_metrics},
};

static const struct http_route asset_route = {.path = "*", .methods = METHOD_GET, .answer = page_asset};

static const struct http_route *find(const struct http_route *rows, size_t n, str path)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(path, str_from_cstr(rows[i].path)))
            return &rows[i];
    return NULL;
}

const struct http_route *http_route_find(const struct conns *cs, str path)
{
    const struct settings *s = cs->cx->settings;
    const struct http_route *r = find(own, sizeof own / sizeof own[0], path);
    if (r == NULL)
        r = find(s->routes, s->routes_n, path);
    for (size_t i = 0; r == NULL && i < s->assets_n; i++)
        if (str_eq(path, str_from_cstr(s->assets[i].path)))
            r = &asset_route;
    ASSERT(r == NULL || (r->answer != NULL) != (r->call != NULL));
    ASSERT(r == NULL || (r->body_max != 0) == (r->media != NULL));
    return r;
}
