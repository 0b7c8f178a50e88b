// SPDX-License-Identifier: Apache-2.0
//
// mem_malloc.h - the memory source of production: malloc behind struct mem, whose budget bounds it.
//
// One source serves all shards, because blocks cross between them (mail, log segments). malloc is thread-safe, and
// which malloc it is stays the operator's choice (LD_PRELOAD).
#ifndef PLENUM_IO_MEM_MALLOC_H
#define PLENUM_IO_MEM_MALLOC_H

#include "base/mem.h"

// A backend for mem_init. It has no state.
struct mem_backend mem_malloc_backend(void);

#endif
