// SPDX-License-Identifier: Apache-2.0
//
// api_key.h - `plenum apikey`: makes a key of the HTTP API, and the row of `api.keys` that lets it in.
#ifndef PLENUM_APP_API_KEY_H
#define PLENUM_APP_API_KEY_H

#include "app/exit_code.h"

// name: of the row, NULL for one that stands for it.
enum exit_code api_key_make(const char *name);

#endif
