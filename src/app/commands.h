// SPDX-License-Identifier: Apache-2.0
//
// commands.h - the words behind `plenum`: what each takes, does and exits with.
//
// Output that was asked for goes to stdout, complaints go to stderr, the exit code is one of app/exit_code.h. Every
// command answers --help.
#ifndef PLENUM_APP_COMMANDS_H
#define PLENUM_APP_COMMANDS_H

#include "app/exit_code.h"

// Runs the command line; argv[0] is the program. `environment` as environ.
enum exit_code commands_run(int argc, char **argv, char **environment);

#endif
