// SPDX-License-Identifier: Apache-2.0
//
// The ledger, in memory that the test sees (sites.h).
//
// The stack is walked with the unwinder of libgcc, as libcrypto has no frame pointers. Addresses are kept by module and offset, so that a
// site is the same one in the next process. Rejected: wrapping at link time, since what libcrypto, libyaml, libcurl and libc ask for would
// not be seen; seccomp or ptrace, which see no allocation, and no stack without stopping the thread.
#include "sites.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <unwind.h>

enum { DEPTH_MAX = 12, SITES = 65536, MODULES = 64, JOURNAL = 65536 };

struct frame {
    uint32_t module; // hash of its name
    uint32_t offset;
};

struct site {
    _Atomic uint64_t hash; // 0 = free
    uint32_t call, ways;
    _Atomic uint32_t done, hits;
    uint32_t frames_n, unused;
    struct frame frames[DEPTH_MAX];
};

struct entry {
    uint32_t site, way, thread, process;
};

struct module {
    _Atomic uint32_t hash;
    char path[124];
};

struct ledger {
    struct {
        _Atomic int32_t armed;      // faults that are still to strike
        _Atomic uint32_t recording; // count hits also where nothing is armed
        _Atomic uint32_t known;     // only sites that are in the ledger already
        _Atomic uint32_t journal_n, sites_n, lost;
    } control;
    _Alignas(4096) struct module modules[MODULES];
    struct entry journal[JOURNAL];
    struct site sites[SITES];
};

_Static_assert(sizeof(struct site) == 128 && sizeof(struct module) == 128, "ledger.mjs reads them");
_Static_assert(offsetof(struct ledger, journal) == 12288 && offsetof(struct ledger, sites) == 1060864,
               "likewise");

struct range {
    uintptr_t begin, end, base;
    uint32_t module;
};

static struct ledger *ledger;
static struct range ranges[256];
static _Atomic uint32_t ranges_n;
static uintptr_t own_begin, own_end;
static _Thread_local __attribute__((tls_model("initial-exec"))) bool inside;

static uint32_t name_hash(const char *name)
{
    uint32_t h = 2166136261U;
    for (; *name != '\0'; name++)
        h = (h ^ (uint8_t)*name) * 16777619U;
    return h | 1;
}

static void module_note(uint32_t hash, const char *path)
{
    for (uint32_t i = 0; i < MODULES; i++) {
        struct module *m = &ledger->modules[(hash + i) % MODULES];
        uint32_t free = 0;
        if (atomic_compare_exchange_strong(&m->hash, &free, hash)) {
            const size_t n = strlen(path);
            memcpy(m->path, path, n < sizeof m->path ? n : sizeof m->path - 1);
            return;
        }
        if (free == hash)
            return;
    }
}

// Ranges are only ever added, and are whole before they are counted; two threads at once may add one twice.
static int on_module(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)size, (void)unused;
    char self[256];
    const char *path = info->dlpi_name;
    if (path[0] == '\0') {
        ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
        self[n > 0 ? n : 0] = '\0';
        path = self;
    }
    uint32_t hash = name_hash(path);
    module_note(hash, path);
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        if (p->p_type != PT_LOAD || !(p->p_flags & PF_X))
            continue;
        uintptr_t begin = info->dlpi_addr + p->p_vaddr, end = begin + p->p_memsz;
        bool is_own = (uintptr_t)on_module >= begin && (uintptr_t)on_module < end;
        if (is_own) {
            own_begin = begin;
            own_end = end;
        }
        uint32_t at = atomic_load(&ranges_n);
        if (at == sizeof ranges / sizeof ranges[0])
            return 1;
        ranges[at] = (struct range){begin, end, info->dlpi_addr, hash};
        atomic_store(&ranges_n, at + 1);
    }
    return 0;
}

static const struct range *range_find(uintptr_t pc)
{
    for (uint32_t i = atomic_load(&ranges_n); i > 0; i--)
        if (pc >= ranges[i - 1].begin && pc < ranges[i - 1].end)
            return &ranges[i - 1];
    return NULL;
}

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("FAULTS_LEDGER");
    int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *p = mmap(NULL, sizeof(struct ledger), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (p == MAP_FAILED)
        return;
    ledger = p;
    inside = true;
    dl_iterate_phdr(on_module, NULL);
    inside = false;
}

struct walk {
    struct frame frames[DEPTH_MAX];
    uint32_t n;
};

static _Unwind_Reason_Code on_frame(struct _Unwind_Context *context, void *data)
{
    struct walk *w = data;
    uintptr_t pc = _Unwind_GetIP(context);
    if (pc >= own_begin && pc < own_end)
        return _URC_NO_REASON;
    const struct range *in = range_find(pc);
    if (in == NULL) { // a library that was loaded meanwhile
        dl_iterate_phdr(on_module, NULL);
        in = range_find(pc);
    }
    w->frames[w->n++] =
        in != NULL ? (struct frame){in->module, (uint32_t)(pc - in->base)} : (struct frame){0, 0};
    return w->n < DEPTH_MAX ? _URC_NO_REASON : _URC_END_OF_STACK;
}

static uint64_t walk_hash(enum call call, const struct walk *w)
{
    uint64_t h = 0x9e3779b97f4a7c15U * ((uint64_t)call + 1);
    for (uint32_t i = 0; i < w->n; i++) {
        h = (h ^ w->frames[i].module) * 0x100000001b3U;
        h = (h ^ w->frames[i].offset) * 0x100000001b3U;
        h ^= h >> 29;
    }
    return h | 1;
}

static struct site *site_find(enum call call, unsigned ways, const struct walk *w)
{
    const uint64_t hash = walk_hash(call, w);
    for (uint32_t i = 0; i < SITES; i++) {
        struct site *s = &ledger->sites[(hash + i) % SITES];
        uint64_t there = atomic_load(&s->hash);
        if (there == hash)
            return s;
        if (there != 0)
            continue;
        if (!atomic_compare_exchange_strong(&s->hash, &there, hash)) {
            if (there == hash)
                return s;
            continue;
        }
        s->call = call;
        s->ways = ways;
        s->frames_n = w->n;
        memcpy(s->frames, w->frames, sizeof s->frames);
        if (atomic_load(&ledger->control.known))
            atomic_store(&s->done, UINT32_MAX);
        atomic_fetch_add(&ledger->control.sites_n, 1);
        return s;
    }
    atomic_fetch_add(&ledger->control.lost, 1);
    return NULL;
}

static bool arm_take(void)
{
    int32_t left = atomic_load(&ledger->control.armed);
    while (left > 0)
        if (atomic_compare_exchange_weak(&ledger->control.armed, &left, left - 1))
            return true;
    return false;
}

// The way that this call is to fail by; n: none.
static unsigned choose(struct site *s, unsigned n)
{
    for (unsigned way = 0; way < n; way++) {
        const uint32_t bit = 1U << way;
        if (atomic_load(&s->done) & bit)
            continue;
        if (!arm_take())
            return n;
        if (atomic_fetch_or(&s->done, bit) & bit) { // another thread was faster: it is not used up by that
            atomic_fetch_add(&ledger->control.armed, 1);
            continue;
        }
        uint32_t at = atomic_fetch_add(&ledger->control.journal_n, 1);
        ledger->journal[at % JOURNAL] = (struct entry){.site = (uint32_t)(s - ledger->sites),
                                                       .way = way,
                                                       .thread = (uint32_t)syscall(SYS_gettid),
                                                       .process = (uint32_t)getpid()};
        return way;
    }
    return n;
}

bool at_rest(void)
{
    return ledger == NULL || inside ||
           (atomic_load_explicit(&ledger->control.armed, memory_order_relaxed) <= 0 &&
            !atomic_load_explicit(&ledger->control.recording, memory_order_relaxed));
}

int strike(enum call call, const int *ways, unsigned n)
{
    if (at_rest())
        return 0;
    inside = true;
    int before = errno;
    struct walk w = {.n = 0};
    _Unwind_Backtrace(on_frame, &w);
    struct site *s = site_find(call, n, &w);
    unsigned way = n;
    if (s != NULL) {
        atomic_fetch_add(&s->hits, 1);
        way = choose(s, n);
    }
    errno = before;
    inside = false;
    return way < n ? ways[way] : 0;
}
