/*
 * ledger.c - see ledger.h.
 */
#include "storage/ledger.h"

static struct sl_producer **
producer_bucket(struct sl_ledger *ledger, const char *name, size_t name_bytes)
{
    return &ledger->producers[sl_hash64(name, name_bytes) % SL_LEDGER_BUCKETS];
}

static struct sl_import **
import_bucket(struct sl_ledger *ledger, struct sl_hash128 id)
{
    return &ledger->imports[id.low % SL_LEDGER_BUCKETS];
}

void
sl_ledger_fini(struct sl_ledger *ledger)
{
    for (uint32_t i = 0; i < SL_LEDGER_BUCKETS; i++) {
        while (ledger->producers[i] != NULL) {
            struct sl_producer *producer = ledger->producers[i];
            ledger->producers[i] = producer->next;
            free(producer);
        }
        while (ledger->imports[i] != NULL) {
            struct sl_import *import = ledger->imports[i];
            ledger->imports[i] = import->next;
            free(import);
        }
    }
}

struct sl_producer *
sl_ledger_find_producer(struct sl_ledger *ledger, const char *name, size_t name_bytes)
{
    struct sl_producer *producer = *producer_bucket(ledger, name, name_bytes);
    while (producer != NULL) {
        bool is_it =
            producer->name_bytes == name_bytes && memcmp(producer->name, name, name_bytes) == 0;
        if (is_it)
            return producer;
        producer = producer->next;
    }
    return NULL;
}

struct sl_import *
sl_ledger_find_import(struct sl_ledger *ledger, struct sl_hash128 id)
{
    struct sl_import *import = *import_bucket(ledger, id);
    while (import != NULL && (import->id.low != id.low || import->id.high != id.high))
        import = import->next;
    return import;
}

struct sl_producer *
sl_ledger_add_producer(struct sl_ledger *ledger, const char *name, size_t name_bytes)
{
    SL_ASSERT(name_bytes <= SL_PRODUCER_NAME_BYTES_MAX);
    struct sl_producer *producer = sl_ledger_find_producer(ledger, name, name_bytes);
    if (producer != NULL)
        return producer;
    if (ledger->producer_count >= SL_PRODUCERS_MAX)
        return NULL;
    struct sl_producer **bucket = producer_bucket(ledger, name, name_bytes);
    producer = sl_new(sizeof(*producer));
    memcpy(producer->name, name, name_bytes);
    producer->name_bytes = name_bytes;
    producer->next = *bucket;
    *bucket = producer;
    ledger->producer_count++;
    return producer;
}

struct sl_import *
sl_ledger_add_import(struct sl_ledger *ledger, struct sl_hash128 id)
{
    struct sl_import *import = sl_ledger_find_import(ledger, id);
    if (import != NULL)
        return import;
    struct sl_import **bucket = import_bucket(ledger, id);
    import = sl_new(sizeof(*import));
    import->id = id;
    import->oldest_us = import->safe_oldest_us = INT64_MAX;
    import->newest_us = import->safe_newest_us = INT64_MIN;
    import->next = *bucket;
    *bucket = import;
    ledger->import_count++;
    return import;
}

void
sl_ledger_remove_import(struct sl_ledger *ledger, struct sl_hash128 id)
{
    struct sl_import **link = import_bucket(ledger, id);
    while (*link != NULL && ((*link)->id.low != id.low || (*link)->id.high != id.high))
        link = &(*link)->next;
    struct sl_import *import = *link;
    if (import == NULL)
        return;
    *link = import->next;
    free(import);
    ledger->import_count--;
}

void
sl_ledger_forget_import(struct sl_ledger *ledger, struct sl_hash128 id, uint64_t position)
{
    struct sl_import *import = sl_ledger_find_import(ledger, id);
    if (import != NULL && import->last_position >= position)
        import->is_dirty = true;
    else
        sl_ledger_remove_import(ledger, id);
}

void
sl_producer_settle(struct sl_producer *producer)
{
    producer->safe_number = producer->appended_number;
}

void
sl_import_settle(struct sl_import *import)
{
    import->safe_offset = import->offset;
    import->safe_rows = import->rows;
    import->safe_oldest_us = import->oldest_us;
    import->safe_newest_us = import->newest_us;
}

void
sl_producer_put(struct sl_producer *producer, struct sl_catalog_edit *edit)
{
    struct sl_catalog_producer record = {.name = producer->name,
                                         .name_bytes = producer->name_bytes,
                                         .epoch = producer->epoch,
                                         .batch_number = producer->safe_number,
                                         .touched_us = producer->touched_us};
    sl_catalog_put_producer(edit, &record);
    producer->is_dirty = producer->safe_number != producer->appended_number;
}

void
sl_import_put(struct sl_import *import, struct sl_catalog_edit *edit)
{
    struct sl_catalog_import record = {.id = import->id,
                                       .offset = import->safe_offset,
                                       .rows = import->safe_rows,
                                       .oldest_us = import->safe_oldest_us,
                                       .newest_us = import->safe_newest_us,
                                       .is_finished = import->is_finished};
    sl_catalog_put_import(edit, &record);
    import->is_dirty = import->safe_offset != import->offset || import->safe_rows != import->rows;
}

void
sl_ledger_settle(struct sl_ledger *ledger)
{
    for (uint32_t i = 0; i < SL_LEDGER_BUCKETS; i++) {
        for (struct sl_producer *p = ledger->producers[i]; p != NULL; p = p->next)
            sl_producer_settle(p);
        for (struct sl_import *import = ledger->imports[i]; import != NULL; import = import->next)
            sl_import_settle(import);
    }
}

void
sl_ledger_put_dirty(struct sl_ledger *ledger, struct sl_catalog_edit *edit)
{
    for (uint32_t i = 0; i < SL_LEDGER_BUCKETS; i++) {
        for (struct sl_producer *p = ledger->producers[i]; p != NULL; p = p->next)
            if (p->is_dirty)
                sl_producer_put(p, edit);
        for (struct sl_import *import = ledger->imports[i]; import != NULL; import = import->next)
            if (import->is_dirty)
                sl_import_put(import, edit);
    }
}

void
sl_ledger_soil(struct sl_ledger *ledger)
{
    for (uint32_t i = 0; i < SL_LEDGER_BUCKETS; i++) {
        for (struct sl_producer *p = ledger->producers[i]; p != NULL; p = p->next)
            p->is_dirty = true;
        for (struct sl_import *import = ledger->imports[i]; import != NULL; import = import->next)
            import->is_dirty = true;
    }
}

void
sl_ledger_load(struct sl_ledger *ledger, const struct sl_catalog_state *state)
{
    for (size_t i = 0; i < state->producer_count; i++) {
        const struct sl_catalog_producer *record = &state->producers[i];
        struct sl_producer *producer =
            sl_ledger_add_producer(ledger, record->name, record->name_bytes);
        if (producer == NULL)
            continue; /* a build with a smaller limit: the name starts anew */
        producer->epoch = record->epoch;
        producer->appended_number = record->batch_number;
        sl_producer_settle(producer);
        producer->touched_us = record->touched_us;
    }
    for (size_t i = 0; i < state->import_count; i++) {
        const struct sl_catalog_import *record = &state->imports[i];
        struct sl_import *import = sl_ledger_add_import(ledger, record->id);
        import->offset = record->offset;
        import->rows = record->rows;
        import->oldest_us = record->oldest_us;
        import->newest_us = record->newest_us;
        import->is_finished = record->is_finished;
        sl_import_settle(import);
    }
}
