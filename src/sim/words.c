// SPDX-License-Identifier: Apache-2.0
//
// Messages that are changed: clients do so, by dice, to their own and to others'; and what everybody is told of it is held to the
// records. Live it is a message as it was said, and the changes behind it; of the past it is the message as it was when that was made; and
// what was taken back is not in any log or cache of any server.
//
// What terminals are told does not say which message it is about: it is the next record's line, word by word, and of the past the words
// of that message as it was at some time that may be.
#include "core/log/record.h"
#include "core/shard/shard_parts.h"
#include "sim/draft.h"
#include "sim/heard.h"

#include <stdio.h>

// --- what is known

uint64_t changes_hash(const struct entry *e)
{
    const uint64_t what = e->type == ENTRY_EDIT    ? truth_hash(e->data)
                          : e->type == ENTRY_REACT ? truth_hash(e->change.reaction) * 2 + e->change.on
                                                   : 0;
    return ((uint64_t)e->type * 31 + e->about) * 31 + truth_hash(e->user) * 7 + what;
}

void changes_see(struct world *w, int room, int epoch, const struct entry *e)
{
    struct records *r = truth_numbering(w, room, epoch)->records;
    const bool known = r->changes_n != 0 && r->changes[r->changes_n - 1].offset >= e->offset;
    const bool late = e->erased != 0; // what is committed late is told as it is by then
    if (known || (!entry_about(e->type) && !late))
        return;
    w->counts.changes += entry_about(e->type);
    if (e->type == ENTRY_REACT)
        return;
    ARENA_GROW(&w->arena, r->changes, r->changes_n, r->changes_cap);
    r->changes[r->changes_n++] =
        (struct change_seen){.offset = e->offset,
                             .target = entry_about(e->type) ? e->about : 0,
                             .data_hash = e->type == ENTRY_EDIT ? truth_hash(e->data) : 0,
                             .deletes = e->type == ENTRY_DELETE,
                             .late = late};
}

// The newest change of a message up to an offset, by a record behind `after`; NULL: there is none.
static const struct change_seen *newest(const struct records *r, uint64_t target, uint64_t after,
                                        uint64_t upto)
{
    const struct change_seen *found = NULL;
    for (uint32_t i = 0; i < r->changes_n && r->changes[i].offset <= upto; i++)
        if (r->changes[i].target == target && r->changes[i].offset > after)
            found = &r->changes[i];
    return found;
}

static const struct change_seen *change_at(const struct records *r, uint64_t offset)
{
    for (uint32_t i = 0; i < r->changes_n; i++)
        if (r->changes[i].offset == offset)
            return &r->changes[i];
    return NULL;
}

// --- what is said

// A message of that room that somebody has said lately; 0 = none.
static uint64_t message_of(struct world *w, const struct client *c, int room)
{
    for (int tries = 0; tries < 8 && w->messages_n > 1; tries++) {
        const uint32_t back = (uint32_t)roll(w, w->messages_n - 1 < 60 ? w->messages_n - 1 : 60);
        const struct message *m = &w->messages[w->messages_n - 1 - back];
        if (m->room == room && m->epoch != NONE &&
            truth_same_records(w, room, m->epoch, c->seats[room].epoch) &&
            (m->client == c->index || chance(w, 3)))
            return m->offset;
    }
    return 0;
}

void say_change(struct world *w, struct client *c, int room)
{
    static const char *const types[] = {"edit", "edit", "edit", "delete", "react", "react", "react", "react"};
    static const char *const keys[] = {"+", "-", "\xf0\x9f\x8e\x89"};
    const char *type = types[roll(w, sizeof types / sizeof *types)];
    const uint64_t offset = message_of(w, c, room);
    if (offset == 0)
        return;
    struct asked *a = asks_push(w, c, SAID_CHANGE, true);
    struct draft d = draft_make(w, type, a);
    a->room = room;
    draft_string(&d, "room", w->room_names[room]);
    draft_number(&d, "offset", offset);
    if (strcmp(type, "edit") == 0) {
        char text[40];
        snprintf(text, sizeof text, "edit-%u-%u.", (unsigned)w->step, (unsigned)roll(w, 1000));
        draft_string(&d, "data", text);
        if (chance(w, 6))
            draft_number(&d, "if_version", offset);
    } else if (strcmp(type, "react") == 0) {
        draft_string(&d, "key", keys[roll(w, sizeof keys / sizeof *keys)]);
        draft_key(&d, "on");
        buf_put_str(&d.b, chance(w, 3) ? STR("false") : STR("true"));
    }
    draft_send(w, c, &d);
}

// --- what terminals show

static str unquoted(str json) { return json.n >= 2 ? str_make(json.p + 1, json.n - 2) : STR_NONE; }

// Written from docs/protocol/text.md.
void changes_line(struct world *w, int room, int epoch, const struct entry *e)
{
    struct buf line;
    if (!entry_about(e->type) || e->erased != 0)
        return;
    buf_init(&line, &w->scratch_mem, 0);
    buf_put_str(&line, e->name.n != 0 ? e->name : e->user);
    buf_put_str(&line, e->type == ENTRY_EDIT     ? STR(" changed a message to: ")
                       : e->type == ENTRY_DELETE ? STR(" took back a message")
                       : e->change.on            ? STR(" reacted with ")
                                                 : STR(" took back the reaction "));
    if (e->type == ENTRY_EDIT)
        buf_put_str(&line, unquoted(e->data));
    if (e->type == ENTRY_REACT)
        buf_put_str(&line, e->change.reaction);
    if (e->type == ENTRY_DELETE && e->data.n != 0) {
        BUF_PUT_LIT(&line, " (");
        buf_put_str(&line, e->data);
        buf_put_char(&line, ')');
    }
    truth_fact(w, truth_numbering(w, room, epoch), e->offset)->line = truth_hash(buf_str(&line));
    buf_deinit(&line);
}

// An edit of what has been changed once more since.
bool changes_silent(struct world *w, int room, int epoch, uint64_t offset)
{
    const struct records *r = truth_numbering(w, room, epoch)->records;
    const struct change_seen *edit = change_at(r, offset);
    return edit != NULL && edit->target != 0 && !edit->deletes &&
           (edit->late || newest(r, edit->target, offset, UINT64_MAX) != NULL);
}

bool changes_deleted(struct world *w, int room, int epoch, uint64_t offset)
{
    const struct records *r = truth_numbering(w, room, epoch)->records;
    uint32_t i = 0;
    while (i < r->changes_n && !(r->changes[i].target == offset && r->changes[i].deletes))
        i++;
    return i < r->changes_n;
}

void changes_check_said(struct world *w, struct client *c, int room, int epoch, uint64_t offset,
                        uint64_t head)
{
    const struct change_seen *due =
        newest(truth_numbering(w, room, epoch)->records, offset, 0, offset <= head ? head : 0);
    if (due != NULL)
        trace_fail(w, c, "WORDS: a terminal shows offset %llu as it was said, and it was changed by %llu",
                   (unsigned long long)offset, (unsigned long long)due->offset);
}

// An engine has lost the change with an epoch, and has been given back what was changed as it was by then: its first words are nowhere.
// Which change that was, the newest one; 0: none was lost.
static uint64_t change_lost(const struct world *w, int room, uint64_t offset)
{
    const struct room_truth *t = &w->truth[room];
    uint64_t lost = 0;
    for (uint32_t i = 0; i < t->n; i++) {
        const struct change_seen *c =
            t->v[i].records->ended ? newest(t->v[i].records, offset, 0, UINT64_MAX) : NULL;
        if (c != NULL && c->offset > lost)
            lost = c->offset;
    }
    return lost;
}

void changes_check_anew(struct world *w, struct client *c, int room, int epoch, uint64_t offset,
                        uint64_t head, str words)
{
    const struct records *r = truth_numbering(w, room, epoch)->records;
    const struct change_seen *due = newest(r, offset, 0, offset <= head ? head : 0), *is = NULL;
    for (uint32_t i = 0; i < r->changes_n; i++)
        if (r->changes[i].target == offset && r->changes[i].deletes == (words.n == 0) &&
            (words.n == 0 || r->changes[i].late || r->changes[i].data_hash == truth_hash(words)))
            is = &r->changes[i];
    w->counts.shown_anew++;
    if (words.n == 0 && change_lost(w, room, offset) > (due != NULL ? due->offset : 0)) // lost with an epoch
        return;
    if (is == NULL || (due != NULL && is->offset < due->offset))
        trace_fail(w, c, "WORDS: a terminal shows offset %llu as %.*s, and as of %llu it is not that",
                   (unsigned long long)offset, STR_ARG(words), (unsigned long long)head);
}

// It is told without its words, which have been changed where it comes from: the change has yet to come.
void changes_check_gone_ahead(struct world *w, struct client *c, int room, int epoch, uint64_t offset,
                              uint64_t head)
{
    const struct records *r = truth_numbering(w, room, epoch)->records;
    const bool none = newest(r, offset, 0, UINT64_MAX) == NULL && change_lost(w, room, offset) == 0;
    if (none || (offset <= head && newest(r, offset, 0, head) != NULL))
        trace_fail(w, c, "WORDS: offset %llu is told without its words, and no change of it is still to come",
                   (unsigned long long)offset);
    w->counts.shown_bare++;
}

// --- what is heard

uint64_t hear_change(struct world *w, struct client *c, const struct heard *h)
{
    struct heard from;
    char type[32], user[USER_ID_MAX], key[REACTION_MAX];
    struct entry e = {.about = heard_offset(w, c, h, "target")};
    const str said = heard_string(w, c, h, "type", type, sizeof type);
    e.type = str_eq(said, STR("message:edited"))    ? ENTRY_EDIT
             : str_eq(said, STR("message:deleted")) ? ENTRY_DELETE
                                                    : ENTRY_REACT;
    if (heard_raw(h, "from").p != NULL) {
        heard_scan(w, c, heard_raw(h, "from"), &from);
        e.user = heard_string(w, c, &from, "user", user, sizeof user);
    }
    if (e.type == ENTRY_EDIT)
        e.data = heard_raw(h, "data");
    if (e.type == ENTRY_REACT) {
        e.change.reaction = heard_string(w, c, h, "key", key, sizeof key);
        e.change.on = heard_true(h, "on");
        (void)heard_number(w, c, h, "count");
    }
    return changes_hash(&e);
}

static void hear_message_changed(struct world *w, struct client *c, const struct heard *h, int room,
                                 const struct records *r, uint64_t offset, uint64_t head,
                                 const struct change_seen *due)
{
    const bool deleted = heard_true(h, "deleted");
    const uint64_t version = heard_raw(h, "version").p != NULL ? heard_offset(w, c, h, "version") : 0;
    const struct change_seen *is = version != 0 ? change_at(r, version) : newest(r, offset, 0, UINT64_MAX);
    // What took its words away was lost with an epoch, or has yet to come from where that was so.
    const uint64_t lost = change_lost(w, room, offset);
    const bool bare =
        deleted && lost != 0 && (is == NULL || is->offset > head || (!is->deletes && lost > is->offset));
    w->counts.shown_anew++;
    if (deleted && !bare &&
        (is == NULL || newest(r, offset, 0, UINT64_MAX) == NULL ||
         !newest(r, offset, 0, UINT64_MAX)->deletes))
        trace_fail(w, c, "WORDS: offset %llu is told to be deleted, and nobody has",
                   (unsigned long long)offset);
    if (version != 0 && (is == NULL || is->target != offset || is->deletes ||
                         (!is->late && is->data_hash != truth_hash(heard_raw(h, "data")))))
        trace_fail(w, c, "WORDS: offset %llu is told with words that version %llu does not have",
                   (unsigned long long)offset, (unsigned long long)version);
    if (due != NULL && !deleted && (due->deletes || version < due->offset))
        trace_fail(w, c, "WORDS: offset %llu is told as it was before %llu, as of %llu",
                   (unsigned long long)offset, (unsigned long long)due->offset, (unsigned long long)head);
    if (!deleted && version == 0 && heard_raw(h, "data").p == NULL)
        trace_fail(w, c, "WORDS: offset %llu says nothing, and was not deleted", (unsigned long long)offset);
}

void hear_changed(struct world *w, struct client *c, const struct heard *h, int room, int epoch,
                  uint64_t offset, uint64_t head, struct fact *f)
{
    struct numbering *n = truth_numbering(w, room, epoch);
    const struct records *r = n->records;
    const struct fact *known = truth_fact(w, n, offset);
    if (f->kind == FACT_VOID && known->kind == FACT_DECREE) {
        const struct change_seen *edit = change_at(r, offset);
        if (edit == NULL || edit->deletes ||
            (!edit->late && newest(r, edit->target, offset, UINT64_MAX) == NULL))
            trace_fail(w, c, "WORDS: the edit at %llu is told as void, and none has come after it",
                       (unsigned long long)offset);
        *f = (struct fact){.kind = FACT_DECREE, .name_hash = known->name_hash};
    }
    if (f->kind == FACT_VOID && known->kind == FACT_MESSAGE) { // kept no more when that was told
        if (!changes_deleted(w, room, epoch, offset))
            trace_fail(w, c, "WORDS: the message at %llu is told as void, and was not deleted",
                       (unsigned long long)offset);
        *f = (struct fact){.kind = FACT_MESSAGE, .message = known->message};
        return;
    }
    if (f->kind != FACT_MESSAGE)
        return;
    const struct change_seen *due = head != 0 ? newest(r, offset, 0, head) : NULL;
    const bool anew = heard_raw(h, "version").p != NULL || heard_raw(h, "deleted").p != NULL;
    if (anew || heard_raw(h, "reactions").p != NULL || heard_raw(h, "replies").p != NULL)
        f->hash = 0;
    const struct change_seen *itself = change_at(r, offset);
    if (!anew && heard_raw(h, "data").p == NULL) {
        changes_check_gone_ahead(w, c, room, epoch, offset, head);
        f->message = known->message;
    } else if (anew) {
        if (itself == NULL) // else by something that has yet to be told
            hear_message_changed(w, c, h, room, r, offset, head, due);
        f->message = known->message;
        f->kind = known->kind;
    } else if (due != NULL) {
        trace_fail(w, c, "WORDS: offset %llu is told as it was said, and was changed by %llu",
                   (unsigned long long)offset, (unsigned long long)due->offset);
    }
}

// --- what is nowhere

static void chain_check_gone(struct world *w, const struct chain *c, const char *of, str text,
                             uint64_t offset)
{
    for (uint32_t i = 0; i < c->n; i++) {
        const struct segment *s = c->segs[i];
        if (offset < s->first || offset >= s->first + s->count)
            continue;
        const str entry = segment_entry(s, offset);
        if (memmem(entry.p, entry.n, text.p, text.n) != NULL)
            trace_fail(w, NULL, "WORDS: offset %llu was changed, and %.*s is there still, in a %s",
                       (unsigned long long)offset, STR_ARG(text), of);
    }
}

// What was deleted is in nothing that a shard has yet to tell anybody of the room: a message's words, or an edit of it.
static void live_check_gone(struct world *w, const struct chain *c, uint64_t head, str text,
                            const struct change_seen *deleted)
{
    char about[40];
    const int about_n =
        snprintf(about, sizeof about, "\"target\":%llu,\"data\"", (unsigned long long)deleted->target);
    for (uint32_t i = c->n; i-- > 0 && !segment_cut(c->segs[i]);) {
        const struct segment *s = c->segs[i];
        const uint64_t last = i + 1 < c->n ? c->segs[i + 1]->first - 1 : head;
        uint64_t offset = segment_after(s);
        for (uint64_t at = s->first; at <= last; at++) {
            const str entry = segment_entry(s, at);
            offset += !segment_passing(s, at);
            const bool is = offset == deleted->target && memmem(entry.p, entry.n, text.p, text.n) != NULL;
            if (!segment_passing(s, at) && (is || memmem(entry.p, entry.n, about, (size_t)about_n) != NULL))
                trace_fail(w, NULL, "WORDS: offset %llu was deleted, and %.*s is still to be told",
                           (unsigned long long)offset, STR_ARG(entry));
            w->counts.unsaid += offset == deleted->target;
        }
    }
}

// Of the shards that have got all that the home has sent them.
static void shards_check_gone(struct world *w, const struct node *home, str name, str text,
                              const struct change_seen *deleted)
{
    for (uint32_t k = 0; k < w->nodes_n; k++) {
        const struct node *n = &w->nodes[k];
        const struct fan *f = &n->shard->fan;
        if (n->server != home->server || w->boxes[home->index][n->index].n != 0 ||
            shard_mail_waiting(home->shard, n->index - n->first) != 0)
            continue;
        const uint32_t index = outlet_find(f, name, hash_str(f->cx, name));
        if (index == MAP_NONE)
            continue;
        const struct outlet *o = outlet_at(f, index);
        for (uint32_t t = 0; t < o->tracks.n; t++)
            live_check_gone(w, &tracks_const(&o->tracks)[t].chain, o->head, text, deleted);
    }
}

// What a message said before it was changed is in no log, and in no frames for those who come.
void changes_check_gone(struct world *w, const struct node *node, int room, int epoch)
{
    struct numbering *n = truth_numbering(w, room, epoch);
    const struct home *h = &node->shard->home;
    const str name = str_from_cstr(w->room_names[room]);
    const struct room *r = room_at(h, room_find(h, name, hash_str(h->cx, name)));
    for (uint32_t i = 0; i < n->records->changes_n; i++) {
        const struct change_seen *s = &n->records->changes[i];
        const struct fact *f = truth_fact(w, n, s->target);
        if (s->offset > r->log.head || f->message == 0)
            continue;
        struct buf said;
        buf_init(&said, &w->scratch_mem, 0);
        truth_data(truth_message(w, f->message), &said);
        const str text = str_trim(buf_str(&said));
        chain_check_gone(w, &r->log.records, "log", text, s->target);
        for (uint32_t t = 0; r->replay != NULL && t < r->replay->tracks.n; t++)
            chain_check_gone(w, &tracks_const(&r->replay->tracks)[t].chain, "replay", text, s->target);
        for (uint32_t t = 0; s->deletes && t < r->live.tracks.n; t++)
            live_check_gone(w, &tracks_const(&r->live.tracks)[t].chain, r->live.place, text, s);
        if (s->deletes)
            shards_check_gone(w, node, name, text, s);
        buf_deinit(&said);
    }
}
