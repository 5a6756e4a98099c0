/*
 * define.c - definitions and the store: what was made is there again after a restart.
 *
 * In the store a definition is a value of the kind "definition"; its key is the names in lower
 * case, "database\0name". The value:
 *
 *   OFFSET  SIZE  FIELD
 *        0     1  form, 1
 *        1     1  enum sl_definition_kind
 *        2     1  enum sl_dialect
 *        3     1  bytes of the database's name, n
 *        4     1  bytes of its own name, m
 *        5     n  the database, as it was written
 *      5+n     m  the name
 *    5+n+m        the text
 *
 * Rows of a table are a value of the kind "rows" under the same key (own_table.h).
 */
#include "query/define.h"

#include <ctype.h>

#include "query/definition.h"
#include "storage/base/buf.h"
#include "storage/base/cursor.h"
#include "storage/base/limits.h"
#include "storage/base/log.h"
#include "storage/store.h"

enum { FORM = 1, HEAD_BYTES = 5, KEY_BYTES_MAX = 2 * SL_COLUMN_NAME_BYTES_MAX + 1 };

static const char *const meta_kind = "definition";
static const char *const rows_kind = "rows";

static size_t
put_lower(uint8_t *key, struct sl_slice name)
{
    for (uint32_t i = 0; i < name.size_bytes; i++)
        key[i] = (uint8_t)tolower(name.bytes[i]);
    return name.size_bytes;
}

/* "database\0name"; its size. */
static size_t
make_key(uint8_t key[KEY_BYTES_MAX], const struct sl_definition *definition)
{
    size_t key_bytes = put_lower(key, definition->database);

    key[key_bytes++] = '\0';
    return key_bytes + put_lower(&key[key_bytes], definition->name);
}

static sl_status
save_rows(void *context, const struct sl_definition *definition, struct sl_slice rows,
          struct sl_error *err)
{
    uint8_t key[KEY_BYTES_MAX];
    size_t key_bytes = make_key(key, definition);

    return sl_store_meta_put(context, rows_kind, key, key_bytes,
                             rows.size_bytes == 0 ? NULL : rows.bytes, rows.size_bytes, err);
}

static void
load_rows(void *context, const void *key, size_t key_bytes, const void *value, size_t value_bytes)
{
    const uint8_t *zero = memchr(key, '\0', key_bytes);
    struct sl_slice database = {.bytes = key};
    struct sl_slice rows = {.bytes = value, .size_bytes = (uint32_t)value_bytes};

    if (zero == NULL || value_bytes > SL_DEFINITION_ROWS_BYTES_MAX)
        return;
    database.size_bytes = (uint32_t)(zero - database.bytes);
    struct sl_slice name = {.bytes = zero + 1,
                            .size_bytes = (uint32_t)(key_bytes - database.size_bytes - 1)};
    if (!sl_definitions_load_rows(context, database, name, rows))
        sl_log(SL_LOG_WARN, "query", "stored rows of a table that is not there are left out");
}

static sl_status
save(void *context, const struct sl_definition *definition, struct sl_error *err)
{
    struct sl_buf value = sl_buf_empty(HEAD_BYTES + KEY_BYTES_MAX + SL_DEFINITION_BYTES_MAX);
    uint8_t key[KEY_BYTES_MAX];
    size_t key_bytes = make_key(key, definition);

    if (definition->text.bytes == NULL)
        return sl_store_meta_put(context, meta_kind, key, key_bytes, NULL, 0, err);
    sl_buf_u8(&value, FORM);
    sl_buf_u8(&value, (uint8_t)definition->kind);
    sl_buf_u8(&value, (uint8_t)definition->dialect);
    sl_buf_u8(&value, (uint8_t)definition->database.size_bytes);
    sl_buf_u8(&value, (uint8_t)definition->name.size_bytes);
    sl_buf_append(&value, definition->database.bytes, definition->database.size_bytes);
    sl_buf_append(&value, definition->name.bytes, definition->name.size_bytes);
    sl_buf_append(&value, definition->text.bytes, definition->text.size_bytes);
    sl_status st = value.bad ? sl_fail(err, SL_LIMIT, "a definition is too long")
                             : sl_store_meta_put(context, meta_kind, key, key_bytes, value.bytes,
                                                 value.size_bytes, err);
    sl_buf_fini(&value);
    return st;
}

bool
sl_definition_read(const void *value, size_t value_bytes, struct sl_definition *out_definition)
{
    struct sl_cursor cursor = sl_cursor_over(value, value_bytes);
    uint8_t form = sl_cursor_u8(&cursor);
    uint8_t kind = sl_cursor_u8(&cursor);
    uint8_t dialect = sl_cursor_u8(&cursor);
    struct sl_definition d = {0};

    d.database.size_bytes = sl_cursor_u8(&cursor);
    d.name.size_bytes = sl_cursor_u8(&cursor);
    d.database.bytes = sl_cursor_take(&cursor, d.database.size_bytes);
    d.name.bytes = sl_cursor_take(&cursor, d.name.size_bytes);
    if (cursor.bad || form != FORM || kind < SL_DEFINITION_VIEW || kind > SL_DEFINITION_DATABASE ||
        dialect > SL_DIALECT_MYSQL)
        return false;
    d.text.size_bytes = (uint32_t)sl_cursor_left(&cursor);
    d.text.bytes = sl_cursor_take(&cursor, d.text.size_bytes);
    d.kind = (enum sl_definition_kind)kind;
    d.dialect = (enum sl_dialect)dialect;
    *out_definition = d;
    return true;
}

static void
load(void *context, const void *key, size_t key_bytes, const void *value, size_t value_bytes)
{
    struct sl_definition definition;
    struct sl_error err = {0};

    (void)key;
    (void)key_bytes;
    if (value_bytes > HEAD_BYTES + KEY_BYTES_MAX + SL_DEFINITION_BYTES_MAX ||
        !sl_definition_read(value, value_bytes, &definition))
        sl_log(SL_LOG_WARN, "query", "a stored view or table is not readable and is left out");
    else if (sl_definitions_load(context, &definition, &err) != SL_OK)
        sl_log(SL_LOG_WARN, "query", "a stored view or table is left out: %s", err.text);
}

sl_status
sl_definitions_open(struct sl_store *store, struct sl_definitions **out_definitions,
                    struct sl_error *err)
{
    *out_definitions = sl_definitions_create(save, save_rows, store);
    sl_status st = sl_store_meta_walk(store, meta_kind, load, *out_definitions, err);
    if (st == SL_OK)
        st = sl_store_meta_walk(store, rows_kind, load_rows, *out_definitions, err);
    if (st != SL_OK) {
        sl_definitions_close(*out_definitions);
        *out_definitions = NULL;
    }
    return st;
}

sl_status
sl_define_run(struct sl_definitions *definitions, const struct sl_definition_change *changes,
              uint32_t count, struct sl_error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct sl_definition *d = &changes[i].definition;
        bool is_found;
        if (changes[i].is_removed)
            SL_TRY(sl_definitions_remove(definitions, d->database, d->name, &is_found, err));
        else
            SL_TRY(sl_definitions_put(definitions, d, err));
    }
    return SL_OK;
}
