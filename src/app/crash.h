// SPDX-License-Identifier: Apache-2.0
//
// crash.h - the last words of a failed assertion.
//
// A failed ASSERT is a mistake of ours. Before the trap one line goes to stderr, in the log's format, with the place,
// the expression, the thread it happened on, and where that stood (base/where.h): shard, turn, phase, connection,
// command; the trap leaves a core dump for the rest. Nothing is allocated, no lock is taken and nobody is waited for but, for a moment, the helper of the log: the state of
// the process is not to be trusted any more.
#ifndef PLENUM_APP_CRASH_H
#define PLENUM_APP_CRASH_H

// Installs the hook (base/assert.h). Before threads are started.
void crash_hook_install(void);

#endif
