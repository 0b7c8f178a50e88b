// SPDX-License-Identifier: Apache-2.0
//
// ws_handshake.c - RFC 6455 section 4.2.1, point by point.
//
// What makes a request no WebSocket request at all (no Upgrade field, another version) is 426, which tells a client
// that it may try again properly; what makes it a broken one is 400.
#include "wire/ws_handshake.h"
#include "base/assert.h"
#include "base/codec.h"
#include "wire/digest.h"

enum { KEY_LEN = 24, KEY_BYTES = 16 }; // base64 of 16 octets

static uint16_t refuse(struct ws_handshake *h, uint16_t status, const char *reason)
{
    h->status = status;
    h->reason = reason;
    return status;
}

static bool key_valid(str key)
{
    uint8_t nonce[3 * (KEY_LEN / 4)];
    size_t n = 0;
    return key.n == KEY_LEN && base64_decode(key, nonce, &n) && n == KEY_BYTES;
}

static bool version_13(const struct http_request *r)
{
    str version = STR_NONE;
    return http_field_count(r, STR("sec-websocket-version")) == 1 &&
           http_field_find(r, STR("sec-websocket-version"), &version) && str_eq(version, STR("13"));
}

// Every offered subprotocol is a token; empty fields and elements are let through (RFC 9110 section 5.6.1).
static bool protocols_valid(const struct http_request *r)
{
    struct ws_protocol_iter it = {0};
    str name;
    while (ws_protocol_next(r, &it, &name)) {
        if (!http_is_token(name))
            return false;
    }
    return true;
}

// The parts that are not about WebSocket: method, version, no body.
static uint16_t check_request(const struct http_request *r, struct ws_handshake *ret)
{
    if (!str_eq(r->method, STR("GET")))
        return refuse(ret, 405, "A WebSocket begins with GET.");
    if (r->version_minor < 1)
        return refuse(ret, 400, "A WebSocket needs HTTP/1.1.");
    if (r->chunked || r->content_length > 0)
        return refuse(ret, 400, "A WebSocket request has no body."); // what follows it are frames
    return 101;
}

static uint16_t check_upgrade(const struct http_request *r, struct ws_handshake *ret)
{
    if (!http_field_has_token(r, STR("upgrade"), STR("websocket")))
        return refuse(ret, 426, "This address speaks WebSocket; send an Upgrade request.");
    if (!http_field_has_token(r, STR("connection"), STR("upgrade")))
        return refuse(ret, 400, "The Connection field must name Upgrade.");
    if (!version_13(r))
        return refuse(ret, 426, "Sec-WebSocket-Version must be 13.");
    if (http_field_count(r, STR("sec-websocket-key")) != 1 ||
        !http_field_find(r, STR("sec-websocket-key"), &ret->key) || !key_valid(ret->key))
        return refuse(ret, 400, "Sec-WebSocket-Key must be given once: base64 of 16 octets.");
    if (!protocols_valid(r))
        return refuse(ret, 400, "Sec-WebSocket-Protocol is malformed.");
    if (http_field_count(r, STR("origin")) > 1)
        return refuse(ret, 400, "There must be at most one Origin field.");
    return 101;
}

uint16_t ws_handshake_check(const struct http_request *r, struct ws_handshake *ret)
{
    *ret = (struct ws_handshake){.status = 101, .reason = "", .host = r->host};
    ret->has_origin = http_field_find(r, STR("origin"), &ret->origin);
    uint16_t status = check_request(r, ret);
    return status == 101 ? check_upgrade(r, ret) : status;
}

bool ws_protocol_next(const struct http_request *r, struct ws_protocol_iter *it, str *ret)
{
    for (;;) {
        if (it->open && http_list_next(&it->rest, ret))
            return true;
        it->open = false;
        if (it->field >= r->field_count)
            return false;
        const struct http_field *f = &r->fields[it->field++];
        if (str_eq_nocase(f->name, STR("sec-websocket-protocol"))) {
            it->open = true;
            it->rest = f->value;
        }
    }
}

bool ws_protocol_offered(const struct http_request *r, str name)
{
    struct ws_protocol_iter it = {0};
    str offered;
    while (ws_protocol_next(r, &it, &offered)) {
        if (str_eq(offered, name))
            return true;
    }
    return false;
}

enum err ws_accept_key(str key, char ret[WS_ACCEPT_LEN])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; // RFC 6455 section 1.3
    uint8_t in[KEY_LEN + sizeof guid - 1];
    uint8_t digest[SHA1_BYTES];
    ASSERT(key.n == KEY_LEN);
    memcpy(in, key.p, KEY_LEN);
    memcpy(in + KEY_LEN, guid, sizeof guid - 1);
    if (digest_sha1(in, sizeof in, digest) != OK)
        return ERR_NOMEM;
    base64_encode(digest, sizeof digest, ret);
    return OK;
}

enum err ws_handshake_put_response(struct buf *b, const struct ws_handshake *h, str subprotocol,
                                   str extensions)
{
    char accept[WS_ACCEPT_LEN];
    ASSERT(h->status == 101);
    ASSERT(subprotocol.n == 0 || http_is_token(subprotocol));
    if (ws_accept_key(h->key, accept) != OK)
        return ERR_NOMEM;
    BUF_PUT_LIT(b, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   "Sec-WebSocket-Accept: ");
    buf_put(b, accept, sizeof accept);
    if (subprotocol.n > 0) {
        BUF_PUT_LIT(b, "\r\nSec-WebSocket-Protocol: ");
        buf_put_str(b, subprotocol);
    }
    if (extensions.n > 0) {
        BUF_PUT_LIT(b, "\r\nSec-WebSocket-Extensions: ");
        buf_put_str(b, extensions);
    }
    BUF_PUT_LIT(b, "\r\n\r\n");
    return OK;
}
