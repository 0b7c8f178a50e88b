// SPDX-License-Identifier: Apache-2.0
//
// The log: its two formats, what a stranger's text becomes, floods, several threads; pipes that nobody reads, stopped
// terminals, and the end.
#include "unit/support.h"

#include "app/escape.h"
#include "app/log_line.h"
#include "app/log_sink.h"
#include "app/logger.h"
#include "app/notices.h"
#include "wire/json.h"
#include "wire/utf8.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

// ---- what was written

static FILE *file;
static char text[4 << 20];

static int setup(void **state)
{
    (void)state;
    file = tmpfile();
    log_sink_fd_set(fileno(file));
    logger_set(LOG_INFO, LOG_LOGFMT);
    return file == NULL;
}

static int teardown(void **state)
{
    (void)state;
    log_sink_fd_set(2);
    fclose(file);
    return 0;
}

// All lines so far; the file is empty again.
static char *logged(void)
{
    rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    assert_int_equal(ftruncate(fileno(file), 0), 0);
    rewind(file);
    return text;
}

// The one line so far, behind its time.
static char *logged_behind_time(void)
{
    char *line = logged();
    assert_non_null(strchr(line, '\n'));
    assert_string_equal(strchr(line, '\n'), "\n");
    unsigned year, month, day, hour, minute, second, ms;
    int n = 0;
    sscanf(line, "time=%4u-%2u-%2uT%2u:%2u:%2u.%3uZ %n", &year, &month, &day, &hour, &minute, &second, &ms,
           &n);
    assert_int_equal(n, (int)strlen("time=2026-11-20T05:41:15.123Z "));
    return line + n;
}

static size_t count_lines(const char *p)
{
    size_t n = 0;
    for (; (p = strchr(p, '\n')) != NULL; p++)
        n++;
    return n;
}

// ---- escaping

static void assert_escaped(str s, const char *wanted)
{
    char out[256];
    size_t n = text_escape(s, out, sizeof out);
    assert_string_equal(out, wanted);
    assert_int_equal(n, strlen(wanted));
}

static void test_escape(void **state)
{
    (void)state;
    assert_escaped(STR(""), "");
    assert_escaped(STR_NONE, "");
    assert_escaped(STR("plain = text"), "plain = text");
    assert_escaped(STR("a\"b\\c"), "a\\\"b\\\\c");
    assert_escaped(STR("\r\n\t"), "\\r\\n\\t");
    assert_escaped(STR("\x1b[31m\x7f\x00\x07"), "\\u001b[31m\\u007f\\u0000\\u0007");
    assert_escaped(STR("\xc2\x9b\xc2\x85"), "\\u009b\\u0085"); // C1: CSI as one character, NEL
    assert_escaped(STR("\xe2\x80\xae"
                       "a\xe2\x81\xa6"),
                   "\\u202ea\\u2066"); // right-to-left override, isolate
    assert_escaped(STR("\xe2\x80\xa8\xe2\x80\x8b\xef\xbb\xbf"), "\\u2028\\u200b\\ufeff");
    assert_escaped(STR("gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80"), "gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80");
    assert_escaped(STR("\xff"
                       "a\xc3"
                       "b\xed\xa0\x80"),
                   "\\ufffda\\ufffdb\\ufffd\\ufffd\\ufffd");
    assert_escaped(STR("\xe2\x82"), "\\ufffd\\ufffd"); // cut off
}

// Cut anywhere, the result fits, is whole characters, and says that it was cut.
static void test_escape_cut(void **state)
{
    (void)state;
    static const char s[] = "ab\xc3\xbc\n\xf0\x9f\x98\x80\x1b long enough to be cut off at many places";
    for (size_t cap = ESCAPE_CAP_MIN; cap < 80; cap++) {
        char out[96];
        memset(out, '#', sizeof out);
        size_t n = text_escape(str_make(s, sizeof s - 1), out, cap);
        assert_true(n < cap && out[n] == '\0' && out[cap] == '#');
        assert_true(utf8_valid(str_make(out, n)));
        if (n < 55)
            assert_memory_equal(out + n - 3, "\xe2\x80\xa6", 3);
    }
}

// Whatever comes in: printable, no quote without its backslash, and valid inside JSON.
static void test_escape_every_pair(void **state)
{
    (void)state;
    for (unsigned a = 0; a < 256; a++) {
        for (unsigned b = 0; b < 256; b++) {
            char pair[2] = {(char)a, (char)b};
            char out[32];
            size_t n = text_escape(str_make(pair, 2), out, sizeof out);
            char json[64];
            int json_n = snprintf(json, sizeof json, "\"%.*s\"", (int)n, out);
            assert_int_equal(json_validate(str_make(json, (size_t)json_n), NULL), OK);
            for (size_t i = 0; i < n; i++)
                assert_true((unsigned char)out[i] >= 0x20 && out[i] != 0x7f);
        }
    }
}

// ---- lines

static void test_logfmt(void **state)
{
    (void)state;
    log_info("started", LOG_TEXT("http", "127.0.0.1:8000"), LOG_NUMBER("shards", 2),
             LOG_TEXT("words", "two words"), LOG_TEXT("empty", ""), LOG_TEXT("equals", "a=b"),
             LOG_STR("odd", STR("a\nlevel=error\x1b[2J")));
    assert_string_equal(
        logged_behind_time(),
        "level=info event=started http=127.0.0.1:8000 shards=2 words=\"two words\" empty=\"\" "
        "equals=\"a=b\" odd=\"a\\nlevel=error\\u001b[2J\"\n");
    log_warn("bare");
    assert_string_equal(logged_behind_time(), "level=warn event=bare\n");
}

static void test_json(void **state)
{
    (void)state;
    logger_set(LOG_INFO, LOG_JSON);
    log_error("odd", LOG_STR("text", STR("\"}\n\xff\xe2\x80\xae")), LOG_NUMBER("n", UINT64_MAX));
    char *line = logged();
    size_t n = strlen(line);
    assert_int_equal(line[n - 1], '\n');
    struct json_member members[8];
    size_t members_n;
    assert_int_equal(json_object_scan(str_make(line, n - 1), members, 8, &members_n, NULL), OK);
    assert_int_equal(members_n, 5);
    assert_str_eq(members[1].value, STR("\"error\""));
    assert_str_eq(members[2].value, STR("\"odd\""));
    assert_str_eq(members[3].value, STR("\"\\\"}\\n\\ufffd\\u202e\""));
    assert_str_eq(members[4].value, STR("18446744073709551615"));
}

static void test_levels(void **state)
{
    (void)state;
    log_debug("quiet");
    assert_string_equal(logged(), "");
    logger_set(LOG_ERROR, LOG_LOGFMT);
    log_warn("quiet");
    assert_string_equal(logged(), "");
    log_error("loud");
    assert_string_equal(logged_behind_time(), "level=error event=loud\n");
    logger_set(LOG_DEBUG, LOG_LOGFMT);
    log_debug("loud");
    assert_string_equal(logged_behind_time(), "level=debug event=loud\n");
}

// However much a peer puts into a line: one line, at most LOG_LINE_MAX, and still well-formed.
static void test_long_line(void **state)
{
    (void)state;
    static char much[5000];
    memset(much, 'x', sizeof much);
    str s = str_make(much, sizeof much);
    log_info("long", LOG_STR("a", s), LOG_STR("b", s), LOG_STR("c", s), LOG_STR("d", s), LOG_STR("e", s));
    char *line = logged();
    assert_int_equal(count_lines(line), 1);
    assert_true(strlen(line) <= LOG_LINE_MAX);
    assert_string_equal(line + strlen(line) - 16, " truncated=true\n");

    logger_set(LOG_INFO, LOG_JSON);
    log_info("long", LOG_STR("a", s), LOG_STR("b", s), LOG_STR("c", s), LOG_STR("d", s), LOG_STR("e", s));
    line = logged();
    assert_true(strlen(line) <= LOG_LINE_MAX);
    assert_int_equal(json_validate(str_make(line, strlen(line) - 1), NULL), OK);
}

// Before the floods: a site that was flooded stays silent for the rest of its second.
static void test_every_notice_has_a_name(void **state)
{
    (void)state;
    logger_set(LOG_DEBUG, LOG_LOGFMT);
    for (int type = 0; type < NOTICE_COUNT; type++) {
        struct notice n = {.type = (enum notice_type)type, .connection = UINT32_MAX};
        notice_log(0, &n);
    }
    for (int type = 0; type < IO_NOTICE_COUNT; type++) {
        struct io_notice n = {.type = (enum io_notice_type)type, .value = 3, .peer = ""};
        io_notice_log(&n);
    }
    assert_int_equal(count_lines(logged()), NOTICE_COUNT + IO_NOTICE_COUNT);

    struct where_spot at = {
        .shard = 1, .turn = 8812, .phase = WHERE_READ, .subject = 17, .command = CMD_HISTORY};
    struct io_notice hangs = {
        .type = IO_NOTICE_TURN_HANGS, .shard = 1, .value = 200, .peer = "", .where = &at};
    io_notice_log(&hangs);
    assert_string_equal(logged_behind_time(),
                        "level=warn event=turn_hangs shard=1 ms=200 turn=8812 phase=read "
                        "connection=17 command=history\n");
    at = (struct where_spot){.shard = 1, .turn = 8812, .phase = WHERE_TIMERS, .subject = WHERE_NOBODY};
    io_notice_log(&hangs);
    assert_string_equal(logged_behind_time(),
                        "level=warn event=turn_hangs shard=1 ms=200 turn=8812 phase=timers\n");
}

// ---- floods

static void flood(int n)
{
    for (int i = 0; i < n; i++)
        log_info("flood");
}

static void test_flood(void **state)
{
    (void)state;
    flood(1000);
    size_t lines = count_lines(logged());
    // At most two seconds, should one end while the loop runs.
    assert_true(lines >= LOG_SITE_PER_S && lines <= 2 * LOG_SITE_PER_S);
    log_info("other"); // another site is not touched
    assert_string_equal(logged_behind_time(), "level=info event=other\n");
    log_flush(true);
    char wanted[100];
    snprintf(wanted, sizeof wanted, "level=warn event=suppressed of=flood suppressed=%zu\n", 1000 - lines);
    assert_string_equal(logged_behind_time(), wanted);
    log_flush(true); // told once
    assert_string_equal(logged(), "");
}

static void test_notices_do_not_silence_each_other(void **state)
{
    (void)state;
    struct notice n = {.type = NOTICE_PROTOCOL_ERROR,
                       .connection = 7,
                       .code = 1002,
                       .text = "bad opcode",
                       .peer = STR("127.0.0.1:5"),
                       .user = STR("eve\n\x1b"),
                       .room = STR("lob\"by")};
    for (int i = 0; i < 100; i++)
        notice_log(1, &n);
    char *lines = logged();
    assert_true(count_lines(lines) <= 2 * LOG_SITE_PER_S);
    assert_non_null(strstr(lines,
                           "level=info event=protocol_error shard=1 connection=7 peer=127.0.0.1:5 "
                           "user=\"eve\\n\\u001b\" room=\"lob\\\"by\" code=1002 reason=\"bad opcode\"\n"));
    struct notice memory = {.type = NOTICE_MEMORY, .connection = UINT32_MAX, .text = "a room"};
    notice_log(0, &memory);
    assert_string_equal(logged_behind_time(), "level=error event=memory_refused shard=0 reason=\"a room\"\n");
    log_flush(true);
    logged();
}

// ---- a reader who does not read

static void log_number(unsigned i)
{
    static struct log_site sites[4096]; // each its own, so that the limit per site stays out of it
    static char filler[900];
    memset(filler, 'x', sizeof filler);
    const struct log_field fields[] = {
        LOG_NUMBER("i", i), LOG_STR("filler", str_make(filler, sizeof filler)), {.key = NULL}};
    log_write(&sites[i], LOG_INFO, "filling", fields);
}

// Reads until that has come; returns how much there is in `text`.
static size_t read_until(int fd, const char *wanted)
{
    size_t n = 0;
    do {
        ssize_t got = read(fd, text + n, sizeof text - n - 1);
        assert_true(got > 0);
        n += (size_t)got;
        text[n] = '\0';
    } while (strstr(text, wanted) == NULL || text[n - 1] != '\n');
    return n;
}

// Numbers rise, every line is whole, and those that are not there are counted in the last one.
static void assert_told(unsigned logged_n)
{
    unsigned long long last = 0, seen = 0, lost = 0;
    for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        assert_int_equal(lost, 0);
        assert_memory_equal(line, "time=", 5);
        char *number = strstr(line, " event=filling i=");
        if (number == NULL) {
            assert_int_equal(sscanf(strstr(line, " level=warn event=log_lost lines="),
                                    " level=warn event=log_lost lines=%llu", &lost),
                             1);
            continue;
        }
        unsigned long long i = strtoull(number + strlen(" event=filling i="), NULL, 10);
        assert_true(seen == 0 || i > last);
        last = i;
        seen++;
    }
    assert_true(lost > 0 && seen > 0);
    assert_int_equal(seen + lost, logged_n);
}

// Nobody reads while they are logged: 1 MB goes nowhere, and this thread goes on.
static void fill_and_read(int in, int out, unsigned first)
{
    log_sink_fd_set(out);
    uint64_t lost = log_sink_lost();
    assert_int_equal(log_sink_start(1), OK);
    for (unsigned i = 0; i < 1000; i++)
        log_number(first + i);
    uint64_t now_lost = log_sink_lost() - lost;
    assert_true(now_lost >= 1000 - LOG_QUEUE_LINES - 200 && now_lost < 1000);
    read_until(in, "event=log_lost");
    assert_told(1000);
    log_info("as ever");
    read_until(in, "event=\"as ever\"");
    assert_int_equal(count_lines(text), 1);
    assert_true(log_sink_stop());
}

static void test_full_pipe(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    fill_and_read(ends[0], ends[1], 0);
    close(ends[0]);
    close(ends[1]);
}

// It says that it is writable while there is room for one byte more: to ask it first is no help.
static void test_stopped_terminal(void **state)
{
    (void)state;
    int terminal = posix_openpt(O_RDWR | O_NOCTTY);
    assert_true(terminal >= 0);
    assert_int_equal(grantpt(terminal), 0);
    assert_int_equal(unlockpt(terminal), 0);
    int line = open(ptsname(terminal), O_RDWR | O_NOCTTY);
    assert_true(line >= 0);
    struct termios raw;
    assert_int_equal(tcgetattr(line, &raw), 0);
    cfmakeraw(&raw);
    assert_int_equal(tcsetattr(line, TCSANOW, &raw), 0);
    fill_and_read(terminal, line, 1000);
    close(line);
    close(terminal);
}

// Many short lines of one thread after the other: what is lost is told of also when the queue never runs empty.
static void test_loss_is_told_in_a_flood(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_true(fcntl(ends[1], F_SETPIPE_SZ, 4096) > 0);
    log_sink_fd_set(ends[1]);
    assert_int_equal(log_sink_start(1), OK);
    static const struct log_field none[] = {{.key = NULL}};
    uint64_t lost = log_sink_lost();
    bool told = false;
    while (!told) {
        for (int i = 0; i < 1000; i++) {
            struct log_site site = {.event = "flood"}; // never suppresses anything, so nobody keeps it
            log_write(&site, LOG_INFO, "flood", none);
        }
        ssize_t n = read(ends[0], text, 4096);
        assert_true(n > 0);
        text[n] = '\0';
        told = strstr(text, "event=log_lost lines=") != NULL;
    }
    assert_true(log_sink_lost() > lost);
    close(ends[0]); // EPIPE; the signal is blocked in the helper
    assert_true(log_sink_stop());
    close(ends[1]);
    log_sink_fd_set(fileno(file));
    log_info("tells the rest");
    assert_non_null(strstr(logged(), "event=log_lost lines="));
}

static void test_closed_stderr(void **state)
{
    (void)state;
    int fd = dup(2);
    close(fd);
    log_sink_fd_set(fd);
    log_info("nobody listens");
    log_sink_fd_set(fileno(file));
    log_info("again");
    char *lines = logged();
    assert_non_null(strstr(lines, "level=warn event=log_lost lines=1\n"));
    assert_non_null(strstr(lines, "event=again\n"));
}

// A process that ends is not held up: what the file does not take in time stays unsaid. Nor are its last words.
static void test_end_with_a_full_pipe(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        log_sink_fd_set(ends[1]);
        bool well = log_sink_start(1) == OK;
        for (unsigned i = 0; i < 1000; i++)
            log_number(2000 + i);
        log_sink_settle(10);
        well = well && !log_sink_stop() && !log_sink_stop();
        uint64_t lost = log_sink_lost();
        log_info("too late");
        well = well && log_sink_lost() == lost + 1;
        log_sink_last_words(STR("last words\n")); // the pipe is full
        _exit(well ? 0 : 1);
    }
    close(ends[1]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    close(ends[0]);
}

static void assert_last_words(int in, int out, bool full)
{
    log_sink_fd_set(out);
    if (full) {
        assert_int_equal(fcntl(out, F_SETFL, O_NONBLOCK), 0);
        while (write(out, text, 1000) > 0 || write(out, text, 1) > 0) {}
        assert_int_equal(fcntl(out, F_SETFL, 0), 0);
    }
    log_sink_last_words(STR("last words\n"));
    if (!full) {
        ssize_t n = read(in, text, sizeof text);
        assert_str_eq(str_make(text, n > 0 ? (size_t)n : 0), STR("last words\n"));
    }
    close(in);
    close(out);
}

static void test_last_words_do_not_wait(void **state)
{
    (void)state;
    for (int full = 0; full < 2; full++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        assert_last_words(ends[0], ends[1], full == 1);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        assert_last_words(ends[0], ends[1], full == 1);
    }
    log_sink_fd_set(fileno(file));
    log_info("before");
    log_sink_last_words(STR("last words\n"));
    log_info("after"); // at the place behind them
    char *lines = logged();
    assert_int_equal(count_lines(lines), 3);
    assert_non_null(strstr(lines, "event=before\nlast words\ntime="));
    log_sink_fd_set(-1);
    log_sink_last_words(STR("last words\n"));
}

// ---- threads

enum { WRITERS = 4, LINES_EACH = 200 }; // no more than may wait, so that none is lost

static _Atomic uint32_t baton;

static void *write_lines(void *argument)
{
    static struct log_site sites[WRITERS][LINES_EACH];
    size_t me = (size_t)(uintptr_t)argument;
    for (size_t i = 0; i < LINES_EACH; i++) {
        while (baton != i * WRITERS + me)
            sched_yield();
        const struct log_field fields[] = {
            LOG_NUMBER("number", baton), LOG_TEXT("text", "some words that could be torn"), {.key = NULL}};
        log_write(&sites[me][i], LOG_INFO, "thread", fields);
        baton++;
    }
    return NULL;
}

// Each knows that the line before is logged, by another thread: that is the order in which they are written.
static void write_in_turns(bool queued)
{
    pthread_t threads[WRITERS];
    baton = 0;
    if (queued)
        assert_int_equal(log_sink_start(WRITERS), OK);
    for (size_t i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_lines, (void *)(uintptr_t)i), 0);
    for (size_t i = 0; i < WRITERS; i++)
        pthread_join(threads[i], NULL);
    log_sink_settle(20000);
    char *p = logged();
    if (queued)
        assert_true(log_sink_stop());
    uint32_t number = 0;
    for (char *end; (end = strchr(p, '\n')) != NULL; p = end + 1) {
        *end = '\0';
        char wanted[100];
        snprintf(wanted, sizeof wanted, " event=thread number=%u text=\"some words that could be torn\"",
                 number++);
        assert_memory_equal(p, "time=", 5);
        assert_non_null(strstr(p, wanted));
    }
    assert_int_equal(number, WRITERS * LINES_EACH);
}

static void test_threads(void **state)
{
    (void)state;
    write_in_turns(false);
}

static void *log_one(void *argument)
{
    log_info("stranger");
    return argument;
}

static void test_threads_and_helper(void **state)
{
    (void)state;
    uint64_t lost = log_sink_lost();
    write_in_turns(true);
    assert_int_equal(log_sink_lost(), lost);
    // One more thread than was said: its lines are lost, and that is told.
    pthread_t stranger;
    assert_int_equal(log_sink_start(1), OK);
    log_info("mine");
    assert_int_equal(pthread_create(&stranger, NULL, log_one, NULL), 0);
    pthread_join(stranger, NULL);
    assert_true(log_sink_stop());
    char *lines = logged();
    assert_non_null(strstr(lines, "event=mine\n"));
    assert_null(strstr(lines, "event=stranger"));
    assert_non_null(strstr(lines, "event=log_lost lines=1\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_escape),
        cmocka_unit_test(test_escape_cut),
        cmocka_unit_test(test_escape_every_pair),
        cmocka_unit_test_setup_teardown(test_logfmt, setup, teardown),
        cmocka_unit_test_setup_teardown(test_json, setup, teardown),
        cmocka_unit_test_setup_teardown(test_levels, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long_line, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_notice_has_a_name, setup, teardown),
        cmocka_unit_test_setup_teardown(test_flood, setup, teardown),
        cmocka_unit_test_setup_teardown(test_notices_do_not_silence_each_other, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_pipe, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stopped_terminal, setup, teardown),
        cmocka_unit_test_setup_teardown(test_loss_is_told_in_a_flood, setup, teardown),
        cmocka_unit_test_setup_teardown(test_end_with_a_full_pipe, setup, teardown),
        cmocka_unit_test_setup_teardown(test_last_words_do_not_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(test_closed_stderr, setup, teardown),
        cmocka_unit_test_setup_teardown(test_threads, setup, teardown),
        cmocka_unit_test_setup_teardown(test_threads_and_helper, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
