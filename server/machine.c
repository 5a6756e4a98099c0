/*
 * machine.c - see machine.h.
 */
#include "server/machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "storage/base/limits.h"

enum { LINE_BYTES = SL_PATH_BYTES_MAX + 64 };

/* The number in a file; UINT64_MAX: there is no such file, or it says "max". */
static uint64_t
read_limit(const char *path)
{
    char text[32];
    char *end = text;
    uint64_t bytes = 0;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return UINT64_MAX;
    if (fgets(text, sizeof(text), file) != NULL)
        bytes = strtoull(text, &end, 10);
    (void)fclose(file);
    return end == text || bytes == 0 ? UINT64_MAX : bytes;
}

/* The least limit of a group and of those above it. `group` is shortened on the way. */
static uint64_t
least_limit(const char *root, const char *controller, char *group, const char *name)
{
    uint64_t least = UINT64_MAX;
    char path[2 * LINE_BYTES];
    for (;;) {
        int length =
            snprintf(path, sizeof(path), "%s/sys/fs/cgroup%s%s/%s", root, controller, group, name);
        uint64_t limit =
            length < 0 || (size_t)length >= sizeof(path) ? UINT64_MAX : read_limit(path);
        least = limit < least ? limit : least;
        char *last = strrchr(group, '/');
        if (last == NULL)
            return least;
        *last = '\0';
    }
}

/* What one line of /proc/self/cgroup, "number:controllers:group", bounds memory to. */
static uint64_t
limit_of_line(const char *root, char *line)
{
    char *controllers = strchr(line, ':');
    char *group = controllers == NULL ? NULL : strchr(controllers + 1, ':');
    if (group == NULL)
        return UINT64_MAX;
    *group++ = '\0';
    group[strcspn(group, "\n")] = '\0';
    controllers++;
    if (*controllers == '\0')
        return least_limit(root, "", group, "memory.max");
    if (strcmp(controllers, "memory") == 0)
        return least_limit(root, "/memory", group, "memory.limit_in_bytes");
    return UINT64_MAX;
}

uint64_t
sl_machine_memory_bytes(const char *root)
{
    char line[LINE_BYTES];
    char path[LINE_BYTES];
    uint64_t least = UINT64_MAX;
    long pages = sysconf(_SC_PHYS_PAGES);
    long page_bytes = sysconf(_SC_PAGESIZE);
    if (pages > 0 && page_bytes > 0)
        least = (uint64_t)pages * (uint64_t)page_bytes;
    int length = snprintf(path, sizeof(path), "%s/proc/self/cgroup", root);
    FILE *file = length < 0 || (size_t)length >= sizeof(path) ? NULL : fopen(path, "re");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        uint64_t limit = limit_of_line(root, line);
        least = limit < least ? limit : least;
    }
    if (file != NULL)
        (void)fclose(file);
    return least;
}
