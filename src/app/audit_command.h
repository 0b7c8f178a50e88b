// SPDX-License-Identifier: Apache-2.0
//
// audit_command.h - `plenum audit`: whether the files of an audit are whole, and what is in them.
#ifndef PLENUM_APP_AUDIT_COMMAND_H
#define PLENUM_APP_AUDIT_COMMAND_H

#include "app/exit_code.h"

#define AUDIT_USAGE                                                                     \
    "plenum audit verify FILE... [--key-file FILE] [--expect SEQ:HASH] | plenum audit " \
    "show FILE... [--room NAME] [--user ID] [--event NAME] [--since TIME]"
extern const char audit_help[];

// The arguments behind "audit"; environment as environ.
enum exit_code audit_command(int argc, char **argv, char **environment);

#endif
