// SPDX-License-Identifier: Apache-2.0
#include "app/reload.h"

#include "app/logger.h"

struct reload_diff reload_adopt(struct config *running, const struct config *next)
{
    struct reload_diff diff = {0};
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        const struct config_key *key = &config_keys[i];
        if (config_value_equal(running, next, key))
            continue;
        diff.changed[i] = true;
        bool live = key->live && (i != CONFIG_ID_tenants_ || config_tenants_same(running, next));
        diff.needs_restart[i] = !live;
        if (live) {
            config_value_copy(running, next, key);
            diff.live++;
        } else {
            diff.start++;
        }
    }
    return diff;
}

void reload_log(const struct reload_diff *diff, const struct config *before, const struct config *next)
{
    // A site per setting: a reload that changes all of them is no flood.
    static struct log_site sites[CONFIG_KEY_COUNT];
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        if (!diff->changed[i])
            continue;
        const struct config_key *key = &config_keys[i];
        struct config_text was = config_value_text(before, key);
        struct config_text is = config_value_text(next, key);
        const struct log_field fields[] = {
            LOG_TEXT("key", key->path), LOG_TEXT("old", was.z), LOG_TEXT("new", is.z), {.key = NULL}};
        bool live = !diff->needs_restart[i];
        // Told at any level, so that the change of the level itself is.
        log_write(&sites[i], live ? LOG_TOLD : LOG_WARN, live ? "setting_changed" : "setting_needs_restart",
                  fields);
    }
    log_told("reloaded", LOG_NUMBER("changed", diff->live), LOG_NUMBER("need_restart", diff->start));
}

void reload_log_rejected(const struct complaints *complaints)
{
    static struct log_site sites[COMPLAINTS_MAX];
    for (size_t i = 0; i < complaints->count; i++) {
        const struct complaint *item = &complaints->items[i];
        const struct log_field fields[] = {LOG_TEXT("problem", item->text), {.key = NULL}};
        log_write(&sites[i], item->warning ? LOG_WARN : LOG_ERROR,
                  item->warning ? "setting_suspicious" : "setting_rejected", fields);
    }
    if (complaints->errors > 0)
        log_error("reload_rejected", LOG_NUMBER("problems", complaints->errors),
                  LOG_TEXT("kept", "the settings as they were"));
}
