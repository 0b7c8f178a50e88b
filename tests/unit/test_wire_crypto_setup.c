// SPDX-License-Identifier: Apache-2.0
//
// libcrypto runs out of memory while it sets itself up, which is once in a process, on its first use: digest_self_test.
// Every allocation of it fails in turn, alone and together with all that follow, each in a process of its own that forks
// off before anything is set up. Each such process ends in order, with digests that are right or with an error.
//
// Rejected: to fork where the allocation is about to be made. libcrypto holds locks there, and glibc knows who holds a
// rwlock for writing by the thread's number, which is another one in the child.
#include "unit/failing.h"
#include "wire/digest.h"

#include <openssl/crypto.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { CHILD_WORKS = 10, CHILD_REFUSED, CHILD_NO_FAILURE, HANGS_AFTER_S = 60, AT_ONCE = 2 };

static struct {
    uint64_t allocations, refused, works, unclean;
    struct {
        pid_t pid;
        uint64_t at;
    } running[AT_ONCE];
} setup;

static int child_result(uint64_t at, bool all)
{
    alarm(HANGS_AFTER_S);
    arm(at, all);
    enum err e = digest_self_test();
    if (!disarm())
        return CHILD_NO_FAILURE;
    return e == OK ? CHILD_WORKS : CHILD_REFUSED;
}

// Waits for one of them. False if it found no allocation to fail.
static bool take_one(uint32_t i)
{
    int status = 0;
    bool ended = setup.running[i].pid > 0 && waitpid(setup.running[i].pid, &status, 0) > 0;
    int code = ended && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    setup.running[i].pid = 0;
    if (code == CHILD_WORKS) {
        setup.works++;
    } else if (code == CHILD_REFUSED) {
        setup.refused++;
    } else if (code != CHILD_NO_FAILURE) {
        setup.unclean++;
        fprintf(stderr, "libcrypto's set-up, allocation %llu: ended with status %#x\n",
                (unsigned long long)setup.running[i].at, (unsigned)status);
    }
    return code != CHILD_NO_FAILURE;
}

// Before libcrypto is used, and before cmocka is there to catch signals: a child that crashes is to end.
static void fail_each(bool all)
{
    bool more = true;
    uint64_t at = 0;
    while (more) {
        at++;
        uint32_t i = (uint32_t)(at % AT_ONCE);
        if (setup.running[i].pid != 0)
            more = take_one(i);
        if (!more)
            break;
        setup.running[i].at = at;
        setup.running[i].pid = fork();
        if (setup.running[i].pid == 0)
            _exit(child_result(at, all));
    }
    for (uint32_t i = 0; i < AT_ONCE; i++)
        if (setup.running[i].pid != 0)
            (void)take_one(i);
}

static void every_allocation_of_the_setup(void **state)
{
    (void)state;
    arm(UINT64_MAX, false);
    assert_int_equal(digest_self_test(), OK);
    setup.allocations = fails.seen;
    print_message(
        "%llu allocations, each failed alone and with all later ones: %llu refused, %llu did without\n",
        (unsigned long long)setup.allocations, (unsigned long long)setup.refused,
        (unsigned long long)setup.works);
    assert_int_equal(setup.unclean, 0);
    assert_int_equal(setup.refused + setup.works, 2 * setup.allocations);
    assert_true(setup.allocations > 100);
    assert_true(setup.refused > setup.allocations); // else they cannot have failed
}

int main(void)
{
    if (!CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free))
        return 1;
    fail_each(false);
    fail_each(true);
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_of_the_setup)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
