// SPDX-License-Identifier: Apache-2.0
//
// Images of rooms (core/home/image.h): what went in comes out; what is cut, twice there or cannot be is refused whole. The simulator
// does the first with every room that it makes (sim/rebuild.c).
#include "core/home/image.h"
#include "core/home/image_fields.h"
#include "core/mail/post.h"
#include "unit/room_parts.h"
#include "unit/support.h"
#include "wire/protobuf.h"

#include <stdio.h>
#include <stdlib.h>

struct fixture {
    struct test_mem t;
    struct mem mem;
    struct siphash_key key;
    struct room_parts from, to;
    struct buf scratch, image, again;
};

static void fixture_init(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    test_mem_init(&f->t, &f->mem);
    room_parts_init(&f->from, &f->mem, STR("an epoch 11"), &f->key);
    room_parts_init(&f->to, &f->mem, STR("an epoch 11"), &f->key);
    buf_init(&f->scratch, &f->mem, 0);
    buf_init(&f->image, &f->mem, 0);
    buf_init(&f->again, &f->mem, 0);
}

static void fixture_deinit(struct fixture *f)
{
    room_parts_deinit(&f->from, &f->mem);
    room_parts_deinit(&f->to, &f->mem);
    buf_deinit(&f->scratch);
    buf_deinit(&f->image);
    buf_deinit(&f->again);
    test_mem_check(&f->t);
}

static void apply(struct fixture *f, struct entry e)
{
    struct verdict v;
    struct room_parts *p = &f->from;
    e.room = STR("r");
    e.session = STR("s");
    e.grant = GRANT_ALL;
    e.rule_role = ROLE_MEMBER;
    e.time_ms = e.steady_ms = 1000 + p->log.head;
    const struct live_tools tools = {.scratch = &f->scratch};
    assert_int_equal(apply_record(&p->made, p->log.head + 1, &e, NULL, &tools, &v), OK);
    assert_false(v.refused);
}

static void decree(struct fixture *f, enum entry_type type, struct decree d)
{
    apply(f, (struct entry){.type = type, .user = STR("ada"), .name = STR("Ada"), .decree = d});
}

// Something of everything.
static void live(struct fixture *f)
{
    bool moved;
    decree(f, ENTRY_CREATE, (struct decree){.target = STR("ada"), .role = ROLE_OWNER});
    decree(f, ENTRY_ROLE, (struct decree){.target = STR("bob"), .role = ROLE_HOST});
    decree(f, ENTRY_BAN, (struct decree){.target = STR("eve")});
    decree(f, ENTRY_MUTE, (struct decree){.target = STR("zoe"), .span_ms = 60000});
    decree(f, ENTRY_SLOW, (struct decree){.span_ms = 5000});
    decree(f, ENTRY_READONLY, (struct decree){.on = true});
    decree(f, ENTRY_LOCK, (struct decree){.on = true});
    apply(f, (struct entry){.type = ENTRY_STATE,
                            .user = STR("ada"),
                            .name = STR("Ada"),
                            .data = STR("{\"set\":{\"topic\":\"tea\",\"n\":[1, 2]}}")});
    apply(f, (struct entry){.type = ENTRY_INVITE,
                            .user = STR("ada"),
                            .name = STR("Ada"),
                            .decree = {.role = ROLE_MEMBER, .span_ms = 60000},
                            .invitation = {.id = STR("AbCd1234"),
                                           .uses = 3,
                                           .max = 10,
                                           .hash = STR("0123456789abcdef0123456789abcdef")}});
    for (int i = 0; i < 5; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        apply(f, (struct entry){.type = ENTRY_MESSAGE,
                                .user = i % 2 == 0 ? STR("ada") : STR("bob"),
                                .name = STR("somebody"),
                                .data = STR("\"hi\""),
                                .key = str_from_cstr(key),
                                .key_window_ms = 60000,
                                .key_count = 100});
    }
    assert_int_equal(reads_set(&f->from.reads, &f->from.log, (u128){1, 2}, 9, &moved), OK);
    assert_int_equal(reads_set(&f->from.reads, &f->from.log, (u128){3, 4}, 12, &moved), OK);
}

static enum image_verdict take(struct fixture *f, str image)
{
    const enum image_verdict v = image_take(image, &f->to.made, &f->to.reads);
    room_parts_check(&f->to);
    return v;
}

static void assert_nothing(const struct fixture *f) { assert_true(room_parts_empty(&f->to)); }

static void what_goes_in_comes_out(void **unused)
{
    (void)unused;
    struct fixture f;
    str epoch;
    uint64_t offset;
    fixture_init(&f);
    live(&f);
    image_put(&f.image, &f.from.made, f.from.reads);
    assert_int_equal(image_look(buf_str(&f.image), &epoch, &offset), IMAGE_OK);
    assert_str_eq(epoch, STR("an epoch 11"));
    assert_int_equal(offset, f.from.log.head);
    assert_int_equal(take(&f, buf_str(&f.image)), IMAGE_OK);

    const struct standing *s = f.to.standing;
    assert_int_equal(standing_role(s, &f.key, STR("ada")), ROLE_OWNER);
    assert_int_equal(standing_role(s, &f.key, STR("bob")), ROLE_HOST);
    assert_int_equal(standing_banned_ms(s, &f.key, STR("eve"), 5000), STANDING_FOR_EVER);
    assert_true(standing_muted_ms(s, &f.key, STR("zoe"), 5000) != 0);
    assert_true(standing_readonly(s) && standing_locked(s) && standing_slow(s) == 5000);
    assert_true(standing_slow_ms(s, &f.key, STR("bob"), 2000) != 0);
    assert_str_eq(state_row_value(state_find(f.to.state, STR("n"))), STR("[1, 2]"));
    assert_int_equal(state_version(f.to.state), 1);
    assert_int_equal(invitations_find(f.to.invitations, STR("AbCd1234"))->uses, 3);
    assert_int_equal(f.to.reads->n, 2);
    assert_int_equal(f.to.keys.newest_ms, f.from.keys.newest_ms);

    // A key that was said is known, and what is said next has the verdict that it would have had.
    struct entry said = {.type = ENTRY_MESSAGE,
                         .room = STR("r"),
                         .user = STR("bob"),
                         .key = STR("k3"),
                         .key_window_ms = 60000,
                         .key_count = 100,
                         .grant = GRANT_ALL,
                         .steady_ms = 2000};
    log_begin(&f.to.log, f.from.log.head + 1);
    const struct verdict v = apply_judge(&f.to.made, &said), was = apply_judge(&f.from.made, &said);
    assert_true(v.refused && v.why == DENIED_REPEATED && v.offset == was.offset);
    fixture_deinit(&f);
}

static void of_nothing_comes_nothing(void **unused)
{
    (void)unused;
    struct fixture f;
    fixture_init(&f);
    image_put(&f.image, &f.from.made, NULL);
    assert_int_equal(take(&f, buf_str(&f.image)), IMAGE_OK);
    assert_nothing(&f);
    fixture_deinit(&f);
}

// By another process whose fingerprints are others: what goes by names is there, what goes by them is left out.
static void fingerprints_of_another_key_are_left_out(void **unused)
{
    (void)unused;
    struct fixture f;
    fixture_init(&f);
    live(&f);
    image_put(&f.image, &f.from.made, f.from.reads);
    const struct siphash_key other = {7, 8};
    f.to.made.hash_key = &other;
    assert_int_equal(take(&f, buf_str(&f.image)), IMAGE_OK);
    assert_int_equal(standing_role(f.to.standing, &other, STR("bob")), ROLE_HOST);
    assert_int_equal(f.to.standing->speakers_n, 0);
    assert_int_equal(f.to.keys.first, SLAB_NONE);
    assert_null(f.to.reads);
    fixture_deinit(&f);
}

static void what_is_cut_is_refused_whole(void **unused)
{
    (void)unused;
    struct fixture f;
    uint32_t refused = 0;
    fixture_init(&f);
    live(&f);
    image_put(&f.image, &f.from.made, f.from.reads);
    for (size_t n = 0; n < f.image.n; n++) {
        char *cut = malloc(n + 1); // so that a byte too far is seen
        assert_non_null(cut);
        memcpy(cut, f.image.p, n);
        const enum image_verdict v = take(&f, str_make(cut, n));
        free(cut);
        if (v != IMAGE_OK) { // else it ends between two parts
            assert_int_equal(v, IMAGE_BROKEN);
            assert_nothing(&f);
            refused++;
            continue;
        }
        room_parts_deinit(&f.to, &f.mem);
        room_parts_init(&f.to, &f.mem, STR("an epoch 11"), &f.key);
    }
    assert_true(refused > f.image.n - 20);
    fixture_deinit(&f);
}

// The head of an image, and whatever comes behind it.
static enum image_verdict take_with(struct fixture *f, str more)
{
    buf_reset(&f->again, 1 << 20);
    protobuf_put_uint(&f->again, FIELD_IMAGE_VERSION_IS, IMAGE_VERSION);
    protobuf_put_bytes(&f->again, FIELD_IMAGE_EPOCH, STR("an epoch 11"));
    protobuf_put_uint(&f->again, FIELD_IMAGE_OFFSET, 100);
    protobuf_put_uint(&f->again, FIELD_IMAGE_MESSAGES, 50);
    const uint64_t prints = siphash(&f->key, IMAGE_PRINTS_OF, sizeof IMAGE_PRINTS_OF - 1);
    char bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (char)(uint8_t)(prints >> (8 * i));
    protobuf_put_bytes(&f->again, FIELD_IMAGE_PRINTS, str_make(bytes, 8));
    buf_put_str(&f->again, more);
    const enum image_verdict v = take(f, buf_str(&f->again));
    if (v != IMAGE_OK)
        assert_nothing(f);
    room_parts_deinit(&f->to, &f->mem);
    room_parts_init(&f->to, &f->mem, STR("an epoch 11"), &f->key);
    return v;
}

// A row of a part: number of the part, of its list (0: the part is the row), and what is in it.
struct row {
    uint32_t part, list;
    const char *in; // "field=number" and "field:text" one behind the other, by a space
};

static void put_row(struct buf *out, const struct row *r)
{
    const size_t part = protobuf_open(out, r->part);
    const size_t row = r->list != 0 ? protobuf_open(out, r->list) : 0;
    for (const char *p = r->in; *p != '\0';) {
        char *end;
        const uint32_t field = (uint32_t)strtoul(p, &end, 10);
        const size_t n = strcspn(end, " ");
        if (*end == '=')
            protobuf_put_uint(out, field, strtoull(end + 1, NULL, 10));
        else
            protobuf_put_bytes(out, field, str_make(end + 1, n - 1));
        p = end + n + (end[n] == ' ');
    }
    if (r->list != 0)
        protobuf_close(out, row);
    protobuf_close(out, part);
}

static void what_cannot_be_is_refused(void **unused)
{
    (void)unused;
    enum {
        S = FIELD_IMAGE_STANDING,
        R = FIELD_STANDING_ROWS,
        T = FIELD_IMAGE_STATE,
        I = FIELD_IMAGE_INVITATIONS
    };
    static const struct {
        struct row row;
        enum image_verdict verdict;
    } cases[] = {
        {{S, 0, "1=5000"}, IMAGE_OK},
        {{S, 0, "1:text"}, IMAGE_BROKEN},
        {{S, 0, "1=4294967296"}, IMAGE_BROKEN},
        {{S, 0, "2=2"}, IMAGE_BROKEN},
        {{S, 0, "4:a-rule"}, IMAGE_OK},
        {{S, 0, "4:123456789012345678901234567890123"}, IMAGE_BROKEN},
        {{S, 0, "4:\xff"}, IMAGE_BROKEN},
        {{S, 0, "5=7 6=100"}, IMAGE_OK},
        {{S, 0, "5=7"}, IMAGE_BROKEN}, // closed by nothing
        {{S, 0, "6=7"}, IMAGE_BROKEN},
        {{S, 0, "5=7 6=101"}, IMAGE_BROKEN}, // by what is yet to come
        {{S, 0, "99=1"}, IMAGE_OK},          // of a later version: not known
        {{S, R, "1:ada 2=4"}, IMAGE_OK},
        {{S, R, "1:ada 2=5"}, IMAGE_BROKEN},
        {{S, R, "1:ada"}, IMAGE_BROKEN}, // says nothing
        {{S, R, "2=4"}, IMAGE_BROKEN},   // of nobody
        {{S, R, "1:ada 3=1"}, IMAGE_OK},
        {{S, R, "1:ada 4=1 5:AbCd1234"}, IMAGE_OK},
        {{S, R, "1:ada 4=1 5:AbCd"}, IMAGE_BROKEN},
        {{S, FIELD_STANDING_SPEAKERS, "1:12345678 2=5"}, IMAGE_BROKEN}, // nobody is held up
        {{T, 0, "1=3"}, IMAGE_OK},
        {{T, 0, "2=3"}, IMAGE_BROKEN},
        {{T, 0, "1=3 2=101"}, IMAGE_BROKEN},
        {{T, FIELD_STATE_ROWS, "1:key 2:1 3=1"}, IMAGE_BROKEN}, // newer than all of it
        {{I, 0, "1:AbCd1234 5=3 6=3 7=2"}, IMAGE_OK},
        {{I, 0, "1:AbCd1234 5=3 6=4 7=2"}, IMAGE_BROKEN},
        {{I, 0, "1:AbCd1234 6=0 7=2"}, IMAGE_BROKEN},
        {{I, 0, "1:AbCd1234 5=3"}, IMAGE_BROKEN},
        {{I, 0, "1:AbCd123! 5=3 7=2"}, IMAGE_BROKEN},
        {{I, 0, "5=3 7=2"}, IMAGE_BROKEN},
        {{I, 0, "1:AbCd1234 5=10001 7=2"}, IMAGE_BROKEN},
        {{I, 0, "1:AbCd1234 2:short 5=3 7=2"}, IMAGE_BROKEN},
        {{FIELD_IMAGE_OWNERS, FIELD_OWNER_KEYS, "1:1234567890123456 2=100 3=5"}, IMAGE_OK},
        {{FIELD_IMAGE_OWNERS, FIELD_OWNER_KEYS, "1:1234567890123456 2=101 3=5"}, IMAGE_BROKEN},
        {{FIELD_IMAGE_OWNERS, FIELD_OWNER_KEYS, "1:123456789012345 2=1"}, IMAGE_BROKEN},
        {{FIELD_IMAGE_READERS, 0, "1:1234567890123456 2=100 3=50"}, IMAGE_OK},
        {{FIELD_IMAGE_READERS, 0, "1:1234567890123456 2=101 3=50"}, IMAGE_BROKEN},
        {{FIELD_IMAGE_READERS, 0, "1:1234567890123456 2=100 3=51"}, IMAGE_BROKEN},
    };
    struct fixture f;
    fixture_init(&f);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        buf_reset(&f.image, 1 << 20);
        put_row(&f.image, &cases[i].row);
        if (take_with(&f, buf_str(&f.image)) != cases[i].verdict)
            fail_msg("case %zu: %s", i, cases[i].row.in);
        // Twice in one part, twice in the image: of what there is one of.
        put_row(&f.image, &cases[i].row);
        const enum image_verdict twice = take_with(&f, buf_str(&f.image));
        if (cases[i].row.part == FIELD_IMAGE_OWNERS && cases[i].verdict == IMAGE_OK)
            assert_int_equal(twice, IMAGE_OK); // a key that was said again
        else if (cases[i].row.in[0] != '9')
            assert_int_equal(twice, IMAGE_BROKEN);
    }
    fixture_deinit(&f);
}

static void the_state_is_json_and_of_its_version(void **unused)
{
    (void)unused;
    static const struct {
        const char *key, *value;
        uint64_t version;
        bool twice;
        enum image_verdict verdict;
    } cases[] = {
        {"k", "{\"a\":1}", 3, false, IMAGE_OK}, {"k", "1", 3, true, IMAGE_BROKEN},
        {"k", "1", 4, false, IMAGE_BROKEN},     {"k", "1", 0, false, IMAGE_BROKEN},
        {"k", "{", 3, false, IMAGE_BROKEN},     {"k", "1 2", 3, false, IMAGE_BROKEN},
        {"", "1", 3, false, IMAGE_BROKEN},
    };
    struct fixture f;
    fixture_init(&f);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        buf_reset(&f.image, 1 << 20);
        const size_t state = protobuf_open(&f.image, FIELD_IMAGE_STATE);
        protobuf_put_uint(&f.image, FIELD_STATE_VERSION, 3);
        for (int times = 0; times < 1 + cases[i].twice; times++) {
            const size_t row = protobuf_open(&f.image, FIELD_STATE_ROWS);
            protobuf_put_bytes(&f.image, FIELD_STATE_ROW_KEY, str_from_cstr(cases[i].key));
            protobuf_put_bytes(&f.image, FIELD_STATE_ROW_VALUE, str_from_cstr(cases[i].value));
            protobuf_put_uint(&f.image, FIELD_STATE_ROW_VERSION, cases[i].version);
            protobuf_close(&f.image, row);
        }
        protobuf_close(&f.image, state);
        if (take_with(&f, buf_str(&f.image)) != cases[i].verdict)
            fail_msg("case %zu", i);
    }
    fixture_deinit(&f);
}

static void versions_and_epochs(void **unused)
{
    (void)unused;
    struct fixture f;
    str epoch;
    uint64_t offset;
    fixture_init(&f);
    protobuf_put_uint(&f.image, FIELD_IMAGE_VERSION_IS, IMAGE_VERSION + 1);
    buf_put_char(&f.image, '\xff'); // and all else may be different
    assert_int_equal(take(&f, buf_str(&f.image)), IMAGE_NEWER);
    assert_int_equal(image_look(buf_str(&f.image), &epoch, &offset), IMAGE_NEWER);
    assert_int_equal(take(&f, STR_NONE), IMAGE_BROKEN);
    buf_reset(&f.image, 1 << 20);
    protobuf_put_uint(&f.image, FIELD_IMAGE_VERSION_IS, IMAGE_VERSION);
    protobuf_put_bytes(&f.image, FIELD_IMAGE_EPOCH, STR("another one"));
    assert_int_equal(take(&f, buf_str(&f.image)), IMAGE_BROKEN);
    assert_nothing(&f);
    fixture_deinit(&f);
}

static void without_memory_nothing_has_changed(void **unused)
{
    (void)unused;
    struct fixture f;
    enum image_verdict v = IMAGE_MEMORY;
    fixture_init(&f);
    live(&f);
    image_put(&f.image, &f.from.made, f.from.reads);
    for (uint64_t fails = 1; v != IMAGE_OK; fails++) {
        assert_true(fails < 100);
        f.t.fail_at = fails;
        v = take(&f, buf_str(&f.image));
        f.t.fail_at = 0;
        assert_true(v == IMAGE_OK || v == IMAGE_MEMORY);
        if (v == IMAGE_MEMORY)
            assert_nothing(&f);
    }
    fixture_deinit(&f);
}

// The document says each of them by message, name and number, and no others.
static void the_numbers_are_those_of_the_document(void **unused)
{
    (void)unused;
    static const struct {
        const char *message, *field;
        int number;
    } fields[] = {
#define X(name, message, field, number) {#message, #field, number},
        IMAGE_FIELDS(X)
#undef X
    };
    enum { FIELDS = sizeof fields / sizeof fields[0] };
    bool seen[FIELDS] = {false};
    char line[256], message[2][32] = {"", ""}, type[32], name[32];
    int depth = 0, number, n = 0;
    FILE *f = fopen("docs/protocol/image.proto", "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f) != NULL) {
        if (depth < 2 && sscanf(line, " message %31s {", message[depth]) == 1) {
            depth++;
            continue;
        }
        if (strchr(line, '}') != NULL)
            depth--;
        const char *rest = strstr(line, "repeated ") != NULL ? strstr(line, "repeated ") + 9 : line;
        if (depth == 0 || sscanf(rest, " %31s %31s = %d;", type, name, &number) != 3)
            continue;
        bool found = false;
        for (int i = 0; i < FIELDS && !found; i++) {
            found = !seen[i] && strcmp(fields[i].message, message[depth - 1]) == 0 &&
                    strcmp(fields[i].field, name) == 0 && fields[i].number == number;
            seen[i] |= found;
        }
        if (!found)
            fail_msg("%s.%s = %d is in the document only", message[depth - 1], name, number);
        n++;
    }
    fclose(f);
    assert_int_equal(n, FIELDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_in_comes_out),
        cmocka_unit_test(of_nothing_comes_nothing),
        cmocka_unit_test(fingerprints_of_another_key_are_left_out),
        cmocka_unit_test(what_is_cut_is_refused_whole),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(the_state_is_json_and_of_its_version),
        cmocka_unit_test(versions_and_epochs),
        cmocka_unit_test(without_memory_nothing_has_changed),
        cmocka_unit_test(the_numbers_are_those_of_the_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
