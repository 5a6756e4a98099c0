/*
 * recover_catalog.c - a catalog from segments alone: see recover.h.
 *
 * Footers say what a segment holds, which segments it replaces, and what its note tells of the
 * journal, of producers and imports (segment_note.h). A seal of which the last segment is missing
 * was not committed, unless a later seal proves that it was; its rows are in the journal then. A
 * last segment that is there but damaged proves its seal: it was written, and the journal may have
 * been trimmed since.
 * What only the catalog held is lost: deleted rows come back, small values of other layers
 * (templates, users, views) have to be learned again. The log says so.
 */
#include "storage/recover.h"

#include "storage/base/file.h"
#include "storage/base/log.h"
#include "storage/segment_note.h"

struct found {
    uint64_t number;
    struct sl_live_file *file;        /* owned */
    struct sl_segment_reader *reader; /* lent by file */
    struct sl_segment_note note;      /* owned; names in the reader's note */
    bool is_proven, is_replaced;
};

struct rebuild {
    struct sl_store *store;
    struct found *list; /* owned, by number */
    uint32_t count;
    uint64_t *damaged; /* owned: numbers of files that were set aside */
    uint32_t damaged_count;
    uint64_t position;
};

static struct found *
find(struct rebuild *rebuild, uint64_t number)
{
    uint32_t low = 0;
    uint32_t high = rebuild->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (rebuild->list[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    bool is_it = low < rebuild->count && rebuild->list[low].number == number;
    return is_it ? &rebuild->list[low] : NULL;
}

/* Put a file that cannot be understood out of the way, without losing it. */
static sl_status
set_aside(struct sl_store *store, const char *name, const struct sl_error *why,
          struct sl_error *err)
{
    char target[SL_SEGMENT_NAME_BYTES + 16];
    struct sl_buf text = sl_buf_empty(sizeof(target));
    sl_buf_printf(&text, "%s.damaged", name);
    sl_buf_u8(&text, 0);
    SL_ASSERT(!text.bad);
    memcpy(target, text.bytes, text.size_bytes);
    sl_buf_fini(&text);
    sl_log(SL_LOG_ERROR, "store", "%s is renamed to %s, its rows are missing: %s", name, target,
           why->text);
    return sl_file_rename(store->segments_fd, name, target, err);
}

static sl_status
add_found(struct rebuild *rebuild, uint64_t number, struct sl_error *err)
{
    struct found found = {.number = number};
    struct sl_error why = {0};
    found.file = sl_live_file_create(rebuild->store->files, number, 0);
    sl_status st = sl_live_file_enter(found.file, &found.reader, &why);
    if (st == SL_OK) {
        const struct sl_segment_meta *meta = sl_segment_reader_meta(found.reader);
        st = sl_segment_note_decode(meta->note, meta->note_bytes, &found.note, &why);
        if (st != SL_OK)
            sl_live_file_leave(found.file);
    }
    if (st == SL_OK) {
        rebuild->list[rebuild->count++] = found;
        return SL_OK;
    }
    char name[SL_SEGMENT_NAME_BYTES];
    sl_segment_name(number, name);
    sl_live_file_release(found.file);
    if (st == SL_CORRUPT || st == SL_VERSION) {
        rebuild->damaged[rebuild->damaged_count++] = number;
        return set_aside(rebuild->store, name, &why, err);
    }
    if (err != NULL)
        *err = why;
    return st;
}

/* Was the file written, whatever became of it? */
static bool
was_written(struct rebuild *rebuild, uint64_t number)
{
    for (uint32_t i = 0; i < rebuild->damaged_count; i++)
        if (rebuild->damaged[i] == number)
            return true;
    return find(rebuild, number) != NULL;
}

/* Which files count? See the head of this file. */
static void
judge(struct rebuild *rebuild)
{
    for (uint32_t i = 0; i < rebuild->count; i++) {
        struct found *f = &rebuild->list[i];
        f->is_proven = f->note.seal_last == 0 || was_written(rebuild, f->note.seal_last);
        if (f->is_proven && f->note.position > rebuild->position)
            rebuild->position = f->note.position;
    }
    for (uint32_t i = 0; i < rebuild->count; i++)
        rebuild->list[i].is_proven |= rebuild->list[i].note.position <= rebuild->position;
    for (uint32_t i = 0; i < rebuild->count; i++) {
        const struct sl_segment_meta *meta = sl_segment_reader_meta(rebuild->list[i].reader);
        for (uint32_t k = 0; k < meta->replace_count; k++) {
            struct found *replaced = find(rebuild, meta->replaces[k]);
            if (replaced != NULL)
                replaced->is_replaced = true;
        }
    }
}

static sl_status
commit(struct rebuild *rebuild, struct sl_error *err)
{
    struct sl_store *store = rebuild->store;
    struct sl_catalog_edit *edit = sl_catalog_edit_create();
    struct sl_segment_note all = {0};
    uint64_t rows = 0;
    uint32_t segments = 0;
    for (uint32_t i = 0; i < rebuild->count; i++) {
        struct found *f = &rebuild->list[i];
        for (uint32_t k = 0; k < f->note.producer_count && f->is_proven; k++)
            sl_segment_note_add_producer(&all, &f->note.producers[k]);
        for (uint32_t k = 0; k < f->note.import_count && f->is_proven; k++)
            sl_segment_note_add_import(&all, &f->note.imports[k]);
        if (!f->is_proven || f->is_replaced)
            continue;
        const struct sl_segment_summary *summary = sl_segment_reader_summary(f->reader);
        struct sl_catalog_segment record =
            sl_store_segment_record(sl_segment_reader_meta(f->reader), summary);
        sl_catalog_put_segment(edit, &record);
        rows += summary->row_count;
        segments++;
    }
    for (uint32_t i = 0; i < all.producer_count; i++)
        sl_catalog_put_producer(edit, &all.producers[i]);
    for (uint32_t i = 0; i < all.import_count; i++)
        sl_catalog_put_import(edit, &all.imports[i]);
    sl_segment_note_fini(&all);
    uint64_t next = rebuild->count == 0 ? 1 : rebuild->list[rebuild->count - 1].number + 1;
    sl_catalog_put_counter(edit, SL_CATALOG_SEGMENT_NUMBER, next);
    sl_catalog_put_counter(edit, SL_CATALOG_JOURNAL_POSITION, rebuild->position);
    sl_status st = sl_catalog_commit(store->catalog, edit, err);
    if (st == SL_OK)
        sl_log(SL_LOG_WARN, "store",
               "the catalog was rebuilt: %" PRIu64 " rows in %" PRIu32
               " segments. Rows deleted by DELETE may be back; templates, views and users are "
               "forgotten",
               rows, segments);
    return st;
}

sl_status
sl_recover_catalog(struct sl_store *store, struct sl_error *err)
{
    struct rebuild rebuild = {.store = store};
    struct sl_recover_numbers numbers = {0};
    sl_status st = sl_recover_list(store->segments_fd, &numbers, err);
    rebuild.list = sl_new((numbers.count + 1) * sizeof(struct found));
    rebuild.damaged = sl_new((numbers.count + 1) * sizeof(*rebuild.damaged));
    for (uint32_t i = 0; i < numbers.count && st == SL_OK; i++)
        st = add_found(&rebuild, numbers.numbers[i], err);
    if (st == SL_OK) {
        judge(&rebuild);
        st = commit(&rebuild, err);
    }
    for (uint32_t i = 0; i < rebuild.count; i++) {
        sl_segment_note_fini(&rebuild.list[i].note);
        sl_live_file_leave(rebuild.list[i].file);
        sl_live_file_release(rebuild.list[i].file);
    }
    free(rebuild.list);
    free(rebuild.damaged);
    free(numbers.numbers);
    return st;
}
