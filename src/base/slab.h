// SPDX-License-Identifier: Apache-2.0
//
// slab.h - a pool of equal objects with stable addresses, small indices and generations.
//
//     chunk 0                              chunk 1 (given back)   chunk 2
//     [head|obj][head|obj]...[head|obj]    -                      [head|obj]...   index = chunk * per_chunk + place
//     head = {gen, next free}: gen is odd while in use; +1 at allocation and at free
//
// Outside references to an object are (index, generation): a stale one finds nothing instead of a stranger, also when
// its chunk was given back and taken anew. Objects never move, so a pointer is good until the object is freed. Chunks
// are taken from `mem` as needed (a chunk is at most 32 KiB, or one object) and given back when their last object is
// freed, except where no other chunk has room: a pool that comes and goes around one object keeps its chunk.
//
// Invariants (slab_check)
//   1. a chunk that is there has `used` objects in use and the others once in its free list.
//   2. a chunk with room is in the list of open chunks, one that was given back in the list of void ones, a full one in
//      neither; high <= count_max.
//
// slab_keep makes a pool get its next chunk while some objects are left, and not give the last ones back: so there are a
// few when memory is out, and who takes one can see (slab_kept) that it is of those.
//
// Objects are aligned to 8 bytes. A generation repeats after 2^31 uses of the same object.
// Limits: `count_max` objects. Errors: SLAB_NONE from slab_alloc at the limit or when memory is out.
// Thread: the owner's only.
#ifndef PLENUM_BASE_SLAB_H
#define PLENUM_BASE_SLAB_H

#include "base/assert.h"
#include "base/mem.h"
#include <stdbool.h>

#define SLAB_NONE UINT32_MAX

struct slab_cells; // per_chunk cells, each with its object

struct slab_chunk {
    struct slab_cells *cells; // NULL: given back
    uint32_t used;
    uint32_t free_head;  // index of the first free object, or SLAB_NONE
    uint32_t gen;        // of its cells when they are made: beyond all that were ever given out here
    uint32_t prev, next; // in the list it is in; SLAB_NONE at the ends
};

// The head before each object.
struct slab_cell {
    uint32_t gen;
    uint32_t next_free; // index, or SLAB_NONE at the end of the list and while in use
};

struct slab {
    struct mem *mem;
    struct slab_chunk *chunks;
    uint32_t chunk_count;
    uint32_t chunk_cap;
    uint32_t open, empty; // first chunk with room, first one that was given back; SLAB_NONE without one
    uint32_t per_chunk;   // a power of two
    uint32_t shift;       // log2(per_chunk)
    uint32_t size;        // bytes of one object, rounded up to 8
    uint32_t count;       // in use
    uint32_t count_max;
    uint32_t high;  // all indices are below it
    uint32_t cells; // of the chunks that are there, in use or not
    uint32_t keep;  // so many of them free, where memory allows it
};

void slab_init(struct slab *s, struct mem *m, size_t object_size, uint32_t count_max);
void slab_deinit(struct slab *s); // frees all chunks; objects must need no clean-up of their own
// The index of a zeroed object: of a chunk's the one freed last, else the lowest never used; a new chunk is begun only
// when everything below it is in use. SLAB_NONE at the limit or when memory is out.
uint32_t slab_alloc(struct slab *s);
// The object must be in use (asserted): freeing twice is caught.
void slab_free(struct slab *s, uint32_t index);
// From here on so many are free besides those in use, up to the limit. False while that cannot be, as memory is out.
bool slab_keep(struct slab *s, uint32_t count);
// Likewise, tried anew; for after an allocation.
bool slab_kept(struct slab *s);
size_t slab_bytes(const struct slab *s); // taken from mem
// Asserts the invariants; O(high), for tests and the simulator.
void slab_check(const struct slab *s);

// For the functions here: the cell of an index below `high` whose chunk is there, in use or not.
static inline struct slab_cell *slab_cell_at(const struct slab *s, uint32_t index)
{
    size_t place = index & (s->per_chunk - 1);
    char *cells = (char *)s->chunks[index >> s->shift].cells;
    return (struct slab_cell *)(void *)(cells + place * (sizeof(struct slab_cell) + s->size));
}

static inline bool slab_there(const struct slab *s, uint32_t index)
{
    return index < s->high && s->chunks[index >> s->shift].cells != NULL;
}

// True if index is below `high` and in use.
static inline bool slab_used(const struct slab *s, uint32_t index)
{
    return slab_there(s, index) && (slab_cell_at(s, index)->gen & 1);
}

// The object, which must be in use (asserted).
static inline void *slab_at(const struct slab *s, uint32_t index)
{
    ASSERT(slab_there(s, index));
    struct slab_cell *cell = slab_cell_at(s, index);
    ASSERT(cell->gen & 1);
    return cell + 1;
}

// The object if index is in use with that generation, else NULL. Safe for any index.
static inline void *slab_get(const struct slab *s, uint32_t index, uint32_t gen)
{
    if (!slab_there(s, index))
        return NULL;
    struct slab_cell *cell = slab_cell_at(s, index);
    return (gen & 1) && cell->gen == gen ? cell + 1 : NULL;
}

// The current generation of an index whose chunk is there (asserted): odd while in use.
static inline uint32_t slab_gen(const struct slab *s, uint32_t index)
{
    ASSERT(slab_there(s, index));
    return slab_cell_at(s, index)->gen;
}

#endif
