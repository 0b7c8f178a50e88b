// SPDX-License-Identifier: Apache-2.0
#include "app/machine.h"

#include "app/process_stats.h"
#include "base/str.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

enum { TEXT_MAX = 4096, PATH_BYTES = 512, CLOCK_LOOKS = 1000, MEMINFO_UNIT = 1024 };

struct text {
    char bytes[TEXT_MAX];
    str s;
};

// The beginning of a small file; nothing where it cannot be read.
static void read_text(struct text *t, const char *root, const char *path)
{
    char whole[PATH_BYTES];
    t->s = STR_NONE;
    if ((size_t)snprintf(whole, sizeof whole, "%s%s", root, path) >= sizeof whole)
        return;
    const int fd = open(whole, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    const ssize_t n = read(fd, t->bytes, sizeof t->bytes);
    close(fd);
    if (n > 0)
        t->s = str_make(t->bytes, (size_t)n);
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n'; }

// Takes the next word off; STR_NONE behind the last.
static str word_of(str *rest)
{
    while (rest->n > 0 && is_blank(rest->p[0]))
        *rest = str_skip(*rest, 1);
    size_t n = 0;
    while (n < rest->n && !is_blank(rest->p[n]))
        n++;
    const str word = n > 0 ? str_make(rest->p, n) : STR_NONE;
    *rest = str_skip(*rest, n);
    return word;
}

// The which-th number of a file, from 0; 0 where there is none.
static uint64_t number_of(const char *root, const char *path, unsigned which)
{
    struct text t;
    read_text(&t, root, path);
    str word = word_of(&t.s);
    while (which-- > 0)
        word = word_of(&t.s);
    uint64_t value = 0;
    return word.p != NULL && str_to_u64(word, UINT64_MAX, &value) ? value : 0;
}

// "MemAvailable:   123 kB", in bytes.
static uint64_t of_meminfo(const char *root, str name)
{
    struct text t;
    read_text(&t, root, "/proc/meminfo");
    while (t.s.n > 0) {
        str line = str_split(t.s, '\n', &t.s);
        uint64_t value;
        if (str_eq(word_of(&line), name) && str_to_u64(word_of(&line), UINT64_MAX / MEMINFO_UNIT, &value))
            return value * MEMINFO_UNIT;
    }
    return 0;
}

static void look_at_files(struct machine *m, const char *root)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        m->files_soft = files.rlim_cur;
        m->files_hard = files.rlim_max;
    }
    m->files_all = number_of(root, "/proc/sys/fs/file-max", 0);
    m->files_used = number_of(root, "/proc/sys/fs/file-nr", 0);
}

static void look_at_network(struct machine *m, const char *root)
{
    m->accept_queue = number_of(root, "/proc/sys/net/core/somaxconn", 0);
    m->port_first = number_of(root, "/proc/sys/net/ipv4/ip_local_port_range", 0);
    m->port_last = number_of(root, "/proc/sys/net/ipv4/ip_local_port_range", 1);
    m->tracked_max = number_of(root, "/proc/sys/net/netfilter/nf_conntrack_max", 0);
    m->tracked = number_of(root, "/proc/sys/net/netfilter/nf_conntrack_count", 0);
    const long page = sysconf(_SC_PAGESIZE);
    m->tcp_memory = number_of(root, "/proc/sys/net/ipv4/tcp_mem", 1) * (page > 0 ? (uint64_t)page : 0);
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void look_at_clocks(struct machine *m, const char *root)
{
    struct text t;
    read_text(&t, root, "/sys/devices/system/clocksource/clocksource0/current_clocksource");
    const str source = word_of(&t.s);
    if (source.p != NULL)
        snprintf(m->clock_source, sizeof m->clock_source, "%.*s", STR_ARG(source));
    const uint64_t from = now_ns();
    for (int i = 0; i < CLOCK_LOOKS; i++)
        now_ns();
    m->clock_look_ns = (now_ns() - from) / CLOCK_LOOKS;
    struct timex held = {.modes = 0}; // only asks
    const int state = adjtimex(&held);
    m->clock_synchronised = state >= 0 && state != TIME_ERROR;
}

void machine_look(struct machine *m, const char *root)
{
    *m = (struct machine){.cores = 1};
    look_at_files(m, root);
    look_at_network(m, root);
    look_at_clocks(m, root);
    cpu_set_t cores;
    if (sched_getaffinity(0, sizeof cores, &cores) == 0 && CPU_COUNT(&cores) > 0)
        m->cores = (uint32_t)CPU_COUNT(&cores);
    m->memory = process_memory_available();
    m->memory_free = of_meminfo(root, STR("MemAvailable:"));
    unsigned char any;
    m->random_ready = getrandom(&any, sizeof any, GRND_NONBLOCK) == (ssize_t)sizeof any;
}
