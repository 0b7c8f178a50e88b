// SPDX-License-Identifier: Apache-2.0
//
// What is asked about a message of a room: edits, deletions, reactions, and what answers it. Which one it is, whose, and whether it is
// still time, is found here, of what the room keeps; the proposal says it, so that whoever applies it need not look.
#include "core/home/home.h"

enum { OWN_SEARCHED = 1000 }; // so many records back who names no message may have said one

// A message that people have been told of.
static bool message_at(const struct room *r, uint64_t offset, struct entry *ret)
{
    if (offset < r->log.tail || offset > room_newest(r))
        return false;
    log_entry(&r->log, offset, room_name(r), ret);
    return ret->type == ENTRY_MESSAGE;
}

static uint64_t numbering(const struct home *h, const struct room *r)
{
    return hash_str(h->cx, str_make(r->epoch, EPOCH_LEN));
}

// Who types at a terminal names no message: it is the newest, of reactions, or the newest of one's own.
void home_about(const struct home *h, struct ask *a, uint32_t room)
{
    const enum entry_type type = home_entry_type(a->cmd.type);
    if (room == MAP_NONE || !entry_about(type))
        return;
    const struct room *r = room_at(h, room);
    a->numbering = numbering(h, r);
    if (a->cmd.has_offset)
        return;
    uint64_t at = room_newest(r);
    for (uint32_t n = 0; at >= r->log.tail && at > 0 && n < OWN_SEARCHED; n++, at--) {
        struct entry e;
        const struct word *w = words_find(&r->log, at);
        if (!message_at(r, at, &e) || (w != NULL && w->deleted != 0) ||
            (type != ENTRY_REACT && !str_eq(e.user, a->user)))
            continue;
        a->cmd.has_offset = true;
        a->cmd.offset = at;
        return;
    }
}

void home_change(const struct home *h, const struct room *r, const struct ask *a, struct entry *e)
{
    struct entry message = {.type = ENTRY_VOID};
    const bool kept = message_at(r, a->cmd.offset, &message);
    // Another epoch has begun meanwhile, in which that is another message: it is void, as it is about none.
    e->about = a->numbering == numbering(h, r) ? a->cmd.offset : UINT64_MAX;
    if (e->type == ENTRY_REACT) {
        e->data = STR_NONE;
        e->change = (struct change){.reaction = a->cmd.key, .on = !a->cmd.has_on || a->cmd.on};
        return;
    }
    e->change.author = kept ? message.user : STR_NONE;
    if (e->type == ENTRY_DELETE)
        e->data = a->cmd.reason;
    else if (a->cmd.has_version)
        e->change.version = a->cmd.version;
}

static enum denial too_late(const struct home *h, const struct asking *in, const struct entry *message)
{
    const struct room_settings *rule = room_settings(h, in->at);
    const bool edit = in->a->cmd.type == CMD_EDIT;
    const uint32_t window_ms = edit ? rule->edit_window_ms : rule->delete_window_ms;
    const bool any = in->a->backend || rights_allow(&in->who, edit ? RIGHT_EDIT_ANY : RIGHT_DELETE_ANY);
    const uint64_t age_ms = h->cx->steady_ms > message->steady_ms ? h->cx->steady_ms - message->steady_ms : 0;
    return window_ms != 0 && age_ms > window_ms && !any ? DENIED_LATE : DENIED_NOT;
}

// Who gives what they have given, or takes back what they have not, has done so before.
static enum denial react(const struct asking *in, uint64_t *ret_offset)
{
    const struct log *l = &in->at->log;
    const struct command *cmd = &in->a->cmd;
    const struct word *w = words_find(l, cmd->offset);
    const uint64_t mark = words_mark(l, w, in->a->user, cmd->key);
    const bool on = !cmd->has_on || cmd->on;
    if (on == (mark != 0)) {
        *ret_offset = mark != 0 ? mark : cmd->offset;
        return DENIED_REPEATED;
    }
    if (w == NULL || !on)
        return DENIED_NOT;
    const bool new_kind = words_count(l, w, cmd->key) == 0;
    return w->marks_n >= REACTIONS_MAX || (new_kind && words_kinds(l, w) >= REACTION_KINDS_MAX)
               ? DENIED_REACTIONS
               : DENIED_NOT;
}

static enum denial change(struct home *h, struct asking *in, const struct entry *message)
{
    const struct command *cmd = &in->a->cmd;
    if (in->a->own_words && !str_eq(message->user, in->a->user)) {
        in->v.right = cmd->type == CMD_EDIT ? RIGHT_EDIT_ANY : RIGHT_DELETE_ANY;
        return DENIED_RIGHT;
    }
    const struct word *w = words_find(&in->at->log, cmd->offset);
    const uint64_t version = w != NULL && w->version != 0 ? w->version : cmd->offset;
    if (w != NULL && w->deleted != 0)
        return DENIED_DELETED;
    if (cmd->type == CMD_REACT)
        return react(in, &in->v.offset);
    return cmd->has_version && cmd->version != version ? DENIED_CHANGED : too_late(h, in, message);
}

bool gate_about(struct home *h, struct asking *in)
{
    const struct command *cmd = &in->a->cmd;
    const bool about = entry_about(home_entry_type(cmd->type));
    ASSERT(!about || in->a->type != ASK_PUBLISH || in->a->numbering == numbering(h, in->at));
    struct entry message;
    if (in->a->type != ASK_PUBLISH || (!about && !cmd->has_offset))
        return true;
    if (message_at(in->at, cmd->offset, &message))
        in->v.why = about ? change(h, in, &message) : DENIED_NOT;
    else // what is answered need not be there any more
        in->v.why = about || cmd->offset >= in->at->log.tail ? DENIED_UNKEPT : DENIED_NOT;
    in->v.refused = in->v.why != DENIED_NOT;
    return !in->v.refused;
}

bool home_pending(const struct room *r)
{
    const struct words *ws = r->log.words;
    if (r->state != NULL && r->state->at > room_newest(r))
        return true;
    return ws != NULL && ws->all[ws->newest].last > room_newest(r);
}

uint64_t home_version(const struct room *r, uint64_t target)
{
    const struct word *w = words_find(&r->log, target);
    return w != NULL ? w->version : 0;
}

void home_prepare(struct home *h, const struct room *r, struct entry *e)
{
    e->room = room_name(r);
    if (e->change.author.n == 0)
        return;
    ASSERT(e->change.author.n <= sizeof h->author);
    memmove(h->author, e->change.author.p, e->change.author.n);
    e->change.author.p = h->author;
}

void home_changed(struct room *r, const struct entry *e, uint64_t version)
{
    if (e->type == ENTRY_MESSAGE)
        reads_message(r->reads);
    if (e->about == 0)
        return;
    replay_forget(r->replay, r->log.mem, e->about);
    if (version != 0)
        replay_forget(r->replay, r->log.mem, version);
}
