/*
 * row_store.c - see row_store.h.
 */
#include "query/row_store.h"

/* Rebuild the text arena when more than this much, and more than half of it, is dead. */
enum { TEXT_GARBAGE_BYTES = 1 << 20 };
enum { ROWS_FIRST = 64 };

void
sl_row_store_init(struct sl_row_store *store, struct sl_exec *exec, const struct sl_sql_type *types,
                  uint32_t column_count)
{
    *store = (struct sl_row_store){.exec = exec, .types = types, .column_count = column_count};
    store->columns = sl_new(sl_max_size(column_count, 1) * sizeof(*store->columns));
    store->text = sl_arena_create_shared(&exec->budget);
    for (uint32_t i = 0; i < column_count; i++)
        store->columns[i].value_bytes = sl_type_is_bytes(types[i].type)
                                            ? sizeof(struct sl_slice)
                                            : sl_type_bytes(types[i].type);
}

static size_t
column_bytes(const struct sl_row_column *column, uint32_t capacity)
{
    return column->value_bytes * capacity + sl_words_for(capacity) * sizeof(uint64_t);
}

void
sl_row_store_fini(struct sl_row_store *store)
{
    if (store->columns == NULL)
        return;
    for (uint32_t i = 0; i < store->column_count; i++) {
        struct sl_row_column *column = &store->columns[i];
        if (column->present != NULL)
            sl_budget_give(&store->exec->budget, column_bytes(column, store->capacity));
        free(column->values);
        free(column->present);
    }
    free(store->columns);
    sl_arena_destroy(store->text);
    *store = (struct sl_row_store){0};
}

/* Columns grow one by one: `capacity` rises only when all have, so a failure is undone. */
static bool
grow_column(struct sl_row_store *store, struct sl_row_column *column, uint32_t capacity)
{
    size_t bytes = column_bytes(column, capacity);
    if (!sl_budget_take(&store->exec->budget, bytes))
        return false;
    uint8_t *values = sl_try_alloc(column->value_bytes * capacity + 1);
    uint64_t *present = sl_try_alloc(sl_words_for(capacity) * sizeof(uint64_t));
    if (values == NULL || present == NULL) {
        free(values);
        free(present);
        sl_budget_give(&store->exec->budget, bytes);
        return false;
    }
    if (store->row_count != 0) {
        memcpy(values, column->values, column->value_bytes * store->row_count);
        memcpy(present, column->present, sl_words_for(store->row_count) * sizeof(uint64_t));
    }
    free(column->values);
    free(column->present);
    if (store->capacity != 0)
        sl_budget_give(&store->exec->budget, column_bytes(column, store->capacity));
    column->values = values;
    column->present = present;
    return true;
}

static sl_status
reserve(struct sl_row_store *store, uint32_t count, struct sl_error *err)
{
    if (count > UINT32_MAX / 2 - store->row_count)
        return sl_exec_out_of_memory(store->exec, err);
    uint32_t need = store->row_count + count;
    if (need <= store->capacity)
        return SL_OK;
    uint32_t capacity = store->capacity == 0 ? ROWS_FIRST : store->capacity;
    while (capacity < need)
        capacity *= 2;
    for (uint32_t i = 0; i < store->column_count; i++) {
        if (grow_column(store, &store->columns[i], capacity))
            continue;
        /* Columns before this one hold the larger size: count them by it, so that fini gives
         * back what was taken. The store is only closed after this. */
        for (uint32_t k = i; k < store->column_count; k++) {
            struct sl_row_column *column = &store->columns[k];
            if (store->capacity != 0)
                sl_budget_give(&store->exec->budget, column_bytes(column, store->capacity));
            free(column->values);
            free(column->present);
            *column = (struct sl_row_column){.value_bytes = column->value_bytes};
        }
        store->capacity = capacity;
        store->row_count = 0;
        (void)sl_exec_out_of_memory(store->exec, err);
        return SL_LIMIT;
    }
    store->capacity = capacity;
    return SL_OK;
}

static bool
copy_slice(struct sl_row_store *store, struct sl_slice slice, struct sl_slice *out_slice)
{
    uint8_t *bytes = sl_arena_alloc(store->text, slice.size_bytes);
    if (bytes == NULL)
        return false;
    if (slice.size_bytes != 0)
        memcpy(bytes, slice.bytes, slice.size_bytes);
    store->text_bytes += slice.size_bytes;
    *out_slice = (struct sl_slice){.bytes = bytes, .size_bytes = slice.size_bytes};
    return true;
}

/* Values of fixed width, widened to the type's own. */
static void
append_fixed(struct sl_row_column *column, uint32_t base, const struct sl_vector *vector,
             const uint32_t *rows, uint32_t count)
{
    uint8_t *target = column->values + (size_t)base * column->value_bytes;

    for (uint32_t i = 0; i < count; i++, target += column->value_bytes) {
        if (sl_vector_is_null(vector, rows[i]))
            continue;
        if (vector->type == SL_TYPE_ADDR) {
            struct sl_addr addr = sl_vector_addr(vector, rows[i]);
            memcpy(target, &addr, sizeof(addr));
        } else if (vector->type == SL_TYPE_DECIMAL) {
            sl_i128 value = sl_vector_i128(vector, rows[i]);
            memcpy(target, &value, sizeof(value));
        } else {
            uint64_t value = sl_vector_u64(vector, rows[i]);
            memcpy(target, &value, column->value_bytes); /* little-endian hosts: batch.h */
        }
    }
}

static bool
append_text(struct sl_row_store *store, struct sl_row_column *column, const struct sl_vector *v,
            const uint32_t *rows, uint32_t count)
{
    struct sl_slice *target = (struct sl_slice *)(void *)column->values + store->row_count;

    for (uint32_t i = 0; i < count; i++)
        if (!sl_vector_is_null(v, rows[i]) &&
            !copy_slice(store, sl_vector_slice(v, rows[i]), &target[i]))
            return false;
    return true;
}

sl_status
sl_row_store_append(struct sl_row_store *store, const struct sl_vector *vectors,
                    const uint32_t *rows, uint32_t count, struct sl_error *err)
{
    SL_TRY(reserve(store, count, err));
    for (uint32_t c = 0; c < store->column_count; c++) {
        struct sl_row_column *column = &store->columns[c];
        const struct sl_vector *vector = &vectors[c];
        for (uint32_t i = 0; i < count; i++) {
            size_t bit = (size_t)store->row_count + i;
            if (sl_vector_is_null(vector, rows[i]))
                sl_bit_clear(column->present, bit);
            else
                sl_bit_set(column->present, bit);
        }
        SL_ASSERT(vector->type == store->types[c].type || vector->type == SL_TYPE_NULL);
        if (!sl_type_is_bytes(store->types[c].type))
            append_fixed(column, store->row_count, vector, rows, count);
        else if (!append_text(store, column, vector, rows, count))
            return sl_exec_out_of_memory(store->exec, err);
    }
    store->row_count += count;
    return SL_OK;
}

sl_status
sl_row_store_append_values(struct sl_row_store *store, const struct sl_value *values,
                           struct sl_error *err)
{
    SL_TRY(reserve(store, 1, err));
    uint32_t row = store->row_count;
    for (uint32_t c = 0; c < store->column_count; c++) {
        struct sl_row_column *column = &store->columns[c];
        const struct sl_value *value = &values[c];
        sl_bit_clear(column->present, row);
        if (value->is_null)
            continue;
        sl_bit_set(column->present, row);
        SL_ASSERT(value->type == store->types[c].type);
        uint8_t *target = column->values + (size_t)row * column->value_bytes;
        if (!sl_type_is_bytes(value->type))
            memcpy(target, &value->as, column->value_bytes);
        else if (!copy_slice(store, value->as.slice, (struct sl_slice *)(void *)target))
            return sl_exec_out_of_memory(store->exec, err);
    }
    store->row_count++;
    return SL_OK;
}

static bool
collect_garbage(struct sl_row_store *store)
{
    size_t live_bytes = 0;
    for (uint32_t c = 0; c < store->column_count; c++) {
        const struct sl_row_column *column = &store->columns[c];
        const struct sl_slice *slices = (const struct sl_slice *)(const void *)column->values;
        if (!sl_type_is_bytes(store->types[c].type))
            continue;
        for (uint32_t row = 0; row < store->row_count; row++)
            live_bytes += sl_bit_get(column->present, row) ? slices[row].size_bytes : 0;
    }
    if (store->text_bytes < 2 * live_bytes + TEXT_GARBAGE_BYTES)
        return true;

    struct sl_arena *old = store->text;
    bool is_done = true;
    store->text = sl_arena_create_shared(&store->exec->budget);
    store->text_bytes = 0;
    for (uint32_t c = 0; c < store->column_count && is_done; c++) {
        struct sl_row_column *column = &store->columns[c];
        struct sl_slice *slices = (struct sl_slice *)(void *)column->values;
        if (!sl_type_is_bytes(store->types[c].type))
            continue;
        for (uint32_t row = 0; row < store->row_count && is_done; row++)
            if (sl_bit_get(column->present, row))
                is_done = copy_slice(store, slices[row], &slices[row]);
    }
    sl_arena_destroy(old);
    return is_done;
}

sl_status
sl_row_store_keep(struct sl_row_store *store, const uint32_t *rows, uint32_t count,
                  struct sl_error *err)
{
    size_t scratch_bytes = (size_t)count * sizeof(struct sl_slice) + 1;
    size_t bitmap_bytes = sl_words_for(count) * sizeof(uint64_t);

    if (count == 0) {
        store->row_count = 0;
        return SL_OK;
    }
    uint8_t *scratch = sl_try_alloc(scratch_bytes);
    uint64_t *bits = sl_try_alloc(bitmap_bytes);
    if (scratch == NULL || bits == NULL) {
        free(scratch);
        free(bits);
        return sl_exec_out_of_memory(store->exec, err);
    }
    for (uint32_t c = 0; c < store->column_count; c++) {
        struct sl_row_column *column = &store->columns[c];
        size_t bytes = column->value_bytes;
        memset(bits, 0, bitmap_bytes);
        for (uint32_t i = 0; i < count; i++) {
            memcpy(scratch + i * bytes, column->values + rows[i] * bytes, bytes);
            bits[i / 64] |= (uint64_t)sl_bit_get(column->present, rows[i]) << i % 64;
        }
        memcpy(column->values, scratch, count * bytes);
        memcpy(column->present, bits, bitmap_bytes);
    }
    free(scratch);
    free(bits);
    store->row_count = count;
    return collect_garbage(store) ? SL_OK : sl_exec_out_of_memory(store->exec, err);
}

/* A column as a plain vector of one row: text has no offsets here, so text goes by slice. */
static struct sl_vector
view_column(const struct sl_row_store *store, uint32_t column)
{
    const struct sl_row_column *c = &store->columns[column];
    return (struct sl_vector){.type = store->types[column].type,
                              .encoding = SL_PLAIN,
                              .width = (uint8_t)c->value_bytes,
                              .scale = store->types[column].scale,
                              .count = store->row_count,
                              .value_count = store->row_count,
                              .values = c->values,
                              .present = c->present};
}

static struct sl_slice
view_slice(const struct sl_row_store *store, uint32_t row, uint32_t column)
{
    return ((const struct sl_slice *)(const void *)store->columns[column].values)[row];
}

int
sl_row_store_compare(const struct sl_row_store *a, uint32_t row_a, const struct sl_row_store *b,
                     uint32_t row_b, uint32_t column)
{
    const struct sl_sql_type *type = &a->types[column];
    struct sl_vector x = view_column(a, column);
    struct sl_vector y = view_column(b, column);

    if (!sl_type_is_bytes(type->type) || sl_vector_is_null(&x, row_a) ||
        sl_vector_is_null(&y, row_b))
        return sl_vector_compare(&x, row_a, &y, row_b, type);
    return sl_slice_compare(view_slice(a, row_a, column), view_slice(b, row_b, column),
                            type->is_binary || type->type == SL_TYPE_OCTETS);
}

uint64_t
sl_row_store_rank(const struct sl_row_store *store, uint32_t row, uint32_t column)
{
    const struct sl_sql_type *type = &store->types[column];
    struct sl_vector v = view_column(store, column);

    if (!sl_type_is_bytes(type->type) || sl_vector_is_null(&v, row))
        return sl_vector_rank(&v, row, type);
    struct sl_slice slice = view_slice(store, row, column);
    uint32_t offsets[2] = {0, slice.size_bytes};
    struct sl_vector one = {.type = type->type,
                            .encoding = SL_CONSTANT,
                            .count = 1,
                            .value_count = 1,
                            .offsets = offsets,
                            .bytes = slice.bytes};
    return sl_vector_rank(&one, 0, type);
}

static bool
gather_text_column(const struct sl_row_ref *refs, uint32_t count, uint32_t column,
                   struct sl_arena *arena, struct sl_vector *out)
{
    uint32_t *offsets = sl_arena_calloc(arena, (size_t)count + 1, sizeof(*offsets));
    if (offsets == NULL)
        return false;
    uint64_t total = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (sl_bit_get(out->present, i))
            total += view_slice(refs[i].store, refs[i].row, column).size_bytes;
        if (total > UINT32_MAX)
            return false;
        offsets[i + 1] = (uint32_t)total;
    }
    uint8_t *bytes = sl_arena_alloc(arena, (size_t)total);
    if (bytes == NULL)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t size_bytes = offsets[i + 1] - offsets[i];
        if (size_bytes != 0)
            memcpy(bytes + offsets[i], view_slice(refs[i].store, refs[i].row, column).bytes,
                   size_bytes);
    }
    out->offsets = offsets;
    out->bytes = bytes;
    return true;
}

sl_status
sl_row_store_gather(const struct sl_row_ref *refs, uint32_t count, uint32_t column,
                    struct sl_arena *arena, struct sl_vector *out_vector, struct sl_error *err)
{
    SL_ASSERT(count != 0);
    const struct sl_row_store *first = refs[0].store;
    size_t bytes = first->columns[column].value_bytes;
    struct sl_vector out = view_column(first, column);
    if (out.type == SL_TYPE_NULL) {
        *out_vector =
            (struct sl_vector){.type = SL_TYPE_NULL, .encoding = SL_CONSTANT, .count = count};
        return SL_OK;
    }
    uint64_t *present = sl_arena_calloc(arena, sl_words_for(count), sizeof(*present));
    bool is_text = sl_type_is_bytes(out.type);
    uint8_t *values = sl_arena_calloc(arena, count, is_text ? 1 : sl_max_size(bytes, 1));

    if (present == NULL || values == NULL)
        return sl_exec_out_of_memory(first->exec, err);
    for (uint32_t i = 0; i < count; i++) {
        const struct sl_row_column *source = &refs[i].store->columns[column];
        present[i / 64] |= (uint64_t)sl_bit_get(source->present, refs[i].row) << i % 64;
        if (!is_text)
            memcpy(values + i * bytes, source->values + refs[i].row * bytes, bytes);
    }
    out.count = count;
    out.value_count = count;
    out.present = present;
    out.width = is_text ? 0 : (uint8_t)bytes;
    out.values = is_text ? NULL : values;
    if (is_text && !gather_text_column(refs, count, column, arena, &out))
        return sl_exec_out_of_memory(first->exec, err);
    *out_vector = out;
    return SL_OK;
}
