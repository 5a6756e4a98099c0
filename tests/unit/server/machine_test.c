/*
 * machine_test.c - the memory of this machine, or the least that control groups leave of it.
 */
#include "server/machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/support/test.h"

/* Write `text` to `root` + `path`, with the folders above it. */
static void
put(const char *root, const char *path, const char *text)
{
    char full[512];
    (void)snprintf(full, sizeof(full), "%s%s", root, path);
    for (char *slash = strchr(full + strlen(root) + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(full, 0700); /* it may be there */
        *slash = '/';
    }
    FILE *file = fopen(full, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void
the_least_limit_of_version_2_counts(void **state)
{
    (void)state;
    char *root = test_dir_create();
    uint64_t all = sl_machine_memory_bytes(root);
    assert_true(all > UINT64_C(64) << 20); /* no group: the machine's */
    put(root, "/proc/self/cgroup", "0::/system.slice/sluiced.service\n");
    assert_int_equal(sl_machine_memory_bytes(root), all);
    put(root, "/sys/fs/cgroup/system.slice/sluiced.service/memory.max", "max\n");
    assert_int_equal(sl_machine_memory_bytes(root), all);
    put(root, "/sys/fs/cgroup/system.slice/memory.max", "50331648\n");
    assert_int_equal(sl_machine_memory_bytes(root), 50331648);
    put(root, "/sys/fs/cgroup/system.slice/sluiced.service/memory.max", "67108864\n");
    assert_int_equal(sl_machine_memory_bytes(root), 50331648);
    put(root, "/sys/fs/cgroup/memory.max", "33554432\n");
    assert_int_equal(sl_machine_memory_bytes(root), 33554432);
    test_dir_remove(root);
}

static void
version_1_has_a_controller_of_its_own(void **state)
{
    (void)state;
    char *root = test_dir_create();
    uint64_t all = sl_machine_memory_bytes(root);
    put(root, "/proc/self/cgroup", "12:cpu,cpuacct:/box\n5:memory:/box\n0::/\n");
    put(root, "/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    assert_int_equal(sl_machine_memory_bytes(root), all);
    put(root, "/sys/fs/cgroup/memory/box/memory.limit_in_bytes", "41943040\n");
    assert_int_equal(sl_machine_memory_bytes(root), 41943040);
    test_dir_remove(root);
}

static void
what_is_no_group_bounds_nothing(void **state)
{
    (void)state;
    char *root = test_dir_create();
    uint64_t all = sl_machine_memory_bytes(root);
    put(root, "/proc/self/cgroup", "\n:\n0\n0::\n7:memory\nmemory:memory:\n");
    put(root, "/sys/fs/cgroup/memory.max", "much\n");
    assert_int_equal(sl_machine_memory_bytes(root), all);
    put(root, "/sys/fs/cgroup/memory.max", "0\n");
    assert_int_equal(sl_machine_memory_bytes(root), all);
    test_dir_remove(root);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_least_limit_of_version_2_counts),
        cmocka_unit_test(version_1_has_a_controller_of_its_own),
        cmocka_unit_test(what_is_no_group_bounds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
