// SPDX-License-Identifier: Apache-2.0
//
// `plenum serve` as a process: its banner, its signals, its exit codes. Ports are the kernel's choice; every wait is
// for an event, with a deadline.
#include "unit/support.h"

#include "app/commands.h"
#include "app/crash.h"
#include "base/assert.h"
#include "base/where.h"
#include "dialect/command.h"
#include "io/address.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { DEADLINE_MS = 20000 };

struct process {
    pid_t pid;
    int out, err; // our ends of its pipes
    char out_text[8192];
    char err_text[65536];
    size_t out_n, err_n;
    char http[80], text[80];
};

static struct process server;

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// ---- a process and what it says

// argv ends with NULL.
static void start(char **argv)
{
    int argc = 0;
    while (argv[argc] != NULL)
        argc++;
    memset(&server, 0, sizeof server);
    int out[2], err[2];
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    assert_int_equal(pipe2(err, O_CLOEXEC), 0);
    fflush(NULL);
    server.pid = fork();
    if (server.pid == 0) {
        dup2(out[1], 1);
        dup2(err[1], 2);
        char *environment[] = {NULL};
        int code = (int)commands_run(argc, argv, environment);
        fflush(NULL);
        _exit(code);
    }
    assert_true(server.pid > 0);
    close(out[1]);
    close(err[1]);
    server.out = out[0];
    server.err = err[0];
}

// Reads what is there on one pipe, waiting for more until the deadline. False at its end.
static bool read_more(int fd, char *text, size_t cap, size_t *n, int64_t deadline)
{
    struct pollfd in = {.fd = fd, .events = POLLIN};
    int64_t left = deadline - now_ms();
    if (left < 0 || poll(&in, 1, (int)left) != 1) {
        print_error("nothing came in time; so far: %s\n", text);
        fail();
    }
    ssize_t got = read(fd, text + *n, cap - *n - 1);
    assert_true(got >= 0);
    *n += (size_t)got;
    text[*n] = '\0';
    return got > 0;
}

static void wait_for_err(const char *wanted)
{
    int64_t deadline = now_ms() + DEADLINE_MS;
    while (strstr(server.err_text, wanted) == NULL)
        assert_true(read_more(server.err, server.err_text, sizeof server.err_text, &server.err_n, deadline));
}

static void wait_for_ready(void)
{
    int64_t deadline = now_ms() + DEADLINE_MS;
    const char *line;
    while ((line = strstr(server.out_text, "\nready ")) == NULL || strchr(line + 1, '\n') == NULL)
        if (!read_more(server.out, server.out_text, sizeof server.out_text, &server.out_n, deadline)) {
            print_error("it ended: %s\n", server.out_text);
            fail();
        }
    unsigned shards = 0;
    int pid = 0;
    assert_int_equal(sscanf(line, "\nready http=%79s text=%79s shards=%u pid=%d\n", server.http, server.text,
                            &shards, &pid),
                     4);
    assert_int_equal(pid, server.pid);
    assert_int_equal(shards, 2);
}

static int exit_code(void)
{
    int64_t deadline = now_ms() + DEADLINE_MS;
    while (read_more(server.err, server.err_text, sizeof server.err_text, &server.err_n, deadline))
        ;
    int status;
    assert_int_equal(waitpid(server.pid, &status, 0), server.pid);
    close(server.out);
    close(server.err);
    server.pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int teardown(void **state)
{
    (void)state;
    if (server.pid > 0) { // the test failed
        kill(server.pid, SIGKILL);
        waitpid(server.pid, NULL, 0);
        server.pid = 0;
    }
    return 0;
}

static void serve(char *extra)
{
    char *argv[] = {"plenum",          "serve",       "--server.http=127.0.0.1:0",
                    "--server.text",   "127.0.0.1:0", "--server.shards=2",
                    "--server.admin=", extra,         NULL};
    start(argv);
}

static int dial(const char *address)
{
    struct address a;
    assert_int_equal(address_parse(str_from_cstr(address), &a), OK);
    int fd = socket(a.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a.storage, a.len), 0);
    return fd;
}

// ---- tests

static void test_ready_and_drain(void **state)
{
    (void)state;
    serve(NULL);
    wait_for_ready();
    char wanted[160];
    snprintf(wanted, sizeof wanted, "  chat page    http://%s/\n", server.http);
    assert_non_null(strstr(server.out_text, wanted));
    snprintf(wanted, sizeof wanted, "  WebSocket    ws://%s/ws\n", server.http);
    assert_non_null(strstr(server.out_text, wanted));
    snprintf(wanted, sizeof wanted, "  text lines   nc 127.0.0.1 %s\n", strchr(server.text, ':') + 1);
    assert_non_null(strstr(server.out_text, wanted));
    assert_null(strstr(server.out_text, "conformance"));
    assert_non_null(strstr(server.out_text, "  open files   "));
    assert_non_null(strstr(server.out_text, "  memory       up to "));
    kill(server.pid, SIGTERM);
    assert_int_equal(exit_code(), 0);
    assert_non_null(strstr(server.err_text, "level=info event=started "));
    assert_non_null(strstr(server.err_text, "level=info event=draining signal=SIGTERM "));
    assert_non_null(strstr(server.err_text, "level=info event=stopped connections=\"all closed\"\n"));
}

static void test_echo_is_shown(void **state)
{
    (void)state;
    serve("--echo");
    wait_for_ready();
    assert_non_null(strstr(server.out_text, "/conformance/echo\n"));
    kill(server.pid, SIGINT);
    assert_int_equal(exit_code(), 0);
}

static void test_metrics(void **state)
{
    (void)state;
    serve(NULL);
    wait_for_ready();
    int fd = dial(server.http);
    static const char request[] = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    assert_int_equal(write(fd, request, sizeof request - 1), sizeof request - 1);
    static char page[65536];
    size_t n = 0;
    while (read_more(fd, page, sizeof page, &n, now_ms() + DEADLINE_MS))
        ;
    close(fd);
    assert_memory_equal(page, "HTTP/1.1 200 ", 13);
    assert_non_null(strstr(page, "\nplenum_connections 1\n"));
    assert_non_null(strstr(page, "\nplenum_shards 2\n"));
    assert_non_null(strstr(page, "\nplenum_build_info{version=\"" PLENUM_VERSION "\"} 1\n"));
    kill(server.pid, SIGTERM);
    assert_int_equal(exit_code(), 0);
}

static void test_port_taken(void **state)
{
    (void)state;
    serve(NULL);
    wait_for_ready();
    struct process first = server;
    char http[100];
    snprintf(http, sizeof http, "--server.http=%s", first.http);
    char *argv[] = {"plenum", "serve", http, "--server.text=", "--server.admin=", NULL};
    start(argv);
    assert_int_equal(exit_code(), 1);
    char wanted[300];
    snprintf(wanted, sizeof wanted, "plenum: cannot listen on %s: address already in use", first.http);
    assert_memory_equal(server.err_text, wanted, strlen(wanted));
    assert_string_equal(server.out_text, "");
    server = first;
    kill(server.pid, SIGTERM);
    assert_int_equal(exit_code(), 0);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void test_reload(void **state)
{
    (void)state;
    char path[] = "/tmp/plenum-test-XXXXXX";
    close(mkstemp(path));
    write_file(path, "log:\n  entries: 50\n");
    char option[64];
    snprintf(option, sizeof option, "--config=%s", path);
    serve(option);
    wait_for_ready();

    write_file(path, "log:\n  entries: 60\nserver:\n  backlog: 77\n  shards: 5\n");
    kill(server.pid, SIGHUP);
    wait_for_err("event=reloaded changed=1 need_restart=1\n");
    assert_non_null(strstr(server.err_text, "event=setting_changed key=log.entries old=50 new=60\n"));
    assert_non_null(
        strstr(server.err_text, "event=setting_needs_restart key=server.backlog old=4096 new=77\n"));
    assert_null(strstr(server.err_text, "key=server.shards")); // the flag still overrides it

    write_file(path, "log:\n  entries: x\n");
    kill(server.pid, SIGHUP);
    wait_for_err("level=error event=reload_rejected problems=1 ");
    assert_non_null(strstr(server.err_text, ":2: log.entries: got \\\"x\\\", expected "));

    // The rejected one changed nothing: from 60, not from the default.
    write_file(path, "log:\n  entries: 70\nlogging:\n  format: json\n");
    kill(server.pid, SIGHUP);
    wait_for_err("\"event\":\"reloaded\",\"changed\":2,\"need_restart\":0}\n");
    assert_non_null(strstr(server.err_text, "\"key\":\"log.entries\",\"old\":\"60\",\"new\":\"70\"}\n"));
    unlink(path);
    kill(server.pid, SIGTERM);
    assert_int_equal(exit_code(), 0);
}

// Text clients in the room. There are more than shards, so one at least is not in the first batch of a drain.
enum { CLIENTS = 3 };

static void start_slow_drain(char *deadline, int fds[CLIENTS])
{
    char *argv[] = {"plenum",
                    "serve",
                    "--server.http=127.0.0.1:0",
                    "--server.text=127.0.0.1:0",
                    "--server.admin=",
                    "--server.shards=2",
                    "--drain.batch=1",
                    "--drain.interval_ms=60000",
                    deadline,
                    NULL};
    start(argv);
    wait_for_ready();
    for (size_t i = 0; i < CLIENTS; i++) {
        fds[i] = dial(server.text);
        char greeting[512] = "";
        size_t n = 0;
        assert_true(read_more(fds[i], greeting, sizeof greeting, &n, now_ms() + DEADLINE_MS));
    }
}

static void test_second_signal(void **state)
{
    (void)state;
    int fds[CLIENTS];
    start_slow_drain("--drain.deadline_s=600", fds);
    kill(server.pid, SIGTERM);
    wait_for_err("event=draining");
    kill(server.pid, SIGTERM);
    assert_int_equal(exit_code(), 130);
    assert_non_null(strstr(server.err_text, "event=stopped connections=\"cut off by a second signal\"\n"));
    for (size_t i = 0; i < CLIENTS; i++)
        close(fds[i]);
}

static void test_drain_deadline(void **state)
{
    (void)state;
    int fds[CLIENTS];
    start_slow_drain("--drain.deadline_s=1", fds);
    int64_t before = now_ms();
    kill(server.pid, SIGTERM);
    assert_int_equal(exit_code(), 0);
    assert_in_range(now_ms() - before, 900, DEADLINE_MS);
    assert_non_null(strstr(server.err_text, "level=warn event=drain_overrun "));
    assert_non_null(
        strstr(server.err_text, "event=stopped connections=\"the rest cut off at the deadline\"\n"));
    for (size_t i = 0; i < CLIENTS; i++)
        close(fds[i]);
}

// What a child that fails an assertion says before it dies.
static void last_words(struct where *where, char *text, size_t cap)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], 2);
        // Sanitizers would turn the trap into a report of their own.
        signal(SIGILL, SIG_DFL);
        signal(SIGTRAP, SIG_DFL);
        signal(SIGABRT, SIG_DFL);
        crash_hook_install();
        where_here = where;
        ASSERT(1 + 1 == 3);
    }
    close(ends[1]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    ssize_t n = read(ends[0], text, cap - 1);
    close(ends[0]);
    assert_true(n > 0);
    text[n] = '\0';
    assert_memory_equal(text, "level=error event=assertion_failed at=", 38);
    assert_non_null(strstr(text, "test_app_serve.c:"));
    assert_non_null(strstr(text, "expr=1 + 1 == 3\n"));
}

static void test_assertion(void **state)
{
    (void)state;
    char text[1024];
    last_words(NULL, text, sizeof text);
    assert_null(strstr(text, "shard="));

    struct where where = {.shard = 3, .turn = 41};
    where_turn(&where, 1000);
    where_at(&where, WHERE_READ, 17);
    where_here = &where;
    where_command(CMD_HISTORY);
    where_here = NULL;
    last_words(&where, text, sizeof text);
    assert_non_null(strstr(text, " shard=3 turn=42 phase=read connection=17 command=history version="));
    where_at(&where, WHERE_TIMERS, WHERE_NOBODY);
    last_words(&where, text, sizeof text);
    assert_non_null(strstr(text, " shard=3 turn=42 phase=timers version="));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_ready_and_drain, teardown),
        cmocka_unit_test_teardown(test_echo_is_shown, teardown),
        cmocka_unit_test_teardown(test_metrics, teardown),
        cmocka_unit_test_teardown(test_port_taken, teardown),
        cmocka_unit_test_teardown(test_reload, teardown),
        cmocka_unit_test_teardown(test_second_signal, teardown),
        cmocka_unit_test_teardown(test_drain_deadline, teardown),
        cmocka_unit_test(test_assertion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
