// SPDX-License-Identifier: Apache-2.0
//
// certificates.h - from the operator's configuration to TLS: which listener proves to be whom.
//
//     server.tls                  server.http and server.text
//     server.listen[].tls         that listener
//     server.dev_tls              as server.tls, with a certificate that is made for it
//
// A file's path that is not absolute is taken from the folder of the configuration; where there is none, from the current one. What
// is wrong with a file is a mistake in the configuration like any other, with its place.
//
// Files are looked at once a second, by their time, size and number, and read again when something about one of them is new; where that
// fails what was there stays, until the next change. So a certificate and its key may be replaced one after the other.
//
// An OCSP response that runs out while the server is up is sent no more; that is told to the log, once for each, and again when there is
// another one.
//
// Thread: the one that waits for signals.
#ifndef PLENUM_APP_CERTIFICATES_H
#define PLENUM_APP_CERTIFICATES_H

#include "app/config.h"
#include "io/listener.h"
#include "io/tls.h"
#include "io/tls_stats.h"

struct certificates {
    struct tls_stats stats; // of all of them
    _Atomic uint64_t
        stale; // OCSP responses that are over, when they were last looked at: written by its thread, read by any
    struct tls *all[LISTENERS_MAX]; // by listener; NULL = no TLS
    uint64_t seen[LISTENERS_MAX];   // of their files, as a hash
};

// server.dev_tls: makes the files where they are not there, and names them in server.tls. Adds to l->complaints.
void certificates_develop(struct config_load *l);
// Adds to l->complaints; false where there is an error among them. To be let go in any case.
bool certificates_load(struct config_load *l, struct certificates *ret) WARN_UNUSED;
bool certificates_any(const struct certificates *c);
void certificates_free(struct certificates *c);
// Reads all again; look: those of which a file has changed, and whether a response has run out. Told to the log.
void certificates_reload(struct certificates *c);
void certificates_look(struct certificates *c);

#endif
