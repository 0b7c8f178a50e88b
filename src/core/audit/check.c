// SPDX-License-Identifier: Apache-2.0
//
// A line's form is looked at first, from its end: there are always the same 149 bytes, so nothing in front of them can be taken for
// them. Then its hash, then its place.
#include "core/audit/check.h"

#include "wire/json.h"

#define PREV ",\"prev\":\""
#define HASH "\",\"hash\":\""
#define END "\"}"
enum {
    PREV_N = sizeof PREV - 1,
    HASH_N = sizeof HASH - 1,
    END_N = sizeof END - 1,
    TAIL_N = PREV_N + AUDIT_HASH_HEX + HASH_N + AUDIT_HASH_HEX + END_N,
};

const char *audit_fault_text(enum audit_fault fault)
{
    static const char *const texts[AUDIT_FAULT_COUNT] = {[AUDIT_GOOD] = "all is well",
#define X(upper, text) [AUDIT_FAULT_##upper] = text,
                                                         AUDIT_FAULTS(X)
#undef X
    };
    ASSERT(fault < AUDIT_FAULT_COUNT);
    return texts[fault];
}

// --- lines

static bool is_hex(str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!(s.p[i] >= '0' && s.p[i] <= '9') && !(s.p[i] >= 'a' && s.p[i] <= 'f'))
            return false;
    return true;
}

// The part of s behind a text that it begins with; absent where it does not.
static str behind(str s, str text) { return str_starts(s, text) ? str_skip(s, text.n) : STR_NONE; }

static bool tail_parse(str line, struct audit_line *ret)
{
    if (line.n < TAIL_N)
        return false;
    str tail = behind(str_skip(line, line.n - TAIL_N), STR(PREV));
    if (tail.p == NULL)
        return false;
    ret->prev = str_take(tail, AUDIT_HASH_HEX);
    tail = behind(str_skip(tail, AUDIT_HASH_HEX), STR(HASH));
    if (tail.p == NULL)
        return false;
    ret->hash = str_take(tail, AUDIT_HASH_HEX);
    ret->hashed = str_take(line, line.n - AUDIT_HASH_HEX - HASH_N + 1 - END_N); // the quote before is in it
    return str_eq(str_skip(tail, AUDIT_HASH_HEX), STR(END)) && is_hex(ret->prev) && is_hex(ret->hash);
}

static str unquoted(const struct json_member *m)
{
    return m->kind == JSON_STRING ? str_take(str_skip(m->value, 1), m->value.n - 2) : STR_NONE;
}

bool audit_line_parse(str line, struct audit_line *ret)
{
    struct json_member members[JSON_KEYS_MAX];
    size_t n;
    if (line.n > AUDIT_LINE_MAX || !tail_parse(line, ret) ||
        json_object_scan(line, members, JSON_KEYS_MAX, &n, NULL) != OK || n < 5)
        return false;
    ret->time = unquoted(&members[1]);
    ret->event = unquoted(&members[2]);
    return json_key_is(&members[0], STR("seq")) && json_key_is(&members[1], STR("time")) &&
           json_key_is(&members[2], STR("event")) && ret->time.p != NULL && ret->event.p != NULL &&
           json_u64_decode(members[0].value, UINT64_MAX - 1, &ret->seq) && ret->seq != 0;
}

str audit_line_member(str line, str name)
{
    struct json_member members[JSON_KEYS_MAX];
    size_t n;
    if (json_object_scan(line, members, JSON_KEYS_MAX, &n, NULL) != OK)
        return STR_NONE;
    const struct json_member *m = json_member_find(members, n, name);
    return m != NULL ? m->value : STR_NONE;
}

static uint64_t number_in(str line, str name)
{
    uint64_t v = 0;
    str raw = audit_line_member(line, name);
    return raw.p != NULL && json_u64_decode(raw, UINT64_MAX, &v) ? v : 0;
}

// A string member between its quotes is that text, to the byte.
static bool text_is(str line, str name, str text)
{
    str raw = audit_line_member(line, name);
    return raw.n == text.n + 2 && str_eq(str_take(str_skip(raw, 1), text.n), text);
}

static bool hash_fits(const struct audit_key *key, const struct audit_line *l, enum err *ret)
{
    char hash[AUDIT_HASH_HEX];
    *ret = audit_hash(key, l->hashed, hash);
    return *ret == OK && str_eq(l->hash, str_make(hash, sizeof hash));
}

enum err audit_chain_resume(struct audit_chain *c, const struct audit_key *key, str id, str last_line)
{
    struct audit_line l;
    enum err e;
    if (id.n != AUDIT_ID_LEN || !audit_line_parse(last_line, &l))
        return ERR_SYNTAX;
    if (!hash_fits(key, &l, &e))
        return e != OK ? e : ERR_SYNTAX;
    *c = (struct audit_chain){.key = *key, .seq = l.seq};
    memcpy(c->id, id.p, AUDIT_ID_LEN);
    memcpy(c->hash, l.hash.p, sizeof c->hash);
    memcpy(c->next, l.hash.p, sizeof c->next);
    return OK;
}

// --- the chain

void audit_check_init(struct audit_check *c, const struct audit_key *key)
{
    *c = (struct audit_check){.key = *key};
    memset(c->hash, '0', sizeof c->hash);
}

void audit_check_expect(struct audit_check *c, uint64_t seq, const char hash[AUDIT_HASH_HEX])
{
    c->expects = true;
    c->expected_seq = seq;
    memcpy(c->expected_hash, hash, sizeof c->expected_hash);
}

void audit_check_file(struct audit_check *c)
{
    c->fresh = true;
    c->line = 0;
}

// The first line of a file, which fits its hash: what chain it is.
static enum audit_fault head_fault(struct audit_check *c, str line, const struct audit_line *l)
{
    static const char zeros[AUDIT_HASH_HEX + 1] =
        "0000000000000000000000000000000000000000000000000000000000000000";
    str id = audit_line_member(line, STR("chain"));
    if (id.n != AUDIT_ID_LEN + 2)
        return AUDIT_FAULT_NO_HEAD;
    id = str_take(str_skip(id, 1), AUDIT_ID_LEN);
    bool first = l->seq == 1, zero = str_eq(l->prev, str_make(zeros, AUDIT_HASH_HEX));
    if (c->began && !str_eq(id, str_make(c->id, sizeof c->id)))
        return AUDIT_FAULT_OTHER;
    if (first != zero)
        return AUDIT_FAULT_BAD_START;
    if (c->began)
        return AUDIT_GOOD;
    c->began = true;
    c->first_seq = l->seq;
    c->seq = l->seq - 1;
    memcpy(c->id, id.p, sizeof c->id);
    memcpy(c->hash, l->prev.p, sizeof c->hash);
    return AUDIT_GOOD;
}

// Whether there is a key must be known before a hash is looked at.
static enum audit_fault key_fault(struct audit_check *c, str line)
{
    bool keyed = str_eq(audit_line_member(line, STR("keyed")), STR("true"));
    if (keyed == (c->key.n != 0))
        return AUDIT_GOOD;
    return keyed ? AUDIT_FAULT_KEYED : AUDIT_FAULT_UNKEYED;
}

static enum audit_fault line_fault(struct audit_check *c, str line, struct audit_line *ret)
{
    enum err e;
    enum audit_fault fault = AUDIT_GOOD;
    if (!audit_line_parse(line, ret))
        return AUDIT_FAULT_NO_LINE;
    if (c->fresh && !str_eq(ret->event, STR("chain")))
        return AUDIT_FAULT_NO_HEAD;
    if (c->fresh && !c->began && (fault = key_fault(c, line)) != AUDIT_GOOD)
        return fault;
    if (!hash_fits(&c->key, ret, &e))
        return e != OK ? AUDIT_FAULT_NOMEM : AUDIT_FAULT_CHANGED;
    if (c->fresh && (fault = head_fault(c, line, ret)) != AUDIT_GOOD)
        return fault;
    c->got = ret->seq;
    c->wanted = c->seq + 1;
    if (ret->seq != c->wanted)
        return AUDIT_FAULT_JUMP;
    return str_eq(ret->prev, str_make(c->hash, sizeof c->hash)) ? AUDIT_GOOD : AUDIT_FAULT_UNLINKED;
}

static enum audit_fault fail(struct audit_check *c, enum audit_fault fault, uint64_t line)
{
    c->at = line;
    return fault;
}

// Nothing but a line that says so can follow one that is none; whether it does is seen then.
static enum audit_fault suspect(struct audit_check *c, enum audit_fault fault, str line)
{
    static const struct audit_key none = {.n = 0};
    bool may_be_torn = !c->fresh && fault != AUDIT_FAULT_NOMEM && line.n != 0;
    if (!may_be_torn || audit_hash(&none, line, c->suspect_hash) != OK)
        return fail(c, fault, c->line);
    c->suspect = fault;
    c->suspect_line = c->line;
    c->suspect_bytes = line.n;
    c->suspect_got = c->got;
    return AUDIT_GOOD;
}

// Nothing has explained it.
static enum audit_fault fail_suspect(struct audit_check *c)
{
    c->got = c->suspect_got;
    c->wanted = c->seq + 1;
    return fail(c, c->suspect, c->suspect_line);
}

static bool explains(const struct audit_check *c, str line, const struct audit_line *l)
{
    return str_eq(l->event, STR("torn")) && number_in(line, STR("bytes")) == c->suspect_bytes &&
           text_is(line, STR("sha256"), str_make(c->suspect_hash, sizeof c->suspect_hash));
}

static enum audit_fault look_expected(struct audit_check *c)
{
    if (!c->expects || c->seq != c->expected_seq)
        return AUDIT_GOOD;
    c->expected_seen = true;
    return memcmp(c->hash, c->expected_hash, sizeof c->hash) == 0 ? AUDIT_GOOD : AUDIT_FAULT_DIFFERS;
}

enum audit_fault audit_check_line(struct audit_check *c, str line)
{
    struct audit_line l;
    c->line++;
    enum audit_fault fault = line_fault(c, line, &l);
    if (c->suspect != AUDIT_GOOD && (fault != AUDIT_GOOD || !explains(c, line, &l)))
        return fail_suspect(c);
    if (fault != AUDIT_GOOD)
        return suspect(c, fault, line);
    if (c->suspect == AUDIT_GOOD && str_eq(l.event, STR("torn")))
        return fail(c, AUDIT_FAULT_JUMP, c->line); // what it is about is not there
    c->torn += c->suspect != AUDIT_GOOD;
    c->suspect = AUDIT_GOOD;
    c->fresh = false;
    c->seq = l.seq;
    c->lines++;
    memcpy(c->hash, l.hash.p, sizeof c->hash);
    c->stopped = str_eq(l.event, STR("stopped"));
    c->rotated = str_eq(l.event, STR("rotated"));
    if (str_eq(l.event, STR("missing")))
        c->missing += number_in(line, STR("events"));
    return fail(c, look_expected(c), c->line);
}

enum audit_fault audit_check_rest(struct audit_check *c, str rest)
{
    if (c->suspect != AUDIT_GOOD)
        return fail_suspect(c);
    if (rest.n != 0)
        return fail(c, AUDIT_FAULT_TORN, c->line + 1);
    return c->fresh ? fail(c, AUDIT_FAULT_NO_HEAD, 1) : AUDIT_GOOD;
}

enum audit_fault audit_check_end(struct audit_check *c)
{
    return c->expects && !c->expected_seen ? fail(c, AUDIT_FAULT_GONE, c->line) : AUDIT_GOOD;
}
