// SPDX-License-Identifier: Apache-2.0
//
// notices.h - the notices of core and io as log lines.
//
// They know what happened and not who reads it; the tables here give each notice its level and its name in the log.
// Runs on the shard's thread, inside a turn.
#ifndef PLENUM_APP_NOTICES_H
#define PLENUM_APP_NOTICES_H

#include "core/shard/shard.h"
#include "io/server.h"

// Logs the notice of that shard. Nothing in n is kept.
void notice_log(uint32_t shard, const struct notice *n);
void io_notice_log(const struct io_notice *n);

#endif
