// SPDX-License-Identifier: Apache-2.0
//
// E10: whether the time that a wrong key of the HTTP API takes could tell how near it is to a right one: both are judged instruction by
// instruction, in two children of one process, and their ways through the program must be the same.
//
//     parent --fork--> child: stop, judge a key, stop       stepped from one stop to the other (ptrace)
//
// The children begin as the same memory at the same addresses, so a way is the same to the instruction wherever nothing depends on
// what differs, which is the key: nothing here is a time, a machine that is busy changes nothing, and a single branch shows. What
// it does not see is a time that differs on the same way, by data in caches or by instructions whose time is their operands':
// that is what bench/micro/apikey.c measures by the clock.
//
// That a way which depends on the key would be seen: the same of comparisons that stop at the first difference, and later.
#include "core/api/api_private.h"
#include "unit/support.h"
#include "wire/digest.h"

#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__x86_64__)
#define PROGRAM_COUNTER(regs) ((regs).rip)
#elif defined(__aarch64__)
#define PROGRAM_COUNTER(regs) ((regs).pc)
#endif

enum { KEYS = 8, KEY_LEN = 43, BEGINNING = 8, STEPS_MAX = 5000000 };

struct door {
    struct settings settings;
    struct api_key keys[KEYS];
    struct context cx;
    struct conns cs;
    char right[KEYS][KEY_LEN], head[512];
    struct http_request rq;
    struct api_verdict verdict;
};
static struct door door;

static void key_make(char ret[KEY_LEN], char first)
{
    for (int i = 0; i < KEY_LEN; i++)
        ret[i] = (char)('A' + (first + 7 * i) % 26);
}

static void door_make(void)
{
    for (int i = 0; i < KEYS; i++) {
        key_make(door.right[i], (char)(3 * i));
        assert_int_equal(digest_sha256(door.right[i], KEY_LEN, door.keys[i].sha256), OK);
    }
    door.settings.api_keys = door.keys;
    door.settings.api_keys_n = KEYS;
    door.cx.settings = &door.settings;
    door.cs.cx = &door.cx;
}

static void request_make(const char key[KEY_LEN])
{
    int n = snprintf(door.head, sizeof door.head,
                     "POST /api/v1/info HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %.*s\r\n\r\n",
                     KEY_LEN, key);
    assert_int_equal(http_request_parse(str_make(door.head, (size_t)n), &door.rq), OK);
}

// --- what is stepped through; each knows its key by door.rq or door.head alone

static char presented[KEY_LEN];
static volatile int answer;

static void by_the_door(void) { api_judge(&door.cs, 0, &door.rq, &door.verdict); }

static void by_the_first_difference(void)
{
    int i = 0;
    while (i < KEY_LEN && presented[i] == door.right[KEYS / 2][i])
        i++;
    answer = i;
}

static void by_each_beginning_until_one_fits(void)
{
    int i = 0;
    for (; i < KEYS; i++) {
        unsigned differs = 0;
        for (int k = 0; k < BEGINNING; k++)
            differs |= (unsigned)(presented[k] ^ door.right[i][k]);
        if (differs == 0)
            break;
    }
    answer = i;
}

// --- ways

struct walk {
    uint64_t steps, print; // of all program counters, in order
    int code;              // of the child: what came of it
};

// hash: what one of the server's keys has instead of its own.
static _Noreturn void child(void (*judge)(void), const char key[KEY_LEN], const uint8_t hash[SHA256_BYTES])
{
    memcpy(presented, key, KEY_LEN);
    memcpy(door.keys[KEYS / 2].sha256, hash, SHA256_BYTES);
    request_make(key);
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
        _exit(errno);
    judge(); // what is found once only (symbols, caches of the library) is found here
    raise(SIGSTOP);
    judge();
    raise(SIGSTOP);
    _exit(door.verdict.status == 401 ? 200 : door.verdict.status == 0 ? 201 : 202);
}

static bool stopped(pid_t pid, int *ret_signal)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    *ret_signal = WIFSTOPPED(status) ? WSTOPSIG(status) : 0;
    if (WIFEXITED(status))
        *ret_signal = -WEXITSTATUS(status);
    return WIFSTOPPED(status);
}

// False: there is no stepping here.
static bool way_of(void (*judge)(void), const char key[KEY_LEN], const uint8_t hash[SHA256_BYTES],
                   struct walk *ret)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        child(judge, key, hash);
    int signal;
    if (!stopped(pid, &signal)) {
        assert_true(signal == -EPERM || signal == -ENOSYS);
        return false;
    }
    *ret = (struct walk){.steps = 0, .print = UINT64_C(14695981039346656037)}; // FNV-1a
    assert_int_equal(signal, SIGSTOP);
    for (signal = SIGTRAP; signal == SIGTRAP; ret->steps++) {
        struct user_regs_struct regs;
        struct iovec all = {&regs, sizeof regs};
        assert_int_equal(ptrace(PTRACE_GETREGSET, pid, (void *)NT_PRSTATUS, &all), 0);
        ret->print = (ret->print ^ PROGRAM_COUNTER(regs)) * UINT64_C(1099511628211);
        assert_int_equal(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
        assert_true(stopped(pid, &signal));
        assert_true(ret->steps < STEPS_MAX);
    }
    assert_int_equal(signal, SIGSTOP);
    assert_int_equal(ptrace(PTRACE_CONT, pid, NULL, NULL), 0);
    assert_false(stopped(pid, &signal));
    ret->code = -signal;
    return true;
}

// A right key but for what is behind so many of its characters.
static void key_near(int key, int same, char ret[KEY_LEN])
{
    memcpy(ret, door.right[key], KEY_LEN);
    for (int i = same; i < KEY_LEN; i++)
        ret[i] = (char)('a' + i % 26); // the right ones are capitals
}

static bool same(const struct walk *a, const struct walk *b)
{
    return a->steps == b->steps && a->print == b->print;
}

// What is done for a key that has nothing of a right one is done for one that has all but its end; and for one whose hash, which is
// what is compared, is a right one's but for its first octet, or its last.
static void no_wrong_key_is_told_from_another(void **state)
{
    (void)state;
    static char far[KEY_LEN], near[KEY_LEN];
    uint8_t own[SHA256_BYTES], first[SHA256_BYTES], last[SHA256_BYTES];
    door_make(); // and all that is allocated, before the first fork: the children have to begin the same
    key_near(0, 0, far);
    key_near(KEYS - 1, KEY_LEN - 1, near);
    memcpy(own, door.keys[KEYS / 2].sha256, sizeof own);
    assert_int_equal(digest_sha256(far, KEY_LEN, first), OK);
    memcpy(last, first, sizeof last);
    first[0] ^= 1;
    last[SHA256_BYTES - 1] ^= 1;
    const struct {
        const char *what, *key;
        const uint8_t *hash;
    } rows[] = {
        {"that has nothing in common with a right one", far, own}, // twice: the way is the same at all
        {"that has nothing in common with a right one", far, own},
        {"that is a right one but for its last character", near, own},
        {"whose hash is a right one's but for the first octet", far, first},
        {"whose hash is a right one's but for the last octet", far, last}};
    struct walk ways[ARRAY_LEN(rows)];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (!way_of(by_the_door, rows[i].key, rows[i].hash, &ways[i]))
            skip();
        assert_int_equal(ways[i].code, 200);
        assert_true(ways[i].steps > 1000); // it was hashed
        if (!same(&ways[i], &ways[0]))
            fail_msg("a key %s takes another way: %llu instructions, not %llu", rows[i].what,
                     (unsigned long long)ways[i].steps, (unsigned long long)ways[0].steps);
    }
}

static void ways_that_depend_on_the_key_are_seen(void **state)
{
    (void)state;
    static void (*const bad[])(void) = {by_the_first_difference, by_each_beginning_until_one_fits};
    struct walk far, near;
    char key[KEY_LEN];
    uint8_t own[SHA256_BYTES];
    door_make();
    memcpy(own, door.keys[KEYS / 2].sha256, sizeof own);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        key_near(KEYS / 2, 0, key);
        if (!way_of(bad[i], key, own, &far))
            skip();
        assert_int_equal(far.code, 201);
        key_near(KEYS / 2, i == 0 ? 1 : BEGINNING, key);
        assert_true(way_of(bad[i], key, own, &near));
        assert_int_equal(near.code, 201);
        assert_false(same(&far, &near));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_wrong_key_is_told_from_another),
        cmocka_unit_test(ways_that_depend_on_the_key_are_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
