/*
 * catalog_fuzz.c - the proof of LMDB's pages, and the decoder of records, over any bytes.
 */
#include "storage/catalog_pages.h"
#include "storage/catalog_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
    struct sl_catalog_record record;
    sl_status pages = sl_catalog_pages_prove(bytes, size_bytes, NULL);
    sl_status decoded = sl_catalog_record_decode(bytes, size_bytes, &record, NULL);
    SL_ASSERT(pages != SL_OK || decoded != SL_OK); /* no bytes are both */
    return 0;
}
