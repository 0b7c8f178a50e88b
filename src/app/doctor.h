// SPDX-License-Identifier: Apache-2.0
//
// doctor.h - for `plenum doctor` (app/doctor_command.h): what this machine allows, held against what is configured, and what the limits will cost.
//
// Findings are one line each, with what to do about it where it is not well:
//
//     well     there is enough of it
//     note     it may hurt some day, or under a load that not everybody has
//     bad      what is configured cannot be had here
//
// Costs are figures per connection, reader and room that were measured (docs/PERFORMANCE.md, "idle" and "slow readers"), times the
// limits: what there is when a limit is reached, and not what there will be.
#ifndef PLENUM_APP_DOCTOR_H
#define PLENUM_APP_DOCTOR_H

#include "app/config.h"
#include "app/machine.h"
#include "app/wiring.h"

// Bytes, by measurement.
enum {
    DOCTOR_IDLE_BYTES = 480,       // an idle connection, in rooms of a hundred and more
    DOCTOR_IDLE_ALONE_BYTES = 800, // in a room of two
    DOCTOR_TLS_BYTES = 15 * 1024,  // what TLS adds
    DOCTOR_KERNEL_BYTES =
        4 * 1024, // 3,776 of socket, inode, file, dentry and entry in epoll, by /proc/slabinfo of Linux 6
    DOCTOR_STUCK_BYTES = 153 * 1024, // what a reader that takes nothing keeps in the kernel (io/listener.h)
    DOCTOR_ROOM_BYTES = 600,         // a room with its name, without anything said
};

enum finding_kind { FINDING_WELL, FINDING_NOTE, FINDING_BAD };
enum { FINDINGS_MAX = 16 };

struct finding {
    enum finding_kind kind;
    const char *about; // static
    char text[400];
};
struct findings {
    uint32_t n;
    struct finding v[FINDINGS_MAX];
};

// In the order in which they are to be read. start: as wiring_start_init found it for that configuration.
void doctor_examine(struct findings *f, const struct machine *m, const struct config *c,
                    const struct wiring_start *start);
// The same for what the limits will cost.
void doctor_costs(struct findings *f, const struct machine *m, const struct config *c,
                  const struct wiring_start *start);

#endif
