// SPDX-License-Identifier: Apache-2.0
//
// What is hashed is the line as it stands, so that there is no canonical form to agree on: whoever checks needs no JSON.
// Rejected: a Merkle tree, which proves single lines without the others (nobody asks for that here, and who writes would have to keep
// its nodes), and signatures in the place of an HMAC (who holds the server holds either key; what binds him is a copy of the newest
// hash elsewhere).
#include "core/audit/chain.h"

#include "base/civil.h"
#include "base/codec.h"
#include "wire/json.h"
#include "wire/utf8.h"

static void hex_put(const uint8_t *p, size_t n, char *ret)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        ret[2 * i] = digits[p[i] >> 4];
        ret[2 * i + 1] = digits[p[i] & 15];
    }
}

enum err audit_hash(const struct audit_key *key, str bytes, char ret[AUDIT_HASH_HEX])
{
    uint8_t digest[SHA256_BYTES];
    enum err e = key->n != 0 ? digest_hmac_sha256(key->bytes, key->n, bytes.p, bytes.n, digest)
                             : digest_sha256(bytes.p, bytes.n, digest);
    if (e == OK)
        hex_put(digest, sizeof digest, ret);
    return e;
}

void audit_chain_init(struct audit_chain *c, const struct audit_key *key, const uint8_t random[16])
{
    *c = (struct audit_chain){.key = *key};
    ASSERT(key->n <= AUDIT_KEY_MAX);
    base64url_encode(random, 16, c->id);
    memset(c->hash, '0', sizeof c->hash);
    memset(c->next, '0', sizeof c->next);
}

static void put_key(struct buf *out, const char *key)
{
    BUF_PUT_LIT(out, ",\"");
    buf_put_str(out, str_from_cstr(key));
    BUF_PUT_LIT(out, "\":");
}

static void put_number(struct buf *out, const char *key, uint64_t value)
{
    put_key(out, key);
    buf_put_u64(out, value);
}

static void put_text(struct buf *out, const char *key, str value)
{
    put_key(out, key);
    json_put_string(out, utf8_valid(value) ? utf8_take(value, AUDIT_TEXT_MAX) : STR("?"));
}

static void begin(const struct audit_chain *c, struct buf *out, uint64_t wall_ms, const char *event)
{
    char time[RFC3339_LEN];
    rfc3339_encode(wall_ms, time);
    buf_reset(out, AUDIT_LINE_MAX);
    BUF_PUT_LIT(out, "{\"seq\":");
    buf_put_u64(out, c->seq + 1);
    put_text(out, "time", str_make(time, sizeof time));
    put_text(out, "event", str_from_cstr(event));
}

static enum err end(struct audit_chain *c, struct buf *out)
{
    put_text(out, "prev", str_make(c->hash, sizeof c->hash));
    if (!buf_ok(out) || audit_hash(&c->key, buf_str(out), c->next) != OK)
        return ERR_NOMEM;
    put_text(out, "hash", str_make(c->next, sizeof c->next));
    BUF_PUT_LIT(out, "}\n");
    ASSERT(out->n <= AUDIT_LINE_MAX);
    return buf_ok(out) ? OK : ERR_NOMEM;
}

enum err audit_chain_put(struct audit_chain *c, struct buf *out, uint64_t wall_ms, uint32_t shard,
                         const struct audit_event *e)
{
    begin(c, out, wall_ms, audit_name(e->type));
    if (shard != UINT32_MAX)
        put_number(out, "shard", shard);
#define X(field)         \
    if (e->field.n != 0) \
        put_text(out, #field, e->field);
    AUDIT_STRS(X)
#undef X
#define X(field)       \
    if (e->field != 0) \
        put_number(out, #field, e->field);
    AUDIT_NUMBERS(X)
#undef X
    return end(c, out);
}

enum err audit_chain_put_head(struct audit_chain *c, struct buf *out, uint64_t wall_ms)
{
    begin(c, out, wall_ms, "chain");
    put_number(out, "version", AUDIT_VERSION);
    put_text(out, "chain", str_make(c->id, sizeof c->id));
    put_key(out, "keyed");
    buf_put_str(out, c->key.n != 0 ? STR("true") : STR("false"));
    return end(c, out);
}

enum err audit_chain_put_missing(struct audit_chain *c, struct buf *out, uint64_t wall_ms, uint64_t events,
                                 const char *why)
{
    ASSERT(events != 0);
    begin(c, out, wall_ms, "missing");
    put_number(out, "events", events);
    put_text(out, "how", str_from_cstr(why));
    return end(c, out);
}

enum err audit_chain_put_torn(struct audit_chain *c, struct buf *out, uint64_t wall_ms, str torn)
{
    static const struct audit_key none = {.n = 0};
    char hash[AUDIT_HASH_HEX];
    ASSERT(torn.n != 0);
    if (audit_hash(&none, torn, hash) != OK)
        return ERR_NOMEM;
    begin(c, out, wall_ms, "torn");
    put_number(out, "bytes", torn.n);
    put_text(out, "sha256", str_make(hash, sizeof hash));
    return end(c, out);
}

enum err audit_chain_put_started(struct audit_chain *c, struct buf *out, uint64_t wall_ms, str version,
                                 uint32_t kinds)
{
    begin(c, out, wall_ms, "started");
    put_text(out, "server", version);
    put_key(out, "events");
    char before = '[';
    for (uint32_t left = kinds; left != 0; left &= left - 1) {
        buf_put_char(out, before);
        json_put_string(out, str_from_cstr(audit_kind_name((enum audit_kind)__builtin_ctz(left))));
        before = ',';
    }
    buf_put_str(out, kinds != 0 ? STR("]") : STR("[]"));
    return end(c, out);
}

enum err audit_chain_put_note(struct audit_chain *c, struct buf *out, uint64_t wall_ms, const char *event)
{
    begin(c, out, wall_ms, event);
    return end(c, out);
}

void audit_chain_advance(struct audit_chain *c)
{
    memcpy(c->hash, c->next, sizeof c->hash);
    c->seq++;
    ASSERT(c->seq != 0);
}
