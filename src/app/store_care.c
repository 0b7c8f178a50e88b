// SPDX-License-Identifier: Apache-2.0
//
// What is one call of the driver's, and a line about it.
#include "app/audit_file.h"
#include "app/complaints.h"
#include "app/store_tool.h"
#include "io/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void show_time(struct store_tool *t, const char *name, uint64_t ms)
{
    struct tm tm;
    char text[32];
    const time_t s = (time_t)(ms / 1000);
    if (ms == 0 || gmtime_r(&s, &tm) == NULL || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        return;
    fprintf(t->out, "%s=%s\n", name, text);
}

enum exit_code store_info_show(struct store_tool *t)
{
    struct store_info info;
    const enum store_fault fault = t->driver->info(t->link, &info, &t->why);
    if (fault != STORE_FINE) {
        store_tool_tell(t, "cannot say what is in it", fault);
        return EXIT_FAILED;
    }
    fprintf(t->out,
            "kind=%s\nversion=%s\nschema=%" PRIu32 "\nrooms=%" PRIu64 "\nrecords=%" PRIu64 "\nbytes=%" PRIu64
            "\n",
            t->driver->name, info.version, info.schema, info.rooms, info.records, info.bytes);
    show_time(t, "oldest", info.oldest_ms);
    show_time(t, "newest", info.newest_ms);
    return EXIT_DONE;
}

enum exit_code store_compact(struct store_tool *t)
{
    struct store_info before, after;
    enum store_fault fault = t->driver->info(t->link, &before, &t->why);
    if (fault == STORE_FINE)
        fault = t->driver->compact(t->link, &t->why);
    if (fault == STORE_FINE)
        fault = t->driver->info(t->link, &after, &t->why);
    if (fault != STORE_FINE)
        store_tool_tell(t, "cannot compact it", fault);
    else
        fprintf(t->out, "compacted: %" PRIu64 " bytes, were %" PRIu64 "\n", after.bytes, before.bytes);
    return fault == STORE_FINE ? EXIT_DONE : EXIT_FAILED;
}

enum exit_code store_backup(struct store_tool *t, const char *path)
{
    struct stat there;
    const str name = str_from_cstr(path);
    if (lstat(path, &there) == 0) {
        fprintf(t->err, "plenum store: %s is there already, and a backup is written over nothing\n",
                complaint_bare(name).z);
        return EXIT_USAGE;
    }
    const enum store_fault fault = t->driver->backup(t->link, path, &t->why);
    if (fault != STORE_FINE)
        store_tool_tell(t, "cannot back it up", fault);
    else if (lstat(path, &there) == 0)
        fprintf(t->out, "backup: %s, %lld bytes\n", complaint_bare(name).z, (long long)there.st_size);
    return fault == STORE_FINE ? EXIT_DONE : EXIT_FAILED;
}

// ---- forget

static bool tell_audit(struct store_tool *t, const char *path, const char *why)
{
    fprintf(t->err, "plenum store: the audit %s: %s\n", complaint_bare(str_from_cstr(path)).z, why);
    return false;
}

static bool audit_begin(struct store_tool *t, struct audit_file *f, const char *path, str text)
{
    struct audit_key key = {.n = text.n};
    struct io_error error = {""};
    ASSERT(text.n <= AUDIT_KEY_MAX);
    memcpy(key.bytes, text.p != NULL ? text.p : "", text.n);
    return audit_file_open(f, path, &key, t->mem, &error) == OK || tell_audit(t, path, error.text);
}

// Before anything is done: a line that was not written cannot be made up for.
static bool audit_say(struct store_tool *t, struct audit_file *f, str user, enum store_forget how)
{
    const struct audit_event e = {
        .type = AUDIT_FORGET, .target = user, .how = how == FORGET_ERASE ? STR("erase") : STR("pseudonym")};
    struct clock now = {.now_ns = 0};
    clock_read(&now);
    if (audit_chain_put(&f->chain, &f->line, now.wall_ms, UINT32_MAX, &e) != OK)
        return tell_audit(t, f->path, "memory is out");
    if (audit_file_append(f) && audit_file_sync(f))
        return true;
    char reason[128];
    return tell_audit(t, f->path, strerror_r(errno, reason, sizeof reason));
}

static enum exit_code forget(struct store_tool *t, str user, enum store_forget how)
{
    uint64_t records = 0;
    const enum store_fault fault = t->driver->forget(t->link, user, how, &records, &t->why);
    if (fault != STORE_FINE && fault != STORE_NOTHING) {
        store_tool_tell(t, "cannot forget", fault);
        return EXIT_FAILED;
    }
    fprintf(t->out, "forgotten: %s, %" PRIu64 " records %s\n", complaint_bare(user).z, records,
            how == FORGET_ERASE ? "have no words of theirs any more" : "are nobody's who is known");
    return EXIT_DONE;
}

enum exit_code store_forget_user(struct store_tool *t, str user, enum store_forget how, const char *audit,
                                 str audit_key)
{
    struct audit_file f = {.fd = -1};
    enum exit_code code = EXIT_USAGE;
    if (audit == NULL)
        return forget(t, user, how);
    if (!audit_begin(t, &f, audit, audit_key))
        return EXIT_USAGE;
    if (audit_say(t, &f, user, how))
        code = forget(t, user, how);
    audit_file_close(&f);
    return code;
}
