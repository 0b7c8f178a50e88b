// SPDX-License-Identifier: Apache-2.0
//
// http_request.c - a whole request head to a struct http_request, or a refusal.
//
// Three steps: the request line, the fields one by one, then what the fields mean together (RFC 9112 sections 3, 5, 6).
// The rule throughout: a request that another server might frame differently is not repaired but refused. Repairs that
// RFC 9112 allows a server (bare LF, folded lines, equal Content-Lengths, white space before a colon) are not made.
#include "wire/http.h"

static enum err refuse(struct http_request *r, uint16_t status, const char *reason)
{
    r->status = status;
    r->reason = reason;
    switch (status) {
    case 414:
    case 431:
        return ERR_TOO_LARGE;
    case 501:
    case 505:
        return ERR_UNSUPPORTED;
    default:
        return ERR_SYNTAX;
    }
}

// Takes the next line off *rest, without its CR LF. False if there is none that ends so.
static bool line_next(str *rest, str *ret)
{
    size_t lf = str_find_char(*rest, '\n', 0);
    if (lf == rest->n || lf == 0 || rest->p[lf - 1] != '\r')
        return false;
    *ret = str_take(*rest, lf - 1);
    *rest = str_skip(*rest, lf + 1);
    return true;
}

// ---- request line

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static enum err parse_version(struct http_request *r, str v)
{
    // "HTTP/" DIGIT "." DIGIT, in this case (RFC 9112 section 2.3).
    if (v.n != 8 || !str_starts(v, STR("HTTP/")) || !is_digit(v.p[5]) || v.p[6] != '.' || !is_digit(v.p[7]))
        return refuse(r, 400, "The request line must be METHOD, one space, target, one space, HTTP/1.1.");
    if (v.p[5] != '1' || v.p[7] > '1')
        return refuse(r, 505, "Only HTTP/1.1 and HTTP/1.0 are spoken here.");
    r->version_minor = v.p[7] == '1';
    return OK;
}

static enum err parse_target(struct http_request *r)
{
    if (r->target.n > HTTP_TARGET_MAX)
        return refuse(r, 414, "The request target is too long.");
    if (!str_starts(r->target, STR("/")))
        return refuse(r, 400, "The request target must be a path that begins with a slash.");
    for (size_t i = 0; i < r->target.n; i++) {
        uint8_t c = (uint8_t)r->target.p[i];
        if (c <= 0x20 || c >= 0x7f || c == '#')
            return refuse(r, 400, "The request target has a character that must be percent-encoded.");
    }
    r->query = STR_NONE;
    r->path = str_split(r->target, '?', &r->query);
    if (!http_path_normal(r->path))
        return refuse(r, 400, "The path is not in normal form.");
    return OK;
}

static enum err parse_request_line(struct http_request *r, str line)
{
    str rest = STR_NONE;
    str version = STR_NONE;
    r->method = str_split(line, ' ', &rest);
    r->target = str_split(rest, ' ', &version);
    // The version first: it says by whose rules the rest is to be read.
    enum err e = parse_version(r, version);
    if (e != OK)
        return e;
    if (!http_is_token(r->method))
        return refuse(r, 400, "The method is malformed.");
    return parse_target(r);
}

// ---- fields

static bool value_clean(str value)
{
    for (size_t i = 0; i < value.n; i++) {
        uint8_t c = (uint8_t)value.p[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) // obs-text is let through (RFC 9110 section 5.5)
            return false;
    }
    return true;
}

static enum err parse_field(struct http_request *r, str line)
{
    // A line that begins with white space would continue the one before: obs-fold, RFC 9112 section 5.2.
    size_t colon = str_find_char(line, ':', 0);
    str name = str_take(line, colon);
    if (colon == line.n || !http_is_token(name))
        return refuse(r, 400,
                      "A header field is malformed: name, colon, value, nothing between name and colon.");
    str value = str_trim(str_skip(line, colon + 1));
    if (!value_clean(value))
        return refuse(r, 400, "A header field has a control character.");
    if (r->field_count == HTTP_FIELDS_MAX)
        return refuse(r, 431, "There are too many header fields.");
    r->fields[r->field_count++] = (struct http_field){name, value};
    return OK;
}

bool http_field_find(const struct http_request *r, str name, str *ret_value)
{
    for (size_t i = 0; i < r->field_count; i++) {
        if (r->fields[i].name.n == name.n && str_eq_nocase(r->fields[i].name, name)) {
            *ret_value = r->fields[i].value;
            return true;
        }
    }
    return false;
}

size_t http_field_count(const struct http_request *r, str name)
{
    size_t count = 0;
    for (size_t i = 0; i < r->field_count; i++)
        count += r->fields[i].name.n == name.n && str_eq_nocase(r->fields[i].name, name);
    return count;
}

bool http_field_has_token(const struct http_request *r, str name, str token)
{
    for (size_t i = 0; i < r->field_count; i++) {
        if (r->fields[i].name.n != name.n || !str_eq_nocase(r->fields[i].name, name))
            continue;
        str list = r->fields[i].value;
        str element;
        while (http_list_next(&list, &element)) {
            if (str_eq_nocase(element, token))
                return true;
        }
    }
    return false;
}

// ---- what the fields mean

static enum err check_host(struct http_request *r)
{
    str name;
    uint16_t port;
    size_t count = http_field_count(r, STR("host"));
    if (count > 1 || (count == 0 && r->version_minor == 1)) // RFC 9112 section 3.2
        return refuse(r, 400, "There must be exactly one Host field.");
    if (count == 1) {
        http_field_find(r, STR("host"), &r->host);
        if (!http_host_split(r->host, &name, &port))
            return refuse(r, 400, "The Host field is malformed.");
    }
    return OK;
}

// RFC 9112 section 6: which bytes behind the head belong to this request.
static enum err check_framing(struct http_request *r)
{
    str value = STR_NONE;
    size_t lengths = http_field_count(r, STR("content-length"));
    size_t codings = http_field_count(r, STR("transfer-encoding"));
    if (lengths > 0 && codings > 0)
        return refuse(r, 400, "Content-Length and Transfer-Encoding exclude each other.");
    if (lengths > 1 || codings > 1)
        return refuse(r, 400, "The length of the body is given more than once.");
    if (lengths == 1) {
        http_field_find(r, STR("content-length"), &value);
        if (!str_to_u64(value, UINT64_MAX, &r->content_length))
            return refuse(r, 400, "Content-Length must be one decimal number.");
        r->has_content_length = true;
    }
    if (codings == 1) {
        if (r->version_minor == 0)
            return refuse(r, 400, "HTTP/1.0 has no Transfer-Encoding.");
        http_field_find(r, STR("transfer-encoding"), &value);
        r->chunked = str_eq_nocase(value, STR("chunked"));
        if (!r->chunked && http_field_has_token(r, STR("transfer-encoding"), STR("chunked")))
            return refuse(r, 400, "The transfer coding chunked must be the only one.");
        if (!r->chunked)
            return refuse(r, 501, "This transfer coding is not supported.");
    }
    return OK;
}

enum err http_request_parse(str head, struct http_request *ret)
{
    *ret = (struct http_request){0};
    str line = STR_NONE;
    if (str_starts(head, STR("\r\n")))
        head = str_skip(head, 2);
    if (!line_next(&head, &line))
        return refuse(ret, 400, "Lines must end with CR LF.");
    enum err e = parse_request_line(ret, line);
    while (e == OK) {
        if (!line_next(&head, &line))
            return refuse(ret, 400, "Lines must end with CR LF.");
        if (line.n == 0)
            break;
        e = parse_field(ret, line);
    }
    if (e == OK && head.n > 0)
        return refuse(ret, 400, "There are bytes behind the head.");
    if (e == OK)
        e = check_host(ret);
    if (e == OK)
        e = check_framing(ret);
    if (e == OK)
        ret->keep_alive =
            ret->version_minor == 1 && !http_field_has_token(ret, STR("connection"), STR("close"));
    return e;
}
