// SPDX-License-Identifier: Apache-2.0
//
// exit_code.h - what the program's exit tells the shell; documented in docs/CONFIG.md.
#ifndef PLENUM_APP_EXIT_CODE_H
#define PLENUM_APP_EXIT_CODE_H

enum exit_code {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,        // could not start: a port is taken, no memory; of `audit verify`: it is not whole
    EXIT_USAGE = 2,         // wrong command line or configuration; nothing was started
    EXIT_INTERRUPTED = 130, // a second signal ended the drain (128 + SIGINT, as shells have it)
};

#endif
