// SPDX-License-Identifier: Apache-2.0
//
// reload.h - what a SIGHUP changes and what it cannot.
//
// A reload is a whole new load of the same sources. Where it has a mistake nothing changes at all; else the live
// settings are taken over and the others are named as waiting for a restart, again at every reload until then.
#ifndef PLENUM_APP_RELOAD_H
#define PLENUM_APP_RELOAD_H

#include "app/config.h"

struct reload_diff {
    size_t live;  // settings that were taken over
    size_t start; // settings that need a restart
    bool changed[CONFIG_KEY_COUNT], needs_restart[CONFIG_KEY_COUNT];
};

// Compares, and takes the live settings of `next` over into `running`.
struct reload_diff reload_adopt(struct config *running, const struct config *next);

// Writes the diff to the log, key by key with old and new value. `before` is `running` as it was.
void reload_log(const struct reload_diff *diff, const struct config *before, const struct config *next);
// Writes each mistake of a rejected load to the log.
void reload_log_rejected(const struct complaints *complaints);

#endif
