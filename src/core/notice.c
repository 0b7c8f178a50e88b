// SPDX-License-Identifier: Apache-2.0
//
// Notices: what is worth a log line, handed to the driver with who it is about. Core does not know who reads them, nor at
// what level.
#include "core/shard_state.h"

static void notice_send(struct shard *sh, struct notice *n)
{
    struct peer peer;
    if (n->connection != UINT32_MAX) {
        const struct conn *c = conn_at(sh, n->connection);
        n->peer = conn_peer(c, &peer);
        if (c->session != NULL) {
            n->user = session_user(c->session);
            n->session = str_make(c->session->id, SESSION_ID_LEN);
        }
    }
    sh->host->notice(sh->host->ctx, n);
}

void shard_notice(struct shard *sh, enum notice_type type, uint32_t conn, uint32_t code, const char *text,
                  str room)
{
    struct notice n = {.type = type, .connection = conn, .code = code, .text = text, .room = room};
    notice_send(sh, &n);
}

void shard_notice_about(struct shard *sh, enum notice_type type, uint32_t conn, uint32_t code,
                        const char *text, str subject)
{
    struct notice n = {.type = type, .connection = conn, .code = code, .text = text, .subject = subject};
    notice_send(sh, &n);
}

// The connection may be another shard's, and gone: who asks is in the ask.
void shard_notice_refused(struct shard *sh, const struct ask *a, enum problem_code code)
{
    struct notice n = {.type = NOTICE_COMMAND_ERROR,
                       .connection = UINT32_MAX,
                       .text = problem_name(code),
                       .user = a->user,
                       .session = a->session,
                       .room = a->cmd.room};
    notice_send(sh, &n);
}
