// SPDX-License-Identifier: Apache-2.0
//
// tenant.h - customers of one server who do not feel each other: whose a name is, and what each of them may use up.
//
//     acme:lobby   a room of the tenant whose prefix is "acme:", in which its users are, and nobody else
//     acme:ada     a user of it, whatever the token calls her: "ada" of another tenant is another person
//     lobby, ada   of no tenant
//
// One rule for rooms and users: a name that begins with a tenant's prefix is that tenant's. So whoever has a name knows whose it is,
// without a table, at every home and on every shard alike, and names of two tenants cannot meet: in a room's members, among the users
// that directs reach, in bans, in resume tokens. Rejected: an id beside each name (every place that compares two users
// would have to compare it as well, and the one that forgets is a leak).
//
// Of which tenant a *connection* is, is decided with its hello (edge/edge_tenant.c), and remembered beside who it is (who.h).
//
// What a tenant may use up is counted for all shards in one place, as the memory of the process is (base/mem.h): a budget that a
// connection or a room takes a place of by compare-and-swap, and gives it back. That is touched when people come and go and when
// rooms are made, never by a message but where messages_per_s bounds them. Rejected: shares per shard (a tenant of three
// connections on two shards is refused the second one), and to ask a home by mail, as those who make rooms are (home/creator.h):
// a hello would wait for an ask more, and its place be held while both its answers may be lost with the connection.
//
// Limits: TENANTS_MAX. Ownership: the driver's; budgets outlive the shards. Thread: a budget any, the rest values.
#ifndef PLENUM_CORE_COMMON_TENANT_H
#define PLENUM_CORE_COMMON_TENANT_H

#include "base/mem.h"
#include "base/str.h"
#include "core/common/bucket.h"

enum {
    TENANTS_MAX = 64,
    TENANT_NONE = 0, // tenants are numbered from 1
    TENANT_PREFIX_MAX = 33,
    TENANT_NAME_MAX = 32,
};

struct tenant {
    str name;
    str prefix;                          // a word and a colon
    str issuer;                          // whose users are its own, as the keyring calls it; empty: none
    bool guests;                         // are let in who come by its subprotocol
    uint32_t connections_max, rooms_max; // over all shards; 0 = no limit
    size_t memory_max;                   // of its rooms; 0 = no limit
    struct rate messages;                // of all its users together
};

// What a tenant has used up.
struct tenant_budget {
    struct mem mem; // within the server's
    _Atomic uint32_t connections, rooms;
    _Atomic uint64_t messages; // a struct bucket
};

// "acme:", "acme": letters, digits and - _ .
bool tenant_prefix_valid(str prefix);
bool tenant_name_valid(str name);
// By a name of a room or a user; by its own name; by an issuer's. TENANT_NONE where there is none.
uint8_t tenant_of(const struct tenant *tenants, size_t n, str name);
uint8_t tenant_find(const struct tenant *tenants, size_t n, str name);
uint8_t tenant_of_issuer(const struct tenant *tenants, size_t n, str issuer);

// Full buckets, nothing used up. source: the server's memory.
void tenant_budgets_init(struct tenant_budget *budgets, const struct tenant *tenants, size_t n,
                         struct mem *source);
// Other limits; what is used up beyond them stays.
void tenant_budgets_set(struct tenant_budget *budgets, const struct tenant *tenants, size_t n);
// A place among so many (0: any number): false where there is none. And back.
bool tenant_take(_Atomic uint32_t *used, uint32_t max) WARN_UNUSED;
void tenant_give_back(_Atomic uint32_t *used);
// Something more is said, at that price: 0, and what the bucket has not is owed; or how long until something may be.
uint32_t tenant_say(struct tenant_budget *b, const struct rate *rate, uint32_t tokens,
                    uint64_t now_ms) WARN_UNUSED;

#endif
