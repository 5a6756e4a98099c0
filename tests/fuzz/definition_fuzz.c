/*
 * definition_fuzz.c - any bytes as a stored definition; the columns of a table are walked.
 */
#include "query/define.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
    struct sl_definition definition;
    struct sl_slice name, type;
    uint32_t at = 0, total = 0;

    if (!sl_definition_read(bytes, size_bytes, &definition))
        return 0;
    SL_ASSERT((size_t)definition.database.size_bytes + definition.name.size_bytes +
                  definition.text.size_bytes <
              size_bytes);
    while (sl_definition_column(&definition, &at, &name, &type))
        total += name.size_bytes + type.size_bytes + 2;
    SL_ASSERT(total == at && at <= definition.text.size_bytes);
    return 0;
}
