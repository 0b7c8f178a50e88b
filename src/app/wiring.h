// SPDX-License-Identifier: Apache-2.0
//
// wiring.h - from the operator's configuration to what core and io are given.
//
// The only place that knows both sides: units become milliseconds and bytes, 0 becomes what it stands for, totals
// become shares of one shard. Every field of struct settings and struct io_settings is set here.
//
// Ownership: struct wiring holds its own copy of the configuration, and both settings point into it; it must not move
// and must outlive the server's use of it (io/server.h, server_settings_set).
#ifndef PLENUM_APP_WIRING_H
#define PLENUM_APP_WIRING_H

#include "app/config.h"
#include "core/common/settings.h"
#include "io/server.h"

// What is decided once, at start, and stays through reloads.
struct wiring_start {
    uint32_t shard_count;
    uint32_t connections_max;
    size_t memory_bytes_max;
    struct siphash_key hash_key;
    uint8_t resume_key[32];
    const struct store_driver *store; // NULL: none; opened by the caller (app/data.h), as these are
    struct store_db *store_db;
    uint64_t steady_from_ms;
    struct tenant_budget *budgets; // TENANTS_MAX, the caller's
    struct mem *deflate;           // of compression, the caller's
    const struct channel_kind
        *channels[LISTENERS_MAX]; // by listener, the caller's (app/certificates.h); NULL = plain
};

// The listeners, in this order; behind them those of server.listen.
enum { LISTENER_ROW_HTTP, LISTENER_ROW_TEXT, LISTENER_ROW_ADMIN, LISTENER_ROWS };
// The words of server.listen[].kind.
enum { LISTEN_KIND_HTTP, LISTEN_KIND_TEXT, LISTEN_KIND_ADMIN };

struct wiring {
    struct config config;
    str origins[CONFIG_LIST_MAX], names[CONFIG_LIST_MAX];
    struct ip_net proxies[CONFIG_LIST_MAX];
    struct room_rule rules[CONFIG_RULES_MAX + CONFIG_TENANTS_MAX];
    char tenant_rooms[CONFIG_TENANTS_MAX][CONFIG_PREFIX_MAX + 3]; // patterns
    struct tenant tenants[CONFIG_TENANTS_MAX];
    char guest_caps[CAPS_BYTES_MAX];
    struct api_key api_keys[API_KEYS_MAX];
    str api_rooms[API_KEYS_MAX][CONFIG_API_ROOMS_MAX];
    struct settings core;
    struct io_settings io;
};

// Looks at the machine (cores, memory, file limit) where the configuration leaves it open, and draws the keys.
// ERR_NOMEM where libcrypto cannot be used: it is set up here, before there are threads (wire/digest.h).
enum err wiring_start_init(struct wiring_start *start, const struct config *c) WARN_UNUSED;
// Logs what of it does not go with this machine.
void wiring_warn(const struct config *c);
// core.keys is left to the caller, who reads the files (app/keys.h). ERR_NOMEM where the hash of a key of the API could not be made: it
// would open nothing.
enum err wiring_init(struct wiring *w, const struct config *c, const struct wiring_start *start) WARN_UNUSED;

#endif
