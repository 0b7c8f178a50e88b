// SPDX-License-Identifier: Apache-2.0
//
// doctor_command.h - `plenum doctor`: what this machine allows of what is configured, and what that costs (app/doctor.h).
#ifndef PLENUM_APP_DOCTOR_COMMAND_H
#define PLENUM_APP_DOCTOR_COMMAND_H

#include "app/config.h"
#include "app/exit_code.h"

#include <stdio.h>

#define DOCTOR_USAGE "plenum doctor [-c FILE] [--section.name=VALUE ...]"
extern const char doctor_help[];

// EXIT_FAILED where something is bad.
enum exit_code doctor_command(const struct config *c, FILE *out);

#endif
