// SPDX-License-Identifier: Apache-2.0
//
// The body of GET /health: one JSON object whatever is in it, the numbers of each shard beside their sums, what is near its bound, and when
// which warning is given. What is gathered from a running server is in tests/e2e/health.
#include "unit/support.h"

#include "app/health.h"
#include "core/common/settings.h"
#include "wire/json.h"

#include <stdio.h>
#include <stdlib.h>

static struct test_mem tm;
static struct mem mem;
static struct buf out;
static struct metrics shards[2];
static struct metrics_page page;
static struct health h;

static void quiet(void)
{
    memset(shards, 0, sizeof shards);
    page = (struct metrics_page){.shards = {&shards[0], &shards[1]}, .shards_n = 2};
    h = (struct health){.version = "1.2.3",
                        .page = &page,
                        .shards_n = 2,
                        .api_keys = 1,
                        .names = 1,
                        .time_ms = 61000,
                        .started_ms = 1000,
                        .since_ms = 1000};
    for (size_t i = 0; i < 2; i++)
        h.shards[i].look.doing = "waiting";
}

static int setup(void **state)
{
    (void)state;
    test_mem_init(&tm, &mem);
    buf_init(&out, &mem, 0);
    quiet();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    buf_deinit(&out);
    test_mem_check(&tm);
    return 0;
}

static void says(const char *part)
{
    if (memmem(out.p, out.n, part, strlen(part)) == NULL)
        fail_msg("%.*s\nhas not %s", (int)out.n, out.p, part);
}

static void is_silent_of(const char *part)
{
    if (out.n != 0 && memmem(out.p, out.n, part, strlen(part)) != NULL)
        fail_msg("%.*s\nhas %s", (int)out.n, out.p, part);
}

static void put(void)
{
    buf_deinit(&out);
    buf_init(&out, &mem, 0);
    health_put(&h, &out);
    assert_true(buf_ok(&out));
    assert_int_equal(json_validate(buf_str(&out), NULL), OK);
}

static void a_quiet_server_has_no_warning(void **state)
{
    (void)state;
    put();
    says("{\"status\":\"ready\",\"since\":1000,\"version\":\"1.2.3\",\"build\":\"");
    says("\"time\":61000,\"started\":1000,\"uptime_s\":60,");
    says("\"warnings\":[]");
    says("\"refused\":{}");
    says("\"keys\":[]");
    says("\"audit\":{\"on\":false}");
    is_silent_of("\"near\":true");
    h.time_ms = 500; // the clock was set back
    h.unready = true;
    put();
    says("{\"status\":\"draining\"");
    says("\"uptime_s\":0,");
}

static void numbers_are_each_shards_and_their_sums(void **state)
{
    (void)state;
    metric_add(&shards[0].connections, 30);
    metric_add(&shards[1].connections, 12);
    metric_add(&shards[1].entries, 7);
    metric_add(&shards[0].limit_rate, 2);
    metric_add(&shards[1].limit_rate, 3);
    metric_add(&shards[1].limit_rooms, 1);
    h.shards[0] = (struct health_shard){
        .connections = 30,
        .rooms = 4,
        .log_bytes = 99,
        .busy_percent = 17,
        .look = {.turns = 5, .turn_ns = 2500000, .waited_ns = 7000000, .doing = "mail", .mail = 3}};
    put();
    says("\"totals\":{\"connections\":42,\"sessions\":0,");
    says("\"entries\":7,");
    says("\"refused\":{\"rate\":5,\"rooms\":1}");
    says(
        "{\"shard\":0,\"connections\":30,\"sessions\":0,\"rooms\":4,\"members\":0,\"memberships\":0,\"log_bytes\":99,\"mail\":3,"
        "\"busy_percent\":17,\"turns\":5,\"last_turn_ms\":7,\"turn_ms\":2,\"doing\":\"mail\"}");
    says(",{\"shard\":1,");
}

static void what_is_near_its_bound_says_so(void **state)
{
    (void)state;
    static const struct {
        uint64_t used, max;
        bool near;
    } rows[] = {{0, 0, false},
                {5, 0, false},
                {79, 100, false},
                {80, 100, true},
                {100, 100, true},
                {120, 100, true},
                {0, 1, false},
                {1, 1, true},
                {3, 4, false},
                {4, 4, true},
                {UINT64_MAX / 2, UINT64_MAX, false},
                {UINT64_MAX - 1, UINT64_MAX, true}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        h.limits[HEALTH_ROOMS] = (struct health_bound){rows[i].used, rows[i].max};
        put();
        if (rows[i].near)
            says("\"near\":true");
        else
            is_silent_of("\"near\":true");
    }
    h.limits[HEALTH_ROOMS] = (struct health_bound){9, 10};
    put();
    says("{\"limit\":\"connections\",\"used\":0,\"near\":false}");
    says("{\"limit\":\"rooms\",\"used\":9,\"max\":10,\"near\":true}");
    says("\"warnings\":[{\"warning\":\"limit_near\",");
}

static void warned_of(const char *name)
{
    char row[100];
    snprintf(row, sizeof row, "\"warnings\":[{\"warning\":\"%s\",\"message\":\"", name);
    put();
    says(row);
    is_silent_of("\"},{\"warning\""); // of nothing else
}

static void each_warning_has_its_cause(void **state)
{
    (void)state;
    h.api_keys = 0;
    warned_of("api_without_key");
    quiet();
    h.guests = true;
    put();
    says("\"warnings\":[]"); // on this machine only
    h.open = true;
    warned_of("guests_from_elsewhere");
    quiet();
    h.open = true;
    h.names = 0;
    warned_of("host_names_any");
    quiet();
    h.limits[HEALTH_CONNECTIONS].max = 100;
    h.connections_wanted = 100;
    put();
    says("\"warnings\":[]");
    h.connections_wanted = 101;
    warned_of("connections_cut");
    quiet();
    h.shards[1].look.turn_ns = UINT64_C(999) * 1000000;
    put();
    says("\"warnings\":[]");
    h.shards[1].look.turn_ns = UINT64_C(1000) * 1000000;
    warned_of("shard_hangs");
    quiet();
    h.keys_n = 2;
    h.keys[1].failures = 1;
    warned_of("keys_failed");
    quiet();
    h.audit.missing = 1; // there is none
    put();
    says("\"warnings\":[]");
    h.audit_on = true;
    warned_of("audit_missing");
    quiet();
    h.log_lost = 1;
    warned_of("log_lines_lost");
}

static void keys_and_helpers_are_told(void **state)
{
    (void)state;
    h.keys_n = 2;
    h.keys[0] = (struct key_fetch_status){.issuer = "a \"b\"",
                                          .known = true,
                                          .keys = 3,
                                          .age_ms = 1500,
                                          .asked = true,
                                          .asked_ms = 200,
                                          .failures = 2,
                                          .failure = "status 500"};
    h.verifiers_n = 2;
    h.verifier_waiting[1] = 9;
    h.audit_on = true;
    h.audit = (struct audit_stats){.seq = 10, .lines = 8, .missing = 0, .failures = 1, .waiting = 4};
    put();
    says("\"verifiers\":[{\"waiting\":0},{\"waiting\":9}]");
    says(
        "\"keys\":[{\"issuer\":\"a \\\"b\\\"\",\"known\":true,\"keys\":3,\"age_ms\":1500,\"last_fetch_ms\":200,\"failures\":2,\"failure\":\"status 500\"},"
        "{\"issuer\":\"\",\"known\":false,\"keys\":0,\"failures\":0}]");
    says("\"audit\":{\"on\":true,\"seq\":10,\"lines\":8,\"missing\":0,\"failures\":1,\"waiting\":4}");
}

static void the_page_has_them_all(void **state)
{
    (void)state;
    static const char *const words[] = {
#define X(name, ...) "| `" #name "` | ",
        HEALTH_WARNINGS(X)
#undef X
#define X(upper, lower) "`" #lower "`",
            HEALTH_LIMITS(X)
#undef X
    };
    char *page_text = source_text("docs/ADMIN.md");
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strstr(page_text, words[i]) == NULL)
            fail_msg("docs/ADMIN.md has not %s", words[i]);
    free(page_text);
}

// Between two looks of the main thread.
static void the_share_of_time_is_of_late(void **state)
{
    (void)state;
    static struct health_source from;
    memset(&from, 0, sizeof from);
    health_source_init(&from, &page, NULL, 0);
    from.pulse_ns -= UINT64_C(10) * 1000000000; // the last look was ten seconds ago
    metric_add(&shards[0].turn.us_sum, 2500000);
    metric_add(&shards[1].turn.us_sum, 99000000);
    health_pulse(&from);
    assert_in_range(from.pulses[0].busy_percent, 24, 25);
    assert_int_equal(from.pulses[1].busy_percent, 100);
    from.pulse_ns -= UINT64_C(10) * 1000000000;
    health_pulse(&from);
    assert_int_equal(from.pulses[0].busy_percent, 0);
    assert_int_equal(from.pulses[1].busy_percent, 0);
    health_leaving(&from);
    uint64_t since_ms = from.leaving_ms;
    assert_true(since_ms >= from.started_ms);
    from.leaving_ms = 7;
    health_leaving(&from); // the first time counts
    assert_int_equal(from.leaving_ms, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_quiet_server_has_no_warning, setup, teardown),
        cmocka_unit_test_setup_teardown(numbers_are_each_shards_and_their_sums, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_near_its_bound_says_so, setup, teardown),
        cmocka_unit_test_setup_teardown(each_warning_has_its_cause, setup, teardown),
        cmocka_unit_test_setup_teardown(keys_and_helpers_are_told, setup, teardown),
        cmocka_unit_test(the_page_has_them_all),
        cmocka_unit_test_setup_teardown(the_share_of_time_is_of_late, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
