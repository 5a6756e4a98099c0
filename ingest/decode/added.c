/*
 * added.c - see added.h.
 */
#include "ingest/decode/added.h"

#include <stdio.h>

void
sl_added_name(const struct sl_element *element, bool is_reverse,
              char name[SL_COLUMN_NAME_BYTES_MAX + 1])
{
    char own[SL_COLUMN_NAME_BYTES_MAX + 1];
    sl_element_own_column(element, own);
    /* Own names are at most 52 characters (element_test.c): the prefix fits. */
    (void)snprintf(name, SL_COLUMN_NAME_BYTES_MAX + 1, "%s%.52s", is_reverse ? "reverse_" : "",
                   own);
}

static bool
is_missing(const struct sl_schema *schema, const struct sl_element *element, bool is_reverse)
{
    char name[SL_COLUMN_NAME_BYTES_MAX + 1];
    sl_added_name(element, is_reverse, name);
    return sl_schema_find(schema, name, strlen(name)) == NULL;
}

void
sl_added_init(struct sl_added *added, struct sl_schema *schema)
{
    *added = (struct sl_added){.schema = schema};
    const struct sl_element *element = NULL;
    for (uint32_t i = 0; (element = sl_element_at(i)) != NULL; i++) {
        added->reserved_count += is_missing(schema, element, false);
        /* RFC 5103 reverses the elements of IANA. */
        added->reserved_count += element->pen == 0 && is_missing(schema, element, true);
    }
}

void
sl_added_fini(struct sl_added *added)
{
    free(added->by);
}

/* The count of this address, entered when it is new. */
static uint32_t *
count_of(struct sl_added *added, struct sl_addr addr)
{
    for (uint32_t i = 0; i < added->by_count; i++)
        if (sl_addr_equal(added->by[i].addr, addr))
            return &added->by[i].count;
    added->by = sl_grow(added->by, sizeof(*added->by), added->by_count + 1U);
    added->by[added->by_count] = (struct sl_added_by){.addr = addr};
    return &added->by[added->by_count++].count;
}

const struct sl_column *
sl_added_get(struct sl_added *added, struct sl_addr addr, const char *name, enum sl_type type,
             enum sl_name_source source)
{
    const struct sl_column *column = sl_schema_find(added->schema, name, strlen(name));
    if (column != NULL)
        return column->type == type ? column : NULL;
    if (source == SL_NAME_OF_ELEMENT) {
        if (sl_schema_add(added->schema, name, type, SL_UNIT_NONE, &column, NULL) != SL_OK)
            return NULL;
        /* Somebody else may have added and the count be too high: that errs to the safe side. */
        added->reserved_count -= added->reserved_count != 0;
        return column;
    }
    if (sl_schema_count(added->schema) + added->reserved_count >= SL_COLUMNS_MAX)
        return NULL;
    uint32_t *count = count_of(added, addr);
    if (*count == SL_COLUMNS_PER_ADDRESS_MAX ||
        sl_schema_add(added->schema, name, type, SL_UNIT_NONE, &column, NULL) != SL_OK)
        return NULL;
    *count += 1;
    return column;
}
