// SPDX-License-Identifier: Apache-2.0
//
// Requests that a proxy passes on (wire/forwarded.h). Many people's come by one of its connections, one behind the other, so what is known
// of the connection - its address in the log, in the audit and in lists, what limits of addresses count, whether its pages are https -
// is set with each request, and is the proxy's own again where one says nothing. With an upgrade the connection is one person's, and stays it.
//
// Nobody who comes by a proxy is on this machine (struct peer, local), whatever the request says: who wrote that is not known.
#include "core/conn/conn_http.h"

void http_speaks_for(struct conns *cs, uint32_t index, struct http_coming *in)
{
    const struct settings *s = cs->cx->settings;
    struct conn *c = conn_at(cs, index);
    const struct peer *proxy = who_proxy(&c->asker.reader.who);
    char text[IP_PORT_TEXT_MAX];
    if (proxy == NULL)
        return;
    ASSERT(!c->local);
    in->forwarded = forwarded_find(in->rq, s->forwarded, s->proxies, s->proxies_n);
    c->asker.address = proxy->print;
    c->secure = in->forwarded.scheme == FORWARDED_SCHEME_UNSAID ? proxy->secure
                                                                : in->forwarded.scheme == FORWARDED_HTTPS;
    who_said(&c->asker.reader.who, NULL);
    if (!in->forwarded.named)
        return;
    const struct ip counted = ip_counted(&in->forwarded.client.ip);
    c->asker.address = ip_print(&s->hash_key, counted.bytes);
    ASSERT(c->asker.address != 0);
    ip_port_format(&in->forwarded.client, text);
    _Static_assert(sizeof proxy->text >= sizeof text, "a peer's text holds an address");
    who_said(&c->asker.reader.who, text);
}
