// SPDX-License-Identifier: Apache-2.0
//
// audit_file.h - the file that the lines of an audit (core/audit/chain.h) are appended to: how it is opened, gone on with after a
// crash, and handed over to logrotate.
//
//      open      not there, or empty    --> a chain begins; its first line
//                lines                  --> the last one is checked, by its own hash; the chain goes on behind it
//                a torn end (a crash)   --> closed, by a line that says how many bytes and which (`torn`)
//                anything else          --> refused: what it is, is for a person to say
//      reopen    another file by now    --> `rotated` in the old one, the first line of the new one goes on with the chain
//
// Only a regular file that nobody else writes is taken (flock), and no link to one; one that is made is its owner's alone (0600).
//
// A line is one write, whole or not at all: what a full disk has taken of it is cut off again. Where that fails, too, the file is
// looked at anew before the next line, as at a start.
//
// Ownership: fd and buffers are the file's. Thread: one at a time. Errors: with a sentence in struct io_error.
#ifndef PLENUM_APP_AUDIT_FILE_H
#define PLENUM_APP_AUDIT_FILE_H

#include "core/audit/chain.h"
#include "io/io_error.h"

#include <sys/types.h>

struct audit_file {
    const char *path; // the caller's, for as long as it is open
    int fd;           // -1: it is not
    dev_t device;
    ino_t number;
    bool broken; // its end is not known
    struct audit_chain chain;
    struct buf line; // that was made last
    struct mem *mem;
};

// ERR_NOMEM; ERR_SYNTAX: it is no audit, or not this one's; ERR_EXISTS: another process writes it; ERR_DENIED: the system.
enum err audit_file_open(struct audit_file *f, const char *path, const struct audit_key *key, struct mem *mem,
                         struct io_error *error) WARN_UNUSED;
void audit_file_close(struct audit_file *f); // a zeroed one is fine

// Appends f->line, which is the chain's next one, and makes it its newest. False, with errno: nothing has changed.
bool audit_file_append(struct audit_file *f) WARN_UNUSED;
// False, with errno: what was appended may not be on the disk, and will not be by another try.
bool audit_file_sync(struct audit_file *f) WARN_UNUSED;
// The path is looked at again. *ret_new: another file goes on. Not OK: the old one does, and why.
enum err audit_file_reopen(struct audit_file *f, bool *ret_new, struct io_error *error) WARN_UNUSED;

#endif
