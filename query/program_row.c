/*
 * program_row.c - row functions over vectors: constants once, dictionaries by entry, the rest
 * row by row.
 */
#include "query/program_run.h"
#include "query/range_kernel.h"
#include "query/regex.h"
#include "query/value.h"
#include "storage/base/words.h"

enum {
    TEXT_FIRST_BYTES = 4096,
    ROW_WORK = 64, /* of a row, in bytes of text that cost as much */
    CHECK_WORK = 1024 * ROW_WORK,
};

/* Collects one vector of results. */
struct writer {
    struct sl_run *run;
    struct sl_vector vector;
    uint8_t *values;
    uint32_t *offsets;
    uint8_t *bytes;
    size_t bytes_used;
    size_t bytes_capacity;
    uint64_t *present;
    bool has_null;
};

static sl_status
writer_init(struct writer *w, struct sl_run *run, const struct sl_sql_type *type)
{
    size_t width = sl_type_bytes(type->type);

    *w = (struct writer){.run = run};
    w->vector = (struct sl_vector){.type = type->type,
                                   .encoding = SL_PLAIN,
                                   .width = (uint8_t)width,
                                   .scale = type->scale,
                                   .count = run->count,
                                   .value_count = run->count};
    w->present = sl_arena_calloc(run->arena, sl_words_for(run->count), sizeof(uint64_t));
    if (width == 0)
        w->offsets = sl_arena_calloc(run->arena, (size_t)run->count + 1, sizeof(uint32_t));
    else
        w->values = sl_arena_calloc(run->arena, run->count, width);
    if (w->present == NULL || (w->values == NULL && w->offsets == NULL))
        return sl_fail_memory(run->err);
    return SL_OK;
}

static sl_status
write_bytes(struct writer *w, struct sl_slice slice)
{
    if (slice.size_bytes > w->bytes_capacity - w->bytes_used) {
        size_t capacity = sl_max_size(w->bytes_capacity * 2, TEXT_FIRST_BYTES);
        capacity = sl_max_size(capacity, w->bytes_used + slice.size_bytes);
        uint8_t *grown = capacity > UINT32_MAX ? NULL : sl_arena_alloc(w->run->arena, capacity);
        if (grown == NULL)
            return sl_fail_memory(w->run->err);
        if (w->bytes_used > 0)
            memcpy(grown, w->bytes, w->bytes_used);
        w->bytes = grown;
        w->bytes_capacity = capacity;
    }
    SL_ASSERT(slice.size_bytes == 0 || w->bytes != NULL);
    if (slice.size_bytes > 0)
        memcpy(&w->bytes[w->bytes_used], slice.bytes, slice.size_bytes);
    w->bytes_used += slice.size_bytes;
    return SL_OK;
}

static sl_status
write_value(struct writer *w, uint32_t row, const struct sl_value *value)
{
    SL_ASSERT(w->offsets != NULL || w->values != NULL);
    if (value->is_null) {
        w->has_null = true;
    } else {
        sl_bit_set(w->present, row);
        if (w->offsets != NULL)
            SL_TRY(write_bytes(w, value->as.slice));
        else
            memcpy(&w->values[(size_t)row * w->vector.width], &value->as, w->vector.width);
    }
    if (w->offsets != NULL)
        w->offsets[row + 1] = (uint32_t)w->bytes_used;
    return SL_OK;
}

/* Rows that are left out stay NULL, with a readable value. */
static void
write_nothing(struct writer *w, uint32_t row)
{
    w->has_null = true;
    if (w->offsets != NULL)
        w->offsets[row + 1] = (uint32_t)w->bytes_used;
}

static void
writer_finish(struct writer *w, struct sl_register *out)
{
    w->vector.values = w->values;
    w->vector.offsets = w->offsets;
    w->vector.bytes = w->bytes != NULL ? w->bytes : (const uint8_t *)"";
    w->vector.present = w->has_null ? w->present : NULL;
    *out = (struct sl_register){.vector = w->vector};
}

static int
compare_to_range(const void *key, const void *element)
{
    const struct sl_addr *addr = key;
    const struct sl_in_range *range = element;

    if (sl_addr_compare(*addr, range->first) < 0)
        return -1;
    return sl_addr_compare(*addr, range->last) > 0;
}

const struct sl_in_range *
sl_in_set_range(const struct sl_in_set *set, struct sl_addr addr)
{
    return bsearch(&addr, set->ranges, set->range_count, sizeof(*set->ranges), compare_to_range);
}

bool
sl_in_set_has(const struct sl_in_set *set, const struct sl_value *value)
{
    uint32_t low = 0, high = set->count;

    if (set->ranges != NULL)
        return sl_in_set_range(set, value->as.addr) != NULL;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = sl_value_compare(&set->values[middle], value, set->is_binary);
        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* One row of a call: the row function, or the prepared set. */
static sl_status
apply(struct sl_eval *eval, const struct sl_expr *call, const struct sl_in_set *set,
      const struct sl_value *args, struct sl_value *out)
{
    bool is_found = false;

    if (set == NULL || set->random != NULL)
        return sl_function_apply(eval, call, args, out);
    *out = (struct sl_value){.type = SL_TYPE_BOOL, .is_null = args[0].is_null};
    if (set->regex != NULL) {
        if (!args[0].is_null)
            SL_TRY(sl_regex_match(set->regex, eval, args[0].as.slice, &is_found));
        out->as.u64 = is_found;
        return SL_OK;
    }
    if (!args[0].is_null) {
        out->as.u64 = sl_in_set_has(set, &args[0]);
        out->is_null = out->as.u64 == 0 && set->has_null;
    }
    return SL_OK;
}

/* Bytes of a value that a function reads or writes. */
static size_t
bytes_of(const struct sl_value *value)
{
    return !value->is_null && sl_type_is_bytes(value->type) ? value->as.slice.size_bytes : 0;
}

static uint32_t
masked(const struct sl_run *run, const uint64_t *mask)
{
    return (uint32_t)sl_words_count(mask, sl_words_for(run->count));
}

static sl_status
run_rows(struct sl_run *run, const struct sl_expr *call, const struct sl_in_set *set,
         const struct sl_vector *args, uint32_t arg_count, const uint64_t *mask,
         struct sl_register *out)
{
    const struct sl_program_row_source *source = run->source;
    struct sl_eval eval = {.arena = run->arena,
                           .warnings = source->warnings,
                           .err = run->err,
                           .check = source->check,
                           .check_context = source->check_context};
    struct sl_value *values = sl_arena_calloc(run->arena, arg_count + 1, sizeof(*values));
    size_t row_work = ROW_WORK, work = 0;
    struct writer w;

    if (values == NULL)
        return sl_fail_memory(run->err);
    SL_TRY(writer_init(&w, run, &call->type));
    if (set != NULL && set->random != NULL)
        eval.random = sl_random_take(set->random, mask == NULL ? run->count : masked(run, mask));
    for (uint32_t i = 0; i < arg_count; i++) {
        if (args[i].encoding != SL_CONSTANT)
            continue;
        values[i] = sl_vector_value(&args[i], 0);
        row_work += bytes_of(&values[i]);
    }
    for (uint32_t row = 0; row < run->count; row++) {
        struct sl_value result;
        if (work >= CHECK_WORK && source->check != NULL) {
            SL_TRY(source->check(source->check_context, run->err));
            work = 0;
        }
        work += row_work;
        if (mask != NULL && !sl_bit_get(mask, row)) {
            write_nothing(&w, row);
            continue;
        }
        for (uint32_t i = 0; i < arg_count; i++) {
            if (args[i].encoding == SL_CONSTANT)
                continue;
            values[i] = sl_vector_value(&args[i], row);
            work += bytes_of(&values[i]);
        }
        SL_TRY(apply(&eval, call, set, values, &result));
        work += bytes_of(&result);
        SL_TRY(write_value(&w, row, &result));
    }
    writer_finish(&w, out);
    return SL_OK;
}

static void
make_constant(struct sl_register *reg, uint32_t count)
{
    bool is_null = reg->vector.present != NULL && !sl_bit_get(reg->vector.present, 0);

    reg->vector.encoding = SL_CONSTANT;
    reg->vector.count = count;
    reg->vector.value_count = is_null ? 0 : 1;
    reg->vector.present = NULL;
}

sl_status
sl_run_settle(struct sl_run *run, struct sl_vector *vector)
{
    if (vector->encoding != SL_CONSTANT || vector->present == NULL)
        return SL_OK;
    if (vector->value_count == 0) {
        vector->present = NULL;
        return SL_OK;
    }
    vector->codes = sl_arena_calloc(run->arena, (size_t)run->count + 1, sizeof(uint32_t));
    if (vector->codes == NULL)
        return sl_fail_memory(run->err);
    vector->encoding = SL_DICT;
    vector->is_sorted = true;
    return SL_OK;
}

/* All arguments are constant, and so is the result. *out_done is false when there is something to say of
 * it: then that is said of each row. */
static sl_status
run_constant(struct sl_run *run, const struct sl_expr *call, const struct sl_in_set *set,
             const struct sl_vector *args, uint32_t arg_count, struct sl_register *out,
             bool *out_done)
{
    struct sl_warnings said = {0};
    struct sl_program_row_source source = *run->source;
    struct sl_run one = *run;

    source.warnings = &said;
    one.source = &source;
    one.count = 1;
    *out = (struct sl_register){0};
    SL_TRY(run_rows(&one, call, set, args, arg_count, NULL, out));
    *out_done = sl_warnings_total(&said) == 0;
    make_constant(out, run->count);
    return SL_OK;
}

/* The one dictionary among the arguments when all others are constants; -1. */
static int
find_dictionary(const struct sl_vector *args, uint32_t arg_count, uint32_t count)
{
    int found = -1;

    for (uint32_t i = 0; i < arg_count; i++) {
        if (args[i].encoding == SL_CONSTANT)
            continue;
        if (args[i].encoding != SL_DICT || found >= 0 || args[i].value_count > count)
            return -1;
        found = (int)i;
    }
    return found;
}

/* A bit of each row from the bits of entries. False: memory. */
static bool
spread_bits(struct sl_run *run, const struct sl_vector *dict, const uint64_t *of_entries,
            uint64_t *out_bits)
{
    uint8_t *table = sl_arena_alloc(run->arena, dict->value_count);

    if (table == NULL || out_bits == NULL)
        return false;
    for (uint32_t i = 0; i < dict->value_count; i++)
        table[i] = sl_bit_get(of_entries, i) ? UINT8_MAX : 0;
    sl_range_kernels_best()->codes(dict->codes, run->count, table, out_bits);
    for (size_t w = 0; dict->present != NULL && w < sl_words_for(run->count); w++)
        out_bits[w] &= dict->present[w];
    return true;
}

/* Truth of rows from truth of entries. */
static sl_status
spread_truth(struct sl_run *run, const struct sl_vector *dict, const struct sl_register *entries,
             struct sl_register *out)
{
    struct sl_run inner = *run;
    const uint64_t *is_true, *known;
    uint64_t *truth = sl_run_bits(run);
    uint64_t *present = NULL;

    inner.count = dict->value_count;
    SL_TRY(sl_run_truth(&inner, entries, &is_true, &known));
    if (known != NULL)
        present = sl_run_bits(run);
    if (!spread_bits(run, dict, is_true, truth) ||
        (known != NULL && !spread_bits(run, dict, known, present)))
        return sl_fail_memory(run->err);
    *out = (struct sl_register){.truth = truth};
    out->vector = (struct sl_vector){.type = SL_TYPE_BOOL,
                                     .encoding = SL_PLAIN,
                                     .width = 1,
                                     .count = run->count,
                                     .value_count = run->count,
                                     .present = known == NULL ? dict->present : present};
    return SL_OK;
}

/* Codes of rows from those of entries, where the values of entries are a dictionary of their own. */
static const uint32_t *
spread_codes(struct sl_run *run, const struct sl_vector *dict, const uint32_t *entry_codes)
{
    uint32_t *codes = sl_arena_alloc(run->arena, (size_t)run->count * sizeof(*codes));

    for (uint32_t row = 0; row < run->count && codes != NULL; row++)
        codes[row] = entry_codes[dict->codes[row]];
    return codes;
}

/* Values of rows from values of entries: the codes stay. */
static sl_status
spread_values(struct sl_run *run, const struct sl_vector *dict, const struct sl_register *entries,
              struct sl_register *out)
{
    *out = (struct sl_register){.vector = entries->vector};
    out->vector.count = run->count;
    if (entries->vector.encoding == SL_CONSTANT) {
        out->vector.present = dict->present;
        return sl_run_settle(run, &out->vector);
    }
    if (entries->vector.encoding == SL_DICT) {
        out->vector.codes = spread_codes(run, dict, entries->vector.codes);
        if (out->vector.codes == NULL)
            return sl_fail_memory(run->err);
    } else {
        out->vector.encoding = SL_DICT;
        out->vector.codes = dict->codes;
        out->vector.value_count = dict->value_count;
        out->vector.is_sorted = false;
    }
    out->vector.dictionary = 0;
    out->vector.present = dict->present;
    if (entries->vector.present == NULL)
        return SL_OK;
    uint64_t *present = sl_run_bits(run);
    if (present == NULL)
        return sl_fail_memory(run->err);
    memset(present, 0, sl_words_for(run->count) * sizeof(uint64_t));
    for (uint32_t row = 0; row < run->count; row++)
        if (sl_bit_get(entries->vector.present, dict->codes[row]) && !sl_vector_is_null(dict, row))
            sl_bit_set(present, row);
    out->vector.present = present;
    return SL_OK;
}

/* A call over the entries of a dictionary. *out_done is false when an entry that perhaps no row
 * has failed, or there is something to say of one: then the rows decide. */
static sl_status
run_dictionary(struct sl_run *run, const struct sl_expr *call, const struct sl_in_set *set,
               const struct sl_vector *args, uint32_t arg_count, uint32_t index,
               struct sl_register *out, bool *out_done)
{
    const struct sl_vector *dict = &args[index];
    struct sl_warnings said = {0};
    struct sl_program_row_source source = *run->source;
    struct sl_run inner = {.count = dict->value_count, .arena = run->arena, .source = &source};
    struct sl_vector *over = sl_arena_alloc(run->arena, arg_count * sizeof(*over));
    struct sl_register entries;

    *out_done = false;
    source.warnings = &said;
    if (over == NULL)
        return sl_fail_memory(run->err);
    memcpy(over, args, arg_count * sizeof(*over));
    for (uint32_t i = 0; i < arg_count; i++)
        over[i].count = dict->value_count;
    over[index].encoding = SL_PLAIN;
    over[index].codes = NULL;
    over[index].present = NULL;
    if (sl_run_call(&inner, call, set, over, arg_count, NULL, &entries) != SL_OK ||
        sl_warnings_total(&said) != 0)
        return SL_OK;
    *out_done = true;
    return entries.truth != NULL || call->type.type == SL_TYPE_BOOL
               ? spread_truth(run, dict, &entries, out)
               : spread_values(run, dict, &entries, out);
}

sl_status
sl_run_call(struct sl_run *run, const struct sl_expr *call, const struct sl_in_set *set,
            const struct sl_vector *args, uint32_t arg_count, const uint64_t *mask,
            struct sl_register *out)
{
    bool is_constant = (call->function->flags & SL_FN_VOLATILE) == 0, is_done = false;

    for (uint32_t i = 0; i < arg_count; i++)
        is_constant &= args[i].encoding == SL_CONSTANT;
    if (is_constant) {
        SL_TRY(run_constant(run, call, set, args, arg_count, out, &is_done));
        return is_done ? SL_OK : run_rows(run, call, set, args, arg_count, mask, out);
    }
    SL_TRY(sl_kernel_call(run, call, set, args, arg_count, mask, out, &is_done));
    if (is_done)
        return SL_OK;
    int dict = find_dictionary(args, arg_count, run->count);
    bool keeps_null = (call->function->flags & SL_FN_STRICT) != 0 || set != NULL;
    if (dict >= 0 && args[dict].value_count > 0 && (keeps_null || args[dict].present == NULL)) {
        SL_TRY(run_dictionary(run, call, set, args, arg_count, (uint32_t)dict, out, &is_done));
        if (is_done)
            return SL_OK;
    }
    return run_rows(run, call, set, args, arg_count, mask, out);
}
