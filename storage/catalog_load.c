/*
 * catalog_load.c - see catalog.h: the catalog's records as structs in memory.
 *
 * Everything is copied while the catalog is locked; nobody outside sees LMDB's pages.
 */
#include "storage/base/arena.h"
#include "storage/catalog_record.h"

/* 50,000 segments need 10 MB; this bounds what a catalog that is not ours can ask for. */
#define STATE_BYTES_MAX ((size_t)1 << 30)

/* The state in the making: its arrays with their capacities. */
struct load {
    struct sl_catalog_state *state;
    struct sl_catalog_segment *segments;
    struct sl_catalog_dead *deads;
    struct sl_catalog_producer *producers;
    struct sl_catalog_import *imports;
    struct sl_catalog_column *columns;
    size_t capacities[5];
};

/* `array` with room for one element more. */
static void *
with_room(void *array, size_t element_bytes, size_t count, size_t *capacity)
{
    if (count < *capacity)
        return array;
    *capacity = *capacity == 0 ? 16 : *capacity * 2;
    return sl_grow(array, element_bytes, *capacity);
}

/* A copy with a zero byte behind it; NULL beyond the budget. */
static const void *
copy(struct load *l, const void *bytes, size_t size_bytes)
{
    return sl_arena_string(l->state->arena, bytes, size_bytes);
}

static sl_status
load_record(void *context, const struct sl_catalog_record *r, struct sl_error *err)
{
    struct load *l = context;
    struct sl_catalog_state *s = l->state;
    const void *copied = "";

    switch (r->kind) {
    case SL_CATALOG_COLUMN:
        if (r->number != s->column_count)
            return sl_fail(err, SL_CORRUPT, "catalog lacks column %zu", s->column_count);
        l->columns = with_room(l->columns, sizeof(*l->columns), s->column_count, &l->capacities[0]);
        l->columns[s->column_count] = r->column;
        copied = copy(l, r->column.name, strlen(r->column.name));
        l->columns[s->column_count++].name = copied;
        break;
    case SL_CATALOG_DEAD:
        l->deads = with_room(l->deads, sizeof(*l->deads), s->dead_count, &l->capacities[1]);
        l->deads[s->dead_count] = r->dead;
        copied = copy(l, r->dead.bitmap, r->dead.bitmap_bytes);
        l->deads[s->dead_count++].bitmap = copied;
        break;
    case SL_CATALOG_IMPORT:
        l->imports = with_room(l->imports, sizeof(*l->imports), s->import_count, &l->capacities[2]);
        l->imports[s->import_count++] = r->import;
        break;
    case SL_CATALOG_COUNTER:
        s->counters[r->counter] = r->number;
        break;
    case SL_CATALOG_PRODUCER:
        l->producers =
            with_room(l->producers, sizeof(*l->producers), s->producer_count, &l->capacities[3]);
        l->producers[s->producer_count] = r->producer;
        copied = copy(l, r->producer.name, r->producer.name_bytes);
        l->producers[s->producer_count++].name = copied;
        break;
    case SL_CATALOG_SEGMENT:
        l->segments =
            with_room(l->segments, sizeof(*l->segments), s->segment_count, &l->capacities[4]);
        l->segments[s->segment_count++] = r->segment;
        break;
    case SL_CATALOG_FORMAT:
    case SL_CATALOG_META:
    case SL_CATALOG_TRANSACTION:
        break;
    }
    if (copied == NULL)
        return sl_fail(err, SL_LIMIT, "the catalog does not fit the memory it may use");
    return SL_OK;
}

sl_status
sl_catalog_load(struct sl_catalog *catalog, struct sl_catalog_state **out_state,
                struct sl_error *err)
{
    static const uint8_t kinds[] = {SL_CATALOG_COLUMN,  SL_CATALOG_DEAD,     SL_CATALOG_IMPORT,
                                    SL_CATALOG_COUNTER, SL_CATALOG_PRODUCER, SL_CATALOG_SEGMENT};
    struct sl_slice prefixes[SL_COUNTOF(kinds)];
    for (size_t i = 0; i < SL_COUNTOF(kinds); i++)
        prefixes[i] = (struct sl_slice){.bytes = &kinds[i], .size_bytes = 1};

    *out_state = NULL;
    struct sl_catalog_state *state = sl_new(sizeof(*state));
    struct load load = {.state = state};
    state->arena = sl_arena_create(STATE_BYTES_MAX);
    sl_status st =
        sl_catalog_walk(catalog, prefixes, SL_COUNTOF(prefixes), load_record, &load, err);
    state->segments = load.segments;
    state->deads = load.deads;
    state->producers = load.producers;
    state->imports = load.imports;
    state->columns = load.columns;
    if (st != SL_OK) {
        sl_catalog_state_destroy(state);
        return st;
    }
    *out_state = state;
    return SL_OK;
}

/* The arrays are ours; const keeps their readers from changing them. */
static void
free_array(const void *array)
{
    free((void *)(uintptr_t)array);
}

void
sl_catalog_state_destroy(struct sl_catalog_state *state)
{
    if (state == NULL)
        return;
    free_array(state->segments);
    free_array(state->deads);
    free_array(state->producers);
    free_array(state->imports);
    free_array(state->columns);
    sl_arena_destroy(state->arena);
    free(state);
}

struct meta {
    const void *key;
    size_t key_bytes;
    const void *value;
    size_t value_bytes;
};

struct meta_list {
    struct sl_arena *arena;
    struct meta *items;
    size_t count;
    size_t capacity;
};

static sl_status
list_meta(void *context, const struct sl_catalog_record *r, struct sl_error *err)
{
    struct meta_list *list = context;
    list->items = with_room(list->items, sizeof(*list->items), list->count, &list->capacity);
    struct meta *meta = &list->items[list->count++];
    meta->key = sl_arena_string(list->arena, (const char *)r->meta_key, r->meta_key_bytes);
    meta->key_bytes = r->meta_key_bytes;
    meta->value = sl_arena_string(list->arena, (const char *)r->meta_value, r->meta_value_bytes);
    meta->value_bytes = r->meta_value_bytes;
    if (meta->key == NULL || meta->value == NULL)
        return sl_fail(err, SL_LIMIT, "meta values do not fit the memory they may use");
    return SL_OK;
}

sl_status
sl_catalog_walk_meta(struct sl_catalog *catalog, const char *kind, sl_meta_visit_fn *visit,
                     void *context, struct sl_error *err)
{
    uint8_t bytes[SL_CATALOG_KEYS_BYTES_MAX];
    struct sl_slice prefix = {.bytes = bytes,
                              .size_bytes = (uint32_t)sl_catalog_meta_prefix(kind, bytes)};
    if (prefix.size_bytes == 0)
        return SL_OK; /* no kind is so long */

    struct meta_list list = {.arena = sl_arena_create(STATE_BYTES_MAX)};
    sl_status st = sl_catalog_walk(catalog, &prefix, 1, list_meta, &list, err);
    for (size_t i = 0; st == SL_OK && i < list.count; i++) {
        const struct meta *m = &list.items[i];
        visit(context, m->key, m->key_bytes, m->value, m->value_bytes);
    }
    free(list.items);
    sl_arena_destroy(list.arena);
    return st;
}
