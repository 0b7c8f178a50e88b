// SPDX-License-Identifier: Apache-2.0
//
// replay.c - an ordinary main() for a libFuzzer target.
//
//     replay_http FILE-OR-DIRECTORY...
//
// Runs the target once per file (directories are read one level deep, in name order, so a crash is reproducible)
// and prints how many inputs it ran. Each input is named on stderr before it runs: a crash ends the process inside
// the target, and the last name is the culprit. Without any input it fails: a replay of nothing would always pass.
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t inputs;

static void fail(const char *path, const char *why)
{
    fprintf(stderr, "replay: %s: %s\n", path, why);
    exit(1);
}

static void replay_file(const char *path, size_t size)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail(path, "cannot be opened");

    // The copy has exactly the input's size, so that ASan sees a read one byte past it.
    uint8_t *data = malloc(size > 0 ? size : 1);
    if (data == NULL)
        fail(path, "too large for memory");
    if (fread(data, 1, size, file) != size)
        fail(path, "cannot be read");
    fclose(file);

    fprintf(stderr, "replay: %s (%zu bytes)\n", path, size);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    inputs++;
}

static int visible(const struct dirent *entry) { return entry->d_name[0] != '.'; }

static void replay_directory(const char *path)
{
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, visible, alphasort);
    if (count < 0)
        fail(path, "cannot be listed");

    for (int i = 0; i < count; i++) {
        char name[4096];
        struct stat status;
        if (snprintf(name, sizeof name, "%s/%s", path, entries[i]->d_name) >= (int)sizeof name)
            fail(path, "has a name that is too long");
        if (stat(name, &status) == 0 && S_ISREG(status.st_mode))
            replay_file(name, (size_t)status.st_size);
        free(entries[i]);
    }
    free(entries);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct stat status;
        if (stat(argv[i], &status) != 0)
            fail(argv[i], "does not exist");
        if (S_ISDIR(status.st_mode))
            replay_directory(argv[i]);
        else
            replay_file(argv[i], (size_t)status.st_size);
    }
    if (inputs == 0)
        fail(argv[0], "got no inputs");
    printf("%zu inputs replayed\n", inputs);
    return 0;
}
