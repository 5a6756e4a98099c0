/*
 * group_chunk.h - all keys and aggregates of a chunk of groups, for tests that have no program to
 * read them.
 */
#ifndef SLUICE_TESTS_UNIT_QUERY_GROUP_CHUNK_H
#define SLUICE_TESTS_UNIT_QUERY_GROUP_CHUNK_H

#include "query/exec.h"
#include "tests/support/test.h"

static inline void
give_groups(struct sl_chunk *chunk)
{
    const struct sl_lazy_groups *groups = chunk->groups;

    if (groups == NULL)
        return;
    for (uint32_t slot = 0; slot < groups->key_count; slot++)
        assert_true(groups->give(groups->context, SL_EXPR_KEY, slot, chunk->selection, chunk->arena,
                                 &chunk->keys[slot]));
    for (uint32_t slot = 0; slot < groups->aggregate_count; slot++)
        assert_true(groups->give(groups->context, SL_EXPR_AGGREGATE, slot, chunk->selection,
                                 chunk->arena, &chunk->aggregates[slot]));
}

#endif
