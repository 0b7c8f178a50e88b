// SPDX-License-Identifier: Apache-2.0
//
// Of which tenant somebody is who says hello (common/tenant.h), and what they are called there.
//
//     subprotocol        token's issuer        is
//     plenum.tenant.T    of T                  T's user
//     -                  of T                  T's user
//     plenum.tenant.T    of nobody's           T's user, if T has no issuer of its own; else refused
//     plenum.tenant.T    of another tenant     refused
//     plenum.tenant.T    - (a guest)           T's guest, if T lets guests in; else refused
//     -                  of nobody's, or -     nobody's, as on a server without tenants
//
// A user's id is put behind the tenant's prefix, so that it is not that of somebody else; who is nobody's and whose id begins with
// a tenant's prefix is refused, as it would be that tenant's. So a session's tenant is always the one that its user's name
// says, and a resume token needs nothing beside the name.
#include "core/edge/edge.h"

#include "core/edge/resume.h"

static bool refuse(struct problem *p, const char *text, str word)
{
    *p = (struct problem){.code = PROBLEM_UNAUTHORIZED, .text = text, .word_kind = WORD_QUOTED, .word = word};
    return false;
}

// An issuer's users are its tenant's, and a tenant with an issuer has no others.
static bool issuer_fits(const struct edge *e, uint8_t tenant, str issuer)
{
    const struct settings *s = e->cx->settings;
    uint8_t own = tenant_of_issuer(s->tenants, s->tenants_n, issuer);
    return own == tenant ||
           (own == TENANT_NONE && (tenant == TENANT_NONE || tenant_at(e->cx, tenant)->issuer.n == 0));
}

static bool put_name(const struct edge *e, str user, struct tenanted *t, struct problem *ret_why)
{
    str prefix = t->tenant != TENANT_NONE ? tenant_at(e->cx, t->tenant)->prefix : STR_NONE;
    t->user = user;
    if (t->tenant == TENANT_NONE)
        return tenant_by_name(e->cx, user) == TENANT_NONE ||
               refuse(ret_why, "The user {} would be one of a tenant that the token is not of.", user);
    if (prefix.n + user.n > sizeof t->room)
        return refuse(ret_why, "The user {} is too long behind the prefix of its tenant.", user);
    memcpy(t->room, prefix.p, prefix.n);
    if (user.n != 0) // a token that was refused says nobody
        memcpy(t->room + prefix.n, user.p, user.n);
    t->user = str_make(t->room, prefix.n + user.n);
    ASSERT(tenant_by_name(e->cx, t->user) == t->tenant);
    return true;
}

bool edge_tenant(const struct edge *e, uint32_t index, const str *issuer, str user, struct tenanted *ret,
                 struct problem *ret_why)
{
    const struct settings *s = e->cx->settings;
    uint8_t named = asker_at(e, index)->reader.who.tenant_named;
    ret->user = user;
    ret->tenant = named;
    if (s->tenants_n == 0)
        return true;
    if (named == TENANT_NONE && issuer != NULL)
        ret->tenant = tenant_of_issuer(s->tenants, s->tenants_n, *issuer);
    if (issuer != NULL && !issuer_fits(e, ret->tenant, *issuer))
        return refuse(ret_why, "The token's issuer is not that of the tenant {}.",
                      tenant_at(e->cx, ret->tenant)->name);
    return put_name(e, user, ret, ret_why);
}

str edge_called(const struct edge *e, uint32_t index, const struct verdict_mail *v, struct tenanted *room)
{
    struct problem why;
    return edge_tenant(e, index, &v->issuer, v->user, room, &why) ? room->user : v->user;
}

bool edge_same_user(const struct edge *e, uint32_t index, const struct verdict_mail *v)
{
    struct tenanted room;
    return str_eq(edge_called(e, index, v, &room), session_user(&asker_at(e, index)->reader.who.session));
}

bool edge_tenant_issues(const struct edge *e, uint32_t index, str issuer)
{
    return issuer_fits(e, asker_at(e, index)->reader.who.tenant, issuer);
}

bool edge_tenant_goes_on(const struct edge *e, uint32_t index, const struct identity *who, uint8_t *ret)
{
    uint8_t named = asker_at(e, index)->reader.who.tenant_named;
    *ret = tenant_by_name(e->cx, who->user);
    return (named == TENANT_NONE || named == *ret) &&
           (!who->granted || issuer_fits(e, *ret, who->grant.issuer));
}

bool edge_takes_guests(const struct edge *e, const struct asker *c)
{
    uint8_t named = c->reader.who.tenant_named;
    return named != TENANT_NONE ? tenant_at(e->cx, named)->guests : !e->cx->settings->no_guests;
}

bool edge_tenant_take(struct edge *e, uint8_t tenant)
{
    if (tenant == TENANT_NONE)
        return true;
    struct tenant_metrics *m = &e->cx->metrics->tenants[tenant - 1];
    bool taken =
        tenant_take(&tenant_budget(e->cx, tenant)->connections, tenant_at(e->cx, tenant)->connections_max);
    metric_add(taken ? &m->connections : &m->limit_connections, 1);
    return taken;
}

void edge_tenant_give_back(struct edge *e, uint8_t tenant)
{
    if (tenant == TENANT_NONE)
        return;
    metric_sub(&e->cx->metrics->tenants[tenant - 1].connections, 1);
    tenant_give_back(&tenant_budget(e->cx, tenant)->connections);
}

// Who is told so has done nothing wrong: others of its tenant may have said as much as all of them may. So nobody is closed for it.
enum gate_did gate_tenant_rate(struct edge *e, struct asker *c, uint32_t index, const struct command *cmd)
{
    uint8_t tenant = c->reader.who.tenant;
    if (tenant == TENANT_NONE || !command_says(cmd) || !session_there(&c->reader.who.session))
        return GATE_PASSED;
    struct problem p = {.code = PROBLEM_RATE_LIMITED,
                        .text = "The users of your tenant say more than it may; wait a moment."};
    p.retry_ms = tenant_say(tenant_budget(e->cx, tenant), &tenant_at(e->cx, tenant)->messages,
                            command_said_tokens(cmd), e->cx->now_ms);
    if (p.retry_ms == 0)
        return GATE_PASSED;
    if (!gate_may_refuse(e, c))
        return GATE_LATER;
    metric_add(&e->cx->metrics->tenants[tenant - 1].limit_rate, 1);
    fan_put_problem(e->fan, index, cmd->id, &p);
    return GATE_REFUSED;
}
