// SPDX-License-Identifier: Apache-2.0
//
// Objects in chunks, found by index; a free object waits on a list that runs through the cell heads.
//
// Generation and list link sit in an 8-byte head before each object rather than in an array of their own: a check
// of the generation then touches the cache line that the object's first fields are on, and would else miss once
// more per lookup. (The array would save 4 bytes an object.) The list is last in, first out: the object freed last
// is the one still in the cache. Rejected: one array that is moved when it grows (pointers must stay good during a
// turn), and giving empty chunks back (the pool is sized by its limit anyway).
//
// With AddressSanitizer, free objects are poisoned: a pointer kept over slab_free is reported where it is used.
#include "base/slab.h"

#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define SLAB_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLAB_ASAN 1
#endif
#endif
#ifdef SLAB_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

// Large enough that the allocator's own overhead and the table of chunks vanish, small enough that a pool with a
// few objects wastes little.
enum { SLAB_CHUNK_BYTES = 16 * 1024, SLAB_CHUNKS_MIN = 8 };

static size_t slab_stride(const struct slab *s) { return sizeof(struct slab_cell) + s->size; }

static size_t slab_chunk_bytes(const struct slab *s) { return slab_stride(s) << s->shift; }

void slab_init(struct slab *s, struct mem *m, size_t object_size, uint32_t count_max)
{
    ASSERT(object_size > 0 && object_size <= 1u << 30);
    ASSERT(count_max < SLAB_NONE);
    *s = (struct slab){.mem = m, .count_max = count_max, .free_head = SLAB_NONE};
    s->size = (uint32_t)((object_size + 7) & ~(size_t)7);
    // As many as fit a chunk, but no more than a power of two that the limit needs.
    while (slab_chunk_bytes(s) * 2 <= SLAB_CHUNK_BYTES && (uint64_t)1 << s->shift < count_max)
        s->shift++;
    s->per_chunk = 1u << s->shift;
}

void slab_deinit(struct slab *s)
{
    for (uint32_t i = 0; i < s->chunk_count; i++) {
        ASAN_UNPOISON_MEMORY_REGION(s->chunks[i], slab_chunk_bytes(s));
        mem_free(s->mem, s->chunks[i], slab_chunk_bytes(s));
    }
    if (s->chunks)
        mem_free(s->mem, s->chunks, s->chunk_cap * sizeof *s->chunks);
    s->chunks = NULL;
    s->chunk_count = 0;
    s->chunk_cap = 0;
    s->count = 0;
    s->high = 0;
    s->free_head = SLAB_NONE;
}

static bool slab_add_chunk(struct slab *s)
{
    if (s->chunk_count == s->chunk_cap) {
        uint32_t cap = s->chunk_cap ? s->chunk_cap * 2 : SLAB_CHUNKS_MIN;
        struct slab_chunk **chunks =
            mem_realloc(s->mem, s->chunks, s->chunk_cap * sizeof *chunks, cap * sizeof *chunks);
        if (!chunks)
            return false;
        s->chunks = chunks;
        s->chunk_cap = cap;
    }
    struct slab_chunk *chunk = mem_alloc(s->mem, slab_chunk_bytes(s));
    if (!chunk)
        return false;
    s->chunks[s->chunk_count++] = chunk;
    return true;
}

// The first object never handed out; its cell is set up here and not with the chunk, so that the pages of a chunk
// are touched as they are needed.
static struct slab_cell *slab_take_fresh(struct slab *s, uint32_t *ret_index)
{
    if (s->high >> s->shift == s->chunk_count && !slab_add_chunk(s))
        return NULL;
    *ret_index = s->high++;
    struct slab_cell *cell = slab_cell_at(s, *ret_index);
    *cell = (struct slab_cell){0, SLAB_NONE};
    return cell;
}

uint32_t slab_alloc(struct slab *s)
{
    if (s->count >= s->count_max)
        return SLAB_NONE;
    uint32_t index = s->free_head;
    struct slab_cell *cell;
    if (index != SLAB_NONE) {
        cell = slab_cell_at(s, index);
        s->free_head = cell->next_free;
    } else {
        cell = slab_take_fresh(s, &index);
        if (!cell)
            return SLAB_NONE;
    }
    ASSERT((cell->gen & 1) == 0);
    cell->gen++;
    cell->next_free = SLAB_NONE;
    s->count++;
    ASAN_UNPOISON_MEMORY_REGION(cell + 1, s->size);
    memset(cell + 1, 0, s->size);
    return index;
}

void slab_free(struct slab *s, uint32_t index)
{
    ASSERT(slab_used(s, index));
    struct slab_cell *cell = slab_cell_at(s, index);
    cell->gen++;
    cell->next_free = s->free_head;
    s->free_head = index;
    s->count--;
    ASAN_POISON_MEMORY_REGION(cell + 1, s->size);
}

void slab_check(const struct slab *s)
{
    ASSERT(s->count <= s->count_max && s->high <= s->count_max);
    ASSERT(s->high <= (uint64_t)s->chunk_count << s->shift);
    uint32_t used = 0, free_count = 0;
    for (uint32_t i = 0; i < s->high; i++)
        used += slab_used(s, i);
    ASSERT(used == s->count);
    for (uint32_t i = s->free_head; i != SLAB_NONE; i = slab_cell_at(s, i)->next_free) {
        ASSERT(i < s->high && !slab_used(s, i));
        ASSERT(++free_count <= s->high); // a list that bites its tail would never end
    }
    ASSERT(free_count == s->high - s->count);
}
