/*
 * system_variable.c - see system_variable.h.
 */
#include "query/system_variable.h"

#include "query/lex.h"

static const struct sl_system_variable variables[] = {
#define SL_SYSTEM(name, kind, value, rule) {name, SL_SYSTEM_##kind, value, SL_SYSTEM_##rule},
#include "query/system_variable.def"
#undef SL_SYSTEM
};

const struct sl_system_variable *
sl_system_variable_find(struct sl_slice name)
{
    for (size_t i = 0; i < SL_COUNTOF(variables); i++)
        if (sl_slice_is(name, variables[i].name))
            return &variables[i];
    return NULL;
}

const struct sl_system_variable *
sl_system_variable_at(uint32_t index)
{
    return index < SL_COUNTOF(variables) ? &variables[index] : NULL;
}

struct sl_value
sl_system_variable_value(const struct sl_system_variable *variable)
{
    struct sl_value value = {.type = SL_TYPE_TEXT};
    uint64_t number = 0;
    if (variable->kind == SL_SYSTEM_TEXT) {
        value.as.slice = (struct sl_slice){.bytes = (const uint8_t *)variable->text,
                                           .size_bytes = (uint32_t)strlen(variable->text)};
        return value;
    }
    for (const char *digit = variable->text; *digit != '\0'; digit++)
        number = number * 10 + (uint64_t)(*digit - '0');
    value.type = variable->kind == SL_SYSTEM_NUMBER ? SL_TYPE_U64 : SL_TYPE_I64;
    value.as.u64 = number;
    return value;
}

const struct sl_value *
sl_session_find(const struct sl_session *session, const char *sign, struct sl_slice name)
{
    size_t sign_bytes = strlen(sign);
    for (uint32_t i = 0; i < session->variable_count; i++) {
        const char *own = session->variables[i].name;
        if (strspn(own, "@") == sign_bytes && sl_slice_is(name, own + sign_bytes))
            return &session->variables[i].value;
    }
    return NULL;
}

bool
sl_is_charset(struct sl_slice name)
{
    static const char *const known[] = {"utf8mb4", "utf8mb3", "utf8", "latin1", "ascii", "binary"};
    for (size_t i = 0; i < SL_COUNTOF(known); i++)
        if (sl_slice_is(name, known[i]))
            return true;
    return false;
}
