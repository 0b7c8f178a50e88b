// SPDX-License-Identifier: Apache-2.0
//
// text_decode_invite.c - lines about rooms that are made, and who is let in: /create, /invite, /uninvite, and the token that may stand
// behind the room of a /join.
#include "dialect/dialect.h"
#include "dialect/dialect_private.h"
#include "dialect/text_private.h"

// Names of rules are one word.
enum err text_decode_create(str args, struct command *ret, struct problem *p)
{
    const bool quoted = args.n != 0 && args.p[0] == '"';
    str room = str_skip(args, quoted ? 1 : 0);
    const size_t end = quoted ? str_find_char(room, '"', 0) : text_word_end(room);
    ret->key = str_trim(str_skip(room, end + 1));
    ret->room = str_take(room, end);
    if (!room_name_valid(ret->room) || ret->key.n > RULE_NAME_MAX)
        return text_bad_usage(p,
                              "`/create ROOM RULE` takes a room, as in `\"ROOM\"` where the name has spaces, "
                              "and perhaps a rule; got {}.",
                              args);
    return OK;
}

// [N] [TIME] [ROLE], each once at most, in any order: a bare number is how often, as a time has its unit.
static bool take_term(str word, struct command *ret)
{
    uint64_t n;
    if (str_to_u64(word, INVITATION_USES_MAX, &n) && n != 0 && ret->uses == 0) {
        ret->uses = (uint32_t)n;
    } else if (role_find(word) != ROLE_COUNT && ret->role.n == 0) {
        ret->role = word;
    } else if (!str_to_u64(word, UINT64_MAX, &n) && !ret->has_seconds &&
               text_take_time(word, &ret->seconds)) {
        ret->has_seconds = true;
    } else {
        return false;
    }
    return true;
}

enum err text_decode_invite(str args, struct command *ret, struct problem *p)
{
    for (str rest = args; rest.n != 0;) {
        const size_t end = text_word_end(rest);
        if (!take_term(str_take(rest, end), ret))
            return text_bad_usage(
                p,
                "`/invite` takes how often, from 1 to 10000, for how long, as in `2h`, and a "
                "role; got {}.",
                args);
        rest = str_trim(str_skip(rest, end));
    }
    return OK;
}

enum err text_decode_uninvite(str args, struct command *ret, struct problem *p)
{
    if (args.n != INVITATION_ID_LEN)
        return text_bad_usage(
            p, "`/uninvite ID` takes the id of an invitation, as `/invites` shows it; got {}.", args);
    ret->key = args;
    return OK;
}

// Names of rooms may have spaces: it is the last word, where that is a token and not the only one.
str text_take_invitation(str *args)
{
    size_t at = args->n;
    while (at != 0 && args->p[at - 1] != ' ' && args->p[at - 1] != '\t')
        at--;
    const str last = str_skip(*args, at);
    if (at == 0 || !str_starts(last, STR("inv_")) || last.n > TOKEN_MAX)
        return STR_NONE;
    *args = str_trim(str_take(*args, at));
    return last;
}
