// SPDX-License-Identifier: Apache-2.0
//
// The file of the audit and the helper that writes it: what is taken as one, what a crash at any byte leaves, a disk that takes
// nothing, a queue that is full, logrotate. Whether all is there says the same checker that `plenum audit verify` asks.
#include "unit/support.h"

#include "app/audit_sink.h"
#include "app/log_sink.h"
#include "app/logger.h"
#include "core/audit/check.h"
#include "io/mem_malloc.h"
#include "wire/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const struct audit_key no_key = {.n = 0};
static char folder[64], path[128], other[128];
static struct mem mem;
static int log_pipe[2];
static char logged[1 << 16];

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/plenum-audit-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/audit.log", folder);
    snprintf(other, sizeof other, "%s/other", folder);
    mem_init(&mem, mem_malloc_backend(), 0);
    assert_int_equal(pipe2(log_pipe, O_NONBLOCK | O_CLOEXEC), 0);
    log_sink_fd_set(log_pipe[1]);
    logger_set(LOG_INFO, LOG_LOGFMT);
    signal(SIGXFSZ, SIG_IGN);
    return digest_self_test() != OK;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    unlink(other);
    close(log_pipe[0]);
    close(log_pipe[1]);
    log_sink_fd_set(2);
    assert_int_equal(mem_used(&mem), 0);
    return rmdir(folder);
}

// What was logged since the last time.
static const char *log_take(void)
{
    ssize_t n = read(log_pipe[0], logged, sizeof logged - 1);
    logged[n > 0 ? n : 0] = '\0';
    return logged;
}

// ---- what is in a file

static char *contents(const char *of, size_t *ret_n)
{
    FILE *file = fopen(of, "re");
    assert_non_null(file);
    char *text = malloc(16 << 20);
    *ret_n = fread(text, 1, 16 << 20, file);
    fclose(file);
    return text;
}

static void put_contents(const char *of, const char *text, size_t n)
{
    FILE *file = fopen(of, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, n, file), n);
    fclose(file);
}

static enum audit_fault check_text(struct audit_check *c, const char *text, size_t n)
{
    enum audit_fault fault = AUDIT_GOOD;
    str rest = str_make(text, n);
    audit_check_file(c);
    for (size_t end; fault == AUDIT_GOOD && (end = str_find_char(rest, '\n', 0)) != rest.n;) {
        fault = audit_check_line(c, str_take(rest, end));
        rest = str_skip(rest, end + 1);
    }
    return fault == AUDIT_GOOD ? audit_check_rest(c, rest) : fault;
}

static struct audit_check whole(const struct audit_key *key)
{
    struct audit_check c;
    size_t n;
    char *text = contents(path, &n);
    audit_check_init(&c, key);
    enum audit_fault fault = check_text(&c, text, n);
    if (fault != AUDIT_GOOD)
        fail_msg("line %d: %s", (int)c.at, audit_fault_text(fault));
    free(text);
    return c;
}

static size_t count(const char *what)
{
    size_t n, found = 0;
    char *text = contents(path, &n);
    for (const char *at = text; (at = memmem(at, n - (size_t)(at - text), what, strlen(what))) != NULL; at++)
        found++;
    free(text);
    return found;
}

// ---- the file

static void open_good(struct audit_file *f, const struct audit_key *key)
{
    struct io_error error = {""};
    if (audit_file_open(f, path, key, &mem, &error) != OK)
        fail_msg("%s", error.text);
}

static void append(struct audit_file *f, const char *user)
{
    const struct audit_event e = {.type = AUDIT_JOINED, .room = STR("lobby"), .user = str_from_cstr(user)};
    assert_int_equal(audit_chain_put(&f->chain, &f->line, 1, 0, &e), OK);
    assert_true(audit_file_append(f));
}

static void refuses(const struct audit_key *key, enum err wanted, const char *why)
{
    struct audit_file f;
    struct io_error error = {""};
    assert_int_equal(audit_file_open(&f, path, key, &mem, &error), wanted);
    if (strstr(error.text, why) == NULL)
        fail_msg("got \"%s\", expected \"%s\"", error.text, why);
}

static void a_new_file_is_its_owners_and_goes_on(void **state)
{
    (void)state;
    struct audit_file f;
    struct stat is;
    umask(0);
    open_good(&f, &no_key);
    assert_int_equal(stat(path, &is), 0);
    assert_int_equal(is.st_mode & 0777, 0600);
    append(&f, "ann");
    audit_file_close(&f);
    open_good(&f, &no_key);
    append(&f, "bob");
    audit_file_close(&f);
    struct audit_check c = whole(&no_key);
    assert_int_equal(c.lines, 3);
    assert_int_equal(count("\"event\":\"chain\""), 1);
}

static void what_is_no_audit_is_refused(void **state)
{
    (void)state;
    struct audit_file f;
    struct audit_key key = {.n = 20};
    put_contents(path, "hello\n", 6);
    refuses(&no_key, ERR_SYNTAX, "it is no audit");
    put_contents(path, "hello", 5);
    refuses(&no_key, ERR_SYNTAX, "it is no audit");
    unlink(path);
    assert_int_equal(symlink(other, path), 0);
    refuses(&no_key, ERR_SYNTAX, "it is a link");
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    refuses(&no_key, ERR_SYNTAX, "no regular file");
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    refuses(&no_key, ERR_DENIED, "cannot open it");
    rmdir(path);
    open_good(&f, &no_key);
    refuses(&no_key, ERR_EXISTS, "another process writes it");
    append(&f, "ann");
    audit_file_close(&f);
    refuses(&key, ERR_SYNTAX, "another audit.key");
    // Its last line was changed.
    size_t n;
    char *text = contents(path, &n);
    *(char *)memmem(text, n, "ann", 3) = 'e';
    put_contents(path, text, n);
    refuses(&no_key, ERR_SYNTAX, "was changed");
    free(text);
}

static void a_crash_at_any_byte_is_told_of(void **state)
{
    (void)state;
    struct audit_file f;
    open_good(&f, &no_key);
    append(&f, "ann");
    append(&f, "bob");
    audit_file_close(&f);
    size_t n, from;
    char *text = contents(path, &n);
    for (from = n - 1; text[from - 1] != '\n'; from--)
        ;
    for (size_t cut = from; cut <= n; cut += cut + 3 < n && cut > from + 3 ? 11 : 1) {
        put_contents(path, text, cut);
        open_good(&f, &no_key);
        append(&f, "eve");
        audit_file_close(&f);
        struct audit_check c = whole(&no_key);
        bool torn = cut > from && cut + 1 < n; // but for its line end it was there
        assert_int_equal(c.torn, torn);
        assert_int_equal(c.lines, cut == from ? 3 : 4);
    }
    free(text);
}

static void limit(rlim_t bytes)
{
    struct rlimit l;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &l), 0);
    l.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &l), 0);
}

static off_t size_of(void)
{
    struct stat is;
    assert_int_equal(stat(path, &is), 0);
    return is.st_size;
}

static void a_full_disk_takes_a_line_whole_or_not_at_all(void **state)
{
    (void)state;
    struct audit_file f;
    const struct audit_event e = {.type = AUDIT_JOINED, .user = STR("bob")};
    open_good(&f, &no_key);
    append(&f, "ann");
    off_t before = size_of();
    for (rlim_t room = 0; room < 150; room += 37) {
        limit((rlim_t)before + room);
        assert_int_equal(audit_chain_put(&f.chain, &f.line, 1, 0, &e), OK);
        assert_false(audit_file_append(&f));
        assert_int_equal(errno, EFBIG);
        limit(RLIM_INFINITY);
        assert_int_equal(size_of(), before);
    }
    append(&f, "bob");
    audit_file_close(&f);
    assert_int_equal(whole(&no_key).lines, 3);
}

static void an_end_that_is_not_known_is_looked_for(void **state)
{
    (void)state;
    struct audit_file f;
    open_good(&f, &no_key);
    append(&f, "ann");
    assert_int_equal(write(f.fd, "{\"seq\":3,", 9), 9); // what could not be cut off
    f.broken = true;
    const struct audit_event e = {.type = AUDIT_JOINED, .user = STR("bob")};
    assert_int_equal(audit_chain_put(&f.chain, &f.line, 1, 0, &e), OK);
    assert_false(audit_file_append(&f));
    assert_int_equal(errno, EAGAIN);
    append(&f, "bob");
    audit_file_close(&f);
    struct audit_check c = whole(&no_key);
    assert_int_equal(c.torn, 1);
    assert_int_equal(c.lines, 4);
}

static void another_file_goes_on(void **state)
{
    (void)state;
    struct audit_file f;
    struct io_error error = {""};
    bool is_new;
    size_t n;
    open_good(&f, &no_key);
    append(&f, "ann");
    assert_int_equal(audit_file_reopen(&f, &is_new, &error), OK);
    assert_false(is_new); // it is where it was
    assert_int_equal(rename(path, other), 0);
    put_contents(path, "somebody's", 10);
    assert_int_equal(audit_file_reopen(&f, &is_new, &error), ERR_SYNTAX);
    assert_false(is_new);
    append(&f, "bob"); // into the one before
    unlink(path);
    assert_int_equal(audit_file_reopen(&f, &is_new, &error), OK);
    assert_true(is_new);
    append(&f, "eve");
    audit_file_close(&f);
    struct audit_check c;
    audit_check_init(&c, &no_key);
    char *text = contents(other, &n);
    assert_int_equal(check_text(&c, text, n), AUDIT_GOOD);
    assert_true(c.rotated);
    assert_int_equal(c.lines, 4);
    free(text);
    text = contents(path, &n);
    assert_int_equal(check_text(&c, text, n), AUDIT_GOOD);
    assert_int_equal(c.lines, 6);
    free(text);
    open_good(&f, &no_key); // and on from there
    append(&f, "zoe");
    audit_file_close(&f);
    assert_int_equal(whole(&no_key).first_seq, 5);
}

// ---- the helper

static void sink_up(enum audit_sync sync)
{
    struct io_error error = {""};
    if (audit_sink_open(path, &no_key, sync, 2, &error) != OK)
        fail_msg("%s", error.text);
    assert_int_equal(audit_sink_start("test", 3), OK);
}

static void *many(void *shard)
{
    uint32_t lane = *(uint32_t *)shard;
    char detail[16];
    for (uint32_t i = 0; i < 1000; i++) {
        const struct audit_event e = {
            .type = AUDIT_KICK,
            .detail = str_make(detail, (size_t)snprintf(detail, sizeof detail, "%u.%04u", lane, i))};
        audit_sink_put(lane, 1, &e);
    }
    return NULL;
}

static void wait_written(void)
{
    for (int i = 0; i < 10000 && audit_sink_stats().waiting != 0; i++)
        poll(NULL, 0, 1);
    assert_int_equal(audit_sink_stats().waiting, 0);
}

static void lines_of_two_threads_keep_their_order(void **state)
{
    (void)state;
    uint32_t lanes[] = {0, 1};
    pthread_t threads[2];
    sink_up(AUDIT_SYNC_INTERVAL);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, many, &lanes[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    audit_sink_stop();
    struct audit_check c = whole(&no_key);
    assert_int_equal(c.lines, 2 + 2000 + 1);
    assert_true(c.stopped);
    size_t n;
    char *text = contents(path, &n);
    uint32_t next[2] = {0, 0};
    for (char *at = text; (at = memmem(at, n - (size_t)(at - text), "\"detail\":\"", 10)) != NULL; at += 10) {
        uint32_t lane = (uint32_t)(at[10] - '0');
        assert_int_equal(strtoul(at + 12, NULL, 10), next[lane]++);
    }
    assert_true(next[0] == 1000 && next[1] == 1000);
    free(text);
    char hash[AUDIT_HASH_HEX + 16];
    snprintf(hash, sizeof hash, "hash=%.*s", AUDIT_HASH_HEX, c.hash);
    const char *log = log_take();
    assert_non_null(strstr(log, "event=audit_anchor seq=2003"));
    assert_non_null(strstr(log, hash));
}

// However many there have been, what waits is what counts.
static void a_queue_that_was_emptied_takes_as_many_again(void **state)
{
    (void)state;
    const struct audit_event join = {.type = AUDIT_JOINED, .user = STR("ann")};
    sink_up(AUDIT_SYNC_NONE);
    for (int round = 0; round < 5; round++) {
        for (uint32_t i = 0; i < AUDIT_QUEUE_EVENTS / 2 - 100; i++)
            audit_sink_put(0, 1, &join);
        wait_written();
    }
    audit_sink_stop();
    assert_int_equal(audit_sink_stats().missing, 0);
    assert_int_equal(whole(&no_key).lines, 3 + 5 * (AUDIT_QUEUE_EVENTS / 2 - 100));
}

// Nothing is written, and nobody waits; what anybody can cause leaves room for the rest.
static void a_full_queue_loses_what_it_says(void **state)
{
    (void)state;
    const struct audit_event join = {.type = AUDIT_JOINED, .user = STR("ann")},
                             kick = {.type = AUDIT_KICK, .user = STR("ann"), .target = STR("bob")};
    sink_up(AUDIT_SYNC_NONE);
    audit_sink_put(0, 1, &join);
    wait_written();
    limit((rlim_t)size_of());
    for (uint32_t i = 0; i < AUDIT_QUEUE_EVENTS; i++)
        audit_sink_put(0, 1, &join);
    uint64_t lost = audit_sink_stats().missing;
    assert_in_range(lost, AUDIT_QUEUE_EVENTS / 2 - 2, AUDIT_QUEUE_EVENTS / 2 + 2);
    for (uint32_t i = 0; i < 100; i++)
        audit_sink_put(0, 1, &kick);
    assert_int_equal(audit_sink_stats().missing, lost);
    for (uint32_t i = 0; i < AUDIT_QUEUE_EVENTS; i++)
        audit_sink_put(0, 1, &kick);
    assert_true(audit_sink_stats().missing > lost);
    for (int i = 0; i < 10000 && audit_sink_stats().failures == 0; i++)
        poll(NULL, 0, 1);
    assert_int_equal(audit_sink_stats().failures, 1); // told once
    limit(RLIM_INFINITY);
    wait_written();
    audit_sink_stop();
    struct audit_check c = whole(&no_key);
    assert_int_equal(c.missing, audit_sink_stats().missing);
    assert_true(count("\"event\":\"kick\"") >= 100);
    assert_int_equal(count("\"event\":\"joined\"") + count("\"event\":\"kick\"") + c.missing,
                     1 + 2 * AUDIT_QUEUE_EVENTS + 100);
    // In front of the first kick, where the joins would have been.
    size_t n;
    char *text = contents(path, &n);
    const char *missing = memmem(text, n, "\"event\":\"missing\"", 17),
               *first = memmem(text, n, "\"event\":\"kick\"", 14);
    assert_true(missing != NULL && first != NULL && missing < first);
    free(text);
    const char *log = log_take();
    assert_non_null(strstr(log, "event=audit_failed"));
    assert_non_null(strstr(log, "event=audit_goes_on"));
    assert_non_null(strstr(log, "event=audit_missing"));
}

static void a_disk_that_stays_full_holds_up_nobody(void **state)
{
    (void)state;
    const struct audit_event kick = {.type = AUDIT_KICK, .user = STR("ann")};
    sink_up(AUDIT_SYNC_EACH);
    limit((rlim_t)size_of());
    for (int i = 0; i < 10; i++)
        audit_sink_put(1, 1, &kick);
    audit_sink_stop();
    limit(RLIM_INFINITY);
    assert_int_equal(audit_sink_stats().missing, 10); // by the metric and the log alone
    assert_false(whole(&no_key).stopped);
    assert_non_null(strstr(log_take(), "event=audit_failed"));
    sink_up(AUDIT_SYNC_NONE);
    audit_sink_stop();
    assert_true(whole(&no_key).stopped);
}

static void a_signal_opens_another_file(void **state)
{
    (void)state;
    const struct audit_event kick = {.type = AUDIT_KICK, .user = STR("ann")};
    sink_up(AUDIT_SYNC_INTERVAL);
    audit_sink_put(0, 1, &kick);
    wait_written();
    assert_int_equal(rename(path, other), 0);
    audit_sink_reopen();
    for (int i = 0; i < 10000 && access(path, F_OK) != 0; i++)
        poll(NULL, 0, 1);
    audit_sink_put(0, 1, &kick);
    wait_written();
    audit_sink_stop();
    struct audit_check c;
    size_t n;
    audit_check_init(&c, &no_key);
    char *text = contents(other, &n);
    assert_int_equal(check_text(&c, text, n), AUDIT_GOOD);
    assert_true(c.rotated);
    free(text);
    text = contents(path, &n);
    assert_int_equal(check_text(&c, text, n), AUDIT_GOOD);
    assert_true(c.stopped);
    assert_int_equal(c.lines, 7);
    free(text);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_file_is_its_owners_and_goes_on),
        TEST(what_is_no_audit_is_refused),
        TEST(a_crash_at_any_byte_is_told_of),
        TEST(a_full_disk_takes_a_line_whole_or_not_at_all),
        TEST(an_end_that_is_not_known_is_looked_for),
        TEST(another_file_goes_on),
        TEST(lines_of_two_threads_keep_their_order),
        TEST(a_queue_that_was_emptied_takes_as_many_again),
        TEST(a_full_queue_loses_what_it_says),
        TEST(a_disk_that_stays_full_holds_up_nobody),
        TEST(a_signal_opens_another_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
