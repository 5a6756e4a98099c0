/*
 * program_run.c - run a program's steps, each under its mask (program.c says what that is).
 */
#include "query/program_step.h"

#include "query/value.h"

uint64_t *
sl_run_bits(struct sl_run *run)
{
    return sl_arena_alloc(run->arena, sl_words_for(run->count) * sizeof(uint64_t) + 8);
}

static uint64_t
tail_bits(uint32_t count)
{
    return count % 64 == 0 ? ~UINT64_C(0) : (UINT64_C(1) << count % 64) - 1;
}

static void
fill_bits(uint64_t *bits, uint32_t count, bool value)
{
    size_t words = sl_words_for(count);

    memset(bits, value ? 0xff : 0, words * sizeof(*bits));
    if (value && words > 0)
        bits[words - 1] = tail_bits(count);
}

sl_status
sl_run_truth(struct sl_run *run, const struct sl_register *reg, const uint64_t **out_true,
             const uint64_t **out_known)
{
    const struct sl_vector *v = &reg->vector;
    uint64_t *bits;

    *out_known = v->present;
    *out_true = reg->truth;
    if (reg->truth != NULL)
        return SL_OK;
    bits = sl_run_bits(run);
    if (bits == NULL)
        return sl_fail_memory(run->err);
    *out_true = bits;
    if (v->encoding == SL_CONSTANT) {
        bool is_null = v->value_count == 0;
        fill_bits(bits, run->count, !is_null && sl_vector_entry_u64(v, 0) != 0);
        if (is_null)
            *out_known = bits;
        for (size_t w = 0; v->present != NULL && !is_null && w < sl_words_for(run->count); w++)
            bits[w] &= v->present[w];
        return SL_OK;
    }
    fill_bits(bits, run->count, false);
    for (uint32_t row = 0; row < run->count; row++)
        bits[row / 64] |= (uint64_t)(!sl_vector_is_null(v, row) && sl_vector_u64(v, row) != 0)
                          << row % 64;
    return SL_OK;
}

sl_status
sl_run_vector(struct sl_run *run, const struct sl_register *reg, struct sl_vector *out_vector)
{
    *out_vector = reg->vector;
    if (reg->truth == NULL)
        return SL_OK;
    uint8_t *values = sl_arena_alloc(run->arena, run->count + 1);
    if (values == NULL)
        return sl_fail_memory(run->err);
    for (uint32_t row = 0; row < run->count; row++)
        values[row] = sl_bit_get(reg->truth, row);
    out_vector->encoding = SL_PLAIN;
    out_vector->width = 1;
    out_vector->count = out_vector->value_count = run->count;
    out_vector->values = values;
    return SL_OK;
}

static sl_status
run_logic(struct sl_run *run, bool is_and, const struct sl_register *a, const struct sl_register *b,
          struct sl_register *out)
{
    const uint64_t *at, *ak, *bt, *bk;
    uint64_t *truth = sl_run_bits(run);
    uint64_t *known = sl_run_bits(run);
    size_t words = sl_words_for(run->count);

    SL_TRY(sl_run_truth(run, a, &at, &ak));
    SL_TRY(sl_run_truth(run, b, &bt, &bk));
    if (truth == NULL || known == NULL)
        return sl_fail_memory(run->err);
    for (size_t w = 0; w < words; w++)
        truth[w] = is_and ? at[w] & bt[w] : at[w] | bt[w];
    for (size_t w = 0; w < words && (ak != NULL || bk != NULL); w++) {
        uint64_t all = w + 1 == words ? tail_bits(run->count) : ~UINT64_C(0);
        uint64_t af = (ak == NULL ? all : ak[w]) & ~at[w];
        uint64_t bf = (bk == NULL ? all : bk[w]) & ~bt[w];
        known[w] = truth[w] | (is_and ? af | bf : af & bf);
    }
    *out = (struct sl_register){.truth = truth};
    out->vector = (struct sl_vector){.type = SL_TYPE_BOOL,
                                     .encoding = SL_PLAIN,
                                     .width = 1,
                                     .count = run->count,
                                     .value_count = run->count,
                                     .present = ak == NULL && bk == NULL ? NULL : known};
    return SL_OK;
}

/* NOT, IS TRUE, IS FALSE: bits to bits. */
static sl_status
run_truth(struct sl_run *run, enum sl_function_id id, const struct sl_register *arg,
          struct sl_register *out)
{
    const uint64_t *is_true = NULL, *known = NULL;
    uint64_t *truth = sl_run_bits(run);
    size_t words = sl_words_for(run->count);

    SL_TRY(sl_run_truth(run, arg, &is_true, &known));
    if (truth == NULL)
        return sl_fail_memory(run->err);
    for (size_t w = 0; w < words; w++) {
        uint64_t all = w + 1 == words ? tail_bits(run->count) : ~UINT64_C(0);
        truth[w] =
            id == SL_FN_IS_TRUE ? is_true[w] : (known == NULL ? all : known[w]) & ~is_true[w];
    }
    *out = (struct sl_register){.truth = truth};
    out->vector = (struct sl_vector){.type = SL_TYPE_BOOL,
                                     .encoding = SL_PLAIN,
                                     .width = 1,
                                     .count = run->count,
                                     .value_count = run->count,
                                     .present = id == SL_FN_NOT ? known : NULL};
    return SL_OK;
}

/* Is the condition the same for every row? */
static bool
is_constant(const struct sl_register *condition)
{
    const struct sl_vector *v = &condition->vector;
    return condition->truth == NULL && v->encoding == SL_CONSTANT && v->present == NULL;
}

/* Does such a condition keep the rows? */
static bool
keeps_rows(enum step_kind kind, const struct sl_vector *condition)
{
    bool is_null = condition->value_count == 0;
    bool is_true = !is_null && sl_vector_entry_u64(condition, 0) != 0;
    if (kind == STEP_MASK_TRUE)
        return is_true;
    return kind == STEP_MASK_NOT_TRUE ? !is_true : is_null || is_true;
}

static sl_status
run_mask(struct sl_run *run, const struct step *step, const struct sl_register *condition,
         const uint64_t *outer, const uint64_t **out_mask)
{
    const uint64_t *is_true = NULL, *known = NULL;
    uint64_t *mask = sl_run_bits(run);
    size_t words = sl_words_for(run->count);

    SL_TRY(sl_run_truth(run, condition, &is_true, &known));
    if (mask == NULL)
        return sl_fail_memory(run->err);
    /* What is known and not true is false. */
    if (step->kind == STEP_MASK_NOT_TRUE)
        for (size_t w = 0; w < words; w++)
            mask[w] = ~is_true[w];
    else if (step->kind == STEP_MASK_NOT_FALSE && known != NULL)
        for (size_t w = 0; w < words; w++)
            mask[w] = is_true[w] | ~known[w];
    else
        memcpy(mask, is_true, words * sizeof(*mask));
    for (size_t w = 0; w < words && outer != NULL; w++)
        mask[w] &= outer[w];
    if (words != 0)
        mask[words - 1] &= tail_bits(run->count);
    *out_mask = mask;
    return SL_OK;
}

/* CASE and IF: an IF over two vectors is one row function away. */
static sl_status
run_merge(struct sl_run *run, const struct step *step, struct sl_register *registers,
          const uint64_t *mask, struct sl_register *out)
{
    struct sl_vector args[3];
    struct sl_expr call = *step->expr;

    for (uint32_t i = 0; i < 3; i++) {
        SL_TRY(sl_run_vector(run, &registers[step->args[i]], &args[i]));
        args[i].count = run->count;
    }
    return sl_run_call(run, &call, NULL, args, 3, mask, out);
}

static bool
is_empty(const uint64_t *mask, uint32_t count)
{
    uint64_t any = 0;

    if (mask == NULL)
        return count == 0;
    for (size_t w = 0; w < sl_words_for(count); w++)
        any |= mask[w];
    return any == 0;
}

static sl_status
run_call(struct sl_run *run, const struct step *step, const struct sl_register *registers,
         const uint64_t *mask, struct sl_register *out)
{
    struct sl_vector small[4], *args = small;
    enum sl_function_id id = step->expr->function->id;

    if (id == SL_FN_NOT || id == SL_FN_IS_TRUE || id == SL_FN_IS_FALSE)
        return run_truth(run, id, &registers[step->args[0]], out);
    if (step->arg_count > SL_COUNTOF(small))
        args = sl_arena_alloc(run->arena, step->arg_count * sizeof(*args));
    if (args == NULL)
        return sl_fail_memory(run->err);
    for (uint32_t i = 0; i < step->arg_count; i++)
        SL_TRY(sl_run_vector(run, &registers[step->args[i]], &args[i]));
    return sl_run_call(run, step->expr, step->set, args, step->arg_count, mask, out);
}

static sl_status
run_step(struct sl_run *run, const struct step *step, const struct sl_program_row_source *source,
         struct sl_register *registers, const uint64_t **masks, bool *mask_is_empty)
{
    struct sl_register *out = &registers[step->out];
    const uint64_t *mask = masks[step->mask];

    if (step->kind >= STEP_MASK_TRUE) {
        const struct sl_register *condition = &registers[step->args[0]];
        masks[step->out] = mask;
        mask_is_empty[step->out] = mask_is_empty[step->mask];
        if (mask_is_empty[step->mask])
            return SL_OK;
        if (is_constant(condition)) {
            mask_is_empty[step->out] = !keeps_rows(step->kind, &condition->vector);
            return SL_OK;
        }
        SL_TRY(run_mask(run, step, condition, mask, &masks[step->out]));
        mask_is_empty[step->out] = is_empty(masks[step->out], run->count);
        return SL_OK;
    }
    if (step->kind == STEP_LOAD) {
        const struct sl_vector *from = step->expr->kind == SL_EXPR_INPUT ? source->inputs
                                       : step->expr->kind == SL_EXPR_KEY ? source->keys
                                                                         : source->aggregates;
        *out = (struct sl_register){.vector = from[step->expr->slot]};
        return sl_run_settle(run, &out->vector);
    }
    if (step->kind == STEP_CONST) {
        *out = (struct sl_register){.vector = step->constant};
        out->vector.count = run->count;
        return SL_OK;
    }
    if (mask_is_empty[step->mask]) {
        *out =
            (struct sl_register){.vector = {.type = step->expr->type.type,
                                            .encoding = SL_CONSTANT,
                                            .width = (uint8_t)sl_type_bytes(step->expr->type.type),
                                            .scale = step->expr->type.scale,
                                            .count = run->count}};
        return SL_OK;
    }
    if (step->kind == STEP_AND || step->kind == STEP_OR)
        return run_logic(run, step->kind == STEP_AND, &registers[step->args[0]],
                         &registers[step->args[1]], out);
    return step->kind == STEP_MERGE ? run_merge(run, step, registers, mask, out)
                                    : run_call(run, step, registers, mask, out);
}

static sl_status
run_all(const struct sl_program *program, struct sl_run *run,
        const struct sl_program_row_source *source, const uint64_t *selection,
        struct sl_register **out_result)
{
    struct sl_register *registers =
        sl_arena_calloc(run->arena, program->register_count, sizeof(*registers));
    const uint64_t **masks = sl_arena_calloc(run->arena, program->mask_count, sizeof(*masks));
    bool *mask_is_empty = sl_arena_calloc(run->arena, program->mask_count, sizeof(bool));

    if (registers == NULL || masks == NULL || mask_is_empty == NULL)
        return sl_fail_memory(run->err);
    masks[0] = selection;
    mask_is_empty[0] = is_empty(selection, run->count);
    for (uint32_t i = 0; i < program->step_count; i++)
        SL_TRY(run_step(run, &program->steps[i], source, registers, masks, mask_is_empty));
    *out_result = &registers[program->result];
    return SL_OK;
}

sl_status
sl_program_run(const struct sl_program *program, const struct sl_program_row_source *source,
               uint32_t count, const uint64_t *selection, struct sl_arena *arena,
               struct sl_vector *out_vector, struct sl_error *err)
{
    struct sl_run run = {.count = count, .arena = arena, .err = err, .source = source};
    struct sl_register *result = NULL;

    SL_TRY(run_all(program, &run, source, selection, &result));
    SL_ASSERT(result != NULL);
    return sl_run_vector(&run, result, out_vector);
}

sl_status
sl_program_filter(const struct sl_program *program, const struct sl_program_row_source *source,
                  uint32_t count, uint64_t *selection, struct sl_arena *arena, struct sl_error *err)
{
    struct sl_run run = {.count = count, .arena = arena, .err = err, .source = source};
    struct sl_register *result = NULL;
    const uint64_t *is_true = NULL, *known = NULL;

    SL_TRY(run_all(program, &run, source, selection, &result));
    SL_ASSERT(result != NULL);
    SL_TRY(sl_run_truth(&run, result, &is_true, &known));
    SL_ASSERT(is_true != NULL);
    for (size_t w = 0; w < sl_words_for(count); w++)
        selection[w] &= is_true[w];
    return SL_OK;
}
