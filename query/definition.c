/*
 * definition.c - see definition.h.
 */
#include "query/definition.h"

#include "query/flow_view.h"
#include "query/lex.h"
#include "query/value.h"
#include "storage/base/cursor.h"
#include "storage/base/limits.h"
#include "storage/base/thread.h"

struct entry {
    struct sl_definition definition; /* its bytes are owned */
    uint8_t *rows;                   /* owned: row_bytes of them */
};

struct sl_definitions {
    struct sl_mutex lock;
    sl_definition_save_fn *save;
    sl_definition_save_rows_fn *save_rows;
    void *context;
    struct entry *list; /* sorted by database and name */
    uint32_t count;
    uint32_t capacity;
    size_t rows_bytes; /* of all tables */
};

struct sl_definitions *
sl_definitions_create(sl_definition_save_fn *save, sl_definition_save_rows_fn *save_rows,
                      void *context)
{
    struct sl_definitions *definitions = sl_new(sizeof(*definitions));

    sl_mutex_init(&definitions->lock, SL_LOCK_DEFINITION);
    definitions->save = save;
    definitions->save_rows = save_rows;
    definitions->context = context;
    return definitions;
}

static void
free_definition(struct sl_definition *definition)
{
    uint8_t *bytes = NULL; /* ours, made in copy_definition */
    memcpy(&bytes, &definition->database.bytes, sizeof(bytes));
    free(bytes);
}

void
sl_definitions_close(struct sl_definitions *definitions)
{
    if (definitions == NULL)
        return;
    for (uint32_t i = 0; i < definitions->count; i++) {
        free_definition(&definitions->list[i].definition);
        free(definitions->list[i].rows);
    }
    free(definitions->list);
    sl_mutex_fini(&definitions->lock);
    free(definitions);
}

/* Its bytes in one piece of memory: database, name, text. */
static void
copy_into(uint8_t *bytes, const struct sl_definition *from, struct sl_definition *to)
{
    const struct sl_slice parts[] = {from->database, from->name, from->text};
    struct sl_slice *copies[] = {&to->database, &to->name, &to->text};

    *to = *from;
    for (size_t i = 0; i < SL_COUNTOF(parts); i++) {
        if (parts[i].size_bytes > 0)
            memcpy(bytes, parts[i].bytes, parts[i].size_bytes);
        copies[i]->bytes = bytes;
        bytes += parts[i].size_bytes;
    }
}

static size_t
size_of(const struct sl_definition *definition)
{
    return (size_t)definition->database.size_bytes + definition->name.size_bytes +
           definition->text.size_bytes + 1;
}

static int
compare_names(const struct sl_definition *a, struct sl_slice database, struct sl_slice name)
{
    int order = sl_text_compare(a->database, database, false);
    return order != 0 ? order : sl_text_compare(a->name, name, false);
}

/* Where it is, or belongs. Called with the lock held. */
static uint32_t
find_place(const struct sl_definitions *definitions, struct sl_slice database, struct sl_slice name,
           bool *out_found)
{
    uint32_t low = 0, high = definitions->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (compare_names(&definitions->list[middle].definition, database, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *out_found = low < definitions->count &&
                 compare_names(&definitions->list[low].definition, database, name) == 0;
    return low;
}

bool
sl_definitions_find(struct sl_definitions *definitions, struct sl_slice database,
                    struct sl_slice name, struct sl_arena *arena,
                    struct sl_definition *out_definition)
{
    bool is_found = false;

    if (definitions == NULL)
        return false;
    sl_mutex_lock(&definitions->lock);
    uint32_t at = find_place(definitions, database, name, &is_found);
    if (is_found) {
        const struct sl_definition *found = &definitions->list[at].definition;
        uint8_t *bytes = sl_arena_alloc(arena, size_of(found));
        is_found = bytes != NULL;
        if (is_found)
            copy_into(bytes, found, out_definition);
    }
    sl_mutex_unlock(&definitions->lock);
    return is_found;
}

/* Called with the lock held. */
static sl_status
put_definition(struct sl_definitions *definitions, const struct sl_definition *definition,
               struct sl_error *err)
{
    bool is_found;
    uint32_t at = find_place(definitions, definition->database, definition->name, &is_found);

    if (!is_found && definitions->count == SL_DEFINITIONS_MAX)
        return sl_fail(err, SL_LIMIT, "there are %d views and tables already", SL_DEFINITIONS_MAX);
    struct entry before = {0};
    if (is_found) {
        before = definitions->list[at];
        free_definition(&before.definition);
    } else {
        if (definitions->count == definitions->capacity) {
            definitions->capacity = definitions->capacity == 0 ? 16 : 2 * definitions->capacity;
            struct entry *grown = sl_new(definitions->capacity * sizeof(struct entry));
            if (definitions->count > 0)
                memcpy(grown, definitions->list, definitions->count * sizeof(*grown));
            free(definitions->list);
            definitions->list = grown;
        }
        memmove(&definitions->list[at + 1], &definitions->list[at],
                (definitions->count - at) * sizeof(*definitions->list));
        definitions->count++;
    }
    struct entry *entry = &definitions->list[at];
    copy_into(sl_new(size_of(definition)), definition, &entry->definition);
    entry->rows = before.rows; /* they stay when the table changes */
    entry->definition.row_count = before.definition.row_count;
    entry->definition.row_bytes = before.definition.row_bytes;
    return SL_OK;
}

static sl_status
check(const struct sl_definition *definition, struct sl_error *err)
{
    if (definition->database.size_bytes == 0 ||
        definition->database.size_bytes > SL_COLUMN_NAME_BYTES_MAX ||
        definition->name.size_bytes > SL_COLUMN_NAME_BYTES_MAX)
        return sl_fail(err, SL_LIMIT, "a name has 1 to %d bytes", SL_COLUMN_NAME_BYTES_MAX);
    if (definition->text.size_bytes > SL_DEFINITION_BYTES_MAX)
        return sl_fail(err, SL_LIMIT, "a definition is at most %d bytes long",
                       SL_DEFINITION_BYTES_MAX);
    return SL_OK;
}

sl_status
sl_definitions_put(struct sl_definitions *definitions, const struct sl_definition *definition,
                   struct sl_error *err)
{
    sl_status st = SL_OK;

    if (definitions == NULL)
        return sl_fail(err, SL_MISSING, "there is no catalog for views here");
    SL_TRY(check(definition, err));
    sl_mutex_lock(&definitions->lock);
    if (definitions->save != NULL)
        st = definitions->save(definitions->context, definition, err);
    if (st == SL_OK)
        st = put_definition(definitions, definition, err);
    sl_mutex_unlock(&definitions->lock);
    return st;
}

sl_status
sl_definitions_load(struct sl_definitions *definitions, const struct sl_definition *definition,
                    struct sl_error *err)
{
    SL_TRY(check(definition, err));
    sl_mutex_lock(&definitions->lock);
    sl_status st = put_definition(definitions, definition, err);
    sl_mutex_unlock(&definitions->lock);
    return st;
}

/* ---- rows ---- */

bool
sl_definition_is_own(struct sl_slice name)
{
    return !sl_slice_is(name, "flows") && sl_flow_view_find(name) == NULL;
}

/* The number of rows that the bytes begin with. */
static uint32_t
count_rows(struct sl_slice rows)
{
    struct sl_cursor cursor = sl_cursor_over(rows.bytes, rows.size_bytes);
    return rows.size_bytes == 0 ? 0 : sl_cursor_u32le(&cursor);
}

/* In memory alone. Called with the lock held. */
static void
put_rows(struct sl_definitions *definitions, struct entry *entry, struct sl_slice rows)
{
    struct sl_definition *definition = &entry->definition;

    free(entry->rows);
    entry->rows = rows.size_bytes == 0 ? NULL : sl_new(rows.size_bytes);
    if (rows.size_bytes > 0)
        memcpy(entry->rows, rows.bytes, rows.size_bytes);
    definitions->rows_bytes = definitions->rows_bytes - definition->row_bytes + rows.size_bytes;
    definition->row_bytes = rows.size_bytes;
    definition->row_count = count_rows(rows);
}

/* Durably. Called with the lock held. */
static sl_status
replace_rows(struct sl_definitions *definitions, struct entry *entry, struct sl_slice rows,
             struct sl_error *err)
{
    if (rows.size_bytes > SL_DEFINITION_ROWS_BYTES_MAX)
        return sl_fail(err, SL_LIMIT, "a table of one's own holds at most %d bytes",
                       SL_DEFINITION_ROWS_BYTES_MAX);
    if (definitions->rows_bytes - entry->definition.row_bytes + rows.size_bytes >
        SL_DEFINITIONS_ROWS_BYTES_MAX)
        return sl_fail(err, SL_LIMIT, "tables of clients hold at most %d bytes together",
                       SL_DEFINITIONS_ROWS_BYTES_MAX);
    if (definitions->save_rows != NULL)
        SL_TRY(definitions->save_rows(definitions->context, &entry->definition, rows, err));
    put_rows(definitions, entry, rows);
    return SL_OK;
}

bool
sl_definitions_rows(struct sl_definitions *definitions, struct sl_slice database,
                    struct sl_slice name, struct sl_arena *arena, struct sl_slice *out_rows)
{
    bool is_found;

    *out_rows = (struct sl_slice){0};
    if (definitions == NULL)
        return false;
    sl_mutex_lock(&definitions->lock);
    uint32_t at = find_place(definitions, database, name, &is_found);
    if (is_found) {
        const struct entry *entry = &definitions->list[at];
        uint32_t size_bytes = entry->definition.row_bytes;
        uint8_t *copy = sl_arena_alloc(arena, (size_t)size_bytes + 1);
        is_found = copy != NULL;
        if (copy != NULL && size_bytes > 0)
            memcpy(copy, entry->rows, size_bytes);
        *out_rows = (struct sl_slice){.bytes = copy, .size_bytes = copy == NULL ? 0 : size_bytes};
    }
    sl_mutex_unlock(&definitions->lock);
    return is_found;
}

sl_status
sl_definitions_change_rows(struct sl_definitions *definitions, struct sl_slice database,
                           struct sl_slice name, sl_definition_change_rows_fn *change,
                           void *context, struct sl_error *err)
{
    struct sl_buf rows = sl_buf_empty(SL_DEFINITION_ROWS_BYTES_MAX);
    sl_status st = SL_OK;
    bool is_found;

    if (definitions == NULL)
        return sl_fail(err, SL_MISSING, "there is no catalog for tables here");
    sl_mutex_lock(&definitions->lock);
    uint32_t at = find_place(definitions, database, name, &is_found);
    if (!is_found) {
        st = sl_fail(err, SL_NAME, "the table is not there any more");
    } else {
        struct entry *entry = &definitions->list[at];
        struct sl_slice before = {.bytes = entry->rows, .size_bytes = entry->definition.row_bytes};
        st = change(context, before, &rows, err);
        if (st == SL_OK && rows.bad)
            st = sl_fail(err, SL_LIMIT, "a table of one's own holds at most %d bytes",
                         SL_DEFINITION_ROWS_BYTES_MAX);
        if (st == SL_OK)
            st = replace_rows(
                definitions, entry,
                (struct sl_slice){.bytes = rows.bytes, .size_bytes = (uint32_t)rows.size_bytes},
                err);
    }
    sl_mutex_unlock(&definitions->lock);
    sl_buf_fini(&rows);
    return st;
}

bool
sl_definitions_load_rows(struct sl_definitions *definitions, struct sl_slice database,
                         struct sl_slice name, struct sl_slice rows)
{
    bool is_found;

    sl_mutex_lock(&definitions->lock);
    uint32_t at = find_place(definitions, database, name, &is_found);
    if (is_found)
        put_rows(definitions, &definitions->list[at], rows);
    sl_mutex_unlock(&definitions->lock);
    return is_found;
}

sl_status
sl_definitions_remove(struct sl_definitions *definitions, struct sl_slice database,
                      struct sl_slice name, bool *out_found, struct sl_error *err)
{
    sl_status st = SL_OK;

    *out_found = false;
    if (definitions == NULL)
        return SL_OK;
    sl_mutex_lock(&definitions->lock);
    uint32_t at = find_place(definitions, database, name, out_found);
    if (*out_found) {
        struct sl_definition gone = definitions->list[at].definition;
        if (gone.row_bytes > 0)
            st = replace_rows(definitions, &definitions->list[at], (struct sl_slice){0}, err);
        gone.text.bytes = NULL;
        if (st == SL_OK && definitions->save != NULL)
            st = definitions->save(definitions->context, &gone, err);
        if (st == SL_OK) {
            free_definition(&definitions->list[at].definition);
            definitions->count--;
            memmove(&definitions->list[at], &definitions->list[at + 1],
                    (definitions->count - at) * sizeof(*definitions->list));
        }
    }
    sl_mutex_unlock(&definitions->lock);
    return st;
}

sl_status
sl_definitions_list(struct sl_definitions *definitions, struct sl_arena *arena,
                    struct sl_definition **out_list, uint32_t *out_count, struct sl_error *err)
{
    bool is_good = true;

    *out_list = NULL;
    *out_count = 0;
    if (definitions == NULL)
        return SL_OK;
    sl_mutex_lock(&definitions->lock);
    *out_list = sl_arena_calloc(arena, (size_t)definitions->count + 1, sizeof(**out_list));
    is_good = *out_list != NULL;
    for (uint32_t i = 0; i < definitions->count && is_good; i++) {
        const struct sl_definition *definition = &definitions->list[i].definition;
        uint8_t *bytes = sl_arena_alloc(arena, size_of(definition));
        is_good = bytes != NULL;
        if (is_good)
            copy_into(bytes, definition, &(*out_list)[i]);
    }
    *out_count = is_good ? definitions->count : 0;
    sl_mutex_unlock(&definitions->lock);
    return is_good ? SL_OK : sl_fail_memory(err);
}

bool
sl_is_system_database(struct sl_slice database)
{
    static const char *const names[] = {"information_schema", "system", "mysql",
                                        "performance_schema", "sys"};

    for (size_t i = 0; i < SL_COUNTOF(names); i++)
        if (sl_slice_is(database, names[i]))
            return true;
    return false;
}

bool
sl_definition_column(const struct sl_definition *table, uint32_t *at, struct sl_slice *out_name,
                     struct sl_slice *out_type)
{
    const uint8_t *start = table->text.bytes + *at;
    size_t left = table->text.size_bytes - *at;
    const uint8_t *tab = left == 0 ? NULL : memchr(start, '\t', left);
    const uint8_t *end = tab == NULL ? NULL : memchr(start, '\n', left);

    if (end == NULL || end < tab)
        return false;
    *out_type = (struct sl_slice){.bytes = start, .size_bytes = (uint32_t)(tab - start)};
    *out_name = (struct sl_slice){.bytes = tab + 1, .size_bytes = (uint32_t)(end - tab - 1)};
    *at += (uint32_t)(end - start) + 1;
    return true;
}
