// SPDX-License-Identifier: Apache-2.0
#include "core/common/audit.h"

#include "core/common/who.h"

enum audit_cause { ANYBODY, RIGHT };

static const struct {
    const char *name;
    enum audit_kind kind;
    enum audit_cause cause;
} rows[AUDIT_TYPE_COUNT] = {
#define X(upper, lower, kind, cause) {#lower, AUDIT_OF_##kind, cause},
    AUDIT_EVENTS(X)
#undef X
};

const char *audit_name(enum audit_type type)
{
    ASSERT(type < AUDIT_TYPE_COUNT);
    return rows[type].name;
}

const char *audit_kind_name(enum audit_kind kind)
{
    static const char *const names[AUDIT_KIND_COUNT] = {
#define X(upper, lower) #lower,
        AUDIT_KINDS(X)
#undef X
    };
    ASSERT(kind < AUDIT_KIND_COUNT);
    return names[kind];
}

enum audit_kind audit_kind_of(enum audit_type type)
{
    ASSERT(type < AUDIT_TYPE_COUNT);
    return rows[type].kind;
}

bool audit_by_right(enum audit_type type)
{
    ASSERT(type < AUDIT_TYPE_COUNT);
    return rows[type].cause == RIGHT;
}

void audit_put(const struct context *cx, const struct audit_event *e)
{
    if (audit_wants(cx, audit_kind_of(e->type)))
        cx->host->audit(cx->host->ctx, cx->wall_ms, e);
}

void audit_put_conn(const struct context *cx, uint32_t conn, enum audit_type type, const char *how,
                    str detail)
{
    if (!audit_wants(cx, audit_kind_of(type)))
        return;
    ASSERT(slab_used(cx->conns, conn));
    const struct who *w = who_at(cx, conn);
    struct peer peer;
    struct audit_event e = {
        .type = type, .address = who_peer(w, &peer), .how = str_from_cstr(how), .detail = detail};
    if (session_there(&w->session)) {
        e.user = session_user(&w->session);
        e.name = session_name(&w->session);
        e.session = str_make(w->session.id, SESSION_ID_LEN);
    }
    audit_put(cx, &e);
}
