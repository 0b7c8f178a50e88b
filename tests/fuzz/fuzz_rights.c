// SPDX-License-Identifier: Apache-2.0
//
// Fuzz target: users, a guest and their tokens in four rooms of different rules, over one or two shards: they come in by tokens of the room and
// by invitations, are narrowed and granted, refresh and run out, invite, give roles, kick, ban and mute; late verdicts, broken connections and
// time are in between. After each act all invariants of both shards hold, and no reply says that something was done which its sender
// had not the right to do (rights_model.h); who is banned, or whose token has ended, is not there; what is refused has changed nothing.
//
// Input: a byte for the world; then acts, two bytes each (what, by whom; how) and what they take. A command is any of the table
// (dialect/command.h), with such of its keys as a byte says and values of which some are right; or text, behind the id.
#include "fuzz/rights_commands.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ACTS_MAX = 200 };

// ---- what was said, read again

static str text_of(const struct json_member *members, size_t n, const char *key, char *room, size_t cap)
{
    str text = STR_NONE;
    const struct json_member *v = json_member_find(members, n, str_from_cstr(key));
    if (v == NULL || v->kind != JSON_STRING || json_string_decode(v->value, room, cap, &text) != OK)
        return STR_NONE;
    return text;
}

static bool count_of(const struct json_member *members, size_t n, const char *key, uint64_t *ret)
{
    char text[32] = "";
    const struct json_member *v = json_member_find(members, n, str_from_cstr(key));
    if (v == NULL || v->kind != JSON_NUMBER || v->value.n >= sizeof text)
        return false;
    memcpy(text, v->value.p, v->value.n);
    *ret = strtoull(text, NULL, 10);
    return true;
}

static void text_copy(char *ret, size_t cap, str s)
{
    ret[0] = '\0';
    if (s.n < cap && s.n > 0) {
        memcpy(ret, s.p, s.n);
        ret[s.n] = '\0';
    }
}

// False where it is nothing that could be answered by "done".
static bool claim_read(struct bench *b, int client, str text, struct claim *ret)
{
    struct json_member v[MEMBERS_MAX];
    size_t n;
    char room[512];
    uint64_t ignored;
    *ret = (struct claim){.client = client, .user = NONE, .from = NONE};
    if (json_object_scan(text, v, MEMBERS_MAX, &n, NULL) != OK)
        return false;
    str type = text_of(v, n, "type", room, sizeof room);
    for (int t = 1; t < CMD_COUNT; t++)
        if (commands[t].name != NULL && str_eq(type, str_from_cstr(commands[t].name)))
            ret->type = (enum command_type)t;
    ret->room = room_index(text_of(v, n, ret->type == CMD_SWITCH ? "to" : "room", room, sizeof room));
    ret->from = room_index(text_of(v, n, "from", room, sizeof room));
    ret->user = user_find(&b->m, text_of(v, n, "user", room, sizeof room));
    str role = text_of(v, n, "role", room, sizeof room);
    ret->role = role_find(role);
    ret->has_role = ret->role < ROLE_COUNT;
    ret->rule = rule_index(text_of(v, n, "rule", room, sizeof room), &ret->has_rule);
    ret->has_version = ret->type == CMD_STATE && count_of(v, n, "if_version", &ret->version);
    if (ret->room != NONE)
        claim_note_room(&b->m, ret);
    text_copy(ret->token, sizeof ret->token, text_of(v, n, "token", room, sizeof room));
    text_copy(ret->invitation, sizeof ret->invitation, text_of(v, n, "invitation", room, sizeof room));
    ret->has_seconds = count_of(v, n, ret->type == CMD_INVITE ? "ttl_s" : "seconds", &ret->seconds);
    ret->has_expires = count_of(v, n, "expires", &ret->expires);
    ignored = count_of(v, n, "uses", &ret->uses) + count_of(v, n, "offset", &ret->offset);
    (void)ignored;
    const struct json_member *on = json_member_find(v, n, STR("on"));
    ret->on = on != NULL && str_eq(on->value, STR("true"));
    return ret->type != CMD_NONE;
}

// The rights of those who wait for a reply, as they are now.
static void rights_note(struct bench *b)
{
    for (int i = 0; i < PENDING; i++) {
        struct claim *c = &b->pending[i];
        if (c->type == CMD_NONE || c->room == NONE)
            continue;
        struct rights r = model_rights(&b->m, c->client, c->room);
        c->set |= r.set;
        c->named |= model_named(&b->m, c->client, c->room);
        c->creates |= model_creates(&b->m, c->client);
        c->rank = r.rank > c->rank ? r.rank : c->rank;
    }
}

static void say_text(struct bench *b, int client, str behind_id)
{
    struct client *c = b->clients[client];
    if (c == NULL || behind_id.n > 4000)
        return;
    char text[4200];
    uint64_t id = ++b->next_id;
    int n = snprintf(text, sizeof text, "{\"id\":%llu,%.*s", (unsigned long long)id, STR_ARG(behind_id));
    struct claim *claim = &b->pending[id % PENDING];
    if (!claim_read(b, client, str_make(text, (size_t)n), claim))
        claim->type = CMD_NONE;
    b->sent++;
    rights_note(b);
    post_frame(c, WS_TEXT, true, str_make(text, (size_t)n));
}

// ---- what is heard

static void welcomed(struct bench *b, int client, str user, const struct claim *c)
{
    struct guest_or_user *w = &b->m.who[client];
    int known = user_find(&b->m, user);
    const struct token_facts f = token_read(str_from_cstr(c != NULL ? c->token : ""));
    struct claim said = {.type = CMD_HELLO, .client = client, .room = NONE};
    *w = (struct guest_or_user){.user = known, .by = f, .ends_ms = b->n->now_ms + f.ttl_ms};
    if (known != NONE && known < KNOWN && (!f.well_formed || f.verdict != 'g' || f.user != known))
        breach(&said, "it is user %d by a token that does not say so", known);
    if (known != NONE && known < KNOWN)
        return;
    if (f.well_formed && f.verdict == 'g' && f.user != NONE)
        breach(&said, "it is %.*s by a token of user %d", STR_ARG(user), f.user);
    w->by.well_formed = false;
    w->user = KNOWN + client;
    text_copy(b->m.users[w->user], sizeof b->m.users[w->user], user);
    for (int i = 0; i < ROOMS; i++) { // another guest than the one before
        b->m.rooms[i].given[w->user] = ROLE_NOT_GIVEN;
        b->m.rooms[i].banned_ms[w->user] = b->m.rooms[i].muted_ms[w->user] = 0;
    }
}

static void done(struct bench *b, struct claim *c, const struct json_member *v, size_t n)
{
    const struct command_row *row = command_row(c->type);
    char room[256], id[64];
    b->done++;
    if (c->type == CMD_REFRESH && c->room == NONE)
        session_refreshed(&b->m, c);
    if (c->room == NONE || row->decided == DECIDED_USER)
        return;
    if (c->type == CMD_JOIN || c->type == CMD_SWITCH) {
        if (c->type == CMD_SWITCH && c->from != NONE)
            b->m.who[c->client].seats[c->from] = (struct seat){0};
        come_in(&b->m, c);
        return;
    }
    if (c->type == CMD_REFRESH) {
        if (!b->m.who[c->client].seats[c->room].pass)
            breach(c, "a token that was not there is refreshed");
        pass_take(&b->m, c);
        return;
    }
    bool reads = c->type == CMD_STATE && !str_eq(text_of(v, n, "type", room, sizeof room), STR("ack"));
    enum right right = reads ? RIGHT_READ : (enum right)row->right;
    bool words = c->type == CMD_EDIT || c->type == CMD_DELETE; // there are two rights to that
    if ((c->set & RIGHT_BIT(right)) == 0 && !words)
        breach(c, "without the right %s", right_name(right));
    if (c->type == CMD_MESSAGE) {
        uint64_t offset = 0;
        message_said(&b->m, c);
        if (count_of(v, n, "offset", &offset)) {
            b->m.rooms[c->room].said[offset % OFFSETS].offset = offset;
            b->m.rooms[c->room].said[offset % OFFSETS].author = b->m.who[c->client].user;
        }
    } else if (words) {
        words_changed(&b->m, c);
    } else if (c->type == CMD_CREATE) {
        uint64_t offset = 0;
        str rule = text_of(v, n, "rule", room, sizeof room);
        if (!count_of(v, n, "offset", &offset))
            breach(c, "without an offset");
        made_by_command(&b->m, c, offset, rule);
    } else if (c->type == CMD_STATE && !reads) {
        uint64_t version = 0;
        if (c->has_version && (!count_of(v, n, "version", &version) || version != c->version + 1))
            breach(c, "on condition of version %llu, to %llu", (unsigned long long)c->version,
                   (unsigned long long)version);
    } else if (c->type == CMD_INVITE) {
        invitation_made(&b->m, c, text_of(v, n, "token", room, sizeof room),
                        text_of(v, n, "invitation", id, sizeof id));
    } else if (c->type == CMD_UNINVITE) {
        struct invite *i = invitation_find(&b->m, NULL, c->invitation);
        if (i != NULL)
            i->over = true;
    } else {
        decided(&b->m, c);
    }
}

static void heard(struct bench *b, int client, str text)
{
    struct json_member v[MEMBERS_MAX];
    size_t n;
    char room[256], user[256];
    uint64_t id = 0;
    enum err e = json_object_scan(text, v, MEMBERS_MAX, &n, NULL);
    ASSERT(e == OK);
    str type = text_of(v, n, "type", room, sizeof room);
    bool answers = count_of(v, n, "id", &id) && id + PENDING > b->next_id;
    bool error = str_eq(type, STR("error")), welcome = str_eq(type, STR("welcome")),
         left = str_eq(type, STR("left"));
    struct claim *c = answers ? &b->pending[id % PENDING] : NULL;
    if (c != NULL && (c->type == CMD_NONE || c->client != client))
        c = NULL;
    if (welcome)
        welcomed(b, client, text_of(v, n, "user", user, sizeof user), c);
    if (left) {
        int at = room_index(text_of(v, n, "room", user, sizeof user));
        if (at != NONE)
            b->m.who[client].seats[at] = (struct seat){0};
    }
    b->refused += error;
    if (c != NULL && !error && !welcome && !left)
        done(b, c, v, n);
    if (c != NULL)
        c->type = CMD_NONE;
    rights_note(b);
}

static void hang(struct bench *b, int client)
{
    b->clients[client] = NULL;
    b->m.who[client] = (struct guest_or_user){.user = NONE};
    for (int i = 0; i < PENDING; i++)
        if (b->pending[i].client == client)
            b->pending[i].type = CMD_NONE;
}

static void listen(struct bench *b)
{
    model_look(&b->m);
    for (int i = 0; i < CLIENTS; i++) {
        struct client *c = b->clients[i];
        if (c == NULL)
            continue;
        for (str s = hear(c); s.n != 0; s = hear(c))
            heard(b, i, s);
        if (c->closed)
            hang(b, i);
    }
}

// ---- the helper, which this is

static void verdict_tell(struct bench *b, uint32_t at)
{
    struct token_mail *job = b->jobs[at];
    uint32_t shard = b->job_shards[at];
    const struct token_facts f = token_read(job->token);
    char block[CAPS_BYTES_MAX], user[8] = "";
    struct verdict_mail v = {
        .issued_ms = b->n->wall_ms, .expires_ms = b->n->wall_ms + f.ttl_ms, .why = STR("Because.")};
    v.verdict = !f.well_formed || f.verdict == 'b' ? TOKEN_BAD
                : f.verdict == 'e'                 ? TOKEN_EXPIRED
                : f.verdict == 'u'                 ? TOKEN_BUSY
                : f.verdict == 'l'                 ? TOKEN_LATER
                                                   : TOKEN_GOOD;
    v.retry_ms = v.verdict == TOKEN_LATER ? 100 : 0;
    // As verified_is_somebody has it: a hello, or what goes on with one, is somebody's.
    if (v.verdict == TOKEN_GOOD && f.user == NONE && job->kept == 0)
        v.verdict = TOKEN_BAD;
    if (f.user != NONE)
        snprintf(user, sizeof user, "u%d", f.user);
    if (v.verdict == TOKEN_GOOD) {
        size_t n = token_caps(&f, block);
        v.user = str_from_cstr(user);
        v.caps = n > 0 ? str_make(block, n) : STR_NONE;
    }
    b->jobs_n--;
    memmove(&b->jobs[at], &b->jobs[at + 1], (b->jobs_n - at) * sizeof *b->jobs);
    memmove(&b->job_shards[at], &b->job_shards[at + 1], (b->jobs_n - at) * sizeof *b->job_shards);
    tell(b->n, shard, job, &v);
    listen(b);
}

static void jobs_take(struct bench *b)
{
    for (uint32_t shard = 0; shard < b->n->shards; shard++) {
        struct token_mail *job;
        while (b->jobs_n < JOBS && (job = asked(b->n, shard)) != NULL) {
            b->job_shards[b->jobs_n] = shard;
            b->jobs[b->jobs_n++] = job;
        }
    }
}

static void settle(struct bench *b)
{
    net_settle(b->n);
    listen(b);
    jobs_take(b);
    while ((!b->hold || b->jobs_n == JOBS) && b->jobs_n > 0) {
        verdict_tell(b, 0);
        jobs_take(b);
    }
    listen(b);
}

// ---- what holds after each act

// Of all rooms: what nobody may change who is refused.
static uint64_t heads(const struct bench *b)
{
    uint64_t sum = 0;
    for (int i = 0; i < ROOMS; i++) {
        const struct room *r = net_room_at(b->n, rooms[i].name);
        if (r != NULL)
            sum += (r->log.head + 1) * (uint64_t)(1 + i * 1000003) + (uint64_t)(uint8_t)r->epoch[0];
    }
    return sum;
}

static bool is_member(const struct bench *b, int user, int room)
{
    uint32_t shard;
    uint32_t at = net_room_index(b->n, rooms[room].name, &shard);
    const struct home *h = &b->n->sh[shard]->home;
    return at != MAP_NONE && member_find(h, room_at(h, at), str_from_cstr(b->m.users[user])) != MAP_NONE;
}

static void check(struct bench *b)
{
    struct claim said = {.type = CMD_NONE};
    net_check(b->n);
    for (said.room = 0; said.room < ROOMS; said.room++)
        for (int user = 0; user < USERS; user++)
            if (b->n->now_ms < b->m.rooms[said.room].banned_ms[user] && b->m.users[user][0] != '\0' &&
                is_member(b, user, said.room))
                breach(&said, "%s is there, and is banned", b->m.users[user]);
    for (said.client = 0; said.client < CLIENTS; said.client++) {
        const struct guest_or_user *w = &b->m.who[said.client];
        for (said.room = 0; said.room < ROOMS; said.room++)
            if (w->seats[said.room].in && w->seats[said.room].pass &&
                over(&b->m, w->seats[said.room].ends_ms))
                breach(&said, "its token has ended, and it is there");
        said.room = NONE;
        if (w->user != NONE && w->by.well_formed && over(&b->m, w->ends_ms))
            breach(&said, "its session's token has ended, and it is there");
    }
}

// ---- acts

static void act_connect(struct bench *b, int client, uint8_t how, uint8_t what)
{
    if (b->clients[client] != NULL || b->n->client_n >= NET_CLIENTS_MAX)
        return;
    struct client *c = net_ws(b->n, (uint32_t)how % b->n->shards, "/ws");
    if (c->refused)
        return;
    b->clients[client] = c;
    struct buf out;
    buf_init(&out, &b->n->mem, 0);
    buf_put_str(&out, STR("\"type\":\"hello\""));
    if (client != CLIENTS - 1) {
        buf_put_str(&out, STR(",\"token\":\""));
        put_token(&out, client, ROOMS + 5, how | 0x30, what);
        buf_put_char(&out, '"');
    }
    buf_put_char(&out, '}');
    say_text(b, client, buf_str(&out));
    buf_deinit(&out);
}

static void act_command(struct bench *b, int client, uint8_t which)
{
    enum command_type type = CMD_NONE;
    for (unsigned skip = which;
         type == CMD_NONE || skip > 0;) { // the which-th of those that there are, again and again
        type = (enum command_type)((type + 1) % CMD_COUNT);
        if (commands[type].name != NULL && skip > 0)
            skip--;
        if (commands[type].name == NULL && skip == 0)
            skip = 1;
    }
    struct buf out;
    buf_init(&out, &b->n->mem, 0);
    put_command(b, &out, client, type);
    say_text(b, client, buf_str(&out));
    buf_deinit(&out);
}

static void act_text(struct bench *b, int client, uint8_t n) { say_text(b, client, input_bytes(&b->in, n)); }

// What the fuzzer would find seldom: a join with a token that is good, or with an invitation.
static void act_join(struct bench *b, int client, uint8_t how)
{
    struct buf out;
    buf_init(&out, &b->n->mem, 0);
    buf_put_str(&out, STR("\"type\":\"join\",\"room\":\""));
    const struct invite *v = some_invitation(b, how >> 4);
    bool invited = (how & 4) != 0 && v->token[0] != '\0';
    int room = invited ? v->room : how % ROOMS;
    buf_put_str(&out, str_from_cstr(rooms[room].name));
    buf_put_str(&out, STR("\",\"token\":\""));
    if (invited)
        buf_put_str(&out, str_from_cstr(v->token));
    else
        put_token(&out, client, room, 0x81, input_byte(&b->in));
    buf_put_str(&out, STR("\"}"));
    say_text(b, client, buf_str(&out));
    buf_deinit(&out);
}

static void step(struct bench *b)
{
    uint8_t op = input_byte(&b->in), arg = input_byte(&b->in);
    int client = (op >> 4) % CLIENTS;
    uint64_t before = heads(b);
    bool quiet = b->jobs_n == 0;
    b->done = b->refused = b->sent = 0;
    switch (op & 15) {
    case 0:
        act_connect(b, client, arg, input_byte(&b->in));
        break;
    case 1:
        if (b->clients[client] != NULL)
            cut(b->clients[client]);
        break;
    case 2:
        act_text(b, client, arg);
        break;
    case 3:
        net_wait(b->n, arg & 128 ? (uint64_t)(arg & 127) * 500 : (uint64_t)arg * 20);
        break;
    case 4:
        b->hold = arg & 1;
        break;
    case 5:
        if (b->jobs_n > 0)
            verdict_tell(b, arg % b->jobs_n);
        break;
    case 6:
    case 7:
        act_join(b, client, arg);
        break;
    default:
        act_command(b, client, arg);
    }
    settle(b);
    // One command, which was refused at once: nothing is as it was not.
    if (quiet && b->sent == 1 && b->refused == 1 && b->done == 0 && b->jobs_n == 0 && (op & 15) != 3)
        ASSERT(heads(b) == before);
    check(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct room_rule rules[ROOMS];
    struct bench *b = calloc(1, sizeof *b);
    ASSERT(b != NULL);
    b->in = (struct fuzz_input){data, size};
    uint8_t world = input_byte(&b->in);
    b->n = token_net(1 + (world & 1), 1);
    struct settings *s = &b->n->settings;
    s->connections_max = 3 * CLIENTS; // what is not there need not be checked after each act
    s->rooms_max = 2 * ROOMS;
    s->expiry_grace_ms = GRACE_MS;
    s->room_grace_ms = CLOSED_MS;
    s->member_grace_ms = 3000;
    s->invitations = 3;
    s->heartbeat_ms = s->heartbeat_max_ms = 120000;
    for (int i = 0; i < ROOMS; i++) {
        rules[i] = (struct room_rule){.match = str_from_cstr(rooms[i].name), .room = s->room};
        rules[i].room.room_access = rooms[i].access;
        rules[i].room.newcomer_role = rooms[i].newcomers;
        rules[i].name = str_from_cstr(rooms[i].rule);
    }
    s->rules = rules;
    s->rules_n = ROOMS;
    net_start(b->n);
    model_init(&b->m, b->n);
    for (int i = 0; i < CLIENTS && (world & 2) != 0; i++) { // everybody is here already
        act_connect(b, i, (uint8_t)i, 0x38);
        settle(b);
    }
    for (int i = 0; i < ACTS_MAX && b->in.left > 0; i++)
        step(b);
    b->hold = false;
    settle(b);
    check(b);
    net_free(b->n);
    free(b);
    return 0;
}
