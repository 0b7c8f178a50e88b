// SPDX-License-Identifier: Apache-2.0
//
// Objects in chunks, found by index; a free object waits on a list that runs through the cell heads.
//
// Generation and list link sit in an 8-byte head before each object rather than in an array of their own: a check
// of the generation then touches the cache line that the object's first fields are on, and would else miss once
// more per lookup. (The array would save 4 bytes an object.) Each chunk has a free list of its own, last in, first out:
// the object freed last is the one still in the cache; and a chunk can be given back without looking for its cells in a
// list of all. What it leaves behind is the highest generation of its cells, with which they begin when they are made
// again. Rejected: one array that is moved when it grows (pointers must stay good during a turn), and keeping what a
// peak has left (100,000 members who are gone were 8 MB for good).
//
// The chunk that got room last is used first, one that was given back before a new one. So a chunk that
// was never there is begun only when all objects below it are in use: who keeps an array by index needs no more places
// than there were objects at the most, and a chunk.
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

#define UNSANITIZED __attribute__((no_sanitize("address", "undefined")))

// Large enough that the allocator's own overhead and the table of chunks vanish, and that what lies between two chunks, and
// comes and goes, shares few pages with them (at half of it idle rooms of two cost 9 % more); small enough that a pool with
// a few objects wastes little.
enum { SLAB_CHUNK_BYTES = 32 * 1024, SLAB_CHUNKS_MIN = 8 };

static size_t slab_stride(const struct slab *s) { return sizeof(struct slab_cell) + s->size; }

static size_t slab_chunk_bytes(const struct slab *s) { return slab_stride(s) << s->shift; }

void slab_init(struct slab *s, struct mem *m, size_t object_size, uint32_t count_max)
{
    ASSERT(object_size > 0 && object_size <= 1u << 30);
    ASSERT(count_max < SLAB_NONE);
    *s = (struct slab){.mem = m, .count_max = count_max, .open = SLAB_NONE, .empty = SLAB_NONE};
    s->size = (uint32_t)((object_size + 7) & ~(size_t)7);
    // As many as fit a chunk, but no more than a power of two that the limit needs.
    while (slab_chunk_bytes(s) * 2 <= SLAB_CHUNK_BYTES && (uint64_t)1 << s->shift < count_max)
        s->shift++;
    s->per_chunk = 1u << s->shift;
}

static void cells_free(struct slab *s, struct slab_chunk *c)
{
    ASAN_UNPOISON_MEMORY_REGION(c->cells, slab_chunk_bytes(s));
    mem_free(s->mem, c->cells, slab_chunk_bytes(s));
    c->cells = NULL;
}

void slab_deinit(struct slab *s)
{
    for (uint32_t i = 0; i < s->chunk_count; i++)
        if (s->chunks[i].cells != NULL)
            cells_free(s, &s->chunks[i]);
    mem_free(s->mem, s->chunks, s->chunk_cap * sizeof *s->chunks);
    s->chunks = NULL;
    s->chunk_count = 0;
    s->chunk_cap = 0;
    s->count = 0;
    s->high = 0;
    s->cells = 0;
    s->open = s->empty = SLAB_NONE;
}

size_t slab_bytes(const struct slab *s)
{
    size_t bytes = s->chunk_cap * sizeof *s->chunks;
    for (uint32_t i = 0; i < s->chunk_count; i++)
        bytes += s->chunks[i].cells != NULL ? slab_chunk_bytes(s) : 0;
    return bytes;
}

// --- the lists of chunks

static void chunk_link(struct slab *s, uint32_t *head, uint32_t i)
{
    s->chunks[i].prev = SLAB_NONE;
    s->chunks[i].next = *head;
    if (*head != SLAB_NONE)
        s->chunks[*head].prev = i;
    *head = i;
}

static void chunk_unlink(struct slab *s, uint32_t *head, uint32_t i)
{
    const struct slab_chunk *c = &s->chunks[i];
    if (c->prev != SLAB_NONE)
        s->chunks[c->prev].next = c->next;
    else
        *head = c->next;
    if (c->next != SLAB_NONE)
        s->chunks[c->next].prev = c->prev;
}

// --- cells of a chunk

// Of the last one only those that the limit allows.
static uint32_t chunk_cells(const struct slab *s, uint32_t i)
{
    uint64_t first = (uint64_t)i << s->shift, end = first + s->per_chunk;
    return (uint32_t)((end > s->count_max ? s->count_max : end) - first);
}

// All in its free list, lowest first; of the last chunk only those that the limit allows.
static bool cells_make(struct slab *s, uint32_t i)
{
    struct slab_chunk *c = &s->chunks[i];
    c->cells = mem_alloc(s->mem, slab_chunk_bytes(s));
    if (c->cells == NULL)
        return false;
    uint64_t first = (uint64_t)i << s->shift, end = first + s->per_chunk;
    if (end > s->count_max)
        end = s->count_max;
    if (end > s->high)
        s->high = (uint32_t)end;
    for (uint64_t k = first; k < end; k++) {
        struct slab_cell *cell = slab_cell_at(s, (uint32_t)k);
        *cell = (struct slab_cell){c->gen, k + 1 < end ? (uint32_t)k + 1 : SLAB_NONE};
        ASAN_POISON_MEMORY_REGION(cell + 1, s->size);
    }
    c->free_head = (uint32_t)first;
    s->cells += (uint32_t)(end - first);
    return true;
}

static bool slab_add_chunk(struct slab *s)
{
    if (s->chunk_count == s->chunk_cap) {
        uint32_t cap = s->chunk_cap ? s->chunk_cap * 2 : SLAB_CHUNKS_MIN;
        struct slab_chunk *chunks =
            mem_realloc(s->mem, s->chunks, s->chunk_cap * sizeof *chunks, cap * sizeof *chunks);
        if (!chunks)
            return false;
        s->chunks = chunks;
        s->chunk_cap = cap;
    }
    s->chunks[s->chunk_count] = (struct slab_chunk){.free_head = SLAB_NONE};
    if (!cells_make(s, s->chunk_count))
        return false;
    chunk_link(s, &s->open, s->chunk_count++);
    return true;
}

static bool slab_more(struct slab *s)
{
    uint32_t i = s->empty;
    if (i == SLAB_NONE)
        return slab_add_chunk(s);
    if (!cells_make(s, i))
        return false;
    chunk_unlink(s, &s->empty, i);
    chunk_link(s, &s->open, i);
    return true;
}

bool slab_kept(struct slab *s)
{
    while (s->cells - s->count < s->keep && s->cells < s->count_max)
        if (!slab_more(s))
            return false;
    return true;
}

bool slab_keep(struct slab *s, uint32_t count)
{
    s->keep = count;
    return slab_kept(s);
}

static void chunk_give_back(struct slab *s, uint32_t i)
{
    struct slab_chunk *c = &s->chunks[i];
    for (uint32_t k = c->free_head; k != SLAB_NONE; k = slab_cell_at(s, k)->next_free)
        if (slab_cell_at(s, k)->gen > c->gen)
            c->gen = slab_cell_at(s, k)->gen;
    s->cells -= chunk_cells(s, i);
    cells_free(s, c);
    chunk_unlink(s, &s->open, i);
    chunk_link(s, &s->empty, i);
}

uint32_t slab_alloc(struct slab *s)
{
    if (s->count >= s->count_max || (s->open == SLAB_NONE && !slab_more(s)))
        return SLAB_NONE;
    struct slab_chunk *c = &s->chunks[s->open];
    uint32_t index = c->free_head;
    struct slab_cell *cell = slab_cell_at(s, index);
    ASSERT((cell->gen & 1) == 0);
    c->free_head = cell->next_free;
    c->used++;
    if (c->free_head == SLAB_NONE)
        chunk_unlink(s, &s->open, s->open);
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
    uint32_t i = index >> s->shift;
    struct slab_chunk *c = &s->chunks[i];
    struct slab_cell *cell = slab_cell_at(s, index);
    cell->gen++;
    cell->next_free = c->free_head;
    if (c->free_head == SLAB_NONE)
        chunk_link(s, &s->open, i);
    c->free_head = index;
    c->used--;
    s->count--;
    ASAN_POISON_MEMORY_REGION(cell + 1, s->size);
    bool last = c->prev == SLAB_NONE && c->next == SLAB_NONE;
    if (c->used == 0 && !last && s->cells - chunk_cells(s, i) >= s->count + s->keep)
        chunk_give_back(s, i);
}

// The free list of a chunk whose cells have all been read. It leads nowhere else, as is asserted before each step, so
// sanitizers need not look at each of them: with them the walk was a quarter of the time of the simulator.
UNSANITIZED static uint32_t free_list_check(const struct slab *s, uint32_t i, uint32_t cells)
{
    const char *first = (const char *)s->chunks[i].cells;
    size_t stride = sizeof(struct slab_cell) + s->size;
    uint32_t n = 0;
    for (uint32_t k = s->chunks[i].free_head; k != SLAB_NONE; n++) {
        ASSERT(k >> s->shift == i);
        ASSERT(k < s->high);
        ASSERT(n < cells); // a list that bites its tail would never end
        const struct slab_cell *cell = (const void *)(first + (k & (s->per_chunk - 1)) * stride);
        ASSERT((cell->gen & 1) == 0); // 1
        k = cell->next_free;
    }
    return n;
}

// One chunk: its cells in use, its free list. Returns how many are in use.
static uint32_t chunk_check(const struct slab *s, uint32_t i)
{
    const struct slab_chunk *c = &s->chunks[i];
    uint32_t used = 0, cells = 0;
    const struct slab_cell *cell = slab_cell_at(s, i << s->shift);
    for (uint32_t k = i << s->shift; k < s->high && k >> s->shift == i; k++, cells++) {
        used += cell->gen & 1;
        cell = (const void *)((const char *)cell + sizeof *cell + s->size);
    }
    ASSERT(used == c->used);                              // 1
    ASSERT(used + free_list_check(s, i, cells) == cells); // 1
    return used;
}

void slab_check(const struct slab *s)
{
    ASSERT(s->count <= s->count_max);
    ASSERT(s->high <= s->count_max); // 2
    ASSERT(s->high <= (uint64_t)s->chunk_count << s->shift);
    uint32_t used = 0, cells = 0, open = 0, empty = 0;
    for (uint32_t i = 0; i < s->chunk_count; i++) {
        bool there = s->chunks[i].cells != NULL;
        used += there ? chunk_check(s, i) : 0;
        cells += there ? chunk_cells(s, i) : 0;
        open += there && s->chunks[i].free_head != SLAB_NONE;
        empty += !there;
    }
    ASSERT(used == s->count);
    ASSERT(cells == s->cells);
    for (uint32_t i = s->open; i != SLAB_NONE; i = s->chunks[i].next)
        ASSERT(s->chunks[i].cells != NULL && s->chunks[i].free_head != SLAB_NONE && open-- > 0); // 2
    for (uint32_t i = s->empty; i != SLAB_NONE; i = s->chunks[i].next)
        ASSERT(s->chunks[i].cells == NULL && empty-- > 0); // 2
    ASSERT(open == 0 && empty == 0);                       // 2
}
