/*
 * function.c - the table itself, look-up, and the rules of NULL.
 */
#include "query/function.h"

#include <strings.h>

#include "query/function_row.h"
#include "query/types.h"

static const struct sl_function functions[] = {
#define SL_FUNCTION(id_, name_, low, high, flags_, signature_, type_, row_) \
    [SL_FN_##id_] = {.id = SL_FN_##id_,                                     \
                     .name = (name_),                                       \
                     .arg_min = (low),                                      \
                     .arg_max = (high),                                     \
                     .flags = (flags_),                                     \
                     .signature = (signature_),                             \
                     .type = (type_),                                       \
                     .row = (row_)},
#define SL_ALIAS(name, id)
#include "query/function.def"
#undef SL_FUNCTION
#undef SL_ALIAS
};

static const struct {
    const char *name;
    enum sl_function_id id;
} aliases[] = {
#define SL_FUNCTION(id_, name_, low, high, flags_, signature_, type_, row_)
#define SL_ALIAS(name_, id_) {(name_), SL_FN_##id_},
#include "query/function.def"
#undef SL_FUNCTION
#undef SL_ALIAS
};

const struct sl_function *
sl_function_at(enum sl_function_id id)
{
    SL_ASSERT((unsigned)id < SL_FN_COUNT);
    return &functions[id];
}

static bool
is_name(const char *candidate, const uint8_t *name, size_t name_bytes)
{
    return strlen(candidate) == name_bytes &&
           strncasecmp(candidate, (const char *)name, name_bytes) == 0;
}

const struct sl_function *
sl_function_find(const uint8_t *name, size_t name_bytes)
{
    for (size_t i = 0; i < SL_FN_COUNT; i++)
        if ((functions[i].flags & SL_FN_OPERATOR) == 0 &&
            is_name(functions[i].name, name, name_bytes))
            return &functions[i];
    for (size_t i = 0; i < SL_COUNTOF(aliases); i++)
        if (is_name(aliases[i].name, name, name_bytes))
            return &functions[aliases[i].id];
    return NULL;
}

void
sl_function_suggest(struct sl_nearest *nearest)
{
    for (size_t i = 0; i < SL_FN_COUNT; i++)
        if ((functions[i].flags & SL_FN_OPERATOR) == 0)
            sl_nearest_offer(nearest, functions[i].name);
}

sl_status
sl_function_apply(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
                  struct sl_value *out)
{
    *out = (struct sl_value){.type = call->type.type, .scale = call->type.scale};
    if ((call->function->flags & SL_FN_STRICT) != 0) {
        for (uint32_t i = 0; i < call->arg_count; i++) {
            if (args[i].is_null) {
                out->is_null = true;
                return SL_OK;
            }
        }
    }
    return call->function->row(eval, call, args, out);
}
