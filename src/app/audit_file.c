// SPDX-License-Identifier: Apache-2.0
//
// Rejected: to go on behind a last line that does not fit its hash. It is not what a crash leaves, as whatever comes before a line's
// end is no line; somebody has changed it, and a chain that goes on would bury that.
#include "app/audit_file.h"

#include "core/audit/check.h"
#include "io/random.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { TAIL_BYTES = 2 * (AUDIT_LINE_MAX + 1), HEAD_BYTES = 1024 };

static uint64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static enum err refuse(const struct audit_file *f, enum err e, const char *why, struct io_error *error)
{
    io_error_set(error, "audit.file %s: %s", f->path, why);
    return e;
}

static enum err refuse_errno(const struct audit_file *f, int number, const char *what, struct io_error *error)
{
    char reason[128];
    io_error_set(error, "audit.file %s: cannot %s it: %s", f->path, what,
                 strerror_r(number, reason, sizeof reason));
    return ERR_DENIED;
}

// ---- writing

// All of it, or nothing. What cannot be taken back leaves the file broken.
static bool write_whole(struct audit_file *f, str bytes)
{
    size_t done = 0;
    while (done < bytes.n) {
        ssize_t n = write(f->fd, bytes.p + done, bytes.n - done);
        if (n > 0)
            done += (size_t)n;
        else if (n == 0 || errno != EINTR)
            break;
    }
    if (done == bytes.n)
        return true;
    int why = errno;
    off_t end = lseek(f->fd, 0, SEEK_CUR); // behind what was written last, as it was appended
    if (done != 0 && (end < (off_t)done || ftruncate(f->fd, end - (off_t)done) != 0))
        f->broken = true;
    errno = why;
    return false;
}

// ---- what is there

struct there {
    char *bytes; // TAIL_BYTES
    size_t n;
    str last; // whole line, without its LF; absent: there is none
    str rest; // behind it
};

static void there_free(struct audit_file *f, struct there *t) { mem_free(f->mem, t->bytes, TAIL_BYTES); }

static bool read_at(int fd, char *ret, size_t n, off_t at)
{
    size_t done = 0;
    while (done < n) {
        ssize_t got = pread(fd, ret + done, n - done, at + (off_t)done);
        if (got == 0 || (got < 0 && errno != EINTR))
            return false;
        if (got > 0)
            done += (size_t)got;
    }
    return true;
}

// The end of a file of that size.
static enum err look(struct audit_file *f, off_t size, struct there *ret, struct io_error *error)
{
    *ret = (struct there){.bytes = mem_alloc(f->mem, TAIL_BYTES)};
    if (ret->bytes == NULL)
        return refuse(f, ERR_NOMEM, "there is no memory to read it", error);
    ret->n = size < TAIL_BYTES ? (size_t)size : TAIL_BYTES;
    if (!read_at(f->fd, ret->bytes, ret->n, size - (off_t)ret->n)) {
        there_free(f, ret);
        return refuse_errno(f, errno, "read", error);
    }
    const char *end = memrchr(ret->bytes, '\n', ret->n);
    if (end != NULL) {
        size_t n = (size_t)(end - ret->bytes);
        const char *before = n != 0 ? memrchr(ret->bytes, '\n', n) : NULL;
        size_t from = before != NULL ? (size_t)(before - ret->bytes) + 1 : 0;
        ret->last = str_make(ret->bytes + from, n - from);
        ret->rest = str_make(end + 1, ret->n - n - 1);
    }
    return OK;
}

// The id of its chain, by its first line.
static bool id_read(const struct audit_file *f, off_t size, char ret[AUDIT_ID_LEN])
{
    char head[HEAD_BYTES];
    struct audit_line l;
    size_t n = size < HEAD_BYTES ? (size_t)size : HEAD_BYTES;
    if (!read_at(f->fd, head, n, 0))
        return false;
    str line = str_take(str_make(head, n), str_find_char(str_make(head, n), '\n', 0));
    if (!audit_line_parse(line, &l) || !str_eq(l.event, STR("chain")))
        return false;
    str id = audit_line_member(line, STR("chain"));
    if (id.n != AUDIT_ID_LEN + 2)
        return false;
    memcpy(ret, id.p + 1, AUDIT_ID_LEN);
    return true;
}

// A line that was written whole but for its end.
static bool is_next(const struct audit_chain *c, str rest)
{
    struct audit_chain next;
    struct audit_line l;
    return audit_line_parse(rest, &l) && l.seq == c->seq + 1 &&
           str_eq(l.prev, str_make(c->hash, sizeof c->hash)) &&
           audit_chain_resume(&next, &c->key, str_make(c->id, sizeof c->id), rest) == OK;
}

static enum err close_torn(struct audit_file *f, str rest, struct io_error *error)
{
    enum err e = OK;
    struct buf end;
    buf_init(&end, f->mem, 0);
    buf_put_char(&end, '\n');
    bool whole = is_next(&f->chain, rest);
    if (!whole && (e = audit_chain_put_torn(&f->chain, &f->line, wall_ms(), rest)) == OK)
        buf_put_str(&end, buf_str(&f->line));
    if (e != OK || !buf_ok(&end))
        e = refuse(f, ERR_NOMEM, "there is no memory to close its torn end", error);
    else if (!write_whole(f, buf_str(&end)))
        e = refuse_errno(f, errno, "close the torn end of", error);
    else if (whole)
        e = audit_chain_resume(&f->chain, &f->chain.key, str_make(f->chain.id, sizeof f->chain.id), rest);
    else
        audit_chain_advance(&f->chain);
    buf_deinit(&end);
    return e;
}

static const char not_ours[] =
    "its last line is none of an audit, was changed, or was written with another audit.key; move the file away, "
    "and keep it";

// Goes on behind what is there.
static enum err go_on(struct audit_file *f, const struct audit_key *key, off_t size, struct io_error *error)
{
    struct there t;
    char id[AUDIT_ID_LEN];
    enum err e = look(f, size, &t, error);
    if (e != OK)
        return e;
    if (t.last.p == NULL || t.rest.n > AUDIT_LINE_MAX || !id_read(f, size, id))
        e = refuse(f, ERR_SYNTAX, "it is no audit; move it away", error);
    else if ((e = audit_chain_resume(&f->chain, key, str_make(id, sizeof id), t.last)) != OK)
        e = refuse(f, e, not_ours, error);
    else if (t.rest.n != 0)
        e = close_torn(f, t.rest, error);
    there_free(f, &t);
    f->broken = e != OK;
    return e;
}

// ---- opening

// Opens the path. Whose it is, and what is in it, is for the caller to see.
static enum err take(struct audit_file *f, struct stat *ret, struct io_error *error)
{
    // O_NONBLOCK: a fifo that nobody reads would hold us up; it is refused below.
    f->fd = open(f->path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
    if (f->fd < 0 && errno == ELOOP)
        return refuse(f, ERR_SYNTAX, "it is a link; an audit is written to a file itself", error);
    if (f->fd < 0)
        return refuse_errno(f, errno, "open", error);
    if (fstat(f->fd, ret) != 0)
        return refuse_errno(f, errno, "look at", error);
    if (!S_ISREG(ret->st_mode))
        return refuse(f, ERR_SYNTAX, "it is no regular file", error);
    if (flock(f->fd, LOCK_EX | LOCK_NB) != 0)
        return refuse(f, ERR_EXISTS, "another process writes it; each server has an audit of its own", error);
    f->device = ret->st_dev;
    f->number = ret->st_ino;
    return OK;
}

static enum err begin(struct audit_file *f, struct io_error *error)
{
    if (audit_chain_put_head(&f->chain, &f->line, wall_ms()) != OK)
        return refuse(f, ERR_NOMEM, "there is no memory for its first line", error);
    return audit_file_append(f) ? OK : refuse_errno(f, errno, "write", error);
}

enum err audit_file_open(struct audit_file *f, const char *path, const struct audit_key *key, struct mem *mem,
                         struct io_error *error)
{
    struct stat is;
    uint8_t random[16];
    *f = (struct audit_file){.path = path, .fd = -1, .mem = mem};
    buf_init(&f->line, mem, 0);
    random_bytes(random, sizeof random);
    audit_chain_init(&f->chain, key, random);
    enum err e = take(f, &is, error);
    if (e == OK)
        e = is.st_size == 0 ? begin(f, error) : go_on(f, key, is.st_size, error);
    if (e != OK)
        audit_file_close(f);
    return e;
}

void audit_file_close(struct audit_file *f)
{
    if (f->mem == NULL)
        return;
    if (f->fd >= 0)
        close(f->fd);
    buf_deinit(&f->line);
    *f = (struct audit_file){.fd = -1};
}

// ---- once it is open

// Its end is not known: it is looked for. What was made by then as the next line is so no more.
static bool mend(struct audit_file *f)
{
    struct stat is;
    struct io_error error;
    const struct audit_chain before = f->chain;
    if (fstat(f->fd, &is) != 0)
        return false;
    if (go_on(f, &before.key, is.st_size, &error) == OK)
        return true;
    f->chain = before;
    errno = EIO;
    return false;
}

bool audit_file_append(struct audit_file *f)
{
    if (f->broken) {
        errno = mend(f) ? EAGAIN : EIO; // the line is to be made anew
        return false;
    }
    if (!write_whole(f, buf_str(&f->line)))
        return false;
    audit_chain_advance(&f->chain);
    return true;
}

bool audit_file_sync(struct audit_file *f) { return fdatasync(f->fd) == 0; }

enum err audit_file_reopen(struct audit_file *f, bool *ret_new, struct io_error *error)
{
    struct stat is;
    struct audit_file next = *f;
    *ret_new = false;
    if (stat(f->path, &is) == 0 && is.st_dev == f->device && is.st_ino == f->number)
        return OK;
    next.fd = -1;
    enum err e = take(&next, &is, error);
    if (e == OK && is.st_size != 0)
        e = refuse(f, ERR_SYNTAX, "there is something in it already; the file before goes on", error);
    // The old one first: where the new one does not take its first line, `rotated` is a line like any other. Where the old one takes
    // none, as its disk is full, it is all the more time to leave it.
    if (e == OK && audit_chain_put_note(&f->chain, &f->line, wall_ms(), "rotated") == OK)
        (void)!audit_file_append(f);
    next.chain = f->chain;
    next.line = f->line;
    next.broken = false;
    if (e == OK)
        e = begin(&next, error);
    f->line = next.line; // whoever was first to need more room
    if (e != OK) {
        if (next.fd >= 0)
            close(next.fd);
        return e;
    }
    (void)!audit_file_sync(f);
    close(f->fd);
    f->fd = next.fd;
    f->device = next.device;
    f->number = next.number;
    f->chain = next.chain;
    f->broken = false;
    *ret_new = true;
    return OK;
}
