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
    [NOTICE_CONNECTION_OPENED] = {LOG_DEBUG, "connection_opened", NULL},
    [NOTICE_CONNECTION_CLOSED] = {LOG_DEBUG, "connection_closed", NULL},
    [NOTICE_SESSION_STARTED] = {LOG_DEBUG, "session_started", NULL},
    [NOTICE_HOST_REFUSED] = {LOG_INFO, "host_refused", "host"},
    [NOTICE_UPGRADE_REFUSED] = {LOG_INFO, "upgrade_refused", "origin"},
    [NOTICE_PROTOCOL_ERROR] = {LOG_INFO, "protocol_error", NULL},
    [NOTICE_RATE_LIMITED] = {LOG_INFO, "rate_limited", NULL},
    [NOTICE_SLOW_READER] = {LOG_INFO, "slow_reader", NULL},
    [NOTICE_JOINED] = {LOG_DEBUG, "joined", NULL},
    [NOTICE_LEFT] = {LOG_DEBUG, "left", NULL},
    [NOTICE_COMMAND_ERROR] = {LOG_DEBUG, "command_error", NULL},
    [NOTICE_ROOM_CREATED] = {LOG_DEBUG, "room_created", NULL},
    [NOTICE_ROOM_REMOVED] = {LOG_DEBUG, "room_removed", NULL},
    [NOTICE_WRONG_PROTOCOL] = {LOG_INFO, "wrong_protocol", NULL},
    [NOTICE_MEMORY] = {LOG_ERROR, "memory_refused", NULL},
    [NOTICE_RECORD_REFUSED] = {LOG_ERROR, "record_refused", NULL},
};

enum { FIELDS_MAX = 10 }; // all that a notice can carry, and the end

// Each kind of notice is a call site of its own, so that a flood of one does not silence the others.
static struct log_site sites[NOTICE_COUNT];

void notice_log(uint32_t shard, const struct notice *n)
{
    ASSERT(n->type < NOTICE_COUNT && rows[n->type].event != NULL);
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
} io_rows[] = {
    [IO_NOTICE_FULL] = {LOG_WARN, "connections_full", "connections"},
    [IO_NOTICE_ADDRESS] = {LOG_INFO, "address_refused", NULL},
    [IO_NOTICE_FILES] = {LOG_ERROR, "files_exhausted", "errno"},
    [IO_NOTICE_ACCEPT] = {LOG_WARN, "accept_failed", "errno"},
    [IO_NOTICE_TURN_SLOW] = {LOG_WARN, "turn_slow", "ms"},
    [IO_NOTICE_TURN_HANGS] = {LOG_WARN, "turn_hangs", "ms"},
    [IO_NOTICE_DRAIN_OVERRUN] = {LOG_WARN, "drain_overrun", "connections"},
};
#define IO_ROWS (sizeof io_rows / sizeof io_rows[0])
static struct log_site io_sites[IO_ROWS];

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
    ASSERT((size_t)n->type < IO_ROWS && io_rows[n->type].event != NULL);
    struct log_field fields[3 + WHERE_FIELDS + 1];
    size_t used = 0;
    fields[used++] = (struct log_field)LOG_NUMBER("shard", n->shard);
    if (io_rows[n->type].value != NULL)
        fields[used++] = (struct log_field)LOG_NUMBER(io_rows[n->type].value, n->value);
    if (n->peer != NULL && n->peer[0] != '\0')
        fields[used++] = (struct log_field)LOG_TEXT("peer", n->peer);
    if (n->where != NULL)
        used += where_fields(n->where, fields + used);
    fields[used] = (struct log_field){.key = NULL};
    log_write(&io_sites[n->type], io_rows[n->type].level, io_rows[n->type].event, fields);
}
