// SPDX-License-Identifier: Apache-2.0
#include "app/notices.h"

#include "app/logger.h"
#include "base/assert.h"
#include "base/where.h"

static const struct {
    enum log_level level;
    const char *event;
    const char *subject; // the name of what the notice is about
} rows[NOTICE_COUNT] = {
#define X(upper, lower, level, subject) [NOTICE_##upper] = {LOG_##level, #lower, subject},
    NOTICES(X)
#undef X
};

enum { FIELDS_MAX = 10 }; // all that a notice can carry, and the end

// Each kind of notice is a call site of its own, so that a flood of one does not silence the others.
static struct log_site sites[NOTICE_COUNT];

void notice_log(uint32_t shard, const struct notice *n)
{
    ASSERT((unsigned)n->type < NOTICE_COUNT);
    if (!log_wanted(rows[n->type].level))
        return;
    struct log_field fields[FIELDS_MAX];
    size_t used = 0;
    fields[used++] = (struct log_field)LOG_NUMBER("shard", shard);
    if (n->connection != UINT32_MAX)
        fields[used++] = (struct log_field)LOG_NUMBER("connection", n->connection);
    if (n->peer.n > 0)
        fields[used++] = (struct log_field)LOG_STR("peer", n->peer);
    if (n->user.n > 0)
        fields[used++] = (struct log_field)LOG_STR("user", n->user);
    if (n->session.n > 0)
        fields[used++] = (struct log_field)LOG_STR("session", n->session);
    if (n->room.n > 0)
        fields[used++] = (struct log_field)LOG_STR("room", n->room);
    if (n->subject.n > 0 && rows[n->type].subject != NULL)
        fields[used++] = (struct log_field)LOG_STR(rows[n->type].subject, n->subject);
    if (n->code != 0)
        fields[used++] = (struct log_field)LOG_NUMBER("code", n->code);
    if (n->text != NULL && n->text[0] != '\0')
        fields[used++] = (struct log_field)LOG_TEXT("reason", n->text);
    ASSERT(used < FIELDS_MAX);
    fields[used] = (struct log_field){.key = NULL};
    log_write(&sites[n->type], rows[n->type].level, rows[n->type].event, fields);
}

// `value` is the name of the number that the notice carries.
static const struct {
    enum log_level level;
    const char *event;
    const char *value;
} io_rows[IO_NOTICE_COUNT] = {
#define X(upper, lower, level, value) [IO_NOTICE_##upper] = {LOG_##level, #lower, value},
    IO_NOTICES(X)
#undef X
};
static struct log_site io_sites[IO_NOTICE_COUNT];

enum { WHERE_FIELDS = 4 };

static size_t where_fields(const struct where_spot *at, struct log_field ret[WHERE_FIELDS])
{
    size_t used = 0;
    ret[used++] = (struct log_field)LOG_NUMBER("turn", at->turn);
    ret[used++] = (struct log_field)LOG_TEXT("phase", where_phase_name(at->phase));
    if (at->subject != WHERE_NOBODY && where_subject(at->phase) != NULL)
        ret[used++] = (struct log_field)LOG_NUMBER(where_subject(at->phase), at->subject);
    if (at->command != CMD_NONE)
        ret[used++] = (struct log_field)LOG_TEXT("command", command_name((enum command_type)at->command));
    return used;
}

void io_notice_log(const struct io_notice *n)
{
    ASSERT((unsigned)n->type < IO_NOTICE_COUNT);
    struct log_field fields[5 + WHERE_FIELDS + 1];
    size_t used = 0;
    if (n->shard != IO_NO_SHARD)
        fields[used++] = (struct log_field)LOG_NUMBER("shard", n->shard);
    if (n->name.n > 0)
        fields[used++] = (struct log_field)LOG_STR("name", n->name);
    if (io_rows[n->type].value != NULL)
        fields[used++] = (struct log_field)LOG_NUMBER(io_rows[n->type].value, n->value);
    if (n->peer != NULL && n->peer[0] != '\0')
        fields[used++] = (struct log_field)LOG_TEXT("peer", n->peer);
    if (n->text.n > 0)
        fields[used++] =
            (struct log_field)LOG_STR(io_rows[n->type].level == LOG_INFO ? "names" : "reason", n->text);
    if (n->where != NULL)
        used += where_fields(n->where, fields + used);
    fields[used] = (struct log_field){.key = NULL};
    log_write(&io_sites[n->type], io_rows[n->type].level, io_rows[n->type].event, fields);
}
