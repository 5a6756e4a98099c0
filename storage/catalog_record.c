/*
 * catalog_record.c - see catalog_record.h: records taken apart.
 */
#include "storage/catalog_record.h"

#include "storage/base/cursor.h"

static bool
is_ordered(int64_t first, int64_t last)
{
    return first <= last;
}

static const char *
read_segment(struct sl_cursor *key, struct sl_cursor *value, struct sl_catalog_segment *s)
{
    s->number = sl_cursor_u64be(key);
    s->rows = sl_cursor_u64le(value);
    s->dead_rows = sl_cursor_u64le(value);
    s->bytes = sl_cursor_u64le(value);
    s->index_bytes = sl_cursor_u64le(value);
    s->groups = sl_cursor_u32le(value);
    s->level = sl_cursor_u32le(value);
    s->generation = sl_cursor_u32le(value);
    uint32_t flags = sl_cursor_u32le(value);
    s->partition_first_us = (int64_t)sl_cursor_u64le(value);
    s->partition_last_us = (int64_t)sl_cursor_u64le(value);
    s->first_seen_min_us = (int64_t)sl_cursor_u64le(value);
    s->first_seen_max_us = (int64_t)sl_cursor_u64le(value);
    s->last_seen_min_us = (int64_t)sl_cursor_u64le(value);
    s->last_seen_max_us = (int64_t)sl_cursor_u64le(value);
    s->is_filed_by_receipt = (flags & 1) != 0;

    if ((flags & ~UINT32_C(1)) != 0 || s->groups == 0 || s->groups > SL_GROUPS_PER_SEGMENT_MAX)
        return "segment has impossible fields";
    if (s->rows == 0 || s->rows > (uint64_t)s->groups * SL_GROUP_ROWS_MAX || s->dead_rows > s->rows)
        return "segment has an impossible number of rows";
    if (!is_ordered(s->partition_first_us, s->partition_last_us) ||
        !is_ordered(s->first_seen_min_us, s->first_seen_max_us) ||
        !is_ordered(s->last_seen_min_us, s->last_seen_max_us))
        return "segment has times that run backwards";
    return NULL;
}

static const char *
read_dead(struct sl_cursor *key, struct sl_cursor *value, struct sl_catalog_dead *d)
{
    d->segment = sl_cursor_u64be(key);
    d->group = sl_cursor_u32be(key);
    d->generation = sl_cursor_u32le(value);
    d->bitmap_bytes = sl_cursor_left(value);
    d->bitmap = sl_cursor_take(value, d->bitmap_bytes);
    return d->group < SL_GROUPS_PER_SEGMENT_MAX ? NULL : "dead rows of an impossible group";
}

static const char *
read_producer(struct sl_cursor *key, struct sl_cursor *value, struct sl_catalog_producer *p)
{
    p->name_bytes = sl_cursor_left(key);
    p->name = (const char *)sl_cursor_take(key, p->name_bytes);
    p->epoch = sl_cursor_u64le(value);
    p->batch_number = sl_cursor_u64le(value);
    p->touched_us = (int64_t)sl_cursor_u64le(value);
    if (p->name_bytes == 0 || p->name_bytes > SL_PRODUCER_NAME_BYTES_MAX)
        return "producer has an impossible name";
    return NULL;
}

static const char *
read_import(struct sl_cursor *key, struct sl_cursor *value, struct sl_catalog_import *i)
{
    i->id.high = sl_cursor_u64be(key);
    i->id.low = sl_cursor_u64be(key);
    i->offset = sl_cursor_u64le(value);
    i->rows = sl_cursor_u64le(value);
    i->oldest_us = (int64_t)sl_cursor_u64le(value);
    i->newest_us = (int64_t)sl_cursor_u64le(value);
    uint8_t is_finished = sl_cursor_u8(value);
    i->is_finished = is_finished != 0;
    return is_finished <= 1 ? NULL : "import has an impossible state";
}

static const char *
read_column(struct sl_cursor *key, struct sl_cursor *value, struct sl_catalog_record *r)
{
    r->number = sl_cursor_u32be(key);
    uint8_t type = sl_cursor_u8(value);
    uint8_t unit = sl_cursor_u8(value);
    size_t name_bytes = sl_cursor_left(value);
    const char *name = (const char *)sl_cursor_take(value, name_bytes);
    if (r->number >= SL_COLUMNS_MAX || !sl_type_is_storable(type) || unit > SL_UNIT_S)
        return "column has impossible fields";
    if (name_bytes < 2 || name_bytes > SL_COLUMN_NAME_BYTES_MAX + 1 ||
        memchr(name, 0, name_bytes) != name + name_bytes - 1)
        return "column has an impossible name";
    r->column = (struct sl_catalog_column){
        .name = name, .type = (enum sl_type)type, .unit = (enum sl_unit)unit};
    return NULL;
}

static const char *
read_meta(struct sl_cursor *key, struct sl_cursor *value, struct sl_catalog_record *r)
{
    const uint8_t *zero = memchr(key->next, 0, sl_cursor_left(key));
    if (zero == NULL)
        return "meta key has no kind";
    (void)sl_cursor_take(key, (size_t)(zero - key->next) + 1);
    r->meta_key_bytes = sl_cursor_left(key);
    r->meta_key = sl_cursor_take(key, r->meta_key_bytes);
    r->meta_value_bytes = sl_cursor_left(value);
    r->meta_value = sl_cursor_take(value, r->meta_value_bytes);
    return NULL;
}

static const char *
read_counter(struct sl_cursor *key, struct sl_cursor *value, struct sl_catalog_record *r)
{
    uint8_t counter = sl_cursor_u8(key);
    r->counter = (enum sl_catalog_counter)counter;
    r->number = sl_cursor_u64le(value);
    return counter < SL_CATALOG_COUNTER_COUNT ? NULL : "counter is unknown";
}

static const char *
read_kind(uint8_t kind, struct sl_cursor *key, struct sl_cursor *value, struct sl_catalog_record *r)
{
    r->kind = (enum sl_catalog_kind)kind;
    switch (kind) {
    case SL_CATALOG_COLUMN:
        return read_column(key, value, r);
    case SL_CATALOG_DEAD:
        return read_dead(key, value, &r->dead);
    case SL_CATALOG_FORMAT:
        r->number = sl_cursor_u32le(value);
        return NULL;
    case SL_CATALOG_IMPORT:
        return read_import(key, value, &r->import);
    case SL_CATALOG_META:
        return read_meta(key, value, r);
    case SL_CATALOG_COUNTER:
        return read_counter(key, value, r);
    case SL_CATALOG_PRODUCER:
        return read_producer(key, value, &r->producer);
    case SL_CATALOG_SEGMENT:
        return read_segment(key, value, &r->segment);
    case SL_CATALOG_TRANSACTION:
        r->number = sl_cursor_u64le(value);
        return NULL;
    default:
        return "record is of an unknown kind";
    }
}

sl_status
sl_catalog_record_decode(const void *bytes, size_t size_bytes, struct sl_catalog_record *out_record,
                         struct sl_error *err)
{
    *out_record = (struct sl_catalog_record){0};
    struct sl_cursor c = sl_cursor_over(bytes, size_bytes);
    size_t key_bytes = sl_cursor_u16le(&c);
    struct sl_cursor key = sl_cursor_sub(&c, key_bytes);
    if (c.bad || key_bytes == 0 || sl_cursor_left(&c) < SL_CATALOG_HASH_BYTES)
        return sl_fail(err, SL_CORRUPT, "catalog record of %zu bytes is incomplete", size_bytes);

    uint8_t kind = *key.next;
    struct sl_cursor value = sl_cursor_sub(&c, sl_cursor_left(&c) - SL_CATALOG_HASH_BYTES);
    uint64_t hash = sl_cursor_u64le(&c);
    if (sl_hash64(bytes, size_bytes - SL_CATALOG_HASH_BYTES) != hash)
        return sl_fail(err, SL_CORRUPT, "catalog record of kind %u does not match its hash", kind);

    (void)sl_cursor_u8(&key);
    const char *reason = read_kind(kind, &key, &value, out_record);
    if (reason != NULL)
        return sl_fail(err, SL_CORRUPT, "catalog: %s", reason);
    if (key.bad || value.bad || sl_cursor_left(&key) > 0 || sl_cursor_left(&value) > 0)
        return sl_fail(err, SL_CORRUPT, "catalog record of kind %u has another size", kind);
    return SL_OK;
}
