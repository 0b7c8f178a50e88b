// SPDX-License-Identifier: Apache-2.0
//
// complaints.h - the list of everything that is wrong with a configuration.
//
// The readers of the configuration (app/config_yaml.h, app/config_override.h) go on after a mistake and collect;
// whoever asked for the configuration prints the list and exits with 2, or, on a reload, keeps the old one. A line is
//
//     plenum.yaml:7: limits.message_bytes: got 128MiB, expected bytes from 128 to 67108864 (64 MiB)
//     PLENUM_SERVER_SHARDS: got "many", expected a whole number from 1 to 64, or 0 for one per core
//     --heartbeat.min_s: got 90, expected at most heartbeat.interval_s (30)
//
// A warning does not stop anything: a variable that is set for another program may look like ours.
//
// Limits: COMPLAINTS_MAX lines are kept, the rest is counted. Strings of strangers must be escaped by the caller
// (complaint_quote). Ownership: a plain value, nothing to free.
#ifndef PLENUM_APP_COMPLAINTS_H
#define PLENUM_APP_COMPLAINTS_H

#include "base/str.h"

#include <stdio.h>

enum {
    COMPLAINTS_MAX = 50,
    COMPLAINT_TEXT_MAX = 768, // bytes: all keys of a rule, and which of them was meant
    COMPLAINT_QUOTE_MAX = 96, // bytes of a quoted value in a line, quotes included
};

struct complaint {
    bool warning;
    char text[COMPLAINT_TEXT_MAX];
};

struct complaints {
    size_t errors;   // all of them, those not kept included
    size_t warnings; // likewise
    size_t count;    // kept
    struct complaint items[COMPLAINTS_MAX];
};

void complaints_init(struct complaints *p);
void complaint_add(struct complaints *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
void complaint_warn(struct complaints *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

// One line each; warnings begin with "warning: ". A last line counts what was not kept.
void complaints_print(const struct complaints *p, FILE *out);

struct complaint_quote {
    char z[COMPLAINT_QUOTE_MAX];
};
// The value in quotes, escaped and cut to a readable length; `nothing` where it is empty.
struct complaint_quote complaint_quote(str value);
// The same without quotes, for a name that stands before the colon.
struct complaint_quote complaint_bare(str name);

#endif
