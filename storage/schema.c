/*
 * schema.c - see schema.h. The element table and its look-ups are in element.c.
 *
 * Descriptors lie in chunks that never move, so a reader needs no lock: it loads the count
 * (acquire, paired with the release in add_column) and then reads what stands below it. The
 * name table is open addressing over an array of the largest size we allow, which never moves
 * either; a slot goes from 0 to index + 1 once.
 */
#include "storage/schema.h"

#include <stdatomic.h>
#include <stdio.h>

#include "storage/base/hash.h"
#include "storage/base/limits.h"
#include "storage/base/thread.h"

enum { SCHEMA_SLOTS = 8192 }; /* a power of two, four times SL_COLUMNS_MAX */
_Static_assert(SCHEMA_SLOTS >= 4 * SL_COLUMNS_MAX, "the name table stays sparse");

struct sl_schema {
    struct sl_mutex lock;   /* guards adding */
    _Atomic uint32_t count; /* release when a column is complete */
    struct sl_column columns[SL_COLUMNS_MAX];
    _Atomic uint32_t slots[SCHEMA_SLOTS]; /* by canonical name: index + 1 */
};

static const struct sl_column core_columns[SL_CORE_COLUMN_COUNT] = {
#define SL_COLUMN(id, column_name, column_type, column_unit, nullable, help) \
    [SL_COLUMN_##id] = {.index = SL_COLUMN_##id,                             \
                        .type = (column_type),                               \
                        .unit = (column_unit),                               \
                        .is_core = true,                                     \
                        .is_nullable = (nullable),                           \
                        .name = (column_name),                               \
                        .text = (help)},
#include "storage/schema.def"
#undef SL_COLUMN
};

static char
lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool
names_equal(const char *canonical, const char *name, size_t name_bytes)
{
    for (size_t i = 0; i < name_bytes; i++)
        if (canonical[i] == '\0' || canonical[i] != lower(name[i]))
            return false;
    return canonical[name_bytes] == '\0';
}

static uint32_t
name_slot(const char *name, size_t name_bytes)
{
    char folded[SL_COLUMN_NAME_BYTES_MAX];
    size_t used = sl_min_size(name_bytes, sizeof(folded));
    for (size_t i = 0; i < used; i++)
        folded[i] = lower(name[i]);
    return (uint32_t)(sl_hash64(folded, used) % SCHEMA_SLOTS);
}

const struct sl_column *
sl_schema_find(const struct sl_schema *schema, const char *name, size_t name_bytes)
{
    if (name_bytes == 0 || name_bytes > SL_COLUMN_NAME_BYTES_MAX)
        return NULL;
    for (uint32_t slot = name_slot(name, name_bytes);; slot = (slot + 1) % SCHEMA_SLOTS) {
        /* Pairs with the release in add_column: a slot that is set has a complete column. */
        uint32_t entry = atomic_load_explicit(&schema->slots[slot], memory_order_acquire);
        if (entry == 0)
            return NULL;
        const struct sl_column *column = &schema->columns[entry - 1];
        if (names_equal(column->name, name, name_bytes))
            return column;
    }
}

/* Called with the lock held, or before the schema is shared. The name is not there yet. */
static const struct sl_column *
add_column(struct sl_schema *schema, const struct sl_column *column)
{
    uint32_t index = atomic_load_explicit(&schema->count, memory_order_relaxed);
    SL_ASSERT(index < SL_COLUMNS_MAX);
    schema->columns[index] = *column;
    schema->columns[index].index = index;
    size_t name_bytes = strlen(column->name);
    uint32_t slot = name_slot(column->name, name_bytes);
    while (atomic_load_explicit(&schema->slots[slot], memory_order_relaxed) != 0)
        slot = (slot + 1) % SCHEMA_SLOTS;
    atomic_store_explicit(&schema->slots[slot], index + 1, memory_order_release);
    atomic_store_explicit(&schema->count, index + 1, memory_order_release);
    return &schema->columns[index];
}

struct sl_schema *
sl_schema_create(void)
{
    struct sl_schema *schema = sl_new(sizeof(*schema));
    sl_mutex_init(&schema->lock, SL_LOCK_SCHEMA);
    for (uint32_t i = 0; i < SL_CORE_COLUMN_COUNT; i++)
        (void)add_column(schema, &core_columns[i]);
    return schema;
}

void
sl_schema_destroy(struct sl_schema *schema)
{
    if (schema == NULL)
        return;
    uint32_t count = sl_schema_count(schema);
    for (uint32_t i = SL_CORE_COLUMN_COUNT; i < count; i++) {
        char *name = NULL; /* ours, made in sl_schema_add */
        memcpy(&name, &schema->columns[i].name, sizeof(name));
        free(name);
    }
    sl_mutex_fini(&schema->lock);
    free(schema);
}

uint32_t
sl_schema_count(const struct sl_schema *schema)
{
    return atomic_load_explicit(&schema->count, memory_order_acquire);
}

const struct sl_column *
sl_schema_at(const struct sl_schema *schema, uint32_t index)
{
    SL_ASSERT(index < sl_schema_count(schema));
    return &schema->columns[index];
}

const struct sl_column *
sl_schema_resolve(const struct sl_schema *schema, const char *name, size_t name_bytes)
{
    const struct sl_column *column = sl_schema_find(schema, name, name_bytes);
    if (column != NULL)
        return column;
    const struct sl_element *element = sl_element_by_name(name, name_bytes);
    if (element == NULL)
        return NULL;
    return sl_schema_find(schema, element->column, strlen(element->column));
}

static bool
is_name(const char *name)
{
    size_t size_bytes = strlen(name);
    if (size_bytes == 0 || size_bytes > SL_COLUMN_NAME_BYTES_MAX)
        return false;
    if (name[0] >= '0' && name[0] <= '9')
        return false;
    for (size_t i = 0; i < size_bytes; i++) {
        bool is_letter = (name[i] >= 'a' && name[i] <= 'z') || name[i] == '_';
        bool is_digit = name[i] >= '0' && name[i] <= '9';
        if (!is_letter && !is_digit)
            return false;
    }
    return true;
}

/* Called with the lock held. */
static sl_status
find_or_add(struct sl_schema *schema, const char *name, enum sl_type type, enum sl_unit unit,
            const struct sl_column **out_column, struct sl_error *err)
{
    const struct sl_column *column = sl_schema_find(schema, name, strlen(name));
    if (column != NULL && column->type != type)
        return sl_fail(err, SL_TYPE, "column \"%s\" has type %s and cannot take %s", name,
                       sl_type_name(column->type), sl_type_name(type));
    if (column == NULL && sl_schema_count(schema) == SL_COLUMNS_MAX)
        return sl_fail(err, SL_LIMIT, "column \"%s\" would be one more than %d", name,
                       SL_COLUMNS_MAX);
    if (column == NULL) {
        struct sl_column added = {.type = type,
                                  .unit = unit,
                                  .is_nullable = true,
                                  .name = sl_new_string(name),
                                  .text = ""};
        column = add_column(schema, &added);
    }
    *out_column = column;
    return SL_OK;
}

sl_status
sl_schema_add(struct sl_schema *schema, const char *name, enum sl_type type, enum sl_unit unit,
              const struct sl_column **out_column, struct sl_error *err)
{
    *out_column = NULL;
    if (!is_name(name))
        return sl_fail(err, SL_FORMAT, "\"%.80s\" cannot be the name of a column", name);
    if (!sl_type_is_storable(type))
        return sl_fail(err, SL_TYPE, "column \"%s\" cannot have type %s", name, sl_type_name(type));
    sl_mutex_lock(&schema->lock);
    sl_status st = find_or_add(schema, name, type, unit, out_column, err);
    sl_mutex_unlock(&schema->lock);
    return st;
}

sl_status
sl_schema_add_element(struct sl_schema *schema, const struct sl_element *element, uint32_t pen,
                      uint16_t id, const struct sl_column **out_column, struct sl_error *err)
{
    char unknown[SL_COLUMN_NAME_BYTES_MAX];
    if (element != NULL)
        return sl_schema_add(schema, element->column, element->type, SL_UNIT_NONE, out_column, err);
    (void)snprintf(unknown, sizeof(unknown), "pen%" PRIu32 "_%u", pen, (unsigned)id);
    return sl_schema_add(schema, unknown, SL_TYPE_OCTETS, SL_UNIT_NONE, out_column, err);
}

void
sl_schema_suggest(const struct sl_schema *schema, struct sl_nearest *nearest)
{
    uint32_t count = sl_schema_count(schema);
    for (uint32_t i = 0; i < count; i++)
        sl_nearest_offer(nearest, schema->columns[i].name);
}
