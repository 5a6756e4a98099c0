/*
 * program.c - compile an expression to steps, which program_run.c runs in their order.
 *
 * Masks. A step runs under a mask, a set of rows. Mask 0 is the caller's selection; others are
 * derived from a register: the rows where a condition is true, not true, or not false. So the
 * right side of AND is computed only where the left is not false, a branch of IF only where it
 * is chosen: an overflow in a branch that no row takes is not an error, and a selective first
 * condition makes the others cheap. A step whose mask is empty is skipped and yields NULLs.
 */
#include "query/program_step.h"

#include "query/regex.h"
#include "query/value.h"

struct compiler {
    struct sl_program *program;
    struct sl_arena *arena;
    struct sl_error *err;
};

enum {
    MEMO_STEPS = 64, /* steps that are searched for the same expression */
    FIRST_STEPS = 2, /* a column alone is one; most programs are small, and many */
};

static sl_status compile(struct compiler *c, const struct sl_expr *expr, uint32_t mask,
                         uint32_t *out_register);

static void *
grow(struct compiler *c, void *array, size_t element_bytes, uint32_t count, uint32_t *capacity)
{
    if (count < *capacity)
        return array;
    uint32_t wanted = *capacity == 0 ? FIRST_STEPS : *capacity * 2;
    void *grown = sl_arena_calloc(c->arena, wanted, element_bytes);
    if (grown == NULL) {
        (void)sl_fail_memory(c->err);
        return NULL;
    }
    if (count > 0)
        memcpy(grown, array, count * element_bytes);
    *capacity = wanted;
    return grown;
}

static sl_status
add_step(struct compiler *c, enum step_kind kind, const struct sl_expr *expr, uint32_t mask,
         uint32_t arg_count, struct step **out_step)
{
    struct sl_program *p = c->program;
    struct step *grown = grow(c, p->steps, sizeof(*grown), p->step_count, &p->step_capacity);

    if (grown == NULL)
        return SL_LIMIT;
    p->steps = grown;
    struct step *step = &p->steps[p->step_count++];
    *step = (struct step){.kind = kind, .expr = expr, .mask = mask, .arg_count = arg_count};
    step->args = sl_arena_calloc(c->arena, arg_count + 1, sizeof(uint32_t));
    *out_step = step;
    return step->args == NULL ? sl_fail_memory(c->err) : SL_OK;
}

static sl_status
add_value_step(struct compiler *c, enum step_kind kind, const struct sl_expr *expr, uint32_t mask,
               const uint32_t *args, uint32_t arg_count, uint32_t *out_register)
{
    struct step *step;

    SL_TRY(add_step(c, kind, expr, mask, arg_count, &step));
    if (arg_count > 0)
        memcpy(step->args, args, arg_count * sizeof(uint32_t));
    step->out = c->program->register_count++;
    *out_register = step->out;
    return SL_OK;
}

static sl_status
add_mask(struct compiler *c, enum step_kind kind, uint32_t mask, uint32_t condition,
         uint32_t *out_mask)
{
    struct sl_program *p = c->program;
    struct step *step;
    uint32_t *grown = grow(c, p->mask_parents, sizeof(*grown), p->mask_count, &p->mask_capacity);

    if (grown == NULL)
        return SL_LIMIT;
    p->mask_parents = grown;
    SL_TRY(add_step(c, kind, NULL, mask, 1, &step));
    step->args[0] = condition;
    step->out = p->mask_count;
    p->mask_parents[p->mask_count++] = mask;
    *out_mask = step->out;
    return SL_OK;
}

/* Is `mask` within `outer`: the same, or derived from it? */
static bool
is_within(const struct sl_program *p, uint32_t mask, uint32_t outer)
{
    while (mask > outer)
        mask = p->mask_parents[mask];
    return mask == outer;
}

/* The expression may have been computed already, for at least these rows. */
static bool
find_same(const struct compiler *c, const struct sl_expr *expr, uint32_t mask,
          uint32_t *out_register)
{
    const struct sl_program *p = c->program;

    for (uint32_t i = 0; i < p->step_count && i < MEMO_STEPS; i++) {
        const struct step *step = &p->steps[p->step_count - 1 - i];
        bool is_slot = step->expr != NULL && step->kind == STEP_LOAD &&
                       expr->kind == step->expr->kind && expr->slot == step->expr->slot;
        if (step->kind < STEP_MASK_TRUE && (step->expr == expr || is_slot) &&
            is_within(p, mask, step->mask)) {
            *out_register = step->out;
            return true;
        }
    }
    return false;
}

static sl_status
compile_const(struct compiler *c, const struct sl_expr *expr, uint32_t *out_register)
{
    const struct sl_value *value = &expr->value;
    uint32_t *offsets;

    SL_TRY(add_value_step(c, STEP_CONST, expr, 0, NULL, 0, out_register));
    struct sl_vector *v = &c->program->steps[c->program->step_count - 1].constant;
    *v = (struct sl_vector){.type = expr->type.type,
                            .encoding = SL_CONSTANT,
                            .width = (uint8_t)sl_type_bytes(expr->type.type),
                            .scale = expr->type.scale,
                            .value_count = value->is_null ? 0 : 1};
    if (value->is_null)
        return SL_OK;
    if (sl_type_is_bytes(expr->type.type)) {
        offsets = sl_arena_calloc(c->arena, 2, sizeof(*offsets));
        if (offsets == NULL)
            return sl_fail_memory(c->err);
        offsets[1] = value->as.slice.size_bytes;
        v->offsets = offsets;
        v->bytes = value->as.slice.bytes;
    } else {
        v->values = &value->as;
    }
    return SL_OK;
}

static int
compare_values(const void *a, const void *b)
{
    return sl_value_compare(a, b, false);
}

static int
compare_binary(const void *a, const void *b)
{
    return sl_value_compare(a, b, true);
}

/* IN over constants: sort them once. *out_set stays NULL when an element is no constant. */
static sl_status
prepare_set(struct compiler *c, const struct sl_expr *call, struct sl_in_set **out_set)
{
    struct sl_in_set *set = sl_arena_calloc(c->arena, 1, sizeof(*set));
    bool is_small = true;

    *out_set = NULL;
    for (uint32_t i = 1; i < call->arg_count; i++)
        if (call->args[i]->kind != SL_EXPR_CONST)
            return SL_OK;
    if (set == NULL)
        return sl_fail_memory(c->err);
    set->is_binary = call->type.is_binary;
    set->values = sl_arena_calloc(c->arena, call->arg_count, sizeof(*set->values));
    if (set->values == NULL)
        return sl_fail_memory(c->err);
    for (uint32_t i = 1; i < call->arg_count; i++) {
        const struct sl_value *value = &call->args[i]->value;
        if (value->is_null) {
            set->has_null = true;
            continue;
        }
        is_small &= sl_type_is_integer(value->type) && value->as.u64 < 65536;
        set->values[set->count++] = *value;
    }
    qsort(set->values, set->count, sizeof(*set->values),
          set->is_binary ? compare_binary : compare_values);
    if (is_small) {
        set->bits = sl_arena_calloc(c->arena, 65536 / 64, sizeof(uint64_t));
        if (set->bits == NULL)
            return sl_fail_memory(c->err);
        for (uint32_t i = 0; i < set->count; i++)
            sl_bit_set(set->bits, set->values[i].as.u64);
    }
    *out_set = set;
    return SL_OK;
}

/* IN_RANGES over constants, which are in order already. */
static sl_status
prepare_ranges(struct compiler *c, const struct sl_expr *call, struct sl_in_set **out_set)
{
    struct sl_in_set *set = sl_arena_calloc(c->arena, 1, sizeof(*set));
    uint32_t count = (call->arg_count - 1) / 2;

    *out_set = NULL;
    for (uint32_t i = 1; i < call->arg_count; i++)
        if (call->args[i]->kind != SL_EXPR_CONST || call->args[i]->value.is_null)
            return SL_OK;
    if (set == NULL)
        return sl_fail_memory(c->err);
    set->ranges = sl_arena_calloc(c->arena, count, sizeof(*set->ranges));
    if (set->ranges == NULL)
        return sl_fail_memory(c->err);
    for (uint32_t i = 0; i < count; i++)
        set->ranges[i] = (struct sl_in_range){.first = call->args[1 + 2 * i]->value.as.addr,
                                              .last = call->args[2 + 2 * i]->value.as.addr};
    set->range_count = count;
    *out_set = set;
    return SL_OK;
}

/* REGEXP with a constant pattern: compiled once. */
static sl_status
prepare_regex(struct compiler *c, const struct sl_expr *call, struct sl_in_set **out_set)
{
    const struct sl_expr *pattern = call->args[1];

    if (pattern->kind != SL_EXPR_CONST || pattern->value.is_null)
        return SL_OK;
    *out_set = sl_arena_calloc(c->arena, 1, sizeof(**out_set));
    if (*out_set == NULL)
        return sl_fail_memory(c->err);
    return sl_regex_compile(pattern->value.as.slice, call->type.is_binary, c->arena,
                            &(*out_set)->regex, c->err);
}

/* RAND with a constant seed: one sequence for the statement. */
static sl_status
prepare_random(struct compiler *c, const struct sl_expr *call, struct sl_in_set **out_set)
{
    if (call->arg_count == 0 || call->args[0]->kind != SL_EXPR_CONST)
        return SL_OK;
    const struct sl_value *seed = &call->args[0]->value;
    struct sl_in_set *set = sl_arena_calloc(c->arena, 1, sizeof(*set));
    _Atomic uint64_t *state = sl_arena_calloc(c->arena, 1, sizeof(*state));
    if (set == NULL || state == NULL)
        return sl_fail_memory(c->err);
    atomic_init(state, sl_random_start(seed->is_null ? 0 : (uint32_t)seed->as.i64));
    set->random = state;
    *out_set = set;
    return SL_OK;
}

static sl_status
compile_call(struct compiler *c, const struct sl_expr *expr, uint32_t mask, uint32_t *out_register)
{
    struct sl_in_set *set = NULL;
    uint32_t count = expr->arg_count;

    if (expr->function->id == SL_FN_IN)
        SL_TRY(prepare_set(c, expr, &set));
    if (expr->function->id == SL_FN_IN_RANGES)
        SL_TRY(prepare_ranges(c, expr, &set));
    if (expr->function->id == SL_FN_REGEXP)
        SL_TRY(prepare_regex(c, expr, &set));
    if (expr->function->id == SL_FN_RAND)
        SL_TRY(prepare_random(c, expr, &set));
    if (set != NULL)
        count = 1;
    uint32_t *args = sl_arena_calloc(c->arena, count + 1, sizeof(*args));
    if (args == NULL)
        return sl_fail_memory(c->err);
    for (uint32_t i = 0; i < count; i++)
        SL_TRY(compile(c, expr->args[i], mask, &args[i]));
    SL_TRY(add_value_step(c, STEP_CALL, expr, mask, args, count, out_register));
    c->program->steps[c->program->step_count - 1].set = set;
    return SL_OK;
}

static sl_status
compile_logic(struct compiler *c, const struct sl_expr *expr, uint32_t mask, uint32_t *out_register)
{
    bool is_and = expr->function->id == SL_FN_AND;
    uint32_t args[2] = {0}, inner = 0;

    SL_TRY(compile(c, expr->args[0], mask, &args[0]));
    SL_TRY(add_mask(c, is_and ? STEP_MASK_NOT_FALSE : STEP_MASK_NOT_TRUE, mask, args[0], &inner));
    SL_TRY(compile(c, expr->args[1], inner, &args[1]));
    return add_value_step(c, is_and ? STEP_AND : STEP_OR, expr, mask, args, 2, out_register);
}

static sl_status
compile_if(struct compiler *c, const struct sl_expr *expr, uint32_t mask, uint32_t *out_register)
{
    uint32_t args[3] = {0}, inner = 0;

    SL_TRY(compile(c, expr->args[0], mask, &args[0]));
    SL_TRY(add_mask(c, STEP_MASK_TRUE, mask, args[0], &inner));
    SL_TRY(compile(c, expr->args[1], inner, &args[1]));
    SL_TRY(add_mask(c, STEP_MASK_NOT_TRUE, mask, args[0], &inner));
    SL_TRY(compile(c, expr->args[2], inner, &args[2]));
    return add_value_step(c, STEP_MERGE, expr, mask, args, 3, out_register);
}

static sl_status
note_input(struct compiler *c, uint32_t slot)
{
    struct sl_program *p = c->program;
    uint32_t words = slot / 64 + 1;

    if (words > p->input_words) {
        uint64_t *grown = sl_arena_calloc(c->arena, words, sizeof(*grown));
        if (grown == NULL)
            return sl_fail_memory(c->err);
        if (p->input_words > 0)
            memcpy(grown, p->inputs_read, p->input_words * sizeof(*grown));
        p->inputs_read = grown;
        p->input_words = words;
    }
    sl_bit_set(p->inputs_read, slot);
    return SL_OK;
}

static sl_status
compile(struct compiler *c, const struct sl_expr *expr, uint32_t mask, uint32_t *out_register)
{
    if (expr->kind != SL_EXPR_CONST && find_same(c, expr, mask, out_register))
        return SL_OK;
    switch (expr->kind) {
    case SL_EXPR_CONST:
        return compile_const(c, expr, out_register);
    case SL_EXPR_INPUT:
        SL_TRY(note_input(c, expr->slot));
        return add_value_step(c, STEP_LOAD, expr, 0, NULL, 0, out_register);
    case SL_EXPR_KEY:
    case SL_EXPR_AGGREGATE:
        return add_value_step(c, STEP_LOAD, expr, 0, NULL, 0, out_register);
    case SL_EXPR_PARAMETER:
        return sl_fail(c->err, SL_TYPE, "parameter %u has no value", expr->slot + 1);
    case SL_EXPR_SUBQUERY:
        return sl_fail(c->err, SL_TYPE, "a subquery has no value here");
    case SL_EXPR_CALL:
        break;
    }
    switch (expr->function->id) {
    case SL_FN_AND:
    case SL_FN_OR:
        return compile_logic(c, expr, mask, out_register);
    case SL_FN_IF:
        return compile_if(c, expr, mask, out_register);
    default:
        return compile_call(c, expr, mask, out_register);
    }
}

sl_status
sl_program_compile(const struct sl_expr *expr, struct sl_arena *arena,
                   struct sl_program **out_program, struct sl_error *err)
{
    struct compiler c = {.arena = arena, .err = err};

    *out_program = NULL;
    c.program = sl_arena_calloc(arena, 1, sizeof(*c.program));
    if (c.program == NULL)
        return sl_fail_memory(err);
    c.program->mask_count = 1;
    c.program->mask_parents = grow(&c, NULL, sizeof(uint32_t), 0, &c.program->mask_capacity);
    if (c.program->mask_parents == NULL)
        return SL_LIMIT;
    SL_TRY(compile(&c, expr, 0, &c.program->result));
    *out_program = c.program;
    return SL_OK;
}

bool
sl_program_reads_input(const struct sl_program *program, uint32_t slot)
{
    return slot / 64 < program->input_words && sl_bit_get(program->inputs_read, slot);
}

bool
sl_program_loads(const struct sl_program *program, enum sl_expr_kind kind, uint32_t slot)
{
    for (uint32_t i = 0; i < program->step_count; i++) {
        const struct step *step = &program->steps[i];
        if (step->kind == STEP_LOAD && step->expr->kind == kind && step->expr->slot == slot)
            return true;
    }
    return false;
}
