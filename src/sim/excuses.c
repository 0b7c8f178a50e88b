// SPDX-License-Identifier: Apache-2.0
//
// Which errors a well-formed command of a well-behaved client may meet, and why.
#include "sim/heard.h"
#include "sim/rates.h"
#include "sim/revoke.h"

// Not who has come by a token that is good for the room.
static bool may_be_refused(const struct world *w, const struct client *c, int room)
{
    bool guest = tenancy_guest(c->user);
    switch (world_room(w, room)->room_access) {
    case ACCESS_OPEN:
        return false;
    case ACCESS_TOKEN:
        return guest;
    case ACCESS_INVITE:
        return guest || !hands_invited(c);
    }
    UNREACHABLE();
}

// What commands of this kind alone may meet.
static bool kind_explains(struct world *w, const struct client *c, const struct asked *a, str code)
{
    switch (a->kind) {
    case SAID_HELLO:
        if (str_eq(code, STR("limit_reached")))
            return client_may_be_many(w, c);
        if (str_eq(code, STR("token_revoked")))
            return revoke_explains(w, c, a->at_ms);
        if (a->token == TOKEN_IS_LATE || a->token == TOKEN_IS_FORGED)
            return str_eq(code, a->token == TOKEN_IS_LATE ? STR("token_expired") : STR("unauthorized"));
        return str_eq(code, STR("token_expired")) && w->now_ms + 2000 > c->resume_ms + w->settings.resume_ms;
    case SAID_REFRESH:
        if (a->room != NONE)
            return false;
        if (tenancy_guest(c->user))
            return str_eq(code, STR("bad_command"));
        if (str_eq(code, STR("token_revoked")))
            return revoke_explains(w, c, a->at_ms);
        return a->token != TOKEN_IS_GOOD &&
               str_eq(code, a->token == TOKEN_IS_LATE ? STR("token_expired") : STR("unauthorized"));
    case SAID_JOIN:
    case SAID_SWITCH:
        if (str_eq(code, STR("forbidden")))
            return may_be_refused(w, c, a->room) || !hands_serve(w, c, c->user, "create");
        return str_eq(code, STR("limit_reached")) || str_eq(code, STR("room_full")) ||
               str_eq(code, STR("already_member")) || str_eq(code, STR("not_member"));
    case SAID_CREATE:
        if (str_eq(code, STR("forbidden")))
            return may_be_refused(w, c, a->room) || !hands_serve(w, c, c->user, "create");
        return creates_explain(a, code);
    case SAID_DIRECT:
        return str_eq(code, STR("forbidden")) && !hands_serve(w, c, c->user, "direct");
    case SAID_ROOMS:
        return str_eq(code, STR("forbidden")) && !hands_serve(w, c, c->user, "rooms");
    case SAID_CHANGE: // of others, of what is not kept, of another version
        if (str_eq(code, STR("forbidden")) || str_eq(code, STR("not_found")) || str_eq(code, STR("conflict")))
            return true;
        return str_eq(code, STR("not_member")) && !c->seats[a->room].on;
    case SAID_DECREE: // of who is not there, too
        return str_eq(code, STR("not_member"));
    case SAID_STATE:
        if (str_eq(code, STR("conflict")))
            return a->has_since;
        if (str_eq(code, STR("limit_reached")) || str_eq(code, STR("too_large")))
            return true;
        return str_eq(code, STR("not_member")) && !c->seats[a->room].on;
    case SAID_READ:
        return reads_explain(w, c, a, code);
    case SAID_MESSAGE:
    case SAID_LEAVE:
    case SAID_MEMBERS:
    case SAID_HISTORY:
        return str_eq(code, STR("not_member")) && !c->seats[a->room].on;
    default:
        return false;
    }
}

bool hear_excused(struct world *w, const struct client *c, const struct asked *a, str code, str sentence)
{
    const struct settings *s = &w->settings;
    if (a->kind == SAID_BAD || w->draining || tenancy_explains(w, c, a, code))
        return true;
    bool joins = a->kind == SAID_JOIN || a->kind == SAID_SWITCH || a->kind == SAID_CREATE;
    bool nobody = c->refused && a->at_ms <= c->hello_said_ms;
    if (a->kind != SAID_HELLO && nobody && str_eq(code, STR("unauthorized")))
        return true;
    bool rooms = s->rooms_connection.per_s != 0 || s->rooms_user.per_s != 0 || s->rooms_address.per_s != 0;
    if (str_eq(code, STR("room_closed")) && a->room != NONE)
        return decrees_explain(w, c, a->room, code);
    bool decreed = (joins || a->kind == SAID_MESSAGE || a->kind == SAID_DECREE || a->kind == SAID_INVITE ||
                    a->kind == SAID_CHANGE || a->kind == SAID_STATE || a->kind == SAID_READ) &&
                   decrees_explain(w, c, a->room, code);
    const bool lists = a->kind == SAID_MEMBERS || a->kind == SAID_HISTORY || a->kind == SAID_READ;
    if (decreed || ((joins || lists || a->kind == SAID_MESSAGE || a->kind == SAID_STATE ||
                     (a->kind == SAID_REFRESH && a->room != NONE)) &&
                    passes_explain(w, c, a, code)))
        return true;
    if (invites_explain(w, a, code) || guests_explain(w, c, a, code))
        return true;
    if (str_eq(code, STR("rate_limited")))
        return (s->commands_per_s != 0 && str_starts(sentence, STR("\"Too many commands at once;"))) ||
               (joins && rooms && str_starts(sentence, STR("\"Too many new rooms"))) ||
               rates_explain(w, c, a, sentence);
    const struct message *m = truth_message(w, a->message); // said again when an epoch ended
    bool again = ((a->kind == SAID_MESSAGE && m->keyed && m->attempts > 1) || a->kind == SAID_CHANGE) &&
                 w->plan.engine_fails != 0; // a reaction given twice, too
    if (str_eq(code, STR("unavailable")))
        return w->plan.refuse_one_in != 0 || (joins && w->plan.engine_loss != 0) || again ||
               ((a->kind == SAID_HELLO || a->kind == SAID_REFRESH || joins) && w->plan.key_ms != 0);
    return kind_explains(w, c, a, code);
}
