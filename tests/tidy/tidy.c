/*
 * tidy.c - the rules that no compiler checks, run as a test: tidy ROOT.
 *
 *   - every #include "..." follows an arrow of the table below;
 *   - every third-party header is included by the one file that wraps its library;
 *   - every .c, .h and .def file begins with a comment that says what it is;
 *   - include guards are the path;
 *   - libc functions that cannot be used safely are not used;
 *   - no note of unfinished work enters the tree.
 *
 * Lengths of files and functions are printed as advice, not refused.
 */
#include <ctype.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    PATH_BYTES = 4096,
    LINE_BYTES = 8192,
    MAY_MAX = 20,
    FILE_LINES_ADVICE = 700,
    FUNCTION_LINES_ADVICE = 70
};

struct layer {
    const char *path;         /* the longest matching prefix owns the file */
    const char *may[MAY_MAX]; /* prefixes it may include, besides its own */
};

#define BATCH                                                                                    \
    "storage/type.h", "storage/schema.h", "storage/schema_derived.def", "storage/batch.h",       \
        "storage/batch_codec.h", "storage/clause.h", "storage/field.h", "storage/field_cells.h", \
        "storage/value_text.h"

/* Arrows point up this table only: a layer may use what stands above it. */
static const struct layer layers[] = {
    {"storage/base/", {NULL}},
    {"storage/type", {"storage/base/"}},
    {"storage/schema", {"storage/base/", BATCH}},
    {"storage/element", {"storage/base/", BATCH, "storage/element"}},
    {"storage/batch", {"storage/base/", BATCH}},
    {"storage/clause", {"storage/base/", BATCH}},
    {"storage/field", {"storage/base/", BATCH}},
    {"storage/value_text", {"storage/base/", BATCH}},
    {"storage/codec/", {"storage/base/"}},
    {"storage/index/", {"storage/base/"}},
    {"storage/segment/", {"storage/base/", BATCH, "storage/codec/", "storage/index/"}},
    {"storage/", {"storage/base/", BATCH, "storage/codec/", "storage/index/", "storage/segment/"}},
    {"query/kernel/", {"storage/base/"}},
    {"query/", {"storage/base/", BATCH, "storage/scan.h", "storage/store.h", "query/kernel/"}},
    {"ingest/decode/", {"storage/base/", BATCH, "ingest/sink.h"}},
    {"ingest/", {"storage/base/", BATCH, "ingest/decode/"}},
    {"server/net/", {"storage/base/"}},
    {"server/wire/", {"storage/base/", BATCH}},
    {"server/auth/", {"storage/base/"}},
    {"server/",
     {"storage/base/", BATCH, "storage/store.h", "storage/scan.h", "query/query.h", "query/bound.h",
      "ingest/ingest.h", "ingest/sink.h", "server/wire/", "server/net/", "server/auth/"}},
    /* sluiced runs the adapter, a client, inside itself. */
    {"server/main.c", {"storage/base/", "server/", "client/mysql/mysql.h"}},
    /* sluice check proves a directory that no server has open; an import decodes captures. */
    {"client/",
     {"storage/base/", BATCH, "storage/store.h", "server/wire/", "server/net/", "server/auth/",
      "ingest/decode/", "ingest/sink.h"}},
    {"bench/", {""}},
    {"tests/", {""}},
};

/* The one file (two for zstd) that may include a library's header (a prefix of the name in <...>). */
static const struct {
    const char *header;
    const char *file;
} wraps[] = {
    {"lmdb.h", "storage/catalog_data.c"},
    {"zstd.h", "storage/codec/frame_zstd.c"},
    {"zstd.h", "client/input.c"}, /* streams of files; a client does not see the codecs */
    {"xxhash.h", "storage/base/hash.c"},
    {"roaring/", "storage/index/bitmap.c"},
    {"uv.h", "server/net/loop.c"},
    {"pcap", "ingest/decode/capture.c"},
    {"ini.h", "server/config.c"},
    {"jansson.h", "client/import_json.c"},
    {"libsmartcols", "client/print_table.c"},
    {"histedit.h", "client/shell.c"},
    {"zlib.h", "client/input.c"},
    {"zlib.h", "query/function_zip.c"},   /* COMPRESS; a client does not see the query layer */
    {"zlib.h", "client/mysql/deflate.c"}, /* packets of MySQL */
    {"pcre2.h", "query/regex.c"},
    {"openssl/ssl.h", "server/net/tls.c"},
    {"openssl/err.h", "server/net/tls.c"},
    {"openssl/x509v3.h", "server/net/tls.c"},
    {"openssl/", "server/auth/digest.c"},
    {"openssl/", "query/function_hash.c"}, /* MD5 and its kin, for statements */
};

static const char *const banned[] = {
    "strcpy", "strcat",    "sprintf", "vsprintf", "strtok", "atoi", "atol",   "atof",
    "alloca", "localtime", "gmtime",  "rand",     "srand",  "gets", "tmpnam", "mktemp",
};

static unsigned faults;
static unsigned advice;

static void
fault(const char *path, unsigned line, const char *what, const char *detail)
{
    fprintf(stderr, "%s:%u: %s%s\n", path, line, what, detail);
    faults++;
}

static bool
has_prefix(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool
has_suffix(const char *text, const char *suffix)
{
    size_t size = strlen(text);
    size_t wanted = strlen(suffix);
    return size >= wanted && strcmp(&text[size - wanted], suffix) == 0;
}

static const struct layer *
layer_of(const char *path)
{
    const struct layer *best = NULL;
    for (size_t i = 0; i < sizeof(layers) / sizeof(layers[0]); i++)
        if (has_prefix(path, layers[i].path) &&
            (best == NULL || strlen(layers[i].path) > strlen(best->path)))
            best = &layers[i];
    return best;
}

/* server/main.c alone may see the adapter, to run it inside the server. */
static bool
may_include(const char *path, const char *target)
{
    const struct layer *from = layer_of(path);
    const struct layer *to = layer_of(target);
    if (from == NULL || to == NULL)
        return false;
    if (from == to)
        return true;
    if (strcmp(path, "server/main.c") == 0 && strcmp(target, "client/mysql/mysql.h") == 0)
        return true;
    for (size_t i = 0; i < MAY_MAX && from->may[i] != NULL; i++)
        if (has_prefix(target, from->may[i]))
            return true;
    return false;
}

static void
check_include(const char *path, unsigned line, const char *text)
{
    char target[LINE_BYTES];
    if (sscanf(text, " # include \"%8191[^\"]\"", target) == 1) {
        if (!may_include(path, target))
            fault(path, line, "this layer may not include ", target);
        return;
    }
    if (sscanf(text, " # include <%8191[^>]>", target) != 1)
        return;
    bool is_test = has_prefix(path, "tests/") || has_prefix(path, "bench/");
    const char *owner = NULL;
    for (size_t i = 0; i < sizeof(wraps) / sizeof(wraps[0]) && !is_test; i++) {
        if (!has_prefix(target, wraps[i].header))
            continue;
        owner = wraps[i].file;
        if (strcmp(path, owner) == 0)
            return;
    }
    if (owner != NULL)
        fault(path, line, "belongs into the one file that wraps it: ", owner);
}

static void
check_words(const char *path, unsigned line, const char *text)
{
    static const char unfinished[] = {'T', 'O', 'D', 'O', '\0'};
    if (strstr(text, unfinished) != NULL)
        fault(path, line, "unfinished work does not enter the tree", "");
    for (size_t i = 0; i < sizeof(banned) / sizeof(banned[0]); i++) {
        size_t size = strlen(banned[i]);
        for (const char *at = strstr(text, banned[i]); at != NULL; at = strstr(at + 1, banned[i])) {
            char before = at == text ? ' ' : at[-1];
            if (!isalnum((unsigned char)before) && before != '_' && before != '"' &&
                before != '>' && before != '.' && at[size] == '(')
                fault(path, line, "banned function ", banned[i]);
        }
    }
}

static void
check_guard(const char *path, const char *text)
{
    char expected[LINE_BYTES] = "#ifndef SLUICE_";
    size_t at = strlen(expected);
    for (const char *c = path; *c != '\0' && at + 2 < sizeof(expected); c++)
        expected[at++] = isalnum((unsigned char)*c) ? (char)toupper((unsigned char)*c) : '_';
    expected[at] = '\0';
    if (strncmp(text, expected, at) != 0 || (text[at] != '\n' && text[at] != '\0'))
        fault(path, 1, "the include guard must be ", expected);
}

struct file_state {
    const char *path;
    unsigned line;
    unsigned function_start; /* line of the opening brace in column 1; 0 outside */
    bool saw_guard;
};

static void
check_line(struct file_state *s, const char *text)
{
    if (s->line == 1 && strncmp(text, "/*", 2) != 0)
        fault(s->path, 1, "a file begins with a comment that says what it is", "");
    if (has_suffix(s->path, ".h") && !s->saw_guard && has_prefix(text, "#ifndef")) {
        s->saw_guard = true;
        check_guard(s->path, text);
    }
    if (!has_prefix(s->path, "tests/tidy/"))
        check_words(s->path, s->line, text);
    check_include(s->path, s->line, text);
    if (text[0] == '{')
        s->function_start = s->line;
    if (text[0] == '}' && s->function_start != 0) {
        if (s->line - s->function_start > FUNCTION_LINES_ADVICE && has_suffix(s->path, ".c")) {
            printf("advice: %s:%u: a function of %u lines\n", s->path, s->function_start,
                   s->line - s->function_start);
            advice++;
        }
        s->function_start = 0;
    }
}

static void
check_file(const char *root, const char *path)
{
    char full[PATH_BYTES * 2];
    char text[LINE_BYTES];
    (void)snprintf(full, sizeof(full), "%s/%s", root, path);
    FILE *file = fopen(full, "r");
    if (file == NULL) {
        fault(path, 0, "cannot be read", "");
        return;
    }
    struct file_state state = {.path = path};
    while (fgets(text, sizeof(text), file) != NULL) {
        state.line++;
        check_line(&state, text);
    }
    if (has_suffix(path, ".h") && !state.saw_guard)
        fault(path, 1, "a header has an include guard", "");
    if (state.line > FILE_LINES_ADVICE && !has_suffix(path, ".def")) {
        printf("advice: %s has %u lines\n", path, state.line);
        advice++;
    }
    (void)fclose(file);
}

/* Recursion follows the folders of our own tree. */
static void
walk(const char *root, const char *folder)
{
    char full[PATH_BYTES * 2];
    (void)snprintf(full, sizeof(full), "%s/%s", root, folder);
    DIR *dir = opendir(full);
    if (dir == NULL) {
        fault(folder, 0, "folder cannot be read", "");
        return;
    }
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        char path[PATH_BYTES];
        char below[PATH_BYTES * 2];
        struct stat info;
        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(path, sizeof(path), "%.2000s/%.255s", folder, entry->d_name);
        (void)snprintf(below, sizeof(below), "%.2000s/%.2300s", root, path);
        if (stat(below, &info) == 0 && S_ISDIR(info.st_mode))
            walk(root, path);
        else if (has_suffix(path, ".c") || has_suffix(path, ".h") || has_suffix(path, ".def"))
            check_file(root, path);
    }
    (void)closedir(dir);
}

int
main(int argc, char **argv)
{
    static const char *const folders[] = {"storage", "query", "ingest", "server",
                                          "client",  "bench", "tests"};
    if (argc != 2) {
        fprintf(stderr, "usage: tidy ROOT\n");
        return 2;
    }
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
        walk(argv[1], folders[i]);
    printf("%u faults, %u pieces of advice\n", faults, advice);
    return faults != 0;
}
