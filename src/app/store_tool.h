// SPDX-License-Identifier: Apache-2.0
//
// store_tool.h - what the commands of `plenum store` are made of (app/store_command.h): a store that is open, by any driver
// (io/store_driver.h), and ways through all that is in it.
//
// Each command says on t->out what it has found or done, and on t->err, in one line, why it has not. It returns EXIT_DONE; EXIT_FAILED
// where what there is is damaged, or the work broke off; EXIT_USAGE where nothing was done.
//
// Ownership: the streams are the caller's. Memory: a piece of records, and the image of one room, at a time; verify: what is made of
// one room. Thread: one.
#ifndef PLENUM_APP_STORE_TOOL_H
#define PLENUM_APP_STORE_TOOL_H

#include "app/exit_code.h"
#include "io/store_driver.h"

#include <stdio.h>

enum {
    STORE_EXPORT_VERSION = 1,
    STORE_TOOL_PIECE = 1 << 20, // bytes of records that are asked for at a time
    STORE_TOOL_NAMES = 256,     // names of rooms, likewise
    STORE_LINE_MAX = 256 << 20, // bytes of a line of an export: an image, mostly
};

struct store_tool {
    const struct store_driver *driver;
    struct store_db *db;
    struct store_link *link;
    struct mem *mem;
    FILE *out, *err;
    bool well;               // as the run will be ended (store_driver.h, close)
    bool shows;              // err is a terminal: how far it has come is told
    uint64_t rooms, records; // that were gone through
    struct store_why why;
};

// A link that writes, unless c->read_only. False with a line on err; nothing is open then.
bool store_tool_open(struct store_tool *t, const struct store_driver *d, const struct store_config *c);
void store_tool_close(struct store_tool *t);
// Tells what t->why says, or else the fault.
void store_tool_tell(struct store_tool *t, const char *doing, enum store_fault fault);
// How far it has come, where somebody looks.
void store_tool_progress(const struct store_tool *t, bool ends);

// Each room, in order of their names. fn returns EXIT_DONE to go on.
typedef enum exit_code store_room_fn(void *ctx, str name);
enum exit_code store_each_room(struct store_tool *t, store_room_fn *fn, void *ctx);
// Each record of a range. The fault of the driver; STORE_DAMAGED where there is a hole.
typedef bool store_record_fn(void *ctx, uint64_t offset, str record);
enum store_fault store_each_record(struct store_tool *t, str room, uint64_t first, uint64_t last,
                                   store_record_fn *fn, void *ctx);
// Facts and image of a room that stays whose it is. Both are emptied first.
enum store_fault store_peek(struct store_tool *t, str room, struct store_room *ret, struct buf *image);
// Where the fingerprints of its images come from; zeros where it has none.
enum store_fault store_hash_key(struct store_tool *t, struct siphash_key *ret);

enum exit_code store_info_show(struct store_tool *t);
enum exit_code store_verify(struct store_tool *t);
// The format: docs/STORE.md.
enum exit_code store_export(struct store_tool *t, FILE *to);
// Nothing is changed unless all of the file is good. merge: the store may have rooms; those of the file that it has are gone on with.
enum exit_code store_import(struct store_tool *t, FILE *from, bool merge);
enum exit_code store_compact(struct store_tool *t);
enum exit_code store_backup(struct store_tool *t, const char *path);
// audit: the file of an audit, for the line that says so; NULL: none.
enum exit_code store_forget_user(struct store_tool *t, str user, enum store_forget how, const char *audit,
                                 str audit_key);

#endif
