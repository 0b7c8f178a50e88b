// SPDX-License-Identifier: Apache-2.0
#include "core/mail/audit_ask.h"

void audit_put_ask(const struct context *cx, const struct ask *a, enum audit_type type, const char *how,
                   str address)
{
    if (!audit_wants(cx, audit_kind_of(type)))
        return;
    const struct command *cmd = &a->cmd;
    const struct audit_event e = {.type = type,
                                  .room = cmd->room,
                                  .user = a->user,
                                  .name = a->name,
                                  .session = a->session,
                                  .address = address,
                                  .target = cmd->to,
                                  .how = str_from_cstr(how),
                                  .detail = str_from_cstr(command_name(cmd->type)),
                                  .reason = cmd->reason,
                                  .seconds = cmd->seconds};
    audit_put(cx, &e);
}
