// SPDX-License-Identifier: Apache-2.0
//
// It is set up while the shards' threads run, when a reload is the first to name a URL: since 7.84 that is allowed where libcurl was
// built for it, as Debian's is. It is never taken down, as a name may still be being resolved when the process ends.
#include "io/libcurl.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>

// POSIX has a function's address in a `void *`, C has no cast for it.
static bool find(void *library, const char *name, void *ret)
{
    void *found = dlsym(library, name);
    memcpy(ret, &found, sizeof found);
    return found != NULL;
}

enum err libcurl_load(const char *name, struct libcurl *ret)
{
    void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    bool all = library != NULL;
#define X(function) all = all && find(library, "curl_" #function, &ret->function);
    LIBCURL_FUNCTIONS(X)
#undef X
    if (!all)
        return ERR_NOT_FOUND;
    return ret->global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? OK : ERR_NOMEM;
}
