/*
 * spill.c - see spill.h.
 */
#include "query/spill.h"

#include "storage/base/arena.h"
#include "storage/base/file.h"
#include "storage/store.h"

/* What must be left on the file system, and how often it is asked. */
#define SPARE_BYTES (UINT64_C(1) << 30)
#define CHECK_BYTES (UINT64_C(64) << 20)

void
sl_spill_init(struct sl_spill *spill, const struct sl_query_env *env)
{
    *spill = (struct sl_spill){.env = env, .fd = -1};
}

bool
sl_spill_is_possible(const struct sl_spill *spill)
{
    const struct sl_query_env *env = spill->env;
    return env->store != NULL && env->spill != NULL && env->spill->limit_bytes != 0;
}

static sl_status
check_space(struct sl_spill *spill, struct sl_error *err)
{
    uint64_t free_bytes, total_bytes;

    if (spill->size_bytes < spill->checked_bytes)
        return SL_OK;
    SL_TRY(sl_dir_space(spill->fd, &free_bytes, &total_bytes, err));
    if (free_bytes < SPARE_BYTES + CHECK_BYTES)
        return sl_fail(err, SL_LIMIT,
                       "query needs more than its memory, and the data directory's file system has "
                       "no more than %" PRIu64 " MiB left: narrow the time range or group by fewer "
                       "keys",
                       free_bytes >> 20);
    spill->checked_bytes = spill->size_bytes + CHECK_BYTES;
    return SL_OK;
}

sl_status
sl_spill_write(struct sl_spill *spill, const void *bytes, size_t size_bytes, uint64_t *out_offset,
               struct sl_error *err)
{
    struct sl_budget *budget = spill->env->spill;

    SL_ASSERT(sl_spill_is_possible(spill));
    if (spill->fd < 0)
        SL_TRY(sl_store_open_scratch(spill->env->store, &spill->fd, err));
    SL_TRY(check_space(spill, err));
    if (!sl_budget_take(budget, size_bytes))
        return sl_fail(
            err, SL_LIMIT,
            "query needs more than its memory and %zu MiB of disk: narrow the time range, "
            "group by fewer keys, or raise query-spill",
            sl_budget_limit(budget) >> 20);
    *out_offset = spill->size_bytes;
    spill->size_bytes += size_bytes;
    return sl_file_write_at(spill->fd, *out_offset, bytes, size_bytes, err);
}

sl_status
sl_spill_read(const struct sl_spill *spill, uint64_t offset, void *bytes, size_t size_bytes,
              struct sl_error *err)
{
    SL_ASSERT(offset + size_bytes <= spill->size_bytes);
    return sl_file_read_at(spill->fd, offset, bytes, size_bytes, err);
}

void
sl_spill_fini(struct sl_spill *spill)
{
    if (spill->env == NULL)
        return;
    if (spill->size_bytes != 0)
        sl_budget_give(spill->env->spill, spill->size_bytes);
    sl_file_close(spill->fd);
    *spill = (struct sl_spill){0};
}
