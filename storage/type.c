/*
 * type.c - see type.h.
 */
#include "storage/type.h"

const char *
sl_type_name(enum sl_type type)
{
    switch (type) {
#define X(name, number, bytes, text) \
    case SL_TYPE_##name:             \
        return text;
        SL_TYPE_LIST(X)
#undef X
    case SL_TYPE_COUNT:
        break;
    }
    return "?";
}
