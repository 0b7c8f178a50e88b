// SPDX-License-Identifier: Apache-2.0
//
// plenum-bench: the load tool. Reading order: options.h, world.h, worker.c (the loop), conn.c (a client), codec_*.c
// (what is said), drive.c (when), deliver.c and check.c (what came), coordinator.c (the phases), report.c.

#include "check.h"
#include "conn.h"
#include "coordinator.h"
#include "drive.h"
#include "options.h"
#include "proc.h"
#include "report.h"
#include "worker.h"
#include "world.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define FILES_RESERVED 32 // standard streams, event loops, /proc

static void *worker_main(void *arg)
{
    worker_run(arg);
    return NULL;
}

int main(int argc, char **argv)
{
    static struct world world;
    struct options options;
    options_parse(argc, argv, &options);
    uint64_t files = proc_raise_nofile();
    if (options.clients + FILES_RESERVED > files) {
        fprintf(stderr, "plenum-bench: --clients %u: only %llu open files are allowed here (ulimit -Hn)\n",
                options.clients, (unsigned long long)files);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    world_init(&world, &options);
    drive_init(&world);
    coordinator_start(&world);
    for (uint32_t i = 1; i < options.threads; i++) {
        if (pthread_create(&world.workers[i].thread, NULL, worker_main, &world.workers[i])) {
            fprintf(stderr, "plenum-bench: cannot start a thread\n");
            return 1;
        }
    }
    worker_run(&world.workers[0]);
    for (uint32_t i = 1; i < options.threads; i++)
        pthread_join(world.workers[i].thread, NULL);
    check_finish(&world);
    int status = report_result(&world);
    for (uint32_t i = 0; i < options.clients; i++)
        conn_goodbye(&world.conns[i]);
    drive_deinit(&world);
    world_deinit(&world);
    return status;
}
