// SPDX-License-Identifier: Apache-2.0
//
// The libraries of others run out of memory: every allocation of libcrypto and of libyaml fails in turn, alone and
// together with all that follow it, until a run needs no more of them. Each time there is a plain error, and whoever
// tries again afterwards has what it wanted. AddressSanitizer sees to it that nothing leaks.
//
// libcrypto's set-up on its first use is test_wire_crypto_setup.c.
#include "unit/core_support.h"

#include "app/config.h"
#include "app/config_print.h"
#include "app/config_yaml.h"
#include "app/keys.h"
#include "app/wiring.h"
#include "io/mem_malloc.h"
#include "unit/failing_malloc.h"
#include "unit/jose.h"
#include "wire/digest.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

// ---- libcrypto

static bool unavailable(struct client *c)
{
    str said = hear(c);
    if (contains(said, "\"type\":\"welcome\""))
        return false;
    assert_true(contains(said, "\"code\":\"unavailable\"") && contains(said, "\"retry_ms\":"));
    assert_int_equal(client_conn(c)->ending, ENDING_OPEN);
    assert_false(session_there(&client_reader(c)->who.session));
    return true;
}

static struct net *start(void)
{
    struct net *n = net_new(2);
    net_start(n);
    return n;
}

static void handshake_case(uint64_t at, bool all, bool *ret_failed)
{
    struct net *n = start();
    arm(at, all);
    struct client *c = net_ws(n, 0, "/ws");
    *ret_failed = disarm();
    if (!c->upgraded) {
        assert_true(*ret_failed && str_starts(str_make(c->rx.p, c->rx.n), STR("HTTP/1.1 503 ")));
        assert_int_equal(METRIC(n, limit_memory), 1);
        c = net_ws(n, 0, "/ws");
    }
    assert_true(c->upgraded);
    net_free(n);
}

static void handshakes(void **state)
{
    (void)state;
    assert_true(in_turn(handshake_case) > 0);
}

static void hello_case(uint64_t at, bool all, bool *ret_failed)
{
    struct net *n = start();
    struct client *c = net_ws(n, 0, "/ws");
    arm(at, all);
    say(c, "{\"type\":\"hello\",\"id\":1,\"name\":\"Ada\"}");
    *ret_failed = disarm();
    if (unavailable(c)) {
        assert_true(*ret_failed);
        say(c, "{\"type\":\"hello\",\"id\":2,\"name\":\"Ada\"}");
        expect(c, "\"type\":\"welcome\"");
    }
    net_free(n);
}

static void hellos(void **state)
{
    (void)state;
    assert_true(in_turn(hello_case) > 0);
}

// The first command implies the hello: without one it is not carried out.
static void implied_case(uint64_t at, bool all, bool *ret_failed)
{
    struct net *n = start();
    struct client *c = net_ws(n, 0, "/ws");
    arm(at, all);
    say(c, "{\"type\":\"join\",\"id\":1,\"room\":\"lobby\"}");
    *ret_failed = disarm();
    if (unavailable(c)) {
        assert_null(net_room_at(n, "lobby"));
        say(c, "{\"type\":\"join\",\"id\":2,\"room\":\"lobby\"}");
        expect(c, "\"type\":\"welcome\"");
    }
    expect(c, "\"type\":\"joined\"");
    net_free(n);
}

static void implied_hellos(void **state)
{
    (void)state;
    assert_true(in_turn(implied_case) > 0);
}

// A session is never lost because its token could not be looked at.
static void resume_case(uint64_t at, bool all, bool *ret_failed)
{
    struct net *n = start();
    struct client *old = net_json(n, 0), *c = net_ws(n, 1, "/ws");
    cut(old);
    arm(at, all);
    say(c, "{\"type\":\"hello\",\"id\":1,\"resume\":\"%s\"}", old->resume);
    *ret_failed = disarm();
    if (unavailable(c)) {
        say(c, "{\"type\":\"hello\",\"id\":2,\"resume\":\"%s\"}", old->resume);
        expect(c, old->session);
    } else {
        c->message_at = 0;
        expect(c, old->session);
    }
    net_free(n);
}

// What has been done cannot be told without its token: the connection ends, and the old token is still good.
static void rename_case(uint64_t at, bool all, bool *ret_failed)
{
    struct net *n = start();
    struct client *c = net_json(n, 0);
    arm(at, all);
    say(c, "{\"type\":\"rename\",\"id\":1,\"name\":\"Bea\"}");
    *ret_failed = disarm();
    if (c->closed) {
        assert_true(*ret_failed);
        assert_int_equal(METRIC(n, closed_memory), 1);
        struct client *again = net_ws(n, 1, "/ws");
        say(again, "{\"type\":\"hello\",\"id\":1,\"resume\":\"%s\"}", c->resume);
        expect(again, c->session);
    } else {
        expect(c, "\"type\":\"renamed\"");
    }
    net_free(n);
}

static void renames(void **state)
{
    (void)state;
    assert_true(in_turn(rename_case) > 0);
}

static void resumes(void **state)
{
    (void)state;
    assert_true(in_turn(resume_case) > 0);
}

static void text_case(uint64_t at, bool all, bool *ret_failed)
{
    struct net *n = start();
    arm(at, all);
    struct client *c = net_ws(n, 0, "/echo");
    net_settle(n);
    *ret_failed = disarm();
    if (c->upgraded && !c->closed)
        expect(c, "welcome");
    else
        assert_true(*ret_failed);
    if (c->upgraded && c->closed)
        assert_int_equal(c->close_code, WS_CLOSE_TRY_LATER);
    net_free(n);
}

static void line_case(uint64_t at, bool all, bool *ret_failed)
{
    struct net *n = start();
    arm(at, all);
    struct client *c = net_accept(n, 0, TRANSPORT_LINE);
    net_wait(n, 1000); // until it is greeted
    *ret_failed = disarm();
    if (!c->closed)
        expect(c, "welcome");
    else
        assert_true(*ret_failed && contains(hear(c), "closing: out of memory"));
    net_free(n);
}

static void text_clients(void **state)
{
    (void)state;
    assert_true(in_turn(text_case) > 0);
    assert_true(in_turn(line_case) > 0);
}

// ---- libyaml

static const char *yaml_text;

static void yaml_case(uint64_t at, bool all, bool *ret_failed)
{
    struct config_load *good = calloc(1, sizeof *good), *got = calloc(1, sizeof *got);
    config_load_init(good);
    config_yaml_text(good, "plenum.yaml", str_from_cstr(yaml_text));
    config_load_init(got);
    fails.yaml = true;
    arm(at, all);
    config_yaml_text(got, "plenum.yaml", str_from_cstr(yaml_text));
    *ret_failed = disarm();
    fails.yaml = false;

    bool told = false;
    for (size_t i = 0; i < got->complaints.count; i++)
        told |= strstr(got->complaints.items[i].text, "plenum.yaml: got no memory to read it") != NULL;
    if (!told) { // libyaml could do without, or nothing failed: then nothing is missing either
        assert_int_equal(got->complaints.errors, good->complaints.errors);
        assert_memory_equal(&got->values, &good->values, sizeof got->values);
        assert_true(!*ret_failed || !all);
    } else { // told once, and no word about a syntax that may be in order
        assert_true(*ret_failed && got->complaints.errors > 0);
        assert_null(strstr(got->complaints.items[got->complaints.count - 1].text, "not YAML"));
    }
    free(good);
    free(got);
}

static void yaml_files(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "a: &x [1, *x]\n",
        "%YAML 1.1\n%TAG ! tag:x,2000:\n--- !!map\nserver: !t {shards: 2}\n...\n--- x\n",
        "server:\n  shards: 3\n  http: \"127.0.0.1:1\\n\"\n# end\nserver: [\n",
        "origin:\n  allowed: [null, 'http://a', \"http://b\"]\n",
        "? |\n  long\n  key\n: >-\n  folded\n  text\n"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        yaml_text = texts[i];
        assert_true(in_turn(yaml_case) > 0);
    }
    char *all = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&all, &n);
    struct config_load *defaults = calloc(1, sizeof *defaults);
    config_load_init(defaults);
    config_print_yaml(&defaults->values, out);
    fclose(out);
    yaml_text = all;
    assert_true(in_turn(yaml_case) > 100);
    free(defaults);
    free(all);
}

// What SIGHUP does up to the point where the settings are taken over: the whole load, file and all. Without memory it
// says so, and has no errors that are not in the file.
static void reload_case(uint64_t at, bool all, bool *ret_failed)
{
    struct config_load *got = calloc(1, sizeof *got);
    struct config_sources sources = {.file = yaml_text};
    fails.yaml = true;
    arm(at, all);
    bool good = config_load(got, &sources);
    *ret_failed = disarm();
    fails.yaml = false;
    assert_true(good || *ret_failed);
    if (good)
        assert_int_equal(got->values.log_entries, 77);
    for (size_t i = 0; i < got->complaints.count; i++)
        assert_true(strstr(got->complaints.items[i].text, "no memory") != NULL ||
                    strstr(got->complaints.items[i].text, "expected a readable YAML file") != NULL);
    assert_true(good || got->complaints.errors > 0);
    free(got);
}

static void reloads(void **state)
{
    (void)state;
    char path[] = "/tmp/plenum-test-XXXXXX";
    static const char text[] = "log:\n  entries: 77\norigin:\n  allowed: [\"http://a\", 'http://b']\n";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
    close(fd);
    yaml_text = path;
    uint64_t needs = in_turn(reload_case);
    unlink(path);
    assert_true(needs > 10);
}

// The keys of tokens and of the API: all of those in the files, or the reload is refused. One that was passed over for want of memory would
// be missed until the next reload, and whoever has it turned away.
static void keys_case(uint64_t at, bool all, bool *ret_failed)
{
    struct config_load *l = calloc(1, sizeof *l);
    struct wiring *w = calloc(1, sizeof *w);
    struct wiring_start start;
    struct mem mem;
    uint8_t hash[SHA256_BYTES];
    const struct config_sources sources = {.file = yaml_text};
    mem_init(&mem, mem_malloc_backend(), 0);
    assert_true(config_load(l, &sources));
    assert_int_equal(wiring_start_init(&start, &l->values), OK);
    assert_int_equal(digest_sha256("a secret of a backend", 21, hash), OK);
    arm(at, all);
    struct keyring *keys = keys_load(l, &mem, 1);
    enum err wired = wiring_init(w, &l->values, &start);
    *ret_failed = disarm();
    assert_true((keys == NULL) == (l->complaints.errors > 0));
    assert_true(keys != NULL || *ret_failed);
    if (keys != NULL)
        assert_int_equal(keyring_keys_n(&keys->issuers[0]), 3);
    assert_true(wired == OK || (wired == ERR_NOMEM && *ret_failed));
    if (wired == OK)
        assert_memory_equal(w->api_keys[0].sha256, hash, sizeof hash);
    keyring_unref(keys);
    assert_int_equal(mem_used(&mem), 0);
    free(w);
    free(l);
}

static void keys(void **state)
{
    (void)state;
    char set[] = "/tmp/plenum-test-XXXXXX", path[] = "/tmp/plenum-test-XXXXXX", text[1024];
    static const char jwks[] = "{\"keys\":[{" A2_PUBLIC ",\"kid\":\"a\"},{" A3_PUBLIC
                               ",\"kid\":\"b\"},{" ED_PUBLIC ",\"kid\":\"c\"}]}";
    int fd = mkstemp(set);
    assert_int_equal(write(fd, jwks, sizeof jwks - 1), sizeof jwks - 1);
    close(fd);
    snprintf(text, sizeof text,
             "api:\n  keys: [{name: a, secret: a secret of a backend, rights: [all]}]\nauth:\n  issuers: "
             "[{name: i, issuer: i, audience: [p], jwks_file: %s}]\n",
             set);
    fd = mkstemp(path);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    yaml_text = path;
    uint64_t needs = in_turn(keys_case);
    unlink(path);
    unlink(set);
    assert_true(needs > 10);
}

int main(void)
{
    if (!CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free))
        return 1;
    if (digest_self_test() != OK)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handshakes), cmocka_unit_test(hellos),  cmocka_unit_test(implied_hellos),
        cmocka_unit_test(resumes),    cmocka_unit_test(renames), cmocka_unit_test(text_clients),
        cmocka_unit_test(yaml_files), cmocka_unit_test(reloads), cmocka_unit_test(keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
