/*
 * users_fuzz.c - the file of users: whatever lies there is refused, or is a list in order.
 */
#include "server/auth/user_file.h"
#include "storage/base/hash.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
    struct sl_user_list list = {0};
    /* The hash is put right, so that what lies behind it is reached. */
    uint8_t *copy = sl_new(size_bytes + 8);
    if (size_bytes != 0)
        memcpy(copy, bytes, size_bytes);
    uint64_t hash = sl_hash64(copy, size_bytes);
    for (int i = 0; i < 8; i++)
        copy[size_bytes + (size_t)i] = (uint8_t)(hash >> i * 8);
    if (sl_user_file_decode(copy, size_bytes + 8, &list, NULL) == SL_OK)
        for (uint32_t i = 1; i < list.count; i++)
            SL_ASSERT(strcmp(list.users[i - 1].name, list.users[i].name) < 0);
    sl_user_list_drop(&list);
    (void)!sl_user_file_decode(bytes, size_bytes, &list, NULL);
    sl_user_list_drop(&list);
    free(copy);
    return 0;
}
