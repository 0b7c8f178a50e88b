// SPDX-License-Identifier: Apache-2.0
//
// serve.h - `plenum serve`: from a configuration to a running server, and through its signals to its end.
//
//     load config -- mistakes --> exit 2
//         |
//     create server -- port taken, no memory --> exit 1
//         |
//     banner, "ready" on stdout
//         |                    SIGHUP: reload (app/reload.h)
//     wait for signals  <---------------------+  SIGUSR1: one line with how things are (app/status.h)
//         |                                   |
//         +-- SIGTERM, SIGINT: /readyz says 503 for drain.readiness_s; another one ends that
//                 |
//               drain
//                 |         \ another one: cut everything off, exit 130
//             exit 0 within drain.deadline_s
#ifndef PLENUM_APP_SERVE_H
#define PLENUM_APP_SERVE_H

#include "app/config.h"
#include "app/exit_code.h"

// Runs the server until it is told to leave. `sources` is read again at every reload.
enum exit_code serve_run(const struct config_sources *sources);

#endif
