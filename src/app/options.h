// SPDX-License-Identifier: Apache-2.0
//
// options.h - "--name VALUE" and "--name=VALUE" of a command that has options of its own, by a table.
//
// Settings (--section.name) are not among them: config_override.h. Ownership: values borrow from the arguments.
#ifndef PLENUM_APP_OPTIONS_H
#define PLENUM_APP_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

struct option {
    const char *name;   // with its dashes
    const char **value; // what was said; left alone where nothing was
    bool *said;         // of one that takes no value; value is NULL then
};

// Takes all arguments; at most one that is no option goes into *argument (which may be NULL: there is none). False, with a
// line on stderr that begins with "plenum COMMAND: ".
bool options_take(const struct option *options, size_t n, char **argv, int argc, const char *command,
                  const char *usage, const char **argument);

#endif
