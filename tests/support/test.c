/*
 * test.c - see test.h.
 */
#include "tests/support/test.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

uint64_t
test_seed(void)
{
    static uint64_t seed;
    if (seed != 0)
        return seed;
    const char *given = getenv("SLUICE_SEED");
    if (given != NULL)
        seed = strtoull(given, NULL, 0);
    if (seed == 0) {
        struct timespec now;
        (void)clock_gettime(CLOCK_REALTIME, &now);
        seed = (uint64_t)now.tv_sec * 1000003U + (uint64_t)now.tv_nsec + (uint64_t)getpid();
    }
    printf("seed: SLUICE_SEED=%" PRIu64 "\n", seed);
    (void)fflush(stdout);
    return seed;
}

unsigned
test_rounds(unsigned full)
{
#if defined(__SANITIZE_THREAD__)
    unsigned long percent = 5;
#elif defined(__SANITIZE_ADDRESS__)
    unsigned long percent = 25;
#else
    unsigned long percent = 100;
#endif
    const char *given = getenv("SLUICE_ROUNDS");
    if (given != NULL)
        percent = strtoul(given, NULL, 10);
    unsigned long rounds = full * percent / 100;
    return rounds == 0 ? 1 : (unsigned)rounds;
}

uint64_t
test_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

uint64_t
test_random_below(uint64_t *state, uint64_t bound)
{
    return test_random(state) % bound;
}

char *
test_dir_create(void)
{
    const char *base = getenv("TMPDIR");
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/sluice-test-XXXXXX", base != NULL ? base : "/tmp");
    if (mkdtemp(path) == NULL)
        fail_msg("cannot make a directory like %s", path);
    return sl_new_string(path);
}

/* Depth is that of directories a test has made: a handful. */
static void
remove_tree(const char *path)
{
    DIR *dir = opendir(path);
    if (dir == NULL) {
        (void)unlink(path);
        return;
    }
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        char below[8192];
        struct stat info;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        (void)snprintf(below, sizeof(below), "%s/%s", path, entry->d_name);
        if (lstat(below, &info) == 0 && S_ISDIR(info.st_mode))
            remove_tree(below);
        else
            (void)unlink(below);
    }
    (void)closedir(dir);
    (void)rmdir(path);
}

void
test_dir_remove(char *path)
{
    remove_tree(path);
    free(path);
}

const char *
test_shared(void)
{
    const char *path = getenv("SLUICE_SHARED");
    struct stat info;
    if (path == NULL)
        path = "../shared";
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return path;
    printf("skipped: %s is not there, so nothing that needs its captures is tested\n", path);
    return NULL;
}

uint8_t *
test_read_file(const char *path, size_t *out_size_bytes)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail_msg("cannot open %s", path);
    size_t capacity = 65536;
    size_t size = 0;
    uint8_t *bytes = sl_new(capacity);
    for (;;) {
        size += fread(&bytes[size], 1, capacity - size, file);
        if (size < capacity)
            break;
        capacity *= 2;
        bytes = sl_grow(bytes, 1, capacity);
    }
    (void)fclose(file);
    *out_size_bytes = size;
    return bytes;
}
