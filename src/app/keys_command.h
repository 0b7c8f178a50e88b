// SPDX-License-Identifier: Apache-2.0
//
// keys_command.h - `plenum keys`: makes a key pair, and prints the public half as a JWK set.
#ifndef PLENUM_APP_KEYS_COMMAND_H
#define PLENUM_APP_KEYS_COMMAND_H

#include "app/exit_code.h"

#define KEYS_USAGE "plenum keys --out FILE [--alg NAME] [--kid NAME] | plenum keys --from FILE"
extern const char keys_help[];

// The arguments behind "keys".
enum exit_code keys_command(int argc, char **argv);

#endif
