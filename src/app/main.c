// SPDX-License-Identifier: Apache-2.0
//
// plenum: the program. Everything it can do is a command of app/commands.c.
#include "app/commands.h"

#include <unistd.h>

int main(int argc, char **argv) { return (int)commands_run(argc, argv, environ); }
