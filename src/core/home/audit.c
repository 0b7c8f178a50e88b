// SPDX-License-Identifier: Apache-2.0
//
// What follows a record that has taken effect (common/gates.h, TOLD): it is counted, and the audit (common/audit.h) and the log are
// told who has decided or changed what, about whom. It is the record that is told of, not the command: one that was refused has
// none, and with an engine each server that has the room tells of it, by the same epoch and offset.
//
// And what is in no record: who comes into a room and goes, rooms that begin and end.
#include "core/home/home.h"

#include "core/common/who.h"
#include "dialect/parts.h"

// --- records: a row each; what is not in it is nobody's business but the room's

static void of_decree(const struct entry *e, struct audit_event *to, char text[AUDIT_TEXT_MAX])
{
    const struct decree *d = &e->decree;
    (void)text;
    to->target = d->target;
    to->seconds = d->span_ms / 1000;
    to->reason = e->data;
    if (e->type == ENTRY_ROLE || e->type == ENTRY_INVITE || e->type == ENTRY_ADMIT)
        to->how = str_from_cstr(role_name(d->role));
    else if (e->type == ENTRY_READONLY || e->type == ENTRY_LOCK)
        to->how = d->on ? STR("on") : STR("off");
    to->detail = e->invitation.id;
}

static void of_create(const struct entry *e, struct audit_event *to, char text[AUDIT_TEXT_MAX])
{
    (void)text;
    to->target = e->decree.target;
    if (e->decree.target.n != 0)
        to->how = str_from_cstr(role_name(e->decree.role));
    to->detail = e->data;
}

static void of_change(const struct entry *e, struct audit_event *to, char text[AUDIT_TEXT_MAX])
{
    (void)text;
    to->of = e->about;
    to->target = e->change.author;
    if (e->type == ENTRY_DELETE)
        to->reason = e->data;
}

// Which keys, as many as a line has: "topic","pinned". What they are now is not told.
static void of_state(const struct entry *e, struct audit_event *to, char text[AUDIT_TEXT_MAX])
{
    size_t n = 0;
    struct parts p;
    parts_begin(&p, e);
    while (parts_next(&p) && p.part.type == ENTRY_STATE) {
        const str key = p.part.change.key;
        if (n + 1 + key.n > AUDIT_TEXT_MAX)
            break;
        if (n != 0)
            text[n++] = ',';
        memcpy(text + n, key.p, key.n);
        n += key.n;
    }
    to->version = e->change.version;
    to->detail = str_make(text, n);
}

static const struct audited {
    const char *name;
    enum audit_type type;
    // What it says beside who has said it, and where; what has to be put into words goes into the text.
    void (*put)(const struct entry *e, struct audit_event *to, char text[AUDIT_TEXT_MAX]);
} records[] = {
#define X(upper, lower, event) [ENTRY_##upper] = {#lower, AUDIT_##upper, of_decree},
    DECREES(X)
#undef X
        [ENTRY_ADMIT] = {"admit", AUDIT_ADMIT, of_decree},
    [ENTRY_CREATE] = {"create", AUDIT_CREATE, of_create},
    [ENTRY_STATE] = {"state", AUDIT_STATE, of_state},
    [ENTRY_EDIT] = {"edit", AUDIT_EDIT, of_change},
    [ENTRY_DELETE] = {"delete", AUDIT_DELETE, of_change},
};

static const struct audited *audited(enum entry_type type)
{
    const struct audited *row = (size_t)type < sizeof records / sizeof records[0] ? &records[type] : NULL;
    return row != NULL && row->put != NULL ? row : NULL;
}

void gate_audit(struct home *h, uint32_t room, const struct entry *e)
{
    const struct room *r = room_at(h, room);
    const struct audited *row = audited(e->type);
    if (row == NULL || !audit_wants(h->cx, audit_kind_of(row->type)))
        return;
    struct audit_event to = {.type = row->type,
                             .room = room_name(r),
                             .epoch = str_make(r->epoch, EPOCH_LEN),
                             .user = e->user,
                             .name = e->name,
                             .session = e->session,
                             .offset = e->offset};
    char text[AUDIT_TEXT_MAX];
    row->put(e, &to, text);
    audit_put(h->cx, &to);
}

void gate_decreed(struct home *h, uint32_t room, const struct entry *e)
{
    if (!entry_decree(e->type))
        return;
    const struct notice n = {.type = NOTICE_DECREED,
                             .connection = UINT32_MAX,
                             .text = audited(e->type)->name,
                             .user = e->user,
                             .session = e->session,
                             .room = room_name(room_at(h, room)),
                             .subject = e->decree.target};
    metric_add(&h->cx->metrics->decrees, 1);
    h->cx->host->notice(h->cx->host->ctx, &n);
}

// --- people

void audit_member(const struct home *h, uint32_t room, const struct member *m, enum audit_type type,
                  const char *how, str session)
{
    if (!audit_wants(h->cx, AUDIT_OF_MEMBERS))
        return;
    const struct room *r = room_at(h, room);
    const struct audit_event to = {.type = type,
                                   .room = room_name(r),
                                   .epoch = str_make(r->epoch, EPOCH_LEN),
                                   .user = member_user(m),
                                   .name = member_name(m),
                                   .session = session,
                                   .how = str_from_cstr(how)};
    audit_put(h->cx, &to);
}

// --- rooms

void audit_room(const struct home *h, uint32_t room, enum audit_type type, const struct ask *by)
{
    if (!audit_wants(h->cx, AUDIT_OF_ROOMS))
        return;
    const struct room *r = room_at(h, room);
    struct audit_event to = {.type = type, .room = room_name(r), .epoch = str_make(r->epoch, EPOCH_LEN)};
    if (by != NULL) {
        to.user = by->user;
        to.name = by->name;
        to.session = by->session;
    }
    audit_put(h->cx, &to);
}
