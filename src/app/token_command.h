// SPDX-License-Identifier: Apache-2.0
//
// token_command.h - `plenum token`: makes tokens for trying out and for scripts, and says what is in one and whether it would
// be taken.
#ifndef PLENUM_APP_TOKEN_COMMAND_H
#define PLENUM_APP_TOKEN_COMMAND_H

#include "app/exit_code.h"

#define TOKEN_USAGE \
    "plenum token --sub USER [--name NAME] [--ttl TIME] ... | plenum token inspect [TOKEN] [-c FILE] ..."
extern const char token_help[];

// The arguments behind "token"; environment as environ.
enum exit_code token_command(int argc, char **argv, char **environment);

#endif
