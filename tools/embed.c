// SPDX-License-Identifier: Apache-2.0
//
// embed.c - writes the files of web/ into one C file that defines the table of src/core/common/asset.h.
//
//     plenum-embed OUTPUT.c ROOT [FILE RELATIVE TO ROOT]...
//
// Runs on the build host. The bodies become arrays of numbers: compilers bound the length of string literals, and
// `ld -r -b binary` would give symbols without types and no place for the other fields. The tag is the first half
// of the content's SHA-256, so it changes with the content and with nothing else.
//
// Files with the same bytes are written once: /plenum.mjs is a link to /plenum.js under the name that Node.js wants.
// The client module and its types are marked as shared: pages from elsewhere import them. The chat page's own files
// are nobody else's business.
//
// A file whose extension has no content type is an error and not application/octet-stream: with `nosniff` a browser
// would refuse it silently, and the page would break far from the cause.
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FILE_BYTES_MAX = 16 * 1024 * 1024, // a page that needs more does not belong into the binary
    TAG_BYTES = 16,                    // 128 bits of the hash: no two versions of a file meet by chance
    BYTES_PER_LINE = 24,
};

static const struct {
    const char *extension;
    const char *content_type;
} types[] = {
    {"css", "text/css; charset=utf-8"},
    {"gif", "image/gif"},
    {"html", "text/html; charset=utf-8"},
    {"ico", "image/x-icon"},
    {"jpg", "image/jpeg"},
    {"js", "text/javascript; charset=utf-8"},
    {"json", "application/json"},
    {"map", "application/json"},
    {"mjs", "text/javascript; charset=utf-8"},
    {"mts", "text/plain; charset=utf-8"}, // types for a compiler, which a browser can show
    {"png", "image/png"},
    {"svg", "image/svg+xml"},
    {"ts", "text/plain; charset=utf-8"},
    {"txt", "text/plain; charset=utf-8"},
    {"webmanifest", "application/manifest+json"},
    {"webp", "image/webp"},
    {"woff2", "font/woff2"},
};

struct page {
    const char *file; // as given, relative to the root
    const char *path; // the request target
    const char *type;
    char tag[2 * TAG_BYTES + 1];
    unsigned char *body;
    size_t len;
    size_t body_number; // of the first page with these bytes
};

static void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

static void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("embed: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

static void *must(void *memory)
{
    if (memory == NULL)
        die("out of memory");
    return memory;
}

static const char *type_of(const char *file)
{
    const char *dot = strrchr(file, '.');
    for (size_t i = 0; dot != NULL && i < sizeof types / sizeof types[0]; i++)
        if (strcmp(dot + 1, types[i].extension) == 0)
            return types[i].content_type;
    die("%s: no content type is known for this extension; add it to the table in tools/embed.c", file);
}

// The path goes into a C string and is compared with request targets as they come, so only octets that a URL may
// carry unescaped are taken.
static const char *path_of(const char *file)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
    if (file[strspn(file, plain)] != '\0')
        die("%s: a name may have letters, digits and - . _ ~ only", file);
    static const char index[] = "index.html"; // of a folder: the folder
    size_t size = strlen(file) + 2, index_n = sizeof index - 1;
    char *path = must(malloc(size));
    snprintf(path, size, "/%s", file);
    if (size > index_n + 1 && strcmp(path + size - 2 - index_n, "/index.html") == 0)
        path[size - 1 - index_n] = '\0';
    return path;
}

static void read_body(const char *root, struct page *page)
{
    char name[4096];
    if (snprintf(name, sizeof name, "%s/%s", root, page->file) >= (int)sizeof name)
        die("%s: the name is too long", page->file);
    FILE *file = fopen(name, "rb");
    if (file == NULL)
        die("%s: cannot be opened", name);
    if (fseek(file, 0, SEEK_END) != 0)
        die("%s: cannot be read", name);
    long size = ftell(file);
    if (size < 0 || size > FILE_BYTES_MAX)
        die("%s: has %ld bytes, at most %d are allowed", name, size, FILE_BYTES_MAX);
    rewind(file);

    page->len = (size_t)size;
    page->body = must(malloc(page->len + 1));
    if (fread(page->body, 1, page->len, file) != page->len)
        die("%s: cannot be read", name);
    fclose(file);
}

static void make_tag(struct page *page)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    if (EVP_Digest(page->body, page->len, digest, NULL, EVP_sha256(), NULL) != 1)
        die("%s: SHA-256 failed", page->file);
    for (size_t i = 0; i < TAG_BYTES; i++)
        snprintf(page->tag + 2 * i, 3, "%02x", digest[i]);
}

static size_t first_alike(const struct page *pages, size_t number)
{
    for (size_t i = 0; i < number; i++)
        if (pages[i].len == pages[number].len && memcmp(pages[i].body, pages[number].body, pages[i].len) == 0)
            return i;
    return number;
}

static int by_path(const void *left, const void *right)
{
    return strcmp(((const struct page *)left)->path, ((const struct page *)right)->path);
}

static bool is_shared(const char *file) { return strncmp(file, "plenum.", strlen("plenum.")) == 0; }

static void write_body(FILE *out, const struct page *page, size_t number)
{
    fprintf(out, "\n/* %s */\nstatic const unsigned char body_%zu[] = {", page->file, number);
    for (size_t i = 0; i < page->len; i++)
        fprintf(out, "%s%u,", i % BYTES_PER_LINE == 0 ? "\n    " : "", page->body[i]);
    // The NUL also keeps the array of an empty file from having no element, which C does not allow.
    fputs("\n    0};\n", out);
}

static void write_table(FILE *out, const struct page *pages, size_t count)
{
    fputs("\nconst struct asset assets[] = {\n", out);
    for (size_t i = 0; i < count; i++)
        fprintf(out, "    {\"%s\", \"%s\", \"\\\"%s\\\"\", body_%zu, %zu, %s},\n", pages[i].path,
                pages[i].type, pages[i].tag, pages[i].body_number, pages[i].len,
                is_shared(pages[i].file) ? "true" : "false");
    if (count == 0)
        fputs("    {NULL, NULL, NULL, NULL, 0, false},\n", out);
    fprintf(out, "};\nconst size_t assets_len = %zu;\n", count);
}

int main(int argc, char **argv)
{
    if (argc < 3)
        die("usage: plenum-embed OUTPUT.c ROOT [FILE]...");

    size_t count = (size_t)argc - 3;
    struct page *pages = must(calloc(count + 1, sizeof *pages));
    for (size_t i = 0; i < count; i++) {
        pages[i].file = argv[3 + i];
        pages[i].path = path_of(pages[i].file);
        pages[i].type = type_of(pages[i].file);
        read_body(argv[2], &pages[i]);
        make_tag(&pages[i]);
    }
    qsort(pages, count, sizeof *pages, by_path);

    FILE *out = fopen(argv[1], "w");
    if (out == NULL)
        die("%s: cannot be written", argv[1]);
    fputs(
        "/* Written by tools/embed.c from the files in web/; edit those. */\n#include \"core/common/asset.h\"\n",
        out);
    for (size_t i = 0; i < count; i++) {
        pages[i].body_number = first_alike(pages, i);
        if (pages[i].body_number == i)
            write_body(out, &pages[i], i);
    }
    write_table(out, pages, count);
    if (ferror(out) || fclose(out) != 0)
        die("%s: cannot be written", argv[1]);
    return 0;
}
