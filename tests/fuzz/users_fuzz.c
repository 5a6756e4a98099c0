/*
 * users_fuzz.c - the file of users: whatever lies there is refused, or is a list in order.
 */
#include "server/users.h"
#include "storage/base/hash.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
    struct sl_user *list = NULL;
    uint32_t count = 0;
    /* The hash is put right, so that what lies behind it is reached. */
    uint8_t *copy = sl_new(size_bytes + 8);
    if (size_bytes != 0)
        memcpy(copy, bytes, size_bytes);
    uint64_t hash = sl_hash64(copy, size_bytes);
    for (int i = 0; i < 8; i++)
        copy[size_bytes + (size_t)i] = (uint8_t)(hash >> i * 8);
    if (sl_users_decode(copy, size_bytes + 8, &list, &count, NULL) == SL_OK)
        for (uint32_t i = 1; i < count; i++)
            SL_ASSERT(strcmp(list[i - 1].name, list[i].name) < 0);
    free(list);
    list = NULL;
    (void)!sl_users_decode(bytes, size_bytes, &list, &count, NULL);
    free(list);
    free(copy);
    return 0;
}
