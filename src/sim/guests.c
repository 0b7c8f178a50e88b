// SPDX-License-Identifier: Apache-2.0
//
// What guests may in rooms and on the server (auth.guest_caps), where that is said: in one of five runs, by dice of its own. What it comes
// to is written down here once more, by words and not by what core reads of them, and held to what is said, joined, made and
// listed by whoever came without a token.
#include "sim/world.h"

#include "core/home/rights.h"

enum {
    NOTHING = RIGHT_BIT(RIGHT_NONE), // which says something all the same
    READS = NOTHING | RIGHT_BIT(RIGHT_JOIN) | RIGHT_BIT(RIGHT_READ) | RIGHT_BIT(RIGHT_LIST),
    SPEAKS = READS | RIGHT_BIT(RIGHT_PUBLISH) | RIGHT_BIT(RIGHT_SIGNAL) | RIGHT_BIT(RIGHT_EDIT_OWN) |
             RIGHT_BIT(RIGHT_DELETE_OWN),
    SHARES = SPEAKS | RIGHT_BIT(RIGHT_STATE),
    KEEPS_ORDER = SHARES | RIGHT_BIT(RIGHT_KICK) | RIGHT_BIT(RIGHT_MUTE) | RIGHT_BIT(RIGHT_SLOW) |
                  RIGHT_BIT(RIGHT_DELETE_ANY),
};

// By the number of the plan, from 1.
static const struct {
    const char *caps;
    uint32_t lobby, elsewhere;
    const char *server;
} plans[] = {
    {"{\"rooms\":{\"**\":[\"join\",\"publish\"]},\"server\":[\"create\",\"direct\"]}", SPEAKS, SPEAKS,
     "create direct"},
    {"{\"rooms\":{\"**\":[\"join\"],\"lobby\":[\"join\",\"publish\",\"state\"]},\"server\":[\"create\",\"rooms\"]}",
     SHARES, READS, "create rooms"},
    {"{\"rooms\":{\"lobby\":[\"publish\",\"join\"]},\"server\":[\"create\"]}", SPEAKS, NOTHING, "create"},
    {"{\"rooms\":{\"lobby\":[],\"*\":[\"join\",\"publish\",\"state\",\"moderate\"],\"**:*\":[\"join\",\"publish\","
     "\"state\",\"moderate\"]},\"server\":[\"direct\",\"create\",\"rooms\"]}",
     NOTHING, KEEPS_ORDER, "create direct rooms"},
    // Without a word about the server: who is let in may be the first.
    {"{\"rooms\":{\"**\":[\"join\",\"publish\",\"state\"]}}", SHARES, SHARES, "create"},
    {"{\"rooms\":{\"**\":[\"publish\",\"join\"]},\"server\":[]}", SPEAKS, SPEAKS, ""},
};
enum { PLANS = sizeof plans / sizeof *plans };

void guests_plan(struct world *w)
{
    struct prng dice;
    struct sentence why;
    size_t n;
    prng_init(&dice, w->options->seed ^ 0x6e657374);
    if (prng_below(&dice, 5) != 0)
        return;
    w->plan.guests = 1 + (uint32_t)prng_below(&dice, PLANS);
    enum err made = caps_make(str_from_cstr(plans[w->plan.guests - 1].caps), w->guest_caps, &n, &why);
    ASSERT(made == OK);
    w->settings.guest_caps = str_make(w->guest_caps, n);
}

// What they have by that, 0: what rooms give to anybody.
static uint32_t rights_in(const struct world *w, int room)
{
    if (w->plan.guests == 0)
        return 0;
    return room == 0 ? plans[w->plan.guests - 1].lobby : plans[w->plan.guests - 1].elsewhere;
}

static bool is_guest(str user)
{
    char name[USER_ID_MAX + 1];
    ASSERT(user.n <= USER_ID_MAX);
    memcpy(name, user.p, user.n);
    name[user.n] = '\0';
    return tenancy_guest(name);
}

bool guests_may(const struct world *w, int room, str user, enum right right)
{
    return w->plan.guests == 0 || !is_guest(user) || (rights_in(w, room) >> right & 1) != 0;
}

bool guests_serve(const struct world *w, const char *word)
{
    return w->plan.guests == 0 || strstr(plans[w->plan.guests - 1].server, word) != NULL;
}

bool guests_gave(const struct world *w, int room, const struct entry *e)
{
    return w->plan.guests != 0 && is_guest(e->user) && e->grant == rights_in(w, room);
}

static enum right right_of(enum entry_type type)
{
    return type == ENTRY_EDIT ? RIGHT_EDIT_OWN : type == ENTRY_DELETE ? RIGHT_DELETE_OWN : RIGHT_PUBLISH;
}

// A record by a guest says what guests may. What is said and what is decided is looked at by that (decrees.c); here, what is about a message.
void guests_check(struct world *w, int room, const struct entry *e, bool has_role)
{
    if (!is_guest(e->user) || str_eq(e->session, STR("api")))
        return;
    if (e->grant == 0)
        trace_fail(w, NULL, "RIGHTS: offset %llu of %s is by a guest, and by what newcomers may",
                   (unsigned long long)e->offset, w->room_names[room]);
    if (entry_about(e->type) && !has_role && (e->grant >> right_of(e->type) & 1) == 0 &&
        (e->type != ENTRY_DELETE || (e->grant >> RIGHT_DELETE_ANY & 1) == 0))
        trace_fail(w, NULL, "RIGHTS: offset %llu of %s is by a guest, who may not",
                   (unsigned long long)e->offset, w->room_names[room]);
}

// Who has come by a token of the room, or has been given a role in it, may more.
void guests_check_signal(struct world *w, int room, const struct entry *e)
{
    if (e->type != ENTRY_SIGNAL || guests_may(w, room, e->user, RIGHT_SIGNAL))
        return;
    bool more = str_eq(e->session, STR("api")) || decrees_gave(w, room, e->user);
    for (uint32_t i = 0; i < w->plan.clients && !more; i++)
        more = passes_let_in(&w->clients[i], room);
    if (!more)
        trace_fail(w, NULL, "RIGHTS: %.*s signals in %s, and may not", STR_ARG(e->user), w->room_names[room]);
}

// Who is not welcome yet may be one.
static bool maybe(const struct world *w, const struct client *c)
{
    return w->plan.guests != 0 && (!c->welcomed || tenancy_guest(c->user));
}

bool guests_hush(const struct world *w, const struct client *c)
{
    bool hushed = false;
    for (int room = 0; room < ROOMS_MAX; room++)
        hushed = hushed || (rights_in(w, room) >> RIGHT_SIGNAL & 1) == 0;
    return maybe(w, c) && hushed;
}

bool guests_explain(const struct world *w, const struct client *c, const struct asked *a, str code)
{
    const uint32_t rights = a->room != NONE ? rights_in(w, a->room) : 0;
    if (!maybe(w, c) || !str_eq(code, STR("forbidden")))
        return false;
    switch (a->kind) {
    case SAID_JOIN:
    case SAID_SWITCH:
    case SAID_CREATE:
        return (rights >> RIGHT_JOIN & 1) == 0 || !guests_serve(w, "create");
    case SAID_MESSAGE:
        return (rights >> RIGHT_PUBLISH & 1) == 0;
    case SAID_STATE:
        return (rights >> RIGHT_STATE & 1) == 0;
    case SAID_DIRECT:
        return !guests_serve(w, "direct");
    case SAID_ROOMS:
        return !guests_serve(w, "rooms");
    default:
        return false;
    }
}
