// SPDX-License-Identifier: Apache-2.0
//
// Each thread that logs gets a lane of the helper at its first line. Lines carry a ticket, by which the helper puts the
// lanes together; drawing it is the one word that all threads write, for at most a few hundred lines a second.
//
// Rejected: O_NONBLOCK (it belongs to the open file, so it would also change the terminal or pipe of whoever started the
// server), poll before write (a terminal that has room for a byte is "writable", and then takes part of a line and
// stops its writer; a disk always is), a lock around the write (everybody would wait for the one who waits).
#include "app/log_sink.h"

#include "app/log_line.h"
#include "base/assert.h"
#include "io/helper.h"
#include "io/mem_malloc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct queued {
    struct mail mail;
    uint64_t ticket;
    uint32_t n;
    char text[];
};

enum sink_state { SINK_DIRECT, SINK_QUEUED, SINK_CLOSED };

static struct {
    _Atomic int fd;
    _Atomic uint32_t state; // enum sink_state
    _Atomic uint64_t lost;
    uint64_t told; // of the lost; the writer's
    uint64_t
        losing_s; // since when the writer knows of some that are not told, by the monotonic clock; 0 = of none

    struct mem mem;
    struct helper *helper;
    uint32_t lanes;
    _Atomic uint32_t lanes_taken;
    _Atomic uint32_t run; // which start this is, for lanes of a run before
    _Atomic uint64_t tickets, written;
} sink = {.fd = STDERR_FILENO};

static pthread_mutex_t direct_lock = PTHREAD_MUTEX_INITIALIZER;

static _Thread_local struct {
    uint32_t run, lane;
} mine;

void log_sink_fd_set(int fd) { sink.fd = fd; }

uint64_t log_sink_lost(void) { return atomic_load_explicit(&sink.lost, memory_order_relaxed); }

// ---- the writer's side: the helper, or the caller where there is none

static bool write_whole(const char *p, size_t n)
{
    int fd = sink.fd;
    while (n > 0) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno == EAGAIN) { // whoever opened it made it so
            struct pollfd out = {.fd = fd, .events = POLLOUT};
            poll(&out, 1, -1);
        } else if (done < 0 && errno != EINTR) {
            return false;
        } else if (done > 0) {
            p += done;
            n -= (size_t)done;
        }
    }
    return true;
}

static void tell_lost(void)
{
    uint64_t lost = log_sink_lost();
    if (lost == sink.told)
        return;
    struct log_line l;
    log_line_init(&l, "warn", "log_lost");
    log_line_number(&l, "lines", lost - sink.told);
    log_line_end(&l);
    if (!write_whole(l.z, l.n))
        return; // the next one says so
    sink.told = lost;
    sink.losing_s = 0;
}

// Lines that were lost came after those in the queue, so they are told of at its end; where it has none, after a second.
static void tell_lost_at_length(void)
{
    if (log_sink_lost() == sink.told)
        return;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    if (sink.losing_s == 0)
        sink.losing_s = (uint64_t)now.tv_sec;
    else if ((uint64_t)now.tv_sec > sink.losing_s + 1)
        tell_lost();
}

static void write_line(const char *p, size_t n)
{
    if (!write_whole(p, n))
        atomic_fetch_add_explicit(&sink.lost, 1, memory_order_relaxed);
}

static struct mail *work(void *ctx, uint32_t lane, struct mail *job)
{
    (void)ctx;
    (void)lane;
    struct queued *q = (struct queued *)job;
    tell_lost_at_length();
    write_line(q->text, q->n);
    mem_free(&sink.mem, q, sizeof *q + q->n);
    atomic_fetch_add_explicit(&sink.written, 1, memory_order_release);
    return NULL;
}

static bool before(const struct mail *a, const struct mail *b)
{
    return ((const struct queued *)a)->ticket < ((const struct queued *)b)->ticket;
}

static void idle(void *ctx)
{
    (void)ctx;
    tell_lost();
}

static const struct helper_kind kind = {
    .name = "log", .credits = LOG_QUEUE_LINES, .work = work, .before = before, .idle = idle};

// ---- the callers' side

static uint32_t lane_of_mine(void)
{
    uint32_t run = atomic_load_explicit(&sink.run, memory_order_relaxed);
    if (mine.run != run) {
        mine.run = run;
        mine.lane = atomic_fetch_add_explicit(&sink.lanes_taken, 1, memory_order_relaxed);
    }
    return mine.lane;
}

static bool enqueue(str line)
{
    uint32_t lane = lane_of_mine();
    if (lane >= sink.lanes || helper_room(sink.helper, lane) == 0)
        return false;
    struct queued *q = mem_alloc(&sink.mem, sizeof *q + line.n);
    if (q == NULL)
        return false;
    q->mail = (struct mail){.bytes = (uint32_t)(sizeof *q + line.n)};
    q->n = (uint32_t)line.n;
    memcpy(q->text, line.p, line.n);
    q->ticket = atomic_fetch_add_explicit(&sink.tickets, 1, memory_order_relaxed);
    helper_push(sink.helper, lane, &q->mail);
    return true;
}

void log_sink_put(str line)
{
    switch (atomic_load_explicit(&sink.state, memory_order_acquire)) {
    case SINK_DIRECT:
        pthread_mutex_lock(&direct_lock);
        tell_lost();
        write_line(line.p, line.n);
        pthread_mutex_unlock(&direct_lock);
        break;
    case SINK_QUEUED:
        if (enqueue(line))
            break;
        // fall through
    default:
        atomic_fetch_add_explicit(&sink.lost, 1, memory_order_relaxed);
    }
}

enum err log_sink_start(uint32_t threads)
{
    ASSERT(sink.state == SINK_DIRECT);
    mem_init(&sink.mem, mem_malloc_backend(), LOG_QUEUE_BYTES);
    sink.lanes = threads;
    sink.lanes_taken = 0;
    sink.tickets = sink.written = 0;
    enum err e = helper_create(&kind, NULL, threads, &sink.mem, &sink.helper);
    if (e != OK)
        return e;
    e = helper_start(sink.helper);
    if (e != OK) {
        helper_destroy(sink.helper);
        return e;
    }
    sink.run++;
    atomic_store_explicit(&sink.state, SINK_QUEUED, memory_order_release);
    return OK;
}

bool log_sink_stop(void)
{
    if (sink.state != SINK_QUEUED)
        return sink.state == SINK_DIRECT;
    if (!helper_stop(sink.helper, LOG_STOP_PATIENCE_MS)) {
        sink.state = SINK_CLOSED; // the helper, its queue and its memory stay until the process ends
        return false;
    }
    helper_destroy(sink.helper);
    sink.helper = NULL;
    sink.state = SINK_DIRECT;
    return true;
}

// ---- the end

void log_sink_settle(uint32_t ms)
{
    if (sink.state != SINK_QUEUED)
        return;
    uint64_t all = atomic_load_explicit(&sink.tickets, memory_order_relaxed);
    for (; ms > 0 && atomic_load_explicit(&sink.written, memory_order_acquire) < all; ms--)
        poll(NULL, 0, 1);
}

// "/proc/self/fd/2", by functions that a signal handler may call.
static void fd_path(char ret[32], int fd)
{
    static const char folder[] = "/proc/self/fd/";
    memcpy(ret, folder, sizeof folder);
    size_t n = sizeof folder - 1;
    int rest = fd;
    do
        n++;
    while ((rest /= 10) > 0);
    ret[n] = '\0';
    do
        ret[--n] = (char)('0' + fd % 10);
    while ((fd /= 10) > 0);
}

// What may not wait opens the file once more, for itself alone: O_NONBLOCK is then its own. A regular file is written as
// it is, since others go on behind us where we share its offset with them. A socket cannot be opened; send(2) has a flag.
void log_sink_last_words(str line)
{
    int fd = sink.fd;
    struct stat is;
    ssize_t done = 0;
    if (fstat(fd, &is) != 0)
        return;
    if (S_ISSOCK(is.st_mode)) {
        done = send(fd, line.p, line.n, MSG_DONTWAIT | MSG_NOSIGNAL);
    } else if (S_ISREG(is.st_mode)) {
        done = write(fd, line.p, line.n);
    } else {
        char path[32];
        fd_path(path, fd);
        int again = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        struct pollfd out = {.fd = fd, .events = POLLOUT};
        if (again >= 0)
            done = write(again, line.p, line.n);
        else if (poll(&out, 1, 0) == 1) // somebody else's terminal: as good as can be had
            done = write(fd, line.p, line.n);
    }
    (void)done; // there is nobody left to tell if this fails
}
