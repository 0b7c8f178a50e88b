// SPDX-License-Identifier: Apache-2.0
//
// The table of routes: core's own, those of modules (settings.routes), and the files of the web pages, which are a table of
// their own (common/asset.h) and all answered alike.
#include "core/conn/conn_http.h"

static const struct http_route own[] = {
    {.path = "/healthz", .methods = METHOD_GET, .answer = page_healthz},
    {.path = "/readyz", .methods = METHOD_GET, .answer = page_readyz},
    {.path = "/metrics", .admin = true, .methods = METHOD_GET, .answer = page_metrics},
    {.path = "/", .inside = true, .methods = METHOD_GET, .answer = page_to_admin},
    {.path = "/admin", .inside = true, .methods = METHOD_GET, .answer = page_to_admin},
};

static const struct http_route asset_route = {.path = "*", .methods = METHOD_GET, .answer = page_asset};

static const struct http_route *find(const struct http_route *rows, size_t n, str path)
{
    for (size_t i = 0; i < n; i++) {
        str own_path = str_from_cstr(rows[i].path);
        if (rows[i].prefix ? str_starts(path, own_path) : str_eq(path, own_path))
            return &rows[i];
    }
    return NULL;
}

// What the pages of both listeners are made of.
static bool asset_of_both(str path)
{
    static const str paths[] = {STR("/dom.js"), STR("/favicon.svg"), STR("/tokens.css"), STR("/words.js")};
    bool found = false;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        found |= str_eq(path, paths[i]);
    return found;
}

// On the listener of whoever runs the server there are no pages but the admin's and those about the API; the admin's are there only.
static bool asset_there(const struct conns *cs, uint32_t index, str path)
{
    const struct settings *s = cs->cx->settings;
    bool admin = conn_at(cs, index)->admin, api = str_starts(path, STR("/api/"));
    bool inside = str_starts(path, STR("/admin/"));
    if (admin ? !api && !inside && !asset_of_both(path) : inside || (api && s->admin_only))
        return false;
    for (size_t i = 0; i < s->assets_n; i++)
        if (str_eq(path, str_from_cstr(s->assets[i].path)))
            return true;
    return false;
}

const struct http_route *http_route_find(const struct conns *cs, uint32_t index, str path)
{
    const struct settings *s = cs->cx->settings;
    const struct http_route *r = find(own, sizeof own / sizeof own[0], path);
    if (r == NULL)
        r = find(s->routes, s->routes_n, path);
    bool hidden = r != NULL && (r->inside || (r->admin && s->admin_only));
    if (hidden && !conn_at(cs, index)->admin)
        r = NULL; // of that name there may be a page for everybody
    if (r == NULL && asset_there(cs, index, path))
        r = &asset_route;
    ASSERT(r == NULL || (r->answer != NULL) != (r->call != NULL));
    ASSERT(r == NULL || (r->body_max != 0 || r->body_settings) == (r->media != NULL));
    return r;
}
