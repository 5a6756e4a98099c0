/*
 * journal_recover.c - see journal_recover.h, and journal_format.h for the bytes.
 *
 * A stretch of bytes that does not prove itself is one of two things. Frames that were never
 * synced may be missing, torn or complete after a power cut, in any mixture: that is the *tail*,
 * nobody was told that it is safe, and it is cut. Anything else is *damage*: it is reported, kept,
 * and replay goes on behind it. The line between them is the proven position: the highest that
 * any later frame of the file, or the head of the next file, says was durable.
 *
 * What replay visits is a promise (a producer is told "I have that batch"), so it must be durable
 * before open returns. Syncing alone would not do: if a sync failed before the process ended,
 * the kernel may hold pages that it calls clean and that never reached the disk. The unproven
 * part of the last file is therefore written again, byte for byte, and then synced.
 *
 * Files are read whole into memory: their size is bounded, the walk is a pure function over
 * bytes, and a disk that fails is a status of one read.
 */
#include "storage/journal_recover.h"

#include <fcntl.h>
#include <stdio.h>

#include "storage/base/file.h"
#include "storage/base/log.h"
#include "storage/journal_format.h"

enum { FILES_MAX = 1 << 20 }; /* 64 TiB of journal: a directory that is not ours */

struct recovery {
    int dir_fd;
    const struct sl_journal_replay *replay;
    bool is_read_only; /* check: nothing is repaired, nothing below from_position is skipped */
    uint64_t *numbers; /* owned, ascending */
    struct sl_journal_head *heads; /* owned; first_position 0: the head does not prove itself */
    size_t count;
    size_t first_index; /* files before it are void */
    uint64_t expected;  /* position of the next frame; 0: not known yet */
    uint64_t damage_count;
    bool is_gap_told; /* the bytes that hold the next missing positions were reported */
};

/* What the walk over one file found. */
struct walk {
    struct sl_journal_image image;
    uint64_t proven;       /* everything below it was durable */
    size_t cut_offset;     /* the tail begins here; the size of the image when there is none */
    size_t rewrite_offset; /* frames from here on are good, and not proven durable */
    bool has_frames;
};

static uint64_t
max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static void
report_damage(struct recovery *r, size_t index, uint64_t offset, const char *reason)
{
    char name[SL_JOURNAL_NAME_BYTES];
    sl_journal_name(r->numbers[index], "", name);
    r->damage_count++;
    if (r->replay->report != NULL)
        r->replay->report(r->replay->context, name, offset, reason);
}

static sl_status
collect_name(void *context, const char *name, struct sl_error *err)
{
    struct recovery *r = context;
    uint64_t number;
    if (!sl_journal_name_parse(name, &number))
        return SL_OK;
    if (r->count == FILES_MAX)
        return sl_fail(err, SL_LIMIT, "more than %d journal files", FILES_MAX);
    r->numbers = sl_grow(r->numbers, sizeof(*r->numbers), r->count + 1);
    r->numbers[r->count++] = number;
    return SL_OK;
}

static int
compare_numbers(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static sl_status
read_head(int dir_fd, uint64_t number, struct sl_journal_head *out_head, struct sl_error *err)
{
    uint8_t bytes[SL_JOURNAL_HEAD_BYTES];
    char name[SL_JOURNAL_NAME_BYTES];
    uint64_t size_bytes;
    int fd;

    sl_journal_name(number, "", name);
    SL_TRY(sl_file_open(dir_fd, name, O_RDONLY, &fd, err));
    sl_status st = sl_file_size(fd, &size_bytes, err);
    if (st == SL_OK && size_bytes < sizeof(bytes))
        st = sl_fail(err, SL_CORRUPT, "journal head is incomplete");
    if (st == SL_OK)
        st = sl_file_read_at(fd, 0, bytes, sizeof(bytes), err);
    if (st == SL_OK)
        st = sl_journal_head_decode(bytes, sizeof(bytes), number, out_head, err);
    sl_file_close(fd);
    if (st != SL_OK)
        sl_error_prefix(err, "%s", name);
    return st;
}

/* All names and all heads. A head that does not prove itself is dealt with by the walk. */
static sl_status
list_files(struct recovery *r, struct sl_error *err)
{
    SL_TRY(sl_dir_walk(r->dir_fd, collect_name, r, err));
    if (r->count > 0)
        qsort(r->numbers, r->count, sizeof(*r->numbers), compare_numbers);

    r->heads = sl_new((r->count + 1) * sizeof(*r->heads));
    for (size_t i = 0; i < r->count; i++) {
        sl_status st = read_head(r->dir_fd, r->numbers[i], &r->heads[i], err);
        if (st == SL_CORRUPT)
            r->heads[i] = (struct sl_journal_head){0};
        else if (st != SL_OK)
            return st;
        if (r->heads[i].is_restart)
            r->first_index = i;
    }
    return SL_OK;
}

/* First position of the next file whose head proves itself; 0 when there is none. */
static uint64_t
next_first_position(const struct recovery *r, size_t index)
{
    for (size_t i = index + 1; i < r->count; i++)
        if (r->heads[i].first_position != 0)
            return r->heads[i].first_position;
    return 0;
}

static sl_status
load_image(int fd, uint64_t number, struct sl_journal_image *out_image, struct sl_error *err)
{
    uint64_t size_bytes;
    *out_image = (struct sl_journal_image){.number = number};
    SL_TRY(sl_file_size(fd, &size_bytes, err));
    if (size_bytes > SL_JOURNAL_FILE_BYTES_MAX)
        return sl_fail(err, SL_LIMIT, "journal file %" PRIu64 " has %" PRIu64 " bytes", number,
                       size_bytes);
    uint8_t *bytes = sl_try_alloc((size_t)size_bytes + 1);
    if (bytes == NULL)
        return sl_fail(err, SL_LIMIT, "no memory for a journal file of %" PRIu64 " bytes",
                       size_bytes);
    sl_status st = sl_file_read_at(fd, 0, bytes, (size_t)size_bytes, err);
    if (st != SL_OK) {
        free(bytes);
        return st;
    }
    out_image->bytes = bytes;
    out_image->size_bytes = (size_t)size_bytes;
    return SL_OK;
}

/* First pass: what do the frames say was durable? */
static void
survey(struct recovery *r, size_t index, struct walk *w)
{
    struct sl_journal_stretch s;
    w->proven = next_first_position(r, index);
    w->image.next_offset = SL_JOURNAL_HEAD_BYTES;
    while (sl_journal_image_next(&w->image, &s)) {
        if (s.reason != NULL)
            continue;
        w->has_frames = true;
        w->proven = max_u64(w->proven, s.durable_position);
    }
    w->cut_offset = w->rewrite_offset = w->image.size_bytes;
}

/* Positions between the files must meet, but for those that segments cover: a journal is opened
 * at the catalog's position when its own frames end below it. */
static void
meet_head(struct recovery *r, size_t index)
{
    const struct sl_journal_head *head = &r->heads[index];
    uint64_t wanted = max_u64(r->expected, r->replay->from_position);
    if (wanted != 0 && head->first_position > wanted && !head->is_restart && !r->is_gap_told)
        report_damage(r, index, 0, "frames before this file are missing");
    if (head->first_position > r->expected)
        r->expected = head->first_position;
    r->is_gap_told = false;
}

static sl_status
visit_frame(struct recovery *r, const struct sl_journal_stretch *s, struct sl_error *err)
{
    r->expected = s->position + 1;
    r->is_gap_told = false;
    if (r->replay->visit == NULL || s->kind != SL_JOURNAL_BATCH ||
        s->position < r->replay->from_position)
        return SL_OK;
    return r->replay->visit(r->replay->context, s->position, &s->frame, err);
}

/* Zeros to the end of the file: room for frames, and as good as its end. What is missing there is told by
 * the head of the next file. */
static bool
is_room(const struct walk *w, size_t offset)
{
    const uint8_t *bytes = w->image.bytes + offset;
    size_t size_bytes = w->image.size_bytes - offset;
    return size_bytes == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size_bytes - 1) == 0);
}

/* Second pass: visit what is good, report damage, find the tail. */
static sl_status
walk_frames(struct recovery *r, size_t index, struct walk *w, struct sl_error *err)
{
    struct sl_journal_stretch s;
    w->image.next_offset = SL_JOURNAL_HEAD_BYTES;
    while (sl_journal_image_next(&w->image, &s)) {
        if (r->expected == 0 && s.reason == NULL)
            r->expected = s.position;
        bool is_missing = s.reason != NULL || s.position > r->expected;
        bool is_end = s.reason != NULL && is_room(w, s.offset);
        if (is_end || (is_missing && w->proven <= r->expected)) {
            w->cut_offset = s.offset;
            return SL_OK;
        }
        if (s.reason != NULL) {
            report_damage(r, index, s.offset, s.reason);
            r->is_gap_told = true;
            continue;
        }
        if (s.position < r->expected) {
            report_damage(r, index, s.offset, "frame repeats a position");
            continue;
        }
        if (s.position > r->expected && !r->is_gap_told)
            report_damage(r, index, s.offset, "frames before this one are missing");
        if (s.position >= w->proven && w->rewrite_offset > s.offset)
            w->rewrite_offset = s.offset;
        SL_TRY(visit_frame(r, &s, err));
    }
    return SL_OK;
}

/* The last file: cut the tail, make what is in front of it durable. */
static sl_status
repair_last(int fd, const struct walk *w, struct sl_error *err)
{
    if (w->cut_offset < w->image.size_bytes) {
        if (!is_room(w, w->cut_offset))
            sl_log(SL_LOG_INFO, "journal",
                   "file %" PRIu64 ": an unfinished tail of %zu bytes is cut", w->image.number,
                   w->image.size_bytes - w->cut_offset);
        SL_TRY(sl_file_truncate(fd, w->cut_offset, err));
    }
    if (w->rewrite_offset < w->cut_offset)
        SL_TRY(sl_file_write_at(fd, w->rewrite_offset, w->image.bytes + w->rewrite_offset,
                                w->cut_offset - w->rewrite_offset, err));
    return sl_file_sync(fd, err);
}

/* *out_is_unfinished: the file was being made when the machine stopped and holds nothing. */
static sl_status
recover_file(struct recovery *r, size_t index, bool *out_is_unfinished, struct sl_error *err)
{
    char name[SL_JOURNAL_NAME_BYTES];
    struct walk w = {0};
    int fd;
    bool is_last = next_first_position(r, index) == 0;

    *out_is_unfinished = false;
    sl_journal_name(r->numbers[index], "", name);
    SL_TRY(sl_file_open(r->dir_fd, name, r->is_read_only ? O_RDONLY : O_RDWR, &fd, err));
    sl_status st = load_image(fd, r->numbers[index], &w.image, err);
    if (st != SL_OK)
        goto out;

    survey(r, index, &w);
    if (r->heads[index].first_position != 0) {
        meet_head(r, index);
    } else {
        /* Frames are written only when the head is durable. */
        *out_is_unfinished = w.image.size_bytes <= SL_JOURNAL_HEAD_BYTES;
        if (!*out_is_unfinished)
            report_damage(r, index, 0, "journal head does not prove itself");
        if (!w.has_frames)
            goto out;
    }
    st = walk_frames(r, index, &w, err);
    if (st == SL_OK && is_last && !r->is_read_only)
        st = repair_last(fd, &w, err);
out:
    if (st != SL_OK)
        sl_error_prefix(err, "%s", name);
    free((void *)(uintptr_t)w.image.bytes);
    sl_file_close(fd);
    return st;
}

static sl_status
remove_journal(struct recovery *r, size_t index, struct sl_error *err)
{
    char name[SL_JOURNAL_NAME_BYTES];
    sl_journal_name(r->numbers[index], "", name);
    return sl_file_remove(r->dir_fd, name, err);
}

/* Is every frame of this file below the position that segments cover? */
static bool
is_covered(const struct recovery *r, size_t index)
{
    uint64_t next = next_first_position(r, index);
    return next != 0 && next <= r->replay->from_position;
}

static sl_status
recover_all(struct recovery *r, struct sl_journal_files *files, struct sl_error *err)
{
    for (size_t i = r->first_index; i < r->count; i++) {
        uint64_t end_before = r->expected;
        bool is_unfinished = false;
        if (!r->is_read_only && is_covered(r, i))
            r->expected = next_first_position(r, i);
        else
            SL_TRY(recover_file(r, i, &is_unfinished, err));
        if (is_unfinished && !r->is_read_only)
            SL_TRY(remove_journal(r, i, err));
        if (is_unfinished)
            continue;

        /* Behind a head that is lost, trimming goes by the end of the file before. */
        uint64_t first = r->heads[i].first_position;
        files->items[files->count++] = (struct sl_journal_file){
            .number = r->numbers[i], .first_position = first != 0 ? first : end_before};
    }
    return SL_OK;
}

static sl_status
measure_files(int dir_fd, struct sl_journal_files *files, struct sl_error *err)
{
    for (size_t i = 0; i < files->count; i++) {
        char name[SL_JOURNAL_NAME_BYTES];
        int fd;
        sl_journal_name(files->items[i].number, "", name);
        SL_TRY(sl_file_open(dir_fd, name, O_RDONLY, &fd, err));
        sl_status st = sl_file_size(fd, &files->items[i].bytes, err);
        sl_file_close(fd);
        SL_TRY(st);
    }
    return SL_OK;
}

/* Remove replacements that never got their name. */
static sl_status
remove_temporary(void *context, const char *name, struct sl_error *err)
{
    const struct recovery *r = context;
    static const char suffix[] = ".journal.tmp";
    size_t size_bytes = strlen(name);
    if (size_bytes < sizeof(suffix) ||
        strcmp(name + size_bytes - (sizeof(suffix) - 1), suffix) != 0)
        return SL_OK;
    return sl_file_remove(r->dir_fd, name, err);
}

sl_status
sl_journal_recover(int dir_fd, const struct sl_journal_replay *replay,
                   struct sl_journal_files *out_files, struct sl_error *err)
{
    struct recovery r = {.dir_fd = dir_fd, .replay = replay};
    struct sl_journal_files files = {0};

    *out_files = files;
    /* Names first: a replacement must be durable before the files that it voids go. */
    sl_status st = sl_dir_sync(dir_fd, err);
    if (st == SL_OK)
        st = list_files(&r, err);
    if (st == SL_OK)
        st = sl_dir_walk(dir_fd, remove_temporary, &r, err);
    if (st != SL_OK)
        goto out;

    files.items = sl_new((r.count + 1) * sizeof(*files.items));
    st = recover_all(&r, &files, err);
    for (size_t i = 0; i < r.first_index && st == SL_OK; i++)
        st = remove_journal(&r, i, err);
    if (st == SL_OK)
        st = measure_files(dir_fd, &files, err);
    if (st != SL_OK)
        goto out;

    files.number_max = r.count == 0 ? 0 : r.numbers[r.count - 1];
    files.next_position = max_u64(1, max_u64(r.expected, replay->from_position));
    *out_files = files;
    files.items = NULL;
out:
    free(files.items);
    free(r.heads);
    free(r.numbers);
    return st;
}

sl_status
sl_journal_check(int dir_fd, uint64_t from_position, sl_journal_damage_fn *report, void *context,
                 uint64_t *out_damaged, struct sl_error *err)
{
    struct sl_journal_replay replay = {
        .from_position = from_position, .report = report, .context = context};
    struct recovery r = {.dir_fd = dir_fd, .replay = &replay, .is_read_only = true};
    struct sl_journal_files files = {0};

    *out_damaged = 0;
    sl_status st = list_files(&r, err);
    if (st == SL_OK) {
        files.items = sl_new((r.count + 1) * sizeof(*files.items));
        st = recover_all(&r, &files, err);
    }
    *out_damaged = r.damage_count;
    free(files.items);
    free(r.heads);
    free(r.numbers);
    return st;
}
