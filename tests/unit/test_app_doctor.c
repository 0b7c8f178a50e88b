// SPDX-License-Identifier: Apache-2.0
//
// `plenum doctor`: what it reads of a machine whose /proc and /sys are made here, each finding on both sides of its bound, and the
// costs, which are figures times limits. What it says of this machine is in tests/e2e/cli.
#include "unit/support.h"

#include "app/doctor.h"
#include "io/rlimit.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct config_load load;
static struct machine machine;
static struct wiring_start start;
static struct findings found;

static void set(const char *path, const char *value)
{
    str name;
    str section = str_split(str_from_cstr(path), '.', &name);
    const struct config_key *key = config_key_find(section, name);
    assert_non_null(key);
    assert_true(config_value_set(&load.values, key, str_from_cstr(value)));
}

// A machine on which all is well.
static int setup(void **state)
{
    (void)state;
    config_load_init(&load);
    machine = (struct machine){
        .files_soft = 1024,
        .files_hard = 20000,
        .files_all = 1000000,
        .files_used = 1000,
        .accept_queue = 4096,
        .port_first = 32768,
        .port_last = 60999,
        .memory = UINT64_C(8) << 30,
        .memory_free = UINT64_C(7) << 30,
        .tcp_memory = UINT64_C(8) << 30,
        .cores = 4,
        .clock_source = "tsc",
        .clock_look_ns = 25,
        .clock_synchronised = true,
        .random_ready = true,
    };
    start = (struct wiring_start){
        .shard_count = 4, .connections_max = 19000, .memory_bytes_max = (size_t)4 << 30};
    return 0;
}

static const struct finding *about(const char *subject)
{
    for (uint32_t i = 0; i < found.n; i++)
        if (strcmp(found.v[i].about, subject) == 0)
            return &found.v[i];
    return NULL;
}

static void is(const char *subject, enum finding_kind kind, const char *part)
{
    doctor_examine(&found, &machine, &load.values, &start);
    const struct finding *f = about(subject);
    assert_non_null(f);
    if (f->kind != kind || strstr(f->text, part) == NULL)
        fail_msg("%s: %d, %s", subject, (int)f->kind, f->text);
}

static void costs(const char *subject, enum finding_kind kind, const char *part)
{
    doctor_costs(&found, &machine, &load.values, &start);
    const struct finding *f = about(subject);
    assert_non_null(f);
    if (f->kind != kind || strstr(f->text, part) == NULL)
        fail_msg("%s: %d, %s", subject, (int)f->kind, f->text);
}

static void a_good_machine_is_well(void **state)
{
    (void)state;
    doctor_examine(&found, &machine, &load.values, &start);
    assert_int_equal(found.n, 8);
    for (uint32_t i = 0; i < found.n; i++)
        if (found.v[i].kind != FINDING_WELL)
            fail_msg("%s: %s", found.v[i].about, found.v[i].text);
}

static void files(void **state)
{
    (void)state;
    is("open files", FINDING_WELL, "20000 at most, to which the server raises its limit: 19000 connections");
    machine.files_soft = 20000;
    is("open files", FINDING_WELL, "20000 at most: 19000");
    set("limits.connections", "19000");
    is("open files", FINDING_WELL, "19000");
    set("limits.connections", "19001");
    char need[64];
    snprintf(need, sizeof need, "Raise the hard limit to %u", 19001 + rlimit_files_reserved(4));
    is("open files", FINDING_BAD, need);
    doctor_examine(&found, &machine, &load.values, &start);
    assert_null(about("files in all"));
    machine.files_all = machine.files_used + 19000;
    is("files in all", FINDING_BAD, "fs.file-max");
    machine.files_all = 0; // not told
    doctor_examine(&found, &machine, &load.values, &start);
    assert_null(about("files in all"));
}

static void the_network(void **state)
{
    (void)state;
    machine.accept_queue = 4095;
    is("accept queue", FINDING_NOTE, "net.core.somaxconn");
    machine.accept_queue = 0;
    is("accept queue", FINDING_WELL, "4096");
    is("ports", FINDING_WELL, "28232");
    machine.port_last = machine.port_first + 18998;
    is("ports", FINDING_NOTE, "18999 ");
    machine.port_last++;
    is("ports", FINDING_WELL, "19000 ");
    machine.port_last = 0;
    doctor_examine(&found, &machine, &load.values, &start);
    assert_null(about("ports"));
    is("conntrack", FINDING_WELL, "not tracked");
    machine.tracked_max = 20000;
    machine.tracked = 1000;
    is("conntrack", FINDING_WELL, "19000 more connections of 20000");
    machine.tracked = 1001;
    is("conntrack", FINDING_BAD, "nf_conntrack_max");
    machine.tracked = 20001; // it was lowered
    is("conntrack", FINDING_BAD, "0 more");
}

static void memory_and_time(void **state)
{
    (void)state;
    is("memory", FINDING_WELL, "8.0 GiB in all; the server takes up to 4.0 GiB, half of it");
    set("server.memory_mb", "4096");
    is("memory", FINDING_WELL, "takes up to 4.0 GiB");
    machine.memory_free = ((uint64_t)4 << 30) - 1;
    is("memory", FINDING_NOTE, "free");
    machine.memory = ((uint64_t)4 << 30) - 1;
    is("memory", FINDING_BAD, "killed");
    machine.memory = machine.memory_free = 0; // not told
    is("memory", FINDING_WELL, "0 bytes in all");
    machine.random_ready = false;
    is("random", FINDING_NOTE, "waits");
    is("clock", FINDING_WELL, "tsc, 25 ns");
    machine.clock_look_ns = 1200;
    snprintf(machine.clock_source, sizeof machine.clock_source, "acpi_pm");
    is("clock", FINDING_NOTE, "acpi_pm, 1200 ns a look: each asks the hardware");
    machine.clock_source[0] = '\0';
    is("clock", FINDING_NOTE, "not told");
    doctor_examine(&found, &machine, &load.values, &start);
    assert_null(about("time of day"));
    machine.clock_synchronised = false;
    is("time of day", FINDING_NOTE, "tokens");
    is("cores", FINDING_WELL, "4, for 4 shards");
    machine.cores = 3;
    is("cores", FINDING_NOTE, "server.shards is 4");
}

static void limits_have_a_price(void **state)
{
    (void)state;
    costs(
        "connections", FINDING_WELL,
        "19000 idle ones hold 8.7 MiB in rooms of a hundred, 14.5 MiB in rooms of two, and 74.2 MiB of the kernel");
    assert_null(about("with TLS"));
    load.values.server_dev_tls = true;
    costs("with TLS", FINDING_WELL, "278 MiB more");
    start.memory_bytes_max = (size_t)19000 * (DOCTOR_IDLE_ALONE_BYTES + DOCTOR_TLS_BYTES) - 1;
    costs("with TLS", FINDING_BAD, "278 MiB more");
    start.memory_bytes_max++;
    costs("with TLS", FINDING_WELL, "278 MiB more");
    load.values.server_dev_tls = false;
    load.values.server_listen.n = 1;
    load.values.server_listen.rows[0].tls.n = 1;
    costs("with TLS", FINDING_WELL, "278 MiB more");
    load.values.server_listen.n = 0;
    start.memory_bytes_max = (size_t)19000 * DOCTOR_IDLE_ALONE_BYTES - 1;
    costs("connections", FINDING_BAD, "14.5 MiB");
    costs("stuck readers", FINDING_WELL, "153 KiB");
    assert_null(about("TCP's memory"));
    machine.tcp_memory = (uint64_t)19000 * DOCTOR_STUCK_BYTES - 1;
    costs("TCP's memory", FINDING_NOTE, "more than 18999 stuck readers");
    set("limits.rooms", "1000");
    set("log.bytes", "1MiB");
    start.memory_bytes_max = (size_t)4000 << 20;
    costs("rooms", FINDING_WELL,
          "4000 (limits.rooms of each shard) hold 2.3 MiB; with history up to log.bytes in each 3.9 GiB");
    assert_null(strstr(about("rooms")->text, "seven eighths"));
    start.memory_bytes_max--;
    costs("rooms", FINDING_WELL, "seven eighths");
    start.memory_bytes_max = (size_t)4000 * DOCTOR_ROOM_BYTES - 1;
    costs("rooms", FINDING_NOTE, "4000");
}

// ---- a machine of files

static char root[] = "/tmp/plenum-doctor-XXXXXX";

static void in_root(const char *path, char *whole, size_t cap)
{
    assert_in_range(snprintf(whole, cap, "%s%s", root, path), 1, (int)cap - 1);
}

static void put_file(const char *path, const char *text)
{
    char whole[512];
    in_root(path, whole, sizeof whole);
    for (char *slash = strchr(whole + sizeof root, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(whole, 0700);
        *slash = '/';
    }
    FILE *f = fopen(whole, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static void what_files_say_is_read(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(root));
    machine_look(&machine, root); // nothing is there
    assert_int_equal(machine.files_all, 0);
    assert_int_equal(machine.accept_queue, 0);
    assert_int_equal(machine.port_last, 0);
    assert_int_equal(machine.tcp_memory, 0);
    assert_int_equal(machine.memory_free, 0);
    assert_int_equal(machine.clock_source[0], 0);
    put_file("/proc/sys/fs/file-max", "9223372036854775807\n");
    put_file("/proc/sys/fs/file-nr", "1216\t0\t9223372036854775807\n");
    put_file("/proc/sys/net/core/somaxconn", "128\n");
    put_file("/proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n");
    put_file("/proc/sys/net/ipv4/tcp_mem", "187491\t249990\t374982\n");
    put_file("/proc/sys/net/netfilter/nf_conntrack_max", "65536\n");
    put_file("/proc/sys/net/netfilter/nf_conntrack_count", "17\n");
    put_file("/proc/meminfo",
             "MemTotal:       16384 kB\nMemFree:         1024 kB\nMemAvailable:    2048 kB\nBuffers: 1 kB\n");
    put_file("/sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet\n");
    machine_look(&machine, root);
    assert_int_equal(machine.files_all, INT64_MAX);
    assert_int_equal(machine.files_used, 1216);
    assert_int_equal(machine.accept_queue, 128);
    assert_int_equal(machine.port_first, 32768);
    assert_int_equal(machine.port_last, 60999);
    assert_int_equal(machine.tcp_memory, UINT64_C(249990) * (uint64_t)sysconf(_SC_PAGESIZE));
    assert_int_equal(machine.tracked_max, 65536);
    assert_int_equal(machine.tracked, 17);
    assert_int_equal(machine.memory_free, 2048 << 10);
    assert_string_equal(machine.clock_source, "hpet");
    assert_true(machine.cores >= 1);
    assert_true(machine.files_hard >= machine.files_soft);
    // What is no number, or not all of one.
    put_file("/proc/sys/net/ipv4/tcp_mem", "187491\n");
    put_file("/proc/sys/net/core/somaxconn", "many\n");
    put_file("/proc/meminfo", "MemAvailable:\n");
    machine_look(&machine, root);
    assert_int_equal(machine.tcp_memory, 0);
    assert_int_equal(machine.accept_queue, 0);
    assert_int_equal(machine.memory_free, 0);
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", root);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_good_machine_is_well, setup),
        cmocka_unit_test_setup(files, setup),
        cmocka_unit_test_setup(the_network, setup),
        cmocka_unit_test_setup(memory_and_time, setup),
        cmocka_unit_test_setup(limits_have_a_price, setup),
        cmocka_unit_test_setup(what_files_say_is_read, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
