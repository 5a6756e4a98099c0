/*
 * store_check.c - prove every byte of a data directory: see sl_store_check in store.h.
 *
 * The catalog says which segments must be there and which journal frames count. When it is
 * damaged, or gone, every segment file that is there is proven by itself.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>

#include "storage/base/buf.h"
#include "storage/base/file.h"
#include "storage/live_file.h"
#include "storage/recover.h"
#include "storage/segment/segment_check.h"
#include "storage/store_lock.h"

struct check {
    const char *directory;
    sl_check_fn *report;
    void *context;
    uint64_t damaged;
    int dir_fd, lock_fd, segments_fd, journal_fd;
    struct sl_catalog_state *state; /* NULL: no catalog to go by */
};

SL_PRINTF(3, 4)
static void
report(struct check *check, enum sl_check_part part, const char *format, ...)
{
    char text[SL_PATH_BYTES_MAX];
    va_list args;
    check->damaged++;
    if (check->report == NULL)
        return;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    check->report(check->context, part, text);
}

const char *
sl_check_advice(enum sl_check_part part)
{
    switch (part) {
    case SL_CHECK_CATALOG:
        return "start sluiced: it puts a damaged catalog aside and makes a new one from the "
               "segments; rows that DELETE removed may be back, views are forgotten";
    case SL_CHECK_SEGMENT:
        return "put a damaged segment back from a backup while no sluiced runs; until then queries "
               "that need what is damaged fail. To go on without it: move the folder \"catalog\" "
               "away and start sluiced, which then takes the segments that can be opened";
    case SL_CHECK_JOURNAL:
        return "start sluiced: it takes what is whole of the journal and says what it left out; "
               "what it has sealed is in segments";
    case SL_CHECK_PART_COUNT:
        break;
    }
    return "";
}

static sl_status
check_catalog(struct check *check, struct sl_error *err)
{
    struct sl_buf path = sl_buf_empty(SL_PATH_BYTES_MAX);
    struct sl_catalog *catalog = NULL;
    struct sl_error why = {0};
    sl_buf_printf(&path, "%s/catalog", check->directory);
    sl_buf_u8(&path, 0);
    if (path.bad)
        return sl_fail(err, SL_LIMIT, "the path of the directory is too long");
    const char *text = (const char *)path.bytes;
    sl_status st = sl_catalog_check(text, &why);
    if (st == SL_OK) {
        st = sl_catalog_open(text, &catalog, err);
        if (st == SL_OK)
            st = sl_catalog_load(catalog, &check->state, err);
        sl_catalog_close(catalog);
    } else if (st == SL_MISSING || st == SL_CORRUPT) {
        report(check, SL_CHECK_CATALOG, "catalog/data.mdb: %s",
               st == SL_MISSING ? "there is no such file" : why.text);
        st = SL_OK;
    } else {
        (void)sl_fail(err, st, "catalog/data.mdb: %s", why.text);
    }
    sl_buf_fini(&path);
    return st;
}

/* One segment; `info` is the catalog's record of it, or NULL. */
static void
check_segment(struct check *check, uint64_t number, const struct sl_catalog_segment *info)
{
    char name[SL_SEGMENT_NAME_BYTES];
    uint64_t offset = 0;
    struct sl_error why = {0};
    sl_segment_name(number, name);
    sl_status st = sl_segment_check(check->segments_fd, name, NULL, &offset, &why);
    if (st != SL_OK) {
        report(check, SL_CHECK_SEGMENT, "segments/%s", why.text);
        return;
    }
    if (info == NULL)
        return;
    int fd = -1;
    uint64_t bytes = 0;
    st = sl_file_open(check->segments_fd, name, O_RDONLY, &fd, &why);
    if (st == SL_OK)
        st = sl_file_size(fd, &bytes, &why);
    sl_file_close(fd);
    if (st != SL_OK)
        report(check, SL_CHECK_SEGMENT, "segments/%s: %s", name, why.text);
    else if (bytes != info->bytes)
        report(check, SL_CHECK_SEGMENT,
               "segments/%s: it has %" PRIu64 " bytes, the catalog says %" PRIu64, name, bytes,
               info->bytes);
}

static void
report_journal(void *context, const char *file, uint64_t offset, const char *reason)
{
    report(context, SL_CHECK_JOURNAL, "journal/%s: offset %" PRIu64 ": %s", file, offset, reason);
}

static sl_status
check_segments(struct check *check, struct sl_error *err)
{
    if (check->state != NULL) {
        for (size_t i = 0; i < check->state->segment_count; i++)
            check_segment(check, check->state->segments[i].number, &check->state->segments[i]);
        return SL_OK;
    }
    struct sl_recover_numbers numbers = {0};
    sl_status st = sl_recover_list(check->segments_fd, &numbers, err);
    for (uint32_t i = 0; i < numbers.count; i++)
        check_segment(check, numbers.numbers[i], NULL);
    free(numbers.numbers);
    return st;
}

/* Open what must be there without making it. */
static sl_status
open_directory(int dir_fd, const char *path, int *out_fd, struct sl_error *err)
{
    return sl_file_open(dir_fd, path, O_RDONLY | O_DIRECTORY, out_fd, err);
}

static sl_status
check_all(struct check *check, struct sl_error *err)
{
    uint64_t damaged = 0;
    SL_TRY(open_directory(AT_FDCWD, check->directory, &check->dir_fd, err));
    /* Before the lock, whose file is made: any other directory stays as it is. */
    if (open_directory(check->dir_fd, "segments", &check->segments_fd, NULL) != SL_OK ||
        open_directory(check->dir_fd, "journal", &check->journal_fd, NULL) != SL_OK)
        return sl_fail(err, SL_MISSING,
                       "%.160s is no data directory of sluiced: it needs the folders segments and "
                       "journal",
                       check->directory);
    SL_TRY(sl_store_lock(check->dir_fd, &check->lock_fd, err));
    SL_TRY(check_catalog(check, err));
    SL_TRY(check_segments(check, err));
    uint64_t position =
        check->state == NULL ? 0 : check->state->counters[SL_CATALOG_JOURNAL_POSITION];
    return sl_journal_check(check->journal_fd, position, report_journal, check, &damaged, err);
}

sl_status
sl_store_check(const char *directory, sl_check_fn *report_finding, void *context,
               uint64_t *out_damaged, struct sl_error *err)
{
    struct check check = {.directory = directory,
                          .report = report_finding,
                          .context = context,
                          .dir_fd = -1,
                          .lock_fd = -1,
                          .segments_fd = -1,
                          .journal_fd = -1};
    sl_status st = check_all(&check, err);
    *out_damaged = check.damaged;
    sl_catalog_state_destroy(check.state);
    sl_file_close(check.journal_fd);
    sl_file_close(check.segments_fd);
    sl_file_close(check.lock_fd);
    sl_file_close(check.dir_fd);
    return st;
}
