/*
 * cli_check.c - `sluice check`: a data directory that no server has open, proven byte by byte.
 */
#include <fcntl.h>
#include <stdio.h>

#include "client/cli.h"
#include "server/auth/user_file.h"
#include "storage/base/file.h"
#include "storage/store.h"

/* What was damaged, so that each advice is given once. */
struct findings {
    bool has[SL_CHECK_PART_COUNT];
};

static void
print_finding(void *context, enum sl_check_part part, const char *finding)
{
    struct findings *findings = context;
    findings->has[part] = true;
    sl_cli_tell("", finding);
}

/* The file of users, which a server without users has not. */
static sl_status
check_users(const char *directory, uint64_t *damaged, struct sl_error *err)
{
    struct sl_user_list list = {0};
    struct sl_error why = {0};
    int dir_fd = -1;
    SL_TRY(sl_dir_open(AT_FDCWD, directory, &dir_fd, err));
    sl_status st = sl_user_file_read(dir_fd, &list, &why);
    sl_user_list_drop(&list);
    sl_file_close(dir_fd);
    if (st == SL_OK || st == SL_MISSING)
        return SL_OK;
    sl_cli_tell("users: ", why.text);
    sl_cli_tell("", "put the file of users back from a backup: sluiced does not start without it");
    *damaged += 1;
    return SL_OK;
}

int
sl_cli_check(struct sl_cli *cli, int argc, char **argv)
{
    (void)cli; /* no server is asked */
    struct sl_error err = {0};
    uint64_t damaged = 0;
    struct findings findings = {0};
    if (argc != 1)
        return sl_cli_misuse("check takes one data directory", "");
    sl_status st = sl_store_check(argv[0], print_finding, &findings, &damaged, &err);
    for (enum sl_check_part part = 0; part < SL_CHECK_PART_COUNT; part++)
        if (findings.has[part])
            sl_cli_tell("", sl_check_advice(part));
    if (st != SL_OK || check_users(argv[0], &damaged, &err) != SL_OK)
        return sl_cli_complain(&err);
    if (damaged != 0) {
        fprintf(stderr, "sluice: %" PRIu64 " damaged place%s in %s\n", damaged,
                damaged == 1 ? "" : "s", argv[0]);
        return 1;
    }
    printf("%s: every byte is as it was written\n", argv[0]);
    return sl_cli_finish();
}
