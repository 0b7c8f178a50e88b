// SPDX-License-Identifier: Apache-2.0
//
// audit: what a line of the audit costs: to make it, with a key and without, to write it into a file, and to check it.
//
//     build/release/bench/audit [LINES]
//
// The file is in the folder it is started in, and is taken away again; it is not brought to the disk.
#include "core/audit/check.h"
#include "io/mem_malloc.h"
#include "wire/digest.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static const struct audit_event kick = {.type = AUDIT_KICK,
                                        .room = {"lobby", 5},
                                        .epoch = {"QD2JIrmSl_s", 11},
                                        .user = {"guest-gfmfoxscwz", 16},
                                        .name = {"amber-otter-417", 15},
                                        .session = {"6DcOfBDdX3Erbu44qTdZ7Q", 22},
                                        .target = {"guest-6i52uopbte", 16},
                                        .reason = {"said it again", 13},
                                        .offset = 4711};

static void run(const struct audit_key *key, const char *what, uint32_t lines)
{
    static const uint8_t random[16] = {1};
    struct mem mem;
    struct buf line, all;
    struct audit_chain chain;
    struct audit_check check;
    mem_init(&mem, mem_malloc_backend(), 0);
    buf_init(&line, &mem, 0);
    buf_init(&all, &mem, 0);
    audit_chain_init(&chain, key, random);
    audit_check_init(&check, key);
    audit_check_file(&check);
    double began = now_s();
    for (uint32_t i = 0; i < lines; i++) {
        enum err made = i == 0 ? audit_chain_put_head(&chain, &line, 1)
                               : audit_chain_put(&chain, &line, 1795161600000 + i, 0, &kick);
        if (made != OK)
            exit(1);
        audit_chain_advance(&chain);
        buf_put_str(&all, buf_str(&line));
    }
    double made = now_s();
    int fd = open("audit.bench", O_WRONLY | O_APPEND | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    str rest = buf_str(&all);
    while (rest.n != 0) { // as the sink does: a line, a write
        size_t n = str_find_char(rest, '\n', 0) + 1;
        if (write(fd, rest.p, n) != (ssize_t)n)
            exit(1);
        rest = str_skip(rest, n);
    }
    close(fd);
    unlink("audit.bench");
    double written = now_s();
    for (rest = buf_str(&all); rest.n != 0;) {
        size_t n = str_find_char(rest, '\n', 0);
        if (audit_check_line(&check, str_take(rest, n)) != AUDIT_GOOD)
            exit(1);
        rest = str_skip(rest, n + 1);
    }
    double checked = now_s();
    printf("%s: %zu bytes a line; made in %.2f us, written in %.2f us, checked in %.2f us\n", what,
           all.n / lines, (made - began) / lines * 1e6, (written - made) / lines * 1e6,
           (checked - written) / lines * 1e6);
    buf_deinit(&line);
    buf_deinit(&all);
}

int main(int argc, char **argv)
{
    static const struct audit_key no_key = {.n = 0},
                                  key = {.bytes = "a key of an operator, long enough", .n = 33};
    uint64_t lines = 200000;
    if (argc > 1 && !str_to_u64(str_from_cstr(argv[1]), 10000000, &lines))
        return 2;
    if (digest_self_test() != OK || lines == 0)
        return 1;
    run(&no_key, "SHA-256", (uint32_t)lines);
    run(&key, "HMAC   ", (uint32_t)lines);
    return 0;
}
