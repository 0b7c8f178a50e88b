// SPDX-License-Identifier: Apache-2.0
#include "app/data.h"

#include "io/mem_malloc.h"
#include "io/random.h"
#include "io/store_drivers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool complain(const struct data *d, const char *what, const char *why)
{
    fprintf(stderr,
            "plenum: server.data_dir: %s: %s: %s; give another directory, or store.kind: none, which keeps "
            "nothing\n",
            d->dir, what, why);
    return false;
}

static bool join(const struct data *d, const char *file, char ret[DATA_PATH_MAX])
{
    const int n = snprintf(ret, DATA_PATH_MAX, "%s/%s", d->dir, file);
    return n > 0 && n < DATA_PATH_MAX;
}

// --- the lock

static bool complain_taken(const struct data *d)
{
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char why[80] = "another server has it";
    if (fcntl(d->lock, F_GETLK, &l) == 0 && l.l_type != F_UNLCK)
        snprintf(why, sizeof why, "another server has it, process %ld", (long)l.l_pid);
    return complain(d, "it is in use", why);
}

static bool lock(struct data *d)
{
    const struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char path[DATA_PATH_MAX], pid[24];
    if (!join(d, "plenum.lock", path))
        return complain(d, "its name", strerror(ENAMETOOLONG));
    d->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (d->lock < 0)
        return complain(d, "cannot make plenum.lock in it", strerror(errno));
    if (fcntl(d->lock, F_SETLK, &l) != 0)
        return complain_taken(d);
    const int n = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    if (ftruncate(d->lock, 0) != 0 || pwrite(d->lock, pid, (size_t)n, 0) != n)
        return complain(d, "cannot write plenum.lock in it", strerror(errno));
    return true;
}

// --- the resume key

static bool write_whole(const char *path, const void *p, size_t n)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return false;
    const bool written = write(fd, p, n) == (ssize_t)n && fsync(fd) == 0;
    return close(fd) == 0 && written;
}

// Its name is there only when all of it is.
static bool make_key(const struct data *d, const char *path, uint8_t key[32])
{
    char part[DATA_PATH_MAX];
    random_bytes(key, 32);
    if (join(d, "resume.part", part) && write_whole(part, key, 32) && rename(part, path) == 0)
        return true;
    return complain(d, "cannot make resume.key in it", strerror(errno));
}

static bool take_key(const struct data *d, uint8_t ret[32])
{
    char path[DATA_PATH_MAX];
    uint8_t key[33];
    if (!join(d, "resume.key", path))
        return complain(d, "its name", strerror(ENAMETOOLONG));
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT)
        return make_key(d, path, ret);
    if (fd < 0)
        return complain(d, "cannot read resume.key in it", strerror(errno));
    const ssize_t n = read(fd, key, sizeof key);
    close(fd);
    if (n != 32)
        return complain(d, "resume.key in it is none", "it has not 32 bytes; without the file one is made");
    memcpy(ret, key, 32);
    return true;
}

// --- the store

static enum store_fault put_hash_key(struct data *d, struct store_link *l, const struct wiring_start *start,
                                     struct store_why *why)
{
    const str key = str_make((const char *)&start->hash_key, sizeof start->hash_key);
    enum store_fault f = d->driver->begin(l, why);
    if (f != STORE_FINE)
        return f;
    f = d->driver->meta_put(l, "hash_key", key, why);
    if (f == STORE_FINE)
        f = d->driver->commit(l, why);
    if (f != STORE_FINE)
        d->driver->rollback(l);
    return f;
}

static enum store_fault take_meta(struct data *d, struct store_link *l, struct wiring_start *start,
                                  struct store_why *why)
{
    struct buf value;
    buf_init(&value, &d->mem, 0);
    enum store_fault f = d->driver->meta_get(l, "hash_key", &value, why);
    if (f == STORE_FINE && value.n != sizeof start->hash_key) {
        store_say(why, "its hash key is none");
        f = STORE_DAMAGED;
    }
    if (f == STORE_FINE)
        memcpy(&start->hash_key, value.p, sizeof start->hash_key);
    else if (f == STORE_NOTHING)
        f = put_hash_key(d, l, start, why);
    buf_cut(&value, 0);
    if (f == STORE_FINE)
        f = d->driver->meta_get(l, "steady_ms", &value, why);
    buf_put_char(&value, '\0');
    if (f == STORE_FINE && buf_ok(&value))
        start->steady_from_ms = strtoull((const char *)value.p, NULL, 10);
    buf_deinit(&value);
    return f == STORE_NOTHING ? STORE_FINE : f;
}

static bool open_store(struct data *d, const struct config *c, struct wiring_start *start)
{
    struct store_why why = {.text = ""};
    struct store_link *l = NULL;
    char host[64] = "";
    (void)gethostname(host, sizeof host - 1);
    snprintf(d->server, sizeof d->server, "%s, process %ld", host, (long)getpid());
    if (!join(d, "plenum.db", d->path))
        return complain(d, "its name", strerror(ENAMETOOLONG));
    const struct store_config sc = {
        .kind = d->driver->name, .path = d->path, .server = d->server, .busy_ms = c->store_busy_ms};
    enum store_fault f = d->driver->open(&d->mem, &sc, &d->db, &why);
    if (f != STORE_FINE)
        d->db = NULL;
    else
        f = d->driver->link(d->db, true, &l, &why);
    if (f == STORE_FINE)
        f = take_meta(d, l, start, &why);
    d->driver->unlink(l);
    if (f == STORE_FINE)
        return true;
    return complain(d, "cannot open the store in it", why.text[0] != '\0' ? why.text : store_fault_name(f));
}

bool data_open(struct data *d, const struct config *c, struct wiring_start *start)
{
    *d = (struct data){.lock = -1};
    mem_init(&d->mem, mem_malloc_backend(), 0);
    if (c->store_kind == STORE_KIND_NONE)
        return true;
    snprintf(d->dir, sizeof d->dir, "%s", c->server_data_dir);
    d->driver = store_driver_find("sqlite");
    if (d->driver == NULL) {
        fprintf(stderr, "plenum: store.kind: got sqlite, expected none: this version is built without it\n");
        return false;
    }
    if (mkdir(d->dir, 0700) != 0 && errno != EEXIST)
        return complain(d, "cannot make it", strerror(errno));
    if (!lock(d) || (c->sessions_secret[0] == '\0' && !take_key(d, start->resume_key)) ||
        !open_store(d, c, start))
        return false;
    start->store = d->driver;
    start->store_db = d->db;
    return true;
}

void data_close(struct data *d, bool well)
{
    if (d->db != NULL)
        d->driver->close(d->db, well);
    d->db = NULL;
    if (d->lock >= 0)
        close(d->lock);
    d->lock = -1;
}
