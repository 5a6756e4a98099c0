/*
 * erase.c - DELETE: dead rows by bitmap.
 *
 * With the ERASE turn everything that is in memory is sealed, and the segments of that moment are
 * the rows that can go: what is appended later stays. Merges may run meanwhile but do not publish
 * before the turn is given back, and then find the generations changed. Retention may drop a
 * segment in between: its rows are gone anyway.
 */
#include "storage/scan_state.h"
#include "storage/seal.h"

/* Dead rows of one segment, those from before included. */
struct erase_target {
    const struct sl_live *live;                         /* borrowed from the snapshot */
    struct sl_bitmap *deads[SL_GROUPS_PER_SEGMENT_MAX]; /* owned; NULL: none new in this group */
    uint64_t new_rows;
};

struct erase {
    struct sl_store *store;
    struct sl_snapshot *snapshot;
    struct erase_target *targets; /* owned, by number */
    uint32_t target_count;
};

static struct erase_target *
find_target(struct erase *erase, const struct sl_live *live)
{
    for (uint32_t i = erase->target_count; i > 0; i--)
        if (erase->targets[i - 1].live == live)
            return &erase->targets[i - 1];
    erase->targets = sl_grow(erase->targets, sizeof(struct erase_target), erase->target_count + 1);
    struct erase_target *target = &erase->targets[erase->target_count++];
    *target = (struct erase_target){.live = live};
    return target;
}

/* The selected rows of the morsel die. */
static void
collect(struct erase *erase, struct sl_morsel *morsel)
{
    const struct sl_scan_unit *unit = morsel->group->unit;
    struct erase_target *target = NULL;
    SL_ASSERT(!morsel->is_focused); /* rows are numbered as in the block */
    for (uint32_t word = 0; word < sl_words_for(morsel->row_count); word++) {
        uint64_t bits = morsel->selection[word];
        if (bits != 0 && target == NULL)
            target = find_target(erase, unit->live);
        if (bits != 0 && target->deads[unit->group] == NULL) {
            const struct sl_bitmap *old = unit->live->deads[unit->group];
            target->deads[unit->group] = old == NULL ? sl_bitmap_create() : sl_bitmap_clone(old);
        }
        for (; bits != 0; bits &= bits - 1) {
            uint32_t row = word * 64 + (uint32_t)__builtin_ctzll(bits);
            sl_bitmap_add(target->deads[unit->group], morsel->block * SL_BLOCK_ROWS + row);
            target->new_rows++;
        }
    }
}

static sl_status
find_rows(struct erase *erase, sl_delete_match_fn *match, void *context, struct sl_error *err)
{
    const struct sl_scan_request request = {.order = SL_SCAN_ANY, .prune = SL_PRUNE_ALL};
    struct sl_scan *scan = NULL;
    SL_TRY(sl_scan_open(erase->snapshot, &request, &scan, err));
    struct sl_morsel *morsel = sl_morsel_open(scan);
    bool is_more = false;
    sl_status st = sl_morsel_next(morsel, &is_more, err);
    while (st == SL_OK && is_more) {
        st = match(context, morsel, err);
        if (st == SL_OK) {
            collect(erase, morsel);
            st = sl_morsel_next(morsel, &is_more, err);
        }
    }
    sl_morsel_close(morsel);
    sl_scan_close(scan);
    return st;
}

/* The live segment with its new dead rows, into the edit too. NULL when the catalog cannot take
 * it (the edit says why at commit). */
static struct sl_live *
make_live(const struct erase_target *target, struct sl_catalog_edit *edit)
{
    const struct sl_live *was = target->live;
    struct sl_catalog_segment info = was->info;
    info.generation++;
    info.dead_rows += target->new_rows;
    sl_catalog_put_segment(edit, &info);
    sl_live_file_acquire(was->file);
    struct sl_live *live = sl_live_create(&info, was->file, was->born_us);
    for (uint32_t group = 0; group < info.groups; group++) {
        const struct sl_bitmap *dead =
            target->deads[group] != NULL ? target->deads[group] : was->deads[group];
        if (dead == NULL)
            continue;
        live->deads[group] = sl_bitmap_clone(dead);
        struct sl_buf bytes = sl_buf_empty(SL_CATALOG_VALUE_BYTES_MAX);
        sl_bitmap_encode(live->deads[group], &bytes);
        SL_ASSERT(!bytes.bad); /* a group's rows take 512 KiB at most */
        const struct sl_catalog_dead record = {.segment = info.number,
                                               .group = group,
                                               .generation = info.generation,
                                               .bitmap = bytes.bytes,
                                               .bitmap_bytes = bytes.size_bytes};
        sl_catalog_put_dead(edit, &record);
        sl_buf_fini(&bytes);
    }
    return live;
}

/* PUBLISH turn. Segments that lost all their rows go at once. */
static sl_status
publish_rows(struct erase *erase, uint64_t *out_deleted_rows, struct sl_error *err)
{
    struct sl_catalog_edit *edit = sl_catalog_edit_create();
    uint64_t *removed = sl_new((erase->target_count + 1) * sizeof(uint64_t));
    struct sl_live **added = sl_new((erase->target_count + 1) * sizeof(struct sl_live *));
    struct sl_version_change change = {.removed = removed, .added = added};
    struct sl_version *version = sl_store_version(erase->store);
    uint64_t rows = 0;
    for (uint32_t i = 0; i < erase->target_count; i++) {
        const struct erase_target *target = &erase->targets[i];
        const struct sl_catalog_segment *info = &target->live->info;
        const struct sl_live *now = sl_version_find(version, info->number);
        if (now == NULL)
            continue;                                        /* retention was faster */
        SL_ASSERT(now->info.generation == info->generation); /* the ERASE turn is ours */
        rows += target->new_rows;
        if (info->dead_rows + target->new_rows == info->rows) {
            sl_catalog_remove_segment(edit, info->number);
            removed[change.removed_count++] = info->number;
            continue;
        }
        added[change.added_count++] = make_live(target, edit);
    }
    sl_status st = sl_store_publish(erase->store, edit, &change, false, err);
    if (st == SL_OK)
        *out_deleted_rows = rows;
    for (uint32_t i = 0; i < change.added_count; i++)
        sl_live_release(added[i]);
    sl_version_release(version);
    free(added);
    free(removed);
    return st;
}

sl_status
sl_store_delete(struct sl_store *store, sl_delete_match_fn *match, void *context,
                uint64_t *out_deleted_rows, struct sl_error *err)
{
    SL_ASSERT(store->magic == SL_STORE_MAGIC);
    struct erase erase = {.store = store};
    *out_deleted_rows = 0;
    sl_store_turn_take(store, SL_TURN_ERASE);
    sl_status st = sl_seal(store, err);
    if (st != SL_OK)
        goto out;
    erase.snapshot = sl_snapshot_acquire_sealed(store);
    st = find_rows(&erase, match, context, err);
    if (st != SL_OK || erase.target_count == 0)
        goto out;
    sl_store_turn_take(store, SL_TURN_PUBLISH);
    st = publish_rows(&erase, out_deleted_rows, err);
    sl_store_turn_give(store, SL_TURN_PUBLISH);
out:
    for (uint32_t i = 0; i < erase.target_count; i++)
        for (uint32_t group = 0; group < SL_GROUPS_PER_SEGMENT_MAX; group++)
            sl_bitmap_destroy(erase.targets[i].deads[group]);
    free(erase.targets);
    sl_snapshot_release(erase.snapshot);
    sl_store_turn_give(store, SL_TURN_ERASE);
    return st;
}
