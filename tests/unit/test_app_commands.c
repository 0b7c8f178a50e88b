// SPDX-License-Identifier: Apache-2.0
//
// The command line: what goes to stdout, what to stderr, and the exit code. Each run is a process of its own. The
// server itself is tested by test_app_serve.c.
#include "unit/support.h"

#include "app/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct outcome {
    int code;
    char out[65536];
    char err[65536];
};

static struct outcome outcome;

static void take_file(FILE *file, char *ret, size_t cap)
{
    rewind(file);
    ret[fread(ret, 1, cap - 1, file)] = '\0';
    fclose(file);
}

// Runs "plenum" with up to 7 arguments, ended by NULL.
static void run(char *a, ...)
{
    char program[] = "plenum";
    char *argv[9] = {program};
    int argc = 1;
    va_list list;
    va_start(list, a);
    for (; a != NULL && argc < 8; a = va_arg(list, char *))
        argv[argc++] = a;
    va_end(list);

    FILE *out = tmpfile(), *err = tmpfile();
    assert_true(out != NULL && err != NULL);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        dup2(fileno(out), 1);
        dup2(fileno(err), 2);
        char *environment[] = {NULL};
        int code = (int)commands_run(argc, argv, environment);
        fflush(NULL);
        _exit(code);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    take_file(out, outcome.out, sizeof outcome.out);
    take_file(err, outcome.err, sizeof outcome.err);
}

static void assert_usage(const char *complaint)
{
    assert_string_equal(outcome.err, complaint);
    assert_string_equal(outcome.out, "");
    assert_int_equal(outcome.code, 2);
}

static void test_help(void **state)
{
    (void)state;
    run("--help", NULL);
    assert_int_equal(outcome.code, 0);
    assert_non_null(strstr(outcome.out, "plenum check-config"));
    run(NULL);
    assert_int_equal(outcome.code, 2);
    assert_non_null(strstr(outcome.err, "plenum check-config"));
    static char *const commands[] = {"serve", "check-config", "config", "rights", "version"};
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        run(commands[i], "--help", NULL);
        assert_int_equal(outcome.code, 0);
        char usage[64];
        snprintf(usage, sizeof usage, "plenum %s", commands[i]);
        assert_memory_equal(outcome.out, usage, strlen(usage));
        assert_string_equal(outcome.err, "");
    }
}

static void test_rights(void **state)
{
    (void)state;
    run("rights", NULL);
    assert_int_equal(outcome.code, 0);
    assert_non_null(strstr(
        outcome.out,
        "| right | what for | guest | member | host | owner |\n|---|---|---|---|---|---|\n| `join` | "));
    assert_non_null(strstr(outcome.out, "\n| `publish` | say something | | yes | yes | yes |\n"));
    assert_non_null(strstr(outcome.out, "\n| `close` | close the room | | | | yes |\n"));
}

static void test_version(void **state)
{
    (void)state;
    run("version", NULL);
    assert_string_equal(outcome.out, "plenum " PLENUM_VERSION "\n");
    run("--version", NULL);
    assert_string_equal(outcome.out, "plenum " PLENUM_VERSION "\n");
    assert_int_equal(outcome.code, 0);
}

static void test_unknown_words(void **state)
{
    (void)state;
    run("serv", NULL);
    assert_usage(
        "plenum: got \"serv\", expected a command: serve, check-config, config, doctor, rights, token, keys, cert, apikey, audit, store or version (did you mean "
        "serve?)\n");
    run("\x1b[2J", NULL);
    assert_usage(
        "plenum: got \"\\u001b[2J\", expected a command: serve, check-config, config, doctor, rights, token, keys, cert, apikey, audit, store or version\n");
    run("--port=8080", NULL);
    assert_usage(
        "plenum: got \"--port=8080\", expected a command: serve, check-config, config, doctor, rights, token, keys, cert, apikey, audit, store or version (did you "
        "mean plenum serve --server.http=127.0.0.1:8080?)\n");
    run("--shards", "2", NULL);
    assert_usage(
        "plenum: got \"--shards\", expected a command: serve, check-config, config, doctor, rights, token, keys, cert, apikey, audit, store or version (did you mean "
        "plenum serve --server.shards?)\n");
    run("--bogus", NULL);
    assert_usage(
        "plenum: got \"--bogus\", expected a command: serve, check-config, config, doctor, rights, token, keys, cert, apikey, audit, store or version (`plenum serve "
        "--help` lists all settings)\n");
    run("serve", "--shards=3", NULL);
    assert_usage(
        "plenum serve: got \"--shards=3\", expected plenum serve [-c FILE] [--section.name=VALUE ...] "
        "[--echo] [--dev-tls] [--debug-read-limit N] (did you mean --server.shards?)\n");
    run("serve", "now", NULL);
    assert_int_equal(outcome.code, 2);
    run("version", "x", NULL);
    assert_usage("plenum version: got \"x\", expected plenum version\n");
    run("serve", "-c", NULL);
    assert_usage("plenum serve: -c: got no value, expected a file\n");
    run("serve", "--debug-read-limit", NULL);
    assert_usage("plenum serve: --debug-read-limit: got no value, expected a number of bytes\n");
    run("serve", "--debug-read-limit=", NULL);
    assert_int_equal(outcome.code, 2);
    run("serve", "--debug-read-limi=1", NULL);
    assert_int_equal(outcome.code, 2);
}

static void test_serve_with_a_mistake(void **state)
{
    (void)state;
    run("serve", "--server.shards=many", "--log.entries", "0", NULL);
    assert_usage(
        "--server.shards: got \"many\", expected a whole number of threads from 1 to 64, or 0 for one per "
        "core\n--log.entries: got \"0\", expected a whole number of entries from 1 to 1048576\n");
    run("serve", "--config=/nonexistent", NULL);
    assert_usage("/nonexistent: got \"No such file or directory\", expected a readable YAML file\n");
}

static void test_check_config(void **state)
{
    (void)state;
    char path[] = "/tmp/plenum-test-XXXXXX";
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");
    assert_non_null(file);
    fputs("server:\n  shards: 2\n", file);
    fflush(file);
    run("check-config", path, NULL);
    assert_int_equal(outcome.code, 0);
    char wanted[256];
    snprintf(wanted, sizeof wanted, "%s: no mistakes\n", path);
    assert_string_equal(outcome.out, wanted);

    fputs("  echo: 1\nrooms: 3\n", file);
    fclose(file);
    run("check-config", path, NULL);
    snprintf(
        wanted, sizeof wanted,
        "%s:3: server.echo: got \"1\", expected true or false\n%s:4: rooms: got \"3\", expected keys indented "
        "below it\n",
        path, path);
    assert_usage(wanted);
    unlink(path);

    run("check-config", NULL);
    assert_usage("plenum check-config: got no file, expected plenum check-config FILE\n");
    run("check-config", "/tmp", "/tmp", NULL);
    assert_usage("plenum check-config: got \"/tmp\", expected plenum check-config FILE\n");
}

static void test_config(void **state)
{
    (void)state;
    run("config", NULL);
    assert_int_equal(outcome.code, 0);
    assert_non_null(strstr(outcome.out, "\n  http: \"127.0.0.1:8000\"\n"));
    run("config", "--effective", "--server.http", "[::1]:80", "--echo", NULL);
    assert_int_equal(outcome.code, 0);
    assert_non_null(strstr(outcome.out, "\n  http: \"[::1]:80\"\n"));
    assert_non_null(strstr(outcome.out, "\n  echo: true\n"));
    run("config", "--effective", "--debug-read-limit=7", NULL);
    assert_non_null(strstr(outcome.out, "\n  debug_read_limit: 7\n"));
    run("config", "--effective", "--debug-read-limit", "1", "--echo", NULL);
    assert_non_null(strstr(outcome.out, "\n  debug_read_limit: 1\n"));
    assert_non_null(strstr(outcome.out, "\n  echo: true\n"));
    run("config", "--server.shards=3", NULL);
    assert_int_equal(outcome.code, 2);
    run("config", "--markdown", NULL);
    assert_memory_equal(outcome.out, "# Configuration\n", 16);
    assert_int_equal(outcome.code, 0);
}

// Which rule it is, the way there, and every value with the place that says it: a row, a setting, or nobody.
static void test_room(void **state)
{
    (void)state;
    char path[] = "/tmp/plenum-test-XXXXXX";
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");
    assert_non_null(file);
    fputs("rooms:\n  members_max: 9\n  rules:\n    - {match: news, presence: none}\n    - match: \"team-*\"\n"
          "      access: token\n    - match: \"**\"\n",
          file);
    fclose(file);
    run("config", "--room", "team-red", "-c", path, "--log.bytes=64k", NULL);
    assert_int_equal(outcome.code, 0);
    char wanted[1024];
    snprintf(wanted, sizeof wanted,
             "room \"team-red\"\n"
             "%s:4: rooms.rules[0]: match \"news\" does not match\n"
             "%s:5: rooms.rules[1]: match \"team-*\" matches: this is its rule\n"
             "\n"
             "access                token                %s:6: rooms.rules[1].access\n"
             "listed                true                 rooms.listed (default)\n",
             path, path, path);
    assert_memory_equal(outcome.out, wanted, strlen(wanted));
    snprintf(wanted, sizeof wanted, "\nmembers_max           9 users              %s:2: rooms.members_max\n",
             path);
    assert_non_null(strstr(outcome.out, wanted));
    assert_non_null(strstr(outcome.out, "\nlog_bytes             65536 bytes          --log.bytes\n"));

    run("config", "--room=lobby", NULL);
    assert_non_null(strstr(outcome.out, "There are no rules: what holds for all rooms holds for it.\n"));
    run("config", "--room=lobby", "--rooms.rules=[{match: b}]", NULL);
    assert_non_null(strstr(outcome.out, "--rooms.rules[0]: match \"b\" does not match\n"
                                        "No rule matches: what holds for all rooms holds for it.\n"));
    run("config", "--room", " lobby", NULL);
    assert_usage(
        "plenum config: --room: got \" lobby\", expected a room name of 1 to 128 octets without control "
        "characters\n");
    run("config", "--room", NULL);
    assert_usage("plenum config: --room: got no value, expected the name of a room\n");
    unlink(path);
}

static void test_store(void **state)
{
    (void)state;
    static char *const wrong[][4] = {{NULL},
                                     {"look", NULL},
                                     {"info", "x", NULL},
                                     {"import", NULL},
                                     {"backup", NULL},
                                     {"verify", "--merge", NULL},
                                     {"forget", "ann", NULL},
                                     {"forget", "--erase", NULL},
                                     {"forget", "ann", "--erase", "--pseudonym"},
                                     {"compact", "--erase", NULL},
                                     {"info", "--path", NULL}};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        run("store", wrong[i][0], wrong[i][1], wrong[i][2], wrong[i][3], NULL);
        assert_int_equal(outcome.code, 2);
        assert_string_equal(outcome.out, "");
        assert_memory_equal(outcome.err, "plenum store: got ", 18);
        assert_non_null(strstr(outcome.err, ", expected plenum store info | verify"));
    }
    run("store", "info", "--kind", "tape", NULL);
    assert_usage("plenum store: --kind: got \"tape\", which this program has no driver for\n");
    run("store", "info", "--kind=tape", "--audit.file=", "--server.shard=1", NULL);
    assert_int_equal(outcome.code, 2);
    assert_non_null(strstr(outcome.err, "--server.shard"));
    run("store", "--help", NULL);
    assert_int_equal(outcome.code, 0);
    assert_non_null(strstr(outcome.out, "gives back the space"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_help),
        cmocka_unit_test(test_store),
        cmocka_unit_test(test_version),
        cmocka_unit_test(test_unknown_words),
        cmocka_unit_test(test_serve_with_a_mistake),
        cmocka_unit_test(test_check_config),
        cmocka_unit_test(test_config),
        cmocka_unit_test(test_rights),
        cmocka_unit_test(test_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
