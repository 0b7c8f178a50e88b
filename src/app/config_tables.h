// SPDX-License-Identifier: Apache-2.0
//
// config_tables.h - settings that are lists of mappings: what a row of each may hold, a line each.
//
//     rooms:                        setting `rooms.rules` (app/config_schema.h), of kind RULES
//       rules:
//         - match: "team-*"         a row; `match`, `access` are columns of the table of rules
//           access: token
//         - {match: news, presence: none}
//
// A table has a line in CONFIG_TABLES, its columns in a list of their own. All else (struct config_rule and its like, reading,
// errors with file, line and path, printing, docs/CONFIG.md, reload) is made from here, as it is for single settings.
//
// A column is one of two:
//   OWN(row, name, kind, needed, min, max, detail, default, unit, help)
//           as a setting of its own (config_schema.h has the words); NEEDED: no row is without it. The default is what a row has
//           that does not say; for a list and a text it is empty
//   LIKE(row, name, kind, section, setting)
//           what "section.setting" says for all, said for one row: kind, bounds, unit and help are that setting's, and a row
//           that does not say has that setting's value. The kind is written again, as a field's type is made of it
//
// Tables may lie in each other: a column's kind may be a table's. The inner one comes first.
#ifndef PLENUM_APP_CONFIG_TABLES_H
#define PLENUM_APP_CONFIG_TABLES_H

#include "core/auth/caps.h"

enum {
    CONFIG_RULES_MAX = 64,     // rows of each
    CONFIG_ISSUERS_MAX = 16,   //
    CONFIG_TOKEN_KEYS_MAX = 8, // of one issuer
    CONFIG_API_KEYS_MAX = 32,  //
    CONFIG_API_ROOMS_MAX = 16, // patterns of one of them
    CONFIG_TENANTS_MAX = 64,   //
    CONFIG_TLS_MAX = 8,        // of one listener
    CONFIG_LISTEN_MAX = 5,     // listeners beside server.http, server.text and server.admin
    CONFIG_COLUMNS_MAX = 32,   // of one table
};

// clang-format off
#define CONFIG_RULE_COLUMNS(OWN, LIKE) \
    OWN(rule, match, PATTERN, OPTIONAL, 1, ROOM_NAME_MAX, "no room by its name", "", "", \
        "For which rooms it is: a name, or a pattern, in which `*` stands for a part of a segment and `**` for anything; `/` and `:` part segments.") \
    OWN(rule, name, TEXT, OPTIONAL, 1, RULE_NAME_MAX, "none", "", "", \
        "What `create` calls it: a room that is made with this name as its `rule` has this rule, whatever it is called itself. A rule has a match, a name or both.") \
    LIKE(rule, access,            CHOICE, rooms, access) \
    LIKE(rule, listed,            BOOL,   rooms, listed) \
    LIKE(rule, role,              CHOICE, rooms, role) \
    LIKE(rule, host,              CHOICE, rooms, host) \
    LIKE(rule, members_max,       UINT,   rooms, members_max) \
    LIKE(rule, presence,          CHOICE, rooms, presence) \
    LIKE(rule, presence_damping_ms, UINT, rooms, presence_damping_ms) \
    LIKE(rule, echo,              BOOL,   rooms, echo) \
    LIKE(rule, slow_policy,       CHOICE, rooms, slow_policy) \
    LIKE(rule, lag_bytes,         BYTES,  rooms, lag_bytes) \
    LIKE(rule, receipts,          BOOL,   rooms, receipts) \
    LIKE(rule, edit_window_s,     UINT,   rooms, edit_window_s) \
    LIKE(rule, delete_window_s,   UINT,   rooms, delete_window_s) \
    LIKE(rule, flush_interval_ms, UINT,   rooms, flush_interval_ms) \
    LIKE(rule, messages_per_s,    UINT,   rooms, messages_per_s) \
    LIKE(rule, messages_burst,    UINT,   rooms, messages_burst) \
    LIKE(rule, member_messages_per_s, UINT, rooms, member_messages_per_s) \
    LIKE(rule, member_messages_burst, UINT, rooms, member_messages_burst) \
    LIKE(rule, state_keys_max,    UINT,   rooms, state_keys_max) \
    LIKE(rule, state_bytes_max,   BYTES,  rooms, state_bytes_max) \
    LIKE(rule, state_value_max,   BYTES,  rooms, state_value_max) \
    LIKE(rule, state_interval_ms, UINT,   rooms, state_interval_ms) \
    LIKE(rule, invitations_max,   UINT,   rooms, invitations_max) \
    LIKE(rule, invitation_max_s,  UINT,   rooms, invitation_max_s) \
    LIKE(rule, log_entries,       UINT,   log,   entries) \
    LIKE(rule, log_bytes,         BYTES,  log,   bytes) \
    LIKE(rule, log_age_s,         UINT,   log,   age_s) \
    LIKE(rule, durability,        CHOICE, rooms, durability)

#define CONFIG_TOKEN_KEY_COLUMNS(OWN, LIKE) \
    OWN(token_key, kid, TEXT, OPTIONAL, 1, CONFIG_TEXT_MAX, "none", "", "", \
        "Names the key, as the token's header does.") \
    OWN(token_key, algorithm, CHOICE, NEEDED, 0, 0, \
        "HS256|HS384|HS512|RS256|RS384|RS512|PS256|PS384|PS512|ES256|ES384|ES512|EdDSA", "HS256", "", \
        "The only one that this key is good for. What a token's header says is compared with it.") \
    OWN(token_key, secret, SECRET, OPTIONAL, 1, CONFIG_SECRET_MAX, "none", "", "", \
        "Of HS256, HS384, HS512: what both sides know.") \
    OWN(token_key, file, TEXT, OPTIONAL, 1, CONFIG_TEXT_MAX, "none", "", "", \
        "A file with the key: PEM or JWK.")

#define CONFIG_ISSUER_COLUMNS(OWN, LIKE) \
    OWN(issuer, name, TEXT, NEEDED, 1, 64, "", "", "", \
        "What it is called here: in the log, and where a tenant names its issuer.") \
    OWN(issuer, issuer, TEXT, OPTIONAL, 1, CONFIG_TEXT_MAX, "any", "", "", \
        "The `iss` of its tokens.") \
    OWN(issuer, audience, TEXTS, OPTIONAL, 0, 16, "", "", "", \
        "A token is for us if its `aud` has one of these. While the list is empty `aud` is not looked at.") \
    OWN(issuer, keys, TOKEN_KEYS, OPTIONAL, 0, CONFIG_TOKEN_KEYS_MAX, "{kid: a, algorithm: RS256, file: a.pem}", "", "", \
        "Keys that its tokens are signed with.") \
    OWN(issuer, jwks_file, TEXT, OPTIONAL, 1, CONFIG_TEXT_MAX, "none", "", "", \
        "A file with such keys, a JWKS.") \
    OWN(issuer, jwks_url, URL, OPTIONAL, 1, CONFIG_TEXT_MAX, "none", "", "", \
        "Where such keys are fetched from, a JWKS: again before they are stale, and when a token names one that is not there. Those of jwks_file count until the first ones have come.") \
    OWN(issuer, ca_file, TEXT, OPTIONAL, 1, CONFIG_TEXT_MAX, "those that the system trusts", "", "", \
        "A file with certificates (PEM): who vouches for the server of jwks_url, and nobody else.") \
    OWN(issuer, user_claim, TEXT, OPTIONAL, 1, 64, "", "sub", "", \
        "The claim that says who a token's user is.") \
    LIKE(issuer, leeway_s, UINT, auth, leeway_s)

#define CONFIG_TLS_COLUMNS(OWN, LIKE) \
    OWN(tls, cert, TEXT, NEEDED, 1, CONFIG_TEXT_MAX, "", "", "", \
        "A file with the certificate and, behind it, those that lead to its issuer (PEM).") \
    OWN(tls, key, TEXT, NEEDED, 1, CONFIG_TEXT_MAX, "", "", "", \
        "A file with the certificate's private key (PEM, without a password).") \
    OWN(tls, client_ca, TEXT, OPTIONAL, 1, CONFIG_TEXT_MAX, "clients show none", "", "", \
        "A file with certificates (PEM): clients have to show one that these vouch for. This and the next two are the same for all certificates of a listener.") \
    OWN(tls, client_cert, CHOICE, OPTIONAL, 0, 0, "require|request", "require", "", \
        "Whether a client that shows none of client_ca is refused, or let in as it would be without.") \
    OWN(tls, client_user, CHOICE, OPTIONAL, 0, 0, "none|cn|email|uri|dns", "none", "", \
        "What of a client's certificate says which user it is: its common name, or the first name of that kind among its alternative names. With none that is for a token to say.") \
    OWN(tls, ocsp, TEXT, OPTIONAL, 1, CONFIG_TEXT_MAX, "none", "", "", \
        "A file with what the certificate's authority says of it, an OCSP response (DER), which clients are handed with it.")

#define CONFIG_LISTEN_COLUMNS(OWN, LIKE) \
    OWN(listen, address, ADDRESS, NEEDED, 0, 0, "", "", "", \
        "HOST:PORT, or unix:/PATH. Port 0 takes a free one.") \
    OWN(listen, kind, CHOICE, OPTIONAL, 0, 0, "http|text|admin", "http", "", \
        "What is spoken there, as at server.http, server.text or server.admin.") \
    OWN(listen, tls, TLS, OPTIONAL, 0, CONFIG_TLS_MAX, "{cert: a.pem, key: a.key}", "", "", \
        "What it proves to be there. While the list is empty: no TLS.") \
    OWN(listen, proxy_protocol, BOOL, OPTIONAL, 0, 0, "", "false", "", \
        "It is for proxies of server.trusted_proxies, and nobody else: each connection begins with a PROXY header (version 1 or 2), in front of TLS, too.") \
    OWN(listen, mode, CHOICE, OPTIONAL, 0, 0, "0600|0660|0666", "0600", "", \
        "Of a Unix socket: who may connect. The server's own user, its group as well, or everybody.")

#define CONFIG_API_KEY_COLUMNS(OWN, LIKE) \
    OWN(api_key, name, TEXT, NEEDED, 1, 32, "", "", "", \
        "Whose key it is: what is said with it in nobody's name is from `server:NAME`.") \
    OWN(api_key, secret, SECRET, OPTIONAL, 8, CONFIG_SECRET_MAX, "none", "", "", \
        "The key itself. Better in secret_sha256 than here.") \
    OWN(api_key, secret_sha256, SHA256, OPTIONAL, 64, 64, "none", "", "", \
        "The SHA-256 of the key: `plenum apikey` makes both.") \
    OWN(api_key, rights, WORDS, OPTIONAL, 0, 32, CONFIG_API_RIGHTS, "all", "", \
        "What may be asked for with it.") \
    OWN(api_key, rate, UINT, OPTIONAL, 1, 1000000, "no limit", "0", "commands/s", \
        "How many commands a second may be asked for with it, by all connections together. Each of a batch is one, and each room of a broadcast.") \
    OWN(api_key, burst, UINT, OPTIONAL, 1, 1000000, "", "200", "commands", \
        "How many of them at once.") \
    OWN(api_key, rooms, PATTERNS, OPTIONAL, 0, CONFIG_API_ROOMS_MAX, "", "", "", \
        "In which rooms, by name or pattern. While the list is empty: in all.")

#define CONFIG_TENANT_COLUMNS(OWN, LIKE) \
    OWN(tenant, prefix, TENANT, NEEDED, 2, 33, "", "", "", \
        "What the names of its rooms and users begin with, a word and a colon: `acme:`.") \
    OWN(tenant, name, TEXT, OPTIONAL, 1, 32, "the prefix without its colon", "", "", \
        "What it is called: in the subprotocol `plenum.tenant.NAME`, in metrics, in the log.") \
    OWN(tenant, issuer, TEXT, OPTIONAL, 1, 64, "no issuer of its own", "", "", \
        "The one of auth.issuers whose users are this tenant's, and nobody else's.") \
    OWN(tenant, guests, BOOL, OPTIONAL, 0, 0, "", "false", "", \
        "Whether people without a token are let in by its subprotocol, whatever auth.guests says.") \
    OWN(tenant, connections, UINT, OPTIONAL, 1, 10000000, "no limit of its own", "0", "connections", \
        "Connections that its users may have at a time, over all shards.") \
    OWN(tenant, rooms, UINT, OPTIONAL, 1, 10000000, "no limit of its own", "0", "rooms", \
        "Rooms that it may have at a time, over all shards.") \
    OWN(tenant, memory_mb, UINT, OPTIONAL, 1, 1 << 22, "no limit of its own", "0", "MiB", \
        "What its rooms may hold: logs, frames, members. Above seven eighths of it its own old history goes; beyond it what is said there is refused.") \
    OWN(tenant, messages_per_s, UINT, OPTIONAL, 1, 10000000, "no limit of its own", "0", "messages/s", \
        "Messages, signals and directs of all its users together, counted as by rooms.messages_per_s: what is changed about messages and the state, too, and each as one more for every 16 KiB.") \
    OWN(tenant, messages_burst, UINT, OPTIONAL, 1, 1000000, "as many as in a second", "0", "messages", \
        "So many of them may come at once after it was quiet.") \
    LIKE(tenant, slow_policy,     CHOICE, rooms, slow_policy) \
    LIKE(tenant, lag_bytes,       BYTES,  rooms, lag_bytes)

// What may stand in the rights of a key: `all`, which comes first, and the words of core/auth/caps.h.
#define CONFIG_RIGHT_WORD(upper, lower) "|" #lower
#define CONFIG_API_RIGHTS "all" SERVER_WORDS(CONFIG_RIGHT_WORD)

// The kind that a list of such rows is of, the row's name in C, its columns, how many rows there may be.
#define CONFIG_TABLES(X) \
    X(RULES,      rule,      CONFIG_RULE_COLUMNS,      CONFIG_RULES_MAX) \
    X(TOKEN_KEYS, token_key, CONFIG_TOKEN_KEY_COLUMNS, CONFIG_TOKEN_KEYS_MAX) \
    X(TLS,        tls,       CONFIG_TLS_COLUMNS,       CONFIG_TLS_MAX) \
    X(LISTEN,     listen,    CONFIG_LISTEN_COLUMNS,    CONFIG_LISTEN_MAX) \
    X(ISSUERS,    issuer,    CONFIG_ISSUER_COLUMNS,    CONFIG_ISSUERS_MAX) \
    X(API_KEYS,   api_key,   CONFIG_API_KEY_COLUMNS,   CONFIG_API_KEYS_MAX) \
    X(TENANTS,    tenant,    CONFIG_TENANT_COLUMNS,    CONFIG_TENANTS_MAX)
// clang-format on

#endif
