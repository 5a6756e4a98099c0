/*
 * fuzz_main.c - runs a fuzz target over a kept corpus, where there is no libFuzzer.
 *
 * Every argument is a file or a directory of files. A target that crashes fails the test.
 */
#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#include "storage/base/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

enum { INPUT_BYTES_MAX = 1 << 24 };

static unsigned
run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return 0;
    uint8_t *bytes = sl_new(INPUT_BYTES_MAX);
    size_t size_bytes = fread(bytes, 1, INPUT_BYTES_MAX, file);
    (void)fclose(file);
    /* A buffer of the exact size: a sanitizer then sees the first byte too many. */
    uint8_t *exact = malloc(size_bytes == 0 ? 1 : size_bytes);
    SL_ASSERT(exact != NULL);
    memcpy(exact, bytes, size_bytes);
    free(bytes);
    (void)LLVMFuzzerTestOneInput(exact, size_bytes);
    free(exact);
    return 1;
}

static unsigned
run_directory(const char *path)
{
    unsigned count = 0;
    DIR *dir = opendir(path);
    if (dir == NULL)
        return run_file(path);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        char below[4096];
        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(below, sizeof(below), "%s/%s", path, entry->d_name);
        count += run_file(below);
    }
    (void)closedir(dir);
    return count;
}

int
main(int argc, char **argv)
{
    unsigned count = 0;
    for (int i = 1; i < argc; i++)
        count += run_directory(argv[i]);
    printf("%u inputs\n", count);
    if (count == 0)
        fprintf(stderr, "the corpus is empty: a fuzz target needs at least one kept input\n");
    return count == 0;
}
