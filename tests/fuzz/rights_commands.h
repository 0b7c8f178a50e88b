// SPDX-License-Identifier: Apache-2.0
//
// rights_commands.h - what fuzz_rights.c says: any command of the table (dialect/command.h) with such of its keys as the input picks, and
// values of which some are right. A command or a key that is added is said too; a kind of key that has no value here is left out.
#ifndef PLENUM_TESTS_FUZZ_RIGHTS_COMMANDS_H
#define PLENUM_TESTS_FUZZ_RIGHTS_COMMANDS_H

#include "fuzz/fuzz_input.h"
#include "fuzz/rights_model.h"

enum { PENDING = 64, JOBS = 16, COMMAND_KEYS_MAX = 12 };

struct bench {
    struct model m;
    struct net *n;
    struct client *clients[CLIENTS]; // NULL: not connected
    struct claim pending[PENDING];   // by id; type NONE: none
    uint64_t next_id;
    bool hold; // verdicts, until they are let go
    struct token_mail *jobs[JOBS];
    uint32_t job_shards[JOBS], jobs_n;
    unsigned done, refused, sent; // in this act
    struct fuzz_input in;
};

// ---- the table

struct key_use {
    uint8_t key; // enum command_key
    bool must;
};

static const struct {
    const char *name; // NULL: none of the JSON protocol
    struct key_use keys[COMMAND_KEYS_MAX];
} commands[CMD_COUNT] = {
#define INNER(lower) NULL
#define NATIVE(lower) #lower
#define COMPACT(lower) NULL
#define HTTP(lower) NULL
#define MUST(k) {KEY_##k, true},
#define MAY(k) {KEY_##k, false},
#define API(k)
#define API_MUST(k)
#define X(upper, lower, where, use, ...) {where(lower), {use{KEY_NONE, false}}},
    COMMANDS(X)
#undef X
#undef API_MUST
#undef API
#undef MAY
#undef MUST
#undef HTTP
#undef COMPACT
#undef NATIVE
#undef INNER
};

static const char *const key_names[KEY_COUNT] = {NULL, // KEY_NONE
#define X(key, name, ...) name,
                                                 COMMAND_KEYS(X)
#undef X
};

// Mostly good ones, few of which say something of the server, of the client's own user or of nobody.
static void put_token(struct buf *out, int client, int room, uint8_t a, uint8_t c)
{
    static const char verdicts[] = "gbeul";
    bool own = client < KNOWN + 1 && (a & 0x30) != 0;
    char text[8];
    snprintf(text, sizeof text, "t%c%c%u%u%u", verdicts[(a & 15) == 15 ? 1 + c % 4 : 0],
             own               ? (char)('0' + (client < KNOWN ? client : KNOWN - 1))
             : (a & 0x40) != 0 ? '0'
                               : 'n',
             (a & 15) == 14 ? CAPS - 2 + c % 2u : c % (CAPS - 2u),
             (a & 0x80) != 0 ? (unsigned)room : (unsigned)(c >> 6 == 3 ? 9 : room), (unsigned)(c >> 3) % 8);
    buf_put_str(out, str_from_cstr(text));
}

static void put_user(struct buf *out, const struct bench *b, uint8_t v)
{
    const char *user = b->m.users[v % USERS];
    buf_put_str(out, str_from_cstr(user[0] != '\0' ? user : "stranger"));
}

static const struct invite *some_invitation(const struct bench *b, uint8_t v)
{
    const struct invite *i = &b->m.invitations[v % INVITATIONS];
    return i->token[0] != '\0' ? i : &b->m.invitations[0];
}

// As of the room now, mostly.
static void put_since(struct buf *out, const struct bench *b, uint8_t room, uint8_t v)
{
    const struct about_room *r = &b->m.rooms[room % ROOMS];
    BUF_PUT_LIT(out, "{\"epoch\":\"");
    buf_put_str(out, r->there && v % 8 != 0 ? str_make(r->epoch, EPOCH_LEN) : STR("x"));
    BUF_PUT_LIT(out, "\",\"offset\":");
    buf_put_u64(out, v % 16);
    buf_put_char(out, '}');
}

// JSON; false: of these there is none at hand.
static bool put_value(struct bench *b, struct buf *out, int client, enum command_key key, uint8_t room)
{
    static const char *const roles[] = {"guest", "member", "host", "owner"}, *const seconds[] = {"0", "1",
                                                                                                 "5", "60"};
    uint8_t v = input_byte(&b->in);
    char text[32];
    switch (key) {
    case KEY_room:
    case KEY_to_room:
    case KEY_from:
        snprintf(text, sizeof text, "\"%s\"", rooms[(key == KEY_from ? v : room) % ROOMS].name);
        break;
    case KEY_user:
    case KEY_to_user:
        buf_put_char(out, '"');
        put_user(out, b, v);
        buf_put_char(out, '"');
        return true;
    case KEY_token:
    case KEY_entry_token:
        buf_put_char(out, '"');
        if (key == KEY_entry_token && (v & 3) == 0)
            buf_put_str(out, str_from_cstr(some_invitation(b, v >> 2)->token[0] != '\0'
                                               ? some_invitation(b, v >> 2)->token
                                               : "inv_x"));
        else
            put_token(out, client, room % ROOMS, v, input_byte(&b->in));
        buf_put_char(out, '"');
        return true;
    case KEY_invitation:
        snprintf(text, sizeof text, "\"%s\"",
                 some_invitation(b, v)->token[0] != '\0' ? some_invitation(b, v)->id : "AbCd1234");
        break;
    case KEY_role:
        snprintf(text, sizeof text, "\"%s\"", roles[v % 4]);
        break;
    case KEY_seconds:
    case KEY_ttl_s:
        snprintf(text, sizeof text, "%s", seconds[v % 4]);
        break;
    case KEY_expires:
        snprintf(text, sizeof text, "%llu", (unsigned long long)(b->n->wall_ms + v * 1000u));
        break;
    case KEY_offset:
    case KEY_reply_to:
    case KEY_uses:
    case KEY_history:
    case KEY_limit:
    case KEY_edit_of:
        snprintf(text, sizeof text, "%u", 1u + v % 12);
        break;
    case KEY_before:
        snprintf(text, sizeof text, "%u", 1u + v % 12);
        break;
    case KEY_since:
        put_since(out, b, room, v);
        return true;
    case KEY_if_version:
        snprintf(text, sizeof text, v & 1 ? "%u" : "{\"k0\":%u}", (v >> 1) % 8u);
        break;
    case KEY_rule:
        snprintf(text, sizeof text, "\"%s\"", v % 5 < ROOMS ? rooms[v % 5].rule : "as-none");
        break;
    case KEY_after:
    case KEY_prefix:
        snprintf(text, sizeof text, "\"%s\"", v & 1 ? rooms[v / 2 % ROOMS].name : "o");
        break;
    case KEY_on:
    case KEY_members:
    case KEY_echo:
        snprintf(text, sizeof text, "%s", v & 1 ? "true" : "false");
        break;
    case KEY_set:
        snprintf(text, sizeof text, "{\"k%u\":%u}", v % 3u, (unsigned)v);
        break;
    case KEY_unset:
        snprintf(text, sizeof text, "[\"k%u\"]", v % 3u);
        break;
    case KEY_merge:
        snprintf(text, sizeof text, "{\"k%u\":null}", v % 3u);
        break;
    case KEY_data:
    case KEY_name:
    case KEY_key:
    case KEY_reaction:
    case KEY_reason:
    case KEY_conflate:
        snprintf(text, sizeof text, "\"w%u\"", v % 4u);
        break;
    default:
        return false;
    }
    buf_put_str(out, str_from_cstr(text));
    return true;
}

// What stands behind the id.
static void put_command(struct bench *b, struct buf *out, int client, enum command_type type)
{
    uint8_t room = input_byte(&b->in), may = input_byte(&b->in);
    buf_put_str(out, STR("\"type\":\""));
    buf_put_str(out, str_from_cstr(commands[type].name));
    buf_put_char(out, '"');
    for (int i = 0; commands[type].keys[i].key != KEY_NONE; i++) {
        const struct key_use *use = &commands[type].keys[i];
        if (!use->must && (may >> i & 1) == 0)
            continue;
        size_t before = out->n;
        buf_put_str(out, STR(",\""));
        buf_put_str(out, str_from_cstr(key_names[use->key]));
        buf_put_str(out, STR("\":"));
        if (!put_value(b, out, client, use->key, room))
            out->n = before;
    }
    buf_put_char(out, '}');
}

#endif
