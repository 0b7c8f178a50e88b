// SPDX-License-Identifier: Apache-2.0
//
// cert_command.h - `plenum cert`: a certificate for development.
#ifndef PLENUM_APP_CERT_COMMAND_H
#define PLENUM_APP_CERT_COMMAND_H

#include "app/exit_code.h"

#define CERT_USAGE "plenum cert --out NAME [--names NAME,...] [--days N]"
extern const char cert_help[];

// The arguments behind "cert".
enum exit_code cert_command(int argc, char **argv);

#endif
