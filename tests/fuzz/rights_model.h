// SPDX-License-Identifier: Apache-2.0
//
// rights_model.h - who may do what, as the documents have it and as far as replies tell: what fuzz_rights.c holds a server against.
//
//     a command, as it was sent  --> struct claim  --.
//     tokens, whose text says what is in them --------+--> replies change the model, and must not say more than it allows
//     time, rooms that end --------------------------'
//
// It errs on one side: where it cannot know, it allows. So who is told "done" without the right is found, and who is refused with it
// is not.
#ifndef PLENUM_TESTS_FUZZ_RIGHTS_MODEL_H
#define PLENUM_TESTS_FUZZ_RIGHTS_MODEL_H

#include "core/auth/caps.h"
#include "core/home/rights.h"
#include "unit/token_support.h"
#include "wire/json.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    CLIENTS = 5,
    KNOWN = 3, // users with tokens: u0, u1, u2; the others are each a client's guest
    USERS = KNOWN + CLIENTS,
    ROOMS = 4,
    INVITATIONS = 8, // that are remembered, the newest
    OFFSETS = 64,
    MEMBERS_MAX = 32,
    GRACE_MS = 2000, // auth.expiry_grace_s
    SLACK_MS = 1500, // what seconds and turns make of an end
    CLOSED_MS = 2000,
    NONE = -1,
};
#define FOR_EVER UINT64_MAX

static const struct {
    const char *name, *rule; // and the name of its rule
    enum room_access access;
    enum role newcomers;
} rooms[ROOMS] = {{"open", "as-open", ACCESS_OPEN, ROLE_MEMBER},
                  {"known", "as-known", ACCESS_TOKEN, ROLE_MEMBER},
                  {"invited", "as-invited", ACCESS_INVITE, ROLE_MEMBER},
                  {"stage", "as-stage", ACCESS_OPEN, ROLE_GUEST}};

// What a token's caps may say of its room, and of the server behind a `;`. NULL: it has none.
static const char *const caps_words[] = {NULL,
                                         "\"join\"",
                                         "\"join\",\"publish\"",
                                         "\"join\",\"moderate\"",
                                         "\"host\"",
                                         "\"join\",\"invite\"",
                                         "\"publish\"",
                                         "",
                                         "\"join\",\"publish\";\"create\"",
                                         "\"join\",\"publish\";"};
enum { CAPS = sizeof caps_words / sizeof *caps_words };

// A token is its own content: `t`, verdict, user, caps, room, seconds as a power of two. "tgn4126" is good, names nobody, makes a host
// of room 1 of whoever brings it, for 64 seconds; room 9 is all rooms.
struct token_facts {
    bool well_formed;
    char verdict; // g ood, b ad, e xpired, b u sy, l ater
    int user;     // NONE: nobody
    int caps, room;
    uint64_t ttl_ms;
};

static inline struct token_facts token_read(str t)
{
    struct token_facts f = {.user = NONE};
    if (t.n != 6 || t.p[0] != 't' || strchr("gbeul", t.p[1]) == NULL || t.p[1] == '\0')
        return f;
    int digits[4];
    for (int i = 0; i < 4; i++) {
        if (i == 0 && t.p[2] == 'n')
            digits[0] = NONE;
        else if (t.p[2 + i] < '0' || t.p[2 + i] > '9')
            return f;
        else
            digits[i] = t.p[2 + i] - '0';
    }
    if (digits[0] >= KNOWN || digits[1] >= CAPS)
        return f;
    return (struct token_facts){true, t.p[1], digits[0], digits[1], digits[2], UINT64_C(1000) << digits[3]};
}

// Its caps as a block; 0 octets: none.
static inline size_t token_caps(const struct token_facts *f, char block[CAPS_BYTES_MAX])
{
    char text[256];
    struct sentence why;
    size_t n = 0;
    if (caps_words[f->caps] == NULL)
        return 0;
    str server;
    const str words = str_split(str_from_cstr(caps_words[f->caps]), ';', &server);
    snprintf(text, sizeof text,
             server.p != NULL ? "{\"rooms\":{\"%s\":[%.*s]},\"server\":[%.*s]}"
                              : "{\"rooms\":{\"%s\":[%.*s]}}",
             f->room < ROOMS ? rooms[f->room].name : "**", STR_ARG(words), STR_ARG(server));
    enum err e = caps_make(str_from_cstr(text), block, &n, &why);
    ASSERT(e == OK);
    return n;
}

static inline uint32_t token_grant(const struct token_facts *f, int room)
{
    char block[CAPS_BYTES_MAX];
    size_t n = token_caps(f, block);
    return n == 0 ? 0 : caps_room(str_make(block, n), str_from_cstr(rooms[room].name));
}

// ---- what is known

struct seat {
    bool in, pass;
    uint32_t grant; // of the pass
    uint64_t ends_ms;
};

struct guest_or_user {
    int user;              // NONE: has not been welcomed
    struct token_facts by; // of the session; not well formed: a guest
    uint64_t ends_ms;
    struct seat seats[ROOMS];
};

struct about_room {
    bool there;
    char epoch[EPOCH_LEN];
    int rule;       // the room whose rule it has: its own, or the one that it was made by
    uint32_t asked; // bits of those by which somebody has asked to make it
    enum role given[USERS];
    uint64_t banned_ms[USERS], muted_ms[USERS], closed_ms; // until then
    bool readonly, locked;
    struct {
        uint64_t offset; // 0: none
        int author;
    } said[OFFSETS]; // by offset
};

struct invite {
    char token[128], id[INVITATION_ID_LEN + 1];
    int room, by;
    enum role role;
    uint32_t uses, used, admitted; // admitted: bits of users
    uint64_t until_ms;
    bool over;
};

struct model {
    struct net *net;
    struct guest_or_user who[CLIENTS];
    struct about_room rooms[ROOMS];
    struct invite invitations[INVITATIONS];
    unsigned invitations_n;
    char users[USERS][USER_ID_MAX + 1];
};

// What a command says, as far as it matters here.
struct claim {
    enum command_type type;
    int client, room, from, user; // NONE: none of ours
    enum role role;
    bool has_role, has_seconds, on;
    uint64_t seconds, offset, uses, expires;
    bool has_expires, has_rule, has_version;
    int rule;         // of which room; NONE: of none
    uint64_t version; // that the state is to be of
    uint64_t head;    // of the room, when it was said; 0 = nothing stood in it
    char epoch[EPOCH_LEN];
    char token[128], invitation[INVITATION_ID_LEN + 1];
    uint32_t set; // rights that its client had at some time since it was sent,
    uint8_t rank; // and rank;
    bool named;   // a token or a role let them into the room by name,
    bool creates; // and a token, or the lack of one, let them make rooms
};

__attribute__((noreturn, format(printf, 2, 3))) static inline void breach(const struct claim *c,
                                                                          const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fprintf(stderr, "client %d, %s in %s: ", c->client, command_name(c->type),
            c->room == NONE ? "no room" : rooms[c->room].name);
    vfprintf(stderr, format, list);
    fputc('\n', stderr);
    va_end(list);
    abort();
}

static inline int user_find(const struct model *m, str user)
{
    for (int i = 0; i < USERS; i++)
        if (str_eq(user, str_from_cstr(m->users[i])) && user.n != 0)
            return i;
    return NONE;
}

static inline int room_index(str name)
{
    for (int i = 0; i < ROOMS; i++)
        if (str_eq(name, str_from_cstr(rooms[i].name)))
            return i;
    return NONE;
}

// The room whose rule is called so; *ret_said: it is called anything.
static inline int rule_index(str name, bool *ret_said)
{
    *ret_said = name.n != 0;
    for (int i = 0; i < ROOMS; i++)
        if (str_eq(name, str_from_cstr(rooms[i].rule)))
            return i;
    return NONE;
}

static inline void about_clear(struct about_room *r)
{
    *r = (struct about_room){.there = r->there, .rule = r->rule, .asked = r->asked};
    for (int i = 0; i < USERS; i++)
        r->given[i] = ROLE_NOT_GIVEN;
}

static inline void invitations_end(struct model *m, int room, int by)
{
    for (int i = 0; i < INVITATIONS; i++)
        if (m->invitations[i].room == room && (by == NONE || m->invitations[i].by == by))
            m->invitations[i].over = true;
}

static inline void model_init(struct model *m, struct net *n)
{
    *m = (struct model){.net = n};
    for (int i = 0; i < KNOWN; i++)
        snprintf(m->users[i], sizeof m->users[i], "u%d", i);
    for (int i = 0; i < CLIENTS; i++)
        m->who[i].user = NONE;
    for (int i = 0; i < ROOMS; i++) {
        m->rooms[i].rule = i;
        about_clear(&m->rooms[i]);
    }
}

// It has the rule of its name, or one that somebody has asked for: no laxer one.
static inline void rule_look(struct about_room *r, int room, const struct room *at)
{
    r->rule = room;
    for (int i = 0; at != NULL && i < ROOMS; i++)
        if (at->ruled.given == rule_id(str_from_cstr(rooms[i].rule)))
            r->rule = i;
    if (r->rule != room && (r->asked & 1u << r->rule) == 0)
        breach(&(struct claim){.client = NONE, .room = room}, "it has the rule %s, which nobody asked for",
               rooms[r->rule].rule);
    if (rooms[r->rule].access < rooms[room].access)
        breach(&(struct claim){.client = NONE, .room = room}, "it has the rule %s, for more people",
               rooms[r->rule].rule);
}

// Rooms that have ended, or are new ones: what was decided there is over.
static inline void model_look(struct model *m)
{
    for (int i = 0; i < ROOMS; i++) {
        const struct room *at = net_room_at(m->net, rooms[i].name);
        struct about_room *r = &m->rooms[i];
        rule_look(r, i, at);
        if (at != NULL && r->there && memcmp(r->epoch, at->epoch, EPOCH_LEN) == 0)
            continue;
        if (r->there) {
            about_clear(r);
            invitations_end(m, i, NONE);
        }
        r->there = at != NULL;
        if (at != NULL)
            memcpy(r->epoch, at->epoch, EPOCH_LEN);
    }
}

static inline bool over(const struct model *m, uint64_t ends_ms)
{
    return m->net->now_ms > ends_ms + GRACE_MS + SLACK_MS;
}

// At most.
static inline struct rights model_rights(const struct model *m, int client, int room)
{
    const struct guest_or_user *w = &m->who[client];
    const struct seat *s = &w->seats[room];
    enum role given = w->user != NONE ? m->rooms[room].given[w->user] : ROLE_NOT_GIVEN;
    uint32_t grant = s->pass ? s->grant : w->by.well_formed ? token_grant(&w->by, room) : 0;
    return rights_make(rooms[m->rooms[room].rule].newcomers, given, grant);
}

// By what was given there, or the token that it came with.
static inline bool model_named(const struct model *m, int client, int room)
{
    const struct guest_or_user *w = &m->who[client];
    if (w->user == NONE)
        return false;
    const uint32_t grant = w->by.well_formed ? token_grant(&w->by, room) : 0;
    return (grant & RIGHT_BIT(RIGHT_JOIN)) != 0 || m->rooms[room].given[w->user] != ROLE_NOT_GIVEN;
}

// Who has no caps may, and whose say nothing of the server.
static inline bool model_creates(const struct model *m, int client)
{
    const struct token_facts *by = &m->who[client].by;
    const char *words = by->well_formed ? caps_words[by->caps] : NULL;
    const char *server = words != NULL ? strchr(words, ';') : NULL;
    return server == NULL || strstr(server, "create") != NULL;
}

static inline bool user_in(const struct model *m, int user, int room)
{
    bool in = false;
    for (int i = 0; i < CLIENTS; i++)
        in = in || (m->who[i].user == user && m->who[i].seats[room].in);
    return in;
}

static inline struct invite *invitation_find(struct model *m, const char *token, const char *id)
{
    for (int i = 0; i < INVITATIONS; i++) {
        struct invite *v = &m->invitations[i];
        if (v->token[0] == '\0')
            continue;
        if ((token != NULL && strcmp(v->token, token) == 0) || (id != NULL && strcmp(v->id, id) == 0))
            return v;
    }
    return NULL;
}

// ---- who comes in

// What a token of a room gives, of one that was taken.
static inline void pass_take(struct model *m, const struct claim *c)
{
    const struct token_facts f = token_read(str_from_cstr(c->token));
    struct guest_or_user *w = &m->who[c->client];
    if (!f.well_formed || f.verdict != 'g')
        breach(c, "by a token that is not good: %s", c->token);
    if (f.user != NONE && f.user != w->user)
        breach(c, "by a token of user %d", f.user);
    if (f.user == NONE && caps_words[f.caps] == NULL)
        breach(c, "by a token for nobody and nothing");
    w->seats[c->room].pass = true;
    w->seats[c->room].grant = token_grant(&f, c->room);
    w->seats[c->room].ends_ms = m->net->now_ms + f.ttl_ms;
}

static inline void come_by_invitation(struct model *m, const struct claim *c)
{
    int user = m->who[c->client].user;
    enum role *given = &m->rooms[c->room].given[user];
    struct invite *v = invitation_find(m, c->token, NULL);
    bool has = *given != ROLE_NOT_GIVEN;
    if (v == NULL) { // of one that is not remembered any more, or who has a role already
        if (m->invitations_n <= INVITATIONS && !has)
            breach(c, "by an invitation that there is not");
        return;
    }
    bool needs = v->room != c->room || !((v->admitted >> user & 1) != 0 || (has && *given >= v->role));
    if (needs && v->room != c->room && !has)
        breach(c, "by an invitation to another room");
    if (needs && v->room == c->room) {
        if (v->over || v->used >= v->uses || m->net->now_ms > v->until_ms + SLACK_MS)
            breach(c, "by an invitation that is over, or used up");
        v->used++;
        if (!has || *given < v->role)
            *given = v->role;
    }
    if (v->room == c->room)
        v->admitted |= 1u << user;
}

static inline void come_in(struct model *m, const struct claim *c)
{
    struct guest_or_user *w = &m->who[c->client];
    struct about_room *r = &m->rooms[c->room];
    struct seat *s = &w->seats[c->room];
    bool was_in = user_in(m, w->user, c->room);
    if (w->user == NONE)
        breach(c, "by nobody");
    if (m->net->now_ms < r->banned_ms[w->user])
        breach(c, "who is banned");
    if (m->net->now_ms < r->closed_ms)
        breach(c, "which is closed");
    *s = (struct seat){.in = true};
    bool invited = strncmp(c->token, "inv_", 4) == 0;
    if (invited)
        come_by_invitation(m, c);
    else if (c->token[0] != '\0')
        pass_take(m, c);
    bool given = r->given[w->user] != ROLE_NOT_GIVEN;
    uint32_t grant = s->pass ? s->grant : w->by.well_formed ? token_grant(&w->by, c->room) : 0;
    bool named = (grant & RIGHT_BIT(RIGHT_JOIN)) != 0 || given;
    struct rights rights = model_rights(m, c->client, c->room);
    if (!rights_allow(&rights, RIGHT_JOIN))
        breach(c, "without the right");
    const enum room_access access = rooms[r->rule].access;
    if (access == ACCESS_INVITE && !named)
        breach(c, "without being named");
    if (access == ACCESS_TOKEN && w->user >= KNOWN && !named)
        breach(c, "as a guest");
    if (r->locked && !named && !was_in)
        breach(c, "which is locked");
}

// ---- rooms that are made

static inline void claim_note_room(struct model *m, struct claim *c)
{
    const struct room *at = net_room_at(m->net, rooms[c->room].name);
    if (at != NULL) {
        c->head = at->log.head;
        memcpy(c->epoch, at->epoch, EPOCH_LEN);
    }
    if (c->type == CMD_CREATE && c->rule != NONE)
        m->rooms[c->room].asked |= 1u << c->rule;
}

// Nothing stood in it, by who may come in by that rule.
static inline void made_by_command(const struct model *m, const struct claim *c, uint64_t offset, str rule)
{
    const struct room *at = net_room_at(m->net, rooms[c->room].name);
    const enum room_access access = rooms[c->rule != NONE ? c->rule : c->room].access;
    if (c->has_rule && c->rule == NONE)
        breach(c, "by a rule that there is not");
    if (!str_eq(rule, c->has_rule ? str_from_cstr(rooms[c->rule].rule) : STR_NONE))
        breach(c, "by the rule %.*s, which was not asked for", STR_ARG(rule));
    if (!c->creates)
        breach(c, "by a token that does not let it make rooms");
    if (access == ACCESS_INVITE && !c->named)
        breach(c, "without being named");
    if (access == ACCESS_TOKEN && m->who[c->client].user >= KNOWN && !c->named)
        breach(c, "as a guest");
    if (access < rooms[c->room].access)
        breach(c, "for more people than its name is for");
    if (at == NULL)
        breach(c, "and it is not there");
    const uint64_t closed_at = at->standing != NULL ? at->standing->closed_at : 0;
    if (offset != closed_at + 1)
        breach(c, "by offset %llu, behind others", (unsigned long long)offset);
    if (memcmp(c->epoch, at->epoch, EPOCH_LEN) == 0 && c->head > closed_at)
        breach(c, "which was there");
}

// ---- what is decided

static inline uint64_t until(const struct model *m, const struct claim *c)
{
    uint64_t seconds = c->seconds > 0 ? c->seconds : 1;
    return c->has_seconds ? m->net->now_ms + seconds * 1000 : FOR_EVER;
}

static inline void role_given(struct model *m, const struct claim *c)
{
    bool own = c->user != NONE && c->user == m->who[c->client].user;
    if (!c->has_role || rights_rank(c->role) > c->rank || (!own && rights_rank(c->role) == c->rank))
        breach(c, "a role that is not below one's own");
    if (c->user == NONE)
        return;
    m->rooms[c->room].given[c->user] = c->role;
    if (c->role < ROLE_HOST)
        invitations_end(m, c->room, c->user);
}

static inline void invitation_made(struct model *m, const struct claim *c, str token, str id)
{
    struct invite *v = &m->invitations[m->invitations_n++ % INVITATIONS];
    enum role role = c->has_role ? c->role : ROLE_MEMBER;
    if (rights_rank(role) >= c->rank)
        breach(c, "an invitation to a role that is not below one's own");
    uint64_t for_ms = c->has_expires   ? c->expires - m->net->wall_ms
                      : c->has_seconds ? c->seconds * 1000
                                       : 86400000;
    *v = (struct invite){.room = c->room,
                         .by = m->who[c->client].user,
                         .role = role,
                         .uses = c->uses > 0 ? (uint32_t)c->uses : 1,
                         .until_ms = m->net->now_ms + for_ms};
    ASSERT(token.n < sizeof v->token && id.n < sizeof v->id);
    memcpy(v->token, token.p, token.n);
    memcpy(v->id, id.p, id.n);
}

static inline void session_refreshed(struct model *m, const struct claim *c)
{
    const struct token_facts f = token_read(str_from_cstr(c->token));
    struct guest_or_user *w = &m->who[c->client];
    if (!f.well_formed || f.verdict != 'g' || f.user != w->user)
        breach(c, "by a token that is not the session's: %s", c->token);
    w->by = f;
    w->ends_ms = m->net->now_ms + f.ttl_ms;
}

static inline void message_said(const struct model *m, const struct claim *c)
{
    const struct about_room *r = &m->rooms[c->room];
    if (m->net->now_ms < r->muted_ms[m->who[c->client].user])
        breach(c, "who is muted");
    if (r->readonly && (c->set & RIGHT_BIT(RIGHT_READONLY)) == 0)
        breach(c, "which is read-only");
}

// Whose they are decides which right it takes.
static inline void words_changed(const struct model *m, const struct claim *c)
{
    const struct about_room *r = &m->rooms[c->room];
    uint32_t own = RIGHT_BIT(c->type == CMD_EDIT ? RIGHT_EDIT_OWN : RIGHT_DELETE_OWN),
             any = RIGHT_BIT(c->type == CMD_EDIT ? RIGHT_EDIT_ANY : RIGHT_DELETE_ANY);
    bool known = r->said[c->offset % OFFSETS].offset == c->offset;
    bool owned = known && r->said[c->offset % OFFSETS].author == m->who[c->client].user;
    if ((c->set & (!known ? own | any : owned ? own : any)) == 0)
        breach(c, "words of %s", owned ? "its own" : known ? "somebody else" : "somebody");
}

static inline void decided(struct model *m, const struct claim *c)
{
    struct about_room *r = &m->rooms[c->room];
    bool somebody = c->user != NONE;
    switch (c->type) {
    case CMD_ROLE:
        role_given(m, c);
        return;
    case CMD_BAN:
        if (somebody)
            r->banned_ms[c->user] = until(m, c);
        if (somebody)
            invitations_end(m, c->room, c->user);
        return;
    case CMD_UNBAN:
        if (somebody)
            r->banned_ms[c->user] = 0;
        return;
    case CMD_MUTE:
    case CMD_UNMUTE:
        if (somebody)
            r->muted_ms[c->user] = c->type == CMD_MUTE ? until(m, c) : 0;
        return;
    case CMD_READONLY:
        r->readonly = c->on;
        return;
    case CMD_LOCK:
        r->locked = c->on;
        return;
    case CMD_CLOSE:
        about_clear(r);
        r->closed_ms = m->net->now_ms + CLOSED_MS;
        invitations_end(m, c->room, NONE);
        return;
    default:
        return;
    }
}

#endif
