// SPDX-License-Identifier: Apache-2.0
//
// GET /metrics, read by a small strict parser of the exposition format: every family once, HELP and TYPE before its
// samples, names and labels well-formed, the histogram consistent; and the numbers are the sums over the shards.
#include "unit/support.h"

#include "app/metrics_page.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { FAMILIES_MAX = 200, SAMPLES_MAX = 400, NAME_MAX_HERE = 128 };

struct parsed {
    char families[FAMILIES_MAX][NAME_MAX_HERE];
    char types[FAMILIES_MAX][16];
    size_t families_n;
    struct {
        char name[NAME_MAX_HERE]; // with labels
        double value;
    } samples[SAMPLES_MAX];
    size_t samples_n;
};

static struct parsed parsed;
static struct metrics shard0, shard1;
static struct io_metrics loop0, loop1;
static struct process_stats process;

// ---- the parser

static void copy(char *ret, size_t cap, str s)
{
    assert_true(s.n < cap);
    memcpy(ret, s.p, s.n);
    ret[s.n] = '\0';
}

static void assert_name(str s)
{
    assert_true(s.n > 0 && !isdigit((unsigned char)s.p[0]));
    for (size_t i = 0; i < s.n; i++)
        assert_true(isalnum((unsigned char)s.p[i]) || s.p[i] == '_' || s.p[i] == ':');
}

// label="value", values without anything that would need escaping
static void assert_labels(str labels)
{
    while (labels.n > 0) {
        str value = STR_NONE, rest;
        str pair = str_split(labels, ',', &rest);
        assert_name(str_split(pair, '=', &value));
        assert_true(value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"');
        str inside = str_make(value.p + 1, value.n - 2);
        assert_int_equal(str_find_char(inside, '"', 0), inside.n);
        assert_int_equal(str_find_char(inside, '\\', 0), inside.n);
        labels = rest;
    }
}

static void parse_comment(str line, bool is_help)
{
    str rest;
    str name = str_split(str_skip(line, 7), ' ', &rest);
    assert_name(name);
    assert_true(rest.n > 0);
    if (is_help) {
        for (size_t i = 0; i < parsed.families_n; i++)
            assert_false(str_eq(name, str_from_cstr(parsed.families[i]))); // once per family
        copy(parsed.families[parsed.families_n++], NAME_MAX_HERE, name);
        assert_true(parsed.families_n < FAMILIES_MAX);
    } else {
        assert_str_eq(name, str_from_cstr(parsed.families[parsed.families_n - 1])); // TYPE follows its HELP
        assert_true(str_eq(rest, STR("counter")) || str_eq(rest, STR("gauge")) ||
                    str_eq(rest, STR("histogram")));
        copy(parsed.types[parsed.families_n - 1], 16, rest);
    }
}

static bool belongs(str name, const char *family, const char *type)
{
    str f = str_from_cstr(family);
    if (!str_starts(name, f))
        return false;
    str suffix = str_skip(name, f.n);
    if (strcmp(type, "histogram") == 0)
        return str_eq(suffix, STR("_bucket")) || str_eq(suffix, STR("_sum")) || str_eq(suffix, STR("_count"));
    return suffix.n == 0;
}

static void parse_sample(str line)
{
    str value, labels;
    str name = str_split(line, ' ', &value);
    str bare = str_split(name, '{', &labels);
    assert_name(bare);
    if (labels.p != NULL) {
        assert_int_equal(labels.p[labels.n - 1], '}');
        assert_labels(str_take(labels, labels.n - 1));
    }
    size_t f = parsed.families_n - 1;
    assert_true(parsed.types[f][0] != '\0');
    assert_true(belongs(bare, parsed.families[f], parsed.types[f]));
    if (strcmp(parsed.types[f], "counter") == 0)
        assert_true(str_eq(str_skip(bare, bare.n - 6), STR("_total")));

    for (size_t i = 0; i < parsed.samples_n; i++)
        assert_false(str_eq(name, str_from_cstr(parsed.samples[i].name)));
    copy(parsed.samples[parsed.samples_n].name, NAME_MAX_HERE, name);
    char digits[64], *end;
    copy(digits, sizeof digits, value);
    parsed.samples[parsed.samples_n].value = strtod(digits, &end);
    assert_true(end != digits && *end == '\0');
    assert_true(++parsed.samples_n < SAMPLES_MAX);
}

static void parse(str page)
{
    memset(&parsed, 0, sizeof parsed);
    assert_int_equal(page.p[page.n - 1], '\n');
    page.n--;
    for (str rest = page; rest.p != NULL;) {
        str line = str_split(rest, '\n', &rest);
        if (str_starts(line, STR("# HELP ")))
            parse_comment(line, true);
        else if (str_starts(line, STR("# TYPE ")))
            parse_comment(line, false);
        else
            parse_sample(line);
    }
}

static double sample(const char *name)
{
    for (size_t i = 0; i < parsed.samples_n; i++)
        if (strcmp(parsed.samples[i].name, name) == 0)
            return parsed.samples[i].value;
    print_error("no sample %s\n", name);
    fail();
    return 0;
}

// ---- the page

static void make_page(const struct mem *mem, struct process_stats *stats)
{
    struct test_mem tm;
    struct mem page_mem;
    test_mem_init(&tm, &page_mem);
    struct buf body;
    buf_init(&body, &page_mem, 0);
    struct metrics_page page = {.shards = {&shard0, &shard1},
                                .loops = {&loop0, &loop1},
                                .shards_n = 2,
                                .mem = mem,
                                .process = stats,
                                .version = "1.2.3"};
    metrics_page_write(&page, &body);
    assert_true(buf_ok(&body));
    parse(buf_str(&body));
    buf_deinit(&body);
    test_mem_check(&tm);
}

static int setup(void **state)
{
    (void)state;
    memset(&shard0, 0, sizeof shard0);
    memset(&shard1, 0, sizeof shard1);
    memset(&loop0, 0, sizeof loop0);
    memset(&loop1, 0, sizeof loop1);
    return 0;
}

static void test_empty(void **state)
{
    (void)state;
    make_page(NULL, NULL);
    assert_true(sample("plenum_shards") == 2);
    assert_true(sample("plenum_build_info{version=\"1.2.3\"}") == 1);
}

static void test_sums(void **state)
{
    (void)state;
    metric_add(&shard0.deliveries, 30);
    metric_add(&shard1.deliveries, 70);
    metric_add(&shard0.writes, 8);
    metric_add(&shard0.closed_normal, 2);
    metric_add(&shard1.closed_normal, 3);
    metric_add(&shard1.closed_slow, 1);
    metric_set(&shard0.lag_entries_max, 5);
    metric_set(&shard1.lag_entries_max, 4);
    metric_add(&loop1.reads, 6);
    make_page(NULL, NULL);
    assert_true(sample("plenum_deliveries_total") == 100);
    assert_true(sample("plenum_connections_closed_total{reason=\"normal\"}") == 5);
    assert_true(sample("plenum_connections_closed_total{reason=\"slow\"}") == 1);
    assert_true(sample("plenum_lag_entries_max") == 5); // the slowest, not a sum
    assert_true(sample("plenum_reads_total") == 6);
}

static void test_every_counter_is_there(void **state)
{
    (void)state;
    make_page(NULL, NULL);
#define X(field, name, type, help) assert_true(sample(name) == 0);
    METRICS(X)
    IO_METRICS(X)
#undef X
}

// One counter of each kind is raised and found again under its own name: no two share a place.
static void test_every_kind_is_there(void **state)
{
    (void)state;
    char name[128];
    for (uint32_t i = 1; i < CMD_COUNT; i++)
        metric_add(&shard1.commands[i], i);
    metric_add(&shard0.commands[CMD_NONE], 1000);
    for (uint32_t i = 1; i < PROBLEM_COUNT; i++)
        metric_add(&shard0.errors[i], i);
    for (uint32_t i = 0; i < CLOSE_REASONS; i++)
        metric_add(&shard1.closed[i], i + 1);
    make_page(NULL, NULL);
    assert_true(sample("plenum_commands_total{type=\"invalid\"}") == 1000);
    assert_true(sample("plenum_commands_total{type=\"join\"}") == CMD_JOIN);
    assert_true(sample("plenum_errors_total{code=\"not_member\"}") == PROBLEM_NOT_MEMBER);
    assert_true(sample("plenum_connections_closed_total{reason=\"heartbeat\"}") == CLOSE_HEARTBEAT + 1);
    for (uint32_t i = 1; i < CMD_COUNT; i++) {
        snprintf(name, sizeof name, "plenum_commands_total{type=\"%s\"}", command_name((enum command_type)i));
        assert_true(sample(name) == i);
    }
    for (uint32_t i = 1; i < PROBLEM_COUNT; i++) {
        snprintf(name, sizeof name, "plenum_errors_total{code=\"%s\"}", problem_name((enum problem_code)i));
        assert_true(sample(name) == i);
    }
    for (uint32_t i = 0; i < CLOSE_REASONS; i++) {
        snprintf(name, sizeof name, "plenum_connections_closed_total{reason=\"%s\"}",
                 close_reason_name((enum close_reason)i));
        assert_true(sample(name) == i + 1);
    }
}

static bool ends_with(str s, str tail) { return s.n >= tail.n && str_eq(str_skip(s, s.n - tail.n), tail); }

// What `promtool check metrics` asks of names, and what it does not: a counter ends in _total and nothing else does, units
// are base units and at the end, no label is in a name.
static void test_names_follow_the_conventions(void **state)
{
    (void)state;
    static const char *const not_units[] = {"_ms",        "_us",   "_ns",      "_minutes",
                                            "_hours",     "_kb",   "_mb",      "_kilobytes",
                                            "_megabytes", "_bits", "_percent", "_milliseconds"};
    struct test_mem tm;
    struct mem mem;
    test_mem_init(&tm, &mem);
    process_stats_init(&process);
    make_page(&mem, &process);
    for (size_t i = 0; i < parsed.families_n; i++) {
        str name = str_from_cstr(parsed.families[i]);
        bool counter = strcmp(parsed.types[i], "counter") == 0;
        assert_int_equal(ends_with(name, STR("_total")), counter);
        assert_true(str_starts(name, STR("plenum_")) || str_starts(name, STR("process_")));
        assert_false(ends_with(name, STR("_count")) || ends_with(name, STR("_sum")) ||
                     ends_with(name, STR("_bucket")));
        for (size_t c = 0; c < name.n; c++)
            assert_true(islower((unsigned char)name.p[c]) || isdigit((unsigned char)name.p[c]) ||
                        name.p[c] == '_');
        for (size_t u = 0; u < ARRAY_LEN(not_units); u++)
            assert_false(ends_with(name, str_from_cstr(not_units[u])));
    }
}

static void test_large_numbers_are_exact(void **state)
{
    (void)state;
    metric_set(&shard0.bytes_out, (UINT64_C(1) << 53) - 10);
    metric_set(&shard1.bytes_out, 3);
    make_page(NULL, NULL);
    assert_true(sample("plenum_sent_bytes_total") == 9007199254740985.0);
}

static void histogram_is_right(const char *name, struct time_histogram *a, struct time_histogram *b)
{
    static const uint32_t bounds_us[] = TIME_BOUNDS_US;
    char text[128];
    double all = 0, before = 0;
    for (size_t i = 0; i < TIME_BUCKETS; i++) {
        metric_add(&a->buckets[i], i + 1);
        metric_add(&b->buckets[i], 1);
        all += (double)i + 2;
    }
    metric_add(&a->us_sum, 1500000);
    make_page(NULL, NULL);
    for (size_t i = 0; i < ARRAY_LEN(bounds_us); i++) {
        snprintf(text, sizeof text, "%s_bucket{le=\"%g\"}", name, bounds_us[i] / 1e6);
        assert_true(sample(text) == before + (double)i + 2); // cumulative
        before = sample(text);
    }
    snprintf(text, sizeof text, "%s_bucket{le=\"10\"}", name);
    assert_true(sample(text) == before); // up to 10 s
    snprintf(text, sizeof text, "%s_bucket{le=\"+Inf\"}", name);
    assert_true(sample(text) == all);
    snprintf(text, sizeof text, "%s_count", name);
    assert_true(sample(text) == all);
    snprintf(text, sizeof text, "%s_sum", name);
    assert_true(fabs(sample(text) - 1.5) < 1e-9);
}

static void test_histograms(void **state)
{
    (void)state;
    histogram_is_right("plenum_turn_seconds", &shard0.turn, &shard1.turn);
    histogram_is_right("plenum_publish_to_write_seconds", &shard0.publish, &shard1.publish);
}

static void test_times_find_their_bucket(void **state)
{
    (void)state;
    struct time_histogram h = {0};
    const struct {
        uint64_t us;
        uint32_t bucket;
    } cases[] = {{0, 0},
                 {50, 0},
                 {51, 1},
                 {1000, 4},
                 {1001, 5},
                 {10000000, TIME_BUCKETS - 2},
                 {10000001, TIME_BUCKETS - 1}};
    uint64_t sum = 0;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t had = metric_get(&h.buckets[cases[i].bucket]);
        time_add(&h, cases[i].us);
        sum += cases[i].us;
        assert_int_equal(metric_get(&h.buckets[cases[i].bucket]), had + 1);
    }
    assert_int_equal(metric_get(&h.us_sum), sum);
}

static void test_memory_and_process(void **state)
{
    (void)state;
    struct test_mem tm;
    struct mem mem;
    test_mem_init(&tm, &mem);
    mem.bytes_max = 1 << 20;
    void *p = mem_alloc(&mem, 1000);
    assert_non_null(p);
    assert_null(mem_alloc(&mem, 2 << 20));
    process_stats_init(&process);
    make_page(&mem, &process);
    assert_true(sample("plenum_memory_used_bytes") >= 1000);
    assert_true(sample("plenum_memory_budget_bytes") == 1 << 20);
    assert_true(sample("plenum_memory_refused_total") == 1);
    assert_true(sample("plenum_log_lines_lost_total") == 0);
    assert_true(sample("process_open_fds") >= 3 && sample("process_open_fds") <= sample("process_max_fds"));
    assert_true(sample("process_resident_memory_bytes") > 100000);
    assert_true(sample("process_start_time_seconds") > 1.6e9);
    assert_true(sample("process_cpu_seconds_total") >= 0);
    mem_free(&mem, p, 1000);
    test_mem_check(&tm);
}

// A sample is taken only after the last one was read.
static void test_process_sampling(void **state)
{
    (void)state;
    process_stats_init(&process);
    process.open_files = 12345;
    process_stats_refresh(&process);
    assert_int_equal(process.open_files, 12345);
    make_page(NULL, &process);
    assert_true(sample("process_open_fds") == 12345);
    process_stats_refresh(&process);
    assert_int_not_equal(process.open_files, 12345);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_empty, setup),
        cmocka_unit_test_setup(test_sums, setup),
        cmocka_unit_test_setup(test_every_counter_is_there, setup),
        cmocka_unit_test_setup(test_large_numbers_are_exact, setup),
        cmocka_unit_test_setup(test_every_kind_is_there, setup),
        cmocka_unit_test_setup(test_names_follow_the_conventions, setup),
        cmocka_unit_test_setup(test_histograms, setup),
        cmocka_unit_test_setup(test_times_find_their_bucket, setup),
        cmocka_unit_test_setup(test_memory_and_process, setup),
        cmocka_unit_test_setup(test_process_sampling, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
