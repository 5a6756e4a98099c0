/*
 * catalog_edit.c - see catalog.h and catalog_record.h: changes gathered as records.
 *
 * An edit only remembers; trouble (a value beyond its limit) is kept and answered at commit.
 */
#include "storage/catalog_record.h"

/* Far above any seal or merge: a segment has 16 groups of 512 KiB of dead rows at most. */
#define EDIT_BYTES_MAX ((size_t)1 << 30)

struct sl_catalog_edit *
sl_catalog_edit_create(void)
{
    struct sl_catalog_edit *edit = sl_new(sizeof(*edit));
    edit->bytes = sl_buf_empty(EDIT_BYTES_MAX);
    return edit;
}

void
sl_catalog_edit_destroy(struct sl_catalog_edit *edit)
{
    if (edit == NULL)
        return;
    sl_buf_fini(&edit->bytes);
    free(edit->ops);
    free(edit);
}

static void
add_op(struct sl_catalog_edit *edit, const struct sl_catalog_op *op)
{
    if (edit->op_count == edit->op_capacity) {
        edit->op_capacity = edit->op_capacity == 0 ? 16 : edit->op_capacity * 2;
        edit->ops = sl_grow(edit->ops, sizeof(*edit->ops), edit->op_capacity);
    }
    edit->ops[edit->op_count++] = *op;
}

/* A key in the making. */
struct key {
    uint8_t bytes[SL_CATALOG_KEYS_BYTES_MAX];
    size_t size_bytes;
};

static struct key
key_of(enum sl_catalog_kind kind)
{
    return (struct key){.bytes = {(uint8_t)kind}, .size_bytes = 1};
}

static void
key_be(struct key *key, uint64_t value, size_t size_bytes)
{
    for (size_t i = 0; i < size_bytes; i++)
        key->bytes[key->size_bytes++] = (uint8_t)(value >> (8 * (size_bytes - 1 - i)));
}

static void
key_append(struct key *key, const void *bytes, size_t size_bytes)
{
    SL_ASSERT(key->size_bytes + size_bytes <= sizeof(key->bytes));
    if (size_bytes > 0)
        memcpy(key->bytes + key->size_bytes, bytes, size_bytes);
    key->size_bytes += size_bytes;
}

/* Begin a record; its value is then appended to edit->bytes. Returns where the record starts. */
static size_t
begin_put(struct sl_catalog_edit *edit, const struct key *key)
{
    size_t start = edit->bytes.size_bytes;
    sl_buf_u16le(&edit->bytes, (uint16_t)key->size_bytes);
    sl_buf_append(&edit->bytes, key->bytes, key->size_bytes);
    return start;
}

static void
end_put(struct sl_catalog_edit *edit, const struct key *key, size_t start)
{
    struct sl_buf *b = &edit->bytes;
    if (!b->bad)
        sl_buf_u64le(b, sl_hash64(b->bytes + start, b->size_bytes - start));
    if (b->bad)
        return;
    struct sl_catalog_op op = {.kind = SL_CATALOG_PUT,
                               .key_offset = start + SL_CATALOG_RECORD_HEAD_BYTES,
                               .key_bytes = key->size_bytes};
    op.value_bytes = b->size_bytes - op.key_offset - op.key_bytes;
    add_op(edit, &op);
}

static void
remove_key(struct sl_catalog_edit *edit, enum sl_catalog_op_kind kind, const struct key *key)
{
    struct sl_catalog_op op = {
        .kind = kind, .key_offset = edit->bytes.size_bytes, .key_bytes = key->size_bytes};
    sl_buf_append(&edit->bytes, key->bytes, key->size_bytes);
    if (!edit->bytes.bad)
        add_op(edit, &op);
}

void
sl_catalog_put_segment(struct sl_catalog_edit *edit, const struct sl_catalog_segment *segment)
{
    const struct sl_catalog_segment *s = segment;
    SL_ASSERT(s->rows > 0);
    SL_ASSERT(s->groups > 0 && s->groups <= SL_GROUPS_PER_SEGMENT_MAX);

    struct key key = key_of(SL_CATALOG_SEGMENT);
    key_be(&key, s->number, 8);
    size_t start = begin_put(edit, &key);
    struct sl_buf *b = &edit->bytes;
    sl_buf_u64le(b, s->rows);
    sl_buf_u64le(b, s->dead_rows);
    sl_buf_u64le(b, s->bytes);
    sl_buf_u64le(b, s->index_bytes);
    sl_buf_u32le(b, s->groups);
    sl_buf_u32le(b, s->level);
    sl_buf_u32le(b, s->generation);
    sl_buf_u32le(b, s->is_filed_by_receipt ? 1 : 0);
    sl_buf_u64le(b, (uint64_t)s->partition_first_us);
    sl_buf_u64le(b, (uint64_t)s->partition_last_us);
    sl_buf_u64le(b, (uint64_t)s->first_seen_min_us);
    sl_buf_u64le(b, (uint64_t)s->first_seen_max_us);
    sl_buf_u64le(b, (uint64_t)s->last_seen_min_us);
    sl_buf_u64le(b, (uint64_t)s->last_seen_max_us);
    end_put(edit, &key, start);
}

void
sl_catalog_remove_segment(struct sl_catalog_edit *edit, uint64_t number)
{
    struct key key = key_of(SL_CATALOG_SEGMENT);
    key_be(&key, number, 8);
    remove_key(edit, SL_CATALOG_REMOVE, &key);
    key = key_of(SL_CATALOG_DEAD);
    key_be(&key, number, 8);
    remove_key(edit, SL_CATALOG_REMOVE_PREFIX, &key);
}

void
sl_catalog_put_dead(struct sl_catalog_edit *edit, const struct sl_catalog_dead *dead)
{
    SL_ASSERT(dead->group < SL_GROUPS_PER_SEGMENT_MAX);
    if (dead->bitmap_bytes > SL_CATALOG_VALUE_BYTES_MAX) {
        edit->trouble = "a bitmap of dead rows is larger than its limit";
        return;
    }
    struct key key = key_of(SL_CATALOG_DEAD);
    key_be(&key, dead->segment, 8);
    key_be(&key, dead->group, 4);
    size_t start = begin_put(edit, &key);
    sl_buf_u32le(&edit->bytes, dead->generation);
    sl_buf_append(&edit->bytes, dead->bitmap, dead->bitmap_bytes);
    end_put(edit, &key, start);
}

void
sl_catalog_put_producer(struct sl_catalog_edit *edit, const struct sl_catalog_producer *producer)
{
    if (producer->name_bytes == 0 || producer->name_bytes > SL_PRODUCER_NAME_BYTES_MAX) {
        edit->trouble = "a producer's name is empty or longer than its limit";
        return;
    }
    struct key key = key_of(SL_CATALOG_PRODUCER);
    key_append(&key, producer->name, producer->name_bytes);
    size_t start = begin_put(edit, &key);
    sl_buf_u64le(&edit->bytes, producer->epoch);
    sl_buf_u64le(&edit->bytes, producer->batch_number);
    sl_buf_u64le(&edit->bytes, (uint64_t)producer->touched_us);
    end_put(edit, &key, start);
}

void
sl_catalog_remove_producer(struct sl_catalog_edit *edit, const char *name, size_t name_bytes)
{
    if (name_bytes > SL_PRODUCER_NAME_BYTES_MAX)
        return; /* there is none of such a name */
    struct key key = key_of(SL_CATALOG_PRODUCER);
    key_append(&key, name, name_bytes);
    remove_key(edit, SL_CATALOG_REMOVE, &key);
}

static struct key
import_key(struct sl_hash128 id)
{
    struct key key = key_of(SL_CATALOG_IMPORT);
    key_be(&key, id.high, 8);
    key_be(&key, id.low, 8);
    return key;
}

void
sl_catalog_put_import(struct sl_catalog_edit *edit, const struct sl_catalog_import *import)
{
    struct key key = import_key(import->id);
    size_t start = begin_put(edit, &key);
    sl_buf_u64le(&edit->bytes, import->offset);
    sl_buf_u64le(&edit->bytes, import->rows);
    sl_buf_u64le(&edit->bytes, (uint64_t)import->oldest_us);
    sl_buf_u64le(&edit->bytes, (uint64_t)import->newest_us);
    sl_buf_u8(&edit->bytes, import->is_finished ? 1 : 0);
    end_put(edit, &key, start);
}

void
sl_catalog_remove_import(struct sl_catalog_edit *edit, struct sl_hash128 id)
{
    struct key key = import_key(id);
    remove_key(edit, SL_CATALOG_REMOVE, &key);
}

void
sl_catalog_put_column(struct sl_catalog_edit *edit, uint32_t index,
                      const struct sl_catalog_column *column)
{
    size_t name_bytes = strlen(column->name);
    SL_ASSERT(index < SL_COLUMNS_MAX);
    SL_ASSERT(name_bytes > 0 && name_bytes <= SL_COLUMN_NAME_BYTES_MAX);
    SL_ASSERT(sl_type_is_storable(column->type));

    struct key key = key_of(SL_CATALOG_COLUMN);
    key_be(&key, index, 4);
    size_t start = begin_put(edit, &key);
    sl_buf_u8(&edit->bytes, (uint8_t)column->type);
    sl_buf_u8(&edit->bytes, (uint8_t)column->unit);
    sl_buf_append(&edit->bytes, column->name, name_bytes + 1);
    end_put(edit, &key, start);
}

void
sl_catalog_put_counter(struct sl_catalog_edit *edit, enum sl_catalog_counter counter,
                       uint64_t value)
{
    SL_ASSERT(counter < SL_CATALOG_COUNTER_COUNT);
    struct key key = key_of(SL_CATALOG_COUNTER);
    key_be(&key, (uint64_t)counter, 1);
    size_t start = begin_put(edit, &key);
    sl_buf_u64le(&edit->bytes, value);
    end_put(edit, &key, start);
}

void
sl_catalog_put_format(struct sl_catalog_edit *edit)
{
    struct key key = key_of(SL_CATALOG_FORMAT);
    size_t start = begin_put(edit, &key);
    sl_buf_u32le(&edit->bytes, SL_CATALOG_FORMAT_VERSION);
    end_put(edit, &key, start);
}

void
sl_catalog_put_transaction(struct sl_catalog_edit *edit, uint64_t transaction)
{
    struct key key = key_of(SL_CATALOG_TRANSACTION);
    size_t start = begin_put(edit, &key);
    sl_buf_u64le(&edit->bytes, transaction);
    end_put(edit, &key, start);
}

size_t
sl_catalog_meta_prefix(const char *kind, uint8_t prefix[SL_CATALOG_KEYS_BYTES_MAX])
{
    size_t kind_bytes = strlen(kind);
    if (kind_bytes > SL_CATALOG_KIND_BYTES_MAX)
        return 0;
    prefix[0] = SL_CATALOG_META;
    memcpy(prefix + 1, kind, kind_bytes + 1);
    return 1 + kind_bytes + 1;
}

void
sl_catalog_put_meta(struct sl_catalog_edit *edit, const char *kind, const void *key,
                    size_t key_bytes, const void *value, size_t value_bytes)
{
    struct key full;
    full.size_bytes = sl_catalog_meta_prefix(kind, full.bytes);
    if (full.size_bytes == 0 || key_bytes > SL_CATALOG_KEY_BYTES_MAX ||
        value_bytes > SL_CATALOG_VALUE_BYTES_MAX) {
        edit->trouble = "kind, key or value of a meta value is longer than its limit";
        return;
    }
    key_append(&full, key, key_bytes);
    if (value == NULL) {
        remove_key(edit, SL_CATALOG_REMOVE, &full);
        return;
    }
    size_t start = begin_put(edit, &full);
    sl_buf_append(&edit->bytes, value, value_bytes);
    end_put(edit, &full, start);
}
